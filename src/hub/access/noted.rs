//! What has happened, for the audit log: whatever administrators changed is written down when it comes into force, by whichever door
//! it came, and so is what the hub does because of it.

use super::held::{Held, HeldAddon, HeldGrant, HeldTrust};
use crate::access::audit::{Change, Outcome};
use crate::access::registration::Approval;
use crate::access::snapshot::{AddonState, Consents};
use crate::access::{AddonKey, PersonId, Principal, Resource, Selector};
use crate::model::Timestamp;
use crate::ports::hub::StoredKey;
use crate::ports::people::{PersonState, StoredLink, StoredPerson};

/// Whoever it was, where what is kept does not say.
const NOBODY_SAYS: &str = "anonymous";

/// Whoever does what nobody has asked for just now.
const HUB: &str = "hub";

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Whose doing it was.
    pub by: String,
    /// Name of the operation that it was.
    pub operation: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// What came of it.
    pub outcome: Outcome,
    /// What is so now, such as `addon:build active: events:read`.
    pub said: String,
}

impl Noted {
    /// Something about no resource in particular that somebody has done.
    pub fn done(by: &str, operation: &'static str, said: String) -> Self {
        Self {
            by: by.to_owned(),
            operation,
            resource: Resource::Workspace,
            outcome: Outcome::Done,
            said,
        }
    }

    /// The same that the hub has done by itself.
    pub fn by_hub(operation: &'static str, outcome: Outcome, said: String) -> Self {
        Self {
            outcome,
            ..Self::done(HUB, operation, said)
        }
    }

    /// Whether it was somebody of whom nothing is known.
    pub(super) fn is_by_stranger(&self) -> bool {
        self.by == NOBODY_SAYS
    }

    /// Whether what is kept does not say who it was: nobody, or whoever is at the console.
    fn is_by_nobody(&self) -> bool {
        self.by == NOBODY_SAYS || self.by.strip_prefix("person:") == Some(PersonId::operator().as_str())
    }

    /// The same with whoever is known to have done it, where what is kept does not say who.
    #[must_use]
    pub fn by_whom(self, by: Option<&str>) -> Self {
        match by {
            Some(by) if self.is_by_nobody() => Self {
                by: by.to_owned(),
                ..self
            },
            Some(_) | None => self,
        }
    }

    /// As the log takes it.
    pub(super) fn change(&self) -> Change<'_> {
        Change {
            principal: &self.by,
            operation: self.operation,
            resource: &self.resource,
            outcome: self.outcome,
            said: &self.said,
        }
    }
}

/// What has happened to a key since it was looked at last.
pub(in super::super) fn of_key(before: Option<&StoredKey>, key: &StoredKey) -> Option<Noted> {
    let was_good = before.is_none_or(|before| before.revoked.is_none());
    match (before.is_some(), key.revoked.is_some()) {
        (_, true) if was_good => Some(nobody("key.revoke", format!("{} of {}", key.id, key.owner))),
        (false, false) => {
            let said = format!("{} of {}: {}", key.id, key.owner, key.scopes.join(" "));
            Some(nobody("key.create", said))
        }
        (true, false) | (_, true) => None,
    }
}

/// What happens to a key that is revoked.
pub(in super::super) fn of_revoked(key: &StoredKey, at: Timestamp) -> Option<Noted> {
    let revoked = StoredKey {
        revoked: Some(at),
        ..key.clone()
    };
    of_key(Some(key), &revoked)
}

/// What has happened to a person since they were looked at last.
pub(in super::super) fn of_person(before: Option<&StoredPerson>, person: &StoredPerson) -> Vec<Noted> {
    let id = &person.id;
    let Some(before) = before else {
        let said = format!("person:{id} has come in as {}", person.role.word());
        return vec![nobody("person.invite", said)];
    };
    let role = (before.role != person.role).then(|| {
        (
            "person.role",
            format!("person:{id} is {} now", person.role.word()),
        )
    });
    let state = (before.state != person.state).then(|| match person.state {
        PersonState::Suspended => ("person.suspend", format!("person:{id} is suspended now")),
        PersonState::Active => ("person.role", format!("person:{id} is let in again")),
    });
    let said = role.into_iter().chain(state);
    said.map(|(operation, said)| nobody(operation, said)).collect()
}

