//! Clients that do not read: what waits for them is bounded, they are let go with a reason, and nobody else loses or
//! waits for anything.

use std::io::Write;
use std::time::Duration;

use edge::session::LINGER;
use testkit::served::line::{
    HEARTBEAT, HEARTBEAT_ANSWER, close_frame, frame, subscribe, text_frame,
};
use testkit::served::{Heard, Line, Served, Setup, await_that};

use crate::alone::{alone, rss_bytes};
use crate::secured::{Secured, on_both_lines};

on_both_lines!(
    who_does_not_read_is_let_go_with_a_reason_and_nobody_else_loses_a_frame,
    who_takes_nothing_for_too_long_is_let_go,
    the_newest_book_is_what_a_late_reader_finds,
    an_answer_overtakes_what_waits_and_frames_stay_whole,
    a_late_reader_of_a_numbered_book_is_told_it_whole_and_stays,
);

/// How long a client may take nothing (A20).
const STALL: Duration = Duration::from_secs(60);

/// Frames that are poured before everybody who reads has read them.
const BATCH: usize = 500;

/// The first trade's id.
const FIRST_TRADE: u64 = 100_000_001;

/// The id of a trade that was told.
fn trade_id(heard: &Heard) -> u64 {
    let Heard::Text(text) = heard else { panic!("a trade is told, not {heard:?}") };
    let rest = text.strip_prefix(r#"{"data":{"id":"#).unwrap_or_else(|| panic!("no trade: {text}"));
    let digits = rest.find(',').expect("more than an id");
    rest[..digits].parse().expect("a number")
}

/// A client that reads, and misses nothing.
struct Reader {
    line: Line,
    next: u64,
}

impl Reader {
    fn join(served: &Served) -> Self {
        let mut line = served.client();
        line.subscribe("live_trades_btcusd");
        Self { line, next: FIRST_TRADE }
    }

    /// Reads so many trades: each one, in order, once.
    fn read(&mut self, count: usize) {
        for _ in 0..count {
            assert_eq!(trade_id(&self.line.hear()), self.next);
            self.next += 1;
        }
    }
}

/// Pours trades until somebody was let go; every reader reads all of them meanwhile. Returns how many there were.
fn pour_until_let_go(served: &Served, readers: &mut [Reader]) -> u64 {
    const TRADES_MAX: u64 = 1_000_000;
    let listening = served.edge.counters.interests_open.read();
    let mut poured = 0;
    while served.edge.counters.interests_open.read() == listening {
        assert!(poured < TRADES_MAX, "nobody was let go");
        served.market.trade(0, 6_000_000, BATCH);
        served.market.settle();
        poured += BATCH as u64;
        readers.iter_mut().for_each(|reader| reader.read(BATCH));
    }
    poured
}

fn who_does_not_read_is_let_go_with_a_reason_and_nobody_else_loses_a_frame(secured: Secured) {
    const QUEUE: usize = 256 * 1024;
    // Without pings nothing but its end makes anybody look after a connection; and time stands still, so that it may
    // take what it was told.
    let setup = Setup::bitstamp()
        .manners(|manners| (manners.queue_bytes_max, manners.ping_every) = (QUEUE, None))
        .session_by_hand();
    let served = secured(setup).serve();
    let mut readers: Vec<Reader> = (0..4).map(|_| Reader::join(&served)).collect();
    let mut stuck = Reader::join(&served);
    let poured = pour_until_let_go(&served, &mut readers);

    // Once it reads, it finds everything up to where it was let go, then the reason, then the end.
    let told = loop {
        match stuck.line.hear() {
            Heard::Close(code, reason) => {
                assert_eq!((code, reason.as_str()), (Some(1008), "slow consumer"));
                break stuck.next - FIRST_TRADE;
            }
            heard => assert_eq!(trade_id(&heard), stuck.next, "in order, until the close"),
        }
        stuck.next += 1;
    };
    stuck.line.send(close_frame(1008));
    assert_eq!(stuck.line.hear(), Heard::End);
    assert!(0 < told && told < poured, "{told} of {poured}");
    drop(stuck);

    let goodbye = served.await_goodbyes(1).pop().expect("a record");
    assert_eq!((goodbye.reason.name(), goodbye.code), ("slow_consumer", Some(1008)));
    // The bound is looked at once a turn, and a turn hands out 256 frames at most.
    assert!((QUEUE..2 * QUEUE).contains(&goodbye.waiting.bytes()), "{goodbye:?}");
    let unsent = goodbye.unsent.expect("something waited");
    assert!(unsent < goodbye.sequence, "{goodbye:?}");
    assert_eq!(goodbye.topics, 1);

    // One that never reads again does not keep its place.
    let deaf = Reader::join(&served);
    pour_until_let_go(&served, &mut readers);
    served.wait(LINGER);
    let goodbye = served.await_goodbyes(2).pop().expect("a record");
    assert_eq!(goodbye.reason.name(), "slow_consumer");
    drop(deaf);

    // The others go on, and so does the market.
    served.market.trade(0, 6_000_000, BATCH);
    served.market.settle();
    for reader in &mut readers {
        reader.read(BATCH);
        reader.line.check_silence();
    }
    assert_eq!(served.edge.counters.connections_open.read(), 4);
}

fn who_takes_nothing_for_too_long_is_let_go(secured: Secured) {
    let setup = Setup::bitstamp()
        .manners(|manners| (manners.queue_bytes_max, manners.ping_every) = (usize::MAX, None))
        .session_by_hand();
    let served = secured(setup).serve();
    let mut reader = Reader::join(&served);
    let stuck = Reader::join(&served);
    while served.edge.counters.writes_cut.read() == 0 {
        served.market.trade(0, 6_000_000, BATCH);
        served.market.settle();
        reader.read(BATCH);
    }
    let moment = Duration::from_micros(1);
    served.wait(STALL - moment);
    assert_eq!(served.edge.counters.interests_open.read(), 2, "it may still take something");
    served.wait(moment);
    assert_eq!(served.edge.counters.interests_open.read(), 1);
    served.wait(LINGER);
    let goodbye = served.await_goodbyes(1).pop().expect("a record");
    assert_eq!((goodbye.reason.name(), goodbye.code), ("slow_consumer", Some(1008)));
    assert_eq!(goodbye.stalled, STALL, "{goodbye:?}");
    drop(stuck);
    reader.line.check_silence();
}

#[test]
fn who_takes_a_little_now_and_then_is_not_waited_for_without_end() {
    /// How long anything may wait.
    const WAIT: Duration = Duration::from_secs(120);
    const STEP: Duration = Duration::from_secs(30);
    let served = Setup::bitstamp()
        .manners(|manners| (manners.queue_bytes_max, manners.ping_every) = (usize::MAX, None))
        .session_by_hand()
        .serve();
    let mut reader = Reader::join(&served);
    let mut slow = Reader::join(&served);
    let (mut taken, mut poured) = (0, 0);
    // Many times what the network takes at first waits here: it takes more and more, and is never to have all of it.
    while served.edge.counters.writes_cut.read() == 0 || poured < 8 * taken {
        served.market.trade(0, 6_000_000, BATCH);
        served.market.settle();
        reader.read(BATCH);
        poured += BATCH;
        if served.edge.counters.writes_cut.read() == 0 {
            taken = poured;
        }
    }
    // Each time it takes something, long before it would have taken nothing for too long.
    let sent = || served.edge.counters.bytes_out.read();
    for _ in 0..3 {
        served.wait(STEP);
        let before = sent();
        while sent() == before {
            slow.read(BATCH / 10);
        }
    }
    let moment = Duration::from_micros(1);
    served.wait(WAIT - 3 * STEP - moment);
    assert_eq!(served.edge.counters.interests_open.read(), 2, "it is still waited for");
    served.wait(moment);
    assert_eq!(served.edge.counters.interests_open.read(), 1);
    let told = loop {
        match slow.line.hear() {
            Heard::Close(code, reason) => {
                assert_eq!((code, reason.as_str()), (Some(1008), "slow consumer"));
                break slow.next - FIRST_TRADE;
            }
            heard => assert_eq!(trade_id(&heard), slow.next, "in order, until the close"),
        }
        slow.next += 1;
    };
    assert!(told < poured as u64, "{told} of {poured}");
    slow.line.send(close_frame(1008));
    assert_eq!(slow.line.hear(), Heard::End);
    let goodbye = served.await_goodbyes(1).pop().expect("a record");
    assert_eq!((goodbye.reason.name(), goodbye.code), ("slow_consumer", Some(1008)));
    assert_eq!((goodbye.stalled, goodbye.lag_max), (WAIT - 3 * STEP, WAIT), "{goodbye:?}");
    reader.line.check_silence();
}

#[test]
fn who_asks_and_does_not_read_is_not_listened_to_and_let_go() {
    let stall = Duration::from_millis(400);
    let served = Setup::bitstamp().manners(|manners| manners.stall_max = stall).serve();
    let mut reader = Reader::join(&served);
    let mut stuck = [
        ("pings", frame(0x89, &[b'p'; 125])),
        ("heartbeats", text_frame(HEARTBEAT)),
        ("subscriptions", text_frame(&subscribe("live_trades_btcusd"))),
    ]
    .map(|(what, request)| (what, served.client(), request.repeat(1_000), 0));
    for (_, line, ..) in &stuck {
        line.stream().set_nonblocking(true).expect("a stream that is open");
    }
    // They send as long as they are let; meanwhile others are served.
    while served.goodbyes("slow_consumer") < 3 {
        for (what, line, many, taken) in &mut stuck {
            // Else there is no room, or it was let go already.
            if let Ok(count) = line.stream().write(&many[*taken % many.len()..]) {
                *taken += count;
            }
            assert!(*taken < 64 << 20, "{what}: {taken} bytes were listened to");
        }
        served.market.trade(0, 6_000_000, 10);
        served.market.settle();
        reader.read(10);
    }
    reader.line.check_silence();
    assert_eq!(served.edge.counters.interests_open.read(), 1);
    assert!(served.edge.goodbyes.recent().iter().all(|goodbye| goodbye.code == Some(1008)));
}

fn the_newest_book_is_what_a_late_reader_finds(secured: Secured) {
    // A full book waits once, however often it changed; that nobody is let go for.
    const LEVELS: i64 = 60;
    let setup = Setup::bitstamp().manners(|manners| manners.queue_bytes_max = 1);
    let served = secured(setup).serve();
    let mut late = served.client();
    late.subscribe("order_book_btcusd");
    let mut on_time = served.client();
    on_time.subscribe("order_book_btcusd");
    for level in 0..LEVELS {
        served.market.rest(0, model::Side::Buy, 5_000_000 - level, 1);
    }
    let mut newest = String::new();
    let mut books = 0_u64;
    while served.edge.counters.conflated.read() < 500 {
        books += 1;
        served.market.rest(0, model::Side::Buy, 4_000_000 + books as i64, 1);
        served.market.tick();
        served.market.settle();
        let Heard::Text(book) = on_time.hear() else { panic!("a book a tick") };
        newest = book;
        assert!(books < 100_000, "nothing waited");
    }
    let mut stamps = Vec::new();
    loop {
        let Heard::Text(book) = late.hear() else { panic!("a book, and no goodbye") };
        let value: serde_json::Value = serde_json::from_str(&book).expect("JSON");
        let stamp = value["data"]["microtimestamp"].as_str().expect("a stamp");
        stamps.push(stamp.parse::<u64>().expect("a number"));
        if book == newest {
            break;
        }
    }
    assert!(stamps.is_sorted_by(|one, next| one < next), "never an older one behind a newer one");
    assert_eq!(stamps.len() as u64, books - served.edge.counters.conflated.read());
    late.check_silence();
}

fn an_answer_overtakes_what_waits_and_frames_stay_whole(secured: Secured) {
    let served = secured(Setup::bitstamp()).serve();
    let mut reader = Reader::join(&served);
    let mut late = Reader::join(&served);
    // Until the late one's line is full and some of it waits here.
    let mut poured = 0;
    while served.edge.counters.writes_cut.read() == 0 {
        served.market.trade(0, 6_000_000, BATCH);
        served.market.settle();
        reader.read(BATCH);
        poured += BATCH;
    }
    for _ in 0..4 {
        served.market.trade(0, 6_000_000, BATCH);
        served.market.settle();
        reader.read(BATCH);
        poured += BATCH;
    }
    late.line.say(HEARTBEAT);
    await_that("the heartbeat to be heard", || served.edge.counters.messages_in.read() == 3);
    let mut answered_after = None;
    for place in 0..=poured {
        match late.line.hear() {
            Heard::Text(text) if text == HEARTBEAT_ANSWER => answered_after = Some(place),
            heard => {
                assert_eq!(trade_id(&heard), late.next);
                late.next += 1;
            }
        }
    }
    assert!(answered_after.expect("an answer") < poured, "before the last of the trades");
}

/// Memory of a whole process, so it has to be one's own.
#[test]
fn memory_stays_bounded_while_nobody_reads() {
    check_memory("slow::memory_stays_bounded_while_nobody_reads", |setup| setup);
}

/// The same encrypted, with `RIALTO_LONG`.
#[test]
fn memory_stays_bounded_while_nobody_reads_what_is_encrypted() {
    if std::env::var_os("RIALTO_LONG").is_some() {
        let name = "slow::memory_stays_bounded_while_nobody_reads_what_is_encrypted";
        check_memory(name, Setup::encrypted);
    }
}

fn check_memory(name: &str, secured: Secured) {
    alone(name, || {
        const QUEUE: usize = 1 << 20;
        const STUCK: usize = 40;
        const BOUND: usize = 48 << 20;
        let setup = Setup::bitstamp().manners(|manners| manners.queue_bytes_max = QUEUE);
        let served = secured(setup).serve();
        let mut reader = Reader::join(&served);
        // What is poured once is warm: buffers have their size, the allocator has its arenas.
        for _ in 0..20 {
            served.market.trade(0, 6_000_000, BATCH);
            served.market.settle();
            reader.read(BATCH);
        }
        let before = rss_bytes();
        let mut stuck: Vec<Line> = (0..STUCK).map(|_| served.client()).collect();
        stuck.iter_mut().for_each(|line| line.subscribe("live_trades_btcusd"));
        let mut most = 0;
        let mut poured = 0;
        while served.edge.counters.interests_open.read() > 1 {
            served.market.trade(0, 6_000_000, BATCH);
            served.market.settle();
            reader.read(BATCH);
            poured += BATCH;
            most = most.max(rss_bytes());
            assert!(poured < 1_000_000, "nobody was let go");
        }
        let grown = most.saturating_sub(before);
        println!("{STUCK} stuck, {poured} trades, {} KiB more", grown / 1024);
        assert!(grown < BOUND, "{grown} bytes more while {poured} trades were poured");
        drop(stuck);
        let goodbyes = served.await_goodbyes(STUCK as u64);
        assert!(goodbyes.iter().all(|goodbye| goodbye.reason.name() == "slow_consumer"));
        // What was told and has left is not kept.
        let after = rss_bytes();
        for _ in 0..120 {
            served.market.trade(0, 6_000_000, BATCH);
            served.market.settle();
            reader.read(BATCH);
        }
        let grown = rss_bytes().saturating_sub(after);
        println!("{} trades more, {} KiB more", 120 * BATCH, grown / 1024);
        assert!(grown < 4 << 20, "{grown} bytes more for trades that everybody has read");
        reader.line.check_silence();
    });
}

#[test]
fn memory_stays_bounded_under_garbage() {
    use testkit::dice::Dice;
    alone("slow::memory_stays_bounded_under_garbage", || {
        const BOUND: usize = 16 << 20;
        let served = Setup::bitstamp().serve();
        let torment = |seeds: std::ops::Range<u64>| {
            for seed in seeds {
                let mut dice = Dice::new(seed);
                let mut line = if dice.roll(2) == 0 { served.line() } else { served.client() };
                let count = 1 + dice.roll(20_000);
                let _cut = line.try_send(dice.bytes(count));
                if dice.roll(2) == 0 {
                    line.shut();
                }
            }
            served.await_empty();
        };
        torment(0..500);
        let before = rss_bytes();
        torment(500..5_000);
        let grown = rss_bytes().saturating_sub(before);
        println!("{} KiB more", grown / 1024);
        assert!(grown < BOUND, "{grown} bytes more after garbage");
    });
}

/// A copy of a book of which pushes are read: its number and its levels.
#[derive(Debug, Default, PartialEq, Eq)]
struct Copied {
    sequence: u64,
    levels: std::collections::BTreeMap<String, String>,
    wholes: usize,
}

impl Copied {
    /// Takes in a push, or the reply to the subscription.
    fn take(&mut self, heard: &Heard) {
        let Heard::Text(text) = heard else { panic!("a book, not {heard:?}") };
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let push = &value["params"]["data"];
        let data = if push.is_null() { &value["result"] } else { push };
        let sequence = data["sequence"].as_str().expect("a number").parse().expect("a number");
        if push["snapshot"] == false {
            assert_eq!(sequence, self.sequence + 1, "{text}");
        } else {
            self.levels.clear();
            self.wholes += 1;
        }
        self.sequence = sequence;
        for side in ["bids", "asks"] {
            for level in data[side].as_array().expect("levels") {
                let text = |at: usize| level[at].as_str().expect("a text").to_owned();
                match text(1).as_str() {
                    "0" => drop(self.levels.remove(&text(0))),
                    _ => drop(self.levels.insert(text(0), text(1))),
                }
            }
        }
    }
}

fn a_late_reader_of_a_numbered_book_is_told_it_whole_and_stays(secured: Secured) {
    const BOUND: usize = 20_000;
    const BOOK: &str =
        r#"{"id":1,"method":"subscribe","params":{"channel":"orderbook","symbol":"BTC-USD"}}"#;
    let setup =
        Setup::xrocket().manners(|manners| manners.restart_bytes_max = BOUND).session_by_hand();
    let served = secured(setup).serve();
    let join = || {
        let (mut line, mut book) = (served.client(), Copied::default());
        line.say(BOOK);
        book.take(&line.hear());
        (line, book)
    };
    let (mut on_time, mut current) = join();
    let (mut late, mut old) = join();
    let counters = &served.edge.counters;
    let mut change = |number: i64, current: &mut Copied| {
        // A few levels come and a few go, so that each push is long.
        for level in 0..20 {
            served.market.rest(0, model::Side::Buy, 4_000_000 + number * 20 + level, 1);
        }
        if number % 10 == 9 {
            let account = testkit::people::MAKER;
            served.market.act(model::Action::CancelAll { account, instrument: None });
        }
        served.market.tick();
        served.market.settle();
        current.take(&on_time.hear());
    };
    let mut number = 0;
    for round in 0..2 {
        let dropped = counters.dropped.read();
        while counters.dropped.read() < dropped + 100 {
            change(number, &mut current);
            number += 1;
            assert!(number < 100_000, "nothing waited");
        }
        assert_eq!(counters.restarts.read(), round, "who takes nothing costs nobody a frame");
        // It reads what it was sent, and then finds the book of now, from which it goes on.
        while old.wholes as u64 == round + 1 {
            old.take(&late.hear());
        }
        assert_eq!((old.sequence, &old.levels), (current.sequence, &current.levels));
        for _ in 0..30 {
            change(number, &mut current);
            number += 1;
            old.take(&late.hear());
            assert_eq!((old.sequence, &old.levels), (current.sequence, &current.levels));
        }
        assert_eq!(counters.restarts.read(), round + 1);
    }
    assert_eq!((old.wholes, current.wholes), (3, 1), "who reads is told no book anew");
    assert_eq!(counters.connections_open.read(), 2, "nobody is let go for it");
}
