//! The journal: every command that the engine was given, on disk before anybody is told what came of it.
//!
//! ```text
//! DIR/0000000001.journal   segment: head, then records, each as long as it says; once it is sealed, compressed in
//!                          0000000001.journal.zst
//! record                   head (length, epoch, first command, times, how far it was durable before, hash of the
//!                          record before, checksums), entries, end mark
//! entry                    a command, a digest of all events so far, the beginning or the end of a life
//! DIR/0000000001.image     how the market stood where segment 1 ends
//! ```
//!
//! A record holds what became durable together. It is whole, or it is the last one and was torn when the power went
//! (it is cut and told), or it is damaged, and then nobody goes on without being asked. What an entry's bytes mean
//! is said in [`stored`]; how records are framed in [`record`]; what an [`image`] is of, there; [`disk`] is what it
//! stands on.
//!
//! It keeps commands, not events: whoever wants those runs the engine again. It knows no gate and no thread but
//! [`commit`]'s own.

pub mod stored;

pub mod record;

pub mod chain;

pub mod disk;
pub mod memory;

pub mod compressed;
pub mod segments;

pub mod reader;

mod ahead;
pub mod writer;

pub mod compression;
pub mod image;
pub mod retention;

pub mod digest;

pub mod commit;

pub mod copy;

#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;

use model::{Action, Label, Mark, Sequence, Span, Time};

/// Something in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A life of the market begins.
    Opened(Opened),
    /// A command, numbered by its place among the commands.
    Command(Kept),
    /// What the events were up to here.
    Digest(Digest),
    /// A life of the market ends, as asked.
    Closed(Closed),
}

/// A life of the market begins: first of all, and after every restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// In market time. What was scheduled before and had not happened yet is put off until then.
    pub time: Time,
    /// For how much market time from then on nobody but the crowd trades: then doors open.
    pub warm_up: Span,
    /// Stands for instruments, assets and rules: with others the commands would mean something else.
    pub market: u64,
    /// What the crowd is seeded with.
    pub seed: u64,
    /// Events so far.
    pub events: u64,
    /// Their digest.
    pub digest: u64,
    /// The engine's digest.
    pub state: u64,
    /// Which build opened it, for people.
    pub version: Box<str>,
}

/// A command and what is kept with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Market time.
    pub time: Time,
    /// What was asked.
    pub action: Action,
    /// How often members of the crowd acted since the command before.
    pub acts: u32,
    /// Whether the last of those acts asked for it.
    pub by_crowd: bool,
    /// What its owner calls the order that it places.
    pub label: Option<Label>,
    /// By what a repeat of it is known.
    pub mark: Option<Mark>,
}

/// The digest of all events so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many there were.
    pub events: u64,
    /// See [`digest`].
    pub digest: u64,
}

/// How things stood when a life ended as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Events so far.
    pub events: u64,
    /// Their digest.
    pub digest: u64,
    /// The engine's digest.
    pub state: u64,
}

/// Where in a journal something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment's file.
    pub segment: String,
    /// Bytes before it.
    pub offset: u64,
    /// The last command before it.
    pub after: Sequence,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { segment, offset, after } = self;
        write!(f, "{segment}, offset {offset}, after command {after}")
    }
}
