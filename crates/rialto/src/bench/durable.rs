//! `rialto bench durable`: what it costs to acknowledge nothing before the disk has it.
//!
//! A venue keeps its market in a folder; a client places orders in Bitstamp's dialect, each signed, over HTTP, and
//! waits for the answer. In turns with that, on the same file system, a bare loop writes as many bytes as the venue's
//! records had and calls `fdatasync`. Then many clients do so at once, beside bare groups of the size that they came to.

pub mod client;

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use self::client::Client;
use super::folder::{Folder, unwritten};
use super::numbers::{Micros, Shares, Thousands, Thousandths, at_least_one, median};
use super::progress::Progress;
use super::serving::Venue;

/// What the project promises: the p50 of an acknowledgement over that of the bare loop, in thousandths.
pub const TARGET_PER_MILLE: u64 = 1_500;
/// How many clients submit at once.
const SUBMITTERS: [usize; 3] = [1, 10, 100];
/// Orders that nobody counts, at the beginning.
const WARM_UP: usize = 20;

/// One market, nobody in it but the client.
pub const CONFIG: &str = r#"
[[instrument]]
base = "BTC"
quote = "USD"
description = "Bitcoin / U.S. dollar"
tick = "0.01"
lot = "0.00000001"
minimum = "10 USD"
symbols = { bitstamp = "btcusd" }
"#;

/// Options of `rialto bench durable`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// In which folder; what is written there is removed again [default: ./target if it is there, else .]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Orders of a round, and as many turns of the bare loop
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub orders: usize,
    /// How often both are done in turns; the median counts
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How long many submit at once, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub millis: u64,
}

/// What durability costs.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// On what the folder is, as the system calls it.
    pub file_system: String,
    /// Bytes that the venue wrote for each record, which the bare loop wrote too.
    pub record_bytes: u64,
    /// From sending an order to having read that it is placed, in µs; all rounds together.
    pub acknowledged_us: Shares,
    /// A write and an `fdatasync` of the bare loop, in µs.
    pub bare_us: Shares,
    /// The p50 of the one over that of the other in the same round, in thousandths: the smallest, the median, the
    /// largest.
    pub ratio_per_mille: [u64; 3],
    /// What so many at once come to.
    pub groups: Vec<Group>,
}

/// Many who submit at once.
#[derive(Clone, Debug)]
pub struct Group {
    /// How many.
    pub submitters: usize,
    /// Orders that were acknowledged in a second.
    pub commands_per_second: u64,
    /// How often the disk was asked in a second.
    pub syncs_per_second: u64,
    /// The same for a bare loop that writes records of that size.
    pub bare_syncs_per_second: u64,
}

impl Group {
    /// What the bare loop would come to with as many commands a record.
    pub fn bare_commands_per_second(&self) -> u64 {
        (self.bare_syncs_per_second * self.commands_per_second)
            .checked_div(self.syncs_per_second)
            .unwrap_or_default()
    }
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let groups = self.groups.iter().map(|group| {
            json!({
                "submitters": group.submitters,
                "commands_per_second": group.commands_per_second,
                "syncs_per_second": group.syncs_per_second,
                "bare_syncs_per_second": group.bare_syncs_per_second,
                "bare_commands_per_second": group.bare_commands_per_second(),
            })
        });
        let [least, middle, most] = self.ratio_per_mille;
        json!({
            "bench": "durable",
            "file_system": self.file_system,
            "orders": self.options.orders,
            "rounds": self.options.rounds,
            "record_bytes": self.record_bytes,
            "acknowledged_us": self.acknowledged_us,
            "bare_us": self.bare_us,
            "ratio_per_mille": middle,
            "ratio_per_mille_min": least,
            "ratio_per_mille_max": most,
            "target_ratio_per_mille": TARGET_PER_MILLE,
            "groups": groups.collect::<Vec<Value>>(),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { orders, rounds, .. } = self.options;
        let [least, middle, most, target] = {
            let [least, middle, most] = self.ratio_per_mille;
            [least, middle, most, TARGET_PER_MILLE].map(Thousandths)
        };
        writeln!(
            f,
            "durable: {rounds} rounds of {orders} orders and {orders} bare writes of {} B, on {}",
            self.record_bytes, self.file_system
        )?;
        writeln!(f, "  order      {}", self.acknowledged_us)?;
        writeln!(f, "  bare       {}", self.bare_us)?;
        write!(
            f,
            "  ratio      {middle} of p50, median of the rounds ({least} to {most}; target: at most {target})"
        )?;
        for group in &self.groups {
            let [commands, syncs, bare, bare_syncs] = [
                group.commands_per_second,
                group.syncs_per_second,
                group.bare_commands_per_second(),
                group.bare_syncs_per_second,
            ]
            .map(Thousands);
            write!(
                f,
                "\n  {:<9}  {commands} commands a second in {syncs} syncs; bare {bare} in {bare_syncs}",
                format!("{} at once", group.submitters)
            )?;
        }
        Ok(())
    }
}

/// Measures in a folder of its own, which it removes.
///
/// # Errors
/// If the folder cannot be written, or a venue does not start or answers something else than that an order is placed.
pub fn run(options: &Options) -> Result<Report, String> {
    let folder = Folder::new("durable", options.dir.as_deref())?;
    let config = folder.0.join("rialto.toml");
    fs::write(&config, CONFIG).map_err(|error| unwritten(&config, &error))?;
    let config = config.to_str().ok_or("failed to name the folder: it is no text")?;
    let venue = Venue::start_kept(&folder.0, &["--config", config])?;
    let mut bare = Bare::new(&folder.0.join("bare"))?;
    let mut progress = Progress::new();
    let mut client = Client::connect(&venue, 0)?;
    for _ in 0..WARM_UP {
        client.place()?;
        bare.append(200)?;
    }

    let (mut acknowledged, mut all_bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let begun = Written::by(&venue)?;
    let mut record_bytes = 0;
    for round in 0..options.rounds {
        progress.show(&format!("round {round} of {}", options.rounds));
        let mut own = Vec::new();
        for _ in 0..options.orders {
            own.push(client.place()?);
        }
        record_bytes = Written::by(&venue)?.since(&begun).record_bytes();
        let mut plain = Vec::new();
        for _ in 0..options.orders {
            plain.push(bare.append(record_bytes)?);
        }
        acknowledged.extend(own.iter().map(micros));
        all_bare.extend(plain.iter().map(micros));
        let [own, plain] = [own, plain].map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2].as_nanos() as u64
        });
        ratios.push(own * 1_000 / plain.max(1));
    }
    let mut groups = Vec::new();
    for submitters in SUBMITTERS {
        progress.show(&format!("{submitters} at once"));
        groups.push(at_once(&venue, &mut bare, submitters, Duration::from_millis(options.millis))?);
    }
    let middle = median(&mut ratios);
    Ok(Report {
        options: options.clone(),
        file_system: file_system(&folder.0),
        record_bytes,
        acknowledged_us: shares(acknowledged)?,
        bare_us: shares(all_bare)?,
        ratio_per_mille: [ratios[0], middle, ratios[ratios.len() - 1]],
        groups,
    })
}

