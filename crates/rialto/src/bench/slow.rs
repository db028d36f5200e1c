//! `rialto bench slow`: whether those who read notice those who never do, and what those cost in memory.
//!
//! A fan-out at a fixed rate in this process, as `rialto bench paced`: messages have their times in advance and are late from
//! then on. In turns, some clients more listen and never read a byte, until each of them has been let go with the dialect's
//! goodbye, or they do not. Their lines are narrow, so that what waits is soon ours to keep and not the kernel's. Reads
//! `/proc`, so Linux only.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use edge::Edge;
use edge::clock::{MarketClock, Speed};
use edge::ws::decode::{Chunk, Decoder, Incoming, Limits};
use edge::ws::{Role, encode};
use model::{Query, Time};
use rustix::net::sockopt;
use serde_json::json;

use super::fanout::beat::{ACKNOWLEDGEMENT, Beat, GOODBYE};
use super::fanout::reader::Reader;
use super::fanout::{Serving, adopt, connect, pair, start_with, subscribe};
use super::numbers::{
    Bytes, Histogram, Micros, Shares, Thousands, Thousandths, at_least_one, median,
};
use super::paced::{Lines, Metronome, Schedule};
use super::process::Process;
use super::progress::Progress;

/// What the project promises: p99 of those who read with the others to that without, in thousandths.
pub const TARGET_PER_MILLE: u64 = 1_100;
/// And memory to what all who never read may have waiting.
pub const MEMORY_TARGET_PER_MILLE: u64 = 1_100;

/// What a line of somebody who never reads holds in the kernel at our end, about; at the other it is what a line has to begin
/// with.
const NARROW_BYTES: usize = 32 * 1024;
/// How long a goodbye may take: a line that has long been full wakes only now and then.
const GOODBYE_WITHIN: Duration = Duration::from_secs(6);
/// How long one sleeps between two looks at what one waits for.
const PAUSE: Duration = Duration::from_millis(1);
/// How long anything may take that one waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of `rialto bench slow`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// How many clients, those who never read included
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(2..))]
    pub sockets: u16,
    /// How many of a hundred never read; at least one client
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub percent: u16,
    /// Deliveries a second, all clients together
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: u64,
    /// Bytes of each message
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(20..=60_000))]
    pub bytes: u16,
    /// How many kB may wait for one client before it is let go
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub quota: u32,
    /// How long a turn lasts, in milliseconds: long enough for everybody who never reads to be let go
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub millis: u64,
    /// How often each way has its turn; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub rounds: usize,
}

impl Options {
    /// Clients that never read.
    fn stuck(&self) -> usize {
        (usize::from(self.sockets) * usize::from(self.percent) / 100).max(1)
    }

    fn readers(&self) -> usize {
        usize::from(self.sockets) - self.stuck()
    }

    fn quota_bytes(&self) -> usize {
        self.quota as usize * 1_000
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// How late deliveries to those who read were, in µs, by round: with the others, and without.
    pub late_us: [Vec<Shares>; 2],
    /// Clients that never read, over all rounds.
    pub stuck: usize,
    /// Those of them that were let go with the dialect's goodbye as the last thing on their line.
    pub let_go: usize,
    /// Those of which there is a record that says so.
    pub recorded: u64,
    /// How much the process grew at most while as many never read, in bytes.
    pub growth: u64,
}

impl Report {
    /// p99 with the others to that without, in thousandths: the lowest of a round, that of the medians, the highest.
    pub fn p99_per_mille(&self) -> [u64; 3] {
        let [with, without] = &self.late_us;
        let ratio = |with: u64, without: u64| (with * 1_000).checked_div(without).unwrap_or(0);
        let ratios = with.iter().zip(without).map(|(with, without)| ratio(with.p99, without.p99));
        let (min, max) = (ratios.clone().min().unwrap_or(0), ratios.max().unwrap_or(0));
        [min, ratio(p99(with), p99(without)), max]
    }

    /// What all who never read may have waiting.
    fn allowed(&self) -> u64 {
        (self.options.stuck() * self.options.quota_bytes()) as u64
    }

