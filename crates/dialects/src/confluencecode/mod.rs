//! The ConfluenceCode WebSocket API: trades of many exchanges in one form, for who shows a key.
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
use std::sync::Arc;
use std::time::Duration;

use model::{Listing, Sequence, TopicKind, Update};

use crate::dialect::{Dialect, Doors, Fault, Request, Subject};
use crate::document::Documents;
use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse};
use crate::manners::{LastWords, Manners, Pace, Parting, Tolerance};
use crate::step::Step;
use crate::visitor::Visitor;

pub use convert::NAMESPACE;

use convert::Catalogue;

/// The name by which configuration, metrics and paths call the dialect.
pub const NAME: &str = "confluencecode";

/// What the dialect can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a client may wait before it authenticates; `None` is as long as it likes.
    pub authenticate_within: Option<Duration>,
    /// How many streams one connection may be subscribed to.
    pub streams_max: usize,
}

impl Default for Options {
    /// Sections A2-5 and A6.
    fn default() -> Self {
        Self { authenticate_within: Some(Duration::from_secs(30)), streams_max: 10_000 }
    }
}

/// Why the dialect cannot be made from these listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingError {
    /// The symbol names no market of an exchange.
    BadSymbol(String),
    /// Two instruments are the same market of the same exchange.
    DoubleSymbol(String),
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSymbol(symbol) => write!(
                f,
                "{NAME} symbol {symbol:?} is neither a market such as BTC-USDT, nor one of another \
                 exchange such as 7:BTCUSDT, or 7d:BTCUSDT for a derivative"
            ),
            Self::DoubleSymbol(symbol) => {
                write!(f, "{NAME} symbol {symbol:?} is given to two instruments")
            }
        }
    }
}

impl std::error::Error for ListingError {}

/// The dialect, made for a set of listings.
pub struct ConfluenceCode {
    manners: Manners,
    streams_max: usize,
    catalogue: Arc<Catalogue>,
}

impl ConfluenceCode {
    /// The dialect for those listings that it has a symbol for.
    ///
    /// # Errors
    /// [`ListingError`] if a symbol cannot be served.
    pub fn new(listings: &[Listing], options: &Options) -> Result<Self, ListingError> {
        let catalogue = Arc::new(Catalogue::new(listings)?);
        Ok(Self { manners: manners(options), streams_max: options.streams_max, catalogue })
    }
}

impl Dialect for ConfluenceCode {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doors(&self) -> &Doors {
        const DOORS: &Doors = &Doors {
            socket_paths: &["/confluencecode", "/confluencecode/"],
            http_prefixes: &[("/confluencecode/", "/")],
            hosts: &[],
        };
        DOORS
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>) {
        server::decode(message, visitor, &self.catalogue, self.streams_max, out);
    }
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        _sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        let market = subject.topic.instrument().and_then(|it| self.catalogue.of(it));
        match (market, subject.topic.kind, update) {
            (Some(market), TopicKind::Trades, Update::Trade(trade)) => {
                server::write_trade(market, trade, out.text_mut());
                true
            }
            _ => false,
        }
    }
    fn http(&self, request: &HttpRequest<'_>) -> Step {
        http::reply(request)
    }
    fn http_too_fast(&self) -> HttpResponse {
        http::too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        let close = match parting {
            Parting::Shutdown | Parting::TooOld => (1001, ""),
            Parting::SlowConsumer => (1008, "slow consumer"),
            Parting::Unresponsive | Parting::Idle => (1008, "ping timeout"),
            Parting::NotLoggedIn => (1008, "authentication timeout"),
            Parting::Revoked => (1008, "API key no longer valid"),
            Parting::Abuse => (1008, "too many failures"),
            Parting::TooManySubscriptions => (1008, "too many streams"),
            Parting::TooManyConnections => (1008, "too many connections"),
        };
        LastWords { message: None, close: Some(close) }
    }
    fn documents(&self) -> Option<Documents> {
        Some(document::documents())
    }
}

/// Of failures that are answered one fewer than of those that end it: the last one is answered as well.
const TOLERANCES: [Tolerance; 3] = [
    // Section A2-3: the fifth.
    Tolerance { fault: Fault::Login, count: 4, per: Duration::MAX },
    // Section A4-4: the twentieth.
    Tolerance { fault: Fault::Malformed, count: 19, per: Duration::MAX },
    // Section A6: with the messages that the pace lets pass, the 241st within a minute.
    Tolerance { fault: Fault::TooFast, count: 120, per: Duration::from_secs(60) },
];

/// No number is published, and there is nothing to ask for.
const HTTP_RATES: [(u32, Duration); 1] = [(60, Duration::from_secs(60))];

/// Sections A6 and A7.
fn manners(options: &Options) -> Manners {
    Manners {
        message_bytes_max: 64 << 10,
        oversize_reason: "message too big",
        subscriptions_max: options.streams_max,
        ping_every: Some(Duration::from_secs(30)),
        // Whatever is heard proves life, not only a pong.
        idle_max: Some(SILENCE_MAX),
        queue_bytes_max: 4 << 20,
        stall_max: SILENCE_MAX,
        wait_max: WAIT_MAX,
        http_rates: &HTTP_RATES,
        pace: Some(Pace::Window { count: 120, per: Duration::from_secs(60) }),
        tolerances: &TOLERANCES,
        login_within: options.authenticate_within,
        ..Manners::LENIENT
    }
}

/// How long nothing may come from a client, and how long it may take nothing of what waits for it.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// How long anything may wait for a client, whatever it takes meanwhile.
const WAIT_MAX: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests;
