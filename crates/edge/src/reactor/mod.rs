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

mod client;
mod fanout;
pub mod handle;
mod timers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use dialects::Parting;
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use model::Sequence;

use crate::board_thread::{Asker, BoardsHandle, Change, Word};
use crate::boards::Dialects;
use crate::goodbye::{Goodbyes, Reason};
use crate::metrics::Counters;
use crate::outbox::Pushed;
use crate::passes::Passes;
use crate::session::{Deed, Desk, Heard, Interest, Session, frame_limits};
use crate::socket::{Took, flush, write_once};
use crate::ws::decode::{Chunk, Limits};

use client::{Client, Clients};
use fanout::Fanout;
use handle::{Bell, Letter};
use timers::{Alarm, Timers};

pub use handle::{Draining, LoopHandle, Newcomer};

/// The token of the bell; sockets have their places.
const BELL: Token = Token(usize::MAX);
/// Readiness taken from the system at once.
const EVENTS_A_TURN: usize = 1_024;
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
    pub passes: Arc<Passes>,
    /// From when session time is counted.
    pub opened: Instant,
    pub counters: Arc<Counters>,
    pub goodbyes: Arc<Goodbyes>,
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
    started: Instant,
    /// The time of this turn, counted from the start.
    now: Duration,
    turns: u64,
    clients: Clients,
    fanout: Fanout,
    timers: Timers,
    /// Places of sockets that may have something to be read.
    readable: VecDeque<u32>,
    /// What the boards have not been told yet.
    changes: Vec<Change>,
    /// Places of sockets whose answers may not leave before the changes do.
    held: Vec<u32>,
    draining: bool,
    drained: Vec<SyncSender<()>>,
    /// The last event that was told.
    sequence: Sequence,
    /// Letters may have been left unread.
    has_letters: bool,
    desk: Desk,
    /// Shared by all sockets: what is read, and what is joined for writing.
    read_buffer: Box<[u8]>,
    join: Vec<u8>,
    tally: Tally,
}

/// What is counted during a turn.
#[derive(Default)]
struct Tally {
    deliveries: u64,
    conflated: u64,
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
        let started = around.opened;
        let desk = Desk::new(Arc::clone(&around.passes));
        let this = Self {
            index,
            around,
            limits,
            poll,
            bell: Arc::clone(&bell),
            letters,
            ring,
            started,
            now: Duration::ZERO,
            turns: 0,
            clients: Clients::default(),
            fanout: Fanout::new(),
            timers: Timers::default(),
            readable: VecDeque::new(),
            changes: Vec::new(),
            held: Vec::new(),
            draining: false,
            drained: Vec::new(),
            sequence: Sequence::default(),
            has_letters: false,
            desk,
            read_buffer: vec![0; READ_BYTES].into(),
            join: Vec::new(),
            tally: Tally::default(),
        };
        Ok((this, handle, bell))
    }

    /// Works until it is told to stop. Every connection that is left then is dropped.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        loop {
            let wait = self.wait();
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    panic!("failed to wait for sockets: {error}")
                }
                _ => self.bell.rise(),
            }
            self.now = self.started.elapsed();
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
            self.count();
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
        let alarm = self.timers.next().map(|due| due.saturating_sub(self.started.elapsed()));
        if self.changes.is_empty() {
            alarm
        } else {
            Some(alarm.map_or(CHANGES_WAIT, |alarm| alarm.min(CHANGES_WAIT)))
        }
    }

    /// Whether something is left from the last turn that can be done now.
    fn has_work(&self) -> bool {
        let can_read = !self.readable.is_empty() && self.changes.is_empty();
        can_read || !self.ring.is_empty() || self.has_letters
    }
}

// 1. Frames out.
impl Loop {
    /// Hands out what is in the ring and writes every socket that is told something, once.
    fn tell(&mut self) {
        for _ in 0..WORDS_A_TURN {
            if self.fanout.is_full() {
                break;
            }
            let Ok(word) = self.ring.pop() else { break };
            match word {
                Word::Told(told) => {
                    self.sequence = told.sequence;
                    self.tally.deliveries += self.fanout.tell(told) as u64;
                }
                Word::Subscribed(asker, slot, state) => {
                    let Some(client) = self.clients.of_asker(asker) else { continue };
                    // Its spot is known only if it is wanted, so that it listens first.
                    let spot = self.fanout.listen(slot, asker.place);
                    if !client.session.subscribed(asker.ticket, slot, spot) {
                        self.fanout.unlisten(slot, spot);
                    } else if let Some(told) = state {
                        self.tally.deliveries += 1;
                        self.fanout.tell_one(told, asker.place);
                    }
                }
            }
        }
        let moved = self.fanout.moved();
        if moved == 0 {
            self.fanout.end();
            return;
        }
        // Each turn begins with another socket, so that none is always last.
        let begin = (self.turns % moved as u64) as usize;
        for index in (begin..moved).chain(0..begin) {
            let (place, node) = self.fanout.take(index);
            self.tell_client(place, node);
        }
        self.fanout.end();
    }

