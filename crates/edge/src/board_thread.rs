//! The board thread: the single owner of the source, the boards and the market's clock, and the mail by which
//! others reach it.
//!
//! It sleeps until mail comes or the source is due, never longer and never less; then it lets the source go on
//! to the present, shows what happened, and reads its mail, so that whoever asks sees the present. Everything for
//! a loop travels through one ring in one order: the answer to a subscription, and behind it, without a gap, what
//! happens afterwards.
//!
//! Nothing is lost between here and a loop: if a loop's ring is full, the board thread waits for that loop, and
//! with it all others. Loops never wait for the boards, so that this cannot go on for ever.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use dialects::{Outcome, Subject, Submission};
use model::{Answer, Event, Mark, NoOrders, Note, Query, Source, Taken, Wake};

use crate::boards::{Boards, Outlet};
use crate::clock::MarketClock;
use crate::metrics::Counters;
use crate::outbox::{Slot, Told};
use crate::reactor::handle::Bell;
use crate::session::{Returned, Ticket};
use crate::submitted::Submitted;

#[cfg(test)]
mod tests;

/// The boards have too much to do, or are gone; the question was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the boards have too much to do")
    }
}

impl std::error::Error for Busy {}

/// What is done with an answer, on the board thread: hand it on, do not work with it.
pub type Reply = Box<dyn FnOnce(Answer) + Send>;

/// What is done with an outcome, on the board thread: hand it on, do not work with it.
pub type OutcomeReply = Box<dyn FnOnce(Outcome) + Send>;

/// What the board thread is asked to do.
pub(crate) enum Mail {
    /// Answer this.
    Ask(Query, Reply, Waiting),
    /// Submit this to the source; a repeat of it is known by this.
    Submit(Submission, Option<Mark>, OutcomeReply, Waiting),
    /// This loop's sessions listen to other topics than before; in order.
    Changes(usize, Vec<Change>),
    /// The source has something to tell that was not durable before.
    Durable,
    /// End.
    Stop,
}

/// What a loop's session asks of the boards.
#[derive(Debug)]
pub(crate) enum Change {
    /// One listener more; who, is sent back with the slot.
    Subscribe { dialect: usize, subject: Subject, asker: Asker },
    /// A subject that is listened to, whole, for a listener that begins anew; who, is sent back with it.
    Restart { dialect: usize, subject: Subject, asker: Asker },
    /// One less.
    Unsubscribe { dialect: usize, subject: Subject },
    /// Answer these, as things stand for what is subscribed right behind it.
    Ask(Vec<Query>, Asker),
    /// Submit this to the source.
    Submit(Box<Submission>, Asker),
}

/// Who asks: a place on a loop, and which asking of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub place: u32,
    /// Places are used again; this tells the connections that had one apart.
    pub tenancy: u32,
    pub ticket: Ticket,
}

/// What travels through a loop's ring.
#[derive(Debug)]
pub(crate) enum Word {
    /// A frame for all who listen to its slot.
    Told(Told),
    /// From here on this asker listens to this slot, and is told this first.
    Subscribed(Asker, Slot, Option<Told>),
    /// What this asker listens to, whole, as it is told from here on; nothing if there is nothing of it yet.
    Restarted(Asker, Option<Told>),
    /// What this asker waits for.
    Returned(Asker, Box<Returned>),
}

/// Who is told what came of a submission.
pub(crate) enum Submitter {
    /// Somebody elsewhere.
    Elsewhere(OutcomeReply),
    /// A session of this loop.
    OfLoop(usize, Asker),
}

/// The way to the board thread. Questions and submissions may take half of the room that there is for mail, so that however many
/// there are, subscriptions get through.
#[derive(Clone)]
pub struct BoardsHandle {
    mail: SyncSender<Mail>,
    questions: Arc<AtomicUsize>,
    questions_max: usize,
    counters: Arc<Counters>,
}

