//! Nobody gives away what the forge does not give them (security model 12.2), whichever way they give it: by a grant, by a policy,
//! or by a key that they make for a machine.

use std::sync::Arc;

use super::super::access::held::{BadRow, Held, HeldGrant, MAY_EXCEED, grant};
use super::super::access::numbers::repositories;
use super::AddonError;
use super::giving::Giver;
use crate::access::policy::beyond;
use crate::access::{Level, PersonId, Resource, Right, Selector, Snapshot};
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
    /// Where they stand, with what the forge says of them and all that these changes give.
    ///
    /// # Errors
    /// The memory. A forge that does not answer gives nobody anything.
    pub async fn standing(
        &self,
        store: &dyn HubStore,
        changes: &[RightsChange],
    ) -> Result<Standing, AddonError> {
        let mut standing = Standing {
            by: self.by.clone(),
            snapshot: None,
            known: Vec::new(),
            at: self.at,
        };
        if let Some(caller) = &self.caller {
            let given = given(changes)?;
            let allows = given.iter().filter(|given| given.grant.right > Right::Deny);
            let selectors: Vec<&Selector> = allows.map(|given| &given.grant.selector).collect();
            standing.known = known(store, &selectors).await?;
            let meant = meant(&selectors, &standing.known);
            standing.snapshot = Some(caller.snapshot_told_of(&meant).await?);
        }
        Ok(standing)
    }
}

/// The grants that these changes give.
fn given(changes: &[RightsChange]) -> Result<Vec<HeldGrant>, BadRow> {
    let given = changes.iter().filter_map(|change| {
        let RightsChange::Grant(row) = change else {
            return None;
        };
        Some(grant(row))
    });
    given.collect()
}

/// Repositories that the hub knows, where one of these is a wildcard.
async fn known(store: &dyn HubStore, selectors: &[&Selector]) -> Result<Vec<Resource>, HubStoreError> {
    if !selectors.iter().any(|selector| is_wildcard(selector)) {
        return Ok(Vec::new());
    }
    let keys = store.keys().await?;
    let mut workspaces: Vec<String> = keys.into_iter().flat_map(|key| key.workspaces).collect();
    workspaces.sort();
    workspaces.dedup();
    repositories(store, &workspaces).await
}

fn is_wildcard(selector: &Selector) -> bool {
    match selector {
        Selector::Owner(_) | Selector::Everything => true,
        Selector::One(_) => false,
    }
}

/// The repositories that these select.
fn meant(selectors: &[&Selector], known: &[Resource]) -> Vec<Resource> {
    let named = selectors.iter().filter_map(|selector| match *selector {
        Selector::One(resource @ Resource::Repository { .. }) => Some(resource),
        Selector::One(_) | Selector::Owner(_) | Selector::Everything => None,
    });
    let wildcards = || selectors.iter().filter(|selector| is_wildcard(selector));
    let within = known
        .iter()
        .filter(|resource| wildcards().any(|selector| selector.allows(resource)));
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
    /// Whether they may make these changes.
    ///
    /// # Errors
    /// They lack something that is given by them, and the owner has not switched that rule off.
    pub fn may_make(&self, held: &Held, changes: &[RightsChange]) -> Result<(), AddonError> {
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| !may_exceed(held)) else {
            return Ok(());
        };
        let given = given(changes)?;
        let given = given.iter().map(|given| &*given.grant);
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
