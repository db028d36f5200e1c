//! `rialto bench idle`: what a connection that says and hears nothing costs the server in memory.
//!
//! Memory of the process, that is; what the kernel keeps for a socket is not the server's to change, and is told beside it.

mod encrypted;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use self::encrypted::Certified;
use super::numbers::{Bytes, Micros, Thousands};
use super::process::{Process, kernel_memory};
use super::progress::Progress;
use super::serving::Venue;
use super::sockets::{Plan, Sockets, raise_file_limit};
use super::target::Target;

/// What the project promises, in bytes.
pub const TARGET_BYTES: u64 = 4_096;
/// What it aims at.
pub const AIM_BYTES: u64 = 1_024;

/// What it promises of a connection that is encrypted.
pub const TLS_TARGET_BYTES: u64 = 20_000;

/// Files that the process needs beside its connections.
const OTHER_FILES: u64 = 32;
/// How long sockets may take to say goodbye to another server at the end.
const PARTING: Duration = Duration::from_secs(2);

/// Options of `rialto bench idle`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many connections to open
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub sockets: u32,
    /// Where they connect
    #[arg(long, value_name = "PATH", default_value = "/bitstamp")]
    pub path: String,
    /// Encrypted, under a certificate that is made for it
    #[arg(long, conflicts_with = "url")]
    pub tls: bool,
    /// Another server than this program's, which runs on this machine as --pid
    #[arg(long, value_name = "URL", requires = "pid", conflicts_with = "path")]
    pub url: Option<String>,
    /// Its process; may be repeated
    #[arg(long, value_name = "PID", requires = "url")]
    pub pid: Vec<u32>,
    /// How long to let the venue settle before each look at its memory, in seconds
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub settle: u64,
}

/// What idle connections cost. Memory is in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Connections that were open.
    pub open: usize,
    /// Whether they were encrypted.
    pub tls: bool,
    /// How long opening them took.
    pub opening_ms: u64,
    /// The venue's memory before.
    pub before: u64,
    /// The venue's memory with all of them open.
    pub after: u64,
    /// How much the venue grew by itself while nobody was connected, in `settle` seconds.
    pub drift: u64,
    /// See above.
    pub settle: u64,
    /// How much the kernel's own memory grew, of which both ends of each connection are a part.
    pub kernel: Option<u64>,
}

impl Report {
    /// What the kernel has for one end of a connection, whatever else it did meanwhile included.
    pub fn kernel_bytes_each(&self) -> Option<u64> {
        self.kernel.map(|kernel| kernel / (2 * self.open as u64).max(1))
    }

    /// What a connection costs, the venue's own growth in that time included.
    pub fn bytes_each(&self) -> u64 {
        self.after.saturating_sub(self.before) / (self.open as u64).max(1)
    }

    /// What the project promises of it.
    pub const fn target(&self) -> u64 {
        if self.tls { TLS_TARGET_BYTES } else { TARGET_BYTES }
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "idle",
            "open": self.open,
            "tls": self.tls,
            "opening_ms": self.opening_ms,
            "memory_bytes_before": self.before,
            "memory_bytes_after": self.after,
            "drift_bytes": self.drift,
            "drift_seconds": self.settle,
            "bytes_each": self.bytes_each(),
            "target_bytes_each": self.target(),
            "kernel_bytes_each_end": self.kernel_bytes_each(),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, opening) = (Thousands(self.open as u64), Micros(self.opening_ms * 1_000));
        let encrypted = if self.tls { "encrypted " } else { "" };
        writeln!(f, "idle: {open} {encrypted}connections, opened in {opening}")?;
        writeln!(
            f,
            "  each       {} B of the server's memory (target: at most {} B)",
            self.bytes_each(),
            self.target()
        )?;
        write!(
            f,
            "  in all     {} before, {} after; by itself it grew {} in {} s",
            Bytes(self.before),
            Bytes(self.after),
            Bytes(self.drift),
            self.settle
        )?;
        let Some(each) = self.kernel_bytes_each() else { return Ok(()) };
        write!(
            f,
            "\n  kernel     {each} B more for each end of a connection; both are on this machine"
        )
    }
}