/// A place among the questions and submissions that wait; free again when it is dropped.
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BoardsHandle {
    /// With room for so many letters.
    pub(crate) fn new(mail_max: usize, counters: Arc<Counters>) -> (Self, Receiver<Mail>) {
        let mail_max = mail_max.max(2);
        let (mail, inbox) = sync_channel(mail_max);
        (Self { mail, questions: Arc::default(), questions_max: mail_max / 2, counters }, inbox)
    }

    /// Asks about state now. `reply` is called on the board thread, so it must only hand the answer on. It
    /// sees at least everything that happened before the call, and every acknowledged subscription is older
    /// than it.
    ///
    /// # Errors
    /// [`Busy`] if too many questions wait; `reply` is dropped uncalled.
    pub fn ask(&self, query: Query, reply: Reply) -> Result<(), Busy> {
        let waiting = self.place()?;
        self.post(Mail::Ask(query, reply, waiting))
    }

    /// Submits something to the source. `reply` is called on the board thread, so it must only hand the outcome
    /// on. That comes once everything that was caused has been shown: whoever then asks sees it.
    ///
    /// # Errors
    /// [`Busy`] if too much waits; `reply` is dropped uncalled, and nothing happens.
    pub fn submit(&self, submission: Submission, reply: OutcomeReply) -> Result<(), Busy> {
        self.submit_marked(submission, None, reply)
    }

    /// The same, with that by which a repeat of it is known, for sources that keep it.
    ///
    /// # Errors
    /// As [`BoardsHandle::submit`].
    pub fn submit_marked(
        &self,
        submission: Submission,
        mark: Option<Mark>,
        reply: OutcomeReply,
    ) -> Result<(), Busy> {
        let waiting = self.place()?;
        let (counters, began) = (Arc::clone(&self.counters), Instant::now());
        let timed = Box::new(move |outcome| {
            counters.commands.add(began.elapsed());
            reply(outcome);
        });
        self.post(Mail::Submit(submission, mark, timed, waiting))
    }

    /// What wakes the board thread when something has become durable.
    pub(crate) fn wake(&self) -> Wake {
        let mail = self.mail.clone();
        Box::new(move || {
            // Where there is no room for it the thread is awake, and looks by itself when it has read its mail.
            let _awake = mail.try_send(Mail::Durable);
        })
    }

    /// A place among the questions and submissions that wait.
    fn place(&self) -> Result<Waiting, Busy> {
        let before = self.questions.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(Arc::clone(&self.questions));
        if before >= self.questions_max { Err(Busy) } else { Ok(waiting) }
    }

    fn post(&self, mail: Mail) -> Result<(), Busy> {
        match self.mail.try_send(mail) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }

    /// Hands over a loop's changes, or gives them back if there is no room for them now.
    pub(crate) fn change(&self, of_loop: usize, changes: Vec<Change>) -> Result<(), Vec<Change>> {
        match self.mail.try_send(Mail::Changes(of_loop, changes)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Mail::Changes(_, changes))) => Err(changes),
            // Without boards there is nobody who would have to know.
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn stop(&self) {
        // If it has ended already, that is what was wanted.
        let _ended = self.mail.send(Mail::Stop);
    }
}

/// The board thread's end of one loop's ring.
pub(crate) struct Lane {
    pub ring: rtrb::Producer<Word>,
    pub bell: Arc<Bell>,
}

/// The lanes to all loops.
pub(crate) struct Lanes {
    lanes: Vec<(Lane, bool)>,
    counters: Arc<Counters>,
}

/// How long the board thread sleeps before it looks again at a ring that was full.
const RING_WAIT: Duration = Duration::from_micros(100);

impl Lanes {
    pub fn new(lanes: Vec<Lane>, counters: Arc<Counters>) -> Self {
        Self { lanes: lanes.into_iter().map(|lane| (lane, false)).collect(), counters }
    }

    pub fn send(&mut self, of_loop: usize, mut word: Word) {
        let (lane, has_words) = &mut self.lanes[of_loop];
        while let Err(rtrb::PushError::Full(back)) = lane.ring.push(word) {
            if lane.ring.is_abandoned() {
                return;
            }
            word = back;
            self.counters.ring_waits.add(1);
            self.counters.loop_wakes.add(lane.bell.ring().into());
            thread::sleep(RING_WAIT);
        }
        *has_words = true;
    }

    /// Tells what came of a submission.
    fn hand_back(&mut self, who: Submitter, outcome: Outcome) {
        match who {
            Submitter::Elsewhere(reply) => reply(outcome),
            Submitter::OfLoop(of_loop, asker) => {
                self.send(of_loop, Word::Returned(asker, Box::new(Returned::Outcome(outcome))));
            }
        }
    }

