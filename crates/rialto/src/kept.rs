//! A market that is kept: its journal opened, run again behind its newest image, and gone on with.
//!
//! Nothing here decides what is good in a journal (`feed::journal` does); here is said what that means for whoever
//! starts a venue: a torn end is told and cut, damage stops the start unless its loss is accepted, and a journal of
//! other instruments, another seed or another crowd is told.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge::boards::Boards;
use edge::clock::MarketClock;
use edge::journal::{AskJournal, JournalNote};
use edge::repeats::Repeats;
use feed::journal::commit::replication::Replication;
use feed::journal::commit::{Commit, Durability, Terms, Watcher};
use feed::journal::copy::giver::Giver;
use feed::journal::copy::tap::tap;
use feed::journal::digest::Digester;
use feed::journal::disk::{Disk, Folder};
use feed::journal::image::{self, Image};
use feed::journal::reader::{self, Reader, Tail, Trouble};
use feed::journal::record::SEGMENT_HEAD_BYTES;
use feed::journal::segments::{self, name_aside};
use feed::journal::writer::Writer;
use feed::journal::{Entry, Opened};
use feed::source::engine::EngineSource;
use feed::source::engine::rerun::{Difference, Done, Rerun};
use model::{Epoch, Event, Sequence, Source, Span, Time};
use store::Random;

use crate::aloud;
use crate::cluster::core::{Gives, Giving};
use crate::cluster::lease::tenure::Tenure;
use crate::cluster::until_lost::UntilLost;
use crate::config::Config;
use crate::follower::{Follower, Sight};
use crate::known::Known;
use crate::replica::{self, Plan, Replica};
use crate::run::{Begun, Beside, Failure, Nobody, catch_up, failed};

/// Where in the folder of `--data` the journal is.
pub const FOLDER: &str = "journal";
/// What to do where a folder is not for us.
const ELSEWHERE: &str = "name another folder with --data, or keep nothing with --ephemeral";
/// The file that is locked while a venue writes.
const LOCK: &str = "lock";
/// So long a standby may take to have what is written, where it has to. Then no command is taken until one has it.
const STANDBY_PATIENCE: Duration = Duration::from_secs(2);
/// How long it is waited before it is looked again whether a standby has it.
const SETTLE_AGAIN: Duration = Duration::from_millis(20);
/// How often it is told how far the journal was read.
const PROGRESS: Duration = Duration::from_secs(1);

/// A journal that is ours alone, as long as this lives.
pub struct Ledger {
    path: PathBuf,
    disk: Arc<Folder>,
    /// How it began; `None` if it is new.
    began: Option<Origin>,
    durability: Durability,
    accept_loss: bool,
    /// Unlocked when it is dropped.
    _lock: File,
}

impl Ledger {
    /// The journal in this folder of `--data`.
    ///
    /// # Errors
    /// [`Failure`] if another process has it, or its beginning cannot be read.
    pub fn open(data: &Path, durability: Durability, accept_loss: bool) -> Result<Self, Failure> {
        let path = data.join(FOLDER);
        // For nobody but its owner, as the accounts in it.
        let disk = DirBuilder::new().recursive(true).mode(0o700).create(data);
        let disk = disk.and_then(|()| Folder::open(&path)).map_err(|error| {
            let here = path.display();
            Failure(format!("failed to open the journal in {here}: {error}; {ELSEWHERE}"))
        })?;
        let lock = lock(&path)?;
        let began = origin(&disk).map_err(|trouble| {
            let remedy = match trouble {
                Trouble::Damaged { .. } => {
                    "; how the market began is not known without it, so that there is nothing to go on with, whatever loss \
                     is accepted: restore the segment from a copy, or begin anew in another folder with --data"
                }
                _ => "",
            };
            Failure(format!("failed to read {}: {trouble}{remedy}", path.display()))
        })?;
        Ok(Self { path, disk: Arc::new(disk), began, durability, accept_loss, _lock: lock })
    }

