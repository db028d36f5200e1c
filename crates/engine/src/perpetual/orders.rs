//! Orders in perpetuals: what they reserve, whether they are accepted, how they meet.
//!
//! An order is *backed* for the lots that it could open as its account's position stood when it was accepted; for these
//! it reserves margin and fees. The rest of it can only close. So it stays: whatever happens to the position meanwhile,
//! an order never opens what nobody has backed, and what can neither open nor close any more ends. An order that may only
//! reduce is one that is backed for nothing.
//!
//! They match by the rules of all orders, price before time; the loop has its own copy here because a spot order must not
//! pay for what it does not need.

use super::positions::Part;
use super::refused;
use crate::engine::{Engine, Teller};
use crate::orders::{Arrival, NONE, Order};
use crate::resting::Rail;
use crate::terms::share;
use model::{
    AccountId, Amount, CloseReason, EventBody, Fill, NewOrder, OrderKind, PerpetualEvent,
    PerpetualRejection, Price, Quantity, Rejection, SelfTradePolicy, SettledBy, Side, TimeInForce,
    TradeId,
};

/// An arriving order, as its perpetual sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entering {
    pub at: u32,
    pub slot: u32,
    /// Lots that it may open.
    pub backed: i64,
    /// At which margin, in millionths.
    pub rate_ppm: u32,
    /// Whether it liquidates.
    pub forced: bool,
}

/// A resting order that a taker will meet, as far as it can trade.
struct Met {
    price: Price,
    lots: i64,
    own: bool,
}

impl Engine {
    #[cold]
    pub(crate) fn place_in_perpetual(
        &mut self,
        at: u32,
        new: &NewOrder,
        only_reduces: bool,
        teller: &mut Teller<'_>,
    ) {
        match self.check_in_perpetual(at, new, only_reduces) {
            Ok((backed, rate_ppm)) => {
                let slot = self.open_position(at, new.account);
                let owner = self.perpetuals.position(at, slot).record;
                let id = self.index.issue();
                let mut arrival = Arrival { id, new, remaining: new.quantity, owner };
                if only_reduces {
                    let event = PerpetualEvent::Reducing { account: new.account, order: id };
                    self.tell_of(at, event, teller);
                }
                teller.tell(new.instrument, || EventBody::Created(arrival.state()));
                let entering = Entering { at, slot, backed, rate_ppm, forced: false };
                self.enter_perpetual(&mut arrival, entering, teller);
            }
            Err(why) => self.reject(new.instrument, why, teller),
        }
    }

