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

/// Appends `units × 10^-decimals` as the shortest JSON number (see [`Pen::number_and_fixed`]).
pub fn number(out: &mut Vec<u8>, units: i64, decimals: u8) {
    let start = make_room(out, DECIMAL_BYTES_MAX);
    let end = long_number(&mut out[start..], 0, units, decimals);
    out.truncate(start + end);
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

/// The most bytes that an integer takes.
pub const INTEGER_BYTES_MAX: usize = 20;
/// The most bytes that a decimal number takes, as text or as JSON number.
pub const DECIMAL_BYTES_MAX: usize = 22;
/// The most bytes that a byte of text takes inside a JSON string.
pub const ESCAPED_BYTES_MAX: usize = 6;

/// A pen writes whole windows, of which only the front may count.
pub(crate) const SLACK: usize = 32;

/// Writes into room made beforehand, for the hot encoders: digits eight at a time, straight into place. More than
/// there is room for is a mistake of the encoder and panics.
///
/// All of it is inlined, and a pen is a local variable, so that its place stays in a register: kept in memory, each
/// piece would wait for the one before it.
///
/// ```
/// use dialects::text::{INTEGER_BYTES_MAX, Pen, make_room};
/// let mut out = b"answer: ".to_vec();
/// let start = make_room(&mut out, INTEGER_BYTES_MAX);
/// let mut pen = Pen::new(&mut out[start..]);
/// pen.integer(42);
/// let end = start + pen.written();
/// out.truncate(end);
/// assert_eq!(out, b"answer: 42");
/// ```
pub struct Pen<'a> {
    bytes: &'a mut [u8],
    /// Where the next byte goes; what lies behind it is nothing yet.
    at: usize,
}

/// Makes room for so many bytes behind what is there, and returns where it begins.
#[inline]
pub fn make_room(out: &mut Vec<u8>, room: usize) -> usize {
    let start = out.len();
    out.resize(start + room + SLACK, 0);
    start
}

impl<'a> Pen<'a> {
    /// A pen that writes into room from [`make_room`], from its beginning.
    #[inline(always)]
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How much was written.
    #[inline(always)]
    #[must_use]
    pub fn written(self) -> usize {
        self.at
    }

    /// Appends the seconds of a moment.
    #[inline(always)]
    pub fn seconds(&mut self, moment: &Moment) {
        if moment.is_usual {
            self.first(moment.high, 8);
            self.first(moment.low, 2);
        } else {
            self.integer(moment.micros / 1_000_000);
        }
    }

    /// Appends the microseconds of a moment.
    #[inline(always)]
    pub fn micros(&mut self, moment: &Moment) {
        if moment.is_usual {
            self.first(moment.high, 8);
            self.first(moment.low, 8);
        } else {
            self.integer(moment.micros);
        }
    }

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

    /// Appends a text as it stands inside a JSON string, without the quotes: at most [`ESCAPED_BYTES_MAX`] bytes
    /// for each byte of it.
    #[inline(always)]
    pub fn escaped(&mut self, text: &str) {
        self.at = escape(self.bytes, self.at, text);
    }

    /// Appends `text` and lends it to be changed: for what mostly has the same length.
    #[inline(always)]
    pub fn put_to_change<const N: usize>(&mut self, text: &[u8; N]) -> &mut [u8; N] {
        let at = self.at;
        self.at += N;
        let window = self.bytes[at..].first_chunk_mut().expect("the encoder made room for it");
        *window = *text;
        window
    }

    /// The next `N` bytes, behind which there may be too few for more.
    #[inline(always)]
    fn window<const N: usize>(&mut self) -> &mut [u8; N] {
        self.bytes[self.at..].first_chunk_mut().expect("the encoder made room for it")
    }

    /// Appends an integer.
    #[inline(always)]
    pub fn integer(&mut self, number: u64) {
        if number < EIGHT {
            let short = Short::of(number);
            *self.window() = short.text;
            self.at += short.length;
        } else if number < EIGHT * EIGHT {
            let short = Short::of(number / EIGHT);
            let window: &mut [u8; 24] = self.window();
            put_at(window, 0, &short.text);
            put_at(window, short.length & 15, &Eight::of(number % EIGHT).ascii());
            self.at += short.length + 8;
        } else {
            self.at = long_integer(self.bytes, self.at, number);
        }
    }

    /// Appends the first `count` of eight digits.
    #[inline(always)]
    fn first(&mut self, digits: Eight, count: usize) {
        *self.window() = digits.ascii();
        self.at += count;
    }

