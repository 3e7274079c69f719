//! Rules made ready: tests built and shared, operands put in the order they are asked in.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value;

use super::display::cut;
use super::expression::Expression;
use super::goals::repeated_goal;
use super::instances::CompiledPlan;
use super::patterns::{CompiledPatterns, PatternSet};
use super::project::ProjectPatterns;
use super::push_test::{Cost, PatternsBuilder, PushTest, Refusal};
use super::push_tests::{descriptors, named, nested};
use crate::model::plan::{TestOutcome, TestTrace};
use crate::model::{Diagnostic, GoalKey, Place, RuleDefinition, TestExpression};

/// Characters of a test in a trace before it is cut.
const MAX_TEST_TEXT: usize = 200;

/// Compiled rules of one machine.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) definitions: Vec<RuleDefinition>,
    pub(super) rules: Vec<CompiledRule>,
    pub(super) tests: Vec<Box<dyn PushTest>>,
    pub(super) patterns: ProjectPatterns,
    /// How goals become several, by key.
    pub(super) plans: HashMap<GoalKey, CompiledPlan>,
}

/// What evaluation needs of one rule.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) test: Node,
    /// Its tests, depth first as written, none evaluated yet.
    pub(super) trace: Vec<TestTrace>,
    /// Indexes of the rules it depends on.
    pub(super) depends_on: Vec<usize>,
    /// The rules of its `first_of`, in order.
    pub(super) first_of: Vec<CompiledRule>,
    /// What it attaches when it matches, in order.
    pub(super) facts: Vec<(String, Expression)>,
    /// Its tests that ask about a goal, those in its `first_of` apart.
    pub(super) goal_tests: Vec<usize>,
}

/// A test expression with its place in the trace and its cost.
#[derive(Debug)]
pub(super) struct Node {
    /// Index in the rule's trace; an unwritten test has none.
    pub(super) at: Option<usize>,
    pub(super) cost: Cost,
    pub(super) what: What,
}

/// The kinds of nodes.
#[derive(Debug)]
pub(super) enum What {
    AnyPush,
    /// Index of a test of the rule set; equal tests share one.
    Test(usize),
    Not(Box<Node>),
    /// Cheapest first.
    And(Vec<Node>),
    /// Cheapest first.
    Or(Vec<Node>),
}

impl RuleSet {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// The rules as defined, in order.
    pub fn definitions(&self) -> &[RuleDefinition] {
        &self.definitions
    }

    /// Whether any test may read the tree or the changes. When not, a push is planned without its objects (PT-32).
    pub fn needs_content(&self) -> bool {
        let mut facts = self.rules.iter().flat_map(|rule| &rule.facts);
        self.tests.iter().any(|test| test.cost() == Cost::Content)
            || facts.any(|(_, expression)| expression.asks_project())
            || self.plans.values().any(CompiledPlan::asks_project)
    }
}

/// Builds every test of the rules.
///
/// # Errors
/// All problems found: tests that do not exist or cannot be built, dependencies on rules that are not earlier, steps
/// that would wait for themselves.
pub fn compile(rules: &[RuleDefinition]) -> Result<RuleSet, Vec<Diagnostic>> {
    let mut compiler = Compiler::default();
    let compiled: Vec<CompiledRule> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| compiler.rule(rule, &rules[..index]))
        .collect();
    let (tree, changed) = (compiler.patterns.tree, compiler.patterns.changed);
    let mut problems = compiler.problems;
    let patterns = finish(tree, rules, &mut problems).zip(finish(changed, rules, &mut problems));
    match patterns {
        Some((tree, changed)) if problems.is_empty() => Ok(RuleSet {
            definitions: rules.to_vec(),
            rules: compiled,
            tests: compiler.tests,
            patterns: ProjectPatterns { tree, changed },
            plans: compiler.plans,
        }),
        Some(_) | None => Err(problems),
    }
}

fn finish(
    patterns: PatternSet,
    rules: &[RuleDefinition],
    problems: &mut Vec<Diagnostic>,
) -> Option<CompiledPatterns> {
    match patterns.finish() {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            // Globs exist only where a rule does.
            if let Some(rule) = rules.first() {
                let message = format!("the globs of all rules together are too large: {error}");
                problems.push(Diagnostic::error("too_many_globs", rule.place.clone(), message));
            }
            None
        }
    }
}

