//! Rows of texts, as venues write books and candles, read from JSON without copying and bounded. Not what a text
//! means: that is its dialect's.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

/// More rows than any book or reply has; a longer list is refused before it fills the memory.
pub const ROWS_MAX: usize = 100_000;

/// Rows of texts, at most [`ROWS_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub struct Rows<'a, const N: usize>(pub Vec<[&'a str; N]>);

impl<'de: 'a, 'a, const N: usize> Deserialize<'de> for Rows<'a, N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<const N: usize>;
        impl<'de, const N: usize> Visitor<'de> for List<N> {
            type Value = Rows<'de, N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "rows of {N} texts")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::new();
                while let Some(Row(row)) = seq.next_element()? {
                    if rows.len() == ROWS_MAX {
                        return Err(A::Error::custom("too many rows"));
                    }
                    rows.push(row);
                }
                Ok(Rows(rows))
            }
        }
        from.deserialize_seq(List::<N>)
    }
}

struct Row<'a, const N: usize>([&'a str; N]);

impl<'de: 'a, 'a, const N: usize> Deserialize<'de> for Row<'a, N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Texts<const N: usize>;
        impl<'de, const N: usize> Visitor<'de> for Texts<N> {
            type Value = Row<'de, N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} texts")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut row = [""; N];
                for (at, text) in row.iter_mut().enumerate() {
                    *text =
                        seq.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
                }
                if seq.next_element::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::invalid_length(N + 1, &self));
                }
                Ok(Row(row))
            }
        }
        from.deserialize_seq(Texts::<N>)
    }
}
