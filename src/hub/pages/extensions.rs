//! Extensions, for administrators: registered by the address of their descriptor, shown as they describe themselves, read again, and
//! given another secret. What they ask for is agreed to where that of machines is.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};

use super::super::Hub;
use super::super::access::held::Held;
use super::super::extensions::life::Shown as Described;
use super::super::extensions::{ExtensionError, is_extension};
use super::super::refusal::Refusal;
use super::addons::{PLACE, editor, known, place};
use super::form::Form;
use super::layout::Refused;
use super::look::Look;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::access::AddonKey;
use crate::access::snapshot::AddonState;

/// Longest form in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// Most workspaces that an extension is registered for at once.
const MOST_WORKSPACES: usize = 100;

/// The form that registers one.
pub(super) fn register_form(look: &Look) -> Markup {
    let workspaces = look.workspaces();
    html! {
        form.card method="post" action=(PLACE) {
            h2 { "Register an extension" }
            p.dim { "Its descriptor is read and shown to you. Nothing is handed out before you agree to what it asks for." }
            (look.token())
            div.field {
                label for="descriptor" { "Address of its descriptor" }
                input #descriptor name="descriptor" type="url" required maxlength="2000" autocomplete="off"
                    placeholder="https://example.com/atlassian-connect.json";
            }
            @if workspaces.is_empty() {
                div.field {
                    label for="workspace" { "Workspace that it is for" }
                    input #workspace name="workspace" required maxlength="100" autocomplete="off";
                }
            } @else {
                fieldset {
                    legend { "Workspaces that it is for" }
                    ul.ticks {
                        @for (number, workspace) in workspaces.iter().enumerate() {
                            li {
                                input type="checkbox" #{ "workspace-" (number) } name="workspace" value=(workspace) checked[workspaces.len() == 1];
                                label for={ "workspace-" (number) } { (Name(workspace)) }
                            }
                        }
                    }
                }
            }
            p { button.main { "Read its descriptor" } }
        }
    }
}

/// What an add-on says of itself and how it stands, if it is an extension.
///
/// # Errors
/// The memory does not answer.
pub(super) async fn about(look: &Look, held: &Held, key: &AddonKey) -> Result<Markup, Refusal> {
    if !is_extension(held, key) {
        return Ok(html! {});
    }
    match look.hub.extensions().shown(key.as_str()).await {
        Ok(described) => Ok(section(look, key, &described)),
        // An add-on of a policy that was never registered by a descriptor.
        Err(ExtensionError::NotThere(_)) => Ok(html! {}),
        Err(error) => Err(error.into()),
    }
}

fn section(look: &Look, key: &AddonKey, described: &Described) -> Markup {
    html! {
        @if !described.trouble.is_empty() {
            div.notice.bad role="alert" { p { strong { "It is in trouble: " } (Shown(&described.trouble)) } }
        }
        section.card aria-labelledby="says" {
            h2 #says { "What it says of itself" }
            p.dim { "Nobody has verified this." }
            dl {
                dt { "name" } dd { (Shown(described.name.as_deref().unwrap_or("it has none"))) }
                dt { "made by" } dd { (Shown(described.vendor.as_deref().unwrap_or("it does not say"))) }
                dt { "host" } dd { code { (Name(&described.host)) } }
                dt { "is told of" } dd { (events(&described.events)) }
                dt { "its secret" } dd { @if described.is_installed { "was handed over" } @else { "was not handed over yet" } }
                dt { "descriptor" } dd { code { (Name(described.digest.get(..16).unwrap_or(&described.digest))) "…" } }
            }
            @if !described.warnings.is_empty() {
                h3 { "Remarks" }
                ul { @for warning in &described.warnings { li { (Shown(warning)) } } }
            }
            @if described.state != AddonState::Uninstalled { (buttons(look, key, described)) }
        }
    }
}

fn events(events: &[String]) -> Markup {
    html! {
        @if events.is_empty() { "nothing" }
        @for (number, event) in events.iter().enumerate() {
            @if number > 0 { ", " }
            code { (Name(event)) }
        }
    }
}

fn buttons(look: &Look, key: &AddonKey, described: &Described) -> Markup {
    html! {
        div.actions {
            form.inline method="post" action={ (place(key)) "/read" } {
                (look.token())
                button { "Read its descriptor again" }
            }
            @if described.is_installed {
                form.inline method="post" action={ (place(key)) "/rotate" } {
                    (look.token())
                    button { "Give it another secret" }
                }
            }
        }
    }
}

/// `POST /add-ons`: reads a descriptor, which then waits for an answer.
pub(super) async fn register(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::RegisterExtension).await?;
    editor(&look)?;
    let form = Form::read(&body);
    let workspaces: Vec<String> = form
        .all("workspace")
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .take(MOST_WORKSPACES)
        .collect();
    if workspaces.is_empty() {
        return Err(Refusal::bad("malformed_body", "name a workspace that it is for").into());
    }
    let address = form.text("descriptor").trim();
    let shown = hub.register_extension(&look.caller, address, &workspaces).await?;
    Ok(Redirect::to(&format!("{PLACE}/{}", step(&shown.key))))
}

/// `POST /add-ons/{key}/read`: reads its descriptor again.
pub(super) async fn read_again(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::ReadExtension).await?;
    editor(&look)?;
    let key = known(&*super::addons::held(&look).await?, &key)?;
    let read = hub.extensions().read_again(key.as_str()).await;
    read.map_err(Refusal::from)?;
    Ok(Redirect::to(&place(&key)))
}

/// `POST /add-ons/{key}/rotate`: hands over another secret; its page says whether it was taken.
pub(super) async fn rotate(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::at_hub(&hub, &headers, Page::RotateExtension).await?;
    let key = known(&*super::addons::held(&look).await?, &key)?;
    let wanted = hub.extensions().want_secret(key.as_str()).await;
    wanted.map_err(Refusal::from)?;
    hub.see_to_extension(key.as_str()).await.map_err(Refusal::from)?;
    Ok(Redirect::to(&place(&key)))
}
