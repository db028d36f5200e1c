//! What whoever was away asks for: the order events that it missed, with the ids under which they were told. Section 8.9.
//!
//! What is remembered is bounded. A gap that reaches further back is refused as a whole: an answer that begins too late
//! would look like one that fills it.

use std::sync::Arc;

use model::{
    Answer, AnswerBody, EventMark, InstrumentId, OrderUpdate, OwnOrderUpdate, Query, Span, Stretch,
    Time,
};

use super::super::convert::{self, EventName, OrderEvent, OrderSource, OwnOrderEvent};
use super::super::own::{self, OWN_ORDER_BYTES_MAX};
use super::super::server::{self, Market, ORDER_BYTES_MAX};
use super::Call;
use super::errors::{self, Failure};
use crate::http::HttpResponse;
use crate::step::Step;
use crate::text::{ESCAPED_BYTES_MAX, Pen, make_room};

/// How far back an answer begins if the request does not say.
const BACK: Span = Span::seconds(86_400);
/// Events of one answer: those that come first. Who wants more goes on from the last one.
const EVENTS_MAX: usize = 5_000;

/// `[{"event":"order_created","event_id":"00065aad-…","order_source":"orderbook","data":{"id":2046839978799111,…}}]`
pub fn order_data(call: &Call) -> Step {
    let wanted = match market(call).and_then(|market| Wanted::read(call, market, OrderSource::Book))
    {
        Ok(wanted) => wanted,
        Err(refusal) => return Step::Reply(refusal),
    };
    wanted.ask(
        |instrument, stretch| Query::OrderSteps { instrument, stretch },
        |market, body| match body {
            AnswerBody::OrderSteps { steps, is_cut } => {
                let event = |update: &OrderUpdate, out: &mut Vec<u8>| event(market, update, out);
                (list(&steps, event), is_cut)
            }
            // A source by level has no orders.
            _ => (list(&[], |_: &OrderUpdate, _| ()), false),
        },
    )
}

/// The same with what is for the owner alone, of the account's own orders.
pub fn own_order_data(call: &Call) -> Step {
    let source = |market| match call.form.text("order_source").map(OrderSource::called) {
        None => Err(errors::SOURCE_MISSING.response()),
        Some(None) => Err(errors::SOURCE_MALFORMED.response()),
        Some(Some(source)) => Ok((market, source)),
    };
    let wanted = market(call)
        .and_then(source)
        .and_then(|(market, source)| Wanted::read(call, market, source));
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(refusal) => return Step::Reply(refusal),
    };
    let (account, outside) = (call.account, wanted.source == OrderSource::Stops);
    wanted.ask(
        move |instrument, stretch| Query::OwnSteps { account, instrument, outside, stretch },
        |market, body| match body {
            AnswerBody::OwnSteps { steps, is_cut } => {
                let event = |update: &OwnOrderUpdate, out: &mut Vec<u8>| {
                    own_event(market, update, out);
                };
                (list(&steps, event), is_cut)
            }
            // An account that was never heard of has done nothing.
            _ => (list(&[], |_: &OwnOrderUpdate, _| ()), false),
        },
    )
}

/// The market that a form names, if the key is good for it.
fn market(call: &Call) -> Result<Arc<Market>, HttpResponse> {
    let name = call.form.text("market").ok_or_else(|| errors::MARKET_MISSING.response())?;
    let all = &call.ground.markets.listed;
    match all.iter().find(|market| market.name.eq_ignore_ascii_case(name)) {
        None => Err(errors::MARKET_NOT_FOUND.response()),
        Some(market) if !call.sees(market.instrument.id) => Err(errors::NO_PERMISSION.response()),
        Some(market) => Ok(Arc::clone(market)),
    }
}

/// Which events a form asks for.
struct Wanted {
    market: Arc<Market>,
    source: OrderSource,
    since: Option<EventMark>,
    until: Option<EventMark>,
}

