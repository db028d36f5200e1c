//! What an account is told of its own on the private channels: the hot encoders, which write straight bytes.
//! Sections 5.7 to 5.11; `wire.rs` reads the same messages back and proves them in the tests.
//!
//! Not who may be told: that is decided where somebody subscribes.

use model::{
    AccountId, Amount, OwnAlert, OwnOrderUpdate, OwnSettlement, OwnStep, OwnTrade, Purpose, Side,
    TopicKind, Trade, Update,
};

use super::convert::{self, OrderSource, OwnOrderEvent};
use super::money;
use super::private::positions;
use super::server::{self, Market, ORDER_BYTES_MAX, TRADE_BYTES_MAX};
use crate::text::{self, DECIMAL_BYTES_MAX, ESCAPED_BYTES_MAX, INTEGER_BYTES_MAX, Pen, make_room};

/// Words an update of a user's own topic for a market. Returns whether there was something to say.
pub fn encode(
    market: &Market,
    user: AccountId,
    kind: TopicKind,
    update: &Update<'_>,
    out: &mut Vec<u8>,
) -> bool {
    match (kind, update) {
        (TopicKind::OwnOrders, Update::OwnOrder(update)) => {
            encode_order(market, user, update, out);
        }
        (TopicKind::OwnTrades, Update::OwnTrade(trade)) => encode_trade(market, user, trade, out),
        (TopicKind::SelfTrades, Update::SelfTrade(trade)) => {
            encode_self_trade(market, user, trade, out);
        }
        _ => return false,
    }
    true
}

/// The most bytes that each frame takes beyond the public one, without its tail and its client's id.
pub const OWN_ORDER_BYTES_MAX: usize =
    ORDER_BYTES_MAX + 248 + 3 * INTEGER_BYTES_MAX + DECIMAL_BYTES_MAX;
const OWN_TRADE_BYTES_MAX: usize = 312 + 5 * INTEGER_BYTES_MAX + 3 * DECIMAL_BYTES_MAX;
const SELF_TRADE_BYTES_MAX: usize = TRADE_BYTES_MAX + 128 + INTEGER_BYTES_MAX;

