//! What tests of rules name must exist: a test of a goal that is spelled wrong would hold for ever and show nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::instances::{DynamicPlan, GroupDefinition, NamePart};
use crate::model::rule_test::{Expected, Mention};
use crate::model::suggest;
use crate::model::{
    CommandDefinition, Diagnostic, GoalDefinition, GoalKey, RuleDefinition, RuleTest, UniqueName,
};

use super::asked_names::KnownNames;
use super::problems::{Problems, shorten};
use super::rule::ReadRule;

/// Checks that goals because of which tests ask rules are goals of some rule or command.
pub(crate) fn check_triggers(
    triggers: &[Mention],
    rules: &[ReadRule],
    standalone: &[GoalDefinition],
    commands: &[CommandDefinition],
    problems: &mut Problems,
) {
    let known = Known::of(rules, standalone);
    let is_command = |name: &str| commands.iter().any(|command| command.name == name);
    let triggers = triggers.iter().filter(|_| known.all_goals);
    for trigger in triggers.filter(|trigger| !known.has_goal(&trigger.name)) {
        if problems.is_full() {
            return;
        }
        if !is_command(&trigger.name) {
            problems.add(known.unknown_goal(trigger));
        }
    }
}

/// Kinds of names that instances have; with more of them any name may be one.
const MAX_INSTANCE_NAMES: usize = 1_000;

const NAME_A_GOAL: &str = "name a goal that some rule sets";

/// The kind of goal in whose place a pushed repository puts its own.
const BY_REPOSITORY: &str = "repository_goals";

/// Unknown goals of listeners that are compared with known ones.
const MAX_HEARD: usize = 1_000;

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
        // A rule that could not be read may set any goal, and the expression of a plan may name its instances as it likes.
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

/// Warns of goals that listeners and rules wait for and that no rule sets. Where goals may come from elsewhere, from plans
/// and from repositories that bring their own, only of those that are spelled almost like one there is.
pub(crate) fn check_heard(
    heard: &[Mention],
    rules: &[ReadRule],
    standalone: &[GoalDefinition],
    commands: &[CommandDefinition],
    problems: &mut Problems,
) {
    let known = Known::of(rules, standalone);
    let of_commands = commands.iter().map(|command| command.name.as_str());
    let names: Vec<&str> = known.goals.iter().copied().chain(of_commands).collect();
    let unique = names.iter().filter_map(|name| UniqueName::parse(name).ok());
    let mut said: HashSet<String> = unique.map(|unique| unique.to_string()).collect();
    said.extend(names.iter().map(|name| (*name).to_owned()));
    let mut places = BTreeSet::new();
    for mention in heard
        .iter()
        .filter(|mention| !said.contains(&mention.name) && places.insert(&mention.place))
        .take(MAX_HEARD)
    {
        let hint = match suggest::nearest(&mention.name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.has_goal(&mention.name) || known.may_be_supplied() => continue,
            // Rules in files that are checked apart.
            None if names.is_empty() => continue,
            None => NAME_A_GOAL.to_owned(),
        };
        let message = format!("no rule sets a goal `{}`", shorten(&mention.name, 80));
        let warning = Diagnostic::warning("unknown_goal", mention.place.clone(), message);
        problems.add(warning.spanning(mention.length).hint(hint));
    }
}

/// What texts may ask for by name. A rule that could not be read may attach any fact, and set any goal.
pub(crate) fn known_names<'a>(rules: &'a [ReadRule], standalone: &'a [GoalDefinition]) -> KnownNames<'a> {
    let definitions: Option<Vec<&RuleDefinition>> =
        rules.iter().map(|rule| rule.definition.as_ref()).collect();
    let Some(definitions) = definitions else {
        return KnownNames {
            facts: None,
            goals: None,
        };
    };
    let mut facts = Vec::new();
    definitions.iter().for_each(|rule| facts_of(rule, &mut facts));
    let of_rules = definitions.iter().flat_map(|rule| rule.goals());
    let goals: Vec<&GoalDefinition> = of_rules.chain(standalone).collect();
    let are_known = !goals.iter().any(|goal| goal.work.kind == BY_REPOSITORY);
    let names = goals.iter().map(|goal| goal.unique_name.as_str());
    KnownNames {
        facts: Some(facts),
        goals: are_known.then(|| names.collect()),
    }
}

