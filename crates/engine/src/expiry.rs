//! Which good-till-date order ends next: a binary heap by (time, id) in which every order knows its place,
//! so that one that ends earlier is taken out at once and nothing stale piles up.
//!
//! It does not close orders; it says whose day has come.

use crate::orders::{NONE, Orders};
use model::{OrderId, Time};

#[derive(Clone, Copy, Debug)]
struct Entry {
    time: Time,
    id: OrderId,
    slot: u32,
}

impl Entry {
    fn key(&self) -> (Time, OrderId) {
        (self.time, self.id)
    }
}

/// The heap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry {
    heap: Vec<Entry>,
}

impl Expiry {
    /// The order that ends first, if its time has come.
    #[inline]
    pub fn due(&self, now: Time) -> Option<u32> {
        self.heap.first().filter(|first| first.time <= now).map(|first| first.slot)
    }
    /// Remembers an order's day.
    pub fn insert(&mut self, slot: u32, orders: &mut Orders) {
        let id = orders[slot].id;
        let time = orders.extra_mut(slot).expires;
        self.heap.push(Entry { time, id, slot });
        self.rise(self.heap.len() - 1, orders);
    }
    /// Forgets an order that ended before its day.
    pub fn remove(&mut self, slot: u32, orders: &mut Orders) {
        let extra = orders.extra_mut(slot);
        let place = extra.expiry as usize;
        extra.expiry = NONE;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.rise(place, orders);
            self.sink(place, orders);
        }
    }
    /// Moves the entry towards the top to where it belongs.
    fn rise(&mut self, mut place: usize, orders: &mut Orders) {
        while place > 0 {
            let above = (place - 1) / 2;
            if self.heap[above].key() <= self.heap[place].key() {
                break;
            }
            self.heap.swap(above, place);
            orders.extra_mut(self.heap[place].slot).expiry = place as u32;
            place = above;
        }
        orders.extra_mut(self.heap[place].slot).expiry = place as u32;
    }
    /// Moves the entry towards the bottom to where it belongs.
    fn sink(&mut self, mut place: usize, orders: &mut Orders) {
        loop {
            let mut below = 2 * place + 1;
            if below >= self.heap.len() {
                break;
            }
            if below + 1 < self.heap.len() && self.heap[below + 1].key() < self.heap[below].key() {
                below += 1;
            }
            if self.heap[place].key() <= self.heap[below].key() {
                break;
            }
            self.heap.swap(below, place);
            orders.extra_mut(self.heap[place].slot).expiry = place as u32;
            place = below;
        }
        orders.extra_mut(self.heap[place].slot).expiry = place as u32;
    }
}
