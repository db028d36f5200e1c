//! What the edge counts: plain atomics, added to once a turn, read whenever somebody asks.
//!
//! Of commands it keeps how long each took, in buckets ([`Times`]).
//!
//! Not the text of `/metrics`: that is worded by the HTTP half from [`Counters::each`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows, or a level that goes up and down.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }
    /// Takes away what was added before.
    pub fn take(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
    /// What it stands at.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a counter only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grows {
    /// It counts what happened.
    Only,
    /// It says how much there is now.
    AndShrinks,
}

/// Buckets of [`Times`], the last of which is open.
const BUCKETS: usize = 66;

/// How long something took, each time: in buckets that widen with the time, four to each doubling, from 8 µs to half a
/// second.
#[derive(Debug)]
pub struct Times {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], sum_ns: AtomicU64::new(0) }
    }
}

impl Times {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed))
    }

    /// For each bucket the time below which it ends, and how many are in it. The last has no end.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        self.counts.iter().enumerate().map(|(at, count)| {
            let end = (at + 1 < BUCKETS).then(|| Duration::from_micros(end_of(at)));
            (end, count.load(Ordering::Relaxed))
        })
    }
}

fn bucket(ns: u64) -> usize {
    let units = ns / 2_000;
    if units < 4 {
        return 0;
    }
    let doublings = units.ilog2() - 2;
    let quarter = (units >> doublings) as usize - 4;
    (1 + 4 * doublings as usize + quarter).min(BUCKETS - 1)
}

/// Where a bucket ends, in µs.
const fn end_of(bucket: usize) -> u64 {
    if bucket == 0 {
        return 8;
    }
    let (doublings, quarter) = ((bucket - 1) / 4, (bucket - 1) % 4);
    ((4 + quarter as u64 + 1) << doublings) * 2
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident: $grows:ident,)*) => {
        /// Everything the edge counts, goodbyes aside (see [`crate::goodbye`]).
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: Counter,)*
            /// How long commands took that came over HTTP: from their submission to what came of them being known, which
            /// is when it is durable.
            pub commands: Times,
        }

        impl Counters {
            /// Tells name, meaning, kind and value of each.
            pub fn each(&self, mut tell: impl FnMut(&'static str, &'static str, Grows, u64)) {
                $(tell(stringify!($name), concat!($($doc),*).trim_ascii(), Grows::$grows, self.$name.read());)*
            }
        }
    };
}

counters! {
    /// Events that the boards took in.
    events: Only,
    /// Frames encoded: once for each dialect and topic that somebody listens to.
    frames_encoded: Only,
    /// Frames handed to loops: each encoded frame once for each loop with listeners.
    frames_handed: Only,
    /// Questions that the boards answered.
    queries: Only,
    /// Commands that somebody submitted.
    submissions: Only,
    /// Times a loop was woken because frames were there and it slept.
    loop_wakes: Only,
    /// Times the board thread had to wait for a loop whose ring was full.
    ring_waits: Only,
    /// Loops that write many sockets by one call of the system, with io_uring; the others write each by its own.
    loops_with_io_uring: AndShrinks,
    /// Turns of the loops.
    turns: Only,
    /// Connections that a loop took over.
    connections: Only,
    /// Connections that are open.
    connections_open: AndShrinks,
    /// Topics that connections listen to.
    interests_open: AndShrinks,
    /// Messages from clients.
    messages_in: Only,
    /// Frames brought to sockets or their outboxes: one for each frame and listener.
    deliveries: Only,
    /// Frames compressed: each once, to however many connections it is brought.
    compressions: Only,
    /// Frames replaced by newer ones while they waited.
    conflated: Only,
    /// Frames dropped because their topic begins anew for a slow socket.
    dropped: Only,
    /// Topics that began anew, whole, for a slow socket that takes some again.
    restarts: Only,
    /// Writes to sockets.
    writes: Only,
    /// Writes that a socket took only in part, or not at all.
    writes_cut: Only,
    /// Bytes that sockets took.
    bytes_out: Only,
    /// Times a client was not read on because the boards had too much to do.
    reads_held: Only,
    /// Connections closed at once because their address opened too many too fast.
    connections_too_fast: Only,
    /// Times accepting rested because new connections came too fast.
    accepts_held: Only,
    /// Connections closed at once because no seat or no loop was free.
    connections_refused: Only,
    /// Times the system had no socket to accept with.
    accept_failures: Only,
    /// Requests to become a socket that were refused.
    handshakes_refused: Only,
    /// Connections that were encrypted.
    tls_handshakes: Only,
    /// Connections that were to be encrypted and were not: no TLS, none that is spoken here, or too late.
    tls_handshakes_failed: Only,
    /// HTTP requests.
    http_requests: Only,
    /// HTTP connections that ended by a client's error: a broken head, a time-out, a cut.
    http_failures: Only,
    /// HTTP requests that found the boards too busy.
    http_busy: Only,
    /// Whether the journal cannot be written any more: then nothing is taken.
    journal_failed: AndShrinks,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_bucket_that_ends_behind_it() {
        let ends: Vec<u64> = (0..BUCKETS - 1).map(end_of).collect();
        assert_eq!(ends[..7], [8, 10, 12, 14, 16, 20, 24]);
        assert_eq!(ends.last(), Some(&524_288));
        for (at, end) in ends.iter().enumerate() {
            assert_eq!(bucket(end * 1_000 - 1), at, "below {end} µs");
            assert_eq!(bucket(end * 1_000), at + 1, "from {end} µs on");
        }
        assert_eq!((bucket(0), bucket(u64::MAX)), (0, BUCKETS - 1));
        let times = Times::default();
        [7, 9, 9, 600_000].map(Duration::from_micros).into_iter().for_each(|took| times.add(took));
        let counted: Vec<(Option<Duration>, u64)> =
            times.buckets().filter(|&(_, count)| count > 0).collect();
        let micros = |micros| Some(Duration::from_micros(micros));
        assert_eq!(counted, [(micros(8), 1), (micros(10), 2), (None, 1)]);
        assert_eq!(times.sum(), Duration::from_micros(600_025));
    }
}
