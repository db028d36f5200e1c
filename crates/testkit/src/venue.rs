//! A venue in memory: the engine, the boards and the sessions of the house, with nothing between them but calls.
//! No socket, no thread, no clock; so that what is tested is the product, and the same at every run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dialects::{
    Dialect, FramePool, HttpRequest, HttpResponse, Manners, Outcome, Parting, Submission,
};
use edge::boards::{Boards, Dialects, Outlet};
use edge::outbox::{Outbox, Told};
use edge::route::{Route, route};
use edge::session::{Deed, Desk, Ids, Interest, Returned, Session, Ticket, frame_limits};
use edge::steps::{Clerk, Next, Service};
use edge::ws::decode::Chunk;
use edge::ws::{Opcode, encode};
use engine::{Engine, Rules};
use model::{
    Action, Assets, Cadence, Class, Command, Contract, Event, EventBody, Instrument, InstrumentId,
    Listing, Sequence, Span, Time,
};
use views::{Accounts, Board};

use crate::people::{self, Known, Person};
use crate::served;
use crate::transcript::{Ear, Heard, Line, Stage};

/// How often the market ticks.
const TICK: Cadence = Cadence::TENTH;
/// As many messages as a chunk may hold.
const MESSAGES_MAX: usize = usize::MAX;

/// A venue, mostly of one dialect; what has no connection, and connections of which nothing is said, are of the first.
pub struct Venue {
    engine: Engine,
    /// Events that came of no command of the engine.
    by_level: bool,
    /// Market time when it began, and the wall's.
    start: Time,
    now: Time,
    /// The wall's time when the session clock began.
    wall: Time,
    commands: u64,
    told: u64,
    boards: Boards,
    dialects: Dialects,
    lines: Vec<Connection>,
    desk: Desk,
    copies: FramePool,
    clerk: Arc<Clerk>,
    known: Arc<Known>,
    /// The sessions' clock.
    session_now: Duration,
    leaving: bool,
    /// How the disk is beneath it; what cannot be kept does not happen.
    disk: Disk,
    /// Everything that happened.
    events: Vec<Event>,
    door: String,
}

/// How a venue's disk is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    Good,
    /// It fails with what is submitted next.
    Fails,
    /// It has failed: nothing is taken.
    Failed,
}

struct Connection {
    /// As a place among those of the venue.
    dialect: usize,
    session: Session,
    outbox: Outbox,
    ear: Ear,
    stalled: bool,
    gone: bool,
    /// The most bytes that ever waited of topics that can restart, where more than one frame of them did.
    restart_bytes: usize,
}

impl Connection {
    /// When it will have taken nothing for too long, or something will have waited for too long.
    fn stall_due(&self, manners: &Manners) -> Duration {
        let speaks = self.session.is_speaking();
        let stall = self.outbox.stuck_since().map(|since| since.saturating_add(manners.stall_max));
        let wait = self.outbox.waits_since().map(|since| since.saturating_add(manners.wait_max));
        stall.into_iter().chain(wait).filter(|_| speaks).min().unwrap_or(Duration::MAX)
    }
}

/// What the boards told, for the only loop there is.
#[derive(Default)]
struct Tray(Vec<Told>);

impl Outlet for Tray {
    fn tell(&mut self, _: usize, told: Told) {
        self.0.push(told);
    }
}

impl Venue {
    /// A venue that begins at `start` with empty books. By level its source is told by [`Stage::tell`], else it
    /// is the engine.
    #[must_use]
    pub fn new(
        dialect: Box<dyn Dialect>,
        listings: &[Listing],
        start: Time,
        by_level: bool,
    ) -> Self {
        Self::of([dialect].into(), listings, start, by_level)
    }

    /// The same of several dialects.
    #[must_use]
    pub fn of(dialects: Dialects, listings: &[Listing], start: Time, by_level: bool) -> Self {
        Self::with_contracts(dialects, (listings, &[]), start, by_level)
    }

