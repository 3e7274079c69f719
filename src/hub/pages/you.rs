//! What is yours: who you are here and elsewhere, and the browsers in which you are signed in.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};

use super::super::Hub;
use super::super::people::Viewer;
use super::super::refusal::Refusal;
use super::layout::{Document, Refused};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::ports::people::{StoredIdentity, StoredSession};

/// The address of the page.
pub(super) const PLACE: &str = "/you";

/// `GET /you`.
pub(super) async fn show(
    State(hub): State<Hub>,
    headers: HeaderMap,
    viewer: Viewer,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::You).await?;
    let store = hub.store();
    let sessions = store
        .sessions_of(&viewer.person.id)
        .await
        .map_err(Refusal::from)?;
    let identities = store.identities(&viewer.person.id).await.map_err(Refusal::from)?;
    let content = html! {
        div.bar { h1 { (Shown(&viewer.person.name)) } }
        dl {
            dt { "known here as" } dd { code { (Name(&viewer.person.id)) } }
            dt { "role" } dd { (viewer.person.role.word()) }
            @for identity in &identities { (elsewhere(identity)) }
        }
        section.card aria-labelledby="sessions" {
            h2 #sessions { "Where you are signed in" }
            ul.rows { @for session in &sessions { li { (row(&look, &viewer, session)) } } }
        }
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
            button.danger { @if is_this { "Sign out" } @else { "End" } }
        }
    }
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
