//! An account's own subscription: its state first, then each change of an order and of a balance. Section B7.

use std::sync::Arc;

use model::{
    AccountId, Answer, AnswerBody, Balance, CloseReason, OwnOrder, OwnOrderUpdate, OwnStep, Query,
    Standing, TopicKind, Update,
};

use super::SUBSCRIPTION_ID_BYTES;
use super::subscribe::subscribed;
use crate::dialect::{Opening, Subject};
use crate::frame::FrameBuilder;
use crate::json::list;
use crate::text::integer;
use crate::timex::Markets;
use crate::timex::channel::{PUSH_REPLACED, PUSH_STEP};
use crate::timex::convert::Market;
use crate::timex::convert::entity::{
    is_told, order_after, price, quantity, write_balance, write_order,
};

/// How many orders a page has.
const PAGE: usize = 100;

/// What is told first of an account: its balances and its open orders, all currencies and all markets.
pub fn state(request: String, id: String, account: AccountId, markets: Arc<Markets>) -> Opening {
    let queries =
        vec![Query::Balances { account }, Query::OpenOrders { account, instrument: None }];
    let word = move |answers: Vec<Answer>| {
        let mut bodies = answers.into_iter().map(|answer| answer.body);
        let balances = match bodies.next() {
            Some(AnswerBody::Balances(balances)) => balances,
            _ => Vec::new(),
        };
        let orders = match bodies.next() {
            Some(AnswerBody::OpenOrders(orders)) => orders,
            _ => Vec::new(),
        };
        let mut payload = br#"{"snapshot":{"balances":["#.to_vec();
        list(&mut payload, &markets.tokens, |out, token| {
            let nothing = Balance {
                account,
                asset: token.asset.id,
                available: model::Amount::ZERO,
                held: model::Amount::ZERO,
            };
            let known = balances.iter().find(|balance| balance.asset == token.asset.id);
            write_balance(out, token, known.unwrap_or(&nothing));
        });
        payload.extend_from_slice(br#"],"openOrders":["#);
        list(&mut payload, &markets.listed, |out, market| {
            let here = |own: &&OwnOrder| own.instrument == market.instrument.id && is_told(own);
            write_page(out, market, &orders.iter().filter(here).collect::<Vec<_>>());
        });
        payload.extend_from_slice(b"]}}");
        let payload = String::from_utf8(payload).expect("JSON is text");
        vec![subscribed(&request, &id, &payload)]
    };
    Opening::State(queries, Box::new(word))
}

/// The first page of a market's open orders, the oldest first.
fn write_page(out: &mut Vec<u8>, market: &Market, orders: &[&OwnOrder]) {
    out.extend_from_slice(br#"{"market":""#);
    out.extend_from_slice(market.symbol.as_bytes());
    out.extend_from_slice(br#"","orders":["#);
    list(out, orders.iter().take(PAGE), |out, own| write_order(out, market, own));
    out.extend_from_slice(br#"],"pageNumber":0,"totalPageCount":"#);
    integer(out, orders.len().div_ceil(PAGE));
    out.push(b'}');
}

/// Words an update of an account for its own subscriptions. Returns whether there was something to say.
pub fn push(
    markets: &Markets,
    subject: &Subject,
    update: &Update<'_>,
    out: &mut FrameBuilder,
) -> bool {
    match (subject.topic.kind, update) {
        (TopicKind::Balances, Update::Balance(balance)) => {
            let Some(token) = markets.token(balance.asset) else { return false };
            head(out);
            let out = out.text_mut();
            out.extend_from_slice(br#""balance":"#);
            write_balance(out, token, balance);
            out.extend_from_slice(b"}}");
            true
        }
        (TopicKind::OwnOrders, Update::OwnOrder(step)) => {
            let Some(market) = markets.of(step.instrument) else { return false };
            match (subject.wording, &step.replaced) {
                (PUSH_REPLACED, Some(replaced)) => {
                    order(market, replaced, "ORDER_UPDATE", None, out);
                    true
                }
                (PUSH_STEP, _) => own_step(market, step, out),
                _ => false,
            }
        }
        _ => false,
    }
}

fn head(out: &mut FrameBuilder) {
    out.text_mut().extend_from_slice(br#"{"type":"ACCOUNT_SUBSCRIPTION","subscriptionId":""#);
    out.stamp_here(SUBSCRIPTION_ID_BYTES);
    out.text_mut().extend_from_slice(br#"","payload":{"#);
}

fn own_step(market: &Market, step: &OwnOrderUpdate, out: &mut FrameBuilder) -> bool {
    let is_market = step.order.kind.limit().is_none();
    let kind = match step.step {
        // A market order is told of once something has come of it.
        OwnStep::Created if is_market => return false,
        OwnStep::Created | OwnStep::Replaces(_) => "ORDER",
        OwnStep::Filled { .. } | OwnStep::Closed(_) if is_market => "MARKET_ORDER",
        OwnStep::Filled { .. } => "FILLING",
        OwnStep::Closed(CloseReason::Expired) => "ORDER_EXPIRED",
        OwnStep::Closed(_) => "ORDER_UPDATE",
        // Orders that wait for a price are nothing that the venue knows.
        OwnStep::Armed | OwnStep::Triggered | OwnStep::Disarmed(_) => return false,
    };
    order(market, &order_after(step), kind, Some(step.step), out);
    true
}

fn order(
    market: &Market,
    own: &OwnOrder,
    kind: &str,
    step: Option<OwnStep>,
    out: &mut FrameBuilder,
) {
    head(out);
    let out = out.text_mut();
    out.extend_from_slice(br#""order":"#);
    write_order(out, market, own);
    out.extend_from_slice(br#","messageType":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","orderStatus":""#);
    out.extend_from_slice(status(own.standing).as_bytes());
    out.push(b'"');
    if let Some(OwnStep::Filled { trade, price: at, quantity: traded, .. }) = step {
        out.extend_from_slice(br#","tradeInfo":[{"tradeId":"#);
        integer(out, trade.0);
        out.extend_from_slice(br#","tradePrice":""#);
        price(out, market, at);
        out.extend_from_slice(br#"","tradeQuantity":""#);
        quantity(out, market, traded);
        out.extend_from_slice(br#""}]"#);
    }
    out.extend_from_slice(b"}}");
}

/// How an order stands.
const fn status(standing: Standing) -> &'static str {
    match standing {
        Standing::Armed | Standing::Triggered | Standing::Open => "ACTIVE",
        Standing::Filled => "FILLED",
        Standing::Replaced(_) => "CANCELLED",
        Standing::Closed(reason) => match reason {
            CloseReason::Canceled
            | CloseReason::SelfTrade
            | CloseReason::NotFilled
            | CloseReason::NothingToReduce
            | CloseReason::Liquidation => "CANCELLED",
            CloseReason::Expired => "EXPIRED",
            CloseReason::Killed | CloseReason::WouldMatch | CloseReason::Unfunded => "REJECTED",
        },
    }
}
