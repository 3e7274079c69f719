//! Over the network: libgit2's smart protocol on our transports.

use std::collections::HashMap;
use std::sync::Arc;

use git2::{
    AutotagOption, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, Progress, Remote, RemoteCallbacks,
    Repository,
};

use super::fetch::{FetchError, judged};
use crate::git::transport::{ANY_REMOTE, Session, failed, install};
use crate::model::BranchName;
use crate::ports::scm::{Heads, ScmError};

/// Most references of a repository that are looked at.
const MAX_REFERENCES: usize = 1_000_000;
/// All branches. Only objects are downloaded: the right-hand side is needed by the syntax and never written.
const ALL_BRANCHES: &str = "refs/heads/*:refs/sdm/none/*";
/// Most refused names that are reported.
const MAX_REFUSED: usize = 100;

/// Gets commits: by id where the server gives them out or one of its references has them, else with all branches.
/// A commit that is not there afterwards is not in the repository.
pub(super) fn download(
    mirror: &Repository,
    session: &Arc<Session>,
    missing: &[Oid],
) -> Result<(), FetchError> {
    let error = match by_id(mirror, session, missing) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    if session.is_cancelled() || !refuses_ids(&error) {
        return Err(explain(session, error));
    }
    // The refusal was no failure of the operation.
    session.take_failure();
    once(mirror, session, missing, Want::Branches).map_err(|error| explain(session, error))?;
    if missing.len() == 1 {
        return Ok(());
    }
    let odb = mirror.odb().map_err(judged)?;
    for &id in missing.iter().filter(|id| !odb.exists(**id)) {
        // Each for itself: one that is gone must not hide one that a server still gives out.
        match once(mirror, session, &[id], Want::Ids) {
            Err(error) if session.is_cancelled() || !refuses_ids(&error) => {
                return Err(explain(session, error));
            }
            Ok(()) | Err(_) => session.take_failure(),
        };
    }
    Ok(())
}

/// By id: first as if the server had them and could do what it could when it was last asked, which saves the question; if that
/// does not work, asked properly.
fn by_id(mirror: &Repository, session: &Arc<Session>, missing: &[Oid]) -> Result<(), git2::Error> {
    session.want(missing);
    let outcome = once(mirror, session, missing, Want::Ids);
    let ask = outcome.is_err() && session.assumed_wrongly();
    session.want(&[]);
    if !ask {
        return outcome;
    }
    session.take_failure();
    once(mirror, session, missing, Want::Ids)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Ids,
    Branches,
}

fn once(mirror: &Repository, session: &Arc<Session>, missing: &[Oid], want: Want) -> Result<(), git2::Error> {
    session.follow_a_look();
    let _entered = session.enter();
    let mut remote = remote(mirror)?;
    let mut connection = remote.connect_auth(Direction::Fetch, Some(callbacks(session)), None)?;
    let specs = match want {
        Want::Branches => vec![ALL_BRANCHES.to_owned()],
        Want::Ids => {
            let named: HashMap<Oid, String> = connection
                .list()?
                .iter()
                .take(MAX_REFERENCES)
                .filter(|head| head.name().starts_with("refs/") && !head.name().ends_with("^{}"))
                .map(|head| (head.oid(), head.name().to_owned()))
                .collect();
            let spec = |id: &Oid| named.get(id).cloned().unwrap_or_else(|| id.to_string());
            missing.iter().map(spec).collect()
        }
    };
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(callbacks(session))
        .download_tags(AutotagOption::None)
        .update_fetchhead(false);
    connection.remote().download(&specs, Some(&mut options))
}

/// A remote that leads to our transport; a configuration that rewrites addresses is refused.
fn remote(mirror: &Repository) -> Result<Remote<'_>, git2::Error> {
    install()?;
    let remote = mirror.remote_anonymous(ANY_REMOTE)?;
    if remote.url_bytes() != ANY_REMOTE.as_bytes() {
        return Err(git2::Error::from_str(
            "the mirror's configuration rewrites addresses",
        ));
    }
    Ok(remote)
}

pub(super) fn callbacks(session: &Arc<Session>) -> RemoteCallbacks<'static> {
    let mut callbacks = RemoteCallbacks::new();
    let (progress, sideband) = (Arc::clone(session), Arc::clone(session));
    callbacks.transfer_progress(move |stats: Progress<'_>| {
        progress.allows_objects(stats.total_objects()) && progress.goes_on()
    });
    callbacks.sideband_progress(move |_| sideband.goes_on());
    callbacks
}

/// Whether the server may have the commit and only not give it out by its id: git says it in words only.
fn refuses_ids(error: &git2::Error) -> bool {
    if error.code() == ErrorCode::Eof {
        // Over http git's own server dies before it has said a word about it.
        return true;
    }
    let message = error.message();
    [
        "cannot fetch a specific object",
        "not our ref",
        "unadvertised object",
        "no such object",
    ]
    .iter()
    .any(|phrase| message.contains(phrase))
}

/// The precise cause where the session knows it; errors of the mirror's own objects are damage.
fn explain(session: &Session, error: git2::Error) -> FetchError {
    if let Some(failure) = session.take_failure() {
        return FetchError::Refused(failure);
    }
    let message = error.message().to_ascii_lowercase();
    if message.contains("not exported") || message.contains("repository not found") {
        return FetchError::Refused(ScmError::RepositoryGone(session.address().to_string()));
    }
    match error.class() {
        ErrorClass::Odb
        | ErrorClass::Reference
        | ErrorClass::Object
        | ErrorClass::Tree
        | ErrorClass::Repository => FetchError::Damaged(error),
        _ => FetchError::Refused(failed(&session.doing(), error)),
    }
}

/// The branches of the repository as it has them now; nothing is fetched.
pub(super) fn heads(session: &Arc<Session>) -> Result<Heads, ScmError> {
    list(session).map_err(|error| match explain(session, error) {
        FetchError::Refused(error) => error,
        FetchError::Damaged(error) => failed(&session.doing(), error),
    })
}

fn list(session: &Arc<Session>) -> Result<Heads, git2::Error> {
    install()?;
    let _entered = session.enter();
    let mut remote = Remote::create_detached(ANY_REMOTE)?;
    let connection = remote.connect_auth(Direction::Fetch, Some(callbacks(session)), None)?;
    let mut heads = Heads::default();
    for head in connection.list()?.iter().take(MAX_REFERENCES) {
        if head.name() == "HEAD" {
            let branch = head.symref_target().and_then(BranchName::from_ref);
            heads.default_branch = branch.and_then(Result::ok);
        }
        add_branch(&mut heads, head.name(), head.oid());
    }
    Ok(heads)
}

/// Adds a reference if it is a branch; one with an illegal name is reported.
pub(super) fn add_branch(heads: &mut Heads, name: &str, id: Oid) {
    let Some(branch) = BranchName::from_ref(name) else {
        return;
    };
    match (branch, crate::model::CommitSha::parse(&id.to_string())) {
        (Ok(branch), Ok(sha)) => {
            heads.branches.insert(branch, sha);
        }
        (Err(error), _) | (_, Err(error)) if heads.refused.len() < MAX_REFUSED => {
            heads.refused.push(error.to_string());
        }
        (Err(_), _) | (_, Err(_)) => {}
    }
}