    /// As for all orders, then: kind, mark, liquidation, something to reduce, limit of the position, funds. Gives the lots
    /// that it is backed for, and the rate of their margin.
    fn check_in_perpetual(
        &self,
        at: u32,
        new: &NewOrder,
        only_reduces: bool,
    ) -> Result<(i64, u32), Rejection> {
        self.check_sound(new)?;
        let perpetual = &self.perpetuals.list[at as usize];
        let asset = perpetual.value.margin;
        if new.trigger.is_some() {
            return Err(refused(PerpetualRejection::NotForPerpetuals));
        }
        let mark = perpetual.marks.mark.ok_or(refused(PerpetualRejection::NoMarkPrice))?;
        let record = self.accounts.record_of(new.account).unwrap_or(NONE);
        if record != NONE && self.is_in_liquidation(record, asset) {
            return Err(refused(PerpetualRejection::InLiquidation));
        }
        let slot = perpetual.find(record);
        let position = slot.map(|slot| &perpetual.positions[slot as usize]);
        let (size, leverage, opposite) = match position {
            Some(it) => (it.size, it.leverage, it.opposite(new.side)),
            None => (0, perpetual.terms.leverage_max(), 0),
        };
        let lots = new.quantity.0;
        if only_reduces && opposite == 0 {
            return Err(refused(PerpetualRejection::NothingToReduce));
        }
        let backed = if only_reduces { 0 } else { lots - lots.min(opposite) };
        // What it would be if all of it were filled.
        let then = if opposite > 0 { backed } else { size.abs().saturating_add(lots) };
        let most = perpetual.terms.tiers.last().map_or(0, |tier| tier.up_to.0);
        if then.max(lots / 2) > perpetual.value.lots_max
            || backed > 0 && perpetual.value.value(mark, then) > most
        {
            return Err(refused(PerpetualRejection::PositionLimit));
        }
        let rate_ppm = perpetual.rate(perpetual.value.value(mark, then), leverage);
        let at_price = new.kind.limit().unwrap_or(mark);
        let margin = share(Amount(perpetual.value.value(at_price, backed)), rate_ppm).0;
        let needed = Amount(margin + self.cost_of_trading(at, new, mark));
        let available = if backed > 0 {
            if record == NONE { Amount::ZERO } else { self.free_of(record, asset) }
        } else {
            // It may cost what the position has.
            Amount(slot.map_or(0, |slot| self.health(at, slot).equity.max(0)))
        };
        if needed > available {
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        Ok((backed, rate_ppm))
    }

    /// What trading it costs: fees, and what is lost against the mark, of what it meets in the book and, for the rest of
    /// a limit order, at its limit.
    fn cost_of_trading(&self, at: u32, new: &NewOrder, mark: Price) -> i128 {
        let perpetual = &self.perpetuals.list[at as usize];
        let terms = &self.books[new.instrument.index()].terms;
        let way = if new.side == Side::Buy { 1 } else { -1 };
        let (mut cost, mut left) = (0, new.quantity.0);
        let loss = |price: Price, lots: i64| {
            let size = way * lots;
            (perpetual.value.worth(price, size) - perpetual.value.worth(mark, size)).max(0)
        };
        for met in self.meets(at, new.account, new.side) {
            if left == 0 || new.kind.limit().is_some_and(|limit| beyond(new.side, met.price, limit))
            {
                break;
            }
            let lots = met.lots.min(left);
            let fees = terms.fees(Amount(perpetual.value.value(met.price, lots)), met.own);
            cost += fees.taker.0 + loss(met.price, lots);
            left -= lots;
        }
        if left > 0
            && let Some(limit) = new.kind.limit()
        {
            let fees = terms.fees(Amount(perpetual.value.value(limit, left)), false);
            cost += fees.maker.0.max(fees.taker.0) + loss(limit, left);
        }
        cost
    }

    /// What a taker would meet, in order, as positions and its own account's self-trade policy let it.
    fn meets(&self, at: u32, account: AccountId, side: Side) -> impl Iterator<Item = Met> + '_ {
        let instrument = self.perpetuals.list[at as usize].terms.instrument;
        let book = &self.books[instrument.index()];
        let policy = self.accounts.policy(account);
        let queue = book.queue(Rail::resting(side.opposite()), &self.orders);
        // How much makers could still close and open, of those that were met.
        let mut rooms: Vec<(u32, i64, i64)> = Vec::new();
        queue
            .map(move |slot| {
                let maker = &self.orders[slot];
                let known = rooms.iter().position(|&(owner, ..)| owner == maker.owner);
                let place = known.unwrap_or_else(|| {
                    let (opposite, grows) = self.room_of(at, maker);
                    rooms.push((maker.owner, opposite, grows));
                    rooms.len() - 1
                });
                let (_, opposite, grows) = &mut rooms[place];
                let closing = (*opposite).min(maker.remaining.0);
                let opening = (maker.remaining.0 - closing).min(maker.backed).min(*grows);
                *opposite -= closing;
                *grows -= opening;
                let own = maker.account == account;
                Met { price: maker.price, lots: closing + opening, own }
            })
            .filter(move |met| !met.own || policy != SelfTradePolicy::CancelResting)
            .take_while(move |met| !met.own || policy == SelfTradePolicy::Allow)
    }

    /// How many lots an order's account could close with an order of its side, and how many it could open beyond.
    fn room_of(&self, at: u32, order: &Order) -> (i64, i64) {
        let perpetual = &self.perpetuals.list[at as usize];
        let slot = perpetual.find(order.owner).expect("whoever has an order has a position");
        let position = &perpetual.positions[slot as usize];
        let opposite = position.opposite(order.flags.side());
        let same = if opposite > 0 { 0 } else { position.size.abs() };
        (opposite, perpetual.value.lots_max - same)
    }

    /// How many lots of an open order can trade.
    fn room(&self, at: u32, order: &Order) -> i64 {
        let (opposite, grows) = self.room_of(at, order);
        opposite + order.backed.min(grows)
    }

    /// What an order in a perpetual reserves for the lots that it is backed for.
    pub(crate) fn reserve_of(&self, at: u32, order: &Order) -> i128 {
        let perpetual = &self.perpetuals.list[at as usize];
        self.reserve(at, perpetual.value.value(order.price, order.backed), order.rate_ppm)
    }

    fn reserve(&self, at: u32, value: i128, rate_ppm: u32) -> i128 {
        let instrument = self.perpetuals.list[at as usize].terms.instrument;
        let fee_ppm = self.books[instrument.index()].terms.fee_ppm_max();
        share(Amount(value), rate_ppm.saturating_add(fee_ppm).min(1_000_000)).0
    }

