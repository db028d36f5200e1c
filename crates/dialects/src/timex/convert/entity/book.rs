//! Books: order by order, by price, and by price with what lies before each. Sections B5.3, B5.4 and B8.6.

use model::{Level, OrderEntry, Price, Side, Span, Time};

use super::{direction, order_hash, price, quantity, stamp, turnover};
use crate::json::list;
use crate::kept::Summed;
use crate::text::integer;
use crate::timex::convert::Market;

/// How long an order lives of which nobody said so: a hundred years, as the captures have it.
const CENTURY: Span = Span::seconds(36_524 * 86_400);

/// When an order that came at `created` will be gone.
pub fn expiry(created: Time, expires: Option<Time>) -> Time {
    expires.unwrap_or(created + CENTURY)
}

/// An order in a book. B5.3.
///
/// ```json
/// {"market":"ETHUSD","hash":"0x68e6…2976","direction":"BUY","quantity":"6","price":"1323.3",
///  "createdAt":"2022-09-19T18:03:29.618","expiredAt":"2022-09-19T18:04:29.597"}
/// ```
pub fn write_raw_order(out: &mut Vec<u8>, market: &Market, side: Side, order: &OrderEntry) {
    out.extend_from_slice(br#"{"market":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","hash":""#);
    out.extend_from_slice(&order_hash(order.order));
    out.extend_from_slice(br#"","direction":""#);
    out.extend_from_slice(direction(side).as_bytes());
    out.extend_from_slice(br#"","quantity":""#);
    quantity(out, market, order.quantity);
    out.extend_from_slice(br#"","price":""#);
    price(out, market, order.price);
    out.extend_from_slice(br#"","createdAt":""#);
    stamp(out, order.time);
    out.extend_from_slice(br#"","expiredAt":""#);
    stamp(out, expiry(order.time, order.expires));
    out.extend_from_slice(br#""}"#);
}

/// A price level. B5.4.
///
/// ```json
/// {"price":"1326.3","volume":"6","volumeQuote":"7957.8"}
/// ```
pub fn write_level(out: &mut Vec<u8>, market: &Market, level: &Level) {
    out.extend_from_slice(br#"{"price":""#);
    price(out, market, level.price);
    out.extend_from_slice(br#"","volume":""#);
    quantity(out, market, level.quantity);
    out.extend_from_slice(br#"","volumeQuote":""#);
    turnover(out, market, i128::from(level.price.0) * i128::from(level.quantity.0));
    out.extend_from_slice(br#""}"#);
}

/// The members `bid` and `ask` of a book, best first, each level with what lies before it. B8.6.
///
/// ```json
/// "bid":[{"index":"49","price":"1324","baseTokenAmount":"6","baseTokenCumulativeAmount":"6","quoteTokenAmount":"7944",
///  "quoteTokenCumulativeAmount":"7944","ownerOrdersInLevel":false}],"ask":[…]
/// ```
pub fn write_book_levels<'a>(
    out: &mut Vec<u8>,
    market: &Market,
    bids: impl Iterator<Item = &'a Level> + Clone,
    asks: impl Iterator<Item = &'a Level> + Clone,
) {
    let middle = middle(bids.clone().next(), asks.clone().next());
    out.extend_from_slice(br#""bid":["#);
    list(out, Summed::all(bids, middle), |out, level| write_summed(out, market, &level));
    out.extend_from_slice(br#"],"ask":["#);
    list(out, Summed::all(asks, middle), |out, level| write_summed(out, market, &level));
    out.push(b']');
}

/// The middle of a book, from which its levels are counted: that of the best two prices, or the one there is. B8.6.
pub fn middle(bid: Option<&Level>, ask: Option<&Level>) -> Price {
    let price = |level: Option<&Level>| level.map(|level| level.price.0);
    Price(match (price(bid), price(ask)) {
        (Some(bid), Some(ask)) => (bid + ask).div_euclid(2),
        (bid, ask) => bid.or(ask).unwrap_or(0),
    })
}

/// A level with what lies before it.
pub fn write_summed(out: &mut Vec<u8>, market: &Market, summed: &Summed) {
    let Summed { level, middle, quantity: base, turnover: quote } = *summed;
    out.extend_from_slice(br#"{"index":""#);
    integer(out, middle.0 - level.price.0);
    out.extend_from_slice(br#"","price":""#);
    price(out, market, level.price);
    out.extend_from_slice(br#"","baseTokenAmount":""#);
    quantity(out, market, level.quantity);
    out.extend_from_slice(br#"","baseTokenCumulativeAmount":""#);
    quantity(out, market, base);
    out.extend_from_slice(br#"","quoteTokenAmount":""#);
    turnover(out, market, i128::from(level.price.0) * i128::from(level.quantity.0));
    out.extend_from_slice(br#"","quoteTokenCumulativeAmount":""#);
    turnover(out, market, quote);
    // Whoever asks for a book is not known, whatever it shows: see B2.
    out.extend_from_slice(br#"","ownerOrdersInLevel":false}"#);
}
