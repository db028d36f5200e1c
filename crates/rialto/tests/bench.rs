//! The benches that serve this very program, small: they must work, not impress.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_figure_can_be_taken() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    // Nothing in it waits for ever: starting, answering, connecting and parting have their times.
    let ended =
        command.args(["bench", "all", "--small", "--json"]).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    let all: Value = serde_json::from_slice(&ended.stdout).expect("the report is one JSON object");
    assert!(all["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0), "{all}");
    let report = |bench: &str| {
        let reports = all["reports"].as_array().expect("there are reports");
        let found = reports.iter().find(|report| report["bench"] == bench);
        found.unwrap_or_else(|| panic!("no report of {bench} in {all}"))
    };
    let number = |bench: &str, field: &str| {
        report(bench)[field]
            .as_u64()
            .unwrap_or_else(|| panic!("no number {field} in {}", report(bench)))
    };

    let costs = report("fanout")["costs"].as_array().expect("a list of costs");
    assert_eq!(costs.len(), 3);
    assert!(
        costs.iter().all(
            |cost| cost["cpu_ns"].as_u64() > Some(0) && cost["plain_cpu_ns"].as_u64() > Some(0)
        )
    );
    assert!(
        number("engine", "events") > number("engine", "commands")
            && number("engine", "each_ps") > 0
    );
    // A frame written plainly is slower on any machine.
    for kind in ["trade", "book", "book_ten_changed"] {
        let cost = &report("encode")[kind];
        let (ns, plain_ns) = (cost["ns_min"].as_u64(), cost["plain_ns_min"].as_u64());
        assert!(ns > Some(0) && ns < plain_ns, "{cost}");
    }
    assert!(number("start", "ready_us") >= number("start", "listening_us"));
    assert!(number("start", "listening_us") > 0);
    assert!(number("venue", "cpu_ns") > 0 && number("venue", "core_per_mille") < 64_000);
    assert_eq!(number("idle", "open"), 1_000);
    // A connection that reads into memory of its own would be far beyond this.
    assert!(number("idle", "bytes_each") < 16_384, "{}", report("idle"));
    // Nobody is answered before the disk is, whatever the disk is.
    assert!(number("durable", "ratio_per_mille") > 0 && number("durable", "record_bytes") > 73);
    let groups = report("durable")["groups"].as_array().expect("a list of groups");
    assert_eq!(groups.len(), 3);
    assert!(
        groups.iter().all(|group| group["commands_per_second"].as_u64() > Some(0)
            && group["bare_syncs_per_second"].as_u64() > Some(0)),
        "{groups:?}"
    );
    assert_eq!(number("load", "open_at_end"), 50);
    // The crowd moves its orders in a busy market many times a second.
    assert!(number("load", "deliveries") >= 50, "{}", report("load"));
    assert_eq!(number("load", "unstamped"), 0);
    assert!(report("load")["server"]["cpu_ns_per_delivery"].as_u64().is_some_and(|ns| ns > 0));
}

#[test]
fn what_cannot_be_measured_is_said_on_one_line() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    let ended =
        command.args(["bench", "load", "wss://127.0.0.1/"]).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("rialto: failed to") && errors.lines().count() == 1, "{errors}");
    assert!(ended.stdout.is_empty());
}
