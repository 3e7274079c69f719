//! One push, with its commits, goal sets, builds and statuses.

use maud::{Markup, html};
use serde_json::Value;

use super::super::access::key::digest_of;
use super::object::{Object, Standing, time};
use super::text::{Name, Shown, first_line, link, plain, step};
use crate::ports::graph::Node;

/// What is asked of a push.
pub(super) const QUESTION: &str = "query Activity { Push { id branch timestamp \
    after { sha url message author { login name person { name } } statuses(_first: 50) { context state description targetUrl } } \
    commits(_first: 20) { sha url message author { login name person { name } } } \
    repo { owner name url } \
    goalSets { goalSetId goalSet state goals { uniqueName } } \
    goals { goalSetId uniqueName environment name state description } \
    builds(_first: 20) { name status number buildUrl } } }";

/// Most goal sets of a push that are shown, the newest first.
const MOST_SETS: usize = 5;

/// Most goals of a set that are shown.
const MOST_GOALS: usize = 60;

/// Longest title in characters.
const TITLE: usize = 160;

/// A part of a page that is replaced when it changes.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Changes with what is shown.
    pub(super) mark: String,
    /// An element with an id of its own.
    pub(super) markup: Markup,
}

impl Entry {
    /// An element of this id.
    pub(super) fn of(markup: Markup) -> Self {
        let mark = digest_of(&markup.0)[..12].to_owned();
        Self { mark, markup }
    }
}

/// An id for an element, of text that may be anything.
pub(super) fn anchor(kind: &str, text: &str) -> String {
    format!("{kind}-{}", &digest_of(text)[..16])
}

/// The address of a goal set.
pub(super) fn goal_set_address(workspace: &str, goal_set: &str) -> String {
    format!("/workspaces/{}/goals/{}", step(workspace), step(goal_set))
}

/// The entry of a push.
pub(super) fn entry(workspace: &str, push: &Node, said: &Value) -> Entry {
    let said = Object(said);
    let carried = push.links.get("commits").map_or(0, Vec::len);
    Entry::of(html! {
        article.entry #(anchor("push", push.id())) {
            (heading(said))
            (head_commit(said))
            (commits(said, carried))
            (goal_sets(workspace, said))
            (reports(said))
        }
    })
}

/// What is asked of a goal set that may be of a push of which no forge has told.
pub(super) const LONE_QUESTION: &str = "query GoalSets { SdmGoalSet { goalSetId goalSet state ts sha branch \
    goals { uniqueName } commit { message author } repo { owner name } push { id } } }";

/// The entry of a goal set of which the push is not known here, as those are that machines find by themselves; `None` when it is.
pub(super) fn lone_set(workspace: &str, set: &Value, goals: &Value) -> Option<Entry> {
    let said = Object(set);
    if !said.text("/push/id").is_empty() {
        return None;
    }
    let (owner, name) = (said.text("/repo/owner"), said.text("/repo/name"));
    let short: String = said.text("/sha").chars().take(7).collect();
    Some(Entry::of(html! {
        article.entry #(anchor("set", said.text("/goalSetId"))) {
            h2 {
                a href={ "?repository=" (step(&format!("{owner}/{name}"))) } { (Name(owner)) "/" strong { (Name(name)) } }
                " " span.branch { (Name(said.text("/branch"))) }
                " " span.when { (time(said.millis("/ts"))) }
            }
            p.title { code.sha { (Shown(&short)) } (commit_of_machine(said)) }
            ul.sets { li { (goal_set(workspace, Object(goals), said)) } }
        }
    }))
}

/// What the machine tells of the commit of its goal set, where no forge does.
pub(super) fn commit_of_machine(set: Object<'_>) -> Markup {
    let (message, author) = (set.text("/commit/message"), set.text("/commit/author"));
    html! {
        @if !message.is_empty() { " " span.message { (Shown(&first_line(message, TITLE))) } }
        @if !author.is_empty() { " " span.author { (Shown(author)) } }
    }
}

/// Puts goals into the order in which they were planned.
pub(super) fn as_planned(goals: &mut [Object<'_>], set: Option<Object<'_>>) {
    let planned: Vec<&str> = set
        .into_iter()
        .flat_map(|set| set.list("/goals"))
        .map(|goal| goal.text("/uniqueName"))
        .collect();
    goals.sort_by_key(|goal| {
        let name = goal.text("/uniqueName");
        let place = planned.iter().position(|planned| *planned == name);
        (place.unwrap_or(usize::MAX), name, goal.text("/environment"))
    });
}

/// A push with more than a page can show.
pub(super) fn too_large(push: &Node) -> Entry {
    Entry::of(html! {
        article.entry #(anchor("push", push.id())) {
            p { "A push with more than can be shown here. Ask the graph for what you want of it." }
        }
    })
}

