//! What a name means in a repository that is elsewhere, and a file of a commit of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use git2::{Direction, ErrorCode, Remote, Repository};
use tokio_util::sync::CancellationToken;

use super::Mirrors;
use super::download::callbacks;
use super::local;
use crate::git::objects::{commit, exceeds, failed, sha_of};
use crate::git::transport::{ANY_REMOTE, Session, install};
use crate::model::{BranchName, CommitSha, Repository as Remembered};
use crate::ports::scm::ScmError;

/// Most references of a repository that are looked at.
const MAX_REFERENCES: usize = 1_000_000;

/// Largest file in bytes: one more than goal files may have, which is enough to say so.
const LARGEST_FILE: usize = (1 << 20) + 1;

impl Mirrors {
    /// The commit that a tag, a branch or a whole commit id means, the head of the default branch without one. `None` when
    /// the repository has nothing of that name.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn revision(
        &self,
        repo: &Remembered,
        revision: Option<&str>,
    ) -> Result<Option<CommitSha>, ScmError> {
        let Some(name) = revision else {
            return self.default_head(repo).await;
        };
        if let Ok(sha) = CommitSha::parse(name) {
            return Ok(Some(sha));
        }
        let names = ["refs/tags/", "refs/heads/"].map(|prefix| format!("{prefix}{name}"));
        let session = self.session_to_read(repo)?;
        let work = move || match session.address().local_path() {
            Some(path) => in_directory(&local::open(path)?, &names),
            None => over(&session, &names),
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(failed("look a revision up"))?
    }

    async fn default_head(&self, repo: &Remembered) -> Result<Option<CommitSha>, ScmError> {
        let heads = self.heads(repo, &CancellationToken::new()).await?;
        let usual = ["main", "master"].map(BranchName::parse);
        let usual = usual.into_iter().filter_map(Result::ok);
        let mut names = heads.default_branch.iter().cloned().chain(usual);
        Ok(names.find_map(|name| heads.branches.get(&name).cloned()))
    }

    /// The content of a file at the root of a commit, which is fetched; `None` when there is none.
    ///
    /// # Errors
    /// The commit cannot be fetched, or the file is too large.
    pub async fn file(
        &self,
        repo: &Remembered,
        sha: &CommitSha,
        path: &'static str,
    ) -> Result<Option<Vec<u8>>, ScmError> {
        self.fetch(repo, sha, &CancellationToken::new()).await?;
        let (mirrors, repo, sha) = (self.clone(), repo.clone(), sha.clone());
        let work = move || file_of(&mirrors.open(&repo)?, &sha, path);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(failed("read a file"))?
    }
}

/// The first of these references that is there, tags taken for the commits they name.
fn in_directory(repository: &Repository, names: &[String]) -> Result<Option<CommitSha>, ScmError> {
    for name in names {
        match repository
            .find_reference(name)
            .and_then(|found| found.peel_to_commit())
        {
            Ok(commit) => return Ok(Some(sha_of(commit.id()))),
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(failed(format!("read {name}"))(error)),
        }
    }
    Ok(None)
}

/// The same of a server, which tells beside an annotated tag the commit it names.
fn over(session: &Arc<Session>, names: &[String]) -> Result<Option<CommitSha>, ScmError> {
    let list = || {
        install()?;
        let _entered = session.enter();
        let mut remote = Remote::create_detached(ANY_REMOTE)?;
        let connection = remote.connect_auth(Direction::Fetch, Some(callbacks(session)), None)?;
        let heads = connection.list()?.iter().take(MAX_REFERENCES);
        let wanted = heads.filter(|head| {
            let name = head.name().trim_end_matches("^{}");
            names.iter().any(|wanted| wanted == name)
        });
        Ok(wanted
            .map(|head| (head.name().to_owned(), head.oid()))
            .collect::<BTreeMap<_, _>>())
    };
    let found = list().map_err(|error: git2::Error| {
        session
            .take_failure()
            .unwrap_or_else(|| failed(session.doing())(error))
    })?;
    let peeled = |name: &String| found.get(&format!("{name}^{{}}")).or_else(|| found.get(name));
    Ok(names.iter().find_map(peeled).map(|oid| sha_of(*oid)))
}

fn file_of(mirror: &Repository, sha: &CommitSha, path: &str) -> Result<Option<Vec<u8>>, ScmError> {
    let doing = || format!("read {path} of {}", sha.short());
    let tree = commit(mirror, sha)?.tree().map_err(failed(doing()))?;
    let entry = match tree.get_path(Path::new(path)) {
        Ok(entry) => entry,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(failed(doing())(error)),
    };
    let odb = mirror.odb().map_err(failed(doing()))?;
    let (size, kind) = odb.read_header(entry.id()).map_err(failed(doing()))?;
    if kind != git2::ObjectType::Blob || entry.filemode() == i32::from(git2::FileMode::Link) {
        return Ok(None);
    }
    if size > LARGEST_FILE {
        return Err(exceeds(format!("{path} of {}", sha.short()), "1 MiB"));
    }
    let blob = mirror.find_blob(entry.id()).map_err(failed(doing()))?;
    Ok(Some(blob.content().to_vec()))
}
