//! Moments as ISO 8601 text.

use model::{Span, Time};

/// How a moment is written: `2024-12-19T10:44:17.347Z`.
pub fn moment(time: Time) -> [u8; 24] {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let (year, month, day) = time.civil();
    let millis = time.millis().rem_euclid(86_400_000);
    let mut put = |at: usize, count: usize, mut number: i64| {
        for place in (at..at + count).rev() {
            text[place] = b'0' + number.rem_euclid(10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, i64::from(month));
    put(8, 2, i64::from(day));
    put(11, 2, millis / 3_600_000);
    put(14, 2, millis / 60_000 % 60);
    put(17, 2, millis / 1_000 % 60);
    put(20, 3, millis % 1_000);
    text
}

/// Reads a moment: any of RFC 3339, with `Z` or an offset, with or without a fraction. What is below a microsecond is
/// cut.
pub fn read_moment(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    let number = |from: usize, count: usize| -> Option<i64> {
        let digits = bytes.get(from..from + count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)? as u32, number(8, 2)? as u32);
    let date = Time::from_civil(year, month, day);
    if !(1..=12).contains(&month) || day == 0 || date.civil() != (year, month, day) {
        return None;
    }
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    // A leap second is the first moment of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut micros = 0;
    if is(at, b".") {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = digits.min(6);
        micros = number(at + 1, kept).filter(|_| digits > 0)? * 10_i64.pow(6 - kept as u32);
        at += 1 + digits;
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && is(at + 3, b":") => {
            let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = hours * 60 + minutes;
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    let seconds = hour * 3_600 + minute * 60 + second - offset * 60;
    Some(date + Span(seconds * 1_000_000 + micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_milliseconds_and_read_in_all_forms() {
        let time = Time(1_734_605_057_347_900);
        assert_eq!(&moment(time), b"2024-12-19T10:44:17.347Z");
        for text in [
            "2024-12-19T10:44:17.3479Z",
            "2024-12-19T10:44:17.347900123z",
            "2024-12-19t13:44:17.3479+03:00",
            "2024-12-19T01:14:17.347900-09:30",
        ] {
            assert_eq!(read_moment(text), Some(time), "{text}");
        }
        let whole = Time::from_civil(2026, 9, 27);
        assert_eq!(read_moment("2026-09-27T00:00:00+00:00"), Some(whole));
        assert_eq!(read_moment("2026-09-26T23:59:60Z"), Some(whole), "a leap second");
        for text in [
            "",
            "2026-09-27",
            "2026-09-27T00:00:00",
            "2026-09-27 00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-09-00T00:00:00Z",
            "2026-09-27T24:00:00Z",
            "2026-09-27T00:60:00Z",
            "2026-09-27T00:00:00.Z",
            "2026-09-27T00:00:00Zx",
            "2026-09-27T00:00:00+0000",
            "2026-09-27T00:00:00+24:00",
            "1790467200000",
            "２０２６-09-27T00:00:00Z",
        ] {
            assert_eq!(read_moment(text), None, "{text:?}");
        }
    }
}
