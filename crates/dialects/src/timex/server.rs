//! The server half: requests are understood here, and updates are worded in [`push`] and [`account`]. Sections B3 to B7.
//!
//! Each request is judged from its message and from what is known of its visitor. Who shows a key, which accounts there
//! are and what state there is, is asked first; everything else is decided on the spot.

pub mod account;
pub mod push;

mod subscribe;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::Markets;
use super::http::rest::rest;
use super::wire::refusal::Refusal;
use super::wire::{Auth, text_or_number};
use crate::dialect::{Fault, Request};
use crate::json::{Kind, members, quoted, text};
use crate::visitor::Visitor;

/// The id of a subscription is a UUID.
pub const SUBSCRIPTION_ID_BYTES: u8 = 36;

/// Members that some request has.
const MEMBERS: [&str; 9] = [
    "type",
    "requestId",
    "pattern",
    "snapshot",
    "subscriptionId",
    "account",
    "auth",
    "stream",
    "payload",
];

/// Understands one message.
pub fn decode(message: &[u8], visitor: &Visitor<'_>, markets: &Arc<Markets>) -> Vec<Request> {
    let refuse = |id: &str, refusal: &Refusal| match visitor.too_fast {
        Some(_) => vec![Request::Refuse(refused(id, &Refusal::TOO_FAST), Fault::TooFast)],
        None => vec![Request::Say(refused(id, refusal))],
    };
    let message: Result<&RawValue, _> = serde_json::from_slice(message);
    let (false, Ok(message)) = (visitor.binary, message) else {
        return refuse("null", &Refusal::MALFORMED);
    };
    let Some(members) = members(message, MEMBERS) else {
        return refuse("null", &Refusal::MALFORMED);
    };
    let [kind, id, rest @ ..] = members;
    let id = match id.map(|id| (Kind::of(id), text_or_number(id))) {
        Some((_, Some(id))) => quoted(&id),
        None | Some((Kind::Null, _)) => return refuse("null", &Refusal::required("requestId")),
        Some(_) => return refuse("null", &Refusal::invalid("requestId")),
    };
    let asked = Asked { id: &id, visitor, markets };
    let kind = kind.and_then(text);
    let understood = match kind.as_deref().filter(|_| visitor.too_fast.is_none()) {
        Some("SUBSCRIBE") => asked.subscribe(&rest),
        Some("UNSUBSCRIBE") => asked.unsubscribe(&rest),
        Some("ACCOUNT_SUBSCRIBE") => asked.account_subscribe(&rest),
        Some("REST") => asked.rest(&rest),
        _ => Err(Refusal::UNSUPPORTED),
    };
    match understood {
        Ok(request) => vec![request],
        Err(refusal) => refuse(&id, &refusal),
    }
}

/// A request of which the type is known. Its members are those of [`MEMBERS`] behind the first two.
struct Asked<'a> {
    /// As JSON.
    id: &'a str,
    visitor: &'a Visitor<'a>,
    markets: &'a Arc<Markets>,
}

type Members<'a> = [Option<&'a RawValue>; MEMBERS.len() - 2];

impl Asked<'_> {
    /// Section B6: what is answered over HTTP is answered here as well.
    fn rest(&self, members: &Members<'_>) -> Result<Request, Refusal> {
        let [_, _, _, _, auth, stream, payload] = *members;
        let stream = required("stream", stream)?;
        let id = self.id.to_owned();
        let step = rest(self.markets, &stream, Auth::read(auth), payload);
        Ok(Request::Take(step.map(move |answer| {
            let said = match answer {
                Ok(body) => succeeded(&id, &body),
                Err(refusal) => refused(&id, &refusal),
            };
            vec![Request::Say(said)]
        })))
    }
}

/// A member that has to be there, and a text.
fn required<'a>(name: &str, value: Option<&'a RawValue>) -> Result<Cow<'a, str>, Refusal> {
    match value.map(|value| (Kind::of(value), text(value))) {
        None | Some((Kind::Null, _)) => Err(Refusal::required(name)),
        Some((_, text)) => text.ok_or_else(|| Refusal::invalid(name)),
    }
}

/// A member that is false where it is not there.
fn flag(name: &str, value: Option<&RawValue>) -> Result<bool, Refusal> {
    match value.map(RawValue::get) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::invalid(name)),
    }
}

/// Section B4: what is said of something that is not done; `id` is JSON.
fn refused(id: &str, refusal: &Refusal) -> Vec<u8> {
    let message = quoted(&refusal.message);
    format!(r#"{{"requestId":{id},"status":"ERROR","message":{message}}}"#).into_bytes()
}

/// Section B4: the reply to a `REST` message.
fn succeeded(id: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!(r#"{{"requestId":{id},"status":"SUCCESS","responseBody":"#).into_bytes();
    out.extend_from_slice(body);
    out.push(b'}');
    out
}

/// A UUID of version 4 made of these bytes.
fn uuid(bytes: [u8; 16]) -> String {
    let mut number = u128::from_be_bytes(bytes);
    number = number & !(0xf << 76) | 4 << 76;
    number = number & !(3 << 62) | 2 << 62;
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_subscriptions_are_uuids_of_version_four() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        let mut bytes = [0; 16];
        bytes[15] = 7;
        assert_eq!(uuid(bytes), "00000000-0000-4000-8000-000000000007");
        assert_eq!(uuid(bytes).len(), usize::from(SUBSCRIPTION_ID_BYTES));
    }
}
