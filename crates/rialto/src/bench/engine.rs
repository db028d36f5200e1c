//! `rialto bench engine`: what a command costs the engine, its events included, on the documented flow
//! ([`engine::flow`]).
//!
//! Only the engine: no journal, no views, no sockets. The commands are made beforehand, and the list of events
//! is one and used again, as the sequencer does.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use ::engine::Engine;
use ::engine::flow::{self, FlowOptions, Random};
use clap::Args;
use model::{Command, Event};
use serde_json::json;

use super::numbers::{Histogram, Shares, Tenths, Thousands, at_least_one, median};
use super::process::Process;
use super::progress::Progress;

/// What the project promises, in ps a command.
pub const TARGET_PS: u64 = 150_000;
/// The same for 99 of a hundred commands, in ns.
pub const TARGET_P99_NS: u64 = 1_500;
/// Slots that the memory probe hops over, 64 bytes each: as much memory as a hundred thousand orders take.
const PROBE_SLOTS: usize = 1 << 17;
const PROBE_HOPS: usize = 1_000_000;

/// Options of `rialto bench engine`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What the flow is seeded with
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Orders that rest before the first command, and about as many all along
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub resting: usize,
    /// Commands of a round
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = at_least_one)]
    pub commands: usize,
    /// Accounts that send them
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub accounts: u32,
    /// Commands that the engine looks at together, as the board thread does with mail that waits
    #[arg(long, value_name = "N", default_value_t = Engine::AHEAD as u32, value_parser = clap::value_parser!(u32).range(1..=Engine::AHEAD as i64))]
    pub row: u32,
    /// How often the same commands are carried out; the median counts
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
}

/// What a command costs.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// Events that the commands of a round caused.
    pub events: u64,
    /// Orders that rest after them.
    pub resting_after: u32,
    /// Time on a core for each command, in ps: whole rounds, with no clock inside. Median.
    pub each_ps: u64,
    /// The fastest round.
    pub each_ps_min: u64,
    /// The slowest round.
    pub each_ps_max: u64,
    /// The same where so many commands as were asked for wait, and are looked at together before the first of
    /// them is carried out, as the board thread does with its mail. Median.
    pub row_ps: u64,
    /// Single commands in ns, each between two looks at the clock, which are in it.
    pub single_ns: Shares,
    /// What two looks at the clock take with nothing between them, in ns.
    pub clock_ns: u64,
    /// One hop in memory as large as the orders, each waiting for the one before, in ps: how fast this
    /// machine's memory was meanwhile. Median.
    pub hop_ps: u64,
    /// The engine's state at the end, which is the same on every machine.
    pub digest: u64,
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "engine",
            "seed": self.options.seed,
            "resting": self.options.resting,
            "accounts": self.options.accounts,
            "commands": self.options.commands,
            "row": self.options.row,
            "rounds": self.options.rounds,
            "events": self.events,
            "resting_after": self.resting_after,
            "each_ps": self.each_ps,
            "each_ps_min": self.each_ps_min,
            "each_ps_max": self.each_ps_max,
            "target_each_ps": TARGET_PS,
            "row_ps": self.row_ps,
            "single_ns": self.single_ns,
            "target_single_p99_ns": TARGET_P99_NS,
            "clock_ns": self.clock_ns,
            "hop_ps": self.hop_ps,
            "digest": format!("{:016x}", self.digest),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { seed, resting, commands, accounts, row, rounds } = self.options;
        let [commands, resting] = [commands, resting].map(|number| Thousands(number as u64));
        writeln!(
            f,
            "engine: {commands} commands of {accounts} accounts, {resting} orders resting ({} after), {} events, seed {seed}",
            Thousands(u64::from(self.resting_after)),
            Thousands(self.events)
        )?;
        let [each, min, max, target] =
            [self.each_ps, self.each_ps_min, self.each_ps_max, TARGET_PS].map(Tenths);
        writeln!(
            f,
            "  command    {each} ns with its events, median of {rounds} rounds ({min} to {max}; target: at most {target})"
        )?;
        writeln!(
            f,
            "  in a row   {} ns where {row} wait and are looked at together",
            Tenths(self.row_ps)
        )?;
        let Shares { p50, p90, p99, p999, max, .. } = self.single_ns;
        writeln!(
            f,
            "  single     p50 {p50} ns, p90 {p90}, p99 {p99} (target: at most {TARGET_P99_NS}), p99.9 {p999}, max {}",
            Thousands(max)
        )?;
        writeln!(f, "             of which the clock takes {} ns", self.clock_ns)?;
        writeln!(f, "  memory     {} ns a hop in 8 MB meanwhile", Tenths(self.hop_ps))?;
        write!(f, "  digest     {:016x}", self.digest)
    }
}

