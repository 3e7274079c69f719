//! Webhooks that a GitHub App, a repository or an organisation has sent: which of them did not arrive, and that they are sent again.

use reqwest::header::LINK;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::github::{api, below};
use super::net::{ask_whole, nonsense, text};
use super::{AppKey, GitHubSettings, HookSettings, ProviderError, ProviderKind, ProviderSettings, Providers};
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

/// Whoever sends webhooks, and is asked for those that did not arrive.
#[derive(Debug, Clone, Copy)]
pub(in super::super::super) enum Sender<'a> {
    /// A GitHub App that the hub has the key of.
    App(&'a ProviderSettings, &'a GitHubSettings, &'a AppKey),
    /// A webhook of a repository or of an organisation.
    Hook(&'a HookSettings),
}

impl Sender<'_> {
    /// By which it is told apart from others.
    pub(in super::super::super) fn name(&self) -> &str {
        match self {
            Self::App(provider, ..) => &provider.name,
            Self::Hook(hook) => hook.address.as_str(),
        }
    }

    /// Where what it sent is listed, or one of it is.
    fn deliveries(&self, steps: &[&str]) -> Url {
        let (base, own): (_, &[&str]) = match self {
            Self::App(_, github, _) => (&github.api, &["app", "hook", "deliveries"][..]),
            Self::Hook(hook) => (&hook.address, &["deliveries"][..]),
        };
        below(base, &[own, steps].concat())
    }

    /// What proves that the hub may ask.
    fn proof(&self, now: Timestamp, doing: &'static str) -> Result<SecretString, ProviderError> {
        match self {
            Self::App(provider, _, key) => {
                let assertion = key.assertion(&provider.client_id, now);
                assertion.ok_or_else(|| nonsense(doing, "the app's key cannot sign"))
            }
            Self::Hook(hook) => Ok(hook.token.clone()),
        }
    }
}

impl Providers {
    /// All that are asked for webhooks which did not arrive.
    pub(in super::super::super) fn senders(&self) -> impl Iterator<Item = Sender<'_>> {
        let apps = self.all.iter().filter_map(|provider| match &provider.kind {
            ProviderKind::GitHub(github) => Some(Sender::App(provider, github, github.app_key.as_ref()?)),
            ProviderKind::Oidc(_) => None,
        });
        apps.chain(self.hooks.iter().map(Sender::Hook))
    }

    /// Webhooks that were sent and that did not arrive, as far as GitHub tells them apart; those before a cursor.
    ///
    /// # Errors
    /// GitHub does not answer, or refuses.
    pub(in super::super::super) async fn sent(
        &self,
        sender: &Sender<'_>,
        now: Timestamp,
        before: Option<&str>,
    ) -> Result<SentPart, ProviderError> {
        const DOING: &str = "ask GitHub for webhooks that did not arrive";
        let mut url = sender.deliveries(&[]);
        url.query_pairs_mut()
            .append_pair("per_page", AT_ONCE)
            .append_pair("status", "failure");
        if let Some(before) = before {
            url.query_pairs_mut().append_pair("cursor", before);
        }
        let request = self.client()?.request(Method::GET, url);
        let request = api(request.bearer_auth(sender.proof(now, DOING)?.expose_secret()));
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
    ///
    /// # Errors
    /// GitHub does not answer, or does not do it.
    pub(in super::super::super) async fn send_again(
        &self,
        sender: &Sender<'_>,
        now: Timestamp,
        attempt: u64,
    ) -> Result<(), ProviderError> {
        const DOING: &str = "ask GitHub to send a webhook again";
        let url = sender.deliveries(&[&attempt.to_string(), "attempts"]);
        let request = self.client()?.request(Method::POST, url);
        let request = api(request.bearer_auth(sender.proof(now, DOING)?.expose_secret()));
        let (status, ..) = ask_whole(request, DOING).await?;
        match status.is_success() {
            true => Ok(()),
            false => Err(ProviderError::Refused {
                doing: DOING,
                status: status.as_u16(),
            }),
        }
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
