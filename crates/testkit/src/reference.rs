//! The slow market: what the engine should do, written down as plainly as it can be said.
//!
//! Every open order is an entry of one list, and every question is answered by walking over it. Money is kept in
//! the same way: a list of balances, and beside each open order what is held for it. It shares no
//! code with the engine, only the words of `model` and the numbers of the rules; nothing here is clever, so that
//! it can be read against the rules by eye.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use engine::Rules;
use model::{
    AccountId, Action, Amount, AssetId, Balance, CloseReason, Command, Event, EventBody, Fill,
    Instrument, InstrumentId, Level, Minimum, Movement, NewOrder, OrderId, OrderKind, OrderState,
    Price, Quantity, Rejection, SelfTradePolicy, Sequence, Side, Status, Time, TimeInForce,
    TradeId,
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

    fn place(&mut self, new: NewOrder, telling: &mut Telling<'_>) {
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
                self.enter(Going { instrument: new.instrument, order, held }, telling);
            }
            Some(trigger) => {
                self.tell(telling, new.instrument, EventBody::Armed(order));
                let last = self.last_trades[new.instrument.index()];
                let reached = last.is_some_and(|last| trigger.reached_by(last));
                self.open.push(Open {
                    instrument: new.instrument,
                    order,
                    armed: Some(reached),
                    place: 0,
                    held,
                });
            }
        }
        self.wake(new.instrument, telling);
    }

    fn next_order(&mut self) -> OrderId {
        self.orders += 1;
        OrderId((1 << 50) + self.orders - 1)
    }

    fn refusal(&self, new: &NewOrder) -> Option<Rejection> {
        if !self.exists(new.instrument) {
            return Some(Rejection::UnknownInstrument);
        }
        if let Some(why) = self.status_refuses(new.instrument, new.post_only) {
            return Some(why);
        }
        let stays = match new.time_in_force {
            TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => true,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => false,
        };
        if new.kind == OrderKind::Market && stays {
            return Some(Rejection::BadCombination);
        }
        if new.post_only && !stays {
            return Some(Rejection::BadCombination);
        }
        if let OrderKind::Limit(price) = new.kind
            && !self.price_counts(new.instrument, price)
        {
            return Some(Rejection::BadPrice);
        }
        if let Some(trigger) = new.trigger
            && !self.price_counts(new.instrument, trigger.price)
        {
            return Some(Rejection::BadPrice);
        }
        if !self.quantity_counts(new.instrument, new.quantity) {
            return Some(Rejection::BadQuantity);
        }
        // What it will trade at, as far as one can know: its limit, else its trigger, else the best price.
        let opposite = self.best(new.instrument, new.side.opposite());
        let about = match (new.kind, new.trigger) {
            (OrderKind::Limit(price), _) => Some(price),
            (OrderKind::Market, Some(trigger)) => Some(trigger.price),
            (OrderKind::Market, None) => opposite,
        };
        if self.too_small(new.instrument, about, new.quantity) {
            return Some(Rejection::BelowMinimum);
        }
        if let TimeInForce::GoodTillDate(time) = new.time_in_force
            && time <= self.now
        {
            return Some(Rejection::AlreadyExpired);
        }
        if let OrderKind::Limit(price) = new.kind {
            let reference = new.trigger.map(|trigger| trigger.price).or(opposite);
            if self.too_far_through(new.side, price, reference) {
                return Some(Rejection::OutsideBand);
            }
        }
        if (stays || new.trigger.is_some())
            && self.open.len() >= self.rules.open_orders_max as usize
        {
            return Some(Rejection::TooManyOrders);
        }
        None
    }

    fn status_refuses(&self, instrument: InstrumentId, post_only: bool) -> Option<Rejection> {
        let status = self.statuses[instrument.index()];
        let welcome = match status {
            Status::Trading => true,
            Status::PostOnly => post_only,
            Status::CancelOnly | Status::Halted => false,
        };
        if welcome { None } else { Some(Rejection::NotTrading(status)) }
    }

    fn price_counts(&self, instrument: InstrumentId, price: Price) -> bool {
        let units =
            i128::from(price.0) * i128::from(self.instruments[instrument.index()].tick_units);
        units > 0 && units <= 1 << 53
    }

    fn quantity_counts(&self, instrument: InstrumentId, quantity: Quantity) -> bool {
        let lot_units = i128::from(self.instruments[instrument.index()].lot_units);
        let units = i128::from(quantity.0) * lot_units;
        let it = &self.instruments[instrument.index()];
        let price_max = Price((1 << 53) / it.tick_units);
        // 2^20 such orders still add up within 64 bits, and at the highest price with the highest fee their
        // value is still an amount.
        units > 0
            && units <= i128::from(i64::MAX / (1 << 20))
            && self.value(instrument, price_max, quantity) <= 1 << 118
            && self.lots(instrument, quantity) <= 1 << 118
    }

    fn too_small(
        &self,
        instrument: InstrumentId,
        about: Option<Price>,
        quantity: Quantity,
    ) -> bool {
        let instrument = &self.instruments[instrument.index()];
        match instrument.minimum {
            Minimum::Quantity(minimum) => quantity < minimum,
            Minimum::Notional(minimum) => {
                about.is_some_and(|price| instrument.notional(price, quantity) < minimum)
            }
        }
    }

    fn too_far_through(&self, side: Side, price: Price, reference: Option<Price>) -> bool {
        let (Some(band), Some(reference)) = (self.rules.band_basis_points, reference) else {
            return false;
        };
        let (price, reference) = (i128::from(price.0), i128::from(reference.0));
        // How far beyond the reference it is willing to go.
        let beyond = match side {
            Side::Buy => price - reference,
            Side::Sell => reference - price,
        };
        beyond * 10_000 > reference * i128::from(band)
    }

    // Meeting.

    /// The best price of a side.
    fn best(&self, instrument: InstrumentId, side: Side) -> Option<Price> {
        self.first_in_line(instrument, side).map(|at| price_of(&self.open[at].order))
    }

    /// The order of a side that is next to trade.
    fn first_in_line(&self, instrument: InstrumentId, side: Side) -> Option<usize> {
        self.resting(instrument, side).min_by(|&left, &right| self.whose_turn(left, right))
    }

    /// The resting orders of a side, next to trade first.
    fn line(&self, instrument: InstrumentId, side: Side) -> Vec<usize> {
        let mut line: Vec<usize> = self.resting(instrument, side).collect();
        line.sort_by(|&left, &right| self.whose_turn(left, right));
        line
    }

    fn resting(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = usize> + '_ {
        (0..self.open.len()).filter(move |&at| {
            let open = &self.open[at];
            open.instrument == instrument && open.order.side == side && open.armed.is_none()
        })
    }

    /// Of two orders of one side, the better price goes first, then the lower place.
    fn whose_turn(&self, left: usize, right: usize) -> Ordering {
        let (left, right) = (&self.open[left], &self.open[right]);
        let (left_price, right_price) = (price_of(&left.order), price_of(&right.order));
        let by_price = match left.order.side {
            Side::Buy => right_price.cmp(&left_price),
            Side::Sell => left_price.cmp(&right_price),
        };
        by_price.then(left.place.cmp(&right.place))
    }

    /// An order that has been told meets the book, then rests or ends.
    fn enter(&mut self, mut going: Going, telling: &mut Telling<'_>) {
        let Going { instrument, order, .. } = going;
        let would_match =
            self.best(instrument, order.side.opposite()).is_some_and(|best| accepts(&order, best));
        if order.post_only && would_match {
            return self.give_up(going, CloseReason::WouldMatch, telling);
        }
        if order.time_in_force == TimeInForce::FillOrKill
            && self.reachable(instrument, &order) < i128::from(order.remaining.0)
        {
            return self.give_up(going, CloseReason::Killed, telling);
        }
        while !going.order.remaining.is_zero() {
            let Some(at) = self.first_in_line(instrument, order.side.opposite()) else { break };
            let maker = self.open[at].order;
            if !accepts(&order, price_of(&maker)) {
                break;
            }
            if maker.account == order.account {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        continue;
                    }
                    SelfTradePolicy::CancelArriving => {
                        return self.give_up(going, CloseReason::SelfTrade, telling);
                    }
                    SelfTradePolicy::CancelBoth => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        return self.give_up(going, CloseReason::SelfTrade, telling);
                    }
                }
            }
            self.trade(at, &mut going, telling);
        }
        let Going { order, held, .. } = going;
        if order.remaining.is_zero() {
            return;
        }
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                self.give_up(going, CloseReason::NotFilled, telling);
            }
            TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => {
                self.places += 1;
                let place = self.places;
                self.open.push(Open { instrument, order, armed: None, place, held });
                self.tell(telling, instrument, EventBody::Rested(order));
            }
        }
    }

    fn give_up(&mut self, going: Going, reason: CloseReason, telling: &mut Telling<'_>) {
        let Going { instrument, order, held } = going;
        self.release(instrument, &order, held);
        self.tell(telling, instrument, EventBody::Closed { order, reason });
    }

    /// How much the order would get now, at the most, before its own account stops it.
    fn reachable(&self, instrument: InstrumentId, order: &OrderState) -> i128 {
        let mut sum = 0;
        for at in self.line(instrument, order.side.opposite()) {
            let maker = &self.open[at].order;
            if !accepts(order, price_of(maker)) {
                break;
            }
            if maker.account == order.account {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => continue,
                    SelfTradePolicy::CancelArriving | SelfTradePolicy::CancelBoth => break,
                }
            }
            sum += i128::from(maker.remaining.0);
        }
        sum
    }

    fn trade(&mut self, at: usize, going: &mut Going, telling: &mut Telling<'_>) {
        let instrument = going.instrument;
        let Open { order: maker, held: maker_held, .. } = &mut self.open[at];
        let taker = &mut going.order;
        let quantity = Quantity(i64::min(maker.remaining.0, taker.remaining.0));
        // What was held for these lots.
        let maker_part = *maker_held / i128::from(maker.remaining.0) * i128::from(quantity.0);
        let taker_part = going.held / i128::from(taker.remaining.0) * i128::from(quantity.0);
        *maker_held -= maker_part;
        going.held -= taker_part;
        maker.remaining -= quantity;
        taker.remaining -= quantity;
        let (maker, taker) = (*maker, *taker);
        let price = price_of(&maker);
        if maker.remaining.is_zero() {
            self.open.remove(at);
        }
        let (maker_fee, taker_fee) =
            self.fees(instrument, price, quantity, maker.account == taker.account);
        // Everything that was held is free again, then it is paid.
        self.release(instrument, &maker, maker_part);
        self.release(instrument, &taker, taker_part);
        let (buyer, buyer_fee, seller, seller_fee) = match taker.side {
            Side::Buy => (taker.account, taker_fee, maker.account, maker_fee),
            Side::Sell => (maker.account, maker_fee, taker.account, taker_fee),
        };
        let (base, quote) = (self.base(instrument), self.quote(instrument));
        let (lots, value) =
            (self.lots(instrument, quantity), self.value(instrument, price, quantity));
        self.give(seller, base, -lots);
        self.give(buyer, base, lots);
        self.give(buyer, quote, -value - buyer_fee);
        self.give(seller, quote, value - seller_fee);
        self.give(AccountId(u32::MAX), quote, buyer_fee + seller_fee);

        self.trades += 1;
        let id = TradeId(100_000_000 + self.trades);
        let (maker_fee, taker_fee) = (Amount(maker_fee), Amount(taker_fee));
        let fill = Fill { id, price, quantity, maker, taker, maker_fee, taker_fee };
        self.tell(telling, instrument, EventBody::Filled(fill));
        self.last_trades[instrument.index()] = Some(price);
        for open in &mut self.open {
            if open.instrument == instrument
                && open.armed == Some(false)
                && open.order.trigger.is_some_and(|trigger| trigger.reached_by(price))
            {
                open.armed = Some(true);
            }
        }
    }

    /// Stop orders that trades have reached come in, the oldest first; those that their trades reach come after
    /// all of these.
    fn wake(&mut self, instrument: InstrumentId, telling: &mut Telling<'_>) {
        loop {
            let mut wave: Vec<Going> = Vec::new();
            self.open.retain(|open| {
                let woken = open.instrument == instrument && open.armed == Some(true);
                if woken {
                    wave.push(Going { instrument, order: open.order, held: open.held });
                }
                !woken
            });
            if wave.is_empty() {
                return;
            }
            wave.sort_by_key(|going| going.order.id);
            for mut going in wave {
                let order = going.order;
                self.tell(telling, instrument, EventBody::Triggered(order));
                self.tell(telling, instrument, EventBody::Created(order));
                if order.kind == OrderKind::Market && order.side == Side::Buy {
                    // What it held was an estimate; what counts is what it meets now.
                    self.release(instrument, &order, going.held);
                    going.held = 0;
                    let cost = self.cost(instrument, &order);
                    let quote = self.quote(instrument);
                    if cost > self.balance(order.account, quote).available.0 {
                        self.give_up(going, CloseReason::Unfunded, telling);
                        continue;
                    }
                }
                self.enter(going, telling);
            }
        }
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
        let available = self.balance(account, asset).available.0 + old_held;
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
            self.enter(Going { instrument, order: new, held }, telling);
            self.wake(instrument, telling);
        }
    }
}

