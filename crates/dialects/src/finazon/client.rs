//! The client half: listens to the bars of a Finazon venue and holds them.
//!
//! For each publisher it subscribes to all tickers at once, each second. A bar is state: what was told last of a minute
//! counts. No event comes of it, as a bar says neither which trades it was made of nor what the book is; whoever wants
//! the bars asks for them here. It does no I/O and keeps no time; the key is in the URL by which the connection is made,
//! and whoever holds it answers pings.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use model::decimal::parse_units;
use model::{Candle, Instrument, InstrumentId, Listing, Price, Quantity, Time};
use serde_json::value::RawValue;

use super::channel::{AGGREGATION, BARS, Frequency, MINUTE};
use super::wire::venue::{Answer, Bar};
use crate::connector::{Connector, Errand, Heard, Misheard};
use crate::json::members;
use crate::published::{KeyPlace, Published, Tells};

/// Where the venue is. It has no directory that its socket's clients could ask.
pub const PUBLISHED: Published = Published {
    socket: Some("wss://ws.finazon.io/v1"),
    http: None,
    directory: None,
    beat: None,
    key: KeyPlace::Query("apikey"),
    tells: Tells::Bars,
};

/// How many bars of an instrument are held: a day. The oldest go first.
pub const BARS_MAX: usize = 1_440;

/// How often bars are asked for.
const FREQUENCY: Frequency = Frequency::Second;

/// The largest count of ticks or lots that is believed.
const UNITS_MAX: i64 = 1_000_000_000_000_000_000;

/// Listens to the tickers of a Finazon venue.
#[derive(Debug)]
pub struct Client {
    /// By publisher and ticker.
    markets: BTreeMap<String, BTreeMap<String, Market>>,
}

#[derive(Debug)]
struct Market {
    instrument: Instrument,
    /// The oldest first.
    bars: VecDeque<Candle>,
}

impl Client {
    /// A client for those of the listings that have a symbol here.
    #[must_use]
    pub fn new(listings: &[Listing]) -> Self {
        let mut markets: BTreeMap<String, BTreeMap<String, Market>> = BTreeMap::new();
        for listing in listings {
            let symbol = listing.symbol_in(super::NAME);
            let Some((publisher, ticker)) = symbol.and_then(|it| it.split_once(':')) else {
                continue;
            };
            let market = Market { instrument: listing.instrument.clone(), bars: VecDeque::new() };
            markets.entry(publisher.to_owned()).or_default().insert(ticker.to_owned(), market);
        }
        Self { markets }
    }

    /// The bars of an instrument, the oldest first; the last one may be running. How many trades they were made of and
    /// what those turned over is not told: both are 0.
    pub fn bars(&self, instrument: InstrumentId) -> impl Iterator<Item = &Candle> {
        let markets = self.markets.values().flat_map(BTreeMap::values);
        let its = markets.filter(move |market| market.instrument.id == instrument);
        its.flat_map(|market| &market.bars)
    }
}

impl Connector for Client {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        for (publisher, markets) in &self.markets {
            let tickers: Vec<_> = markets.keys().map(|ticker| format!("\"{ticker}\"")).collect();
            let (tickers, frequency) = (tickers.join(","), FREQUENCY.name());
            let text = format!(
                r#"{{"event":"subscribe","publisher":"{publisher}","tickers":[{tickers}],"channel":"{BARS}","frequency":"{frequency}","aggregation":"{AGGREGATION}"}}"#
            );
            errands.push(Errand::Say(text.into_bytes()));
        }
    }

    fn message(
        &mut self,
        text: &[u8],
        _: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let wrong = |error| Misheard::new(format_args!("its message is no message: {error}"));
        let message: &RawValue = serde_json::from_slice(text).map_err(wrong)?;
        // A bar is known by its ticker and its first price.
        if let Some([Some(_), Some(_)]) = members(message, ["s", "o"]) {
            let bar: Bar<'_> = serde_json::from_str(message.get()).map_err(wrong)?;
            return self.take(&bar).map_err(|why| {
                Misheard::new(format_args!("in a bar of {} of {}: {why}", bar.s, bar.p))
            });
        }
        let answer: Answer<'_> = serde_json::from_str(message.get()).map_err(wrong)?;
        if answer.status == "success" {
            return Ok(());
        }
        let (code, words) = (answer.code.unwrap_or_default(), answer.message.unwrap_or_default());
        Err(Misheard::new(format_args!("it refuses with {code}: {words}")))
    }

    fn fetched(
        &mut self,
        _: &str,
        _: &[u8],
        _: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        Ok(())
    }

    fn bar(&self, instrument: InstrumentId) -> Option<Candle> {
        self.bars(instrument).last().copied()
    }
}

impl Client {
    fn take(&mut self, bar: &Bar<'_>) -> Result<(), String> {
        if bar.ch != BARS || bar.f != FREQUENCY.name() || bar.aggr.trim() != AGGREGATION {
            return Err("nobody asked for it".to_owned());
        }
        let market = self.markets.get_mut(&*bar.p).and_then(|its| its.get_mut(&*bar.s));
        let Some(market) = market else { return Err("nobody asked for it".to_owned()) };
        let candle = market.candle(bar)?;
        match market.bars.back_mut() {
            Some(last) if last.start == candle.start => *last = candle,
            Some(last) if last.start > candle.start => {
                let [last, start] = [last.start, candle.start].map(Time::seconds);
                return Err(format!("after the minute of {last} comes that of {start}"));
            }
            _ => {
                if market.bars.len() == BARS_MAX {
                    market.bars.pop_front();
                }
                market.bars.push_back(candle);
            }
        }
        Ok(())
    }
}

impl Market {
    fn candle(&self, bar: &Bar<'_>) -> Result<Candle, String> {
        let start = bar.t.checked_mul(1_000_000).map(Time);
        let start = start.filter(|start| MINUTE.start_of(*start) == *start);
        let candle = Candle {
            start: start.ok_or_else(|| format!("{} is not the start of a minute", bar.t))?,
            open: self.price(bar.o)?,
            high: self.price(bar.h)?,
            low: self.price(bar.l)?,
            close: self.price(bar.c)?,
            volume: self.volume(bar.v)?,
            turnover: 0,
            trades: 0,
        };
        let within = candle.low..=candle.high;
        if !within.contains(&candle.open) || !within.contains(&candle.close) {
            return Err("a price lies outside of the highest and the lowest".to_owned());
        }
        Ok(candle)
    }

    fn price(&self, number: &RawValue) -> Result<Price, String> {
        let text = number.get();
        let units = parse_units(text.as_bytes(), self.instrument.price_decimals)
            .map_err(|error| format!("the price {text} is refused: {error}"))?;
        match self.instrument.price_of_units(units) {
            Some(price @ Price(1..=UNITS_MAX)) => Ok(price),
            Some(_) => Err(format!("the price {text} is out of range")),
            None => Err(format!("the price {text} is no whole number of ticks")),
        }
    }

    fn volume(&self, number: &RawValue) -> Result<Quantity, String> {
        let text = number.get();
        let units = parse_units(text.as_bytes(), self.instrument.quantity_decimals)
            .map_err(|error| format!("the volume {text} is refused: {error}"))?;
        match self.instrument.quantity_of_units(units) {
            Some(volume @ Quantity(1..=UNITS_MAX)) => Ok(volume),
            Some(_) => Err(format!("the volume {text} is out of range")),
            None => Err(format!("the volume {text} is no whole number of lots")),
        }
    }
}
