//! The slow market: what the engine should do, written down as plainly as it can be said.
//!
//! Every open order is an entry of one list, and every question is answered by walking over it. Money is kept in
//! the same way: a list of balances, and beside each open order what is held for it. It shares no
//! code with the engine, only the words of `model` and the numbers of the rules; nothing here is clever, so that
//! it can be read against the rules by eye.

mod meeting;
mod money;
mod perpetual;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};

use self::meeting::{price_of, wakes};
use self::money::assets_of;
use self::perpetual::{Backed, Perpetuals, perpetual};
use engine::Rules;
use model::{
    AccountId, Action, Amount, AssetId, Balance, CloseReason, Command, Event, EventBody,
    Instrument, InstrumentId, Level, NewOrder, OrderId, OrderKind, OrderState, PerpetualRejection,
    Price, Quantity, Rejection, SelfTradePolicy, Sequence, Side, Status, Time, TimeInForce,
};

/// An open order.
#[derive(Clone, Debug)]
struct Open {
    instrument: InstrumentId,
    order: OrderState,
    /// `None` while it rests; while it is armed, whether a trade has reached its trigger.
    armed: Option<bool>,
    /// Among orders at one price the lowest goes first.
    place: u64,
    /// What is set aside for it.
    held: i128,
    /// The best trade that a trailing stop has seen since it was placed; of no use to others.
    best: Price,
    /// How it is backed, in a perpetual.
    backed: Backed,
}

/// What somebody has of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Possession {
    available: i128,
    held: i128,
}

/// An order on its way: accepted, told, and not yet resting or ended.
#[derive(Clone, Copy, Debug)]
struct Going {
    instrument: InstrumentId,
    order: OrderState,
    held: i128,
    backed: Backed,
}

/// The slow market.
#[derive(Clone, Debug)]
pub struct Market {
    rules: Rules,
    instruments: Vec<Instrument>,
    statuses: Vec<Status>,
    last_trades: Vec<Option<Price>>,
    policies: Vec<(AccountId, SelfTradePolicy)>,
    possessions: BTreeMap<(AccountId, AssetId), Possession>,
    followed: BTreeSet<AccountId>,
    /// What this command has touched, as it was before.
    before: BTreeMap<(AccountId, AssetId), Possession>,
    /// Deposits less withdrawals of each asset, of which there are as many.
    brought_in: Vec<i128>,
    open: Vec<Open>,
    now: Time,
    events: u64,
    orders: u64,
    trades: u64,
    places: u64,
    perpetuals: Perpetuals,
}

/// How one command is told.
struct Telling<'a> {
    cause: Sequence,
    out: &'a mut Vec<Event>,
}

impl Market {
    /// A market without orders.
    #[must_use]
    pub fn new(instruments: &[Instrument], rules: Rules) -> Self {
        Self {
            rules,
            instruments: instruments.to_vec(),
            statuses: vec![Status::Trading; instruments.len()],
            last_trades: vec![None; instruments.len()],
            policies: Vec::new(),
            possessions: BTreeMap::new(),
            followed: BTreeSet::new(),
            before: BTreeMap::new(),
            brought_in: vec![0; assets_of(instruments).len()],
            open: Vec::new(),
            now: Time(i64::MIN),
            events: 0,
            orders: 0,
            trades: 0,
            places: 0,
            perpetuals: Perpetuals::default(),
        }
    }

