//! A small market that makes events: slow, seeded, and like the engine in what it says.
//!
//! Not the engine and no reference for it; it only has to say everything that an engine can say.

use std::collections::VecDeque;

use model::{
    AccountId, Amount, Cadence, CloseReason, Event, EventBody, Fill, Interval, MarginMode,
    MarkState, OrderId, OrderKind, OrderState, PerpetualEvent, PositionId, PositionState, Price,
    Quantity, Rejection, Sequence, Side, Span, Status, Time, TimeInForce, TradeId, Trigger,
    TriggerWhen,
};

use super::{HERE, SECOND, TENTH};

/// A seeded source of numbers.
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.unsigned_abs()).cast_signed()
    }
    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }
}

/// A small market.
pub struct Flow {
    pub dice: Dice,
    pub now: Time,
    cause: u64,
    sequence: u64,
    orders: u64,
    trades: u64,
    /// Resting orders of both sides, the oldest first.
    resting: Vec<OrderState>,
    armed: Vec<OrderState>,
    /// Of a perpetual, who holds how much, and when funding is exchanged next.
    held: Option<([i64; 4], i64)>,
    out: VecDeque<Event>,
}

impl Flow {
    pub fn new(seed: u64, start: Time) -> Self {
        Self {
            dice: Dice::new(seed),
            now: start,
            cause: 0,
            sequence: 0,
            orders: 1 << 50,
            trades: 100_000_000,
            resting: Vec::new(),
            armed: Vec::new(),
            held: None,
            out: VecDeque::new(),
        }
    }

    /// The same of a perpetual.
    pub fn of_perpetual(seed: u64, start: Time) -> Self {
        Self { held: Some(([0; 4], i64::MIN)), ..Self::new(seed, start) }
    }

    /// The events of one more command.
    pub fn command(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.cause += 1;
        let pause = match self.dice.below(20) {
            0..=7 => 0,
            8..=17 => self.dice.below(2_000),
            18 => self.dice.below(300_000),
            _ => self.dice.below(90_000_000),
        };
        self.now = self.now + Span::micros(pause);
        if self.dice.chance(5) {
            // Exactly where a candle ends and the next begins.
            let interval = Interval::Seconds([1, 60, 3_600][self.dice.below(3) as usize]);
            self.now = interval.next_start(interval.start_of(self.now));
        }
        if self.held.is_some() && self.dice.chance(30) {
            self.happens_to_perpetual();
            return self.out.drain(..);
        }
        match self.dice.below(100) {
            0..=44 => self.place(),
            45..=64 => self.cancel(),
            65..=74 => self.replace(),
            75..=94 => self.say(EventBody::Ticked(TENTH)),
            95..=97 => self.say(EventBody::Ticked(SECOND)),
            98 => self.say(EventBody::Rejected(Rejection::BadPrice)),
            _ => self.say(EventBody::StatusChanged(Status::Trading)),
        }
        self.out.drain(..)
    }

    /// A mark, at times with funding before it; a position that changes; a liquidation that nobody takes.
    fn happens_to_perpetual(&mut self) {
        const INTERVAL: i64 = 600_000_000;
        let Some((mut sizes, mut next)) = self.held else { return };
        let at = self.dice.below(4) as usize;
        let (account, position) = (AccountId(1 + at as u32), PositionId(1 + at as u64));
        match self.dice.below(10) {
            0..=4 => {
                let (rate_ppm, due) = (self.dice.below(5) as i32 - 2, self.now.0 >= next);
                for account in (1..).map(AccountId).take(4) {
                    if due && rate_ppm != 0 && sizes[account.0 as usize - 1] != 0 {
                        let amount = Amount(1);
                        self.happens(PerpetualEvent::Funded {
                            position,
                            account,
                            amount,
                            rate_ppm,
                        });
                    }
                }
                next = (self.now.0 / INTERVAL + 1) * INTERVAL;
                let index = Price(990 + self.dice.below(20));
                let state = MarkState {
                    mark: Price(index.0 + self.dice.below(3)),
                    index,
                    funding_rate_ppm: self.dice.below(9) as i32 - 4,
                    next_funding: Time(next),
                };
                self.happens(PerpetualEvent::Marked(state));
            }
            5..=8 => {
                sizes[at] = if self.dice.chance(30) { 0 } else { self.dice.below(11) - 5 };
                self.happens(PerpetualEvent::Position(PositionState {
                    id: position,
                    account,
                    size: sizes[at],
                    cost: Amount(7),
                    margin: Amount::ZERO,
                    mode: MarginMode::Cross,
                    leverage: 10,
                }));
            }
            9 if self.dice.chance(50) => {
                let constituent = self.dice.below(3) as u16;
                let price = Price(990 + self.dice.below(20));
                self.happens(PerpetualEvent::Quoted { constituent, price });
            }
            _ => {
                let order = OrderState {
                    account,
                    time_in_force: TimeInForce::ImmediateOrCancel,
                    trigger: None,
                    ..self.new_order()
                };
                let (quantity, price) = (order.original, Price(1));
                let event = PerpetualEvent::Liquidating { position, account, quantity, price };
                self.happens(event);
                self.say(EventBody::Created(order));
                self.arrive(order);
            }
        }
        self.held = Some((sizes, next));
    }

    fn happens(&mut self, event: PerpetualEvent) {
        self.say(EventBody::Perpetual(event));
    }

    fn say(&mut self, body: EventBody) {
        self.sequence += 1;
        let everywhere = matches!(body, EventBody::Ticked(_));
        self.out.push_back(Event {
            sequence: Sequence(self.sequence),
            cause: Sequence(self.cause),
            time: self.now,
            instrument: if everywhere { model::InstrumentId::NONE } else { HERE },
            body,
        });
    }