    #[inline]
    fn tell_client(&mut self, place: u32, node: u32) {
        let (wire, clear) = self.clients.wire(place);
        if !clear {
            self.put_in_line(place, node, 0);
            self.write(place);
            return;
        }
        let bytes = self.fanout.bytes(node);
        self.tally.writes += 1;
        match write_once(wire, bytes) {
            Ok(Took::All) => self.tally.bytes_out += bytes.len() as u64,
            Ok(Took::Part(taken)) => {
                self.tally.bytes_out += taken as u64;
                self.put_in_line(place, node, taken);
                self.blocked(place);
            }
            Err(error) => self.lose(place, Reason::Network(error.kind())),
        }
    }

    /// Puts what a socket is told into its outbox, but for the first `taken` bytes.
    #[cold]
    fn put_in_line(&mut self, place: u32, node: u32, mut taken: usize) {
        let now = self.now;
        let client = self.clients.at(place);
        for told in self.fanout.frames(node) {
            let bytes = told.frame.bytes().len();
            if taken >= bytes {
                taken -= bytes;
                continue;
            }
            let pushed = client.outbox.push(told, taken, now);
            taken = 0;
            self.tally.conflated += u64::from(pushed == Pushed::Replaced);
        }
        self.clients.note_line(place);
        let client = self.clients.at(place);
        let dialect = &*self.around.dialects[client.dialect];
        if client.outbox.lossless_bytes() > dialect.manners().queue_bytes_max {
            client.session.part(dialect, Parting::SlowConsumer, now, &mut self.desk);
            self.do_deeds(place);
        }
    }

    /// The socket has no room: it is taken up again when it says that it has, or when it has had none for too long.
    fn blocked(&mut self, place: u32) {
        self.tally.writes_cut += 1;
        self.clients.at(place).blocked = true;
        self.set_alarm(place);
    }
}

// 2. Requests in.
impl Loop {
    fn note_readiness(&mut self, place: u32, readable: bool, writable: bool, ended: bool) {
        let Some(client) = self.clients.get(place) else { return };
        client.read_to_end |= ended;
        if writable && client.blocked {
            client.blocked = false;
            self.write(place);
        }
        if readable || ended {
            self.will_read(place);
        }
    }

    fn will_read(&mut self, place: u32) {
        if let Some(client) = self.clients.get(place)
            && !client.will_be_read
        {
            client.will_be_read = true;
            self.readable.push_back(place);
        }
    }

    /// Hears every client that has something to say, a little each.
    fn listen(&mut self) {
        // While the boards have no room for changes, nobody can make more of them.
        if !self.changes.is_empty() {
            if !self.readable.is_empty() {
                self.around.counters.reads_held.add(1);
            }
            return;
        }
        for _ in 0..self.readable.len().min(VISITS_A_TURN) {
            let Some(place) = self.readable.pop_front() else { break };
            self.visit(place);
        }
    }

    fn visit(&mut self, place: u32) {
        let Some((stream, client)) = self.clients.with_stream(place) else { return };
        client.will_be_read = false;
        if client.session.is_over() {
            return;
        }
        if client.outbox.answer_bytes() >= ANSWER_BYTES_MAX {
            client.is_held_off = true;
            return;
        }
        let mut kept = client.kept.take();
        // Readiness is told once: one reads until there is less than one asked for, and where the other end has
        // said its last byte, until one has seen that.
        let mut is_read_again = true;
        let bytes = match &mut kept {
            Some(kept) => &mut kept[..],
            None => match stream.read(&mut self.read_buffer) {
                Ok(0) => return self.lose(place, Reason::ClientVanished),
                Ok(bytes) => {
                    is_read_again = bytes == READ_BYTES || client.read_to_end;
                    &mut self.read_buffer[..bytes]
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    return self.will_read(place);
                }
                Err(error) => return self.lose(place, Reason::Network(error.kind())),
            },
        };
        let mut chunk = Chunk::new(bytes);
        let dialect = &*self.around.dialects[client.dialect];
        let (now, desk) = (self.now, &mut self.desk);
        let heard = client.session.receive(dialect, &mut chunk, MESSAGES_A_VISIT, now, desk);
        if heard == Heard::Enough {
            client.kept = Some(chunk.rest().into());
            is_read_again = true;
        }
        if is_read_again {
            self.will_read(place);
        }
        self.do_deeds(place);
        self.write(place);
        self.set_alarm(place);
    }

