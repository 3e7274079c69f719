//! Keys: what programs of a person and machines come with. Each is shown once, limited to what is ticked, and ends by itself.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};

use super::super::Hub;
use super::super::access::agreed::Agreeing;
use super::super::access::make_key::{make_key, not_made};
use super::super::access::operations::{MACHINE_SCOPES, Operation};
use super::super::administration::KeyWish;
use super::super::refusal::Refusal;
use super::form::Form;
use super::layout::{Document, HubTab, Refused};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::access::PersonId;
use crate::access::scope::{SCOPES, Scope};
use crate::ports::hub::StoredKey;
use crate::runtime::clock::RandomIds;

/// The address of the page.
pub(super) const PLACE: &str = "/keys";

/// Longest form in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// `GET /keys`.
pub(super) async fn show(State(hub): State<Hub>, headers: HeaderMap) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::Keys).await?;
    page(&look, &html! {}).await
}

async fn page(look: &Look, notice: &Markup) -> Result<Document, Refused> {
    let all = look.hub.store().keys().await.map_err(Refusal::from)?;
    let manages = look.could_at_hub(Page::OthersKeys);
    let (own, others): (Vec<_>, Vec<_>) = all.iter().rev().partition(|key| key.owner == look.caller.owner());
    let content = html! {
        div.bar { h1 { "Keys" } }
        (notice)
        (list(look, "Yours", &own))
        @if manages { (list(look, "Of machines and of others", &others)) }
        (form(look))
    };
    Ok(Document::of(
        &look.frame(None).with(HubTab::Keys),
        "Keys",
        &content,
    ))
}

fn list(look: &Look, title: &str, keys: &[&StoredKey]) -> Markup {
    html! {
        section.card {
            h2 { (title) }
            @if keys.is_empty() { p.dim { "None." } }
            ul.rows { @for key in keys { li { (row(look, key)) } } }
        }
    }
}

fn row(look: &Look, key: &StoredKey) -> Markup {
    let is_good = key.revoked.is_none() && key.expires > look.hub.now();
    html! {
        div {
            code { (Name(&key.id)) } " " (Name(&key.owner)) " " (state(look, key))
            p.dim {
                "made " (time(Some(key.created)))
                @if let Some(used) = key.last_used { ", last used " (time(Some(used))) } @else { ", never used" }
                " · for " (Shown(&key.workspaces.join(", ")))
            }
            p.dim { "at most " (Shown(&key.scopes.join(", "))) @if !key.repositories.is_empty() { " on " (Shown(&key.repositories.join(", "))) } }
        }
        @if is_good {
            form.inline method="post" action={ (PLACE) "/" (step(&key.id)) "/revoke" } {
                (look.token())
                button.danger { "Revoke" span.unseen { " " (Name(&key.id)) } }
            }
        }
    }
}

fn state(look: &Look, key: &StoredKey) -> Markup {
    html! {
        @if let Some(revoked) = key.revoked {
            span.state.quiet { span.sign aria-hidden="true" { "–" } " revoked" } " " (time(Some(revoked)))
        } @else if key.expires <= look.hub.now() {
            span.state.quiet { span.sign aria-hidden="true" { "–" } " ended" } " " (time(Some(key.expires)))
        } @else {
            span.state.good { span.sign aria-hidden="true" { "✓" } " good" } " until " (time(Some(key.expires)))
        }
    }
}

