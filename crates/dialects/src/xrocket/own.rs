//! What an account is shown of itself: its balances and its orders. Sections A5.6, A5.7 and A8.

use model::{Asset, Assets, Balance, OwnOrder, OwnOrderUpdate, Price, TopicKind, Update};

use super::Markets;
use super::convert::{self, Market};
use crate::iso::moment;
use crate::json::{list, member, quoted};
use crate::text::shortest;

/// Words an update of an account's own topic. Returns whether there was something to say.
pub fn encode(markets: &Markets, kind: TopicKind, update: &Update<'_>, out: &mut Vec<u8>) -> bool {
    match (kind, update) {
        (TopicKind::Holdings { .. }, Update::Holdings(balances)) => {
            push_balances(&markets.assets, balances, out);
            true
        }
        (TopicKind::OwnOrders, Update::OwnOrder(update)) => {
            let Some(market) = markets.of(update.instrument) else { return false };
            push_step(market, &markets.assets, update, out);
            true
        }
        _ => false,
    }
}

/// Section A5.6: all of them, each time.
pub fn push_balances(assets: &Assets, balances: &[Balance], out: &mut Vec<u8>) {
    out.extend_from_slice(
        br#"{"method":"subscription","params":{"channel":"balances","data":{"balances":["#,
    );
    write_balances(assets, balances, out);
    out.extend_from_slice(b"]}}}");
}

/// Opens a push of orders, and closes it.
const ORDERS_HEAD: &[u8] =
    br#"{"method":"subscription","params":{"channel":"activeOrders","data":{"orders":["#;
const ORDERS_TAIL: &[u8] = b"]}}}";

/// Section A5.7: all that are active.
pub fn push_orders(markets: &Markets, orders: &[OwnOrder], out: &mut Vec<u8>) {
    out.extend_from_slice(ORDERS_HEAD);
    write_orders(markets, orders, out);
    out.extend_from_slice(ORDERS_TAIL);
}

/// Appends the orders in symbols that are listed.
pub fn write_orders(markets: &Markets, orders: &[OwnOrder], out: &mut Vec<u8>) {
    let of = |own: &OwnOrder| markets.of(own.instrument).cloned();
    let listed = orders.iter().filter_map(|own| of(own).map(|market| (market, own)));
    list(out, listed, |out, (market, own)| write_order(&market, &markets.assets, own, out));
}

/// Section A5.7: an order as it is after a step. One that took another's place comes with that one, which it ended.
fn push_step(market: &Market, assets: &Assets, update: &OwnOrderUpdate, out: &mut Vec<u8>) {
    let own = OwnOrder {
        instrument: update.instrument,
        order: update.order,
        label: update.label.clone(),
        standing: update.standing,
        woken: update.woken,
        created: update.created,
        changed: update.time,
        replaces: None,
        purpose: model::Purpose::Any,
        filled: update.filled,
    };
    out.extend_from_slice(ORDERS_HEAD);
    list(out, update.replaced.as_deref().into_iter().chain([&own]), |out, own| {
        write_order(market, assets, own, out);
    });
    out.extend_from_slice(ORDERS_TAIL);
}

/// Appends balances: all there are, whole.
pub fn write_balances(assets: &Assets, balances: &[Balance], out: &mut Vec<u8>) {
    let known = balances
        .iter()
        .filter_map(|balance| assets.get(balance.asset).map(|asset| (asset, balance)));
    list(out, known, |out, (asset, balance): (&Asset, &Balance)| {
        let amount = |amount: model::Amount| {
            move |out: &mut Vec<u8>| shortest(out, amount.0, asset.decimals)
        };
        out.extend_from_slice(br#"{"asset":""#);
        out.extend_from_slice(asset.code.as_bytes());
        out.push(b'"');
        member(out, "balance", amount(balance.available + balance.held));
        member(out, "available", amount(balance.available));
        member(out, "holds", amount(balance.held));
        out.push(b'}');
    });
}

/// Appends an order.
pub fn write_order(market: &Market, assets: &Assets, own: &OwnOrder, out: &mut Vec<u8>) {
    let order = &own.order;
    let limit = order.kind.limit();
    let filled = own.filled.quantity;
    let text = |text: &'static str| move |out: &mut Vec<u8>| out.extend_from_slice(text.as_bytes());
    let price = |price: Price| move |out: &mut Vec<u8>| market.price(out, price);
    out.extend_from_slice(br#"{"id":""#);
    out.extend_from_slice(convert::order_id(order.id).as_bytes());
    out.push(b'"');
    if let Some(label) = &own.label {
        out.extend_from_slice(br#","clientOrderId":"#);
        out.extend_from_slice(quoted(label).as_bytes());
    }
    member(out, "symbol", |out| out.extend_from_slice(market.symbol.as_bytes()));
    member(out, "side", text(convert::side(order.side)));
    member(out, "type", text(convert::order_type(order.kind, order.trigger.is_some())));
    member(out, "status", text(convert::status(own.standing, !filled.is_zero())));
    member(out, "createdAt", |out| out.extend_from_slice(&moment(own.created)));
    member(out, "updatedAt", |out| out.extend_from_slice(&moment(own.changed)));
    member(out, "dealSize", |out| market.size(out, filled));
    member(out, "dealFunds", |out| market.funds(out, own.filled.turnover));
    let fee_asset = assets.settlement(own.instrument).and_then(|it| assets.get(it.quote));
    if let Some(asset) = fee_asset {
        member(out, "fee", |out| shortest(out, own.filled.fee.0, asset.decimals));
        member(out, "feeAsset", |out| out.extend_from_slice(asset.code.as_bytes()));
    }
    member(out, "timeInForce", text(convert::time_in_force(order.time_in_force)));
    member(out, "size", |out| market.size(out, order.original));
    if let Some(limit) = limit {
        let funds = i128::from(limit.0) * i128::from(order.original.0);
        member(out, "funds", |out| market.funds(out, funds));
        member(out, "price", price(limit));
    }
    if let Some(trigger) = order.trigger {
        member(out, "stopPrice", price(trigger.level()));
        out.extend_from_slice(br#","stopTriggered":"#);
        out.extend_from_slice(if own.woken { b"true" } else { b"false" });
    }
    out.push(b'}');
}
