//! Changes of who may do what: decided over everything that is kept, and made only if it is still so and no test of the policy
//! fails by it.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use super::super::{asked, console};
use super::held::{BadRow, Held, TESTS};
use super::noted::noted;
use super::since::kept;
use crate::access::policy::{Outcome, PolicyTest, parse, run_tests};
use crate::access::snapshot::Role;
use crate::access::{Person, Principal, Snapshot};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::rights::{RightsChange, RightsStore, StoredDeed};

/// Why something does not change.
#[derive(Debug, Error)]
pub enum EditError {
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
    /// What is kept makes no sense.
    #[error("what is kept of rights makes no sense")]
    Row(#[from] BadRow),
    /// Tests of the policy would fail.
    #[error("a test of the policy fails with it: {}", .0.join("; "))]
    Tests(Vec<String>),
}

/// Which tests of the policy a change must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tested {
    /// All of them.
    Wholly,
    /// What they say that nobody can.
    ForWhatItGives,
}

/// Changes what is kept. `decide` says what to change and what to tell of it; it is asked again when somebody else has changed
/// something meanwhile.
///
/// # Errors
/// What `decide` refuses, tests of the policy that fail by it, and what keeps the memory from changing.
pub async fn edit<T, E>(
    store: &dyn RightsStore,
    at: Timestamp,
    decide: impl Fn(&Held) -> Result<(Vec<RightsChange>, T), E> + Sync,
) -> Result<T, E>
where
    E: From<EditError>,
{
    change(store, (at, Tested::Wholly), decide).await
}

/// The same of what is no administrator's to decide: what an add-on says of itself, what somebody takes back, what ends by itself.
/// It may take away what a test says that somebody can, and gives nothing that a test says that nobody can.
///
/// # Errors
/// As [`edit`].
pub async fn edit_unasked<T, E>(
    store: &dyn RightsStore,
    at: Timestamp,
    decide: impl Fn(&Held) -> Result<(Vec<RightsChange>, T), E> + Sync,
) -> Result<T, E>
where
    E: From<EditError>,
{
    change(store, (at, Tested::ForWhatItGives), decide).await
}

async fn change<T, E>(
    store: &dyn RightsStore,
    (at, tested): (Timestamp, Tested),
    decide: impl Fn(&Held) -> Result<(Vec<RightsChange>, T), E> + Sync,
) -> Result<T, E>
where
    E: From<EditError>,
{
    loop {
        let stored = store.rights().await.map_err(EditError::from)?;
        let held = Held::try_from(stored).map_err(EditError::from)?;
        let (mut changes, told) = decide(&held)?;
        if changes.is_empty() {
            return Ok(told);
        }
        held_up(&held, &changes, (at, tested))?;
        let noted = noted(&held, &held.with(&changes).map_err(EditError::from)?);
        // What the hub does by itself is kept as well: it is noticed among what others do.
        let deed = asked::deed().or_else(console::deed).unwrap_or_default();
        changes.push(RightsChange::Deed(StoredDeed {
            noted: Some(kept(&noted)),
            ..deed
        }));
        let at_console = console::deeds(noted);
        changes.extend(at_console.into_iter().map(RightsChange::AtConsole));
        let changed = store.change_rights(held.version, &changes).await;
        if changed.map_err(EditError::from)?.is_some() {
            return Ok(told);
        }
    }
}

/// Whether tests of the policy hold up changes, for whoever only wants to know.
///
/// # Errors
/// Those that would fail.
pub fn tests_hold(held: &Held, changes: &[RightsChange], at: Timestamp) -> Result<(), EditError> {
    held_up(held, changes, (at, Tested::Wholly))
}

/// Asks the tests of the policy what they say of changes before they are made (security model 12.3). What they say already is no
/// fault of the changes: a grant that has ended by itself must not keep everything as it is.
fn held_up(
    held: &Held,
    changes: &[RightsChange],
    (at, tested): (Timestamp, Tested),
) -> Result<(), EditError> {
    let after = held.with(changes)?;
    let tests = tests_of(&after, tested);
    if tests.is_empty() {
        return Ok(());
    }
    let before = failures(&tests, held, at);
    let failures = failures(&tests, &after, at);
    let new: Vec<String> = failures.difference(&before).cloned().collect();
    match new.is_empty() {
        true => Ok(()),
        false => Err(EditError::Tests(new)),
    }
}

