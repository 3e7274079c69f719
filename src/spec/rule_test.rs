//! The author's own tests of the rules as people write them: a push, and what must be planned for it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::descriptor::Form;
use crate::model::plan::RuleOutcome;
use crate::model::push::{Signature, Trust};
use crate::model::rule_test::{Expectation, Expected, Mention, PushDescription, RuleTest};
use crate::model::set_tag::SetTag;
use crate::model::{BranchName, Diagnostic, Field, RepoSlug, StateName, ValueType};

use super::keys::{Sorted, snake_case};
use super::reader::Reader;
use super::yaml::{self, Entry, Meaning, Node};

/// Keys of a test.
pub const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Verbatim, "what it shows, as a sentence").required(),
    Field::new(
        "push",
        ValueType::Fields(PUSH_FIELDS),
        "the push; everything that is left out is ordinary",
    ),
    Field::new(
        "goal",
        ValueType::Fields(super::triggering_goal::FIELDS),
        "a goal of this push because of which rules are asked; without it, because of the push",
    ),
    Field::new(
        "expect",
        ValueType::Fields(EXPECT_FIELDS),
        "what must be planned for it",
    )
    .required(),
];

/// Keys of its push.
pub const PUSH_FIELDS: &[Field] = &[
    Field::new("branch", ValueType::Verbatim, "branch; the default branch"),
    Field::new(
        "default_branch",
        ValueType::Verbatim,
        "default branch of the repository",
    )
    .default("main"),
    Field::new("repo", ValueType::Verbatim, "the repository, `owner/name`").default("acme/project"),
    Field::new(
        "files",
        ValueType::Map(&ValueType::Verbatim),
        "files of the tree with their content, `\"\"` for an empty one",
    ),
    Field::new(
        "changed",
        ValueType::List(&ValueType::Path),
        "changed or added files, empty unless `files` has them; all of `files`, or unknown for a first push",
    ),
    Field::new(
        "deleted",
        ValueType::List(&ValueType::Path),
        "files that the push removes",
    ),
    Field::new(
        "messages",
        ValueType::List(&ValueType::Verbatim),
        "messages of its commits, newest first",
    ),
    Field::new(
        "author",
        ValueType::Verbatim,
        "author of the commits, `Name <email>`",
    )
    .default("Ada <ada@example.com>"),
    Field::new(
        "trust",
        ValueType::Choice(&["member", "fork"]),
        "who pushes: somebody who may write to the repository, or a fork",
    )
    .default("member"),
    Field::new(
        "before",
        ValueType::Choice(&["known", "none"]),
        "the branch's old head: `none` for the first push of a branch",
    )
    .default("known"),
    Field::new(
        "forced",
        ValueType::Boolean,
        "whether the old head is not part of the new history",
    )
    .default("false"),
    Field::new(
        "local_mode",
        ValueType::Boolean,
        "whether the machine runs without a hub",
    )
    .default("true"),
    Field::new(
        "public",
        ValueType::Boolean,
        "whether the forge says that anybody may read the repository",
    )
    .default("false"),
    Field::new(
        "pull_request",
        ValueType::Boolean,
        "whether the branch has an open pull request",
    )
    .default("false"),
    Field::new(
        "preferences",
        ValueType::Map(&ValueType::Any),
        "preferences of the machine",
    ),
];

