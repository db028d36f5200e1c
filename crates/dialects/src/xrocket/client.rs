//! The client half: listens to an xRocket venue and turns what it says into events by level.
//!
//! For each symbol it subscribes to the book and to the trades. The reply to the first is the book, and each push
//! after it has the next number; where one is missing the connection is given up, as the book may be wrong. It does no
//! I/O and keeps no time: whoever holds the connection says a `ping` every [`PING_EVERY`].
//!
//! The venue shows the best 500 levels of a side, and tells no orders and no time of a book: events have the time of
//! the last trade, which comes in milliseconds.

mod listings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use model::decimal::parse_units;
use model::{
    EventBody, Instrument, Level, LevelBook, Listing, OrderId, Price, Quantity, Side, Time, Trade,
    TradeId,
};

pub use self::listings::{listings, symbols};
use super::channel::DEPTH_DEFAULT;
use super::wire::venue::{BookData, Message, TradeData, TradesData};
use crate::connector::{Connector, Errand, Heard, Misheard};
use crate::iso::read_moment;
use crate::published::{Beat, KeyPlace, Published, Tells};
use crate::rows::Rows;

/// How often the venue wants to hear a `ping`.
pub const PING_EVERY: Duration = Duration::from_secs(30);
/// What it wants to hear then.
pub const PING: &[u8] = br#"{"id":"ping","method":"ping"}"#;

/// Where the venue is.
pub const PUBLISHED: Published = Published {
    socket: Some("wss://exchange.app-api.xrocket.exchange/"),
    http: Some("https://exchange.api.xrocket.exchange"),
    directory: Some("/api/v1/symbols"),
    beat: Some(Beat { every: PING_EVERY, say: Some(PING) }),
    key: KeyPlace::Nowhere,
    tells: Tells::BooksAndTrades,
};

/// The largest count of ticks or lots that is believed: sums of a few stay far from the end of 64 bits.
const UNITS_MAX: i64 = 1_000_000_000_000_000_000;

/// Listens to the symbols of an xRocket venue.
#[derive(Debug)]
pub struct Client {
    /// In the order of the listings.
    markets: Vec<Market>,
    /// Places in `markets`.
    by_symbol: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Market {
    symbol: String,
    instrument: Instrument,
    /// The number of the book's last word, once it is known.
    sequence: Option<u64>,
    /// The time of the last word that had one.
    time: Time,
}

impl Client {
    /// A client for those of the listings that have a symbol here.
    #[must_use]
    pub fn new(listings: &[Listing]) -> Self {
        let markets: Vec<Market> = listings
            .iter()
            .filter_map(|listing| {
                let symbol = listing.symbol_in(super::NAME)?.to_owned();
                let instrument = listing.instrument.clone();
                Some(Market { symbol, instrument, sequence: None, time: Time(0) })
            })
            .collect();
        let by_symbol =
            markets.iter().enumerate().map(|(at, market)| (market.symbol.clone(), at)).collect();
        Self { markets, by_symbol }
    }
}

impl Connector for Client {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        for (at, market) in self.markets.iter_mut().enumerate() {
            market.sequence = None;
            let symbol = &market.symbol;
            let say = |text: String| Errand::Say(text.into_bytes());
            errands.push(say(format!(
                r#"{{"id":{},"method":"subscribe","params":{{"channel":"trades","symbol":"{symbol}"}}}}"#,
                2 * at
            )));
            errands.push(say(format!(
                r#"{{"id":{},"method":"subscribe","params":{{"channel":"orderbook","symbol":"{symbol}","depth":{DEPTH_DEFAULT}}}}}"#,
                2 * at + 1
            )));
        }
    }

