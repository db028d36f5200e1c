//! What an engine's journal is told: each command with what is kept beside it, and the digest of events when it is
//! due. Entries are gathered and handed over once a turn.

use model::{Action, Command, Event, Note, PerpetualAction, Sequence, Span, Time, Wake};

use crate::journal::commit::{Commit, PENDING_MAX};
use crate::journal::digest::Digester;
use crate::journal::writer::Batch;
use crate::journal::{Closed, Digest, Entry, Kept, Opened};

#[cfg(test)]
mod tests;

pub(super) struct Recorder {
    commit: Commit,
    batch: Batch,
    digester: Digester,
    /// The last digest in the batch.
    digest: Option<Digest>,
    /// How often the crowd acted since the last command.
    acts: u32,
    /// When something happened last that was more than a tick or a mark, in market time.
    stirred: Option<Time>,
    is_closed: bool,
}

/// So long after that, ticks tell nothing new of it: no topic speaks more rarely. Neither do marks that tell of prices
/// alone: their index stands where it stood.
const QUIET: Span = Span::seconds(10);

impl Recorder {
    pub fn new(commit: Commit, digester: Digester) -> Self {
        let (batch, digest) = (Batch::default(), None);
        Self { commit, batch, digester, digest, acts: 0, stirred: None, is_closed: false }
    }

    /// A life begins behind this command.
    pub fn opened(&mut self, opened: Opened, last: Sequence) {
        let time = opened.time;
        self.batch.push(&Entry::Opened(opened), last, time);
    }

    /// A member of the crowd acted; what it asked for follows.
    pub fn acted(&mut self) {
        self.acts += 1;
    }

    /// This command was applied, and this is what it caused.
    pub fn command(&mut self, command: &Command, by_crowd: bool, note: &Note, events: &[Event]) {
        let entry = Entry::Command(Kept {
            time: command.time,
            action: command.action,
            acts: std::mem::take(&mut self.acts),
            by_crowd,
            label: note.label.clone(),
            mark: note.mark,
        });
        let is_beat =
            matches!(command.action, Action::Tick(_) | Action::Perpetual(PerpetualAction::Mark(_)));
        let is_tick = is_beat && events.len() <= 1;
        if !is_tick {
            self.stirred = Some(command.time);
        }
        let is_quiet = self.stirred.is_none_or(|stirred| stirred + QUIET < command.time);
        if is_tick && is_quiet {
            self.batch.push_idle(&entry, command.sequence, command.time);
        } else {
            self.batch.push(&entry, command.sequence, command.time);
        }
        if self.digester.take(events) {
            let digest = self.digester.digest();
            self.batch.push_idle(&Entry::Digest(digest), command.sequence, command.time);
            self.digest = Some(digest);
        }
    }

    /// Hands over what was gathered. Returns up to which command all is durable.
    pub fn turn(&mut self, awaited: bool) -> Sequence {
        if !self.batch.is_empty() || awaited {
            self.commit.hand_over(&mut self.batch, self.digest.take(), awaited);
        }
        self.commit.durable()
    }

    /// The same, and waits for it.
    pub fn settle(&mut self, last: Sequence) -> Sequence {
        self.turn(true);
        self.commit.settle(last);
        self.commit.durable()
    }

    /// Whether all up to this command is durable.
    pub fn has(&self, last: Sequence) -> bool {
        self.commit.durable() >= last
    }

    /// Whether nothing further counts as durable because no other machine has it, for too long.
    pub fn is_stalled(&self) -> bool {
        self.commit.is_stalled()
    }

    /// The life ends behind this command, with an engine that has this digest.
    pub fn close(&mut self, last: Sequence, time: Time, state: u64) -> Sequence {
        if !self.is_closed && !self.is_broken() {
            let Digest { events, digest } = self.digester.digest();
            let closed = Entry::Closed(Closed { events, digest, state });
            self.batch.push(&closed, last, time);
            self.turn(true);
            self.commit.end();
        }
        self.is_closed = true;
        self.commit.durable()
    }

    /// Whether no further command may be applied: also not while another machine must have what was written, and none
    /// says so.
    pub fn is_full(&self, last: Sequence) -> bool {
        self.is_closed
            || self.is_broken()
            || last.0 - self.commit.durable().0 >= PENDING_MAX
            || self.commit.is_stalled()
    }

    pub fn is_broken(&self) -> bool {
        self.commit.is_broken()
    }

    pub fn wake_with(&self, wake: Wake) {
        self.commit.wake_with(wake);
    }
}
