//! What the index of a perpetual is made of: what quotes from outside are called, how a book of ours is counted in the
//! perpetual's ticks, and which prices are too far from the others.
//!
//! Only arithmetic. When an index is taken, and what is stale then, is the engine's to know.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::decimal::pow10;
use crate::instrument::{Instrument, Price};

/// The name of a source from which prices are quoted to us: 1 to 16 lower-case letters, digits and hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedName([u8; Self::LENGTH_MAX]);

impl FeedName {
    /// The longest name.
    pub const LENGTH_MAX: usize = 16;

    /// What the only one is called if nobody names it: `feed`.
    pub const USUAL: Self = Self(*b"feed\0\0\0\0\0\0\0\0\0\0\0\0");

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(Self::LENGTH_MAX);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl FromStr for FeedName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let is_good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let mut name = [0; Self::LENGTH_MAX];
        match name.get_mut(..text.len()) {
            Some(room) if !text.is_empty() && text.bytes().all(is_good) => {
                room.copy_from_slice(text.as_bytes());
                Ok(Self(name))
            }
            _ => Err(format!(
                "{text:?} is not the name of a feed: expected 1 to {} of a to z, 0 to 9 and hyphens",
                Self::LENGTH_MAX
            )),
        }
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// How prices of one book are counted in ticks of another instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookScale {
    multiply: i128,
    divide: i128,
}

impl BookScale {
    /// Of a book, in ticks of `own`.
    #[must_use]
    pub fn of(book: &Instrument, own: &Instrument) -> Self {
        let power = |decimals| i128::from(pow10(decimals));
        Self {
            multiply: i128::from(book.tick_units) * power(own.price_decimals),
            divide: 2 * i128::from(own.tick_units) * power(book.price_decimals),
        }
    }

    /// The middle of a book whose best prices are together so many of its ticks, rounded down.
    #[must_use]
    pub const fn middle(self, best_added: i128) -> Price {
        Price((best_added * self.multiply).div_euclid(self.divide) as i64)
    }
}

/// Sorts prices and says which of them count: those that are at most so many millionths away from the median of all.
/// `None` without any.
#[must_use]
pub fn near_median(prices: &mut [i64], outlier_ppm: u32) -> Option<RangeInclusive<i64>> {
    prices.sort_unstable();
    let middle = median(prices)?;
    let far = (i128::from(middle) * i128::from(outlier_ppm) / 1_000_000) as i64;
    Some(middle.saturating_sub(far)..=middle.saturating_add(far))
}

/// The median of those prices that are not too far away from the median of all. `None` without any, or if the two in the
/// middle are too far from each other.
#[must_use]
pub fn index_of(prices: &mut Vec<i64>, outlier_ppm: u32) -> Option<i64> {
    let near = near_median(prices, outlier_ppm)?;
    prices.retain(|price| near.contains(price));
    median(prices)
}

/// The middle one of sorted prices; of two the middle between them, rounded down.
fn median(sorted: &[i64]) -> Option<i64> {
    let half = sorted.len() / 2;
    let upper = i128::from(*sorted.get(half)?);
    let lower = if sorted.len().is_multiple_of(2) { i128::from(sorted[half - 1]) } else { upper };
    Some((upper + lower).div_euclid(2) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_nothing_else_is_one() {
        for good in ["feed", "a", "kraken-2", "abcdefghijklmnop"] {
            let name: FeedName = good.parse().expect(good);
            assert_eq!((name.as_str(), name.to_string().as_str()), (good, good));
        }
        assert_eq!("feed".parse(), Ok(FeedName::USUAL));
        for bad in ["", "Feed", "a b", "a/b", "abcdefghijklmnopq", "é", "a\0"] {
            assert!(bad.parse::<FeedName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn who_is_far_from_the_median_does_not_count() {
        let near = |prices: &[i64], ppm| near_median(&mut prices.to_vec(), ppm);
        assert_eq!(near(&[], 50_000), None);
        assert_eq!(near(&[1_000], 0), Some(1_000..=1_000));
        assert_eq!(near(&[5_000, 1_000, 1_005], 50_000), Some(955..=1_055));
        let index = |prices: &[i64], ppm| index_of(&mut prices.to_vec(), ppm);
        assert_eq!(index(&[5_000, 1_000, 1_005], 50_000), Some(1_002));
        // The middle of two that are far from each other is far from both.
        assert_eq!(index(&[1_000, 2_000], 50_000), None);
        assert_eq!(index(&[i64::MAX, i64::MAX], 1_000_000), Some(i64::MAX));
    }
}
