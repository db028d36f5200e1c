//! Reads a journal from its beginning, and judges how it ends: as asked, in the middle of things, or in bytes that
//! were torn. What is neither is damage, told with its place; the reader never goes on behind it.

use std::fmt;
use std::io;

use model::{Epoch, Sequence, Time};

use super::compressed::Content;
use super::disk::Disk;
use super::record::{self, HEAD_BYTES, Hash, Head, SEGMENT_HEAD_BYTES, Wrong};
use super::segments::{self, Segment, name};
use super::stored::{Decoder, Misread};
use super::{Entry, Place};

/// Why a journal cannot be read on.
#[derive(Debug)]
pub enum Trouble {
    /// The system does not give what is there.
    Disk {
        /// Of which file.
        segment: String,
        /// What it says.
        error: io::Error,
    },
    /// What stands there is not what was written.
    Damaged {
        /// Where the damage was found: at the record that has it.
        place: Place,
        /// What does not fit.
        what: String,
    },
    /// It does not begin with its first segment.
    Beheaded {
        /// With which it begins.
        segment: String,
        /// The last command before that.
        after: Sequence,
    },
    /// A later build wrote what stands there.
    Newer {
        /// Where.
        place: Place,
        /// What.
        what: String,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk { segment, error } => write!(f, "{segment} cannot be read: {error}"),
            Self::Damaged { place, what } => write!(f, "damaged at {place}: {what}"),
            Self::Beheaded { segment, after } => write!(
                f,
                "it begins with {segment}, after command {after}: what was before was taken away, and of how things stood \
                 then there is no image here. Restore an image, or the segments before, from a copy"
            ),
            Self::Newer { place, what } => write!(f, "not understood at {place}: {what}"),
        }
    }
}

impl std::error::Error for Trouble {}

fn listed(disk: &dyn Disk) -> Result<Vec<Segment>, Trouble> {
    segments::list(disk).map_err(|error| Trouble::Disk { segment: ".".into(), error })
}

/// The numbers of the segments that are there, in their order.
///
/// # Errors
/// [`Trouble::Disk`].
pub fn segments(disk: &dyn Disk) -> Result<Vec<u64>, Trouble> {
    Ok(listed(disk)?.into_iter().map(|segment| segment.number).collect())
}

/// One record, read.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its head.
    pub head: Head,
    /// Where it stands.
    pub place: Place,
    /// What is in it.
    pub entries: Vec<Entry>,
}

/// Bytes at the end that were not all written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where they begin.
    pub place: Place,
    /// How many they are.
    pub bytes: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the last {} bytes were not all written: {}", self.bytes, self.place)
    }
}

/// How a journal ends, as far as it was read: all that is needed to go on writing it.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The journal's own.
    pub journal: Hash,
    /// The last life.
    pub epoch: Epoch,
    /// The last command.
    pub last: Sequence,
    /// The latest moment told in a record's head.
    pub time: Time,
    /// The hash of the last record.
    pub chain: Hash,
    /// The last segment with something in it.
    pub segment: u64,
    /// What of that segment is good, decompressed if it is compressed.
    pub keep: Vec<u8>,
    /// The files of segments behind it.
    pub behind: Vec<String>,
    /// Whether the last life ended as asked.
    pub closed: bool,
    /// What was torn.
    pub torn: Option<Torn>,
}

/// Between two segments: all that whoever reads on behind it must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The journal's own.
    pub journal: Hash,
    /// The segment before it.
    pub segment: u64,
    /// The life that wrote the last record before it.
    pub epoch: Epoch,
    /// The last command before it.
    pub last: Sequence,
    /// The latest moment told in a record's head.
    pub time: Time,
    /// The hash of the last record.
    pub chain: Hash,
}

/// A journal while it is read.
pub struct Reader<'d> {
    disk: &'d dyn Disk,
    segments: Vec<Segment>,
    /// The segment behind which it was opened.
    before: u64,
    /// The place of the segment that is read among them.
    at: usize,
    /// What it holds, and what is wrong with it as a whole: then that is all that can be read of it.
    bytes: Vec<u8>,
    damage: Option<&'static str>,
    offset: usize,
    journal: Hash,
    chain: Hash,
    epoch: Epoch,
    last: Sequence,
    time: Time,
    closed: bool,
    torn: Option<Torn>,
    /// Whether what is before its first segment is known, so that it has to follow that.
    follows: bool,
    /// Whether there may be segments behind the last of these.
    goes_on: bool,
}

impl<'d> Reader<'d> {
    /// The journal on this disk, from its first segment on; `None` if there is none. A segment whose head was torn before there was any other is none.
    ///
    /// # Errors
    /// [`Trouble`] with its first segment.
    pub fn open(disk: &'d dyn Disk) -> Result<Option<Self>, Trouble> {
        let segments = listed(disk)?;
        if segments.is_empty() {
            return Ok(None);
        }
        let mut reader = Self {
            disk,
            segments,
            before: 0,
            at: 0,
            bytes: Vec::new(),
            damage: None,
            offset: 0,
            journal: Hash::default(),
            chain: Hash::default(),
            epoch: Epoch(0),
            last: Sequence(0),
            time: Time(0),
            closed: false,
            torn: None,
            follows: false,
            goes_on: false,
        };
        reader.load()?;
        let is_nothing = reader.torn.is_some() && reader.segments.len() == 1;
        Ok((!is_nothing || reader.offset > 0).then_some(reader))
    }

