//! Forges: where repositories live among people, branches are asked to be merged (semantics 4.1, 5.5), and commits carry how
//! their goals stand (semantics 6).

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::checks::{Check, CheckRun, FoundCheck};
use super::secrets::{Asker, NotGiven};
use crate::model::{BranchName, CommitSha, RepoSlug, Repository, Timestamp};

/// A branch that asks to be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The branch, which has been pushed.
    pub branch: BranchName,
    /// The branch it is to be merged into.
    pub target: BranchName,
    /// One line.
    pub title: String,
    /// What it is about, in Markdown.
    pub body: String,
    /// Labels that it carries, `family:value`, at most one of a family.
    pub labels: Vec<String>,
    /// Labels that it may carry from before. They are taken off where `labels` has one of their family, or where a [`mark`] in
    /// the body says that it was not a person who put them on.
    pub former_labels: Vec<String>,
}

/// What stands in the body of a pull request for a label that was put on with it.
pub fn mark(label: &str) -> String {
    format!("[{label}]")
}

/// A pull request that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// A release that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// The tag that names it; made by the forge where it is not there.
    pub tag: String,
    /// The commit that such a tag names.
    pub target: CommitSha,
    /// Whether it is on the way to one.
    pub is_prerelease: bool,
    /// A file of the commit that says what is new.
    pub changelog: Option<&'static str>,
}

/// A release that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRelease {
    /// Its page.
    pub url: String,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// A repository that is to be made at a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRepository {
    /// The origin of the forge, as the configuration names it.
    pub forge: String,
    /// What it is called there.
    pub slug: RepoSlug,
    /// Who may see it.
    pub visibility: Visibility,
    /// What it says of itself, one line.
    pub description: String,
}

/// Who may see a repository at a forge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Those who are let in.
    #[default]
    Private,
    /// Everybody of the enterprise that the forge is for.
    Internal,
    /// Everybody.
    Public,
}

/// A repository that was made at a forge and holds nothing.
#[derive(Debug)]
pub struct EmptyRepository {
    /// Where git finds it; no login.
    pub address: String,
    /// Its page.
    pub page: String,
    /// With what it can be pushed to.
    pub login: PushLogin,
}

/// A login for one push.
#[derive(Debug, Clone)]
pub struct PushLogin {
    /// The user.
    pub user: String,
    /// The password, or a token in its place.
    pub secret: SecretString,
}

/// How the goals of a commit stand, as its forge shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who says so; what is said in one context takes the place of what was said in it before.
    pub context: String,
    /// How they stand.
    pub state: ReportState,
    /// The same for people; a forge shows as much of it as it has room for.
    pub text: String,
    /// A page with more.
    pub url: Option<String>,
}

/// How goals stand that a forge is told of (semantics 6, "Commit status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    /// Not all have ended.
    Pending,
    /// All have ended well, or did not have to be carried out.
    Success,
    /// One has failed.
    Failure,
    /// One ended on purpose before the others: neither well nor badly.
    Stopped,
    /// One was canceled.
    Canceled,
}

/// How long a forge wants to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// From now on.
    For(Duration),
    /// Until a moment.
    Until(Timestamp),
    /// It does not say.
    Unsaid,
}

/// Why a forge did not do it.
#[derive(Debug, Error)]
pub enum ForgeError {
    /// The machine knows no forge for the repository.
    #[error("{0} is at no forge that is connected: name its origin in `forges` of the configuration")]
    NotConnected(String),
    /// The token for it is not given.
    #[error(transparent)]
    Secret(#[from] NotGiven),
    /// It takes the token no more.
    #[error("{origin} does not take the token: {because}")]
    Unauthorized {
        /// Which forge.
        origin: String,
        /// What it said, one line.
        because: String,
    },
    /// It says no, and would again.
    #[error("{origin} {because}")]
    Refused {
        /// Which forge.
        origin: String,
        /// What it said, so that it completes a sentence; one line.
        because: String,
    },
    /// It has had too many questions, and wants none for longer than a goal waits.
    #[error("{origin} {because}")]
    Busy {
        /// Which forge.
        origin: String,
        /// What it said, so that it completes a sentence; one line.
        because: String,
        /// For how long.
        pause: Pause,
    },
    /// It did not answer as it should; may pass.
    #[error("failed to ask {origin}: {because}")]
    Unavailable {
        /// Which forge.
        origin: String,
        /// What happened.
        because: String,
        /// How long it wants to be left alone, where it says so.
        pause: Option<Pause>,
    },
}

impl ForgeError {
    /// Whether trying again a moment later can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// There is no forge at an origin.
    pub fn unknown(origin: &str) -> Self {
        Self::Refused {
            origin: origin.to_owned(),
            because: "is no forge that is connected: name it in `forges` of the configuration".to_owned(),
        }
    }
}

/// The forges of a machine.
#[async_trait]
pub trait Forges: Send + Sync {
    /// Whether the repository is at one of them, as far as whoever asks is concerned.
    fn knows(&self, repo: &Repository, asker: &Asker) -> bool;

