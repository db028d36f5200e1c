//! Margin in the slow market.

use super::super::money::rounded_up;
use super::super::{Market, Telling};
use super::{divided_up, perpetual};
use model::{
    AccountId, AlertKind, Amount, AssetId, InstrumentId, MarginAlert, MarginMode, PerpetualEvent,
    PerpetualRejection, PositionId, Rejection,
};

impl Market {
    /// What it takes to open and to keep so much.
    pub(super) fn margins(
        &self,
        instrument: InstrumentId,
        worth: i128,
        leverage: u16,
    ) -> (i128, i128) {
        let tiers = &self.terms(instrument).tiers;
        let (mut initial, mut maintenance) = (0, 0);
        for (at, tier) in tiers.iter().enumerate() {
            let from = if at == 0 { 0 } else { tiers[at - 1].up_to.0 };
            let is_last = at + 1 == tiers.len();
            let to = if is_last || worth < tier.up_to.0 { worth } else { tier.up_to.0 };
            if to > from {
                initial += rounded_up(to - from, tier.initial_ppm);
                maintenance += rounded_up(to - from, tier.maintenance_ppm);
            }
        }
        let leverage_ppm = divided_up(1_000_000, i128::from(leverage)) as u32;
        (i128::max(initial, rounded_up(worth, leverage_ppm)), maintenance)
    }

    /// The rate at which an order opens.
    pub(super) fn rate(&self, instrument: InstrumentId, worth: i128, leverage: u16) -> u32 {
        let tiers = &self.terms(instrument).tiers;
        let mut rate = tiers[tiers.len() - 1].initial_ppm;
        for tier in tiers.iter().rev() {
            if worth <= tier.up_to.0 {
                rate = tier.initial_ppm;
            }
        }
        u32::max(rate, divided_up(1_000_000, i128::from(leverage)) as u32)
    }

    /// Unrealised profit of an open position, and the margins it takes.
    fn standing(&self, account: AccountId, instrument: InstrumentId) -> (i128, i128, i128) {
        let held = self.held(account, instrument);
        if held.size == 0 {
            return (0, 0, 0);
        }
        let mark = self.mark(instrument);
        let profit = self.signed_worth(instrument, mark, held.size) - held.cost;
        let worth = self.worth(instrument, mark, held.size.abs());
        let (initial, maintenance) = self.margins(instrument, worth, held.leverage);
        (profit, initial, maintenance)
    }

    fn cross(&self, account: AccountId, asset: AssetId) -> (i128, i128, i128) {
        let (mut profit, mut initial, mut maintenance) = (0, 0, 0);
        for (&(whose, instrument), held) in &self.perpetuals.held {
            if whose == account
                && held.mode == MarginMode::Cross
                && self.margin_asset(instrument) == asset
            {
                let standing = self.standing(account, instrument);
                profit += standing.0;
                initial += standing.1;
                maintenance += standing.2;
            }
        }
        (profit, initial, maintenance)
    }

    /// Equity, initial and maintenance margin of what answers for a position.
    pub(super) fn health(
        &self,
        account: AccountId,
        instrument: InstrumentId,
    ) -> (i128, i128, i128) {
        let held = self.held(account, instrument);
        let asset = self.margin_asset(instrument);
        match held.mode {
            MarginMode::Isolated => {
                let (profit, initial, maintenance) = self.standing(account, instrument);
                (held.margin + profit, initial, maintenance)
            }
            MarginMode::Cross => {
                let (profit, initial, maintenance) = self.cross(account, asset);
                (self.balance(account, asset).available.0 + profit, initial, maintenance)
            }
        }
    }

    /// What an account may spend of an asset.
    pub(in super::super) fn spendable(&self, account: AccountId, asset: AssetId) -> i128 {
        let (profit, initial, _) = self.cross(account, asset);
        let mut reserved = 0;
        for open in &self.open {
            let instrument = open.instrument;
            if open.order.account == account
                && self.is_perpetual(instrument)
                && self.margin_asset(instrument) == asset
            {
                let price = super::super::meeting::price_of(&open.order);
                let worth = self.worth(instrument, price, open.backed.lots);
                let fee = u32::max(self.rules.maker_fee_ppm, self.rules.taker_fee_ppm);
                reserved += rounded_up(worth, u32::min(open.backed.rate + fee, 1_000_000));
            }
        }
        let available = self.balance(account, asset).available.0;
        available + i128::min(0, profit) - initial - reserved
    }

