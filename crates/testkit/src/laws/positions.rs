//! The law *positions*: what accounts are told of their positions is what the engine has, and adds up to their money.
//!
//! Reckless speculators trade in perpetuals and beside them. What the views say of each position, open or ended, is worked
//! out again from the whole log: how much was opened and closed and at which prices, what was earned and paid. All that
//! positions earned, with what came, went and was traded on spot markets, is what each purse holds. Halfway the views go
//! on as ones that were read back from their image.

use std::collections::BTreeMap;

use engine::Engine;
use model::image::Reader;
use model::{
    AccountId, Action, Amount, AnswerBody, AssetId, Command, Dealt, Earned, Event, EventBody,
    InstrumentId, OwnAlert, OwnPosition, OwnPositions, OwnSettlement, OwnSettlements, OwnTrade,
    OwnTrades, Payoff, PerpetualEvent, PositionId, PositionState, Price, Quantity, Query, Sequence,
    SettledBy, SettlementKind, Side, Sort, Time, Topic, TopicKind, Update, Valuation,
};
use views::{Accounts, Board};

use crate::leveraged::Leveraged;

/// Commands of one market.
const COMMANDS: usize = 1_000;
/// So many positions that have ended are remembered.
const ENDED_MAX: usize = 1_000;
/// Once in so many all is compared.
const COMPARE_EVERY: usize = 100;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Positions, each at each time.
    pub positions: usize,
    /// Of these, ended ones.
    pub ended: usize,
    /// Settlements, each once.
    pub settlements: usize,
    /// Of these, funding.
    pub funding: usize,
    /// Of these, what was drawn.
    pub draws: usize,
    /// Settlements of which the insurance fund paid.
    pub insured: usize,
    /// Trades in perpetuals.
    pub trades: usize,
    /// Of these, such as liquidated somebody.
    pub liquidations: usize,
    /// Alerts.
    pub alerts: usize,
    /// Rates of funding.
    pub rates: usize,
}

impl Figures {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.positions += other.positions;
        self.ended += other.ended;
        self.settlements += other.settlements;
        self.funding += other.funding;
        self.draws += other.draws;
        self.insured += other.insured;
        self.trades += other.trades;
        self.liquidations += other.liquidations;
        self.alerts += other.alerts;
        self.rates += other.rates;
    }
}

/// Runs the market of a seed and compares.
///
/// # Panics
/// If the law is broken; the message names the seed.
#[must_use]
pub fn check(seed: u64) -> Figures {
    let mut flow = Leveraged::new(seed);
    let mut world = World::new(&flow);
    let start = Time(1_795_305_599_000_000);
    for (at, account) in flow.accounts().enumerate() {
        let action = Action::Follow(account);
        world.apply(&Command { sequence: Sequence(at as u64), time: start, action });
    }
    let mut figures = Figures::default();
    for number in 1..=COMMANDS {
        let mut command = flow.next_command();
        command.sequence = Sequence(command.sequence.0 + 100);
        let events = world.apply(&command);
        flow.hear(&events);
        if number == COMMANDS / 2 {
            world.read_back(seed);
        }
        if number % COMPARE_EVERY == 0 {
            world.compare(seed, &mut figures);
        }
    }
    world.count(seed, &mut figures);
    figures
}

struct World {
    engine: Engine,
    boards: Vec<Board>,
    accounts: Accounts,
    valuations: BTreeMap<InstrumentId, Valuation>,
    all: Vec<AccountId>,
    now: Time,
    log: Vec<Event>,
    /// What was told on the topics of accounts as a whole.
    settlements: Vec<OwnSettlement>,
    alerts: Vec<OwnAlert>,
    trades: Vec<(AccountId, OwnTrade)>,
}

/// What a position must be, worked out from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Worked {
    instrument: Option<InstrumentId>,
    opened: Dealt,
    closed: Dealt,
    earned: Earned,
    /// Of the fees those that are no settlement's.
    opening_fees: Amount,
}

