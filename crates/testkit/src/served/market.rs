//! The market of a served venue: an engine that only the test commands, at the market times that the test gives;
//! or a source by level, which tells what the test says.
//!
//! What is to happen carries its own time and waits until [`Market::settle`], which lets it happen after everything
//! that was acknowledged before, and returns when it has been handed to the loops. Then the venue's market clock
//! shows the test's time as well.

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edge::board_thread::BoardsHandle;
use edge::clock::Stopwatch;
use engine::{Engine, Rules};
use model::{
    AccountId, Action, Answer, Cadence, Command, Contract, Event, EventBody, Instrument,
    InstrumentId, NewOrder, NoOrders, OrderKind, Price, Quantity, Query, Sequence, Side, Source,
    Span, Time, TimeInForce,
};

use super::PATIENCE;
use crate::people::{self, MAKER, TAKER};

/// What is to happen, and when.
pub(super) type Script = VecDeque<(Time, Deed)>;

/// One thing that is to happen.
pub(super) enum Deed {
    /// Somebody acts.
    Act(Action),
    /// A source by level tells this.
    Tell(InstrumentId, EventBody),
}

/// What is to happen now.
type Shared = Arc<Mutex<Plan>>;

/// What the source is to do, and what came of it.
#[derive(Default)]
pub(super) struct Plan {
    script: Script,
    /// Whether the events of the script are kept.
    keeps: bool,
    kept: Vec<Event>,
    /// Whether what is submitted next cannot be kept.
    fails: bool,
    /// The last command before one that could not be.
    failed_after: Option<Sequence>,
}

/// The source and the script that it follows.
pub(super) fn scripted(
    (instruments, contracts): (&[Instrument], &[Contract]),
    begins: Time,
    by_level: bool,
) -> (Scripted, Shared) {
    // A source by level has no accounts.
    let opening = people::opening(instruments).into_iter();
    let opening = opening.filter(|_| !by_level).map(|action| (begins, Deed::Act(action)));
    let script = Arc::new(Mutex::new(Plan { script: opening.collect(), ..Plan::default() }));
    let engine = Engine::with_contracts(instruments, contracts, Rules::default());
    let now = begins;
    (Scripted { engine, begins, now, sequence: Sequence(0), script: Arc::clone(&script) }, script)
}

fn open(script: &Shared) -> MutexGuard<'_, Plan> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A source that is due whenever its script has a command.
pub(super) struct Scripted {
    engine: Engine,
    begins: Time,
    /// The time of the last command.
    now: Time,
    sequence: Sequence,
    script: Shared,
}

impl Source for Scripted {
    fn due(&self) -> Option<Time> {
        (!open(&self.script).script.is_empty()).then_some(self.begins)
    }

    fn advance(&mut self, _now: Time, out: &mut Vec<Event>) {
        let mut plan = open(&self.script);
        let Some((time, deed)) = plan.script.pop_front() else { return };
        // What others submitted may have happened later than what the test let pass so far.
        let time = self.now.max(time);
        self.now = time;
        self.sequence = self.sequence.next();
        let (sequence, before) = (self.sequence, out.len());
        match deed {
            Deed::Act(action) => self.engine.apply(&Command { sequence, time, action }, out),
            Deed::Tell(instrument, body) => {
                out.push(Event { sequence, cause: Sequence(0), time, instrument, body });
            }
        }
        if plan.keeps {
            plan.kept.extend_from_slice(&out[before..]);
        }
    }

    /// What the script wants done first is done first.
    fn submit(
        &mut self,
        now: Time,
        action: Action,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        while self.due().is_some() {
            self.advance(now, out);
        }
        {
            let mut plan = open(&self.script);
            if plan.failed_after.is_some() {
                return Err(NoOrders);
            }
            if plan.fails {
                plan.failed_after = Some(self.sequence);
                return Ok(self.sequence.next());
            }
        }
        let time = self.now.max(now);
        self.now = time;
        self.sequence = self.sequence.next();
        self.engine.apply(&Command { sequence: self.sequence, time, action }, out);
        Ok(self.sequence)
    }

    fn is_broken(&self) -> bool {
        open(&self.script).failed_after.is_some()
    }

    fn handed_out(&self) -> Sequence {
        open(&self.script).failed_after.unwrap_or(Sequence(u64::MAX))
    }
}

/// How a test moves the market.
pub struct Market {
    /// What waits to happen, and the time of the next command.
    waiting: Mutex<(Script, Time)>,
    script: Shared,
    boards: BoardsHandle,
    begins: Time,
    clock: Stopwatch,
}

