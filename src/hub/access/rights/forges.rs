//! Forges that webhooks have told of: what says no forge is at the only one, and is written down as its own before there is a second.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLockReadGuard};

use super::super::held::{Held, HeldGrant, only_of};
use super::{InForce, Rights, Source};
use crate::access::Selector;
use crate::access::snapshot::Right;

impl Rights {
    /// Remembers forges that webhooks tell of: what does not say its forge is at the only one, and with a second at none. What is kept
    /// is put at the only one before there is a second, as the memory does by [`HubWork::pin_places`]; a policy in a file is not.
    ///
    /// [`HubWork::pin_places`]: crate::ports::hub::HubWork::pin_places
    pub(in crate::hub) fn learn_forges(&self, hosts: impl IntoIterator<Item = String>) {
        let is_news = |host: &String| !self.knows_forge(host);
        let news: Vec<String> = hosts.into_iter().filter(is_news).collect();
        if news.is_empty() {
            return;
        }
        let only = self.only_forge();
        // Whoever looks at a key looks at what is in force while they do.
        if let Some(only) = &only {
            self.pin_keys(only);
        }
        let mut in_force = self.write();
        let mut forges = self.forges.write().unwrap_or_else(PoisonError::into_inner);
        forges.extend(news);
        if let (Some(only), Source::Memory) = (&only, &self.source) {
            pin(&mut in_force, only);
        }
        Arc::make_mut(&mut in_force.snapshot).only_forge = only_of(&*forges);
    }

    /// Remembers the forges that are kept alone: what told of others has not been kept.
    pub(in crate::hub) fn relearn_forges(&self, kept: impl IntoIterator<Item = String>) {
        let mut in_force = self.write();
        let mut forges = self.forges.write().unwrap_or_else(PoisonError::into_inner);
        *forges = kept.into_iter().collect();
        Arc::make_mut(&mut in_force.snapshot).only_forge = only_of(&*forges);
    }

    /// Whether webhooks have told of a forge.
    pub(in crate::hub) fn knows_forge(&self, host: &str) -> bool {
        self.known_forges().contains(host)
    }

    /// The only forge that webhooks have told of, where there is only one.
    pub(in crate::hub::access) fn only_forge(&self) -> Option<Arc<str>> {
        only_of(&*self.known_forges())
    }

    /// Whether webhooks have told of several forges.
    pub(in crate::hub) fn has_several_forges(&self) -> bool {
        self.known_forges().len() > 1
    }

    fn known_forges(&self) -> RwLockReadGuard<'_, BTreeSet<String>> {
        self.forges.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn pin_keys(&self, forge: &str) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for place in keys.values_mut().flat_map(|key| &mut key.repositories) {
            if let Ok(selector) = Selector::parse(place) {
                *place = selector.at(Some(forge)).to_string();
            }
        }
    }
}

/// Puts what is kept and says no forge at this one.
fn pin(in_force: &mut InForce, forge: &str) {
    let taken_at = in_force.snapshot.taken_at;
    let held: &mut Held = Arc::make_mut(&mut in_force.held);
    for grant in &mut held.grants {
        pin_grant(grant, forge);
    }
    in_force.snapshot = Arc::new(held.snapshot(taken_at));
}

/// A denial that says no forge is for all of them, and stays so.
fn pin_grant(held: &mut HeldGrant, forge: &str) {
    if held.grant.right > Right::Deny && held.grant.selector.is_of_any_forge() {
        let selector = held.grant.selector.clone().at(Some(forge));
        Arc::make_mut(&mut held.grant).selector = selector;
    }
}
