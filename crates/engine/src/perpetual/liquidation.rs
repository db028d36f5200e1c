//! Liquidation, in stages, each at a `Mark` of its instrument, and of so many positions at each: first all orders end
//! that take the same margin, then as much of the position is closed through the book as should be enough, then all of
//! it, and what nobody takes is deleveraged.
//!
//! It trades at a price that is not too far from the mark, and never so badly that what the account has left, and the
//! insurance fund, could not pay for it.

use super::Position;
use super::margin::Health;
use super::orders::Entering;
use crate::engine::{Engine, Teller};
use crate::orders::{Arrival, NONE};
use model::{
    AlertKind, Amount, CloseReason, EventBody, MarginMode, NewOrder, OrderKind, PerpetualEvent,
    Price, Quantity, Side, Status, TimeInForce,
};

/// Positions whose liquidation goes on at one `Mark`.
pub(crate) const TAKEN_ON: usize = 8;
/// After the partial attempt, so many times all of it is tried through the book before it is deleveraged.
const LAST_STAGE: u8 = 3;

impl Engine {
    /// The next positions in line.
    pub(super) fn go_on_liquidating(&mut self, at: u32, teller: &mut Teller<'_>) {
        let perpetual = &self.perpetuals.list[at as usize];
        let book = &self.books[perpetual.terms.instrument.index()];
        if book.status != Status::Trading {
            return;
        }
        for _ in 0..perpetual.queue.len().min(TAKEN_ON) {
            let Some(slot) = self.perpetuals.list[at as usize].queue.pop_front() else { return };
            self.liquidate(at, slot, teller);
            if self.perpetuals.position(at, slot).stage > 0 {
                self.perpetuals.list[at as usize].queue.push_back(slot);
            }
        }
    }

    fn liquidate(&mut self, at: u32, slot: u32, teller: &mut Teller<'_>) {
        let stage = self.perpetuals.position(at, slot).stage;
        if stage == 1 {
            self.end_orders_of(at, slot, teller);
        }
        if self.concluded(at, slot, teller) {
            return;
        }
        let health = self.health(at, slot);
        let size = self.perpetuals.position(at, slot).size;
        let lots = if stage == 1 { self.enough(at, slot, &health) } else { size.abs() };
        if let Some(price) = self.worst_price(at, slot, lots, &health) {
            self.close_through_book(at, slot, lots, price, teller);
        }
        if self.concluded(at, slot, teller) {
            return;
        }
        let health = self.health(at, slot);
        if stage >= 2 && (health.equity <= 0 || stage >= LAST_STAGE) {
            self.deleverage(at, slot, &health, teller);
            if self.concluded(at, slot, teller) {
                return;
            }
        }
        self.perpetuals.position_mut(at, slot).stage = (stage + 1).min(LAST_STAGE);
    }

    /// Ends a liquidation whose position is gone, or in no danger any more.
    fn concluded(&mut self, at: u32, slot: u32, teller: &mut Teller<'_>) -> bool {
        let health = self.health(at, slot);
        let position = self.perpetuals.position_mut(at, slot);
        if position.size != 0 && health.level(position.mode) == 4 {
            return false;
        }
        position.stage = 0;
        position.level = if position.size == 0 { 0 } else { 3 };
        let record = position.record;
        let asset = self.perpetuals.list[at as usize].value.margin;
        self.ledger.look_again(record, asset);
        self.tell_alert(at, slot, AlertKind::LiquidationConcluded, &health, teller);
        true
    }

    /// Ends the orders that take the same margin: of a cross position all orders in perpetuals of its margin asset, of
    /// an isolated one those of its instrument.
    fn end_orders_of(&mut self, at: u32, slot: u32, teller: &mut Teller<'_>) {
        let &Position { record, mode, .. } = self.perpetuals.position(at, slot);
        let asset = self.perpetuals.list[at as usize].value.margin;
        let mut next = self.accounts.all()[record as usize].oldest;
        while next != NONE {
            let order = next;
            next = self.orders.links[order as usize].younger;
            let Some(other) = self.perpetuals.find(self.orders[order].instrument) else { continue };
            let same = match mode {
                MarginMode::Isolated => other == at,
                MarginMode::Cross => self.perpetuals.list[other as usize].value.margin == asset,
            };
            if same {
                self.close(order, CloseReason::Liquidation, teller);
            }
        }
    }

