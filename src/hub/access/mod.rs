//! Who is calling, and whether they may.

pub mod key;
pub mod operations;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::json;

use super::Hub;
use super::refusal::Refusal;
use crate::ports::hub::StoredKey;
use key::KeyText;
use operations::Operation;

/// Whoever calls with a key that is good now.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The key.
    pub key: StoredKey,
}

impl Caller {
    /// Name of the key's owner.
    pub fn name(&self) -> &str {
        self.key.owner.split_once(':').map_or("", |(_, name)| name)
    }

    /// Whether the key is a person's.
    pub fn is_person(&self) -> bool {
        self.key.owner.starts_with("person:")
    }

    /// Whether the key has a scope, or one that includes it.
    pub fn has(&self, scope: &str) -> bool {
        self.key
            .scopes
            .iter()
            .any(|own| own == scope || operations::includes(own, scope))
    }

    /// Whether this may be done in a workspace.
    ///
    /// # Errors
    /// 403, with what is missing and who can give it.
    pub fn may(&self, operation: Operation, workspace: &str) -> Result<(), Refusal> {
        if !self.key.workspaces.iter().any(|own| own == workspace) {
            let message = format!("this key is not for workspace `{workspace}`");
            return Err(Refusal::forbidden("insufficient_permission", message).with(json!({
                "operation": operation.row().name,
                "required_permission": {"resource": format!("workspace:{workspace}"), "level": operation.row().level},
            })));
        }
        if operation.row().person && !self.is_person() {
            return Err(Refusal::person_required(operation));
        }
        let required = operation.row().scopes;
        let missing: Vec<&str> = required
            .iter()
            .copied()
            .filter(|scope| !self.has(scope))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Refusal::missing(operation, &missing)),
        }
    }
}

impl Hub {
    /// Who calls.
    ///
    /// # Errors
    /// 401 without a good key; 503 when the hub cannot look.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let Some(header) = sent.next() else {
            return Err(Refusal::unauthorized("no_credentials", "no key was sent"));
        };
        if sent.next().is_some() {
            return Err(Refusal::bad(
                "ambiguous_credentials",
                "more than one key was sent",
            ));
        }
        let text = header.to_str().ok().and_then(|text| {
            let (scheme, rest) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(rest.trim())
        });
        let invalid = || Refusal::unauthorized("invalid_credentials", "the key is not good");
        let text = text.and_then(KeyText::read).ok_or_else(invalid)?;
        let stored = self.store().key(text.id()).await?;
        // Somebody who guesses ids waits as long as somebody who guesses secrets.
        let digest = stored.as_ref().map_or("", |key| key.digest.as_str());
        let is_same = text.matches(digest);
        let key = stored.filter(|_| is_same).ok_or_else(invalid)?;
        let now = self.now();
        if key.revoked.is_some() || key.expires <= now {
            return Err(invalid());
        }
        self.note_use(&key, now).await;
        Ok(Caller { key })
    }

    /// Notes the use of a key, once a minute.
    async fn note_use(&self, key: &StoredKey, now: crate::model::Timestamp) {
        const OFTEN: std::time::Duration = std::time::Duration::from_secs(60);
        if key.last_used.is_none_or(|last| now.since(last) >= OFTEN)
            && let Err(error) = self.store().key_used(&key.id, now).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the use of a key could not be noted"
            );
        }
    }
}
