//! What one account is shown, as a part of an image. Which orders are open and which have labels follows from the
//! orders.

use std::collections::BTreeMap;

use model::image::{Image, Impossible, MAGNITUDE_MAX, Reader, save_all, save_number};
use model::{
    AccountId, Amount, Assets, Balance, EventMark, Filled, InstrumentId, OrderId, OrderState,
    OwnOrder, OwnOrderUpdate, OwnTrade, Quantity, Time, image_of_fields,
};

use super::super::positions::Positions;
use super::{Done, ENDED_MAX, Kept, MOVEMENTS_MAX, Own, STEPS_MAX, TRADES_MAX};
use crate::image::COUNT_MAX;

image_of_fields!(Kept { own, last_trade });
image_of_fields!(Done { trade, place, before });

impl Own {
    pub fn save(&self, out: &mut Vec<u8>) {
        let Self {
            since,
            balances,
            untold: _,
            orders,
            open: _,
            ended,
            labels: _,
            trades,
            trades_before,
            movements,
            records,
            steps,
            steps_forgotten,
            positions,
        } = self;
        since.save(out);
        balances.save(out);
        save_all(orders.values(), out);
        save_all(ended.iter(), out);
        trades_before.save(out);
        save_all(trades.iter(), out);
        records.save(out);
        save_all(movements.iter(), out);
        save_all(steps.iter(), out);
        save_number(steps_forgotten.len() as u64, out);
        for ((instrument, is_outside), mark) in steps_forgotten {
            instrument.save(out);
            is_outside.save(out);
            mark.save(out);
        }
        positions.is_some().save(out);
        positions.iter().for_each(|positions| positions.save(out));
    }

    /// Reads what this account is shown in a market with these assets.
    pub fn load(
        account: AccountId,
        assets: &Assets,
        from: &mut Reader<'_>,
    ) -> Result<Self, Impossible> {
        let since = Time::load(from)?;
        let mut own = Self::new(since);
        if own.since != since {
            return Err(Impossible("a beginning within a millisecond"));
        }
        own.load_balances(account, assets, from)?;
        own.load_orders(account, assets, from)?;
        own.load_trades(assets, from)?;
        own.records = u64::load(from)?;
        own.movements = from.all(MOVEMENTS_MAX, "more movements than are kept")?;
        own.steps = from.all(STEPS_MAX, "more steps than are kept")?;
        own.steps_forgotten = load_forgotten(from)?;
        if bool::load(from)? {
            own.positions = Some(Box::new(Positions::load(account, assets, from)?));
        }
        own.check(account, assets)?;
        Ok(own)
    }

    fn load_balances(
        &mut self,
        account: AccountId,
        assets: &Assets,
        from: &mut Reader<'_>,
    ) -> Result<(), Impossible> {
        self.balances = from.all(assets.all().len(), "balances")?;
        let is_in_order = self.balances.is_sorted_by(|one, next| one.asset < next.asset);
        let is_one = |balance: &Balance| {
            balance.account == account
                && balance.asset.index() < assets.all().len()
                && [balance.available, balance.held]
                    .iter()
                    .all(|it| (Amount::ZERO..=Amount::MAX).contains(it))
        };
        let is_sound = is_in_order && self.balances.iter().all(is_one);
        if is_sound { Ok(()) } else { Err(Impossible("balances")) }
    }

    /// Its orders, and in which order those that have ended did.
    fn load_orders(
        &mut self,
        account: AccountId,
        assets: &Assets,
        from: &mut Reader<'_>,
    ) -> Result<(), Impossible> {
        for _ in 0..from.count(usize::MAX, "orders")? {
            let kept = Kept::load(from)?;
            let id = kept.own.order.id;
            let follows = self.orders.last_key_value().is_none_or(|(last, _)| *last < id);
            if !follows || !is_order(&kept.own, account, assets) {
                return Err(Impossible("an own order"));
            }
            if let Some(label) = &kept.own.label {
                self.labels.insert((label.clone(), id));
            }
            if kept.own.standing.is_open() {
                self.open.insert(id);
            }
            self.orders.insert(id, kept);
        }
        self.ended = from.all(ENDED_MAX, "more ended orders than are kept")?;
        let mut ended: Vec<OrderId> = self.ended.iter().copied().collect();
        ended.sort_unstable();
        let closed = self.orders.iter().filter(|(_, kept)| !kept.own.standing.is_open());
        if ended.iter().ne(closed.map(|(id, _)| id)) {
            return Err(Impossible("which orders have ended"));
        }
        Ok(())
    }

