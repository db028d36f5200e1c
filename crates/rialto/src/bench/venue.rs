//! `rialto bench venue`: what the demo venue and its crowd cost while nobody is connected.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::numbers::{Bytes, Tenths};
use super::progress::Progress;
use super::serving::Venue;

/// What the project promises, in thousandths of a core.
pub const TARGET_PER_MILLE: u64 = 150;
/// Threads that cost less than this much of a core, in thousandths, are not named.
const NAMED_PER_MILLE: u64 = 1;

/// Options of `rialto bench venue`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// How long it may settle before, in seconds
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub settle: u64,
}

/// What the venue costs.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long was measured, in µs.
    pub measured_us: u64,
    /// Time on a core, all threads together.
    pub cpu_ns: u64,
    /// The same for each thread's name.
    pub threads_ns: BTreeMap<String, u64>,
    /// Memory at the end, in bytes.
    pub memory: u64,
}

impl Report {
    /// Thousandths of a core.
    pub fn core_per_mille(&self) -> u64 {
        self.of_a_core(self.cpu_ns)
    }

    fn of_a_core(&self, cpu_ns: u64) -> u64 {
        cpu_ns / self.measured_us.max(1)
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "venue",
            "measured_us": self.measured_us,
            "cpu_ns": self.cpu_ns,
            "core_per_mille": self.core_per_mille(),
            "target_core_per_mille": TARGET_PER_MILLE,
            "threads_cpu_ns": self.threads_ns,
            "memory_bytes": self.memory,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |per_mille: u64| Tenths(per_mille * 100);
        writeln!(
            f,
            "venue: the demo with its crowd, nobody connected, over {} s",
            Tenths(self.measured_us / 1_000)
        )?;
        let (own, target) = (percent(self.core_per_mille()), percent(TARGET_PER_MILLE));
        writeln!(f, "  CPU        {own} % of a core (target: at most {target} %)")?;
        for (name, &ns) in &self.threads_ns {
            if self.of_a_core(ns) >= NAMED_PER_MILLE {
                writeln!(f, "             {} % {name}", percent(self.of_a_core(ns)))?;
            }
        }
        write!(f, "  memory     {}", Bytes(self.memory))
    }
}

/// Serves the demo venue and looks at what it costs.
///
/// # Errors
/// If it does not start or does not stay.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let venue = Venue::start(&["--seed", "7"])?;
    let process = venue.process();
    thread::sleep(Duration::from_secs(options.settle));
    let before = process.cpu()?;
    let began = Instant::now();
    let ends = began + Duration::from_secs(options.seconds);
    while Instant::now() < ends {
        progress.show(&format!("{} of {} s", began.elapsed().as_secs(), options.seconds));
        thread::sleep(
            ends.saturating_duration_since(Instant::now()).min(Duration::from_millis(250)),
        );
    }
    let after = process.cpu()?;
    let measured_us = began.elapsed().as_micros() as u64;
    let mut threads_ns = BTreeMap::new();
    for (name, ns) in after.each_since(&before) {
        *threads_ns.entry(name.to_owned()).or_default() += ns;
    }
    Ok(Report { measured_us, cpu_ns: after.since(&before), threads_ns, memory: process.memory()? })
}
