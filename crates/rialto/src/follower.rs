//! The follower: takes images of a market off its journal, so that whoever writes it never waits. Whenever a segment has
//! been sealed, a thread of low priority goes on from the last image (or from the beginning) through what was sealed
//! since, does all of it again, and takes the next image there. So it verifies on the way: if what is done again is not
//! what was done, there is no image, and an alarm that people see.
//!
//! It holds a second market only while it works. If it lags, images become rarer, and nothing else.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use edge::clock::MarketClock;
use edge::journal::{FollowerNote, ImageNote};
use feed::journal::compression::compress_next;
use feed::journal::disk::Disk;
use feed::journal::image::Image;
use feed::journal::reader::{Reader, Trouble};
use feed::journal::retention::{Policy, prune};
use model::Time;

use crate::aloud;
use crate::replica::{self, Plan, Replica};

#[cfg(test)]
mod tests;

/// The least that a thread can ask for.
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// Sees how the follower stands.
#[derive(Clone, Default)]
pub struct Sight(Arc<Mutex<FollowerNote>>);

impl Sight {
    /// How it stands.
    pub fn note(&self) -> FollowerNote {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut FollowerNote)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// There is this image, from before this life.
    pub fn knows(&self, image: &Image, bytes: u64) {
        let command = image.head.boundary.last.0;
        let segment = image.head.boundary.segment;
        let known = ImageNote { segment, command, bytes, taken_at: None, took: Duration::ZERO };
        self.change(|note| note.image = Some(known));
    }
}

/// Why there is no new image.
pub enum Obstacle {
    /// The world's: it is tried again with the next segment.
    Fault(String),
    /// What is done again is not what was done, or what was sealed is not what was written.
    Alarm(String),
}

/// The follower's thread, before it is started: whoever seals segments has the way to it already.
pub struct Follower {
    sealed: Receiver<u64>,
    sight: Sight,
}

impl Follower {
    /// One, and by which it is told of sealed segments. One word waits for it at most.
    pub fn new() -> (Self, SyncSender<u64>) {
        let (sender, sealed) = sync_channel(1);
        (Self { sealed, sight: Sight::default() }, sender)
    }

    /// How it will be seen to stand.
    pub fn sight(&self) -> Sight {
        self.sight.clone()
    }

    /// Starts its thread, which ends with whoever seals segments.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub fn start(self, disk: Arc<dyn Disk>, plan: Plan) -> std::io::Result<JoinHandle<()>> {
        let run = move || {
            // If the system says no, it only is more of a bother. Elsewhere it would be the whole process that asks for less.
            #[cfg(target_os = "linux")]
            let _less = rustix::process::setpriority_process(None, NICE);
            self.run(disk.as_ref(), &plan);
        };
        thread::Builder::new().name("follower".into()).spawn(run)
    }

    fn run(self, disk: &dyn Disk, plan: &Plan) {
        // What goes on being wrong is said once.
        let mut complaint = None;
        while let Ok(mut segment) = self.sealed.recv() {
            // What was sealed meanwhile is before it or it.
            while let Ok(later) = self.sealed.try_recv() {
                segment = later;
            }
            let begun = Instant::now();
            match follow(disk, plan, segment) {
                Ok(taken) => self.sight.change(|note| {
                    note.images += 1;
                    note.failure = None;
                    note.image = Some(ImageNote {
                        segment,
                        command: taken.command,
                        bytes: taken.bytes,
                        taken_at: Some(MarketClock::of_the_wall().start()),
                        took: begun.elapsed(),
                    });
                }),
                Err(Obstacle::Fault(failure)) => {
                    aloud::complain(format_args!(
                        "no image was taken: {failure}; it is tried again later"
                    ));
                    self.sight.change(|note| note.failure = Some(failure));
                }
                Err(Obstacle::Alarm(alarm)) => {
                    aloud::complain(format_args!(
                        "ALARM: {alarm}. No image is taken any more; run `rialto verify` on the journal, and \
                         report it"
                    ));
                    self.sight.change(|note| note.alarm = Some(alarm));
                    return;
                }
            }
            // Here, and nowhere else, sealed segments are made smaller and taken away.
            let now = MarketClock::of_the_wall().start();
            let failure = make_room(disk, plan, segment, now).err().map(|error| error.to_string());
            if let Some(failure) = &failure
                && complaint.as_ref() != Some(failure)
            {
                aloud::complain(format_args!(
                    "the journal could not be compressed or shortened: {failure}; it is tried again later"
                ));
            }
            complaint = failure;
        }
    }
}

