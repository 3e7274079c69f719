//! Tests by name: `push_tests` at the top of a goal file defines them, and `use` in a test stands for them (semantics 7.5).
//!
//! A definition may ask for `${parameters.…}`. Every use fills in a copy of its own, as a reference to a goal does, and is
//! read like a test that is written in its place; what is wrong with it is said where it is defined. Of placeholders only
//! those are filled in, and `$${` stands for a literal `${`. In an expression a parameter is data, whatever it looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::model::descriptor::Form;
use crate::model::{Diagnostic, Field, TestExpression, ValueType, suggest};

use super::catalogue::find;
use super::keys::{Sorted, snake_case};
use super::placeholder::Template;
use super::problems::{Problems, listed};
use super::reader::{Reader, shown};
use super::reference::{Filled, Filling, Lack, Unfilled};
use super::yaml::{Entry, Node};

/// Keys of a test that stands for another one.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "use",
        ValueType::Form(Form::TestName),
        "a test of `push_tests` by its name",
    )
    .required(),
    Field::new(
        "parameters",
        ValueType::Map(&ValueType::Any),
        "what stands for `${parameters.…}` in the test that is used",
    ),
];

/// Most tests by name.
const MAX_TESTS: usize = 1_000;

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// Levels of tests that use each other, each with all of its own: what is read and asked goes as deep.
const MAX_LEVELS: usize = 32;

/// Values of all uses together: tests that use each other twice would double each time (threat B7).
const MAX_VALUES: usize = 100_000;

/// The path of parameters.
const PARAMETERS: &str = "parameters.";

/// The definitions, and what of them is being read.
#[derive(Default)]
pub(crate) struct NamedTests {
    defined: BTreeMap<String, Entry>,
    /// Names of those whose placeholders are wrong, which is said where they are defined.
    misspelt: BTreeSet<String>,
    /// Names of the tests around what is read now, outermost first, with their levels.
    around: Vec<(String, usize)>,
    budget: Budget,
}

impl NamedTests {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.defined.keys().map(String::as_str)
    }

    /// The outermost test that a use of `name` is for.
    fn outermost(&self, name: &str) -> String {
        self.around.first().map_or(name, |(name, _)| name).to_owned()
    }
}

/// What uses of tests have come to.
#[derive(Default)]
struct Budget {
    /// Values read for uses, by the outermost test they are for.
    spent: BTreeMap<String, usize>,
    /// Tests that are too large by themselves; that is said once for each.
    too_large: BTreeSet<String>,
    /// Nothing more is filled in: whoever spent most was named.
    is_spent: bool,
}

impl Budget {
    fn spend(&mut self, outermost: String, values: usize) {
        *self.spent.entry(outermost).or_default() += values;
    }

    fn all(&self) -> usize {
        self.spent.values().sum()
    }

    /// Who spent most.
    fn greatest(&self) -> Option<&str> {
        let greatest = self.spent.iter().max_by_key(|(_, values)| **values);
        greatest.map(|(name, _)| name.as_str())
    }
}

impl Reader<'_, '_> {
    /// Takes the definitions of all files. Those that need no parameter are read once, so that what is wrong with them is
    /// said also when nobody uses them.
    pub(crate) fn define_tests(&mut self, entries: &[Entry]) {
        if let Some(entry) = entries.get(MAX_TESTS) {
            let message = format!("there are more than {MAX_TESTS} tests below `push_tests`");
            self.problems().error("too_many", &entry.key, message);
        }
        for entry in entries.iter().take(MAX_TESTS) {
            self.define_test(entry);
        }
        let defined: Vec<Entry> = self.named_tests.defined.values().cloned().collect();
        for entry in defined {
            let mut filling = Filling::of_test(None);
            if let Ok(Filled::As(whole)) = filling.node(&entry.value)
                && filling.unfilled().is_empty()
            {
                self.read_used(entry.name(), &whole, &entry.key);
            }
        }
    }

