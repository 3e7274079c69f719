//! Tests as people write them: a word, an object with one key, or a list of both (semantics 7.5).
//!
//! An object with `use` stands for a test that has a name ([`named_test`](super::named_test)).

use std::rc::Rc;

use serde_json::Value;

use crate::model::descriptor::Form;
use crate::model::suggest;
use crate::model::{Descriptor, Field, TestExpression, ValueType};

use super::catalogue::{fields, find, has_field};
use super::keys::snake_case;
use super::other_systems::{TEST, meant};
use super::problems::listed;
use super::reader::{Reader, shown};
use super::triggering_goal;
use super::yaml::{Entry, Node};

/// Tests of the original that need what this version does not have.
const NOT_AVAILABLE: [&str; 2] = ["is_skill_configured", "has_resource_provider"];

/// Tests made of tests.
pub(crate) const COMBINATORS: &[Field] = &[
    Field::new(
        "not",
        ValueType::Form(Form::Test),
        "holds when the one test below it does not",
    ),
    Field::new(
        "and",
        ValueType::Form(Form::Test),
        "holds when all tests below it hold",
    )
    .aliases(&["all"]),
    Field::new(
        "or",
        ValueType::Form(Form::Test),
        "holds when one of the tests below it holds",
    )
    .aliases(&["any"]),
];

/// What one key of a test object means.
#[derive(Clone, Copy)]
enum Meaning<'c> {
    Not,
    And,
    Or,
    Leaf(&'c Descriptor),
}

