//! What the hub calls the repositories of this machine, remembered from what it said of them.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::Inner;
use crate::model::Repository;
use crate::ports::store::StoreError;
use crate::ports::team::REPOSITORIES_AT_HUB as SCOPE;
use crate::wire::hub::found::provider_of;

/// A repository at the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownAs {
    /// The workspace it belongs to.
    pub(super) workspace: String,
    /// The forge, as the hub calls it; none for repositories that the hub never spoke of.
    pub(super) provider: Option<String>,
}

impl Inner {
    /// What the hub calls a repository; one that it never spoke of is told to the first workspace.
    pub(super) async fn known_as(&self, repository: &Repository) -> Result<KnownAs, StoreError> {
        let (store, now) = (self.engine.store(), self.engine.now());
        let kept = store.preference(SCOPE, &repository.key, now).await?;
        let kept = kept.and_then(|kept| serde_json::from_value(kept).ok());
        let unheard_of = || KnownAs {
            workspace: self.hub.workspaces.first().cloned().unwrap_or_default(),
            provider: None,
        };
        let is_ours = |known: &KnownAs| self.hub.workspaces.contains(&known.workspace);
        Ok(kept.filter(is_ours).unwrap_or_else(unheard_of))
    }

    /// The same, for a hub that takes pushes which machines found: what it never spoke of is at this machine's own provider.
    pub(super) fn told_as(&self, known_as: KnownAs) -> KnownAs {
        let takes_pushes = self.takes_pushes.load(Ordering::Relaxed);
        let own = || takes_pushes.then(|| provider_of(&self.name));
        KnownAs {
            provider: known_as.provider.or_else(own),
            ..known_as
        }
    }

    /// Remembers what the hub calls a repository.
    pub(super) async fn remember(
        &self,
        repository: &Repository,
        known_as: &KnownAs,
    ) -> Result<(), StoreError> {
        if self.known_as(repository).await? == *known_as {
            return Ok(());
        }
        let value = serde_json::to_value(known_as).expect("two texts are JSON");
        let store = self.engine.store();
        store.put_preference(SCOPE, &repository.key, &value, None).await
    }
}
