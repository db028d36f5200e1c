//! Trailing stops: armed orders that the market is followed for. Those of one direction for which the best trade is the
//! same are a *group*; in it those of one distance stand in a *line*, which is woken at its distance from that trade.
//!
//! Nothing is done for each order, nor for each distance, when the market moves. An older group has seen all that a
//! younger one has, so the best trades of groups are further and further behind. A trade that is better than some
//! overtakes the youngest: they are one group from then on, with the smaller taken into the larger, line by line, and of
//! two lines the shorter is told where it stands now. Which group is woken next is kept in order. A trade so costs the
//! logarithm of how many groups there are, and what it wakes; what becomes one was placed by somebody first.
//!
//! Not the waking itself, which is that of all stop orders: see `triggers`.

use std::collections::{BTreeMap, BTreeSet};

use crate::orders::{NONE, Orders};
use crate::resting::{Book, Rail, Shelf};
use model::{Price, Quantity, Trail, TriggerWhen};

/// All trailing stops of a book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trails {
    /// The group of each line, by the line's shelf.
    group_of: BTreeMap<u32, u32>,
    groups: Vec<Group>,
    /// Groups that are in no use.
    free: Vec<u32>,
    above: Way,
    below: Way,
}

/// The groups of one direction.
#[derive(Clone, Debug, Default)]
struct Way {
    /// By the rank of their best trade: the youngest first.
    by_best: BTreeMap<i64, u32>,
    /// By the rank of the level at which the first of their lines is woken: the next one last.
    by_level: BTreeSet<(i64, u32)>,
}

/// Orders with the same best trade.
#[derive(Clone, Debug)]
struct Group {
    best: Price,
    /// The shelf of each line, by distance; none is empty. The first is the first that is woken.
    lines: BTreeMap<Trail, u32>,
    /// The rank by which it stands in [`Way::by_level`].
    level: i64,
}

const fn when_of(rail: Rail) -> TriggerWhen {
    match rail {
        Rail::TrailAbove => TriggerWhen::AtOrAbove,
        _ => TriggerWhen::AtOrBelow,
    }
}

impl Trails {
    const RAILS: [Rail; 2] = [Rail::TrailAbove, Rail::TrailBelow];

    /// Whether nobody follows the market.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.group_of.is_empty()
    }

    const fn way(&self, rail: Rail) -> &Way {
        match rail {
            Rail::TrailAbove => &self.above,
            _ => &self.below,
        }
    }

    const fn way_mut(&mut self, rail: Rail) -> &mut Way {
        match rail {
            Rail::TrailAbove => &mut self.above,
            _ => &mut self.below,
        }
    }

    /// A new group, without lines.
    fn begin(&mut self, rail: Rail, best: Price) -> u32 {
        let fresh = Group { best, lines: BTreeMap::new(), level: 0 };
        let group = if let Some(group) = self.free.pop() {
            self.groups[group as usize] = fresh;
            group
        } else {
            self.groups.push(fresh);
            self.groups.len() as u32 - 1
        };
        self.way_mut(rail).by_best.insert(rail.rank(best), group);
        group
    }

    /// Puts a group, which has lines, where it is woken.
    fn put_by_level(&mut self, rail: Rail, group: u32) {
        let it = &mut self.groups[group as usize];
        let (&nearest, _) = it.lines.first_key_value().expect("a group has lines");
        it.level = rail.rank(nearest.level(it.best, when_of(rail)));
        let entry = (it.level, group);
        self.way_mut(rail).by_level.insert(entry);
    }

    fn take_by_level(&mut self, rail: Rail, group: u32) {
        let entry = (self.groups[group as usize].level, group);
        self.way_mut(rail).by_level.remove(&entry);
    }

    /// A line goes into a group that has none of this distance.
    fn add_line(&mut self, rail: Rail, group: u32, trail: Trail, shelf: u32) {
        self.take_by_level(rail, group);
        self.groups[group as usize].lines.insert(trail, shelf);
        self.group_of.insert(shelf, group);
        self.put_by_level(rail, group);
    }

    /// Forgets the line in this shelf, which is empty.
    fn drop_line(&mut self, rail: Rail, trail: Trail, shelf: u32) {
        let group = self.group_of.remove(&shelf).expect("a line in use is in a group");
        self.take_by_level(rail, group);
        let it = &mut self.groups[group as usize];
        it.lines.remove(&trail);
        if !it.lines.is_empty() {
            return self.put_by_level(rail, group);
        }
        let rank = rail.rank(it.best);
        self.way_mut(rail).by_best.remove(&rank);
        self.free.push(group);
    }

    /// The shelf of a line that a trade at this price wakes.
    fn reached(&self, price: Price) -> Option<u32> {
        Self::RAILS.into_iter().find_map(|rail| {
            let &(rank, group) = self.way(rail).by_level.last()?;
            let is_reached = when_of(rail).reaches(rail.price(rank), price);
            let line = self.groups[group as usize].lines.first_key_value();
            line.filter(|_| is_reached).map(|(_, &shelf)| shelf)
        })
    }

    /// Takes out the youngest group, if its best trade has at most this rank.
    fn take_youngest(&mut self, rail: Rail, rank_max: i64) -> Option<u32> {
        let way = self.way_mut(rail);
        let youngest = way.by_best.first_entry().filter(|entry| *entry.key() <= rank_max)?;
        let group = youngest.remove();
        self.take_by_level(rail, group);
        Some(group)
    }
}

