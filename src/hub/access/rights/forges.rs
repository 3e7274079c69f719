//! Forges that webhooks have told of: what says no forge is at the only one of its workspaces, and is written down as its own when they
//! hear of it. A policy in a file is of all workspaces, and written down by nobody.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLockReadGuard};

use super::super::held::Held;
use super::{InForce, Rights, Source};
use crate::access::Selector;
use crate::access::policy::{parse, unsaid_places};
use crate::ports::hub::{HubStore, HubStoreError, StoredKey};
use crate::ports::told_forges::{PinnedPlaces, ToldForges};

impl Rights {
    /// Remembers forges that webhooks tell of, with where the memory has put what said none before.
    pub(in crate::hub) fn learn_forges(&self, told: ToldForges, pinned: &PinnedPlaces) {
        // Whoever looks at a key looks at what is in force while they do.
        self.put_keys(pinned.keys.iter().map(|(id, places)| (id.as_str(), places)));
        let mut in_force = self.write();
        if let Source::Memory = &self.source {
            pin_grants(&mut in_force, pinned);
        }
        let told = told.with(&self.known_forges());
        self.know(&mut in_force, told);
    }

    /// Looks whether others were told of forges, and what they have put there.
    pub(super) async fn hear_of_forges(&self, store: &dyn HubStore) -> Result<(), HubStoreError> {
        let told = store.told_forges().await?;
        if told.has_news_for(&self.known_forges()) {
            let keys: Vec<StoredKey> = store.keys().await?;
            self.put_keys(keys.iter().map(|key| (key.id.as_str(), &key.repositories)));
            self.know(&mut self.write(), told);
        }
        Ok(())
    }

    /// Remembers the forges that are kept alone: what told of others has not been kept.
    pub(in crate::hub) fn relearn_forges(&self, kept: ToldForges) {
        self.know(&mut self.write(), kept);
    }

    /// Whether webhooks have told a workspace of a forge.
    pub(in crate::hub) fn knows_forge(&self, workspace: &str, host: &str) -> bool {
        self.known_forges().knows(workspace, host)
    }

    /// The only forge that webhooks have told of, in any workspace, where there is only one.
    pub(in crate::hub::access) fn only_forge(&self) -> Option<Arc<str>> {
        self.known_forges().only(&[]).map(Arc::from)
    }

    /// The only forge that webhooks have told these workspaces of, where they have told others of more; where there is only one, nobody
    /// has to say it.
    pub(in crate::hub::access) fn only_forge_of(&self, workspaces: &[String]) -> Option<Arc<str>> {
        let known = self.known_forges();
        match known.only(&[]) {
            Some(_) => None,
            None => known.only(workspaces).map(Arc::from),
        }
    }

    /// Whether webhooks have told of several forges, in any workspaces.
    pub(in crate::hub) fn has_several_forges(&self) -> bool {
        self.known_forges().of(&[]).len() > 1
    }

    fn known_forges(&self) -> RwLockReadGuard<'_, ToldForges> {
        self.forges.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn know(&self, in_force: &mut InForce, told: ToldForges) {
        let mut forges = self.forges.write().unwrap_or_else(PoisonError::into_inner);
        let were_several = forges.of(&[]).len() > 1;
        *forges = told;
        Arc::make_mut(&mut in_force.snapshot).only_forge = forges.only(&[]).map(Arc::from);
        let are_several = forges.of(&[]).len() > 1;
        drop(forges);
        if are_several && !were_several {
            self.warn_of_places(&in_force.looked_at);
        }
    }

    /// Says which places of the policy in a file give nothing, as they say no forge and there are several.
    pub(super) fn warn_of_places(&self, text: &[u8]) {
        let Source::File(path) = &self.source else {
            return;
        };
        let name: Arc<str> = Arc::from(path.display().to_string());
        let policy = parse(&name, text).policy.unwrap_or_default();
        let unsaid: Vec<String> = unsaid_places(&policy).iter().map(ToString::to_string).collect();
        if !unsaid.is_empty() && self.has_several_forges() {
            let forges = self
                .known_forges()
                .of(&[])
                .into_iter()
                .collect::<Vec<_>>()
                .join(", ");
            tracing::warn!(
                policy = %path.display(),
                places = unsaid.join(", "),
                forges,
                "webhooks tell of several forges: places of the policy that say none give nothing; write `repo:FORGE/owner/name`"
            );
        }
    }

    /// Puts repositories of keys that are remembered where the memory has them.
    fn put_keys<'k>(&self, places: impl Iterator<Item = (&'k str, &'k Vec<String>)>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for (id, places) in places {
            if let Some(key) = keys.get_mut(id) {
                key.repositories.clone_from(places);
            }
        }
    }
}

/// Puts grants where the memory has put them.
fn pin_grants(in_force: &mut InForce, pinned: &PinnedPlaces) {
    if pinned.grants.is_empty() {
        return;
    }
    let selectors = pinned.grants.iter();
    let selectors: HashMap<&str, Selector> = selectors
        .filter_map(|(id, place)| Some((id.as_str(), Selector::parse(place).ok()?)))
        .collect();
    let taken_at = in_force.snapshot.taken_at;
    let held: &mut Held = Arc::make_mut(&mut in_force.held);
    for grant in &mut held.grants {
        if let Some(selector) = selectors.get(grant.id.as_str()) {
            Arc::make_mut(&mut grant.grant).selector = selector.clone();
        }
    }
    in_force.snapshot = Arc::new(held.snapshot(taken_at));
}
