//! The engine as a source: sequencer, engine, crowd, cadence ticks and gate, in one order of market time.
//!
//! Everything scheduled happens at its own scheduled time, never at the time of the call, so that whoever
//! calls late, early or often gets the same events. It reads no clock and keeps nothing on disk.
//!
//! One call does a bounded slice of work, [`SLICE_COMMANDS`]. After a long sleep [`EngineSource::advance`] has
//! to be called again as long as [`EngineSource::due`] is not later than now; nothing is skipped, the market
//! catches up in slices, about a thousand times faster than it runs.

#[cfg(test)]
mod tests;

use model::{Action, Cadence, Command, Event, Instrument, NoOrders, Sequence, Source, Time};

use crate::crowd::Crowd;
use crate::gate::Gate;
use crate::sequencer::Sequencer;
use engine::Engine;

/// After how many commands a call stops, once what is due at that moment has been finished.
pub const SLICE_COMMANDS: u64 = 4_096;

/// An engine, its crowd, and the ticks of its cadences.
pub struct EngineSource {
    sequencer: Sequencer,
    engine: Engine,
    crowd: Option<Crowd>,
    metronomes: Vec<Metronome>,
    gate: Gate,
    /// What the crowd asks for in one act; empty between acts.
    asked: Vec<Action>,
}

/// When the topics of one cadence speak next: at the multiples of the cadence, counted from 1970.
struct Metronome {
    cadence: Cadence,
    next: Time,
}

impl EngineSource {
    /// A market without orders that begins at `begin`. What the crowd does first is due then.
    ///
    /// # Panics
    /// If the instruments are not numbered densely from 0, or a cadence is not positive.
    #[must_use]
    pub fn new(
        instruments: &[Instrument],
        crowd: Option<Crowd>,
        cadences: &[Cadence],
        begin: Time,
        gate: Gate,
    ) -> Self {
        let mut metronomes: Vec<Metronome> = Vec::new();
        for &cadence in cadences {
            if metronomes.iter().all(|known| known.cadence != cadence) {
                metronomes.push(Metronome::starting(cadence, begin));
            }
        }
        Self {
            sequencer: Sequencer::starting(begin),
            engine: Engine::new(instruments),
            crowd,
            metronomes,
            gate,
            asked: Vec::new(),
        }
    }

    /// The engine, to be read between calls.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The crowd, if there is one.
    #[must_use]
    pub const fn crowd(&self) -> Option<&Crowd> {
        self.crowd.as_ref()
    }

    /// The last command's number.
    #[must_use]
    pub const fn last(&self) -> Sequence {
        self.sequencer.last()
    }

    /// The market time that has been reached.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.sequencer.time()
    }

    /// Commands up to this one are durable: appends the events that waited for them.
    pub fn durable(&mut self, up_to: Sequence, out: &mut Vec<Event>) {
        self.gate.durable(up_to, out);
    }

    /// What is due next. At one moment the crowd acts before the ticks, and ticks go in the order in which
    /// their cadences were given.
    fn next(&self) -> Option<(Time, Next)> {
        let crowd = self.crowd.as_ref().and_then(Crowd::due).map(|due| (due, Next::Crowd));
        let ticks = self.metronomes.iter().enumerate();
        let ticks = ticks.map(|(place, metronome)| (metronome.next, Next::Tick(place)));
        crowd.into_iter().chain(ticks).min_by_key(|&(due, _)| due)
    }

    /// Does one thing that is due: an act of the crowd, or a tick.
    fn step(&mut self, due: Time, next: Next, out: &mut Vec<Event>) {
        match next {
            Next::Tick(place) => {
                let metronome = &mut self.metronomes[place];
                metronome.next = due + metronome.cadence.0;
                let action = Action::Tick(metronome.cadence);
                self.apply(due, action, out);
            }
            Next::Crowd => {
                let mut asked = core::mem::take(&mut self.asked);
                if let Some(crowd) = &mut self.crowd {
                    crowd.act(&self.engine, &mut asked);
                }
                for row in asked.chunks(Engine::AHEAD) {
                    self.engine.look_ahead(row);
                    for &action in row {
                        self.apply(due, action, out);
                    }
                }
                asked.clear();
                self.asked = asked;
            }
        }
    }

    fn apply(&mut self, time: Time, action: Action, out: &mut Vec<Event>) -> Sequence {
        let command: Command = self.sequencer.command(time, action);
        let from = out.len();
        self.engine.apply(&command, out);
        self.gate.hold(out, from);
        command.sequence
    }
}

impl Source for EngineSource {
    /// `None` also while the gate is full: then nothing can go on before something becomes durable.
    fn due(&self) -> Option<Time> {
        if self.gate.is_full() {
            return None;
        }
        self.next().map(|(due, _)| due)
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        let stop = self.sequencer.last().0 + SLICE_COMMANDS;
        while self.sequencer.last().0 < stop && !self.gate.is_full() {
            match self.next() {
                Some((due, next)) if due <= now => self.step(due, next, out),
                _ => return,
            }
        }
    }

    fn foresee(&self, actions: &mut dyn Iterator<Item = &Action>) {
        self.engine.look_ahead(actions);
    }

    /// If a slice does not reach `now`, the command takes place at the moment that has been reached: whoever
    /// asks meets the market that is shown, not one an hour ahead.
    fn submit(
        &mut self,
        now: Time,
        action: Action,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        self.advance(now, out);
        let time = match self.next() {
            Some((due, _)) if due <= now => self.sequencer.time(),
            _ => now,
        };
        Ok(self.apply(time, action, out))
    }
}

/// What is due next.
#[derive(Clone, Copy)]
enum Next {
    Crowd,
    /// The metronome at this place.
    Tick(usize),
}

impl Metronome {
    /// The first tick is at or after `begin`.
    fn starting(cadence: Cadence, begin: Time) -> Self {
        let period = cadence.0.0;
        assert!(period > 0, "a cadence is longer than nothing");
        let since = begin.0.rem_euclid(period);
        Self { cadence, next: if since == 0 { begin } else { Time(begin.0 - since + period) } }
    }
}