    fn new_order(&mut self) -> OrderState {
        self.orders += 1 + self.dice.below(3).unsigned_abs();
        let side = if self.dice.chance(50) { Side::Buy } else { Side::Sell };
        let away = if side == Side::Buy { -4 } else { 4 };
        let price = Price(1_000 + away + self.dice.below(17) - 8);
        let quantity = Quantity(1 + self.dice.below(4));
        OrderState {
            id: OrderId(self.orders),
            account: AccountId(1 + self.dice.below(3) as u32),
            side,
            post_only: false,
            kind: if self.dice.chance(5) { OrderKind::Market } else { OrderKind::Limit(price) },
            time_in_force: if self.dice.chance(8) {
                TimeInForce::ImmediateOrCancel
            } else if self.orders.is_multiple_of(3) {
                TimeInForce::GoodTillDate(self.now + Span::seconds(9))
            } else {
                TimeInForce::GoodTillCanceled
            },
            trigger: None,
            original: quantity,
            remaining: quantity,
        }
    }

    fn place(&mut self) {
        let mut order = self.new_order();
        if self.dice.chance(10) {
            let when =
                if self.dice.chance(50) { TriggerWhen::AtOrAbove } else { TriggerWhen::AtOrBelow };
            let price = Price(990 + self.dice.below(21));
            order.trigger = Some(Trigger::at(price, when));
            self.say(EventBody::Armed(order));
            self.armed.push(order);
            return;
        }
        self.say(EventBody::Created(order));
        self.arrive(order);
        self.wake();
    }

    /// Matches an order that was told as created, and lets the rest of it rest or end.
    fn arrive(&mut self, mut taker: OrderState) {
        while !taker.remaining.is_zero() {
            let best = self.resting.iter().enumerate().filter(|(_, maker)| meet(&taker, maker));
            let Some((at, _)) = best.min_by_key(|(at, maker)| (rank(maker), *at)) else { break };
            if self.resting[at].account == taker.account && self.dice.chance(50) {
                let order = self.resting.remove(at);
                self.say(EventBody::Closed { order, reason: CloseReason::SelfTrade });
                continue;
            }
            let maker = &mut self.resting[at];
            let quantity = taker.remaining.min(maker.remaining);
            maker.remaining -= quantity;
            taker.remaining -= quantity;
            let maker = *maker;
            self.trades += 1;
            let price = maker.kind.limit().expect("what rests has a price");
            let id = TradeId(self.trades);
            self.say(EventBody::Filled(Fill {
                id,
                price,
                quantity,
                maker,
                taker,
                maker_fee: Amount(i128::from(self.trades)),
                taker_fee: Amount(i128::from(self.trades) << 70),
            }));
            if maker.remaining.is_zero() {
                self.resting.remove(at);
            }
        }
        if taker.remaining.is_zero() {
            return;
        }
        let rests =
            taker.kind.limit().is_some() && taker.time_in_force != TimeInForce::ImmediateOrCancel;
        if rests {
            self.say(EventBody::Rested(taker));
            self.resting.push(taker);
        } else {
            self.say(EventBody::Closed { order: taker, reason: CloseReason::NotFilled });
        }
    }

    /// Some stop orders wake, whatever the price: what a board shows must not depend on why.
    fn wake(&mut self) {
        while !self.armed.is_empty() && self.dice.chance(20) {
            let at = self.dice.below(self.armed.len() as i64) as usize;
            let order = self.armed.remove(at);
            self.say(EventBody::Triggered(order));
            self.say(EventBody::Created(order));
            self.arrive(order);
        }
    }

    fn cancel(&mut self) {
        let orders = self.resting.len() + self.armed.len();
        if orders == 0 {
            return;
        }
        // Now and then everything goes, so that both sides are seen empty.
        let times = if self.dice.chance(2) { orders } else { 1 };
        for _ in 0..times {
            let at = self.dice.below((self.resting.len() + self.armed.len()) as i64) as usize;
            let order = if at < self.resting.len() {
                self.resting.remove(at)
            } else {
                self.armed.remove(at - self.resting.len())
            };
            self.say(EventBody::Closed { order, reason: CloseReason::Canceled });
        }
    }

    fn replace(&mut self) {
        if self.resting.is_empty() {
            return;
        }
        let at = self.dice.below(self.resting.len() as i64) as usize;
        let old = self.resting[at];
        self.orders += 1;
        let mut new = OrderState { id: OrderId(self.orders), ..old };
        if self.dice.chance(40) {
            new.remaining = Quantity(1 + self.dice.below(old.remaining.0));
            new.original = new.remaining;
            self.resting[at] = new;
            self.say(EventBody::Replaced { old, new, kept_place: true });
        } else {
            let price = old.kind.limit().expect("what rests has a price");
            new.kind = OrderKind::Limit(Price(price.0 + self.dice.below(7) - 3));
            new.remaining = Quantity(1 + self.dice.below(4));
            new.original = new.remaining;
            self.resting.remove(at);
            self.say(EventBody::Replaced { old, new, kept_place: false });
            self.arrive(new);
        }
    }
}

fn meet(taker: &OrderState, maker: &OrderState) -> bool {
    let price = maker.kind.limit().expect("what rests has a price");
    maker.side != taker.side
        && taker.kind.limit().is_none_or(|limit| match taker.side {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        })
}

/// The better, the smaller.
fn rank(maker: &OrderState) -> i64 {
    let price = maker.kind.limit().expect("what rests has a price").0;
    if maker.side == Side::Buy { -price } else { price }
}

/// Cadences that the flow ticks.
pub const CADENCES: [Cadence; 2] = [TENTH, SECOND];
