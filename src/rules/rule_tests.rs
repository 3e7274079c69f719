//! The goal author's own tests, answered by the evaluation that plans real pushes, over a view in memory.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use uuid::Uuid;

use super::view::{ForgeView, ViewError};
use super::{MemoryView, PlanningFacts, RuleSet};
use crate::model::plan::{RuleOutcome, RuleTrace};
use crate::model::rule_test::{Expectation, Expected, Mention, PushDescription};
use crate::model::set_tag::SetTag;
use crate::model::{
    Commit, CommitSha, Place, Plan, PlannedGoal, Push, PushId, Repository, RuleDefinition, RuleTest,
    StateName, Timestamp,
};

/// What a test came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What was planned for its push, with the reasons; without goals when planning failed.
    pub plan: Plan,
    /// Why planning failed, when it did.
    pub error: Option<String>,
    /// What is not as expected; none when the test has passed.
    pub failures: Vec<Failure>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it was expected.
    pub place: Place,
    /// What is so instead, as a sentence without a full stop.
    pub message: String,
    /// Names of the rules whose reasons explain it.
    pub rules: Vec<String>,
}

impl RuleSet {
    /// Plans the push of a test and compares the plan with what is expected. Milliseconds, and without git.
    pub fn verify(&self, test: &RuleTest) -> Verified {
        let facts = PlanningFacts {
            local_mode: test.push.local_mode,
            preferences: test.push.preferences.clone().into(),
            trigger: test.goal.clone(),
            forges: Some(Arc::new(Described::of(&test.push))),
        };
        let planned = self.plan(&push(&test.push), &facts, &view(&test.push));
        let (plan, error) = match planned {
            Ok(plan) => (plan, None),
            Err(failed) => (without_goals(failed.trace), Some(failed.message)),
        };
        let failures = Comparison {
            rules: self,
            plan: &plan,
            error: error.as_deref(),
        }
        .of(test);
        Verified {
            plan,
            error,
            failures,
        }
    }
}

fn without_goals(trace: crate::model::Trace) -> Plan {
    Plan {
        name: None,
        goals: Vec::new(),
        tags: Vec::new(),
        trace,
    }
}

/// The forge as the push of a test describes it.
#[derive(Debug)]
struct Described {
    is_public: bool,
    has_pull_request: bool,
}

impl Described {
    fn of(push: &PushDescription) -> Self {
        Self {
            is_public: push.is_public,
            has_pull_request: push.has_pull_request,
        }
    }
}

impl ForgeView for Described {
    fn knows(&self, _push: &Push) -> Result<bool, ViewError> {
        Ok(true)
    }

    fn is_public(&self, _push: &Push) -> Result<bool, ViewError> {
        Ok(self.is_public)
    }

    fn pull_request(&self, _push: &Push) -> Result<Option<u64>, ViewError> {
        Ok(self.has_pull_request.then_some(1))
    }
}

fn view(push: &PushDescription) -> MemoryView {
    let files = push.files.iter();
    let view = files.fold(MemoryView::new(), |view, (path, content)| {
        view.file(path.as_str(), content.as_bytes())
    });
    match &push.changed {
        Some(changed) => view.changed(changed.iter().map(String::as_str)),
        None => view,
    }
}

/// The push as the machine would have recorded it, with ids that say nothing.
fn push(described: &PushDescription) -> Push {
    let commits: Vec<Commit> = (0..)
        .zip(&described.messages)
        .map(|(index, message)| Commit {
            sha: commit_id(0xa_0000 - index),
            message: message.clone(),
            author: described.author.clone(),
            committer: described.author.clone(),
            at: Timestamp::from_micros(0),
        })
        .collect();
    Push {
        id: PushId(Uuid::nil()),
        repo: Repository {
            key: described.repo.to_string(),
            slug: described.repo.clone(),
            address: format!("file:///{}", described.repo),
            default_branch: Some(described.default_branch.clone()),
        },
        branch: described.branch.clone(),
        before: (!described.is_first).then(|| commit_id(0xb)),
        after: commit_id(0xa_0000),
        commit_count: commits.len() as u64,
        commits: commits.into_iter().take(Push::MAX_COMMITS).collect(),
        forced: described.forced,
        at: Timestamp::from_micros(0),
        trust: described.trust,
    }
}

fn commit_id(number: u32) -> CommitSha {
    CommitSha::parse(&format!("{number:040x}")).expect("forty hexadecimal digits are a commit id")
}

/// A plan beside what was expected of it.
struct Comparison<'a> {
    rules: &'a RuleSet,
    plan: &'a Plan,
    error: Option<&'a str>,
}