/// Money.
impl Market {
    fn base(&self, instrument: InstrumentId) -> AssetId {
        asset_named(&self.instruments, &self.instruments[instrument.index()].base)
    }

    fn quote(&self, instrument: InstrumentId) -> AssetId {
        asset_named(&self.instruments, &self.instruments[instrument.index()].quote)
    }

    fn held_asset(&self, instrument: InstrumentId, side: Side) -> AssetId {
        match side {
            Side::Buy => self.quote(instrument),
            Side::Sell => self.base(instrument),
        }
    }

    /// So many lots in units of the base asset.
    fn lots(&self, instrument: InstrumentId, quantity: Quantity) -> i128 {
        let it = &self.instruments[instrument.index()];
        let finer = decimals_of(&self.instruments, &it.base) - it.quantity_decimals;
        i128::from(it.quantity_units(quantity)) * ten_to(finer)
    }

    /// Price × quantity in units of the quote asset.
    fn value(&self, instrument: InstrumentId, price: Price, quantity: Quantity) -> i128 {
        let it = &self.instruments[instrument.index()];
        let product = it.price_decimals + it.quantity_decimals;
        let finer = decimals_of(&self.instruments, &it.quote) - product;
        it.notional(price, quantity) * ten_to(finer)
    }

    /// What maker and taker pay for a trade.
    fn fees(
        &self,
        instrument: InstrumentId,
        price: Price,
        quantity: Quantity,
        own: bool,
    ) -> (i128, i128) {
        if own && !self.rules.self_trades_pay {
            return (0, 0);
        }
        let value = self.value(instrument, price, quantity);
        let rules = &self.rules;
        (rounded_up(value, rules.maker_fee_ppm), rounded_up(value, rules.taker_fee_ppm))
    }

