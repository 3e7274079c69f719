//! Who is calling, and whether they may: by the limits of their key, and by what administrators decided about its owner.
//!
//! [`rights`] is what is in force, [`held`] what the hub remembers of it and [`edit`] how that changes; [`agreed`] is what making
//! a key decides.

pub mod agreed;
pub(super) mod as_password;
mod as_person;
pub mod audit;
mod audit_search;
pub mod bearer;
mod beside;
mod by_file;
pub(super) mod deciding;
pub mod edit;
pub mod ending;
pub mod guesses;
pub mod held;
mod in_person;
mod judged;
pub mod key;
pub mod make_key;
pub mod noted;
pub mod numbers;
pub mod often;
pub(super) mod open_doors;
pub mod operations;
pub(super) mod person;
pub mod rights;
pub(super) mod sight;
mod since;
mod strangers;

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::json;

use super::Hub;
use super::asked;
use super::people::forge::Forge;
use super::people::{Session, session_ended};
use super::refusal::Refusal;
use crate::access::operation::Who;
use crate::access::request::Means;
use crate::access::resource::Kind;
use crate::access::{
    self, Credential, Decision, Level, Principal, Reason, Request, Resource, Rule, Snapshot,
};
use crate::graph::answer::{Everything, Sight};
use crate::model::Timestamp;
use crate::ports::graph::GraphReader;
use crate::ports::hub::{HubStoreError, StoredKey};
use crate::ports::people::{PersonState, StoredPerson, StoredSession};
use bearer::Bearer;
use deciding::Deciding;
use key::{KeyKind, KeyText};
use operations::Operation;
use rights::Rights;
use sight::{GrantedSight, Present};
use strangers::{NO_KEY, ended};

/// The operation that gives rights away.
const GIVES: &str = "addon.grant";

/// Whoever calls with a key that is good now, or is signed in in a browser.
#[derive(Debug, Clone)]
pub struct Caller {
    by: By,
    bearer: Bearer,
    rights: Arc<Rights>,
    now: Timestamp,
    /// Who says what they may do on repositories, where it is asked and they are a person.
    forge: Option<Forge>,
    /// What they decide about a goal, as the audit says it.
    decides: Option<Deciding>,
    /// Whether they ask more often than anybody may (security model 13, step 13).
    is_too_often: bool,
}

/// How a caller is known.
#[derive(Debug, Clone)]
enum By {
    /// By a key.
    Key(Box<StoredKey>),
    /// By a session in a browser.
    Session {
        /// Public id of the session.
        id: String,
        /// The person, as owners are written.
        owner: String,
        /// What forms of pages for them carry.
        anti_forgery: String,
    },
}

impl Caller {
    /// Who it is, as decisions speak of them.
    pub fn principal(&self) -> &Principal {
        self.bearer.principal()
    }

