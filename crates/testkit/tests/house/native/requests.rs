//! What cannot be understood, and what is told about it: where it is wrong, and how.

use std::io::Write;

use testkit::served::Setup;

use super::{Client, limit, served, with};

#[test]
fn there_are_no_other_pages_and_no_other_methods() {
    let (_served, [mut alice]) = served(["alice"]);
    for path in
        ["", "/", "/order", "/orders/", "/orders/1/2", "/instruments/BTC-USD/books", "/demo/"]
    {
        let told = alice.get(path).with_status(404);
        assert_eq!(told.problem(), ("unknown-path", Some("path")), "{path}");
    }
    for (method, path, allowed) in [
        ("PATCH", "/orders", "GET, POST, DELETE"),
        ("POST", "/orders/1", "GET, PUT, DELETE"),
        ("DELETE", "/status", "GET"),
    ] {
        let told = alice.ask(method, path, None).with_status(405);
        assert_eq!(told.problem().0, "method-not-allowed");
        assert_eq!(told.head.header("allow"), Some(allowed));
    }
}

#[test]
fn a_body_that_cannot_be_understood_is_told_where_it_is_wrong() {
    let (_served, [mut alice]) = served(["alice"]);
    let mut check = |body: &str, place: &str, says: &str| {
        let told = alice.post("/orders", body).with_status(400);
        assert_eq!(told.problem(), ("bad-body", Some(place)), "{body}: {}", told.text);
        let detail = told.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{body}: {}", told.text);
    };
    check("", "body, line 1, column 0", "EOF");
    check("nonsense", "body, line 1, column 2", "expected");
    check(" [\"BTC-USD\"]", "body", "a list");
    check("{}", "body, line 1, column 2", "missing field `instrument`");
    let good = limit("buy", "1", "90.00");
    check(&good.replace("\"90.00\"", "90.00"), "body, line 1, column 80", "expected a string");
    check(&good.replace("\"1\"", "1"), "body, line 1, column 64", "expected a string");
    check(&good.replace("buy", "bid"), "body, line 1, column 36", "`buy`");
    check(&with(&good, r#""prize":"1""#), "body, line 1, column 90", "unknown field `prize`");
    check(&with(&good, r#""price":"1""#), "body, line 1, column 90", "duplicate field `price`");
    check(&with(&good, r#""post_only":"yes""#), "body, line 1, column 100", "boolean");
    let gtd = r#""time_in_force":"gtd","expires_at":"tomorrow""#;
    check(&with(&good, gtd), "body expires_at", "is not a time such as");
    for label in ["", "with blank", &"x".repeat(65), "ü"] {
        let body = with(&good, &format!(r#""client_order_id":"{label}""#));
        check(&body, "body client_order_id", "1 to 64 letters");
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    let (_served, [mut alice]) = served(["alice"]);
    let mut check = |quantity: &str, price: &str, problem: (&str, &str), says: &str| {
        let told = alice.post("/orders", &limit("buy", quantity, price)).with_status(422);
        assert_eq!(told.problem(), (problem.0, Some(problem.1)), "{}", told.text);
        let detail = told.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{quantity} {price}: {}", told.text);
    };
    let price = ("bad-price", "body price");
    check("1", "90.001", price, "no multiple of the tick size, 0.01");
    check("1", "0", price, "not positive");
    check("1", "-90", price, "not positive");
    check("1", "90071992547409.93", price, "too large");
    check("1", "99999999999999999999", price, "too large");
    for text in ["", "1e3", "1,5", "0x10", "NaN", " 1", "1."] {
        check("1", text, price, "not a plain decimal number");
    }
    let quantity = ("bad-quantity", "body quantity");
    check("0.000000001", "90", quantity, "no multiple of the lot size, 0.00000001");
    check("0", "90", quantity, "not positive");
    check("-1", "90", quantity, "not positive");
    check("87961", "90", quantity, "too large");
}

#[test]
fn parts_that_contradict_each_other_are_named() {
    let (_served, [mut alice]) = served(["alice"]);
    let mut check = |more: &str, place: &str| {
        let body = format!(r#"{{"instrument":"BTC-USD","side":"buy",{more}}}"#);
        let told = alice.post("/orders", &body).with_status(422);
        assert_eq!(told.problem(), ("bad-combination", Some(place)), "{body}");
    };
    check(r#""type":"limit","quantity":"1""#, "body price");
    check(r#""type":"stop_limit","quantity":"1","stop_price":"90""#, "body price");
    check(r#""type":"market","quantity":"1","price":"90""#, "body price");
    check(r#""type":"stop","quantity":"1""#, "body stop_price");
    check(r#""type":"limit","quantity":"1","price":"90","stop_price":"90""#, "body stop_price");
    check(r#""type":"market","quantity":"1","stop_when":"at_or_above""#, "body stop_when");
    let trail = "body trail_basis_points";
    check(r#""type":"market","quantity":"1","trail_basis_points":100"#, trail);
    check(r#""type":"stop","quantity":"1","stop_price":"90","trail_basis_points":100"#, trail);
    check(r#""type":"stop","quantity":"1","trail_basis_points":0"#, trail);
    check(r#""type":"stop","quantity":"1","trail_basis_points":10000"#, trail);
    check(r#""type":"market","quantity":"1","time_in_force":"gtc""#, "body time_in_force");
    check(
        r#""type":"stop","quantity":"1","stop_price":"1","time_in_force":"gtd","expires_at":"2027-01-15T09:00:00Z""#,
        "body time_in_force",
    );
    check(r#""type":"limit","quantity":"1","price":"90","time_in_force":"gtd""#, "body expires_at");
    check(
        r#""type":"limit","quantity":"1","price":"90","expires_at":"2027-01-15T09:00:00Z""#,
        "body expires_at",
    );
    check(
        r#""type":"limit","quantity":"1","price":"90","time_in_force":"ioc","post_only":true"#,
        "body post_only",
    );
    check(r#""type":"market","quantity":"1","post_only":true"#, "body post_only");
    check(r#""type":"market""#, "body quantity");
    check(r#""type":"market","quantity":"1","worth":"90""#, "body worth");
    check(r#""type":"limit","price":"90","worth":"90""#, "body worth");
    check(r#""type":"market","worth":"90","time_in_force":"fok""#, "body time_in_force");
    let worth = r#"{"instrument":"BTC-USD","side":"buy","type":"market","worth":"0.00000000001"}"#;
    let told = alice.post("/orders", worth).with_status(422);
    assert_eq!(told.problem(), ("bad-quantity", Some("body worth")));
}

#[test]
fn a_body_has_a_type_and_a_size() {
    let (_served, [mut alice]) = served(["alice"]);
    let body = limit("buy", "1", "90.00");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let headers = [("Content-Type", kind)];
        let told = alice.ask_with("POST", "/orders", Some(&body), &headers).with_status(415);
        assert_eq!(told.problem(), ("not-json", Some("header Content-Type")));
    }
    let headers = [("Content-Type", "Application/JSON; charset=utf-8")];
    alice.ask_with("POST", "/orders", Some(&body), &headers).with_status(201);
    let long = " ".repeat(64 * 1024 + 1);
    let told = alice.another().post("/orders", &long).with_status(413);
    assert_eq!(told.problem(), ("too-long", Some("body")));
    // What is just short enough is read.
    let room = 64 * 1024 - body.len();
    alice.another().post("/orders", &(body + &" ".repeat(room))).with_status(201);
}

#[test]
fn a_body_must_come_in_time() {
    let setup = Setup::bitstamp();
    let served =
        setup.limits(|limits| limits.body_time_max = std::time::Duration::from_millis(50)).serve();
    let mut line = served.line();
    let host = served.address;
    write!(
        line.stream(),
        "POST /rialto/v1/orders HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n{{"
    )
    .expect("the server takes bytes");
    let (head, body) = line.answer().expect("an answer");
    assert_eq!(head.status, 408, "{body}");
    assert!(body.contains("too-slow"), "{body}");
}

#[test]
fn parameters_are_what_the_document_says_and_no_others() {
    let (_served, [mut alice]) = served(["alice"]);
    let mut check = |path: &str, place: &str| {
        let told = alice.get(path).with_status(400);
        assert_eq!(told.problem(), ("bad-parameter", Some(place)), "{path}: {}", told.text);
    };
    check("/instruments/BTC-USD/book?depth=1001", "query depth");
    check("/instruments/BTC-USD/book?depth=-1", "query depth");
    check("/instruments/BTC-USD/book?depth=ten", "query depth");
    check("/instruments/BTC-USD/book?depth=1&depth=2", "query depth");
    check("/instruments/BTC-USD/book?depht=1", "query");
    check("/instruments/BTC-USD/book?depth=%zz", "query");
    check("/instruments/BTC-USD/book?%ff=1", "query");
    check("/instruments/BTC-USD/trades?limit=1001", "query limit");
    check("/instruments/BTC-USD/trades?since=today", "query since");
    check("/instruments/BTC-USD/candles", "query");
    check("/instruments/BTC-USD/candles?interval=7m", "query");
    check("/instruments/BTC-USD/candles?interval=1m&from=x", "query from");
    check("/instruments/BTC-USD/candles?interval=1m&till=x", "query till");
    check("/orders?which=some", "query");
    check("/orders?side=both", "query");
    check("/orders?since=x", "query since");
    check("/orders?limit=1001", "query limit");
    check("/orders?offset=x", "query offset");
    check("/orders/x", "path order");
    check("/orders/-1", "path order");
    check("/trades?since_id=x", "query since_id");
    check("/trades?since=x", "query since");
    check("/trades?until=x", "query until");
    check("/trades?first=last", "query");
    for path in ["/status?x", "/instruments?x", "/account?x", "/demo?x=1", "/openapi.json?x"] {
        check(path, "query");
    }
    for path in ["/instruments/BTC-EUR", "/instruments/0/book", "/orders?instrument=BTC"] {
        let told = alice.get(path).with_status(404);
        assert_eq!(told.problem().0, "unknown-instrument");
    }
    let body = limit("buy", "1", "90.00").replace("BTC-USD", "BTC/USD");
    let told = alice.post("/orders", &body).with_status(404);
    assert_eq!(told.problem(), ("unknown-instrument", Some("body instrument")));
}

#[test]
fn strangers_may_send_whatever_they_like() {
    let served = Setup::bitstamp().session_by_hand().serve();
    let mut client = Client::of(&served);
    for path in ["/%", "/orders/%00", "/orders/client:%F0%9F%98%80", "/instruments/%2e%2e/book"] {
        let told = client.get(path);
        assert!((400..500).contains(&told.head.status), "{path}: {}", told.text);
        told.problem();
    }
}
