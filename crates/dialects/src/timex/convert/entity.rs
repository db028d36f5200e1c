//! The venue's entities as bytes: what replies and pushes are made of. Section B8.
//!
//! Each function appends one entity, its keys in the order of the captures. Decimals are texts in plain notation without
//! zeros at their end. Nothing is read here; in tests `serde` reads the bytes back.

mod book;
mod hash;
mod listed;
mod own;

pub use book::{middle, write_book_levels, write_level, write_raw_order, write_summed};
pub use hash::{order_hash, read_order_hash};
pub use listed::{TRADE_DECIMALS, write_currency, write_market};
pub use own::{expire_time, is_told, write_balance, write_my_trade, write_order};

use model::{Amount, Candle, OwnOrder, OwnOrderUpdate, Price, Quantity, Side, Ticker, Time, Trade};

use super::{Market, Token};
use crate::iso;
use crate::text::{ESCAPED_BYTES_MAX, Pen, integer, make_room, shortest};
use crate::timex::channel::Period;

/// A moment without a zone, as events, trades and books have it: `2022-09-19T17:57:05.158`.
pub fn stamp(out: &mut Vec<u8>, time: Time) {
    out.extend_from_slice(&iso::moment(time)[..23]);
}

/// A moment with its zone, as orders and answered books have it: `2022-09-20T21:40:23.324Z`.
pub fn stamp_z(out: &mut Vec<u8>, time: Time) {
    out.extend_from_slice(&iso::moment(time));
}

/// A price.
pub fn price(out: &mut Vec<u8>, market: &Market, price: Price) {
    let units = i128::from(market.instrument.price_units(price));
    shortest(out, units, market.instrument.price_decimals);
}

/// A quantity.
pub fn quantity(out: &mut Vec<u8>, market: &Market, quantity: Quantity) {
    let units = i128::from(market.instrument.quantity_units(quantity));
    shortest(out, units, market.instrument.quantity_decimals);
}

/// What changes hands in the quote token, given in ticks × lots.
pub fn turnover(out: &mut Vec<u8>, market: &Market, turnover: i128) {
    let rules = &market.instrument;
    let step = i128::from(rules.tick_units) * i128::from(rules.lot_units);
    shortest(out, turnover * step, rules.price_decimals + rules.quantity_decimals);
}

/// An amount of a token.
pub fn amount(out: &mut Vec<u8>, token: &Token, amount: Amount) {
    shortest(out, amount.0, token.asset.decimals);
}

/// An amount of a token as events on a chain have it: a whole number, scaled by [`TRADE_DECIMALS`]. What is finer than
/// that is cut.
pub fn token_amount(out: &mut Vec<u8>, token: &Token, amount: Amount) {
    let (decimals, scale) = (token.asset.decimals, TRADE_DECIMALS);
    if decimals > scale {
        integer(out, amount.0 / 10_i128.pow(u32::from(decimals - scale)));
        return;
    }
    integer(out, amount.0);
    if amount != Amount::ZERO {
        out.extend(std::iter::repeat_n(b'0', usize::from(scale - decimals)));
    }
}

/// A side, as the venue names it.
pub const fn direction(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Appends a text in quotes, escaped as far as it needs to be.
pub fn quoted(out: &mut Vec<u8>, text: &str) {
    let start = make_room(out, 2 + ESCAPED_BYTES_MAX * text.len());
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(b"\"");
    pen.escaped(text);
    pen.put(b"\"");
    let end = start + pen.written();
    out.truncate(end);
}

/// A trade as everybody is told it. B8.4.
///
/// ```json
/// {"id":30688846,"timestamp":"2022-09-10T16:46:26.584","direction":"SELL","price":"21329","quantity":"0.005"}
/// ```
pub fn write_trade(out: &mut Vec<u8>, market: &Market, trade: &Trade) {
    out.extend_from_slice(br#"{"id":"#);
    integer(out, trade.id.0);
    out.extend_from_slice(br#","timestamp":""#);
    stamp(out, trade.time);
    out.extend_from_slice(br#"","direction":""#);
    out.extend_from_slice(direction(trade.aggressor).as_bytes());
    out.extend_from_slice(br#"","price":""#);
    price(out, market, trade.price);
    out.extend_from_slice(br#"","quantity":""#);
    quantity(out, market, trade.quantity);
    out.extend_from_slice(br#""}"#);
}

/// Statistics of a period. What is not known is null. B8.5.
///
/// ```json
/// {"market":"ETHAUDT","period":"D1","timestamp":"2022-09-19T17:57:05.158Z","open":"4500","high":"4510.5","low":"4490",
///  "last":"4501","bid":"4500.5","ask":"4501.5","volume":"12.5","volumeQuote":"56262.5"}
/// ```
pub fn write_ticker(out: &mut Vec<u8>, market: &Market, period: Period, ticker: &Ticker) {
    out.extend_from_slice(br#"{"market":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","period":""#);
    out.extend_from_slice(period.name.as_bytes());
    out.extend_from_slice(br#"","timestamp":""#);
    stamp_z(out, ticker.time);
    out.push(b'"');
    let mut known = |name: &[u8], value: Option<Price>| {
        out.extend_from_slice(name);
        match value {
            None => out.extend_from_slice(b"null"),
            Some(value) => {
                out.push(b'"');
                price(out, market, value);
                out.push(b'"');
            }
        }
    };
    known(br#","open":"#, ticker.open);
    known(br#","high":"#, ticker.high);
    known(br#","low":"#, ticker.low);
    known(br#","last":"#, ticker.last);
    known(br#","bid":"#, ticker.bid);
    known(br#","ask":"#, ticker.ask);
    out.extend_from_slice(br#","volume":""#);
    quantity(out, market, ticker.volume);
    out.extend_from_slice(br#"","volumeQuote":""#);
    turnover(out, market, ticker.turnover);
    out.extend_from_slice(br#""}"#);
}

/// A candle; its beginning is a whole second and is written so. B8.7.
///
/// ```json
/// {"timestamp":"2019-12-04T23:00:00","open":"0.02024009","high":"0.02024009","low":"0.02024009","close":"0.02024009",
///  "volume":"0.00096036","volumeQuote":"0.036"}
/// ```
pub fn write_candle(out: &mut Vec<u8>, market: &Market, candle: &Candle) {
    out.extend_from_slice(br#"{"timestamp":""#);
    out.extend_from_slice(&iso::moment(candle.start)[..19]);
    out.extend_from_slice(br#"","open":""#);
    price(out, market, candle.open);
    out.extend_from_slice(br#"","high":""#);
    price(out, market, candle.high);
    out.extend_from_slice(br#"","low":""#);
    price(out, market, candle.low);
    out.extend_from_slice(br#"","close":""#);
    price(out, market, candle.close);
    out.extend_from_slice(br#"","volume":""#);
    quantity(out, market, candle.volume);
    out.extend_from_slice(br#"","volumeQuote":""#);
    turnover(out, market, candle.turnover);
    out.extend_from_slice(br#""}"#);
}

/// The order that a step tells of, as it is after it.
pub fn order_after(step: &OwnOrderUpdate) -> OwnOrder {
    OwnOrder {
        instrument: step.instrument,
        order: step.order,
        label: step.label.clone(),
        standing: step.standing,
        filled: step.filled,
        created: step.created,
        changed: step.time,
        replaces: step.replaced.as_ref().map(|old| old.order.id),
        woken: step.woken,
        purpose: step.purpose,
    }
}

#[cfg(test)]
mod tests;