    fn define_test(&mut self, entry: &Entry) {
        let name = entry.name();
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let message = format!("the name of a test is one line of at most {MAX_NAME} characters");
            self.problems().error("invalid_name", &entry.key, message);
            return;
        }
        let canonical = snake_case(name);
        if ["not", "and", "or", "use"].contains(&canonical.as_str())
            || find(self.catalogue.push_tests, &canonical).is_some()
        {
            let message = format!("`{name}` is a test already");
            let hint = "give this one another name";
            self.problems()
                .error_with_hint("duplicate_test", &entry.key, message, hint);
            return;
        }
        if let Some(earlier) = self.named_tests.defined.get(name) {
            let message = format!("there is a test `{name}` already, at {}", earlier.key.place);
            self.problems()
                .error_with_hint("duplicate_test", &entry.key, message, "rename one of them");
            return;
        }
        if self.asks_for_parameters_only(&entry.value) {
            self.named_tests.defined.insert(name.to_owned(), entry.clone());
        } else {
            self.named_tests.misspelt.insert(name.to_owned());
        }
    }

    /// Whether every placeholder of a definition is well formed and asks for a parameter: nothing else is filled in.
    fn asks_for_parameters_only(&mut self, node: &Node) -> bool {
        let mut all_right = true;
        for item in node.items().unwrap_or_default() {
            all_right &= self.asks_for_parameters_only(item);
        }
        for entry in node.entries().unwrap_or_default() {
            all_right &= self.asks_for_parameters_only(&entry.value);
        }
        all_right & self.text_asks_for_parameters_only(node)
    }

    fn text_asks_for_parameters_only(&mut self, node: &Node) -> bool {
        let Some(text) = node.text().filter(|text| text.contains("${")) else {
            return true;
        };
        let problem = match Template::parse(text) {
            Err(error) => Some((error.offset, "invalid_placeholder", error.to_string())),
            Ok(template) => template.asked().iter().find_map(|asked| {
                let message = format!("`${{{}}}` is not filled in here: only parameters are", asked.path);
                let is_parameter = asked
                    .path
                    .strip_prefix(PARAMETERS)
                    .is_some_and(|name| !name.is_empty());
                (!is_parameter).then_some((asked.offset, "unknown_placeholder", message))
            }),
        };
        let Some((offset, code, message)) = problem else {
            return true;
        };
        let hint =
            "write `${parameters.name}` or `${parameters.name:default}`; `$${` stands for a literal `${`";
        self.problems()
            .add(Diagnostic::error(code, node.place_within(offset), message).hint(hint));
        false
    }

    /// The test that a map with `use` stands for; `None` always comes with a problem.
    pub(super) fn used_test(&mut self, entries: &[Entry], node: &Node) -> Option<TestExpression> {
        let sorted = Sorted::over(entries, &[FIELDS], self.checker.problems);
        let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        for entry in &sorted.unknown {
            self.problems()
                .unknown_key(entry, "a test that uses another", &known);
        }
        let written = sorted.value("use")?;
        let Some(definition) = written
            .text()
            .and_then(|name| self.named_tests.defined.get(name))
            .cloned()
        else {
            let is_misspelt = |name: &str| self.named_tests.misspelt.contains(name);
            if !written.text().is_some_and(is_misspelt) {
                self.unknown_name(written, node);
            }
            return None;
        };
        let given = sorted.value("parameters");
        let is_known = self.parameters_fit(&definition, given);
        let filled = self.filled(&definition, given, written)?;
        if !is_known || !sorted.unknown.is_empty() {
            return None;
        }
        self.read_used(definition.name(), &filled, written)
    }

    /// Reads a definition for a use at `at`.
    fn read_used(&mut self, name: &str, definition: &Node, at: &Node) -> Option<TestExpression> {
        let levels = definition.levels() + 1;
        let around = &self.named_tests.around;
        if let Some(first) = around.iter().position(|(around, _)| around == name) {
            let circle: Vec<&str> = around[first..].iter().map(|(name, _)| name.as_str()).collect();
            let message = format!("the test `{name}` uses itself: {} → {name}", circle.join(" → "));
            self.problems().error("cyclic_test", at, message);
            return None;
        }
        if levels + around.iter().map(|(_, levels)| levels).sum::<usize>() > MAX_LEVELS {
            let message = format!("the tests that `{name}` uses go more than {MAX_LEVELS} levels deep");
            let hint = "write what they say in fewer levels";
            self.problems().error_with_hint("too_deep", at, message, hint);
            return None;
        }
        self.named_tests.around.push((name.to_owned(), levels));
        let test = self.test(definition);
        self.named_tests.around.pop();
        test
    }

    /// The copy of a definition that a use at `at` stands for; `None` comes with a problem, here or where all was spent.
    fn filled(&mut self, definition: &Entry, given: Option<&Node>, at: &Node) -> Option<Rc<Node>> {
        if self.named_tests.budget.is_spent {
            return None;
        }
        let mut filling = Filling::of_test(given);
        let filled = filling.node(&definition.value);
        let outermost = self.named_tests.outermost(definition.name());
        self.named_tests.budget.spend(outermost, filling.values());
        let filled = match filled {
            Ok(filled) if self.named_tests.budget.all() <= MAX_VALUES => filled,
            Ok(_) => {
                self.all_is_spent();
                return None;
            }
            Err(_) => {
                self.is_too_large(definition);
                return None;
            }
        };
        let unfilled = filling.unfilled();
        if !unfilled.is_empty() {
            self.lacks(definition.name(), &unfilled, at);
            return None;
        }
        match filled {
            Filled::As(filled) => Some(filled),
            Filled::Absent => {
                let message = format!("nothing is left of the test `{}`", definition.name());
                let hint = "give the parameter that it consists of";
                self.problems().error_with_hint("empty_test", at, message, hint);
                None
            }
        }
    }

    /// Names the test that most was spent for, where it is defined, and no other.
    fn all_is_spent(&mut self) {
        self.named_tests.budget.is_spent = true;
        let greatest = self.named_tests.budget.greatest().unwrap_or_default().to_owned();
        let Some(definition) = self.named_tests.defined.get(&greatest).cloned() else {
            return;
        };
        let message = format!(
            "the tests that are used become too large with everything filled in, and most of it is `{greatest}` with what \
             it uses"
        );
        let hint = "let it use fewer tests, or smaller ones";
        self.problems()
            .error_with_hint("too_large", &definition.key, message, hint);
    }

    fn is_too_large(&mut self, definition: &Entry) {
        let name = definition.name();
        if self.named_tests.budget.too_large.insert(name.to_owned()) {
            let message = format!("the test `{name}` becomes too large with its parameters filled in");
            let hint = "make it smaller, or give it smaller parameters";
            self.problems()
                .error_with_hint("too_large", &definition.key, message, hint);
        }
    }

    /// Says what stands in the way of each parameter, once.
    fn lacks(&mut self, test: &str, unfilled: &[Unfilled<'_>], at: &Node) {
        let mut said: BTreeSet<&str> = BTreeSet::new();
        for unfilled in unfilled.iter().filter(|unfilled| said.insert(&unfilled.path)) {
            let (code, message, hint) = what_lacks(test, unfilled);
            let at = match unfilled.lack {
                Lack::Missing => at,
                Lack::Nothing(given)
                | Lack::NoPart(given)
                | Lack::NotText(given)
                | Lack::EndsRawText(given) => given,
            };
            self.problems().error_with_hint(code, at, message, hint);
        }
    }

    /// A parameter that the test does not ask for is a slip of the finger.
    fn parameters_fit(&mut self, definition: &Entry, given: Option<&Node>) -> bool {
        let Some(given) = given.filter(|given| !given.is_null()) else {
            return true;
        };
        let Some(entries) = given.entries() else {
            let message = format!("`parameters` must be a map, and this is {}", given.what());
            self.problems().error("wrong_type", given, message);
            return false;
        };
        let asked = parameters_of(&definition.value);
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let unknown = entries.iter().filter(|entry| !asked.contains(&entry.name()));
        let mut fits = true;
        for entry in unknown {
            fits = false;
            unknown_parameter(entry, definition.name(), &asked, self.problems());
        }
        fits
    }

    fn unknown_name(&mut self, written: &Node, node: &Node) {
        let message = format!("Unable to construct push test from '{}'", shown(node));
        let near = written
            .text()
            .and_then(|name| suggest::nearest(name, self.named_tests.names()));
        let names: Vec<&str> = self.named_tests.names().take(14).collect();
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "define it below `push_tests` at the top of a goal file".to_owned(),
            None => format!("tests with a name are {}", listed(&names)),
        };
        self.problems()
            .error_with_hint("unknown_test", node, message, hint);
    }
}

