//! Numbers as text: the byte writers that every dialect's hot encoder uses. Integers in, decimal text out,
//! no float and no allocation beyond the buffer's own growth.

/// Appends an integer.
pub fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `units × 10^-decimals` with exactly `decimals` decimals: `(5, 2)` is `0.05`.
pub fn fixed(out: &mut Vec<u8>, units: i64, decimals: u8) {
    let mut buffer = itoa::Buffer::new();
    if units < 0 {
        out.push(b'-');
    }
    let digits = buffer.format(units.unsigned_abs()).as_bytes();
    let decimals = usize::from(decimals);
    if decimals == 0 {
        out.extend_from_slice(digits);
    } else if digits.len() > decimals {
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(&b"000000000000000000"[..decimals - digits.len()]);
        out.extend_from_slice(digits);
    }
}

/// Appends what `write` writes with a [`Pen`], which is at most `room` bytes.
#[inline(always)]
pub fn append(out: &mut Vec<u8>, room: usize, write: impl FnOnce(&mut Pen<'_>)) {
    let start = out.len();
    out.resize(start + room + SLACK, 0);
    let mut pen = Pen { bytes: &mut out[start..], at: 0 };
    write(&mut pen);
    let end = start + pen.at;
    out.truncate(end);
}

/// The most bytes that an integer takes.
pub const INTEGER_BYTES_MAX: usize = 20;
/// The most bytes that a decimal number takes, as text or as JSON number.
pub const DECIMAL_BYTES_MAX: usize = 22;

/// A pen writes digits eight at a time, so up to seven more bytes than remain.
const SLACK: usize = 8;

/// Writes one message into room made beforehand, for the hot encoders: digits eight at a time, straight into
/// place. More than there is room for is a mistake of the encoder and panics.
///
/// All of it is inlined, so that its place stays in a register: kept in memory, each piece would wait for the
/// one before it.
pub struct Pen<'a> {
    bytes: &'a mut [u8],
    /// Where the next byte goes; what lies behind it is nothing yet.
    at: usize,
}

