//! `rialto serve core`: a venue that gives its journal to edges, and takes what their clients submit.
//!
//! Beside a venue of one machine it has two threads: one hands what has become durable to the bus, the other answers
//! what edges ask for again, which reads the disk. What needs no disk, such as a standby's word of what it has, the bus' own
//! thread takes. Nobody who writes the journal waits for either: what there is no
//! room for is dropped, and edges ask for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ::edge::board_thread::BoardsHandle;
use ::edge::clock::{MarketClock, Speed};
use ::edge::repeats::Done;
use ::edge::steps::Clerk;
use dialects::Submission;
use feed::bus::{Bus, BusError, Listening, Respond};
use feed::journal::copy::giver::Giver;
use feed::journal::copy::tap::{Gauge, Outlet, Tapped};
use feed::journal::copy::words as copy;
use feed::journal::copy::words::Moment;
use feed::journal::record::Hash;
use feed::source::followed::Decision;
use model::{Epoch, Note, Outcome, Span, Time};

use super::edge;
use super::lease::tenure::Tenure;
use super::lease::{Register, registers};
use super::subjects::Subjects;
use super::words::{Answer, Ask, Runs, Submit};
use crate::run::{Failure, Lost, failed};
use crate::{aloud, known};

/// Questions that wait to be answered from the disk. One more is not answered, and is asked again.
const QUESTIONS_MAX: usize = 64;
/// A longer one is none that anybody asks.
const QUESTION_BYTES_MAX: usize = 1_024;
/// Edges whose questions are remembered, and how many of each, so that none is taken twice.
const EDGES_KNOWN: usize = 1_024;
const QUESTIONS_KNOWN: usize = 16_384;
/// What was asked longer ago was told to be unknown, and is not taken any more. By the clocks of two machines.
const ASKED_MAX: Span = Span::seconds(5);
/// So often nobody must answer before there is nobody.
const UNANSWERED: u32 = 2;
/// So often, each time for so long, somebody who is known to the bus must be silent before whoever takes over goes on.
const SILENT: u32 = 3;
const SILENT_FOR: Duration = Duration::from_secs(1);
/// How often it is said that the bus is waited for.
const COMPLAIN_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether all is over.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// To whom a market is given.
pub struct Gives {
    /// What carries it.
    pub bus: Arc<dyn Bus>,
    /// On which subjects.
    pub subjects: Subjects,
    /// How fast market time runs.
    pub speed: Speed,
    /// The life that begins is later than this one, which was seen elsewhere.
    pub later_than: Epoch,
    /// Whether a standby has to have on its disk what is told.
    pub is_replicated: bool,
    /// Whether the journal was copied from a core, which so had all of it as well.
    pub is_copied: bool,
    /// By what this machine is the core, where machines agree on that by themselves.
    pub claim: Claim,
}

/// By what a machine is the core.
pub enum Claim {
    /// By having been told to be it.
    Told,
    /// By a lease in this register, which is to be had yet.
    ToBegin(Box<dyn Register>, String),
    /// By a lease that it has.
    Held(Tenure),
}

/// The journal as it is given, from before there is a market to be seen. It ends when it is dropped.
pub struct Giving {
    gives: Gives,
    over: Arc<AtomicBool>,
    /// Market time, once it runs.
    clock: Arc<OnceLock<MarketClock>>,
    lost: Arc<Lost>,
    gauge: Gauge,
    _listening: [Listening; 2],
}

/// What takes what edges' clients submit; and the journal as it is given.
struct Office {
    _giving: Giving,
    _answering: Listening,
}

impl Drop for Giving {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Gives {
    /// Whether no other core of this market is there.
    ///
    /// # Errors
    /// [`Failure`] if one is.
    pub fn alone(&self) -> Result<(), Failure> {
        // A lease says so: whoever is there still may not write.
        if matches!(self.claim, Claim::Held(_)) {
            return Ok(());
        }
        alone(&self.bus, &self.subjects, self.later_than > Epoch(0))
    }

