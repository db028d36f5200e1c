//! What is traded, with its rules: steps of price and quantity, smallest order, status.

use crate::decimal::pow10;
use crate::ids::InstrumentId;

/// A price in ticks of its instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(pub i64);

/// A quantity in lots of its instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Whether nothing is left.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl core::ops::Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
impl core::ops::Sub for Quantity {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
impl core::ops::AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl core::ops::SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

/// The highest price that an order may have, in `10^-price_decimals` of the quote asset: what a JSON number holds
/// exactly.
pub const PRICE_UNITS_MAX: i64 = 1 << 53;

/// The largest quantity that an order may have, in `10^-quantity_decimals` of the base asset: a million open
/// orders (2^20) of this size still add up to less than 64 bits hold.
pub const QUANTITY_UNITS_MAX: i64 = i64::MAX >> 20;

/// The smallest order that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimum {
    /// At least this value, price × quantity, counted as [`Instrument::notional`] counts.
    Notional(i128),
    /// At least this many lots.
    Quantity(Quantity),
}

/// What an instrument lets people do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Everything.
    #[default]
    Trading,
    /// Only orders that rest: post-only orders and cancels.
    PostOnly,
    /// Only cancels.
    CancelOnly,
    /// Nothing at all, not even a cancel.
    Halted,
}

/// An instrument and its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its place in the directory.
    pub id: InstrumentId,
    /// What is bought, an upper-case asset code (`BTC`).
    pub base: String,
    /// What it is priced in, an upper-case asset code (`USD`).
    pub quote: String,
    /// Decimals with which prices are written.
    pub price_decimals: u8,
    /// The tick size in `10^-price_decimals` of the quote asset.
    pub tick_units: i64,
    /// Decimals with which quantities are written.
    pub quantity_decimals: u8,
    /// The lot size in `10^-quantity_decimals` of the base asset.
    pub lot_units: i64,
    /// The smallest order.
    pub minimum: Minimum,
}

impl Instrument {
    /// A price in `10^-price_decimals` of the quote asset, ready to be written.
    #[must_use]
    pub const fn price_units(&self, price: Price) -> i64 {
        price.0 * self.tick_units
    }
    /// The price of so many units, if it is a whole number of ticks.
    #[must_use]
    pub const fn price_of_units(&self, units: i64) -> Option<Price> {
        if units % self.tick_units == 0 { Some(Price(units / self.tick_units)) } else { None }
    }
    /// A quantity in `10^-quantity_decimals` of the base asset, ready to be written.
    #[must_use]
    pub const fn quantity_units(&self, quantity: Quantity) -> i64 {
        quantity.0 * self.lot_units
    }
    /// The quantity of so many units, if it is a whole number of lots.
    #[must_use]
    pub const fn quantity_of_units(&self, units: i64) -> Option<Quantity> {
        if units % self.lot_units == 0 { Some(Quantity(units / self.lot_units)) } else { None }
    }
    /// The decimals of price × quantity. Where they are more than [`DECIMALS_MAX`](crate::decimal::DECIMALS_MAX), no value
    /// can be written: such an instrument is not listed.
    #[must_use]
    pub const fn value_decimals(&self) -> u8 {
        self.price_decimals.saturating_add(self.quantity_decimals)
    }
    /// Price × quantity in `10^-(price_decimals + quantity_decimals)` of the quote asset, exact.
    #[must_use]
    pub const fn notional(&self, price: Price, quantity: Quantity) -> i128 {
        (price.0 as i128 * self.tick_units as i128) * (quantity.0 as i128 * self.lot_units as i128)
    }
    /// A value of the quote asset, given in `10^-decimals`, as [`Instrument::notional`] counts.
    ///
    /// # Panics
    /// If `decimals` is above the decimals of price and quantity together.
    #[must_use]
    pub const fn notional_of_units(&self, units: i64, decimals: u8) -> i128 {
        assert!(
            decimals <= self.price_decimals + self.quantity_decimals,
            "a value is no finer than price × quantity"
        );
        let mut scale = self.price_decimals + self.quantity_decimals - decimals;
        let mut value = units as i128;
        while scale > 0 {
            let step = if scale > 18 { 18 } else { scale };
            value *= pow10(step) as i128;
            scale -= step;
        }
        value
    }
}

/// An instrument as a venue lists it: its rules, how people call it, and its name in each dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The rules.
    pub instrument: Instrument,
    /// What it is, for people: `Bitcoin / U.S. dollar`, with exactly one ` / `.
    pub description: String,
    /// Pairs of a dialect's name and the symbol there. A dialect that is not named does not list it.
    pub symbols: Vec<(String, String)>,
}

impl Listing {
    /// The symbol in the given dialect, if it lists the instrument.
    #[must_use]
    pub fn symbol_in(&self, dialect: &str) -> Option<&str> {
        self.symbols.iter().find(|(name, _)| name == dialect).map(|(_, symbol)| symbol.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notional_is_exact_in_the_finest_unit() {
        let instrument = Instrument {
            id: InstrumentId(0),
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals: 2,
            tick_units: 50,
            quantity_decimals: 8,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        assert_eq!(instrument.price_of_units(6_000_050), Some(Price(120_001)));
        assert_eq!(instrument.price_of_units(6_000_051), None);
        // 60,000.50 × 0.00000002 = 0.00120001 exactly
        assert_eq!(instrument.notional(Price(120_001), Quantity(2)), 12_000_100);
        assert_eq!(instrument.notional_of_units(10, 0), 100_000_000_000);
    }
}
