//! A JSON value as it is written for people: members stay in their order, two spaces a step.

use std::borrow::Cow;

use crate::json::quoted;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// JSON that is written already, on one line.
    Written(Cow<'static, str>),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(Cow<'static, str>, Self)>),
}

impl Value {
    /// A string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Written(quoted(text).into())
    }
    /// An integer.
    #[must_use]
    pub fn integer(integer: i64) -> Self {
        Self::Written(integer.to_string().into())
    }
    /// True or false.
    #[must_use]
    pub const fn boolean(boolean: bool) -> Self {
        Self::Written(Cow::Borrowed(if boolean { "true" } else { "false" }))
    }
    /// An array of strings.
    #[must_use]
    pub fn texts(texts: &[&str]) -> Self {
        Self::List(texts.iter().map(|text| Self::text(text)).collect())
    }
    /// An object of these members, in this order.
    pub fn object<N: Into<Cow<'static, str>>>(
        members: impl IntoIterator<Item = (N, Self)>,
    ) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
    /// A pointer to another part of the document.
    #[must_use]
    pub fn pointer(parts: &[&str]) -> Self {
        let parts: Vec<String> =
            parts.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
        Self::object([("$ref", Self::text(&format!("#/{}", parts.join("/"))))])
    }

    /// As a text that ends with a line break.
    #[must_use]
    pub fn document(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text.push('\n');
        text
    }

    fn write(&self, depth: usize, out: &mut String) {
        match self {
            Self::Written(json) => out.push_str(json),
            Self::List(items) => between('[', ']', items, depth, out, |item, out| {
                item.write(depth + 1, out);
            }),
            Self::Object(members) => {
                between('{', '}', members, depth, out, |(name, value), out| {
                    out.push_str(&quoted(name));
                    out.push_str(": ");
                    value.write(depth + 1, out);
                });
            }
        }
    }
}

/// Writes what stands between two brackets, each on a line of its own.
fn between<T>(
    open: char,
    close: char,
    items: &[T],
    depth: usize,
    out: &mut String,
    mut write: impl FnMut(&T, &mut String),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n("  ", depth + 1));
        write(item, out);
    }
    if !items.is_empty() {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
    out.push(close);
}
