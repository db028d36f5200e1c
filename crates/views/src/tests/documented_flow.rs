//! The workload that speed is stated for, run small.

use model::{Query, TopicKind};

use super::TENTH;
use crate::Board;
use crate::flow::{FlowOptions, INSTRUMENT, START, flow};

#[test]
fn the_documented_flow_keeps_a_full_book_moving() {
    let options = FlowOptions { events: 20_000, ..FlowOptions::default() };
    let flow = flow(options);
    let mut board = Board::new(INSTRUMENT, START);
    board.listen(TopicKind::Delta { cadence: TENTH });
    board.listen(TopicKind::Trades);
    let (mut deltas, mut trades) = (0, 0);
    for event in flow.fill.iter().chain(&flow.events) {
        board.apply(event, &mut |kind, _| match kind {
            TopicKind::Trades => trades += 1,
            _ => deltas += 1,
        });
    }
    assert!(deltas > 800 && trades > 500, "{deltas} deltas, {trades} trades");
    let book = board.answer(&Query::Book { instrument: INSTRUMENT, cadence: TENTH }, START);
    let model::AnswerBody::Book { bids, asks, .. } = book else { panic!("there is a book") };
    for side in [bids, asks] {
        assert!((70..=options.levels).contains(&side.len()), "{} levels", side.len());
    }
}
