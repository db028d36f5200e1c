//! The published state: what the subscribers of a cadence were last told, and what has changed since.
//!
//! The book by order moves with every event; what is shown of it moves at ticks. A publisher holds what was
//! shown: the levels themselves, and for each line that was touched since, its orders as they were. A line
//! that was not touched is its own published state. So a tick costs what changed, and what was shown can be
//! told again, exactly, at any moment between.

use model::{Cadence, Level, OrderEntry, OrderId, Price, Quantity, Side, Time};

use super::depth::Reach;
use super::l2::Ladder;
use super::l3::{L3, Resting};
use super::{SIDES, key_of, price_at};

mod image;

/// The most cadences of one book. Ticks of further ones publish nothing.
pub const CADENCES_MAX: usize = 32;

/// A book by order with its publishers.
#[derive(Debug)]
pub(crate) struct ByOrder {
    book: L3,
    publishers: Vec<Publisher>,
    /// The marks of a line that every publisher has noted.
    all: u32,
    /// The stamp of the book before its first change.
    start: Time,
    /// The stamp that was given last; the start before the first.
    stamp: Time,
    /// The last event that touched the book.
    touched: Time,
    /// Whether the book was touched since the last stamp was given.
    stale: bool,
}

/// What one cadence's subscribers were last told.
#[derive(Debug)]
pub(crate) struct Publisher {
    cadence: Cadence,
    stamp: Time,
    /// How many states it has published.
    states: u64,
    /// Bids and asks.
    ladders: [Ladder; 2],
    /// Lines touched since, best last.
    touched: [Vec<Touched>; 2],
    /// Orders of the touched lines as they were published.
    saved: Vec<OrderEntry>,
    /// The levels of the last delta, best last.
    delta: [Vec<Level>; 2],
}

/// A line as it was published, before it was touched.
#[derive(Clone, Copy, Debug)]
struct Touched {
    key: i64,
    /// Σ of its orders.
    quantity: Quantity,
    /// Its orders, a range of the publisher's `saved`.
    from: u32,
    till: u32,
}

impl Touched {
    /// Its orders as they were published.
    fn orders<'a>(&self, saved: &'a [OrderEntry]) -> &'a [OrderEntry] {
        &saved[self.from as usize..self.till as usize]
    }
    /// How many of its first orders are still the same.
    fn kept(&self, book: &L3, side: Side, saved: &[OrderEntry]) -> usize {
        let Ok(at) = book.find(side, self.key) else { return 0 };
        let now = book.orders(side, &book.lines(side)[at]);
        now.zip(self.orders(saved)).take_while(|(now, then)| now == *then).count()
    }
    /// Whether its orders are others than before.
    fn differs(&self, book: &L3, side: Side, saved: &[OrderEntry]) -> bool {
        let now = book.find(side, self.key).map_or(0, |at| book.lines(side)[at].orders as usize);
        let then = self.orders(saved).len();
        now != then || self.kept(book, side, saved) != then
    }
}

/// What a tick changed in the published state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// By level.
    pub levels: Reach,
    /// By order: per side the key of the best line that changed, and how many of its first orders did not.
    lines: [Option<(i64, usize)>; 2],
}

impl ByOrder {
    pub(crate) fn new(start: Time) -> Self {
        Self {
            book: L3::new(),
            publishers: Vec::new(),
            all: 0,
            start,
            stamp: start,
            touched: start,
            stale: false,
        }
    }

    pub(crate) const fn book(&self) -> &L3 {
        &self.book
    }

    /// The stamp of the book before its first change, and of what a cadence shows before its first tick.
    pub(crate) const fn start(&self) -> Time {
        self.start
    }

    pub(crate) fn publisher(&self, cadence: Cadence) -> Option<&Publisher> {
        self.publishers.iter().find(|publisher| publisher.cadence == cadence)
    }

    pub(crate) fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    /// An order comes to rest at the end of its line.
    pub(crate) fn rest(&mut self, side: Side, price: Price, order: Resting) {
        if order.quantity.0 <= 0 {
            return;
        }
        let time = order.time;
        self.set_remaining(time, order.id, Quantity::ZERO);
        let (at, new) = self.book.open(side, price);
        self.before(time, side, at, new);
        self.book.append(side, at, order);
    }

