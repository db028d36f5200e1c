//! What must not be written down.

use std::fmt;

/// What stands in its place.
const HIDDEN: &str = "***";

/// A key, which is said and never written.
pub struct Secret {
    text: String,
    /// The ways in which it may stand in what is said, the longest first.
    spellings: Vec<Vec<u8>>,
}

/// Tells nothing.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Nothing is secret.
    pub const fn none() -> Self {
        Self { text: String::new(), spellings: Vec::new() }
    }

    /// This is.
    pub fn new(text: String) -> Self {
        let mut secret = Self { text: String::new(), spellings: Vec::new() };
        secret.hide_also(&text);
        Self { text, ..secret }
    }

    /// This must not be written down either: another key, or the key as somebody spelled it.
    pub fn hide_also(&mut self, text: &str) {
        let quoted = serde_json::Value::from(text).to_string();
        let encoded = percent_encoded(text);
        self.spellings.extend([
            text.as_bytes().to_vec(),
            quoted.as_bytes()[1..quoted.len() - 1].to_vec(),
            with_small_digits(&encoded).into_bytes(),
            encoded.into_bytes(),
        ]);
        self.spellings.retain(|spelling| !spelling.is_empty());
        self.spellings.sort_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
        self.spellings.dedup();
    }

    /// The key; empty if there is none.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text without it, and whether it was in it.
    pub fn hide(&self, text: &str) -> (String, bool) {
        let (bytes, hidden) = self.hide_bytes(text.as_bytes());
        (String::from_utf8_lossy(&bytes).into_owned(), hidden)
    }

    /// The bytes without it, and whether it was in them.
    pub fn hide_bytes(&self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        let mut hidden = false;
        while let [first, after @ ..] = rest {
            match self.spellings.iter().find(|spelling| rest.starts_with(spelling)) {
                Some(spelling) => {
                    out.extend_from_slice(HIDDEN.as_bytes());
                    rest = &rest[spelling.len()..];
                    hidden = true;
                }
                None => {
                    out.push(*first);
                    rest = after;
                }
            }
        }
        (out, hidden)
    }
}

/// An encoded text with the digits behind its percent signs in small letters.
fn with_small_digits(encoded: &str) -> String {
    let mut digits = 0;
    let small = |it: char| {
        let is_digit = digits > 0;
        digits = if it == '%' { 2 } else { usize::saturating_sub(digits, 1) };
        if is_digit { it.to_ascii_lowercase() } else { it }
    };
    encoded.chars().map(small).collect()
}

/// A text as it stands in a query.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}