    /// Becomes the core by a lease, if that is how it is decided. To be called with the lock of the journal in this
    /// folder held.
    ///
    /// # Errors
    /// [`Failure`] if another machine is the core.
    pub fn claim(&mut self, journal: &Path) -> Result<Option<Tenure>, Failure> {
        let tenure = match std::mem::replace(&mut self.claim, Claim::Told) {
            Claim::Told => return Ok(None),
            Claim::Held(tenure) => tenure,
            Claim::ToBegin(register, name) => {
                let me = registers::this_machine(journal)?;
                let place = (&self.bus, &self.subjects);
                let me = (me, registers::this_run()?, name);
                Tenure::begin(register, me, self.is_replicated, place)?
            }
        };
        self.claim = Claim::Held(tenure.clone());
        Ok(Some(tenure))
    }

    /// Begins to give the journal: what comes out of the outlet as it comes, and what `giver` has on being asked.
    ///
    /// # Errors
    /// [`Failure`] if the bus or the system does not let it.
    pub fn open(self, giver: Giver, outlet: Outlet) -> Result<Giving, Failure> {
        let (bus, subjects) = (Arc::clone(&self.bus), self.subjects.clone());
        let over = Arc::<AtomicBool>::default();
        let lost = match &self.claim {
            Claim::Held(tenure) => tenure.lost(),
            Claim::Told | Claim::ToBegin(..) => Arc::default(),
        };
        let clock = Arc::<OnceLock<MarketClock>>::default();
        let giver = Arc::new(giver);
        let (asking, questions) = sync_channel::<(Vec<u8>, Respond)>(QUESTIONS_MAX);
        let (at_once, time, replaced) = (Arc::clone(&giver), Arc::clone(&clock), Arc::clone(&lost));
        let asked = bus.answer(
            &subjects.ask,
            Box::new(move |question, respond| {
                if replaced.is_so() {
                    return;
                }
                // Who says what it has on its disk is waited for: it does not wait for others who ask for much.
                if Giver::needs_no_disk(question) {
                    return respond.with(&at_once.answer(question, moment(&time)));
                }
                if question.len() > QUESTION_BYTES_MAX {
                    return;
                }
                let full = asking.try_send((question.to_vec(), respond));
                // Whoever asked is not answered, and asks again.
                let (Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = full;
            }),
        );
        let (gauge, losing) = (outlet.gauge(), Arc::clone(&lost));
        let level = gauge.clone();
        let others = bus.listen(
            &subjects.pieces,
            Box::new(move |message| {
                if let Some(why) = goes_on(message, gauge.journal(), &gauge.frontier()) {
                    losing.lose(why);
                }
            }),
        );
        let listens = || failed("take questions of other machines");
        let listening = [asked.map_err(listens())?, others.map_err(listens())?];
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let spawned = thread::Builder::new().name(name.into()).spawn(work);
            spawned.map(drop).map_err(failed("start a thread for other machines"))
        };
        let (giving, ended, replaced) = (Arc::clone(&giver), Arc::clone(&over), Arc::clone(&lost));
        let publishing = move || publish(&giving, &outlet, (&*bus, &subjects), &ended, &replaced);
        spawn("bus-out", Box::new(publishing))?;
        let (time, ended, replaced) = (Arc::clone(&clock), Arc::clone(&over), Arc::clone(&lost));
        let answering = move || answer_all(&giver, &questions, &time, &ended, &replaced);
        spawn("bus-answers", Box::new(answering))?;
        Ok(Giving { gives: self, over, clock, lost, gauge: level, _listening: listening })
    }
}

impl Giving {
    /// Told if another machine goes on with the journal.
    pub fn lost(&self) -> Arc<Lost> {
        Arc::clone(&self.lost)
    }

