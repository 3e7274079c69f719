//! Plausible pushes, plans and sets.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use crate::model::plan::{RuleOutcome, RuleTrace};
use crate::model::push::{Signature, Trust};
use crate::model::set_tag::SetTag;
use crate::model::{
    Action, ApprovalPolicy, BranchName, Commit, CommitSha, Descriptions, ExecutionResult, GoalDefinition,
    GoalKey, GoalSet, GoalSetId, Place, Plan, PlannedGoal, Push, PushId, RepoSlug, Repository, Timestamp,
    Trace, UniqueName, Work,
};
use crate::ports::Store;
use crate::ports::store::{Cause, LeaseChanges, StoreError};

pub(crate) const REPO: &str = "/src/acme/shop/.git";

/// Seconds since some morning.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_900_000_000_000_000 + second * 1_000_000)
}

pub(crate) fn sha(number: u64) -> CommitSha {
    CommitSha::parse(&format!("{number:040x}")).unwrap()
}

pub(crate) fn branch(name: &str) -> BranchName {
    BranchName::parse(name).unwrap()
}

pub(crate) fn key(name: &str) -> GoalKey {
    GoalKey::new(UniqueName::parse(name).unwrap(), "")
}

fn place() -> Place {
    Place {
        file: Arc::from("goals/build.yaml"),
        line: 3,
        column: 5,
    }
}

/// The `number`-th push to main, from the commit before.
pub(crate) fn push(number: u64) -> Push {
    let author = Signature {
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
    };
    Push {
        id: PushId(Uuid::from_u64_pair(1, number)),
        repo: Repository {
            key: REPO.to_owned(),
            slug: RepoSlug::new("acme", "shop"),
            address: "file:///src/acme/shop".to_owned(),
            default_branch: Some(branch("main")),
        },
        branch: branch("main"),
        before: (number > 1).then(|| sha(number - 1)),
        after: sha(number),
        commits: vec![Commit {
            sha: sha(number),
            message: format!("Change {number}\n\nWith \u{1f980} and `quotes\"`"),
            author: author.clone(),
            committer: author,
            at: at(0),
        }],
        commit_count: 1,
        forced: false,
        at: at(i64::try_from(number).unwrap()),
        trust: Trust::Member,
    }
}

/// A goal that runs after others.
pub(crate) fn goal(name: &str, after: &[&str]) -> PlannedGoal {
    PlannedGoal {
        definition: GoalDefinition {
            name: name.to_owned(),
            unique_name: UniqueName::parse(name).unwrap(),
            environment: String::new(),
            place: place(),
            work: Work {
                kind: "execute".to_owned(),
                arguments: json!({"run": ["make", name], "timeout": 1_200_000}),
            },
            descriptions: Descriptions::default(),
            approval: None,
            pre_approval: None,
            retry: crate::model::definition::Retry::default(),
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

/// The same, confirmed by a person before it counts.
pub(crate) fn approved(mut goal: PlannedGoal) -> PlannedGoal {
    goal.definition.approval = Some(ApprovalPolicy::default());
    goal
}

pub(crate) fn plan(goals: Vec<PlannedGoal>) -> Plan {
    let rule = RuleTrace {
        name: "build".to_owned(),
        place: place(),
        outcome: RuleOutcome::Matched,
        because: "any push".to_owned(),
        goals: goals.iter().map(|goal| goal.definition.name.clone()).collect(),
        tests: Vec::new(),
        depth: 0,
        facts: serde_json::Map::new(),
        instances: Vec::new(),
    };
    Plan {
        name: (!goals.is_empty()).then(|| "build".to_owned()),
        goals,
        tags: vec![
            SetTag::parse("team:payments").unwrap(),
            SetTag::parse("nightly").unwrap(),
        ],
        trace: Trace { rules: vec![rule] },
    }
}

pub(crate) fn set_id(number: u64) -> GoalSetId {
    GoalSetId(Uuid::from_u64_pair(0x00ab_cdef_0000_0000 + number, number))
}

/// Records the `number`-th push.
pub(crate) async fn record(store: &dyn Store, number: u64) -> Push {
    let push = push(number);
    assert!(store.record_push(&push, push.before.as_ref()).await.unwrap());
    push
}

/// Records the `number`-th push and stores its plan.
pub(crate) async fn planned(store: &dyn Store, number: u64, goals: Vec<PlannedGoal>) -> GoalSet {
    let push = record(store, number).await;
    let plan = plan(goals.clone());
    let (set, _) = GoalSet::plan(set_id(number), "build", goals, push.at);
    assert!(
        store
            .store_plan(&push, &Cause::Push, &plan, Some(&set), push.at)
            .await
            .unwrap()
    );
    set
}

/// Acts on a set and stores what follows; the set afterwards.
pub(crate) async fn act(
    store: &dyn Store,
    set: &GoalSet,
    action: &Action,
    moment: Timestamp,
) -> Result<GoalSet, StoreError> {
    let (after, events) = set.act(action, moment).unwrap();
    store
        .append(set, &after, &events, &LeaseChanges::default())
        .await?;
    Ok(after)
}

pub(crate) fn start(name: &str, epoch: u64) -> Action {
    Action::Start {
        goal: key(name),
        epoch,
    }
}

pub(crate) fn succeed(name: &str, epoch: u64) -> Action {
    finish(name, epoch, ExecutionResult::success())
}

pub(crate) fn finish(name: &str, epoch: u64, result: ExecutionResult) -> Action {
    Action::Finish {
        goal: key(name),
        epoch,
        result,
    }
}

/// Starts a goal and lets it succeed.
pub(crate) async fn carry_out(store: &dyn Store, set: &GoalSet, name: &str, moment: Timestamp) -> GoalSet {
    let started = act(store, set, &start(name, 1), moment).await.unwrap();
    act(store, &started, &succeed(name, 1), moment).await.unwrap()
}
