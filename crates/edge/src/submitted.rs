//! What was submitted and is not known to have happened yet: who is told, and what of it came so far.
//!
//! Pure: commands and events go in, and out comes who is to be told which outcome. Events may come late, where they wait
//! until their command is durable; an outcome is told when all of them have come.

use std::collections::VecDeque;

use dialects::Outcome;
use model::{Event, Sequence};

#[cfg(test)]
mod tests;

/// Commands whose outcomes may be awaited at once.
const WAITING_MAX: usize = 4_096;

/// Commands whose outcomes are awaited by some `W`, in order.
pub struct Submitted<W>(VecDeque<Waiting<W>>);

struct Waiting<W> {
    command: Sequence,
    events: Vec<Event>,
    who: W,
}

impl<W> Default for Submitted<W> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<W> Submitted<W> {
    /// Whether so many outcomes are awaited that nothing more may be submitted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= WAITING_MAX
    }

    /// Whether none is awaited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing more will be known: tells everybody.
    pub fn give_up(&mut self, mut tell: impl FnMut(W)) {
        self.0.drain(..).for_each(|waiting| tell(waiting.who));
    }

    /// The outcome of this command is awaited. Commands come in order.
    pub fn expect(&mut self, command: Sequence, who: W) {
        debug_assert!(self.0.back().is_none_or(|last| last.command < command), "in order");
        self.0.push_back(Waiting { command, events: Vec::new(), who });
    }

    /// This happened, and with it everything that commands up to `handed_out` have caused.
    pub fn happened(
        &mut self,
        events: &[Event],
        handed_out: Sequence,
        mut tell: impl FnMut(W, Outcome),
    ) {
        if self.0.is_empty() {
            return;
        }
        for event in events {
            if let Ok(at) = self.0.binary_search_by_key(&event.cause, |waiting| waiting.command) {
                self.0[at].events.push(event.clone());
            }
        }
        while self.0.front().is_some_and(|first| first.command <= handed_out)
            && let Some(Waiting { command, events, who }) = self.0.pop_front()
        {
            tell(who, Outcome::Done { command, events });
        }
    }
}