/// Keys of what it expects.
pub const EXPECT_FIELDS: &[Field] = &[
    Field::new(
        "goals",
        ValueType::List(&ValueType::Form(Form::GoalName)),
        "the goals that are set, all of them; `[]` for none",
    ),
    Field::new(
        "includes",
        ValueType::List(&ValueType::Form(Form::GoalName)),
        "goals that are set, perhaps among others",
    ),
    Field::new(
        "not",
        ValueType::List(&ValueType::Form(Form::GoalName)),
        "goals that are not set",
    ),
    Field::new(
        "order",
        ValueType::List(&ValueType::List(&ValueType::Form(Form::GoalName))),
        "goals of which each waits for the one before it; a list of lists for several such orders",
    ),
    Field::new(
        "states",
        ValueType::Map(&ValueType::Choice(&[
            "planned",
            "requested",
            "waiting_for_pre_approval",
        ])),
        "states in which goals begin, by goal",
    ),
    Field::new("set", ValueType::Verbatim, "the name of the goal set"),
    Field::new(
        "tags",
        ValueType::List(&ValueType::Verbatim),
        "the tags of the goal set, all of them, as `name` or `name:value`; `[]` for none",
    ),
    Field::new(
        "locked",
        ValueType::Boolean,
        "whether a rule that locks has matched",
    ),
    Field::new(
        "rules",
        ValueType::Map(&ValueType::Choice(&[
            "matched",
            "not_matched",
            "locked_out",
            "not_reached",
            "error",
        ])),
        "what becomes of rules, by rule",
    ),
    Field::new(
        "error",
        ValueType::Verbatim,
        "a part of the reason why planning fails",
    ),
];

/// A complete test, for the reference.
pub const EXAMPLE: &str = "name: a docs change does not ship\n\
    push: {changed: [README.md], files: {Cargo.toml: \"\"}}\n\
    expect: {goals: [format, test], not: [publish], order: [format, test]}";

/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// What the checked keys of a push say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    branch: Option<String>,
    default_branch: String,
    repo: String,
    changed: Option<Vec<String>>,
    deleted: Vec<String>,
    messages: Vec<String>,
    author: String,
    trust: String,
    before: String,
    forced: bool,
    local_mode: bool,
    public: bool,
    pull_request: bool,
    preferences: Map<String, Value>,
}

impl Reader<'_, '_> {
    /// A test: `None` always comes with a problem.
    pub(crate) fn test_of_rules(&mut self, node: &Node) -> Option<RuleTest> {
        let values = self.checker.fields(FIELDS, node, "a test");
        let sorted = Sorted::over(node.entries()?, &[FIELDS], self.checker.problems);
        let name = self.test_name(sorted.value("name")?);
        let push = self.push_description(sorted.value("push"), values.as_ref()?.get("push"), node);
        let values = values.as_ref()?;
        let goal = match (sorted.value("goal"), values.get("goal")) {
            (Some(node), Some(values)) => Some(self.triggering_goal(node, values)?),
            (Some(_), None) | (None, _) => None,
        };
        let expectations = self.expectations(sorted.value("expect")?);
        Some(RuleTest {
            name: name?,
            place: node.place.clone(),
            push: push?,
            goal,
            expectations: expectations?,
        })
    }