    /// The same, in which these contracts make some of the instruments perpetuals.
    #[must_use]
    pub fn with_contracts(
        dialects: Dialects,
        (listings, contracts): (&[Listing], &[Contract]),
        start: Time,
        by_level: bool,
    ) -> Self {
        let instruments: Vec<Instrument> =
            listings.iter().map(|listing| listing.instrument.clone()).collect();
        let board = |instrument: &Instrument| match by_level {
            true => Board::by_level(instrument.id, start),
            false => Board::new(instrument.id, start),
        };
        let door = dialects[0].doors().socket_paths[0].to_owned();
        let known = Arc::<Known>::default();
        let clerk = Arc::new(people::clerk(Arc::clone(&known)));
        let mut venue = Self {
            engine: Engine::with_contracts(&instruments, contracts, Rules::default()),
            by_level,
            start,
            now: start,
            wall: start,
            commands: 0,
            told: 0,
            boards: Boards::new(instruments.iter().map(board).collect(), dialects.clone(), 1)
                .with_accounts(Accounts::new(Assets::of(&instruments).paid_by(contracts))),
            dialects,
            lines: Vec::new(),
            desk: Desk::new(Arc::clone(&clerk), Ids::counted(Arc::default())),
            copies: FramePool::new(0),
            clerk,
            known,
            session_now: Duration::ZERO,
            leaving: false,
            disk: Disk::Good,
            events: Vec::new(),
            door,
        };
        if !by_level {
            for action in people::opening(&instruments) {
                venue.command(action);
            }
        }
        venue
    }

    /// The same, with clients that knock at this door where nothing else is said.
    #[must_use]
    pub fn at_door(mut self, door: &str) -> Self {
        door.clone_into(&mut self.door);
        self
    }

    /// Who holds which key.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The boards.
    #[must_use]
    pub const fn boards(&self) -> &Boards {
        &self.boards
    }

    /// Market time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Everything that happened.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Identities have changed.
    fn review(&mut self) {
        for line in 0..self.lines.len() {
            let dialect = &*self.dialects[self.lines[line].dialect];
            let session = &mut self.lines[line].session;
            session.review(dialect, self.session_now, &mut self.desk);
            self.do_deeds(line);
        }
    }

    fn dialect(&self) -> &dyn Dialect {
        &*self.dialects[0]
    }

    fn command(&mut self, action: Action) -> Vec<Event> {
        self.labeled(action, None)
    }

    fn labeled(&mut self, action: Action, label: Option<Box<str>>) -> Vec<Event> {
        self.commands += 1;
        if let Some(label) = label {
            self.boards.label(Sequence(self.commands), label.into());
        }
        let command = Command { sequence: Sequence(self.commands), time: self.now, action };
        let mut events = Vec::new();
        self.engine.apply(&command, &mut events);
        for event in &mut events {
            self.told += 1;
            event.sequence = Sequence(self.told);
        }
        self.show(&events);
        events
    }

    /// What comes of a submission.
    fn submit(&mut self, submission: Submission) -> Outcome {
        match self.disk {
            Disk::Good => {
                let events = self.labeled(submission.action, submission.label);
                Outcome::Done { command: Sequence(self.commands), events }
            }
            Disk::Fails => {
                self.disk = Disk::Failed;
                Outcome::Unknown
            }
            Disk::Failed => Outcome::NotTaken,
        }
    }

    fn show(&mut self, events: &[Event]) {
        let mut tray = Tray::default();
        self.boards.apply(events, &mut tray);
        self.events.extend_from_slice(events);
        for told in tray.0 {
            for line in 0..self.lines.len() {
                self.deliver(line, &told);
            }
        }
    }

    /// Puts a frame into the outbox of a connection that listens to it.
    fn deliver(&mut self, line: Line, told: &Told) {
        let dialect = &*self.dialects[self.lines[line].dialect];
        let connection = &mut self.lines[line];
        if !connection.session.is_speaking() {
            return;
        }
        for interest in connection.session.interests() {
            if let Some(told) = copy(&mut self.copies, interest, told) {
                push(&mut connection.outbox, &told, dialect, self.session_now);
            }
        }
        self.flush(line);
        let connection = &mut self.lines[line];
        let dialect = &*self.dialects[connection.dialect];
        connection.note_restart_bytes();
        if connection.outbox.lossless_bytes() > dialect.manners().queue_bytes_max {
            let now = self.session_now;
            connection.session.part(dialect, Parting::SlowConsumer, now, &mut self.desk);
            self.do_deeds(line);
        }
    }

    /// A client connects to the dialect at this place, at the first of its doors.
    ///
    /// # Panics
    /// If the dialect asks who it is.
    pub fn connect_to(&mut self, dialect: usize) -> Line {
        let door = self.dialects[dialect].doors().socket_paths[0];
        self.knock_at(dialect, door, &[]).expect("the dialect asks nobody who it is")
    }