    /// Appends `units × 10^-decimals` with exactly `decimals` decimals, as [`fixed`] does.
    #[inline(always)]
    pub fn fixed(&mut self, units: i64, decimals: u8) {
        match Split::of(units, decimals) {
            Some(split) => self.spell(&split, usize::from(decimals)),
            None => self.at = long_fixed(self.bytes, self.at, units, decimals),
        }
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
        match Split::of(units, decimals) {
            Some(split) if !split.is_below_a_millionth() => {
                self.spell(&split, split.fraction.significant());
                self.put(between);
                self.spell(&split, usize::from(decimals));
            }
            _ => {
                self.at = long_number(self.bytes, self.at, units, decimals);
                self.put(between);
                self.at = long_fixed(self.bytes, self.at, units, decimals);
            }
        }
    }

    /// Appends a number with its first `decimals` decimals, at most eight.
    #[inline(always)]
    fn spell(&mut self, split: &Split, decimals: usize) {
        let window: &mut [u8; 32] = self.window();
        put_at(window, 0, &split.whole.text);
        let point = split.whole.length & 15;
        window[point] = b'.';
        put_at(window, point + 1, &split.fraction.ascii());
        self.at += point + if decimals == 0 { 0 } else { decimals + 1 };
    }
}

#[inline(always)]
fn put_at<const N: usize>(window: &mut [u8; N], at: usize, eight: &[u8; 8]) {
    window[at..at + 8].copy_from_slice(eight);
}

/// Writes an integer of more than sixteen digits at `at`, and returns where it ends.
#[cold]
#[inline(never)]
fn long_integer(bytes: &mut [u8], at: usize, number: u64) -> usize {
    let mut pen = Pen { bytes, at };
    pen.text(itoa::Buffer::new().format(number).as_bytes());
    pen.at
}