    /// What the crowd is seeded with: what it was from the beginning, or what is asked for.
    ///
    /// # Errors
    /// [`Failure`] if the journal was begun with another one.
    pub fn seed(&self, asked: Option<u64>, else_wise: u64) -> Result<u64, Failure> {
        let Some(began) = &self.began else { return Ok(asked.unwrap_or(else_wise)) };
        match asked {
            Some(asked) if asked != began.seed => Err(Failure(format!(
                "the market in {} was begun with seed {}, and not with {asked}; leave out --seed, or \
                 {ELSEWHERE}",
                self.path.display(),
                began.seed
            ))),
            _ => Ok(began.seed),
        }
    }

    /// When the market begins, or began, if it is to open its doors at `opens`.
    pub fn begins(&self, config: &Config, opens: Time) -> Time {
        self.began.as_ref().map_or_else(|| config.begins(opens), |began| began.time)
    }

    /// Brings the market to the moment at which doors open, and keeps from then on what it is given.
    ///
    /// # Errors
    /// [`Failure`] if the journal cannot be gone on with.
    pub fn begin(
        self,
        config: &Config,
        known: &Known,
        seed: u64,
        (begins, asked): (Time, Option<Time>),
        mut gives: Option<Gives>,
        boards: &mut Boards,
    ) -> Result<Begun, Failure> {
        let mut about = Vec::new();
        let tenure = gives.as_mut().map(|gives| gives.claim(&self.path)).transpose()?.flatten();
        let plan = Plan::new(config, seed, begins);
        let (follower, sealed) = Follower::new();
        let sight = follower.sight();
        let mut repeats = Repeats::default();
        let (mut source, digester, writer, warm_up) = match &self.began {
            None => {
                let source = config.market_begun(seed, begins);
                about.extend(self.set_unbegun_aside().map_err(self.unwritable())?);
                let mut id = [0; 16];
                Random::system().fill(&mut id).map_err(failed("call the new journal by a name"))?;
                let writer = Writer::create(self.disk(), id).map_err(self.unwritable())?;
                about.push(format!("a new journal in {}", self.path.display()));
                (source, Digester::default(), writer, config.crowd.warm_up)
            }
            Some(_) => {
                let Recovered { run, about: how, image } = self.recover(&plan, boards)?;
                about.extend(how);
                let crowd_differs = run.rerun.done().crowd_differs;
                about.extend(notes(&run.tail, crowd_differs, run.loss.as_ref()));
                if let Some(Trouble::Damaged { place, .. }) = &run.loss {
                    self.set_aside(&place.segment)?;
                }
                self.clear_images(&run)?;
                let Run { rerun, repeats: known, tail, .. } = run;
                repeats = known;
                // It took a while to run it again, and another may have been faster.
                gives.as_ref().map_or(Ok(()), Gives::alone)?;
                let seen = gives.as_ref().map_or(Epoch(0), |gives| gives.later_than);
                let writer = Writer::take_over(self.disk(), &tail, seen);
                let writer = writer.map_err(self.unwritable())?;
                let mut before = Sequence(0);
                if let Some((image, bytes)) = &image {
                    sight.knows(image, *bytes);
                    before = image.head.boundary.last;
                }
                if tail.last.0 - before.0 >= config.images.commands {
                    // There is room: nobody has been told of anything yet.
                    let _told = sealed.try_send(tail.segment);
                }
                // Whatever the configuration says now: a market that clients have seen is not warmed up again.
                let left = rerun.warm_up_left();
                let (source, digester) = rerun.finish();
                if left > Span(0) {
                    let seconds = left.0.unsigned_abs().div_ceil(1_000_000);
                    about.push(format!(
                        "its warm-up was interrupted, and goes on for {seconds} s of market time"
                    ));
                }
                (source, digester, writer, left)
            }
        };
        // What is left of the warm-up is played before doors open, however long nobody played meanwhile.
        let opens = asked.unwrap_or_else(|| MarketClock::of_the_wall().start());
        let opens = opens.max(source.time() + warm_up);
        if asked.is_some_and(|asked| asked < opens) {
            about.push("its time is later than --clock says, and never goes back".to_owned());
        }
        let is_new = self.began.is_none();
        let leased = tenure.clone();
        let complain = move |failure: &str| {
            let what = "nothing is taken any more, and what was not durable is told to nobody";
            match leased {
                // Another machine is to go on.
                Some(tenure) => {
                    aloud::complain(format_args!("{failure}; {what}"));
                    tenure.give_up(failure);
                }
                None => {
                    aloud::complain(format_args!(
                        "{failure}; {what}. Mend the disk and start again"
                    ));
                }
            }
        };
        let (outlet, tapping) = gives
            .is_some()
            .then(|| {
                let (tap, outlet) = tap();
                (outlet, tap)
            })
            .unzip();
        let is_replicated = gives.as_ref().is_some_and(|gives| gives.is_replicated);
        let writer = writer.at_pace(config.images, sealed);
        // What this disk alone may have was told to nobody, and is not before a standby has it.
        let writer = match gives.as_ref().is_some_and(|gives| is_replicated && !gives.is_copied) {
            true => writer.counting_nothing(),
            false => writer,
        };
        let writer = match tapping {
            Some(tap) => writer.tapped(tap),
            None => writer,
        };
        // All of it may have been told to somebody.
        let found = writer.last();
        let terms = Terms {
            durability: self.durability,
            replication: is_replicated.then_some(Replication { patience: STANDBY_PATIENCE }),
            license: tenure.as_ref().map(Tenure::license),
        };
        let commit = Commit::start_on(writer, terms, digester.digest(), complain)
            .map_err(failed("start the journal's thread"))?;
        let watcher = commit.watcher();
        let given = gives.zip(outlet).map(|(gives, outlet)| {
            let told = watcher.clone();
            let head = plan.head(source.market());
            let giver = Giver::new(self.disk(), outlet.gauge(), head);
            if let Some(tenure) = &tenure {
                tenure.of(outlet.gauge(), found);
            }
            let ours = watcher.standing().epoch;
            let giver = giver.telling(Box::new(move |machine, life, up_to| match &tenure {
                None => told.acknowledged(life, up_to),
                // Whoever follows another life may have something else.
                Some(_) if life != ours => {}
                Some(tenure) => tenure.kept(machine, up_to, || told.acknowledged(life, up_to)),
            }));
            gives.open(giver, outlet)
        });
        let given = given.transpose()?;
        let life = if is_new { source.time() } else { opens - warm_up };
        source.keep(commit, (life, warm_up), (seed, env!("CARGO_PKG_VERSION")), digester);
        let mut events = Vec::new();
        if !source.is_settled() {
            // Before that it takes nothing.
            settled(&mut source, &mut events);
        }
        let assets = source.engine().assets().clone();
        let followed = |account| source.engine().is_followed(account);
        for action in known.opening(&assets, followed) {
            source.submit(life, action, &mut events).map_err(|_| failure_of(&watcher))?;
        }
        settled(&mut source, &mut events);
        boards.apply(&events, &mut Nobody);
        catch_up(&mut source, boards, opens, settled);
        if source.is_broken() {
            return Err(failure_of(&watcher));
        }
        about.push(match self.durability {
            Durability::Sync if is_replicated => {
                "nothing is acknowledged before this disk has it, and a standby's".to_owned()
            }
            Durability::Sync => "nothing is acknowledged before the disk has it".to_owned(),
            Durability::Batch => {
                "what is acknowledged survives the process; a loss of power may take the last twentieth of a second"
                    .to_owned()
            }
            Durability::None => {
                "what is acknowledged survives the process; a loss of power may take more".to_owned()
            }
        });
        // It ends with the journal's thread, which has the other end of its channel; nobody waits for it.
        let _follower =
            follower.start(self.disk(), plan).map_err(failed("start the follower's thread"))?;
        // The lock is held as long as somebody may ask how the journal stands.
        let ask: AskJournal = Arc::new(move || {
            let _held = &self;
            note(&watcher, &sight)
        });
        let is_behind = opens > MarketClock::of_the_wall().start() && asked.is_none();
        let follows_the_wall = asked.is_none() && !is_behind;
        let lost = given.as_ref().map(Giving::lost);
        let source: Box<dyn Source> = match &lost {
            Some(lost) => Box::new(UntilLost::new(source, Arc::clone(lost))),
            None => Box::new(source),
        };
        let known = known.clone();
        let beside = given.map(|giving| -> Beside {
            Box::new(move |boards, clerk, clock| {
                giving.with_market(follows_the_wall, (boards, clerk), clock, known)
            })
        });
        Ok(Begun {
            source,
            opens,
            follows_the_wall,
            about,
            journal: Some(ask),
            repeats,
            beside,
            lost,
            following: None,
        })
    }

