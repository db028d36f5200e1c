//! What was submitted and is not known to have happened yet: who is told, and what of it came so far.
//!
//! Pure: commands and events go in, and out comes who is to be told which outcome. Events may come late, where they wait
//! until their command is durable; an outcome is told when all of them have come.

use std::collections::{BTreeMap, VecDeque};

use model::{Event, Outcome, Passed, Sequence};

#[cfg(test)]
mod tests;

/// Commands whose outcomes may be awaited at once.
const WAITING_MAX: usize = 4_096;

/// Commands whose outcomes are awaited by some `W`: in order, and what was passed on to whoever decides.
pub struct Submitted<W> {
    waiting: VecDeque<Waiting<W>>,
    passed: BTreeMap<Passed, W>,
}

struct Waiting<W> {
    command: Sequence,
    events: Vec<Event>,
    who: W,
}

impl<W> Default for Submitted<W> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), passed: BTreeMap::new() }
    }
}

impl<W> Submitted<W> {
    /// Whether so many outcomes are awaited that nothing more may be submitted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() + self.passed.len() >= WAITING_MAX
    }

    /// Whether none is awaited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.passed.is_empty()
    }

    /// Nothing more will be known: tells everybody.
    pub fn give_up(&mut self, mut tell: impl FnMut(W)) {
        self.waiting.drain(..).for_each(|waiting| tell(waiting.who));
        std::mem::take(&mut self.passed).into_values().for_each(tell);
    }

    /// What comes of this, which was passed on, is awaited.
    pub fn expect_decided(&mut self, passed: Passed, who: W) {
        self.passed.insert(passed, who);
    }

    /// Who awaits what came of this.
    pub fn decided(&mut self, passed: Passed) -> Option<W> {
        self.passed.remove(&passed)
    }

    /// The outcome of this command is awaited. Commands come in order.
    pub fn expect(&mut self, command: Sequence, who: W) {
        debug_assert!(self.waiting.back().is_none_or(|last| last.command < command), "in order");
        self.waiting.push_back(Waiting { command, events: Vec::new(), who });
    }

    /// This happened, and with it everything that commands up to `handed_out` have caused.
    pub fn happened(
        &mut self,
        events: &[Event],
        handed_out: Sequence,
        mut tell: impl FnMut(W, Outcome),
    ) {
        if self.waiting.is_empty() {
            return;
        }
        for event in events {
            let at = self.waiting.binary_search_by_key(&event.cause, |waiting| waiting.command);
            if let Ok(at) = at {
                self.waiting[at].events.push(event.clone());
            }
        }
        while self.waiting.front().is_some_and(|first| first.command <= handed_out)
            && let Some(Waiting { command, events, who }) = self.waiting.pop_front()
        {
            tell(who, Outcome::Done { command, events });
        }
    }
}