impl Wanted {
    fn read(call: &Call, market: Arc<Market>, source: OrderSource) -> Result<Self, HttpResponse> {
        let bound = |field: &str, malformed: &Failure| {
            let Some(text) = call.form.text(field) else { return Ok(None) };
            let name = EventName::read(text).ok_or_else(|| malformed.response())?;
            if !name.is_of(market.instrument.id) {
                return Err(errors::EVENT_OF_OTHER_MARKET.response());
            }
            if name.source != source {
                return Err(errors::EVENT_OF_OTHER_SOURCE.response());
            }
            Ok(Some(name.mark))
        };
        let since = bound("since_id", &errors::SINCE_EVENT_MALFORMED)?;
        let until = bound("until_id", &errors::UNTIL_EVENT_MALFORMED)?;
        if since.is_some() && until.is_some() && until <= since {
            return Err(errors::EVENTS_REVERSED.response());
        }
        Ok(Self { market, source, since, until })
    }

    /// Asks, and answers with the list that `show` makes of what is told, and whether it is cut.
    fn ask(
        self,
        query: impl FnOnce(InstrumentId, Stretch) -> Query + Send + 'static,
        show: impl FnOnce(&Market, AnswerBody) -> (Option<Vec<u8>>, bool) + Send + 'static,
    ) -> Step {
        let is_since_told = self.since.is_some();
        let from = move |since| {
            let stretch = Stretch { since, until: self.until, limit: EVENTS_MAX };
            let query = query(self.market.instrument.id, stretch);
            let word = move |answer: Answer| match show(&self.market, answer.body) {
                // Whoever says since when has seen what was before; others take what there is.
                (Some(events), is_cut) if !(is_cut && is_since_told) => {
                    Step::Reply(HttpResponse::json(200, events))
                }
                _ => errors::NO_EVENTS.step(),
            };
            Step::Ask(query, Box::new(word))
        };
        let day_before = |time: Time| EventMark { time: time - BACK, tie: 0, ordinal: 0 };
        match (self.since, self.until) {
            (Some(since), _) => from(since),
            (None, Some(until)) => from(day_before(until.time)),
            // Only the market knows what time it is.
            (None, None) => {
                Step::Ask(Query::Now, Box::new(move |answer| from(day_before(answer.now))))
            }
        }
    }
}

/// A list of events; `None` if there are none.
fn list<T>(events: &[T], event: impl Fn(&T, &mut Vec<u8>)) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for one in events {
        body.push(if body.is_empty() { b'[' } else { b',' });
        event(one, &mut body);
    }
    body.push(b']');
    (!events.is_empty()).then_some(body)
}

/// The most bytes that an event takes around its data.
const AROUND_BYTES_MAX: usize = 160;

fn event(market: &Market, update: &OrderUpdate, out: &mut Vec<u8>) {
    let start = make_room(out, AROUND_BYTES_MAX + ORDER_BYTES_MAX);
    let mut pen = Pen::new(&mut out[start..]);
    let name = OrderEvent::of(update).name();
    head(&mut pen, name, market, update.mark, OrderSource::Book);
    server::public_order(&mut pen, br#","data":{"id":"#, market, update);
    pen.put(b"}}");
    let end = start + pen.written();
    out.truncate(end);
}

fn own_event(market: &Market, update: &OwnOrderUpdate, out: &mut Vec<u8>) {
    let label = update.label.as_deref().unwrap_or_default();
    let room = AROUND_BYTES_MAX + OWN_ORDER_BYTES_MAX + ESCAPED_BYTES_MAX * label.len();
    let start = make_room(out, room);
    let mut pen = Pen::new(&mut out[start..]);
    let name = OwnOrderEvent::of(update).name();
    head(&mut pen, name, market, update.mark, OrderSource::of(update));
    own::own_order(&mut pen, br#","data":{"id":"#, market, update);
    pen.put(b"}}");
    let end = start + pen.written();
    out.truncate(end);
}

/// How an event begins, up to where its source ends.
fn head(pen: &mut Pen<'_>, name: &str, market: &Market, mark: EventMark, source: OrderSource) {
    pen.put(br#"{"event":""#);
    pen.text(name.as_bytes());
    pen.put(br#"","event_id":""#);
    pen.put(&convert::event_id(mark, market.instrument.id, source));
    pen.put(br#"","order_source":""#);
    pen.text(source.name().as_bytes());
    pen.put(br#"""#);
}
