//! What encoding costs: one frame of each hot kind, as Bitstamp's dialect writes it, beside the same content
//! written plainly with serde, taken in turns in one thread. Of a book twice: one that has no level of the book before it,
//! and one in which ten of 200 are others.
//!
//! A round is short, so that most rounds are not disturbed; the median counts, and the fastest round tells what a
//! quiet machine would say.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use clap::Args;
use dialects::bitstamp::{Bitstamp, NAME, Options as Bitstamped};
use dialects::{Dialect, FrameBuilder, Subject};
use model::{
    BookSide, BookUpdate, Cadence, Decimal, Instrument, InstrumentId, Level, Listing, Minimum,
    OrderId, Price, Quantity, Sequence, Side, Time, Topic, TopicKind, Trade, TradeId, Update,
};
use serde::Serialize;
use serde_json::json;

use super::numbers::median;

/// What the project promises of a trade, in ns.
pub const TRADE_TARGET_NS: u64 = 80;
/// What it aims at.
pub const TRADE_AIM_NS: u64 = 60;
/// What it promises of a book of 200 levels.
pub const BOOK_TARGET_NS: u64 = 4_500;
/// What it promises of one in which ten levels are others than in the book before it.
pub const CHANGED_TARGET_NS: u64 = 600;

/// Options of `rialto bench encode`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// How many rounds, each a millisecond or less; the median counts
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
}

/// What one kind of frame costs, in ns a frame.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes of a frame.
    pub bytes: usize,
    /// Median of the rounds.
    pub ns: u64,
    /// The fastest round.
    pub ns_min: u64,
    /// Written plainly: median of the rounds.
    pub plain_ns: u64,
    /// The fastest of those.
    pub plain_ns_min: u64,
}

/// What encoding costs.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How many rounds.
    pub rounds: u32,
    /// A trade.
    pub trade: Cost,
    /// A book of 100 levels a side.
    pub book: Cost,
    /// The same where ten levels are others than in the book before it.
    pub changed: Cost,
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let cost = |cost: &Cost| {
            json!({
                "bytes": cost.bytes,
                "ns": cost.ns,
                "ns_min": cost.ns_min,
                "plain_ns": cost.plain_ns,
                "plain_ns_min": cost.plain_ns_min,
            })
        };
        json!({
            "bench": "encode",
            "rounds": self.rounds,
            "trade": cost(&self.trade),
            "book": cost(&self.book),
            "book_ten_changed": cost(&self.changed),
            "trade_target_ns": TRADE_TARGET_NS,
            "book_target_ns": BOOK_TARGET_NS,
            "book_ten_changed_target_ns": CHANGED_TARGET_NS,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "encode: median of {} rounds (fastest), ns a frame", self.rounds)?;
        let line = |what, cost: &Cost, target| {
            let Cost { bytes, ns, ns_min, plain_ns, plain_ns_min } = cost;
            format!(
                "  {what} of {bytes} B: {ns} ({ns_min}), plainly with serde {plain_ns} ({plain_ns_min}); \
                 target: at most {target}"
            )
        };
        writeln!(f, "{}", line("trade", &self.trade, TRADE_TARGET_NS))?;
        writeln!(f, "{}", line("book of 200 levels, none as before,", &self.book, BOOK_TARGET_NS))?;
        write!(f, "{}", line("book of 200 levels, ten changed,", &self.changed, CHANGED_TARGET_NS))
    }
}

const HERE: InstrumentId = InstrumentId(0);
const SYMBOL: &str = "btcusd";
const LEVELS: usize = 100;
/// Other frames than the last one, so that nothing is learnt by heart.
const VARIETY: usize = 64;
/// Frames of a round.
const TRADES: usize = 2_048;
const BOOKS: usize = VARIETY;

