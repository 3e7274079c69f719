//! What pushes to a branch have in common, asked before there is one.

use std::path::Path;

use super::{OfflineError, machine};
use crate::config::Configuration;
use crate::daemon::local::{StartError, repository_of};
use crate::git::{history, identity};
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, Push, PushId, Repository};
use crate::rules::{PlanningFacts, Prediction};
use crate::runtime::clock::{Clock, Ids, RandomIds, SystemClock};
use crate::wire::prediction::{PredictedGoalView, PredictionView};

/// What the rules can set for a push to a branch, the checked-out one when none is named. Blocking; nothing is read
/// of the repository but its name and branches.
///
/// # Errors
/// Goal files or repository cannot be read, or the name is none of a branch.
pub fn predict_offline(
    configuration: &Configuration,
    path: &Path,
    branch: Option<&str>,
) -> Result<PredictionView, OfflineError> {
    let machine = machine(configuration)?;
    let found = identity::discover(path)?.ok_or_else(|| StartError::NoRepository(path.to_owned()))?;
    let branch = match branch {
        Some(name) => BranchName::parse(name)?,
        None => history::checked_out_branch(&found).ok_or(OfflineError::NoBranch)?,
    };
    let (repository, _) = repository_of(&found);
    let facts = PlanningFacts {
        local_mode: true,
        ..PlanningFacts::default()
    };
    let push = any_push(repository, branch)?;
    Ok(view(&push, &machine.rules.predict(&push, &facts)))
}

/// A push of which nothing but the place is true.
fn any_push(repo: Repository, branch: BranchName) -> Result<Push, OfflineError> {
    Ok(Push {
        id: PushId(RandomIds.fresh()),
        repo,
        branch,
        before: None,
        after: CommitSha::parse(&"0".repeat(40))?,
        commits: Vec::new(),
        commit_count: 0,
        forced: false,
        at: SystemClock.now(),
        trust: Trust::Member,
    })
}

fn view(push: &Push, prediction: &Prediction) -> PredictionView {
    let goals = prediction.goals.iter();
    let goals = goals.map(|goal| PredictedGoalView::of(&goal.definition, goal.is_certain, &goal.rules));
    PredictionView::new(
        &push.repo,
        push.branch.as_str(),
        goals.collect(),
        &prediction.trace.rules,
    )
}
