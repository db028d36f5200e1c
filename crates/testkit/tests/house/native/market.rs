//! Pages that everybody may read.

use model::{Action, InstrumentId, Side, Status};
use serde_json::json;

use super::{Client, key, served};
use testkit::served::Setup;

#[test]
fn the_status_tells_the_markets_time() {
    let served = Setup::bitstamp().session_by_hand().serve();
    let mut client = Client::of(&served);
    let told = client.get("/status").with_status(200);
    assert_eq!(told.body["time"], "2027-01-15T08:00:00.000000Z");
    assert_eq!(told.body["opened_at"], "2027-01-15T08:00:00.000000Z");
    assert_eq!(told.body["speed"], "0.000");
    assert_eq!(told.body["seed"], json!(null));
    assert_eq!(told.body["ready"], true);
}

#[test]
fn instruments_have_their_rules_their_status_and_their_names() {
    let (served, [mut client]) = served(["alice"]);
    let all = client.get("/instruments").with_status(200);
    assert_eq!(all.body["instruments"].as_array().map(Vec::len), Some(2));
    let one = client.get("/instruments/btc-usd").with_status(200);
    assert_eq!(one.body, all.body["instruments"][0], "case does not matter");
    assert_eq!(
        one.body,
        json!({
            "instrument": "BTC-USD", "description": "BTC / USD", "base": "BTC", "quote": "USD",
            "tick_size": "0.01", "lot_size": "0.00000001",
            "minimum": {"value": null, "quantity": "0.00000001"}, "status": "trading",
            "fees": {"maker": "0.001000", "taker": "0.002000"}, "perpetual": null,
            "symbols": {"bitstamp": "btcusd"},
        })
    );
    let (instrument, status) = (InstrumentId(1), Status::CancelOnly);
    served.market.act(Action::SetStatus { instrument, status });
    served.market.settle();
    assert_eq!(client.get("/instruments/ETH-BTC").body["status"], "cancel_only");
    assert_eq!(client.get("/instruments/BTC-USD").body["status"], "trading");
    let statuses = client.get("/instruments").body;
    assert_eq!(statuses["instruments"][1]["status"], "cancel_only");
}

#[test]
fn the_book_is_the_one_that_was_published() {
    let (served, [mut client]) = served(["alice"]);
    let empty = client.get("/instruments/BTC-USD/book").with_status(200);
    assert_eq!((&empty.body["bids"], &empty.body["asks"]), (&json!([]), &json!([])));
    served.market.rest(0, Side::Buy, 10_000, 5);
    served.market.rest(0, Side::Buy, 9_999, 7);
    served.market.rest(0, Side::Sell, 10_001, 100_000_000);
    served.market.settle();
    assert_eq!(client.get("/instruments/BTC-USD/book").body["bids"], json!([]), "not told yet");
    served.market.tick();
    served.market.settle();
    let book = client.get("/instruments/BTC-USD/book").with_status(200);
    let level = |price: &str, quantity: &str| json!({"price": price, "quantity": quantity});
    assert_eq!(
        book.body["bids"],
        json!([level("100.00", "0.00000005"), level("99.99", "0.00000007")])
    );
    assert_eq!(book.body["asks"], json!([level("100.01", "1.00000000")]));
    let top = client.get("/instruments/BTC-USD/book?depth=1").with_status(200);
    assert_eq!(top.body["bids"], json!([level("100.00", "0.00000005")]));
    assert_eq!(top.body["time"], book.body["time"]);
}

#[test]
fn trades_candles_and_the_ticker_tell_of_the_same_trades() {
    let (served, [mut client]) = served(["alice"]);
    served.market.trade(0, 10_000, 3);
    served.market.rest(0, Side::Buy, 9_000, 1);
    served.market.tick();
    served.market.settle();
    let trades = client.get("/instruments/BTC-USD/trades?limit=2").with_status(200);
    let list = trades.body["trades"].as_array().expect("a list");
    assert_eq!(list.len(), 2);
    assert!(list[0]["id"].as_str() > list[1]["id"].as_str(), "the newest first");
    assert_eq!(
        (&list[0]["price"], &list[0]["quantity"], &list[0]["aggressor"]),
        (&json!("100.00"), &json!("0.00000001"), &json!("buy"))
    );
    let since = "/instruments/BTC-USD/trades?since=2027-01-15T09:00:00%2B00:00";
    assert_eq!(client.get(since).with_status(200).body["trades"], json!([]));

    for interval in ["1s", "1m", "1h", "1d", "1w", "1mo"] {
        let path = format!("/instruments/BTC-USD/candles?interval={interval}");
        let candles = client.get(&path).with_status(200);
        assert_eq!(candles.body["interval"], interval);
        let one = &candles.body["candles"][0];
        assert_eq!(
            (&one["open"], &one["close"], &one["volume"], &one["trades"]),
            (&json!("100.00"), &json!("100.00"), &json!("0.00000003"), &json!(3))
        );
    }
    let late = "/instruments/BTC-USD/candles?interval=1m&from=2027-01-15T08:01:00Z&limit=1";
    assert_eq!(client.get(late).with_status(200).body["candles"], json!([]));

    let ticker = client.get("/instruments/BTC-USD/ticker").with_status(200);
    assert_eq!(ticker.body["last"], "100.00");
    assert_eq!((&ticker.body["bid"], &ticker.body["ask"]), (&json!("90.00"), &json!(null)));
    assert_eq!(ticker.body["trades"], 3);
}

#[test]
fn the_demos_accounts_are_for_this_machine_and_this_address() {
    let (_served, [mut client]) = served(["alice"]);
    assert_eq!(client.get("/demo").with_status(200).text, r#"{"accounts":[{"name":"alice"}]}"#);
    let told = client.ask_with("GET", "/demo", None, &[("Host", "evil.example")]);
    assert_eq!(told.with_status(403).problem(), ("foreign-host", Some("header Host")));
    let told = client.ask_with("GET", "/demo", None, &[("Origin", "http://evil.example")]);
    assert_eq!(told.with_status(403).problem(), ("foreign-host", Some("header Origin")));
}

#[test]
fn what_the_market_does_not_tell_is_told_apart_from_nothing() {
    let setup = Setup::bitstamp().session_by_hand();
    let served = Setup { by_level: true, ..setup }.serve();
    let mut alice = Client::of(&served).by(key("alice"));
    let told = alice.get("/instruments/BTC-USD/book").with_status(503);
    assert_eq!(told.problem().0, "not-told", "there is no book before the first snapshot");
    for path in ["/balances", "/orders", "/trades", "/orders/1"] {
        assert_eq!(alice.get(path).with_status(503).problem().0, "not-told", "{path}");
    }
}

#[test]
fn a_page_can_be_asked_for_its_head_alone() {
    let served = Setup::bitstamp().session_by_hand().serve();
    let mut line = served.line();
    let host = served.address;
    line.send(format!("HEAD /rialto/v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let head = line.head().expect("an answer");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    line.send(format!("GET /rialto/v1/orders HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let (head, body) = line.answer().expect("an answer");
    assert_eq!(head.status, 401, "right after the head: {body}");
}
