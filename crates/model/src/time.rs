//! Market time: microseconds since 1970-01-01 UTC, always passed in, never read.
//!
//! Not for session time (idle, ping, tokens): that is the wall's monotonic clock and lives in the edge.

/// A moment of market time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A length of time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Span {
    /// So many microseconds.
    #[must_use]
    pub const fn micros(n: i64) -> Self {
        Self(n)
    }
    /// So many milliseconds.
    #[must_use]
    pub const fn millis(n: i64) -> Self {
        Self(n * 1_000)
    }
    /// So many seconds.
    #[must_use]
    pub const fn seconds(n: i64) -> Self {
        Self(n * 1_000_000)
    }
}

impl Time {
    /// The moment so many whole seconds after 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }
    /// The moment so many milliseconds after 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }
    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }
    /// Seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// Seconds since 1970, rounded to the nearest (half goes up).
    #[must_use]
    pub const fn seconds_rounded(self) -> i64 {
        (self.0 + 500_000).div_euclid(1_000_000)
    }
    /// This moment without its microseconds below the millisecond.
    #[must_use]
    pub const fn floor_to_millis(self) -> Self {
        Self(self.millis() * 1_000)
    }
    /// The year, month (1–12) and day (1–31) of this moment in the Gregorian calendar, UTC.
    #[must_use]
    pub const fn civil(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(86_400_000_000))
    }
    /// Midnight UTC at the start of the given Gregorian date.
    #[must_use]
    pub const fn from_civil(year: i64, month: u32, day: u32) -> Self {
        Self(days_from_civil(year, month, day) * 86_400_000_000)
    }
}

impl core::ops::Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0 + span.0)
    }
}
impl core::ops::Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0 - span.0)
    }
}
impl core::ops::Sub for Time {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0 - earlier.0)
    }
}

/// Days in the 400 years after which the Gregorian calendar repeats.
const DAYS_OF_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT: i64 = 719_468;

// Years are counted from the first of March, so that the leap day is a year's last day.
const fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + EPOCH_SHIFT;
    let era = shifted.div_euclid(DAYS_OF_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_OF_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month =
        if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

const fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_OF_ERA + day_of_era - EPOCH_SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_round_trip_over_four_centuries() {
        for days in -200_000..200_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days, "{year}-{month}-{day}");
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
        assert_eq!(Time::from_civil(2026, 11, 22).seconds(), 1_795_305_600);
        assert_eq!(Time::from_seconds(951_782_400).civil(), (2000, 2, 29));
    }

    #[test]
    fn seconds_floor_and_round() {
        assert_eq!(Time(1_720_800_861_947_000).seconds(), 1_720_800_861);
        assert_eq!(Time(1_720_800_861_947_000).seconds_rounded(), 1_720_800_862);
        assert_eq!(Time(-1).seconds(), -1);
    }
}
