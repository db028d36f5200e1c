//! Who may become a socket: whoever shows a key in the URL, or in a header. There is no HTTP half. Sections B1 and B2.

use super::wire::failure::Failure;
use crate::dialect::Admission;
use crate::http::{HttpRequest, HttpResponse, percent_decoded};
use crate::step::Step;

/// How many connections of a key may be open, whatever they listen to.
const CONNECTIONS_MAX: u32 = 50;

/// Judges the key of a request to become a socket.
pub fn admit(request: &HttpRequest<'_>) -> Step<Admission> {
    let Some(key) = key_of(request).filter(|key| !key.is_empty()) else {
        return Step::Reply(invalid_key());
    };
    let berth = berth(&key, "");
    Step::Identify(
        key,
        Box::new(move |holder| {
            let is_good = holder.is_some_and(|holder| !holder.blocked);
            Step::Reply(if is_good {
                let failure = Failure::TooManyConnections(CONNECTIONS_MAX);
                let refusal = refused(429, &failure);
                Admission::Berthed { berth, of: CONNECTIONS_MAX, refusal }
            } else {
                invalid_key()
            })
        }),
    )
}

/// The key that is shown. What stands in the URL counts, if something does.
fn key_of(request: &HttpRequest<'_>) -> Option<String> {
    let parameters = request.query.unwrap_or("").split('&');
    let mut pairs = parameters.map(|part| part.split_once('=').unwrap_or((part, "")));
    if let Some((_, key)) = pairs.find(|(name, _)| *name == "apikey") {
        return Some(percent_decoded(key));
    }
    let (scheme, key) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("apikey").then(|| key.trim().to_owned())
}

/// What connections of a key share in a publisher, or in all if none is named.
pub fn berth(key: &str, publisher: &str) -> Box<str> {
    format!("{key}|{publisher}").into()
}

fn invalid_key() -> Admission {
    Admission::Refused(refused(401, &Failure::InvalidApiKey))
}

/// The answer to everything else.
pub fn nothing_here() -> HttpResponse {
    refused(404, &Failure::EndpointNotFound)
}

fn refused(status: u16, failure: &Failure<'_>) -> HttpResponse {
    let (code, message) = (failure.code(), failure.message());
    let body = format!(r#"{{"status":"error","code":"{code}","message":"{message}"}}"#);
    HttpResponse::json(status, body.into_bytes())
}
