//! On which terms add-ons are at work, and which issuers of job tokens are trusted, as administrators set it.

use super::super::access::edit::edit;
use super::super::access::held::{Held, HeldTrust, trust_row};
use super::AddonError;
use super::beyond::given;
use super::giving::Giver;
use crate::access::scope::ScopeSet;
use crate::access::{AddonKey, Terms};
use crate::model::Timestamp;
use crate::ports::hub::HubStore;
use crate::ports::rights::{RightsChange, StoredTerm};

/// Most issuers that are trusted at a time.
pub const MOST_TRUSTS: usize = 200;

/// Sets the terms of an add-on: these and no others.
///
/// # Errors
/// There is no such add-on, or the memory does not answer.
pub async fn set_terms(
    store: &dyn HubStore,
    addon: &AddonKey,
    terms: &Terms,
    giver: &Giver,
) -> Result<(), AddonError> {
    edit(store, giver.at, |held: &Held| -> Result<_, AddonError> {
        is_there(held, addon)?;
        Ok((changed_terms(held, addon, terms, giver), ()))
    })
    .await
}

/// What changes when an add-on is to have these terms and no others.
pub(super) fn changed_terms(
    held: &Held,
    addon: &AddonKey,
    wanted: &Terms,
    giver: &Giver,
) -> Vec<RightsChange> {
    let known = held.terms_of(addon);
    let gone = known.difference(wanted).map(|term| RightsChange::NoTerm {
        addon: addon.as_str().to_owned(),
        term: term.word().to_owned(),
    });
    let come = wanted.difference(&known).map(|term| {
        RightsChange::Term(StoredTerm {
            addon: addon.as_str().to_owned(),
            term: term.word().to_owned(),
            given_by: giver.by.as_str().to_owned(),
            given: giver.at,
        })
    });
    gone.chain(come).collect()
}

/// Trusts an issuer of job tokens.
///
/// # Errors
/// It would let in strangers, names no add-on that is there or nothing that its jobs may do, or one that may do more than whoever
/// trusts has on the forge; or there are too many.
pub async fn trust(store: &dyn HubStore, new: &HeldTrust, giver: &Giver) -> Result<(), AddonError> {
    new.issuer.check().map_err(AddonError::Untrustworthy)?;
    if new.issuer.limit.scopes.is_none_or(ScopeSet::is_empty) || new.workspaces.is_empty() {
        return Err(AddonError::EmptyTrust);
    }
    let changes = vec![RightsChange::Trust(trust_row(new))];
    let now = Held::try_from(store.rights().await?)?;
    let standing = giver.standing(store, &given(&now, &changes, new.given)?).await?;
    edit(store, new.given, |held: &Held| -> Result<_, AddonError> {
        is_there(held, &new.issuer.addon)?;
        standing.may_give(held, &given(held, &changes, new.given)?)?;
        if held.trusts.len() >= MOST_TRUSTS {
            return Err(AddonError::TooManyTrusts);
        }
        Ok((changes.clone(), ()))
    })
    .await
}

/// Trusts an issuer no more: tokens of its jobs end now.
///
/// # Errors
/// There is no trust of this id.
pub async fn distrust(store: &dyn HubStore, id: &str, at: Timestamp) -> Result<HeldTrust, AddonError> {
    edit(store, at, |held: &Held| -> Result<_, AddonError> {
        let found = held.trusts.iter().find(|trust| trust.id == id);
        let found = found.cloned().ok_or_else(|| AddonError::NotThere {
            what: "trust",
            id: id.to_owned(),
        })?;
        Ok((vec![RightsChange::NoTrust(id.to_owned())], found))
    })
    .await
}

fn is_there(held: &Held, addon: &AddonKey) -> Result<(), AddonError> {
    match held.addons.contains_key(addon) {
        true => Ok(()),
        false => Err(AddonError::NotThere {
            what: "add-on",
            id: addon.as_str().to_owned(),
        }),
    }
}