    fn test_name(&mut self, node: &Node) -> Option<String> {
        let name = node.text()?;
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let message = format!("a test's name has 1 to {MAX_NAME} characters on one line");
            self.problems().error("invalid_name", node, message);
            return None;
        }
        Some(name.to_owned())
    }

    /// The push; `values` are the checked ones of `node`, and a test without a push is about an ordinary one.
    fn push_description(
        &mut self,
        node: Option<&Node>,
        values: Option<&Value>,
        test: &Node,
    ) -> Option<PushDescription> {
        let values = match values {
            Some(values) => values.clone(),
            None => Value::Object(self.checker.fields(PUSH_FIELDS, &*yaml::value("{}")?, "`push`")?),
        };
        let written: Written = serde_json::from_value(values).unwrap_or_default();
        let entries = node.and_then(Node::entries).unwrap_or_default();
        let sorted = Sorted::over(entries, &[PUSH_FIELDS], self.checker.problems);
        let at = |name: &str| sorted.value(name).or(node).unwrap_or(test);
        let default_branch = self.branch(&written.default_branch, at("default_branch"));
        let branch = match &written.branch {
            Some(branch) => self.branch(branch, at("branch")),
            None => default_branch.clone(),
        };
        let repo = match RepoSlug::parse(&written.repo) {
            Ok(repo) => Some(repo),
            Err(error) => {
                self.problems()
                    .error("invalid_name", at("repo"), error.to_string());
                None
            }
        };
        let files = self.written_files(sorted.value("files"))?;
        if !self.can_be(&written, &files, &at) {
            return None;
        }
        Some(described(written, repo?, branch?, default_branch?, files))
    }

    /// Whether there can be such a push: nothing is deleted and there as well, and a new branch has nothing to overwrite.
    fn can_be<'n>(
        &mut self,
        written: &Written,
        files: &BTreeMap<String, String>,
        at: &dyn Fn(&str) -> &'n Node,
    ) -> bool {
        let mut can_be = true;
        let changed = written.changed.iter().flatten();
        let there: BTreeSet<&String> = files.keys().chain(changed).collect();
        for path in written.deleted.iter().filter(|path| there.contains(path)) {
            let message = format!("`{path}` is deleted by the push, and there is such a file after it");
            let hint = "remove it from `deleted`, or from `files` and `changed`";
            self.problems()
                .error_with_hint("impossible_push", at("deleted"), message, hint);
            can_be = false;
        }
        if written.forced && written.before == "none" {
            let message = "a first push of a branch overwrites nothing, so it is not forced";
            let hint = "remove `forced`, or `before: none`";
            self.problems()
                .error_with_hint("impossible_push", at("forced"), message, hint);
            can_be = false;
        }
        can_be
    }

    fn branch(&mut self, text: &str, node: &Node) -> Option<BranchName> {
        match BranchName::parse(text) {
            Ok(branch) => Some(branch),
            Err(error) => {
                self.problems().error("invalid_name", node, error.to_string());
                None
            }
        }
    }

    fn written_files(&mut self, node: Option<&Node>) -> Option<BTreeMap<String, String>> {
        let entries = node.and_then(Node::entries).unwrap_or_default();
        let mut file = |entry: &Entry| {
            let path = self.checker.path(&entry.key, "a file")?;
            Some((path, entry.value.text()?.to_owned()))
        };
        let files: Vec<Option<_>> = entries.iter().map(&mut file).collect();
        files.into_iter().collect()
    }

    fn expectations(&mut self, node: &Node) -> Option<Vec<Expectation>> {
        let mut found = Vec::new();
        for entry in node.entries()? {
            let place = &entry.key.place;
            let expected = match snake_case(entry.name()).as_str() {
                "tags" => vec![Expected::Tags(self.expected_tags(&entry.value)?)],
                key => expected(key, &entry.value),
            };
            found.extend(expected.into_iter().map(|expected| Expectation {
                place: place.clone(),
                expected,
            }));
        }
        if found.is_empty() {
            self.problems().error_with_hint(
                "empty_test",
                node,
                "this test expects nothing",
                "name the goals that must be set: `goals: […]`, or `goals: []` for none",
            );
            return None;
        }
        let is_too_short = |expectation: &&Expectation| matches!(&expectation.expected, Expected::Order(chain) if chain.len() < 2);
        if let Some(order) = found.iter().find(is_too_short) {
            let problem = Diagnostic::error(
                "wrong_type",
                order.place.clone(),
                "an order needs two goals at least",
            );
            self.problems()
                .add(problem.spanning(5).hint("write `order: [first, second]`"));
            return None;
        }
        Some(found)
    }

    fn expected_tags(&mut self, node: &Node) -> Option<Vec<SetTag>> {
        let own = [Rc::new(node.clone())];
        let items = node.items().unwrap_or(&own);
        let tags: Vec<Option<SetTag>> = items.iter().map(|item| self.set_tag(item)).collect();
        tags.into_iter().collect()
    }
}

