//! Where an open order lives, by its id. Ids are given in sequence, so the newest two million are a plain
//! ring; the few open orders that outlive it are kept in a sorted list.
//!
//! Not an owner: it forgets an order when told to.

use crate::orders::NONE;
use model::OrderId;

/// How many of the newest ids the ring holds; a power of two, above the number of orders that may be open.
const RING: u64 = 1 << 21;

/// From ids to slots.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Slot + 1 of each open order among the newest ids, 0 elsewhere: memory that was never written costs
    /// nothing.
    ring: Vec<u32>,
    /// The id that will be given next.
    next: u64,
    /// Open orders older than the ring, ascending by id; those that have gone hold [`NONE`].
    old: Vec<(u64, u32)>,
    /// How many of them have gone.
    gone: usize,
}

impl Index {
    /// `next` is the first id that will be inserted, or later.
    pub fn new(next: OrderId) -> Self {
        Self { ring: vec![0; RING as usize], next: next.0, old: Vec::new(), gone: 0 }
    }
    /// The id that will be given next.
    pub const fn next(&self) -> OrderId {
        OrderId(self.next)
    }
    /// Takes the next id.
    #[inline]
    pub fn issue(&mut self) -> OrderId {
        let id = self.next;
        // The ring moves by one; an open order that falls off its end joins the old ones, in order of id.
        let place = (id % RING) as usize;
        let outlived = self.ring[place];
        if outlived != 0 {
            self.ring[place] = 0;
            self.old.push((id - RING, outlived - 1));
        }
        self.next += 1;
        OrderId(id)
    }
    /// Where an issued order now lives.
    #[inline]
    pub fn insert(&mut self, id: OrderId, slot: u32) {
        self.ring[(id.0 % RING) as usize] = slot + 1;
    }
    /// Takes back orders of an image: ascending ids below [`Index::next`].
    pub fn restore(&mut self, id: OrderId, slot: u32) {
        if self.next - id.0 <= RING {
            self.insert(id, slot);
        } else {
            self.old.push((id.0, slot));
        }
    }
    #[inline]
    const fn in_ring(&self, id: OrderId) -> bool {
        id.0 < self.next && self.next - id.0 <= RING
    }
    /// Where the order lives, if it is open.
    #[inline]
    pub fn find(&self, id: OrderId) -> Option<u32> {
        if self.in_ring(id) {
            let slot = self.ring[(id.0 % RING) as usize];
            return if slot == 0 { None } else { Some(slot - 1) };
        }
        let place = self.old.binary_search_by_key(&id.0, |&(old, _)| old).ok()?;
        let slot = self.old[place].1;
        (slot != NONE).then_some(slot)
    }
    /// Forgets an open order.
    #[inline(always)]
    pub fn remove(&mut self, id: OrderId) {
        if self.in_ring(id) {
            self.ring[(id.0 % RING) as usize] = 0;
            return;
        }
        self.remove_old(id);
    }
    #[cold]
    fn remove_old(&mut self, id: OrderId) {
        let place = self
            .old
            .binary_search_by_key(&id.0, |&(old, _)| old)
            .expect("an open order outside the ring is among the old ones");
        self.old[place].1 = NONE;
        self.gone += 1;
        if self.gone > 64 && self.gone * 2 > self.old.len() {
            self.old.retain(|&(_, slot)| slot != NONE);
            self.gone = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Random;
    use std::collections::BTreeMap;

    const FIRST: u64 = 1 << 50;

    #[test]
    fn a_few_orders_outlive_the_ring_several_times() {
        let mut index = Index::new(OrderId(FIRST));
        let mut random = Random::new(5);
        let mut open: BTreeMap<OrderId, u32> = BTreeMap::new();
        for round in 0..3 * RING as u32 {
            let id = index.issue();
            assert_eq!(index.find(id), None);
            // One in a thousand stays for long, and one in two thousand leaves: old and new ones.
            if random.below(1_000) == 0 {
                index.insert(id, round);
                open.insert(id, round);
            }
            if random.below(2_000) == 0 {
                let about = OrderId(FIRST + random.below(index.next - FIRST));
                if let Some((&id, &slot)) = open.range(about..).next() {
                    assert_eq!(index.find(id), Some(slot));
                    index.remove(id);
                    open.remove(&id);
                    assert_eq!(index.find(id), None);
                }
            }
            for edge in index.next - RING - 1..index.next - RING + 2 {
                assert_eq!(index.find(OrderId(edge)), open.get(&OrderId(edge)).copied());
            }
        }
        assert!(index.old.len() > 1_000 && index.gone > 0, "the old list was not at work");
        for (&id, &slot) in &open {
            assert_eq!(index.find(id), Some(slot));
        }
        for never in [0, FIRST - 1, index.next, index.next + RING, u64::MAX] {
            assert_eq!(index.find(OrderId(never)), None);
        }

        // Taken back from an image it knows the same.
        let mut again = Index::new(index.next());
        open.iter().for_each(|(&id, &slot)| again.restore(id, slot));
        for id in (FIRST..index.next).step_by(7).map(OrderId) {
            assert_eq!(again.find(id), index.find(id));
        }
        for _ in 0..2 * RING {
            again.issue();
        }
        assert!(open.iter().all(|(&id, &slot)| again.find(id) == Some(slot)));
        assert!(again.old.is_sorted() && again.old.len() == open.len());
        open.keys().for_each(|&id| again.remove(id));
        assert!(open.keys().all(|&id| again.find(id).is_none()));
        assert!(again.old.len() <= 64, "{} of the gone are kept", again.old.len());
    }
}
