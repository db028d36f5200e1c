//! `rialto bench storm`: everybody is cut at once and comes back at once; how long until the last of them has a book again,
//! and whether the engine notices.
//!
//! A venue of this very program, in a process of its own, with its crowd. Its own account of what orders over HTTP took
//! (`rialto_command_seconds`) says what the engine noticed; what the client of those orders saw is told as well, and has
//! the storm in it that this very process makes on the same cores.

mod engine;
mod probe;

use std::fmt;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use self::engine::Taken;
use self::probe::{Phase, Probe};
use super::numbers::{Histogram, Micros, Shares, Thousands, Thousandths, at_least_one};
use super::progress::Progress;
use super::serving::Venue;
use super::sockets::{Heard, Plan, Sockets};
use super::target::Target;

/// What the project promises, in ms.
pub const TARGET_MS: u64 = 15_000;

/// Where the clients are at home.
const PATH: &str = "/bitstamp";
/// What a book has in it and an acknowledgement has not.
const BOOK: &[u8] = br#""event":"data""#;

/// Options of `rialto bench storm`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = at_least_one)]
    pub sockets: usize,
    /// The channel that each of them listens to: one that tells whole books
    #[arg(long, value_name = "NAME", default_value = "order_book_btcusd")]
    pub channel: String,
    /// Orders a second that probe the engine, before and meanwhile
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub orders: u64,
    /// How long everybody listens before the cut, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// When those that are not back are given up, in seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub patience: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Clients.
    pub sockets: usize,
    /// Those that were cut.
    pub cut: usize,
    /// Those that had a book again.
    pub back: usize,
    /// From the cut until each had a book again, in ms.
    pub back_ms: Option<Shares>,
    /// From the cut until each was connected: the last of them, in ms.
    pub opened_ms: u64,
    /// What orders took by the venue's own account, in µs: while everybody listened, and from the cut on.
    pub engine_us: [Option<Shares>; 2],
    /// What they took for the client that placed them, from the times at which they were due.
    pub orders_us: [Option<Shares>; 2],
    /// How often accepting rested because connections came too fast.
    pub accepts_held: u64,
    /// Why clients did not come back, and how many.
    pub ended: Vec<(String, u64)>,
}

impl Report {
    /// Whether everybody was back in time.
    pub fn is_met(&self) -> bool {
        self.back == self.sockets && self.back_ms.is_some_and(|back| back.max <= TARGET_MS)
    }

    /// p99 from the cut on to that before, in thousandths.
    fn per_mille([before, during]: &[Option<Shares>; 2]) -> Option<u64> {
        (during.as_ref()?.p99 * 1_000).checked_div(before.as_ref()?.p99)
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        json!({
            "bench": "storm",
            "sockets": self.sockets,
            "cut": self.cut,
            "back": self.back,
            "opened_ms": self.opened_ms,
            "back_ms": self.back_ms,
            "target_ms": TARGET_MS,
            "is_met": self.is_met(),
            "engine_us_before": self.engine_us[0],
            "engine_us_during": self.engine_us[1],
            "engine_p99_ratio_per_mille": Self::per_mille(&self.engine_us),
            "orders_us_before": self.orders_us[0],
            "orders_us_during": self.orders_us[1],
            "orders_p99_ratio_per_mille": Self::per_mille(&self.orders_us),
            "accepts_held": self.accepts_held,
            "ended": self.ended,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sockets, cut, back] =
            [self.sockets, self.cut, self.back].map(|it| Thousands(it as u64));
        writeln!(f, "storm: {sockets} clients, {cut} cut at once, {back} back with a book")?;
        if let Some(Shares { p50, p99, max, .. }) = self.back_ms {
            let [p50, p99, max] = [p50, p99, max].map(|ms| Micros(ms * 1_000));
            let verdict = if self.is_met() { "met" } else { "not met" };
            writeln!(
                f,
                "  back       the last after {max}, half after {p50}, 99 of a hundred after {p99} (target: all within \
                 {}: {verdict}); all connected after {}",
                Micros(TARGET_MS * 1_000),
                Micros(self.opened_ms * 1_000)
            )?;
        }
        for (what, both) in [("engine", &self.engine_us), ("orders", &self.orders_us)] {
            for (when, shares) in ["before", "during"].iter().zip(both) {
                match shares {
                    Some(shares) => {
                        writeln!(f, "  {what}     {when}: {shares} ({} orders)", shares.count)?;
                    }
                    None => writeln!(f, "  {what}     {when}: no order")?,
                }
            }
            if let Some(ratio) = Self::per_mille(both) {
                writeln!(f, "             p99 during to before: {}", Thousandths(ratio))?;
            }
        }
        write!(f, "  accepting  rested {} times", Thousands(self.accepts_held))?;
        self.ended.iter().try_for_each(|(why, count)| write!(f, "\n  {count:>10}  {why}"))
    }
}

/// Which clients have a book, and when they had it first.
struct Books {
    since: Instant,
    has: Vec<bool>,
    count: usize,
    after_ms: Histogram,
}

impl Books {
    fn new(sockets: usize) -> Self {
        let (has, after_ms) = (vec![false; sockets], Histogram::default());
        Self { since: Instant::now(), has, count: 0, after_ms }
    }

