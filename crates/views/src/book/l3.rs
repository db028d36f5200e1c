//! The book by order, as of the last event: each price has its orders in line, the oldest first.
//!
//! It follows what the engine says and decides nothing. What it does not know it ignores: an event about an
//! order that does not rest here changes nothing.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use model::{OrderEntry, OrderId, OrderState, Price, Quantity, Side, Time};

use super::{key_of, price_at};

/// Stands where there is no order.
const NOBODY: u32 = u32::MAX;

/// The orders of one price, in line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Where it stands on its side, see [`key_of`].
    pub key: i64,
    /// Σ of its orders.
    pub quantity: Quantity,
    /// How many orders.
    pub orders: u32,
    /// Free for the publishers: who has noted this line since they last spoke.
    pub marks: u32,
    /// The oldest order.
    head: u32,
    /// The youngest order.
    tail: u32,
}

/// One resting order, linked to its neighbours in line.
#[derive(Clone, Copy, Debug)]
struct Node {
    id: OrderId,
    side: Side,
    key: i64,
    quantity: Quantity,
    older: u32,
    younger: u32,
    time: Time,
    expires: Option<Time>,
}

/// An order that comes to rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    pub id: OrderId,
    pub quantity: Quantity,
    pub time: Time,
    pub expires: Option<Time>,
}

impl Resting {
    pub(crate) const fn of(order: &OrderState, time: Time) -> Self {
        Self { id: order.id, quantity: order.remaining, time, expires: order.expires() }
    }
}

/// Names a resting order for as long as nothing else changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(u32);

/// The book by order.
#[derive(Debug)]
pub(crate) struct L3 {
    /// Bids and asks, best last.
    sides: [Vec<Line>; 2],
    nodes: Vec<Node>,
    /// The first free node; the others follow by `younger`.
    free: u32,
    /// Looked up, never gone through.
    slots: HashMap<OrderId, u32, FixedState>,
}

impl L3 {
    pub(crate) fn new() -> Self {
        Self {
            sides: [Vec::new(), Vec::new()],
            nodes: Vec::new(),
            free: NOBODY,
            slots: HashMap::with_hasher(FixedState::with_seed(0)),
        }
    }

    /// The lines of a side, best last.
    pub(crate) fn lines(&self, side: Side) -> &[Line] {
        &self.sides[side as usize]
    }

    /// The lines of a side, for the publishers' marks only.
    pub(crate) fn lines_mut(&mut self, side: Side) -> &mut [Line] {
        &mut self.sides[side as usize]
    }

    /// The best price of a side.
    pub(crate) fn best(&self, side: Side) -> Option<Price> {
        self.lines(side).last().map(|line| price_at(side, line.key))
    }

    /// The orders of a line, oldest first.
    pub(crate) fn orders(&self, side: Side, line: &Line) -> impl Iterator<Item = OrderEntry> + '_ {
        let price = price_at(side, line.key);
        let mut at = line.head;
        core::iter::from_fn(move || {
            let node = self.nodes.get(at as usize)?;
            at = node.younger;
            let Node { id: order, quantity, time, expires, .. } = *node;
            Some(OrderEntry { price, quantity, order, time, expires })
        })
    }

    /// Where the order rests.
    pub(crate) fn slot(&self, id: OrderId) -> Option<Slot> {
        self.slots.get(&id).copied().map(Slot)
    }

    /// The side of a resting order and the place of its line there.
    pub(crate) fn place(&self, slot: Slot) -> (Side, usize) {
        let node = &self.nodes[slot.0 as usize];
        let at = self.find(node.side, node.key).expect("a resting order has its line");
        (node.side, at)
    }

    /// Finds the line of a key, or where it belongs.
    pub(crate) fn find(&self, side: Side, key: i64) -> Result<usize, usize> {
        self.sides[side as usize].binary_search_by_key(&key, |line| line.key)
    }

    /// Finds or opens the line of a price; says where it is and whether it is new.
    pub(crate) fn open(&mut self, side: Side, price: Price) -> (usize, bool) {
        let key = key_of(side, price);
        match self.find(side, key) {
            Ok(at) => (at, false),
            Err(at) => {
                let line = Line {
                    key,
                    quantity: Quantity::ZERO,
                    orders: 0,
                    marks: 0,
                    head: NOBODY,
                    tail: NOBODY,
                };
                self.sides[side as usize].insert(at, line);
                (at, true)
            }
        }
    }

    /// Puts an order at the end of a line. It must not rest anywhere yet.
    pub(crate) fn append(&mut self, side: Side, at: usize, order: Resting) {
        let Resting { id, quantity, time, expires } = order;
        let line = &mut self.sides[side as usize][at];
        let (key, older, younger) = (line.key, line.tail, NOBODY);
        let node = Node { id, side, key, quantity, older, younger, time, expires };
        let slot = if self.free == NOBODY {
            self.nodes.push(node);
            u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 orders rest at once")
        } else {
            let slot = self.free;
            self.free = self.nodes[slot as usize].younger;
            self.nodes[slot as usize] = node;
            slot
        };
        match line.tail {
            NOBODY => line.head = slot,
            tail => self.nodes[tail as usize].younger = slot,
        }
        line.tail = slot;
        line.quantity += quantity;
        line.orders += 1;
        let before = self.slots.insert(id, slot);
        debug_assert!(before.is_none(), "an order rests once");
    }

    /// Gives an order another open quantity; it keeps its place.
    pub(crate) fn resize(&mut self, slot: Slot, at: usize, quantity: Quantity) {
        let node = &mut self.nodes[slot.0 as usize];
        let line = &mut self.sides[node.side as usize][at];
        line.quantity += quantity - node.quantity;
        node.quantity = quantity;
    }

    /// Puts another order in an order's place. It must not rest yet; its quantity stays what it was.
    pub(crate) fn rename(&mut self, slot: Slot, order: Resting) {
        let node = &mut self.nodes[slot.0 as usize];
        self.slots.remove(&node.id);
        (node.id, node.time, node.expires) = (order.id, order.time, order.expires);
        self.slots.insert(order.id, slot.0);
    }

    /// Takes an order out of its line and says whether the line, now empty, is gone too.
    pub(crate) fn remove(&mut self, slot: Slot, at: usize) -> bool {
        let node = self.nodes[slot.0 as usize];
        let line = &mut self.sides[node.side as usize][at];
        match node.older {
            NOBODY => line.head = node.younger,
            older => self.nodes[older as usize].younger = node.younger,
        }
        match node.younger {
            NOBODY => line.tail = node.older,
            younger => self.nodes[younger as usize].older = node.older,
        }
        line.quantity -= node.quantity;
        line.orders -= 1;
        let gone = line.orders == 0;
        if gone {
            self.sides[node.side as usize].remove(at);
        }
        self.slots.remove(&node.id);
        self.nodes[slot.0 as usize].younger = self.free;
        self.free = slot.0;
        gone
    }
}