    /// What an order at this price has to hold.
    fn hold(&self, instrument: InstrumentId, side: Side, price: Price, quantity: Quantity) -> i128 {
        match side {
            Side::Sell => self.lots(instrument, quantity),
            Side::Buy => {
                // It may be filled lot by lot, each with its own fee.
                let lot = self.value(instrument, price, Quantity(1));
                let highest = u32::max(self.rules.maker_fee_ppm, self.rules.taker_fee_ppm);
                (lot + rounded_up(lot, highest)) * i128::from(quantity.0)
            }
        }
    }

    /// What a new order has to hold, if its account can pay for it.
    fn hold_of_new(&self, new: &NewOrder) -> Result<i128, Rejection> {
        let price = match (new.kind, new.trigger) {
            (OrderKind::Limit(price), _) => Some(price),
            (OrderKind::Market, Some(trigger)) => Some(trigger.price),
            (OrderKind::Market, None) => None,
        };
        let (hold, needed) = match (new.side, price) {
            (Side::Sell, _) => {
                let lots = self.lots(new.instrument, new.quantity);
                (lots, lots)
            }
            (Side::Buy, Some(price)) => {
                let hold = self.hold(new.instrument, Side::Buy, price, new.quantity);
                (hold, hold)
            }
            (Side::Buy, None) => (0, self.cost(new.instrument, &on_trial(new))),
        };
        let asset = self.held_asset(new.instrument, new.side);
        let available = self.balance(new.account, asset).available;
        if needed > available.0 {
            let needed = Amount(needed);
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok(hold)
    }

    /// What a market order would get if it came now: pieces of price, quantity and whether it meets itself.
    fn pieces(&self, instrument: InstrumentId, order: &OrderState) -> Vec<(Price, Quantity, bool)> {
        let mut pieces = Vec::new();
        for at in self.line(instrument, order.side.opposite()) {
            let maker = &self.open[at].order;
            let own = maker.account == order.account;
            if own {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => continue,
                    SelfTradePolicy::CancelArriving | SelfTradePolicy::CancelBoth => break,
                }
            }
            pieces.push((price_of(maker), maker.remaining, own));
        }
        pieces
    }

