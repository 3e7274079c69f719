//! Whether fixes of this machine made a commit (AF-05). A fix leaves pushes alone that it made itself, so whoever could pass a
//! commit off as one of its own would switch it off: the committer must be the machine, and either its memory knows the
//! commit, or the commit carries its signature. That one counts where the memory does not reach: after the state was lost, and on
//! another machine that trusts the key.
//!
//! A signature is given before the commit is made, so it cannot name it. It names the commit that the fixes began with and how
//! many of them came before, which fits nowhere else in the history.

use serde::{Deserialize, Serialize};

use super::super::{GoalContext, KindError, machine};
use super::message;
use crate::model::{Commit, CommitSha};

/// Longest run of fixes whose signatures are looked into.
const LONGEST_RUN: u32 = 1000;

/// What the signature of a fix's commit says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    /// The fix.
    fix: String,
    /// `owner/name` of its repository.
    repo: String,
    /// The commit that the fixes began with.
    base: CommitSha,
    /// How many fixes came before it.
    before: u32,
}

/// The signature for the commit of a fix that has so many before it; `None` on a machine without a key.
///
/// # Errors
/// The cryptographic library failed.
pub(super) fn sign(context: &GoalContext<'_>, fix: &str, before: usize) -> Result<Option<String>, KindError> {
    let Some(signing) = context.signing else {
        return Ok(None);
    };
    let push = &context.record.push;
    let claim = Claim {
        fix: fix.to_owned(),
        repo: push.repo.slug.to_string(),
        base: push.after.clone(),
        before: u32::try_from(before).unwrap_or(u32::MAX),
    };
    let claim = serde_json::to_vec(&claim).map_err(|error| KindError::Definition(error.to_string()))?;
    let signed = signing.sign(&claim);
    signed
        .map(Some)
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

/// Whether it carries a good signature that was given for its place in the history.
async fn is_signed(context: &GoalContext<'_>, commit: &Commit) -> Result<bool, KindError> {
    let Some(claim) = claim_of(context, commit) else {
        return Ok(false);
    };
    let repo = &context.record.push.repo;
    let is_for_it = claim.repo == repo.slug.to_string() && message::speaks_of(&claim.fix, commit);
    if !is_for_it || claim.before > LONGEST_RUN {
        return Ok(false);
    }
    let line = context
        .scm
        .first_parents(repo, &commit.sha, claim.before + 2)
        .await?;
    Ok(line.iter().skip(1).any(|sha| *sha == claim.base))
}

fn claim_of(context: &GoalContext<'_>, commit: &Commit) -> Option<Claim> {
    let claim = context
        .signing?
        .verify(message::signature_in(&commit.message)?)
        .ok()?;
    serde_json::from_slice(&claim).ok()
}
