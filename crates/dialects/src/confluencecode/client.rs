//! The client half: authenticates with a ConfluenceCode venue, subscribes to the trades of its markets, and turns them
//! into events. It tells no books.
//!
//! It does no I/O and keeps no time. The venue numbers no trades; what stands for a number is made of their ids
//! ([`trade_number`]). Which orders met is not told.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use model::decimal::parse_units;
use model::{EventBody, Instrument, Listing, OrderId, Price, Quantity, Side, Time, Trade, TradeId};
use serde_json::json;

use super::channel::EventType;
use super::convert::Place;
use super::wire::{FILTERS_MAX, Message, TradeObject};
use crate::connector::{Connector, Errand, Heard, Misheard};
use crate::published::{KeyPlace, Published, Tells};

/// What is published of the venue: not where it is, and it has no directory.
pub const PUBLISHED: Published = Published {
    socket: None,
    http: None,
    directory: None,
    beat: None,
    key: KeyPlace::Said,
    tells: Tells::Trades,
};

/// The largest count of ticks or lots that is believed: sums of a few stay far from the end of 64 bits.
const UNITS_MAX: i64 = 1_000_000_000_000_000_000;

/// Listens to the trades of a ConfluenceCode venue.
pub struct Client {
    key: Box<str>,
    /// By exchange and market.
    markets: BTreeMap<(u32, Box<str>), Instrument>,
}

/// Tells the markets, and not the key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("markets", &self.markets.keys()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with this key, for those of the listings that have a symbol here.
    #[must_use]
    pub fn new(listings: &[Listing], key: &str) -> Self {
        let place = |listing: &Listing| {
            let Place { exchange, market, .. } = Place::parse(listing.symbol_in(super::NAME)?)?;
            Some(((exchange, market), listing.instrument.clone()))
        };
        Self { key: key.into(), markets: listings.iter().filter_map(place).collect() }
    }

    fn subscribe(&self, errands: &mut Vec<Errand>) {
        let kind = EventType::Trade.name();
        let filters: Vec<_> = self
            .markets
            .keys()
            .map(|(exchange, market)| {
                json!({"eventType": kind, "exchangeId": exchange, "market": market})
            })
            .collect();
        for streams in filters.chunks(FILTERS_MAX) {
            let request = json!({"action": "subscribe", "body": {"streams": streams}});
            errands.push(Errand::Say(request.to_string().into_bytes()));
        }
    }
}

impl Connector for Client {
    fn opened(&mut self, errands: &mut Vec<Errand>) {
        let request = json!({"action": "authenticate", "body": {"apiKey": self.key}});
        errands.push(Errand::Say(request.to_string().into_bytes()));
    }

    fn message(
        &mut self,
        text: &[u8],
        heard: &mut Vec<Heard>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), Misheard> {
        let misheard = |why: &dyn fmt::Display| {
            Misheard::new(format_args!("its message is no message: {why}"))
        };
        let message: Message<'_> = serde_json::from_slice(text).map_err(|why| misheard(&why))?;
        match (message.action.as_deref(), message.success, message.k.as_deref()) {
            (Some("authenticate"), Some(true), _) => self.subscribe(errands),
            (Some(_), Some(true), _) => {}
            (Some(action), _, _) => {
                let error = message.error.as_deref().unwrap_or("no reason");
                return Err(Misheard::new(format_args!("it refuses to {action}: {error}")));
            }
            (None, _, Some(kind)) if EventType::called(kind) == Some(EventType::Trade) => {
                let object: TradeObject<'_> =
                    serde_json::from_slice(text).map_err(|why| misheard(&why))?;
                let Some(instrument) = self.markets.get(&(object.e, object.m.as_ref().into()))
                else {
                    return Ok(());
                };
                let trade = trade(&object, instrument).map_err(|why| {
                    Misheard::new(format_args!("in {} of exchange {}: {why}", object.m, object.e))
                })?;
                let body = EventBody::Printed(trade);
                heard.push(Heard { instrument: instrument.id, time: trade.time, body });
            }
            // Of a kind that nobody asked for.
            (None, _, Some(_)) => {}
            (None, _, None) => return Err(misheard(&"it is neither response nor object")),
        }
        Ok(())
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

/// What a trade is to us.
///
/// # Errors
/// What is wrong with it.
fn trade(object: &TradeObject<'_>, rules: &Instrument) -> Result<Trade, String> {
    let number = trade_number(object.i).ok_or_else(|| format!("{:?} is no UUID", object.i))?;
    let millis = Some(object.t).filter(|millis| (0..=i64::MAX / 1_000).contains(millis));
    let millis = millis.ok_or_else(|| format!("{} is no time", object.t))?;
    Ok(Trade {
        id: TradeId(number),
        time: Time::from_millis(millis),
        price: price(object.p, rules)?,
        quantity: quantity(object.q, rules)?,
        aggressor: if object.s { Side::Sell } else { Side::Buy },
        maker: OrderId(0),
        taker: OrderId(0),
        maker_account: None,
        taker_account: None,
    })
}

/// A number for the trade of this id: the first 53 bits of its UUID that are digest, so that it fits every dialect.
/// Among a million trades two share one with a chance of one in 20,000.
#[must_use]
pub fn trade_number(id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    let is_uuid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_uuid {
        return None;
    }
    // The thirteenth digit is the version.
    let digits = [&id[..8], &id[9..13], &id[15..17]].concat();
    u64::from_str_radix(&digits, 16).ok().map(|bits| bits >> 3)
}

fn price(text: &str, rules: &Instrument) -> Result<Price, String> {
    let units = parse_units(text.as_bytes(), rules.price_decimals)
        .map_err(|error| format!("the price {text:?} is refused: {error}"))?;
    match rules.price_of_units(units) {
        Some(price @ Price(1..=UNITS_MAX)) => Ok(price),
        Some(_) => Err(format!("the price {text} is out of range")),
        None => Err(format!("the price {text} is no whole number of ticks")),
    }
}

fn quantity(text: &str, rules: &Instrument) -> Result<Quantity, String> {
    let units = parse_units(text.as_bytes(), rules.quantity_decimals)
        .map_err(|error| format!("the quantity {text:?} is refused: {error}"))?;
    match rules.quantity_of_units(units) {
        Some(quantity @ Quantity(1..=UNITS_MAX)) => Ok(quantity),
        Some(_) => Err(format!("the quantity {text} is out of range")),
        None => Err(format!("the quantity {text} is no whole number of lots")),
    }
}
