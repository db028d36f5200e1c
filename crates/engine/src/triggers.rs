//! Stop orders: armed outside the book, woken by trades.
//!
//! Every trade counts, not only a command's last: a stop order at a price that was traded is woken. Those that
//! a command's trades have reached form a wave and enter in the order of their ids; those that the wave's own
//! trades reach form the next. An order is woken once, so the waves end. What an order holds while it waits, and
//! what happens to one that cannot be paid for when it is woken, is said in `funds`. Trailing stops are woken together
//! with the others, and looked at after each order that traded: which trade came first counts for them (`trails`).

use crate::engine::{Engine, Teller};
use crate::orders::{Arrival, NONE, Orders};
use crate::resting::{Book, Rail};
use model::{
    CloseReason, EventBody, InstrumentId, NewOrder, OrderId, OrderKind, Price, Rejection, Side,
    Trigger,
};

impl Engine {
    /// A trailing stop as it is judged and told: it follows the market from the last trade on.
    pub(crate) fn following_last_trade(&self, new: &NewOrder) -> Result<NewOrder, Rejection> {
        let mut new = *new;
        if let Some(trigger) = &mut new.trigger
            && trigger.trail.is_some()
            && let Some(book) = self.books.get(new.instrument.index())
        {
            trigger.price = book.last.ok_or(Rejection::NothingTraded)?;
        }
        Ok(new)
    }

    /// An accepted stop order begins to wait. If the last trade has reached it already, it is in the next wave.
    pub(crate) fn arm(&mut self, arrival: &Arrival<'_>, trigger: Trigger, teller: &mut Teller<'_>) {
        teller.tell(arrival.new.instrument, || EventBody::Armed(arrival.state()));
        let slot = self.remember(arrival);
        self.orders[slot].flags.set_armed(true);
        let book = &mut self.books[arrival.new.instrument.index()];
        if let Some(trail) = trigger.trail {
            return book.link_trailing(trigger.when, trail, trigger.price, slot, &mut self.orders);
        }
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
        if !self.books[instrument.index()].trails.is_empty() {
            self.wake_trailing(instrument, teller);
        }
        while self.books[instrument.index()].reached().is_some() {
            self.wake_wave(instrument, teller);
        }
        self.books[instrument.index()].forget_trades();
    }

    /// The same as long as there is somebody who trails the market.
    #[cold]
    fn wake_trailing(&mut self, instrument: InstrumentId, teller: &mut Teller<'_>) {
        self.follow_trades(instrument);
        while self.books[instrument.index()].reached().is_some() || !self.fired.is_empty() {
            self.wake_wave(instrument, teller);
        }
    }

    /// Follows what an order has traded since the last look; who is reached by it is in the next wave.
    fn follow_trades(&mut self, instrument: InstrumentId) {
        let Self { books, orders, fired, .. } = self;
        books[instrument.index()].follow(orders, |book, orders, shelf| {
            book.take_all(shelf, orders, fired);
        });
    }

    #[cold]
    fn wake_wave(&mut self, instrument: InstrumentId, teller: &mut Teller<'_>) {
        let mut wave = core::mem::take(&mut self.wave);
        wave.append(&mut self.fired);
        let book = &mut self.books[instrument.index()];
        while let Some(level) = book.reached() {
            book.take_all(level, &mut self.orders, &mut wave);
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
            let book = &mut self.books[instrument.index()];
            if book.trails.is_empty() {
                self.enter_again(&mut arrival, slot, teller);
                continue;
            }
            // What it trades is looked at by itself, and then counted with what the others of the wave do.
            let (lowest, highest) = (book.lowest, book.highest);
            book.forget_trades();
            self.enter_again(&mut arrival, slot, teller);
            self.follow_trades(instrument);
            let book = &mut self.books[instrument.index()];
            (book.lowest, book.highest) = (book.lowest.min(lowest), book.highest.max(highest));
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
    /// Takes all orders out of a level.
    fn take_all(&mut self, level: u32, orders: &mut Orders, out: &mut Vec<(OrderId, u32)>) {
        loop {
            let slot = self.shelves[level as usize].head;
            let links = orders.links[slot as usize];
            orders.part_in_level(links);
            self.unlink(level, links, orders[slot].remaining);
            out.push((orders[slot].id, slot));
            if links.next == NONE {
                return;
            }
        }
    }
    #[inline]
    const fn forget_trades(&mut self) {
        self.lowest = Price(i64::MAX);
        self.highest = Price(i64::MIN);
    }
}
