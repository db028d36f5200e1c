//! Bitstamp's messages as serde structs: for decoding, borrowed from the text and bounded. Numbers stay text
//! until the instrument's scale is known, so that no float ever holds one.
//!
//! Nothing here encodes: the hot encoders write bytes, and in tests these structs read them back.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{self, text};
use crate::rows::Rows;

/// What a client sends, read leniently: unknown keys are skipped, of a key that comes twice the last counts, and
/// what is missing or of another type than text is `None`. Section 3.
///
/// ```json
/// {"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientMessage<'a> {
    /// `bts:subscribe`, `bts:unsubscribe` or `bts:heartbeat`.
    pub event: Option<Cow<'a, str>>,
    /// The channel's name, from inside `data`.
    pub channel: Option<Cow<'a, str>>,
    /// The token of a private channel, from inside `data`.
    pub auth: Option<Cow<'a, str>>,
}

impl<'a> ClientMessage<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn read(message: &'a [u8]) -> serde_json::Result<Self> {
        let message: &RawValue = serde_json::from_slice(message)?;
        let [event, data] = members(message, ["event", "data"]);
        let [channel, auth] = data.map_or([None; 2], |data| members(data, ["channel", "auth"]));
        Ok(Self {
            event: event.and_then(text),
            channel: channel.and_then(text),
            auth: auth.and_then(text),
        })
    }
}

/// The members of these names, if the value is an object.
fn members<'a, const N: usize>(value: &'a RawValue, names: [&str; N]) -> [Option<&'a RawValue>; N] {
    json::members(value, names).unwrap_or([None; N])
}

/// Any message of the venue, its `data` not yet read. Section 4.
///
/// ```json
/// {"event":"bts:subscription_succeeded","channel":"order_book_btcusd","data":{}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// What kind of message it is.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// The channel; empty where it concerns none.
    #[serde(borrow)]
    pub channel: Cow<'a, str>,
    /// Depends on the event.
    #[serde(borrow)]
    pub data: &'a RawValue,
    /// Order events only: the id of this event. Section 5.2.
    #[serde(borrow, default)]
    pub event_id: Option<Cow<'a, str>>,
    /// Order events only: the id of the event before it.
    #[serde(borrow, default)]
    pub pre_event_id: Option<Cow<'a, str>>,
    /// Order events only: `orderbook` or `stop_order`.
    #[serde(borrow, default)]
    pub order_source: Option<Cow<'a, str>>,
    /// Private orders and trades only: 0 is the main account. Sections 5.7 and 5.8.
    #[serde(default)]
    pub trade_account_id: Option<u64>,
}

/// The `data` of a `bts:error`. Section 4, M4 and M5.
///
/// ```json
/// {"code":4009,"message":"Connection is unauthorized."}
/// ```
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct ErrorData<'a> {
    /// `None` or 4009.
    pub code: Option<u32>,
    /// What was wrong.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
}

/// The `data` of a `trade` on `live_trades_`. Section 5.1.
///
/// ```json
/// {"id":216000477,"timestamp":"1641343699","amount":0.0792,"amount_str":"0.07920000","price":3805.44,
///  "price_str":"3805.44","type":0,"microtimestamp":"1641343699596000","buy_order_id":1443875737346049,
///  "sell_order_id":1443875731320832}
/// ```
#[derive(Debug, Deserialize)]
pub struct TradeData<'a> {
    /// The trade's id.
    pub id: u64,
    /// Seconds since 1970, rounded down.
    pub timestamp: &'a str,
    /// How much, as a JSON number.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// The same as text, with all decimals.
    pub amount_str: &'a str,
    /// The price, as a JSON number.
    #[serde(borrow)]
    pub price: &'a RawValue,
    /// The same as text, with all decimals.
    pub price_str: &'a str,
    /// The taker's side: 0 buy, 1 sell.
    #[serde(rename = "type")]
    pub side: u8,
    /// Microseconds since 1970.
    pub microtimestamp: &'a str,
    /// The order that bought.
    pub buy_order_id: u64,
    /// The order that sold.
    pub sell_order_id: u64,
}

/// The `data` of an order event on `live_orders_`. Section 5.2.
///
/// ```json
/// {"id":2046839978799111,"id_str":"2046839978799111","order_type":0,"order_subtype":5,
///  "datetime":"1788551766","microtimestamp":"1788551766357000","amount":0.00137276,
///  "amount_str":"0.00137276","amount_traded":"0","amount_at_create":"0.00137276","price":71743.85,
///  "price_str":"71743.85","is_liquidation":false}
/// ```
#[derive(Debug, Deserialize)]
pub struct OrderData<'a> {
    /// The order's id.
    pub id: u64,
    /// The same as text.
    pub id_str: &'a str,
    /// 0 buy, 1 sell.
    pub order_type: u8,
    /// Section 5.2.1.
    pub order_subtype: u8,
    /// Seconds since 1970, rounded to the nearest.
    pub datetime: &'a str,
    /// Microseconds since 1970.
    pub microtimestamp: &'a str,
    /// What remains, as a JSON number.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// The same as text; `0` when nothing remains.
    pub amount_str: &'a str,
    /// What this event alone executed.
    pub amount_traded: &'a str,
    /// What was asked for.
    pub amount_at_create: &'a str,
    /// The limit price, as a JSON number.
    #[serde(borrow)]
    pub price: &'a RawValue,
    /// The same as text.
    pub price_str: &'a str,
    /// Whether the order was forced.
    pub is_liquidation: bool,
}

