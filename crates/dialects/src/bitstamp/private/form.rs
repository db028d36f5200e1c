//! The body of a signed request: a form, or one flat JSON object. Section 8.
//!
//! Some clients send JSON and call it a form; what begins with a brace is JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::errors::{self, NO_NUMBER, REQUIRED, Unusable};

/// Fields by name; unknown ones do no harm, and of a doubled one the last counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body. What is no form has no fields.
    pub fn read(body: &[u8]) -> Self {
        if body.trim_ascii_start().first() == Some(&b'{') {
            return Self::read_json(body).unwrap_or_default();
        }
        let pairs = body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let mut halves = pair.splitn(2, |&byte| byte == b'=');
                    let mut half = || unescape(halves.next().unwrap_or(b""));
                    (half(), half())
                })
                .collect(),
        )
    }

    fn read_json(body: &[u8]) -> Option<Self> {
        let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).ok()?;
        let plain = |(name, value): (Cow<'_, str>, &RawValue)| {
            let value = match value.get().as_bytes().first()? {
                b'"' => serde_json::from_str(value.get()).ok()?,
                // Nothing, and what no field holds.
                b'n' | b'[' | b'{' => return None,
                _ => value.get().to_owned(),
            };
            Some((name.into_owned(), value))
        };
        Some(Self(fields.into_iter().filter_map(plain).collect()))
    }

    /// A field that is there and says something.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a field says yes.
    pub fn flag(&self, name: &'static str) -> Result<bool, Unusable> {
        match self.text(name) {
            Some("true" | "True" | "1") => Ok(true),
            None | Some("false" | "False" | "0") => Ok(false),
            Some(_) => Err(errors::field(name, "400.007", "Not a valid boolean.")),
        }
    }

    /// A whole number that is not negative.
    pub fn integer(
        &self,
        name: &'static str,
        malformed: &'static str,
    ) -> Result<Option<i64>, Unusable> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.map(Some).ok_or_else(|| errors::field(name, malformed, NO_NUMBER))
    }

    /// A field that has to be there.
    pub fn needed(&self, name: &'static str, missing: &'static str) -> Result<&str, Unusable> {
        self.text(name).ok_or_else(|| errors::field(name, missing, REQUIRED))
    }
}

/// Undoes what a form's encoding does to a text.
fn unescape(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                digit(*high)
                    .zip(digit(*low))
                    .and_then(|(high, low)| u8::try_from(high << 4 | low).ok())
            }
            _ => None,
        };
        match (escaped, first) {
            (Some(byte), _) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (None, b'+') => bytes.push(b' '),
            (None, _) => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[(&str, &str)]) {
        let fields = expected.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        assert_eq!(Form::read(body.as_bytes()), Form(fields.collect()), "{body}");
    }

    #[test]
    fn forms_and_flat_objects_are_read_alike() {
        check("", &[]);
        check("amount=0.5&price=100.00", &[("amount", "0.5"), ("price", "100.00")]);
        check("a=1&a=2&b&=c&&", &[("a", "2"), ("b", ""), ("", "c")]);
        check("market=BTC%2fUSD&x=a+b%2B%zz%4", &[("market", "BTC/USD"), ("x", "a b+%zz%4")]);
        check("x=%ff", &[("x", "\u{fffd}")]);
        check(
            r#" {"amount":0.50,"price":"1\u00302","moc_order":true,"n":null,"o":{},"l":[1]}"#,
            &[("amount", "0.50"), ("price", "102"), ("moc_order", "true")],
        );
        check("{}", &[]);
        check("{broken", &[]);
    }

    #[test]
    fn flags_and_numbers() {
        let form = Form::read(b"a=True&b=0&c=yes&d=17&e=-1&f=1.5&g=99999999999999999999");
        assert_eq!(
            (form.flag("a"), form.flag("b"), form.flag("z")),
            (Ok(true), Ok(false), Ok(false))
        );
        assert!(form.flag("c").is_err());
        assert_eq!((form.integer("d", "x"), form.integer("z", "x")), (Ok(Some(17)), Ok(None)));
        for name in ["c", "e", "f", "g"] {
            assert!(form.integer(name, "x").is_err(), "{name}");
        }
    }
}
