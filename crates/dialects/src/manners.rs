//! How a dialect behaves on a connection: limits, heartbeats, ages, and how it says goodbye.
//!
//! All times are session time (the wall's monotonic clock), not market time.

use std::time::Duration;

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
    /// How many bytes may wait for one socket, else [`Parting::SlowConsumer`].
    pub queue_bytes_max: usize,
    /// How long a socket with something waiting may take none of it, else [`Parting::SlowConsumer`].
    pub stall_max: Duration,
    /// How many requests one address may make to the HTTP half, each within how much time; one more gets
    /// [`Dialect::http_too_fast`](crate::Dialect::http_too_fast).
    pub http_rates: &'static [(u32, Duration)],
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
}

/// What is said, and how the connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// A message said first: for partings with notice at the time of notice, else right before the end.
    pub message: Option<Vec<u8>>,
    /// Close code and reason; `None` drops the connection without a close frame.
    pub close: Option<(u16, &'static str)>,
}