    /// How much poorer in the quote asset a market buy would be afterwards.
    fn cost(&self, instrument: InstrumentId, order: &OrderState) -> i128 {
        let mut cost = 0;
        let mut missing = order.remaining.0;
        for (price, quantity, own) in self.pieces(instrument, order) {
            let quantity = Quantity(i64::min(quantity.0, missing));
            if quantity.is_zero() {
                break;
            }
            missing -= quantity.0;
            let (maker_fee, taker_fee) = self.fees(instrument, price, quantity, own);
            if own {
                // It pays itself, and perhaps the fees of both.
                cost += maker_fee + taker_fee;
            } else {
                cost += self.value(instrument, price, quantity) + taker_fee;
            }
        }
        cost
    }

    fn place_worth(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        worth: Amount,
        telling: &mut Telling<'_>,
    ) {
        if !self.exists(instrument) {
            return self.reject(telling, instrument, Rejection::UnknownInstrument);
        }
        if worth.0 <= 0 || worth.0 > 1 << 120 {
            return self.reject(telling, instrument, Rejection::BadAmount);
        }
        let mut new = NewOrder {
            account,
            instrument,
            side,
            kind: OrderKind::Market,
            quantity: Quantity(1),
            time_in_force: TimeInForce::ImmediateOrCancel,
            post_only: false,
            trigger: None,
        };
        let mut lots = 0;
        let mut left = worth.0;
        for (price, quantity, own) in self.pieces(instrument, &on_trial(&new)) {
            // Piece by piece, each in halves, quarters and so on down to the lot: what fits is taken. A part is
            // judged together with what was taken of its piece, since fees are rounded once a piece.
            let total = |taken: i64| {
                let fee = self.fees(instrument, price, Quantity(taken), own).1;
                match side {
                    Side::Buy => self.value(instrument, price, Quantity(taken)) + fee,
                    Side::Sell => self.value(instrument, price, Quantity(taken)) - fee,
                }
            };
            let mut taken = 0;
            for bit in (0..62).rev() {
                let more = taken + (1 << bit);
                if more <= quantity.0
                    && self.quantity_counts(instrument, Quantity(lots + more))
                    && total(more) <= left
                {
                    taken = more;
                }
            }
            lots += taken;
            left -= total(taken);
            if taken < quantity.0 {
                break;
            }
        }
        if lots == 0 {
            return self.reject(telling, instrument, Rejection::BelowMinimum);
        }
        new.quantity = Quantity(lots);
        self.place(new, telling);
    }

