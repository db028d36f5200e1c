//! The engine as a source: sequencer, engine, crowd, cadence ticks and gate, in one order of market time.
//!
//! Everything scheduled happens at its own scheduled time, never at the time of the call, so that whoever
//! calls late, early or often gets the same events. It reads no clock. What it is given can be kept in a journal
//! ([`EngineSource::keep`]); then events pass its gate once the commands that caused them are durable, and if that
//! cannot be any more, it takes nothing further.
//!
//! One call does a bounded slice of work, [`SLICE_COMMANDS`]. After a long sleep [`EngineSource::advance`] has
//! to be called again as long as [`EngineSource::due`] is not later than now; nothing is skipped, the market
//! catches up in slices, about a thousand times faster than it runs.

mod recorder;

pub mod rerun;

#[cfg(test)]
mod tests;

use model::{
    Action, Cadence, Command, Event, Instrument, Minimum, NoOrders, Note, Sequence, Source, Span,
    Time, Wake,
};
use sha2::{Digest as _, Sha256};

use crate::crowd::Crowd;
use crate::gate::Gate;
use crate::journal::Opened;
use crate::journal::commit::Commit;
use crate::journal::digest::Digester;
use crate::sequencer::Sequencer;
use engine::{Engine, Rules};
use recorder::Recorder;

/// After how many commands a call stops, once what is due at that moment has been finished.
pub const SLICE_COMMANDS: u64 = 4_096;

/// Events that may wait until their commands are durable; with more, no further command is applied.
const WAITING_MAX: usize = 1 << 18;

/// An engine, its crowd, and the ticks of its cadences.
pub struct EngineSource {
    sequencer: Sequencer,
    engine: Engine,
    crowd: Option<Crowd>,
    metronomes: Vec<Metronome>,
    gate: Gate,
    recorder: Option<Box<Recorder>>,
    /// Stands for instruments and rules.
    market: u64,
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
        let engine = Engine::new(instruments);
        Self {
            sequencer: Sequencer::starting(begin),
            market: market(instruments, engine.rules()),
            engine,
            crowd,
            metronomes,
            gate,
            recorder: None,
            asked: Vec::new(),
        }
    }

    /// From now on, for a new life that begins at `opens` and opens its doors so much later, keeps what it is given. `events` is the digest of what has
    /// happened so far, `seed` what the crowd is seeded with, `version` says which build this is.
    ///
    /// # Panics
    /// If something is kept already.
    pub fn keep(
        &mut self,
        commit: Commit,
        (opens, warm_up): (Time, Span),
        (seed, version): (u64, &str),
        events: Digester,
    ) {
        assert!(self.recorder.is_none(), "there is one journal");
        if self.last() > Sequence(0) {
            self.put_off(opens);
        }
        let opened = Opened {
            time: opens,
            warm_up,
            market: self.market,
            seed,
            events: events.events(),
            digest: events.value(),
            state: self.engine.digest(),
            version: version.into(),
        };
        let mut recorder = Recorder::new(commit, events);
        recorder.opened(opened, self.last());
        self.recorder = Some(Box::new(recorder));
        self.gate = Gate::closed_after(self.last(), WAITING_MAX);
    }

    /// Stands for instruments and rules: a journal of others means something else.
    #[must_use]
    pub const fn market(&self) -> u64 {
        self.market
    }

    /// Waits until everything that was done is durable, or never will be, and appends the events that waited for it.
    pub fn settle(&mut self, out: &mut Vec<Event>) {
        let last = self.last();
        if let Some(recorder) = &mut self.recorder {
            let durable = recorder.settle(last);
            self.gate.durable(durable, out);
        }
    }

    /// The market stood still until this moment.
    fn put_off(&mut self, until: Time) {
        if let Some(crowd) = &mut self.crowd {
            crowd.put_off(until);
        }
        for metronome in &mut self.metronomes {
            if metronome.next < until {
                *metronome = Metronome::starting(metronome.cadence, until);
            }
        }
        self.sequencer.pass(until);
    }

    /// A tick of this cadence took place.
    fn ticked(&mut self, cadence: Cadence, at: Time) {
        let mut known = self.metronomes.iter_mut();
        if let Some(metronome) = known.find(|metronome| metronome.cadence == cadence) {
            metronome.next = at + cadence.0;
        }
    }

    /// Whether no further command may be applied before something is durable.
    fn is_full(&self) -> bool {
        let last = self.last();
        self.gate.is_full() || self.recorder.as_ref().is_some_and(|it| it.is_full(last))
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
                self.apply(due, action, (false, &Note::default()), out);
            }
            Next::Crowd => {
                let mut asked = core::mem::take(&mut self.asked);
                if let Some(crowd) = &mut self.crowd {
                    crowd.act(&self.engine, &mut asked);
                }
                if let Some(recorder) = &mut self.recorder {
                    recorder.acted();
                }
                for row in asked.chunks(Engine::AHEAD) {
                    self.engine.look_ahead(row);
                    for &action in row {
                        self.apply(due, action, (true, &Note::default()), out);
                    }
                }
                asked.clear();
                self.asked = asked;
            }
        }
    }

    fn apply(
        &mut self,
        time: Time,
        action: Action,
        (by_crowd, note): (bool, &Note),
        out: &mut Vec<Event>,
    ) -> Sequence {
        let command: Command = self.sequencer.command(time, action);
        let from = out.len();
        self.engine.apply(&command, out);
        if let Some(recorder) = &mut self.recorder {
            recorder.command(&command, by_crowd, note, &out[from..]);
        }
        self.gate.hold(out, from);
        command.sequence
    }
}

