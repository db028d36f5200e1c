//! Placing an order, and what became of it. Sections 8.4, 8.4.1 and 8.5.

use std::sync::Arc;

use model::{
    Action, Amount, AnswerBody, Event, EventBody, Instrument, MarginMode, NewOrder, OrderKind,
    OrderState, PerpetualAction, PerpetualRejection, Price, Query, Rejection, Side, Time,
    TriggerWhen,
};

use super::super::convert::margin_mode;
use super::super::http::minimum_order;
use super::super::money::{self, Round};
use super::super::object::Object;
use super::super::server::Market;
use super::closing;
use super::errors::{self, Unusable};
use super::wanted::{
    LAST_TRADE, Lives, OfPerpetual, Size, Style, TODAY_UNKNOWN, Wanted, amount_too_large,
    price_too_high,
};
use super::{Call, Ground};
use crate::http::HttpResponse;
use crate::step::{Outcome, Step, Submission};

/// Places an order.
pub fn place(call: Call, market: Arc<Market>, side: Side, style: Style) -> Step {
    let rules = (&market.instrument, market.perpetual.is_some());
    let wanted = match Wanted::read(&call.form, rules, side, style) {
        Ok(wanted) => wanted,
        Err(refusal) => return Step::Reply(refusal),
    };
    if let Some(OfPerpetual { mode, leverage, .. }) = wanted.of_perpetual
        && (mode.is_some() || leverage.is_some())
    {
        let instrument = market.instrument.id;
        let then = Box::new(|call| at_its_day(call, market, wanted));
        return closing::choose(call, instrument, (mode, leverage), then);
    }
    at_its_day(call, market, wanted)
}

fn at_its_day(call: Call, market: Arc<Market>, wanted: Wanted) -> Step {
    if wanted.lives != Lives::Today {
        return submit(call, market, wanted, TODAY_UNKNOWN);
    }
    // Only the market knows which day it is.
    let then = move |answer: model::Answer| submit(call, market, wanted, answer.now);
    Step::Ask(Query::Now, Box::new(then))
}

fn submit(call: Call, market: Arc<Market>, wanted: Wanted, now: Time) -> Step {
    let rules = &market.instrument;
    let action = match wanted.size {
        Size::Lots(quantity) => {
            let new = NewOrder {
                account: call.account,
                instrument: rules.id,
                side: wanted.side,
                kind: wanted.kind,
                quantity,
                time_in_force: wanted.lives.time_in_force(now),
                post_only: wanted.lives == Lives::MakerOrCancel,
                trigger: wanted.trigger,
            };
            match wanted.of_perpetual {
                Some(OfPerpetual { reduces: true, .. }) => {
                    Action::Perpetual(PerpetualAction::Reduce(new))
                }
                _ => Action::Place(new),
            }
        }
        Size::Worth(units) => {
            let quote = call.ground.assets.settlement(rules.id).map(|it| it.quote);
            let asset = quote.and_then(|id| call.ground.assets.get(id));
            let worth = asset.and_then(|it| it.amount_of_units(units, rules.price_decimals));
            Action::PlaceWorth {
                account: call.account,
                instrument: rules.id,
                side: wanted.side,
                worth: worth.unwrap_or(Amount::ZERO),
            }
        }
    };
    let label: Option<Box<str>> = wanted.label.as_deref().map(Into::into);
    let reply = move |outcome| match wanted.of_perpetual {
        None => Step::Reply(placed(&call.ground, &market, &wanted, outcome).end()),
        Some(of_perpetual) => chosen(call, market, (wanted, of_perpetual), outcome),
    };
    Step::Submit(Submission { action, label }, Box::new(reply))
}

/// Says of an order in a perpetual as well what answers for it.
fn chosen(
    call: Call,
    market: Arc<Market>,
    (wanted, of_perpetual): (Wanted, OfPerpetual),
    outcome: Outcome,
) -> Step {
    let query = Query::MarginChoices { account: call.account };
    let word = move |answer: model::Answer| {
        let choices = match answer.body {
            AnswerBody::MarginChoices(choices) => choices,
            _ => Vec::new(),
        };
        let choice = choices.iter().find(|it| it.instrument == market.instrument.id);
        let most = market.perpetual.as_ref().map_or(1, |it| it.terms.leverage_max());
        let (mode, leverage) =
            choice.map_or((MarginMode::Cross, most), |it| (it.mode, it.leverage));
        Step::Reply(match placed(&call.ground, &market, &wanted, outcome) {
            Placed::Refused(refusal) => refusal,
            Placed::Taken(body) => Placed::Taken(
                body.text("margin_mode", margin_mode(mode))
                    .text("leverage", &format!("{leverage}.00"))
                    .raw("reduce_only", of_perpetual.reduces),
            )
            .end(),
        })
    };
    Step::Ask(query, Box::new(word))
}

/// What came of an order that was to be placed.
enum Placed {
    /// It was taken, and this is said of it.
    Taken(Object),
    Refused(HttpResponse),
}

impl Placed {
    fn end(self) -> HttpResponse {
        match self {
            Self::Taken(body) => HttpResponse::json(200, body.end().into()),
            Self::Refused(refusal) => refusal,
        }
    }
}

