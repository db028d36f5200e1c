//! What a Bitstamp venue says, read with bounds: one wire struct for each message that the client half
//! understands. Prices and amounts become ticks and lots exactly or not at all.

use std::borrow::Cow;

use model::decimal::parse_units;
use model::{Instrument, Level, LevelBook, OrderId, Price, Quantity, Side, Time, Trade, TradeId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::connector::Misheard;

/// The largest count of ticks or lots that is believed: sums of a few stay far from the end of 64 bits.
const UNITS_MAX: i64 = 1_000_000_000_000_000_000;
/// The latest stamp that is believed: the end of the year 9999, in microseconds.
const STAMP_MAX: i64 = 253_402_300_799_999_999;

/// A string, borrowed unless it was written with escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Any message: `{"data":{…},"channel":"diff_order_book_btcusd","event":"data"}` (protocol section 4).
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow, default)]
    channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// The state of a book, or what changed in it (sections 5.5 and 8.3):
/// `{"timestamp":"1791403680","microtimestamp":"1791403680093950","bids":[["83463.08","0.55048175"]],"asks":[]}`.
#[derive(Debug, Deserialize)]
struct BookData<'a> {
    #[serde(borrow)]
    microtimestamp: Text<'a>,
    #[serde(borrow)]
    bids: Vec<[Text<'a>; 2]>,
    #[serde(borrow)]
    asks: Vec<[Text<'a>; 2]>,
}

/// A trade (section 5.1): `{"id":650885871,"timestamp":"1791403680","amount":0.00274133,"amount_str":"0.00274133",
/// "price":83463.08,"price_str":"83463.08","type":1,"microtimestamp":"1791403680349000",
/// "buy_order_id":2058521371389952,"sell_order_id":2058521418514434}`. The numbers that are not exact are not read.
#[derive(Debug, Deserialize)]
struct TradeData<'a> {
    id: u64,
    #[serde(borrow)]
    amount_str: Text<'a>,
    #[serde(borrow)]
    price_str: Text<'a>,
    r#type: u8,
    #[serde(borrow)]
    microtimestamp: Text<'a>,
    buy_order_id: u64,
    sell_order_id: u64,
}

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

impl<'a> Envelope<'a> {
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Misheard> {
        serde_json::from_slice(text)
            .map_err(|error| Misheard::new(format_args!("its message is no message: {error}")))
    }

    pub(super) fn event(&self) -> &str {
        &self.event.0
    }

    /// The channel; empty if none is given.
    pub(super) fn channel(&self) -> &str {
        self.channel.as_ref().map_or("", |channel| &channel.0)
    }

    /// The data as it was written.
    pub(super) fn data(&self) -> &'a str {
        self.data.map_or("null", RawValue::get)
    }

    pub(super) fn diff(&self, instrument: &Instrument) -> Result<Diff, Misheard> {
        levels(self.data().as_bytes(), instrument, Quantity::ZERO).map_err(|why| self.bad(why))
    }

    pub(super) fn trade(&self, instrument: &Instrument) -> Result<Trade, Misheard> {
        self.trade_or_why(instrument).map_err(|why| self.bad(why))
    }

    fn trade_or_why(&self, instrument: &Instrument) -> Result<Trade, String> {
        let data: TradeData<'_> =
            serde_json::from_str(self.data()).map_err(|error| error.to_string())?;
        let (aggressor, maker, taker) = match data.r#type {
            0 => (Side::Buy, data.sell_order_id, data.buy_order_id),
            1 => (Side::Sell, data.buy_order_id, data.sell_order_id),
            other => return Err(format!("type {other} is neither 0 nor 1")),
        };
        Ok(Trade {
            id: TradeId(data.id),
            time: stamp(&data.microtimestamp)?,
            price: price(&data.price_str, instrument)?,
            quantity: quantity(&data.amount_str, instrument, Quantity(1))?,
            aggressor,
            maker: OrderId(maker),
            taker: OrderId(taker),
        })
    }

    fn bad(&self, why: String) -> Misheard {
        Misheard::new(format_args!("in {}: {why}", self.channel()))
    }
}

/// Reads the body of the HTTP half's order book.
pub(super) fn book(body: &[u8], instrument: &Instrument) -> Result<Diff, Misheard> {
    levels(body, instrument, Quantity(1))
        .map_err(|why| Misheard::new(format_args!("in its book: {why}")))
}

fn levels(json: &[u8], instrument: &Instrument, least: Quantity) -> Result<Diff, String> {
    let data: BookData<'_> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let side = |wire: &[[Text<'_>; 2]]| -> Result<Vec<Level>, String> {
        let level = |[at, amount]: &[Text<'_>; 2]| -> Result<Level, String> {
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
    Ok(Diff { time: stamp(&data.microtimestamp)?, book: Box::new(LevelBook { bids, asks }) })
}

fn stamp(text: &Text<'_>) -> Result<Time, String> {
    match parse_units(text.0.as_bytes(), 0) {
        Ok(micros @ 1..=STAMP_MAX) => Ok(Time(micros)),
        Ok(_) => Err(format!("the stamp {} is out of all time", text.0)),
        Err(error) => Err(format!("the stamp {:?} is {error}", text.0)),
    }
}

fn price(text: &Text<'_>, instrument: &Instrument) -> Result<Price, String> {
    let units = parse_units(text.0.as_bytes(), instrument.price_decimals)
        .map_err(|error| format!("the price {:?} is refused: {error}", text.0))?;
    match instrument.price_of_units(units) {
        Some(price @ Price(1..=UNITS_MAX)) => Ok(price),
        Some(_) => Err(format!("the price {} is out of range", text.0)),
        None => Err(format!("the price {} is no whole number of ticks", text.0)),
    }
}

fn quantity(text: &Text<'_>, instrument: &Instrument, least: Quantity) -> Result<Quantity, String> {
    let units = parse_units(text.0.as_bytes(), instrument.quantity_decimals)
        .map_err(|error| format!("the amount {:?} is refused: {error}", text.0))?;
    match instrument.quantity_of_units(units) {
        Some(quantity) if (least.0..=UNITS_MAX).contains(&quantity.0) => Ok(quantity),
        Some(_) => Err(format!("the amount {} is out of range", text.0)),
        None => Err(format!("the amount {} is no whole number of lots", text.0)),
    }
}