/// Encodes, and measures.
///
/// # Errors
/// None that is known of; the listing is in order.
pub fn run(options: &Options) -> Result<Report, String> {
    let listing = listing();
    let dialect = Bitstamp::new(std::slice::from_ref(&listing), Bitstamped::default())
        .map_err(|error| format!("failed to make the dialect: {error}"))?;
    let (dialect, rules): (&dyn Dialect, &Instrument) = (&dialect, &listing.instrument);
    let mut dice = Dice(7);
    let trades: Vec<Trade> = (0..VARIETY).map(|_| dice.trade()).collect();
    let books: Vec<[Vec<Level>; 2]> = (0..VARIETY).map(|_| dice.book()).collect();
    let steps = dice.steps();

    let trades_of = Subject::from(Topic::of(HERE, TopicKind::Trades));
    let trade = measure(
        options.rounds,
        TRADES,
        |at, out| {
            let update = Update::Trade(black_box(&trades[at % VARIETY]));
            dialect.encode(&trades_of, &update, Sequence(at as u64), out)
        },
        |at, out| plain_trade(rules, black_box(&trades[at % VARIETY]), out.text_mut()),
    );
    let kind = TopicKind::Book { depth: LEVELS as u16, cadence: Cadence::TENTH };
    let book_of = Subject::from(Topic::of(HERE, kind));
    let of_books = |books: &[[Vec<Level>; 2]]| {
        let update = |at: usize| {
            let [bids, asks] = black_box(&books[at % VARIETY]);
            let time = Time(1_795_348_800_000_000 + at as i64);
            BookUpdate { time, bids: BookSide::new(bids), asks: BookSide::new(asks) }
        };
        measure(
            options.rounds,
            BOOKS,
            |at, out| dialect.encode(&book_of, &Update::Book(update(at)), Sequence(at as u64), out),
            |at, out| plain_book(rules, &update(at), out.text_mut()),
        )
    };
    let (book, changed) = (of_books(&books), of_books(&steps));
    Ok(Report { rounds: options.rounds, trade, book, changed })
}

fn measure(
    rounds: u32,
    frames: usize,
    mut ours: impl FnMut(usize, &mut FrameBuilder) -> bool,
    mut plain: impl FnMut(usize, &mut FrameBuilder) -> bool,
) -> Cost {
    let mut out = FrameBuilder::new();
    let mut round = |write: &mut dyn FnMut(usize, &mut FrameBuilder) -> bool| {
        let begun = Instant::now();
        for at in 0..frames {
            out.clear();
            assert!(write(at, &mut out), "every frame has something to say");
            black_box(out.text());
        }
        let ns = begun.elapsed().as_nanos() as u64 / frames as u64;
        (ns, out.text().len())
    };
    let (mut hot, mut slow, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let (ns, length) = round(&mut ours);
        hot.push(ns);
        bytes = length;
        slow.push(round(&mut plain).0);
    }
    let (ns, plain_ns) = (median(&mut hot), median(&mut slow));
    Cost { bytes, ns, ns_min: hot[0], plain_ns, plain_ns_min: slow[0] }
}

fn listing() -> Listing {
    Listing {
        instrument: Instrument {
            id: HERE,
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals: 2,
            tick_units: 1,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        },
        description: "Bitcoin / U.S. dollar".into(),
        symbols: vec![(NAME.into(), SYMBOL.into())],
    }
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as i64 % end
    }
    fn quantity(&mut self) -> Quantity {
        // Mostly less than a coin, sometimes many.
        let end = [1_000_000, 50_000_000, 100_000_000, 2_000_000_000][self.below(4) as usize];
        Quantity(1 + self.below(end))
    }
    fn trade(&mut self) -> Trade {
        Trade {
            id: TradeId(100_000_001 + self.below(1 << 30) as u64),
            time: Time(1_795_348_800_000_000 + self.below(1 << 30)),
            price: Price(5_500_000 + self.below(1_000_000)),
            quantity: self.quantity(),
            aggressor: if self.below(2) == 0 { Side::Buy } else { Side::Sell },
            maker: OrderId((1 << 50) + self.below(1 << 30) as u64),
            taker: OrderId((1 << 50) + self.below(1 << 30) as u64),
            maker_account: None,
            taker_account: None,
        }
    }
    fn book(&mut self) -> [Vec<Level>; 2] {
        [-1, 1].map(|away| {
            let mut price = 6_000_000;
            let mut levels: Vec<Level> = (0..LEVELS)
                .map(|_| {
                    price += away * (1 + self.below(500));
                    Level { price: Price(price), quantity: self.quantity() }
                })
                .collect();
            levels.reverse();
            levels
        })
    }
}

