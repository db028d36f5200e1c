//! Stop orders: armed outside the book, woken by trades.
//!
//! Every trade counts, not only a command's last: a stop order at a price that was traded is woken. Those that
//! a command's trades have reached form a wave and enter in the order of their ids; those that the wave's own
//! trades reach form the next. An order is woken once, so the waves end. What an order holds while it waits, and
//! what happens to one that cannot be paid for when it is woken, is said in `funds`.

use crate::engine::{Engine, Teller};
use crate::orders::Order;
use crate::resting::{Book, Rail};
use model::{CloseReason, EventBody, InstrumentId, Price, Side};

impl Engine {
    /// An accepted stop order begins to wait. If the last trade has reached it already, it is in the next wave.
    pub(crate) fn arm(&mut self, mut order: Order, teller: &mut Teller<'_>) {
        let when = order.when.expect("an order to be armed has a trigger");
        order.set_armed(true);
        teller.tell(order.instrument, EventBody::Armed(order.state()));
        let (instrument, trigger) = (order.instrument.index(), order.trigger);
        let slot = self.remember(order);
        let book = &mut self.books[instrument];
        book.link(Rail::armed(when), trigger, slot, &mut self.orders);
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
            book.unlink(slot, &mut self.orders);
            wave.push((self.orders[slot].id, slot));
        }
        book.forget_trades();
        wave.sort_unstable();
        for (_, slot) in wave.drain(..) {
            let waited = self.orders[slot];
            let owner = self.accounts.record_of(waited.account).expect("who holds is known");
            self.orders[slot].set_armed(false);
            let order = self.orders[slot];
            teller.tell(instrument, EventBody::Triggered(order.state()));
            teller.tell(instrument, EventBody::Created(order.state()));
            if order.flags.is_market() && order.flags.side() == Side::Buy {
                self.release(&waited);
                if !self.can_pay(&order, owner) {
                    self.forget(slot, &order);
                    let reason = CloseReason::Unfunded;
                    teller.tell(instrument, EventBody::Closed { order: order.state(), reason });
                    continue;
                }
            }
            self.enter(order, slot, owner, teller);
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
