//! What a request says besides its path: the parameters of its query, and the members of its body.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::problem::Problem;
use crate::http::percent_decoded;
use crate::json::{self, Kind};
use crate::xrocket::wire::failure::Failure;

/// How many parameters of a query are read.
const PARAMETERS_MAX: usize = 256;

/// The parameters of a query, in their order.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of a query. A plus is a plus: moments are written with it, and nothing is written with blanks.
    pub fn of_query(query: &str) -> Self {
        let parts = query.split('&').filter(|part| !part.is_empty()).take(PARAMETERS_MAX);
        let each = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (percent_decoded(name), percent_decoded(value))
        });
        Self(each.collect())
    }

    /// What a parameter says, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
    /// What a parameter says that must be there.
    pub fn required(&self, name: &'static str) -> Result<&str, Problem> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Failure::params(name, "given").into())
    }
    /// What a parameter says that may come more than once, or with commas between.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(known, _)| known.trim_end_matches("[]") == name);
        named.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }
}

/// The members of a body of these names; an absent one and one that is `null` are the same.
pub struct Body<'a, const N: usize>([&'static str; N], [Option<&'a RawValue>; N]);

impl<'a, const N: usize> Body<'a, N> {
    /// Those of a body, which must be an object.
    pub fn read(body: &'a [u8], names: [&'static str; N]) -> Result<Self, Problem> {
        let object: Option<&RawValue> = serde_json::from_slice(body).ok();
        let found = object.and_then(|object| json::members(object, names));
        match found {
            Some(found) => Ok(Self(names, found)),
            None => Err(Failure::params("body", "a JSON object").into()),
        }
    }

    /// The text of a member, if it is there.
    pub fn get(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Problem> {
        let at = self.0.iter().position(|known| *known == name);
        let value = at.and_then(|at| self.1[at]).filter(|value| Kind::of(value) != Kind::Null);
        let text = value.map(|value| {
            json::text(value).ok_or_else(|| Problem::from(Failure::params(name, "a string")))
        });
        text.transpose()
    }
    /// The text of a member that must be there.
    pub fn required(&self, name: &'static str) -> Result<Cow<'a, str>, Problem> {
        self.get(name)?.ok_or_else(|| Failure::params(name, "a string").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_clients_write_them() {
        let given = Parameters::of_query(
            "symbols=BTC-USD&symbols=ETH-USD,ETH-BTC&startAt=2026-09-27T00%3A00%3A00%2B00:00&x=%zz&y&&",
        );
        assert_eq!(given.all("symbols"), ["BTC-USD", "ETH-USD", "ETH-BTC"]);
        assert_eq!(given.get("startAt"), Some("2026-09-27T00:00:00+00:00"));
        assert_eq!(given.get("x"), Some("%zz"));
        assert_eq!(given.get("y"), Some(""));
        assert!(given.required("y").is_err() && given.get("z").is_none());
        assert_eq!(Parameters::of_query("a=1+1").get("a"), Some("1+1"));
    }

    #[test]
    fn members_of_a_body_are_texts_or_absent() {
        let body = Body::read(br#"{"a":"1","b":null,"c":2}"#, ["a", "b", "c", "d"]).expect("one");
        assert_eq!(body.get("a").expect("a text").as_deref(), Some("1"));
        assert_eq!(body.get("b").expect("absent"), None);
        assert!(body.get("c").is_err() && body.required("d").is_err());
        assert!(Body::read(b"[]", ["a"]).is_err() && Body::read(b"", ["a"]).is_err());
    }
}
