//! Margin: what positions and orders take, what is free, who is in danger.
//!
//! Nobody walks over all accounts. Each open position keeps how far the mark may move before its margin has to be looked
//! at again (`calm`): so far that, whatever its account's other positions do within theirs, no stage of danger can be
//! entered or left. Whoever's money or position changed is looked at anyway. Looked at is at the end of a command.

use super::{Perpetual, Position, refused};
use crate::engine::{Engine, Teller};
use model::{
    AccountId, AlertKind, Amount, AssetId, EventBody, InstrumentId, MarginAlert, MarginMode,
    PerpetualEvent, PerpetualRejection, Price, Rejection, leverage_ppm,
};

/// Money that answers, and what it has to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Health {
    pub equity: i128,
    pub initial: i128,
    pub maintenance: i128,
    /// Positions that it is for.
    pub positions: u32,
}

impl Health {
    /// From 0, in no danger, to 4, to be liquidated. What was set aside for an isolated position is not judged by what
    /// opening it would take: that is what was set aside.
    pub const fn level(&self, mode: MarginMode) -> u8 {
        let &Self { equity, initial, maintenance, .. } = self;
        let cross = matches!(mode, MarginMode::Cross);
        if equity < maintenance {
            4
        } else if 9 * equity <= 10 * maintenance {
            3
        } else if cross && equity < initial {
            2
        } else if cross && 9 * equity <= 10 * initial {
            1
        } else {
            0
        }
    }

    /// By how much the equity, and the margins with it, may change before the level does: each threshold is a sum of
    /// not more than twenty times such a change, but for what rounding adds.
    fn slack(&self) -> i128 {
        let &Self { equity, initial, maintenance, positions } = self;
        let thresholds = [
            10 * (equity - maintenance),
            9 * equity - 10 * maintenance,
            10 * (equity - initial),
            9 * equity - 10 * initial,
        ];
        let least = thresholds.into_iter().map(i128::abs).min().unwrap_or(0);
        (least - 1_000 * i128::from(positions)).max(0) / 20
    }
}

impl Perpetual {
    /// What it takes to open, at this leverage, and to keep so much value.
    pub fn margins(&self, value: i128, leverage: u16) -> (i128, i128) {
        self.terms.margins(value, leverage)
    }

    /// The rate, in millionths, at which something is opened that makes a position worth so much: that of the tier it
    /// ends in.
    pub fn rate(&self, value: i128, leverage: u16) -> u32 {
        let tiers = &self.terms.tiers;
        let tier = tiers.iter().find(|tier| value <= tier.up_to.0).or(tiers.last());
        leverage_ppm(leverage).max(tier.map_or(1_000_000, |tier| tier.initial_ppm))
    }

    fn health_of(&self, position: &Position) -> Health {
        let mark = self.mark();
        let value = self.value.value(mark, position.size.abs());
        let (initial, maintenance) = self.margins(value, position.leverage);
        Health { equity: self.profit(position, mark), initial, maintenance, positions: 1 }
    }

    /// How far the mark may move for the worth of a position to change by no more than this.
    fn reach(&self, position: &Position, change: i128) -> (i64, i64) {
        let mark = i128::from(self.mark().0);
        let value = self.value.value(self.mark(), position.size.abs()) + 1;
        // Within half the mark, a worth that goes with its reciprocal changes at most twice as fast as at the mark.
        let ticks = if change >= value {
            mark / 2
        } else {
            let shift = if value > 1 << 70 { 40 } else { 0 };
            ((change >> shift) * mark / (2 * (value >> shift) + 2)).min(mark / 2)
        };
        ((mark - ticks) as i64, (mark + ticks) as i64)
    }
}

impl Engine {
    /// What answers for all cross positions of an account in an asset, and what it has to be.
    pub(crate) fn cross_health(&self, record: u32, asset: AssetId) -> Health {
        let mut sum =
            Health { equity: self.ledger.purse(record, asset).available.0, ..Health::default() };
        for (at, slot) in self.perpetuals.of_record(record) {
            let perpetual = &self.perpetuals.list[at as usize];
            let position = &perpetual.positions[slot as usize];
            if perpetual.value.margin == asset
                && position.size != 0
                && position.mode == MarginMode::Cross
            {
                let health = perpetual.health_of(position);
                sum.equity += health.equity;
                sum.initial += health.initial;
                sum.maintenance += health.maintenance;
                sum.positions += 1;
            }
        }
        sum
    }

