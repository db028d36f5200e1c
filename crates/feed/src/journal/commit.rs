//! Group commit: a thread that writes what it is handed and makes it durable, while the engine goes on. What comes
//! while it syncs goes into the next record.
//!
//! To wake a thread and be woken by it takes as long as a good disk. So where somebody waits for a command or two, and
//! the disk was quick the last time, whoever hands them over writes them itself.
//!
//! Nobody waits for it but in the beginning and at the end; it says how far it has come and wakes whoever turns the
//! engine. What it was handed is bounded by who hands it over ([`PENDING_MAX`], and the gate). After the first error
//! it writes nothing any more, for nobody knows what is on the disk.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Epoch, Sequence, Time, Wake};

use super::Digest;
use super::writer::{Batch, Writer};

pub mod replication;
#[cfg(test)]
mod tests;

use replication::{Others, Replicated, Replication};

/// Commands that may wait to become durable; with more, nothing further is taken.
pub const PENDING_MAX: u64 = 65_536;

/// What nobody waits for is made durable so often.
const UNHURRIED: Duration = Duration::from_millis(50);
/// And this often what says no more than that time passes.
const IDLE: Duration = Duration::from_secs(1);

/// Entries that whoever hands them over may write itself. With more, the engine has something better to do.
const FEW: u32 = 3;
/// A disk that takes longer is waited for by the thread alone.
const QUICK: Duration = Duration::from_micros(500);

/// When something counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has said so: it survives a loss of power.
    #[default]
    Sync,
    /// When the system has it: it survives the end of the process, and the power may take a twentieth of a second.
    Batch,
    /// The same, and the disk is never asked.
    None,
}

impl Durability {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Batch => "batch",
            Self::None => "none",
        }
    }
}

/// On what terms a journal is written.
#[derive(Default)]
pub struct Terms {
    /// When something counts as durable.
    pub durability: Durability,
    /// Whether another machine must have it too.
    pub replication: Option<Replication>,
    /// Whether this machine may write it: asked before anything is written, and again before that counts.
    pub license: Option<License>,
}

/// Says whether a machine may write a journal now, and if not, why not. It does not wait, and once it said no it does not say
/// yes again.
pub type License = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// How a journal stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// When something counts as durable.
    pub durability: Durability,
    /// Which life of the market is written.
    pub epoch: Epoch,
    /// Commands up to this one are durable.
    pub durable: Sequence,
    /// The last digest of events that is.
    pub digest: Digest,
    /// Bytes that were written in this life.
    pub bytes: u64,
    /// How often the disk was asked.
    pub syncs: u64,
    /// Records that were written in this life.
    pub records: u64,
    /// How other machines stand, if they must have it too.
    pub others: Option<Others>,
    /// Why nothing is written any more.
    pub failure: Option<String>,
}

/// The way to the thread.
pub struct Commit {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Asks how a journal stands.
#[derive(Clone)]
pub struct Watcher(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    /// Something is pending.
    more: Condvar,
    /// More is durable, or nothing more will be.
    further: Condvar,
    durable: AtomicU64,
    broken: AtomicBool,
    standing: Mutex<Standing>,
    wake: Mutex<Option<Wake>>,
    /// Others must have it too.
    replicated: Option<Replicated>,
    license: Option<License>,
    /// Whoever writes holds it before it takes what is pending, so that everything is written in its order.
    pen: Mutex<Pen>,
}

#[derive(Default)]
struct Pending {
    batch: Batch,
    digest: Option<Digest>,
    /// Somebody waits for it.
    awaited: bool,
    ends: bool,
    /// What was written that is not synced.
    is_owed: bool,
    /// When the disk was asked last, and nobody was waiting.
    synced: Option<Instant>,
}

impl Pending {
    /// How long after the last sync it is written, and what was written before and is owed synced; `None` if there is
    /// nothing.
    fn pause(&self) -> Option<Duration> {
        let own = match (self.batch.is_empty(), self.awaited, self.batch.is_idle()) {
            (true, ..) => None,
            (false, true, _) => Some(Duration::ZERO),
            (false, false, true) => Some(IDLE),
            (false, false, false) => Some(UNHURRIED),
        };
        let owed = self.is_owed.then_some(UNHURRIED);
        own.into_iter().chain(owed).min()
    }

