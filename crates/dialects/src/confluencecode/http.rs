//! The HTTP half: there is none, as nothing of it is published and no client asks for it. Whoever asks is told so.

use crate::http::{HttpRequest, HttpResponse};
use crate::step::Step;

/// Understands a request.
pub fn reply(_: &HttpRequest<'_>) -> Step {
    Step::Reply(word(404, "Not found: this API is spoken over its WebSocket alone"))
}

/// What is answered to who asks too often.
pub fn too_fast() -> HttpResponse {
    word(429, "Rate limit exceeded")
}

fn word(status: u16, error: &str) -> HttpResponse {
    HttpResponse::json(status, format!(r#"{{"error":"{error}"}}"#).into_bytes())
}
