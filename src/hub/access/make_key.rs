//! Makes keys, at the hub's computer and on its pages.

use std::time::Duration;

use super::super::addons::AddonError;
use super::super::administration::{AdministrationError, KeyWish};
use super::super::console;
use super::super::refusal::Refusal;
use super::agreed::{Agreeing, agree};
use super::held::words;
use super::key::{KeyKind, MOST_OF_AN_OWNER, NewKey, USUAL_LIFE};
use super::noted::of_key;
use super::numbers::placed;
use super::operations::{MACHINE_SCOPES, SCOPES};
use crate::access::{Level, Principal, Right, ScopeSet, Selector};
use crate::model::suggest::nearest;
use crate::ports::hub::{HubStore, StoredKey};

/// What a key gives where it is for.
const GIVES: Right = Right::Allow(Level::Write);

/// Longest id of a workspace.
const LONGEST_WORKSPACE: usize = 64;

/// A day.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Makes a key; its text is shown now or never. Whoever makes it agrees to what its machine may do with it.
///
/// # Errors
/// A workspace, a scope or a place is none, the owner has too many keys, or whoever makes it may not agree to that.
pub async fn make_key(
    store: &dyn HubStore,
    wish: &KeyWish,
    agreeing: &Agreeing<'_>,
) -> Result<(StoredKey, String), AdministrationError> {
    let kind = match wish.is_person {
        true => KeyKind::Person,
        false => KeyKind::Addon,
    };
    let owner = kind.owner(&wish.name);
    Principal::parse(&owner)?;
    if let Some(id) = wish.workspaces.iter().find(|id| !is_workspace(id)) {
        return Err(AdministrationError::Workspace(id.clone()));
    }
    has_room(store, &owner, agreeing).await?;
    let mut repositories = Vec::new();
    for text in &wish.repositories {
        let selector = Selector::parse(&format!("repo:{text}"))?;
        let wanted = (selector, GIVES);
        let selector = placed(store, &wish.workspaces, wanted)
            .await
            .map_err(AddonError::from)?;
        repositories.push(selector.to_string());
    }
    let mut places = Vec::new();
    for text in &wish.places {
        let wanted = (Selector::parse(text)?, GIVES);
        places.push(
            placed(store, &wish.workspaces, wanted)
                .await
                .map_err(AddonError::from)?,
        );
    }
    let new = NewKey {
        kind,
        name: wish.name.clone(),
        workspaces: wish.workspaces.clone(),
        scopes: scopes(wish)?,
        repositories,
        is_chosen: !wish.waits,
        life: wish.days.map_or(USUAL_LIFE, |days| DAY * days),
    };
    let (key, text) = new.make(agreeing.at);
    agree(store, &key, &places, agreeing).await?;
    store.add_key(&key, &console::deeds(of_key(None, &key))).await?;
    Ok((key, text))
}

/// Whether a text can be the id of a workspace: it stands in addresses.
fn is_workspace(text: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !matches!(text, "" | "." | "..") && text.len() <= LONGEST_WORKSPACE && text.chars().all(is_legal)
}

/// What whoever asked for a key is told that was not made.
pub(in super::super) fn not_made(error: AdministrationError) -> Refusal {
    match error {
        AdministrationError::Store(error) => error.into(),
        AdministrationError::TooMany(_) => Refusal::conflict(error.to_string()),
        AdministrationError::Edit(error) => error.into(),
        AdministrationError::Addon(error) => error.into(),
        other => Refusal::bad("invalid_key", other.to_string()),
    }
}

/// The scopes that are wished for; those of a machine when none are named, and all that are available when it waits for consent.
fn scopes(wish: &KeyWish) -> Result<Vec<String>, AdministrationError> {
    if let Some(scope) = wish.scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
        let near = nearest(scope, SCOPES.iter().copied()).map(str::to_owned);
        let scope = scope.clone();
        return Err(AdministrationError::Scope { scope, near });
    }
    let all = ScopeSet::all();
    let named = ScopeSet::parse(wish.scopes.iter().map(String::as_str)).unwrap_or_default();
    if !named.not_yet().is_empty() {
        return Err(AddonError::NotYet(named.not_yet()).into());
    }
    Ok(match (wish.scopes.as_slice(), wish.waits) {
        ([], true) => words(all.without(all.not_yet())),
        ([], false) => MACHINE_SCOPES.iter().map(ToString::to_string).collect(),
        (named, _) => named.to_vec(),
    })
}

async fn has_room(
    store: &dyn HubStore,
    owner: &str,
    agreeing: &Agreeing<'_>,
) -> Result<(), AdministrationError> {
    let keys = store.keys().await?;
    let is_good = |key: &&StoredKey| key.owner == owner && key.revoked.is_none() && key.expires > agreeing.at;
    match keys.iter().filter(is_good).count() >= MOST_OF_AN_OWNER {
        true => Err(AdministrationError::TooMany(owner.to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_workspaces_are_single_steps_of_an_address() {
        for text in ["main", "A1", "acme.org_x-1", "..a", "x".repeat(64).as_str()] {
            assert!(is_workspace(text), "{text}");
        }
        for text in ["", ".", "..", "../x", "a b", "a/b", "é", "x".repeat(65).as_str()] {
            assert!(!is_workspace(text), "{text}");
        }
    }
}
