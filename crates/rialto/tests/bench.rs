//! The benches that serve this very program, small: they must work, not impress.

use std::process::Command;

use serde_json::Value;

#[path = "../../feed/src/bus/tests/server.rs"]
#[expect(dead_code, reason = "the tests of the bus use more of it")]
mod server;

use server::Server;

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
    assert!(number("recovery", "commands") > 10_000 && number("recovery", "image_bytes") > 10_000);
    assert!(number("recovery", "images_meanwhile") >= 3, "{}", report("recovery"));
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
fn what_is_promised_of_sockets_is_set_beside_what_others_cost() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    let arguments = ["bench", "beside", "--small", "--rounds", "2", "--json"];
    let ended = command.args(arguments).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    let all: Value = serde_json::from_slice(&ended.stdout).expect("the report is one JSON object");
    let fanouts = all["fanouts"].as_array().expect("a list of fan-outs");
    assert_eq!(fanouts.len(), 2, "{all}");
    for cost in fanouts.iter().flat_map(|it| it["costs"].as_array().expect("a list of costs")) {
        let ratio = |name: &str| cost[name].as_u64().expect("a ratio");
        assert!(ratio("ratio_per_mille") > 0, "{cost}");
        assert!(ratio("ratio_per_mille_min") <= ratio("ratio_per_mille_max"), "{cost}");
    }
    // Every delivery of a fixed rate is counted, or the bench fails: 2,000 a second for a fifth of one.
    for way in ["ours", "joined_write_loop"] {
        let rounds = all["paced"][way]["rounds_late_us"].as_array().expect("a list of rounds");
        assert!(rounds.len() == 2 && rounds.iter().all(|it| it["count"] == 400), "{all}");
    }
    assert_eq!(all["idle"]["open"], 100);
}

/// The report of a bench that ends well.
fn report(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    let ended = command.arg("bench").args(arguments).output();
    let ended = ended.expect("the program starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).expect("the report is one JSON object")
}

#[test]
fn whoever_is_cut_comes_back_to_a_book() {
    let storm = ["storm", "--json", "--sockets", "200", "--seconds", "1", "--orders", "20"];
    let storm = report(&storm);
    assert_eq!((&storm["cut"], &storm["back"]), (&200.into(), &200.into()), "{storm}");
    assert_eq!(storm["back_ms"]["count"], 200, "{storm}");
    // The venue says what its orders took, and so does whoever placed them.
    for orders in ["engine_us_before", "orders_us_before"] {
        assert!(storm[orders]["count"].as_u64() >= Some(10), "{orders}: {storm}");
    }
    assert!(storm["ended"].as_array().is_some_and(Vec::is_empty), "{storm}");
}

#[test]
fn an_idle_connection_can_be_encrypted() {
    let idle = report(&["idle", "--tls", "--json", "--sockets", "200", "--settle", "0"]);
    assert_eq!((&idle["open"], &idle["tls"]), (&200.into(), &true.into()), "{idle}");
    assert_eq!(idle["target_bytes_each"], 20_000);
    // Keys take room.
    assert!(idle["bytes_each"].as_u64().is_some_and(|each| each > 1_024), "{idle}");
}

#[test]
fn who_never_reads_is_let_go_and_costs_no_more_than_its_quota() {
    // 500 messages a turn, which is twice what lies in the kernel and may wait here.
    let slow = ["slow", "--json", "--sockets", "20", "--rate", "4000", "--quota", "64"];
    let slow = report(&[&slow[..], &["--millis", "2500", "--rounds", "2"]].concat());
    for count in ["stuck", "let_go_with_goodbye", "recorded"] {
        assert_eq!(slow[count], 3, "{count}: {slow}");
    }
    for way in ["rounds_late_us_with", "rounds_late_us_without"] {
        let rounds = slow[way].as_array().expect("a list of rounds");
        assert!(rounds.len() == 2 && rounds.iter().all(|it| it["count"] == 19 * 500), "{slow}");
    }
}

#[test]
fn what_several_machines_cost_can_be_taken() {
    let Some(server) = Server::start("") else { return };
    let bus = server.address();
    let cost = ["--orders", "5", "--rounds", "2"];
    let events = ["--speeds", "20", "--edges", "0,2", "--seconds", "1"];
    let fresh = ["--commands", "200000", "--speed", "100", "--runs", "2"];
    let machines = ["machines", "--json", "--bus", &*bus];
    let machines = report(&[&machines[..], &cost, &events, &fresh].concat());

    let ways = machines["cost"]["ways"].as_array().expect("a list of what was timed");
    assert_eq!(ways.len(), 7, "{machines}");
    for way in ways {
        assert_eq!(way["us"]["count"], 10, "{way}");
        assert!(way["us"]["p50"].as_u64() > Some(0), "{way}");
    }
    // The first two are what the others are set beside.
    assert!([0, 3].iter().all(|&at| ways[at]["p50_ratio_per_mille"] == 1_000), "{machines}");

    let spent = machines["cost"]["an_order"].as_array().expect("a list of places");
    let [alone, core, edge] = &spent[..] else { panic!("three places: {machines}") };
    assert!(alone["all_in_one_ns"].as_u64() > Some(0) && alone["core_ns"] == 0, "{alone}");
    for at in [core, edge] {
        assert_eq!((&at["orders"], &at["all_in_one_ns"]), (&20.into(), &0.into()), "{at}");
        // Who does nothing has a few ticks of its own; who decides or shows an order has more than a tenth of the other.
        let [core, edge] = ["core_ns", "edge_ns"].map(|name| at[name].as_u64().unwrap_or(0));
        assert!(core > 0 && core < 10 * edge && edge < 10 * core, "{at}");
    }

    let steps = machines["events"]["steps"].as_array().expect("a list of steps");
    let [alone, followed] = &steps[..] else { panic!("two steps: {machines}") };
    let number = |step: &Value, name: &str| step["seen"][name].as_u64();
    assert_eq!((number(alone, "edge_ns_per_command"), &alone["edges"]), (None, &0.into()));
    assert!(number(alone, "core_ns_per_command") > Some(0), "{alone}");
    assert!(number(followed, "edge_ns_per_command") > Some(0), "{followed}");
    // A command of the crowd moves the book at least, and edges make of it what the core did.
    let slowest = number(followed, "slowest_edge_events_per_second");
    assert!(slowest > number(followed, "commands_per_second"), "{followed}");
    // What another's server carried is not ours to ask.
    assert_eq!(number(followed, "bus_ns_per_command"), None, "{followed}");

    let fresh = &machines["fresh"];
    let number = |name: &str| fresh[name].as_u64().unwrap_or_else(|| panic!("{name}: {fresh}"));
    assert!(number("commands") >= 200_000 && number("image_bytes") > 10_000, "{fresh}");
    // The last half of the day is in no image. Some is played while it is looked.
    let behind = number("commands_behind_image");
    assert!(behind > 10_000 && behind < number("commands") / 2 + 10_000, "{fresh}");
    assert!((number("ready_us_min")..=number("ready_us_max")).contains(&number("ready_us")));
    assert!(number("edge_memory_bytes") > 1_000_000, "{fresh}");
}

#[test]
fn without_a_bus_it_is_said_where_to_get_one() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    let ended = command.env("PATH", "").args(["bench", "machines"]).output();
    let ended = ended.expect("the program starts");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.contains("--bus nats://") && errors.lines().count() == 1, "{errors}");
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
