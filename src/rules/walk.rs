//! The trace of one walk over the rules: what became of each, those that were left out included.

use super::compile::CompiledRule;
use crate::model::plan::{RuleOutcome, RuleTrace, TestTrace};
use crate::model::{GoalDefinition, RuleDefinition, Trace};

/// A trace that is being written, and how deep in `first_of` the walk stands.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) trace: Trace,
    pub(super) depth: u32,
}

impl Walk {
    /// Writes down a rule that was evaluated; the answer is its position.
    pub(super) fn enter(
        &mut self,
        definition: &RuleDefinition,
        outcome: RuleOutcome,
        because: &str,
        tests: Vec<TestTrace>,
    ) -> usize {
        self.trace.rules.push(RuleTrace {
            name: definition.name.clone(),
            place: definition.place.clone(),
            outcome,
            because: because.to_owned(),
            goals: goal_names(&definition.steps),
            tests,
            depth: self.depth,
            facts: serde_json::Map::new(),
            instances: Vec::new(),
        });
        self.trace.rules.len() - 1
    }

    /// Writes down which of its inner rules a rule that holds came to.
    pub(super) fn choose(&mut self, at: usize, chosen: Option<&str>) {
        let rule = &mut self.trace.rules[at];
        match chosen {
            Some(name) => rule.because = format!("{}; {name} is the first that applies", rule.because),
            None => {
                rule.outcome = RuleOutcome::NotMatched;
                rule.because = format!("{}, but none of its rules applies", rule.because);
            }
        }
    }

    /// Writes down a rule, with the rules in it, that was not evaluated.
    pub(super) fn leave_out(
        &mut self,
        definition: &RuleDefinition,
        rule: &CompiledRule,
        outcome: RuleOutcome,
        because: &str,
    ) {
        let tests = rule.trace.iter().map(|test| TestTrace {
            because: not_needed(outcome).to_owned(),
            ..test.clone()
        });
        self.enter(definition, outcome, because, tests.collect());
        self.depth += 1;
        for (definition, rule) in definition.first_of.iter().flatten().zip(&rule.first_of) {
            self.leave_out(definition, rule, outcome, because);
        }
        self.depth -= 1;
    }

    /// Leaves out the rules in one that does not hold.
    pub(super) fn leave_out_inner(&mut self, definition: &RuleDefinition, rule: &CompiledRule) {
        let because = format!("{} does not apply", definition.name);
        self.depth += 1;
        for (inner, rule) in definition.first_of.iter().flatten().zip(&rule.first_of) {
            self.leave_out(inner, rule, RuleOutcome::NotReached, &because);
        }
        self.depth -= 1;
    }

    /// Leaves out a rule because an earlier one of the same list applies.
    pub(super) fn pass_over(&mut self, definition: &RuleDefinition, rule: &CompiledRule, earlier: &str) {
        let because = format!("{earlier} applies and comes before it");
        self.leave_out(definition, rule, RuleOutcome::NotReached, &because);
    }
}

fn not_needed(outcome: RuleOutcome) -> &'static str {
    match outcome {
        RuleOutcome::LockedOut => "not needed: the rule is locked out",
        RuleOutcome::Matched
        | RuleOutcome::NotMatched
        | RuleOutcome::NotReached
        | RuleOutcome::Possible
        | RuleOutcome::Error => "not needed: the rule is not reached",
    }
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
