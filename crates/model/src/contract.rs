//! Contracts: what makes an instrument a perpetual, which never settles by delivery and is held on margin. An instrument
//! without a contract is a spot instrument.
//!
//! Only terms and arithmetic. Who holds what, and who is in danger, is the engine's to know.

use crate::asset::{Amount, Assets};
use crate::decimal::pow10;
use crate::ids::{AssetId, InstrumentId};
use crate::index::FeedName;
use crate::instrument::{Instrument, PRICE_UNITS_MAX, Price};
use crate::time::Span;

/// What a contract pays in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Payoff {
    /// In the quote asset: a lot is worth price × base. Quantities count the base asset.
    #[default]
    Linear,
    /// In the base asset: a lot is so much of the quote asset, and worth that divided by the price. Quantities count
    /// contracts.
    Inverse,
}

/// How much margin the part of a position's value in this tier takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// It ends at this value, in units of the margin asset. The last tier's is the largest position.
    pub up_to: Amount,
    /// To open, in millionths.
    pub initial_ppm: u32,
    /// To keep, in millionths; not above what opening takes.
    pub maintenance_ppm: u32,
}

/// Where an index price is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constituent {
    /// The middle of a book of ours.
    Book(InstrumentId),
    /// What is quoted to us from outside under this name.
    Feed(FeedName),
}

/// The terms of a perpetual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// What it pays in.
    pub payoff: Payoff,
    /// What a quantity of one stands for: of the base asset if linear, whole units of the quote asset if inverse.
    pub size: i64,
    /// Ascending, at least one.
    pub tiers: Vec<Tier>,
    /// At most [`Contract::CONSTITUENTS_MAX`].
    pub constituents: Vec<Constituent>,
    /// A quote from outside is good for so long.
    pub stale_after: Span,
    /// A constituent further than so many millionths from the median of all is left out.
    pub outlier_ppm: u32,
    /// The mark is at most so many millionths of the index away from it.
    pub basis_ppm_max: u32,
    /// Funding is exchanged at the multiples of this, counted from 1970.
    pub funding_interval: Span,
    /// The premium is sampled once in each of these.
    pub sample_interval: Span,
    /// The highest funding rate, in millionths of a position's value.
    pub funding_ppm_max: u32,
    /// How far from the mark a liquidation may trade, in millionths of it.
    pub liquidation_band_ppm: u32,
    /// What a liquidation pays into the insurance fund, in millionths of the value traded.
    pub liquidation_fee_ppm: u32,
}

