//! The author's commands without a daemon: explain what would be done, and do it in the foreground.

mod leftovers;
mod predict;
mod run;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::goal_files::GoalFiles;
use super::local::{StartError, repository_of};
use crate::config::Configuration;
use crate::engine::explain::{Explanation, explain_with};
use crate::engine::forge_view::AskedForges;
use crate::engine::{Machine, Settings};
use crate::git::{direct::Direct, history, identity};
use crate::model::ids::InvalidName;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, GoalTrigger, Push, PushId, Repository};
use crate::ports::Scm;
use crate::ports::scm::ScmError;
use crate::runtime::clock::{Clock, Ids, RandomIds, SystemClock};

pub use predict::predict_offline;
pub use run::{GoalLog, RunOptions, RunOutcome, run};

/// What somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A commit as the head of the checked-out branch, compared with its first parent.
    Revision(String),
    /// The commits after the first up to the second, as one push.
    Range(String, String),
    /// The uncommitted tree.
    Worktree,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum OfflineError {
    /// Wiring.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The repository.
    #[error(transparent)]
    Scm(#[from] ScmError),
    /// A name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The engine's store.
    #[error(transparent)]
    Store(#[from] crate::ports::store::StoreError),
    /// A goal that the plan does not have.
    #[error("the plan has no goal `{name}`; it has {}", if goals.is_empty() { "none at all".to_owned() } else { goals.join(", ") })]
    NoSuchGoal {
        /// Asked for.
        name: String,
        /// There are.
        goals: Vec<String>,
    },
    /// A name that no commit has, or that is the beginning of several ids.
    #[error("there is no commit `{}`, or there are several whose ids begin like this", .0.escape_debug().take(200).collect::<String>())]
    NoSuchCommit(String),
    /// Nothing was ever committed to the branch that is checked out.
    #[error("nothing is committed yet on the branch that is checked out")]
    NoCommitYet,
    /// No branch is named and none is checked out.
    #[error("no branch is checked out")]
    NoBranch,
    /// There are no files to look at.
    #[error("{0} is a bare repository: it has no files that could be uncommitted")]
    Bare(std::path::PathBuf),
    /// Planning failed.
    #[error("the push cannot be planned: {0}")]
    Planning(String),
    /// A task of the machine broke off.
    #[error("the machine stopped unexpectedly")]
    Crashed,
}

/// A push made up for a question, and the way to its objects.
pub(super) struct Question {
    pub(super) push: Push,
    pub(super) scm: Direct,
}

/// What the rules say about the subject, computed from the repository itself without a daemon; because of a goal of it when
/// one is given.
///
/// # Errors
/// Goal files or repository cannot be read.
pub async fn explain_offline(
    configuration: &Configuration,
    path: &Path,
    subject: &Subject,
    trigger: Option<GoalTrigger>,
) -> Result<Explanation, OfflineError> {
    let (configuration, path, subject) = (configuration.clone(), path.to_owned(), subject.clone());
    let forges = super::network::forges(&configuration, &super::local::secrets(&configuration))?;
    let task = tokio::task::spawn_blocking(move || {
        let machine = machine(&configuration)?;
        let question = question(&path, &subject)?;
        let settings = Settings::local(&configuration.name, std::path::PathBuf::new());
        let scm: Arc<dyn Scm> = Arc::new(question.scm);
        let mut facts = settings.planning_facts();
        facts.trigger = trigger;
        facts.forges = Some(Arc::new(AskedForges::new(forges, Arc::clone(&scm))));
        Ok(explain_with(&machine, &facts, &scm, &question.push))
    });
    task.await.expect("explaining does not panic")
}

/// The machine of the configured goal files.
pub(super) fn machine(configuration: &Configuration) -> Result<Machine, OfflineError> {
    let files = GoalFiles::new(configuration);
    let sources = files.read().map_err(StartError::from)?;
    Ok(Machine::load(&sources).map_err(StartError::Goals)?)
}

/// The push that a subject stands for. Blocking.
pub(super) fn question(path: &Path, subject: &Subject) -> Result<Question, OfflineError> {
    let found = identity::discover(path)?.ok_or_else(|| StartError::NoRepository(path.to_owned()))?;
    let branch = history::checked_out_branch(&found);
    let branch = branch.map_or_else(|| BranchName::parse("detached"), Ok)?;
    let (repository, place) = repository_of(&found);
    let mut scm = Direct::open(&place)?;
    let (before, after) = match subject {
        Subject::Revision(revision) => {
            let after = commit_named(&scm, revision)?;
            (scm.first_parent(&after)?, after)
        }
        Subject::Range(from, to) => (Some(commit_named(&scm, from)?), commit_named(&scm, to)?),
        Subject::Worktree if found.work_tree.is_none() => return Err(OfflineError::Bare(place)),
        Subject::Worktree => {
            let after = scm.snapshot_worktree(SystemClock.now())?;
            (scm.first_parent(&after)?, after)
        }
    };
    Ok(Question {
        push: made_up(repository, branch, before, after, &scm)?,
        scm,
    })
}

/// The commit that a name stands for in the repository at a path. Blocking.
///
/// # Errors
/// There is no repository or no such commit.
pub fn commit_at(path: &Path, name: &str) -> Result<CommitSha, OfflineError> {
    let found = identity::discover(path)?.ok_or_else(|| StartError::NoRepository(path.to_owned()))?;
    commit_named(&Direct::open(&repository_of(&found).1)?, name)
}

fn commit_named(scm: &Direct, name: &str) -> Result<CommitSha, OfflineError> {
    match scm.resolve(name)? {
        Some(sha) => Ok(sha),
        None if name == "HEAD" => Err(OfflineError::NoCommitYet),
        None => Err(OfflineError::NoSuchCommit(name.to_owned())),
    }
}

fn made_up(
    repo: Repository,
    branch: BranchName,
    before: Option<CommitSha>,
    after: CommitSha,
    scm: &Direct,
) -> Result<Push, OfflineError> {
    let range = scm.range(before.as_ref(), &after)?;
    Ok(Push {
        id: PushId(RandomIds.fresh()),
        repo,
        branch,
        before,
        after,
        commits: range.commits,
        commit_count: range.count,
        forced: range.forced,
        at: SystemClock.now(),
        trust: Trust::Member,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_not_there_is_missed_in_a_whole_sentence() {
        let said = |goals: &[&str]| {
            let goals = goals.iter().map(|goal| (*goal).to_owned()).collect();
            let name = "nope".to_owned();
            OfflineError::NoSuchGoal { name, goals }.to_string()
        };
        assert_eq!(said(&["a", "b"]), "the plan has no goal `nope`; it has a, b");
        assert_eq!(said(&[]), "the plan has no goal `nope`; it has none at all");
    }
}
