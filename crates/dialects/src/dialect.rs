//! The seam between the house and a dialect's server half.

use model::{AccountId, Topic, Update};

use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse, Step};
use crate::manners::{LastWords, Manners, Parting};

/// One published JSON API, served. Everything is a pure function of its arguments and of the listings that
/// the dialect was made with.
pub trait Dialect: Send + Sync {
    /// The name by which configuration, metrics and paths call it.
    fn name(&self) -> &'static str;

    /// Where its clients knock.
    fn doors(&self) -> &Doors;

    /// Its limits, heartbeats and ages.
    fn manners(&self) -> &Manners;

    /// Understands one whole message of a client and appends what it asks for, in order. Never fails: what
    /// cannot be understood becomes a [`Request::Say`] with the dialect's own error.
    fn decode(&self, message: &[u8], out: &mut Vec<Request>);

    /// Words an update for the subscribers of a topic; writes at most one message. Called once for each
    /// topic and update, never once for each subscriber. Returns whether it wrote anything.
    fn encode(&self, topic: &Topic, update: &Update<'_>, out: &mut FrameBuilder) -> bool;

    /// Whether a subscriber of this topic is first told its state as it is, before what changes.
    fn tells_state_first(&self, _topic: &Topic) -> bool {
        false
    }

    /// Understands one request to the HTTP half: what has to be done to answer it.
    fn http(&self, request: &HttpRequest<'_>) -> Step;

    /// The answer to a request that came faster than [`Manners::http_rates`] allow.
    fn http_too_fast(&self) -> HttpResponse;

    /// What is said, and how the connection ends, when we are the ones who end it.
    fn part(&self, parting: Parting) -> LastWords;
}

/// Where a dialect's clients knock.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Paths of the socket, as whole paths (`/bitstamp`, `/bitstamp/`).
    pub socket_paths: &'static [&'static str],
    /// Prefixes of its HTTP half and what each stands for at the venue: a request to `prefix + rest` is handed
    /// over as `replacement + rest` (`/bitstamp/api/` as `/api/`).
    pub http_prefixes: &'static [(&'static str, &'static str)],
    /// The venue's real host names. A request with such a `Host` is the dialect's whatever its path; an upgrade
    /// there is its socket.
    pub hosts: &'static [&'static str],
}

/// What a client's message asks for, and how its dialect words the reply.
#[derive(Debug)]
pub enum Request {
    /// Start telling these topics.
    Subscribe {
        /// The client's own name of it; the same name twice is one subscription.
        subscription: Box<str>,
        /// What it stands for here; empty if it is in order but nothing will ever be told.
        topics: Vec<Topic>,
        /// Said once subscribed, before the first frame of it.
        acknowledgement: Vec<u8>,
    },
    /// Start telling these topics of an account to whoever holds a pass of it.
    SubscribeOwn {
        /// As in [`Request::Subscribe`].
        subscription: Box<str>,
        /// Whose topics they are.
        account: AccountId,
        /// The pass (see [`Step::IssuePass`]), as the client gave it; empty if it gave none.
        pass: Box<str>,
        /// As in [`Request::Subscribe`].
        topics: Vec<Topic>,
        /// Said if the pass is good now and this account's.
        acknowledgement: Vec<u8>,
        /// Said if not.
        refusal: Vec<u8>,
    },
    /// Stop telling them.
    Unsubscribe {
        /// The name that was subscribed.
        subscription: Box<str>,
        /// Said once no frame of it will follow.
        acknowledgement: Vec<u8>,
    },
    /// Say this to the client at once.
    Say(Vec<u8>),
}