    /// So many lots that, closed at the mark, the equity is again five quarters of the maintenance margin.
    fn enough(&self, at: u32, slot: u32, health: &Health) -> i64 {
        let perpetual = &self.perpetuals.list[at as usize];
        let position = self.perpetuals.position(at, slot);
        let whole = position.size.abs();
        let value = perpetual.value.value(perpetual.mark(), whole);
        let (_, own) = perpetual.margins(value, position.leverage);
        let too_much = health.maintenance - health.equity.max(0) * 4 / 5;
        if own <= 0 || too_much >= own {
            return whole;
        }
        // In millionths, rounded up.
        let ppm = (too_much * 1_000_000 + own - 1) / own;
        let lots = (i128::from(whole) * ppm + 999_999) / 1_000_000;
        i64::try_from(lots).unwrap_or(whole).clamp(1, whole)
    }

    /// The worst price at which so many lots may be closed; `None` if not even the mark can be paid for.
    fn worst_price(&self, at: u32, slot: u32, lots: i64, health: &Health) -> Option<Price> {
        let perpetual = &self.perpetuals.list[at as usize];
        let position = self.perpetuals.position(at, slot);
        let mark = perpetual.mark();
        let fund = self.perpetuals.insurance[perpetual.value.margin.index()].max(0);
        let budget = health.equity + fund;
        let way = i128::from(position.size.signum());
        let terms = &self.books[perpetual.terms.instrument.index()].terms;
        let sign = perpetual.value.sign() * way;
        let at_mark = perpetual.value.value(mark, lots);
        let can_pay = |price: Price| {
            let value = perpetual.value.value(price, lots);
            let loss = sign * (at_mark - value);
            loss.max(0) + terms.fees(Amount(value), false).taker.0 <= budget
        };
        let band =
            i128::from(mark.0) * i128::from(perpetual.terms.liquidation_band_ppm) / 1_000_000;
        let furthest = band.min(i128::from(mark.0) - 1) as i64;
        let steps = &self.books[perpetual.terms.instrument.index()].steps;
        let price = |ticks: i64| {
            let price = mark.0 - position.size.signum() * ticks;
            Price(price.clamp(1, steps.price_max.0))
        };
        if !can_pay(price(0)) {
            return None;
        }
        // The most ticks away that can be paid for: the further the worse.
        let (mut fits, mut beyond) = (0, furthest + 1);
        while beyond - fits > 1 {
            let middle = fits + (beyond - fits) / 2;
            if can_pay(price(middle)) {
                fits = middle;
            } else {
                beyond = middle;
            }
        }
        Some(price(fits))
    }

    fn close_through_book(
        &mut self,
        at: u32,
        slot: u32,
        lots: i64,
        price: Price,
        teller: &mut Teller<'_>,
    ) {
        let position = *self.perpetuals.position(at, slot);
        let instrument = self.perpetuals.list[at as usize].terms.instrument;
        let quantity = Quantity(lots);
        let event = PerpetualEvent::Liquidating {
            position: position.id,
            account: position.account,
            quantity,
            price,
        };
        self.tell_of(at, event, teller);
        let new = NewOrder {
            account: position.account,
            instrument,
            side: if position.size > 0 { Side::Sell } else { Side::Buy },
            kind: OrderKind::Limit(price),
            quantity,
            time_in_force: TimeInForce::ImmediateOrCancel,
            post_only: false,
            trigger: None,
        };
        let id = self.index.issue();
        let mut arrival = Arrival { id, new: &new, remaining: quantity, owner: position.record };
        teller.tell(instrument, || EventBody::Created(arrival.state()));
        let entering = Entering { at, slot, backed: 0, rate_ppm: 0, forced: true };
        self.enter_perpetual(&mut arrival, entering, teller);
    }
}
