//! The xRocket exchange WebSocket API and the HTTP endpoints that its clients need.
//!
//! `spec.md` beside this file says which part of the published API is served, and what was chosen where it is silent;
//! `transcripts/` shows each behaviour once.

pub mod channel;
pub mod client;
pub mod wire;

mod convert;
mod document;
mod http;
mod money;
mod own;
mod private;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{Assets, Instrument, InstrumentId, Listing, Scope, Sequence, TopicKind, Update};

use crate::dialect::{Dialect, Doors, Fault, Request, Subject};
use crate::document::Documents;
use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse};
use crate::manners::{LastWords, Manners, OnRevoked, Pace, Parting, Tolerance};
use crate::step::Step;
use crate::visitor::Visitor;

use convert::Market;

/// The name by which configuration, metrics and paths call the dialect.
pub const NAME: &str = "xrocket";

/// Why the dialect cannot be made from these listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingError {
    /// The symbol is not `BASE-QUOTE` in upper-case letters and digits.
    BadSymbol(String),
    /// Two instruments share the symbol.
    DoubleSymbol(String),
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSymbol(symbol) => {
                write!(
                    f,
                    "{NAME} symbol {symbol:?} is not BASE-QUOTE in upper-case letters and digits"
                )
            }
            Self::DoubleSymbol(symbol) => {
                write!(f, "{NAME} symbol {symbol:?} is given to two instruments")
            }
        }
    }
}

impl std::error::Error for ListingError {}

/// The dialect, made for a set of listings.
pub struct XRocket {
    manners: Manners,
    markets: Arc<Markets>,
}

impl XRocket {
    /// The dialect for those listings that it has a symbol for.
    ///
    /// # Errors
    /// [`ListingError`] if a symbol cannot be served.
    pub fn new(listings: &[Listing]) -> Result<Self, ListingError> {
        Ok(Self { manners: manners(), markets: Arc::new(Markets::new(listings)?) })
    }
}

impl Dialect for XRocket {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doors(&self) -> &Doors {
        const DOORS: &Doors = &Doors {
            socket_paths: &["/xrocket", "/xrocket/"],
            http_prefixes: &[("/xrocket/api/", "/api/")],
            hosts: &[
                "exchange.app-api.xrocket.exchange",
                "exchange.app-api.testnet.xrocket.exchange",
                "exchange.api.xrocket.exchange",
                "exchange.api.testnet.xrocket.exchange",
            ],
        };
        DOORS
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>) {
        out.extend(server::decode(message, visitor, &self.markets));
    }
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        _sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        match (subject.topic.scope, update) {
            (Scope::Instrument(instrument), _) => {
                let market = self.markets.of(instrument);
                market.is_some_and(|market| server::push::market(market, subject, update, out))
            }
            (Scope::All, Update::Tickers(tickers)) => {
                server::push::all_tickers(&self.markets, subject, tickers, out.text_mut())
            }
            (Scope::Own(_), _) => {
                own::encode(&self.markets, subject.topic.kind, update, out.text_mut())
            }
            _ => false,
        }
    }
    fn tells_state_first(&self, subject: &Subject) -> bool {
        matches!(subject.topic.kind, TopicKind::Ticker { .. })
    }
    fn http(&self, request: &HttpRequest<'_>) -> Step {
        http::reply(request, &self.markets)
    }
    fn http_too_fast(&self) -> HttpResponse {
        http::too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        let close = match parting {
            Parting::Idle => (1001, "idle timeout"),
            Parting::Shutdown | Parting::TooOld | Parting::Unresponsive => (1001, ""),
            Parting::SlowConsumer => (1008, "slow consumer"),
            Parting::Abuse => (1008, "too many refused requests"),
            Parting::TooManySubscriptions => (1008, "too many subscriptions"),
            Parting::TooManyConnections => (1008, "too many connections"),
            Parting::NotLoggedIn | Parting::Revoked => (1008, ""),
        };
        LastWords { message: None, close: Some(close) }
    }
    fn documents(&self) -> Option<Documents> {
        Some(document::documents())
    }
}

/// Section A6: refused requests, and failed logins, that are answered.
const TOLERANCES: [Tolerance; 2] = [
    Tolerance { fault: Fault::TooFast, count: 600, per: Duration::from_secs(60) },
    Tolerance { fault: Fault::Login, count: 10, per: Duration::MAX },
];

/// No number is published; the socket's is taken.
const HTTP_RATES: [(u32, Duration); 1] = [(60, Duration::from_secs(3))];

/// Sections A6 and A7.
fn manners() -> Manners {
    Manners {
        message_bytes_max: 64 << 10,
        oversize_reason: "message too big",
        subscriptions_max: server::SUBSCRIPTIONS_MAX,
        idle_max: Some(Duration::from_secs(60)),
        restart_bytes_max: 256 << 10,
        queue_bytes_max: 4 << 20,
        stall_max: Duration::from_secs(60),
        wait_max: Duration::from_secs(120),
        http_rates: &HTTP_RATES,
        pace: Some(Pace::Steady { count: 60, per: Duration::from_secs(3) }),
        tolerances: &TOLERANCES,
        on_revoked: OnRevoked::DropOwn,
        ..Manners::LENIENT
    }
}

/// The listed markets: found by instrument when telling, by symbol when understanding.
pub struct Markets {
    /// In the directory's order.
    listed: Vec<Arc<Market>>,
    /// Places in `listed`, dense by instrument.
    by_instrument: Vec<Option<u16>>,
    /// Places in `listed`, sorted by symbol.
    by_symbol: Vec<u16>,
    /// All assets of the venue, listed here or not.
    assets: Assets,
}

impl Markets {
    fn new(listings: &[Listing]) -> Result<Self, ListingError> {
        let mut listed = Vec::new();
        for listing in listings {
            let Some(symbol) = listing.symbol_in(NAME) else { continue };
            if !channel::is_symbol(symbol) {
                return Err(ListingError::BadSymbol(symbol.into()));
            }
            listed.push(Arc::new(Market::new(listing, symbol)));
        }
        let places = 0..u16::try_from(listed.len()).expect("instruments are numbered in 16 bits");
        let mut by_symbol: Vec<u16> = places.clone().collect();
        by_symbol.sort_by_key(|&place| &listed[usize::from(place)].symbol);
        let symbol = |place: &u16| &listed[usize::from(*place)].symbol;
        if let Some(pair) = by_symbol.windows(2).find(|pair| symbol(&pair[0]) == symbol(&pair[1])) {
            return Err(ListingError::DoubleSymbol(symbol(&pair[0]).to_string()));
        }
        let size = listed.iter().map(|market| market.instrument.id.index() + 1).max().unwrap_or(0);
        let mut by_instrument = vec![None; size];
        for place in places {
            by_instrument[listed[usize::from(place)].instrument.id.index()] = Some(place);
        }
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        Ok(Self { listed, by_instrument, by_symbol, assets: Assets::of(&instruments) })
    }

    /// That of an instrument, if it is listed.
    pub fn of(&self, instrument: InstrumentId) -> Option<&Arc<Market>> {
        let place = (*self.by_instrument.get(instrument.index())?)?;
        Some(&self.listed[usize::from(place)])
    }

    /// That of a symbol.
    pub fn called(&self, symbol: &str) -> Option<&Arc<Market>> {
        let of = |place: u16| &self.listed[usize::from(place)];
        let found = self.by_symbol.binary_search_by(|&place| (*of(place).symbol).cmp(symbol));
        found.ok().map(|at| of(self.by_symbol[at]))
    }
}

#[cfg(test)]
mod tests;
