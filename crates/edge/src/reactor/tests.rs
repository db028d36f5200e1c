//! A real loop over real loopback sockets; the test is its board thread, so that it decides what happens when.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;

use dialects::Parting;
use model::Event;
use rustls::ClientConnection;
use views::Board;

use std::time::Instant;

use super::*;
use crate::board_thread::{Lane, Lanes, Mail};
use crate::boards::Boards;
use crate::clock::SessionClock;
use crate::goodbye::{Goodbye, Reason};
use crate::identity::Grant;
use crate::session::Returned;
use crate::start::Revoker;
use crate::testing::{Dice, Plain, book_change, print, whole_book};
use crate::tls::Cipher;
use crate::ws::decode::{Chunk, Decoder, Incoming};
use crate::ws::{Opcode, Role, encode};

mod compressed;
mod conversations;
mod encrypted;
mod numbered;
#[cfg(target_os = "linux")]
mod rows;
mod survey;

/// Nothing here takes so long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

thread_local! {
    /// From how many sockets on the loops of this test write rows by one call.
    static ROW_MIN_OF_TEST: Cell<Option<usize>> = const { Cell::new(None) };
}

struct House {
    handle: LoopHandle,
    thread: Option<JoinHandle<()>>,
    mail: Receiver<Mail>,
    boards: Boards,
    lanes: Lanes,
    counters: Arc<Counters>,
    goodbyes: Arc<Goodbyes>,
    clerk: Arc<Clerk>,
    listener: TcpListener,
}

fn house(plain: Plain) -> House {
    house_with_mail(plain, 64)
}

fn house_with_mail(plain: Plain, mail_max: usize) -> House {
    house_by(SessionClock::started(), plain, mail_max)
}

fn house_by(clock: SessionClock, plain: Plain, mail_max: usize) -> House {
    house_of(clock, plain, mail_max, Arc::new(Clerk::of_nobody()))
}

fn house_of(clock: SessionClock, plain: Plain, mail_max: usize, clerk: Arc<Clerk>) -> House {
    let dialects: Dialects = Arc::new([Box::new(plain) as Box<dyn dialects::Dialect>]);
    let (words, ring) = rtrb::RingBuffer::new(256);
    let counters = Arc::new(Counters::default());
    let (boards, inbox) = BoardsHandle::new(mail_max, Arc::clone(&counters));
    let goodbyes = Arc::new(Goodbyes::new(10_000));
    let around = Surroundings {
        dialects: Arc::clone(&dialects),
        boards,
        clerk: Arc::clone(&clerk),
        clock,
        counters: Arc::clone(&counters),
        goodbyes: Arc::clone(&goodbyes),
        ids: None,
        connection_ids: Arc::default(),
        row_min: ROW_MIN_OF_TEST.get(),
    };
    let (this, handle, bell) = Loop::new(0, around, ring).expect("a loop");
    #[cfg(target_os = "linux")]
    let this = rows::ready(this);
    let board = |index| Board::by_level(model::InstrumentId(index), model::Time(0));
    House {
        handle,
        thread: Some(std::thread::spawn(|| this.run())),
        mail: inbox,
        boards: Boards::new((0..3).map(board).collect(), dialects, 1),
        lanes: Lanes::new(vec![Lane { ring: words, bell }], Arc::clone(&counters)),
        counters,
        goodbyes,
        clerk,
        listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener"),
    }
}

