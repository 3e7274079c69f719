//! A push: one branch of one repository moved from one commit to another.

use serde::{Deserialize, Serialize};

use super::authors::Authors;
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
    /// The whole message, cut at [`Commit::MAX_MESSAGE`].
    pub message: String,
    /// Author.
    pub author: Signature,
    /// Committer.
    pub committer: Signature,
    /// Author time.
    pub at: Timestamp,
}

impl Commit {
    /// Longest message that is kept, in bytes, with what marks that it was cut (threat A4).
    pub const MAX_MESSAGE: usize = 64 << 10;

    /// Whether its message may have gone on.
    fn may_be_cut(&self) -> bool {
        self.message.len() + 8 > Self::MAX_MESSAGE
    }

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

    /// Who wrote the commits that are kept with it, as these say.
    pub fn authors(&self) -> Authors {
        Authors::of(&self.commits)
    }

    /// Whether all its commits are kept with it, with all that they say.
    pub fn is_whole(&self) -> bool {
        self.commits.len() as u64 == self.commit_count && !self.commits.iter().any(Commit::may_be_cut)
    }

    /// Whether it moved the repository's default branch; without a known default `main`, then `master` (semantics 2.4).
    pub fn is_on_default_branch(&self) -> bool {
        match &self.repo.default_branch {
            Some(default) => *default == self.branch,
            None => matches!(self.branch.as_str(), "main" | "master"),
        }
    }
}