    /// Does what a session asked for. What is said is put in line; writing it is the caller's.
    fn do_deeds(&mut self, place: u32) {
        let mut deeds = std::mem::take(&mut self.desk.deeds);
        let now = self.now;
        for deed in deeds.drain(..) {
            let client = self.clients.at(place);
            match deed {
                Deed::Subscribe(topic, ticket) => {
                    let asker = Asker { place, tenancy: client.tenancy, ticket };
                    let dialect = client.dialect;
                    self.changes.push(Change::Subscribe { dialect, topic, asker });
                    self.around.counters.interests_open.add(1);
                    if !client.is_held {
                        client.is_held = true;
                        self.held.push(place);
                    }
                }
                Deed::Unsubscribe(interest) => self.leave(place, interest),
                Deed::HangUp => self.leave_all(place),
                Deed::Close { .. } => {
                    self.leave_all(place);
                    self.clients.at(place).say(deed, now);
                }
                Deed::Say(_) | Deed::Ping | Deed::Pong(_) => client.say(deed, now),
            }
        }
        self.desk.deeds = deeds;
        self.clients.note_line(place);
    }

    /// Its end is decided: nothing is told any more.
    fn leave_all(&mut self, place: u32) {
        let client = self.clients.at(place);
        client.note_last(self.sequence, self.now);
        client.outbox.forget_frames();
        for interest in client.session.leave() {
            self.leave(place, interest);
        }
    }

    fn leave(&mut self, place: u32, interest: Interest) {
        let client = self.clients.at(place);
        self.around.counters.interests_open.take(1);
        let (dialect, topic) = (client.dialect, interest.topic);
        self.changes.push(Change::Unsubscribe { dialect, topic });
        if let Some((slot, spot)) = interest.slot {
            client.outbox.forget(slot);
            if let Some(moved) = self.fanout.unlisten(slot, spot) {
                let moved = &mut self.clients.at(moved).session;
                *moved.place_mut(slot).expect("a listener has an interest in its slot") = spot;
            }
        }
    }

    /// Tells the boards who listens to what; only then may the acknowledgements leave.
    fn send_changes(&mut self) {
        if !self.changes.is_empty() {
            let changes = std::mem::take(&mut self.changes);
            if let Err(changes) = self.around.boards.change(self.index, changes) {
                self.changes = changes;
                return;
            }
        }
        let mut held = std::mem::take(&mut self.held);
        for place in held.drain(..) {
            // A place that changed hands since then has nothing held.
            if let Some(client) = self.clients.get(place)
                && std::mem::take(&mut client.is_held)
            {
                self.write(place);
            }
        }
        self.held = held;
    }
}

// 3. Writing, alarms and ends.
impl Loop {
    /// Writes what waits for a socket, if it may be written now; ends it if that was its last word.
    fn write(&mut self, place: u32) {
        let Some((stream, client)) = self.clients.with_stream(place) else { return };
        if client.blocked || client.is_held {
            return;
        }
        match flush(stream, &mut client.outbox, &mut self.join, self.now) {
            Ok(flushed) => {
                self.tally.writes += u64::from(flushed.writes);
                self.tally.bytes_out += flushed.bytes as u64;
                let is_held_off =
                    client.is_held_off && client.outbox.answer_bytes() >= ANSWER_BYTES_MAX;
                let is_read_again = client.is_held_off && !is_held_off;
                client.is_held_off = is_held_off;
                let said_all = client.outbox.is_empty();
                if said_all && client.session.is_over() {
                    return self.remove(place);
                }
                if said_all && client.session.is_deaf() {
                    // The other end sees that nothing more comes, while what it has sent is read and dropped:
                    // unread, it would make the network throw away our close.
                    let _gone = stream.shutdown(Shutdown::Write);
                }
                self.clients.note_line(place);
                if flushed.blocked {
                    self.blocked(place);
                }
                if is_read_again {
                    self.will_read(place);
                }
            }
            Err(error) => self.lose(place, Reason::Network(error.kind())),
        }
    }