fn form(look: &Look) -> Markup {
    html! {
        form.card method="post" action=(PLACE) {
            h2 { "Make a key" }
            (look.token())
            fieldset {
                legend { "For whom" }
                div { input type="radio" #for-me name="for" value="me" checked; " " label for="for-me" { "my own programs" } }
                @if look.could_at_hub(Page::OthersKeys) {
                    div {
                        input type="radio" #for-machine name="for" value="machine"; " " label for="for-machine" { "a machine called" } " "
                        input name="machine" aria-label="name of the machine" maxlength="80" autocomplete="off";
                    }
                }
            }
            fieldset {
                legend { "What it may do at most" }
                ul.ticks {
                    @for row in SCOPES.iter().filter(|row| !row.scope.is_not_yet()) {
                        @let id = format!("scope-{}", row.name.replace(':', "-"));
                        li {
                            input type="checkbox" #(id) name="scope" value=(row.name) checked[MACHINE_SCOPES.contains(&row.name)];
                            label for=(id) { (sentence(row.scope)) }
                        }
                    }
                }
            }
            div.field {
                label for="workspace" { "Workspace" }
                input #workspace name="workspace" required maxlength="100" value=(look.workspace) autocomplete="off";
            }
            div.field {
                label for="repositories" { "Repositories, one a line; everything when empty" }
                textarea #repositories name="repositories" rows="3" placeholder="owner/name or owner/*" spellcheck="false" {}
            }
            div.field { label for="days" { "Days that it lasts" } input #days name="days" type="number" min="1" max="366" value="90" required; }
            p { button.main { "Make the key" } }
        }
    }
}

/// `POST /keys`: the key is shown now or never.
pub(super) async fn make(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Document, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::MakeKey).await?;
    let form = Form::read(&body);
    let is_person = form.text("for") != "machine";
    if !is_person {
        look.caller.may_at_hub(Operation::Page(Page::OthersKeys))?;
    }
    let name = match is_person {
        true => look.caller.name(),
        false => form.text("machine").trim(),
    };
    let lines = form.text("repositories").lines();
    let wish = KeyWish {
        name: name.to_owned(),
        is_person,
        workspaces: vec![form.text("workspace").trim().to_owned()],
        scopes: form.all("scope").map(str::to_owned).collect(),
        repositories: lines
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        days: form.text("days").parse().ok(),
        ..KeyWish::default()
    };
    if wish.scopes.is_empty() {
        return Err(Refusal::bad("invalid_scopes", "tick at least one scope").into());
    }
    if is_person {
        let there = hub.workspaces_that_are_there().await.map_err(Refusal::from)?;
        if !wish.workspaces.iter().all(|id| there.contains(id)) {
            let message = "there is no such workspace: a key of your own is for one that is there; \
                           an administrator makes a new one by `sdm hub key new` where the hub runs";
            return Err(Refusal::bad("unknown_workspace", message).into());
        }
    }
    let by = PersonId::parse(look.caller.name());
    let by = by.map_err(|error| Refusal::bad("invalid_id", error.to_string()))?;
    let agreeing = Agreeing {
        by: &by,
        caller: Some(&look.caller),
        at: hub.now(),
        ids: &RandomIds,
    };
    let changing = hub.rights().changing_keys().await;
    let (key, text) = make_key(hub.store(), &wish, &agreeing).await.map_err(not_made)?;
    hub.rights()
        .learn([key.clone()], Some(look.caller.owner()), hub.now());
    drop(changing);
    let notice = html! {
        div.notice role="status" {
            p { "The key " code { (Name(&key.id)) } " of " (Name(&key.owner)) " is shown only now:" }
            code.once { (text) }
        }
    };
    page(&look, &notice).await
}

/// A scope in a sentence, with how carefully to look as a word and a colour, or that it gives nothing yet.
pub(super) fn sentence(scope: Scope) -> Markup {
    let row = scope.row();
    html! {
        code { (row.name) } " " (row.allows) " "
        @if scope.is_not_yet() { span.dim { "not available yet" } }
        @else { span.sensitivity.(row.sensitivity.word()) { (row.sensitivity.word()) } }
    }
}

/// `POST /keys/{id}/revoke`.
pub(super) async fn revoke(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::RevokeKey).await?;
    let missing = || Refusal::missing_thing("there is no such key that is still good");
    let key = hub
        .store()
        .key(&id)
        .await
        .map_err(Refusal::from)?
        .ok_or_else(missing)?;
    if key.owner != look.caller.owner() {
        look.caller
            .may_at_hub(Operation::Page(Page::OthersKeys))
            .map_err(|refusal| match look.could_at_hub(Page::OthersKeys) {
                true => refusal,
                // Whose keys there are is for administrators.
                false => missing(),
            })?;
    }
    let (store, now) = (hub.store(), hub.now());
    let _changing = hub.rights().changing_keys().await;
    if !store.revoke_key(&id, now, &[]).await.map_err(Refusal::from)? {
        return Err(missing().into());
    }
    let revoked = StoredKey {
        revoked: Some(now),
        ..key
    };
    hub.rights().learn([revoked], Some(look.caller.owner()), now);
    Ok(Redirect::to(PLACE))
}
