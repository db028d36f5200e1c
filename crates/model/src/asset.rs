//! Assets and amounts of them: what accounts hold.
//!
//! An asset is counted in a unit so fine that price × quantity of every instrument is a whole number of it.
//! Settlement never rounds; only fees do, and always up to the next unit.

use core::fmt;

use crate::contract::{Contract, Payoff};
use crate::decimal::pow10;
use crate::ids::{AssetId, InstrumentId};
use crate::instrument::{Instrument, Price, Quantity};

/// So much of an asset, in the asset's unit. Never negative in an account; a difference may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most that may exist of an asset, in all accounts together: far above what does, far below overflow.
    pub const MAX: Self = Self(1 << 120);
}

impl core::ops::Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
impl core::ops::Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
impl core::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl core::ops::SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that accounts hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its place among the assets, dense from 0.
    pub id: AssetId,
    /// Its upper-case code (`BTC`).
    pub code: String,
    /// Its unit is `10^-decimals`.
    pub decimals: u8,
}

/// How a trade of an instrument moves assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What is bought.
    pub base: AssetId,
    /// What it is paid with.
    pub quote: AssetId,
    /// Units of the base asset in one lot.
    pub base_per_lot: i128,
    /// Units of the quote asset in one tick × lot.
    pub quote_per_tick_lot: i128,
}

impl Settlement {
    /// So many lots, in units of the base asset.
    #[must_use]
    pub const fn base(&self, quantity: Quantity) -> Amount {
        Amount(quantity.0 as i128 * self.base_per_lot)
    }
    /// Price × quantity in units of the quote asset, exact.
    #[must_use]
    pub const fn quote(&self, price: Price, quantity: Quantity) -> Amount {
        Amount(price.0 as i128 * quantity.0 as i128 * self.quote_per_tick_lot)
    }
}

/// All assets of a list of instruments, in the order in which they first appear there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    all: Vec<Asset>,
    settlements: Vec<Settlement>,
    /// Perpetuals that pay in their base asset.
    inverse: Vec<InstrumentId>,
}

impl Assets {
    /// The assets of these instruments.
    ///
    /// # Panics
    /// If there are more than 65,536 assets.
    #[must_use]
    pub fn of(instruments: &[Instrument]) -> Self {
        let mut all: Vec<Asset> = Vec::new();
        let mut find = |code: &str, decimals: u8| {
            if let Some(known) = all.iter_mut().find(|asset| asset.code == code) {
                known.decimals = known.decimals.max(decimals);
                return known.id;
            }
            let id = AssetId(u16::try_from(all.len()).expect("there are fewer than 65,536 assets"));
            all.push(Asset { id, code: code.to_owned(), decimals });
            id
        };
        let pairs: Vec<(AssetId, AssetId)> = instruments
            .iter()
            .map(|it| {
                let base = find(&it.base, it.quantity_decimals);
                (base, find(&it.quote, it.price_decimals + it.quantity_decimals))
            })
            .collect();
        let scale = |id: AssetId, decimals: u8| power(all[id.index()].decimals - decimals);
        let settlements = instruments.iter().zip(pairs).map(|(it, (base, quote))| Settlement {
            base,
            quote,
            base_per_lot: i128::from(it.lot_units) * scale(base, it.quantity_decimals),
            quote_per_tick_lot: i128::from(it.tick_units)
                * i128::from(it.lot_units)
                * scale(quote, it.price_decimals + it.quantity_decimals),
        });
        let settlements = settlements.collect();
        Self { all, settlements, inverse: Vec::new() }
    }

    /// The same where these contracts say in what some instruments pay.
    #[must_use]
    pub fn paid_by(mut self, contracts: &[Contract]) -> Self {
        let inverse = contracts.iter().filter(|it| it.payoff == Payoff::Inverse);
        self.inverse = inverse.map(|it| it.instrument).collect();
        self
    }

    /// In what fees of an instrument are paid: the quote asset, but the base asset of an inverse contract.
    #[must_use]
    pub fn fee_asset(&self, instrument: InstrumentId) -> Option<AssetId> {
        let settlement = self.settlement(instrument)?;
        let is_inverse = self.inverse.contains(&instrument);
        Some(if is_inverse { settlement.base } else { settlement.quote })
    }

