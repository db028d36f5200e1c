//! The sequencer: gives each command its number and its moment of market time.
//!
//! Pure: the time is handed in. It does not decide whether a command is a good one (the engine does) and does
//! not keep it (the journal does).

#[cfg(test)]
mod tests;

use model::{Action, Command, Sequence, Time};

/// Numbers commands from 1 without gaps, and stamps them with a market time that never goes back.
#[derive(Clone, Debug)]
pub struct Sequencer {
    last: Sequence,
    time: Time,
}

impl Sequencer {
    /// A sequencer before its first command, at this market time.
    #[must_use]
    pub const fn starting(time: Time) -> Self {
        Self { last: Sequence(0), time }
    }

    /// A sequencer that goes on after a command.
    #[must_use]
    pub const fn after(command: &Command) -> Self {
        Self { last: command.sequence, time: command.time }
    }

    /// A sequencer as it was after a command, when it was so late.
    #[must_use]
    pub const fn at(last: Sequence, time: Time) -> Self {
        Self { last, time }
    }

    /// The next command. It is stamped with `now`, or with the latest time seen if that is later.
    pub fn command(&mut self, now: Time, action: Action) -> Command {
        self.last = self.last.next();
        self.time = self.time.max(now);
        Command { sequence: self.last, time: self.time, action }
    }

    /// It is not earlier than this, though nothing happened.
    pub fn pass(&mut self, now: Time) {
        self.time = self.time.max(now);
    }

    /// The last command's number; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> Sequence {
        self.last
    }

    /// The latest market time seen.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }
}
