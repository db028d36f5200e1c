//! Who trades in the campaign: somebody at each machine who places and cancels orders by the native API, and notes what
//! each of them was told. And what all of them were told, looked for in what a machine knows at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::dice::Dice;

use crate::machine::PATIENCE;

/// An order that was taken.
#[derive(Clone, Debug)]
struct Taken {
    id: String,
    account: usize,
    /// Whether its end was acknowledged.
    canceled: bool,
}

/// What everybody was told.
#[derive(Debug, Default)]
struct Told {
    /// By what their owner calls them.
    taken: BTreeMap<String, Taken>,
    not_taken: BTreeSet<String>,
    unknown: BTreeSet<String>,
    /// Orders whose end nobody knows, by their ids.
    maybe_canceled: BTreeSet<String>,
    /// When something was acknowledged last, and the longest time in which nothing was, at any machine.
    acknowledged: Option<Instant>,
    longest: Duration,
    troubles: Vec<String>,
}

/// How much it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub taken: u64,
    pub canceled: u64,
    pub not_taken: u64,
    pub unknown: u64,
    /// Of the unknown ones, those that are there.
    pub unknown_there: u64,
    pub longest: Duration,
}

/// Where all of them trade.
pub struct Desk {
    /// The keys of two accounts.
    pub keys: [String; 2],
    /// Where each machine is.
    addresses: [Mutex<String>; 3],
    told: Mutex<Told>,
    /// Everybody goes home.
    pub over: AtomicBool,
    /// How many orders were taken at each machine.
    counts: [Mutex<u64>; 3],
}

/// What came of a request.
enum Answer {
    /// It was never sent.
    Unsent,
    /// It was sent, and the connection ended.
    None,
    Told(u16, Value),
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub fn new(keys: [String; 2], addresses: [String; 3]) -> Self {
        Self {
            keys,
            addresses: addresses.map(Mutex::new),
            told: Mutex::default(),
            over: AtomicBool::new(false),
            counts: Default::default(),
        }
    }

    pub fn address(&self, machine: usize) -> String {
        lock(&self.addresses[machine]).clone()
    }

    /// This machine is there from now on.
    pub fn moved(&self, machine: usize, address: &str) {
        address.clone_into(&mut lock(&self.addresses[machine]));
    }

    /// How many orders were taken at each machine.
    pub fn counts(&self) -> [u64; 3] {
        self.counts.each_ref().map(|count| *lock(count))
    }

