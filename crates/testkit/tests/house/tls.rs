//! Encrypted lines: the same as others for who listens, and nobody's trouble where somebody does not speak TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use edge::goodbye::Reason;
use edge::tls::Tls;
use testkit::served::encrypted::{Folder, certify, served_as};
use testkit::served::line::upgrade_request_with;
use testkit::served::{BEGINS, Heard, Line, NAMELESS, Served, Setup, await_that};

fn serve() -> Served {
    Setup::bitstamp().encrypted().session_by_hand().serve()
}

fn is_trade(heard: &Heard) -> bool {
    matches!(heard, Heard::Text(text) if text.ends_with(r#""event":"trade"}"#))
}

fn end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn an_encrypted_client_is_served_and_told_goodbye() {
    let served = serve();
    let mut ann = served.client();
    assert_eq!(ann.tls().and_then(|tls| tls.alpn_protocol()), None, "it asked for none");
    ann.subscribe("live_trades_btcusd");
    served.market.trade(0, 6_000_000, 3);
    served.market.settle();
    for _ in 0..3 {
        let heard = ann.hear();
        assert!(is_trade(&heard), "{heard:?}");
    }
    // The end of what is said is said by the protocol too: without it, hearing would be an error.
    ann.send(testkit::served::line::close_frame(1000));
    ann.check_closed(1000, "");
    served.await_empty();
    assert_eq!(served.await_goodbyes(1)[0].reason, Reason::ClientClosed);
    assert_eq!(served.edge.counters.tls_handshakes.read(), 1);
}

#[test]
fn everybody_who_is_encrypted_is_asked_to_leave() {
    let served = serve();
    let mut ann = served.client();
    served.leave();
    let asked = r#"{"event":"bts:request_reconnect","channel":"","data":""}"#;
    assert_eq!(ann.hear(), Heard::Text(asked.into()));
    served.wait(Duration::from_secs(60));
    assert!(matches!(ann.hear(), Heard::Close(Some(_), _)));
    assert_eq!(ann.hear(), Heard::End);
}

#[test]
fn who_says_no_more_encrypted_is_let_go() {
    let served = serve();
    let mut ann = served.client();
    ann.shut();
    assert_eq!(ann.hear(), Heard::End);
    assert_eq!(served.await_goodbyes(1)[0].reason, Reason::ClientVanished);
}

#[test]
fn keys_may_be_changed_at_any_time() {
    let served = serve();
    let mut ann = served.client();
    ann.subscribe("live_trades_btcusd");
    for _ in 0..20 {
        ann.tls().expect("it is encrypted").refresh_traffic_keys().expect("TLS 1.3");
        ann.check_heartbeat();
        served.market.trade(0, 6_000_000, 1);
        served.market.settle();
        let heard = ann.hear();
        assert!(is_trade(&heard), "{heard:?}");
    }
}

#[test]
fn http_in_the_clear_is_told_what_is_spoken_here() {
    let served = serve();
    let mut stranger = TcpStream::connect(served.address).expect("somebody listens");
    stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a line");
    let answer = end(stranger);
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(
        answer.ends_with("TLS is spoken at this port: ask with https:// or wss://\n"),
        "{answer}"
    );
    served.await_empty();
}

#[test]
fn garbage_and_silence_end_and_nobody_else_notices() {
    let served = Setup::bitstamp()
        .encrypted()
        .limits(|limits| limits.head_time_max = Duration::from_millis(300))
        .serve();
    let mut ann = served.client();
    let mut garbage = TcpStream::connect(served.address).expect("somebody listens");
    garbage.write_all(&[0xFF; 300]).expect("a line");
    end(garbage);
    // One says nothing, and one stops within its first word.
    let silent = TcpStream::connect(served.address).expect("somebody listens");
    let mut slow = TcpStream::connect(served.address).expect("somebody listens");
    slow.write_all(&[0x16, 3, 1, 2, 0, 1]).expect("a line");
    end(silent);
    end(slow);
    await_that("three to be counted", || served.edge.counters.tls_handshakes_failed.read() == 3);
    await_that("their places to be free", || served.seats.taken() == 1);
    ann.check_heartbeat();
}

#[test]
fn garbage_behind_a_handshake_ends_that_line_alone() {
    let served = serve();
    let (mut ann, bob) = (served.client(), served.client());
    let mut below = bob.stream();
    below.write_all(&[0xFF; 300]).expect("a line");
    let goodbye = served.await_goodbyes(1).remove(0);
    assert_eq!(goodbye.reason, Reason::Network(std::io::ErrorKind::InvalidData));
    ann.check_heartbeat();
}

#[test]
fn who_names_no_host_has_named_one_in_the_handshake() {
    let mut setup = Setup::bitstamp();
    setup.tls = Some(served_as(&["www.bitstamp.net"]));
    let served = setup.serve();
    let trust = served.trust.clone().expect("it is encrypted");
    let mut ann = Line::encrypted(served.address, &trust, "www.bitstamp.net");
    ann.send("GET /api/v2/ticker/btcusd/ HTTP/1.0\r\n\r\n");
    let (head, body) = ann.answer().expect("an answer");
    assert_eq!((head.status, body.starts_with('{')), (200, true), "{body}");
    // Who names one means that.
    let mut bob = Line::encrypted(served.address, &trust, "www.bitstamp.net");
    bob.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (_, body) = bob.answer().expect("an answer");
    assert!(body.starts_with("Rialto"), "{body}");
    let mut eve = Line::encrypted(served.address, &trust, "www.bitstamp.net");
    eve.send(upgrade_request_with("/", &[("Host", "ws.bitstamp.net")]));
    eve.check_upgraded();
    eve.check_heartbeat();
}

#[test]
fn a_new_certificate_is_for_newcomers_and_a_bad_one_for_nobody() {
    let folder = Folder::new();
    let (files, before) = certify(folder.path(), &[NAMELESS]);
    let (tls, notes) = Tls::open(files.clone(), BEGINS).expect("a certificate");
    assert!(notes.iter().all(|note| note.contains("chmod 600")), "{notes:?}");
    let tls = Arc::new(tls);
    let mut setup = Setup::bitstamp();
    setup.tls = Some((Arc::clone(&tls), before));
    let mut served = setup.serve();
    let mut ann = served.client();
    let (_, after) = certify(folder.path(), &[NAMELESS]);
    tls.reload(BEGINS).expect("a certificate");
    ann.check_heartbeat();
    // Who trusts the one before does not trust the other, nor the other way round.
    let mut bob = served.line();
    assert!(bob.try_send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").is_err());
    served.trust = Some(after);
    served.client().check_heartbeat();
    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nAA").expect("a file");
    let fault = tls.reload(BEGINS).expect_err("no certificate").to_string();
    assert!(fault.contains("certificate.pem"), "{fault}");
    served.client().check_heartbeat();
    ann.check_heartbeat();
}

#[test]
fn an_encrypted_client_that_does_not_read_is_let_go_and_reads_what_it_was_told() {
    const QUEUE: usize = 256 * 1024;
    const BATCH: usize = 500;
    let served = Setup::bitstamp()
        .manners(|manners| (manners.queue_bytes_max, manners.ping_every) = (QUEUE, None))
        .encrypted()
        .session_by_hand()
        .serve();
    let (mut ann, mut stuck) = (served.client(), served.client());
    ann.subscribe("live_trades_btcusd");
    stuck.subscribe("live_trades_btcusd");
    let mut poured = 0;
    while served.edge.counters.interests_open.read() == 2 {
        assert!(poured < 1_000_000, "nobody was let go");
        served.market.trade(0, 6_000_000, BATCH);
        served.market.settle();
        poured += BATCH;
        for _ in 0..BATCH {
            let heard = ann.hear();
            assert!(is_trade(&heard), "{heard:?}");
        }
    }
    let mut heard = 0;
    loop {
        match stuck.hear() {
            Heard::Close(..) => break,
            trade => assert!(is_trade(&trade), "{trade:?}"),
        }
        heard += 1;
    }
    assert!(heard > 0 && heard < poured, "{heard} of {poured}");
    stuck.send(testkit::served::line::close_frame(1008));
    assert_eq!(stuck.hear(), Heard::End);
    drop(stuck);
    let goodbye = served.await_goodbyes(1).remove(0);
    assert_eq!(goodbye.reason.name(), "slow_consumer");
    // In the clear or not, no more waited than may, but for a run that was encrypted already and the last turn's.
    assert!(goodbye.waiting.bytes() < QUEUE + 3 * 64 * 1024, "{goodbye:?}");
    ann.check_heartbeat();
}
