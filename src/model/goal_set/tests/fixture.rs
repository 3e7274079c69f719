//! Small sets, and short ways to act on them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Action, CancelScope, GoalSet, Refusal};
use crate::model::definition::Retry;
use crate::model::queue::{QUEUE, RELEASE_ON};
use crate::model::{
    Actor, ApprovalPolicy, Authors, Descriptions, ExecutionResult, GoalDefinition, GoalKey, GoalSetId,
    GoalState, Person, Place, PlannedGoal, StateName, Timestamp, UniqueName, Work,
};

/// Seconds since some morning.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_900_000_000_000_000 + second * 1_000_000)
}

pub(super) fn key(name: &str) -> GoalKey {
    GoalKey::new(UniqueName::parse(name).unwrap(), "")
}

/// A goal that runs after others.
pub(super) fn goal(name: &str, after: &[&str]) -> PlannedGoal {
    PlannedGoal {
        definition: GoalDefinition {
            name: name.to_owned(),
            unique_name: UniqueName::parse(name).unwrap(),
            environment: String::new(),
            place: Place {
                file: Arc::from("goals.yaml"),
                line: 1,
                column: 1,
            },
            work: Work {
                kind: "execute".to_owned(),
                arguments: Value::Null,
            },
            descriptions: Descriptions::default(),
            approval: None,
            pre_approval: None,
            retry: Retry::default(),
            start_within: None,
            wait_for: None,
            limits: Default::default(),
            progress: Vec::new(),
            listeners: Vec::new(),
            uncancelable: false,
            ignore_failure: false,
            files: Default::default(),
            secrets: Vec::new(),
            parameters: serde_json::Map::new(),
            is_supplied: false,
            plan: None,
        },
        preconditions: after.iter().map(|name| key(name)).collect(),
        rules: vec!["build".to_owned()],
        facts: serde_json::Map::new(),
        void: None,
    }
}

pub(super) fn approval(mut goal: PlannedGoal, count: u32) -> PlannedGoal {
    goal.definition.approval = Some(policy(count));
    goal
}

pub(super) fn pre_approval(mut goal: PlannedGoal, count: u32) -> PlannedGoal {
    goal.definition.pre_approval = Some(policy(count));
    goal
}

fn policy(count: u32) -> ApprovalPolicy {
    ApprovalPolicy {
        count,
        ..ApprovalPolicy::default()
    }
}

pub(super) fn retry(mut goal: PlannedGoal, automatic: u32) -> PlannedGoal {
    goal.definition.retry = Retry {
        feasible: true,
        automatic,
        pause: Duration::from_secs(10),
        codes: Vec::new(),
    };
    goal
}

/// A queue goal instead, which gives its slot back then.
pub(super) fn queue(mut goal: PlannedGoal, release_on: &str) -> PlannedGoal {
    goal.definition.work = Work {
        kind: QUEUE.to_owned(),
        arguments: json!({RELEASE_ON: release_on}),
    };
    goal
}

pub(super) fn set(goals: Vec<PlannedGoal>) -> GoalSet {
    GoalSet::plan(GoalSetId(Uuid::nil()), "build", goals, at(0)).0
}

pub(super) fn person(login: &str) -> Person {
    Person {
        login: login.to_owned(),
        ..Person::default()
    }
}

/// Short ways to act; each panics on a refusal.
pub(super) trait Acts: Sized {
    fn doing(&self, action: &Action) -> Self;
    fn start(&self, name: &str) -> Self;
    fn finish(&self, name: &str, result: ExecutionResult) -> Self;
    fn state_of(&self, name: &str) -> StateName;
    fn text_of(&self, name: &str) -> &str;

    fn succeed(&self, name: &str) -> Self {
        self.finish(name, ExecutionResult::success())
    }

    fn fail(&self, name: &str) -> Self {
        self.finish(name, ExecutionResult::failure("broken"))
    }

    fn end(&self, name: &str, state: StateName) -> Self {
        let state = Some(state);
        self.finish(
            name,
            ExecutionResult {
                state,
                ..ExecutionResult::default()
            },
        )
    }
}

impl Acts for GoalSet {
    fn doing(&self, action: &Action) -> Self {
        self.act(action, at(10)).unwrap().0
    }

    fn start(&self, name: &str) -> Self {
        self.doing(&start(name, 1))
    }

    /// Starts it first where it is requested.
    fn finish(&self, name: &str, result: ExecutionResult) -> Self {
        let started = match self.goal(&key(name)).unwrap().state {
            GoalState::Requested { .. } => self.start(name),
            _ => self.clone(),
        };
        started.doing(&finish(name, 1, result))
    }

    fn state_of(&self, name: &str) -> StateName {
        self.goal(&key(name)).unwrap().state.name()
    }

    fn text_of(&self, name: &str) -> &str {
        &self.goal(&key(name)).unwrap().description
    }
}

pub(super) fn start(name: &str, epoch: u64) -> Action {
    Action::Start {
        goal: key(name),
        epoch,
    }
}

pub(super) fn finish(name: &str, epoch: u64, result: ExecutionResult) -> Action {
    Action::Finish {
        goal: key(name),
        epoch,
        result,
    }
}

pub(super) fn confirm(name: &str, login: &str) -> Action {
    Action::Confirm {
        goal: key(name),
        person: person(login),
        authors: Authors::default(),
        reason: None,
        version: None,
        subject: None,
    }
}

pub(super) fn deny(name: &str, login: &str) -> Action {
    Action::Deny {
        goal: key(name),
        person: person(login),
        reason: None,
        version: None,
    }
}

pub(super) fn retry_of(name: &str) -> Action {
    Action::Retry {
        goal: key(name),
        person: person("ada"),
    }
}

pub(super) fn cancel(scope: CancelScope) -> Action {
    Action::Cancel {
        scope,
        actor: Actor::NewerPush,
        reason: String::new(),
    }
}

pub(super) fn set_to(name: &str, state: StateName) -> Action {
    Action::Override {
        goal: key(name),
        state,
        person: person("root"),
        authors: Authors::default(),
        reason: "by hand".to_owned(),
        subject: None,
    }
}

pub(super) fn refusal(set: &GoalSet, action: &Action) -> Refusal {
    set.act(action, at(10)).unwrap_err()
}
