//! The TimeX relay's WebSocket API and the HTTP endpoints that its clients need.
//!
//! `spec.md` beside this file says which part of the published API is served, and what was chosen where it is silent;
//! `transcripts/` shows each behaviour once.

pub mod channel;
pub mod client;
pub mod wire;

mod convert;
mod document;
mod http;
mod private;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{Address, AssetId, Assets, Instrument, InstrumentId, Listing, Scope, Sequence, Update};

use crate::dialect::{Dialect, Doors, Request, Subject};
use crate::document::Documents;
use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse};
use crate::manners::{LastWords, Manners, OnRevoked, Pace, Parting};
use crate::step::Step;
use crate::visitor::Visitor;

use convert::{Market, Token};

/// The name by which configuration, metrics and paths call the dialect.
pub const NAME: &str = "timex";

/// What of the dialect can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What makers are told to pay, in millionths.
    pub maker_fee_ppm: u32,
    /// What takers are told to pay, in millionths.
    pub taker_fee_ppm: u32,
    /// Whether patterns of an account are open to everybody, as on a chain; else they are refused.
    pub public_accounts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { maker_fee_ppm: 1_000, taker_fee_ppm: 2_000, public_accounts: true }
    }
}

/// Why the dialect cannot be made from these listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingError {
    /// The symbol is not of upper-case letters and digits.
    BadSymbol(String),
    /// Two instruments share the symbol.
    DoubleSymbol(String),
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSymbol(symbol) => {
                write!(f, "{NAME} symbol {symbol:?} is not of upper-case letters and digits")
            }
            Self::DoubleSymbol(symbol) => {
                write!(f, "{NAME} symbol {symbol:?} is given to two instruments")
            }
        }
    }
}

impl std::error::Error for ListingError {}

/// The dialect, made for a set of listings.
pub struct TimeX {
    manners: Manners,
    markets: Arc<Markets>,
}

impl TimeX {
    /// The dialect for those listings that it has a symbol for.
    ///
    /// # Errors
    /// [`ListingError`] if a symbol cannot be served.
    pub fn new(listings: &[Listing], options: Options) -> Result<Self, ListingError> {
        Ok(Self { manners: manners(options), markets: Arc::new(Markets::new(listings, options)?) })
    }
}

impl Dialect for TimeX {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doors(&self) -> &Doors {
        const DOORS: &Doors = &Doors {
            socket_paths: &["/timex/socket/relay", "/timex/socket/relay/"],
            http_prefixes: &[
                ("/timex/public/", "/public/"),
                ("/timex/trading/", "/trading/"),
                ("/timex/history/", "/history/"),
                ("/timex/custody/", "/custody/"),
                ("/timex/currencies/", "/currencies/"),
                ("/timex/tradingview/", "/tradingview/"),
                // Nothing is served there, and its clients are told so.
                ("/timex/addressbook/", "/addressbook/"),
                ("/timex/manager/", "/manager/"),
                ("/timex/markets/", "/markets/"),
                ("/timex/statistics/", "/statistics/"),
            ],
            hosts: &["plasma-relay-backend.timex.io"],
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
        sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool {
        let markets = &*self.markets;
        match (subject.topic.scope, update) {
            (Scope::Instrument(instrument) | Scope::Account(_, instrument), _) => {
                markets.of(instrument).is_some_and(|market| {
                    server::push::market(markets, market, subject, update, sequence, out)
                })
            }
            (Scope::Own(_), Update::Movement(movement)) => {
                server::push::movement(markets, subject, movement, sequence, out)
            }
            (Scope::Own(_), _) => server::account::push(markets, subject, update, out),
            (Scope::All, _) => false,
        }
    }
    fn http(&self, request: &HttpRequest<'_>) -> Step {
        http::reply(request, &self.markets)
    }
    fn http_too_fast(&self) -> HttpResponse {
        http::too_fast()
    }
    fn part(&self, parting: Parting) -> LastWords {
        let close = match parting {
            Parting::Shutdown | Parting::TooOld | Parting::Unresponsive | Parting::Idle => {
                (1001, "")
            }
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

/// No number is published; the socket's is taken.
const HTTP_RATES: [(u32, Duration); 1] = [(1_800, Duration::from_secs(2))];

/// How many subscriptions a connection may hold. Section B9.
pub const SUBSCRIPTIONS_MAX: usize = 2_048;

/// Section B9.
fn manners(options: Options) -> Manners {
    Manners {
        message_bytes_max: 256 << 10,
        oversize_reason: "message too big",
        subscriptions_max: SUBSCRIPTIONS_MAX,
        ping_every: Some(Duration::from_secs(30)),
        pong_within: Duration::from_secs(60),
        queue_bytes_max: 4 << 20,
        stall_max: Duration::from_secs(60),
        wait_max: Duration::from_secs(120),
        http_rates: &HTTP_RATES,
        pace: Some(Pace::Steady { count: 1_800, per: Duration::from_secs(2) }),
        accounts_are_public: options.public_accounts,
        on_revoked: OnRevoked::DropOwn,
        ..Manners::LENIENT
    }
}

/// The listed markets and all tokens: found by instrument when telling, by symbol and address when understanding.
#[derive(Debug)]
pub struct Markets {
    /// In the directory's order.
    pub listed: Vec<Arc<Market>>,
    /// By asset: those of all listings, whether they have a symbol here or not.
    pub tokens: Vec<Token>,
    /// All assets of the venue.
    pub assets: Assets,
    /// What was chosen.
    pub options: Options,
    /// Places in `listed`, dense by instrument.
    by_instrument: Vec<Option<u16>>,
    /// Places in `listed`, sorted by symbol.
    by_symbol: Vec<u16>,
}

impl Markets {
    fn new(listings: &[Listing], options: Options) -> Result<Self, ListingError> {
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        let assets = Assets::of(&instruments);
        let tokens: Vec<Token> = assets.all().iter().map(Token::new).collect();
        let mut listed = Vec::new();
        for listing in listings {
            let Some(symbol) = listing.symbol_in(NAME) else { continue };
            if !channel::is_symbol(symbol) {
                return Err(ListingError::BadSymbol(symbol.into()));
            }
            let settlement = assets.settlement(listing.instrument.id);
            let settlement = *settlement.expect("each listing's instrument settles");
            let token = |asset: AssetId| tokens[asset.index()].clone();
            let (base, quote) = (token(settlement.base), token(settlement.quote));
            let instrument = listing.instrument.clone();
            let symbol = symbol.into();
            let place = u16::try_from(listed.len()).expect("instruments are numbered in 16 bits");
            listed.push(Arc::new(Market { place, instrument, settlement, symbol, base, quote }));
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
        Ok(Self { listed, tokens, assets, options, by_instrument, by_symbol })
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

    /// That of a pair of tokens.
    pub fn of_pair(&self, base: &Token, quote: &Token) -> Option<&Arc<Market>> {
        let is_it = |market: &&Arc<Market>| market.base == *base && market.quote == *quote;
        self.listed.iter().find(is_it)
    }

    /// The token of an asset.
    pub fn token(&self, asset: AssetId) -> Option<&Token> {
        self.tokens.get(asset.index())
    }

    /// The token of this symbol.
    pub fn token_called(&self, symbol: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.symbol() == symbol)
    }

    /// The token with this contract.
    pub fn token_at(&self, address: &Address) -> Option<&Token> {
        self.tokens.iter().find(|token| token.address == *address)
    }
}

#[cfg(test)]
mod tests;