impl Source for EngineSource {
    /// `None` also while the gate is full: then nothing can go on before something becomes durable.
    fn due(&self) -> Option<Time> {
        if self.is_full() {
            return None;
        }
        self.next().map(|(due, _)| due)
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        let stop = self.sequencer.last().0 + SLICE_COMMANDS;
        while self.sequencer.last().0 < stop && !self.is_full() {
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
        self.submit_noted(now, action, &Note::default(), out)
    }

    fn submit_noted(
        &mut self,
        now: Time,
        action: Action,
        note: &Note,
        out: &mut Vec<Event>,
    ) -> Result<Sequence, NoOrders> {
        self.advance(now, out);
        if self.recorder.is_some() && self.is_full() {
            return Err(NoOrders);
        }
        let time = match self.next() {
            Some((due, _)) if due <= now => self.sequencer.time(),
            _ => now,
        };
        Ok(self.apply(time, action, (false, note), out))
    }

    fn turn(&mut self, awaited: bool, out: &mut Vec<Event>) {
        if let Some(recorder) = &mut self.recorder {
            let durable = recorder.turn(awaited);
            self.gate.durable(durable, out);
        }
    }

    fn wake_with(&mut self, wake: Wake) {
        if let Some(recorder) = &self.recorder {
            recorder.wake_with(wake);
        }
    }

    fn is_broken(&self) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.is_broken())
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        let (last, time, state) = (self.last(), self.time(), self.engine.digest());
        if let Some(recorder) = &mut self.recorder {
            let durable = recorder.close(last, time, state);
            self.gate.durable(durable, out);
        }
    }

    fn handed_out(&self) -> Sequence {
        self.gate.durable_up_to().unwrap_or(Sequence(u64::MAX))
    }
}

/// Stands for instruments and rules.
fn market(instruments: &[Instrument], rules: Rules) -> u64 {
    let mut hash = Sha256::new();
    for it in instruments {
        hash.update([it.base.len() as u8, it.quote.len() as u8]);
        hash.update(&it.base);
        hash.update(&it.quote);
        hash.update([it.price_decimals, it.quantity_decimals]);
        hash.update(it.tick_units.to_le_bytes());
        hash.update(it.lot_units.to_le_bytes());
        let (kind, least) = match it.minimum {
            Minimum::Notional(least) => (0, least),
            Minimum::Quantity(least) => (1, i128::from(least.0)),
        };
        hash.update([kind]);
        hash.update(least.to_le_bytes());
    }
    hash.update(rules.open_orders_max.to_le_bytes());
    hash.update(rules.band_basis_points.unwrap_or(u32::MAX).to_le_bytes());
    hash.update(rules.maker_fee_ppm.to_le_bytes());
    hash.update(rules.taker_fee_ppm.to_le_bytes());
    hash.update([u8::from(rules.self_trades_pay)]);
    let whole = hash.finalize();
    u64::from_le_bytes(*whole.first_chunk().expect("a SHA-256 has thirty-two bytes"))
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
