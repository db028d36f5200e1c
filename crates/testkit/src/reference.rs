//! The slow market: what the engine should do, written down as plainly as it can be said.
//!
//! Every open order is an entry of one list, and every question is answered by walking over it. It shares no
//! code with the engine, only the words of `model` and the numbers of the rules; nothing here is clever, so that
//! it can be read against the rules by eye.

use std::cmp::Ordering;

use engine::Rules;
use model::{
    AccountId, Action, CloseReason, Command, Event, EventBody, Fill, Instrument, InstrumentId,
    Level, Minimum, NewOrder, OrderId, OrderKind, OrderState, Price, Quantity, Rejection,
    SelfTradePolicy, Sequence, Side, Status, Time, TimeInForce, TradeId,
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
}

/// The slow market.
#[derive(Clone, Debug)]
pub struct Market {
    rules: Rules,
    instruments: Vec<Instrument>,
    statuses: Vec<Status>,
    last_trades: Vec<Option<Price>>,
    policies: Vec<(AccountId, SelfTradePolicy)>,
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
        let Open { instrument, order, .. } = self.open.remove(at);
        self.tell(telling, instrument, EventBody::Closed { order, reason });
    }

    // Placing.

    fn place(&mut self, new: NewOrder, telling: &mut Telling<'_>) {
        if let Some(why) = self.refusal(&new) {
            return self.reject(telling, new.instrument, why);
        }
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
        match new.trigger {
            None => {
                self.tell(telling, new.instrument, EventBody::Created(order));
                self.enter(new.instrument, order, telling);
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
        // 2^20 such orders still add up within 64 bits.
        units > 0 && units <= i128::from(i64::MAX / (1 << 20))
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
    fn enter(
        &mut self,
        instrument: InstrumentId,
        mut order: OrderState,
        telling: &mut Telling<'_>,
    ) {
        let would_match =
            self.best(instrument, order.side.opposite()).is_some_and(|best| accepts(&order, best));
        if order.post_only && would_match {
            return self.give_up(instrument, order, CloseReason::WouldMatch, telling);
        }
        if order.time_in_force == TimeInForce::FillOrKill
            && self.reachable(instrument, &order) < i128::from(order.remaining.0)
        {
            return self.give_up(instrument, order, CloseReason::Killed, telling);
        }
        while !order.remaining.is_zero() {
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
                        return self.give_up(instrument, order, CloseReason::SelfTrade, telling);
                    }
                    SelfTradePolicy::CancelBoth => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        return self.give_up(instrument, order, CloseReason::SelfTrade, telling);
                    }
                }
            }
            self.trade(instrument, at, &mut order, telling);
        }
        if order.remaining.is_zero() {
            return;
        }
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                self.give_up(instrument, order, CloseReason::NotFilled, telling);
            }
            TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => {
                self.places += 1;
                let place = self.places;
                self.open.push(Open { instrument, order, armed: None, place });
                self.tell(telling, instrument, EventBody::Rested(order));
            }
        }
    }

    fn give_up(
        &mut self,
        instrument: InstrumentId,
        order: OrderState,
        reason: CloseReason,
        telling: &mut Telling<'_>,
    ) {
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

    fn trade(
        &mut self,
        instrument: InstrumentId,
        at: usize,
        taker: &mut OrderState,
        telling: &mut Telling<'_>,
    ) {
        let maker = &mut self.open[at].order;
        let quantity = Quantity(i64::min(maker.remaining.0, taker.remaining.0));
        maker.remaining -= quantity;
        taker.remaining -= quantity;
        let maker = *maker;
        let price = price_of(&maker);
        if maker.remaining.is_zero() {
            self.open.remove(at);
        }
        self.trades += 1;
        let id = TradeId(100_000_000 + self.trades);
        let fill = Fill { id, price, quantity, maker, taker: *taker };
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
            let mut wave: Vec<OrderState> = Vec::new();
            self.open.retain(|open| {
                let woken = open.instrument == instrument && open.armed == Some(true);
                if woken {
                    wave.push(open.order);
                }
                !woken
            });
            if wave.is_empty() {
                return;
            }
            wave.sort_by_key(|order| order.id);
            for order in wave {
                self.tell(telling, instrument, EventBody::Triggered(order));
                self.tell(telling, instrument, EventBody::Created(order));
                self.enter(instrument, order, telling);
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
        } else {
            self.open.remove(at);
            self.enter(instrument, new, telling);
            self.wake(instrument, telling);
        }
    }
}

/// What may be read between commands, to be compared with the engine's answers.
impl Market {
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