    /// Carries out one command and appends what happened.
    pub fn apply(&mut self, command: &Command, out: &mut Vec<Event>) {
        if command.time > self.now {
            self.now = command.time;
        }
        let mut telling = Telling { cause: command.sequence, out };
        self.expire(&mut telling);
        match command.action {
            Action::Place(new) if self.is_perpetual(new.instrument) => {
                self.place_in_perpetual(new, false, &mut telling);
            }
            Action::PlaceWorth { instrument, .. } | Action::Replace { instrument, .. }
                if self.is_perpetual(instrument) =>
            {
                let why = perpetual(PerpetualRejection::NotForPerpetuals);
                self.reject(&mut telling, instrument, why);
            }
            Action::Perpetual(action) => self.act_perpetual(action, &mut telling),
            Action::Place(new) => self.place(new, &mut telling),
            Action::PlaceWorth { account, instrument, side, worth } => {
                self.place_worth(account, instrument, side, worth, &mut telling);
            }
            Action::Deposit { account, asset, amount } => {
                self.deposit(account, asset, amount, &mut telling);
            }
            Action::Withdraw { account, asset, amount } => {
                self.withdraw(account, asset, amount, &mut telling);
            }
            Action::Transfer { from, to, asset, amount } => {
                self.transfer(from, to, asset, amount, &mut telling);
            }
            Action::Follow(account) => {
                self.followed.insert(account);
                for asset in 0..self.brought_in.len() {
                    let balance = self.balance(account, AssetId(asset as u16));
                    let body = EventBody::Balance(balance);
                    self.tell(&mut telling, InstrumentId::NONE, body);
                }
                // All of them have just been told.
                self.before.retain(|&(whose, _), _| whose != account);
            }
            Action::Cancel { account, instrument, order } => {
                self.cancel(account, instrument, order, &mut telling);
            }
            Action::Replace { account, instrument, order, price, quantity } => {
                self.replace(account, instrument, order, price, quantity, &mut telling);
            }
            Action::CancelAll { account, instrument } => {
                self.cancel_all(account, instrument, &mut telling);
            }
            Action::SetSelfTradePolicy { account, policy } => {
                self.policies.retain(|&(whose, _)| whose != account);
                self.policies.push((account, policy));
            }
            Action::SetStatus { instrument, status } => {
                if self.exists(instrument) {
                    self.statuses[instrument.index()] = status;
                    self.tell(&mut telling, instrument, EventBody::StatusChanged(status));
                } else {
                    self.reject(&mut telling, instrument, Rejection::UnknownInstrument);
                }
            }
            Action::Tick(cadence) => {
                self.tell(&mut telling, InstrumentId::NONE, EventBody::Ticked(cadence));
            }
        }
        self.end_useless_orders(&mut telling);
        self.look_at_margins(&mut telling);
        for ((account, asset), old) in std::mem::take(&mut self.before) {
            if self.followed.contains(&account) && self.possessions[&(account, asset)] != old {
                let body = EventBody::Balance(self.balance(account, asset));
                self.tell(&mut telling, InstrumentId::NONE, body);
            }
        }
    }

    fn tell(&mut self, telling: &mut Telling<'_>, instrument: InstrumentId, body: EventBody) {
        self.events += 1;
        telling.out.push(Event {
            sequence: Sequence(self.events),
            cause: telling.cause,
            time: self.now,
            instrument,
            body,
        });
    }

    fn reject(&mut self, telling: &mut Telling<'_>, instrument: InstrumentId, why: Rejection) {
        let instrument = if self.exists(instrument) { instrument } else { InstrumentId::NONE };
        self.tell(telling, instrument, EventBody::Rejected(why));
    }

    fn exists(&self, instrument: InstrumentId) -> bool {
        self.instruments.iter().any(|it| it.id == instrument)
    }

    fn policy(&self, account: AccountId) -> SelfTradePolicy {
        for &(whose, policy) in &self.policies {
            if whose == account {
                return policy;
            }
        }
        SelfTradePolicy::Allow
    }

    /// Ends the orders whose time has come: the earliest first, of one moment the oldest.
    fn expire(&mut self, telling: &mut Telling<'_>) {
        loop {
            let mut due: Option<(Time, OrderId)> = None;
            for open in &self.open {
                if let TimeInForce::GoodTillDate(time) = open.order.time_in_force
                    && time <= self.now
                    && due.is_none_or(|due| (time, open.order.id) < due)
                {
                    due = Some((time, open.order.id));
                }
            }
            let Some((_, id)) = due else { return };
            self.close(id, CloseReason::Expired, telling);
        }
    }

