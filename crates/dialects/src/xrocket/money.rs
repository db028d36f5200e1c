//! Amounts as text, and what trading costs. Sections A5.0 and A8.
//!
//! Money is written as short as it is exact. What anything costs is decided by the engine; here it is told.

use model::Decimal;

use crate::text::shortest;

/// What a taker and a maker pay, as a part of the quote asset that changes hands.
pub const TAKER_FEE: &str = "0.002";
/// See [`TAKER_FEE`].
pub const MAKER_FEE: &str = "0.001";

/// [`TAKER_FEE`] in millionths.
pub const FEE_PPM_TAKER: i128 = 2_000;

/// A number counted in `10^-decimals`, as short as it is exact.
pub fn short(units: i64, decimals: u8) -> String {
    let mut out = Vec::new();
    shortest(&mut out, i128::from(units), decimals);
    String::from_utf8(out).expect("digits are text")
}

/// A positive plain decimal, and how many decimals it is written with.
pub fn positive(text: &str) -> Option<(Decimal, usize)> {
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let decimal = Decimal::parse(text).ok().filter(|decimal| decimal.units > 0)?;
    Some((decimal, decimals))
}
