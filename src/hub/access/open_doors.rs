//! A bad credential is refused where nobody needs one, too: it never counts for none (security model 10.5, D03).

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::response::{IntoResponse as _, Response};

use super::super::Hub;
use super::super::people::brings_login;
use super::super::people::operations::PeopleOperation;
use super::as_password::with_key;
use super::operations::Operation;

/// Lets a request to what is open through with a good credential or none.
pub(in super::super) async fn check<F: Future<Output = Response>>(
    hub: &Hub,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if let Some(headers) = hub.shown_at_open_door(&request)
        && let Err(refusal) = hub.caller(&headers).await
    {
        return refusal.into_response();
    }
    next(request).await
}

/// What is open, where that is asked for and looks at no credential itself.
fn open_door(request: &Request) -> Option<Operation> {
    let path = request.extensions().get::<MatchedPath>()?;
    let found = Operation::at(request.method(), path.as_str());
    // What stands in the place of a key there is the ticket, the token of the goal, and that of a program on its way to a key.
    let login = Operation::People(PeopleOperation::AskAboutOneself);
    let is_own = |operation: &Operation| {
        matches!(operation, Operation::OpenSocket | Operation::CompleteGoal)
            || *operation == login && brings_login(request.headers())
    };
    found.filter(|operation| operation.row().open && !is_own(operation))
}

/// Browsers send sessions by themselves, also such as have ended: where people sign in again, and what those pages look like, is for
/// them too.
fn takes_ended_sessions(operation: Operation) -> bool {
    matches!(operation, Operation::Page(_) | Operation::People(_))
}

impl Hub {
    /// The headers of a request to what is open, where a credential is among them.
    fn shown_at_open_door(&self, request: &Request) -> Option<HeaderMap> {
        let headers = request.headers();
        let (has_header, has_cookie) = (headers.contains_key(AUTHORIZATION), headers.contains_key(COOKIE));
        if !has_header && !has_cookie {
            return None;
        }
        let operation = open_door(request)?;
        let has_session = || has_cookie && !takes_ended_sessions(operation) && self.sends_session(headers);
        (has_header || has_session()).then(|| with_key(headers).into_owned())
    }
}
