//! In the steady state the engine asks for no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::{Engine, flow};

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
fn a_book_of_a_size_seen_before_asks_for_no_memory() {
    let options = flow::FlowOptions { resting: 5_000, commands: 60_000, ..Default::default() };
    let flow = flow::flow(options);
    let mut engine = Engine::new(&[flow::instrument()]);
    let mut out = Vec::with_capacity(1_000);
    for command in &flow.fill {
        out.clear();
        engine.apply(command, &mut out);
    }
    // The number of open orders wanders a little around the same; then the slab has room for the most of them.
    let (warming, steady) = flow.commands.split_at(40_000);
    let mut events = 0;
    for (commands, may_ask) in [(warming, true), (steady, false)] {
        for command in commands {
            out.clear();
            let before = ASKED.with(Cell::get);
            engine.apply(command, &mut out);
            let asked = ASKED.with(Cell::get) - before;
            assert!(may_ask || asked == 0, "{asked} allocations for {command:?}");
            events += out.len();
        }
    }
    assert!(events > 60_000);
}
