//! A documented workload: the flow of commands that the engine's speed is stated for, from a seed.
//!
//! A hundred thousand orders rest in one instrument, then of a hundred commands 60 place a limit order near the
//! touch, 30 cancel an open order, 8 place a marketable order, 2 replace an open order. Not the crowd: nobody
//! here wants anything. It is made by running an engine beside it, so that cancels name orders that are open.

use crate::engine::Engine;
use model::{
    AccountId, Action, Amount, Assets, Command, Event, EventBody, Instrument, InstrumentId,
    Minimum, NewOrder, OrderId, OrderKind, Price, Quantity, Sequence, Side, Time, TimeInForce,
};

/// Random numbers from a seed, the same everywhere (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `end`, which is not 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        ((self.next_u64() as u128 * end as u128) >> 64) as u64
    }
}

/// What of a flow can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct FlowOptions {
    /// Where its random numbers begin.
    pub seed: u64,
    /// Orders that rest before it begins, and about as many all along.
    pub resting: usize,
    /// Commands after these.
    pub commands: usize,
    /// Accounts that send them.
    pub accounts: u32,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self { seed: 1, resting: 100_000, commands: 1_000_000, accounts: 1_000 }
    }
}

/// The commands of a flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// These give the accounts what they trade with, then fill the book.
    pub fill: Vec<Command>,
    /// These are timed.
    pub commands: Vec<Command>,
}

/// The instrument of the flow: a cent a tick, and no minimum to speak of.
#[must_use]
pub fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    }
}

/// Where the market of the flow starts: 60,000.00.
const START: i64 = 6_000_000;
/// Levels a side over which orders near the touch spread; half of them within a quarter of it.
const SPREAD: u64 = 1_000;
/// Lots of an order: 1 to this.
const LOTS: u64 = 1_000;

/// Deposits that make an account so rich in all assets that it never lacks anything in what people do with it,
/// yet thousands such accounts can be.
pub fn riches(assets: &Assets, account: AccountId) -> impl Iterator<Item = Action> + use<'_> {
    let amount = Amount(1 << 100);
    assets.all().iter().map(move |asset| Action::Deposit { account, asset: asset.id, amount })
}

/// The engine with such riches in the accounts of these numbers, before anything happens.
#[must_use]
pub fn enriched(mut engine: Engine, accounts: core::ops::RangeInclusive<u32>) -> Engine {
    let assets = engine.assets().clone();
    let mut out = Vec::new();
    for action in accounts.flat_map(|account| riches(&assets, AccountId(account))) {
        let command = Command { sequence: Sequence(0), time: Time(i64::MIN), action };
        engine.apply(&command, &mut out);
        out.clear();
    }
    engine
}

/// Makes the flow. Takes about as long as running it twice.
#[must_use]
pub fn flow(options: FlowOptions) -> Flow {
    let mut maker = Maker {
        random: Random::new(options.seed),
        options,
        engine: Engine::new(&[instrument()]),
        events: Vec::new(),
        open: Vec::with_capacity(options.resting * 2),
        sequence: 0,
    };
    let mut fill = Vec::new();
    let assets = maker.engine.assets().clone();
    for account in 1..=options.accounts {
        let deposits = riches(&assets, AccountId(account));
        fill.extend(deposits.map(|deposit| maker.command(deposit)));
    }
    fill.extend((0..options.resting).map(|_| {
        let action = maker.near();
        maker.command(action)
    }));
    let commands = (0..options.commands)
        .map(|_| {
            let action = match maker.random.below(100) {
                0..60 => maker.near(),
                60..90 => maker.cancel(),
                90..98 => maker.marketable(),
                _ => maker.replace(),
            };
            maker.command(action)
        })
        .collect();
    Flow { fill, commands }
}

struct Maker {
    random: Random,
    options: FlowOptions,
    engine: Engine,
    events: Vec<Event>,
    /// Orders that rested once; those that have gone are noticed when drawn.
    open: Vec<OrderId>,
    sequence: u64,
}