    /// A client asks the dialect at this place for a connection, by this path with its query.
    ///
    /// # Errors
    /// The answer of a dialect that refuses it.
    ///
    /// # Panics
    /// If the dialect has no socket there.
    pub fn knock_at(
        &mut self,
        place: usize,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Line, HttpResponse> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let dialects = Arc::clone(&self.dialects);
        let dialect = &*dialects[place];
        let host = headers.iter().find(|(name, _)| *name == "host").map(|&(_, host)| host);
        let at = route(std::slice::from_ref(dialect.doors()), host, path, true);
        assert_eq!(at, Route::Socket(0), "there is no socket at {target}");
        let wall = self.wall();
        let request = HttpRequest { query, headers, wall, ..HttpRequest::bare("GET", path) };
        let clerk = Arc::clone(&self.clerk);
        let mut service = Service::new(dialect.name(), wall, self.session_now);
        let Next::Reply(admission) = clerk.take(&mut service, dialect.admit(&request)) else {
            panic!("nobody's key is judged by the state of a market");
        };
        let admitted = clerk.admit(admission, service)?;
        let manners = dialect.manners();
        let mut session = Session::open(frame_limits(manners), manners, self.session_now);
        admitted.into_iter().for_each(|admitted| session.admitted(admitted));
        self.lines.push(Connection {
            dialect: place,
            session,
            outbox: Outbox::default(),
            ear: Ear::default(),
            stalled: false,
            gone: false,
            restart_bytes: 0,
        });
        let line = self.lines.len() - 1;
        if self.leaving {
            let session = &mut self.lines[line].session;
            session.part(dialect, Parting::Shutdown, self.session_now, &mut self.desk);
            self.do_deeds(line);
        }
        Ok(line)
    }

    /// Brings what waits to the client, if it reads, and then what has lapsed meanwhile, each whole.
    fn flush(&mut self, line: Line) {
        while !self.lines[line].stalled {
            self.lines[line].flush(usize::MAX, self.session_now);
            if !self.restart(line) {
                return;
            }
        }
    }

    /// A client that has stalled takes at most so many bytes after all.
    pub fn sip(&mut self, line: Line, bytes: usize) {
        self.lines[line].flush(bytes, self.session_now);
        self.restart(line);
        self.lines[line].note_restart_bytes();
    }

    /// The most bytes that ever waited for a client of topics that can restart, where more than one frame of them did.
    #[must_use]
    pub fn restart_bytes(&self, line: Line) -> usize {
        self.lines[line].restart_bytes
    }

    /// Puts a topic that has lapsed and is due in line, whole; says whether there was one.
    fn restart(&mut self, line: Line) -> bool {
        let connection = &mut self.lines[line];
        let Some(slot) = connection.outbox.restart_due() else { return false };
        let mut interests = connection.session.interests().iter();
        let lapsed = interests.find(|interest| interest.outbox_slot() == Some(slot));
        let interest = lapsed.expect("what lapses is listened to");
        let dialect = &*self.dialects[connection.dialect];
        match self.boards.restart(connection.dialect, &interest.subject) {
            Some(told) => {
                let told = copy(&mut self.copies, interest, &told).expect("it is its slot's");
                push(&mut connection.outbox, &told, dialect, self.session_now);
            }
            None => connection.outbox.put_off(slot),
        }
        true
    }

    /// Does what a session asked for, in order.
    fn do_deeds(&mut self, line: Line) {
        let now = self.session_now;
        let mut deeds = VecDeque::from(std::mem::take(&mut self.desk.deeds));
        while let Some(deed) = deeds.pop_front() {
            let connection = &mut self.lines[line];
            match deed {
                Deed::Ask(queries, ticket) => {
                    let answer = |query| self.boards.query(query, self.now);
                    let answers = Returned::Answers(queries.iter().map(answer).collect());
                    self.hand_back(line, ticket, answers, &mut deeds);
                }
                Deed::Submit(submission, ticket) => {
                    let outcome = Returned::Outcome(self.submit(*submission));
                    self.hand_back(line, ticket, outcome, &mut deeds);
                }
                Deed::Say(text) => connection.answer(now, Opcode::Text, &text),
                Deed::Ping => connection.answer(now, Opcode::Ping, b""),
                Deed::Pong(payload) => connection.answer(now, Opcode::Pong, &payload),
                Deed::Subscribe(subject, ticket) => {
                    let opening = self.boards.subscribe(0, connection.dialect, subject);
                    if connection.session.subscribed(ticket, opening.slot, 0)
                        && let Some(state) = opening.state
                    {
                        let interests = connection.session.interests().iter();
                        let own = interests.filter(|it| it.ticket == ticket);
                        for told in own.filter_map(|it| copy(&mut self.copies, it, &state)) {
                            connection.outbox.push(&told, 0, now);
                        }
                    }
                }
                Deed::Unsubscribe(interest) => {
                    interest.outbox_slot().into_iter().for_each(|slot| {
                        connection.outbox.forget(slot);
                    });
                    self.boards.unsubscribe(0, connection.dialect, interest.subject);
                }
                Deed::Close { code, reason } => {
                    self.leave(line);
                    self.lines[line].outbox.answer(now, |out| {
                        encode::push_server_close(out, code, &reason);
                    });
                }
                Deed::HangUp => {
                    self.leave(line);
                    self.lines[line].gone = true;
                }
            }
        }
        self.flush(line);
    }