    fn message(
        &mut self,
        text: &[u8],
        heard: &mut Vec<Heard>,
        _: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let message: Message<'_> = serde_json::from_slice(text)
            .map_err(|error| Misheard::new(format_args!("its message is no message: {error}")))?;
        if let Some(error) = message.error {
            let (code, words) = (error.code, error.message);
            return Err(Misheard::new(format_args!("it refuses with {code}: {words}")));
        }
        if let Some(push) = message.params {
            let symbol = push.symbol.as_deref().unwrap_or("");
            let Some(&at) = self.by_symbol.get(symbol) else { return Ok(()) };
            let market = &mut self.markets[at];
            return match &*push.channel {
                "trades" => market.trades(push.data.get(), heard),
                "orderbook" => market.book(push.data.get(), heard),
                _ => Ok(()),
            }
            .map_err(|why| Misheard::new(format_args!("in {} of {symbol}: {why}", push.channel)));
        }
        // The reply to a book's subscription is the book; those to others say nothing.
        let (Some(id), Some(result)) = (message.id, message.result) else { return Ok(()) };
        let Ok(id) = id.get().parse::<usize>() else { return Ok(()) };
        match self.markets.get_mut(id / 2) {
            Some(market) if id % 2 == 1 => market.book(result.get(), heard).map_err(|why| {
                Misheard::new(format_args!("in the book of {}: {why}", market.symbol))
            }),
            _ => Ok(()),
        }
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
}

impl Market {
    fn book(&mut self, json: &str, heard: &mut Vec<Heard>) -> Result<(), String> {
        let data: BookData<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let sequence: u64 =
            data.sequence.parse().map_err(|_| format!("{:?} is no number", data.sequence))?;
        let is_whole = data.snapshot.unwrap_or(true);
        if !is_whole {
            match self.sequence {
                None => return Err("a change comes before the book".to_owned()),
                Some(last) if sequence == last + 1 => {}
                Some(last) => return Err(format!("after {last} comes {sequence}")),
            }
        }
        let least = if is_whole { Quantity(1) } else { Quantity::ZERO };
        let book = Box::new(LevelBook {
            bids: self.levels(&data.bids, least)?,
            asks: self.levels(&data.asks, least)?,
        });
        if !book.bids.is_sorted_by(|one, next| one.price > next.price) {
            return Err("bids do not fall from level to level".to_owned());
        }
        if !book.asks.is_sorted_by(|one, next| one.price < next.price) {
            return Err("asks do not rise from level to level".to_owned());
        }
        self.sequence = Some(sequence);
        let body =
            if is_whole { EventBody::BookSnapshot(book) } else { EventBody::BookDelta(book) };
        heard.push(Heard { instrument: self.instrument.id, time: self.time, body });
        Ok(())
    }

    fn levels(&self, Rows(rows): &Rows<'_, 2>, least: Quantity) -> Result<Vec<Level>, String> {
        let level = |[at, size]: &[&str; 2]| -> Result<Level, String> {
            Ok(Level { price: self.price(at)?, quantity: self.quantity(size, least)? })
        };
        rows.iter().map(level).collect()
    }

    fn trades(&mut self, json: &str, heard: &mut Vec<Heard>) -> Result<(), String> {
        let data: TradesData<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        for trade in &data.trades {
            let trade = self.trade(trade)?;
            self.time = self.time.max(trade.time);
            let body = EventBody::Printed(trade);
            heard.push(Heard { instrument: self.instrument.id, time: trade.time, body });
        }
        Ok(())
    }

    fn trade(&self, data: &TradeData<'_>) -> Result<Trade, String> {
        let aggressor = match data.side {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            other => return Err(format!("{other:?} is no side")),
        };
        let id = data.trade_id.parse().map_err(|_| format!("{:?} is no id", data.trade_id))?;
        let time = read_moment(data.time).ok_or_else(|| format!("{:?} is no time", data.time))?;
        Ok(Trade {
            id: TradeId(id),
            time,
            price: self.price(data.price)?,
            quantity: self.quantity(data.size, Quantity(1))?,
            aggressor,
            // Which orders met is not told.
            maker: OrderId(0),
            taker: OrderId(0),
            maker_account: None,
            taker_account: None,
        })
    }

    fn price(&self, text: &str) -> Result<Price, String> {
        let units = parse_units(text.as_bytes(), self.instrument.price_decimals)
            .map_err(|error| format!("the price {text:?} is refused: {error}"))?;
        match self.instrument.price_of_units(units) {
            Some(price @ Price(1..=UNITS_MAX)) => Ok(price),
            Some(_) => Err(format!("the price {text} is out of range")),
            None => Err(format!("the price {text} is no whole number of ticks")),
        }
    }

    fn quantity(&self, text: &str, least: Quantity) -> Result<Quantity, String> {
        let units = parse_units(text.as_bytes(), self.instrument.quantity_decimals)
            .map_err(|error| format!("the size {text:?} is refused: {error}"))?;
        match self.instrument.quantity_of_units(units) {
            Some(quantity) if (least.0..=UNITS_MAX).contains(&quantity.0) => Ok(quantity),
            Some(_) => Err(format!("the size {text} is out of range")),
            None => Err(format!("the size {text} is no whole number of lots")),
        }
    }
}
