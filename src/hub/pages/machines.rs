//! Machines: what registered, whether it is there, what it can be asked to do and what it wants to hear of.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use maud::{Markup, html};

use super::super::Hub;
use super::super::machines::known::Machine;
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
}

/// `GET /workspaces/{workspace}/machines`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::Machines).await?;
    let all = hub.known().machines();
    let here = all
        .all
        .iter()
        .filter(|machine| machine.stored.workspace == workspace);
    // The one that is served comes first.
    let here: Vec<_> = here.rev().collect();
    let ids: Vec<&str> = here.iter().map(|machine| machine.stored.id.as_str()).collect();
    let counts = hub.store().counts(&ids).await.map_err(Refusal::from)?;
    let seen = here.iter().map(|machine| Seen {
        machine,
        sessions: hub.sessions().of(&machine.stored.id).len(),
        is_served: all.is_served(&machine.stored.id),
        counts: counts.get(&machine.stored.id).copied().unwrap_or_default(),
    });
    let mut seen: Vec<Seen<'_>> = seen.collect();
    seen.sort_by(|one, other| {
        let rank = |seen: &Seen<'_>| (seen.machine.stored.name.clone(), !seen.is_served);
        rank(one).cmp(&rank(other))
    });
    let given_up = dead::given_up(&look).await?;
    let content = html! {
        div.bar { h1 { "Machines" } a.refresh href="" { "Refresh" } }
        @if seen.is_empty() {
            p.empty { "No machine has registered. Make a key with " code { "sdm hub key new NAME" } " and give it to " code { "sdm start" } "." }
        }
        @for one in &seen { (machine(one)) }
        (given_up)
    };
    Ok(Document::of(
        &look.frame(Some(Tab::Machines)),
        "Machines",
        &content,
    ))
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
        } @else {
            span.state.bad { span.sign aria-hidden="true" { "⨯" } " not connected" }
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
