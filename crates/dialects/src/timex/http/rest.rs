//! All streams that can be asked, over the socket and over HTTP alike: one table. Section B6.
//!
//! `GET /public/markets` over HTTP is the stream `/get/public/markets` of a socket. What is not in the table is an
//! operation that is not supported.

use std::sync::Arc;

use model::{Answer, AnswerBody, Query};
use serde_json::value::RawValue;

use super::given::{Given, Page};
use super::market;
use crate::step::Step;
use crate::timex::Markets;
use crate::timex::private::{self, Caller, account, history, orders};
use crate::timex::wire::Auth;
use crate::timex::wire::refusal::Refusal;

/// What an answer comes to: the body of a response, or why there is none.
pub type Answering = Step<Result<Vec<u8>, Refusal>>;

/// A stream.
pub struct Stream {
    method: &'static str,
    path: &'static str,
    serve: Serve,
}

enum Serve {
    /// Whoever asks, and whatever is shown.
    Public(fn(&Given, Arc<Markets>) -> Result<Answering, Refusal>),
    /// For who shows a key and its secret.
    Private(fn(Given, Caller, Arc<Markets>) -> Result<Answering, Refusal>),
}

use Serve::{Private, Public};

const fn stream(method: &'static str, path: &'static str, serve: Serve) -> Stream {
    Stream { method, path, serve }
}

/// All of them, but for [`CURRENCY`].
pub(super) static STREAMS: [Stream; 24] = [
    stream("GET", "/public/markets", Public(market::markets)),
    stream("GET", "/public/currencies", Public(market::currencies)),
    stream("GET", "/public/tickers", Public(market::tickers)),
    stream("GET", "/public/tickers24", Public(market::tickers24)),
    stream("GET", "/public/candles", Public(market::candles)),
    stream("GET", "/public/trades", Public(market::trades)),
    stream("GET", "/public/orderbook", Public(market::orderbook)),
    stream("GET", "/public/orderbook/v2", Public(market::orderbook)),
    stream("GET", "/public/orderbook/raw", Public(market::raw_orderbook)),
    stream("GET", "/trading/balances", Private(account::balances)),
    stream("GET", "/trading/fees", Private(account::fees)),
    stream("GET", "/trading/orders", Private(history::open_orders)),
    stream("POST", "/trading/orders", Private(orders::place)),
    stream("POST", "/trading/orders/json", Private(orders::place_rows)),
    stream("PUT", "/trading/orders", Private(orders::change)),
    stream("PUT", "/trading/orders/json", Private(orders::change_rows)),
    stream("DELETE", "/trading/orders", Private(orders::cancel)),
    stream("DELETE", "/trading/orders/json", Private(orders::cancel_rows)),
    stream("GET", "/history/orders", Private(history::orders)),
    stream("GET", "/history/orders/details", Private(history::details)),
    stream("GET", "/history/trades", Private(history::trades)),
    stream("GET", "/custody/credentials/me", Private(account::me)),
    stream("GET", "/custody/deposit-addresses", Private(account::deposit_addresses)),
    stream("GET", "/tradingview/time", Public(market::time)),
];

/// A currency by its symbol, which is the rest of the path.
const CURRENCY: &str = "/currencies/s/";

/// What a request wants.
pub enum Wanted<'a> {
    /// This stream, and the symbol that its path ends with.
    Stream(Found<'a>),
    /// What can be had by these other methods.
    OtherMethods(String),
    /// What is not supported.
    Nothing,
}

#[cfg(test)]
impl Stream {
    /// Its method and its path.
    pub fn name(&self) -> (&'static str, &'static str) {
        (self.method, self.path)
    }
}

/// A stream that was found.
pub enum Found<'a> {
    /// In the table.
    Listed(&'static Stream),
    /// A currency by this symbol.
    Currency(&'a str),
}

/// Finds a stream by its method, in upper case, and its path.
pub fn find<'a>(method: &str, path: &'a str) -> Wanted<'a> {
    if let Some(symbol) = path.strip_prefix(CURRENCY).filter(|symbol| !symbol.contains('/')) {
        return match method {
            "GET" => Wanted::Stream(Found::Currency(symbol)),
            _ => Wanted::OtherMethods("GET".to_owned()),
        };
    }
    let mut others = Vec::new();
    for stream in STREAMS.iter().filter(|stream| stream.path == path) {
        if stream.method == method {
            return Wanted::Stream(Found::Listed(stream));
        }
        others.push(stream.method);
    }
    match others.is_empty() {
        true => Wanted::Nothing,
        false => Wanted::OtherMethods(others.join(", ")),
    }
}

