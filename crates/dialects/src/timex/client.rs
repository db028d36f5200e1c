//! The client half: listens to a TimeX venue and turns what it says into events by level.
//!
//! For each market it subscribes to the book by price, with its state first, and to the trades. The venue never tells what
//! changed: each word about a book is the whole of it. It does no I/O and keeps no time; whoever holds the connection
//! pings it.
//!
//! A book that comes late or twice is harmless, and one that is missed is made good by the next; so nothing is counted, and
//! a connection is given up only where it makes no sense. Times come in milliseconds.

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
use super::wire::venue::{
    BookData, BookOf, First, Happened, LevelData, Message, PartiesData, TradeData,
};
use crate::connector::{Connector, Errand, Heard, Misheard};
use crate::iso::read_moment;
use crate::published::{Beat, KeyPlace, Published, Tells};
use crate::rows::ROWS_MAX;

/// Where the venue is. It ends a connection that is silent; clients ping it every few seconds.
pub const PUBLISHED: Published = Published {
    socket: Some("wss://plasma-relay-backend.timex.io/socket/relay"),
    http: Some("https://plasma-relay-backend.timex.io"),
    directory: Some("/public/markets"),
    beat: Some(Beat { every: Duration::from_secs(4), say: None }),
    key: KeyPlace::Nowhere,
    tells: Tells::BooksAndTrades,
};

/// The largest count of ticks or lots that is believed: sums of a few stay far from the end of 64 bits.
const UNITS_MAX: i64 = 1_000_000_000_000_000_000;

/// Listens to the markets of a TimeX venue.
#[derive(Debug)]
pub struct Client {
    /// In the order of the listings.
    markets: Vec<Market>,
    /// Places in `markets`.
    by_symbol: BTreeMap<String, usize>,
    /// Places in `markets`, by base and quote.
    by_pair: BTreeMap<(String, String), usize>,
}

#[derive(Debug)]
struct Market {
    symbol: String,
    instrument: Instrument,
}

impl Client {
    /// A client for those of the listings that have a symbol here.
    #[must_use]
    pub fn new(listings: &[Listing]) -> Self {
        let markets: Vec<Market> = listings
            .iter()
            .filter_map(|listing| {
                let symbol = listing.symbol_in(super::NAME)?.to_owned();
                Some(Market { symbol, instrument: listing.instrument.clone() })
            })
            .collect();
        let all = || markets.iter().enumerate();
        let by_symbol = all().map(|(at, market)| (market.symbol.clone(), at)).collect();
        let pair = |it: &Instrument| (it.base.clone(), it.quote.clone());
        let by_pair = all().map(|(at, market)| (pair(&market.instrument), at)).collect();
        Self { markets, by_symbol, by_pair }
    }

    fn happened(&self, happened: &Happened<'_>, heard: &mut Vec<Heard>) -> Result<(), String> {
        match &*happened.event.kind {
            "GROUP_ORDER_BOOK_UPDATED" => {
                let book: BookOf<'_> = read(happened.event.data.get())?;
                self.book(&book, heard)
            }
            "TRADE" => {
                let parties: PartiesData<'_> = read(happened.event.data.get())?;
                let payload = happened.payload.ok_or("a trade has no payload")?;
                let pair = (
                    parties.base_token_symbol.into_owned(),
                    parties.quote_token_symbol.into_owned(),
                );
                let Some(&at) = self.by_pair.get(&pair) else { return Ok(()) };
                let market = &self.markets[at];
                let trade = market.trade(&read(payload.get())?)?;
                let body = EventBody::Printed(trade);
                heard.push(Heard { instrument: market.instrument.id, time: trade.time, body });
                Ok(())
            }
            // Nothing else was asked for.
            _ => Ok(()),
        }
    }

    fn book(&self, book: &BookOf<'_>, heard: &mut Vec<Heard>) -> Result<(), String> {
        let Some(&at) = self.by_symbol.get(&*book.market) else { return Ok(()) };
        let market = &self.markets[at];
        let (time, levels) = market.book(&book.orderbook)?;
        let body = EventBody::BookSnapshot(Box::new(levels));
        heard.push(Heard { instrument: market.instrument.id, time, body });
        Ok(())
    }
}

