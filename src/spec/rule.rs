//! Rules as people write them (semantics 7.2).

use crate::model::descriptor::Form;
use crate::model::{Field, GoalDefinition, Place, RuleDefinition, TestExpression, ValueType};

use super::concurrency;
use super::document::WrittenRule;
use super::goal::{Context, GoalEntry};
use super::keys::Sorted;
use super::reader::Reader;
use super::yaml::Node;

/// Keys of a rule.
pub const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what the rule is called").required(),
    Field::new(
        "test",
        ValueType::Form(Form::Test),
        "when it applies; without it, to any push",
    )
    .aliases(&["tests"]),
    Field::new(
        "depends_on",
        ValueType::List(&ValueType::Form(Form::RuleName)),
        "earlier rules whose goals come first",
    ),
    Field::new(
        "goals",
        ValueType::Form(Form::Steps),
        "steps one after the other; a list within the list is a step of parallel goals; needed unless there is `first_of` or there are `facts`",
    ),
    Field::new(
        "concurrency",
        ValueType::Fields(concurrency::FIELDS),
        "goals before the first step: one cancels what older pushes of the branch left active, one waits for its turn",
    ),
    Field::new(
        "first_of",
        ValueType::List(&ValueType::Form(Form::Rule)),
        "instead of `goals`: rules of which the first that applies contributes, with `name`, `test` and `goals` or a `first_of` of their own",
    ),
    Field::new(
        "facts",
        ValueType::Map(&ValueType::Expression),
        "values that later rules ask as `facts.…` and goals use as `${facts.…}`: names with CEL expressions",
    )
    .aliases(&["let"]),
    Field::new(
        "tags",
        ValueType::List(&ValueType::Text),
        "words by which the goal set is found again, where the rule applies: `name` or `name:value`",
    )
    .aliases(&["tag"])
    .not_empty(),
    Field::new(
        "override",
        ValueType::Boolean,
        "whether it takes the place of an earlier rule of this name",
    )
    .default("false"),
];

/// Longest rule name, in characters.
const MAX_NAME: usize = 200;

/// A rule that has been read; whether its relations to other rules hold is judged when all are (`arrange`).
pub(crate) struct ReadRule {
    pub(crate) name: String,
    /// Where the name is written.
    pub(crate) name_place: Place,
    pub(crate) name_length: u32,
    /// Names in `depends_on` with their places and lengths.
    pub(crate) depends_on: Vec<(String, Place, u32)>,
    pub(crate) overrides: bool,
    /// The rules of its `first_of`, at every depth: their names with places and lengths.
    pub(crate) inner_names: Vec<(String, Place, u32)>,
    /// `None` when it has problems.
    pub(crate) definition: Option<RuleDefinition>,
}

impl Reader<'_, '_> {
    /// A rule; `None` when not even its name is known.
    pub(crate) fn rule(&mut self, written: &WrittenRule) -> Option<ReadRule> {
        self.rule_at(written, 0)
    }

    /// A rule so deep in `first_of`.
    pub(super) fn rule_at(&mut self, written: &WrittenRule, depth: u32) -> Option<ReadRule> {
        let node = &*written.node;
        let Some(entries) = node.entries() else {
            self.problems().error_with_hint(
                "wrong_type",
                node,
                format!("a rule must be a map, and this is {}", node.what()),
                "write `name`, `test` and `goals` as its keys",
            );
            return None;
        };
        let sorted = Sorted::over(entries, &[FIELDS], self.checker.problems);
        let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        for entry in &sorted.unknown {
            self.problems().unknown_key(entry, "a rule", &known);
        }
        let named = self.rule_name(written, &sorted);
        let test = self.rule_test(&sorted);
        let mut inner_names = Vec::new();
        let contribution = self.contribution(&sorted, node, depth, &mut inner_names);
        let before = self.concurrency(&sorted, named.as_ref().map(|(name, ..)| name.as_str()));
        let facts = self.facts(sorted.value("facts"));
        let is_misplaced = depth > 0 && self.keys_of_outer_rules(&sorted);
        let depends_on = self.names(sorted.value("depends_on"));
        let tags = self.set_tags(sorted.value("tags"));
        let overrides = sorted
            .value("override")
            .and_then(|value| self.checker.boolean(value, "`override`"));
        let (name, name_place, name_length) = named?;
        let parts = test.zip(contribution).zip(before).zip(facts).zip(tags);
        let definition = parts.map(|((((test, contribution), before), facts), tags)| RuleDefinition {
            name: name.clone(),
            place: node.place.clone(),
            test,
            depends_on: depends_on.iter().map(|(name, ..)| name.clone()).collect(),
            steps: [before, contribution.steps].concat(),
            locks: contribution.locks,
            first_of: contribution.first_of,
            facts,
            tags,
        });
        Some(ReadRule {
            name,
            name_place,
            name_length,
            depends_on,
            overrides: overrides == Some(true),
            inner_names,
            definition: definition.filter(|_| sorted.unknown.is_empty() && !is_misplaced),
        })
    }

