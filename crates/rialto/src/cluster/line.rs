//! The line to the core: its journal as it comes over the bus, and what is submitted here as it goes there.
//!
//! One thread owns the [`Taker`]: it hears what the bus hears, asks for what is missing, and puts records in a row for
//! whoever turns the source. That row is bounded: if nobody takes from it, the thread waits, the bus loses what there is
//! no room for, and it is asked for again.
//!
//! The line is *lost* when what comes can never go on from what was shown (the core has lost something that it had told,
//! or what comes next was taken away), or when nothing has been heard of the core for too long. Whoever serves from it
//! must let its clients go then: what they would see from then on is old.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use edge::clock::MarketClock;
use edge::following::FollowingNote;
use feed::bus::{Bus, BusError, Listening};
use feed::journal::Entry;
use feed::journal::copy::taker::{PATIENCE_MAX, Standing, Start, Taker, Which};
use feed::journal::reader::Record;
use feed::source::followed::{Core, Decision};
use model::{Action, Epoch, NoOrders, Note, Passed, Wake};
use store::Random;

use super::inbox::{BYTES_MAX, Message, Room};
use super::subjects::Subjects;
use super::words::{Answer, Ask, Submit};
use crate::aloud;
use crate::run::Lost;

/// Messages that wait for the thread. With more the bus loses them, and they are asked for again.
const INBOX_MAX: usize = 256;
/// Records that wait to be run again.
const RECORDS_MAX: usize = 256;
/// Decisions that wait to be told: more than what may be submitted and undecided at once.
const DECISIONS_MAX: usize = 8_192;
/// Messages that are heard before it is looked whether something is to be asked or taken out.
const HEARD_AT_ONCE: usize = 64;
/// What was passed on and is not answered by then is unknown.
const SUBMIT_PATIENCE: Duration = Duration::from_secs(5);
/// Nothing was heard for so long: new clients are better served elsewhere, and nothing is passed on.
const FRESH: Duration = Duration::from_secs(3);

/// How the line stands, for whoever watches it.
#[derive(Clone)]
pub struct Sight(Arc<Shared>);

struct Shared {
    inbox: SyncSender<Letter>,
    room: Room,
    bus: Arc<dyn Bus>,
    standing: Mutex<Option<(Standing, Instant)>>,
    /// Records in the row.
    waiting: Waiting,
    wake: Mutex<Option<Wake>>,
    lost: Arc<Lost>,
    passed_on: AtomicU64,
    /// Commands that were forgotten before it was known whether they were from here.
    forgotten: AtomicU64,
    /// When there was last nothing missing, or some of it came.
    fresh: Mutex<Instant>,
    /// After so long without a word, or without any of what is missing, it is lost.
    patience: Duration,
}

/// Records in the row, from before they are put there until they were taken out.
#[derive(Default)]
struct Waiting {
    /// Since when, the oldest first.
    since: Mutex<VecDeque<Instant>>,
    /// The last command of the record that was taken out last; 0 before.
    taken: AtomicU64,
}

impl Waiting {
    fn put(&self, now: Instant) {
        lock(&self.since).push_back(now);
    }

    fn take(&self, record: &Record) {
        let is_command = |entry: &&Entry| matches!(entry, Entry::Command(_));
        let commands = record.entries.iter().filter(is_command).count() as u64;
        lock(&self.since).pop_front();
        self.taken.store((record.head.first.0 + commands).saturating_sub(1), Ordering::Relaxed);
    }

    fn are_some(&self) -> bool {
        !lock(&self.since).is_empty()
    }

    /// How long the oldest of them has waited: so much later than it could things are shown.
    fn longest(&self, now: Instant) -> Duration {
        let oldest = lock(&self.since).front().copied();
        oldest.map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest))
    }

    /// The last command that was taken out, if any was.
    fn taken(&self) -> Option<u64> {
        Some(self.taken.load(Ordering::Relaxed)).filter(|&command| command > 0)
    }
}

enum Letter {
    Heard(Message),
    End,
}

/// The line.
pub struct Line {
    shared: Arc<Shared>,
    subjects: Subjects,
    records: Receiver<Record>,
    decisions: Receiver<(Passed, Decision)>,
    decided: SyncSender<(Passed, Decision)>,
    /// By which the core tells this run of this edge from others.
    edge: [u8; 16],
    _listening: Listening,
}