impl House {
    fn connect(&self) -> Visitor {
        self.connect_with(Vec::new())
    }
    fn connect_with(&self, early: Vec<u8>) -> Visitor {
        self.connect_as(Form::Plain, early)
    }
    fn connect_as(&self, form: Form, early: Vec<u8>) -> Visitor {
        self.connect_by(None, form, early)
    }
    fn connect_by(&self, cipher: Option<Box<Cipher>>, form: Form, early: Vec<u8>) -> Visitor {
        let address = self.listener.local_addr().expect("an address");
        let stream = TcpStream::connect(address).expect("a connection");
        let (served, peer) = self.listener.accept().expect("a connection");
        let newcomer = Newcomer {
            stream: served,
            cipher,
            dialect: 0,
            admitted: None,
            form,
            early,
            peer,
            seat: None,
        };
        assert!(self.handle.adopt(newcomer).is_ok(), "the loop takes it");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let limits = Limits::of_messages(1 << 20);
        let mut decoder = Decoder::new(limits, Role::Client);
        if form == Form::Compressed {
            decoder.inflate();
        }
        Visitor { stream, keys: None, decoder, heard: VecDeque::new() }
    }
    /// Does what the loop asks of the boards next.
    fn serve(&mut self) {
        let mail = self.mail.recv_timeout(PATIENCE).expect("the loop has something to ask");
        self.serve_mail(mail);
    }
    fn serve_mail(&mut self, mail: Mail) {
        self.make_all(mail);
        self.lanes.ring_bells();
    }
    /// The same, but for waking the loop.
    fn make_all(&mut self, mail: Mail) {
        let Mail::Changes(of_loop, changes) = mail else { panic!("loops send nothing else") };
        for change in changes {
            match change {
                Change::Subscribe { dialect, subject, asker } => {
                    let opening = self.boards.subscribe(of_loop, dialect, subject);
                    self.lanes.send(0, Word::Subscribed(asker, opening.slot, opening.state));
                }
                Change::Restart { dialect, subject, asker } => {
                    let told = self.boards.restart(dialect, &subject);
                    self.lanes.send(0, Word::Restarted(asker, told));
                }
                Change::Unsubscribe { dialect, subject } => {
                    self.boards.unsubscribe(of_loop, dialect, subject);
                }
                Change::Ask(queries, asker) => {
                    let answer = |query| self.boards.query(query, model::Time(7));
                    let answers = Returned::Answers(queries.iter().map(answer).collect());
                    self.lanes.send(0, Word::Returned(asker, Box::new(answers)));
                }
                Change::Submit(_, asker) => {
                    let outcome = Returned::Outcome(dialects::Outcome::NotTaken);
                    self.lanes.send(0, Word::Returned(asker, Box::new(outcome)));
                }
            }
        }
    }
    fn happen(&mut self, events: &[Event]) {
        self.boards.apply(events, &mut self.lanes);
        self.lanes.ring_bells();
    }
    fn until(&self, what: &str, mut there: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !there(self) {
            assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
            std::thread::yield_now();
        }
    }
    /// The record of a visitor who was told to go and now goes.
    fn goodbye_once_gone(&self, visitor: Visitor) -> Goodbye {
        drop(visitor);
        self.goodbye()
    }
    fn goodbye(&self) -> Goodbye {
        self.until("somebody leaves", |house| !house.goodbyes.recent().is_empty());
        self.goodbyes.recent().remove(0)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.handle.stop();
        let ended = self.thread.take().expect("it ends once").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the loop panicked");
    }
}

struct Visitor {
    stream: TcpStream,
    /// If its line is encrypted.
    keys: Option<ClientConnection>,
    decoder: Decoder,
    heard: VecDeque<String>,
}

