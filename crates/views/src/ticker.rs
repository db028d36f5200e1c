//! Rolling statistics, in buckets of a minute.
//!
//! A window reaches from the start of the running minute back over its whole length: the running minute and
//! the whole minutes before it. Minutes without a trade have no bucket.

use std::collections::VecDeque;

use model::{Price, Quantity, Side, Span, Ticker, Time, Trade, Window};

use crate::digest::Digest;

/// The longest window; a longer one is cut to it.
pub const WINDOW_MAX: Window = Window::DAY;

const MINUTE: i64 = Span::seconds(60).0;
const DAY: i64 = Span::seconds(86_400).0;

/// Every minute of the longest window, the running one, and the one before that tells the price it opens with.
const BUCKETS_MAX: usize = (WINDOW_MAX.0.0 / MINUTE) as usize + 2;

/// What the rolling statistics of an instrument are computed from.
#[derive(Debug)]
pub struct Rolling {
    /// Oldest first.
    buckets: VecDeque<Bucket>,
    last: Option<Last>,
}

/// What was traded in one minute.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    minute: i64,
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
        Self { buckets: VecDeque::with_capacity(BUCKETS_MAX), last: None }
    }

    /// A trade happened at `time`, which is never earlier than the time before.
    pub fn add(&mut self, time: Time, trade: &Trade) {
        let day = time.0.div_euclid(DAY);
        let open_day = match self.last {
            Some(last) if last.day == day => last.open_day,
            _ => trade.price,
        };
        self.last = Some(Last { price: trade.price, side: trade.aggressor, day, open_day });

        let minute = time.0.div_euclid(MINUTE);
        let turnover = i128::from(trade.price.0) * i128::from(trade.quantity.0);
        if let Some(bucket) = self.buckets.back_mut()
            && bucket.minute == minute
        {
            bucket.high = bucket.high.max(trade.price);
            bucket.low = bucket.low.min(trade.price);
            bucket.close = trade.price;
            bucket.volume += trade.quantity;
            bucket.turnover += turnover;
            bucket.trades += 1;
            return;
        }
        // What lies before the longest window is of no use but for the last price there.
        let first = first_minute(time, WINDOW_MAX);
        while self.buckets.get(1).is_some_and(|second| second.minute < first) {
            self.buckets.pop_front();
        }
        self.buckets.push_back(Bucket {
            minute,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.quantity,
            turnover,
            trades: 1,
        });
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
        let first = first_minute(now, window);
        let from = self.buckets.partition_point(|bucket| bucket.minute < first);
        let before = from.checked_sub(1).map(|before| self.buckets[before].close);
        let today = now.0.div_euclid(DAY);
        let mut ticker = Ticker {
            time: now,
            last: self.last.map(|last| last.price),
            last_side: self.last.map(|last| last.side),
            open_day: self
                .last
                .map(|last| if last.day == today { last.open_day } else { last.price }),
            open: before.or_else(|| self.buckets.get(from).map(|bucket| bucket.open)),
            bid,
            ask,
            ..Ticker::default()
        };
        for bucket in self.buckets.range(from..) {
            ticker.high = ticker.high.max(Some(bucket.high));
            ticker.low = Some(ticker.low.map_or(bucket.low, |low| low.min(bucket.low)));
            ticker.volume += bucket.volume;
            ticker.turnover += bucket.turnover;
            ticker.trades += bucket.trades;
        }
        ticker
    }

    pub(crate) fn digest(&self, into: &mut Digest) {
        into.word(self.buckets.len() as u64);
        for bucket in &self.buckets {
            into.signed(bucket.minute);
            into.signed(bucket.open.0);
            into.signed(bucket.high.0);
            into.signed(bucket.low.0);
            into.signed(bucket.close.0);
            into.signed(bucket.volume.0);
            into.wide(bucket.turnover);
            into.word(bucket.trades);
        }
        if let Some(last) = self.last {
            into.signed(last.open_day.0);
        }
    }
}

impl Default for Rolling {
    fn default() -> Self {
        Self::new()
    }
}

/// The first minute of a window that ends now.
fn first_minute(now: Time, window: Window) -> i64 {
    let length = window.0.min(WINDOW_MAX.0);
    (now.0 - now.0.rem_euclid(MINUTE) - length.0).div_euclid(MINUTE)
}
