//! Changing and cancelling orders. Section B6.
//!
//! A changed order is a new one with a new id. Without another expiry the engine replaces the order at once; with one
//! the order is cancelled and another placed, as the engine's replacing keeps the day. If that other is refused, what
//! came of the order is that it is cancelled, and that is told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use model::{
    Action, EventBody, NewOrder, OrderId, OrderKind, OwnOrder, Price, Quantity, Query, Time,
    TimeInForce,
};

use super::wanted::{Expiry, price, quantity, worth};
use super::{Asked, events, looked_up, placed, rejected};
use crate::json::list;
use crate::step::{Step, Submission};
use crate::timex::Markets;
use crate::timex::convert::Market;
use crate::timex::convert::entity::{is_told, order_hash, quoted, read_order_hash, write_order};
use crate::timex::http::given::Given;
use crate::timex::http::rest::{Answering, go_on, written};
use crate::timex::private::Caller;
use crate::timex::wire::refusal::Refusal;

const MEMBERS: [&str; 5] = ["id", "quantity", "price", "expireIn", "expireTime"];

/// `PUT /trading/orders`
pub fn change(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    all(given.rows(&MEMBERS)?, caller, markets, Change::read)
}

/// `PUT /trading/orders/json`
pub fn change_rows(
    given: Given,
    caller: Caller,
    markets: Arc<Markets>,
) -> Result<Answering, Refusal> {
    all(given.body()?, caller, markets, Change::read)
}

/// `DELETE /trading/orders`
pub fn cancel(given: Given, caller: Caller, markets: Arc<Markets>) -> Result<Answering, Refusal> {
    all(given.rows(&MEMBERS[..1])?, caller, markets, |_, _, _| Ok(Change::Cancel))
}

/// `DELETE /trading/orders/json`
pub fn cancel_rows(
    given: Given,
    caller: Caller,
    markets: Arc<Markets>,
) -> Result<Answering, Refusal> {
    all(given.body()?, caller, markets, |_, _, _| Ok(Change::Cancel))
}

/// What is to become of an order.
enum Change {
    /// It is cancelled.
    Cancel,
    /// Another takes its place.
    Replace { price: Price, quantity: Quantity },
    /// It is cancelled and this one placed.
    Renew(NewOrder),
}

type Read = fn(&Given, &OwnOrder, (&Market, Time)) -> Result<Change, Refusal>;

impl Change {
    /// Reads a row, once it is known which order is meant. What is not given stays as it is.
    fn read(
        given: &Given,
        own: &OwnOrder,
        (market, now): (&Market, Time),
    ) -> Result<Self, Refusal> {
        let OrderKind::Limit(limit) = own.order.kind else { return Err(Refusal::invalid("id")) };
        let rules = &market.instrument;
        let price = given.one("price")?.map_or(Ok(limit), |text| price(text, rules))?;
        let open = own.order.remaining;
        let quantity = given.one("quantity")?.map_or(Ok(open), |text| quantity(text, rules))?;
        worth(price, quantity, rules)?;
        let expires = Expiry::read(given)?.map(|expiry| expiry.after(now)).transpose()?;
        if expires.is_none() || expires == own.order.expires() {
            return Ok(Self::Replace { price, quantity });
        }
        let lives = expires.map_or(own.order.time_in_force, TimeInForce::GoodTillDate);
        Ok(Self::Renew(NewOrder {
            account: own.order.account,
            instrument: own.instrument,
            side: own.order.side,
            kind: OrderKind::Limit(price),
            quantity,
            time_in_force: lives,
            post_only: own.order.post_only,
            trigger: None,
        }))
    }
}

/// What is being done.
struct Work {
    asked: Asked,
    left: VecDeque<(OwnOrder, Change)>,
    /// Which order each one became.
    changed: Vec<(OrderId, OrderId)>,
    /// Ids as they were sent.
    unchanged: Vec<String>,
}

fn all(
    rows: Vec<Given>,
    caller: Caller,
    markets: Arc<Markets>,
    read: Read,
) -> Result<Answering, Refusal> {
    let ids = rows.iter().map(|row| row.required("id").map(str::to_owned));
    let ids = ids.collect::<Result<Vec<String>, _>>()?;
    if !caller.holder.may_trade {
        return Err(Refusal::ACCESS_DENIED);
    }
    // Where no order can be called so, one is looked up that nobody has.
    let order = |id: &String| read_order_hash(id).unwrap_or(OrderId(u64::MAX));
    let orders = ids.iter().map(order).collect();
    let account = caller.holder.account;
    Ok(go_on(Query::Now, move |answer| {
        let now = answer.now;
        Ok(looked_up(account, orders, move |found| {
            let asked = Asked { account, markets };
            let mut work =
                Work { asked, left: VecDeque::new(), changed: Vec::new(), unchanged: Vec::new() };
            let mut seen = BTreeSet::new();
            for ((id, row), own) in ids.into_iter().zip(&rows).zip(found) {
                let own = own.filter(|own| own.standing.is_open() && is_told(own));
                let own = own.filter(|own| caller.may_trade(own.instrument));
                let market = own.as_ref().and_then(|own| work.asked.markets.of(own.instrument));
                match own.clone().zip(market) {
                    Some((own, market)) if seen.insert(own.order.id) => {
                        let change = read(row, &own, (market, now))?;
                        work.left.push_back((own, change));
                    }
                    _ => work.unchanged.push(id),
                }
            }
            Ok(work.go_on())
        }))
    }))
}

