//! The chain of a journal's records as far as it was followed, and what alone may come next. Whoever reads a journal's
//! bytes asks here whether they follow, be they from a disk or sent by another machine; it reads no file, and
//! judges no end.

use model::{Epoch, Sequence, Time};

use super::Entry;
use super::reader::Boundary;
use super::record::{self, HEAD_BYTES, Hash, Head, Wrong};
use super::stored::{Decoder, Misread};

/// All that the next record has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The journal's own.
    pub journal: Hash,
    /// The life that wrote the last record.
    pub epoch: Epoch,
    /// The last command.
    pub last: Sequence,
    /// The latest moment told in a record's head.
    pub time: Time,
    /// The hash of the last record.
    pub hash: Hash,
    /// Whether that ended a life as asked.
    pub closed: bool,
}

/// Why bytes are not what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// They are no record, or no segment's head.
    Bytes(Wrong),
    /// They are whole, and follow something else.
    Unfit(&'static str),
    /// They follow, and what is in them is not understood.
    Misread(Misread),
}

/// A record that follows.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its head.
    pub head: Head,
    /// What is in it.
    pub entries: Vec<Entry>,
    /// Where it ends.
    pub end: usize,
}

impl Chain {
    /// Before the first record of a journal.
    pub const BEGINNING: Self = Self {
        journal: [0; 16],
        epoch: Epoch(0),
        last: Sequence(0),
        time: Time(0),
        hash: [0; 16],
        closed: false,
    };

    /// As it is behind a boundary.
    #[must_use]
    pub const fn behind(boundary: &Boundary) -> Self {
        let Boundary { journal, epoch, last, time, chain: hash, .. } = *boundary;
        Self { journal, epoch, last, time, hash, closed: false }
    }

    /// The boundary that this is behind a segment.
    #[must_use]
    pub const fn boundary(&self, segment: u64) -> Boundary {
        let Self { journal, epoch, last, time, hash: chain, .. } = *self;
        Boundary { journal, segment, epoch, last, time, chain }
    }

    /// Whether these bytes begin the segment of this number, behind what was followed. Where nothing was (`is_first`),
    /// they say what there is to follow.
    ///
    /// # Errors
    /// [`Break`]; then nothing has changed.
    pub fn segment(&mut self, bytes: &[u8], number: u64, is_first: bool) -> Result<(), Break> {
        let head = record::read_segment_head(bytes).map_err(Break::Bytes)?;
        if head.number != number {
            return Err(Break::Unfit("it has another's name"));
        }
        if is_first {
            (self.journal, self.hash) = (head.journal, head.chain);
            self.last = Sequence(head.next.0.saturating_sub(1));
            return Ok(());
        }
        if head.journal != self.journal {
            return Err(Break::Unfit("it is of another journal"));
        }
        if head.chain != self.hash || head.next != self.last.next() {
            return Err(Break::Unfit("it does not follow the segment before: records are missing"));
        }
        Ok(())
    }

    /// Follows the record that begins at `at`.
    ///
    /// # Errors
    /// [`Break`]; then nothing has changed.
    pub fn record(&mut self, bytes: &[u8], at: usize) -> Result<Link, Break> {
        let (head, stored) = record::read(bytes, at).map_err(Break::Bytes)?;
        if head.chain != self.hash {
            return Err(Break::Unfit("it does not follow the record before"));
        }
        if head.first != self.last.next() || head.epoch < self.epoch {
            let what = "it is numbered as if something were missing before it";
            return Err(Break::Unfit(what));
        }
        let mut entries = Vec::with_capacity(head.entries.min(1 << 16) as usize);
        let mut decoder = Decoder::new(stored, head.time);
        let mut commands = 0;
        let mut closed = self.closed;
        while let Some(entry) = decoder.entry().map_err(Break::Misread)? {
            commands += u64::from(matches!(entry, Entry::Command(_)));
            closed = matches!(entry, Entry::Closed(_));
            entries.push(entry);
        }
        if entries.len() != head.entries as usize {
            return Err(Break::Unfit("it has another number of entries than it says"));
        }
        let end = at + HEAD_BYTES + head.length as usize + 1;
        self.hash = record::chain(&bytes[at..end]);
        self.epoch = head.epoch;
        self.last = Sequence(self.last.0 + commands);
        self.time = head.time.max(self.time);
        self.closed = closed;
        Ok(Link { head, entries, end })
    }
}
