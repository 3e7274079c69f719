//! What is yours: who you are here and elsewhere, and the browsers in which you are signed in.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};
use secrecy::ExposeSecret as _;

use super::super::Hub;
use super::super::people::Viewer;
use super::super::people::chats::chat_of;
use super::super::refusal::Refusal;
use super::layout::{Document, Refused};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::ports::authorizations::{LostAuthorization, StoredAuthorization};
use crate::ports::people::{StoredIdentity, StoredSession};
use crate::ports::rights::{StoredAddon, StoredRights};

/// The address of the page.
pub(super) const PLACE: &str = "/you";

/// `GET /you`.
pub(super) async fn show(
    State(hub): State<Hub>,
    headers: HeaderMap,
    viewer: Viewer,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::You).await?;
    page(&look, &viewer, &html! {}).await
}

/// The page, with what has just been said.
async fn page(look: &Look, viewer: &Viewer, notice: &Markup) -> Result<Document, Refused> {
    let store = look.hub.store();
    let sessions = store
        .sessions_of(&viewer.person.id)
        .await
        .map_err(Refusal::from)?;
    let identities = store.identities(&viewer.person.id).await.map_err(Refusal::from)?;
    let granted = store
        .authorizations_of(&viewer.person.id)
        .await
        .map_err(Refusal::from)?;
    let lost = store
        .lost_authorizations(&viewer.person.id)
        .await
        .map_err(Refusal::from)?;
    let rights = store.rights().await.map_err(Refusal::from)?;
    let content = html! {
        div.bar { h1 { (Shown(&viewer.person.name)) } }
        (notice)
        dl {
            dt { "known here as" } dd { code { (Name(&viewer.person.id)) } }
            dt { "role" } dd { (viewer.person.role.word()) }
            @for identity in identities.iter().filter(|identity| chat_of(identity).is_none()) { (elsewhere(identity)) }
        }
        section.card aria-labelledby="sessions" {
            h2 #sessions { "Where you are signed in" }
            ul.rows { @for session in &sessions { li { (row(look, viewer, session)) } } }
        }
        (authorizations(look, &granted, &lost))
        (consents(look, &viewer.person.id, &rights))
        (chats(look, &identities))
    };
    Ok(Document::of(&look.frame(None), "You", &content))
}

fn elsewhere(identity: &StoredIdentity) -> Markup {
    html! { dt { "on " (Name(&identity.provider)) } dd { (Name(&identity.login)) } }
}

fn row(look: &Look, viewer: &Viewer, session: &StoredSession) -> Markup {
    let is_this = session.id == viewer.session.id;
    html! {
        div {
            strong { (Shown(&browser(&session.user_agent))) }
            @if is_this { " " span.state.good { "this browser" } }
            p.dim { "signed in " (time(Some(session.signed_in))) " by " (Name(&session.means)) ", last used " (time(Some(session.last_seen))) }
        }
        form method="post" action={ (PLACE) "/sessions/" (step(&session.id)) "/end" } {
            (look.token())
            button.danger {
                @if is_this { "Sign out" } @else { "End" }
                span.unseen { " " (Shown(&browser(&session.user_agent))) ", signed in " (time(Some(session.signed_in))) }
            }
        }
    }
}

