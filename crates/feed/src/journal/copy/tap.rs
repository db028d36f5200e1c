//! A tap on a journal that is written: of what counts as durable it hands on a copy. It never holds up whoever writes:
//! what there is no room for is not handed on, and whoever misses it asks for it.
//!
//! In the steady state nothing is allocated: whoever takes bytes at the outlet gives the room back that they came in.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Epoch, Sequence};

use super::super::record::Hash;
use super::words::Frontier;

#[cfg(test)]
mod tests;

/// So much may wait at the outlet.
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
    /// What waits at the outlet.
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

/// Some bytes that have become durable together, all of one segment; none where only more counts as durable.
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

/// Tells, at the outlet, that more counts as durable, of what was tapped before.
#[derive(Debug)]
pub(in super::super) struct Teller {
    gauge: Gauge,
    sender: SyncSender<Tapped>,
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

/// The end at which that is taken.
#[derive(Debug)]
pub struct Outlet {
    gauge: Gauge,
    receiver: Receiver<Tapped>,
    spare: SyncSender<Vec<u8>>,
}

/// A tap, and its outlet.
#[must_use]
pub fn tap() -> (Tap, Outlet) {
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
    let outlet = Outlet { gauge: gauge.clone(), receiver, spare: back };
    (Tap { gauge, sender, spare, bytes: Vec::new(), segment: 0, offset: 0, before: 0 }, outlet)
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

    /// The journal is so far, if not further already in what counts. Returns how far it is.
    fn set(&self, journal: Hash, frontier: Frontier) -> Frontier {
        let mut level = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        let durable = level.1.durable.max(frontier.durable);
        *level = (journal, Frontier { durable, ..frontier });
        level.1
    }

    /// Commands up to this one count as durable. Returns how far the journal is.
    fn counts(&self, durable: Sequence) -> Frontier {
        let mut level = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        level.1.durable = level.1.durable.max(durable);
        level.1
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
        let frontier = self.gauge.set(journal, frontier);
        let count = self.bytes.len();
        if count == 0 {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let (segment, offset, before) = (self.segment, self.offset, self.before);
        self.offset += count as u64;
        // At the outlet no more is taken away than was put there before.
        let waiting = shared.waiting_bytes.fetch_add(count, Ordering::Relaxed) + count;
        let tapped = Tapped { segment, offset, before, frontier, bytes };
        if waiting > TAPPED_BYTES_MAX || self.sender.try_send(tapped).is_err() {
            shared.waiting_bytes.fetch_sub(count, Ordering::Relaxed);
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Tap {
    pub(in super::super) fn teller(&self) -> Teller {
        Teller { gauge: self.gauge.clone(), sender: self.sender.clone() }
    }
}

impl Teller {
    /// Commands up to this one do.
    pub(in super::super) fn counts(&self, durable: Sequence) {
        let frontier = self.gauge.counts(durable);
        let (segment, offset) = frontier.place();
        let tapped = Tapped { segment, offset, before: 0, frontier, bytes: Vec::new() };
        if self.sender.try_send(tapped).is_err() {
            self.gauge.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Outlet {
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
        next.inspect(|tapped| self.taken(tapped))
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// If there is nothing, or nobody writes any more.
    pub fn try_next(&self) -> Result<Tapped, TryRecvError> {
        self.receiver.try_recv().inspect(|tapped| self.taken(tapped))
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

    fn taken(&self, tapped: &Tapped) {
        self.gauge.0.waiting_bytes.fetch_sub(tapped.bytes.len(), Ordering::Relaxed);
    }
}
