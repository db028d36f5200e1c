//! What the native API says, as JSON: the market. What is an account's own is in [`own`], what is told of
//! connections in [`connection`].
//!
//! Prices, quantities and amounts are texts with exact decimals; ids are texts; times are RFC 3339 in UTC with
//! microseconds. The OpenAPI document is made of these types.

use serde::Serialize;
use utoipa::ToSchema;

pub mod connection;
pub mod index;
pub mod own;
pub mod perpetual;

/// How the venue stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// What is served.
    #[schema(example = "the built-in demo")]
    pub venue: String,
    /// The version of this server.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// Whether new clients are welcome.
    pub ready: bool,
    /// Market time now.
    #[schema(format = DateTime, example = "2026-01-05T09:00:00.000000Z")]
    pub time: String,
    /// What market time was when the doors opened.
    #[schema(format = DateTime, example = "2026-01-05T09:00:00.000000Z")]
    pub opened_at: String,
    /// How fast market time runs, in times of the wall's clock.
    #[schema(example = "1.000")]
    pub speed: String,
    /// What the crowd is seeded with: the same seed and clock give the same market. `null` where there is no crowd.
    #[schema(required, example = "7")]
    pub seed: Option<String>,
}

/// What is kept of the venue.
#[derive(Debug, Serialize, ToSchema)]
pub struct State {
    /// Whether new clients are welcome.
    pub ready: bool,
    /// Market time now.
    #[schema(format = DateTime, example = "2026-01-05T09:00:00.000000Z")]
    pub time: String,
    /// How its journal stands. `null` where nothing is kept.
    #[schema(required)]
    pub journal: Option<Journal>,
}

/// How a journal stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Journal {
    /// When something counts as durable: `sync`, when the disk has said so; `batch` and `none`, when the system has it.
    #[schema(example = "sync")]
    pub durability: &'static str,
    /// Whether it can be written. If not, nothing is taken any more.
    pub writes: bool,
    /// Why not.
    #[schema(required)]
    pub failure: Option<String>,
    /// Which life of the market this is, from 1.
    pub epoch: u32,
    /// Commands up to this one are durable.
    pub commands: u64,
    /// How many events the digest stands for.
    pub events: u64,
    /// The digest of all events up to there.
    #[schema(example = "761d2fbe57bbb253")]
    pub digest: String,
    /// The last image of the whole market: a start runs again what is behind it.
    #[schema(required)]
    pub image: Option<ImageTaken>,
    /// Why the last image was not taken, if the next may be.
    #[schema(required)]
    pub image_failure: Option<String>,
    /// What was done again, and was not what was done: no image is taken any more, and somebody should look.
    #[schema(required)]
    pub alarm: Option<String>,
}

/// An image of the whole market.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageTaken {
    /// The segment of the journal that it stands behind.
    pub segment: u64,
    /// The last command in it.
    pub command: u64,
    /// How long it is.
    pub bytes: u64,
    /// When it was taken, by the wall's clock; null if that was before this life.
    #[schema(required, format = DateTime, example = "2026-11-22T09:30:00.123456Z")]
    pub taken_at: Option<String>,
    /// How many milliseconds that took, what is behind the image before included; 0 if it was before this life.
    pub took_ms: u64,
}

/// What is traded, with its rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct Instrument {
    /// By which it is known here.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// What it is, for people.
    #[schema(example = "Bitcoin / U.S. dollar")]
    pub description: String,
    /// What is bought.
    #[schema(example = "BTC")]
    pub base: String,
    /// What it is priced in.
    #[schema(example = "USD")]
    pub quote: String,
    /// The smallest step of a price.
    #[schema(example = "0.01")]
    pub tick_size: String,
    /// The smallest step of a quantity.
    #[schema(example = "0.00000001")]
    pub lot_size: String,
    /// The smallest order.
    pub minimum: Minimum,
    /// What it lets people do.
    pub status: InstrumentStatus,
    /// What trades cost.
    pub fees: Fees,
    /// Its terms, if it is a perpetual; `null` if it is a spot instrument.
    #[schema(required)]
    pub perpetual: Option<perpetual::Terms>,
    /// Its name in each dialect that lists it.
    pub symbols: std::collections::BTreeMap<String, String>,
}

/// The smallest order: of these two, the one that is not `null`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Minimum {
    /// Price × quantity, in the quote asset.
    #[schema(required, example = "10")]
    pub value: Option<String>,
    /// In the base asset.
    #[schema(required)]
    pub quantity: Option<String>,
}

/// What an instrument lets people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentStatus {
    /// Everything.
    Trading,
    /// Only orders that rest, and cancels.
    PostOnly,
    /// Only cancels.
    CancelOnly,
    /// Nothing at all.
    Halted,
}

