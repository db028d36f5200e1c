//! What a venue says on its socket: replies to what was asked, and pushes. Sections B4 and B5.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Any message of the venue: what has a type is one, an error has a status.
///
/// ```json
/// {"type":"SUBSCRIBED","requestId":"1","subscriptionId":"5435a742-eed1-4874-951e-eefdfb559234","payload":null}
/// ```
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message<'a> {
    /// `SUBSCRIBED`, `MESSAGE`, …
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    /// Whose reply it is.
    #[serde(borrow, default)]
    pub request_id: Option<Cow<'a, str>>,
    /// `ERROR`
    #[serde(borrow, default)]
    pub status: Option<Cow<'a, str>>,
    /// What happened, or in words why something was not done.
    #[serde(borrow, default)]
    pub message: Option<&'a RawValue>,
    /// What a subscription is told first.
    #[serde(borrow, default)]
    pub payload: Option<&'a RawValue>,
}

/// What happened.
#[derive(Debug, Deserialize)]
pub struct Happened<'a> {
    /// Counts what happens, where the venue tells it.
    #[serde(default)]
    pub id: Option<u64>,
    /// What happened.
    #[serde(borrow)]
    pub event: EventData<'a>,
    /// The entity that it made, if it made one.
    #[serde(borrow, default)]
    pub payload: Option<&'a RawValue>,
}

/// An event. Section B5.1.
#[derive(Debug, Deserialize)]
pub struct EventData<'a> {
    /// `GROUP_ORDER_BOOK_UPDATED`
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    /// `2022-09-19T17:57:05.158`
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// Depends on the type.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// What is told first of a book.
#[derive(Debug, Deserialize)]
pub struct First<'a> {
    /// The book, if it is known.
    #[serde(borrow)]
    pub snapshot: BookOf<'a>,
}

/// A market's book by price. Section B5.4.
#[derive(Debug, Deserialize)]
pub struct BookOf<'a> {
    /// `ETHUSD`
    #[serde(borrow)]
    pub market: Cow<'a, str>,
    /// Its levels.
    #[serde(borrow)]
    pub orderbook: BookData<'a>,
}

/// A book by price, whole.
///
/// ```json
/// {"timestamp":"2022-09-19T17:57:05.129","bid":[{"price":"1326.3","volume":"6","volumeQuote":"7957.8"}],"ask":[]}
/// ```
#[derive(Debug, Deserialize)]
pub struct BookData<'a> {
    /// When it was so.
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// Descending.
    #[serde(borrow)]
    pub bid: Vec<LevelData<'a>>,
    /// Ascending.
    #[serde(borrow)]
    pub ask: Vec<LevelData<'a>>,
}

/// A level of a book.
#[derive(Debug, Deserialize)]
pub struct LevelData<'a> {
    /// In the quote token.
    #[serde(borrow)]
    pub price: Cow<'a, str>,
    /// In the base token.
    #[serde(borrow)]
    pub volume: Cow<'a, str>,
}

/// What is told of a trade's parties. Section B5.6.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartiesData<'a> {
    /// `BTC`
    #[serde(borrow)]
    pub base_token_symbol: Cow<'a, str>,
    /// `USDT`
    #[serde(borrow)]
    pub quote_token_symbol: Cow<'a, str>,
}

/// A trade. Section B8.4.
///
/// ```json
/// {"id":30688846,"timestamp":"2022-09-10T16:46:26.584","direction":"SELL","price":"21329","quantity":"0.005"}
/// ```
#[derive(Debug, Deserialize)]
pub struct TradeData<'a> {
    /// Its id.
    pub id: u64,
    /// When.
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// The taker's side.
    #[serde(borrow)]
    pub direction: Cow<'a, str>,
    /// In the quote token.
    #[serde(borrow)]
    pub price: Cow<'a, str>,
    /// In the base token.
    #[serde(borrow)]
    pub quantity: Cow<'a, str>,
}
