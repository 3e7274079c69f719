//! What administrators do about people, and people about their own sessions, by routes for programs and for pages.
//!
//! Only owners decide over owners. Nobody signs in as somebody else from here: links for people who are there are made at the hub's
//! computer.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::noted::{Noted, of_link};
use super::super::access::operations::Operation;
use super::super::administration::AdministrationError;
use super::super::refusal::Refusal;
use super::Viewer;
use super::administration::{INVITATION_COUNTS, LinkWish, MadeLink};
use super::operations::PeopleOperation as About;
use super::session::{IDLE, LONGEST};
use crate::model::Timestamp;
use crate::ports::people::{
    Invited, PersonChange, PersonChanged, PersonRole, PersonState, StoredIdentity, StoredLink, StoredPerson,
    StoredSession,
};

/// An invitation as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invitation {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    role: Option<String>,
}

/// A role as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: String,
}

/// `GET /api/people`.
pub(in super::super) async fn list(
    State(hub): State<Hub>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    hub.caller(&headers)
        .await?
        .may_at_hub(Operation::People(About::ListPeople))?;
    let people = hub.store().people().await?;
    let people: Vec<Value> = people.iter().map(person_json).collect();
    Ok(Json(json!({ "people": people })))
}

/// `GET /api/people/{person}`: who they are elsewhere, and where they are signed in.
pub(in super::super) async fn show(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    hub.caller(&headers)
        .await?
        .may_at_hub(Operation::People(About::ShowPerson))?;
    let person = hub.known_person(&id).await?;
    let mut shown = person_json(&person);
    shown["identities"] = hub
        .store()
        .identities(&id)
        .await?
        .iter()
        .map(identity_json)
        .collect();
    shown["sessions"] = hub
        .store()
        .sessions_of(&id)
        .await?
        .iter()
        .map(session_json)
        .collect();
    Ok(Json(shown))
}

/// `POST /api/invitations`.
pub(in super::super) async fn invite(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let asked: Invitation = read(&body)?;
    let invited = Invited {
        name: asked.name.unwrap_or_else(|| asked.id.clone()),
        role: role(asked.role.as_deref().unwrap_or("member"))?,
    };
    let made = hub
        .invite(&caller, &asked.id, invited, &hub.address_for(&headers))
        .await?;
    let mut shown = link_json(&made.stored);
    shown["link"] = json!(made.address);
    Ok(Json(shown))
}

/// `GET /api/invitations`: those that were not used yet.
pub(in super::super) async fn invitations(
    State(hub): State<Hub>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    hub.caller(&headers)
        .await?
        .may_at_hub(Operation::People(About::ListInvitations))?;
    let open = hub.open_invitations().await?;
    let open: Vec<Value> = open.iter().map(link_json).collect();
    Ok(Json(json!({ "invitations": open })))
}

/// `DELETE /api/invitations/{id}`.
pub(in super::super) async fn take_back(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    hub.take_back_invitation(&caller, &id).await?;
    Ok(Json(json!({})))
}

/// `PUT /api/people/{person}/role`.
pub(in super::super) async fn change_role(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let asked: NewRole = read(&body)?;
    hub.give_role(&caller, &id, role(&asked.role)?).await?;
    Ok(Json(json!({})))
}

/// `POST /api/people/{person}/suspend`.
pub(in super::super) async fn suspend(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    hub.suspend(&caller, &id).await?;
    Ok(Json(json!({})))
}

/// `POST /api/people/{person}/restore`.
pub(in super::super) async fn restore(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    hub.restore(&caller, &id).await?;
    Ok(Json(json!({})))
}

/// `DELETE /api/people/{person}/sessions`: all of them.
pub(in super::super) async fn end_all(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    hub.end_sessions_of(&caller, &id).await?;
    Ok(Json(json!({})))
}

/// `GET /api/me`: who is signed in, and until when.
pub(in super::super) async fn me(State(hub): State<Hub>, viewer: Viewer) -> Result<Json<Value>, Refusal> {
    viewer.caller().may_at_hub(Operation::People(About::ShowMe))?;
    let mut shown = person_json(&viewer.person);
    let identities = hub.store().identities(&viewer.person.id).await?;
    shown["identities"] = identities.iter().map(identity_json).collect();
    shown["session"] = session_json(&viewer.session);
    shown["anti_forgery"] = json!(viewer.anti_forgery());
    Ok(Json(shown))
}

