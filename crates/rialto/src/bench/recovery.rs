//! `rialto bench recovery`: how fast a journal is run again, with and without what is shown, how fast a start from an image
//! is, and what whoever writes a journal notices of the follower at work.
//!
//! The journal is in memory, so that nothing waits for a disk: what is measured is reading, checking, doing and showing.
//! It is the demo's own, its crowd trading alone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use feed::journal::commit::{Commit, Durability};
use feed::journal::digest::Digester;
use feed::journal::disk::Disk;
use feed::journal::image::{self, Image};
use feed::journal::memory::Memory;
use feed::journal::reader::{self, Reader};
use feed::journal::segments;
use feed::journal::writer::{Pace, Writer};
use feed::source::engine::EngineSource;
use model::{Source, Span, Time};
use serde_json::json;

use super::numbers::{Histogram, Micros, Shares};
use super::progress::Progress;
use crate::config::{Config, DEMO};
use crate::follower;
use crate::replica::{Plan, Replica};

/// What the project promises of an engine alone, in commands a second.
pub const TARGET_COMMANDS: u64 = 2_000_000;
/// What it promises of a start from an image, in µs for [`TARGET_EVENTS`].
pub const TARGET_START_US: u64 = 5_000_000;
/// Of so many events.
pub const TARGET_EVENTS: u64 = 10_000_000;
/// What it promises a writer to notice of an image being taken, in µs at 99 of 100 turns.
pub const TARGET_PAUSE_US: u64 = 1_000;

/// When the market begins: the same on every run.
const BEGINS: Time = Time(1_795_305_600_000_000);
/// The writer turns until so many images were taken beside it.
const IMAGES_MIN: u64 = 3;
/// So much market time is done in one turn.
const TURN: Span = Span::millis(20);

/// Options of `rialto bench recovery`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many events the journal has
    #[arg(long, value_name = "N", default_value_t = TARGET_EVENTS, value_parser = clap::value_parser!(u64).range(10_000..))]
    pub events: u64,
    /// After how many commands an image is taken
    #[arg(long, value_name = "N", default_value_t = 1 << 18, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub image_every_commands: u64,
    /// Turns of the writer that are timed, with the follower at work and without
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..))]
    pub turns: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the journal has.
    pub commands: u64,
    /// What they caused.
    pub events: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Reading it and no more.
    pub read: Duration,
    /// Reading it and doing it again: the engine alone, every digest compared.
    pub engine: Duration,
    /// The same with the crowd and all boards.
    pub whole: Duration,
    /// The last image.
    pub image_bytes: u64,
    /// Taking it: from the one before, through a segment, read back and written.
    pub take: Duration,
    /// Commands behind it.
    pub tail: u64,
    /// A start: reading the image, and doing what is behind it.
    pub start: Duration,
    /// Turns of a writer while nobody follows, in µs.
    pub alone: Shares,
    /// The same while the follower takes one image after the other.
    pub followed: Shares,
    /// Images that were taken meanwhile.
    pub images: u64,
}

impl Report {
    /// Commands a second, if all of them took so long.
    pub fn rate(&self, took: Duration) -> u64 {
        (self.commands as f64 / took.as_secs_f64()) as u64
    }

