//! What a client is told when something was not done: the codes and their texts. Section B4.3.

use std::borrow::Cow;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<'a> {
    /// The key is nobody's, or is not there. Said over HTTP alone.
    InvalidApiKey,
    /// As many connections of the key are open as may be. Said over HTTP alone.
    TooManyConnections(u32),
    /// There is nothing here over HTTP.
    EndpointNotFound,
    /// The key may not use this publisher.
    UnauthorizedAccess(&'a str),
    /// A member is missing, of another type, or has a value that is not offered.
    InvalidParameter(&'static str),
    /// No such ticker.
    InvalidTicker(&'a str),
    /// No such listing market, or market.
    UnsupportedMarket(&'a str),
    /// More messages within a minute than may be.
    RateLimitExceeded(u32),
    /// These are subscribed already.
    AlreadySubscribed(Vec<&'a str>),
    /// These are not subscribed.
    NotSubscribed(Vec<&'a str>),
    /// The message is no JSON object.
    InvalidJson,
    /// As many connections of the key use this data set as may.
    ConnectionLimitExceeded(u32, &'a str),
    /// More tickers than are set in the configuration.
    TickerLimitExceeded(u32),
    /// Our fault.
    Internal,
}

impl Failure<'_> {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::EndpointNotFound => "ENDPOINT_NOT_FOUND",
            Self::UnauthorizedAccess(_) => "UNAUTHORIZED_ACCESS",
            Self::InvalidParameter(_) => "INVALID_PARAMETER",
            Self::InvalidTicker(_) => "INVALID_TICKER",
            Self::UnsupportedMarket(_) => "UNSUPPORTED_MARKET",
            Self::RateLimitExceeded(_) => "API_RATE_LIMIT_EXCEEDED",
            Self::AlreadySubscribed(_) => "ALREADY_SUBSCRIBED",
            Self::NotSubscribed(_) => "NOT_SUBSCRIBED",
            Self::InvalidJson => "INVALID_JSON",
            Self::TooManyConnections(_) | Self::ConnectionLimitExceeded(..) => {
                "CONNECTION_LIMIT_EXCEEDED"
            }
            Self::TickerLimitExceeded(_) => "TICKER_LIMIT_EXCEEDED",
            Self::Internal => "INTERNAL_SERVER_ERROR",
        }
    }

    /// Its text, for people; clients look into it for the ticker.
    #[must_use]
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::InvalidApiKey => "Invalid API key".into(),
            Self::TooManyConnections(most) => {
                format!("You have exceeded {most} active connections.").into()
            }
            Self::EndpointNotFound => "The endpoint does not exist.".into(),
            Self::UnauthorizedAccess(publisher) => {
                format!("You are not authorized to access publisher: {publisher}.").into()
            }
            Self::InvalidParameter(name) => {
                format!("The {name} parameter is missing or invalid.").into()
            }
            Self::InvalidTicker(ticker) => {
                format!("The ticker {ticker} you have specified is unrecognized or unsupported.")
                    .into()
            }
            Self::UnsupportedMarket(market) => {
                format!("The market {market} is not supported.").into()
            }
            Self::RateLimitExceeded(most) => {
                format!("You have exceeded {most} event messages per minute.").into()
            }
            Self::AlreadySubscribed(tickers) => {
                format!("You are already subscribed to ticker: {}.", tickers.join(", ")).into()
            }
            Self::NotSubscribed(tickers) => {
                format!("You are not subscribed to ticker: {}.", tickers.join(", ")).into()
            }
            Self::InvalidJson => "The event message is not valid JSON.".into(),
            Self::ConnectionLimitExceeded(most, dataset) => {
                format!("You have exceeded {most} active connections for dataset: {dataset}.")
                    .into()
            }
            Self::TickerLimitExceeded(most) => {
                format!("You have exceeded the limit of {most} tickers.").into()
            }
            Self::Internal => "Internal server error.".into(),
        }
    }
}
