//! Machines that agree by themselves on who is the core: by a lease in PostgreSQL, or in a key-value of the NATS server.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::dice::Dice;
use testkit::postgres;

use crate::journals::{parted, records};
use crate::machine::{AGAIN, CONFIG, Folder, key, until};
use crate::server::{Server, is_of};
use crate::{Told, open_orders, order, placed};

/// What the core says once a standby is named.
const NAMED: &str = "takes over by itself if this machine is gone";
/// What a standby says then.
const IS_HEIR: &str = "this machine is the heir";

/// A folder with the configuration of a market that has these lines besides.
fn folder(name: &str, server: &Server, more: &str) -> Folder {
    let folder = Folder::bare(name);
    let bus = format!("\n[bus]\nservers = [\"{}\"]\n", server.address());
    std::fs::write(folder.0.join("rialto.toml"), format!("{CONFIG}{bus}{more}"))
        .expect("it is ours");
    folder
}

/// The same with accounts and lease in this database.
fn with_database(name: &str, server: &Server, database: &str) -> Folder {
    let more = format!("lease = \"postgres\"\n\n[accounts]\ndatabase = \"{database}\"\n");
    let folder = folder(name, server, &more);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.args(["keys", "master-key", "master.key"]).current_dir(&folder.0);
    assert!(command.output().expect("the binary starts").status.success());
    folder
}

const REPLICATED: [&str; 4] = ["--durability", "replicated", "--master-key", "master.key"];
const KEYED: [&str; 2] = ["--master-key", "master.key"];

/// A core that stood still writes nothing more, and the lease is what says so.
#[test]
fn a_standby_takes_over_by_itself_and_a_core_that_stood_still_writes_nothing_more() {
    let Some(server) = Server::start("") else { return };
    let Some(database) = postgres::Server::shared() else { return };
    let database = database.database();
    let folder = with_database("lease", &server, &database.url());
    let mut core = folder.machine_told("core", "core", &REPLICATED);
    let mut standby = folder.machine_told("standby", "standby", &REPLICATED);
    let mut other = folder.machine_told("standby", "other", &REPLICATED);
    let at_core = core.address();
    let mut edge = folder.machine_told("edge", "edge", &KEYED);
    let at_edge = edge.address();
    let key = key(&at_core);
    // Either may be named; what it says itself comes a little later.
    let is_first = loop {
        if standby.has_said(IS_HEIR) || other.has_said(IS_HEIR) {
            break standby.has_said(IS_HEIR);
        }
        std::thread::sleep(AGAIN);
    };
    let (mut heir, mut other) = if is_first { (standby, other) } else { (other, standby) };
    let (heirs, others) = if is_first { ("standby", "other") } else { ("other", "standby") };
    other.signal(Signal::USR1);
    other.says("does not take over");

    let mut dice = Dice::new(7);
    let mut told = Told::default();
    for number in 0..40 {
        let at = if number % 2 == 0 { &at_core } else { &at_edge };
        told.place(at, &key, &format!("before-{number}"), &mut dice);
    }
    assert!(!told.taken.is_empty(), "{told:?}");
    core.signal(Signal::STOP);
    let stopped = Instant::now();
    let at_new = heir.address();
    println!("without a core for {:?}", stopped.elapsed());
    assert!(heir.all.iter().any(|line| line.contains("by the lease")), "{:#?}", heir.all);

    // It goes on as if nothing had been, and is told.
    core.signal(Signal::CONT);
    let (code, all) = core.ended();
    assert_eq!(code, Some(1), "{all:#?}");
    assert!(all.iter().any(|line| line.contains("this core has ended")), "{all:#?}");
    let mut again = folder.machine_told("core", "core", &REPLICATED);
    again.says_one_of(&["its lease in", "another one is there"]);
    assert_eq!(again.ends(), Some(1));

    // The other standby is the heir now, and the market goes on at the edge, which never let anybody go.
    until(&at_edge, "GET /readyz", "", 200);
    heir.has_to_say(NAMED);
    let last = placed(&at_edge, &key, "48000.00");
    until(&at_new, &order(&last), &key, 200);
    assert!(!edge.has_said("asking clients to leave"), "{:#?}", edge.all);
    check(&told, &at_new, &key);
    check(&told, &at_edge, &key);
    heir.kill();
    // What the last one does when it begins has to be elsewhere too.
    let _third = folder.machine_told("standby", "third", &REPLICATED);
    let at_last = other.address();
    until(&at_last, &order(&last), &key, 200);
    check(&told, &at_last, &key);
    other.signal(Signal::TERM);
    assert_eq!(other.ends(), Some(0));

    // Never two wrote in one life.
    let of = |name: &str| records(&folder.0.join(name));
    let (old, first, second) = (of("core"), of(heirs), of(others));
    let (common, alone) = parted(&old, &first).expect("one writer in each life");
    println!("{common} records in common, {alone} that only the old core has");
    parted(&first, &second).expect("one writer in each life");
}

