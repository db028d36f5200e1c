//! The feeds that want a key, of the binary itself: a key of the demo opens all that the demo lists, and another opens
//! nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::served::line::upgrade_request;
use testkit::served::{Heard, Line};

/// A venue at work, ended when dropped.
struct Venue {
    child: Child,
    address: String,
}

impl Venue {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rialto"))
            .args(["serve", "--ephemeral", "--seed", "7", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = loop {
            let line = lines.next().expect("it says where it listens").expect("text");
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.to_owned();
            }
        };
        Self { child, address }
    }

    fn line(&self) -> Line {
        Line::to(self.address.parse().expect("an address"))
    }

    /// The key of somebody of the demo in a dialect.
    fn key(&self, dialect: &str) -> String {
        let mut line = self.line();
        line.send(format!("GET /rialto/v1/demo HTTP/1.1\r\nHost: {}\r\n\r\n", self.address));
        let (_, demo) = line.answer().expect("an answer");
        let demo: Value = serde_json::from_str(&demo).expect("JSON");
        demo["accounts"][1][dialect]["api_key"].as_str().expect("a key").to_owned()
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have ended by itself; the test has failed then.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn ask(line: &mut Line, request: &Value) -> Value {
    line.say(&request.to_string());
    hear(line)
}

fn hear(line: &mut Line) -> Value {
    match line.hear() {
        Heard::Text(text) => serde_json::from_str(&text).expect("JSON"),
        other => panic!("not text but {other:?}"),
    }
}

#[test]
fn a_key_of_the_demo_opens_all_that_it_lists() {
    let venue = Venue::start();
    let key = venue.key("confluencecode");
    let mut line = venue.line();
    line.upgrade("/confluencecode");
    let wrong = ask(&mut line, &json!({"action": "authenticate", "body": {"apiKey": "x"}}));
    assert_eq!(wrong["error"], "Invalid API key");
    let right = ask(&mut line, &json!({"action": "authenticate", "body": {"apiKey": key}}));
    assert_eq!(right, json!({"action": "authenticate", "success": true}));
    let mut busy = BTreeSet::new();
    for market in ["BTC-USD", "ETH-USD", "BTC-EUR", "BTC-USDT", "ETH-USDT", "ETH-BTC", "ETH-AUDT"] {
        let (base, quote) = market.split_once('-').expect("a pair");
        let stream = json!({"eventType": "trade", "base": base, "quote": quote, "exchangeId": 2});
        let request = json!({"id": market, "action": "subscribe", "body": {"streams": [stream]}});
        line.say(&request.to_string());
        let response = loop {
            let message = hear(&mut line);
            if message.get("action").is_some() {
                break message;
            }
            busy.insert(message["m"].as_str().expect("a market").to_owned());
        };
        assert_eq!(response, json!({"id": market, "action": "subscribe", "success": true}));
    }
    while !["BTC-USD", "ETH-USD", "BTC-USDT"].iter().all(|it| busy.contains(*it)) {
        let trade = hear(&mut line);
        assert_eq!((&trade["k"], &trade["e"]), (&json!("trade"), &json!(2)), "{trade}");
        busy.insert(trade["m"].as_str().expect("a market").to_owned());
    }
}

#[test]
fn a_key_in_the_url_opens_the_bars_of_all_that_is_listed() {
    let venue = Venue::start();
    let mut line = venue.line();
    line.send(upgrade_request("/finazon/v1?apikey=x"));
    let (head, body) = line.answer().expect("an answer");
    let expected = r#"{"status":"error","code":"INVALID_API_KEY","message":"Invalid API key"}"#;
    assert_eq!((head.status, body.as_str()), (401, expected));

    let mut line = venue.line();
    line.upgrade(&format!("/finazon/v1?apikey={}", venue.key("finazon")));
    for (selector, tickers) in [
        (("publisher", "sip"), ["AAPL", "TSLA"]),
        (("publisher", "binance"), ["BTC/USDT", "ETH/USDT"]),
        (("dataset", "us_stocks_essential"), ["AAPL", "TSLA"]),
    ] {
        let mut request = json!({"event": "subscribe", "tickers": tickers, "channel": "bars",
            "frequency": "1s", "aggregation": "1m"});
        request[selector.0] = json!(selector.1);
        line.say(&request.to_string());
        let response = loop {
            let message = hear(&mut line);
            if message.get("status").is_some() {
                break message;
            }
        };
        assert_eq!(response["code"], "SUCCESS_SUBSCRIPTION", "{response}");
        assert_eq!(response["data"]["tickers"], json!(tickers));
    }
    let mut heard = BTreeSet::new();
    let busy = [("sip", "AAPL"), ("sip", "TSLA"), ("finazon", "AAPL"), ("binance", "BTC/USDT")];
    while !busy.iter().all(|(publisher, ticker)| heard.contains(&format!("{publisher}:{ticker}"))) {
        let bar = hear(&mut line);
        assert!(bar["v"].is_number() && bar["t"].as_i64().is_some_and(|t| t % 60 == 0), "{bar}");
        let text = |name: &str| bar[name].as_str().expect("a text").to_owned();
        heard.insert(format!("{}:{}", text("p"), text("s")));
    }
}