    /// What answers for a position, and what it has to be.
    pub(crate) fn health(&self, at: u32, slot: u32) -> Health {
        let perpetual = &self.perpetuals.list[at as usize];
        let position = &perpetual.positions[slot as usize];
        match position.mode {
            MarginMode::Cross => self.cross_health(position.record, perpetual.value.margin),
            MarginMode::Isolated if position.size == 0 => Health::default(),
            MarginMode::Isolated => {
                let health = perpetual.health_of(position);
                Health { equity: health.equity + position.margin, ..health }
            }
        }
    }

    /// What is available, less what cross positions and all orders take of it. Losses count at once; profit does not
    /// count before it is money.
    #[cold]
    pub(crate) fn free_of(&self, record: u32, asset: AssetId) -> Amount {
        let available = self.ledger.purse(record, asset).available;
        let health = self.cross_health(record, asset);
        let unrealised = health.equity - available.0;
        let reserved: i128 = self
            .perpetuals
            .of_record(record)
            .filter(|&(at, _)| self.perpetuals.list[at as usize].value.margin == asset)
            .map(|(at, slot)| self.perpetuals.position(at, slot).reserved)
            .sum();
        Amount(available.0 + unrealised.min(0) - health.initial - reserved)
    }

    /// Whether something of an account that is paid in this asset is being liquidated.
    pub(crate) fn is_in_liquidation(&self, record: u32, asset: AssetId) -> bool {
        self.perpetuals.of_record(record).any(|(at, slot)| {
            let perpetual = &self.perpetuals.list[at as usize];
            perpetual.value.margin == asset && perpetual.positions[slot as usize].stage > 0
        })
    }

    /// Looks at all positions of an account: tells who has come into more danger, and says from which marks on they have
    /// to be looked at again.
    pub(crate) fn look_at(&mut self, record: u32, teller: &mut Teller<'_>) {
        for at in 0..self.perpetuals.list.len() as u32 {
            let Some(slot) = self.perpetuals.list[at as usize].find(record) else { continue };
            let position = *self.perpetuals.position(at, slot);
            if position.size == 0 {
                let it = self.perpetuals.position_mut(at, slot);
                it.level = 0;
                self.calm(at, slot, None);
                continue;
            }
            if position.stage > 0 {
                self.calm_down(at, slot);
                continue;
            }
            let health = self.health(at, slot);
            let level = health.level(position.mode);
            self.perpetuals.position_mut(at, slot).level = level;
            if level > position.level {
                let kind = [
                    AlertKind::InitialWarning,
                    AlertKind::InitialBreach,
                    AlertKind::MaintenanceWarning,
                    AlertKind::LiquidationStart,
                ][usize::from(level) - 1];
                self.tell_alert(at, slot, kind, &health, teller);
            }
            if level == 4 {
                self.perpetuals.position_mut(at, slot).stage = 1;
                self.perpetuals.list[at as usize].queue.push_back(slot);
            }
            self.calm_down(at, slot);
        }
    }

    /// An open position is not looked at again before it might come into another danger, or out of this one.
    pub(crate) fn calm_down(&mut self, at: u32, slot: u32) {
        let position = *self.perpetuals.position(at, slot);
        // A cross position that is being liquidated is watched all the same, for its account's others.
        if position.stage > 0 && position.mode == MarginMode::Isolated {
            return self.calm(at, slot, None);
        }
        let health = self.health(at, slot);
        let change = health.slack() / i128::from(health.positions.max(1));
        let reach = self.perpetuals.list[at as usize].reach(&position, change);
        self.calm(at, slot, Some(reach));
    }

    pub(crate) fn tell_alert(
        &self,
        at: u32,
        slot: u32,
        kind: AlertKind,
        health: &Health,
        teller: &mut Teller<'_>,
    ) {
        let &Position { id, account, mode, .. } = self.perpetuals.position(at, slot);
        let alert = MarginAlert {
            position: id,
            account,
            kind,
            mode,
            equity: Amount(health.equity),
            initial: Amount(health.initial),
            maintenance: Amount(health.maintenance),
        };
        self.tell_of(at, PerpetualEvent::Alerted(alert), teller);
    }

    /// From now on a position is not looked at while the mark stays in here.
    fn calm(&mut self, at: u32, slot: u32, calm: Option<(i64, i64)>) {
        let perpetual = &mut self.perpetuals.list[at as usize];
        let before = core::mem::replace(&mut perpetual.positions[slot as usize].calm, calm);
        if before == calm {
            return;
        }
        if let Some((low, high)) = before {
            perpetual.below.remove(&(low, slot));
            perpetual.above.remove(&(high, slot));
        }
        if let Some((low, high)) = calm {
            perpetual.below.insert((low, slot));
            perpetual.above.insert((high, slot));
        }
    }