    /// From now on there is a market: what clients of edges submit is taken.
    ///
    /// # Errors
    /// [`Failure`] if the bus does not let it.
    pub fn with_market(
        self,
        follows_the_wall: bool,
        (boards, clerk): (&BoardsHandle, &Arc<Clerk>),
        clock: &MarketClock,
        accounts: known::Known,
    ) -> Result<Box<dyn Send>, Failure> {
        // It is said once.
        let _first = self.clock.set(clock.clone());
        let (time, speed) = (clock.clone(), self.gives.speed);
        let taking = Taking {
            boards: boards.clone(),
            clerk: Arc::clone(clerk),
            gauge: self.gauge.clone(),
            lost: Arc::clone(&self.lost),
            known: Arc::default(),
        };
        let answering = self.gives.bus.answer(
            &self.gives.subjects.market,
            Box::new(move |question, respond| {
                let now = time.now();
                let runs = Runs { now, speed, follows_the_wall };
                taking.answer(question, respond, || Answer::Told(runs, accounts.identity()));
            }),
        );
        let answering = answering.map_err(failed("take what is submitted at edges"))?;
        Ok(Box::new(Office { _giving: self, _answering: answering }))
    }
}

/// Whether somebody else writes this journal too, and how that is said. Of two in one life the one that has written less
/// ends: what it hears cannot be its own.
fn goes_on(message: &[u8], ours: Hash, at: &copy::Frontier) -> Option<String> {
    let piece = copy::Answer::decode(message).ok()?;
    let there = piece.frontier;
    let is_more = (there.epoch, there.place()) > (at.epoch, at.place());
    let is_other =
        (there.epoch, there.place()) == (at.epoch, at.place()) && there.chain != at.chain;
    (piece.journal == ours && (is_more || is_other)).then(|| {
        format!(
            "another machine is the core of this market, in its life {}; this one was of life {}",
            there.epoch, at.epoch
        )
    })
}

/// Whether no core of this market is there: two would be two markets. Waits until the bus can say.
///
/// A core that stands still, or whose machine is gone without a word, is still known to the bus, which misses it only after
/// minutes. A start waits for that. Whoever takes over was told to, and waits for an answer a few times, if it is certain
/// that its own line carries.
///
/// # Errors
/// [`Failure`] if one is, or something that answers like one.
fn alone(bus: &Arc<dyn Bus>, subjects: &Subjects, takes_over: bool) -> Result<(), Failure> {
    let ask = copy::Ask { number: 1, journal: None, question: copy::Question::Head }.to_bytes();
    let nobody = format!("{}.nobody", subjects.ask);
    let (mut complained, mut unanswered, mut silent) = (None, 0, 0);
    while unanswered < UNANSWERED {
        let why = match edge::asked_within(SILENT_FOR, bus, &subjects.ask, &ask) {
            Ok(_) => {
                return Err(Failure(format!(
                    "failed to serve as the core of the market {}: another one is there. End it first, or give this market \
                     another name in [bus]",
                    subjects.name
                )));
            }
            Err(BusError::Unanswered) => {
                unanswered += 1;
                thread::sleep(LOOK_EVERY / 10);
                continue;
            }
            Err(why) => why,
        };
        unanswered = 0;
        if takes_over && matches!(why, BusError::Late) {
            // Only over a line that carries is it known at once that nobody listens there.
            let line = edge::asked_within(SILENT_FOR, bus, &nobody, &ask);
            silent += u32::from(matches!(line, Err(BusError::Unanswered)));
            if silent >= SILENT {
                aloud::complain(
                    "the core is known to the bus still, and does not answer; taken for gone",
                );
                return Ok(());
            }
            continue;
        }
        if complained.is_none_or(|at: Instant| at.elapsed() >= COMPLAIN_EVERY) {
            complained = Some(Instant::now());
            aloud::complain(format_args!("waiting to know that no other core is there: {why}"));
        }
        thread::sleep(LOOK_EVERY / 10);
    }
    Ok(())
}

/// Hands on what becomes durable, until nothing does any more. A core that was replaced gives nothing away: a standby
/// that kept it would have it acknowledged.
fn publish(
    giver: &Giver,
    outlet: &Outlet,
    (bus, subjects): (&dyn Bus, &Subjects),
    over: &AtomicBool,
    lost: &Lost,
) {
    let mut message = Vec::new();
    loop {
        match outlet.next(LOOK_EVERY) {
            Ok(tapped) if lost.is_so() => outlet.give_back(tapped),
            Ok(tapped) => {
                giver.publish(&tapped, &mut message, |piece| bus.publish(&subjects.pieces, piece));
                outlet.give_back(tapped);
            }
            Err(RecvTimeoutError::Timeout) if !over.load(Ordering::Relaxed) && lost.is_so() => {}
            Err(RecvTimeoutError::Timeout) if !over.load(Ordering::Relaxed) => {
                // Also where nothing happens another core is to hear of this one.
                let frontier = outlet.gauge().frontier();
                let (segment, offset) = frontier.place();
                let quiet = Tapped { segment, offset, before: 0, frontier, bytes: Vec::new() };
                giver.publish(&quiet, &mut message, |piece| bus.publish(&subjects.pieces, piece));
            }
            Err(_) => return,
        }
    }
}

/// Answers from the disk what is asked, until nobody asks any more. Of a core that was replaced nobody is to begin a copy,
/// and nobody's copy counts.
fn answer_all(
    giver: &Giver,
    questions: &Receiver<(Vec<u8>, Respond)>,
    clock: &OnceLock<MarketClock>,
    over: &AtomicBool,
    lost: &Lost,
) {
    loop {
        match questions.recv_timeout(LOOK_EVERY) {
            Ok(_) if lost.is_so() => {}
            Ok((question, respond)) => respond.with(&giver.answer(&question, moment(clock))),
            Err(RecvTimeoutError::Timeout) if !over.load(Ordering::Relaxed) => {}
            Err(_) => return,
        }
    }
}

/// What time it is.
fn moment(clock: &OnceLock<MarketClock>) -> Moment {
    let wall = MarketClock::of_the_wall().start();
    // Before it runs it is what it will be like.
    let market = clock.get().map_or(wall, MarketClock::now);
    Moment { market, wall }
}

/// What takes what edges submit.
struct Taking {
    boards: BoardsHandle,
    clerk: Arc<Clerk>,
    gauge: Gauge,
    lost: Arc<Lost>,
    /// What was asked already, and what was answered.
    known: Arc<Mutex<Known>>,
}

/// The last questions of each edge, and what was answered.
#[derive(Default)]
struct Known(Vec<Ledger>);

/// Those of one run of one edge.
struct Ledger {
    edge: [u8; 16],
    /// When the newest one was heard, by the wall's clock.
    newest: Time,
    asked: Asked,
}

/// Questions by their numbers, and what was answered, once it was.
type Asked = BTreeMap<u64, Option<Decision>>;

/// What is to be done with something submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heed {
    /// It is to be taken.
    Take,
    /// It is not, and this is the answer.
    Answer(Decision),
    /// Somebody else answers.
    Leave,
}

