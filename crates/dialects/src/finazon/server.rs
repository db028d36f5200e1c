//! The server half: events are understood here, and bars are worded. Sections B3 to B6.
//!
//! Everything is decided on the spot, from the message and from what is known of its visitor. What only so many
//! connections may do waits for a berth ([`Request::TakeBerth`]).

use std::collections::BTreeSet;

use model::{Candle, InstrumentId, Topic};

use super::MESSAGES_A_MINUTE_MAX;
use super::channel::{AGGREGATION, BARS, Frequency, Key, publisher_and_ticker};
use super::convert::{Asked, Catalogue};
use super::http::berth;
use super::wire::failure::Failure;
use super::wire::request::{self, Named};
use crate::dialect::{Fault, Opening, Request, Subject, Wording};
use crate::json::{list, quoted};
use crate::text::{integer, shortest};
use crate::visitor::{Login, Visitor};

/// How many connections of a key may use a data set. Section B6.
const CONNECTIONS_MAX: u32 = 5;

/// Understands one message.
pub fn decode(
    message: &[u8],
    visitor: &Visitor<'_>,
    catalogue: &Catalogue,
    tickers_max: Option<u32>,
    out: &mut Vec<Request>,
) {
    let request = request::Request::read(message);
    if visitor.too_fast.is_some() {
        let failure = Failure::RateLimitExceeded(MESSAGES_A_MINUTE_MAX);
        let about = request.as_ref().and_then(|request| About::of(request, catalogue));
        let id = request.as_ref().and_then(|request| request.id.ok().flatten());
        let text = failed(&failure, about.as_ref().map(|about| (about, &about.tickers[..])), id);
        return out.push(Request::Refuse(text, Fault::TooFast));
    }
    let Some(request) = request else {
        return out.push(Request::Say(failed(&Failure::InvalidJson, None, None)));
    };
    let id = request.id.ok().flatten();
    let about = About::of(&request, catalogue);
    let understood = match request.event.as_deref() {
        Some("heartbeat") => match request.id {
            Ok(id) => Ok(vec![Request::Say(alive(id))]),
            Err(()) => Err(Failure::InvalidParameter("request_id")),
        },
        Some("subscribe" | "unsubscribe") => Wanted::judge(&request, about.as_ref(), catalogue)
            .and_then(|wanted| match request.event.as_deref() {
                Some("subscribe") => wanted.subscribe(visitor, tickers_max),
                _ => wanted.unsubscribe(visitor),
            }),
        _ => Err(Failure::InvalidParameter("event")),
    };
    match understood {
        Ok(requests) => out.extend(requests),
        Err(failure) => {
            let about = about.as_ref().map(|about| (about, &about.tickers[..]));
            out.push(Request::Say(failed(&failure, about, id)));
        }
    }
}

/// What a message says that an answer to it says again: there once every member is there and of the right type.
struct About<'a> {
    event: &'a str,
    /// As it was said; `None` if it was not.
    dataset: Option<&'a str>,
    /// As it was said, else whose the data set is, if that is known.
    publisher: &'a str,
    mic: &'a str,
    market: &'a str,
    channel: &'a str,
    frequency: &'a str,
    aggregation: &'a str,
    tickers: Vec<&'a str>,
}

impl<'a> About<'a> {
    fn of(request: &'a request::Request<'_>, catalogue: &'a Catalogue) -> Option<Self> {
        let event = request.event.as_deref();
        let event = event.filter(|event| matches!(*event, "subscribe" | "unsubscribe"))?;
        let dataset = match &request.dataset {
            Named::Absent => None,
            Named::Wrong => return None,
            Named::Text(name) => Some(&**name),
        };
        let publisher = match (&request.publisher, dataset) {
            (Named::Text(code), _) => code,
            (Named::Absent, Some(name)) => {
                catalogue.dataset(name).map_or("", |asked| &asked.publisher.code)
            }
            _ => return None,
        };
        Some(Self {
            event,
            dataset,
            publisher,
            mic: request.mic.as_deref()?,
            market: request.market.as_deref()?,
            channel: request.channel.as_deref()?,
            frequency: request.frequency.as_deref()?,
            aggregation: request.aggregation.as_deref()?,
            tickers: request.tickers.as_ref()?.iter().map(|ticker| &**ticker).collect(),
        })
    }
}

/// A message of which every member is good.
struct Wanted<'a> {
    about: &'a About<'a>,
    id: Option<&'a str>,
    asked: Asked<'a>,
    frequency: Frequency,
    wording: Result<Wording, &'a str>,
}

