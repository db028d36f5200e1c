//! The board thread: the single owner of the source, the boards and the market's clock, and the mail by which
//! others reach it.

use std::fmt;
use std::sync::mpsc::{SyncSender, TrySendError};

use model::{Answer, Query};

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

/// What the board thread is asked to do.
pub enum Mail {
    /// Answer this.
    Ask(Query, Reply),
}

/// The way to the board thread.
#[derive(Clone)]
pub struct BoardsHandle {
    mail: SyncSender<Mail>,
}

impl BoardsHandle {
    /// Over this end of the board thread's mail.
    #[must_use]
    pub const fn new(mail: SyncSender<Mail>) -> Self {
        Self { mail }
    }

    /// Asks about state now. `reply` is called on the board thread, so it must only hand the answer on. It
    /// sees at least everything that happened before the call, and every acknowledged subscription is older
    /// than it.
    ///
    /// # Errors
    /// [`Busy`] if too many questions wait; `reply` is dropped uncalled.
    pub fn ask(&self, query: Query, reply: Reply) -> Result<(), Busy> {
        match self.mail.try_send(Mail::Ask(query, reply)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}
