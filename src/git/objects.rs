//! Finding commits in a repository, and what libgit2's errors mean to us.

use git2::{ErrorCode, Oid, Repository, Signature, Time};

use crate::model::{CommitSha, Timestamp, push};
use crate::ports::scm::ScmError;

/// Turns any cause into [`ScmError::Failed`]; `doing` completes "failed to …".
pub(crate) fn failed<E>(doing: impl Into<String>) -> impl FnOnce(E) -> ScmError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    |source| ScmError::Failed {
        doing: doing.into(),
        source: source.into(),
    }
}

/// What stands in the way of opening a repository, in words that say what to do where libgit2's own do not.
pub(crate) fn why_not_opened(error: git2::Error) -> Box<dyn std::error::Error + Send + Sync> {
    if error.message().contains("refstorage") {
        return "its branches are kept as a reftable, which cannot be read yet; \
                `git refs migrate --ref-format=files` converts them"
            .into();
    }
    error.into()
}

/// The id as libgit2 has it.
pub(crate) fn oid_of(sha: &CommitSha) -> Oid {
    Oid::from_str(sha.as_str()).expect("a commit id has 40 hexadecimal digits")
}

/// The id as the rest of the machine has it.
pub(crate) fn sha_of(oid: Oid) -> CommitSha {
    CommitSha::parse(&oid.to_string()).expect("an object id prints as 40 hexadecimal digits")
}

/// Somebody at a moment, in UTC.
pub(crate) fn signature(who: &push::Signature, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
    let time = Time::new(at.as_micros().div_euclid(1_000_000), 0);
    Signature::new(&who.name, &who.email, &time)
}

/// The commit, if it is here; an object of another kind is not it.
pub(crate) fn commit_if_here<'r>(
    repo: &'r Repository,
    sha: &CommitSha,
) -> Result<Option<git2::Commit<'r>>, ScmError> {
    match repo.find_commit(oid_of(sha)) {
        Ok(commit) => Ok(Some(commit)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(failed(format!("read the commit {sha}"))(error)),
    }
}

/// The commit, which must be here.
pub(crate) fn commit<'r>(repo: &'r Repository, sha: &CommitSha) -> Result<git2::Commit<'r>, ScmError> {
    commit_if_here(repo, sha)?.ok_or_else(|| ScmError::CommitGone(sha.clone()))
}

/// A refusal because hostile input is too large.
pub(crate) fn exceeds(what: impl Into<String>, limit: impl Into<String>) -> ScmError {
    ScmError::LimitExceeded {
        what: what.into(),
        limit: limit.into(),
    }
}
