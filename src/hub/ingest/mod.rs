//! What forges tell: verified over the raw bytes before anything is read, taken once, and answered only when it is kept
//! with everything it causes.

pub(super) mod application;
mod counted;
pub(super) mod generic;
mod github;
pub(super) mod image;
pub(super) mod known;
pub(super) mod naming;
mod secrets;
pub(super) mod status;
pub(super) mod unheard;

use aws_lc_rs::hmac;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Hub;
use super::access::guesses::Guessed;
use super::access::noted::Noted;
use super::changes::{Applied, Origin};
use super::metrics::Counters;
use super::refusal::Refusal;
use super::traces::What;
use crate::access::audit::Outcome;
pub(super) use counted::Webhooks;
use naming::{Misnamed, namings};
pub use secrets::WebhookSecrets;

/// Largest webhook in bytes; GitHub's own limit is 25 MiB.
pub(super) const MAX_WEBHOOK: usize = 25 * 1024 * 1024;

/// Longest id of a webhook.
const LONGEST_ID: usize = 200;

/// The source of what a GitHub sends.
pub(super) const GITHUB: &str = "github";

/// What became of a webhook that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It says nothing of the graph.
    Nothing,
    /// It had come before.
    Before,
    /// It is kept, and so many machines hear of it.
    Kept(usize),
}

/// `POST /webhooks/github/{workspace}`.
pub(super) async fn github(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let begun = Instant::now();
    let taken = take(&hub, &workspace, &headers, &body).await?;
    hub.counters().webhooks.count(taken, begun.elapsed());
    Ok(match taken {
        Taken::Nothing => answer(StatusCode::ACCEPTED, "nothing in it changes the graph"),
        Taken::Before => answer(StatusCode::ACCEPTED, "it had come before"),
        Taken::Kept(_) => answer(StatusCode::OK, "kept"),
    })
}

/// Takes in what GitHub sends to a workspace.
async fn take(hub: &Hub, workspace: &str, headers: &HeaderMap, body: &[u8]) -> Result<Taken, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    verify(
        hub.webhook_secrets().of(workspace),
        text("x-hub-signature-256"),
        body,
    )
    .map_err(|refusal| hub.guessed(Guessed::Webhook(workspace), refusal))?;
    hub.must_be_there(workspace).await?;
    let event = text("x-github-event").ok_or_else(|| bad("the header X-GitHub-Event is missing"))?;
    let id = text("x-github-delivery")
        .filter(|id| !id.is_empty() && id.len() <= LONGEST_ID)
        .ok_or_else(|| bad("the header X-GitHub-Delivery is missing"))?;
    let payload = read(text("content-type"), body)?;
    // Also where the graph has no use for it.
    hub.forget_answers(event, &payload);
    let changes = github::changes(event, &payload);
    if changes.is_empty() {
        return Ok(Taken::Nothing);
    }
    let names = namings(event, headers, &payload);
    let names = names.map_err(|misnamed| hub.refused_misnamed(workspace, id, misnamed))?;
    let taking = hub.begin_trace(What::Webhook, headers);
    let about = [
        ("sdm.workspace", workspace),
        ("sdm.event", event),
        ("sdm.delivery", id),
    ];
    let origin = Origin {
        id: Some((GITHUB, id)),
        names: &names,
        trace: None,
    };
    let applied = hub
        .apply_traced(taking, about, (workspace, origin), vec![changes])
        .await?;
    let taken = match applied {
        Applied::Misnamed(misnamed) => return Err(hub.refused_misnamed(workspace, id, *misnamed)),
        // Nobody decides by a webhook, so that none is overtaken.
        Applied::Before | Applied::Overtaken => Taken::Before,
        Applied::Deliveries(machines) => {
            tracing::info!(
                workspace,
                event,
                delivery = id,
                machines,
                "a webhook of GitHub is kept"
            );
            Taken::Kept(machines)
        }
    };
    // Also of what had come before: the hub may have ended before it heeded it.
    hub.heed((workspace, id), event, &payload).await?;
    Ok(taken)
}

impl Hub {
    /// Counts a webhook that is about several repositories at once, and writes it down; what whoever sent it is told.
    fn refused_misnamed(&self, workspace: &str, id: &str, misnamed: Misnamed) -> Refusal {
        let Misnamed { resource, because } = misnamed;
        Counters::count(&self.counters().misnamed, 1);
        let noted = Noted {
            resource,
            ..Noted::by_hub("webhook.receive", Outcome::NotTaken, because.clone())
        };
        self.rights().note_seldom(noted, self.now());
        tracing::warn!(
            workspace,
            delivery = id,
            because,
            "a webhook of GitHub is refused; a repository that was renamed or transferred is called otherwise once its webhook \
             `repository` that says so, or a ping of the forge, has come"
        );
        Refusal::misnamed(because)
    }
}

fn answer(status: StatusCode, message: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "message": message })))
}

fn bad(message: &str) -> Refusal {
    Refusal::bad("malformed_webhook", message)
}

/// Whether the sender knows one of the secrets.
fn verify(keys: &[hmac::Key], signature: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
    let refuse = |message: &str| Err(Refusal::unauthorized("bad_signature", message));
    if keys.is_empty() {
        return refuse("this hub has no secret for webhooks of this workspace");
    }
    let Some(signature) = signature else {
        return refuse("the webhook is not signed (X-Hub-Signature-256)");
    };
    let signature = signature
        .strip_prefix("sha256=")
        .and_then(|text| hex::decode(text).ok());
    let is_by = |signature: &[u8]| keys.iter().any(|key| hmac::verify(key, body, signature).is_ok());
    match signature.is_some_and(|signature| is_by(&signature)) {
        true => Ok(()),
        false => refuse("the signature is not good"),
    }
}