/// What the insurance fund paid for an account.
struct Insured {
    account: AccountId,
    position: PositionId,
    /// Of which settlement; otherwise of the fee of what was opened.
    settlement: Option<Sequence>,
    amount: Amount,
}

impl World {
    fn new(flow: &Leveraged) -> Self {
        let engine = Engine::with_contracts(&flow.instruments, &flow.contracts, flow.rules);
        let start = Time(0);
        let valuations = flow.contracts.iter().map(|contract| {
            let instrument = &flow.instruments[contract.instrument.index()];
            let value = Valuation::of(contract, instrument, engine.assets());
            (contract.instrument, value.expect("the engine took it"))
        });
        Self {
            valuations: valuations.collect(),
            boards: flow.instruments.iter().map(|it| Board::new(it.id, start)).collect(),
            accounts: Accounts::new(engine.assets().clone().paid_by(&flow.contracts)),
            engine,
            all: flow.accounts().collect(),
            now: start,
            log: Vec::new(),
            settlements: Vec::new(),
            alerts: Vec::new(),
            trades: Vec::new(),
        }
    }

    fn apply(&mut self, command: &Command) -> Vec<Event> {
        let mut events = Vec::new();
        self.engine.apply(command, &mut events);
        self.now = command.time;
        for event in &mut events {
            event.sequence = Sequence(self.log.len() as u64 + 1);
            self.log.push(event.clone());
            for board in &mut self.boards {
                board.apply(event, &mut |_, _| {});
            }
            let board = self.boards.get(event.instrument.index());
            let places = board.map(Board::places).unwrap_or_default();
            let (settlements, alerts) = (&mut self.settlements, &mut self.alerts);
            let trades = &mut self.trades;
            self.accounts.apply(event, places, &mut |topic: &Topic, update| match *update {
                Update::Settlement(told) => {
                    assert_eq!(*topic, Topic::all_own(told.account, TopicKind::Settlements));
                    settlements.push(*told);
                }
                Update::Alert(told) => {
                    let account = told.alert.account;
                    assert_eq!(*topic, Topic::all_own(account, TopicKind::MarginAlerts));
                    alerts.push(*told);
                }
                Update::OwnTrade(told) if topic.instrument().is_none() => {
                    trades.push((topic.account().expect("somebody's"), told.clone()));
                }
                _ => {}
            });
        }
        events
    }

    /// The views go on from their image.
    fn read_back(&mut self, seed: u64) {
        let mut bytes = Vec::new();
        self.accounts.save(&mut bytes);
        let mut reader = Reader::new(&bytes);
        let loaded = Accounts::load(self.accounts.assets().clone(), &mut reader);
        let loaded = loaded.expect("what was written can be read");
        assert_eq!(loaded.digest(), self.accounts.digest(), "seed {seed}");
        self.accounts = loaded;
        for board in &mut self.boards {
            let mut bytes = Vec::new();
            board.save(&mut bytes);
            let loaded = Board::load(board.instrument(), &mut Reader::new(&bytes));
            let loaded = loaded.expect("what was written can be read");
            assert_eq!(loaded.digest(), board.digest(), "seed {seed}");
            *board = loaded;
        }
    }

    fn positions(&self, account: AccountId) -> Vec<OwnPosition> {
        match self.accounts.answer(&Query::Positions(OwnPositions::of(account)), self.now) {
            AnswerBody::Positions(all) => all,
            other => panic!("positions are answered with {other:?}"),
        }
    }

