//! A book's stamp is that of something told: whoever fetches the book finds the stamp among the deltas.

use model::{AnswerBody, EventBody, Level, LevelBook, Price, Quantity, Time};

use super::{BOOK, DELTA, HERE, event, told};
use crate::Board;

#[test]
fn a_book_by_level_carries_the_stamp_of_what_was_told_last() {
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let book = |bids: &[Level]| Box::new(LevelBook { bids: bids.to_vec(), asks: Vec::new() });
    let mut board = Board::by_level(HERE, Time(0));
    board.listen(DELTA);
    for (micros, body, expected) in [
        (10, EventBody::BookSnapshot(book(&[level(9, 1)])), None),
        (20, EventBody::BookDelta(book(&[level(9, 2)])), Some("delta 20 [(9, 2)] []")),
        (30, EventBody::BookDelta(book(&[])), None),
        (40, EventBody::BookSnapshot(book(&[level(9, 2)])), None),
        (40, EventBody::BookSnapshot(book(&[level(8, 2)])), Some("delta 40 [(9, 0), (8, 2)] []")),
    ] {
        let told = told(&mut board, &event(micros, body));
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "at {micros}");
        let AnswerBody::Book { time, .. } = board.answer(&BOOK, Time(50)) else { panic!("a book") };
        let stamp = if micros == 30 || told.is_empty() && micros == 40 { 20 } else { micros };
        assert_eq!(time, Time(stamp), "at {micros}");
    }
}
