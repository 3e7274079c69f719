//! One push against the rules: the plan, and what became of every rule and test.

use std::collections::HashMap;

use thiserror::Error;

use super::compile::{CompiledRule, RuleSet};
use super::display::shown;
use super::evaluate::{Decided, Evaluation};
use super::expression::{Evaluator, Expression};
use super::goals::PlannedGoals;
use super::instances::{self, Expansion};
use super::project::Project;
use super::push_test::{PlanningFacts, Question};
use super::triggers::{Concern, concern};
use super::view::ProjectView;
use super::walk::Walk;
use crate::model::plan::{InstancesTrace, RuleOutcome};
use crate::model::set_tag::{SetTag, unite};
use crate::model::{GoalDefinition, GoalKey, Plan, PlannedGoal, Push, RuleDefinition, Trace};

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
    tags: Vec<SetTag>,
    /// For each rule, the one whose goals it contributed: itself, or the one chosen of its `first_of`.
    chosen: Vec<Option<&'a RuleDefinition>>,
    locked_by: Option<&'a RuleDefinition>,
    expansions: HashMap<GoalKey, Expansion>,
    /// Dynamic goals, each with the entry of the trace of the first rule that set it.
    dynamic: Vec<(usize, &'a GoalDefinition)>,
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
            None => self.choose(definition, rule, evaluation, false)?,
        };
        if chosen.is_some() {
            unite(&mut self.tags, &definition.tags);
        }
        if let Some(chosen) = chosen
            && let Err(because) = self.contribute(set, chosen, rule, evaluation)
        {
            return Err(self.failed(definition, &because));
        }
        self.chosen.push(chosen);
        Ok(())
    }

    /// The rule that contributes its goals: this one, or the first of its `first_of` that applies (RU-01…04). One that
    /// waits for goals is asked for the goal it waits for, and so are the rules in it (RU-39); `guarded` are those.
    fn choose(
        &mut self,
        definition: &'a RuleDefinition,
        rule: &CompiledRule,
        evaluation: &mut Evaluation<'_>,
        guarded: bool,
    ) -> Result<Option<&'a RuleDefinition>, PlanningError> {
        let concern = match guarded {
            true => Concern::Own,
            false => concern(definition, rule, evaluation),
        };
        if let (Concern::Nothing, Some(goal)) = (concern, evaluation.trigger()) {
            let because = format!("it does not wait for {} in {}", shown(&goal.name), goal.state);
            self.trace
                .leave_out(definition, rule, RuleOutcome::NotMatched, &because);
            return Ok(None);
        }
        let guarded = concern == Concern::Own && evaluation.trigger().is_some();
        let (verdict, tests) = evaluation.rule(rule);
        let outcome = match verdict.outcome {
            Decided::True => RuleOutcome::Matched,
            Decided::False => RuleOutcome::NotMatched,
            Decided::Unknown | Decided::Error => RuleOutcome::Error,
        };
        let at = self.trace.enter(definition, outcome, &verdict.because, tests);
        if verdict.outcome == Decided::True
            && let Err(because) = self.attach_facts(at, &rule.facts, evaluation)
        {
            return Err(self.failed(definition, &because));
        }
        match (verdict.outcome, &definition.first_of) {
            (Decided::True, None) => Ok(Some(definition)),
            (Decided::True, Some(inner)) => {
                self.trace.depth += 1;
                let chosen = self.first_of(inner, &rule.first_of, evaluation, guarded)?;
                self.trace.depth -= 1;
                self.trace.choose(at, chosen.map(|chosen| chosen.name.as_str()));
                Ok(chosen)
            }
            (Decided::False, _) => {
                self.trace.leave_out_inner(definition, rule);
                Ok(None)
            }
            (Decided::Unknown | Decided::Error, _) => {
                let because = self.failed_test(&verdict.because);
                Err(self.failed(definition, &because))
            }
        }
    }

    fn first_of(
        &mut self,
        definitions: &'a [RuleDefinition],
        rules: &[CompiledRule],
        evaluation: &mut Evaluation<'_>,
        guarded: bool,
    ) -> Result<Option<&'a RuleDefinition>, PlanningError> {
        let mut found = None;
        for (definition, rule) in definitions.iter().zip(rules) {
            match found {
                Some((by, _)) => self.trace.pass_over(definition, rule, by),
                None => {
                    let chosen = self.choose(definition, rule, evaluation, guarded)?;
                    found = chosen.map(|chosen| (definition.name.as_str(), chosen));
                }
            }
        }
        Ok(found.map(|(_, chosen)| chosen))
    }

    fn failed(&mut self, rule: &RuleDefinition, because: &str) -> PlanningError {
        if let Some(trace) = self.trace.trace.rules.last_mut() {
            trace.outcome = RuleOutcome::Error;
        }
        PlanningError {
            trace: std::mem::take(&mut self.trace.trace),
            message: format!("rule {}: {because}", rule.name),
        }
    }

    fn contribute(
        &mut self,
        set: &RuleSet,
        definition: &'a RuleDefinition,
        rule: &CompiledRule,
        evaluation: &Evaluation<'_>,
    ) -> Result<(), String> {
        let depends_on: Vec<&RuleDefinition> = rule
            .depends_on
            .iter()
            .filter_map(|earlier| self.chosen[*earlier])
            .collect();
        self.goals.add(definition, &depends_on, &evaluation.facts());
        self.compute_instances(set, definition, evaluation)?;
        if definition.steps.iter().any(|step| !step.is_empty()) {
            self.labels.push(definition.label());
        }
        if definition.locks {
            self.locked_by = Some(definition);
        }
        Ok(())
    }

    /// Later rules see them, this rule's goals too, earlier rules do not (RU-12).
    fn attach_facts(
        &mut self,
        at: usize,
        facts: &[(String, Expression)],
        evaluation: &mut Evaluation<'_>,
    ) -> Result<(), String> {
        for (name, expression) in facts {
            let attached = evaluation
                .value(expression)
                .and_then(|value| evaluation.attach(name, value.clone()).map(|()| value));
            let value = attached.map_err(|error| format!("fact {name}: {error}"))?;
            self.trace.trace.rules[at].facts.insert(name.clone(), value);
        }
        Ok(())
    }

    /// What dynamic goals of this rule become, at their first occurrence.
    fn compute_instances(
        &mut self,
        set: &RuleSet,
        rule: &'a RuleDefinition,
        evaluation: &Evaluation<'_>,
    ) -> Result<(), String> {
        let at = self
            .trace
            .trace
            .rules
            .iter()
            .rposition(|trace| trace.place == rule.place);
        for goal in rule.steps.iter().flatten() {
            let key = goal.key();
            let Some(plan) = set
                .plans
                .get(&key)
                .filter(|_| !self.expansions.contains_key(&key))
            else {
                continue;
            };
            let ask =
                |expression: &Expression| evaluation.value(expression).map_err(|error| error.to_string());
            let computed = instances::compute(plan, &goal.name, &ask);
            let computed = computed.map_err(|because| format!("goal {}: {because}", goal.name))?;
            if let Some(expansion) = computed {
                self.expansions.insert(key, expansion);
                self.dynamic.extend(at.map(|at| (at, goal)));
            }
        }
        Ok(())
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

    fn finish(mut self) -> Result<Plan, PlanningError> {
        let finished = std::mem::take(&mut self.goals).finish();
        let planned = finished
            .map_err(|circle| circle_message(&circle))
            .and_then(|goals| instances::expand(&goals, &self.expansions));
        let goals = match planned {
            Ok(goals) => goals,
            Err(message) => {
                return Err(PlanningError {
                    message,
                    trace: self.trace.trace,
                });
            }
        };
        self.tell_instances(&goals);
        Ok(Plan {
            name: (!goals.is_empty()).then(|| self.labels.join(", ")),
            goals,
            tags: self.tags,
            trace: self.trace.trace,
        })
    }
}

impl Planning<'_> {
    /// Writes down what each dynamic goal became.
    fn tell_instances(&mut self, goals: &[PlannedGoal]) {
        for (at, goal) in &self.dynamic {
            let key = goal.key();
            let prefix = format!("{}#sdm:", key.unique_name);
            let is_instance = |planned: &&PlannedGoal| {
                let own = planned.key();
                own.environment == key.environment && own.unique_name.as_str().starts_with(&prefix)
            };
            let instances = goals.iter().filter(is_instance);
            self.trace.trace.rules[*at].instances.push(InstancesTrace {
                goal: goal.name.clone(),
                instances: instances.map(|planned| planned.definition.name.clone()).collect(),
            });
        }
    }
}

fn circle_message(circle: &[GoalKey]) -> String {
    let names: Vec<&str> = circle.iter().map(|key| key.unique_name.as_str()).collect();
    format!(
        "the goals of the matching rules wait for each other: {}",
        names.join(" after ")
    )
}
