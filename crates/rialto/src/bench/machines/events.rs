//! How many events a second go through the bus to edges that show them, and what each costs whom.
//!
//! The demo's crowd trades as fast as market time runs. For each speed a core is started, then edges one by one; each
//! number of them is looked at for some seconds. They keep up if their boards took in as many events as the core's did.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Options;
use super::bus::{Carried, Carrier};
use super::market::Market;
use crate::bench::numbers::{Tenths, Thousands};
use crate::bench::process::CpuTimes;
use crate::bench::progress::Progress;
use crate::bench::serving::Venue;
use crate::config::DEMO;

/// An edge whose boards took in so many thousandths of what the core's did has kept up.
const LEVEL_PER_MILLE: u64 = 980;
/// How long an edge may take to be level; one that cannot keep up never is.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long machines are left alone before they are looked at.
const SETTLE: Duration = Duration::from_secs(1);
/// How often it is looked whether edges keep up: one that was kept waiting catches up, one that is too slow never does.
const LOOKS: u32 = 3;
/// The thread of a core that takes images.
const FOLLOWER: &str = "follower";
/// With less than so many thousandths more than at the speed before, the core is what does not keep up.
const GROWS_PER_MILLE: u64 = 1_020;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    seconds: u64,
    steps: Vec<Step>,
}

/// So many edges behind a core whose market runs so fast.
#[derive(Clone, Debug)]
struct Step {
    speed: u32,
    edges: usize,
    /// `None` if an edge never was level.
    seen: Option<Seen>,
}

/// What was seen of them.
#[derive(Clone, Debug)]
struct Seen {
    commands_per_second: u64,
    events_per_second: u64,
    /// Of the slowest edge; the core's, if there is none.
    edge_events_per_second: u64,
    /// Messages that came before what is before them, which was asked for.
    gaps: u64,
    /// CPU of a command, in ns: the core's but for images, what those take, an edge's (the mean of all), the NATS server's.
    core_ns: u64,
    images_ns: u64,
    edge_ns: Option<u64>,
    bus_ns: Option<u64>,
    /// What the server of the bus took and handed on, in thousandths of a byte for each command.
    bytes_in: Option<u64>,
    bytes_out: Option<u64>,
    messages_per_second: Option<u64>,
}

impl Seen {
    fn is_level(&self) -> bool {
        self.edge_events_per_second * 1_000 >= self.events_per_second * LEVEL_PER_MILLE
    }
}

impl Step {
    fn is_level(&self) -> bool {
        self.seen.as_ref().is_some_and(Seen::is_level)
    }

    fn json(&self) -> Value {
        let seen = self.seen.as_ref().map(|it| {
            json!({
                "is_level": it.is_level(),
                "commands_per_second": it.commands_per_second,
                "events_per_second": it.events_per_second,
                "slowest_edge_events_per_second": it.edge_events_per_second,
                "gaps": it.gaps,
                "core_ns_per_command": it.core_ns,
                "images_ns_per_command": it.images_ns,
                "edge_ns_per_command": it.edge_ns,
                "bus_ns_per_command": it.bus_ns,
                "bus_millibytes_in_per_command": it.bytes_in,
                "bus_millibytes_out_per_command": it.bytes_out,
                "bus_messages_in_per_second": it.messages_per_second,
            })
        });
        json!({"speed": self.speed, "edges": self.edges, "seen": seen})
    }
}

impl Report {
    /// The most that each number of edges kept up with, in commands and events a second.
    fn kept_up_with(&self) -> BTreeMap<usize, (u64, u64)> {
        let mut most = BTreeMap::<usize, (u64, u64)>::new();
        for step in self.steps.iter().filter(|step| step.edges > 0) {
            let most = most.entry(step.edges).or_default();
            if let Some(seen) = step.seen.as_ref().filter(|seen| seen.is_level()) {
                *most = (*most).max((seen.commands_per_second, seen.events_per_second));
            }
        }
        most
    }

    pub fn json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Step::json).collect();
        let most = self.kept_up_with().into_iter().map(|(edges, (commands, events))| {
            json!({"edges": edges, "commands_per_second": commands, "events_per_second": events})
        });
        let most: Vec<Value> = most.collect();
        json!({"seconds": self.seconds, "kept_up_with": most, "steps": steps})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        write!(
            f,
            "  events: each number of edges for {} s, all machines on {cores} cores; CPU and bytes are for each command",
            self.seconds
        )?;
        for Step { speed, edges, seen } in &self.steps {
            write!(f, "\n    {edges} edges, market time at {speed}: ")?;
            let Some(seen) = seen else {
                write!(f, "one never was level")?;
                continue;
            };
            let [commands, events, edge, gaps] = [
                seen.commands_per_second,
                seen.events_per_second,
                seen.edge_events_per_second,
                seen.gaps,
            ]
            .map(Thousands);
            write!(f, "{commands} commands and {events} events a second")?;
            if *edges > 0 {
                let kept = if seen.is_level() { "kept up" } else { "did not keep up" };
                write!(f, ", the slowest edge {kept} with {edge}")?;
                write!(f, "; {gaps} gaps")?;
            }
            let [core, images] = [seen.core_ns, seen.images_ns].map(Thousands);
            write!(f, "\n      CPU core {core} ns, and {images} ns for images")?;
            if let Some(ns) = seen.edge_ns {
                write!(f, ", an edge {} ns", Thousands(ns))?;
            }
            if let Some(ns) = seen.bus_ns {
                write!(f, ", NATS server {} ns", Thousands(ns))?;
            }
            if let (Some(taken), Some(given)) = (seen.bytes_in, seen.bytes_out) {
                let [taken, given] = [taken, given].map(Tenths);
                write!(f, "; the bus took {taken} B and gave {given} B")?;
            }
            if let Some(messages) = seen.messages_per_second {
                write!(f, ", {} messages a second", Thousands(messages))?;
            }
        }
        self.kept_up_with().into_iter().try_for_each(|(edges, (commands, events))| {
            let [commands, events] = [commands, events].map(Thousands);
            write!(
                f,
                "\n    {edges} edges kept up with {commands} commands and {events} events a second"
            )
        })
    }
}

