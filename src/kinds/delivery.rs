//! Commits made by goals on their way to a branch: once, with lease, never forced; beside a developer's work tree rather than
//! into it (semantics 4.1, 8.4).

use super::{GoalContext, KindError};
use crate::model::{BranchName, CommitSha, News};
use crate::ports::scm::{BranchUpdate, Pushed};

/// Pushes of goals in a row on one branch, after which another one is a loop (AF-08, D10).
pub(super) const MAX_CHAIN: u32 = 3;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivered {
    /// The branch is at the commits.
    There,
    /// The branch is somebody's work on this computer: they wait on this one beside it.
    Beside(BranchName),
    /// Somebody was first; nothing was done.
    Superseded,
    /// The repository does not take them, for this reason.
    Refused(String),
}

/// Delivers commits to the pushed branch, which was at `expected`.
pub(super) async fn to_pushed_branch(
    context: &GoalContext<'_>,
    expected: &CommitSha,
    head: &CommitSha,
    moves_work_tree: bool,
) -> Result<Delivered, KindError> {
    let push = &context.record.push;
    let update = BranchUpdate {
        branch: push.branch.clone(),
        expected: Some(expected.clone()),
        target: head.clone(),
        moves_work_tree,
    };
    match context.scm.push(&push.repo, &update).await? {
        Pushed::Done => Ok(Delivered::There),
        Pushed::Moved { .. } => Ok(Delivered::Superseded),
        Pushed::Refused { because } => Ok(Delivered::Refused(because)),
        Pushed::CheckedOut { because, .. } => leave_beside(context, head, &because).await,
    }
}

/// Delivers commits to a branch that is made for them, or moved forward.
pub(super) async fn to_other_branch(
    context: &GoalContext<'_>,
    branch: &BranchName,
    head: &CommitSha,
) -> Result<Delivered, KindError> {
    match make_or_advance(context, branch, head).await? {
        Pushed::Done => Ok(Delivered::There),
        Pushed::Moved { .. } => Ok(Delivered::Superseded),
        Pushed::Refused { because } => Ok(Delivered::Refused(because)),
        Pushed::CheckedOut { because, .. } => leave_beside(context, head, &because).await,
    }
}

async fn make_or_advance(
    context: &GoalContext<'_>,
    branch: &BranchName,
    target: &CommitSha,
) -> Result<Pushed, KindError> {
    let repo = &context.record.push.repo;
    let heads = context.scm.heads(repo).await?;
    let update = BranchUpdate {
        branch: branch.clone(),
        expected: heads.branches.get(branch).cloned(),
        target: target.clone(),
        moves_work_tree: false,
    };
    Ok(context.scm.push(repo, &update).await?)
}

/// The commits wait beside the branch for one line of git.
async fn leave_beside(
    context: &GoalContext<'_>,
    head: &CommitSha,
    because: &str,
) -> Result<Delivered, KindError> {
    let push = &context.record.push;
    let plain = format!("{}{}", BranchName::AUTOFIX, push.branch);
    let own = format!("{plain}-{}", push.after.short());
    let mut refused = None;
    for name in [plain, own] {
        let branch = BranchName::parse(&name).map_err(|error| KindError::Definition(error.to_string()))?;
        match make_or_advance(context, &branch, head).await? {
            Pushed::Done => {
                announce(context, &branch, because).await?;
                return Ok(Delivered::Beside(branch));
            }
            // Occupied by something older: the other name is this push's own.
            Pushed::Refused { because } => refused = Some(because),
            Pushed::Moved { .. } | Pushed::CheckedOut { .. } => {}
        }
    }
    let beside = format!("{}{}", BranchName::AUTOFIX, push.branch);
    let why = refused.map_or_else(
        || "it has other commits".to_owned(),
        |why| format!("it is refused: {why}"),
    );
    Ok(Delivered::Refused(format!(
        "{because}, and they cannot wait on {beside}: {why}"
    )))
}

async fn announce(context: &GoalContext<'_>, branch: &BranchName, because: &str) -> Result<(), KindError> {
    let push = &context.record.push;
    let text = format!(
        "{}: commits for {} wait on {branch} ({because}); take them with `{}`",
        context.goal.definition().name,
        push.branch,
        how_to_take(branch)
    );
    let news = News::Message {
        text,
        repo: Some(push.repo.slug.clone()),
    };
    Ok(context.store.say(&news, context.now).await?)
}

/// The one line that takes commits which wait on a branch.
pub(super) fn how_to_take(branch: &BranchName) -> String {
    format!("git merge --ff-only {branch}")
}
