//! `rialto record` and `rialto replay` as people use them: our own demo is recorded over loopback, and told again. What was
//! recorded is what was on the wire, byte for byte, and what is told again is what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use feed::journal::disk::Folder;
use feed::recording::{Entry, Frame, Reader, What};
use serde_json::Value;
use tungstenite::protocol::{Role, WebSocket};

#[cfg(feature = "parquet")]
#[path = "record/export.rs"]
mod export;

/// What does not come within so long fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed when the test is over, however it ends.
struct Process(Child);

impl Process {
    fn rialto(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(arguments).env_remove("RIALTO_VENUE_KEY").env_remove("RIALTO_RECORD_KEY");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the binary starts"))
    }

    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} to {id}");
    }

    /// Waits for its end: how it ended, and what it said.
    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        let mut out = self.0.stdout.take().expect("a pipe");
        let mut err = self.0.stderr.take().expect("a pipe");
        // Little is said: neither pipe is ever full.
        out.read_to_string(&mut said).expect("text");
        err.read_to_string(&mut said).expect("text");
        (self.0.wait().expect("it ends"), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A venue.
struct Venue {
    process: Process,
    address: String,
}

impl Venue {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Process::rialto(arguments);
        let mut lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines();
        let address = loop {
            match lines.next() {
                Some(line) => {
                    let line = line.expect("text");
                    if let Some(address) = line.strip_prefix("listening on http://") {
                        break address.to_owned();
                    }
                }
                None => {
                    let mut why = String::new();
                    process
                        .0
                        .stderr
                        .take()
                        .expect("a pipe")
                        .read_to_string(&mut why)
                        .expect("text");
                    panic!("{arguments:?}: {why}");
                }
            }
        };
        Self { process, address }
    }

    fn demo(listen: &str) -> Self {
        Self::start(&[
            "serve",
            "--ephemeral",
            "--seed",
            "7",
            "--clock",
            "2026-01-05T09:00:00Z",
            "--listen",
            listen,
        ])
    }

    fn replay(folder: &Path, more: &[&str]) -> Self {
        let mut arguments = vec!["replay", text(folder), "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Self::start(&arguments)
    }

    fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    fn socket(&self, path: &str) -> WebSocket<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
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
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn fresh(name: &str) -> PathBuf {
    let folder = folder_of(name);
    let _gone = std::fs::remove_dir_all(&folder);
    folder
}

/// The folder that another part of the same test filled.
fn folder_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("record-{name}"))
}

/// All that is in a capture, and whether it ended as asked.
fn entries(folder: &Path) -> (Vec<Entry>, bool) {
    let disk = Folder::at(folder);
    let Some(mut reader) = Reader::open(&disk).expect("readable") else {
        return (Vec::new(), false);
    };
    let mut entries = Vec::new();
    while let Some(entry) = reader.entry().expect("readable") {
        entries.push(entry);
    }
    (entries, reader.has_ended())
}

