//! News as lines of JSON, one an event, for pipes. Numbers that must be exact are texts; `docs/watch.md` says what stands where.

use std::fmt::Write as _;

use model::{Decimal, Instrument, Level, Listing, Price, Quantity, Side, Time};
use serde::Serialize;

use super::positions::Position;
use super::seen::{Bar, Change, INTERVALS, News};

/// Words news as lines.
pub struct Lines {
    dialect: &'static str,
    url: String,
    markets: Vec<(String, Instrument)>,
    /// Of which interval candles are told.
    interval: usize,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Connected {
        dialect: &'a str,
        url: &'a str,
        markets: Vec<&'a str>,
    },
    Lost {
        why: &'a str,
        again_in_seconds: u64,
    },
    Hole {
        market: &'a str,
        why: &'a str,
    },
    Book {
        market: &'a str,
        time: Option<String>,
        snapshot: bool,
        bids: Vec<[String; 2]>,
        asks: Vec<[String; 2]>,
        best_bid: Option<[String; 2]>,
        best_ask: Option<[String; 2]>,
    },
    Trade {
        market: &'a str,
        time: String,
        id: String,
        side: &'static str,
        price: String,
        quantity: String,
    },
    Candle {
        market: &'a str,
        interval: &'static str,
        start: String,
        open: String,
        high: String,
        low: String,
        close: String,
        volume: String,
        whole: bool,
        closed: bool,
    },
    Positions {
        time: String,
        positions: &'a [Position],
    },
    PositionsLost {
        why: &'a str,
        again_in_seconds: u64,
    },
}

impl Lines {
    /// For the news of these markets, with candles of this interval.
    #[must_use]
    pub fn new(listings: &[Listing], dialect: &'static str, url: String, interval: usize) -> Self {
        let market = |listing: &Listing| {
            let symbol = listing.symbol_in(dialect).unwrap_or_default().to_owned();
            (symbol, listing.instrument.clone())
        };
        Self { dialect, url, markets: listings.iter().map(market).collect(), interval }
    }

    /// Appends a line, unless it is news that nobody asked for.
    pub fn push(&self, news: &News, out: &mut String) {
        let line = match news {
            News::Connected => Line::Connected {
                dialect: self.dialect,
                url: &self.url,
                markets: self.markets.iter().map(|(symbol, _)| symbol.as_str()).collect(),
            },
            News::Lost(why, pause) => Line::Lost { why, again_in_seconds: pause.as_secs() },
            News::Hole(at, why) => Line::Hole { market: &self.markets[*at].0, why },
            News::Book(at, change) => self.book(*at, change),
            News::Trade(at, trade) => {
                let (market, rules) = &self.markets[*at];
                Line::Trade {
                    market,
                    time: moment(trade.time),
                    id: trade.id.0.to_string(),
                    side: match trade.aggressor {
                        Side::Buy => "buy",
                        Side::Sell => "sell",
                    },
                    price: price(rules, trade.price),
                    quantity: quantity(rules, trade.quantity),
                }
            }
            News::Candle(_, bar) if bar.interval != self.interval => return,
            News::Candle(at, bar) => self.candle(*at, bar),
            News::Positions(page) => {
                Line::Positions { time: moment(page.time), positions: &page.positions }
            }
            News::PositionsLost(why, pause) => {
                Line::PositionsLost { why, again_in_seconds: pause.as_secs() }
            }
        };
        let text = serde_json::to_string(&line).expect("texts and flags are JSON");
        let _ = writeln!(out, "{text}");
    }

    fn book(&self, at: usize, change: &Change) -> Line<'_> {
        let (market, rules) = &self.markets[at];
        let row = |level: &Level| [price(rules, level.price), quantity(rules, level.quantity)];
        let [best_bid, best_ask] = &change.best;
        Line::Book {
            market,
            time: change.time.map(moment),
            snapshot: change.snapshot,
            bids: change.levels.bids.iter().map(row).collect(),
            asks: change.levels.asks.iter().map(row).collect(),
            best_bid: best_bid.as_ref().map(row),
            best_ask: best_ask.as_ref().map(row),
        }
    }

    fn candle(&self, at: usize, bar: &Bar) -> Line<'_> {
        let (market, rules) = &self.markets[at];
        let Bar { interval, candle, whole, closed } = *bar;
        Line::Candle {
            market,
            interval: INTERVALS[interval].0,
            start: moment(candle.start),
            open: price(rules, candle.open),
            high: price(rules, candle.high),
            low: price(rules, candle.low),
            close: price(rules, candle.close),
            volume: quantity(rules, candle.volume),
            whole,
            closed,
        }
    }
}

/// A price as it is written.
pub fn price(rules: &Instrument, price: Price) -> String {
    let units = rules.price_units(price);
    Decimal { units, decimals: rules.price_decimals }.to_string()
}

/// A quantity as it is written.
pub fn quantity(rules: &Instrument, quantity: Quantity) -> String {
    let units = rules.quantity_units(quantity);
    Decimal { units, decimals: rules.quantity_decimals }.to_string()
}

/// A moment as it is written: RFC 3339 with microseconds.
pub fn moment(time: Time) -> String {
    let (year, month, day) = time.civil();
    format!("{year:04}-{month:02}-{day:02}T{}.{:06}Z", clock(time), time.0.rem_euclid(1_000_000))
}

/// The time of its day.
pub fn clock(time: Time) -> String {
    let second = time.0.rem_euclid(86_400_000_000) / 1_000_000;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}
