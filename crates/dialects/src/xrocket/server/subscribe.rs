//! Subscriptions: which are in order, what they stand for, and what they are answered. Sections A4.2 and A5.

use std::borrow::Cow;
use std::sync::Arc;

use model::{AccountId, AnswerBody, Price, Query, Scope, Time, Topic, TopicKind};
use serde_json::value::RawValue;

use super::push::{self, DEPTH_NAMED};
use super::{blocked, parameters, rules, success};
use crate::dialect::{Opening, Request, Subject, Wording};
use crate::json::list;
use crate::json::{Kind, members, text};
use crate::step::Step;
use crate::visitor::{Login, Standing, Visitor};
use crate::xrocket::Markets;
use crate::xrocket::channel::{
    BOOK_CADENCE, Channel, DEPTH_DEFAULT, Filter, Key, MARKET_CADENCE, Named, PULSE,
};
use crate::xrocket::convert::Market;
use crate::xrocket::own;
use crate::xrocket::wire::failure::{Code, Failure};

/// How many subscriptions a connection may hold.
pub const SUBSCRIPTIONS_MAX: usize = 256;

/// What a subscription may name besides its channel and its range.
const MEMBERS: [&str; 6] = ["channel", "symbol", "interval", "type", "depth", "precision"];

/// Understands `subscribe`, in the order of A4.2.
pub fn subscribe(
    id: &str,
    params: Option<&RawValue>,
    visitor: &Visitor<'_>,
    markets: &Arc<Markets>,
) -> Result<Vec<Request>, Failure> {
    let found = parameters(params, MEMBERS)?;
    let channel = channel_of(found[0])?;
    let login = if channel.is_private() { Some(logged_in(visitor)?) } else { None };
    let [_, symbol, interval, kind, depth, precision] = found;
    let interval = match channel.interval_member() {
        Some("type") => Some(required("type", kind)?),
        Some(_) => Some(required("interval", interval)?),
        None => None,
    };
    let symbol = if channel.has_symbol() { Some(required("symbol", symbol)?) } else { None };
    let mut wanted = Wanted {
        channel,
        interval,
        depth: None,
        precision: None,
        range: None,
        account: login.map(|login| login.holder.account),
    };
    if channel == Channel::Orderbook {
        wanted.depth = depth.map(|depth| number("depth", depth)).transpose()?;
        wanted.precision = precision.map(|it| string("precision", it)).transpose()?;
    }
    if channel == Channel::Candles {
        let [snapshot] = parameters(params, ["snapshot"])?;
        wanted.range = snapshot.map(range).transpose()?;
    }
    let Some(symbol) = symbol else {
        let mut requests = vec![wanted.judge(id, None, visitor)?];
        requests.extend(wanted.account.map(|account| first_push(channel, account, markets)));
        return Ok(requests);
    };
    let market = rules::market(&symbol, markets)?;
    let judged = wanted.judge(id, Some(market), visitor);
    let (id, symbol) = (id.to_owned(), market.symbol.clone());
    let instrument = market.instrument.id;
    Ok(vec![Request::Take(Step::Ask(
        Query::Statuses,
        Box::new(move |answer| {
            let status = match answer.body {
                AnswerBody::Statuses(statuses) => rules::status_of(instrument, &statuses),
                _ => None,
            };
            let judged = match status {
                Some(status) => rules::closed(channel, status, &symbol).and(judged),
                None => Err(Failure::new(Code::InternalError, "Internal error")),
            };
            Step::Reply(vec![
                judged.unwrap_or_else(|failure| Request::Say(failure.word(Some(&id)))),
            ])
        }),
    ))])
}

/// What a private channel tells right after its reply: all there is. It is asked for behind the subscription, so that
/// what happens from then on is told after it.
fn first_push(channel: Channel, account: AccountId, markets: &Arc<Markets>) -> Request {
    let query = match channel {
        Channel::Balances => Query::Balances { account },
        _ => Query::OpenOrders { account, instrument: None },
    };
    let markets = Arc::clone(markets);
    Request::Take(Step::Ask(
        query,
        Box::new(move |answer| {
            let mut out = Vec::new();
            match answer.body {
                AnswerBody::Balances(balances) => {
                    own::push_balances(&markets.assets, &balances, &mut out);
                }
                AnswerBody::OpenOrders(orders) => own::push_orders(&markets, &orders, &mut out),
                // Nobody follows the account: there is nothing to tell.
                _ if channel == Channel::Balances => {
                    own::push_balances(&markets.assets, &[], &mut out);
                }
                _ => own::push_orders(&markets, &[], &mut out),
            }
            Step::Reply(vec![Request::Say(out)])
        }),
    ))
}

