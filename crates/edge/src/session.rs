//! A session: one connection from its upgrade to its goodbye, without the connection. Bytes come in, [`Deed`]s
//! come out; time is passed in, counted from wherever its owner likes.
//!
//! It keeps the dialect's manners: sizes, subscriptions, pings, idle time, age, and how to part. It does not
//! own a socket, an outbox or a board: whoever owns it does its deeds, in order.
//!
//! What is acknowledged: a subscription is acknowledged in the order of the requests, before its first frame,
//! and its owner asks the boards for it before the acknowledgement leaves. So whoever has read the
//! acknowledgement and then asks for a snapshot elsewhere is told every change after that snapshot.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use dialects::{Dialect, LastWords, Manners, Parting, Request, Subject, Submission};
use model::{Query, Time};

use crate::goodbye::Reason;
use crate::outbox::Slot;
use crate::session::interests::Interests;
use crate::session::talk::Talk;
use crate::steps::Clerk;
use crate::ws::Role;
use crate::ws::decode::{Chunk, Decoder, Incoming, Limits};

mod interests;
mod meter;
mod talk;
#[cfg(test)]
mod tests;

pub use interests::{Interest, Stamp, Ticket};
pub use talk::{Ids, Returned};

/// How long a connection may linger after our close, for what is on the way and for the other end's close.
pub const LINGER: Duration = Duration::from_secs(3);

/// What a session's owner is to do. Everything that is said goes by everything that is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Deed {
    /// Send this text.
    Say(Vec<u8>),
    /// Send a ping.
    Ping,
    /// Send a pong with this payload.
    Pong(Vec<u8>),
    /// Ask the boards for this subject, before anything that is said after this leaves; then report by
    /// [`Session::subscribed`].
    Subscribe(Subject, Ticket),
    /// Ask the boards these, together with what is subscribed right behind it; then report by [`Session::returned`].
    Ask(Vec<Query>, Ticket),
    /// Submit this to the source; then report by [`Session::returned`].
    Submit(Box<Submission>, Ticket),
    /// Stop telling this subject: nothing of it may leave after what is said next, and the boards are to know. The
    /// interest is as it was; without a slot the boards have not answered yet.
    Unsubscribe(Interest),
    /// Send a close frame, and after it nothing.
    Close {
        /// The code; none sends an empty close.
        code: Option<u16>,
        /// The reason.
        reason: Cow<'static, str>,
    },
    /// Hang up once what was said has left, but at [`Session::due`] at the latest. What was told and waits is
    /// thrown away. The last of all deeds.
    HangUp,
}

/// Memory that the sessions of one owner share: where they leave their deeds.
pub struct Desk {
    /// What is to be done, in order. The owner empties it.
    pub deeds: Vec<Deed>,
    /// How many messages have been heard.
    pub messages: u64,
    /// The wall's time, which the owner keeps up to date.
    pub wall: Time,
    /// Knows who holds which key, and which passes are good. Their time is counted as the sessions' is.
    clerk: Arc<Clerk>,
    ids: Ids,
    requests: Vec<Request>,
}

impl Desk {
    /// An empty desk of sessions that this clerk serves.
    #[must_use]
    pub const fn new(clerk: Arc<Clerk>, ids: Ids) -> Self {
        Self { deeds: Vec::new(), messages: 0, wall: Time(0), clerk, ids, requests: Vec::new() }
    }
}

/// How far a chunk was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// To its end, or to the client's last word: nothing behind that is read.
    All,
    /// Not to its end, so that others have their turn: what [`Chunk::rest`] has left is to be brought again.
    Enough,
}

/// One connection, without the connection.
#[derive(Debug)]
pub struct Session {
    decoder: Decoder,
    opened: Duration,
    /// When anything at all was heard last.
    heard: Duration,
    /// The first ping since then.
    pinged: Option<Duration>,
    next_ping: Option<Duration>,
    stage: Stage,
    ending: Option<Ending>,
    interests: Interests,
    talk: Option<Box<Talk>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The client knows that we will part.
    Noticed {
        parting: Parting,
        end: Duration,
    },
    /// Our close was said; the other end's is awaited.
    Closing {
        until: Duration,
    },
    /// Nothing is awaited but that what was said leaves.
    Over {
        until: Duration,
    },
}

/// Why a session ends, and the code that was said first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub reason: Reason,
    /// The close code, if there was one.
    pub code: Option<u16>,
}

/// The framing limits of a dialect.
#[must_use]
pub fn frame_limits(manners: &Manners) -> Arc<Limits> {
    Arc::new(Limits::of_messages(manners.message_bytes_max).because(manners.oversize_reason))
}