impl Contract {
    /// What people call these instruments: `BTC-USD`, and `BTC-USD-PERP` where one has a contract.
    #[must_use]
    pub fn names<'a>(
        instruments: impl IntoIterator<Item = &'a Instrument>,
        contracts: &[Self],
    ) -> Vec<String> {
        let name = |it: &Instrument| {
            let is_perpetual = contracts.iter().any(|contract| contract.instrument == it.id);
            format!("{}-{}{}", it.base, it.quote, if is_perpetual { "-PERP" } else { "" })
        };
        instruments.into_iter().map(name).collect()
    }

    /// The place of a feed among the constituents.
    #[must_use]
    pub fn feed(&self, name: FeedName) -> Option<u16> {
        let place = self.constituents.iter().position(|it| *it == Constituent::Feed(name))?;
        u16::try_from(place).ok()
    }

    /// The most constituents of an index.
    pub const CONSTITUENTS_MAX: usize = 16;

    /// The highest leverage that may be chosen: what the first tier lets.
    #[must_use]
    pub fn leverage_max(&self) -> u16 {
        let first = self.tiers.first().map_or(1_000_000, |tier| tier.initial_ppm.max(1));
        u16::try_from(1_000_000 / first).unwrap_or(u16::MAX).max(1)
    }

    /// What it takes to open a position of so much value, at this leverage, and to keep it: of each tier the part of the
    /// value that is in it, rounded up.
    #[must_use]
    pub fn margins(&self, value: i128, leverage: u16) -> (i128, i128) {
        let (mut initial, mut maintenance, mut from) = (0, 0, 0);
        for (tier, last) in self.tiers.iter().zip((0..self.tiers.len()).rev()) {
            // What is beyond the last tier is taken as if it were in it.
            let to = if last == 0 { value } else { value.min(tier.up_to.0) };
            let within = (to - from).max(0);
            initial += share(within, tier.initial_ppm);
            maintenance += share(within, tier.maintenance_ppm);
            from = tier.up_to.0;
        }
        let chosen = share(value, leverage_ppm(leverage));
        (initial.max(chosen), maintenance)
    }

    /// The mark at which a position would begin to be liquidated if nothing else changed: the first that is too low for a
    /// long, too high for a short; none if none is. `besides` is what answers for it but for its own profit at the mark, and
    /// `needed` what the same has to keep besides.
    #[must_use]
    pub fn liquidation_price(
        &self,
        by: &Valuation,
        instrument: &Instrument,
        (size, cost): (i64, Amount),
        (besides, needed): (Amount, Amount),
    ) -> Option<Price> {
        let lots = i64::try_from(size.unsigned_abs()).unwrap_or(i64::MAX);
        let is_lost = |price: i64| {
            let price = Price(price);
            let (_, maintenance) = self.margins(by.value(price, lots), 1);
            let equity = besides + Amount(by.worth(price, size)) - cost;
            equity < needed + Amount(maintenance)
        };
        let most = PRICE_UNITS_MAX / instrument.tick_units;
        // What is lost lies below, for a short above; at neither end is asked.
        let (mut lost, mut safe) = if size > 0 { (0, most + 1) } else { (most + 1, 0) };
        while (safe - lost).abs() > 1 {
            let middle = lost.midpoint(safe);
            if is_lost(middle) {
                lost = middle;
            } else {
                safe = middle;
            }
        }
        (1..=most).contains(&lost).then_some(Price(lost))
    }

    /// Whether the terms make sense by themselves; says what does not.
    ///
    /// # Errors
    /// A fragment that says what is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        let million = 1_000_000;
        let mut before = Tier { up_to: Amount::ZERO, initial_ppm: 0, maintenance_ppm: 0 };
        for tier in &self.tiers {
            let rises = tier.up_to > before.up_to
                && tier.initial_ppm >= before.initial_ppm
                && tier.maintenance_ppm >= before.maintenance_ppm;
            if !rises || tier.maintenance_ppm > tier.initial_ppm || tier.initial_ppm > million {
                return Err("tiers do not rise");
            }
            before = *tier;
        }
        if self.tiers.is_empty() || before.up_to > VALUE_MAX {
            return Err("no tiers, or too high");
        }
        let shares = [
            self.outlier_ppm,
            self.basis_ppm_max,
            self.funding_ppm_max,
            self.liquidation_band_ppm,
            self.liquidation_fee_ppm,
        ];
        if shares.into_iter().any(|share| share > million) {
            return Err("a share above the whole");
        }
        if self.funding_interval.0 <= 0 || self.sample_interval.0 <= 0 || self.stale_after.0 < 0 {
            return Err("an interval that is not positive");
        }
        if self.size <= 0 || self.constituents.len() > Self::CONSTITUENTS_MAX {
            return Err("a size that is not positive, or too many constituents");
        }
        let mut others = self.constituents.iter();
        while let Some(it) = others.next() {
            if matches!(it, Constituent::Feed(_)) && others.as_slice().contains(it) {
                return Err("two feeds of one name");
            }
        }
        Ok(())
    }
}

/// What a leverage takes of a position's value, in millionths, rounded up.
#[must_use]
pub const fn leverage_ppm(leverage: u16) -> u32 {
    1_000_000_u32.div_ceil(if leverage == 0 { 1 } else { leverage as u32 })
}

/// So many millionths of a value that is not negative, rounded up. In two parts, so that nothing overflows.
const fn share(value: i128, ppm: u32) -> i128 {
    let (millions, rest) = (value / 1_000_000, value % 1_000_000);
    millions * ppm as i128 + (rest * ppm as i128 + 999_999) / 1_000_000
}