/// Understands `unsubscribe`: a channel alone means all of it, and each further member narrows that.
pub fn unsubscribe(
    id: &str,
    params: Option<&RawValue>,
    visitor: &Visitor<'_>,
) -> Result<Request, Failure> {
    let [channel, symbol, interval, kind, depth, precision] = parameters(params, MEMBERS)?;
    let channel = channel_of(channel)?;
    let optional = |name, value: Option<_>| value.map(|value| string(name, value)).transpose();
    let symbol = optional("symbol", symbol)?;
    let interval = optional("interval", interval)?;
    let kind = optional("type", kind)?;
    let precision = optional("precision", precision)?;
    let filter = Filter {
        symbol: symbol.as_deref(),
        interval: interval.as_deref(),
        kind: kind.as_deref(),
        depth: depth.map(|depth| number("depth", depth)).transpose()?,
        precision: precision.as_deref(),
    };
    let ends = |name: &str| {
        let key = Key::parse(name);
        key.is_some_and(|key| key.channel == channel && filter.matches(&key))
    };
    let all = visitor.subscriptions.iter();
    let subscriptions: Vec<_> = all.filter(|name| ends(name)).cloned().collect();
    if subscriptions.is_empty() {
        return Err(Failure::new(Code::NotSubscribed, "There is no such subscription"));
    }
    Ok(Request::Unsubscribe { subscriptions, acknowledgement: success(id) })
}

fn channel_of(value: Option<&RawValue>) -> Result<Channel, Failure> {
    let name = required("channel", value)?;
    Channel::called(&name).ok_or_else(|| Failure::params("channel", "the name of a channel"))
}

/// Whoever may be told what is an account's own.
fn logged_in<'a>(visitor: &Visitor<'a>) -> Result<&'a Login, Failure> {
    let unauthorized = |detail| Err(Failure::new(Code::Unauthorized, detail));
    let Some(login) = visitor.login else {
        return unauthorized("The channel is for who has logged in by auth");
    };
    match login.standing {
        Standing::Good if login.holder.instruments.is_none() => Ok(login),
        Standing::Good => unauthorized("The token does not cover the whole account"),
        Standing::Expired | Standing::Revoked => unauthorized("The token is good no longer"),
        Standing::Blocked => Err(blocked()),
    }
}

fn required<'a>(name: &'static str, value: Option<&'a RawValue>) -> Result<Cow<'a, str>, Failure> {
    value.and_then(text).ok_or_else(|| Failure::params(name, "a string"))
}

fn string<'a>(name: &'static str, value: &'a RawValue) -> Result<Cow<'a, str>, Failure> {
    required(name, Some(value))
}

fn number<'a>(name: &'static str, value: &'a RawValue) -> Result<&'a str, Failure> {
    match Kind::of(value) {
        Kind::Number => Ok(value.get()),
        _ => Err(Failure::params(name, "a number")),
    }
}

/// The range of candles that are told at once.
fn range(snapshot: &RawValue) -> Result<(Cow<'_, str>, Cow<'_, str>), Failure> {
    let [start, end] = members(snapshot, ["startAt", "endAt"])
        .ok_or_else(|| Failure::params("snapshot", "an object"))?;
    Ok((required("snapshot.startAt", start)?, required("snapshot.endAt", end)?))
}

/// A subscription whose members are all there, each of the right type.
struct Wanted<'a> {
    channel: Channel,
    interval: Option<Cow<'a, str>>,
    depth: Option<&'a str>,
    precision: Option<Cow<'a, str>>,
    range: Option<(Cow<'a, str>, Cow<'a, str>)>,
    account: Option<AccountId>,
}