/// What the `data` of an order event on `private-my_orders_` has beyond [`OrderData`]. Section 5.7.
///
/// ```json
/// {"trade_account_id":0,"client_order_id":"my-order-001","stop_price":"83500","orig_order_id":2050558851342339}
/// ```
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct OwnOrderData<'a> {
    /// 0 is the main account.
    pub trade_account_id: u64,
    /// Its owner's name for it, if it has one.
    #[serde(borrow, default)]
    pub client_order_id: Option<Cow<'a, str>>,
    /// Stop orders only: the price that wakes it, or woke it.
    #[serde(default)]
    pub stop_price: Option<&'a str>,
    /// Trailing stops only: the trade from which it follows the market.
    #[serde(default)]
    pub activation_price: Option<&'a str>,
    /// Trailing stops only: how far behind the best trade it is, in hundredths of a percent.
    #[serde(default)]
    pub trailing_delta: Option<u16>,
    /// `order_replaced` only: the order whose place it took.
    #[serde(default)]
    pub orig_order_id: Option<u64>,
}

/// The `data` of a `trade` on `private-my_trades_`. Section 5.8.
///
/// ```json
/// {"id":635698396,"amount":"0.005000","price":"2468.04","microtimestamp":"1789459694223000",
///  "fee":"0.04936","order_id":2050558851342339,"client_order_id":"my-order-001","trade_account_id":0,
///  "side":"buy"}
/// ```
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct OwnTradeData<'a> {
    /// The trade's id, the same as in public.
    pub id: u64,
    /// How much.
    pub amount: &'a str,
    /// At which price.
    pub price: &'a str,
    /// Microseconds since 1970.
    pub microtimestamp: &'a str,
    /// What this side paid, in the quote asset.
    pub fee: &'a str,
    /// The own order.
    pub order_id: u64,
    /// Its owner's name for it, if it has one.
    #[serde(borrow, default)]
    pub client_order_id: Option<Cow<'a, str>>,
    /// 0 is the main account.
    pub trade_account_id: u64,
    /// `buy` or `sell`: the own order's side.
    pub side: &'a str,
}

/// The `data` of a `self_trade` on `private-live_trades_`. Section 5.10.
///
/// ```json
/// {"timestamp":"1720288033","amount":0.5,"amount_str":"0.50000000","price":60331,"price_str":"60331.00",
///  "type":0,"microtimestamp":"1720288033933000","buy_order_id":1763073367883776,
///  "sell_order_id":1763073362448385,"sellers_trade_account_id":0,"buyers_trade_account_id":0}
/// ```
#[derive(Debug, Deserialize)]
pub struct SelfTradeData<'a> {
    /// Seconds since 1970, rounded down.
    pub timestamp: &'a str,
    /// How much, as a JSON number.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// The same as text, with all decimals.
    pub amount_str: &'a str,
    /// The price, as a JSON number.
    #[serde(borrow)]
    pub price: &'a RawValue,
    /// The same as text, with all decimals.
    pub price_str: &'a str,
    /// The taker's side: 0 buy, 1 sell.
    #[serde(rename = "type")]
    pub side: u8,
    /// Microseconds since 1970.
    pub microtimestamp: &'a str,
    /// The order that bought.
    pub buy_order_id: u64,
    /// The order that sold.
    pub sell_order_id: u64,
    /// 0 is the main account.
    pub sellers_trade_account_id: u64,
    /// 0 is the main account.
    pub buyers_trade_account_id: u64,
}

/// The `data` of `order_book_` and `diff_order_book_`, and the body of the HTTP snapshot. Sections 5.3, 5.5
/// and 8.3.
///
/// ```json
/// {"timestamp":"1791403680","microtimestamp":"1791403680093950","bids":[["83463.08","0.55048175"]],
///  "asks":[["83473.08","0.00000000"]]}
/// ```
#[derive(Debug, Deserialize)]
pub struct BookData<'a> {
    /// Seconds since 1970, rounded down.
    pub timestamp: &'a str,
    /// Microseconds since 1970, the only sequence there is.
    pub microtimestamp: &'a str,
    /// Price and amount, descending.
    #[serde(borrow)]
    pub bids: Rows<'a, 2>,
    /// Price and amount, ascending.
    #[serde(borrow)]
    pub asks: Rows<'a, 2>,
}

/// The `data` of `detail_order_book_`, and the body of the HTTP snapshot with `group=2`. Section 5.4.
///
/// ```json
/// {"timestamp":"1651388616","microtimestamp":"1651388616274565",
///  "bids":[["0.07315713","0.40000000","1485019713925121"]],
///  "asks":[["0.07320505","0.40000000","1485019610763265"]]}
/// ```
#[derive(Debug, Deserialize)]
pub struct DetailData<'a> {
    /// Seconds since 1970, rounded down.
    pub timestamp: &'a str,
    /// Microseconds since 1970.
    pub microtimestamp: &'a str,
    /// Price, amount and order, descending, at one price the oldest first.
    #[serde(borrow)]
    pub bids: Rows<'a, 3>,
    /// Price, amount and order, ascending, at one price the oldest first.
    #[serde(borrow)]
    pub asks: Rows<'a, 3>,
}