    fn close(&mut self, id: OrderId, reason: CloseReason, telling: &mut Telling<'_>) {
        let at = self.open.iter().position(|open| open.order.id == id).expect("it is open");
        let Open { instrument, order, held, .. } = self.open.remove(at);
        self.release(instrument, &order, held);
        self.tell(telling, instrument, EventBody::Closed { order, reason });
    }

    // Placing.

    fn place(&mut self, mut new: NewOrder, telling: &mut Telling<'_>) {
        if let Some(trigger) = &mut new.trigger
            && trigger.trail.is_some()
            && self.exists(new.instrument)
        {
            match self.last_trades[new.instrument.index()] {
                Some(last) => trigger.price = last,
                None => return self.reject(telling, new.instrument, Rejection::NothingTraded),
            }
        }
        if let Some(why) = self.refusal(&new) {
            return self.reject(telling, new.instrument, why);
        }
        let held = match self.hold_of_new(&new) {
            Ok(held) => held,
            Err(why) => return self.reject(telling, new.instrument, why),
        };
        let order = OrderState {
            id: self.next_order(),
            account: new.account,
            side: new.side,
            post_only: new.post_only,
            kind: new.kind,
            time_in_force: new.time_in_force,
            trigger: new.trigger,
            original: new.quantity,
            remaining: new.quantity,
        };
        self.set_aside(new.instrument, &order, held);
        match new.trigger {
            None => {
                self.tell(telling, new.instrument, EventBody::Created(order));
                let backed = Backed::default();
                self.enter(Going { instrument: new.instrument, order, held, backed }, telling);
            }
            Some(trigger) => {
                self.tell(telling, new.instrument, EventBody::Armed(order));
                let last = self.last_trades[new.instrument.index()];
                let best = trigger.price;
                let reached = last.is_some_and(|last| wakes(trigger, best, last));
                self.open.push(Open {
                    instrument: new.instrument,
                    order,
                    armed: Some(reached),
                    place: 0,
                    held,
                    best,
                    backed: Backed::default(),
                });
            }
        }
        self.wake(new.instrument, telling);
    }

    fn next_order(&mut self) -> OrderId {
        self.orders += 1;
        OrderId((1 << 50) + self.orders - 1)
    }

    // Changing what is open.

    fn find(&self, account: AccountId, instrument: InstrumentId, id: OrderId) -> Option<usize> {
        self.open.iter().position(|open| {
            open.order.id == id && open.order.account == account && open.instrument == instrument
        })
    }

    fn cancel(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        id: OrderId,
        telling: &mut Telling<'_>,
    ) {
        if !self.exists(instrument) {
            return self.reject(telling, instrument, Rejection::UnknownInstrument);
        }
        if self.statuses[instrument.index()] == Status::Halted {
            return self.reject(telling, instrument, Rejection::NotTrading(Status::Halted));
        }
        if self.find(account, instrument, id).is_none() {
            return self.reject(telling, instrument, Rejection::UnknownOrder(id));
        }
        self.close(id, CloseReason::Canceled, telling);
    }

    fn cancel_all(
        &mut self,
        account: AccountId,
        only: Option<InstrumentId>,
        telling: &mut Telling<'_>,
    ) {
        if let Some(instrument) = only {
            if !self.exists(instrument) {
                return self.reject(telling, instrument, Rejection::UnknownInstrument);
            }
            if self.statuses[instrument.index()] == Status::Halted {
                return self.reject(telling, instrument, Rejection::NotTrading(Status::Halted));
            }
        }
        let mut ids: Vec<OrderId> = Vec::new();
        for open in &self.open {
            let here = only.is_none() || only == Some(open.instrument);
            let halted = self.statuses[open.instrument.index()] == Status::Halted;
            if open.order.account == account && here && !halted {
                ids.push(open.order.id);
            }
        }
        ids.sort();
        for id in ids {
            self.close(id, CloseReason::Canceled, telling);
        }
    }