    /// Brings the boards to where the journal ends: from the newest image that can be used, else from the beginning.
    fn recover(&self, plan: &Plan, boards: &mut Boards) -> Result<Recovered, Failure> {
        let here = self.path.display();
        let disk = self.disk.as_ref();
        let mut blank = Vec::new();
        boards.save(&mut blank);
        let mut about = Vec::new();
        let images = replica::newest_first(disk).map_err(failed(format_args!("read {here}")))?;
        for segment in images {
            let mut unusable = |why: &dyn std::fmt::Display| {
                about.push(format!("the image {} is not used: {why}", image::name(segment)));
            };
            let opened = replica::open(disk, segment).and_then(|(image, reader)| {
                let replica = Replica::restored(plan, &image, Some(&mut *boards))?;
                Ok((image, reader, replica))
            });
            let (image, reader, replica) = match opened {
                Ok(opened) => opened,
                Err(why) => {
                    unusable(&why);
                    continue;
                }
            };
            match self.run_on(replica, reader)? {
                Ok(run) => {
                    let boundary = image.head.boundary;
                    let bytes = image.to_bytes().len() as u64;
                    about.insert(0, format!(
                        "the journal in {here}: from the image behind segment {}, command {}, and {}",
                        boundary.segment,
                        boundary.last,
                        run.words()
                    ));
                    return Ok(Recovered { run, about, image: Some((image, bytes)) });
                }
                Err(difference) => {
                    unusable(&format_args!(
                        "what was done is not what happens behind it, {difference}"
                    ));
                    boards.load(&blank).expect("they were so just now");
                }
            }
        }
        let whole = format!("{here}{}", remedy(&about));
        let reader = Reader::open(disk).map_err(failed(format_args!("read {whole}")))?;
        let reader = reader.expect("its beginning was read");
        let run = self.run_on(Replica::begun(plan, boards), reader)?.map_err(|difference| {
            Failure(format!(
                "failed to run the journal in {here} again; this build or this configuration makes something else of \
                 it: {difference}. Start it with those that it was begun with; {ELSEWHERE}"
            ))
        })?;
        about.insert(0, format!("the journal in {here}: {}", run.words()));
        Ok(Recovered { run, about, image: None })
    }

