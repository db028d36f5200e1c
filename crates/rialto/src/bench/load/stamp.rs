//! Finds the time inside a payload: one value of a JSON text, by its path, without reading the rest.

use clap::ValueEnum;

/// The unit that a payload's time is counted in, since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unit {
    /// Nanoseconds
    Ns,
    /// Microseconds
    Us,
    /// Milliseconds
    Ms,
    /// Seconds
    S,
}

impl Unit {
    fn nanos(self) -> u64 {
        match self {
            Self::Ns => 1,
            Self::Us => 1_000,
            Self::Ms => 1_000_000,
            Self::S => 1_000_000_000,
        }
    }
}

/// How to find the time of a message.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Names of members, and places in arrays, from the outside in.
    path: Vec<String>,
    unit: Unit,
}

impl Stamp {
    /// Reads a path such as `data.microtimestamp` or `data.0.t`.
    pub fn new(path: &str, unit: Unit) -> Self {
        Self { path: path.split('.').map(str::to_owned).collect(), unit }
    }

    /// The time in `payload`, in ns since 1970; none if there is no number at the path.
    pub fn find(&self, payload: &[u8]) -> Option<u64> {
        let mut scan = Scan { bytes: payload, at: 0 };
        for name in &self.path {
            scan.enter(name)?;
        }
        let digits = scan.scalar()?;
        let mut nanos = 0_u64;
        let mut unit = self.unit.nanos();
        let (whole, fraction) = match digits.iter().position(|&byte| byte == b'.') {
            Some(point) => (&digits[..point], &digits[point + 1..]),
            None => (digits, &[][..]),
        };
        if whole.is_empty() {
            return None;
        }
        for &byte in whole {
            nanos = nanos.checked_mul(10)?.checked_add(digit(byte)?)?;
        }
        nanos = nanos.checked_mul(unit)?;
        for &byte in fraction {
            unit /= 10;
            nanos = nanos.checked_add(digit(byte)? * unit)?;
        }
        Some(nanos)
    }
}

fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

/// A place in a JSON text. It trusts the text to be JSON; what is not leads to `None`, never further.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Goes to the value of the member with this name, or with this number in an array.
    fn enter(&mut self, name: &str) -> Option<()> {
        match self.next()? {
            b'{' => loop {
                match self.next()? {
                    b'"' => {}
                    b',' => continue,
                    _ => return None,
                }
                let key = self.text()?;
                if self.next()? != b':' {
                    return None;
                }
                if key == name.as_bytes() {
                    return Some(());
                }
                self.skip()?;
            },
            b'[' => {
                let place: usize = name.parse().ok()?;
                for _ in 0..place {
                    self.skip()?;
                    if self.next()? != b',' {
                        return None;
                    }
                }
                Some(())
            }
            _ => None,
        }
    }

    /// A number, or a text's inside.
    fn scalar(&mut self) -> Option<&'a [u8]> {
        match self.next()? {
            b'"' => self.text(),
            b'{' | b'[' => None,
            _ => {
                let from = self.at - 1;
                while self.bytes.get(self.at).is_some_and(|byte| !b",}] \t\r\n".contains(byte)) {
                    self.at += 1;
                }
                Some(&self.bytes[from..self.at])
            }
        }
    }

    /// Goes behind the value that follows.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                b'"' => {
                    self.text()?;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                b',' | b':' if depth > 0 => continue,
                b',' | b':' => return None,
                _ => {
                    self.at -= 1;
                    self.scalar()?;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The inside of a text whose quote was taken, up to and without its last quote.
    fn text(&mut self) -> Option<&'a [u8]> {
        let from = self.at;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.bytes[from..self.at - 1]);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if !b" \t\r\n".contains(&byte) {
                return Some(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, unit: Unit, payload: &str, nanos: Option<u64>) {
        let stamp = Stamp::new(path, unit);
        assert_eq!(stamp.find(payload.as_bytes()), nanos, "{path} in {payload}");
        for cut in 0..payload.len() {
            // A cut text may lack the value or have it, but never ends the search badly.
            let _ = stamp.find(&payload.as_bytes()[..cut]);
        }
    }

    #[test]
    fn finds_a_member_by_its_path() {
        let trade = r#"{"data":{"id":650885871,"timestamp":"1791403680","amount":0.00274133,"microtimestamp":"1791403680349000"},"channel":"live_trades_btcusd","event":"trade"}"#;
        let nanos = Some(1_791_403_680_349_000_000);
        check("data.microtimestamp", Unit::Us, trade, nanos);
        check("data.timestamp", Unit::S, trade, Some(1_791_403_680_000_000_000));
        check("data.nowhere", Unit::Us, trade, None);
        check("microtimestamp", Unit::Us, trade, None);
        check("channel", Unit::Us, trade, None);
        check("data", Unit::Us, trade, None);
    }

    #[test]
    fn passes_over_what_lies_before() {
        let book = r#" { "bids" : [ ["1","2"], ["}{\"t\":3","4"] ], "note":"a \"t\": 5 \\", "n":null, "e":{}, "x":{"t":6,"y":[]}, "t" : 7 } "#;
        check("t", Unit::Ns, book, Some(7));
        check("x.t", Unit::Ns, book, Some(6));
        check("x.y.0", Unit::Ns, book, None);
        check("bids.0.1", Unit::Ns, book, Some(2));
        check("bids.1.1", Unit::Ns, book, Some(4));
        check("bids.2.0", Unit::Ns, book, None);
        check("bids.x", Unit::Ns, book, None);
    }

    #[test]
    fn counts_in_its_unit_with_or_without_a_fraction() {
        check("t", Unit::S, r#"{"t":1641386400.123456}"#, Some(1_641_386_400_123_456_000));
        check("t", Unit::Ms, r#"{"t":"1641386400123.5"}"#, Some(1_641_386_400_123_500_000));
        check("t", Unit::Ns, r#"{"t":12.9}"#, Some(12));
        for wrong in [".5", "-5", "1e9", "x", "\"\"", "99999999999999999999", "null", "[1]"] {
            check("t", Unit::S, &format!("{{\"t\":{wrong}}}"), None);
        }
        check("t", Unit::S, "", None);
        check("t", Unit::S, "[}", None);
        check("0", Unit::Ns, "[1]", Some(1));
    }
}
