//! Stop orders: armed outside the book, woken by trades.
//!
//! Every trade counts, not only a command's last: a stop order at a price that was traded is woken. Those that
//! a command's trades have reached form a wave and enter in the order of their ids; those that the wave's own
//! trades reach form the next. An order is woken once, so the waves end. What an order holds while it waits, and
//! what happens to one that cannot be paid for when it is woken, is said in `funds`.

use crate::engine::{Engine, Teller};
use crate::orders::Arrival;
use crate::resting::{Book, Rail};
use model::{CloseReason, EventBody, InstrumentId, OrderKind, Price, Side, Trigger};

impl Engine {
    /// An accepted stop order begins to wait. If the last trade has reached it already, it is in the next wave.
    pub(crate) fn arm(&mut self, arrival: &Arrival<'_>, trigger: Trigger, teller: &mut Teller<'_>) {
        teller.tell(arrival.new.instrument, || EventBody::Armed(arrival.state()));
        let slot = self.remember(arrival);
        self.orders[slot].flags.set_armed(true);
        let book = &mut self.books[arrival.new.instrument.index()];
        let rail = Rail::armed(trigger.when);
        book.link(rail, trigger.price, slot, &mut self.orders);
        if let Some(last) = book.last {
            // No other armed order is reached by the last trade, so this looks at none but the new one.
            book.lowest = last;
            book.highest = last;
        }
    }

    /// Wakes the stop orders that the trades since the last call have reached.
    #[inline]
    pub(crate) fn wake(&mut self, instrument: InstrumentId, teller: &mut Teller<'_>) {
        while self.books[instrument.index()].reached().is_some() {
            self.wake_wave(instrument, teller);
        }
        self.books[instrument.index()].forget_trades();
    }

    #[cold]
    fn wake_wave(&mut self, instrument: InstrumentId, teller: &mut Teller<'_>) {
        let mut wave = core::mem::take(&mut self.wave);
        let book = &mut self.books[instrument.index()];
        while let Some(level) = book.reached() {
            let slot = book.shelves[level as usize].head;
            let links = self.orders.links[slot as usize];
            self.orders.part_in_level(links);
            book.unlink(level, links, self.orders[slot].remaining);
            wave.push((self.orders[slot].id, slot));
        }
        book.forget_trades();
        wave.sort_unstable();
        for (_, slot) in wave.drain(..) {
            let waited = self.orders[slot];
            self.orders[slot].flags.set_armed(false);
            let new = self.orders.asked(&waited);
            let mut arrival =
                Arrival { id: waited.id, new: &new, remaining: new.quantity, owner: waited.owner };
            let order = arrival.state();
            teller.tell(instrument, || EventBody::Triggered(order));
            teller.tell(instrument, || EventBody::Created(order));
            if order.kind == OrderKind::Market && order.side == Side::Buy {
                self.release(&waited);
                if !self.can_pay(&arrival) {
                    self.forget(slot, self.orders.links[slot as usize]);
                    let reason = CloseReason::Unfunded;
                    teller.tell(instrument, || EventBody::Closed { order, reason });
                    continue;
                }
            }
            self.enter_again(&mut arrival, slot, teller);
        }
        self.wave = wave;
    }
}

impl Book {
    /// The nearest armed level that the trades since the last look have reached.
    #[inline]
    fn reached(&self) -> Option<u32> {
        if let Some((price, level)) = self.best(Rail::Above)
            && self.highest >= price
        {
            return Some(level);
        }
        if let Some((price, level)) = self.best(Rail::Below)
            && self.lowest <= price
        {
            return Some(level);
        }
        None
    }
    #[inline]
    const fn forget_trades(&mut self) {
        self.lowest = Price(i64::MAX);
        self.highest = Price(i64::MIN);
    }
}
