//! Bitstamp WebSocket API v2, public and private channels, and the HTTP endpoints that its clients need.
//!
//! `spec.md` beside this file says which part of the published API is served, and what was chosen where it
//! is silent; `transcripts/` shows each behaviour once.

pub mod channel;
pub mod client;
pub mod wire;

mod convert;
mod document;
mod http;
mod money;
mod object;
mod own;
mod private;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{
    Assets, Cadence, Contract, Instrument, InstrumentId, Listing, Scope, Sequence, Update,
    Valuation,
};

use crate::dialect::{Dialect, Doors, Request, Subject};
use crate::document::Documents;
use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse};
use crate::manners::{LastWords, Manners, OnRevoked, Parting};
use crate::step::Step;
use crate::visitor::Visitor;

use http::Pages;
use private::Ground;
use server::{Market, Perpetual};

/// The name by which configuration, metrics and paths call the dialect.
pub const NAME: &str = "bitstamp";

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How often the three book channels speak.
    pub cadence: Cadence,
    /// Whether a well-formed channel of an unknown market is refused rather than acknowledged and silent.
    pub strict_markets: bool,
    /// Whether `bts:request_reconnect` carries `null` rather than an empty string.
    pub null_reconnect_data: bool,
    /// Names of ours that clients may take for the host when they sign, besides the venue's and what they ask.
    pub hosts: Vec<String>,
    /// What the resting order of a trade pays, in millionths, as it is told.
    pub maker_fee_ppm: u32,
    /// What the arriving order of a trade pays, in millionths, as it is told.
    pub taker_fee_ppm: u32,
    /// What makes some of the instruments perpetuals.
    pub contracts: Vec<Contract>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cadence: Cadence::TENTH,
            strict_markets: false,
            null_reconnect_data: false,
            hosts: Vec::new(),
            maker_fee_ppm: 1_000,
            taker_fee_ppm: 2_000,
            contracts: Vec::new(),
        }
    }
}

/// Why the dialect cannot be made from these listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingError {
    /// The symbol is no market name: lower-case letters and digits in parts joined by hyphens.
    BadSymbol(String),
    /// An asset's code is not of letters and digits, so that a market's name could not be written.
    BadAsset(String),
    /// Two instruments share the symbol.
    DoubleSymbol(String),
    /// The contract of this instrument makes no sense.
    BadContract(String, &'static str),
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSymbol(symbol) => write!(
                f,
                "bitstamp symbol {symbol:?} is not lower-case letters and digits in parts joined by hyphens, \
                 {} bytes at most",
                channel::MARKET_BYTES_MAX
            ),
            Self::BadAsset(code) => write!(f, "asset code {code:?} is not of letters and digits"),
            Self::BadContract(symbol, why) => write!(f, "the contract of {symbol:?} has {why}"),
            Self::DoubleSymbol(symbol) => {
                write!(f, "bitstamp symbol {symbol:?} is given to two instruments")
            }
        }
    }
}

impl std::error::Error for ListingError {}

/// The dialect, made for a set of listings.
pub struct Bitstamp {
    options: Options,
    manners: Manners,
    markets: Arc<Markets>,
    pages: Pages,
    ground: Arc<Ground>,
}

impl Bitstamp {
    /// The dialect for those listings that it has a symbol for.
    ///
    /// # Errors
    /// [`ListingError`] if a symbol cannot be served.
    pub fn new(listings: &[Listing], options: Options) -> Result<Self, ListingError> {
        let markets = Arc::new(Markets::new(listings, &options)?);
        let pages = Pages::new(&markets);
        let ground = Arc::new(Ground::new(listings, Arc::clone(&markets), options.clone()));
        Ok(Self { options, manners: manners(), markets, pages, ground })
    }
}