    /// The same journal from behind a boundary on. Its next segment must be there: before anybody speaks of a
    /// boundary, that is durable.
    ///
    /// # Errors
    /// [`Trouble`] if there is none, or it does not follow.
    pub fn open_behind(disk: &'d dyn Disk, boundary: &Boundary) -> Result<Self, Trouble> {
        let Boundary { journal, segment, epoch, last, time, chain } = *boundary;
        let mut segments = listed(disk)?;
        segments.retain(|it| it.number > segment);
        let mut reader = Self {
            disk,
            segments,
            before: segment,
            at: 0,
            bytes: Vec::new(),
            offset: 0,
            journal,
            chain,
            epoch,
            last,
            time,
            closed: false,
            torn: None,
            damage: None,
            follows: true,
            goes_on: false,
        };
        if reader.segments.first().is_none_or(|it| it.number != segment + 1) {
            let place = Place { segment: name(segment + 1), offset: 0, after: last };
            return Err(Trouble::Damaged { place, what: "the segment is missing".into() });
        }
        reader.load()?;
        match reader.torn {
            Some(_) => reader.damaged("its head was not all written, and yet it was spoken of"),
            None => Ok(reader),
        }
    }

    /// Nothing behind this segment is read.
    #[must_use]
    pub fn until(mut self, segment: u64) -> Self {
        self.segments.retain(|it| it.number <= segment);
        self.goes_on = true;
        if self.segments.is_empty() {
            // What was loaded already is behind it.
            (self.bytes, self.offset, self.damage) = (Vec::new(), 0, None);
        }
        self
    }

    /// What stands behind all that was read, if that is where its segment ends.
    #[must_use]
    pub fn boundary(&self) -> Boundary {
        let Self { journal, epoch, last, time, chain, .. } = *self;
        let segment = self.segments.get(self.at).map_or(self.before, |it| it.number);
        Boundary { journal, segment, epoch, last, time, chain }
    }

