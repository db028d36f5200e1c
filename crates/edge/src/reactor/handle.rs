//! How others reach a loop: the bell that wakes it, the letters it gets, and the handle that writes them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::survey::TellNotes;
use crate::connections::{ConnectionNote, Wanted};
use crate::limits::Seat;
use crate::steps::Admitted;
use crate::tls::Cipher;

/// A connection after its upgrade, as the listener hands it to a loop. From here on the loop owns it.
#[derive(Debug)]
pub struct Newcomer {
    /// The line; it is made non-blocking by the loop.
    pub stream: TcpStream,
    /// Its keys, if it is encrypted.
    pub cipher: Option<Box<Cipher>>,
    /// Which dialect it speaks, as an index.
    pub dialect: usize,
    /// Who was let in by a key, if somebody was.
    pub admitted: Option<Box<Admitted>>,
    /// How it is told what it is told.
    pub form: Form,
    /// What the client sent right behind its handshake.
    pub early: Vec<u8>,
    /// The other end.
    pub peer: SocketAddr,
    /// The place it takes, given back at its end.
    pub seat: Option<Seat>,
}

/// How a connection is told what it is told; agreed on at its upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    #[default]
    Plain,
    /// Compressed ([`crate::ws::deflate`]).
    Compressed,
    /// As it is, behind the number of its event ([`crate::numbered`]).
    Numbered,
}

/// What a loop is told outside of its ring.
pub(crate) enum Letter {
    /// Take over this connection.
    Adopt(Newcomer),
    /// Ask everybody to leave; let go of the sender when the last has left.
    Drain(SyncSender<()>),
    /// Do what the manners of this dialect say with every connection that was let in by this key.
    Revoke { dialect: usize, key: Arc<str> },
    /// Look at every connection whether the keys by which it was let in are still good.
    Review,
    /// Tell of these connections.
    Survey(Box<Wanted>, TellNotes),
    /// Tell when a turn that begins after this has left nothing to do.
    Turn(SyncSender<Option<Duration>>),
    /// Drop what is left and end.
    Stop,
}

/// Names no key.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adopt(_) => "Adopt",
            Self::Drain(_) => "Drain",
            Self::Revoke { .. } => "Revoke",
            Self::Review => "Review",
            Self::Turn(_) => "Turn",
            Self::Survey(..) => "Survey",
            Self::Stop => "Stop",
        })
    }
}

/// Wakes a loop, but only if it sleeps: a system call for each batch at most, and none while it works.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: mio::Waker,
    asleep: AtomicBool,
}

impl Bell {
    pub(crate) fn new(registry: &mio::Registry, token: mio::Token) -> io::Result<Self> {
        Ok(Self { waker: mio::Waker::new(registry, token)?, asleep: AtomicBool::new(false) })
    }

    /// To be called after something was left for the loop. Returns whether it had to be woken.
    pub(crate) fn ring(&self) -> bool {
        // What was left was written before this fence; the loop has a fence between saying that it sleeps and its
        // last look. So either we see that it sleeps, or it sees what was left.
        fence(Ordering::SeqCst);
        let wakes =
            self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed);
        if wakes {
            self.ring_aloud();
        }
        wakes
    }

    /// To be called after something was left that the loop does not look for before it sleeps.
    pub(crate) fn ring_aloud(&self) {
        self.waker.wake().expect("an event counter can always be raised");
    }

    /// The loop says that it goes to sleep; it must look once more for work before it does.
    pub(crate) fn doze(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The loop says that it is awake.
    pub(crate) fn rise(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }
}

/// How many letters may wait for a loop. More newcomers are given back to the listener.
const LETTERS_MAX: usize = 1_024;

/// The way to one loop.
#[derive(Clone, Debug)]
pub struct LoopHandle {
    letters: SyncSender<Letter>,
    bell: Arc<Bell>,
}

impl LoopHandle {
    pub(crate) fn new(bell: Arc<Bell>) -> (Self, Receiver<Letter>) {
        let (letters, inbox) = sync_channel(LETTERS_MAX);
        (Self { letters, bell }, inbox)
    }

    /// Hands over a connection.
    ///
    /// # Errors
    /// Gives it back if the loop has too much to do, or has ended.
    pub fn adopt(&self, newcomer: Newcomer) -> Result<(), Newcomer> {
        let returned = |letter| match letter {
            Letter::Adopt(newcomer) => newcomer,
            _ => unreachable!("what was sent comes back"),
        };
        match self.letters.try_send(Letter::Adopt(newcomer)) {
            Ok(()) => {
                self.bell.ring_aloud();
                Ok(())
            }
            Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) => {
                Err(returned(letter))
            }
        }
    }

    /// Asks everybody to leave: each session is told so in its dialect, goes on receiving, and is closed
    /// after its dialect's notice. Who is adopted later is told at once.
    #[must_use = "the loop has drained when this has been waited for"]
    pub fn drain(&self) -> Draining {
        let (gone, wait) = sync_channel(0);
        self.send(Letter::Drain(gone));
        Draining(wait)
    }

    /// Does what a dialect's manners say with every connection of it that was let in by this key.
    pub(crate) fn revoke(&self, dialect: usize, key: &Arc<str>) {
        self.send(Letter::Revoke { dialect, key: Arc::clone(key) });
    }

    /// Looks at every connection whether the keys by which it was let in are still good.
    pub(crate) fn review(&self) {
        self.send(Letter::Review);
    }

    /// Asks for these connections: `tell` is given them by number, one more than wanted if there are more, in whichever
    /// turn the loop has seen all. It is dropped untold where the loop has too much to do, or has ended.
    pub fn survey(&self, wanted: Wanted, tell: impl FnOnce(Vec<ConnectionNote>) + Send + 'static) {
        let letter = Letter::Survey(Box::new(wanted), Box::new(tell));
        if self.letters.try_send(letter).is_ok() {
            self.bell.ring_aloud();
        }
    }

    /// Asks for a whole turn: one that sees what is there now, clocks included, and leaves nothing to do.
    #[must_use = "the turn is over when this has been waited for"]
    pub fn turn(&self) -> Turning {
        let (tell, told) = sync_channel(1);
        self.send(Letter::Turn(tell));
        Turning(told)
    }

    /// Drops every connection and ends the loop.
    pub(crate) fn stop(&self) {
        self.send(Letter::Stop);
    }

    fn send(&self, letter: Letter) {
        // A loop that has ended has nobody left to be told.
        if self.letters.send(letter).is_ok() {
            self.bell.ring_aloud();
        }
    }
}

/// A loop that has a whole turn.
#[derive(Debug)]
pub struct Turning(Receiver<Option<Duration>>);

impl Turning {
    /// Blocks until it is over, and tells when, in session time, the loop next does something by itself; `None` if
    /// it will not, or has ended.
    #[must_use]
    pub fn wait(self) -> Option<Duration> {
        self.0.recv().ok().flatten()
    }
}

/// A loop that asks everybody to leave.
#[derive(Debug)]
pub struct Draining(Receiver<()>);

impl Draining {
    /// Blocks until the last connection has gone.
    pub fn wait(self) {
        // Nothing is ever sent: the other end is let go of.
        let _gone = self.0.recv();
    }
}
