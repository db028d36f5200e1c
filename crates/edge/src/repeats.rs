//! What was done before a restart, by what a repeat of it is known: a nonce of a signed request, or an idempotency
//! key. Whoever got no answer because the server ended asks again; it is answered, and nothing is done twice.
//!
//! Filled once, when a journal is run again. Marks are remembered for a day, up to [`MARKS_MAX`] of them; what came of
//! it for the last [`OUTCOMES_MAX`]. A mark whose outcome is forgotten is still known to be used.

use std::collections::{HashMap, VecDeque};

use dialects::Submission;
use model::{
    Action, Event, EventBody, Label, Mark, OrderId, OwnOrder, Sequence, Span, Standing, Time,
};
use sha2::{Digest as _, Sha256};

#[cfg(test)]
mod tests;

/// Marks that are remembered.
pub const MARKS_MAX: usize = 1 << 20;
/// Outcomes that are.
pub const OUTCOMES_MAX: usize = 1 << 14;
/// For how long they are, by the wall's clock.
const KEPT_FOR: Span = Span::seconds(86_400);

/// The mark of what these words say: half of the SHA-256 of them and their lengths.
#[must_use]
pub fn mark(words: &[&str]) -> Mark {
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
    }
    Mark(*hash.finalize().first_chunk().expect("a SHA-256 has thirty-two bytes"))
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its place in the log.
    pub command: Sequence,
    /// What was asked.
    pub action: Action,
    /// What its owner called the order that it placed.
    pub label: Option<Label>,
    /// What it caused.
    pub events: Vec<Event>,
}

impl Done {
    /// Whether this is what was asked.
    #[must_use]
    pub fn is(&self, submission: &Submission) -> bool {
        self.action == submission.action && self.label.as_deref() == submission.label.as_deref()
    }

    /// The order that it was to cancel or to replace.
    #[must_use]
    pub const fn ends(&self) -> Option<OrderId> {
        match self.action {
            Action::Cancel { order, .. } | Action::Replace { order, .. } => Some(order),
            _ => None,
        }
    }

    /// The order that it was to end, as that was told to whoever asked for it: open. Trades of it that it did not know
    /// of are left in.
    pub fn put_back(&self, own: &mut OwnOrder) {
        for event in &self.events {
            match &event.body {
                EventBody::Closed { order, .. } | EventBody::Replaced { old: order, .. }
                    if order.id == own.order.id =>
                {
                    own.order = *order;
                }
                _ => {}
            }
        }
        let waits = own.order.trigger.is_some() && !own.woken;
        own.standing = if waits { Standing::Armed } else { Standing::Open };
    }
}

/// What is known of the first that was done under a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// All.
    Done(Done),
    /// That something was done, and not what: it must not be done again.
    Forgotten,
}

/// What was done before a restart.
#[derive(Debug, Default)]
pub struct Repeats {
    /// The places of what was done under a mark; none where that is forgotten.
    marks: HashMap<Mark, Vec<u64>>,
    /// In the order in which they came.
    order: VecDeque<(Time, Mark)>,
    /// By place, counted from `forgotten`.
    outcomes: VecDeque<Option<Done>>,
    forgotten: u64,
}

impl Repeats {
    /// This was done under this mark, written at `wall`. To be said in the order of commands.
    pub fn note(&mut self, mark: Mark, wall: Time, done: Done) {
        while self.order.len() >= MARKS_MAX
            || self.order.front().is_some_and(|&(at, _)| at + KEPT_FOR < wall)
        {
            let Some((_, old)) = self.order.pop_front() else { break };
            self.marks.remove(&old);
        }
        if self.outcomes.len() >= OUTCOMES_MAX {
            self.outcomes.pop_front();
            self.forgotten += 1;
        }
        let place = self.forgotten + self.outcomes.len() as u64;
        self.outcomes.push_back(Some(done));
        self.marks.entry(mark).or_default().push(place);
        self.order.push_back((wall, mark));
    }

    /// All that was done under this mark, as far as it is not forgotten; `None` if nothing was. What was taken is
    /// forgotten: the mark is used.
    pub fn take(&mut self, mark: Mark) -> Option<VecDeque<Done>> {
        let places = self.marks.get(&mark)?;
        let mut all = VecDeque::new();
        for place in places {
            let at = place.checked_sub(self.forgotten).and_then(|at| usize::try_from(at).ok());
            // What is missing in the middle would be done twice.
            match at.and_then(|at| self.outcomes.get_mut(at)).and_then(Option::take) {
                Some(done) => all.push_back(done),
                None => return Some(VecDeque::new()),
            }
        }
        Some(all)
    }

    /// What was done first under this mark; `None` if nothing was. It goes on being remembered.
    #[must_use]
    pub fn first(&self, mark: Mark) -> Option<First> {
        let place = self.marks.get(&mark)?.first()?.checked_sub(self.forgotten);
        let at = place.and_then(|place| usize::try_from(place).ok());
        let done = at.and_then(|at| self.outcomes.get(at)?.clone());
        Some(done.map_or(First::Forgotten, First::Done))
    }

    /// How many marks are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}
