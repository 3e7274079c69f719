//! What administrators changed, for the audit log: whatever has come into force is written down, by whichever door it came.

use super::held::{Held, HeldAddon, HeldGrant, HeldTrust};
use crate::access::{AddonKey, Principal, Resource, Selector};

/// Whoever it was, where what is kept does not say.
const NOBODY_SAYS: &str = "anonymous";

/// Something that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Who changed it.
    pub by: String,
    /// Name of the operation that it was.
    pub operation: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// What has come into force, such as `addon:build active: events:read`.
    pub said: String,
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
    let is_agreed = was.is_none_or(|was| was.registration.approval != registration.approval);
    let by = registration.approval.as_ref().filter(|_| is_agreed);
    let asked = registration.asked();
    let asks = match asked.is_empty() {
        true => String::new(),
        false => format!(", asks for {asked}"),
    };
    Noted {
        by: by.map_or_else(
            || principal.to_string(),
            |approval| format!("person:{}", approval.by.as_str()),
        ),
        operation: "addon.approve",
        resource: Resource::Workspace,
        said: format!(
            "{principal} {}: {}{asks}",
            registration.state.word(),
            registration.approved()
        ),
    }
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
        said: format!("{verb} {}: {}", grant.principal, grant.grant.sentence()),
    }
}

fn settings(before: &Held, after: &Held) -> Vec<Noted> {
    let changed = after
        .settings
        .iter()
        .filter(|(name, value)| before.settings.get(*name) != Some(*value));
    let mut all: Vec<Noted> = changed
        .map(|(name, _)| anonymous("policy.apply", format!("setting {name}")))
        .collect();
    all.extend(trusts(before, after));
    all.extend(terms(before, after));
    if before.consents != after.consents {
        all.push(anonymous("consent.everybody", "consents".to_owned()));
    }
    all
}

fn trusts(before: &Held, after: &Held) -> impl Iterator<Item = Noted> {
    let of_trust = |trust: &HeldTrust, by: String, verb: &str| Noted {
        by,
        operation: "trust.change",
        resource: Resource::Workspace,
        said: format!("{verb} {}", trust.sentence()),
    };
    let missing = |from: &Held, other: &Held| {
        let all = from.trusts.iter();
        let missing = all.filter(|trust| !other.trusts.contains(trust));
        missing.cloned().collect::<Vec<_>>()
    };
    let come = missing(after, before).into_iter().map(move |trust| {
        let by = format!("person:{}", trust.given_by);
        of_trust(&trust, by, "trusts")
    });
    let gone = missing(before, after);
    // Who took it back is not kept with what is left.
    let gone = gone
        .into_iter()
        .map(move |trust| of_trust(&trust, NOBODY_SAYS.to_owned(), "trusts no more:"));
    come.chain(gone).collect::<Vec<_>>().into_iter()
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
        anonymous("addon.terms", format!("addon:{} terms: {words}", key.as_str()))
    });
    said.collect()
}

fn anonymous(operation: &'static str, said: String) -> Noted {
    Noted {
        by: NOBODY_SAYS.to_owned(),
        operation,
        resource: Resource::Workspace,
        said,
    }
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
