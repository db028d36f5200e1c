//! What a load found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::json;

use crate::bench::numbers::{Bytes, Fairness, Micros, Shares, Tenths, Thousands};

/// What a load found. Fields say their unit; `_us` is microseconds.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server.
    pub url: String,
    /// Sockets that were asked for.
    pub sockets: usize,
    /// Sockets that opened.
    pub opened: usize,
    /// Sockets that were still open at the end.
    pub open_at_end: usize,
    /// How long opening took.
    pub opening_ms: u64,
    /// How long was measured.
    pub measured_us: u64,
    /// Messages that sockets got in that time.
    pub deliveries: u64,
    /// Their payloads.
    pub bytes: u64,
    /// Where their time was looked for.
    pub stamp: Option<String>,
    /// From the time in a payload to its being read.
    pub latency_us: Option<Shares>,
    /// Messages in which no time was found.
    pub unstamped: u64,
    /// Messages from after they were read: the clocks differ, or stamps are rounded up. Counted as 0.
    pub stamps_ahead: u64,
    /// From the first socket that read a message to the last.
    pub spread_us: Option<Shares>,
    /// Deliveries to each socket.
    pub a_socket: Option<Fairness>,
    /// What it cost the server, if its process was named.
    pub server: Option<ServerCost>,
    /// What it cost us, where the system tells.
    pub client_cpu_ns: Option<u64>,
    /// Why sockets did not open, or ended early, and how many.
    pub ended: BTreeMap<String, u64>,
    /// How the first message of all begins.
    pub first_heard: Option<String>,
}

/// What deliveries cost a server.
#[derive(Clone, Debug)]
pub struct ServerCost {
    /// Its processes.
    pub pids: Vec<u32>,
    /// Time on a core, all its threads together.
    pub cpu_ns: u64,
    /// Memory in RAM, in bytes.
    pub memory_before: u64,
    /// The same at the end.
    pub memory_after: u64,
}

impl Report {
    /// Deliveries a second.
    pub fn deliveries_per_second(&self) -> u64 {
        self.a_second(self.deliveries)
    }

    /// What a delivery cost the server, in ns of CPU.
    pub fn server_ns_per_delivery(&self) -> Option<u64> {
        self.server.as_ref()?.cpu_ns.checked_div(self.deliveries)
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let server = self.server.as_ref().map(|server| {
            json!({
                "pids": server.pids,
                "cpu_ns": server.cpu_ns,
                "cpu_ns_per_delivery": self.server_ns_per_delivery(),
                "core_per_mille": self.of_a_core(server.cpu_ns),
                "memory_bytes_before": server.memory_before,
                "memory_bytes_after": server.memory_after,
            })
        });
        json!({
            "bench": "load",
            "url": self.url,
            "sockets": self.sockets,
            "opened": self.opened,
            "open_at_end": self.open_at_end,
            "opening_ms": self.opening_ms,
            "measured_us": self.measured_us,
            "deliveries": self.deliveries,
            "deliveries_per_second": self.deliveries_per_second(),
            "bytes": self.bytes,
            "bytes_per_second": self.a_second(self.bytes),
            "stamp": self.stamp,
            "latency_us": self.latency_us,
            "unstamped": self.unstamped,
            "stamps_ahead": self.stamps_ahead,
            "spread_us": self.spread_us,
            "deliveries_a_socket": self.a_socket,
            "server": server,
            "client_cpu_ns": self.client_cpu_ns,
            "client_core_per_mille": self.client_cpu_ns.map(|ns| self.of_a_core(ns)),
            "ended": self.ended,
            "first_heard": self.first_heard,
        })
        .to_string()
    }

    fn a_second(&self, count: u64) -> u64 {
        (u128::from(count) * 1_000_000 / u128::from(self.measured_us)) as u64
    }

    /// Thousandths of a core.
    fn of_a_core(&self, cpu_ns: u64) -> u64 {
        cpu_ns / self.measured_us
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, sockets, opened, .. } = self;
        let (opening, measured) =
            (Micros(self.opening_ms * 1_000), Tenths(self.measured_us / 1_000));
        writeln!(
            f,
            "load: {url}: {opened} of {sockets} sockets opened in {opening}, measured for {measured} s"
        )?;
        writeln!(
            f,
            "  deliveries  {} a second, {} a second ({}, {} in all)",
            Thousands(self.deliveries_per_second()),
            Bytes(self.a_second(self.bytes)),
            Thousands(self.deliveries),
            Bytes(self.bytes)
        )?;
        if let Some(stamp) = &self.stamp {
            match &self.latency_us {
                Some(latency) => writeln!(f, "  latency     {latency} (from {stamp})")?,
                None => writeln!(f, "  latency     unknown: no message had a time at {stamp}")?,
            }
            if self.unstamped > 0 && self.latency_us.is_some() {
                writeln!(f, "              {} messages had none", Thousands(self.unstamped))?;
            }
            if self.stamps_ahead > 0 {
                writeln!(
                    f,
                    "              {} were from the future, counted as 0",
                    Thousands(self.stamps_ahead)
                )?;
            }
        }
        if let Some(spread) = &self.spread_us {
            writeln!(
                f,
                "  spread      {spread} ({} messages, from their first socket to their last)",
                Thousands(spread.count)
            )?;
        }
        if let Some(Fairness { min, median, max, jain_per_mille }) = self.a_socket {
            let [min, median, max] = [min, median, max].map(Thousands);
            writeln!(
                f,
                "  fairness    {min} to {max} deliveries a socket, median {median}, Jain's index {jain_per_mille} of 1000"
            )?;
        }
        if let Some(server) = &self.server {
            write!(f, "  server      ")?;
            if let Some(each) = self.server_ns_per_delivery() {
                write!(f, "{} µs of CPU a delivery, ", Hundredths(each))?;
            }
            let (before, after) = (Bytes(server.memory_before), Bytes(server.memory_after));
            writeln!(
                f,
                "{} % of a core; {before} of memory, then {after}",
                Tenths(self.of_a_core(server.cpu_ns) * 100)
            )?;
        }
        match self.client_cpu_ns.map(|ns| self.of_a_core(ns)) {
            Some(own) => {
                let full = if own > 900 { ": this end was the limit, not the server" } else { "" };
                write!(f, "  client      {} % of a core{full}", Tenths(own * 100))?;
            }
            None => write!(f, "  client      what it cost is not told by this system")?,
        }
        for (why, count) in &self.ended {
            write!(f, "\n  lost        {}: {why}", Thousands(*count))?;
        }
        if let Some(first) = &self.first_heard {
            write!(f, "\n  first heard {first}")?;
        }
        Ok(())
    }
}

/// Thousandths, written with two decimals.
struct Hundredths(u64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0 + 5) / 10;
        write!(f, "{}.{:02}", Thousands(hundredths / 100), hundredths % 100)
    }
}