    /// The mark moved: whoever is not calm about it will be looked at.
    pub(crate) fn stir(&mut self, at: u32) {
        let perpetual = &self.perpetuals.list[at as usize];
        let Some(Price(mark)) = perpetual.marks.mark else { return };
        let low = perpetual.below.range((mark + 1, 0)..);
        let high = perpetual.above.range(..(mark, 0));
        for &(_, slot) in low.chain(high) {
            let record = perpetual.positions[slot as usize].record;
            self.ledger.look_again(record, perpetual.value.margin);
        }
    }

    /// Once a command's trades are done: what orders of accounts whose position ended cannot do any more, and who is in
    /// danger now.
    #[cold]
    pub(crate) fn settle_perpetuals(&mut self, teller: &mut Teller<'_>) {
        self.end_useless_orders(teller);
        let mut touched = self.ledger.margined_touched();
        let accounts = self.accounts.all();
        touched.sort_unstable_by_key(|&record| accounts[record as usize].id);
        touched.dedup();
        for record in touched {
            self.look_at(record, teller);
        }
    }
}

/// What accounts choose.
impl Engine {
    pub(super) fn set_leverage(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        leverage: u16,
        teller: &mut Teller<'_>,
    ) -> Result<(), Rejection> {
        let at = self.contract(instrument)?;
        if leverage == 0 || leverage > self.perpetuals.list[at as usize].terms.leverage_max() {
            return Err(refused(PerpetualRejection::BadLeverage));
        }
        let slot = self.open_position(at, account);
        let before = *self.perpetuals.position(at, slot);
        let asset = self.perpetuals.list[at as usize].value.margin;
        self.perpetuals.position_mut(at, slot).leverage = leverage;
        if before.size != 0 && leverage < before.leverage {
            // More margin: it must be there.
            let health = self.health(at, slot);
            let (needed, available) = match before.mode {
                MarginMode::Cross => {
                    let free = self.free_of(before.record, asset).0;
                    (health.initial, free + health.initial)
                }
                MarginMode::Isolated => {
                    let profit = health.equity - before.margin;
                    (health.initial, before.margin + profit.min(0))
                }
            };
            if needed > available {
                self.perpetuals.position_mut(at, slot).leverage = before.leverage;
                let (needed, available) = (Amount(needed), Amount(available));
                return Err(Rejection::InsufficientFunds { asset, needed, available });
            }
        }
        self.ledger.look_again(before.record, asset);
        self.tell_position(at, slot, teller);
        Ok(())
    }

    pub(super) fn set_margin_mode(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        mode: MarginMode,
        teller: &mut Teller<'_>,
    ) -> Result<(), Rejection> {
        let at = self.contract(instrument)?;
        let slot = self.open_position(at, account);
        let position = self.perpetuals.position_mut(at, slot);
        if position.size != 0 && position.mode != mode {
            return Err(refused(PerpetualRejection::BadMarginMode));
        }
        position.mode = mode;
        self.tell_position(at, slot, teller);
        Ok(())
    }

    pub(super) fn add_margin(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        amount: Amount,
        teller: &mut Teller<'_>,
    ) -> Result<(), Rejection> {
        let at = self.contract(instrument)?;
        if amount == Amount::ZERO || amount > Amount::MAX || amount < Amount(-Amount::MAX.0) {
            return Err(Rejection::BadAmount);
        }
        let slot = self.open_position(at, account);
        let position = *self.perpetuals.position(at, slot);
        if position.mode != MarginMode::Isolated || position.size == 0 || position.stage > 0 {
            return Err(refused(PerpetualRejection::BadMarginMode));
        }
        let asset = self.perpetuals.list[at as usize].value.margin;
        let (needed, available) = if amount > Amount::ZERO {
            (amount, self.free_of(position.record, asset))
        } else {
            // What is left has to be enough to open it, without profit that is not money yet.
            let health = self.health(at, slot);
            let spare = position.margin + (health.equity - position.margin).min(0) - health.initial;
            (Amount(-amount.0), Amount(spare))
        };
        if needed > available {
            return Err(Rejection::InsufficientFunds { asset, needed, available });
        }
        self.ledger.adjust(position.record, asset, -amount.0, amount.0);
        self.perpetuals.position_mut(at, slot).margin += amount.0;
        self.tell_position(at, slot, teller);
        Ok(())
    }

    pub(super) fn insure(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        teller: &mut Teller<'_>,
    ) -> Result<(), Rejection> {
        self.check_movement(asset, amount)?;
        let record = self.check_available(account, asset, amount)?;
        self.ledger.adjust(record, asset, -amount.0, 0);
        self.perpetuals.insurance[asset.index()] += amount.0;
        let amount = Amount(-amount.0);
        let event = PerpetualEvent::Insured { account, asset, amount };
        teller.tell(InstrumentId::NONE, || EventBody::Perpetual(event));
        Ok(())
    }
}
