//! Orders: placed, changed and cancelled, one or many at a time. Section B6.
//!
//! All of a batch is judged before any of it is done; then it is done in order. Where the engine refuses one, those
//! before it stand, and those after it are not tried.

mod changing;
mod placing;
mod wanted;

pub use changing::{cancel, cancel_rows, change, change_rows};
pub use placing::{place, place_rows};

use std::sync::Arc;

use model::{
    AccountId, AnswerBody, CloseReason, Event, EventBody, OrderId, OrderKey, OwnOrder, Query,
    Rejection,
};

use crate::step::Outcome;
use crate::timex::Markets;
use crate::timex::http::rest::{Answering, go_on};
use crate::timex::wire::refusal::{Code, Refusal};

/// A market takes no orders now.
fn locked(symbol: &str) -> Refusal {
    Refusal::new(Code::BadRequest, format!("Market is locked: {symbol}"))
}

/// What the engine's refusal is called here.
fn rejected(why: Rejection, symbol: &str, markets: &Markets) -> Refusal {
    match why {
        Rejection::InsufficientFunds { asset, needed, available } => {
            let Some(token) = markets.token(asset) else { return Refusal::INTERNAL };
            let shown = |amount: model::Amount| {
                let mut out = Vec::new();
                crate::timex::convert::entity::amount(&mut out, token, amount);
                String::from_utf8(out).expect("digits are text")
            };
            Refusal::insufficient(token.symbol(), &shown(needed), &shown(available))
        }
        Rejection::NotTrading(_) => locked(symbol),
        Rejection::BadPrice | Rejection::OutsideBand => Refusal::invalid("price"),
        Rejection::BadQuantity | Rejection::BelowMinimum | Rejection::BadAmount => {
            Refusal::invalid("quantity")
        }
        Rejection::AlreadyExpired => Refusal::invalid("expireTime"),
        Rejection::TooManyOrders => Refusal::OVERLOAD,
        Rejection::BadCombination
        | Rejection::UnknownInstrument
        | Rejection::UnknownAsset
        | Rejection::UnknownOrder(_)
        | Rejection::NothingTraded
        | Rejection::Perpetual(_) => Refusal::INTERNAL,
    }
}

/// What a command caused, if it was taken.
fn events(outcome: Outcome) -> Result<Vec<Event>, NoEvents> {
    match outcome {
        Outcome::Done { events, .. } => Ok(events),
        Outcome::NotTaken => Err(NoEvents::NotTaken),
        Outcome::Unknown => Err(NoEvents::Unknown),
    }
}

/// Why it is not known what a command caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoEvents {
    /// Nothing: it was not taken.
    NotTaken,
    /// It was taken, and nobody knows whether it was kept: of a batch with such a command no list can be told that
    /// is true.
    Unknown,
}

impl From<NoEvents> for Refusal {
    fn from(why: NoEvents) -> Self {
        match why {
            NoEvents::NotTaken => Self::OVERLOAD,
            NoEvents::Unknown => Self::INTERNAL,
        }
    }
}

/// Which order came of a placing.
fn placed(events: &[Event], symbol: &str, markets: &Markets) -> Result<OrderId, Refusal> {
    let mut placed = None;
    for event in events {
        match &event.body {
            EventBody::Created(order) | EventBody::Armed(order) if placed.is_none() => {
                placed = Some(order.id);
            }
            EventBody::Rejected(why) => return Err(rejected(*why, symbol, markets)),
            EventBody::Closed { order, reason } if placed == Some(order.id) => match reason {
                CloseReason::NotFilled if order.filled().is_zero() => {
                    return Err(Refusal::BOOK_EMPTY);
                }
                CloseReason::Killed => return Err(Refusal::NOT_FULL_MATCH),
                CloseReason::WouldMatch => return Err(Refusal::BOOK_NOT_EMPTY),
                _ => {}
            },
            _ => {}
        }
    }
    placed.ok_or(Refusal::INTERNAL)
}

/// Looks up orders one after the other, and goes on with those that are known, in their order.
fn looked_up(
    account: AccountId,
    orders: Vec<OrderId>,
    then: impl FnOnce(Vec<Option<OwnOrder>>) -> Result<Answering, Refusal> + Send + 'static,
) -> Answering {
    next(account, orders.into_iter(), Vec::new(), Box::new(then))
}

type ThenOrders = Box<dyn FnOnce(Vec<Option<OwnOrder>>) -> Result<Answering, Refusal> + Send>;

fn next(
    account: AccountId,
    mut left: std::vec::IntoIter<OrderId>,
    mut found: Vec<Option<OwnOrder>>,
    then: ThenOrders,
) -> Answering {
    let Some(order) = left.next() else {
        return then(found).unwrap_or_else(crate::timex::http::rest::refused);
    };
    go_on(Query::Order { account, key: OrderKey::Id(order) }, move |answer| {
        let AnswerBody::Order(story) = answer.body else { return Err(Refusal::OVERLOAD) };
        found.push(story.map(|story| story.order));
        Ok(next(account, left, found, then))
    })
}

/// Who asks for what, kept over the steps.
#[derive(Clone)]
struct Asked {
    account: AccountId,
    markets: Arc<Markets>,
}
