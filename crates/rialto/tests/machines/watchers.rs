//! Who watches the market in the campaign: a socket at each machine, in Bitstamp's dialect, which is told the number of its
//! event before each frame (`rialto.sequence`); and all that any of them was shown, compared.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use testkit::served::line::{subscribe, upgrade_request_with};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use crate::machine::{AGAIN, PATIENCE};

/// What is listened to. Of the first two only the latest frame waits for who is slow; of the others nobody misses one.
const CHANNELS: [&str; 5] = [
    "order_book_btcusd",
    "detail_order_book_btcusd",
    "diff_order_book_btcusd",
    "live_trades_btcusd",
    "live_orders_btcusd",
];
const LOSSLESS: std::ops::Range<usize> = 2..5;
/// So often it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(100);

/// The frames that tell of one event in one channel.
#[derive(Debug, Default)]
struct Group {
    number: u64,
    frames: Vec<String>,
}

/// Frames, and to whom they were shown first.
type First = (Vec<String>, usize);

/// All that was shown, by channel and number: what is shown again under a number has to be the same.
#[derive(Default)]
pub struct Shown {
    told: Mutex<[BTreeMap<u64, First>; 5]>,
    sittings: Mutex<Vec<Sitting>>,
    troubles: Mutex<Vec<String>>,
    frames: AtomicU64,
    /// Frames that were compared with what another machine had shown.
    compared: AtomicU64,
    /// How often somebody was asked to reconnect.
    asked_to_leave: AtomicU64,
}

/// The numbers that were told on one connection, in their order.
struct Sitting {
    who: usize,
    numbers: [Vec<u64>; 5],
    open: [Option<Group>; 5],
}

/// What is known at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub frames: u64,
    pub compared: u64,
    pub asked_to_leave: u64,
    pub sittings: u64,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shown {
    /// Watches at a machine, wherever that is, until all is over.
    pub fn watch(&self, who: usize, address: impl Fn() -> String, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let mut sitting =
                Sitting { who, numbers: Default::default(), open: Default::default() };
            // Whoever is not there, or goes, is tried again.
            if let Some(mut socket) = connected(&address()) {
                while !over.load(Ordering::Relaxed) && self.hear(&mut socket, &mut sitting) {}
                lock(&self.sittings).push(sitting);
            }
            thread::sleep(AGAIN);
        }
    }

    /// Hears the next message; whether there may be another.
    fn hear(&self, socket: &mut WebSocket<TcpStream>, sitting: &mut Sitting) -> bool {
        let Some(text) = (match heard(socket) {
            Ok(text) => text,
            Err(()) => return false,
        }) else {
            return true;
        };
        let Some(number) = text.strip_prefix(r#"{"rialto":{"sequence":"#) else {
            if text.contains("bts:request_reconnect") {
                self.asked_to_leave.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            if !text.contains("bts:subscription_succeeded") {
                self.trouble(format!("told to {} without a number: {text}", sitting.who));
            }
            return true;
        };
        let number: u64 = number.trim_end_matches('}').parse().expect("a number");
        let frame = loop {
            match heard(socket) {
                Ok(Some(frame)) => break frame,
                Ok(None) => {}
                Err(()) => return false,
            }
        };
        let channel = CHANNELS.iter().position(|name| frame.contains(&format!("\"{name}\"")));
        let Some(channel) = channel else {
            self.trouble(format!("of no channel: {frame}"));
            return true;
        };
        self.frames.fetch_add(1, Ordering::Relaxed);
        match &mut sitting.open[channel] {
            Some(group) if group.number == number => group.frames.push(frame),
            open => {
                let before = open.replace(Group { number, frames: vec![frame] });
                if let Some(group) = before {
                    if group.number > number {
                        let name = CHANNELS[channel];
                        self.trouble(format!("{name}: {number} after {}", group.number));
                    }
                    sitting.numbers[channel].push(group.number);
                    self.whole(channel, group, sitting.who);
                }
            }
        }
        true
    }

    /// All frames of an event were shown.
    fn whole(&self, channel: usize, group: Group, who: usize) {
        let Group { number, frames } = group;
        let mut told = lock(&self.told);
        match told[channel].get(&number) {
            None => drop(told[channel].insert(number, (frames, who))),
            Some((same, first)) if *same == frames => {
                if *first != who {
                    self.compared.fetch_add(frames.len() as u64, Ordering::Relaxed);
                }
            }
            Some((other, first)) => {
                let name = CHANNELS[channel];
                let trouble = format!(
                    "{name}: under {number} machine {first} showed\n{other:#?}\nand machine {who}\n{frames:#?}"
                );
                self.trouble(trouble);
            }
        }
    }

    fn trouble(&self, what: String) {
        lock(&self.troubles).push(what);
    }

    /// What was wrong with what was shown, and how much it was.
    pub fn judged(&self) -> Result<Tally, String> {
        let (told, sittings) = (lock(&self.told), lock(&self.sittings));
        let mut troubles = lock(&self.troubles);
        for Sitting { who, numbers, .. } in &*sittings {
            for channel in LOSSLESS {
                let numbers = &numbers[channel];
                let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
                    continue;
                };
                let missing = told[channel].range(first..=last);
                let mut missing =
                    missing.filter(|(number, _)| numbers.binary_search(number).is_err());
                if let Some((number, (_, first))) = missing.next() {
                    let (name, more) = (CHANNELS[channel], missing.count());
                    troubles.push(format!(
                        "{name}: machine {who} never showed {number} (and {more} others) on a connection that was there, \
                         and machine {first} did"
                    ));
                }
            }
        }
        match troubles.first() {
            None => Ok(Tally {
                frames: self.frames.load(Ordering::Relaxed),
                compared: self.compared.load(Ordering::Relaxed),
                asked_to_leave: self.asked_to_leave.load(Ordering::Relaxed),
                sittings: sittings.len() as u64,
            }),
            Some(first) => {
                Err(format!("{} wrong things were shown, the first: {first}", troubles.len()))
            }
        }
    }
}

