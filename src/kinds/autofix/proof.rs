//! Whether fixes of this machine made a commit (AF-05). A fix leaves pushes alone that it made itself, so whoever could pass a
//! commit off as one of its own would switch it off: the committer must be the machine, and either its memory knows the
//! commit, or the commit carries its signature. That one counts where the memory does not reach: after the state was lost, and on
//! another machine that trusts the key.
//!
//! The machine signs once the fixes are done, and what it signs is the content: no fix is ever given a signature, and none fits
//! another tree or another place in the history.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{GoalContext, KindError, machine};
use super::arguments::Arguments;
use super::message;
use crate::model::{Commit, CommitSha};
use crate::ports::signing::Signing;

/// Under this scope the signed commits are remembered by those that the fixes left. A signature is different each time, so
/// whoever concludes again, after an end in between, would push others.
const SIGNED: &str = "autofix.signed";
/// So long they are remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the signature of a fix's commit says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    /// The fix.
    fix: String,
    /// `owner/name` of its repository.
    repo: String,
    /// The commit that it follows.
    parent: CommitSha,
    /// Id of the tree that it holds.
    tree: CommitSha,
}

/// The commits that the fixes left, newest first, as the machine signs them; as they are on a machine without a key.
///
/// # Errors
/// They cannot be signed, made or remembered.
pub(super) async fn signed(
    context: &GoalContext<'_>,
    left: Vec<Commit>,
) -> Result<Vec<CommitSha>, KindError> {
    let (Some(signing), Some(newest)) = (context.signing, left.first()) else {
        return Ok(left.into_iter().map(|commit| commit.sha).collect());
    };
    let key = format!("{}:{}", context.record.push.repo.key, newest.sha);
    if let Some(made) = made_before(context, &key).await? {
        return Ok(made);
    }
    let (mut made, mut parent) = (Vec::new(), context.record.push.after.clone());
    for commit in left.iter().rev() {
        parent = remade(context, signing, commit, &parent).await?;
        made.insert(0, parent.clone());
    }
    let until = context.now.plus(REMEMBERED_FOR);
    context
        .store
        .put_preference(SIGNED, &key, &json!(made), Some(until))
        .await?;
    Ok(made)
}

/// Those that were signed before, if they are still there.
async fn made_before(context: &GoalContext<'_>, key: &str) -> Result<Option<Vec<CommitSha>>, KindError> {
    let kept = context.store.preference(SIGNED, key, context.now).await?;
    let made: Option<Vec<CommitSha>> = kept.and_then(|kept| serde_json::from_value(kept).ok());
    let Some((made, head)) = made.and_then(|made| made.first().cloned().map(|head| (made, head))) else {
        return Ok(None);
    };
    let repo = &context.record.push.repo;
    // Another replica may have made them, and pushed them.
    Ok(context.scm.fetch(repo, &head).await.ok().map(|()| made))
}

/// A commit that a fix left, after this parent and signed. One that speaks of no fix of the goal is nobody's, and stays unsigned.
async fn remade(
    context: &GoalContext<'_>,
    signing: &dyn Signing,
    commit: &Commit,
    parent: &CommitSha,
) -> Result<CommitSha, KindError> {
    let (repo, definition) = (&context.record.push.repo, context.goal.definition());
    let fixes = Arguments::read(&definition.work.arguments)?.fixes(&definition.name);
    let fix = fixes
        .into_iter()
        .find(|fix| message::speaks_of(&fix.name, commit));
    let message = match fix {
        None => commit.message.clone(),
        Some(fix) => {
            let claim = Claim {
                fix: fix.name,
                repo: repo.slug.to_string(),
                parent: parent.clone(),
                tree: context.scm.tree_of(repo, &commit.sha).await?,
            };
            message::signed(&commit.message, &signature(signing, &claim)?)
        }
    };
    Ok(context.scm.remake(repo, &commit.sha, parent, &message).await?)
}

fn signature(signing: &dyn Signing, claim: &Claim) -> Result<String, KindError> {
    let claim = serde_json::to_vec(claim).map_err(|error| KindError::Definition(error.to_string()))?;
    signing
        .sign(&claim)
        .map_err(|error| KindError::Definition(format!("the commits of the fixes cannot be signed: {error}")))
}

/// Whether a commit of the push is one that this fix made.
///
/// # Errors
/// The memory or the repository cannot be read.
pub(super) async fn is_in_push(context: &GoalContext<'_>, fix: &str) -> Result<bool, KindError> {
    let commits = &context.record.push.commits;
    for commit in commits.iter().filter(|commit| message::speaks_of(fix, commit)) {
        if is_made_here(context, commit).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many of the newest commits of the push fixes made, one after the other.
///
/// # Errors
/// The memory or the repository cannot be read.
pub(super) async fn made_in_a_row(context: &GoalContext<'_>) -> Result<u32, KindError> {
    let mut row = 0;
    for commit in &context.record.push.commits {
        if !is_made_here(context, commit).await? {
            break;
        }
        row += 1;
    }
    Ok(row)
}

async fn is_made_here(context: &GoalContext<'_>, commit: &Commit) -> Result<bool, KindError> {
    if commit.committer != machine() {
        return Ok(false);
    }
    let key = &context.record.push.repo.key;
    Ok(context.store.generated(key, &commit.sha).await?.is_some() || is_signed(context, commit).await?)
}

/// Whether it carries a good signature that was given for what it holds and for its place in the history.
async fn is_signed(context: &GoalContext<'_>, commit: &Commit) -> Result<bool, KindError> {
    let Some(claim) = claim_of(context, commit) else {
        return Ok(false);
    };
    let repo = &context.record.push.repo;
    if claim.repo != repo.slug.to_string() || !message::speaks_of(&claim.fix, commit) {
        return Ok(false);
    }
    let line = context.scm.first_parents(repo, &commit.sha, 2).await?;
    Ok(line.get(1) == Some(&claim.parent) && context.scm.tree_of(repo, &commit.sha).await? == claim.tree)
}

fn claim_of(context: &GoalContext<'_>, commit: &Commit) -> Option<Claim> {
    let claim = context
        .signing?
        .verify(message::signature_in(&commit.message)?)
        .ok()?;
    serde_json::from_slice(&claim).ok()
}
