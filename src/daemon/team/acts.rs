//! What people do with goals by way of the hub: approve, deny, cancel, retry, reset. The engine decides, as it does for those who
//! stand at the machine.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Inner;
use super::commands::{mapped, optional};
use super::inbox::answer;
use crate::engine::replay::ReplayError;
use crate::kinds::{ActError, Acts};
use crate::model::goal_set::CancelScope;
use crate::model::{Action, Actor, GoalKey, GoalSetId, Person, Timestamp, UniqueName};
use crate::ports::store::{Cause, GoalSetFilter, GoalSetRecord, StoreError};
use crate::ports::team::DeliveryAnswer;
use crate::runtime::causes::chain;
use crate::wire::hub::{Command, Parameter, extensions, uris};

/// The mapped parameter that says who acts.
const WHO: &str = "sdm.who";

/// They, with what they do.
const ACTS: &[(&str, &str)] = &[
    (extensions::APPROVE, "Confirm the start or the result of a goal"),
    (extensions::DENY, "Deny the start or the result of a goal"),
    (extensions::CANCEL, "Cancel a goal, or all of a goal set"),
    (extensions::RETRY, "Start a goal again that has failed"),
    (
        extensions::RESET,
        "Set the goals of a push again by the rules of now, and cancel what has not ended of them",
    ),
];

/// The commands as the hub hears of them.
pub(super) fn announced() -> impl Iterator<Item = Command> {
    ACTS.iter().map(|(name, description)| Command {
        name: (*name).to_owned(),
        description: Some((*description).to_owned()),
        tags: vec!["goals".to_owned()],
        intent: Vec::new(),
        auto_submit: true,
        question: None,
        parameters: parameters(name),
        mapped_parameters: vec![mapped(WHO, uris::LOGIN, true)],
        secrets: Vec::new(),
        only_reads: false,
    })
}

/// Whether a command is one of them.
pub(super) fn is_one(command: &str) -> bool {
    ACTS.iter().any(|(name, _)| *name == command)
}

fn parameters(name: &str) -> Vec<Parameter> {
    let required = |parameter: Parameter| Parameter {
        required: true,
        ..parameter
    };
    let goal_set = required(optional("goal_set", "id of the goal set"));
    if name == extensions::RESET {
        return vec![goal_set];
    }
    let goal = optional("goal", "the goal's unique name");
    vec![
        goal_set,
        if name == extensions::CANCEL {
            goal
        } else {
            required(goal)
        },
        optional("environment", "the goal's environment, if it has one"),
        optional("reason", "why"),
        optional("version", "the goal's version that was looked at"),
    ]
}

