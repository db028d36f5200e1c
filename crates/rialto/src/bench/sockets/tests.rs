//! The sockets against servers of every temper, over loopback.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use edge::ws::handshake;

use super::*;

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// One accepted connection, after its handshake.
pub struct Peer {
    pub stream: TcpStream,
    decoder: Decoder,
}

impl Peer {
    /// The next message or control frame, as text; none when the line ended. Pings are answered on the way.
    pub fn hear(&mut self) -> Option<String> {
        let mut byte = [0];
        loop {
            // A byte at a time: a chunk that is not used up would have to be kept.
            if self.stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            let pinged = match self.decoder.next(&mut Chunk::new(&mut byte)).ok()? {
                None => continue,
                Some(Incoming::Ping(payload)) => payload.to_vec(),
                Some(Incoming::Text(text)) => return Some(text.to_owned()),
                Some(Incoming::Pong(payload)) => {
                    return Some(format!("pong {}", String::from_utf8_lossy(payload)));
                }
                Some(Incoming::Close { code, .. }) => return Some(format!("close {code:?}")),
                Some(other) => panic!("a client of ours does not send {other:?}"),
            };
            self.frame(Opcode::Pong, &pinged).ok()?;
        }
    }

    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.frame(Opcode::Text, text.as_bytes())
    }

    pub fn frame(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut out = Vec::new();
        encode::push_server_frame(&mut out, opcode, payload);
        self.stream.write_all(&out)
    }
}

/// Accepts on a free port and gives each connection, numbered from 0, a thread.
pub fn raw(behave: impl Fn(usize, TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let behave = behave.clone();
            thread::spawn(move || {
                stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
                behave(number, stream);
            });
        }
    });
    address
}

/// The same, with the handshake done; `early` goes out in one write with the answer to it.
pub fn server(
    early: &'static [u8],
    behave: impl Fn(usize, Peer) + Clone + Send + 'static,
) -> SocketAddr {
    raw(move |number, mut stream| {
        let request = request_of(&mut stream);
        let accept = handshake::accept(&request).expect("our request is good");
        stream
            .write_all(&[&accept.response_bytes()[..], early].concat())
            .expect("the client listens");
        let decoder = Decoder::new(Limits::of_messages(1 << 20), Role::Server);
        behave(number, Peer { stream, decoder });
    })
}

fn request_of(stream: &mut TcpStream) -> http::Request<()> {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the request comes");
        bytes.push(byte[0]);
        if let Some((request, _)) = head::request(&bytes).expect("our request is HTTP") {
            return request;
        }
    }
}

pub fn plan(address: SocketAddr, sockets: usize, say: &[&str]) -> Plan {
    Plan {
        target: Target::find(&format!("ws://{address}/x?y=z")).expect("the URL is good"),
        sockets,
        opening_max: 3,
        timeout: PATIENCE,
        say: say.iter().map(|&text| text.to_owned()).collect(),
    }
}

/// Opens and turns until `enough` has been heard or nobody is left.
fn hear(
    plan: Plan,
    mut enough: impl FnMut(&[(usize, String)]) -> bool,
) -> (Sockets, Vec<(usize, String)>) {
    let mut sockets = Sockets::new(plan).expect("there are files enough");
    let mut all = Vec::new();
    let mut keep = |heard: Heard<'_>| {
        all.push((heard.socket, String::from_utf8_lossy(heard.payload).into_owned()));
    };
    sockets.open(&mut keep, &mut |_| {}).expect("some socket opens");
    let deadline = Instant::now() + PATIENCE;
    while sockets.counts().open > 0 && Instant::now() < deadline {
        let mut now = Vec::new();
        if enough(&all) {
            break;
        }
        let mut keep = |heard: Heard<'_>| {
            now.push((heard.socket, String::from_utf8_lossy(heard.payload).into_owned()));
        };
        sockets.turn(deadline, &mut keep).expect("the epoll works");
        all.append(&mut now);
    }
    all.sort();
    (sockets, all)
}

#[test]
fn every_socket_says_its_words_and_hears_all_from_the_first_frame_on() {
    let address = server(b"\x81\x05early", |_, mut peer| {
        while let Some(said) = peer.hear() {
            if said.starts_with("close") {
                return;
            }
            peer.say(&format!("heard {said}")).expect("the client listens");
        }
    });
    let (sockets, heard) = hear(plan(address, 10, &["one", "two"]), |heard| heard.len() >= 30);
    let expected = (0..10).flat_map(|socket| {
        ["early", "heard one", "heard two"].map(|text| (socket, text.to_owned()))
    });
    assert_eq!(heard, expected.collect::<Vec<_>>());
    assert_eq!(sockets.counts(), Counts { opening: 0, open: 10, opened: 10 });
    assert!(sockets.is_open(9) && !sockets.is_open(10));
    sockets.part(PATIENCE).expect("all say goodbye");
}

