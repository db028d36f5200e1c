//! The two times there are, made from the machine's clocks: market time, which starts anywhere and runs at any
//! speed, and session time (idle, ping, ages, rates), which does not run faster with the market.
//!
//! The only place where time meets a real clock; behind it, time is passed in. Tests move both clocks by hand
//! ([`Stopwatch::by_hand`]); nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Time;

#[cfg(test)]
mod tests;

/// Market time of a clock that will not get there is so far away.
const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);

/// How much time has passed: by the machine's monotonic clock, or as a test says.
#[derive(Clone, Debug)]
pub struct Stopwatch(Passes);

#[derive(Clone, Debug)]
enum Passes {
    ByItself(Instant),
    /// Nanoseconds.
    ByHand(Arc<AtomicU64>),
}

impl Stopwatch {
    /// Started now.
    #[must_use]
    pub fn started() -> Self {
        Self(Passes::ByItself(Instant::now()))
    }

    /// One that stands still until [`Stopwatch::set`]. Its clones move with it.
    #[must_use]
    pub fn by_hand() -> Self {
        Self(Passes::ByHand(Arc::default()))
    }

    /// What has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Passes::ByItself(start) => start.elapsed(),
            Passes::ByHand(nanos) => Duration::from_nanos(nanos.load(Ordering::Acquire)),
        }
    }

    /// Says what has passed. Whoever sleeps is to be woken after it.
    ///
    /// # Panics
    /// If it moves by itself, or five centuries have passed.
    pub fn set(&self, elapsed: Duration) {
        let Passes::ByHand(nanos) = &self.0 else { panic!("it moves by itself") };
        let elapsed = u64::try_from(elapsed.as_nanos()).expect("less than five centuries");
        nanos.store(elapsed, Ordering::Release);
    }

    /// How long one may sleep until so much has passed; `None` if that comes by hand, and whoever moves it wakes
    /// the sleepers.
    #[must_use]
    pub fn until(&self, due: Duration) -> Option<Duration> {
        let left = due.saturating_sub(self.elapsed());
        (matches!(self.0, Passes::ByItself(_)) || left.is_zero()).then_some(left)
    }
}

/// Session time, and the date at the wall, by which clients stamp what they sign.
#[derive(Clone, Debug)]
pub struct SessionClock {
    passed: Stopwatch,
    /// Microseconds since 1970, where a test says what they are.
    wall: Option<Arc<AtomicI64>>,
}

impl SessionClock {
    /// The machine's, counted from now.
    #[must_use]
    pub fn started() -> Self {
        Self { passed: Stopwatch::started(), wall: None }
    }

    /// One that is moved by hand, with this date at the wall.
    #[must_use]
    pub fn by_hand(wall: Time) -> Self {
        Self { passed: Stopwatch::by_hand(), wall: Some(Arc::new(AtomicI64::new(wall.0))) }
    }

    /// The stopwatch below.
    #[must_use]
    pub const fn passed(&self) -> &Stopwatch {
        &self.passed
    }

    /// Session time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.passed.elapsed()
    }

    /// The date at the wall, which may jump.
    #[must_use]
    pub fn wall(&self) -> Time {
        match &self.wall {
            Some(wall) => Time(wall.load(Ordering::Acquire)),
            None => wall(),
        }
    }

    /// Says which date is at the wall.
    ///
    /// # Panics
    /// If it is the machine's.
    pub fn set_wall(&self, now: Time) {
        self.wall.as_ref().expect("it is moved by hand").store(now.0, Ordering::Release);
    }
}

/// The date at the machine's wall.
fn wall() -> Time {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}

/// How fast market time runs, in thousandths of the wall's speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u32);

impl Speed {
    /// As fast as the wall's clock.
    pub const WALL: Self = Self(1_000);
}

/// Market time as a straight line over monotonic time. Adjustments of the wall's clock after the start do
/// not bend it, so that market time never goes back.
#[derive(Clone, Debug)]
pub struct MarketClock {
    passed: Stopwatch,
    start: Time,
    speed: Speed,
}

impl MarketClock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting(start: Time, speed: Speed) -> Self {
        Self { passed: Stopwatch::started(), start, speed }
    }

    /// A clock that shows `start` and what this stopwatch says.
    #[must_use]
    pub const fn by(passed: Stopwatch, start: Time) -> Self {
        Self { passed, start, speed: Speed::WALL }
    }

    /// A clock that shows what the wall shows.
    #[must_use]
    pub fn of_the_wall() -> Self {
        Self::starting(wall(), Speed::WALL)
    }

    /// What it showed at first.
    #[must_use]
    pub const fn start(&self) -> Time {
        self.start
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Time {
        self.after(self.passed.elapsed())
    }

    /// How long, in session time, until it shows `due`; zero if it does or did, and a century if it stands
    /// still or is moved by hand.
    #[must_use]
    pub fn until(&self, due: Time) -> Duration {
        self.passed.until(self.reaches(due)).unwrap_or(CENTURY)
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
