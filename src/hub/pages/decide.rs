//! What people decide about a goal on its page: approve, deny, cancel, start again. A machine of ours is asked and decides; a goal
//! of a machine of the original is changed here.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::deciding::Deciding;
use super::super::access::operations::Operation;
use super::super::approvals;
use super::super::commands::Wish;
use super::super::refusal::Refusal;
use super::entry::{Entry, goal_anchor, goal_set_address};
use super::form::Form;
use super::layout::Refused;
use super::look::Look;
use super::object::Object;
use super::operations::Page;
use super::text::Shown;
use crate::model::StateName;
use crate::ports::hub::Phase;

/// Longest form in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// How goals of our own machines say that they are carried out.
const OUR_METHOD: &str = "sdm";

impl Deciding {
    /// As a form says it.
    const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }

    /// What goals of machines of the original know of it.
    const fn of_the_original(self) -> Option<approvals::Decision> {
        match self {
            Self::Approve => Some(approvals::Decision::Approve),
            Self::Deny | Self::Cancel => Some(approvals::Decision::Cancel),
            Self::Retry => None,
        }
    }

    /// What its button says, where a goal stands so; `None` where there is nothing to decide.
    fn label(self, state: StateName, goal: Object<'_>) -> Option<&'static str> {
        let is_ours = is_ours(goal);
        match (self, state) {
            (Self::Approve, StateName::WaitingForPreApproval) => Some("Approve the start"),
            (Self::Approve, StateName::WaitingForApproval) => Some("Approve the result"),
            (Self::Deny, StateName::WaitingForPreApproval | StateName::WaitingForApproval) => Some("Deny"),
            (Self::Retry, StateName::Failure) if is_ours && goal.is("/retryFeasible") => Some("Start again"),
            (Self::Cancel, StateName::Planned | StateName::Requested | StateName::InProcess) => {
                Some("Cancel")
            }
            (Self::Approve | Self::Deny | Self::Cancel | Self::Retry, _) => None,
        }
    }
}

/// The buttons of a goal.
pub(super) fn buttons(look: &Look, goal_set: &str, goal: Object<'_>) -> Markup {
    let state = StateName::parse(goal.text("/state"));
    let Some(state) = state.filter(|_| look.caller.is_person()) else {
        return html! {};
    };
    let offered: Vec<_> = Deciding::ALL
        .into_iter()
        .filter_map(|decision| Some((decision, decision.label(state, goal)?)))
        .collect();
    let address = format!("{}/decide", goal_set_address(&look.workspace, goal_set));
    html! {
        @if !offered.is_empty() {
            form.actions method="post" action=(address) {
                (look.token())
                input type="hidden" name="environment" value=(goal.text("/environment"));
                input type="hidden" name="name" value=(goal.text("/uniqueName"));
                input type="hidden" name="version" value=(goal.number("/version").unwrap_or(0));
                @for (decision, label) in &offered {
                    button.main[*decision == Deciding::Approve].danger[*decision == Deciding::Deny]
                        #{ (goal_anchor(goal)) "-" (decision.word()) } name="decision" value=(decision.word()) {
                        (label) span.unseen { " of " (Shown(super::goal::name(goal))) }
                    }
                }
            }
        }
    }
}

/// `POST /workspaces/{workspace}/goals/{goal_set}/decide`.
pub(super) async fn decide(
    State(hub): State<Hub>,
    Path((workspace, goal_set)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Redirect, Refused> {
    let form = Form::read(&body);
    let wanted = form.text("decision");
    let decision = Deciding::ALL
        .into_iter()
        .find(|decision| decision.word() == wanted);
    let noted = decision.unwrap_or(Deciding::Approve);
    let look = Look::deciding(&hub, &headers, &workspace, noted).await?;
    let decision = decision.ok_or_else(|| Refusal::bad("invalid_decision", "there is no such decision"))?;
    let key = format!("{goal_set}/{}/{}", form.text("environment"), form.text("name"));
    let graph = look.graph();
    let found = graph.nodes("SdmGoal", &[key]).await.map_err(Refusal::from)?;
    let missing = || Refusal::missing_thing("there is no such goal");
    let goal = found.first().ok_or_else(missing)?;
    if !look.sight(&*graph).sees(goal).await.map_err(Refusal::from)? {
        return Err(missing().into());
    }
    let operation = Operation::Page(Page::DecideGoal);
    let about = hub.about_known(&workspace, goal).await.map_err(Refusal::from)?;
    look.caller.may_decide(operation, &workspace, &about).await?;
    let body = Value::Object(goal.body.clone());
    let told = Object(&body);
    // What no page has made is of no version.
    let version = form.text("version").parse().unwrap_or(-1);
    approvals::is_as_looked_at(&hub, &workspace, goal, version).await?;
    let address = goal_set_address(&workspace, &goal_set);
    let anchor = goal_anchor(told);
    if is_ours(told) {
        let asked = hub
            .ask_machine(&look.caller, &wish(&workspace, &goal_set, told, decision))
            .await?;
        return Ok(Redirect::to(&format!("{address}?asked={asked}#{anchor}")));
    }
    let decision = decision.of_the_original();
    let decision =
        decision.ok_or_else(|| Refusal::conflict("this machine starts nothing again for the hub"))?;
    approvals::decide_about(&hub, &look.caller, &workspace, goal, decision).await?;
    Ok(Redirect::to(&format!("{address}#{anchor}")))
}

/// What the machine of a goal is asked.
fn wish(workspace: &str, goal_set: &str, goal: Object<'_>, decision: Deciding) -> Wish {
    let machine = goal.text("/fulfillment/registration");
    let mut parameters = vec![
        ("goal_set", json!(goal_set)),
        ("goal", json!(goal.text("/uniqueName"))),
        ("environment", json!(goal.text("/environment"))),
    ];
    if matches!(decision, Deciding::Approve | Deciding::Deny) {
        parameters.push(("version", json!(goal.number("/version").unwrap_or(0).to_string())));
    }
    Wish {
        workspace: workspace.to_owned(),
        machine: machine.to_owned(),
        command: decision.command(),
        parameters,
    }
}

/// What became of what was asked of a machine.
pub(super) async fn asked(look: &Look, id: &str) -> Result<Option<Entry>, Refusal> {
    let found = look.hub.store().invocation(id).await?;
    let own =
        found.filter(|asked| asked.workspace == look.workspace && asked.asked_by == look.caller.owner());
    let Some(asked) = own else {
        return Ok(None);
    };
    let answer: Value = serde_json::from_str(&asked.answer).unwrap_or_default();
    let reason = Object(&answer).text("/status/reason").to_owned();
    let (role, said) = match asked.phase {
        Phase::Pending => ("", "The machine has not been reached yet."),
        Phase::Running => ("", "The machine has been asked and has not answered yet."),
        Phase::Asking => (
            "",
            "The machine wants to know more; run the command with `sdm do --hub`.",
        ),
        Phase::Success => ("good", "The machine has done it."),
        Phase::Failure => ("bad", "The machine does not do it."),
    };
    Ok(Some(Entry::of(html! {
        p.notice.(role) #asked role="status" { (said) @if !reason.is_empty() { " It says: " (Shown(&reason)) } }
    })))
}

/// Whether a goal is one of our own machines', which decide about it themselves.
fn is_ours(goal: Object<'_>) -> bool {
    goal.text("/fulfillment/method") == OUR_METHOD
}