    /// Wakes the loops that have something to read and sleep.
    pub fn ring_bells(&mut self) {
        for (lane, has_words) in &mut self.lanes {
            if std::mem::take(has_words) {
                self.counters.loop_wakes.add(lane.bell.ring().into());
            }
        }
    }
}

impl Outlet for Lanes {
    fn tell(&mut self, of_loop: usize, told: Told) {
        self.counters.frames_handed.add(1);
        self.send(of_loop, Word::Told(told));
    }
}

/// Everything that the board thread owns.
pub(crate) struct BoardThread {
    pub source: Box<dyn Source>,
    pub boards: Boards,
    pub submitted: Submitted<Submitter>,
    pub clock: MarketClock,
    pub mail: Receiver<Mail>,
    pub lanes: Lanes,
    pub counters: Arc<Counters>,
}

/// Mail that is read before the source goes on again.
const MAIL_A_TURN: usize = 256;

/// Of that, what is read as one row: the source is told of all that it submits before the first of it is.
const MAIL_A_ROW: usize = 16;

/// How long it sleeps at most while somebody waits for what a source has taken.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Events that are taken from a source that is late before mail is read and loops are woken.
const EVENTS_A_TURN: usize = 1_024;

/// How often such a source is let go on before that: events may wait in it until they are durable, and are not seen here.
const STEPS_A_TURN: usize = 1_024;

impl BoardThread {
    /// Works until it is told to stop.
    pub fn run(mut self) {
        let mut events = Vec::new();
        let mut row = Vec::with_capacity(MAIL_A_ROW);
        loop {
            let first = match self.source.due() {
                None if self.submitted.is_empty() => {
                    self.mail.recv().map_err(|_| RecvTimeoutError::Disconnected)
                }
                // Whoever waits is told in the end, whatever is waited for.
                None => self.mail.recv_timeout(LOOK_AGAIN),
                Some(due) => match self.clock.until(due) {
                    Duration::ZERO => self.mail.try_recv().map_err(|error| match error {
                        std::sync::mpsc::TryRecvError::Empty => RecvTimeoutError::Timeout,
                        std::sync::mpsc::TryRecvError::Disconnected => {
                            RecvTimeoutError::Disconnected
                        }
                    }),
                    wait => self.mail.recv_timeout(wait),
                },
            };
            self.go_on(&mut events);
            match first {
                Ok(mail) => row.push(mail),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.close(&mut events),
            }
            for _ in 0..MAIL_A_TURN / MAIL_A_ROW {
                row.extend(self.mail.try_iter().take(MAIL_A_ROW - row.len()));
                if row.is_empty() {
                    break;
                }
                if self.read_row(&mut row, &mut events).is_break() {
                    return self.close(&mut events);
                }
            }
            self.source.turn(!self.submitted.is_empty(), &mut events);
            self.show(&mut events);
            if self.source.is_broken() {
                self.give_up();
            } else if self.source.is_stalled() {
                self.give_up_waiting();
            }
            self.lanes.ring_bells();
        }
    }

    /// Ends the source's life, and tells what was still on its way.
    fn close(&mut self, events: &mut Vec<Event>) {
        self.source.close(events);
        self.show(events);
        // What is awaited still did not become durable.
        self.give_up_waiting();
        self.lanes.ring_bells();
    }

    /// What was done cannot become durable any more: whoever waits for it is told that nobody knows.
    fn give_up(&mut self) {
        if self.counters.journal_failed.read() == 0 {
            self.counters.journal_failed.add(1);
        }
        self.give_up_waiting();
    }

    fn give_up_waiting(&mut self) {
        let lanes = &mut self.lanes;
        self.submitted.give_up(|who| lanes.hand_back(who, Outcome::Unknown));
    }

    /// Lets the source go on to the present, and shows what happened.
    fn go_on(&mut self, events: &mut Vec<Event>) {
        let now = self.clock.now();
        // Step by step, so that a source that is late hands over pieces that one can hold.
        for _ in 0..STEPS_A_TURN {
            if events.len() >= EVENTS_A_TURN {
                break;
            }
            let Some(due) = self.source.due().filter(|&due| due <= now) else { break };
            self.source.advance(due, events);
        }
        self.show(events);
    }

