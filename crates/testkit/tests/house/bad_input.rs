//! Whatever a stranger sends, before the upgrade or after it: the answer is the documented one where one is
//! documented, the connection ends where it has to, its place is free again, and the next client is served as if
//! nothing had been.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use testkit::dice::Dice;
use testkit::served::line::{
    HEARTBEAT, HEARTBEAT_ANSWER, close_frame, frame, subscribe, subscribed, text_frame,
    upgrade_request,
};
use testkit::served::{Heard, Line, PATIENCE, Served, Setup};

/// The venue serves a new client as it should, market and all, and nobody else holds a place.
fn check_healthy(served: &Served) {
    let mut client = served.client();
    client.subscribe("live_trades_btcusd");
    served.market.trade(0, 6_000_000, 2);
    served.market.settle();
    for _ in 0..2 {
        let heard = client.hear();
        let Heard::Text(trade) = heard else { panic!("a trade is told, not {heard:?}") };
        assert!(trade.ends_with(r#""channel":"live_trades_btcusd","event":"trade"}"#), "{trade}");
    }
    client.check_silence();
    client.send(close_frame(1000));
    client.check_closed(1000, "");
    served.await_empty();
}

/// Reads until the connection ends, one way or another, and returns what was heard before.
fn heard_until_end(line: &mut Line) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        match line.hear() {
            Heard::End | Heard::Lost(_) => return heard,
            other => heard.push(other),
        }
    }
}

// 1. Before the upgrade.

/// Bytes that are no request for a socket, of several kinds.
fn garbage(dice: &mut Dice) -> Vec<u8> {
    const KNOWN: [&[u8]; 6] = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /bitstamp\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
    ];
    let count = 1 + dice.roll(3_000);
    match dice.roll(4) {
        0 => dice.bytes(count),
        1 => (0..count).map(|_| *dice.pick(b"GET /HP1.\r\n: abz\x00\x7f\xff")).collect(),
        2 => [b"GET /bitstamp HTTP/1.1\r\n", &dice.bytes(count)[..]].concat(),
        _ => [*dice.pick(&KNOWN), &dice.bytes(count)].concat(),
    }
}

#[test]
fn garbage_instead_of_a_request_troubles_nobody() {
    let served = Setup::bitstamp().serve();
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut line = served.line();
        // The server may hang up before the last byte.
        let _cut = line.try_send(garbage(&mut dice));
        line.shut();
        // It is answered in HTTP, or cut.
        while let Some((head, _)) = line.answer() {
            assert!((400..500).contains(&head.status), "seed {seed}: {head:?}");
        }
    }
    served.await_empty();
    assert_eq!(served.edge.counters.connections.read(), 0, "nobody became a socket");
    check_healthy(&served);
}

