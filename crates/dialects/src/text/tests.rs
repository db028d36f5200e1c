//! Every writer against the slow formatter, and numbers against an outside reader.

use super::*;

/// The ends of each length of digits, and what a small generator makes of them.
fn samples() -> impl Iterator<Item = i64> {
    let mut state = 1_u64;
    let ends = (0..19).flat_map(|digits| {
        let power = 10_i64.pow(digits);
        [power - 1, power, power + 1, 5 * (power / 10), power / 3 * 10]
    });
    let drawn = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 1).cast_signed() >> (state % 61)
    });
    ends.chain([i64::MAX, i64::MIN + 1]).chain(drawn.take(20_000)).flat_map(|n| [n, -n])
}

fn written(room: usize, write: impl FnOnce(&mut Pen<'_>)) -> String {
    let mut out = b"before".to_vec();
    let start = make_room(&mut out, room);
    let mut pen = Pen::new(&mut out[start..]);
    write(&mut pen);
    let end = start + pen.written();
    out.truncate(end);
    String::from_utf8(out.split_off(6)).expect("digits are text")
}

#[test]
fn fixed_agrees_with_the_slow_formatter() {
    for (units, decimals) in samples().flat_map(|units| [0, 2, 8, 18].map(|d| (units, d))) {
        let mut text = Vec::new();
        fixed(&mut text, units, decimals);
        let slow = model::Decimal { units, decimals }.to_string();
        assert_eq!(String::from_utf8_lossy(&text), slow);
    }
}

#[test]
fn the_pen_agrees_with_the_slow_formatter() {
    for units in samples() {
        let slow = units.unsigned_abs().to_string();
        assert_eq!(written(INTEGER_BYTES_MAX, |pen| pen.integer(units.unsigned_abs())), slow);
        for decimals in 0..=18 {
            let slow = model::Decimal { units, decimals }.to_string();
            assert_eq!(written(DECIMAL_BYTES_MAX, |pen| pen.fixed(units, decimals)), slow);
        }
    }
    assert_eq!(written(INTEGER_BYTES_MAX, |pen| pen.integer(u64::MAX)), u64::MAX.to_string());
}

#[test]
fn moments_are_written_as_the_integers_they_are() {
    for units in samples() {
        let micros = units.unsigned_abs();
        let moment = Moment::of(micros);
        let both = written(2 * INTEGER_BYTES_MAX, |pen| {
            pen.seconds(&moment);
            pen.put(b" ");
            pen.micros(&moment);
        });
        assert_eq!(both, format!("{} {micros}", micros / 1_000_000));
    }
}

#[test]
#[expect(clippy::disallowed_types, reason = "an outside oracle reads the numbers as floats")]
fn numbers_are_the_same_and_as_short_as_can_be() {
    for units in samples() {
        for decimals in 0..=18 {
            let both = written(2 * DECIMAL_BYTES_MAX + 1, |pen| {
                pen.number_and_fixed(units, decimals, b" ");
            });
            let (number, fixed) = both.split_once(' ').expect("both are there");
            let value = fixed.parse::<f64>().expect("a decimal is a float");
            assert_eq!(number.parse(), Ok(value), "{fixed}");
            let (mantissa, exponent) = number.split_once('e').unwrap_or((number, ""));
            assert_eq!(!exponent.is_empty(), units != 0 && value.abs() < 1e-6, "{number}");
            assert!(!mantissa.contains('.') || !mantissa.ends_with(['0', '.']), "{number}");
            assert!(number.len() <= DECIMAL_BYTES_MAX, "{number}");
        }
    }
}

#[test]
fn numbers_are_spelled_as_go_spells_them() {
    for (units, decimals, spelled) in [
        (0, 8, "0"),
        (4_500_000, 8, "0.045"),
        (3_200_000_000, 8, "32"),
        (77_204, 0, "77204"),
        (209_022, 2, "2090.22"),
        (100, 0, "100"),
        (1, 8, "1e-8"),
        (12, 8, "1.2e-7"),
        (99, 8, "9.9e-7"),
        (100, 8, "0.000001"),
        (1_005_000, 12, "0.000001005"),
        (10_050, 12, "1.005e-8"),
        (1, 18, "1e-18"),
        (-12, 8, "-1.2e-7"),
    ] {
        let both = written(2 * DECIMAL_BYTES_MAX + 1, |pen| {
            pen.number_and_fixed(units, decimals, b" ");
        });
        assert_eq!(both.split_once(' ').expect("both are there").0, spelled);
    }
}

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