    /// What the fund paid, by what the engine says right before and behind it.
    fn insured(&self) -> Vec<Insured> {
        // What was settled last of each account, and of a draw the instrument whose position is told behind it.
        let mut last = BTreeMap::new();
        let (mut all, mut opening) = (Vec::new(), None);
        for event in &self.log {
            let EventBody::Perpetual(happened) = &event.body else { continue };
            match *happened {
                PerpetualEvent::Settled(it) => {
                    let drawn = (it.by == SettledBy::Draw).then_some(event.instrument);
                    last.insert(it.account, (event.sequence, it.position, drawn));
                }
                PerpetualEvent::Funded { position, account, .. } => {
                    last.insert(account, (event.sequence, position, None));
                }
                PerpetualEvent::Position(PositionState { account, id: position, .. }) => {
                    if let Some((whose, amount)) = opening.take() {
                        assert_eq!(whose, account, "what was opened is told next");
                        all.push(Insured { account, position, settlement: None, amount });
                    }
                    match last.get_mut(&account) {
                        Some((_, _, drawn)) if *drawn == Some(event.instrument) => *drawn = None,
                        _ => drop(last.remove(&account)),
                    }
                }
                PerpetualEvent::Insured { account, amount, .. } if amount > Amount::ZERO => {
                    match last.get(&account) {
                        Some(&(settlement, position, _)) => {
                            let settlement = Some(settlement);
                            all.push(Insured { account, position, settlement, amount });
                        }
                        None => opening = Some((account, amount)),
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// What each position must be, by account.
    fn worked(&self) -> BTreeMap<(AccountId, PositionId), Worked> {
        let mut all: BTreeMap<(AccountId, PositionId), Worked> = BTreeMap::new();
        let mut held: BTreeMap<(AccountId, InstrumentId), (PositionId, i64)> = BTreeMap::new();
        // The last trade of each account that no position was told of: price, and what it paid.
        let mut dealt: BTreeMap<AccountId, Vec<(Price, Amount)>> = BTreeMap::new();
        for event in &self.log {
            let EventBody::Perpetual(happened) = &event.body else {
                if let EventBody::Filled(fill) = &event.body
                    && self.valuations.contains_key(&event.instrument)
                {
                    let maker = (fill.price, fill.maker_fee);
                    dealt.entry(fill.maker.account).or_default().push(maker);
                    let taker = (fill.price, fill.taker_fee);
                    dealt.entry(fill.taker.account).or_default().push(taker);
                }
                continue;
            };
            match *happened {
                PerpetualEvent::Settled(it) => {
                    let earned = &mut all.entry((it.account, it.position)).or_default().earned;
                    earned.profit += it.profit;
                    earned.fees += it.fee;
                    earned.liquidation_fees += it.liquidation_fee;
                }
                PerpetualEvent::Funded { position, account, amount, .. } => {
                    all.entry((account, position)).or_default().earned.funding += amount;
                }
                PerpetualEvent::Deleveraged { account, against, price, .. } => {
                    for account in [account, against] {
                        dealt.entry(account).or_default().push((price, Amount::ZERO));
                    }
                }
                PerpetualEvent::Position(state) => {
                    let key = (state.account, event.instrument);
                    let before = held.insert(key, (state.id, state.size));
                    let (old, size) = before.unwrap_or((state.id, 0));
                    if size == state.size && old == state.id {
                        continue;
                    }
                    let waits = dealt.get_mut(&state.account).expect("something was traded");
                    let (price, fee) = waits.remove(0);
                    let turns = old != state.id && size != 0;
                    let shrinks = state.size.abs() < size.abs() && !turns;
                    let closed = if turns {
                        size.abs()
                    } else if shrinks {
                        size.abs() - state.size.abs()
                    } else {
                        0
                    };
                    let opened = match (turns, shrinks) {
                        (true, _) => state.size.abs(),
                        (false, true) => 0,
                        (false, false) => state.size.abs() - size.abs(),
                    };
                    let deal = |into: &mut Dealt, lots: i64| {
                        into.quantity += Quantity(lots);
                        into.turnover += i128::from(price.0) * i128::from(lots);
                    };
                    deal(&mut all.entry((state.account, old)).or_default().closed, closed);
                    let its = all.entry((state.account, state.id)).or_default();
                    its.instrument = Some(event.instrument);
                    deal(&mut its.opened, opened);
                    if closed == 0 {
                        its.earned.fees += fee;
                        its.opening_fees += fee;
                    }
                }
                _ => {}
            }
        }
        for it in self.insured() {
            all.entry((it.account, it.position)).or_default().earned.insured += it.amount;
        }
        all
    }

    fn compare(&mut self, seed: u64, figures: &mut Figures) {
        let worked = self.worked();
        let mut earned: BTreeMap<(AccountId, AssetId), i128> = BTreeMap::new();
        for &account in &self.all {
            for own in self.positions(account) {
                figures.positions += 1;
                figures.ended += usize::from(!own.is_open());
                let Worked { opened, closed, earned: money, .. } = worked[&(account, own.state.id)];
                let place = format!("seed {seed}, position {} of {account}", own.state.id);
                assert_eq!(
                    (own.opened, own.closed, own.earned),
                    (opened, closed, money),
                    "{place}"
                );
                if own.is_open() {
                    let engine = self.engine.position(account, own.instrument);
                    assert_eq!(engine, Some(own.state), "{place}");
                    assert_eq!((own.opened.quantity - own.closed.quantity).0, own.state.size.abs());
                } else {
                    assert_eq!(own.opened.quantity, own.closed.quantity, "{place}");
                    assert_eq!(own.entry, 0, "{place}: nothing is left of what was opened");
                }
                let asset = self.valuations[&own.instrument].margin;
                let total = money.profit - money.fees - money.liquidation_fees;
                *earned.entry((account, asset)).or_default() +=
                    (total + money.funding + money.insured).0;
            }
            for choice in self.choices(account) {
                let engine = self.engine.position(account, choice.instrument).expect("it chose");
                assert_eq!((engine.mode, engine.leverage), (choice.mode, choice.leverage));
            }
        }
        let mut settled: BTreeMap<(AccountId, AssetId), i128> = BTreeMap::new();
        for it in &self.settlements {
            let asset = self.valuations[&it.instrument].margin;
            *settled.entry((it.account, asset)).or_default() += it.total().0;
        }
        for it in self.insured().iter().filter(|it| it.settlement.is_none()) {
            let opened = worked[&(it.account, it.position)].instrument.expect("it was opened");
            let asset = self.valuations[&opened].margin;
            *settled.entry((it.account, asset)).or_default() += it.amount.0;
        }
        for ((account, _), its) in worked.iter().filter(|(_, its)| its.opening_fees != Amount::ZERO)
        {
            let asset = self.valuations[&its.instrument.expect("it was opened")].margin;
            *settled.entry((*account, asset)).or_default() -= its.opening_fees.0;
        }
        for asset in self.engine.assets().all() {
            for &account in &self.all {
                let balance = self.engine.balance(account, asset.id);
                let came = self.came(account, asset.id);
                let earned = earned.get(&(account, asset.id)).copied().unwrap_or(0);
                let settled = settled.get(&(account, asset.id)).copied().unwrap_or(0);
                let place = format!("seed {seed}: {} of {account}", asset.code);
                assert_eq!((balance.available + balance.held).0, came + settled, "{place}");
                // Where so many have ended that the first are forgotten, positions add up to less.
                if self.positions(account).len() < ENDED_MAX {
                    assert_eq!(settled, earned, "{place}: settlements and positions");
                }
            }
        }
        for board in &self.boards {
            let instrument = board.instrument();
            let marks = self.engine.marks(instrument);
            let AnswerBody::Perpetual(state) =
                board.answer(&Query::Perpetual { instrument }, self.now)
            else {
                assert_eq!(marks, None, "seed {seed}: a perpetual that is not shown");
                continue;
            };
            assert_eq!(Some(state.marks), marks, "seed {seed}");
            let sizes = self.all.iter().filter_map(|&it| self.engine.position(it, instrument));
            let long: i64 = sizes.map(|it| it.size.max(0)).sum();
            assert_eq!(state.open_interest.0, long, "seed {seed}: open interest");
        }
    }

    /// What came to an account, and what it traded on spot markets.
    fn came(&self, account: AccountId, asset: AssetId) -> i128 {
        let mut sum = 0;
        let mine = |it: &model::Movement| (it.account, it.asset) == (account, asset);
        for event in &self.log {
            match &event.body {
                EventBody::Deposited(it) if mine(it) => sum += it.amount.0,
                EventBody::Withdrawn(it) if mine(it) => sum -= it.amount.0,
                EventBody::Transferred { from, to } if from.asset == asset => {
                    sum -= if from.account == account { from.amount.0 } else { 0 };
                    sum += if *to == account { from.amount.0 } else { 0 };
                }
                EventBody::Perpetual(PerpetualEvent::Insured {
                    account: whose,
                    asset: of,
                    amount,
                }) if (*whose, *of) == (account, asset) => {
                    // What the fund pays is part of what a position earned; this is what was paid into it.
                    sum += amount.0.min(0);
                }
                EventBody::Filled(fill) if !self.valuations.contains_key(&event.instrument) => {
                    let terms = self.engine.assets().settlement(event.instrument);
                    let terms = terms.expect("an instrument");
                    let base = terms.base(fill.quantity).0;
                    let quote = terms.quote(fill.price, fill.quantity).0;
                    for (order, fee) in
                        [(&fill.maker, fill.maker_fee), (&fill.taker, fill.taker_fee)]
                    {
                        if order.account != account {
                            continue;
                        }
                        let way = if order.side == Side::Buy { 1 } else { -1 };
                        sum += if terms.base == asset { way * base } else { 0 };
                        sum -= if terms.quote == asset { way * quote + fee.0 } else { 0 };
                    }
                }
                _ => {}
            }
        }
        sum
    }

    fn choices(&self, account: AccountId) -> Vec<model::MarginChoice> {
        match self.accounts.answer(&Query::MarginChoices { account }, self.now) {
            AnswerBody::MarginChoices(all) => all,
            other => panic!("choices are answered with {other:?}"),
        }
    }

    /// What happened once, and was told and kept so.
    fn count(&self, seed: u64, figures: &mut Figures) {
        self.count_settlements(seed, figures);
        self.count_trades(seed, figures);
        let alerts = self.log.iter().filter_map(|event| match event.body {
            EventBody::Perpetual(PerpetualEvent::Alerted(alert)) => {
                Some(OwnAlert { time: event.time, instrument: event.instrument, alert })
            }
            _ => None,
        });
        let alerts: Vec<OwnAlert> = alerts.collect();
        assert_eq!(self.alerts, alerts, "seed {seed}");
        figures.alerts += alerts.len();
        for &account in &self.all {
            for only in self.only() {
                let own = alerts.iter().rev().filter(|it| it.alert.account == account);
                let own = own.filter(|it| only.is_none_or(|only| only == it.instrument));
                let own: Vec<OwnAlert> = own.take(5).copied().collect();
                let among = only.map(|only| vec![only]);
                let query = Query::MarginAlerts { account, among, limit: 5 };
                let kept = self.accounts.answer(&query, self.now);
                assert_eq!(kept, AnswerBody::MarginAlerts(own), "seed {seed}");
                self.check_positions_among(seed, account, only);
            }
        }
        for board in &self.boards {
            let (instrument, since, until) = (board.instrument(), Time(0), Time(i64::MAX));
            let query = Query::FundingRates { instrument, since, until, limit: usize::MAX };
            let AnswerBody::FundingRates(rates) = board.answer(&query, self.now) else { continue };
            figures.rates += rates.len();
            // Whatever was exchanged is among them.
            for event in self.log.iter().filter(|event| event.instrument == instrument) {
                if let EventBody::Perpetual(PerpetualEvent::Funded { rate_ppm, .. }) = event.body {
                    let before = rates.iter().rev().find(|rate| rate.time <= event.time);
                    let last = before.expect("it was due");
                    assert_eq!(last.rate_ppm, rate_ppm, "seed {seed}: at {}", event.time.0);
                }
            }
        }
    }

    /// Each perpetual alone, and all of them.
    fn only(&self) -> Vec<Option<InstrumentId>> {
        let perpetuals = self.valuations.keys().map(|&instrument| Some(instrument));
        perpetuals.chain([None]).collect()
    }

    /// A page of positions in one perpetual has no fewer because of those in others.
    fn check_positions_among(&self, seed: u64, account: AccountId, only: Option<InstrumentId>) {
        let all = OwnPositions::of(account);
        let page =
            OwnPositions { among: only.map(|only| vec![only]), offset: 1, limit: 2, ..all.clone() };
        let answer = |which| match self.accounts.answer(&Query::Positions(which), self.now) {
            AnswerBody::Positions(positions) => positions,
            other => panic!("positions are answered with {other:?}"),
        };
        let here =
            answer(all).into_iter().filter(|it| only.is_none_or(|only| only == it.instrument));
        let here: Vec<OwnPosition> = here.skip(1).take(2).collect();
        assert_eq!(answer(page), here, "seed {seed}");
    }

    fn count_settlements(&self, seed: u64, figures: &mut Figures) {
        let mut told = self.settlements.iter();
        let mut marks = BTreeMap::new();
        for event in self.log.iter().rev() {
            // From the last on, so that the mark behind funding is known.
            if let EventBody::Perpetual(PerpetualEvent::Marked(state)) = event.body {
                marks.insert(event.instrument, state.mark);
            }
            let EventBody::Perpetual(PerpetualEvent::Funded { .. }) = event.body else { continue };
            let its = self.settlements.iter().find(|it| it.sequence == event.sequence);
            let its = its.expect("funding is told");
            assert_eq!(its.price, marks[&event.instrument], "seed {seed}");
        }
        let mut facts: Vec<(Sequence, AccountId, PositionId, i128, SettlementKind)> = Vec::new();
        for event in &self.log {
            let fact = match event.body {
                EventBody::Perpetual(PerpetualEvent::Settled(it)) => {
                    let total = it.profit - it.fee - it.liquidation_fee;
                    let kind = match it.by {
                        SettledBy::Trade => SettlementKind::Trade,
                        SettledBy::Liquidation => SettlementKind::Liquidation,
                        SettledBy::Deleveraging => SettlementKind::Deleveraging,
                        SettledBy::Draw => SettlementKind::Draw,
                    };
                    Some((event.sequence, it.account, it.position, total.0, kind))
                }
                EventBody::Perpetual(PerpetualEvent::Funded {
                    position, account, amount, ..
                }) => Some((event.sequence, account, position, amount.0, SettlementKind::Funding)),
                _ => None,
            };
            facts.extend(fact);
        }
        for it in self.insured() {
            figures.insured += 1;
            if let Some(settlement) = it.settlement {
                let of = facts.iter_mut().find(|fact| fact.0 == settlement);
                of.expect("it was settled").3 += it.amount.0;
            }
        }
        for fact in &facts {
            let it = told.next().expect("what was settled is told");
            let seen = (it.sequence, it.account, it.position, it.total().0, it.kind);
            assert_eq!(seen, *fact, "seed {seed}");
            figures.funding += usize::from(it.kind == SettlementKind::Funding);
            // What was closed had cost what it brought, less the profit.
            if it.kind.closes() {
                let worth = self.valuations[&it.instrument].worth(it.price, it.size);
                assert_eq!(it.cost.0, worth - it.profit.0, "seed {seed}: {it:?}");
            }
            // What was drawn of raised the cost of the position that is told behind it.
            if it.kind == SettlementKind::Draw {
                let behind = self.log.iter().filter(|event| event.sequence > it.sequence);
                let stood =
                    behind.filter(|event| event.instrument == it.instrument).find_map(|event| {
                        match event.body {
                            EventBody::Perpetual(PerpetualEvent::Position(state)) => {
                                (state.account == it.account).then_some(state)
                            }
                            _ => None,
                        }
                    });
                let state = stood.expect("its position is told");
                let drawn = (it.position, it.size, it.cost + it.profit, it.mode);
                assert_eq!(drawn, (state.id, state.size, state.cost, state.mode), "seed {seed}");
                assert!(it.size != 0, "seed {seed}: {it:?}");
                figures.draws += 1;
            }
        }
        assert!(told.next().is_none(), "seed {seed}: nothing else is told");
        figures.settlements += facts.len();
        for &account in &self.all {
            for only in self.only() {
                let which = OwnSettlements {
                    among: only.map(|only| vec![only]),
                    sort: Sort::OldestFirst,
                    limit: if only.is_some() { 3 } else { usize::MAX },
                    ..OwnSettlements::of(account)
                };
                let limit = which.limit;
                let kept = self.accounts.answer(&Query::Settlements(which), self.now);
                let own = self.settlements.iter().filter(|it| it.account == account);
                let own = own.filter(|it| only.is_none_or(|only| only == it.instrument));
                let own = own.take(limit).copied().collect();
                assert_eq!(kept, AnswerBody::Settlements(own), "seed {seed}");
            }
        }
    }

    /// Each trade is told once, with the position that was told right behind it.
    fn count_trades(&self, seed: u64, figures: &mut Figures) {
        let mut forced = Vec::new();
        let mut next = false;
        let mut told =
            self.trades.iter().filter(|(_, it)| self.valuations.contains_key(&it.instrument));
        for (at, event) in self.log.iter().enumerate() {
            match &event.body {
                EventBody::Perpetual(PerpetualEvent::Liquidating { .. }) => next = true,
                EventBody::Created(order) if next => {
                    forced.push(order.id);
                    next = false;
                }
                EventBody::Filled(fill)
                    if self.valuations.contains_key(&event.instrument) && !fill.is_self_trade() =>
                {
                    for order in [&fill.maker, &fill.taker] {
                        let (account, it) = told.next().expect("each trade is told");
                        let behind = self.log[at..].iter().filter_map(|it| match it.body {
                            EventBody::Perpetual(PerpetualEvent::Position(state))
                                if it.instrument == event.instrument =>
                            {
                                Some(state)
                            }
                            _ => None,
                        });
                        let state = behind.into_iter().find(|it| it.account == order.account);
                        let position = state.map(|state| state.id);
                        let seen = (*account, it.id, it.order, it.position);
                        assert_eq!(
                            seen,
                            (order.account, fill.id, order.id, position),
                            "seed {seed}"
                        );
                        assert_eq!(it.is_liquidation, forced.contains(&order.id), "seed {seed}");
                        let pays_in = self.valuations[&it.instrument].margin;
                        assert_eq!(it.fee_asset, pays_in, "seed {seed}");
                        figures.trades += 1;
                        figures.liquidations += usize::from(it.is_liquidation);
                    }
                }
                _ => {}
            }
        }
        assert!(told.next().is_none(), "seed {seed}: each trade is told once");
        for &account in &self.all {
            let which = OwnTrades { sort: Sort::OldestFirst, ..OwnTrades::of(account) };
            let AnswerBody::OwnTrades(kept) =
                self.accounts.answer(&Query::OwnTrades(which), self.now)
            else {
                panic!("trades are answered")
            };
            let is_linear = |it: &&OwnTrade| {
                let value = self.valuations.get(&it.instrument);
                value.is_some_and(|value| value.payoff == Payoff::Linear)
            };
            for it in kept.iter().filter(is_linear) {
                assert!(it.position.is_some(), "seed {seed}: a trade of no position: {it:?}");
            }
        }
    }
}
