//! The workspaces that there are, remembered for a while: every page shows them, and they change seldom.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Hub;
use super::refusal::Refusal;
use super::refused::Door;
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;

/// How long what was read counts. What this hub changes itself is known at once.
const COUNTS: Duration = Duration::from_secs(5);

/// Workspaces that have ever changed, and when that was read.
#[derive(Debug, Default)]
pub(super) struct Workspaces(Mutex<Option<(Timestamp, BTreeSet<String>)>>);

impl Workspaces {
    fn lock(&self) -> MutexGuard<'_, Option<(Timestamp, BTreeSet<String>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, now: Timestamp) -> Option<BTreeSet<String>> {
        let known = self.lock();
        let (read, ids) = known.as_ref()?;
        // A clock that went back makes nothing younger.
        (*read <= now && now.since(*read) < COUNTS).then(|| ids.clone())
    }

    /// One of them has changed.
    pub(super) fn changed(&self, id: &str) {
        if let Some((_, ids)) = self.lock().as_mut()
            && !ids.contains(id)
        {
            ids.insert(id.to_owned());
        }
    }
}

impl Hub {
    /// The workspaces that have ever changed.
    pub(super) async fn workspaces_that_changed(&self) -> Result<BTreeSet<String>, HubStoreError> {
        let now = self.now();
        if let Some(known) = self.known_workspaces().known(now) {
            return Ok(known);
        }
        let ids: BTreeSet<String> = self.store().workspaces().await?.into_iter().collect();
        *self.known_workspaces().lock() = Some((now, ids.clone()));
        Ok(ids)
    }

    /// The workspaces that there are: those that have ever changed, and those that somebody has a key for or an extension is for.
    pub(super) async fn workspaces_that_are_there(&self) -> Result<BTreeSet<String>, HubStoreError> {
        let mut ids = self.workspaces_that_changed().await?;
        ids.extend(self.workspaces_with_keys().await?);
        Ok(ids)
    }

    /// Refuses what is for a workspace that is not there: a key, a machine or a secret of its own makes one, or what was kept of it.
    /// Who knows the secret for all workspaces makes none by it.
    pub(super) async fn must_be_there(&self, id: &str) -> Result<(), Refusal> {
        let is_known = self.webhook_secrets().has_own(id)
            || self.known().machines().workspace_ids().any(|known| known == id)
            || self.workspaces_that_changed().await?.contains(id);
        if is_known || self.workspaces_with_keys().await?.contains(id) {
            return Ok(());
        }
        self.count_refused(Door::Webhook, "unknown_workspace");
        Err(Refusal::missing_thing("there is no such workspace"))
    }

    /// The workspaces that somebody has a key for, or that an extension is for.
    async fn workspaces_with_keys(&self) -> Result<BTreeSet<String>, HubStoreError> {
        let keys = self.store().keys().await?.into_iter().map(|key| key.workspaces);
        let extensions = self.store().extensions().await?;
        let extensions = extensions.into_iter().map(|extension| extension.workspaces);
        Ok(keys.chain(extensions).flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_counts_for_a_while_and_what_changed_here_is_in_it() {
        let workspaces = Workspaces::default();
        let at = |second: u64| Timestamp::from_micros(0).plus(Duration::from_secs(second));
        workspaces.changed("early");
        assert_eq!(workspaces.known(at(0)), None);
        *workspaces.lock() = Some((at(10), BTreeSet::from(["one".to_owned()])));
        workspaces.changed("two");
        let known = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
        assert_eq!(workspaces.known(at(14)), Some(known));
        assert_eq!(workspaces.known(at(15)), None);
        assert_eq!(workspaces.known(at(9)), None);
    }
}
