//! `rialto bench all`: every figure of this build in one table, with the machine it was taken on and the
//! command that takes it again.

use std::fmt;
use std::fs;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::numbers::{Micros, Tenths, Thousands, Thousandths};
use super::serving::Venue;
use super::target::Server;
use super::{durable, encode, engine, fanout, idle, load, recovery, start, venue};

/// Options of `rialto bench all`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// A tenth of everything: to see that all of it works, not for figures
    #[arg(long)]
    pub small: bool,
}

/// All figures.
#[derive(Clone, Debug)]
pub struct Report {
    machine: Machine,
    taken: Vec<Taken>,
}

/// What one bench found.
#[derive(Clone, Debug)]
struct Taken {
    /// What is behind `rialto bench`.
    command: String,
    figures: Vec<Figure>,
    /// The whole report.
    report: Value,
}

/// One line of the table.
#[derive(Clone, Debug)]
struct Figure {
    what: String,
    measured: String,
    target: Option<String>,
}

impl Figure {
    fn new(what: impl Into<String>, measured: impl Into<String>, target: Option<String>) -> Self {
        Self { what: what.into(), measured: measured.into(), target }
    }
}

/// Where the figures were taken.
#[derive(Clone, Debug)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    compiler: String,
    load: String,
}

impl Machine {
    fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let processor = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            line.split_once(": ").map(|(_, name)| name.trim().to_owned())
        });
        let compiler = Command::new("rustc").arg("--version").output().ok();
        let compiler = compiler.and_then(|said| String::from_utf8(said.stdout).ok());
        let unknown = || "unknown".to_owned();
        let trimmed = |text: String| text.trim().to_owned();
        Self {
            processor: processor.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").map_or_else(unknown, trimmed),
            compiler: compiler.filter(|text| !text.is_empty()).map_or_else(unknown, trimmed),
            load: read("/proc/loadavg")
                .and_then(|text| text.split(' ').next().map(str::to_owned))
                .unwrap_or_else(unknown),
        }
    }
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let Machine { processor, cores, kernel, compiler, load } = &self.machine;
        let reports: Vec<&Value> = self.taken.iter().map(|taken| &taken.report).collect();
        json!({
            "bench": "all",
            "machine": {
                "processor": processor, "cores": cores, "kernel": kernel, "rustc": compiler, "load_before": load,
            },
            "reports": reports,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, kernel, compiler, load } = &self.machine;
        writeln!(
            f,
            "{cores} cores ({processor}), Linux {kernel}, {compiler}; load before: {load}.\n"
        )?;
        writeln!(f, "| figure | measured | target | command |")?;
        write!(f, "|---|---|---|---|")?;
        for Taken { command, figures, .. } in &self.taken {
            let mut command = format!("`{command}`");
            for Figure { what, measured, target } in figures {
                let target = target.as_deref().unwrap_or("–");
                write!(f, "\n| {what} | {measured} | {target} | {command} |")?;
                command = "the same".to_owned();
            }
        }
        Ok(())
    }
}

/// Takes every figure, one after another.
///
/// # Errors
/// What failed first.
pub fn run(options: &Options) -> Result<Report, String> {
    let machine = Machine::here();
    let small = options.small;
    let taken = [
        take_fanout,
        take_engine,
        take_encode,
        take_start,
        take_recovery,
        take_venue,
        take_idle,
        take_durable,
        take_load,
    ]
    .iter()
    .map(|take| take(small));
    Ok(Report { machine, taken: taken.collect::<Result<_, _>>()? })
}

fn take_fanout(small: bool) -> Result<Taken, String> {
    let (sockets, turns, rounds, idle) = if small { (10, 3, 1, 50) } else { (500, 100, 9, 5_000) };
    let report = fanout::run(&fanout::Options {
        sockets,
        turns,
        rounds,
        idle,
        node: None,
        no_io_uring: false,
    })?;
    let figures =
        report.costs.iter().zip(fanout::TARGETS_PER_MILLE).map(|(cost, (target, aim))| {
            let [ours, ratio, target, aim] =
                [cost.ours_ns, cost.ratio_per_mille, target, aim].map(Thousandths);
            Figure::new(
                format!(
                    "a delivery to {sockets} sockets, {} × {} B a turn",
                    cost.messages, cost.message_bytes
                ),
                format!("{ours} µs of CPU, {ratio} of the {}'s speed", cost.beside()),
                Some(format!("≥ {target}, aim ≥ {aim}")),
            )
        });
    Ok(Taken {
        command: format!(
            "rialto bench fanout --sockets {sockets} --turns {turns} --rounds {rounds}"
        ),
        figures: figures.collect(),
        report: value(&report.json()),
    })
}

