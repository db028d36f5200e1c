//! The opening handshake (RFC 6455, 4): how an HTTP/1.1 request turns into a WebSocket connection, for
//! both ends.
//!
//! It judges parsed heads and words the answers. Where a request should be routed, whom it lets in and
//! which `Origin` is welcome is the listener's.

#[cfg(test)]
mod tests;

use std::{error::Error, fmt, str};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};

/// The constant that both ends append to the key (RFC 6455, 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What `Sec-WebSocket-Accept` says: the proof that the key was read by one who knows the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Accept([u8; 28]);

impl Accept {
    /// The answer to this key, which is taken as the text it is.
    pub fn of_key(key: &[u8]) -> Accept {
        let mut sha1 = sha1_smol::Sha1::new();
        sha1.update(key);
        sha1.update(GUID);
        let mut text = [0; 28];
        STANDARD
            .encode_slice(sha1.digest().bytes(), &mut text)
            .expect("twenty bytes are twenty-eight characters of base64");
        Accept(text)
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base64 is ascii")
    }

    /// The `101` for an HTTP library to send.
    pub fn response(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let accept = HeaderValue::from_bytes(&self.0).expect("base64 is a header value");
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        response
    }

    /// The `101` as bytes.
    pub fn response_bytes(&self) -> Vec<u8> {
        let head = "HTTP/1.1 101 Switching Protocols\r\n\
                    Upgrade: websocket\r\n\
                    Connection: Upgrade\r\n\
                    Sec-WebSocket-Accept: ";
        [head.as_bytes(), &self.0, b"\r\n\r\n"].concat()
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accept({})", self.as_str())
    }
}

/// Why a request does not become a connection, and how to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 405 or 426.
    pub status: StatusCode,
    /// One sentence for whoever reads the body.
    pub text: &'static str,
    headers: &'static [(HeaderName, &'static str)],
}

impl Refusal {
    const fn bad(text: &'static str) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, text, headers: &[] }
    }

    /// A `426` names what to upgrade to (RFC 9110, 15.5.22).
    const fn upgrade(text: &'static str) -> Refusal {
        const HEADERS: &[(HeaderName, &str)] = &[
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "Upgrade"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
        ];
        Refusal { status: StatusCode::UPGRADE_REQUIRED, text, headers: HEADERS }
    }

    /// What belongs into the answer beside status and text: `Sec-WebSocket-Version: 13`, `Allow: GET`.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
    }

    /// The answer for an HTTP library to send.
    pub fn response(&self) -> Response<&'static str> {
        let mut response = Response::new(self.text);
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        for (name, value) in self.headers() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// The answer as bytes; the connection is to be closed after it.
    pub fn response_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {}\r\n", self.status);
        let mut closes = "close";
        for (name, value) in self.headers {
            if name == header::CONNECTION {
                closes = "Upgrade, close";
            } else {
                bytes += &format!("{name}: {value}\r\n");
            }
        }
        bytes += &format!(
            "connection: {closes}\r\n\
             content-type: text/plain; charset=utf-8\r\n\
             content-length: {}\r\n\r\n{}",
            self.text.len(),
            self.text
        );
        bytes.into_bytes()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.status)
    }
}

impl Error for Refusal {}

/// The server's side: checks a request for an upgrade (RFC 6455, 4.2.1).
///
/// Subprotocols and extensions that are offered are not taken, by not being named in the answer.
pub fn accept<B>(request: &Request<B>) -> Result<Accept, Refusal> {
    accept_parts(request.method(), request.version(), request.headers())
}

/// The same, for a request that was taken apart.
pub fn accept_parts(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<Accept, Refusal> {
    if method != Method::GET {
        let headers = const { &[(header::ALLOW, "GET")] };
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(Refusal { status, text: "a WebSocket is opened with GET", headers });
    }
    if version != Version::HTTP_11 {
        return Err(Refusal::bad("a WebSocket is opened over HTTP/1.1"));
    }
    match only(headers, &header::HOST) {
        Some(host) if !host.is_empty() => {}
        _ => return Err(Refusal::bad("the request needs one Host header")),
    }
    if !has_token(headers, &header::UPGRADE, b"websocket") {
        return Err(Refusal::upgrade("this address speaks WebSocket: send Upgrade: websocket"));
    }
    if !has_token(headers, &header::CONNECTION, b"upgrade") {
        return Err(Refusal::upgrade("this address speaks WebSocket: send Connection: Upgrade"));
    }
    if has_body(headers) {
        return Err(Refusal::bad("a request that opens a WebSocket has no body"));
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(Refusal::upgrade("only version 13 of WebSocket is spoken here"));
    }
    match only(headers, &header::SEC_WEBSOCKET_KEY) {
        Some(key) if is_key(key) => Ok(Accept::of_key(key)),
        _ => Err(Refusal::bad("the request needs one Sec-WebSocket-Key of 16 bytes in base64")),
    }
}

/// Whether a request asks for an upgrade to WebSocket at all, rightly or not. If so, [`accept`] has the
/// last word; if not, the address may have another answer.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, b"websocket")
}

