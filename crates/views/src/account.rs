//! What accounts are shown of themselves: balances, orders with their labels, trades with their fees.
//!
//! Events go in, updates come out, questions are answered from the same state. An account is kept from the moment
//! a balance of it is told ([`EventBody::Balance`]), which the engine does for those that are followed; for all
//! others nothing is kept and nothing told, so that a crowd costs a look-up. What the state is does not depend on
//! who listens. This is no ledger: what an account holds is what it is told it holds.
//!
//! Open orders are all kept. Of those that have ended [`ENDED_MAX`] of each account are, and none that ended
//! longer than [`ENDED_FOR`] ago; of the trades the last [`TRADES_MAX`], of what else came and left the last
//! [`MOVEMENTS_MAX`], of the steps that its orders took the last [`STEPS_MAX`]; of positions in perpetuals all that are
//! open and the last [`POSITIONS_MAX`] that ended, of what was settled the last [`SETTLEMENTS_MAX`], of alerts the last
//! [`ALERTS_MAX`].
//!
//! A trade in a perpetual is told before the position that it changes. It waits until that is told, so that its owner
//! hears of both together; and what is exchanged as funding waits for the mark at which it was. What is settled is held back until
//! it is known what the insurance fund pays of it, which comes right behind.
//!
//! What happens in an instrument is told twice: to the account in that instrument and to the account wherever it
//! trades, where the steps of all its orders stand in the order in which they happened. Balances are told of the
//! account as a whole: each at once, after what changed it, and all of them at ticks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{
    AccountId, Amount, AnswerBody, AssetId, Assets, Balance, Cadence, Event, EventBody, Fill,
    InstrumentId, Label, Liquidity, MovementKind, OrderState, OwnMovement, OwnOrderUpdate,
    OwnSettlement, OwnStep, OwnTrade, Purpose, Quantity, Query, Sequence, Span, Time, Topic,
    TopicKind, Trade, Update,
};

use crate::board::Place;
use crate::cadence::speaks;
use crate::digest::Digest;

mod own;
mod perpetual;
mod positions;

mod image;

use own::Own;
use perpetual::{Held, Waiting};
use positions::Part;

/// Ended orders that are kept of each account; the oldest go first.
pub const ENDED_MAX: usize = 10_000;
/// How long an ended order is kept.
pub const ENDED_FOR: Span = Span::seconds(30 * 86_400);
/// Trades that are kept of each account; the oldest go first.
pub const TRADES_MAX: usize = 65_536;

/// Deposits, withdrawals and transfers that are kept of each account; the oldest go first.
pub const MOVEMENTS_MAX: usize = 10_000;

/// Positions that have ended that are kept of each account; the oldest go first.
pub const POSITIONS_MAX: usize = 1_000;

/// Settlements that are kept of each account; the oldest go first.
pub const SETTLEMENTS_MAX: usize = 10_000;

/// Alerts about margins that are kept of each account; the oldest go first.
pub const ALERTS_MAX: usize = 1_000;

/// Trades whose positions are told in the same command; of more the first are told without.
const WAITING_MAX: usize = 1_024;

/// Steps of its orders, in all instruments, that are kept of each account; the oldest go first.
pub const STEPS_MAX: usize = 10_000;

/// The cadences at which all balances of an account are told.
const HOLDINGS: [Cadence; 3] = [Cadence::TENTH, Cadence::THREE_TENTHS, Cadence::SECOND];

