//! What the edge counts: plain atomics, added to once a turn, read whenever somebody asks.
//!
//! Not the text of `/metrics`: that is worded by the HTTP half from [`Counters::each`].

use std::sync::atomic::{AtomicU64, Ordering};

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

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident: $grows:ident,)*) => {
        /// Everything the edge counts, goodbyes aside (see [`crate::goodbye`]).
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: Counter,)*
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
