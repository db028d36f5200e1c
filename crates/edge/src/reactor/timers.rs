//! When to look after which socket: one alarm each, in a heap.
//!
//! An alarm that is put off stays where it is and is set again when it rings, as most are put off many times; one
//! that is brought forward is set a second time, and the first then rings in vain.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Alarms of all sockets of a loop.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Microseconds, so that an alarm is sixteen bytes.
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

/// A socket's alarm: when it rings first, if it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alarm(u64);

impl Alarm {
    /// Not set.
    pub const OFF: Self = Self(u64::MAX);
}

impl Timers {
    /// The socket at this place wants to be looked after at `due`, at the latest.
    pub fn set(&mut self, alarm: &mut Alarm, place: u32, due: Duration) {
        let due = micros_rounded_up(due);
        if due < alarm.0 {
            *alarm = Alarm(due);
            self.heap.push(Reverse((due, place)));
        }
    }

    /// The next alarm that has rung by `now`: when it was set for, and whose it is.
    pub fn rung(&mut self, now: Duration) -> Option<(Alarm, u32)> {
        let &Reverse((due, place)) = self.heap.peek()?;
        if u128::from(due) > now.as_micros() {
            return None;
        }
        self.heap.pop();
        Some((Alarm(due), place))
    }

    /// When the next alarm rings.
    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|&Reverse((due, _))| Duration::from_micros(due))
    }
}

fn micros_rounded_up(due: Duration) -> u64 {
    u64::try_from(due.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}