/// Runs the flow again and again on engines in the same state.
///
/// # Errors
/// If the system does not tell this process's times.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let Options { seed, resting, commands, accounts, row, rounds } = *options;
    progress.show("making the commands");
    let flow = flow::flow(FlowOptions { seed, resting, commands, accounts });
    let mut filled = Engine::new(&[flow::instrument()]);
    let mut out: Vec<Event> = Vec::with_capacity(4_096);
    for command in &flow.fill {
        apply(&mut filled, command, &mut out);
    }

    let (mut each, mut rows, mut hops) = (Vec::new(), Vec::new(), Vec::new());
    let mut chain = Chain::new();
    for round in 0..rounds {
        progress.show(&format!("round {round} of {rounds}"));
        hops.push(cost_ps(PROBE_HOPS, || chain.hop(PROBE_HOPS))?);
        let mut engine = filled.clone();
        each.push(cost_ps(commands, || {
            for command in &flow.commands {
                apply(&mut engine, command, &mut out);
            }
        })?);
        let mut engine = filled.clone();
        rows.push(cost_ps(commands, || {
            for commands in flow.commands.chunks(row as usize) {
                engine.look_ahead(commands.iter().map(|command| &command.action));
                for command in commands {
                    apply(&mut engine, command, &mut out);
                }
            }
        })?);
    }

    let mut clock: Vec<u64> =
        (0..10_001).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    let mut engine = filled;
    let mut events = 0;
    let mut singles = Histogram::default();
    for command in &flow.commands {
        let began = Instant::now();
        apply(&mut engine, command, &mut out);
        singles.add(began.elapsed().as_nanos() as u64);
        events += out.len() as u64;
    }
    Ok(Report {
        options: options.clone(),
        events,
        resting_after: engine.open_orders_count(),
        each_ps: median(&mut each),
        each_ps_min: each[0],
        each_ps_max: each[each.len() - 1],
        row_ps: median(&mut rows),
        single_ns: singles.shares().ok_or("failed to measure: no commands")?,
        clock_ns: median(&mut clock),
        hop_ps: median(&mut hops),
        digest: engine.digest(),
    })
}

#[inline]
fn apply(engine: &mut Engine, command: &Command, out: &mut Vec<Event>) {
    out.clear();
    engine.apply(command, out);
    black_box(&*out);
}

/// Time on a core, in ps for each of so many. What neighbours take is not in it, but for what they take of
/// memory and caches.
fn cost_ps(count: usize, work: impl FnOnce()) -> Result<u64, String> {
    let before = Process::own().cpu()?;
    work();
    let spent = Process::own().cpu()?.since(&before);
    Ok(spent.saturating_mul(1_000) / count.max(1) as u64)
}

/// A ring through memory in no order.
struct Chain {
    slots: Vec<[u64; 8]>,
    at: u64,
}

impl Chain {
    fn new() -> Self {
        let mut order: Vec<u64> = (0..PROBE_SLOTS as u64).collect();
        let mut random = Random::new(1);
        for end in (1..order.len()).rev() {
            order.swap(end, random.below(end as u64 + 1) as usize);
        }
        let mut slots = vec![[0; 8]; PROBE_SLOTS];
        for (place, &slot) in order.iter().enumerate() {
            slots[slot as usize][0] = order[(place + 1) % order.len()];
        }
        Self { slots, at: 0 }
    }
    fn hop(&mut self, hops: usize) {
        for _ in 0..hops {
            self.at = self.slots[self.at as usize][0];
        }
        black_box(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_small_and_says_what_it_measured() {
        let options =
            Options { seed: 3, resting: 500, commands: 2_000, accounts: 10, row: 16, rounds: 2 };
        let report = run(&options).expect("this process knows its times");
        assert_eq!(report.single_ns.count, 2_000);
        assert!(report.events > 2_000 && (300..700).contains(&report.resting_after));
        assert!(report.each_ps_min <= report.each_ps && report.each_ps <= report.each_ps_max);
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(json["commands"], 2_000);
        assert_eq!(json["digest"], format!("{:016x}", report.digest));
        let again = run(&options).expect("this process knows its times");
        assert_eq!(again.digest, report.digest, "the same commands, the same state");
    }

    #[test]
    fn the_chain_comes_by_every_slot_once() {
        let mut chain = Chain::new();
        let mut seen = vec![false; PROBE_SLOTS];
        for _ in 0..PROBE_SLOTS {
            chain.hop(1);
            assert!(!std::mem::replace(&mut seen[chain.at as usize], true));
        }
        assert_eq!(chain.at, 0);
    }
}