/// Section 5.7.
fn encode_order(market: &Market, user: AccountId, update: &OwnOrderUpdate, out: &mut Vec<u8>) {
    let label = update.label.as_deref().unwrap_or_default();
    let tail = &market.own_orders_tail;
    let room = OWN_ORDER_BYTES_MAX + tail.len() + ESCAPED_BYTES_MAX * label.len();
    let start = make_room(out, room);
    let mut pen = Pen::new(&mut out[start..]);
    own_order(&mut pen, br#"{"data":{"id":"#, market, update);
    pen.text(tail);
    pen.integer(u64::from(user.0));
    pen.text(OwnOrderEvent::of(update).text());
    let source = OrderSource::of(update);
    server::chained(&mut pen, market, update.mark, update.previous, source);
    let end = start + pen.written();
    out.truncate(end);
}

/// What its owner is told of an order's step: from `head`, which opens the data up to its id, what the public is told,
/// and then what is for the owner alone.
#[inline(always)]
pub fn own_order<const N: usize>(
    pen: &mut Pen<'_>,
    head: &[u8; N],
    market: &Market,
    update: &OwnOrderUpdate,
) {
    let order = &update.order;
    let (traded, price) = (convert::own_traded(update.step), convert::own_order_price(update));
    let forced = update.purpose == Purpose::Liquidate;
    server::order_data(pen, head, market, (order, forced), update.mark.time, traded, price);
    pen.put(br#","trade_account_id":0"#);
    client_order_id(pen, update.label.as_deref());
    if market.perpetual.is_some() {
        pen.text(match update.purpose {
            Purpose::Any => br#","reduce_only":false"#,
            Purpose::Reduce | Purpose::Liquidate => br#","reduce_only":true"#,
        });
    }
    if let Some(trigger) = order.trigger {
        if let Some(trail) = trigger.trail {
            pen.put(br#","activation_price":""#);
            market.price(pen, trigger.price);
            pen.put(br#"","trailing_delta":"#);
            pen.integer(u64::from(trail.basis_points()));
        } else {
            pen.put(br#","stop_price":""#);
            market.price(pen, trigger.price);
            pen.put(br#"""#);
        }
    }
    if let OwnStep::Replaces(old) = update.step {
        pen.put(br#","orig_order_id":"#);
        pen.integer(old.id.0);
    }
}

/// Section 5.8.
fn encode_trade(market: &Market, user: AccountId, trade: &OwnTrade, out: &mut Vec<u8>) {
    let label = trade.label.as_deref().unwrap_or_default();
    let tail = &market.own_trades_tail;
    let room = OWN_TRADE_BYTES_MAX + tail.len() + ESCAPED_BYTES_MAX * label.len();
    let start = make_room(out, room);
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(br#"{"data":{"id":"#);
    pen.integer(trade.id.0);
    pen.put(br#","amount":""#);
    market.amount(&mut pen, trade.quantity);
    pen.put(br#"","price":""#);
    market.price(&mut pen, trade.price);
    pen.put(br#"","microtimestamp":""#);
    pen.integer(server::micros(trade.time.floor_to_millis()));
    pen.put(br#"","fee":""#);
    market.fee(&mut pen, trade.fee);
    pen.put(br#"","order_id":"#);
    pen.integer(trade.order.0);
    client_order_id(&mut pen, trade.label.as_deref());
    match trade.side {
        Side::Buy => pen.put(br#","trade_account_id":0,"side":"buy""#),
        Side::Sell => pen.put(br#","trade_account_id":0,"side":"sell""#),
    }
    if market.perpetual.is_some() {
        of_position(&mut pen, trade);
    }
    pen.text(tail);
    pen.integer(u64::from(user.0));
    pen.put(br#"","event":"trade","trade_account_id":0}"#);
    let end = start + pen.written();
    out.truncate(end);
}

/// What a trade in a perpetual says besides.
fn of_position(pen: &mut Pen<'_>, trade: &OwnTrade) {
    match trade.position {
        Some(position) => {
            pen.put(br#","position_id":""#);
            pen.integer(position.0);
            pen.put(br#"""#);
        }
        None => pen.put(br#","position_id":null"#),
    }
    if trade.is_liquidation {
        pen.put(br#","is_liquidation":true"#);
    } else {
        pen.put(br#","is_liquidation":false"#);
    }
}

/// Section 5.10: the public trade without its id.
fn encode_self_trade(market: &Market, user: AccountId, trade: &Trade, out: &mut Vec<u8>) {
    let tail = &market.self_trades_tail;
    let start = make_room(out, SELF_TRADE_BYTES_MAX + tail.len());
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(br#"{"data":{"#);
    server::trade_data(&mut pen, market, trade);
    pen.put(br#","sellers_trade_account_id":0,"buyers_trade_account_id":0"#);
    pen.text(tail);
    pen.integer(u64::from(user.0));
    pen.put(br#"","event":"self_trade"}"#);
    let end = start + pen.written();
    out.truncate(end);
}

/// Words what is told of a user's positions, wherever they are. Returns whether there was something to say.
pub fn encode_of_positions(
    market: &Market,
    user: AccountId,
    update: &Update<'_>,
    out: &mut Vec<u8>,
) -> bool {
    match update {
        Update::Settlement(settlement) => encode_settlement(market, user, settlement, out),
        Update::Alert(alert) => encode_alert(user, alert, out),
        _ => return false,
    }
    true
}

/// Section 5.9. What was closed is `C`, all else `P`.
fn encode_settlement(
    market: &Market,
    user: AccountId,
    settlement: &OwnSettlement,
    out: &mut Vec<u8>,
) {
    let field = |out: &mut Vec<u8>, name: &str, value: &str| {
        for part in [",\"", name, "\":\"", value, "\""] {
            out.extend_from_slice(part.as_bytes());
        }
    };
    let money = |amount: Amount| money::shortest(amount, &market.quote);
    out.extend_from_slice(br#"{"data":{"id":""#);
    text::integer(out, settlement.position.0);
    out.extend_from_slice(br#"","tnx_id":""#);
    text::integer(out, settlement.sequence.0);
    out.extend_from_slice(br#"","ts":""#);
    text::integer(out, server::micros(settlement.time) / 1_000_000);
    out.push(b'"');
    field(out, "price", &money::price(&market.instrument, settlement.price));
    field(out, "ccy", &market.quote.code);
    let less = |cost: Amount| Amount::ZERO - cost;
    for (name, amount) in [
        ("as", settlement.total()),
        ("ap", settlement.profit),
        ("atf", less(settlement.fee)),
        ("alf", less(settlement.liquidation_fee)),
        ("afu", settlement.funding),
        ("asl", settlement.insured),
    ] {
        field(out, name, &money(amount));
    }
    field(out, "sp", &positions::strike(market, settlement.size, settlement.cost));
    field(out, "typ", if settlement.kind.closes() { "C" } else { "P" });
    out.extend_from_slice(br#"},"channel":"private-my_settlements-"#);
    text::integer(out, u64::from(user.0));
    out.extend_from_slice(br#"","event":"settlement"}"#);
}

/// Section 5.11. A ratio is what is there over what it takes.
fn encode_alert(user: AccountId, told: &OwnAlert, out: &mut Vec<u8>) {
    let alert = &told.alert;
    let kind = convert::alert(alert.kind);
    out.extend_from_slice(br#"{"data":{"position_id":""#);
    text::integer(out, alert.position.0);
    out.extend_from_slice(br#"","trade_account_id":0,"microtimestamp":""#);
    text::integer(out, server::micros(told.time));
    out.extend_from_slice(br#"","alert_type":""#);
    out.extend_from_slice(kind);
    out.extend_from_slice(br#"","margin_mode":""#);
    out.extend_from_slice(convert::margin_mode(alert.mode).as_bytes());
    out.extend_from_slice(br#"","initial_margin_ratio":""#);
    out.extend_from_slice(money::ratio(alert.equity, alert.initial).as_bytes());
    out.extend_from_slice(br#"","maintenance_margin_ratio":""#);
    out.extend_from_slice(money::ratio(alert.equity, alert.maintenance).as_bytes());
    out.extend_from_slice(br#""},"channel":"private-my_liquidations-"#);
    text::integer(out, u64::from(user.0));
    out.extend_from_slice(br#"","event":""#);
    out.extend_from_slice(kind);
    out.extend_from_slice(br#""}"#);
}

/// The client's own name for an order, where it gave one.
#[inline(always)]
fn client_order_id(pen: &mut Pen<'_>, label: Option<&str>) {
    if let Some(label) = label {
        pen.put(br#","client_order_id":""#);
        pen.escaped(label);
        pen.put(br#"""#);
    }
}

#[cfg(test)]
mod tests;