    /// Trades at a machine until all is over.
    pub fn trade(&self, machine: usize, mut dice: Dice) {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            match dice.roll(6) {
                0 => self.cancel(machine, &mut dice),
                _ => self.place(machine, &format!("{machine}-{number}"), &mut dice),
            }
            thread::sleep(Duration::from_millis(5 + dice.roll(30) as u64));
        }
    }

    fn place(&self, machine: usize, name: &str, dice: &mut Dice) {
        let account = dice.roll(2);
        let (side, kind, price) = match dice.roll(8) {
            // These meet somebody.
            0 => ("buy", "market", None),
            1 => ("sell", "market", None),
            2 | 3 => ("sell", "limit", Some(64_000 + dice.roll(4_000))),
            _ => ("buy", "limit", Some(50_000 + dice.roll(8_000))),
        };
        let mut order = json!({
            "instrument": "BTC-USD", "side": side, "type": kind, "quantity": "0.001", "client_order_id": name,
        });
        if let Some(price) = price {
            order["price"] = json!(format!("{price}.00"));
        }
        let answer = self.ask(machine, "POST /rialto/v1/orders", account, &order.to_string());
        let mut told = lock(&self.told);
        match answer {
            Answer::Unsent => {}
            Answer::Told(201, story) => {
                let id = story["order"]["id"].as_str().unwrap_or_default().to_owned();
                told.taken.insert(name.to_owned(), Taken { id, account, canceled: false });
                told.acknowledge();
                *lock(&self.counts[machine]) += 1;
            }
            Answer::None => drop(told.unknown.insert(name.to_owned())),
            Answer::Told(status, problem) => match problem["code"].as_str() {
                Some("outcome-unknown") => drop(told.unknown.insert(name.to_owned())),
                Some("not-taken" | "busy") => drop(told.not_taken.insert(name.to_owned())),
                _ => told.troubles.push(format!("{name}: {status} {problem}")),
            },
        }
    }

    /// Cancels an order that was taken, wherever that was.
    fn cancel(&self, machine: usize, dice: &mut Dice) {
        let (name, Taken { id, account, .. }) = {
            let told = lock(&self.told);
            let open: Vec<_> = told.taken.iter().filter(|(_, it)| !it.canceled).collect();
            if open.is_empty() {
                return;
            }
            let (name, taken) = open[dice.roll(open.len())];
            (name.clone(), taken.clone())
        };
        let answer = self.ask(machine, &format!("DELETE /rialto/v1/orders/{id}"), account, "");
        let mut told = lock(&self.told);
        match answer {
            Answer::Unsent => {}
            Answer::Told(200, _) => {
                told.taken.get_mut(&name).expect("it was taken").canceled = true;
                told.acknowledge();
            }
            Answer::None => drop(told.maybe_canceled.insert(id)),
            Answer::Told(status, problem) => match problem["code"].as_str() {
                Some("outcome-unknown") => drop(told.maybe_canceled.insert(id)),
                // An edge may not have come so far, and it may have been filled or canceled.
                Some("not-taken" | "busy" | "not-open" | "unknown-order") => {}
                _ => told.troubles.push(format!("the end of {name}: {status} {problem}")),
            },
        }
    }

    fn ask(&self, machine: usize, request: &str, account: usize, body: &str) -> Answer {
        let address = self.address(machine);
        let asked = exchanged(&address, request, &self.keys[account], body);
        if let Err(true) = asked {
            let silent = format!("{request} at machine {machine}: no answer for {PATIENCE:?}");
            lock(&self.told).troubles.push(silent);
        }
        match asked {
            Ok(Some((status, told))) => Answer::Told(status, told),
            Ok(None) => Answer::Unsent,
            Err(_) => Answer::None,
        }
    }

    /// What a machine knows of both accounts: each order, each trade, and the balances.
    pub fn known(&self, machine: usize) -> Option<[Vec<Value>; 2]> {
        let address = self.address(machine);
        let ask = |key: &str, page: &str| {
            let request = format!("GET /rialto/v1/{page}");
            match exchanged(&address, &request, key, "") {
                Ok(Some((200, told))) => Some(told),
                _ => None,
            }
        };
        let of = |key: &String| {
            let mut all = vec![ask(key, "account")?["balances"].take()];
            for (page, list) in [("orders?which=all&", "orders"), ("trades?", "trades")] {
                for offset in (0..).step_by(1_000) {
                    let page = format!("{page}limit=1000&first=oldest&offset={offset}");
                    let mut told = ask(key, &page)?;
                    let Value::Array(some) = told[list].take() else { return None };
                    if some.is_empty() {
                        break;
                    }
                    all.extend(some);
                }
            }
            Some(all)
        };
        let [one, two] = &self.keys;
        Some([of(one)?, of(two)?])
    }

    /// What is wrong with what is known at the end, and how much it was.
    pub fn judged(&self, known: &[Vec<Value>; 2]) -> Result<Tally, String> {
        let told = lock(&self.told);
        if let Some(first) = told.troubles.first() {
            return Err(format!("{} answers are wrong, the first: {first}", told.troubles.len()));
        }
        // Each order by its name: account, id and status. Trades have a side and an order's id, orders have a status.
        let mut there = BTreeMap::<&str, Vec<(usize, &str, &str)>>::new();
        for (account, all) in known.iter().enumerate() {
            for order in all {
                let (Some(id), Some(status)) = (order["id"].as_str(), order["status"].as_str())
                else {
                    continue;
                };
                let name = order["client_order_id"].as_str().ok_or("an order without a name")?;
                there.entry(name).or_default().push((account, id, status));
            }
        }
        for (name, taken) in &told.taken {
            let found = there.get(&**name).map_or(&[][..], |found| found);
            match found {
                [(account, id, status)] if *account == taken.account && *id == taken.id => {
                    // Who was told of its end sees it; else it has ended only if somebody may have ended it.
                    let is_canceled = *status == "canceled";
                    let may_be = taken.canceled || told.maybe_canceled.contains(*id);
                    if taken.canceled && !is_canceled || is_canceled && !may_be {
                        return Err(format!("{name} is {status}, and was told: {taken:?}"));
                    }
                }
                _ => return Err(format!("{name} was taken ({taken:?}), and there is {found:?}")),
            }
        }
        let mut unknown_there = 0;
        for (name, found) in &there {
            let is_unknown = told.unknown.contains(*name);
            if !told.taken.contains_key(*name) && !is_unknown {
                let why = if told.not_taken.contains(*name) {
                    "told not to be taken"
                } else {
                    "of nobody"
                };
                return Err(format!("{name} is {why}, and there is {found:?}"));
            }
            if found.len() > 1 {
                return Err(format!("{name} is there twice: {found:?}"));
            }
            unknown_there += u64::from(is_unknown);
        }
        let count = |count: usize| count as u64;
        Ok(Tally {
            taken: count(told.taken.len()),
            canceled: count(told.taken.values().filter(|taken| taken.canceled).count()),
            not_taken: count(told.not_taken.len()),
            unknown: count(told.unknown.len()),
            unknown_there,
            longest: told.longest,
        })
    }
}

impl Told {
    fn acknowledge(&mut self) {
        let now = Instant::now();
        let before = self.acknowledged.replace(now).unwrap_or(now);
        self.longest = self.longest.max(now - before);
    }
}

/// Sends a request and reads the answer. Nothing if it was never sent; an error if there was no whole answer, and whether
/// it was waited for in vain.
pub fn exchanged(
    address: &str,
    request: &str,
    key: &str,
    body: &str,
) -> Result<Option<(u16, Value)>, bool> {
    let Ok(mut stream) = TcpStream::connect(address) else { return Ok(None) };
    let set = stream.set_read_timeout(Some(PATIENCE));
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    set.and_then(|()| stream.write_all(request.as_bytes())).map_err(|_| false)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    })?;
    let whole = || {
        let answer = std::str::from_utf8(&answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1)?.lines().next()?.parse::<usize>().ok();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        (length == Some(body.len()))
            .then(|| (status, serde_json::from_str(body).unwrap_or(Value::Null)))
    };
    whole().map(Some).ok_or(false)
}
