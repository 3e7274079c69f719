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

use crate::model::Scope;
use crate::model::files::KeptOn;
use crate::model::push::Trust;
use crate::ports::AttemptRef;
use crate::ports::kept::{KeptAs, Sought};
use crate::ports::store::GoalSetRecord;

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

/// How far files of this push may go or be found: what is not trusted stays on its branch.
fn bounded(scope: Scope, trust: Trust) -> Scope {
    match trust {
        Trust::Member => scope,
        Trust::Untrusted => scope.min(Scope::Branch),
    }
}

fn sought(record: &GoalSetRecord, kept_as: KeptAs, classifier: String, scope: Scope) -> Sought {
    let push = &record.push;
    Sought {
        kept_as,
        classifier,
        beginning: false,
        scope: bounded(scope, push.trust),
        trust: push.trust,
        goal_set: record.set.id,
        repo_key: push.repo.key.clone(),
        branch: push.branch.clone(),
        default_branch: push.repo.default_branch.clone(),
    }
}
