//! Rows of a book that were written before: what has not changed since is copied, and only the rest is written anew.
//!
//! A book is told again and again with most of its rows as they were, and a row's numbers cost ten times what copying
//! their text costs. [`Kept`] is the memory of one subject's rows as they were written last. It belongs to whoever has
//! frames encoded, which lends it with the [`FrameBuilder`](crate::FrameBuilder); a dialect stays a pure function, for what
//! it writes does not depend on what is kept. Not a cache by content: it knows the last list of each side and nothing else.

use model::{BookSide, Level, OrderEntry, Price, Quantity, Side};

use written::{Place, Sides, Written};

use crate::text::Pen;

mod written;

#[cfg(test)]
pub mod tests;

/// What one subject's frames keep of their rows from one to the next. Empty, it is one word.
///
/// It must not be lent to another subject: a row's text may differ between them.
#[derive(Debug, Default)]
pub struct Kept(Option<Box<Sides>>);

/// A level with all that a text of it may say about those before it.
///
/// Equal only if those add up to the same: so what stands before the first change is kept, and what stands behind it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summed {
    /// The level.
    pub level: Level,
    /// What levels are counted from.
    pub middle: Price,
    /// Σ of quantities up to this level.
    pub quantity: Quantity,
    /// Σ of price × quantity up to this level, in ticks × lots.
    pub turnover: i128,
}

/// What rows can be made of: equal rows of one side have equal texts.
pub trait Row: Copy + PartialEq + Place {
    /// In ticks.
    fn price(&self) -> Price;

    /// What has happened where this row stands in the place of `kept`, which has the same price.
    fn meets(&self, kept: &Self) -> Meeting;
}

/// What has happened where two rows of one price differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// The one became the other.
    Changed,
    /// The old one is gone.
    Gone,
}

impl Row for Level {
    #[inline(always)]
    fn price(&self) -> Price {
        self.price
    }
    #[inline(always)]
    fn meets(&self, _: &Self) -> Meeting {
        Meeting::Changed
    }
}

impl Row for Summed {
    #[inline(always)]
    fn price(&self) -> Price {
        self.level.price
    }
    #[inline(always)]
    fn meets(&self, _: &Self) -> Meeting {
        Meeting::Changed
    }
}

impl Row for OrderEntry {
    #[inline(always)]
    fn price(&self) -> Price {
        self.price
    }
    /// Orders of one price stand in line: whoever stands there now was behind, and who stood there has left.
    #[inline(always)]
    fn meets(&self, kept: &Self) -> Meeting {
        if self.order == kept.order { Meeting::Changed } else { Meeting::Gone }
    }
}

impl Kept {
    /// Appends the rows of a side, the best first, with commas between. `write` appends one of them: what it writes may
    /// depend on the row, the side and the subject alone.
    pub fn list<T: Row>(
        &mut self,
        out: &mut Vec<u8>,
        side: Side,
        rows: BookSide<'_, T>,
        mut write: impl FnMut(&mut Vec<u8>, &T),
    ) {
        let sides = &mut **self.0.get_or_insert_default();
        let mut memory = core::mem::take(&mut sides.row);
        let kept = &mut T::place(sides)[side as usize];
        kept.renew(side, rows.best_last(), |written, row| {
            by_hand(written, &mut memory, |out| write(out, row));
        });
        out.extend_from_slice(kept.listed());
        sides.row = memory;
    }

    /// The same with a pen, for rows of so many bytes at most: the fastest.
    #[inline(always)]
    pub fn list_by_pen<T: Row>(
        &mut self,
        out: &mut Vec<u8>,
        side: Side,
        rows: BookSide<'_, T>,
        row_bytes_max: usize,
        mut write: impl FnMut(&mut Pen<'_>, &T),
    ) {
        let kept = &mut T::place(self.0.get_or_insert_default())[side as usize];
        kept.renew(side, rows.best_last(), |written, row| {
            written.write(1 + row_bytes_max, |pen| {
                pen.put(b",");
                write(pen, row);
            });
        });
        out.extend_from_slice(kept.listed());
    }

    /// The same of levels that are counted from `middle` and added up.
    pub fn list_summed(
        &mut self,
        out: &mut Vec<u8>,
        side: Side,
        levels: BookSide<'_>,
        middle: Price,
        mut write: impl FnMut(&mut Vec<u8>, &Summed),
    ) {
        let Sides { summed, sums, row: memory, .. } = &mut **self.0.get_or_insert_default();
        sums.clear();
        sums.extend(Summed::all(levels.best_first(), middle));
        sums.reverse();
        let kept = &mut summed[side as usize];
        kept.renew(side, sums, |written, row| by_hand(written, memory, |out| write(out, row)));
        out.extend_from_slice(kept.listed());
    }
}

/// Writes one row without a pen.
fn by_hand(written: &mut Written, memory: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    memory.clear();
    memory.push(b',');
    write(memory);
    written.write(memory.len(), |pen| pen.text(memory));
}

impl Summed {
    /// Adds up levels, the best first.
    pub fn all<'a>(
        levels: impl Iterator<Item = &'a Level>,
        middle: Price,
    ) -> impl Iterator<Item = Self> {
        let none = Self {
            level: Level { price: Price(0), quantity: Quantity::ZERO },
            middle,
            quantity: Quantity::ZERO,
            turnover: 0,
        };
        levels.scan(none, |sum, &level| {
            sum.level = level;
            sum.quantity += level.quantity;
            sum.turnover += i128::from(level.price.0) * i128::from(level.quantity.0);
            Some(*sum)
        })
    }
}