/// Takes what is told, with the one topic that it belongs to.
pub type TellOwn<'a> = &'a mut dyn FnMut(&Topic, &Update<'_>);

/// What all accounts that are followed are shown.
#[derive(Debug, Default)]
pub struct Accounts {
    assets: Assets,
    all: BTreeMap<AccountId, Own>,
    /// Labels of orders that were submitted and not told yet, by command.
    labels: VecDeque<(Sequence, Label)>,
    holdings: [Holdings; HOLDINGS.len()],
    /// The perpetuals, as far as they have told anything.
    perpetuals: BTreeSet<InstrumentId>,
    /// What is known of the order that is created next, and whose that is.
    purpose: Option<(AccountId, Purpose)>,
    /// Trades that have not been told, the oldest first, and the command that they are of.
    waiting: VecDeque<Waiting>,
    waiting_of: Sequence,
    /// Funding that has not been told, and what was settled since.
    unpriced: Vec<OwnSettlement>,
    /// The last settlement, until it is known what the insurance fund pays of it.
    held: Option<Held>,
    /// What the insurance fund paid of the fee of a position that is told next.
    insured_opening: Option<(AccountId, Amount)>,
}

/// Which accounts have balances that one cadence has not told of.
#[derive(Debug, Default)]
struct Holdings {
    /// In the order in which they changed.
    untold: Vec<AccountId>,
    /// When it spoke last.
    former: Option<Time>,
}

impl Accounts {
    /// Nobody yet, in a market with these assets; trades of instruments that are not among theirs are left out.
    #[must_use]
    pub const fn new(assets: Assets) -> Self {
        Self {
            assets,
            all: BTreeMap::new(),
            labels: VecDeque::new(),
            holdings: [const { Holdings { untold: Vec::new(), former: None } }; HOLDINGS.len()],
            perpetuals: BTreeSet::new(),
            purpose: None,
            waiting: VecDeque::new(),
            waiting_of: Sequence(0),
            unpriced: Vec::new(),
            held: None,
            insured_opening: None,
        }
    }

    /// The assets of its market.
    #[must_use]
    pub const fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The order that this command places, or puts in another's place, is called so by its owner. To be said
    /// before its events are applied; commands come in order.
    pub fn label(&mut self, command: Sequence, label: Label) {
        self.labels.push_back((command, label));
    }

    /// Takes in the next event, and tells what it means for the accounts that it concerns. `places` are those of
    /// its steps in the chains of its instrument ([`Board::places`](crate::Board::places)).
    pub fn apply(&mut self, event: &Event, places: &[Place], tell: TellOwn<'_>) {
        if !self.waiting.is_empty() && event.cause != self.waiting_of {
            self.tell_waiting(tell);
        }
        self.tell_held(event, tell);
        match &event.body {
            EventBody::Balance(balance) => self.balance(event.time, balance, tell),
            EventBody::Ticked(tick) => self.ticked(*tick, event.time, tell),
            EventBody::Created(order) => {
                let label = self.label_of(event);
                self.step(event, order, OwnStep::Created, label, places, tell);
            }
            EventBody::Armed(order) => {
                let label = self.label_of(event);
                self.step(event, order, OwnStep::Armed, label, places, tell);
            }
            EventBody::Triggered(order) => {
                self.step(event, order, OwnStep::Triggered, None, places, tell);
            }
            EventBody::Replaced { old, new, .. } => {
                let label = self.label_of(event);
                self.step(event, new, OwnStep::Replaces(*old), label, places, tell);
            }
            EventBody::Closed { order, reason } => {
                let outside = places.iter().any(|place| !place.is_public);
                let step = match outside {
                    true => OwnStep::Disarmed(*reason),
                    false => OwnStep::Closed(*reason),
                };
                self.step(event, order, step, None, places, tell);
            }
            EventBody::Filled(fill) => self.filled(event, fill, places, tell),
            EventBody::Deposited(it) => {
                self.moved(event, it.account, it.asset, it.amount, MovementKind::Deposit, tell);
            }
            EventBody::Withdrawn(it) => {
                let lost = Amount::ZERO - it.amount;
                self.moved(event, it.account, it.asset, lost, MovementKind::Withdrawal, tell);
            }
            EventBody::Transferred { from: it, to } => {
                let (lost, back) = (Amount::ZERO - it.amount, MovementKind::Transfer(it.account));
                self.moved(event, it.account, it.asset, lost, MovementKind::Transfer(*to), tell);
                self.moved(event, *to, it.asset, it.amount, back, tell);
            }
            EventBody::Rested(_)
            | EventBody::Rejected(_)
            | EventBody::StatusChanged(_)
            | EventBody::BookSnapshot(_)
            | EventBody::BookDelta(_)
            | EventBody::Printed(_) => {}
            EventBody::Perpetual(happened) => self.in_perpetual(event, happened, tell),
        }
    }

    fn balance(&mut self, now: Time, balance: &Balance, tell: TellOwn<'_>) {
        let own = self.all.entry(balance.account).or_insert_with(|| Own::new(now));
        own.set_balance(*balance);
        for (place, holdings) in self.holdings.iter_mut().enumerate() {
            if own.untold & (1 << place) == 0 {
                own.untold |= 1 << place;
                holdings.untold.push(balance.account);
            }
        }
        tell(&Topic::all_own(balance.account, TopicKind::Balances), &Update::Balance(balance));
    }

    fn ticked(&mut self, tick: Cadence, now: Time, tell: TellOwn<'_>) {
        for (place, (holdings, cadence)) in self.holdings.iter_mut().zip(HOLDINGS).enumerate() {
            if !speaks(cadence, tick, holdings.former, now) {
                continue;
            }
            holdings.former = Some(now);
            for account in holdings.untold.drain(..) {
                let Some(own) = self.all.get_mut(&account) else { continue };
                own.untold &= !(1 << place);
                let topic = Topic::all_own(account, TopicKind::Holdings { cadence });
                tell(&topic, &Update::Holdings(own.balances()));
            }
        }
    }

    /// The label of the order that this event tells of first. It is given to the first order that its command
    /// accepted, not to others that this one woke.
    fn label_of(&mut self, event: &Event) -> Option<Label> {
        while self.labels.front().is_some_and(|(command, _)| *command < event.cause) {
            self.labels.pop_front();
        }
        let (command, _) = self.labels.front()?;
        if *command != event.cause {
            return None;
        }
        self.labels.pop_front().map(|(_, label)| label)
    }

    fn step(
        &mut self,
        event: &Event,
        order: &OrderState,
        step: OwnStep,
        label: Option<Label>,
        places: &[Place],
        tell: TellOwn<'_>,
    ) {
        let purpose = self.purpose_of(order, step);
        let Some(own) = self.all.get_mut(&order.account) else { return };
        own.step(event.time, event.instrument, order, step, label, purpose);
        if let Some(update) = update_of(event, own, order, step, places) {
            tell_step(&update, tell);
            own.keep_step(update);
        }
    }

    /// Whoever is told of its order's end has been told of the trade that ended it.
    fn filled(&mut self, event: &Event, fill: &Fill, places: &[Place], tell: TellOwn<'_>) {
        let Some(fee_asset) = self.assets.fee_asset(event.instrument) else { return };
        let waits = self.perpetuals.contains(&event.instrument);
        let trade = fill.trade(event.time);
        let mut last = None;
        for account in [fill.maker.account, fill.taker.account] {
            if last.replace(account) != Some(account) && self.all.contains_key(&account) {
                let topic = Topic::own(account, event.instrument, TopicKind::Trades);
                tell(&topic, &Update::Trade(&trade));
            }
        }
        if fill.is_self_trade() {
            let account = fill.maker.account;
            if self.all.contains_key(&account) {
                let update = Update::SelfTrade(&trade);
                tell_both(account, event.instrument, TopicKind::SelfTrades, &update, tell);
            }
        }
        for liquidity in [Liquidity::Maker, Liquidity::Taker] {
            let order = match liquidity {
                Liquidity::Maker => &fill.maker,
                Liquidity::Taker => &fill.taker,
            };
            let Some(own) = self.all.get_mut(&order.account) else { continue };
            let part = part_of(event.instrument, fill, &trade, liquidity, fee_asset);
            let (trade, price, quantity) = (fill.id, fill.price, fill.quantity);
            let step = OwnStep::Filled { trade, price, quantity, liquidity };
            own.step(event.time, event.instrument, order, step, None, Purpose::Any);
            let part = own.traded(part);
            let (is_told, fee) = (part.self_trade.is_none(), part.fee);
            if is_told && !waits {
                let update = Update::OwnTrade(part);
                tell_both(order.account, event.instrument, TopicKind::OwnTrades, &update, tell);
            }
            let number = own.last_trade();
            let Some(update) = update_of(event, own, order, step, places) else { continue };
            own.keep_step(update.clone());
            if !waits {
                tell_step(&update, tell);
                continue;
            }
            self.waiting_of = event.cause;
            self.waiting.push_back(Waiting {
                account: order.account,
                instrument: event.instrument,
                number,
                part: Part { price, quantity, closed: Quantity::ZERO, fee },
                is_told,
                update,
            });
            if self.waiting.len() > WAITING_MAX {
                self.tell_at(0, None, tell);
            }
        }
    }

    /// An amount came to this account, or left it.
    fn moved(
        &mut self,
        event: &Event,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        kind: MovementKind,
        tell: TellOwn<'_>,
    ) {
        let Some(own) = self.all.get_mut(&account) else { return };
        let (sequence, time) = (event.sequence, event.time);
        let movement = OwnMovement { sequence, time, asset, amount, kind };
        own.moved(movement);
        tell(&Topic::all_own(account, TopicKind::Movements), &Update::Movement(&movement));
    }

    /// Whether anything of this account is kept.
    #[must_use]
    pub fn follows(&self, account: AccountId) -> bool {
        self.all.contains_key(&account)
    }

    /// Answers a question about an account.
    #[must_use]
    pub fn answer(&self, query: &Query, now: Time) -> AnswerBody {
        if let Query::Accounts { limit } = *query {
            return AnswerBody::Accounts(self.all.keys().copied().take(limit).collect());
        }
        let own = query.account().and_then(|account| self.all.get(&account));
        let Some(own) = own else { return AnswerBody::Unavailable };
        match query {
            Query::Balances { .. } => AnswerBody::Balances(own.balances().to_vec()),
            Query::OpenOrders { instrument, .. } => {
                AnswerBody::OpenOrders(own.open_orders(*instrument))
            }
            Query::OwnOrders(which) => {
                let (orders, total) = own.orders(which, now);
                AnswerBody::OwnOrders { orders, total }
            }
            Query::Order { key, .. } => AnswerBody::Order(own.story(key, now).map(Box::new)),
            Query::OwnTrades(which) => AnswerBody::OwnTrades(own.trades(which)),
            Query::OwnRecords(which) => AnswerBody::OwnRecords(own.records(which)),
            Query::Positions(which) => AnswerBody::Positions(
                own.positions().map_or_else(Vec::new, |it| it.positions(which)),
            ),
            Query::MarginChoices { .. } => AnswerBody::MarginChoices(
                own.positions().map_or_else(Vec::new, positions::Positions::choices),
            ),
            Query::Settlements(which) => AnswerBody::Settlements(
                own.positions().map_or_else(Vec::new, |it| it.settlements(which)),
            ),
            Query::MarginAlerts { among, limit, .. } => AnswerBody::MarginAlerts(
                own.positions().map_or_else(Vec::new, |it| it.alerts(among.as_deref(), *limit)),
            ),
            Query::OwnSteps { instrument, outside, stretch, .. } => {
                let (steps, is_cut) = own.steps(*instrument, *outside, stretch);
                AnswerBody::OwnSteps { steps, is_cut }
            }
            _ => AnswerBody::Unavailable,
        }
    }

    /// A digest of all state that can be shown: equal wherever the same events were taken in.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        for (account, own) in &self.all {
            digest.word(u64::from(account.0));
            own.digest(&mut digest);
        }
        digest.finish()
    }
}

