//! Small JSON bodies: objects whose keys stand in the order in which they are put, and lists of them.
//!
//! Some clients read a transaction's keys by their place, and the names of some keys are only known when they are
//! written. Not for frames, which are written without any of this.

use std::fmt::{Display, Write};

/// An object being written.
pub struct Object(String);

impl Object {
    /// `{`
    pub fn new() -> Self {
        Self("{".to_owned())
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    /// A text, escaped as far as it needs to be.
    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        self.0.push_str(&quoted(value));
        self
    }

    /// A text, if there is one.
    pub fn some(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// A text, or `null` if there is none.
    pub fn or_null(self, key: &str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.text(key, &value),
            None => self.raw(key, "null"),
        }
    }

    /// Something that is JSON already.
    pub fn raw(mut self, key: &str, value: impl Display) -> Self {
        self.key(key);
        write!(self.0, "{value}").expect("a text takes all that is written");
        self
    }

    /// `}`
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// `"a"`, escaped as far as it needs to be.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written")
}

/// `[a,b,…]`
pub fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(","))
}
