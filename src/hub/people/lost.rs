//! What people had let the hub do for them at a GitHub and that ended there (security model 15): its webhook says so, or it takes the
//! token no more. The token is forgotten, the audit log and the person's page say it, and what needs it asks the person again.

use reqwest::Url;
use serde_json::Value;

use super::super::Hub;
use super::super::access::noted::Noted;
use super::super::ingest::GITHUB;
use super::super::refusal::Refusal;
use super::providers::{ProviderKind, ProviderSettings};
use super::user_tokens::{KIND, owner};
use crate::access::audit::Outcome;
use crate::ports::authorizations::{Loss, LostAuthorization};

/// Somebody's account at a GitHub whose app acts for them no more, as a webhook tells it.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// Scheme, host and port.
    origin: String,
    /// Number of the account.
    subject: String,
    how: Loss,
    /// Client id of the app, where it is told.
    client: Option<String>,
}

/// What a webhook tells; `None` when it is about something else. An organisation that takes the app away changes nothing of what
/// its members let the hub do elsewhere: GitHub itself does not let it reach the organisation any more.
fn told(event: &str, payload: &Value) -> Option<Told> {
    let action = payload.get("action").and_then(Value::as_str)?;
    let how = match (event, action) {
        ("github_app_authorization", "revoked") => Loss::Revoked,
        ("installation", "deleted") => Loss::Removed,
        ("installation", "suspend") => Loss::Suspended,
        _ => return None,
    };
    let account = match how {
        Loss::Revoked | Loss::Refused => payload.get("sender")?,
        Loss::Removed | Loss::Suspended => payload.pointer("/installation/account")?,
    };
    if account.get("type").and_then(Value::as_str) != Some("User") {
        return None;
    }
    let page = Url::parse(account.get("html_url")?.as_str()?).ok()?;
    let client = payload.pointer("/installation/client_id").and_then(Value::as_str);
    Some(Told {
        origin: page.origin().ascii_serialization(),
        subject: account.get("id")?.as_u64()?.to_string(),
        how,
        client: client.map(str::to_owned),
    })
}

impl Told {
    /// Whether it is about the hub's app at a provider.
    fn is_about(&self, provider: &ProviderSettings) -> bool {
        let ProviderKind::GitHub(github) = &provider.kind else {
            return false;
        };
        let is_ours = self
            .client
            .as_ref()
            .is_none_or(|client| *client == provider.client_id);
        github.is_app && is_ours && github.address.origin().ascii_serialization() == self.origin
    }
}

impl Hub {
    /// Heeds a webhook of a GitHub that was verified and is kept, also when it had come before: the hub may have ended since. What
    /// somebody let the hub do after it came first stays.
    ///
    /// # Errors
    /// The memory does not answer.
    pub(in super::super) async fn heed(
        &self,
        (workspace, id): (&str, &str),
        event: &str,
        payload: &Value,
    ) -> Result<(), Refusal> {
        let Some(told) = told(event, payload) else {
            return Ok(());
        };
        let came = self.store().received(workspace, GITHUB, &[id]).await?;
        let came = came.get(id).copied().unwrap_or_else(|| self.now());
        for provider in self
            .providers()
            .all()
            .iter()
            .filter(|provider| told.is_about(provider))
        {
            let held = self
                .store()
                .authorizations_at(&provider.name, &told.subject)
                .await?;
            for authorization in held.iter().filter(|held| held.granted <= came) {
                self.lose(provider, &authorization.person, told.how).await?;
            }
        }
        Ok(())
    }

    /// Forgets what somebody let the hub do that ended at the provider; nothing when it was forgotten before.
    pub(super) async fn lose(
        &self,
        provider: &ProviderSettings,
        person: &str,
        how: Loss,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let lost = LostAuthorization {
            provider: provider.name.clone(),
            how,
            lost: now,
        };
        let was_there = self.store().lose_authorization(person, &lost).await?;
        self.store()
            .destroy_secret(KIND, &owner(person), &provider.name)
            .await?;
        if was_there {
            let said = format!("person:{person} at {}: {}", provider.name, how.sentence());
            let noted = Noted::by_hub("authorization.revoke", Outcome::Done, said);
            self.rights().note(&noted, now);
            tracing::info!(
                person,
                provider = provider.name,
                how = how.word(),
                "the hub acts for somebody no more"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(name: &str) -> Value {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hub/testdata/github");
        serde_json::from_slice(&std::fs::read(format!("{directory}/{name}.json")).unwrap()).unwrap()
    }

    #[test]
    fn the_examples_of_github_say_whose_it_is() {
        let whose = |name: &str| {
            let event = name.split('.').next().unwrap();
            told(event, &example(name)).map(|told| (told.origin, told.subject, told.how))
        };
        let at_github = |subject: &str, how| Some(("https://github.com".to_owned(), subject.to_owned(), how));
        assert_eq!(
            whose("github_app_authorization.revoked"),
            at_github("1", Loss::Revoked)
        );
        assert_eq!(whose("installation.deleted"), at_github("1", Loss::Removed));
        assert_eq!(
            whose("installation.suspend"),
            at_github("21031067", Loss::Suspended)
        );
        assert_eq!(whose("installation.created"), None);
        let mut of_organisation = example("installation.deleted");
        of_organisation["installation"]["account"]["type"] = "Organization".into();
        assert_eq!(told("installation", &of_organisation), None);
        assert_eq!(told("push", &example("push.branch")), None);
    }
}