/// What trades cost, as parts of price × quantity, paid in the quote asset.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Fees {
    /// The resting order.
    #[schema(example = "0.001000")]
    pub maker: String,
    /// The arriving order.
    #[schema(example = "0.002000")]
    pub taker: String,
}

/// All instruments.
#[derive(Debug, Serialize, ToSchema)]
pub struct Instruments {
    /// In the order of the configuration.
    pub instruments: Vec<Instrument>,
}

/// A book by level, as subscribers were told it last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Book {
    /// Whose.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// The stamp of this state.
    #[schema(format = DateTime)]
    pub time: String,
    /// Best first: descending.
    pub bids: Vec<Level>,
    /// Best first: ascending.
    pub asks: Vec<Level>,
}

/// All open quantity at one price.
#[derive(Debug, Serialize, ToSchema)]
pub struct Level {
    /// The price.
    #[schema(example = "60000.00")]
    pub price: String,
    /// How much.
    #[schema(example = "0.05000000")]
    pub quantity: String,
}

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Gives quote, takes base.
    Buy,
    /// Gives base, takes quote.
    Sell,
}

/// A trade as the public sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicTrade {
    /// Its id.
    #[schema(example = "100000001")]
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// At which price.
    #[schema(example = "60000.00")]
    pub price: String,
    /// How much.
    #[schema(example = "0.05000000")]
    pub quantity: String,
    /// The side of the order that arrived.
    pub aggressor: Side,
}

/// Trades of an instrument.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicTrades {
    /// Whose.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// The newest first.
    pub trades: Vec<PublicTrade>,
}

/// What happened to the price in one interval.
#[derive(Debug, Serialize, ToSchema)]
pub struct Candle {
    /// When the interval began.
    #[schema(format = DateTime)]
    pub start: String,
    /// The first price.
    #[schema(example = "60000.00")]
    pub open: String,
    /// The highest price.
    #[schema(example = "60010.00")]
    pub high: String,
    /// The lowest price.
    #[schema(example = "59990.00")]
    pub low: String,
    /// The last price.
    #[schema(example = "60005.00")]
    pub close: String,
    /// How much was traded.
    #[schema(example = "1.25000000")]
    pub volume: String,
    /// How many trades.
    pub trades: u64,
}

/// Candles of an instrument. There is none for an interval without a trade.
#[derive(Debug, Serialize, ToSchema)]
pub struct Candles {
    /// Whose.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// How long each.
    pub interval: CandleInterval,
    /// The oldest first; the last may still be running.
    pub candles: Vec<Candle>,
}

/// The length of a candle. Starts are aligned in UTC: weeks begin on Monday, months on the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub enum CandleInterval {
    /// A second.
    #[serde(rename = "1s")]
    Second,
    /// Ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// A minute.
    #[serde(rename = "1m")]
    Minute,
    /// Three minutes.
    #[serde(rename = "3m")]
    ThreeMinutes,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// A quarter of an hour.
    #[serde(rename = "15m")]
    QuarterHour,
    /// Half an hour.
    #[serde(rename = "30m")]
    HalfHour,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
    /// Two hours.
    #[serde(rename = "2h")]
    TwoHours,
    /// Four hours.
    #[serde(rename = "4h")]
    FourHours,
    /// Six hours.
    #[serde(rename = "6h")]
    SixHours,
    /// Eight hours.
    #[serde(rename = "8h")]
    EightHours,
    /// Twelve hours.
    #[serde(rename = "12h")]
    HalfDay,
    /// A day.
    #[serde(rename = "1d")]
    Day,
    /// Three days.
    #[serde(rename = "3d")]
    ThreeDays,
    /// A week.
    #[serde(rename = "1w")]
    Week,
    /// A month.
    #[serde(rename = "1mo")]
    Month,
}

/// Rolling statistics of the last 24 hours. Prices are `null` where nothing has traded or nothing rests.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ticker {
    /// Whose.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// When it was computed.
    #[schema(format = DateTime)]
    pub time: String,
    /// The last price.
    #[schema(required)]
    pub last: Option<String>,
    /// The best bid.
    #[schema(required)]
    pub bid: Option<String>,
    /// The best ask.
    #[schema(required)]
    pub ask: Option<String>,
    /// The price at the start of the window.
    #[schema(required)]
    pub open: Option<String>,
    /// The highest price in the window.
    #[schema(required)]
    pub high: Option<String>,
    /// The lowest price in the window.
    #[schema(required)]
    pub low: Option<String>,
    /// How much was traded in the window.
    #[schema(example = "12.50000000")]
    pub volume: String,
    /// How many trades in the window.
    pub trades: u64,
}
