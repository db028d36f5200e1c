//! The book of one instrument: levels with their queues on two sides, and the same for armed orders by
//! trigger price and direction.
//!
//! It keeps orders in line and adds up levels; it does not match, and tells nobody.

use crate::ladder::Ladder;
use crate::orders::{Links, NONE, Orders};
use crate::rules::Steps;
use crate::terms::Terms;
use crate::trails::Trails;
use model::{AssetId, Level, Price, Quantity, Side, Status, TriggerWhen};

/// All that waits at one price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf {
    /// Of trailing stops, which have no price that stays, the distance.
    pub price: Price,
    pub quantity: Quantity,
    /// First in line; in a free shelf, the next free one.
    pub head: u32,
    /// Last in line.
    pub tail: u32,
    /// The ladder it stands in.
    pub rail: Rail,
}

/// Which of a book's four ladders, or whose trails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rail {
    Bids,
    Asks,
    /// Armed at or above; the lowest trigger price is the nearest.
    Above,
    /// Armed at or below; the highest trigger price is the nearest.
    Below,
    /// Trailing the market from above: no ladder.
    TrailAbove,
    /// Trailing it from below: no ladder.
    TrailBelow,
}

impl Rail {
    /// Those that are ladders.
    pub const ALL: [Self; 4] = [Self::Bids, Self::Asks, Self::Above, Self::Below];

    pub const fn resting(side: Side) -> Self {
        match side {
            Side::Buy => Self::Bids,
            Side::Sell => Self::Asks,
        }
    }
    pub const fn armed(when: TriggerWhen) -> Self {
        match when {
            TriggerWhen::AtOrAbove => Self::Above,
            TriggerWhen::AtOrBelow => Self::Below,
        }
    }
    pub const fn trailing(when: TriggerWhen) -> Self {
        match when {
            TriggerWhen::AtOrAbove => Self::TrailAbove,
            TriggerWhen::AtOrBelow => Self::TrailBelow,
        }
    }
    /// A better price has a higher rank.
    #[inline]
    pub const fn rank(self, price: Price) -> i64 {
        match self {
            Self::Bids | Self::Below | Self::TrailBelow => price.0,
            Self::Asks | Self::Above | Self::TrailAbove => -price.0,
        }
    }
    /// The price of a rank.
    #[inline]
    pub const fn price(self, rank: i64) -> Price {
        match self {
            Self::Bids | Self::Below | Self::TrailBelow => Price(rank),
            Self::Asks | Self::Above | Self::TrailAbove => Price(-rank),
        }
    }
}

/// One instrument: its rules, status and book.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub steps: Steps,
    pub terms: Terms,
    pub status: Status,
    /// The last trade's price.
    pub last: Option<Price>,
    /// The lowest and highest trade since stop orders were last looked at; low above high if there was none.
    pub lowest: Price,
    pub highest: Price,
    ladders: [Ladder; 4],
    pub trails: Trails,
    pub shelves: Vec<Shelf>,
    free: u32,
}

