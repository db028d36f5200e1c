//! What becomes of open orders at their owner's wish: cancelled, all cancelled, replaced. Section 8.4.

use std::sync::Arc;

use model::{
    Action, Answer, AnswerBody, CloseReason, Event, EventBody, InstrumentId, OrderKey, OrderState,
    OwnOrder, Price, Query, Rejection,
};

use super::super::money;
use super::super::object::{Object, list};
use super::super::server::Market;
use super::errors::{self, ID_MALFORMED};
use super::orders::{rejected, type_of};
use super::shown::key;
use super::wanted::{label, read_lots, read_price};
use super::{Call, Ground};
use crate::http::HttpResponse;
use crate::step::{Outcome, Step, Submission};

/// Cancels one order.
pub fn cancel(call: Call) -> Step {
    let key = match key(&call.form, "client_order_id", &ID_MALFORMED) {
        Ok(Some(key)) => key,
        Ok(None) => return errors::ID_MISSING.step(),
        Err(refusal) => return Step::Reply(refusal),
    };
    find(call, key, |call, own| {
        let (account, instrument, order) = (call.account, own.instrument, own.order.id);
        let action = Action::Cancel { account, instrument, order };
        let word = move |outcome| {
            let Outcome::Done { events, .. } = outcome else { return errors::UNKNOWN.step() };
            for event in &events {
                match event.body {
                    EventBody::Closed { order: closed, .. } if closed.id == order => {
                        let Some(market) = call.ground.of(instrument) else { break };
                        let body = canceled(market, &closed, false).text("status", "Canceled");
                        return Step::Reply(HttpResponse::json(200, body.end().into()));
                    }
                    EventBody::Rejected(Rejection::NotTrading(_)) => {
                        return errors::CANCEL_HALTED.step();
                    }
                    // It was filled meanwhile.
                    EventBody::Rejected(_) => return errors::ORDER_NOT_FOUND.step(),
                    _ => {}
                }
            }
            errors::UNKNOWN.step()
        };
        Step::Submit(Submission { action, label: None }, Box::new(word))
    })
}

/// `{"id":1453282316578816,"amount":0.02035278,"price":2100.45,"type":0,"market":"BTC/USD"`: numbers.
fn canceled(market: &Market, order: &OrderState, names_pair: bool) -> Object {
    let rules = &market.instrument;
    let price = order.kind.limit().unwrap_or(Price(0));
    Object::new()
        .raw("id", order.id.0)
        .raw("amount", money::quantity_number(rules, order.remaining))
        .raw("price", money::price_number(rules, price))
        .raw("type", type_of(order.side))
        .some("currency_pair", names_pair.then_some(&*market.name))
        .text("market", &market.name)
}

/// Cancels all orders, in one market or in every market that the key is good for.
pub fn cancel_all(call: Call, market: Option<Arc<Market>>) -> Step {
    let places = match (market, &call.instruments) {
        (Some(market), _) => vec![Some(market.instrument.id)],
        (None, None) => vec![None],
        (None, Some(only)) => only.iter().copied().map(Some).collect(),
    };
    cancel_next(call, places.into_iter(), Vec::new())
}

/// Cancels in one place after the other, and then words all that was cancelled.
fn cancel_next(
    call: Call,
    mut places: std::vec::IntoIter<Option<InstrumentId>>,
    mut rows: Vec<String>,
) -> Step {
    let Some(instrument) = places.next() else {
        let body = Object::new().raw("canceled", list(rows.into_iter())).raw("success", true);
        return Step::Reply(HttpResponse::json(200, body.end().into()));
    };
    let action = Action::CancelAll { account: call.account, instrument };
    let then = move |outcome| {
        let Outcome::Done { events, .. } = outcome else { return errors::UNKNOWN.step() };
        let mut halted = false;
        for event in &events {
            match &event.body {
                EventBody::Closed { order, reason: CloseReason::Canceled }
                    if order.account == call.account =>
                {
                    let market = call.ground.of(event.instrument);
                    rows.extend(market.map(|market| canceled(market, order, true).end()));
                }
                EventBody::Rejected(_) => halted = true,
                _ => {}
            }
        }
        match halted {
            true => errors::CANCEL_HALTED.step(),
            false => cancel_next(call, places, rows),
        }
    };
    Step::Submit(Submission { action, label: None }, Box::new(then))
}

