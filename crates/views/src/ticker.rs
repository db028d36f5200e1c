//! Rolling statistics, in buckets of a minute and of an hour.
//!
//! A window of up to a day reaches from the start of the running minute back over its whole length: the running
//! minute and the whole minutes before it. A longer one does the same with hours. Spans without a trade have no
//! bucket. Hours are put together from minutes that are over, so that a trade touches one bucket.

use std::collections::VecDeque;

use model::image::{Image, Impossible, Reader, save_all};
use model::{Price, Quantity, Side, Span, Ticker, Time, Trade, Window, image_of_fields};

use crate::digest::Digest;
use crate::image::is_sum;

/// The longest window; a longer one is cut to it.
pub const WINDOW_MAX: Window = Window(Span::seconds(31 * 86_400));
/// The longest window that moves on by minutes; longer ones do by hours.
pub const BY_MINUTES_MAX: Window = Window::DAY;

const MINUTE: i64 = Span::seconds(60).0;
const HOUR: i64 = Span::seconds(3_600).0;
const DAY: i64 = Span::seconds(86_400).0;

/// Every minute of the longest window by minutes, the running one, and the one before that tells the price it opens
/// with.
const MINUTES_MAX: usize = (BY_MINUTES_MAX.0.0 / MINUTE) as usize + 2;
/// The same of hours.
const HOURS_MAX: usize = (WINDOW_MAX.0.0 / HOUR) as usize + 2;

/// What the rolling statistics of an instrument are computed from.
#[derive(Debug)]
pub struct Rolling {
    /// Oldest first; the last one may still grow.
    minutes: VecDeque<Bucket>,
    /// What was traded in all minutes but the last one, oldest first.
    hours: VecDeque<Bucket>,
    last: Option<Last>,
}

/// What was traded in one minute or hour.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    start: Time,
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: Quantity,
    turnover: i128,
    trades: u64,
}

/// The last trade and its day.
#[derive(Clone, Copy, Debug)]
struct Last {
    price: Price,
    side: Side,
    day: i64,
    /// The first price of that day.
    open_day: Price,
}

impl Rolling {
    /// No trades yet.
    #[must_use]
    pub fn new() -> Self {
        // All of the room at once: pages that nothing has reached yet cost nothing.
        let minutes = VecDeque::with_capacity(MINUTES_MAX);
        Self { minutes, hours: VecDeque::with_capacity(HOURS_MAX), last: None }
    }

    /// A trade happened at `time`, which is never earlier than the time before.
    pub fn add(&mut self, time: Time, trade: &Trade) {
        let day = time.0.div_euclid(DAY);
        let open_day = match self.last {
            Some(last) if last.day == day => last.open_day,
            _ => trade.price,
        };
        self.last = Some(Last { price: trade.price, side: trade.aggressor, day, open_day });

        let bucket = Bucket::of(floor(time, MINUTE), trade);
        match self.minutes.back_mut() {
            Some(running) if running.start == bucket.start => running.add(&bucket),
            running => {
                if let Some(over) = running {
                    let hour = Bucket { start: floor(over.start, HOUR), ..*over };
                    put(&mut self.hours, hour, floor(time, HOUR) - WINDOW_MAX.0);
                }
                put(&mut self.minutes, bucket, bucket.start - BY_MINUTES_MAX.0);
            }
        }
    }

