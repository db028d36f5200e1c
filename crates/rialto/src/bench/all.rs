//! `rialto bench all`: every figure of this build in one table, with the machine it was taken on and the
//! command that takes it again.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::numbers::{Micros, Tenths};
use super::serving::Venue;
use super::{engine, idle, load, start, venue};

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
    figures: Vec<Figure>,
}

/// One line of the table.
#[derive(Clone, Debug)]
struct Figure {
    what: &'static str,
    measured: String,
    target: Option<String>,
    /// What is behind `rialto bench`.
    command: String,
    /// The whole report that the figure is from.
    report: Value,
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
        let reports: Vec<&Value> = self.figures.iter().map(|figure| &figure.report).collect();
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
        for Figure { what, measured, target, command, .. } in &self.figures {
            let target = target.as_deref().unwrap_or("–");
            write!(f, "\n| {what} | {measured} | {target} | `rialto bench {command}` |")?;
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
    let figures = vec![
        start_figure(options)?,
        venue_figure(options)?,
        idle_figure(options)?,
        load_figure(options)?,
        engine_figure(options)?,
    ];
    Ok(Report { machine, figures })
}

fn start_figure(options: &Options) -> Result<Figure, String> {
    let runs = if options.small { 1 } else { 9 };
    let report = start::run(&start::Options { runs })?;
    Ok(Figure {
        what: "start to ready",
        measured: Micros(report.ready_us).to_string(),
        target: Some(format!("≤ {}", Micros(start::TARGET_US))),
        command: format!("start --runs {runs}"),
        report: value(&report.json()),
    })
}

fn venue_figure(options: &Options) -> Result<Figure, String> {
    let (seconds, settle) = if options.small { (2, 0) } else { (20, 3) };
    let report = venue::run(&venue::Options { seconds, settle })?;
    let percent = |per_mille: u64| format!("{} % of a core", Tenths(per_mille * 100));
    Ok(Figure {
        what: "demo venue with its crowd, nobody connected",
        measured: percent(report.core_per_mille()),
        target: Some(format!("≤ {}", percent(venue::TARGET_PER_MILLE))),
        command: format!("venue --seconds {seconds} --settle {settle}"),
        report: value(&report.json()),
    })
}

fn idle_figure(options: &Options) -> Result<Figure, String> {
    let (sockets, settle) = if options.small { (1_000, 0) } else { (10_000, 3) };
    let path = "/bitstamp".to_owned();
    let report = idle::run(&idle::Options { sockets, path, settle })?;
    Ok(Figure {
        what: "memory of the server for each idle connection",
        measured: format!("{} B", report.bytes_each()),
        target: Some(format!("≤ {} B", idle::TARGET_BYTES)),
        command: format!("idle --sockets {sockets} --settle {settle}"),
        report: value(&report.json()),
    })
}

/// The whole venue under listeners: the market, its books and the sockets together.
fn load_figure(options: &Options) -> Result<Figure, String> {
    let (sockets, seconds) = if options.small { (50, 1) } else { (500, 10) };
    let venue = Venue::start(&["--seed", "7"])?;
    std::thread::sleep(Duration::from_secs(1));
    let say = r#"{"event":"bts:subscribe","data":{"channel":"order_book_btcusd"}}"#;
    let report = load::run(&load::Options {
        url: format!("ws://{}/bitstamp", venue.address),
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
    let each =
        report.server_ns_per_delivery().ok_or("failed to load the venue: nothing was delivered")?;
    Ok(Figure {
        what: "whole venue, CPU for each delivery of a book of 200 levels",
        measured: format!("{} µs at {} a second", Tenths(each), report.deliveries_per_second()),
        target: None,
        command: format!(
            "load ws://…/bitstamp --sockets {sockets} --say '{say}' --stamp data.microtimestamp --seconds {seconds} --pid P"
        ),
        report: value(&report.json()),
    })
}

fn engine_figure(options: &Options) -> Result<Figure, String> {
    let (commands, rounds) = if options.small { (100_000, 1) } else { (1_000_000, 9) };
    let flow = engine::Options { seed: 1, resting: 100_000, commands, accounts: 1_000, rounds };
    let report = engine::run(&flow)?;
    let nanos = |ps: u64| format!("{} ns", Tenths(ps));
    Ok(Figure {
        what: "engine with events, CPU for each command at 100,000 resting orders",
        measured: format!("{}, p99 {} ns", nanos(report.each_ps), report.single_ns.p99),
        target: Some(format!("≤ {}, p99 ≤ {} ns", nanos(engine::TARGET_PS), engine::TARGET_P99_NS)),
        command: format!("engine --commands {commands} --rounds {rounds}"),
        report: value(&report.json()),
    })
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).expect("a report is JSON")
}