    /// Adds to what is available; also takes away.
    fn give(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        self.possession(account, asset).available += amount;
    }

    fn set_aside(&mut self, instrument: InstrumentId, order: &OrderState, amount: i128) {
        let asset = self.held_asset(instrument, order.side);
        let possession = self.possession(order.account, asset);
        possession.available -= amount;
        possession.held += amount;
    }

    fn release(&mut self, instrument: InstrumentId, order: &OrderState, amount: i128) {
        self.set_aside(instrument, order, -amount);
    }

    /// A possession that is about to change.
    fn possession(&mut self, account: AccountId, asset: AssetId) -> &mut Possession {
        let possession = self.possessions.entry((account, asset)).or_default();
        self.before.entry((account, asset)).or_insert(*possession);
        possession
    }

    fn movement_refused(&self, asset: AssetId, amount: Amount) -> Option<Rejection> {
        if asset.index() >= self.brought_in.len() {
            Some(Rejection::UnknownAsset)
        } else if amount.0 <= 0 || amount.0 > 1 << 120 {
            Some(Rejection::BadAmount)
        } else {
            None
        }
    }

    fn deposit(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) {
        let mut why = self.movement_refused(asset, amount);
        if why.is_none() && self.brought_in[asset.index()] + amount.0 > 1 << 120 {
            why = Some(Rejection::BadAmount);
        }
        if let Some(why) = why {
            return self.reject(telling, InstrumentId::NONE, why);
        }
        self.brought_in[asset.index()] += amount.0;
        self.give(account, asset, amount.0);
        let body = EventBody::Deposited(Movement { account, asset, amount });
        self.tell(telling, InstrumentId::NONE, body);
    }

