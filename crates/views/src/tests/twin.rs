//! The board against its slow twin, and against itself with other listeners.

use model::{Cadence, Interval, Price, Query, Span, Time, TopicKind, WHOLE, Window};

use super::flow::{CADENCES, Flow};
use super::slow::Slow;
use super::{HERE, SECOND, TENTH, told};
use crate::Board;

const SEEDS: u64 = 200;
const COMMANDS: usize = 250;

/// Some of each kind.
pub fn kinds() -> Vec<TopicKind> {
    let mut kinds = vec![TopicKind::Trades, TopicKind::Orders];
    // Statistics also at a cadence that never ticks.
    for cadence in [TENTH, SECOND, Cadence::THREE_TENTHS] {
        for interval in [Interval::Seconds(1), Interval::Seconds(60), Interval::Month] {
            kinds.push(TopicKind::Candles { interval, cadence });
        }
        for interval in [Interval::Seconds(10), Interval::Seconds(60)] {
            kinds.push(TopicKind::SampledCandles { interval, cadence });
        }
        for window in [Window::HOUR, Window::DAY, Window::MONTH] {
            for quotes in [false, true] {
                kinds.push(TopicKind::Ticker { window, cadence, quotes });
            }
        }
    }
    for seconds in [10, 60] {
        let (interval, cadence) = (Interval::Seconds(60), Cadence(Span::seconds(seconds)));
        kinds.push(TopicKind::SampledCandles { interval, cadence });
    }
    kinds.push(TopicKind::Funding);
    for cadence in [TENTH, SECOND, Cadence::FIFTH] {
        kinds.push(TopicKind::Delta { cadence });
        for depth in [1, 3, 100, WHOLE] {
            kinds.push(TopicKind::Book { depth, cadence });
            kinds.push(TopicKind::Detail { depth, cadence });
        }
        for (depth, step) in [(1, None), (2, Some(3)), (3, Some(1)), (WHOLE, Some(10)), (4, None)] {
            kinds.push(TopicKind::Depth { depth, step: step.map(Price), cadence });
        }
    }
    kinds
}

pub fn questions(flow: &mut Flow) -> [Query; 13] {
    let instrument = HERE;
    let limit = flow.dice.below(40) as usize;
    let from = flow.now - Span::micros(flow.dice.below(600_000_000));
    let till = from + Span::micros(flow.dice.below(900_000_000));
    let (from, till) = if flow.dice.chance(50) {
        (Interval::Seconds(60).start_of(from), Interval::Seconds(60).start_of(till))
    } else {
        (from, till)
    };
    let cadence = [TENTH, SECOND, Cadence::FIFTH][flow.dice.below(3) as usize];
    let interval = model::INTERVALS[flow.dice.below(17) as usize];
    [
        Query::Book { instrument, cadence },
        Query::Detail { instrument, cadence },
        // Somebody listens to the one, nobody to the other.
        Query::Depth { instrument, depth: 2, step: Some(Price(3)), cadence },
        Query::Depth { instrument, depth: 7, step: Some(Price(2)), cadence },
        Query::Trades { instrument, since: from, limit },
        Query::Candles { instrument, interval, from, till, limit, filled: false },
        Query::Candles { instrument, interval, from, till, limit, filled: true },
        Query::Ticker { instrument, window: Window::HOUR },
        Query::Ticker { instrument, window: Window::DAY },
        Query::Ticker { instrument, window: Window::WEEK },
        Query::Perpetual { instrument },
        Query::Quotes { instrument },
        Query::FundingRates { instrument, since: from, until: till, limit },
    ]
}

