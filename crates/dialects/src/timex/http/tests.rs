use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Instrument, InstrumentId, Listing, Minimum, Quantity};
use serde_json::Value;

use super::rest::{STREAMS, rest};
use super::*;
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
