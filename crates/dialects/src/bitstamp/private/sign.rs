//! Who signed a request, and the signature of what is answered. Sections 8.6 to 8.8.
//!
//! Clients disagree on how the host, the path and the query are spelled in the text that they sign, so each
//! spelling that a known client uses is tried. Which one it was is no secret; the comparisons take the same time
//! whatever differs.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use model::{Span, Time};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::errors;
use crate::http::{HttpRequest, HttpResponse};
use crate::step::{Credential, Nonce, Step};

/// The venue's own name, which some clients sign whatever they ask.
const CANONICAL_HOST: &str = "www.bitstamp.net";
/// How far a timestamp may be from the wall's time.
const SKEW_MAX: Span = Span::seconds(150);
/// For how long a nonce is remembered (A28).
const NONCE_WINDOW: Duration = Duration::from_secs(300);
/// The longest key that is looked up.
const KEY_BYTES_MAX: usize = 64;
/// The header that signs an answer.
const SERVER_SIGNATURE: &str = "x-server-auth-signature";

type HmacSha256 = Hmac<Sha256>;

/// Goes on with whoever signed the request; whatever is answered then is signed. Else the request is refused.
pub fn identify(
    request: &HttpRequest<'_>,
    hosts: &[String],
    then: impl FnOnce(&Credential) -> Step + Send + 'static,
) -> Step {
    let claim = match Claim::read(request, hosts) {
        Ok(claim) => claim,
        Err(refusal) => return Step::Reply(refusal),
    };
    let key = claim.key.clone();
    Step::Identify(
        key.clone(),
        Box::new(move |holder| {
            // Whoever is blocked is nobody here.
            let Some(holder) = holder.filter(|holder| !holder.blocked) else {
                return Step::Reply(errors::KEY_NOT_FOUND.response());
            };
            if !claim.is_signed_with(&holder.secret) {
                return Step::Reply(errors::INVALID_SIGNATURE.response());
            }
            let seal = Seal::new(&holder.secret, &claim.nonce, &claim.timestamp);
            let holder = holder.clone();
            let nonce = Nonce { key, text: claim.nonce, window: NONCE_WINDOW };
            let go_on = move |fresh| match fresh {
                true => then(&holder),
                false => Step::Reply(errors::INVALID_NONCE.response()),
            };
            Step::Nonce(nonce, Box::new(go_on)).map(|response| seal.put_on(response))
        }),
    )
}

/// What a request says of who sent it, and all spellings of the text that it may have signed.
struct Claim {
    key: String,
    signature: [u8; 32],
    nonce: String,
    timestamp: String,
    /// `BITSTAMP key` and the method.
    head: String,
    hosts: Vec<String>,
    paths: Vec<String>,
    queries: Vec<String>,
    content_types: Vec<String>,
    body: Vec<u8>,
}

impl Claim {
    /// In this order: headers that are missing, version, key, nonce, timestamp, content type, signature.
    fn read(request: &HttpRequest<'_>, hosts: &[String]) -> Result<Self, HttpResponse> {
        let header = |name: &str| request.header(name).filter(|value| !value.is_empty());
        let needed =
            |name: &str, refusal: &errors::Refusal| header(name).ok_or_else(|| refusal.response());
        let auth = needed("x-auth", &errors::NO_AUTH)?;
        let signature = needed("x-auth-signature", &errors::NO_SIGNATURE)?;
        let nonce = needed("x-auth-nonce", &errors::NO_NONCE)?;
        let timestamp = needed("x-auth-timestamp", &errors::NO_TIMESTAMP)?;
        if needed("x-auth-version", &errors::NO_VERSION)? != "v2" {
            return Err(errors::INVALID_VERSION.response());
        }
        let key = auth.strip_prefix("BITSTAMP ").filter(|key| is_key(key));
        let key = key.ok_or_else(|| errors::WRONG_KEY_FORMAT.response())?;
        if !is_nonce(nonce) {
            return Err(errors::INVALID_NONCE.response());
        }
        check_timestamp(timestamp, request.wall)?;
        let content_types = content_types(header("content-type"), request.body)?;
        // There are no accounts below an account.
        if header("x-auth-subaccount-id").is_some() {
            return Err(errors::NO_PERMISSION.response());
        }
        Ok(Self {
            key: key.to_owned(),
            signature: unhex(signature).ok_or_else(|| errors::INVALID_SIGNATURE.response())?,
            nonce: nonce.to_owned(),
            timestamp: timestamp.to_owned(),
            head: [auth, request.method].concat(),
            hosts: spelled_hosts(request.header("host").unwrap_or(""), hosts),
            paths: unlike([request.received_path, request.path].map(str::to_owned)),
            queries: match request.query {
                Some(query) => vec![format!("?{query}"), query.to_owned()],
                None => vec![String::new()],
            },
            content_types,
            body: request.body.to_vec(),
        })
    }