/// Code, message and hint of a parameter that nothing stands for.
fn what_lacks(test: &str, unfilled: &Unfilled<'_>) -> (&'static str, String, String) {
    let Unfilled { path, place, lack } = unfilled;
    match lack {
        Lack::Missing => {
            let name = path.split('.').next().unwrap_or(path);
            let message = format!("the test `{test}` needs the parameter `{name}`");
            let hint = format!(
                "add `parameters: {{{name}: …}}` beside `use`, or a default there: `${{parameters.{path}:…}}`"
            );
            ("missing_parameter", message, hint)
        }
        Lack::Nothing(_) => {
            let message =
                format!("the test `{test}` needs the parameter `{path}`, and nothing is written for it");
            let hint = format!("write its value; it is asked for at {place}");
            ("missing_parameter", message, hint)
        }
        Lack::NoPart(given) => {
            let message = format!(
                "the test `{test}` needs `{path}`, and this is {} without it",
                given.what()
            );
            (
                "missing_parameter",
                message,
                format!("it is asked for at {place}"),
            )
        }
        Lack::NotText(given) => {
            let what = given.what();
            let message = format!("`{path}` of the test `{test}` must be one value, and this is {what}");
            let hint = format!("it becomes part of the text at {place}");
            ("wrong_type", message, hint)
        }
        Lack::EndsRawText(_) => {
            let message =
                format!("`{path}` of the test `{test}` would end the raw text that it becomes part of");
            let hint = format!("write the text at {place} without `r` before its quotes");
            ("wrong_type", message, hint)
        }
    }
}

