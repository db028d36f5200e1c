//! Orders meet: an accepted order takes what it can at the prices it accepts, the best price first and at one
//! price the oldest order first; then it rests or ends.

use crate::engine::{Engine, Teller};
use crate::funds::Backing;
use crate::ledger::{Bill, Deal};
use crate::orders::{Arrival, NONE};
use crate::resting::{Book, Rail};
use core::hint::black_box;
use model::{
    Amount, CloseReason, EventBody, Fill, NewOrder, OrderKind, Price, Quantity, SelfTradePolicy,
    Side, TimeInForce, TradeId,
};

impl Engine {
    /// An accepted order begins.
    #[inline(always)]
    pub(crate) fn place(&mut self, new: &NewOrder, backing: Backing, teller: &mut Teller<'_>) {
        let id = self.index.issue();
        let mut arrival = Arrival { id, new, remaining: new.quantity, owner: backing.owner };
        if backing.hold > Amount::ZERO {
            let asset = self.books[new.instrument.index()].held_asset(new.side);
            self.ledger.hold(backing.owner, asset, backing.hold);
        }
        if let Some(trigger) = new.trigger {
            self.arm(&arrival, trigger, teller);
        } else {
            teller.tell(new.instrument, || EventBody::Created(arrival.state()));
            self.enter(&mut arrival, NONE, teller);
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
        let before = self.orders.state(&old, old.remaining);
        let kind = OrderKind::Limit(price);
        let new = NewOrder { kind, quantity, ..self.orders.asked(&old) };
        let mut arrival = Arrival { id, new: &new, remaining: quantity, owner: old.owner };
        let book = &mut self.books[old.instrument.index()];
        let side = old.flags.side();
        let more = book.terms.hold(side, Some(price), quantity)
            - book.terms.hold(side, Some(old.price), old.remaining);
        self.ledger.hold(old.owner, book.held_asset(side), more);
        let kept_place = price == old.price && quantity <= old.remaining;
        teller.tell(old.instrument, || EventBody::Replaced {
            old: before,
            new: arrival.state(),
            kept_place,
        });
        if kept_place {
            book.shelves[old.level as usize].quantity -= old.remaining - quantity;
            // Only the id, the quantities and the place in line by id change; the slot and its level stay.
            if old.flags.has_date() {
                self.expiry.remove(slot, &mut self.orders);
            }
            let links = self.orders.links[slot as usize];
            self.orders.part_in_account(links);
            self.accounts.unlink(old.owner, links);
            self.index.remove(old.id);
            let order = &mut self.orders[slot];
            order.id = id;
            order.original = quantity;
            order.remaining = quantity;
            self.index.insert(id, slot);
            self.join_account(slot);
        } else {
            self.take_out(slot, old.remaining);
            self.enter_again(&mut arrival, NONE, teller);
            self.wake(old.instrument, teller);
        }
    }

    /// An order, already told, meets the book. `slot` is where it lives if it was open before (a woken stop
    /// order), else [`NONE`].
    #[inline(always)]
    fn enter(&mut self, arrival: &mut Arrival<'_>, slot: u32, teller: &mut Teller<'_>) {
        let new = arrival.new;
        let book = &self.books[new.instrument.index()];
        let other = Rail::resting(new.side.opposite());
        let fill_or_kill = new.time_in_force == TimeInForce::FillOrKill;
        let ended = match book.best(other) {
            Some((best, _)) if reaches(new, best) => {
                if new.post_only {
                    Some(CloseReason::WouldMatch)
                } else if fill_or_kill && !self.can_fill(new, other) {
                    Some(CloseReason::Killed)
                } else {
                    self.take(arrival, other, teller)
                }
            }
            _ if fill_or_kill => Some(CloseReason::Killed),
            _ => None,
        };
        if ended.is_none()
            && !arrival.remaining.is_zero()
            && let OrderKind::Limit(price) = new.kind
            && let TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) = new.time_in_force
        {
            let slot = if slot == NONE {
                self.remember(arrival)
            } else {
                self.orders[slot].remaining = arrival.remaining;
                slot
            };
            let book = &mut self.books[new.instrument.index()];
            book.link(Rail::resting(new.side), price, slot, &mut self.orders);
            teller.tell(new.instrument, || EventBody::Rested(arrival.state()));
            return;
        }
        if slot != NONE {
            self.forget(slot, self.orders.links[slot as usize]);
        }
        if !arrival.remaining.is_zero() {
            self.release_rest(arrival);
            let reason = ended.unwrap_or(CloseReason::NotFilled);
            teller.tell(new.instrument, || EventBody::Closed { order: arrival.state(), reason });
        }
    }

