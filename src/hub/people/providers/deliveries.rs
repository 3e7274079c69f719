//! Webhooks that a GitHub App has sent: which of them did not arrive, and that they are sent again.

use reqwest::header::LINK;
use reqwest::{Method, RequestBuilder, Url};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::github::{Asking, below};
use super::net::{ask_whole, nonsense, text};
use super::{AppKey, ProviderError};
use crate::model::Timestamp;

/// Webhooks that are asked for at once; GitHub's own limit.
const AT_ONCE: &str = "100";

/// A webhook as it was sent, or sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super) struct Sent {
    /// Number of the attempt.
    pub(in super::super::super) attempt: u64,
    /// Id of the webhook, the same however often it is sent.
    pub(in super::super::super) id: String,
    /// When.
    pub(in super::super::super) at: Timestamp,
    /// Whether it was taken.
    pub(in super::super::super) arrived: bool,
}

/// Some webhooks, the newest first.
#[derive(Debug, Default)]
pub(in super::super::super) struct SentPart {
    /// They.
    pub(in super::super::super) sent: Vec<Sent>,
    /// Where those before them are.
    pub(in super::super::super) before: Option<String>,
}

/// A webhook in a list of them.
fn sent(value: &Value) -> Option<Sent> {
    let at = chrono::DateTime::parse_from_rfc3339(text(value, "delivered_at")?).ok()?;
    let status = value.get("status_code").and_then(Value::as_u64)?;
    Some(Sent {
        attempt: value.get("id").and_then(Value::as_u64)?,
        id: text(value, "guid")?.to_owned(),
        at: Timestamp::from_micros(at.timestamp_micros()),
        arrived: (200..300).contains(&status),
    })
}

/// The cursor in the header that says where more is.
fn cursor(link: &str) -> Option<String> {
    let mut links = link.split(',').filter_map(|one| one.trim().split_once('>'));
    let (address, _) = links.find(|(_, about)| about.contains("rel=\"next\""))?;
    let url = Url::parse(address.trim_start_matches('<')).ok()?;
    let mut pairs = url.query_pairs();
    pairs.find_map(|(name, value)| (name == "cursor").then(|| value.into_owned()))
}

impl Asking<'_> {
    /// Webhooks that the app has sent and that did not arrive, as far as GitHub tells them apart; those before a cursor.
    pub(super) async fn sent(
        &self,
        (key, now): (&AppKey, Timestamp),
        before: Option<&str>,
    ) -> Result<SentPart, ProviderError> {
        const DOING: &str = "ask GitHub for webhooks that did not arrive";
        let mut url = below(&self.github.api, &["app", "hook", "deliveries"]);
        url.query_pairs_mut()
            .append_pair("per_page", AT_ONCE)
            .append_pair("status", "failure");
        if let Some(before) = before {
            url.query_pairs_mut().append_pair("cursor", before);
        }
        let request = self.as_app(Method::GET, url, (key, now), DOING)?;
        let (status, headers, body) = ask_whole(request, DOING).await?;
        if !status.is_success() {
            return Err(ProviderError::Refused {
                doing: DOING,
                status: status.as_u16(),
            });
        }
        let all: Vec<Value> =
            serde_json::from_slice(&body).map_err(|_| nonsense(DOING, "it is no list in JSON"))?;
        let link = headers.get(LINK).and_then(|link| link.to_str().ok());
        Ok(SentPart {
            sent: all.iter().filter_map(sent).collect(),
            before: link.and_then(cursor),
        })
    }

    /// Has a webhook sent again.
    pub(super) async fn send_again(
        &self,
        (key, now): (&AppKey, Timestamp),
        attempt: u64,
    ) -> Result<(), ProviderError> {
        const DOING: &str = "ask GitHub to send a webhook again";
        let attempt = attempt.to_string();
        let path = ["app", "hook", "deliveries", &attempt, "attempts"];
        let url = below(&self.github.api, &path);
        let request = self.as_app(Method::POST, url, (key, now), DOING)?;
        let (status, ..) = ask_whole(request, DOING).await?;
        match status.is_success() {
            true => Ok(()),
            false => Err(ProviderError::Refused {
                doing: DOING,
                status: status.as_u16(),
            }),
        }
    }

    /// A question that the hub asks as the app.
    fn as_app(
        &self,
        method: Method,
        url: Url,
        (key, now): (&AppKey, Timestamp),
        doing: &'static str,
    ) -> Result<RequestBuilder, ProviderError> {
        let assertion = key.assertion(&self.settings.client_id, now);
        let assertion = assertion.ok_or_else(|| nonsense(doing, "the app's key cannot sign"))?;
        let request = self.client.request(method, url);
        Ok(self.api(request.bearer_auth(assertion.expose_secret())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_arrived_is_told_by_its_status() {
        let of = |status: Value| {
            let value = json!({"id": 7, "guid": "g", "delivered_at": "2026-01-01T00:00:00Z", "status": "x", "status_code": status});
            sent(&value).map(|sent| sent.arrived)
        };
        assert_eq!(
            [200, 202, 404, 502, 0].map(|status| of(json!(status)).unwrap()),
            [true, true, false, false, false]
        );
        assert_eq!(of(Value::Null), None);
    }

    #[test]
    fn more_is_where_the_header_says() {
        let link = "<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_1>; rel=\"prev\", \
            <https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_2>; rel=\"next\"";
        assert_eq!(cursor(link).as_deref(), Some("v1_2"));
        assert_eq!(cursor("<https://api.github.com/x?cursor=a>; rel=\"prev\""), None);
        assert_eq!(cursor("nonsense"), None);
    }
}