    /// A resting order has so much left; nothing takes it out of the book.
    pub(crate) fn set_remaining(&mut self, time: Time, id: OrderId, quantity: Quantity) {
        let Some(slot) = self.book.slot(id) else { return };
        let (side, at) = self.book.place(slot);
        self.before(time, side, at, false);
        if quantity.0 > 0 {
            self.book.resize(slot, at, quantity);
        } else {
            let key = self.book.lines(side)[at].key;
            if self.book.remove(slot, at) {
                for publisher in &mut self.publishers {
                    publisher.line_gone(side, key);
                }
            }
        }
    }

    /// A resting order gives its place to another; says whether it rested.
    pub(crate) fn hand_over(&mut self, old: OrderId, new: Resting) -> bool {
        let time = new.time;
        if old != new.id {
            self.set_remaining(time, new.id, Quantity::ZERO);
        }
        let Some(slot) = self.book.slot(old) else { return false };
        let (side, at) = self.book.place(slot);
        self.before(time, side, at, false);
        self.book.rename(slot, new);
        self.set_remaining(time, new.id, new.quantity);
        true
    }

    /// Everybody who has not yet noted this line keeps what they published of it, before it changes.
    fn before(&mut self, time: Time, side: Side, at: usize, new: bool) {
        self.touched = time;
        self.stale = true;
        let line = self.book.lines(side)[at];
        if line.marks == self.all {
            return;
        }
        for (bit, publisher) in self.publishers.iter_mut().enumerate() {
            if line.marks & (1 << bit) == 0 {
                publisher.note(&self.book, side, at, new);
            }
        }
        self.book.lines_mut(side)[at].marks = self.all;
    }

    /// A tick: what differs from what was published becomes the published state. `None` if nothing does.
    pub(crate) fn tick(&mut self, cadence: Cadence) -> Option<Change> {
        let bit = match self.publishers.iter().position(|p| p.cadence == cadence) {
            Some(bit) => bit,
            None if self.publishers.len() == CADENCES_MAX => return None,
            None => self.add(cadence),
        };
        let publisher = &mut self.publishers[bit];
        let change = publisher.compare(&mut self.book, 1 << bit)?;
        if self.stale {
            // Two states of one microsecond must still be told apart.
            self.stamp = self.touched.max(Time(self.stamp.0 + 1));
            self.stale = false;
        }
        publisher.stamp = self.stamp;
        publisher.states += 1;
        Some(change)
    }

    /// A cadence speaks for the first time: to its subscribers everything is new.
    fn add(&mut self, cadence: Cadence) -> usize {
        let bit = self.publishers.len();
        let mut publisher = Publisher::new(cadence, self.start);
        for side in SIDES {
            for line in self.book.lines_mut(side) {
                let quantity = Quantity::ZERO;
                let touched = Touched { key: line.key, quantity, from: 0, till: 0 };
                publisher.touched[side as usize].push(touched);
                line.marks |= 1 << bit;
            }
        }
        self.publishers.push(publisher);
        self.all |= 1 << bit;
        bit
    }

    /// How many orders of each side stand before the first that a tick changed.
    pub(crate) fn reach_of_orders(&self, change: &Change) -> Reach {
        let mut reach = Reach::default();
        for side in SIDES {
            if let Some((key, kept)) = change.lines[side as usize] {
                let better = self.book.lines(side).iter().rev().take_while(|line| line.key > key);
                reach.note(side, better.map(|line| line.orders as usize).sum::<usize>() + kept);
            }
        }
        reach
    }
}

