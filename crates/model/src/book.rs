//! Pieces of a book: a level, an order in line, and a side.

use crate::ids::OrderId;
use crate::instrument::{Price, Quantity};
use crate::time::Time;

/// All open quantity at one price. In a delta, quantity 0 removes the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// In ticks.
    pub price: Price,
    /// In lots.
    pub quantity: Quantity,
}

/// One resting order as the public sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderEntry {
    /// In ticks.
    pub price: Price,
    /// What is open, in lots.
    pub quantity: Quantity,
    /// Which order.
    pub order: OrderId,
    /// When it came to rest.
    pub time: Time,
    /// When it will be gone, if its owner said so.
    pub expires: Option<Time>,
}

/// One side of a book, or its top. Stored best last, because that is where books change; read best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookSide<'a, T = Level> {
    /// The entries, best last.
    best_last: &'a [T],
}

impl<'a, T> BookSide<'a, T> {
    /// A side over entries that are sorted with the best last.
    #[must_use]
    pub const fn new(best_last: &'a [T]) -> Self {
        Self { best_last }
    }
    /// The entries, best first: bids descending, asks ascending.
    pub fn best_first(&self) -> impl ExactSizeIterator<Item = &'a T> + Clone + use<'a, T> {
        self.best_last.iter().rev()
    }
    /// The entries as they are stored: best last.
    #[must_use]
    pub const fn best_last(&self) -> &'a [T] {
        self.best_last
    }
    /// The best entry.
    #[must_use]
    pub fn best(&self) -> Option<&'a T> {
        self.best_last.last()
    }
    /// The best `depth` entries.
    #[must_use]
    pub fn top(&self, depth: usize) -> Self {
        Self { best_last: &self.best_last[self.best_last.len().saturating_sub(depth)..] }
    }
    /// How many entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.best_last.len()
    }
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.best_last.is_empty()
    }
}
