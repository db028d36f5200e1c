//! How a dialect behaves on a connection: limits, heartbeats, ages, and how it says goodbye.
//!
//! All times are session time (the wall's monotonic clock), not market time.

use std::time::Duration;

use crate::dialect::Fault;

/// Limits, heartbeats and ages of a dialect. All can be configured; these are the venue's.
#[derive(Clone, Debug)]
pub struct Manners {
    /// The longest message a client may send, in bytes.
    pub message_bytes_max: usize,
    /// The close reason that a longer one gets, with code 1009.
    pub oversize_reason: &'static str,
    /// How many subscriptions one connection may hold; one more parts with
    /// [`Parting::TooManySubscriptions`].
    pub subscriptions_max: usize,
    /// How often the server pings, counted from the opening.
    pub ping_every: Option<Duration>,
    /// How long after a ping something must have been heard, else [`Parting::Unresponsive`].
    pub pong_within: Duration,
    /// How long a client may say nothing, else [`Parting::Idle`].
    pub idle_max: Option<Duration>,
    /// How old a connection may become, else [`Parting::TooOld`].
    pub age_max: Option<Duration>,
    /// How long before its end a connection that is too old, or on a server that leaves, is told so.
    pub notice: Duration,
    /// How many bytes may wait for one socket of topics that can restart ([`model::Class::Restart`]), a frame that waits
    /// alone excepted; else they are dropped, and those topics begin anew.
    pub restart_bytes_max: usize,
    /// How many bytes may wait for one socket of topics of which nothing may be dropped, else [`Parting::SlowConsumer`].
    pub queue_bytes_max: usize,
    /// How long a socket with something waiting may take none of it, else [`Parting::SlowConsumer`].
    pub stall_max: Duration,
    /// How long anything may wait for one socket, however much of what waits it takes meanwhile, else
    /// [`Parting::SlowConsumer`]: who takes a byte now and then is not waited for without end.
    pub wait_max: Duration,
    /// How many requests one address may make to the HTTP half, each within how much time; one more gets
    /// [`Dialect::http_too_fast`](crate::Dialect::http_too_fast).
    pub http_rates: &'static [(u32, Duration)],
    /// How often a client may say something; a message that comes faster is shown to the dialect as such
    /// ([`Visitor::too_fast`](crate::Visitor::too_fast)). `None` is as often as it likes.
    pub pace: Option<Pace>,
    /// How many faults of which kind are answered, each within how much time; one more parts with
    /// [`Parting::Abuse`]. A kind that is not listed is never counted.
    pub tolerances: &'static [Tolerance],
    /// How long a client may wait before it logs in, else [`Parting::NotLoggedIn`].
    pub login_within: Option<Duration>,
    /// What becomes of a connection when a key by which it was let in is good no longer.
    pub on_revoked: OnRevoked,
    /// Whether what is an account's own may be told to anybody who asks for it.
    pub accounts_are_public: bool,
}

/// As good as for ever.
const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);

impl Manners {
    /// Manners that refuse nobody anything: what a dialect's own begin from.
    pub const LENIENT: Self = Self {
        message_bytes_max: usize::MAX,
        oversize_reason: "",
        subscriptions_max: usize::MAX,
        ping_every: None,
        pong_within: CENTURY,
        idle_max: None,
        age_max: None,
        notice: Duration::ZERO,
        restart_bytes_max: usize::MAX,
        queue_bytes_max: usize::MAX,
        stall_max: CENTURY,
        wait_max: CENTURY,
        http_rates: &[],
        pace: None,
        tolerances: &[],
        login_within: None,
        on_revoked: OnRevoked::Part,
        accounts_are_public: false,
    };
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many at once, and then one each `per / count`: what was not used comes back steadily.
    Steady {
        /// How many.
        count: u32,
        /// Within how much time they all come back.
        per: Duration,
    },
    /// Never more than so many within any stretch of time of this length. What is refused does not count.
    Window {
        /// How many.
        count: u32,
        /// Within how much time.
        per: Duration,
    },
}

/// How many faults of a kind are answered within how much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Of which kind.
    pub fault: Fault,
    /// How many are answered.
    pub count: u32,
    /// Within how much time; [`Duration::MAX`] is the whole life of the connection.
    pub per: Duration,
}

/// What becomes of a connection when a key by which it was let in is good no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRevoked {
    /// It ends, with [`Parting::Revoked`].
    Part,
    /// It goes on without what that key let it see; it is told when it asks for that again.
    DropOwn,
}

/// Why we end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parting {
    /// The server leaves. Notice first, the end after [`Manners::notice`].
    Shutdown,
    /// The connection reached its maximum age. Notice first, the end after [`Manners::notice`].
    TooOld,
    /// Too much waits for it, or too long.
    SlowConsumer,
    /// One subscription more than allowed.
    TooManySubscriptions,
    /// No sign of life after a ping.
    Unresponsive,
    /// Nothing said for too long.
    Idle,
    /// The key by which it was let in is good no longer.
    Revoked,
    /// It did wrong too often.
    Abuse,
    /// It did not log in in time.
    NotLoggedIn,
    /// The key by which it asks to be let in has let in as many connections as a key may.
    TooManyConnections,
}

/// What is said, and how the connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// A message said first: for partings with notice at the time of notice, else right before the end.
    pub message: Option<Vec<u8>>,
    /// Close code and reason; `None` drops the connection without a close frame.
    pub close: Option<(u16, &'static str)>,
}