impl Inner {
    /// Decides and stores it for somebody, whom the hub says, with what else they are known as; what to answer.
    pub(super) async fn act(
        &self,
        command: &str,
        values: &Map<String, Value>,
        (mapped, known_as): (&BTreeMap<String, String>, &[String]),
        asked_at: Timestamp,
    ) -> Result<DeliveryAnswer, StoreError> {
        // Nobody in particular may do nothing in particular.
        let Some(login) = mapped.get(WHO).filter(|login| !login.trim().is_empty()) else {
            return Ok(answer(1, "the hub does not say who asks"));
        };
        let person = Person {
            known_as: known_as.to_vec(),
            ..self.people.by_login(login)
        };
        let text = |name: &str| {
            values
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        // The hub weighed the id as it is written, and knows of no other form.
        let id = text("goal_set").and_then(|text| Some((text, GoalSetId::parse(text).ok()?)));
        let Some((_, id)) = id.filter(|(text, id)| id.0.to_string() == *text) else {
            return Ok(answer(1, "`goal_set` is not the id of a goal set"));
        };
        let Some(record) = self.engine.store().goal_set(id).await? else {
            return Ok(answer(1, format!("there is no goal set {id} here")));
        };
        if command == extensions::RESET {
            return self.reset(&record, asked_at).await;
        }
        let named = text("goal").map(|name| goal_key(&record, name, text("environment").unwrap_or_default()));
        let goal = match named {
            Some(Err(problem)) => return Ok(answer(1, problem)),
            Some(Ok(goal)) => Some(goal),
            None => None,
        };
        let action = match action(command, &record, goal, person, &text) {
            Ok(action) => action,
            Err(problem) => return Ok(answer(1, problem)),
        };
        match self.engine.act(id, &action).await {
            Ok(set) => Ok(answer(0, format!("done; the goal set is {}", set.state()))),
            Err(ActError::Store(error)) => Err(error),
            Err(refused @ (ActError::Refused(_) | ActError::UnknownSet(_))) => Ok(DeliveryAnswer {
                message: Some(refused.to_string()),
                ..answer(1, refused.to_string())
            }),
        }
    }
}

impl Inner {
    /// Sets the goals of a push again; once, though the machine may be told twice that somebody asked for it.
    async fn reset(&self, of: &GoalSetRecord, asked_at: Timestamp) -> Result<DeliveryAnswer, StoreError> {
        if matches!(of.cause, Cause::Command { .. }) {
            let because = "the goal set is of a command, which is asked for again by itself";
            return Ok(answer(1, because));
        }
        let filter = GoalSetFilter {
            repo: Some(of.push.repo.slug.clone()),
            sha: Some(of.push.after.clone()),
            ..GoalSetFilter::default()
        };
        let since = |record: &&GoalSetRecord| {
            let is_again = matches!(record.cause, Cause::Again { .. });
            record.push.id == of.push.id && is_again && record.created_at >= asked_at
        };
        let sets = self.engine.store().goal_sets(&filter).await?;
        let done = |id: GoalSetId| answer(0, format!("the goals are set again as {id}"));
        if let Some(already) = sets.iter().find(since) {
            return Ok(done(already.set.id));
        }
        match self.engine.set_goals_again(&of.push).await {
            Ok(id) => Ok(done(id)),
            Err(ReplayError::Store(error)) => Err(error),
            Err(refused) => Ok(DeliveryAnswer {
                message: Some(chain(&refused)),
                ..answer(1, refused.to_string())
            }),
        }
    }
}

pub(super) fn goal_key(record: &GoalSetRecord, name: &str, environment: &str) -> Result<GoalKey, String> {
    let unknown = || format!("the goal set has no goal `{}`", super::client::plain(name));
    let key = UniqueName::parse(name)
        .map(|name| GoalKey::new(name, environment))
        .map_err(|_| unknown())?;
    record.set.goal(&key).map(|_| key).ok_or_else(unknown)
}

fn action<'a>(
    command: &str,
    record: &GoalSetRecord,
    goal: Option<GoalKey>,
    person: Person,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Action, String> {
    let reason = text("reason").map(str::to_owned);
    if command == extensions::CANCEL {
        return Ok(Action::Cancel {
            scope: goal.map_or(CancelScope::All, CancelScope::Goal),
            reason: reason.unwrap_or_else(|| format!("by @{}", person.login)),
            actor: Actor::Person { person },
        });
    }
    let goal = goal.ok_or("`goal` says which goal is meant")?;
    let version = match text("version") {
        Some(version) => Some(version.parse().map_err(|_| "`version` is a number")?),
        // Decided for what stood there when it was asked: who was faster is told, and never overruled (threat D3).
        None => record.set.goal(&goal).map(|goal| goal.version),
    };
    match command {
        extensions::APPROVE => Ok(Action::Confirm {
            goal,
            person,
            authors: record.push.authors(),
            reason,
            version,
            subject: None,
        }),
        extensions::DENY => Ok(Action::Deny {
            goal,
            person,
            reason,
            version,
        }),
        extensions::RETRY => Ok(Action::Retry { goal, person }),
        other => Err(format!("`{other}` is nothing that is done with goals")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_whatever_decides_about_goals_is_weighed_by_the_hub() {
        let announced: Vec<String> = announced().map(|command| command.name).collect();
        assert_eq!(announced, extensions::DECIDING);
    }
}
