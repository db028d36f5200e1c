//! Those who take: the taker for reasons of its own, the arbitrageur because of the price, the chaser when the
//! market comes to its stop orders.

use model::{Action, OrderKind, Price, Side, Span, TimeInForce, Trigger, TriggerWhen};

use super::chance::Chance;
use super::{Admitted, Scene};

/// A participant that takes, now and then in a burst.
pub(super) struct Taker {
    /// How long it waits between two acts, about, bursts aside.
    pub gap: Span,
    /// How often a burst begins.
    burst_percent: u64,
    /// How many acts of a burst are still to come.
    pub(super) burst: u64,
    pub(super) side: Side,
}

/// How many acts a burst has at most.
pub(super) const BURST_MAX: u64 = 8;

/// How many orders of its own a taker leaves in the book.
const LEFT_MAX: usize = 3;

impl Taker {
    pub const fn new(gap: Span, burst_percent: u64) -> Self {
        Self { gap, burst_percent, burst: 0, side: Side::Buy }
    }

    /// How long it waits until its next act.
    pub fn pause(&mut self, chance: &mut Chance) -> Span {
        if self.burst == 0 && chance.percent(self.burst_percent) {
            self.burst = 2 + chance.below(BURST_MAX - 1);
        }
        if self.burst == 0 {
            return chance.restless(self.gap);
        }
        self.burst -= 1;
        chance.steady(Span::millis(60))
    }

    pub fn act(&mut self, scene: &Scene<'_>, chance: &mut Chance, out: &mut Vec<Action>) {
        if scene.admitted != Admitted::All {
            return;
        }
        if let Some(oldest) = scene.mine.first()
            && (scene.mine.len() > LEFT_MAX || chance.percent(20))
        {
            out.push(scene.cancel(oldest));
        }
        if self.burst == 0 || chance.percent(15) {
            self.side = side_of(scene, chance);
        }
        let Some(best) = scene.opposite(self.side) else { return };
        let quantity = scene.quantity(60, best.price, chance);
        let reach = chance.below(1 + best.price.0.unsigned_abs() / 20_000) as i64;
        let limit = match self.side {
            Side::Buy => Price(best.price.0 + reach),
            Side::Sell => Price((best.price.0 - reach).max(1)),
        };
        let (kind, time_in_force) = match chance.below(100) {
            0..45 => (OrderKind::Market, TimeInForce::ImmediateOrCancel),
            45..83 => (OrderKind::Limit(limit), TimeInForce::ImmediateOrCancel),
            83..88 => (OrderKind::Limit(limit), TimeInForce::FillOrKill),
            _ => (OrderKind::Limit(limit), TimeInForce::GoodTillCanceled),
        };
        let mut order = scene.order(self.side, kind, quantity);
        order.time_in_force = time_in_force;
        out.push(Action::Place(order));
    }
}

/// Buys or sells, more likely what the fair price recommends.
fn side_of(scene: &Scene<'_>, chance: &mut Chance) -> Side {
    let (Some(bid), Some(ask)) = (scene.bid, scene.ask) else {
        return if chance.percent(50) { Side::Buy } else { Side::Sell };
    };
    let spread = (ask.price.0 - bid.price.0).max(1);
    // Twice the distance of the fair price from the middle, so that nothing is rounded.
    let lean = 2 * scene.fair.0 - bid.price.0 - ask.price.0;
    let percent = (50 + 20 * (lean / spread)).clamp(15, 85);
    if chance.percent(percent.unsigned_abs()) { Side::Buy } else { Side::Sell }
}

/// A participant that takes what is offered on the wrong side of the fair price, and nothing else.
pub(super) struct Arbitrageur {
    /// How long it waits between two acts, about.
    pub gap: Span,
    /// What it wants to gain, in ticks.
    pub margin: i64,
}

impl Arbitrageur {
    pub fn act(&self, scene: &Scene<'_>, out: &mut Vec<Action>) {
        if scene.admitted != Admitted::All {
            return;
        }
        let offers = [
            (Side::Buy, scene.ask.filter(|ask| ask.price.0 <= scene.fair.0 - self.margin)),
            (Side::Sell, scene.bid.filter(|bid| bid.price.0 >= scene.fair.0 + self.margin)),
        ];
        for (side, offer) in offers {
            let Some(offer) = offer else { continue };
            // A whole level, or as much as it dares.
            let most = scene.market.size.0.saturating_mul(32);
            let lots = i128::from(offer.quantity.0.min(most)).max(scene.least(offer.price));
            let quantity =
                model::Quantity(i64::try_from(lots).expect("not far above what rests there"));
            let mut order = scene.order(side, OrderKind::Limit(offer.price), quantity);
            order.time_in_force = TimeInForce::ImmediateOrCancel;
            out.push(Action::Place(order));
        }
    }
}

/// A participant with stop orders around the market: they fire when it moves far enough.
pub(super) struct Chaser {
    /// How long it waits between two acts, about.
    pub gap: Span,
    /// The smallest distance of a trigger from the last trade, in ticks.
    pub near: i64,
    /// The largest.
    pub far: i64,
}

/// How many orders a chaser keeps, armed and resting.
const STOPS_MAX: usize = 6;

impl Chaser {
    pub fn act(&self, scene: &Scene<'_>, chance: &mut Chance, out: &mut Vec<Action>) {
        if scene.admitted != Admitted::All {
            return;
        }
        if let Some(oldest) = scene.mine.first()
            && (scene.mine.len() >= STOPS_MAX || chance.percent(10))
        {
            out.push(scene.cancel(oldest));
        }
        let Some(last) = scene.last else { return };
        let distance = self.near + chance.falling(self.far - self.near, 2);
        let (side, trigger, limit) = if chance.percent(50) {
            let price = last.0 + distance;
            let trigger = Trigger::at(Price(price), TriggerWhen::AtOrAbove);
            (Side::Buy, trigger, Price(price + self.near))
        } else {
            let price = (last.0 - distance).max(2);
            let trigger = Trigger::at(Price(price), TriggerWhen::AtOrBelow);
            (Side::Sell, trigger, Price((price - self.near).max(1)))
        };
        let quantity = scene.quantity(80, trigger.price, chance);
        let kind = if chance.percent(60) { OrderKind::Market } else { OrderKind::Limit(limit) };
        let mut order = scene.order(side, kind, quantity);
        if kind == OrderKind::Market {
            order.time_in_force = TimeInForce::ImmediateOrCancel;
        }
        order.trigger = Some(trigger);
        out.push(Action::Place(order));
    }
}
