//! Machines: what registered, whether it is there, what it can be asked to do and what it wants to hear of.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::Hub;
use super::super::machines::known::Machine;
use super::super::machines::list::Silence;
use super::super::refusal::Refusal;
use super::dead;
use super::layout::{Document, Refused, Tab};
use super::look::Look;
use super::object::time;
use super::operations::Page;
use super::text::{Name, Shown, counted};
use crate::ports::hub::DeliveryCounts;
use crate::wire::hub::{Command, PolicyName};

/// A machine with how things stand with it.
struct Seen<'a> {
    machine: &'a Machine,
    /// Its live conversations with this process.
    sessions: usize,
    is_served: bool,
    counts: DeliveryCounts,
    /// Where nobody hears of it.
    silence: Option<Silence>,
}

/// Most machines of one page.
const MOST: usize = 50;

/// Which part of the machines is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Part {
    /// Leaving out so many.
    #[serde(default)]
    from: usize,
}

/// `GET /workspaces/{workspace}/machines`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(part): Query<Part>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::Machines).await?;
    let all = hub.known().machines();
    let here = all.all().into_iter();
    let here = here.filter(|machine| machine.stored.workspace == workspace);
    // By name, the one that is served first.
    let mut here: Vec<_> = here.rev().collect();
    here.sort_by(|one, other| {
        let (first, second) = (&one.stored, &other.stored);
        let is_shadowed = |id: &str| !all.is_served(id);
        (&first.name, is_shadowed(&first.id)).cmp(&(&second.name, is_shadowed(&second.id)))
    });
    let count = here.len();
    let here: Vec<_> = here.into_iter().skip(part.from).take(MOST).collect();
    let contacts = hub.contacts(&workspace).await.map_err(Refusal::from)?;
    let ids: Vec<&str> = here.iter().map(|machine| machine.stored.id.as_str()).collect();
    let counts = hub.store().counts(&ids).await.map_err(Refusal::from)?;
    let seen = here.iter().map(|machine| Seen {
        machine,
        sessions: hub.sessions().of(&machine.stored.id).len(),
        is_served: all.is_served(&machine.stored.id),
        counts: counts.get(&machine.stored.id).copied().unwrap_or_default(),
        silence: contacts.silence(&machine.stored.name),
    });
    let seen: Vec<Seen<'_>> = seen.collect();
    let given_up = dead::given_up(&look).await?;
    let content = html! {
        div.bar { h1 { "Machines" } a.refresh href="" { "Refresh" } }
        @if seen.is_empty() {
            p.empty { "No machine has registered. Make a key with " code { "sdm hub key new NAME" } " and give it to " code { "sdm start" } "." }
        }
        @for one in &seen { (machine(one)) }
        (others(&workspace, part.from, count))
        (given_up)
    };
    Ok(Document::of(
        &look.frame(Some(Tab::Machines)),
        "Machines",
        &content,
    ))
}

/// Where the machines before and after these are.
fn others(workspace: &str, from: usize, count: usize) -> Markup {
    let place = |from: usize| format!("{}?from={from}", Tab::Machines.address(workspace));
    html! {
        @if from > 0 || count > from.saturating_add(MOST) {
            nav.pages aria-label="More machines" {
                @if from > 0 { a href=(place(from.saturating_sub(MOST))) { "Machines before these" } " " }
                @if count > from.saturating_add(MOST) { a href=(place(from.saturating_add(MOST))) { "Machines after these" } }
            }
        }
    }
}

fn machine(seen: &Seen<'_>) -> Markup {
    let stored = &seen.machine.stored;
    let registration = &seen.machine.registration;
    html! {
        article.machine {
            h2 { (Name(&stored.name)) " " span.version { (Shown(&stored.version)) } }
            p.standing { (standing(seen)) }
            dl {
                dt { "while it is away" } dd { (policy(stored.policy)) }
                dt { "deliveries" } dd {
                    (seen.counts.waiting) " waiting, " (seen.counts.sent) " sent, " (seen.counts.dead) " given up"
                }
                @if !registration.capabilities.is_empty() {
                    dt { "extensions" } dd { (Shown(&registration.capabilities.join(", "))) }
                }
            }
            @if !registration.commands.is_empty() {
                details {
                    summary { (counted(registration.commands.len(), "command")) }
                    ul.commands { @for one in &registration.commands { li { (command(one)) } } }
                }
            }
            @for problem in &seen.machine.unheard {
                p.standing {
                    span.state.bad { span.sign aria-hidden="true" { "⨯" } " it does not hear of what it asked for" }
                    " " (Shown(problem))
                }
            }
            @if !seen.machine.standing.is_empty() {
                details {
                    summary { (counted(seen.machine.standing.len(), "subscription")) }
                    ul.subscriptions {
                        @for one in &seen.machine.standing { li { (Name(&one.operation)) " " span.dim { "hears of " (Name(&one.root.name)) } } }
                    }
                }
            }
        }
    }
}

fn standing(seen: &Seen<'_>) -> Markup {
    let stored = &seen.machine.stored;
    html! {
        @if !seen.is_served {
            span.state.quiet { span.sign aria-hidden="true" { "◇" } " another registration of this name is served" }
        } @else if seen.sessions > 0 {
            span.state.good { span.sign aria-hidden="true" { "✓" } " connected" }
            @if seen.sessions > 1 { " · " (seen.sessions) " conversations" }
        } @else if seen.silence.is_none() {
            span.state.good { span.sign aria-hidden="true" { "✓" } " connected to another hub, or was a moment ago" }
        } @else {
            span.state.bad { span.sign aria-hidden="true" { "⨯" } " not connected" }
            @if let Some(Silence::Since(moment)) = seen.silence { " · lost contact since " (time(Some(moment))) }
            @if stored.policy == PolicyName::Ephemeral { " · gone after " (time(Some(stored.alive_until))) }
        }
    }
}

const fn policy(name: PolicyName) -> &'static str {
    match name {
        PolicyName::Ephemeral => "it misses what happens",
        PolicyName::Durable => "what happens waits for it",
    }
}

fn command(command: &Command) -> Markup {
    html! {
        strong { (Name(&command.name)) }
        @if let Some(description) = &command.description { " " (Shown(description)) }
        @if !command.intent.is_empty() { " " span.dim { "“" (Shown(&command.intent.join("”, “"))) "”" } }
        @if !command.parameters.is_empty() {
            ul.parameters {
                @for parameter in &command.parameters {
                    li {
                        code { (Name(&parameter.name)) }
                        @if parameter.required { " " span.dim { "required" } }
                        @if let Some(description) = &parameter.description { " " (Shown(description)) }
                    }
                }
            }
        }
    }
}