/// Replaces an order by one with another price and amount.
pub fn replace(call: Call) -> Step {
    // Whoever names no other order means the one that is called so.
    let found = match key(&call.form, "orig_client_order_id", &ID_MALFORMED) {
        Ok(None) => key(&call.form, "client_order_id", &ID_MALFORMED),
        found => found,
    };
    let key = match found {
        Ok(Some(key)) => key,
        Ok(None) => return errors::NEITHER_ID.step(),
        Err(refusal) => return Step::Reply(refusal),
    };
    find(call, key, |call, own| {
        let Some(market) = call.ground.of(own.instrument) else {
            return errors::ORDER_NOT_FOUND.step();
        };
        let rules = &market.instrument;
        let form = &call.form;
        let (quantity, price) = match (read_lots(form, rules), read_price(form, rules, "price")) {
            (Ok(quantity), Ok(price)) => (quantity, price),
            (Err(one), Err(two)) => return Step::Reply(errors::both(one, two)),
            (Err(wrong), _) | (_, Err(wrong)) => return Step::Reply(wrong.response()),
        };
        let label = match label(form, "client_order_id") {
            Ok(label) => label.map(Into::into),
            Err(wrong) => return Step::Reply(wrong.response()),
        };
        let (account, instrument, order) = (call.account, own.instrument, own.order.id);
        let action = Action::Replace { account, instrument, order, price, quantity };
        let word = move |outcome| Step::Reply(replaced(&call.ground, &own, outcome));
        Step::Submit(Submission { action, label }, Box::new(word))
    })
}

/// `{"order_id":1453282316578817,"order_type":"0","market":"BTC/USD","amount":0.02,"price":2100.45,…}`
fn replaced(ground: &Ground, own: &OwnOrder, outcome: Outcome) -> HttpResponse {
    let Outcome::Done { events, .. } = outcome else { return errors::UNKNOWN.response() };
    let Some(market) = ground.of(own.instrument) else { return errors::UNKNOWN.response() };
    let rules = &market.instrument;
    for event in &events {
        match &event.body {
            EventBody::Replaced { old, new, .. } if old.id == own.order.id => {
                let price = new.kind.limit().unwrap_or(Price(0));
                let body = Object::new()
                    .raw("order_id", new.id.0)
                    .text("order_type", type_of(new.side))
                    .text("market", &market.name)
                    .raw("amount", money::quantity_number(rules, new.original))
                    .raw("price", money::price_number(rules, price))
                    .text("datetime", &money::iso(event.time))
                    .raw("orig_order_id", old.id.0);
                let body = match &own.label {
                    Some(label) => body.text("orig_client_order_id", label),
                    None => body.raw("orig_client_order_id", "null"),
                };
                let body = body.text("status", ended(new, &events));
                return HttpResponse::json(200, body.end().into());
            }
            EventBody::Rejected(why) => {
                return match *why {
                    Rejection::UnknownOrder(_) => errors::ORDER_NOT_FOUND.response(),
                    Rejection::NotTrading(_) => errors::REPLACE_HALTED.response(),
                    Rejection::BadCombination => errors::REPLACE_IMPOSSIBLE.response(),
                    why => rejected(ground, rules, own.order.side, why).response(),
                };
            }
            _ => {}
        }
    }
    errors::UNKNOWN.response()
}

/// How an order stands after the events that began it.
fn ended(order: &OrderState, events: &[Event]) -> &'static str {
    let filled = |state: &OrderState| state.id == order.id && state.remaining.is_zero();
    for event in events {
        match &event.body {
            EventBody::Filled(fill) if filled(&fill.maker) || filled(&fill.taker) => {
                return "Finished";
            }
            EventBody::Closed { order: closed, .. } if closed.id == order.id => return "Canceled",
            _ => {}
        }
    }
    "Open"
}

/// Finds an open order of the account and goes on with it.
fn find(
    call: Call,
    key: OrderKey,
    then: impl FnOnce(Call, OwnOrder) -> Step + Send + 'static,
) -> Step {
    let query = Query::Order { account: call.account, key };
    let found = move |answer: Answer| match answer.body {
        AnswerBody::Order(Some(story)) if story.order.standing.is_open() => then(call, story.order),
        _ => errors::ORDER_NOT_FOUND.step(),
    };
    Step::Ask(query, Box::new(found))
}
