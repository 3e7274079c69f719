//! Rules that wait for goals (semantics 2.8): which of them are concerned when a goal has come to a result.
//!
//! A rule without a goal test is never asked then, whatever it says of the push, and one with a goal test only when such a
//! test holds. So ordinary rules set nothing a second time, and no combination of tests makes a rule fire at every goal.

use super::compile::{CompiledRule, RuleSet};
use super::evaluate::Evaluation;
use super::expression::Evaluator;
use super::memory_view::MemoryView;
use super::project::Project;
use super::push_test::{PlanningFacts, Question};
use crate::model::{Push, RuleDefinition};

/// How a rule has to do with what rules are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// It is asked.
    Own,
    /// Only a rule in its `first_of` is.
    Inner,
    /// Nothing of it is.
    Nothing,
}

impl RuleSet {
    /// Whether any rule waits for goals.
    pub fn waits_for_goals(&self) -> bool {
        self.tests.iter().any(|test| test.asks_goal())
    }

    /// Whether any rule may wait for goals of other machines.
    pub fn waits_for_foreign_goals(&self) -> bool {
        self.tests.iter().any(|test| test.asks_foreign_goal())
    }

    /// Whether rules are to be asked because of the goal in `facts`: a goal test holds, what is nested in it apart. Nothing
    /// of a project is read for the answer.
    pub fn is_triggered(&self, push: &Push, facts: &PlanningFacts) -> bool {
        let nothing = MemoryView::new();
        let project = Project::new(&nothing, &self.patterns);
        let evaluator = Evaluator::default();
        let question = Question {
            push,
            facts,
            project: &project,
            evaluator: &evaluator,
        };
        let holds = |answer: super::push_test::Answer| answer.holds;
        let mut goal_tests = self.tests.iter().filter(|test| test.asks_goal());
        goal_tests.any(|test| test.evaluate(&question).is_ok_and(holds))
    }
}

/// What a rule has to do with the goal because of which rules are asked; with a push, every rule has.
pub(super) fn concern(
    definition: &RuleDefinition,
    rule: &CompiledRule,
    evaluation: &mut Evaluation<'_>,
) -> Concern {
    if evaluation.trigger().is_none() || only_attaches(definition) || evaluation.any(&rule.goal_tests) {
        return Concern::Own;
    }
    let inner = definition.first_of.iter().flatten().zip(&rule.first_of);
    for (definition, rule) in inner {
        if concern(definition, rule, evaluation) != Concern::Nothing {
            return Concern::Inner;
        }
    }
    Concern::Nothing
}

/// A rule that sets nothing may be asked again: later rules need its facts.
fn only_attaches(rule: &RuleDefinition) -> bool {
    !rule.facts.is_empty() && rule.steps.is_empty() && rule.first_of.is_none() && !rule.locks
}
