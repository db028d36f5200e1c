//! What a Bitstamp venue says, made into books and trades: prices and amounts become ticks and lots exactly or
//! not at all, and what is out of all bounds is refused.

use model::decimal::parse_units;
use model::{Instrument, Level, LevelBook, OrderId, Price, Quantity, Side, Time, Trade, TradeId};

use super::super::wire::{BookData, Envelope, TradeData};
use crate::connector::Misheard;
use crate::rows::Rows;

/// The largest count of ticks or lots that is believed: sums of a few stay far from the end of 64 bits.
const UNITS_MAX: i64 = 1_000_000_000_000_000_000;
/// The latest stamp that is believed: the end of the year 9999, in microseconds.
const STAMP_MAX: i64 = 253_402_300_799_999_999;

/// Levels and their stamp.
#[derive(Debug)]
pub(super) struct Diff {
    pub(super) time: Time,
    pub(super) book: Box<LevelBook>,
}

impl Diff {
    pub(super) fn levels(&self) -> usize {
        self.book.bids.len() + self.book.asks.len()
    }
}

/// Reads any message.
pub(super) fn message(text: &[u8]) -> Result<Envelope<'_>, Misheard> {
    serde_json::from_slice(text)
        .map_err(|error| Misheard::new(format_args!("its message is no message: {error}")))
}

/// Reads what a message tells of a book.
pub(super) fn diff(message: &Envelope<'_>, instrument: &Instrument) -> Result<Diff, Misheard> {
    levels(message.data.get().as_bytes(), instrument, Quantity::ZERO)
        .map_err(|why| Misheard::new(format_args!("in {}: {why}", message.channel)))
}

/// Reads what a message tells of a trade.
pub(super) fn trade(message: &Envelope<'_>, instrument: &Instrument) -> Result<Trade, Misheard> {
    trade_or_why(message.data.get(), instrument)
        .map_err(|why| Misheard::new(format_args!("in {}: {why}", message.channel)))
}

/// The numbers that are not exact are not read.
fn trade_or_why(json: &str, instrument: &Instrument) -> Result<Trade, String> {
    let data: TradeData<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let (aggressor, maker, taker) = match data.side {
        0 => (Side::Buy, data.sell_order_id, data.buy_order_id),
        1 => (Side::Sell, data.buy_order_id, data.sell_order_id),
        other => return Err(format!("type {other} is neither 0 nor 1")),
    };
    Ok(Trade {
        id: TradeId(data.id),
        time: stamp(data.microtimestamp)?,
        price: price(data.price_str, instrument)?,
        quantity: quantity(data.amount_str, instrument, Quantity(1))?,
        aggressor,
        maker: OrderId(maker),
        taker: OrderId(taker),
        maker_account: None,
        taker_account: None,
    })
}

/// Reads the body of the HTTP half's order book.
pub(super) fn book(body: &[u8], instrument: &Instrument) -> Result<Diff, Misheard> {
    levels(body, instrument, Quantity(1))
        .map_err(|why| Misheard::new(format_args!("in its book: {why}")))
}

fn levels(json: &[u8], instrument: &Instrument, least: Quantity) -> Result<Diff, String> {
    let data: BookData<'_> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let side = |Rows(wire): &Rows<'_, 2>| -> Result<Vec<Level>, String> {
        let level = |[at, amount]: &[&str; 2]| -> Result<Level, String> {
            let price = price(at, instrument)?;
            Ok(Level { price, quantity: quantity(amount, instrument, least)? })
        };
        wire.iter().map(level).collect()
    };
    let (bids, asks) = (side(&data.bids)?, side(&data.asks)?);
    if !bids.is_sorted_by(|one, next| one.price > next.price) {
        return Err("bids do not fall from level to level".to_owned());
    }
    if !asks.is_sorted_by(|one, next| one.price < next.price) {
        return Err("asks do not rise from level to level".to_owned());
    }
    Ok(Diff { time: stamp(data.microtimestamp)?, book: Box::new(LevelBook { bids, asks }) })
}

fn stamp(text: &str) -> Result<Time, String> {
    match parse_units(text.as_bytes(), 0) {
        Ok(micros @ 1..=STAMP_MAX) => Ok(Time(micros)),
        Ok(_) => Err(format!("the stamp {} is out of all time", text)),
        Err(error) => Err(format!("the stamp {:?} is {error}", text)),
    }
}

fn price(text: &str, instrument: &Instrument) -> Result<Price, String> {
    let units = parse_units(text.as_bytes(), instrument.price_decimals)
        .map_err(|error| format!("the price {:?} is refused: {error}", text))?;
    match instrument.price_of_units(units) {
        Some(price @ Price(1..=UNITS_MAX)) => Ok(price),
        Some(_) => Err(format!("the price {} is out of range", text)),
        None => Err(format!("the price {} is no whole number of ticks", text)),
    }
}

fn quantity(text: &str, instrument: &Instrument, least: Quantity) -> Result<Quantity, String> {
    let units = parse_units(text.as_bytes(), instrument.quantity_decimals)
        .map_err(|error| format!("the amount {:?} is refused: {error}", text))?;
    match instrument.quantity_of_units(units) {
        Some(quantity) if (least.0..=UNITS_MAX).contains(&quantity.0) => Ok(quantity),
        Some(_) => Err(format!("the amount {} is out of range", text)),
        None => Err(format!("the amount {} is no whole number of lots", text)),
    }
}
