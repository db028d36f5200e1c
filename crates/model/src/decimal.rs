//! Exact decimals as scaled integers: text in, text out, nothing lost between.
//!
//! Not a general number type: prices and quantities travel as ticks and lots (see `instrument`); this is
//! how they enter and leave as text.

use core::fmt;

/// The most decimals a number may have.
pub const DECIMALS_MAX: u8 = 18;

/// Ten to the power of `decimals`.
///
/// # Panics
/// If `decimals` is above [`DECIMALS_MAX`].
#[must_use]
pub const fn pow10(decimals: u8) -> i64 {
    assert!(decimals <= DECIMALS_MAX, "at most 18 decimals");
    10_i64.pow(decimals as u32)
}

/// A number: `units` counted in `10^-decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The number without its decimal point.
    pub units: i64,
    /// How many of the digits stand behind the point.
    pub decimals: u8,
}

/// Why a text is not a decimal that we can hold exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a plain decimal number (`-12.5`); exponents, signs other than a leading minus, blanks are refused.
    NotANumber,
    /// It has more decimals (other than trailing zeros) than asked for.
    TooPrecise,
    /// It does not fit into 64 bits at the asked scale.
    TooLarge,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "not a plain decimal number",
            Self::TooPrecise => "more decimals than allowed",
            Self::TooLarge => "number too large",
        })
    }
}

impl core::error::Error for DecimalError {}

impl Decimal {
    /// Reads a plain decimal with as many decimals as it is written with.
    ///
    /// # Errors
    /// See [`DecimalError`].
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let decimals = u8::try_from(fraction).map_err(|_| DecimalError::TooPrecise)?;
        if decimals > DECIMALS_MAX {
            return Err(DecimalError::TooPrecise);
        }
        Ok(Self { units: parse_units(text.as_bytes(), decimals)?, decimals })
    }

    /// The same number counted in `10^-decimals`.
    ///
    /// # Errors
    /// [`DecimalError::TooPrecise`] if digits would be lost, [`DecimalError::TooLarge`] if it does not fit.
    pub fn units_at(self, decimals: u8) -> Result<i64, DecimalError> {
        if decimals >= self.decimals {
            let factor = pow10(decimals - self.decimals);
            return self.units.checked_mul(factor).ok_or(DecimalError::TooLarge);
        }
        let factor = pow10(self.decimals - decimals);
        if self.units % factor == 0 {
            Ok(self.units / factor)
        } else {
            Err(DecimalError::TooPrecise)
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let scale = pow10(self.decimals).unsigned_abs();
        let units = self.units.unsigned_abs();
        if self.decimals == 0 {
            return write!(f, "{sign}{units}");
        }
        write!(
            f,
            "{sign}{}.{:0width$}",
            units / scale,
            units % scale,
            width = usize::from(self.decimals)
        )
    }
}

/// Reads a plain decimal (`12`, `-0.5`, `3.1400`) as units of `10^-decimals`. Trailing zeros beyond the
/// scale are harmless; other digits beyond it are refused, never rounded.
///
/// # Errors
/// See [`DecimalError`].
pub fn parse_units(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    if decimals > DECIMALS_MAX {
        return Err(DecimalError::TooPrecise);
    }
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    if whole.is_empty() || (point.is_some() && fraction.is_empty()) {
        return Err(DecimalError::NotANumber);
    }
    if !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(DecimalError::NotANumber);
    }
    let kept = fraction.len().min(usize::from(decimals));
    if fraction[kept..].iter().any(|&byte| byte != b'0') {
        return Err(DecimalError::TooPrecise);
    }
    let mut units: i64 = 0;
    let padding = usize::from(decimals) - kept;
    for &byte in whole.iter().chain(&fraction[..kept]).chain(core::iter::repeat_n(&b'0', padding)) {
        units = units
            .checked_mul(10)
            .and_then(|units| units.checked_add(i64::from(byte - b'0')))
            .ok_or(DecimalError::TooLarge)?;
    }
    Ok(if negative { -units } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly_or_not_at_all() {
        let read = |text: &str, decimals| parse_units(text.as_bytes(), decimals);
        assert_eq!(read("12.5", 2), Ok(1250));
        assert_eq!(read("-0.00000001", 8), Ok(-1));
        assert_eq!(read("1.500", 1), Ok(15));
        assert_eq!(read("1.501", 2), Err(DecimalError::TooPrecise));
        assert_eq!(read("9223372036854775807", 0), Ok(i64::MAX));
        assert_eq!(read("9223372036854775808", 0), Err(DecimalError::TooLarge));
        for text in ["", "-", ".", "1.", ".5", "+1", "1e3", " 1", "1 ", "0x1", "1.2.3", "--1"] {
            assert_eq!(read(text, 8), Err(DecimalError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn text_round_trips() {
        for text in ["0", "12", "-12", "0.50", "-0.00000001", "60000.00"] {
            assert_eq!(Decimal::parse(text).expect("a decimal").to_string(), text);
        }
        assert_eq!(Decimal::parse("10").expect("a decimal").units_at(8), Ok(1_000_000_000));
        assert_eq!(
            Decimal::parse("0.015").expect("a decimal").units_at(2),
            Err(DecimalError::TooPrecise)
        );
    }
}
