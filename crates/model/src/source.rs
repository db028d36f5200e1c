//! Where events come from, as the edge sees it: something that can be asked to go on until a moment.

use crate::account::Label;
use crate::command::Action;
use crate::event::Event;
use crate::ids::{Mark, Sequence};
use crate::time::Time;

/// This source takes no orders: it shows somebody else's market; or it takes none at the moment, because what it
/// was given already cannot be made durable. Nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoOrders;

/// What is kept with something submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// What its owner calls the order that it places.
    pub label: Option<Label>,
    /// By what a repeat of it is known.
    pub mark: Option<Mark>,
}

/// What came of something submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The engine took it: its command, and what it caused, in order. A refusal is an event as well.
    Done {
        /// The command's place in the log.
        command: Sequence,
        /// What it caused.
        events: Vec<Event>,
    },
    /// The source takes no orders, or has too much to do, or what it was given cannot be made durable any more.
    /// Nothing happened.
    NotTaken,
    /// It was taken, and then it could not be made durable, or whoever took it cannot be reached: whether it has
    /// happened nobody knows.
    Unknown,
}

/// Something that a source has passed on to whoever decides, as the source counts such things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Passed(pub u64);

/// What a source did with something submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is this command.
    As(Sequence),
    /// It was passed on; [`Source::decided`] tells what came of it.
    PassedOn(Passed),
}

/// Wakes whoever turns a source, from any thread.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// One source of events: an engine with its crowd, a replay, an upstream venue. Time is passed in.
pub trait Source: Send {
    /// When, in market time, this source next has something to say by itself; `None` if it has nothing.
    fn due(&self) -> Option<Time>;

    /// Does everything that is scheduled up to and including `now`, each thing at its own scheduled time, in
    /// order of time, and appends what happened. Whoever calls late gets the same events.
    /// A source may stop after a bounded amount of work: then [`Source::due`] is still not later than `now`,
    /// and it has to be called again.
    fn advance(&mut self, now: Time, out: &mut Vec<Event>);

    /// Submits what somebody asks, after everything scheduled up to `now`; the command's sequence tells its
    /// events ([`Event::cause`]) from the others'. A source that is far behind takes it at the moment that it
    /// has reached.
    ///
    /// # Errors
    /// [`NoOrders`] if this source takes none.
    fn submit(
        &mut self,
        now: Time,
        action: Action,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders>;

    /// These actions are going to be submitted next, in this order, as far as whoever calls can see. A source may
    /// fetch what they name; nothing that can be told changes, whether they come or not.
    fn foresee(&self, _actions: &mut dyn Iterator<Item = &Action>) {}

    /// The same, and keeps this with it if it keeps anything. A source that only follows another's market passes it on.
    ///
    /// # Errors
    /// As [`Source::submit`].
    fn submit_noted(
        &mut self,
        now: Time,
        action: Action,
        _note: &Note,
        out: &mut Vec<Event>,
    ) -> Result<Taken, NoOrders> {
        self.submit(now, action, out).map(Taken::As)
    }

    /// Tells what came of what was passed on, each once. All that such a command has caused was handed out before.
    fn decided(&mut self, _tell: &mut dyn FnMut(Passed, Outcome)) {}

    /// Tells what their owners call the orders that these commands placed: commands that were not submitted here, whose
    /// events were handed out just now.
    fn labels(&mut self, _tell: &mut dyn FnMut(Sequence, Label)) {}

    /// Ends a turn: what was done is on its way to be durable from here on, soon if somebody waits for it; and
    /// what has become durable meanwhile is told. A source that keeps nothing has nothing to do.
    fn turn(&mut self, _awaited: bool, _out: &mut Vec<Event>) {}

    /// From now on, whenever something has become durable or never will, this is called, from another thread.
    fn wake_with(&mut self, _wake: Wake) {}

    /// Whether what was done last can never become durable: what waits for it will not happen here, and nothing is
    /// taken any more.
    fn is_broken(&self) -> bool {
        false
    }

    /// Whether what was done last waits, for too long already, for another machine to have it as well: nothing is taken
    /// meanwhile. It may become durable still.
    fn is_stalled(&self) -> bool {
        false
    }

    /// Ends its life, so that it can be gone on with as it stands: waits until all that was done is durable.
    fn close(&mut self, _out: &mut Vec<Event>) {}

    /// Commands up to this one have had all of their events handed out. Less than the last one submitted only
    /// where events wait until their command is durable.
    fn handed_out(&self) -> Sequence {
        Sequence(u64::MAX)
    }
}