impl Visitor {
    fn says(&mut self, text: &str) {
        self.sends(Opcode::Text, text.as_bytes());
    }
    fn sends(&mut self, opcode: Opcode, payload: &[u8]) {
        let (frame, stream) = (frame(opcode, payload), &mut self.stream);
        let sent = match &mut self.keys {
            None => stream.write_all(&frame),
            Some(keys) => rustls::Stream::new(keys, stream).write_all(&frame),
        };
        sent.expect("the line is open");
    }
    fn reads(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.keys {
            None => self.stream.read(buffer),
            Some(keys) => rustls::Stream::new(keys, &mut self.stream).read(buffer),
        }
    }
    /// Whether something came that it has not heard.
    fn has_news(&self) -> bool {
        self.stream.set_nonblocking(true).expect("an open line");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("an open line");
        !self.heard.is_empty() || peeked.is_ok()
    }
    fn hears(&mut self) -> String {
        let mut buffer = [0; 64 * 1024];
        while self.heard.is_empty() {
            let bytes = match self.reads(&mut buffer) {
                Ok(0) => return "(end)".into(),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return "(cut)".into(),
                read => read.expect("it is heard in time"),
            };
            let mut chunk = Chunk::new(&mut buffer[..bytes]);
            while let Some(incoming) = self.decoder.next(&mut chunk).expect("well-formed frames") {
                self.heard.push_back(match incoming {
                    Incoming::Text(text) => text.trim_end().into(),
                    Incoming::Ping(_) => "(ping)".into(),
                    Incoming::Pong(payload) => {
                        format!("(pong {})", String::from_utf8_lossy(payload))
                    }
                    Incoming::Close { code, reason } => format!("(close {code:?} {reason})"),
                    Incoming::Binary(_) => panic!("nobody sends this"),
                });
            }
        }
        self.heard.pop_front().expect("there is something")
    }
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::push_client_frame(&mut bytes, opcode, [1, 2, 3, 4], payload);
    bytes
}

#[test]
fn who_subscribes_is_acknowledged_then_told_and_then_no_more() {
    let mut house = house(Plain::default());
    let (mut ann, mut bob) = (house.connect(), house.connect());
    ann.says("+trades0");
    house.serve();
    assert_eq!(ann.hears(), "+trades0 ok");
    house.happen(&[print(1, 0), print(2, 1), print(3, 0)]);
    assert_eq!(ann.hears(), "trades0 1");
    assert_eq!(ann.hears(), "trades0 3");
    bob.says("+trades0 +trades1");
    house.serve();
    assert_eq!((bob.hears(), bob.hears()), ("+trades0 ok".into(), "+trades1 ok".into()));
    ann.says("-trades0");
    house.serve();
    assert_eq!(ann.hears(), "-trades0 ok");
    house.happen(&[print(4, 0), print(5, 1)]);
    assert_eq!((bob.hears(), bob.hears()), ("trades0 4".into(), "trades1 5".into()));
    ann.says("hello");
    assert_eq!(ann.hears(), "? hello", "and nothing before it");
}

