//! The tests that a policy brings along, answered by the evaluation itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::effective::{Question, ask};
use crate::access::request::Proof;
use crate::access::snapshot::{Permission, Role};
use crate::access::{
    Context, Decision, Operation, Person, PersonId, Principal, Resource, Selector, Snapshot,
};
use crate::model::{Place, Timestamp};

use super::PolicyTest;

/// The forge on which people of tests have authorised everything.
const FORGE: &str = "github";

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Sentences about what is not as it says; none when it passes.
    pub failures: Vec<String>,
}

/// Asks every test.
pub fn run_tests(tests: &[PolicyTest], snapshot: &Snapshot, now: Timestamp) -> Vec<Outcome> {
    let one = |test: &PolicyTest| Outcome {
        name: test.name.clone(),
        place: test.place.clone(),
        failures: failures(test, snapshot, now),
    };
    tests.iter().map(one).collect()
}

fn failures(test: &PolicyTest, snapshot: &Snapshot, now: Timestamp) -> Vec<String> {
    let mut snapshot = snapshot.clone();
    snapshot.taken_at = now;
    let person = match (&test.acting_for, &test.who) {
        (Some(person), _) | (None, Principal::Person(person)) => Some(person),
        (None, Principal::Addon(_) | Principal::Anonymous) => None,
    };
    if let Some(person) = person {
        as_the_test_says(&mut snapshot, person, test, now);
    }
    let context = test
        .acting_for
        .clone()
        .map_or(Context::None, |person| Context::Proven {
            person,
            proof: Proof::Handle(vec![Selector::Everything]),
        });
    let question = Question {
        principal: &test.who,
        context,
        now,
    };
    let mut found: BTreeMap<(Resource, bool, String), Vec<&'static str>> = BTreeMap::new();
    for resource in &test.on {
        let asked = with(&test.can, true).chain(with(&test.cannot, false));
        for (operation, should) in asked.filter(|(operation, _)| can_be_about(operation, resource)) {
            let decision = ask(&question, operation, resource, &snapshot);
            if decision.is_allowed() != should {
                let key = (resource.clone(), should, because(&decision));
                found.entry(key).or_default().push(operation);
            }
        }
    }
    let sentence = |((resource, should, because), operations): ((Resource, bool, String), Vec<&str>)| {
        let (who, place) = (&test.who, resource.plain());
        let can = if should { "cannot" } else { "can" };
        format!("{who} {can} {} on {place}: {because}", operations.join(", "))
    };
    found.into_iter().map(sentence).collect()
}

fn with<'o>(operations: &'o [&'static str], should: bool) -> impl Iterator<Item = (&'static str, bool)> + 'o {
    operations.iter().map(move |operation| (*operation, should))
}

fn can_be_about(operation: &str, resource: &Resource) -> bool {
    Operation::find(operation).is_some_and(|row| row.kinds.contains(&resource.kind()))
}

/// The person of a test: what the policy says of them, and of the forge what the test says.
fn as_the_test_says(snapshot: &mut Snapshot, id: &PersonId, test: &PolicyTest, now: Timestamp) {
    let person = snapshot
        .people
        .entry(id.clone())
        .or_insert_with(|| Person::new(Role::Member));
    let permissions = test.forge.iter().map(|(selector, level)| Permission {
        selector: selector.clone(),
        level: *level,
        read_at: now,
    });
    person.permissions = permissions.collect();
    person.authorizations.insert(FORGE.to_owned(), BTreeSet::new());
}

fn because(decision: &Decision) -> String {
    if decision.is_allowed() {
        decision.rule.to_string()
    } else {
        format!("{} ({})", decision.reason.code(), decision.rule)
    }
}