/// All that was taken is there once, and nothing that was not.
fn check(told: &Told, at: &str, key: &str) {
    let mut there = BTreeMap::<String, Vec<String>>::new();
    for (name, id) in open_orders(at, key) {
        there.entry(name).or_default().push(id);
    }
    for (name, id) in &told.taken {
        assert_eq!(there.get(name), Some(&vec![id.clone()]), "{name} was taken");
    }
    for name in &told.not_taken {
        assert_eq!(there.get(name), None, "{name} was not taken");
    }
}

/// With the register away the market goes on as long as the heir answers; without both it ends.
#[test]
fn a_market_goes_on_without_its_database_and_ends_without_database_and_heir() {
    let Some(server) = Server::start("") else { return };
    let Some(postgres) = postgres::Server::start(&[]) else { return };
    let database = postgres.database();
    let folder = with_database("away", &server, &database.url());
    let mut core = folder.machine_told("core", "core", &KEYED);
    let at_core = core.address();
    let mut standby = folder.machine_told("standby", "standby", &KEYED);
    let mut edge = folder.machine_told("edge", "edge", &KEYED);
    let at_edge = edge.address();
    let key = key(&at_core);
    core.says(NAMED);
    standby.says(IS_HEIR);

    postgres.end();
    let begun = Instant::now();
    core.says("cannot be renewed now");
    standby.says("cannot be read");
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(9) {
        for at in [&at_core, &at_edge] {
            let (status, told) = crate::place(at, &key, "48000.00");
            assert!([200, 201].contains(&status), "after {:?}: {status} {told}", begun.elapsed());
            count += 1;
        }
        std::thread::sleep(AGAIN);
    }
    println!("{count} orders without the database");
    postgres.begin();
    core.says("renewed again");
    standby.says("read again");
    placed(&at_edge, &key, "48100.00");

    // Without both nobody can say that this is the core still.
    postgres.end();
    core.says("cannot be renewed now");
    standby.kill();
    let (code, all) = core.ended();
    assert_eq!(code, Some(1));
    let why = "neither the register of the lease nor the heir was heard of";
    assert!(all.iter().any(|line| line.contains(why)), "{all:#?}");
    // It is the core as soon as it may be: nobody else is.
    let mut core = folder.machine_told("core", "core", &KEYED);
    postgres.begin();
    let at_core = core.address();
    placed(&at_core, &key, "48200.00");
}

#[test]
fn a_lease_may_be_on_the_server_of_the_bus() {
    if !is_of(10) {
        return;
    }
    let store = std::env::temp_dir().join(format!("rialto-lease-{}", std::process::id()));
    let configuration = format!("jetstream {{ store_dir: {:?} }}", store.display().to_string());
    let Some(server) = Server::start(&configuration) else { return };
    let folder = folder("key", &server, "lease = \"jetstream\"\n");
    let mut core = folder.machine_told("core", "core", &["--durability", "replicated"]);
    let mut standby = folder.machine("standby", "standby");
    let at_core = core.address();
    let key = key(&at_core);
    standby.has_to_say(IS_HEIR);
    let first = placed(&at_core, &key, "48000.00");
    core.kill();
    let at_new = standby.address();
    until(&at_new, &order(&first), &key, 200);
    // Where nobody answers any more the lease says who is the core: not the old one.
    standby.kill();
    let mut old = folder.machine("core", "core");
    old.says("its lease in");
    assert_eq!(old.ends(), Some(1));
    // Whoever has it is the core again, as the core at once, and as a standby by itself.
    let mut again = folder.machine("core", "standby");
    let at_new = again.address();
    until(&at_new, &order(&first), &key, 200);
    again.kill();
    let mut again = folder.machine("standby", "standby");
    let at_new = again.address();
    until(&at_new, &order(&first), &key, 200);
    drop(again);
    drop(server);
    let _gone = std::fs::remove_dir_all(store);
}
