//! `rialto bench`: how fast and how heavy this build is, and how any WebSocket server carries a load.
//!
//! Each bench is a module with the same three things: `Options` (what the command line takes), `run`,
//! and a `Report` that is text for people and JSON for programs. Nothing here decides how the venue
//! works; what is measured is the same code that serves.

pub mod all;
pub mod beside;
pub mod durable;
pub mod encode;
pub mod engine;
pub mod fanout;
mod folder;
pub mod idle;
pub mod latency;
pub mod load;
pub mod machines;
mod numbers;
pub mod paced;
mod process;
pub mod progress;
pub mod recovery;
mod serving;
pub mod slow;
mod sockets;
pub mod start;
pub mod storm;
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
        visible_alias = "fan-out",
        after_help = "Example: 500 listeners to the trades of a venue that runs as process 4711\n  \
        rialto bench load ws://127.0.0.1:8080/bitstamp --sockets 500 --pid 4711 \\\n    \
        --say '{\"event\":\"bts:subscribe\",\"data\":{\"channel\":\"live_trades_btcusd\"}}' \\\n    \
        --stamp data.microtimestamp --stamp-unit us --seconds 30\n\n\
        Latency is from the time in the payload to its being read here: the clocks of both ends and what \
        the server waits for on purpose (a book each 100 ms) are in it."
    )]
    Load(Asked<load::Options>),
    /// How long any WebSocket server takes to answer at a fixed rate, without coordinated omission
    #[command(after_help = "Example: 1,000 pings a second, by 100 sockets\n  \
        rialto bench latency ws://127.0.0.1:8080/bitstamp --rate 1000\n\n\
        Example: a question with its own answer, of another server\n  \
        rialto bench latency --url ws://127.0.0.1:9001/ --ask '{\"id\":1,\"method\":\"time\"}' --answer '\"id\":1'\n\n\
        Each question has its time in advance and is late from then on, asked or not. This end spins on a core.")]
    Latency(Asked<latency::Options>),
    /// Our sockets beside a plain send() loop, a joined-write loop and Node's ws: the ratios that are promised
    #[command(
        after_help = "Example: with Node's ws, installed by `npm install ws` in /tmp/ws\n  rialto bench beside --node /tmp/ws\n\n\
        `cargo xtask bench` installs it and runs this."
    )]
    Beside(Asked<beside::Options>),
    /// How late deliveries are at a fixed rate, from the event to the sockets, beside a joined-write loop
    #[command(after_help = "Example: half the rate\n  rialto bench paced --rate 500000")]
    Paced(Asked<paced::Options>),
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
    /// Memory of the server for each idle connection: of this build, or of any server on this machine
    #[command(after_help = "Example: half as many\n  rialto bench idle --sockets 5000\n\n\
        Example: encrypted\n  rialto bench idle --tls\n\n\
        Example: another server\n  rialto bench idle --url ws://127.0.0.1:9001/ --pid 4711")]
    Idle(Asked<idle::Options>),
    /// Everybody is cut at once and comes back at once: how long until the last has a book, and whether the engine notices
    #[command(after_help = "Example: a smaller storm\n  rialto bench storm --sockets 2000\n\n\
        What orders took is the venue's own account of them; what their client saw has the storm in it that this program \
        makes on the same cores.")]
    Storm(Asked<storm::Options>),
    /// Whether those who read notice those who never do, and what those cost in memory
    #[command(after_help = "Example: a tenth never reads\n  rialto bench slow --percent 10\n\n\
        A turn has to be long enough for everybody who never reads to be let go: what is behind the quota takes \
        sockets × quota / (rate × bytes) seconds.")]
    Slow(Asked<slow::Options>),
    /// How fast a journal is run again, and what whoever writes it notices of images being taken
    #[command(
        after_help = "Example: a shorter journal\n  rialto bench recovery --events 1000000\n\n\
        The journal is in memory: nothing waits for a disk. Build with --release, and leave the machine alone."
    )]
    Recovery(Asked<recovery::Options>),
    /// What it costs that a market is served by several machines: core, edges and a NATS server, all on this one
    #[command(
        after_help = "Example: with a NATS server that runs, and only what clients wait for\n  \
        rialto bench machines --bus nats://127.0.0.1:4222 --only cost\n\n\
        Without --bus it starts nats-server, from PATH, on free ports of loopback, and tells what that carried and cost too. \
        Its machines are processes of this program in folders that are removed again; a day's journal takes half a \
        gigabyte, and about four minutes. Build with --release."
    )]
    Machines(Asked<machines::Options>),
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
        Bench::Latency(asked) => {
            let report = latency::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Beside(asked) => {
            let report = beside::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Paced(asked) => {
            let report = paced::run(&asked.options)?;
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
        Bench::Storm(asked) => {
            let report = storm::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Slow(asked) => {
            let report = slow::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Recovery(asked) => {
            let report = recovery::run(&asked.options)?;
            tell(&report, asked.json.then(|| report.json()))
        }
        Bench::Machines(asked) => {
            let report = machines::run(&asked.options)?;
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