/// Measures.
///
/// # Errors
/// If a core does not start, or a machine does not stay.
pub fn run(
    options: &Options,
    carrier: &Carrier,
    progress: &mut Progress,
) -> Result<Report, String> {
    let mut steps = Vec::new();
    let (mut before, mut too_many) = (0, usize::MAX);
    for &speed in &options.speeds {
        let market = Market::new(DEMO, carrier, options.dir.as_deref())?;
        let clock = format!("2026-01-05T09:00:00Z@{speed}");
        let core = market.core(&["--seed", "7", "--clock", &clock], PATIENCE)?;
        let (mut edges, mut rate) = (Vec::new(), 0);
        for &count in options.edges.iter().filter(|&&count| count < too_many) {
            progress.show(&format!("{count} edges, market time at {speed}"));
            while edges.len() < count {
                // One that is not there in time is told as such.
                let Ok(edge) = market.edge(edges.len() + 1, PATIENCE) else { break };
                edges.push(edge);
            }
            let mut seen = None;
            for _ in 0..if edges.len() >= count { LOOKS } else { 0 } {
                let look = look_at(options, &core, &edges[..count], carrier)?;
                rate = rate.max(look.commands_per_second);
                if seen.insert(look).is_level() {
                    break;
                }
            }
            let step = Step { speed, edges: count, seen };
            let is_level = step.is_level();
            steps.push(step);
            if !is_level {
                // As many or more will not keep up with what is faster.
                too_many = count;
                break;
            }
        }
        let has_edges = options.edges.iter().any(|&count| count > 0 && count < too_many);
        // Once the core does no more than before, faster is of no use.
        if !has_edges || rate * 1_000 < before * GROWS_PER_MILLE {
            break;
        }
        before = rate;
    }
    Ok(Report { seconds: options.seconds, steps })
}

/// How all stand at a moment.
struct Look {
    at: Instant,
    commands: u64,
    core: Machine,
    edges: Vec<Machine>,
    bus: Option<(CpuTimes, Carried)>,
    gaps: u64,
}

struct Machine {
    events: u64,
    cpu: CpuTimes,
}

impl Machine {
    fn look(venue: &Venue) -> Result<Self, String> {
        let events = venue.metrics()?.read("rialto_events_total")?;
        Ok(Self { events, cpu: venue.process().cpu()? })
    }
}

impl Look {
    fn at(core: &Venue, edges: &[Venue], carrier: &Carrier) -> Result<Self, String> {
        let bus = carrier.process().zip(carrier.carried()?);
        let bus = bus.map(|(process, carried)| process.cpu().map(|cpu| (cpu, carried)));
        let mut gaps = 0;
        for edge in edges {
            gaps += edge.metrics()?.read("rialto_core_gaps_total")?;
        }
        Ok(Self {
            at: Instant::now(),
            commands: core.metrics()?.read("rialto_journal_command")?,
            core: Machine::look(core)?,
            edges: edges.iter().map(Machine::look).collect::<Result<_, _>>()?,
            bus: bus.transpose()?,
            gaps,
        })
    }
}

fn look_at(
    options: &Options,
    core: &Venue,
    edges: &[Venue],
    carrier: &Carrier,
) -> Result<Seen, String> {
    thread::sleep(SETTLE);
    let before = Look::at(core, edges, carrier)?;
    thread::sleep(Duration::from_secs(options.seconds));
    let after = Look::at(core, edges, carrier)?;
    let us = (after.at - before.at).as_micros() as u64;
    let each_second = |count: u64| count * 1_000_000 / us.max(1);
    let commands = after.commands - before.commands;
    let each = |count: u64| count / commands.max(1);
    let of_edges = || after.edges.iter().zip(&before.edges);
    let events = after.core.events - before.core.events;
    let core_ns = after.core.cpu.since(&before.core.cpu);
    let threads = after.core.cpu.each_since(&before.core.cpu);
    let images_ns: u64 = threads.filter(|(name, _)| *name == FOLLOWER).map(|(_, ns)| ns).sum();
    let slowest = of_edges().map(|(after, before)| after.events - before.events).min();
    let edges_ns: u64 = of_edges().map(|(after, before)| after.cpu.since(&before.cpu)).sum();
    let bus = after.bus.as_ref().zip(before.bus.as_ref());
    let bus = bus.map(|((cpu, carried), (cpu_before, carried_before))| {
        (cpu.since(cpu_before), carried.since(carried_before))
    });
    Ok(Seen {
        commands_per_second: each_second(commands),
        events_per_second: each_second(events),
        edge_events_per_second: each_second(slowest.unwrap_or(events)),
        gaps: after.gaps - before.gaps,
        core_ns: each(core_ns.saturating_sub(images_ns)),
        images_ns: each(images_ns),
        edge_ns: (!edges.is_empty()).then(|| each(edges_ns / edges.len() as u64)),
        bus_ns: bus.as_ref().map(|(ns, _)| each(*ns)),
        bytes_in: bus.as_ref().map(|(_, carried)| each(carried.bytes_in * 1_000)),
        bytes_out: bus.as_ref().map(|(_, carried)| each(carried.bytes_out * 1_000)),
        messages_per_second: bus.map(|(_, carried)| each_second(carried.messages_in)),
    })
}
