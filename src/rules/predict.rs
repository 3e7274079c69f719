//! What can be said of a push before there is one: which goals it will certainly set, which possibly (semantics 2.11).
//!
//! Repository and branch are known, commits and content are not. Tests that need those are unknown, and the rules are
//! walked as planning walks them, with *possible* between yes and no.

use super::compile::{CompiledRule, RuleSet};
use super::evaluate::{Decided, Evaluation};
use super::expression::Evaluator;
use super::memory_view::MemoryView;
use super::project::Project;
use super::push_test::{PlanningFacts, Question};
use super::walk::Walk;
use crate::model::plan::RuleOutcome;
use crate::model::{GoalDefinition, Push, RuleDefinition, Trace};

/// What the rules can set for a push to a branch.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// In the order of the rules, no two with the same key.
    pub goals: Vec<PredictedGoal>,
    /// Why.
    pub trace: Trace,
}

/// A goal that will or may be set.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedGoal {
    /// Its definition.
    pub definition: GoalDefinition,
    /// Whether every push to the branch sets it.
    pub is_certain: bool,
    /// The rules that set it.
    pub rules: Vec<String>,
}

/// How sure it is that something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chance {
    Never,
    Possible,
    Certain,
}

impl RuleSet {
    /// What a push like this one will set, whatever it contains. Of the push only repository and branch are read.
    pub fn predict(&self, push: &Push, facts: &PlanningFacts) -> Prediction {
        let nothing = MemoryView::new();
        let project = Project::new(&nothing, &self.patterns);
        let evaluator = Evaluator::default();
        let question = Question {
            push,
            facts,
            project: &project,
            evaluator: &evaluator,
        };
        let mut predicting = Predicting {
            evaluation: Evaluation::predicting(&self.tests, question),
            goals: Vec::new(),
            trace: Walk::default(),
            lock: None,
        };
        for (definition, rule) in self.definitions.iter().zip(&self.rules) {
            predicting.rule(definition, rule);
        }
        Prediction {
            goals: predicting.goals,
            trace: predicting.trace.trace,
        }
    }
}

struct Predicting<'a> {
    evaluation: Evaluation<'a>,
    goals: Vec<PredictedGoal>,
    trace: Walk,
    /// How sure it is that an earlier rule locked the set, and which.
    lock: Option<(Chance, &'a RuleDefinition)>,
}

impl<'a> Predicting<'a> {
    fn rule(&mut self, definition: &'a RuleDefinition, rule: &CompiledRule) {
        match self.lock {
            Some((Chance::Certain, lock)) => {
                let because = format!("rule {} allows no further goals", lock.name);
                self.trace
                    .leave_out(definition, rule, RuleOutcome::LockedOut, &because);
            }
            Some((_, lock)) => {
                let doubt = format!("rule {} may allow no further goals", lock.name);
                self.walk(definition, rule, Some(&doubt));
            }
            None => {
                self.walk(definition, rule, None);
            }
        }
    }

    /// How sure it is that the rule applies, apart from `doubt`: why it may not be asked at all.
    fn walk(&mut self, definition: &'a RuleDefinition, rule: &CompiledRule, doubt: Option<&str>) -> Chance {
        let (verdict, tests) = self.evaluation.rule(rule);
        let own = chance(verdict.outcome);
        let outcome = outcome(own, doubt.is_some());
        let because = match doubt {
            Some(doubt) if own == Chance::Certain => format!("{}, but {doubt}", verdict.because),
            Some(_) | None => verdict.because,
        };
        let at = self.trace.enter(definition, outcome, &because, tests);
        let Some(inner) = &definition.first_of else {
            self.contribute(definition, own, doubt.is_some());
            return own;
        };
        if own == Chance::Never {
            self.trace.leave_out_inner(definition, rule);
            return own;
        }
        let doubt = match (doubt, own) {
            (Some(doubt), _) => Some(doubt.to_owned()),
            (None, Chance::Possible) => Some(format!("{} may not apply", definition.name)),
            (None, Chance::Certain | Chance::Never) => None,
        };
        self.trace.depth += 1;
        let first = self.first_of(inner, &rule.first_of, doubt);
        self.trace.depth -= 1;
        self.settle(at, first);
        own.min(first)
    }

    /// How sure it is that one of the rules applies.
    fn first_of(
        &mut self,
        definitions: &'a [RuleDefinition],
        rules: &[CompiledRule],
        mut doubt: Option<String>,
    ) -> Chance {
        let mut any = Chance::Never;
        let mut certain = None;
        for (definition, rule) in definitions.iter().zip(rules) {
            if let Some(earlier) = certain {
                self.trace.pass_over(definition, rule, earlier);
                continue;
            }
            let own = self.walk(definition, rule, doubt.as_deref());
            any = any.max(own);
            match own {
                Chance::Never => {}
                Chance::Possible => {
                    doubt.get_or_insert_with(|| format!("{} may apply before it", definition.name));
                }
                Chance::Certain => certain = Some(definition.name.as_str()),
            }
        }
        any
    }

    /// Corrects a rule by what its inner rules came to.
    fn settle(&mut self, at: usize, first: Chance) {
        let rule = &mut self.trace.trace.rules[at];
        match first {
            Chance::Never => {
                rule.outcome = RuleOutcome::NotMatched;
                rule.because = format!("{}, but none of its rules can apply", rule.because);
            }
            Chance::Possible => rule.outcome = RuleOutcome::Possible,
            Chance::Certain => {}
        }
    }

    fn contribute(&mut self, definition: &'a RuleDefinition, own: Chance, is_doubtful: bool) {
        if own == Chance::Never {
            return;
        }
        let is_certain = own == Chance::Certain && !is_doubtful;
        for goal in definition.steps.iter().flatten() {
            self.add(goal, is_certain, &definition.name);
        }
        if definition.locks {
            let sure = if is_certain {
                Chance::Certain
            } else {
                Chance::Possible
            };
            if self.lock.is_none_or(|(known, _)| known < sure) {
                self.lock = Some((sure, definition));
            }
        }
    }

    fn add(&mut self, goal: &GoalDefinition, is_certain: bool, rule: &str) {
        let key = goal.key();
        match self.goals.iter_mut().find(|known| known.definition.key() == key) {
            Some(known) => {
                known.is_certain |= is_certain;
                if !known.rules.iter().any(|known| known == rule) {
                    known.rules.push(rule.to_owned());
                }
            }
            None => self.goals.push(PredictedGoal {
                definition: goal.clone(),
                is_certain,
                rules: vec![rule.to_owned()],
            }),
        }
    }
}

/// An error is of a test that could be asked: the push may meet it or not.
fn chance(decided: Decided) -> Chance {
    match decided {
        Decided::True => Chance::Certain,
        Decided::False => Chance::Never,
        Decided::Unknown | Decided::Error => Chance::Possible,
    }
}

fn outcome(own: Chance, is_doubtful: bool) -> RuleOutcome {
    match own {
        Chance::Never => RuleOutcome::NotMatched,
        Chance::Certain if !is_doubtful => RuleOutcome::Matched,
        Chance::Certain | Chance::Possible => RuleOutcome::Possible,
    }
}
