//! Deliveries that were given up, for administrators: why, and a button to let each wait for its machine again.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};

use super::super::Hub;
use super::super::access::noted::Noted;
use super::super::refusal::Refusal;
use super::layout::{Refused, Tab};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, step};
use crate::ports::hub::{Delivery, DeliveryKind, Revived};

/// Most that are listed.
const MOST: u32 = 100;

/// How long one that is replayed waits.
const LIFE: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// Why something is not delivered again.
const BLANK: &str = "what its command was told and is not shown again was not kept; ask for it again";

/// What was given up, for those who may know.
///
/// # Errors
/// The memory.
pub(super) async fn given_up(look: &Look) -> Result<Markup, Refusal> {
    if !look.could(Page::Dead) {
        return Ok(html! {});
    }
    let dead = look.hub.store().dead(&look.workspace, MOST).await?;
    let machines = look.hub.known().machines();
    let name = |registration: &str| {
        let found = machines.by_id(registration);
        found.map_or_else(String::new, |machine| machine.stored.name.clone())
    };
    Ok(html! {
        section.card aria-labelledby="given-up" {
            h2 #given-up { "Given up" }
            @if dead.is_empty() {
                p.dim { "Nothing that was for a machine has been given up." }
            } @else {
                div.table tabindex="0" role="region" aria-labelledby="given-up" {
                    table {
                        thead { tr { th { "What" } th { "For" } th { "Since" } th { "Tries" } th { "Why" } th { span.unseen { "Again" } } } }
                        tbody { @for one in &dead { (row(look, one, &name(&one.what.registration))) } }
                    }
                }
            }
        }
    })
}

fn row(look: &Look, one: &Delivery, machine: &str) -> Markup {
    let place = format!(
        "{}/dead/{}",
        Tab::Machines.address(&look.workspace),
        step(&one.what.id)
    );
    let kind = match one.what.kind {
        DeliveryKind::Event => "event",
        DeliveryKind::Command => "command",
    };
    html! {
        tr {
            td { (Name(&one.what.operation)) " " span.dim { (kind) } }
            td { (Name(machine)) }
            td { (time(Some(one.what.created))) }
            td { (one.attempts) }
            td { (Shown(&one.because)) }
            td {
                @if one.is_blank {
                    span.dim { "not kept whole: ask for it again" }
                } @else if look.could(Page::Replay) {
                    form method="post" action=(place) {
                        (look.token())
                        button { "Deliver again" span.unseen { " " (Shown(&one.what.operation)) } }
                    }
                }
            }
        }
    }
}

/// `POST /workspaces/{workspace}/machines/dead/{id}`.
pub(super) async fn replay(
    State(hub): State<Hub>,
    Path((workspace, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::Replay).await?;
    let now = hub.now();
    let revived = hub
        .store()
        .revive(&id, Some(&workspace), (now, now.plus(LIFE)), &[])
        .await;
    match revived.map_err(Refusal::from)? {
        Revived::Waits => {}
        Revived::NotThere => {
            return Err(Refusal::missing_thing("there is no such delivery that was given up").into());
        }
        Revived::Blank => return Err(Refusal::conflict(BLANK).into()),
    }
    let said = format!("the delivery {id} waits again");
    hub.rights()
        .note(&Noted::done(look.caller.owner(), "settings.write", said), now);
    hub.ring();
    Ok(Redirect::to(&Tab::Machines.address(&look.workspace)))
}
