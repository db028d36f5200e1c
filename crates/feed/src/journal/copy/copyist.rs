//! A copy of the core's journal on a disk of one's own: what a [taker](super::taker) has checked, in files of the same
//! names with the same bytes. Whoever opens it finds a journal like any other, and goes on from its end in a new life.
//!
//! It believes nothing that it finds when it begins: what was torn or damaged is cut, with all behind it, and taken
//! from the core once more. What was cut for damage is set aside.
//!
//! A record says how much was durable at the core before it, which on this disk may not have been: so after a loss of
//! power what was torn may look like damage. Before a copy that may have suffered one is gone on with, it is opened
//! here; then it is like any journal.

use std::io;
use std::sync::Arc;

use model::Sequence;

use super::super::Entry;
use super::super::ahead::Ahead;
use super::super::disk::{Appended, Disk, write_all};
use super::super::reader::{self, Boundary, Reader, Tail, Trouble};
use super::super::segments::{self, compressed_name, name, name_aside};
use super::super::writer::SEGMENT_BYTES_MAX;
use super::taker::{Start, Taken};

#[cfg(test)]
mod tests;

/// What the names of files end with that were cut.
const ASIDE: &str = "cut";

/// A copy while it is made.
pub struct Copyist {
    disk: Arc<dyn Disk>,
    /// The segment that is written; none before the first.
    file: Option<Box<dyn Appended>>,
    ahead: Ahead,
    /// No more than this is put there ahead.
    segment_bytes_max: u64,
    /// What was written, and what of that is durable.
    written: Extent,
    durable: Extent,
    broken: bool,
}

/// How far a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its last segment.
    pub segment: u64,
    /// And what that holds.
    pub offset: u64,
    /// The last command in it.
    pub last: Sequence,
}

/// A copy that was opened.
pub struct Opened {
    /// It.
    pub copyist: Copyist,
    /// Where what is taken for it begins.
    pub start: Start,
    /// What was damaged, or torn and looked like that: it was cut there.
    pub cut: Option<Trouble>,
}

impl Copyist {
    /// The copy on this disk, as far as it is good; a new one if there is none. `behind` is where an image stands that is
    /// there too, if what is before that was never copied or is gone.
    ///
    /// # Errors
    /// If the system does not give what is there, a later build wrote it, or it has no beginning and none is named.
    pub fn open(disk: Arc<dyn Disk>, behind: Option<&Boundary>) -> Result<Opened, Trouble> {
        let (tail, cut) = good(disk.as_ref(), behind)?;
        let unwritable = |error| Trouble::Disk { segment: ".".into(), error };
        let start = match (&tail, behind) {
            (Some(tail), _) => Start::at(tail),
            (None, Some(boundary)) => Start::behind(boundary),
            (None, None) => Start::beginning(),
        };
        let keep = tail.as_ref().map_or(0, |tail| tail.segment);
        let lost = segments::list(disk.as_ref()).map_err(unwritable)?;
        let lost = lost.iter().filter(|it| it.number > keep);
        // What is left has no gap whenever the power goes.
        for file in lost.rev().flat_map(segments::Segment::files) {
            let gone = match &cut {
                None => disk.remove(&file),
                Some(_) => disk
                    .names()
                    .and_then(|names| disk.rename(&file, &name_aside(&names, &file, ASIDE))),
            };
            gone.map_err(unwritable)?;
        }
        if cut.is_some() && tail.is_some() {
            set_aside(disk.as_ref(), keep).map_err(unwritable)?;
        }
        let file = tail.as_ref().map(|tail| written_anew(disk.as_ref(), tail)).transpose();
        let file = file.map_err(unwritable)?;
        disk.sync().map_err(unwritable)?;
        let before = behind.map_or(Sequence(0), |it| it.last);
        let (segment, offset) = start.place();
        let last = tail.as_ref().map_or(before, |tail| tail.last);
        let durable = Extent { segment, offset, last };
        let ahead = Ahead::NONE;
        let segment_bytes_max = SEGMENT_BYTES_MAX;
        let (written, broken) = (durable, false);
        let copyist = Self { disk, file, ahead, segment_bytes_max, written, durable, broken };
        Ok(Opened { copyist, start, cut })
    }

    /// The same of a journal with shorter or longer segments.
    #[must_use]
    pub const fn with_segments_of(mut self, bytes_max: u64) -> Self {
        self.segment_bytes_max = bytes_max;
        self
    }