impl Connector for Client {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        for (at, market) in self.markets.iter().enumerate() {
            let Instrument { base, quote, .. } = &market.instrument;
            let symbol = &market.symbol;
            let mut say = |text: String| errands.push(Errand::Say(text.into_bytes()));
            say(format!(
                r#"{{"type":"SUBSCRIBE","requestId":"{}","pattern":"/trade.symbols/{base}/{quote}","snapshot":false}}"#,
                2 * at
            ));
            say(format!(
                r#"{{"type":"SUBSCRIBE","requestId":"{}","pattern":"/orderbook.group/{symbol}","snapshot":true}}"#,
                2 * at + 1
            ));
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
        if message.status.as_deref() == Some("ERROR") {
            let words = message.message.map_or("nothing", |words| words.get());
            return Err(Misheard::new(format_args!("it refuses with {words}")));
        }
        let told = match (message.kind.as_deref(), message.message, message.payload) {
            (Some("MESSAGE"), Some(happened), _) => {
                read(happened.get()).and_then(|happened| self.happened(&happened, heard))
            }
            (Some("MESSAGE"), None, _) => Err("it tells of nothing".to_owned()),
            // The reply to a subscription that has no state, or none yet, says nothing more.
            (Some("SUBSCRIBED"), _, Some(payload)) if payload.get() != "null" => {
                read(payload.get()).and_then(|First { snapshot }| self.book(&snapshot, heard))
            }
            _ => Ok(()),
        };
        told.map_err(|why| {
            let kind = message.kind.as_deref().unwrap_or_default();
            Misheard::new(format_args!("in a {kind}: {why}"))
        })
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

fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// Reads a moment, which may lack its zone: it is UTC.
fn moment(text: &str) -> Result<Time, String> {
    let zoned = || read_moment(&format!("{text}Z"));
    read_moment(text).or_else(zoned).ok_or_else(|| format!("{text:?} is no time"))
}

impl Market {
    fn book(&self, book: &BookData<'_>) -> Result<(Time, LevelBook), String> {
        let levels = LevelBook { bids: self.levels(&book.bid)?, asks: self.levels(&book.ask)? };
        if !levels.bids.is_sorted_by(|one, next| one.price > next.price) {
            return Err(format!("bids of {} do not fall from level to level", self.symbol));
        }
        if !levels.asks.is_sorted_by(|one, next| one.price < next.price) {
            return Err(format!("asks of {} do not rise from level to level", self.symbol));
        }
        Ok((moment(&book.timestamp)?, levels))
    }

    fn levels(&self, levels: &[LevelData<'_>]) -> Result<Vec<Level>, String> {
        if levels.len() > ROWS_MAX {
            return Err(format!("the book of {} has too many levels", self.symbol));
        }
        let level = |level: &LevelData<'_>| {
            Ok(Level { price: self.price(&level.price)?, quantity: self.quantity(&level.volume)? })
        };
        levels.iter().map(level).collect()
    }

    fn trade(&self, data: &TradeData<'_>) -> Result<Trade, String> {
        let aggressor = match &*data.direction {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            other => return Err(format!("{other:?} is no direction")),
        };
        Ok(Trade {
            id: TradeId(data.id),
            time: moment(&data.timestamp)?,
            price: self.price(&data.price)?,
            quantity: self.quantity(&data.quantity)?,
            aggressor,
            // Which orders met is not told, and wallets are no accounts of ours.
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

    fn quantity(&self, text: &str) -> Result<Quantity, String> {
        let units = parse_units(text.as_bytes(), self.instrument.quantity_decimals)
            .map_err(|error| format!("the quantity {text:?} is refused: {error}"))?;
        match self.instrument.quantity_of_units(units) {
            Some(quantity @ Quantity(1..=UNITS_MAX)) => Ok(quantity),
            Some(_) => Err(format!("the quantity {text} is out of range")),
            None => Err(format!("the quantity {text} is no whole number of lots")),
        }
    }
}
