//! `rialto serve standby`: a copy of the core's journal on a disk of its own, byte for byte, and a machine that becomes
//! the core when it is told to, or by itself where a lease says that the core is gone.
//!
//! It serves nobody. What comes is checked as it is by an edge, written to files of the same names and made durable;
//! a follower runs sealed segments again, compares every digest, and takes images. To take over is to start from a
//! journal, as after any restart: a new life with a new epoch, behind the last record that was copied. What the core
//! had acknowledged and had not sent yet is not in it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use feed::bus::Bus;
use feed::journal::copy::copyist::{Copyist, Opened};
use feed::journal::copy::taker::{PATIENCE_MAX, Standing, Taker, Trouble, Which};
use feed::journal::copy::words::{Ask, Head, Machine, Question};
use feed::journal::disk::{Disk, Folder};
use feed::journal::image::Image;
use feed::journal::reader::{self, Boundary};
use feed::journal::segments::name;
use model::{Epoch, Sequence};
use tokio::signal::unix::{SignalKind, signal};

use super::core::Claim;
use super::edge::{answered, fetched, head};
use super::inbox::{BYTES_MAX, Message, Room};
use super::lease::heir::Won;
use super::lease::tenure::{self, Tenure};
use super::lease::waiting::Waiting;
use super::lease::{Register, hex, registers};
use super::subjects::Subjects;
use crate::aloud;
use crate::cli::Serve;
use crate::config::{BusPlan, Config};
use crate::follower::Follower;
use crate::kept;
use crate::known::folder;
use crate::replica::{self, Plan};
use crate::run::{Failure, Signals, failed};

/// Messages that wait to be looked at. With more the bus loses them, and they are asked for again.
const INBOX_MAX: usize = 256;
/// How long the core must have been silent before it is taken for gone.
pub const SILENCE: Duration = Duration::from_secs(3);
/// How often the core is told again what is durable here.
const SAY_AGAIN: Duration = Duration::from_millis(500);
/// How often it is said how the copy stands.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How standing by ended.
pub enum Ended {
    /// As asked.
    AsAsked,
    /// It is to be the core now, in a life that is later than this one.
    TakesOver(Epoch, Claim),
}

enum Letter {
    Heard(Message),
    End,
    TakeOver,
    /// The lease is this machine's.
    Won(Won, Box<dyn Register>),
}

/// Stands by until it is told to end, or to take over.
///
/// # Errors
/// [`Failure`] if the journal cannot be copied.
pub fn run(options: &Serve, config: &Config, bus: &Arc<dyn Bus>) -> Result<Ended, Failure> {
    let plan = config.bus.clone().ok_or_else(super::no_bus)?;
    let subjects = Subjects::of(&plan.market);
    let path = folder(options).join(kept::FOLDER);
    let place = Folder::open(&path).map_err(failed(format_args!("open {}", path.display())))?;
    let _lock = kept::lock(&path)?;
    let disk: Arc<dyn Disk> = Arc::new(place);
    let unreadable = || format!("read {}", path.display());
    let market = match kept::origin(disk.as_ref()).map_err(failed(unreadable()))? {
        // A copy that was begun says itself of what: the core need not be there.
        Some(origin) => Plan::new(config, origin.seed, origin.time),
        None => {
            let head = answered(&plan, || head(bus, &subjects));
            Plan::new(config, head.seed, head.begins)
        }
    };
    let (letters, inbox) = sync_channel(INBOX_MAX);
    heed_signals(letters.clone())?;
    let room = Room::of(BYTES_MAX);
    let register = registers::configured(config)?;
    let name = tenure::name_of(folder(options));
    let (machine, waiting, is_replicated) = (Machine::default(), None, options.is_replicated());
    Standby {
        path,
        disk,
        bus,
        subjects,
        plan,
        market,
        letters,
        room,
        machine,
        waiting,
        is_replicated,
    }
    .copy(&inbox, register, name)
}