impl Maker {
    fn command(&mut self, action: Action) -> Command {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            time: Time(1_795_305_600_000_000 + self.sequence as i64),
            action,
        };
        self.events.clear();
        self.engine.apply(&command, &mut self.events);
        for event in &self.events {
            match event.body {
                EventBody::Rested(order) => self.open.push(order.id),
                EventBody::Replaced { new, kept_place: true, .. } => self.open.push(new.id),
                _ => {}
            }
        }
        command
    }
    fn side(&mut self) -> Side {
        if self.random.below(2) == 0 { Side::Buy } else { Side::Sell }
    }
    fn best(&self, side: Side) -> i64 {
        let best = self.engine.best(InstrumentId(0), side).map(|level| level.price.0);
        best.unwrap_or(match side {
            Side::Buy => START,
            Side::Sell => START + 1,
        })
    }
    /// A price on this side that does not cross: mostly near the best opposite one, sometimes better than the
    /// best of its own side.
    fn near_price(&mut self, side: Side) -> Price {
        let span = if self.random.below(2) == 0 { SPREAD / 4 } else { SPREAD };
        let away = 1 + self.random.below(span) as i64;
        let opposite = self.best(side.opposite());
        Price(match side {
            Side::Buy => opposite - away,
            Side::Sell => opposite + away,
        })
    }
    fn order(&mut self, side: Side, kind: OrderKind, quantity: Quantity) -> Action {
        let time_in_force = match kind {
            OrderKind::Limit(_) => TimeInForce::GoodTillCanceled,
            OrderKind::Market => TimeInForce::ImmediateOrCancel,
        };
        Action::Place(NewOrder {
            account: AccountId(1 + self.random.below(u64::from(self.options.accounts)) as u32),
            instrument: InstrumentId(0),
            side,
            kind,
            quantity,
            time_in_force,
            post_only: false,
            trigger: None,
        })
    }
    fn near(&mut self) -> Action {
        let side = self.side();
        let price = self.near_price(side);
        let quantity = Quantity(1 + self.random.below(LOTS) as i64);
        self.order(side, OrderKind::Limit(price), quantity)
    }
    /// Half market orders, half limit orders well through the market. The size holds the book at its number:
    /// of a hundred commands 60 add an order and 30 take one, so that 8 of these take about 30 together.
    fn marketable(&mut self) -> Action {
        let side = self.side();
        let crowded = self.engine.open_orders_count() as usize > self.options.resting;
        let about = if crowded { 5 } else { 3 };
        let quantity = Quantity(1 + self.random.below(LOTS * about) as i64);
        let kind = if self.random.below(2) == 0 {
            OrderKind::Market
        } else {
            let opposite = self.best(side.opposite());
            let through = SPREAD as i64;
            OrderKind::Limit(Price(match side {
                Side::Buy => opposite + through,
                Side::Sell => opposite - through,
            }))
        };
        self.order(side, kind, quantity)
    }
    /// An order that is open, any one as likely as another.
    fn draw(&mut self) -> Option<model::OrderState> {
        while !self.open.is_empty() {
            let place = self.random.below(self.open.len() as u64) as usize;
            match self.engine.order(self.open[place]) {
                Some(order) => return Some(order),
                None => self.open.swap_remove(place),
            };
        }
        None
    }
    fn cancel(&mut self) -> Action {
        let Some(order) = self.draw() else { return self.near() };
        Action::Cancel { account: order.account, instrument: InstrumentId(0), order: order.id }
    }
    /// Half of them shrink where they stand, half move.
    fn replace(&mut self) -> Action {
        let Some(order) = self.draw() else { return self.near() };
        let shrink = self.random.below(2) == 0 && order.remaining.0 > 1;
        let (price, quantity) = if shrink {
            let price = order.kind.limit().expect("what rests has a limit");
            (price, Quantity(order.remaining.0 / 2))
        } else {
            (self.near_price(order.side), Quantity(1 + self.random.below(LOTS) as i64))
        };
        Action::Replace {
            account: order.account,
            instrument: InstrumentId(0),
            order: order.id,
            price,
            quantity,
        }
    }
}
