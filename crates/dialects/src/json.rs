//! Pieces of JSON: objects appended to what is being written, and values read one level at a time, as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Appends a member that follows others: a text that needs no escaping.
pub fn string(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

/// Appends a member that follows others: what `write` writes, as a text.
pub fn member(out: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    write(out);
    out.push(b'"');
}

/// Appends items with commas between.
pub fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

/// What kind of value this is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// `12`
    Number,
    /// `true`, `false`
    Bool,
    /// `null`
    Null,
}

impl Kind {
    /// Of a value.
    #[must_use]
    pub fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

/// The text that a value is, if it is one.
#[must_use]
pub fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let text: Text<'_> = serde_json::from_str(value.get()).ok()?;
    Some(text.0)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether everybody who is told this value again as it was written can read it: not half of a surrogate pair in a text,
/// nor a number that is beyond all that is counted with.
#[must_use]
pub fn can_be_told_again(value: &RawValue) -> bool {
    match Kind::of(value) {
        Kind::Text => text(value).is_some(),
        Kind::Number => serde_json::from_str::<serde_json::Number>(value.get()).is_ok(),
        Kind::Bool | Kind::Null => true,
        Kind::Object | Kind::Array => false,
    }
}

/// The members of these names, if the value is an object; of a name that comes twice the last counts.
#[must_use]
pub fn members<'a, const N: usize>(
    value: &'a RawValue,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct Object<'n, const N: usize>([&'n str; N]);
    impl<'de, const N: usize> Visitor<'de> for Object<'_, N> {
        type Value = [Option<&'de RawValue>; N];
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some((Text(name), value)) = map.next_entry()? {
                if let Some(at) = self.0.iter().position(|wanted| *wanted == name) {
                    found[at] = Some(value);
                }
            }
            Ok(found)
        }
    }
    let mut json = serde_json::Deserializer::from_str(value.get());
    json.deserialize_map(Object(names)).ok()
}