fn tests_of(held: &Held, tested: Tested) -> Vec<PolicyTest> {
    let text = held.settings.get(TESTS).map(String::as_str).unwrap_or_default();
    let parsed = parse(&Arc::from("policy"), text.as_bytes()).policy;
    let mut tests = parsed.unwrap_or_default().tests;
    if tested == Tested::ForWhatItGives {
        tests.iter_mut().for_each(|test| test.can.clear());
    }
    tests
}

fn failures(tests: &[PolicyTest], held: &Held, at: Timestamp) -> BTreeSet<String> {
    let outcomes = run_tests(tests, &with_people(held, at), at);
    let problems = outcomes.iter().flat_map(Outcome::problems);
    problems.map(|problem| problem.message).collect()
}

/// The state of things with the people who were given or denied something.
fn with_people(held: &Held, at: Timestamp) -> Snapshot {
    let mut snapshot = held.snapshot(at);
    for held in &held.grants {
        if let Principal::Person(id) = &held.principal {
            let person = snapshot.people.entry(id.clone());
            let person = person.or_insert_with(|| Person::new(Role::Member));
            person.grants.push(Arc::clone(&held.grant));
        }
    }
    snapshot
}

#[cfg(test)]
mod tests {
    use super::super::held::{HeldAddon, HeldGrant, addon_row, grant_row};
    use super::*;
    use crate::access::registration::{Approval, Registration};
    use crate::access::snapshot::{AddonKind, AddonState, Right};
    use crate::access::{AddonKey, Grant, Level, PersonId, Scope, ScopeSet, Selector};

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    const SAFE: &str = "tests:\n  - {name: safe, who: \"addon:build\", on: [\"repo:acme/app\"], can: [goal.log], cannot: [goal.update]}\n";

    fn addon(scopes: &[Scope]) -> RightsChange {
        let by = PersonId::parse("root").unwrap();
        let approval = Approval {
            by,
            at: NOW,
            scopes: ScopeSet::of(scopes),
            digest: String::new(),
            addresses: String::new(),
            version: 1,
        };
        let addon = HeldAddon {
            kind: AddonKind::Machine,
            registration: Registration {
                state: AddonState::Active,
                since: NOW,
                approval: Some(approval),
                wish: None,
                rejected: Default::default(),
            },
            held_until: None,
        };
        RightsChange::Addon(addon_row(&AddonKey::parse("build").unwrap(), &addon))
    }

    fn held(scopes: &[Scope]) -> Held {
        let grant = HeldGrant {
            id: "g".to_owned(),
            principal: Principal::parse("addon:build").unwrap(),
            grant: Arc::new(Grant::new(Selector::Everything, Right::Allow(Level::Write))),
            given_by: "root".to_owned(),
            given: NOW,
        };
        let tests = RightsChange::Setting {
            name: TESTS.to_owned(),
            value: SAFE.to_owned(),
        };
        let changes = [addon(scopes), RightsChange::Grant(grant_row(&grant)), tests];
        Held::default().with(&changes).unwrap()
    }

    fn hold(before: &[Scope], after: &[Scope], tested: Tested) -> bool {
        held_up(&held(before), &[addon(after)], (NOW, tested)).is_ok()
    }

    #[test]
    fn a_change_is_held_up_by_the_tests_that_fail_by_it() {
        let (reads, writes) = ([Scope::GoalsRead], [Scope::GoalsWrite]);
        assert!(!hold(&reads, &writes, Tested::Wholly));
        assert!(!hold(&reads, &[], Tested::Wholly));
        assert!(hold(
            &reads,
            &[Scope::GoalsRead, Scope::GraphRead],
            Tested::Wholly
        ));
        assert!(
            hold(&writes, &[Scope::GoalsWrite, Scope::GraphRead], Tested::Wholly),
            "what fails already is no fault of it"
        );
    }

    #[test]
    fn what_nobody_decides_may_take_away_and_gives_nothing_that_must_not_be() {
        let reads = [Scope::GoalsRead];
        assert!(hold(&reads, &[], Tested::ForWhatItGives));
        assert!(!hold(&reads, &[Scope::GoalsWrite], Tested::ForWhatItGives));
    }
}
