//! Whether a command is accepted. Nothing here changes anything; the first reason found is told.
//!
//! An order that passes is sound in itself and countable, and its owner can pay for it (`funds`), which is asked
//! last.

use crate::engine::Engine;
use crate::funds::Backing;
use crate::resting::{Book, Rail};
use model::{
    AccountId, InstrumentId, NewOrder, OrderId, OrderKind, Price, Quantity, Rejection, Side,
    Status, TimeInForce, Trigger,
};

impl Engine {
    fn book(&self, instrument: InstrumentId) -> Result<&Book, Rejection> {
        self.books.get(instrument.index()).ok_or(Rejection::UnknownInstrument)
    }

    /// In this order: what [`Engine::check_sound`] asks, then funds.
    #[inline(always)]
    pub(crate) fn check_place(&self, new: &NewOrder) -> Result<Backing, Rejection> {
        self.check_sound(new)?;
        self.check_funds(new)
    }

    /// In this order: instrument, status, combination, prices, quantity, minimum, date, band, room.
    #[inline(always)]
    pub(crate) fn check_sound(&self, new: &NewOrder) -> Result<(), Rejection> {
        let book = self.book(new.instrument)?;
        check_status(book, new.post_only)?;
        let immediate =
            matches!(new.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        if immediate && new.post_only || !immediate && new.kind == OrderKind::Market {
            return Err(Rejection::BadCombination);
        }
        let limit = new.kind.limit();
        let trigger = new.trigger.map(Trigger::level);
        if limit.is_some_and(|price| !book.steps.counts_price(price))
            || trigger.is_some_and(|price| !book.steps.counts_price(price))
        {
            return Err(Rejection::BadPrice);
        }
        if !book.steps.counts_quantity(new.quantity) {
            return Err(Rejection::BadQuantity);
        }
        let opposite = book.best(Rail::resting(new.side.opposite())).map(|(price, _)| price);
        if book.steps.below_minimum(limit.or(trigger).or(opposite), new.quantity) {
            return Err(Rejection::BelowMinimum);
        }
        if let TimeInForce::GoodTillDate(time) = new.time_in_force
            && time <= self.now
        {
            return Err(Rejection::AlreadyExpired);
        }
        self.check_band(new.side, limit, trigger.or(opposite))?;
        if (!immediate || trigger.is_some()) && self.orders.count() >= self.rules.open_orders_max {
            return Err(Rejection::TooManyOrders);
        }
        Ok(())
    }

    /// In this order: instrument, status, order; then as for a new order.
    pub(crate) fn check_replace(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        order: OrderId,
        price: Price,
        quantity: Quantity,
    ) -> Result<u32, Rejection> {
        let book = self.book(instrument)?;
        if matches!(book.status, Status::Halted | Status::CancelOnly) {
            return Err(Rejection::NotTrading(book.status));
        }
        let slot = self.find_own(account, instrument, order)?;
        let flags = self.orders[slot].flags;
        check_status(book, flags.is_post_only())?;
        if flags.is_armed() {
            return Err(Rejection::BadCombination);
        }
        if !book.steps.counts_price(price) {
            return Err(Rejection::BadPrice);
        }
        if !book.steps.counts_quantity(quantity) {
            return Err(Rejection::BadQuantity);
        }
        if book.steps.below_minimum(Some(price), quantity) {
            return Err(Rejection::BelowMinimum);
        }
        let opposite = book.best(Rail::resting(flags.side().opposite())).map(|(price, _)| price);
        self.check_band(flags.side(), Some(price), opposite)?;
        self.check_replace_funds(&self.orders[slot], price, quantity)?;
        Ok(slot)
    }

    /// In this order: instrument, status, order.
    #[inline(always)]
    pub(crate) fn check_cancel(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        order: OrderId,
    ) -> Result<u32, Rejection> {
        self.check_cancel_all(instrument)?;
        self.find_own(account, instrument, order)
    }

    pub(crate) fn check_cancel_all(&self, instrument: InstrumentId) -> Result<(), Rejection> {
        match self.book(instrument)?.status {
            Status::Halted => Err(Rejection::NotTrading(Status::Halted)),
            Status::Trading | Status::PostOnly | Status::CancelOnly => Ok(()),
        }
    }

    #[inline(always)]
    fn find_own(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        order: OrderId,
    ) -> Result<u32, Rejection> {
        let own = |&slot: &u32| {
            let order = &self.orders[slot];
            order.account == account && order.instrument == instrument
        };
        self.index.find(order).filter(own).ok_or(Rejection::UnknownOrder(order))
    }

    #[inline(always)]
    fn check_band(
        &self,
        side: Side,
        limit: Option<Price>,
        reference: Option<Price>,
    ) -> Result<(), Rejection> {
        let (Some(limit), Some(reference)) = (limit, reference) else { return Ok(()) };
        let sell = side == Side::Sell;
        let through = if sell { limit < reference } else { limit > reference };
        if through && self.rules.outside_band(sell, limit, reference) {
            return Err(Rejection::OutsideBand);
        }
        Ok(())
    }
}

/// Whether the status lets in an order that is, or is not, sure to rest.
fn check_status(book: &Book, post_only: bool) -> Result<(), Rejection> {
    match book.status {
        Status::Trading => Ok(()),
        Status::PostOnly if post_only => Ok(()),
        status => Err(Rejection::NotTrading(status)),
    }
}