    /// The statistics of a window that ends now.
    #[must_use]
    pub fn ticker(
        &self,
        window: Window,
        now: Time,
        bid: Option<Price>,
        ask: Option<Price>,
    ) -> Ticker {
        let from = start_of(window, now);
        let (buckets, running) = if window > BY_MINUTES_MAX {
            (&self.hours, self.minutes.back())
        } else {
            (&self.minutes, None)
        };
        let inside = buckets.partition_point(|bucket| bucket.start < from);
        // What lies before the window is of use for the price with which it opens.
        let mut before = inside.checked_sub(1).map(|before| &buckets[before]);
        let mut inside = buckets.range(inside..).chain(running).peekable();
        if let Some(running) = running
            && running.start < from
        {
            before = Some(running);
            inside.next();
        }
        let today = now.0.div_euclid(DAY);
        let mut ticker = Ticker {
            time: now,
            from,
            last: self.last.map(|last| last.price),
            last_side: self.last.map(|last| last.side),
            open_day: self
                .last
                .map(|last| if last.day == today { last.open_day } else { last.price }),
            open: before.map(|bucket| bucket.close).or(inside.peek().map(|bucket| bucket.open)),
            bid,
            ask,
            ..Ticker::default()
        };
        for bucket in inside {
            ticker.high = ticker.high.max(Some(bucket.high));
            ticker.low = Some(ticker.low.map_or(bucket.low, |low| low.min(bucket.low)));
            ticker.volume += bucket.volume;
            ticker.turnover += bucket.turnover;
            ticker.trades += bucket.trades;
        }
        ticker
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        save_all(self.minutes.iter(), out);
        save_all(self.hours.iter(), out);
        self.last.save(out);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Impossible> {
        let mut rolling = Self::new();
        load_buckets(from, MINUTE, MINUTES_MAX, &mut rolling.minutes)?;
        load_buckets(from, HOUR, HOURS_MAX, &mut rolling.hours)?;
        rolling.last = Option::load(from)?;
        match rolling.last.is_some() == rolling.minutes.is_empty() {
            true => Err(Impossible("statistics of no trade")),
            false => Ok(rolling),
        }
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        for buckets in [&self.minutes, &self.hours] {
            into.word(buckets.len() as u64);
            for bucket in buckets {
                into.signed(bucket.start.0);
                into.signed(bucket.open.0);
                into.signed(bucket.high.0);
                into.signed(bucket.low.0);
                into.signed(bucket.close.0);
                into.signed(bucket.volume.0);
                into.wide(bucket.turnover);
                into.word(bucket.trades);
            }
        }
        if let Some(last) = self.last {
            into.signed(last.open_day.0);
        }
    }
}

/// Reads buckets of this length, the oldest first.
fn load_buckets(
    from: &mut Reader<'_>,
    length: i64,
    most: usize,
    into: &mut VecDeque<Bucket>,
) -> Result<(), Impossible> {
    let (mut volume, mut turnover, mut trades) = (Quantity::ZERO, 0, 0);
    for _ in 0..from.count(most, "more minutes or hours than are kept")? {
        let bucket = Bucket::load(from)?;
        let follows = into.back().is_none_or(|last| last.start < bucket.start);
        let mut is_sound = follows
            && floor(bucket.start, length) == bucket.start
            && is_sum(bucket.volume, bucket.turnover, bucket.trades);
        if is_sound {
            // Windows are summed up as well.
            volume += bucket.volume;
            turnover += bucket.turnover;
            trades += bucket.trades;
            is_sound = is_sum(volume, turnover, trades);
        }
        if !is_sound {
            return Err(Impossible("a minute or an hour"));
        }
        into.push_back(bucket);
    }
    Ok(())
}

image_of_fields!(Bucket { start, open, high, low, close, volume, turnover, trades });
image_of_fields!(Last { price, side, day, open_day });

impl Default for Rolling {
    fn default() -> Self {
        Self::new()
    }
}

impl Bucket {
    fn of(start: Time, trade: &Trade) -> Self {
        Self {
            start,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.quantity,
            turnover: i128::from(trade.price.0) * i128::from(trade.quantity.0),
            trades: 1,
        }
    }

    /// Takes in what was traded after.
    fn add(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume += later.volume;
        self.turnover += later.turnover;
        self.trades += later.trades;
    }
}

/// Puts a bucket at the end, or into the one that is there, and forgets what lies before `first`, but for the last
/// price there.
fn put(buckets: &mut VecDeque<Bucket>, bucket: Bucket, first: Time) {
    match buckets.back_mut() {
        Some(last) if last.start == bucket.start => last.add(&bucket),
        _ => {
            while buckets.get(1).is_some_and(|second| second.start < first) {
                buckets.pop_front();
            }
            buckets.push_back(bucket);
        }
    }
}

/// Where a window that ends now begins.
fn start_of(window: Window, now: Time) -> Time {
    let step = if window > BY_MINUTES_MAX { HOUR } else { MINUTE };
    floor(Time(floor(now, step).0 - window.min(WINDOW_MAX).0.0), step)
}

/// The start of the span of this length that a moment lies in.
const fn floor(moment: Time, length: i64) -> Time {
    Time(moment.0 - moment.0.rem_euclid(length))
}
