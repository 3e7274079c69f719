//! Refusals: which operation, what is missing, and who can give it (security model 17).

use std::time::Duration;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::access::operations::Operation;
use super::asked;
use crate::access;
use crate::ports::graph::GraphError;
use crate::ports::hub::HubStoreError;

/// Who can help when scopes are missing.
const WHO_MAKES_KEYS: &str =
    "an administrator, with a key that has them (`sdm hub key new`) and a policy that approves them";

/// The reason of whoever comes without a credential.
const AUTHENTICATION_REQUIRED: &str = "authentication_required";

/// Why something is not done.
#[derive(Debug, Clone)]
pub struct Refusal(Box<Told>);

/// What is told of a refusal.
#[derive(Debug, Clone)]
struct Told {
    status: StatusCode,
    code: &'static str,
    message: String,
    more: Map<String, Value>,
    /// Seconds until it may work.
    again: Option<u32>,
}

/// A refusal that an answer says, in whichever way.
#[derive(Debug, Clone)]
pub(super) struct Answered(pub Refusal);

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Told {
            status,
            code,
            message: message.into(),
            more: Map::new(),
            again: None,
        }))
    }

    /// It was refused before anybody looked at it.
    pub(super) fn rejected(status: StatusCode, code: &'static str, message: String) -> Self {
        Self::new(status, code, message)
    }

    /// The request makes no sense.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// It is about several repositories at once (threat C4).
    pub fn misnamed(because: impl Into<String>) -> Self {
        const HINT: &str = "if the repository was renamed or transferred, send its webhook `repository` that says so again, or let the \
            forge ping its webhook, and then send this one again";
        let misnamed = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "repository_mismatch", because);
        misnamed.with(json!({ "hint": HINT }))
    }

    /// It is not known who asks.
    pub fn unauthorized(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// Nobody says who asks, and not everybody may.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::unauthorized(AUTHENTICATION_REQUIRED, message)
    }

    /// Whoever asks may not.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// It is not there.
    pub fn missing_thing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// It is there no more.
    pub fn gone(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, code, message)
    }

    /// It is more than the hub takes.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// Not now: always 503, because clients of the original die of 500.
    pub fn busy(message: impl Into<String>, seconds: u32) -> Self {
        let mut busy = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        busy.0.again = Some(seconds);
        busy
    }

    /// It is tried too often.
    pub fn too_often(message: impl Into<String>, wait: Duration) -> Self {
        let mut often = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
        often.0.again = Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX));
        often
    }

    /// It does not fit to how things stand.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// Only people may do it; no scope reaches it.
    pub fn person_required(operation: Operation) -> Self {
        let message = "only people may do this: use a person's key (`sdm hub key new --person`)";
        Self::forbidden("person_required", message).with(json!({"operation": operation.row().name}))
    }

    /// What the evaluation refused.
    pub fn of(refused: &access::Refusal) -> Self {
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::FORBIDDEN);
        let mut more = serde_json::to_value(refused).unwrap_or_default();
        if let Value::Object(fields) = &mut more {
            // What stands in the answer anyway.
            for known in ["status", "code", "message"] {
                fields.remove(known);
            }
            if refused.code == "insufficient_scope" && refused.pending == Some(false) {
                fields.insert("who_can_fix".to_owned(), json!(WHO_MAKES_KEYS));
            }
        }
        let mut told = Self::new(status, refused.code, refused.message.clone()).with(more);
        told.0.again = (status == StatusCode::TOO_MANY_REQUESTS).then_some(1);
        told
    }

    /// Scopes are missing.
    pub fn missing(operation: Operation, missing: &[&str]) -> Self {
        let row = operation.row();
        let message = format!("this key does not have the scope {}", missing.join(", "));
        Self::forbidden("insufficient_scope", message).with(json!({
            "operation": row.name,
            "required_scopes": row.scopes,
            "missing_scopes": missing,
            "pending": false,
            "who_can_fix": WHO_MAKES_KEYS,
        }))
    }

    /// The same with more to know.
    pub fn with(mut self, more: Value) -> Self {
        if let Value::Object(more) = more {
            self.0.more.extend(more);
        }
        self
    }

    /// What the header `WWW-Authenticate` says, where one belongs (security model 17).
    fn challenge(&self) -> Option<String> {
        let realm = r#"JWT realm="hub", Bearer realm="hub""#;
        match (self.0.status, self.0.code) {
            (StatusCode::UNAUTHORIZED, AUTHENTICATION_REQUIRED) => Some(realm.to_owned()),
            (StatusCode::UNAUTHORIZED, _) => Some(format!(r#"{realm}, error="invalid_token""#)),
            (_, "insufficient_scope") => {
                let scopes = self.0.more.get("required_scopes").and_then(Value::as_array);
                let words: Vec<&str> = scopes.into_iter().flatten().filter_map(Value::as_str).collect();
                Some(format!(
                    r#"Bearer error="insufficient_scope", scope="{}""#,
                    words.join(" ")
                ))
            }
            _ => None,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// As programs tell it from others.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// As people read it.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// As programs read it.
    pub fn to_json(&self) -> Value {
        let told = &self.0;
        let mut error = json!({"status": told.status.as_u16(), "code": told.code, "message": told.message});
        if let Value::Object(fields) = &mut error {
            fields.extend(told.more.clone());
            if let Some(id) = asked::request_id() {
                fields.insert("request_id".to_owned(), json!(id));
            }
        }
        error
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, Json(json!({"error": self.to_json()}))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.0.again {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let challenge = self.challenge().and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(Answered(self.clone()));
        // So that it can still be said in another way (`pages::readable`).
        response.extensions_mut().insert(self);
        response
    }
}

impl From<HubStoreError> for Refusal {
    fn from(error: HubStoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the hub's memory does not answer"
        );
        Self::busy("the hub cannot do this now", 5)
    }
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Self {
        HubStoreError::from(error).into()
    }
}