    fn hear(&mut self, heard: Heard<'_>) {
        if self.has[heard.socket] || !heard.payload.windows(BOOK.len()).rev().any(|it| it == BOOK) {
            return;
        }
        self.has[heard.socket] = true;
        self.count += 1;
        self.after_ms.add(self.since.elapsed().as_millis() as u64);
    }
}

/// Serves a venue, gathers the clients, cuts them, and waits until they are back.
///
/// # Errors
/// If the venue does not start, not every client gets a book at first, or no order can be placed.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let patience = Duration::from_secs(options.patience);
    let venue = Venue::start(&["--seed", "7"])?;
    let plan = Plan {
        target: Target::find(&format!("ws://{}{PATH}", venue.address))?,
        sockets: options.sockets,
        opening_max: 64,
        timeout: patience,
        say: vec![
            json!({"event": "bts:subscribe", "data": {"channel": options.channel}}).to_string(),
        ],
    };
    let mut sockets = Sockets::new(plan.clone())?;
    let mut books = Books::new(options.sockets);
    sockets.open(&mut |heard| books.hear(heard), &mut |text| progress.show(text))?;
    until_all_have(&mut sockets, &mut books, patience, &mut progress)?;
    if books.count < options.sockets {
        let why: Vec<&str> = sockets.ended().keys().map(String::as_str).collect();
        let (count, all) = (books.count, options.sockets);
        return Err(format!(
            "failed to gather the clients: {count} of {all} have a book; {}",
            why.join("; ")
        ));
    }

    let probe = Probe::start(&venue, options.orders)?;
    // What the first orders find cold is not counted.
    sockets.turn_for(Duration::from_secs(1), &mut |_| {})?;
    let at_first = Taken::read(&venue)?;
    probe.begin(Phase::Before);
    for second in 0..options.seconds {
        progress.show(&format!("all listen: {second} of {} s", options.seconds));
        sockets.turn_for(Duration::from_secs(1), &mut |_| {})?;
    }
    let at_cut = Taken::read(&venue)?;

    probe.begin(Phase::During);
    books = Books::new(options.sockets);
    let cut = sockets.cut();
    // All at once: whoever is cut does not wait for the others.
    let mut sockets = Sockets::new(Plan { opening_max: options.sockets, ..plan })?;
    let mut opened_ms = 0;
    let ends = books.since + patience;
    while books.count < options.sockets && Instant::now() < ends {
        let until = ends.min(Instant::now() + Duration::from_millis(10));
        sockets.turn(until, &mut |heard| books.hear(heard))?;
        if opened_ms == 0 && sockets.counts().opened == options.sockets {
            opened_ms = books.since.elapsed().as_millis() as u64;
        }
        progress.show(&format!("{} of {} are back", books.count, options.sockets));
    }
    probe.begin(Phase::After);
    let at_end = Taken::read(&venue)?;
    progress.done();
    let orders_us = probe.stop()?;
    let ended = sockets.ended().iter().map(|(why, count)| (why.clone(), *count)).collect();
    drop(sockets);
    Ok(Report {
        sockets: options.sockets,
        cut,
        back: books.count,
        back_ms: books.after_ms.shares(),
        opened_ms,
        engine_us: [at_cut.since(&at_first), at_end.since(&at_cut)],
        orders_us,
        accepts_held: at_end.accepts_held - at_cut.accepts_held,
        ended,
    })
}

fn until_all_have(
    sockets: &mut Sockets,
    books: &mut Books,
    patience: Duration,
    progress: &mut Progress,
) -> Result<(), String> {
    let ends = Instant::now() + patience;
    while books.count < books.has.len() && Instant::now() < ends {
        sockets.turn_for(Duration::from_millis(100), &mut |heard| books.hear(heard))?;
        progress.show(&format!("{} of {} have a book", books.count, books.has.len()));
    }
    Ok(())
}
