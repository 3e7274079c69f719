//! Rules and goals in relation to each other: names once, dependencies backwards, one definition per goal.

use std::collections::{HashMap, HashSet};

use crate::model::suggest;
use crate::model::{Diagnostic, GoalDefinition, GoalKey, Place, RuleDefinition};

use super::problems::{Problems, shorten};
use super::rule::ReadRule;

/// Settles which rule a name means. A rule with `override: true` takes the place of the earlier one.
pub(crate) fn unique_rules(read: Vec<ReadRule>, problems: &mut Problems) -> Vec<ReadRule> {
    let mut rules: Vec<ReadRule> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for rule in read {
        match positions.get(&rule.name) {
            Some(position) if rule.overrides => rules[*position] = rule,
            Some(position) => problems.add(duplicate(&rule, &rules[*position])),
            None => {
                if rule.overrides {
                    problems.add(nothing_to_override(&rule, &rules));
                }
                positions.insert(rule.name.clone(), rules.len());
                rules.push(rule);
            }
        }
    }
    rules
}

/// Checks that rules in `first_of` have names of their own: traces and goals name rules.
pub(crate) fn check_inner_names(rules: &[ReadRule], problems: &mut Problems) {
    let outer = rules.iter().map(|rule| (rule.name.as_str(), &rule.name_place));
    let mut places: HashMap<&str, &Place> = outer.collect();
    for (name, place, length) in rules.iter().flat_map(|rule| &rule.inner_names) {
        if let Some(known) = places.insert(name, place) {
            let message = format!("there is a rule `{name}` already, at {known}");
            problems.add(
                Diagnostic::error("duplicate_rule", place.clone(), message)
                    .spanning(*length)
                    .hint("rename one of them"),
            );
        }
    }
}

fn duplicate(rule: &ReadRule, earlier: &ReadRule) -> Diagnostic {
    let message = format!(
        "there is a rule `{}` already, at {}",
        rule.name, earlier.name_place
    );
    Diagnostic::error("duplicate_rule", rule.name_place.clone(), message)
        .spanning(rule.name_length)
        .hint("rename one of them, or write `override: true` to replace the earlier one")
}

fn nothing_to_override(rule: &ReadRule, earlier: &[ReadRule]) -> Diagnostic {
    let message = format!("there is no earlier rule `{}` to override", rule.name);
    let hint = match suggest::nearest(&rule.name, earlier.iter().map(|rule| rule.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "remove `override`, or read the file with the earlier rule first".to_owned(),
    };
    Diagnostic::warning("nothing_to_override", rule.name_place.clone(), message)
        .spanning(rule.name_length)
        .hint(hint)
}

/// Checks that every rule depends only on rules before it.
pub(crate) fn check_dependencies(rules: &[ReadRule], names_incomplete: bool, problems: &mut Problems) {
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for (position, rule) in rules.iter().enumerate() {
        positions.entry(&rule.name).or_insert(position);
    }
    for (position, rule) in rules.iter().enumerate() {
        for (name, place, length) in &rule.depends_on {
            let target = positions.get(name.as_str());
            let is_earlier = target.is_some_and(|target| *target < position);
            // A missing name may stand in a file that could not be read.
            if is_earlier || (target.is_none() && names_incomplete) || problems.is_full() {
                continue;
            }
            let message = format!(
                "Provided depends_on goals named '{}' do not exist or is after current goals named '{}'",
                shorten(name, 80),
                rule.name
            );
            let hint = dependency_hint(name, target.copied(), position, rules);
            problems.add(
                Diagnostic::error("unknown_rule", place.clone(), message)
                    .spanning(*length)
                    .hint(hint),
            );
        }
    }
}

fn dependency_hint(name: &str, target: Option<usize>, position: usize, rules: &[ReadRule]) -> String {
    if target == Some(position) {
        return "a rule cannot depend on itself; its own steps run in order already".to_owned();
    }
    if let Some(target) = target {
        return format!(
            "move this rule below `{name}`, which is at {}",
            rules[target].name_place
        );
    }
    let earlier = &rules[..position];
    let sets_it = |rule: &&ReadRule| {
        let mut goals = rule.definition.iter().flat_map(RuleDefinition::goals);
        goals.any(|goal| goal.name == name)
    };
    let holds_it = |rule: &&ReadRule| rule.inner_names.iter().any(|(inner, ..)| inner == name);
    if let Some(rule) = earlier.iter().find(holds_it) {
        return format!(
            "`{name}` stands in the `first_of` of `{0}`; depend on `{0}`",
            rule.name
        );
    }
    if let Some(rule) = earlier.iter().find(sets_it) {
        return format!(
            "`{name}` is a goal; name its rule instead: `depends_on: {}`",
            rule.name
        );
    }
    match suggest::nearest(name, earlier.iter().map(|rule| rule.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a rule that stands before this one".to_owned(),
    }
}

/// Checks that one key means one goal, wherever it is defined (RU-20).
pub(crate) fn check_definitions(
    standalone: &[GoalDefinition],
    rules: &[RuleDefinition],
    problems: &mut Problems,
) {
    let mut first: HashMap<GoalKey, &GoalDefinition> = HashMap::new();
    let mut reported = HashSet::new();
    let in_rules = rules.iter().flat_map(RuleDefinition::goals);
    for goal in standalone.iter().chain(in_rules) {
        let known = *first.entry(goal.key()).or_insert(goal);
        if !known.is_same_as(goal) && reported.insert(&goal.place) {
            problems.add(conflict(goal, known));
        }
    }
}

fn conflict(goal: &GoalDefinition, known: &GoalDefinition) -> Diagnostic {
    let message = format!(
        "the goal `{}` is defined at {} and again, differently, at {}",
        goal.key(),
        known.place,
        goal.place
    );
    let hint = if known.name == goal.name {
        "give one of them another name, or define it once at top level and use it by name"
    } else {
        "names that differ only in spaces, `_` and `-` are one name; rename one of them"
    };
    Diagnostic::error("conflicting_goal", goal.place.clone(), message).hint(hint)
}
