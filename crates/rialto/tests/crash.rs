//! The binary itself, killed in the middle of things: whatever was acknowledged is there after a restart, once, and
//! whatever was not is answered when it is asked for again, and not done twice.
//!
//! Alice trades in Bitstamp's dialect with signed requests, Bob by the native API with idempotency keys, while the
//! crowd trades around them. The process is killed by its id at a random moment, started again, and both
//! repeat, byte for byte, what they have no answer to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use testkit::dice::Dice;

/// Deaths of one market; then another one begins, for not all orders of an account are remembered for ever.
const DEATHS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
[crowd]
warm_up_seconds = 5

[crowd.wander]
BTC = "0.8"

[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd" }
crowd = { activity = "busy", start = "60000", size = "0.05" }
"#;

/// Images are taken of it so often that every death meets one.
const IMAGES: &str = "[journal]\nimage_every_commands = 200\n";

/// A folder that is gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("rialto-crash-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        let folder = Self(path);
        folder.configure(CONFIG);
        folder
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.0.join("rialto.toml"), text).expect("a file");
    }

    /// The images and segments there, in their order.
    fn kept(&self, ending: &str) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.0.join("kept/journal")).expect("a folder");
        let all = all.map(|file| file.expect("a file").path());
        let mut all: Vec<_> =
            all.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
        all.sort_unstable();
        all
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A venue at work, killed when dropped.
struct Venue {
    child: Child,
    address: String,
    said: String,
}

/// The binary with these words, in this folder.
fn rialto(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.args(words).env_remove("RIALTO_MASTER_KEY").current_dir(folder);
    command
}