/// Serves a venue, opens the connections, and looks at its memory before and after.
///
/// # Errors
/// If the venue does not start, or not every connection opens and stays.
pub fn run(options: &Options) -> Result<Report, String> {
    if options.tls {
        return run_encrypted(options);
    }
    let mut progress = Progress::new();
    let settle = Duration::from_secs(options.settle);
    let (venue, url, processes) = match &options.url {
        Some(url) => (None, url.clone(), options.pid.iter().copied().map(Process).collect()),
        None => {
            let venue = Venue::start(&["--seed", "7"])?;
            let url = format!("ws://{}{}", venue.address, options.path);
            let process = venue.process();
            (Some(venue), url, vec![process])
        }
    };
    let memory = || -> Result<u64, String> { processes.iter().map(|it| it.memory()).sum() };
    thread::sleep(settle);
    let at_rest = memory()?;
    thread::sleep(settle);
    let before = memory()?;
    let kernel = kernel_memory();
    let mut sockets = Sockets::new(Plan {
        target: Target::find(&url)?,
        sockets: options.sockets as usize,
        opening_max: 64,
        timeout: Duration::from_secs(10),
        say: Vec::new(),
    })?;
    let opening = sockets.open(&mut |_| {}, &mut |text| progress.show(text))?;
    sockets.turn_for(settle, &mut |_| {})?;
    let open = sockets.counts().open;
    let after = memory()?;
    let kernel = grown(kernel);
    progress.done();
    if open < options.sockets as usize {
        let reasons: Vec<String> =
            sockets.ended().iter().map(|(why, count)| format!("{count}: {why}")).collect();
        return Err(format!(
            "failed to keep {} connections open: {}",
            options.sockets,
            reasons.join("; ")
        ));
    }
    match venue {
        // The venue goes first: 10,000 goodbyes would tell nobody anything.
        Some(venue) => drop(venue),
        None => sockets.part(PARTING)?,
    }
    Ok(Report {
        open,
        tls: false,
        opening_ms: opening.as_millis() as u64,
        before,
        after,
        drift: before.saturating_sub(at_rest),
        settle: options.settle,
        kernel,
    })
}

/// How much the kernel's memory has grown.
fn grown(before: Option<u64>) -> Option<u64> {
    kernel_memory()?.checked_sub(before?)
}

/// The same with connections that are encrypted.
fn run_encrypted(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let (settle, sockets) = (Duration::from_secs(options.settle), options.sockets as usize);
    raise_file_limit(u64::from(options.sockets) + OTHER_FILES)?;
    let certified = Certified::make()?;
    let arguments = certified.arguments()?;
    let arguments = arguments.each_ref().map(String::as_str);
    let venue = Venue::start(&[&["--seed", "7"], &arguments[..]].concat())?;
    let address = venue.encrypted.ok_or("failed to start a venue: it does not listen for TLS")?;
    let process = venue.process();
    thread::sleep(settle);
    let at_rest = process.memory()?;
    thread::sleep(settle);
    let before = process.memory()?;
    let kernel = kernel_memory();
    let began = Instant::now();
    let place = (address, options.path.as_str());
    let open = certified.open(place, sockets, &mut |text| progress.show(text))?;
    let opening_ms = began.elapsed().as_millis() as u64;
    thread::sleep(settle);
    let after = process.memory()?;
    let kernel = grown(kernel);
    progress.done();
    let text = venue.text("/metrics")?;
    let line = text.lines().find_map(|line| line.strip_prefix("rialto_connections_open "));
    let still = line.and_then(|count| count.parse().ok()).unwrap_or(0);
    if still < sockets {
        return Err(format!("failed to keep {sockets} connections open: {still} are"));
    }
    // The venue goes first: so many goodbyes would tell nobody anything.
    drop(venue);
    drop(open);
    Ok(Report {
        open: still,
        tls: true,
        opening_ms,
        before,
        after,
        drift: before.saturating_sub(at_rest),
        settle: options.settle,
        kernel,
    })
}
