//! Reads a journal from its beginning, and judges how it ends: as asked, in the middle of things, or in bytes that
//! were torn. What is neither is damage, told with its place; the reader never goes on behind it.

use std::fmt;
use std::io;

use model::{Epoch, Sequence, Time};

use super::chain::{Break, Chain, Link};
use super::compressed::Content;
use super::disk::Disk;
use super::record::{self, Hash, Head, SEGMENT_HEAD_BYTES, Wrong};
use super::segments::{self, Segment, name};
use super::stored::Misread;
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
    chain: Chain,
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
            chain: Chain::BEGINNING,
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
        let Boundary { segment, last, .. } = *boundary;
        let mut segments = listed(disk)?;
        segments.retain(|it| it.number > segment);
        let mut reader = Self {
            disk,
            segments,
            before: segment,
            at: 0,
            bytes: Vec::new(),
            offset: 0,
            chain: Chain::behind(boundary),
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
        self.chain.boundary(self.segments.get(self.at).map_or(self.before, |it| it.number))
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
            journal: self.chain.journal,
            epoch: self.chain.epoch,
            last: self.chain.last,
            time: self.chain.time,
            chain: self.chain.hash,
            segment,
            keep: self.bytes,
            behind,
            closed: self.chain.closed,
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
        let found = match self.chain.segment(&self.bytes, number, first) {
            Ok(()) if first && number != 1 => {
                Err(Trouble::Beheaded { segment: self.place().segment, after: self.chain.last })
            }
            Ok(()) => Ok(()),
            // A head is durable before anything is written behind it.
            Err(Break::Bytes(Wrong::Torn))
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
        let place = self.place();
        let Link { head, entries, end } = match self.chain.record(&self.bytes, self.offset) {
            Ok(link) => link,
            Err(Break::Bytes(Wrong::Torn))
                if self.may_be_torn(self.segments[self.at].is_plain)
                    && !record::says_durable(
                        &self.bytes,
                        self.offset + 1,
                        self.chain.last.next(),
                    ) =>
            {
                let bytes = (self.bytes.len() - self.offset) as u64;
                self.torn = Some(Torn { place, bytes });
                return Ok(None);
            }
            Err(wrong) => return Err(self.trouble(wrong)),
        };
        self.offset = end;
        Ok(Some(Record { head, place, entries }))
    }

    /// Whether what is read may have been torn: what was sealed or compressed had been durable for long.
    fn may_be_torn(&self, is_plain: bool) -> bool {
        let is_last = self.at + 1 == self.segments.len() && !self.goes_on;
        is_plain && self.damage.is_none() && is_last
    }

    fn place(&self) -> Place {
        let segment = self.segments[self.at].name();
        Place { segment, offset: self.offset as u64, after: self.chain.last }
    }

    /// Of the segment behind this place there is no file.
    fn missing_behind<T>(&self, at: usize) -> Result<T, Trouble> {
        let segment = name(self.segments[at].number + 1);
        let place = Place { segment, offset: 0, after: self.chain.last };
        Err(Trouble::Damaged { place, what: "the segment is missing".into() })
    }

    fn damaged<T>(&self, what: &str) -> Result<T, Trouble> {
        Err(Trouble::Damaged { place: self.place(), what: what.to_owned() })
    }

    fn trouble(&self, wrong: Break) -> Trouble {
        let place = self.place();
        let what = match wrong {
            Break::Bytes(Wrong::Torn) => self
                .damage
                .unwrap_or("it was not all written, and yet something follows")
                .to_owned(),
            Break::Bytes(Wrong::Damaged(what)) | Break::Unfit(what) => what.to_owned(),
            Break::Misread(misread @ Misread::Newer(..)) => {
                return Trouble::Newer { place, what: misread.to_string() };
            }
            Break::Misread(misread) => misread.to_string(),
            Break::Bytes(Wrong::Newer(layout)) => {
                let what = format!("its layout is {layout}, which a later version of rialto wrote");
                return Trouble::Newer { place, what };
            }
        };
        Trouble::Damaged { place, what }
    }
}
