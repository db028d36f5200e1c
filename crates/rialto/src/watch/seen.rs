//! What is seen of a venue: of each market its book, its tape and its candles, how the connection to it stands, and one's positions
//! where they are asked for. Events go in, and news comes out for whoever writes them down. It reads no clock and does no I/O.
//!
//! A book is *whole* from the moment at which the venue told all of it, as long as no word can be missing; else it has a
//! *hole*, and says why. Candles are made of the trades that were heard, so one is whole only if the connection stood from its
//! beginning to its end; where a venue tells bars, those are its candles.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dialects::published::Tells;
use dialects::{Connector, Heard};
use model::{
    Candle, EventBody, Instrument, InstrumentId, Interval, Level, LevelBook, Listing, Price, Side,
    Time, Trade,
};
use views::book::SIDES;
use views::book::l2::Ladder;

use super::asked::Answer;
use super::positions::{Doubt, Page, Positions};

/// The intervals that candles are made of, by the names that people write.
pub const INTERVALS: [(&str, Interval); 6] = [
    ("1s", Interval::Seconds(1)),
    ("10s", Interval::Seconds(10)),
    ("1m", Interval::Seconds(60)),
    ("5m", Interval::Seconds(300)),
    ("15m", Interval::Seconds(900)),
    ("1h", Interval::Seconds(3_600)),
];
/// Where a minute stands in [`INTERVALS`].
pub const MINUTE: usize = 2;

/// How many trades of a market are kept.
const TRADES_MAX: usize = 200;
/// How many candles of each interval are kept.
const CANDLES_MAX: usize = 500;
/// How many times in which nothing was missed are kept.
const UNBROKEN_MAX: usize = 64;
/// A stamp before this is none: the first moment of the year 2000.
const STAMP_MIN: Time = Time::from_seconds(946_684_800);

/// What is seen of one venue.
pub struct Seen {
    /// What the venue tells.
    pub tells: Tells,
    /// In the order in which they were listed; an instrument's number is its place.
    pub markets: Vec<Market>,
    /// How the connection stands.
    pub standing: Standing,
    /// When the last frame came.
    pub last: Option<Instant>,
    /// One's positions; `None` if nobody asks for them.
    pub positions: Option<Positions>,
}

/// How the connection to the venue stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A connection is asked for.
    Calling,
    /// It is open.
    Open,
    /// It was lost, and is asked for again.
    Lost {
        /// Why.
        why: String,
        /// When it is asked for again.
        again: Instant,
    },
}

/// What has happened, for whoever writes it down. A market is meant by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The connection is open.
    Connected,
    /// It was lost, and is asked for again after this pause.
    Lost(String, Duration),
    /// The book of a market cannot be relied on until the venue tells all of it again.
    Hole(usize, String),
    /// Levels of a book changed, or all of it was told.
    Book(usize, Change),
    /// A trade.
    Trade(usize, Trade),
    /// A candle is closed, or the venue told of a bar.
    Candle(usize, Bar),
    /// Positions changed, or can be relied on again.
    Positions(Page),
    /// It is not known how they are now, and asked for again after this pause.
    PositionsLost(String, Duration),
}

/// What changed in a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The venue's stamp, if it has one.
    pub time: Option<Time>,
    /// Whether these are all levels there are; else they replace those at their prices, and quantity 0 removes one.
    pub snapshot: bool,
    /// The levels.
    pub levels: LevelBook,
    /// The best bid and ask after it.
    pub best: [Option<Level>; 2],
}

/// A candle, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The interval's place in [`INTERVALS`].
    pub interval: usize,
    /// The candle; as a venue's bar it counts no trades.
    pub candle: Candle,
    /// Whether nothing of it can be missing.
    pub whole: bool,
    /// Whether it is over.
    pub closed: bool,
}

/// One market.
pub struct Market {
    /// The instrument's rules.
    pub instrument: Instrument,
    /// What the venue calls it.
    pub symbol: String,
    /// Why the book cannot be relied on; none if it can.
    pub hole: Option<String>,
    /// The last trades, the newest first.
    pub trades: VecDeque<Trade>,
    /// The stamp that was told last.
    pub stamp: Option<Time>,
    sides: [Ladder; 2],
    /// Of each interval, the oldest first.
    candles: [VecDeque<Candle>; INTERVALS.len()],
    /// The times in which nothing was missed, from and till, by the venue's stamps.
    unbroken: VecDeque<(Time, Time)>,
    /// Whether the last of them goes on.
    stands: bool,
}