    fn replace(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        id: OrderId,
        price: Price,
        quantity: Quantity,
        telling: &mut Telling<'_>,
    ) {
        if !self.exists(instrument) {
            return self.reject(telling, instrument, Rejection::UnknownInstrument);
        }
        let status = self.statuses[instrument.index()];
        if status == Status::Halted || status == Status::CancelOnly {
            return self.reject(telling, instrument, Rejection::NotTrading(status));
        }
        let Some(at) = self.find(account, instrument, id) else {
            return self.reject(telling, instrument, Rejection::UnknownOrder(id));
        };
        let old = self.open[at].order;
        let why = if let Some(why) = self.status_refuses(instrument, old.post_only) {
            Some(why)
        } else if self.open[at].armed.is_some() {
            Some(Rejection::BadCombination)
        } else if !self.price_counts(instrument, price) {
            Some(Rejection::BadPrice)
        } else if !self.quantity_counts(instrument, quantity) {
            Some(Rejection::BadQuantity)
        } else if self.too_small(instrument, Some(price), quantity) {
            Some(Rejection::BelowMinimum)
        } else if self.too_far_through(old.side, price, self.best(instrument, old.side.opposite()))
        {
            Some(Rejection::OutsideBand)
        } else {
            None
        };
        if let Some(why) = why {
            return self.reject(telling, instrument, why);
        }
        let old_held = self.open[at].held;
        let held = self.hold(instrument, old.side, price, quantity);
        let asset = self.held_asset(instrument, old.side);
        let available = self.spendable(account, asset) + old_held;
        if held > available {
            let (needed, available) = (Amount(held), Amount(available));
            let why = Rejection::InsufficientFunds { asset, needed, available };
            return self.reject(telling, instrument, why);
        }
        self.release(instrument, &old, old_held);
        self.set_aside(instrument, &old, held);
        let new = OrderState {
            id: self.next_order(),
            kind: OrderKind::Limit(price),
            original: quantity,
            remaining: quantity,
            ..old
        };
        let kept_place = price_of(&old) == price && quantity <= old.remaining;
        self.tell(telling, instrument, EventBody::Replaced { old, new, kept_place });
        if kept_place {
            self.open[at].order = new;
            self.open[at].held = held;
        } else {
            self.open.remove(at);
            let backed = Backed::default();
            self.enter(Going { instrument, order: new, held, backed }, telling);
            self.wake(instrument, telling);
        }
    }
}

/// What may be read between commands, to be compared with the engine's answers.
impl Market {
    /// What an account has of an asset.
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Balance {
        let it = self.possessions.get(&(account, asset)).copied().unwrap_or_default();
        let (available, held) = (Amount(it.available), Amount(it.held));
        Balance { account, asset, available, held }
    }
    /// Deposits less withdrawals of each asset.
    #[must_use]
    pub fn brought_in(&self) -> &[i128] {
        &self.brought_in
    }
    /// The levels of a side, best first.
    #[must_use]
    pub fn levels(&self, instrument: InstrumentId, side: Side) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for at in self.line(instrument, side) {
            let order = &self.open[at].order;
            match levels.last_mut() {
                Some(level) if level.price == price_of(order) => level.quantity += order.remaining,
                _ => levels.push(Level { price: price_of(order), quantity: order.remaining }),
            }
        }
        levels
    }
    /// An account's open orders in one instrument, by id.
    #[must_use]
    pub fn open_orders(&self, account: AccountId, instrument: InstrumentId) -> Vec<OrderState> {
        let mut orders: Vec<OrderState> = self
            .open
            .iter()
            .filter(|open| open.order.account == account && open.instrument == instrument)
            .map(|open| open.order)
            .collect();
        orders.sort_by_key(|order| order.id);
        orders
    }
    /// How many orders are open.
    #[must_use]
    pub fn open_orders_count(&self) -> usize {
        self.open.len()
    }
    /// The price of the last trade.
    #[must_use]
    pub fn last_trade(&self, instrument: InstrumentId) -> Option<Price> {
        self.last_trades[instrument.index()]
    }
    /// What the instrument lets people do.
    #[must_use]
    pub fn status(&self, instrument: InstrumentId) -> Status {
        self.statuses[instrument.index()]
    }
}
