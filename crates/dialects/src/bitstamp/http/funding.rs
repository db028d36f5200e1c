//! The funding rate of a perpetual, and those at which funding was exchanged. Sections 8.1 and 8.2.

use std::sync::Arc;

use model::{AnswerBody, FundingRate, Query, Time};

use super::super::convert;
use super::super::object::{Object, list};
use super::super::server::Market;
use super::{ask, parameter};
use crate::http::{HttpRequest, HttpResponse};
use crate::step::Step;

/// The most rates of one answer, and how many if nothing is said.
const LIMIT_MAX: usize = 100;

/// `{"funding_rate":"0.00013","timestamp":"1789455811","market":"BTC/USD-PERP","next_funding_time":"1789459200"}`; 404
/// without a body of a market that has none, or has none yet.
pub fn now(market: Option<&Arc<Market>>) -> Step {
    let Some(market) = perpetual(market) else { return Step::Reply(HttpResponse::empty(404)) };
    ask(Query::Perpetual { instrument: market.instrument.id }, move |_, body| {
        let AnswerBody::Perpetual(state) = body else { return HttpResponse::empty(404) };
        let object = Object::new()
            .text("funding_rate", &rate(state.marks.funding_rate_ppm))
            .text("timestamp", &state.time.seconds().to_string())
            .text("market", &market.name)
            .text("next_funding_time", &state.marks.next_funding.seconds().to_string());
        HttpResponse::json(200, object.end().into())
    })
}

/// `{"market":"ETH/USD-PERP","funding_rate_history":[{"funding_rate":"-0.00011","timestamp":"1771228800"}]}`, the oldest
/// first.
pub fn history(market: Option<&Arc<Market>>, request: &HttpRequest<'_>) -> Step {
    let Some(market) = perpetual(market) else { return Step::Reply(HttpResponse::empty(404)) };
    let second = |name| {
        let text = parameter(request, name)?;
        text.parse::<i64>().ok().map(|seconds| Time(seconds.saturating_mul(1_000_000)))
    };
    let limit = parameter(request, "limit").and_then(|text| text.parse().ok());
    let query = Query::FundingRates {
        instrument: market.instrument.id,
        since: second("since_timestamp").unwrap_or(Time(i64::MIN)),
        until: second("until_timestamp").unwrap_or(Time(i64::MAX)),
        limit: limit.unwrap_or(LIMIT_MAX).min(LIMIT_MAX),
    };
    ask(query, move |_, body| {
        let AnswerBody::FundingRates(rates) = body else { return HttpResponse::empty(404) };
        let row = |it: &FundingRate| {
            let row = Object::new().text("funding_rate", &rate(it.rate_ppm));
            row.text("timestamp", &it.time.seconds().to_string()).end()
        };
        let rows = list(rates.iter().map(row));
        let object = Object::new().text("market", &market.name);
        HttpResponse::json(200, object.raw("funding_rate_history", rows).end().into())
    })
}

fn perpetual(market: Option<&Arc<Market>>) -> Option<Arc<Market>> {
    market.filter(|market| market.perpetual.is_some()).map(Arc::clone)
}

fn rate(ppm: i32) -> String {
    let mut out = Vec::new();
    convert::rate(&mut out, ppm);
    String::from_utf8(out).expect("digits are text")
}