    /// An order, already told, meets the book, then rests or ends.
    pub(crate) fn enter_perpetual(
        &mut self,
        arrival: &mut Arrival<'_>,
        mut entering: Entering,
        teller: &mut Teller<'_>,
    ) {
        let new = arrival.new;
        let best = self.books[new.instrument.index()].best(Rail::resting(new.side.opposite()));
        let reached = |(price, _): (Price, u32)| {
            new.kind.limit().is_none_or(|limit| !beyond(new.side, price, limit))
        };
        let ended = if new.post_only && best.is_some_and(reached) {
            Some(CloseReason::WouldMatch)
        } else if new.time_in_force == TimeInForce::FillOrKill && !self.would_fill(&entering, new) {
            Some(CloseReason::Killed)
        } else {
            self.meet_in_perpetual(arrival, &mut entering, teller)
        };
        if arrival.remaining.is_zero() {
            return;
        }
        let opposite = self.perpetuals.position(entering.at, entering.slot).opposite(new.side);
        let reason = match (ended, new.kind, new.time_in_force) {
            (Some(reason), ..) => reason,
            (None, OrderKind::Limit(price), TimeInForce::GoodTillCanceled)
            | (None, OrderKind::Limit(price), TimeInForce::GoodTillDate(_)) => {
                if opposite + entering.backed > 0 {
                    self.rest_in_perpetual(arrival, price, &entering, teller);
                    return;
                }
                CloseReason::NothingToReduce
            }
            (None, ..) => CloseReason::NotFilled,
        };
        teller.tell(new.instrument, || EventBody::Closed { order: arrival.state(), reason });
    }

    fn rest_in_perpetual(
        &mut self,
        arrival: &Arrival<'_>,
        price: Price,
        entering: &Entering,
        teller: &mut Teller<'_>,
    ) {
        let new = arrival.new;
        let slot = self.remember(arrival);
        let order = &mut self.orders[slot];
        order.flags.set_perpetual();
        order.backed = entering.backed.min(arrival.remaining.0);
        order.rate_ppm = entering.rate_ppm;
        let reserve = self.reserve_of(entering.at, &self.orders[slot]);
        self.perpetuals.position_mut(entering.at, entering.slot).reserved += reserve;
        let book = &mut self.books[new.instrument.index()];
        book.link(Rail::resting(new.side), price, slot, &mut self.orders);
        teller.tell(new.instrument, || EventBody::Rested(arrival.state()));
    }

    fn would_fill(&self, entering: &Entering, new: &NewOrder) -> bool {
        let mut missing = new.quantity.0;
        for met in self.meets(entering.at, new.account, new.side) {
            if new.kind.limit().is_some_and(|limit| beyond(new.side, met.price, limit)) {
                return false;
            }
            missing -= met.lots.min(missing);
            if missing == 0 {
                return true;
            }
        }
        false
    }

