//! Candles: open, high, low, close and volume of an interval.

use crate::instrument::{Price, Quantity};
use crate::time::{Span, Time};
use crate::trade::Trade;

/// The length of a candle. Starts are aligned in UTC: weeks begin on Monday, months on the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// So many seconds, counted from 1970.
    Seconds(u32),
    /// Seven days from Monday.
    Week,
    /// A calendar month.
    Month,
}

/// Every interval that some dialect names.
pub const INTERVALS: [Interval; 17] = [
    Interval::Seconds(1),
    Interval::Seconds(10),
    Interval::Seconds(60),
    Interval::Seconds(180),
    Interval::Seconds(300),
    Interval::Seconds(900),
    Interval::Seconds(1_800),
    Interval::Seconds(3_600),
    Interval::Seconds(7_200),
    Interval::Seconds(14_400),
    Interval::Seconds(21_600),
    Interval::Seconds(28_800),
    Interval::Seconds(43_200),
    Interval::Seconds(86_400),
    Interval::Seconds(259_200),
    Interval::Week,
    Interval::Month,
];

impl Interval {
    /// The start of the candle that this moment falls into.
    #[must_use]
    pub const fn start_of(self, time: Time) -> Time {
        match self {
            Self::Seconds(seconds) => {
                let length = seconds as i64 * 1_000_000;
                Time(time.0 - time.0.rem_euclid(length))
            }
            Self::Week => {
                // 1970-01-01 was a Thursday, three days after a Monday.
                let length = 7 * 86_400_000_000;
                Time(time.0 - (time.0 + 3 * 86_400_000_000).rem_euclid(length))
            }
            Self::Month => {
                let (year, month, _) = time.civil();
                Time::from_civil(year, month, 1)
            }
        }
    }

    /// The start of the candle after the one that starts at `start`.
    #[must_use]
    pub const fn next_start(self, start: Time) -> Time {
        match self {
            Self::Seconds(seconds) => Time(start.0 + seconds as i64 * 1_000_000),
            Self::Week => Time(start.0 + 7 * 86_400_000_000),
            Self::Month => {
                let (year, month, _) = start.civil();
                if month == 12 {
                    Time::from_civil(year + 1, 1, 1)
                } else {
                    Time::from_civil(year, month + 1, 1)
                }
            }
        }
    }

    /// Its length; a month counts as 31 days, the longest there is.
    #[must_use]
    pub const fn length_max(self) -> Span {
        match self {
            Self::Seconds(seconds) => Span::seconds(seconds as i64),
            Self::Week => Span::seconds(7 * 86_400),
            Self::Month => Span::seconds(31 * 86_400),
        }
    }
}

/// What happened to the price in one interval. There is no candle for an interval without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// When the interval began.
    pub start: Time,
    /// Price of the first trade.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Price of the last trade.
    pub close: Price,
    /// Traded quantity, in lots.
    pub volume: Quantity,
    /// Σ price × quantity, in ticks × lots.
    pub turnover: i128,
    /// How many trades.
    pub trades: u64,
}

impl Candle {
    /// The candle of one trade.
    #[must_use]
    pub const fn of(start: Time, trade: &Trade) -> Self {
        Self {
            start,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.quantity,
            turnover: trade.price.0 as i128 * trade.quantity.0 as i128,
            trades: 1,
        }
    }
    /// The candle of an interval without a trade.
    #[must_use]
    pub const fn empty(start: Time, price: Price) -> Self {
        Self {
            start,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Quantity::ZERO,
            turnover: 0,
            trades: 0,
        }
    }
    /// Takes in a later trade of the same interval.
    pub fn add(&mut self, trade: &Trade) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume += trade.quantity;
        self.turnover += i128::from(trade.price.0) * i128::from(trade.quantity.0);
        self.trades += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_start_on_monday_and_months_on_the_first() {
        let sunday = Time::from_civil(2026, 11, 22);
        assert_eq!(Interval::Week.start_of(sunday), Time::from_civil(2026, 11, 16));
        assert_eq!(Interval::Month.start_of(sunday), Time::from_civil(2026, 11, 1));
        assert_eq!(
            Interval::Month.next_start(Time::from_civil(2026, 12, 1)),
            Time::from_civil(2027, 1, 1)
        );
        assert_eq!(Interval::Seconds(60).start_of(Time(119_999_999)), Time(60_000_000));
        assert_eq!(Interval::Seconds(60).start_of(Time(-1)), Time(-60_000_000));
    }
}
