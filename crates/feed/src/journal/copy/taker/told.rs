//! What whoever has a [taker](super::Taker) says to it and is told by it: where it begins, what it gives out, how it stands,
//! and what is wrong.

use std::fmt;
use std::time::Duration;

use model::{Epoch, Sequence, Time};

use super::super::super::Place;
use super::super::super::chain::Chain;
use super::super::super::reader::{Boundary, Record, Tail};
use super::super::super::record::Hash;
use super::super::words::{Frontier, Refusal, Unread};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    pub(super) chain: Chain,
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) is_first: bool,
}

impl Start {
    /// With the first record of whatever journal the core has.
    #[must_use]
    pub const fn beginning() -> Self {
        Self { chain: Chain::BEGINNING, segment: 1, offset: 0, is_first: true }
    }

    /// Where an image stands.
    #[must_use]
    pub const fn behind(boundary: &Boundary) -> Self {
        let chain = Chain::behind(boundary);
        Self { chain, segment: boundary.segment + 1, offset: 0, is_first: false }
    }

    /// In which segment it begins, and where there.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    /// Where a copy that was read ends.
    #[must_use]
    pub const fn at(tail: &Tail) -> Self {
        let Tail { journal, epoch, last, time, chain: hash, closed, .. } = *tail;
        let chain = Chain { journal, epoch, last, time, hash, closed };
        Self { chain, segment: tail.segment, offset: tail.keep.len() as u64, is_first: false }
    }
}

/// Which records are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that may be shown: whose commands count as durable.
    Shown,
    /// All: for whoever helps to make them durable.
    All,
}

/// Why nothing is followed any more. It does not pass by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The core has another journal.
    OtherJournal {
        /// The one that is followed.
        ours: Hash,
        /// The core's.
        theirs: Hash,
    },
    /// The core's journal does not go on from what was given out: something of that was lost there.
    Diverged {
        /// Behind what was given out.
        place: Place,
        /// What does not fit.
        what: String,
    },
    /// What comes next is not there any more: an image must be taken.
    Pruned {
        /// Behind what was given out.
        place: Place,
        /// With which segment the core's journal begins.
        first: u64,
    },
    /// A later build wrote what comes next.
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
            Self::OtherJournal { ours, theirs } => write!(
                f,
                "the core has another journal, {:032x}, and not {:032x}",
                u128::from_be_bytes(*theirs),
                u128::from_be_bytes(*ours)
            ),
            Self::Diverged { place, what } => {
                write!(f, "the core's journal does not go on from {place}: {what}")
            }
            Self::Pruned { place, first } => write!(
                f,
                "the core's journal begins with segment {first} now, and what comes at {place} was taken away: begin with \
                 an image"
            ),
            Self::Newer { place, what } => write!(f, "not understood at {place}: {what}"),
        }
    }
}

impl std::error::Error for Trouble {}

/// What is given out: a segment's head, or a record.
#[derive(Clone, Debug)]
pub struct Taken<'a> {
    /// In which segment it stands.
    pub segment: u64,
    /// And where.
    pub offset: u64,
    /// All of its bytes.
    pub bytes: &'a [u8],
    /// What they are, if they are no segment's head.
    pub record: Option<Record>,
}

/// What is wrong with what is heard, as long as that may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// Messages are not understood.
    Unread(Unread),
    /// What was asked for is refused.
    Refused(Refusal),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(unread) => unread.fmt(f),
            Self::Refused(refusal) => write!(f, "the core refuses: {}", refusal.words),
        }
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that were heard.
    pub heard: u64,
    /// Those that are no message, or were changed on their way.
    pub unread: u64,
    /// Those of another journal or an earlier life.
    pub stale: u64,
    /// Pieces of which nothing was new.
    pub doubled: u64,
    /// Pieces that came before what is before them.
    pub gaps: u64,
    /// Pieces for which there was no room.
    pub crowded: u64,
    /// How often bytes were dropped because they did not follow.
    pub doubts: u64,
    /// Questions.
    pub asked: u64,
    /// Those that were not answered in time.
    pub unanswered: u64,
    /// Records that were given out.
    pub records: u64,
}

/// How it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The journal; `None` as long as none is known.
    pub journal: Option<Hash>,
    /// The life of the last record that was given out.
    pub epoch: Epoch,
    /// The last command that was given out.
    pub last: Sequence,
    /// The latest moment told in a record's head.
    pub time: Time,
    /// Where the next record is looked for: this segment,
    pub segment: u64,
    /// and this offset.
    pub offset: u64,
    /// How far the core is, as was last heard.
    pub frontier: Option<Frontier>,
    /// How long ago anything was heard of it.
    pub silence: Option<Duration>,
    /// Whether all that the core was known to have was given out.
    pub is_level: bool,
    /// What is wrong that may pass.
    pub complaint: Option<Complaint>,
    /// What does not.
    pub trouble: Option<Trouble>,
    /// What happened so far.
    pub counts: Counts,
}
