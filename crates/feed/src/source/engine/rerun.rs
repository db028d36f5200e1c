//! A journal, run again: the same commands through an engine, and the crowd let act where it acted, so that both
//! stand as they stood when the last entry was written.
//!
//! What the crowd asks for this time is not done: what it asked for then is in the journal. But it draws the same
//! chances from the same engine, so that it goes on as if it had only paused. If it now asks for something else (its
//! rules or its configuration were changed), that is counted, and it goes on from what it finds.

use model::{Action, Event, Sequence, Span, Time};

use super::EngineSource;
use crate::journal::digest::Digester;
use crate::journal::{Closed, Digest, Entry, Kept, Opened};

mod image;

#[cfg(test)]
pub(crate) mod tests;

/// What is done again does not do the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The last command before it is seen.
    pub after: Sequence,
    /// What differs.
    pub what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "after command {}: {}", self.after, self.what)
    }
}

impl std::error::Error for Difference {}

/// What was done again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Commands.
    pub commands: u64,
    /// Events.
    pub events: u64,
    /// Digests that agreed: of events, and of the engine.
    pub digests: u64,
    /// Lives.
    pub lives: u64,
    /// Things that the crowd asked for then and not now.
    pub crowd_differs: u64,
}

/// A journal while it is run again.
pub struct Rerun {
    source: EngineSource,
    digester: Digester,
    /// What the crowd asks for in its last act, and how much of it was found in the journal.
    asked: Vec<Action>,
    found: usize,
    /// What has to come next.
    owed: Option<Digest>,
    /// When the last life was to open its doors.
    doors: Time,
    done: Done,
}

impl Rerun {
    /// On a source that is new: before its first command, at the moment at which the journal begins.
    #[must_use]
    pub fn new(source: EngineSource) -> Self {
        let (digester, asked, doors) = (Digester::default(), Vec::new(), source.time());
        Self { source, digester, asked, found: 0, owed: None, doors, done: Done::default() }
    }

    /// What was done so far.
    #[must_use]
    pub const fn done(&self) -> Done {
        self.done
    }

    /// The last command that was done again.
    #[must_use]
    pub const fn last(&self) -> Sequence {
        self.source.last()
    }

    /// What its last life still had to play before doors open: nothing where they were opened. Then the last that
    /// happened may be a little before that, for it may have ended at once; so less than a second is nothing.
    #[must_use]
    pub fn warm_up_left(&self) -> Span {
        let left = Span(self.doors.0.saturating_sub(self.source.time().0));
        if left < Span::seconds(1) { Span(0) } else { left }
    }

    /// The source as it stands.
    #[must_use]
    pub const fn source(&self) -> &EngineSource {
        &self.source
    }

    /// Does one entry again, and appends what it causes.
    ///
    /// # Errors
    /// [`Difference`] if that is not what it caused then.
    pub fn entry(&mut self, entry: &Entry, out: &mut Vec<Event>) -> Result<(), Difference> {
        match (self.owed.take(), entry) {
            (Some(owed), Entry::Digest(then)) => {
                self.agree("events", then.events, owed.events)?;
                self.agree("the digest of events", then.digest, owed.digest)?;
                self.done.digests += 1;
                return Ok(());
            }
            (None, Entry::Digest(_)) => {
                return self.differs("a digest of events stands where none is due");
            }
            (Some(_), _) => return self.differs("a digest of events is missing"),
            (None, _) => {}
        }
        match entry {
            Entry::Command(kept) => self.command(kept, out),
            Entry::Opened(opened) => self.opened(opened),
            Entry::Closed(Closed { events, digest, state }) => {
                self.compare(*events, *digest, *state)
            }
            Entry::Digest(_) => Ok(()),
        }
    }

    fn opened(&mut self, opened: &Opened) -> Result<(), Difference> {
        if opened.market != self.source.market() {
            return self.differs(
                "the journal is of other instruments, other steps of price and quantity, other contracts, or other fees",
            );
        }
        self.compare(opened.events, opened.digest, opened.state)?;
        self.done.lives += 1;
        self.doors = Time(opened.time.0.saturating_add(opened.warm_up.0));
        if self.last() > Sequence(0) {
            self.source.put_off(opened.time);
        }
        Ok(())
    }

    fn command(&mut self, kept: &Kept, out: &mut Vec<Event>) -> Result<(), Difference> {
        for _ in 0..kept.acts {
            self.done.crowd_differs += (self.asked.len() - self.found) as u64;
            self.asked.clear();
            self.found = 0;
            let EngineSource { crowd, engine, .. } = &mut self.source;
            if let Some(crowd) = crowd {
                crowd.act(engine, &mut self.asked);
            }
        }
        if kept.by_crowd {
            let agrees = self.asked.get(self.found) == Some(&kept.action);
            self.done.crowd_differs += u64::from(!agrees);
            self.found = (self.found + 1).min(self.asked.len());
        }
        if kept.time < self.source.time() {
            return self.differs("time goes back");
        }
        self.source.took_place(&kept.action, kept.time);
        let command = self.source.sequencer.command(kept.time, kept.action);
        let from = out.len();
        self.source.engine.apply(&command, out);
        let is_due = self.digester.take(&out[from..]);
        self.owed = is_due.then(|| self.digester.digest());
        self.done.commands += 1;
        self.done.events = self.digester.events();
        Ok(())
    }

    fn compare(&mut self, events: u64, digest: u64, state: u64) -> Result<(), Difference> {
        let now = self.digester.digest();
        self.agree("events", events, now.events)?;
        self.agree("the digest of events", digest, now.digest)?;
        self.agree("the engine's digest", state, self.source.engine.digest())?;
        self.done.digests += 2;
        Ok(())
    }

    fn agree(&self, what: &str, then: u64, now: u64) -> Result<(), Difference> {
        if then == now {
            return Ok(());
        }
        self.differs(&format!("{what} then: {then:016x}, and now: {now:016x}"))
    }

    fn differs<T>(&self, what: &str) -> Result<T, Difference> {
        Err(Difference { after: self.source.last(), what: what.to_owned() })
    }

    /// What was done, to be gone on with.
    #[must_use]
    pub fn finish(self) -> (EngineSource, Digester) {
        (self.source, self.digester)
    }
}
