//! What administrators answer: agree to what an add-on asks for, reject it, switch it off and on, take it away.

use std::collections::BTreeMap;

use super::super::access::edit::{edit, edit_unasked};
use super::super::access::ending;
use super::super::access::held::{Held, HeldAddon};
use super::super::access::noted::of_revoked;
use super::super::console;
use super::AddonError;
use crate::access::registration::{Changed, Consent, Effect, Registration, Unchanged};
use crate::access::{AddonKey, PersonId, Principal, ScopeSet};
use crate::model::Timestamp;
use crate::ports::hub::{HubStore, HubStoreError};
use crate::ports::rights::RightsChange;

/// An administrator's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may have this.
    Approve {
        /// SHA-256 of what was shown.
        shown: String,
        /// What of it; everything that it asks for and that is available when none is named.
        scopes: Option<ScopeSet>,
        /// Scopes of high sensitivity that were agreed to one by one.
        ticked: ScopeSet,
    },
    /// It may not have more than it has.
    Reject,
    /// It is switched off.
    Disable,
    /// It is at work again.
    Enable,
    /// It is taken away.
    Uninstall,
}

/// Who answers, and when.
#[derive(Debug, Clone, Copy)]
pub struct Answering<'a> {
    /// Who.
    pub by: &'a PersonId,
    /// When.
    pub at: Timestamp,
}

/// Gives an answer, and does in the memory what follows from it. What follows elsewhere (handshakes, hooks) is told.
///
/// # Errors
/// [`AddonError`]; nothing has changed then.
pub async fn answer(
    store: &dyn HubStore,
    addon: &AddonKey,
    answer: &Answer,
    answering: Answering<'_>,
) -> Result<(HeldAddon, Vec<Effect>), AddonError> {
    let decide = |held: &Held| decided(held, addon, answer, answering);
    let (after, effects) = edit(store, answering.at, decide).await?;
    for effect in &effects {
        follow(store, addon, effect, answering.at).await?;
    }
    Ok((after, effects))
}

/// What changes, the add-on afterwards, and what follows.
type Decided = (Vec<RightsChange>, (HeldAddon, Vec<Effect>));

fn decided(
    held: &Held,
    addon: &AddonKey,
    answer: &Answer,
    answering: Answering<'_>,
) -> Result<Decided, AddonError> {
    let known = held.addons.get(addon).ok_or_else(|| AddonError::NotThere {
        what: "add-on",
        id: addon.as_str().to_owned(),
    })?;
    if let Answer::Approve {
        scopes: Some(scopes), ..
    } = answer
        && !scopes.not_yet().is_empty()
    {
        return Err(AddonError::NotYet(scopes.not_yet()));
    }
    let (registration, effects) = changed(&known.registration, answer, answering)?;
    let after = HeldAddon::changed(Some(known), known.kind, registration, &effects);
    Ok((ending::changes(held, addon, &after), (after, effects)))
}

fn changed(before: &Registration, answer: &Answer, answering: Answering<'_>) -> Changed {
    let before = before.clone();
    match answer {
        Answer::Approve {
            shown,
            scopes,
            ticked,
        } => {
            let wish = before.wish.as_ref().ok_or(Unchanged::NothingAsked)?;
            let scopes = scopes.unwrap_or(wish.scopes.without(wish.scopes.not_yet()));
            let consent = Consent {
                by: answering.by.clone(),
                at: answering.at,
                shown: shown.clone(),
                scopes,
                ticked: *ticked,
            };
            before.approve(consent)
        }
        Answer::Reject => before.reject(answering.at),
        Answer::Disable => before.disable(answering.at),
        Answer::Enable => before.enable(answering.at),
        Answer::Uninstall => before.uninstall(answering.at),
    }
}

/// Does in the memory what follows from a change.
async fn follow(
    store: &dyn HubStore,
    addon: &AddonKey,
    effect: &Effect,
    now: Timestamp,
) -> Result<(), HubStoreError> {
    match effect {
        Effect::HoldEvents(until) => {
            let registrations = registrations(store, addon).await?;
            store.keep_alive(&registrations, *until).await.map(drop)
        }
        Effect::DestroySecrets => {
            for registration in registrations(store, addon).await? {
                store.drop_registration(&registration).await?;
            }
            let owner = Principal::Addon(addon.clone()).to_string();
            for key in store.keys().await?.iter().filter(|key| key.owner == owner) {
                let deeds = console::deeds(of_revoked(key, now));
                store.revoke_key(&key.id, now, &deeds).await?;
            }
            Ok(())
        }
        // Every hub looks whom it talks to again and again, and ends what may not be; tokens would come back with the add-on.
        Effect::EndConnections => store.revoke_tokens(addon.as_str(), None, now).await.map(|_| ()),
        // These are for whoever speaks with the add-on.
        Effect::TellAdministrators(_)
        | Effect::Install(_)
        | Effect::Enabled
        | Effect::Disabled
        | Effect::Uninstalled => Ok(()),
    }
}

/// Ids of what an add-on's machines registered.
async fn registrations(store: &dyn HubStore, addon: &AddonKey) -> Result<Vec<String>, HubStoreError> {
    let owner = Principal::Addon(addon.clone()).to_string();
    let keys = store.keys().await?;
    let owners: BTreeMap<&str, &str> = keys
        .iter()
        .map(|key| (key.id.as_str(), key.owner.as_str()))
        .collect();
    let all = store.registrations().await?;
    let own = all
        .into_iter()
        .filter(|one| owners.get(one.principal.as_str()) == Some(&owner.as_str()));
    Ok(own.map(|one| one.id).collect())
}

/// Ends registrations for which nobody has answered in a week.
///
/// # Errors
/// [`AddonError`].
pub async fn expire(store: &dyn HubStore, held: &Held, now: Timestamp) -> Result<usize, AddonError> {
    let is_over = |addon: &HeldAddon| addon.registration.clone().expire(now).is_ok();
    if !held.addons.values().any(is_over) {
        return Ok(0);
    }
    edit_unasked(store, now, |held: &Held| -> Result<_, AddonError> {
        let ended = held.addons.iter().filter_map(|(key, addon)| {
            let (registration, _) = addon.registration.clone().expire(now).ok()?;
            let after = HeldAddon {
                registration,
                ..addon.clone()
            };
            Some(ending::changes(held, key, &after))
        });
        let ended: Vec<Vec<RightsChange>> = ended.collect();
        let count = ended.len();
        Ok((ended.concat(), count))
    })
    .await
}
