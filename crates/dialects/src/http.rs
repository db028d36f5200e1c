//! The HTTP half of a dialect: a request is understood as a chain of steps, each of which the house takes for it.
//!
//! A dialect does nothing itself: it asks who holds a key, asks the boards, submits to the engine, and words what
//! comes back. Whoever takes the steps knows no dialect.

use std::time::Duration;

use model::{AccountId, Action, Answer, Event, Query, Sequence, Time};

/// One request to a dialect's HTTP half.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// Upper case.
    pub method: &'a str,
    /// The path at the venue (see [`Doors::http_prefixes`](crate::Doors::http_prefixes)), still percent-encoded.
    pub path: &'a str,
    /// The path as received, prefix and all.
    pub received_path: &'a str,
    /// What follows the question mark, if there is one.
    pub query: Option<&'a str>,
    /// Names in lower case and values, as received; values that are not text are left out.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty if there is none.
    pub body: &'a [u8],
    /// The wall's time, for windows in which a request is fresh. Not market time.
    pub wall: Time,
}

impl<'a> HttpRequest<'a> {
    /// A request without headers and body, as most are.
    #[must_use]
    pub const fn bare(method: &'a str, path: &'a str) -> Self {
        Self {
            method,
            path,
            received_path: path,
            query: None,
            headers: &[],
            body: &[],
            wall: Time(0),
        }
    }
    /// The first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }
}

/// What is gone on with once it is known who holds a key.
pub type ThenHolder = Box<dyn FnOnce(Option<&Credential>) -> Step + Send>;

/// What has to be done next to answer a request.
pub enum Step {
    /// Nothing: this is the answer.
    Reply(HttpResponse),
    /// Ask about state, and go on with the answer.
    Ask(Query, Box<dyn FnOnce(Answer) -> Step + Send>),
    /// Find out who holds this key, and go on with what is known of it; `None` if nobody holds it.
    Identify(String, ThenHolder),
    /// Take note of this nonce, and go on with whether it is fresh: it was not noted before.
    Nonce(Nonce, Box<dyn FnOnce(bool) -> Step + Send>),
    /// Submit to the engine, and go on with what happened.
    Submit(Submission, Box<dyn FnOnce(Outcome) -> Step + Send>),
    /// Make a pass for this account that is good for so long, and go on with its text: thirty-two letters and digits.
    IssuePass(AccountId, Duration, Box<dyn FnOnce(&str) -> Step + Send>),
}

/// A credential of one dialect, as the one who takes the steps knows it.
#[derive(Clone)]
pub struct Credential {
    /// Whose it is.
    pub account: AccountId,
    /// What signatures are made with; empty where the dialect has no signatures.
    pub secret: Vec<u8>,
    /// Whether it may change anything: place and cancel orders, move money.
    pub may_trade: bool,
    /// The instruments it may see and trade; `None` is all.
    pub instruments: Option<Vec<model::InstrumentId>>,
}

/// A number used once, within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// The key it belongs to.
    pub key: String,
    /// Its text.
    pub text: String,
    /// For how long it is remembered.
    pub window: Duration,
}

/// Something submitted to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// What is asked.
    pub action: Action,
    /// The client's own name for the order that it places.
    pub label: Option<Box<str>>,
}

/// What came of a [`Submission`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The engine took it: its command, and what it caused, in order. A refusal is an event as well.
    Done {
        /// The command's place in the log.
        command: Sequence,
        /// What it caused.
        events: Vec<Event>,
    },
    /// The source takes no orders, or has too much to do.
    NotTaken,
}

/// A response of a dialect's HTTP half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The exact `Content-Type`; `None` sends none.
    pub content_type: Option<&'static str>,
    /// Other headers that the dialect has a say in: names in lower case, and values of visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A JSON response with exactly `application/json` as its type.
    #[must_use]
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, content_type: Some("application/json"), headers: Vec::new(), body }
    }
    /// A response without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new() }
    }
    /// The value of one of its [`HttpResponse::headers`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}
