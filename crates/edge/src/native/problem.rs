//! What a client is told that did not get what it asked for: problem details (RFC 9457) that say what was wrong,
//! where, and what to do.
//!
//! A client's mistake is an answer like any other: it is not logged.

use std::fmt::Display;

use ::http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::reply::Reply;

/// What kind of thing was wrong. Programs decide by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ProblemCode)]
pub enum Code {
    /// There is no such page.
    UnknownPath,
    /// The page does not know this method.
    MethodNotAllowed,
    /// `Host` or `Origin` is not this listener's: writes and the demo's accounts are not for other sites' pages.
    ForeignHost,
    /// Only for those on this machine.
    NotLocal,
    /// The request does not say by which key.
    NoKey,
    /// Nobody holds this key, or not any more.
    UnknownKey,
    /// The key may only look.
    ReadOnlyKey,
    /// The key is not good for this instrument.
    InstrumentNotAllowed,
    /// The key was not made to quote this feed.
    QuoteNotAllowed,
    /// Too many requests.
    TooFast,
    /// The body is not what the page takes.
    BadBody,
    /// The body has another type than `application/json`.
    NotJson,
    /// The body is too long.
    TooLong,
    /// The request took too long.
    TooSlow,
    /// A parameter of the path or the query cannot be understood.
    BadParameter,
    /// A header cannot be understood.
    BadHeader,
    /// The idempotency key was used for something else.
    KeyReused,
    /// Too much waits; nothing was done.
    Busy,
    /// The market takes nothing, or too much waits; nothing was done.
    NotTaken,
    /// Whether it happened is not known: the market ended meanwhile.
    OutcomeUnknown,
    /// The market does not tell this, or not yet.
    NotTold,
    /// No such instrument.
    UnknownInstrument,
    /// The index of the perpetual has no feed of this name.
    UnknownFeed,
    /// No such order of this account.
    UnknownOrder,
    /// No such connection is open, or nothing is remembered of its end, or it is another's.
    UnknownConnection,
    /// The account has not enough for it.
    InsufficientFunds,
    /// The quantity or value is below the instrument's minimum.
    BelowMinimum,
    /// The price would trade too far through the market.
    OutsideBand,
    /// The price is not a whole number of ticks, not positive, or too large.
    BadPrice,
    /// The quantity is not a whole number of lots, not positive, or too large.
    BadQuantity,
    /// Parts of the order contradict each other.
    BadCombination,
    /// The order would expire at or before now.
    AlreadyExpired,
    /// A trailing stop has no trade to follow yet.
    NothingTraded,
    /// The instrument's status does not allow it.
    NotTrading,
    /// The book is full.
    TooManyOrders,
    /// No such order is open: it has ended.
    NotOpen,
    /// In a perpetual: the order could only make a position smaller, and there is none on the other side.
    NothingToReduce,
    /// In a perpetual: the position would be too large.
    PositionLimit,
    /// In a perpetual: something of the account is being liquidated.
    InLiquidation,
    /// In a perpetual: the leverage cannot be chosen.
    BadLeverage,
    /// In a perpetual: how the position is held cannot be changed so now.
    BadMarginMode,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::BadBody | Self::BadParameter | Self::BadHeader => StatusCode::BAD_REQUEST,
            Self::NoKey | Self::UnknownKey => StatusCode::UNAUTHORIZED,
            Self::ForeignHost
            | Self::NotLocal
            | Self::ReadOnlyKey
            | Self::InstrumentNotAllowed
            | Self::QuoteNotAllowed => StatusCode::FORBIDDEN,
            Self::UnknownPath
            | Self::UnknownInstrument
            | Self::UnknownFeed
            | Self::UnknownOrder
            | Self::UnknownConnection => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotOpen
            | Self::NotTrading
            | Self::NothingTraded
            | Self::NothingToReduce
            | Self::InLiquidation
            | Self::BadMarginMode => StatusCode::CONFLICT,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::KeyReused
            | Self::InsufficientFunds
            | Self::BelowMinimum
            | Self::OutsideBand
            | Self::PositionLimit
            | Self::BadLeverage
            | Self::BadPrice
            | Self::BadQuantity
            | Self::BadCombination
            | Self::AlreadyExpired => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooFast => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy
            | Self::NotTaken
            | Self::OutcomeUnknown
            | Self::NotTold
            | Self::TooManyOrders => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What was wrong, the same words for each case, and what to do about it unless a case says otherwise.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownPath => {
                ("there is no such page", "see /rialto/v1/openapi.json for those there are")
            }
            Self::MethodNotAllowed => {
                ("this page does not know the method", "use one of those in the Allow header")
            }
            Self::ForeignHost => (
                "the request is not addressed to this listener",
                "send it to the address that this server listens on, and from no other site's page",
            ),
            Self::NotLocal => {
                ("this is only told to those on this machine", "ask from the machine itself")
            }
            Self::NoKey => (
                "this needs a key",
                "send `Authorization: Bearer KEY`; `rialto keys create` makes keys",
            ),
            Self::UnknownKey => (
                "nobody holds this key",
                "check it, or make another with `rialto keys create`; it may have been revoked",
            ),
            Self::ReadOnlyKey => ("this key may only look", "use a key that may trade"),
            Self::InstrumentNotAllowed => (
                "this key is not good for this instrument",
                "use a key that is; GET /rialto/v1/account lists what this one is good for",
            ),
            Self::QuoteNotAllowed => (
                "this key was not made to quote this feed",
                "use one that was made with `rialto keys create --dialect native --quotes FEED`",
            ),
            Self::UnknownFeed => (
                "the index has no such feed",
                "GET /rialto/v1/instruments/INSTRUMENT/index tells what it is made of",
            ),
            Self::TooFast => ("too many requests", "wait as long as Retry-After says"),
            Self::BadBody => {
                ("the body cannot be understood", "see /rialto/v1/openapi.json for its fields")
            }
            Self::NotJson => {
                ("the body is not JSON", "send it with `Content-Type: application/json`")
            }
            Self::TooLong => ("the body is too long", "send less"),
            Self::TooSlow => (
                "the request took too long",
                "send it whole and at once; repeat an order with the Idempotency-Key it had",
            ),
            Self::BadParameter => (
                "a parameter cannot be understood",
                "see /rialto/v1/openapi.json for what it may be",
            ),
            Self::BadHeader => ("a header cannot be understood", "send it as documented"),
            Self::KeyReused => (
                "this idempotency key was used for something else",
                "use a new key for each order, and the same key only to repeat the same order",
            ),
            Self::Busy => ("too much waits; nothing was done", "try again"),
            Self::NotTaken => ("the market took nothing", "try again"),
            Self::OutcomeUnknown => {
                ("whether it happened is not known", "ask for it when the server is back")
            }
            Self::NotTold => ("the market does not tell this now", "try again"),
            Self::UnknownInstrument => {
                ("there is no such instrument", "GET /rialto/v1/instruments lists them")
            }
            Self::UnknownOrder => (
                "this account has no such order",
                "GET /rialto/v1/orders lists them; those that ended long ago are forgotten",
            ),
            Self::UnknownConnection => (
                "no such connection of yours is there",
                "GET /rialto/v1/connections lists those that are open, GET /rialto/v1/goodbyes those that ended",
            ),
            Self::InsufficientFunds => {
                ("the account has not enough for it", "order less, or cancel what holds the rest")
            }
            Self::BelowMinimum => (
                "the order is too small",
                "order at least the minimum that GET /rialto/v1/instruments tells",
            ),
            Self::OutsideBand => {
                ("the price would trade too far through the market", "name a price nearer to it")
            }
            Self::BadPrice => {
                ("the price cannot be had", "name a positive multiple of the tick size")
            }
            Self::BadQuantity => {
                ("the quantity cannot be had", "name a positive multiple of the lot size")
            }
            Self::BadCombination => {
                ("parts of the order contradict each other", "leave one of them out")
            }
            Self::AlreadyExpired => {
                ("the order would have expired already", "name a moment after the market's time")
            }
            Self::NothingTraded => (
                "there is no trade to follow yet",
                "try again after the first trade, or name a stop price",
            ),
            Self::NotTrading => (
                "the instrument's status does not allow it",
                "wait; GET /rialto/v1/instruments tells the status",
            ),
            Self::TooManyOrders => ("the book is full", "cancel orders, or try again later"),
            Self::NotOpen => ("the order has ended", "GET /rialto/v1/orders lists open orders"),
            Self::NothingToReduce => (
                "there is no position to make smaller",
                "leave reduce_only out, or name the other side",
            ),
            Self::PositionLimit => (
                "the position would be too large",
                "order less: GET /rialto/v1/instruments tells where the last tier ends",
            ),
            Self::InLiquidation => (
                "the account is being liquidated",
                "wait until that has ended, or bring more of the margin asset",
            ),
            Self::BadLeverage => (
                "the leverage cannot be chosen",
                "name 1 to the leverage_max that GET /rialto/v1/instruments tells",
            ),
            Self::BadMarginMode => (
                "how the position is held cannot be changed so now",
                "close the position first; margin is added to isolated positions only",
            ),
        }
    }
}