#[derive(Default)]
struct Compiler {
    tests: Vec<Box<dyn PushTest>>,
    ids: HashMap<String, usize>,
    patterns: PatternsBuilder,
    plans: HashMap<GoalKey, CompiledPlan>,
    /// Tests of the rule at hand that ask about a goal.
    goal_tests: Vec<usize>,
    problems: Vec<Diagnostic>,
}

impl Compiler {
    fn rule(&mut self, rule: &RuleDefinition, earlier: &[RuleDefinition]) -> CompiledRule {
        let mut trace = Vec::new();
        let test = self.node(&rule.test, 0, &mut trace);
        let goal_tests = std::mem::take(&mut self.goal_tests);
        if let Some(goal) = repeated_goal(rule) {
            let message = format!(
                "goal `{goal}` is in several steps of rule `{}` and would wait for itself",
                rule.name
            );
            let hint = "name it in one step only";
            self.problems
                .push(Diagnostic::error("goal_cycle", rule.place.clone(), message).hint(hint));
        }
        let facts = self.facts(rule);
        self.dynamic_goals(rule);
        let inner = rule.first_of.iter().flatten();
        CompiledRule {
            test,
            trace,
            depends_on: self.depends_on(rule, earlier),
            first_of: inner.map(|rule| self.rule(rule, &[])).collect(),
            facts,
            goal_tests,
        }
    }

    /// The facts of a rule, each of which the next one may use.
    fn facts(&mut self, rule: &RuleDefinition) -> Vec<(String, Expression)> {
        let mut facts = Vec::new();
        for fact in &rule.facts {
            match Expression::compile_value(&fact.expression, &self.patterns.facts) {
                Ok(expression) => facts.push((fact.name.clone(), expression)),
                Err(refusal) => {
                    let message = format!("fact `{}`: {}", fact.name, refusal.message);
                    let mut problem = Diagnostic::error("bad_expression", fact.place.clone(), message);
                    problem.hint = refusal.hint;
                    self.problems.push(problem);
                }
            }
            if !self.patterns.facts.contains(&fact.name) {
                self.patterns.facts.push(fact.name.clone());
            }
        }
        facts
    }

    /// One key means one goal wherever it is set, so its plan is made ready once.
    fn dynamic_goals(&mut self, rule: &RuleDefinition) {
        for goal in rule.steps.iter().flatten() {
            let Some(plan) = goal
                .plan
                .as_ref()
                .filter(|_| !self.plans.contains_key(&goal.key()))
            else {
                continue;
            };
            let compiled = CompiledPlan::compile(plan, &self.patterns.facts, &mut self.problems);
            if let Some(compiled) = compiled {
                self.plans.insert(goal.key(), compiled);
            }
        }
    }

    fn depends_on(&mut self, rule: &RuleDefinition, earlier: &[RuleDefinition]) -> Vec<usize> {
        let mut indexes = Vec::new();
        for name in &rule.depends_on {
            match earlier.iter().rposition(|earlier| earlier.name == *name) {
                Some(index) => indexes.push(index),
                None => self.problems.push(
                    Diagnostic::error(
                        "unknown_rule",
                        rule.place.clone(),
                        format!(
                            "rule `{}` depends on `{name}`, which does not exist or is after it",
                            rule.name
                        ),
                    )
                    .hint("depend on a rule that is written earlier"),
                ),
            }
        }
        indexes
    }

    fn node(&mut self, expression: &TestExpression, depth: u32, trace: &mut Vec<TestTrace>) -> Node {
        let mut enter = |test: String, place: &Place| {
            trace.push(TestTrace {
                test,
                place: place.clone(),
                depth,
                outcome: TestOutcome::NotEvaluated,
                because: NOT_NEEDED.to_owned(),
            });
            Some(trace.len() - 1)
        };
        match expression {
            TestExpression::AnyPush => Node {
                at: None,
                cost: Cost::Cheap,
                what: What::AnyPush,
            },
            TestExpression::Test {
                name,
                arguments,
                place,
            } => match nested(name, arguments) {
                None => {
                    let at = enter(written(name, arguments), place);
                    self.leaf(at, name, arguments, place)
                }
                Some((own, inner)) => {
                    let at = enter(written(name, &own), place);
                    self.with_nested(at, (name, &own, place), inner, depth, trace)
                }
            },
            TestExpression::Not { inner, place } => {
                let at = enter("not".to_owned(), place);
                let inner = self.node(inner, depth + 1, trace);
                let cost = inner.cost;
                let what = What::Not(Box::new(inner));
                Node { at, cost, what }
            }
            TestExpression::And { all, place } => {
                let at = enter("and".to_owned(), place);
                self.combined(at, all, depth, trace, What::And)
            }
            TestExpression::Or { any, place } => {
                let at = enter("or".to_owned(), place);
                self.combined(at, any, depth, trace, What::Or)
            }
        }
    }

