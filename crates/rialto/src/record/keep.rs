//! The pen: what was said and heard goes into blocks here, and a thread writes them down. At most a few blocks wait for the
//! disk; then nothing more is read of the venue until it has caught up. The first error of the disk ends the recording.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use feed::journal::disk::Folder;
use feed::recording::writer::Refused;
use feed::recording::{Block, Head, What, Writer};
use model::Time;

use crate::listening::listener::wall;
use crate::run::{Failure, failed};

/// How many blocks may wait for the disk.
const BLOCKS_MAX: usize = 4;
/// A block is written once it is so old, full or not: what a crash may take.
const BLOCK_AGE: Duration = Duration::from_secs(1);

/// Writes a capture down.
pub struct Pen {
    block: Block,
    begun: Option<Instant>,
    started: Instant,
    /// The last wall time that was written, for the line that people see.
    pub counts: Counts,
    blocks: Option<SyncSender<(Block, Time)>>,
    thread: Option<JoinHandle<()>>,
    /// What the disk said, once it said no.
    failed: Arc<Mutex<Option<String>>>,
    /// Bytes on the disk so far.
    written: Arc<std::sync::atomic::AtomicU64>,
    /// Unlocked when it is dropped.
    _lock: File,
}

/// How much there was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Messages of the venue.
    pub heard: u64,
    /// Their bytes.
    pub heard_bytes: u64,
    /// Times at which something may be missing.
    pub gaps: u64,
}

impl Pen {
    /// Begins a capture in this folder, or goes on with the one that is there: then a gap is marked first.
    ///
    /// # Errors
    /// [`Failure`] if another recorder has it, it is of something else, or the disk says no.
    pub fn take(out: &Path, head: Head) -> Result<Self, Failure> {
        let here = out.display();
        let folder = Folder::open(out).map_err(failed(format_args!("open {here}")))?;
        let lock = lock(out)?;
        let (writer, first) = Writer::begin(Arc::new(folder), head).map_err(|refused| {
            Failure(match refused {
                Refused::Disk(error) => format!("failed to write a capture in {here}: {error}"),
                Refused::Trouble(trouble) => format!(
                    "failed to go on with the capture in {here}: {trouble}; name another folder with --out"
                ),
                Refused::Other(head) => format!(
                    "in {here} is a capture of something else ({} at {}, {} instruments); name another folder with --out",
                    head.dialect,
                    head.url,
                    head.listings.len()
                ),
            })
        })?;
        let written = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let failed_disk = Arc::new(Mutex::new(None));
        let (blocks, coming) = sync_channel::<(Block, Time)>(BLOCKS_MAX);
        let (told, bytes) = (Arc::clone(&failed_disk), Arc::clone(&written));
        let write = move || {
            let mut writer = writer;
            let outcome = loop {
                let Ok((block, now)) = coming.recv() else { break writer.end() };
                if let Err(error) = writer.write(&block, now) {
                    break Err(error);
                }
                bytes.store(writer.bytes(), std::sync::atomic::Ordering::Relaxed);
            };
            if let Err(error) = outcome {
                *told.lock().expect("nobody panics with it") = Some(error.to_string());
            }
        };
        let thread = std::thread::Builder::new().name("recording".to_owned()).spawn(write);
        let mut pen = Self {
            block: Block::beginning_with(first),
            begun: None,
            started: Instant::now(),
            counts: Counts::default(),
            blocks: Some(blocks),
            thread: Some(thread.map_err(failed("start the thread that writes"))?),
            failed: failed_disk,
            written,
            _lock: lock,
        };
        if first > 1 {
            pen.gap("nobody recorded since the entry before")?;
        }
        Ok(pen)
    }

    /// Writes down what happened just now.
    ///
    /// # Errors
    /// [`Failure`] if the disk said no, now or before.
    pub fn write(&mut self, what: &What, redacted: bool) -> Result<(), Failure> {
        let monotonic = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.block.push(wall(), monotonic, what, redacted);
        self.begun.get_or_insert_with(Instant::now);
        if self.block.is_full() { self.hand_over() } else { Ok(()) }
    }

    /// Marks that something may be missing from here on.
    ///
    /// # Errors
    /// As [`Pen::write`].
    pub fn gap(&mut self, why: &str) -> Result<(), Failure> {
        self.counts.gaps += 1;
        self.write(&What::Gap { why: why.to_owned() }, false)
    }

    /// When the block that is being filled must be written.
    pub fn due(&self) -> Option<Instant> {
        self.begun.map(|begun| begun + BLOCK_AGE)
    }

    /// Writes the block that is being filled, if it is old enough.
    ///
    /// # Errors
    /// As [`Pen::write`].
    pub fn turn(&mut self) -> Result<(), Failure> {
        if self.due().is_some_and(|due| due <= Instant::now()) { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), Failure> {
        let next = Block::beginning_with(self.block.next());
        let block = std::mem::replace(&mut self.block, next);
        self.begun = None;
        let taken = match &self.blocks {
            Some(blocks) if !block.is_empty() => blocks.send((block, wall())).is_ok(),
            _ => true,
        };
        if taken { Ok(()) } else { Err(self.failure()) }
    }

    fn failure(&self) -> Failure {
        let told = self.failed.lock().expect("nobody panics with it").clone();
        Failure(format!(
            "failed to write the capture, which ends here: {}",
            told.unwrap_or_else(|| "the thread that writes has ended".to_owned())
        ))
    }

    /// Bytes on the disk so far.
    pub fn written(&self) -> u64 {
        self.written.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Ends the capture, with a last word if it was ended as it was asked to. Says what is in it.
    ///
    /// # Errors
    /// As [`Pen::write`].
    pub fn end(mut self, why: Option<String>) -> Result<String, Failure> {
        if let Some(why) = why {
            self.write(&What::Ended { why }, false)?;
        }
        let last = self.block.next() - 1;
        self.hand_over()?;
        drop(self.blocks.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked it has said so.
            let _ended = thread.join();
        }
        if self.failed.lock().expect("nobody panics with it").is_some() {
            return Err(self.failure());
        }
        let Counts { heard, heard_bytes, gaps } = self.counts;
        Ok(format!(
            "{last} entries; this time {heard} messages of {}, {gaps} gaps, {} on the disk",
            size(heard_bytes),
            size(self.written())
        ))
    }
}

/// A number of bytes, for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

fn lock(out: &Path) -> Result<File, Failure> {
    let what = format!("lock {}", out.join("lock").display());
    let lock = File::create(out.join("lock")).map_err(failed(&what))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure(format!(
            "another process records in {}; name another folder with --out",
            out.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(&what)(error)),
    }
}
