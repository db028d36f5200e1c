//! The engine as a source: sequencer, engine, crowd, marks of perpetuals, cadence ticks and gate, in one order of market
//! time.
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
pub(crate) mod tests;

use model::{
    Action, Cadence, Command, Constituent, Contract, Event, FeedName, Instrument, InstrumentId,
    Minimum, NoOrders, Note, Payoff, PerpetualAction, Sequence, Source, Span, Taken, Time, Wake,
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

/// How often a perpetual's index and mark are taken: at the whole seconds since 1970.
pub const MARK_PERIOD: Span = Span::seconds(1);

/// An engine, its crowd, the marks of its perpetuals, and the ticks of its cadences.
pub struct EngineSource {
    sequencer: Sequencer,
    engine: Engine,
    crowd: Option<Crowd>,
    /// One for each perpetual, then one for each cadence.
    metronomes: Vec<Metronome>,
    gate: Gate,
    recorder: Option<Box<Recorder>>,
    /// Stands for instruments, contracts and rules.
    market: u64,
    /// What the crowd asks for in one act; empty between acts.
    asked: Vec<Action>,
}

/// When something is asked for next that is asked for at the multiples of a period, counted from 1970.
struct Metronome {
    beat: Beat,
    next: Time,
}

/// What is asked for again and again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beat {
    /// Index and mark of a perpetual.
    Mark(InstrumentId),
    /// The topics of one cadence speak.
    Tick(Cadence),
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
        Self::with_contracts((instruments, &[]), crowd, cadences, begin, gate)
    }

    /// The same where some instruments have contracts: those are perpetuals, and marked once a second.
    ///
    /// # Panics
    /// As [`EngineSource::new`]; if a contract is of no instrument, or its terms make no sense.
    #[must_use]
    pub fn with_contracts(
        (instruments, contracts): (&[Instrument], &[Contract]),
        crowd: Option<Crowd>,
        cadences: &[Cadence],
        begin: Time,
        gate: Gate,
    ) -> Self {
        let mut metronomes: Vec<Metronome> = Vec::new();
        let marks = contracts.iter().map(|contract| Beat::Mark(contract.instrument));
        for beat in marks.chain(cadences.iter().map(|&cadence| Beat::Tick(cadence))) {
            if metronomes.iter().all(|known| known.beat != beat) {
                metronomes.push(Metronome::starting(beat, begin));
            }
        }
        let engine = Engine::with_contracts(instruments, contracts, Rules::default());
        Self {
            sequencer: Sequencer::starting(begin),
            market: market(instruments, contracts, engine.rules()),
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

    /// Waits until everything that was done is durable, or never will be, or another machine must have it and none says so
    /// for too long; and appends the events that waited for it.
    pub fn settle(&mut self, out: &mut Vec<Event>) {
        let last = self.last();
        if let Some(recorder) = &mut self.recorder {
            let durable = recorder.settle(last);
            self.gate.durable(durable, out);
        }
    }

    /// Whether all that was done is durable; also where nothing is kept.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.recorder.as_ref().is_none_or(|recorder| recorder.has(self.last()))
    }

    /// The market stood still until this moment.
    fn put_off(&mut self, until: Time) {
        if let Some(crowd) = &mut self.crowd {
            crowd.put_off(until);
        }
        for metronome in &mut self.metronomes {
            if metronome.next < until {
                *metronome = Metronome::starting(metronome.beat, until);
            }
        }
        self.sequencer.pass(until);
    }

    /// This took place; it is due again a period later if it is a beat.
    fn took_place(&mut self, action: &Action, at: Time) {
        let mut known = self.metronomes.iter_mut();
        if let Some(metronome) = known.find(|metronome| metronome.beat.action() == *action) {
            metronome.next = at + metronome.beat.period();
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

    /// What is due next. At one moment the crowd acts first, then perpetuals are marked, then the ticks go, in the order in
    /// which contracts and cadences were given.
    fn next(&self) -> Option<(Time, Next)> {
        let crowd = self.crowd.as_ref().and_then(Crowd::due).map(|due| (due, Next::Crowd));
        let beats = self.metronomes.iter().enumerate();
        let beats = beats.map(|(place, metronome)| (metronome.next, Next::Beat(place)));
        crowd.into_iter().chain(beats).min_by_key(|&(due, _)| due)
    }

    /// Does one thing that is due: an act of the crowd, a mark, or a tick.
    fn step(&mut self, due: Time, next: Next, out: &mut Vec<Event>) {
        match next {
            Next::Beat(place) => {
                let metronome = &mut self.metronomes[place];
                metronome.next = due + metronome.beat.period();
                let action = metronome.beat.action();
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

    fn take(
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
        self.take(now, action, &Note::default(), out)
    }

    fn submit_noted(
        &mut self,
        now: Time,
        action: Action,
        note: &Note,
        out: &mut Vec<Event>,
    ) -> Result<Taken, NoOrders> {
        self.take(now, action, note, out).map(Taken::As)
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

    fn is_stalled(&self) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.is_stalled())
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

/// Stands for instruments, contracts and rules. Without contracts it is what it was before there were any.
fn market(instruments: &[Instrument], contracts: &[Contract], rules: Rules) -> u64 {
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
    for contract in contracts {
        hash_contract(contract, &mut hash);
    }
    let whole = hash.finalize();
    u64::from_le_bytes(*whole.first_chunk().expect("a SHA-256 has thirty-two bytes"))
}

fn hash_contract(it: &Contract, hash: &mut Sha256) {
    let Contract { instrument, payoff, size, tiers, constituents, .. } = it;
    hash.update(instrument.0.to_le_bytes());
    hash.update([u8::from(*payoff == Payoff::Inverse)]);
    hash.update(size.to_le_bytes());
    hash.update((tiers.len() as u64).to_le_bytes());
    for tier in tiers {
        hash.update(tier.up_to.0.to_le_bytes());
        hash.update(tier.initial_ppm.to_le_bytes());
        hash.update(tier.maintenance_ppm.to_le_bytes());
    }
    hash.update((constituents.len() as u64).to_le_bytes());
    for constituent in constituents {
        let (kind, book) = match constituent {
            Constituent::Book(book) => (0, *book),
            Constituent::Feed(_) => (1, InstrumentId::NONE),
        };
        hash.update([kind]);
        hash.update(book.0.to_le_bytes());
        // Those without a name of their own are hashed as when none had one.
        if let Constituent::Feed(name) = constituent
            && *name != FeedName::USUAL
        {
            hash.update([name.as_str().len() as u8]);
            hash.update(name.as_str());
        }
    }
    for span in [it.stale_after, it.funding_interval, it.sample_interval] {
        hash.update(span.0.to_le_bytes());
    }
    let shares = [it.outlier_ppm, it.basis_ppm_max, it.funding_ppm_max];
    for ppm in shares.into_iter().chain([it.liquidation_band_ppm, it.liquidation_fee_ppm]) {
        hash.update(ppm.to_le_bytes());
    }
}

/// What is due next.
#[derive(Clone, Copy)]
enum Next {
    Crowd,
    /// The metronome at this place.
    Beat(usize),
}

impl Beat {
    fn period(self) -> Span {
        match self {
            Self::Mark(_) => MARK_PERIOD,
            Self::Tick(cadence) => cadence.0,
        }
    }

    fn action(self) -> Action {
        match self {
            Self::Mark(instrument) => Action::Perpetual(PerpetualAction::Mark(instrument)),
            Self::Tick(cadence) => Action::Tick(cadence),
        }
    }
}

impl Metronome {
    /// The first beat is at or after `begin`.
    fn starting(beat: Beat, begin: Time) -> Self {
        let period = beat.period().0;
        assert!(period > 0, "a cadence is longer than nothing");
        let since = begin.0.rem_euclid(period);
        Self { beat, next: if since == 0 { begin } else { Time(begin.0 - since + period) } }
    }
}