impl Found<'_> {
    /// Answers it.
    pub fn serve(self, auth: Option<Auth>, given: Given, markets: &Arc<Markets>) -> Answering {
        let markets = Arc::clone(markets);
        let understood = match self {
            Self::Currency(symbol) => market::currency(symbol, &markets),
            Self::Listed(stream) => match stream.serve {
                Public(serve) => serve(&given, markets),
                Private(serve) => {
                    return private::identified(auth, move |caller| serve(given, caller, markets));
                }
            },
        };
        understood.unwrap_or_else(refused)
    }
}

/// Answers a `REST` request of a socket.
pub fn rest(
    markets: &Arc<Markets>,
    stream: &str,
    auth: Option<Auth>,
    payload: Option<&RawValue>,
) -> Answering {
    let named = stream.strip_prefix('/').and_then(|stream| stream.split_once('/'));
    let Some((method, _)) = named else { return refused(Refusal::UNSUPPORTED) };
    let path = &stream[1 + method.len()..];
    let is_lower = method.bytes().all(|byte| byte.is_ascii_lowercase());
    match find(&method.to_ascii_uppercase(), path) {
        Wanted::Stream(found) if is_lower => match Given::of_payload(payload) {
            Ok(given) => found.serve(auth, given, markets),
            Err(refusal) => refused(refusal),
        },
        _ => refused(Refusal::UNSUPPORTED),
    }
}

/// What ends with this.
pub fn refused(refusal: Refusal) -> Answering {
    Step::Reply(Err(refusal))
}

/// Asks, and words what is answered.
pub fn ask(
    query: Query,
    word: impl FnOnce(Answer) -> Result<Vec<u8>, Refusal> + Send + 'static,
) -> Answering {
    Step::Ask(query, Box::new(move |answer| Step::Reply(word(answer))))
}

/// Asks, and goes on with what is answered.
pub fn go_on(
    query: Query,
    then: impl FnOnce(Answer) -> Result<Answering, Refusal> + Send + 'static,
) -> Answering {
    Step::Ask(query, Box::new(move |answer| then(answer).unwrap_or_else(refused)))
}

/// More than is remembered of anything.
const ALL: usize = 1 << 20;

/// A page of a list of which some may have to be left out.
pub struct Paged<Q, P, W> {
    /// Which page.
    pub page: Page,
    /// Whether what comes is all that there is for whoever asks, so that fewer than were asked for are the last.
    pub is_whole: bool,
    /// Whether nothing can be picked before all have come.
    pub needs_all: bool,
    /// Asks for so many at most, from the beginning.
    pub query: Q,
    /// How many came, and those of them that are told.
    pub pick: P,
    /// Words the page.
    pub word: W,
}

impl<Q, P, W> Paged<Q, P, W> {
    /// Asks for as many as fill the page, and for more as long as too few of them are told: a page of a long history is
    /// not to cost as much as all of it.
    pub fn answer<T>(self) -> Answering
    where
        Q: Fn(usize) -> Query + Send + 'static,
        P: Fn(AnswerBody) -> Result<(usize, Vec<T>), Refusal> + Send + 'static,
        W: FnOnce(Vec<T>) -> Vec<u8> + Send + 'static,
    {
        let limit = if self.needs_all { ALL } else { self.page.end() };
        self.up_to(limit)
    }

    fn up_to<T>(self, limit: usize) -> Answering
    where
        Q: Fn(usize) -> Query + Send + 'static,
        P: Fn(AnswerBody) -> Result<(usize, Vec<T>), Refusal> + Send + 'static,
        W: FnOnce(Vec<T>) -> Vec<u8> + Send + 'static,
    {
        let query = (self.query)(limit);
        go_on(query, move |answer| {
            let (came, told) = (self.pick)(answer.body)?;
            let is_last = limit >= ALL || self.is_whole && came < limit;
            if told.len() < self.page.end() && !is_last {
                return Ok(self.up_to(limit.saturating_mul(32)));
            }
            Ok(Step::Reply(Ok((self.word)(self.page.of(told)))))
        })
    }
}

/// What is written.
pub fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}