    fn leaf(&mut self, at: Option<usize>, name: &str, arguments: &Value, place: &Place) -> Node {
        let id = self.test(name, arguments, place);
        let cost = id.map_or(Cost::Cheap, |id| self.tests[id].cost());
        let what = id.map_or(What::AnyPush, What::Test);
        self.goal_tests
            .extend(id.filter(|id| self.tests[*id].asks_goal()));
        Node { at, cost, what }
    }

    /// A test with another in its arguments holds when both hold.
    fn with_nested(
        &mut self,
        at: Option<usize>,
        (name, arguments, place): (&str, &Value, &Place),
        inner: Result<TestExpression, String>,
        depth: u32,
        trace: &mut Vec<TestTrace>,
    ) -> Node {
        let own = self.leaf(None, name, arguments, place);
        let inner = match inner {
            Ok(inner) => self.node(&inner, depth + 1, trace),
            Err(message) => {
                self.problems
                    .push(Diagnostic::error("bad_test", place.clone(), message));
                return own;
            }
        };
        Node {
            at,
            cost: own.cost.max(inner.cost),
            what: What::And(vec![own, inner]),
        }
    }

    /// A combinator costs as much as its dearest operand, so that a cheap sibling is asked before it.
    fn combined(
        &mut self,
        at: Option<usize>,
        operands: &[TestExpression],
        depth: u32,
        trace: &mut Vec<TestTrace>,
        what: fn(Vec<Node>) -> What,
    ) -> Node {
        let mut nodes: Vec<Node> = operands
            .iter()
            .map(|operand| self.node(operand, depth + 1, trace))
            .collect();
        nodes.sort_by_key(|node| node.cost); // stable: declared order breaks ties
        Node {
            at,
            cost: nodes.last().map_or(Cost::Cheap, |node| node.cost),
            what: what(nodes),
        }
    }

    /// The index of a test; equal name and arguments are the same test (semantics 2.6 DECISION).
    fn test(&mut self, name: &str, arguments: &Value, place: &Place) -> Option<usize> {
        let Some(registration) = named(name) else {
            let known: Vec<&str> = descriptors().iter().map(|descriptor| descriptor.name).collect();
            self.problems.push(
                Diagnostic::error(
                    "unknown_test",
                    place.clone(),
                    format!("there is no push test `{name}`"),
                )
                .hint(format!("known are {}", known.join(", "))),
            );
            return None;
        };
        let mut identity = registration.descriptor.name.to_owned();
        write_canonical(&mut identity, arguments);
        if let Some(id) = self.ids.get(&identity) {
            return Some(*id);
        }
        match (registration.build)(arguments, &mut self.patterns) {
            Ok(test) => {
                self.tests.push(test);
                self.ids.insert(identity, self.tests.len() - 1);
                Some(self.tests.len() - 1)
            }
            Err(Refusal { message, hint }) => {
                let message = format!("{}: {message}", registration.descriptor.name);
                let mut problem = Diagnostic::error("bad_test", place.clone(), message);
                problem.hint = hint;
                self.problems.push(problem);
                None
            }
        }
    }
}

/// Why a test of a matched or unmatched rule was left alone.
const NOT_NEEDED: &str = "not needed: another test decided";

/// A test on one line, as one would write it.
fn written(name: &str, arguments: &Value) -> String {
    let mut text = name.to_owned();
    if !arguments.is_null() {
        text.push_str(": ");
        write_flow(&mut text, arguments);
    }
    cut(&text, MAX_TEST_TEXT)
}

/// YAML's flow style, lists of one as their element.
fn write_flow(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Array(items) if items.len() == 1 => write_flow(text, &items[0]),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write_flow(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            let given = fields.iter().filter(|(_, value)| !is_empty(value));
            for (index, (key, value)) in given.enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(key);
                text.push_str(": ");
                write_flow(text, value);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(text, "{value}");
        }
    }
}

/// Whether a field says nothing: left out, with its default filled in as nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => false,
    }
}

/// JSON with sorted keys: equal texts for equal arguments, however they were written.
fn write_canonical(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (key, value) in fields {
                let _ = write!(text, "{key:?}:");
                write_canonical(text, value);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(text, item);
                text.push(',');
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(text, "{value}");
        }
    }
}
