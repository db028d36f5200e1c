//! A server that leaves says so: everybody is asked to come back elsewhere and served until the notice is over, and
//! nobody new is let in.

use std::thread::JoinHandle;
use std::time::Duration;

use edge::reactor::{Draining, LoopHandle};
use edge::session::LINGER;
use testkit::served::line::{close_frame, upgrade_request};
use testkit::served::{Heard, Line, Served, Setup, await_that};

use crate::secured::{Secured, on_both_lines};

on_both_lines!(
    everybody_is_asked_to_leave_and_served_until_then,
    who_leaves_when_asked_to_is_not_waited_for,
    an_empty_house_has_drained_at_once_and_again,
    who_comes_while_others_leave_is_told_so,
    a_closed_door_lets_nobody_in_and_keeps_nobody_waiting,
);

/// M6.
const RECONNECT: &str = r#"{"event":"bts:request_reconnect","channel":"","data":""}"#;

/// How long before its end a client is asked to leave (7).
const NOTICE: Duration = Duration::from_secs(5);

/// Time passes when a test says so.
fn serve(secured: Secured) -> Served {
    secured(Setup::bitstamp().session_by_hand()).serve()
}

/// Asks everybody to leave, and waits for them on a thread that ends when they have.
fn drain(served: &Served) -> JoinHandle<()> {
    let draining: Vec<Draining> = served.edge.loops.iter().map(LoopHandle::drain).collect();
    std::thread::spawn(|| draining.into_iter().for_each(Draining::wait))
}

fn asked_to_leave() -> Heard {
    Heard::Text(RECONNECT.into())
}

fn is_trade(heard: &Heard) -> bool {
    matches!(heard, Heard::Text(text) if text.ends_with(r#""event":"trade"}"#))
}

fn everybody_is_asked_to_leave_and_served_until_then(secured: Secured) {
    let served = serve(secured);
    let mut lines: Vec<Line> = (0..20).map(|_| served.client()).collect();
    for (place, line) in lines.iter_mut().enumerate() {
        if place % 4 > 0 {
            line.subscribe("live_trades_btcusd");
        }
    }
    let draining = drain(&served);
    // Who does not listen is told as well, once.
    for line in &mut lines {
        assert_eq!(line.hear(), asked_to_leave());
    }
    // The market goes on, and requests are answered.
    for _ in 0..3 {
        served.market.trade(0, 6_000_000, 1);
        served.market.settle();
        for (place, line) in lines.iter_mut().enumerate() {
            if place % 4 > 0 {
                let heard = line.hear();
                assert!(is_trade(&heard), "{heard:?}");
            }
        }
    }
    lines[0].check_heartbeat();
    lines[0].subscribe("live_trades_ethbtc");
    served.wait(NOTICE - Duration::from_micros(1));
    lines.iter_mut().for_each(Line::check_heartbeat);
    assert!(!draining.is_finished());
    // Then it ends, whether they answer or not.
    served.wait(Duration::from_micros(1));
    for (place, line) in lines.iter_mut().enumerate() {
        assert_eq!(line.hear(), Heard::Close(Some(1001), String::new()));
        if place % 2 == 0 {
            line.send(close_frame(1001));
            assert_eq!(line.hear(), Heard::End);
        }
    }
    assert!(!draining.is_finished());
    served.wait(LINGER);
    await_that("draining to end", || draining.is_finished());
    draining.join().expect("draining ends");
    for line in lines.iter_mut().skip(1).step_by(2) {
        assert_eq!(line.hear(), Heard::End);
    }
    let goodbyes = served.await_goodbyes(20);
    assert!(goodbyes.iter().all(|it| (it.reason.name(), it.code) == ("shutdown", Some(1001))));
    served.await_empty();
}

fn who_leaves_when_asked_to_is_not_waited_for(secured: Secured) {
    let served = serve(secured);
    let mut lines: Vec<Line> = (0..6).map(|_| served.client()).collect();
    let draining = drain(&served);
    for (place, mut line) in lines.drain(..).enumerate() {
        assert_eq!(line.hear(), asked_to_leave());
        // With a goodbye or without one.
        if place % 2 == 0 {
            line.send(close_frame(1000));
            line.check_closed(1000, "");
        }
    }
    await_that("draining to end", || draining.is_finished());
    draining.join().expect("draining ends");
    assert_eq!((served.goodbyes("client_closed"), served.goodbyes("client_vanished")), (3, 3));
}

fn an_empty_house_has_drained_at_once_and_again(secured: Secured) {
    let served = serve(secured);
    served.edge.drain();
    served.edge.drain();
}

fn who_comes_while_others_leave_is_told_so(secured: Secured) {
    let served = serve(secured);
    served.edge.drain();
    let mut late = served.client();
    assert_eq!(late.hear(), asked_to_leave());
    late.subscribe("live_trades_btcusd");
    served.market.trade(0, 6_000_000, 1);
    served.market.settle();
    let heard = late.hear();
    assert!(is_trade(&heard), "{heard:?}");
    served.wait(NOTICE);
    assert_eq!(late.hear(), Heard::Close(Some(1001), String::new()));
}

fn a_closed_door_lets_nobody_in_and_keeps_nobody_waiting(secured: Secured) {
    let mut served = serve(secured);
    let mut inside = served.client();
    let mut idle = served.line();
    idle.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.answer().map(|(head, _)| head.status), Some(200));
    let mut half = served.line();
    let request = upgrade_request("/bitstamp");
    let (first, second) = request.split_at(40);
    half.send(first);
    // What connected before is accepted before this answer.
    let mut asking = served.line();
    asking.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(asking.answer().map(|(head, _)| head.status), Some(200));

    served.close_door();
    // The socket stays until it is asked to leave; a connection between two requests is ended.
    assert_eq!(idle.answer(), None);
    inside.check_heartbeat();
    // A request under way is answered, or its connection ended; it is not left hanging.
    let _cut = half.try_send(second);
    if let Some((head, _)) = half.answer() {
        assert_eq!(head.status, 101);
    }
    for _ in 0..5 {
        assert!(Line::try_to(served.address).is_err(), "nobody listens any more");
    }
    inside.check_heartbeat();
}