#[test]
fn a_mutated_request_is_answered_or_refused() {
    let served = Setup::bitstamp().serve();
    let whole = [upgrade_request("/bitstamp").into_bytes(), text_frame(HEARTBEAT)].concat();
    let mut opened = 0;
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut line = served.line();
        let _cut = line.try_send(mutated(&mut dice, &whole));
        line.shut();
        match line.answer() {
            Some((head, _)) if head.status == 101 => {
                opened += 1;
                check_plausible(&heard_until_end(&mut line), seed);
            }
            Some((head, _)) => assert!((200..500).contains(&head.status), "seed {seed}: {head:?}"),
            None => {}
        }
    }
    assert!((40..360).contains(&opened), "{opened} of 400 were still requests");
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn a_head_may_be_so_long_and_have_so_many_fields() {
    let served = Setup::bitstamp().serve();
    let request = |fields: &str| format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let status = |request: &str| {
        let mut line = served.line();
        line.send(request);
        line.answer().map(|(head, _)| head.status)
    };
    assert_eq!(status(&request(&format!("A: {}\r\n", "a".repeat(15_000)))), Some(200));
    assert_eq!(status(&request(&format!("A: {}\r\n", "a".repeat(17_000)))), Some(431));
    assert_eq!(status(&request(&"A: a\r\n".repeat(63))), Some(200));
    assert_eq!(status(&request(&"A: a\r\n".repeat(64))), Some(431));
    let long = |bytes| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(bytes));
    assert_eq!(status(&long(15_000)), Some(404));
    assert!(matches!(status(&long(17_000)), Some(414 | 431)));
    // One that never ends is answered when it is too long.
    let mut line = served.line();
    line.send("GET /healthz HTTP/1.1\r\nA: ");
    while line.try_send([b'a'; 1_024]).is_ok() {
        if line.has_news() {
            break;
        }
    }
    assert_eq!(line.answer().map(|(head, _)| head.status), Some(431));
    drop(line);
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn a_slow_head_is_not_waited_for() {
    const TIME: Duration = Duration::from_millis(300);
    let served = Setup::bitstamp().limits(|limits| limits.head_time_max = TIME).serve();
    let begun = Instant::now();
    let silent = served.line();
    let mut half = served.line();
    half.send("GET /bitstamp HTTP/1.1\r\nHost: lo");
    let mut idle = served.line();
    idle.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.answer().map(|(head, _)| head.status), Some(200));
    // One byte at a time, each in time: it is the whole head that is given so long.
    let mut dripping = served.line();
    while !dripping.has_news() && dripping.try_send("x").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it is waited for");
        std::thread::sleep(Duration::from_millis(10));
    }
    for mut line in [silent, half, idle, dripping] {
        let answer = line.answer();
        assert!(answer.is_none_or(|(head, _)| head.status == 408), "cut, or told why");
    }
    let took = begun.elapsed();
    assert!(took >= TIME, "not before its time: {took:?}");
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn a_body_may_be_so_long() {
    let served = Setup::bitstamp().serve();
    let head = "POST /bitstamp/api/v2/ticker/btcusd/ HTTP/1.1\r\nHost: a\r\n";
    // 64 KiB and no byte more, announced or not.
    for (bytes, too_long) in [(65_536, false), (65_537, true), (1 << 20, true)] {
        for chunked in [false, true] {
            let mut line = served.line();
            let body = vec![b'a'; bytes];
            let request = if chunked {
                let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n");
                [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
            } else {
                let head = format!("{head}Content-Length: {bytes}\r\n\r\n");
                [head.as_bytes(), &body].concat()
            };
            // It may be cut before its end, and then the answer may be lost with it.
            let sent = line.try_send(request);
            let status = line.answer().map(|(head, _)| head.status);
            assert_eq!(status == Some(413), too_long && status.is_some(), "{bytes}: {status:?}");
            assert!(status.is_some() || too_long, "{bytes}: {sent:?}");
        }
    }
    // A client that waits for the answer before it sends gets it at once.
    let mut line = served.line();
    line.send(format!("{head}Content-Length: 65537\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(line.answer().map(|(head, _)| head.status), Some(413));
    // One that sends for ever is ended.
    let mut line = served.line();
    line.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = [b"400\r\n", &[b'a'; 0x400][..], b"\r\n"].concat();
    let sent = (0..1 << 20).take_while(|_| line.try_send(&chunk).is_ok()).count();
    assert!(sent < 1 << 20, "a gigabyte was taken");
    drop(line);
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    const TIME: Duration = Duration::from_millis(200);
    let served = Setup::bitstamp().limits(|limits| limits.body_time_max = TIME).serve();
    let mut line = served.line();
    line.send(
        "POST /bitstamp/api/v2/ticker/btcusd/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na",
    );
    let begun = Instant::now();
    assert_eq!(line.answer().map(|(head, _)| head.status), Some(408));
    assert!(begun.elapsed() >= TIME / 2, "it was given time");
    assert_eq!(line.answer(), None, "the rest of the body is not taken for a request");
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn who_connects_and_leaves_leaves_nothing() {
    let served = Setup::bitstamp().serve();
    for round in 0..1_500 {
        let mut line = served.line();
        match round % 5 {
            0 => {}
            1 => line.send("GET /bits"),
            2 => line.send(upgrade_request("/bitstamp")),
            // With what the server said unread, leaving is a reset.
            3 => line.upgrade("/bitstamp"),
            _ => {
                line.upgrade("/bitstamp");
                line.say(HEARTBEAT);
            }
        }
    }
    served.await_empty();
    check_healthy(&served);
}

/// The status that a new connection gets for a page; none if it is closed instead.
fn asked_for_health(served: &Served) -> Option<u16> {
    let mut line = served.line();
    // It may be closed already.
    let _cut = line.try_send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    line.answer().map(|(head, _)| head.status)
}

#[test]
fn one_more_than_there_are_places_is_closed_at_once() {
    let served = Setup::bitstamp().limits(|limits| limits.connections_max = 3).serve();
    let mut inside: Vec<Line> = (0..3).map(|_| served.client()).collect();
    for _ in 0..50 {
        assert_eq!(asked_for_health(&served), None);
    }
    assert_eq!(served.edge.counters.connections_refused.read(), 50);
    inside.iter_mut().for_each(Line::check_heartbeat);
    drop(inside.pop());
    testkit::served::await_that("a place to be free", || served.seats.taken() == 2);
    let mut late = served.client();
    late.check_heartbeat();
    drop((inside, late));
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn one_address_has_so_many_places() {
    let limits = |limits: &mut edge::limits::Limits| {
        (limits.loopback_exempt, limits.connections_per_address_max) = (false, 2);
    };
    let served = Setup::bitstamp().limits(limits).serve();
    let mut inside = [served.client(), served.client()];
    assert_eq!(asked_for_health(&served), None);
    inside.iter_mut().for_each(Line::check_heartbeat);
    drop(inside);
    served.await_empty();
    check_healthy(&served);
}

// 2. After the upgrade.

/// Valid messages of a client, one behind the other.
fn conversation(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.roll(6) {
        bytes.extend(match dice.roll(7) {
            0 => text_frame(&subscribe("live_trades_btcusd")),
            1 => text_frame(&subscribe("order_book_ethbtc")),
            2 => text_frame(HEARTBEAT),
            3 => frame(0x89, b"are you there"),
            4 => [frame(0x01, b"{\"event\":"), frame(0x80, b"\"bts:heartbeat\"}")].concat(),
            5 => frame(0x82, HEARTBEAT.as_bytes()),
            _ => text_frame(
                "{\"event\":\"bts:unsubscribe\",\"data\":{\"channel\":\"live_trades_btcusd\"}}",
            ),
        });
    }
    bytes
}

/// The same bytes, but for a few changes: others, fewer, more, twice, cut off.
fn mutated(dice: &mut Dice, whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..1 + dice.roll(3) {
        let at = dice.roll(bytes.len());
        match dice.roll(6) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = dice.byte(),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, dice.byte()),
            4 => bytes.extend_from_within(at..),
            _ => bytes.truncate(at + 1),
        }
    }
    bytes
}

/// What a server may say to somebody who breaks rules: answers in its dialect, pongs, and one close at the end.
fn check_plausible(heard: &[Heard], seed: u64) {
    for (place, heard_one) in heard.iter().enumerate() {
        match heard_one {
            Heard::Text(text) => {
                let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
                assert!(value["event"].is_string(), "seed {seed}: {text}");
            }
            Heard::Pong(payload) => assert!(payload.len() <= 125),
            // Violations, or the client's own code in return, or none where it gave none.
            Heard::Close(code, _) => {
                let is_known =
                    code.is_none_or(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
                assert!(is_known, "seed {seed}: {code:?}");
                assert_eq!(place + 1, heard.len(), "seed {seed}: nothing follows a close");
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn garbage_after_the_upgrade_ends_that_connection_alone() {
    let served = Setup::bitstamp().serve();
    let mut witness = served.client();
    let mut violations = 0;
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut line = served.client();
        let count = 1 + dice.roll(2_000);
        let _cut = line.try_send(dice.bytes(count));
        line.shut();
        let heard = heard_until_end(&mut line);
        check_plausible(&heard, seed);
        violations += usize::from(matches!(heard.last(), Some(Heard::Close(Some(1002), _))));
    }
    assert!(violations > 300, "random bytes mostly break the rules: {violations}");
    witness.check_heartbeat();
    drop(witness);
    served.await_goodbyes(401);
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn mutated_messages_are_answered_or_refused() {
    let served = Setup::bitstamp().serve();
    let mut witness = served.client();
    for seed in 0..600 {
        let mut dice = Dice::new(seed);
        let mut line = served.client();
        let whole = conversation(&mut dice);
        let _cut = line.try_send(mutated(&mut dice, &whole));
        if dice.roll(2) == 0 {
            served.market.trade(0, 6_000_000, 1);
            served.market.tick();
            served.market.settle();
        }
        line.shut();
        check_plausible(&heard_until_end(&mut line), seed);
    }
    witness.check_heartbeat();
    drop(witness);
    served.await_empty();
    assert_eq!(served.edge.counters.interests_open.read(), 0, "nobody's interest is left behind");
    check_healthy(&served);
}

#[test]
fn each_violation_has_its_code() {
    let served = Setup::bitstamp().serve();
    let ping = |first, length: usize| frame(first, &vec![b'a'; length]);
    let violations = [
        ("no mask", b"\x81\x05hello".to_vec(), 1002),
        ("a reserved bit", frame(0xC1, b"hello"), 1002),
        ("a reserved kind", frame(0x83, b"hello"), 1002),
        ("a reserved control", frame(0x8B, b""), 1002),
        ("nothing to continue", frame(0x80, b"hello"), 1002),
        ("a text within a text", [frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        ("a ping in parts", ping(0x09, 1), 1002),
        ("a long ping", ping(0x89, 126), 1002),
        ("a close of one byte", frame(0x88, b"a"), 1002),
        ("a close that cannot be said", close_frame(1005), 1002),
        ("a reason that is not text", frame(0x88, b"\x03\xe8\xff"), 1007),
        ("text that is not UTF-8", frame(0x81, b"\xc3\x28"), 1007),
        ("half a letter", frame(0x81, b"\xe2\x82"), 1007),
        ("half a letter over frames", [frame(0x01, b"\xe2"), frame(0x80, b"\x82")].concat(), 1007),
        ("513 bytes", frame(0x81, &[b' '; 513]), 1009),
        ("513 bytes that are not text", frame(0x82, &[0; 513]), 1009),
        (
            "a length of 63 bits",
            [&b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"[..], &[0; 4]].concat(),
            1009,
        ),
        (
            "513 bytes in parts",
            [frame(0x01, &[b' '; 300]), frame(0x80, &[b' '; 213])].concat(),
            1009,
        ),
    ];
    for (count, (what, bytes, code)) in (1..).zip(violations) {
        let mut line = served.client();
        line.send(&bytes);
        let Heard::Close(said, reason) = line.hear() else { panic!("{what}: a close is due") };
        assert_eq!(said, Some(code), "{what}: {reason}");
        if code == 1009 {
            assert_eq!(reason, "read limited at 513 bytes", "{what}");
        }
        assert_eq!(line.hear(), Heard::End, "{what}");
        drop(line);
        let goodbyes = served.await_goodbyes(count);
        let goodbye = goodbyes.last().expect("a record");
        assert_eq!((goodbye.reason.name(), goodbye.code), ("violation", Some(code)), "{what}");
    }
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn a_message_of_512_bytes_is_read() {
    let served = Setup::bitstamp().serve();
    let mut line = served.client();
    let padded = format!("{HEARTBEAT:<512}");
    line.say(&padded);
    assert_eq!(line.hear(), Heard::Text(HEARTBEAT_ANSWER.into()));
    line.send(
        [frame(0x01, &padded.as_bytes()[..1]), frame(0x80, &padded.as_bytes()[1..])].concat(),
    );
    assert_eq!(line.hear(), Heard::Text(HEARTBEAT_ANSWER.into()));
    line.say(&format!("{HEARTBEAT:<513}"));
    line.check_closed(1009, "read limited at 513 bytes");
}

#[test]
fn the_1025th_channel_ends_the_connection_without_a_word() {
    let served = Setup::bitstamp().serve();
    let mut line = served.client();
    let channel = |number: usize| format!("live_trades_market{number}");
    for number in 0..1_024 {
        line.subscribe(&channel(number));
    }
    // The same name again is the same subscription, and one that is left makes room for another.
    line.subscribe(&channel(7));
    line.say(&subscribe(&channel(7)).replace("subscribe", "unsubscribe"));
    let left = subscribed(&channel(7)).replace("subscription", "unsubscription");
    assert_eq!(line.hear(), Heard::Text(left));
    line.subscribe("live_trades_btcusd");
    line.say(&subscribe(&channel(1_024)));
    assert_eq!(line.hear(), Heard::End, "no error and no close frame");
    let goodbye = served.await_goodbyes(1).pop().expect("a record");
    assert_eq!((goodbye.reason.name(), goodbye.code), ("too_many_subscriptions", None));
    served.await_empty();
    check_healthy(&served);
}

#[test]
fn who_falls_silent_is_let_go() {
    let served = Setup::bitstamp()
        .manners(|manners| {
            manners.ping_every = Some(Duration::from_millis(100));
            manners.pong_within = Duration::from_millis(300);
        })
        .serve();
    // One that answers pings stays, however long it says nothing else; half a frame is no answer to wait for.
    let mut alive = served.client();
    let mut silent = served.client();
    let mut pings = 0;
    while served.goodbyes("unresponsive") == 0 {
        assert!(pings < 200, "silence is kept up with");
        assert_eq!(alive.hear(), Heard::Ping(Vec::new()));
        alive.send(frame(0x8A, b""));
        pings += 1;
    }
    assert!(pings >= 3, "{pings} pings before 300 ms were over");
    let heard = heard_until_end(&mut silent);
    assert!(heard.len() >= 3 && heard.iter().all(|heard| *heard == Heard::Ping(Vec::new())));
    alive.say(HEARTBEAT);
    while alive.hear() != Heard::Text(HEARTBEAT_ANSWER.into()) {}
}

#[test]
fn half_a_goodbye_is_one() {
    let served = Setup::bitstamp().serve();
    // A client that only stops sending has left: it cannot answer a ping any more.
    let mut line = served.client();
    line.subscribe("live_trades_btcusd");
    line.stream().shutdown(Shutdown::Write).expect("a half that is open");
    assert_eq!(line.hear(), Heard::End);
    assert_eq!(served.await_goodbyes(1)[0].reason.name(), "client_vanished");
    // Every code that may be said is said back.
    for (count, code) in (2..).zip([1000, 1001, 1003, 1008, 1011, 3000, 4999]) {
        let mut line = served.client();
        line.send(close_frame(code));
        line.check_closed(code, "");
        let goodbyes = served.await_goodbyes(count);
        let goodbye = goodbyes.last().expect("a record");
        assert_eq!((goodbye.reason.name(), goodbye.code), ("client_closed", Some(code)));
    }
    served.await_empty();
    check_healthy(&served);
}