fn facts_of<'a>(rule: &'a RuleDefinition, facts: &mut Vec<&'a str>) {
    facts.extend(rule.facts.iter().map(|fact| fact.name.as_str()));
    for inner in rule.first_of.iter().flatten() {
        facts_of(inner, facts);
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
    /// How instances are called that are planned from goals.
    instances: Vec<InstanceNames>,
    /// Whether every goal that may be set is known, by its name or as an instance.
    all_goals: bool,
    /// Whether pushed repositories bring goals of their own.
    by_repository: bool,
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
        let instances: Vec<InstanceNames> = goals.iter().flat_map(|goal| InstanceNames::of(goal)).collect();
        Self {
            rules: rules.iter().flat_map(names).collect(),
            names: goals.iter().flat_map(spellings).collect(),
            goals: goals.iter().map(|goal| goal.name.as_str()).collect(),
            all_goals: definitions().count() == rules.len()
                && instances.len() <= MAX_INSTANCE_NAMES
                && !goals
                    .iter()
                    .any(|goal| matches!(goal.plan, Some(DynamicPlan::Expression { .. }))),
            by_repository: goals.iter().any(|goal| goal.work.kind == BY_REPOSITORY),
            instances,
        }
    }

    /// Whether goals may be set that nobody knows of here.
    fn may_be_supplied(&self) -> bool {
        !self.all_goals || self.by_repository
    }

    /// As [`GoalDefinition::is_called`]; and instances that are planned from a goal are called after it, with a suffix
    /// (semantics 2.10).
    fn has_goal(&self, name: &str) -> bool {
        let stem = name.split_once('#').map_or(name, |(stem, _)| stem);
        let unique = |name: &str| UniqueName::parse(name).ok();
        let has = |name: &str| self.names.contains(name);
        has(name)
            || self.instances.iter().any(|instances| instances.may_be(name))
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
            None => NAME_A_GOAL.to_owned(),
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

/// What is known of the names of instances: stretches that follow each other, with values between them.
struct InstanceNames {
    begins: String,
    within: Vec<String>,
    ends: String,
}

impl InstanceNames {
    fn of(goal: &GoalDefinition) -> Vec<Self> {
        let Some(DynamicPlan::Groups(groups)) = &goal.plan else {
            return Vec::new();
        };
        let of_group = |group: &GroupDefinition| match &group.display_name {
            Some(parts) => Self::of_parts(parts),
            // `goal (value, value)`
            None => Self {
                begins: letters(&goal.name),
                within: Vec::new(),
                ends: String::new(),
            },
        };
        groups.iter().map(of_group).collect()
    }

    fn of_parts(parts: &[NamePart]) -> Self {
        let text = |part: Option<&NamePart>| match part {
            Some(NamePart::Text(text)) => letters(text),
            Some(NamePart::Parameter(_)) | None => String::new(),
        };
        Self {
            begins: text(parts.first()),
            within: parts.iter().map(|part| text(Some(part))).collect(),
            ends: text(parts.last()),
        }
    }

    /// Whether some instance may be called so, however people write it, perhaps with its environment.
    fn may_be(&self, name: &str) -> bool {
        let without_environment = name.rsplit_once(" in ").map(|(name, _)| name);
        self.fits(name) || without_environment.is_some_and(|name| self.fits(name))
    }

    fn fits(&self, name: &str) -> bool {
        let name = letters(name.split_once('#').map_or(name, |(stem, _)| stem));
        let mut rest = name.as_str();
        let in_order = self
            .within
            .iter()
            .all(|text| match rest.split_once(text.as_str()) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            });
        name.starts_with(&self.begins) && in_order && name.ends_with(&self.ends)
    }
}

/// Letters and digits: all that the ways to write a name have in common.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).collect()
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