    fn look_after_alarms(&mut self) {
        while let Some((alarm, place)) = self.timers.rung(self.now) {
            let Some(client) = self.clients.get(place) else { continue };
            if client.alarm != alarm {
                continue;
            }
            client.alarm = Alarm::OFF;
            let dialect = &*self.around.dialects[client.dialect];
            client.session.tick(dialect, self.now, &mut self.desk);
            if client.stall_due(dialect.manners()).is_some_and(|due| self.now >= due) {
                client.session.part(dialect, Parting::SlowConsumer, self.now, &mut self.desk);
            }
            self.do_deeds(place);
            let client = self.clients.at(place);
            let manners = self.around.dialects[client.dialect].manners();
            if client.session.is_over() && self.now >= client.session.due(manners) {
                self.remove(place);
                continue;
            }
            self.write(place);
            self.set_alarm(place);
        }
    }

    fn set_alarm(&mut self, place: u32) {
        let Some(client) = self.clients.get(place) else { return };
        let manners = self.around.dialects[client.dialect].manners();
        let due = client.session.due(manners);
        let due = client.stall_due(manners).map_or(due, |stall| stall.min(due));
        self.timers.set(&mut client.alarm, place, due);
    }

    /// The other end is gone.
    fn lose(&mut self, place: u32, reason: Reason) {
        self.clients.at(place).session.lost(reason, self.now, &mut self.desk);
        self.do_deeds(place);
        self.remove(place);
    }

    /// Takes a connection out and leaves a record of its end.
    fn remove(&mut self, place: u32) {
        let (stream, client) = self.clients.remove(place);
        debug_assert!(client.session.interests().is_empty(), "who hangs up leaves everything");
        // Closing it takes it out of the poll as well; this only does not rely on it.
        let _gone = self.poll.registry().deregister(&mut SourceFd(&stream.as_raw_fd()));
        if let Some(goodbye) = client.goodbye(self.now) {
            self.around.goodbyes.note(goodbye);
        }
        self.around.counters.connections_open.take(1);
        self.check_drained();
    }

    fn check_drained(&mut self) {
        if self.clients.is_empty() {
            self.drained.clear();
        }
    }
}

// 4. Letters.
impl Loop {
    /// Reads what came by letter. Returns whether that is to be the end.
    fn read_letters(&mut self) -> bool {
        self.has_letters = false;
        for _ in 0..LETTERS_A_TURN {
            match self.letters.try_recv() {
                Ok(letter) => {
                    if self.read_letter(letter) {
                        return true;
                    }
                }
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        self.has_letters = true;
        false
    }

    fn read_letter(&mut self, letter: Letter) -> bool {
        match letter {
            Letter::Adopt(newcomer) => self.adopt(newcomer),
            Letter::Drain(gone) => {
                self.drained.push(gone);
                self.draining = true;
                for place in self.clients.places() {
                    self.ask_to_leave(place);
                }
                self.check_drained();
            }
            Letter::Stop => return true,
        }
        false
    }

    fn adopt(&mut self, newcomer: Newcomer) {
        let Newcomer { stream, dialect, early, peer, seat } = newcomer;
        let manners = self.around.dialects[dialect].manners();
        let session = Session::open(Arc::clone(&self.limits[dialect]), manners, self.now);
        let ready = ready(&stream);
        let fd = stream.as_raw_fd();
        let place = self.clients.add(stream, Client::new(session, dialect, peer, seat));
        self.fanout.make_room(self.clients.places().len());
        self.around.counters.connections.add(1);
        self.around.counters.connections_open.add(1);
        let registered = ready.and_then(|()| {
            let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
            self.poll.registry().register(&mut SourceFd(&fd), Token(place as usize), interest)
        });
        if let Err(error) = registered {
            return self.lose(place, Reason::Network(error.kind()));
        }
        if !early.is_empty() {
            self.clients.at(place).kept = Some(early.into());
        }
        self.will_read(place);
        self.set_alarm(place);
        if self.draining {
            self.ask_to_leave(place);
        }
    }

    fn ask_to_leave(&mut self, place: u32) {
        let Some(client) = self.clients.get(place) else { return };
        let dialect = &*self.around.dialects[client.dialect];
        client.session.part(dialect, Parting::Shutdown, self.now, &mut self.desk);
        self.do_deeds(place);
        self.write(place);
        self.set_alarm(place);
    }

    fn count(&mut self) {
        self.turns += 1;
        let counters = &self.around.counters;
        let tally = std::mem::take(&mut self.tally);
        counters.turns.add(1);
        counters.messages_in.add(std::mem::take(&mut self.desk.messages));
        counters.deliveries.add(tally.deliveries);
        counters.conflated.add(tally.conflated);
        counters.writes.add(tally.writes);
        counters.writes_cut.add(tally.writes_cut);
        counters.bytes_out.add(tally.bytes_out);
    }
}

/// Makes a stream fit for a loop.
fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // What waits is written at once and whole; the network need not wait for more.
    stream.set_nodelay(true)
}