/// That a link was made by which somebody comes in.
pub(in super::super) fn of_link(link: &StoredLink) -> Noted {
    let person = &link.person;
    match &link.invited {
        Some(invited) => {
            let said = format!("invited person:{person} as {}", invited.role.word());
            nobody("person.invite", said)
        }
        None => nobody("credential.manage", format!("a link signs person:{person} in")),
    }
}

/// What differs between what was in force and what is.
pub fn noted(before: &Held, after: &Held) -> Vec<Noted> {
    let addons = after.addons.iter().filter_map(|(key, addon)| {
        let was = before.addons.get(key);
        let changed = was.is_none_or(|was| was.registration != addon.registration);
        changed.then(|| of_addon(&Principal::Addon(key.clone()), addon, was))
    });
    let given = after.grants.iter().filter(|grant| !has(before, grant));
    let given = given.map(|grant| of_grant(grant, "gave"));
    let taken = before.grants.iter().filter(|grant| !has(after, grant));
    // Who took one is not kept with what is left.
    let taken = taken.map(|grant| Noted {
        by: NOBODY_SAYS.to_owned(),
        ..of_grant(grant, "took")
    });
    let mut all: Vec<Noted> = addons.chain(given).chain(taken).collect();
    all.extend(settings(before, after));
    all
}

fn has(held: &Held, wanted: &HeldGrant) -> bool {
    held.grants.iter().any(|grant| grant == wanted)
}

fn of_addon(principal: &Principal, addon: &HeldAddon, was: Option<&HeldAddon>) -> Noted {
    let registration = &addon.registration;
    let asked = registration.asked();
    let asks = match asked.is_empty() {
        true => String::new(),
        false => format!(", asks for {asked}"),
    };
    let (by, operation) = deed(principal, addon, was);
    let said = format!(
        "{principal} {}: {}{asks}",
        registration.state.word(),
        registration.approved()
    );
    Noted::done(&by, operation, said)
}

/// Whose doing a change of an add-on is: of whoever agreed, of whoever switched it, or its own, as it said something else of itself.
fn deed(principal: &Principal, addon: &HeldAddon, was: Option<&HeldAddon>) -> (String, &'static str) {
    let registration = &addon.registration;
    let agreed = |approval: &Approval| (approval.by.clone(), approval.at);
    let before = was.and_then(|was| was.registration.approval.as_ref().map(agreed));
    let approval = registration.approval.as_ref().map(agreed);
    if let Some((by, _)) = approval.clone().filter(|_| approval != before) {
        return (format!("person:{}", by.as_str()), "addon.approve");
    }
    let operation = match registration.state {
        _ if was.is_none_or(|was| was.registration.state == registration.state) => "addon.register",
        AddonState::Pending => "addon.register",
        AddonState::Active => "addon.enable",
        AddonState::Disabled => "addon.disable",
        AddonState::Uninstalled => "addon.uninstall",
    };
    let by = match operation {
        "addon.register" => principal.to_string(),
        _ => NOBODY_SAYS.to_owned(),
    };
    (by, operation)
}

fn of_grant(grant: &HeldGrant, verb: &str) -> Noted {
    let resource = match &grant.grant.selector {
        Selector::One(resource) => resource.clone(),
        Selector::Owner(_) | Selector::Everything => Resource::Workspace,
    };
    Noted {
        by: format!("person:{}", grant.given_by),
        operation: "addon.grant",
        resource,
        outcome: Outcome::Done,
        said: format!("{verb} {}: {}", grant.principal, grant.grant.sentence()),
    }
}

fn settings(before: &Held, after: &Held) -> Vec<Noted> {
    let changed = after
        .settings
        .iter()
        .filter(|(name, value)| before.settings.get(*name) != Some(*value));
    let changed = changed.map(|(name, _)| nobody("policy.apply", format!("setting {name}")));
    changed
        .chain(trusts(before, after))
        .chain(terms(before, after))
        .chain(consents(before, after))
        .collect()
}

