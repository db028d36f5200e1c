//! Questions that were asked and have no answer yet: so many at most, each until its moment. It reads no clock, calls
//! nobody, and hands each reply out once.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use super::Reply;

/// The most questions that may wait for their answers at a time.
pub(super) const ASKS_MAX: usize = 4_096;

/// The longest that anybody is patient.
pub(super) const PATIENCE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Questions by their number, from 1, and by the moment until which somebody is patient.
pub(super) struct Asks<Moment> {
    last: u64,
    open: BTreeMap<u64, (Moment, Reply)>,
    due: BTreeSet<(Moment, u64)>,
}

impl<Moment> Default for Asks<Moment> {
    fn default() -> Self {
        Self { last: 0, open: BTreeMap::new(), due: BTreeSet::new() }
    }
}

impl<Moment: Copy + Ord> Asks<Moment> {
    /// Whether there is no room for one more.
    pub fn is_full(&self) -> bool {
        self.open.len() >= ASKS_MAX
    }

    /// One more, with the moment at which it is late. Returns its number.
    ///
    /// # Errors
    /// There is no room: whoever asked is to be told so.
    pub fn open(&mut self, late: Moment, reply: Reply) -> Result<u64, Reply> {
        if self.is_full() {
            return Err(reply);
        }
        self.last += 1;
        self.open.insert(self.last, (late, reply));
        self.due.insert((late, self.last));
        Ok(self.last)
    }

    /// It is answered. `None` if it was before, is late, or never was.
    pub fn take(&mut self, number: u64) -> Option<Reply> {
        let (late, reply) = self.open.remove(&number)?;
        self.due.remove(&(late, number));
        Some(reply)
    }

    /// The next moment at which one is late.
    pub fn next(&self) -> Option<Moment> {
        self.due.first().map(|(late, _)| *late)
    }

    /// One that is late by now, the most impatient first.
    pub fn late(&mut self, now: Moment) -> Option<Reply> {
        let number = self.due.first().filter(|(late, _)| *late <= now)?.1;
        self.take(number)
    }

    /// One of those that are left, the oldest first: nothing will be answered any more.
    pub fn end(&mut self) -> Option<Reply> {
        let number = *self.open.first_key_value()?.0;
        self.take(number)
    }
}
