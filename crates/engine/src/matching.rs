//! Orders meet: an accepted order takes what it can at the prices it accepts, the best price first and at one
//! price the oldest order first; then it rests or ends.

use crate::engine::{Engine, Teller};
use crate::funds::{Backing, held_at};
use crate::ledger::Deal;
use crate::orders::{NONE, Order};
use crate::resting::{Book, Rail};
use model::{
    Amount, CloseReason, EventBody, Fill, NewOrder, Price, Quantity, SelfTradePolicy, Side, TradeId,
};

impl Engine {
    /// An accepted order begins.
    #[inline]
    pub(crate) fn place(&mut self, new: &NewOrder, backing: Backing, teller: &mut Teller<'_>) {
        let id = self.index.issue();
        let order = Order::new(id, new);
        if backing.hold > Amount::ZERO {
            let asset = self.books[new.instrument.index()].held_asset(new.side);
            self.ledger.hold(backing.owner, asset, backing.hold);
        }
        if new.trigger.is_some() {
            self.arm(order, teller);
        } else {
            teller.tell(new.instrument, EventBody::Created(order.state()));
            self.enter(order, NONE, backing.owner, teller);
        }
        self.wake(new.instrument, teller);
    }

    /// An order, accepted already, takes another's place.
    pub(crate) fn replace(
        &mut self,
        slot: u32,
        price: Price,
        quantity: Quantity,
        teller: &mut Teller<'_>,
    ) {
        let old = self.orders[slot];
        let id = self.index.issue();
        let new = Order { id, price, original: quantity, remaining: quantity, ..old };
        let owner = self.accounts.record_of(old.account).expect("who holds is known");
        let asset = self.books[old.instrument.index()].held_asset(old.flags.side());
        let more = self.hold_of(&new) - self.hold_of(&old);
        self.ledger.hold(owner, asset, more);
        let kept_place = price == old.price && quantity <= old.remaining;
        teller.tell(
            old.instrument,
            EventBody::Replaced { old: old.state(), new: new.state(), kept_place },
        );
        if kept_place {
            let book = &mut self.books[old.instrument.index()];
            book.shelves[old.level as usize].quantity -= old.remaining - quantity;
            // Only the id, the quantities and the place in line by id change; the slot and its queue stay.
            if old.flags.has_date() {
                self.expiry.remove(slot, &mut self.orders);
            }
            self.accounts.unlink(slot, &mut self.orders);
            self.index.remove(old.id);
            self.orders[slot] = new;
            self.index.insert(id, slot);
            self.accounts.link(slot, &mut self.orders);
            if old.flags.has_date() {
                self.expiry.insert(slot, &mut self.orders);
            }
        } else {
            self.take_out(slot);
            self.enter(new, NONE, owner, teller);
            self.wake(old.instrument, teller);
        }
    }