/// What one key expects; its value has been checked, and tags are [read](Reader::set_tag).
fn expected(key: &str, value: &Node) -> Vec<Expected> {
    let mentions = || mentions(value);
    match key {
        "goals" => vec![Expected::Goals(mentions())],
        "includes" => mentions().into_iter().map(Expected::Included).collect(),
        "not" => mentions().into_iter().map(Expected::Absent).collect(),
        "order" => orders(value),
        "locked" => vec![Expected::Locked(is_true(value))],
        "set" => value.text().into_iter().map(text(Expected::GoalSet)).collect(),
        "error" => value.text().into_iter().map(text(Expected::Error)).collect(),
        "rules" => pairs(value, rule_outcome, Expected::Rule),
        "states" => pairs(value, StateName::parse, Expected::State),
        _ => Vec::new(),
    }
}

fn is_true(value: &Node) -> bool {
    value
        .scalar()
        .is_some_and(|scalar| scalar.meaning == Meaning::Boolean(true))
}

fn text(make: fn(String) -> Expected) -> impl Fn(&str) -> Expected {
    move |text| make(text.to_owned())
}

fn pairs<T>(value: &Node, read: fn(&str) -> Option<T>, make: fn(Mention, T) -> Expected) -> Vec<Expected> {
    let entries = value.entries().unwrap_or_default();
    let pair = |entry: &Entry| Some(make(mention(&entry.key)?, read(entry.value.text()?)?));
    entries.iter().filter_map(pair).collect()
}

fn rule_outcome(text: &str) -> Option<RuleOutcome> {
    match text {
        "matched" => Some(RuleOutcome::Matched),
        "not_matched" => Some(RuleOutcome::NotMatched),
        "locked_out" => Some(RuleOutcome::LockedOut),
        "not_reached" => Some(RuleOutcome::NotReached),
        "error" => Some(RuleOutcome::Error),
        _ => None,
    }
}

fn orders(value: &Node) -> Vec<Expected> {
    let items = value.items().unwrap_or_default();
    match items.iter().any(|item| item.items().is_some()) {
        true => items
            .iter()
            .map(|chain| Expected::Order(mentions(chain)))
            .collect(),
        false => vec![Expected::Order(mentions(value))],
    }
}

/// One name or a list of them.
fn mentions(value: &Node) -> Vec<Mention> {
    match value.items() {
        Some(items) => items.iter().filter_map(|item| mention(item)).collect(),
        None => mention(value).into_iter().collect(),
    }
}

fn mention(node: &Node) -> Option<Mention> {
    Some(Mention {
        name: node.text()?.to_owned(),
        place: node.place.clone(),
        length: node.length,
    })
}

fn described(
    written: Written,
    repo: RepoSlug,
    branch: BranchName,
    default_branch: BranchName,
    mut files: BTreeMap<String, String>,
) -> PushDescription {
    let is_first = written.before == "none";
    let mut changed = match written.changed {
        Some(changed) => Some(changed),
        None if is_first => None,
        None => Some(files.keys().cloned().collect()),
    };
    for path in changed.iter().flatten() {
        files.entry(path.clone()).or_default();
    }
    for path in written.deleted {
        files.remove(&path);
        changed.get_or_insert_default().push(path);
    }
    let messages = match written.messages.is_empty() {
        true => vec!["Change something".to_owned()],
        false => written.messages,
    };
    PushDescription {
        repo,
        branch,
        default_branch,
        files,
        changed,
        messages,
        author: signature(&written.author),
        trust: match written.trust.as_str() {
            "fork" => Trust::Untrusted,
            _ => Trust::Member,
        },
        is_first,
        forced: written.forced,
        local_mode: written.local_mode,
        is_public: written.public,
        has_pull_request: written.pull_request,
        preferences: written.preferences,
    }
}

/// `Name <email>`, or only a name.
fn signature(text: &str) -> Signature {
    let (name, email) = match text.split_once('<') {
        Some((name, email)) => (name, email.trim_end_matches('>')),
        None => (text, ""),
    };
    Signature {
        name: name.trim().to_owned(),
        email: email.trim().to_owned(),
    }
}
