//! Candles: when they are told, and how many there are in an answer.

use model::{
    AnswerBody, Cadence, Candle, Event, EventBody, Interval, OrderId, Price, Quantity, Query, Side,
    Span, Time, TopicKind, Trade, TradeId, Update,
};

use super::{HERE, TENTH, event};
use crate::Board;
use crate::candles::CANDLES_MAX;

fn print(micros: i64, price: i64) -> Event {
    let trade = Trade {
        id: TradeId(1),
        time: Time(micros),
        price: Price(price),
        quantity: Quantity(1),
        aggressor: Side::Buy,
        maker: OrderId(1),
        taker: OrderId(2),
        maker_account: None,
        taker_account: None,
    };
    event(micros, EventBody::Printed(trade))
}

#[test]
fn a_candle_is_told_once_more_when_it_ends_if_it_was_traded_in() {
    let mut board = Board::new(HERE, Time(0));
    let minute = Interval::Seconds(60);
    board.listen(TopicKind::Candles { interval: minute, cadence: Cadence::THREE_TENTHS });
    let mut told = Vec::new();
    // Trades at 59.55 s and 59.95 s; ticks at all tenths from 59.5 s to 60.7 s.
    let mut trades = vec![print(60_350_000, 7), print(59_950_000, 6), print(59_550_000, 5)];
    for tenth in 595..=607 {
        let tick = event(tenth * 100_000, EventBody::Ticked(TENTH));
        while let Some(trade) = trades.pop_if(|trade| trade.time < tick.time) {
            board.apply(&trade, &mut |_, _| panic!("candles wait for ticks"));
        }
        board.apply(&tick, &mut |_, update| {
            let Update::Candle(candle) = update else { panic!("a candle") };
            told.push((tenth, candle.start.seconds(), candle.close.0, candle.trades));
        });
    }
    assert_eq!(told, [(597, 0, 5, 1), (600, 0, 6, 2), (606, 60, 7, 1)]);
}

#[test]
fn a_sampled_candle_is_told_at_every_tick_and_whole_when_it_ends() {
    let mut board = Board::new(HERE, Time(0));
    let minute = Interval::Seconds(60);
    let kind = |seconds| TopicKind::SampledCandles {
        interval: minute,
        cadence: Cadence(Span::seconds(seconds)),
    };
    let kinds = [1, 10, 60].map(kind);
    kinds.iter().for_each(|&kind| board.listen(kind));
    let mut told = [const { Vec::new() }; 3];
    // Trades at 57.55 s, at the very end of the minute, and at 180.5 s. Ticks at all tenths until 250 s.
    let mut trades = vec![print(180_500_000, 7), print(60_000_000, 6), print(57_550_000, 5)];
    for tenth in 1..=2_500 {
        let tick = event(tenth * 100_000, EventBody::Ticked(TENTH));
        while let Some(trade) = trades.pop_if(|trade| trade.time <= tick.time) {
            board.apply(&trade, &mut |_, _| panic!("candles wait for ticks"));
        }
        board.apply(&tick, &mut |kind, update| {
            let Update::Candle(candle) = update else { panic!("a candle") };
            let at = kinds.iter().position(|known| *known == kind).expect("it is listened to");
            told[at].push((tenth, candle.start.seconds(), candle.close.0));
        });
    }
    let minute = |start: i64, close, from: i64| {
        (from..=start + 60).map(move |second| (second * 10, start, close))
    };
    let seconds = minute(0, 5, 58).chain(minute(60, 6, 61)).chain(minute(180, 7, 181));
    let seconds: Vec<_> = seconds.collect();
    let each = |every: i64| -> Vec<_> {
        seconds.iter().filter(|(tenth, ..)| tenth % (every * 10) == 0).copied().collect()
    };
    assert_eq!(told, [1, 10, 60].map(each));
    assert_eq!(told[2], [(600, 0, 5), (1_200, 60, 6), (2_400, 180, 7)]);
}

#[test]
fn an_answer_holds_as_many_candles_as_are_kept() {
    let mut board = Board::new(HERE, Time(0));
    // A trade in every other second, so many that the first are forgotten.
    let last = 4 * CANDLES_MAX as i64;
    for second in (0..=last).step_by(2) {
        board.apply(&print(second * 1_000_000, second), &mut |_, _| {});
    }
    let ask = |from, till, filled| -> Vec<Candle> {
        let (from, till) = (Time::from_seconds(from), Time::from_seconds(till));
        let (interval, limit) = (Interval::Seconds(1), usize::MAX);
        let query = Query::Candles { instrument: HERE, interval, from, till, limit, filled };
        match board.answer(&query, Time::from_seconds(last + 1)) {
            AnswerBody::Candles(candles) => candles,
            other => panic!("{other:?}"),
        }
    };
    let ends = |candles: &[Candle]| {
        let second = |candle: &Candle| (candle.start.seconds(), candle.close.0, candle.trades);
        (candles.len(), candles.first().map(second), candles.last().map(second))
    };
    let oldest = last - 2 * (CANDLES_MAX as i64 - 1);
    let (first, newest) = (Some((oldest, oldest, 1)), Some((last, last, 1)));
    assert_eq!(ends(&ask(0, i64::MAX / 1_000_000, false)), (CANDLES_MAX, first, newest));
    // The running second has no trade, and is the last.
    let start = last + 2 - CANDLES_MAX as i64;
    let first = Some((start, start - start % 2, u64::from(start % 2 == 0)));
    let newest = Some((last + 1, last, 0));
    assert_eq!(ends(&ask(0, i64::MAX / 1_000_000, true)), (CANDLES_MAX, first, newest));
    assert_eq!(
        ends(&ask(0, oldest + 1, true)),
        (2, Some((oldest, oldest, 1)), Some((oldest + 1, oldest, 0)))
    );
    assert_eq!(ends(&ask(0, oldest - 1, true)).0, 0, "what is forgotten is not made up");
    assert_eq!(ends(&ask(i64::MIN / 1_000_000, i64::MIN / 1_000_000, true)).0, 0);
}
