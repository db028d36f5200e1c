//! Loops: one per core, each the owner of its sockets, their sessions and their outboxes.
//!
//! A loop sleeps until a socket, its ring, a letter or an alarm wants something. Then it has a *turn*: it hands the
//! frames from its ring to the sockets that listen and writes each socket once; then reads what clients said,
//! looks after alarms, and sends the boards word of who listens to what. It never waits for anybody: a socket
//! without room is taken up again when it has some, and boards without room for changes mean that nobody is
//! read from until they have.
//!
//! What it is not: it knows no dialect and no topic, decides nothing about a session (see [`crate::session`]) and
//! nothing about what waits (see [`crate::outbox`]).

#[cfg(target_os = "linux")]
mod row;
#[cfg(not(target_os = "linux"))]
#[path = "no_row.rs"]
mod row;
mod tell;

mod listen;

mod ends;
mod letters;
mod survey;

mod client;
mod fanout;
pub mod handle;
mod timers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use mio::{Events, Poll, Token};
use model::Sequence;

use crate::board_thread::{BoardsHandle, Change, Word};
use crate::boards::Dialects;
use crate::clock::SessionClock;
use crate::goodbye::Goodbyes;
use crate::metrics::Counters;
use crate::numbered::Numberer;
use crate::session::{Desk, Ids, frame_limits};
use crate::steps::Clerk;
use crate::ws::decode::Limits;
use crate::ws::deflate::Packer;

use client::Clients;
use fanout::Fanout;
use handle::{Bell, Letter};
use row::Rows;
use survey::Survey;
use timers::Timers;

pub use handle::{Draining, Form, LoopHandle, Newcomer, Turning};

/// The token of the bell; sockets have their places.
const BELL: Token = Token(usize::MAX);
/// Readiness taken from the system at once.
const EVENTS_A_TURN: usize = 1_024;
/// So many sockets at least that are told alike are written by one call of the system, where it takes such calls.
pub(crate) const ROW_MIN: usize = 8;
/// Words taken from the ring before sockets are written.
const WORDS_A_TURN: usize = 256;
/// Letters read in one turn.
const LETTERS_A_TURN: usize = 256;
/// Visits to sockets that have something to be read, in one turn.
const VISITS_A_TURN: usize = 1_024;
/// Messages heard in one visit.
const MESSAGES_A_VISIT: usize = 64;
/// Bytes read in one visit.
const READ_BYTES: usize = 16 * 1024;
/// A client with so many bytes of answers waiting is not read from until it takes them.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long until changes are offered again to boards that had no room for them.
const CHANGES_WAIT: Duration = Duration::from_millis(1);

/// What a loop shares with the rest of the edge.
pub(crate) struct Surroundings {
    pub dialects: Dialects,
    pub boards: BoardsHandle,
    pub clerk: Arc<Clerk>,
    /// Session time.
    pub clock: SessionClock,
    pub counters: Arc<Counters>,
    pub goodbyes: Arc<Goodbyes>,
    /// With which names are counted, if they are not drawn.
    pub ids: Option<Arc<AtomicU64>>,
    /// The number of the last connection that any loop took over.
    pub connection_ids: Arc<AtomicU64>,
    /// From how many sockets on those that are told alike are written by one call of the system, if it takes such calls;
    /// `None` is never.
    pub row_min: Option<usize>,
}

/// One loop.
pub(crate) struct Loop {
    index: usize,
    around: Surroundings,
    /// The framing limits of each dialect.
    limits: Vec<Arc<Limits>>,
    poll: Poll,
    bell: Arc<Bell>,
    letters: Receiver<Letter>,
    ring: rtrb::Consumer<Word>,
    /// Session time of this turn.
    now: Duration,
    turns: u64,
    clients: Clients,
    fanout: Fanout,
    /// Who is told what in this turn: a place and a set of frames.
    line: Vec<(u32, u32)>,
    timers: Timers,
    /// Places of sockets that may have something to be read.
    readable: VecDeque<u32>,
    /// What the boards have not been told yet.
    changes: Vec<Change>,
    /// What is to be told whole to sockets that were slow.
    restarts: Vec<Change>,
    /// Places of sockets whose answers may not leave before the changes do.
    held: Vec<u32>,
    draining: bool,
    drained: Vec<SyncSender<()>>,
    /// Who wants to know when a whole turn is over.
    turned: Vec<SyncSender<Option<Duration>>>,
    /// Who asks of connections.
    surveys: VecDeque<Survey>,
    /// The last event that was told.
    sequence: Sequence,
    /// Letters may have been left unread.
    has_letters: bool,
    desk: Desk,
    /// Shared by all sockets: what is read, and what is joined and encrypted for writing.
    read_buffer: Box<[u8]>,
    join: Vec<u8>,
    packer: Packer,
    numberer: Numberer,
    sealed: Vec<u8>,
    rows: Rows,
    tally: Tally,
}

