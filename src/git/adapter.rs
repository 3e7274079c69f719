//! The ports `Scm` and `Workspaces` over mirrors and the pool. libgit2 runs on blocking threads; nobody outside knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::address::AddressPolicy;
use super::changes::PushRange;
use super::commits::{authors_of_range, commit_range};
use super::difference::{difference, first_changed};
use super::heads;
use super::history::{first_parents, head_of};
use super::identity::{discover, path_of};
use super::mirror::Mirrors;
use super::network::{Login, NetworkOptions};
use super::objects::failed;
use super::origin::{origin_of, was_seen_at_origin};
use super::push::{self, Update};
use super::remote::repository_at;
use super::tags::tags;
use super::view::GitView;
use super::workspace::{Pool, PoolSettings};
use crate::model::push::Trust;
use crate::model::{Authors, Commit, CommitSha, Push, RepoSlug, Repository};
use crate::ports::forges::PushLogin;
use crate::ports::scm::{
    BranchUpdate, CommitRange, Difference, Founded, Heads, IsMeant, NewCommit, NewRepository, NewTag, Pushed,
    Scm, ScmError, Workspace, Workspaces,
};
use crate::rules::view::ProjectView;
use crate::runtime::clock::Ids;

/// Repositories by way of mirrors, and working copies from a pool. Clones share both.
#[derive(Clone)]
pub struct Git {
    mirrors: Mirrors,
    pool: Arc<Pool>,
}

impl Git {
    /// Opens both directories; `keep` are globs of untracked directories that stay in a pooled working copy.
    ///
    /// # Errors
    /// The pool's directory is in use or cannot be written.
    pub fn open(
        mirrors: &Path,
        workspaces: &Path,
        network: NetworkOptions,
        keep: Vec<String>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, ScmError> {
        let settings = PoolSettings {
            keep,
            ..PoolSettings::default()
        };
        let pool = Pool::open(workspaces, settings, ids)?;
        Ok(Self {
            mirrors: Mirrors::new(mirrors.to_owned(), network),
            pool: Arc::new(pool),
        })
    }

    async fn with_mirror<T: Send + 'static>(
        &self,
        repo: &Repository,
        work: impl FnOnce(&git2::Repository) -> Result<T, ScmError> + Send + 'static,
    ) -> Result<T, ScmError> {
        let (mirrors, repo) = (self.mirrors.clone(), repo.clone());
        blocking(move || work(&mirrors.open(&repo)?)).await
    }
}

impl Git {
    /// Sends one reference from the mirror of a repository to that, or to another one.
    async fn send(&self, repo: &Repository, to: &Repository, update: Update) -> Result<Pushed, ScmError> {
        if let Some(path) = path_of(&to.address) {
            let work = move |mirror: &git2::Repository| push::push_into(mirror, &path, &update);
            return self.with_mirror(repo, work).await;
        }
        let session = self.mirrors.session_to_push(to)?;
        let work = move |mirror: &git2::Repository| push::push_over(mirror, &session, &update);
        self.with_mirror(repo, work).await
    }
}

/// Runs on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ScmError> + Send + 'static,
) -> Result<T, ScmError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(failed("finish reading a repository"))?
}

/// Where a new repository goes.
fn place_of(seed: &Repository, slug: &RepoSlug, below: Option<&Path>) -> Result<PathBuf, ScmError> {
    let seed_at = path_of(&seed.address);
    let beside = || Some(work_tree_of(&seed_at?)?.parent()?.parent()?.to_owned());
    let below = below.map(Path::to_owned).or_else(beside);
    let below = below.ok_or_else(|| ScmError::RefusedAddress {
        address: slug.to_string(),
        because: "its seed is elsewhere, so the command must say where it goes: `below: /a/directory`"
            .to_owned(),
    })?;
    Ok(below.join(&slug.owner).join(&slug.name))
}

/// The directory of a repository as people see it, whichever of its directories its address names.
fn work_tree_of(path: &Path) -> Option<PathBuf> {
    match path.file_name()? == ".git" {
        true => path.parent().map(Path::to_owned),
        false => Some(path.to_owned()),
    }
}

/// Head of the default branch, where it can be known without the network.
fn default_head(repo: &Repository) -> Option<CommitSha> {
    let (branch, path) = (repo.default_branch.as_ref()?, path_of(&repo.address)?);
    head_of(&path, branch)
}

#[async_trait]
impl Scm for Git {
    async fn heads(&self, repo: &Repository) -> Result<Heads, ScmError> {
        match path_of(&repo.address) {
            Some(path) => blocking(move || heads::heads(&path)).await,
            None => self.mirrors.heads(repo, &CancellationToken::new()).await,
        }
    }