/// No position is worth more than this at any price, in units of its margin asset: so every product that margin takes
/// stays below 128 bits.
pub const VALUE_MAX: Amount = Amount(1 << 100);

/// What lots of a contract are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valuation {
    /// What the contract pays in.
    pub payoff: Payoff,
    /// The asset of margin, profit and loss.
    pub margin: AssetId,
    /// Linear: units a tick × lot. Inverse: units a lot at a price of one tick.
    pub factor: i128,
    /// Linear: 1. Inverse: the tick size, by which the price is multiplied before it divides.
    pub tick: i128,
    /// The most lots of a position.
    pub lots_max: i64,
}

impl Valuation {
    /// Of a contract of this instrument, which is one of those the assets are of.
    ///
    /// # Errors
    /// A fragment that says what is wrong, if amounts cannot be counted.
    pub fn of(
        contract: &Contract,
        instrument: &Instrument,
        assets: &Assets,
    ) -> Result<Self, &'static str> {
        let settlement = assets.settlement(instrument.id).ok_or("no such instrument")?;
        let size = i128::from(contract.size);
        let too_fine = "steps so fine that amounts cannot be counted";
        let (margin, factor, tick, largest) = match contract.payoff {
            Payoff::Linear => {
                let factor = settlement.quote_per_tick_lot.checked_mul(size).ok_or(too_fine)?;
                let price_max = i128::from(PRICE_UNITS_MAX / instrument.tick_units);
                (settlement.quote, factor, 1, factor.checked_mul(price_max).ok_or(too_fine)?)
            }
            Payoff::Inverse => {
                let decimals = assets.get(settlement.base).map_or(0, |asset| asset.decimals);
                let scale = u8::checked_sub(
                    decimals + instrument.price_decimals,
                    instrument.quantity_decimals,
                );
                let scale = scale.filter(|&scale| scale <= 18).ok_or(too_fine)?;
                let lot = i128::from(instrument.lot_units) * i128::from(pow10(scale));
                let factor = lot.checked_mul(size).ok_or(too_fine)?;
                (settlement.base, factor, i128::from(instrument.tick_units), factor)
            }
        };
        let lots_max = (VALUE_MAX.0 / largest.max(1)).min(1 << 60) as i64;
        if lots_max < 1 {
            return Err(too_fine);
        }
        Ok(Self { payoff: contract.payoff, margin, factor, tick, lots_max })
    }

    /// What so many lots are worth at a price: exact if linear, else rounded down to the unit. Both sides of a trade use
    /// the same number, so that nothing is lost between them.
    #[must_use]
    #[inline]
    pub const fn value(&self, price: Price, lots: i64) -> i128 {
        match self.payoff {
            Payoff::Linear => self.factor * price.0 as i128 * lots as i128,
            Payoff::Inverse => self.factor * lots as i128 / (self.tick * price.0 as i128),
        }
    }

    /// The worth of a position at a price: with its sign, so that whoever is long a linear contract, or short an inverse
    /// one, has more of it when the price or its reciprocal rises.
    #[must_use]
    pub const fn worth(&self, price: Price, size: i64) -> i128 {
        let lots = if size < 0 { -size } else { size };
        self.sign() * size.signum() as i128 * self.value(price, lots)
    }

    /// 1 if linear, -1 if inverse.
    #[must_use]
    pub const fn sign(&self) -> i128 {
        match self.payoff {
            Payoff::Linear => 1,
            Payoff::Inverse => -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{Minimum, Quantity};

    fn instrument(id: u16, quantity_decimals: u8) -> Instrument {
        Instrument {
            id: InstrumentId(id),
            base: "BTC".into(),
            quote: "USD".into(),
            price_decimals: 1,
            tick_units: 5,
            quantity_decimals,
            lot_units: 1,
            minimum: Minimum::Quantity(Quantity(1)),
        }
    }

    fn contract(id: u16, payoff: Payoff, size: i64) -> Contract {
        Contract {
            instrument: InstrumentId(id),
            payoff,
            size,
            tiers: vec![Tier { up_to: VALUE_MAX, initial_ppm: 100_000, maintenance_ppm: 50_000 }],
            constituents: Vec::new(),
            stale_after: Span::seconds(10),
            outlier_ppm: 50_000,
            basis_ppm_max: 5_000,
            funding_interval: Span::seconds(28_800),
            sample_interval: Span::seconds(60),
            funding_ppm_max: 7_500,
            liquidation_band_ppm: 20_000,
            liquidation_fee_ppm: 1_000,
        }
    }

    #[test]
    fn lots_are_worth_what_the_contract_says() {
        let instruments = [instrument(0, 8), instrument(1, 0)];
        let assets = Assets::of(&instruments);
        // Linear, two bitcoins a unit of quantity: 60,000.0 × 0.00000003 × 2 = 0.0036 USD, in units of 10^-9.
        let linear = contract(0, Payoff::Linear, 2);
        let linear = Valuation::of(&linear, &instruments[0], &assets).expect("it counts");
        assert_eq!(linear.value(Price(120_000), 3), 3_600_000);
        assert_eq!(linear.worth(Price(120_000), -3), -3_600_000);
        // Inverse, 100 USD a contract: 3 × 100 / 60,000.0 = 0.005 BTC, in units of 10^-8.
        let inverse = contract(1, Payoff::Inverse, 100);
        let inverse = Valuation::of(&inverse, &instruments[1], &assets).expect("it counts");
        assert_eq!(inverse.value(Price(120_000), 3), 500_000);
        // 100 / 70,000.0 = 0.00142857 and some more, which is left out.
        assert_eq!(inverse.value(Price(140_000), 1), 142_857);
        assert_eq!(inverse.worth(Price(140_000), 1), -142_857);
    }

    #[test]
    fn margins_are_taken_by_tiers_and_each_part_is_rounded_up() {
        let tier = |up_to, initial_ppm, maintenance_ppm| Tier {
            up_to: Amount(up_to),
            initial_ppm,
            maintenance_ppm,
        };
        let tiers = vec![tier(1_000, 10_000, 5_000), tier(10_000, 20_000, 10_000)];
        let contract = Contract { tiers, ..contract(0, Payoff::Linear, 1) };
        // 501 × 1 % = 5.01; 501 × 0.5 % = 2.505.
        assert_eq!(contract.margins(501, 100), (6, 3));
        // 1,000 × 1 % + 1,001 × 2 % = 10 + 20.02; 5 + 10.01.
        assert_eq!(contract.margins(2_001, 100), (31, 16));
        // Beyond the last tier its rates go on: 10 + 19,000 × 2 %.
        assert_eq!(contract.margins(20_000, 100), (390, 195));
        // A third of it, rounded up to the millionth: 20,000 × 0.333334 = 6,666.68.
        assert_eq!(contract.margins(20_000, 3), (6_667, 195));
    }

    #[test]
    fn a_perpetual_is_not_called_like_the_spot_market_beside_it() {
        let instruments = [instrument(0, 8), instrument(1, 8)];
        let names = Contract::names(&instruments, &[contract(1, Payoff::Linear, 1)]);
        assert_eq!(names, ["BTC-USD", "BTC-USD-PERP"]);
    }

    #[test]
    fn terms_that_make_no_sense_are_said() {
        let good = contract(0, Payoff::Linear, 1);
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.leverage_max(), 10);
        let none = Contract { tiers: Vec::new(), ..good.clone() };
        assert!(none.check().is_err());
        let mut falls = good.clone();
        falls.tiers.push(Tier { up_to: Amount(1), initial_ppm: 200_000, maintenance_ppm: 1 });
        assert!(falls.check().is_err());
        let wild = Contract { basis_ppm_max: 1_000_001, ..good };
        assert!(wild.check().is_err());
    }
}
