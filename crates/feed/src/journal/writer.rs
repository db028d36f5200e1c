//! Appends records to a journal and makes them durable. One record at a time, in the order in which they are
//! handed in; after the first error it does nothing any more, for nobody knows what is on the disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use model::{Epoch, Sequence, Span, Time};

use super::Entry;
use super::ahead::Ahead;
use super::copy::tap::{Tap, Teller};
use super::copy::words::Frontier;
use super::disk::{Appended, Disk, write_all};
use super::reader::Tail;
use super::record::{self, HEAD_BYTES, Hash, Head, SEGMENT_HEAD_BYTES, SegmentHead};
use super::segments::{CONTENT_BYTES_MAX, compressed_name, name, name_aside};
use super::stored::Encoder;

/// After how many bytes a new segment is begun.
pub const SEGMENT_BYTES_MAX: u64 = 16 << 20;

/// When else a new segment is begun: an image can be taken where one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After so many commands.
    pub commands: u64,
    /// So long after its first record, by the wall's clock, once there is another.
    pub age: Span,
}

impl Default for Pace {
    fn default() -> Self {
        Self { commands: 1 << 18, age: Span::seconds(900) }
    }
}

/// Entries that go into one record, encoded already.
#[derive(Debug, Default)]
pub struct Batch {
    encoder: Encoder,
    entries: u32,
    first: Sequence,
    begins: Time,
    last: Sequence,
    is_idle: bool,
}

impl Batch {
    /// Puts a command, or something behind it, at the end. `last` is the last command up to here, this one
    /// included; `time` the market's.
    pub fn push(&mut self, entry: &Entry, last: Sequence, time: Time) {
        self.push_idle(entry, last, time);
        self.is_idle = false;
    }

    /// The same for what says no more than that time passes: it may wait longer.
    pub fn push_idle(&mut self, entry: &Entry, last: Sequence, time: Time) {
        if self.entries == 0 {
            self.encoder.begin(time);
            self.encoder.bytes.resize(HEAD_BYTES, 0);
            self.begins = time;
            let is_command = matches!(entry, Entry::Command(_));
            self.first = if is_command { last } else { last.next() };
            self.is_idle = true;
        }
        self.encoder.entry(entry);
        self.entries += 1;
        self.last = last;
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// How many entries are in it.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// Whether nothing in it says more than that time passes.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// The last command in it, or before it.
    #[must_use]
    pub const fn last(&self) -> Sequence {
        self.last
    }

    /// Bytes that it takes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.encoder.bytes.len()
    }

    /// Puts another one behind it, and empties that.
    pub fn append(&mut self, other: &mut Self) {
        debug_assert!(!self.is_empty() && !other.is_empty(), "else they are swapped");
        self.encoder.shift(other.begins);
        self.encoder.bytes.extend_from_slice(&other.encoder.bytes[HEAD_BYTES..]);
        self.encoder.time = other.encoder.time;
        self.entries += other.entries;
        self.is_idle &= other.is_idle;
        self.last = other.last;
        other.clear();
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.entries = 0;
        self.encoder.bytes.clear();
    }
}

/// A journal while it is written.
pub struct Writer {
    disk: Arc<dyn Disk>,
    file: Box<dyn Appended>,
    segment: u64,
    /// How long the one before is.
    before: u64,
    segment_bytes: u64,
    segment_bytes_max: u64,
    ahead: Ahead,
    /// The last command before this segment.
    segment_after: Sequence,
    /// The hash of the last record before it.
    segment_chain: Hash,
    /// When its first record was written.
    segment_since: Option<Time>,
    pace: Pace,
    /// Who is told that a segment is sealed.
    sealed: Option<SyncSender<u64>>,
    /// Who is told of what counts as durable.
    tap: Option<Tap>,
    /// Commands up to this one count as durable, as far as that was said.
    counted: Sequence,
    journal: Hash,
    epoch: Epoch,
    chain: Hash,
    /// The last command that was appended, and the last that is durable.
    last: Sequence,
    durable: Sequence,
    bytes: u64,
    broken: bool,
}

impl Writer {
    /// A new journal, called by this id that no other has.
    ///
    /// # Errors
    /// The system's.
    pub fn create(disk: Arc<dyn Disk>, journal: Hash) -> io::Result<Self> {
        let epoch = Epoch(1);
        Self::begin(disk, (1, 0), journal, epoch, Hash::default(), Sequence(0))
    }

    /// Goes on with a journal that was read to its end, in a new segment and a new epoch. The last segment is
    /// written anew as far as it is good: what was read may stand in the system's memory only, and a sync that once
    /// failed is not made good by another. What is behind it is set aside.
    ///
    /// # Errors
    /// The system's.
    pub fn go_on(disk: Arc<dyn Disk>, tail: &Tail) -> io::Result<Self> {
        Self::take_over(disk, tail, tail.epoch)
    }

