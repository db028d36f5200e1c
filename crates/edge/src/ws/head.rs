//! The heads of HTTP requests and responses as bytes, for ends that speak raw TCP: the tests, the load
//! generator, the clients. The listener has an HTTP library and does not come by here.

use std::{error::Error, fmt};

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};

/// The longest head that is read, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header fields that are read.
pub const HEADERS_MAX: usize = 64;

/// The bytes are no HTTP/1 head, or too long a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHead(&'static str);

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for BadHead {}

/// The request head that `bytes` begin with and its length, or none if it is not whole yet. What
/// follows belongs to the next protocol: keep it.
pub fn request(bytes: &[u8]) -> Result<Option<(Request<()>, usize)>, BadHead> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let Some(used) = length(head.parse(bytes), bytes)? else { return Ok(None) };
    let (Some(method), Some(target)) = (head.method, head.path) else {
        return Err(BadHead("request line without method or target"));
    };
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| BadHead("method that is no token"))?;
    *request.uri_mut() = target.parse().map_err(|_| BadHead("target that is no address"))?;
    *request.version_mut() = version(head.version);
    fill(request.headers_mut(), head.headers)?;
    Ok(Some((request, used)))
}

/// The response head that `bytes` begin with and its length, or none if it is not whole yet. What
/// follows a `101` is the first frames: keep it.
pub fn response(bytes: &[u8]) -> Result<Option<(Response<()>, usize)>, BadHead> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let Some(used) = length(head.parse(bytes), bytes)? else { return Ok(None) };
    let mut response = Response::new(());
    *response.status_mut() = head
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or(BadHead("status that is no number from 100 to 999"))?;
    *response.version_mut() = version(head.version);
    fill(response.headers_mut(), head.headers)?;
    Ok(Some((response, used)))
}

fn length(parsed: httparse::Result<usize>, bytes: &[u8]) -> Result<Option<usize>, BadHead> {
    let used = match parsed {
        Ok(httparse::Status::Complete(used)) => Some(used),
        Ok(httparse::Status::Partial) => None,
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead("too many header fields")),
        Err(_) => return Err(BadHead("bytes that are no http/1 head")),
    };
    if used.unwrap_or(bytes.len()) > HEAD_BYTES_MAX {
        return Err(BadHead("head longer than 16 KiB"));
    }
    Ok(used)
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn fill(into: &mut http::HeaderMap, headers: &[httparse::Header<'_>]) -> Result<(), BadHead> {
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| BadHead("header name that is no token"))?;
        let value = HeaderValue::from_bytes(header.value)
            .map_err(|_| BadHead("header value with a control character"))?;
        into.append(name, value);
    }
    Ok(())
}