#[test]
fn the_board_and_its_slow_twin_tell_and_answer_the_same() {
    for seed in 0..SEEDS {
        // Shortly before midnight, before a Monday, before a new month, over the seeds.
        let start = Time::from_civil(2026, 11, 1 + (seed % 30) as u32) - Span::seconds(600);
        let mut flow = match seed % 3 {
            0 => Flow::of_perpetual(seed, start),
            _ => Flow::new(seed, start),
        };
        let kinds = kinds();
        let mut slow = Slow::new(start, &kinds);
        let mut board = Board::new(HERE, start);
        kinds.iter().for_each(|&kind| board.listen(kind));
        for command in 0..COMMANDS {
            let events: Vec<_> = flow.command().collect();
            for event in &events {
                assert_eq!(
                    told(&mut board, event),
                    slow.apply(event),
                    "seed {seed}, command {command}, {event:?}"
                );
            }
            if flow.dice.chance(20) {
                let now = flow.now + Span::micros(flow.dice.below(100_000_000));
                for query in questions(&mut flow) {
                    assert_eq!(
                        board.answer(&query, now),
                        slow.answer(&query, now),
                        "seed {seed}, command {command}, {query:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn state_does_not_depend_on_who_listens() {
    for seed in 0..50 {
        let mut flow = Flow::of_perpetual(seed, Time(0));
        let mut crowded = Board::new(HERE, Time(0));
        kinds().into_iter().for_each(|kind| crowded.listen(kind));
        let mut lonely = Board::new(HERE, Time(0));
        let mut deaf = Board::new(HERE, Time(0));
        let mut missed = false;
        for _ in 0..COMMANDS {
            for event in flow.command() {
                told(&mut crowded, &event);
                assert!(told(&mut lonely, &event).is_empty(), "seed {seed}: nobody listens");
                if !missed && matches!(event.body, model::EventBody::Filled(_)) {
                    missed = true;
                } else {
                    told(&mut deaf, &event);
                }
            }
            assert_eq!(crowded.digest(), lonely.digest(), "seed {seed}");
            assert!(!missed || crowded.digest() != deaf.digest(), "seed {seed}: a fill was missed");
        }
        for kind in kinds() {
            crowded.unlisten(kind);
        }
        for event in flow.command() {
            assert!(told(&mut crowded, &event).is_empty(), "seed {seed}: all have gone");
        }
    }
}

#[test]
fn windows_forget_and_remember_over_days() {
    let start = Time::from_civil(2026, 12, 31);
    for seed in 0..10 {
        let mut flow = Flow::new(seed, start);
        let mut slow = Slow::new(start, &[]);
        let mut board = Board::new(HERE, start);
        for _ in 0..600 {
            let events: Vec<_> = flow.command().collect();
            for event in &events {
                told(&mut board, event);
                slow.apply(event);
            }
            let most = if flow.dice.chance(5) { 300_000 } else { 700 };
            let skip = Span::seconds(flow.dice.below(most));
            let ahead = if flow.dice.chance(5) { Slow::REACH } else { skip };
            for moment in [flow.now, flow.now + ahead] {
                let longest = Window(Span::seconds(31 * 86_400));
                let short = Window(Span::seconds(600));
                for window in [short, Window::HOUR, Window::DAY, Window::WEEK, longest] {
                    assert_eq!(
                        board.ticker(window, moment),
                        slow.ticker(window, moment),
                        "seed {seed}"
                    );
                }
            }
            flow.now = flow.now + skip;
        }
    }
}

#[test]
fn a_cadence_that_first_ticks_late_starts_from_the_empty_book() {
    let mut flow = Flow::new(1, Time(0));
    let mut board = Board::new(HERE, Time(0));
    let late = Cadence(Span::seconds(5));
    for _ in 0..COMMANDS {
        for event in flow.command() {
            told(&mut board, &event);
        }
    }
    board.listen(TopicKind::Delta { cadence: late });
    board.listen(TopicKind::Delta { cadence: TENTH });
    board.listen(TopicKind::Delta { cadence: SECOND });
    let mut all = Vec::new();
    for cadence in [TENTH, late, SECOND] {
        all.extend(told(&mut board, &super::event(flow.now.0, model::EventBody::Ticked(cadence))));
    }
    let whole = board.answer(&Query::Book { instrument: HERE, cadence: late }, flow.now);
    let model::AnswerBody::Book { time, bids, asks } = whole else { panic!("a book is there") };
    let pairs = |side: &[model::Level]| -> Vec<(i64, i64)> {
        side.iter().map(|level| (level.price.0, level.quantity.0)).collect()
    };
    let word = format!("delta {} {:?} {:?}", time.0, pairs(&bids), pairs(&asks));
    assert!(all.contains(&word), "{all:#?}");
    for cadence in CADENCES {
        let same = board.answer(&Query::Book { instrument: HERE, cadence }, flow.now);
        let model::AnswerBody::Book { time: stamp, .. } = same else { panic!("a book is there") };
        assert!(stamp <= time, "one state, one stamp");
    }
}