    fn load_trades(&mut self, assets: &Assets, from: &mut Reader<'_>) -> Result<(), Impossible> {
        self.trades_before = u64::load(from)?;
        if self.trades_before >= COUNT_MAX {
            return Err(Impossible("the number of own trades"));
        }
        for _ in 0..from.count(TRADES_MAX, "more trades than are kept")? {
            let done = Done::load(from)?;
            let number = self.trades_before + self.trades.len() as u64;
            // A story goes back from trade to trade, and ends.
            let goes_back = done.before.is_none_or(|before| before < number);
            let follows = self.trades.back().is_none_or(|last| last.trade.id <= done.trade.id);
            if !goes_back || !follows || !is_trade(&done.trade, assets) {
                return Err(Impossible("an own trade"));
            }
            self.trades.push_back(done);
        }
        let next = self.trades_before + self.trades.len() as u64;
        match self.orders.values().all(|kept| kept.last_trade.is_none_or(|last| last < next)) {
            true => Ok(()),
            false => Err(Impossible("an order's last trade")),
        }
    }

    /// Whether records have places in order, and what is kept is the account's own.
    fn check(&self, account: AccountId, assets: &Assets) -> Result<(), Impossible> {
        let trades = self.trades.iter().map(|done| done.place);
        let movements = self.movements.iter().map(|(place, _)| *place);
        let is_before = |place: u64| place <= self.records;
        let is_asset = |(_, moved): &(u64, _)| is_movement(moved, assets);
        let is_sound = self.records < COUNT_MAX
            && trades.clone().is_sorted_by(|one, next| one < next)
            && movements.clone().is_sorted_by(|one, next| one < next)
            && trades.chain(movements).all(is_before)
            && self.movements.iter().all(is_asset)
            && self.steps.iter().all(|step| is_step(step, account, assets));
        if is_sound { Ok(()) } else { Err(Impossible("the records of an account")) }
    }
}

fn load_forgotten(
    from: &mut Reader<'_>,
) -> Result<BTreeMap<(InstrumentId, bool), EventMark>, Impossible> {
    let mut forgotten = BTreeMap::new();
    for _ in 0..from.count(usize::MAX, "forgotten steps")? {
        let chain = <(InstrumentId, bool)>::load(from)?;
        if forgotten.last_key_value().is_some_and(|(last, _)| *last >= chain) {
            return Err(Impossible("the order of forgotten steps"));
        }
        forgotten.insert(chain, EventMark::load(from)?);
    }
    Ok(forgotten)
}

fn is_listed(instrument: InstrumentId, assets: &Assets) -> bool {
    assets.settlement(instrument).is_some()
}

fn is_order(own: &OwnOrder, account: AccountId, assets: &Assets) -> bool {
    own.order.account == account
        && is_listed(own.instrument, assets)
        && is_state(&own.order)
        && is_filled(&own.filled)
}

const fn is_state(order: &OrderState) -> bool {
    0 <= order.remaining.0
        && order.remaining.0 <= order.original.0
        && order.original.0 <= MAGNITUDE_MAX
}

const fn is_filled(filled: &Filled) -> bool {
    0 <= filled.quantity.0
        && filled.quantity.0 <= MAGNITUDE_MAX
        && filled.turnover.unsigned_abs() <= (MAGNITUDE_MAX as u128) << 60
        && filled.fee.0.unsigned_abs() <= Amount::MAX.0.unsigned_abs()
}

fn is_trade(trade: &OwnTrade, assets: &Assets) -> bool {
    is_listed(trade.instrument, assets)
        && trade.fee_asset.index() < assets.all().len()
        && trade.quantity > Quantity::ZERO
        && trade.quantity.0 <= MAGNITUDE_MAX
        && trade.fee.0.unsigned_abs() <= Amount::MAX.0.unsigned_abs()
}

fn is_movement(moved: &model::OwnMovement, assets: &Assets) -> bool {
    moved.asset.index() < assets.all().len()
        && moved.amount.0.unsigned_abs() <= Amount::MAX.0.unsigned_abs()
}

fn is_step(step: &OwnOrderUpdate, account: AccountId, assets: &Assets) -> bool {
    step.account == account
        && is_listed(step.instrument, assets)
        && is_state(&step.order)
        && is_filled(&step.filled)
        && step.replaced.as_ref().is_none_or(|old| is_order(old, account, assets))
}