/// `{"id":"1234123412341234","market":"BTC/USD","datetime":"2022-01-31 14:43:15.796000","type":"0",…}`
fn placed(ground: &Ground, market: &Market, wanted: &Wanted, outcome: Outcome) -> Placed {
    let events = match outcome {
        Outcome::Done { events, .. } => events,
        Outcome::NotTaken => return Placed::Refused(errors::not_placed().response()),
        Outcome::Unknown => return Placed::Refused(errors::UNKNOWN.response()),
    };
    let rules = &market.instrument;
    for event in &events {
        match &event.body {
            EventBody::Created(order) | EventBody::Armed(order) => {
                let price = shown_price(rules, order, &events);
                let body = Object::new()
                    .text("id", &order.id.0.to_string())
                    .text("market", &market.name)
                    .text("datetime", &money::datetime(event.time))
                    .text("type", type_of(order.side))
                    .text("price", &price)
                    .text("amount", &money::quantity(rules, order.original))
                    .some("client_order_id", wanted.label.as_deref());
                return Placed::Taken(stop_fields(body, rules, order));
            }
            EventBody::Rejected(why) => {
                let side = wanted.side;
                return Placed::Refused(rejected(ground, rules, side, *why).response());
            }
            _ => {}
        }
    }
    Placed::Refused(errors::UNKNOWN.response())
}

/// What a stop order says of itself, besides what all orders do.
pub fn stop_fields(object: Object, rules: &Instrument, order: &OrderState) -> Object {
    let Some(trigger) = order.trigger else { return object };
    let stop = match (order.side, trigger.when) {
        (Side::Buy, TriggerWhen::AtOrAbove) | (Side::Sell, TriggerWhen::AtOrBelow) => "STOP_LOSS",
        _ => "TAKE_PROFIT",
    };
    let limit = if order.kind == OrderKind::Market { "" } else { "_LIMIT" };
    let price = money::price(rules, trigger.price);
    let object = match trigger.trail {
        None => object.text("subtype", &[stop, limit].concat()).text("stop_price", &price),
        Some(trail) => object
            .text("subtype", &["TRAILING_", stop, limit].concat())
            .text("activation_price", &price)
            .text("trailing_delta", &trail.basis_points().to_string()),
    };
    object.text("trigger", LAST_TRADE)
}

/// `0` buy, `1` sell.
pub const fn type_of(side: Side) -> &'static str {
    match side {
        Side::Buy => "0",
        Side::Sell => "1",
    }
}

/// The limit price; of a market order the best price that it met, which was the first (A36), or nothing.
fn shown_price(rules: &Instrument, order: &OrderState, events: &[Event]) -> String {
    let first = events.iter().find_map(|event| match &event.body {
        EventBody::Filled(fill) if fill.taker.id == order.id => Some(fill.price),
        _ => None,
    });
    money::price(rules, order.kind.limit().or(first).unwrap_or(Price(0)))
}

/// Why the engine refused an order, in the venue's words. Section 8.5.
pub fn rejected(ground: &Ground, rules: &Instrument, side: Side, why: Rejection) -> Unusable {
    match why {
        Rejection::BelowMinimum => {
            errors::all("400.020", format!("Minimum order size is {}.", minimum_order(rules)))
        }
        Rejection::OutsideBand => {
            let way = if side == Side::Buy { "above" } else { "below" };
            errors::all("400.021", format!("Price is more than 20% {way} market price."))
        }
        Rejection::InsufficientFunds { asset, needed, available } => {
            let Some(asset) = ground.assets.get(asset) else { return errors::not_placed() };
            let decimals = ground.currencies[asset.id.index()].decimals;
            let code = &asset.code;
            let available = money::amount(available, asset, decimals, Round::Down);
            const CHECK: &str = "Check your account balance for details.";
            let text = if *code == rules.quote {
                let needed = money::amount(needed, asset, decimals, Round::Up);
                format!(
                    "You need {needed} {code} to open that order. You have only {available} {code} available. {CHECK}"
                )
            } else {
                format!("You have only {available} {code} available. {CHECK}")
            };
            errors::all("400.009", text)
        }
        Rejection::AlreadyExpired => {
            errors::all("400.032", "'expire_time' must be set in future date.")
        }
        Rejection::BadPrice => price_too_high(rules, "price"),
        Rejection::BadQuantity | Rejection::BadAmount => amount_too_large(rules),
        Rejection::Perpetual(PerpetualRejection::NotForPerpetuals) => {
            errors::all("400.001", "This order is not supported for perpetual markets.")
        }
        Rejection::Perpetual(PerpetualRejection::NothingToReduce) => {
            errors::field("reduce_only", "400.001", "There is no position to be reduced.")
        }
        Rejection::Perpetual(PerpetualRejection::PositionLimit) => {
            errors::all("400.001", "The position would be larger than the last margin tier.")
        }
        Rejection::UnknownInstrument
        | Rejection::UnknownOrder(_)
        | Rejection::UnknownAsset
        | Rejection::NotTrading(_)
        | Rejection::BadCombination
        | Rejection::NothingTraded
        | Rejection::Perpetual(_)
        | Rejection::TooManyOrders => errors::not_placed(),
    }
}
