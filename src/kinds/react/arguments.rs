//! What the author of a reaction writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::containers::{self, CONTAINER, INIT_CONTAINERS, NETWORK, VOLUMES};
use super::super::part_tests::{self, Part};
use super::super::{part_names, read};
use crate::model::running::{self, DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{ArgumentProblems, Field, FieldPath, TestExpression, ValueType};

const REACTION_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called").required(),
    Field::new("run", ValueType::Argv, "program and arguments").required(),
    Field::new(
        "changed",
        ValueType::List(&ValueType::Glob),
        "it runs only when the push changes one of these files",
    )
    .not_empty(),
    Field::new(
        "test",
        ValueType::Test,
        "a push test: without it this reaction is left out",
    ),
];

pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "program and arguments of the only reaction",
    ),
    Field::new(
        "changed",
        ValueType::List(&ValueType::Glob),
        "it runs only when the push changes one of these files",
    )
    .not_empty(),
    Field::new(
        "containers",
        ValueType::List(&ValueType::Fields(CONTAINER)),
        "the only reaction in containers, where `run` is not used: the first decides, the others are its services",
    ),
    INIT_CONTAINERS,
    VOLUMES,
    NETWORK,
    Field::new(
        "reactions",
        ValueType::List(&ValueType::Fields(REACTION_FIELDS)),
        "several reactions, side by side",
    ),
    TIMEOUT,
    GRACE,
    ENV,
    DIRECTORY,
];

/// One reaction as it is written.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Written {
    pub(super) name: String,
    /// Empty where it is carried out in containers.
    pub(super) run: Vec<String>,
    #[serde(default)]
    pub(super) changed: Vec<String>,
    #[serde(default)]
    pub(super) test: Option<TestExpression>,
}

impl Written {
    /// It with its test.
    pub(super) fn part(&self) -> Part<'_> {
        (&self.name, self.test.as_ref())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Arguments {
    run: Vec<String>,
    changed: Vec<String>,
    reactions: Vec<Written>,
    timeout: Option<u64>,
    grace: Option<u64>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) directory: String,
    #[serde(skip)]
    pub(super) containers: Option<containers::Arguments>,
}

impl Arguments {
    /// # Errors
    /// What makes no sense.
    pub(super) fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let mut read: Self = read(arguments)?;
        let mut problems = match containers::Arguments::among(arguments) {
            Ok(containers) => {
                read.containers = containers;
                read.ways_to_say_it()
            }
            Err(found) => found,
        };
        let list = FieldPath::to("reactions");
        let names = read.reactions.iter().map(|reaction| reaction.name.as_str());
        problems.extend(part_names::check(&list, "reaction", names));
        problems.extend(part_tests::check(&list, read.reactions.iter().map(Written::part)));
        problems.none_or(read)
    }

    fn ways_to_say_it(&self) -> ArgumentProblems {
        let written = [
            ("run", !self.run.is_empty()),
            ("containers", self.containers.is_some()),
            ("reactions", !self.reactions.is_empty()),
        ];
        let mut written = written.into_iter().filter(|(_, is_there)| *is_there);
        let mut problems = ArgumentProblems::default();
        match (written.next(), written.next()) {
            (Some((one, _)), Some((other, _))) => {
                let message = format!("`react` has both `{one}` and `{other}`");
                let hint = match one {
                    "run" if other == "reactions" => "make `run` one of the reactions",
                    _ => "make two goals of it: what is in containers is a reaction by itself",
                };
                problems.add(&FieldPath::to(other), "conflicting_keys", message, hint);
            }
            (None, _) => {
                let hint = "write `run: [program, argument, …]`, `containers`, or `reactions` with several";
                let message = "`react` says nothing to run";
                problems.add(&FieldPath::whole(), "missing_property", message, hint);
            }
            (Some(("reactions", _)), None) if !self.changed.is_empty() => {
                let hint = "write `changed` at each reaction that it is meant for";
                let message = "`changed` belongs to `run` or `containers`, and neither is there";
                problems.add(&FieldPath::to("changed"), "misplaced_key", message, hint);
            }
            (Some(("containers", _)), None) => {
                problems.extend(containers::for_programs(&self.env, &self.directory));
            }
            (Some(_), None) => {}
        }
        problems
    }

    /// The reactions; the only one is called like the goal.
    pub(super) fn reactions(&self, goal: &str) -> Vec<Written> {
        match self.run.is_empty() && self.containers.is_none() {
            true => self.reactions.clone(),
            false => vec![Written {
                name: goal.to_owned(),
                run: self.run.clone(),
                changed: self.changed.clone(),
                test: None,
            }],
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        running::timeout(self.timeout)
    }

    pub(super) fn grace(&self) -> Duration {
        running::grace(self.grace)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pi_01_there_is_one_way_to_say_what_reacts() {
        let containers = json!([{"name": "look", "image": "a"}]);
        let one = json!({"name": "a", "run": ["x"]});
        let wrong = |value: Value| Arguments::read(&value).unwrap_err().to_string();
        assert!(wrong(json!({})).contains("nothing to run"));
        assert!(wrong(json!({"run": ["x"], "reactions": [one]})).contains("both `run` and `reactions`"));
        assert!(
            wrong(json!({"run": ["x"], "containers": containers})).contains("both `run` and `containers`")
        );
        assert!(wrong(json!({"containers": containers, "reactions": [one]})).contains("both `containers`"));
        assert!(
            wrong(json!({"containers": containers, "env": {"A": "1"}})).contains("`env` is for programs")
        );
        assert!(wrong(json!({"reactions": [one], "changed": ["*"]})).contains("`changed` belongs to"));
        assert!(wrong(json!({"run": ["x"], "network": "closed"})).contains("belongs to `containers`"));
        let read = Arguments::read(&json!({"containers": containers, "changed": ["db/**"]})).unwrap();
        let only = read.reactions("goal");
        assert_eq!(
            (only.len(), only[0].changed.as_slice()),
            (1, ["db/**".to_owned()].as_slice())
        );
    }
}
