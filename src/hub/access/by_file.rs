//! A policy in a file as what decisions depend on: one that cannot be used, or breaks its own tests, is none.

use std::path::Path;
use std::sync::Arc;

use super::rights::{ALWAYS, RightsError};
use crate::access::policy::{Outcome, Policy, parse, run_tests};
use crate::access::snapshot::Right;
use crate::access::{Grant, Level, Resource, Selector, Snapshot};
use crate::model::{Severity, Timestamp};

/// What is in force by the text of a file, as this version.
///
/// # Errors
/// What is wrong with it.
pub(super) fn snapshot(
    (path, text): (&Path, &[u8]),
    version: u64,
    now: Timestamp,
) -> Result<Snapshot, RightsError> {
    let name: Arc<str> = Arc::from(path.display().to_string());
    let parsed = parse(&name, text);
    let mut problems = parsed.diagnostics;
    let policy: Option<Policy> = parsed.policy;
    let outcomes = policy
        .as_ref()
        .map(|policy| run_tests(&policy.tests, &policy.alone(now), now))
        .unwrap_or_default();
    problems.extend(outcomes.iter().flat_map(Outcome::problems));
    problems.retain(|problem| problem.severity == Severity::Error);
    match policy {
        Some(policy) if problems.is_empty() => {
            let mut snapshot = with_baseline(policy.alone(ALWAYS));
            snapshot.version = version;
            Ok(snapshot)
        }
        _ => Err(RightsError::Policy {
            path: path.to_path_buf(),
            problems,
        }),
    }
}

/// Every add-on may look at the workspace, which it needs to register (security model 12.1).
fn with_baseline(mut snapshot: Snapshot) -> Snapshot {
    let baseline = Arc::new(Grant::new(
        Selector::One(Resource::Workspace),
        Right::Allow(Level::Read),
    ));
    for addon in snapshot.addons.values_mut() {
        addon.grants.push(Arc::clone(&baseline));
    }
    snapshot
}