impl Book {
    pub fn new(steps: Steps, terms: Terms) -> Self {
        Self {
            steps,
            terms,
            status: Status::default(),
            last: None,
            lowest: Price(i64::MAX),
            highest: Price(i64::MIN),
            ladders: Default::default(),
            trails: Trails::default(),
            shelves: Vec::new(),
            free: NONE,
        }
    }
    /// The asset that orders of a side hold.
    #[inline]
    pub const fn held_asset(&self, side: Side) -> AssetId {
        match side {
            Side::Buy => self.terms.settlement.quote,
            Side::Sell => self.terms.settlement.base,
        }
    }
    /// The best level of a rail: its price and number.
    #[inline]
    pub fn best(&self, rail: Rail) -> Option<(Price, u32)> {
        let (rank, level) = self.ladders[rail as usize].best()?;
        Some((rail.price(rank), level))
    }
    /// The level at this price, if it was seen lately.
    #[inline]
    pub fn seen(&self, rail: Rail, price: Price) -> Option<u32> {
        self.ladders[rail as usize].seen(rail.rank(price))
    }
    /// The numbers of a rail's levels, best first.
    pub fn best_first(&self, rail: Rail) -> impl Iterator<Item = u32> + '_ {
        self.ladders[rail as usize].best_first()
    }
    /// A rail's levels, best first.
    pub fn levels(&self, rail: Rail) -> impl Iterator<Item = Level> + '_ {
        self.best_first(rail).map(|level| {
            let shelf = &self.shelves[level as usize];
            Level { price: shelf.price, quantity: shelf.quantity }
        })
    }
    /// The slots of a rail's orders, best first, at one price the oldest first.
    pub fn queue<'a>(&'a self, rail: Rail, orders: &'a Orders) -> impl Iterator<Item = u32> + 'a {
        self.best_first(rail).flat_map(move |level| self.line_of(level, orders))
    }
    /// The slots of a level's orders, the oldest first.
    pub fn line_of<'a>(
        &'a self,
        level: u32,
        orders: &'a Orders,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let mut slot = self.shelves[level as usize].head;
        core::iter::from_fn(move || {
            let here = slot;
            if here == NONE {
                return None;
            }
            slot = orders.links[here as usize].next;
            Some(here)
        })
    }
    /// Puts an order at the end of the line at this price.
    #[inline(always)]
    pub fn link(&mut self, rail: Rail, price: Price, slot: u32, orders: &mut Orders) {
        let (shelves, free) = (&mut self.shelves, &mut self.free);
        let level = self.ladders[rail as usize].find_or_insert(rail.rank(price), || {
            let quantity = Quantity::ZERO;
            let fresh = Shelf { price, quantity, head: NONE, tail: NONE, rail };
            let level = *free;
            if level == NONE {
                shelves.push(fresh);
                return shelves.len() as u32 - 1;
            }
            *free = shelves[level as usize].head;
            shelves[level as usize] = fresh;
            level
        });
        self.link_in(level, slot, orders);
    }
    /// Puts an order at the end of the line in this level.
    #[inline(always)]
    pub fn link_in(&mut self, level: u32, slot: u32, orders: &mut Orders) {
        let shelf = &mut self.shelves[level as usize];
        let order = &mut orders[slot];
        shelf.quantity += order.remaining;
        order.level = level;
        let last = shelf.tail;
        shelf.tail = slot;
        let links = &mut orders.links[slot as usize];
        links.prev = last;
        links.next = NONE;
        if last == NONE {
            shelf.head = slot;
        } else {
            orders.links[last as usize].next = slot;
        }
    }
    /// Takes an order with these links, and the quantity that is still counted for it, out of its level.
    #[inline(always)]
    pub fn unlink(&mut self, level: u32, links: Links, counted: Quantity) {
        let shelf = &mut self.shelves[level as usize];
        shelf.quantity -= counted;
        if links.prev == NONE {
            shelf.head = links.next;
        }
        if links.next == NONE {
            shelf.tail = links.prev;
            if links.prev == NONE {
                self.drop_level(level);
            }
        }
    }
    fn drop_level(&mut self, level: u32) {
        let &Shelf { rail, price, .. } = &self.shelves[level as usize];
        if let Rail::TrailAbove | Rail::TrailBelow = rail {
            self.drop_trailing(level);
        } else {
            self.ladders[rail as usize].remove(rail.rank(price));
        }
        self.free_shelf(level);
    }
    /// A shelf without orders that stands in no ladder.
    pub fn take_shelf(&mut self, price: Price, rail: Rail) -> u32 {
        let fresh = Shelf { price, quantity: Quantity::ZERO, head: NONE, tail: NONE, rail };
        let shelf = self.free;
        if shelf == NONE {
            self.shelves.push(fresh);
            return self.shelves.len() as u32 - 1;
        }
        self.free = self.shelves[shelf as usize].head;
        self.shelves[shelf as usize] = fresh;
        shelf
    }
    /// Lets a shelf that is in no use be taken again.
    pub fn free_shelf(&mut self, shelf: u32) {
        self.shelves[shelf as usize].head = self.free;
        self.free = shelf;
    }
}