impl Comparison<'_> {
    fn of(&self, test: &RuleTest) -> Vec<Failure> {
        if let Some(error) = self.error
            && !test.expectations.iter().any(expects_error)
        {
            let failed = self.outcomes(RuleOutcome::Error);
            return vec![failure(
                &test.place,
                format!("the push cannot be planned: {error}"),
                failed,
            )];
        }
        let expectations = test.expectations.iter();
        expectations
            .flat_map(|expectation| self.expectation(expectation))
            .collect()
    }

    fn expectation(&self, expectation: &Expectation) -> Vec<Failure> {
        let place = &expectation.place;
        match &expectation.expected {
            Expected::Goals(goals) => self.exactly(goals, place),
            Expected::Included(goal) => self.missing(goal).into_iter().collect(),
            Expected::Absent(goal) => self.present(goal).into_iter().collect(),
            Expected::Order(chain) => chain
                .windows(2)
                .filter_map(|pair| self.order(&pair[0], &pair[1]))
                .collect(),
            Expected::Locked(locked) => self.locked(*locked, place).into_iter().collect(),
            Expected::GoalSet(name) => self.goal_set(name, place).into_iter().collect(),
            Expected::Tags(tags) => self.tags(tags, place),
            Expected::Rule(rule, outcome) => self.rule(rule, *outcome).into_iter().collect(),
            Expected::State(goal, state) => self.state(goal, *state).into_iter().collect(),
            Expected::Error(part) => self.failed_because(part, place).into_iter().collect(),
        }
    }

    fn exactly(&self, goals: &[Mention], place: &Place) -> Vec<Failure> {
        let is_expected =
            |planned: &&PlannedGoal| goals.iter().any(|goal| planned.definition.is_called(&goal.name));
        let unexpected = self.plan.goals.iter().filter(|planned| !is_expected(planned));
        let unexpected = unexpected.map(|planned| {
            failure(
                place,
                format!("`{}` is set as well", planned.definition.name),
                planned.rules.clone(),
            )
        });
        goals
            .iter()
            .filter_map(|goal| self.missing(goal))
            .chain(unexpected)
            .collect()
    }

    fn planned(&self, name: &str) -> Option<&PlannedGoal> {
        let mut goals = self.plan.goals.iter();
        goals.find(|planned| planned.definition.is_called(name))
    }

    fn missing(&self, goal: &Mention) -> Option<Failure> {
        if self.planned(&goal.name).is_some() {
            return None;
        }
        let sets_it = |rule: &&RuleDefinition| {
            let mut goals = rule.goals().into_iter();
            goals.any(|definition| definition.is_called(&goal.name))
        };
        let rules = self.all_rules().into_iter().filter(sets_it);
        let rules = rules.map(|rule| rule.name.clone());
        Some(failure(
            &goal.place,
            format!("`{}` is not set", goal.name),
            rules.collect(),
        ))
    }

    fn present(&self, goal: &Mention) -> Option<Failure> {
        let planned = self.planned(&goal.name)?;
        Some(failure(
            &goal.place,
            format!("`{}` is set", goal.name),
            planned.rules.clone(),
        ))
    }

    fn order(&self, first: &Mention, second: &Mention) -> Option<Failure> {
        let (Some(before), Some(after)) = (self.planned(&first.name), self.planned(&second.name)) else {
            return self.missing(first).or_else(|| self.missing(second));
        };
        if self.waits(after, before) {
            return None;
        }
        let other_way = if self.waits(before, after) {
            "; it is the other way round"
        } else {
            ""
        };
        let message = format!("`{}` does not wait for `{}`{other_way}", second.name, first.name);
        Some(failure(&second.place, message, after.rules.clone()))
    }

    /// Whether one goal starts only after another, directly or through goals in between.
    fn waits(&self, goal: &PlannedGoal, other: &PlannedGoal) -> bool {
        let (mut seen, mut open) = (Vec::new(), vec![goal.key()]);
        while let Some(key) = open.pop() {
            let goals = self.plan.goals.iter();
            for planned in goals.filter(|planned| planned.key() == key) {
                let before = planned.preconditions.iter();
                open.extend(before.filter(|key| !seen.contains(*key)).cloned());
            }
            seen.push(key);
        }
        seen[1..].contains(&other.key())
    }

    fn locked(&self, expected: bool, place: &Place) -> Option<Failure> {
        let locks = || self.all_rules().into_iter().filter(|rule| rule.locks);
        let locked = locks().find(|rule| {
            let mut traces = self.plan.trace.rules.iter();
            traces.any(|trace| trace.name == rule.name && trace.outcome == RuleOutcome::Matched)
        });
        match (locked, expected) {
            (Some(rule), false) => {
                let message = format!("rule {} allows no further goals", rule.name);
                Some(failure(place, message, vec![rule.name.clone()]))
            }
            (None, true) => {
                let rules = locks().map(|rule| rule.name.clone()).collect();
                Some(failure(place, "no rule that locks has matched".to_owned(), rules))
            }
            (Some(_), true) | (None, false) => None,
        }
    }

    fn goal_set(&self, expected: &str, place: &Place) -> Option<Failure> {
        let message = match &self.plan.name {
            Some(name) if name == expected => return None,
            Some(name) => format!("the goal set is called `{name}`"),
            None => "no goal is set".to_owned(),
        };
        Some(failure(place, message, Vec::new()))
    }

    fn tags(&self, expected: &[SetTag], place: &Place) -> Vec<Failure> {
        let own: &[SetTag] = match self.plan.goals.is_empty() {
            true => &[],
            false => &self.plan.tags,
        };
        let with = |tag: &SetTag| {
            let rules = self.all_rules().into_iter();
            let rules = rules.filter(|rule| rule.tags.contains(tag));
            rules.map(|rule| rule.name.clone()).collect()
        };
        let missing = expected.iter().filter(|tag| !own.contains(tag));
        let missing = missing.map(|tag| {
            let because = if self.plan.goals.is_empty() {
                ": no goal is set"
            } else {
                ""
            };
            failure(
                place,
                format!("the goal set has no tag `{tag}`{because}"),
                with(tag),
            )
        });
        let others = own.iter().filter(|tag| !expected.contains(tag));
        let others = others.map(|tag| {
            failure(
                place,
                format!("the goal set has the tag `{tag}` as well"),
                with(tag),
            )
        });
        missing.chain(others).collect()
    }

    fn rule(&self, rule: &Mention, expected: RuleOutcome) -> Option<Failure> {
        let mut traces = self.plan.trace.rules.iter();
        let message = match traces.find(|trace| trace.name == rule.name) {
            Some(trace) if trace.outcome == expected => return None,
            Some(trace) => became(trace),
            None => format!("rule {} was not asked, because planning failed before", rule.name),
        };
        Some(failure(&rule.place, message, vec![rule.name.clone()]))
    }

    fn state(&self, goal: &Mention, expected: StateName) -> Option<Failure> {
        let Some(planned) = self.planned(&goal.name) else {
            return self.missing(goal);
        };
        let state = planned.initial_state();
        let message = format!("`{}` begins as {state}", goal.name);
        (state != expected).then(|| failure(&goal.place, message, planned.rules.clone()))
    }

    fn failed_because(&self, part: &str, place: &Place) -> Option<Failure> {
        let message = match self.error {
            Some(error) if error.contains(part) => return None,
            Some(error) => format!("planning failed for another reason: {error}"),
            None => "the push can be planned".to_owned(),
        };
        Some(failure(place, message, self.outcomes(RuleOutcome::Error)))
    }

    /// Every rule, those in `first_of` after the one that holds them.
    fn all_rules(&self) -> Vec<&RuleDefinition> {
        let mut all = Vec::new();
        let mut open: Vec<&RuleDefinition> = self.rules.definitions().iter().rev().collect();
        while let Some(rule) = open.pop() {
            all.push(rule);
            open.extend(rule.first_of.iter().flatten().rev());
        }
        all
    }

    fn outcomes(&self, outcome: RuleOutcome) -> Vec<String> {
        let rules = self.plan.trace.rules.iter();
        let rules = rules.filter(|trace| trace.outcome == outcome);
        rules.map(|trace| trace.name.clone()).collect()
    }
}

fn expects_error(expectation: &Expectation) -> bool {
    matches!(
        expectation.expected,
        Expected::Error(_) | Expected::Rule(_, RuleOutcome::Error)
    )
}

fn became(trace: &RuleTrace) -> String {
    let (name, because) = (&trace.name, &trace.because);
    match trace.outcome {
        RuleOutcome::Matched => format!("rule {name} matched"),
        RuleOutcome::NotMatched => format!("rule {name} did not match"),
        RuleOutcome::LockedOut => format!("rule {name} was locked out: {because}"),
        RuleOutcome::NotReached => format!("rule {name} was not reached: {because}"),
        RuleOutcome::Possible => format!("rule {name} depends on the push"),
        RuleOutcome::Error => format!("rule {name} could not be answered"),
    }
}

fn failure(place: &Place, message: String, rules: Vec<String>) -> Failure {
    Failure {
        place: place.clone(),
        message,
        rules,
    }
}
