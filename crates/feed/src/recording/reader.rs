//! Reads a recording. What is damaged is named by segment and byte; what was torn off the end of a segment, as a crash
//! tears it, is left out and told.

use std::collections::VecDeque;
use std::io;

use model::Time;

use super::block::{self, CALLS, Lying, Unread};
use super::index::{self, Row};
use super::writer::write_index;
use super::{Entry, Head, SEGMENT_BYTES_MAX, Trouble, What, segment_name, segment_number};
use crate::journal::disk::Disk;

/// The numbers of the segments in a folder, in order.
pub(super) fn segments(disk: &dyn Disk) -> io::Result<Vec<u32>> {
    let mut numbers: Vec<u32> =
        disk.names()?.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// A recording that is being read, from the first entry on.
pub struct Reader<'d> {
    disk: &'d dyn Disk,
    segments: Vec<u32>,
    /// That of the first segment.
    head: Head,
    /// Index into `segments` of the one that is read.
    at: usize,
    /// All of it, and how far it was read.
    bytes: Vec<u8>,
    offset: usize,
    /// The sequence that comes next.
    next: u64,
    /// Entries that were read and not handed out.
    waiting: VecDeque<Entry>,
    notes: Vec<String>,
    ended: bool,
    rows: Option<Vec<Row>>,
}

impl<'d> Reader<'d> {
    /// The recording in this folder; `None` if there is none.
    ///
    /// # Errors
    /// [`Trouble`] if it cannot be read at all.
    pub fn open(disk: &'d dyn Disk) -> Result<Option<Self>, Trouble> {
        let segments = segments(disk).map_err(|error| trouble("the folder", error))?;
        let mut notes = Vec::new();
        for (at, &number) in segments.iter().enumerate() {
            let (name, bytes) = load(disk, number)?;
            match head_of(&name, &bytes)? {
                Some((head, offset)) => {
                    let next = head.first;
                    if next != 1 {
                        let what = format!(
                            "the recording begins with entry {next}: what is before is missing"
                        );
                        return Err(Trouble::Damaged { segment: name, offset: 16, what });
                    }
                    let waiting = VecDeque::new();
                    return Ok(Some(Self {
                        disk,
                        segments,
                        head,
                        at,
                        bytes,
                        offset,
                        next,
                        waiting,
                        notes,
                        ended: false,
                        rows: None,
                    }));
                }
                None => notes.push(format!("{name} was torn off before anything was in it")),
            }
        }
        Ok(None)
    }