    /// How many bytes of how many segments were read, and how many segments there are.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.at + 1, self.segments.len())
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`Trouble`]; it is the same again and again.
    pub fn record(&mut self) -> Result<Option<Record>, Trouble> {
        loop {
            if self.torn.is_some() || self.segments.is_empty() {
                return Ok(None);
            }
            if self.offset < self.bytes.len() {
                return self.read();
            }
            if let Some(damage) = self.damage {
                return self.damaged(damage);
            }
            if self.at + 1 == self.segments.len() {
                return match self.segments[self.at].is_plain || self.goes_on {
                    true => Ok(None),
                    // It was compressed once there was another one.
                    false => self.missing_behind(self.at),
                };
            }
            self.at += 1;
            if let Err(trouble) = self.load() {
                // What was good ends with the segment before.
                self.at -= 1;
                self.offset = self.bytes.len();
                return Err(trouble);
            }
        }
    }

    /// How it ends as far as it was read.
    ///
    /// # Errors
    /// [`Trouble::Disk`] if what is to be kept cannot be read again.
    pub fn tail(mut self) -> Result<Tail, Trouble> {
        let mut at = self.at;
        let mut good = self.offset;
        if self.torn.is_some() && good == 0 && at > 0 {
            // Of the last segment there is not even its head; the one before is whole.
            at -= 1;
            self.bytes = self.content(at)?.bytes;
            good = self.bytes.len();
        }
        let segment = self.segments.get(at).map_or(self.before, |it| it.number);
        let behind = self.segments.iter().skip(at + 1).flat_map(Segment::files).collect();
        self.bytes.truncate(good);
        Ok(Tail {
            journal: self.journal,
            epoch: self.epoch,
            last: self.last,
            time: self.time,
            chain: self.chain,
            segment,
            keep: self.bytes,
            behind,
            closed: self.closed,
            torn: self.torn,
        })
    }

    /// What the segment at this place holds.
    fn content(&self, at: usize) -> Result<Content, Trouble> {
        let segment = self.segments[at];
        let content = segment.read(self.disk);
        content.map_err(|error| Trouble::Disk { segment: segment.name(), error })
    }

    /// Begins to read the segment at its place.
    fn load(&mut self) -> Result<(), Trouble> {
        let Segment { number, is_plain, .. } = self.segments[self.at];
        let first = self.at == 0 && !self.follows;
        if self.at > 0 && number != self.segments[self.at - 1].number + 1 {
            return self.missing_behind(self.at - 1);
        }
        let content = self.content(self.at)?;
        let before = (std::mem::replace(&mut self.bytes, content.bytes), self.offset);
        self.offset = 0;
        self.damage = content.damage;
        if self.may_be_torn(is_plain) {
            // Those were put there ahead of what would be written, and no record ends with one.
            let zeros = self.bytes.iter().rev().take_while(|&&byte| byte == 0).count();
            self.bytes.truncate(self.bytes.len() - zeros);
        }
        let found = match record::read_segment_head(&self.bytes) {
            Ok(head) if head.number != number => self.damaged("it has another's name"),
            Ok(head) if first => {
                (self.journal, self.chain) = (head.journal, head.chain);
                self.last = Sequence(head.next.0.saturating_sub(1));
                match number {
                    1 => Ok(()),
                    _ => Err(Trouble::Beheaded { segment: self.place().segment, after: self.last }),
                }
            }
            Ok(head) if head.journal != self.journal => self.damaged("it is of another journal"),
            Ok(head) if head.chain != self.chain || head.next != self.last.next() => {
                self.damaged("it does not follow the segment before: records are missing")
            }
            Ok(_) => Ok(()),
            // A head is durable before anything is written behind it.
            Err(Wrong::Torn)
                if self.may_be_torn(is_plain) && self.bytes.len() <= SEGMENT_HEAD_BYTES =>
            {
                self.torn = Some(Torn { place: self.place(), bytes: self.bytes.len() as u64 });
                return Ok(());
            }
            Err(wrong) => Err(self.trouble(wrong)),
        };
        match found {
            Ok(()) => {
                self.offset = SEGMENT_HEAD_BYTES;
                Ok(())
            }
            Err(trouble) if first => Err(trouble),
            Err(trouble) => {
                (self.bytes, self.offset) = before;
                self.damage = None;
                Err(trouble)
            }
        }
    }

    /// Reads the record that begins here.
    fn read(&mut self) -> Result<Option<Record>, Trouble> {
        let (head, stored) = match record::read(&self.bytes, self.offset) {
            Ok(found) => found,
            Err(Wrong::Torn)
                if self.may_be_torn(self.segments[self.at].is_plain)
                    && !record::says_durable(&self.bytes, self.offset + 1, self.last.next()) =>
            {
                let bytes = (self.bytes.len() - self.offset) as u64;
                self.torn = Some(Torn { place: self.place(), bytes });
                return Ok(None);
            }
            Err(wrong) => return Err(self.trouble(wrong)),
        };
        if head.chain != self.chain {
            return self.damaged("it does not follow the record before");
        }
        if head.first != self.last.next() || head.epoch < self.epoch {
            return self.damaged("it is numbered as if something were missing before it");
        }
        let mut entries = Vec::with_capacity(head.entries.min(1 << 16) as usize);
        let mut decoder = Decoder::new(stored, head.time);
        let mut commands = 0;
        let mut closed = self.closed;
        loop {
            match decoder.entry() {
                Ok(Some(entry)) => {
                    commands += u64::from(matches!(entry, Entry::Command(_)));
                    closed = matches!(entry, Entry::Closed(_));
                    entries.push(entry);
                }
                Ok(None) => break,
                Err(misread @ Misread::Newer(..)) => {
                    let (place, what) = (self.place(), misread.to_string());
                    return Err(Trouble::Newer { place, what });
                }
                Err(misread) => return self.damaged(&misread.to_string()),
            }
        }
        if entries.len() != head.entries as usize {
            return self.damaged("it has another number of entries than it says");
        }
        let place = self.place();
        let end = self.offset + HEAD_BYTES + head.length as usize + 1;
        self.chain = record::chain(&self.bytes[self.offset..end]);
        self.offset = end;
        self.epoch = head.epoch;
        self.last = Sequence(self.last.0 + commands);
        self.time = head.time.max(self.time);
        self.closed = closed;
        Ok(Some(Record { head, place, entries }))
    }

    /// Whether what is read may have been torn: what was sealed or compressed had been durable for long.
    fn may_be_torn(&self, is_plain: bool) -> bool {
        let is_last = self.at + 1 == self.segments.len() && !self.goes_on;
        is_plain && self.damage.is_none() && is_last
    }

    fn place(&self) -> Place {
        let segment = self.segments[self.at].name();
        Place { segment, offset: self.offset as u64, after: self.last }
    }

    /// Of the segment behind this place there is no file.
    fn missing_behind<T>(&self, at: usize) -> Result<T, Trouble> {
        let segment = name(self.segments[at].number + 1);
        let place = Place { segment, offset: 0, after: self.last };
        Err(Trouble::Damaged { place, what: "the segment is missing".into() })
    }

    fn damaged<T>(&self, what: &str) -> Result<T, Trouble> {
        Err(Trouble::Damaged { place: self.place(), what: what.to_owned() })
    }

    fn trouble(&self, wrong: Wrong) -> Trouble {
        let place = self.place();
        let what = match wrong {
            Wrong::Torn => self
                .damage
                .unwrap_or("it was not all written, and yet something follows")
                .to_owned(),
            Wrong::Damaged(what) => what.to_owned(),
            Wrong::Newer(layout) => {
                let what = format!("its layout is {layout}, which a later version of rialto wrote");
                return Trouble::Newer { place, what };
            }
        };
        Trouble::Damaged { place, what }
    }
}