    /// What a session waits for has come back: what it then asks for is done before what is left to be done.
    fn hand_back(
        &mut self,
        line: Line,
        ticket: Ticket,
        returned: Returned,
        deeds: &mut VecDeque<Deed>,
    ) {
        let (dialect, now) = (&*self.dialects[self.lines[line].dialect], self.session_now);
        let left = std::mem::take(deeds);
        self.lines[line].session.returned(dialect, ticket, returned, now, &mut self.desk);
        deeds.extend(self.desk.deeds.drain(..).chain(left));
    }

    /// Its end is decided: nothing is told any more.
    fn leave(&mut self, line: Line) {
        let connection = &mut self.lines[line];
        connection.outbox.forget_frames();
        for interest in connection.session.leave() {
            self.boards.unsubscribe(0, connection.dialect, interest.subject);
        }
    }

    /// The moment at which the next session has something to do, if that is not after `end`.
    fn next_due(&self, end: Duration) -> Option<Duration> {
        let open = self.lines.iter().filter(|connection| !connection.gone);
        let due = open.map(|connection| {
            let manners = self.dialects[connection.dialect].manners();
            connection.session.due(manners).min(connection.stall_due(manners))
        });
        due.min().filter(|due| *due <= end)
    }

    fn look_after_sessions(&mut self) {
        let now = self.session_now;
        for line in 0..self.lines.len() {
            let dialect = &*self.dialects[self.lines[line].dialect];
            let connection = &mut self.lines[line];
            if connection.gone {
                continue;
            }
            connection.session.tick(dialect, now, &mut self.desk);
            if now >= connection.stall_due(dialect.manners()) {
                connection.session.part(dialect, Parting::SlowConsumer, now, &mut self.desk);
            }
            self.do_deeds(line);
        }
    }
}

/// A frame as it is told to an interest, if it is.
fn copy(copies: &mut FramePool, interest: &Interest, told: &Told) -> Option<Told> {
    interest.slot.filter(|(slot, _)| *slot == told.slot)?;
    let mut told = Told { slot: interest.outbox_slot()?, ..told.clone() };
    if let Some(stamp) = &interest.stamp {
        told.frame = copies.stamped(&told.frame, stamp);
    }
    Some(told)
}

/// Puts a frame in line; where too much waits of topics that can restart, those begin anew.
fn push(outbox: &mut Outbox, told: &Told, dialect: &dyn Dialect, now: Duration) {
    outbox.push(told, 0, now);
    if outbox.restart_bytes() > dialect.manners().restart_bytes_max {
        outbox.restart();
    }
}

impl Connection {
    fn answer(&mut self, now: Duration, opcode: Opcode, payload: &[u8]) {
        self.outbox.answer(now, |out| encode::push_server_frame(out, opcode, payload));
    }

    fn note_restart_bytes(&mut self) {
        if self.outbox.frames().filter(|told| told.class == Class::Restart).count() > 1 {
            self.restart_bytes = self.restart_bytes.max(self.outbox.restart_bytes());
        }
    }

    /// Brings at most so much of what waits to the client.
    fn flush(&mut self, bytes_max: usize, now: Duration) {
        let mut bytes = Vec::new();
        self.outbox.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.truncate(bytes_max);
        self.outbox.taken(bytes.len(), now);
        self.ear.bring(&mut bytes);
        if self.gone {
            self.ear.drop_line();
        }
    }
}

