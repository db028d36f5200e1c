//! Books of a source by level: recorded words, recorded stamps.

use std::collections::BTreeMap;

use model::{
    AnswerBody, EventBody, Level, LevelBook, OrderId, Price, Quantity, Side, Time, TopicKind,
    Trade, TradeId, Update,
};

use super::flow::Dice;
use super::{BOOK, DELTA, DETAIL, HERE, TENTH, event, told, word};
use crate::Board;

fn levels(of: &[(i64, i64)]) -> Vec<Level> {
    of.iter()
        .map(|&(price, quantity)| Level { price: Price(price), quantity: Quantity(quantity) })
        .collect()
}

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Box<LevelBook> {
    Box::new(LevelBook { bids: levels(bids), asks: levels(asks) })
}

fn top(depth: u16) -> TopicKind {
    TopicKind::Book { depth, cadence: TENTH }
}

#[test]
fn recorded_words_are_told_as_they_were() {
    let mut board = Board::by_level(HERE, Time(0));
    let detail = TopicKind::Detail { depth: 2, cadence: TENTH };
    [DELTA, top(1), top(2), detail, TopicKind::Orders].into_iter().for_each(|k| board.listen(k));
    assert_eq!(board.answer(&BOOK, Time(0)), AnswerBody::Unavailable);
    assert_eq!(board.answer(&DETAIL, Time(0)), AnswerBody::Unavailable);
    board.snapshot(DELTA, &mut |_, _| panic!("there is no book yet"));

    let delta = EventBody::BookDelta(book(&[(9, 1)], &[]));
    assert_eq!(told(&mut board, &event(5, delta)), ["delta 5 [(9, 1)] []"]);
    assert_eq!(board.answer(&BOOK, Time(0)), AnswerBody::Unavailable, "no book without a snapshot");

    let whole = EventBody::BookSnapshot(book(&[(10, 3), (8, 1)], &[(11, 2)]));
    assert_eq!(
        told(&mut board, &event(10, whole)),
        ["book 10 [(10, 3)] [(11, 2)]", "book 10 [(10, 3), (8, 1)] [(11, 2)]"],
        "there was nothing that it could differ from"
    );
    let delta = EventBody::BookDelta(book(&[(7, 4), (6, 0)], &[(12, 5)]));
    assert_eq!(
        told(&mut board, &event(20, delta)),
        ["book 20 [(10, 3), (8, 1)] [(11, 2), (12, 5)]", "delta 20 [(7, 4), (6, 0)] [(12, 5)]"]
    );
    let (bids, asks) = (levels(&[(10, 3), (8, 1), (7, 4)]), levels(&[(11, 2), (12, 5)]));
    assert_eq!(board.answer(&BOOK, Time(0)), AnswerBody::Book { time: Time(20), bids, asks });
    assert!(told(&mut board, &event(25, EventBody::Ticked(TENTH))).is_empty());

    let whole = EventBody::BookSnapshot(book(&[(10, 2), (8, 1)], &[(11, 2), (13, 1)]));
    assert_eq!(
        told(&mut board, &event(30, whole)),
        [
            "book 30 [(10, 2)] [(11, 2)]",
            "book 30 [(10, 2), (8, 1)] [(11, 2), (13, 1)]",
            "delta 30 [(10, 2), (7, 0)] [(12, 0), (13, 1)]",
        ]
    );
    let mut whole = Vec::new();
    board.snapshot(DELTA, &mut |kind, update| whole.push(word(kind, update)));
    assert_eq!(whole, ["book 30 [(10, 2), (8, 1)] [(11, 2), (13, 1)]"]);
}

#[test]
fn a_board_made_for_orders_follows_a_source_by_level() {
    let mut board = Board::new(HERE, Time(0));
    board.listen(top(5));
    let whole = EventBody::BookSnapshot(book(&[(10, 3)], &[]));
    assert_eq!(told(&mut board, &event(10, whole)), ["book 10 [(10, 3)] []"]);
    assert_eq!(board.answer(&DETAIL, Time(0)), AnswerBody::Unavailable);
}