/// A socket at this machine that listens to everything, if somebody answers there.
fn connected(address: &str) -> Option<WebSocket<TcpStream>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let headers = [("Host", address), ("Sec-WebSocket-Protocol", "rialto.sequence")];
    stream.write_all(upgrade_request_with("/bitstamp", &headers).as_bytes()).ok()?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if !head.starts_with("http/1.1 101") {
        return None;
    }
    assert!(head.contains("sec-websocket-protocol: rialto.sequence"), "{head}");
    stream.set_read_timeout(Some(LOOK)).ok()?;
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    for channel in CHANNELS {
        socket.send(Message::text(subscribe(channel))).ok()?;
    }
    Some(socket)
}

/// The next text; `None` if there was none for a while; an error when there will be none.
fn heard(socket: &mut WebSocket<TcpStream>) -> Result<Option<String>, ()> {
    match socket.read() {
        Ok(Message::Text(text)) => Ok(Some(text.to_string())),
        Ok(Message::Close(_)) => Err(()),
        Ok(_) => Ok(None),
        Err(Error::Io(error))
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
        {
            Ok(None)
        }
        Err(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(shown: &Shown, who: usize, groups: &[(u64, &str)]) {
        let mut sitting = Sitting { who, numbers: Default::default(), open: Default::default() };
        for &(number, frame) in groups {
            sitting.numbers[3].push(number);
            shown.whole(3, Group { number, frames: vec![frame.to_owned()] }, who);
        }
        lock(&shown.sittings).push(sitting);
    }

    #[test]
    fn what_differs_or_is_missing_is_seen() {
        let all = Shown::default();
        shown(&all, 0, &[(1, "a"), (2, "b"), (4, "c")]);
        shown(&all, 1, &[(2, "b"), (4, "c")]);
        let tally = all.judged().expect("all the same");
        assert_eq!(tally.compared, 2);
        shown(&all, 2, &[(4, "c"), (5, "d"), (6, "e")]);
        shown(&all, 1, &[(4, "c"), (6, "e")]);
        assert!(all.judged().is_err_and(|it| it.contains("machine 1 never showed 5")));
        let all = Shown::default();
        shown(&all, 0, &[(1, "a"), (2, "b")]);
        shown(&all, 1, &[(1, "a"), (2, "x")]);
        assert!(all.judged().is_err_and(|it| it.contains("under 2 machine 0 showed")));
    }
}
