//! The last steps that orders took: so that whoever missed some of them can ask for them again.
//!
//! Not the chain itself: that says where a step stands, whether or not it is remembered.

use std::collections::VecDeque;

use model::image::{Image, Impossible, Reader, save_all};
use model::{EventMark, OrderUpdate, Stretch, Time};

use crate::digest::Digest;

/// How many steps of an instrument are kept; the oldest go first.
pub const STEPS_MAX: usize = 32_768;

/// The last steps of the orders of an instrument.
#[derive(Debug)]
pub struct Steps {
    /// Oldest first.
    kept: VecDeque<OrderUpdate>,
    /// Nothing before this moment was ever known here.
    begun: Time,
    /// The newest that was forgotten.
    forgotten: Option<EventMark>,
}

impl Steps {
    /// None yet, of a market that begins at `start`.
    #[must_use]
    pub fn new(start: Time) -> Self {
        // All of the room at once: pages that no step has reached yet cost nothing.
        Self { kept: VecDeque::with_capacity(STEPS_MAX), ..Self::of_nothing(start) }
    }

    /// None ever, where there are no orders.
    #[must_use]
    pub const fn of_nothing(start: Time) -> Self {
        Self { kept: VecDeque::new(), begun: start.floor_to_millis(), forgotten: None }
    }

    /// An order took a step.
    pub fn add(&mut self, step: OrderUpdate) {
        if self.kept.len() == STEPS_MAX {
            self.forgotten = self.kept.pop_front().map(|oldest| oldest.mark);
        }
        self.kept.push_back(step);
    }

    /// The steps of a stretch that are kept, the oldest first, and whether it reaches back to what is not.
    #[must_use]
    pub fn within(&self, stretch: &Stretch) -> (Vec<OrderUpdate>, bool) {
        let from = self.kept.partition_point(|step| is_before(step.mark, stretch.since));
        let wanted = self.kept.range(from..).take_while(|step| stretch.covers(step.mark));
        let is_cut = reaches_back(stretch, self.begun, self.forgotten);
        (wanted.take(stretch.limit).copied().collect(), is_cut)
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.begun.save(out);
        self.forgotten.save(out);
        save_all(self.kept.iter(), out);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let begun = Time::load(from)?;
        let mut steps = Self::new(begun);
        if steps.begun != begun {
            return Err(Impossible("a beginning within a millisecond"));
        }
        steps.forgotten = Option::load(from)?;
        for _ in 0..from.count(STEPS_MAX, "more steps than are kept")? {
            steps.kept.push_back(OrderUpdate::load(from)?);
        }
        Ok(steps)
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        into.word(self.kept.len() as u64);
        into.word(self.forgotten.map_or(0, |mark| mark.ordinal));
    }
}

/// Whether a step comes before the first of a stretch that begins there.
pub(crate) fn is_before(mark: EventMark, since: EventMark) -> bool {
    (mark.time, mark.tie) < (since.time, since.tie)
}

/// Whether a stretch begins before what is known: before the beginning, or with what was forgotten.
pub(crate) fn reaches_back(stretch: &Stretch, begun: Time, forgotten: Option<EventMark>) -> bool {
    stretch.since.time < begun || forgotten.is_some_and(|mark| !is_before(mark, stretch.since))
}
