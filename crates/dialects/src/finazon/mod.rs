//! Finazon's WebSocket API, version 1: bars of the running minute, and nothing else.
//!
//! `spec.md` beside this file says which part of the published API is served, and what was chosen where it is silent;
//! `transcripts/` shows each behaviour once.

pub mod channel;
pub mod client;
pub mod wire;

mod convert;
mod document;
mod http;
mod server;

use std::fmt;
use std::time::Duration;

use model::{Listing, Scope, Sequence, Update};

use crate::dialect::{Admission, Dialect, Doors, Fault, Request, Subject};
use crate::document::Documents;
use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse};
use crate::manners::{LastWords, Manners, Pace, Parting, Tolerance};
use crate::step::Step;
use crate::visitor::Visitor;

use convert::Catalogue;

/// The name by which configuration, metrics and paths call the dialect.
pub const NAME: &str = "finazon";

/// What can be chosen where the published API leaves it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether bars say `" 1m"` as the published sample does, rather than `"1m"`.
    pub aggr_literal_seed: bool,
    /// How many tickers a connection may be subscribed to; `None` is as many as it likes.
    pub tickers_max: Option<u32>,
    /// The markets at which shares are listed, by their codes in ISO 10383, in lower case.
    pub mics: Vec<String>,
    /// Data sets, and whose they are; one that is not here is the publisher's of its name.
    pub datasets: Vec<(String, String)>,
    /// Publishers, and whose instruments they publish if they have none of their own.
    pub feeds: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        let pair = |(one, other): (&str, &str)| (one.to_owned(), other.to_owned());
        let datasets = [
            ("sip", "sip"),
            ("sip_non_pro", "sip"),
            ("sip_pro", "sip"),
            ("us_stocks_essential", "finazon"),
            ("binance", "binance"),
        ];
        Self {
            aggr_literal_seed: false,
            tickers_max: None,
            mics: vec!["xnas".to_owned()],
            datasets: datasets.map(pair).into(),
            feeds: [("finazon", "sip")].map(pair).into(),
        }
    }
}

/// Why the dialect cannot be made from these listings and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingError {
    /// The symbol is not `publisher:ticker`.
    BadSymbol(String),
    /// Two instruments share the symbol.
    DoubleSymbol(String),
    /// A publisher that publishes what another does has no good code.
    BadFeed(String),
    /// A data set has no good code.
    BadDataset(String),
    /// A listing market has no good code.
    BadMarket(String),
    /// More data sets and markets than can be told apart.
    TooManyNames,
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSymbol(symbol) => write!(
                f,
                "{NAME} symbol {symbol:?} is not publisher:ticker, the one in lower-case and the other in upper-case \
                 letters and digits"
            ),
            Self::DoubleSymbol(symbol) => {
                write!(f, "{NAME} symbol {symbol:?} is given to two instruments")
            }
            Self::BadFeed(code) => {
                write!(f, "{NAME} publisher {code:?} is not in lower-case letters and digits")
            }
            Self::BadDataset(code) => {
                write!(f, "{NAME} data set {code:?} is not in lower-case letters and digits")
            }
            Self::BadMarket(code) => {
                write!(f, "{NAME} market {code:?} is not in lower-case letters and digits")
            }
            Self::TooManyNames => write!(f, "{NAME} has more data sets and markets than 65,535"),
        }
    }
}

impl std::error::Error for ListingError {}

/// The dialect, made for a set of listings.
pub struct Finazon {
    manners: Manners,
    catalogue: Catalogue,
    tickers_max: Option<u32>,
}

impl Finazon {
    /// The dialect for those listings that it has a symbol for.
    ///
    /// # Errors
    /// [`ListingError`] if a symbol or an option cannot be served.
    pub fn new(listings: &[Listing], options: &Options) -> Result<Self, ListingError> {
        let catalogue = Catalogue::new(listings, options)?;
        Ok(Self { manners: manners(), catalogue, tickers_max: options.tickers_max })
    }
}

impl Dialect for Finazon {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doors(&self) -> &Doors {
        const DOORS: &Doors = &Doors {
            socket_paths: &[
                "/finazon/v1",
                "/finazon/v1/",
                "/finazon/v1.0",
                "/finazon/v1.0/",
                "/finazon/latest",
                "/finazon/latest/",
            ],
            http_prefixes: &[],
            hosts: &["ws.finazon.io"],
        };
        DOORS
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn admit(&self, request: &HttpRequest<'_>) -> Step<Admission> {
        http::admit(request)
    }
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>) {
        server::decode(message, visitor, &self.catalogue, self.tickers_max, out);
    }
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        _sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        match (subject.topic.scope, update) {
            (Scope::Instrument(instrument), Update::Candle(candle)) => {
                server::push(&self.catalogue, subject, instrument, candle, out.text_mut())
            }
            _ => false,
        }
    }
    fn http(&self, _request: &HttpRequest<'_>) -> Step {
        Step::Reply(http::nothing_here())
    }
    fn http_too_fast(&self) -> HttpResponse {
        // No rate is set: there is nothing to ask for.
        http::nothing_here()
    }
    fn part(&self, parting: Parting) -> LastWords {
        let close = match parting {
            Parting::Idle | Parting::Unresponsive => (1008, "ping timeout"),
            Parting::SlowConsumer => (1008, "slow consumer"),
            Parting::Abuse => (1008, "too many refused messages"),
            Parting::Revoked => (1008, "key revoked"),
            Parting::TooManySubscriptions => (1008, "too many subscriptions"),
            Parting::TooManyConnections => (1008, "too many connections"),
            Parting::NotLoggedIn => (1008, ""),
            Parting::Shutdown | Parting::TooOld => (1001, ""),
        };
        LastWords { message: None, close: Some(close) }
    }
    fn documents(&self) -> Option<Documents> {
        Some(document::documents())
    }
}

/// How many messages a client may send within a minute. Section B6.
const MESSAGES_A_MINUTE_MAX: u32 = 100;
const MINUTE: Duration = Duration::from_secs(60);

/// Section B6: refused messages that are answered.
const TOLERANCES: [Tolerance; 1] = [Tolerance { fault: Fault::TooFast, count: 100, per: MINUTE }];

/// Sections B6 and B7.
fn manners() -> Manners {
    Manners {
        message_bytes_max: 100 << 10,
        oversize_reason: "message too big",
        ping_every: Some(Duration::from_secs(30)),
        idle_max: Some(Duration::from_secs(90)),
        queue_bytes_max: 4 << 20,
        stall_max: MINUTE,
        wait_max: Duration::from_secs(120),
        pace: Some(Pace::Window { count: MESSAGES_A_MINUTE_MAX, per: MINUTE }),
        tolerances: &TOLERANCES,
        ..Manners::LENIENT
    }
}

#[cfg(test)]
mod tests;
