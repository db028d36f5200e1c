//! Positions change: by a trade, by deleveraging. What is closed becomes money; what is opened takes margin.
//!
//! A trade that goes through zero is a close and an open, in this order. Of a position that is closed in part the same
//! part of its cost is closed, rounded up, which is against its account; what was rounded stays in the cost of the rest,
//! and so is not lost.

use crate::engine::{Engine, Teller};
use crate::terms::share;
use model::{
    AccountId, Amount, AssetId, EventBody, InstrumentId, MarginMode, PerpetualEvent, PositionId,
    Price, Quantity, Settled, SettledBy, Side,
};

/// One side of a trade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub side: Side,
    pub price: Price,
    pub quantity: i64,
    /// What all of it is worth: the same number on both sides.
    pub value: i128,
    pub fee: i128,
    pub by: SettledBy,
}

/// `amount` × `part` / `whole`, rounded up; `part` is not above `whole`, which is positive.
pub(crate) fn part_up(amount: i128, part: i64, whole: i64) -> i128 {
    let (part, whole) = (i128::from(part), i128::from(whole));
    let (times, rest) = (amount.div_euclid(whole), amount.rem_euclid(whole));
    times * part + (rest * part + whole - 1).div_euclid(whole)
}

impl Engine {
    /// Changes a position by its side of a trade, and the money with it.
    pub(crate) fn fill_position(
        &mut self,
        at: u32,
        slot: u32,
        part: Part,
        teller: &mut Teller<'_>,
    ) {
        let before = self.perpetuals.position(at, slot).size;
        let closing = part.quantity.min(self.perpetuals.position(at, slot).opposite(part.side));
        let opening = part.quantity - closing;
        let perpetual = &self.perpetuals.list[at as usize];
        let closed =
            if opening == 0 { part.value } else { perpetual.value.value(part.price, closing) };
        if closing > 0 {
            self.close_part(at, slot, &part, closing, closed, teller);
        }
        if opening > 0 {
            let fee = if closing > 0 { 0 } else { part.fee };
            self.open_part(at, slot, &part, opening, part.value - closed, fee, teller);
        }
        let &super::Position { account, size, .. } = self.perpetuals.position(at, slot);
        if size.signum() != before.signum() {
            self.perpetuals.emptied.push((account, at, slot));
        }
        self.tell_position(at, slot, teller);
    }

    /// So many lots are closed, which are worth `value` now.
    fn close_part(
        &mut self,
        at: u32,
        slot: u32,
        part: &Part,
        lots: i64,
        value: i128,
        teller: &mut Teller<'_>,
    ) {
        let perpetual = &mut self.perpetuals.list[at as usize];
        let (asset, sign) = (perpetual.value.margin, perpetual.value.sign());
        let forced = part.by == SettledBy::Liquidation;
        let fee_ppm = if forced { perpetual.terms.liquidation_fee_ppm } else { 0 };
        let liquidation_fee = share(Amount(value), fee_ppm).0;
        let position = &mut perpetual.positions[slot as usize];
        let whole = position.size.abs();
        let proceeds = i128::from(position.size.signum()) * sign * value;
        let paid = part_up(position.cost, lots, whole);
        let profit = proceeds - paid;
        position.cost -= paid;
        position.size -= position.size.signum() * lots;
        let (record, account, id) = (position.record, position.account, position.id);
        self.perpetuals.clearing[asset.index()] -= profit;
        let gain = profit - part.fee;
        let (fund, short) = match position.mode {
            MarginMode::Cross => {
                let purse = self.ledger.purse(record, asset).available.0 + gain;
                let fund = liquidation_fee.min(purse.max(0));
                self.ledger.adjust(record, asset, gain - fund, 0);
                (fund, 0)
            }
            MarginMode::Isolated => {
                let left = whole - lots;
                let has = position.margin + gain;
                let fund = liquidation_fee.min(has.max(0));
                let has = has - fund;
                // What stays open keeps its part of the margin, if so much is left; in a liquidation all of it.
                let share =
                    if forced && left > 0 { has } else { part_up(position.margin, left, whole) };
                let keeps = share.min(has).max(0);
                let held = keeps - position.margin;
                position.margin = keeps;
                self.ledger.adjust(record, asset, has.max(0) - keeps, held);
                (fund, (-has).max(0))
            }
        };
        self.perpetuals.insurance[asset.index()] += fund;
        self.ledger.adjust(crate::ledger::FEES, asset, part.fee, 0);
        self.tell_of(
            at,
            PerpetualEvent::Settled(Settled {
                position: id,
                account,
                by: part.by,
                quantity: Quantity(lots),
                price: part.price,
                profit: Amount(profit),
                fee: Amount(part.fee),
                liquidation_fee: Amount(fund),
            }),
            teller,
        );
        if short > 0 {
            self.pay_from_fund(account, asset, short, teller);
        }
        self.make_good(record, account, asset, teller);
    }

