//! `rialto watch` as people use it: in each dialect it sees what the venue itself says, it tells where it may have missed
//! something and heals, and it takes a terminal and gives it back as it was.

#![cfg(feature = "watch")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::served::Line;

#[path = "watch/positions.rs"]
mod positions;
#[path = "watch/pty.rs"]
mod pty;
#[path = "watch/terminal.rs"]
mod terminal;

/// What does not come within so long fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed when the test is over, however it ends.
struct Process(Child);

impl Process {
    fn rialto(words: &[&str], key: &str) -> Self {
        Self::with_keys(words, key, "")
    }

    /// With a key of the venue, and one of the native API.
    fn with_keys(words: &[&str], key: &str, native: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(words).env("RIALTO_VENUE_KEY", key).env("RIALTO_KEY", native);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the binary starts"))
    }

    /// Waits for its end: how it ended, and what it said on stderr.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.0.stdout.take());
        let mut said = String::new();
        let mut err = self.0.stderr.take().expect("a pipe");
        err.read_to_string(&mut said).expect("text");
        (self.0.wait().expect("it ends").code(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A venue.
struct Venue {
    _process: Process,
    address: String,
}

impl Venue {
    fn start(words: &[&str]) -> Self {
        let mut process = Process::rialto(&[&["serve", "--ephemeral"], words].concat(), "");
        let lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines();
        let mut lines = lines.map(|line| line.expect("text"));
        let address =
            lines.find_map(|line| Some(line.strip_prefix("listening on http://")?.to_owned()));
        Self { _process: process, address: address.expect("it says where it listens") }
    }

    fn demo(listen: &str, seed: &str) -> Self {
        Self::start(&["--seed", seed, "--clock", "2026-01-05T09:00:00Z", "--listen", listen])
    }

    /// A venue in which nothing happens but what the test asks for.
    fn quiet() -> Self {
        let config = scratch("quiet.toml");
        let instrument = r#"
[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd", xrocket = "BTC-USD", timex = "BTCUSD", finazon = "demo:BTC/USD", confluencecode = "BTC-USD" }
"#;
        std::fs::write(&config, instrument).expect("written");
        Self::start(&["--config", text(&config), "--listen", "127.0.0.1:0"])
    }

    fn ask(&self, request: &str, key: &str, body: &Value) -> Value {
        self.try_to_ask(request, key, body).unwrap_or_else(|told| panic!("{request}: {told}"))
    }

    /// What it answers; what it says instead is the error.
    fn try_to_ask(&self, request: &str, key: &str, body: &Value) -> Result<Value, Value> {
        let mut line = Line::to(self.address.parse().expect("an address"));
        let key = match key {
            "" => String::new(),
            key => format!("Authorization: Bearer {key}\r\n"),
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        line.send(format!(
            "{request} HTTP/1.1\r\nHost: {}\r\n{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ));
        let (head, body) = line.answer().expect("an answer");
        let told = serde_json::from_str(&body).expect("JSON");
        if (200..300).contains(&head.status) { Ok(told) } else { Err(told) }
    }

    /// The book as the venue itself has it, and its stamp.
    fn book(&self) -> (String, Book) {
        let told = self.ask("GET /rialto/v1/instruments/BTC-USD/book?depth=1000", "", &Value::Null);
        let side = |name: &str| {
            let levels = told[name].as_array().expect("levels").iter();
            levels.map(|it| (own(&it["price"]), own(&it["quantity"]))).collect()
        };
        (own(&told["time"]), [side("bids"), side("asks")])
    }

    fn trades(&self) -> Vec<Value> {
        let told =
            self.ask("GET /rialto/v1/instruments/BTC-USD/trades?limit=1000", "", &Value::Null);
        let mut trades = told["trades"].as_array().expect("a list").clone();
        trades.reverse();
        trades
    }
}

/// Both sides of a book, price to quantity.
type Book = [BTreeMap<String, String>; 2];

/// Somebody who watches, and what was seen so far.
struct Watcher {
    _process: Process,
    lines: Receiver<String>,
    book: Book,
    /// The stamp of the book's last word.
    stamp: String,
    /// Whether the book is whole, as far as the lines tell.
    is_whole: bool,
    trades: Vec<Value>,
    candles: BTreeMap<String, Value>,
}

impl Watcher {
    fn of(url: &str, key: &str, more: &[&str]) -> Self {
        let words = [&["watch", url, "--json", "--market", "BTC-USD"], more].concat();
        Self::reading(Process::rialto(&words, key))
    }

    /// What this process writes.
    fn reading(mut process: Process) -> Self {
        let (told, lines) = sync_channel(1 << 16);
        let out = BufReader::new(process.0.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            // Ends with the process, or with whoever listens.
            for line in out.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    break;
                }
            }
        });
        let book = Book::default();
        let (trades, candles) = (Vec::new(), BTreeMap::new());
        Self {
            _process: process,
            lines,
            book,
            stamp: String::new(),
            is_whole: false,
            trades,
            candles,
        }
    }

    /// The next line, taken in.
    fn next(&mut self, wanted: &str) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|why| panic!("{wanted} does not come: {why}"));
        let told: Value = serde_json::from_str(&line).expect("JSON");
        match text_of(&told["event"]) {
            "book" => {
                let snapshot = told["snapshot"] == true;
                assert_ne!(
                    snapshot, self.is_whole,
                    "a snapshot ends a hole, and comes else never: {line}"
                );
                self.is_whole = true;
                self.stamp = told["time"].as_str().unwrap_or_default().to_owned();
                for (side, name) in self.book.iter_mut().zip(["bids", "asks"]) {
                    if snapshot {
                        side.clear();
                    }
                    for level in told[name].as_array().expect("levels") {
                        let (price, quantity) = (own(&level[0]), own(&level[1]));
                        let is_gone = quantity.bytes().all(|byte| byte == b'0' || byte == b'.');
                        assert!(!(snapshot && is_gone), "{line}");
                        if is_gone {
                            side.remove(&price);
                        } else {
                            side.insert(price, quantity);
                        }
                    }
                }
                let best = |told: &Value| (!told.is_null()).then(|| (own(&told[0]), own(&told[1])));
                let [bids, asks] = &self.book;
                let by_price =
                    |level: &(&String, &String)| level.0.parse::<f64>().expect("a number");
                let dearest = bids.iter().max_by(|a, b| by_price(a).total_cmp(&by_price(b)));
                let cheapest = asks.iter().min_by(|a, b| by_price(a).total_cmp(&by_price(b)));
                let owned =
                    |it: Option<(&String, &String)>| it.map(|(a, b)| (a.clone(), b.clone()));
                assert_eq!(best(&told["best_bid"]), owned(dearest), "{line}");
                assert_eq!(best(&told["best_ask"]), owned(cheapest), "{line}");
            }
            "hole" => self.is_whole = false,
            "trade" => self.trades.push(told.clone()),
            "candle" => {
                self.candles.insert(own(&told["start"]), told.clone());
            }
            _ => {}
        }
        told
    }

    /// Takes lines in until there is one like this.
    fn until(&mut self, wanted: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let told = self.next(wanted);
            assert!(began.elapsed() < PATIENCE, "{wanted} does not come among other lines");
            if is_it(&told) {
                return told;
            }
        }
    }

    /// Compares the book with the venue's own, at a stamp that both have.
    fn agree(&mut self, venue: &Venue) {
        for _ in 0..20 {
            let (stamp, book) = venue.book();
            while self.stamp < stamp {
                self.next("the venue's stamp");
            }
            // Where nothing changed at a stamp nothing is told of it.
            if self.stamp == stamp {
                assert_eq!(self.book, book, "{stamp}");
                return;
            }
        }
        panic!("of twenty books that the venue answered no stamp was told");
    }

    /// Takes lines in until this is so.
    fn wait(&mut self, wanted: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            self.next(wanted);
            assert!(began.elapsed() < PATIENCE, "{wanted} does not come among other lines");
        }
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn own(value: &Value) -> String {
    text_of(value).to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("watch-{name}"))
}

/// The demo's accounts: a credential of one.
fn credential(who: usize, dialect: &str, part: &str) -> String {
    let told = Command::new(env!("CARGO_BIN_EXE_rialto")).args(["keys", "demo", "--json"]).output();
    let told: Value = serde_json::from_slice(&told.expect("it answers").stdout).expect("JSON");
    own(&told["accounts"][who][dialect][part])
}

#[test]
fn in_each_dialect_one_sees_what_the_venue_says_itself() {
    let venue = Venue::quiet();
    let [alice, bob] = [0, 1].map(|who| credential(who, "native", "key"));
    let url = |path: &str| format!("ws://{}{path}", venue.address);
    let key = credential(0, "confluencecode", "api_key");
    let mut with_books = [
        Watcher::of(&url("/bitstamp"), "", &[]),
        Watcher::of(&url("/xrocket"), "", &[]),
        Watcher::of(&url("/timex/socket/relay"), "", &[]),
    ];
    let mut confluencecode = Watcher::of(&url("/confluencecode"), &key, &[]);
    let finazon_key = credential(0, "finazon", "api_key");
    let mut finazon = Watcher::of(&url("/finazon/v1"), &finazon_key, &[]);
    // Who listens does so before anything happens: the first three have been told an empty book.
    for watcher in &mut with_books {
        watcher.wait("an empty book", |it| it.is_whole);
    }
    for watcher in [&mut confluencecode, &mut finazon] {
        watcher.until("a line", |told| told["event"] == "connected");
    }
    let listeners = |dialect: &str| {
        let told = venue.ask("GET /rialto/v1/connections", "", &Value::Null);
        let all = told["connections"].as_array().expect("a list").clone();
        all.iter().filter(|it| it["dialect"] == dialect && it["subscriptions"] != 0).count()
    };
    let began = Instant::now();
    while listeners("confluencecode") + listeners("finazon") < 2 {
        assert!(began.elapsed() < PATIENCE, "the two that tell no books subscribe to nothing");
    }

    let mut dice = 7_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut open: VecDeque<(String, String)> = VecDeque::new();
    for round in 0..6 {
        for _ in 0..8 {
            let (key, is_buy) = ([&alice, &bob][roll(2) as usize], roll(2) == 0);
            // Around one price, so that some meet and some rest.
            let cents = 6_000_000 + if is_buy { -60 } else { 60 } + (roll(601) as i64 - 300);
            let order = json!({
                "instrument": "BTC-USD",
                "side": if is_buy { "buy" } else { "sell" },
                "type": "limit",
                "price": format!("{}.{:02}", cents / 100, cents % 100),
                "quantity": format!("0.0{}", 1 + roll(9)),
            });
            let told = venue.ask("POST /rialto/v1/orders", key, &order);
            if told["order"]["status"] != "filled" {
                open.push_back((key.clone(), own(&told["order"]["id"])));
            }
        }
        if round % 2 == 1
            && let Some((key, order)) = open.pop_front()
        {
            // It may have been met meanwhile; then nothing is canceled.
            let request = format!(
                "DELETE /rialto/v1/orders/{order} HTTP/1.1\r\nHost: {}\r\n\
                Authorization: Bearer {key}\r\nContent-Length: 0\r\n\r\n",
                venue.address
            );
            let mut line = Line::to(venue.address.parse().expect("an address"));
            line.send(request);
            line.answer().expect("an answer");
        }
        let trades = venue.trades();
        for watcher in &mut with_books {
            watcher.wait("all trades", |it| it.trades.len() >= trades.len());
            // Nothing happens any more: the book that is told last is the venue's own.
            let (mut stamp, mut book) = venue.book();
            while watcher.book != book {
                watcher.next(&format!("the book of {stamp} in round {round}: {book:?}"));
                (stamp, book) = venue.book();
            }
        }
    }
    let trades = venue.trades();
    assert!(trades.len() > 10, "{} trades", trades.len());
    confluencecode.wait("all trades", |it| it.trades.len() >= trades.len());
    let [bitstamp, xrocket, timex] = &with_books;
    for (name, watcher) in [
        ("bitstamp", bitstamp),
        ("xrocket", xrocket),
        ("timex", timex),
        ("confluencecode", &confluencecode),
    ] {
        assert_eq!(watcher.trades.len(), trades.len(), "{name}");
        for (seen, told) in watcher.trades.iter().zip(&trades) {
            for (ours, theirs) in
                [("price", "price"), ("quantity", "quantity"), ("side", "aggressor")]
            {
                assert_eq!(seen[ours], told[theirs], "{name}: {seen} is not {told}");
            }
            // Some tell time in milliseconds.
            assert_eq!(text_of(&seen["time"])[..23], text_of(&told["time"])[..23], "{name}");
        }
    }
    assert_eq!(bitstamp.trades[0]["id"], trades[0]["id"]);
    let told =
        venue.ask("GET /rialto/v1/instruments/BTC-USD/candles?interval=1m", "", &Value::Null);
    for candle in told["candles"].as_array().expect("a list") {
        let is_same = |seen: &Value| {
            ["open", "high", "low", "close", "volume"].iter().all(|it| seen[it] == candle[it])
        };
        let start = own(&candle["start"]);
        finazon
            .wait(&format!("the bar {candle}"), |it| it.candles.get(&start).is_some_and(is_same));
    }
}

#[test]
fn at_equal_stamps_a_busy_book_is_the_venues_own_and_one_who_reads_no_further_ends_it() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let mut watcher = Watcher::of(&format!("ws://{}/bitstamp", venue.address), "", &[]);
    watcher.wait("a book", |it| it.is_whole);
    for _ in 0..5 {
        watcher.agree(&venue);
        watcher.until("a change", |told| told["event"] == "book");
    }
    drop_reader(watcher);
}

