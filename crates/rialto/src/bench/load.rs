//! `rialto bench load`: how a WebSocket server serves many listeners, seen from their end.
//!
//! It connects so many sockets to any server, lets each say what it is given, and hears all that comes:
//! how much a second, how late after the time inside the payload, how evenly over the sockets, and what
//! a delivery costs the server. It knows no dialect.

mod report;
mod sightings;
mod stamp;
#[cfg(test)]
mod tests;

pub use report::{Report, ServerCost};
pub use stamp::{Stamp, Unit};

use std::time::{Duration, Instant};

use clap::Args;

use super::numbers::{Fairness, Histogram, Thousands, at_least_one};
use super::process::{CpuTimes, Process};
use super::progress::Progress;
use super::sockets::{Heard, Plan, Sockets};
use super::target::Server;
use sightings::Sightings;

/// How much of the first message is shown.
const FIRST_BYTES: usize = 200;
/// How long sockets may take to say goodbye at the end.
const PARTING: Duration = Duration::from_secs(2);

/// Options of `rialto bench load`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server, as in ws://127.0.0.1:8080/bitstamp
    #[command(flatten)]
    pub server: Server,
    /// How many sockets to open
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub sockets: usize,
    /// What each socket says when it is open, such as a subscription; may be repeated
    #[arg(long, visible_alias = "subscribe", value_name = "TEXT")]
    pub say: Vec<String>,
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// How long to listen, once all sockets are open, before measuring
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub settle: u64,
    /// Where a message has the time it was made at: names and places, from the outside in
    #[arg(long, value_name = "PATH")]
    pub stamp: Option<String>,
    /// What that time is counted in, since 1970
    #[arg(long, value_name = "UNIT", default_value = "us")]
    pub stamp_unit: Unit,
    /// A process of the server, on this machine, whose cost is told; may be repeated
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// How many sockets may be opening at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub opening: usize,
    /// How long a socket may take to open, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
}

/// What is counted while measuring.
struct Tally {
    measuring: bool,
    /// For each socket.
    deliveries: Vec<u64>,
    bytes: u64,
    stamp: Option<Stamp>,
    /// From the stamp to reading, in µs.
    latency: Histogram,
    unstamped: u64,
    ahead: u64,
    sightings: Sightings,
    first: Option<String>,
}

impl Tally {
    fn hear(&mut self, heard: Heard<'_>) {
        if heard.is_pong {
            return;
        }
        if self.first.is_none() {
            let shown = &heard.payload[..heard.payload.len().min(FIRST_BYTES)];
            self.first = Some(String::from_utf8_lossy(shown).into_owned());
        }
        if !self.measuring {
            return;
        }
        self.deliveries[heard.socket] += 1;
        self.bytes += heard.payload.len() as u64;
        if let Some(stamp) = &self.stamp {
            match stamp.find(heard.payload) {
                Some(made_ns) => {
                    // A stamp ahead of our clock, or rounded up, is no latency below zero.
                    self.ahead += u64::from(made_ns > heard.at_ns);
                    self.latency.add(heard.at_ns.saturating_sub(made_ns) / 1_000);
                }
                None => self.unstamped += 1,
            }
        }
        self.sightings.see(heard.payload, heard.at_ns);
    }
}

/// Opens the sockets, measures, and parts.
///
/// # Errors
/// If not one socket opens, or a process to look at is not there.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let servers: Vec<Process> = options.pid.iter().copied().map(Process).collect();
    // A wrong process id is told before anything is opened.
    cpu_of(&servers)?;
    let mut sockets = Sockets::new(Plan {
        target: options.server.target()?,
        sockets: options.sockets,
        opening_max: options.opening,
        timeout: Duration::from_secs(options.timeout),
        say: options.say.clone(),
    })?;
    let mut tally = Tally {
        measuring: false,
        deliveries: vec![0; options.sockets],
        bytes: 0,
        stamp: options.stamp.as_deref().map(|path| Stamp::new(path, options.stamp_unit)),
        latency: Histogram::default(),
        unstamped: 0,
        ahead: 0,
        sightings: Sightings::new(0),
        first: None,
    };
    let opening = sockets.open(&mut |heard| tally.hear(heard), &mut |text| progress.show(text))?;

    let settled = Instant::now() + Duration::from_secs(options.settle);
    while Instant::now() < settled && sockets.counts().open > 0 {
        sockets.turn(settled, &mut |heard| tally.hear(heard))?;
        progress.show("settling");
    }

    let listening: Vec<usize> =
        (0..options.sockets).filter(|&socket| sockets.is_open(socket)).collect();
    tally.sightings = Sightings::new(listening.len());
    tally.measuring = true;
    let memory_before = memory_of(&servers)?;
    // Where the system does not tell it, the report is without it.
    let own_before = Process::own().cpu().ok();
    let before = cpu_of(&servers)?;
    let began = Instant::now();
    let ends = began + Duration::from_secs(options.seconds);
    let mut shown = (began, 0_u64);
    while Instant::now() < ends && sockets.counts().open > 0 {
        let now = Instant::now();
        sockets.turn(ends.min(now + Duration::from_millis(250)), &mut |heard| tally.hear(heard))?;
        if progress.is_due() {
            let deliveries: u64 = tally.deliveries.iter().sum();
            let millis = now.duration_since(shown.0).as_millis().max(1) as u64;
            let rate = (deliveries - shown.1) * 1_000 / millis;
            let (gone, all) = (began.elapsed().as_secs(), options.seconds);
            progress.show(&format!("{gone} of {all} s: {} deliveries a second", Thousands(rate)));
            shown = (now, deliveries);
        }
    }
    let measured = began.elapsed();
    let after = cpu_of(&servers)?;
    let own_after = Process::own().cpu().ok();
    tally.measuring = false;
    let memory_after = memory_of(&servers)?;
    progress.done();

    let counts = sockets.counts();
    let ended = sockets.ended().clone();
    sockets.part(PARTING)?;

    let deliveries: u64 = tally.deliveries.iter().sum();
    let measured_us = (measured.as_micros() as u64).max(1);
    let server = (!servers.is_empty()).then(|| ServerCost {
        pids: options.pid.clone(),
        cpu_ns: after.iter().zip(&before).map(|(after, before)| after.since(before)).sum(),
        memory_before,
        memory_after,
    });
    Ok(Report {
        url: options.server.url().to_owned(),
        sockets: options.sockets,
        opened: counts.opened,
        open_at_end: counts.open,
        opening_ms: opening.as_millis() as u64,
        measured_us,
        deliveries,
        bytes: tally.bytes,
        stamp: options.stamp.clone(),
        latency_us: tally.latency.shares(),
        unstamped: tally.unstamped,
        stamps_ahead: tally.ahead,
        spread_us: tally.sightings.into_spread().shares(),
        a_socket: Fairness::of(listening.iter().map(|&socket| tally.deliveries[socket]).collect()),
        server,
        client_cpu_ns: own_after.zip(own_before).map(|(after, before)| after.since(&before)),
        ended,
        first_heard: tally.first,
    })
}

fn cpu_of(servers: &[Process]) -> Result<Vec<CpuTimes>, String> {
    servers.iter().map(|server| server.cpu()).collect()
}

fn memory_of(servers: &[Process]) -> Result<u64, String> {
    servers.iter().map(|server| server.memory()).sum()
}
