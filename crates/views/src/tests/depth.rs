//! Depths: views of the best levels, gathered in steps of price.

use std::collections::BTreeMap;

use model::{
    AnswerBody, CloseReason, EventBody, Level, LevelBook, Price, Quantity, Query, Side, Time,
    TopicKind, Update, WHOLE,
};

use super::flow::{Dice, Flow};
use super::{HERE, TENTH, event, order, told, word};
use crate::Board;

fn depth(depth: u16, step: i64) -> TopicKind {
    TopicKind::Depth { depth, step: Some(Price(step)), cadence: TENTH }
}

fn question(kind: TopicKind) -> Query {
    let TopicKind::Depth { depth, step, cadence } = kind else { panic!("a depth") };
    Query::Depth { instrument: HERE, depth, step, cadence }
}

#[test]
fn levels_are_gathered_away_from_the_market_and_leave_view_with_nothing() {
    let mut board = Board::new(HERE, Time(50));
    let kind = depth(2, 10);
    board.listen(kind);
    let rest = |at, id, side, price| {
        event(at, EventBody::Rested(order(id, side, price, id.cast_signed())))
    };
    let tick = |at| event(at, EventBody::Ticked(TENTH));
    for (id, side, price) in [
        (1, Side::Buy, 99),
        (2, Side::Buy, 90),
        (3, Side::Buy, 89),
        (4, Side::Buy, 70),
        (5, Side::Sell, 101),
        (6, Side::Sell, 110),
        (7, Side::Sell, 111),
    ] {
        assert!(told(&mut board, &rest(100, id, side, price)).is_empty());
    }
    assert_eq!(
        told(&mut board, &tick(100)),
        ["depth 1 of 100 [(90, 3), (80, 3)] [(110, 11), (120, 7)] in all 10 18"]
    );
    // Below what is in view nothing is news, though there is more now.
    told(&mut board, &rest(110, 8, Side::Buy, 69));
    assert!(told(&mut board, &tick(200)).is_empty());
    // A level comes into view, another leaves it.
    told(&mut board, &rest(210, 9, Side::Buy, 100));
    assert_eq!(
        told(&mut board, &tick(300)),
        ["depth 2 of 210 [(100, 9), (80, 0)] [] in all 27 18"]
    );
    let gone = order(9, Side::Buy, 100, 9);
    let close = EventBody::Closed { order: gone, reason: CloseReason::Canceled };
    told(&mut board, &event(310, close));
    assert_eq!(
        told(&mut board, &tick(400)),
        ["depth 3 of 310 [(100, 0), (80, 3)] [] in all 18 18"]
    );
    let mut whole = Vec::new();
    board.snapshot(kind, &mut |kind, update| whole.push(word(kind, update)));
    assert_eq!(whole, ["whole 3 of 310 [(90, 3), (80, 3)] [(110, 11), (120, 7)] in all 18 18"]);
}

#[test]
fn a_number_never_comes_back() {
    for seed in 0..50 {
        let mut flow = Flow::new(seed, Time(0));
        let mut board = Board::new(HERE, Time(0));
        let kind = depth(3, 2);
        let (mut listens, mut last) = (false, 0);
        for _ in 0..300 {
            if flow.dice.chance(10) {
                listens = !listens;
                if listens { board.listen(kind) } else { board.unlisten(kind) }
            }
            for event in flow.command() {
                board.apply(&event, &mut |_, update| {
                    let Update::Depth(depth) = update else { panic!("a depth") };
                    assert_eq!(depth.sequence, last + 1, "seed {seed}");
                    last += 1;
                });
            }
            let AnswerBody::Depth { sequence, .. } = board.answer(&question(kind), flow.now) else {
                panic!("there is a book");
            };
            assert!(sequence >= last && (!listens || sequence == last), "seed {seed}");
            last = sequence;
        }
    }
}

/// A book by level as somebody keeps it who listens.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    sequence: u64,
    sides: [BTreeMap<Price, Quantity>; 2],
}