    /// Meets one resting order after the other, and settles both sides of each trade at once. Tells why the rest must
    /// end, if it must.
    fn meet_in_perpetual(
        &mut self,
        arrival: &mut Arrival<'_>,
        entering: &mut Entering,
        teller: &mut Teller<'_>,
    ) -> Option<CloseReason> {
        let new = arrival.new;
        let (at, instrument) = (entering.at, new.instrument);
        while !arrival.remaining.is_zero() {
            let book = &self.books[instrument.index()];
            let (price, level) = book.best(Rail::resting(new.side.opposite()))?;
            if new.kind.limit().is_some_and(|limit| beyond(new.side, price, limit)) {
                return None;
            }
            let slot = book.shelves[level as usize].head;
            let maker = self.orders[slot];
            let own = maker.account == new.account;
            if own {
                match self.accounts.policy(new.account) {
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
            let maker_room = self.room(at, &maker);
            if maker_room == 0 {
                self.close(slot, CloseReason::NothingToReduce, teller);
                continue;
            }
            let perpetual = &self.perpetuals.list[at as usize];
            let position = &perpetual.positions[entering.slot as usize];
            let opposite = position.opposite(new.side);
            let same = if opposite > 0 { 0 } else { position.size.abs() };
            let taker_room = opposite + entering.backed.min(perpetual.value.lots_max - same);
            if taker_room == 0 {
                return Some(CloseReason::NothingToReduce);
            }
            let lots = maker.remaining.0.min(arrival.remaining.0).min(maker_room).min(taker_room);
            self.trade_in_perpetual(arrival, entering, slot, price, lots, teller);
        }
        None
    }

    fn trade_in_perpetual(
        &mut self,
        arrival: &mut Arrival<'_>,
        entering: &mut Entering,
        slot: u32,
        price: Price,
        lots: i64,
        teller: &mut Teller<'_>,
    ) {
        let new = arrival.new;
        let (at, quantity) = (entering.at, Quantity(lots));
        let maker = self.orders[slot];
        let maker_side = maker.flags.side();
        let own = maker.account == new.account;
        let perpetual = &self.perpetuals.list[at as usize];
        let value = perpetual.value.value(price, lots);
        let its = perpetual.find(maker.owner).expect("whoever has an order has a position");
        // What the maker opens with this its backing is used up for.
        let opened = lots - lots.min(perpetual.positions[its as usize].opposite(maker_side));
        let left = maker.remaining - quantity;
        let backed = (maker.backed - opened).min(left.0);
        let rest = Order { remaining: left, backed, ..maker };
        let freed = self.reserve_of(at, &maker) - self.reserve_of(at, &rest);
        self.perpetuals.position_mut(at, its).reserved -= freed;
        arrival.remaining -= quantity;
        let book = &mut self.books[new.instrument.index()];
        book.traded(price);
        let fees = book.terms.fees(Amount(value), own);
        if left.is_zero() {
            self.take_out(slot, quantity);
        } else {
            book.shelves[maker.level as usize].quantity -= quantity;
            self.orders[slot].remaining = left;
            self.orders[slot].backed = backed;
        }
        let id = TradeId(self.next_trade);
        self.next_trade += 1;
        teller.tell(new.instrument, || {
            EventBody::Filled(Fill {
                id,
                price,
                quantity,
                maker: self.orders.state(&maker, left),
                taker: arrival.state(),
                maker_fee: fees.maker,
                taker_fee: fees.taker,
            })
        });
        let part = Part {
            side: maker_side,
            price,
            quantity: lots,
            value,
            fee: fees.maker.0,
            by: SettledBy::Trade,
        };
        self.fill_position(at, its, part, teller);
        if !left.is_zero() && self.room(at, &rest) == 0 {
            self.perpetuals.emptied.push((maker.account, at, its));
        }
        let opposite = self.perpetuals.position(at, entering.slot).opposite(new.side);
        entering.backed -= lots - lots.min(opposite);
        entering.backed = entering.backed.min(arrival.remaining.0);
        let by = if entering.forced { SettledBy::Liquidation } else { SettledBy::Trade };
        let part = Part { side: new.side, fee: fees.taker.0, by, ..part };
        self.fill_position(at, entering.slot, part, teller);
    }

    /// Ends an open order in a perpetual. What it reserved is free again.
    #[cold]
    pub(crate) fn close_in_perpetual(
        &mut self,
        slot: u32,
        reason: CloseReason,
        teller: &mut Teller<'_>,
    ) {
        let order = self.orders[slot];
        let at = self.perpetuals.find(order.instrument).expect("it is in a perpetual");
        let reserve = self.reserve_of(at, &order);
        let its = self.perpetuals.list[at as usize].find(order.owner);
        let its = its.expect("whoever has an order has a position");
        self.perpetuals.position_mut(at, its).reserved -= reserve;
        let state = self.orders.state(&order, order.remaining);
        self.take_out(slot, order.remaining);
        teller.tell(order.instrument, || EventBody::Closed { order: state, reason });
    }

    /// Ends the orders that can do nothing any more, of accounts whose position ended or turned, by account and
    /// instrument, then by id.
    pub(super) fn end_useless_orders(&mut self, teller: &mut Teller<'_>) {
        let mut emptied = core::mem::take(&mut self.perpetuals.emptied);
        emptied.sort_unstable();
        emptied.dedup();
        for &(_, at, slot) in &emptied {
            let record = self.perpetuals.position(at, slot).record;
            let mut next = self.accounts.all()[record as usize].oldest;
            while next != NONE {
                let order = next;
                next = self.orders.links[order as usize].younger;
                let it = self.orders[order];
                if self.perpetuals.find(it.instrument) == Some(at) && self.room(at, &it) == 0 {
                    self.close(order, CloseReason::NothingToReduce, teller);
                }
            }
        }
        emptied.clear();
        self.perpetuals.emptied = emptied;
    }
}

/// Whether a price is beyond the limit of an order of this side.
const fn beyond(side: Side, price: Price, limit: Price) -> bool {
    match side {
        Side::Buy => price.0 > limit.0,
        Side::Sell => price.0 < limit.0,
    }
}
