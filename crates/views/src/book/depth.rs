//! Depth: how far from the best a change lies, and so which tops of the book it reaches.

use model::{OrderEntry, Side};

use super::entries;
use super::l3::L3;
use super::publish::Publisher;

/// How many entries of each side stand before the first that changed; `None` where nothing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// On the bids.
    pub bids: Option<usize>,
    /// On the asks.
    pub asks: Option<usize>,
}

impl Reach {
    /// Whether the best `depth` entries of either side are others than before.
    #[must_use]
    pub fn touches(self, depth: u16) -> bool {
        let depth = entries(depth);
        self.bids.is_some_and(|before| before < depth)
            || self.asks.is_some_and(|before| before < depth)
    }

    /// Says where the first change on one side is.
    pub fn note(&mut self, side: Side, before: usize) {
        let slot = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        *slot = Some(before);
    }
}

/// The first `depth` orders of a side as last published, best last, into `out`.
pub(crate) fn first_orders(
    publisher: &Publisher,
    book: &L3,
    side: Side,
    depth: usize,
    out: &mut Vec<OrderEntry>,
) {
    out.clear();
    if depth > 0 {
        publisher.each_order(book, side, &mut |entry| {
            out.push(entry);
            out.len() < depth
        });
    }
    out.reverse();
}