    /// The state of things when they came.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.bearer.shared_snapshot()
    }

    /// Who it is, as principals are written: `person:<id>` or `addon:<key>`.
    pub fn owner(&self) -> &str {
        match &self.by {
            By::Key(key) => &key.owner,
            By::Session { owner, .. } => owner,
        }
    }

    /// Id of the key or the session, for logs; it is no secret.
    pub fn credential_id(&self) -> &str {
        match &self.by {
            By::Key(key) => &key.id,
            By::Session { id, .. } => id,
        }
    }

    /// Id of the key that they came with; empty where they came with something else.
    pub(super) fn key_id(&self) -> &str {
        match &self.by {
            By::Key(key) if !self.has_token() => &key.id,
            By::Key(_) | By::Session { .. } => "",
        }
    }

    /// The key.
    ///
    /// # Errors
    /// Somebody in a browser has none.
    pub fn key(&self) -> Result<&StoredKey, Refusal> {
        match &self.by {
            By::Key(key) => Ok(key),
            By::Session { .. } => Err(Refusal::forbidden(
                "addon_required",
                "this is done with a key, not in a browser",
            )),
        }
    }

    /// The state of things, with what the forge says now of a person and these.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn snapshot_told_of(
        &self,
        resources: &[Resource],
    ) -> Result<Arc<Snapshot>, HubStoreError> {
        match &self.forge {
            Some(forge) => {
                let told = forge.told(&self.bearer, GIVES, resources).await?;
                Ok(told.shared_snapshot())
            }
            None => Ok(self.snapshot()),
        }
    }

    /// The same, with what the forge says of them and what they want to do.
    ///
    /// # Errors
    /// The hub cannot look.
    pub(super) async fn with_forge(
        &self,
        operation: Operation,
        resources: &[Resource],
    ) -> Result<Self, Refusal> {
        let bearer = match &self.forge {
            Some(forge) => forge.told(&self.bearer, operation.row().name, resources).await?,
            None => self.bearer.clone(),
        };
        Ok(Self {
            bearer,
            ..self.clone()
        })
    }

    /// Name of the owner.
    pub fn name(&self) -> &str {
        self.owner().split_once(':').map_or("", |(_, name)| name)
    }

    /// Whether it is a person.
    pub fn is_person(&self) -> bool {
        self.owner().starts_with("person:")
    }

    /// What a form of a page for them carries; nobody but people in browsers needs it.
    pub fn anti_forgery(&self) -> Option<&str> {
        match &self.by {
            By::Key(_) => None,
            By::Session { anti_forgery, .. } => Some(anti_forgery),
        }
    }

    /// Whether it is a person in a browser.
    pub fn is_in_browser(&self) -> bool {
        matches!(self.by, By::Session { .. })
    }

    /// Whether whoever calls came with something that ends within the hour, and not with a key.
    pub(super) fn has_token(&self) -> bool {
        self.bearer.has_token()
    }

    /// Whether a scope, or one that includes it, is approved and within the limit of the key.
    pub fn has(&self, scope: &str) -> bool {
        self.bearer.has(scope)
    }

    /// Whether this may be done in a workspace.
    ///
    /// # Errors
    /// 403, with what is missing and who can give it.
    pub fn may(&self, operation: Operation, workspace: &str) -> Result<(), Refusal> {
        self.may_on(operation, workspace, &[Resource::Workspace])
    }

    /// Whether this may be done that is about no workspace in particular.
    ///
    /// # Errors
    /// As [`Self::may`].
    pub fn may_at_hub(&self, operation: Operation) -> Result<(), Refusal> {
        let resources = [Resource::Workspace];
        let request = self.request(operation.row().name, &resources);
        let decision = self.bearer.decide(&request);
        self.judged(&request, &decision)
    }

    /// Whether this may be done there, with all of these.
    ///
    /// # Errors
    /// As [`Self::may`].
    pub fn may_on(
        &self,
        operation: Operation,
        workspace: &str,
        resources: &[Resource],
    ) -> Result<(), Refusal> {
        self.is_of(operation, workspace)?;
        // Each field of a question has a row of its own.
        if operation == Operation::Ask {
            return Ok(());
        }
        if operation.row().person && !self.is_in_browser() && !makes_rights(operation) {
            return self.may_as_person(operation, resources);
        }
        let request = self.request(operation.row().name, resources);
        let decision = self.bearer.decide(&request);
        self.judged(&request, &decision)
    }

    /// What only people may do, with a key of theirs. Whether it is done at all is asked about the workspace, and where, about the rest.
    fn may_as_person(&self, operation: Operation, resources: &[Resource]) -> Result<(), Refusal> {
        let request = self.request(operation.row().name, resources);
        let decision = match self.bearer.admits(&request) {
            Ok(()) if is_nowhere_yet(operation, resources) => ALLOWED,
            Ok(()) => self.bearer.decide(&request),
            Err(decision) => *decision,
        };
        match self.judged(&request, &decision) {
            Err(_) if !self.is_person() => Err(Refusal::person_required(operation)),
            judged => judged,
        }
    }

    /// Whether this could be done in a workspace, which nothing is written down of: a page offers it only then.
    pub fn could(&self, operation: Operation, workspace: &str) -> bool {
        self.is_of(operation, workspace).is_ok() && self.could_at_hub(operation)
    }

    /// The same of what is about no workspace in particular. Somebody in a browser is asked about as if they had just signed in.
    pub fn could_at_hub(&self, operation: Operation) -> bool {
        let resources = [Resource::Workspace];
        let mut request = self.bearer.request(operation.row().name, &resources, self.now);
        if let Credential::Good(identity) = &mut request.credential
            && let Means::Session { signed_in } = &mut identity.means
        {
            *signed_in = self.now;
        }
        self.bearer.decide(&request).is_allowed()
    }

    /// The same of these, which nothing is written down of either.
    pub fn could_on(&self, operation: Operation, resources: &[Resource]) -> bool {
        let request = self.bearer.request(operation.row().name, resources, self.now);
        self.bearer.decide(&request).is_allowed()
    }

    /// Whether this may be done at all; where, the answer is filtered by.
    ///
    /// # Errors
    /// As [`Self::may`].
    pub fn may_somewhere(&self, operation: Operation, workspace: &str) -> Result<(), Refusal> {
        self.is_of(operation, workspace)?;
        let request = self.request(operation.row().name, &[]);
        match self.bearer.admits(&request) {
            Ok(()) if request.is_too_often => self.judged(&request, &TOO_OFTEN),
            Ok(()) => Ok(()),
            Err(decision) => self.judged(&request, &decision),
        }
    }

    /// What they ask, as the evaluation takes it.
    fn request<'a>(&self, operation: &'a str, resources: &'a [Resource]) -> Request<'a> {
        Request {
            is_too_often: self.is_too_often,
            ..self.bearer.request(operation, resources, self.now)
        }
    }

    /// What the caller sees of a graph.
    pub(super) fn sight<'a>(&self, operation: Operation, graph: &'a dyn GraphReader) -> Box<dyn Sight + 'a> {
        let sight: Box<dyn Sight + 'a> = match self.sees_everything(operation) {
            true => Box::new(Everything),
            false => {
                let granted = GrantedSight::of(self.bearer.clone(), operation.row().name, graph, self.now);
                Box::new(granted.asking(self.forge.clone()))
            }
        };
        let now = self.now;
        Box::new(Present { sight, now })
    }

    /// Whether the caller may do this everywhere.
    pub fn sees_everything(&self, operation: Operation) -> bool {
        self.bearer.reaches_everything(operation.row().name, self.now)
    }

    fn is_of(&self, operation: Operation, workspace: &str) -> Result<(), Refusal> {
        // People are of the hub, and so of each of its workspaces.
        let By::Key(key) = &self.by else {
            return Ok(());
        };
        if key.workspaces.iter().any(|own| own == workspace) {
            return Ok(());
        }
        self.note_elsewhere(operation);
        let message = format!("this key is not for workspace `{workspace}`");
        Err(Refusal::forbidden("insufficient_permission", message).with(json!({
            "operation": self.named(operation),
            "required_permission": {"resource": format!("workspace:{workspace}"), "level": operation.row().level},
        })))
    }
}

