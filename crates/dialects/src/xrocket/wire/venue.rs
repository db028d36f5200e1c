//! What a venue says: replies to what was asked, and pushes. Sections A4 and A5.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::rows::Rows;

/// Any message of the venue: a reply has an id, a push has a method.
///
/// ```json
/// {"id":"1","result":{"success":true}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// Whose reply it is; as it was sent.
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    /// What was asked for.
    #[serde(borrow, default)]
    pub result: Option<&'a RawValue>,
    /// Why it was not done.
    #[serde(borrow, default)]
    pub error: Option<ErrorData<'a>>,
    /// `subscription`
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    /// What is pushed.
    #[serde(borrow, default)]
    pub params: Option<Push<'a>>,
}

/// Why something was not done. Section A4.2.
///
/// ```json
/// {"code":-32034,"message":"User Blocked","data":{"detail":"Invalid authentication"}}
/// ```
#[derive(Debug, Deserialize)]
pub struct ErrorData<'a> {
    /// One of twenty-one.
    pub code: i32,
    /// Its short name.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
}

/// What is pushed, and to which subscription.
#[derive(Debug, Deserialize)]
pub struct Push<'a> {
    /// `trades`
    #[serde(borrow)]
    pub channel: Cow<'a, str>,
    /// `BTC-USDT`
    #[serde(borrow, default)]
    pub symbol: Option<Cow<'a, str>>,
    /// Depends on the channel.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// A book: the reply to its subscription, or its push. Section A5.3.
///
/// ```json
/// {"snapshot":false,"sequence":"3262786979","bids":[["51190.00","0.45054140"]],"asks":[["51205.00","0"]],
///  "askTotalAmount":"1239.22351","bidTotalAmount":"1156.45678"}
/// ```
#[derive(Debug, Deserialize)]
pub struct BookData<'a> {
    /// Whether it replaces what was known; absent in the reply, which always does.
    #[serde(default)]
    pub snapshot: Option<bool>,
    /// Counts the updates of the view.
    pub sequence: &'a str,
    /// Price and size, descending.
    #[serde(borrow)]
    pub bids: Rows<'a, 2>,
    /// Price and size, ascending.
    #[serde(borrow)]
    pub asks: Rows<'a, 2>,
}

/// Trades. Section A5.4.
#[derive(Debug, Deserialize)]
pub struct TradesData<'a> {
    /// The oldest first.
    #[serde(borrow)]
    pub trades: Vec<TradeData<'a>>,
}

/// A trade.
///
/// ```json
/// {"tradeId":"3262786978","price":"51200.00","side":"buy","time":"2024-12-19T10:44:17.347Z","size":"0.15000000"}
/// ```
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeData<'a> {
    /// Its id.
    pub trade_id: &'a str,
    /// In the quote asset.
    pub price: &'a str,
    /// The taker's side.
    pub side: &'a str,
    /// When.
    pub time: &'a str,
    /// In the base asset.
    pub size: &'a str,
}

/// Statistics. Section A5.1: all members are always there.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TickerData<'a> {
    /// `BTC-USDT`
    pub symbol: &'a str,
    /// When the window begins.
    pub start_time: &'a str,
    /// When it ends.
    pub end_time: &'a str,
    /// The price at its beginning.
    pub open: &'a str,
    /// The price at its end.
    pub close: &'a str,
    /// The highest.
    pub high: &'a str,
    /// The lowest.
    pub low: &'a str,
    /// The change as a part of the first price.
    pub change_rate: &'a str,
    /// The change.
    pub change_price: &'a str,
    /// Traded, in the base asset.
    pub base_volume: &'a str,
    /// Traded, in the quote asset.
    pub quote_volume: &'a str,
    /// The last price.
    pub last: &'a str,
}
