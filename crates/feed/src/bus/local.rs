//! The bus within a process: for one that is all there is, and for tests of what would be several.
//!
//! It has one thread, on which everything is called, one thing after the other. What waits for the thread is bounded in
//! number and in bytes; what comes then is lost, the newest first, and counted. Answers have room of their own, as many
//! as there may be questions; their bytes count among the others'. The lock is held to put something in line or to take
//! it out, and never during a call.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use super::asks::{Asks, PATIENCE_MAX};
use super::roster::{Listener, Present, Roster};
use super::{
    Answer, Bus, BusError, BusStanding, Heard, Listening, Reply, Respond, attempt, carries,
    subject_of,
};

/// The most messages and questions that wait to be heard.
pub const LINE_MESSAGES_MAX: usize = 16_384;
/// The most bytes that wait to be heard.
pub const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A bus within the process. What was not heard when it is dropped is not heard any more.
pub struct Local {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// There is more to do.
    more: Condvar,
}

#[derive(Default)]
struct State {
    listeners: Roster<Listener<Heard>>,
    answerers: Roster<Listener<Answer>>,
    line: VecDeque<Waiting>,
    /// Of the messages and questions in line.
    messages: usize,
    /// Of everything in line.
    bytes: usize,
    asks: Asks<Instant>,
    lost: u64,
    refused: u64,
    is_over: bool,
}

/// What is to be called next.
enum Waiting {
    Message(Present<Listener<Heard>>, Box<[u8]>),
    /// With its number.
    Question(Present<Listener<Answer>>, Box<[u8]>, u64),
    Reply(Reply, Result<Vec<u8>, BusError>),
}

impl Local {
    /// Starts its thread.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), more: Condvar::new() });
        let calling = Arc::clone(&shared);
        let thread = thread::Builder::new().name("bus".into()).spawn(move || calling.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.more.notify_one();
        // Its own thread may be who drops it, and must not wait for itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _panics = thread.join();
        }
    }
}

impl Bus for Local {
    fn publish(&self, subject: &str, message: &[u8]) {
        let mut state = self.shared.lock();
        if carries(subject, message).is_err() {
            state.refused += 1;
        } else if let Some(to) = state.listeners.on(subject) {
            match state.has_room(message.len()) {
                true => state.put(Waiting::Message(to, message.into())),
                false => state.lost += 1,
            }
            self.shared.more.notify_one();
        }
    }

    fn listen(&self, subject: &str, heard: Heard) -> Result<Listening, BusError> {
        self.shared.present(subject, heard, |state| &mut state.listeners)
    }

    fn ask(&self, subject: &str, question: &[u8], patience: Duration, reply: Reply) {
        if let Err(error) = carries(subject, question) {
            return reply(Err(error));
        }
        let mut state = self.shared.lock();
        let late = Instant::now() + patience.min(PATIENCE_MAX);
        let asked = match state.has_room(question.len()) {
            true => state.asks.open(late, reply),
            false => Err(reply),
        };
        let number = match asked {
            Ok(number) => number,
            Err(reply) => {
                drop(state);
                return reply(Err(BusError::Full));
            }
        };
        match state.answerers.on(subject) {
            Some(to) => state.put(Waiting::Question(to, question.into(), number)),
            None => state.reply(number, Err(BusError::Unanswered)),
        }
        self.shared.more.notify_one();
    }

    fn answer(&self, subject: &str, answer: Answer) -> Result<Listening, BusError> {
        self.shared.present(subject, answer, |state| &mut state.answerers)
    }

