//! What tests of rules name must exist: a test of a goal that is spelled wrong would hold for ever and show nothing.

use std::collections::{HashMap, HashSet};

use crate::model::rule_test::{Expected, Mention};
use crate::model::suggest;
use crate::model::{Diagnostic, GoalDefinition, GoalKey, RuleDefinition, RuleTest, UniqueName};

use super::problems::{Problems, shorten};
use super::rule::ReadRule;

/// Checks that names of tests are unique, and that goals and rules named in them exist.
pub(crate) fn check(
    tests: &[RuleTest],
    rules: &[ReadRule],
    standalone: &[GoalDefinition],
    problems: &mut Problems,
) {
    check_names(tests, problems);
    let known = Known::of(rules, standalone);
    for expected in tests.iter().flat_map(|test| &test.expectations) {
        let expected = &expected.expected;
        // A rule that could not be read may set any goal, and a plan gives its instances names of their own.
        let goals = expected.goals().iter().filter(|_| known.all_goals);
        for goal in goals.filter(|goal| !known.has_goal(&goal.name)) {
            problems.add(known.unknown_goal(goal));
        }
        if let Expected::Rule(rule, _) = expected
            && !known.rules.contains(&rule.name.as_str())
        {
            problems.add(known.unknown_rule(rule));
        }
    }
}

fn check_names(tests: &[RuleTest], problems: &mut Problems) {
    let mut first: HashMap<&str, &RuleTest> = HashMap::new();
    for test in tests {
        let earlier = *first.entry(&test.name).or_insert(test);
        if !std::ptr::eq(earlier, test) {
            let message = format!("there is a test `{}` already, at {}", test.name, earlier.place);
            problems.add(
                Diagnostic::error("duplicate_test", test.place.clone(), message)
                    .hint("say what this one shows and the other does not"),
            );
        }
    }
}

/// What there is to name.
struct Known<'a> {
    rules: HashSet<&'a str>,
    /// Display names, in the order of the files, for hints.
    goals: Vec<&'a str>,
    /// Display names, unique names and keys.
    names: HashSet<String>,
    all_goals: bool,
}

impl<'a> Known<'a> {
    fn of(rules: &'a [ReadRule], standalone: &'a [GoalDefinition]) -> Self {
        let definitions = || rules.iter().filter_map(|rule| rule.definition.as_ref());
        let in_rules = definitions().flat_map(RuleDefinition::goals);
        let goals: Vec<&GoalDefinition> = in_rules.chain(standalone).collect();
        let spellings = |goal: &&GoalDefinition| {
            [
                goal.name.clone(),
                goal.unique_name.to_string(),
                goal.key().to_string(),
            ]
        };
        Self {
            rules: rules.iter().flat_map(names).collect(),
            names: goals.iter().flat_map(spellings).collect(),
            goals: goals.iter().map(|goal| goal.name.as_str()).collect(),
            all_goals: definitions().count() == rules.len() && goals.iter().all(|goal| goal.plan.is_none()),
        }
    }

    /// As [`GoalDefinition::is_called`]; and instances that are planned from a goal are called after it, with a suffix
    /// (semantics 2.10).
    fn has_goal(&self, name: &str) -> bool {
        let stem = name.split_once('#').map_or(name, |(stem, _)| stem);
        let unique = |name: &str| UniqueName::parse(name).ok();
        let has = |name: &str| self.names.contains(name);
        has(name)
            || unique(stem).is_some_and(|unique| has(unique.as_str()))
            || name.rsplit_once(" in ").is_some_and(|(name, environment)| {
                unique(name).is_some_and(|unique| has(&GoalKey::new(unique, environment).to_string()))
            })
    }

    fn unknown_goal(&self, goal: &Mention) -> Diagnostic {
        let hint = match suggest::nearest(&goal.name, self.goals.iter().copied()) {
            _ if self.rules.contains(&goal.name.as_str()) => {
                format!(
                    "`{0}` is a rule; write `rules: {{{0}: matched}}`, or name its goals",
                    goal.name
                )
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a goal that some rule sets".to_owned(),
        };
        unknown("unknown_goal", "no rule sets a goal", goal).hint(hint)
    }

    fn unknown_rule(&self, rule: &Mention) -> Diagnostic {
        let hint = match suggest::nearest(&rule.name, self.rules.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.has_goal(&rule.name) => {
                format!("`{}` is a goal; name it in `goals` or `includes`", rule.name)
            }
            None => "name a rule of these files".to_owned(),
        };
        unknown("unknown_rule", "there is no rule", rule).hint(hint)
    }
}

/// The name of a rule and those of the rules it holds.
fn names(rule: &ReadRule) -> impl Iterator<Item = &str> {
    let inner = rule.inner_names.iter().map(|(name, ..)| name.as_str());
    std::iter::once(rule.name.as_str()).chain(inner)
}

fn unknown(code: &str, what: &str, mention: &Mention) -> Diagnostic {
    let message = format!("{what} `{}`", shorten(&mention.name, 80));
    Diagnostic::error(code, mention.place.clone(), message).spanning(mention.length)
}