/// So many clients place orders for so long; then a bare loop writes such records for as long.
fn at_once(
    venue: &Venue,
    bare: &mut Bare,
    submitters: usize,
    lasts: Duration,
) -> Result<Group, String> {
    let clients: Result<Vec<Client>, String> =
        (0..submitters).map(|number| Client::connect(venue, number)).collect();
    let clients = clients?;
    let before = Written::by(venue)?;
    let began = Instant::now();
    let ends = began + lasts;
    let placed: Result<Vec<u64>, String> = thread::scope(|scope| {
        let working: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    let mut placed = 0_u64;
                    while Instant::now() < ends {
                        client.place()?;
                        placed += 1;
                    }
                    Ok(placed)
                })
            })
            .collect();
        working.into_iter().map(|it| it.join().expect("a client does not panic")).collect()
    });
    let placed: u64 = placed?.iter().sum();
    let took = began.elapsed();
    let written = Written::by(venue)?.since(&before);
    let (began, bytes) = (Instant::now(), written.record_bytes());
    let mut syncs = 0;
    while began.elapsed() < lasts {
        bare.append(bytes)?;
        syncs += 1;
    }
    let bare_took = began.elapsed();
    let each_second =
        |count: u64, took: Duration| count * 1_000_000 / (took.as_micros() as u64).max(1);
    Ok(Group {
        submitters,
        commands_per_second: each_second(placed, took),
        syncs_per_second: each_second(written.syncs, took),
        bare_syncs_per_second: each_second(syncs, bare_took),
    })
}

/// What a venue has written to its journal.
#[derive(Clone, Copy)]
struct Written {
    bytes: u64,
    records: u64,
    syncs: u64,
}

impl Written {
    fn by(venue: &Venue) -> Result<Self, String> {
        let metrics = venue.metrics()?;
        Ok(Self {
            bytes: metrics.read("rialto_journal_bytes_total")?,
            records: metrics.read("rialto_journal_records_total")?,
            syncs: metrics.read("rialto_journal_syncs_total")?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            bytes: self.bytes - before.bytes,
            records: self.records - before.records,
            syncs: self.syncs - before.syncs,
        }
    }

    fn record_bytes(&self) -> u64 {
        self.bytes / self.records.max(1)
    }
}

/// A file that is appended to and synced, and nothing else.
struct Bare {
    file: File,
    bytes: Vec<u8>,
}

impl Bare {
    fn new(path: &Path) -> Result<Self, String> {
        let file = File::create(path).map_err(|error| unwritten(path, &error))?;
        Ok(Self { file, bytes: vec![0x5a; 1 << 20] })
    }

    fn append(&mut self, bytes: u64) -> Result<Duration, String> {
        let bytes = &self.bytes[..self.bytes.len().min(bytes as usize)];
        let began = Instant::now();
        let done = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        done.map_err(|error| format!("failed to write and sync: {error}"))?;
        Ok(began.elapsed())
    }
}

/// On what a path is, as `/proc/self/mounts` has it.
fn file_system(path: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let on = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, place, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(place).then(|| (place.len(), format!("{kind} ({device})")))
    });
    // Of two in one place the later one is seen.
    on.max_by_key(|&(length, _)| length).map_or_else(|| "unknown".to_owned(), |(_, name)| name)
}

fn micros(time: &Duration) -> u64 {
    time.as_micros() as u64
}

fn shares(values: Vec<u64>) -> Result<Shares, String> {
    let mut histogram = super::numbers::Histogram::default();
    for value in values {
        histogram.add(value);
    }
    histogram.shares().ok_or_else(|| "failed to measure: no orders".to_owned())
}

impl Report {
    /// Both p50 and their ratio, in words.
    pub fn in_short(&self) -> String {
        format!(
            "p50 {} for {} bare: {} times",
            Micros(self.acknowledged_us.p50),
            Micros(self.bare_us.p50),
            Thousandths(self.ratio_per_mille[1])
        )
    }
}
