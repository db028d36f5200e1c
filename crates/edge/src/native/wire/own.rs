//! What the native API says and takes of an account's own: who it is, what it holds, its orders and trades.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Side;

/// Whoever holds the key that was shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// What people call the account; `null` where nobody keeps names.
    #[schema(required, example = "alice")]
    pub name: Option<String>,
    /// The number by which its owner is known.
    #[schema(example = 1001)]
    pub user_id: u64,
    /// Its wallet's address.
    #[schema(required)]
    pub address: Option<String>,
    /// The key that was shown.
    pub key: KeyInUse,
}

/// The key that was shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyInUse {
    /// Its number, as in `rialto keys list`.
    #[schema(required, example = "c12")]
    pub id: Option<String>,
    /// Whether it may change anything: place and cancel orders.
    pub may_trade: bool,
    /// The instruments that it may see and trade; `null` is all.
    #[schema(required)]
    pub instruments: Option<Vec<String>>,
    /// The feeds of indexes that it may quote.
    pub quotes: Vec<FeedOfIndex>,
    /// How many requests it may make each second.
    #[schema(example = 100)]
    pub requests_per_second_max: u32,
}

/// A feed of an index.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedOfIndex {
    /// Of which perpetual.
    #[schema(example = "BTC-USD-PERP")]
    pub instrument: String,
    /// Its name.
    #[schema(example = "kraken")]
    pub constituent: String,
}

/// The account's credentials in every dialect.
#[derive(Debug, Serialize, ToSchema)]
pub struct Credentials {
    /// By number; revoked ones too.
    pub credentials: Vec<Credential>,
}

/// A credential without its secrets, which nobody is told twice.
#[derive(Debug, Serialize, ToSchema)]
pub struct Credential {
    /// Its number.
    #[schema(example = "c12")]
    pub id: String,
    /// The dialect in which it is good.
    #[schema(example = "native")]
    pub dialect: &'static str,
    /// What is shown of its key: all of it where it is no secret, else its last letters.
    pub key: String,
    /// Whether it may change anything.
    pub may_trade: bool,
    /// The instruments that it is good for, as `BTC/USD`; `null` is all.
    #[schema(required)]
    pub instruments: Option<Vec<String>>,
    /// The channels that it may hear; `null` is all.
    #[schema(required)]
    pub channels: Option<Vec<String>>,
    /// The feeds of indexes that it may quote.
    #[schema(example = json!(["kraken"]))]
    pub quotes: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub made_at: String,
    /// When it was revoked; `null` if it is good.
    #[schema(required, format = DateTime)]
    pub revoked_at: Option<String>,
}

/// What the account holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balances {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// Of each asset that it ever held.
    pub balances: Vec<Balance>,
}

/// What the account holds of an asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    /// The asset.
    #[schema(example = "USD")]
    pub asset: String,
    /// Free to be used.
    #[schema(example = "999400.0000000000")]
    pub available: String,
    /// Set aside for open orders.
    #[schema(example = "600.0000000000")]
    pub held: String,
    /// Both together.
    #[schema(example = "1000000.0000000000")]
    pub total: String,
}

/// How an order is priced, and what wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// At `price` or better.
    Limit,
    /// At any price.
    Market,
    /// A market order once a trade passes `stop_price`, or the market turns by `trail_basis_points`.
    Stop,
    /// A limit order once a trade passes `stop_price`, or the market turns by `trail_basis_points`.
    StopLimit,
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    Gtc,
    /// What does not match at once is cancelled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// Until `expires_at`.
    Gtd,
}

/// In which direction a trade must pass the stop price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerWhen {
    /// At or above it.
    AtOrAbove,
    /// At or below it.
    AtOrBelow,
}

/// An order that is asked for. Numbers are texts: `"0.05"`, not `0.05`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// What is traded.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// Buy or sell.
    pub side: Side,
    /// How it is priced, and what wakes it.
    #[serde(rename = "type")]
    pub kind: OrderType,
    /// How much, in the base asset: a multiple of the lot size. Exactly one of `quantity` and `worth`.
    #[schema(example = "0.05")]
    pub quantity: Option<String>,
    /// For a market order instead of `quantity`: as much as this buys or sells for, fees included, in the quote
    /// asset.
    pub worth: Option<String>,
    /// The limit, for limit and stop-limit orders: a multiple of the tick size.
    #[schema(example = "60000.00")]
    pub price: Option<String>,
    /// What wakes it, for stop and stop-limit orders. These have exactly one of `stop_price` and
    /// `trail_basis_points`.
    pub stop_price: Option<String>,
    /// Instead of `stop_price`: how far, in hundredths of a percent, the market has to turn from the best trade since
    /// it was placed. That is the highest one where it is woken at or below, and the lowest where at or above.
    #[schema(minimum = 1, maximum = 9999, example = 250)]
    pub trail_basis_points: Option<u16>,
    /// In which direction; unsaid, a buy wakes at or above the stop price and a sell at or below.
    pub stop_when: Option<TriggerWhen>,
    /// How long it lives; unsaid, `gtc`, and `ioc` for market and stop orders.
    pub time_in_force: Option<TimeInForce>,
    /// Until when, for `gtd`, in market time.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Cancelled rather than matched on arrival. For limit and stop-limit orders.
    #[serde(default)]
    #[schema(default = false)]
    pub post_only: bool,
    /// Only in perpetuals: it may make a position smaller, and nothing else.
    #[serde(default)]
    #[schema(default = false)]
    pub reduce_only: bool,
    /// Your own name for it: at most 64 letters, digits and `-_.:`.
    #[schema(max_length = 64, pattern = "^[0-9A-Za-z._:-]{1,64}$", example = "my-first")]
    pub client_order_id: Option<String>,
}

