//! One goal entry: a map that is exactly one kind of goal, or a word.

use serde_json::{Map, Value};

use crate::model::descriptor::Form;
use crate::model::instances::DynamicPlan;
use crate::model::suggest;
use crate::model::{Descriptor, Field, GoalDefinition, ValueType, Work};

use super::super::catalogue::{beside, fields, find, has_field};
use super::super::keys::{Sorted, snake_case};
use super::super::other_systems::{GOAL, meant};
use super::super::problems::{listed, shorten};
use super::super::reader::{Reader, shown};
use super::super::reference::Reference;
use super::super::shape::key_of;
use super::super::yaml::{Entry, Node};
use super::common::{self, COMMON_FIELDS};
use super::uses::Used;
use super::{confirm, files, secrets};

/// Kinds of the original, which mean nothing here unless the catalogue has them.
pub(super) const ORIGINAL_KINDS: [&str; 5] = ["containers", "action", "docker_build", "deploy", "script"];

/// Keys that the original knows on goals, or knows elsewhere.
const ORIGINAL_KEYS: [&str; 3] = ["pre_condition", "retry_condition", "concurrency"];

/// Words of other systems that say what runs.
const WHAT_RUNS: &[&str] = &[
    "script",
    "commands",
    "command",
    "cmd",
    "run",
    "steps",
    "uses",
    "plugin",
    "image",
    "container",
];

/// What to write in place of a word of the original.
pub(super) fn instead_of(word: &str) -> &'static str {
    match word {
        "pre_condition" => {
            "write `wait_for: {run: [program, argument, …]}`, which is run until it ends with 0 before the work begins"
        }
        "retry_condition" => "write `retry: {attempts: 3}`, with `pause` where it should not be `10s`",
        "concurrency" => "write it at the rule: its goals stand before all others of it",
        "action" => "write `containers: [{name: main, image: …}]`, with what the action is told in `env`",
        "docker_build" => "write the program that builds and pushes it: `execute: {run: [docker, build, …]}`",
        "deploy" => {
            "write the program or image that deploys as `execute` or `containers`, with an `environment`, and `pre_approval` where \
             people decide"
        }
        _ => meant(GOAL, word).unwrap_or("remove it: nothing here carries it out"),
    }
}

/// The key that names a goal.
pub(crate) const USE: &[Field] = &[Field::new(
    "use",
    ValueType::Form(Form::Used),
    "a goal by its name, or `lock`",
)];

/// What fields take that name other goals.
const GOAL_NAMES: ValueType = ValueType::List(&ValueType::Form(Form::GoalName));

/// Where a goal entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// In a rule.
    Rule,
    /// In the list at top level.
    Standalone,
}

/// What a goal entry adds to its rule.
#[derive(Debug)]
pub(crate) struct GoalEntry {
    /// The goal, unless the entry is only a lock.
    pub(crate) goal: Option<GoalDefinition>,
    /// Whether no later rule applies.
    pub(crate) locks: bool,
}

impl GoalEntry {
    pub(super) fn goal(goal: GoalDefinition) -> Self {
        Self {
            goal: Some(goal),
            locks: false,
        }
    }
}

