//! Events that contradict each other change what they can and break nothing.

use model::{
    Amount, CloseReason, EventBody, Fill, Level, LevelBook, OrderId, OrderKind, OrderState, Price,
    Quantity, Query, Side, Time, TopicKind, TradeId, WHOLE, Window,
};

use super::flow::{CADENCES, Dice};
use super::{BOOK, DETAIL, HERE, event, order, told};
use crate::Board;

fn any_order(dice: &mut Dice) -> OrderState {
    let side = if dice.chance(50) { Side::Buy } else { Side::Sell };
    let kind = if dice.chance(10) {
        OrderKind::Market
    } else {
        OrderKind::Limit(Price(dice.below(12) - 2))
    };
    OrderState { kind, ..order(dice.below(30) as u64, side, 1, dice.below(9) - 2) }
}

fn any_levels(dice: &mut Dice) -> Vec<Level> {
    let count = dice.below(6);
    let level = |_| {
        let (mut price, mut quantity) = (dice.below(12), dice.below(5) - 1);
        if dice.chance(10) {
            price = [i64::MIN, -7, i64::MAX][dice.below(3) as usize];
        }
        if dice.chance(10) {
            quantity = i64::MAX;
        }
        Level { price: Price(price), quantity: Quantity(quantity) }
    };
    (0..count).map(level).collect()
}

fn any_body(dice: &mut Dice, by_level: bool) -> EventBody {
    let (a, b) = (any_order(dice), any_order(dice));
    match dice.below(if by_level { 11 } else { 8 }) {
        0 => EventBody::Created(a),
        1 | 2 => EventBody::Rested(a),
        3 => EventBody::Closed { order: a, reason: CloseReason::Expired },
        4 => EventBody::Replaced { old: a, new: b, kept_place: dice.chance(50) },
        5 => EventBody::Filled(Fill {
            id: TradeId(1),
            price: Price(dice.below(5)),
            quantity: Quantity(dice.below(5)),
            maker: a,
            taker: b,
            maker_fee: Amount::ZERO,
            taker_fee: Amount::ZERO,
        }),
        6 => EventBody::Triggered(a),
        7 => EventBody::Ticked(CADENCES[dice.below(2) as usize]),
        8 => EventBody::BookDelta(Box::new(LevelBook {
            bids: any_levels(dice),
            asks: any_levels(dice),
        })),
        9 => EventBody::BookSnapshot(Box::new(LevelBook {
            bids: any_levels(dice),
            asks: any_levels(dice),
        })),
        _ => EventBody::Printed(model::Trade {
            id: TradeId(2),
            time: Time(dice.below(1_000_000_000)),
            price: Price(dice.below(9)),
            quantity: Quantity(dice.below(9)),
            aggressor: Side::Sell,
            maker: OrderId(0),
            taker: OrderId(0),
            maker_account: None,
            taker_account: None,
        }),
    }
}

#[test]
fn nothing_that_is_said_can_break_a_board() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let mut board = Board::new(HERE, Time(0));
        let mut told_of = 0;
        for cadence in CADENCES {
            board.listen(TopicKind::Delta { cadence });
            board.listen(TopicKind::Book { depth: 2, cadence });
            board.listen(TopicKind::Detail { depth: 2, cadence });
            for (depth, step) in
                [(0, 1), (2, 0), (3, -5), (WHOLE, 10), (2, i64::MAX), (2, i64::MIN)]
            {
                board.listen(TopicKind::Depth { depth, step: Some(Price(step)), cadence });
            }
            board.listen(TopicKind::Ticker { window: Window::HOUR, cadence, quotes: true });
        }
        for step in 0..300 {
            let body = any_body(&mut dice, seed % 2 == 1 && step > 150);
            let micros = dice.below(1_000_000_000);
            told_of += told(&mut board, &event(micros, body)).len();
            let book = board.answer(&BOOK, Time(0));
            if let model::AnswerBody::Detail { time, bids, asks } = board.answer(&DETAIL, Time(0)) {
                let model::AnswerBody::Book { time: stamp, bids: by_level, asks: sell } = book
                else {
                    panic!("seed {seed}: where there are orders there are levels");
                };
                assert_eq!(stamp, time, "seed {seed}");
                for (orders, levels) in [(bids, by_level), (asks, sell)] {
                    let mut left = levels.into_iter();
                    let mut open: Option<Level> = None;
                    for entry in orders {
                        let level = match open.take().filter(|level| !level.quantity.is_zero()) {
                            Some(level) => level,
                            None => left.next().expect("every order stands on a level"),
                        };
                        assert_eq!(level.price, entry.price, "seed {seed}");
                        let quantity = level.quantity - entry.quantity;
                        open = Some(Level { quantity, ..level });
                    }
                    let rest = open.map_or(Quantity::ZERO, |level| level.quantity);
                    assert!(rest.is_zero() && left.next().is_none(), "seed {seed}");
                }
            }
            let hour = Query::Ticker { instrument: HERE, window: Window::HOUR };
            let _ = board.answer(&hour, Time(0));
        }
        assert!(told_of > 0, "seed {seed} told nothing");
    }
}

#[test]
fn other_instruments_are_none_of_its_business() {
    let mut board = Board::new(HERE, Time(0));
    board.listen(TopicKind::Orders);
    let before = board.digest();
    let mut elsewhere = event(5, EventBody::Created(order(1, Side::Buy, 100, 10)));
    elsewhere.instrument = model::InstrumentId(HERE.0 + 1);
    assert!(told(&mut board, &elsewhere).is_empty());
    assert_eq!(board.digest(), before);
}
