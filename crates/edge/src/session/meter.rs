//! How often something happens on one connection, and whether that is too often.

use std::collections::VecDeque;
use std::time::Duration;

use dialects::Pace;

/// What is remembered of how often something happened. One meter is for one pace.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// When a steady pace would have given everything back.
    whole_at: Duration,
    /// When those happened that count within a window, the oldest first.
    happened: VecDeque<Duration>,
}

impl Meter {
    /// Counts one more at `now`, if the pace allows it; else after how long it would.
    pub fn pass(&mut self, pace: Pace, now: Duration) -> Result<(), Duration> {
        match pace {
            Pace::Steady { count, per } => {
                let step = per / count.max(1);
                let ahead = self.whole_at.saturating_sub(now) + step;
                if ahead > per {
                    return Err(ahead - per);
                }
                self.whole_at = self.whole_at.max(now) + step;
                Ok(())
            }
            Pace::Window { count, per } => {
                while self.happened.front().is_some_and(|first| first.saturating_add(per) <= now) {
                    self.happened.pop_front();
                }
                if self.happened.len() < count as usize {
                    self.happened.push_back(now);
                    return Ok(());
                }
                let first = self.happened.front().copied().unwrap_or(now);
                Err(first.saturating_add(per).saturating_sub(now))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn passes(meter: &mut Meter, pace: Pace, now: Duration) -> usize {
        (0..1_000).take_while(|_| meter.pass(pace, now).is_ok()).count()
    }

    #[test]
    fn a_steady_pace_gives_back_one_after_the_other() {
        let (mut meter, pace) = (Meter::default(), Pace::Steady { count: 60, per: 3 * SECOND });
        assert_eq!(passes(&mut meter, pace, Duration::ZERO), 60);
        assert_eq!(meter.pass(pace, Duration::ZERO), Err(SECOND / 20));
        assert_eq!(meter.pass(pace, SECOND / 20 - SECOND / 1_000), Err(SECOND / 1_000));
        assert_eq!(passes(&mut meter, pace, SECOND / 2), 10, "twenty a second come back");
        assert_eq!(passes(&mut meter, pace, 100 * SECOND), 60, "and never more than the burst");
    }

    #[test]
    fn a_window_never_holds_more_than_it_may_and_refusals_do_not_count() {
        let (mut meter, pace) = (Meter::default(), Pace::Window { count: 3, per: 60 * SECOND });
        for second in [0, 10, 20] {
            assert_eq!(meter.pass(pace, second * SECOND), Ok(()));
        }
        assert_eq!(meter.pass(pace, 20 * SECOND), Err(40 * SECOND));
        assert_eq!(meter.pass(pace, 59 * SECOND), Err(SECOND));
        assert_eq!(passes(&mut meter, pace, 60 * SECOND), 1, "the first is a minute old");
        assert_eq!(meter.pass(pace, 61 * SECOND), Err(9 * SECOND));
        let (mut meter, pace) = (Meter::default(), Pace::Window { count: 1, per: Duration::MAX });
        assert_eq!(meter.pass(pace, SECOND), Ok(()));
        assert!(meter.pass(pace, 1_000_000 * SECOND).is_err(), "once is once");
    }
}
