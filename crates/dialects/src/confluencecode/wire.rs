//! ConfluenceCode's messages as they are read: requests of clients, leniently and with their ids as they were written,
//! and what the venue says, strictly. Sections A3 and A5.
//!
//! Nothing here encodes: the server writes bytes, and in tests these structs read them back.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::channel::EventType;
use super::convert::Filter;
use crate::json::{Kind, can_be_told_again, members, text};

/// How long an id may be, as it was written; a longer one is as none.
const ID_BYTES_MAX: usize = 256;

/// How many filters one request may have.
pub const FILTERS_MAX: usize = 1_000;

/// A message that is an object; what it asks for is not judged yet. Section A3.
///
/// ```json
/// {"id":"1234567890","action":"subscribe","body":{"streams":[{"eventType":"trade","base":"BTC","quote":"USDT"}]}}
/// ```
#[derive(Debug)]
pub struct Envelope<'a> {
    /// Its id as it was written: a string, a number, a boolean or null.
    pub id: Option<&'a str>,
    /// What is to be done, if that is said in a string.
    pub action: Option<Action<'a>>,
    /// What is needed for that.
    pub body: Option<&'a RawValue>,
}

/// The name of what is to be done.
#[derive(Debug)]
pub struct Action<'a> {
    /// As it was written, with its quotes.
    pub raw: &'a str,
    /// Read.
    pub name: Cow<'a, str>,
}

impl<'a> Envelope<'a> {
    /// Reads a message; `None` if it is no JSON object.
    #[must_use]
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let message: &RawValue = serde_json::from_slice(message).ok()?;
        let [id, action, body] = members(message, ["id", "action", "body"])?;
        let id = id.filter(|id| can_be_told_again(id));
        let id = id.map(RawValue::get).filter(|id| id.len() <= ID_BYTES_MAX);
        let action = action.and_then(|it| Some(Action { raw: it.get(), name: text(it)? }));
        Some(Self { id, action, body })
    }
}

/// The key in the body of an authentication, which may be the body itself; empty if there is none. Sections A2-2 and
/// A2-6.
#[must_use]
pub fn api_key(body: Option<&RawValue>) -> Cow<'_, str> {
    let Some(body) = body else { return Cow::Borrowed("") };
    let key = text(body).or_else(|| members(body, ["apiKey"])?[0].and_then(text));
    key.unwrap_or_default()
}

/// The filters in the body of a request: all of them, or what is wrong with the first that is not in order. Sections
/// A3.1 and A4.3.
///
/// # Errors
/// The text that the client is told.
pub fn filters(body: Option<&RawValue>) -> Result<Vec<Filter<'_>>, &'static str> {
    let [streams] = body.and_then(|body| members(body, ["streams"])).ok_or("Invalid body")?;
    let streams = streams.and_then(|it| serde_json::from_str::<Vec<&RawValue>>(it.get()).ok());
    let streams = streams.filter(|streams| !streams.is_empty()).ok_or("Invalid streams")?;
    if streams.len() > FILTERS_MAX {
        return Err("Too many streams");
    }
    streams.into_iter().map(filter).collect()
}

fn filter(stream: &RawValue) -> Result<Filter<'_>, &'static str> {
    let [kind, base, quote, market, exchange] =
        members(stream, ["eventType", "base", "quote", "market", "exchangeId"])
            .ok_or("Invalid stream")?;
    let kind = kind.and_then(text).ok_or("Invalid stream: eventType is required")?;
    let kind = EventType::called(&kind).ok_or("Invalid stream: unknown eventType")?;
    if market.is_none() && (base.is_none() || quote.is_none()) {
        return Err("Invalid stream: base and quote, or market, must be provided");
    }
    let exchange = exchange.map(integer).transpose()?;
    Ok(Filter {
        kind,
        base: string(base, "Invalid stream: base must be a string")?,
        quote: string(quote, "Invalid stream: quote must be a string")?,
        market: string(market, "Invalid stream: market must be a string")?,
        exchange,
    })
}

/// A member that is a string if it is there.
fn string<'a>(
    member: Option<&'a RawValue>,
    refusal: &'static str,
) -> Result<Option<Cow<'a, str>>, &'static str> {
    member.map(|member| text(member).ok_or(refusal)).transpose()
}