/// What somebody lets the hub do elsewhere.
fn authorizations(look: &Look, granted: &[StoredAuthorization], lost: &[LostAuthorization]) -> Markup {
    html! {
        section.card aria-labelledby="authorizations" {
            h2 #authorizations { "What you let this hub do elsewhere" }
            @for one in lost {
                p.notice {
                    "The hub acts for you on " (Name(&one.provider)) " no more, since " (time(Some(one.lost))) ": " (one.how.sentence())
                    ". A command that needs it asks you again."
                }
            }
            @if granted.is_empty() { p.dim { "Nothing. A command that needs it asks you." } }
            ul.rows {
                @for one in granted {
                    li {
                        div {
                            strong { (Name(&one.provider)) } " " (Shown(&one.scopes.join(", ")))
                            p.dim { "granted " (time(Some(one.granted))) @if let Some(ends) = one.expires { ", until " (time(Some(ends))) } }
                        }
                        form.inline method="post" action={ (PLACE) "/authorizations/" (step(&one.provider)) "/revoke" } {
                            (look.token())
                            button.danger { "Revoke" span.unseen { " on " (Name(&one.provider)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Who somebody is in chats.
fn chats(look: &Look, identities: &[StoredIdentity]) -> Markup {
    let own: Vec<_> = identities
        .iter()
        .filter_map(|identity| Some((identity, chat_of(identity)?)))
        .collect();
    html! {
        section.card aria-labelledby="chats" {
            h2 #chats { "Who you are in chats" }
            p.dim { "Get a code and say it to the bot of the chat. Without that nobody there is you, whatever they are called." }
            ul.rows {
                @for (identity, (addon, team)) in &own {
                    li {
                        div {
                            strong { (Name(&identity.subject)) } @if !identity.login.is_empty() { " (" (Shown(&identity.login)) ")" }
                            p.dim { "in " (Name(team)) ", as " (Name(addon)) " heard it " (time(Some(identity.linked))) }
                        }
                        form.inline method="post" action={ (PLACE) "/chats/" (step(&identity.provider)) "/unlink" } {
                            (look.token())
                            button.danger { "Take back" span.unseen { " that you are " (Name(&identity.subject)) } }
                        }
                    }
                }
            }
            form.inline method="post" action={ (PLACE) "/chats" } {
                (look.token())
                button { "Get a code" }
            }
        }
    }
}

/// Who may act for somebody, and who would like to.
fn consents(look: &Look, person: &str, rights: &StoredRights) -> Markup {
    const ACTS: &str = "act_as_user";
    let wants = |addon: &&StoredAddon| {
        let approved = addon.approval.as_ref();
        approved.is_some_and(|approval| approval.scopes.iter().any(|scope| scope == ACTS))
    };
    let agreed = |addon: &StoredAddon, whose: Option<&str>| {
        let mut consents = rights.consents.iter();
        consents.any(|consent| consent.addon == addon.key && consent.person.as_deref() == whose)
    };
    let addons: Vec<&StoredAddon> = rights.addons.iter().filter(wants).collect();
    html! {
        section.card aria-labelledby="consents" {
            h2 #consents { "Who may act for you" }
            @if addons.is_empty() { p.dim { "Nobody asks to." } }
            ul.rows { @for addon in &addons { li { (consent(look, addon, agreed(addon, Some(person)), agreed(addon, None))) } } }
        }
    }
}

fn consent(look: &Look, addon: &StoredAddon, is_agreed: bool, is_for_everybody: bool) -> Markup {
    let (act, label) = if is_agreed {
        ("withdraw", "Take back")
    } else {
        ("give", "Agree")
    };
    html! {
        div {
            strong { (Name(&addon.key)) } " "
            @if is_agreed { span.state.good { span.sign aria-hidden="true" { "✓" } " you agreed" } }
            @else { span.state.quiet { span.sign aria-hidden="true" { "–" } " you have not agreed" } }
            @if is_for_everybody { p.dim { "An administrator agreed for everybody." } }
        }
        form.inline method="post" action={ (PLACE) "/consents/" (step(&addon.key)) "/" (act) } {
            (look.token())
            button.danger[is_agreed] { (label) span.unseen { " that " (Name(&addon.key)) " acts for you" } }
        }
    }
}

/// `POST /you/authorizations/{provider}/revoke`: here and there.
pub(super) async fn revoke_authorization(
    State(hub): State<Hub>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    viewer: Viewer,
) -> Result<Redirect, Refused> {
    Look::at_hub(&hub, &headers, Page::RevokeAuthorization).await?;
    hub.revoke_authorization(&viewer, &provider).await?;
    Ok(Redirect::to(PLACE))
}

/// `POST /you/chats`: the code is shown now or never.
pub(super) async fn link_chat(
    State(hub): State<Hub>,
    headers: HeaderMap,
    viewer: Viewer,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::LinkChat).await?;
    let code = hub.chat_code(&viewer).await?;
    let notice = html! {
        div.notice role="status" {
            p { "Say this to the bot of the chat within ten minutes. It counts once and is shown only now:" }
            code.once { (code.expose_secret()) }
        }
    };
    page(&look, &viewer, &notice).await
}

/// `POST /you/chats/{provider}/unlink`.
pub(super) async fn unlink_chat(
    State(hub): State<Hub>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    viewer: Viewer,
) -> Result<Redirect, Refused> {
    Look::at_hub(&hub, &headers, Page::UnlinkChat).await?;
    hub.unlink_chat(&viewer, &provider).await?;
    Ok(Redirect::to(PLACE))
}

/// `POST /you/consents/{key}/give`.
pub(super) async fn give_consent(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::GiveConsent).await?;
    let who = look.caller.name();
    hub.extensions()
        .consent(&key, Some(who), who)
        .await
        .map_err(Refusal::from)?;
    Ok(Redirect::to(PLACE))
}

/// `POST /you/consents/{key}/withdraw`.
pub(super) async fn withdraw_consent(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::WithdrawConsent).await?;
    hub.extensions()
        .take_consent_back(&key, Some(look.caller.name()))
        .await
        .map_err(Refusal::from)?;
    Ok(Redirect::to(PLACE))
}

/// What a browser says that it is, shortened.
fn browser(user_agent: &str) -> String {
    let known = ["Firefox/", "Edg/", "Chrome/", "Safari/", "curl/"];
    let name = known.iter().find_map(|name| {
        let from = &user_agent[user_agent.find(name)?..];
        let end = from
            .find(|c: char| c.is_whitespace() || c == '.')
            .unwrap_or(from.len());
        Some(from[..end].replace('/', " "))
    });
    let place = ["Android", "iPhone", "Windows", "Mac OS X", "Linux"]
        .into_iter()
        .find(|place| user_agent.contains(place));
    match (name, place) {
        (Some(name), Some(place)) => format!("{name} on {place}"),
        (Some(name), None) => name,
        (None, _) => user_agent.chars().take(80).collect(),
    }
}

/// `POST /you/sessions/{id}/end`.
pub(super) async fn end_session(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
    viewer: Viewer,
) -> Result<Redirect, Refused> {
    Look::at_hub(&hub, &headers, Page::EndSession).await?;
    let ended = hub.store().end_session(&viewer.person.id, &id).await;
    match ended.map_err(Refusal::from)? {
        true => Ok(Redirect::to(PLACE)),
        false => Err(Refusal::missing_thing("you are not signed in there any more").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_in_a_few_words() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        assert_eq!(browser(firefox), "Firefox 128 on Linux");
        assert_eq!(browser("curl/8.0"), "curl 8");
        assert_eq!(browser(&"x".repeat(500)).len(), 80);
    }
}
