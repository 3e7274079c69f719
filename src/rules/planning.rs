//! One push against the rules: the plan, and what became of every rule and test.

use thiserror::Error;

use super::compile::{CompiledRule, RuleSet};
use super::evaluate::{Decided, Evaluation};
use super::expression::Evaluator;
use super::goals::PlannedGoals;
use super::project::Project;
use super::push_test::{PlanningFacts, Question};
use super::view::ProjectView;
use super::walk::Walk;
use crate::model::plan::RuleOutcome;
use crate::model::{GoalKey, Plan, Push, RuleDefinition, Trace};

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
    /// For each rule, the one whose goals it contributed: itself, or the one chosen of its `first_of`.
    chosen: Vec<Option<&'a RuleDefinition>>,
    locked_by: Option<&'a RuleDefinition>,
    trace: Walk,
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
        let chosen = match self.locked_by {
            Some(lock) => {
                let because = format!("rule {} allows no further goals", lock.name);
                self.trace
                    .leave_out(definition, rule, RuleOutcome::LockedOut, &because);
                None
            }
            None => self.choose(definition, rule, evaluation)?,
        };
        if let Some(chosen) = chosen {
            self.contribute(chosen, rule);
        }
        self.chosen.push(chosen);
        Ok(())
    }

    /// The rule that contributes its goals: this one, or the first of its `first_of` that applies (RU-01…04).
    fn choose(
        &mut self,
        definition: &'a RuleDefinition,
        rule: &CompiledRule,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Option<&'a RuleDefinition>, PlanningError> {
        let (verdict, tests) = evaluation.rule(rule);
        let outcome = match verdict.outcome {
            Decided::True => RuleOutcome::Matched,
            Decided::False => RuleOutcome::NotMatched,
            Decided::Unknown | Decided::Error => RuleOutcome::Error,
        };
        let at = self.trace.enter(definition, outcome, &verdict.because, tests);
        match (verdict.outcome, &definition.first_of) {
            (Decided::True, None) => Ok(Some(definition)),
            (Decided::True, Some(inner)) => {
                self.trace.depth += 1;
                let chosen = self.first_of(inner, &rule.first_of, evaluation)?;
                self.trace.depth -= 1;
                self.trace.choose(at, chosen.map(|chosen| chosen.name.as_str()));
                Ok(chosen)
            }
            (Decided::False, _) => {
                self.trace.leave_out_inner(definition, rule);
                Ok(None)
            }
            (Decided::Unknown | Decided::Error, _) => {
                let message = format!("rule {}: {}", definition.name, self.failed_test(&verdict.because));
                Err(PlanningError {
                    trace: std::mem::take(&mut self.trace.trace),
                    message,
                })
            }
        }
    }

    fn first_of(
        &mut self,
        definitions: &'a [RuleDefinition],
        rules: &[CompiledRule],
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Option<&'a RuleDefinition>, PlanningError> {
        let mut found = None;
        for (definition, rule) in definitions.iter().zip(rules) {
            match found {
                Some((by, _)) => self.trace.pass_over(definition, rule, by),
                None => {
                    let chosen = self.choose(definition, rule, evaluation)?;
                    found = chosen.map(|chosen| (definition.name.as_str(), chosen));
                }
            }
        }
        Ok(found.map(|(_, chosen)| chosen))
    }

    fn contribute(&mut self, definition: &'a RuleDefinition, rule: &CompiledRule) {
        let depends_on: Vec<&RuleDefinition> = rule
            .depends_on
            .iter()
            .filter_map(|earlier| self.chosen[*earlier])
            .collect();
        self.goals.add(definition, &depends_on);
        if definition.steps.iter().any(|step| !step.is_empty()) {
            self.labels.push(definition.label());
        }
        if definition.locks {
            self.locked_by = Some(definition);
        }
    }

    /// The first test of the last rule that has the error, with it.
    fn failed_test(&self, because: &str) -> String {
        let tests = self.trace.trace.rules.last().map(|rule| rule.tests.as_slice());
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
                    trace: self.trace.trace,
                });
            }
        };
        Ok(Plan {
            name: (!goals.is_empty()).then(|| self.labels.join(", ")),
            goals,
            trace: self.trace.trace,
        })
    }
}

fn circle_message(circle: &[GoalKey]) -> String {
    let names: Vec<&str> = circle.iter().map(|key| key.unique_name.as_str()).collect();
    format!(
        "the goals of the matching rules wait for each other: {}",
        names.join(" after ")
    )
}
