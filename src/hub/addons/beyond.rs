//! Nobody gives away what the forge does not give them (security model 12.2), whichever way they give it: by a grant, by a policy,
//! by a key that they make for a machine, by trust in an issuer whose jobs are one, or by taking a denial away.

use std::sync::Arc;

use super::super::access::held::{BadRow, Held, HeldGrant, MAY_EXCEED, grant};
use super::super::access::numbers::repositories;
use super::AddonError;
use super::giving::Giver;
use crate::access::policy::beyond;
use crate::access::{AddonKey, Grant, Level, PersonId, Principal, Resource, Right, Selector, Snapshot};
use crate::model::Timestamp;
use crate::ports::hub::{HubStore, HubStoreError};
use crate::ports::rights::RightsChange;

/// Most repositories of a wildcard of which the forge is asked; nobody gives away more at once.
const MOST_ASKED: usize = 500;

/// Most places that a refusal names.
const MOST_NAMED: usize = 10;

/// Where somebody stands who gives something away, as the forge says it now.
#[derive(Debug)]
pub struct Standing {
    by: PersonId,
    /// None at the hub's computer.
    snapshot: Option<Arc<Snapshot>>,
    /// Repositories that a wildcard may mean.
    known: Vec<Resource>,
    at: Timestamp,
}

impl Giver {
    /// Where they stand, with what the forge says of them on all that is given.
    ///
    /// # Errors
    /// The memory. A forge that does not answer gives nobody anything.
    pub async fn standing(&self, store: &dyn HubStore, given: &[Grant]) -> Result<Standing, AddonError> {
        let mut standing = Standing {
            by: self.by.clone(),
            snapshot: None,
            known: Vec::new(),
            at: self.at,
        };
        if let Some(caller) = &self.caller {
            let allows = given.iter().filter(|given| given.right > Right::Deny);
            let selectors: Vec<&Selector> = allows.map(|given| &given.selector).collect();
            standing.known = known(store, &selectors).await?;
            let told = store.told_forges().await?;
            let meant = meant(&selectors, &standing.known, told.only(&[]));
            standing.snapshot = Some(caller.snapshot_told_of(&meant).await?);
        }
        Ok(standing)
    }
}

/// What somebody gives by these changes: grants, what add-ons have whose jobs are trusted, and what a denial has kept back that goes.
///
/// # Errors
/// What is kept cannot be read.
pub(in super::super) fn given(
    held: &Held,
    changes: &[RightsChange],
    at: Timestamp,
) -> Result<Vec<Grant>, BadRow> {
    let is_gone = |grant: &HeldGrant| {
        let mut gone = changes.iter();
        gone.any(|change| matches!(change, RightsChange::NoGrant(id) if *id == grant.id))
    };
    let mut all = Vec::new();
    for change in changes {
        match change {
            RightsChange::Grant(row) => all.push(Grant::clone(&grant(row)?.grant)),
            RightsChange::Trust(row) => {
                if let Ok(addon) = AddonKey::parse(&row.addon) {
                    all.extend(reached(held, &Principal::Addon(addon), &[], at));
                }
            }
            RightsChange::NoGrant(id) => {
                let denials = held.grants.iter().filter(|held| held.grant.right == Right::Deny);
                let mut denials = denials.filter(|held| held.id == *id && held.grant.is_live(at));
                if let Some(denial) = denials.next() {
                    let limit = [denial.grant.selector.clone()];
                    let kept = held.grants_of(&denial.principal).filter(|grant| !is_gone(grant));
                    all.extend(allowed(kept, &limit, at));
                }
            }
            RightsChange::Addon(_)
            | RightsChange::Consent(_)
            | RightsChange::NoConsent { .. }
            | RightsChange::Term(_)
            | RightsChange::NoTerm { .. }
            | RightsChange::NoTrust(_)
            | RightsChange::Setting { .. }
            | RightsChange::Deed(_)
            | RightsChange::AtConsole(_) => {}
        }
    }
    Ok(all)
}

/// What somebody has now, within these limits where there are any.
pub(in super::super) fn reached(
    held: &Held,
    principal: &Principal,
    limits: &[Selector],
    at: Timestamp,
) -> Vec<Grant> {
    allowed(held.grants_of(principal), limits, at)
}

fn allowed<'h>(
    grants: impl Iterator<Item = &'h HeldGrant>,
    limits: &[Selector],
    at: Timestamp,
) -> Vec<Grant> {
    let allowed = grants.map(|held| &held.grant);
    let allowed = allowed.filter(|grant| grant.is_live(at) && grant.right > Right::Deny);
    let within = |grant: &Arc<Grant>| -> Vec<Grant> {
        let narrower = limits.iter().filter_map(|limit| common(&grant.selector, limit));
        let selectors: Vec<Selector> = match limits.is_empty() {
            true => vec![grant.selector.clone()],
            false => narrower.collect(),
        };
        let narrowed = selectors.into_iter();
        narrowed
            .map(|selector| Grant::new(selector, grant.right))
            .collect()
    };
    allowed.flat_map(within).collect()
}

