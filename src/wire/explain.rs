//! The stable shape of `sdm explain --json` (design 3): a plan and its reasons as people and programs read them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::plan::{InstancesTrace, RuleOutcome, RuleTrace, TestOutcome, TestTrace};
use crate::model::set_tag::SetTag;
use crate::model::{ApprovalPolicy, GoalKey, Plan, PlannedGoal, Push};

/// Which goals a push sets and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainView {
    /// The push.
    pub push: ExplainedPush,
    /// Name of the goal set; none when no goal is set.
    pub goal_set: Option<String>,
    /// What the goal set is tagged with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<SetTag>,
    /// In planned order.
    pub goals: Vec<ExplainedGoal>,
    /// In the order of the goal files.
    pub rules: Vec<ExplainedRule>,
    /// Why planning failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it was planned, when not for the push alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The push that is explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedPush {
    /// `owner/name`.
    pub repo: String,
    /// Branch.
    pub branch: String,
    /// Old head.
    pub before: Option<String>,
    /// New head.
    pub after: String,
    /// First line of the head commit's message.
    #[serde(default)]
    pub title: String,
}

/// A goal of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedGoal {
    /// Display name.
    pub name: String,
    /// Key.
    pub unique_name: String,
    /// Environment.
    pub environment: String,
    /// What it does.
    pub kind: String,
    /// State it starts in.
    pub state: String,
    /// Unique names of the goals it comes after.
    pub after: Vec<String>,
    /// Rules that set it.
    pub rules: Vec<String>,
    /// Confirmation of its result.
    pub approval: Option<ApprovalPolicy>,
    /// Confirmation of its start.
    pub pre_approval: Option<ApprovalPolicy>,
    /// Whether it can be started again after a failure.
    pub retry: bool,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedRule {
    /// Its name.
    pub name: String,
    /// `file:line:column`.
    pub place: String,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// The sentence that decided.
    #[serde(default)]
    pub because: String,
    /// Display names of the goals it sets or would have set.
    #[serde(default)]
    pub goals: Vec<String>,
    /// Its tests, depth first.
    pub tests: Vec<ExplainedTest>,
    /// Nesting in `first_of`, from 0.
    #[serde(default)]
    pub depth: u32,
    /// The facts it attached.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// Its goals that became instances computed for this push.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstancesTrace>,
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedTest {
    /// As one would write it.
    pub test: String,
    /// `file:line:column`.
    pub place: String,
    /// What became of it.
    pub outcome: TestOutcome,
    /// The fact that decided.
    pub because: String,
    /// Nesting below the rule, from 0.
    #[serde(default)]
    pub depth: u32,
}

impl ExplainView {
    /// The view of a plan of this push; `error` when it could not be made.
    pub fn of(push: &Push, plan: &Plan, error: Option<&str>) -> Self {
        Self {
            push: ExplainedPush::of(push),
            goal_set: plan.name.clone(),
            tags: plan.tags.clone(),
            goals: plan.goals.iter().map(ExplainedGoal::of).collect(),
            rules: plan.trace.rules.iter().map(ExplainedRule::of).collect(),
            error: error.map(str::to_owned),
            because: None,
        }
    }
}

impl ExplainedPush {
    /// The view of a push.
    pub fn of(push: &Push) -> Self {
        Self {
            repo: push.repo.slug.to_string(),
            branch: push.branch.to_string(),
            before: push.before.as_ref().map(ToString::to_string),
            after: push.after.to_string(),
            title: push.title().to_owned(),
        }
    }
}

impl ExplainedGoal {
    fn of(goal: &PlannedGoal) -> Self {
        let definition = &goal.definition;
        let unique_name = |key: &GoalKey| key.unique_name.to_string();
        Self {
            name: definition.name.clone(),
            unique_name: definition.unique_name.to_string(),
            environment: definition.environment.clone(),
            kind: definition.work.kind.clone(),
            state: goal.initial_state().to_string(),
            after: goal.preconditions.iter().map(unique_name).collect(),
            rules: goal.rules.clone(),
            approval: definition.approval.clone(),
            pre_approval: definition.pre_approval.clone(),
            retry: definition.retry.feasible,
        }
    }
}

impl ExplainedRule {
    /// The view of what became of a rule.
    pub fn of(rule: &RuleTrace) -> Self {
        Self {
            name: rule.name.clone(),
            place: rule.place.to_string(),
            outcome: rule.outcome,
            because: rule.because.clone(),
            goals: rule.goals.clone(),
            tests: rule.tests.iter().map(ExplainedTest::of).collect(),
            depth: rule.depth,
            facts: rule.facts.clone(),
            instances: rule.instances.clone(),
        }
    }
}

impl ExplainedTest {
    fn of(test: &TestTrace) -> Self {
        Self {
            test: test.test.clone(),
            place: test.place.to_string(),
            outcome: test.outcome,
            because: test.because.clone(),
            depth: test.depth,
        }
    }
}
