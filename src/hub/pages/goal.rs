//! One goal of a set.

use maud::{Markup, html};

use super::super::machines::list::{Contacts, Silence};
use super::decide::buttons;
use super::entry::{Entry, goal_anchor, goal_set_address};
use super::goal_set::Run;
use super::look::Look;
use super::object::{Object, Standing, time};
use super::text::{Name, Shown, link, step};
use crate::model::time::duration;
use crate::model::{DEFAULT_ENVIRONMENT, StateName};

/// Most lines of an error that are shown.
const ERROR_LINES: usize = 20;

/// Most images shown.
const IMAGES: usize = 20;

/// The name of a goal, for people.
pub(super) fn name(goal: Object<'_>) -> &str {
    match goal.text("/name") {
        "" => goal.text("/uniqueName"),
        name => name,
    }
}

/// The address of a goal's log.
pub(super) fn log_address(workspace: &str, goal_set: &str, environment: &str, name: &str) -> String {
    let set = goal_set_address(workspace, goal_set);
    format!("{set}/logs/{}/{}", step(environment), step(name))
}

/// What a page tells of a goal.
pub(super) fn part(
    look: &Look,
    (set, contacts): (&str, Option<&Contacts>),
    goal: Object<'_>,
    run: Run,
) -> Entry {
    let standing = Standing::of_goal(goal.text("/state"));
    let attempt = goal.number("/attempt").filter(|attempt| *attempt > 1);
    Entry::of(html! {
        article.goal.(standing.role) #(goal_anchor(goal)) {
            h2 { (standing.sign()) " " (Name(name(goal))) }
            p.standing {
                (standing.word)
                @if let Some(attempt) = attempt { " · try " (attempt) }
                @if let Some(took) = took(goal, run) { " · " (took) }
            }
            (silence(goal, contacts))
            (about(goal))
            (error(goal))
            div.foot { (links(&look.workspace, set, goal)) (buttons(look, set, goal)) }
        }
    })
}

/// Whether a machine is at work on it.
pub(super) fn is_at_work(goal: Object<'_>) -> bool {
    StateName::parse(goal.text("/state")) == Some(StateName::InProcess)
        && goal.text("/fulfillment/method") == "sdm"
}

/// That nobody hears of the machine that is at work on it: it may have died over it.
fn silence(goal: Object<'_>, contacts: Option<&Contacts>) -> Markup {
    let machine = match goal.text("/fulfillment/registration") {
        "" => goal.text("/registration"),
        machine => machine,
    };
    let silence = contacts
        .filter(|_| is_at_work(goal))
        .and_then(|contacts| contacts.silence(machine));
    html! {
        @match silence {
            None => {}
            Some(Silence::Since(moment)) => {
                p.silence { "lost contact with " (Name(machine)) " since " (time(Some(moment))) }
            }
            Some(Silence::Gone) => p.silence { (Name(machine)) " is not registered here any more" }
        }
    }
}

/// How long it took; how long it has been going on, for goals that go on, is told by when it began.
fn took(goal: Object<'_>, run: Run) -> Option<Markup> {
    let began = run.began?;
    match (run.ended, StateName::parse(goal.text("/state"))) {
        (Some(ended), _) => Some(html! { (duration(ended.since(began))) }),
        (None, Some(StateName::InProcess)) => Some(html! { "since " (time(Some(began))) }),
        (None, _) => None,
    }
}

fn about(goal: Object<'_>) -> Markup {
    let (description, phase) = (goal.text("/description"), goal.text("/phase"));
    let after: Vec<&str> = goal
        .list("/preConditions")
        .map(name)
        .filter(|name| !name.is_empty())
        .collect();
    let environment = goal.text("/environment").trim_end_matches('/');
    html! {
        p.about {
            (Shown(description)) @if !phase.is_empty() { " · " (Shown(phase)) }
            @if !after.is_empty() {
                " " span.dim { "after " @for (number, name) in after.iter().enumerate() { @if number > 0 { ", " } (Name(name)) } }
            }
        }
        @if !environment.is_empty() && environment != DEFAULT_ENVIRONMENT { p.dim { "in " (Name(environment)) } }
        @for one in goal.list("/images").take(IMAGES) {
            p.dim { "ran " (Shown(one.text("/image"))) " as " (Name(one.text("/container"))) }
        }
        (confirmed("start confirmed", goal, "/preApproval"))
        (confirmed("approved", goal, "/approval"))
    }
}

fn confirmed(what: &str, goal: Object<'_>, at: &str) -> Markup {
    let who = goal.text(&format!("{at}/userId"));
    html! {
        @if !who.is_empty() { p.dim { (what) " by " (Name(who)) " " (time(goal.millis(&format!("{at}/ts")))) } }
    }
}

fn error(goal: Object<'_>) -> Markup {
    let error = goal.text("/error");
    html! {
        @if !error.is_empty() && goal.text("/state") == StateName::Failure.as_str() {
            pre.error { @for line in error.lines().take(ERROR_LINES) { (Shown(line)) "\n" } }
        }
    }
}

fn links(workspace: &str, set: &str, goal: Object<'_>) -> Markup {
    let address = log_address(
        workspace,
        set,
        goal.text("/environment"),
        goal.text("/uniqueName"),
    );
    html! {
        ul.links {
            @if has_begun(goal) { li { a href=(address) { "Log" } } }
            @for one in goal.list("/externalUrls").take(10) {
                @let label = if one.text("/label").is_empty() { one.text("/url") } else { one.text("/label") };
                li { (link(one.text("/url"), &Shown(label))) }
            }
        }
    }
}

/// Whether there can be a log.
fn has_begun(goal: Object<'_>) -> bool {
    match StateName::parse(goal.text("/state")) {
        Some(
            StateName::Planned
            | StateName::WaitingForPreApproval
            | StateName::PreApproved
            | StateName::Requested
            | StateName::Skipped,
        ) => goal.number("/attempt").unwrap_or(0) > 1,
        Some(
            StateName::InProcess
            | StateName::WaitingForApproval
            | StateName::Approved
            | StateName::Success
            | StateName::Failure
            | StateName::Stopped
            | StateName::Canceled,
        )
        | None => true,
    }
}
