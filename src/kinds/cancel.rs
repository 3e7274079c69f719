//! `use: cancel`: ends the goals of older pushes on the same branch (semantics 4.8).

use async_trait::async_trait;
use serde::Deserialize;

use super::{ActError, Begun, GoalContext, Kind, KindError};
use crate::model::descriptor::Form;
use crate::model::goal_set::CancelScope;
use crate::model::{
    Action, Actor, Descriptor, ExecutionResult, Field, GoalSetId, Refusal, StateName, ValueType,
};
use crate::ports::store::{Cause, GoalSetFilter, GoalSetRecord};

pub(super) struct Cancel;

const STATES: &[&str] = &[
    "planned",
    "requested",
    "in_process",
    "waiting_for_pre_approval",
    "pre_approved",
    "waiting_for_approval",
    "approved",
];

static FIELDS: &[Field] = &[
    Field::new(
        "goals",
        ValueType::List(&ValueType::Form(Form::GoalName)),
        "names of the goals to cancel; all when left out",
    )
    .not_empty(),
    Field::new(
        "states",
        ValueType::List(&ValueType::Choice(STATES)),
        "states it cancels; all that have not ended when left out",
    )
    .not_empty(),
    Field::new(
        "include_waiting_for_approval",
        ValueType::Boolean,
        "also goals that wait for approval of their result",
    )
    .default("true"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "cancel",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: true,
    help: "Cancels the active goals of older pushes on the same branch.",
    example: "use: cancel",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    goals: Vec<String>,
    states: Vec<StateName>,
    include_waiting_for_approval: Option<bool>,
}

impl Arguments {
    fn states(&self) -> Vec<StateName> {
        let chosen = |state: &StateName| self.states.is_empty() || self.states.contains(state);
        let waiting = self.include_waiting_for_approval.unwrap_or(true);
        let all = STATES.iter().filter_map(|name| StateName::parse(name));
        all.filter(chosen)
            .filter(|state| waiting || *state != StateName::WaitingForApproval)
            .collect()
    }
}

#[async_trait]
impl Kind for Cancel {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments =
            serde_json::from_value(context.goal.definition().work.arguments.clone()).unwrap_or_default();
        if context.record.push.before.is_none() {
            return Ok(described("No goals canceled · first push on branch".to_owned()));
        }
        let mut canceled = Vec::new();
        for older in older_sets(context).await? {
            if cancel(context, older, &arguments).await? {
                canceled.push(older.short());
            }
        }
        let text = match canceled.is_empty() {
            true => "No goals canceled".to_owned(),
            false => format!("Canceled goals {}", canceled.join(", ")),
        };
        Ok(described(text))
    }
}

fn described(description: String) -> Begun {
    Begun::Ended(ExecutionResult {
        description: Some(description),
        ..ExecutionResult::success()
    })
}

/// Active sets of older pushes on this branch; never one of the same or a newer push, and none that somebody asked for by a
/// command: that is about the repository, and a push does not answer it.
async fn older_sets(context: &GoalContext<'_>) -> Result<Vec<GoalSetId>, KindError> {
    let push = &context.record.push;
    let filter = GoalSetFilter {
        repo: Some(push.repo.slug.clone()),
        branch: Some(push.branch.clone()),
        active: true,
        limit: 1000,
        ..GoalSetFilter::default()
    };
    let sets = context.store.goal_sets(&filter).await?;
    let is_older = |record: &GoalSetRecord| {
        let is_of_command = matches!(record.cause, Cause::Command { .. });
        let is_same_repository = record.push.repo.key == push.repo.key;
        is_same_repository && !is_of_command && record.push.id != push.id && record.push.at < push.at
    };
    Ok(sets
        .into_iter()
        .filter(is_older)
        .map(|record| record.set.id)
        .collect())
}

async fn cancel(context: &GoalContext<'_>, set: GoalSetId, arguments: &Arguments) -> Result<bool, KindError> {
    let scope = CancelScope::Superseded {
        goals: arguments.goals.clone(),
        states: arguments.states(),
    };
    let reason = format!("superseded by {}", context.record.push.after.short());
    match context
        .acts
        .act(
            set,
            &Action::Cancel {
                scope,
                actor: Actor::NewerPush,
                reason,
            },
        )
        .await
    {
        Ok(_) => Ok(true),
        Err(ActError::Refused(Refusal::NothingToCancel) | ActError::UnknownSet(_)) => Ok(false),
        Err(other) => Err(other.into()),
    }
}