#[test]
fn nothing_is_acknowledged_before_the_boards_have_been_asked() {
    let mut house = house_with_mail(Plain::default(), 2);
    let mut ann = house.connect();
    let mut bob = house.connect();
    for name in ["+trades0", "+trades1"] {
        ann.says(name);
        assert_eq!(ann.hears(), format!("{name} ok"), "there is room for two letters");
    }
    bob.says("+trades1");
    house.until("reading stops", |house| {
        ann.says("hello");
        house.counters.reads_held.read() > 0
    });
    bob.stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
    let nothing = bob.stream.read(&mut [0; 16]).expect_err("it is held back");
    assert!(matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    bob.stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    for _ in 0..3 {
        house.serve();
    }
    assert_eq!(bob.hears(), "+trades1 ok");
    house.happen(&[print(1, 1)]);
    assert_eq!(bob.hears(), "trades1 1");
}

#[test]
fn what_followed_the_handshake_is_heard() {
    let house = house(Plain::default());
    let mut ann = house.connect_with(frame(Opcode::Text, b"early"));
    ann.says("late");
    assert_eq!((ann.hears(), ann.hears()), ("? early".into(), "? late".into()));
}

#[test]
fn state_comes_first_and_without_a_gap_before_what_changes() {
    let mut house = house(Plain { state_first: true, ..Plain::default() });
    house.happen(&[whole_book(1, 0, 5)]);
    let mut ann = house.connect();
    ann.says("+delta0");
    house.serve();
    house.happen(&[book_change(2, 0, 6)]);
    assert_eq!(ann.hears(), "+delta0 ok");
    assert_eq!(ann.hears(), "book0 1000");
    assert_eq!(ann.hears(), "delta0 2000");
    let mut bob = house.connect();
    bob.says("+delta0");
    house.serve();
    house.happen(&[book_change(3, 0, 7)]);
    assert_eq!(bob.hears(), "+delta0 ok");
    assert_eq!((bob.hears(), bob.hears()), ("book0 2000".into(), "delta0 3000".into()));
    assert_eq!(ann.hears(), "delta0 3000", "the state was for the newcomer alone");
}

#[test]
fn a_client_that_never_reads_is_let_go_and_nobody_else_notices() {
    let mut plain = Plain { padding: 30_000, ..Plain::default() };
    plain.manners.queue_bytes_max = 300_000;
    let mut house = house(plain);
    let (mut slow, mut quick) = (house.connect(), house.connect());
    slow.says("+trades0");
    house.serve();
    quick.says("+trades0");
    house.serve();
    assert_eq!(quick.hears(), "+trades0 ok");
    // Each is told only when the quick one has heard the one before: this is about the slow one.
    let mut number = 0;
    while house.counters.interests_open.read() == 2 {
        number += 1;
        house.happen(&[print(number, 0)]);
        assert_eq!(quick.hears(), format!("trades0 {number}"));
    }
    // From the decision to the end it has the time to linger, but no memory: what waited was thrown away.
    house.serve();
    house.happen(&[print(number + 1, 0)]);
    assert_eq!(quick.hears(), format!("trades0 {}", number + 1));
    drop(slow);
    let goodbye = house.goodbye();
    assert_eq!(goodbye.reason, Reason::Parted(Parting::SlowConsumer));
    assert_eq!(goodbye.code, Some(1008));
    assert_eq!(goodbye.topics, 1);
    assert!((300_000..300_000 + 40_000).contains(&goodbye.waiting.bytes()), "{goodbye:?}");
    assert!(goodbye.unsent.is_some_and(|unsent| unsent < goodbye.sequence), "{goodbye:?}");
}

/// What a copy of a numbered book makes of what it is told: its number, once it has one.
fn follow(number: &mut Option<u64>, text: &str) -> bool {
    let (kind, told) = text.split_once(' ').expect("a kind and a number");
    let told: u64 = told.parse().expect("a number");
    let is_whole = kind == "whole0";
    assert!(is_whole || (kind == "depth0" && number.is_none_or(|it| it + 1 == told)), "{text}");
    *number = Some(told);
    is_whole
}

#[test]
fn a_slow_client_of_a_numbered_book_begins_anew_with_one_whole_frame() {
    let mut plain = Plain { padding: 60_000, ..Plain::default() };
    plain.manners.restart_bytes_max = 300_000;
    let mut house = house(plain);
    house.happen(&[whole_book(1, 0, 1)]);
    let mut slow = house.connect();
    slow.says("+depth0");
    house.serve();
    assert_eq!(slow.hears(), "+depth0 ok");
    let mut number = fill(&mut house, |number| book_change(number + 1, 0, number as i64 + 1));
    let mut change = |house: &mut House| {
        number += 1;
        house.happen(&[book_change(number + 1, 0, number as i64 + 1)]);
    };
    while house.counters.dropped.read() < 500 {
        change(&mut house);
    }
    assert_eq!(house.counters.restarts.read(), 0, "who takes nothing is told nothing whole");
    // It takes some: the boards are asked, and what they tell before and after they answer finds its place.
    let (mut seen, mut wholes) = (None, 0);
    let mail = loop {
        if slow.has_news() {
            wholes += usize::from(follow(&mut seen, &slow.hears()));
        } else if let Ok(mail) = house.mail.try_recv() {
            break mail;
        }
    };
    (0..3).for_each(|_| change(&mut house));
    house.serve_mail(mail);
    (0..3).for_each(|_| change(&mut house));
    assert_eq!(wholes, 0);
    let last = house.boards.restart(0, &crate::testing::topic("depth0").expect("a topic").into());
    let last = String::from_utf8(last.expect("a book").frame.text().to_vec()).expect("text");
    let last = last.trim_end().strip_prefix("whole0 ").and_then(|it| it.parse().ok());
    while seen != last {
        wholes += usize::from(follow(&mut seen, &slow.hears()));
    }
    assert_eq!((wholes, house.counters.restarts.read()), (1, 1));
    assert!(house.goodbyes.recent().is_empty(), "nobody parts for it");
}

/// Tells instrument 0's events until the socket of the only listener is full. Returns how many.
fn fill(house: &mut House, event: fn(u64) -> Event) -> u64 {
    let mut number = 0;
    while house.counters.writes_cut.read() == 0 {
        number += 1;
        house.happen(&[event(number)]);
        house.until("it is brought", |house| house.counters.deliveries.read() == number);
    }
    number
}

#[test]
fn a_client_that_takes_nothing_for_too_long_is_let_go() {
    let mut plain = Plain { padding: 60_000, ..Plain::default() };
    plain.manners.stall_max = Duration::from_millis(50);
    let mut house = house(plain);
    let mut slow = house.connect();
    slow.says("+trades0");
    house.serve();
    let told = fill(&mut house, |number| print(number, 0));
    house.serve();
    assert_eq!(slow.hears(), "+trades0 ok");
    // What the network had taken still comes, the rest of the frame that it had taken in part, and the close.
    let mut heard = 0;
    let last = loop {
        let text = slow.hears();
        if !text.starts_with("trades0") {
            break text;
        }
        heard += 1;
        assert_eq!(text, format!("trades0 {heard}"));
    };
    assert_eq!(last, "(close Some(1008) too slow)");
    assert!(heard == told || heard + 1 == told, "heard {heard} of {told}");
    slow.sends(Opcode::Close, &1008_u16.to_be_bytes());
    let goodbye = house.goodbye();
    assert_eq!(goodbye.reason, Reason::Parted(Parting::SlowConsumer));
    assert!(goodbye.stalled >= Duration::from_millis(50), "{goodbye:?}");
    assert_eq!(slow.hears(), "(end)");
}

#[test]
fn a_slow_client_gets_the_newest_of_what_has_a_latest_value() {
    let mut house = house(Plain { padding: 60_000, ..Plain::default() });
    house.happen(&[whole_book(1, 0, 1)]);
    let mut slow = house.connect();
    slow.says("+book0");
    house.serve();
    assert_eq!(slow.hears(), "+book0 ok");
    let change = |number: u64| book_change(number + 1, 0, number as i64 + 1);
    let told = fill(&mut house, change);
    for number in told + 1..=told + 500 {
        house.happen(&[change(number)]);
    }
    house.until("all is brought", |house| house.counters.deliveries.read() == told + 500);
    // It never parts for it: at most one waits, and the half of one.
    assert!(house.goodbyes.recent().is_empty());
    assert!(house.counters.conflated.read() >= 498);
    let (mut heard, mut before) = (0, 0);
    let newest = ((told + 501) * 1_000) as i64;
    while before < newest {
        let text = slow.hears();
        let stamp = text.strip_prefix("book0 ").and_then(|stamp| stamp.parse().ok());
        let stamp: i64 = stamp.unwrap_or_else(|| panic!("a book, not {text}"));
        assert!(stamp > before, "{stamp} after {before}");
        (heard, before) = (heard + 1, stamp);
    }
    assert_eq!(before, newest);
    assert!(heard <= told + 1, "heard {heard}, {told} before the socket was full");
}

#[test]
fn answers_pass_by_what_waits_and_never_stand_inside_it() {
    let mut house = house(Plain { padding: 60_000, ..Plain::default() });
    let mut slow = house.connect();
    slow.says("+trades0");
    house.serve();
    assert_eq!(slow.hears(), "+trades0 ok");
    let filled = fill(&mut house, |number| print(number, 0));
    let told = filled + 50;
    for number in filled + 1..=told {
        house.happen(&[print(number, 0)]);
    }
    house.until("all is brought", |house| house.counters.deliveries.read() == told);
    slow.sends(Opcode::Ping, b"alive");
    house.until("it is read", |house| house.counters.messages_in.read() == 1);
    slow.says("hello");
    house.until("it is heard", |house| house.counters.messages_in.read() == 2);
    let heard: Vec<String> = (0..told + 2).map(|_| slow.hears()).collect();
    let of = |text: &str| heard.iter().position(|heard| heard == text).expect("it is heard") as u64;
    assert_eq!(of("(pong alive)") + 1, of("? hello"));
    assert!(of("? hello") <= filled + 1, "it passes by the fifty that waited");
    let trades: Vec<&String> = heard.iter().filter(|text| text.starts_with("trades0")).collect();
    let expected: Vec<String> = (1..=told).map(|number| format!("trades0 {number}")).collect();
    assert!(trades.iter().copied().eq(&expected), "all trades, in order");
}

#[test]
fn nothing_follows_the_word_that_nothing_will_follow_even_where_it_waited() {
    let mut house = house(Plain { padding: 60_000, ..Plain::default() });
    let mut slow = house.connect();
    slow.says("+trades0");
    house.serve();
    let filled = fill(&mut house, |number| print(number, 0));
    for number in filled + 1..=filled + 50 {
        house.happen(&[print(number, 0)]);
    }
    house.until("all is brought", |house| house.counters.deliveries.read() == filled + 50);
    slow.says("-trades0");
    house.serve();
    slow.says("hello");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|text| text != "? hello") {
        heard.push(slow.hears());
    }
    assert_eq!(heard[heard.len() - 2], "-trades0 ok");
    slow.says("and");
    assert_eq!(slow.hears(), "? and", "nothing else was on its way");
    assert!((heard.len() as u64) < filled + 10, "what waited was thrown away");
}

