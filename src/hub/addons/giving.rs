//! What administrators give and take: grants of add-ons and people, with what changes by it before it is done.

use std::sync::Arc;

use super::super::access::edit::{edit, tests_hold};
use super::super::access::held::{Held, HeldGrant, MAY_EXCEED, grant_row};
use super::super::access::numbers::{numbered, repositories};
use super::AddonError;
use crate::access::policy::{Difference, beyond, compare};
use crate::access::{Grant, PersonId, Principal, Resource, Snapshot};
use crate::model::Timestamp;
use crate::ports::hub::HubStore;
use crate::ports::rights::RightsChange;

/// A grant that somebody wants to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// To whom.
    pub principal: Principal,
    /// What.
    pub grant: Grant,
}

/// Who gives or takes.
#[derive(Debug, Clone)]
pub struct Giver {
    /// Their id.
    pub by: PersonId,
    /// What is known of them and others: nobody gives away what the forge does not give them. None at the hub's computer.
    pub snapshot: Option<Arc<Snapshot>>,
    /// When.
    pub at: Timestamp,
}

/// What comes of giving or taking.
#[derive(Debug, Clone)]
pub struct Given {
    /// The grant.
    pub grant: HeldGrant,
    /// Who gains and who loses what by it.
    pub differences: Vec<Difference>,
}

/// Gives a grant, or with `is_preview` says what that would change.
///
/// # Errors
/// [`AddonError`]; nothing has changed then.
pub async fn give(
    store: &dyn HubStore,
    workspaces: &[String],
    wanted: Wanted,
    giver: &Giver,
    (id, is_preview): (String, bool),
) -> Result<Given, AddonError> {
    let selector = numbered(store, workspaces, wanted.grant.selector.clone()).await?;
    let known = repositories(store, workspaces).await?;
    let new = HeldGrant {
        id,
        principal: wanted.principal,
        grant: Arc::new(Grant {
            selector,
            ..wanted.grant
        }),
        given_by: giver.by.as_str().to_owned(),
        given: giver.at,
    };
    edit(store, |held: &Held| -> Result<_, AddonError> {
        is_known(held, &new.principal)?;
        may_give(held, &new.grant, giver, &known)?;
        let changes = vec![RightsChange::Grant(grant_row(&new))];
        let given = effect(held, &changes, new.clone(), giver.at)?;
        Ok(done(changes, given, is_preview))
    })
    .await
}

/// Takes a grant away, or with `is_preview` says what that would change.
///
/// # Errors
/// [`AddonError`]; nothing has changed then.
pub async fn take(
    store: &dyn HubStore,
    id: &str,
    at: Timestamp,
    is_preview: bool,
) -> Result<Given, AddonError> {
    edit(store, |held: &Held| -> Result<_, AddonError> {
        let grant = held.grants.iter().find(|grant| grant.id == id);
        let grant = grant.cloned().ok_or_else(|| AddonError::NotThere {
            what: "grant",
            id: id.to_owned(),
        })?;
        let changes = vec![RightsChange::NoGrant(id.to_owned())];
        let taken = effect(held, &changes, grant, at)?;
        Ok(done(changes, taken, is_preview))
    })
    .await
}

fn done(changes: Vec<RightsChange>, given: Given, is_preview: bool) -> (Vec<RightsChange>, Given) {
    match is_preview {
        true => (Vec::new(), given),
        false => (changes, given),
    }
}

fn is_known(held: &Held, principal: &Principal) -> Result<(), AddonError> {
    let is_known = match principal {
        Principal::Addon(key) => held.addons.contains_key(key),
        // People are known elsewhere; a grant for somebody who never comes is of no use and does no harm.
        Principal::Person(_) => true,
        Principal::Anonymous => false,
    };
    match is_known {
        true => Ok(()),
        false => Err(AddonError::NotThere {
            what: "add-on",
            id: principal.to_string(),
        }),
    }
}

/// Whether the owner has switched off that nobody gives away what the forge does not give them.
pub fn may_exceed(held: &Held) -> bool {
    held.settings.get(MAY_EXCEED).is_some_and(|value| value == "true")
}

/// Nobody gives away what the forge does not give them, unless the owner has switched that rule off (security model 12.2).
fn may_give(held: &Held, grant: &Grant, giver: &Giver, known: &[Resource]) -> Result<(), AddonError> {
    let Some(snapshot) = giver.snapshot.as_ref().filter(|_| !may_exceed(held)) else {
        return Ok(());
    };
    let lacking = beyond([grant], &giver.by, known, snapshot, giver.at);
    if lacking.is_empty() {
        return Ok(());
    }
    let said = |(resource, level): &(Resource, crate::access::Level)| {
        format!("{} on {}", level.word(), resource.plain())
    };
    Err(AddonError::Beyond(lacking.iter().map(said).collect()))
}

/// What changes for whom.
fn effect(
    held: &Held,
    changes: &[RightsChange],
    grant: HeldGrant,
    now: Timestamp,
) -> Result<Given, AddonError> {
    tests_hold(held, changes, now)?;
    let after = held.with(changes)?;
    let only = |held: &Held| {
        let mut snapshot = held.snapshot(now);
        snapshot
            .addons
            .retain(|key, _| grant.principal == Principal::Addon(key.clone()));
        snapshot
    };
    let differences = compare(&only(held), &only(&after), &[], now);
    Ok(Given { grant, differences })
}
