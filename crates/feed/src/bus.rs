//! The bus: what carries messages and questions to other machines. It may lose, double, delay and reorder; it never
//! decides what is true. Whoever listens proves what was heard by the journal's own means, and asks for what is
//! missing.
//!
//! There is one trait, [`Bus`], with callbacks and nothing asynchronous in it, and one suite of laws that every bus is
//! held to. [`local`] carries within the process; [`unreliable`] does so too, as badly as it is told to, by hand and from
//! a seed; `nats`, behind the feature of that name, carries between machines.
//!
//! It knows no journal, no market and no event: a message is bytes.

pub mod local;
pub mod unreliable;

#[cfg(feature = "nats")]
pub mod nats;

mod asks;
mod roster;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The longest message, question or answer.
pub const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// The longest subject.
pub const SUBJECT_BYTES_MAX: usize = 128;

/// Hears what is said on a subject.
pub type Heard = Box<dyn Fn(&[u8]) + Send + Sync>;
/// Hears what became of a question.
pub type Reply = Box<dyn FnOnce(Result<Vec<u8>, BusError>) + Send>;
/// Hears the questions on a subject.
pub type Answer = Box<dyn Fn(&[u8], Respond) + Send + Sync>;

/// What carries messages to other machines. It may lose, double and reorder; it never decides.
///
/// A subject carries either messages, that are published and listened to, or questions, that are asked and answered.
/// Whoever listens to a subject also hears what is published on it by the same machine.
///
/// What it calls, it calls on a thread of its own, holding no lock, so that each of these may be done from within a
/// call as well. A call must not block: all that comes later waits behind it. One that panics is over, and the bus
/// goes on.
pub trait Bus: Send + Sync {
    /// Says this to whoever listens to the subject now. Never waits; what there is no room for is lost, and counted.
    /// So is what [cannot be said](carries), as refused.
    fn publish(&self, subject: &str, message: &[u8]);

    /// From now on `heard` is called for each message on the subject. Ends when the [`Listening`] is dropped.
    ///
    /// # Errors
    /// It is no [subject](is_subject), or the bus has ended. It is none that the bus is down: then it listens once it
    /// is up.
    fn listen(&self, subject: &str, heard: Heard) -> Result<Listening, BusError>;

    /// Asks whoever answers; of several the first is believed. `reply` is called exactly once, at the latest when
    /// `patience` is over: with the answer, or with why there is none.
    ///
    /// A question that is not even asked, as it [cannot be](carries), there is no room for it or the bus is down, is
    /// answered so before this returns, on the thread that asks: which therefore must not hold a lock that `reply`
    /// takes. Whether a question was heard that has no answer is not known.
    fn ask(&self, subject: &str, question: &[u8], patience: Duration, reply: Reply);

    /// From now on questions on the subject are answered here. The [`Respond`] may be kept and used later, from any
    /// thread; if it is dropped unused, nobody is answered. Ends when the [`Listening`] is dropped.
    ///
    /// # Errors
    /// As those of [`listen`](Self::listen).
    fn answer(&self, subject: &str, answer: Answer) -> Result<Listening, BusError>;

    /// How it stands.
    fn standing(&self) -> BusStanding;
}

/// Why something was not carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusError {
    /// It is longer than [`MESSAGE_BYTES_MAX`]: so many bytes.
    TooLong(usize),
    /// This is no [subject](is_subject).
    Subject(Box<str>),
    /// There are as many questions without an answer as may be, or there was no room for the answer.
    Full,
    /// Nobody answers on the subject.
    Unanswered,
    /// No answer came in time.
    Late,
    /// The bus does not carry now, for this reason.
    Down(Box<str>),
}

impl fmt::Display for BusError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                write!(out, "a message of {bytes} bytes is longer than {MESSAGE_BYTES_MAX}")
            }
            Self::Subject(subject) => write!(out, "`{subject}` is no subject"),
            Self::Full => write!(out, "the bus has no room for more questions"),
            Self::Unanswered => write!(out, "nobody answers"),
            Self::Late => write!(out, "no answer came in time"),
            Self::Down(why) => write!(out, "the bus is down: {why}"),
        }
    }
}

impl std::error::Error for BusError {}

/// How a bus stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusStanding {
    /// `None` while it carries.
    pub down: Option<Down>,
    /// Messages and answers that were lost here for want of room, or as the bus was down. What others lost is not
    /// known.
    pub lost: u64,
    /// Messages and answers that [cannot be carried](carries).
    pub refused: u64,
    /// What a server would not do, in its words, as it said last: to let somebody listen to a subject, for one.
    pub complaint: Option<Box<str>>,
    /// How often it has come up again.
    pub reconnects: u64,
}

/// A bus does not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// For how long already.
    pub span: Duration,
    /// Why, for people.
    pub why: Box<str>,
}

/// Somebody listens, or answers, until this is dropped. What was heard by then may still be told: a call that has
/// begun goes on.
#[must_use = "it ends when this is dropped"]
pub struct Listening(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Listening {
    /// Calls this when it is dropped.
    fn until(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Listening").finish_non_exhaustive()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

/// Whoever asked, waiting.
#[must_use = "whoever asked waits"]
pub struct Respond(Words);

/// Takes an answer to whoever asked.
type Words = Box<dyn FnOnce(&[u8]) + Send>;

impl Respond {
    /// Answers. Never waits; an answer that there is no room for is lost, one that is too long is refused, and either
    /// is counted.
    pub fn with(self, answer: &[u8]) {
        (self.0)(answer);
    }
}

impl fmt::Debug for Respond {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Respond").finish_non_exhaustive()
    }
}

/// Whether this is a subject: at most [`SUBJECT_BYTES_MAX`] bytes, words of ASCII letters, digits, `-` and `_` with a
/// dot between each two.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= SUBJECT_BYTES_MAX
        && text.split('.').all(|word| !word.is_empty() && word.bytes().all(is_part))
}

/// Whether a bus carries this: on a [subject](is_subject), and no longer than [`MESSAGE_BYTES_MAX`].
///
/// # Errors
/// Why not.
pub fn carries(subject: &str, message: &[u8]) -> Result<(), BusError> {
    subject_of(subject)?;
    match message.len() {
        ..=MESSAGE_BYTES_MAX => Ok(()),
        bytes => Err(BusError::TooLong(bytes)),
    }
}

fn subject_of(text: &str) -> Result<(), BusError> {
    match is_subject(text) {
        true => Ok(()),
        false => {
            // What is no subject may be long, and may be anything.
            let shown = text.escape_debug().take(SUBJECT_BYTES_MAX).collect::<String>();
            Err(BusError::Subject(shown.into()))
        }
    }
}

/// Calls somebody who may panic: that is over then, and was told when it happened.
fn attempt(call: impl FnOnce()) {
    let _panic = catch_unwind(AssertUnwindSafe(call));
}