    /// The same with a copy of a journal whose lives up to this one are known of, whether anything of the later ones
    /// was copied or not: those who follow take the later life for the true one.
    ///
    /// # Errors
    /// The system's.
    pub fn take_over(disk: Arc<dyn Disk>, tail: &Tail, known: Epoch) -> io::Result<Self> {
        let segment = name(tail.segment);
        let part = format!("{segment}.part");
        let mut file = disk.create(&part)?;
        write_all(file.as_mut(), &tail.keep)?;
        file.sync()?;
        disk.rename(&part, &segment)?;
        disk.sync()?;
        let names = disk.names()?;
        for lost in tail.behind.iter().rev() {
            disk.rename(lost, &name_aside(&names, lost, "lost"))?;
        }
        // It may hold more than what is good. It was not read as long as the plain one was there.
        let compressed = compressed_name(tail.segment);
        if names.contains(&compressed) {
            disk.remove(&compressed)?;
        }
        disk.sync()?;
        let epoch = Epoch(tail.epoch.max(known).0 + 1);
        let segment = (tail.segment + 1, tail.keep.len() as u64);
        Self::begin(disk, segment, tail.journal, epoch, tail.chain, tail.last)
    }

    /// With a new segment, behind one of so many bytes.
    fn begin(
        disk: Arc<dyn Disk>,
        (segment, before): (u64, u64),
        journal: Hash,
        epoch: Epoch,
        chain: Hash,
        last: Sequence,
    ) -> io::Result<Self> {
        let file = segment_file(disk.as_ref(), segment, journal, chain, last)?;
        Ok(Self {
            disk,
            file,
            segment,
            before,
            segment_bytes: SEGMENT_HEAD_BYTES as u64,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            ahead: Ahead::NONE,
            segment_after: last,
            segment_chain: chain,
            segment_since: None,
            pace: Pace::default(),
            sealed: None,
            tap: None,
            counted: last,
            journal,
            epoch,
            chain,
            last,
            durable: last,
            bytes: 0,
            broken: false,
        })
    }

    /// The same with shorter or longer segments.
    #[must_use]
    pub const fn with_segments_of(mut self, bytes_max: u64) -> Self {
        self.segment_bytes_max = bytes_max;
        self
    }

    /// The same with a new segment whenever this says so, and told of each that is sealed: whole, durable and never
    /// written again. It never waits for whoever hears that; who is behind is told again with the next.
    #[must_use]
    pub fn at_pace(mut self, pace: Pace, sealed: SyncSender<u64>) -> Self {
        self.pace = pace;
        self.sealed = Some(sealed);
        self
    }

    /// The same of a journal of which others may lack what is there already: nothing of it counts as durable before that is
    /// said. To be asked for before it is [tapped](Self::tapped).
    #[must_use]
    pub const fn counting_nothing(mut self) -> Self {
        self.counted = Sequence(0);
        self
    }

    /// The same, tapped: of what counts as durable a copy is handed on. It never waits for whoever takes it.
    #[must_use]
    pub fn tapped(mut self, mut tap: Tap) -> Self {
        tap.begun(self.segment, self.before, &self.segment_head());
        tap.durable(self.journal, self.frontier());
        self.tap = Some(tap);
        self
    }

    /// By which whoever taps it is told that more counts as durable.
    pub(super) fn teller(&self) -> Option<Teller> {
        self.tap.as_ref().map(Tap::teller)
    }

    /// Which life of the market it writes.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The segment that is written. Those before it are sealed: whole, durable, and never written again.
    #[must_use]
    pub const fn segment(&self) -> u64 {
        self.segment
    }

    /// The last command that was appended.
    #[must_use]
    pub const fn last(&self) -> Sequence {
        self.last
    }

    /// The last command that is durable.
    #[must_use]
    pub const fn durable(&self) -> Sequence {
        self.durable
    }

    /// The last command that counts as durable, as far as that was said.
    pub(super) const fn counted(&self) -> Sequence {
        self.counted
    }

