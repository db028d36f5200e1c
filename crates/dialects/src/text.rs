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

#[cfg(test)]
mod tests {
    #[test]
    fn fixed_agrees_with_the_slow_formatter() {
        for decimals in 0..=18 {
            for units in
                [0, 1, -1, 9, 10, 99, 100, 12_345, -12_345, 100_000_000, i64::MAX, -i64::MAX]
            {
                let mut text = Vec::new();
                super::fixed(&mut text, units, decimals);
                assert_eq!(
                    String::from_utf8_lossy(&text),
                    model::Decimal { units, decimals }.to_string()
                );
            }
        }
    }
}