impl Line {
    /// Follows the core's journal from there. After `patience` without a word of it the line is lost.
    ///
    /// # Errors
    /// In words, if the bus or the system does not let it.
    pub fn open(
        bus: &Arc<dyn Bus>,
        subjects: &Subjects,
        start: Start,
        patience: Duration,
    ) -> Result<Self, String> {
        let (inbox, letters) = sync_channel(INBOX_MAX);
        let (row, records) = sync_channel(RECORDS_MAX);
        let (decided, decisions) = sync_channel(DECISIONS_MAX);
        let (heard, room) = (inbox.clone(), Room::of(BYTES_MAX));
        let kept = room.clone();
        let listening = bus.listen(
            &subjects.pieces,
            Box::new(move |message| {
                // Where there is no room it is asked for again.
                kept.keep(message, |message| heard.try_send(Letter::Heard(message)).is_ok());
            }),
        );
        let listening = listening.map_err(|error| format!("failed to listen to it: {error}"))?;
        let shared = Arc::new(Shared {
            inbox,
            room,
            bus: Arc::clone(bus),
            standing: Mutex::new(None),
            waiting: Waiting::default(),
            wake: Mutex::new(None),
            lost: Arc::default(),
            passed_on: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            fresh: Mutex::new(Instant::now()),
            patience,
        });
        let taking = Taking {
            taker: Taker::new(start, Which::Shown),
            began: Instant::now(),
            shared: Arc::clone(&shared),
            ask: subjects.ask.clone(),
            row,
            complaint: None,
        };
        thread::Builder::new()
            .name("core-line".into())
            .spawn(move || taking.run(&letters))
            .map_err(|error| format!("failed to start a thread: {error}"))?;
        let subjects = subjects.clone();
        let mut edge = [0; 16];
        Random::system().fill(&mut edge).map_err(|error| error.to_string())?;
        Ok(Self { shared, subjects, records, decisions, decided, edge, _listening: listening })
    }

    /// Who watches it.
    pub fn sight(&self) -> Sight {
        Sight(Arc::clone(&self.shared))
    }

    /// The next record, waited for so long.
    pub fn wait_for_record(&self, wait: Duration) -> Option<Record> {
        let record = self.records.recv_timeout(wait).ok()?;
        self.shared.waiting.take(&record);
        Some(record)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // If its inbox is full it finds that nobody takes records any more.
        let _told = self.shared.inbox.try_send(Letter::End);
    }
}

impl Core for Line {
    fn record(&mut self) -> Option<Record> {
        let record = self.records.try_recv().ok()?;
        self.shared.waiting.take(&record);
        Some(record)
    }

    fn has_record(&self) -> bool {
        self.shared.waiting.are_some()
    }

    fn pass_on(&mut self, passed: Passed, action: Action, note: &Note) -> Result<(), NoOrders> {
        if self.is_lost() || !self.sight().is_fresh() || self.shared.bus.standing().down.is_some() {
            return Err(NoOrders);
        }
        self.shared.passed_on.fetch_add(1, Ordering::Relaxed);
        let (decided, shared) = (self.decided.clone(), Arc::clone(&self.shared));
        let reply = move |answer: Result<Vec<u8>, BusError>| {
            // Whoever waited for it may be gone.
            let _told = decided.try_send((passed, decision(answer)));
            shared.wake();
        };
        let life = self.sight().standing().map_or(Epoch(0), |standing| standing.epoch);
        let (edge, asked) = (self.edge, MarketClock::of_the_wall().start());
        let note = note.clone();
        let submit = Submit { edge, number: passed.0, asked, life, action, note };
        let question = Ask::Submit(submit).to_bytes();
        self.shared.bus.ask(&self.subjects.market, &question, SUBMIT_PATIENCE, Box::new(reply));
        Ok(())
    }

    fn decided(&mut self) -> Option<(Passed, Decision)> {
        self.decisions.try_recv().ok()
    }

    fn wake_with(&mut self, wake: Wake) {
        *lock(&self.shared.wake) = Some(wake);
    }

    fn is_lost(&self) -> bool {
        self.shared.lost.is_so()
    }