    fn memory_per_mille(&self) -> u64 {
        (self.growth * 1_000).checked_div(self.allowed()).unwrap_or(0)
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let [min, ratio, max] = self.p99_per_mille();
        json!({
            "bench": "slow",
            "sockets": self.options.sockets,
            "never_read": self.options.stuck(),
            "rate": self.options.rate,
            "message_bytes": self.options.bytes,
            "quota_bytes": self.options.quota_bytes(),
            "rounds_late_us_with": self.late_us[0],
            "rounds_late_us_without": self.late_us[1],
            "p99_ratio_per_mille": ratio,
            "p99_ratio_per_mille_min": min,
            "p99_ratio_per_mille_max": max,
            "p99_target_per_mille": TARGET_PER_MILLE,
            "stuck": self.stuck,
            "let_go_with_goodbye": self.let_go,
            "recorded": self.recorded,
            "memory_growth_bytes": self.growth,
            "memory_allowed_bytes": self.allowed(),
            "memory_target_per_mille": MEMORY_TARGET_PER_MILLE,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { sockets, rate, bytes, quota, millis, rounds, .. } = self.options;
        writeln!(
            f,
            "slow: {} deliveries of {bytes} B a second to {sockets} clients of which {} never read, {rounds} rounds of {millis} ms",
            Thousands(rate),
            self.options.stuck()
        )?;
        for (what, rounds) in ["with them", "without"].iter().zip(&self.late_us) {
            let p50 = median(&mut rounds.iter().map(|round| round.p50).collect::<Vec<_>>());
            writeln!(
                f,
                "  {what:<10} late by p50 {}, p99 {} (medians)",
                Micros(p50),
                Micros(p99(rounds))
            )?;
        }
        let [min, ratio, max] = self.p99_per_mille().map(Thousandths);
        writeln!(
            f,
            "  p99        with to without: {ratio} (rounds {min} to {max}); target: below {}",
            Thousandths(TARGET_PER_MILLE)
        )?;
        writeln!(
            f,
            "  let go     {} of {} with {} {:?}, {} of them recorded",
            self.let_go, self.stuck, GOODBYE.0, GOODBYE.1, self.recorded
        )?;
        write!(
            f,
            "  memory     grew by at most {}, {} of the {} that may wait ({} × {quota} kB); target: at most {}",
            Bytes(self.growth),
            Thousandths(self.memory_per_mille()),
            Bytes(self.allowed()),
            self.options.stuck(),
            Thousandths(MEMORY_TARGET_PER_MILLE)
        )
    }
}

fn p99(rounds: &[Shares]) -> u64 {
    median(&mut rounds.iter().map(|round| round.p99).collect::<Vec<_>>())
}

/// Measures.
///
/// # Errors
/// What the system says where it gives no sockets, threads or `/proc`.
pub fn run(options: &Options) -> Result<Report, String> {
    // In a thread of its own, which is bound to one core: what comes after is not.
    let measured = thread::scope(|scope| scope.spawn(|| measure(options)).join());
    let measured = measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    measured.map_err(|error| format!("failed to measure slow readers: {error}"))
}

fn measure(options: &Options) -> io::Result<Report> {
    let mut progress = Progress::new();
    let house = House::open(options)?;
    let mut report = Report {
        options: *options,
        late_us: [Vec::new(), Vec::new()],
        stuck: 0,
        let_go: 0,
        recorded: 0,
        growth: 0,
    };
    // Warms up.
    house.turn(1_000, || Ok(()))?;
    for round in 0..options.rounds {
        progress.show(&format!("round {} of {}", round + 1, options.rounds));
        let mut stuck = house.stuck()?;
        report.late_us[0].push(house.turn(options.millis, || stuck.look(&house))?);
        report.let_go += stuck.goodbyes()?;
        report.late_us[1].push(house.turn(options.millis, || Ok(()))?);
    }
    // Looking at memory holds up whoever allocates some: that has a turn of its own.
    progress.show("memory");
    let memory = || Process::own().memory().map_err(io::Error::other);
    let before = memory()?;
    let (mut most, mut stuck) = (before, house.stuck()?);
    house.turn(options.millis, || {
        most = most.max(memory()?);
        stuck.look(&house)
    })?;
    report.growth = most - before;
    report.let_go += stuck.goodbyes()?;
    report.stuck = options.stuck() * (options.rounds + 1);
    report.recorded = house.recorded();
    progress.done();
    Ok(report)
}

/// The edge, those who read, and what tells them something.
struct House {
    options: Options,
    edge: Edge,
    reader: Reader,
    schedule: Arc<Schedule>,
    begun: Instant,
    late: Arc<Mutex<Histogram>>,
}

impl House {
    fn open(options: &Options) -> io::Result<Self> {
        // Everybody counts time from here.
        let clock = MarketClock::starting(Time(0), Speed::WALL);
        let begun = Instant::now();
        let late = Arc::new(Mutex::new(Histogram::default()));
        let (heard, mut lines) = (Arc::clone(&late), Lines::default());
        let reader = Reader::hearing(move |socket, bytes| {
            let now = begun.elapsed().as_nanos() as u64;
            let mut late = heard.lock().expect("nobody panics with it");
            lines.hear(socket, bytes, |stamp| late.add(now.saturating_sub(stamp) / 1_000));
        })?;
        let schedule = Arc::new(Schedule::default());
        let dialect = Beat::stamped(usize::from(options.bytes)).bounded(options.quota_bytes());
        let edge = start_with(dialect, Box::new(Metronome::by(&schedule)), clock)?;
        let sockets =
            (0..options.readers()).map(|_| connect(&edge)).collect::<Result<Vec<_>, _>>()?;
        subscribe(&edge, &sockets)?;
        reader.read(sockets.into_iter());
        let house = Self { options: *options, edge, reader, schedule, begun, late };
        let acknowledgement =
            encode::server_header_bytes(ACKNOWLEDGEMENT.len()) + ACKNOWLEDGEMENT.len();
        house.reader.expect((acknowledgement * options.readers()) as u64);
        house.catch_up(&mut || Ok(()))?;
        Serving::pinned()?;
        Ok(house)
    }

    /// Tells everybody something for so long, and `look`s on. How late those heard it who read.
    fn turn(&self, millis: u64, mut look: impl FnMut() -> io::Result<()>) -> io::Result<Shares> {
        let Options { sockets, rate, bytes, .. } = self.options;
        let period_ns = (1_000_000_000 * u64::from(sockets) / rate).max(1);
        let messages = (millis * 1_000_000 / period_ns).max(1);
        let deliveries = messages * self.options.readers() as u64;
        let message = encode::server_header_bytes(usize::from(bytes)) as u64 + u64::from(bytes);
        *self.late.lock().expect("nobody panics with it") = Histogram::default();
        self.reader.expect(message * deliveries);
        self.schedule.set(self.begun.elapsed().as_nanos() as u64 + 1_000_000, period_ns, messages);
        // Whoever is asked wakes, and sees that there is something to do.
        let wake = self.edge.boards.ask(Query::Now, Box::new(|_| {}));
        wake.map_err(|busy| io::Error::other(busy.to_string()))?;
        self.catch_up(&mut look)?;
        let late = self.late.lock().expect("nobody panics with it").shares();
        match late {
            Some(late) if late.count == deliveries => Ok(late),
            late => {
                let came = late.map_or(0, |late| late.count);
                Err(io::Error::other(format!("{came} of {deliveries} came to those who read")))
            }
        }
    }

    /// Waits until all that was announced has been read. Whoever serves needs the core: so this looks now and then.
    fn catch_up(&self, look: &mut impl FnMut() -> io::Result<()>) -> io::Result<()> {
        let began = Instant::now();
        while self.reader.is_behind() {
            if began.elapsed() > PATIENCE + Duration::from_millis(self.options.millis) {
                return Err(io::Error::other("what was sent does not arrive"));
            }
            thread::sleep(PAUSE);
            look()?;
        }
        Ok(())
    }

    /// As many as never read come, listen, and read nothing.
    fn stuck(&self) -> io::Result<Stuck> {
        let narrow = |_| {
            let (here, there) = pair()?;
            sockopt::set_socket_send_buffer_size(&here, NARROW_BYTES)?;
            adopt(&self.edge, here)?;
            Ok(there)
        };
        let stuck: Vec<TcpStream> =
            (0..self.options.stuck()).map(narrow).collect::<io::Result<_>>()?;
        subscribe(&self.edge, &stuck)?;
        Ok(Stuck { lines: stuck, goodbyes: None })
    }

    fn recorded(&self) -> u64 {
        let mut recorded = 0;
        self.edge.goodbyes.each(|name, count| {
            if name == "slow_consumer" {
                recorded += count;
            }
        });
        recorded
    }
}

/// Those who never read.
struct Stuck {
    lines: Vec<TcpStream>,
    /// How many of them were told goodbye, once that was looked for.
    goodbyes: Option<usize>,
}

impl Stuck {
    /// Once all of them have been let go, reads what is on their lines: nobody waits long for a goodbye to be taken.
    fn look(&mut self, house: &House) -> io::Result<()> {
        let listening = house.edge.counters.interests_open.read();
        if self.goodbyes.is_none() && listening <= house.options.readers() as u64 {
            self.goodbyes()?;
        }
        Ok(())
    }

    fn goodbyes(&mut self) -> io::Result<usize> {
        if self.goodbyes.is_none() {
            self.goodbyes = Some(count_goodbyes(std::mem::take(&mut self.lines))?);
        }
        Ok(self.goodbyes.unwrap_or(0))
    }
}

/// Reads what is on these lines to its end, all at once. How many of them end with the dialect's goodbye.
fn count_goodbyes(stuck: Vec<TcpStream>) -> io::Result<usize> {
    let ends = thread::scope(|scope| {
        let reading: Vec<_> =
            stuck.into_iter().map(|line| scope.spawn(move || ends_with_goodbye(line))).collect();
        let ends = reading.into_iter().map(|line| line.join().expect("it does not panic"));
        ends.collect::<io::Result<Vec<bool>>>()
    })?;
    Ok(ends.into_iter().filter(|&is_goodbye| is_goodbye).count())
}

fn ends_with_goodbye(mut line: TcpStream) -> io::Result<bool> {
    line.set_nonblocking(false)?;
    line.set_read_timeout(Some(GOODBYE_WITHIN))?;
    let mut decoder = Decoder::new(Arc::new(Limits::of_messages(1 << 20)), Role::Client);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match line.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // It was not let go, or the line broke.
            Err(_) => return Ok(false),
        };
        let mut chunk = Chunk::new(&mut buffer[..count]);
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(Incoming::Close { code, reason })) => {
                    return Ok((code, reason) == (Some(GOODBYE.0), GOODBYE.1));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return Ok(false),
            }
        }
    }
}
