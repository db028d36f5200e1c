//! Orders: placed, estimated, cancelled and looked up. Section A8.

use std::sync::Arc;

use model::{
    AccountId, Action, AnswerBody, Event, EventBody, OrderId, OrderKey, OwnOrder, OwnOrders, Query,
    Rejection, Side, Status, Which,
};

use super::Caller;
use crate::http::HttpResponse;
use crate::iso::read_moment;
use crate::step::{Outcome, Step, Submission};
use crate::xrocket::Markets;
use crate::xrocket::convert::{self, Market, read_order_id};
use crate::xrocket::http::parameters::Parameters;
use crate::xrocket::http::problem::{self, Problem};
use crate::xrocket::http::{ask, go_on, page, unavailable};
use crate::xrocket::own::{write_order, write_orders};
use crate::xrocket::server::rules;
use crate::xrocket::wire::failure::{Code, Failure, More};

mod estimate;
mod order;

pub use estimate::estimate;

use order::{Amount, Order};

/// How many orders a page of the history has at most, and how many if nobody says.
const PAGE_ORDERS_MAX: usize = 100;
const PAGE_ORDERS: usize = 50;
/// The last page that can be asked for.
const PAGES_MAX: usize = 1_000_000;

/// `POST orders`
pub fn place(body: &[u8], caller: Caller, markets: Arc<Markets>) -> Result<Step, Problem> {
    let order = Order::read(body, &markets)?;
    if !caller.may_trade(order.market.instrument.id) {
        return Err(forbidden());
    }
    let account = caller.holder.account;
    Ok(go_on(Query::Statuses, move |body| {
        let AnswerBody::Statuses(statuses) = body else { return Err(unavailable()) };
        let status = rules::status_of(order.market.instrument.id, &statuses);
        taking_orders(status.unwrap_or_default(), &order.market)?;
        match order.label.clone() {
            None => funded(order, account, markets),
            Some(label) => {
                let key = OrderKey::Label(label.as_str().into());
                Ok(go_on(Query::Order { account, key }, move |body| match body {
                    AnswerBody::Order(None) => funded(order, account, markets),
                    AnswerBody::Order(Some(_)) => {
                        Err(Problem::new(&problem::DUPLICATE, "There is such an order already")
                            .with("clientOrderId", More::Text(label)))
                    }
                    _ => Err(unavailable()),
                }))
            }
        }
    }))
}

/// Whether a market takes orders at all.
fn taking_orders(status: Status, market: &Market) -> Result<(), Problem> {
    let failure = match status {
        Status::Trading | Status::PostOnly => return Ok(()),
        Status::CancelOnly => {
            let detail = "The symbol takes no orders";
            Failure::symbol(Code::SymbolNotAvailable, detail, &market.symbol)
        }
        Status::Halted => {
            Failure::symbol(Code::SymbolNotOpened, "Trading is suspended", &market.symbol)
        }
    };
    Err(failure.into())
}

/// Goes on with an order once it is known what the market can do for it: an order by funds that must be filled whole
/// needs as much on the other side, and a stop order waits on the side of the last price that it is not on.
fn funded(order: Order, account: AccountId, markets: Arc<Markets>) -> Result<Step, Problem> {
    let instrument = order.market.instrument.id;
    if let Amount::Funds(_) = order.amount
        && order.must_fill()
    {
        return Ok(estimate::of(order, Arc::clone(&markets), move |order, _| {
            let action = order.action(account, None);
            Ok(submit(order, action, markets))
        }));
    }
    if order.stop.is_some() {
        let query = Query::Ticker { instrument, window: model::Window::DAY };
        return Ok(go_on(query, move |body| {
            let AnswerBody::Ticker(ticker) = body else { return Err(unavailable()) };
            let action = order.action(account, ticker.last);
            Ok(submit(order, action, markets))
        }));
    }
    let action = order.action(account, None);
    Ok(submit(order, action, markets))
}

fn submit(order: Order, action: Action, markets: Arc<Markets>) -> Step {
    let label = order.label.clone().map(String::into_boxed_str);
    let account = action.account().expect("an order is somebody's");
    Step::Submit(
        Submission { action, label },
        Box::new(move |outcome| match placed(outcome, &order) {
            Ok(id) => answer_placed(account, id, markets),
            Err(problem) => Step::Reply(problem.word()),
        }),
    )
}

/// What a submission caused, if that is known.
fn events(outcome: Outcome) -> Result<Vec<Event>, Problem> {
    match outcome {
        Outcome::Done { events, .. } => Ok(events),
        Outcome::NotTaken => {
            Err(Problem::new(&problem::UNAVAILABLE, "Nothing is taken at the moment"))
        }
        // It may have been done: whoever tries again is not told to.
        Outcome::Unknown => {
            Err(Problem::new(&problem::INTERNAL, "It is not known what came of it"))
        }
    }
}