impl Known {
    /// What is to be done with a question that was meant for one life and is heard in another, or the same. Nobody is
    /// told that something was not taken who may be told by somebody else, or may have been, that it was.
    fn heed(
        &mut self,
        (edge, number): ([u8; 16], u64),
        (meant, ours): (Epoch, Epoch),
        (now, is_late): (Time, bool),
    ) -> Heed {
        if meant > ours {
            // The core of that life hears it too, and this one has been replaced.
            return Heed::Leave;
        }
        if !self.has_room(edge, now) {
            // Whoever is not known yet has asked nothing yet that may have been taken.
            return Heed::Answer(Decision::NotTaken);
        }
        match self.take((edge, number), now) {
            Ok(()) => {}
            Err(Some(decision)) => return Heed::Answer(decision),
            // The first of the two is answered.
            Err(None) => return Heed::Leave,
        }
        let decision = if meant < ours {
            // The bus may have doubled it, and the life that is over have taken it.
            Decision::Unknown
        } else if is_late {
            Decision::NotTaken
        } else {
            return Heed::Take;
        };
        self.answered(edge, number, decision);
        Heed::Answer(decision)
    }

    /// Whether questions of this edge can be known. Others are forgotten only once all that they have asked was long ago.
    fn has_room(&mut self, edge: [u8; 16], now: Time) -> bool {
        if self.0.len() < EDGES_KNOWN || self.0.iter().any(|it| it.edge == edge) {
            return true;
        }
        let all = self.0.iter().enumerate();
        let oldest = all.min_by_key(|(_, it)| it.newest).map(|(at, it)| (at, it.newest));
        match oldest {
            Some((at, newest)) if now - ASKED_MAX > newest => {
                self.0.swap_remove(at);
                true
            }
            _ => false,
        }
    }

