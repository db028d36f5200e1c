//! What is known of a connection while it is open: whose it is, what it listens to, what waits for it and how long.
//!
//! A loop owns its connections, so that a loop tells of them: it is asked by letter ([`Wanted`]) and looks through its
//! places a few each turn (see `reactor::survey`). Nothing is shared for it, and nothing is counted that a delivery would
//! have to wait for. No note holds a key or a secret.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::{AccountId, Time};

mod lag;

pub use lag::Lag;

/// A connection's number, from 1 in the order in which loops took them over; none is given twice while the process lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose a connection is, once somebody has shown a key on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Whose key it was.
    pub account: AccountId,
    /// The credential's number, as its owner is shown it; `None` where it is not known any more.
    pub credential: Option<String>,
}

/// Which connections are meant: those for which everything holds that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// The dialect, as an index.
    pub dialect: Option<usize>,
    /// Whose.
    pub account: Option<AccountId>,
    /// By this credential.
    pub credential: Option<String>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// From this port.
    pub port: Option<u16>,
}

impl Which {
    /// Whether such a connection is meant. `who` is only asked if that matters, and all else holds.
    pub fn is(&self, dialect: usize, peer: SocketAddr, who: impl FnOnce() -> Option<Who>) -> bool {
        let is = |wanted: Option<IpAddr>| {
            wanted.is_none_or(|wanted| wanted.to_canonical() == peer.ip().to_canonical())
        };
        if self.dialect.is_some_and(|wanted| wanted != dialect)
            || !is(self.address)
            || self.port.is_some_and(|wanted| wanted != peer.port())
        {
            return false;
        }
        if self.account.is_none() && self.credential.is_none() {
            return true;
        }
        who().is_some_and(|who| {
            self.account.is_none_or(|wanted| wanted == who.account)
                && (self.credential.is_none() || self.credential == who.credential)
        })
    }
}

/// What is asked of a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which connections.
    pub which: Which,
    /// This one alone, with the names of what it listens to.
    pub only: Option<ConnectionId>,
    /// Only those that were taken over after this one.
    pub after: ConnectionId,
    /// Only those for which so many bytes wait.
    pub waiting_bytes_min: usize,
    /// The first so many of them, by number.
    pub notes_max: usize,
}

/// How one connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionNote {
    /// Its number.
    pub id: ConnectionId,
    /// Which dialect it speaks, as an index.
    pub dialect: usize,
    /// The other end.
    pub peer: SocketAddr,
    /// Whose it is, if that is known.
    pub who: Option<Who>,
    /// When a loop took it over, by the wall's clock.
    pub opened: Time,
    /// Whether it was told that it ends, or is being ended.
    pub leaves: bool,
    /// How many subscriptions it has, by its own names.
    pub subscriptions: usize,
    /// Those names, at most [`NAMES_MAX`], where one connection was asked for.
    pub names: Vec<String>,
    /// What waits for it.
    pub waiting: Waiting,
    /// How long that which waits longest has waited; nothing if nothing does.
    pub waits: Duration,
    /// The longest that anything waited, or has waited by now, over the last minute.
    pub lag_max: Duration,
    /// What has left.
    pub sent: Sent,
}

/// How many names of subscriptions are told.
pub const NAMES_MAX: usize = 1_000;

/// Bytes that wait for a connection, by what may be done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Answers, pings and pongs: they pass by what is told.
    pub answers: usize,
    /// Frames of which none may be dropped.
    pub lossless: usize,
    /// Frames of topics that can begin anew.
    pub restart: usize,
    /// Frames of topics with a latest value.
    pub latest: usize,
}

impl Waiting {
    /// All of them.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.answers + self.lossless + self.restart + self.latest
    }
}

/// What has left for a connection since it was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames of topics, whole.
    pub frames: u64,
    /// Bytes of all kinds.
    pub bytes: u64,
}

impl Sent {
    /// So much more.
    #[inline]
    pub const fn add(&mut self, frames: u64, bytes: usize) {
        self.frames += frames;
        self.bytes += bytes as u64;
    }
}
