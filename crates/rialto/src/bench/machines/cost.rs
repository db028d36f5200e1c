//! What it costs a client that there are several machines: an order's time until it is acknowledged, and until its trade
//! is read, in turns at a venue that is all in one, at a core, and at its edge.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::Options;
use super::bus::{Carried, Carrier};
use super::listener::Listener;
use super::market::Market;
use crate::bench::durable::{CONFIG, client};
use crate::bench::numbers::{Histogram, Micros, Shares, Thousandths, median};
use crate::bench::process::CpuTimes;
use crate::bench::progress::Progress;
use crate::bench::serving::Venue;

/// Orders of each place that nobody counts, at the beginning.
const WARM_UP: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    orders: usize,
    rounds: usize,
    ways: [Way; 7],
    /// What an order at each place cost whom.
    spent: [Spent; 3],
}

/// What orders at one place have cost each machine, in ns of CPU, and the bus in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    orders: u64,
    all_in_one_ns: u64,
    core_ns: u64,
    edge_ns: u64,
    bus_ns: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// Where orders are placed.
const PLACES: [&str; 3] = ["all in one", "at the core", "at the edge"];

/// One thing that was timed.
#[derive(Clone, Debug)]
struct Way {
    name: &'static str,
    us: Shares,
    /// Its p50 over that of all in one in the same round, in thousandths: the smallest, the median, the largest.
    p50_per_mille: [u64; 3],
    /// Its p99 over that of all in one, of all rounds.
    p99_per_mille: u64,
}

/// What is timed: in this order, and over which of them each is set.
const WAYS: [(&str, usize); 7] = [
    ("acknowledged, all in one", 0),
    ("acknowledged, at the core", 0),
    ("acknowledged, at the edge", 0),
    ("trade read, all in one", 3),
    ("trade read, at the core", 3),
    ("trade read, at the edge", 3),
    ("placed at the core, trade read at the edge", 3),
];

impl Report {
    pub fn json(&self) -> Value {
        let ways = self.ways.iter().map(|way| {
            let [least, middle, most] = way.p50_per_mille;
            json!({
                "what": way.name,
                "us": way.us,
                "p50_ratio_per_mille": middle,
                "p50_ratio_per_mille_min": least,
                "p50_ratio_per_mille_max": most,
                "p99_ratio_per_mille": way.p99_per_mille,
            })
        });
        let spent = PLACES.iter().zip(&self.spent).map(|(place, spent)| {
            json!({
                "placed": place,
                "orders": spent.orders,
                "all_in_one_ns": spent.each(spent.all_in_one_ns),
                "core_ns": spent.each(spent.core_ns),
                "edge_ns": spent.each(spent.edge_ns),
                "bus_ns": spent.each(spent.bus_ns),
                "bus_bytes_in": spent.each(spent.bytes_in),
                "bus_bytes_out": spent.each(spent.bytes_out),
            })
        });
        json!({
            "orders": self.orders,
            "rounds": self.rounds,
            "ways": ways.collect::<Vec<Value>>(),
            "an_order": spent.collect::<Vec<Value>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, rounds, .. } = self;
        write!(
            f,
            "  cost: {rounds} turns of {orders} orders that take another one, at each place"
        )?;
        self.ways.iter().try_for_each(|way| {
            let [least, middle, most] = way.p50_per_mille.map(Thousandths);
            write!(
                f,
                "\n    {:<44}  {}\n    {:<44}  p50 {middle} ({least} to {most}), p99 {} of all in one",
                way.name,
                way.us,
                "",
                Thousandths(way.p99_per_mille)
            )
        })?;
        for (place, spent) in PLACES.iter().zip(&self.spent) {
            let [alone, core, edge, bus] =
                [spent.all_in_one_ns, spent.core_ns, spent.edge_ns, spent.bus_ns]
                    .map(|ns| Micros(spent.each(ns) / 1_000));
            write!(f, "\n    an order {place}: CPU ")?;
            match spent.core_ns + spent.edge_ns {
                0 => write!(f, "{alone}")?,
                _ => write!(f, "core {core}, edge {edge}")?,
            }
            if spent.bus_ns > 0 {
                let [taken, given] = [spent.bytes_in, spent.bytes_out].map(|it| spent.each(it));
                write!(f, ", NATS server {bus}, which took {taken} B and gave {given} B")?;
            }
        }
        Ok(())
    }
}

impl Spent {
    /// So much of it for each order.
    fn each(&self, of: u64) -> u64 {
        of / self.orders.max(1)
    }

