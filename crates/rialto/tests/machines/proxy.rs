//! What stands between a machine and the NATS server in the campaign: a line that loses, doubles and swaps messages, by
//! dice, and that can be *cut*: then connections stay as they are, and nothing passes in either direction.
//!
//! It reads of the client protocol of NATS what it takes to pass whole frames. A message (`PUB`, `HPUB`, `MSG`, `HMSG`,
//! with its payload) may be lost; what the two ends say about the connection itself never is, or they would end it. A
//! server's `INFO` may name further addresses of it, which would be a way past here: they are taken out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::dice::Dice;

/// No frame is longer: NATS takes payloads of a megabyte.
const FRAME_BYTES_MAX: usize = 8 << 20;
/// So often it is looked whether the line is cut, or over. What was held back and is followed by nothing goes then.
const LOOK: Duration = Duration::from_millis(20);
/// One message of so many is lost, one is doubled, one is swapped with the next: about 5 % together.
const ONE_OF: usize = 60;

/// One frame of the protocol, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub bytes: Vec<u8>,
    /// Whether it carries something of somebody else; else it is about the connection.
    pub is_message: bool,
}

/// Makes frames of bytes.
#[derive(Default)]
pub struct Framing {
    bytes: Vec<u8>,
}

impl Framing {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, if all of it is there; an error if there is something else.
    pub fn next(&mut self) -> Result<Option<Frame>, String> {
        let Some(end) = self.bytes.windows(2).position(|two| two == b"\r\n") else {
            return match self.bytes.len() {
                ..=FRAME_BYTES_MAX => Ok(None),
                long => Err(format!("a line of {long} bytes and more")),
            };
        };
        let line = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        let mut words = line.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let is_message = matches!(&*verb, "PUB" | "HPUB" | "MSG" | "HMSG");
        let mut length = end + 2;
        if is_message {
            // The last word is the length of what follows, with its headers if it has any.
            let payload = words.next_back().and_then(|word| word.parse::<usize>().ok());
            let payload = payload.filter(|&bytes| bytes <= FRAME_BYTES_MAX);
            length += payload.ok_or_else(|| format!("no length: {line}"))? + 2;
        }
        if self.bytes.len() < length {
            return Ok(None);
        }
        let rest = self.bytes.split_off(length);
        let mut bytes = std::mem::replace(&mut self.bytes, rest);
        if is_message && !bytes.ends_with(b"\r\n") {
            return Err(format!("no end where one has to be: {line}"));
        }
        if verb == "INFO" {
            bytes = of_this_address(&line)?;
        }
        Ok(Some(Frame { bytes, is_message }))
    }
}

/// A server's `INFO` without its further addresses.
fn of_this_address(line: &str) -> Result<Vec<u8>, String> {
    let (_, told) = line.split_once(|it: char| it.is_ascii_whitespace()).unwrap_or_default();
    let mut told: Value = serde_json::from_str(told).map_err(|error| format!("{error}: {line}"))?;
    if let Some(members) = told.as_object_mut() {
        members.remove("connect_urls");
        members.remove("ws_connect_urls");
    }
    Ok(format!("INFO {told}\r\n").into_bytes())
}

/// What was done to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub dropped: u64,
    pub doubled: u64,
    pub swapped: u64,
}

/// One direction of one connection: which bytes go on, and in which order.
struct Lane {
    dice: Dice,
    /// A message that lets the next one go first.
    held: Option<Vec<u8>>,
    counts: Counts,
}

impl Lane {
    fn pass(&mut self, frame: &Frame, is_noisy: bool, out: &mut Vec<u8>) {
        if !frame.is_message {
            return out.extend(&frame.bytes);
        }
        self.counts.passed += 1;
        match self.dice.roll(ONE_OF) {
            0 if is_noisy => self.counts.dropped += 1,
            1 if is_noisy => {
                self.counts.doubled += 1;
                out.extend(&frame.bytes);
                out.extend(&frame.bytes);
            }
            2 if is_noisy && self.held.is_none() => {
                self.counts.swapped += 1;
                self.held = Some(frame.bytes.clone());
                return;
            }
            _ => out.extend(&frame.bytes),
        }
        self.let_go(out);
    }

