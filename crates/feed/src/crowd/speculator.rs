//! A speculator: goes long or short in a perpetual with little money and much leverage, waits, and closes, if it has not been
//! liquidated by then. Whoever has lost its stake comes again with another one.
//!
//! It remembers nothing: what it has it looks up in the engine.

use model::{
    AccountId, Action, Amount, MarginMode, NewOrder, OrderKind, PerpetualAction, Quantity, Side,
    Span, TimeInForce,
};

use super::chance::Chance;
use super::{Admitted, Market, Scene, Standing};

/// A participant that holds positions on margin.
pub(super) struct Speculator {
    /// How long it waits between two acts, about.
    pub gap: Span,
    /// Times its margin; what the contract lets at most, if that is less.
    pub leverage: u16,
    /// What answers for its position.
    pub mode: MarginMode,
}

/// A position's value at most, in typical orders.
const ORDERS: i128 = 10;
/// How often it opens a position when it has none, and closes the one that it has.
const OPENS_PERCENT: u64 = 30;
const CLOSES_PERCENT: u64 = 1;
/// How often it goes long.
const LONG_PERCENT: u64 = 52;
/// What is left for fees and for what the book takes, in millionths of a position's value.
const COSTS_PPM: i128 = 2_500;

impl Speculator {
    /// What it does first: brings its stake, and chooses.
    pub fn enters(&self, market: &Market, account: AccountId, standing: &Standing) -> [Action; 3] {
        let instrument = market.instrument.id;
        let leverage = self.leverage(market);
        [
            self.deposit(market, account, standing),
            Action::Perpetual(PerpetualAction::SetLeverage { account, instrument, leverage }),
            Action::Perpetual(PerpetualAction::SetMarginMode {
                account,
                instrument,
                mode: self.mode,
            }),
        ]
    }

    pub fn act(&self, scene: &Scene<'_>, chance: &mut Chance, out: &mut Vec<Action>) {
        let Some(standing) = &scene.standing else { return };
        if scene.admitted != Admitted::All {
            return;
        }
        if standing.size == 0 {
            self.open(scene, standing, chance, out);
        } else if chance.percent(CLOSES_PERCENT) {
            let size = standing.size.abs();
            let lots = if chance.percent(30) { (size / 2).max(1) } else { size };
            let side = if standing.size > 0 { Side::Sell } else { Side::Buy };
            let order = at_market(scene, side, Quantity(lots));
            out.push(Action::Perpetual(PerpetualAction::Reduce(order)));
        }
    }

    fn open(
        &self,
        scene: &Scene<'_>,
        standing: &Standing,
        chance: &mut Chance,
        out: &mut Vec<Action>,
    ) {
        let stake = self.stake(scene.market, standing);
        if standing.free.0 < stake.0 / 2 {
            out.push(self.deposit(scene.market, scene.account, standing));
            return;
        }
        if !chance.percent(OPENS_PERCENT) {
            return;
        }
        let side = if chance.percent(LONG_PERCENT) { Side::Buy } else { Side::Sell };
        // Most of what the leverage lets, and not more than its stake was meant for.
        let percent = i128::from(chance.between(80, 99));
        let value =
            standing.free.0.min(stake.0) * percent / 100 * 1_000_000 / self.per_value(scene.market);
        let lots = value * i128::from(scene.market.size.0) / typical(scene.market, standing);
        let lots = i64::try_from(lots.max(scene.least(standing.mark))).unwrap_or(i64::MAX);
        out.push(Action::Place(at_market(scene, side, Quantity(lots))));
    }

    fn leverage(&self, market: &Market) -> u16 {
        let most = market.contract.as_ref().map_or(1, model::Contract::leverage_max);
        self.leverage.min(most)
    }

    /// What a position takes, in millionths of its value.
    fn per_value(&self, market: &Market) -> i128 {
        1_000_000 / i128::from(self.leverage(market)) + COSTS_PPM
    }

    /// What it brings: enough for so many typical orders.
    fn stake(&self, market: &Market, standing: &Standing) -> Amount {
        let value = standing.value.value(market.start, market.size.0) * ORDERS;
        Amount((value * self.per_value(market) / 1_000_000).max(1))
    }

    fn deposit(&self, market: &Market, account: AccountId, standing: &Standing) -> Action {
        let (asset, amount) = (standing.value.margin, self.stake(market, standing));
        Action::Deposit { account, asset, amount }
    }
}

/// What a typical order is worth now; never nothing.
fn typical(market: &Market, standing: &Standing) -> i128 {
    standing.value.value(standing.mark, market.size.0).max(1)
}

fn at_market(scene: &Scene<'_>, side: Side, quantity: Quantity) -> NewOrder {
    let mut order = scene.order(side, OrderKind::Market, quantity);
    order.time_in_force = TimeInForce::ImmediateOrCancel;
    order
}
