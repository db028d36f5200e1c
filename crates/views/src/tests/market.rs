//! Tickers of all instruments at once, against a twin that compares what every board says at every tick.

use std::collections::BTreeMap;

use model::{
    Cadence, Event, EventBody, InstrumentId, Span, Ticker, Time, TopicKind, Update, Window,
};

use super::flow::{Dice, Flow};
use super::{TENTH, event};
use crate::{Board, Market};

const BOARDS: u16 = 3;

/// The events of several instruments, each with its own flow, and ticks that concern them all.
struct Flows {
    dice: Dice,
    now: Time,
    flows: Vec<Flow>,
}

impl Flows {
    fn new(seed: u64, start: Time) -> Self {
        let flows = (0..BOARDS).map(|index| Flow::new(seed * 7 + u64::from(index), start));
        Self { dice: Dice::new(seed), now: start, flows: flows.collect() }
    }

    fn next(&mut self) -> Vec<Event> {
        self.now = self.now + Span::millis(self.dice.below(200));
        if self.dice.chance(2) {
            self.now = self.now + Span::seconds(self.dice.below(10_000));
        }
        if self.dice.chance(50) {
            self.now = Time(self.now.0 / 100_000 * 100_000 + 100_000);
            return vec![event(self.now.0, EventBody::Ticked(TENTH))];
        }
        let at = self.dice.below(i64::from(BOARDS)) as usize;
        let events = self.flows[at].command();
        events
            .filter(|event| !matches!(event.body, EventBody::Ticked(_)))
            .map(|event| Event { instrument: InstrumentId(at as u16), time: self.now, ..event })
            .collect()
    }
}

/// Everything of a ticker that counts as a change of it.
fn statistics(ticker: Ticker, quotes: bool) -> Ticker {
    let (bid, ask) = if quotes { (ticker.bid, ticker.ask) } else { (None, None) };
    Ticker { time: Time(0), from: Time(0), bid, ask, ..ticker }
}

#[test]
fn all_tickers_are_those_that_changed() {
    let mut figures = [0; 3];
    for seed in 0..200 {
        let start = Time::from_civil(2026, 11, 30) + Span::seconds(86_000);
        let mut flows = Flows::new(seed, start);
        let mut boards: Vec<Board> =
            (0..BOARDS).map(|index| Board::new(InstrumentId(index), start)).collect();
        let mut market = Market::new();
        let kind = |window, quotes| TopicKind::Ticker { window, cadence: Cadence::SECOND, quotes };
        let kinds = [kind(Window::HOUR, false), kind(Window::DAY, true), kind(Window::WEEK, false)];
        kinds.iter().for_each(|&kind| market.listen(kind));
        // Of each kind and instrument the statistics when it spoke last, and the trades that there had been.
        let mut before: BTreeMap<(TopicKind, InstrumentId), (Ticker, usize)> = BTreeMap::new();
        let mut trades = [0; BOARDS as usize];
        let mut second = i64::MIN;
        for _ in 0..300 {
            for event in flows.next() {
                boards.iter_mut().for_each(|board| board.apply(&event, &mut |_, _| {}));
                if let EventBody::Filled(_) = event.body {
                    trades[event.instrument.index()] += 1;
                }
                let mut told = BTreeMap::new();
                market.apply(&event, boards.iter(), &mut |kind, update| {
                    let Update::Tickers(tickers) = update else { panic!("tickers") };
                    assert!(!tickers.is_empty(), "seed {seed}");
                    assert!(told.insert(kind, tickers.to_vec()).is_none(), "seed {seed}");
                });
                let is_beat = matches!(event.body, EventBody::Ticked(_))
                    && core::mem::replace(&mut second, event.time.seconds())
                        != event.time.seconds();
                if !matches!(event.body, EventBody::Ticked(_)) || !is_beat {
                    assert!(told.is_empty(), "seed {seed}: out of turn");
                    continue;
                }
                for kind in kinds {
                    let TopicKind::Ticker { window, quotes, .. } = kind else { panic!() };
                    let mut expected = Vec::new();
                    for board in &boards {
                        let id = board.instrument();
                        let ticker = board.ticker(window, event.time);
                        let now = (statistics(ticker, quotes), trades[id.index()]);
                        if before.insert((kind, id), now) != Some(now) {
                            expected.push((id, ticker));
                        }
                    }
                    figures[0] += expected.len();
                    figures[1] += boards.len();
                    figures[2] += usize::from(expected.is_empty());
                    assert_eq!(told.remove(&kind).unwrap_or_default(), expected, "seed {seed}");
                }
            }
        }
        let mut all = 0;
        market.snapshot(kinds[0], boards.iter(), &mut |_, update| {
            let Update::Tickers(tickers) = update else { panic!("tickers") };
            all += tickers.len();
        });
        assert_eq!(all, boards.len());
        kinds.iter().for_each(|&kind| market.unlisten(kind));
        let tick = event(flows.now.0 + 1_000_000, EventBody::Ticked(TENTH));
        boards.iter_mut().for_each(|board| board.apply(&tick, &mut |_, _| {}));
        market.apply(&tick, boards.iter(), &mut |_, _| panic!("nobody listens"));
    }
    let [told, could, silent] = figures;
    assert!(told > 1_000 && told < could / 2 && silent > 1_000, "{figures:?}");
}
