//! Placing orders. Section B6.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Action, AnswerBody, NewOrder, OrderId, Query, Status};

use super::wanted::Wanted;
use super::{Asked, events, locked, looked_up, placed};
use crate::json::list;
use crate::step::{Step, Submission};
use crate::timex::Markets;
use crate::timex::convert::entity::write_order;
use crate::timex::http::given::Given;
use crate::timex::http::rest::{Answering, go_on, written};
use crate::timex::http::status_of;
use crate::timex::private::Caller;
use crate::timex::wire::refusal::Refusal;

const MEMBERS: [&str; 8] = [
    "symbol",
    "side",
    "orderTypes",
    "quantity",
    "price",
    "expireIn",
    "expireTime",
    "clientOrderId",
];

/// `POST /trading/orders`
pub fn place(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    all(given.rows(&MEMBERS)?, "orderTypes", &caller, markets)
}

/// `POST /trading/orders/json`
pub fn place_rows(
    given: Given,
    caller: Caller,
    markets: Arc<Markets>,
) -> Result<Answering, Refusal> {
    all(given.body()?, "type", &caller, markets)
}

fn all(
    rows: Vec<Given>,
    type_name: &str,
    caller: &Caller,
    markets: Arc<Markets>,
) -> Result<Answering, Refusal> {
    let read = |row: &Given| Wanted::read(row, type_name, &markets);
    let wanted = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if wanted.iter().any(|wanted| !caller.may_trade(wanted.market.instrument.id)) {
        return Err(Refusal::ACCESS_DENIED);
    }
    let account = caller.holder.account;
    Ok(go_on(Query::Statuses, move |answer| {
        let AnswerBody::Statuses(statuses) = answer.body else { return Err(Refusal::OVERLOAD) };
        let mut left = VecDeque::with_capacity(wanted.len());
        for wanted in wanted {
            let status = status_of(wanted.market.instrument.id, &statuses);
            let is_open = match status {
                Status::Trading => true,
                Status::PostOnly => wanted.only_rests(),
                Status::CancelOnly | Status::Halted => false,
            };
            if !is_open {
                return Err(locked(&wanted.market.symbol));
            }
            let order = wanted.order(account, answer.now)?;
            left.push_back((wanted, order));
        }
        Ok(one_after_the_other(Asked { account, markets }, left, Vec::new()))
    }))
}

/// Places what is left, and then shows all that was placed.
fn one_after_the_other(
    asked: Asked,
    mut left: VecDeque<(Wanted, NewOrder)>,
    mut done: Vec<OrderId>,
) -> Answering {
    let Some((wanted, order)) = left.pop_front() else { return show(asked, done) };
    Step::Submit(
        Submission { action: Action::Place(order), label: wanted.label },
        Box::new(move |outcome| {
            let symbol = &wanted.market.symbol;
            match events(outcome).and_then(|events| placed(&events, symbol, &asked.markets)) {
                Ok(id) => {
                    done.push(id);
                    one_after_the_other(asked, left, done)
                }
                Err(refusal) if done.is_empty() => Step::Reply(Err(refusal)),
                Err(_) => show(asked, done),
            }
        }),
    )
}

fn show(asked: Asked, orders: Vec<OrderId>) -> Answering {
    looked_up(asked.account, orders, move |orders| {
        let told = orders.iter().flatten();
        let told = told.filter_map(|own| Some((asked.markets.of(own.instrument)?, own)));
        Ok(Step::Reply(Ok(written(|out| {
            out.extend_from_slice(br#"{"orders":["#);
            list(out, told, |out, (market, own)| write_order(out, market, own));
            out.extend_from_slice(b"]}");
        }))))
    })
}
