//! Candles of every interval, built from the trades.
//!
//! There is no candle where there was no trade; an answer may put an empty one there. A candle that ended is final:
//! the board hands over trades in an order of time that never goes back.
//!
//! Of each interval the last [`CANDLES_MAX`] candles are kept. That is also the most that an answer holds, so any
//! answer that ends with the running candle is whole, with empty candles or without. An older range is answered as
//! far back as the candles reach: the oldest that is kept is the first.

use std::collections::VecDeque;

use model::image::{Image, Impossible, Reader, save_all};
use model::{Candle, INTERVALS, Interval, Time, Trade};

use crate::digest::Digest;
use crate::image::is_sum;

/// How many candles of each interval are kept; the oldest go first. A range of 1,500 intervals has so many starts.
pub const CANDLES_MAX: usize = 1_501;

/// The candles of an instrument.
#[derive(Debug)]
pub struct Candles {
    series: [Series; INTERVALS.len()],
}

/// The candles of one interval.
#[derive(Debug)]
struct Series {
    interval: Interval,
    /// Oldest first; the last one is the running one.
    candles: VecDeque<Candle>,
    /// When the running one ends.
    end: Time,
}

impl Candles {
    /// No candles yet.
    #[must_use]
    pub fn new() -> Self {
        let series = INTERVALS.map(|interval| Series {
            interval,
            candles: VecDeque::with_capacity(CANDLES_MAX),
            end: Time(i64::MIN),
        });
        Self { series }
    }

    /// A trade happened at `time`, which is never earlier than the time before.
    pub fn add(&mut self, time: Time, trade: &Trade) {
        for series in &mut self.series {
            series.add(time, trade);
        }
    }

    /// The running candle, or the last there was.
    #[must_use]
    pub fn last(&self, interval: Interval) -> Option<&Candle> {
        self.of(interval)?.candles.back()
    }

    /// The candle that a moment lies in, if there was a trade. Meant for moments not long ago.
    #[must_use]
    pub fn of_moment(&self, interval: Interval, moment: Time) -> Option<&Candle> {
        let start = interval.start_of(moment);
        let mut newest = self.of(interval)?.candles.iter().rev();
        newest.find(|candle| candle.start <= start).filter(|candle| candle.start == start)
    }

    /// The candles that hold what was traded since a moment, oldest first.
    pub fn since(&self, interval: Interval, moment: Time) -> impl Iterator<Item = &Candle> {
        let start = interval.start_of(moment);
        self.of(interval).into_iter().flat_map(move |series| {
            let first = series.candles.partition_point(|candle| candle.start < start);
            series.candles.range(first..)
        })
    }

    /// The same with a candle also where there was no trade, once there was one, up to the interval that `now` lies
    /// in. At most [`CANDLES_MAX`].
    #[must_use]
    pub fn filled(
        &self,
        interval: Interval,
        from: Time,
        till: Time,
        limit: usize,
        now: Time,
    ) -> Vec<Candle> {
        let Some(series) = self.of(interval) else { return Vec::new() };
        let Some(oldest) = series.candles.front() else { return Vec::new() };
        if till < oldest.start {
            return Vec::new();
        }
        let from = from.max(oldest.start);
        let mut start = interval.start_of(till.min(now));
        let mut end = series.candles.partition_point(|candle| candle.start <= start);
        let mut filled = Vec::new();
        while start >= from && filled.len() < limit.min(CANDLES_MAX) {
            let last = &series.candles[end - 1];
            if last.start == start {
                filled.push(*last);
                end -= 1;
            } else {
                filled.push(Candle::empty(start, last.close));
            }
            start = interval.start_of(Time(start.0 - 1));
        }
        filled.reverse();
        filled
    }

    /// The candles whose start lies in `from..=till`, oldest first; the newest `limit` of them.
    #[must_use]
    pub fn between(&self, interval: Interval, from: Time, till: Time, limit: usize) -> Vec<Candle> {
        let Some(series) = self.of(interval) else { return Vec::new() };
        let end = series.candles.partition_point(|candle| candle.start <= till);
        let first = series.candles.partition_point(|candle| candle.start < from);
        let first = first.max(end.saturating_sub(limit)).min(end);
        series.candles.range(first..end).copied().collect()
    }

    fn of(&self, interval: Interval) -> Option<&Series> {
        self.series.iter().find(|series| series.interval == interval)
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.series.iter().for_each(|series| save_all(series.candles.iter(), out));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut candles = Self::new();
        for series in &mut candles.series {
            for _ in 0..from.count(CANDLES_MAX, "more candles than are kept")? {
                series.candles.push_back(series.loaded(from)?);
            }
            // When the running one ends is known by when it began.
            if let Some(running) = series.candles.back() {
                series.end = series.interval.next_start(running.start);
            }
        }
        Ok(candles)
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        for series in &self.series {
            into.word(series.candles.len() as u64);
            if let Some(last) = series.candles.back() {
                into.signed(last.start.0);
                into.signed(last.open.0);
                into.signed(last.high.0);
                into.signed(last.low.0);
                into.signed(last.close.0);
                into.signed(last.volume.0);
                into.wide(last.turnover);
                into.word(last.trades);
            }
        }
    }
}

impl Default for Candles {
    fn default() -> Self {
        Self::new()
    }
}

impl Series {
    /// The candle that stands next in an image, if it can follow the last one.
    fn loaded(&self, from: &mut Reader<'_>) -> Result<Candle, Impossible> {
        let candle = Candle::load(from)?;
        let follows = self.candles.back().is_none_or(|last| last.start < candle.start);
        let is_sound = follows
            && self.interval.start_of(candle.start) == candle.start
            && is_sum(candle.volume, candle.turnover, candle.trades);
        if is_sound { Ok(candle) } else { Err(Impossible("a candle")) }
    }

    fn add(&mut self, time: Time, trade: &Trade) {
        if time < self.end
            && let Some(running) = self.candles.back_mut()
        {
            running.add(trade);
            return;
        }
        let start = self.interval.start_of(time);
        self.end = self.interval.next_start(start);
        if self.candles.len() == CANDLES_MAX {
            self.candles.pop_front();
        }
        self.candles.push_back(Candle::of(start, trade));
    }
}