/// Asks without reading until nothing more is taken. Returns how many bytes were.
fn ask_and_never_read(deaf: &mut Visitor) -> usize {
    deaf.stream.set_nonblocking(true).expect("a stream");
    let questions = frame(Opcode::Ping, &[b'x'; 125]).repeat(100);
    // It could say this for ever; when it has been refused for a while, nothing of it is taken any more.
    let (mut said, mut taken_at) = (0, Instant::now());
    while taken_at.elapsed() < Duration::from_millis(200) && said < 64 << 20 {
        match deaf.stream.write(&questions[said % questions.len()..]) {
            Ok(bytes) => (said, taken_at) = (said + bytes, Instant::now()),
            Err(_) => std::thread::yield_now(),
        }
    }
    said
}

#[test]
fn a_client_that_asks_and_never_reads_is_not_read_from() {
    let house = house(Plain::default());
    let mut deaf = house.connect();
    let said = ask_and_never_read(&mut deaf);
    drop(deaf);
    let goodbye = house.goodbye();
    assert!(
        matches!(goodbye.reason, Reason::Network(_) | Reason::ClientVanished),
        "{goodbye:?}, {said} bytes said"
    );
    let visit_bytes = MESSAGES_A_VISIT * 127;
    assert!(goodbye.waiting.bytes() > 0, "it was not deaf enough: {said} bytes said");
    assert!(goodbye.waiting.bytes() < ANSWER_BYTES_MAX + visit_bytes, "{goodbye:?}, {said} said");
}

