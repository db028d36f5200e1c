//! Pages by which an account trades: orders placed, looked at, replaced, cancelled.

#![expect(unused_qualifications, reason = "what describes a query for the document is qualified")]

use ::http::{StatusCode, header};
use dialects::Submission;
use model::{
    AccountId, Action, AnswerBody, Event, EventBody, OrderId, OrderKey, OrderStory, OwnOrders,
    Query,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::account::{First, not_told};
use super::market::Nothing;
use super::outcome::{placed, rejected};
use super::problem::{Code, Problem};
use super::reply::{Answered, Reply};
use super::visit::{Holder, Visit};
use super::wire::{Side, own};
use super::{Shared, reading, venue};

/// Orders that are told at most, and if nobody says how many.
const ORDERS_MAX: usize = 1_000;
const ORDERS: usize = 100;
/// More than are remembered of any account.
const OFFSET_MAX: usize = 1_000_000;

/// Which orders.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// Those to which anything can still happen.
    #[default]
    Open,
    /// Those that have ended, not too long ago.
    Ended,
    /// Both.
    All,
}

/// Which orders.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrdersQuery {
    /// Open or ended; unsaid, open.
    #[param(inline)]
    which: Option<Which>,
    /// Only in this instrument.
    instrument: Option<String>,
    /// Only of this side.
    side: Option<Side>,
    /// Not accepted before this.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Not accepted after this.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Which come first; unsaid, the newest.
    #[param(inline)]
    first: Option<First>,
    /// So many of them are left out.
    #[param(value_type = Option<u32>, maximum = 1000000, default = 0)]
    offset: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u32>, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// My orders
///
/// Open ones, those that have ended, or both. Of an account the last 10,000 that ended are remembered, for 30 days.
#[utoipa::path(get, path = "/rialto/v1/orders", operation_id = "orders", tag = "orders", security(("key" = [])), params(OrdersQuery), responses(
    (status = 200, description = "The orders.", body = own::Orders),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    let asked: OrdersQuery = reading::query(visit.query)?;
    let instrument = match &asked.instrument {
        Some(name) => Some(visit.own_instrument(&holder, name, "query instrument")?.id),
        None => None,
    };
    let moment = |text: &Option<String>, place| {
        text.as_deref().map(|text| reading::time(text, place)).transpose()
    };
    let which = OwnOrders {
        account: holder.account(),
        instrument,
        among: None,
        side: asked.side.map(reading::side),
        since: moment(&asked.since, "query since")?,
        until: moment(&asked.until, "query until")?,
        label: None,
        which: match asked.which.unwrap_or_default() {
            Which::Open => model::Which::Open,
            Which::Ended => model::Which::Ended,
            Which::All => model::Which::All,
        },
        sort: asked.first.unwrap_or_default().into(),
        offset: reading::count(asked.offset.as_deref(), "offset", 0, OFFSET_MAX)?,
        limit: reading::count(asked.limit.as_deref(), "limit", ORDERS, ORDERS_MAX)?,
    };
    let answer = visit.ask_own(Query::OwnOrders(which)).await?;
    let AnswerBody::OwnOrders { orders, .. } = answer.body else { return Err(not_told()) };
    let words = &visit.native.words;
    Ok(Reply::json(&own::Orders {
        time: venue::time(answer.now),
        orders: orders.iter().map(|order| words.order(order)).collect(),
    }))
}

