//! The id of the request that is being answered, wherever somebody wants to write it down.

use std::future::Future;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Hub;

/// The header in which an answer names its request, as the log and the audit do.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static NOW: String;
}

/// Id of the request that is being answered; none outside of one.
pub(super) fn request_id() -> Option<String> {
    NOW.try_with(Clone::clone).ok()
}

/// Gives every request an id of the hub's own. What a caller calls it is theirs, and could be anything.
pub(super) async fn named(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let id = hub.fresh_id();
    let header = HeaderValue::from_str(&id);
    let mut response = within(id, next.run(request)).await;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

async fn within<F: Future>(id: String, work: F) -> F::Output {
    NOW.scope(id, work).await
}