fn take_engine(small: bool) -> Result<Taken, String> {
    let (commands, rounds) = if small { (100_000, 1) } else { (1_000_000, 9) };
    let flow =
        engine::Options { seed: 1, resting: 100_000, commands, accounts: 1_000, row: 16, rounds };
    let report = engine::run(&flow)?;
    let each = |ps: u64| format!("{} ns", Tenths(ps));
    let (target, target_p99) = (each(engine::TARGET_PS), engine::TARGET_P99_NS);
    Ok(Taken {
        command: format!("rialto bench engine --commands {commands} --rounds {rounds}"),
        figures: vec![
            Figure::new(
                "engine with events, CPU of a command at 100,000 resting orders",
                format!("{}, p99 {} ns", each(report.each_ps), report.single_ns.p99),
                Some(format!("≤ {target}, p99 ≤ {target_p99} ns")),
            ),
            Figure::new(
                "the same, of commands of which 16 wait and are looked at together",
                each(report.row_ps),
                None,
            ),
        ],
        report: value(&report.json()),
    })
}

fn take_encode(small: bool) -> Result<Taken, String> {
    let rounds = if small { 10 } else { 2_000 };
    let report = encode::run(&encode::Options { rounds })?;
    let figure = |what: &str, cost: &encode::Cost, target| {
        let encode::Cost { ns, ns_min, plain_ns, .. } = cost;
        let measured = format!("{ns} ns, fastest {ns_min} ns; plainly with serde {plain_ns} ns");
        Figure::new(what, measured, Some(target))
    };
    let (target, aim) = (encode::TRADE_TARGET_NS, encode::TRADE_AIM_NS);
    Ok(Taken {
        command: format!("rialto bench encode --rounds {rounds}"),
        figures: vec![
            figure("encoding a trade", &report.trade, format!("≤ {target} ns, aim ≤ {aim} ns")),
            figure(
                "encoding a book of 200 levels, none as in the one before",
                &report.book,
                format!("≤ {} ns", encode::BOOK_TARGET_NS),
            ),
            figure(
                "encoding a book of 200 levels, ten changed",
                &report.changed,
                format!("≤ {} ns", encode::CHANGED_TARGET_NS),
            ),
        ],
        report: value(&report.json()),
    })
}

fn take_start(small: bool) -> Result<Taken, String> {
    let runs = if small { 1 } else { 9 };
    let report = start::run(&start::Options { runs })?;
    let target = format!("≤ {}, aim ≤ {}", Micros(start::TARGET_US), Micros(start::AIM_US));
    Ok(Taken {
        command: format!("rialto bench start --runs {runs}"),
        figures: vec![Figure::new(
            "start to ready",
            Micros(report.ready_us).to_string(),
            Some(target),
        )],
        report: value(&report.json()),
    })
}

fn take_recovery(small: bool) -> Result<Taken, String> {
    let (events, image_every_commands, turns) =
        if small { (30_000, 3_000, 100) } else { (recovery::TARGET_EVENTS, 1 << 18, 20_000) };
    let options = recovery::Options { events, image_every_commands, turns };
    let report = recovery::run(&options)?;
    let micros = |it: std::time::Duration| Micros(it.as_micros() as u64);
    let rate = |took| format!("{} commands/s", Thousands(report.rate(took)));
    let (target, pause) = (Thousands(recovery::TARGET_COMMANDS), Micros(recovery::TARGET_PAUSE_US));
    Ok(Taken {
        command: format!("rialto bench recovery --events {events}"),
        figures: vec![
            Figure::new(
                "a journal in memory run again: the engine alone, every digest compared",
                rate(report.engine),
                Some(format!("≥ {target} commands/s")),
            ),
            Figure::new("the same with crowd and all boards", rate(report.whole), None),
            Figure::new(
                format!("start from an image, {} events in all", Thousands(report.events)),
                format!("{}, {} commands behind it", micros(report.start), report.tail),
                Some(format!("≤ {} for 10 M events", Micros(recovery::TARGET_START_US))),
            ),
            Figure::new(
                "a turn of the writer, p99, alone and while images are taken",
                format!("{} and {}", Micros(report.alone.p99), Micros(report.followed.p99)),
                Some(format!("≤ {pause} more")),
            ),
        ],
        report: value(&report.json()),
    })
}

