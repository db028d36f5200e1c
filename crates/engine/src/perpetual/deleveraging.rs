//! Deleveraging, the very last: what a bankrupt position could not sell is closed against positions on the other side,
//! those first that won most, for the leverage that they won it with. Nobody pays fees.
//!
//! The price is the one at which the bankrupt has nothing left. Who is on the other side loses against the mark by it, and
//! so gives up no more than its own margin can bear; what is left then waits for the next time.
//!
//! It walks over all positions of the instrument, and happens only where book and insurance fund were not enough.

use super::Position;
use super::margin::Health;
use super::positions::Part;
use crate::engine::{Engine, Teller};
use model::{MarginMode, PerpetualEvent, Price, Quantity, SettledBy, Side};

impl Engine {
    pub(super) fn deleverage(
        &mut self,
        at: u32,
        slot: u32,
        health: &Health,
        teller: &mut Teller<'_>,
    ) {
        let bankrupt = *self.perpetuals.position(at, slot);
        let price = self.bankruptcy_price(at, &bankrupt, health.equity);
        for other in self.ranked(at, &bankrupt) {
            let left = self.perpetuals.position(at, slot).size.abs();
            if left == 0 {
                return;
            }
            let lots = self.bearable(at, other, price).min(left);
            if lots == 0 {
                continue;
            }
            let side = if bankrupt.size > 0 { Side::Sell } else { Side::Buy };
            let against = *self.perpetuals.position(at, other);
            let event = PerpetualEvent::Deleveraged {
                account: bankrupt.account,
                against: against.account,
                quantity: Quantity(lots),
                price,
            };
            self.tell_of(at, event, teller);
            let part = Part {
                side,
                price,
                quantity: lots,
                value: self.perpetuals.list[at as usize].value.value(price, lots),
                fee: 0,
                by: SettledBy::Deleveraging,
            };
            self.fill_position(at, slot, part, teller);
            self.fill_position(at, other, Part { side: side.opposite(), ..part }, teller);
        }
    }

    /// The worst price, in whole ticks, at which closing all of it leaves nothing missing; the best that can be counted
    /// if there is none.
    fn bankruptcy_price(&self, at: u32, bankrupt: &Position, equity: i128) -> Price {
        let perpetual = &self.perpetuals.list[at as usize];
        let steps = &self.books[perpetual.terms.instrument.index()].steps;
        let now = perpetual.value.worth(perpetual.mark(), bankrupt.size);
        let bears =
            |price: i64| equity + perpetual.value.worth(Price(price), bankrupt.size) - now >= 0;
        // A long bears the higher prices, a short the lower ones.
        let (mut bad, mut good) =
            if bankrupt.size > 0 { (0, steps.price_max.0) } else { (steps.price_max.0 + 1, 1) };
        while (good - bad).abs() > 1 {
            let middle = bad.midpoint(good);
            if bears(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Price(good)
    }

    /// The positions on the other side that are not being liquidated themselves: the highest profit × leverage first, of
    /// equals the lowest account.
    fn ranked(&self, at: u32, bankrupt: &Position) -> Vec<u32> {
        let perpetual = &self.perpetuals.list[at as usize];
        let mark = perpetual.mark();
        let mut ranked: Vec<_> = perpetual
            .positions
            .iter()
            .zip(0..)
            .filter(|(it, _)| it.size.signum() == -bankrupt.size.signum() && it.stage == 0)
            .map(|(it, slot)| {
                // Profit in millionths of what was paid.
                let share = perpetual.profit(it, mark) * 1_000_000 / it.cost.abs().max(1);
                (-share * i128::from(it.leverage), it.account, slot)
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., slot)| slot).collect()
    }

    /// So many lots of a position can be closed at this price without its margin being used up.
    fn bearable(&self, at: u32, slot: u32, price: Price) -> i64 {
        let perpetual = &self.perpetuals.list[at as usize];
        let position = self.perpetuals.position(at, slot);
        let equity = self.health(at, slot).equity;
        let (whole, way) = (position.size.abs(), position.size.signum());
        let bears = |lots: i64| {
            let size = way * lots;
            let loss =
                perpetual.value.worth(perpetual.mark(), size) - perpetual.value.worth(price, size);
            // Of an isolated position no more than the same part of its margin.
            let mine = match position.mode {
                MarginMode::Cross => equity,
                MarginMode::Isolated => equity * i128::from(lots) / i128::from(whole),
            };
            loss <= mine.max(0)
        };
        let (mut fits, mut beyond) = (0, whole + 1);
        while beyond - fits > 1 {
            let middle = fits + (beyond - fits) / 2;
            if bears(middle) {
                fits = middle;
            } else {
                beyond = middle;
            }
        }
        fits
    }
}