impl Kept {
    fn asked(board: &Board, kind: TopicKind) -> Option<Self> {
        match board.answer(&question(kind), Time(0)) {
            AnswerBody::Depth { sequence, bids, asks, .. } => {
                let side = |levels: Vec<Level>| {
                    levels.into_iter().map(|level| (level.price, level.quantity)).collect()
                };
                Some(Self { sequence, sides: [bids, asks].map(side) })
            }
            AnswerBody::Unavailable => None,
            other => panic!("{other:?}"),
        }
    }

    fn hear(&mut self, seed: u64, update: &Update<'_>) {
        let Update::Depth(depth) = update else { panic!("a depth") };
        assert_eq!(depth.sequence, self.sequence + 1, "seed {seed}");
        self.sequence += 1;
        if depth.snapshot {
            self.sides = Default::default();
        }
        for (kept, side) in self.sides.iter_mut().zip([depth.bids, depth.asks]) {
            for level in side.best_first() {
                match level.quantity {
                    Quantity::ZERO => drop(kept.remove(&level.price).expect("it was in view")),
                    quantity => assert_ne!(kept.insert(level.price, quantity), Some(quantity)),
                }
            }
        }
    }
}

#[test]
fn whoever_follows_a_book_by_level_in_steps_holds_it() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        // Half of them were taken for boards of orders at first.
        let mut board = match seed % 2 {
            0 => Board::by_level(HERE, Time(0)),
            _ => Board::new(HERE, Time(0)),
        };
        let kinds = [depth(3, 4), depth(WHOLE, 7), depth(2, 1)];
        kinds.iter().for_each(|&kind| board.listen(kind));
        let mut kept: Vec<Kept> = kinds.iter().map(|_| Kept::default()).collect();
        let mut raw: Option<[BTreeMap<i64, i64>; 2]> = None;
        for step in 0..100 {
            let is_whole = dice.chance(5);
            let mut levels = |from: i64| -> Vec<Level> {
                let prices: Vec<i64> = (from..from + 20).filter(|_| dice.chance(20)).collect();
                let mut level = |price| Level {
                    price: Price(price),
                    quantity: Quantity(dice.below(4) + i64::from(is_whole)),
                };
                prices.into_iter().map(&mut level).collect()
            };
            let (mut bids, asks) = (levels(-10), levels(10));
            bids.reverse();
            if is_whole {
                raw = Some(Default::default());
            }
            for (raw, levels) in raw.iter_mut().flatten().zip([&bids, &asks]) {
                for level in levels {
                    raw.insert(level.price.0, level.quantity.0);
                }
                raw.retain(|_, quantity| *quantity > 0);
            }
            let said = Box::new(LevelBook { bids, asks });
            let body = match is_whole {
                true => EventBody::BookSnapshot(said),
                false => EventBody::BookDelta(said),
            };
            board.apply(&event(step, body), &mut |kind, update| {
                let at = kinds.iter().position(|known| *known == kind).expect("it is listened to");
                kept[at].hear(seed, update);
            });
            for (kind, kept) in kinds.iter().zip(&kept) {
                let Some(raw) = &raw else {
                    assert_eq!(Kept::asked(&board, *kind), None, "seed {seed}");
                    continue;
                };
                assert_eq!(Kept::asked(&board, *kind).as_ref(), Some(kept), "seed {seed}");
                let TopicKind::Depth { depth, step: Some(Price(step)), .. } = *kind else {
                    panic!("a depth");
                };
                for side in [Side::Buy, Side::Sell] {
                    let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
                    for (price, quantity) in &raw[side as usize] {
                        let at = match side {
                            Side::Buy => price.div_euclid(step) * step,
                            Side::Sell => -((-price).div_euclid(step) * step),
                        };
                        *expected.entry(at).or_default() += quantity;
                    }
                    while expected.len() > usize::from(depth) {
                        match side {
                            Side::Buy => expected.pop_first(),
                            Side::Sell => expected.pop_last(),
                        };
                    }
                    let held = kept.sides[side as usize].iter();
                    let held: BTreeMap<_, _> = held.map(|(price, it)| (price.0, it.0)).collect();
                    assert_eq!(held, expected, "seed {seed}, step {step}, {side:?}");
                }
            }
        }
    }
}
