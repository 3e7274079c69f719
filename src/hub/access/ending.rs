//! What becomes of the rights of an add-on whose registration changes: when it ends nothing of them stays behind, and whoever comes
//! later under its name begins with nothing (security model 14, threat A8).

use super::held::{Held, HeldAddon, addon_row};
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Principal};
use crate::ports::rights::RightsChange;

/// An add-on as it is now, with what follows for its rights.
pub fn changes(held: &Held, addon: &AddonKey, after: &HeldAddon) -> Vec<RightsChange> {
    let has_ended = |addon: &HeldAddon| addon.registration.state == AddonState::Uninstalled;
    let mut changes = vec![RightsChange::Addon(addon_row(addon, after))];
    if has_ended(after) || held.addons.get(addon).is_some_and(has_ended) {
        changes.extend(without_rights(held, addon));
    }
    changes
}

/// Takes its grants, the trust in its name, consents to it and its terms.
fn without_rights(held: &Held, addon: &AddonKey) -> Vec<RightsChange> {
    let principal = Principal::Addon(addon.clone());
    let grants = held
        .grants_of(&principal)
        .map(|grant| RightsChange::NoGrant(grant.id.clone()));
    let trusts = held.trusts.iter().filter(|trust| trust.issuer.addon == *addon);
    let trusts = trusts.map(|trust| RightsChange::NoTrust(trust.id.clone()));
    let terms = held.terms_of(addon).into_iter().map(|term| RightsChange::NoTerm {
        addon: addon.as_str().to_owned(),
        term: term.word().to_owned(),
    });
    grants
        .chain(trusts)
        .chain(without_consents(held, addon))
        .chain(terms)
        .collect()
}

fn without_consents(held: &Held, addon: &AddonKey) -> Vec<RightsChange> {
    let consents = held.consents.get(addon).into_iter().flat_map(|consents| {
        let people = consents
            .people
            .iter()
            .map(|person| Some(person.as_str().to_owned()));
        people.chain(consents.everybody.then_some(None))
    });
    consents
        .map(|person| RightsChange::NoConsent {
            addon: addon.as_str().to_owned(),
            person,
        })
        .collect()
}
