//! Over the network: libgit2's push on our transports.
//!
//! What the server has is compared with what we expect on the same connection that pushes, and the server itself compares once
//! more when it moves the reference: nobody's work is lost in between.

use std::sync::{Arc, Mutex, PoisonError};

use git2::{Direction, ErrorClass, ErrorCode, Oid, PushOptions, Remote, RemoteCallbacks, Repository};

use super::Update;
use crate::git::objects::{oid_of, sha_of};
use crate::git::transport::{ANY_REMOTE, Session, failed, install};
use crate::model::CommitSha;
use crate::ports::scm::{Pushed, ScmError};

/// Most references of a repository that are looked at.
const MAX_REFERENCES: usize = 1_000_000;

/// Longest reason of a server that is passed on, in characters.
const LONGEST_REASON: usize = 300;

/// What the conversation brought.
#[derive(Default)]
struct Conversation {
    found: Option<Pushed>,
}

/// Moves or makes a reference of the session's repository.
pub(crate) fn push_over(
    mirror: &Repository,
    session: &Arc<Session>,
    update: &Update,
) -> Result<Pushed, ScmError> {
    let conversation = Arc::new(Mutex::new(Conversation::default()));
    let pushed = attempt(mirror, session, update, &conversation);
    let found = conversation
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .found
        .take();
    match (found, pushed) {
        (Some(found), _) => Ok(found),
        (None, Ok(())) => Ok(Pushed::Done),
        (None, Err(error)) => explain(session, error),
    }
}

fn attempt(
    mirror: &Repository,
    session: &Arc<Session>,
    update: &Update,
    conversation: &Arc<Mutex<Conversation>>,
) -> Result<(), git2::Error> {
    install()?;
    let _entered = session.enter();
    let mut remote = mirror.remote_anonymous(ANY_REMOTE)?;
    if remote.url_bytes() != ANY_REMOTE.as_bytes() {
        return Err(git2::Error::from_str(
            "the mirror's configuration rewrites addresses",
        ));
    }
    let mut connection = remote.connect_auth(Direction::Push, Some(progress(session)), None)?;
    let current = connection
        .list()?
        .iter()
        .take(MAX_REFERENCES)
        .find(|head| head.name() == update.reference)
        .map(git2::RemoteHead::oid);
    if let Some(found) = decided(current, update) {
        conversation.lock().unwrap_or_else(PoisonError::into_inner).found = Some(found);
        return Ok(());
    }
    let mut options = PushOptions::new();
    options
        .remote_callbacks(callbacks(session, update, conversation))
        .packbuilder_parallelism(1);
    let spec = format!("{}:{}", update.target, update.reference);
    connection.remote().push(&[spec], Some(&mut options))
}

/// What needs no push: it is there, or somebody was first.
fn decided(current: Option<Oid>, update: &Update) -> Option<Pushed> {
    if current == Some(update.target) {
        return Some(Pushed::Done);
    }
    (current != update.expected).then(|| Pushed::Moved {
        head: current.map(sha_of),
    })
}

fn progress(session: &Arc<Session>) -> RemoteCallbacks<'static> {
    let sideband = Arc::clone(session);
    let mut callbacks = RemoteCallbacks::new();
    callbacks.sideband_progress(move |_| sideband.goes_on());
    callbacks
}

fn callbacks(
    session: &Arc<Session>,
    update: &Update,
    conversation: &Arc<Mutex<Conversation>>,
) -> RemoteCallbacks<'static> {
    let mut callbacks = progress(session);
    let (seen, update) = (Arc::clone(conversation), update.clone());
    callbacks.push_negotiation(move |updates| {
        // The last moment before anything is sent: libgit2 sends this very id as the old one.
        let raced = updates
            .iter()
            .find_map(|found| decided(Some(found.src()).filter(|id| !id.is_zero()), &update));
        match raced {
            None => Ok(()),
            Some(found) => {
                seen.lock().unwrap_or_else(PoisonError::into_inner).found = Some(found);
                Err(git2::Error::from_str("the reference is not where it was"))
            }
        }
    });
    let answered = Arc::clone(conversation);
    callbacks.push_update_reference(move |_, refusal| {
        if let Some(refusal) = refusal {
            answered.lock().unwrap_or_else(PoisonError::into_inner).found = Some(meaning(refusal));
        }
        Ok(())
    });
    callbacks
}

/// What a server means by refusing a reference; there are only words to tell.
fn meaning(refusal: &str) -> Pushed {
    let said = refusal.to_ascii_lowercase();
    let lost_a_race = [
        "non-fast-forward",
        "fetch first",
        "stale info",
        "already exists",
        "failed to update ref",
        "failed to lock",
        "cannot lock ref",
        "incorrect old value",
    ];
    let in_the_way = ["cannot create", "file conflict", "name too long", "d/f conflict"];
    let is_in_the_way = in_the_way.iter().any(|phrase| said.contains(phrase));
    if !is_in_the_way && lost_a_race.iter().any(|phrase| said.contains(phrase)) {
        return Pushed::Moved { head: None };
    }
    let shown = refusal.chars().map(|c| if c.is_control() { ' ' } else { c });
    Pushed::Refused {
        because: shown.take(LONGEST_REASON).collect(),
    }
}

fn explain(session: &Session, error: git2::Error) -> Result<Pushed, ScmError> {
    if let Some(failure) = session.take_failure() {
        return Err(failure);
    }
    if error.code() == ErrorCode::NotFastForward {
        return Ok(Pushed::Moved { head: None });
    }
    match (error.class(), error.message()) {
        (ErrorClass::Net, message) if message.contains("not exported") => {
            Err(ScmError::RepositoryGone(session.address().to_string()))
        }
        _ => Err(failed(&session.doing(), error)),
    }
}

/// Tags of the session's repository that name a commit.
pub(crate) fn tags_over(session: &Arc<Session>, sha: &CommitSha) -> Result<Vec<String>, ScmError> {
    let list = || {
        install()?;
        let _entered = session.enter();
        let mut remote = Remote::create_detached(ANY_REMOTE)?;
        let connection = remote.connect_auth(Direction::Fetch, Some(progress(session)), None)?;
        let wanted = oid_of(sha);
        let names = connection
            .list()?
            .iter()
            .take(MAX_REFERENCES)
            .filter(|head| head.oid() == wanted);
        let tags = names.filter_map(|head| head.name().strip_prefix("refs/tags/"));
        Ok(tags.map(|name| name.trim_end_matches("^{}").to_owned()).collect())
    };
    list().map_err(|error: git2::Error| {
        session
            .take_failure()
            .unwrap_or_else(|| failed(&session.doing(), error))
    })
}
