//! A core's market, as long as no other machine is the core. From then on what is decided here is nobody's: nothing more is
//! taken, whoever asks, and nothing happens by itself. What was taken before that goes on to be durable, and is told, as
//! far as this machine may still write.

use std::sync::Arc;

use model::{
    Action, Event, Label, NoOrders, Note, Outcome, Passed, Sequence, Source, Taken, Time, Wake,
};

use crate::run::Lost;

/// A market, until it is lost.
pub struct UntilLost<S> {
    source: S,
    lost: Arc<Lost>,
}

impl<S: Source> UntilLost<S> {
    /// This one, until that says so.
    pub const fn new(source: S, lost: Arc<Lost>) -> Self {
        Self { source, lost }
    }

    fn taken(&self) -> Result<(), NoOrders> {
        if self.lost.is_so() { Err(NoOrders) } else { Ok(()) }
    }
}

impl<S: Source> Source for UntilLost<S> {
    fn due(&self) -> Option<Time> {
        if self.lost.is_so() { None } else { self.source.due() }
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        if !self.lost.is_so() {
            self.source.advance(now, out);
        }
    }

    fn submit(
        &mut self,
        now: Time,
        action: Action,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        self.taken()?;
        self.source.submit(now, action, out)
    }

    fn foresee(&self, actions: &mut dyn Iterator<Item = &Action>) {
        self.source.foresee(actions);
    }

    fn submit_noted(
        &mut self,
        now: Time,
        action: Action,
        note: &Note,
        out: &mut Vec<Event>,
    ) -> Result<Taken, NoOrders> {
        self.taken()?;
        self.source.submit_noted(now, action, note, out)
    }

    fn decided(&mut self, tell: &mut dyn FnMut(Passed, Outcome)) {
        self.source.decided(tell);
    }

    fn labels(&mut self, tell: &mut dyn FnMut(Sequence, Label)) {
        self.source.labels(tell);
    }

    fn turn(&mut self, awaited: bool, out: &mut Vec<Event>) {
        self.source.turn(awaited, out);
    }

    fn wake_with(&mut self, wake: Wake) {
        self.source.wake_with(wake);
    }

    fn is_broken(&self) -> bool {
        self.source.is_broken()
    }

    fn is_stalled(&self) -> bool {
        self.source.is_stalled()
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.source.close(out);
    }

    fn handed_out(&self) -> Sequence {
        self.source.handed_out()
    }
}
