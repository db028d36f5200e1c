//! The native API of the binary itself: the demo's accounts as they are told, an order by one of them, and keys that
//! `rialto keys` makes and revokes while venues run, in a file and in a database.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::postgres::{PASSWORD, Server};
use testkit::served::{Heard, Line};

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
        command.env_remove("PGPASSWORD").stderr(self.complaints());
        command.stdout(Stdio::piped()).spawn().expect("the binary starts")
    }

    /// Where all that is complained of comes together.
    fn complaints(&self) -> File {
        let file = File::options().append(true).create(true).open(self.0.join("complaints"));
        file.expect("a file")
    }

    /// What was complained of so far.
    fn complained(&self) -> String {
        std::fs::read_to_string(self.0.join("complaints")).expect("text")
    }

    /// What `rialto keys` says, having done what it was asked.
    fn keys(&self, words: &[&str]) -> String {
        let output = self.rialto(&[&["keys"], words].concat()).wait_with_output();
        let output = output.expect("it ends");
        assert!(output.status.success(), "{words:?}: {}", self.complained());
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

/// A folder with a configuration whose accounts are in a database, and the file with its password.
fn configured(server: &Server, name: &str) -> Folder {
    let folder = Folder::new(name);
    let address = server.database().bare_url();
    let accounts =
        format!("[accounts]\ndatabase = {address:?}\npassword_file = \"database.password\"\n");
    let config = format!("{}\n{accounts}", include_str!("../demo.toml"));
    std::fs::write(folder.0.join("rialto.toml"), config).expect("a configuration");
    let password = folder.0.join("database.password");
    std::fs::write(&password, format!("{PASSWORD}\n")).expect("the password's file");
    std::fs::set_permissions(password, Permissions::from_mode(0o600)).expect("its mode");
    folder
}

/// New keys of the native API and of ConfluenceCode.
fn make(folder: &Folder, account: &str) -> [String; 2] {
    let words = ["create", "--account", account, "--dialect", "native,confluencecode", "--json"];
    let told: Value = serde_json::from_str(&folder.keys(&words)).expect("JSON");
    ["native", "confluencecode"].map(|dialect| {
        let part = if dialect == "native" { "key" } else { "api_key" };
        text(&told[dialect][part]).to_owned()
    })
}

/// A socket that a key of ConfluenceCode was shown on, and what is said to that.
fn authenticated(venue: &Venue, key: &str) -> (Line, Value) {
    let mut line = Line::to(venue.address.parse().expect("an address"));
    line.upgrade("/confluencecode");
    line.say(&json!({"action": "authenticate", "body": {"apiKey": key}}).to_string());
    let Heard::Text(said) = line.hear() else { panic!("no answer") };
    (line, serde_json::from_str(&said).expect("JSON"))
}

const ACCOUNT: &str = "GET /rialto/v1/account";

#[test]
fn keys_in_a_database_are_good_in_each_venue_from_when_they_are_made_until_they_are_revoked() {
    let Some(server) = Server::shared() else { return };
    let folder = configured(server, "database");
    let serve = |data| ["serve", "--data", data, "--listen", "127.0.0.1:0"];
    let venues = ["one", "two"].map(|data| Venue::start(&folder, &serve(data)));
    let [key, api_key] = make(&folder, "carol");
    for venue in &venues {
        let told = venue.await_status(ACCOUNT, &key, 200);
        assert_eq!((&told["name"], &told["user_id"]), (&json!("carol"), &json!(10_000)));
    }
    let mut lines = venues.each_ref().map(|venue| {
        let (line, said) = authenticated(venue, &api_key);
        assert_eq!(said, json!({"action": "authenticate", "success": true}));
        line
    });
    folder.keys(&["revoke", &api_key]);
    for (line, venue) in lines.iter_mut().zip(&venues) {
        while let Heard::Text(_) = line.hear() {}
        let (_, said) = authenticated(venue, &api_key);
        assert_eq!(said["error"], "Invalid API key");
        assert_eq!(venue.ask(ACCOUNT, &key, "").0, 200, "the other key stays good");
    }
    folder.keys(&["block", "carol"]);
    for venue in &venues {
        venue.await_status(ACCOUNT, &key, 401);
    }
    folder.keys(&["unblock", "carol"]);
    for venue in &venues {
        venue.await_status(ACCOUNT, &key, 200);
    }
    assert!(folder.keys(&["list"]).contains("carol, user_id 10000"));
    assert_eq!(folder.complained(), "");
    assert!(!folder.0.join("one/accounts.sqlite").exists());
}

#[test]
fn while_the_database_is_away_who_is_known_trades_on_and_afterwards_all_is_well() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = configured(&server, "away");
    let [key, api_key] = make(&folder, "carol");
    let venue = Venue::start(&folder, &["serve", "--ephemeral", "--listen", "127.0.0.1:0"]);
    assert_eq!(venue.ask(ACCOUNT, &key, "").0, 401, "it was to read no accounts");
    drop(venue);
    let venue = Venue::start(&folder, &["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    let (_, demo) = venue.ask("GET /rialto/v1/demo", "", "");
    let alice = text(&demo["accounts"][0]["native"]["key"]).to_owned();
    let (mut line, _) = authenticated(&venue, &api_key);
    let stream = json!({"eventType": "trade", "base": "BTC", "quote": "USD", "exchangeId": 2});
    let streams = json!({"id": 1, "action": "subscribe", "body": {"streams": [stream]}});
    line.say(&streams.to_string());

    server.end();
    let begun = Instant::now();
    while !folder.complained().contains("failed to look at the accounts: ") {
        assert!(begun.elapsed() < PATIENCE, "it does not miss the database");
        std::thread::sleep(Duration::from_millis(50));
    }
    let order = r#"{"instrument":"BTC-USD","side":"buy","type":"market","quantity":"0.01"}"#;
    let (status, told) = venue.ask("POST /rialto/v1/orders", &alice, order);
    assert_eq!((status, &told["order"]["status"]), (201, &json!("filled")), "{told}");
    while line.has_news() {
        line.hear();
    }
    loop {
        match line.hear() {
            Heard::Text(said) if said.contains(r#""k":"trade""#) => break,
            Heard::Text(_) => {}
            other => panic!("it goes on hearing trades: {other:?}"),
        }
    }
    // Who was known comes in again, who was not is told so as ever.
    assert_eq!(authenticated(&venue, &api_key).1["success"], true);
    assert_eq!(authenticated(&venue, "x").1["error"], "Invalid API key");
    assert_eq!(venue.ask(ACCOUNT, &key, "").0, 200);
    assert_eq!(venue.ask(ACCOUNT, "rialto_x", "").1["code"], "unknown-key");
    let refused = folder.rialto(&["keys", "create", "--account", "dan"]).wait();
    assert_eq!(refused.expect("it ends").code(), Some(1));
    let unserved = folder.rialto(&["serve", "--data", "other", "--listen", "127.0.0.1:0"]).wait();
    assert_eq!(unserved.expect("it ends").code(), Some(1));

    server.begin();
    let [key, _] = make(&folder, "dan");
    assert_eq!(venue.await_status(ACCOUNT, &key, 200)["name"], "dan");
    let complained = folder.complained();
    let lines: Vec<&str> = complained.lines().collect();
    assert_eq!(lines.len(), 4, "{complained}");
    assert!(lines[1].contains("give dan credentials: the database of accounts cannot be reached"));
    assert!(lines[2].contains("failed to open the accounts in postgres://rialto@127.0.0.1:"));
    assert_eq!(lines[3], "rialto: the accounts can be read again");
    assert!(!complained.contains(PASSWORD), "{complained}");
}

#[test]
fn several_who_come_first_at_once_make_the_tables_once_and_an_account_each() {
    let Some(server) = Server::shared() else { return };
    let folder = configured(server, "at-once");
    let create = |name: &String| {
        folder.rialto(&["keys", "create", "--account", name, "--dialect", "native"])
    };
    let names: Vec<String> = (0..6).map(|number| format!("a{number}")).collect();
    let started: Vec<Child> = names.iter().map(create).collect();
    for mut child in started {
        assert!(child.wait().expect("it ends").success(), "{}", folder.complained());
    }
    let list = folder.keys(&["list"]);
    for (name, user) in names.iter().zip(10_000..) {
        assert!(list.contains(&format!("{name}, user_id ")), "{list}");
        assert!(list.contains(&format!(", user_id {user}, ")), "{list}");
    }
}
