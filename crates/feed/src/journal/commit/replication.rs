//! What else has to happen before something counts as durable: that another machine has it on its disk too. Here it is
//! known how far that has come, and how long nobody has said so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{Epoch, Sequence};

use super::super::copy::tap::Teller;

#[cfg(test)]
mod tests;

/// Whether others must have what is written, and what if they do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replication {
    /// For so long what is written may wait until another machine has it. Then no command is taken any more, until one
    /// has: nothing is acknowledged that the loss of one disk could take.
    pub patience: Duration,
}

/// How others stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Others {
    /// Commands up to this one are on another machine's disk too.
    pub acknowledged: Sequence,
    /// How long something has been waiting to be; `None` if nothing is.
    pub waiting: Option<Duration>,
    /// Whether that is too long, and no command is taken.
    pub is_stalled: bool,
}

/// How far own disk and others are. What counts is what both have.
pub(super) struct Replicated {
    patience: Duration,
    epoch: Epoch,
    own: AtomicU64,
    acknowledged: AtomicU64,
    /// Since when nobody has said that they have more, if there is more.
    waiting: Mutex<Option<Instant>>,
    teller: Option<Teller>,
}

impl Replicated {
    /// In this life, with so much on the own disk, of which so much counts already.
    pub(super) fn new(
        Replication { patience }: Replication,
        (epoch, own, counted): (Epoch, Sequence, Sequence),
        teller: Option<Teller>,
    ) -> Self {
        let waiting = Mutex::new((counted < own).then(Instant::now));
        let (own, acknowledged) = (AtomicU64::new(own.0), AtomicU64::new(counted.0));
        Self { patience, epoch, own, acknowledged, waiting, teller }
    }

    /// The own disk has this. Returns what counts.
    pub(super) fn written(&self, own: Sequence) -> Sequence {
        // Whoever of both comes second sees what the other has.
        self.own.store(own.0, Ordering::SeqCst);
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        if acknowledged < own.0 {
            self.waiting().get_or_insert_with(Instant::now);
        }
        Sequence(own.0.min(acknowledged))
    }

    /// Another machine has this of that life. Returns what counts now, if it may be more.
    pub(super) fn acknowledged(&self, epoch: Epoch, up_to: Sequence) -> Option<Sequence> {
        let own = self.own.load(Ordering::SeqCst);
        // Nobody has more than was written: what says so is not of this journal.
        if epoch != self.epoch || up_to.0 > own {
            return None;
        }
        let before = self.acknowledged.fetch_max(up_to.0, Ordering::SeqCst);
        if before >= up_to.0 {
            return None;
        }
        let own = self.own.load(Ordering::SeqCst);
        *self.waiting() = (up_to.0 < own).then(Instant::now);
        Some(Sequence(own.min(up_to.0)))
    }

    /// Tells those who follow that more may be shown.
    pub(super) fn tell(&self, durable: Sequence) {
        if let Some(teller) = &self.teller {
            teller.counts(durable);
        }
    }

    pub(super) fn others(&self) -> Others {
        let waiting = self.waiting().map(|since| since.elapsed());
        let is_stalled = waiting.is_some_and(|waiting| waiting >= self.patience);
        let acknowledged = Sequence(self.acknowledged.load(Ordering::SeqCst));
        Others { acknowledged, waiting, is_stalled }
    }

    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
