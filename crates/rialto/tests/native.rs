//! The native API of the binary itself: the demo's accounts as they are told, an order by one of them, and a key that
//! `rialto keys` makes and revokes while the venue runs.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::served::Line;

/// What another process writes is seen within a second or two; later than this it is not seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("rialto-native-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    fn rialto(&self, words: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(words).env_remove("RIALTO_MASTER_KEY").current_dir(&self.0);
        command.stdout(Stdio::piped()).spawn().expect("the binary starts")
    }

    /// What `rialto keys` says, having done what it was asked.
    fn keys(&self, words: &[&str]) -> String {
        let output = self.rialto(&[&["keys"], words].concat()).wait_with_output();
        let output = output.expect("it ends");
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A venue at work, ended when dropped.
struct Venue {
    child: Child,
    address: String,
}

impl Venue {
    fn start(folder: &Folder, words: &[&str]) -> Self {
        let mut venue = Self { child: folder.rialto(words), address: String::new() };
        let mut lines = BufReader::new(venue.child.stdout.take().expect("a pipe")).lines();
        while venue.address.is_empty() {
            let line = lines.next().expect("it says where it listens").expect("text");
            if let Some(address) = line.strip_prefix("listening on http://") {
                venue.address = address.to_owned();
            }
        }
        venue
    }

    /// Status and body of an answer.
    fn ask(&self, request: &str, key: &str, body: &str) -> (u16, Value) {
        let address = self.address.replace("0.0.0.0", "127.0.0.1");
        let mut line = Line::to(address.parse().expect("an address"));
        line.send(format!(
            "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let (head, body) = line.answer().expect("an answer");
        (head.status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Asks until this is the status.
    fn await_status(&self, request: &str, key: &str, status: u16) -> Value {
        let begun = Instant::now();
        loop {
            let (told, body) = self.ask(request, key, "");
            if told == status {
                return body;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {status}: {told} {body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have ended by itself; the test has failed then.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn an_account_of_the_demo_trades() {
    let folder = Folder::new("demo");
    let words = ["serve", "--ephemeral", "--seed", "7", "--listen", "127.0.0.1:0"];
    let venue = Venue::start(&folder, &words);
    let (status, demo) = venue.ask("GET /rialto/v1/demo", "", "");
    assert_eq!(status, 200, "{demo}");
    let printed: Value = serde_json::from_str(&folder.keys(&["demo", "--json"])).expect("JSON");
    assert_eq!(demo, printed);
    let alice = &demo["accounts"][0];
    assert_eq!((&alice["name"], &alice["user_id"]), (&json!("alice"), &json!(1001)));
    for (dialect, parts) in [
        ("bitstamp", &["key", "secret"][..]),
        ("xrocket", &["token"]),
        ("timex", &["id", "secret"]),
        ("finazon", &["api_key"]),
        ("confluencecode", &["api_key"]),
    ] {
        parts.iter().for_each(|part| assert!(alice[dialect][part].is_string(), "{dialect} {part}"));
    }
    let key = text(&alice["native"]["key"]);
    let (status, account) = venue.ask("GET /rialto/v1/account", key, "");
    assert_eq!((status, &account["name"]), (200, &json!("alice")), "{account}");
    let (status, told) = venue.ask("GET /rialto/v1/status", "", "");
    assert_eq!((status, &told["seed"], &told["speed"]), (200, &json!("7"), &json!("1.000")));
    let (_, told) = venue.ask("GET /rialto/v1/instruments/BTC-USD", "", "");
    assert_eq!(told["minimum"], json!({"value": "10", "quantity": null}));
    assert_eq!(told["fees"], json!({"maker": "0.001000", "taker": "0.002000"}));
    assert_eq!(told["symbols"]["bitstamp"], "btcusd");

    let order = r#"{"instrument":"BTC-USD","side":"buy","type":"market","quantity":"0.01"}"#;
    let (status, told) = venue.ask("POST /rialto/v1/orders", key, order);
    assert_eq!((status, &told["order"]["status"]), (201, &json!("filled")), "{told}");
    let (_, balances) = venue.ask("GET /rialto/v1/balances", key, "");
    let bitcoin = &balances["balances"][0];
    let expected = json!({"asset": "BTC", "available": "1000.01000000000000",
        "held": "0.00000000000000", "total": "1000.01000000000000"});
    assert_eq!(*bitcoin, expected);
    let (_, trades) = venue.ask("GET /rialto/v1/trades", key, "");
    // A market order may meet several: its story begins with the oldest, the list with the newest.
    let newest_first: Value =
        told["trades"].as_array().expect("a list").iter().rev().cloned().collect();
    assert_eq!(trades["trades"], newest_first);
    let (status, told) = venue.ask("GET /rialto/v1/credentials", key, "");
    assert_eq!(status, 200, "{told}");
    let own = told["credentials"].as_array().expect("a list");
    assert_eq!(own.len(), 6);
    assert!(!told.to_string().contains(text(&alice["bitstamp"]["secret"])));
    assert!(!told.to_string().contains(key));
}

#[test]
fn a_key_is_good_from_when_it_is_made_until_it_is_revoked() {
    let folder = Folder::new("keys");
    let make = |more: &[&str]| -> String {
        let words = ["create", "--account", "carol", "--dialect", "native", "--data", "data"];
        let told = folder.keys(&[&words, more, &["--json"]].concat());
        let told: Value = serde_json::from_str(&told).expect("JSON");
        text(&told["native"]["key"]).to_owned()
    };
    let key = make(&[]);
    // Beyond loopback there is no demo. Strangers could connect for as long as this test takes.
    let words = ["serve", "--data", "data", "--seed", "7", "--listen", "0.0.0.0:0"];
    let venue = Venue::start(&folder, &words);
    let (status, told) = venue.ask("GET /rialto/v1/demo", "", "");
    assert_eq!((status, &told["code"]), (404, &json!("unknown-path")), "{told}");
    let (status, told) = venue.ask("GET /rialto/v1/account", &key, "");
    assert_eq!((status, &told["name"], &told["user_id"]), (200, &json!("carol"), &json!(10_000)));
    assert_eq!(told["key"]["may_trade"], true);
    let (status, told) = venue.ask("DELETE /rialto/v1/orders", &key, "");
    assert_eq!((status, &told), (200, &json!({"canceled": []})), "its own address is the host");

    // A key made meanwhile, with less power.
    let less = make(&["--read-only", "--instruments", "BTC/USD"]);
    let told = venue.await_status("GET /rialto/v1/account", &less, 200);
    assert_eq!(told["key"]["may_trade"], false);
    assert_eq!(told["key"]["instruments"], json!(["BTC-USD"]));
    let (status, told) = venue.ask("DELETE /rialto/v1/orders", &less, "");
    assert_eq!((status, &told["code"]), (403, &json!("read-only-key")));
    let (_, told) = venue.ask("GET /rialto/v1/credentials", &less, "");
    let own = told["credentials"].as_array().expect("a list");
    assert_eq!(own.len(), 2);
    assert_eq!(own[1]["instruments"], json!(["BTC/USD"]));
    let shown = format!("…{}", &less[less.len() - 6..]);
    assert_eq!((&own[1]["key"], &own[1]["revoked_at"]), (&json!(shown), &Value::Null));

    folder.keys(&["revoke", &less, "--data", "data"]);
    let told = venue.await_status("GET /rialto/v1/account", &less, 401);
    assert_eq!(told["code"], "unknown-key");
    let (status, told) = venue.ask("GET /rialto/v1/credentials", &key, "");
    assert_eq!(status, 200, "the other key stays good");
    assert!(told["credentials"][1]["revoked_at"].is_string());
}

/// A spot market in which nobody trades, and its perpetual with a feed beside it in the index.
const QUOTED: &str = r#"
[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd" }

[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar perpetual"
tick = "1"
lot = "0.00001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd-perp" }
perpetual = { index = ["BTC/USD", "feed:kraken"], stale_seconds = 3600 }
"#;

#[test]
fn a_price_that_was_quoted_is_the_index_after_a_restart_too() {
    let folder = Folder::new("quoted");
    std::fs::write(folder.0.join("rialto.toml"), QUOTED).expect("a configuration");
    let make = |account: &str, more: &[&str]| -> String {
        let words = ["create", "--account", account, "--dialect", "native", "--data", "data"];
        let told = folder.keys(&[&words, more, &["--json"]].concat());
        let told: Value = serde_json::from_str(&told).expect("JSON");
        text(&told["native"]["key"]).to_owned()
    };
    let oracle = make("oracle", &["--read-only", "--quotes", "kraken"]);
    let other = make("other", &["--quotes", "lmax"]);
    assert!(folder.keys(&["list", "--data", "data"]).contains(" read-only, quotes kraken, made "));
    let words = ["serve", "--config", "rialto.toml", "--data", "data", "--listen", "127.0.0.1:0"];
    let index = "/rialto/v1/instruments/BTC-USD-PERP/index";
    let put = format!("PUT {index}/kraken");
    let venue = Venue::start(&folder, &words);
    let (status, told) = venue.ask(&put, &other, r#"{"price":"60000"}"#);
    assert_eq!((status, &told["code"]), (403, &json!("quote-not-allowed")), "{told}");
    let (status, quoted) = venue.ask(&put, &oracle, r#"{"price":"60000"}"#);
    assert_eq!((status, &quoted["price"]), (200, &json!("60000")), "{quoted}");
    let begun = Instant::now();
    let mut told = Value::Null;
    while told["index_price"] != "60000" {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for a mark: {told}");
        std::thread::sleep(Duration::from_millis(50));
        told = venue.ask(&format!("GET {index}"), "", "").1;
    }
    // Killed, and started again: the same quote, of the same moment, and the same index, without another one.
    drop(venue);
    let venue = Venue::start(&folder, &words);
    let (status, told) = venue.ask(&format!("GET {index}"), "", "");
    assert_eq!((status, &told["index_price"]), (200, &json!("60000")), "{told}");
    let feed = &told["constituents"][1];
    assert_eq!((&feed["name"], &feed["price"]), (&json!("kraken"), &json!("60000")), "{told}");
    assert_eq!(
        (&feed["counts"], &feed["quoted_at"]),
        (&json!(true), &quoted["quoted_at"]),
        "{told}"
    );
    assert_eq!(venue.ask(&put, &oracle, r#"{"price":"60001"}"#).0, 200);
}