#[test]
fn a_client_that_reads_late_gets_all_its_answers() {
    let house = house(Plain::default());
    let mut late = house.connect();
    let said = ask_and_never_read(&mut late);
    late.stream.set_nonblocking(false).expect("a stream");
    let question_bytes = frame(Opcode::Ping, &[b'x'; 125]).len();
    let expected = format!("(pong {})", "x".repeat(125));
    for number in 0..said / question_bytes {
        assert_eq!(late.hears(), expected, "answer {number} of {said} bytes");
    }
}

#[test]
fn who_hangs_up_behind_a_last_word_is_heard_and_gone() {
    let house = house(Plain::default());
    for number in 1..=300 {
        let mut ann = house.connect();
        ann.says("hello");
        assert_eq!(ann.hears(), "? hello");
        // Both may be there when the loop looks, and it is told of them once.
        ann.says("bye");
        ann.stream.shutdown(Shutdown::Write).expect("a line");
        house.until("it has left", |house| house.goodbyes.recent().len() == number);
    }
    assert!(house.goodbyes.recent().iter().all(|end| end.reason == Reason::ClientVanished));
    house.until("all is heard", |house| house.counters.messages_in.read() == 600);
}

#[test]
fn each_end_has_its_record() {
    let house = house(Plain::default());
    let mut ann = house.connect();
    ann.sends(Opcode::Close, &3_000_u16.to_be_bytes());
    assert_eq!(ann.hears(), "(close Some(3000) )");
    assert_eq!(ann.hears(), "(end)");
    house.until("one has left", |house| house.goodbyes.recent().len() == 1);

    let mut bob = house.connect();
    bob.says(&"b".repeat(600));
    assert_eq!(bob.hears(), "(close Some(1009) too long)");
    assert_eq!(bob.hears(), "(end)");
    assert_eq!(house.goodbyes.recent().len(), 1, "it is listened for the end of what he says");
    drop(bob);
    house.until("two have left", |house| house.goodbyes.recent().len() == 2);

    drop(house.connect());
    house.until("three have left", |house| house.goodbyes.recent().len() == 3);

    let ends: Vec<_> =
        house.goodbyes.recent().iter().map(|goodbye| (goodbye.reason, goodbye.code)).collect();
    assert_eq!(
        ends,
        [
            (Reason::ClientClosed, Some(3_000)),
            (Reason::Violation, Some(1009)),
            (Reason::ClientVanished, None),
        ]
    );
    assert_eq!(house.counters.connections_open.read(), 0);
}

