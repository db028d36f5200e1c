//! The HTTP half: the public endpoints of section 8, worded from the board's answers. The signed ones are
//! `private.rs`.

use std::sync::Arc;

use model::{AnswerBody, OrderEntry, Query, Span, Time, Window};
use serde::Serialize;

use super::private::{self, Ground};
use super::server::{self, BOOK_BYTES_MAX, ENTRY_BYTES_MAX, LEVEL_BYTES_MAX, Market};
use super::{Markets, Options};
use crate::http::{HttpRequest, HttpResponse};
use crate::step::Step;
use crate::text::{DECIMAL_BYTES_MAX, INTEGER_BYTES_MAX, Pen, make_room};

mod funding;
mod ohlc;
mod pages;
mod tickers;

pub use pages::{Pages, currency_decimals, market_type, minimum_order};

/// The longest query that is read; a longer one gets `API0021`. Section 6.
const QUERY_BYTES_MAX: usize = 2_000;
/// How many trades `transactions` lists at most.
const TRANSACTIONS_MAX: usize = 10_000;

/// Understands a request. Slashes at the end do not matter, nor the case of a market's name.
pub fn reply(
    request: &HttpRequest<'_>,
    markets: &Markets,
    pages: &Pages,
    ground: &Arc<Ground>,
    options: &Options,
) -> Step {
    if request.query.is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        return Step::Reply(refused(403, "code", "API0021", TOO_LONG));
    }
    let Some(path) = request.path.strip_prefix("/api/v2/") else {
        return Step::Reply(no_such_page());
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    if let Some(step) = private::reply(request, path, ground) {
        return step;
    }
    let (endpoint, symbol) = match path.split_once('/') {
        Some((endpoint, symbol)) => (endpoint, Some(symbol)),
        None => (path, None),
    };
    let lower = symbol.map(str::to_ascii_lowercase);
    let market = lower.as_deref().and_then(|symbol| markets.called(symbol));
    let of = |ask: fn(&Arc<Market>, &HttpRequest<'_>, &Options) -> Step| match market {
        Some(market) => ask(market, request, options),
        None => Step::Reply(no_such_market()),
    };
    let reply = match (endpoint, symbol) {
        ("markets", None) => Step::Reply(page(&pages.markets)),
        ("trading-pairs-info", None) => Step::Reply(page(&pages.trading_pairs)),
        ("currencies", None) => Step::Reply(page(&pages.currencies)),
        ("status", None) => status(),
        ("eur_usd", None) => tickers::eur_usd(markets),
        ("ticker", None) => tickers::all(markets, Window::DAY),
        ("ticker", Some(_)) => match market {
            Some(market) => tickers::one(market, Window::DAY),
            None => tickers::all(markets, Window::DAY),
        },
        ("ticker_hour", Some(_)) => of(|market, _, _| tickers::one(market, Window::HOUR)),
        ("order_book", Some(_)) => of(order_book),
        ("transactions", Some(_)) => of(transactions),
        ("ohlc", Some(_)) => of(ohlc::ohlc),
        ("margin_tiers", None) => Step::Reply(page(&pages.margin_tiers)),
        ("funding_rate", Some(_)) => funding::now(market),
        ("funding_rate_history", Some(_)) => funding::history(market, request),
        _ => Step::Reply(no_such_page()),
    };
    match request.method {
        "GET" | "HEAD" => reply,
        _ if matches!(&reply, Step::Reply(response) if response.status == 404) => reply,
        _ => Step::Reply(HttpResponse::empty(405)),
    }
}

const TOO_LONG: &str = "Please make sure url query string is not too long";
const TOO_FAST: &str = "Request rejected due to exceeded rate limit.";
const NO_BOOK: &str = "Order book is currently unavailable.";

/// Section 8.7, the last row.
pub fn too_fast() -> HttpResponse {
    explained(429, "400.002", TOO_FAST)
}

/// What the source of a market cannot show: orders that it is not told of, a book before its first snapshot.
fn unavailable() -> HttpResponse {
    explained(200, "500.009", NO_BOOK)
}

/// Section 8.1: any body will do.
fn no_such_market() -> HttpResponse {
    const BODY: &[u8] = b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
        <center><h1>404 Not Found</h1></center>\r\n</body>\r\n</html>\r\n";
    let content_type = Some("text/html");
    HttpResponse { status: 404, content_type, headers: Vec::new(), body: BODY.to_vec() }
}