impl<'c> Reader<'c, '_> {
    /// A goal entry: `None` always comes with a problem.
    pub(crate) fn goal(&mut self, node: &Node, context: Context) -> Option<GoalEntry> {
        if let Some(entries) = node.entries() {
            return self.goal_object(entries, node, context);
        }
        match node.text() {
            Some(word) if word.contains('/') && Reference::is_meant(word) => {
                self.referenced(word, node, node, context)
            }
            Some(word) => self.used(word, node, &[], context),
            None => {
                let message = format!("Unable to construct goal from '{}'", shown(node));
                self.problems().error_with_hint(
                    "unknown_goal",
                    node,
                    message,
                    "write a goal as a map with `name` and what it does",
                );
                None
            }
        }
    }

    fn goal_object(&mut self, entries: &[Entry], node: &Node, context: Context) -> Option<GoalEntry> {
        if let Some(entry) = entries.iter().find(|entry| snake_case(entry.name()) == "ref") {
            let text = self.checker.plain_text(&entry.value, "`ref`")?;
            return self.referenced(text, &entry.value, node, context);
        }
        let kinds = self.kinds_of(entries);
        match kinds.as_slice() {
            [] => {
                self.no_kind(entries, node);
                None
            }
            [(_, "use")] => {
                let used = entries.iter().find(|entry| snake_case(entry.name()) == "use")?;
                let word = self.checker.plain_text(&used.value, "`use`")?;
                self.used(word, node, entries, context)
            }
            [(entry, kind)] => match find(self.catalogue.kinds, kind) {
                Some(descriptor) => self.goal_by_key(descriptor, entries, node).map(GoalEntry::goal),
                None => {
                    self.not_available(kind, &entry.key);
                    None
                }
            },
            several => {
                let names: Vec<&str> = several.iter().map(|(entry, _)| entry.name()).collect();
                let message = format!("a goal does one thing, and this one has {}", listed(&names));
                self.problems().error_with_hint(
                    "several_kinds",
                    node,
                    message,
                    "make each a goal of its own; steps of a rule run one after the other",
                );
                None
            }
        }
    }

    /// The entries that say what a goal does, with the canonical names of their kinds.
    fn kinds_of<'n>(&self, entries: &'n [Entry]) -> Vec<(&'n Entry, &'static str)> {
        let used = entries.iter().find(|entry| snake_case(entry.name()) == "use");
        let word = used.and_then(|entry| entry.value.text()).map(snake_case);
        let own = word
            .and_then(|word| find(self.catalogue.kinds, &word))
            .filter(|kind| kind.by_use)
            .map_or(&[][..], fields);
        let kind = |entry: &'n Entry| {
            let canonical = snake_case(entry.name());
            if canonical == "use" {
                return Some((entry, "use"));
            }
            // A field of the goal in use may be called like a kind.
            if has_field(own, &canonical) {
                return None;
            }
            let known = self
                .kind_keys
                .iter()
                .find(|field| has_field(std::slice::from_ref(field), &canonical))
                .map(|field| field.name);
            let expected = || ORIGINAL_KINDS.into_iter().find(|kind| *kind == canonical);
            known.or_else(expected).map(|kind| (entry, kind))
        };
        let mut kinds: Vec<(&Entry, &'static str)> = Vec::new();
        for (entry, kind) in entries.iter().filter_map(kind) {
            // Two spellings of one kind are an ambiguous key, not two kinds.
            if !kinds.iter().any(|(_, known)| *known == kind) {
                kinds.push((entry, kind));
            }
        }
        kinds
    }

    fn goal_by_key(&mut self, kind: &Descriptor, entries: &[Entry], node: &Node) -> Option<GoalDefinition> {
        let of_kind = [key_of(kind)];
        let known = [COMMON_FIELDS, &of_kind, beside(kind)];
        let sorted = Sorted::over(entries, &known, self.checker.problems);
        let value = sorted.value(kind.name)?;
        let unknown = self.unknown_goal_keys(&sorted, kind, value.is_null());
        let arguments = match kind.value {
            // That the options are beside it is said already.
            Some(_) if unknown && value.is_null() => None,
            Some(ValueType::With { main, beside }) => self.value_with(kind, main, beside, &sorted, node),
            Some(wanted) => self.value_with_tests(&wanted, value, &format!("`{}`", kind.name)),
            None => Some(Value::Null),
        };
        let common = self.common(&sorted, node);
        let plan = self.plan_of(&sorted, common.as_ref());
        let name = self.goal_name(kind, &sorted, node);
        let work = Work {
            kind: kind.name.to_owned(),
            arguments: arguments?,
        };
        let keys = [COMMON_FIELDS, &of_kind, beside(kind)].concat();
        self.finish(name?, common?, work, plan?, (keys.as_slice(), node))
            .filter(|_| !unknown)
    }

    /// A kind's own value and the keys beside it, as one object.
    fn value_with(
        &mut self,
        kind: &Descriptor,
        main: &ValueType,
        beside: &'static [Field],
        sorted: &Sorted<'_>,
        node: &Node,
    ) -> Option<Value> {
        let what = format!("`{}`", kind.name);
        let own = self.value_with_tests(main, sorted.value(kind.name)?, &what);
        let mut all = self.checker.sorted(beside, sorted, node, "a goal")?;
        all.insert(kind.name.to_owned(), own?);
        Some(Value::Object(all))
    }

    /// A goal written `use: <kind>` with its fields beside it.
    pub(super) fn goal_by_use(
        &mut self,
        kind: &Descriptor,
        entries: &[Entry],
        node: &Node,
    ) -> Option<GoalDefinition> {
        let own = fields(kind);
        let sorted = Sorted::over(entries, &[USE, own, COMMON_FIELDS], self.checker.problems);
        let unknown = self.unknown_goal_keys(&sorted, kind, false);
        for field in own.iter().filter(|field| field.value == GOAL_NAMES) {
            self.hear_of_goals(sorted.value(field.name));
        }
        let arguments = match kind.value {
            Some(_) => {
                let what = format!("`use: {}`", kind.name);
                self.checker.sorted(own, &sorted, node, &what).map(Value::Object)
            }
            None => Some(Value::Null),
        };
        let common = self.common(&sorted, node);
        let plan = self.plan_of(&sorted, common.as_ref());
        let name = self.goal_name(kind, &sorted, node);
        let work = Work {
            kind: kind.name.to_owned(),
            arguments: arguments?,
        };
        let keys = [COMMON_FIELDS, own].concat();
        self.finish(name?, common?, work, plan?, (keys.as_slice(), node))
            .filter(|_| !unknown)
    }

    /// Reports keys that are neither common nor the kind's own; tells whether there were any.
    fn unknown_goal_keys(&mut self, sorted: &Sorted<'_>, kind: &Descriptor, kind_is_empty: bool) -> bool {
        let own = fields(kind);
        let mut known: Vec<&str> = COMMON_FIELDS.iter().map(|field| field.name).collect();
        if kind.by_use {
            known.extend(own.iter().map(|field| field.name));
        } else {
            known.push(kind.name);
            known.extend(beside(kind).iter().map(|field| field.name));
        }
        for entry in &sorted.unknown {
            let canonical = snake_case(entry.name());
            if ORIGINAL_KEYS.contains(&canonical.as_str()) {
                self.not_available(&canonical, &entry.key);
            } else if kind_is_empty && has_field(own, &canonical) {
                let message = format!("`{canonical}` stands beside `{}`, not below it", kind.name);
                let hint = format!("indent it further than `{}`", kind.name);
                self.problems()
                    .error_with_hint("unknown_key", &entry.key, message, hint);
            } else if !kind.by_use && has_field(own, &canonical) {
                let message = format!("a goal has no key `{}`", entry.name());
                let hint = format!("write it below `{0}`: `{0}: {{{canonical}: …}}`", kind.name);
                self.problems()
                    .error_with_hint("unknown_key", &entry.key, message, hint);
            } else {
                self.problems().unknown_key(entry, "a goal", &known);
            }
        }
        !sorted.unknown.is_empty()
    }

    /// The values of the common keys.
    fn common(&mut self, sorted: &Sorted<'_>, node: &Node) -> Option<Map<String, Value>> {
        if let Some(environment) = sorted.value("environment") {
            self.check_environment(environment);
        }
        let common = self.checker.sorted(COMMON_FIELDS, sorted, node, "a goal")?;
        let common = self.with_tests_of_listeners(common, sorted)?;
        let mut read = common.clone();
        let mut found = confirm::problems(&common);
        found.extend(files::problems(&files::files(&mut read)));
        found.extend(secrets::problems(&secrets::secrets(&mut read)));
        self.report(&found, COMMON_FIELDS, node);
        self.check_parameters(sorted);
        Some(common)
    }

    /// The values with the tests of the goal's listeners read; `None` comes with a problem.
    fn with_tests_of_listeners(
        &mut self,
        mut common: Map<String, Value>,
        sorted: &Sorted<'_>,
    ) -> Option<Map<String, Value>> {
        let field = COMMON_FIELDS.iter().find(|field| field.name == "listeners")?;
        if let (Some(node), Some(value)) = (sorted.value(field.name), common.remove(field.name)) {
            common.insert(field.name.to_owned(), self.tests_of(&field.value, node, value)?);
        }
        Some(common)
    }

    /// The name as written, or that of a kind that needs none.
    fn goal_name(&mut self, kind: &Descriptor, sorted: &Sorted<'_>, node: &Node) -> Option<String> {
        match sorted.value("name") {
            Some(written) => {
                let name = written.text()?;
                self.unique_name(name, written).map(|_| name.to_owned())
            }
            None if kind.by_use => Some(kind.name.replace('_', " ")),
            None => {
                let message = format!("`{}` can't be used without 'name' property", kind.name);
                self.problems().error_with_hint(
                    "missing_property",
                    node,
                    message,
                    "give the goal a `name`; it is what people see",
                );
                None
            }
        }
    }

    fn finish(
        &mut self,
        name: String,
        common: Map<String, Value>,
        work: Work,
        plan: Option<DynamicPlan>,
        (keys, node): (&[Field], &Node),
    ) -> Option<GoalDefinition> {
        let unique_name = self.unique_name(&name, node)?;
        let place = node.place.clone();
        let goal = GoalDefinition {
            plan,
            ..common::definition(name, unique_name, place, work, common)
        };
        let found = (self.catalogue.check_goal)(&goal);
        let is_good = self.report(&found, keys, node);
        let has_all = self.asks_for_what_it_has(&goal, node);
        (is_good && has_all).then_some(goal)
    }

    /// The plan among the common keys; nothing when it has problems.
    fn plan_of(
        &mut self,
        sorted: &Sorted<'_>,
        common: Option<&Map<String, Value>>,
    ) -> Option<Option<DynamicPlan>> {
        match (sorted.value("plan"), common.and_then(|common| common.get("plan"))) {
            (Some(node), Some(value)) => self.dynamic_plan(node, value).map(Some),
            (Some(_) | None, _) => Some(None),
        }
    }

    fn no_kind(&mut self, entries: &[Entry], node: &Node) {
        if self.problems().is_closed_at(node) {
            return;
        }
        let message = format!("Unable to construct goal from '{}'", shown(node));
        let hint = self.kind_hint(entries);
        self.problems()
            .error_with_hint("unknown_goal", node, message, hint);
        for entry in entries {
            let canonical = snake_case(entry.name());
            let common: Vec<&str> = COMMON_FIELDS.iter().map(|field| field.name).collect();
            let is_slip = !common.contains(&canonical.as_str())
                && (suggest::nearest(&canonical, common.iter().copied()).is_some()
                    || meant(GOAL, &canonical).is_some());
            if is_slip && self.near_kind(&canonical).is_none() {
                self.problems().unknown_key(entry, "a goal", &common);
            }
        }
    }

    fn kind_hint(&self, entries: &[Entry]) -> String {
        let keys = entries.iter().map(|entry| snake_case(entry.name()));
        let unknown: Vec<String> = keys.filter(|key| !has_field(COMMON_FIELDS, key)).collect();
        let by_use = |key: &String| find(self.catalogue.kinds, key).filter(|kind| kind.by_use);
        if let Some(kind) = unknown.iter().find_map(by_use) {
            return format!("write `use: {}`", kind.name);
        }
        if unknown.iter().any(|key| key == "lock") {
            return "write `use: lock`".to_owned();
        }
        let of_command = |key: &String| find(self.catalogue.command_kinds, key);
        if let Some(kind) = unknown.iter().find_map(of_command) {
            return format!(
                "`{}` is something that people ask for: write it below `commands`",
                kind.name
            );
        }
        let says_what_runs = unknown.iter().find(|key| WHAT_RUNS.contains(&key.as_str()));
        if let Some(meant) = says_what_runs.and_then(|key| meant(GOAL, key)) {
            return meant.to_owned();
        }
        let has_name = entries.iter().any(|entry| entry.name() == "name");
        let by_name = entries
            .iter()
            .find(|entry| !has_name && self.is_named_goal(entry));
        if let Some(entry) = by_name {
            let name = shorten(entry.name(), 40);
            return format!("write the name in the goal: `- {{name: {name}, …}}`");
        }
        let is_slip = |key: &&String| meant(GOAL, key).is_none();
        match unknown.iter().filter(is_slip).find_map(|key| self.near_kind(key)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let kinds: Vec<&str> = self.kind_keys.iter().map(|kind| kind.name).collect();
                format!("say what it does: {} or `use`", listed(&kinds))
            }
        }
    }

    /// Whether a key stands over what a goal does, as its name.
    fn is_named_goal(&self, entry: &Entry) -> bool {
        let below = entry.value.entries().unwrap_or_default();
        !self.kinds_of(below).is_empty() || below.iter().any(|entry| WHAT_RUNS.contains(&entry.name()))
    }

    fn near_kind(&self, key: &str) -> Option<&'static str> {
        let kinds = self.kind_keys.iter().map(|kind| kind.name);
        suggest::nearest(key, kinds.chain(["use"]))
    }

    /// A word of the original that means nothing here.
    pub(crate) fn not_available(&mut self, word: &str, node: &Node) {
        self.problems().error_with_hint(
            "not_available",
            node,
            format!("`{word}` is not available in this version"),
            instead_of(word),
        );
    }

    /// The kind, standalone goal or marker that `use` names.
    pub(super) fn kind_in_use(&self, word: &str) -> Option<Used<'c>> {
        let canonical = snake_case(word);
        if canonical == "lock" {
            return Some(Used::Lock);
        }
        find(self.catalogue.kinds, &canonical)
            .filter(|kind| kind.by_use)
            .map(Used::Kind)
    }
}