impl Seen {
    /// Nothing yet of these markets, which are numbered in their order.
    #[must_use]
    pub fn new(listings: &[Listing], dialect: &str, tells: Tells) -> Self {
        let market = |listing: &Listing| {
            let symbol = listing.symbol_in(dialect).unwrap_or_default().to_owned();
            Market::new(listing.instrument.clone(), symbol)
        };
        let markets = listings.iter().map(market).collect();
        Self { tells, markets, standing: Standing::Calling, last: None, positions: None }
    }

    /// The connection is open.
    pub fn opened(&mut self, news: &mut Vec<News>) {
        self.standing = Standing::Open;
        news.push(News::Connected);
    }

    /// From here on something may be missing.
    pub fn gap(&mut self, why: &str, news: &mut Vec<News>) {
        for (at, market) in self.markets.iter_mut().enumerate() {
            market.stands = false;
            if self.tells == Tells::BooksAndTrades && market.is_whole() {
                market.hole = Some(why.to_owned());
                news.push(News::Hole(at, why.to_owned()));
            }
        }
    }

    /// The connection is asked for again after a pause.
    pub fn again(&mut self, why: &str, pause: Duration, now: Instant, news: &mut Vec<News>) {
        self.standing = Standing::Lost { why: why.to_owned(), again: now + pause };
        news.push(News::Lost(why.to_owned(), pause));
    }

    /// What came of asking for positions.
    pub fn told(&mut self, answer: Answer, now: Instant, news: &mut Vec<News>) {
        let positions = self.positions.get_or_insert_default();
        match answer {
            Ok(page) => {
                let last = positions.told.as_ref().filter(|_| positions.doubt.is_none());
                if last.is_none_or(|(last, _)| last.positions != page.positions) {
                    news.push(News::Positions(page.clone()));
                }
                *positions = Positions { told: Some((page, now)), doubt: None };
            }
            Err((why, pause)) => {
                positions.doubt = Some(Doubt { why: why.clone(), again: now + pause });
                news.push(News::PositionsLost(why, pause));
            }
        }
    }

    /// What a connector made of one word of the venue; nothing may have come of it.
    pub fn heard(&mut self, connector: &dyn Connector, heard: &[Heard], news: &mut Vec<News>) {
        for heard in heard {
            let at = heard.instrument.index();
            let Some(market) = self.markets.get_mut(at) else { continue };
            let time = Some(heard.time).filter(|time| *time >= STAMP_MIN);
            if let Some(time) = time {
                market.stamped(time);
            }
            match &heard.body {
                EventBody::BookSnapshot(book) => market.told_whole(at, time, book, news),
                EventBody::BookDelta(book) if market.is_whole() => {
                    let change = market.changed(time, (**book).clone(), false);
                    news.push(News::Book(at, change));
                }
                EventBody::Printed(trade) => market.traded(at, *trade, news),
                _ => {}
            }
        }
        let mut unjoined = Vec::new();
        connector.unjoined(&mut unjoined);
        for instrument in unjoined {
            let at = instrument.index();
            let Some(market) = self.markets.get_mut(at).filter(|it| it.is_whole()) else {
                continue;
            };
            let why = "the book no longer follows from what the venue says, and is fetched again";
            market.hole = Some(why.to_owned());
            news.push(News::Hole(at, why.to_owned()));
        }
        if self.tells == Tells::Bars {
            for (at, market) in self.markets.iter_mut().enumerate() {
                let id = InstrumentId(u16::try_from(at).unwrap_or(u16::MAX));
                if let Some(bar) = connector.bar(id) {
                    market.barred(at, bar, news);
                }
            }
        }
    }
}

impl Market {
    fn new(instrument: Instrument, symbol: String) -> Self {
        Self {
            instrument,
            symbol,
            hole: Some("the venue has not told the book yet".to_owned()),
            trades: VecDeque::new(),
            stamp: None,
            sides: SIDES.map(Ladder::new),
            candles: INTERVALS.map(|_| VecDeque::new()),
            unbroken: VecDeque::new(),
            stands: false,
        }
    }

