//! What a board tells, answers and never tells.

use model::{
    AccountId, Amount, AnswerBody, Cadence, CloseReason, Event, EventBody, Fill, InstrumentId,
    Level, OrderId, OrderKind, OrderState, Price, Quantity, Query, Sequence, Side, Span, Time,
    TimeInForce, TopicKind, TradeId, Trigger, TriggerWhen, Update,
};

use crate::Board;

mod flow;
mod slow;

mod batches;
mod by_level;
mod candles;
mod depth;
mod documented_flow;
mod hostile;
mod images;
mod market;
mod own;
mod positions;
mod room;
mod stamps;
mod steps;
mod twin;

const HERE: InstrumentId = InstrumentId(3);
const TENTH: Cadence = Cadence::TENTH;
const SECOND: Cadence = Cadence(Span::seconds(1));
const DELTA: TopicKind = TopicKind::Delta { cadence: TENTH };
const BOOK: Query = Query::Book { instrument: HERE, cadence: TENTH };
const DETAIL: Query = Query::Detail { instrument: HERE, cadence: TENTH };

fn event(micros: i64, body: EventBody) -> Event {
    let instrument = if matches!(body, EventBody::Ticked(_)) { InstrumentId::NONE } else { HERE };
    Event { sequence: Sequence(1), cause: Sequence(1), time: Time(micros), instrument, body }
}

fn order(id: u64, side: Side, price: i64, remaining: i64) -> OrderState {
    OrderState {
        id: OrderId(id),
        account: AccountId(7),
        side,
        post_only: false,
        kind: OrderKind::Limit(Price(price)),
        time_in_force: TimeInForce::GoodTillCanceled,
        trigger: None,
        original: Quantity(10),
        remaining: Quantity(remaining),
    }
}

/// What a board told of one event, in words.
fn told(board: &mut Board, event: &Event) -> Vec<String> {
    let mut words = Vec::new();
    board.apply(event, &mut |kind, update| words.push(word(kind, update)));
    words
}

/// An update in words that can be compared.
fn word(kind: TopicKind, update: &Update<'_>) -> String {
    let levels = |side: model::BookSide<'_>| -> Vec<(i64, i64)> {
        side.best_first().map(|level| (level.price.0, level.quantity.0)).collect()
    };
    match update {
        Update::Book(book) | Update::Delta(book) => {
            let name = if matches!(update, Update::Book(_)) { "book" } else { "delta" };
            format!("{name} {} {:?} {:?}", book.time.0, levels(book.bids), levels(book.asks))
        }
        Update::Detail(detail) => {
            let orders = |side: model::BookSide<'_, model::OrderEntry>| -> Vec<(i64, i64, u64)> {
                side.best_first().map(|o| (o.price.0, o.quantity.0, o.order.0)).collect()
            };
            format!("detail {} {:?} {:?}", detail.time.0, orders(detail.bids), orders(detail.asks))
        }
        Update::Depth(depth) => format!(
            "{} {} of {} {:?} {:?} in all {} {}",
            if depth.snapshot { "whole" } else { "depth" },
            depth.sequence,
            depth.time.0,
            levels(depth.bids),
            levels(depth.asks),
            depth.bids_total.0,
            depth.asks_total.0
        ),
        Update::Order(update) => format!(
            "{} {} {:?} left {} at {} tie {} number {} after {:?}",
            if update.is_liquidation { "liquidation" } else { "order" },
            update.order.id,
            update.step,
            update.order.remaining.0,
            update.mark.time.0,
            update.mark.tie,
            update.mark.ordinal,
            update.previous.map(|mark| mark.ordinal)
        ),
        Update::Trade(trade) => {
            format!("trade {} {} x {}", trade.id, trade.quantity.0, trade.price.0)
        }
        _ => format!("{kind:?} {update:?}"),
    }
}

#[test]
fn one_fill_is_told_as_maker_taker_trade() {
    let mut board = Board::new(HERE, Time(0));
    board.listen(TopicKind::Trades);
    board.listen(TopicKind::Orders);
    told(&mut board, &event(1_200, EventBody::Created(order(1, Side::Buy, 100, 10))));
    told(&mut board, &event(1_200, EventBody::Rested(order(1, Side::Buy, 100, 10))));
    told(&mut board, &event(2_900, EventBody::Created(order(2, Side::Sell, 100, 4))));
    let fill = Fill {
        id: TradeId(5),
        price: Price(100),
        quantity: Quantity(4),
        maker: order(1, Side::Buy, 100, 6),
        taker: order(2, Side::Sell, 100, 0),
        maker_fee: Amount::ZERO,
        taker_fee: Amount::ZERO,
    };
    assert_eq!(
        told(&mut board, &event(2_900, EventBody::Filled(fill))),
        [
            "order 1 Filled { price: Price(100), quantity: Quantity(4) } left 6 at 2000 tie 1 number 3 after Some(2)",
            "order 2 Filled { price: Price(100), quantity: Quantity(4) } left 0 at 2000 tie 2 number 4 after Some(3)",
            "trade 5 4 x 100",
        ]
    );
}

