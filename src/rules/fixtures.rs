//! Pushes, rules and goals for tests of this room.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{PlanningError, PlanningFacts, RuleSet, compile};
use crate::model::push::{Signature, Trust};
use crate::model::{
    BranchName, Commit, CommitSha, Descriptions, GoalDefinition, Place, Plan, Push, PushId, RepoSlug,
    Repository, RuleDefinition, TestExpression, Timestamp, UniqueName, Work,
};
use crate::rules::view::{ProjectView, ViewError};
use std::sync::Arc;

pub(crate) fn place(line: u32) -> Place {
    Place {
        file: "rules.yaml".into(),
        line,
        column: 1,
    }
}

pub(crate) fn commit(message: &str) -> Commit {
    let author = Signature {
        name: "Ada".into(),
        email: "ada@example.com".into(),
    };
    Commit {
        sha: CommitSha::parse(&"b".repeat(40)).unwrap(),
        message: message.into(),
        author: author.clone(),
        committer: author,
        at: Timestamp::from_micros(0),
    }
}

/// A push of one commit to `branch` of acme/web, whose default branch is `main`.
pub(crate) fn push_to(branch: &str) -> Push {
    Push {
        id: PushId(Uuid::nil()),
        repo: Repository {
            key: "1".into(),
            slug: RepoSlug::new("acme", "web"),
            address: "file:///acme/web".into(),
            default_branch: Some(BranchName::parse("main").unwrap()),
        },
        branch: BranchName::parse(branch).unwrap(),
        before: Some(CommitSha::parse(&"a".repeat(40)).unwrap()),
        after: CommitSha::parse(&"b".repeat(40)).unwrap(),
        commits: vec![commit("Change something")],
        commit_count: 1,
        forced: false,
        at: Timestamp::from_micros(0),
        trust: Trust::Member,
    }
}

pub(crate) fn test(name: &str, arguments: Value) -> TestExpression {
    TestExpression::Test {
        name: name.into(),
        arguments,
        place: place(7),
    }
}

pub(crate) fn not(inner: TestExpression) -> TestExpression {
    TestExpression::Not {
        inner: Box::new(inner),
        place: place(7),
    }
}

pub(crate) fn and(all: Vec<TestExpression>) -> TestExpression {
    TestExpression::And { all, place: place(7) }
}

pub(crate) fn or(any: Vec<TestExpression>) -> TestExpression {
    TestExpression::Or { any, place: place(7) }
}

/// A test that holds, or not, at no cost.
pub(crate) fn constant(holds: bool) -> TestExpression {
    test("when", json!(if holds { "true" } else { "false" }))
}

pub(crate) fn goal(name: &str) -> GoalDefinition {
    GoalDefinition {
        name: name.into(),
        unique_name: UniqueName::parse(name).unwrap(),
        environment: String::new(),
        place: place(9),
        work: Work {
            kind: "execute".into(),
            arguments: json!({"run": ["true"]}),
        },
        descriptions: Descriptions::default(),
        approval: None,
        pre_approval: None,
        retry: Default::default(),
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
    }
}

/// A rule with a test and steps of goal names.
pub(crate) fn rule(name: &str, test: TestExpression, steps: &[&[&str]]) -> RuleDefinition {
    RuleDefinition {
        name: name.into(),
        place: place(3),
        test,
        depends_on: Vec::new(),
        steps: steps
            .iter()
            .map(|step| step.iter().map(|name| goal(name)).collect())
            .collect(),
        locks: false,
        first_of: None,
        facts: Vec::new(),
        tags: Vec::new(),
    }
}

/// A rule of which the first inner rule that applies contributes.
pub(crate) fn first_of(name: &str, test: TestExpression, inner: Vec<RuleDefinition>) -> RuleDefinition {
    RuleDefinition {
        first_of: Some(inner),
        ..rule(name, test, &[])
    }
}

pub(crate) fn locking(mut rule: RuleDefinition) -> RuleDefinition {
    rule.locks = true;
    rule
}

pub(crate) fn depending(mut rule: RuleDefinition, on: &[&str]) -> RuleDefinition {
    rule.depends_on = on.iter().map(|name| (*name).to_owned()).collect();
    rule
}

pub(crate) fn compiled(rules: &[RuleDefinition]) -> RuleSet {
    compile(rules).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub(crate) fn plan(
    rules: &[RuleDefinition],
    push: &Push,
    view: &dyn ProjectView,
) -> Result<Plan, PlanningError> {
    compiled(rules).plan(push, &PlanningFacts::default(), view)
}

/// The plan as `goal<-precondition,…` words.
pub(crate) fn words(plan: &Plan) -> Vec<String> {
    let name = |key: &crate::model::GoalKey| key.unique_name.as_str().to_owned();
    plan.goals
        .iter()
        .map(|goal| {
            let before: Vec<String> = goal.preconditions.iter().map(name).collect();
            match before.is_empty() {
                true => goal.definition.name.clone(),
                false => format!("{}<-{}", goal.definition.name, before.join(",")),
            }
        })
        .collect()
}

/// Whether a single test holds, and why.
pub(crate) fn answer(test: TestExpression, push: &Push, view: &dyn ProjectView) -> (bool, String) {
    let plan = plan(&[rule("r", test, &[&["g"]])], push, view).unwrap();
    let because = plan.trace.rules[0].because.clone();
    (!plan.goals.is_empty(), because)
}

/// A view that must not be asked.
pub(crate) struct Untouchable;

impl ProjectView for Untouchable {
    fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        panic!("asked for {path}")
    }
    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        panic!("asked for the files")
    }
    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        panic!("asked for the content of {path}")
    }
    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        panic!("asked for the changes")
    }
}

/// A view of which nothing can be read.
pub(crate) struct Unreadable;

fn unreadable<T>(what: &str) -> Result<T, ViewError> {
    Err(ViewError {
        what: what.into(),
        because: "the object is missing".into(),
    })
}

impl ProjectView for Unreadable {
    fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        unreadable(path)
    }
    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        unreadable("the tree")
    }
    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        unreadable(path)
    }
    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        unreadable("the changes")
    }
}
