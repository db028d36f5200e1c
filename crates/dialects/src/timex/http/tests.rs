use std::collections::BTreeSet;
use std::sync::Arc;

use model::{
    AccountId, Answer, AnswerBody, Instrument, InstrumentId, Listing, Minimum, OrderId, Price,
    Quantity, Query, Side, Trade, TradeId,
};
use serde_json::Value;

use super::given::Page;
use super::rest::{Paged, STREAMS, rest};
use super::*;
use crate::step::Credential;
use crate::timex::{NAME, Options};

fn markets() -> Arc<Markets> {
    let instrument = Instrument {
        id: InstrumentId(0),
        base: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 2,
        tick_units: 1,
        quantity_decimals: 8,
        lot_units: 1,
        minimum: Minimum::Quantity(Quantity(1)),
    };
    let symbols = vec![(NAME.to_owned(), "BTCUSD".to_owned())];
    let listing = Listing { instrument, description: "A / B".into(), symbols };
    Arc::new(Markets::new(&[listing], Options::default()).expect("the symbol is in order"))
}

/// What has to be done first, in words.
fn first<R>(step: &Step<R>, reply: impl Fn(&R) -> String) -> String {
    match step {
        Step::Reply(response) => reply(response),
        Step::Ask(query, _) => format!("ask {query:?}"),
        Step::Prove(shown, _) => format!("prove {}", shown.key),
        _ => "something else".to_owned(),
    }
}

fn over_http(request: &HttpRequest<'_>) -> String {
    first(&reply(request, &markets()), |response| {
        let body: Value = serde_json::from_slice(&response.body).expect("it is JSON");
        match body.pointer("/error/message") {
            Some(message) => message.to_string(),
            None => body.to_string(),
        }
    })
}

fn over_the_socket(stream: &str, auth: Option<Auth>, payload: &str) -> String {
    let payload = serde_json::from_str(payload).expect("the test says JSON");
    first(&rest(&markets(), stream, auth, payload), |answer| match answer {
        Ok(body) => serde_json::from_slice::<Value>(body).expect("it is JSON").to_string(),
        Err(refusal) => quoted(&refusal.message),
    })
}

#[test]
fn every_stream_is_the_same_over_both_ways() {
    let mut paths = BTreeSet::new();
    for (method, path) in STREAMS.iter().map(|stream| stream.name()) {
        assert!(paths.insert((method, path)), "{method} {path} is there twice");
        let stream = format!("/{}{path}", method.to_lowercase());
        let query = Some("market=BTCUSD&period=D1&useCache=true");
        let request = HttpRequest { query, ..HttpRequest::bare(method, path) };
        let payload = r#"{"market":"BTCUSD","period":"D1","useCache":true}"#;
        let open = over_http(&request);
        assert_eq!(open, over_the_socket(&stream, None, payload), "{stream}");
        // With a key: who asks is found out first wherever it is not for everybody.
        let headers = [("authorization", "Basic a2V5OnNlY3JldDp3aXRoOmNvbG9ucw==")];
        let shown = over_http(&HttpRequest { headers: &headers, ..request });
        let secret = "secret:with:colons".to_owned();
        let auth = Some(Auth { id: "key".to_owned(), secret });
        assert_eq!(shown, over_the_socket(&stream, auth, payload), "{stream}");
        let is_public = path.starts_with("/public/") || path.starts_with("/tradingview/");
        if is_public {
            assert!(open.starts_with("ask ") || open.starts_with('['), "{stream}: {open}");
            assert_eq!(open, shown, "{stream}");
        } else {
            assert_eq!((&*open, &*shown), ("\"Access denied\"", "prove key"), "{stream}");
        }
    }
}

#[test]
fn a_secret_may_have_colons_and_whatever_is_too_long_is_nobody() {
    let headers = [("authorization", "bAsIc  a2V5OnNlY3JldDp3aXRoOmNvbG9ucw==")];
    let request =
        HttpRequest { headers: &headers, ..HttpRequest::bare("GET", "/trading/balances") };
    let Step::Prove(shown, _) = reply(&request, &markets()) else { panic!("it is looked up") };
    assert_eq!((&*shown.key, &*shown.secret), ("key", &b"secret:with:colons"[..]));
    let long = STANDARD.encode(format!("key:{}", "x".repeat(129)));
    let value = format!("Basic {long}");
    let headers = [("authorization", value.as_str())];
    let request =
        HttpRequest { headers: &headers, ..HttpRequest::bare("GET", "/trading/balances") };
    assert_eq!(over_http(&request), "\"Access denied\"");
}