    pub(super) fn level(&self, account: AccountId, instrument: InstrumentId) -> u8 {
        let (equity, initial, maintenance) = self.health(account, instrument);
        let cross = self.held(account, instrument).mode == MarginMode::Cross;
        if equity < maintenance {
            return 4;
        }
        if equity * 9 <= maintenance * 10 {
            return 3;
        }
        if cross && equity < initial {
            return 2;
        }
        u8::from(cross && equity * 9 <= initial * 10)
    }

    /// Looks at everybody.
    pub(in super::super) fn look_at_margins(&mut self, telling: &mut Telling<'_>) {
        let everybody: Vec<_> = self.perpetuals.held.keys().copied().collect();
        for (account, instrument) in everybody {
            let held = self.held(account, instrument);
            if held.size == 0 {
                self.change(account, instrument, |held| held.level = 0);
                continue;
            }
            if held.stage > 0 {
                continue;
            }
            let level = self.level(account, instrument);
            self.change(account, instrument, |held| held.level = level);
            if level > held.level {
                let kind = match level {
                    1 => AlertKind::InitialWarning,
                    2 => AlertKind::InitialBreach,
                    3 => AlertKind::MaintenanceWarning,
                    _ => AlertKind::LiquidationStart,
                };
                self.tell_alert(account, instrument, kind, telling);
            }
            if level == 4 {
                self.change(account, instrument, |held| held.stage = 1);
                let it = self.perpetuals.all.get_mut(&instrument).expect("a perpetual");
                it.queue.push(account);
            }
        }
    }

    pub(super) fn tell_alert(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        kind: AlertKind,
        telling: &mut Telling<'_>,
    ) {
        let held = self.held(account, instrument);
        let (equity, initial, maintenance) = self.health(account, instrument);
        let event = PerpetualEvent::Alerted(MarginAlert {
            position: PositionId(held.id),
            account,
            kind,
            mode: held.mode,
            equity: Amount(equity),
            initial: Amount(initial),
            maintenance: Amount(maintenance),
        });
        self.tell_perpetual(telling, instrument, event);
    }

    pub(super) fn set_leverage(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        leverage: u16,
        telling: &mut Telling<'_>,
    ) -> Option<Rejection> {
        let first = self.terms(instrument).tiers[0].initial_ppm;
        if leverage == 0 || u32::from(leverage) > u32::max(1, 1_000_000 / first.max(1)) {
            return Some(perpetual(PerpetualRejection::BadLeverage));
        }
        let before = self.held(account, instrument);
        let asset = self.margin_asset(instrument);
        self.change(account, instrument, |held| held.leverage = leverage);
        if before.size != 0 && leverage < before.leverage {
            let (_, initial, _) = self.health(account, instrument);
            let available = match before.mode {
                // All but what this and the others take, and that again.
                MarginMode::Cross => self.spendable(account, asset) + initial,
                MarginMode::Isolated => {
                    before.margin + i128::min(0, self.standing(account, instrument).0)
                }
            };
            if initial > available {
                self.change(account, instrument, |held| held.leverage = before.leverage);
                return Some(Rejection::InsufficientFunds {
                    asset,
                    needed: Amount(initial),
                    available: Amount(available),
                });
            }
        }
        self.tell_position(account, instrument, telling);
        None
    }

    pub(super) fn add_margin(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        amount: Amount,
        telling: &mut Telling<'_>,
    ) -> Option<Rejection> {
        if amount.0 == 0 || amount.0 > 1 << 120 || amount.0 < -(1 << 120) {
            return Some(Rejection::BadAmount);
        }
        let held = self.held(account, instrument);
        if held.size == 0 || held.mode == MarginMode::Cross || held.stage > 0 {
            return Some(perpetual(PerpetualRejection::BadMarginMode));
        }
        let asset = self.margin_asset(instrument);
        let (needed, available) = if amount.0 > 0 {
            (amount.0, self.spendable(account, asset))
        } else {
            let (profit, initial, _) = self.standing(account, instrument);
            (-amount.0, held.margin + i128::min(0, profit) - initial)
        };
        if needed > available {
            let (needed, available) = (Amount(needed), Amount(available));
            return Some(Rejection::InsufficientFunds { asset, needed, available });
        }
        let possession = self.possession(account, asset);
        possession.available -= amount.0;
        possession.held += amount.0;
        self.change(account, instrument, |held| held.margin += amount.0);
        self.tell_position(account, instrument, telling);
        None
    }
}