impl Book {
    /// Puts an armed order behind the others of its distance; `best` is the best trade since it came.
    pub fn link_trailing(
        &mut self,
        when: TriggerWhen,
        trail: Trail,
        best: Price,
        slot: u32,
        orders: &mut Orders,
    ) {
        let rail = Rail::trailing(when);
        let known = self.trails.way(rail).by_best.get(&rail.rank(best)).copied();
        let group = known.unwrap_or_else(|| self.trails.begin(rail, best));
        let line = self.trails.groups[group as usize].lines.get(&trail).copied();
        let shelf = line.unwrap_or_else(|| {
            let shelf = self.take_shelf(Price(i64::from(trail.basis_points())), rail);
            self.trails.add_line(rail, group, trail, shelf);
            shelf
        });
        self.link_in(shelf, slot, orders);
    }

    /// Forgets the line of a shelf of trailing stops that has become empty.
    #[cold]
    pub fn drop_trailing(&mut self, shelf: u32) {
        let Shelf { price: Price(points), rail, .. } = self.shelves[shelf as usize];
        let trail = u16::try_from(points).ok().and_then(Trail::new);
        self.trails.drop_line(rail, trail.expect("a trailing shelf has a distance"), shelf);
    }

    /// The trades since the last look, which were of one order: hands out the shelf of each line that they wake, which
    /// has to be emptied before the next is, and follows them with the others.
    ///
    /// One order trades at prices that rise or fall all the way, so that its first, its last and which way it went are
    /// all that there is to know.
    pub fn follow(
        &mut self,
        orders: &mut Orders,
        mut wake: impl FnMut(&mut Self, &mut Orders, u32),
    ) {
        let (Some(last), lowest, highest) = (self.last, self.lowest, self.highest) else { return };
        if lowest > highest {
            return;
        }
        let path = if last == highest { [lowest, highest] } else { [highest, lowest] };
        for price in path {
            while let Some(shelf) = self.trails.reached(price) {
                wake(self, orders, shelf);
            }
            for rail in Trails::RAILS {
                self.overtake(rail, price, orders);
            }
        }
    }

    /// The groups for which a trade at this price is the best so far are one from now on.
    fn overtake(&mut self, rail: Rail, price: Price, orders: &mut Orders) {
        let rank = rail.rank(price);
        // If the youngest has seen a trade as good as this one, so have all.
        let Some(mut group) = self.trails.take_youngest(rail, rank - 1) else { return };
        while let Some(older) = self.trails.take_youngest(rail, rank) {
            group = self.unite(older, group, orders);
        }
        self.trails.groups[group as usize].best = price;
        self.trails.way_mut(rail).by_best.insert(rank, group);
        self.trails.put_by_level(rail, group);
    }

    /// Makes one of two groups, the smaller of which goes into the other; gives which one that is.
    fn unite(&mut self, older: u32, younger: u32, orders: &mut Orders) -> u32 {
        let lines = |group: u32| self.trails.groups[group as usize].lines.len();
        let is_older_kept = lines(older) >= lines(younger);
        let (kept, freed) = if is_older_kept { (older, younger) } else { (younger, older) };
        for (trail, shelf) in core::mem::take(&mut self.trails.groups[freed as usize].lines) {
            let of_kept = self.trails.groups[kept as usize].lines.get(&trail).copied();
            let shelf = match of_kept {
                None => shelf,
                Some(other) => {
                    let (first, second) =
                        if is_older_kept { (other, shelf) } else { (shelf, other) };
                    let one = self.join(first, second, orders);
                    self.trails.group_of.remove(if one == first { &second } else { &first });
                    one
                }
            };
            self.trails.groups[kept as usize].lines.insert(trail, shelf);
            self.trails.group_of.insert(shelf, kept);
        }
        self.trails.free.push(freed);
        kept
    }

    /// Makes one line of the orders in two shelves, the older before the younger, and gives the shelf that they are in
    /// then; the other is free.
    fn join(&mut self, older: u32, younger: u32, orders: &mut Orders) -> u32 {
        let [one, two] = [older, younger].map(|shelf| self.shelves[shelf as usize]);
        // Both are walked until one is at its end, so that this takes as long as the shorter is.
        let (mut here, mut there) = (one.head, two.head);
        while here != NONE && there != NONE {
            here = orders.links[here as usize].next;
            there = orders.links[there as usize].next;
        }
        let (kept, freed, mut moved) =
            if here == NONE { (younger, older, one.head) } else { (older, younger, two.head) };
        let end = if here == NONE { one.tail } else { two.tail };
        loop {
            orders[moved].level = kept;
            if moved == end {
                break;
            }
            moved = orders.links[moved as usize].next;
        }
        orders.links[one.tail as usize].next = two.head;
        orders.links[two.head as usize].prev = one.tail;
        let shelf = &mut self.shelves[kept as usize];
        (shelf.head, shelf.tail) = (one.head, two.tail);
        shelf.quantity = Quantity(one.quantity.0 + two.quantity.0);
        self.free_shelf(freed);
        kept
    }

    /// The trailing stops, by direction and distance, the oldest group first: the slot of each, and the best trade that
    /// it has seen.
    pub fn followers<'a>(&'a self, orders: &'a Orders) -> impl Iterator<Item = (u32, Price)> + 'a {
        let mut lines = Vec::with_capacity(self.trails.group_of.len());
        for rail in Trails::RAILS {
            for &group in self.trails.way(rail).by_best.values().rev() {
                let Group { best, lines: of_group, .. } = &self.trails.groups[group as usize];
                lines.extend(
                    of_group.iter().map(|(&trail, &shelf)| (rail as u8, trail, shelf, *best)),
                );
            }
        }
        // Stable: of one distance the groups stay in order.
        lines.sort_by_key(|&(rail, trail, ..)| (rail, trail));
        lines.into_iter().flat_map(move |(_, _, shelf, best)| {
            self.line_of(shelf, orders).map(move |slot| (slot, best))
        })
    }
}
