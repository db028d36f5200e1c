//! What a client sends. Sections A3 and A4.2.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{Kind, members, text};

/// A request whose form is right; what it asks for is not judged yet.
///
/// ```json
/// {"id":"7","method":"subscribe","params":{"channel":"ticker","symbol":"BTC-USDT","interval":"1day"}}
/// ```
#[derive(Debug)]
pub struct Request<'a> {
    /// Its id as it was written: quoted if it is a text.
    pub id: &'a str,
    /// What is to be done.
    pub method: Cow<'a, str>,
    /// Its parameters, an object, if there are any.
    pub params: Option<&'a RawValue>,
}

/// Why a message is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed<'a> {
    /// It is not JSON.
    NotJson,
    /// It is JSON, but no request: its id if it has one, and what is wrong.
    NotARequest(Option<&'a str>, &'static str),
}

impl<'a> Request<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Malformed`] if it is no request.
    pub fn read(message: &'a [u8]) -> Result<Self, Malformed<'a>> {
        let message: &RawValue = serde_json::from_slice(message).map_err(|_| Malformed::NotJson)?;
        let Some([id, method, params]) = members(message, ["id", "method", "params"]) else {
            return Err(Malformed::NotARequest(None, "The message is not an object"));
        };
        // A text that is none, with half of a surrogate pair, is not said again.
        let known = id.filter(|id| match Kind::of(id) {
            Kind::Text => text(id).is_some(),
            kind => kind == Kind::Number,
        });
        let known = known.map(RawValue::get);
        let wrong = |what| Err(Malformed::NotARequest(known, what));
        let Some(id) = known else { return wrong("id must be a string or a number") };
        let Some(method) = method.and_then(text) else { return wrong("method must be a string") };
        if params.is_some_and(|params| Kind::of(params) != Kind::Object) {
            return wrong("params must be an object");
        }
        Ok(Self { id, method, params })
    }
}

/// The id of whatever this is, as it was written, if it has one.
#[must_use]
pub fn id_of(message: &[u8]) -> Option<&str> {
    match Request::read(message) {
        Ok(request) => Some(request.id),
        Err(Malformed::NotARequest(id, _)) => id,
        Err(Malformed::NotJson) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, id: Option<&str>) {
        match Request::read(message.as_bytes()) {
            Err(Malformed::NotARequest(known, _)) => assert_eq!(known, id, "{message}"),
            other => panic!("{message} is {other:?}"),
        }
    }

    #[test]
    fn ids_stay_as_they_were_written() {
        for id in [r#""1""#, "1", "-0", "1.50e3", r#""\u00e9\"\/""#, "12345678901234567890123"] {
            let message = format!(r#"{{"method":"ping","id":{id}}}"#);
            assert_eq!(Request::read(message.as_bytes()).expect("a request").id, id);
        }
    }

    #[test]
    fn what_is_no_request_says_so_with_its_id_if_it_has_one() {
        check("[]", None);
        check(r#"[{"id":1,"method":"ping"}]"#, None);
        check("null", None);
        check(r#""ping""#, None);
        check(r#"{"method":"ping"}"#, None);
        for id in ["null", "true", "{}", "[1]", r#""\ude00""#] {
            check(&format!(r#"{{"id":{id},"method":"ping"}}"#), None);
        }
        check(r#"{"id":7}"#, Some("7"));
        check(r#"{"id":"7","method":1}"#, Some(r#""7""#));
        check(r#"{"id":7,"method":"ping","params":[]}"#, Some("7"));
        check(r#"{"id":7,"method":"ping","params":null}"#, Some("7"));
        for text in ["", "{", "ping", r#"{"id":1,}"#, "{\"id\":1}x", "\u{feff}{}"] {
            assert!(matches!(Request::read(text.as_bytes()), Err(Malformed::NotJson)), "{text:?}");
        }
        assert!(matches!(Request::read(b"\xff"), Err(Malformed::NotJson)));
    }
}
