//! Files between goals (semantics 3.17), as steps around what a goal's kind asks for.
//!
//! Before the process the daemon finds what the goal wants ([`before`]) and lends it to the attempt under names of its own, so
//! that nothing goes away while it is read. Below the supervisor, steps of our own program unpack it and pack what the goal
//! leaves. When all has ended well, the daemon takes the archives and records who may find them ([`after`]). A goal
//! whose inputs are those of an earlier success takes that over ([`unchanged`]); [`upkeep`] keeps all of it within bounds.

mod after;
mod before;
mod caches;
mod key;
mod unchanged;
mod upkeep;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::kinds::GoalContext;
use crate::model::Scope;
use crate::model::files::KeptOn;
use crate::model::push::Trust;
use crate::ports::AttemptRef;
use crate::ports::kept::{KeptAs, Sought};

use super::exchange;

/// Where it is noted what an attempt was ordered to keep.
const NOTE: &str = "ordered.json";

/// What an attempt was ordered about files, noted beside its orders until its end.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ordered {
    /// Classifiers of what was to be restored.
    inputs: Vec<String>,
    /// What was to be kept.
    keep: Vec<OrderedKeep>,
    /// Digest of everything the goal depends on, when its success may be taken over.
    success: Option<String>,
}

/// Files that an attempt was ordered to keep.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OrderedKeep {
    kept_as: KeptAs,
    classifier: String,
    scope: Scope,
    on: KeptOn,
    /// Which step keeps it.
    step: KeepStep,
    /// Its archive, below the attempt's directory of files.
    file: String,
}

/// The steps that keep files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeepStep {
    Outputs,
    OutputsInAnyCase,
    Caches,
}

impl KeepStep {
    const ALL: [Self; 3] = [Self::Outputs, Self::OutputsInAnyCase, Self::Caches];

    /// The file of its report.
    const fn report(self) -> &'static str {
        match self {
            Self::Outputs => "outputs.json",
            Self::OutputsInAnyCase => "in-any-case.json",
            Self::Caches => "caches.json",
        }
    }
}

/// The report of the step that restores inputs.
const RESTORED: &str = "restored.json";

/// The directory of an attempt for archives on their way.
fn directory(root: &Path, attempt: &AttemptRef) -> PathBuf {
    exchange::directory(root, attempt).join("files")
}

/// How far files of a goal may go or be found: what is not trusted stays on its branch, and what a repository brings along in that
/// repository (semantics 7.9).
fn bounded(scope: Scope, context: &GoalContext<'_>) -> Scope {
    bound(
        scope,
        context.record.push.trust,
        context.goal.definition().is_supplied,
    )
}

fn bound(scope: Scope, trust: Trust, is_supplied: bool) -> Scope {
    match (trust, is_supplied) {
        (Trust::Untrusted, _) => scope.min(Scope::Branch),
        (Trust::Member, true) => scope.min(Scope::Repo),
        (Trust::Member, false) => scope,
    }
}

fn sought(context: &GoalContext<'_>, kept_as: KeptAs, classifier: String, scope: Scope) -> Sought {
    let (record, push) = (context.record, &context.record.push);
    Sought {
        kept_as,
        classifier,
        beginning: false,
        scope: bounded(scope, context),
        trust: push.trust,
        goal_set: record.set.id,
        repo_key: push.repo.key.clone(),
        branch: push.branch.clone(),
        default_branch: push.repo.default_branch.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantics_7_9_files_of_what_a_repository_brings_along_stay_in_it() {
        let bound_to = |trust, is_supplied| bound(Scope::Machine, trust, is_supplied);
        assert_eq!(bound_to(Trust::Member, false), Scope::Machine);
        assert_eq!(bound_to(Trust::Member, true), Scope::Repo);
        assert_eq!(bound_to(Trust::Untrusted, true), Scope::Branch);
        assert_eq!(bound(Scope::Set, Trust::Member, true), Scope::Set);
    }
}
