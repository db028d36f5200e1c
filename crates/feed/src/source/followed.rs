//! The market of another machine, followed: the records of its journal are run again here, so that the same events
//! come of them; what is submitted here is passed on to it.
//!
//! Nothing is decided here, and nothing is written down. Each digest of events in those records is compared with what
//! comes of them: a build or a configuration that makes something else of them shows at the latest 1,024 commands on,
//! and ends it. How records come and what is passed on goes is [`Core`]'s to know.

use std::collections::{BTreeMap, VecDeque};

use model::{
    Action, Epoch, Event, Label, Mark, NoOrders, Note, Outcome, Passed, Sequence, Source, Taken,
    Time, Wake,
};

use super::engine::rerun::{Difference, Rerun};
use crate::journal::reader::Record;
use crate::journal::{Entry, Kept};

#[cfg(test)]
mod tests;

/// Events that are handed out at once, but for those of one record.
const EVENTS_AT_ONCE: usize = 1_024;

/// Commands whose events are remembered while it is not known which of them were passed on from here. More than can
/// come between a command and the word of which it is, unless that word was lost.
const RECENT_MAX: usize = 65_536;

/// And so many bytes of them. With more the oldest are forgotten, which is counted ([`Core::forgot`]): what turns out to be
/// one of them is told to be unknown.
const RECENT_BYTES_MAX: usize = 64 << 20;

/// The machine that is followed, as it is reached.
pub trait Core: Send {
    /// The next record of its journal, if it has come.
    fn record(&mut self) -> Option<Record>;
    /// Whether one has.
    fn has_record(&self) -> bool;
    /// Passes this on to it, to be known again as `passed`.
    ///
    /// # Errors
    /// [`NoOrders`] if it cannot be reached or takes none: nothing happened.
    fn pass_on(&mut self, passed: Passed, action: Action, note: &Note) -> Result<(), NoOrders>;
    /// What came of something that was passed on. Each is told once, after a bounded time, whatever happens.
    fn decided(&mut self) -> Option<(Passed, Decision)>;
    /// From now on this is called, from another thread, whenever there is a record or something was decided.
    fn wake_with(&mut self, wake: Wake);
    /// Whether nothing more can come of what this machine has already: it would have to begin anew.
    fn is_lost(&self) -> bool;
    /// What a command caused was forgotten before it was known whether that was passed on from here.
    fn forgot(&mut self) {}
}

/// What came of something that was passed on, as it is told by whoever decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It became this command, in this life of the market.
    Command(Epoch, Sequence),
    /// It was not taken: nothing happened.
    NotTaken,
    /// Nobody knows.
    Unknown,
}

/// What was written with a mark, as it is run again.
pub struct Marked<'a> {
    /// By what a repeat of it is known.
    pub mark: Mark,
    /// When it was written, by the wall's clock.
    pub wall: Time,
    /// Its command.
    pub command: Sequence,
    /// What is kept of it.
    pub kept: &'a Kept,
    /// What it caused.
    pub events: &'a [Event],
}

/// Told of what was written with a mark.
pub type Noted = Box<dyn FnMut(Marked<'_>) + Send>;

/// Another machine's market.
pub struct Followed {
    rerun: Rerun,
    core: Box<dyn Core>,
    noted: Noted,
    /// Told once why it goes on no more.
    complain: Box<dyn FnMut(&Difference) + Send>,
    difference: Option<Difference>,
    passed: u64,
    labels: Vec<(Sequence, Label)>,
    /// What was passed on and is not decided yet, and the last command before it.
    undecided: BTreeMap<Passed, Sequence>,
    /// What the last commands caused that were not the crowd's: one of them may turn out to be from here.
    recent: Recent,
    /// Those of which it is known, and which were not run here yet.
    awaited: BTreeMap<(Epoch, Sequence), Passed>,
    /// The life of the last record.
    epoch: Epoch,
    /// What can be told.
    told: Vec<(Passed, Outcome)>,
}

impl Followed {
    /// From where a journal was run again up to; what comes next is `core`'s. `noted` is told of what was written with
    /// marks, `complain` at most once that something else comes of the records here.
    #[must_use]
    pub fn new(
        rerun: Rerun,
        core: Box<dyn Core>,
        noted: Noted,
        complain: Box<dyn FnMut(&Difference) + Send>,
    ) -> Self {
        Self {
            rerun,
            core,
            noted,
            complain,
            difference: None,
            passed: 0,
            labels: Vec::new(),
            undecided: BTreeMap::new(),
            recent: Recent::default(),
            awaited: BTreeMap::new(),
            epoch: Epoch(0),
            told: Vec::new(),
        }
    }

    fn run(&mut self, record: &Record, out: &mut Vec<Event>) -> Result<(), Difference> {
        if record.head.epoch > self.epoch {
            self.begin_life(record.head.epoch);
        }
        for entry in &record.entries {
            let from = out.len();
            self.rerun.entry(entry, out)?;
            let Entry::Command(kept) = entry else { continue };
            let command = self.rerun.last();
            if let Some(label) = &kept.label {
                self.labels.push((command, label.clone()));
            }
            if let Some(mark) = kept.mark {
                let (wall, events) = (record.head.wall, &out[from..]);
                (self.noted)(Marked { mark, wall, command, kept, events });
            }
            if let Some(passed) = self.awaited.remove(&(self.epoch, command)) {
                let events = out[from..].to_vec();
                self.told.push((passed, Outcome::Done { command, events }));
            } else if !self.undecided.is_empty() && !kept.by_crowd {
                let forgotten = self.recent.remember(command, &out[from..]);
                (0..forgotten).for_each(|_| self.core.forgot());
            }
        }
        Ok(())
    }

    /// Another life begins. What the one before had taken, and did not come, is not in it; and nobody knows whether
    /// it ever was.
    fn begin_life(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        let later = self.awaited.split_off(&(epoch, Sequence(0)));
        let lost = std::mem::replace(&mut self.awaited, later);
        self.told.extend(lost.into_values().map(|passed| (passed, Outcome::Unknown)));
    }

    /// What is told of something that is this command of this life.
    fn is_command(&mut self, passed: Passed, epoch: Epoch, command: Sequence) {
        if (epoch, command) > (self.epoch, self.rerun.last()) {
            if let Some(other) = self.awaited.insert((epoch, command), passed) {
                // Two cannot be one.
                self.told.push((other, Outcome::Unknown));
            }
            return;
        }
        if epoch < self.epoch {
            self.told.push((passed, Outcome::Unknown));
            return;
        }
        // Else it was done, and what came of it then is not remembered.
        let found = self.recent.take(command);
        let outcome = found.map_or(Outcome::Unknown, |events| Outcome::Done { command, events });
        self.told.push((passed, outcome));
    }
}

/// What the last commands caused, in their order.
struct Recent {
    commands: VecDeque<(Sequence, Vec<Event>)>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self { commands: VecDeque::new(), bytes: 0, bytes_max: RECENT_BYTES_MAX }
    }
}