fn take_venue(small: bool) -> Result<Taken, String> {
    let (seconds, settle) = if small { (2, 0) } else { (20, 3) };
    let report = venue::run(&venue::Options { seconds, settle })?;
    let percent = |per_mille: u64| format!("{} % of a core", Tenths(per_mille * 100));
    Ok(Taken {
        command: format!("rialto bench venue --seconds {seconds}"),
        figures: vec![Figure::new(
            "demo venue with its crowd, nobody connected",
            percent(report.core_per_mille()),
            Some(format!("≤ {}", percent(venue::TARGET_PER_MILLE))),
        )],
        report: value(&report.json()),
    })
}

fn take_idle(small: bool) -> Result<Taken, String> {
    let (sockets, settle) = if small { (1_000, 0) } else { (10_000, 3) };
    let report = idle::run(&idle::Options {
        sockets,
        path: "/bitstamp".to_owned(),
        tls: false,
        url: None,
        pid: Vec::new(),
        settle,
    })?;
    Ok(Taken {
        command: format!("rialto bench idle --sockets {sockets}"),
        figures: vec![Figure::new(
            format!(
                "memory of the server for each of {} idle connections",
                Thousands(report.open as u64)
            ),
            format!("{} B", report.bytes_each()),
            Some(format!("≤ {} B, aim ≤ {} B", idle::TARGET_BYTES, idle::AIM_BYTES)),
        )],
        report: value(&report.json()),
    })
}

fn take_durable(small: bool) -> Result<Taken, String> {
    let (orders, rounds, millis) = if small { (10, 2, 100) } else { (100, 15, 3_000) };
    let report = durable::run(&durable::Options { dir: None, orders, rounds, millis })?;
    let target = format!("≤ {} times", Thousandths(durable::TARGET_PER_MILLE));
    let acknowledged = format!("an order acknowledged once {} has it", report.file_system);
    let mut figures = vec![Figure::new(acknowledged, report.in_short(), Some(target))];
    figures.extend(report.groups.iter().map(|group| {
        let [commands, syncs, bare] =
            [group.commands_per_second, group.syncs_per_second, group.bare_commands_per_second()]
                .map(Thousands);
        Figure::new(
            format!("the same, {} clients at once", group.submitters),
            format!("{commands} a second in {syncs} syncs; bare groups of that size {bare}"),
            None,
        )
    }));
    Ok(Taken {
        command: format!("rialto bench durable --orders {orders} --rounds {rounds}"),
        figures,
        report: value(&report.json()),
    })
}

/// The whole venue under listeners: the market, its books and the sockets together.
fn take_load(small: bool) -> Result<Taken, String> {
    let (sockets, seconds) = if small { (50, 1) } else { (500, 10) };
    let venue = Venue::start(&["--seed", "7"])?;
    let say = r#"{"event":"bts:subscribe","data":{"channel":"live_orders_btcusd"}}"#;
    let report = load::run(&load::Options {
        server: Server::at(format!("ws://{}/bitstamp", venue.address)),
        sockets,
        say: vec![say.to_owned()],
        seconds,
        settle: 1,
        stamp: Some("data.microtimestamp".to_owned()),
        stamp_unit: load::Unit::Us,
        pid: vec![venue.process().0],
        opening: 64,
        timeout: 10,
    })?;
    let each = report.server_ns_per_delivery();
    let each = each.ok_or("failed to load the venue: nothing was delivered")?;
    let latency = report.latency_us.ok_or("failed to load the venue: no message had a time")?;
    let (each, rate) = (Thousandths(each), Thousands(report.deliveries_per_second()));
    Ok(Taken {
        command: format!(
            "rialto bench load ws://…/bitstamp --sockets {sockets} --seconds {seconds} --pid … \
             --say '{say}' --stamp data.microtimestamp"
        ),
        figures: vec![
            Figure::new(
                format!("whole demo venue, orders of BTC/USD to {sockets} sockets"),
                format!("{each} µs of CPU a delivery, at {rate} a second"),
                None,
            ),
            Figure::new(
                "the same: from the order's time to its being read",
                format!("p50 {}, p99 {}", Micros(latency.p50), Micros(latency.p99)),
                None,
            ),
        ],
        report: value(&report.json()),
    })
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).expect("a report is JSON")
}
