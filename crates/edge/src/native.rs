//! The native API, `/rialto/v1`: accounts, balances, orders, trades, instruments and books as plain JSON, with an
//! OpenAPI document made of the very types that are served.
//!
//! Not a dialect: nobody else speaks it. But whatever it asks or does goes the dialects' way, by the same clerk and
//! the same boards, so that no key is good for more here than there.

pub mod register;

mod account;
mod api;
mod connections;
mod index;
mod market;
mod orders;
mod perpetual;

mod door;
mod outcome;
mod position;
mod reading;
mod venue;
mod visit;
pub mod wire;

mod once;
mod problem;
mod reply;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::{Method, Request};
use hyper::body::Bytes;
use model::AccountId;

use crate::board_thread::BoardsHandle;
use crate::boards::Dialects;
use crate::goodbye::Goodbyes;
use crate::journal::AskJournal;
use crate::limits::{Rate, Turnstile};
use crate::reactor::LoopHandle;
use crate::steps::{Clerk, Service};
use api::Page;
use once::Once;
use register::{KeyNote, Register};
use venue::Words;
use visit::Visit;

pub use problem::{Code, Problem};
pub use venue::Venue;

pub(crate) use api::PREFIX;
use reply::Answered;
pub(crate) use reply::Reply;

/// The name by which credentials of this API are known, as those of a dialect are by its name.
pub const NAME: &str = "native";

/// How many requests a key may make each second, unless it has a limit of its own.
pub const REQUESTS_PER_SECOND_MAX: u32 = 100;

/// The native API of a venue.
#[derive(Clone)]
pub struct Native(Arc<Shared>);

/// What all requests share.
pub(crate) struct Shared {
    words: Words,
    register: Arc<dyn Register>,
    once: Arc<Once>,
    keys: Mutex<Turnstile<(AccountId, String)>>,
    pages: Vec<Page>,
    document: Bytes,
}

/// What a request meets.
pub(crate) struct Around<'a> {
    pub boards: &'a BoardsHandle,
    pub clerk: &'a Clerk,
    pub service: Service,
    /// Session time.
    pub now: Duration,
    /// Whether new clients are welcome.
    pub ready: bool,
    pub journal: Option<&'a AskJournal>,
    pub peer: SocketAddr,
    pub floor: Floor<'a>,
}

/// Where connections are, and what is remembered of those that were.
#[derive(Clone, Copy)]
pub(crate) struct Floor<'a> {
    pub loops: &'a [LoopHandle],
    pub goodbyes: &'a Goodbyes,
    pub dialects: &'a Dialects,
}

impl Native {
    /// The API of this venue, whose accounts this register knows.
    ///
    /// # Panics
    /// If the document cannot be written, which is so for every venue or for none.
    #[must_use]
    pub fn new(venue: Venue, register: Arc<dyn Register>) -> Self {
        let pages = api::pages();
        let mut document = api::document(&pages).to_pretty_json().expect("a document is JSON");
        document.push('\n');
        Self(Arc::new(Shared {
            words: Words::new(venue),
            register,
            once: Arc::default(),
            keys: Mutex::new(Turnstile::new(Vec::new())),
            pages,
            document: document.into(),
        }))
    }

    /// The OpenAPI document.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.0.document
    }

    /// Whether a request may come in at all, and which page is meant.
    ///
    /// # Errors
    /// What its sender is told instead.
    pub(crate) fn enter<B>(
        &self,
        request: &Request<B>,
        local: SocketAddr,
    ) -> Result<(&Page, Vec<String>), Box<Problem>> {
        let uri = request.uri();
        let found = api::find(&self.0.pages, request.method(), uri.path())?;
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || page_is_guarded(uri.path()) {
            let authority = uri.authority().map(::http::uri::Authority::as_str);
            door::guard(request.headers(), authority, local, &self.0.words.venue.hosts)?;
        }
        Ok(found)
    }

    /// Answers a request with this body.
    pub(crate) async fn answer(
        &self,
        (page, parameters): (&Page, Vec<String>),
        parts: &::http::request::Parts,
        body: &[u8],
        around: Around<'_>,
    ) -> Answered {
        let Around { boards, clerk, service, now, ready, journal, peer, floor } = around;
        let mut visit = Visit {
            native: &self.0,
            boards,
            clerk,
            service,
            now,
            ready,
            journal,
            parameters,
            query: parts.uri.query(),
            headers: &parts.headers,
            body,
            is_local: peer.ip().to_canonical().is_loopback(),
            floor,
        };
        (page.serve)(&mut visit).await
    }
}

/// Whether what a page tells depends on where it is asked from, so that a web page must not ask for it.
fn page_is_guarded(path: &str) -> bool {
    let page = path.strip_prefix(PREFIX).unwrap_or_default();
    page == "/demo" || page.starts_with("/connections") || page.starts_with("/goodbyes")
}

impl Shared {
    /// How often a key may ask.
    fn rate(&self, note: Option<&KeyNote>) -> Rate {
        let own = note.and_then(|note| note.requests_per_second_max);
        Rate { count: own.unwrap_or(REQUESTS_PER_SECOND_MAX), per: Duration::from_secs(1) }
    }

    /// Whether one more request by this key goes through now.
    fn lets_pass(
        &self,
        account: AccountId,
        note: Option<&KeyNote>,
        rate: Rate,
        now: Duration,
    ) -> bool {
        let id = note.map(|note| note.id.clone()).unwrap_or_default();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.pass_at((account, id), &[rate], now)
    }
}
