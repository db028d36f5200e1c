//! Books: by order, by level, and as they were last published.
//!
//! Both sides are kept in the same way: sorted by a key that grows towards the best, so that the best stands
//! last, where books change most.

pub mod l3;

pub mod depth;
pub mod gathered;
pub mod l2;

pub mod publish;

use model::{Price, Side, WHOLE};

/// Where a price stands on its side: the better, the larger.
#[must_use]
pub const fn key_of(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => !price.0,
    }
}

/// The price that stands at a key; the inverse of [`key_of`].
#[must_use]
pub const fn price_at(side: Side, key: i64) -> Price {
    match side {
        Side::Buy => Price(key),
        Side::Sell => Price(!key),
    }
}

/// How many entries a depth shows.
#[must_use]
pub fn entries(depth: u16) -> usize {
    if depth == WHOLE { usize::MAX } else { usize::from(depth) }
}

/// Both sides, in the order in which they are always gone through.
pub const SIDES: [Side; 2] = [Side::Buy, Side::Sell];