/// What two selectors have in common; the narrower one.
fn common(one: &Selector, other: &Selector) -> Option<Selector> {
    let (wide, narrow) = match (one, other) {
        (Selector::Everything, narrow) | (narrow, Selector::Everything) => return Some(narrow.clone()),
        (Selector::One(_), Selector::Owner(_)) => (other, one),
        (Selector::Owner(_), Selector::Owner(_) | Selector::One(_))
        | (Selector::One(_), Selector::One(_)) => (one, other),
    };
    let is_within = match narrow {
        Selector::One(resource) => wide.denies(resource, None),
        Selector::Owner(_) | Selector::Everything => wide == narrow,
    };
    is_within.then(|| narrow.clone())
}

/// Repositories that the hub knows, where one of these is a wildcard.
async fn known(store: &dyn HubStore, selectors: &[&Selector]) -> Result<Vec<Resource>, HubStoreError> {
    if !selectors.iter().any(|selector| is_wildcard(selector)) {
        return Ok(Vec::new());
    }
    repositories(store, &workspaces_of_keys(store).await?).await
}

/// The workspaces that keys are for.
pub(super) async fn workspaces_of_keys(store: &dyn HubStore) -> Result<Vec<String>, HubStoreError> {
    let keys = store.keys().await?;
    let mut workspaces: Vec<String> = keys.into_iter().flat_map(|key| key.workspaces).collect();
    workspaces.sort();
    workspaces.dedup();
    Ok(workspaces)
}

/// The workspaces in which rights of somebody count: those that an add-on has keys for, is installed in, or has jobs of that are trusted, and all
/// where it has none.
pub(super) async fn workspaces_of(
    store: &dyn HubStore,
    principal: &Principal,
) -> Result<Vec<String>, AddonError> {
    let mut workspaces = Vec::new();
    if let Principal::Addon(key) = principal {
        let owner = principal.to_string();
        let keys = store.keys().await?.into_iter().filter(|own| own.owner == owner);
        workspaces.extend(keys.flat_map(|own| own.workspaces));
        let extension = store.extension(key.as_str()).await?;
        workspaces.extend(extension.into_iter().flat_map(|own| own.workspaces));
        let trusts = Held::try_from(store.rights().await?)?.trusts.into_iter();
        let trusts = trusts.filter(|trust| trust.issuer.addon == *key);
        workspaces.extend(trusts.flat_map(|trust| trust.workspaces));
    }
    match workspaces.is_empty() {
        true => Ok(workspaces_of_keys(store).await?),
        false => Ok(workspaces),
    }
}

fn is_wildcard(selector: &Selector) -> bool {
    match selector {
        Selector::Owner(_) | Selector::Everything => true,
        Selector::One(_) => false,
    }
}

/// The repositories that these select.
fn meant(selectors: &[&Selector], known: &[Resource], only: Option<&str>) -> Vec<Resource> {
    let named = selectors.iter().filter_map(|selector| match *selector {
        Selector::One(resource @ Resource::Repository { .. }) => Some(resource),
        Selector::One(_) | Selector::Owner(_) | Selector::Everything => None,
    });
    let wildcards = || selectors.iter().filter(|selector| is_wildcard(selector));
    let within = known
        .iter()
        .filter(|resource| wildcards().any(|selector| selector.allows(resource, only)));
    let mut meant: Vec<Resource> = named.chain(within).cloned().collect();
    meant.sort();
    meant.dedup();
    meant.truncate(MOST_ASKED);
    meant
}

/// Whether the owner has switched off that nobody gives away what the forge does not give them.
pub fn may_exceed(held: &Held) -> bool {
    held.settings.get(MAY_EXCEED).is_some_and(|value| value == "true")
}

impl Standing {
    /// Whether they may give this.
    ///
    /// # Errors
    /// They lack something of it, and the owner has not switched that rule off.
    pub fn may_give(&self, held: &Held, given: &[Grant]) -> Result<(), AddonError> {
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| !may_exceed(held)) else {
            return Ok(());
        };
        let lacking = beyond(given, &self.by, &self.known, snapshot, self.at);
        match lacking.is_empty() {
            true => Ok(()),
            false => Err(AddonError::Beyond(named(&lacking))),
        }
    }
}

fn named(lacking: &[(Resource, Level)]) -> Vec<String> {
    let said = |(resource, level): &(Resource, Level)| format!("{} on {}", level.word(), resource.plain());
    let mut named: Vec<String> = lacking.iter().take(MOST_NAMED).map(said).collect();
    if lacking.len() > MOST_NAMED {
        named.push(format!("and {} more", lacking.len() - MOST_NAMED));
    }
    named
}
