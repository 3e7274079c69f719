//! Finding commits in a repository, and what libgit2's errors mean to us.

use std::io::ErrorKind;

use git2::{ErrorClass, ErrorCode, Oid, Repository, Signature, Time};

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

/// The same for writing: what stays as it is until somebody changes a directory or its rights is [`ScmError::Prevented`].
pub(crate) fn failed_to_write<E>(doing: impl Into<String>) -> impl FnOnce(E) -> ScmError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    |source| {
        let doing = doing.into();
        let source: Box<dyn std::error::Error + Send + Sync> = source.into();
        match stays(source.as_ref()) {
            true => ScmError::Prevented { doing, source },
            false => ScmError::Failed { doing, source },
        }
    }
}

/// Whether writing would fail in the same way a moment later.
fn stays(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    const WORDS: [&str; 7] = [
        "no such file or directory",
        "permission denied",
        "read-only file system",
        "file name too long",
        "path too long",
        "not a directory",
        "operation not permitted",
    ];
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        return matches!(
            error.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::InvalidFilename
                | ErrorKind::NotADirectory
        );
    }
    // Of what the system says libgit2 keeps the words alone.
    let of_system = cause
        .downcast_ref::<git2::Error>()
        .filter(|error| error.class() == ErrorClass::Os);
    of_system.is_some_and(|error| {
        let said = error.message().to_ascii_lowercase();
        WORDS.iter().any(|words| said.contains(words))
    })
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
