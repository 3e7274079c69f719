//! What administrators give and take: grants of add-ons and people, with what changes by it before it is done.

use std::sync::Arc;

use super::super::access::Caller;
use super::super::access::edit::{edit, tests_hold};
use super::super::access::held::{Held, HeldGrant, grant_row};
use super::super::access::numbers::placed;
use super::AddonError;
use super::beyond::{given, workspaces_of, workspaces_of_keys};
use crate::access::policy::{Difference, compare};
use crate::access::{Grant, PersonId, Principal, Right};
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
    /// What they came with, by which the forge knows them; none at the hub's computer.
    pub caller: Option<Caller>,
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
    wanted: Wanted,
    giver: &Giver,
    (id, is_preview): (String, bool),
) -> Result<Given, AddonError> {
    let place = (wanted.grant.selector.clone(), wanted.grant.right);
    let workspaces = match wanted.grant.right {
        Right::Deny => workspaces_of_keys(store).await?,
        Right::Allow(_) => workspaces_of(store, &wanted.principal).await?,
    };
    let selector = placed(store, &workspaces, place).await?;
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
    let changes = vec![RightsChange::Grant(grant_row(&new))];
    let gives = [Grant::clone(&new.grant)];
    let standing = giver.standing(store, &gives).await?;
    edit(store, giver.at, |held: &Held| -> Result<_, AddonError> {
        is_known(held, &new.principal)?;
        standing.may_give(held, &gives)?;
        let given = effect(held, &changes, new.clone(), giver.at)?;
        Ok(done(changes.clone(), given, is_preview))
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
    giver: &Giver,
    is_preview: bool,
) -> Result<Given, AddonError> {
    let (at, changes) = (giver.at, vec![RightsChange::NoGrant(id.to_owned())]);
    let now = Held::try_from(store.rights().await?)?;
    let standing = giver.standing(store, &given(&now, &changes, at)?).await?;
    edit(store, at, |held: &Held| -> Result<_, AddonError> {
        let grant = held.grants.iter().find(|grant| grant.id == id);
        let grant = grant.cloned().ok_or_else(|| AddonError::NotThere {
            what: "grant",
            id: id.to_owned(),
        })?;
        standing.may_give(held, &given(held, &changes, at)?)?;
        let taken = effect(held, &changes, grant, at)?;
        Ok(done(changes.clone(), taken, is_preview))
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