    /// Whether whoever asks may ask for branches of the repository to be merged. It is asked before anything is pushed for that.
    ///
    /// # Errors
    /// They may not, or the forge does not say.
    async fn may_ask_to_merge(&self, _repo: &Repository, _asker: &Asker) -> Result<(), ForgeError> {
        Ok(())
    }

    /// Whether anybody may read the repository.
    ///
    /// # Errors
    /// There is no such forge, or it does not say.
    async fn is_public(&self, repo: &Repository, asker: &Asker) -> Result<bool, ForgeError>;

    /// The number of the open pull request of a branch.
    ///
    /// # Errors
    /// There is no such forge, or it does not say.
    async fn pull_request(
        &self,
        repo: &Repository,
        branch: &BranchName,
        asker: &Asker,
    ) -> Result<Option<u64>, ForgeError>;

    /// Opens a pull request, or brings the one that is open for this branch up to date; never a second one.
    ///
    /// # Errors
    /// There is no such forge, or it does not do it.
    async fn ask_to_merge(
        &self,
        repo: &Repository,
        wanted: &PullRequest,
        asker: &Asker,
    ) -> Result<OpenPullRequest, ForgeError>;

    /// Publishes a release. Where its tag has one already that is left as it is.
    ///
    /// # Errors
    /// There is no such forge, or it does not do it.
    async fn publish(
        &self,
        repo: &Repository,
        release: &NewRelease,
        asker: &Asker,
    ) -> Result<PublishedRelease, ForgeError>;

    /// The page of what stands already where [`Forges::make`] would make a repository; `None` when there is room, and whoever asks
    /// may make one there as far as can be seen before.
    ///
    /// # Errors
    /// There is no such forge or no such owner, or it does not say.
    async fn room_for(
        &self,
        wanted: &WantedRepository,
        _asker: &Asker,
    ) -> Result<Option<String>, ForgeError> {
        Err(ForgeError::unknown(&wanted.forge))
    }

    /// Makes a repository; `None` when there is one of its name.
    ///
    /// # Errors
    /// There is no such forge, or it does not do it.
    async fn make(
        &self,
        wanted: &WantedRepository,
        _asker: &Asker,
    ) -> Result<Option<EmptyRepository>, ForgeError> {
        Err(ForgeError::unknown(&wanted.forge))
    }

    /// A repository that was made before, as [`Forges::make`] would tell of it.
    ///
    /// # Errors
    /// There is no such forge, or it does not say.
    async fn made(&self, wanted: &WantedRepository, _asker: &Asker) -> Result<EmptyRepository, ForgeError> {
        Err(ForgeError::unknown(&wanted.forge))
    }

    /// The name of the forge whose commits carry how their goals stand, where the repository is at such a one.
    fn takes_reports(&self, _repo: &Repository) -> Option<String> {
        None
    }

    /// Says beside a commit how its goals stand. To say the same twice does no harm.
    ///
    /// # Errors
    /// There is no such forge, or it does not do it.
    async fn report(
        &self,
        repo: &Repository,
        _sha: &CommitSha,
        _report: &Report,
        _asker: &Asker,
    ) -> Result<(), ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }

    /// Whether the forge of a repository is told by checks instead of statuses.
    fn takes_checks(&self, _repo: &Repository) -> bool {
        false
    }

    /// Makes a check of a commit. `id` is ours, by which it is found again when the answer got lost.
    ///
    /// # Errors
    /// There is no such forge, or it does not do it.
    async fn make_check(
        &self,
        repo: &Repository,
        _sha: &CommitSha,
        _check: &Check,
        _id: &str,
        _asker: &Asker,
    ) -> Result<CheckRun, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }

    /// Says of a check how it stands now; `false` where the forge has it no more.
    ///
    /// # Errors
    /// There is no such forge, or it does not do it.
    async fn change_check(
        &self,
        repo: &Repository,
        _run: CheckRun,
        _check: &Check,
        _asker: &Asker,
    ) -> Result<bool, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }

    /// The check of a commit with this name and this id of ours.
    ///
    /// # Errors
    /// There is no such forge, or it does not say.
    async fn find_check(
        &self,
        repo: &Repository,
        _sha: &CommitSha,
        _context: &str,
        _id: &str,
        _asker: &Asker,
    ) -> Result<Option<FoundCheck>, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }

    /// The name of the secret with which the forge of a repository is asked.
    fn secret_of(&self, _repo: &Repository) -> Option<String> {
        None
    }
}

/// No forge at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoForges;

#[async_trait]
impl Forges for NoForges {
    fn knows(&self, _repo: &Repository, _asker: &Asker) -> bool {
        false
    }

    async fn is_public(&self, repo: &Repository, _asker: &Asker) -> Result<bool, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }

    async fn pull_request(
        &self,
        repo: &Repository,
        _branch: &BranchName,
        _asker: &Asker,
    ) -> Result<Option<u64>, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }

    async fn ask_to_merge(
        &self,
        repo: &Repository,
        _wanted: &PullRequest,
        _asker: &Asker,
    ) -> Result<OpenPullRequest, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }
    async fn publish(
        &self,
        repo: &Repository,
        _release: &NewRelease,
        _asker: &Asker,
    ) -> Result<PublishedRelease, ForgeError> {
        Err(ForgeError::NotConnected(repo.slug.to_string()))
    }
}
