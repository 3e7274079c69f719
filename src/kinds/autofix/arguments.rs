//! What the author of an autofix writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::auto_merge::{AUTO_MERGE, AUTO_MERGE_METHOD, AutoMerge};
use super::super::part_tests::{self, Part};
use super::super::{containers, machine, part_names, read};
use crate::model::push::Signature;
use crate::model::running::{self, DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{ArgumentProblems, BranchName, Field, FieldPath, Push, TestExpression, ValueType};

const FIX_FIELDS: &[Field] = &[
    Field::new(
        "name",
        ValueType::Text,
        "what it is called in its commit and on pages",
    )
    .required(),
    Field::new("run", ValueType::Argv, "program and arguments").required(),
    Field::new(
        "test",
        ValueType::Test,
        "a push test: without it this fix is left out",
    ),
    Field::new(
        "ignore_failure",
        ValueType::Boolean,
        "whether the others go on when it fails; what it changed is put back",
    )
    .default("false"),
];

pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "program and arguments of the only fix; it is called like the goal",
    ),
    Field::new(
        "fixes",
        ValueType::List(&ValueType::Fields(FIX_FIELDS)),
        "several fixes, in order, each a commit of its own",
    ),
    Field::new(
        "image",
        ValueType::Text,
        "an image: each fix runs in a container of it, over the working copy; placeholders allowed",
    )
    .not_empty(),
    Field::new(
        "ignore_failure",
        ValueType::Boolean,
        "whether a failure of the fix of `run` is none of the goal",
    )
    .default("false"),
    Field::new(
        "presentation",
        ValueType::Choice(&["commit", "branch", "pull_request"]),
        "where the commits go: to the pushed branch, to another one, or to another one that asks to be merged",
    )
    .default("commit"),
    Field::new(
        "branch",
        ValueType::Text,
        "the other branch; placeholders allowed; must not have commits of its own",
    )
    .default("\"autofix/${push.branch}-${push.after.short}\"")
    .not_empty(),
    AUTO_MERGE,
    AUTO_MERGE_METHOD,
    Field::new(
        "merge",
        ValueType::Choice(&["never", "if_clean"]),
        "whether a work tree on this computer that has the branch checked out is moved along when nothing in it is changed; \
         else the commits are left on a branch beside it",
    )
    .default("never"),
    Field::new(
        "author",
        ValueType::Choice(&["machine", "pusher"]),
        "whose commits they are: the machine's, or those of the author of the pushed commit",
    )
    .default("machine"),
    Field {
        help: "longest run time of all fixes together",
        ..TIMEOUT
    },
    GRACE,
    ENV,
    DIRECTORY,
];

/// One fix as it is written.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WrittenFix {
    pub(super) name: String,
    pub(super) run: Vec<String>,
    #[serde(default)]
    pub(super) ignore_failure: bool,
    #[serde(default)]
    pub(super) test: Option<TestExpression>,
}

impl WrittenFix {
    /// It with its test.
    pub(super) fn part(&self) -> Part<'_> {
        (&self.name, self.test.as_ref())
    }
}

/// Where the commits go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Presentation {
    /// To the pushed branch.
    #[default]
    Commit,
    /// To another branch.
    Branch,
    /// To another branch that asks to be merged.
    PullRequest,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Arguments {
    run: Vec<String>,
    fixes: Vec<WrittenFix>,
    pub(super) image: Option<String>,
    ignore_failure: bool,
    pub(super) presentation: Presentation,
    pub(super) branch: String,
    merge: String,
    author: String,
    timeout: Option<u64>,
    grace: Option<u64>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) directory: String,
}

impl Arguments {
    /// # Errors
    /// What makes no sense.
    pub(super) fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = ArgumentProblems::default();
        let fixes = FieldPath::to("fixes");
        if !read.run.is_empty() && !read.fixes.is_empty() {
            let message = "`autofix` has both `run` and `fixes`";
            problems.add(&fixes, "conflicting_keys", message, "make `run` one of the fixes");
        }
        let names = read.fixes.iter().map(|fix| fix.name.as_str());
        problems.extend(part_names::check(&fixes, "fix", names));
        problems.extend(part_tests::check(&fixes, read.fixes.iter().map(WrittenFix::part)));
        let merge = AutoMerge::read(arguments, read.presentation == Presentation::PullRequest);
        problems.extend(merge.err().unwrap_or_default());
        problems.none_or(read)
    }

    /// What can never be an image.
    pub(super) fn check_image(&self) -> ArgumentProblems {
        let problems = self.image.as_deref().map(containers::problems_of_image);
        let first = problems.and_then(|problems| problems.iter().next().cloned());
        first.map_or_else(ArgumentProblems::default, |problem| {
            ArgumentProblems::one(
                &FieldPath::to("image"),
                &problem.code,
                problem.message,
                problem.hint,
            )
        })
    }

    /// What can never be the other branch; what placeholders make of it is seen when it is known.
    pub(super) fn check_branch(&self) -> ArgumentProblems {
        let written = Some(&self.branch).filter(|branch| !branch.contains("${"));
        match written.map(|branch| BranchName::parse(branch)) {
            Some(Err(error)) if self.presentation != Presentation::Commit => {
                let hint = "write another name, such as `autofix/${push.branch}`";
                ArgumentProblems::one(
                    &FieldPath::to("branch"),
                    "invalid_branch",
                    error.to_string(),
                    hint,
                )
            }
            Some(_) | None => ArgumentProblems::default(),
        }
    }

    /// The fixes; the only one is called like the goal.
    pub(super) fn fixes(&self, goal: &str) -> Vec<WrittenFix> {
        if self.run.is_empty() {
            return self.fixes.clone();
        }
        vec![WrittenFix {
            name: goal.to_owned(),
            run: self.run.clone(),
            ignore_failure: self.ignore_failure,
            test: None,
        }]
    }

    /// Whose commits they are.
    pub(super) fn author(&self, push: &Push) -> Signature {
        match push.commits.first() {
            Some(head) if self.author == "pusher" && !head.author.name.trim().is_empty() => {
                head.author.clone()
            }
            Some(_) | None => machine(),
        }
    }

    pub(super) fn moves_work_tree(&self) -> bool {
        self.merge == "if_clean"
    }

    pub(super) fn timeout(&self) -> Duration {
        running::timeout(self.timeout)
    }

    pub(super) fn grace(&self) -> Duration {
        running::grace(self.grace)
    }
}
