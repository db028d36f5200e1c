//! A tap on a journal that is written: of what counts as durable it hands on a copy. It never holds up whoever writes:
//! what there is no room for is not handed on, and whoever misses it asks for it.
//!
//! In the steady state nothing is allocated: who drains gives the room back that bytes came in.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Epoch, Sequence};

use super::super::record::Hash;
use super::words::Frontier;

#[cfg(test)]
mod tests;

/// So much may wait to be drained.
pub const TAPPED_BYTES_MAX: usize = 8 << 20;
/// And in so many pieces.
const TAPPED_MAX: usize = 4_096;
/// Room that is longer is not kept for what comes next.
const SPARE_BYTES_MAX: usize = 64 << 10;
/// So much room is kept.
const SPARE_MAX: usize = 256;

/// Tells how far a journal is, to any thread.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The journal, and how far it is.
    level: Mutex<(Hash, Frontier)>,
    /// What waits to be drained.
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

/// Some bytes that have become durable together, all of one segment.
#[derive(Debug)]
pub struct Tapped {
    /// In which segment they are.
    pub segment: u64,
    /// And where they begin there.
    pub offset: u64,
    /// How long the segment before is.
    pub before: u64,
    /// How far the journal was with them.
    pub frontier: Frontier,
    /// They.
    pub bytes: Vec<u8>,
}

/// The end of it that whoever writes has.
#[derive(Debug)]
pub struct Tap {
    gauge: Gauge,
    sender: SyncSender<Tapped>,
    spare: Receiver<Vec<u8>>,
    /// What was appended and does not count as durable yet, of this segment, from here on.
    bytes: Vec<u8>,
    segment: u64,
    offset: u64,
    before: u64,
}

/// The other end.
#[derive(Debug)]
pub struct Drain {
    gauge: Gauge,
    receiver: Receiver<Tapped>,
    spare: SyncSender<Vec<u8>>,
}

/// A tap, and what it drains into.
#[must_use]
pub fn tap() -> (Tap, Drain) {
    let nowhere = Frontier {
        epoch: Epoch(0),
        segment: 0,
        offset: 0,
        last: Sequence(0),
        durable: Sequence(0),
        chain: Hash::default(),
    };
    let level = Mutex::new((Hash::default(), nowhere));
    let (waiting_bytes, lost) = (AtomicUsize::new(0), AtomicU64::new(0));
    let gauge = Gauge(Arc::new(Shared { level, waiting_bytes, lost }));
    let (sender, receiver) = sync_channel(TAPPED_MAX);
    let (back, spare) = sync_channel(SPARE_MAX);
    let drain = Drain { gauge: gauge.clone(), receiver, spare: back };
    (Tap { gauge, sender, spare, bytes: Vec::new(), segment: 0, offset: 0, before: 0 }, drain)
}

impl Gauge {
    /// How far the journal is.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        self.level().1
    }

    /// The journal's own id; zeros before it is written.
    #[must_use]
    pub fn journal(&self) -> Hash {
        self.level().0
    }

    /// How often there was no room for what had become durable.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    fn level(&self) -> (Hash, Frontier) {
        // Whoever holds it copies as much, and does nothing else.
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, journal: Hash, frontier: Frontier) {
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner) = (journal, frontier);
    }
}

impl Tap {
    /// A segment was begun with these bytes; of the one before, so many bytes long, all is durable and was told.
    pub(in super::super) fn begun(&mut self, segment: u64, before: u64, head: &[u8]) {
        (self.segment, self.offset, self.before) = (segment, 0, before);
        self.bytes.clear();
        self.appended(head);
    }

    /// These bytes were appended to that.
    pub(in super::super) fn appended(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() == 0
            && let Ok(spare) = self.spare.try_recv()
        {
            self.bytes = spare;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// All of it counts as durable now, and this is how far the journal is.
    pub(in super::super) fn durable(&mut self, journal: Hash, frontier: Frontier) {
        let Gauge(shared) = &self.gauge;
        self.gauge.set(journal, frontier);
        let count = self.bytes.len();
        if count == 0 {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let (segment, offset, before) = (self.segment, self.offset, self.before);
        self.offset += count as u64;
        // Who drains takes away only what was put there before.
        let waiting = shared.waiting_bytes.fetch_add(count, Ordering::Relaxed) + count;
        let tapped = Tapped { segment, offset, before, frontier, bytes };
        if waiting > TAPPED_BYTES_MAX || self.sender.try_send(tapped).is_err() {
            shared.waiting_bytes.fetch_sub(count, Ordering::Relaxed);
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drain {
    /// Tells how far the journal is.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// What became durable next, once something does.
    ///
    /// # Errors
    /// If that takes longer than this, or nobody writes any more.
    pub fn next(&self, timeout: Duration) -> Result<Tapped, RecvTimeoutError> {
        let next = self.receiver.recv_timeout(timeout);
        next.inspect(|tapped| self.drained(tapped))
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// If there is nothing, or nobody writes any more.
    pub fn try_next(&self) -> Result<Tapped, TryRecvError> {
        self.receiver.try_recv().inspect(|tapped| self.drained(tapped))
    }

    /// Gives back the room that it came in.
    pub fn give_back(&self, tapped: Tapped) {
        let mut bytes = tapped.bytes;
        if (1..=SPARE_BYTES_MAX).contains(&bytes.capacity()) {
            bytes.clear();
            // There may be enough of it.
            let _enough = self.spare.try_send(bytes);
        }
    }

    fn drained(&self, tapped: &Tapped) {
        self.gauge.0.waiting_bytes.fetch_sub(tapped.bytes.len(), Ordering::Relaxed);
    }
}
