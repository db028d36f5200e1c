//! One connection of a loop, and the table of them all.
//!
//! The table is split: what is touched for every delivery is dense, a few words a socket; the rest lies apart, one
//! allocation for each connection.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dialects::Manners;
use model::{Sequence, Time};

use super::timers::Alarm;
use crate::board_thread::Asker;
use crate::connections::{ConnectionId, Lag, Sent, Waiting, Who};
use crate::goodbye::Goodbye;
use crate::limits::Seat;
use crate::outbox::Outbox;
use crate::session::{Deed, Ending, Session};
use crate::steps::Clerk;
use crate::tls::Cipher;
use crate::ws::{Opcode, encode};

/// One connection of a loop, but for its stream.
pub(super) struct Client {
    pub id: ConnectionId,
    /// When it was taken over, by the wall's clock.
    pub opened: Time,
    pub session: Session,
    pub outbox: Outbox,
    /// Its keys, if its line is encrypted.
    pub cipher: Option<Box<Cipher>>,
    pub dialect: usize,
    /// Tells the connections that have had this place apart.
    pub tenancy: u32,
    pub alarm: Alarm,
    /// The socket has no room.
    pub blocked: bool,
    /// It is in line for a visit.
    pub will_be_read: bool,
    /// The other end has said its last byte, or the line is broken: one reads until one knows.
    pub read_to_end: bool,
    /// Not read from until it takes its answers.
    pub is_held_off: bool,
    /// Its answers wait until the boards know what it listens to.
    pub is_held: bool,
    /// What was read and not heard yet.
    pub kept: Option<Box<[u8]>>,
    /// How things stood when its end was decided.
    last: Option<Box<Last>>,
    /// How late it was, if it ever was.
    lag: Option<Box<Lag>>,
    pub peer: SocketAddr,
    /// Given back when the connection is dropped.
    _seat: Option<Seat>,
}

/// How things stood when an end was decided.
struct Last {
    subscriptions: usize,
    topics: usize,
    sequence: Sequence,
    unsent: Option<Sequence>,
    waiting: Waiting,
    stalled: Duration,
    lag_max: Duration,
}

impl Client {
    pub fn new(
        (id, opened): (ConnectionId, Time),
        session: Session,
        dialect: usize,
        peer: SocketAddr,
        seat: Option<Seat>,
    ) -> Self {
        Self {
            id,
            opened,
            session,
            outbox: Outbox::default(),
            cipher: None,
            dialect,
            tenancy: 0,
            alarm: Alarm::OFF,
            blocked: false,
            will_be_read: false,
            read_to_end: false,
            is_held_off: false,
            is_held: false,
            kept: None,
            last: None,
            lag: None,
            peer,
            _seat: seat,
        }
    }

    /// Puts what is said in line.
    pub fn say(&mut self, deed: Deed, now: Duration) {
        self.outbox.answer(now, |line| match deed {
            Deed::Say(text) => encode::push_server_frame(line, Opcode::Text, &text),
            Deed::Ping => encode::push_server_frame(line, Opcode::Ping, &[]),
            Deed::Pong(payload) => encode::push_server_frame(line, Opcode::Pong, &payload),
            Deed::Close { code, reason } => encode::push_server_close(line, code, &reason),
            Deed::Subscribe(..)
            | Deed::Ask(..)
            | Deed::Submit(..)
            | Deed::Unsubscribe(_)
            | Deed::HangUp => {}
        });
    }

    /// When it will have taken nothing for too long.
    pub fn stall_due(&self, manners: &Manners) -> Option<Duration> {
        if self.blocked && self.session.is_speaking() {
            self.stuck_since().map(|since| since + manners.stall_max)
        } else {
            None
        }
    }

    /// Since when something waits and nothing of it was taken. What is encrypted waits before all else.
    fn stuck_since(&self) -> Option<Duration> {
        let sealed = self.cipher.as_deref().and_then(Cipher::stuck_since);
        sealed.or_else(|| self.outbox.stuck_since())
    }

    /// Bytes of lossless frames that wait, encrypted or not.
    pub fn lossless_bytes(&self) -> usize {
        self.outbox.lossless_bytes() + self.cipher.as_deref().map_or(0, Cipher::lossless_bytes)
    }

    /// Its end is decided: notes how things stand, the first time. `sequence` is the last event that its loop
    /// told.
    pub fn note_last(&mut self, sequence: Sequence, now: Duration) {
        let stuck_since = self.stuck_since();
        let (waiting, lag_max) = (self.waiting(), self.lag_max(now));
        self.last.get_or_insert_with(|| {
            Box::new(Last {
                subscriptions: self.session.names().len(),
                topics: self.session.interests().len(),
                sequence,
                unsent: self.outbox.unsent(),
                waiting,
                stalled: stuck_since.map_or(Duration::ZERO, |since| now.saturating_sub(since)),
                lag_max,
            })
        });
    }

    /// Something that waited is about to leave.
    pub fn note_lag(&mut self, waits_since: Option<Duration>, now: Duration) {
        let waited = waits_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if waited >= Duration::from_millis(1) {
            self.lag.get_or_insert_default().note(waited, now);
        }
    }

    /// Since when that which waits longest waits, encrypted or not.
    pub fn waits_since(&self) -> Option<Duration> {
        let sealed = self.cipher.as_deref().and_then(Cipher::waits_since);
        [self.outbox.waits_since(), sealed].into_iter().flatten().min()
    }