impl<'a> Wanted<'a> {
    /// Judges the members in the order of B3-3; the first that is not good is told.
    fn judge(
        request: &request::Request<'a>,
        about: Option<&'a About<'a>>,
        catalogue: &'a Catalogue,
    ) -> Result<Self, Failure<'a>> {
        let asked = asked(request, catalogue).map_err(Failure::InvalidParameter)?;
        let invalid = |name| Err(Failure::InvalidParameter(name));
        if request.tickers.is_none() {
            return invalid("tickers");
        }
        if request.channel.as_deref() != Some(BARS) {
            return invalid("channel");
        }
        let Some(frequency) = request.frequency.as_deref().and_then(Frequency::called) else {
            return invalid("frequency");
        };
        if request.aggregation.as_deref() != Some(AGGREGATION) {
            return invalid("aggregation");
        }
        if request.mic.is_none() {
            return invalid("mic");
        }
        let (Some(about), Some(_)) = (about, &request.market) else { return invalid("market") };
        let Ok(id) = request.id else { return invalid("request_id") };
        let wording = catalogue.wording(&asked, about.mic, about.market);
        Ok(Self { about, id, asked, frequency, wording })
    }

    fn key(&self, ticker: &'a str) -> Key<'a> {
        Key {
            publisher: &self.asked.publisher.code,
            mic: self.about.mic,
            market: self.about.market,
            frequency: self.frequency,
            dataset: self.asked.dataset,
            ticker,
        }
    }

    /// Sections B3-5, B3-8 and B6.
    fn subscribe(
        &self,
        visitor: &Visitor<'_>,
        tickers_max: Option<u32>,
    ) -> Result<Vec<Request>, Failure<'a>> {
        // Nobody is let in without a key.
        let login = visitor.login.ok_or(Failure::Internal)?;
        let publisher = self.asked.publisher;
        if !publisher.instruments().any(|instrument| may_see(login, instrument)) {
            return Err(Failure::UnauthorizedAccess(&publisher.code));
        }
        let wording = self.wording.map_err(Failure::UnsupportedMarket)?;
        let (mut new, mut known, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        let mut subscriptions = Vec::new();
        for &ticker in &self.about.tickers {
            let instrument = publisher.instrument(ticker);
            let Some(instrument) = instrument.filter(|it| may_see(login, *it)) else {
                unknown.push(ticker);
                continue;
            };
            let name = self.key(ticker).name();
            if visitor.is_subscribed(&name) {
                known.push(ticker);
                continue;
            }
            new.push(ticker);
            let topic = Topic::of(instrument, self.frequency.kind());
            subscriptions.push(Request::Subscribe {
                subscription: name,
                subjects: vec![Subject { topic, wording }],
                stamp: None,
                opening: Opening::Silent,
            });
        }
        if let Some(most) = tickers_max
            && !new.is_empty()
            && self.tickers_then(visitor, &new) > most as usize
        {
            return Err(Failure::TickerLimitExceeded(most));
        }
        let mut requests = subscriptions;
        let say = |failure: &Failure<'_>, tickers: &[&str]| {
            Request::Say(failed(failure, Some((self.about, tickers)), self.id))
        };
        if !new.is_empty() {
            requests.push(Request::Say(done("SUCCESS_SUBSCRIPTION", self.about, &new, self.id)));
        }
        if !known.is_empty() {
            let failure = Failure::AlreadySubscribed(known.clone());
            requests.push(say(&failure, &known));
        }
        requests
            .extend(unknown.iter().map(|ticker| say(&Failure::InvalidTicker(ticker), &[ticker])));
        if new.is_empty() {
            return Ok(requests);
        }
        let named =
            if self.asked.dataset.is_empty() { &publisher.code } else { self.asked.dataset };
        let failure = Failure::ConnectionLimitExceeded(CONNECTIONS_MAX, named);
        Ok(vec![Request::TakeBerth {
            berth: berth(&login.key, &publisher.code),
            of: CONNECTIONS_MAX,
            then: requests,
            refusal: failed(&failure, Some((self.about, &self.about.tickers)), self.id),
        }])
    }

    /// How many tickers there would be with these.
    fn tickers_then(&self, visitor: &Visitor<'_>, new: &[&str]) -> usize {
        let subscribed = visitor.subscriptions.iter().filter_map(|it| publisher_and_ticker(it));
        let publisher = &*self.asked.publisher.code;
        let new = new.iter().map(|&ticker| (publisher, ticker));
        subscribed.chain(new).collect::<BTreeSet<_>>().len()
    }

    /// Section B3-7.
    fn unsubscribe(&self, visitor: &Visitor<'_>) -> Result<Vec<Request>, Failure<'a>> {
        self.wording.map_err(Failure::UnsupportedMarket)?;
        let is_there = |ticker: &&str| visitor.is_subscribed(&self.key(ticker).name());
        let (there, missing): (Vec<&str>, Vec<&str>) =
            self.about.tickers.iter().partition(|ticker| is_there(ticker));
        let mut requests = Vec::new();
        if !there.is_empty() {
            let subscriptions: Vec<_> =
                there.iter().map(|ticker| self.key(ticker).name()).collect();
            let publisher = &*self.asked.publisher.code;
            let of_publisher = visitor.subscriptions.iter().filter(|name| {
                publisher_and_ticker(name).is_some_and(|(code, _)| code == publisher)
            });
            let is_last = of_publisher.count() == subscriptions.len();
            let acknowledgement = done("SUCCESS_UNSUBSCRIPTION", self.about, &there, self.id);
            requests.push(Request::Unsubscribe { subscriptions, acknowledgement });
            if let (true, Some(login)) = (is_last, visitor.login) {
                requests.push(Request::LeaveBerth(berth(&login.key, publisher)));
            }
        }
        if !missing.is_empty() {
            let failure = Failure::NotSubscribed(missing.clone());
            let text = failed(&failure, Some((self.about, &missing)), self.id);
            requests.push(Request::Say(text));
        }
        Ok(requests)
    }
}

