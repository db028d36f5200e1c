//! Amounts as text, and what trading costs. Sections A5.0 and A8.
//!
//! Money is written as short as it is exact. What anything costs is decided by the engine; here it is told.

use model::Decimal;

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

/// Appends a number counted in `10^-decimals`, as short as it is exact.
pub fn shortest(out: &mut Vec<u8>, units: i128, decimals: u8) {
    if units < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(units.unsigned_abs()).as_bytes();
    let decimals = usize::from(decimals);
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    let significant = fraction.iter().rposition(|&digit| digit != b'0').map_or(0, |at| at + 1);
    if significant > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', decimals - fraction.len()));
        out.extend_from_slice(&fraction[..significant]);
    }
}

/// A positive plain decimal, and how many decimals it is written with.
pub fn positive(text: &str) -> Option<(Decimal, usize)> {
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let decimal = Decimal::parse(text).ok().filter(|decimal| decimal.units > 0)?;
    Some((decimal, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_are_exact() {
        for (units, decimals, text) in [
            (0, 8, "0"),
            (1, 8, "0.00000001"),
            (-1_500, 2, "-15"),
            (-15, 2, "-0.15"),
            (123_456_789_000, 8, "1234.56789"),
            (10, 0, "10"),
            (i128::from(i64::MAX) * 1_000, 3, "9223372036854775807"),
            (5, 20, "0.00000000000000000005"),
        ] {
            let mut out = Vec::new();
            shortest(&mut out, units, decimals);
            assert_eq!(String::from_utf8(out).expect("text"), text);
        }
    }
}
