//! What whoever looks has asked of machines: what each is at while it runs, and for a while how it ended.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::Value;

use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::entry::Entry;
use super::look::Look;
use super::object::{Standing, time};
use super::text::{Name, Shown};
use crate::model::StateName;
use crate::ports::hub::{Phase, StoredInvocation};

/// Most that are shown.
const MOST: u32 = 5;

/// What was asked longer ago is not shown, whatever becomes of it.
const LATELY: Duration = Duration::from_secs(24 * 3_600);

/// How long one that has ended is shown.
const AFTER: Duration = Duration::from_secs(10 * 60);

/// Commands of somebody.
pub(super) struct Commands {
    /// An element that is there also when there are none, so that it grows in its place.
    pub(super) entry: Entry,
    /// Whether there is nothing to show.
    pub(super) are_none: bool,
    /// Whether some have not ended, so that there is news without a change of the graph.
    pub(super) are_open: bool,
}

/// One of them.
struct Asked {
    invocation: StoredInvocation,
    machine: String,
    /// What its machine is at; empty while nothing is known.
    progress: String,
}

impl Commands {
    /// Those of whoever looks.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn of(look: &Look) -> Result<Self, Refusal> {
        let may = look.caller.could(Operation::LookAtInvocation, &look.workspace);
        let asked = match may {
            true => asked(look).await?,
            false => Vec::new(),
        };
        Ok(Self {
            entry: Entry::of(section(&asked)),
            are_none: asked.is_empty(),
            are_open: asked.iter().any(|one| one.invocation.ended.is_none()),
        })
    }
}

async fn asked(look: &Look) -> Result<Vec<Asked>, Refusal> {
    let (hub, now) = (&look.hub, look.hub.now());
    let who = (look.workspace.as_str(), look.caller.owner());
    let found = hub
        .store()
        .asked_lately(who, now.minus(LATELY), now.minus(AFTER), MOST)
        .await?;
    let machines = hub.known().machines();
    let one = |invocation: StoredInvocation| {
        let machine = machines.by_id(&invocation.registration);
        let progress = match invocation.ended {
            None => hub.progress().shown(&invocation.id),
            Some(_) => Value::Null,
        };
        Asked {
            machine: machine.map_or_else(String::new, |machine| machine.stored.name.clone()),
            progress: progress["text"].as_str().unwrap_or_default().to_owned(),
            invocation,
        }
    };
    Ok(found.into_iter().map(one).collect())
}

fn section(all: &[Asked]) -> Markup {
    html! {
        section #your-commands.card.asked aria-labelledby="your-commands-title" hidden[all.is_empty()] {
            h2 #your-commands-title { "Your commands" }
            ul.rows { @for one in all { (row(one)) } }
        }
    }
}

fn row(one: &Asked) -> Markup {
    let invocation = &one.invocation;
    html! {
        li {
            span { b { (Name(&invocation.command)) } @if !one.machine.is_empty() { span.dim { " at " (Name(&one.machine)) } } }
            span { (standing(invocation.phase).whole()) " " span.dim { (time(Some(invocation.ended.unwrap_or(invocation.created)))) } }
            @if !one.progress.is_empty() { code.progress { (Shown(&one.progress)) } }
            @if let Some(reason) = reason(invocation) { p.reason { (Shown(&reason)) } }
        }
    }
}

/// How a command stands, as goals that stand like it are shown.
fn standing(phase: Phase) -> Standing {
    let (like, word) = match phase {
        Phase::Pending => (StateName::Requested, "waits for its machine"),
        Phase::Running => (StateName::InProcess, "runs"),
        Phase::Asking => (StateName::WaitingForApproval, "asks for more"),
        Phase::Success => (StateName::Success, "success"),
        Phase::Failure => (StateName::Failure, "failure"),
    };
    Standing {
        word: word.to_owned(),
        ..Standing::of_goal(like.as_str())
    }
}

/// What its machine said at the end.
fn reason(invocation: &StoredInvocation) -> Option<String> {
    invocation.ended?;
    let answer: Value = serde_json::from_str(&invocation.answer).ok()?;
    let reason = answer.pointer("/status/reason")?.as_str()?.trim();
    (!reason.is_empty()).then(|| reason.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn asked(phase: Phase, progress: &str) -> Asked {
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let has_ended = matches!(phase, Phase::Success | Phase::Failure);
        Asked {
            invocation: StoredInvocation {
                id: "i".to_owned(),
                workspace: "w".to_owned(),
                registration: "r".to_owned(),
                command: "Deploy<b>".to_owned(),
                asked_by: "person:ada".to_owned(),
                asked_with: String::new(),
                request: String::new(),
                phase,
                answer: r#"{"status": {"reason": "there is no <i>room</i>"}}"#.to_owned(),
                created: at,
                due: at,
                ended: has_ended.then_some(at),
            },
            machine: "sdm".to_owned(),
            progress: progress.to_owned(),
        }
    }

    #[test]
    fn a4_what_machines_say_of_commands_is_text() {
        let runs = section(&[asked(Phase::Running, "<script>3 of 4")]).into_string();
        assert!(
            runs.contains("Deploy&lt;b&gt;") && runs.contains("&lt;script&gt;3 of 4"),
            "{runs}"
        );
        assert!(runs.contains("runs") && !runs.contains("room"), "{runs}");
        let failed = section(&[asked(Phase::Failure, "")]).into_string();
        assert!(failed.contains("there is no &lt;i&gt;room"), "{failed}");
        assert!(
            !failed.contains("<code") && !failed.contains(" hidden"),
            "{failed}"
        );
        assert!(section(&[]).into_string().contains(" hidden"));
    }
}