/// `GET /api/me/sessions`.
pub(in super::super) async fn my_sessions(
    State(hub): State<Hub>,
    viewer: Viewer,
) -> Result<Json<Value>, Refusal> {
    viewer
        .caller()
        .may_at_hub(Operation::People(About::ListMySessions))?;
    let sessions = hub.store().sessions_of(&viewer.person.id).await?;
    let shown = sessions.iter().map(|session| {
        let mut shown = session_json(session);
        shown["current"] = json!(session.id == viewer.session.id);
        shown
    });
    let shown: Vec<Value> = shown.collect();
    Ok(Json(json!({ "sessions": shown })))
}

/// `DELETE /api/me/sessions/{id}`.
pub(in super::super) async fn end_mine(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    viewer: Viewer,
) -> Result<Json<Value>, Refusal> {
    viewer
        .caller()
        .may_at_hub(Operation::People(About::EndMySession))?;
    match hub.store().end_session(&viewer.person.id, &id).await? {
        true => Ok(Json(json!({}))),
        false => Err(Refusal::missing_thing("you have no such session")),
    }
}

impl Hub {
    /// Invites somebody new.
    ///
    /// # Errors
    /// The caller may not, or the id is taken or none.
    pub(in super::super) async fn invite(
        &self,
        caller: &Caller,
        id: &str,
        invited: Invited,
        address: &str,
    ) -> Result<MadeLink, Refusal> {
        caller.may_at_hub(Operation::People(About::InvitePerson))?;
        self.may_decide_over(caller, None, Some(invited.role)).await?;
        if self.store().person(id).await?.is_some() {
            return Err(Refusal::conflict(format!("there is a person `{id}` already")));
        }
        let wish = LinkWish {
            person: id.to_owned(),
            invited: Some(invited),
            made_by: caller.owner().to_owned(),
            counts: INVITATION_COUNTS,
        };
        let made = wish.make(address, self.now()).map_err(not_made)?;
        self.store().add_link(&made.stored, &[]).await?;
        let noted = of_link(&made.stored).by_whom(Some(caller.owner()));
        self.rights().note(&noted, self.now());
        Ok(made)
    }

