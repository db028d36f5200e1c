//! The seam between the house and a dialect's server half.

use core::fmt;
use std::time::Duration;

use model::{AccountId, Answer, Query, Sequence, Topic, Update};

use crate::document::Documents;
use crate::frame::FrameBuilder;
use crate::http::{HttpRequest, HttpResponse};
use crate::manners::{LastWords, Manners, Parting};
use crate::step::Step;
use crate::visitor::Visitor;

/// One published JSON API, served. Everything is a pure function of its arguments and of the listings that
/// the dialect was made with.
pub trait Dialect: Send + Sync {
    /// The name by which configuration, metrics and paths call it.
    fn name(&self) -> &'static str;

    /// Where its clients knock.
    fn doors(&self) -> &Doors;

    /// Its limits, heartbeats and ages.
    fn manners(&self) -> &Manners;

    /// Whether a request to become a socket is granted; unless a dialect says otherwise, everybody is welcome.
    fn admit(&self, _request: &HttpRequest<'_>) -> Step<Admission> {
        Step::Reply(Admission::Welcome)
    }

    /// Understands one whole message of a visitor and appends what it asks for, in order. Never fails: what
    /// cannot be understood becomes a [`Request::Say`] or [`Request::Refuse`] with the dialect's own error. The
    /// next message of a connection is understood once all of this one is served.
    fn decode(&self, message: &[u8], visitor: &Visitor<'_>, out: &mut Vec<Request>);

    /// Words an update for the subscribers of a subject; writes at most one message. `sequence` is the place of the
    /// event that it tells of. Called once for each subject and update, never once for each subscriber. Returns
    /// whether it wrote anything.
    fn encode(
        &self,
        subject: &Subject,
        update: &Update<'_>,
        sequence: Sequence,
        out: &mut FrameBuilder,
    ) -> bool;

    /// Whether a subscriber of this subject is first told its state as it is, before what changes.
    fn tells_state_first(&self, _subject: &Subject) -> bool {
        false
    }

    /// Understands one request to the HTTP half: what has to be done to answer it.
    fn http(&self, request: &HttpRequest<'_>) -> Step;

    /// The answer to a request that came faster than [`Manners::http_rates`] allow.
    fn http_too_fast(&self) -> HttpResponse;

    /// What is said, and how the connection ends, when we are the ones who end it.
    fn part(&self, parting: Parting) -> LastWords;

    /// What machines are told of this API; unless a dialect says otherwise, nothing.
    fn documents(&self) -> Option<Documents> {
        None
    }
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

/// A topic, and how it is worded for those who subscribe to it. Two subjects that differ in wording alone are told
/// the same at the same time, each in a frame of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What is told.
    pub topic: Topic,
    /// How.
    pub wording: Wording,
}

/// One of the ways in which a dialect words a topic: 0 for dialects that have only one. What it means is the
/// dialect's own business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wording(pub u16);

impl From<Topic> for Subject {
    fn from(topic: Topic) -> Self {
        Self { topic, wording: Wording::default() }
    }
}

/// How the answers to the questions of an [`Opening::State`] are worded: as messages that are said in their order.
pub type WordState = Box<dyn FnOnce(Vec<Answer>) -> Vec<Vec<u8>> + Send>;

/// What is said once something is subscribed, before the first frame of it.
pub enum Opening {
    /// Nothing: another request of the same message says what is to be said.
    Silent,
    /// This.
    Said(Vec<u8>),
    /// What is worded from the answers to these questions, in their order. They are answered at the moment from
    /// which on changes are told: between the two there is nothing.
    State(Vec<Query>, WordState),
}

/// What a client's message asks for, and how its dialect words the reply.
///
/// Subjects of an account are told to nobody else. They are let through where a pass of it is shown, where its holder
/// is logged in or was identified by the steps that ended with the request, and where
/// [`Manners::accounts_are_public`]; else they are left out, whatever a dialect says.
pub enum Request {
    /// Say this to the client at once.
    Say(Vec<u8>),
    /// Say that this was not done, and count it as a fault of the client (see [`Manners::tolerances`]).
    Refuse(Vec<u8>, Fault),
    /// Start telling these.
    Subscribe {
        /// The client's own name of it; the same name twice is one subscription.
        subscription: Box<str>,
        /// What it stands for here; empty if it is in order but nothing will ever be told.
        subjects: Vec<Subject>,
        /// The subscription's own bytes: they are written into every frame of it that has a hole for them
        /// ([`FrameBuilder::stamp_here`]). Each stamped subscription is told its own copies.
        stamp: Option<Box<[u8]>>,
        /// What is said first.
        opening: Opening,
    },
    /// Start telling these of an account to whoever holds a pass of it.
    SubscribeOwn {
        /// As in [`Request::Subscribe`].
        subscription: Box<str>,
        /// Whose they are.
        account: AccountId,
        /// The pass (see [`Step::IssuePass`]), as the client gave it; empty if it gave none.
        pass: Box<str>,
        /// As in [`Request::Subscribe`].
        subjects: Vec<Subject>,
        /// What is said first, if the pass is good now and this account's.
        opening: Opening,
        /// Said if not.
        refusal: Vec<u8>,
    },
    /// Stop telling what these names stand for.
    Unsubscribe {
        /// The names that were subscribed.
        subscriptions: Vec<Box<str>>,
        /// Said once no frame of them will follow.
        acknowledgement: Vec<u8>,
    },
    /// Whoever was identified last, by the steps that ended with this, is logged in on this connection from now on.
    /// Subscriptions of another account end.
    LogIn {
        /// For how long; `None` is as long as the key is good.
        lasts: Option<Duration>,
        /// Said then.
        acknowledgement: Vec<u8>,
    },
    /// Take one of so many berths of this name, which all connections of the dialect share, and serve what is asked
    /// then; a connection that has one of this name keeps it and takes no other. It is free again once the connection
    /// ends, or [leaves](Self::LeaveBerth) it.
    TakeBerth {
        /// Its name: what it is that only so many may have at once.
        berth: Box<str>,
        /// How many there are.
        of: u32,
        /// Served if it has one.
        then: Vec<Self>,
        /// Said if none is free.
        refusal: Vec<u8>,
    },
    /// Give back the berth of this name, if it has one.
    LeaveBerth(Box<str>),
    /// Take these steps, and then serve what they end with.
    Take(Step<Vec<Self>>),
    /// End the connection.
    Part(Parting),
}

/// Names what is asked for, and no secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(text) => write!(f, "Say({})", text.escape_ascii()),
            Self::Refuse(text, fault) => write!(f, "Refuse({}, {fault:?})", text.escape_ascii()),
            Self::Subscribe { subscription, subjects, .. } => {
                write!(f, "Subscribe({subscription:?}, {subjects:?})")
            }
            Self::SubscribeOwn { subscription, account, .. } => {
                write!(f, "SubscribeOwn({subscription:?}, {account:?})")
            }
            Self::Unsubscribe { subscriptions, .. } => write!(f, "Unsubscribe({subscriptions:?})"),
            Self::LogIn { .. } => f.write_str("LogIn"),
            Self::TakeBerth { then, .. } => write!(f, "TakeBerth({then:?})"),
            Self::LeaveBerth(_) => f.write_str("LeaveBerth"),
            Self::Take(_) => f.write_str("Take"),
            Self::Part(parting) => write!(f, "Part({parting:?})"),
        }
    }
}

/// What a client did wrong, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It asked too fast.
    TooFast,
    /// It failed to log in.
    Login,
    /// What it said made no sense.
    Malformed,
}

/// Whether a client may become a socket.
pub enum Admission {
    /// It may.
    Welcome,
    /// It may, and whoever was identified last is logged in from the start.
    LoggedIn,
    /// As [`Admission::LoggedIn`], if one of so many berths of this name is free (see [`Request::TakeBerth`]): the
    /// connection has it from the start. Else it may not.
    Berthed {
        /// The berth's name.
        berth: Box<str>,
        /// How many there are.
        of: u32,
        /// Told if none is free.
        refusal: HttpResponse,
    },
    /// It may not, and is told this.
    Refused(HttpResponse),
}
