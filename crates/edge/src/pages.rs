//! Pages that people look at with a browser: given by whoever starts the house, and sent as they are.
//!
//! What stands on them is no business of the edge. They may load, run and reach nothing but what this listener serves.

use ::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;

#[cfg(test)]
mod tests;

/// A page, or a part of one.
#[derive(Clone, Copy, Debug)]
pub struct StaticPage {
    /// Where it is. The page at `/` is shown to browsers; whoever asks there for plain text is told what there is.
    pub path: &'static str,
    /// What it is, as `Content-Type` says it.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

/// Nothing from elsewhere is loaded, run, framed or called. A chart brings its own styles.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; \
                      style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(header::HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Another build has other pages at the same place.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "accept"),
];

/// The page at this path, if there is one that this client would look at.
pub(crate) fn find<'a>(
    pages: &'a [StaticPage],
    path: &str,
    headers: &HeaderMap,
) -> Option<&'a StaticPage> {
    let page = pages.iter().find(|page| page.path == path)?;
    (path != "/" || wants_html(headers)).then_some(page)
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html")
    })
}

impl StaticPage {
    /// The page as it is sent.
    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(self.body)));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
