//! Whoever makes a key for a machine chooses what it may do there and then, and so agrees to it (design 8): the machine is at
//! work with its first registration, and nobody is asked again for what was chosen.

use std::sync::Arc;

use super::super::addons::AddonError;
use super::super::addons::beyond::{given, reached};
use super::super::addons::giving::Giver;
use super::Caller;
use super::edit::{EditError, edit};
use super::ending;
use super::held::{BadRow, Held, HeldAddon, HeldGrant, grant_row};
use super::rights::{principal, scopes};
use crate::access::registration::{Approval, Registration};
use crate::access::snapshot::{AddonKind, AddonState, Right};
use crate::access::{AddonKey, Grant, Level, PersonId, Principal, Selector};
use crate::model::Timestamp;
use crate::ports::hub::{HubStore, StoredKey};
use crate::ports::rights::RightsChange;
use crate::runtime::clock::Ids;

/// Who agrees, when, and what new grants are called.
pub struct Agreeing<'a> {
    /// Who.
    pub by: &'a PersonId,
    /// What they came with, where nobody gives away what the forge does not give them; none at the hub's computer.
    pub caller: Option<&'a Caller>,
    /// When.
    pub at: Timestamp,
    /// Where ids of grants come from.
    pub ids: &'a dyn Ids,
}

/// Agrees to what a key was made for: its scopes, its repositories, and these other places. A key that names no repository is
/// for everything.
///
/// # Errors
/// The memory, a test of the policy fails with it, or whoever agrees does not have it on the forge.
pub async fn agree(
    store: &dyn HubStore,
    key: &StoredKey,
    places: &[Selector],
    agreeing: &Agreeing<'_>,
) -> Result<(), AddonError> {
    let Principal::Addon(addon) = principal(&key.owner) else {
        return Ok(());
    };
    let wanted = |held: &Held| match key.is_chosen {
        true => changes(held, &addon, key, places, agreeing),
        false => Vec::new(),
    };
    let now = Held::try_from(store.rights().await?)?;
    let giver = agreeing.giver();
    let standing = giver
        .standing(store, &hands_over(&now, &addon, key, &wanted(&now), agreeing.at)?)
        .await?;
    edit(store, agreeing.at, |held| -> Result<_, AddonError> {
        let changes = wanted(held);
        standing.may_give(held, &hands_over(held, &addon, key, &changes, agreeing.at)?)?;
        Ok((changes, ()))
    })
    .await
}

/// What somebody gets with a key: what is agreed to with it, and what its add-on has already within it.
fn hands_over(
    held: &Held,
    addon: &AddonKey,
    key: &StoredKey,
    changes: &[RightsChange],
    at: Timestamp,
) -> Result<Vec<Grant>, BadRow> {
    let limits = key.repositories.iter();
    let limits: Vec<Selector> = limits.filter_map(|text| Selector::parse(text).ok()).collect();
    let mut all = given(held, changes, at)?;
    // Grants of an add-on that is gone went with it, or go by these changes.
    let is_there = held.addons.get(addon).is_some_and(|known| !is_gone(known));
    if is_there {
        all.extend(reached(held, &Principal::Addon(addon.clone()), &limits, at));
    }
    Ok(all)
}

/// Agrees to keys that were made before anything was kept of their owners: they go on as they were.
///
/// # Errors
/// The memory.
pub async fn agree_to_known(
    store: &dyn HubStore,
    keys: &[StoredKey],
    agreeing: &Agreeing<'_>,
) -> Result<(), AddonError> {
    let held = Held::try_from(store.rights().await?)?;
    let is_good = |key: &&StoredKey| key.revoked.is_none() && key.expires > agreeing.at;
    for key in keys.iter().filter(is_good) {
        let is_unknown = match principal(&key.owner) {
            Principal::Addon(addon) => !held.addons.contains_key(&addon),
            Principal::Person(_) | Principal::Anonymous => false,
        };
        if !is_unknown {
            continue;
        }
        match agree(store, key, &[], agreeing).await {
            Err(AddonError::Edit(EditError::Tests(failures))) => {
                tracing::error!(key = %key.id, "nobody has agreed to a key, as tests of the policy fail with it: {failures:?}");
            }
            agreed => agreed?,
        }
    }
    Ok(())
}

impl Agreeing<'_> {
    fn giver(&self) -> Giver {
        Giver {
            by: self.by.clone(),
            caller: self.caller.cloned(),
            at: self.at,
        }
    }
}

fn changes(
    held: &Held,
    addon: &AddonKey,
    key: &StoredKey,
    places: &[Selector],
    agreeing: &Agreeing<'_>,
) -> Vec<RightsChange> {
    let known = held.addons.get(addon);
    let is_new = known.is_none_or(|known| known.registration.approval.is_none() || is_gone(known));
    let agreed = match known.filter(|_| !is_new) {
        Some(known) => wider(known, key, agreeing),
        None => Some(fresh(known, key, agreeing)),
    };
    let row = agreed.map(|agreed| ending::changes(held, addon, &agreed));
    let grants = chosen(held, addon, key, places, is_new).into_iter().map(|grant| {
        RightsChange::Grant(grant_row(&HeldGrant {
            id: agreeing.ids.fresh().to_string(),
            principal: Principal::Addon(addon.clone()),
            grant: Arc::new(grant),
            given_by: agreeing.by.as_str().to_owned(),
            given: agreeing.at,
        }))
    });
    row.into_iter().flatten().chain(grants).collect()
}

fn is_gone(known: &HeldAddon) -> bool {
    known.registration.state == AddonState::Uninstalled
}

