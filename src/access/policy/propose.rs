//! A change of the policy before it is made: whom it is about, whether its tests pass, and what it does.

use std::sync::Arc;

use crate::access::evaluate::{Given, forge_level};
use crate::access::snapshot::{AddonKind, AddonState, Right, Role};
use crate::access::{Addon, AddonKey, Grant, Level, Person, PersonId, Resource, Selector, Snapshot};
use crate::model::{Diagnostic, Place, Severity, Timestamp};

use super::{Difference, Outcome, Policy, compare, parse, run_tests};

/// A change that may be made.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The state of things afterwards.
    pub snapshot: Snapshot,
    /// Who gains and who loses what.
    pub differences: Vec<Difference>,
    /// Its tests, all passed.
    pub outcomes: Vec<Outcome>,
    /// Remarks that are no reason against it.
    pub warnings: Vec<Diagnostic>,
}

/// What a text would change. `also` names resources that neither policy names and that somebody wants to know about.
///
/// # Errors
/// What is wrong with it, failed tests included: it must not be applied.
pub fn propose(
    name: &Arc<str>,
    text: &[u8],
    before: &Snapshot,
    also: &[Resource],
    now: Timestamp,
) -> Result<Proposal, Vec<Diagnostic>> {
    let parsed = parse(name, text);
    let Some(policy) = parsed.policy else {
        return Err(parsed.diagnostics);
    };
    let (snapshot, strangers) = policy.over(before);
    let outcomes = run_tests(&policy.tests, &snapshot, now);
    let mut problems = parsed.diagnostics;
    problems.extend(strangers);
    problems.extend(outcomes.iter().flat_map(failed));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    Ok(Proposal {
        differences: compare(before, &snapshot, also, now),
        snapshot,
        outcomes,
        warnings: problems,
    })
}

impl Outcome {
    /// The test's failures as problems at its place.
    pub fn problems(&self) -> Vec<Diagnostic> {
        failed(self).collect()
    }
}

fn failed(outcome: &Outcome) -> impl Iterator<Item = Diagnostic> + '_ {
    outcome.failures.iter().map(|failure| {
        let message = format!("the test `{}` fails: {failure}", outcome.name);
        Diagnostic::error("failed_test", outcome.place.clone(), message)
            .hint("change the policy, or the test if it asks for what is not meant any more")
    })
}

impl Policy {
    /// The state of things with this policy in force. Whoever it does not mention loses what they had; whoever is not
    /// registered is a problem.
    pub fn over(&self, before: &Snapshot) -> (Snapshot, Vec<Diagnostic>) {
        let mut after = before.clone();
        after.version += 1;
        let mut problems = Vec::new();
        for (key, addon) in &mut after.addons {
            lay_over(addon, self, key);
        }
        for (id, person) in &mut after.people {
            let policy = self.people.get(id);
            person.role = policy.map_or(Role::Member, |policy| policy.role);
            person.grants = policy.map_or_else(Vec::new, |policy| shared(&policy.grants));
        }
        let places = |is_known: bool, place: &Option<Place>| place.clone().filter(|_| !is_known);
        for (key, addon) in &self.addons {
            let stranger = places(after.addons.contains_key(key), &addon.place);
            problems.extend(stranger.map(|place| unknown(place, "add-on", key.as_str())));
        }
        for trust in &self.trusts {
            let addon = &trust.issuer.addon;
            let stranger = places(after.addons.contains_key(addon), &trust.place);
            problems.extend(stranger.map(|place| unknown(place, "add-on", addon.as_str())));
        }
        for (id, person) in &self.people {
            let stranger = places(after.people.contains_key(id), &person.place);
            problems.extend(stranger.map(|place| unknown(place, "person", id.as_str())));
        }
        (after, problems)
    }

    /// The state of things if everybody whom it mentions were there, for who looks at a policy without a hub.
    pub fn alone(&self, now: Timestamp) -> Snapshot {
        let mut snapshot = Snapshot::empty(now);
        for key in self.addons.keys() {
            let mut addon = Addon::new(AddonKind::Machine, AddonState::Active);
            lay_over(&mut addon, self, key);
            snapshot.addons.insert(key.clone(), addon);
        }
        for (id, policy) in &self.people {
            let mut person = Person::new(policy.role);
            person.grants = shared(&policy.grants);
            snapshot.people.insert(id.clone(), person);
        }
        snapshot
    }
}

fn lay_over(addon: &mut Addon, policy: &Policy, key: &AddonKey) {
    let policy = policy.addons.get(key).cloned().unwrap_or_default();
    addon.approved = policy.scopes;
    addon.asked = addon.asked.without(policy.scopes);
    addon.grants = shared(&policy.grants);
    addon.consents = policy.acts_for;
    addon.terms = policy.terms;
}

fn shared(grants: &[Grant]) -> Vec<Arc<Grant>> {
    grants.iter().cloned().map(Arc::new).collect()
}

fn unknown(place: Place, what: &str, name: &str) -> Diagnostic {
    let length = u32::try_from(name.len()).unwrap_or(1);
    Diagnostic::error("unknown_principal", place, format!("there is no {what} `{name}`"))
        .spanning(length)
        .hint("register it first, or take it out")
}

/// Allowances on repositories that an administrator gives and does not have (security model 12.2): nobody gives away what the
/// forge does not give them. Of a wildcard every known repository counts.
pub fn beyond<'a>(
    given: impl IntoIterator<Item = &'a Grant>,
    giver: &PersonId,
    known: &[Resource],
    snapshot: &Snapshot,
    now: Timestamp,
) -> Vec<(Resource, Level)> {
    let person = snapshot.people.get(giver);
    let only = snapshot.only_forge.as_deref();
    let lacks = |resource: &Resource, level: Level| {
        let has = person.and_then(|person| forge_level(person, resource, Given { now, only }));
        has.is_none_or(|has| has < level)
    };
    let mut found = Vec::new();
    for grant in given {
        let Right::Allow(level) = grant.right else {
            continue;
        };
        let named = match &grant.selector {
            Selector::One(resource @ Resource::Repository { .. }) => vec![resource],
            Selector::One(_) => Vec::new(),
            Selector::Owner(_) | Selector::Everything => {
                let is_meant = |resource: &&Resource| {
                    matches!(resource, Resource::Repository { .. }) && grant.selector.allows(resource, only)
                };
                known.iter().filter(is_meant).collect()
            }
        };
        found.extend(
            named
                .into_iter()
                .filter(|resource| lacks(resource, level))
                .map(|resource| (resource.clone(), level)),
        );
    }
    found.sort();
    found.dedup();
    found
}
