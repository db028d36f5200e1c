//! A documented workload: the flow of events that a board's speed is stated for, from a seed.
//!
//! Not a market: nobody wants anything, and prices stay about where they begin. Each side has so many levels
//! with a few orders each. Of ten steps five place an order, mostly near the best, four cancel one, and one
//! takes the oldest of the best level; every so many events a tick lets the book speak.

use model::{
    AccountId, Amount, Cadence, CloseReason, Event, EventBody, Fill, InstrumentId, OrderId,
    OrderKind, OrderState, Price, Quantity, Sequence, Side, Time, TimeInForce, TradeId,
};

use crate::book::{SIDES, price_at};

/// What of a flow can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct FlowOptions {
    /// Where its random numbers begin.
    pub seed: u64,
    /// Levels a side.
    pub levels: usize,
    /// Orders a level, about.
    pub orders: usize,
    /// Events after those that fill the book.
    pub events: usize,
    /// A tick comes every so many events.
    pub tick_every: usize,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self { seed: 1, levels: 100, orders: 4, events: 1_000_000, tick_every: 20 }
    }
}

/// The events of a flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// These fill the book; a tick is the last.
    pub fill: Vec<Event>,
    /// These are timed.
    pub events: Vec<Event>,
}

/// The instrument of the flow.
pub const INSTRUMENT: InstrumentId = InstrumentId(0);
/// When the flow begins.
pub const START: Time = Time(1_795_305_600_000_000);
/// Microseconds between two events.
const PAUSE: i64 = 500;
/// The best ask at the start, in ticks.
const MIDDLE: i64 = 6_000_000;

/// Makes the flow.
#[must_use]
pub fn flow(options: FlowOptions) -> Flow {
    let mut maker = Maker {
        random: options.seed,
        lines: SIDES.map(|_| vec![Vec::new(); options.levels]),
        resting: 0,
        orders: 1 << 50,
        trades: 100_000_000,
        out: Vec::new(),
        sequence: 0,
    };
    for side in SIDES {
        for level in 0..options.levels {
            (0..options.orders).for_each(|_| maker.place(side, level));
        }
    }
    maker.say(EventBody::Ticked(Cadence::TENTH));
    let fill = core::mem::take(&mut maker.out);
    let full = maker.resting;
    let mut ticked = 0;
    while maker.out.len() < options.events {
        if maker.out.len() >= ticked + options.tick_every {
            ticked = maker.out.len();
            maker.say(EventBody::Ticked(Cadence::TENTH));
            continue;
        }
        let side = SIDES[maker.below(2)];
        // The nearer the best, the more often.
        let level = maker.below(options.levels).min(maker.below(options.levels));
        match maker.below(10) {
            0..5 if maker.resting < full + full / 8 => maker.place(side, level),
            9 => maker.take(side),
            _ => maker.cancel(side, level),
        }
    }
    Flow { fill, events: maker.out }
}

struct Maker {
    random: u64,
    /// Of both sides the orders at each distance from the best, the oldest first.
    lines: [Vec<Vec<OrderState>>; 2],
    resting: usize,
    orders: u64,
    trades: u64,
    out: Vec<Event>,
    sequence: u64,
}

impl Maker {
    /// A random number below `end` (SplitMix64).
    const fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) as u128 * end as u128) >> 64) as usize
    }

    fn say(&mut self, body: EventBody) {
        self.sequence += 1;
        self.out.push(Event {
            sequence: Sequence(self.sequence),
            cause: Sequence(self.sequence),
            time: Time(START.0 + self.sequence.cast_signed() * PAUSE),
            instrument: INSTRUMENT,
            body,
        });
    }

    fn order(&mut self, side: Side, price: Price, quantity: Quantity) -> OrderState {
        self.orders += 1;
        OrderState {
            id: OrderId(self.orders),
            account: AccountId(1),
            side,
            post_only: false,
            kind: OrderKind::Limit(price),
            time_in_force: TimeInForce::GoodTillCanceled,
            trigger: None,
            original: quantity,
            remaining: quantity,
        }
    }

    fn place(&mut self, side: Side, level: usize) {
        let best = match side {
            Side::Buy => MIDDLE - 1,
            Side::Sell => !MIDDLE,
        };
        let price = price_at(side, best - level as i64);
        let quantity = Quantity(1 + self.below(1_000) as i64);
        let order = self.order(side, price, quantity);
        self.say(EventBody::Created(order));
        self.say(EventBody::Rested(order));
        self.lines[side as usize][level].push(order);
        self.resting += 1;
    }

    fn cancel(&mut self, side: Side, level: usize) {
        let orders = self.lines[side as usize][level].len();
        if orders > 0 {
            let at = self.below(orders);
            let order = self.lines[side as usize][level].remove(at);
            self.say(EventBody::Closed { order, reason: CloseReason::Canceled });
            self.resting -= 1;
        }
    }

    /// Somebody takes half of the oldest order of a side, or all of it.
    fn take(&mut self, side: Side) {
        let Some(level) = self.lines[side as usize].iter().position(|line| !line.is_empty()) else {
            return;
        };
        let mut maker = self.lines[side as usize][level][0];
        let price = maker.kind.limit().expect("what rests has a price");
        let quantity = match self.below(2) {
            0 => Quantity(1.max(maker.remaining.0 / 2)),
            _ => maker.remaining,
        };
        let mut taker = self.order(side.opposite(), price, quantity);
        self.say(EventBody::Created(taker));
        maker.remaining -= quantity;
        taker.remaining = Quantity::ZERO;
        self.trades += 1;
        let id = TradeId(self.trades);
        self.say(EventBody::Filled(Fill {
            id,
            price,
            quantity,
            maker,
            taker,
            maker_fee: Amount::ZERO,
            taker_fee: Amount::ZERO,
        }));
        if maker.remaining.is_zero() {
            self.lines[side as usize][level].remove(0);
            self.resting -= 1;
        } else {
            self.lines[side as usize][level][0] = maker;
        }
    }
}
