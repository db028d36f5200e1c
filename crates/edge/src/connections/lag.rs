//! How late a socket was over the last minute: the longest that anything waited for it.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// The length of a step in seconds.
const STEP_SECONDS: u64 = 10;
/// A minute of whole steps, and the one that is not over.
const STEPS: usize = 7;

/// The longest waits of the last minute, by steps of ten seconds: what is older than a minute is forgotten within ten
/// seconds more.
#[derive(Clone, Debug, Default)]
pub struct Lag {
    /// In milliseconds, each at its step's number, modulo how many there are.
    longest_ms: [u32; STEPS],
    /// The number of the last step that was noted.
    step: u64,
}

impl Lag {
    /// Something left at `now` (session time) that had waited for so long.
    pub fn note(&mut self, waited: Duration, now: Duration) {
        self.go_to(now);
        let waited_ms = u32::try_from(waited.as_millis()).unwrap_or(u32::MAX);
        let longest = &mut self.longest_ms[(self.step % STEPS as u64) as usize];
        *longest = (*longest).max(waited_ms);
    }

    /// The longest wait of the last minute, in whole milliseconds.
    #[must_use]
    pub fn longest(&self, now: Duration) -> Duration {
        let mut lag = self.clone();
        lag.go_to(now);
        Duration::from_millis(lag.longest_ms.iter().copied().max().unwrap_or(0).into())
    }

    fn go_to(&mut self, now: Duration) {
        let step = now.as_secs() / STEP_SECONDS;
        for passed in (self.step + 1..=step).take(STEPS) {
            self.longest_ms[(passed % STEPS as u64) as usize] = 0;
        }
        self.step = self.step.max(step);
    }
}
