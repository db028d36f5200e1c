//! Numbers of reports: shares of many, gathered in integers, and how they are written for people.

use std::fmt;

use serde::Serialize;

/// Each power of two has so many buckets, so that a value is known to 1.6 percent.
const STEPS: usize = 64;
/// Below this, every value has its own bucket.
const EXACT: u64 = 2 * STEPS as u64;
const BUCKETS: usize = STEPS * 59;

/// How often each value came, in buckets that widen with the value. Adding is a few instructions and
/// never allocates.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts a value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// What shares of the values lie below which value; none if there are no values.
    pub fn shares(&self) -> Option<Shares> {
        (self.count > 0).then(|| Shares {
            count: self.count,
            p50: self.share(500),
            p90: self.share(900),
            p99: self.share(990),
            p999: self.share(999),
            max: self.max,
        })
    }

    /// The least upper edge of a bucket at or below which so many thousandths of the values lie.
    fn share(&self, per_mille: u64) -> u64 {
        let wanted = (self.count * per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return last_of(at).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let power = value.ilog2() - STEPS.ilog2();
    power as usize * STEPS + (value >> power) as usize
}

/// The largest value of a bucket.
fn last_of(bucket: usize) -> u64 {
    if (bucket as u64) < EXACT {
        return bucket as u64;
    }
    let power = bucket / STEPS - 1;
    let step = (bucket - power * STEPS) as u64;
    ((step + 1) << power).wrapping_sub(1)
}

/// Shares of many values; the unit is the field's that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// How many values there were.
    pub count: u64,
    /// Half of them were at most this.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// 99 of a hundred.
    pub p99: u64,
    /// 999 of a thousand.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

impl fmt::Display for Shares {
    /// For microseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max, .. } = *self;
        let [p50, p90, p99, p999, max] = [p50, p90, p99, p999, max].map(Micros);
        write!(f, "p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}")
    }
}

/// How evenly something was shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fairness {
    /// What the one with the least got.
    pub min: u64,
    /// What the one in the middle got.
    pub median: u64,
    /// What the one with the most got.
    pub max: u64,
    /// Jain's index in thousandths: 1000 if all got the same, 1000 / n if one got all.
    pub jain_per_mille: u64,
}

impl Fairness {
    /// None if there is nobody to share with.
    pub fn of(mut parts: Vec<u64>) -> Option<Self> {
        parts.sort_unstable();
        let (&min, &max) = (parts.first()?, parts.last()?);
        let sum: u128 = parts.iter().map(|&part| u128::from(part)).sum();
        let squares: u128 = parts.iter().map(|&part| u128::from(part) * u128::from(part)).sum();
        let index = (sum * sum * 1_000).checked_div(squares * parts.len() as u128);
        Some(Self {
            min,
            median: parts[parts.len() / 2],
            max,
            // Nothing, for everybody, is fair.
            jain_per_mille: index.map_or(1_000, |index| index as u64),
        })
    }
}

/// A whole number with its thousands apart: `1,532,100`.
#[derive(Clone, Copy, Debug)]
pub struct Thousands(pub u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// Thousandths, written as whole and one decimal: `Tenths(1234)` is `1.2`.
#[derive(Clone, Copy, Debug)]
pub struct Tenths(pub u64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 + 50) / 100;
        write!(f, "{}.{}", Thousands(tenths / 10), tenths % 10)
    }
}

/// Thousandths, written with three decimals: `Thousandths(1234)` is `1.234`.
#[derive(Clone, Copy, Debug)]
pub struct Thousandths(pub u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", Thousands(self.0 / 1_000), self.0 % 1_000)
    }
}

/// Microseconds, in the unit that suits them.
#[derive(Clone, Copy, Debug)]
pub struct Micros(pub u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..10_000 => write!(f, "{} µs", self.0),
            10_000..10_000_000 => write!(f, "{} ms", Tenths(self.0)),
            _ => write!(f, "{} s", Tenths(self.0 / 1_000)),
        }
    }
}

/// Bytes, in thousands and millions of them.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..10_000 => write!(f, "{} B", self.0),
            10_000..10_000_000 => write!(f, "{} kB", Tenths(self.0)),
            _ => write!(f, "{} MB", Tenths(self.0 / 1_000)),
        }
    }
}

/// Reads a number of the command line that cannot be 0.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{text:?} is not a number from 1 on"))
}

/// The middle one of some values, which it sorts.
///
/// # Panics
/// If there are none.
pub fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_its_bucket_within_two_percent() {
        let mut value = 1_u64;
        while value < u64::MAX / 3 {
            for near in [value - 1, value, value + 1] {
                let last = last_of(bucket(near));
                assert!(last >= near && last - near <= near / 60, "{near} counted up to {last}");
            }
            value = value * 3 / 2 + 1;
        }
        assert!(bucket(u64::MAX) < BUCKETS);
        assert_eq!(last_of(bucket(u64::MAX)), u64::MAX);
        assert_eq!(bucket(EXACT), bucket(EXACT - 1) + 1, "no bucket is passed over");
    }

    #[test]
    fn shares_are_those_of_the_sorted_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.shares(), None);
        for value in (1..=100).rev() {
            histogram.add(value);
        }
        let shares = Shares { count: 100, p50: 50, p90: 90, p99: 99, p999: 100, max: 100 };
        assert_eq!(histogram.shares(), Some(shares));
        histogram.add(1_000_000);
        let shares = histogram.shares().expect("there are values");
        assert_eq!((shares.p50, shares.max), (51, 1_000_000));
    }

    #[test]
    fn fairness_tells_even_from_uneven() {
        assert_eq!(Fairness::of(vec![]), None);
        let even = Fairness { min: 7, median: 7, max: 7, jain_per_mille: 1_000 };
        assert_eq!(Fairness::of(vec![7; 9]), Some(even));
        let uneven = Fairness { min: 0, median: 0, max: 8, jain_per_mille: 250 };
        assert_eq!(Fairness::of(vec![0, 8, 0, 0]), Some(uneven));
        let none = Fairness { min: 0, median: 0, max: 0, jain_per_mille: 1_000 };
        assert_eq!(Fairness::of(vec![0; 3]), Some(none));
    }

    #[test]
    fn numbers_read_well() {
        let texts = [0, 999, 1_000, 1_532_100].map(|number| Thousands(number).to_string());
        assert_eq!(texts, ["0", "999", "1,000", "1,532,100"]);
        assert_eq!(Tenths(1_250).to_string(), "1.3");
        assert_eq!(Tenths(0).to_string(), "0.0");
        assert_eq!(Thousandths(13_031).to_string(), "13.031");
        let times = [9_999, 10_000, 1_234_567, 12_345_678].map(|micros| Micros(micros).to_string());
        assert_eq!(times, ["9999 µs", "10.0 ms", "1,234.6 ms", "12.3 s"]);
        assert_eq!(Bytes(4_096).to_string(), "4096 B");
        assert_eq!(Bytes(43_100_000).to_string(), "43.1 MB");
    }
}