impl Wanted<'_> {
    /// Judges the values of its members, and whether there is room for it.
    fn judge(
        &self,
        id: &str,
        market: Option<&Arc<Market>>,
        visitor: &Visitor<'_>,
    ) -> Result<Request, Failure> {
        let field = self.channel.interval_member().unwrap_or_default();
        let interval =
            self.interval.as_deref().map(|name| rules::named(field, name)).transpose()?;
        let levels = self.depth.map(rules::depth).transpose()?;
        let step = match (&self.precision, market) {
            (Some(text), Some(market)) => Some(rules::precision(text, market)?),
            _ => None,
        };
        let range = match (&self.range, interval) {
            (Some((start, end)), Some(interval)) => {
                let fields = ["snapshot.startAt", "snapshot.endAt"];
                Some(rules::range(fields, start, end, interval)?)
            }
            _ => None,
        };
        let key = Key {
            channel: self.channel,
            symbol: market.map(|market| &*market.symbol),
            interval: interval.map(|interval| interval.name),
            depth: self.depth,
            precision: self.precision.as_deref(),
        };
        let subscription = key.name();
        if visitor.is_subscribed(&subscription) {
            let detail = "This subscription is there already";
            return Err(Failure::new(Code::AlreadySubscribed, detail));
        }
        if visitor.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let detail = format!("A connection holds at most {SUBSCRIPTIONS_MAX} subscriptions");
            return Err(Failure::new(Code::RateLimitExceeded, detail));
        }
        let subject = subject(self, interval, levels, step, market);
        let opening = match market {
            Some(market) => opening(id, market, &subject, range),
            None => Opening::Said(success(id)),
        };
        Ok(Request::Subscribe { subscription, subjects: vec![subject], stamp: None, opening })
    }
}

/// What a subscription stands for.
fn subject(
    wanted: &Wanted<'_>,
    interval: Option<Named>,
    levels: Option<u16>,
    step: Option<Price>,
    market: Option<&Arc<Market>>,
) -> Subject {
    let of_market = |kind| {
        let market = market.expect("a channel of a symbol has its market");
        Topic::of(market.instrument.id, kind)
    };
    let named = || interval.expect("a channel with an interval has it");
    let own = |kind| {
        let account = wanted.account.expect("a private channel has its account");
        Topic { kind, scope: Scope::Own(account) }
    };
    let topic = match wanted.channel {
        Channel::Ticker => {
            of_market(TopicKind::Ticker { window: named().window(), cadence: PULSE, quotes: false })
        }
        Channel::AllTickers => Topic {
            kind: TopicKind::Ticker {
                window: named().window(),
                cadence: MARKET_CADENCE,
                quotes: false,
            },
            scope: Scope::All,
        },
        Channel::Orderbook => {
            let depth = levels.unwrap_or(DEPTH_DEFAULT);
            of_market(TopicKind::Depth { depth, step, cadence: BOOK_CADENCE })
        }
        Channel::Trades => of_market(TopicKind::TradeBatches),
        Channel::Candles => {
            of_market(TopicKind::Candles { interval: named().interval, cadence: PULSE })
        }
        Channel::Balances => own(TopicKind::Holdings { cadence: BOOK_CADENCE }),
        Channel::ActiveOrders => own(TopicKind::OwnOrders),
    };
    let wording = if levels.is_some() { DEPTH_NAMED } else { Wording::default() };
    Subject { topic, wording }
}

/// What is said first of a market.
fn opening(
    id: &str,
    market: &Arc<Market>,
    subject: &Subject,
    range: Option<(Time, Time)>,
) -> Opening {
    let instrument = market.instrument.id;
    let (id, market) = (id.to_owned(), Arc::clone(market));
    match (subject.topic.kind, range) {
        (TopicKind::Depth { depth, step, cadence }, _) => Opening::State(
            vec![Query::Depth { instrument, depth, step, cadence }],
            Box::new(move |mut answers| {
                let body = answers.pop().map(|answer| answer.body);
                let mut out = format!(r#"{{"id":{id},"result":{{"success":true,"#).into_bytes();
                rules::write_answered_book(&market, body.as_ref(), &mut out);
                out.extend_from_slice(b"}}");
                vec![out]
            }),
        ),
        (TopicKind::Candles { interval, .. }, Some(range)) => Opening::State(
            vec![rules::candles_query(instrument, interval, range)],
            Box::new(move |mut answers| {
                let candles = match answers.pop().map(|answer| answer.body) {
                    Some(AnswerBody::Candles(candles)) => candles,
                    _ => Vec::new(),
                };
                let mut out =
                    format!(r#"{{"id":{id},"result":{{"success":true,"candles":["#).into_bytes();
                list(&mut out, &candles, |out, candle| {
                    push::write_candle(&market, candle, out);
                });
                out.extend_from_slice(b"]}}");
                vec![out]
            }),
        ),
        _ => Opening::Said(success(&id)),
    }
}
