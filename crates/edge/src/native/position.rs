//! How the native API words positions and what came of them.

use std::collections::BTreeMap;

use model::{
    AlertKind, Amount, AssetId, InstrumentId, MarginMode, OwnAlert, OwnPosition, OwnSettlement,
    Price, Quantity, SettlementKind, Valuation,
};

use super::venue::{Words, amount, price, quantity, scaled, time};
use super::wire::perpetual as wire;

#[cfg(test)]
mod tests;

/// Decimals that an entry price has more than a price.
const FINER: u8 = 4;

/// What cross positions of an asset come to together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cross {
    /// What answers for them.
    pub equity: Amount,
    /// What it takes to keep them.
    pub maintenance: Amount,
}

/// A position, as the marks stand and with what the cross positions of each asset come to.
pub(crate) fn word(
    words: &Words,
    own: &OwnPosition,
    marks: &BTreeMap<InstrumentId, Price>,
    crosses: &BTreeMap<AssetId, Cross>,
) -> wire::Position {
    let (it, state) = (words.listed(own.instrument), &own.state);
    let asset = words.margin_asset(own.instrument);
    let told = |of: Amount| asset.map(|asset| amount(asset, of)).unwrap_or_default();
    let size = state.size.abs();
    let entry = own.is_open().then(|| {
        let units = own.entry * i128::from(it.tick_units) * 10_i128.pow(FINER.into());
        scaled(units / i128::from(size), it.price_decimals + FINER)
    });
    let mark = marks.get(&own.instrument).copied().filter(|_| own.is_open());
    let value = mark.and_then(|mark| value(words, own, mark));
    let profit = mark.and_then(|mark| profit(words, own, mark));
    let margins = mark.and_then(|mark| margins(words, own, mark));
    let alone = profit.zip(margins).map(|(profit, (_, maintenance))| (profit, maintenance));
    let together = match state.mode {
        MarginMode::Isolated => {
            alone.map(|(profit, maintenance)| Cross { equity: state.margin + profit, maintenance })
        }
        MarginMode::Cross => {
            asset.and_then(|asset| crosses.get(&asset.id)).copied().filter(|_| mark.is_some())
        }
    };
    let liquidation = alone.zip(together).and_then(|((profit, maintenance), all)| {
        let others = (all.equity - profit, all.maintenance - maintenance);
        let (contract, by) = (words.contract(own.instrument)?, valuation(words, own.instrument)?);
        contract.liquidation_price(&by, it, (state.size, state.cost), others)
    });
    wire::Position {
        id: state.id.0.to_string(),
        instrument: words.name(own.instrument).to_owned(),
        side: side(own.is_long),
        size: quantity(it, Quantity(size)),
        entry_price: entry,
        mark_price: mark.map(|mark| price(it, mark)),
        value: value.map(told),
        liquidation_price: liquidation.map(|mark| price(it, mark)),
        unrealized_profit: profit.map(told),
        realized_profit: told(own.earned.profit),
        fees_paid: told(own.earned.fees),
        liquidation_fees_paid: told(own.earned.liquidation_fees),
        funding: told(own.earned.funding),
        insured: told(own.earned.insured),
        mode: state.mode.into(),
        leverage: state.leverage,
        margin: told(state.margin),
        initial_margin: margins.map(|(initial, _)| told(initial)),
        maintenance_margin: margins.map(|(_, maintenance)| told(maintenance)),
        equity: together.map(|all| told(all.equity)),
        in_liquidation: own.in_liquidation,
        opened_at: time(own.opened_at),
        changed_at: time(own.changed_at),
    }
}

/// Profit of a position at a mark that is not money yet.
pub(crate) fn profit(words: &Words, own: &OwnPosition, mark: Price) -> Option<Amount> {
    let worth = valuation(words, own.instrument)?.worth(mark, own.state.size);
    Some(Amount(worth) - own.state.cost)
}

/// What a position is worth at a mark, without a sign.
fn value(words: &Words, own: &OwnPosition, mark: Price) -> Option<Amount> {
    let lots = i64::try_from(own.state.size.unsigned_abs()).unwrap_or(i64::MAX);
    Some(Amount(valuation(words, own.instrument)?.value(mark, lots)))
}

/// What it takes to open a position at a mark, and to keep it.
pub(crate) fn margins(words: &Words, own: &OwnPosition, mark: Price) -> Option<(Amount, Amount)> {
    let value = value(words, own, mark)?;
    let contract = words.contract(own.instrument)?;
    let (initial, maintenance) = contract.margins(value.0, own.state.leverage);
    Some((Amount(initial), Amount(maintenance)))
}

fn valuation(words: &Words, id: InstrumentId) -> Option<Valuation> {
    Valuation::of(words.contract(id)?, words.listed(id), &words.assets).ok()
}

const fn side(is_long: bool) -> wire::PositionSide {
    if is_long { wire::PositionSide::Long } else { wire::PositionSide::Short }
}

pub(crate) fn settlement(words: &Words, own: &OwnSettlement) -> wire::Settlement {
    let it = words.listed(own.instrument);
    let asset = words.margin_asset(own.instrument);
    let told = |of: Amount| asset.map(|asset| amount(asset, of)).unwrap_or_default();
    wire::Settlement {
        id: own.sequence.to_string(),
        time: time(own.time),
        instrument: words.name(own.instrument).to_owned(),
        position_id: own.position.0.to_string(),
        kind: match own.kind {
            SettlementKind::Trade => wire::SettlementKind::Trade,
            SettlementKind::Liquidation => wire::SettlementKind::Liquidation,
            SettlementKind::Deleveraging => wire::SettlementKind::Deleveraging,
            SettlementKind::Draw => wire::SettlementKind::Draw,
            SettlementKind::Funding => wire::SettlementKind::Funding,
        },
        side: (own.size != 0).then(|| side(own.size > 0)),
        quantity: (own.size != 0).then(|| quantity(it, Quantity(own.size.abs()))),
        price: price(it, own.price),
        profit: told(own.profit),
        fee: told(own.fee),
        liquidation_fee: told(own.liquidation_fee),
        funding: told(own.funding),
        insured: told(own.insured),
        total: told(own.total()),
    }
}

pub(crate) fn alert(words: &Words, own: &OwnAlert) -> wire::Alert {
    let asset = words.margin_asset(own.instrument);
    let told = |of: Amount| asset.map(|asset| amount(asset, of)).unwrap_or_default();
    let alert = &own.alert;
    wire::Alert {
        time: time(own.time),
        instrument: words.name(own.instrument).to_owned(),
        position_id: alert.position.0.to_string(),
        kind: match alert.kind {
            AlertKind::InitialWarning => wire::AlertKind::InitialWarning,
            AlertKind::InitialBreach => wire::AlertKind::InitialBreach,
            AlertKind::MaintenanceWarning => wire::AlertKind::MaintenanceWarning,
            AlertKind::LiquidationStart => wire::AlertKind::LiquidationStart,
            AlertKind::LiquidationConcluded => wire::AlertKind::LiquidationConcluded,
        },
        mode: alert.mode.into(),
        equity: told(alert.equity),
        initial_margin: told(alert.initial),
        maintenance_margin: told(alert.maintenance),
    }
}