    /// The same for an order that was open before.
    #[inline(never)]
    pub(crate) fn enter_again(
        &mut self,
        arrival: &mut Arrival<'_>,
        slot: u32,
        teller: &mut Teller<'_>,
    ) {
        self.enter(arrival, slot, teller);
    }

    /// Matches as far as price and quantity reach, and settles. Tells why the rest must end, if it met its own
    /// account.
    #[inline(never)]
    fn take(
        &mut self,
        arrival: &mut Arrival<'_>,
        other: Rail,
        teller: &mut Teller<'_>,
    ) -> Option<CloseReason> {
        let mut bill = Bill::default();
        let ended = self.meet(arrival, other, &mut bill, teller);
        if !bill.lots.is_zero() {
            let &mut Arrival { new, owner, .. } = arrival;
            let terms = &self.books[new.instrument.index()].terms;
            self.ledger.settle_taker(terms, owner, new.side, new.kind.limit(), &bill);
        }
        ended
    }

    /// Meets one resting order after the other. The makers are settled; what the taker owes is added up.
    #[inline(always)]
    fn meet(
        &mut self,
        arrival: &mut Arrival<'_>,
        other: Rail,
        bill: &mut Bill,
        teller: &mut Teller<'_>,
    ) -> Option<CloseReason> {
        let new = arrival.new;
        let instrument = new.instrument;
        let maker_side = new.side.opposite();
        let mut policy = None;
        loop {
            let book = &mut self.books[instrument.index()];
            let (price, level) = book.best(other)?;
            if !reaches(new, price) {
                return None;
            }
            let slot = book.shelves[level as usize].head;
            let maker = &self.orders[slot];
            let own = maker.account == new.account;
            if own {
                let policy = *policy.get_or_insert_with(|| self.accounts.policy(new.account));
                match policy {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => {
                        self.close_own(slot, teller);
                        continue;
                    }
                    SelfTradePolicy::CancelArriving => return Some(CloseReason::SelfTrade),
                    SelfTradePolicy::CancelBoth => {
                        self.close_own(slot, teller);
                        return Some(CloseReason::SelfTrade);
                    }
                }
            }
            let quantity = maker.remaining.min(arrival.remaining);
            let left = maker.remaining - quantity;
            arrival.remaining -= quantity;
            book.traded(price);
            if left.is_zero() {
                let next = self.orders.links[slot as usize].next;
                if !arrival.remaining.is_zero() && next != NONE {
                    // The next one has waited for long: it is fetched while this one is settled.
                    black_box(self.orders[next].remaining);
                }
                self.take_out(slot, quantity);
            } else {
                book.shelves[level as usize].quantity -= quantity;
                self.orders[slot].remaining = left;
            }
            // Its slot may be free, and still says what it was.
            let maker = &self.orders[slot];
            let id = TradeId(self.next_trade);
            self.next_trade += 1;

            let terms = &self.books[instrument.index()].terms;
            let value = terms.settlement.quote(price, quantity);
            let fees = terms.fees(value, own);
            let released = match maker_side {
                Side::Buy => terms.buy_hold(price, quantity),
                Side::Sell => Amount::ZERO,
            };
            let deal = Deal { quantity, value, fee: fees.maker, released };
            self.ledger.settle_maker(terms, maker.owner, maker_side, &deal);
            bill.lots += quantity;
            bill.value += value;
            bill.maker_fees += fees.maker;
            bill.taker_fees += fees.taker;

            teller.tell(instrument, || {
                EventBody::Filled(Fill {
                    id,
                    price,
                    quantity,
                    maker: self.orders.state(maker, left),
                    taker: arrival.state(),
                    maker_fee: fees.maker,
                    taker_fee: fees.taker,
                })
            });
            if arrival.remaining.is_zero() {
                return None;
            }
        }
    }

    #[cold]
    fn close_own(&mut self, slot: u32, teller: &mut Teller<'_>) {
        self.close(slot, CloseReason::SelfTrade, teller);
    }

    /// Whether the whole order would find its quantity, as its account's self-trade policy lets it.
    fn can_fill(&self, order: &NewOrder, other: Rail) -> bool {
        let book = &self.books[order.instrument.index()];
        let mut missing = order.quantity;
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
    pub(crate) fn traded(&mut self, price: Price) {
        self.last = Some(price);
        self.lowest = self.lowest.min(price);
        self.highest = self.highest.max(price);
    }
}

/// Whether an order accepts this price of the other side.
#[inline]
const fn reaches(order: &NewOrder, price: Price) -> bool {
    match (order.kind, order.side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit(limit), Side::Buy) => price.0 <= limit.0,
        (OrderKind::Limit(limit), Side::Sell) => price.0 >= limit.0,
    }
}