    fn forgot(&mut self) {
        self.shared.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

/// What became of something that was passed on.
fn decision(answer: Result<Vec<u8>, BusError>) -> Decision {
    match answer {
        Ok(bytes) => match Answer::read(&bytes) {
            Ok(Answer::Decided(decision)) => decision,
            Ok(Answer::Told(..) | Answer::Here(_)) | Err(_) => Decision::Unknown,
        },
        // It was not even asked.
        Err(BusError::Unanswered | BusError::TooLong(_) | BusError::Subject(_)) => {
            Decision::NotTaken
        }
        Err(BusError::Full | BusError::Late | BusError::Down(_)) => Decision::Unknown,
    }
}

impl Sight {
    /// How the core is followed. `None` before anything was looked at.
    pub fn standing(&self) -> Option<Standing> {
        lock(&self.0.standing).as_ref().map(|(standing, _)| standing.clone())
    }

    /// Whether the core was heard of lately, all that it has is here, or comes, and what came is run again in time.
    fn is_fresh(&self) -> bool {
        !self.0.lost.is_so()
            && self.silence().is_some_and(|silence| silence < FRESH)
            && lock(&self.0.fresh).elapsed() < FRESH
            && self.0.waiting.longest(Instant::now()) < FRESH
    }

    fn silence(&self) -> Option<Duration> {
        let standing = lock(&self.0.standing);
        let (standing, since) = standing.as_ref()?;
        standing.silence.map(|silence| silence + since.elapsed())
    }

    /// Whether it is lost, and why.
    pub fn lost(&self) -> &Arc<Lost> {
        &self.0.lost
    }

    /// As the edge words it.
    pub fn note(&self) -> FollowingNote {
        let (is_fresh, silence) = (self.is_fresh(), self.silence());
        let bus = self.0.bus.standing();
        let standing = self.standing();
        let mut note = FollowingNote {
            silence,
            is_fresh,
            passed_on: self.0.passed_on.load(Ordering::Relaxed),
            forgotten: self.0.forgotten.load(Ordering::Relaxed),
            lost: bus.lost + self.0.room.dropped(),
            reconnects: bus.reconnects,
            ..FollowingNote::default()
        };
        if let Some(it) = standing {
            note.epoch = it.epoch.0;
            note.command = self.0.waiting.taken().unwrap_or(it.last.0);
            note.core = it.frontier.map(|frontier| frontier.durable.0);
            note.records = it.counts.records;
            note.gaps = it.counts.gaps;
            note.asked = it.counts.asked;
            note.unanswered = it.counts.unanswered;
        }
        note
    }
}

impl Shared {
    fn wake(&self) {
        if let Some(wake) = &*lock(&self.wake) {
            wake();
        }
    }

    fn lose(&self, why: String) {
        self.lost.lose(why);
        self.wake();
    }
}

/// What the thread has.
struct Taking {
    taker: Taker,
    began: Instant,
    shared: Arc<Shared>,
    /// Where questions go.
    ask: String,
    row: SyncSender<Record>,
    /// What was complained of last.
    complaint: Option<String>,
}

impl Taking {
    fn run(mut self, letters: &Receiver<Letter>) {
        loop {
            self.ask_for_what_is_missing();
            let Ok(came) = self.put_in_the_row() else { return };
            let now = self.began.elapsed();
            let standing = self.taker.standing(now);
            let silence = standing.silence.unwrap_or(now);
            let missing = {
                let mut fresh = lock(&self.shared.fresh);
                if came || standing.is_level {
                    *fresh = Instant::now();
                }
                fresh.elapsed()
            };
            let complaint = standing.complaint.as_ref().map(ToString::to_string);
            if complaint.is_some() && complaint != self.complaint {
                aloud::complain(complaint.as_deref().unwrap_or_default());
            }
            self.complaint = complaint;
            *lock(&self.shared.standing) = Some((standing, Instant::now()));
            // Whoever stood still, or waited for room in the row, hears what came meanwhile before it says that nothing did.
            if silence >= self.shared.patience
                && let Ok(letter) = letters.try_recv()
            {
                if self.hear([letter]) {
                    return;
                }
                continue;
            }
            if silence >= self.shared.patience {
                let seconds = silence.as_secs();
                self.shared.lose(format!("nothing was heard of the core for {seconds} s"));
                return;
            }
            if missing >= self.shared.patience {
                let (seconds, why) = (missing.as_secs(), self.complaint.as_deref());
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                self.shared.lose(format!("what is missing did not come for {seconds} s{why}"));
                return;
            }
            let next = self.taker.next().map_or(FRESH, |next| next.saturating_sub(now));
            let first = match letters.recv_timeout(next.min(FRESH)) {
                Ok(letter) => Some(letter),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.hear(first.into_iter().chain(letters.try_iter().take(HEARD_AT_ONCE))) {
                return;
            }
        }
    }

    /// Hears some of these, and says whether it is to end.
    fn hear(&mut self, letters: impl IntoIterator<Item = Letter>) -> bool {
        for letter in letters {
            match letter {
                Letter::Heard(message) => self.taker.heard(&message, self.began.elapsed()),
                Letter::End => return true,
            }
        }
        false
    }

    fn ask_for_what_is_missing(&mut self) {
        while let Some(ask) = self.taker.asks(self.began.elapsed()) {
            let (inbox, room) = (self.shared.inbox.clone(), self.shared.room.clone());
            let reply = move |answer: Result<Vec<u8>, BusError>| {
                if let Ok(message) = answer {
                    // Where there is no room it is asked for again.
                    room.keep(&message, |message| inbox.try_send(Letter::Heard(message)).is_ok());
                }
            };
            self.shared.bus.ask(&self.ask, &ask.to_bytes(), PATIENCE_MAX, Box::new(reply));
        }
    }

    /// Puts what came whole in the row, and says whether anything did. Nobody is there any more, or nothing more can come,
    /// if it fails.
    fn put_in_the_row(&mut self) -> Result<bool, ()> {
        let mut came = false;
        while let Some(record) = self.taker.record() {
            let record = match record {
                Ok(record) => record,
                Err(trouble) => {
                    self.shared.lose(trouble.to_string());
                    return Err(());
                }
            };
            self.shared.waiting.put(Instant::now());
            if let Err(full) = self.row.try_send(record) {
                // Whoever takes from it may sleep.
                self.shared.wake();
                let (std::sync::mpsc::TrySendError::Full(record)
                | std::sync::mpsc::TrySendError::Disconnected(record)) = full;
                self.row.send(record).map_err(drop)?;
            }
            came = true;
        }
        if came {
            self.shared.wake();
        }
        Ok(came)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use feed::journal::record::Head;
    use feed::journal::{Digest, Kept, Place};
    use model::{AccountId, Sequence, Time};

    use super::*;

    /// One with so many commands, and a digest behind them.
    fn record(first: u64, commands: u32) -> Record {
        let head = Head {
            length: 0,
            epoch: Epoch(1),
            entries: commands + 1,
            first: Sequence(first),
            time: Time(0),
            wall: Time(0),
            durable: Sequence(0),
            chain: [0; 16],
        };
        let kept = Kept {
            time: Time(0),
            action: Action::Follow(AccountId(7)),
            acts: 0,
            by_crowd: false,
            label: None,
            mark: None,
        };
        let mut entries = vec![Entry::Command(kept); commands as usize];
        entries.push(Entry::Digest(Digest { events: 0, digest: 0 }));
        Record {
            head,
            place: Place { segment: "1".into(), offset: 0, after: Sequence(0) },
            entries,
        }
    }

    #[test]
    fn who_stood_still_hears_what_came_meanwhile_before_it_says_that_nothing_did() {
        use feed::bus::local::Local;
        use feed::journal::copy::words::{Answer as Said, Frontier, Piece, Said as Says};
        let patience = Duration::from_secs(15);
        let lost = |came: bool| {
            let (inbox, letters) = sync_channel(INBOX_MAX);
            let (row, _records) = sync_channel(RECORDS_MAX);
            let room = Room::of(BYTES_MAX);
            let (epoch, chain) = (Epoch(1), [1; 16]);
            let (last, durable) = (Sequence(0), Sequence(0));
            let frontier = Frontier { epoch, segment: 1, offset: 65, last, durable, chain };
            let said = Says::Piece(Piece { segment: 1, offset: 65, before: None, bytes: &[] });
            let said = Said { number: 0, journal: [7; 16], frontier, said }.to_bytes();
            if came {
                let give = |message| inbox.send(Letter::Heard(message)).is_ok();
                room.keep(&said, give);
            }
            inbox.send(Letter::End).expect("there is room");
            let shared = Arc::new(Shared {
                inbox,
                room,
                bus: Arc::new(Local::start().expect("a thread")),
                standing: Mutex::new(None),
                waiting: Waiting::default(),
                wake: Mutex::new(None),
                lost: Arc::default(),
                passed_on: AtomicU64::new(0),
                forgotten: AtomicU64::new(0),
                fresh: Mutex::new(Instant::now()),
                patience,
            });
            let taking = Taking {
                taker: Taker::new(Start::beginning(), Which::Shown),
                // So long nothing was looked at.
                began: Instant::now() - 2 * patience,
                shared: Arc::clone(&shared),
                ask: Subjects::of("still").ask,
                row,
                complaint: None,
            };
            if !came {
                // Its end would be heard as well.
                while letters.try_recv().is_ok() {}
            }
            taking.run(&letters);
            shared.lost.why()
        };
        assert_eq!(lost(true), None);
        assert_eq!(lost(false).as_deref(), Some("nothing was heard of the core for 30 s"));
    }

    #[test]
    fn what_waits_to_be_run_again_is_not_shown_and_makes_it_late() {
        let (waiting, begins) = (Waiting::default(), Instant::now());
        let after = |seconds| begins + Duration::from_secs(seconds);
        assert_eq!((waiting.are_some(), waiting.taken()), (false, None));
        assert_eq!(waiting.longest(after(9)), Duration::ZERO, "nothing waits, however quiet it is");
        waiting.put(after(10));
        waiting.put(after(11));
        assert_eq!(waiting.longest(after(14)), Duration::from_secs(4), "the oldest");
        waiting.take(&record(1, 5));
        assert_eq!((waiting.are_some(), waiting.taken()), (true, Some(5)));
        assert_eq!(waiting.longest(after(14)), Duration::from_secs(3));
        // One without commands: the first is the next.
        waiting.take(&record(6, 0));
        assert_eq!((waiting.are_some(), waiting.taken()), (false, Some(5)));
        assert_eq!(waiting.longest(after(20)), Duration::ZERO);
    }
}