/// The payload, sent as JSON or in a form.
fn read(content_type: Option<&str>, body: &[u8]) -> Result<Value, Refusal> {
    let is_form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let read = match is_form {
        false => serde_json::from_slice(body),
        true => {
            let fields = reqwest::Url::parse(&format!("form:?{}", String::from_utf8_lossy(body)));
            let fields = fields.map_err(|_| bad("the form cannot be read"))?;
            let mut pairs = fields.query_pairs();
            let payload = pairs.find(|(name, _)| name == "payload");
            let (_, payload) = payload.ok_or_else(|| bad("the form has no `payload`"))?;
            serde_json::from_str(&payload)
        }
    };
    read.map_err(|error| bad(&format!("the payload cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of the lower nine tenths; whatever else the computer did is above.
    fn mean_and_variance(mut nanos: Vec<u64>) -> (f64, f64, f64) {
        nanos.sort_unstable();
        nanos.truncate(nanos.len() * 9 / 10);
        let count = f64::from(u32::try_from(nanos.len()).unwrap());
        let each = || {
            nanos
                .iter()
                .map(|nanos| f64::from(u32::try_from(*nanos).unwrap_or(u32::MAX)))
        };
        let mean = each().sum::<f64>() / count;
        let variance = each().map(|one| (one - mean) * (one - mean)).sum::<f64>() / count;
        (mean, variance, count)
    }

    /// Wrong in the first digit or in the last, in turn: that the times of the two cannot be told apart is what a constant comparison
    /// means. A comparison that ends at the first difference is told by a value of some hundred here.
    #[test]
    fn c2_how_long_a_comparison_takes_does_not_depend_on_how_much_of_it_is_right() {
        const TIMES: usize = 10_000;
        const APART: f64 = 10.0;
        let secrets = WebhookSecrets::for_all(b"canary-of-webhooks");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"canary-of-webhooks");
        let right = hex::encode(hmac::sign(&key, b"x"));
        let wrong_at = |place: usize| {
            let mut text = right.clone().into_bytes();
            text[place] = if text[place] == b'0' { b'1' } else { b'0' };
            format!("sha256={}", String::from_utf8(text).unwrap())
        };
        let wrong = [wrong_at(0), wrong_at(right.len() - 1)];
        let apart = || {
            let mut times = [Vec::with_capacity(TIMES), Vec::with_capacity(TIMES)];
            for _ in 0..TIMES {
                for (signature, times) in wrong.iter().zip(&mut times) {
                    let begun = std::time::Instant::now();
                    let refused = verify(secrets.of("w"), Some(signature), b"x").is_err();
                    times.push(u64::try_from(begun.elapsed().as_nanos()).unwrap());
                    assert!(refused);
                }
            }
            let [first, last] = times.map(mean_and_variance);
            let error = (first.1 / first.2 + last.1 / last.2).sqrt();
            (first.0 - last.0).abs() / error.max(f64::MIN_POSITIVE)
        };
        // What disturbs one round does not disturb all; what is in the comparison is in all of them.
        let least = (0..3).map(|_| apart()).fold(f64::INFINITY, f64::min);
        assert!(
            least < APART,
            "the first and the last digit are told apart: {least}"
        );
    }

    #[test]
    fn a_signature_is_checked_over_the_bytes_as_they_came() {
        let secrets = WebhookSecrets::for_all(b"It's a Secret to Everybody").with("own", b"other");
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let good = |workspace: &str, signature: Option<&str>, body: &[u8]| {
            verify(secrets.of(workspace), signature, body).is_ok()
        };
        assert!(
            good("any", Some(signature), b"Hello, World!"),
            "the example of GitHub's documentation"
        );
        assert!(!good("any", Some(signature), b"Hello, World! "));
        assert!(!good("own", Some(signature), b"Hello, World!"));
        assert!(!good("any", None, b"Hello, World!"));
        assert!(!good("any", Some("sha256="), b"Hello, World!"));
        assert!(!good("any", Some(&signature[7..]), b"Hello, World!"));
        assert!(
            verify(
                WebhookSecrets::default().of("any"),
                Some(signature),
                b"Hello, World!"
            )
            .is_err()
        );
        assert!(!format!("{secrets:?}").contains("Secret"));
    }

    #[test]
    fn a_secret_can_take_the_place_of_another_while_both_count() {
        let secrets = WebhookSecrets::default()
            .with("own", b"the old one")
            .with("own", b"the new one");
        let good = |workspace: &str, secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let signature = format!("sha256={}", hex::encode(hmac::sign(&key, b"{}")));
            verify(secrets.of(workspace), Some(&signature), b"{}").is_ok()
        };
        assert!(good("own", b"the old one") && good("own", b"the new one"));
        assert!(!good("own", b"a third one"));
        assert!(!good("other", b"the old one"), "nobody has named a secret for it");
        assert!(!good("*", b"the old one"));
    }

    #[test]
    fn payloads_come_as_json_and_in_forms() {
        assert_eq!(read(None, b"{\"a\": 1}").unwrap(), json!({"a": 1}));
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(
            read(form, b"payload=%7B%22a%22%3A+%22+%2B%22%7D").unwrap(),
            json!({"a": " +"})
        );
        assert!(read(form, b"other=1").is_err() && read(None, b"payload=1").is_err());
        assert!(read(None, "[".repeat(100_000).as_bytes()).is_err());
    }
}
