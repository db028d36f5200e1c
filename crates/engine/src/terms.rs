//! What an order of one instrument sets aside and what a trade there costs: arithmetic only.
//!
//! It knows no account. What a buy holds is linear in its lots, each with the highest fee it could pay rounded
//! up, so that whatever part of an order is filled, and in how many pieces, what was held for it is enough.

use crate::rules::Rules;
use model::{Amount, Price, Quantity, Settlement, Side};

const MILLION: u32 = 1_000_000;

/// How trades of one instrument are paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub settlement: Settlement,
    maker_fee_ppm: u32,
    taker_fee_ppm: u32,
    self_trades_pay: bool,
}

/// What two orders pay for meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fees {
    pub maker: Amount,
    pub taker: Amount,
}

impl Terms {
    pub const fn of(settlement: Settlement, rules: &Rules) -> Self {
        Self {
            settlement,
            maker_fee_ppm: rules.maker_fee_ppm,
            taker_fee_ppm: rules.taker_fee_ppm,
            self_trades_pay: rules.self_trades_pay,
        }
    }
    /// The fees of a trade of this value.
    #[inline]
    pub fn fees(&self, value: Amount, own: bool) -> Fees {
        if own && !self.self_trades_pay {
            return Fees { maker: Amount::ZERO, taker: Amount::ZERO };
        }
        Fees { maker: share(value, self.maker_fee_ppm), taker: share(value, self.taker_fee_ppm) }
    }
    /// The most that anybody pays for a trade, in millionths.
    pub const fn fee_ppm_max(&self) -> u32 {
        if self.maker_fee_ppm > self.taker_fee_ppm {
            self.maker_fee_ppm
        } else {
            self.taker_fee_ppm
        }
    }
    /// What a buy at this price holds of the quote asset for so many lots.
    #[inline]
    pub fn buy_hold(&self, price: Price, quantity: Quantity) -> Amount {
        let lot = self.settlement.quote(price, Quantity(1));
        let fee = share(lot, self.maker_fee_ppm.max(self.taker_fee_ppm));
        Amount((lot + fee).0 * i128::from(quantity.0))
    }
    /// What an order holds for so many lots: of the base asset if it sells, else of the quote asset at the price
    /// that a buy holds at, if there is one.
    #[inline]
    pub fn hold(&self, side: Side, price: Option<Price>, quantity: Quantity) -> Amount {
        match (side, price) {
            (Side::Sell, _) => self.settlement.base(quantity),
            (Side::Buy, Some(price)) => self.buy_hold(price, quantity),
            (Side::Buy, None) => Amount::ZERO,
        }
    }
    /// What a taker pays (or gets, if it sells) for a fill, its fee included.
    pub fn taker_total(&self, side: Side, price: Price, quantity: Quantity, own: bool) -> Amount {
        let value = self.settlement.quote(price, quantity);
        let fee = self.fees(value, own).taker;
        match side {
            Side::Buy => value + fee,
            Side::Sell => value - fee,
        }
    }
    /// By how much a fill makes the taker poorer in the quote asset, if it buys: of its own order only the fees.
    pub fn taker_cost(&self, price: Price, quantity: Quantity, own: bool) -> Amount {
        let value = self.settlement.quote(price, quantity);
        let fees = self.fees(value, own);
        if own { fees.maker + fees.taker } else { value + fees.taker }
    }
}

/// So many millionths of an amount that is not negative, rounded up to the unit. At most a million of them.
#[inline]
pub(crate) fn share(amount: Amount, ppm: u32) -> Amount {
    let whole = amount.0.unsigned_abs();
    if let Ok(whole) = u64::try_from(whole)
        && let Some(product) = whole.checked_mul(u64::from(ppm))
    {
        return Amount(i128::from(product.div_ceil(u64::from(MILLION))));
    }
    // In two parts, so that nothing overflows: the product of the first is not above the amount itself.
    let (millions, rest) = (whole / u128::from(MILLION), whole % u128::from(MILLION));
    let ppm = u128::from(ppm);
    let share = millions * ppm + (rest * ppm).div_ceil(u128::from(MILLION));
    Amount(share as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_never_overflows() {
        for (amount, ppm, expected) in [
            (0, 2_000, 0),
            (1, 2_000, 1),
            (1_000_000, 2_000, 2_000),
            (1_000_001, 2_000, 2_001),
            (7, 0, 0),
            (i128::from(u64::MAX), MILLION, i128::from(u64::MAX)),
            (Amount::MAX.0, MILLION, Amount::MAX.0),
            (Amount::MAX.0, 1, Amount::MAX.0 / 1_000_000 + 1),
        ] {
            assert_eq!(share(Amount(amount), ppm), Amount(expected), "{ppm} ppm of {amount}");
        }
    }

    #[test]
    fn what_is_held_covers_every_way_of_being_filled() {
        let assets = model::Assets::of(&[crate::flow::instrument()]);
        let settlement = *assets.settlement(model::InstrumentId(0)).expect("the only one");
        let mut random = crate::flow::Random::new(3);
        for step in 0..20_000 {
            let rules = Rules {
                maker_fee_ppm: random.below(3_000) as u32,
                taker_fee_ppm: random.below(3_000) as u32,
                ..Rules::default()
            };
            let terms = Terms::of(settlement, &rules);
            let limit = Price(1 + random.below(5_000) as i64);
            let mut left = Quantity(1 + random.below(500) as i64);
            let mut held = terms.buy_hold(limit, left);
            while !left.is_zero() {
                let quantity = Quantity(1 + random.below(left.0 as u64) as i64);
                let price = Price(1 + random.below(limit.0 as u64) as i64);
                let value = settlement.quote(price, quantity);
                let fees = terms.fees(value, false);
                let released = terms.buy_hold(limit, quantity);
                assert!(released >= value + fees.maker.max(fees.taker), "step {step}");
                held -= released;
                left -= quantity;
            }
            assert_eq!(held, Amount::ZERO, "step {step}");
        }
    }
}