/// A pass of account 7 for this key.
fn pass(house: &House, key: &str) -> String {
    let (dialect, account) = ("plain", crate::testing::ALICE);
    let grant = Grant { dialect, key: key.into(), account, instruments: None };
    let random = |bytes: &mut [u8]| bytes.fill(key.len() as u8);
    house.clerk.passes().issue(grant, Duration::ZERO, Duration::MAX, random)
}

#[test]
fn a_revoked_key_ends_the_lines_that_it_let_in_and_no_others() {
    let mut house = house(Plain::default());
    let (one, other) = (pass(&house, "one"), pass(&house, "the other"));
    let [mut ann, mut bob, mut eve] = [house.connect(), house.connect(), house.connect()];
    for (visitor, pass) in [(&mut ann, &one), (&mut bob, &other)] {
        visitor.says(&format!("@7:own0:{pass}"));
        house.serve();
        assert_eq!(visitor.hears(), "@7:own0 ok");
    }
    eve.says("hello");
    assert_eq!(eve.hears(), "? hello");
    let dialects: Dialects = Arc::new([Box::new(Plain::default()) as Box<dyn dialects::Dialect>]);
    let (loops, passes) = (vec![house.handle.clone()], Arc::clone(house.clerk.passes()));
    let revoker = Revoker { dialects, loops, passes };
    revoker.revoke("another tongue", "one");
    revoker.revoke("plain", "one");
    assert_eq!(
        (ann.hears(), ann.hears()),
        ("who are you".into(), "(close Some(1008) revoked)".into())
    );
    assert_eq!(house.goodbye_once_gone(ann).reason, Reason::Parted(Parting::Revoked));
    for visitor in [&mut bob, &mut eve] {
        visitor.says(&format!("@7:own1:{one}"));
        assert_eq!(visitor.hears(), "@7:own1 no", "they are still here, and the pass is no good");
    }
    bob.says(&format!("@7:own1:{other}"));
    assert_eq!(bob.hears(), "@7:own1 ok");
}

#[test]
fn draining_tells_everybody_goes_on_telling_and_ends_when_all_have_left() {
    let mut plain = Plain::default();
    plain.manners.notice = Duration::from_millis(100);
    let mut house = house(plain);
    let mut ann = house.connect();
    ann.says("+trades0");
    house.serve();
    assert_eq!(ann.hears(), "+trades0 ok");
    let draining = house.handle.drain();
    assert_eq!(ann.hears(), "please move");
    house.happen(&[print(1, 0)]);
    assert_eq!(ann.hears(), "trades0 1");
    let mut bob = house.connect();
    assert_eq!(bob.hears(), "please move", "who comes later is told as well");
    assert_eq!(ann.hears(), "(close Some(1001) bye)");
    ann.sends(Opcode::Close, &1001_u16.to_be_bytes());
    assert_eq!(ann.hears(), "(end)");
    assert_eq!(bob.hears(), "(close Some(1001) bye)");
    drop(bob);
    draining.wait();
    assert_eq!(house.counters.connections_open.read(), 0);
}

