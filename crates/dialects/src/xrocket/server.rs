//! The server half: requests are understood here, and updates are worded in [`push`]. Sections A3 to A6.
//!
//! Requests are judged in the order of A4.2. What needs a market's state to be judged is asked of the boards first
//! ([`Step::Ask`]); everything else is decided on the spot, from the message and from what is known of its visitor.

pub mod push;
pub mod rules;

mod subscribe;

pub use subscribe::SUBSCRIPTIONS_MAX;

use std::sync::Arc;

use serde_json::value::RawValue;

use super::Markets;
use super::wire::failure::{Code, Failure, More};
use super::wire::request::{self, Malformed};
use super::wire::token::Claims;
use crate::dialect::{Fault, Request};
use crate::json::{members, text};
use crate::step::Step;
use crate::visitor::Visitor;

/// Understands one message.
pub fn decode(message: &[u8], visitor: &Visitor<'_>, markets: &Arc<Markets>) -> Vec<Request> {
    if let Some(wait) = visitor.too_fast {
        let millis = i64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(i64::MAX);
        let failure = Failure::new(Code::RateLimitExceeded, "Too many requests")
            .with("retryAfterMs", More::Number(millis));
        return vec![Request::Refuse(failure.word(request::id_of(message)), Fault::TooFast)];
    }
    if visitor.binary {
        let failure = Failure::new(Code::InvalidRequest, "The message is not text");
        return vec![Request::Say(failure.word(None))];
    }
    let request = match request::Request::read(message) {
        Ok(request) => request,
        Err(Malformed::NotJson) => {
            let failure = Failure::new(Code::ParseError, "The message is not JSON");
            return vec![Request::Say(failure.word(None))];
        }
        Err(Malformed::NotARequest(id, what)) => {
            return vec![Request::Say(Failure::new(Code::InvalidRequest, what).word(id))];
        }
    };
    let (id, params) = (request.id, request.params);
    let understood = match &*request.method {
        "ping" => Ok(vec![Request::Say(success(id))]),
        "auth" => auth(id, params, visitor).map(|request| vec![request]),
        "subscribe" => subscribe::subscribe(id, params, visitor, markets),
        "unsubscribe" => subscribe::unsubscribe(id, params, visitor).map(|request| vec![request]),
        "unsubscribeAll" => Ok(vec![Request::Unsubscribe {
            subscriptions: visitor.subscriptions.to_vec(),
            acknowledgement: success(id),
        }]),
        other => Err(Failure::new(Code::MethodNotFound, "There is no such method")
            .with("method", More::Text(other.to_owned()))),
    };
    understood.unwrap_or_else(|failure| vec![Request::Say(failure.word(Some(id)))])
}

/// What every request is answered that has nothing else to tell.
pub fn success(id: &str) -> Vec<u8> {
    format!(r#"{{"id":{id},"result":{{"success":true}}}}"#).into_bytes()
}

/// The members of a request's parameters.
fn parameters<'a, const N: usize>(
    params: Option<&'a RawValue>,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], Failure> {
    let found = params.and_then(|params| members(params, names));
    found.ok_or_else(|| Failure::params("params", "an object"))
}

/// Section A2: a token is looked up as a whole, once its text says that it can be good.
fn auth(id: &str, params: Option<&RawValue>, visitor: &Visitor<'_>) -> Result<Request, Failure> {
    let [token] = parameters(params, ["token"])?;
    let token = token.and_then(text).ok_or_else(|| Failure::params("token", "a string"))?;
    let id = id.to_owned();
    let wall = visitor.wall;
    let Some(claims) = Claims::read(&token).filter(|claims| claims.is_good(wall)) else {
        return Ok(refuse_login(&invalid_token(), &id));
    };
    Ok(Request::Take(Step::Identify(
        token.into_owned(),
        Box::new(move |holder| {
            let known = holder.filter(|holder| holder.account == claims.account);
            let request = match known {
                None => refuse_login(&invalid_token(), &id),
                Some(holder) if holder.blocked => refuse_login(&blocked(), &id),
                Some(_) => {
                    Request::LogIn { lasts: claims.lasts(wall), acknowledgement: success(&id) }
                }
            };
            Step::Reply(vec![request])
        }),
    )))
}

fn refuse_login(failure: &Failure, id: &str) -> Request {
    Request::Refuse(failure.word(Some(id)), Fault::Login)
}

/// Whatever is wrong with a token, nobody is told what.
pub fn invalid_token() -> Failure {
    Failure::new(Code::InvalidToken, "The token is invalid, expired or revoked")
}

/// The published answer, oddly paired as it is.
pub fn blocked() -> Failure {
    Failure::new(Code::UserBlocked, "Invalid authentication")
}