    /// So many lots are opened, which are worth `value` now.
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the trade")]
    fn open_part(
        &mut self,
        at: u32,
        slot: u32,
        part: &Part,
        lots: i64,
        value: i128,
        fee: i128,
        teller: &mut Teller<'_>,
    ) {
        let perpetual = &mut self.perpetuals.list[at as usize];
        let (asset, sign) = (perpetual.value.margin, perpetual.value.sign());
        let way = if part.side == Side::Buy { 1 } else { -1 };
        let size = perpetual.positions[slot as usize].size + way * lots;
        let rate = perpetual.rate(perpetual.value.value(part.price, size.abs()), {
            perpetual.positions[slot as usize].leverage
        });
        let position = &mut perpetual.positions[slot as usize];
        if position.size == 0 {
            position.id = PositionId(self.perpetuals.next_position);
            self.perpetuals.next_position += 1;
        }
        position.size = size;
        position.cost += i128::from(way) * sign * value;
        let (record, account, mode) = (position.record, position.account, position.mode);
        self.ledger.adjust(record, asset, -fee, 0);
        self.ledger.adjust(crate::ledger::FEES, asset, fee, 0);
        if mode == MarginMode::Isolated {
            let available = self.ledger.purse(record, asset).available.0;
            let margin = share(Amount(value), rate).0.min(available.max(0));
            self.ledger.adjust(record, asset, -margin, margin);
            self.perpetuals.position_mut(at, slot).margin += margin;
        }
        self.make_good(record, account, asset, teller);
    }

    /// If more was paid than there was: profit at the mark of cross positions becomes money as far as it is needed,
    /// by instrument; what is short then the insurance fund pays.
    pub(crate) fn make_good(
        &mut self,
        record: u32,
        account: AccountId,
        asset: AssetId,
        teller: &mut Teller<'_>,
    ) {
        for at in 0..self.perpetuals.list.len() as u32 {
            let short = -self.ledger.purse(record, asset).available.0;
            if short <= 0 {
                return;
            }
            let perpetual = &self.perpetuals.list[at as usize];
            let Some(slot) = perpetual.find(record) else { continue };
            let position = perpetual.positions[slot as usize];
            if perpetual.value.margin != asset
                || position.size == 0
                || position.mode != MarginMode::Cross
            {
                continue;
            }
            let price = perpetual.mark();
            let profit = perpetual.profit(&position, price).min(short);
            if profit <= 0 {
                continue;
            }
            self.perpetuals.position_mut(at, slot).cost += profit;
            self.perpetuals.clearing[asset.index()] -= profit;
            self.ledger.adjust(record, asset, profit, 0);
            self.tell_of(
                at,
                PerpetualEvent::Settled(Settled {
                    position: position.id,
                    account,
                    by: SettledBy::Draw,
                    quantity: Quantity::ZERO,
                    price,
                    profit: Amount(profit),
                    fee: Amount::ZERO,
                    liquidation_fee: Amount::ZERO,
                }),
                teller,
            );
            self.tell_position(at, slot, teller);
        }
        let short = -self.ledger.purse(record, asset).available.0;
        if short > 0 {
            self.ledger.adjust(record, asset, short, 0);
            self.pay_from_fund(account, asset, short, teller);
        }
    }

    /// The insurance fund pays so much for an account.
    pub(crate) fn pay_from_fund(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: i128,
        teller: &mut Teller<'_>,
    ) {
        self.perpetuals.insurance[asset.index()] -= amount;
        let amount = Amount(amount);
        let event = PerpetualEvent::Insured { account, asset, amount };
        teller.tell(InstrumentId::NONE, || EventBody::Perpetual(event));
    }
}