fn no_such_page() -> HttpResponse {
    HttpResponse::json(404, br#"{"message": "Not found."}"#.to_vec())
}

/// An error as section 8.7 words them: `code` for authentication and limits of the request itself,
/// `response_code` for the rest.
fn refused(status: u16, key: &str, code: &str, reason: &str) -> HttpResponse {
    let body = format!(r#"{{"status":"error","reason":"{reason}","{key}":"{code}"}}"#);
    HttpResponse::json(status, body.into_bytes())
}

fn explained(status: u16, code: &str, reason: &str) -> HttpResponse {
    let body = format!(
        r#"{{"status":"error","reason":"{reason}","response_code":"{code}","response_explanation":"{reason}"}}"#
    );
    HttpResponse::json(status, body.into_bytes())
}

fn page(body: &[u8]) -> HttpResponse {
    HttpResponse::json(200, body.to_vec())
}

fn json(value: &impl Serialize) -> HttpResponse {
    HttpResponse::json(200, serde_json::to_vec(value).expect("texts and numbers can be written"))
}

fn ask(query: Query, word: impl FnOnce(Time, AnswerBody) -> HttpResponse + Send + 'static) -> Step {
    Step::Ask(query, Box::new(|answer| Step::Reply(word(answer.now, answer.body))))
}

/// The value of a parameter, if it is there; the last one counts.
fn parameter<'a>(request: &HttpRequest<'a>, name: &str) -> Option<&'a str> {
    let pairs = request.query?.split('&').rev().filter_map(|pair| pair.split_once('='));
    let mut pairs = pairs.filter(|(key, _)| *key == name);
    pairs.next().map(|(_, value)| value)
}

/// Section 8.2, `status`: the only body with a space, as it was seen.
fn status() -> Step {
    ask(Query::Now, |now, _| {
        let body = format!(r#"{{"server_time": {}}}"#, now.millis());
        HttpResponse::json(200, body.into_bytes())
    })
}

/// Section 8.3. The answer is the published state, so its stamp is that of the last diff, or of the start.
fn order_book(market: &Arc<Market>, request: &HttpRequest<'_>, _: &Options) -> Step {
    let instrument = market.instrument.id;
    let cadence = market.cadences.diffs;
    let market = Arc::clone(market);
    let by_order = match parameter(request, "group") {
        Some("0") => Some(false),
        Some("2") => Some(true),
        _ => None,
    };
    let Some(with_ids) = by_order else {
        return ask(Query::Book { instrument, cadence }, move |_, body| match body {
            AnswerBody::Book { time, bids, asks } => {
                let room = BOOK_BYTES_MAX + LEVEL_BYTES_MAX * (bids.len() + asks.len());
                book(room, time, &bids, &asks, |pen, level| market.level(pen, level))
            }
            _ => unavailable(),
        });
    };
    ask(Query::Detail { instrument, cadence }, move |_, body| match body {
        AnswerBody::Detail { time, bids, asks } => {
            let room = BOOK_BYTES_MAX + ENTRY_BYTES_MAX * (bids.len() + asks.len());
            book(room, time, &bids, &asks, |pen, entry: &OrderEntry| {
                if with_ids {
                    market.order(pen, entry);
                } else {
                    let (price, quantity) = (entry.price, entry.quantity);
                    market.level(pen, &model::Level { price, quantity });
                }
            })
        }
        _ => unavailable(),
    })
}

fn book<T>(
    room: usize,
    time: Time,
    bids: &[T],
    asks: &[T],
    mut write: impl FnMut(&mut Pen<'_>, &T),
) -> HttpResponse {
    let mut body = Vec::new();
    let start = make_room(&mut body, room);
    let mut pen = Pen::new(&mut body[start..]);
    server::stamps(&mut pen, time);
    server::list(&mut pen, bids.iter(), &mut write);
    pen.put(br#","asks":"#);
    server::list(&mut pen, asks.iter(), &mut write);
    pen.put(b"}");
    let end = start + pen.written();
    body.truncate(end);
    HttpResponse::json(200, body)
}

/// Section 8.2, `transactions`: newest first, all strings. The window ends now, which only the answer knows.
fn transactions(market: &Arc<Market>, request: &HttpRequest<'_>, _: &Options) -> Step {
    let window = match parameter(request, "time") {
        Some("minute") => Span::seconds(60),
        Some("day") => Span::seconds(86_400),
        _ => Span::seconds(3_600),
    };
    let market = Arc::clone(market);
    let query =
        Query::Trades { instrument: market.instrument.id, since: Time(0), limit: TRANSACTIONS_MAX };
    ask(query, move |now, body| {
        let AnswerBody::Trades(trades) = body else { return unavailable() };
        let since = now - window;
        let trades: Vec<_> = trades.iter().take_while(|trade| trade.time >= since).collect();
        let mut body = Vec::new();
        let start = make_room(&mut body, 2 + TRANSACTION_BYTES_MAX * trades.len());
        let mut pen = Pen::new(&mut body[start..]);
        server::list(&mut pen, trades.into_iter(), |pen, trade| {
            pen.put(br#"{"date":""#);
            pen.integer(server::micros(trade.time) / 1_000_000);
            pen.put(br#"","tid":""#);
            pen.integer(trade.id.0);
            pen.put(br#"","amount":""#);
            market.amount(pen, trade.quantity);
            pen.put(br#"","type":""#);
            pen.put(super::convert::side(trade.aggressor));
            pen.put(br#"","price":""#);
            market.price(pen, trade.price);
            pen.put(br#""}"#);
        });
        let end = start + pen.written();
        body.truncate(end);
        HttpResponse::json(200, body)
    })
}

const TRANSACTION_BYTES_MAX: usize = 64 + 2 * INTEGER_BYTES_MAX + 2 * DECIMAL_BYTES_MAX;