    fn add(&mut self, other: Self) {
        self.orders += other.orders;
        self.all_in_one_ns += other.all_in_one_ns;
        self.core_ns += other.core_ns;
        self.edge_ns += other.edge_ns;
        self.bus_ns += other.bus_ns;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

/// What all machines have spent until now.
struct Look {
    machines: [CpuTimes; 3],
    bus: Option<(CpuTimes, Carried)>,
}

impl Look {
    fn at(machines: &[Venue; 3], carrier: &Carrier) -> Result<Self, String> {
        let [alone, core, edge] = machines;
        let cpu = |venue: &Venue| venue.process().cpu();
        let bus = carrier.process().zip(carrier.carried()?);
        let bus = bus.map(|(process, carried)| process.cpu().map(|cpu| (cpu, carried)));
        Ok(Self { machines: [cpu(alone)?, cpu(core)?, cpu(edge)?], bus: bus.transpose()? })
    }

    /// What was spent since an earlier look, by so many orders at this place.
    fn since(&self, before: &Self, place: usize, orders: u64) -> Spent {
        let of = |at: usize| self.machines[at].since(&before.machines[at]);
        let mut spent = Spent { orders, ..Spent::default() };
        if place == 0 {
            spent.all_in_one_ns = of(0);
            return spent;
        }
        (spent.core_ns, spent.edge_ns) = (of(1), of(2));
        if let Some(((cpu, carried), (cpu_before, carried_before))) =
            self.bus.as_ref().zip(before.bus.as_ref())
        {
            let carried = carried.since(carried_before);
            spent.bus_ns = cpu.since(cpu_before);
            (spent.bytes_in, spent.bytes_out) = (carried.bytes_in, carried.bytes_out);
        }
        spent
    }
}

/// A venue, those who trade there, and who listens.
struct Place {
    sells: client::Client,
    buys: client::Client,
    listener: Listener,
}

impl Place {
    fn new(venue: &Venue) -> Result<Self, String> {
        let connect = |number| client::Client::connect(venue, number);
        let listener = Listener::start(venue)?;
        Ok(Self { sells: connect(0)?, buys: connect(1)?, listener })
    }
}

/// Measures.
///
/// # Errors
/// If a machine does not start, an order is not taken, or a trade is not told.
pub fn run(
    options: &Options,
    carrier: &Carrier,
    progress: &mut Progress,
) -> Result<Report, String> {
    let market = Market::new(CONFIG, carrier, options.dir.as_deref())?;
    progress.show("starting machines");
    let machines = [market.all_in_one()?, market.core(&[], PATIENCE)?, market.edge(1, PATIENCE)?];
    let [alone, core, edge] = &machines;
    let mut places = [Place::new(alone)?, Place::new(core)?, Place::new(edge)?];
    for place in 0..places.len() {
        turn(&mut places, place, WARM_UP, &mut WAYS.map(|_| Vec::new()))?;
    }

    let mut all = WAYS.map(|_| Histogram::default());
    let mut ratios = WAYS.map(|_| Vec::new());
    let mut spent = [Spent::default(); 3];
    for round in 0..options.rounds {
        progress.show(&format!("orders: turn {round} of {}", options.rounds));
        let mut times = WAYS.map(|_| Vec::new());
        for (place, spent) in spent.iter_mut().enumerate() {
            let before = Look::at(&machines, carrier)?;
            turn(&mut places, place, options.orders, &mut times)?;
            // Each order that is timed takes one that is not.
            let orders = 2 * options.orders as u64;
            spent.add(Look::at(&machines, carrier)?.since(&before, place, orders));
        }
        for (histogram, times) in all.iter_mut().zip(&times) {
            times.iter().for_each(|ns| histogram.add(ns / 1_000));
        }
        let middles = times.map(|mut times| median(&mut times));
        for (at, ratios) in ratios.iter_mut().enumerate() {
            ratios.push(middles[at] * 1_000 / middles[WAYS[at].1].max(1));
        }
    }
    let shares = all.map(|it| it.shares());
    let mut ways = Vec::new();
    for (at, (name, over)) in WAYS.into_iter().enumerate() {
        let (Some(us), Some(of)) = (shares[at], shares[over]) else {
            return Err("failed to measure: no orders".to_owned());
        };
        let middle = median(&mut ratios[at]);
        let p50_per_mille = [ratios[at][0], middle, ratios[at][ratios[at].len() - 1]];
        ways.push(Way { name, us, p50_per_mille, p99_per_mille: us.p99 * 1_000 / of.p99.max(1) });
    }
    let ways = ways.try_into().map_err(|_| "failed to count what was timed".to_owned())?;
    Ok(Report { orders: options.orders, rounds: options.rounds, ways, spent })
}

/// So many orders at one place, one after the other; how long each took, in ns, way by way.
fn turn(
    places: &mut [Place; 3],
    place: usize,
    orders: usize,
    times: &mut [Vec<u64>; 7],
) -> Result<(), String> {
    for _ in 0..orders {
        places[place].sells.submit(client::Side::Sell)?;
        let placed = places[place].buys.submit(client::Side::Buy)?;
        times[place].push(placed.took.as_nanos() as u64);
        let [alone, core, edge] = &places;
        // Core and edge tell the same trades.
        let read = match place {
            0 => [Some((3, alone.listener.trade()?)), None],
            1 => [Some((4, core.listener.trade()?)), Some((6, edge.listener.trade()?))],
            _ => {
                core.listener.trade()?;
                [Some((5, edge.listener.trade()?)), None]
            }
        };
        for (way, read_ns) in read.into_iter().flatten() {
            times[way].push(read_ns.saturating_sub(placed.sent_ns));
        }
        if places.iter().any(|place| place.listener.has_more()) {
            return Err("failed to tell trades apart: one came that nobody made".to_owned());
        }
    }
    Ok(())
}
