//! The server half: requests are understood here, and trades are worded. Sections A2 to A5.
//!
//! Every message has one response, decided on the spot from the message and from what is known of its visitor; only
//! whose key it is must be looked up first.

use std::collections::BTreeMap;

use model::{InstrumentId, Side, Topic, Trade};

use super::channel::EventType;
use super::convert::{Catalogue, Filter, Market};
use super::wire::{Action, Envelope, api_key, filters};
use crate::dialect::{Fault, Opening, Request};
use crate::step::{Credential, Step};
use crate::text::{DECIMAL_BYTES_MAX, INTEGER_BYTES_MAX, Pen, make_room, shortest};
use crate::visitor::{Standing, Visitor};

/// Understands one message.
pub fn decode(
    message: &[u8],
    visitor: &Visitor<'_>,
    catalogue: &Catalogue,
    streams_max: usize,
    out: &mut Vec<Request>,
) {
    let envelope = Envelope::read(message);
    let reply = Reply::to(envelope.as_ref());
    let mut refuse = |error, fault| out.push(Request::Refuse(reply.failure(error), fault));
    if visitor.too_fast.is_some() {
        return refuse("Rate limit exceeded", Fault::TooFast);
    }
    let Some(Envelope { action, body, .. }) = envelope else {
        return refuse("Invalid message format", Fault::Malformed);
    };
    let Some(Action { name, .. }) = action else {
        return refuse("Missing action", Fault::Malformed);
    };
    if is_login(&name) {
        return out.push(authenticate(api_key(body).into_owned(), &reply));
    }
    let login = visitor.login.filter(|login| login.standing == Standing::Good);
    let understood = match (login, &*name) {
        (None, _) => Err("Not authenticated"),
        (Some(login), "subscribe") => filters(body).and_then(|filters| {
            let meant = meant(&filters, catalogue);
            subscribe(meant, &login.holder, visitor, streams_max, &reply)
        }),
        (Some(_), "unsubscribe") => filters(body)
            .map(|filters| vec![unsubscribe(&meant(&filters, catalogue), visitor, &reply)]),
        (Some(_), _) => Err("Unknown action"),
    };
    match understood {
        Ok(requests) => out.extend(requests),
        Err(error) => out.push(Request::Say(reply.failure(error))),
    }
}

/// Sections A2 and A2-2.
fn is_login(action: &str) -> bool {
    matches!(action, "authenticate" | "authentication")
}

/// Section A2: a key is looked up as a whole. Whatever is wrong with one, nobody is told what.
fn authenticate(key: String, reply: &Reply<'_>) -> Request {
    let (success, failure) = (reply.success(), reply.failure("Invalid API key"));
    Request::Take(Step::Identify(
        key,
        Box::new(move |holder| {
            Step::Reply(vec![match holder {
                Some(holder) if !holder.blocked => {
                    Request::LogIn { lasts: None, acknowledgement: success }
                }
                _ => Request::Refuse(failure, Fault::Login),
            }])
        }),
    ))
}

/// Streams, each once, whatever filters mean them.
type Streams<'c> = BTreeMap<(EventType, InstrumentId), &'c Market>;

fn meant<'c>(filters: &[Filter<'_>], catalogue: &'c Catalogue) -> Streams<'c> {
    let streams = filters.iter().flat_map(|filter| {
        let markets = catalogue.meant(filter).into_iter();
        markets.map(|market| ((filter.kind, market.instrument.id), market))
    });
    streams.collect()
}

/// Sections A3-1 to A3-4: those that are new are added to what the connection has.
fn subscribe(
    mut meant: Streams<'_>,
    holder: &Credential,
    visitor: &Visitor<'_>,
    streams_max: usize,
    reply: &Reply<'_>,
) -> Result<Vec<Request>, &'static str> {
    if let Some(allowed) = &holder.instruments {
        meant.retain(|(_, instrument), _| allowed.contains(instrument));
    }
    if meant.is_empty() {
        return Err("No matching streams");
    }
    let mut new = Vec::new();
    for ((kind, instrument), market) in meant {
        let subscription = market.stream(kind);
        if !visitor.is_subscribed(&subscription) {
            let subjects = vec![Topic::of(instrument, kind.topic()).into()];
            let (stamp, opening) = (None, Opening::Silent);
            new.push(Request::Subscribe { subscription, subjects, stamp, opening });
        }
    }
    if visitor.subscriptions.len() + new.len() > streams_max {
        return Err("Too many streams");
    }
    new.push(Request::Say(reply.success()));
    Ok(new)
}

/// Section A3.3: those of them that the connection has are taken from it.
fn unsubscribe(meant: &Streams<'_>, visitor: &Visitor<'_>, reply: &Reply<'_>) -> Request {
    let names = meant.iter().map(|((kind, _), market)| market.stream(*kind));
    let subscriptions = names.filter(|name| visitor.is_subscribed(name)).collect();
    Request::Unsubscribe { subscriptions, acknowledgement: reply.success() }
}

/// What every response repeats of its request. Section A4.1.
struct Reply<'a> {
    /// As it was written.
    id: Option<&'a str>,
    /// As it was written, with its quotes.
    action: &'a str,
    is_login: bool,
}

impl<'a> Reply<'a> {
    fn to(envelope: Option<&Envelope<'a>>) -> Self {
        let action = envelope.and_then(|it| it.action.as_ref());
        Self {
            id: envelope.and_then(|it| it.id),
            action: action.map_or("\"\"", |it| it.raw),
            is_login: action.is_some_and(|it| is_login(&it.name)),
        }
    }

    fn success(&self) -> Vec<u8> {
        self.word("true}")
    }

    /// Section A2-1: of a failed login the text is told twice.
    fn failure(&self, error: &str) -> Vec<u8> {
        let message =
            if self.is_login { format!(r#","message":"{error}""#) } else { String::new() };
        self.word(&format!(r#"false,"error":"{error}"{message}}}"#))
    }

    fn word(&self, rest: &str) -> Vec<u8> {
        let id = self.id.map_or_else(String::new, |id| format!(r#""id":{id},"#));
        format!(r#"{{{id}"action":{},"success":{rest}"#, self.action).into_bytes()
    }
}

/// What stands in a trade besides what its market knows and its numbers.
const CONSTANT_BYTES: usize = 96;

/// Words a trade. Section A5.2.
pub fn write_trade(market: &Market, trade: &Trade, out: &mut Vec<u8>) {
    let rules = &market.instrument;
    let (head, tail) = (&market.head, market.tail);
    let numbers = INTEGER_BYTES_MAX + 2 * DECIMAL_BYTES_MAX;
    let start = make_room(out, CONSTANT_BYTES + head.len() + tail.len() + numbers);
    let mut pen = Pen::new(&mut out[start..]);
    pen.put(br#"{"i":""#);
    pen.put(&market.trade_id(trade.id));
    pen.text(head);
    pen.integer(trade.time.millis().max(0).cast_unsigned());
    pen.text(tail);
    pen.fixed(rules.price_units(trade.price), rules.price_decimals);
    pen.put(br#"","q":""#);
    pen.fixed(rules.quantity_units(trade.quantity), rules.quantity_decimals);
    // Whether the buyer was the maker.
    match trade.aggressor {
        Side::Sell => pen.put(br#"","s":true,"v":""#),
        Side::Buy => pen.put(br#"","s":false,"v":""#),
    }
    let end = start + pen.written();
    out.truncate(end);
    let decimals = rules.price_decimals + rules.quantity_decimals;
    shortest(out, rules.notional(trade.price, trade.quantity), decimals);
    out.extend_from_slice(br#""}"#);
}