impl Session {
    /// A session right after the upgrade. `limits` are its dialect's ([`frame_limits`]).
    #[must_use]
    pub fn open(limits: Arc<Limits>, manners: &Manners, now: Duration) -> Self {
        Self {
            decoder: Decoder::new(limits, Role::Server),
            opened: now,
            heard: now,
            pinged: None,
            next_ping: manners.ping_every.map(|every| now + every),
            stage: Stage::Open,
            ending: None,
            interests: Interests::default(),
            talk: None,
        }
    }

    /// Bytes came. Reads at most `messages_max` messages of them, and none while it waits for something to come back.
    pub fn receive(
        &mut self,
        dialect: &dyn Dialect,
        chunk: &mut Chunk<'_>,
        messages_max: usize,
        now: Duration,
        desk: &mut Desk,
    ) -> Heard {
        if !chunk.rest().is_empty() {
            self.heard = now;
            self.pinged = None;
        }
        for _ in 0..messages_max {
            if self.is_waiting() {
                return Heard::Enough;
            }
            let speaking = self.is_speaking();
            match self.decoder.next(chunk) {
                Ok(Some(Incoming::Text(text))) if speaking => {
                    let (message, names) = ((text.as_bytes(), false), self.interests.names());
                    Self::understand(&mut self.talk, names, dialect, message, now, desk);
                    self.serve(dialect, now, desk);
                }
                Ok(Some(Incoming::Binary(bytes))) if speaking => {
                    let (message, names) = ((bytes, true), self.interests.names());
                    Self::understand(&mut self.talk, names, dialect, message, now, desk);
                    self.serve(dialect, now, desk);
                }
                Ok(Some(Incoming::Ping(payload))) if speaking => {
                    desk.deeds.push(Deed::Pong(payload.to_vec()));
                }
                Ok(Some(
                    Incoming::Text(_) | Incoming::Binary(_) | Incoming::Ping(_) | Incoming::Pong(_),
                )) => {}
                Ok(Some(Incoming::Close { code, .. })) => {
                    if speaking {
                        self.close(Reason::ClientClosed, code, "", now, desk);
                    }
                    self.hang_up(now, desk);
                    return Heard::All;
                }
                Ok(None) => return Heard::All,
                Err(violation) => {
                    if speaking {
                        let code = Some(violation.code);
                        self.close(Reason::Violation, code, violation.reason, now, desk);
                    } else {
                        self.hang_up(now, desk);
                    }
                    return Heard::All;
                }
            }
        }
        if chunk.rest().is_empty() { Heard::All } else { Heard::Enough }
    }

    /// Does what has become due. To be called at [`Session::due`], or whenever one likes.
    pub fn tick(&mut self, dialect: &dyn Dialect, now: Duration, desk: &mut Desk) {
        let manners = dialect.manners();
        match self.stage {
            Stage::Closing { until } if now >= until => {
                self.hang_up(now, desk);
                self.stage = Stage::Over { until };
            }
            Stage::Closing { .. } | Stage::Over { .. } => {}
            Stage::Noticed { parting, end } if now >= end => {
                let close = dialect.part(parting).close;
                self.end(Reason::Parted(parting), close, now, desk);
            }
            _ if self.pinged.is_some_and(|pinged| now >= pinged + manners.pong_within) => {
                self.part(dialect, Parting::Unresponsive, now, desk);
            }
            _ if manners.idle_max.is_some_and(|idle_max| now >= self.heard + idle_max) => {
                self.part(dialect, Parting::Idle, now, desk);
            }
            _ if self.login_ends().is_some_and(|ends| now >= ends) => {
                self.expire(dialect, now, desk);
            }
            _ if self.login_due(manners).is_some_and(|due| now >= due) => {
                self.part(dialect, Parting::NotLoggedIn, now, desk);
            }
            Stage::Open if self.notice_of_age(manners).is_some_and(|notice| now >= notice) => {
                self.part(dialect, Parting::TooOld, now, desk);
                self.ping(manners, now, desk);
            }
            Stage::Open | Stage::Noticed { .. } => self.ping(manners, now, desk),
        }
    }

    /// Ends it for one of the dialect's reasons: at once, or with notice where notice is given.
    pub fn part(
        &mut self,
        dialect: &dyn Dialect,
        parting: Parting,
        now: Duration,
        desk: &mut Desk,
    ) {
        if !self.is_speaking() {
            return;
        }
        let gives_notice = matches!(parting, Parting::Shutdown | Parting::TooOld);
        if gives_notice && matches!(self.stage, Stage::Noticed { .. }) {
            return;
        }
        let LastWords { message, close } = dialect.part(parting);
        desk.deeds.extend(message.map(Deed::Say));
        if gives_notice {
            self.stage = Stage::Noticed { parting, end: now + dialect.manners().notice };
        } else {
            self.end(Reason::Parted(parting), close, now, desk);
        }
    }

