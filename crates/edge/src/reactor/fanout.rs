//! Who gets which frames in one turn, and the bytes of it.
//!
//! Sockets that are told the same frames in a turn are written the same bytes, so those are joined once for all of
//! them. A turn's frames make a tree: its root is *nothing yet*, and a step from one node to the next adds one
//! frame. Each socket stands on a node. Listeners with a stamp of their own are handed a copy each. Handing out a frame moves each listener one step, which costs two
//! array reads and a write, no hash, no reference count and no memory of the socket's own.

use dialects::FramePool;

use crate::outbox::{Slot, Told};
use crate::session::{Stamp, Ticket};

#[cfg(test)]
mod tests;

/// Where a socket stands that is told nothing.
const ROOT: u32 = 0;

/// No frame, no place.
const NONE: u32 = u32::MAX;

/// The joined bytes of several nodes are kept up to here; beyond, they are joined again when asked for.
const JOINED_BYTES_MAX: usize = 1024 * 1024;

/// When a turn has so many nodes, it is time to write.
const NODES_MAX: usize = 64 * 1024;

/// Stamped copies whose memory is remembered for being used again.
const COPIES_REMEMBERED_MAX: usize = 1_024;

/// What makes a listener's frames its own.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The slot by which they wait for its socket.
    slot: Slot,
    stamp: Stamp,
}

impl Mark {
    pub const fn new(ticket: Ticket, stamp: Stamp) -> Self {
        Self { slot: Slot::of_one(ticket.0), stamp }
    }
}

/// One set of frames that some sockets are told in this turn.
struct Node {
    /// The same without the last frame.
    parent: u32,
    /// The last frame, as an index into the turn's.
    frame: u32,
    /// How many frames there are in it.
    count: u32,
    /// The last frame that was added to this set, and the set with it.
    next_frame: u32,
    next: u32,
    /// Where its bytes lie in `joined`, if they do.
    joined: Option<(u32, u32)>,
    joined_in: u32,
}

/// Who gets which frames.
pub(crate) struct Fanout {
    /// Places of the sockets that listen, by slot.
    listeners: Vec<Vec<u32>>,
    /// Their marks, by slot; nothing for a slot whose listeners have none.
    marks: Vec<Vec<Option<Mark>>>,
    /// Where stamped copies are made.
    copies: FramePool,
    /// Where each socket stands, by place.
    stands: Vec<u32>,
    /// Places of the sockets that do not stand on the root.
    moved: Vec<u32>,
    frames: Vec<Told>,
    nodes: Vec<Node>,
    joined: Vec<u8>,
    /// Counts how often `joined` was begun anew.
    joined_in: u32,
    path: Vec<u32>,
}

impl Fanout {
    pub fn new() -> Self {
        let mut fanout = Self {
            listeners: Vec::new(),
            marks: Vec::new(),
            copies: FramePool::new(COPIES_REMEMBERED_MAX),
            stands: Vec::new(),
            moved: Vec::new(),
            frames: Vec::new(),
            nodes: Vec::new(),
            joined: Vec::new(),
            joined_in: 0,
            path: Vec::new(),
        };
        fanout.nodes.push(Node::after(NONE, NONE, 0));
        fanout
    }

    /// There are sockets at places below `places`.
    pub fn make_room(&mut self, places: usize) {
        if self.stands.len() < places {
            self.stands.resize(places, ROOT);
        }
    }

    /// The socket at this place listens to a slot from now on, with a mark or without; returns its spot among the
    /// listeners.
    pub fn listen(&mut self, slot: Slot, place: u32, mark: Option<Mark>) -> u32 {
        if self.listeners.len() <= slot.index() {
            self.listeners.resize_with(slot.index() + 1, Vec::new);
            self.marks.resize_with(slot.index() + 1, Vec::new);
        }
        let listeners = &mut self.listeners[slot.index()];
        let marks = &mut self.marks[slot.index()];
        if mark.is_some() || !marks.is_empty() {
            marks.resize_with(listeners.len(), || None);
            marks.push(mark);
        }
        listeners.push(place);
        (listeners.len() - 1) as u32
    }

    /// Whoever listens at this spot stops. Returns the place of the socket that has the spot now, if one does, and
    /// which spot it had.
    pub fn unlisten(&mut self, slot: Slot, spot: u32) -> Option<(u32, u32)> {
        let (listeners, marks) = (&mut self.listeners[slot.index()], &mut self.marks[slot.index()]);
        listeners.swap_remove(spot as usize);
        if !marks.is_empty() {
            marks.swap_remove(spot as usize);
        }
        if listeners.is_empty() {
            (*listeners, *marks) = (Vec::new(), Vec::new());
        }
        let from = self.listeners[slot.index()].len() as u32;
        self.listeners[slot.index()].get(spot as usize).map(|&place| (place, from))
    }

