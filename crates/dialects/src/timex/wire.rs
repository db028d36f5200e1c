//! TimeX's messages as they are read: requests of clients, leniently. Numbers stay text until the instrument's scale is
//! known.
//!
//! Nothing here encodes: the server writes bytes, and in tests these structs read them back.

pub mod refusal;
pub mod venue;

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::json::{Kind, members, text};

/// Whose request it is. Section B2.
///
/// ```json
/// {"id":"3DE4C63C868C4A7591EE6CCEDF2487DB","secret":"RXQ4EYLOGULVA5MA"}
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// The key, which is no secret.
    pub id: String,
    /// What it is proven by.
    pub secret: String,
}

impl Auth {
    /// Reads it; `None` if it is not there or not whole, as where its members are null.
    #[must_use]
    pub fn read(value: Option<&RawValue>) -> Option<Self> {
        let [id, secret] = members(value?, ["id", "secret"])?;
        let part = |part: Option<&RawValue>| part.and_then(text).map(Cow::into_owned);
        Some(Self { id: part(id)?, secret: part(secret)? })
    }
}

/// Names nobody and no secret.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

/// A text, or a number as it is written: ids come as either. Section B3.
#[must_use]
pub fn text_or_number(value: &RawValue) -> Option<Cow<'_, str>> {
    match Kind::of(value) {
        Kind::Text => text(value),
        Kind::Number => Some(Cow::Borrowed(value.get())),
        _ => None,
    }
}
