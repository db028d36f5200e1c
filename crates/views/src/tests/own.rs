//! What accounts are shown of themselves, against a slow twin that keeps everything and works every word and
//! every answer out from that.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AccountId, Amount, AnswerBody, AssetId, Assets, Balance, Cadence, CloseReason, Event,
    EventBody, Fill, Filled, Instrument, InstrumentId, Label, Liquidity, Minimum, Movement,
    MovementKind, OrderId, OrderKey, OrderState, OrderStory, OwnMovement, OwnOrder, OwnOrderUpdate,
    OwnOrders, OwnRecord, OwnRecords, OwnStep, OwnTrade, OwnTrades, Purpose, Quantity, Query,
    RecordKey, Sequence, Side, Sort, Span, Standing, Time, Topic, TopicKind, TradeId, Update,
    Which,
};

use super::flow::Flow;
use super::images::again;
use super::{HERE, SECOND, TENTH, event, order};
use crate::account::{Accounts, ENDED_FOR, ENDED_MAX, TRADES_MAX};
use crate::board::{Board, Place};

const SEEDS: u64 = 200;
const COMMANDS: usize = 200;
const QUOTE: AssetId = AssetId(1);

pub fn assets() -> Assets {
    let instrument = |id| Instrument {
        id: InstrumentId(id),
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    Assets::of(&(0..=HERE.0).map(instrument).collect::<Vec<_>>())
}

/// An update in words, with the topic it was told to.
fn word(topic: &Topic, update: &Update<'_>) -> String {
    match update {
        Update::OwnOrder(update) => format!("{topic:?} {update:?}"),
        Update::OwnTrade(trade) => format!("{topic:?} {trade:?}"),
        Update::SelfTrade(trade) | Update::Trade(trade) => format!("{topic:?} {trade:?}"),
        Update::Movement(movement) => format!("{topic:?} {movement:?}"),
        Update::Balance(balance) => format!("{topic:?} {balance:?}"),
        Update::Holdings(balances) => format!("{topic:?} {balances:?}"),
        other => panic!("nobody's own: {other:?}"),
    }
}

/// The same, told of an account in the instrument and wherever it trades.
fn both(account: AccountId, kind: TopicKind, update: &Update<'_>) -> [String; 2] {
    [Topic::own(account, HERE, kind), Topic::all_own(account, kind)].map(|it| word(&it, update))
}

/// Everything that ever happened.
#[derive(Default)]
struct Slow {
    log: Vec<Event>,
    labels: Vec<(Sequence, Label)>,
    /// When each cadence spoke last, and how much had happened by then.
    spoke: BTreeMap<Cadence, (Time, usize)>,
}

impl Slow {
    /// What was told of an account since it was followed.
    fn seen(&self, account: AccountId) -> Option<&[Event]> {
        let told =
            |event: &Event| matches!(event.body, EventBody::Balance(it) if it.account == account);
        self.log.iter().position(told).map(|from| &self.log[from..])
    }

    /// What an order was called when it was accepted, if that was seen.
    fn label(&self, order: &OrderState) -> Option<Label> {
        let accepted = |event: &&Event| match &event.body {
            EventBody::Created(state) | EventBody::Armed(state) => state.id == order.id,
            EventBody::Replaced { new, .. } => new.id == order.id,
            _ => false,
        };
        let accepted = self.seen(order.account)?.iter().find(accepted)?;
        let is_first = self.log.iter().find(|event| {
            event.cause == accepted.cause
                && matches!(
                    event.body,
                    EventBody::Created(_) | EventBody::Armed(_) | EventBody::Replaced { .. }
                )
        });
        if is_first != Some(accepted) {
            return None;
        }
        let named = self.labels.iter().find(|(command, _)| *command == accepted.cause);
        named.map(|(_, label)| label.clone())
    }

    fn told(&mut self, event: &Event, places: &[Place]) -> Vec<String> {
        self.log.push(event.clone());
        let mut words = Vec::new();
        let mut step = |slow: &Self, order: &OrderState, step| {
            let Some(place) = places.iter().find(|place| place.order == order.id) else { return };
            if slow.seen(order.account).is_some() {
                let own = slow.order(order.account, order.id).expect("it took a step");
                let update = OwnOrderUpdate {
                    time: event.time,
                    account: order.account,
                    instrument: HERE,
                    order: *order,
                    label: slow.label(order),
                    step,
                    standing: own.standing,
                    woken: own.woken,
                    filled: own.filled,
                    created: own.created,
                    replaced: match step {
                        OwnStep::Replaces(old) => slow.order(order.account, old.id).map(Box::new),
                        _ => None,
                    },
                    purpose: Purpose::Any,
                    mark: place.mark,
                    previous: place.previous,
                };
                let update = Update::OwnOrder(&update);
                words.extend(both(order.account, TopicKind::OwnOrders, &update));
            }
        };
        match &event.body {
            EventBody::Created(order) => step(self, order, OwnStep::Created),
            EventBody::Armed(order) => step(self, order, OwnStep::Armed),
            EventBody::Triggered(order) => step(self, order, OwnStep::Triggered),
            EventBody::Replaced { old, new, .. } => step(self, new, OwnStep::Replaces(*old)),
            EventBody::Closed { order, reason } => {
                let was_created = self.log.iter().any(|event| match &event.body {
                    EventBody::Created(state) => state.id == order.id,
                    EventBody::Replaced { new, .. } => new.id == order.id,
                    _ => false,
                });
                let closed = OwnStep::Closed(*reason);
                step(self, order, if was_created { closed } else { OwnStep::Disarmed(*reason) });
            }
            EventBody::Filled(fill) => {
                let (trade, price, quantity) = (fill.id, fill.price, fill.quantity);
                let filled = |liquidity| OwnStep::Filled { trade, price, quantity, liquidity };
                let owners = BTreeSet::from([fill.maker.account, fill.taker.account]);
                let mut owners: Vec<AccountId> =
                    owners.into_iter().filter(|owner| self.seen(*owner).is_some()).collect();
                owners.sort_by_key(|owner| *owner != fill.maker.account);
                for owner in owners {
                    let topic = Topic::own(owner, HERE, TopicKind::Trades);
                    words.push(word(&topic, &Update::Trade(&fill.trade(event.time))));
                }
                let mut parts = Vec::new();
                for part in self.parts(event, fill) {
                    let one = [&fill.maker, &fill.taker].map(|order| order.id == part.order);
                    let order = if one[0] { &fill.maker } else { &fill.taker };
                    parts.push((part, *order));
                }
                if fill.maker.account == fill.taker.account && !parts.is_empty() {
                    let (account, trade) = (fill.maker.account, fill.trade(event.time));
                    let update = Update::SelfTrade(&trade);
                    words.extend(both(account, TopicKind::SelfTrades, &update));
                }
                for (part, order) in parts {
                    if part.self_trade.is_none() {
                        let update = Update::OwnTrade(&part);
                        words.extend(both(order.account, TopicKind::OwnTrades, &update));
                    }
                    let place = places.iter().find(|place| place.order == order.id);
                    let place = place.expect("a fill is two steps");
                    let own = self.order(order.account, order.id).expect("it was filled");
                    let update = OwnOrderUpdate {
                        time: event.time,
                        account: order.account,
                        instrument: HERE,
                        order,
                        label: part.label,
                        step: filled(part.liquidity),
                        standing: own.standing,
                        woken: own.woken,
                        filled: own.filled,
                        created: own.created,
                        replaced: None,
                        purpose: Purpose::Any,
                        mark: place.mark,
                        previous: place.previous,
                    };
                    let update = Update::OwnOrder(&update);
                    words.extend(both(order.account, TopicKind::OwnOrders, &update));
                }
            }
            EventBody::Balance(balance) => {
                let topic = Topic::all_own(balance.account, TopicKind::Balances);
                words.push(word(&topic, &Update::Balance(balance)));
            }
            EventBody::Deposited(it) | EventBody::Withdrawn(it) => {
                words.extend(self.movement(it.account, 0));
            }
            EventBody::Transferred { from, to } => {
                // Who sends to himself is told twice: first that it left, then that it came.
                let is_own = usize::from(from.account == *to);
                words.extend(self.movement(from.account, is_own));
                words.extend(self.movement(*to, 0));
            }
            EventBody::Ticked(tick) => words.extend(self.holdings(*tick, event.time)),
            _ => {}
        }
        words
    }

    /// What an account is told of its last movement, or one so many before.
    fn movement(&self, account: AccountId, before: usize) -> Option<String> {
        self.seen(account)?;
        let records = self.records(account);
        let OwnRecord::Movement(movement) = &records[records.len() - 1 - before] else {
            panic!("it moved just now");
        };
        let topic = Topic::all_own(account, TopicKind::Movements);
        Some(word(&topic, &Update::Movement(movement)))
    }

    /// What a tick tells of balances.
    fn holdings(&mut self, tick: Cadence, now: Time) -> Vec<String> {
        let mut words = Vec::new();
        for cadence in [TENTH, Cadence::THREE_TENTHS, SECOND] {
            let former = self.spoke.get(&cadence).copied();
            let is_new = former.is_none_or(|(it, _)| it.0 / cadence.0.0 != now.0 / cadence.0.0);
            if cadence != tick && (tick != TENTH || !is_new) {
                continue;
            }
            self.spoke.insert(cadence, (now, self.log.len()));
            let mut accounts: Vec<AccountId> = Vec::new();
            for event in &self.log[former.map_or(0, |(_, length)| length)..] {
                if let EventBody::Balance(balance) = &event.body
                    && !accounts.contains(&balance.account)
                {
                    accounts.push(balance.account);
                }
            }
            for account in accounts {
                let topic = Topic::all_own(account, TopicKind::Holdings { cadence });
                words.push(word(&topic, &Update::Holdings(&self.balances(account))));
            }
        }
        words
    }

    /// What an account was told last of each asset, in the order of the assets.
    fn balances(&self, account: AccountId) -> Vec<Balance> {
        let mut balances: Vec<Balance> = Vec::new();
        for event in self.seen(account).unwrap_or_default() {
            let EventBody::Balance(balance) = event.body else { continue };
            if balance.account == account {
                balances.retain(|known| known.asset != balance.asset);
                balances.push(balance);
            }
        }
        balances.sort_by_key(|balance| balance.asset);
        balances
    }

    /// The parts of followed accounts in a fill.
    fn parts(&self, event: &Event, fill: &Fill) -> Vec<OwnTrade> {
        let of = |own: &OrderState, other: &OrderState, fee, liquidity| {
            self.seen(own.account).map(|_| OwnTrade {
                id: fill.id,
                time: event.time,
                instrument: HERE,
                order: own.id,
                label: self.label(own),
                side: own.side,
                price: fill.price,
                quantity: fill.quantity,
                fee,
                fee_asset: QUOTE,
                liquidity,
                maker: fill.maker.id,
                taker: fill.taker.id,
                self_trade: (own.account == other.account).then_some(other.id),
                position: None,
                is_liquidation: false,
            })
        };
        let maker = of(&fill.maker, &fill.taker, fill.maker_fee, Liquidity::Maker);
        let taker = of(&fill.taker, &fill.maker, fill.taker_fee, Liquidity::Taker);
        maker.into_iter().chain(taker).collect()
    }

    fn trades(&self, account: AccountId) -> Vec<OwnTrade> {
        let only = |record| match record {
            OwnRecord::Trade(trade) => Some(trade),
            OwnRecord::Movement(_) => None,
        };
        self.records(account).into_iter().filter_map(only).collect()
    }

    fn records(&self, account: AccountId) -> Vec<OwnRecord> {
        let mut records = Vec::new();
        for event in self.seen(account).unwrap_or_default() {
            let moved = |sign: i128, movement: &Movement, kind| {
                OwnRecord::Movement(OwnMovement {
                    sequence: event.sequence,
                    time: event.time,
                    asset: movement.asset,
                    amount: Amount(sign * movement.amount.0),
                    kind,
                })
            };
            match &event.body {
                EventBody::Filled(fill) => {
                    let is_own = |part: &OwnTrade| {
                        let is_maker = part.liquidity == Liquidity::Maker;
                        let own = if is_maker { fill.maker } else { fill.taker };
                        own.account == account
                    };
                    let parts = self.parts(event, fill).into_iter().filter(is_own);
                    records.extend(parts.map(OwnRecord::Trade));
                }
                EventBody::Deposited(it) if it.account == account => {
                    records.push(moved(1, it, MovementKind::Deposit));
                }
                EventBody::Withdrawn(it) if it.account == account => {
                    records.push(moved(-1, it, MovementKind::Withdrawal));
                }
                EventBody::Transferred { from, to } => {
                    if from.account == account {
                        records.push(moved(-1, from, MovementKind::Transfer(*to)));
                    }
                    if *to == account {
                        records.push(moved(1, from, MovementKind::Transfer(from.account)));
                    }
                }
                _ => {}
            }
        }
        records
    }

    /// How an order stands after all that was seen.
    fn order(&self, account: AccountId, id: OrderId) -> Option<OwnOrder> {
        let mut own: Option<OwnOrder> = None;
        let mut filled = Filled::default();
        for event in self.seen(account)? {
            let mut replaces = None;
            let (state, standing) = match &event.body {
                EventBody::Created(order) => (*order, Standing::Open),
                EventBody::Armed(order) => (*order, Standing::Armed),
                EventBody::Triggered(order) => (*order, Standing::Triggered),
                EventBody::Replaced { old, new, .. } if new.id == id => {
                    replaces = Some(old.id);
                    (*new, Standing::Open)
                }
                EventBody::Replaced { old, new, .. } => {
                    // Of an order that was never seen its end is not seen either.
                    if own.is_none() {
                        continue;
                    }
                    (*old, Standing::Replaced(new.id))
                }
                EventBody::Closed { order, reason } => (*order, Standing::Closed(*reason)),
                EventBody::Filled(fill) => {
                    let is_maker = fill.maker.id == id;
                    let order = if is_maker { fill.maker } else { fill.taker };
                    if order.id == id && order.account == account {
                        filled.quantity += fill.quantity;
                        filled.turnover += i128::from(fill.price.0) * i128::from(fill.quantity.0);
                        filled.fee += if is_maker { fill.maker_fee } else { fill.taker_fee };
                    }
                    let is_filled = order.remaining == Quantity::ZERO;
                    (order, if is_filled { Standing::Filled } else { Standing::Open })
                }
                _ => continue,
            };
            if state.id != id || state.account != account {
                continue;
            }
            match &mut own {
                Some(own) => {
                    (own.order, own.standing, own.changed) = (state, standing, event.time);
                }
                None => {
                    own = Some(OwnOrder {
                        instrument: HERE,
                        order: state,
                        label: self.label(&state),
                        standing,
                        woken: false,
                        filled,
                        created: event.time,
                        changed: event.time,
                        replaces,
                        purpose: Purpose::Any,
                    });
                }
            }
        }
        if let Some(own) = &mut own {
            own.filled = filled;
            own.woken = own.order.trigger.is_some() && self.was_woken(id);
        }
        own
    }

    /// Whether a stop order was woken, or took the place of one that was.
    fn was_woken(&self, id: OrderId) -> bool {
        self.log.iter().any(|event| match &event.body {
            EventBody::Triggered(order) => order.id == id,
            EventBody::Replaced { new, .. } => new.id == id,
            _ => false,
        })
    }

    fn ids(&self) -> BTreeSet<OrderId> {
        let of = |event: &Event| match &event.body {
            EventBody::Created(it) | EventBody::Armed(it) | EventBody::Triggered(it) => vec![it.id],
            EventBody::Closed { order, .. } => vec![order.id],
            EventBody::Replaced { new, .. } => vec![new.id],
            EventBody::Filled(fill) => vec![fill.maker.id, fill.taker.id],
            _ => Vec::new(),
        };
        self.log.iter().flat_map(of).collect()
    }

    fn answer(&self, query: &Query) -> AnswerBody {
        let account = query.account().expect("all of them are about one");
        if self.seen(account).is_none() {
            return AnswerBody::Unavailable;
        }
        let mut all = self.ids().into_iter().filter_map(|id| self.order(account, id));
        match query {
            Query::Balances { .. } => AnswerBody::Balances(self.balances(account)),
            Query::OpenOrders { instrument, .. } => AnswerBody::OpenOrders(
                all.filter(|own| own.standing.is_open() && instrument.is_none_or(|it| it == HERE))
                    .collect(),
            ),
            Query::OwnOrders(which) => {
                let mut orders: Vec<OwnOrder> = all
                    .filter(|own| match which.which {
                        Which::All => true,
                        Which::Open => own.standing.is_open(),
                        Which::Ended => !own.standing.is_open(),
                    })
                    .filter(|own| {
                        which.instrument.is_none_or(|it| it == HERE)
                            && which.among.as_ref().is_none_or(|all| all.contains(&HERE))
                            && which.side.is_none_or(|it| it == own.order.side)
                            && which.since.is_none_or(|it| own.created >= it)
                            && which.until.is_none_or(|it| own.created <= it)
                            && which.label.as_ref().is_none_or(|it| own.label.as_ref() == Some(it))
                    })
                    .collect();
                if which.sort == Sort::NewestFirst {
                    orders.reverse();
                }
                let total = orders.len();
                let orders = orders.into_iter().skip(which.offset).take(which.limit).collect();
                AnswerBody::OwnOrders { orders, total }
            }
            Query::Order { key, .. } => {
                let found = match key {
                    OrderKey::Id(id) => self.order(account, *id),
                    OrderKey::Label(label) => all.rfind(|own| own.label.as_ref() == Some(label)),
                };
                AnswerBody::Order(found.map(|order| {
                    let mut trades = self.trades(account);
                    trades.retain(|trade| trade.order == order.order.id);
                    Box::new(OrderStory { order, trades })
                }))
            }
            Query::OwnTrades(which) => {
                let mut trades = self.trades(account);
                trades.retain(|trade| {
                    which.instrument.is_none_or(|it| it == HERE)
                        && which.among.as_ref().is_none_or(|all| all.contains(&HERE))
                        && which.since.is_none_or(|since| trade.time >= since)
                        && which.until.is_none_or(|until| trade.time <= until)
                        && which.since_id.is_none_or(|since| trade.id >= since)
                        && which.until_id.is_none_or(|until| trade.id <= until)
                        && which.side.is_none_or(|it| it == trade.side)
                        && which.maker.is_none_or(|it| it == trade.maker)
                        && which.taker.is_none_or(|it| it == trade.taker)
                });
                if which.sort == Sort::NewestFirst {
                    trades.reverse();
                }
                AnswerBody::OwnTrades(
                    trades.into_iter().skip(which.offset).take(which.limit).collect(),
                )
            }
            Query::OwnRecords(which) => {
                let mut records = self.records(account);
                let begin = which.from.map(|key| {
                    records.iter().position(|record| match (record, key) {
                        (OwnRecord::Trade(trade), RecordKey::Trade(id)) => trade.id >= id,
                        (OwnRecord::Movement(moved), RecordKey::Movement(sequence)) => {
                            moved.sequence >= sequence
                        }
                        _ => false,
                    })
                });
                records.drain(..begin.unwrap_or(Some(0)).unwrap_or(records.len()));
                records.retain(|record| {
                    let (time, here) = match record {
                        OwnRecord::Trade(trade) => (trade.time, Some(HERE)),
                        OwnRecord::Movement(moved) => (moved.time, None),
                    };
                    which.instrument.is_none_or(|it| Some(it) == here)
                        && (here.is_none()
                            || which.among.as_ref().is_none_or(|all| all.contains(&HERE)))
                        && which.since.is_none_or(|since| time >= since)
                        && which.until.is_none_or(|until| time <= until)
                });
                if which.sort == Sort::NewestFirst {
                    records.reverse();
                }
                AnswerBody::OwnRecords(
                    records.into_iter().skip(which.offset).take(which.limit).collect(),
                )
            }
            other => panic!("nobody's own: {other:?}"),
        }
    }
}

pub fn questions(flow: &mut Flow, ids: &[OrderId]) -> Vec<Query> {
    let dice = &mut flow.dice;
    let account = AccountId(dice.below(5) as u32);
    let somewhere = [None, Some(HERE), Some(InstrumentId(0))][dice.below(3) as usize];
    let mut questions =
        vec![Query::Balances { account }, Query::OpenOrders { account, instrument: somewhere }];
    let some_order = |dice: &mut super::flow::Dice| {
        (dice.chance(15) && !ids.is_empty()).then(|| ids[dice.below(ids.len() as i64) as usize])
    };
    if !ids.is_empty() {
        let id = ids[dice.below(ids.len() as i64) as usize];
        questions.push(Query::Order { account, key: OrderKey::Id(id) });
    }
    let label: Label = format!("label {}", dice.below(20)).into();
    questions.push(Query::Order { account, key: OrderKey::Label(label) });
    let back = |dice: &mut super::flow::Dice, now: Time| {
        dice.chance(40).then(|| now - Span::micros(dice.below(100_000_000)))
    };
    let some_side = |dice: &mut super::flow::Dice| {
        dice.chance(30).then(|| if dice.chance(50) { Side::Buy } else { Side::Sell })
    };
    let among = [None, Some(vec![HERE]), Some(vec![InstrumentId(0)])];
    let mut among = || among[flow.dice.below(3) as usize].clone();
    let (among_orders, among_trades) = (among(), among());
    questions.push(Query::OwnOrders(OwnOrders {
        account,
        instrument: somewhere,
        among: among_orders,
        side: some_side(&mut flow.dice),
        since: back(&mut flow.dice, flow.now),
        until: back(&mut flow.dice, flow.now),
        label: flow.dice.chance(30).then(|| format!("label {}", flow.dice.below(20)).into()),
        which: [Which::All, Which::Open, Which::Ended][flow.dice.below(3) as usize],
        sort: if flow.dice.chance(50) { Sort::NewestFirst } else { Sort::OldestFirst },
        offset: flow.dice.below(4) as usize,
        limit: flow.dice.below(10) as usize,
    }));
    questions.push(Query::OwnTrades(OwnTrades {
        side: some_side(&mut flow.dice),
        maker: some_order(&mut flow.dice),
        taker: some_order(&mut flow.dice),
        account,
        instrument: somewhere,
        among: among_trades,
        since: back(&mut flow.dice, flow.now),
        until: back(&mut flow.dice, flow.now),
        since_id: flow
            .dice
            .chance(30)
            .then(|| TradeId(100_000_000 + flow.dice.below(60).unsigned_abs())),
        until_id: flow
            .dice
            .chance(30)
            .then(|| TradeId(100_000_000 + flow.dice.below(60).unsigned_abs())),
        sort: if flow.dice.chance(50) { Sort::NewestFirst } else { Sort::OldestFirst },
        offset: flow.dice.below(4) as usize,
        limit: flow.dice.below(10) as usize,
    }));
    let from = match flow.dice.below(4) {
        0 => Some(RecordKey::Trade(TradeId(100_000_000 + flow.dice.below(60).unsigned_abs()))),
        1 => Some(RecordKey::Movement(Sequence(flow.dice.below(60).unsigned_abs()))),
        _ => None,
    };
    questions.push(Query::OwnRecords(OwnRecords {
        account,
        instrument: somewhere,
        among: [None, Some(vec![HERE]), Some(vec![InstrumentId(0)])][flow.dice.below(3) as usize]
            .clone(),
        since: back(&mut flow.dice, flow.now),
        until: back(&mut flow.dice, flow.now),
        from,
        sort: if flow.dice.chance(50) { Sort::NewestFirst } else { Sort::OldestFirst },
        offset: flow.dice.below(4) as usize,
        limit: flow.dice.below(10) as usize,
    }));
    questions
}

#[test]
fn accounts_and_their_slow_twin_tell_and_answer_the_same() {
    let (mut told, mut followed_late) = (0, 0);
    for seed in 0..SEEDS {
        let mut moved = 0;
        let start = Time::from_civil(2026, 11, 22);
        let mut flow = Flow::new(seed, start);
        let mut board = Board::new(HERE, start);
        let mut accounts = Accounts::new(assets());
        let mut slow = Slow::default();
        for command in 0..COMMANDS {
            let mut events: Vec<_> = flow.command().collect();
            let cause = events.first().map(|event| event.cause);
            if let Some(cause) = cause.filter(|_| flow.dice.chance(40)) {
                let label: Label = format!("label {}", flow.dice.below(20)).into();
                accounts.label(cause, label.clone());
                slow.labels.push((cause, label));
            }
            if flow.dice.chance(10) {
                // The fourth account never gets anything; the third begins late.
                let account =
                    AccountId(1 + flow.dice.below(if command > 100 { 3 } else { 2 }) as u32);
                followed_late += u32::from(account.0 == 3);
                events.push(event(
                    flow.now.0,
                    EventBody::Balance(Balance {
                        account,
                        asset: AssetId(flow.dice.below(2) as u16),
                        available: Amount(i128::from(flow.dice.below(1_000))),
                        held: Amount(i128::from(flow.dice.below(1_000)) << 64),
                    }),
                ));
            }
            if flow.dice.chance(20) {
                moved += 1;
                let mut somebody = || AccountId(1 + flow.dice.below(4) as u32);
                let (account, to) = (somebody(), somebody());
                let asset = AssetId(flow.dice.below(2) as u16);
                let amount = Amount(i128::from(1 + flow.dice.below(1_000)));
                let movement = Movement { account, asset, amount };
                let body = match flow.dice.below(3) {
                    0 => EventBody::Deposited(movement),
                    1 => EventBody::Withdrawn(movement),
                    _ => EventBody::Transferred { from: movement, to },
                };
                events.push(Event { sequence: Sequence(moved), ..event(flow.now.0, body) });
            }
            for event in &events {
                board.apply(event, &mut |_, _| {});
                let places = board.places().to_vec();
                let mut words = Vec::new();
                accounts.apply(event, &places, &mut |topic, update| {
                    words.push(word(topic, update));
                });
                told += words.len();
                assert_eq!(
                    words,
                    slow.told(event, &places),
                    "seed {seed}, command {command}, {event:?}"
                );
            }
            if flow.dice.chance(5) {
                // Nobody can tell accounts that were read back from those that never stopped.
                accounts = again(&accounts, assets());
            }
            if flow.dice.chance(15) {
                let ids: Vec<OrderId> = slow.ids().into_iter().collect();
                for query in questions(&mut flow, &ids) {
                    assert_eq!(
                        accounts.answer(&query, flow.now),
                        slow.answer(&query),
                        "seed {seed}, command {command}, {query:?}"
                    );
                }
            }
        }
    }
    assert!(told > 10_000 && followed_late > 100, "{told} words, {followed_late} balances");
}

fn balance(account: u32) -> Event {
    event(
        0,
        EventBody::Balance(Balance {
            account: AccountId(account),
            asset: AssetId(0),
            available: Amount(1),
            held: Amount::ZERO,
        }),
    )
}

fn apply(accounts: &mut Accounts, event: &Event) {
    accounts.apply(event, &[], &mut |_, _| {});
}

#[test]
fn ended_orders_are_remembered_so_many_and_so_long() {
    let mut accounts = Accounts::new(assets());
    apply(&mut accounts, &balance(7));
    let close = |accounts: &mut Accounts, id, at: i64| {
        apply(accounts, &event(at, EventBody::Created(order(id, Side::Buy, 100, 10))));
        let order = order(id, Side::Buy, 100, 10);
        let reason = CloseReason::Canceled;
        apply(accounts, &event(at, EventBody::Closed { order, reason }));
    };
    let known = |accounts: &Accounts, id, now| {
        let query = Query::Order { account: AccountId(7), key: OrderKey::Id(OrderId(id)) };
        matches!(accounts.answer(&query, Time(now)), AnswerBody::Order(Some(_)))
    };
    let many = ENDED_MAX as u64;
    (1..=many).for_each(|id| close(&mut accounts, id, 0));
    assert!(known(&accounts, 1, ENDED_FOR.0));
    assert!(!known(&accounts, 1, ENDED_FOR.0 + 1), "too long ago, though nothing happened since");
    close(&mut accounts, many + 1, 5);
    assert!(!known(&accounts, 1, 5) && known(&accounts, 2, 5));
    close(&mut accounts, many + 2, ENDED_FOR.0 + 5);
    assert!(!known(&accounts, many, 5) && known(&accounts, many + 1, 5));
}

#[test]
fn trades_are_remembered_so_many() {
    let mut accounts = Accounts::new(assets());
    apply(&mut accounts, &balance(7));
    let many = TRADES_MAX as u64 + 10;
    for id in 1..=many {
        let (mut maker, mut taker) = (order(1, Side::Sell, 100, 10), order(2, Side::Buy, 100, 10));
        maker.account = AccountId(8);
        taker.id = OrderId(2 + id % 3);
        let (price, quantity) = (model::Price(100), Quantity(1));
        let fees = (Amount(1), Amount(2));
        let fill = Fill {
            id: TradeId(id),
            price,
            quantity,
            maker,
            taker,
            maker_fee: fees.0,
            taker_fee: fees.1,
        };
        apply(&mut accounts, &event(0, EventBody::Filled(fill)));
    }
    let account = AccountId(7);
    let query = Query::Order { account, key: OrderKey::Id(OrderId(3)) };
    let AnswerBody::Order(Some(story)) = accounts.answer(&query, Time(0)) else { panic!("gone") };
    let expected: Vec<u64> = (11..=many).filter(|id| id % 3 == 1).collect();
    assert_eq!(story.trades.iter().map(|trade| trade.id.0).collect::<Vec<_>>(), expected);
}