impl Pen<'_> {
    /// Appends a text of known length.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, text: &[u8; N]) {
        self.bytes[self.at..self.at + N].copy_from_slice(text);
        self.at += N;
    }

    /// Appends a text.
    #[inline(always)]
    pub fn text(&mut self, text: &[u8]) {
        self.bytes[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    /// Appends an integer.
    #[inline(always)]
    pub fn integer(&mut self, number: u64) {
        if number < EIGHT {
            self.short(number);
        } else if number < EIGHT * EIGHT {
            self.short(number / EIGHT);
            self.first(Eight::of(number % EIGHT), 8);
        } else {
            self.short(number / (EIGHT * EIGHT));
            self.first(Eight::of(number / EIGHT % EIGHT), 8);
            self.first(Eight::of(number % EIGHT), 8);
        }
    }

    /// Appends an integer of at most eight digits.
    #[inline(always)]
    fn short(&mut self, number: u64) {
        let digits = Eight::of(number);
        let leading = digits.leading_zeros().min(7);
        let text = u64::from_le_bytes(digits.ascii()) >> (8 * leading);
        self.bytes[self.at..self.at + 8].copy_from_slice(&text.to_le_bytes());
        self.at += 8 - leading;
    }

    /// Appends the first `count` of eight digits.
    #[inline(always)]
    fn first(&mut self, digits: Eight, count: usize) {
        self.bytes[self.at..self.at + 8].copy_from_slice(&digits.ascii());
        self.at += count;
    }

    /// Appends `units × 10^-decimals` with exactly `decimals` decimals, as [`fixed`] does.
    #[inline(always)]
    pub fn fixed(&mut self, units: i64, decimals: u8) {
        self.sign(units);
        self.spell(&Split::of(units.unsigned_abs(), decimals), usize::from(decimals));
    }

    /// Appends `units × 10^-decimals` as the shortest JSON number, then `between`, then the number with exactly
    /// `decimals` decimals. Shortest is as Go prints: no trailing zeros, no `.0`, and below 1e-6 an exponent
    /// (`1e-8`); but never through a float, so that all digits are kept.
    #[inline(always)]
    pub fn number_and_fixed<const N: usize>(
        &mut self,
        units: i64,
        decimals: u8,
        between: &[u8; N],
    ) {
        let split = Split::of(units.unsigned_abs(), decimals);
        self.sign(units);
        if split.is_below_a_millionth() {
            self.at = with_exponent(self.bytes, self.at, units.unsigned_abs(), decimals);
        } else {
            self.spell(&split, split.decimals_needed());
        }
        self.put(between);
        self.sign(units);
        self.spell(&split, usize::from(decimals));
    }

    #[inline(always)]
    fn sign(&mut self, units: i64) {
        if units < 0 {
            self.put(b"-");
        }
    }

    /// Appends a number with its first `decimals` decimals.
    #[inline(always)]
    fn spell(&mut self, split: &Split, decimals: usize) {
        self.integer(split.whole);
        if decimals == 0 {
            return;
        }
        self.put(b".");
        self.first(Eight::of(split.first), decimals.min(8));
        if decimals > 8 {
            self.first(Eight::of(split.second / EIGHT), (decimals - 8).min(8));
        }
        if decimals > 16 {
            self.first(Eight::of(split.second % EIGHT), decimals - 16);
        }
    }
}

/// Writes a number below a millionth at `at` and returns where it ends.
#[cold]
#[inline(never)]
fn with_exponent(bytes: &mut [u8], at: usize, units: u64, decimals: u8) -> usize {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(units).as_bytes();
    let exponent = usize::from(decimals) + 1 - digits.len();
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    let mut pen = Pen { bytes, at };
    pen.text(&digits[..1]);
    if significant > 1 {
        pen.put(b".");
        pen.text(&digits[1..significant]);
    }
    pen.put(b"e-");
    pen.integer(exponent as u64);
    pen.at
}

/// Ten to the eighth.
const EIGHT: u64 = 100_000_000;

/// Eight decimal digits, one a byte, the first one lowest.
#[derive(Clone, Copy)]
struct Eight(u64);

impl Eight {
    /// The digits of a number below [`EIGHT`]. Two halves of four digits, then four of two, then eight of one,
    /// each step dividing all parts at once by multiplying with a reciprocal that is exact in its range.
    #[inline(always)]
    const fn of(number: u64) -> Self {
        let fours = ((number % 10_000) << 32) | (number / 10_000);
        let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
        let twos = ((fours - 100 * hundreds) << 16) | hundreds;
        let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
        Self(((twos - 10 * tens) << 8) | tens)
    }
    #[inline(always)]
    const fn ascii(self) -> [u8; 8] {
        (self.0 | 0x3030_3030_3030_3030).to_le_bytes()
    }
    /// How many of them are zeros before the first other digit.
    #[inline(always)]
    const fn leading_zeros(self) -> usize {
        (self.0.trailing_zeros() / 8) as usize
    }
    /// How many digits there are up to the last that is no zero.
    #[inline(always)]
    const fn significant(self) -> usize {
        8 - (self.0.leading_zeros() / 8) as usize
    }
}

/// A decimal number taken apart at its point.
struct Split {
    whole: u64,
    /// The first eight digits behind the point.
    first: u64,
    /// The sixteen behind them.
    second: u64,
}

impl Split {
    #[inline(always)]
    fn of(units: u64, decimals: u8) -> Self {
        let scale = &SCALES[usize::from(decimals)];
        let whole = scale.divide(units);
        let fraction = units - whole * scale.divisor;
        if decimals <= 8 {
            return Self { whole, first: fraction * scale.widen, second: 0 };
        }
        // More decimals than eight: the first eight are what is left of the division by the rest.
        let rest = &SCALES[usize::from(decimals - 8)];
        let first = rest.divide(fraction);
        Self { whole, first, second: (fraction - first * rest.divisor) * rest.widen_16 }
    }

    /// How many decimals there are up to the last that is no zero.
    #[inline(always)]
    fn decimals_needed(&self) -> usize {
        if self.second == 0 {
            Eight::of(self.first).significant()
        } else if self.second.is_multiple_of(EIGHT) {
            8 + Eight::of(self.second / EIGHT).significant()
        } else {
            16 + Eight::of(self.second % EIGHT).significant()
        }
    }

    #[inline(always)]
    const fn is_below_a_millionth(&self) -> bool {
        self.whole == 0 && self.first < 100 && self.first | self.second != 0
    }
}

/// A power of ten to divide by. A division by a number that the compiler does not know costs more than the
/// rest of a decimal; a multiplication by its reciprocal is exact for every number below 2^63.
struct Scale {
    divisor: u64,
    /// `2^(64 + shift) / divisor`, rounded up.
    reciprocal: u64,
    shift: u32,
    /// Makes eight digits of a fraction of no more than eight.
    widen: u64,
    /// Makes sixteen digits of a fraction of no more than sixteen.
    widen_16: u64,
}

impl Scale {
    const fn of(decimals: u32) -> Self {
        let divisor = 10_u64.pow(decimals);
        let shift = if decimals == 0 { 0 } else { divisor.ilog2() };
        Self {
            divisor,
            reciprocal: if decimals == 0 {
                0
            } else {
                ((1_u128 << (64 + shift)) / divisor as u128 + 1) as u64
            },
            shift,
            widen: if decimals <= 8 { 10_u64.pow(8 - decimals) } else { 0 },
            widen_16: if decimals <= 16 { 10_u64.pow(16 - decimals) } else { 0 },
        }
    }
    #[inline(always)]
    const fn divide(&self, number: u64) -> u64 {
        if self.reciprocal == 0 {
            return number;
        }
        ((number as u128 * self.reciprocal as u128) >> 64) as u64 >> self.shift
    }
}

/// By decimals.
const SCALES: &[Scale; 19] = &{
    let mut scales = [const { Scale::of(0) }; 19];
    let mut decimals = 1;
    while decimals < 19 {
        scales[decimals] = Scale::of(decimals as u32);
        decimals += 1;
    }
    scales
};

#[cfg(test)]
mod tests {
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
        append(&mut out, room, write);
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
}