#[test]
fn a_late_print_counts_where_it_comes() {
    let mut board = Board::by_level(HERE, Time(0));
    board.listen(TopicKind::Trades);
    let print = |id, micros, price| {
        EventBody::Printed(Trade {
            id: TradeId(id),
            time: Time(micros),
            price: Price(price),
            quantity: Quantity(1),
            aggressor: Side::Buy,
            maker: OrderId(1),
            taker: OrderId(2),
            maker_account: None,
            taker_account: None,
        })
    };
    assert_eq!(told(&mut board, &event(60_000_000, print(1, 60_000_000, 5))), ["trade 1 1 x 5"]);
    assert_eq!(told(&mut board, &event(60_000_001, print(2, 59_000_000, 7))), ["trade 2 1 x 7"]);
    let minutes = model::Query::Candles {
        instrument: HERE,
        interval: model::Interval::Seconds(60),
        from: Time(0),
        till: Time(i64::MAX),
        limit: 9,
        filled: false,
    };
    let AnswerBody::Candles(candles) = board.answer(&minutes, Time(0)) else { panic!() };
    assert_eq!(candles.len(), 1);
    assert_eq!(
        (candles[0].start, candles[0].close, candles[0].trades),
        (Time(60_000_000), Price(7), 2)
    );
}

/// The slow twin: two ordered maps.
#[derive(Clone, Default, PartialEq)]
struct Maps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Maps {
    fn set(side: &mut BTreeMap<i64, i64>, levels: &[Level]) {
        for level in levels {
            if level.quantity.is_zero() {
                side.remove(&level.price.0);
            } else {
                side.insert(level.price.0, level.quantity.0);
            }
        }
    }
    fn take(&mut self, levels: &LevelBook) {
        Self::set(&mut self.bids, &levels.bids);
        Self::set(&mut self.asks, &levels.asks);
    }
    fn top(&self, depth: usize) -> [Vec<(i64, i64)>; 2] {
        let pair = |(price, quantity): (&i64, &i64)| (*price, *quantity);
        [
            self.bids.iter().rev().map(pair).take(depth).collect(),
            self.asks.iter().map(pair).take(depth).collect(),
        ]
    }
}

#[test]
fn books_by_level_agree_with_maps() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut board = Board::by_level(HERE, Time(0));
        [DELTA, top(3)].into_iter().for_each(|kind| board.listen(kind));
        let mut maps: Option<Maps> = None;
        let mut held = Maps::default();
        let mut time = 0;
        for step in 0..200 {
            time += 1 + dice.below(9);
            let whole = dice.chance(5);
            let mut side = |from: i64, falling: bool| {
                let mut prices: Vec<i64> =
                    (0..20).filter(|_| dice.chance(25)).map(|n| from + n).collect();
                if falling {
                    prices.reverse();
                }
                let quantity =
                    |dice: &mut Dice| if whole { 1 + dice.below(3) } else { dice.below(4) };
                prices.into_iter().map(|price| (price, quantity(&mut dice))).collect::<Vec<_>>()
            };
            let said = LevelBook { bids: levels(&side(0, true)), asks: levels(&side(20, false)) };
            let before = maps.clone();
            if whole {
                let mut fresh = Maps::default();
                fresh.take(&said);
                maps = Some(fresh);
            } else if let Some(maps) = &mut maps {
                maps.take(&said);
            }
            let body = Box::new(said);
            let body =
                if whole { EventBody::BookSnapshot(body) } else { EventBody::BookDelta(body) };
            let mut tops = Vec::new();
            board.apply(&event(time, body), &mut |_, update| match update {
                Update::Delta(delta) => held.take(&LevelBook {
                    bids: delta.bids.best_first().copied().collect(),
                    asks: delta.asks.best_first().copied().collect(),
                }),
                Update::Book(book) => {
                    assert_eq!(book.time, Time(time), "seed {seed}");
                    tops.push([book.bids, book.asks].map(|side| {
                        side.best_first().map(|l| (l.price.0, l.quantity.0)).collect::<Vec<_>>()
                    }));
                }
                _ => {}
            });
            let Some(maps) = &maps else { continue };
            if before.is_none() {
                held = maps.clone();
            }
            assert!(
                held == *maps,
                "seed {seed}, step {step}: whoever follows the delta has the book"
            );
            let expected = maps.top(3);
            if before.is_none_or(|before| before.top(3) != expected) {
                assert_eq!(tops, [expected], "seed {seed}, step {step}");
            } else {
                assert!(tops.is_empty(), "seed {seed}, step {step}: told though unchanged");
            }
            let AnswerBody::Book { time: stamp, bids, asks } = board.answer(&BOOK, Time(0)) else {
                panic!("seed {seed}: there is a book");
            };
            let answered = [bids, asks]
                .map(|side| side.iter().map(|l| (l.price.0, l.quantity.0)).collect::<Vec<_>>());
            assert_eq!(answered, maps.top(usize::MAX), "seed {seed}, step {step}");
            assert!(stamp <= Time(time));
        }
    }
}