    fn is_signed_with(&self, secret: &[u8]) -> bool {
        let begun = keyed(secret).chain_update(&self.head);
        for host in &self.hosts {
            for path in &self.paths {
                for query in &self.queries {
                    for content_type in &self.content_types {
                        let mut mac = begun.clone();
                        for piece in [host, path, query, content_type, &self.nonce, &self.timestamp]
                        {
                            mac.update(piece.as_bytes());
                        }
                        let signature = mac.chain_update("v2").chain_update(&self.body).finalize();
                        if signature.into_bytes().ct_eq(&self.signature).into() {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }
}

fn keyed(secret: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(secret).expect("a key of any length will do")
}

/// Not its length, which the venue's own vectors do not keep to.
fn is_key(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric())
}

/// A UUID of 36 characters in lower case.
fn is_nonce(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// Milliseconds since 1970.
fn check_timestamp(text: &str, wall: Time) -> Result<(), HttpResponse> {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    let millis: i64 = digits.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        // What is no number, or too far in the future to be counted.
        errors::TIMESTAMP_INVALID.response()
    })?;
    if (Time::from_millis(millis) - wall).0.abs() > SKEW_MAX.0 {
        return Err(errors::TIMESTAMP_OUTSIDE.response());
    }
    Ok(())
}

/// How the content type may be spelled in the signed text. A form or JSON with a body, nothing without one.
fn content_types(header: Option<&str>, body: &[u8]) -> Result<Vec<String>, HttpResponse> {
    if body.is_empty() {
        return match header {
            None => Ok(vec![String::new()]),
            Some(_) => Err(errors::CONTENT_TYPE_NEEDLESS.response()),
        };
    }
    let header = header.unwrap_or("");
    let media = header.split(';').next().unwrap_or("").trim();
    let known = ["application/x-www-form-urlencoded", "application/json"];
    if !known.iter().any(|known| known.eq_ignore_ascii_case(media)) {
        return Err(errors::CONTENT_TYPE_WRONG.response());
    }
    Ok(unlike([header, media].map(str::to_owned)))
}

/// All that a client may take for our host: the header, with and without its port; the venue's name and ours;
/// and, where the client knows no encryption, its whole URL.
fn spelled_hosts(header: &str, ours: &[String]) -> Vec<String> {
    let bare = match header.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => header,
    };
    let plain = format!("http://{header}");
    let fixed = [header, bare, CANONICAL_HOST].map(str::to_owned);
    unlike(fixed.into_iter().chain(ours.iter().cloned()).chain([plain]))
}

/// Each of them once.
fn unlike(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

/// 32 bytes in hexadecimal, of either case.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// What an answer is signed with.
struct Seal(HmacSha256);

impl Seal {
    fn new(secret: &[u8], nonce: &str, timestamp: &str) -> Self {
        Self(keyed(secret).chain_update(nonce).chain_update(timestamp))
    }

    fn put_on(self, mut response: HttpResponse) -> HttpResponse {
        let text = self.0.chain_update(response.content_type.unwrap_or(""));
        let signature = text.chain_update(&response.body).finalize().into_bytes();
        let hex = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        response.headers.push((SERVER_SIGNATURE, hex));
        response
    }
}

#[cfg(test)]
mod tests;
