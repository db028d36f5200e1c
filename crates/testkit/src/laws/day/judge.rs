//! The judge: what trades make, computed anew each time, by arithmetic and a calendar of its own.

use model::decimal::parse_units;
use model::{Instrument, Interval, Span, Time, Window};

use super::tongues::Told;

/// The start of the candle that a moment lies in.
pub fn start(interval: Interval, moment: Time) -> Time {
    const DAY: i64 = 86_400_000_000;
    let floor = |length: i64, phase: i64| (moment.0 - phase).div_euclid(length) * length + phase;
    match interval {
        Interval::Seconds(seconds) => Time(floor(i64::from(seconds) * 1_000_000, 0)),
        // 1970-01-05 was a Monday.
        Interval::Week => Time(floor(7 * DAY, 4 * DAY)),
        Interval::Month => {
            let months = [(2027, 1), (2027, 2), (2027, 3)].map(|(y, m)| Time::from_civil(y, m, 1));
            *months.iter().rfind(|month| **month <= moment).expect("a month that is listed")
        }
    }
}

/// The start of the candle behind the one that begins here.
pub fn next(interval: Interval, begins: Time) -> Time {
    let length = match interval {
        Interval::Seconds(seconds) => i64::from(seconds),
        Interval::Week => 7 * 86_400,
        Interval::Month => 31 * 86_400,
    };
    start(interval, begins + Span::seconds(length))
}

/// All trades of a market, and what they make: computed anew each time.
pub struct Judge {
    /// As the dialect names it.
    pub symbol: String,
    /// What is traded.
    pub instrument: Instrument,
    /// When, price in ticks, quantity in lots; in order.
    pub trades: Vec<(Time, i64, i64)>,
}

impl Judge {
    /// Open, high, low, close and volume of the trades in a span; none if there were none.
    fn summary(&self, from: Time, till: Time) -> Option<([i64; 4], i64, i128)> {
        let inside = || self.trades.iter().filter(|trade| from <= trade.0 && trade.0 < till);
        let open = inside().next()?.1;
        let close = inside().next_back()?.1;
        let high = inside().map(|trade| trade.1).max()?;
        let low = inside().map(|trade| trade.1).min()?;
        let volume = inside().map(|trade| trade.2).sum();
        let turnover = inside().map(|trade| i128::from(trade.1) * i128::from(trade.2)).sum();
        Some(([open, high, low, close], volume, turnover))
    }

    /// The last price before a moment.
    fn before(&self, moment: Time) -> Option<i64> {
        self.trades.iter().rfind(|trade| trade.0 < moment).map(|trade| trade.1)
    }

    fn price(&self, text: &str) -> i64 {
        parse_units(text.as_bytes(), self.instrument.price_decimals).expect("a price")
    }

    fn volume(&self, text: &str) -> i64 {
        parse_units(text.as_bytes(), self.instrument.quantity_decimals).expect("a volume")
    }

    /// Whether this is the candle that begins there.
    pub fn is_candle(&self, interval: Interval, begins: Time, told: &Told) -> bool {
        let Told::Candle { start: told_start, prices, volume } = told else { return false };
        let (wanted, wanted_volume) = match self.summary(begins, next(interval, begins)) {
            Some((prices, volume, _)) => (prices, volume),
            None => ([self.before(begins).expect("it was traded before"); 4], 0),
        };
        *told_start == begins
            && prices.each_ref().map(|text| self.price(text)) == wanted
            && self.volume(volume) == wanted_volume
    }

    /// Open, high, low, close and the volumes of a window that ends at a moment.
    pub fn statistics(&self, window: Window, now: Time) -> ([i64; 4], i64, i128) {
        let step = if window > Window::DAY { 3_600_000_000 } else { 60_000_000 };
        let from = Time((now.0 - window.0.0).div_euclid(step) * step);
        let end = Time(now.0 + 1);
        let last = self.before(end).unwrap_or(0);
        let Some((mut prices, volume, turnover)) = self.summary(from, end) else {
            return ([last; 4], 0, 0);
        };
        // It opens with the price of the moment in which its window begins, if there was one.
        prices[0] = self.before(from).unwrap_or(prices[0]);
        (prices, volume, turnover)
    }

    /// Whether these are the statistics of a window that ends now.
    pub fn is_ticker(&self, window: Window, now: Time, told: &Told) -> bool {
        let Told::Ticker { symbol, span, prices, volumes, change } = told else { return false };
        let (wanted, volume, turnover) = self.statistics(window, now);
        let decimals = self.instrument.price_decimals + self.instrument.quantity_decimals;
        let funds = parse_units(volumes[1].as_bytes(), decimals).expect("a volume");
        let signed = |text: &str, decimals| match text.strip_prefix('-') {
            Some(text) => -parse_units(text.as_bytes(), decimals).expect("a number"),
            None => parse_units(text.as_bytes(), decimals).expect("a number"),
        };
        let difference = wanted[3] - wanted[0];
        let is_change = |[price, rate]: &[String; 2]| {
            let rate = i128::from(signed(rate, 6)) * i128::from(wanted[0]);
            let error = (rate - i128::from(difference) * 1_000_000).abs() * 2;
            signed(price, self.instrument.price_decimals) == difference
                && error <= i128::from(wanted[0])
        };
        *symbol == self.symbol
            && span.0.is_none_or(|begins| begins == now - window.0)
            && span.1 == now
            && prices.each_ref().map(|text| self.price(text)) == wanted
            && self.volume(&volumes[0]) == volume
            && i128::from(funds) == turnover
            && change.as_ref().is_none_or(is_change)
    }
}
