//! Labels that ask to merge pull requests of goals by themselves, of whoever heeds them at the forge (semantics 4.1, 5.5).

use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::model::{ArgumentProblems, Field, FieldPath, ValueType};
use crate::ports::forges::mark;

/// When it is to be merged.
pub(super) const AUTO_MERGE: Field = Field::new(
    "auto_merge",
    ValueType::Choice(&["never", "on_approve", "on_check_success"]),
    "puts the label `auto-merge:on-approve` or `auto-merge:on-check-success` on the pull request, for whoever merges by labels \
     at the forge; put on again whenever the pull request is brought up to date, and taken off when it is not asked for any more",
)
.default("never");

/// How it is to be merged.
pub(super) const AUTO_MERGE_METHOD: Field = Field::new(
    "auto_merge_method",
    ValueType::Choice(&["merge", "rebase", "squash"]),
    "puts the label `auto-merge-method:…` beside that of `auto_merge`",
);

/// When and how a pull request is to be merged by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct AutoMerge {
    auto_merge: Moment,
    auto_merge_method: Option<Method>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Moment {
    #[default]
    Never,
    OnApprove,
    OnCheckSuccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Merge,
    Rebase,
    Squash,
}

impl Moment {
    const fn label(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::OnApprove => Some("auto-merge:on-approve"),
            Self::OnCheckSuccess => Some("auto-merge:on-check-success"),
        }
    }
}

impl Method {
    const fn label(self) -> &'static str {
        match self {
            Self::Merge => "auto-merge-method:merge",
            Self::Rebase => "auto-merge-method:rebase",
            Self::Squash => "auto-merge-method:squash",
        }
    }
}

impl AutoMerge {
    /// As it is written for a goal whose branch does or does not become a pull request.
    ///
    /// # Errors
    /// What does not go together.
    pub(super) fn read(arguments: &Value, opens_pull_request: bool) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let problem = |key: &str, message: &str, hint: &str| {
            let code = "misplaced_key";
            Err(ArgumentProblems::one(&FieldPath::to(key), code, message, hint))
        };
        match (read.auto_merge, read.auto_merge_method) {
            (Moment::Never, Some(_)) => problem(
                "auto_merge_method",
                "`auto_merge_method` says how, and nothing says when",
                "add `auto_merge: on_approve` or `auto_merge: on_check_success`, or remove it",
            ),
            (Moment::OnApprove | Moment::OnCheckSuccess, _) if !opens_pull_request => problem(
                "auto_merge",
                "`auto_merge` is for pull requests, and this opens none",
                "add `presentation: pull_request`, or remove it",
            ),
            (_, _) => Ok(read),
        }
    }

    /// The labels, as the original called them.
    pub(super) fn labels(self) -> Vec<String> {
        let labels = [self.auto_merge.label(), self.auto_merge_method.map(Method::label)];
        labels.into_iter().flatten().map(str::to_owned).collect()
    }

    /// All other labels that a goal like this has put on its pull request if it was written otherwise before.
    pub(super) fn former_labels(self) -> Vec<String> {
        let moments = [Moment::OnApprove, Moment::OnCheckSuccess].map(Moment::label);
        let methods = [Method::Merge, Method::Rebase, Method::Squash].map(Method::label);
        let all = moments.into_iter().flatten().chain(methods).map(str::to_owned);
        let labels = self.labels();
        all.filter(|label| !labels.contains(label)).collect()
    }

    /// The same as marks in the body.
    pub(super) fn marks(self) -> String {
        self.labels()
            .iter()
            .map(|label| format!(" {}", mark(label)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn semantics_5_5_labels_say_when_and_how() {
        let read = |arguments: Value| AutoMerge::read(&arguments, true);
        assert_eq!(read(json!({})).unwrap().labels(), Vec::<String>::new());
        assert_eq!(read(json!({"auto_merge": "never"})).unwrap().marks(), "");
        let both = read(json!({"auto_merge": "on_check_success", "auto_merge_method": "squash"})).unwrap();
        assert_eq!(
            both.labels(),
            ["auto-merge:on-check-success", "auto-merge-method:squash"]
        );
        let one = read(json!({"auto_merge": "on_approve"})).unwrap();
        assert_eq!(one.marks(), " [auto-merge:on-approve]");
        assert_eq!(
            both.former_labels(),
            [
                "auto-merge:on-approve",
                "auto-merge-method:merge",
                "auto-merge-method:rebase"
            ]
        );
        assert_eq!(read(json!({})).unwrap().former_labels().len(), 5);
    }

    #[test]
    fn labels_need_a_pull_request_and_a_method_needs_a_moment() {
        let alone = AutoMerge::read(&json!({"auto_merge_method": "merge"}), true);
        assert!(alone.unwrap_err().to_string().contains("nothing says when"));
        let branch = AutoMerge::read(&json!({"auto_merge": "on_approve"}), false);
        assert!(branch.unwrap_err().to_string().contains("pull requests"));
    }
}