/// Whose bars are asked for; `Err` names the member that is not good. Section B3.5.
fn asked<'a>(
    request: &request::Request<'_>,
    catalogue: &'a Catalogue,
) -> Result<Asked<'a>, &'static str> {
    let publisher = match &request.publisher {
        Named::Absent => None,
        Named::Wrong => return Err("publisher"),
        Named::Text(code) => Some(catalogue.publisher(code).ok_or("publisher")?),
    };
    let dataset = match &request.dataset {
        Named::Absent => None,
        Named::Wrong => return Err("dataset"),
        Named::Text(name) => Some(catalogue.dataset(name).ok_or("dataset")?),
    };
    match (publisher, dataset) {
        (None, None) => Err("publisher"),
        (Some(asked), None) | (None, Some(asked)) => Ok(asked),
        (Some(one), Some(other)) if one.publisher.code != other.publisher.code => Err("dataset"),
        (Some(_), Some(asked)) => Ok(asked),
    }
}

/// Whether a key is good for an instrument.
fn may_see(login: &Login, instrument: InstrumentId) -> bool {
    login.holder.instruments.as_ref().is_none_or(|all| all.contains(&instrument))
}

/// Section B4.4.
fn alive(id: Option<&str>) -> Vec<u8> {
    let mut out = br#"{"event":"heartbeat","status":"success""#.to_vec();
    close(&mut out, id);
    out
}

/// Section B4.1.
fn done(code: &str, about: &About<'_>, tickers: &[&str], id: Option<&str>) -> Vec<u8> {
    let mut out = format!(r#"{{"status":"success","code":"{code}","#).into_bytes();
    write_about(&mut out, about, tickers);
    close(&mut out, id);
    out
}

/// Section B4.3.
fn failed(
    failure: &Failure<'_>,
    about: Option<(&About<'_>, &[&str])>,
    id: Option<&str>,
) -> Vec<u8> {
    let (code, message) = (failure.code(), quoted(&failure.message()));
    let mut out = format!(r#"{{"status":"error","code":"{code}","message":{message}"#).into_bytes();
    if let Some((about, tickers)) = about {
        out.push(b',');
        write_about(&mut out, about, tickers);
    }
    close(&mut out, id);
    out
}

/// Appends what an answer is about.
fn write_about(out: &mut Vec<u8>, about: &About<'_>, tickers: &[&str]) {
    let mut member = |before: &str, name: &str, value: &str| {
        out.extend_from_slice(format!(r#"{before}"{name}":{}"#, quoted(value)).as_bytes());
    };
    member(r#""data":{"#, "event", about.event);
    about.dataset.into_iter().for_each(|dataset| member(",", "dataset", dataset));
    member(",", "publisher", about.publisher);
    member(",", "mic", about.mic);
    member(",", "market", about.market);
    member(",", "channel", about.channel);
    member(",", "frequency", about.frequency);
    member(",", "aggregation", about.aggregation);
    out.extend_from_slice(br#","tickers":["#);
    list(out, tickers, |out, ticker| out.extend_from_slice(quoted(ticker).as_bytes()));
    out.extend_from_slice(b"]}");
}

/// Closes an answer, with the client's own name of its message if it gave one.
fn close(out: &mut Vec<u8>, id: Option<&str>) {
    if let Some(id) = id {
        out.extend_from_slice(br#","request_id":"#);
        out.extend_from_slice(id.as_bytes());
    }
    out.push(b'}');
}

/// Words a bar for those who subscribe to this. Section B5.1. Returns whether it is a bar of theirs.
pub fn push(
    catalogue: &Catalogue,
    subject: &Subject,
    instrument: InstrumentId,
    candle: &Candle,
    out: &mut Vec<u8>,
) -> bool {
    let Some(frequency) = Frequency::of(subject.topic.kind) else { return false };
    let Some(head) = catalogue.head(subject.wording, frequency) else { return false };
    let Some(listed) = catalogue.listed(instrument) else { return false };
    let rules = &listed.instrument;
    out.extend_from_slice(head);
    out.extend_from_slice(listed.ticker.as_bytes());
    out.extend_from_slice(br#"","t":"#);
    integer(out, candle.start.seconds());
    for (name, price) in [
        (br#","o":"#, candle.open),
        (br#","h":"#, candle.high),
        (br#","l":"#, candle.low),
        (br#","c":"#, candle.close),
    ] {
        out.extend_from_slice(name);
        shortest(out, i128::from(rules.price_units(price)), rules.price_decimals);
    }
    out.extend_from_slice(br#","v":"#);
    let volume = i128::from(candle.volume.0) * i128::from(rules.lot_units);
    shortest(out, volume, rules.quantity_decimals);
    out.push(b'}');
    true
}
