//! An answer of the native API before it is HTTP's: it can be kept and given again.

use ::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use serde::Serialize;

use super::problem::Problem;

/// What a page answers.
pub(crate) type Answered = Result<Reply, Box<Problem>>;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl Reply {
    /// 200 and this, as JSON.
    pub fn json(body: &impl Serialize) -> Self {
        Self::of(StatusCode::OK, "application/json", body)
    }

    /// This, as JSON of this type.
    pub fn of(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Self {
        let body =
            serde_json::to_vec(body).expect("names are texts and nothing fails to serialize");
        Self::text(status, content_type, body)
    }

    /// Some text that is finished.
    pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        // What is an account's own must not be kept by anybody in between, and all else changes.
        let keep = HeaderValue::from_static("no-store");
        Self {
            status,
            headers: vec![(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, keep)],
            body: body.into(),
        }
    }

    /// The same, and a header.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// As it is sent.
    pub fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}