impl<'c> Reader<'c, '_> {
    /// A test: `None` always comes with a problem.
    pub(crate) fn test(&mut self, node: &Node) -> Option<TestExpression> {
        if let Some(items) = node.items() {
            let all = self.operands(items, node)?;
            return Some(match <[TestExpression; 1]>::try_from(all) {
                Ok([only]) => only,
                Err(all) => TestExpression::And {
                    all,
                    place: node.place.clone(),
                },
            });
        }
        if let Some(entries) = node.entries() {
            return self.test_object(entries, node);
        }
        match node.text() {
            Some(word) => self.bare_test(word, node),
            None => {
                self.empty_test(node);
                None
            }
        }
    }

    fn operands(&mut self, items: &[Rc<Node>], node: &Node) -> Option<Vec<TestExpression>> {
        if items.is_empty() {
            self.empty_test(node);
            return None;
        }
        let read: Vec<Option<TestExpression>> = items.iter().map(|item| self.test(item)).collect();
        read.into_iter().collect()
    }

    /// `test:` with nothing below it would mean any push, which nobody writes by leaving something out.
    fn empty_test(&mut self, node: &Node) {
        self.problems().error_with_hint(
            "empty_test",
            node,
            "there is no test here",
            "write one below it, or remove the key: a rule without `test` applies to any push",
        );
    }

    fn bare_test(&mut self, word: &str, node: &Node) -> Option<TestExpression> {
        let canonical = snake_case(word);
        match find(self.catalogue.push_tests, &canonical) {
            Some(descriptor) if descriptor.value.is_none() => Some(leaf(descriptor, Value::Null, node)),
            Some(descriptor) => {
                self.needs_value(descriptor, node);
                None
            }
            None => {
                self.unknown_test(&[&canonical], node);
                None
            }
        }
    }

    fn needs_value(&mut self, descriptor: &Descriptor, node: &Node) {
        let message = format!("Unable to construct push test from '{}'", shown(node));
        let hint = format!("`{}` needs a value: `{}`", descriptor.name, descriptor.example);
        self.problems()
            .error_with_hint("unknown_test", node, message, hint);
    }

    fn test_object(&mut self, entries: &[Entry], node: &Node) -> Option<TestExpression> {
        if entries.iter().any(|entry| snake_case(entry.name()) == "use") {
            return self.used_test(entries, node);
        }
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for entry in entries {
            match self.meaning(entry.name()) {
                Some(meaning) => known.push((entry, meaning)),
                None => unknown.push(entry),
            }
        }
        match known.as_slice() {
            [] => {
                let names: Vec<String> = unknown.iter().map(|entry| snake_case(entry.name())).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.unknown_test(&names, node);
                None
            }
            [(entry, meaning)] if unknown.is_empty() => self.test_entry(entry, *meaning, node),
            [(entry, meaning)] => {
                self.stray_keys(entry, *meaning, &unknown);
                None
            }
            several => {
                self.several_tests(several, node);
                None
            }
        }
    }

    fn meaning(&self, key: &str) -> Option<Meaning<'c>> {
        let canonical = snake_case(key);
        match canonical.as_str() {
            "not" => Some(Meaning::Not),
            "and" | "all" => Some(Meaning::And),
            "or" | "any" => Some(Meaning::Or),
            _ => find(self.catalogue.push_tests, &canonical).map(Meaning::Leaf),
        }
    }

    fn test_entry(&mut self, entry: &Entry, meaning: Meaning<'_>, node: &Node) -> Option<TestExpression> {
        let place = node.place.clone();
        match meaning {
            Meaning::Not => self.negated(entry).map(|inner| TestExpression::Not {
                inner: Box::new(inner),
                place,
            }),
            Meaning::And => self
                .one_or_many(&entry.value)
                .map(|all| TestExpression::And { all, place }),
            Meaning::Or => self
                .one_or_many(&entry.value)
                .map(|any| TestExpression::Or { any, place }),
            Meaning::Leaf(descriptor) => self.leaf_test(descriptor, entry, node),
        }
    }

    fn one_or_many(&mut self, node: &Node) -> Option<Vec<TestExpression>> {
        match node.items() {
            Some(items) => self.operands(items, node),
            None => self.test(node).map(|one| vec![one]),
        }
    }

    fn negated(&mut self, entry: &Entry) -> Option<TestExpression> {
        let value = &entry.value;
        if value.is_null() {
            self.problems().error_with_hint(
                "empty_test",
                value,
                "`not` negates nothing",
                "write the test it negates below it, indented further than `not`",
            );
            return None;
        }
        if value.items().is_some_and(|items| items.len() > 1) {
            self.problems().error_with_hint(
                "several_tests",
                value,
                "`not` takes exactly one test",
                "write `not: {or: […]}` when none may hold, `not: {and: […]}` when not all may hold",
            );
            return None;
        }
        self.test(value)
    }

    fn leaf_test(&mut self, descriptor: &Descriptor, entry: &Entry, node: &Node) -> Option<TestExpression> {
        let value = &*entry.value;
        let Some(wanted) = descriptor.value else {
            // `is_default_branch: true` says what the bare word says.
            if value.is_null() || value.text() == Some("true") {
                return Some(leaf(descriptor, Value::Null, node));
            }
            let message = format!("`{}` takes no value", descriptor.name);
            let hint = format!("write `{0}` alone, or `not: {0}`", descriptor.name);
            self.problems()
                .error_with_hint("wrong_type", value, message, hint);
            return None;
        };
        if value.is_null() {
            self.needs_value(descriptor, node);
            return None;
        }
        let what = format!("`{}`", descriptor.name);
        let arguments = self.value_with_tests(&wanted, value, &what)?;
        if wanted == ValueType::Regex && descriptor.name.starts_with("is_") {
            self.warn_about_search(descriptor, value);
        }
        if descriptor.name == triggering_goal::TEST {
            self.warn_about_other_machine(&arguments, value);
            self.remember_awaited(&arguments, value);
        }
        Some(leaf(descriptor, arguments, node))
    }

    /// `is_branch: main` searches and so holds for `maintenance` too (PT-33), and `is_branch: release/` for `evil/release/x` (threat A7).
    fn warn_about_search(&mut self, descriptor: &Descriptor, node: &Node) {
        if let Some(pattern) = node.text().filter(|pattern| is_glob(pattern)) {
            let name = descriptor.name;
            let message = format!(
                "`{name}: {pattern}` is a regular expression, in which `*` repeats what stands before it"
            );
            let hint = format!("write `^{}$` for what a glob means", pattern.replace('*', ".*"));
            self.problems().warning("unanchored_pattern", node, message, hint);
            return;
        }
        if let Some(pattern) = node.text().filter(|pattern| is_beginning(pattern)) {
            let name = descriptor.name;
            let message = format!("`{name}: {pattern}` searches: it also holds for `other/{pattern}x`");
            let hint = format!("write `^{pattern}` for what begins so");
            self.problems().warning("unanchored_pattern", node, message, hint);
            return;
        }
        let Some(pattern) = node
            .text()
            .filter(|pattern| pattern.split('|').all(is_plain_word))
        else {
            return;
        };
        let anchored = if pattern.contains('|') {
            format!("^({pattern})$")
        } else {
            format!("^{pattern}$")
        };
        let first = pattern.split('|').next().unwrap_or(pattern);
        let message = format!(
            "`{}: {pattern}` searches: it also holds for `{first}-old` and `my-{first}`",
            descriptor.name
        );
        let hint = format!("write `{anchored}` for exactly that");
        self.problems().warning("unanchored_pattern", node, message, hint);
    }

    fn unknown_test(&mut self, written: &[&str], node: &Node) {
        if self.problems().is_closed_at(node) {
            return;
        }
        let message = format!("Unable to construct push test from '{}'", shown(node));
        let hint = match written.iter().find(|word| NOT_AVAILABLE.contains(word)) {
            Some(word) => format!("`{word}` is not available in this version"),
            None => self.test_hint(written),
        };
        self.problems()
            .error_with_hint("unknown_test", node, message, hint);
    }

    fn test_hint(&self, written: &[&str]) -> String {
        if let Some(meant) = written.iter().find_map(|word| meant(TEST, word)) {
            return meant.to_owned();
        }
        if written.iter().any(|word| is_expression(word)) {
            return "write it as CEL: `when: 'push.branch == \"main\"'`".to_owned();
        }
        let names = || {
            let tests = self.catalogue.push_tests.iter();
            let names = tests.flat_map(|test| std::iter::once(test.name).chain(test.aliases.iter().copied()));
            names.chain(["not", "and", "or"])
        };
        match written.iter().find_map(|word| suggest::nearest(word, names())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = self.catalogue.push_tests.iter().map(|test| test.name).collect();
                format!("tests are {} and `not`, `and`, `or`", listed(&names))
            }
        }
    }

    /// One test and keys that are none: options that slipped out of their test, or slips of the finger.
    fn stray_keys(&mut self, test: &Entry, meaning: Meaning<'_>, unknown: &[&Entry]) {
        let options = match meaning {
            Meaning::Leaf(descriptor) => fields(descriptor),
            Meaning::Not | Meaning::And | Meaning::Or => &[],
        };
        for entry in unknown {
            let canonical = snake_case(entry.name());
            if has_field(options, &canonical) {
                let message = format!("`{canonical}` stands beside `{}`, not below it", test.name());
                let hint = format!("indent it further than `{}`", test.name());
                self.problems()
                    .error_with_hint("unknown_key", &entry.key, message, hint);
            } else {
                let names: Vec<&str> = options.iter().map(|option| option.name).collect();
                let owner = format!("`{}`", test.name());
                self.problems().unknown_key(entry, &owner, &names);
            }
        }
    }

    /// The trap of YAML lists: `- not:` and `  has_file: x` below it are two keys of one object (YM-14).
    fn several_tests(&mut self, tests: &[(&Entry, Meaning<'_>)], node: &Node) {
        let names: Vec<&str> = tests.iter().map(|(entry, _)| entry.name()).collect();
        let message = format!(
            "{} stand in one object, which can hold only one test",
            listed(&names)
        );
        let empty = tests.iter().find(|(entry, _)| entry.value.is_null());
        let hint = match empty {
            Some((empty, _)) => {
                let others: Vec<&str> = names
                    .iter()
                    .copied()
                    .filter(|name| *name != empty.name())
                    .collect();
                format!(
                    "{} is at the same indentation as `{}:` and so not below it; indent it by two more spaces",
                    listed(&others),
                    empty.name()
                )
            }
            None => "begin each test with `- ` to make a list of tests that must all hold".to_owned(),
        };
        self.problems()
            .error_with_hint("several_tests", node, message, hint);
    }
}

fn leaf(descriptor: &Descriptor, arguments: Value, node: &Node) -> TestExpression {
    TestExpression::Test {
        name: descriptor.name.to_owned(),
        arguments,
        place: node.place.clone(),
    }
}

/// A pattern that reads like a glob: a name with a star behind what nobody wants repeated.
fn is_glob(pattern: &str) -> bool {
    let has_star = pattern.ends_with('*') && !pattern.ends_with(".*");
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '*');
    has_star && pattern.chars().all(plain) && pattern.starts_with(char::is_alphanumeric)
}

/// Whether a word reads like a condition rather than like the name of a test.
fn is_expression(word: &str) -> bool {
    ["==", "!=", "&&", "||", "=~", "(", "<", ">"]
        .iter()
        .any(|sign| word.contains(sign))
}

/// Whether a pattern is a word with a slash behind it, such as branches of a sort begin with.
fn is_beginning(pattern: &str) -> bool {
    pattern.strip_suffix('/').is_some_and(is_plain_word)
}

/// A pattern that reads like a name: no special characters, and a letter or digit at both ends.
fn is_plain_word(pattern: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
    pattern.chars().all(plain)
        && pattern.starts_with(char::is_alphanumeric)
        && pattern.ends_with(char::is_alphanumeric)
}
