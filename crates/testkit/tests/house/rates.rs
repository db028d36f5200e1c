//! New connections that come too fast: of one address they are refused, of all together they wait for their turn.

use std::time::Duration;

use edge::limits::Rate;
use testkit::served::{Line, Served, Setup, await_that};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A connection that has asked something.
fn asking(served: &Served) -> Line {
    let mut line = served.line();
    // It may have been closed already.
    let _refused = line.try_send(HEALTH);
    line
}

#[test]
fn an_address_that_connects_too_fast_is_refused_until_it_has_been_quiet() {
    let rate = Rate { count: 5, per: Duration::from_secs(10) };
    let served = Setup::bitstamp()
        .session_by_hand()
        .limits(|limits| (limits.connections_of_address, limits.loopback_exempt) = (rate, false))
        .serve();
    let too_fast = &served.edge.counters.connections_too_fast;
    for _ in 0..5 {
        assert!(asking(&served).answer().is_some());
    }
    for count in 1..=3 {
        let line = asking(&served);
        await_that("a refusal", || too_fast.read() == count);
        drop(line);
    }
    // One comes back each two seconds, and refusals did not count.
    served.wait(Duration::from_secs(2));
    assert!(asking(&served).answer().is_some());
    let line = asking(&served);
    await_that("a refusal", || too_fast.read() == 4);
    drop(line);
    served.wait(Duration::from_secs(10));
    for _ in 0..5 {
        assert!(asking(&served).answer().is_some());
    }
    assert_eq!(too_fast.read(), 4);
}

#[test]
fn loopback_is_exempt_unless_it_is_said_otherwise() {
    let rate = Rate { count: 1, per: Duration::from_secs(1_000) };
    let served = Setup::bitstamp()
        .session_by_hand()
        .limits(|limits| limits.connections_of_address = rate)
        .serve();
    for _ in 0..20 {
        assert!(asking(&served).answer().is_some());
    }
    assert_eq!(served.edge.counters.connections_too_fast.read(), 0);
}

#[test]
fn more_connections_in_a_second_than_are_taken_wait_for_their_turn() {
    let served = Setup::bitstamp()
        .session_by_hand()
        .limits(|limits| limits.connections_per_second_max = 4)
        .serve();
    let mut lines: Vec<Line> = (0..7).map(|_| asking(&served)).collect();
    for line in &mut lines[..4] {
        assert!(line.answer().is_some());
    }
    await_that("accepting to rest", || served.edge.counters.accepts_held.read() > 0);
    assert_eq!(served.edge.counters.http_requests.read(), 4);
    // Each quarter of a second one more is taken, and nobody is refused.
    for line in &mut lines[4..] {
        served.wait(Duration::from_millis(250));
        assert!(line.answer().is_some());
    }
    assert_eq!(served.edge.counters.connections_refused.read(), 0);
    // Who is there already is not concerned.
    lines[0].send(HEALTH);
    assert!(lines[0].answer().is_some());
}