/// Writes a decimal that is too long to be taken apart at `at`, and returns where it ends.
#[cold]
#[inline(never)]
fn long_fixed(bytes: &mut [u8], at: usize, units: i64, decimals: u8) -> usize {
    let mut pen = Pen { bytes, at };
    if units < 0 {
        pen.put(b"-");
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(units.unsigned_abs()).as_bytes();
    let decimals = usize::from(decimals);
    let missing = (decimals + 1).saturating_sub(digits.len());
    if missing > 0 {
        pen.put(b"0");
        if decimals > 0 {
            pen.put(b".");
        }
        (1..missing).for_each(|_| pen.put(b"0"));
        pen.text(digits);
    } else {
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        pen.text(whole);
        if decimals > 0 {
            pen.put(b".");
            pen.text(fraction);
        }
    }
    pen.at
}

/// Writes a JSON number that is too long, or too small, to be taken apart at `at`, and returns where it ends.
#[cold]
#[inline(never)]
fn long_number(bytes: &mut [u8], at: usize, units: i64, decimals: u8) -> usize {
    let magnitude = units.unsigned_abs();
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(magnitude).as_bytes();
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    let exponent = (usize::from(decimals) + 1).saturating_sub(digits.len());
    if magnitude == 0 || exponent <= 6 {
        // Written out, and then without the zeros at its end.
        let end = long_fixed(bytes, at, units, decimals);
        if decimals == 0 {
            return end;
        }
        let zeros = bytes[at..end].iter().rev().take_while(|&&byte| byte == b'0').count();
        let end = end - zeros.min(usize::from(decimals));
        return if bytes[end - 1] == b'.' { end - 1 } else { end };
    }
    let mut pen = Pen { bytes, at };
    if units < 0 {
        pen.put(b"-");
    }
    pen.text(&digits[..1]);
    if significant > 1 {
        pen.put(b".");
        pen.text(&digits[1..significant]);
    }
    pen.put(b"e-");
    pen.integer(exponent as u64);
    pen.at
}

/// Writes a text as it stands inside a JSON string at `at`, and returns where it ends.
#[inline(never)]
fn escape(bytes: &mut [u8], at: usize, text: &str) -> usize {
    let mut pen = Pen { bytes, at };
    let mut plain = 0;
    for (here, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        pen.text(&text.as_bytes()[plain..here]);
        plain = here + 1;
        if byte >= b' ' {
            pen.text(&[b'\\', byte]);
        } else {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            pen.put(b"\\u00");
            pen.text(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    pen.text(&text.as_bytes()[plain..]);
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
    #[inline(always)]
    const fn both(high: Self, low: Self) -> [u8; 16] {
        let ascii = (low.0 as u128) << 64 | high.0 as u128;
        (ascii | 0x3030_3030_3030_3030_3030_3030_3030_3030).to_le_bytes()
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

/// An integer of exactly sixteen digits, as ids and microseconds have; `None` if it has another length.
#[inline(always)]
#[must_use]
pub const fn sixteen_digits(number: u64) -> Option<[u8; 16]> {
    if number < EIGHT * (EIGHT / 10) || number >= EIGHT * EIGHT {
        return None;
    }
    Some(Eight::both(Eight::of(number / EIGHT), Eight::of(number % EIGHT)))
}

/// A moment to be written as seconds and as microseconds since 1970, its digits made once.
pub struct Moment {
    micros: u64,
    /// Whether it has sixteen digits, as every moment from 2001 to 2286.
    is_usual: bool,
    high: Eight,
    low: Eight,
}

impl Moment {
    /// Of so many microseconds since 1970.
    #[inline(always)]
    #[must_use]
    pub const fn of(micros: u64) -> Self {
        let is_usual = micros >= EIGHT * (EIGHT / 10) && micros < EIGHT * EIGHT;
        let (high, low) = if is_usual { (micros / EIGHT, micros % EIGHT) } else { (0, 0) };
        Self { micros, is_usual, high: Eight::of(high), low: Eight::of(low) }
    }

    /// Its microseconds, if they have sixteen digits.
    #[inline(always)]
    #[must_use]
    pub const fn sixteen_digits(&self) -> Option<[u8; 16]> {
        if self.is_usual { Some(Eight::both(self.high, self.low)) } else { None }
    }
}

/// An integer below [`EIGHT`] as text, at the front of eight bytes.
struct Short {
    text: [u8; 8],
    length: usize,
}

impl Short {
    #[inline(always)]
    const fn of(number: u64) -> Self {
        let digits = Eight::of(number);
        let leading = digits.leading_zeros();
        let leading = if leading < 7 { leading } else { 7 };
        let text = u64::from_le_bytes(digits.ascii()) >> (8 * leading);
        Self { text: text.to_le_bytes(), length: 8 - leading }
    }

    /// The same, faster where it has one digit.
    #[inline(always)]
    const fn of_few(number: u64) -> Self {
        if number < 10 {
            Self { text: (number | 0x30).to_le_bytes(), length: 1 }
        } else {
            Self::of(number)
        }
    }
}

/// A decimal number taken apart at its point.
struct Split {
    whole: Short,
    fraction: Eight,
}

impl Split {
    /// `None` if it has a sign, more than eight decimals, or more than eight digits before them.
    #[inline(always)]
    fn of(units: i64, decimals: u8) -> Option<Self> {
        let units = u64::try_from(units).ok()?;
        if units < EIGHT && decimals < 8 {
            // Eight digits in all, as of most prices, are made at once and then parted.
            let digits = Eight::of(units);
            let leading = digits.leading_zeros().min(7 - usize::from(decimals));
            let length = 8 - leading - usize::from(decimals);
            let text = u64::from_le_bytes(digits.ascii()) >> (8 * leading);
            let whole = Short { text: text.to_le_bytes(), length };
            // Without decimals nothing is left, and a shift by all 64 bits is none.
            let fraction = if decimals == 0 { 0 } else { digits.0 >> (8 * (leading + length)) };
            return Some(Self { whole, fraction: Eight(fraction) });
        }
        let scale = SCALES.get(usize::from(decimals))?;
        let whole = scale.divide(units);
        if whole >= EIGHT {
            return None;
        }
        let fraction = (units - whole * scale.divisor) * scale.widen;
        Some(Self { whole: Short::of_few(whole), fraction: Eight::of(fraction) })
    }

    #[inline(always)]
    const fn is_below_a_millionth(&self) -> bool {
        // A lone 0 before the point, and behind it six at least, but not all.
        let is_below_one = self.whole.length == 1 && self.whole.text[0] == b'0';
        is_below_one && self.fraction.leading_zeros() >= 6 && self.fraction.0 != 0
    }
}

/// A power of ten to divide by. A division by a number that the compiler does not know costs more than the
/// rest of a decimal; a multiplication by its reciprocal is exact for every number below 2^63.
struct Scale {
    divisor: u64,
    /// `2^(64 + shift) / divisor`, rounded up.
    reciprocal: u64,
    shift: u32,
    /// Makes eight digits of a fraction.
    widen: u64,
}

impl Scale {
    const fn of(decimals: u32) -> Self {
        let divisor = 10_u64.pow(decimals);
        // A division by one as two halvings of the double: the reciprocal of one has no place in 64 bits.
        let (scaled, shift) = if decimals == 0 { (2, 0) } else { (divisor, divisor.ilog2()) };
        let reciprocal =
            ((1_u128 << (64 + shift)) / scaled as u128 + (decimals > 0) as u128) as u64;
        Self { divisor, reciprocal, shift, widen: 10_u64.pow(8 - decimals) }
    }
    #[inline(always)]
    const fn divide(&self, number: u64) -> u64 {
        let number = if self.divisor == 1 { 2 * number } else { number };
        ((number as u128 * self.reciprocal as u128) >> 64) as u64 >> self.shift
    }
}

/// By decimals, as many as fit into eight digits.
const SCALES: &[Scale; 9] = &{
    let mut scales = [const { Scale::of(0) }; 9];
    let mut decimals = 1;
    while decimals < 9 {
        scales[decimals] = Scale::of(decimals as u32);
        decimals += 1;
    }
    scales
};

#[cfg(test)]
mod tests;
