//! The gate between the engine and the boards: an event passes once the command that caused it is durable,
//! so that subscribers, queries and readers alike see durable state only.
//!
//! It does not make anything durable; it is told how far durability has come.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use model::{Event, Sequence};

/// Where events wait until their command is durable.
#[derive(Debug)]
pub struct Gate {
    /// Commands up to this one are durable; `None` if nothing is kept and everything passes.
    durable: Option<Sequence>,
    /// In order of their causes, all of them later than `durable`.
    waiting: VecDeque<Event>,
    waiting_max: usize,
}

impl Gate {
    /// A gate that lets everything pass: for markets that keep nothing.
    #[must_use]
    pub const fn open() -> Self {
        Self { durable: None, waiting: VecDeque::new(), waiting_max: usize::MAX }
    }

    /// A gate that lets pass what commands up to `durable` caused. It never refuses an event; when
    /// `waiting_max` of them wait it says [`Gate::is_full`], and no further command may be applied until it
    /// has let some go.
    #[must_use]
    pub const fn closed_after(durable: Sequence, waiting_max: usize) -> Self {
        Self { durable: Some(durable), waiting: VecDeque::new(), waiting_max }
    }

    /// Keeps back those of the events from index `from` on whose commands are not durable yet. Causes must
    /// not go down from call to call.
    pub fn hold(&mut self, events: &mut Vec<Event>, from: usize) {
        let Some(durable) = self.durable else { return };
        // What waits is later than everything durable, and what comes now is later than what waits: so the
        // events that may pass stand first.
        let pass = from + events[from..].partition_point(|event| event.cause <= durable);
        self.waiting.extend(events.drain(pass..));
    }

    /// Commands up to this one are durable: appends the events that waited for them. An earlier number than
    /// one told before changes nothing.
    pub fn durable(&mut self, up_to: Sequence, out: &mut Vec<Event>) {
        let Some(durable) = &mut self.durable else { return };
        *durable = up_to.max(*durable);
        let pass = self.waiting.partition_point(|event| event.cause <= *durable);
        out.extend(self.waiting.drain(..pass));
    }

    /// Commands up to this one are durable; `None` if nothing is kept.
    #[must_use]
    pub const fn durable_up_to(&self) -> Option<Sequence> {
        self.durable
    }

    /// Whether so much waits that no further command may be applied.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.waiting_max
    }

    /// How many events wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
