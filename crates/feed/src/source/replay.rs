//! A replay: a recorded session of a venue, told again at the recorder's times.
//!
//! Frames and fetched books go through the dialect's connector in the order of the recording, once, when the
//! replay is made; a text capture that its connector cannot understand is refused with file and line. Market
//! time is the recorder's clock; how fast it runs is up to whoever passes the time. It takes no orders.
//!
//! A venue's clock may be far from the recorder's, as that of a demo is that began in another year: then market time is
//! the recorder's clock, set so that the first word that has a stamp comes at its stamp.

use dialects::{Connector, Errand, Heard};
use model::{
    Action, Cadence, Event, EventBody, InstrumentId, NoOrders, OrderId, Sequence, Source, Span,
    Time, Trade, TradeId,
};

use crate::capture::{Capture, CaptureError, Recorded};
use crate::hearing::Hearing;
use crate::recording::{Reader, Trouble};

#[cfg(test)]
mod tests;

/// A recorded session as a source of events.
#[derive(Debug)]
pub struct Replay {
    /// What was heard, in order of `due`.
    scenes: Vec<Scene>,
    /// The scene that comes next; past the end when all is told.
    next: usize,
    /// How each round differs from the one before; `None` tells the recording once.
    round: Option<Round>,
    /// How many rounds were begun before this one.
    rounds: u64,
    /// Of the last event.
    sequence: Sequence,
    /// The tenth of a second that comes next, if it tells them.
    tick: Option<Time>,
    /// How far market time is from the recorder's clock.
    shift: Span,
}

/// How far a venue's clock may be from the recorder's without being taken for another one.
const CLOCKS_APART_MAX: Span = Span::seconds(60);
/// How much of a silence is told in tenths.
const SILENCE_TICKED: Span = Span::seconds(3_600);
/// After so many events a replay that tells tenths lets others have their turn.
const ADVANCE_MAX: usize = 1 << 16;
/// The latest moment that is believed: the end of the year 9999.
const TIME_MAX: Time = Time::from_seconds(253_402_300_799);
/// A stamp before this is none: the first moment of the year 2000.
const STAMP_MIN: Time = Time::from_seconds(946_684_800);

/// Something heard, and when.
#[derive(Debug)]
struct Scene {
    due: Time,
    heard: Heard,
}

/// How far a round is shifted from the one before, so that stamps and ids go on increasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Round {
    time: Span,
    trades: u64,
    orders: u64,
}

impl Replay {
    /// A replay of what the connector understands of a recording; begun anew at its end, with stamps and ids
    /// shifted, if it is `looped`.
    ///
    /// # Errors
    /// [`CaptureError`] where the connector does not understand it, or if there is nothing to tell.
    pub fn new(
        capture: &Capture,
        connector: &mut dyn Connector,
        looped: bool,
    ) -> Result<Self, CaptureError> {
        let mut scenes = Vec::new();
        // What a recorded session asked for is in the recording: nobody runs these errands.
        let mut errands: Vec<Errand> = Vec::new();
        let mut heard = Vec::new();
        for record in capture.records() {
            let outcome = match &record.what {
                Recorded::Opened => {
                    connector.opened(&mut errands);
                    Ok(())
                }
                Recorded::Said(_) => Ok(()),
                Recorded::Heard(text) => {
                    connector.message(text.as_bytes(), &mut heard, &mut errands)
                }
                Recorded::Fetched { path, body } => {
                    connector.fetched(path, body.as_bytes(), &mut heard, &mut errands)
                }
            };
            outcome.map_err(|misheard| capture.error(record, misheard.to_string()))?;
            errands.clear();
            scenes.extend(heard.drain(..).map(|heard| Scene { due: record.time, heard }));
        }
        if scenes.is_empty() {
            let last = capture.records().last().expect("a capture that was read is not empty");
            return Err(capture.error(last, "no book and no trade until here".to_owned()));
        }
        Ok(Self::of(scenes, looped, Span(0)))
    }

    /// A replay of what a hearing makes of the rest of a recording of ours; begun anew at its end if it is `looped`.
    /// `None` if there is nothing to tell.
    ///
    /// # Errors
    /// [`Trouble`] where it cannot be read.
    pub fn heard(
        reader: &mut Reader<'_>,
        hearing: &mut Hearing,
        looped: bool,
    ) -> Result<Option<Self>, Trouble> {
        let mut scenes: Vec<Scene> = Vec::new();
        let mut heard = Vec::new();
        let mut shift = None;
        let mut latest = Time(i64::MIN);
        while let Some(entry) = reader.entry()? {
            // A clock that was set back does not change the order in which things were heard.
            latest = latest.max(entry.at.clamp(Time(0), TIME_MAX));
            hearing.take(&entry, &mut heard);
            if shift.is_none()
                && let Some(stamped) = heard.iter().find(|heard| heard.time >= STAMP_MIN)
            {
                shift = Some(stamped.time - latest);
            }
            scenes.extend(heard.drain(..).map(|heard| Scene { due: latest, heard }));
        }
        let far = |shift: &Span| shift.0.unsigned_abs() > CLOCKS_APART_MAX.0.unsigned_abs();
        let shift = shift.filter(far).unwrap_or_default();
        for scene in &mut scenes {
            scene.due = Time(scene.due.0.saturating_add(shift.0)).clamp(Time(0), TIME_MAX);
            scene.heard.time = scene.heard.time.min(TIME_MAX);
            // What a venue does not stamp happened when it was heard.
            if scene.heard.time < STAMP_MIN {
                scene.heard.time = scene.due;
            }
        }
        Ok((!scenes.is_empty()).then(|| Self::of(scenes, looped, shift)))
    }