/// Tells an account in its instrument, and wherever it trades.
fn tell_both(
    account: AccountId,
    instrument: InstrumentId,
    kind: TopicKind,
    update: &Update<'_>,
    tell: TellOwn<'_>,
) {
    tell(&Topic::own(account, instrument, kind), update);
    tell(&Topic::all_own(account, kind), update);
}

/// Tells the owner of an order of its step.
fn tell_step(update: &OwnOrderUpdate, tell: TellOwn<'_>) {
    let told = Update::OwnOrder(update);
    tell_both(update.account, update.instrument, TopicKind::OwnOrders, &told, tell);
}

/// What the owner of an order is told of its step.
fn update_of(
    event: &Event,
    own: &Own,
    order: &OrderState,
    step: OwnStep,
    places: &[Place],
) -> Option<OwnOrderUpdate> {
    let place = places.iter().find(|place| place.order == order.id)?;
    let replaced = match step {
        OwnStep::Replaces(old) => own.order(old.id).cloned().map(Box::new),
        _ => None,
    };
    let known = own.order(order.id)?;
    Some(OwnOrderUpdate {
        time: event.time,
        account: order.account,
        instrument: event.instrument,
        order: *order,
        label: known.label.clone(),
        step,
        standing: known.standing,
        woken: known.woken,
        filled: known.filled,
        created: known.created,
        replaced,
        purpose: known.purpose,
        mark: place.mark,
        previous: place.previous,
    })
}

/// One order's part in a trade; its label is not known here.
fn part_of(
    instrument: InstrumentId,
    fill: &Fill,
    trade: &Trade,
    liquidity: Liquidity,
    fee_asset: AssetId,
) -> OwnTrade {
    let (own, other, fee) = match liquidity {
        Liquidity::Maker => (&fill.maker, &fill.taker, fill.maker_fee),
        Liquidity::Taker => (&fill.taker, &fill.maker, fill.taker_fee),
    };
    OwnTrade {
        id: trade.id,
        time: trade.time,
        instrument,
        order: own.id,
        label: None,
        side: own.side,
        price: trade.price,
        quantity: trade.quantity,
        fee,
        fee_asset,
        liquidity,
        maker: fill.maker.id,
        taker: fill.taker.id,
        self_trade: fill.is_self_trade().then_some(other.id),
        position: None,
        is_liquidation: false,
    }
}