    /// All of them, by id.
    #[must_use]
    pub fn all(&self) -> &[Asset] {
        &self.all
    }
    /// The asset with this id.
    #[must_use]
    pub fn get(&self, id: AssetId) -> Option<&Asset> {
        self.all.get(id.index())
    }
    /// The asset with this code, in whatever case.
    #[must_use]
    pub fn by_code(&self, code: &str) -> Option<&Asset> {
        self.all.iter().find(|asset| asset.code.eq_ignore_ascii_case(code))
    }
    /// How a trade of this instrument moves assets.
    #[must_use]
    pub fn settlement(&self, instrument: InstrumentId) -> Option<&Settlement> {
        self.settlements.get(instrument.index())
    }
}

impl Asset {
    /// The amount of a number counted in `10^-decimals`, if that is not finer than the asset's unit.
    #[must_use]
    pub fn amount_of_units(&self, units: i64, decimals: u8) -> Option<Amount> {
        let finer = self.decimals.checked_sub(decimals)?;
        Some(Amount(i128::from(units) * power(finer)))
    }
    /// The amount counted in `10^-decimals`, rounded down. More than 64 bits of it are cut to the largest.
    #[must_use]
    pub fn units_of_amount(&self, amount: Amount, decimals: u8) -> i64 {
        let units = if decimals >= self.decimals {
            amount.0.saturating_mul(power(decimals - self.decimals))
        } else {
            amount.0.div_euclid(power(self.decimals - decimals))
        };
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }
}

/// Ten to the power of `decimals`, up to twice as many as a number may have.
fn power(decimals: u8) -> i128 {
    let half = decimals / 2;
    i128::from(pow10(half)) * i128::from(pow10(decimals - half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::Minimum;

    fn instrument(
        id: u16,
        pair: (&str, &str),
        decimals: (u8, u8),
        steps: (i64, i64),
    ) -> Instrument {
        Instrument {
            id: InstrumentId(id),
            base: pair.0.into(),
            quote: pair.1.into(),
            price_decimals: decimals.0,
            tick_units: steps.0,
            quantity_decimals: decimals.1,
            lot_units: steps.1,
            minimum: Minimum::Quantity(Quantity(1)),
        }
    }

    #[test]
    fn an_asset_is_counted_finely_enough_for_every_instrument() {
        let assets = Assets::of(&[
            instrument(0, ("BTC", "USD"), (2, 8), (1, 1)),
            instrument(1, ("ETH", "BTC"), (6, 8), (5, 1)),
            instrument(2, ("AAPL", "USD"), (2, 0), (1, 1)),
        ]);
        let decimals: Vec<_> =
            assets.all().iter().map(|asset| (asset.code.as_str(), asset.decimals)).collect();
        assert_eq!(decimals, [("BTC", 14), ("USD", 10), ("ETH", 8), ("AAPL", 0)]);
        let bitcoin = assets.settlement(InstrumentId(0)).expect("the first instrument");
        assert_eq!(bitcoin.base(Quantity(1)), Amount(1_000_000));
        // 60,000.01 × 0.00000003 USD = 0.0018000003
        assert_eq!(bitcoin.quote(Price(6_000_001), Quantity(3)), Amount(18_000_003));
        let shares = assets.settlement(InstrumentId(2)).expect("the third instrument");
        assert_eq!(shares.quote(Price(22_000), Quantity(2)), Amount(4_400_000_000_000));
        let ether = assets.settlement(InstrumentId(1)).expect("the second instrument");
        assert_eq!(ether.quote(Price(10_000), Quantity(100_000_000)), Amount(5_000_000_000_000));
    }

    #[test]
    fn amounts_are_shown_rounded_down() {
        let dollar = Asset { id: AssetId(0), code: "USD".into(), decimals: 10 };
        assert_eq!(dollar.amount_of_units(12_345, 2), Some(Amount(1_234_500_000_000)));
        assert_eq!(dollar.units_of_amount(Amount(1_234_599_999_999), 2), 12_345);
        assert_eq!(dollar.units_of_amount(Amount(-1), 2), -1);
        assert_eq!(dollar.units_of_amount(Amount(1), 12), 100);
        assert_eq!(dollar.amount_of_units(1, 12), None);
    }
}
