//! One connection of a loop, and the table of them all.
//!
//! The table is split: what is touched for every delivery is dense, a few words a socket; the rest lies apart, one
//! allocation for each connection.

use std::mem::take;
use std::net::{SocketAddr, TcpStream};
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use dialects::Manners;
use model::{Sequence, Time};

use super::Form;
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
    /// What has left, but for what its wire has noted since.
    sent: Sent,
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
            sent: Sent::default(),
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

    /// When it will have taken nothing for too long, or something will have waited for too long, whatever it takes
    /// meanwhile.
    pub fn stall_due(&self, manners: &Manners) -> Option<Duration> {
        if !self.blocked || !self.session.is_speaking() {
            return None;
        }
        let stall = self.stuck_since().map(|since| since.saturating_add(manners.stall_max));
        let wait = self.waits_since().map(|since| since.saturating_add(manners.wait_max));
        stall.into_iter().chain(wait).min()
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

/// What is touched for every delivery: two words, so that four of them lie in one line of the cache.
pub(super) struct Wire {
    /// None where the place is free.
    stream: Option<TcpStream>,
    /// Nothing waits for it: what it is told can be written at once. Never so where it is to be encrypted or numbered.
    pub is_clear: bool,
    /// The same, and it is told what everybody is told, as it is.
    pub is_plain: bool,
    form: Form,
    /// What has left since that was last added to the client's own account.
    frames: u32,
    bytes: u32,
}

const _: () = assert!(size_of::<Wire>() == 16);

impl Wire {
    /// The stream.
    #[inline]
    pub fn stream(&mut self) -> &mut TcpStream {
        self.stream.as_mut().expect("only who is there is told something")
    }

    /// The stream, for who writes to several.
    #[cfg(target_os = "linux")]
    #[inline]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_ref().expect("only who is there is told something").as_fd()
    }

    /// So much more has left. Returns whether it is noted; if not, there is no room for it here.
    #[inline]
    pub fn note(&mut self, frames: u32, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).ok().and_then(|bytes| self.bytes.checked_add(bytes));
        let (Some(frames), Some(bytes)) = (self.frames.checked_add(frames), bytes) else {
            return false;
        };
        (self.frames, self.bytes) = (frames, bytes);
        true
    }
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
    pub fn add(&mut self, stream: TcpStream, form: Form, mut client: Client) -> u32 {
        self.tenancies = self.tenancies.wrapping_add(1);
        client.tenancy = self.tenancies;
        let is_clear = client.cipher.is_none() && form != Form::Numbered;
        let is_plain = is_clear && form == Form::Plain;
        let stream = Some(stream);
        let wire = Wire { stream, is_clear, is_plain, form, frames: 0, bytes: 0 };
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

    /// What is touched for every delivery, all places of it.
    #[cfg(target_os = "linux")]
    #[inline]
    pub fn wires(&self) -> &[Wire] {
        &self.wires
    }

    /// What is touched for every delivery at this place.
    #[inline]
    pub fn wire(&mut self, place: u32) -> &mut Wire {
        &mut self.wires[place as usize]
    }

    /// How it is told at this place.
    #[inline]
    pub fn form(&self, place: u32) -> Form {
        self.wires[place as usize].form
    }

    /// So much more has left for this place.
    pub fn note_sent(&mut self, place: u32, frames: u64, bytes: usize) {
        let wire = &mut self.wires[place as usize];
        let (noted, noted_bytes) = (take(&mut wire.frames), take(&mut wire.bytes));
        self.at(place).sent.add(u64::from(noted) + frames, noted_bytes as usize + bytes);
    }

    /// What has left for this place.
    pub fn sent(&self, place: u32) -> Sent {
        let wire = &self.wires[place as usize];
        let client = self.clients[place as usize].as_deref();
        let mut sent = client.map_or_else(Sent::default, |client| client.sent);
        sent.add(wire.frames.into(), wire.bytes as usize);
        sent
    }

    /// Looks whether something waits; to be called after the outbox of this place was touched.
    pub fn note_line(&mut self, place: u32) {
        let client = self.at(place);
        let is_free = client.outbox.is_clear() && client.cipher.is_none();
        let wire = &mut self.wires[place as usize];
        wire.is_clear = is_free && wire.form != Form::Numbered;
        wire.is_plain = is_free && wire.form == Form::Plain;
    }

    /// All places, taken or not.
    pub fn places(&self) -> std::ops::Range<u32> {
        0..self.clients.len() as u32
    }

    pub fn is_empty(&self) -> bool {
        self.free.len() == self.clients.len()
    }
}