/// An image that was taken.
#[derive(Debug)]
pub struct Taken {
    /// The last command in it.
    pub command: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Compresses what was sealed up to this segment, and takes away what is too much and no image needs: nothing as long as
/// there are not two that a start could use. `now` is the wall's time.
///
/// # Errors
/// The system's. Nothing that is needed was lost.
pub fn make_room(disk: &dyn Disk, plan: &Plan, sealed: u64, now: Time) -> std::io::Result<()> {
    while compress_next(disk, sealed + 1)?.is_some() {}
    let policy = plan.retention();
    if policy == Policy::default() {
        return Ok(());
    }
    // Whatever a start would pass over is none: what is before it may be needed still.
    let images = replica::newest_first(disk)?;
    let mut boards = plan.boards();
    let mut usable = images.into_iter().filter(|&segment| {
        replica::open(disk, segment)
            .and_then(|(image, _)| Replica::restored(plan, &image, Some(&mut boards)).map(drop))
            .is_ok()
    });
    if let Some(older) = usable.nth(1) {
        prune(disk, older + 1, &policy, now)?;
    }
    Ok(())
}

/// Takes the image behind a sealed segment.
///
/// # Errors
/// [`Obstacle`].
pub fn follow(disk: &dyn Disk, plan: &Plan, segment: u64) -> Result<Taken, Obstacle> {
    let fault = |what: &dyn std::fmt::Display| Obstacle::Fault(what.to_string());
    let mut boards = plan.boards();
    let images = replica::newest_first(disk).map_err(|error| fault(&error))?;
    let mut images = images.into_iter().filter(|&before| before <= segment);
    let (mut replica, reader) = loop {
        let Some(before) = images.next() else {
            let reader = Reader::open(disk).map_err(|trouble| fault(&trouble))?;
            let reader = reader.ok_or_else(|| fault(&"there is no journal"))?;
            break (Replica::begun(plan, &mut boards), reader);
        };
        // One that cannot be used was told of at the start, or is named by `verify`; here the one before will do.
        let Ok((image, reader)) = replica::open(disk, before) else { continue };
        if let Ok(restored) = Replica::restored(plan, &image, Some(&mut boards)) {
            break (restored, reader);
        }
    };
    let mut reader = reader.until(segment);
    loop {
        match reader.record() {
            Ok(Some(record)) => replica.record(&record).map_err(|difference| {
                Obstacle::Alarm(format!("what was done is not what happens now, {difference}"))
            })?,
            Ok(None) => break,
            Err(trouble @ Trouble::Disk { .. }) => return Err(fault(&trouble)),
            Err(trouble) => return Err(Obstacle::Alarm(trouble.to_string())),
        }
    }
    let boundary = reader.boundary();
    if boundary.segment != segment {
        return Err(fault(&format_args!("segment {segment} is not there")));
    }
    let image = replica.image(plan, boundary);
    drop(replica);
    // Nobody is to find out in need that it cannot be read back.
    let again = Replica::restored(plan, &image, Some(&mut boards)).map_err(|why| {
        Obstacle::Alarm(format!("an image of this market could not be read back: {why}"))
    })?;
    if again.image(plan, boundary).parts != image.parts {
        return Err(Obstacle::Alarm("an image that is read back is another".to_owned()));
    }
    let bytes = image.write(disk).map_err(|error| fault(&error))?;
    Ok(Taken { command: boundary.last.0, bytes })
}
