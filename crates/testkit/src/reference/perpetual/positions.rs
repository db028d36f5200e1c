//! Positions in the slow market: what trades do to them, and to money.

use super::super::money::rounded_up;
use super::super::{Market, Telling};
use super::{Leg, closable, divided_up};
use model::{
    AccountId, Amount, AssetId, InstrumentId, MarginMode, Payoff, PerpetualEvent, PositionId,
    Quantity, Settled, SettledBy, Side,
};

impl Market {
    pub(super) fn fill_position(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        leg: Leg,
        telling: &mut Telling<'_>,
    ) {
        let asset = self.margin_asset(instrument);
        let held = self.held(account, instrument);
        let closing = i64::min(leg.lots, closable(&held, leg.side));
        let opening = leg.lots - closing;
        let closed =
            if opening == 0 { leg.worth } else { self.worth(instrument, leg.price, closing) };
        if closing > 0 {
            self.close_lots(account, instrument, leg, closing, closed, telling);
        }
        if opening > 0 {
            let fee = if closing > 0 { 0 } else { leg.fee };
            self.give(account, asset, -fee);
            self.give(AccountId(u32::MAX), asset, fee);
            let worth = leg.worth - closed;
            let linear = self.terms(instrument).payoff == Payoff::Linear;
            let mut held = self.held(account, instrument);
            if held.size == 0 {
                self.perpetuals.positions += 1;
                held.id = 1_000_000 + self.perpetuals.positions;
            }
            held.size += if leg.side == Side::Buy { opening } else { -opening };
            held.cost += if (leg.side == Side::Buy) == linear { worth } else { -worth };
            let whole = self.worth(instrument, leg.price, held.size.abs());
            let rate = self.rate(instrument, whole, held.leverage);
            if held.mode == MarginMode::Isolated {
                let available = i128::max(0, self.balance(account, asset).available.0);
                let margin = i128::min(rounded_up(worth, rate), available);
                held.margin += margin;
                let possession = self.possession(account, asset);
                possession.available -= margin;
                possession.held += margin;
            }
            self.perpetuals.held.insert((account, instrument), held);
            self.make_good(account, asset, telling);
        }
        self.tell_position(account, instrument, telling);
    }

    fn close_lots(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        leg: Leg,
        lots: i64,
        worth: i128,
        telling: &mut Telling<'_>,
    ) {
        let asset = self.margin_asset(instrument);
        let mut held = self.held(account, instrument);
        let whole = i128::from(held.size.abs());
        let linear = self.terms(instrument).payoff == Payoff::Linear;
        let proceeds = if (held.size > 0) == linear { worth } else { -worth };
        let cost = divided_up(held.cost * i128::from(lots), whole);
        let profit = proceeds - cost;
        held.cost -= cost;
        held.size -= if held.size > 0 { lots } else { -lots };
        let rate = self.terms(instrument).liquidation_fee_ppm;
        let forced = leg.by == SettledBy::Liquidation;
        let asked = if forced { rounded_up(worth, rate) } else { 0 };
        *self.perpetuals.clearing.entry(asset).or_default() -= profit;
        self.give(AccountId(u32::MAX), asset, leg.fee);
        let mut missing = 0;
        let penalty;
        match held.mode {
            MarginMode::Cross => {
                self.give(account, asset, profit - leg.fee);
                let available = self.balance(account, asset).available.0;
                penalty = i128::min(asked, i128::max(0, available));
                self.give(account, asset, -penalty);
            }
            MarginMode::Isolated => {
                let has = held.margin + profit - leg.fee;
                penalty = i128::min(asked, i128::max(0, has));
                let has = has - penalty;
                let share = divided_up(held.margin * i128::from(held.size.abs()), whole);
                let mut keeps = i128::min(share, i128::max(0, has));
                if forced && held.size != 0 {
                    // All that is left goes on answering for the rest.
                    keeps = i128::max(0, has);
                }
                missing = i128::max(0, -has);
                let possession = self.possession(account, asset);
                possession.held -= held.margin - keeps;
                possession.available += i128::max(0, has) - keeps;
                held.margin = keeps;
            }
        }
        *self.perpetuals.fund.entry(asset).or_default() += penalty;
        self.perpetuals.held.insert((account, instrument), held);
        let event = PerpetualEvent::Settled(Settled {
            position: PositionId(held.id),
            account,
            by: leg.by,
            quantity: Quantity(lots),
            price: leg.price,
            profit: Amount(profit),
            fee: Amount(leg.fee),
            liquidation_fee: Amount(penalty),
        });
        self.tell_perpetual(telling, instrument, event);
        if missing > 0 {
            self.pay_from_fund(account, asset, missing, telling);
        }
        self.make_good(account, asset, telling);
    }

    /// Nobody owes: cross profits become money as far as is needed, then the fund pays.
    pub(super) fn make_good(
        &mut self,
        account: AccountId,
        asset: AssetId,
        telling: &mut Telling<'_>,
    ) {
        let instruments: Vec<InstrumentId> = self.perpetuals.all.keys().copied().collect();
        for instrument in instruments {
            let missing = -self.balance(account, asset).available.0;
            let held = self.held(account, instrument);
            let cross = held.mode == MarginMode::Cross && held.size != 0;
            if missing <= 0 || !cross || self.margin_asset(instrument) != asset {
                continue;
            }
            let price = self.mark(instrument);
            let profit = self.signed_worth(instrument, price, held.size) - held.cost;
            let profit = i128::min(profit, missing);
            if profit <= 0 {
                continue;
            }
            self.change(account, instrument, |held| held.cost += profit);
            *self.perpetuals.clearing.entry(asset).or_default() -= profit;
            self.give(account, asset, profit);
            let event = PerpetualEvent::Settled(Settled {
                position: PositionId(held.id),
                account,
                by: SettledBy::Draw,
                quantity: Quantity(0),
                price,
                profit: Amount(profit),
                fee: Amount(0),
                liquidation_fee: Amount(0),
            });
            self.tell_perpetual(telling, instrument, event);
            self.tell_position(account, instrument, telling);
        }
        let missing = -self.balance(account, asset).available.0;
        if missing > 0 {
            self.give(account, asset, missing);
            self.pay_from_fund(account, asset, missing, telling);
        }
    }

    pub(super) fn pay_from_fund(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: i128,
        telling: &mut Telling<'_>,
    ) {
        *self.perpetuals.fund.entry(asset).or_default() -= amount;
        let event = PerpetualEvent::Insured { account, asset, amount: Amount(amount) };
        self.tell_perpetual(telling, InstrumentId::NONE, event);
    }
}
