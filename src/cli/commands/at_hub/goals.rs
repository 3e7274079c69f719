//! `sdm goals --hub`.

use serde_json::{Value, json};

use super::super::super::context::Context;
use super::super::super::error::CommandError;
use super::{hub, is_meant, repository, text};
use crate::model::goal_event::{ExternalUrl, UsedImages};
use crate::model::set_tag::SetTag;
use crate::model::{StateName, Timestamp};
use crate::wire::views::{GoalSetView, GoalView, data_shown};

const SETS: &str = "query Sets($first: Int) { SdmGoalSet(_first: $first, _orderBy: \"ts\", _ordering: desc) { \
    goalSet goalSetId sha branch state ts repo { owner name } goals { name uniqueName } tags { name value } provenance { ts } } }";
const GOALS: &str = "query Goals($sets: [String]) { SdmGoal(goalSetId: $sets, _first: 500) { \
    goalSetId name uniqueName environment state phase description error version ts retryFeasible \
    data externalUrls { label url } preConditions { name } } }";

/// Most goal sets that are looked through.
const MOST: u32 = 200;

/// Which goal sets.
#[derive(Debug, Default)]
pub(in super::super) struct Which<'a> {
    pub(in super::super) id: Option<&'a str>,
    pub(in super::super) repo: Option<&'a str>,
    pub(in super::super) branch: Option<&'a str>,
    pub(in super::super) active: bool,
    pub(in super::super) tag: Option<SetTag>,
    pub(in super::super) limit: u32,
}

/// Goal sets of all machines, newest first.
pub(in super::super) fn run(
    context: &mut Context,
    which: &Which<'_>,
) -> Result<Vec<GoalSetView>, CommandError> {
    let hub = hub(context)?;
    let sets = context.ui.while_waiting("asking the hub", || {
        let answer = hub.graph(SETS, &json!({ "first": MOST }))?;
        let mut sets: Vec<GoalSetView> = list(&answer["SdmGoalSet"]).iter().map(set).collect();
        sets.retain(|set| fits(set, which));
        sets.truncate(which.limit as usize);
        let ids: Vec<&str> = sets.iter().map(|set| set.id.as_str()).collect();
        let answer = match ids.is_empty() {
            true => Value::Null,
            false => hub.graph(GOALS, &json!({ "sets": ids }))?,
        };
        let goals = list(&answer["SdmGoal"]);
        for set in &mut sets {
            let planned = std::mem::take(&mut set.goals);
            let own = goals.iter().filter(|goal| text(goal, "/goalSetId") == set.id);
            set.goals = own.map(|one| goal(&set.id, one)).collect();
            let place = |goal: &GoalView| planned.iter().position(|one| one.unique_name == goal.unique_name);
            set.goals.sort_by_key(place);
        }
        Ok::<_, super::super::super::doors::DoorError>(sets)
    })?;
    Ok(sets)
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn fits(set: &GoalSetView, which: &Which<'_>) -> bool {
    is_meant(which.id, &set.id, &set.sha)
        && which.repo.is_none_or(|repo| set.repo == repo)
        && which.branch.is_none_or(|branch| set.branch == branch)
        && (!which.active || set.active)
        && which
            .tag
            .as_ref()
            .is_none_or(|tag| set.tags.iter().any(|own| own.is_meant_by(tag)))
}

fn millis(value: &Value) -> String {
    let millis = value.as_i64().unwrap_or(0);
    Timestamp::from_micros(millis.saturating_mul(1_000)).rfc3339()
}

fn state(value: &Value) -> StateName {
    StateName::parse(&text(value, "/state")).unwrap_or(StateName::Planned)
}

fn set(set: &Value) -> GoalSetView {
    let state = state(set);
    let created = match &set["provenance"]["ts"] {
        Value::Null => &set["ts"],
        known => known,
    };
    GoalSetView {
        id: text(set, "/goalSetId"),
        name: text(set, "/goalSet"),
        repo: repository(set),
        branch: text(set, "/branch"),
        sha: text(set, "/sha"),
        title: String::new(),
        state,
        active: !state.is_terminal(),
        created_at: millis(created),
        because: None,
        tags: list(&set["tags"]).iter().map(tag).collect(),
        // Their names in planned order, until more is known of them.
        goals: list(&set["goals"]).iter().map(|one| goal("", one)).collect(),
        not_set: Vec::new(),
    }
}

fn goal(set: &str, goal: &Value) -> GoalView {
    let (state, name) = (state(goal), text(goal, "/name"));
    let some = |path: &str| Some(text(goal, path)).filter(|text| !text.is_empty());
    let at = Some(millis(&goal["ts"]));
    let short: String = set.chars().take(8).collect();
    GoalView {
        unique_name: text(goal, "/uniqueName"),
        environment: text(goal, "/environment"),
        attempt: 0,
        version: u32::try_from(goal["version"].as_u64().unwrap_or(0)).unwrap_or(u32::MAX),
        phase: some("/phase"),
        description: text(goal, "/description"),
        error: some("/error"),
        log: Some(format!("logs --hub {short} {name}")),
        requested_at: None,
        started_at: None,
        done_at: None,
        ended_at: at.filter(|_| state.is_terminal()),
        after: list(&goal["preConditions"])
            .iter()
            .map(|one| text(one, "/name"))
            .collect(),
        retry: goal["retryFeasible"] == true,
        confirmed_by: Vec::new(),
        missing: 0,
        confirmations: Vec::new(),
        by_hand: None,
        void: None,
        external_urls: list(&goal["externalUrls"]).iter().map(link).collect(),
        images: UsedImages::new(),
        data: data_shown(goal["data"].as_str()),
        state,
        name,
    }
}

fn tag(tag: &Value) -> SetTag {
    SetTag {
        name: text(tag, "/name"),
        value: Some(text(tag, "/value")).filter(|value| !value.is_empty()),
    }
}

fn link(link: &Value) -> ExternalUrl {
    ExternalUrl {
        label: Some(text(link, "/label")).filter(|label| !label.is_empty()),
        url: text(link, "/url"),
    }
}
