//! The bus by a NATS server: core NATS, whose messages go to whoever listens now, and are kept by nobody. A server of
//! 2.9 does, and a cluster of them.
//!
//! All of it is one thread with a small runtime, on which everything is called. [`Nats::start`] waits for no server: it
//! connects by itself, and again whenever the connection is lost, for ever, with pauses that have a bound. Meanwhile what
//! is said is lost and counted, questions are refused at once, and [`standing`](Bus::standing) says since when and why.
//! Whoever listens goes on to listen once there is a server again.
//!
//! What waits to be sent is bounded in number and bytes; what comes then is lost, the newest first, and counted. What has
//! arrived is bounded in number so, and in bytes by what is read of the connection at a time: it is read by the thread that
//! calls those who listen, and not again before all that has arrived was heard. A server that sends faster than that waits,
//! or gives this connection up. A question is a message with an inbox of its own to which it is answered; the server
//! says at once if nobody listens to the subject.
//!
//! Not here: streams (JetStream; of its key-values there is [one key](Key)), WebSockets to the server.

mod key;
mod line;
mod link;
mod options;
mod run;

pub use key::Key;
pub use options::{Login, Options, Tls, Unusable};

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use self::line::{Line, Order};
use self::link::Link;
use super::asks::{Asks, PATIENCE_MAX};
use super::roster::Listener;
use super::{
    Answer, Bus, BusError, BusStanding, Heard, Listening, MESSAGE_BYTES_MAX, Reply, Respond,
    attempt, carries, subject_of,
};

/// A bus by a NATS server. What was not sent when it is dropped is not sent any more.
pub struct Nats {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    line: Mutex<Line>,
    /// There is more in line.
    more: Notify,
    link: Link,
    asks: Mutex<Asks<Instant>>,
    /// Somebody is less patient than all before.
    sooner: Notify,
    lost: AtomicU64,
    refused: AtomicU64,
    over: Notify,
}

/// Somebody on a subject.
struct Presence {
    subject: Box<str>,
    listener: Listener<Call>,
    left: Notify,
}

enum Call {
    Heard(Heard),
    Answer(Answer),
}

impl Nats {
    /// Starts its thread, which connects.
    ///
    /// # Errors
    /// The options are of no use, or the system has no thread to give. That there is no server is none.
    pub fn start(options: Options) -> Result<Self, Unusable> {
        let servers = options.addresses()?;
        let _is_of_use = options.client()?;
        let shared = Arc::new(Shared {
            line: Mutex::default(),
            more: Notify::new(),
            link: Link::new(),
            asks: Mutex::default(),
            sooner: Notify::new(),
            lost: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            over: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let running = Arc::clone(&shared);
        let run = move || run::until_the_end(runtime, &running, &options, servers);
        let thread = thread::Builder::new().name("bus".into()).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits until it carries.
    ///
    /// # Errors
    /// It did not within this time, for that reason.
    pub fn wait(&self, patience: Duration) -> Result<(), BusError> {
        self.shared.link.wait(patience.min(PATIENCE_MAX)).map_err(BusError::Down)
    }

    fn present(&self, subject: &str, call: Call) -> Result<Listening, BusError> {
        subject_of(subject)?;
        let presence = Arc::new(Presence {
            subject: subject.into(),
            listener: Listener::new(call),
            left: Notify::new(),
        });
        self.shared.put(Order::Listen(Arc::clone(&presence)));
        Ok(Listening::until(move || {
            presence.listener.end();
            presence.left.notify_one();
        }))
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Nats").finish_non_exhaustive()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.shared.over.notify_one();
        // Its own thread may be who drops it, and must not wait for itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _panics = thread.join();
        }
    }
}

impl Bus for Nats {
    fn publish(&self, subject: &str, message: &[u8]) {
        match carries(subject, message) {
            Ok(()) => self.shared.say(subject, message),
            Err(_) => self.shared.refuse(),
        }
    }

    fn listen(&self, subject: &str, heard: Heard) -> Result<Listening, BusError> {
        self.present(subject, Call::Heard(heard))
    }

    fn ask(&self, subject: &str, question: &[u8], patience: Duration, reply: Reply) {
        if let Err(error) = carries(subject, question).and_then(|()| self.shared.link.is_up()) {
            return reply(Err(error));
        }
        let late = Instant::now() + patience.min(PATIENCE_MAX);
        let number = match self.shared.asks().open(late, reply) {
            Ok(number) => number,
            Err(reply) => return reply(Err(BusError::Full)),
        };
        let order = Order::Ask { subject: subject.into(), question: question.into(), number };
        if !self.shared.put(order) {
            let reply = self.shared.asks().take(number);
            // It may be late by now, and told so.
            if let Some(reply) = reply {
                return reply(Err(BusError::Full));
            }
        }
        self.shared.sooner.notify_one();
    }

    fn answer(&self, subject: &str, answer: Answer) -> Result<Listening, BusError> {
        self.present(subject, Call::Answer(answer))
    }

    fn standing(&self) -> BusStanding {
        let mut standing = self.shared.link.standing();
        standing.lost = self.shared.lost.load(Ordering::Relaxed);
        standing.refused = self.shared.refused.load(Ordering::Relaxed);
        standing
    }
}

impl Shared {
    fn asks(&self) -> MutexGuard<'_, Asks<Instant>> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says this on a subject, if it can be; else it is lost.
    fn say(&self, subject: &str, message: &[u8]) {
        let is_said = self.link.is_up().is_ok()
            && self.put(Order::Say { subject: subject.into(), message: message.into() });
        if !is_said {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there was room.
    fn put(&self, order: Order) -> bool {
        let is_in = self.line.lock().unwrap_or_else(PoisonError::into_inner).put(order);
        self.more.notify_one();
        is_in
    }

    fn take(&self) -> Option<Order> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A question has an answer, or none. On the bus' thread.
    fn reply(&self, number: u64, answer: Result<Vec<u8>, BusError>) {
        let reply = self.asks().take(number);
        if let Some(reply) = reply {
            attempt(|| reply(answer));
        }
    }

    /// Whoever uses it answers to this inbox.
    fn respond(self: &Arc<Self>, inbox: String) -> Respond {
        let shared = Arc::downgrade(self);
        Respond(Box::new(move |answer| {
            let Some(shared) = shared.upgrade() else { return };
            match answer.len() {
                ..=MESSAGE_BYTES_MAX => shared.say(&inbox, answer),
                _ => shared.refuse(),
            }
        }))
    }
}
