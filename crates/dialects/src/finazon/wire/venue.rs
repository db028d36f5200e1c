//! What a venue says: bars, and answers to what was asked. Sections B4 and B5.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A bar as it is now. Section B5.1.
///
/// ```json
/// {"p":"sip","ch":"bars","f":"1s","aggr":"1m","s":"TSLA","t":1699540020,"o":220.06,"h":220.13,"l":219.92,"c":219.96,"v":4572}
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar<'a> {
    /// The data set that was asked for, if it was asked for by that name.
    #[serde(borrow, default)]
    pub d: Option<Cow<'a, str>>,
    /// Who publishes it.
    #[serde(borrow)]
    pub p: Cow<'a, str>,
    /// `bars`
    #[serde(borrow)]
    pub ch: Cow<'a, str>,
    /// How often it is sent.
    #[serde(borrow)]
    pub f: Cow<'a, str>,
    /// How long it is.
    #[serde(borrow)]
    pub aggr: Cow<'a, str>,
    /// Of what.
    #[serde(borrow)]
    pub s: Cow<'a, str>,
    /// When it opened, in seconds since 1970.
    pub t: i64,
    /// The first price.
    #[serde(borrow)]
    pub o: &'a RawValue,
    /// The highest.
    #[serde(borrow)]
    pub h: &'a RawValue,
    /// The lowest.
    #[serde(borrow)]
    pub l: &'a RawValue,
    /// The last.
    #[serde(borrow)]
    pub c: &'a RawValue,
    /// What was traded, in shares or in the base asset.
    #[serde(borrow)]
    pub v: &'a RawValue,
}

/// An answer. Sections B4.1 to B4.4.
///
/// ```json
/// {"status":"error","code":"INVALID_TICKER","message":"The ticker BGMS you have specified is unrecognized or unsupported."}
/// ```
#[derive(Debug, Deserialize)]
pub struct Answer<'a> {
    /// `success` or `error`.
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    /// Which.
    #[serde(borrow, default)]
    pub code: Option<Cow<'a, str>>,
    /// For people.
    #[serde(borrow, default)]
    pub message: Option<Cow<'a, str>>,
    /// What it is about.
    #[serde(borrow, default)]
    pub data: Option<Subscription<'a>>,
}

/// What was subscribed, was not, or is no longer.
#[derive(Debug, Deserialize)]
pub struct Subscription<'a> {
    /// Who publishes.
    #[serde(borrow)]
    pub publisher: Cow<'a, str>,
    /// How often.
    #[serde(borrow)]
    pub frequency: Cow<'a, str>,
    /// Of what.
    #[serde(borrow)]
    pub tickers: Vec<Cow<'a, str>>,
}