impl Recent {
    /// One more, later than the others. Returns how many are forgotten for it.
    fn remember(&mut self, command: Sequence, events: &[Event]) -> usize {
        self.bytes += Self::bytes_of(events);
        self.commands.push_back((command, events.to_vec()));
        let mut forgotten = 0;
        while self.commands.len() > RECENT_MAX || self.bytes > self.bytes_max {
            self.forget();
            forgotten += 1;
        }
        forgotten
    }

    /// What this one caused, if that is remembered; from then on it is not.
    fn take(&mut self, command: Sequence) -> Option<Vec<Event>> {
        let at = self.commands.binary_search_by_key(&command, |&(command, _)| command).ok()?;
        let events = std::mem::take(&mut self.commands[at].1);
        self.bytes -= Self::bytes_of(&events) - Self::bytes_of(&[]);
        Some(events)
    }

    /// Forgets those up to this one.
    fn forget_up_to(&mut self, last: Sequence) {
        while self.commands.front().is_some_and(|&(command, _)| command <= last) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        if let Some((_, events)) = self.commands.pop_front() {
            self.bytes -= Self::bytes_of(&events);
        }
    }

    const fn bytes_of(events: &[Event]) -> usize {
        size_of::<(Sequence, Vec<Event>)>() + size_of_val(events)
    }
}

impl Source for Followed {
    /// At once if there is a record, whatever its time: it has happened.
    fn due(&self) -> Option<Time> {
        let goes_on = self.difference.is_none() && self.core.has_record();
        goes_on.then_some(Time(i64::MIN))
    }

    fn advance(&mut self, _now: Time, out: &mut Vec<Event>) {
        let stop = out.len() + EVENTS_AT_ONCE;
        while self.difference.is_none() && out.len() < stop {
            let Some(record) = self.core.record() else { return };
            if let Err(difference) = self.run(&record, out) {
                (self.complain)(&difference);
                self.difference = Some(difference);
            }
        }
    }

    /// None is taken so: whose command it becomes is not known at once.
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }

    fn submit_noted(
        &mut self,
        _now: Time,
        action: Action,
        note: &Note,
        _out: &mut Vec<Event>,
    ) -> Result<Taken, NoOrders> {
        if self.is_broken() {
            return Err(NoOrders);
        }
        self.passed += 1;
        let passed = Passed(self.passed);
        self.core.pass_on(passed, action, note)?;
        self.undecided.insert(passed, self.rerun.last());
        Ok(Taken::PassedOn(passed))
    }

    /// What was done there is told once it has been done here: whoever is told sees it.
    fn decided(&mut self, tell: &mut dyn FnMut(Passed, Outcome)) {
        while let Some((passed, decision)) = self.core.decided() {
            self.undecided.remove(&passed);
            match decision {
                Decision::Command(epoch, command) => self.is_command(passed, epoch, command),
                Decision::NotTaken => self.told.push((passed, Outcome::NotTaken)),
                Decision::Unknown => self.told.push((passed, Outcome::Unknown)),
            }
        }
        // What was passed on later became a later command.
        let before = self.undecided.values().next().copied().unwrap_or(Sequence(u64::MAX));
        self.recent.forget_up_to(before);
        self.told.drain(..).for_each(|(passed, outcome)| tell(passed, outcome));
    }

    fn labels(&mut self, tell: &mut dyn FnMut(Sequence, Label)) {
        self.labels.drain(..).for_each(|(command, label)| tell(command, label));
    }

    fn wake_with(&mut self, wake: Wake) {
        self.core.wake_with(wake);
    }

    fn is_broken(&self) -> bool {
        self.difference.is_some() || self.core.is_lost()
    }

    fn handed_out(&self) -> Sequence {
        self.rerun.last()
    }
}