impl Stage for Venue {
    fn door(&self) -> &str {
        &self.door
    }

    fn knock(&mut self, target: &str, headers: &[(&str, &str)]) -> Result<Line, HttpResponse> {
        self.knock_at(0, target, headers)
    }

    fn send(&mut self, line: Line, bytes: &[u8]) {
        if self.lines[line].gone {
            return;
        }
        let mut bytes = bytes.to_vec();
        let mut chunk = Chunk::new(&mut bytes);
        let now = self.session_now;
        self.desk.wall = self.start + Span(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        // Whatever is waited for has come back when its deeds are done, so that it hears on.
        loop {
            let connection = &mut self.lines[line];
            let (dialect, session) = (&*self.dialects[connection.dialect], &mut connection.session);
            let heard = session.receive(dialect, &mut chunk, MESSAGES_MAX, now, &mut self.desk);
            self.do_deeds(line);
            if heard == edge::session::Heard::All {
                break;
            }
        }
    }

    fn hear(&mut self, line: Line) -> Option<Heard> {
        self.lines[line].ear.take()
    }

    fn overhear(&mut self, line: Line) -> Option<Heard> {
        self.hear(line)
    }

    fn stall(&mut self, line: Line, stalls: bool) {
        self.lines[line].stalled = stalls;
        self.flush(line);
    }

    fn act(&mut self, action: Action) -> Vec<Event> {
        self.command(action)
    }

    fn tell(&mut self, instrument: InstrumentId, body: EventBody) {
        assert!(self.by_level, "the engine tells by itself");
        self.told += 1;
        let (sequence, cause) = (Sequence(self.told), Sequence(0));
        self.show(&[Event { sequence, cause, time: self.now, instrument, body }]);
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while self.now + self.until_tick() <= end {
            self.now = self.now + self.until_tick();
            self.command(Action::Tick(TICK));
        }
        self.now = end;
    }

    fn until_tick(&self) -> Span {
        let step = TICK.0.0;
        Span(step - self.now.0.rem_euclid(step))
    }

    fn wait(&mut self, span: Duration) {
        let end = self.session_now + span;
        while let Some(due) = self.next_due(end) {
            self.session_now = self.session_now.max(due);
            self.look_after_sessions();
            if self.session_now == end {
                break;
            }
        }
        self.session_now = end;
    }

    fn wall(&self) -> Time {
        let since = i64::try_from(self.session_now.as_micros()).expect("a session's time is short");
        self.wall + Span::micros(since)
    }

    fn ask(&mut self, request: &HttpRequest<'_>) -> HttpResponse {
        let dialects = Arc::clone(&self.dialects);
        let clerk = Arc::clone(&self.clerk);
        let mut service = Service::new(dialects[0].name(), request.wall, self.session_now);
        let mut step = dialects[0].http(request);
        loop {
            step = match clerk.take(&mut service, step) {
                Next::Reply(response) => return response,
                Next::Ask(query, then) => then(self.boards.query(&query, self.now)),
                Next::Submit(submission, then) => then(self.submit(submission)),
                Next::RevokeKeys(account, then) => {
                    let revoked = self.known.revoke_all(account);
                    for key in revoked.iter().flatten() {
                        self.clerk.passes().revoke(dialects[0].name(), key);
                    }
                    self.review();
                    then(revoked)
                }
            };
        }
    }

    fn admit(&mut self, person: &Person) {
        let _pass = people::admit(&self.clerk, self.dialect().name(), person, self.session_now);
    }

    fn revoke(&mut self, person: &Person) {
        self.known.revoke(person.key);
        self.known.revoke(person.token);
        self.clerk.passes().revoke(self.dialect().name(), person.key);
        self.review();
    }

    fn block(&mut self, person: &Person, blocked: bool) {
        self.known.block(person.account, blocked);
        self.review();
    }

    fn host(&self) -> &'static str {
        self.dialect().doors().hosts.last().copied().unwrap_or(served::NAMELESS)
    }

    fn fail_disk(&mut self) {
        self.disk = Disk::Fails;
    }

    fn shut_down(&mut self) {
        self.leaving = true;
        for line in 0..self.lines.len() {
            let dialect = &*self.dialects[self.lines[line].dialect];
            let session = &mut self.lines[line].session;
            session.part(dialect, Parting::Shutdown, self.session_now, &mut self.desk);
            self.do_deeds(line);
        }
    }
}
