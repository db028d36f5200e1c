//! Signs requests over HTTP as Bitstamp's clients do, and checks what the venue signs in return. Section 8.6 and
//! 8.8 of its description.
//!
//! Written apart from the dialect, so that it can judge it.

use dialects::HttpResponse;
use hmac::{Hmac, KeyInit, Mac};
use model::{Span, Time};
use sha2::Sha256;

use super::{Ask, Quirk};

/// A request as it is sent, without what the transcript already tells.
pub struct Sent {
    headers: Vec<(String, String)>,
    /// With which the answer is signed, and over what; none if nobody signed the request.
    secret: Option<&'static str>,
    nonce_and_time: String,
}

impl Sent {
    /// What is sent to this host at this moment; `number` makes its nonce.
    pub fn new(ask: &Ask, number: u64, wall: Time, host: &str) -> Self {
        let late: i64 = ask.quirks.iter().map(|quirk| quirk.late().0).sum();
        let mut sent = Self {
            headers: vec![("host".into(), host.into())],
            secret: ask.signer.map(|signer| signer.secret),
            nonce_and_time: String::new(),
        };
        if !ask.form.is_empty() {
            sent.set("content-type", "application/x-www-form-urlencoded");
        }
        if let Some(signer) = ask.signer {
            sent.set("x-auth", &format!("BITSTAMP {}", signer.key));
            sent.set("x-auth-nonce", &format!("00000000-0000-4000-8000-{number:012}"));
            sent.set("x-auth-timestamp", &(wall - Span(late)).millis().to_string());
            sent.set("x-auth-version", "v2");
        }
        for quirk in &ask.quirks {
            if let Quirk::With(name, value) = quirk {
                sent.set(name, value);
            }
        }
        if let Some(signer) = ask.signer {
            let (mut secret, mut host) = (signer.secret, sent.header("host"));
            for quirk in &ask.quirks {
                match quirk {
                    Quirk::SignedBy(other) => secret = other.secret,
                    Quirk::SignedFor(other) => host = other,
                    Quirk::With(..) | Quirk::Without(_) | Quirk::Late(_) => {}
                }
            }
            let query = ask.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
            let content_type = if ask.form.is_empty() { "" } else { sent.header("content-type") };
            let text = [
                sent.header("x-auth"),
                &ask.method,
                host,
                &ask.path,
                &query,
                content_type,
                sent.header("x-auth-nonce"),
                sent.header("x-auth-timestamp"),
                sent.header("x-auth-version"),
                &ask.form,
            ];
            let signature = sign(secret, text.concat());
            sent.nonce_and_time =
                [sent.header("x-auth-nonce"), sent.header("x-auth-timestamp")].concat();
            if sent.header("x-auth-signature").is_empty() {
                sent.set("x-auth-signature", &signature);
            }
        }
        for quirk in &ask.quirks {
            if let Quirk::Without(name) = quirk {
                sent.headers.retain(|(known, _)| known != name);
            }
        }
        sent
    }

    /// Names in lower case, and values.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Checks what the venue signs: every answer of a call whose signature it took, and no other.
    pub fn check(&self, answer: &HttpResponse) -> Result<(), String> {
        let signed = answer.header("x-server-auth-signature");
        let Some(secret) = self.secret else {
            return match signed {
                None => Ok(()),
                Some(_) => Err("the answer to nobody is signed".to_owned()),
            };
        };
        let content_type = answer.content_type.unwrap_or("");
        let mut text = [&self.nonce_and_time, content_type].concat().into_bytes();
        text.extend_from_slice(&answer.body);
        match signed {
            None if answer.status == 200 => Err("the answer is not signed".to_owned()),
            Some(signature) if signature != sign(secret, &text) => {
                Err(format!("the answer is signed {signature}"))
            }
            _ => Ok(()),
        }
    }

    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.headers.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
    }
}

impl Quirk {
    const fn late(&self) -> Span {
        match self {
            Self::Late(span) => *span,
            _ => Span(0),
        }
    }
}

fn sign(secret: &str, text: impl AsRef<[u8]>) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(text.as_ref());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
