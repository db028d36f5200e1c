//! What an account is shown of itself: orders, balances, trades. Sections B8.1 to B8.3.

use model::{
    Balance, Filled, Liquidity, OrderKind, OrderState, OwnOrder, OwnTrade, Standing, Time,
    TimeInForce,
};

use super::book::expiry;
use super::{amount, direction, order_hash, price, quantity, quoted, stamp, stamp_z};
use crate::text::{integer, shortest};
use crate::timex::convert::{Market, Token};

/// With how many decimals an average price is told at most; what is finer is cut.
const AVERAGE_DECIMALS: u8 = 18;

/// Whether the venue has words for an order: stop orders, which it does not know, are told once they are woken.
pub fn is_told(own: &OwnOrder) -> bool {
    own.order.trigger.is_none() || !matches!(own.standing, Standing::Armed | Standing::Triggered)
}

/// An order. B8.1.
///
/// ```json
/// {"id":"0x32bd…5c39","cursorId":1893929467,"clientOrderId":null,"symbol":"ETHAUDT","side":"BUY","type":"LIMIT",
///  "quantity":"36","filledQuantity":"0","cancelledQuantity":"0","price":"1","avgPrice":null,
///  "createdAt":"2022-09-20T21:40:23.324Z","updatedAt":"2022-09-20T21:40:23.324Z","expireTime":"2022-09-20T21:40:26.323Z"}
/// ```
pub fn write_order(out: &mut Vec<u8>, market: &Market, own: &OwnOrder) {
    let order = &own.order;
    out.extend_from_slice(br#"{"id":""#);
    out.extend_from_slice(&order_hash(order.id));
    out.extend_from_slice(br#"","cursorId":"#);
    integer(out, order.id.0);
    out.extend_from_slice(br#","clientOrderId":"#);
    match &own.label {
        None => out.extend_from_slice(b"null"),
        Some(label) => quoted(out, label),
    }
    out.extend_from_slice(br#","symbol":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","side":""#);
    out.extend_from_slice(direction(order.side).as_bytes());
    out.extend_from_slice(br#"","type":""#);
    out.extend_from_slice(order_type(order).as_bytes());
    out.extend_from_slice(br#"","quantity":""#);
    quantity(out, market, order.original);
    out.extend_from_slice(br#"","filledQuantity":""#);
    quantity(out, market, own.filled.quantity);
    out.extend_from_slice(br#"","cancelledQuantity":""#);
    quantity(out, market, own.canceled());
    out.extend_from_slice(br#"","price":""#);
    let is_filled = !own.filled.quantity.is_zero();
    match order.kind {
        OrderKind::Limit(limit) => price(out, market, limit),
        OrderKind::Market if is_filled => average(out, market, &own.filled),
        OrderKind::Market => out.push(b'0'),
    }
    out.extend_from_slice(br#"","avgPrice":"#);
    if is_filled {
        out.push(b'"');
        average(out, market, &own.filled);
        out.push(b'"');
    } else {
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(br#","createdAt":""#);
    stamp_z(out, own.created);
    out.extend_from_slice(br#"","updatedAt":""#);
    stamp_z(out, own.changed);
    out.extend_from_slice(br#"","expireTime":""#);
    stamp_z(out, expire_time(own));
    out.extend_from_slice(br#""}"#);
}

/// The type of an order; those that came by another way are limit orders at least.
fn order_type(order: &OrderState) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::Market, _) => "MARKET",
        (OrderKind::Limit(_), TimeInForce::FillOrKill) => "FILL_OR_KILL",
        (OrderKind::Limit(_), _) if order.post_only => "POST_ONLY",
        (OrderKind::Limit(_), _) => "LIMIT",
    }
}

/// When an order is gone: at once if it never rests.
pub fn expire_time(own: &OwnOrder) -> Time {
    match (own.order.kind, own.order.time_in_force) {
        (OrderKind::Market, _) | (_, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill) => {
            own.created
        }
        _ => expiry(own.created, own.order.expires()),
    }
}

/// The average price of what was filled, as exactly as there are decimals for it.
fn average(out: &mut Vec<u8>, market: &Market, filled: &Filled) {
    let quantity = i128::from(filled.quantity.0);
    let units = filled.turnover * i128::from(market.instrument.tick_units);
    let (mut average, mut rest) = (units / quantity, units % quantity);
    let mut decimals = market.instrument.price_decimals;
    while rest > 0 && decimals < AVERAGE_DECIMALS {
        average = average * 10 + rest * 10 / quantity;
        rest = rest * 10 % quantity;
        decimals += 1;
    }
    shortest(out, average, decimals);
}

/// What an account holds of a token, what is locked included. B8.2.
///
/// ```json
/// {"currency":"AUDT","totalBalance":"111.672571309375","lockedBalance":"36.09"}
/// ```
pub fn write_balance(out: &mut Vec<u8>, token: &Token, balance: &Balance) {
    out.extend_from_slice(br#"{"currency":""#);
    out.extend_from_slice(token.symbol().as_bytes());
    out.extend_from_slice(br#"","totalBalance":""#);
    amount(out, token, balance.available + balance.held);
    out.extend_from_slice(br#"","lockedBalance":""#);
    amount(out, token, balance.held);
    out.extend_from_slice(br#""}"#);
}

/// An account's part in a trade. B8.3.
///
/// ```json
/// {"id":30978252,"makerOrderId":"0x…","takerOrderId":"0x…","symbol":"ETHAUDT","side":"BUY","quantity":"0.01",
///  "fee":"0.00064","feeToken":"AUDT","price":"64","makerOrTaker":"TAKER","timestamp":"2021-04-09T15:39:45.608"}
/// ```
pub fn write_my_trade(out: &mut Vec<u8>, market: &Market, fee_token: &Token, trade: &OwnTrade) {
    out.extend_from_slice(br#"{"id":"#);
    integer(out, trade.id.0);
    out.extend_from_slice(br#","makerOrderId":""#);
    out.extend_from_slice(&order_hash(trade.maker));
    out.extend_from_slice(br#"","takerOrderId":""#);
    out.extend_from_slice(&order_hash(trade.taker));
    out.extend_from_slice(br#"","symbol":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","side":""#);
    out.extend_from_slice(direction(trade.side).as_bytes());
    out.extend_from_slice(br#"","quantity":""#);
    quantity(out, market, trade.quantity);
    out.extend_from_slice(br#"","fee":""#);
    amount(out, fee_token, trade.fee);
    out.extend_from_slice(br#"","feeToken":""#);
    out.extend_from_slice(fee_token.symbol().as_bytes());
    out.extend_from_slice(br#"","price":""#);
    price(out, market, trade.price);
    out.extend_from_slice(br#"","makerOrTaker":""#);
    out.extend_from_slice(match trade.liquidity {
        Liquidity::Maker => b"MAKER",
        Liquidity::Taker => b"TAKER",
    });
    out.extend_from_slice(br#"","timestamp":""#);
    stamp(out, trade.time);
    out.extend_from_slice(br#""}"#);
}
