//! The effect of a change before it is made: who gains what, and who loses it.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::effective::{Question, effective, told_apart};
use crate::access::operation::Who;
use crate::access::{Context, Grant, Operation, Principal, Resource, Snapshot};
use crate::model::Timestamp;

/// Operations that somebody gains or loses on a resource, for one and the same reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Who.
    pub principal: Principal,
    /// Where. A name `*` stands for every resource that neither policy names.
    pub resource: Resource,
    /// Whether they gain it.
    pub gains: bool,
    /// What decides afterwards.
    pub rule: String,
    /// Which operations.
    pub operations: Vec<&'static str>,
}

/// What differs between two states of things for everybody in either of them, on every resource that they tell apart and on
/// those that are named besides.
pub fn compare(before: &Snapshot, after: &Snapshot, also: &[Resource], now: Timestamp) -> Vec<Difference> {
    let resources = resources(before, after, also);
    let mut found: BTreeMap<(Principal, Resource, bool, String), Vec<&'static str>> = BTreeMap::new();
    for principal in principals(before, after) {
        let question = Question {
            principal: &principal,
            context: Context::None,
            now,
        };
        let was = effective(&question, &resources, &at(before, now));
        let will = effective(&question, &resources, &at(after, now));
        for (was, will) in was.into_iter().zip(will) {
            let gains = will.decision.is_allowed();
            if was.decision.is_allowed() == gains || !needs_a_right(was.operation) {
                continue;
            }
            let key = (
                principal.clone(),
                will.resource,
                gains,
                will.decision.rule.to_string(),
            );
            found.entry(key).or_default().push(will.operation);
        }
    }
    let difference = |((principal, resource, gains, rule), operations)| Difference {
        principal,
        resource,
        gains,
        rule,
        operations,
    };
    found.into_iter().map(difference).collect()
}

/// The same state, as fresh as it must be to be asked.
fn at(snapshot: &Snapshot, now: Timestamp) -> Snapshot {
    Snapshot {
        taken_at: now,
        ..snapshot.clone()
    }
}

fn needs_a_right(operation: &str) -> bool {
    Operation::find(operation).is_some_and(|row| !matches!(row.who, Who::Open | Who::Own))
}

fn principals(before: &Snapshot, after: &Snapshot) -> BTreeSet<Principal> {
    let addons = before
        .addons
        .keys()
        .chain(after.addons.keys())
        .cloned()
        .map(Principal::Addon);
    let people = before
        .people
        .keys()
        .chain(after.people.keys())
        .cloned()
        .map(Principal::Person);
    addons.chain(people).collect()
}

fn resources(before: &Snapshot, after: &Snapshot, also: &[Resource]) -> Vec<Resource> {
    let grants = all_grants(before).chain(all_grants(after));
    let mut resources = told_apart(grants);
    resources.extend(also.iter().cloned());
    resources.sort();
    resources.dedup();
    resources
}

fn all_grants(snapshot: &Snapshot) -> impl Iterator<Item = &Grant> {
    let addons = snapshot.addons.values().flat_map(|addon| &addon.grants);
    let people = snapshot.people.values().flat_map(|person| &person.grants);
    addons.chain(people).map(|grant| &**grant)
}