/// The client's side: one handshake, from its request to the server's answer.
#[derive(Clone, Debug)]
pub struct Opening {
    key: [u8; 24],
}

/// Why a client cannot open a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpeningFault {
    /// The server answered in HTTP, with this status, instead of switching.
    Status(StatusCode),
    /// The server says that it switches, but this is wrong about its answer.
    Answer(&'static str),
    /// The request cannot be worded: this part of it holds a line break or another control character.
    Request(&'static str),
}

impl fmt::Display for OpeningFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpeningFault::Status(status) => {
                write!(f, "the server answered {status} instead of opening a WebSocket")
            }
            OpeningFault::Answer(text) => f.write_str(text),
            OpeningFault::Request(part) => write!(f, "{part} cannot be part of a request"),
        }
    }
}

impl Error for OpeningFault {}

impl Opening {
    /// A handshake with this nonce, which must be random and new for each connection.
    pub fn new(nonce: [u8; 16]) -> Opening {
        let mut key = [0; 24];
        STANDARD
            .encode_slice(nonce, &mut key)
            .expect("sixteen bytes are twenty-four characters of base64");
        Opening { key }
    }

    /// The request, for `target` (path and query) at `host` (with the port, if it is not the scheme's
    /// own), with further headers as they are given.
    pub fn request_bytes(
        &self,
        host: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Vec<u8>, OpeningFault> {
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !printable(host) {
            return Err(OpeningFault::Request("the host"));
        }
        if !printable(target) || !target.starts_with('/') {
            return Err(OpeningFault::Request("the target"));
        }
        let mut bytes = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        bytes.extend_from_slice(
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        );
        bytes.extend_from_slice(b"Sec-WebSocket-Key: ");
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(b"\r\n");
        for (name, value) in headers {
            HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| OpeningFault::Request("a header's name"))?;
            HeaderValue::from_str(value).map_err(|_| OpeningFault::Request("a header's value"))?;
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        Ok(bytes)
    }

    /// Checks the server's answer (RFC 6455, 4.1). We offered no extension and no subprotocol, so it
    /// may choose none.
    pub fn check<B>(&self, response: &Response<B>) -> Result<(), OpeningFault> {
        let headers = response.headers();
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(OpeningFault::Status(response.status()));
        }
        if !has_token(headers, &header::UPGRADE, b"websocket") {
            return Err(OpeningFault::Answer("the answer lacks Upgrade: websocket"));
        }
        if !has_token(headers, &header::CONNECTION, b"upgrade") {
            return Err(OpeningFault::Answer("the answer lacks Connection: Upgrade"));
        }
        if only(headers, &header::SEC_WEBSOCKET_ACCEPT) != Some(&Accept::of_key(&self.key).0) {
            return Err(OpeningFault::Answer(
                "the answer's Sec-WebSocket-Accept does not fit our key",
            ));
        }
        if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
            return Err(OpeningFault::Answer(
                "the answer chooses an extension that was not offered",
            ));
        }
        if headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
            return Err(OpeningFault::Answer(
                "the answer chooses a subprotocol that was not offered",
            ));
        }
        Ok(())
    }
}

/// The value of a header that must occur exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    Some(value.as_bytes().trim_ascii())
}

/// Whether a header that is a list of tokens, perhaps over several lines, names this one.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// A body would be taken for frames by us and for a body by whoever stands between.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .any(|length| length.as_bytes().trim_ascii() != b"0")
}

/// Sixteen bytes in base64. Bits of the last character that stand for nothing are not looked at:
/// the key is only ever taken as text.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24
        && key.ends_with(b"==")
        && key[..22]
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}
