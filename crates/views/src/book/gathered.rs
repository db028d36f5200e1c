//! A view of the best levels of a book, gathered in steps of price, as it was last told.
//!
//! Bids stand at the step at or below their price, asks at the step at or above, so that no view promises a better
//! price than the book has. Who listens to a view is told which of its levels changed, numbered without a gap; so a
//! view remembers what it told. It is there while somebody listens, and begins with a number that is no smaller than
//! any it had before: how often the book was published, which no view of it can have spoken more often.

use core::cmp::Ordering;

use model::{AnswerBody, BookSide, DepthUpdate, Level, Price, Quantity, Side, Time};

use super::l2::Ladder;
use super::{SIDES, entries, key_of};

/// A view of the best levels of a book.
#[derive(Debug)]
pub(crate) struct Gathered {
    depth: usize,
    /// In ticks; at least 1.
    step: i64,
    /// The stamp of what was told last; `None` where there is no book yet.
    stamp: Option<Time>,
    sequence: u64,
    /// What was told, best last.
    shown: [Vec<Level>; 2],
    totals: [Quantity; 2],
    /// What changed in it last, best last.
    delta: [Vec<Level>; 2],
    /// Room for the levels as they are now.
    fresh: Vec<Level>,
}

impl Gathered {
    /// A view of a book that was published `states` times, the last time so; `None` where there is no book yet.
    pub(crate) fn of(
        depth: u16,
        step: Option<Price>,
        states: u64,
        book: Option<(Time, &[Ladder; 2])>,
    ) -> Self {
        let mut view = Self {
            depth: entries(depth),
            step: step.map_or(1, |step| step.0.max(1)),
            stamp: None,
            sequence: states,
            shown: [const { Vec::new() }; 2],
            totals: [Quantity::ZERO; 2],
            delta: [const { Vec::new() }; 2],
            fresh: Vec::new(),
        };
        if let Some((stamp, ladders)) = book {
            view.look(ladders);
            view.totals = totals(ladders);
            view.stamp = Some(stamp);
        }
        view
    }

    /// The book was published again: tells what of it is news here. Where no level in view changed nothing is.
    pub(crate) fn follow(&mut self, stamp: Time, ladders: &[Ladder; 2]) -> Option<DepthUpdate<'_>> {
        let is_news = self.look(ladders);
        let begins = self.stamp.is_none();
        if !is_news && !begins {
            return None;
        }
        self.totals = totals(ladders);
        self.stamp = Some(stamp);
        self.sequence += 1;
        if begins {
            return self.whole();
        }
        Some(self.update(stamp, false, &self.delta))
    }

    /// The book is told by another kind of source from now on: its first word will be all there is.
    pub(crate) const fn begin_anew(&mut self) {
        self.stamp = None;
    }

    /// All that is in view, as it was told; `None` where there is no book yet.
    pub(crate) fn whole(&self) -> Option<DepthUpdate<'_>> {
        self.stamp.map(|stamp| self.update(stamp, true, &self.shown))
    }

    /// The same as an answer.
    pub(crate) fn answer(&self) -> AnswerBody {
        let Some(time) = self.stamp else { return AnswerBody::Unavailable };
        let [bids, asks] = SIDES.map(|side| self.shown[side as usize].iter().rev().copied());
        AnswerBody::Depth {
            time,
            sequence: self.sequence,
            bids: bids.collect(),
            asks: asks.collect(),
            bids_total: self.totals[0],
            asks_total: self.totals[1],
        }
    }

    fn update<'a>(
        &self,
        time: Time,
        snapshot: bool,
        [bids, asks]: &'a [Vec<Level>; 2],
    ) -> DepthUpdate<'a> {
        DepthUpdate {
            time,
            sequence: self.sequence,
            snapshot,
            bids: BookSide::new(bids),
            asks: BookSide::new(asks),
            bids_total: self.totals[0],
            asks_total: self.totals[1],
        }
    }

    /// Takes the book into view, and what differs into the delta; says whether anything does.
    fn look(&mut self, ladders: &[Ladder; 2]) -> bool {
        for side in SIDES {
            gather(side, &ladders[side as usize], self.depth, self.step, &mut self.fresh);
            let shown = &mut self.shown[side as usize];
            difference(side, shown, &self.fresh, &mut self.delta[side as usize]);
            core::mem::swap(shown, &mut self.fresh);
        }
        self.delta.iter().any(|levels| !levels.is_empty())
    }
}

/// The best `depth` levels of a side, gathered, into `out`, best last.
fn gather(side: Side, ladder: &Ladder, depth: usize, step: i64, out: &mut Vec<Level>) {
    out.clear();
    for level in ladder.as_side().best_first() {
        let price = at_step(side, level.price, step);
        let gathered = out.len();
        match out.last_mut() {
            Some(last) if last.price == price => {
                last.quantity = Quantity(last.quantity.0.saturating_add(level.quantity.0));
            }
            _ if gathered == depth => break,
            _ => out.push(Level { price, ..*level }),
        }
    }
    out.reverse();
}

/// The step that a price is gathered at.
const fn at_step(side: Side, price: Price, step: i64) -> Price {
    let above = price.0.rem_euclid(step);
    match side {
        Side::Buy => Price(price.0.saturating_sub(above)),
        Side::Sell if above == 0 => price,
        Side::Sell => Price(price.0.saturating_add(step - above)),
    }
}

/// What turns `before` into `after`, all best last.
fn difference(side: Side, before: &[Level], after: &[Level], out: &mut Vec<Level>) {
    out.clear();
    let (mut old, mut new) = (before, after);
    loop {
        let order = match (old.first(), new.first()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => key_of(side, old.price).cmp(&key_of(side, new.price)),
        };
        match order {
            Ordering::Less => out.push(Level { quantity: Quantity::ZERO, ..old[0] }),
            Ordering::Greater => out.push(new[0]),
            Ordering::Equal if old[0] != new[0] => out.push(new[0]),
            Ordering::Equal => {}
        }
        if order.is_le() {
            old = &old[1..];
        }
        if order.is_ge() {
            new = &new[1..];
        }
    }
}

/// What rests on each side.
fn totals(ladders: &[Ladder; 2]) -> [Quantity; 2] {
    SIDES.map(|side| {
        let levels = ladders[side as usize].best_last().iter();
        Quantity(levels.fold(0, |sum: i64, level| sum.saturating_add(level.quantity.0)))
    })
}
