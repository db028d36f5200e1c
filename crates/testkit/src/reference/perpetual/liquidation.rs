//! Liquidation and deleveraging in the slow market. Prices are looked for one tick after the other where that is short,
//! else by halves from the whole range.

use super::super::money::rounded_up;
use super::super::{Going, Market, Telling};
use super::{Backed, Leg, divided_up};
use model::{
    AccountId, AlertKind, CloseReason, EventBody, InstrumentId, MarginMode, OrderId, OrderKind,
    OrderState, PerpetualEvent, PositionId, Price, Quantity, SettledBy, Side, Status, TimeInForce,
};

impl Market {
    pub(super) fn go_on_liquidating(
        &mut self,
        instrument: InstrumentId,
        telling: &mut Telling<'_>,
    ) {
        if self.statuses[instrument.index()] != Status::Trading {
            return;
        }
        let queue = &self.perpetuals.all[&instrument].queue;
        let next: Vec<AccountId> = queue.iter().copied().take(8).collect();
        for account in next {
            let it = self.perpetuals.all.get_mut(&instrument).expect("a perpetual");
            it.queue.remove(0);
            self.liquidate(account, instrument, telling);
            if self.held(account, instrument).stage > 0 {
                let it = self.perpetuals.all.get_mut(&instrument).expect("a perpetual");
                it.queue.push(account);
            }
        }
    }

    fn liquidate(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        telling: &mut Telling<'_>,
    ) {
        let held = self.held(account, instrument);
        let asset = self.margin_asset(instrument);
        if held.stage == 1 {
            let mut ids: Vec<OrderId> = Vec::new();
            for open in &self.open {
                if open.order.account == account
                    && self.is_perpetual(open.instrument)
                    && (open.instrument == instrument
                        || held.mode == MarginMode::Cross
                            && self.margin_asset(open.instrument) == asset)
                {
                    ids.push(open.order.id);
                }
            }
            ids.sort();
            for id in ids {
                self.close(id, CloseReason::Liquidation, telling);
            }
        }
        if self.is_over(account, instrument, telling) {
            return;
        }
        let lots = if held.stage == 1 {
            self.enough(account, instrument)
        } else {
            self.held(account, instrument).size.abs()
        };
        if let Some(price) = self.worst_price(account, instrument, lots) {
            self.close_through_book(account, instrument, lots, price, telling);
        }
        if self.is_over(account, instrument, telling) {
            return;
        }
        let bankrupt = self.health(account, instrument).0 <= 0;
        if held.stage >= 2 && (bankrupt || held.stage >= 3) {
            self.deleverage(account, instrument, telling);
            if self.is_over(account, instrument, telling) {
                return;
            }
        }
        self.change(account, instrument, |held| held.stage = u8::min(3, held.stage + 1));
    }

    fn is_over(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        telling: &mut Telling<'_>,
    ) -> bool {
        let flat = self.held(account, instrument).size == 0;
        if !flat && self.level(account, instrument) == 4 {
            return false;
        }
        self.change(account, instrument, |held| {
            held.stage = 0;
            held.level = if flat { 0 } else { 3 };
        });
        self.tell_alert(account, instrument, AlertKind::LiquidationConcluded, telling);
        true
    }

    fn enough(&self, account: AccountId, instrument: InstrumentId) -> i64 {
        let held = self.held(account, instrument);
        let whole = held.size.abs();
        let worth = self.worth(instrument, self.mark(instrument), whole);
        let (_, own) = self.margins(instrument, worth, held.leverage);
        let (equity, _, maintenance) = self.health(account, instrument);
        let too_much = maintenance - i128::max(0, equity) * 4 / 5;
        if own <= 0 || too_much >= own {
            return whole;
        }
        let ppm = divided_up(too_much * 1_000_000, own);
        let lots = divided_up(i128::from(whole) * ppm, 1_000_000);
        i128::max(1, i128::min(i128::from(whole), lots)) as i64
    }

    fn worst_price(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        lots: i64,
    ) -> Option<Price> {
        let size = self.held(account, instrument).size;
        let closes = if size > 0 { lots } else { -lots };
        let mark = self.mark(instrument);
        let fund = self.insurance(self.margin_asset(instrument)).0;
        let budget = self.health(account, instrument).0 + i128::max(0, fund);
        let at_mark = self.signed_worth(instrument, mark, closes);
        let price_max = (1 << 53) / self.instruments[instrument.index()].tick_units;
        let band = i128::from(self.terms(instrument).liquidation_band_ppm);
        let band = (i128::from(mark.0) * band / 1_000_000) as i64;
        let mut worst = None;
        for away in 0..=i64::min(band, mark.0 - 1) {
            let price = if size > 0 { mark.0 - away } else { mark.0 + away };
            let price = Price(i64::max(1, i64::min(price, price_max)));
            let loss = at_mark - self.signed_worth(instrument, price, closes);
            let fee = rounded_up(self.worth(instrument, price, lots), self.rules.taker_fee_ppm);
            if i128::max(0, loss) + fee > budget {
                break;
            }
            worst = Some(price);
        }
        worst
    }

