//! Many commands in a row, as a journal is read again: the engine looks at what they name before it carries them
//! out one by one.
//!
//! An order that rested for long is in no cache, and a cancel waits for memory twice: for its place, then for
//! itself. Looked at together the waits of many commands are one. Nothing is changed and nothing is remembered
//! by looking; what happens is the same as one by one.

use crate::engine::Engine;
use crate::orders::NONE;
use crate::resting::Rail;
use core::hint::black_box;
use model::{Action, Command, Event, NewOrder, OrderId, OrderKind, Side};

/// Commands that are looked at together: enough to fill the queue of waits that a core can have.
const AHEAD: usize = 16;

impl Engine {
    /// Carries out commands one after another and appends what happened to `out`: the same as
    /// [`Engine::apply`] for each of them, only faster where orders are many.
    pub fn apply_all(&mut self, commands: &[Command], out: &mut Vec<Event>) {
        for commands in commands.chunks(AHEAD) {
            self.look_ahead(commands);
            for command in commands {
                self.apply(command, out);
            }
        }
    }

    /// Looks at what at most [`AHEAD`] commands name.
    fn look_ahead(&self, commands: &[Command]) {
        let mut slots = [NONE; AHEAD];
        let mut sum = 0_u64;
        for (slot, command) in slots.iter_mut().zip(commands) {
            *slot = match command.action {
                Action::Cancel { order, .. } | Action::Replace { order, .. } => {
                    self.index.find(order).unwrap_or(NONE)
                }
                Action::Place(ref new) => self.beside(new),
                _ => NONE,
            };
        }
        // Each round asks for all before any of the answers is needed.
        for &slot in slots.iter().filter(|&&slot| slot != NONE) {
            let OrderId(id) = self.orders[slot].id;
            sum =
                sum.wrapping_add(id).wrapping_add(u64::from(self.orders.links[slot as usize].next));
        }
        for &slot in slots.iter().filter(|&&slot| slot != NONE) {
            let links = self.orders.links[slot as usize];
            for beside in [links.next, links.prev, links.younger, links.older] {
                if beside != NONE {
                    sum = sum.wrapping_add(u64::from(self.orders.links[beside as usize].next));
                }
            }
        }
        black_box(sum);
    }

    /// The order that a new one will meet first: the one it takes from, or the one it stands behind.
    fn beside(&self, new: &NewOrder) -> u32 {
        let Some(book) = self.books.get(new.instrument.index()) else { return NONE };
        let other = Rail::resting(new.side.opposite());
        let reached = book.best(other).filter(|&(best, _)| match (new.kind, new.side) {
            (OrderKind::Market, _) => true,
            (OrderKind::Limit(limit), Side::Buy) => best <= limit,
            (OrderKind::Limit(limit), Side::Sell) => best >= limit,
        });
        if let Some((_, level)) = reached {
            return book.shelves[level as usize].head;
        }
        // Nothing has been checked yet: any number may stand here.
        let limit = new.kind.limit().filter(|&price| book.steps.counts_price(price));
        let level = limit.and_then(|price| book.seen(Rail::resting(new.side), price));
        level.map_or(NONE, |level| book.shelves[level as usize].tail)
    }
}