    /// Runs the rest of the journal again and shows the boards what happened. What is damaged ends it, if that is
    /// accepted.
    fn run_on(
        &self,
        mut replica: Replica<'_>,
        mut reader: Reader<'_>,
    ) -> Result<Result<Run, Difference>, Failure> {
        let here = self.path.display();
        let mut progress = Progress::new();
        let loss = loop {
            match reader.record() {
                Ok(Some(record)) => {
                    if let Err(difference) = replica.record(&record) {
                        return Ok(Err(difference));
                    }
                    progress.tell(&reader, replica.rerun().done().commands);
                }
                Ok(None) => break None,
                Err(trouble @ Trouble::Damaged { .. }) if self.accept_loss => break Some(trouble),
                Err(trouble) => {
                    let remedy = match trouble {
                        Trouble::Damaged { .. } => {
                            "; --accept-loss goes on with what is before it, and sets the rest aside"
                        }
                        _ => "",
                    };
                    return Err(Failure(format!("failed to read {here}: {trouble}{remedy}")));
                }
            }
        };
        let tail = reader.tail().map_err(failed(format_args!("read {here}")))?;
        let (rerun, repeats) = replica.finish();
        Ok(Ok(Run { rerun, repeats, tail, loss }))
    }

    /// Images of what is gone, and those that were not written to their end, are not taken for others.
    fn clear_images(&self, run: &Run) -> Result<(), Failure> {
        let disk = self.disk.as_ref();
        let clear = || -> io::Result<()> {
            let names = disk.names()?;
            for segment in image::list(disk)? {
                let end = run.tail.segment;
                if segment > end || (segment == end && run.loss.is_some()) {
                    let name = image::name(segment);
                    disk.rename(&name, &name_aside(&names, &name, "lost"))?;
                }
            }
            for file in names.iter().filter(|file| file.ends_with(".image.part")) {
                disk.remove(file)?;
            }
            disk.sync()
        };
        clear().map_err(self.unwritable())
    }

