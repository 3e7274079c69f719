//! One push against the rules: the plan, and what became of every rule and test.

use thiserror::Error;

use super::compile::RuleSet;
use super::evaluate::{Decided, Evaluation};
use super::expression::Evaluator;
use super::goals::PlannedGoals;
use super::project::Project;
use super::push_test::{PlanningFacts, Question};
use super::view::ProjectView;
use crate::model::plan::{RuleOutcome, RuleTrace, TestTrace};
use crate::model::{GoalDefinition, GoalKey, Plan, Push, RuleDefinition, Trace};

/// Why a push has no plan: a test could not be answered, or goals wait for each other. Record it with the push and plan
/// again later; never read it as "no goals" (semantics 2.4 DECISION).
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{message}")]
pub struct PlanningError {
    /// What became of the rules up to the one that failed; later rules are absent.
    pub trace: Trace,
    /// The rule, the test and the cause.
    pub message: String,
}

impl RuleSet {
    /// The goals of a push and the reasons (semantics 2.6–2.9, step 1).
    ///
    /// Rules are additive in their order. Once a rule that locks has matched, later ones are not evaluated. A rule that
    /// matches without goals gives the set no name.
    ///
    /// # Errors
    /// A test could not be answered, or the goals of the matched rules wait for each other.
    pub fn plan(
        &self,
        push: &Push,
        facts: &PlanningFacts,
        view: &dyn ProjectView,
    ) -> Result<Plan, PlanningError> {
        let project = Project::new(view, &self.patterns);
        let evaluator = Evaluator::default();
        let question = Question {
            push,
            facts,
            project: &project,
            evaluator: &evaluator,
        };
        let mut evaluation = Evaluation::new(&self.tests, question);
        let mut planning = Planning::default();
        for index in 0..self.rules.len() {
            planning.rule(self, index, &mut evaluation)?;
        }
        planning.finish()
    }
}

/// What is decided so far.
#[derive(Default)]
struct Planning<'a> {
    goals: PlannedGoals,
    labels: Vec<String>,
    matched: Vec<bool>,
    locked_by: Option<&'a RuleDefinition>,
    trace: Trace,
}

impl<'a> Planning<'a> {
    fn rule(
        &mut self,
        set: &'a RuleSet,
        index: usize,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<(), PlanningError> {
        let definition = &set.definitions[index];
        let rule = &set.rules[index];
        if let Some(lock) = self.locked_by {
            let because = format!("rule {} allows no further goals", lock.name);
            let tests = unevaluated(&rule.trace);
            self.record(definition, RuleOutcome::LockedOut, because, tests);
            return Ok(());
        }
        let (verdict, tests) = evaluation.rule(rule);
        let outcome = match verdict.outcome {
            Decided::True => RuleOutcome::Matched,
            Decided::False => RuleOutcome::NotMatched,
            Decided::Error => RuleOutcome::Error,
        };
        self.record(definition, outcome, verdict.because.clone(), tests);
        match verdict.outcome {
            Decided::True => self.contribute(set, index),
            Decided::False => {}
            Decided::Error => {
                let message = format!("rule {}: {}", definition.name, self.failed_test(&verdict.because));
                return Err(PlanningError {
                    trace: std::mem::take(&mut self.trace),
                    message,
                });
            }
        }
        Ok(())
    }

    fn contribute(&mut self, set: &'a RuleSet, index: usize) {
        let definition = &set.definitions[index];
        if let Some(matched) = self.matched.last_mut() {
            *matched = true;
        }
        let depends_on: Vec<&RuleDefinition> = set.rules[index]
            .depends_on
            .iter()
            .filter(|earlier| self.matched[**earlier])
            .map(|earlier| &set.definitions[*earlier])
            .collect();
        self.goals.add(definition, &depends_on);
        if definition.steps.iter().any(|step| !step.is_empty()) {
            self.labels.push(definition.label());
        }
        if definition.locks {
            self.locked_by = Some(definition);
        }
    }

    fn record(
        &mut self,
        definition: &RuleDefinition,
        outcome: RuleOutcome,
        because: String,
        tests: Vec<TestTrace>,
    ) {
        self.matched.push(false);
        self.trace.rules.push(RuleTrace {
            name: definition.name.clone(),
            place: definition.place.clone(),
            outcome,
            because,
            goals: goal_names(&definition.steps),
            tests,
        });
    }

    /// The first test of the last rule that has the error, with it.
    fn failed_test(&self, because: &str) -> String {
        let tests = self.trace.rules.last().map(|rule| rule.tests.as_slice());
        let failed = tests
            .unwrap_or_default()
            .iter()
            .rev()
            .find(|test| test.because == because);
        failed.map_or_else(|| because.to_owned(), |test| format!("{}: {because}", test.test))
    }

    fn finish(self) -> Result<Plan, PlanningError> {
        let goals = match self.goals.finish() {
            Ok(goals) => goals,
            Err(circle) => {
                return Err(PlanningError {
                    message: circle_message(&circle),
                    trace: self.trace,
                });
            }
        };
        Ok(Plan {
            name: (!goals.is_empty()).then(|| self.labels.join(", ")),
            goals,
            trace: self.trace,
        })
    }
}

fn unevaluated(tests: &[TestTrace]) -> Vec<TestTrace> {
    let because = "not needed: the rule is locked out".to_owned();
    let left_out = |test: &TestTrace| TestTrace {
        because: because.clone(),
        ..test.clone()
    };
    tests.iter().map(left_out).collect()
}

/// Each name once, in planned order.
fn goal_names(steps: &[Vec<GoalDefinition>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for goal in steps.iter().flatten() {
        if !names.contains(&goal.name) {
            names.push(goal.name.clone());
        }
    }
    names
}

fn circle_message(circle: &[GoalKey]) -> String {
    let names: Vec<&str> = circle.iter().map(|key| key.unique_name.as_str()).collect();
    format!(
        "the goals of the matching rules wait for each other: {}",
        names.join(" after ")
    )
}