struct Standby<'a> {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    bus: &'a Arc<dyn Bus>,
    subjects: Subjects,
    plan: BusPlan,
    market: Plan,
    letters: SyncSender<Letter>,
    room: Room,
    machine: Machine,
    /// What it does about the lease, if there is one.
    waiting: Option<Waiting>,
    is_replicated: bool,
}

impl Standby<'_> {
    fn copy(
        mut self,
        inbox: &Receiver<Letter>,
        register: Option<Box<dyn Register>>,
        name: String,
    ) -> Result<Ended, Failure> {
        let here = self.path.display().to_string();
        let mut boundary = begun(self.disk.as_ref()).map_err(failed(format!("read {here}")))?;
        // What is damaged is cut, and was told to be here: whoever loses it is another machine from then on, also if this
        // process ends in between.
        let name_of_it = registers::set_aside(&self.path)?;
        let (mut copyist, mut taker, is_cut) = self.opened(boundary.as_ref())?;
        self.machine = match name_of_it.filter(|_| !is_cut) {
            Some(machine) => registers::named(&self.path, machine)?,
            None => registers::another_machine(&self.path)?,
        };
        if let Some(register) = register {
            self.wait(register, name)?;
        }
        let (follower, sealed) = Follower::new();
        let sight = follower.sight();
        let follower = follower
            .start(Arc::clone(&self.disk), self.market.clone())
            .map_err(failed("start the follower's thread"))?;
        let (heard, room) = (self.letters.clone(), self.room.clone());
        let listening = self.bus.listen(
            &self.subjects.pieces,
            Box::new(move |message| {
                // Where there is no room it is asked for again.
                room.keep(message, |message| heard.try_send(Letter::Heard(message)).is_ok());
            }),
        );
        let _listening = listening.map_err(failed("listen to the core"))?;
        aloud::complain(format_args!(
            "standing by for the market {} on {}, as {}, with a copy in {here}; {}",
            self.plan.market,
            self.plan.servers.join(", "),
            hex(self.machine),
            match &self.waiting {
                None => "SIGUSR1 makes this machine the core",
                Some(_) => "it takes over by itself when it is the heir and the core is gone",
            }
        ));
        let began = Instant::now();
        let mut is_agreed = false;
        let mut acknowledged = None;
        let mut told: Option<Instant> = None;
        let mut takes_over = None;
        loop {
            self.ask(&mut taker, began);
            let mut trouble = None;
            let mut wrote = false;
            while let Some(taken) = taker.take() {
                match taken {
                    Ok(taken) => {
                        let begins = taken.offset == 0;
                        let segment = taken.segment;
                        copyist.write(&taken).map_err(failed(format!("write {here}")))?;
                        wrote = true;
                        if begins && segment > 1 {
                            // Who has not come so far yet is told with the next.
                            let _told = sealed.try_send(segment - 1);
                        }
                    }
                    Err(found) => {
                        trouble = Some(found);
                        break;
                    }
                }
            }
            if wrote {
                copyist.sync().map_err(failed(format!("write {here}")))?;
            }
            let standing = taker.standing(began.elapsed());
            match trouble {
                None => {}
                Some(Trouble::Pruned { .. }) if boundary.is_none() && standing.last.0 == 0 => {
                    // The core has taken away its beginning: what is copied begins with an image.
                    boundary = Some(self.fetch()?);
                    (copyist, taker, _) = self.opened(boundary.as_ref())?;
                    continue;
                }
                Some(trouble) => {
                    return Err(Failure(format!(
                        "failed to go on copying to {here}: {trouble}. Move the copy away, and stand by with an empty \
                         folder"
                    )));
                }
            }
            // Again and again, for what is said may be lost, and a core that waits for it says nothing more.
            let is_due = acknowledged.is_none_or(|at: Instant| at.elapsed() >= SAY_AGAIN);
            // Of a life of which nothing was taken yet it is not known that it goes on from what is here.
            let is_of_life = standing.frontier.is_some_and(|it| it.epoch == standing.epoch);
            if is_of_life && (wrote || is_due) {
                acknowledged = Some(Instant::now());
                self.acknowledge(&standing, copyist.durable().last);
            }
            if let Some(head) = taker.head().filter(|_| !is_agreed) {
                self.agrees(head)?;
                is_agreed = true;
            }
            if let Some(alarm) = sight.note().alarm {
                return Err(Failure(format!(
                    "the copy in {here} is not what it should be: {alarm}. This machine cannot take over"
                )));
            }
            if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) && standing.is_level {
                told = Some(Instant::now());
                aloud::complain(format_args!(
                    "the copy is durable up to command {}",
                    standing.last
                ));
            }
            let next = taker.next().map_or(SILENCE, |next| next.saturating_sub(began.elapsed()));
            let mut letter = match inbox.recv_timeout(next.min(SILENCE)) {
                Ok(letter) => Some(letter),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(Ended::AsAsked),
            };
            while let Some(now) = letter {
                match now {
                    Letter::Heard(message) => {
                        taker.heard(&message, began.elapsed());
                        if let Some(waiting) = &self.waiting {
                            waiting.heard();
                        }
                    }
                    Letter::End => return Ok(Ended::AsAsked),
                    Letter::TakeOver if copyist.durable().offset == 0 => {
                        aloud::complain("this does not take over: nothing was copied yet");
                    }
                    Letter::TakeOver => {
                        let may = match &self.waiting {
                            None => may_take_over(&taker.standing(began.elapsed())).map(Some),
                            Some(waiting) => waiting.take_over().map(|()| None),
                        };
                        match may {
                            Ok(None) => {}
                            Ok(Some(())) => takes_over = Some(Claim::Told),
                            Err(why) => {
                                aloud::complain(format_args!("this does not take over: {why}"));
                            }
                        }
                    }
                    Letter::Won(won, register) => {
                        let place = (self.bus, &self.subjects);
                        let tenure = Tenure::won(won, register, self.is_replicated, place)?;
                        takes_over = Some(Claim::Held(tenure));
                    }
                }
                if let Some(claim) = takes_over.take() {
                    let (last, life) = level(&taker.standing(began.elapsed()))?;
                    // From here on it is a journal like any other, whole to its end.
                    copyist.seal().map_err(failed(format!("write {here}")))?;
                    aloud::complain(format_args!("taking over behind command {last}"));
                    // Nobody else is to write images when the core begins. If it panicked it has said so.
                    drop(sealed);
                    let _panicked = follower.join();
                    return Ok(Ended::TakesOver(life, claim));
                }
                letter = inbox.try_recv().ok();
            }
        }
    }

    /// Tells the core what is durable here.
    fn acknowledge(&self, standing: &Standing, last: Sequence) {
        let question = Question::Kept { machine: self.machine, epoch: standing.epoch, last };
        let ask = Ask { number: u32::MAX, journal: standing.journal, question };
        self.bus.ask(&self.subjects.ask, &ask.to_bytes(), PATIENCE_MAX, Box::new(|_| ()));
    }

    /// Whether the core's market is the one that is configured here.
    fn agrees(&self, head: &Head) -> Result<(), Failure> {
        self.market.agrees(head).map_err(|what| {
            Failure(format!(
                "failed to stand by for the market {}: {what}. Give core and standby the same configuration (the core is \
                 rialto {})",
                self.plan.market, head.build
            ))
        })
    }

    /// From now on it takes over when the lease lets it.
    fn wait(&mut self, register: Box<dyn Register>, name: String) -> Result<(), Failure> {
        let told = self.letters.clone();
        let won = move |won, register| {
            // If nobody reads it any more it has ended.
            let _told = told.send(Letter::Won(won, register));
        };
        let place = (self.bus, &self.subjects);
        let me = (self.machine, registers::this_run()?, name);
        self.waiting = Some(Waiting::start(me, register, place, won)?);
        Ok(())
    }

    /// The copy as it is here, and whether some of it was lost.
    fn opened(&self, behind: Option<&Boundary>) -> Result<(Copyist, Taker, bool), Failure> {
        let here = self.path.display();
        let opened = Copyist::open(Arc::clone(&self.disk), behind);
        let Opened { copyist, start, cut } =
            opened.map_err(failed(format_args!("go on with the copy in {here}")))?;
        if let Some(cut) = &cut {
            aloud::complain(format_args!("the copy is taken anew from where it is damaged: {cut}"));
        }
        Ok((copyist, Taker::new(start, Which::All), cut.is_some()))
    }

    /// Fetches the core's newest image, and keeps it.
    fn fetch(&self) -> Result<Boundary, Failure> {
        let image = fetched(self.bus, &self.subjects, &self.plan)?.ok_or_else(|| {
            Failure(
                "failed to copy the core's journal: its beginning was taken away, and it has no image".to_owned(),
            )
        })?;
        image.write(self.disk.as_ref()).map_err(failed("keep the core's image"))?;
        Ok(image.head.boundary)
    }

    fn ask(&self, taker: &mut Taker, began: Instant) {
        while let Some(ask) = taker.asks(began.elapsed()) {
            let (letters, room) = (self.letters.clone(), self.room.clone());
            let reply = move |answer: Result<Vec<u8>, _>| {
                if let Ok(message) = answer {
                    // Where there is no room it is asked for again.
                    room.keep(&message, |message| letters.try_send(Letter::Heard(message)).is_ok());
                }
            };
            self.bus.ask(&self.subjects.ask, &ask.to_bytes(), PATIENCE_MAX, Box::new(reply));
        }
    }
}

