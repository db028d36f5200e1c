//! A quoter: keeps a number of orders on each side of the market, within its own range of distances, and moves
//! those that the market has come too close to or has left behind.

use model::{Action, NewOrder, OrderKind, OrderState, Price, Side, Span, TimeInForce};

use super::chance::Chance;
use super::{Admitted, Scene};

/// A participant that quotes both sides.
pub(super) struct Quoter {
    /// How long it waits between two acts, about.
    pub gap: Span,
    /// How many orders a side it keeps open; what is missing it places at once, so that a swept book is full
    /// again when everybody has acted once.
    pub orders: usize,
    /// The smallest distance of a new order from the market, in ticks.
    pub near: i64,
    /// The largest.
    pub far: i64,
    /// How steeply its orders thin out with distance: 1 is evenly.
    pub power: u32,
    /// How many orders it moves in one act at most.
    pub moves: usize,
    /// How often it moves an order without need.
    pub restless_percent: u64,
    /// Its orders' size near the market, of the typical size.
    pub size_percent: i64,
    /// Its orders' size at `far`, of that at `near`.
    pub deeper_percent: i64,
    /// How often it chooses a round price.
    pub round_percent: u64,
    /// How often its orders are post-only.
    pub post_only_percent: u64,
    /// How often its orders have a date.
    pub dated_percent: u64,
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

impl Quoter {
    pub fn act(&self, scene: &Scene<'_>, chance: &mut Chance, out: &mut Vec<Action>) {
        let mut kept = [0_usize; 2];
        let mut moves = 0;
        for order in scene.mine {
            let distance = self.distance(scene, order);
            let misplaced = distance < self.near / 2 || distance > self.far + self.far / 4;
            if misplaced && moves < self.moves {
                moves += 1;
                self.reposition(scene, order, chance, out);
            }
            kept[order.side as usize] += 1;
        }
        if moves == 0 && !scene.mine.is_empty() && chance.percent(self.restless_percent) {
            let order = &scene.mine[chance.below(scene.mine.len() as u64) as usize];
            self.reposition(scene, order, chance, out);
        }
        for side in SIDES {
            for _ in kept[side as usize]..self.orders {
                out.push(Action::Place(self.order(scene, side, chance)));
            }
        }
    }

    /// Gives an order another place: by replacing it, or by a cancel and a new one.
    fn reposition(
        &self,
        scene: &Scene<'_>,
        order: &OrderState,
        chance: &mut Chance,
        out: &mut Vec<Action>,
    ) {
        let new = self.order(scene, order.side, chance);
        match new.kind {
            // A replacement keeps the old order's conditions, which may not be admitted now.
            // In perpetuals there is none.
            OrderKind::Limit(price)
                if scene.standing.is_none()
                    && scene.admitted == Admitted::All
                    && chance.percent(40) =>
            {
                out.push(Action::Replace {
                    account: scene.account,
                    instrument: new.instrument,
                    order: order.id,
                    price,
                    quantity: new.quantity,
                });
            }
            _ => out.extend([scene.cancel(order), Action::Place(new)]),
        }
    }

    fn order(&self, scene: &Scene<'_>, side: Side, chance: &mut Chance) -> NewOrder {
        let depth = chance.falling(self.far - self.near + 1, self.power);
        let market = anchor(scene, side);
        let mut price = match side {
            Side::Buy => market - self.near - depth,
            Side::Sell => market + self.near + depth,
        };
        if chance.percent(self.round_percent) {
            price = rounded(price, side, round_step(scene.fair, chance));
        }
        let price = Price(price.max(1));
        let deeper = (self.deeper_percent - 100) * depth / (self.far - self.near).max(1);
        let percent = self.size_percent * (100 + deeper) / 100;
        let quantity = scene.quantity(percent, price, chance);
        let mut order = scene.order(side, OrderKind::Limit(price), quantity);
        order.post_only =
            chance.percent(self.post_only_percent) || scene.admitted == Admitted::PostOnly;
        if chance.percent(self.dated_percent) {
            let till = scene.now + Span::seconds(chance.between(10, 240));
            order.time_in_force = TimeInForce::GoodTillDate(till);
        }
        order
    }

    /// How far an order stands from the market, in ticks.
    fn distance(&self, scene: &Scene<'_>, order: &OrderState) -> i64 {
        let Some(price) = order.kind.limit() else { return 0 };
        match order.side {
            Side::Buy => anchor(scene, Side::Buy) - price.0,
            Side::Sell => price.0 - anchor(scene, Side::Sell),
        }
    }
}

/// From where this side measures: the fair price, but never through what already rests on the other side.
/// So a wall that a visitor puts in the way moves the ladder as a whole and does not flatten it.
fn anchor(scene: &Scene<'_>, side: Side) -> i64 {
    match side {
        Side::Buy => scene.ask.map_or(scene.fair.0, |ask| scene.fair.0.min(ask.price.0 - 1)),
        Side::Sell => scene.bid.map_or(scene.fair.0, |bid| scene.fair.0.max(bid.price.0 + 1)),
    }
}

/// A step that makes a price look round: 1, 5, 10 or 50 times the largest power of ten ticks that is below a
/// twenty-thousandth of the price.
fn round_step(fair: Price, chance: &mut Chance) -> i64 {
    let mut step = 1;
    while step * 10 <= fair.0 / 20_000 {
        step *= 10;
    }
    step * [1, 5, 10, 50][chance.below(4) as usize]
}

/// The next multiple of `step`, away from the market.
pub(super) fn rounded(price: i64, side: Side, step: i64) -> i64 {
    match side {
        Side::Buy => price.div_euclid(step) * step,
        Side::Sell => (price + step - 1).div_euclid(step) * step,
    }
}