    async fn tags(&self, repo: &Repository) -> Result<BTreeMap<String, CommitSha>, ScmError> {
        match path_of(&repo.address) {
            Some(path) => blocking(move || tags(&path)).await,
            // A remote is asked for its branches only; its forge tells of tags.
            None => Ok(BTreeMap::new()),
        }
    }

    async fn fetch(&self, repo: &Repository, sha: &CommitSha) -> Result<(), ScmError> {
        self.mirrors.fetch(repo, sha, &CancellationToken::new()).await
    }

    async fn commits(
        &self,
        repo: &Repository,
        before: Option<&CommitSha>,
        after: &CommitSha,
    ) -> Result<CommitRange, ScmError> {
        let (source, before, after) = (repo.clone(), before.cloned(), after.clone());
        self.with_mirror(repo, move |mirror| {
            let default = if before.is_none() {
                default_head(&source)
            } else {
                None
            };
            commit_range(mirror, before.as_ref(), &after, default.as_ref())
        })
        .await
    }

    async fn authors(&self, push: &Push) -> Result<Authors, ScmError> {
        let own = push.clone();
        self.with_mirror(&push.repo, move |mirror| {
            let default = default_head(&own.repo);
            authors_of_range(mirror, &own, default.as_ref())
        })
        .await
    }

    async fn first_parents(
        &self,
        repo: &Repository,
        head: &CommitSha,
        limit: u32,
    ) -> Result<Vec<CommitSha>, ScmError> {
        let head = head.clone();
        self.with_mirror(repo, move |mirror| first_parents(mirror, &head, limit))
            .await
    }

