//! Market time made from the wall's monotonic clock: where it starts and how fast it runs.
//!
//! The only place where market time meets a real clock; behind it, time is passed in. Not session time
//! (idle, ping, ages): that is monotonic as it is and does not run faster with the market.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Time;

#[cfg(test)]
mod tests;

/// How fast market time runs, in thousandths of the wall's speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u32);

impl Speed {
    /// As fast as the wall's clock.
    pub const WALL: Self = Self(1_000);
}

/// Market time as a straight line over monotonic time. Adjustments of the wall's clock after the start do
/// not bend it, so that market time never goes back.
#[derive(Clone, Copy, Debug)]
pub struct MarketClock {
    origin: Instant,
    start: Time,
    speed: Speed,
}

impl MarketClock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting(start: Time, speed: Speed) -> Self {
        Self { origin: Instant::now(), start, speed }
    }

    /// A clock that shows what the wall shows.
    #[must_use]
    pub fn of_the_wall() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Time(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX));
        Self::starting(start, Speed::WALL)
    }

    /// What it showed at first.
    #[must_use]
    pub const fn start(&self) -> Time {
        self.start
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Time {
        self.after(self.origin.elapsed())
    }

    /// How long, in session time, until it shows `due`; zero if it does or did, and a century if it stands
    /// still.
    #[must_use]
    pub fn until(&self, due: Time) -> Duration {
        self.reaches(due).saturating_sub(self.origin.elapsed())
    }

    /// What it shows so long after its start.
    #[must_use]
    pub fn after(&self, elapsed: Duration) -> Time {
        let micros = elapsed.as_micros() * u128::from(self.speed.0) / 1_000;
        Time(self.start.0.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)))
    }

    /// How long after its start it first shows `due`.
    #[must_use]
    pub fn reaches(&self, due: Time) -> Duration {
        const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);
        let ahead = u64::try_from(due.0.saturating_sub(self.start.0)).unwrap_or(0);
        if ahead == 0 {
            return Duration::ZERO;
        }
        if self.speed.0 == 0 {
            return CENTURY;
        }
        let micros = (u128::from(ahead) * 1_000).div_ceil(u128::from(self.speed.0));
        u64::try_from(micros).map_or(CENTURY, |micros| Duration::from_micros(micros).min(CENTURY))
    }
}