impl Dice {
    /// Books each of which has ten other levels than the one before it, the first and the last as well: eight have another
    /// quantity, and on each side one comes and the worst leaves. There, and back the same way.
    fn steps(&mut self) -> Vec<[Vec<Level>; 2]> {
        let mut books = vec![self.book()];
        while books.len() <= VARIETY / 2 {
            let mut book = books[books.len() - 1].clone();
            for side in &mut book {
                for at in 0..4 {
                    let at = at * LEVELS / 4 + self.below(LEVELS as i64 / 4) as usize;
                    side[at].quantity = self.quantity();
                }
                // Farther from the touch, so that a new level has a price of its own between two others.
                let at = 1 + self.below(LEVELS as i64 - 1) as usize;
                let between = Price(side[at - 1].price.0.midpoint(side[at].price.0));
                if between != side[at - 1].price && between != side[at].price {
                    side.insert(at, Level { price: between, quantity: self.quantity() });
                    side.remove(0);
                }
            }
            books.push(book);
        }
        let back: Vec<_> = books[1..VARIETY / 2].iter().rev().cloned().collect();
        books.extend(back);
        books
    }
}

#[derive(Serialize)]
struct Plain<D> {
    data: D,
    channel: String,
    event: &'static str,
}

#[derive(Serialize)]
struct PlainTrade {
    id: u64,
    timestamp: String,
    amount: f64,
    amount_str: String,
    price: f64,
    price_str: String,
    r#type: u8,
    microtimestamp: String,
    buy_order_id: u64,
    sell_order_id: u64,
}

#[derive(Serialize)]
struct PlainBook {
    timestamp: String,
    microtimestamp: String,
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

/// What one writes first: structs of texts and floats. Not byte for byte what is sent, as a float has another
/// spelling.
fn plain_trade(rules: &Instrument, trade: &Trade, out: &mut Vec<u8>) -> bool {
    let (amount, price) = (quantity(rules, trade.quantity), price(rules, trade.price));
    let data = PlainTrade {
        id: trade.id.0,
        timestamp: trade.time.seconds().to_string(),
        amount: amount.parse().expect("a decimal is a float"),
        amount_str: amount,
        price: price.parse().expect("a decimal is a float"),
        price_str: price,
        r#type: u8::from(trade.aggressor == Side::Sell),
        microtimestamp: trade.time.floor_to_millis().micros().to_string(),
        buy_order_id: trade.buyer().0,
        sell_order_id: trade.seller().0,
    };
    write(&Plain { data, channel: format!("live_trades_{SYMBOL}"), event: "trade" }, out)
}

fn plain_book(rules: &Instrument, book: &BookUpdate<'_>, out: &mut Vec<u8>) -> bool {
    let side = |side: BookSide<'_>| {
        let level = |level: &Level| [price(rules, level.price), quantity(rules, level.quantity)];
        side.best_first().map(level).collect()
    };
    let data = PlainBook {
        timestamp: book.time.seconds().to_string(),
        microtimestamp: book.time.micros().to_string(),
        bids: side(book.bids),
        asks: side(book.asks),
    };
    write(&Plain { data, channel: format!("order_book_{SYMBOL}"), event: "data" }, out)
}

fn price(rules: &Instrument, price: Price) -> String {
    Decimal { units: rules.price_units(price), decimals: rules.price_decimals }.to_string()
}

fn quantity(rules: &Instrument, quantity: Quantity) -> String {
    let units = rules.quantity_units(quantity);
    Decimal { units, decimals: rules.quantity_decimals }.to_string()
}

fn write(frame: &impl Serialize, out: &mut Vec<u8>) -> bool {
    serde_json::to_writer(out, frame).is_ok()
}
