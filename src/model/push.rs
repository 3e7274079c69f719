//! A push: one branch of one repository moved from one commit to another.

use serde::{Deserialize, Serialize};

use super::ids::{BranchName, CommitSha, PushId, RepoSlug};
use super::time::Timestamp;

/// A repository as rules and people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Identity that survives a rename: the forge's id, or the canonical path of the git directory in local mode (threat A8).
    pub key: String,
    /// `owner/name`.
    pub slug: RepoSlug,
    /// Where it is fetched from: a `file`, `http(s)` or `ssh` address without credentials.
    pub address: String,
    /// The default branch where one is known (semantics 2.4).
    pub default_branch: Option<BranchName>,
}

/// Who wrote or committed something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signature {
    /// Display name; proves nothing.
    pub name: String,
    /// Address as the commit states it; proves nothing.
    pub email: String,
}

/// One commit of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id.
    pub sha: CommitSha,
    /// The whole message, cut at 64 KiB (threat A4).
    pub message: String,
    /// Author.
    pub author: Signature,
    /// Committer.
    pub committer: Signature,
    /// Author time.
    pub at: Timestamp,
}

impl Commit {
    /// First line of the message.
    pub fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// How far the pushed content and its author are trusted (threats: "Who and what").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// A fork or an unknown contributor.
    Untrusted,
    /// Somebody who may write to the repository.
    Member,
}

/// A push that the machine has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Identity given when it was recorded.
    pub id: PushId,
    /// Where.
    pub repo: Repository,
    /// Which branch.
    pub branch: BranchName,
    /// The branch's head before; absent for the first push of a branch.
    pub before: Option<CommitSha>,
    /// The branch's head now.
    pub after: CommitSha,
    /// `before..after`, newest first, at most [`Push::MAX_COMMITS`]; never empty.
    pub commits: Vec<Commit>,
    /// How many commits the push has in all.
    pub commit_count: u64,
    /// The old head is not an ancestor of the new one: amend, rebase, reset.
    pub forced: bool,
    /// When it was recorded.
    pub at: Timestamp,
    /// Trust in its author.
    pub trust: Trust,
}

impl Push {
    /// Commits kept with a push; a longer push keeps its newest ones and the count.
    pub const MAX_COMMITS: usize = 250;

    /// Title of the head commit.
    pub fn title(&self) -> &str {
        self.commits.first().map(Commit::title).unwrap_or_default()
    }

    /// Addresses of those who wrote and committed it, each once.
    pub fn authors(&self) -> Vec<String> {
        let of_commit = |commit: &Commit| [commit.author.email.clone(), commit.committer.email.clone()];
        let mut all: Vec<String> = self.commits.iter().flat_map(of_commit).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether it moved the repository's default branch; without a known default `main`, then `master` (semantics 2.4).
    pub fn is_on_default_branch(&self) -> bool {
        match &self.repo.default_branch {
            Some(default) => *default == self.branch,
            None => matches!(self.branch.as_str(), "main" | "master"),
        }
    }
}
