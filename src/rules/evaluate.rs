//! Evaluates the tests of rules for one push.

use serde_json::{Map, Value};

use super::compile::{CompiledRule, Node, What};
use super::expression::Expression;
use super::push_test::{Answer, Foresight, PushTest, Question, TestError};
use crate::model::GoalTrigger;
use crate::model::plan::{TestOutcome, TestTrace};

/// What became of a test, a combinator or a whole rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Decided,
    pub(super) because: String,
}

/// The outcomes of something that was evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    True,
    False,
    /// Only in predictions.
    Unknown,
    Error,
}

impl Decided {
    fn trace(self) -> TestOutcome {
        match self {
            Self::True => TestOutcome::True,
            Self::False => TestOutcome::False,
            Self::Unknown => TestOutcome::Unknown,
            Self::Error => TestOutcome::Error,
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::Error => Self::Error,
        }
    }
}

/// One push against the tests of a rule set: each test is asked at most once (PT-31).
pub(super) struct Evaluation<'a> {
    tests: &'a [Box<dyn PushTest>],
    question: Question<'a>,
    known: Vec<Option<Verdict>>,
    /// Whether there is no push yet, so that only what is known before it is asked.
    predicts: bool,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(tests: &'a [Box<dyn PushTest>], question: Question<'a>) -> Self {
        Self {
            tests,
            question,
            known: vec![None; tests.len()],
            predicts: false,
        }
    }

    /// Of a push that is yet to come: tests that need more than its repository and branch stay unknown.
    pub(super) fn predicting(tests: &'a [Box<dyn PushTest>], question: Question<'a>) -> Self {
        Self {
            predicts: true,
            ..Self::new(tests, question)
        }
    }

    /// The value of an expression.
    pub(super) fn value(&self, expression: &Expression) -> Result<Value, TestError> {
        let Question {
            push,
            facts,
            project,
            evaluator,
        } = &self.question;
        evaluator.value(expression, push, facts, project)
    }

    /// Attaches a fact; what was answered by facts is asked again from now on.
    pub(super) fn attach(&mut self, name: &str, value: Value) -> Result<(), TestError> {
        for (known, test) in self.known.iter_mut().zip(self.tests) {
            if test.asks_facts() {
                *known = None;
            }
        }
        self.question.evaluator.attach(name, value)
    }

    /// The facts attached so far.
    pub(super) fn facts(&self) -> Map<String, Value> {
        self.question.evaluator.attached()
    }

    /// The goal because of which rules are asked.
    pub(super) fn trigger(&self) -> Option<&'a GoalTrigger> {
        self.question.facts.trigger.as_ref()
    }

    /// Whether one of the tests holds.
    pub(super) fn any(&mut self, tests: &[usize]) -> bool {
        tests.iter().any(|id| self.test(*id).outcome == Decided::True)
    }

    /// Evaluates a rule's test and writes down what became of its parts.
    pub(super) fn rule(&mut self, rule: &CompiledRule) -> (Verdict, Vec<TestTrace>) {
        let mut trace = rule.trace.clone();
        let verdict = self.node(&rule.test, &mut trace);
        (verdict, trace)
    }

    fn node(&mut self, node: &Node, trace: &mut [TestTrace]) -> Verdict {
        let verdict = match &node.what {
            What::AnyPush => Verdict {
                outcome: Decided::True,
                because: "it applies to any push".to_owned(),
            },
            What::Test(id) => self.test(*id),
            What::Not(inner) => {
                let inner = self.node(inner, trace);
                Verdict {
                    outcome: inner.outcome.negated(),
                    because: inner.because,
                }
            }
            What::And(operands) => self.combined(operands, Decided::False, trace),
            What::Or(operands) => self.combined(operands, Decided::True, trace),
        };
        if let Some(at) = node.at {
            trace[at].outcome = verdict.outcome.trace();
            trace[at].because.clone_from(&verdict.because);
        }
        verdict
    }

    /// Operands cheapest first, up to the first that decides. One that has no answer leaves the others to decide, so
    /// that the outcome does not depend on the order: false beside an error is false for AND, true is true for OR
    /// (PT-28), and an error stays an error when nothing decides; so does what is unknown.
    fn combined(&mut self, operands: &[Node], decisive: Decided, trace: &mut [TestTrace]) -> Verdict {
        let mut undecided = None;
        let mut reasons = Vec::new();
        for operand in operands {
            let verdict = self.node(operand, trace);
            if verdict.outcome == decisive {
                return verdict;
            }
            match verdict.outcome {
                Decided::Error | Decided::Unknown => undecided = undecided.or(Some(verdict)),
                Decided::True | Decided::False => reasons.push(verdict.because),
            }
        }
        undecided.unwrap_or_else(|| Verdict {
            outcome: decisive.negated(),
            because: all_reasons(&reasons, decisive),
        })
    }

    fn test(&mut self, id: usize) -> Verdict {
        if let Some(known) = &self.known[id] {
            return known.clone();
        }
        let test = &self.tests[id];
        let verdict = match test.foresight() {
            Foresight::Open if self.predicts => unknown("the push decides"),
            Foresight::Opaque if self.predicts => unknown("it may ask anything, so nothing is said about it"),
            Foresight::Known | Foresight::Open | Foresight::Opaque => ask(test.as_ref(), &self.question),
        };
        self.known[id] = Some(verdict.clone());
        verdict
    }
}

fn ask(test: &dyn PushTest, question: &Question<'_>) -> Verdict {
    match test.evaluate(question) {
        Ok(Answer { holds, because }) => Verdict {
            outcome: if holds { Decided::True } else { Decided::False },
            because,
        },
        Err(error) => Verdict {
            outcome: Decided::Error,
            because: error.to_string(),
        },
    }
}

fn unknown(because: &str) -> Verdict {
    Verdict {
        outcome: Decided::Unknown,
        because: because.to_owned(),
    }
}

/// The reasons together when it took all of them; an empty combinator says so.
fn all_reasons(reasons: &[String], decisive: Decided) -> String {
    if !reasons.is_empty() {
        return reasons.join("; ");
    }
    match decisive {
        Decided::True => "there is nothing to choose from".to_owned(),
        Decided::False | Decided::Unknown | Decided::Error => "nothing is asked".to_owned(),
    }
}