fn heading(said: Object<'_>) -> Markup {
    let (owner, name) = (said.text("/repo/owner"), said.text("/repo/name"));
    html! {
        h2 {
            a href={ "?repository=" (step(&format!("{owner}/{name}"))) } { (Name(owner)) "/" strong { (Name(name)) } }
            " " span.branch { (Name(said.text("/branch"))) }
            " " span.when { (time(said.moment("/timestamp"))) }
        }
    }
}

fn head_commit(said: Object<'_>) -> Markup {
    html! { p.title { (commit(said, "/after")) } }
}

/// Somebody as the hub knows them, else as git or the forge does.
pub(super) fn author<'s>(said: Object<'s>, at: &str) -> &'s str {
    let names = ["person/name", "name", "login"].map(|field| said.text(&format!("{at}/{field}")));
    names
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

fn commit(said: Object<'_>, at: &str) -> Markup {
    let text = |field: &str| said.text(&format!("{at}/{field}"));
    let short: String = text("sha").chars().take(7).collect();
    let title = first_line(text("message"), TITLE);
    let author = author(said, &format!("{at}/author"));
    html! {
        code.sha { (link(text("url"), &Shown(&short))) }
        " " span.message { (Shown(&title)) }
        @if !author.is_empty() { " " span.author { (Shown(author)) } }
    }
}

fn commits(said: Object<'_>, carried: usize) -> Markup {
    let shown: Vec<Object<'_>> = said.list("/commits").collect();
    if carried < 2 || shown.len() < 2 {
        return html! {};
    }
    html! {
        details.commits {
            summary { (carried) " commits" }
            ol {
                @for one in &shown { li { (commit(*one, "")) } }
                @if carried > shown.len() { li.dim { "and " (carried - shown.len()) " more" } }
            }
        }
    }
}

fn goal_sets(workspace: &str, said: Object<'_>) -> Markup {
    let mut sets: Vec<Object<'_>> = said.list("/goalSets").collect();
    // As they were set; the newest is what counts.
    sets.reverse();
    html! {
        @if !sets.is_empty() {
            ul.sets {
                @for set in sets.iter().take(MOST_SETS) { li { (goal_set(workspace, said, *set)) } }
                @if sets.len() > MOST_SETS { li.dim { "and " (sets.len() - MOST_SETS) " earlier" } }
            }
        }
    }
}

fn goal_set(workspace: &str, said: Object<'_>, set: Object<'_>) -> Markup {
    let id = set.text("/goalSetId");
    let own = |goal: &Object<'_>| goal.text("/goalSetId") == id;
    let mut goals: Vec<Object<'_>> = said.list("/goals").filter(own).collect();
    as_planned(&mut goals, Some(set));
    let address = goal_set_address(workspace, id);
    html! {
        a.set href=(address) {
            (Standing::of_goal(set.text("/state")).whole()) " "
            span.name { (Name(set.text("/goalSet"))) }
        }
        @if !goals.is_empty() {
            ul.goals aria-label="goals" {
                @for goal in goals.iter().take(MOST_GOALS) { li { (chip(&address, *goal)) } }
                @if goals.len() > MOST_GOALS { li.dim { "+" (goals.len() - MOST_GOALS) } }
            }
        }
    }
}

fn chip(address: &str, goal: Object<'_>) -> Markup {
    let standing = Standing::of_goal(goal.text("/state"));
    let name = match goal.text("/name") {
        "" => goal.text("/uniqueName"),
        name => name,
    };
    let title = format!("{}: {}", standing.word, plain(goal.text("/description")));
    html! {
        a.chip href={ (address) "#" (goal_anchor(goal)) } title=(title) {
            (standing.sign()) " " (Name(name)) span.unseen { " " (standing.word) }
        }
    }
}

/// The id of a goal's element.
pub(super) fn goal_anchor(goal: Object<'_>) -> String {
    anchor(
        "goal",
        &format!("{}/{}", goal.text("/environment"), goal.text("/uniqueName")),
    )
}

fn reports(said: Object<'_>) -> Markup {
    let builds: Vec<Object<'_>> = said.list("/builds").collect();
    let statuses: Vec<Object<'_>> = said.list("/after/statuses").collect();
    html! {
        @if !builds.is_empty() || !statuses.is_empty() {
            ul.reports aria-label="builds and statuses" {
                @for build in &builds { li { (report_of_build(*build)) } }
                @for status in &statuses { li { (report_of_status(*status)) } }
            }
        }
    }
}

fn report_of_build(build: Object<'_>) -> Markup {
    let standing = Standing::of_build(build.text("/status"));
    let number = build.number("/number").map(|number| format!(" #{number}"));
    let label = format!("{}{}", build.text("/name"), number.unwrap_or_default());
    html! { (standing.sign()) " " (link(build.text("/buildUrl"), &Shown(&label))) " " span.dim { (standing.word) } }
}

fn report_of_status(status: Object<'_>) -> Markup {
    let standing = Standing::of_build(status.text("/state"));
    html! {
        (standing.sign()) " " (link(status.text("/targetUrl"), &Shown(status.text("/context")))) " "
        span.dim title=(plain(status.text("/description"))) { (standing.word) }
    }
}