impl Work {
    /// Does what is left, and then tells what came of all.
    fn go_on(mut self) -> Answering {
        let Some((own, change)) = self.left.pop_front() else { return self.show() };
        let (account, instrument) = (self.asked.account, own.instrument);
        let order = own.order.id;
        match change {
            Change::Replace { price, quantity } => {
                let action = Action::Replace { account, instrument, order, price, quantity };
                let label = own.label.as_deref().map(Into::into);
                self.submit(action, label, move |work, events| {
                    let new = events.iter().find_map(|event| match &event.body {
                        EventBody::Replaced { old, new, .. } if old.id == order => Some(new.id),
                        _ => None,
                    });
                    work.note(&own, new, &events)
                })
            }
            Change::Cancel => {
                let action = Action::Cancel { account, instrument, order };
                self.submit(action, None, move |work, events| {
                    let new = closed(&events, order).then_some(order);
                    work.note(&own, new, &events)
                })
            }
            Change::Renew(new) => {
                let action = Action::Cancel { account, instrument, order };
                self.submit(action, None, move |work, events| {
                    if !closed(&events, order) {
                        return work.note(&own, None, &events);
                    }
                    let label = own.label.as_deref().map(Into::into);
                    work.submit(Action::Place(new), label, move |work, events| {
                        let symbol = work.symbol(&own);
                        let placed = placed(&events, &symbol, &work.asked.markets);
                        work.note(&own, Some(placed.unwrap_or(order)), &events)
                    })
                })
            }
        }
    }

    fn submit(
        self,
        action: Action,
        label: Option<Box<str>>,
        then: impl FnOnce(Self, Vec<model::Event>) -> Answering + Send + 'static,
    ) -> Answering {
        Step::Submit(
            Submission { action, label },
            Box::new(move |outcome| match events(outcome) {
                Ok(events) => then(self, events),
                Err(refusal) if self.changed.is_empty() => Step::Reply(Err(refusal)),
                Err(_) => self.show(),
            }),
        )
    }

    /// Takes note of what came of an order, and goes on. What the engine refuses is an error as long as nothing was
    /// done, but for an order that ended meanwhile: that is unchanged, as if it had ended before.
    fn note(mut self, own: &OwnOrder, new: Option<OrderId>, events: &[model::Event]) -> Answering {
        match new {
            Some(new) => self.changed.push((own.order.id, new)),
            None => {
                let why = events.iter().find_map(|event| match event.body {
                    EventBody::Rejected(why) => Some(why),
                    _ => None,
                });
                match why.filter(|why| !matches!(why, model::Rejection::UnknownOrder(_))) {
                    Some(why) if self.changed.is_empty() => {
                        let refusal = rejected(why, &self.symbol(own), &self.asked.markets);
                        return Step::Reply(Err(refusal));
                    }
                    _ => self.unchanged.push(hash_text(own.order.id)),
                }
            }
        }
        self.go_on()
    }

    fn symbol(&self, own: &OwnOrder) -> String {
        let market = self.asked.markets.of(own.instrument);
        market.map(|market| market.symbol.to_string()).unwrap_or_default()
    }

    fn show(mut self) -> Answering {
        // What was not tried is as it was.
        let untried = self.left.drain(..).map(|(own, _)| hash_text(own.order.id));
        self.unchanged.extend(untried);
        let (orders, olds): (Vec<_>, Vec<_>) =
            self.changed.iter().map(|(old, new)| (*new, *old)).unzip();
        let Asked { account, markets } = self.asked;
        let unchanged = self.unchanged;
        looked_up(account, orders, move |orders| {
            let told = orders.iter().zip(&olds).filter_map(|(own, old)| {
                let own = own.as_ref()?;
                Some((markets.of(own.instrument)?, own, old))
            });
            Ok(Step::Reply(Ok(written(|out| {
                out.extend_from_slice(br#"{"changedOrders":["#);
                list(out, told, |out, (market, own, old)| {
                    out.extend_from_slice(br#"{"newOrder":"#);
                    write_order(out, market, own);
                    out.extend_from_slice(br#","oldId":""#);
                    out.extend_from_slice(&order_hash(*old));
                    out.extend_from_slice(br#""}"#);
                });
                out.extend_from_slice(br#"],"unchangedOrders":["#);
                list(out, &unchanged, |out, id| quoted(out, id));
                out.extend_from_slice(b"]}");
            }))))
        })
    }
}

/// Whether an order ended.
fn closed(events: &[model::Event], order: OrderId) -> bool {
    events.iter().any(|event| {
        matches!(&event.body, EventBody::Closed { order: closed, .. } if closed.id == order)
    })
}

fn hash_text(order: OrderId) -> String {
    String::from_utf8(order_hash(order).into()).expect("digits are text")
}
