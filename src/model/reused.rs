//! Whose result a goal has taken over instead of running, as its data says it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{BranchName, CommitSha, GoalKey, GoalSetId};

/// Under which key of its data a goal says that.
pub const REUSED: &str = "@atomist/sdm/reused";

/// The phase of such a goal.
pub const UNCHANGED: &str = "unchanged";

/// The attempt that did the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reused {
    /// Its goal set.
    pub goal_set: GoalSetId,
    /// Its goal; absent in what was stored before it was noted, and then it has the name of the one that took it over.
    #[serde(default)]
    pub goal: Option<GoalKey>,
    /// Its commit.
    pub sha: CommitSha,
    /// Its branch.
    pub branch: BranchName,
    /// Which attempt of the goal.
    pub attempt: u32,
}

impl Reused {
    /// What a goal's data says; `None` when the goal has run itself. A goal may write its data, so this proves nothing.
    pub fn in_data(data: Option<&str>) -> Option<Self> {
        let data: Value = serde_json::from_str(data?).ok()?;
        serde_json::from_value(data.get(REUSED)?.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_goals_were_noted_is_still_read() {
        let id = uuid::Uuid::nil();
        let sha = "a".repeat(40);
        let data = format!(
            r#"{{"{REUSED}": {{"goal_set": "{id}", "sha": "{sha}", "branch": "main", "attempt": 2}}}}"#
        );
        let reused = Reused::in_data(Some(&data)).unwrap();
        assert_eq!((reused.attempt, reused.goal), (2, None));
        assert_eq!(Reused::in_data(Some("{}")), None);
        assert_eq!(Reused::in_data(Some("text")), None);
        assert_eq!(Reused::in_data(None), None);
    }
}