    fn standing(&self) -> BusStanding {
        let state = self.shared.lock();
        let (lost, refused) = (state.lost, state.refused);
        BusStanding { down: None, lost, refused, ..BusStanding::default() }
    }
}

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        self.messages < LINE_MESSAGES_MAX && self.bytes + bytes <= LINE_BYTES_MAX
    }

    fn put(&mut self, waiting: Waiting) {
        self.messages += waiting.messages();
        self.bytes += waiting.bytes();
        self.line.push_back(waiting);
    }

    fn take(&mut self) -> Option<Waiting> {
        let waiting = self.line.pop_front()?;
        self.messages -= waiting.messages();
        self.bytes -= waiting.bytes();
        Some(waiting)
    }

    /// Whoever asked is to be told, unless that was done.
    fn reply(&mut self, number: u64, answer: Result<Vec<u8>, BusError>) {
        let bytes = answer.as_ref().map_or(0, Vec::len);
        let Some(reply) = self.asks.take(number) else { return };
        let answer = match self.bytes + bytes <= LINE_BYTES_MAX {
            true => answer,
            false => {
                self.lost += 1;
                Err(BusError::Full)
            }
        };
        self.put(Waiting::Reply(reply, answer));
    }
}

impl Waiting {
    const fn messages(&self) -> usize {
        match self {
            Self::Message(..) | Self::Question(..) => 1,
            Self::Reply(..) => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(_, bytes) | Self::Question(_, bytes, _) => bytes.len(),
            Self::Reply(_, answer) => answer.as_ref().map_or(0, Vec::len),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is on a subject, until that is dropped.
    fn present<Call: Send + Sync + 'static>(
        self: &Arc<Self>,
        subject: &str,
        call: Call,
        roster: fn(&mut State) -> &mut Roster<Listener<Call>>,
    ) -> Result<Listening, BusError> {
        subject_of(subject)?;
        let who = Arc::new(Listener::new(call));
        roster(&mut self.lock()).add(subject, &who);
        let (shared, subject): (Weak<Self>, Box<str>) = (Arc::downgrade(self), subject.into());
        Ok(Listening::until(move || {
            who.end();
            if let Some(shared) = shared.upgrade() {
                // Dropped when the lock is not held any more.
                let _before = roster(&mut shared.lock()).remove(&subject, &who);
            }
        }))
    }

    /// Calls what is in line, and whoever has waited for too long, until the bus ends.
    fn run(self: &Arc<Self>) {
        let mut state = self.lock();
        while !state.is_over {
            let late = state.asks.next().map(|late| late.saturating_duration_since(Instant::now()));
            let is_late = late == Some(Duration::ZERO);
            let next = match is_late {
                true => state
                    .asks
                    .late(Instant::now())
                    .map(|reply| Waiting::Reply(reply, Err(BusError::Late))),
                false => state.take(),
            };
            state = match (next, late) {
                (Some(waiting), _) => {
                    drop(state);
                    self.call(waiting);
                    self.lock()
                }
                (None, Some(late)) => {
                    let waited = self.more.wait_timeout(state, late);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                (None, None) => self.more.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        // Whoever waits for an answer is told that there will be none; what was said is not heard any more.
        loop {
            let next = match state.asks.end() {
                Some(reply) => {
                    Some(Waiting::Reply(reply, Err(BusError::Down("it has ended".into()))))
                }
                None => state.take(),
            };
            drop(state);
            match next {
                Some(waiting @ Waiting::Reply(..)) => self.call(waiting),
                Some(Waiting::Message(..) | Waiting::Question(..)) => {}
                None => return,
            }
            state = self.lock();
        }
    }

    fn call(self: &Arc<Self>, waiting: Waiting) {
        match waiting {
            Waiting::Message(to, message) => {
                for listener in to.iter().filter(|listener| listener.is_there()) {
                    attempt(|| (listener.call)(&message));
                }
            }
            Waiting::Question(to, question, number) => {
                for listener in to.iter().filter(|listener| listener.is_there()) {
                    attempt(|| (listener.call)(&question, self.respond(number)));
                }
            }
            Waiting::Reply(reply, answer) => attempt(|| reply(answer)),
        }
    }

    fn respond(self: &Arc<Self>, number: u64) -> Respond {
        let shared = Arc::downgrade(self);
        Respond(Box::new(move |answer| {
            let Some(shared) = shared.upgrade() else { return };
            let mut state = shared.lock();
            match answer.len() {
                ..=super::MESSAGE_BYTES_MAX => state.reply(number, Ok(answer.into())),
                _ => state.refused += 1,
            }
            shared.more.notify_one();
        }))
    }
}