/// What is asked too often, wherever.
const TOO_OFTEN: Decision = Decision {
    reason: Reason::RateLimited,
    rule: Rule::Operation,
};

/// What is allowed by what it is.
const ALLOWED: Decision = Decision {
    reason: Reason::Allowed,
    rule: Rule::Operation,
};

/// Whether it is asked of something that is done elsewhere whether it is done at all.
fn is_nowhere_yet(operation: Operation, resources: &[Resource]) -> bool {
    let row = access::Operation::find(operation.row().name);
    let is_of_workspace = row.is_some_and(|row| row.kinds.contains(&Kind::Workspace));
    resources == [Resource::Workspace] && !is_of_workspace
}

/// Whether it is for people who have just signed in, or for administrators: no key of a person stands for that.
fn makes_rights(operation: Operation) -> bool {
    access::Operation::find(operation.row().name)
        .is_none_or(|row| row.who == Who::FreshPerson || row.level == Level::Admin)
}

impl Hub {
    /// Who calls.
    ///
    /// # Errors
    /// 401 without a good key; 503 when the hub cannot look.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if let Some(extension) = self.extension_caller(headers).await? {
            if self.sends_session(headers) {
                self.note_stranger(Credential::Several);
                return Err(Refusal::bad(
                    "ambiguous_credentials",
                    "more than one credential was sent",
                ));
            }
            return Ok(extension);
        }
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let Some(header) = sent.next() else {
            return match self.session_of(headers).await? {
                Session::Live(viewer) => Ok(viewer.into_caller()),
                Session::None => {
                    self.note_stranger(Credential::Absent);
                    Err(Refusal::unauthenticated("no key was sent"))
                }
                Session::Ended => Err(session_ended()),
            };
        };
        if sent.next().is_some() || self.sends_session(headers) {
            self.note_stranger(Credential::Several);
            return Err(Refusal::bad(
                "ambiguous_credentials",
                "more than one credential was sent",
            ));
        }
        let text = header.to_str().ok().and_then(|text| {
            let (scheme, rest) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(rest.trim())
        });
        let text = text
            .and_then(KeyText::read)
            .ok_or_else(|| self.guessed_key(NO_KEY))?;
        let invalid = || self.guessed_key(text.id());
        let stored = self.store().key(text.id()).await?;
        // Somebody who guesses ids waits as long as somebody who guesses secrets.
        let digest = stored.as_ref().map_or("", |key| key.digest.as_str());
        let is_same = text.matches(digest);
        let key = stored.filter(|_| is_same).ok_or_else(invalid)?;
        let now = self.now();
        if let Some(ended) = ended(&key, now) {
            return Err(self.ended_key(&key, ended));
        }
        let person = self.person_behind(&key).await?;
        self.note_use(&key, now).await;
        if self.rights().is_due(&key, now) {
            self.rights().refresh(self.store(), now).await?;
        }
        if self.rights().owner_of(&key.id).is_none() {
            self.rights().hear_console(self.store(), now).await?;
        }
        self.rights().learn([key.clone()], None, now);
        let bearer = self.bearer_with(&key, person.as_ref(), now);
        let bearer = self.in_context(bearer, headers, now).await?;
        Ok(self.caller_with(key, bearer))
    }

    /// Whoever has a key: a person, who has come in if that is known of them, does no more by it than they may.
    fn bearer_with(&self, key: &StoredKey, person: Option<&StoredPerson>, now: Timestamp) -> Bearer {
        let is_persons = key.owner.starts_with("person:");
        let is_known = self.asks_forge() || person.is_some();
        match is_persons && (is_known || self.rights().governing_file().is_none()) {
            true => self.rights().of_person(key, person, self.asks_forge(), now),
            false => self.rights().bearer(key, now),
        }
    }

    /// The key of an id, if it is good now.
    pub(super) async fn good_key(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<StoredKey>, HubStoreError> {
        let key = self.store().key(id).await?;
        Ok(key.filter(|key| ended(key, now).is_none()))
    }

    /// Somebody who asked for something a while ago with a key that is good, as their rights are now.
    pub(super) fn caller_who_asked_with(&self, key: StoredKey, person: Option<&StoredPerson>) -> Caller {
        let bearer = self.bearer_with(&key, person, self.now());
        Caller {
            is_too_often: false,
            ..self.caller_with(key, bearer)
        }
    }

    /// Whoever comes with a credential that is good now.
    pub(super) fn caller_with(&self, key: StoredKey, bearer: Bearer) -> Caller {
        asked::is_by(&key.owner);
        let now = self.now();
        Caller {
            forge: self.forge().filter(|_| bearer.person().is_some()),
            decides: None,
            is_too_often: self.rights().often().is_too_often(&key.id, now),
            by: By::Key(Box::new(key)),
            bearer,
            rights: Arc::clone(self.rights()),
            now,
        }
    }

    /// Somebody who is signed in in a browser.
    pub(super) fn caller_of(
        &self,
        person: &StoredPerson,
        session: &StoredSession,
        anti_forgery: String,
    ) -> Caller {
        let owner = KeyKind::Person.owner(&person.id);
        asked::is_by(&owner);
        Caller {
            by: By::Session {
                id: session.id.clone(),
                owner,
                anti_forgery,
            },
            bearer: self
                .rights()
                .signed_in(person, session.signed_in, self.asks_forge()),
            rights: Arc::clone(self.rights()),
            now: self.now(),
            forge: self.forge(),
            decides: None,
            is_too_often: self.rights().often().is_too_often(&session.id, self.now()),
        }
    }

    /// Somebody who asked for something a while ago, as their rights are now; they have not just signed in.
    pub(super) fn caller_who_asked(&self, person: &StoredPerson) -> Caller {
        let long_ago = Timestamp::from_micros(0);
        Caller {
            by: By::Session {
                id: String::new(),
                owner: KeyKind::Person.owner(&person.id),
                anti_forgery: String::new(),
            },
            bearer: self.rights().signed_in(person, long_ago, self.asks_forge()),
            rights: Arc::clone(self.rights()),
            now: self.now(),
            forge: self.forge(),
            decides: None,
            is_too_often: false,
        }
    }

    /// The person whose key it is, if they have come in.
    ///
    /// # Errors
    /// They are suspended, and their keys with them.
    async fn person_behind(&self, key: &StoredKey) -> Result<Option<StoredPerson>, Refusal> {
        let Some(id) = key.owner.strip_prefix("person:") else {
            return Ok(None);
        };
        let person = self.store().person(id).await?;
        match person.as_ref().map(|person| person.state) {
            Some(PersonState::Suspended) => {
                let message = "an administrator has suspended the person whose key this is";
                Err(self.suspended(id, Means::Key, message))
            }
            Some(PersonState::Active) | None => Ok(person),
        }
    }

    /// Whoever comes with a key, while nobody calls: the key may be known to another replica alone until now.
    pub(super) async fn bearer_for(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Bearer>, HubStoreError> {
        if self.rights().owner_of(key).is_none()
            && let Some(found) = self.store().key(key).await?
        {
            self.rights().refresh(self.store(), now).await?;
            self.rights().hear_console(self.store(), now).await?;
            self.rights().learn([found], None, now);
        }
        Ok(self.rights().bearer_of(key, now))
    }

    /// Notes the use of a key, once a minute.
    async fn note_use(&self, key: &StoredKey, now: Timestamp) {
        const OFTEN: std::time::Duration = std::time::Duration::from_secs(60);
        if key.last_used.is_none_or(|last| now.since(last) >= OFTEN)
            && let Err(error) = self.store().key_used(&key.id, now).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the use of a key could not be noted"
            );
        }
    }
}