/// Waits until a capture holds what is wanted.
fn wait_for(folder: &Path, what: &str, is_it: impl Fn(&[Entry]) -> bool) {
    let began = Instant::now();
    while !(folder.is_dir() && is_it(&entries(folder).0)) {
        assert!(began.elapsed() < PATIENCE, "{what} does not come");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Ends a recorder as a terminal does.
fn interrupt(recorder: Process) -> String {
    recorder.signal("-INT");
    let (status, said) = recorder.end();
    assert!(status.success(), "{status}: {said}");
    said
}

/// The texts that a capture heard, as JSON and as they are.
fn heard(folder: &Path) -> Vec<(String, Value)> {
    let (entries, ended) = entries(folder);
    assert!(ended, "the recorder's last word is there");
    let texts = entries.into_iter().filter_map(|entry| match entry.what {
        What::Heard(Frame::Text(text)) => Some(String::from_utf8(text).expect("text")),
        _ => None,
    });
    texts.map(|text| (text.clone(), serde_json::from_str(&text).expect("JSON"))).collect()
}

fn count(entries: &[Entry], is_it: impl Fn(&What) -> bool) -> usize {
    entries.iter().filter(|entry| is_it(&entry.what)).count()
}

fn count_texts(entries: &[Entry], mark: &str) -> usize {
    count(entries, |what| match what {
        What::Heard(Frame::Text(text)) => String::from_utf8_lossy(text).contains(mark),
        _ => false,
    })
}

const CHANNELS: [&str; 3] = ["diff_order_book_btcusd", "live_trades_btcusd", "order_book_btcusd"];

fn subscribe(channel: &str) -> String {
    format!(r#"{{"event":"bts:subscribe","data":{{"channel":"{channel}"}}}}"#)
}

/// What tells one frame of a channel from another: its channel, and its stamp or its trade's id.
fn key(frame: &Value) -> Option<(String, String)> {
    let channel = frame["channel"].as_str()?.to_owned();
    let data = &frame["data"];
    let key = match frame["event"].as_str()? {
        "data" => data["microtimestamp"].as_str()?.to_owned(),
        "trade" => data["id"].to_string(),
        _ => return None,
    };
    Some((channel, key))
}

/// Frames by what tells them apart.
type Keyed = BTreeMap<(String, String), String>;

/// Listens until `enough` of the frames are there.
fn listen(socket: &mut WebSocket<TcpStream>, enough: impl Fn(&Keyed) -> bool) -> Keyed {
    let mut frames = Keyed::new();
    while !enough(&frames) {
        let message = socket.read().expect("something within the minute");
        let text = message.to_text().expect("text").to_owned();
        if let Some(key) = serde_json::from_str(&text).ok().as_ref().and_then(key) {
            frames.insert(key, text);
        }
    }
    frames
}

#[test]
fn the_demo_is_recorded_byte_for_byte_and_told_again_frame_by_frame() {
    let (folder, venue) = (fresh("bitstamp"), Venue::demo("127.0.0.1:0"));
    // Somebody else listens beside the recorder.
    let mut witness = venue.socket("/bitstamp");
    for channel in CHANNELS {
        witness.send(subscribe(channel).into()).expect("it reads");
    }
    let say = subscribe(CHANNELS[2]);
    let url = venue.url("/bitstamp");
    let recorder = Process::rialto(&[
        "record",
        &url,
        "btcusd",
        "ETH-USD",
        "--say",
        &say,
        "--out",
        text(&folder),
    ]);
    wait_for(&folder, "twenty books", |entries| count_texts(entries, "\"order_book_btcusd\"") > 20);
    let said = interrupt(recorder);
    assert!(said.contains("btcusd, ethusd of ws://") && said.contains(" 0 gaps"), "{said}");

    // The witness hears on until it has heard the last that was recorded.
    let recorded: Keyed =
        heard(&folder).into_iter().filter_map(|(text, it)| Some((key(&it)?, text))).collect();
    let ours: Keyed = recorded.into_iter().filter(|(key, _)| CHANNELS.contains(&&*key.0)).collect();
    let witnessed = listen(&mut witness, |frames| {
        ours.keys().rfind(|key| key.0 == CHANNELS[0]).is_some_and(|last| frames.contains_key(last))
            && ours
                .keys()
                .rfind(|key| key.0 == CHANNELS[2])
                .is_some_and(|last| frames.contains_key(last))
    });
    for (key, text) in &ours {
        // A trade that came after the last book may be on its way to the witness.
        let Some(other) = witnessed.get(key) else {
            assert_eq!(key.0, CHANNELS[1], "{key:?} was recorded, and not heard by the witness");
            continue;
        };
        assert_eq!(text, other, "{key:?}");
    }

    // What was not said by the venue is there as well.
    let (all, _) = entries(&folder);
    let is_page = |what: &What| matches!(what, What::Fetched { path, status: 200, .. } if path.contains("order_book"));
    // One of each market, and another where the first was older than the stream.
    assert!((2..=4).contains(&count(&all, is_page)), "{} books", count(&all, is_page));
    assert_eq!(count(&all, |what| matches!(what, What::Opened { .. })), 1);
    assert!(all.is_sorted_by(|one, next| one.monotonic_ns <= next.monotonic_ns));
    drop(venue);

    // Told again: every frame is one of those that were recorded, and hardly one is missing.
    let again = Venue::replay(&folder, &["--speed", "0.5"]);
    let mut socket = again.socket("/bitstamp");
    for channel in CHANNELS {
        socket.send(subscribe(channel).into()).expect("it reads");
    }
    // The books that were recorded before the first diff that joins a book cannot be derived.
    let last = ours.keys().rfind(|key| key.0 == CHANNELS[0]).expect("a diff").clone();
    let last_book = (CHANNELS[2].to_owned(), last.1.clone());
    let told = listen(&mut socket, |frames| {
        frames.contains_key(&last)
            && (frames.contains_key(&last_book) || !ours.contains_key(&last_book))
    });
    let mut counts = BTreeMap::new();
    for (key, text) in &told {
        // A diff that touches none of the best hundred levels is told of no book, and may have been none at all.
        if let Some(recorded) = ours.get(key) {
            assert_eq!(recorded, text, "{key:?}");
            *counts.entry(key.0.as_str()).or_insert(0) += 1;
        } else {
            panic!("{key:?} is told, and was never recorded: {text:.200}");
        }
    }
    for channel in [CHANNELS[0], CHANNELS[2]] {
        let of = |frames: &Keyed| frames.keys().filter(|key| key.0 == channel).count();
        let (recorded, told) = (of(&ours), of(&told));
        assert!(told * 2 > recorded, "{channel}: {told} of {recorded} are told again");
    }
    assert!(counts.contains_key(CHANNELS[0]), "{counts:?}");
}

/// The trades in frames of these two dialects, each as it is written.
fn trades(texts: &[(String, Value)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, it) in texts {
        if it["params"]["channel"] == "trades" {
            for trade in it["params"]["data"]["trades"].as_array().into_iter().flatten() {
                found.insert(trade.to_string());
            }
        }
        if it["message"]["event"]["type"] == "TRADE" {
            found.insert(it["message"]["payload"].to_string());
        }
    }
    found
}

/// Records a dialect of the demo until it has heard some trades, and lets it be told again to a second recorder.
fn twice(name: &str, path: &str, mark: &str) -> [Vec<(String, Value)>; 2] {
    let (first, second) = (fresh(&format!("{name}-1")), fresh(&format!("{name}-2")));
    let venue = Venue::demo("127.0.0.1:0");
    let recorder = Process::rialto(&["record", &venue.url(path), "BTC-USD", "--out", text(&first)]);
    wait_for(&first, "ten trades", |entries| count_texts(entries, mark) > 10);
    interrupt(recorder);
    drop(venue);
    let again = Venue::replay(&first, &["--speed", "0.5", "--loop"]);
    let recorder =
        Process::rialto(&["record", &again.url(path), "BTC-USD", "--out", text(&second)]);
    wait_for(&second, "a whole round", |entries| count_texts(entries, mark) > 24);
    interrupt(recorder);
    [heard(&first), heard(&second)]
}

/// The book of xRocket that these texts make, each side by price: the reply to a subscription is all of it, what is pushed
/// changes it.
fn book<'t>(texts: impl Iterator<Item = &'t [u8]>) -> [Side; 2] {
    let mut sides = [Side::new(), Side::new()];
    for text in texts {
        let it: Value = serde_json::from_slice(text).expect("JSON");
        let is_push = it["params"]["channel"] == "orderbook";
        let data = if is_push { &it["params"]["data"] } else { &it["result"] };
        if !data["bids"].is_array() {
            continue;
        }
        let is_whole = data["snapshot"].as_bool().unwrap_or(true);
        for (side, name) in sides.iter_mut().zip(["bids", "asks"]) {
            if is_whole {
                side.clear();
            }
            for level in data[name].as_array().expect("levels") {
                let [price, size] = [0, 1].map(|at| level[at].as_str().expect("text").to_owned());
                if size == "0" {
                    side.remove(&price);
                } else {
                    side.insert(price, size);
                }
            }
        }
    }
    sides
}

/// A side of a book as it is written: price to size.
type Side = BTreeMap<String, String>;

#[test]
fn the_trades_of_xrocket_are_told_again_as_they_were_and_the_last_book_stays() {
    let [first, second] = twice("xrocket", "/xrocket", r#""channel":"trades""#);
    let (recorded, told) = (trades(&first), trades(&second));
    let both = recorded.intersection(&told).count();
    assert!(both * 2 > recorded.len(), "{both} of {} in {}", recorded.len(), told.len());

    let last = book(first.iter().map(|(text, _)| text.as_bytes()));
    assert!(last.iter().all(|side| side.len() > 50));
    let again = Venue::replay(&folder_of("xrocket-1"), &["--speed", "100"]);
    let folder = fresh("xrocket-3");
    let recorder =
        Process::rialto(&["record", &again.url("/xrocket"), "BTC-USD", "--out", text(&folder)]);
    wait_for(&folder, "the last book", |entries| {
        let texts = entries.iter().filter_map(|entry| match &entry.what {
            What::Heard(Frame::Text(text)) => Some(text.as_slice()),
            _ => None,
        });
        book(texts) == last
    });
    interrupt(recorder);
}

#[test]
fn the_trades_and_books_of_timex_are_told_again_as_they_were() {
    let [first, second] = twice("timex", "/timex/socket/relay", r#""type":"TRADE""#);
    let (recorded, told) = (trades(&first), trades(&second));
    let both = recorded.intersection(&told).count();
    assert!(both * 2 > recorded.len(), "{both} of {} in {}", recorded.len(), told.len());
    let books = |texts: &[(String, Value)]| -> BTreeMap<String, Value> {
        let books = texts.iter().map(|(_, it)| it["message"]["event"]["data"]["orderbook"].clone());
        books.filter_map(|book| Some((book["timestamp"].as_str()?.to_owned(), book))).collect()
    };
    let (recorded, told) = (books(&first), books(&second));
    let same = recorded.iter().filter(|(stamp, book)| told.get(*stamp) == Some(book)).count();
    let differ =
        recorded.iter().filter(|(stamp, book)| told.get(*stamp).is_some_and(|it| it != *book));
    assert_eq!(differ.count(), 0, "books of equal stamps are equal");
    assert!(same * 2 > recorded.len(), "{same} of {}", recorded.len());
}

#[test]
fn a_key_is_said_and_not_written_and_trades_without_books_are_told_again() {
    let folder = fresh("key");
    let venue = Venue::demo("127.0.0.1:0");
    let demo = Command::new(env!("CARGO_BIN_EXE_rialto")).args(["keys", "demo", "--json"]).output();
    let demo: Value = serde_json::from_slice(&demo.expect("it answers").stdout).expect("JSON");
    let key = demo["accounts"][0]["confluencecode"]["api_key"].as_str().expect("a key").to_owned();
    let key_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record-key.txt");
    std::fs::write(&key_file, format!("{key}\n")).expect("written");
    let url = venue.url("/confluencecode");
    let without = Process::rialto(&["record", &url, "BTC-USD", "--out", text(&folder)]).end();
    assert!(!without.0.success() && without.1.contains("--key-file"), "{}", without.1);
    let with = ["record", &url, "BTC-USD", "--out", text(&folder), "--key-file", text(&key_file)];
    let recorder = Process::rialto(&with);
    wait_for(&folder, "trades", |entries| count_texts(entries, r#""m":"BTC-USD""#) > 3);
    interrupt(recorder);
    let (all, _) = entries(&folder);
    let said = all.iter().find(|entry| matches!(&entry.what, What::Said(Frame::Text(_))));
    let said = said.expect("it authenticates");
    assert!(said.redacted && format!("{:?}", said.what).len() > 20);
    for entry in &all {
        let bytes = match &entry.what {
            What::Said(Frame::Text(bytes)) | What::Heard(Frame::Text(bytes)) => bytes.clone(),
            other => format!("{other:?}").into_bytes(),
        };
        assert!(!String::from_utf8_lossy(&bytes).contains(&key), "entry {}", entry.sequence);
    }
    let again = Venue::replay(&folder, &["--loop"]);
    let mut socket = again.socket("/bitstamp");
    socket.send(subscribe(CHANNELS[1]).into()).expect("it reads");
    assert_eq!(listen(&mut socket, |frames| !frames.is_empty()).len(), 1);
}

#[test]
fn a_lost_connection_is_made_again_and_a_killed_recorder_gone_on_with_and_both_are_marked() {
    let folder = fresh("lost");
    let venue = Venue::demo("127.0.0.1:0");
    let (address, url) = (venue.address.clone(), venue.url("/bitstamp"));
    let record = ["record", &url, "btcusd", "--out", text(&folder)];
    let is_gap = |what: &What| matches!(what, What::Gap { .. });
    let is_opened = |what: &What| matches!(what, What::Opened { .. });
    let recorder = Process::rialto(&record);
    wait_for(&folder, "a book", |entries| count_texts(entries, "microtimestamp") > 3);
    drop(venue);
    wait_for(&folder, "a gap", |entries| count(entries, is_gap) == 1);
    let _venue = Venue::demo(&address);
    wait_for(&folder, "a connection", |entries| {
        count(entries, is_opened) == 2
            && entries.iter().rev().take(5).any(|it| matches!(&it.what, What::Heard(_)))
    });
    // Killed, and begun again: nobody recorded in between.
    drop(recorder);
    let left = entries(&folder).0.len();
    let recorder = Process::rialto(&record);
    wait_for(&folder, "a third connection", |entries| count(entries, is_opened) == 3);
    wait_for(&folder, "a diff", |entries| count_texts(&entries[left..], r#""event":"data""#) > 3);
    // While one records another may not.
    let (status, said) = Process::rialto(&record).end();
    assert!(!status.success() && said.contains("another process records"), "{said}");
    interrupt(recorder);
    let (all, ended) = entries(&folder);
    assert!(ended);
    assert!(is_gap(&all[left].what), "{:?}", all[left].what);
    assert!(all.iter().zip(1..).all(|(entry, number)| entry.sequence == number));
    // It is told again with its gaps; what is of another venue is not gone on with.
    let again = Venue::replay(&folder, &["--speed", "100"]);
    drop(again);
    let other = Venue::demo("127.0.0.1:0");
    let other = ["record", &other.url("/bitstamp"), "btcusd", "--out", text(&folder)];
    let (status, said) = Process::rialto(&other).end();
    assert!(!status.success() && said.contains("a capture of something else"), "{said}");
}

#[test]
fn a_full_disk_ends_a_recording_with_an_error_and_what_is_there_is_whole() {
    let folder = fresh("full");
    let venue = Venue::demo("127.0.0.1:0");
    // A file may have 48 KiB: what a full disk is to whoever writes.
    let script = format!(
        "trap '' XFSZ; ulimit -f 48; exec {} record {} --out {}",
        env!("CARGO_BIN_EXE_rialto"),
        venue.url("/bitstamp"),
        text(&folder)
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (status, said) = Process(command.spawn().expect("a shell")).end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("failed to write the capture, which ends here"), "{said}");
    let (all, ended) = entries(&folder);
    assert!(!all.is_empty() && !ended);
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let folder = fresh("refused");
    let venue = Venue::demo("127.0.0.1:0");
    let cases: [(&[&str], &str); 5] = [
        (&["ws://127.0.0.1:1/somewhere"], "name it with --dialect"),
        (&["confluencecode"], "name the URL"),
        (&["klingon"], "nobody here speaks"),
        (&[&venue.url("/bitstamp"), "nosuch"], "it does not list \"nosuch\""),
        (&["ws://127.0.0.1:9/bitstamp", "btcusd"], "failed to connect to 127.0.0.1:9"),
    ];
    for (arguments, words) in cases {
        let mut all = vec!["record"];
        all.extend(arguments);
        all.extend(["--out", text(&folder)]);
        let (status, said) = Process::rialto(&all).end();
        assert!(!status.success() && said.contains(words), "{arguments:?}: {said}");
    }
    assert!(!folder.join("000001.rec").exists(), "nothing was written");
    let (status, said) = Process::rialto(&["replay", text(&folder)]).end();
    assert!(!status.success(), "{said}");
    drop(venue.process);
}

#[test]
fn where_nobody_listens_a_refusal_is_no_panic() {
    for arguments in [
        &["record", "klingon", "--out", text(&fresh("unheard"))][..],
        &["why", "1", "--url", "http://127.0.0.1:9"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        let status = command.args(arguments).stderr(writer).status().expect("the binary starts");
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}