/// What it says and ends with, if it ends by itself.
fn ended(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = rialto(folder, words).output().expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

const SERVE: [&str; 5] = ["serve", "--data", "kept", "--listen", "127.0.0.1:0"];

impl Venue {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, further: &[&str]) -> Self {
        let mut command = rialto(folder, &[&SERVE, further].concat());
        command.stdout(Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        let mut venue = Self { child, address: String::new(), said: String::new() };
        let mut lines = BufReader::new(venue.child.stdout.take().expect("a pipe")).lines();
        while venue.address.is_empty() {
            let line = lines.next().expect("it says where it listens").expect("text");
            venue.said += &format!("{line}\n");
            if let Some(address) = line.strip_prefix("listening on http://") {
                venue.address = address.to_owned();
            }
        }
        venue
    }

    fn kill(&mut self) {
        self.child.kill().expect("it is there to be killed");
        self.child.wait().expect("it ends");
    }

    /// An answer by the native API.
    fn ask(&self, key: &str, path: &str) -> Value {
        let (status, body) =
            ask(&self.address, &native("GET", path, key, None, "")).expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Sends a request (where its host is the local one, to the port that is listened on now), and reads the answer; `None` if there is no whole one.
fn ask(address: &str, request: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = request.replace("Host: localhost", &format!("Host: {address}"));
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let lower = head.to_ascii_lowercase();
    let length: usize = lower.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
    let whole = (body.len() == length).then_some(body)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(whole).expect("JSON")))
}

fn native(method: &str, path: &str, key: &str, once: Option<&str>, body: &str) -> String {
    let once = once.map_or_else(String::new, |once| format!("Idempotency-Key: {once}\r\n"));
    format!(
        "{method} /rialto/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {key}\r\n{once}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request as Bitstamp's clients sign it, under the venue's own name.
fn signed(who: &Value, path: &str, form: &str, nonce: &str) -> String {
    let text = |name: &str| who["bitstamp"][name].as_str().expect("text");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let (auth, host) = (format!("BITSTAMP {}", text("key")), "www.bitstamp.net");
    let (path, kind) = (format!("/api/v2/{path}"), "application/x-www-form-urlencoded");
    let signs = format!("{auth}POST{host}{path}{kind}{nonce}{now}v2{form}");
    let mut mac = Hmac::<Sha256>::new_from_slice(text("secret").as_bytes()).expect("any key");
    mac.update(signs.as_bytes());
    let signature: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Auth: {auth}\r\n\
         X-Auth-Signature: {signature}\r\nX-Auth-Nonce: {nonce}\r\nX-Auth-Timestamp: {now}\r\n\
         X-Auth-Version: v2\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    Bitstamp,
    Native,
}

/// Somebody who trades, and what it knows.
struct Trader {
    tongue: Tongue,
    who: Value,
    dice: Dice,
    count: u64,
    /// Orders that were acknowledged: by their own names, their ids.
    placed: BTreeMap<String, String>,
    /// Trades of theirs that were told in the answer (natively).
    filled: BTreeSet<String>,
    /// Orders whose cancelling was acknowledged.
    canceled: BTreeSet<String>,
    /// Those that may still be open.
    open: Vec<String>,
    /// What there is no answer to.
    unanswered: Option<Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    request: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Place(String),
    Cancel(String),
}

impl Trader {
    fn key(&self) -> &str {
        self.who["native"]["key"].as_str().expect("text")
    }

    /// What it asks for next.
    fn next(&mut self) -> Asked {
        self.count += 1;
        let name = format!("{:?}-{}", self.tongue, self.count);
        let nonce = format!("00000000-0000-4000-8000-{:012}", self.count);
        let market = self.dice.roll(3) == 0;
        let price = 40_000 + self.dice.roll(10_000);
        if self.dice.roll(4) == 0
            && let Some(id) = self.open.pop()
        {
            let request = match self.tongue {
                Tongue::Bitstamp => signed(&self.who, "cancel_order/", &format!("id={id}"), &nonce),
                Tongue::Native => native("DELETE", &format!("orders/{id}"), self.key(), None, ""),
            };
            return Asked { request, what: What::Cancel(id) };
        }
        let request = match (self.tongue, market) {
            (Tongue::Bitstamp, true) => {
                let form = format!("amount=0.00100000&client_order_id={name}");
                signed(&self.who, "buy/market/btcusd/", &form, &nonce)
            }
            (Tongue::Bitstamp, false) => {
                let form = format!("amount=0.00100000&price={price}.00&client_order_id={name}");
                signed(&self.who, "buy/btcusd/", &form, &nonce)
            }
            (Tongue::Native, _) => {
                let rest = match market {
                    true => r#""side":"sell","type":"market""#.to_owned(),
                    false => format!(r#""side":"buy","type":"limit","price":"{price}""#),
                };
                let body = format!(
                    r#"{{"instrument":"BTC-USD","quantity":"0.001","client_order_id":"{name}",{rest}}}"#
                );
                native("POST", "orders", self.key(), Some(&name), &body)
            }
        };
        Asked { request, what: What::Place(name) }
    }

    /// Asks; whether there was an answer.
    fn tell(&mut self, address: &str, asked: Asked, repeated: bool) -> bool {
        let (status, body) = loop {
            match ask(address, &asked.request) {
                // Too many requests of one key in a second: this one was not looked at.
                Some((429, _)) => std::thread::sleep(Duration::from_millis(20)),
                Some(answer) => break answer,
                None => {
                    self.unanswered = Some(asked);
                    return false;
                }
            }
        };
        match asked.what {
            What::Place(name) => {
                assert!(
                    matches!(status, 200 | 201),
                    "{name}, repeated {repeated}: {status} {body}"
                );
                let order = if self.tongue == Tongue::Native { &body["order"] } else { &body };
                let id = order["id"].as_str().expect("an id").to_owned();
                for trade in body["trades"].as_array().into_iter().flatten() {
                    self.filled.insert(trade["id"].as_str().expect("an id").to_owned());
                }
                let known = self.placed.insert(name, id.clone());
                assert_eq!(known, None, "it is placed once");
                self.open.push(id);
            }
            // It may have been filled or, when it is asked again, cancelled before: that is said otherwise.
            What::Cancel(id) => {
                if body["status"] == "Canceled" || body["order"]["status"] == "canceled" {
                    self.canceled.insert(id);
                }
            }
        }
        true
    }

    /// Trades until it is told to stop, or nobody answers.
    fn trade(&mut self, address: &str, stops: &AtomicBool) {
        while !stops.load(Ordering::Relaxed) {
            let asked = self.next();
            if !self.tell(address, asked, false) {
                return;
            }
        }
    }

    /// All pages of a list.
    fn all(&self, venue: &Venue, path: &str, list: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = format!("{path}{separator}limit=1000&first=oldest&offset={}", all.len());
            let body = venue.ask(self.key(), &page);
            let page = body[list].as_array().expect("a list").clone();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    /// Whether the venue knows exactly what this trader knows.
    fn audit(&self, venue: &Venue, case: &str) {
        let orders = self.all(venue, "orders?which=all", "orders");
        let mut names = BTreeMap::new();
        for order in &orders {
            let name = order["client_order_id"].as_str().expect("it named each of its orders");
            let doubled = names.insert(name.to_owned(), order);
            assert!(doubled.is_none(), "{case}: {name} is there twice");
        }
        for (name, id) in &self.placed {
            let order = names.get(name).unwrap_or_else(|| panic!("{case}: {name} is missing"));
            assert_eq!(order["id"].as_str(), Some(id.as_str()), "{case}: {name}");
            if self.canceled.contains(id) {
                assert_eq!(order["status"], "canceled", "{case}: {name}");
            }
        }
        let known: BTreeSet<&String> = self.placed.keys().collect();
        let there: BTreeSet<&String> = names.keys().collect();
        assert_eq!(there, known, "{case}: orders that nobody was told of");

        let trades = self.all(venue, "trades", "trades");
        let mut ids = BTreeSet::new();
        // In 10^-10 of a dollar and 10^-8 of a coin.
        let (mut usd, mut btc) = (1_000_000 * 10_i128.pow(10), 1_000 * 10_i128.pow(8));
        for trade in &trades {
            let id = trade["id"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{case}: trade {id} is there twice");
            let (price, quantity) = (units(&trade["price"], 2), units(&trade["quantity"], 8));
            let sign = if trade["side"] == "buy" { 1 } else { -1 };
            btc += sign * quantity;
            usd -= sign * price * quantity + units(&trade["fee"], 10);
        }
        assert!(self.filled.is_subset(&ids), "{case}: acknowledged trades are missing");
        let balances = venue.ask(self.key(), "balances");
        let total = |asset: &str, decimals| {
            let all = balances["balances"].as_array().expect("a list");
            let it = all.iter().find(|it| it["asset"] == asset).expect("it has some");
            units(&it["total"], decimals)
        };
        assert_eq!(total("BTC", 8), btc, "{case}: {trades:?}");
        assert_eq!(total("USD", 10), usd, "{case}: {trades:?}");
    }
}

/// A decimal text in units of `10^-decimals`; more decimals than that are zeros.
fn units(text: &Value, decimals: usize) -> i128 {
    let text = text.as_str().expect("a decimal text");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let mut part = part.trim_end_matches('0').to_owned();
    assert!(part.len() <= decimals, "{text} is finer than 10^-{decimals}");
    part.extend(std::iter::repeat_n('0', decimals - part.len()));
    format!("{whole}{part}").parse().expect("digits")
}

/// One market that dies so often.
fn deaths(seed: u64, deaths: usize) -> (usize, usize, usize) {
    let folder = Folder::new(&seed.to_string());
    folder.configure(&format!("{IMAGES}{CONFIG}"));
    let mut dice = Dice::new(seed);
    let mut venue = Venue::start(&folder.0);
    let demo = venue.ask("", "demo");
    let trader = |account: usize, tongue| Trader {
        tongue,
        who: demo["accounts"][account].clone(),
        dice: Dice::new(seed ^ account as u64),
        count: 0,
        placed: BTreeMap::new(),
        filled: BTreeSet::new(),
        canceled: BTreeSet::new(),
        open: Vec::new(),
        unanswered: None,
    };
    let mut traders = [trader(0, Tongue::Bitstamp), trader(1, Tongue::Native)];
    let (mut repeated, mut from_image) = (0, 0);
    for death in 1..=deaths {
        let case = format!("seed {seed}, death {death} of {deaths}");
        let stops = AtomicBool::new(false);
        let address = venue.address.clone();
        std::thread::scope(|scope| {
            for trader in &mut traders {
                scope.spawn(|| trader.trade(&address, &stops));
            }
            // The moment is by chance; nothing that is judged depends on it.
            std::thread::sleep(Duration::from_millis(20 + dice.roll(300) as u64));
            venue.kill();
            stops.store(true, Ordering::Relaxed);
        });
        venue = Venue::start(&folder.0);
        assert!(venue.said.contains("was not ended as asked"), "{case}: {}", venue.said);
        assert!(!venue.said.contains("is not used"), "{case}: {}", venue.said);
        from_image += usize::from(venue.said.contains("from the image behind"));
        for trader in &mut traders {
            if let Some(asked) = trader.unanswered.take() {
                repeated += 1;
                assert!(trader.tell(&venue.address, asked, true), "{case}: no answer");
            }
            trader.audit(&venue, &case);
        }
    }
    venue.kill();
    let (code, told) = ended(&folder.0, &["verify", "kept"]);
    assert_eq!(code, Some(0), "seed {seed}: {told}");
    assert!(told.contains(&format!("in {} lives", deaths + 1)), "seed {seed}: {told}");
    let (code, said) = ended(&folder.0, &["verify", "kept", "--from-image"]);
    assert_eq!(code, Some(0), "seed {seed}: {said}");
    (traders.iter().map(|trader| trader.placed.len()).sum(), repeated, from_image)
}

/// Six deaths; three hundred under `RIALTO_LONG`.
#[test]
fn what_was_acknowledged_survives_a_kill_once_and_nothing_is_done_twice() {
    let markets = if std::env::var_os("RIALTO_LONG").is_some() { 50 } else { 1 };
    let (mut placed, mut repeated, mut from_image) = (0, 0, 0);
    for seed in 1..=markets {
        let figures = deaths(seed, DEATHS);
        placed += figures.0;
        repeated += figures.1;
        from_image += figures.2;
    }
    let many = markets as usize;
    assert!(placed > 20 * many && repeated > 2 * many, "{placed} placed, {repeated} repeated");
    assert!(from_image > 2 * many, "{from_image} starts from an image");
    println!(
        "{} deaths: {placed} orders placed, {repeated} requests repeated, {from_image} starts from an image",
        many * DEATHS
    );
}

#[test]
fn damage_is_named_and_refused_and_a_torn_end_is_a_note() {
    let folder = Folder::new("damage");
    let here = folder.0.as_path();
    let mut venue = Venue::start_with(here, &["--seed", "7"]);
    let (code, said) = ended(here, &SERVE);
    assert!(code == Some(1) && said.contains("served by another process"), "{code:?}: {said}");
    venue.kill();
    let (code, said) = ended(here, &[&SERVE[..], &["--seed", "8"]].concat());
    assert!(code == Some(1) && said.contains("begun with seed 7"), "{code:?}: {said}");

    let segment = here.join("kept/journal/0000000001.journal");
    let whole = std::fs::read(&segment).expect("a segment");
    std::fs::write(&segment, &whole[..whole.len() - 3]).expect("a segment");
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("note: the last"), "{code:?}: {said}");

    let mut flipped = whole;
    let at = flipped.len() / 2;
    flipped[at] ^= 0x10;
    std::fs::write(&segment, &flipped).expect("a segment");
    let (code, said) = ended(here, &["verify", "kept"]);
    let named = said.contains("damaged at 0000000001.journal, offset ");
    assert!(code == Some(3) && named, "{code:?}: {said}");
    let (code, said) = ended(here, &SERVE);
    let named = said.contains("damaged at 0000000001.journal, offset ");
    assert!(code == Some(1) && named && said.contains("--accept-loss"), "{code:?}: {said}");

    let mut venue = Venue::start_with(here, &["--accept-loss"]);
    assert!(venue.said.contains("LOST, as accepted"), "{}", venue.said);
    venue.kill();
    assert_eq!(std::fs::read(segment.with_extension("journal.damaged")).ok(), Some(flipped));
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("in 2 lives"), "{code:?}: {said}");
}

/// Waits until so many images were taken, and kills it.
fn with_images(folder: &Folder, images: u64) -> Venue {
    let mut venue = Venue::start(&folder.0);
    let begun = std::time::Instant::now();
    loop {
        let there = folder.kept("image").len() as u64;
        let state = venue.ask("", "state");
        assert_eq!(state["journal"]["alarm"], Value::Null, "{state}");
        if there >= images {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{there} images: {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
    venue.kill();
    venue
}

#[test]
fn an_image_that_is_no_good_is_told_and_the_one_before_serves() {
    let folder = Folder::new("images");
    let here = folder.0.as_path();
    let config = format!("{IMAGES}{CONFIG}");
    folder.configure(&config);
    with_images(&folder, 2);
    let images = folder.kept("image");
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("images are byte for byte"), "{code:?}: {said}");

    // A bit of the newest one flips.
    let newest = images.last().expect("two");
    let whole = std::fs::read(newest).expect("an image");
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 4;
    std::fs::write(newest, &flipped).expect("an image");
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(3) && said.contains(&name(newest)), "{code:?}: {said}");
    let mut venue = Venue::start(here);
    let told = format!("the image {} is not used: it is damaged", name(newest));
    assert!(venue.said.contains(&told), "{}", venue.said);
    assert!(venue.said.contains("from the image behind segment"), "{}", venue.said);
    venue.kill();

    // Somebody takes the segments away that no image needs. (What was taken meanwhile is as good.)
    let images = folder.kept("image");
    std::fs::remove_file(newest).ok();
    let oldest = folder.kept("image").into_iter().next().expect("one is left");
    let number = |path: &PathBuf| name(path)[..10].parse::<u64>().expect("a number");
    for segment in [folder.kept("journal"), folder.kept("zst")].concat() {
        if number(&segment) <= number(&oldest) {
            std::fs::remove_file(segment).expect("it was there");
        }
    }
    let (code, said) = ended(here, &["verify", "kept"]);
    assert!(code == Some(0) && said.contains("from 00"), "{code:?}: {said}; {images:?}");
    let mut venue = Venue::start(here);
    assert!(venue.said.contains("from the image behind segment"), "{}", venue.said);
    venue.kill();

    // With another crowd no image serves, and the beginning is gone.
    folder.configure(&config.replace("size = \"0.05\"", "size = \"0.06\""));
    let (code, said) = ended(here, &SERVE);
    let is_told = said.contains("another configuration") && said.contains("missing");
    assert!(code == Some(1) && is_told, "{code:?}: {said}");

    // Nor does anything without them.
    folder.configure(&config);
    for image in folder.kept("image") {
        std::fs::remove_file(image).expect("it was there");
    }
    let (code, said) = ended(here, &SERVE);
    assert!(code == Some(1) && said.contains("there is no image here"), "{code:?}: {said}");
}