    /// How long that which waits longest has waited.
    pub fn waits(&self, now: Duration) -> Duration {
        self.waits_since().map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// The longest that anything waited, or has waited by now, over the last minute.
    pub fn lag_max(&self, now: Duration) -> Duration {
        let left = self.lag.as_ref().map_or(Duration::ZERO, |lag| lag.longest(now));
        left.max(self.waits(now))
    }

    /// What waits.
    pub fn waiting(&self) -> Waiting {
        Waiting {
            answers: self.outbox.answer_bytes(),
            lossless: self.lossless_bytes(),
            restart: self.outbox.restart_bytes(),
            latest: self.outbox.latest_bytes(),
        }
    }

    /// Whose it is, as far as this clerk knows.
    pub fn who(&self, dialect: &str, clerk: &Clerk) -> Option<Who> {
        let (account, key) = self.session.key()?;
        Some(Who { account, credential: clerk.credential_id(dialect, key) })
    }

    /// The record of its end, at this date of the wall's.
    pub fn goodbye(
        &self,
        who: Option<Who>,
        sent: Sent,
        now: Duration,
        wall: Time,
    ) -> Option<Goodbye> {
        let Ending { reason, code } = self.session.ending()?;
        let last = self.last.as_deref()?;
        Some(Goodbye {
            id: self.id,
            who,
            opened: self.opened,
            ended: wall,
            sent,
            lag_max: last.lag_max,
            subscriptions: last.subscriptions,
            dialect: self.dialect,
            peer: self.peer,
            reason,
            code,
            age: now.saturating_sub(self.session.opened()),
            topics: last.topics,
            sequence: last.sequence,
            unsent: last.unsent,
            waiting: last.waiting,
            stalled: last.stalled,
        })
    }
}

/// What is touched for every delivery.
struct Wire {
    /// None where the place is free.
    stream: Option<TcpStream>,
    /// Nothing waits for it: what it is told can be written at once, as it is. Never so where it is to be encrypted.
    is_clear: bool,
    /// What it is told is compressed.
    compresses: bool,
    sent: Sent,
}

/// The connections of a loop, each at its place.
#[derive(Default)]
pub(super) struct Clients {
    wires: Vec<Wire>,
    clients: Vec<Option<Box<Client>>>,
    free: Vec<u32>,
    tenancies: u32,
}

impl Clients {
    /// Gives a connection a place.
    pub fn add(&mut self, stream: TcpStream, compresses: bool, mut client: Client) -> u32 {
        self.tenancies = self.tenancies.wrapping_add(1);
        client.tenancy = self.tenancies;
        let is_clear = client.cipher.is_none();
        let wire = Wire { stream: Some(stream), is_clear, compresses, sent: Sent::default() };
        let client = Some(Box::new(client));
        if let Some(place) = self.free.pop() {
            self.wires[place as usize] = wire;
            self.clients[place as usize] = client;
            return place;
        }
        self.wires.push(wire);
        self.clients.push(client);
        (self.clients.len() - 1) as u32
    }

    /// Frees a place.
    pub fn remove(&mut self, place: u32) -> (TcpStream, Box<Client>) {
        self.free.push(place);
        let stream = self.wires[place as usize].stream.take();
        let client = self.clients[place as usize].take();
        (stream.expect("a place is freed once"), client.expect("a place is freed once"))
    }

    /// Whoever is at this place, if somebody is.
    pub fn get(&mut self, place: u32) -> Option<&mut Client> {
        self.clients.get_mut(place as usize)?.as_deref_mut()
    }

    /// Whoever is at this place.
    pub fn at(&mut self, place: u32) -> &mut Client {
        self.get(place).expect("a place is used while its connection is there")
    }

    /// Whoever is at this place, and the stream.
    pub fn with_stream(&mut self, place: u32) -> Option<(&mut TcpStream, &mut Client)> {
        let client = self.clients.get_mut(place as usize)?.as_deref_mut()?;
        Some((self.wires[place as usize].stream.as_mut()?, client))
    }

    /// Who asked, if it is still there.
    pub fn of_asker(&mut self, asker: Asker) -> Option<&mut Client> {
        self.get(asker.place).filter(|client| client.tenancy == asker.tenancy)
    }

    /// The stream at this place, what has left by it, and whether nothing waits for it.
    #[inline]
    pub fn wire(&mut self, place: u32) -> (&mut TcpStream, &mut Sent, bool) {
        let Wire { stream, is_clear, sent, .. } = &mut self.wires[place as usize];
        (stream.as_mut().expect("only who is there is told something"), sent, *is_clear)
    }

    /// Whether what is told at this place is compressed.
    #[inline]
    pub fn compresses(&self, place: u32) -> bool {
        self.wires[place as usize].compresses
    }

    /// So much more has left for this place.
    pub fn note_sent(&mut self, place: u32, frames: u64, bytes: usize) {
        self.wires[place as usize].sent.add(frames, bytes);
    }

    /// What has left for this place.
    pub fn sent(&self, place: u32) -> Sent {
        self.wires[place as usize].sent
    }

    /// Looks whether something waits; to be called after the outbox of this place was touched.
    pub fn note_line(&mut self, place: u32) {
        let client = self.at(place);
        let is_clear = client.outbox.is_clear() && client.cipher.is_none();
        self.wires[place as usize].is_clear = is_clear;
    }

    /// All places, taken or not.
    pub fn places(&self) -> std::ops::Range<u32> {
        0..self.clients.len() as u32
    }

    pub fn is_empty(&self) -> bool {
        self.free.len() == self.clients.len()
    }
}
