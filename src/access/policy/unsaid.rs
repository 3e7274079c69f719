//! Places of a policy that say no forge: they are at the only one that webhooks tell of, and at none where there are several (threat A8).

use super::Policy;
use crate::access::snapshot::Right;
use crate::access::{Grant, Selector};
use crate::model::{Diagnostic, Place};

/// Most places that are named.
const MOST_NAMED: usize = 5;

fn allowances(policy: &Policy) -> impl Iterator<Item = (&Grant, Option<&Place>)> {
    let addons = policy.addons.values();
    let grants = addons.flat_map(|addon| addon.grants.iter().map(|grant| (grant, addon.place.as_ref())));
    grants.filter(|(grant, _)| grant.right > Right::Deny)
}

/// What add-ons are allowed on repositories that says no forge.
pub fn unsaid_places(policy: &Policy) -> Vec<&Selector> {
    let selectors = allowances(policy).map(|(grant, _)| &grant.selector);
    selectors.filter(|selector| selector.is_of_any_forge()).collect()
}

/// A remark on them, where other places of the policy say a forge, so that there may be several.
pub fn unsaid(policy: &Policy) -> Option<Diagnostic> {
    let mut forges = allowances(policy).filter_map(|(grant, _)| grant.selector.forge());
    let forge = forges.next()?;
    let is_unsaid = |(grant, _): &(&Grant, _)| grant.selector.is_of_any_forge();
    let place = allowances(policy)
        .filter(is_unsaid)
        .find_map(|(_, place)| place)?;
    let message = format!(
        "{} no forge, and give nothing where webhooks tell of several",
        said(&unsaid_places(policy))
    );
    let hint = format!("say where they are, as in `repo:{forge}/owner/name`");
    Some(Diagnostic::warning("no_forge", place.clone(), message).hint(hint))
}

/// For people: ``allowances on `repo:acme/api` say``.
fn said(places: &[&Selector]) -> String {
    let named = places.iter().take(MOST_NAMED).map(|place| format!("`{place}`"));
    let named = named.collect::<Vec<_>>().join(", ");
    match places.len().saturating_sub(MOST_NAMED) {
        0 => format!("allowances on {named} say"),
        more => format!("allowances on {named} and {more} more say"),
    }
}