    /// Hands a frame to everybody who listens to its slot. Returns how many.
    pub fn tell(&mut self, told: Told) -> usize {
        let slot = told.slot.index();
        let Some(listeners) = self.listeners.get(slot) else { return 0 };
        if listeners.is_empty() {
            return 0;
        }
        if !self.marks[slot].is_empty() {
            return self.tell_each(&told);
        }
        let frame = self.frames.len() as u32;
        self.frames.push(told);
        // Neighbours mostly stand on the same node.
        let (mut from, mut to) = (NONE, NONE);
        for &place in listeners {
            let stand = &mut self.stands[place as usize];
            if *stand != from {
                from = *stand;
                to = step(&mut self.nodes, from, frame);
            }
            if from == ROOT {
                self.moved.push(place);
            }
            *stand = to;
        }
        listeners.len()
    }

    /// Hands everybody who listens to its slot a copy of a frame, with the stamp of whoever gets it.
    #[cold]
    fn tell_each(&mut self, told: &Told) -> usize {
        let listeners = self.listeners[told.slot.index()].len();
        for spot in 0..listeners {
            let place = self.listeners[told.slot.index()][spot];
            self.tell_one(told.clone(), place, spot as u32);
        }
        listeners
    }

    /// Hands a frame to one socket alone, which listens at this spot.
    pub fn tell_one(&mut self, mut told: Told, place: u32, spot: u32) {
        let marks = self.marks.get(told.slot.index());
        if let Some(Some(mark)) = marks.and_then(|marks| marks.get(spot as usize)) {
            told.slot = mark.slot;
            if told.frame.has_hole() {
                told.frame = self.copies.stamped(&told.frame, &mark.stamp);
            }
        }
        let frame = self.frames.len() as u32;
        self.frames.push(told);
        let stand = &mut self.stands[place as usize];
        if *stand == ROOT {
            self.moved.push(place);
        }
        *stand = step(&mut self.nodes, *stand, frame);
    }

    /// Whether so much was handed out that it is time to write.
    pub fn is_full(&self) -> bool {
        self.nodes.len() >= NODES_MAX
    }

    /// How many sockets were told something in this turn.
    pub fn moved(&self) -> usize {
        self.moved.len()
    }

    /// The place of one of them, and what it was told. It is then told nothing more: each is to be taken once.
    pub fn take(&mut self, index: usize) -> (u32, u32) {
        let place = self.moved[index];
        (place, std::mem::replace(&mut self.stands[place as usize], ROOT))
    }

    /// How many frames were told.
    #[inline]
    pub fn count(&self, node: u32) -> u32 {
        self.nodes[node as usize].count
    }

    /// The bytes of what was told.
    #[inline]
    pub fn bytes(&mut self, node: u32) -> &[u8] {
        let at = &self.nodes[node as usize];
        if at.parent == ROOT {
            return self.frames[at.frame as usize].frame.bytes();
        }
        let (from, to) = match at.joined {
            Some(range) if at.joined_in == self.joined_in => range,
            _ => self.join(node),
        };
        &self.joined[from as usize..to as usize]
    }

    /// The frames of what was told, in order.
    pub fn frames(&mut self, node: u32) -> impl Iterator<Item = &Told> {
        self.path.clear();
        let mut at = node;
        while at != ROOT {
            let node = &self.nodes[at as usize];
            self.path.push(node.frame);
            at = node.parent;
        }
        self.path.iter().rev().map(|&frame| &self.frames[frame as usize])
    }

    /// The turn is over: lets go of its frames. Everybody has to have been taken.
    pub fn end(&mut self) {
        self.frames.clear();
        self.moved.clear();
        self.joined.clear();
        self.joined_in = self.joined_in.wrapping_add(1);
        self.nodes.truncate(1);
        self.nodes[0].next_frame = NONE;
    }

    fn join(&mut self, node: u32) -> (u32, u32) {
        if self.joined.len() >= JOINED_BYTES_MAX {
            self.joined.clear();
            self.joined_in = self.joined_in.wrapping_add(1);
        }
        let from = self.joined.len() as u32;
        let mut joined = std::mem::take(&mut self.joined);
        for told in self.frames(node) {
            joined.extend_from_slice(told.frame.bytes());
        }
        self.joined = joined;
        let range = (from, self.joined.len() as u32);
        let node = &mut self.nodes[node as usize];
        (node.joined, node.joined_in) = (Some(range), self.joined_in);
        range
    }
}

/// The node that is `from` with one frame more. Frames are added in their order, so that only the last one that was
/// added to a node can be added again.
fn step(nodes: &mut Vec<Node>, from: u32, frame: u32) -> u32 {
    let next = nodes.len() as u32;
    let node = &mut nodes[from as usize];
    if node.next_frame == frame {
        return node.next;
    }
    (node.next_frame, node.next) = (frame, next);
    let count = node.count + 1;
    nodes.push(Node::after(from, frame, count));
    next
}

impl Node {
    const fn after(parent: u32, frame: u32, count: u32) -> Self {
        Self { parent, frame, count, next_frame: NONE, next: NONE, joined: None, joined_in: 0 }
    }
}
