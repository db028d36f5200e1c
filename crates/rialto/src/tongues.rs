//! The tongues as they are wired: for each dialect its two halves and what is published of its venue, in one list.

use dialects::published::Published;
use dialects::{Connector, Dialect, Misheard};
use dialects::{bitstamp, confluencecode, finazon, timex, xrocket};
use model::Listing;

/// Reads the symbols of a venue's directory.
type Symbols = fn(&[u8]) -> Result<Vec<String>, Misheard>;
/// Reads those of a directory's listings whose symbols are named.
type Listings = fn(&[u8], &[&str]) -> Result<Vec<Listing>, Misheard>;

/// The server half of a dialect, or why it cannot be served.
type Served = Result<Box<dyn Dialect>, String>;

/// One tongue.
pub struct Tongue {
    /// Its dialect's name.
    pub name: &'static str,
    /// What is published of the venue.
    pub published: Published,
    /// How its directory is read, if it has one.
    pub directory: Option<(Symbols, Listings)>,
    /// The client half, for these listings, with this key where one is wanted.
    pub connector: fn(&[Listing], &str) -> Box<dyn Connector>,
    /// The server half with its usual options; the error is why these listings cannot be served.
    pub dialect: fn(&[Listing]) -> Served,
    /// The symbol that an instrument of this base and quote would have.
    pub symbol: fn(&str, &str) -> String,
}

/// All of them.
pub const ALL: [Tongue; 5] = [
    Tongue {
        name: bitstamp::NAME,
        published: bitstamp::client::PUBLISHED,
        directory: Some((bitstamp::client::symbols, bitstamp::client::listings)),
        connector: |listings, _| Box::new(bitstamp::client::Client::new(listings)),
        dialect: |listings| served(bitstamp::Bitstamp::new(listings, bitstamp::Options::default())),
        symbol: |base, quote| format!("{base}{quote}").to_lowercase(),
    },
    Tongue {
        name: xrocket::NAME,
        published: xrocket::client::PUBLISHED,
        directory: Some((xrocket::client::symbols, xrocket::client::listings)),
        connector: |listings, _| Box::new(xrocket::client::Client::new(listings)),
        dialect: |listings| served(xrocket::XRocket::new(listings)),
        symbol: |base, quote| format!("{base}-{quote}"),
    },
    Tongue {
        name: timex::NAME,
        published: timex::client::PUBLISHED,
        directory: Some((timex::client::symbols, timex::client::listings)),
        connector: |listings, _| Box::new(timex::client::Client::new(listings)),
        dialect: |listings| served(timex::TimeX::new(listings, timex::Options::default())),
        symbol: |base, quote| format!("{base}{quote}"),
    },
    Tongue {
        name: confluencecode::NAME,
        published: confluencecode::client::PUBLISHED,
        directory: None,
        connector: |listings, key| Box::new(confluencecode::client::Client::new(listings, key)),
        dialect: |listings| {
            let options = confluencecode::Options::default();
            served(confluencecode::ConfluenceCode::new(listings, &options))
        },
        symbol: |base, quote| format!("{base}-{quote}"),
    },
    Tongue {
        name: finazon::NAME,
        published: finazon::client::PUBLISHED,
        directory: None,
        connector: |listings, _| Box::new(finazon::client::Client::new(listings)),
        dialect: |listings| served(finazon::Finazon::new(listings, &finazon::Options::default())),
        symbol: |base, quote| format!("replay:{base}/{quote}"),
    },
];

/// The tongue of this name.
pub fn called(name: &str) -> Option<&'static Tongue> {
    const TONGUES: &[Tongue] = &ALL;
    TONGUES.iter().find(|tongue| tongue.name == name)
}

/// Their names, for people.
pub fn names() -> String {
    ALL.map(|tongue| tongue.name).join(", ")
}

fn served<D: Dialect + 'static, E: std::fmt::Display>(dialect: Result<D, E>) -> Served {
    match dialect {
        Ok(dialect) => Ok(Box::new(dialect)),
        Err(error) => Err(error.to_string()),
    }
}