    /// Sets aside what is there of a journal whose first record was not all written.
    fn set_unbegun_aside(&self) -> io::Result<Vec<String>> {
        let mut notes = Vec::new();
        for segment in segments::list(self.disk.as_ref())?.iter().rev() {
            let file = segment.name();
            if self.disk.bytes(&file)? <= SEGMENT_HEAD_BYTES as u64 {
                self.disk.remove(&file)?;
                continue;
            }
            let aside = name_aside(&self.disk.names()?, &file, "torn");
            self.disk.rename(&file, &aside)?;
            notes.push(format!(
                "the first record of {file} was not all written, so that nobody was told of it (but under batch or none); \
                 it is set aside as {aside}"
            ));
        }
        Ok(notes)
    }

    /// Keeps a copy of a damaged segment.
    fn set_aside(&self, segment: &str) -> Result<(), Failure> {
        let from = self.path.join(segment);
        if !from.exists() {
            return Ok(());
        }
        let names = self.disk.names().map_err(failed("list the journal's files"))?;
        let to = self.path.join(name_aside(&names, segment, "damaged"));
        fs::copy(&from, &to)
            .and_then(|_| File::open(&to)?.sync_all())
            .map_err(failed(format_args!("set {} aside", from.display())))
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk) as Arc<dyn Disk>
    }

    fn unwritable(&self) -> impl FnOnce(io::Error) -> Failure {
        failed(format!("write the journal in {}", self.path.display()))
    }
}

/// Waits until all that was done counts as durable, or never will: also for a standby, if one has to have it.
fn settled(source: &mut EngineSource, events: &mut Vec<Event>) {
    let mut is_said = false;
    loop {
        source.settle(events);
        if source.is_settled() || source.is_broken() {
            return;
        }
        std::thread::sleep(SETTLE_AGAIN);
        if !is_said {
            aloud::complain(
                "waiting for a standby: nothing is told before it has it (--durability replicated)",
            );
        }
        is_said = true;
    }
}

/// Takes the lock of a journal, for as long as that lives.
///
/// # Errors
/// [`Failure`] if another process has it.
pub fn lock(path: &Path) -> Result<File, Failure> {
    let file = path.join(LOCK);
    let what = format!("lock {}", file.display());
    let lock = File::create(&file)
        .map_err(|error| Failure(format!("failed to {what}: {error}; {ELSEWHERE}")))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure(format!(
            "the market in {} is served by another process; {ELSEWHERE}",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(&what)(error)),
    }
}

/// How a market began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// In market time.
    pub time: Time,
    /// What its crowd is seeded with.
    pub seed: u64,
}