/// An add-on of which nobody has agreed to anything; what it asked for goes on waiting.
fn fresh(known: Option<&HeldAddon>, key: &StoredKey, agreeing: &Agreeing<'_>) -> HeldAddon {
    let wish = known.filter(|known| !is_gone(known));
    let wish = wish.and_then(|known| known.registration.wish.clone());
    HeldAddon {
        kind: known.map_or(AddonKind::Machine, |known| known.kind),
        registration: Registration {
            state: AddonState::Active,
            since: agreeing.at,
            approval: Some(Approval {
                by: agreeing.by.clone(),
                at: agreeing.at,
                scopes: scopes(&key.scopes),
                digest: String::new(),
                addresses: String::new(),
                version: 1,
            }),
            wish,
            rejected: Default::default(),
        },
        held_until: None,
    }
}

/// The same add-on with what the key has beside what was agreed to; none when it has nothing beside.
fn wider(known: &HeldAddon, key: &StoredKey, agreeing: &Agreeing<'_>) -> Option<HeldAddon> {
    let mut wider = known.clone();
    let approval = wider.registration.approval.as_mut()?;
    let chosen = scopes(&key.scopes);
    if chosen.without(approval.scopes.closure()).is_empty() {
        return None;
    }
    approval.scopes = approval.scopes.with(chosen);
    approval.version += 1;
    approval.by = agreeing.by.clone();
    approval.at = agreeing.at;
    Some(wider)
}

/// Grants that were chosen with the key and are not there yet. A further key of an add-on without a choice of its own gives
/// nothing: somebody may have limited the add-on since.
fn chosen(held: &Held, addon: &AddonKey, key: &StoredKey, places: &[Selector], is_new: bool) -> Vec<Grant> {
    let repositories = key
        .repositories
        .iter()
        .filter_map(|text| Selector::parse(text).ok());
    let mut selected: Vec<Selector> = repositories.chain(places.iter().cloned()).collect();
    let everything = is_new && selected.is_empty();
    if everything {
        selected.push(Selector::Everything);
    }
    let level = if everything { Level::Admin } else { Level::Write };
    let principal = Principal::Addon(addon.clone());
    let is_there = |selector: &Selector| {
        let mut own = held.grants_of(&principal).filter(|_| !is_new);
        own.any(|held| held.grant.selector == *selector && held.grant.right >= Right::Allow(level))
    };
    selected.retain(|selector| !is_there(selector));
    selected
        .into_iter()
        .map(|selector| Grant::new(selector, Right::Allow(level)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::RandomIds;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn key(words: &[&str], repositories: &[&str]) -> StoredKey {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        StoredKey {
            id: "k".to_owned(),
            digest: String::new(),
            owner: "addon:build".to_owned(),
            workspaces: Vec::new(),
            scopes: texts(words),
            repositories: texts(repositories),
            is_chosen: true,
            created: NOW,
            expires: NOW,
            revoked: None,
            last_used: None,
        }
    }

    fn said(held: &Held, key: &StoredKey, places: &[&str]) -> Vec<String> {
        let (addon, by) = (
            AddonKey::parse("build").unwrap(),
            PersonId::parse("root").unwrap(),
        );
        let places: Vec<Selector> = places.iter().map(|text| Selector::parse(text).unwrap()).collect();
        let agreeing = Agreeing {
            by: &by,
            caller: None,
            at: NOW,
            ids: &RandomIds,
        };
        let say = |change: RightsChange| match change {
            RightsChange::Addon(row) => format!("{} {}", row.state, row.approval.unwrap().scopes.join(" ")),
            RightsChange::Grant(row) => format!("{} on {}", row.allows, row.selector),
            other => panic!("{other:?}"),
        };
        changes(held, &addon, key, &places, &agreeing)
            .into_iter()
            .map(say)
            .collect()
    }

    fn known(held: &mut Held, key: &StoredKey) {
        let (addon, by) = (
            AddonKey::parse("build").unwrap(),
            PersonId::parse("root").unwrap(),
        );
        let agreeing = Agreeing {
            by: &by,
            caller: None,
            at: NOW,
            ids: &RandomIds,
        };
        held.addons.insert(addon, fresh(None, key, &agreeing));
    }

    #[test]
    fn a_first_key_makes_its_machine_active_where_it_was_chosen() {
        let nothing = Held::default();
        assert_eq!(
            said(&nothing, &key(&["events:read"], &[]), &[]),
            ["active events:read", "admin on *"]
        );
        assert_eq!(
            said(
                &nothing,
                &key(&["events:read"], &["repo:acme/app#7"]),
                &["env:production"]
            ),
            [
                "active events:read",
                "write on repo:acme/app#7",
                "write on env:production"
            ]
        );
    }

    #[test]
    fn a_further_key_adds_what_was_chosen_for_it_and_nothing_else() {
        let mut held = Held::default();
        known(&mut held, &key(&["events:read"], &[]));
        assert!(said(&held, &key(&["events:read"], &[]), &[]).is_empty());
        assert_eq!(
            said(&held, &key(&["graph:read"], &["repo:acme/app"]), &[]),
            ["active events:read graph:read", "write on repo:acme/app"]
        );
    }

    #[test]
    fn an_add_on_that_was_taken_away_begins_anew() {
        let mut held = Held::default();
        known(&mut held, &key(&["repo:write"], &[]));
        let addon = AddonKey::parse("build").unwrap();
        let gone = held.addons[&addon].registration.clone().uninstall(NOW).unwrap().0;
        held.addons.get_mut(&addon).unwrap().registration = gone;
        assert_eq!(
            said(&held, &key(&["events:read"], &[]), &[]),
            ["active events:read", "admin on *"]
        );
    }
}
