//! How long a fresh edge takes to be ready behind a core whose journal has a day in it.
//!
//! The day is the demo's own, its ten instruments and its crowd, played faster. All of it but the last quarter of an hour
//! is in an image, and that an edge has to run again: no image becomes older than that as the demo is configured.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Options;
use super::bus::Carrier;
use super::market::Market;
use crate::bench::numbers::{Bytes, Micros, Thousands, Thousandths, median};
use crate::bench::progress::Progress;
use crate::bench::serving::{Metrics, Venue};
use crate::bench::start::ready_after;
use crate::config::DEMO;

/// What the project promises, in µs, where there is an image.
pub const TARGET_US: u64 = 3_000_000;
/// What the demo's crowd does in a second of market time.
const COMMANDS_PER_SECOND: u64 = 236;
/// What it does in a day.
pub const DAY_COMMANDS: u64 = COMMANDS_PER_SECOND * 86_400;
/// What it does in a quarter of an hour, which is what is behind the image unless the day is short.
const BEHIND_IMAGE_MAX: u64 = COMMANDS_PER_SECOND * 900;
/// So much longer ago than it has to, the day begins.
const MARGIN: Duration = Duration::from_secs(3_600);
/// After how many commands there is an image where one is waited for, and where there is to be none.
const IMAGED_SOON: u64 = 1_000;
const IMAGED_NEVER: u64 = 4_000_000_000;
/// How long a core may take to listen: what it has done since its last image is run again first.
const START: Duration = Duration::from_secs(300);
/// How long an edge may.
const EDGE_START: Duration = Duration::from_secs(120);
/// How long an image may take.
const IMAGE: Duration = Duration::from_secs(300);
/// How long the crowd may do nothing.
const STILL: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    speed: u32,
    /// Commands that the journal had when the first edge began.
    commands: u64,
    /// Bytes of the image that the edges began with.
    image_bytes: u64,
    /// Commands behind it, when the first edge began.
    behind_image: u64,
    /// Until `/readyz` answered 200, in µs, from the fastest to the slowest.
    ready_us: Vec<u64>,
    /// Memory of an edge, and of the core, then.
    edge_memory: u64,
    core_memory: u64,
}

impl Report {
    fn median_us(&self) -> u64 {
        self.ready_us[self.ready_us.len() / 2]
    }

    pub fn json(&self) -> Value {
        json!({
            "speed": self.speed,
            "commands": self.commands,
            "image_bytes": self.image_bytes,
            "commands_behind_image": self.behind_image,
            "runs": self.ready_us.len(),
            "ready_us": self.median_us(),
            "ready_us_min": self.ready_us.first(),
            "ready_us_max": self.ready_us.last(),
            "target_us": TARGET_US,
            "edge_memory_bytes": self.edge_memory,
            "core_memory_bytes": self.core_memory,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [commands, behind] = [self.commands, self.behind_image].map(Thousands);
        write!(
            f,
            "  fresh: the demo played {} times as fast to {commands} commands ({} of its days); an image of {}, \
             {behind} commands behind it",
            Thousands(self.speed.into()),
            Thousandths(self.commands * 1_000 / DAY_COMMANDS),
            Bytes(self.image_bytes)
        )?;
        let ends = [self.median_us(), self.ready_us[0], self.ready_us[self.ready_us.len() - 1]];
        let [middle, least, most] = ends.map(Micros);
        write!(
            f,
            "\n    an edge is ready after {middle}, median of {} ({least} to {most}); target: at most {}",
            self.ready_us.len(),
            Micros(TARGET_US)
        )?;
        let [edge, core] = [self.edge_memory, self.core_memory].map(Bytes);
        write!(f, "\n    memory of an edge without clients {edge}, of the core {core}")
    }
}

/// Measures.
///
/// # Errors
/// If a machine does not start or does not become ready, or there is no image where one has to be.
pub fn run(
    options: &Options,
    carrier: &Carrier,
    progress: &mut Progress,
) -> Result<Report, String> {
    let market = Market::new(DEMO, carrier, options.dir.as_deref())?;
    let behind = (options.commands / 2).min(BEHIND_IMAGE_MAX);
    // Nothing is played while no core is there: time is to be no later than now when the last of them opens its doors.
    let ago = Duration::from_secs(options.commands / COMMANDS_PER_SECOND) + MARGIN;
    let begins = Timestamp::from_second((Timestamp::now() - ago).as_second());
    let begins = begins.map_err(|error| format!("failed to tell when to begin: {error}"))?;
    let (fast, stands) = (format!("{begins}@{}", options.speed), begins.to_string());
    play(&market, &fast, options.commands - behind, progress)?;

    // Time goes on by the second until all of that is in an image.
    market.configure(&imaged_every(IMAGED_SOON))?;
    let core = market.core(&["--clock", &stands], START)?;
    let waits = Instant::now();
    progress.show("waiting for an image");
    while behind_image(&core.metrics()?)? >= 3 * IMAGED_SOON {
        if waits.elapsed() > IMAGE {
            return Err("failed to see an image: none was taken in five minutes".to_owned());
        }
        thread::sleep(LOOK_EVERY);
    }
    core.end()?;

    // No image is taken of what is left.
    market.configure(&imaged_every(IMAGED_NEVER))?;
    play(&market, &fast, options.commands, progress)?;
    let core = market.core(&[], START)?;
    let metrics = core.metrics()?;
    let commands = metrics.read("rialto_journal_command")?;
    let image_bytes = metrics.read("rialto_image_bytes")?;
    let behind_image = behind_image(&metrics)?;
    let mut ready_us = Vec::new();
    let mut edge_memory = 0;
    for run in 0..options.runs {
        progress.show(&format!("fresh edges: {run} of {}", options.runs));
        let edge = market.edge(run, EDGE_START)?;
        ready_us.push(ready_after(&edge)?.as_micros() as u64);
        edge_memory = edge.process().memory()?;
    }
    // It sorts them.
    median(&mut ready_us);
    Ok(Report {
        speed: options.speed,
        commands,
        image_bytes,
        behind_image,
        ready_us,
        edge_memory,
        core_memory: core.process().memory()?,
    })
}

/// Plays until the journal has so many commands.
fn play(
    market: &Market,
    clock: &str,
    commands: u64,
    progress: &mut Progress,
) -> Result<(), String> {
    let core: Venue = market.core(&["--seed", "7", "--clock", clock], START)?;
    let (mut has, mut grown) = (0, Instant::now());
    while has < commands {
        let now = core.metrics()?.read("rialto_journal_command")?;
        if now > has {
            (has, grown) = (now, Instant::now());
        } else if grown.elapsed() > STILL {
            return Err("failed to play the day: the crowd does nothing".to_owned());
        }
        progress.show(&format!("playing: {} of {} commands", Thousands(has), Thousands(commands)));
        thread::sleep(LOOK_EVERY);
    }
    core.end()
}

/// The demo, with an image after so many commands.
fn imaged_every(commands: u64) -> String {
    let table =
        format!("[journal]\nimage_every_commands = {commands}\nimage_every_minutes = 1_440\n");
    DEMO.replacen("[journal]\n", &table, 1)
}

/// Commands that are not in the newest image.
fn behind_image(metrics: &Metrics) -> Result<u64, String> {
    let image = metrics.read("rialto_image_command").unwrap_or(0);
    Ok(metrics.read("rialto_journal_command")?.saturating_sub(image))
}