    /// Puts a batch behind what is there already.
    fn take_in(&mut self, batch: &mut Batch, digest: Option<Digest>) {
        if batch.is_empty() {
            return;
        }
        if self.batch.is_empty() {
            std::mem::swap(&mut self.batch, batch);
        } else {
            self.batch.append(batch);
        }
        self.digest = digest.or(self.digest);
    }
}

impl Commit {
    /// Starts the thread. `complain` is told once why nothing is written any more.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub fn start(
        writer: Writer,
        durability: Durability,
        digest: Digest,
        complain: impl FnOnce(&str) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_on(writer, Terms { durability, ..Terms::default() }, digest, complain)
    }

    /// The same on these terms. Where another machine must have it too, [it says so](Watcher::acknowledged).
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub fn start_on(
        writer: Writer,
        terms: Terms,
        digest: Digest,
        complain: impl FnOnce(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let Terms { durability, replication, license } = terms;
        let counted = writer.counted();
        let replicated = replication.map(|replication| {
            let (epoch, own) = (writer.epoch(), writer.durable());
            Replicated::new(replication, (epoch, own, counted), writer.teller())
        });
        let standing = Standing {
            durability,
            epoch: writer.epoch(),
            durable: counted,
            digest,
            bytes: 0,
            syncs: 0,
            records: 0,
            others: None,
            failure: None,
        };
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            more: Condvar::new(),
            further: Condvar::new(),
            durable: AtomicU64::new(counted.0),
            broken: AtomicBool::new(false),
            standing: Mutex::new(standing),
            wake: Mutex::new(None),
            replicated,
            license,
            pen: Mutex::new(Pen { writer, durability, is_quick: false }),
        });
        let writing = Arc::clone(&shared);
        let run = move || {
            let panic = Panic(writing);
            if let Some(failure) = panic.0.write_until_the_end() {
                complain(&failure);
            }
        };
        let thread = thread::Builder::new().name("journal".into()).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Who asks how it stands.
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        Watcher(Arc::clone(&self.shared))
    }

    /// Calls this whenever more is durable, or nothing more will be.
    pub fn wake_with(&self, wake: Wake) {
        *lock(&self.shared.wake) = Some(wake);
    }

    /// Hands over a batch, and empties it. `digest` is the last one in it. It may be durable already when this returns;
    /// then nobody is woken for it.
    pub fn hand_over(&self, batch: &mut Batch, digest: Option<Digest>, awaited: bool) {
        if awaited && self.shared.write_at_once(batch, digest) {
            return;
        }
        let mut pending = lock(&self.shared.pending);
        let begins = pending.batch.is_empty() && !batch.is_empty();
        let stirs = !batch.is_empty() && pending.batch.is_idle() && !batch.is_idle();
        pending.take_in(batch, digest);
        // What is in the thread's hands already need not be hurried.
        let awaited = awaited && !pending.batch.is_empty();
        let hurries = awaited && !pending.awaited;
        pending.awaited |= awaited;
        // Unhurried, it looks by itself.
        if hurries || begins || stirs {
            self.shared.more.notify_one();
        }
    }

    /// Commands up to this one are durable.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        Sequence(self.shared.durable.load(Ordering::Acquire))
    }

    /// Whether nothing is written any more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Acquire)
    }

    /// Whether no command may be taken because no other machine has what was written, for too long.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.shared.replicated.as_ref().is_some_and(|it| it.others().is_stalled)
    }

    /// Waits until all commands up to this one are durable, or never will be, or it is stalled.
    pub fn settle(&self, up_to: Sequence) {
        let mut pending = lock(&self.shared.pending);
        pending.awaited = !pending.batch.is_empty();
        self.shared.more.notify_one();
        while self.durable() < up_to && !self.is_broken() && !self.is_stalled() {
            let further = &self.shared.further;
            pending = match &self.shared.replicated {
                None => further.wait(pending).unwrap_or_else(PoisonError::into_inner),
                Some(replicated) => {
                    let waited = further.wait_timeout(pending, replicated.patience());
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Writes what was handed over, makes it durable whatever was asked for, and ends the thread.
    pub fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        lock(&self.shared.pending).ends = true;
        self.shared.more.notify_one();
        // If it panicked it has said so.
        let _panicked = thread.join();
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("durable", &self.durable()).finish_non_exhaustive()
    }
}

impl Watcher {
    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let others = self.0.replicated.as_ref().map(Replicated::others);
        Standing { others, ..lock(&self.0.standing).clone() }
    }

    /// Another machine that follows this life has on its disk what was written up to this command. Of no consequence
    /// where others need not have it, and for who says to have more than there is.
    pub fn acknowledged(&self, epoch: Epoch, up_to: Sequence) {
        let Some(replicated) = &self.0.replicated else { return };
        let Some(durable) = replicated.acknowledged(epoch, up_to) else { return };
        let before = self.0.durable.fetch_max(durable.0, Ordering::AcqRel);
        // Whoever wrote it may have found so too, and be about to say it: when this returns, it is said.
        replicated.tell(durable);
        if before < durable.0 {
            {
                let mut standing = lock(&self.0.standing);
                standing.durable = standing.durable.max(durable);
            }
            self.0.told();
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is written with.
struct Pen {
    writer: Writer,
    durability: Durability,
    /// Whether the disk was, the last time.
    is_quick: bool,
}

impl Shared {
    /// What the thread does: writes until it is told to end, or until it cannot, and then says why.
    fn write_until_the_end(&self) -> Option<String> {
        let mut batch = Batch::default();
        loop {
            if let Some(failure) = self.wait() {
                return Some(failure);
            }
            let mut pen = lock(&self.pen);
            if self.broken.load(Ordering::Acquire) {
                // Whoever held it before failed: it is said above.
                continue;
            }
            let (digest, ends) = {
                let mut pending = lock(&self.pending);
                std::mem::swap(&mut pending.batch, &mut batch);
                pending.awaited = false;
                (pending.digest.take(), pending.ends)
            };
            match self.write(&mut pen, &mut batch, digest, ends) {
                Ok(is_record) if is_record => self.told(),
                Ok(_) => {}
                // First those who wait: whoever complains may not come back.
                Err(error) => return Some(self.fail(&unwritten(&error))),
            }
            if ends {
                return None;
            }
        }
    }

    /// Waits for something to do, and for others to come along where nobody waits. Returns why nothing can be done any
    /// more.
    fn wait(&self) -> Option<String> {
        let mut pending = lock(&self.pending);
        loop {
            if self.broken.load(Ordering::Acquire) {
                drop(pending);
                return lock(&self.standing).failure.clone();
            }
            let since = pending.synced.map(|synced| synced.elapsed());
            let may_wait = pending
                .pause()
                .map(|it| since.map_or(Duration::ZERO, |since| it.saturating_sub(since)));
            if pending.ends || may_wait == Some(Duration::ZERO) {
                return None;
            }
            pending = match may_wait {
                Some(wait) => {
                    let waited = self.more.wait_timeout(pending, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.more.wait(pending).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Writes a small batch, and what was pending before it, on the thread of whoever hands it over, if that will not
    /// take long; empties it then.
    fn write_at_once(&self, batch: &mut Batch, mut digest: Option<Digest>) -> bool {
        if batch.is_empty() || batch.entries() > FEW || self.broken.load(Ordering::Acquire) {
            return false;
        }
        let Ok(mut pen) = self.pen.try_lock() else { return false };
        {
            let mut pending = lock(&self.pending);
            let bytes = pending.batch.bytes() + batch.bytes();
            let is_taken = pending.awaited || pending.ends;
            if is_taken || !pen.is_quick || !pen.writer.has_prepared(bytes, wall()) {
                return false;
            }
            pending.take_in(batch, digest);
            std::mem::swap(&mut pending.batch, batch);
            digest = pending.digest.take();
        }
        match self.write(&mut pen, batch, digest, false) {
            Ok(_) => {
                self.further.notify_all();
                if lock(&self.pending).is_owed {
                    // It sleeps for as long as it knew of nothing.
                    self.more.notify_one();
                }
            }
            Err(error) => {
                self.fail(&unwritten(&error));
                // It complains.
                self.more.notify_one();
            }
        }
        true
    }

    /// Writes a batch, and makes it durable as far as is asked for. Returns whether there was something to write.
    fn write(
        &self,
        pen: &mut Pen,
        batch: &mut Batch,
        digest: Option<Digest>,
        ends: bool,
    ) -> io::Result<bool> {
        let Pen { writer, durability, is_quick } = pen;
        let is_record = !batch.is_empty();
        let began = Instant::now();
        self.may_write()?;
        writer.append(batch, wall())?;
        // After a sync that failed nothing is durable either, also where there is nothing to append.
        writer.unbroken()?;
        let synced = lock(&self.pending).synced;
        let is_due = synced.is_none_or(|synced| synced.elapsed() >= UNHURRIED);
        let syncs = match durability {
            Durability::Sync => is_record || ends,
            Durability::Batch => is_due || ends,
            Durability::None => ends,
        };
        if ends {
            writer.seal()?;
        } else if syncs {
            writer.sync()?;
        }
        let ended = Instant::now();
        // The disk may have taken its time.
        self.may_write()?;
        // Where writes are synced now and then only, those that are say how quick the disk is.
        if syncs || (is_record && *durability == Durability::None) {
            *is_quick = ended - began < QUICK;
        }
        let own = writer.last();
        let durable = self.replicated.as_ref().map_or(own, |it| it.written(own));
        {
            let mut standing = lock(&self.standing);
            standing.durable = standing.durable.max(durable);
            standing.digest = digest.unwrap_or(standing.digest);
            standing.bytes = writer.bytes();
            standing.syncs += u64::from(syncs);
            standing.records += u64::from(is_record);
        }
        match self.replicated {
            None => self.durable.store(durable.0, Ordering::Release),
            // Others may have said meanwhile that they have more.
            Some(_) => _ = self.durable.fetch_max(durable.0, Ordering::AcqRel),
        }
        writer.counts(durable);
        // Whoever waits looks at that with this held.
        let mut pending = lock(&self.pending);
        pending.is_owed = *durability == Durability::Batch && writer.durable() < writer.last();
        if syncs || is_due {
            pending.synced = Some(ended);
        }
        Ok(is_record)
    }

    /// Whether this machine may write.
    fn may_write(&self) -> io::Result<()> {
        let license = self.license.as_ref().map_or(Ok(()), |license| license());
        license.map_err(io::Error::other)
    }

    /// Nothing is written any more. Returns why.
    fn fail(&self, failure: &str) -> String {
        let failure =
            lock(&self.standing).failure.get_or_insert_with(|| failure.to_owned()).clone();
        self.broken.store(true, Ordering::Release);
        self.told();
        failure
    }

    fn told(&self) {
        // Whoever waits looks at what was stored with this held.
        drop(lock(&self.pending));
        self.further.notify_all();
        if let Some(wake) = &*lock(&self.wake) {
            wake();
        }
    }
}

fn unwritten(error: &io::Error) -> String {
    format!("the journal cannot be written: {error}")
}

/// A thread that panicked writes nothing any more either, and nobody may wait for it.
struct Panic(Arc<Shared>);

impl Drop for Panic {
    fn drop(&mut self) {
        if thread::panicking() {
            let _said = self.0.fail("the journal's thread broke; its panic was told when it did");
        }
    }
}

/// The date at the wall.
fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
