//! The HTTP half of a dialect: requests and responses, as they are on the wire. A request is understood as a chain of
//! [steps](crate::step).

use model::Time;

/// One request to a dialect's HTTP half.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// Upper case.
    pub method: &'a str,
    /// The path at the venue (see [`Doors::http_prefixes`](crate::Doors::http_prefixes)), still percent-encoded.
    pub path: &'a str,
    /// The path as received, prefix and all.
    pub received_path: &'a str,
    /// What follows the question mark, if there is one.
    pub query: Option<&'a str>,
    /// Names in lower case and values, as received; values that are not text are left out.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty if there is none.
    pub body: &'a [u8],
    /// The wall's time, for windows in which a request is fresh. Not market time.
    pub wall: Time,
}

impl<'a> HttpRequest<'a> {
    /// A request without headers and body, as most are.
    #[must_use]
    pub const fn bare(method: &'a str, path: &'a str) -> Self {
        Self {
            method,
            path,
            received_path: path,
            query: None,
            headers: &[],
            body: &[],
            wall: Time(0),
        }
    }
    /// The first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }
}

/// A response of a dialect's HTTP half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The exact `Content-Type`; `None` sends none.
    pub content_type: Option<&'static str>,
    /// Other headers that the dialect has a say in: names in lower case, and values of visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A JSON response with exactly `application/json` as its type.
    #[must_use]
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, content_type: Some("application/json"), headers: Vec::new(), body }
    }
    /// A response without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new() }
    }
    /// The value of one of its [`HttpResponse::headers`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// A text without its percent signs; what makes no sense stays as it is.
#[must_use]
pub fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
