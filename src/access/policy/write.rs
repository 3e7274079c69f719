//! A policy as text again: what is in force, to be kept, reviewed, changed and applied.

use std::fmt::Write as _;

use crate::access::snapshot::{Consents, Right, Role};
use crate::access::{Grant, PersonId, Snapshot};

use super::{AddonPolicy, PersonPolicy, Policy, PolicyTest, TrustPolicy};

impl Policy {
    /// What is in force, without trust and tests, on which no decision depends.
    pub fn of(snapshot: &Snapshot) -> Self {
        let grants =
            |grants: &[std::sync::Arc<Grant>]| grants.iter().map(|grant| (**grant).clone()).collect();
        let addons = snapshot.addons.iter().map(|(key, addon)| {
            let policy = AddonPolicy {
                scopes: addon.approved,
                grants: grants(&addon.grants),
                acts_for: addon.consents.clone(),
                terms: addon.terms.clone(),
                place: None,
            };
            (key.clone(), policy)
        });
        let people = snapshot.people.iter().map(|(id, person)| {
            let policy = PersonPolicy {
                role: person.role,
                grants: grants(&person.grants),
                place: None,
            };
            (id.clone(), policy)
        });
        Self {
            addons: addons.collect(),
            people: people.collect(),
            trusts: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// As it is read.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        section(&mut text, "addons", &self.addons, |text, key, addon| {
            line(text, 1, &format!("{}:", quoted(key.as_str())));
            line(text, 2, &format!("scopes: [{}]", listed(addon.scopes.names())));
            grants(text, &addon.grants);
            consents(text, &addon.acts_for);
            terms(text, addon);
        });
        section(&mut text, "people", &self.people, |text, id, person| {
            line(text, 1, &format!("{}:", quoted(id.as_str())));
            if person.role == Role::Admin {
                line(text, 2, "role: admin");
            } else {
                line(text, 2, "role: member");
            }
            grants(text, &person.grants);
        });
        if !self.trusts.is_empty() {
            line(&mut text, 0, "trust:");
        }
        self.trusts.iter().for_each(|one| trust(&mut text, one));
        if !self.tests.is_empty() {
            line(&mut text, 0, "tests:");
        }
        self.tests.iter().for_each(|one| test(&mut text, one));
        text
    }
}

fn section<K, V>(
    text: &mut String,
    name: &str,
    entries: &std::collections::BTreeMap<K, V>,
    write: impl Fn(&mut String, &K, &V),
) {
    if !entries.is_empty() {
        line(text, 0, &format!("{name}:"));
    }
    for (key, value) in entries {
        write(text, key, value);
    }
}

fn line(text: &mut String, depth: usize, content: &str) {
    let _ = writeln!(text, "{:1$}{content}", "", depth * 2);
}

/// JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn listed<'t>(words: impl IntoIterator<Item = &'t str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

fn grants(text: &mut String, grants: &[Grant]) {
    if grants.is_empty() {
        return;
    }
    line(text, 2, "grants:");
    for grant in grants {
        let selector = quoted(&grant.selector.to_string());
        let mut parts = match grant.right {
            Right::Deny => vec![format!("deny: {selector}")],
            Right::Allow(level) => vec![format!("allow: {}", level.word()), format!("on: {selector}")],
        };
        parts.extend(
            grant
                .until
                .map(|until| format!("until: {}", quoted(&until.rfc3339()))),
        );
        parts.extend(
            grant
                .note
                .as_deref()
                .map(|note| format!("note: {}", quoted(note))),
        );
        line(text, 3, &format!("- {{{}}}", parts.join(", ")));
    }
}

fn consents(text: &mut String, consents: &Consents) {
    let everybody = consents.everybody.then_some("everybody");
    let people = consents.people.iter().map(PersonId::as_str);
    let all: Vec<&str> = everybody.into_iter().chain(people).collect();
    if !all.is_empty() {
        line(text, 2, &format!("acts_for: [{}]", listed(all)));
    }
}

fn terms(text: &mut String, addon: &AddonPolicy) {
    if !addon.terms.is_empty() {
        let words: Vec<&str> = addon.terms.iter().map(|term| term.word()).collect();
        line(text, 2, &format!("terms: [{}]", words.join(", ")));
    }
}

fn trust(text: &mut String, trust: &TrustPolicy) {
    let issuer = &trust.issuer;
    line(text, 1, &format!("- issuer: {}", quoted(&issuer.issuer)));
    line(text, 2, &format!("audience: {}", quoted(&issuer.audience)));
    let claims = issuer.claims.iter();
    let claims: Vec<String> = claims
        .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
        .collect();
    line(text, 2, &format!("claims: {{{}}}", claims.join(", ")));
    line(text, 2, &format!("addon: {}", quoted(issuer.addon.as_str())));
    let scopes = issuer.limit.scopes.unwrap_or_default();
    line(text, 2, &format!("scopes: [{}]", listed(scopes.names())));
    let workspaces = trust.workspaces.iter().map(String::as_str);
    line(text, 2, &format!("workspaces: [{}]", listed(workspaces)));
}

fn test(text: &mut String, test: &PolicyTest) {
    line(text, 1, &format!("- name: {}", quoted(&test.name)));
    line(text, 2, &format!("who: {}", quoted(&test.who.to_string())));
    if let Some(person) = &test.acting_for {
        line(text, 2, &format!("for: {}", quoted(person.as_str())));
    }
    let on: Vec<String> = test.on.iter().map(ToString::to_string).collect();
    line(
        text,
        2,
        &format!("on: [{}]", listed(on.iter().map(String::as_str))),
    );
    for (key, operations) in [("can", &test.can), ("cannot", &test.cannot)] {
        if !operations.is_empty() {
            line(text, 2, &format!("{key}: [{}]", operations.join(", ")));
        }
    }
    if !test.forge.is_empty() {
        let said = test
            .forge
            .iter()
            .map(|(selector, level)| format!("{}: {}", quoted(&selector.to_string()), level.word()));
        line(
            text,
            2,
            &format!("forge: {{{}}}", said.collect::<Vec<_>>().join(", ")),
        );
    }
}