impl Market {
    pub(super) fn new(
        script: Shared,
        begins: Time,
        clock: Stopwatch,
        boards: BoardsHandle,
    ) -> Self {
        let waiting = Mutex::new((Script::new(), begins));
        Self { waiting, script, boards, begins, clock }
    }

    fn waiting(&self) -> MutexGuard<'_, (Script, Time)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets market time pass before what happens next.
    pub fn pass(&self, span: Span) {
        let mut waiting = self.waiting();
        waiting.1 = waiting.1 + span;
    }

    /// This is to happen.
    pub fn act(&self, action: Action) {
        self.plan(Deed::Act(action));
    }

    /// A source by level is to tell this.
    pub fn tell(&self, instrument: InstrumentId, body: EventBody) {
        self.plan(Deed::Tell(instrument, body));
    }

    /// What is submitted next cannot be kept: it is taken, and never told. Nothing is taken behind it.
    pub fn fail_disk(&self) {
        open(&self.script).fails = true;
    }

    fn plan(&self, deed: Deed) {
        let mut waiting = self.waiting();
        let time = waiting.1;
        waiting.0.push_back((time, deed));
    }

    /// An order that rests, by [`MAKER`].
    pub fn rest(&self, instrument: u16, side: Side, price: i64, quantity: i64) {
        let kind = OrderKind::Limit(Price(price));
        self.place(MAKER, instrument, side, kind, quantity, TimeInForce::GoodTillCanceled);
    }

    /// An order that takes what is there, by [`TAKER`].
    pub fn take(&self, instrument: u16, side: Side, quantity: i64) {
        let kind = OrderKind::Market;
        self.place(TAKER, instrument, side, kind, quantity, TimeInForce::ImmediateOrCancel);
    }

    fn place(
        &self,
        account: AccountId,
        instrument: u16,
        side: Side,
        kind: OrderKind,
        quantity: i64,
        time_in_force: TimeInForce,
    ) {
        self.act(Action::Place(NewOrder {
            account,
            instrument: InstrumentId(instrument),
            side,
            kind,
            quantity: Quantity(quantity),
            time_in_force,
            post_only: false,
            trigger: None,
        }));
    }

    /// So many trades of one lot each, at one price.
    pub fn trade(&self, instrument: u16, price: i64, count: usize) {
        self.rest(instrument, Side::Sell, price, i64::try_from(count).expect("few"));
        for _ in 0..count {
            self.take(instrument, Side::Buy, 1);
        }
    }

    /// A tenth of a second passes and the books speak.
    pub fn tick(&self) {
        self.pass(Cadence::TENTH.0);
        self.act(Action::Tick(Cadence::TENTH));
    }

    /// Lets everything happen that was to, and returns when it was handed to the loops and the clock shows what the
    /// test has let pass.
    ///
    /// # Panics
    /// If market time went back.
    pub fn settle(&self) {
        // The boards read this after the subscriptions that were acknowledged before.
        self.ask(Query::Now);
        let passed = u64::try_from(self.waiting().1.0 - self.begins.0).expect("time goes on");
        self.clock.set(Duration::from_micros(passed));
        open(&self.script).script.append(&mut self.waiting().0);
        loop {
            // The answer comes after the source's turn, which may have been too short for all.
            self.ask(Query::Now);
            if open(&self.script).script.is_empty() {
                break;
            }
        }
        // The last commands may have been taken, and not yet shown, when the script was seen empty.
        self.ask(Query::Now);
    }

    /// Lets everything happen that was to, and this after it. Returns what came of it.
    pub fn do_now(&self, action: Action) -> Vec<Event> {
        self.settle();
        open(&self.script).keeps = true;
        self.act(action);
        self.settle();
        let mut plan = open(&self.script);
        plan.keeps = false;
        std::mem::take(&mut plan.kept)
    }

    /// Asks the boards.
    ///
    /// # Panics
    /// If they do not answer.
    pub fn ask(&self, query: Query) -> Answer {
        let (tell, told) = sync_channel(1);
        loop {
            let tell = tell.clone();
            let reply = Box::new(move |answer| tell.send(answer).expect("somebody waits for it"));
            if self.boards.ask(query.clone(), reply).is_ok() {
                return told.recv_timeout(PATIENCE).expect("the boards answer");
            }
            // Too many letters wait; that passes.
            std::thread::yield_now();
        }
    }
}