fn trusts(before: &Held, after: &Held) -> Vec<Noted> {
    let given = after.trusts.iter().filter(|trust| !before.trusts.contains(trust));
    let given = given.map(|trust| Noted {
        by: format!("person:{}", trust.given_by),
        ..of_trust(trust, "trusts")
    });
    let taken = before.trusts.iter().filter(|trust| !after.trusts.contains(trust));
    given
        .chain(taken.map(|trust| of_trust(trust, "trusts no more:")))
        .collect()
}

fn of_trust(trust: &HeldTrust, verb: &str) -> Noted {
    let said = format!("{verb} {}", trust.sentence());
    nobody("trust.change", said)
}

fn terms(before: &Held, after: &Held) -> Vec<Noted> {
    let keys = before.terms.keys().chain(after.terms.keys());
    let keys: std::collections::BTreeSet<&AddonKey> = keys.collect();
    let changed = keys
        .into_iter()
        .filter(|key| before.terms_of(key) != after.terms_of(key));
    let said = changed.map(|key| {
        let terms = after.terms_of(key);
        let words: Vec<&str> = terms.iter().map(|term| term.word()).collect();
        let words = if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(" ")
        };
        nobody("addon.terms", format!("addon:{} terms: {words}", key.as_str()))
    });
    said.collect()
}

/// For whom add-ons may act, as differences: one entry for each who agreed or took it back.
fn consents(before: &Held, after: &Held) -> Vec<Noted> {
    let all = |held: &Held| -> Vec<(AddonKey, Option<PersonId>)> {
        held.consents
            .iter()
            .flat_map(|(key, consents)| each(key, consents))
            .collect()
    };
    let (was, is) = (all(before), all(after));
    let given = is.iter().filter(|one| !was.contains(one));
    let taken = was.iter().filter(|one| !is.contains(one));
    given
        .map(|one| of_consent(one, ("consent.give", "may act for")))
        .chain(taken.map(|one| of_consent(one, ("consent.withdraw", "may not act any more for"))))
        .collect()
}

fn each(key: &AddonKey, consents: &Consents) -> Vec<(AddonKey, Option<PersonId>)> {
    let people = consents.people.iter().cloned().map(Some);
    people
        .chain(consents.everybody.then_some(None))
        .map(|whom| (key.clone(), whom))
        .collect()
}

fn of_consent((key, whom): &(AddonKey, Option<PersonId>), (operation, verb): (&'static str, &str)) -> Noted {
    let by = whom.as_ref().map(|person| format!("person:{}", person.as_str()));
    let whom = by.as_deref().unwrap_or("everybody");
    let said = format!("addon:{} {verb} {whom}", key.as_str());
    match by {
        Some(_) => nobody(operation, said),
        None => nobody("consent.everybody", said),
    }
}

/// Something that was done by somebody whom nothing names.
/// What was done by somebody of whom it is not said here who it was.
pub(in super::super) fn nobody(operation: &'static str, said: String) -> Noted {
    Noted::done(NOBODY_SAYS, operation, said)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::snapshot::Right;
    use crate::access::{AddonKey, Grant, Level};
    use crate::model::Timestamp;

    #[test]
    fn grants_that_come_and_go_are_noted_with_who_gave_them() {
        let grant = HeldGrant {
            id: "g".to_owned(),
            principal: Principal::Addon(AddonKey::parse("build").unwrap()),
            grant: Arc::new(Grant::new(
                Selector::parse("repo:acme/api").unwrap(),
                Right::Allow(Level::Write),
            )),
            given_by: "root".to_owned(),
            given: Timestamp::from_micros(0),
        };
        let with = Held {
            grants: vec![grant],
            ..Held::default()
        };
        let said = |before: &Held, after: &Held| {
            let noted = noted(before, after);
            let one = |noted: &Noted| {
                format!(
                    "{} {} {}: {}",
                    noted.by, noted.operation, noted.resource, noted.said
                )
            };
            noted.iter().map(one).collect::<Vec<_>>()
        };
        let none = Held::default();
        assert_eq!(
            said(&none, &with),
            ["person:root addon.grant repo:acme/api: gave addon:build: write on repo:acme/api"]
        );
        assert_eq!(
            said(&with, &none),
            ["anonymous addon.grant repo:acme/api: took addon:build: write on repo:acme/api"]
        );
        assert!(said(&with, &with).is_empty());
    }
}
