//! How machines of a market begin, and begin anew: cores and edges as processes of the binary itself.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::process::{Folder, PATIENCE, Process, ask, until};

#[path = "../../feed/src/bus/tests/server.rs"]
#[expect(dead_code, reason = "the tests of the bus use more of it")]
mod server;

use server::{Server, free_port};

const CONFIG: &str = r#"
[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd", xrocket = "BTC-USD", timex = "BTCUSD" }
"#;

const RIALTO: &str = env!("CARGO_BIN_EXE_rialto");

/// A folder with a configuration in which machines meet there.
fn folder(name: &str, address: &str) -> Folder {
    let folder = Folder::new(name);
    let bus = format!("\n[bus]\nservers = [\"{address}\"]\npatience_seconds = 1\n");
    let file = folder.path().join("rialto.toml");
    std::fs::write(file, format!("{CONFIG}{bus}")).expect("it is ours");
    folder
}

/// This part of a market, by this program, with these options more.
fn machine(program: &Path, folder: &Folder, role: &str, data: &str, more: &[&str]) -> Process {
    let mut command = Command::new(program);
    command.args(["serve", role, "--data", data, "--listen", "127.0.0.1:0"]).args(more);
    command.env_remove("RIALTO_MASTER_KEY").current_dir(folder.path());
    Process::start(command)
}

/// A key of somebody of the demo.
fn key(address: &str) -> String {
    let (status, demo) = ask(address, "GET /rialto/v1/demo", "", "");
    assert_eq!(status, 200, "{demo}");
    demo["accounts"][0]["native"]["key"].as_str().expect("a key").to_owned()
}

/// Places an order that rests; what is answered.
fn place(address: &str, key: &str, name: &str) -> (u16, serde_json::Value) {
    let order = json!({
        "instrument": "BTC-USD", "side": "buy", "type": "limit", "price": "58000.00",
        "quantity": "0.001", "client_order_id": name,
    });
    ask(address, "POST /rialto/v1/orders", key, &order.to_string())
}

/// How many open orders of this name there are.
fn open(address: &str, key: &str, name: &str) -> usize {
    let (status, told) = ask(address, "GET /rialto/v1/orders?limit=1000", key, "");
    assert_eq!(status, 200, "{told}");
    let orders = told["orders"].as_array().expect("a list").iter();
    orders.filter(|order| order["client_order_id"] == name).count()
}

#[test]
fn what_only_a_replicated_core_has_is_told_once_a_standby_has_it_also_after_a_restart() {
    let Some(server) = Server::start("") else { return };
    let folder = folder("restart", &server.address());
    let start = |role: &str, data: &str, more: &[&str]| {
        machine(Path::new(RIALTO), &folder, role, data, more)
    };
    let mut core = start("core", "core", &["--durability", "replicated"]);
    core.says("waiting for a standby");
    let standby = start("standby", "standby", &[]);
    let at_core = core.address();
    let key = key(&at_core);
    assert_eq!(place(&at_core, &key, "both").0, 201);
    // The standby is gone: what is placed now is on one disk, and told to nobody.
    standby.kill();
    let (status, told) = place(&at_core, &key, "alone");
    assert!(status >= 500, "{status} {told}");
    assert_eq!(told["code"], "outcome-unknown", "{told}");
    core.kill();
    // Neither is it when that disk was read again.
    let mut core = start("core", "core", &["--durability", "replicated"]);
    core.says("waiting for a standby");
    let _standby = start("standby", "standby", &[]);
    let at_core = core.address();
    assert_eq!((open(&at_core, &key, "both"), open(&at_core, &key, "alone")), (1, 1));
    assert_eq!(place(&at_core, &key, "again").0, 201);
}

#[test]
fn an_edge_begins_anew_with_the_program_that_stands_there_by_then() {
    let Some(server) = Server::start("") else { return };
    let folder = folder("anew", &server.address());
    let program = folder.path().join("edge-program");
    // What stood there is gone, for whoever runs it too.
    let put = || {
        let _none_before = std::fs::remove_file(&program);
        // A link where the system allows one: it is long.
        let linked = std::fs::hard_link(RIALTO, &program);
        linked.or_else(|_| std::fs::copy(RIALTO, &program).map(drop)).expect("there is room");
    };
    put();
    let mut core = machine(Path::new(RIALTO), &folder, "core", "core", &[]);
    core.address();
    let mut edge = machine(&program, &folder, "edge", "edge", &[]);
    let before = edge.address();
    let key = key(&before);
    // Another build takes its place; and then the core is gone for longer than the edge waits.
    put();
    core.kill();
    edge.says("asking clients to leave: nothing was heard of the core");
    edge.says("edge-program was replaced since this process began");
    edge.says("waiting for the core of the market main");
    let mut core = machine(Path::new(RIALTO), &folder, "core", "core", &[]);
    let at_core = core.address();
    let at_edge = edge.address();
    let placed = || place(&at_edge, &key, "anew");
    until("it is taken at the edge", placed, |status, _| status == 201);
    assert_eq!(open(&at_core, &key, "anew"), 1);
    // Where nothing stands any more that is said.
    std::fs::remove_file(&program).expect("it is ours");
    core.kill();
    edge.says("begins anew");
    let (code, said) = edge.ends();
    let last = said.last().expect("it says something");
    assert_eq!(code, Some(1), "{said:#?}");
    assert!(last.contains("failed to begin anew with ") && last.contains("edge-program"), "{last}");
}

#[test]
fn what_does_not_go_with_an_edge_is_told_before_anybody_is_waited_for() {
    // Nobody listens there: whoever waited for it would say so.
    let address = format!("nats://127.0.0.1:{}", free_port());
    let folder = folder("wrong", &address);
    let tls = ["--tls-listen", "127.0.0.1:0"];
    for (more, words) in [
        (&["--seed", "7"][..], "are for the core to be told"),
        (&["--durability", "sync"][..], "are for the core to be told"),
    ] {
        let began = Instant::now();
        let (code, said) = machine(Path::new(RIALTO), &folder, "edge", "edge", more).ends();
        assert_eq!(code, Some(1), "{said:#?}");
        assert!(said.len() == 1 && said[0].contains(words), "{said:#?}");
        assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    }
    // This needs the whole configuration to be seen, and no core.
    let (code, said) = machine(Path::new(RIALTO), &folder, "edge", "edge", &tls).ends();
    assert_eq!(code, Some(1), "{said:#?}");
    assert!(said.last().is_some_and(|line| line.contains("--tls-listen needs")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("waiting for the core")), "{said:#?}");
    let core = ["--ephemeral"];
    let (code, said) = machine(Path::new(RIALTO), &folder, "core", "core", &core).ends();
    assert_eq!(code, Some(1), "{said:#?}");
    assert!(said.len() == 1 && said[0].contains("--ephemeral keeps none"), "{said:#?}");
}

#[test]
fn an_edge_whose_core_goes_away_while_it_begins_waits_for_it_again() {
    let Some(server) = Server::start("") else { return };
    let folder = folder("goes", &server.address());
    let start = |role: &str, data: &str| machine(Path::new(RIALTO), &folder, role, data, &[]);
    let mut core = start("core", "core");
    core.address();
    // However far it comes before the core is gone, it ends by serving what the core serves.
    for wait in 0..4 {
        let mut edge = start("edge", "edge");
        std::thread::sleep(Duration::from_millis(60 * wait));
        core.kill();
        edge.says("aiting for the core of the market main");
        core = start("core", "core");
        core.address();
        let at_edge = edge.address();
        until("it is level", || ask(&at_edge, "GET /readyz", "", ""), |status, _| status == 200);
        edge.signal("TERM");
        assert_eq!(edge.ends().0, Some(0));
    }
}