#[test]
fn a_stop_order_is_told_of_only_once_it_is_awake() {
    let mut board = Board::new(HERE, Time(0));
    board.listen(TopicKind::Orders);
    let trigger = Some(Trigger::at(Price(105), TriggerWhen::AtOrAbove));
    let stop = |id| OrderState { trigger, ..order(id, Side::Buy, 110, 10) };
    let close = |id| EventBody::Closed { order: stop(id), reason: CloseReason::Canceled };

    assert!(told(&mut board, &event(1, EventBody::Armed(stop(1)))).is_empty());
    assert!(told(&mut board, &event(2, close(1))).is_empty(), "it was never public");

    assert!(told(&mut board, &event(3, EventBody::Triggered(stop(2)))).is_empty());
    assert_eq!(told(&mut board, &event(3, EventBody::Created(stop(2)))).len(), 1);
    assert_eq!(told(&mut board, &event(3, close(2))).len(), 1, "woken and ended while matching");

    told(&mut board, &event(4, EventBody::Created(stop(3))));
    told(&mut board, &event(4, EventBody::Rested(stop(3))));
    told(&mut board, &event(5, EventBody::Created(order(4, Side::Sell, 120, 10))));
    assert_eq!(told(&mut board, &event(6, close(3))).len(), 1, "woken and ended while resting");
    assert!(told(&mut board, &event(7, close(5))).is_empty());
}

#[test]
fn ticks_tell_what_changed_with_one_stamp_and_nothing_twice() {
    let mut board = Board::new(HERE, Time(50));
    let top = TopicKind::Book { depth: 1, cadence: TENTH };
    let detail = TopicKind::Detail { depth: 2, cadence: TENTH };
    [DELTA, top, detail].into_iter().for_each(|kind| board.listen(kind));
    let tick = |micros| event(micros, EventBody::Ticked(TENTH));
    let rest =
        |micros, id, side, price| event(micros, EventBody::Rested(order(id, side, price, 10)));
    let close = |micros, id, side, price| {
        let order = order(id, side, price, 10);
        event(micros, EventBody::Closed { order, reason: CloseReason::Canceled })
    };

    let empty = AnswerBody::Book { time: Time(50), bids: vec![], asks: vec![] };
    assert_eq!(board.answer(&BOOK, Time(60)), empty, "the empty book of the start");
    assert!(told(&mut board, &tick(100)).is_empty());

    told(&mut board, &rest(110, 1, Side::Buy, 99));
    told(&mut board, &rest(120, 2, Side::Buy, 98));
    told(&mut board, &rest(130, 3, Side::Sell, 101));
    assert_eq!(board.answer(&BOOK, Time(140)), empty, "what was not told is not answered");
    assert_eq!(
        told(&mut board, &tick(200)),
        [
            "book 130 [(99, 10)] [(101, 10)]",
            "detail 130 [(99, 10, 1), (98, 10, 2)] [(101, 10, 3)]",
            "delta 130 [(99, 10), (98, 10)] [(101, 10)]",
        ]
    );

    // A change below the top is told by the delta alone; what came and went is not told at all.
    told(&mut board, &rest(210, 4, Side::Buy, 97));
    told(&mut board, &rest(220, 5, Side::Sell, 102));
    told(&mut board, &close(230, 5, Side::Sell, 102));
    assert_eq!(told(&mut board, &tick(300)), ["delta 230 [(97, 10)] []"]);
    told(&mut board, &rest(310, 6, Side::Sell, 103));
    told(&mut board, &close(320, 6, Side::Sell, 103));
    assert!(told(&mut board, &tick(400)).is_empty());

    // Two states of one microsecond still have two stamps.
    told(&mut board, &rest(410, 7, Side::Buy, 96));
    assert_eq!(told(&mut board, &tick(410)), ["delta 410 [(96, 10)] []"]);
    told(&mut board, &rest(410, 8, Side::Buy, 95));
    assert_eq!(told(&mut board, &tick(410)), ["delta 411 [(95, 10)] []"]);

    // Another order behind an unchanged level moves the stamp, and the delta has it too.
    told(&mut board, &close(420, 1, Side::Buy, 99));
    told(&mut board, &rest(430, 9, Side::Buy, 99));
    assert_eq!(
        told(&mut board, &tick(500)),
        ["detail 430 [(99, 10, 9), (98, 10, 2)] [(101, 10, 3)]", "delta 430 [(99, 10)] []"]
    );
    let AnswerBody::Book { time, bids, .. } = board.answer(&BOOK, Time(501)) else { panic!() };
    assert_eq!((time, bids[0]), (Time(430), Level { price: Price(99), quantity: Quantity(10) }));
    let AnswerBody::Detail { time, bids, .. } = board.answer(&DETAIL, Time(501)) else { panic!() };
    assert_eq!((time, bids[0].order, bids.len()), (Time(430), OrderId(9), 5));
}
