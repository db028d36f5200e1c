//! Orders meet in the slow market, and trades wake stop orders.

use std::cmp::Ordering;

use super::{Going, Market, Open, Telling};
use model::{
    AccountId, Amount, CloseReason, EventBody, Fill, InstrumentId, OrderKind, OrderState, Price,
    Quantity, SelfTradePolicy, Side, TimeInForce, TradeId, Trigger, TriggerWhen,
};

impl Market {
    /// The best price of a side.
    pub(super) fn best(&self, instrument: InstrumentId, side: Side) -> Option<Price> {
        self.first_in_line(instrument, side).map(|at| price_of(&self.open[at].order))
    }

    /// The order of a side that is next to trade.
    pub(super) fn first_in_line(&self, instrument: InstrumentId, side: Side) -> Option<usize> {
        self.resting(instrument, side).min_by(|&left, &right| self.whose_turn(left, right))
    }

    /// The resting orders of a side, next to trade first.
    pub(super) fn line(&self, instrument: InstrumentId, side: Side) -> Vec<usize> {
        let mut line: Vec<usize> = self.resting(instrument, side).collect();
        line.sort_by(|&left, &right| self.whose_turn(left, right));
        line
    }

    pub(super) fn resting(
        &self,
        instrument: InstrumentId,
        side: Side,
    ) -> impl Iterator<Item = usize> + '_ {
        (0..self.open.len()).filter(move |&at| {
            let open = &self.open[at];
            open.instrument == instrument && open.order.side == side && open.armed.is_none()
        })
    }

    /// Of two orders of one side, the better price goes first, then the lower place.
    pub(super) fn whose_turn(&self, left: usize, right: usize) -> Ordering {
        let (left, right) = (&self.open[left], &self.open[right]);
        let (left_price, right_price) = (price_of(&left.order), price_of(&right.order));
        let by_price = match left.order.side {
            Side::Buy => right_price.cmp(&left_price),
            Side::Sell => left_price.cmp(&right_price),
        };
        by_price.then(left.place.cmp(&right.place))
    }

    /// An order that has been told meets the book, then rests or ends.
    pub(super) fn enter(&mut self, mut going: Going, telling: &mut Telling<'_>) {
        let Going { instrument, order, .. } = going;
        let would_match =
            self.best(instrument, order.side.opposite()).is_some_and(|best| accepts(&order, best));
        if order.post_only && would_match {
            return self.give_up(going, CloseReason::WouldMatch, telling);
        }
        if order.time_in_force == TimeInForce::FillOrKill
            && self.reachable(instrument, &order) < i128::from(order.remaining.0)
        {
            return self.give_up(going, CloseReason::Killed, telling);
        }
        while !going.order.remaining.is_zero() {
            let Some(at) = self.first_in_line(instrument, order.side.opposite()) else { break };
            let maker = self.open[at].order;
            if !accepts(&order, price_of(&maker)) {
                break;
            }
            if maker.account == order.account {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        continue;
                    }
                    SelfTradePolicy::CancelArriving => {
                        return self.give_up(going, CloseReason::SelfTrade, telling);
                    }
                    SelfTradePolicy::CancelBoth => {
                        self.close(maker.id, CloseReason::SelfTrade, telling);
                        return self.give_up(going, CloseReason::SelfTrade, telling);
                    }
                }
            }
            self.trade(at, &mut going, telling);
        }
        let Going { order, held, backed, .. } = going;
        if order.remaining.is_zero() {
            return;
        }
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                self.give_up(going, CloseReason::NotFilled, telling);
            }
            TimeInForce::GoodTillCanceled | TimeInForce::GoodTillDate(_) => {
                self.places += 1;
                let place = self.places;
                let best = Price(0);
                self.open.push(Open { instrument, order, armed: None, place, held, best, backed });
                self.tell(telling, instrument, EventBody::Rested(order));
            }
        }
    }

    pub(super) fn give_up(&mut self, going: Going, reason: CloseReason, telling: &mut Telling<'_>) {
        let Going { instrument, order, held, .. } = going;
        self.release(instrument, &order, held);
        self.tell(telling, instrument, EventBody::Closed { order, reason });
    }

    /// How much the order would get now, at the most, before its own account stops it.
    pub(super) fn reachable(&self, instrument: InstrumentId, order: &OrderState) -> i128 {
        let mut sum = 0;
        for at in self.line(instrument, order.side.opposite()) {
            let maker = &self.open[at].order;
            if !accepts(order, price_of(maker)) {
                break;
            }
            if maker.account == order.account {
                match self.policy(order.account) {
                    SelfTradePolicy::Allow => {}
                    SelfTradePolicy::CancelResting => continue,
                    SelfTradePolicy::CancelArriving | SelfTradePolicy::CancelBoth => break,
                }
            }
            sum += i128::from(maker.remaining.0);
        }
        sum
    }

    pub(super) fn trade(&mut self, at: usize, going: &mut Going, telling: &mut Telling<'_>) {
        let instrument = going.instrument;
        let Open { order: maker, held: maker_held, .. } = &mut self.open[at];
        let taker = &mut going.order;
        let quantity = Quantity(i64::min(maker.remaining.0, taker.remaining.0));
        // What was held for these lots.
        let maker_part = *maker_held / i128::from(maker.remaining.0) * i128::from(quantity.0);
        let taker_part = going.held / i128::from(taker.remaining.0) * i128::from(quantity.0);
        *maker_held -= maker_part;
        going.held -= taker_part;
        maker.remaining -= quantity;
        taker.remaining -= quantity;
        let (maker, taker) = (*maker, *taker);
        let price = price_of(&maker);
        if maker.remaining.is_zero() {
            self.open.remove(at);
        }
        let (maker_fee, taker_fee) =
            self.fees(instrument, price, quantity, maker.account == taker.account);
        // Everything that was held is free again, then it is paid.
        self.release(instrument, &maker, maker_part);
        self.release(instrument, &taker, taker_part);
        let (buyer, buyer_fee, seller, seller_fee) = match taker.side {
            Side::Buy => (taker.account, taker_fee, maker.account, maker_fee),
            Side::Sell => (maker.account, maker_fee, taker.account, taker_fee),
        };
        let (base, quote) = (self.base(instrument), self.quote(instrument));
        let (lots, value) =
            (self.lots(instrument, quantity), self.value(instrument, price, quantity));
        self.give(seller, base, -lots);
        self.give(buyer, base, lots);
        self.give(buyer, quote, -value - buyer_fee);
        self.give(seller, quote, value - seller_fee);
        self.give(AccountId(u32::MAX), quote, buyer_fee + seller_fee);

        self.trades += 1;
        let id = TradeId(100_000_000 + self.trades);
        let (maker_fee, taker_fee) = (Amount(maker_fee), Amount(taker_fee));
        let fill = Fill { id, price, quantity, maker, taker, maker_fee, taker_fee };
        self.tell(telling, instrument, EventBody::Filled(fill));
        self.last_trades[instrument.index()] = Some(price);
        for open in &mut self.open {
            let Some(trigger) = open.order.trigger else { continue };
            if open.instrument != instrument || open.armed != Some(false) {
                continue;
            }
            if wakes(trigger, open.best, price) {
                open.armed = Some(true);
            }
            open.best = match trigger.when {
                TriggerWhen::AtOrAbove => open.best.min(price),
                TriggerWhen::AtOrBelow => open.best.max(price),
            };
        }
    }

    /// Stop orders that trades have reached come in, the oldest first; those that their trades reach come after
    /// all of these.
    pub(super) fn wake(&mut self, instrument: InstrumentId, telling: &mut Telling<'_>) {
        loop {
            let mut wave: Vec<Going> = Vec::new();
            self.open.retain(|open| {
                let woken = open.instrument == instrument && open.armed == Some(true);
                if woken {
                    let (order, held, backed) = (open.order, open.held, open.backed);
                    wave.push(Going { instrument, order, held, backed });
                }
                !woken
            });
            if wave.is_empty() {
                return;
            }
            wave.sort_by_key(|going| going.order.id);
            for mut going in wave {
                let order = going.order;
                self.tell(telling, instrument, EventBody::Triggered(order));
                self.tell(telling, instrument, EventBody::Created(order));
                if order.kind == OrderKind::Market && order.side == Side::Buy {
                    // What it held was an estimate; what counts is what it meets now.
                    self.release(instrument, &order, going.held);
                    going.held = 0;
                    let cost = self.cost(instrument, &order);
                    let quote = self.quote(instrument);
                    if cost > self.spendable(order.account, quote) {
                        self.give_up(going, CloseReason::Unfunded, telling);
                        continue;
                    }
                }
                self.enter(going, telling);
            }
        }
    }
}