    /// Bytes that were appended.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a batch as one record, and empties it. `wall` is the wall's time.
    ///
    /// # Errors
    /// The system's; then it is unknown what was appended, and nothing is any more.
    pub fn append(&mut self, batch: &mut Batch, wall: Time) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.unbroken()?;
        self.broken = true;
        let room = CONTENT_BYTES_MAX.saturating_sub(self.segment_bytes as usize);
        let is_full = self.segment_bytes >= self.segment_bytes_max || batch.bytes() >= room;
        if is_full || self.is_long(wall) {
            self.next_segment()?;
        }
        self.segment_since.get_or_insert(wall);
        let bytes = &mut batch.encoder.bytes;
        if bytes.len() + SEGMENT_HEAD_BYTES >= CONTENT_BYTES_MAX {
            return Err(io::Error::other("a record is too long"));
        }
        let length = (bytes.len() - HEAD_BYTES) as u32;
        let head = Head {
            length,
            epoch: self.epoch,
            entries: batch.entries,
            first: batch.first,
            time: batch.begins,
            wall,
            durable: self.durable,
            chain: self.chain,
        };
        debug_assert_eq!(batch.first, self.last.next(), "commands come without gaps");
        record::seal(bytes, &head);
        let room = (self.segment_bytes, bytes.len() as u64);
        self.ahead.make_room(self.file.as_mut(), room, self.segment_bytes_max)?;
        write_all(self.file.as_mut(), bytes)?;
        if let Some(tap) = &mut self.tap {
            tap.appended(bytes);
        }
        self.chain = record::chain(bytes);
        self.segment_bytes += bytes.len() as u64;
        self.bytes += bytes.len() as u64;
        self.last = batch.last;
        batch.clear();
        self.broken = false;
        Ok(())
    }

    /// Makes durable all that was appended.
    ///
    /// # Errors
    /// The system's; then nobody knows what is durable, and nothing is appended any more.
    pub fn sync(&mut self) -> io::Result<()> {
        self.unbroken()?;
        self.broken = true;
        self.file.sync()?;
        self.broken = false;
        self.durable = self.last;
        Ok(())
    }

    /// The same, and nothing is behind it any more but what was appended: for when nothing will be for long.
    ///
    /// # Errors
    /// The system's; then nobody knows what is durable, and nothing is appended any more.
    pub fn seal(&mut self) -> io::Result<()> {
        self.unbroken()?;
        self.broken = true;
        self.file.seal()?;
        self.ahead.sealed(self.segment_bytes);
        self.broken = false;
        self.durable = self.last;
        Ok(())
    }

    /// All that was appended is as durable as was asked for, and commands up to this one count as durable, which may be
    /// fewer if others must have them too: tells so whoever taps it.
    pub fn counts(&mut self, durable: Sequence) {
        if self.tap.is_none() {
            return;
        }
        self.counted = durable;
        let frontier = self.frontier();
        if let Some(tap) = &mut self.tap {
            tap.durable(self.journal, frontier);
        }
    }

    /// Whether a record of so many bytes, and a bit, would go where zeros are already: no segment is begun for it and no
    /// file grows.
    #[must_use]
    pub fn has_prepared(&self, bytes: usize, wall: Time) -> bool {
        let end = self.segment_bytes + bytes as u64 + 1;
        self.ahead.reaches(end) && end < self.segment_bytes_max && !self.is_long(wall)
    }

    fn next_segment(&mut self) -> io::Result<()> {
        // What is behind must be whole once there is something before.
        self.file.seal()?;
        self.durable = self.last;
        self.counts(self.counted);
        self.segment += 1;
        self.before = self.segment_bytes;
        let disk = self.disk.as_ref();
        self.file = segment_file(disk, self.segment, self.journal, self.chain, self.last)?;
        self.segment_bytes = SEGMENT_HEAD_BYTES as u64;
        self.ahead = Ahead::NONE;
        (self.segment_after, self.segment_chain) = (self.last, self.chain);
        self.segment_since = None;
        let head = self.segment_head();
        if let Some(tap) = &mut self.tap {
            tap.begun(self.segment, self.before, &head);
        }
        if let Some(sealed) = &self.sealed {
            // Who has not come so far yet, or listens no more, need not know.
            let _told = sealed.try_send(self.segment - 1);
        }
        Ok(())
    }

    /// How far the journal is, as far as it was appended.
    const fn frontier(&self) -> Frontier {
        let Self { epoch, segment, segment_bytes: offset, last, counted: durable, chain, .. } =
            *self;
        Frontier { epoch, segment, offset, last, durable, chain }
    }

    /// What the segment that is written begins with.
    fn segment_head(&self) -> [u8; SEGMENT_HEAD_BYTES] {
        let (next, chain) = (self.segment_after.next(), self.segment_chain);
        let head = SegmentHead { number: self.segment, next, journal: self.journal, chain };
        record::segment_head(&head)
    }

    /// Whether enough is in the segment, or it is old enough, for an image to be taken behind it.
    fn is_long(&self, wall: Time) -> bool {
        let commands = self.last.0 - self.segment_after.0;
        let is_old = self.segment_since.is_some_and(|since| since + self.pace.age <= wall);
        commands >= self.pace.commands || (is_old && commands > 0)
    }

    /// # Errors
    /// If something failed before: then nobody knows what is durable.
    pub(super) fn unbroken(&self) -> io::Result<()> {
        match self.broken {
            true => Err(io::Error::other("it failed before")),
            false => Ok(()),
        }
    }
}

/// A new segment, durable with its head.
fn segment_file(
    disk: &dyn Disk,
    number: u64,
    journal: Hash,
    chain: Hash,
    last: Sequence,
) -> io::Result<Box<dyn Appended>> {
    let mut file = disk.create(&name(number))?;
    let head = SegmentHead { number, next: last.next(), journal, chain };
    write_all(file.as_mut(), &record::segment_head(&head))?;
    file.sync()?;
    disk.sync()?;
    Ok(file)
}
