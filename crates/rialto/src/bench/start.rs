//! `rialto bench start`: how long a venue takes from being started to listening, and to being ready.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::numbers::{Micros, median};
use super::progress::Progress;
use super::serving::Venue;

/// What the project promises, in µs.
pub const TARGET_US: u64 = 1_000_000;
/// What it aims at.
pub const AIM_US: u64 = 500_000;
/// When a venue is given up that listens and is not ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait between two questions.
const PAUSE: Duration = Duration::from_millis(1);

/// Options of `rialto bench start`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How often to start it; the median counts
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
}

/// How long starting took, in µs, over all runs.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How often it was started.
    pub runs: u32,
    /// Until it said `listening on …`, median.
    pub listening_us: u64,
    /// The slowest.
    pub listening_us_max: u64,
    /// Until `/readyz` answered 200, median.
    pub ready_us: u64,
    /// The slowest.
    pub ready_us_max: u64,
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "start",
            "runs": self.runs,
            "listening_us": self.listening_us,
            "listening_us_max": self.listening_us_max,
            "ready_us": self.ready_us,
            "ready_us_max": self.ready_us_max,
            "target_us": TARGET_US,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [listening, listening_max, ready, ready_max, target] =
            [self.listening_us, self.listening_us_max, self.ready_us, self.ready_us_max, TARGET_US]
                .map(Micros);
        writeln!(f, "start: median of {} runs (slowest)", self.runs)?;
        writeln!(f, "  listening  {listening} ({listening_max})")?;
        write!(f, "  ready      {ready} ({ready_max}); target: at most {target}")
    }
}

/// Starts venues one after another.
///
/// # Errors
/// If one does not start or does not become ready.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let (mut listening, mut ready) = (Vec::new(), Vec::new());
    for run in 0..options.runs {
        progress.show(&format!("started {run} of {}", options.runs));
        let venue = Venue::start(&["--seed", "7"])?;
        listening.push(venue.listening_after.as_micros() as u64);
        ready.push(ready_after(&venue)?.as_micros() as u64);
    }
    Ok(Report {
        runs: options.runs,
        listening_us: median(&mut listening),
        listening_us_max: listening[listening.len() - 1],
        ready_us: median(&mut ready),
        ready_us_max: ready[ready.len() - 1],
    })
}

/// How long after it was started a venue is ready.
pub fn ready_after(venue: &Venue) -> Result<Duration, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = venue.status("/readyz")?;
        if status == 200 {
            return Ok(venue.started().elapsed());
        }
        if Instant::now() >= deadline {
            let patience = PATIENCE.as_secs();
            return Err(format!(
                "failed to see a venue ready: /readyz still answered {status} after {patience} s"
            ));
        }
        thread::sleep(PAUSE);
    }
}
