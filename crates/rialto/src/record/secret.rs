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
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        let mut spellings: Vec<Vec<u8>> = vec![
            text.clone().into_bytes(),
            quoted.as_bytes()[1..quoted.len() - 1].to_vec(),
            percent_encoded(&text).into_bytes(),
        ];
        spellings.retain(|spelling| !spelling.is_empty());
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        spellings.dedup();
        Self { text, spellings }
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
