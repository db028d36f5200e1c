//! How late a delivery is at a fixed rate: the whole way from an event to the sockets, beside a loop that joins what waits and
//! writes it, taken in turns in one process.
//!
//! Messages have their times in advance, and each is late from its own time on, whether or not it could be sent then: a
//! server that stands still is charged with everything that it keeps waiting (no coordinated omission). Whoever serves has
//! one core, the reader the other. Reads `/proc`, so Linux only.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use edge::clock::{MarketClock, Speed};
use edge::ws::{Opcode, encode};
use model::{Action, Event, NoOrders, Query, Sequence, Source, Time};
use serde_json::json;

use super::fanout::beat::{ACKNOWLEDGEMENT, Beat, STAMP_DIGITS, push_stamped};
use super::fanout::reader::Reader;
use super::fanout::{Serving, connect, plain_sockets, printed, start_with, subscribe};
use super::numbers::{Histogram, Micros, Shares, Thousands, Thousandths, at_least_one, median};

/// What the project promises: p99 to that of the joined-write loop, in thousandths.
pub const TARGET_PER_MILLE: u64 = 1_200;

/// Options of `rialto bench paced`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// How many sockets listen
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = at_least_one)]
    pub sockets: usize,
    /// Deliveries a second, all sockets together
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: u64,
    /// Bytes of each message
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(20..=60_000))]
    pub bytes: u16,
    /// How long each way has its turn, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub millis: u64,
    /// How often each way has its turn; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub rounds: usize,
}

/// How late deliveries were.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// Ours, by round.
    pub ours: Vec<Round>,
    /// The joined-write loop's.
    pub loops: Vec<Round>,
}

/// One way's turn.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// How late deliveries were, in µs.
    pub late_us: Shares,
    /// Deliveries a second, from the time of the first message to the reading of the last.
    pub rate: u64,
    /// CPU of a delivery, in ns.
    pub cpu_ns: u64,
}

impl Report {
    /// Our p99 to the loop's, in thousandths: the lowest of a round, that of the medians, the highest.
    pub fn p99_per_mille(&self) -> [u64; 3] {
        let ratio = |ours: u64, theirs: u64| (ours * 1_000).checked_div(theirs).unwrap_or(0);
        let p99 = |round: &Round| round.late_us.p99;
        let rounds = self.ours.iter().zip(&self.loops);
        let ratios = rounds.map(|(ours, theirs)| ratio(p99(ours), p99(theirs)));
        [
            ratios.clone().min().unwrap_or(0),
            ratio(of_rounds(&self.ours, p99), of_rounds(&self.loops, p99)),
            ratios.max().unwrap_or(0),
        ]
    }