/// Another price and another open quantity for a resting limit order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The new limit.
    #[schema(example = "59900.00")]
    pub price: String,
    /// The new open quantity: what is filled already is not counted.
    #[schema(example = "0.04")]
    pub quantity: String,
    /// Your own name for the new order: at most 64 letters, digits and `-_.:`.
    #[schema(max_length = 64, pattern = "^[0-9A-Za-z._:-]{1,64}$")]
    pub client_order_id: Option<String>,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// It waits for its stop price.
    Armed,
    /// Its stop price was passed, and it is about to be open.
    Triggered,
    /// Open in the book.
    Open,
    /// All of it was filled.
    Filled,
    /// Its owner cancelled it.
    Canceled,
    /// Its time came.
    Expired,
    /// `ioc`, or market: nobody was left to match.
    NotFilled,
    /// `fok`: it could not be filled whole.
    Killed,
    /// Post-only: it would have matched.
    WouldMatch,
    /// It would have met an order of its own account.
    SelfTrade,
    /// It was woken and could not be paid for.
    Unfunded,
    /// Another order took its place.
    Replaced,
}

/// An order of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Order {
    /// Its id.
    #[schema(example = "1125899906842625")]
    pub id: String,
    /// Your own name for it.
    #[schema(required)]
    pub client_order_id: Option<String>,
    /// What is traded.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// Buy or sell.
    pub side: Side,
    /// How it is priced, and what wakes it.
    #[serde(rename = "type")]
    pub kind: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Until when, for `gtd`.
    #[schema(required, format = DateTime)]
    pub expires_at: Option<String>,
    /// Whether it is cancelled rather than matched on arrival.
    pub post_only: bool,
    /// Whether it may only make a position smaller.
    pub reduce_only: bool,
    /// The limit.
    #[schema(required, example = "60000.00")]
    pub price: Option<String>,
    /// What wakes it, or woke it; of a trailing stop, what would have when it was placed.
    #[schema(required)]
    pub stop_price: Option<String>,
    /// How far behind the best trade a trailing stop is, in hundredths of a percent.
    #[schema(required, minimum = 1, maximum = 9999)]
    pub trail_basis_points: Option<u16>,
    /// In which direction.
    #[schema(required)]
    pub stop_when: Option<TriggerWhen>,
    /// What was asked for.
    #[schema(example = "0.05000000")]
    pub quantity: String,
    /// What is still open, or was given up when it ended.
    #[schema(example = "0.03000000")]
    pub remaining: String,
    /// What was filled.
    #[schema(example = "0.02000000")]
    pub filled: String,
    /// Σ price × quantity of its trades, in the quote asset: over `filled` it is the average price.
    #[schema(example = "1200.0000000000")]
    pub filled_value: String,
    /// What was paid for its trades, in the quote asset; of a perpetual, in its margin asset.
    #[schema(example = "2.4000000000")]
    pub fees_paid: String,
    /// How it stands.
    pub status: OrderStatus,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When anything happened to it last.
    #[schema(format = DateTime)]
    pub changed_at: String,
    /// The order whose place it took.
    #[schema(required)]
    pub replaces: Option<String>,
    /// The order that took its place.
    #[schema(required)]
    pub replaced_by: Option<String>,
}

/// An order and its trades.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderStory {
    /// The order.
    pub order: Order,
    /// Its trades that are remembered, the oldest first; of one just placed, those of its arrival.
    pub trades: Vec<OwnTrade>,
}

/// Orders of the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Orders {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// As they were asked for.
    pub orders: Vec<Order>,
}

/// Orders that were cancelled together.
#[derive(Debug, Serialize, ToSchema)]
pub struct Canceled {
    /// Their ids.
    #[schema(example = json!(["1125899906842625"]))]
    pub canceled: Vec<String>,
}

/// An order's part in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// It rested.
    Maker,
    /// It arrived.
    Taker,
}

/// The account's part in a trade. Who trades with itself has two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnTrade {
    /// The trade's id.
    #[schema(example = "100000001")]
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// Where.
    #[schema(example = "BTC-USD")]
    pub instrument: String,
    /// The account's own order.
    #[schema(example = "1125899906842625")]
    pub order_id: String,
    /// Your own name for that order.
    #[schema(required)]
    pub client_order_id: Option<String>,
    /// That order's side.
    pub side: Side,
    /// At which price.
    #[schema(example = "60000.00")]
    pub price: String,
    /// How much.
    #[schema(example = "0.02000000")]
    pub quantity: String,
    /// What the account paid for it.
    #[schema(example = "2.4000000000")]
    pub fee: String,
    /// In which asset.
    #[schema(example = "USD")]
    pub fee_asset: String,
    /// Whether its order rested or arrived.
    pub liquidity: Liquidity,
    /// The other order, if that is the account's own as well.
    #[schema(required)]
    pub self_trade_with: Option<String>,
}

/// Trades of the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnTrades {
    /// Market time at which it was so.
    #[schema(format = DateTime)]
    pub time: String,
    /// As they were asked for.
    pub trades: Vec<OwnTrade>,
}