    /// What a rule sets: its goals, or those of the first of its rules that applies. `None` comes with a problem.
    fn contribution(
        &mut self,
        sorted: &Sorted<'_>,
        node: &Node,
        depth: u32,
        names: &mut Vec<(String, Place, u32)>,
    ) -> Option<Contribution> {
        let Some(entry) = sorted.get("first_of") else {
            return self.rule_goals(sorted, node);
        };
        if let Some(goals) = sorted.get("goals") {
            self.problems().error_with_hint(
                "ambiguous_key",
                &goals.key,
                "a rule has `goals` or `first_of`, not both",
                "put the goals that are always set into a rule of their own",
            );
            return None;
        }
        let first_of = self.first_of(&entry.value, depth, names)?;
        Some(Contribution {
            first_of: Some(first_of),
            ..Contribution::default()
        })
    }

    /// The name and where it is written: under `name`, or as the key in the older shape.
    fn rule_name(&mut self, written: &WrittenRule, sorted: &Sorted<'_>) -> Option<(String, Place, u32)> {
        let value = match (&written.key, sorted.get("name")) {
            (Some(key), Some(entry)) => {
                let message = format!("this rule is called by its key, `{}`", key.text()?);
                self.problems()
                    .error_with_hint("ambiguous_key", &entry.key, message, "remove `name`");
                return None;
            }
            (Some(key), None) => key,
            (None, Some(entry)) if !entry.value.is_null() => &*entry.value,
            (None, _) => {
                self.problems().error_with_hint(
                    "missing_property",
                    &written.node,
                    "Property 'name' missing in push rule",
                    "add `name`; it appears in the name of the goal set",
                );
                return None;
            }
        };
        let name = self.checker.plain_text(value, "`name`")?;
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let message = format!("a rule's name has 1 to {MAX_NAME} characters on one line");
            self.problems().error("invalid_name", value, message);
            return None;
        }
        Some((name.to_owned(), value.place.clone(), value.length))
    }

    fn rule_test(&mut self, sorted: &Sorted<'_>) -> Option<TestExpression> {
        match sorted.value("test") {
            None => Some(TestExpression::AnyPush),
            Some(node) => self.test(node),
        }
    }

    fn names(&mut self, node: Option<&Node>) -> Vec<(String, Place, u32)> {
        let Some(node) = node else { return Vec::new() };
        let own = [std::rc::Rc::new(node.clone())];
        let items = node.items().unwrap_or(&own);
        let mut names: Vec<(String, Place, u32)> = Vec::new();
        for item in items {
            let Some(name) = self.checker.plain_text(item, "`depends_on`") else {
                continue;
            };
            if names.iter().any(|(known, ..)| known == name) {
                let message = format!("`{name}` stands twice in `depends_on`");
                let hint = "remove one of them, or name another rule";
                self.problems()
                    .error_with_hint("duplicate_item", item, message, hint);
                continue;
            }
            names.push((name.to_owned(), item.place.clone(), item.length));
        }
        names
    }

    /// The steps of a rule, and whether it locks.
    fn rule_goals(&mut self, sorted: &Sorted<'_>, node: &Node) -> Option<Contribution> {
        if sorted.value("goals").is_none() && sorted.value("facts").is_some() {
            return Some(Contribution::default());
        }
        let Some(goals) = sorted.value("goals").filter(|goals| !goals.is_null()) else {
            self.problems().error_with_hint(
                "missing_property",
                node,
                "Property 'goals' missing in push rule",
                "add `goals`; write `goals: []` for a rule that sets none",
            );
            return None;
        };
        let mut steps = Steps::default();
        match goals.items() {
            None => steps.add(vec![self.goal(goals, Context::Rule)]),
            Some(items) => {
                for item in items {
                    let step = match item.items() {
                        None => vec![self.goal(item, Context::Rule)],
                        Some(parallel) => parallel.iter().map(|goal| self.parallel_goal(goal)).collect(),
                    };
                    steps.add(step);
                }
            }
        }
        steps.is_complete.then_some(Contribution {
            steps: steps.steps,
            locks: steps.locks,
            first_of: None,
        })
    }

    fn parallel_goal(&mut self, node: &Node) -> Option<GoalEntry> {
        if node.items().is_none() {
            return self.goal(node, Context::Rule);
        }
        self.problems().error_with_hint(
            "nested_steps",
            node,
            "a step of parallel goals cannot have steps of its own",
            "one list is steps in order, a list within it is one step of parallel goals",
        );
        None
    }
}

/// What a rule sets.
#[derive(Default)]
struct Contribution {
    steps: Vec<Vec<GoalDefinition>>,
    locks: bool,
    first_of: Option<Vec<RuleDefinition>>,
}

/// The steps of a rule as they are read; a step that holds only a lock is none.
struct Steps {
    steps: Vec<Vec<GoalDefinition>>,
    locks: bool,
    is_complete: bool,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            locks: false,
            is_complete: true,
        }
    }
}

impl Steps {
    fn add(&mut self, entries: Vec<Option<GoalEntry>>) {
        let mut step = Vec::new();
        for entry in entries {
            match entry {
                Some(entry) => {
                    self.locks |= entry.locks;
                    step.extend(entry.goal);
                }
                None => self.is_complete = false,
            }
        }
        if !step.is_empty() {
            self.steps.push(step);
        }
    }
}