    /// The report as one JSON object.
    pub fn json(&self) -> String {
        let micros = |it: Duration| it.as_micros() as u64;
        json!({
            "bench": "recovery",
            "commands": self.commands,
            "events": self.events,
            "journal_bytes": self.bytes,
            "read_us": micros(self.read),
            "engine_us": micros(self.engine),
            "engine_commands_per_second": self.rate(self.engine),
            "target_commands_per_second": TARGET_COMMANDS,
            "whole_us": micros(self.whole),
            "whole_commands_per_second": self.rate(self.whole),
            "image_bytes": self.image_bytes,
            "image_us": micros(self.take),
            "tail_commands": self.tail,
            "start_us": micros(self.start),
            "target_start_us": TARGET_START_US,
            "turn_us_alone": self.alone,
            "turn_us_followed": self.followed,
            "images_meanwhile": self.images,
            "target_pause_us": TARGET_PAUSE_US,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |it: Duration| Micros(it.as_micros() as u64);
        let Self { commands, events, bytes, image_bytes, tail, images, .. } = self;
        writeln!(
            f,
            "recovery: {commands} commands, {events} events, {bytes} bytes of journal in memory"
        )?;
        writeln!(
            f,
            "  read only           {}: {} commands/s",
            micros(self.read),
            self.rate(self.read)
        )?;
        writeln!(
            f,
            "  engine alone        {}: {} commands/s; target: at least {TARGET_COMMANDS}",
            micros(self.engine),
            self.rate(self.engine)
        )?;
        writeln!(
            f,
            "  crowd and boards    {}: {} commands/s",
            micros(self.whole),
            self.rate(self.whole)
        )?;
        writeln!(f, "  an image            {image_bytes} bytes, taken in {}", micros(self.take))?;
        writeln!(
            f,
            "  a start from it     {} with {tail} commands behind it; target: at most {} for {TARGET_EVENTS} events",
            micros(self.start),
            Micros(TARGET_START_US)
        )?;
        writeln!(f, "  a turn, alone       {}", self.alone)?;
        write!(
            f,
            "  a turn, followed    {}, {images} images meanwhile; target: p99 at most {} more",
            self.followed,
            Micros(TARGET_PAUSE_US)
        )
    }
}

/// Makes a journal, and measures what is done with it.
///
/// # Errors
/// If what is done again is not the same, or an image cannot be used: then figures mean nothing.
pub fn run(options: &Options) -> Result<Report, String> {
    let mut progress = Progress::new();
    let config = Config::read("the demo", DEMO).map_err(|error| error.to_string())?;
    let plan = Plan::new(&config, 7, BEGINS);
    let disk = Memory::default();
    let mut source = written(&plan, &disk, options, &mut progress)?;

    progress.show("reading");
    let begun = Instant::now();
    let mut bytes = 0;
    each(&disk, |_| Ok(()))?;
    let read = begun.elapsed();
    for segment in reader::segments(&disk).map_err(|error| error.to_string())? {
        bytes +=
            disk.read(&segments::name(segment)).map_err(|error| error.to_string())?.len() as u64;
    }

    progress.show("running the engine again");
    let mut replica = Replica::bare(&plan);
    let begun = Instant::now();
    each(&disk, |record| replica.record(record).map_err(|why| why.to_string()))?;
    let engine = begun.elapsed();
    let done = replica.rerun().done();
    drop(replica);

    progress.show("running all of it again");
    let mut boards = plan.boards();
    let mut replica = Replica::begun(&plan, &mut boards);
    let begun = Instant::now();
    each(&disk, |record| replica.record(record).map_err(|why| why.to_string()))?;
    let whole = begun.elapsed();
    drop(replica);
    drop(boards);

    progress.show("taking images");
    let segments = reader::segments(&disk).map_err(|error| error.to_string())?;
    let [.., before, sealed, _] = segments[..] else {
        return Err("failed to take an image: the journal has fewer than three segments".to_owned());
    };
    take(&disk, &plan, before)?;
    let begun = Instant::now();
    let taken = take(&disk, &plan, sealed)?;
    let took = begun.elapsed();

    progress.show("starting from an image");
    let begun = Instant::now();
    let newest = image::list(&disk).map_err(|error| error.to_string())?;
    let newest = *newest.last().expect("one was taken");
    let image = Image::read(&disk, newest).map_err(|error| error.to_string())?;
    let mut boards = plan.boards();
    let mut replica =
        Replica::restored(&plan, &image, Some(&mut boards)).map_err(|error| error.to_string())?;
    let mut tail = Reader::open_behind(&disk, &image.head.boundary).map_err(|it| it.to_string())?;
    while let Some(record) = tail.record().map_err(|error| error.to_string())? {
        replica.record(&record).map_err(|error| error.to_string())?;
    }
    let start = begun.elapsed();
    let behind = replica.rerun().done().commands;
    drop(replica);
    drop(boards);

    progress.show("turning alone");
    let mut now = source.time();
    let alone = turns(&mut source, &mut now, options.turns, || true)?;
    progress.show("turning while it is followed");
    let (stops, images) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let follower = {
        let (stops, images) = (Arc::clone(&stops), Arc::clone(&images));
        let (disk, plan) = (disk.clone(), plan.clone());
        thread::spawn(move || {
            // As the follower's own thread does.
            let _less = rustix::process::setpriority_process(None, 19);
            while !stops.load(Ordering::Relaxed) {
                // It goes on from the one before.
                let _gone = disk.remove(&image::name(sealed));
                take(&disk, &plan, sealed)?;
                images.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), String>(())
        })
    };
    let is_enough = || images.load(Ordering::Relaxed) >= IMAGES_MIN || follower.is_finished();
    let followed = turns(&mut source, &mut now, options.turns, is_enough)?;
    stops.store(true, Ordering::Relaxed);
    follower.join().map_err(|_| "failed to follow: its thread panicked".to_owned())??;
    let images = images.load(Ordering::Relaxed);
    Ok(Report {
        commands: done.commands,
        events: done.events,
        bytes,
        read,
        engine,
        whole,
        image_bytes: taken,
        take: took,
        tail: behind,
        start,
        alone,
        followed,
        images,
    })
}

/// The demo's market, kept on this disk until it has had enough events.
fn written(
    plan: &Plan,
    disk: &Memory,
    options: &Options,
    progress: &mut Progress,
) -> Result<EngineSource, String> {
    let failed = |what: &dyn fmt::Display| format!("failed to write a journal: {what}");
    let mut source = plan.source();
    let writer = Writer::create(Arc::new(disk.clone()), [7; 16]).map_err(|it| failed(&it))?;
    let pace = Pace { commands: options.image_every_commands, ..Pace::default() };
    let (sealed, _nobody) = std::sync::mpsc::sync_channel(1);
    let writer = writer.at_pace(pace, sealed);
    let digester = Digester::default();
    let commit = Commit::start(writer, Durability::None, digester.digest(), |_| ());
    source.keep(
        commit.map_err(|it| failed(&it))?,
        (BEGINS, Span(0)),
        (plan.seed, "bench"),
        digester,
    );
    let (mut events, mut out) = (0, Vec::new());
    while events < options.events {
        source.advance(source.time() + Span::seconds(1), &mut out);
        source.settle(&mut out);
        events += out.len() as u64;
        out.clear();
        progress.show(&format!("writing: {events} of {} events", options.events));
    }
    Ok(source)
}

/// Reads the whole journal, record by record.
fn each(
    disk: &Memory,
    mut look: impl FnMut(&reader::Record) -> Result<(), String>,
) -> Result<(), String> {
    let reader = Reader::open(disk).map_err(|error| error.to_string())?;
    let mut reader =
        reader.ok_or_else(|| "failed to read the journal: there is none".to_owned())?;
    while let Some(record) = reader.record().map_err(|error| error.to_string())? {
        look(&record)?;
    }
    Ok(())
}

/// Takes the image behind a segment, as the follower does.
fn take(disk: &Memory, plan: &Plan, segment: u64) -> Result<u64, String> {
    match follower::follow(disk, plan, segment) {
        Ok(taken) => Ok(taken.bytes),
        Err(follower::Obstacle::Fault(why) | follower::Obstacle::Alarm(why)) => {
            Err(format!("failed to take an image: {why}"))
        }
    }
}

/// How long the turns of whoever writes take, in µs: what is due is done, handed over and gathered. At least so many,
/// and until it is enough.
fn turns(
    source: &mut EngineSource,
    now: &mut Time,
    count: u64,
    is_enough: impl Fn() -> bool,
) -> Result<Shares, String> {
    let mut times = Histogram::default();
    let mut out = Vec::new();
    let mut turn = 0;
    while turn < count || !is_enough() {
        turn += 1;
        *now = *now + TURN;
        let begun = Instant::now();
        source.advance(*now, &mut out);
        source.turn(false, &mut out);
        times.add(begun.elapsed().as_micros() as u64);
        out.clear();
        // Nothing of it is due to durability, which memory gives at once.
        if source.due().is_none() {
            source.settle(&mut out);
            out.clear();
        }
    }
    times.shares().ok_or_else(|| "failed to time turns: there were none".to_owned())
}