/// What is counted during a turn.
#[derive(Default)]
struct Tally {
    deliveries: u64,
    conflated: u64,
    dropped: u64,
    restarts: u64,
    writes: u64,
    writes_cut: u64,
    bytes_out: u64,
}

impl Loop {
    pub fn new(
        index: usize,
        around: Surroundings,
        ring: rtrb::Consumer<Word>,
    ) -> io::Result<(Self, LoopHandle, Arc<Bell>)> {
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(poll.registry(), BELL)?);
        let (handle, letters) = LoopHandle::new(Arc::clone(&bell));
        let limits =
            around.dialects.iter().map(|dialect| frame_limits(dialect.manners())).collect();
        let ids = around.ids.clone().map_or_else(Ids::random, Ids::counted);
        let desk = Desk::new(Arc::clone(&around.clerk), ids);
        let this = Self {
            index,
            around,
            limits,
            poll,
            bell: Arc::clone(&bell),
            letters,
            ring,
            now: Duration::ZERO,
            turns: 0,
            clients: Clients::default(),
            fanout: Fanout::new(),
            line: Vec::new(),
            timers: Timers::default(),
            readable: VecDeque::new(),
            changes: Vec::new(),
            restarts: Vec::new(),
            held: Vec::new(),
            draining: false,
            drained: Vec::new(),
            turned: Vec::new(),
            surveys: VecDeque::new(),
            sequence: Sequence::default(),
            has_letters: false,
            desk,
            read_buffer: vec![0; READ_BYTES].into(),
            join: Vec::new(),
            packer: Packer::default(),
            numberer: Numberer::default(),
            sealed: Vec::new(),
            rows: Rows::default(),
            tally: Tally::default(),
        };
        Ok((this, handle, bell))
    }

    /// Works until it is told to stop. Every connection that is left then is dropped.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        // Here, as a ring of io_uring is for the thread that makes it.
        self.rows.open(self.around.row_min, &self.around.counters);
        loop {
            let wait = self.wait();
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    panic!("failed to wait for sockets: {error}")
                }
                _ => self.bell.rise(),
            }
            self.now = self.around.clock.now();
            self.desk.wall = self.around.clock.wall();
            let turned = std::mem::take(&mut self.turned);
            for event in &events {
                if event.token() != BELL {
                    let place = event.token().0 as u32;
                    let ended = event.is_read_closed() || event.is_error();
                    self.note_readiness(place, event.is_readable(), event.is_writable(), ended);
                }
            }
            self.tell();
            self.listen();
            self.look_after_alarms();
            if self.read_letters() {
                return;
            }
            self.send_changes();
            self.survey();
            self.count();
            self.tell_turned(turned);
        }
    }

    /// How long to sleep. Having said that it goes to sleep, it looks a last time for what came before that.
    fn wait(&mut self) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        self.bell.doze();
        if !self.ring.is_empty() {
            self.bell.rise();
            return Some(Duration::ZERO);
        }
        let alarm = self.timers.next().and_then(|due| self.around.clock.passed().until(due));
        if self.changes.is_empty() {
            alarm
        } else {
            Some(alarm.map_or(CHANGES_WAIT, |alarm| alarm.min(CHANGES_WAIT)))
        }
    }

    /// Whether something is left from the last turn that can be done now.
    fn has_work(&self) -> bool {
        let can_read = !self.readable.is_empty() && self.changes.is_empty();
        let is_asked = !self.turned.is_empty() || !self.surveys.is_empty();
        can_read || !self.ring.is_empty() || self.has_letters || is_asked
    }

    fn count(&mut self) {
        self.turns += 1;
        let counters = &self.around.counters;
        let tally = std::mem::take(&mut self.tally);
        counters.turns.add(1);
        counters.messages_in.add(std::mem::take(&mut self.desk.messages));
        counters.compressions.add(self.packer.runs());
        counters.deliveries.add(tally.deliveries);
        counters.conflated.add(tally.conflated);
        counters.dropped.add(tally.dropped);
        counters.restarts.add(tally.restarts);
        counters.writes.add(tally.writes);
        counters.writes_cut.add(tally.writes_cut);
        counters.bytes_out.add(tally.bytes_out);
    }
}