    /// Takes a question, unless it was asked before: then what was answered, if it was.
    fn take(&mut self, (edge, number): ([u8; 16], u64), now: Time) -> Result<(), Option<Decision>> {
        let at = self.0.iter().position(|it| it.edge == edge).unwrap_or_else(|| {
            self.0.push(Ledger { edge, newest: now, asked: Asked::new() });
            self.0.len() - 1
        });
        let Ledger { newest, asked, .. } = &mut self.0[at];
        *newest = now.max(*newest);
        if let Some(answered) = asked.get(&number) {
            return Err(*answered);
        }
        // Those before the first that is known were forgotten: they were asked long ago.
        if asked.len() >= QUESTIONS_KNOWN {
            if asked.first_key_value().is_some_and(|(&first, _)| number < first) {
                return Err(None);
            }
            asked.pop_first();
        }
        asked.insert(number, None);
        Ok(())
    }

    fn answered(&mut self, edge: [u8; 16], number: u64, decision: Decision) {
        let known = self.0.iter_mut().find(|it| it.edge == edge);
        if let Some(answer) = known.and_then(|it| it.asked.get_mut(&number)) {
            *answer = Some(decision);
        }
    }
}

impl Taking {
    /// Answers what is asked of the market. What cannot be read is not answered: who speaks another version is told that
    /// by the other subject.
    fn answer(&self, question: &[u8], respond: Respond, told: impl FnOnce() -> Answer) {
        match Ask::read(question) {
            Ok(Ask::Hello) => respond.with(&told().to_bytes()),
            Ok(Ask::Submit(submit)) => self.submit(submit, respond),
            // Standbys are asked that, on subjects of their own.
            Ok(Ask::There { .. }) | Err(_) => {}
        }
    }

