//! Every refusal stands in the audit log (security model 16, threats D4 and G2), wherever it was decided. What the evaluation refuses
//! is written down there; this sees to all the others, which are decided where something is done.

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::Hub;
use super::access::noted::Noted;
use super::access::operations::Operation;
use super::asked;
use super::refusal::{Answered, Refusal};
use crate::access::Resource;
use crate::access::audit::Outcome;

/// What stands for an operation that has no row.
const UNKNOWN: &str = "sign_in";

/// The reason of a refusal that does not say it.
const NO_CODE: &str = "refused";

/// Writes down what is refused over HTTP and was not written down yet.
pub(super) async fn written_down<F: Future<Output = Response>>(
    hub: &Hub,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next(request).await;
    if is_refused(response.status()) && asked::refusals() == 0 {
        let operation = path.and_then(|path| Operation::at(&method, path.as_str()));
        let operation = asked::decided().or_else(|| operation.map(|operation| operation.row().name));
        let operation = operation.unwrap_or(UNKNOWN);
        match response.extensions().get::<Answered>() {
            Some(Answered(refusal)) => hub.note_refusal(operation, refusal.code(), refusal.message()),
            None => hub.note_refusal(operation, NO_CODE, ""),
        }
    }
    response
}

fn is_refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

impl Operation {
    /// What is mounted at a path, as routes write it.
    pub(super) fn at(method: &Method, path: &str) -> Option<Self> {
        let method = match *method {
            Method::HEAD => "GET",
            ref other => other.as_str(),
        };
        Self::every().find(|operation| operation.row().route == Some((method, path)))
    }
}

impl Hub {
    /// Writes down that part of a request was refused, unless something was since there were so many refusals of it.
    pub(super) fn note_part(&self, operation: Operation, refusal: &Refusal, before: u32) {
        if is_refused(refusal.status()) && asked::refusals() == before {
            self.note_refusal(operation.row().name, refusal.code(), refusal.message());
        }
    }

    fn note_refusal(&self, operation: &'static str, code: &'static str, message: &str) {
        let noted = Noted {
            by: asked::whose().unwrap_or_else(|| "anonymous".to_owned()),
            operation,
            resource: Resource::Workspace,
            outcome: Outcome::Refused(code),
            said: message.to_owned(),
        };
        self.rights().note_refusal(&noted, self.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_found_by_its_route() {
        let at = |method: Method, path: &str| Operation::at(&method, path);
        assert_eq!(at(Method::GET, "/health"), Some(Operation::Health));
        assert_eq!(at(Method::HEAD, "/api/logs"), Some(Operation::ProbeLogs));
        assert_eq!(at(Method::POST, "/health"), None);
        for operation in Operation::every() {
            if let Some((method, path)) = operation.row().route {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                assert!(at(method, path).is_some(), "{path}");
            }
        }
    }
}