    /// The other end is gone, or the network failed.
    pub fn lost(&mut self, reason: Reason, now: Duration, desk: &mut Desk) {
        self.ending.get_or_insert(Ending { reason, code: None });
        self.hang_up(now, desk);
    }

    /// The interest that began with this ticket, if it is still wanted: if not, nothing of it may be told.
    pub fn awaited(&mut self, ticket: Ticket) -> Option<&mut Interest> {
        if self.is_speaking() { self.interests.of(ticket) } else { None }
    }

    /// The boards gave this ticket's subject a slot. `place` is the owner's own note on the interest. Returns whether
    /// it is still wanted.
    pub fn subscribed(&mut self, ticket: Ticket, slot: Slot, place: u32) -> bool {
        let interest = self.awaited(ticket);
        interest.map(|interest| interest.slot = Some((slot, place))).is_some()
    }

    /// The owner's note on the interest with this slot that has been `from` is `to` from now on.
    pub fn note_spot(&mut self, slot: Slot, from: u32, to: u32) {
        self.interests.note_spot(slot, from, to);
    }

    /// Its end is decided and nothing is told any more: gives back what it listened to, and its berths.
    pub fn leave(&mut self) -> Vec<Interest> {
        self.leave_berths();
        self.interests.leave()
    }

    /// What it listens to.
    #[must_use]
    pub fn interests(&self) -> &[Interest] {
        self.interests.all()
    }

    /// The client's own names of what it listens to, in order.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        self.interests.names()
    }

    /// Whether the client was told that it ends, or it is being ended.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.stage != Stage::Open
    }

    /// Whether anything may still be said or told: until its close.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Noticed { .. })
    }

    /// Whether nothing is awaited but that what was said leaves.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }

    /// Whether its close was said and the other end cannot be understood any more, so that no answer will come.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        matches!(self.stage, Stage::Closing { .. }) && self.decoder.has_ended()
    }

    /// Why it ends, once it does.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// When it was opened.
    #[must_use]
    pub const fn opened(&self) -> Duration {
        self.opened
    }

    /// When [`Session::tick`] has something to do next. Once it is over: when the line is to be dropped, whatever
    /// waits.
    #[must_use]
    pub fn due(&self, manners: &Manners) -> Duration {
        let end = match self.stage {
            Stage::Closing { until } | Stage::Over { until } => return until,
            Stage::Noticed { end, .. } => Some(end),
            Stage::Open => self.notice_of_age(manners),
        };
        let unresponsive = self.pinged.map(|pinged| pinged + manners.pong_within);
        let idle = manners.idle_max.map(|idle_max| self.heard + idle_max);
        [end, unresponsive, idle, self.next_ping, self.login_ends(), self.login_due(manners)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::MAX)
    }

    fn notice_of_age(&self, manners: &Manners) -> Option<Duration> {
        manners.age_max.map(|age_max| self.opened + age_max.saturating_sub(manners.notice))
    }

    /// When it will have waited too long for a login.
    fn login_due(&self, manners: &Manners) -> Option<Duration> {
        let within = manners.login_within.filter(|_| !self.has_logged_in())?;
        Some(self.opened + within)
    }

    fn ping(&mut self, manners: &Manners, now: Duration, desk: &mut Desk) {
        let (Some(mut next), Some(every)) = (self.next_ping, manners.ping_every) else { return };
        if now < next {
            return;
        }
        desk.deeds.push(Deed::Ping);
        self.pinged.get_or_insert(now);
        // Counted from the opening, so that lateness does not add up; what was slept through is left out.
        while next <= now {
            next += every.max(Duration::from_millis(1));
        }
        self.next_ping = Some(next);
    }

    fn end(
        &mut self,
        reason: Reason,
        close: Option<(u16, &'static str)>,
        now: Duration,
        desk: &mut Desk,
    ) {
        match close {
            Some((code, text)) => self.close(reason, Some(code), text, now, desk),
            None => {
                self.ending.get_or_insert(Ending { reason, code: None });
                self.hang_up(now, desk);
            }
        }
    }

    fn close(
        &mut self,
        reason: Reason,
        code: Option<u16>,
        text: impl Into<Cow<'static, str>>,
        now: Duration,
        desk: &mut Desk,
    ) {
        self.ending.get_or_insert(Ending { reason, code });
        desk.deeds.push(Deed::Close { code, reason: text.into() });
        self.stage = Stage::Closing { until: now + LINGER };
    }

    fn hang_up(&mut self, now: Duration, desk: &mut Desk) {
        if !self.is_over() {
            desk.deeds.push(Deed::HangUp);
            self.stage = Stage::Over { until: now + LINGER };
        }
    }
}
