//! The positions of one account, as a part of an image.

use model::image::{Image, Impossible, MAGNITUDE_MAX, Reader, save_all};
use model::{AccountId, Amount, Assets, Dealt, OwnAlert, OwnPosition, OwnSettlement};

use super::{ALERTS_MAX, POSITIONS_MAX, Positions, SETTLEMENTS_MAX};

impl Positions {
    pub fn save(&self, out: &mut Vec<u8>) {
        let Self { here, ended, settlements, alerts } = self;
        save_all(here.values(), out);
        save_all(ended.iter(), out);
        save_all(settlements.iter(), out);
        save_all(alerts.iter(), out);
    }

    /// Reads those of this account in a market with these assets.
    pub fn load(
        account: AccountId,
        assets: &Assets,
        from: &mut Reader<'_>,
    ) -> Result<Self, Impossible> {
        let mut loaded = Self::default();
        let is_own = |own: &OwnPosition| {
            own.state.account == account && is_position(own) && is_listed(own.instrument, assets)
        };
        for _ in 0..from.count(usize::from(u16::MAX), "positions")? {
            let own = OwnPosition::load(from)?;
            let follows =
                loaded.here.last_key_value().is_none_or(|(last, _)| *last < own.instrument);
            if !follows || !is_own(&own) {
                return Err(Impossible("a position"));
            }
            loaded.here.insert(own.instrument, own);
        }
        loaded.ended = from.all(POSITIONS_MAX, "more ended positions than are kept")?;
        loaded.settlements = from.all(SETTLEMENTS_MAX, "more settlements than are kept")?;
        loaded.alerts = from.all(ALERTS_MAX, "more alerts than are kept")?;
        let is_settlement = |it: &OwnSettlement| {
            it.account == account
                && is_listed(it.instrument, assets)
                && are_amounts(&[
                    it.cost,
                    it.profit,
                    it.fee,
                    it.liquidation_fee,
                    it.funding,
                    it.insured,
                ])
        };
        let is_alert = |it: &OwnAlert| {
            let alert = &it.alert;
            alert.account == account
                && is_listed(it.instrument, assets)
                && are_amounts(&[alert.equity, alert.initial, alert.maintenance])
        };
        let is_sound = loaded.ended.iter().all(|own| is_own(own) && !own.is_open())
            && loaded.settlements.iter().all(is_settlement)
            && loaded.settlements.iter().is_sorted_by(|one, next| one.sequence <= next.sequence)
            && loaded.alerts.iter().all(is_alert);
        if is_sound { Ok(loaded) } else { Err(Impossible("what is told of positions")) }
    }
}

fn is_listed(instrument: model::InstrumentId, assets: &Assets) -> bool {
    assets.settlement(instrument).is_some()
}

fn are_amounts(all: &[Amount]) -> bool {
    all.iter().all(|it| it.0.unsigned_abs() <= Amount::MAX.0.unsigned_abs())
}

const fn is_dealt(dealt: &Dealt) -> bool {
    0 <= dealt.quantity.0 && dealt.turnover.unsigned_abs() <= (MAGNITUDE_MAX as u128) << 60
}

fn is_position(own: &OwnPosition) -> bool {
    let earned = &own.earned;
    let costs = [earned.fees, earned.liquidation_fees];
    let money = [earned.profit, earned.funding, earned.insured];
    own.state.size.unsigned_abs() <= MAGNITUDE_MAX.unsigned_abs()
        && own.entry.unsigned_abs() <= (MAGNITUDE_MAX as u128) << 60
        && is_dealt(&own.opened)
        && is_dealt(&own.closed)
        && are_amounts(&[own.state.cost, own.state.margin])
        && are_amounts(&costs)
        && are_amounts(&money)
}
