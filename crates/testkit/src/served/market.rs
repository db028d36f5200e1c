//! The market of a served venue: an engine that only the test commands, at the market times that the test gives.
//!
//! The venue's market clock stands still; commands carry their own times. They are carried out by the board
//! thread in its next turn, and [`Market::settle`] waits for that: afterwards everything that happened has been
//! handed to the loops.

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge::board_thread::BoardsHandle;
use engine::Engine;
use model::{
    AccountId, Action, Answer, Cadence, Command, Event, Instrument, InstrumentId, NewOrder,
    NoOrders, OrderKind, Price, Quantity, Query, Sequence, Side, Source, Span, Time, TimeInForce,
};

use super::PATIENCE;
use crate::people;

/// What the test wants to happen and has not happened yet.
#[derive(Debug)]
pub(super) struct Script {
    now: Time,
    commands: VecDeque<(Time, Action)>,
}

type Shared = Arc<Mutex<Script>>;

/// The source and the script that it follows.
pub(super) fn scripted(instruments: &[Instrument], begins: Time) -> (Scripted, Shared) {
    let opening = people::opening(instruments).into_iter().map(|action| (begins, action));
    let script = Arc::new(Mutex::new(Script { now: begins, commands: opening.collect() }));
    let engine = Engine::new(instruments);
    (Scripted { engine, begins, sequence: Sequence(0), script: Arc::clone(&script) }, script)
}

fn open(script: &Shared) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A source that is due whenever its script has a command.
pub(super) struct Scripted {
    engine: Engine,
    begins: Time,
    sequence: Sequence,
    script: Shared,
}

impl Source for Scripted {
    fn due(&self) -> Option<Time> {
        (!open(&self.script).commands.is_empty()).then_some(self.begins)
    }

    fn advance(&mut self, _now: Time, out: &mut Vec<Event>) {
        let next = open(&self.script).commands.pop_front();
        if let Some((time, action)) = next {
            self.sequence = self.sequence.next();
            self.engine.apply(&Command { sequence: self.sequence, time, action }, out);
        }
    }

    /// What the script wants done first is done first; it takes place at the script's time.
    fn submit(
        &mut self,
        now: Time,
        action: Action,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        while self.due().is_some() {
            self.advance(now, out);
        }
        let time = open(&self.script).now;
        self.sequence = self.sequence.next();
        self.engine.apply(&Command { sequence: self.sequence, time, action }, out);
        Ok(self.sequence)
    }
}

/// How a test moves the market.
pub struct Market {
    script: Shared,
    boards: BoardsHandle,
}

/// Who rests in the book, where a test does not care.
pub const MAKER: AccountId = AccountId(1);
/// Who takes from it.
pub const TAKER: AccountId = AccountId(2);

impl Market {
    pub(super) const fn new(script: Shared, boards: BoardsHandle) -> Self {
        Self { script, boards }
    }

    /// Lets market time pass before the next command.
    pub fn pass(&self, span: Span) {
        let mut script = open(&self.script);
        script.now = script.now + span;
    }

    /// This is to happen now.
    pub fn act(&self, action: Action) {
        let mut script = open(&self.script);
        let now = script.now;
        script.commands.push_back((now, action));
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

    /// Waits until everything that was to happen has happened and was handed to the loops.
    pub fn settle(&self) {
        loop {
            // The answer comes after the source's turn, which may have been too short for all.
            self.ask(Query::Now);
            if open(&self.script).commands.is_empty() {
                break;
            }
        }
        // The last commands may have been taken, and not yet shown, when the script was seen empty.
        self.ask(Query::Now);
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
