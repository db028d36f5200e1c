//! `rialto bench machines`: what it costs that a market is served by several machines.
//!
//! Core, edges and the server of the bus are processes on this machine, which share its cores: what lies on the wall has
//! all of them in it, and nothing has a network in it. What a command costs each of them is time on a core, as the kernel
//! accounts it, and holds wherever they are.

mod bus;
mod cost;
mod events;
mod fresh;
mod listener;
mod market;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use self::bus::Carrier;
use super::numbers::at_least_one;
use super::progress::Progress;

/// Options of `rialto bench machines`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The NATS server on which they meet, as in nats://127.0.0.1:4222 [default: one is started, by nats-server on PATH]
    #[arg(long, value_name = "URL")]
    pub bus: Option<String>,
    /// In which folder; what is written there is removed again [default: ./target if it is there, else .]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Only these of the three
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',', default_values = ["cost", "events", "fresh"])]
    pub only: Vec<What>,
    /// cost: orders of a turn, at each of all in one, core and edge
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub orders: usize,
    /// cost: turns of each
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = at_least_one)]
    pub rounds: usize,
    /// events: how fast market time runs, which is how fast the crowd trades; more until edges do not keep up
    #[arg(long, value_name = "N", value_delimiter = ',', default_values = ["100", "200", "300", "400", "500", "600", "800", "1000", "1300", "1600"])]
    pub speeds: Vec<u32>,
    /// events: how many edges follow
    #[arg(long, value_name = "N", value_delimiter = ',', default_values = ["0", "1", "2", "4"])]
    pub edges: Vec<usize>,
    /// events: how long each number of edges is looked at
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// fresh: how many commands the journal has; as many as the demo's crowd does in a day
    #[arg(long, value_name = "N", default_value_t = fresh::DAY_COMMANDS, value_parser = clap::value_parser!(u64).range(10_000..))]
    pub commands: u64,
    /// fresh: how much faster than by the clock they are played
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub speed: u32,
    /// fresh: how often an edge is started; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub runs: usize,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// How long an order takes at an edge, at its core, and where one process is all of it
    Cost,
    /// How many events a second edges can follow, and what each costs whom
    Events,
    /// How long a fresh edge takes to be ready
    Fresh,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    cost: Option<cost::Report>,
    events: Option<events::Report>,
    fresh: Option<fresh::Report>,
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "machines",
            "cost": self.cost.as_ref().map(cost::Report::json),
            "events": self.events.as_ref().map(events::Report::json),
            "fresh": self.fresh.as_ref().map(fresh::Report::json),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machines: all of them on this one")?;
        let parts: [Option<&dyn fmt::Display>; 3] = [
            self.cost.as_ref().map(|it| it as _),
            self.events.as_ref().map(|it| it as _),
            self.fresh.as_ref().map(|it| it as _),
        ];
        parts.into_iter().flatten().try_for_each(|part| write!(f, "\n{part}"))
    }
}

/// Measures what was asked for, one after the other.
///
/// # Errors
/// If there is no bus, a machine does not start, or something is answered that should not be.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let carrier = Carrier::found(options.bus.as_deref(), options.dir.as_deref())?;
    let wants = |what| options.only.contains(&what);
    let cost = wants(What::Cost).then(|| cost::run(options, &carrier, &mut progress));
    let cost = cost.transpose()?;
    let events = wants(What::Events).then(|| events::run(options, &carrier, &mut progress));
    let events = events.transpose()?;
    let fresh = wants(What::Fresh).then(|| fresh::run(options, &carrier, &mut progress));
    Ok(Report { cost, events, fresh: fresh.transpose()? })
}
