//! Secrets that forges sign webhooks with: of a workspace, or of all that have none of their own.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;

/// Secrets of webhooks. Of a workspace several count at once, so that one can take the place of another. `Debug` does not show them.
#[derive(Clone, Default)]
pub struct WebhookSecrets(BTreeMap<String, Vec<hmac::Key>>);

/// The name of the secrets for workspaces that have none of their own.
const ALL: &str = "*";

impl std::fmt::Debug for WebhookSecrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.keys()).finish()
    }
}

impl WebhookSecrets {
    /// One secret for all workspaces.
    pub fn for_all(secret: &[u8]) -> Self {
        Self::default().with_for_all(secret)
    }

    /// The same with one more secret for all workspaces that have none of their own.
    pub fn with_for_all(self, secret: &[u8]) -> Self {
        self.with(ALL, secret)
    }

    /// The same with one more secret of a workspace, which from then on takes none of those for all.
    pub fn with(mut self, workspace: &str, secret: &[u8]) -> Self {
        let keys = self.0.entry(workspace.to_owned()).or_default();
        keys.push(hmac::Key::new(hmac::HMAC_SHA256, secret));
        self
    }

    /// Whether a workspace has secrets of its own.
    pub(in super::super) fn has_own(&self, workspace: &str) -> bool {
        workspace != ALL && self.0.contains_key(workspace)
    }

    /// What may sign for a workspace; nothing where none is known.
    pub(super) fn of(&self, workspace: &str) -> &[hmac::Key] {
        let own = self.0.get(workspace).filter(|_| workspace != ALL);
        own.or_else(|| self.0.get(ALL)).map_or(&[], Vec::as_slice)
    }
}