    /// What was held back goes, late.
    fn let_go(&mut self, out: &mut Vec<u8>) {
        out.extend(self.held.take().unwrap_or_default());
    }
}

/// A line that is cut.
#[derive(Clone, Copy)]
struct Cut {
    /// `None` until it is mended.
    until: Option<Instant>,
    /// Whether connections break when it ends, or go on.
    breaks: bool,
}

struct Shared {
    server: SocketAddr,
    seed: u64,
    is_noisy: AtomicBool,
    cut: Mutex<Option<Cut>>,
    /// How often one direction of a connection has found it cut.
    found_cut: AtomicU64,
    over: AtomicBool,
    counts: [AtomicU64; 4],
}

impl Shared {
    /// Whether it is cut now, and whether connections that see this break afterwards.
    fn cut(&self) -> Option<bool> {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if cut.is_some_and(|it| it.until.is_some_and(|until| Instant::now() >= until)) {
            *cut = None;
        }
        cut.map(|it| it.breaks)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn count(&self, counts: &mut Counts) {
        let Counts { passed, dropped, doubled, swapped } = std::mem::take(counts);
        for (all, more) in self.counts.iter().zip([passed, dropped, doubled, swapped]) {
            all.fetch_add(more, Ordering::Relaxed);
        }
    }
}

/// The line of one machine. It ends when it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

impl Proxy {
    /// One to the server at this port of the loopback.
    pub fn start(server: u16, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("what was bound has an address");
        let shared = Arc::new(Shared {
            server: (Ipv4Addr::LOCALHOST, server).into(),
            seed,
            is_noisy: AtomicBool::new(false),
            cut: Mutex::new(None),
            found_cut: AtomicU64::new(0),
            over: AtomicBool::new(false),
            counts: Default::default(),
        });
        let of_thread = Arc::clone(&shared);
        let listening = Some(thread::spawn(move || accept(&listener, &of_thread)));
        Self { shared, address, listening }
    }

    pub fn address(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Whether messages are lost, doubled and swapped.
    pub fn set_noisy(&self, is_noisy: bool) {
        self.shared.is_noisy.store(is_noisy, Ordering::Relaxed);
    }

    /// Nothing passes for so long, or until it is [mended](Self::mend). Then connections break, or go on.
    pub fn cut(&self, span: Option<Duration>, breaks: bool) {
        let until = span.map(|span| Instant::now() + span);
        *self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Cut { until, breaks });
    }