#[test]
fn pings_are_sent() {
    let mut plain = Plain::default();
    plain.manners.ping_every = Some(Duration::from_millis(10));
    let house = house(plain);
    let mut ann = house.connect();
    assert_eq!((ann.hears(), ann.hears()), ("(ping)".into(), "(ping)".into()));
}

/// Clients come, go, subscribe and unsubscribe as the dice fall; each hears exactly what it should.
#[test]
fn in_a_storm_everybody_hears_what_is_theirs() {
    for seed in 0..8 {
        storm(seed);
    }
}

fn storm(seed: u64) {
    let mut dice = Dice(seed);
    let mut house = house(Plain { padding: dice.roll(3) * 2_000, ..Plain::default() });
    let mut visitors: Vec<(Visitor, [bool; 3])> = Vec::new();
    let (mut number, mut left) = (0, 0);
    for _ in 0..40 {
        match dice.roll(4) {
            0 if visitors.len() > 1 => {
                let _gone = visitors.swap_remove(dice.roll(visitors.len()));
                left += 1;
            }
            1 | 2 => visitors.push((house.connect(), [false; 3])),
            _ => {}
        }
        for (visitor, listens) in &mut visitors {
            let mut said = String::new();
            for _ in 0..dice.roll(6) {
                let instrument = dice.roll(3);
                listens[instrument] = dice.roll(2) == 0;
                said += if listens[instrument] { " +" } else { " -" };
                said += &format!("trades{instrument}");
            }
            visitor.says(&(said + " mark"));
        }
        // When all have been answered and the others' ends are known, the boards' mail holds all there is.
        for (visitor, _) in &mut visitors {
            while visitor.hears() != "? mark" {}
        }
        house.until("who left is gone", |house| house.goodbyes.recent().len() == left);
        while let Ok(mail) = house.mail.try_recv() {
            house.serve_mail(mail);
        }
        let events: Vec<Event> = (0..dice.roll(30))
            .map(|_| {
                number += 1;
                print(number, dice.roll(3) as u16)
            })
            .collect();
        house.happen(&events);
        for (visitor, listens) in &mut visitors {
            for event in &events {
                let instrument = event.instrument.index();
                if listens[instrument] {
                    let expected = format!("trades{instrument} {}", event.sequence);
                    assert_eq!(visitor.hears(), expected, "seed {seed}");
                }
            }
        }
    }
    left += visitors.len();
    drop(visitors);
    house.until("all are gone", |house| house.goodbyes.recent().len() == left);
    while house.boards.subjects_heeded() > 0 {
        house.serve();
    }
    assert_eq!(house.counters.interests_open.read(), 0, "seed {seed}");
}

#[test]
fn a_turn_is_over_when_what_is_due_is_done() {
    let every = Plain::default().manners.ping_every.expect("it pings");
    let clock = SessionClock::by_hand(model::Time(0));
    let house = house_by(clock.clone(), Plain::default(), 64);
    let mut ann = house.connect();
    assert_eq!(house.handle.turn().wait(), Some(every), "the next ping");
    clock.passed().set(every - Duration::from_micros(1));
    assert_eq!(house.handle.turn().wait(), Some(every));
    assert_eq!(house.counters.writes.read(), 0);
    for pings in 1..=2 {
        clock.passed().set(every * pings);
        assert_ne!(house.handle.turn().wait(), Some(every * pings), "it is not due any more");
        assert_eq!(house.counters.writes.read(), u64::from(pings), "it is written by then");
        assert_eq!(ann.hears(), "(ping)");
        ann.sends(Opcode::Pong, b"");
    }
}