    fn submit(&self, submit: Submit, respond: Respond) {
        let Submit { edge, number, asked, life, action, note: Note { label, mark } } = submit;
        let wall = MarketClock::of_the_wall().start();
        let ours = self.gauge.frontier().epoch;
        // What was on its way for so long was told to be unknown.
        let is_late = self.lost.is_so() || wall - ASKED_MAX > asked;
        let heeded = lock(&self.known).heed((edge, number), (life, ours), (wall, is_late));
        match heeded {
            Heed::Take => {}
            Heed::Answer(decision) => return respond.with(&Answer::Decided(decision).to_bytes()),
            Heed::Leave => return,
        }
        let submission = Submission { action, label: label.as_deref().map(Into::into) };
        // Whoever asked is told whatever becomes of it, unless there is too much to do: then it is told so here.
        let waits = Arc::new(Mutex::new(Some(respond)));
        let known = Arc::clone(&self.known);
        let tell = move |decision| {
            lock(&known).answered(edge, number, decision);
            if let Some(respond) = lock(&waits).take() {
                respond.with(&Answer::Decided(decision).to_bytes());
            }
        };
        let (busy, clerk) = (tell.clone(), Arc::clone(&self.clerk));
        let reply = Box::new(move |outcome| {
            tell(match outcome {
                Outcome::Done { command, events } => {
                    if let Some(mark) = mark {
                        clerk.note(mark, wall, Done { command, action, label, events });
                    }
                    Decision::Command(ours, command)
                }
                Outcome::NotTaken => Decision::NotTaken,
                Outcome::Unknown => Decision::Unknown,
            });
        });
        if self.boards.submit_marked(submission, mark, reply).is_err() {
            busy(Decision::NotTaken);
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io;

    use feed::bus::local::Local;
    use feed::journal::copy::tap::tap;
    use feed::journal::disk::{Appended, Disk};
    use feed::journal::memory::Memory;
    use feed::journal::writer::Writer;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A disk that gives nothing as long as this is held.
    struct Slow(Memory, Arc<Mutex<()>>);

    impl Disk for Slow {
        fn names(&self) -> io::Result<Vec<String>> {
            self.0.names()
        }
        fn read(&self, name: &str) -> io::Result<Vec<u8>> {
            let _waits = lock(&self.1);
            self.0.read(name)
        }
        fn bytes(&self, name: &str) -> io::Result<u64> {
            self.0.bytes(name)
        }
        fn create(&self, name: &str) -> io::Result<Box<dyn Appended>> {
            self.0.create(name)
        }
        fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            self.0.rename(from, to)
        }
        fn remove(&self, name: &str) -> io::Result<()> {
            self.0.remove(name)
        }
        fn sync(&self) -> io::Result<()> {
            self.0.sync()
        }
    }

    #[test]
    fn what_a_standby_has_is_heard_while_others_wait_for_the_disk() {
        let config = crate::replica::tests::config();
        let plan = crate::replica::Plan::new(&config, 1, crate::replica::tests::BEGINS);
        let held = Arc::<Mutex<()>>::default();
        let disk = Arc::new(Slow(Memory::default(), Arc::clone(&held)));
        let (tap, outlet) = tap();
        let writer = Writer::create(Arc::clone(&disk) as Arc<dyn Disk>, [7; 16]);
        let _writer = writer.expect("memory takes it").tapped(tap);
        let (heard, acknowledged) = sync_channel(1);
        let giver = Giver::new(disk, outlet.gauge(), plan.head(1)).telling(Box::new(
            move |_, life, last| heard.send((life, last)).expect("it is waited for"),
        ));
        let bus: Arc<dyn Bus> = Arc::new(Local::start().expect("a thread"));
        let gives = Gives {
            bus: Arc::clone(&bus),
            subjects: Subjects::of("slow"),
            speed: Speed::WALL,
            later_than: Epoch(0),
            is_replicated: true,
            is_copied: false,
            claim: Claim::Told,
        };
        let giving = gives.open(giver, outlet).expect("threads");
        let busy = lock(&held);
        let ask = |question, reply| {
            let ask = copy::Ask { number: 1, journal: Some([7; 16]), question }.to_bytes();
            bus.ask(&Subjects::of("slow").ask, &ask, PATIENCE, reply);
        };
        for _ in 0..2 * QUESTIONS_MAX {
            let bytes = copy::Question::Bytes { segment: 1, offset: 0, max: 100 };
            ask(bytes, Box::new(|_| ()));
        }
        let (tell, told) = sync_channel(1);
        let kept =
            copy::Question::Kept { machine: [9; 16], epoch: Epoch(3), last: model::Sequence(5) };
        ask(kept, Box::new(move |answer| tell.send(answer.map(drop)).expect("it is waited for")));
        let heard = acknowledged.recv_timeout(PATIENCE / 2);
        assert_eq!(heard, Ok((Epoch(3), model::Sequence(5))), "it waits for the disk");
        assert_eq!(told.recv_timeout(PATIENCE), Ok(Ok(())));
        drop(busy);
        drop(giving);
    }

    #[test]
    fn a_question_that_comes_twice_is_taken_once() {
        let at = Time::from_seconds(1_000);
        let mut known = Known::default();
        assert_eq!(known.take(([1; 16], 7), at), Ok(()));
        assert_eq!(known.take(([1; 16], 7), at), Err(None), "it is not answered yet");
        assert_eq!(known.take(([2; 16], 7), at), Ok(()), "another edge's");
        let decision = Decision::Command(Epoch(1), model::Sequence(5));
        known.answered([1; 16], 7, decision);
        assert_eq!(known.take(([1; 16], 7), at), Err(Some(decision)));
        for number in 8..8 + QUESTIONS_KNOWN as u64 {
            assert_eq!(known.take(([1; 16], number), at), Ok(()));
        }
        assert_eq!(known.take(([1; 16], 7), at), Err(None), "what was forgotten is not new");
        // Nobody who may ask again is forgotten for another: that is refused, until the others have been silent for long.
        let edge = |number: usize| {
            let mut edge = [0xE; 16];
            edge[..8].copy_from_slice(&number.to_le_bytes());
            edge
        };
        for number in 0..EDGES_KNOWN - 2 {
            assert_eq!(
                known.heed((edge(number), 1), (Epoch(1), Epoch(1)), (at, false)),
                Heed::Take
            );
        }
        let further = |at| ((edge(EDGES_KNOWN), 1), (Epoch(1), Epoch(1)), (at, false));
        let heed =
            |known: &mut Known, (question, lives, moment)| known.heed(question, lives, moment);
        let refused = Heed::Answer(Decision::NotTaken);
        assert_eq!(heed(&mut known, further(at + ASKED_MAX)), refused);
        assert_eq!(known.take(([2; 16], 7), at), Err(None), "it is known still");
        assert_eq!(heed(&mut known, further(at + ASKED_MAX + Span::millis(1))), Heed::Take);
        assert_eq!(known.0.len(), EDGES_KNOWN);
    }

    #[test]
    fn nobody_is_told_that_it_was_not_taken_where_another_may_have_taken_it() {
        let (two, three) = (Epoch(2), Epoch(3));
        let at = Time::from_seconds(1_000);
        let mut known = Known::default();
        assert_eq!(known.heed(([1; 16], 1), (two, two), (at, false)), Heed::Take);
        let decision = Decision::Command(two, model::Sequence(5));
        assert_eq!(
            known.heed(([1; 16], 1), (two, two), (at, true)),
            Heed::Leave,
            "it is being taken"
        );
        known.answered([1; 16], 1, decision);
        assert_eq!(
            known.heed(([1; 16], 1), (two, two), (at, true)),
            Heed::Answer(decision),
            "late"
        );
        let not_taken = Heed::Answer(Decision::NotTaken);
        for is_late in [true, false] {
            assert_eq!(known.heed(([1; 16], 2), (two, two), (at, true)), not_taken);
            assert_eq!(known.heed(([1; 16], 3), (three, two), (at, is_late)), Heed::Leave);
            let unknown = Heed::Answer(Decision::Unknown);
            assert_eq!(known.heed(([1; 16], 4), (two, three), (at, is_late)), unknown);
        }
        assert_eq!(known.heed(([1; 16], 2), (two, two), (at, false)), not_taken, "as it was told");
    }

    #[test]
    fn of_two_that_write_one_journal_one_ends() {
        let frontier = |life, offset, chain| copy::Frontier {
            epoch: Epoch(life),
            segment: 3,
            offset,
            last: model::Sequence(9),
            durable: model::Sequence(9),
            chain: [chain; 16],
        };
        let piece = |frontier: copy::Frontier| {
            let piece = copy::Piece { segment: 3, offset: 0, before: None, bytes: &[] };
            let said = copy::Said::Piece(piece);
            copy::Answer { number: 0, journal: [7; 16], frontier, said }.to_bytes()
        };
        let ours = frontier(4, 100, 1);
        let ends = |other, at| goes_on(&piece(other), [7; 16], &at).is_some();
        assert!(!ends(ours, ours) && !ends(frontier(4, 90, 9), ours), "it may be its own");
        assert!(!ends(frontier(3, 900, 2), ours), "of an earlier life");
        for other in [frontier(5, 1, 2), frontier(4, 101, 2), frontier(4, 100, 2)] {
            assert!(ends(other, ours) && goes_on(&piece(other), [8; 16], &ours).is_none());
        }
        assert!(ends(ours, frontier(4, 90, 9)), "the one that has written less");
    }
}