    /// Whether the book can be relied on.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.hole.is_none()
    }

    /// One side of the book, the best last.
    #[must_use]
    pub fn side(&self, side: Side) -> &[Level] {
        self.sides[place(side)].best_last()
    }

    /// The best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.side(side).last().copied()
    }

    /// The candles of an interval, the oldest first. There is none where there was no trade.
    pub fn candles(&self, interval: usize) -> impl DoubleEndedIterator<Item = &Candle> {
        self.candles[interval].iter()
    }

    /// Whether nothing can be missing in a candle of this interval that started then.
    #[must_use]
    pub fn is_whole_candle(&self, interval: usize, start: Time) -> bool {
        let end = INTERVALS[interval].1.next_start(start);
        let last = self.unbroken.len().saturating_sub(1);
        self.unbroken.iter().enumerate().any(|(at, &(from, till))| {
            from <= start && (end <= till || (at == last && self.stands && start <= till))
        })
    }

    /// The venue said a word with this stamp.
    fn stamped(&mut self, time: Time) {
        self.stamp = Some(time);
        match self.unbroken.back_mut() {
            Some((_, till)) if self.stands => *till = time.max(*till),
            _ => {
                if self.unbroken.len() == UNBROKEN_MAX {
                    self.unbroken.pop_front();
                }
                self.unbroken.push_back((time, time));
                self.stands = true;
            }
        }
    }

    /// The venue told the whole book: all of it is news if it had a hole, else what is different.
    fn told_whole(
        &mut self,
        at: usize,
        time: Option<Time>,
        book: &LevelBook,
        news: &mut Vec<News>,
    ) {
        if !self.is_whole() {
            self.hole = None;
            self.sides = SIDES.map(Ladder::new);
            let change = self.changed(time, book.clone(), true);
            news.push(News::Book(at, change));
            return;
        }
        let levels = LevelBook {
            bids: difference(&self.sides[0], &book.bids),
            asks: difference(&self.sides[1], &book.asks),
        };
        if !levels.bids.is_empty() || !levels.asks.is_empty() {
            let change = self.changed(time, levels, false);
            news.push(News::Book(at, change));
        }
    }

    fn changed(&mut self, time: Option<Time>, levels: LevelBook, snapshot: bool) -> Change {
        for (ladder, levels) in self.sides.iter_mut().zip([&levels.bids, &levels.asks]) {
            for &level in levels {
                ladder.set(level);
            }
        }
        let best = [Side::Buy, Side::Sell].map(|side| self.best(side));
        Change { time, snapshot, levels, best }
    }

    fn traded(&mut self, at: usize, trade: Trade, news: &mut Vec<News>) {
        for (interval, (_, length)) in INTERVALS.into_iter().enumerate() {
            let start = length.start_of(trade.time);
            let candles = &mut self.candles[interval];
            match candles.back_mut() {
                // One that comes late counts where it comes.
                Some(running) if running.start >= start => running.add(&trade),
                closed => {
                    if let Some(&mut candle) = closed {
                        let whole = self.is_whole_candle(interval, candle.start);
                        news.push(News::Candle(at, Bar { interval, candle, whole, closed: true }));
                    }
                    push(&mut self.candles[interval], Candle::of(start, &trade));
                }
            }
        }
        self.trades.truncate(TRADES_MAX - 1);
        self.trades.push_front(trade);
        news.push(News::Trade(at, trade));
    }

    /// The venue's bar of a minute, as it was told last. The one before is over, and whole if the connection stood until then.
    fn barred(&mut self, at: usize, candle: Candle, news: &mut Vec<News>) {
        let bar = |candle, whole, closed| {
            News::Candle(at, Bar { interval: MINUTE, candle, whole, closed })
        };
        match self.candles[MINUTE].back().copied() {
            Some(last) if last == candle => return,
            Some(last) if last.start == candle.start => {
                self.candles[MINUTE].pop_back();
            }
            Some(over) => news.push(bar(over, self.is_whole_candle(MINUTE, over.start), true)),
            None => {}
        }
        push(&mut self.candles[MINUTE], candle);
        self.stamped(candle.start);
        news.push(bar(candle, true, false));
    }
}

const fn place(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

fn push(candles: &mut VecDeque<Candle>, candle: Candle) {
    if candles.len() == CANDLES_MAX {
        candles.pop_front();
    }
    candles.push_back(candle);
}

/// The levels that differ between a side as it is held and as it is told.
fn difference(held: &Ladder, told: &[Level]) -> Vec<Level> {
    let mut prices: Vec<Price> = told.iter().map(|level| level.price).collect();
    prices.sort_unstable();
    let is_gone = |level: &&Level| prices.binary_search(&level.price).is_err();
    let gone = held.best_last().iter().rev().filter(is_gone);
    let gone = gone.map(|level| Level { quantity: model::Quantity::ZERO, ..*level });
    let new = told.iter().filter(|level| held.quantity_at(level.price) != level.quantity);
    gone.chain(new.copied()).collect()
}
