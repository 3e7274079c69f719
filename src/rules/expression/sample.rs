//! Tries an expression on two pushes at load, so that values of the wrong type are found before a push meets them.

use std::sync::Arc;

use cel::ExecutionError;
use uuid::Uuid;

use super::desk::{Asked, Reply};
use super::evaluator::{Evaluator, Failure, boolean, json, reason};
use super::{Expression, Wanted};
use crate::model::push::{Signature, Trust};
use crate::model::{BranchName, Commit, CommitSha, Push, PushId, RepoSlug, Repository, Timestamp};
use crate::rules::push_test::{PlanningFacts, Refusal};

/// Evaluates on an ordinary push and on the first push of a branch.
///
/// Only errors that no other push could avoid are refused: a missing key may be a preference, and an index out of
/// bounds depends on the push.
pub(super) fn try_out(expression: &Expression, wanted: Wanted) -> Result<(), Refusal> {
    let ordinary = push();
    let first = Push {
        before: None,
        repo: Repository {
            default_branch: None,
            ..ordinary.repo.clone()
        },
        ..push()
    };
    try_on(expression, wanted, &ordinary).map_err(|message| Refusal {
        message: format!("the expression fails: {message}"),
        hint: Some(
            match wanted {
                Wanted::Boolean => "an expression must be true or false for every push",
                Wanted::Json => "an expression must have a value for every push",
            }
            .into(),
        ),
    })?;
    try_on(expression, wanted, &first).map_err(|message| Refusal {
        message: format!("the expression fails for the first push of a branch: {message}"),
        hint: Some(
            "`push.before` is null for a first push and `repo.default_branch` where none is known".into(),
        ),
    })
}

fn try_on(expression: &Expression, wanted: Wanted, push: &Push) -> Result<(), String> {
    let reply = |question: &Asked| {
        Ok(match question {
            Asked::HasFile(_) | Asked::Changed(_) => Reply::Holds(true),
            Asked::Content(_) => Reply::Text("".into()),
            Asked::Files(_) | Asked::Directories(_) => Reply::List(Arc::from(["sample".to_owned()])),
        })
    };
    let evaluator = Evaluator::default();
    let facts = PlanningFacts::default();
    let tried = match wanted {
        Wanted::Boolean => evaluator
            .answering(expression, push, &facts, reply, boolean)
            .map(|_| ()),
        Wanted::Json => evaluator
            .answering(expression, push, &facts, reply, json)
            .map(|_| ()),
    };
    match tried {
        Err(Failure::Execution(error)) if !depends_on_the_push(&error) => Err(reason(&error)),
        Ok(_) | Err(Failure::Execution(_) | Failure::Reply(_) | Failure::Rounds) => Ok(()),
    }
}

fn depends_on_the_push(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::NoSuchKey(_)
            | ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::FunctionError { .. }
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..)
            | ExecutionError::DuplicateKey(_)
    )
}

fn push() -> Push {
    let sha = |digit: &str| CommitSha::parse(&digit.repeat(40)).expect("forty hexadecimal digits");
    let branch = |name| BranchName::parse(name).expect("a plain name");
    let author = Signature {
        name: "Ada Lovelace".into(),
        email: "ada@example.com".into(),
    };
    let at = Timestamp::from_micros(0);
    Push {
        id: PushId(Uuid::nil()),
        repo: Repository {
            key: "sample".into(),
            slug: RepoSlug::new("acme", "sample"),
            address: "file:///sample".into(),
            default_branch: Some(branch("main")),
        },
        branch: branch("main"),
        before: Some(sha("a")),
        after: sha("b"),
        commits: vec![Commit {
            sha: sha("b"),
            message: "Say what changed\n\nAnd why.\n".into(),
            author: author.clone(),
            committer: author,
            at,
        }],
        commit_count: 1,
        forced: false,
        at,
        trust: Trust::Member,
    }
}