impl Publisher {
    const fn new(cadence: Cadence, stamp: Time) -> Self {
        Self {
            cadence,
            stamp,
            states: 0,
            ladders: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)],
            touched: [const { Vec::new() }; 2],
            saved: Vec::new(),
            delta: [const { Vec::new() }; 2],
        }
    }

    pub(crate) const fn cadence(&self) -> Cadence {
        self.cadence
    }
    pub(crate) const fn stamp(&self) -> Time {
        self.stamp
    }
    pub(crate) const fn states(&self) -> u64 {
        self.states
    }
    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side as usize]
    }
    pub(crate) const fn ladders(&self) -> &[Ladder; 2] {
        &self.ladders
    }
    /// The levels of the last delta, best last.
    pub(crate) fn delta(&self, side: Side) -> &[Level] {
        &self.delta[side as usize]
    }

    /// Keeps the orders of a line that is about to change, unless they are kept already.
    fn note(&mut self, book: &L3, side: Side, at: usize, new: bool) {
        let line = &book.lines(side)[at];
        let touched = &mut self.touched[side as usize];
        let Err(place) = touched.binary_search_by_key(&line.key, |touched| touched.key) else {
            debug_assert!(new, "a line loses its marks only when it goes and comes again");
            return;
        };
        let from = offset(self.saved.len());
        self.saved.extend(book.orders(side, line));
        let till = offset(self.saved.len());
        touched.insert(place, Touched { key: line.key, quantity: line.quantity, from, till });
    }

    /// A line is gone. If nothing of it was ever published, nobody needs to know that it was touched, and what
    /// is kept stays within what was published and what rests.
    fn line_gone(&mut self, side: Side, key: i64) {
        let touched = &mut self.touched[side as usize];
        if let Ok(place) = touched.binary_search_by_key(&key, |touched| touched.key)
            && touched[place].from == touched[place].till
        {
            touched.remove(place);
        }
    }

    /// Takes what differs from the published state into it and into the delta.
    fn compare(&mut self, book: &mut L3, mark: u32) -> Option<Change> {
        let mut change = Change { levels: Reach::default(), lines: [None; 2] };
        let mut only_orders = true;
        for side in SIDES {
            self.delta[side as usize].clear();
            // Best last, so the last one that changed is the best one.
            let mut best: Option<Touched> = None;
            for &touched in &self.touched[side as usize] {
                let quantity = match book.find(side, touched.key) {
                    Ok(at) => {
                        let line = &mut book.lines_mut(side)[at];
                        line.marks &= !mark;
                        line.quantity
                    }
                    Err(_) => Quantity::ZERO,
                };
                let level = Level { price: price_at(side, touched.key), quantity };
                if touched.quantity == quantity {
                    // Only here need one look at the orders themselves.
                    if touched.differs(book, side, &self.saved) {
                        best = Some(touched);
                        if only_orders {
                            self.delta[side as usize].push(level);
                        }
                    }
                    continue;
                }
                if only_orders {
                    only_orders = false;
                    self.delta.iter_mut().for_each(Vec::clear);
                }
                best = Some(touched);
                self.ladders[side as usize].set(level);
                self.delta[side as usize].push(level);
            }
            change.lines[side as usize] =
                best.map(|touched| (touched.key, touched.kept(book, side, &self.saved)));
        }
        for side in SIDES {
            self.touched[side as usize].clear();
            if !only_orders && let Some(best) = self.delta[side as usize].last() {
                change.levels.note(side, self.ladder(side).better_than(best.price));
            }
        }
        self.saved.clear();
        change.lines.iter().any(Option::is_some).then_some(change)
    }

    /// Goes through the orders of a side as published, best first, until told to stop.
    pub(crate) fn each_order(
        &self,
        book: &L3,
        side: Side,
        visit: &mut dyn FnMut(OrderEntry) -> bool,
    ) {
        let mut lines = book.lines(side);
        let mut touched = &self.touched[side as usize][..];
        loop {
            let line = lines.last();
            let then = touched.last();
            let go_on = match (line, then) {
                (None, None) => return,
                (Some(line), then) if then.is_none_or(|then| then.key < line.key) => {
                    lines = &lines[..lines.len() - 1];
                    book.orders(side, line).all(&mut *visit)
                }
                (line, Some(then)) => {
                    if line.is_some_and(|line| line.key == then.key) {
                        lines = &lines[..lines.len() - 1];
                    }
                    touched = &touched[..touched.len() - 1];
                    then.orders(&self.saved).iter().copied().all(&mut *visit)
                }
                (Some(_), None) => return,
            };
            if !go_on {
                return;
            }
        }
    }
}

fn offset(length: usize) -> u32 {
    u32::try_from(length).expect("fewer than 2^32 orders rest at once")
}

/// A book that a source by level tells: what it says is published at once.
#[derive(Debug)]
pub(crate) struct ByLevel {
    /// `None` before the first snapshot.
    stamp: Option<Time>,
    /// How many states it has published, those included that its board published before it was there.
    states: u64,
    /// Bids and asks.
    ladders: [Ladder; 2],
    /// What is told, best last.
    delta: [Vec<Level>; 2],
}