    /// Writes what a taker has given out, which must be what comes next.
    ///
    /// # Errors
    /// The system's; then nothing is written any more. Or if it is not what comes next.
    pub fn write(&mut self, taken: &Taken<'_>) -> io::Result<()> {
        let Extent { segment, offset, .. } = self.written;
        let begins = taken.offset == 0;
        let is_next = match begins {
            true if offset == 0 => taken.segment == segment,
            true => taken.segment == segment + 1,
            false => (taken.segment, taken.offset) == (segment, offset),
        };
        if !is_next {
            return Err(io::Error::other("it is not what comes next in the copy"));
        }
        self.unbroken()?;
        self.broken = true;
        if begins {
            self.begin(taken.segment)?;
        }
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("no segment was begun"))?;
        if !begins {
            let room = (taken.offset, taken.bytes.len() as u64);
            self.ahead.make_room(file.as_mut(), room, self.segment_bytes_max)?;
        }
        write_all(file.as_mut(), taken.bytes)?;
        let offset = taken.offset + taken.bytes.len() as u64;
        let entries = taken.record.iter().flat_map(|record| &record.entries);
        let commands = entries.filter(|entry| matches!(entry, Entry::Command(_))).count();
        let last = Sequence(self.written.last.0 + commands as u64);
        self.written = Extent { segment: taken.segment, offset, last };
        if begins {
            file.sync()?;
            self.disk.sync()?;
            self.durable = self.written;
        }
        self.broken = false;
        Ok(())
    }

    /// Makes durable all that was written, and says how much that is.
    ///
    /// # Errors
    /// The system's; then nobody knows what is durable, and nothing is written any more.
    pub fn sync(&mut self) -> io::Result<Extent> {
        self.unbroken()?;
        if self.durable != self.written {
            self.broken = true;
            if let Some(file) = &mut self.file {
                file.sync()?;
            }
            self.broken = false;
            self.durable = self.written;
        }
        Ok(self.durable)
    }

    /// The same, and nothing is behind it: for when nothing more is taken.
    ///
    /// # Errors
    /// The system's; then nobody knows what is durable, and nothing is written any more.
    pub fn seal(&mut self) -> io::Result<Extent> {
        self.unbroken()?;
        self.broken = true;
        if let Some(file) = &mut self.file {
            file.seal()?;
        }
        self.ahead.sealed(self.written.offset);
        self.broken = false;
        self.durable = self.written;
        Ok(self.durable)
    }

    /// How much was written.
    #[must_use]
    pub const fn written(&self) -> Extent {
        self.written
    }

    /// How much of that is durable. Where the offset is 0, there is no segment yet, and nothing to go on with.
    #[must_use]
    pub const fn durable(&self) -> Extent {
        self.durable
    }

    /// Begins a segment, once the one before is whole and durable.
    fn begin(&mut self, segment: u64) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.seal()?;
        }
        self.file = Some(self.disk.create(&name(segment))?);
        self.ahead = Ahead::NONE;
        Ok(())
    }

    fn unbroken(&self) -> io::Result<()> {
        match self.broken {
            true => Err(io::Error::other("it failed before")),
            false => Ok(()),
        }
    }
}

/// How what is good of a copy ends, and what ended it if that is damage; nothing if nothing is good.
fn good(
    disk: &dyn Disk,
    behind: Option<&Boundary>,
) -> Result<(Option<Tail>, Option<Trouble>), Trouble> {
    let first = behind.map_or(1, |it| it.segment + 1);
    let listed = reader::segments(disk)?;
    if listed.last().is_none_or(|&last| last < first) {
        return Ok((None, None));
    }
    let opened = match behind {
        Some(boundary) => Reader::open_behind(disk, boundary).map(Some),
        None => Reader::open(disk),
    };
    let mut reader = match opened {
        Ok(Some(reader)) => reader,
        Ok(None) => return Ok((None, None)),
        Err(damage @ Trouble::Damaged { .. }) => return Ok((None, Some(damage))),
        Err(trouble) => return Err(trouble),
    };
    let cut = loop {
        match reader.record() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(damage @ Trouble::Damaged { .. }) => break Some(damage),
            Err(trouble) => return Err(trouble),
        }
    };
    let tail = reader.tail()?;
    Ok((Some(tail).filter(|tail| tail.segment >= first), cut))
}

/// Keeps what was found of a segment that is written anew.
fn set_aside(disk: &dyn Disk, number: u64) -> io::Result<()> {
    let listed = segments::list(disk)?;
    let Some(segment) = listed.iter().find(|it| it.number == number) else { return Ok(()) };
    let name = segment.name();
    let found = disk.read(&name)?;
    let mut file = disk.create(&name_aside(&disk.names()?, &name, ASIDE))?;
    write_all(file.as_mut(), &found)?;
    file.sync()
}

/// Writes the last segment anew as far as it is good, to be gone on with: what was read may stand in the system's memory
/// only.
fn written_anew(disk: &dyn Disk, tail: &Tail) -> io::Result<Box<dyn Appended>> {
    let segment = name(tail.segment);
    let part = format!("{segment}.part");
    let mut file = disk.create(&part)?;
    write_all(file.as_mut(), &tail.keep)?;
    file.sync()?;
    disk.rename(&part, &segment)?;
    disk.sync()?;
    let compressed = compressed_name(tail.segment);
    if disk.names()?.contains(&compressed) {
        disk.remove(&compressed)?;
    }
    Ok(file)
}