impl Dialect for Bitstamp {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doors(&self) -> &Doors {
        const DOORS: &Doors = &Doors {
            socket_paths: &["/bitstamp", "/bitstamp/"],
            http_prefixes: &[("/bitstamp/api/", "/api/"), ("/api/v2/", "/api/v2/")],
            hosts: &["ws.bitstamp.net", "www.bitstamp.net"],
        };
        DOORS
    }
    fn manners(&self) -> &Manners {
        &self.manners
    }
    fn decode(&self, message: &[u8], _: &Visitor<'_>, out: &mut Vec<Request>) {
        out.push(server::decode(message, &self.markets, &self.options));
    }
    fn encode(
        &self,
        Subject { topic, .. }: &Subject,
        update: &Update<'_>,
        _: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        let instrument = match update {
            Update::Settlement(it) => Some(it.instrument),
            Update::Alert(it) => Some(it.instrument),
            _ => topic.instrument(),
        };
        let Some(market) = instrument.and_then(|it| self.markets.of(it)) else {
            return false;
        };
        match topic.scope {
            Scope::Instrument(_) => server::encode(market, topic.kind, update, out),
            Scope::Account(user, _) => {
                own::encode(market, user, topic.kind, update, out.text_mut())
            }
            Scope::Own(user) => own::encode_of_positions(market, user, update, out.text_mut()),
            Scope::All => false,
        }
    }
    fn http(&self, request: &HttpRequest<'_>) -> Step {
        http::reply(request, &self.markets, &self.pages, &self.ground, &self.options)
    }
    fn http_too_fast(&self) -> HttpResponse {
        http::too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        let reconnect = Some(server::request_reconnect(self.options.null_reconnect_data).to_vec());
        match parting {
            Parting::Shutdown | Parting::TooOld => {
                LastWords { message: reconnect, close: Some((1001, "")) }
            }
            Parting::SlowConsumer => {
                LastWords { message: None, close: Some((1008, "slow consumer")) }
            }
            // Not published. The client hears what it would hear at its next private subscription.
            Parting::Revoked => {
                LastWords { message: Some(server::UNAUTHORIZED.to_vec()), close: Some((1008, "")) }
            }
            Parting::TooManySubscriptions
            | Parting::Unresponsive
            | Parting::Idle
            | Parting::Abuse
            | Parting::NotLoggedIn => LastWords { message: None, close: None },
        }
    }
    fn documents(&self) -> Option<Documents> {
        Some(document::documents())
    }
}

/// Section 6.
const HTTP_RATES: [(u32, Duration); 2] =
    [(400, Duration::from_secs(1)), (10_000, Duration::from_secs(600))];

/// Sections 6 and 7 of the dossier, and its decisions where nothing is published.
fn manners() -> Manners {
    Manners {
        // Nothing of it can restart.
        restart_bytes_max: usize::MAX,
        message_bytes_max: 512,
        oversize_reason: "read limited at 513 bytes",
        subscriptions_max: 1_024,
        ping_every: Some(Duration::from_secs(54)),
        pong_within: Duration::from_secs(60),
        idle_max: None,
        age_max: Some(Duration::from_secs(90 * 86_400)),
        notice: Duration::from_secs(5),
        queue_bytes_max: 16 << 20,
        stall_max: Duration::from_secs(60),
        http_rates: &HTTP_RATES,
        pace: None,
        tolerances: &[],
        login_within: None,
        on_revoked: OnRevoked::Part,
        accounts_are_public: false,
    }
}

/// The listed markets: found by instrument when telling, by symbol when understanding.
struct Markets {
    /// In the directory's order.
    listed: Vec<Arc<Market>>,
    /// Places in `listed`, dense by instrument.
    by_instrument: Vec<Option<u16>>,
    /// Places in `listed`, sorted by symbol.
    by_symbol: Vec<u16>,
}

impl Markets {
    fn new(listings: &[Listing], options: &Options) -> Result<Self, ListingError> {
        let mut listed = Vec::new();
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        let assets = Assets::of(&instruments);
        for listing in listings {
            let Some(symbol) = listing.symbol_in(NAME) else { continue };
            if !channel::is_market(symbol) || symbol.len() > channel::MARKET_BYTES_MAX {
                return Err(ListingError::BadSymbol(symbol.into()));
            }
            for code in [&listing.instrument.base, &listing.instrument.quote] {
                if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err(ListingError::BadAsset(code.clone()));
                }
            }
            let its = |contract: &&Contract| contract.instrument == listing.instrument.id;
            let perpetual = match options.contracts.iter().find(its) {
                Some(terms) => {
                    let value = terms
                        .check()
                        .and_then(|()| Valuation::of(terms, &listing.instrument, &assets))
                        .map_err(|why| ListingError::BadContract(symbol.into(), why))?;
                    Some(Perpetual { terms: terms.clone(), value })
                }
                None => None,
            };
            let quote = match &perpetual {
                Some(perpetual) => assets.get(perpetual.value.margin),
                None => assets.by_code(&listing.instrument.quote),
            };
            let quote = quote.expect("an asset of the listings").clone();
            let market = Market::new(listing, symbol, quote, perpetual, options.cadence);
            listed.push(Arc::new(market));
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
        Ok(Self { listed, by_instrument, by_symbol })
    }

    fn of(&self, instrument: InstrumentId) -> Option<&Market> {
        let place = (*self.by_instrument.get(instrument.index())?)?;
        Some(&self.listed[usize::from(place)])
    }

    fn called(&self, symbol: &str) -> Option<&Arc<Market>> {
        let of = |place: u16| &self.listed[usize::from(place)];
        let found = self.by_symbol.binary_search_by(|&place| (*of(place).symbol).cmp(symbol));
        found.ok().map(|at| of(self.by_symbol[at]))
    }
}

#[cfg(test)]
mod tests;
