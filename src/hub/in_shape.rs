//! Every refusal has the shape of security model 17, also what is refused before anything of the hub looks at it: a query that cannot be
//! read, a body that is too large or of another type, a method that a path does not have.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::refusal::{Answered, Refusal};

/// Longest that is read of what was said otherwise, in bytes.
const LONGEST: usize = 2_000;

/// Says in the usual shape what was refused otherwise.
pub(super) async fn in_shape<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let is_head = request.method() == Method::HEAD;
    let response = next(request).await;
    let is_told = response.extensions().get::<Answered>().is_some();
    match code(response.status(), response.headers()) {
        Some(code) if !is_told && !is_head => told(response, code).await,
        Some(_) | None => response,
    }
}

/// What it is called; `None` where the answer is meant as it is.
fn code(status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| !kind.starts_with("text/plain")) {
        return None;
    }
    match status {
        StatusCode::BAD_REQUEST => Some("malformed_request"),
        StatusCode::METHOD_NOT_ALLOWED => Some("method_not_allowed"),
        StatusCode::PAYLOAD_TOO_LARGE => Some("too_large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some("unsupported_media_type"),
        StatusCode::UNPROCESSABLE_ENTITY => Some("malformed_body"),
        StatusCode::UPGRADE_REQUIRED => Some("upgrade_required"),
        _ => None,
    }
}

async fn told(response: Response, code: &'static str) -> Response {
    let (parts, body) = response.into_parts();
    let message = message(body, code, &parts.headers).await;
    let refusal = Refusal::rejected(parts.status, code, message);
    let mut shaped = refusal.into_response();
    if let Some(allow) = parts.headers.get(ALLOW) {
        shaped.headers_mut().insert(ALLOW, allow.clone());
    }
    shaped
}

async fn message(body: Body, code: &'static str, headers: &HeaderMap) -> String {
    if code == "method_not_allowed" {
        let allow = headers.get(ALLOW).and_then(|allow| allow.to_str().ok());
        return format!("this is asked with {}", allow.unwrap_or("another method"));
    }
    let said = to_bytes(body, LONGEST).await.unwrap_or_default();
    match String::from_utf8_lossy(&said).trim() {
        "" => "the request cannot be read".to_owned(),
        text => text.to_owned(),
    }
}