#[test]
fn pings_are_answered_and_parting_says_so() {
    let address = server(b"", |_, mut peer| {
        peer.frame(Opcode::Ping, b"are you there").expect("the client listens");
        for _ in 0..2 {
            let said = peer.hear().unwrap_or_default();
            // After the client's goodbye it may be gone.
            let _ = peer.say(&said);
            if said.starts_with("close") {
                let _ = peer.frame(Opcode::Close, &1000_u16.to_be_bytes());
            }
        }
    });
    let (sockets, heard) = hear(plan(address, 1, &[]), |heard| !heard.is_empty());
    assert_eq!(heard, [(0, "pong are you there".to_owned())]);
    let began = Instant::now();
    sockets.part(PATIENCE).expect("all say goodbye");
    assert!(began.elapsed() < PATIENCE / 2, "the server's goodbye ends the waiting");
}

#[test]
fn what_is_larger_than_a_read_arrives_whole() {
    const MEGA: usize = 1 << 20;
    let address = server(b"", |_, mut peer| {
        for letter in ["a", "b", "c", "d", "e"] {
            peer.say(&letter.repeat(MEGA)).expect("the client reads");
        }
        peer.frame(Opcode::Close, &1000_u16.to_be_bytes()).expect("the client reads");
        assert_eq!(peer.hear().as_deref(), Some("close Some(1000)"));
    });
    let (_, heard) = hear(plan(address, 3, &[]), |_| false);
    let lengths: Vec<(usize, &str, usize)> =
        heard.iter().map(|(socket, text)| (*socket, &text[..1], text.len())).collect();
    let expected =
        (0..3).flat_map(|socket| ["a", "b", "c", "d", "e"].map(|letter| (socket, letter, MEGA)));
    assert_eq!(lengths, expected.collect::<Vec<_>>());
}

#[test]
fn what_one_turn_does_not_read_the_next_one_does() {
    const LETTERS: usize = 100_000;
    let address = server(b"", |_, mut peer| {
        peer.say(&"x".repeat(LETTERS)).expect("the client reads");
        // Nothing more comes, and so nothing wakes the client but what it left.
        assert_eq!(peer.hear().as_deref(), Some("close Some(1000)"));
    });
    let mut sockets = Sockets::new(plan(address, 1, &[])).expect("there are files enough");
    let mut letters = 0;
    let mut keep = |heard: Heard<'_>| letters += heard.payload.len();
    // Far less than the message at a time.
    sockets.buffer = vec![0; 64].into_boxed_slice();
    sockets.open(&mut keep, &mut |_| {}).expect("the socket opens");
    let deadline = Instant::now() + PATIENCE;
    while letters < LETTERS && Instant::now() < deadline {
        sockets
            .turn(deadline, &mut |heard| letters += heard.payload.len())
            .expect("the epoll works");
    }
    assert_eq!(letters, LETTERS);
    sockets.part(PATIENCE).expect("it says goodbye");
}

#[test]
fn why_a_socket_ended_is_kept() {
    let address = server(b"", |number, mut peer| match number % 4 {
        0 => drop(peer.frame(Opcode::Close, b"\x03\xf0slow reader")),
        1 => drop(peer.stream.write_all(b"\x83\x00")),
        2 => drop(peer.say("bye")),
        _ => drop(peer.frame(Opcode::Close, b"")),
    });
    let (sockets, _) = hear(plan(address, 8, &[]), |_| false);
    let ended: Vec<(&str, u64)> =
        sockets.ended().iter().map(|(why, count)| (why.as_str(), *count)).collect();
    assert_eq!(
        ended,
        [
            ("closed by the server: 1008 slow reader", 2),
            ("closed by the server: no code", 2),
            ("closed by us: 1002 reserved opcode", 2),
            ("cut: the server ended the connection without a close frame", 2),
        ]
    );
    assert_eq!(sockets.counts(), Counts { opening: 0, open: 0, opened: 8 });
}

#[track_caller]
fn does_not_open(address: SocketAddr, timeout: Duration, why: &str) {
    let mut sockets =
        Sockets::new(Plan { timeout, ..plan(address, 5, &[]) }).expect("there are files enough");
    let error = sockets.open(&mut |_| {}, &mut |_| {}).expect_err("no socket opens");
    assert!(error.contains(why) && error.contains(&address.to_string()), "{error}");
    assert_eq!(sockets.counts(), Counts::default());
    assert_eq!(sockets.ended().values().sum::<u64>(), 5);
}

#[test]
fn a_server_that_does_not_open_is_told_apart() {
    let refusing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = refusing.local_addr().expect("it is bound");
    drop(refusing);
    does_not_open(address, PATIENCE, "refused");

    let answer = |text: &'static [u8]| {
        raw(move |_, mut stream| {
            request_of(&mut stream);
            stream.write_all(text).expect("the client listens");
        })
    };
    does_not_open(answer(b"HTTP/1.1 429 Too Many Requests\r\n\r\n"), PATIENCE, "429");
    does_not_open(answer(b"SSH-2.0-OpenSSH\r\n"), PATIENCE, "no http/1 head");
    does_not_open(answer(b"HTTP/1.1 101"), PATIENCE, "instead of answering");

    // The kernel connects for a listener that never accepts; the upgrade is then not answered.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = silent.local_addr().expect("it is bound");
    does_not_open(address, Duration::from_millis(50), "no answer to the upgrade");
}

#[test]
fn more_sockets_than_the_system_allows_are_refused_with_a_remedy() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let asked = Sockets::new(Plan { sockets: 1 << 40, ..plan(address, 0, &[]) });
    assert!(asked.is_err_and(|error| error.contains("ulimit -Hn")));
}