    pub fn mend(&self) {
        *self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn is_cut(&self) -> bool {
        self.shared.cut().is_some()
    }

    pub fn counts(&self) -> Counts {
        let [passed, dropped, doubled, swapped] =
            self.shared.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Counts { passed, dropped, doubled, swapped }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Whoever waits for somebody to come is woken.
        let _woken = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _panicked = listening.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut number = 0;
    for client in listener.incoming() {
        if shared.is_over() {
            return;
        }
        let Ok(client) = client else { continue };
        // A server that is not there is told by an end.
        let Ok(server) = TcpStream::connect(shared.server) else { continue };
        let ended = Arc::new(AtomicBool::new(false));
        let ends = [(&client, &server), (&server, &client)];
        for (direction, (from, to)) in ends.into_iter().enumerate() {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { break };
            let seed = shared.seed ^ (number << 32) ^ (direction as u64) << 31;
            let lane = Lane { dice: Dice::new(seed), held: None, counts: Counts::default() };
            let (shared, ended) = (Arc::clone(shared), Arc::clone(&ended));
            thread::spawn(move || carry(from, to, lane, &shared, &ended));
        }
        number += 1;
    }
}

/// Carries what comes in one direction, until either end is gone.
fn carry(from: TcpStream, to: TcpStream, mut lane: Lane, shared: &Shared, ended: &AtomicBool) {
    let over = || shared.is_over() || ended.load(Ordering::Relaxed);
    // Where the system lets it not be so, it ends at once below.
    let set = from.set_read_timeout(Some(LOOK)).and(to.set_write_timeout(Some(LOOK)));
    let _set = set.and(to.set_nodelay(true));
    let (mut framing, mut out) = (Framing::default(), Vec::new());
    let mut bytes = vec![0; 64 << 10];
    // Whether it breaks, once it is not cut any more.
    let mut found_cut = None;
    while !over() {
        if let Some(breaks) = shared.cut() {
            if found_cut.replace(breaks).is_none() {
                shared.found_cut.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(LOOK);
            continue;
        }
        if found_cut.take() == Some(true) {
            break;
        }
        match (&from).read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => framing.feed(&bytes[..count]),
            Err(error) if is_later(error.kind()) => lane.let_go(&mut out),
            Err(_) => break,
        }
        let is_noisy = shared.is_noisy.load(Ordering::Relaxed);
        loop {
            match framing.next() {
                Ok(Some(frame)) => lane.pass(&frame, is_noisy, &mut out),
                Ok(None) => break,
                Err(what) => panic!("this is no NATS: {what}"),
            }
        }
        shared.count(&mut lane.counts);
        let mut left = &*out;
        while !left.is_empty() && !over() {
            match (&to).write(left) {
                Ok(count) => left = &left[count..],
                Err(error) if is_later(error.kind()) => {}
                Err(_) => ended.store(true, Ordering::Relaxed),
            }
        }
        out.clear();
    }
    ended.store(true, Ordering::Relaxed);
    // They may be gone already.
    let _gone = [from, to].map(|stream| stream.shutdown(Shutdown::Both));
}

fn is_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &[u8] = b"CONNECT {\"verbose\":false}\r\nSUB a.b 1\r\nPUB a.b 5\r\nhe\r\nl\r\nPUB a.b _INBOX.1 0\r\n\r\n\
                            HPUB a.b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\nUNSUB 1 5\r\n";
    const SERVER: &[u8] = b"MSG a.b 1 3\r\n\r\n\r\r\nHMSG a.b 1 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\n+OK\r\n-ERR 'no'\r\nPONG\r\n";

    /// The frames of these bytes, when so many of them come at once.
    fn frames(bytes: &[u8], at_once: usize) -> Vec<Frame> {
        let (mut framing, mut frames) = (Framing::default(), Vec::new());
        for some in bytes.chunks(at_once) {
            framing.feed(some);
            while let Some(frame) = framing.next().expect("frames") {
                frames.push(frame);
            }
        }
        assert_eq!(framing.bytes, b"", "half a frame is left");
        frames
    }

    #[test]
    fn frames_are_whole_however_they_come() {
        for bytes in [CLIENT, SERVER] {
            let whole = frames(bytes, bytes.len());
            let joined: Vec<u8> = whole.iter().flat_map(|frame| frame.bytes.clone()).collect();
            assert_eq!(joined, bytes);
            for at_once in 1..bytes.len() {
                assert_eq!(frames(bytes, at_once), whole, "{at_once} bytes at once");
            }
        }
        let kinds = |bytes| frames(bytes, 7).iter().map(|it| it.is_message).collect::<Vec<_>>();
        assert_eq!(kinds(CLIENT), [false, false, true, true, true, false, false]);
        assert_eq!(kinds(SERVER), [true, true, false, false, false]);
        assert_eq!(frames(CLIENT, 3)[2].bytes, b"PUB a.b 5\r\nhe\r\nl\r\n");
    }

    #[test]
    fn what_is_no_frame_is_told() {
        for bytes in [&b"PUB a.b\r\n"[..], b"PUB a.b 2\r\nabc\r\n", b"MSG a 1 99999999999\r\n"] {
            let mut framing = Framing::default();
            framing.feed(bytes);
            assert!(framing.next().is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_server_names_no_other_way() {
        let told =
            b"INFO {\"port\":4222,\"connect_urls\":[\"10.0.0.1:4222\"],\"max_payload\":7}\r\n";
        let frame = &frames(told, told.len())[0];
        assert!(!frame.is_message);
        let text = String::from_utf8_lossy(&frame.bytes).into_owned();
        let told: Value = serde_json::from_str(&text[5..]).expect("JSON");
        assert_eq!(told, serde_json::json!({"port": 4222, "max_payload": 7}));
    }

    #[test]
    fn a_lane_loses_doubles_and_swaps_one_in_twenty() {
        let mut lane = Lane { dice: Dice::new(3), held: None, counts: Counts::default() };
        let (mut out, mut quiet) = (Vec::new(), Vec::new());
        let messages = 6_000;
        let message = |number: u32| Frame {
            bytes: format!("PUB {number:05} 0\r\n\r\n").into_bytes(),
            is_message: true,
        };
        for number in 0..messages {
            lane.pass(&message(number), true, &mut out);
            let ping = Frame { bytes: b"PING\r\n".to_vec(), is_message: false };
            lane.pass(&ping, true, &mut out);
        }
        lane.let_go(&mut out);
        let Counts { passed, dropped, doubled, swapped } = lane.counts;
        assert_eq!(passed, u64::from(messages));
        for some in [dropped, doubled, swapped] {
            assert!((60..=140).contains(&some), "{:?}", lane.counts);
        }
        let heard = frames(&out, 1_000);
        let of = |is_message: bool| heard.iter().filter(move |it| it.is_message == is_message);
        assert_eq!(of(false).count(), messages as usize, "nothing of the connection is lost");
        assert_eq!(of(true).count() as u64, passed - dropped + doubled);
        let late = of(true).zip(of(true).skip(1)).filter(|(one, next)| one.bytes > next.bytes);
        let late = late.count() as u64;
        // One that was to go first may be the one that is lost.
        assert!(late <= swapped && late + 10 >= swapped, "{late} of {swapped}");
        for number in 0..100 {
            lane.pass(&message(number), false, &mut quiet);
        }
        assert_eq!(frames(&quiet, 1_000), (0..100).map(message).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_that_is_cut_passes_nothing_and_then_goes_on_or_breaks() {
        for breaks in [false, true] {
            let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let port = server.local_addr().expect("an address").port();
            let proxy = Proxy::start(port, 1);
            let mut client = TcpStream::connect(proxy.address).expect("it listens");
            let (mut there, _) = server.accept().expect("it comes");
            client.write_all(b"PING\r\n").expect("it is taken");
            let mut heard = [0; 6];
            there.read_exact(&mut heard).expect("it comes");
            assert_eq!(&heard, b"PING\r\n");
            proxy.cut(None, breaks);
            while proxy.shared.found_cut.load(Ordering::Relaxed) < 2 {
                thread::sleep(LOOK);
            }
            client.write_all(b"PUB a 1\r\nx\r\n").expect("it is taken");
            there.write_all(b"PONG\r\n").expect("it is taken");
            for stream in [&there, &client] {
                stream.set_read_timeout(Some(LOOK * 10)).expect("a time");
            }
            assert!((&there).read(&mut heard).is_err_and(|it| is_later(it.kind())));
            assert!((&client).read(&mut heard).is_err_and(|it| is_later(it.kind())));
            for stream in [&there, &client] {
                stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
            }
            proxy.mend();
            let (mut more, mut answer) = ([0; 12], [0; 6]);
            match breaks {
                false => {
                    there.read_exact(&mut more).expect("it comes");
                    client.read_exact(&mut answer).expect("it comes");
                    assert_eq!((&more, &answer), (b"PUB a 1\r\nx\r\n", b"PONG\r\n"));
                }
                true => {
                    assert!(!matches!(there.read(&mut more), Ok(1..)));
                    assert!(!matches!(client.read(&mut answer), Ok(1..)));
                }
            }
        }
    }
}
