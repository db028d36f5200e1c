//! Trailing stops: armed orders that the market is followed for. They stand in *runs*, each of the orders of one
//! distance for which the best trade is the same; a run is woken at its distance from that.
//!
//! Nothing is done for each order when the market moves. Of one distance an older run has seen all that a younger one
//! has, so the best trades of runs in line are further and further behind, the oldest is the first that is woken, and a
//! trade that is better than some overtakes the youngest, which then are one run. A trade so costs as much as there are
//! distances in use, and of runs that become one the shorter is told where it stands now.
//!
//! Not the waking itself, which is that of all stop orders: see `triggers`.

use crate::orders::{NONE, Orders};
use crate::resting::{Book, Rail, Shelf};
use model::{Price, Quantity, Trail, TriggerWhen};

/// All trailing stops of a book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trails {
    /// By direction and distance; none is empty.
    lines: Vec<Line>,
}

/// The runs of one direction and distance, the oldest first.
#[derive(Clone, Debug)]
struct Line {
    when: TriggerWhen,
    trail: Trail,
    runs: Vec<Run>,
}

/// Orders with the same best trade, in the order in which they came.
#[derive(Clone, Copy, Debug)]
struct Run {
    best: Price,
    /// Where that wakes them.
    level: Price,
    /// The shelf they stand in.
    shelf: u32,
}

/// Whether a trade at this price is better for those that wait than the other.
const fn is_better(when: TriggerWhen, price: Price, best: Price) -> bool {
    match when {
        TriggerWhen::AtOrAbove => price.0 < best.0,
        TriggerWhen::AtOrBelow => price.0 > best.0,
    }
}

impl Line {
    fn run(&self, best: Price, shelf: u32) -> Run {
        Run { best, level: self.trail.level(best, self.when), shelf }
    }
    fn rail(&self) -> Rail {
        Rail::trailing(self.when)
    }
}

impl Trails {
    /// Whether nobody follows the market.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn find(&self, when: TriggerWhen, trail: Trail) -> Result<usize, usize> {
        let rail = Rail::trailing(when) as u8;
        self.lines.binary_search_by_key(&(rail, trail), |line| (line.rail() as u8, line.trail))
    }

    /// Forgets the run in this shelf, which is empty.
    fn drop_run(&mut self, when: TriggerWhen, trail: Trail, shelf: u32) {
        let at = self.find(when, trail).expect("a run in use stands in a line");
        let runs = &mut self.lines[at].runs;
        let run = runs.iter().position(|run| run.shelf == shelf);
        runs.remove(run.expect("a shelf in use is a run's"));
        if runs.is_empty() {
            self.lines.remove(at);
        }
    }

    /// A run that a trade at this price wakes, and its shelf.
    fn reached(&self, price: Price) -> Option<u32> {
        let reached = |line: &&Line| line.when.reaches(line.runs[0].level, price);
        self.lines.iter().find(reached).map(|line| line.runs[0].shelf)
    }
}

impl Book {
    /// Puts an armed order behind the others of its distance; `best` is the best trade since it came.
    ///
    /// Nobody of its distance is younger, and nobody's best trade is worse than this.
    pub fn link_trailing(
        &mut self,
        when: TriggerWhen,
        trail: Trail,
        best: Price,
        slot: u32,
        orders: &mut Orders,
    ) {
        let at = match self.trails.find(when, trail) {
            Ok(at) => at,
            Err(at) => {
                self.trails.lines.insert(at, Line { when, trail, runs: Vec::new() });
                at
            }
        };
        let last = self.trails.lines[at].runs.last().copied().filter(|run| run.best == best);
        let shelf = match last {
            Some(run) => run.shelf,
            None => {
                let rail = Rail::trailing(when);
                let shelf = self.take_shelf(Price(i64::from(trail.basis_points())), rail);
                let line = &mut self.trails.lines[at];
                let run = line.run(best, shelf);
                line.runs.push(run);
                shelf
            }
        };
        self.link_in(shelf, slot, orders);
    }

    /// Forgets the run of a shelf of trailing stops that has become empty.
    #[cold]
    pub fn drop_trailing(&mut self, shelf: u32) {
        let Shelf { price: Price(points), rail, .. } = self.shelves[shelf as usize];
        let trail = u16::try_from(points).ok().and_then(Trail::new);
        let when = match rail {
            Rail::TrailAbove => TriggerWhen::AtOrAbove,
            _ => TriggerWhen::AtOrBelow,
        };
        self.trails.drop_run(when, trail.expect("a trailing shelf has a distance"), shelf);
    }

    /// The trades since the last look, which were of one order: hands out the shelf of each run that they wake, which
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
            for at in 0..self.trails.lines.len() {
                self.overtake(at, price, orders);
            }
        }
    }

    /// The runs of a line for which a trade at this price is the best so far are one from now on.
    fn overtake(&mut self, at: usize, price: Price, orders: &mut Orders) {
        let line = &mut self.trails.lines[at];
        let when = line.when;
        if line.runs.last().is_none_or(|run| !is_better(when, price, run.best)) {
            return;
        }
        let first = line.runs.partition_point(|run| is_better(when, run.best, price));
        let mut shelf = line.runs[first].shelf;
        for younger in first + 1..line.runs.len() {
            let other = self.trails.lines[at].runs[younger].shelf;
            shelf = self.join(shelf, other, orders);
        }
        let line = &mut self.trails.lines[at];
        line.runs.truncate(first);
        let run = line.run(price, shelf);
        line.runs.push(run);
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

    /// The trailing stops, by direction and distance, the oldest first: the slot of each, and the best trade that it
    /// has seen.
    pub fn followers<'a>(&'a self, orders: &'a Orders) -> impl Iterator<Item = (u32, Price)> + 'a {
        let runs = self.trails.lines.iter().flat_map(|line| &line.runs);
        runs.flat_map(move |run| self.line_of(run.shelf, orders).map(move |slot| (slot, run.best)))
    }
}
