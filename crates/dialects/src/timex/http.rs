//! The HTTP half: the same streams as the socket's `REST` requests ([`rest`]), with a key and its secret in
//! `Authorization: Basic`, parameters in the query, and failures as the venue words them. Section B4.1.
//!
//! ```json
//! {"error":{"timestamp":"05.12.2019T05:25:43.584+0000","status":"BAD_REQUEST",
//!  "message":"Insufficient ETH balance. Required: 1, actual: 0.","code":4001}}
//! ```

pub mod given;
pub mod rest;

mod market;

pub use market::status_of;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Time;

use super::Markets;
use super::wire::Auth;
use super::wire::refusal::{Code, Refusal};
use crate::http::{HttpRequest, HttpResponse};
use crate::iso;
use crate::json::quoted;
use crate::step::Step;

use given::Given;
use rest::Wanted;

/// Understands a request.
pub fn reply(request: &HttpRequest<'_>, markets: &Arc<Markets>) -> Step {
    let method = if request.method == "HEAD" { "GET" } else { request.method };
    let path = request.path.strip_suffix('/').unwrap_or(request.path);
    let wall = request.wall;
    let stream = match rest::find(method, path) {
        Wanted::Stream(stream) => stream,
        Wanted::OtherMethods(allowed) => {
            let mut response = word(405, "METHOD_NOT_ALLOWED", &Refusal::UNSUPPORTED, wall);
            response.headers.push(("allow", allowed));
            return Step::Reply(response);
        }
        Wanted::Nothing => {
            return Step::Reply(word(404, "NOT_FOUND", &Refusal::UNSUPPORTED, wall));
        }
    };
    let given = match Given::of_http(request) {
        Ok(given) => given,
        Err(refusal) => return Step::Reply(refuse(&refusal, wall)),
    };
    let step = stream.serve(auth(request), given, markets);
    step.map(move |answer| match answer {
        Ok(body) => HttpResponse::json(200, body),
        Err(refusal) => refuse(&refusal, wall),
    })
}

/// The answer to who asks too often. No clock can be read where it is asked for, so that it has no timestamp.
pub fn too_fast() -> HttpResponse {
    let (message, code) = (quoted(&Refusal::TOO_FAST.message), Refusal::TOO_FAST.code.number());
    let body = format!(
        r#"{{"error":{{"status":"TOO_MANY_REQUESTS","message":{message},"code":{code}}}}}"#
    );
    let mut response = HttpResponse::json(429, body.into_bytes());
    response.headers.push(("retry-after", "1".to_owned()));
    response
}

/// The key and the secret that a request shows. Section B2.
fn auth(request: &HttpRequest<'_>) -> Option<Auth> {
    let (scheme, shown) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let shown = String::from_utf8(STANDARD.decode(shown.trim()).ok()?).ok()?;
    let (id, secret) = shown.split_once(':')?;
    Some(Auth { id: id.to_owned(), secret: secret.to_owned() })
}

fn refuse(refusal: &Refusal, wall: Time) -> HttpResponse {
    let (status, name) = match refusal.code {
        Code::BadRequest
        | Code::InsufficientBalance
        | Code::OrderBookEmpty
        | Code::OrderBookNotEmpty
        | Code::NotFullMatch => (400, "BAD_REQUEST"),
        Code::Forbidden => (403, "FORBIDDEN"),
        Code::NotFound | Code::Unsupported => (404, "NOT_FOUND"),
        Code::UserOverload => (429, "TOO_MANY_REQUESTS"),
        Code::Overload => (503, "SERVICE_UNAVAILABLE"),
        Code::Internal => (500, "INTERNAL_SERVER_ERROR"),
    };
    word(status, name, refusal, wall)
}

fn word(status: u16, name: &str, refusal: &Refusal, wall: Time) -> HttpResponse {
    let moment = iso::moment(wall);
    let part = |from: usize, to: usize| moment[from..to].escape_ascii();
    let (year, month, day, clock) = (part(0, 4), part(5, 7), part(8, 10), part(11, 23));
    let (message, code) = (quoted(&refusal.message), refusal.code.number());
    let body = format!(
        r#"{{"error":{{"timestamp":"{day}.{month}.{year}T{clock}+0000","status":"{name}","message":{message},"code":{code}}}}}"#
    );
    HttpResponse::json(status, body.into_bytes())
}

#[cfg(test)]
mod tests;
