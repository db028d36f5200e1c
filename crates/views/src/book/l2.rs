//! One side of a book by level: a sorted vector with the best last.
//!
//! Not what the engine matches in; it holds what was published.

use model::{BookSide, Level, Price, Quantity, Side};

use super::key_of;

/// One side of a book by level.
#[derive(Clone, Debug)]
pub struct Ladder {
    side: Side,
    /// Best last; no level is empty.
    levels: Vec<Level>,
}

impl Ladder {
    /// An empty side.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { side, levels: Vec::new() }
    }

    /// Sets the quantity at a price, 0 (or less, which nobody can mean) removes it, and says what stood there before.
    pub fn set(&mut self, level: Level) -> Quantity {
        match self.position(level.price) {
            Ok(at) if level.quantity.0 <= 0 => self.levels.remove(at).quantity,
            Ok(at) => core::mem::replace(&mut self.levels[at].quantity, level.quantity),
            Err(at) => {
                if level.quantity.0 > 0 {
                    self.levels.insert(at, level);
                }
                Quantity::ZERO
            }
        }
    }

    /// The quantity at a price; 0 if there is none.
    #[must_use]
    pub fn quantity_at(&self, price: Price) -> Quantity {
        self.position(price).map_or(Quantity::ZERO, |at| self.levels[at].quantity)
    }

    /// How many levels are better than this price.
    #[must_use]
    pub fn better_than(&self, price: Price) -> usize {
        let key = key_of(self.side, price);
        self.levels.len()
            - self.levels.partition_point(|level| key_of(self.side, level.price) <= key)
    }

    /// The levels, as they are told.
    #[must_use]
    pub fn as_side(&self) -> BookSide<'_> {
        BookSide::new(&self.levels)
    }

    /// The levels, best last.
    #[must_use]
    pub fn best_last(&self) -> &[Level] {
        &self.levels
    }

    /// The levels as an answer carries them: best first.
    #[must_use]
    pub fn to_best_first(&self) -> Vec<Level> {
        self.levels.iter().rev().copied().collect()
    }

    fn position(&self, price: Price) -> Result<usize, usize> {
        let key = key_of(self.side, price);
        self.levels.binary_search_by_key(&key, |level| key_of(self.side, level.price))
    }
}