    fn close_through_book(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        lots: i64,
        price: Price,
        telling: &mut Telling<'_>,
    ) {
        let held = self.held(account, instrument);
        let quantity = Quantity(lots);
        let position = PositionId(held.id);
        let event = PerpetualEvent::Liquidating { position, account, quantity, price };
        self.tell_perpetual(telling, instrument, event);
        let order = OrderState {
            id: self.next_order(),
            account,
            side: if held.size > 0 { Side::Sell } else { Side::Buy },
            post_only: false,
            kind: OrderKind::Limit(price),
            time_in_force: TimeInForce::ImmediateOrCancel,
            trigger: None,
            original: quantity,
            remaining: quantity,
        };
        self.tell(telling, instrument, EventBody::Created(order));
        let backed = Backed { lots: 0, rate: 0, forced: true };
        self.enter_perpetual(Going { instrument, order, held: 0, backed }, telling);
    }

    fn deleverage(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        telling: &mut Telling<'_>,
    ) {
        let bankrupt = self.held(account, instrument);
        let equity = self.health(account, instrument).0;
        let mark = self.mark(instrument);
        let now = self.signed_worth(instrument, mark, bankrupt.size);
        let price_max = (1 << 53) / self.instruments[instrument.index()].tick_units;
        let bears =
            |price: i64| equity + self.signed_worth(instrument, Price(price), bankrupt.size) >= now;
        // Of the prices that it can bear the one furthest on the bad side.
        let price = if bankrupt.size > 0 {
            let (mut low, mut high) = (1, price_max);
            while low < high {
                let middle = i64::midpoint(low, high);
                if bears(middle) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            low
        } else {
            let (mut low, mut high) = (1, price_max);
            while low < high {
                let middle = low + (high - low).div_euclid(2) + (high - low) % 2;
                if bears(middle) {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            low
        };
        let price = Price(price);
        let mut winners = Vec::new();
        for (&(other, here), held) in &self.perpetuals.held {
            if here == instrument
                && held.stage == 0
                && held.size.signum() == -bankrupt.size.signum()
            {
                let profit = self.signed_worth(instrument, mark, held.size) - held.cost;
                let ratio = profit * 1_000_000 / i128::max(1, held.cost.abs());
                winners.push((ratio * i128::from(held.leverage), other));
            }
        }
        winners.sort_by(|one, two| two.0.cmp(&one.0).then(one.1.cmp(&two.1)));
        for (_, other) in winners {
            let left = self.held(account, instrument).size.abs();
            if left == 0 {
                return;
            }
            let lots = i64::min(left, self.bearable(other, instrument, price));
            if lots == 0 {
                continue;
            }
            let (against, quantity) = (other, Quantity(lots));
            let event = PerpetualEvent::Deleveraged { account, against, quantity, price };
            self.tell_perpetual(telling, instrument, event);
            let (side, back) = match bankrupt.size > 0 {
                true => (Side::Sell, Side::Buy),
                false => (Side::Buy, Side::Sell),
            };
            let worth = self.worth(instrument, price, lots);
            let by = SettledBy::Deleveraging;
            let leg = Leg { side, price, lots, worth, fee: 0, by };
            self.fill_position(account, instrument, leg, telling);
            self.fill_position(other, instrument, Leg { side: back, ..leg }, telling);
        }
    }

    fn bearable(&self, account: AccountId, instrument: InstrumentId, price: Price) -> i64 {
        let held = self.held(account, instrument);
        let equity = self.health(account, instrument).0;
        let whole = held.size.abs();
        let mark = self.mark(instrument);
        let bears = |lots: i64| {
            let size = if held.size > 0 { lots } else { -lots };
            let loss = self.signed_worth(instrument, mark, size)
                - self.signed_worth(instrument, price, size);
            let mine = match held.mode {
                MarginMode::Cross => equity,
                MarginMode::Isolated => equity * i128::from(lots) / i128::from(whole),
            };
            loss <= i128::max(0, mine)
        };
        let (mut fits, mut step) = (0, 1 << 61);
        while step > 0 {
            if fits + step <= whole && bears(fits + step) {
                fits += step;
            }
            step /= 2;
        }
        fits
    }
}
