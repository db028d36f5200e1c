//! Goodbyes: every end of a connection leaves a record of who decided it and why.
//!
//! Not a log line: a client's mistake is counted and can be asked for. Records hold no secret and are kept in
//! a bounded ring; what falls out of it is still counted.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dialects::Parting;
use model::{Sequence, Time};

use crate::connections::{ConnectionId, Sent, Waiting, Which, Who};

#[cfg(test)]
mod tests;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// We ended it by the dialect's manners.
    Parted(Parting),
    /// We ended it because the client broke the framing's rules.
    Violation,
    /// The client said goodbye.
    ClientClosed,
    /// The client was gone without a word.
    ClientVanished,
    /// The network failed.
    Network(io::ErrorKind),
}

/// Who decided that a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The client.
    Client,
    /// This server.
    Server,
    /// Neither.
    Network,
}

/// How many reasons there are by name.
const REASONS: usize = 14;

impl Reason {
    /// Who decided.
    #[must_use]
    pub const fn decider(self) -> Decider {
        match self {
            Self::Parted(_) | Self::Violation => Decider::Server,
            Self::ClientClosed | Self::ClientVanished => Decider::Client,
            Self::Network(_) => Decider::Network,
        }
    }

    /// Its name in records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self.index()]
    }

    const fn index(self) -> usize {
        match self {
            Self::Parted(Parting::Shutdown) => 0,
            Self::Parted(Parting::TooOld) => 1,
            Self::Parted(Parting::SlowConsumer) => 2,
            Self::Parted(Parting::TooManySubscriptions) => 3,
            Self::Parted(Parting::Unresponsive) => 4,
            Self::Parted(Parting::Idle) => 5,
            Self::Parted(Parting::Revoked) => 6,
            Self::Violation => 7,
            Self::ClientClosed => 8,
            Self::ClientVanished => 9,
            Self::Network(_) => 10,
            Self::Parted(Parting::Abuse) => 11,
            Self::Parted(Parting::NotLoggedIn) => 12,
            Self::Parted(Parting::TooManyConnections) => 13,
        }
    }
}

const NAMES: [&str; REASONS] = [
    "shutdown",
    "too_old",
    "slow_consumer",
    "too_many_subscriptions",
    "unresponsive",
    "idle",
    "revoked",
    "violation",
    "client_closed",
    "client_vanished",
    "network",
    "abuse",
    "not_logged_in",
    "too_many_connections",
];

/// The record of why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// The number that the connection had.
    pub id: ConnectionId,
    /// Whose it was, if that was known.
    pub who: Option<Who>,
    /// When it was opened, by the wall's clock.
    pub opened: Time,
    /// When it had ended, by the wall's clock.
    pub ended: Time,
    /// Which dialect it spoke, as an index.
    pub dialect: usize,
    /// The other end.
    pub peer: SocketAddr,
    /// Why.
    pub reason: Reason,
    /// The close code that was said first, by whoever decided; `None` if the line was dropped.
    pub code: Option<u16>,
    /// From the upgrade to the end.
    pub age: Duration,
    /// Subscriptions that it had, by its own names.
    pub subscriptions: usize,
    /// Topics it listened to.
    pub topics: usize,
    /// The last event that its loop had told when it ended.
    pub sequence: Sequence,
    /// The oldest event that still waited for it, if one did.
    pub unsent: Option<Sequence>,
    /// What still waited for it.
    pub waiting: Waiting,
    /// How long it had taken nothing of what waited.
    pub stalled: Duration,
    /// The longest that anything had waited for it over its last minute.
    pub lag_max: Duration,
    /// What had left for it.
    pub sent: Sent,
}

/// How many records are taken from among the recent ones at a time: loops that end a connection wait no longer than that
/// takes.
const PIECE: u64 = 128;

/// The last goodbyes, and how many there were of each reason.
#[derive(Debug)]
pub struct Goodbyes {
    recent: Mutex<Recent>,
    recent_max: usize,
    counts: [AtomicU64; REASONS],
}

impl Goodbyes {
    /// Remembers the last `recent_max`.
    #[must_use]
    pub fn new(recent_max: usize) -> Self {
        Self { recent: Mutex::default(), recent_max, counts: Default::default() }
    }

    /// Takes one in.
    pub fn note(&self, goodbye: Goodbye) {
        self.counts[goodbye.reason.index()].fetch_add(1, Ordering::Relaxed);
        let goodbye = Arc::new(goodbye);
        let mut recent = self.locked();
        while recent.records.len() >= self.recent_max {
            if recent.records.pop_front().is_none() {
                return;
            }
            recent.first += 1;
        }
        recent.records.push_back(goodbye);
    }

    /// The last ones, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Goodbye> {
        let mut all: Vec<Goodbye> =
            self.newest_first().map(|goodbye| Goodbye::clone(&goodbye)).collect();
        all.reverse();
        all
    }

    /// The last connection that had this number, if its record is still there.
    #[must_use]
    pub fn find(&self, id: ConnectionId) -> Option<Goodbye> {
        let found = self.newest_first().find(|goodbye| goodbye.id == id);
        found.map(|goodbye| Goodbye::clone(&goodbye))
    }

    /// Those of such connections, for this reason if one is named, the newest first: without the first `offset`, and at
    /// most `limit`.
    #[must_use]
    pub fn newest(
        &self,
        which: &Which,
        reason: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Vec<Goodbye> {
        let is_meant = |goodbye: &Arc<Goodbye>| {
            reason.is_none_or(|reason| goodbye.reason.name() == reason)
                && which.is(goodbye.dialect, goodbye.peer, || goodbye.who.clone())
        };
        let meant = self.newest_first().filter(is_meant).skip(offset).take(limit);
        meant.map(|goodbye| Goodbye::clone(&goodbye)).collect()
    }

    /// Tells each reason's name and how often it was given.
    pub fn each(&self, mut tell: impl FnMut(&'static str, u64)) {
        for (name, count) in NAMES.iter().zip(&self.counts) {
            tell(name, count.load(Ordering::Relaxed));
        }
    }

    /// Those that are there, taken a few at a time. What is noted meanwhile is not told, and what falls out meanwhile is
    /// left out.
    fn newest_first(&self) -> impl Iterator<Item = Arc<Goodbye>> + '_ {
        let mut below = u64::MAX;
        std::iter::from_fn(move || Some(self.locked().piece(&mut below)))
            .take_while(|piece| !piece.is_empty())
            .flatten()
    }

    fn locked(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last records, numbered in the order in which they were noted.
#[derive(Debug, Default)]
struct Recent {
    /// The number of the first that is still there.
    first: u64,
    records: VecDeque<Arc<Goodbye>>,
}

impl Recent {
    /// The last few that have numbers below this one, the newest first; the number becomes that of the last of them.
    fn piece(&self, below: &mut u64) -> Vec<Arc<Goodbye>> {
        let end = (*below).min(self.first + self.records.len() as u64);
        let begin = end.saturating_sub(PIECE).max(self.first);
        *below = begin;
        let place = |number: u64| (number - self.first) as usize;
        if begin >= end {
            return Vec::new();
        }
        self.records.range(place(begin)..place(end)).rev().cloned().collect()
    }
}
