//! In the steady state a board asks for no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use model::{
    AnswerBody, CloseReason, Event, EventBody, Interval, Price, Query, Side, Time, TopicKind,
    Window,
};

use super::flow::{CADENCES, Flow};
use super::{HERE, SECOND, event, order};
use crate::Board;

/// Counts what the thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller's promises are the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_market_seen_before_asks_for_no_memory() {
    let mut flow = Flow::new(11, Time(0));
    let mut events: Vec<Event> = Vec::new();
    (0..5_000).for_each(|_| events.extend(flow.command()));
    let mut board = Board::new(HERE, Time(0));
    board.listen(TopicKind::Trades);
    board.listen(TopicKind::TradeBatches);
    board.listen(TopicKind::Orders);
    for cadence in CADENCES {
        board.listen(TopicKind::Delta { cadence });
        board.listen(TopicKind::Book { depth: 100, cadence });
        board.listen(TopicKind::Detail { depth: 100, cadence });
        board.listen(TopicKind::Depth { depth: 100, step: Some(Price(5)), cadence });
        board.listen(TopicKind::Candles { interval: Interval::Seconds(60), cadence });
        board.listen(TopicKind::SampledCandles { interval: Interval::Seconds(60), cadence });
        board.listen(TopicKind::Ticker { window: Window::MONTH, cadence, quotes: true });
    }
    let mut told = 0_u64;
    for round in 0..4 {
        let before = ASKED.with(Cell::get);
        for event in &mut events {
            board.apply(event, &mut |_, _| told += 1);
            event.time = event.time + (flow.now - Time(0));
        }
        // Twice around, every vector has its size and the map of orders has room for its graves.
        let asked = ASKED.with(Cell::get) - before;
        assert!(round < 2 || asked == 0, "round {round}: {asked} allocations, told {told}");
        let whole = Query::Detail { instrument: HERE, cadence: SECOND };
        board.apply(&event(0, EventBody::Ticked(SECOND)), &mut |_, _| {});
        let AnswerBody::Detail { bids, asks, .. } = board.answer(&whole, Time(0)) else { panic!() };
        for entry in bids.iter().chain(&asks) {
            let order = order(entry.order.0, Side::Buy, entry.price.0, 0);
            let closed = EventBody::Closed { order, reason: CloseReason::Canceled };
            board.apply(&event(0, closed), &mut |_, _| {});
        }
    }
    assert!(told > 10_000);
}