    /// Shows what happened to those who listen, and then tells those who caused it.
    fn show(&mut self, events: &mut Vec<Event>) {
        let boards = &mut self.boards;
        self.source.labels(&mut |command, label| boards.label(command, label));
        if !events.is_empty() {
            let encoded = self.boards.frames_encoded();
            self.boards.apply(events, &mut self.lanes);
            self.counters.frames_encoded.add(self.boards.frames_encoded() - encoded);
            self.counters.events.add(events.len() as u64);
        }
        let (lanes, submitted) = (&mut self.lanes, &mut self.submitted);
        submitted.happened(events, self.source.handed_out(), |who, outcome| {
            lanes.hand_back(who, outcome);
        });
        self.source.decided(&mut |passed, outcome| {
            if let Some(who) = submitted.decided(passed) {
                lanes.hand_back(who, outcome);
            }
        });
        events.clear();
    }

    fn submit(
        &mut self,
        submission: Submission,
        mark: Option<Mark>,
        who: Submitter,
        events: &mut Vec<Event>,
    ) {
        self.counters.submissions.add(1);
        if self.submitted.is_full() {
            return self.lanes.hand_back(who, Outcome::NotTaken);
        }
        let note = Note { label: submission.label.map(Into::into), mark };
        match self.source.submit_noted(self.clock.now(), submission.action, &note, events) {
            Ok(Taken::As(command)) => {
                if let Some(label) = note.label {
                    self.boards.label(command, label);
                }
                self.submitted.expect(command, who);
            }
            Ok(Taken::PassedOn(passed)) => self.submitted.expect_decided(passed, who),
            Err(NoOrders) => self.lanes.hand_back(who, Outcome::NotTaken),
        }
        self.show(events);
    }

    /// Reads what has come, in its order.
    fn read_row(&mut self, row: &mut Vec<Mail>, events: &mut Vec<Event>) -> ControlFlow<()> {
        self.source.foresee(&mut row.iter().filter_map(|mail| match mail {
            Mail::Submit(submission, ..) => Some(&submission.action),
            _ => None,
        }));
        for mail in row.drain(..) {
            self.read(mail, events)?;
        }
        ControlFlow::Continue(())
    }

    fn read(&mut self, mail: Mail, events: &mut Vec<Event>) -> ControlFlow<()> {
        match mail {
            Mail::Submit(submission, mark, reply, waiting) => {
                drop(waiting);
                self.submit(submission, mark, Submitter::Elsewhere(reply), events);
            }
            Mail::Ask(query, reply, waiting) => {
                drop(waiting);
                self.counters.queries.add(1);
                reply(self.boards.query(&query, self.clock.now()));
            }
            Mail::Changes(of_loop, changes) => {
                let mut changes = changes.into_iter();
                while !changes.as_slice().is_empty() {
                    let row = &changes.as_slice()[..changes.len().min(MAIL_A_ROW)];
                    self.source.foresee(&mut row.iter().filter_map(|change| match change {
                        Change::Submit(submission, _) => Some(&submission.action),
                        _ => None,
                    }));
                    for change in changes.by_ref().take(MAIL_A_ROW) {
                        self.make(of_loop, change, events);
                    }
                }
            }
            // What that is, is told at the end of the turn.
            Mail::Durable => {}
            Mail::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn make(&mut self, of_loop: usize, change: Change, events: &mut Vec<Event>) {
        match change {
            Change::Subscribe { dialect, subject, asker } => {
                let opening = self.boards.subscribe(of_loop, dialect, subject);
                self.lanes.send(of_loop, Word::Subscribed(asker, opening.slot, opening.state));
            }
            Change::Restart { dialect, subject, asker } => {
                let told = self.boards.restart(dialect, &subject);
                self.lanes.send(of_loop, Word::Restarted(asker, told));
            }
            Change::Unsubscribe { dialect, subject } => {
                self.boards.unsubscribe(of_loop, dialect, subject);
            }
            Change::Ask(queries, asker) => {
                self.counters.queries.add(queries.len() as u64);
                let now = self.clock.now();
                let answers = queries.iter().map(|query| self.boards.query(query, now)).collect();
                let returned = Box::new(Returned::Answers(answers));
                self.lanes.send(of_loop, Word::Returned(asker, returned));
            }
            Change::Submit(submission, asker) => {
                self.submit(*submission, None, Submitter::OfLoop(of_loop, asker), events);
            }
        }
    }
}