impl ByLevel {
    pub(crate) const fn after(states: u64) -> Self {
        Self {
            stamp: None,
            states,
            ladders: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)],
            delta: [const { Vec::new() }; 2],
        }
    }

    /// The stamp of the last word; `None` before the first snapshot.
    pub(crate) const fn stamp(&self) -> Option<Time> {
        self.stamp
    }
    pub(crate) const fn states(&self) -> u64 {
        self.states
    }
    pub(crate) const fn ladders(&self) -> &[Ladder; 2] {
        &self.ladders
    }
    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side as usize]
    }
    /// The levels of the last delta, best last.
    pub(crate) fn delta(&self, side: Side) -> &[Level] {
        &self.delta[side as usize]
    }

    /// Some levels changed. The delta is what the source said, word for word. Returns its stamp, and how far
    /// from the best it reached.
    pub(crate) fn change(&mut self, time: Time, levels: [&[Level]; 2]) -> (Time, Reach) {
        for side in SIDES {
            let delta = &mut self.delta[side as usize];
            delta.clear();
            delta.extend(levels[side as usize].iter().rev());
        }
        // Before the first snapshot the words are passed on, but there is no book that they could change.
        let Some(before) = self.stamp else { return (time, Reach::default()) };
        let stamp = self.stamp_after(before, time);
        (stamp, self.take_in())
    }

    /// The whole book is this. The delta is the difference to what was there. Returns the stamp, whether
    /// there was a book before, and how far from the best the difference reached.
    pub(crate) fn replace(&mut self, time: Time, levels: [&[Level]; 2]) -> (Time, bool, Reach) {
        let before = self.stamp;
        for side in SIDES {
            let delta = &mut self.delta[side as usize];
            difference(side, self.ladders[side as usize].best_last(), levels[side as usize], delta);
        }
        let stamp = before.map_or(time, |before| self.stamp_after(before, time));
        self.stamp = Some(stamp);
        let mut reach = self.take_in();
        if before.is_none() {
            // Also an empty book is news to those who had none.
            for side in SIDES {
                reach.note(side, 0);
            }
        }
        (stamp, before.is_some(), reach)
    }

    /// The stamp of the book after the delta. Where nothing differs nothing is told, and the stamp stays: it is
    /// always that of something told.
    fn stamp_after(&mut self, before: Time, time: Time) -> Time {
        let differs = SIDES.iter().any(|&side| !self.delta(side).is_empty());
        let stamp = if differs { time.max(Time(before.0 + 1)) } else { before };
        self.stamp = Some(stamp);
        stamp
    }

    /// Takes the delta into the book.
    fn take_in(&mut self) -> Reach {
        self.states += 1;
        let mut reach = Reach::default();
        for side in SIDES {
            let ladder = &mut self.ladders[side as usize];
            let mut nearest: Option<Price> = None;
            for &level in &self.delta[side as usize] {
                let before = ladder.set(level);
                let nearer = nearest.is_none_or(|n| key_of(side, n) < key_of(side, level.price));
                if before != level.quantity && nearer {
                    nearest = Some(level.price);
                }
            }
            if let Some(price) = nearest {
                reach.note(side, ladder.better_than(price));
            }
        }
        reach
    }
}

/// What turns `before` (best last) into `after` (best first), best last.
fn difference(side: Side, before: &[Level], after: &[Level], out: &mut Vec<Level>) {
    out.clear();
    let mut old = before.iter().copied().peekable();
    let mut new = after.iter().rev().copied().peekable();
    loop {
        let key = |level: &Level| key_of(side, level.price);
        let (old_key, new_key) = (old.peek().map(key), new.peek().map(key));
        match (old_key, new_key) {
            (None, None) => return,
            (Some(old_key), new_key) if new_key.is_none_or(|new_key| old_key < new_key) => {
                out.extend(old.next().map(|level| Level { quantity: Quantity::ZERO, ..level }));
            }
            (old_key, _) => {
                let was = if old_key == new_key { old.next() } else { None };
                out.extend(new.next().filter(|&level| was != Some(level)));
            }
        }
    }
}
