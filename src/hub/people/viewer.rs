//! Whoever is signed in in the browser that asks.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::guesses::Guessed;
use super::super::refusal::Refusal;
use super::cookie::{Manner, SESSION, Sent};
use super::session::{NOTED, anti_forgery, is_live};
use crate::access::handed::digest_of;
use crate::access::request::Means;
use crate::model::Timestamp;
use crate::ports::people::{PersonState, StoredPerson, StoredSession};

/// Header of a request that a page makes by itself, which is no use of the session: a page that is left open does not keep somebody
/// signed in.
pub(in super::super) const BY_ITSELF: &str = "x-sdm-by-itself";

/// A person who is signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Who.
    pub person: StoredPerson,
    /// Where.
    pub session: StoredSession,
    caller: Caller,
}

impl Viewer {
    /// What the forms of a page for them carry.
    pub fn anti_forgery(&self) -> &str {
        self.caller.anti_forgery().unwrap_or_default()
    }

    /// What they may do.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The same, for what keys can be used for too.
    pub fn into_caller(self) -> Caller {
        self.caller
    }
}

/// What the session of a browser is worth.
#[derive(Debug)]
pub(in super::super) enum Session {
    /// There is none.
    None,
    /// It has ended, or never was one.
    Ended,
    /// It counts.
    Live(Box<Viewer>),
}

/// The text of the session that a browser sent.
pub(super) fn session_text(hub: &Hub, headers: &HeaderMap) -> Result<Option<SecretString>, Refusal> {
    let Some(manner) = Manner::of(hub, headers) else {
        return Ok(None);
    };
    match manner.read(SESSION, headers) {
        Sent::Nothing => Ok(None),
        Sent::One(text) => Ok(Some(text)),
        Sent::Nonsense => Err(Refusal::bad(
            "ambiguous_credentials",
            "the session cannot be read",
        )),
    }
}

impl Hub {
    /// Whether a browser sends a session, whatever it is worth.
    pub(in super::super) fn sends_session(&self, headers: &HeaderMap) -> bool {
        !matches!(session_text(self, headers), Ok(None))
    }

    /// Who is signed in in the browser that sent these headers.
    ///
    /// # Errors
    /// The hub cannot look, or the person is suspended.
    pub(in super::super) async fn session_of(&self, headers: &HeaderMap) -> Result<Session, Refusal> {
        let Some(text) = session_text(self, headers)? else {
            return Ok(Session::None);
        };
        let found = self.store().session(&digest_of(text.expose_secret())).await?;
        let now = self.now();
        if found.is_none() {
            let refusal = self.guessed(Guessed::Session, session_ended());
            if refusal.status() == StatusCode::TOO_MANY_REQUESTS {
                return Err(refusal);
            }
        }
        let Some((session, person)) = found.filter(|(session, _)| is_live(session, now)) else {
            return Ok(Session::Ended);
        };
        if person.state == PersonState::Suspended {
            let means = Means::Session {
                signed_in: session.signed_in,
            };
            return Err(self.suspended(&person.id, means, "an administrator has suspended you"));
        }
        if !headers.contains_key(BY_ITSELF) {
            self.note_seen(&session, now).await;
        }
        let token = anti_forgery(text.expose_secret());
        let caller = self.caller_of(&person, &session, token);
        Ok(Session::Live(Box::new(Viewer {
            caller,
            person,
            session,
        })))
    }

    /// Notes the use of a session, once a minute.
    async fn note_seen(&self, session: &StoredSession, now: Timestamp) {
        if now.since(session.last_seen) >= NOTED
            && let Err(error) = self.store().session_seen(&session.digest, now).await
        {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the use of a session could not be noted");
        }
    }
}

impl OptionalFromRequestParts<Hub> for Viewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Option<Self>, Refusal> {
        match hub.session_of(&parts.headers).await? {
            Session::None | Session::Ended => Ok(None),
            Session::Live(viewer) => Ok(Some(*viewer)),
        }
    }
}

impl FromRequestParts<Hub> for Viewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Refusal> {
        match hub.session_of(&parts.headers).await? {
            Session::Live(viewer) => Ok(*viewer),
            Session::None => Err(Refusal::unauthenticated("nobody is signed in here")),
            Session::Ended => Err(session_ended()),
        }
    }
}

/// For somebody whose session has ended.
pub(in super::super) fn session_ended() -> Refusal {
    Refusal::unauthorized("invalid_credentials", "the session has ended; sign in again")
}
