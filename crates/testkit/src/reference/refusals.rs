//! Whether the slow market accepts a new order. The first reason found is told.

use super::Market;
use super::meeting::waking_price;
use model::{
    InstrumentId, Minimum, NewOrder, OrderKind, Price, Quantity, Rejection, Side, Status,
    TimeInForce,
};

impl Market {
    pub(super) fn refusal(&self, new: &NewOrder) -> Option<Rejection> {
        if !self.exists(new.instrument) {
            return Some(Rejection::UnknownInstrument);
        }
        if let Some(why) = self.status_refuses(new.instrument, new.post_only) {
            return Some(why);
        }
        let stays = match new.time_in_force {
            TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => true,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => false,
        };
        if new.kind == OrderKind::Market && stays {
            return Some(Rejection::BadCombination);
        }
        if new.post_only && !stays {
            return Some(Rejection::BadCombination);
        }
        if let OrderKind::Limit(price) = new.kind
            && !self.price_counts(new.instrument, price)
        {
            return Some(Rejection::BadPrice);
        }
        if let Some(trigger) = new.trigger
            && !self.price_counts(new.instrument, waking_price(trigger, trigger.price))
        {
            return Some(Rejection::BadPrice);
        }
        if !self.quantity_counts(new.instrument, new.quantity) {
            return Some(Rejection::BadQuantity);
        }
        // What it will trade at, as far as one can know: its limit, else its trigger, else the best price.
        let opposite = self.best(new.instrument, new.side.opposite());
        let about = match (new.kind, new.trigger) {
            (OrderKind::Limit(price), _) => Some(price),
            (OrderKind::Market, Some(trigger)) => Some(waking_price(trigger, trigger.price)),
            (OrderKind::Market, None) => opposite,
        };
        if self.too_small(new.instrument, about, new.quantity) {
            return Some(Rejection::BelowMinimum);
        }
        if let TimeInForce::GoodTillDate(time) = new.time_in_force
            && time <= self.now
        {
            return Some(Rejection::AlreadyExpired);
        }
        if let OrderKind::Limit(price) = new.kind {
            let reference = new.trigger.map(|it| waking_price(it, it.price)).or(opposite);
            if self.too_far_through(new.side, price, reference) {
                return Some(Rejection::OutsideBand);
            }
        }
        if (stays || new.trigger.is_some())
            && self.open.len() >= self.rules.open_orders_max as usize
        {
            return Some(Rejection::TooManyOrders);
        }
        None
    }

    pub(super) fn status_refuses(
        &self,
        instrument: InstrumentId,
        post_only: bool,
    ) -> Option<Rejection> {
        let status = self.statuses[instrument.index()];
        let welcome = match status {
            Status::Trading => true,
            Status::PostOnly => post_only,
            Status::CancelOnly | Status::Halted => false,
        };
        if welcome { None } else { Some(Rejection::NotTrading(status)) }
    }

    pub(super) fn price_counts(&self, instrument: InstrumentId, price: Price) -> bool {
        let units =
            i128::from(price.0) * i128::from(self.instruments[instrument.index()].tick_units);
        units > 0 && units <= 1 << 53
    }

    pub(super) fn quantity_counts(&self, instrument: InstrumentId, quantity: Quantity) -> bool {
        let lot_units = i128::from(self.instruments[instrument.index()].lot_units);
        let units = i128::from(quantity.0) * lot_units;
        let it = &self.instruments[instrument.index()];
        let price_max = Price((1 << 53) / it.tick_units);
        // 2^20 such orders still add up within 64 bits, and at the highest price with the highest fee their
        // value is still an amount.
        units > 0
            && units <= i128::from(i64::MAX / (1 << 20))
            && self.value(instrument, price_max, quantity) <= 1 << 118
            && self.lots(instrument, quantity) <= 1 << 118
    }

    pub(super) fn too_small(
        &self,
        instrument: InstrumentId,
        about: Option<Price>,
        quantity: Quantity,
    ) -> bool {
        let instrument = &self.instruments[instrument.index()];
        match instrument.minimum {
            Minimum::Quantity(minimum) => quantity < minimum,
            Minimum::Notional(minimum) => {
                about.is_some_and(|price| instrument.notional(price, quantity) < minimum)
            }
        }
    }

    pub(super) fn too_far_through(
        &self,
        side: Side,
        price: Price,
        reference: Option<Price>,
    ) -> bool {
        let (Some(band), Some(reference)) = (self.rules.band_basis_points, reference) else {
            return false;
        };
        let (price, reference) = (i128::from(price.0), i128::from(reference.0));
        // How far beyond the reference it is willing to go.
        let beyond = match side {
            Side::Buy => price - reference,
            Side::Sell => reference - price,
        };
        beyond * 10_000 > reference * i128::from(band)
    }
}