/// How a kept market began; `None` if there is none. Its first segment says so, or an image if that is gone.
pub fn origin(disk: &dyn Disk) -> Result<Option<Origin>, Trouble> {
    if reader::segments(disk)?.first().is_some_and(|&first| first > 1) {
        let unreadable = |error| Trouble::Disk { segment: ".".into(), error };
        for segment in replica::newest_first(disk).map_err(unreadable)? {
            if let Ok(Image { head, .. }) = Image::read(disk, segment) {
                return Ok(Some(Origin { time: head.begins, seed: head.seed }));
            }
        }
    }
    let Some(mut reader) = Reader::open(disk)? else { return Ok(None) };
    let Some(record) = reader.record()? else { return Ok(None) };
    match record.entries.into_iter().next() {
        Some(Entry::Opened(Opened { time, seed, .. })) => Ok(Some(Origin { time, seed })),
        _ => Err(Trouble::Damaged {
            place: record.place,
            what: "the first record does not say how the market began".to_owned(),
        }),
    }
}

/// A journal that was run to its end.
struct Run {
    rerun: Rerun,
    repeats: Repeats,
    tail: Tail,
    /// What is behind its end.
    loss: Option<Trouble>,
}

impl Run {
    /// What was done, in words.
    fn words(&self) -> String {
        let Done { commands, events, digests, .. } = self.rerun.done();
        format!("{commands} commands, {events} events, {digests} digests agree")
    }
}

/// A market that was brought to where its journal ends.
struct Recovered {
    run: Run,
    /// How, for people, one line each.
    about: Vec<String>,
    /// From which image, and how long that is.
    image: Option<(Image, u64)>,
}

/// What is said where the beginning cannot be read and no image is good.
fn remedy(about: &[String]) -> String {
    if about.is_empty() {
        return String::new();
    }
    format!(
        " ({}; so all of it has to be run again: give it the configuration that it was served with, or the segments that          are missing)",
        about.join("; ")
    )
}

/// What people should know of how a journal ended.
fn notes(tail: &Tail, crowd_differs: u64, loss: Option<&Trouble>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(torn) = &tail.torn {
        notes.push(format!("cut, and never acknowledged: {torn}"));
    }
    if let Some(loss) = loss {
        notes.push(format!("LOST, as accepted, from here on: {loss}"));
        notes.push("ids and sequences that were told of what is lost are given again".to_owned());
    }
    if !tail.closed {
        let (epoch, last) = (tail.epoch, tail.last);
        notes.push(format!("life {epoch} was not ended as asked; it ends after command {last}"));
    }
    if crowd_differs > 0 {
        notes.push(format!(
            "the crowd would do {crowd_differs} things in another way now: its rules or its configuration were \
             changed, and it goes on from what it finds"
        ));
    }
    notes
}

/// How a journal stands, as the edge words it.
fn note(watcher: &Watcher, sight: &Sight) -> JournalNote {
    let standing = watcher.standing();
    JournalNote {
        durability: standing.durability.name(),
        epoch: standing.epoch.0,
        commands: standing.durable.0,
        events: standing.digest.events,
        digest: standing.digest.digest,
        bytes: standing.bytes,
        records: standing.records,
        syncs: standing.syncs,
        failure: standing.failure,
        follower: sight.note(),
    }
}

fn failure_of(watcher: &Watcher) -> Failure {
    let failure = watcher.standing().failure;
    Failure(failure.unwrap_or_else(|| "the journal takes nothing".to_owned()))
}

/// Tells how far a journal was read, where that takes long.
pub struct Progress(Instant);

impl Progress {
    /// From now on.
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// So far.
    pub fn tell(&mut self, reader: &Reader<'_>, commands: u64) {
        if self.0.elapsed() >= PROGRESS {
            self.0 = Instant::now();
            let (segment, segments) = reader.progress();
            aloud::complain(format_args!(
                "{commands} commands read, segment {segment} of {segments}"
            ));
        }
    }
}
