//! Starting and stopping: one board thread, some loops, and the rings between them.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use model::Source;
use tokio::sync::Notify;

use crate::board_thread::{BoardThread, BoardsHandle, Lane, Lanes};
use crate::boards::{Boards, Dialects};
use crate::clock::{MarketClock, SessionClock};
use crate::goodbye::Goodbyes;
use crate::metrics::Counters;
use crate::passes::Passes;
use crate::reactor::{Draining, Loop, LoopHandle, ROW_MIN, Surroundings};
use crate::steps::Clerk;
use crate::submitted::Submitted;

#[cfg(test)]
mod tests;

/// How the edge is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many loops; one for each core is right.
    pub loops: usize,
    /// Words that may be in a loop's ring before the board thread waits for that loop.
    pub ring_words_max: usize,
    /// Letters to the boards that may wait: each turn's changes of each loop, and questions, which may be half of
    /// them.
    pub mail_max: usize,
    /// Goodbyes that are remembered.
    pub goodbyes_max: usize,
    /// Whether loops write the sockets that are told the same by one call of `io_uring`, where the system takes it.
    pub io_uring: bool,
    /// Whether new names are counted from 1 rather than drawn: for tests that read them. Everybody can foresee them then.
    pub ids_are_counted: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let loops = thread::available_parallelism().map_or(1, usize::from);
        Self {
            loops,
            ring_words_max: 16 * 1024,
            mail_max: 1_024,
            goodbyes_max: 8_192,
            io_uring: true,
            ids_are_counted: false,
        }
    }
}

/// The edge at work. Dropping it drops every connection; [`Edge::drain`] asks them to leave first.
pub struct Edge {
    /// The ways to the loops; newcomers may go to any of them.
    pub loops: Vec<LoopHandle>,
    /// The way to the boards.
    pub boards: BoardsHandle,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Why connections ended.
    pub goodbyes: Arc<Goodbyes>,
    /// Session time, as everybody counts it.
    pub session_clock: SessionClock,
    /// Told once when the board thread or a loop panicked. Nothing moves any more for whoever that thread served, and
    /// they cannot see it: end the process.
    pub broken: Arc<Notify>,
    dialects: Dialects,
    clerk: Arc<Clerk>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts the board thread and the loops. `boards` is given the number of loops and makes the boards for them;
/// `clerk` serves those who ask by socket.
///
/// # Errors
/// What the system says when it has no thread or no poll to give.
pub fn start(
    settings: &Settings,
    dialects: &Dialects,
    boards: impl FnOnce(usize) -> Boards,
    source: Box<dyn Source>,
    clock: MarketClock,
    session_clock: SessionClock,
    clerk: &Arc<Clerk>,
) -> io::Result<Edge> {
    let counters = Arc::new(Counters::default());
    let goodbyes = Arc::new(Goodbyes::new(settings.goodbyes_max));
    let (handle, inbox) = BoardsHandle::new(settings.mail_max, Arc::clone(&counters));
    let mut edge = Edge {
        loops: Vec::new(),
        boards: handle,
        counters: Arc::clone(&counters),
        goodbyes: Arc::clone(&goodbyes),
        session_clock,
        broken: Arc::default(),
        dialects: Arc::clone(dialects),
        clerk: Arc::clone(clerk),
        threads: Vec::new(),
    };
    let ids = settings.ids_are_counted.then(Arc::default);
    let connection_ids = Arc::default();
    let mut lanes = Vec::new();
    for index in 0..settings.loops.max(1) {
        let (words, ring) = rtrb::RingBuffer::new(settings.ring_words_max);
        let around = Surroundings {
            dialects: Arc::clone(dialects),
            boards: edge.boards.clone(),
            clerk: Arc::clone(clerk),
            clock: edge.session_clock.clone(),
            counters: Arc::clone(&counters),
            goodbyes: Arc::clone(&goodbyes),
            ids: ids.clone(),
            connection_ids: Arc::clone(&connection_ids),
            row_min: settings.io_uring.then_some(ROW_MIN),
        };
        let (each, handle, bell) = Loop::new(index, around, ring)?;
        lanes.push(Lane { ring: words, bell });
        edge.loops.push(handle);
        edge.spawn(format!("loop-{index}"), || each.run())?;
    }
    let mut source = source;
    source.wake_with(edge.boards.wake());
    let board_thread = BoardThread {
        source,
        boards: boards(edge.loops.len()),
        submitted: Submitted::default(),
        clock,
        mail: inbox,
        lanes: Lanes::new(lanes, Arc::clone(&counters)),
        counters,
    };
    edge.spawn("boards".into(), || board_thread.run())?;
    Ok(edge)
}

/// Says when its thread panics.
struct Alarm(Arc<Notify>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.notify_one();
        }
    }
}

/// Ends what a key has opened. Whoever keeps credentials has one.
#[derive(Clone)]
pub struct Revoker {
    pub(crate) dialects: Dialects,
    pub(crate) loops: Vec<LoopHandle>,
    pub(crate) passes: Arc<Passes>,
}

impl Revoker {
    /// This key of a dialect is good no longer, and whoever knows identities knows that already: its passes are good
    /// for nothing, and with every connection that it has let in is done what the dialect's manners say.
    pub fn revoke(&self, dialect: &str, key: &str) {
        self.passes.revoke(dialect, key);
        let Some(index) = self.dialects.iter().position(|it| it.name() == dialect) else { return };
        let key = key.into();
        self.loops.iter().for_each(|each| each.revoke(index, &key));
    }

    /// Something has changed in who is known, and nobody can say which keys that concerns: some are secrets. Each
    /// connection is looked at, whether the keys by which it was let in are still good.
    pub fn review(&self) {
        self.loops.iter().for_each(LoopHandle::review);
    }
}

impl Edge {
    /// The passes that sockets may show.
    #[must_use]
    pub fn passes(&self) -> &Passes {
        self.clerk.passes()
    }

    /// What ends what keys have opened.
    #[must_use]
    pub fn revoker(&self) -> Revoker {
        Revoker {
            dialects: Arc::clone(&self.dialects),
            loops: self.loops.clone(),
            passes: Arc::clone(self.clerk.passes()),
        }
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let alarm = Alarm(Arc::clone(&self.broken));
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _alarm = alarm;
            run();
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Asks everybody to leave, in their dialects, and blocks until they have.
    pub fn drain(&self) {
        let draining: Vec<Draining> = self.loops.iter().map(LoopHandle::drain).collect();
        draining.into_iter().for_each(Draining::wait);
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.loops.iter().for_each(LoopHandle::stop);
        self.boards.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on its own.
            let _panicked = thread.join();
        }
    }
}