    /// An order, already told, meets the book. `slot` is where it lives if it was open before (a woken stop
    /// order), else [`NONE`]; `owner` is its account's record.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        mut order: Order,
        slot: u32,
        owner: u32,
        teller: &mut Teller<'_>,
    ) {
        let book = &self.books[order.instrument.index()];
        let other = Rail::resting(order.flags.side().opposite());
        let ended = match book.best(other) {
            Some((best, _)) if reaches(&order, best) => {
                if order.flags.is_post_only() {
                    Some(CloseReason::WouldMatch)
                } else if order.flags.is_fill_or_kill() && !self.can_fill(&order, other) {
                    Some(CloseReason::Killed)
                } else {
                    self.take(&mut order, owner, other, teller)
                }
            }
            _ if order.flags.is_fill_or_kill() => Some(CloseReason::Killed),
            _ => None,
        };
        if ended.is_none() && !order.remaining.is_zero() && order.flags.may_rest() {
            let slot = if slot == NONE {
                self.remember(order)
            } else {
                self.orders[slot] = Order { expiry: self.orders[slot].expiry, ..order };
                slot
            };
            let rail = Rail::resting(order.flags.side());
            let book = &mut self.books[order.instrument.index()];
            book.link(rail, order.price, slot, &mut self.orders);
            teller.tell(order.instrument, EventBody::Rested(order.state()));
            return;
        }
        if slot != NONE {
            self.forget(slot, &order);
        }
        if !order.remaining.is_zero() {
            self.release(&order);
            let reason = ended.unwrap_or(CloseReason::NotFilled);
            teller.tell(order.instrument, EventBody::Closed { order: order.state(), reason });
        }
    }

    /// Matches as far as price and quantity reach. Tells why the rest must end, if it met its own account.
    fn take(
        &mut self,
        taker: &mut Order,
        owner: u32,
        other: Rail,
        teller: &mut Teller<'_>,
    ) -> Option<CloseReason> {
        let instrument = taker.instrument;
        let mut policy = None;
        loop {
            let book = &mut self.books[instrument.index()];
            let (price, level) = book.best(other)?;
            if !reaches(taker, price) {
                return None;
            }
            let slot = book.shelves[level as usize].head;
            let maker = &mut self.orders[slot];
            let own = maker.account == taker.account;
            if own {
                let policy = *policy.get_or_insert_with(|| self.accounts.policy(taker.account));
                match policy {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => {
                        self.close(slot, CloseReason::SelfTrade, teller);
                        continue;
                    }
                    SelfTradePolicy::CancelArriving => return Some(CloseReason::SelfTrade),
                    SelfTradePolicy::CancelBoth => {
                        self.close(slot, CloseReason::SelfTrade, teller);
                        return Some(CloseReason::SelfTrade);
                    }
                }
            }
            let quantity = maker.remaining.min(taker.remaining);
            maker.remaining -= quantity;
            taker.remaining -= quantity;
            book.shelves[level as usize].quantity -= quantity;
            book.traded(price);
            let id = TradeId(self.next_trade);
            self.next_trade += 1;

            let terms = &book.terms;
            let value = terms.settlement.quote(price, quantity);
            let fees = terms.fees(value, own);
            let host = if own { Some(owner) } else { self.accounts.record_of(maker.account) };
            let host = host.expect("whoever has an open order has what it holds");
            let taker_buys = taker.flags.side() == Side::Buy;
            let (buyer_fee, seller_fee) = Deal::sides(fees, taker_buys);
            let (buyer, seller, held_at) =
                if taker_buys { (owner, host, held_at(taker)) } else { (host, owner, Some(price)) };
            let deal = Deal { buyer, seller, quantity, value, held_at, buyer_fee, seller_fee };
            self.ledger.settle(terms, &deal);

            teller.tell(
                instrument,
                EventBody::Filled(Fill {
                    id,
                    price,
                    quantity,
                    maker: maker.state(),
                    taker: taker.state(),
                    maker_fee: fees.maker,
                    taker_fee: fees.taker,
                }),
            );
            if maker.remaining.is_zero() {
                self.take_out(slot);
            }
            if taker.remaining.is_zero() {
                return None;
            }
        }
    }

    /// Whether the whole order would find its quantity, as its account's self-trade policy lets it.
    fn can_fill(&self, order: &Order, other: Rail) -> bool {
        let book = &self.books[order.instrument.index()];
        let mut missing = order.remaining;
        let account = self.accounts.find(order.account);
        let policy = account.map_or(SelfTradePolicy::default(), |account| account.policy);
        let meets_itself = account.is_some_and(|account| account.oldest != NONE);
        if policy == SelfTradePolicy::Allow || !meets_itself {
            for level in book.best_first(other) {
                let shelf = &book.shelves[level as usize];
                if !reaches(order, shelf.price) {
                    return false;
                }
                if shelf.quantity >= missing {
                    return true;
                }
                missing -= shelf.quantity;
            }
            return false;
        }
        for slot in book.queue(other, &self.orders) {
            let maker = &self.orders[slot];
            if !reaches(order, maker.price) {
                return false;
            }
            if maker.account == order.account {
                if policy == SelfTradePolicy::CancelResting {
                    continue;
                }
                return false;
            }
            if maker.remaining >= missing {
                return true;
            }
            missing -= maker.remaining;
        }
        false
    }
}

impl Book {
    /// A trade happened at this price.
    #[inline]
    fn traded(&mut self, price: Price) {
        self.last = Some(price);
        self.lowest = self.lowest.min(price);
        self.highest = self.highest.max(price);
    }
}

/// Whether an order accepts this price of the other side.
#[inline]
const fn reaches(order: &Order, price: Price) -> bool {
    order.flags.is_market()
        || match order.flags.side() {
            Side::Buy => price.0 <= order.price.0,
            Side::Sell => price.0 >= order.price.0,
        }
}