/// Why something was not done (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:rialto:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:rialto:problem:bad-price")]
    kind: String,
    /// What was wrong, for people: the same for each problem of this code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong, for programs.
    pub(crate) code: Code,
    /// What was wrong this time.
    detail: String,
    /// Where: a field of the body, a parameter, a header. Absent where it concerns the whole request.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// What to do about it.
    remedy: String,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` is what was wrong this time.
    pub(crate) fn new(code: Code, detail: impl Display) -> Box<Self> {
        let (title, remedy) = code.words();
        let name = serde_json::to_value(code).expect("a code is a text");
        let mut headers = Vec::new();
        let mut tell = |name, text| headers.push((name, HeaderValue::from_static(text)));
        match code {
            Code::NoKey => tell(header::WWW_AUTHENTICATE, "Bearer realm=\"rialto\""),
            Code::UnknownKey => {
                tell(header::WWW_AUTHENTICATE, "Bearer realm=\"rialto\", error=\"invalid_token\"")
            }
            Code::TooFast
            | Code::Busy
            | Code::NotTaken
            | Code::OutcomeUnknown
            | Code::NotTold
            | Code::TooManyOrders => {
                tell(header::RETRY_AFTER, "1");
            }
            _ => {}
        }
        Box::new(Self {
            kind: format!("urn:rialto:problem:{}", name.as_str().unwrap_or_default()),
            title,
            status: code.status().as_u16(),
            code,
            detail: detail.to_string(),
            place: None,
            remedy: remedy.to_owned(),
            headers,
        })
    }

    /// The same, and where it was.
    pub(crate) fn at(mut self: Box<Self>, place: impl Display) -> Box<Self> {
        self.place = Some(place.to_string());
        self
    }

    /// The same, and what to do in this case.
    pub(crate) fn remedy(mut self: Box<Self>, remedy: impl Display) -> Box<Self> {
        self.remedy = remedy.to_string();
        self
    }

    /// The same, and a header to go with it.
    pub(crate) fn header(mut self: Box<Self>, name: HeaderName, value: &str) -> Box<Self> {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// What was wrong this time.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// As it is answered.
    pub(crate) fn reply(&self) -> Reply {
        let status = StatusCode::from_u16(self.status).expect("it was a status before");
        let mut reply = Reply::of(status, "application/problem+json", self);
        reply.headers.extend(self.headers.iter().cloned());
        reply
    }
}