/// The last command of the copy, and the latest life that was seen.
fn level(standing: &Standing) -> Result<(Sequence, Epoch), Failure> {
    if standing.journal.is_none() || standing.last.0 == 0 {
        return Err(Failure("failed to take over: nothing was copied yet".to_owned()));
    }
    let seen = standing.frontier.map_or(standing.epoch, |it| it.epoch.max(standing.epoch));
    Ok((standing.last, seen))
}

/// Whether this machine may be the core now that it was told to be: the core has been silent.
fn may_take_over(standing: &Standing) -> Result<(), String> {
    match standing.silence {
        Some(silence) if silence < SILENCE => Err(format!(
            "the core was heard of {} ms ago; end it first, and try again after {} s",
            silence.as_millis(),
            SILENCE.as_secs()
        )),
        _ => Ok(()),
    }
}

/// Behind which image a copy begins, if it does not begin with the first segment.
fn begun(disk: &dyn Disk) -> io::Result<Option<Boundary>> {
    let first = reader::segments(disk).map_err(io::Error::other)?.first().copied();
    if first == Some(1) {
        return Ok(None);
    }
    let mut images = replica::newest_first(disk)?;
    images.reverse();
    for segment in images.into_iter().filter(|it| first.is_none_or(|first| it + 1 >= first)) {
        if let Ok(image) = Image::read(disk, segment) {
            return Ok(Some(image.head.boundary));
        }
    }
    match first {
        None => Ok(None),
        Some(first) => {
            let what = format!("it begins with {}, and there is no image before that", name(first));
            Err(io::Error::other(what))
        }
    }
}

/// Has signals come as letters: SIGINT and SIGTERM end it, SIGUSR1 makes it the core.
fn heed_signals(letters: SyncSender<Letter>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("wait for signals"))?;
    let heed = move || {
        runtime.block_on(async {
            let (Ok(mut ends), Ok(mut takes_over)) =
                (Signals::of_the_system(), signal(SignalKind::user_defined1()))
            else {
                return;
            };
            loop {
                let letter = tokio::select! {
                    () = ends.ask_to_end() => Letter::End,
                    _ = takes_over.recv() => Letter::TakeOver,
                };
                if letters.send(letter).is_err() {
                    return;
                }
            }
        });
    };
    let spawned = std::thread::Builder::new().name("signals".into()).spawn(heed);
    spawned.map(drop).map_err(failed("wait for signals"))
}