    /// Whether the median round of ours kept up with the rate, to two percent: what is left at a turn's end is in it.
    pub fn is_held(&self) -> bool {
        of_rounds(&self.ours, |round| round.rate) >= self.options.rate / 100 * 98
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let way = |rounds: &[Round]| {
            json!({
                "deliveries_per_second": of_rounds(rounds, |round| round.rate),
                "cpu_ns": of_rounds(rounds, |round| round.cpu_ns),
                "rounds_late_us": rounds.iter().map(|round| round.late_us).collect::<Vec<_>>(),
                "late_us_p50": of_rounds(rounds, |round| round.late_us.p50),
                "late_us_p99": of_rounds(rounds, |round| round.late_us.p99),
            })
        };
        let [min, ratio, max] = self.p99_per_mille();
        json!({
            "bench": "paced",
            "sockets": self.options.sockets,
            "rate": self.options.rate,
            "message_bytes": self.options.bytes,
            "ours": way(&self.ours),
            "joined_write_loop": way(&self.loops),
            "p99_ratio_per_mille": ratio,
            "p99_ratio_per_mille_min": min,
            "p99_ratio_per_mille_max": max,
            "p99_target_per_mille": TARGET_PER_MILLE,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { sockets, rate, bytes, millis, rounds } = self.options;
        writeln!(
            f,
            "paced: {} deliveries of {bytes} B a second to {sockets} sockets, {rounds} rounds of {millis} ms; medians",
            Thousands(rate)
        )?;
        for (what, way) in [("ours", &self.ours), ("joined-write loop", &self.loops)] {
            let [p50, p99, p999] = [
                |round: &Round| round.late_us.p50,
                |round: &Round| round.late_us.p99,
                |round: &Round| round.late_us.p999,
            ]
            .map(|of| Micros(of_rounds(way, of)));
            writeln!(
                f,
                "  {what:<17}  late by p50 {p50}, p99 {p99}, p99.9 {p999}; {} a second, {} µs of CPU each",
                Thousands(of_rounds(way, |round| round.rate)),
                Thousandths(of_rounds(way, |round| round.cpu_ns))
            )?;
        }
        let [min, ratio, max] = self.p99_per_mille().map(Thousandths);
        write!(
            f,
            "  p99 of ours to the loop's: {ratio} (rounds {min} to {max}); target: at most {}",
            Thousandths(TARGET_PER_MILLE)
        )
    }
}

fn of_rounds(rounds: &[Round], of: impl Fn(&Round) -> u64) -> u64 {
    median(&mut rounds.iter().map(of).collect::<Vec<_>>())
}

/// How much is sent before anything is measured.
const WARM_UP: u64 = 5;
/// How long one sleeps between two looks at what one waits for.
const PAUSE: Duration = Duration::from_micros(200);

/// Measures.
///
/// # Errors
/// What the system says where it gives no sockets, threads or `/proc`.
pub fn run(options: &Options) -> Result<Report, String> {
    // In a thread of its own, which is bound to one core: what comes after is not.
    let measured = thread::scope(|scope| scope.spawn(|| measure(options)).join());
    let measured = measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    measured.map_err(|error| format!("failed to measure a fixed rate: {error}"))
}

fn measure(options: &Options) -> io::Result<Report> {
    let Options { sockets, rate, bytes, millis, rounds } = *options;
    let message_bytes = usize::from(bytes);
    // Everybody counts time from here.
    let clock = MarketClock::starting(Time(0), Speed::WALL);
    let begun = Instant::now();
    let late = Arc::new(Mutex::new(Histogram::default()));
    let mut lines = Lines::default();
    let heard = Arc::clone(&late);
    let reader = Reader::hearing(move |socket, bytes| {
        let now = begun.elapsed().as_nanos() as u64;
        let mut late = lock(&heard);
        lines.hear(socket, bytes, |stamp| late.add(now.saturating_sub(stamp) / 1_000));
    })?;
    let schedule = Arc::new(Schedule::default());
    let metronome = Metronome::by(&schedule);
    let edge = start_with(Beat::stamped(message_bytes), Box::new(metronome), clock)?;
    let ours: Vec<TcpStream> = (0..sockets).map(|_| connect(&edge)).collect::<Result<_, _>>()?;
    subscribe(&edge, &ours)?;
    let (mut plain, plain_ends) = plain_sockets(sockets)?;
    reader.read(ours.into_iter().chain(plain_ends));
    let acknowledgement =
        encode::server_header_bytes(ACKNOWLEDGEMENT.len()) + ACKNOWLEDGEMENT.len();
    reader.expect((acknowledgement * sockets) as u64);
    caught_up(&reader);

    let serving = Serving::pinned()?;
    let message = (encode::server_header_bytes(message_bytes) + message_bytes) as u64;
    // A message goes to all sockets.
    let period_ns = (1_000_000_000 * sockets as u64 / rate).max(1);
    let now_ns = || begun.elapsed().as_nanos() as u64;
    let mut turn = |messages: u64, is_ours: bool| -> io::Result<Round> {
        *lock(&late) = Histogram::default();
        let deliveries = messages * sockets as u64;
        reader.expect(message * deliveries);
        let first = now_ns() + 1_000_000;
        let before = if is_ours { serving.ours_ns()? } else { serving.own_ns()? };
        if is_ours {
            schedule.set(first, period_ns, messages);
            // Whoever is asked wakes, and sees that there is something to do.
            let wake = edge.boards.ask(Query::Now, Box::new(|_| {}));
            wake.map_err(|busy| io::Error::other(busy.to_string()))?;
        } else {
            write_joined(&mut plain, message_bytes, first, period_ns, messages, &now_ns)?;
        }
        caught_up(&reader);
        let took = now_ns() - first;
        let after = if is_ours { serving.ours_ns()? } else { serving.own_ns()? };
        let late_us = lock(&late).shares().ok_or_else(|| io::Error::other("nothing came"))?;
        if late_us.count != deliveries {
            return Err(io::Error::other(format!("{} of {deliveries} came", late_us.count)));
        }
        let rate = (u128::from(deliveries) * 1_000_000_000 / u128::from(took)) as u64;
        Ok(Round { late_us, rate, cpu_ns: (after - before) / deliveries })
    };
    let messages = (millis * 1_000_000 / period_ns).max(1);
    let mut report = Report { options: *options, ours: Vec::new(), loops: Vec::new() };
    for is_ours in [true, false] {
        turn((messages / WARM_UP).max(1), is_ours)?;
    }
    for _ in 0..rounds {
        report.ours.push(turn(messages, true)?);
        report.loops.push(turn(messages, false)?);
    }
    Ok(report)
}

fn lock(late: &Mutex<Histogram>) -> MutexGuard<'_, Histogram> {
    late.lock().expect("nobody panics with it")
}

/// Waits until all that was announced has been read. Whoever serves needs the core: so this looks now and then.
fn caught_up(reader: &Reader) {
    let began = Instant::now();
    while reader.is_behind() {
        assert!(began.elapsed() < super::fanout::PATIENCE, "what was sent does not arrive");
        thread::sleep(PAUSE * 5);
    }
}

/// The loop to compare with: what is due is joined and written to one socket after the other.
fn write_joined(
    sockets: &mut [TcpStream],
    message_bytes: usize,
    first_ns: u64,
    period_ns: u64,
    messages: u64,
    now_ns: &impl Fn() -> u64,
) -> io::Result<()> {
    let (mut joined, mut text) = (Vec::new(), Vec::new());
    let mut next = 0;
    while next < messages {
        let (now, due) = (now_ns(), first_ns + next * period_ns);
        if now < due {
            thread::sleep(Duration::from_nanos(due - now));
        }
        joined.clear();
        while next < messages && first_ns + next * period_ns <= now_ns() {
            text.clear();
            push_stamped(&mut text, first_ns + next * period_ns, message_bytes);
            encode::push_server_frame(&mut joined, Opcode::Text, &text);
            next += 1;
        }
        for socket in &mut *sockets {
            let mut rest = &joined[..];
            while !rest.is_empty() {
                match socket.write(rest) {
                    Ok(taken) => rest = &rest[taken..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}

/// When messages are due: all of one turn, set before it begins.
#[derive(Default)]
pub struct Schedule {
    next_ns: AtomicU64,
    period_ns: AtomicU64,
    left: AtomicU64,
}

impl Schedule {
    /// So many messages from this time on, in ns since the clock's start.
    pub fn set(&self, first_ns: u64, period_ns: u64, messages: u64) {
        self.next_ns.store(first_ns, Ordering::SeqCst);
        self.period_ns.store(period_ns, Ordering::SeqCst);
        self.left.store(messages, Ordering::SeqCst);
    }
}

/// The source: a trade at each time of the schedule, whose id is that time.
pub struct Metronome {
    schedule: Arc<Schedule>,
    sequence: u64,
}

impl Metronome {
    /// By this schedule.
    pub fn by(schedule: &Arc<Schedule>) -> Self {
        Self { schedule: Arc::clone(schedule), sequence: 0 }
    }
}

impl Source for Metronome {
    fn due(&self) -> Option<Time> {
        let next = self.schedule.next_ns.load(Ordering::SeqCst);
        // A source's times are whole microseconds: never before the message's own.
        (self.schedule.left.load(Ordering::SeqCst) > 0)
            .then(|| Time(next.div_ceil(1_000).cast_signed()))
    }
    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        let period = self.schedule.period_ns.load(Ordering::SeqCst);
        while self.due().is_some_and(|due| due <= now) {
            let stamp = self.schedule.next_ns.fetch_add(period, Ordering::SeqCst);
            self.schedule.left.fetch_sub(1, Ordering::SeqCst);
            self.sequence += 1;
            out.push(printed(self.sequence, stamp, now));
        }
    }
    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}

/// What came by each socket and is no whole frame yet.
#[derive(Default)]
pub struct Lines {
    cut: Vec<Vec<u8>>,
}

impl Lines {
    /// Tells the stamp of each message.
    pub fn hear(&mut self, socket: usize, bytes: &[u8], mut stamp: impl FnMut(u64)) {
        if self.cut.len() <= socket {
            self.cut.resize_with(socket + 1, Vec::new);
        }
        let cut = &mut self.cut[socket];
        if cut.is_empty() {
            cut.extend_from_slice(stamps(bytes, &mut stamp));
        } else {
            cut.extend_from_slice(bytes);
            let left = stamps(cut, &mut stamp).len();
            cut.drain(..cut.len() - left);
        }
    }
}

/// Tells the stamps of the whole frames, unmasked and of less than 64 kB, and returns what is left. Frames too short
/// for one are answers, and have none.
fn stamps<'a>(mut bytes: &'a [u8], stamp: &mut impl FnMut(u64)) -> &'a [u8] {
    loop {
        let (head, length) = match *bytes {
            [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            [_, length, ..] if length < 126 => (2, usize::from(length)),
            _ => return bytes,
        };
        let Some(text) = bytes.get(head..head + length) else { return bytes };
        if let Some(digits) = text.first_chunk::<STAMP_DIGITS>() {
            stamp(digits.iter().fold(0, |stamp, digit| stamp * 10 + u64::from(digit - b'0')));
        }
        bytes = &bytes[head + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        encode::push_server_frame(&mut stream, Opcode::Text, ACKNOWLEDGEMENT);
        let mut text = Vec::new();
        for stamp in [7, 1_234_567_890_123, 8] {
            text.clear();
            push_stamped(&mut text, stamp, if stamp == 8 { 20 } else { 200 });
            encode::push_server_frame(&mut stream, Opcode::Text, &text);
        }
        for size in 1..=stream.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for (at, part) in stream.chunks(size).enumerate() {
                // Another socket in between does not disturb.
                lines.hear(1 + at, b"\x81", |_| panic!("half a head has no stamp"));
                lines.hear(0, part, |stamp| found.push(stamp));
            }
            assert_eq!(found, [7, 1_234_567_890_123, 8], "in parts of {size}");
        }
    }

    #[test]
    fn a_source_that_was_late_tells_all_that_was_due_with_their_own_times() {
        let schedule = Arc::new(Schedule::default());
        let mut metronome = Metronome::by(&schedule);
        assert_eq!(metronome.due(), None);
        schedule.set(10_500, 1_000, 3);
        assert_eq!(metronome.due(), Some(Time(11)));
        let mut events = Vec::new();
        metronome.advance(Time(12), &mut events);
        assert_eq!((events.len(), metronome.due()), (2, Some(Time(13))));
        metronome.advance(Time(99), &mut events);
        let stamps: Vec<u64> = events
            .iter()
            .map(|event| match event.body {
                model::EventBody::Printed(trade) => trade.id.0,
                _ => panic!("only trades are told"),
            })
            .collect();
        assert_eq!((stamps, metronome.due()), (vec![10_500, 11_500, 12_500], None));
    }
}
