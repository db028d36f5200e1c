//! `rialto bench`: how fast and how heavy this build is, and how any WebSocket server carries a load.
//!
//! Each bench is a module with the same three things: `Options` (what the command line takes), `run`,
//! and a `Report` that is text for people and JSON for programs. Nothing here decides how the venue
//! works; what is measured is the same code that serves.

pub mod all;
pub mod durable;
pub mod encode;
pub mod engine;
pub mod fanout;
pub mod idle;
pub mod load;
mod numbers;
mod process;
pub mod progress;
mod serving;
mod sockets;
pub mod start;
mod target;
pub mod venue;

use std::fmt;
use std::io::{self, Write};

use clap::{Args, Subcommand};

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Load any WebSocket server with listeners and tell how it carries them
    #[command(
        after_help = "Example: 500 listeners to the trades of a venue that runs as process 4711\n  \
        rialto bench load ws://127.0.0.1:8080/bitstamp --sockets 500 --pid 4711 \\\n    \
        --say '{\"event\":\"bts:subscribe\",\"data\":{\"channel\":\"live_trades_btcusd\"}}' \\\n    \
        --stamp data.microtimestamp --stamp-unit us --seconds 30\n\n\
        Latency is from the time in the payload to its being read here: the clocks of both ends and what \
        the server waits for on purpose (a book each 100 ms) are in it."
    )]
    Load(Asked<load::Options>),
    /// CPU of the matching engine for each command, on the documented flow
    #[command(
        after_help = "Example: another flow\n  rialto bench engine --seed 7 --resting 20000\n\n\
        Of a hundred commands 60 place a limit order near the touch, 30 cancel, 8 place a marketable order and \
        2 replace. Build with --release."
    )]
    Engine(Asked<engine::Options>),
    /// CPU of a delivery, from the event to the sockets, beside a plain loop of sends
    #[command(after_help = "Example: 2,000 listeners\n  rialto bench fanout --sockets 2000")]
    Fanout(Asked<fanout::Options>),
    /// What encoding a trade and a book of 200 levels costs
    #[command(after_help = "Example: a quick look\n  rialto bench encode --rounds 200")]
    Encode(Asked<encode::Options>),
    /// Time until an order is acknowledged that the disk has, beside a bare write and sync
    #[command(
        after_help = "Example: on another disk\n  rialto bench durable --dir /var/lib/rialto\n\n\
        Both are done in turns, on one file system; on tmpfs a sync does nothing. Build with --release."
    )]
    Durable(Asked<durable::Options>),
    /// Memory of the server for each idle connection
    #[command(after_help = "Example: half as many\n  rialto bench idle --sockets 5000")]
    Idle(Asked<idle::Options>),
    /// Time from starting a venue to its being ready
    #[command(after_help = "Example: for a program to read\n  rialto bench start --runs 21 --json")]
    Start(Asked<start::Options>),
    /// CPU of the demo venue with its crowd while nobody is connected
    #[command(after_help = "Example: over a minute\n  rialto bench venue --seconds 60")]
    Venue(Asked<venue::Options>),
    /// All of this build's figures, as a table with the machine they were taken on
    #[command(after_help = "Example: into the page of figures\n  rialto bench all > figures.md")]
    All(Asked<all::Options>),
}

/// A bench and how its report is wanted.
#[derive(Args, Debug)]
pub struct Asked<O: Args> {
    /// What to measure.
    #[command(flatten)]
    pub options: O,
    /// Report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Measures what was asked for and reports it on stdout.
///
/// # Errors
/// What failed, and why.
pub fn run(bench: &Bench) -> Result<(), String> {
    match bench {
        Bench::Load(asked) => {
            let report = load::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Engine(asked) => {
            let report = engine::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Fanout(asked) => {
            let report = fanout::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Encode(asked) => {
            let report = encode::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Durable(asked) => {
            let report = durable::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Idle(asked) => {
            let report = idle::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Start(asked) => {
            let report = start::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Venue(asked) => {
            let report = venue::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::All(asked) => {
            let report = all::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
    }
}

fn tell(text: &impl fmt::Display, json: Option<String>) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let told = match json {
        Some(json) => writeln!(out, "{json}"),
        None => writeln!(out, "{text}"),
    };
    told.map_err(|error| format!("failed to write the report: {error}"))
}