    fn of(scenes: Vec<Scene>, looped: bool, shift: Span) -> Self {
        let round = looped.then(|| Round::of(&scenes));
        Self { scenes, next: 0, round, rounds: 0, sequence: Sequence(0), tick: None, shift }
    }

    /// Tells tenths of a second as well, as an engine does: candles and statistics speak at them.
    #[must_use]
    pub fn ticking(mut self) -> Self {
        self.tick = Some(next_tenth(self.begins()));
        self
    }

    /// How far market time is from the recorder's clock.
    #[must_use]
    pub const fn shift(&self) -> Span {
        self.shift
    }

    /// When the recording has its first word.
    #[must_use]
    pub fn begins(&self) -> Time {
        self.scenes[0].due
    }

    /// When there is something to see: the last of the books that were fetched before anything else was heard,
    /// else the first word. Where the market clock starts.
    #[must_use]
    pub fn opens(&self) -> Time {
        let is_book = |scene: &&Scene| matches!(scene.heard.body, EventBody::BookSnapshot(_));
        let last = self.scenes.iter().take_while(is_book).last();
        last.map_or(self.begins(), |scene| scene.due)
    }

    /// When the recording has its last word, in the first round.
    #[must_use]
    pub fn ends(&self) -> Time {
        self.scenes[self.scenes.len() - 1].due
    }

    /// How many events one round tells.
    #[must_use]
    pub fn events(&self) -> usize {
        self.scenes.len()
    }

    /// The event that comes next, and when.
    fn peek(&self) -> Option<(&Scene, Time)> {
        let scene = self.scenes.get(self.next)?;
        Some((scene, self.shifted(scene.due)))
    }

    fn shifted(&self, time: Time) -> Time {
        let shift = self.round.map_or(0, |round| round.time.0.saturating_mul(self.rounds as i64));
        Time(time.0.saturating_add(shift))
    }

    /// A trade as it is told in this round.
    fn renewed(&self, trade: &Trade) -> Trade {
        let Some(round) = self.round else { return *trade };
        let renew = |id: u64, step: u64| id.saturating_add(step.saturating_mul(self.rounds));
        Trade {
            id: TradeId(renew(trade.id.0, round.trades)),
            time: self.shifted(trade.time),
            maker: OrderId(renew(trade.maker.0, round.orders)),
            taker: OrderId(renew(trade.taker.0, round.orders)),
            ..*trade
        }
    }
}

impl Source for Replay {
    fn due(&self) -> Option<Time> {
        let due = self.peek().map(|(_, due)| due)?;
        Some(self.tick.map_or(due, |tick| tick.min(due)))
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Event>) {
        while let Some((scene, due)) = self.peek() {
            if let Some(tick) = self.tick
                && tick <= due
            {
                if tick > now {
                    break;
                }
                self.sequence = self.sequence.next();
                out.push(Event {
                    sequence: self.sequence,
                    cause: Sequence(0),
                    time: tick,
                    instrument: InstrumentId::NONE,
                    body: EventBody::Ticked(Cadence::TENTH),
                });
                // Where nothing is told for long nothing speaks at tenths either, but for the last of them.
                let silent = Time(due.0.saturating_sub(SILENCE_TICKED.0));
                self.tick = Some(next_tenth(tick.max(silent)));
                if out.len() >= ADVANCE_MAX {
                    return;
                }
                continue;
            }
            if due > now {
                break;
            }
            let heard = &scene.heard;
            let body = match &heard.body {
                EventBody::Printed(trade) => EventBody::Printed(self.renewed(trade)),
                other => other.clone(),
            };
            let (time, instrument) = (self.shifted(heard.time), heard.instrument);
            self.sequence = self.sequence.next();
            let sequence = self.sequence;
            out.push(Event { sequence, cause: Sequence(0), time, instrument, body });
            self.next += 1;
            if self.round.is_some() && self.next == self.scenes.len() {
                self.next = 0;
                self.rounds += 1;
            }
        }
    }

    fn submit(&mut self, _: Time, _: Action, _: &mut Vec<Event>) -> Result<Sequence, NoOrders> {
        Err(NoOrders)
    }
}

/// The first tenth of a second after a moment.
fn next_tenth(moment: Time) -> Time {
    let Cadence(tenth) = Cadence::TENTH;
    Time(moment.0 - moment.0.rem_euclid(tenth.0)) + tenth
}

impl Round {
    fn of(scenes: &[Scene]) -> Self {
        let times = || scenes.iter().flat_map(|scene| [scene.due.0, scene.heard.time.0]);
        let trades = || {
            scenes.iter().filter_map(|scene| match &scene.heard.body {
                EventBody::Printed(trade) => Some(trade),
                _ => None,
            })
        };
        let orders = || trades().flat_map(|trade| [trade.maker.0, trade.taker.0]);
        // Whole seconds, so that a stamp keeps its place within its second.
        let length = times().max().unwrap_or(0) - times().min().unwrap_or(0);
        Self {
            time: Span::seconds(length / 1_000_000 + 1),
            trades: span(trades().map(|trade| trade.id.0)),
            orders: span(orders()),
        }
    }
}

/// How far ids must be shifted so that none comes twice.
fn span(ids: impl Iterator<Item = u64> + Clone) -> u64 {
    match (ids.clone().min(), ids.max()) {
        (Some(min), Some(max)) => (max - min).saturating_add(1),
        _ => 0,
    }
}