    /// Invitations that were not used yet, newest first.
    pub(in super::super) async fn open_invitations(&self) -> Result<Vec<StoredLink>, Refusal> {
        let now = self.now();
        let mut links = self.store().links().await?;
        links.retain(|link| link.invited.is_some() && link.expires > now);
        Ok(links)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// The caller may not, or it is not there.
    pub(in super::super) async fn take_back_invitation(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(), Refusal> {
        caller.may_at_hub(Operation::People(About::TakeBackInvitation))?;
        let missing = || Refusal::missing_thing("there is no such invitation");
        let open = self.open_invitations().await?;
        let link = open.into_iter().find(|link| link.id == id).ok_or_else(missing)?;
        if !self.store().drop_link(id).await? {
            return Err(missing());
        }
        let said = format!("took back the invitation of person:{}", link.person);
        self.note(caller, "person.invite", said);
        Ok(())
    }

    /// Gives a person another role.
    ///
    /// # Errors
    /// The caller may not, or nobody would be left to administer the hub.
    pub(in super::super) async fn give_role(
        &self,
        caller: &Caller,
        id: &str,
        role: PersonRole,
    ) -> Result<(), Refusal> {
        caller.may_at_hub(Operation::People(About::ChangeRole))?;
        let change = PersonChange {
            role: Some(role),
            ..PersonChange::default()
        };
        self.change(caller, id, &change).await
    }

    /// Lets a person in no more.
    ///
    /// # Errors
    /// As [`Hub::give_role`].
    pub(in super::super) async fn suspend(&self, caller: &Caller, id: &str) -> Result<(), Refusal> {
        caller.may_at_hub(Operation::People(About::SuspendPerson))?;
        self.change(caller, id, &in_state(PersonState::Suspended)).await
    }

    /// Lets a person in again.
    ///
    /// # Errors
    /// As [`Hub::give_role`].
    pub(in super::super) async fn restore(&self, caller: &Caller, id: &str) -> Result<(), Refusal> {
        caller.may_at_hub(Operation::People(About::RestorePerson))?;
        self.change(caller, id, &in_state(PersonState::Active)).await
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// The caller may not, or there is no such person.
    pub(in super::super) async fn end_sessions_of(&self, caller: &Caller, id: &str) -> Result<(), Refusal> {
        caller.may_at_hub(Operation::People(About::EndSessions))?;
        let person = self.known_person(id).await?;
        self.may_decide_over(caller, Some(&person), None).await?;
        for session in self.store().sessions_of(id).await? {
            self.store().end_session(id, &session.id).await?;
        }
        let said = format!("sessions of person:{id} have ended");
        self.note(caller, "credential.manage", said);
        Ok(())
    }

    async fn change(&self, caller: &Caller, id: &str, change: &PersonChange) -> Result<(), Refusal> {
        let person = self.known_person(id).await?;
        self.may_decide_over(caller, Some(&person), change.role).await?;
        let by = caller.owner();
        let changed = self
            .rights()
            .change_person(self.store(), (id, change), by, self.now())
            .await?;
        match changed {
            PersonChanged::Done => {
                tracing::info!(person = id, by, ?change, "a person was changed");
                Ok(())
            }
            PersonChanged::NotThere => Err(Refusal::missing_thing("there is no such person")),
            PersonChanged::LastAdmin => Err(Refusal::conflict(format!("`{id}` is the last administrator"))),
        }
    }

    /// Writes down what somebody has done.
    fn note(&self, caller: &Caller, operation: &'static str, said: String) {
        let noted = Noted::done(caller.owner(), operation, said);
        self.rights().note(&noted, self.now());
    }

    async fn known_person(&self, id: &str) -> Result<StoredPerson, Refusal> {
        let person = self.store().person(id).await?;
        person.ok_or_else(|| Refusal::missing_thing("there is no such person"))
    }

    /// Only owners make owners and decide over them.
    async fn may_decide_over(
        &self,
        caller: &Caller,
        person: Option<&StoredPerson>,
        role: Option<PersonRole>,
    ) -> Result<(), Refusal> {
        let is_owner = |person: &StoredPerson| person.role == PersonRole::Owner;
        if !person.is_some_and(is_owner) && role != Some(PersonRole::Owner) {
            return Ok(());
        }
        let own = self.store().person(caller.name()).await?;
        match own.as_ref().is_some_and(is_owner) {
            true => Ok(()),
            false => Err(Refusal::forbidden(
                "insufficient_permission",
                "only owners decide over owners",
            )),
        }
    }
}

fn in_state(state: PersonState) -> PersonChange {
    PersonChange {
        state: Some(state),
        ..PersonChange::default()
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("malformed_body", format!("what was sent cannot be read: {error}")))
}

fn role(word: &str) -> Result<PersonRole, Refusal> {
    PersonRole::read(word).ok_or_else(|| Refusal::bad("invalid_role", "a role is member, admin or owner"))
}

fn not_made(error: AdministrationError) -> Refusal {
    match error {
        AdministrationError::Id(error) => Refusal::bad("invalid_id", error.to_string()),
        other => {
            tracing::error!(error = &other as &dyn std::error::Error, "no link can be made");
            Refusal::busy("the hub cannot do this now", 5)
        }
    }
}

fn person_json(person: &StoredPerson) -> Value {
    json!({
        "id": person.id, "name": person.name, "role": person.role.word(), "state": person.state.word(),
        "created_at": person.created.rfc3339(),
    })
}

fn identity_json(identity: &StoredIdentity) -> Value {
    json!({
        "provider": identity.provider, "subject": identity.subject, "login": identity.login,
        "linked_at": identity.linked.rfc3339(),
    })
}

fn session_json(session: &StoredSession) -> Value {
    let ends = session.signed_in.plus(LONGEST).min(session.last_seen.plus(IDLE));
    json!({
        "id": session.id, "means": session.means, "user_agent": session.user_agent,
        "signed_in_at": session.signed_in.rfc3339(), "last_seen_at": session.last_seen.rfc3339(),
        "ends_at": Timestamp::rfc3339(ends),
    })
}

fn link_json(link: &StoredLink) -> Value {
    let invited = link.invited.as_ref();
    json!({
        "id": link.id, "person": link.person, "name": invited.map(|invited| &invited.name),
        "role": invited.map(|invited| invited.role.word()), "made_by": link.made_by,
        "created_at": link.created.rfc3339(), "expires_at": link.expires.rfc3339(),
    })
}