/// Which order came of it.
fn placed(outcome: Outcome, order: &Order) -> Result<OrderId, Problem> {
    let events = events(outcome)?;
    for event in events {
        match event.body {
            EventBody::Created(state) | EventBody::Armed(state) => return Ok(state.id),
            EventBody::Rejected(why) => return Err(rejected(why, order)),
            _ => {}
        }
    }
    Err(Problem::new(&problem::INTERNAL, "Internal error"))
}

fn answer_placed(account: AccountId, id: OrderId, markets: Arc<Markets>) -> Step {
    ask(Query::Order { account, key: OrderKey::Id(id) }, move |body| match body {
        AnswerBody::Order(Some(story)) => word_order(201, &story.order, &markets),
        _ => Err(unavailable()),
    })
}

/// What the engine's refusal is called here.
fn rejected(why: Rejection, order: &Order) -> Problem {
    let market = &order.market;
    match why {
        Rejection::InsufficientFunds { .. } => {
            Problem::new(&problem::BALANCE, "The account has not enough for it")
        }
        Rejection::NotTrading(status) => {
            let closed = taking_orders(status, market).err();
            closed.unwrap_or_else(|| {
                let detail = "The symbol takes only orders that rest";
                Failure::symbol(Code::SymbolNotAvailable, detail, &market.symbol).into()
            })
        }
        Rejection::BadPrice | Rejection::OutsideBand => order.price_out_of_range(),
        Rejection::BadQuantity => order.amount_out_of_range(),
        Rejection::BelowMinimum => order.below_minimum(),
        Rejection::BadAmount => order.funds_out_of_range(),
        Rejection::TooManyOrders => {
            Problem::new(&problem::UNAVAILABLE, "The book takes no more orders")
        }
        Rejection::BadCombination | Rejection::AlreadyExpired => {
            Failure::value("type", "one that goes with timeInForce").into()
        }
        Rejection::UnknownInstrument
        | Rejection::UnknownAsset
        | Rejection::UnknownOrder(_)
        | Rejection::NothingTraded
        | Rejection::Perpetual(_) => Problem::new(&problem::INTERNAL, "Internal error"),
    }
}

fn forbidden() -> Problem {
    Problem::new(&problem::FORBIDDEN, "The token is not good for this")
}

fn no_such_order() -> Problem {
    Failure::new(Code::OrderNotFound, "There is no such order").into()
}

fn word_order(status: u16, own: &OwnOrder, markets: &Markets) -> Result<HttpResponse, Problem> {
    let market = markets.of(own.instrument).ok_or_else(no_such_order)?;
    Ok(page(status, |out| write_order(market, &markets.assets, own, out)))
}

/// Which order is meant: `orderId` counts if both are given. `None` if there can be none.
fn key(given: &Parameters) -> Result<Option<OrderKey>, Problem> {
    match (given.get("orderId"), given.get("clientOrderId")) {
        (Some(id), _) if !id.is_empty() => match read_order_id(id) {
            Ok(order) => Ok(order.map(OrderKey::Id)),
            Err(()) => Err(Failure::value("orderId", "a UUID").into()),
        },
        (_, Some(label)) if !label.is_empty() => Ok(Some(OrderKey::Label(label.into()))),
        _ => {
            let detail = "orderId or clientOrderId must be given";
            Err(Problem::new(&problem::NO_IDENTIFIER, detail))
        }
    }
}

/// `GET order`
pub fn one(given: &Parameters, caller: &Caller, markets: Arc<Markets>) -> Result<Step, Problem> {
    let key = key(given)?.ok_or_else(no_such_order)?;
    let query = Query::Order { account: caller.holder.account, key };
    Ok(ask(query, move |body| match body {
        AnswerBody::Order(Some(story)) => word_order(200, &story.order, &markets),
        AnswerBody::Order(None) => Err(no_such_order()),
        _ => Err(unavailable()),
    }))
}

/// `DELETE order`
pub fn cancel(given: &Parameters, caller: Caller, markets: Arc<Markets>) -> Result<Step, Problem> {
    let key = key(given)?.ok_or_else(no_such_order)?;
    let account = caller.holder.account;
    Ok(go_on(Query::Order { account, key }, move |body| {
        let AnswerBody::Order(story) = body else { return Err(unavailable()) };
        let own = story.map(|story| story.order).filter(|own| own.standing.is_open());
        let own = own.filter(|own| markets.of(own.instrument).is_some());
        let own = own.ok_or_else(no_such_order)?;
        if !caller.may_trade(own.instrument) {
            return Err(forbidden());
        }
        let (instrument, order) = (own.instrument, own.order.id);
        let action = Action::Cancel { account, instrument, order };
        Ok(Step::Submit(
            Submission { action, label: None },
            Box::new(move |outcome| {
                let response = cancelled(outcome, order, &markets, instrument);
                Step::Reply(response.unwrap_or_else(|problem| problem.word()))
            }),
        ))
    }))
}