    /// What is recorded.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What was found on the way that people should know, one line each: what was torn off.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether the last entry that was read is that of a recorder that ended as it was asked to.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Goes on with the last connection that was asked for at `moment` or before, so that what is told from there on can
    /// be understood; with the first entry if there is none.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn seek(&mut self, moment: Time) -> Result<(), Trouble> {
        let rows = self.index()?;
        let calls = |row: &&Row| row.span.flags & CALLS != 0 && row.span.earliest <= moment;
        let candidates: Vec<Row> = rows.iter().filter(calls).copied().collect();
        for row in candidates.iter().rev() {
            self.go_to(row)?;
            self.block()?;
            let called =
                |entry: &Entry| matches!(entry.what, What::Called { .. }) && entry.at <= moment;
            if let Some(place) = self.waiting.iter().rposition(called) {
                self.waiting.drain(..place);
                return Ok(());
            }
        }
        match self.index()?.first().copied() {
            Some(row) => self.go_to(&row),
            None => Ok(()),
        }
    }

    fn go_to(&mut self, row: &Row) -> Result<(), Trouble> {
        let at = self.segments.binary_search(&row.segment);
        let (name, bytes) = load(self.disk, row.segment)?;
        let (offset, waiting) = (row.offset as usize, VecDeque::new());
        let lying = bytes.get(offset..).and_then(Lying::read);
        match (at, lying) {
            (Ok(at), Some(lying)) if lying.span == row.span => {
                (self.at, self.bytes, self.offset) = (at, bytes, offset);
                (self.next, self.waiting, self.ended) = (row.span.first, waiting, false);
                Ok(())
            }
            _ => {
                let what = "the index tells of a block here that is not; remove the file `index`, and it is made anew";
                Err(Trouble::Damaged { segment: name, offset, what: what.to_owned() })
            }
        }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn entry(&mut self) -> Result<Option<Entry>, Trouble> {
        while self.waiting.is_empty() {
            if !self.block()? {
                return Ok(None);
            }
        }
        let entry = self.waiting.pop_front();
        self.ended = entry.as_ref().is_some_and(|it| matches!(it.what, What::Ended { .. }));
        Ok(entry)
    }

    /// Reads the next block; false at the end.
    fn block(&mut self) -> Result<bool, Trouble> {
        loop {
            while self.offset == self.bytes.len() {
                if !self.segment()? {
                    return Ok(false);
                }
            }
            let rest = &self.bytes[self.offset..];
            let lying = Lying::read(rest);
            let unread = match &lying {
                None => Unread::Short,
                Some(lying) => match lying.entries(rest) {
                    Ok(entries) => {
                        let (next, first) = (self.next, lying.span.first);
                        if first != next {
                            let what = format!("entry {first} comes where {next} should");
                            return Err(self.damaged(what));
                        }
                        self.next += u64::from(lying.span.count);
                        self.offset += lying.bytes();
                        self.waiting = entries.into();
                        return Ok(true);
                    }
                    Err(unread) => unread,
                },
            };
            let what = match unread {
                Unread::Wrong(what) => return Err(self.damaged(what)),
                Unread::Sum => "the checksum of a block is another one",
                Unread::Short => "a block is not whole",
            };
            // A crash tears the last block that was written, and nothing lies behind it. Behind one whose head is good
            // another may begin at once; else it is looked for.
            let behind = rest.get(lying.map_or(1, |it| it.bytes())..).unwrap_or_default();
            if block::lies_in(behind) {
                return Err(self.damaged(what.to_owned()));
            }
            if let Some((name, head)) = self.following()?
                && !head.begins
            {
                return Err(self.damaged(format!("{what}, and {name} goes on behind it")));
            }
            let (torn, name) = (rest.len(), segment_name(self.segments[self.at]));
            self.notes.push(format!("the last {torn} bytes of {name} were torn off ({what})"));
            self.offset = self.bytes.len();
        }
    }

    /// The head of the next segment that has one.
    fn following(&self) -> Result<Option<(String, Head)>, Trouble> {
        for &number in &self.segments[self.at + 1..] {
            let (name, bytes) = load(self.disk, number)?;
            if let Some((head, _)) = head_of(&name, &bytes)? {
                return Ok(Some((name, head)));
            }
        }
        Ok(None)
    }

    /// Goes on to the next segment; false if there is none.
    fn segment(&mut self) -> Result<bool, Trouble> {
        let Some(&number) = self.segments.get(self.at + 1) else { return Ok(false) };
        let (name, bytes) = load(self.disk, number)?;
        self.at += 1;
        let damaged = |offset, what| Err(Trouble::Damaged { segment: name.clone(), offset, what });
        match head_of(&name, &bytes)? {
            None => {
                self.notes.push(format!("{name} was torn off before anything was in it"));
                self.offset = bytes.len();
            }
            Some((head, _)) if !head.is_alike(&self.head) => {
                return damaged(16, "it is of another recording".to_owned());
            }
            Some((head, _)) if head.first != self.next => {
                let (first, next) = (head.first, self.next);
                return damaged(
                    16,
                    format!(
                        "it begins with entry {first}, and {next} comes next: a segment is missing, or was cut"
                    ),
                );
            }
            Some((_, offset)) => self.offset = offset,
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn damaged(&self, what: String) -> Trouble {
        let segment = segment_name(self.segments[self.at]);
        Trouble::Damaged { segment, offset: self.offset, what }
    }

    /// Where which block lies. What the file does not tell of is read from the segments, and the file made anew where it
    /// can be written.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn index(&mut self) -> Result<&[Row], Trouble> {
        if self.rows.is_none() {
            self.rows = Some(self.made_index()?);
        }
        Ok(self.rows.as_deref().unwrap_or_default())
    }

    /// The index that lies there; none if it is longer than one of all blocks that these segments have room for.
    fn index_as_it_lies(&self) -> Option<Vec<Row>> {
        let bytes = |name: &str| self.disk.bytes(name).ok();
        let segments = self.segments.iter().filter_map(|&number| bytes(&segment_name(number)));
        let blocks = segments.fold(0, u64::saturating_add) / block::HEAD_BYTES as u64;
        if bytes(index::NAME)? > index::bytes_of(blocks) {
            return None;
        }
        index::read(&self.disk.read(index::NAME).ok()?)
    }

    fn made_index(&self) -> Result<Vec<Row>, Trouble> {
        let mut rows = self.index_as_it_lies().unwrap_or_default();
        rows.retain(|row| self.segments.contains(&row.segment));
        // The last segment that it tells of may have grown since.
        let told = rows.last().map_or(0, |row| row.segment);
        rows.retain(|row| row.segment < told);
        let before = rows.len();
        // It is read here without a question; who reads the entries is told of what is wrong.
        for &number in self.segments.iter().filter(|&&number| number >= told) {
            let (name, bytes) = load(self.disk, number)?;
            let Some((_, mut offset)) = head_of(&name, &bytes)? else { continue };
            while let Some(lying) = Lying::read(&bytes[offset..]) {
                if lying.entries(&bytes[offset..]).is_err() {
                    break;
                }
                let place = u32::try_from(offset).expect("a segment of at most SEGMENT_BYTES_MAX");
                rows.push(Row { segment: number, offset: place, span: lying.span });
                offset += lying.bytes();
            }
        }
        if rows.len() > before {
            // A folder that cannot be written is read all the same.
            let _kept = write_index(self.disk, &rows);
        }
        Ok(rows)
    }
}

fn load(disk: &dyn Disk, number: u32) -> Result<(String, Vec<u8>), Trouble> {
    let name = segment_name(number);
    // One segment is held whole.
    let length = disk.bytes(&name).map_err(|error| trouble(&name, error))?;
    if length > SEGMENT_BYTES_MAX as u64 {
        let what =
            format!("it has {length} bytes, and no segment has more than {SEGMENT_BYTES_MAX}");
        return Err(Trouble::Damaged { segment: name, offset: SEGMENT_BYTES_MAX, what });
    }
    match disk.read(&name) {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(trouble(&name, error)),
    }
}

/// The head of a segment, and how long it is; `None` if it was torn off before a block was in it.
fn head_of(name: &str, bytes: &[u8]) -> Result<Option<(Head, usize)>, Trouble> {
    match Head::read(name, bytes) {
        Ok(None) | Err(Trouble::Damaged { .. }) if !block::lies_in(bytes) => Ok(None),
        Ok(None) => {
            let what = "its head is not whole, and blocks lie behind it".to_owned();
            Err(Trouble::Damaged { segment: name.to_owned(), offset: 0, what })
        }
        other => other,
    }
}

fn trouble(file: &str, error: io::Error) -> Trouble {
    Trouble::Io { file: file.to_owned(), error }
}
