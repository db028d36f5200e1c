//! `rialto replay` as a client meets it: the binary, a socket, a fetched book, and the recording to compare with.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tungstenite::protocol::{Role, WebSocket};

/// A venue that is gone, or silent for so long, fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A side of a book as it is written: price to amount.
type Side = BTreeMap<String, String>;

/// The binary at work, ended when dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rialto"))
            .arg("replay")
            .arg(folder)
            .args(["--speed", "10", "--listen", "127.0.0.1:0"])
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

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    fn socket(&self) -> WebSocket<TcpStream> {
        let mut stream = self.connect();
        let request = format!(
            "GET /bitstamp HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        WebSocket::from_raw_socket(stream, Role::Client, None)
    }

    /// The book of a market: its stamp and its sides.
    fn book(&self, market: &str) -> (i64, [Side; 2]) {
        let mut stream = self.connect();
        let request = format!(
            "GET /api/v2/order_book/{market}/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let mut sides = [Side::new(), Side::new()];
        change(&mut sides, &body);
        (stamp(&body), sides)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A test that fails leaves nobody behind.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn stamp(data: &Value) -> i64 {
    data["microtimestamp"].as_str().and_then(|text| text.parse().ok()).expect("a stamp")
}

fn change(sides: &mut [Side; 2], data: &Value) {
    for (side, name) in sides.iter_mut().zip(["bids", "asks"]) {
        for level in data[name].as_array().expect("levels") {
            let [price, amount] = [0, 1].map(|n| level[n].as_str().expect("text").to_owned());
            if amount.bytes().all(|byte| byte == b'0' || byte == b'.') {
                side.remove(&price);
            } else {
                side.insert(price, amount);
            }
        }
    }
}

/// What the recording says of one market: its fetched book, and its diffs.
struct Recorded {
    book: (i64, [Side; 2]),
    diffs: Vec<(i64, String)>,
}

fn recorded(folder: &Path) -> BTreeMap<String, Recorded> {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    let mut markets = BTreeMap::new();
    for line in text("BITSTAMP.http.0.0").lines().filter(|line| !line.is_empty()) {
        let (address, rest) = line.split_once(" -> ").expect("an answer");
        let (_, body) = rest.split_once(": ").expect("a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let mut sides = [Side::new(), Side::new()];
        change(&mut sides, &body);
        let market = address.rsplit('/').next().expect("a market").to_owned();
        markets.insert(market, Recorded { book: (stamp(&body), sides), diffs: Vec::new() });
    }
    for line in text("BITSTAMP.ws.1.0").lines().filter(|line| line.contains(r#""event":"data""#)) {
        let (_, frame) = line.split_once(": ").expect("a frame");
        let value: Value = serde_json::from_str(frame).expect("JSON");
        let market = value["channel"].as_str().and_then(|it| it.rsplit('_').next());
        let market = markets.get_mut(market.expect("a market")).expect("a recorded market");
        let stamp = stamp(&value["data"]);
        if stamp > market.book.0 {
            market.diffs.push((stamp, frame.to_owned()));
        }
    }
    markets
}

/// Subscribes, fetches, joins by stamps as the venue tells its clients to, and follows until the end.
#[test]
fn a_client_ends_with_the_recorded_books() {
    let Some(folder) = testkit::data::capture("bitstamp-2022-01-05") else { return };
    let recorded = recorded(&folder);
    let served = Served::start(&folder);
    let mut socket = served.socket();
    for market in recorded.keys() {
        let subscribe = format!(
            r#"{{"event":"bts:subscribe","data":{{"channel":"diff_order_book_{market}"}}}}"#
        );
        socket.send(subscribe.into()).expect("it reads");
    }
    let mut frames: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut books: BTreeMap<&str, (i64, [Side; 2])> = BTreeMap::new();
    // Each market that has diffs is done when its last one has come.
    let mut last: BTreeMap<i64, &str> =
        recorded.iter().filter_map(|(name, it)| Some((it.diffs.last()?.0, &**name))).collect();
    while books.len() < recorded.len() || !last.is_empty() {
        let message = socket.read().expect("something within the minute");
        let text = message.to_text().expect("text").to_owned();
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let channel = value["channel"].as_str().expect("a channel");
        let market = channel.strip_prefix("diff_order_book_").expect("what was subscribed");
        let (market, _) = recorded.get_key_value(market).expect("a recorded market");
        match value["event"].as_str() {
            Some("bts:subscription_succeeded") => {
                books.insert(market, served.book(market));
            }
            Some("data") => {
                last.remove(&stamp(&value["data"]));
                frames.entry(market).or_default().push(text);
            }
            other => panic!("nobody asked for {other:?}"),
        }
    }
    for (market, said) in &recorded {
        let heard = frames.remove(&**market).unwrap_or_default();
        let missed = said.diffs.len() - heard.len();
        let told: Vec<&String> = said.diffs[missed..].iter().map(|(_, frame)| frame).collect();
        assert!(heard.iter().eq(told), "{market}: what was heard is the end of what was recorded");

        let (from, mut held) = books.remove(&**market).expect("it was fetched");
        let mut naive = said.book.clone();
        for (stamp, frame) in &said.diffs {
            let value: Value = serde_json::from_str(frame).expect("JSON");
            change(&mut naive.1, &value["data"]);
            naive.0 = *stamp;
            if *stamp > from {
                assert!(heard.contains(frame), "{market}: a diff after the book was not told");
                change(&mut held, &value["data"]);
            }
        }
        assert!(held == naive.1, "{market}: the client's book at the end");
        assert!(served.book(market) == naive, "{market}: the venue stays up with the last book");
    }
}
