//! The HTTP half: what everybody may ask is answered here, and what is for who shows a token in
//! [`private`](super::private). Section A8.

use std::sync::Arc;

use model::{AnswerBody, Query};

use super::Markets;
use super::private::{self, account, orders};
use crate::http::{HttpRequest, HttpResponse};
use crate::step::Step;

pub mod market;
pub mod parameters;
pub mod problem;

use parameters::Parameters;
use problem::Problem;

/// Understands a request.
pub fn reply(request: &HttpRequest<'_>, markets: &Arc<Markets>) -> Step {
    let asked = problem::Instance::of(request);
    let step = understand(request, markets).unwrap_or_else(|problem| Step::Reply(problem.word()));
    // What failed is named once all is said, wherever it failed.
    step.map(move |response| asked.name(response))
}

fn understand(request: &HttpRequest<'_>, markets: &Arc<Markets>) -> Result<Step, Problem> {
    let Some(path) = request.path.strip_prefix("/api/v1/") else { return Err(no_such_page()) };
    let path = path.strip_suffix('/').unwrap_or(path);
    let given = Parameters::of_query(request.query.unwrap_or(""));
    let markets = Arc::clone(markets);
    let get = matches!(request.method, "GET" | "HEAD");
    let post = request.method == "POST";
    match path.split_once('/').unwrap_or((path, "")) {
        ("symbols", "") if get => Ok(market::symbols(markets)),
        ("symbols", symbol) if get => market::symbol(symbol, &markets),
        ("trade-fees", "") if get => market::fees(&given, &markets),
        ("ticker", "24h") if get => market::tickers(&given, markets),
        ("orderbook", "") if get => market::orderbook(&given, &markets),
        ("trades", "") if get => market::trades(&given, &markets),
        ("candles", "") if get => market::candles(&given, &markets),
        ("rates", "") if get => market::rates(&given, markets),
        ("accounts", "trading/balances") if get => {
            Ok(private::identified(request, move |caller| Ok(account::balances(&caller, markets))))
        }
        ("accounts", "funding/balances") if get => {
            Ok(private::identified(request, |_| Ok(Step::Reply(account::no_balances()))))
        }
        ("orders", "active") if get => {
            Ok(private::identified(request, move |caller| orders::active(&given, &caller, markets)))
        }
        ("orders", "history") if get => Ok(private::identified(request, move |caller| {
            orders::history(&given, &caller, markets)
        })),
        ("order", "") if get => {
            Ok(private::identified(request, move |caller| orders::one(&given, &caller, markets)))
        }
        ("order", "") if request.method == "DELETE" => {
            Ok(private::identified(request, move |caller| orders::cancel(&given, caller, markets)))
        }
        ("orders", "") if post => {
            let body = request.body.to_vec();
            Ok(private::identified(request, move |caller| orders::place(&body, caller, markets)))
        }
        ("orders", "estimate") if post => {
            let body = request.body.to_vec();
            Ok(private::identified(request, move |_| orders::estimate(&body, markets)))
        }
        _ => Err(no_such_page()),
    }
}

fn no_such_page() -> Problem {
    Problem::new(&problem::NOT_FOUND, "There is nothing here")
}

/// What is answered to who asks too often.
pub fn too_fast() -> HttpResponse {
    let problem = Problem::new(&problem::TOO_MANY_REQUESTS, "Too many requests");
    let mut response = problem.word();
    response.headers.push(("retry-after", "3".to_owned()));
    response
}

/// Asks, and words what is answered.
pub fn ask(
    query: Query,
    word: impl FnOnce(AnswerBody) -> Result<HttpResponse, Problem> + Send + 'static,
) -> Step {
    go_on(query, move |body| word(body).map(Step::Reply))
}

/// Asks, and goes on with what is answered.
pub fn go_on(
    query: Query,
    then: impl FnOnce(AnswerBody) -> Result<Step, Problem> + Send + 'static,
) -> Step {
    Step::Ask(
        query,
        Box::new(move |answer| {
            then(answer.body).unwrap_or_else(|problem| Step::Reply(problem.word()))
        }),
    )
}

/// What is answered of a market whose source cannot show it.
pub fn unavailable() -> Problem {
    Problem::new(&problem::UNAVAILABLE, "This is not known at the moment")
}

/// A page that begins and ends so.
pub fn page(status: u16, write: impl FnOnce(&mut Vec<u8>)) -> HttpResponse {
    let mut body = Vec::new();
    write(&mut body);
    HttpResponse::json(status, body)
}