#[test]
fn other_methods_are_named() {
    let answer = |method, path| match reply(&HttpRequest::bare(method, path), &markets()) {
        Step::Reply(response) => response,
        _ => panic!("nothing has to be asked"),
    };
    let response = answer("PATCH", "/trading/orders");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, POST, PUT, DELETE")));
    assert_eq!(answer("PATCH", "/currencies/s/BTC").header("allow"), Some("GET"));
    assert_eq!((answer("PATCH", "/trading").status, answer("GET", "").status), (404, 404));
    assert_eq!(answer("HEAD", "/currencies/s/BTC").status, 200);
}

#[test]
fn who_asks_too_often_is_told_so() {
    let response = too_fast();
    assert_eq!((response.status, response.header("retry-after")), (429, Some("1")));
    assert_eq!(
        response.body,
        br#"{"error":{"status":"TOO_MANY_REQUESTS","message":"Too many requests","code":4901}}"#
    );
}

#[test]
fn failures_are_worded_as_captured() {
    let refusal = Refusal::insufficient("ETH", "1", "0");
    let response = refuse(&refusal, Time(1_575_523_543_584_000));
    assert_eq!(response.status, 400);
    let body = String::from_utf8(response.body).expect("it is text");
    assert_eq!(
        body,
        r#"{"error":{"timestamp":"05.12.2019T05:25:43.584+0000","status":"BAD_REQUEST","message":"Insufficient ETH balance. Required: 1, actual: 0.","code":4001}}"#
    );
    let escaped = refuse(&Refusal::market_not_found("A\"B\n"), Time(0));
    let body: Value = serde_json::from_slice(&escaped.body).expect("it is JSON");
    assert_eq!(body["error"]["message"], "Market not found: A\"B\n");
}

/// Takes the steps that need no market, as somebody who may do everything; what it comes to then.
fn as_somebody(step: rest::Answering) -> Option<Result<Vec<u8>, Refusal>> {
    let holder = Credential {
        account: AccountId(1),
        secret: Vec::new(),
        may_trade: true,
        instruments: None,
        quotes: None,
        blocked: false,
    };
    match step {
        Step::Prove(_, then) => as_somebody(then(Some(&holder))),
        Step::Reply(answer) => Some(answer),
        _ => None,
    }
}

#[test]
fn whatever_is_given_is_answered_or_goes_on() {
    let markets = markets();
    let auth = Auth { id: "key".to_owned(), secret: "secret".to_owned() };
    let given = r#"{"market":"BTCUSD","symbol":["BTCUSD"],"side":["BUY"],"orderTypes":["LIMIT"],"quantity":[1e-2],"price":["50000.5"],"expireIn":[60],"clientOrderId":[null],"id":["0xab"],"from":"2026-11-22T12:00:00.000Z","period":"I1","size":20,"pageable":{"page":1},"sort":"timestamp,asc","cursorId":5,"owner":"0x31","body":[{"symbol":"BTCUSD","side":"SELL","type":"POST_ONLY","quantity":"1.5e0","price":2,"expireTime":"2026-11-22T12:00:00.000Z"}]}"#;
    let pieces: [&[u8]; 14] = [
        b"9",
        b"-",
        b"e99",
        b".",
        b"\"",
        b"null",
        b"[",
        b"]",
        b"{}",
        b"99999999999999999999",
        b"\xc3\xa9",
        b"\\u0000",
        b",",
        b"0x",
    ];
    let (mut seed, mut read) = (0x5249_414c_544f_u64, 0);
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let mut bytes = given.as_bytes().to_vec();
        for _ in 0..=draw(2) {
            let at = draw(bytes.len());
            let end = (at + draw(4)).min(bytes.len());
            bytes.splice(at..end, pieces[draw(pieces.len())].iter().copied());
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let stream = &STREAMS[draw(STREAMS.len())];
        let (method, path) = stream.name();
        // The same bytes as a query and as a body, and as a payload if they are JSON.
        let query = text.replace(['"', ':'], "=").replace(',', "&");
        let headers =
            [("authorization", "Basic a2V5OnNlY3JldA=="), ("content-type", "application/json")];
        let request = HttpRequest {
            query: Some(&query),
            headers: &headers,
            body: text.as_bytes(),
            ..HttpRequest::bare(method, path)
        };
        if let Ok(given) = Given::of_http(&request) {
            as_somebody(rest::Found::Listed(stream).serve(Some(auth.clone()), given, &markets));
        }
        let Ok(payload) = serde_json::from_str(&text) else { continue };
        read += 1;
        let name = format!("/{}{path}", method.to_lowercase());
        match as_somebody(rest(&markets, &name, Some(auth.clone()), Some(payload))) {
            Some(Err(refusal)) => assert!(!refusal.message.is_empty(), "{text}"),
            Some(Ok(body)) => {
                let body: Result<Value, _> = serde_json::from_slice(&body);
                assert!(body.is_ok(), "{text}");
            }
            None => {}
        }
    }
    assert!(read > 1_000, "only {read} were JSON");
}