fn unknown_parameter(entry: &Entry, test: &str, asked: &[&str], problems: &mut Problems) {
    let message = format!("the test `{test}` has no parameter `{}`", entry.name());
    let hint = known_parameters(entry.name(), asked);
    problems.error_with_hint("unknown_parameter", &entry.key, message, hint);
}

/// What to write instead of a parameter that nothing asks for.
pub(super) fn known_parameters(name: &str, asked: &[&str]) -> String {
    match suggest::nearest(name, asked.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if asked.is_empty() => "it has none; remove it".to_owned(),
        None => format!("it has {}", listed(asked)),
    }
}

/// The parameters that a value asks for, each once.
pub(super) fn parameters_of(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found
}

fn collect(node: &Node, found: &mut Vec<String>) {
    for item in node.items().unwrap_or_default() {
        collect(item, found);
    }
    for entry in node.entries().unwrap_or_default() {
        collect(&entry.value, found);
    }
    let text = node.text().filter(|text| text.contains("${"));
    let Some(Ok(template)) = text.map(Template::parse) else {
        return;
    };
    for path in template.paths() {
        let Some(path) = path.strip_prefix(PARAMETERS) else {
            continue;
        };
        let name = path.split('.').next().unwrap_or(path).to_owned();
        if !found.contains(&name) {
            found.push(name);
        }
    }
}