/// Place an order
///
/// Answered once it has happened: with the order as it then stands and the trades of its arrival. With an
/// `Idempotency-Key` it is safe to repeat: the same key and the same order are answered as before, with
/// `Idempotency-Replayed: true`, and nothing happens twice.
#[utoipa::path(post, path = "/rialto/v1/orders", operation_id = "place_order", tag = "orders", security(("key" = [])),
    request_body = own::NewOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters of your own. The last 1,000 of an account are remembered, for 24 hours.")),
    responses(
    (status = 201, description = "The order, and the trades of its arrival.", body = own::OrderStory),
    (status = "default", description = "Why not: nothing happened.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn place(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.trader()?;
    reading::query::<Nothing>(visit.query)?;
    let asked: own::NewOrder = reading::body(visit.header("content-type"), visit.body)?;
    let it = visit.own_instrument(&holder, &asked.instrument, "body instrument")?;
    let label = reading::label(asked.client_order_id.as_deref())?;
    let action = reading::new_order(&visit.native.words, &it, holder.account(), &asked)?;
    submit_order(visit, &holder, Submission { action, label }).await
}

async fn submit_order(visit: &mut Visit<'_>, holder: &Holder, submission: Submission) -> Answered {
    let (account, label) = (holder.account(), submission.label.clone());
    let replaces = match submission.action {
        Action::Replace { order, .. } => Some(order),
        _ => None,
    };
    let word = move |native: &Shared, events: &[Event]| {
        let story =
            placed(&native.words, events, account, label).map_err(|problem| match replaces {
                Some(order) if problem.code == Code::UnknownOrder => has_ended(order),
                _ => problem,
            })?;
        let at = format!("/rialto/v1/orders/{}", story.order.order.id);
        let story = native.words.story(&story);
        let reply = Reply::of(StatusCode::CREATED, "application/json", &story);
        Ok(reply.with(header::LOCATION, &at))
    };
    visit.submit_once(holder, submission, word).await
}

/// One order
///
/// Open, or ended not too long ago, with its trades.
#[utoipa::path(get, path = "/rialto/v1/orders/{order}", operation_id = "order", tag = "orders", security(("key" = [])),
    params(("order" = String, Path, description = "Its id, or `client:` and your own name for it: the newest order of that name.", example = "client:my-first")),
    responses(
    (status = 200, description = "The order and its trades.", body = own::OrderStory),
    (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.holder()?;
    reading::query::<Nothing>(visit.query)?;
    let key = reading::order_key(&visit.parameters[0])?;
    let story = story(visit, holder.account(), key).await?;
    Ok(Reply::json(&visit.native.words.story(&story)))
}

async fn story(
    visit: &mut Visit<'_>,
    account: AccountId,
    key: OrderKey,
) -> Result<Box<OrderStory>, Box<Problem>> {
    match visit.ask_own(Query::Order { account, key }).await?.body {
        AnswerBody::Order(Some(story)) => Ok(story),
        AnswerBody::Order(None) => {
            let detail = "no order of this account that is remembered has this name";
            Err(Problem::new(Code::UnknownOrder, detail).at("path order"))
        }
        _ => Err(not_told()),
    }
}

/// The same, if anything can still happen to it.
async fn open_story(
    visit: &mut Visit<'_>,
    account: AccountId,
    key: OrderKey,
) -> Result<Box<OrderStory>, Box<Problem>> {
    let story = story(visit, account, key).await?;
    match story.order.standing.is_open() {
        true => Ok(story),
        false => Err(has_ended(story.order.order.id)),
    }
}

fn has_ended(id: OrderId) -> Box<Problem> {
    Problem::new(Code::NotOpen, format!("order {id} has ended; nothing happened")).at("path order")
}

/// Cancel an order
///
/// Answered once it has ended, as it then stands.
#[utoipa::path(delete, path = "/rialto/v1/orders/{order}", operation_id = "cancel_order", tag = "orders", security(("key" = [])),
    params(("order" = String, Path, description = "Its id, or `client:` and your own name for it: the newest order of that name.", example = "client:my-first")),
    responses(
    (status = 200, description = "The order and its trades.", body = own::OrderStory),
    (status = "default", description = "Why not: nothing happened.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn cancel(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.trader()?;
    reading::query::<Nothing>(visit.query)?;
    let account = holder.account();
    let key = reading::order_key(&visit.parameters[0])?;
    let found = open_story(visit, account, key).await?;
    let (instrument, order) = (found.order.instrument, found.order.order.id);
    let action = Action::Cancel { account, instrument, order };
    let events = visit.submit(&holder, Submission { action, label: None }).await?;
    match rejected(&visit.native.words, &events) {
        // It ended between the question and the cancel.
        Some(problem) if problem.code == Code::UnknownOrder => return Err(has_ended(order)),
        Some(problem) => return Err(problem),
        None => {}
    }
    let story = story(visit, account, OrderKey::Id(order)).await?;
    Ok(Reply::json(&visit.native.words.story(&story)))
}

/// Where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CancelQuery {
    /// Only in this instrument; unsaid, everywhere.
    instrument: Option<String>,
}

/// Cancel all my orders
///
/// In one instrument or everywhere, in one step. A key that is good for some instruments must name one.
#[utoipa::path(delete, path = "/rialto/v1/orders", operation_id = "cancel_all_orders", tag = "orders", security(("key" = [])), params(CancelQuery), responses(
    (status = 200, description = "Which were cancelled.", body = own::Canceled),
    (status = "default", description = "Why not: nothing happened.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn cancel_all(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.trader()?;
    let asked: CancelQuery = reading::query(visit.query)?;
    let instrument = match &asked.instrument {
        Some(name) => Some(visit.own_instrument(&holder, name, "query instrument")?.id),
        None => None,
    };
    let action = Action::CancelAll { account: holder.account(), instrument };
    let events = visit.submit(&holder, Submission { action, label: None }).await?;
    if let Some(problem) = rejected(&visit.native.words, &events) {
        return Err(problem);
    }
    let closed = events.iter().filter_map(|event| match &event.body {
        EventBody::Closed { order, .. } => Some(order.id.to_string()),
        _ => None,
    });
    Ok(Reply::json(&own::Canceled { canceled: closed.collect() }))
}

/// Replace an order
///
/// Gives a resting limit order another price and another open quantity, in one step. It gets a new id, and keeps its
/// place in the queue only if the price stays and the quantity does not grow. An `Idempotency-Key` works as for a new
/// order.
#[utoipa::path(put, path = "/rialto/v1/orders/{order}", operation_id = "replace_order", tag = "orders", security(("key" = [])),
    request_body = own::Replacement,
    params(
        ("order" = String, Path, description = "Its id, or `client:` and your own name for it: the newest order of that name.", example = "client:my-first"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters of your own. The last 1,000 of an account are remembered, for 24 hours."),
    ),
    responses(
    (status = 201, description = "The new order, and the trades of its arrival.", body = own::OrderStory),
    (status = "default", description = "Why not: nothing happened.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn replace(visit: &mut Visit<'_>) -> Answered {
    let holder = visit.trader()?;
    reading::query::<Nothing>(visit.query)?;
    let account = holder.account();
    let asked: own::Replacement = reading::body(visit.header("content-type"), visit.body)?;
    let label = reading::label(asked.client_order_id.as_deref())?;
    let key = reading::order_key(&visit.parameters[0])?;
    // It may have been replaced already, under the same idempotency key; then the name may have gone to the new one.
    let found = match (visit.replaced_once(&holder), &key) {
        (Some(before), OrderKey::Label(name)) => {
            let before = story(visit, account, OrderKey::Id(before)).await?.order;
            match before.label.as_ref() == Some(name) {
                true => before,
                false => story(visit, account, key).await?.order,
            }
        }
        _ => story(visit, account, key).await?.order,
    };
    let it = visit.native.words.listed(found.instrument).clone();
    let action = Action::Replace {
        account,
        instrument: it.id,
        order: found.order.id,
        price: reading::price(&it, &asked.price, "body price")?,
        quantity: reading::quantity(&it, &asked.quantity, "body quantity")?,
    };
    submit_order(visit, &holder, Submission { action, label }).await
}
