//! Which push somebody means whose goals are to be set again (semantics 5.8): the newest, of a branch or of all, or one by the
//! beginning of its commit or of a goal set of it. What commands did on a commit was no push.

use thiserror::Error;

use super::Engine;
use crate::model::{BranchName, Push, RepoSlug};
use crate::ports::store::{Cause, GoalSetFilter, GoalSetRecord, StoreError};

/// How far back a push is looked for.
const REACH: u32 = 1_000;

/// Which push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushChoice {
    /// Beginning of its commit's id, or of the id of a goal set.
    pub id: Option<String>,
    /// Its repository.
    pub repo: Option<RepoSlug>,
    /// Its branch.
    pub branch: Option<BranchName>,
}

/// Why none is meant.
#[derive(Debug, Error)]
pub enum NoSuchPush {
    /// Nothing was pushed yet.
    #[error("there is no push yet")]
    None,
    /// Nothing was pushed to the branch.
    #[error("there is no push to the branch {0}")]
    NotTo(BranchName),
    /// Nothing begins like that.
    #[error("no push and no goal set begins with `{0}`")]
    NoneBegins(String),
    /// What begins like that was not a push.
    #[error("the goal set `{0}` is of a command, which is asked for again by `sdm do`")]
    OfCommand(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// The push that is meant.
    ///
    /// # Errors
    /// None is.
    pub async fn push_meant(&self, choice: &PushChoice) -> Result<Push, NoSuchPush> {
        let mut pushes = self.parts.store.pushes(choice.repo.as_ref(), REACH).await?;
        if let Some(branch) = &choice.branch {
            pushes.retain(|push| push.branch == *branch);
        }
        let Some(id) = &choice.id else {
            let none = || choice.branch.clone().map_or(NoSuchPush::None, NoSuchPush::NotTo);
            return pushes.into_iter().next().ok_or_else(none);
        };
        let begins = |push: &Push| push.after.as_str().starts_with(&id.to_ascii_lowercase());
        match pushes.into_iter().find(begins) {
            Some(push) => Ok(push),
            None => self.push_of_set(id, choice).await,
        }
    }

    async fn push_of_set(&self, id: &str, choice: &PushChoice) -> Result<Push, NoSuchPush> {
        let filter = GoalSetFilter {
            repo: choice.repo.clone(),
            branch: choice.branch.clone(),
            id_prefix: Some(id.to_owned()),
            limit: REACH,
            ..GoalSetFilter::default()
        };
        let sets = self.parts.store.goal_sets(&filter).await?;
        let is_of_push = |record: &GoalSetRecord| !matches!(record.cause, Cause::Command { .. });
        let is_none = sets.is_empty();
        match sets.into_iter().find(is_of_push) {
            Some(record) => Ok(record.push),
            None if is_none => Err(NoSuchPush::NoneBegins(id.to_owned())),
            None => Err(NoSuchPush::OfCommand(id.to_owned())),
        }
    }
}