fn cancelled(
    outcome: Outcome,
    order: OrderId,
    markets: &Markets,
    instrument: model::InstrumentId,
) -> Result<HttpResponse, Problem> {
    let events = events(outcome)?;
    for event in events {
        match event.body {
            EventBody::Closed { order: state, .. } if state.id == order => {
                let id = convert::order_id(order);
                return Ok(page(200, |out| {
                    out.extend_from_slice(
                        format!(r#"{{"cancelledOrderIds":["{id}"]}}"#).as_bytes(),
                    );
                }));
            }
            EventBody::Rejected(Rejection::NotTrading(status)) => {
                let market = markets.of(instrument).ok_or_else(no_such_order)?;
                taking_orders(status, market)?;
            }
            EventBody::Rejected(_) => return Err(no_such_order()),
            _ => {}
        }
    }
    Err(no_such_order())
}

/// `GET orders/active`: the oldest first.
pub fn active(given: &Parameters, caller: &Caller, markets: Arc<Markets>) -> Result<Step, Problem> {
    let symbol = given.get("symbol").map(|symbol| rules::market(symbol, &markets)).transpose()?;
    let instrument = symbol.map(|market| market.instrument.id);
    let query = Query::OpenOrders { account: caller.holder.account, instrument };
    Ok(ask(query, move |body| {
        let AnswerBody::OpenOrders(orders) = body else { return Err(unavailable()) };
        Ok(page(200, |out| {
            out.extend_from_slice(br#"{"orders":["#);
            write_orders(&markets, &orders, out);
            out.extend_from_slice(b"]}");
        }))
    }))
}

/// `GET orders/history`: those that have ended, the newest first, a page at a time.
pub fn history(
    given: &Parameters,
    caller: &Caller,
    markets: Arc<Markets>,
) -> Result<Step, Problem> {
    let symbol = given.get("symbol").map(|symbol| rules::market(symbol, &markets)).transpose()?;
    let side = match given.get("side") {
        None => None,
        Some("buy") => Some(Side::Buy),
        Some("sell") => Some(Side::Sell),
        Some(_) => return Err(Failure::value("side", "buy or sell").into()),
    };
    let moment = |field| {
        let wanted = "a moment as in RFC 3339";
        let read = |text| read_moment(text).ok_or_else(|| Failure::value(field, wanted));
        given.get(field).map(read).transpose()
    };
    let (since, until) = (moment("startAt")?, moment("endAt")?);
    if since.zip(until).is_some_and(|(since, until)| until < since) {
        return Err(Failure::value("endAt", "not before startAt").into());
    }
    let number = |field, usual: usize, most: usize| -> Result<usize, Problem> {
        let wanted = format!("a number from 1 to {most}");
        let read = |text: &str| text.parse().ok().filter(|number| (1..=most).contains(number));
        let number = given.get(field).map(|text| read(text).ok_or(()));
        number.unwrap_or(Ok(usual)).map_err(|()| Failure::value(field, &wanted).into())
    };
    let page_now = number("currentPage", 1, PAGES_MAX)?;
    let page_size = number("pageSize", PAGE_ORDERS, PAGE_ORDERS_MAX)?;
    let hides_cancelled = given.get("hideCanceled") == Some("true");
    let (offset, limit) = ((page_now - 1) * page_size, page_size);
    // What is hidden does not count, so that the pages of the rest are made here.
    let (asked_offset, asked_limit) =
        if hides_cancelled { (0, usize::MAX) } else { (offset, limit) };
    let query = OwnOrders {
        // What is not listed here does not count among those that are.
        among: Some(markets.listed.iter().map(|market| market.instrument.id).collect()),
        instrument: symbol.map(|market| market.instrument.id),
        side,
        since,
        until,
        which: Which::Ended,
        offset: asked_offset,
        limit: asked_limit,
        ..OwnOrders::of(caller.holder.account)
    };
    Ok(ask(Query::OwnOrders(query), move |body| {
        let AnswerBody::OwnOrders { mut orders, mut total } = body else {
            return Err(unavailable());
        };
        if hides_cancelled {
            orders.retain(|own| {
                let filled = !own.filled.quantity.is_zero();
                convert::status(own.standing, filled) != "cancelled"
            });
            total = orders.len();
            orders = orders.into_iter().skip(offset).take(limit).collect();
        }
        let pages = total.div_ceil(page_size);
        Ok(page(200, |out| {
            out.extend_from_slice(br#"{"orders":["#);
            write_orders(&markets, &orders, out);
            out.extend_from_slice(
                format!(
                    r#"],"currentPage":{page_now},"pageSize":{page_size},"totalNum":{total},"totalPage":{pages}}}"#
                )
                .as_bytes(),
            );
        }))
    }))
}