/// An integer, written as one; 0, which is no exchange, for those that are out of range.
fn integer(value: &RawValue) -> Result<u32, &'static str> {
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    if Kind::of(value) != Kind::Number || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("Invalid stream: exchangeId must be an integer");
    }
    Ok(value.get().parse().unwrap_or(0))
}

/// What a venue says: a response has an action, an object of a stream its kind. Section A1.
///
/// ```json
/// {"id":"1234567890","action":"subscribe","success":true}
/// ```
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// What was asked.
    #[serde(borrow, default)]
    pub action: Option<Cow<'a, str>>,
    /// Whether it was done.
    #[serde(default)]
    pub success: Option<bool>,
    /// Why not.
    #[serde(borrow, default)]
    pub error: Option<Cow<'a, str>>,
    /// The kind of an object.
    #[serde(borrow, default)]
    pub k: Option<Cow<'a, str>>,
}

/// A trade. Section A5.2; all twelve members.
///
/// ```json
/// {"i":"3ee64893-3ff3-5354-8b3c-56362f232b44","k":"trade","e":2,"m":"BTC-USDT","b":"BTC","c":"USDT","t":1621360800000,"d":false,"p":"41130.393","q":"0.010","s":true,"v":"411.30393"}
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradeObject<'a> {
    /// Its id, a UUID.
    pub i: &'a str,
    /// `trade`
    pub k: &'a str,
    /// The exchange's number.
    pub e: u32,
    /// The exchange's own name of the market.
    #[serde(borrow)]
    pub m: Cow<'a, str>,
    /// The base asset.
    #[serde(borrow)]
    pub b: Cow<'a, str>,
    /// The quote asset.
    #[serde(borrow)]
    pub c: Cow<'a, str>,
    /// When, in milliseconds since 1970.
    pub t: i64,
    /// Whether the market is one of derivatives.
    pub d: bool,
    /// The price, a decimal in the quote asset.
    pub p: &'a str,
    /// The quantity, a decimal in the base asset.
    pub q: &'a str,
    /// Whether the buyer was the maker: the taker sold.
    pub s: bool,
    /// The value, price × quantity, a decimal in the quote asset.
    pub v: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_as_they_were_written_or_are_none() {
        let read = |id: &str| {
            let message = format!(r#"{{"action":"x","id":{id}}}"#);
            let envelope = Envelope::read(message.as_bytes()).expect("an object");
            envelope.id.map(str::to_owned)
        };
        for id in [
            r#""1""#,
            "1",
            "-0",
            "1.50e3",
            r#""\u00e9\"\/""#,
            "true",
            "null",
            "12345678901234567890123",
        ] {
            assert_eq!(read(id).as_deref(), Some(id));
        }
        assert_eq!(read(r#""\ud800""#), None, "half of a pair is no text");
        assert_eq!(read("1e999"), None);
        assert_eq!(read("[1]"), None);
        assert_eq!(read(r#"{"a":1}"#), None);
        let long = format!("\"{}\"", "x".repeat(254));
        assert_eq!(read(&long).as_deref(), Some(&*long), "256 bytes with its quotes");
        assert_eq!(read(&format!("\"{}\"", "x".repeat(255))), None);
    }

    #[test]
    fn an_integer_is_written_as_one() {
        let read = |text: &str| {
            let message = format!(r#"{{"eventType":"trade","market":"M","exchangeId":{text}}}"#);
            let raw: &RawValue = serde_json::from_str(&message).expect("JSON");
            filter(raw).map(|filter| filter.exchange)
        };
        assert_eq!(read("2"), Ok(Some(2)));
        for far in ["0", "-2", "4294967296", "123456789012345678901234567890"] {
            assert_eq!(read(far), Ok(Some(0)), "no exchange has the number {far}");
        }
        let refusal = "Invalid stream: exchangeId must be an integer";
        for no in ["2.0", "2e0", r#""2""#, "null", "true", "[2]", "{}"] {
            assert_eq!(read(no), Err(refusal), "{no}");
        }
    }
}
