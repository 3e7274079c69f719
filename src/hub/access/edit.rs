//! Changes of who may do what: decided over everything that is kept, and made only if it is still so and no test of the policy
//! fails with it.

use std::sync::Arc;

use thiserror::Error;

use super::super::{asked, console};
use super::held::{BadRow, Held, TESTS};
use super::noted::noted;
use crate::access::policy::{Outcome, parse, run_tests};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::rights::{RightsChange, RightsStore};

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

/// Changes what is kept. `decide` says what to change and what to tell of it; it is asked again when somebody else has changed
/// something meanwhile.
///
/// # Errors
/// What `decide` refuses, and what keeps the memory from changing.
pub async fn edit<T, E>(
    store: &dyn RightsStore,
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
        let at_console = console::deeds(noted(&held, &held.with(&changes).map_err(EditError::from)?));
        let deed = asked::deed().or_else(console::deed);
        changes.extend(deed.map(RightsChange::Deed));
        changes.extend(at_console.into_iter().map(RightsChange::AtConsole));
        let changed = store.change_rights(held.version, &changes).await;
        if changed.map_err(EditError::from)?.is_some() {
            return Ok(told);
        }
    }
}

/// Asks the tests of the policy what they say of changes before they are made (security model 12.3).
///
/// # Errors
/// Those that fail.
pub fn tests_hold(held: &Held, changes: &[RightsChange], now: Timestamp) -> Result<(), EditError> {
    let Some(text) = held.settings.get(TESTS).filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let policy = parse(&Arc::from("policy"), text.as_bytes())
        .policy
        .unwrap_or_default();
    let outcomes = run_tests(&policy.tests, &held.with(changes)?.snapshot(now), now);
    let failures: Vec<String> = outcomes
        .iter()
        .flat_map(Outcome::problems)
        .map(|problem| problem.message)
        .collect();
    match failures.is_empty() {
        true => Ok(()),
        false => Err(EditError::Tests(failures)),
    }
}