/// Somebody reads no further: the watcher ends, and that is no failure.
fn drop_reader(watcher: Watcher) {
    let Watcher { _process: mut process, lines, .. } = watcher;
    drop(lines);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = process.0.try_wait().expect("it can be waited for") {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it goes on");
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
}

#[test]
fn a_server_that_is_cut_is_told_as_lost_and_its_book_heals() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let address = venue.address.clone();
    let mut watchers = ["/bitstamp", "/xrocket", "/timex/socket/relay"]
        .map(|path| Watcher::of(&format!("ws://{address}{path}"), "", &[]));
    for watcher in &mut watchers {
        watcher.until("a change", |told| told["event"] == "book" && told["snapshot"] == false);
    }
    drop(venue);
    for watcher in &mut watchers {
        watcher.until("a hole", |told| told["event"] == "hole");
        watcher.until("the loss", |told| told["event"] == "lost");
    }
    let venue = Venue::demo(&address, "8");
    for watcher in &mut watchers {
        watcher.until("a connection", |told| told["event"] == "connected");
        watcher.until("the whole book", |told| told["event"] == "book" && told["snapshot"] == true);
    }
    let [bitstamp, ..] = &mut watchers;
    bitstamp.agree(&venue);
}

#[test]
fn what_cannot_be_watched_is_refused_in_words() {
    let venue = Venue::demo("127.0.0.1:0", "7");
    let url = |path: &str| format!("ws://{}{path}", venue.address);
    let (bitstamp, confluencecode) = (url("/bitstamp"), url("/confluencecode"));
    let cases: [(&[&str], &str); 6] = [
        (&[&bitstamp, "--market", "btcusd"], "add --json"),
        (&[&bitstamp, "--json", "--market", "nosuch"], "it does not list \"nosuch\""),
        (&[&confluencecode, "--json"], "RIALTO_VENUE_KEY"),
        (&["ws://127.0.0.1:9/bitstamp", "--json"], "failed to connect to 127.0.0.1:9"),
        (&["ws://127.0.0.1:9/", "--json"], "name it with --dialect"),
        (&["confluencecode", "--json"], "name the URL"),
    ];
    for (words, why) in cases {
        let (code, said) = Process::rialto(&[&["watch"], words].concat(), "").end();
        assert!(code == Some(1) && said.contains(why), "{words:?}: {code:?} {said}");
    }
}
