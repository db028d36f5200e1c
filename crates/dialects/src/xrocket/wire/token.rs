//! Tokens: JSON web tokens as clients present them. Section A2.
//!
//! Read, not verified: whoever issued a token looks it up as a whole, so that one with a changed claim or another
//! signature is simply unknown. What is judged here is what its holder can be told from its text.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{AccountId, Time};
use serde_json::value::RawValue;

use crate::json::{Kind, members, text};

/// The longest token that is read, in bytes.
const BYTES_MAX: usize = 4_096;
/// How long a signature of HS256 is, in bytes.
const SIGNATURE_BYTES: usize = 32;

/// What a token says of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is: `userId`, a text or a number.
    pub account: AccountId,
    /// From when on it is good no longer: `exp`.
    pub expires: Option<Time>,
    /// Before when it is not good yet: `nbf`.
    pub begins: Option<Time>,
}

impl Claims {
    /// Reads a token; `None` if it is none, or not signed as tokens here are.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > BYTES_MAX {
            return None;
        }
        let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let (head, claims, signature) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() || signature.len() != SIGNATURE_BYTES {
            return None;
        }
        let [algorithm] = members(object(&head)?, ["alg"])?;
        if text(algorithm?)? != "HS256" {
            return None;
        }
        let [user, expires, begins] = members(object(&claims)?, ["userId", "exp", "nbf"])?;
        Some(Self {
            account: AccountId(user_of(user?)?),
            expires: optional(expires)?,
            begins: optional(begins)?,
        })
    }

    /// Whether it is good at this moment of the wall's clock.
    #[must_use]
    pub fn is_good(&self, wall: Time) -> bool {
        self.expires.is_none_or(|end| wall < end) && self.begins.is_none_or(|start| wall >= start)
    }

    /// For how long it is still good; `None` is for ever.
    #[must_use]
    pub fn lasts(&self, wall: Time) -> Option<Duration> {
        let micros = self.expires.map(|end| u64::try_from((end - wall).0).unwrap_or(0));
        micros.map(Duration::from_micros)
    }
}

fn object(json: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(json).ok()
}

fn user_of(value: &RawValue) -> Option<u32> {
    match Kind::of(value) {
        Kind::Text => text(value)?.parse().ok(),
        Kind::Number => value.get().parse().ok(),
        _ => None,
    }
}

/// A moment that need not be there.
#[expect(clippy::option_option, reason = "a claim may be absent, and what is there may be wrong")]
fn optional(value: Option<&RawValue>) -> Option<Option<Time>> {
    match value {
        None => Some(None),
        Some(value) => moment(value).map(Some),
    }
}

/// A moment in seconds since 1970; what is below a second is cut.
fn moment(value: &RawValue) -> Option<Time> {
    let whole = value.get().split('.').next()?;
    let seconds: i64 = whole.parse().ok()?;
    (Kind::of(value) == Kind::Number).then(|| Time(seconds.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(head: &str, claims: &str, signature: &[u8]) -> String {
        let parts = [head.as_bytes(), claims.as_bytes(), signature];
        parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
    }

    const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    #[test]
    fn a_token_names_its_account_as_text_or_number() {
        for claims in [r#"{"userId":1001,"iat":1}"#, r#"{"userId":"1001"}"#] {
            let claims = Claims::read(&token(HEAD, claims, &[7; 32])).expect("a token");
            assert_eq!(claims.account, AccountId(1001));
            assert!(claims.is_good(Time(0)) && claims.is_good(Time(i64::MAX)));
        }
    }

    #[test]
    fn it_is_good_between_its_moments() {
        let claims = r#"{"userId":1,"nbf":100,"exp":200.5}"#;
        let claims = Claims::read(&token(HEAD, claims, &[7; 32])).expect("a token");
        let good = |seconds| claims.is_good(Time::from_seconds(seconds));
        assert_eq!([99, 100, 199, 200].map(good), [false, true, true, false]);
    }

    #[test]
    fn what_is_not_signed_as_ours_are_is_none() {
        let good = r#"{"userId":1}"#;
        for token in [
            token(r#"{"alg":"none"}"#, good, b""),
            token(r#"{"alg":"none"}"#, good, &[7; 32]),
            token(r#"{"alg":"None"}"#, good, &[7; 32]),
            token(r#"{"alg":"HS512"}"#, good, &[7; 64]),
            token(r#"{"alg":["HS256"]}"#, good, &[7; 32]),
            token(r#"{"typ":"JWT"}"#, good, &[7; 32]),
            token(HEAD, good, b""),
            token(HEAD, good, &[7; 31]),
            token(HEAD, "{}", &[7; 32]),
            token(HEAD, r#"{"userId":null}"#, &[7; 32]),
            token(HEAD, r#"{"userId":-1}"#, &[7; 32]),
            token(HEAD, r#"{"userId":1.5}"#, &[7; 32]),
            token(HEAD, r#"{"userid":1}"#, &[7; 32]),
            token(HEAD, r#"{"userId":1,"exp":"soon"}"#, &[7; 32]),
            token(HEAD, "[]", &[7; 32]),
            token(HEAD, good, &[7; 32]) + ".",
            token(HEAD, good, &[7; 32]).replace('.', " "),
            String::new(),
            "..".to_owned(),
            "SpjEQPuvEGMae7QLaNzR8I47D3qzUP".to_owned(),
        ] {
            assert_eq!(Claims::read(&token), None, "{token}");
        }
    }
}