/// Answers questions for trades from a tape of so many, until there is a reply: the ids of the page, and what was asked.
fn page_of(
    tape: u64,
    is_whole: bool,
    page: Page,
    is_told: fn(u64) -> bool,
) -> (Vec<u64>, Vec<usize>) {
    let paged = Paged {
        page,
        is_whole,
        needs_all: false,
        query: |limit| Query::Trades { instrument: InstrumentId(0), since: Time(0), limit },
        pick: move |body| {
            let AnswerBody::Trades(trades) = body else { panic!("trades were asked for") };
            let told = trades.iter().map(|trade| trade.id.0).filter(|id| is_told(*id));
            Ok((trades.len(), told.collect()))
        },
        word: |ids: Vec<u64>| ids.iter().flat_map(|id| id.to_le_bytes()).collect(),
    };
    let (mut step, mut asked) = (paged.answer(), Vec::new());
    loop {
        step = match step {
            Step::Ask(Query::Trades { limit, .. }, then) => {
                asked.push(limit);
                let trade = |id| Trade {
                    id: TradeId(id),
                    time: Time(0),
                    price: Price(1),
                    quantity: Quantity(1),
                    aggressor: Side::Buy,
                    maker: OrderId(0),
                    taker: OrderId(0),
                    maker_account: None,
                    taker_account: None,
                };
                let trades = (0..tape).take(limit).map(trade).collect();
                then(Answer { now: Time(0), body: AnswerBody::Trades(trades) })
            }
            Step::Reply(Ok(body)) => {
                let ids =
                    body.chunks_exact(8).map(|id| u64::from_le_bytes(id.try_into().expect("8")));
                return (ids.collect(), asked);
            }
            _ => panic!("nothing else is asked"),
        }
    }
}

#[test]
fn pages_are_whole_and_cost_no_more_than_they_must() {
    let every_third: fn(u64) -> bool = |id| id % 3 == 0;
    for (offset, limit) in [(0, 1), (0, 20), (40, 20), (300, 100), (900, 1_000), (5_000, 10)] {
        let page = Page { offset, limit };
        for tape in [0, 5, 1_000, 20_000] {
            for (is_told, is_whole) in
                [(every_third, true), (every_third, false), (|_| true, true), (|_| false, true)]
            {
                let (ids, asked) = page_of(tape, is_whole, page, is_told);
                let expected: Vec<u64> =
                    (0..tape).filter(|id| is_told(*id)).skip(offset).take(limit).collect();
                assert_eq!(ids, expected, "{page:?} of {tape}");
                assert!(asked.len() <= 5, "{asked:?}");
            }
        }
    }
    assert_eq!(page_of(20_000, true, Page { offset: 0, limit: 20 }, |_| true).1, [20]);
    assert_eq!(page_of(5, true, Page { offset: 0, limit: 20 }, |_| true).1, [20]);
    assert_eq!(page_of(5, false, Page { offset: 0, limit: 20 }, |_| true).1.len(), 5);
}
