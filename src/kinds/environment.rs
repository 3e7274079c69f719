//! The environment contract of goals (semantics 3.19). Nothing else is inherited from the daemon.

use std::path::Path;

use crate::model::Goal;
use crate::model::variables::BRANCH;
use crate::ports::store::GoalSetRecord;

/// The directories and files that a goal and the machine exchange.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The working copy.
    pub project: &'a Path,
    /// Holds `goal.json`.
    pub input: &'a Path,
    /// Where the goal may leave `result.json` and files.
    pub output: &'a Path,
}

/// The variables of the contract; empty values are left out.
pub fn contract(
    workspace_id: &str,
    record: &GoalSetRecord,
    goal: &Goal,
    exchange: Exchange<'_>,
    version: Option<&str>,
) -> Vec<(String, String)> {
    let push = &record.push;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let all = [
        ("ATOMIST_WORKSPACE_ID", workspace_id.to_owned()),
        ("ATOMIST_SLUG", push.repo.slug.to_string()),
        ("ATOMIST_OWNER", push.repo.slug.owner.clone()),
        ("ATOMIST_REPO", push.repo.slug.name.clone()),
        ("ATOMIST_SHA", push.after.to_string()),
        (BRANCH, push.branch.to_string()),
        ("ATOMIST_VERSION", version.unwrap_or_default().to_owned()),
        ("ATOMIST_GOAL", path(&exchange.input.join("goal.json"))),
        ("ATOMIST_RESULT", path(&exchange.output.join("result.json"))),
        ("ATOMIST_INPUT_DIR", path(exchange.input)),
        ("ATOMIST_OUTPUT_DIR", path(exchange.output)),
        ("ATOMIST_PROJECT_DIR", path(exchange.project)),
        ("SDM_GOAL_SET", record.set.id.to_string()),
        ("SDM_GOAL", goal.definition().unique_name.to_string()),
        ("SDM_ATTEMPT", goal.attempt.to_string()),
        (
            "SDM_BEFORE",
            push.before.as_ref().map(ToString::to_string).unwrap_or_default(),
        ),
        ("CI", "true".to_owned()),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
