//! People of the hub, for administrators: who they are, what they are, and how somebody new comes in.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};

use super::super::Hub;
use super::super::refusal::Refusal;
use super::form::Form;
use super::layout::{Document, HubTab, Refused};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::ports::people::{Invited, PersonRole, PersonState, StoredLink, StoredPerson};

/// The address of the page.
pub(super) const PLACE: &str = "/people";

/// `GET /people`.
pub(super) async fn show(State(hub): State<Hub>, headers: HeaderMap) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::People).await?;
    page(&look, &html! {}).await
}

async fn page(look: &Look, notice: &Markup) -> Result<Document, Refused> {
    let people = look.hub.store().people().await.map_err(Refusal::from)?;
    let invitations = look.hub.open_invitations().await?;
    let content = html! {
        div.bar { h1 { "People" } }
        (notice)
        section.card aria-labelledby="known" {
            h2 #known { "Who is here" }
            ul.rows { @for person in &people { li { (row(look, person)) } } }
        }
        @if !invitations.is_empty() {
            section.card aria-labelledby="invited" {
                h2 #invited { "Invited" }
                ul.rows { @for link in &invitations { li { (invitation(look, link)) } } }
            }
        }
        (invite_form(look))
    };
    Ok(Document::of(
        &look.frame(None).with(HubTab::People),
        "People",
        &content,
    ))
}

fn row(look: &Look, person: &StoredPerson) -> Markup {
    let place = format!("{PLACE}/{}", step(&person.id));
    let is_active = person.state == PersonState::Active;
    html! {
        div {
            strong { (Shown(&person.name)) } " " code { (Name(&person.id)) }
            p.dim {
                (person.role.word()) " since " (time(Some(person.created)))
                @if !is_active { " · " span.state.bad { span.sign aria-hidden="true" { "⨯" } " suspended" } }
            }
        }
        div.doing {
            form.inline method="post" action={ (place) "/role" } {
                (look.token())
                label.unseen for={ "role-" (person.id) } { "Role of " (Shown(&person.name)) }
                select #{ "role-" (person.id) } name="role" {
                    @for role in PersonRole::ALL { option value=(role.word()) selected[role == person.role] { (role.word()) } }
                }
                button { "Change role" span.unseen { " of " (Shown(&person.name)) } }
            }
            form.inline method="post" action={ (place) "/" (if is_active { "suspend" } else { "restore" }) } {
                (look.token())
                @if is_active { button.danger { "Suspend" span.unseen { " " (Shown(&person.name)) } } }
                @else { button { "Let in again" span.unseen { " " (Shown(&person.name)) } } }
            }
        }
    }
}

fn invitation(look: &Look, link: &StoredLink) -> Markup {
    html! {
        div {
            strong { (Shown(link.invited.as_ref().map_or("", |invited| invited.name.as_str()))) } " " code { (Name(&link.person)) }
            p.dim { "invited by " (Name(&link.made_by)) " " (time(Some(link.created))) ", counts until " (time(Some(link.expires))) }
        }
        form.inline method="post" action={ (PLACE) "/invitations/" (step(&link.id)) "/take-back" } {
            (look.token())
            button.danger { "Take back" span.unseen { " the invitation of " (Name(&link.person)) } }
        }
    }
}

fn invite_form(look: &Look) -> Markup {
    html! {
        form.card method="post" action={ (PLACE) "/invite" } {
            h2 { "Invite somebody" }
            (look.token())
            div.field {
                label for="id" { "Id" }
                input #id name="id" required maxlength="64" pattern="[A-Za-z0-9._\\-]+" autocomplete="off" aria-describedby="id-help";
                p.hint #id-help { "Letters, digits, dot, dash and underscore. It stays theirs for good and is never given again." }
            }
            div.field { label for="name" { "Name" } input #name name="name" maxlength="200" autocomplete="off"; }
            div.field {
                label for="role" { "Role" }
                select #role name="role" { @for role in PersonRole::ALL { option value=(role.word()) { (role.word()) } } }
            }
            p { button.main { "Make a link" } }
        }
    }
}

/// `POST /people/invite`: the link is shown now or never.
pub(super) async fn invite(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Invite).await?;
    let form = Form::read(&body);
    let id = form.text("id").trim();
    let name = match form.text("name").trim() {
        "" => id.to_owned(),
        name => name.to_owned(),
    };
    let role = role(form.text("role"))?;
    let made = hub
        .invite(
            &look.caller,
            id,
            Invited { name, role },
            &hub.address_for(&headers),
        )
        .await?;
    let notice = html! {
        div.notice role="status" {
            p { "Give this link to " strong { (Name(&made.stored.person)) } ". It signs them in once, until " (time(Some(made.stored.expires))) ", and is shown only now." }
            code.once { (Shown(&made.address)) }
        }
    };
    page(&look, &notice).await
}

fn role(word: &str) -> Result<PersonRole, Refusal> {
    PersonRole::read(word).ok_or_else(|| Refusal::bad("invalid_role", "there is no such role"))
}

/// `POST /people/{person}/role`.
pub(super) async fn change_role(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::ChangeRole).await?;
    hub.give_role(&look.caller, &id, role(Form::read(&body).text("role"))?)
        .await?;
    Ok(Redirect::to(PLACE))
}

/// `POST /people/{person}/suspend`.
pub(super) async fn suspend(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Suspend).await?;
    hub.suspend(&look.caller, &id).await?;
    Ok(Redirect::to(PLACE))
}

/// `POST /people/{person}/restore`.
pub(super) async fn restore(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Restore).await?;
    hub.restore(&look.caller, &id).await?;
    Ok(Redirect::to(PLACE))
}

/// `POST /people/invitations/{id}/take-back`.
pub(super) async fn take_back(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::TakeBack).await?;
    hub.take_back_invitation(&look.caller, &id).await?;
    Ok(Redirect::to(PLACE))
}
