//! The configuration: what is listed, how its crowd behaves, and what the server is told.
//!
//! Read once at the start, from a file or from the demo that is part of the binary. What is wrong in it is told
//! with its line and column and what was expected there. It decides what the market is made of and starts
//! nothing.

mod file;
mod perpetual;

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge::limits::Limits;
use feed::crowd::{Asset, Crowd, Market};
use feed::gate::Gate;
use feed::journal::retention::Policy;
use feed::journal::writer::Pace;
use feed::source::engine::EngineSource;
use model::{Cadence, Contract, Listing, Span, Time};
use store::{DatabaseUrl, Pair};

/// The configuration without a file.
pub const DEMO: &str = include_str!("../demo.toml");

/// The file that is read from the working directory if nobody names one.
pub const FILE: &str = "rialto.toml";

/// What a venue is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What it was read from, for people.
    pub name: String,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether loops write sockets that are told the same by one call of `io_uring`, where the system takes it.
    pub io_uring: bool,
    /// What is served under TLS, and where.
    pub tls: Option<TlsPlan>,
    /// The database with the accounts; `None` is a file beside the market's state.
    pub accounts: Option<AccountsPlan>,
    /// The instruments, numbered from 0, with their names.
    pub listings: Vec<Listing>,
    /// What makes some of them perpetuals, by instrument.
    pub contracts: Vec<Contract>,
    /// Who trades in them before a visitor comes.
    pub crowd: CrowdPlan,
    /// How often an image of a kept market is taken.
    pub images: Pace,
    /// How much of the journal is kept behind them.
    pub retention: Policy,
    /// Names of ours at which the native API takes requests that change something, besides our addresses.
    pub native_hosts: Vec<String>,
    /// What strangers are allowed.
    pub limits: Limits,
    /// The dialects whose sockets are compressed where a client offers to.
    pub compressing: Vec<&'static str>,
    /// Where machines of one market meet.
    pub bus: Option<BusPlan>,
    /// What the Bitstamp dialect is told.
    pub bitstamp: dialects::bitstamp::Options,
    /// What the TimeX dialect is told.
    pub timex: dialects::timex::Options,
    /// What the ConfluenceCode dialect is told.
    pub confluencecode: dialects::confluencecode::Options,
    /// What the Finazon dialect is told.
    pub finazon: dialects::finazon::Options,
}

/// What is served under TLS, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// The certificate and its key.
    pub files: edge::tls::Files,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether the other address is listened at as well, in the clear.
    pub plain: bool,
}

/// Where machines of one market meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusPlan {
    /// The market's name on the bus: one word.
    pub market: String,
    /// The servers' addresses.
    pub servers: Vec<String>,
    /// Who one is there; with a secret and without a user that is a token.
    pub user: Option<String>,
    /// The file with the password or the token.
    pub secret_file: Option<PathBuf>,
    /// The file with the seed of one's NKEY, instead.
    pub nkey_file: Option<PathBuf>,
    /// The file of credentials, instead.
    pub credentials: Option<PathBuf>,
    /// Whether nothing is said to a server without TLS.
    pub tls: bool,
    /// PEM files of the authorities that are trusted; those of the system if there are none.
    pub authorities: Vec<PathBuf>,
    /// One's own certificate and its key, for a server that asks for them.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Where machines agree which of them is the core; nowhere if they do not.
    pub lease: Option<LeasePlan>,
    /// After so long without a word of the core an edge lets its clients go.
    pub patience: Duration,
}

/// Where machines agree which of them is the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeasePlan {
    /// In the database of the accounts.
    Postgres,
    /// In a key-value of the bus' server.
    JetStream,
}

/// The database with the accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsPlan {
    /// Where it is.
    pub database: DatabaseUrl,
    /// The file with the password, if there is one.
    pub password_file: Option<PathBuf>,
}

/// Where TLS is listened for if nothing else is said.
pub const TLS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// Who trades before a visitor comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrowdPlan {
    /// The assets that wander.
    pub assets: Vec<Asset>,
    /// The markets with a crowd.
    pub markets: Vec<Market>,
    /// For how much market time the crowd has traded when the doors open.
    pub warm_up: Span,
}

/// What is wrong with a configuration. Reads well after "failed to read the configuration: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub name: String,
    /// Where, counted from 1: line and column; `None` if the file cannot be read at all.
    pub place: Option<(usize, usize)>,
    /// What was found and what was expected.
    pub message: String,
}

impl Config {
    /// Reads the named file; without one `rialto.toml` in the working directory, if it is there, else the demo.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read or is not a configuration.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match named {
            Some(path) => path,
            None if Path::new(FILE).exists() => Path::new(FILE),
            None => return Self::read("the built-in demo", DEMO),
        };
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(&name, &text),
            Err(error) => Err(ConfigError { name, place: None, message: error.to_string() }),
        }
    }

    /// Reads a text; `name` is what an error calls it.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not a configuration.
    pub fn read(name: &str, text: &str) -> Result<Self, ConfigError> {
        file::read(name, text).map_err(|mistake| ConfigError {
            name: name.to_owned(),
            place: Some(place_of(text, &mistake.span)),
            message: mistake.message,
        })
    }

    /// When a market begins that opens its doors at `opens`: so much earlier that the crowd has filled the books.
    pub fn begins(&self, opens: Time) -> Time {
        opens - self.crowd.warm_up
    }

    /// The market that begins at `begins`, before its first command.
    pub fn market_begun(&self, seed: u64, begins: Time) -> EngineSource {
        let crowd = Crowd::new(seed, &self.crowd.assets, &self.crowd.markets, begins);
        self.source(Some(crowd), begins)
    }

    /// The same without anybody who trades by itself.
    pub fn market_without_crowd(&self, begins: Time) -> EngineSource {
        self.source(None, begins)
    }

    fn source(&self, crowd: Option<Crowd>, begins: Time) -> EngineSource {
        let instruments: Vec<_> =
            self.listings.iter().map(|listing| listing.instrument.clone()).collect();
        let market = (&*instruments, &*self.contracts);
        EngineSource::with_contracts(market, crowd, &self.cadences(), begins, Gate::open())
    }

    /// What a key is made for, by number: `BTC/USD`, `BTC/USD-PERP`.
    pub fn pairs(&self) -> Vec<Pair> {
        let pair = |it: &Listing| {
            let it = &it.instrument;
            match self.contracts.iter().any(|contract| contract.instrument == it.id) {
                true => Pair::of_perpetual(it),
                false => Pair::of(it),
            }
        };
        self.listings.iter().map(pair).collect()
    }

    /// The cadences at which some dialect's topics speak; and a tenth, by which statistics are counted.
    pub fn cadences(&self) -> Vec<Cadence> {
        let mut cadences = vec![self.bitstamp.cadence, Cadence::TENTH];
        cadences.dedup();
        cadences
    }
}

/// Something wrong at a place, given in bytes.
#[derive(Debug)]
struct Mistake {
    span: Range<usize>,
    message: String,
}

/// Line and column of the first byte of a span, counted from 1, columns in characters.
fn place_of(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some((line, column)) = self.place {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}
