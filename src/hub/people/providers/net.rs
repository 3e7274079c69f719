//! Questions to providers: short, small, and without redirects.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use super::ProviderError;

/// Largest answer that is read, in bytes.
const LARGEST: usize = 256 * 1024;

/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Status and body of an answer.
pub(super) async fn ask(
    request: RequestBuilder,
    doing: &'static str,
) -> Result<(StatusCode, Vec<u8>), ProviderError> {
    let (status, _, body) = ask_whole(request, doing).await?;
    Ok((status, body))
}

/// The same with the headers.
pub(super) async fn ask_whole(
    request: RequestBuilder,
    doing: &'static str,
) -> Result<(StatusCode, HeaderMap, Vec<u8>), ProviderError> {
    // The address of a question could hold what is secret.
    let unreachable = |source: reqwest::Error| ProviderError::Unreachable {
        doing,
        source: source.without_url(),
    };
    let mut response = request.timeout(DEADLINE).send().await.map_err(unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(nonsense(doing, format!("it is larger than {LARGEST} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, headers, body))
}

/// The JSON of an answer that went well.
pub(super) async fn json(request: RequestBuilder, doing: &'static str) -> Result<Value, ProviderError> {
    let (status, body) = ask(request, doing).await?;
    if !status.is_success() {
        return Err(ProviderError::Refused {
            doing,
            status: status.as_u16(),
        });
    }
    serde_json::from_slice(&body).map_err(|_| nonsense(doing, "it is no JSON"))
}

/// A text in an answer.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field).and_then(Value::as_str)
}

/// An answer that makes no sense.
pub(super) fn nonsense(doing: &'static str, because: impl Into<String>) -> ProviderError {
    ProviderError::Nonsense {
        doing,
        because: because.into(),
    }
}