    async fn take_in(
        &self,
        repo: &Repository,
        pack: &Path,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<Vec<Commit>, ScmError> {
        let (pack, base, head) = (pack.to_owned(), base.clone(), head.clone());
        let work = move |mirror: &git2::Repository| {
            push::take_in(mirror, &pack, &base, &head)?;
            Ok(commit_range(mirror, Some(&base), &head, None)?.commits)
        };
        self.mirrors.write(repo, work).await
    }

    async fn tree_of(&self, repo: &Repository, commit: &CommitSha) -> Result<CommitSha, ScmError> {
        let commit = commit.clone();
        self.with_mirror(repo, move |mirror| push::tree_of(mirror, &commit))
            .await
    }

    async fn remake(
        &self,
        repo: &Repository,
        commit: &CommitSha,
        parent: &CommitSha,
        message: &str,
    ) -> Result<CommitSha, ScmError> {
        let (commit, parent, message) = (commit.clone(), parent.clone(), message.to_owned());
        let work = move |mirror: &git2::Repository| push::remake_commit(mirror, &commit, &parent, &message);
        self.mirrors.write(repo, work).await
    }

    async fn commit(&self, repo: &Repository, commit: &NewCommit) -> Result<CommitSha, ScmError> {
        let commit = commit.clone();
        let work = move |mirror: &git2::Repository| push::make_commit(mirror, &commit);
        self.mirrors.write(repo, work).await
    }

    async fn difference(
        &self,
        repo: &Repository,
        base: &CommitSha,
        head: &CommitSha,
        limit: usize,
    ) -> Result<Difference, ScmError> {
        let (base, head) = (base.clone(), head.clone());
        self.with_mirror(repo, move |mirror| difference(mirror, &base, &head, limit))
            .await
    }

    async fn first_changed(
        &self,
        repo: &Repository,
        base: &CommitSha,
        head: &CommitSha,
        is_meant: IsMeant,
    ) -> Result<Option<String>, ScmError> {
        let (base, head) = (base.clone(), head.clone());
        let work = move |mirror: &git2::Repository| first_changed(mirror, &base, &head, is_meant.as_ref());
        self.with_mirror(repo, work).await
    }

    async fn located(&self, place: &str) -> Result<Repository, ScmError> {
        if !Path::new(place).is_absolute() {
            return repository_at(place, &AddressPolicy::LOCAL);
        }
        let path = PathBuf::from(place);
        let found = blocking({
            let path = path.clone();
            move || discover(&path)
        });
        match found.await? {
            Some(found) => Ok(found.repository),
            None => Err(ScmError::RepositoryGone(path.display().to_string())),
        }
    }

    async fn room_for(
        &self,
        seed: &Repository,
        slug: &RepoSlug,
        below: Option<&Path>,
    ) -> Result<Option<PathBuf>, ScmError> {
        let path = place_of(seed, slug, below)?;
        // What cannot be looked at is for whoever writes there to say.
        blocking(move || Ok(std::fs::symlink_metadata(&path).is_ok().then_some(path))).await
    }

    async fn found(&self, seed: &Repository, new: &NewRepository) -> Result<Founded, ScmError> {
        let path = place_of(seed, &new.slug, new.below.as_deref())?;
        let (new, place) = (new.clone(), path.clone());
        let made = self
            .with_mirror(seed, move |mirror| push::found(mirror, &place, &new))
            .await?;
        let Some(head) = made else {
            return Ok(Founded::Occupied { path });
        };
        let repo = self.located(&path.to_string_lossy()).await?;
        Ok(Founded::Made { repo, path, head })
    }

    async fn first_commit(&self, seed: &Repository, new: &NewRepository) -> Result<CommitSha, ScmError> {
        let new = new.clone();
        let work = move |mirror: &git2::Repository| push::first_commit(mirror, &new);
        self.mirrors.write(seed, work).await
    }

    async fn push_new(
        &self,
        seed: &Repository,
        new: &Repository,
        update: &BranchUpdate,
        login: &PushLogin,
    ) -> Result<Pushed, ScmError> {
        let login = Login::new(login.user.clone(), login.secret.clone());
        let session = self.mirrors.session_to_push_as(new, login)?;
        let update = Update::of_branch(update);
        self.with_mirror(seed, move |mirror| push::push_over(mirror, &session, &update))
            .await
    }

    async fn push(&self, repo: &Repository, update: &BranchUpdate) -> Result<Pushed, ScmError> {
        self.send(repo, repo, Update::of_branch(update)).await
    }

    async fn origin(&self, repo: &Repository) -> Result<Option<Repository>, ScmError> {
        match path_of(&repo.address) {
            Some(path) => blocking(move || origin_of(&path)).await,
            None => Ok(None),
        }
    }

    async fn was_seen_at_origin(&self, repo: &Repository, sha: &CommitSha) -> Result<bool, ScmError> {
        let sha = sha.clone();
        match path_of(&repo.address) {
            Some(path) => blocking(move || was_seen_at_origin(&path, &sha)).await,
            None => Ok(false),
        }
    }

    async fn push_to_origin(
        &self,
        repo: &Repository,
        origin: &Repository,
        update: &BranchUpdate,
    ) -> Result<Pushed, ScmError> {
        self.send(repo, origin, Update::of_branch(update)).await
    }

    async fn push_tag(&self, repo: &Repository, tag: &NewTag) -> Result<Pushed, ScmError> {
        let (name, tag) = (tag.name.clone(), tag.clone());
        let make = move |mirror: &git2::Repository| push::make_tag(mirror, &tag);
        let object = self.mirrors.write(repo, make).await?;
        self.send(repo, repo, Update::of_tag(&name, &object)).await
    }

    async fn tags_of(&self, repo: &Repository, sha: &CommitSha) -> Result<Vec<String>, ScmError> {
        let sha = sha.clone();
        match path_of(&repo.address) {
            Some(path) => blocking(move || push::tags_in(&path, &sha)).await,
            None => {
                let session = self.mirrors.session_to_read(repo)?;
                blocking(move || push::tags_over(&session, &sha)).await
            }
        }
    }

    async fn maintain(&self) {
        let done = self.mirrors.maintenance().await;
        tracing::debug!(?done, "mirrors maintained");
    }

    fn view(&self, push: &Push) -> Result<Box<dyn ProjectView>, ScmError> {
        let default_head = match push.before.is_none() && !push.is_on_default_branch() {
            true => default_head(&push.repo),
            false => None,
        };
        let range = PushRange {
            before: push.before.clone(),
            after: push.after.clone(),
            default_head,
        };
        Ok(Box::new(GitView::open(self.mirrors.open(&push.repo)?, range)?))
    }
}

#[async_trait]
impl Workspaces for Git {
    async fn lend(&self, repo: &Repository, sha: &CommitSha, trust: Trust) -> Result<Workspace, ScmError> {
        let (pool, key, sha) = (Arc::clone(&self.pool), repo.key.clone(), sha.clone());
        self.with_mirror(repo, move |mirror| match trust {
            Trust::Member => pool.lend(mirror, &key, &sha),
            Trust::Untrusted => pool.lend_once(mirror, &sha),
        })
        .await
    }

    async fn release(&self, workspace: &Workspace) -> Result<(), ScmError> {
        let (pool, name) = (Arc::clone(&self.pool), workspace.name.clone());
        blocking(move || {
            pool.release(&name);
            Ok(())
        })
        .await
    }

    fn lent(&self, name: &str) -> Option<Workspace> {
        self.pool.lent(name)
    }

    async fn reclaim(&self, in_use: &[String]) -> Result<(), ScmError> {
        let (pool, in_use) = (Arc::clone(&self.pool), in_use.to_vec());
        blocking(move || pool.reclaim(&in_use)).await
    }
}