/// The price that wakes an order whose best trade so far was this.
pub(super) fn waking_price(trigger: Trigger, best: Price) -> Price {
    let Some(trail) = trigger.trail else { return trigger.price };
    let best = i128::from(best.0);
    // What so many hundredths of a percent are, rounded up: it is that far behind or further, in whole ticks.
    let tenths = best * i128::from(trail.basis_points());
    let away = tenths / 10_000 + i128::from(tenths % 10_000 != 0);
    let price = match trigger.when {
        TriggerWhen::AtOrAbove => best + away,
        TriggerWhen::AtOrBelow => best - away,
    };
    Price(price as i64)
}

pub(super) fn wakes(trigger: Trigger, best: Price, last: Price) -> bool {
    match trigger.when {
        TriggerWhen::AtOrAbove => last >= waking_price(trigger, best),
        TriggerWhen::AtOrBelow => last <= waking_price(trigger, best),
    }
}

pub(super) fn price_of(order: &OrderState) -> Price {
    order.kind.limit().expect("what rests has a limit")
}

pub(super) fn accepts(order: &OrderState, price: Price) -> bool {
    match (order.kind, order.side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit(limit), Side::Buy) => price <= limit,
        (OrderKind::Limit(limit), Side::Sell) => price >= limit,
    }
}