    /// Whether so much can be taken from an account.
    fn taking_refused(
        &self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Option<Rejection> {
        if let Some(why) = self.movement_refused(asset, amount) {
            return Some(why);
        }
        let available = self.balance(account, asset).available;
        if amount > available {
            return Some(Rejection::InsufficientFunds { asset, needed: amount, available });
        }
        None
    }

    fn withdraw(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) {
        if let Some(why) = self.taking_refused(account, asset, amount) {
            return self.reject(telling, InstrumentId::NONE, why);
        }
        self.brought_in[asset.index()] -= amount.0;
        self.give(account, asset, -amount.0);
        let body = EventBody::Withdrawn(Movement { account, asset, amount });
        self.tell(telling, InstrumentId::NONE, body);
    }

    fn transfer(
        &mut self,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) {
        if let Some(why) = self.taking_refused(from, asset, amount) {
            return self.reject(telling, InstrumentId::NONE, why);
        }
        self.give(from, asset, -amount.0);
        self.give(to, asset, amount.0);
        let from = Movement { account: from, asset, amount };
        self.tell(telling, InstrumentId::NONE, EventBody::Transferred { from, to });
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

/// The codes of all assets, base before quote, as they first appear.
fn assets_of(instruments: &[Instrument]) -> Vec<&str> {
    let mut codes: Vec<&str> = Vec::new();
    for instrument in instruments {
        for code in [&instrument.base, &instrument.quote] {
            if !codes.contains(&code.as_str()) {
                codes.push(code);
            }
        }
    }
    codes
}

fn asset_named(instruments: &[Instrument], code: &str) -> AssetId {
    let at = assets_of(instruments).iter().position(|&known| known == code);
    AssetId(at.expect("an asset of one of the instruments") as u16)
}

/// As many decimals as an amount of this asset can ever need.
fn decimals_of(instruments: &[Instrument], code: &str) -> u8 {
    let mut decimals = 0;
    for it in instruments {
        if it.base == code {
            decimals = u8::max(decimals, it.quantity_decimals);
        }
        if it.quote == code {
            decimals = u8::max(decimals, it.price_decimals + it.quantity_decimals);
        }
    }
    decimals
}

fn ten_to(power: u8) -> i128 {
    (0..power).fold(1, |product, _| product * 10)
}

/// So many millionths of an amount.
fn rounded_up(amount: i128, ppm: u32) -> i128 {
    let product = amount * i128::from(ppm);
    if product % 1_000_000 == 0 { product / 1_000_000 } else { product / 1_000_000 + 1 }
}

/// A new order as if it had been accepted.
fn on_trial(new: &NewOrder) -> OrderState {
    OrderState {
        id: OrderId(0),
        account: new.account,
        side: new.side,
        post_only: new.post_only,
        kind: new.kind,
        time_in_force: new.time_in_force,
        trigger: new.trigger,
        original: new.quantity,
        remaining: new.quantity,
    }
}

fn price_of(order: &OrderState) -> Price {
    order.kind.limit().expect("what rests has a limit")
}

fn accepts(order: &OrderState, price: Price) -> bool {
    match (order.kind, order.side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit(limit), Side::Buy) => price <= limit,
        (OrderKind::Limit(limit), Side::Sell) => price >= limit,
    }
}
