//! A load against a server that keeps step: each message goes to all sockets before the next one does.

use std::sync::{Arc, Barrier};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::*;
use crate::bench::sockets::tests::server;
use edge::ws::Opcode;

fn options(url: String) -> Options {
    Options {
        server: Server::at(url),
        sockets: 4,
        say: vec!["subscribe".to_owned()],
        seconds: 1,
        settle: 0,
        stamp: Some("data.at".to_owned()),
        stamp_unit: Unit::Us,
        pid: vec![std::process::id()],
        opening: 2,
        timeout: 20,
    }
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_micros() as u64
}

#[test]
fn a_load_tells_rate_latency_spread_fairness_cost_and_losses() {
    let step = Arc::new(Barrier::new(4));
    let begun = now_us();
    let address = server(b"", move |number, mut peer| {
        assert_eq!(peer.hear().as_deref(), Some("subscribe"));
        // The same message for all: its time is made up, but the same, and ten seconds ago.
        for message in 0_u64.. {
            step.wait();
            let at = begun - 10_000_000 + message;
            let payload = match message % 10 {
                0 => format!("{{\"beat\":{message}}}"),
                _ => format!("{{\"data\":{{\"at\":\"{at}\"}}}}"),
            };
            if number == 3 && message == 20 {
                drop(peer.frame(Opcode::Close, b"\x03\xf0too slow"));
            }
            // The one that was closed, and all of them at the end, only keep step.
            drop(peer.say(&payload));
        }
    });
    let options = options(format!("ws://{address}/"));
    let report = run(&options).expect("the load runs");
    let text = report.to_string();
    let json: Value = serde_json::from_str(&report.json()).expect("the report is JSON");

    assert_eq!((report.opened, report.open_at_end), (4, 3), "{text}");
    assert_eq!(report.ended.get("closed by the server: 1008 too slow"), Some(&1), "{text}");
    let latency = report.latency_us.expect("most messages have a time");
    assert_eq!(latency.count + report.unstamped, report.deliveries, "{text}");
    assert!(
        latency.p50 > 9_000_000 && latency.p50 <= latency.p99 && latency.p99 <= latency.max,
        "{text}"
    );
    assert!(report.unstamped * 5 < report.deliveries && report.unstamped > 0, "{text}");
    let spread = report.spread_us.expect("messages reach several sockets");
    assert!(spread.count * 8 > report.deliveries && spread.max < 5_000_000, "{text}");
    // Three sockets got the same, but for what was under way at the end, and one next to nothing.
    let fair = report.a_socket.expect("there are sockets");
    assert!(
        (600..=900).contains(&fair.jain_per_mille) && fair.min < fair.median / 2 + 30,
        "{text}"
    );
    assert!(report.server_ns_per_delivery().is_some_and(|ns| ns > 0), "{text}");
    assert!(report.client_cpu_ns > Some(0) && report.measured_us >= 1_000_000, "{text}");

    assert_eq!(json["deliveries"], report.deliveries);
    assert_eq!(json["latency_us"]["p999"], latency.p999);
    assert_eq!(json["deliveries_a_socket"]["jain_per_mille"], fair.jain_per_mille);
    assert_eq!(json["ended"]["closed by the server: 1008 too slow"], 1);
    assert!(
        text.contains("from data.at") && text.contains("1: closed by the server: 1008 too slow"),
        "{text}"
    );
}

#[test]
fn a_process_that_is_not_there_is_told_before_anything_is_opened() {
    let wrong = Options { pid: vec![u32::MAX], ..options("ws://127.0.0.1:1/".to_owned()) };
    assert!(run(&wrong).is_err_and(|error| error.contains("4294967295")));
}
