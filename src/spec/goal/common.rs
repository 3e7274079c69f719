//! What every goal may have, whatever it does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::definition::{Listener, ProgressRule, Retry};
use crate::model::descriptor::DAY;
use crate::model::{
    Descriptions, Field, GoalDefinition, GoalKey, Place, StateName, TestExpression, UniqueName, ValueType,
    Work,
};

use super::super::reader::Reader;
use super::super::yaml::Node;
use super::{confirm, files, plan, running, secrets};

const RETRY_FIELDS: &[Field] = &[
    Field::new(
        "feasible",
        ValueType::Boolean,
        "whether a person may start it again after a failure",
    )
    .default("true"),
    Field::new(
        "attempts",
        ValueType::Integer { min: 0, max: 100 },
        "further tries the machine makes by itself; none when absent, and one where there are `codes`",
    ),
    Field::new(
        "pause",
        ValueType::Duration,
        "pause before the first of these tries, doubled each time",
    )
    .default("10s")
    .within(0, DAY),
    Field::new(
        "codes",
        ValueType::List(&ValueType::Integer { min: 1, max: 255 }),
        "exit codes of the program after which the machine tries again by itself, once unless `attempts` says otherwise; any when absent",
    )
    .not_empty(),
];

const DESCRIPTION_FIELDS: &[Field] = &[
    Field::new("planned", ValueType::Text, "text while it waits for other goals"),
    Field::new("requested", ValueType::Text, "text when it is ready to start"),
    Field::new("in_process", ValueType::Text, "text while it is carried out"),
    Field::new("completed", ValueType::Text, "text after success"),
    Field::new("failed", ValueType::Text, "text after failure"),
    Field::new("stopped", ValueType::Text, "text when it ended on purpose"),
    Field::new("canceled", ValueType::Text, "text when it was canceled"),
    Field::new("skipped", ValueType::Text, "text when it was not run"),
    Field::new(
        "waiting_for_pre_approval",
        ValueType::Text,
        "text while the start waits for a person",
    ),
    Field::new(
        "waiting_for_approval",
        ValueType::Text,
        "text while the result waits for a person",
    ),
];

const PROGRESS_FIELDS: &[Field] = &[
    Field::new("pattern", ValueType::Regex, "what a line of output must match").required(),
    Field::new(
        "phase",
        ValueType::Text,
        "the phase it means; `$1` is the first group of the pattern",
    )
    .required(),
    Field::new(
        "fails",
        ValueType::Boolean,
        "whether such a line is a failure, also where the command ends with 0",
    )
    .default("false"),
];

const LISTENER_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called; the phase while it runs")
        .required()
        .not_empty(),
    Field::new("run", ValueType::Argv, "program and arguments; placeholders allowed").required(),
    Field::new(
        "events",
        ValueType::List(&ValueType::Choice(&["before", "after"])),
        "when it runs: before the work, which is left out when it fails; after it, whatever came of that, with `SDM_OUTCOME`",
    )
    .default("[before, after]")
    .not_empty(),
    Field::new(
        "test",
        ValueType::Test,
        "a push test; where it does not hold the listener is left out",
    )
    .aliases(&["push_test", "tests"]),
];

/// Keys that are valid on every goal.
pub const COMMON_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what the goal is called"),
    Field::new("environment", ValueType::Text, "a label such as `1-staging`").not_empty(),
    Field::new(
        "approval",
        ValueType::BooleanOr(confirm::FIELDS),
        "whether people confirm the result",
    ),
    Field::new(
        "pre_approval",
        ValueType::BooleanOr(confirm::FIELDS),
        "whether people confirm the start",
    ),
    Field::new(
        "retry",
        ValueType::BooleanOr(RETRY_FIELDS),
        "whether it may be started again",
    ),
    Field::new(
        "descriptions",
        ValueType::Fields(DESCRIPTION_FIELDS),
        "texts for its states",
    ),
    Field::new(
        "start_within",
        ValueType::Duration,
        "how long it may wait to be started",
    )
    .within(1, u64::MAX),
    running::WAIT_FOR,
    running::LIMITS,
    Field::new(
        "progress",
        ValueType::List(&ValueType::Fields(PROGRESS_FIELDS)),
        "lines of output that become its phase",
    ),
    Field::new(
        "listeners",
        ValueType::List(&ValueType::Fields(LISTENER_FIELDS)),
        "commands before and after its work",
    ),
    Field::new(
        "uncancelable",
        ValueType::Boolean,
        "whether a newer push leaves it alone",
    ),
    Field::new(
        "ignore_failure",
        ValueType::Boolean,
        "whether its failure, after all tries, is only said: it counts as success, and what comes after it goes on",
    )
    .aliases(&["allow_failure", "continue_on_error"]),
    Field::new(
        "isolate",
        ValueType::Boolean,
        "accepted for older files; the work of every goal has a process or container of its own anyway",
    )
    .aliases(&["isolated"]),
    files::INPUT,
    files::OUTPUT,
    files::CACHE,
    files::SKIP_UNCHANGED,
    secrets::SECRETS,
    Field::new(
        "parameters",
        ValueType::Map(&ValueType::Any),
        "values for `${parameters.…}`",
    ),
    Field::new(
        "plan",
        ValueType::TextOr("expression", plan::FIELDS),
        "instances that take its place on a push: a matrix, groups, or a CEL expression",
    ),
];

/// Longest environment label, in bytes.
const MAX_ENVIRONMENT: usize = 100;

impl Reader<'_, '_> {
    /// The unique name that a name gives.
    pub(super) fn unique_name(&mut self, name: &str, node: &Node) -> Option<UniqueName> {
        match UniqueName::parse(name) {
            Ok(unique) => Some(unique),
            Err(error) => {
                self.problems().error("invalid_name", node, error.to_string());
                None
            }
        }
    }

    /// Checks what the types of the common keys cannot say.
    pub(super) fn check_environment(&mut self, node: &Node) {
        let Some(label) = node.text() else { return };
        if label.len() > MAX_ENVIRONMENT || label.chars().any(char::is_control) || label.trim() != label {
            let message = format!(
                "an environment is a label of at most {MAX_ENVIRONMENT} bytes without control characters or \
                 spaces around it"
            );
            self.problems().error("invalid_environment", node, message);
        }
    }
}

/// A definition from the checked values of the common keys.
pub(super) fn definition(
    name: String,
    unique_name: UniqueName,
    place: Place,
    work: Work,
    mut common: Map<String, Value>,
) -> GoalDefinition {
    let environment = common
        .get("environment")
        .and_then(Value::as_str)
        .unwrap_or_default();
    GoalDefinition {
        environment: GoalKey::new(unique_name.clone(), environment).environment,
        name,
        unique_name,
        place,
        work,
        descriptions: common.get("descriptions").map(descriptions).unwrap_or_default(),
        approval: common.get("approval").and_then(confirm::policy),
        pre_approval: common.get("pre_approval").and_then(confirm::policy),
        retry: common.get("retry").map(retry).unwrap_or_default(),
        start_within: common.get("start_within").map(duration),
        wait_for: common.get("wait_for").map(running::wait_for),
        limits: common.get("limits").map(running::limits).unwrap_or_default(),
        progress: common.get("progress").map(progress).unwrap_or_default(),
        listeners: common.get("listeners").map(listeners).unwrap_or_default(),
        uncancelable: common.get("uncancelable") == Some(&Value::Bool(true)),
        ignore_failure: common.get("ignore_failure") == Some(&Value::Bool(true)),
        files: files::files(&mut common),
        secrets: secrets::secrets(&mut common),
        parameters: match common.remove("parameters") {
            Some(Value::Object(parameters)) => parameters,
            _ => Map::new(),
        },
        is_supplied: false,
        plan: None,
    }
}

fn descriptions(value: &Value) -> Descriptions {
    let texts = value.as_object().into_iter().flatten();
    let by_state = texts.filter_map(|(key, text)| {
        let state = match key.as_str() {
            "completed" => Some(StateName::Success),
            "failed" => Some(StateName::Failure),
            other => StateName::parse(other),
        };
        Some((state?, text.as_str()?.to_owned()))
    });
    Descriptions(by_state.collect::<BTreeMap<_, _>>())
}

fn retry(value: &Value) -> Retry {
    match value {
        Value::Object(fields) => {
            // Whoever says after which codes wants it once more.
            let attempts = fields.get("attempts").and_then(Value::as_u64);
            let attempts = attempts.unwrap_or_else(|| u64::from(fields.contains_key("codes")));
            Retry {
                feasible: fields.get("feasible") != Some(&Value::Bool(false)),
                automatic: u32::try_from(attempts).unwrap_or(u32::MAX),
                pause: fields.get("pause").map(duration).unwrap_or_default(),
                codes: fields.get("codes").map(codes).unwrap_or_default(),
            }
        }
        other => Retry {
            feasible: *other == Value::Bool(true),
            ..Retry::default()
        },
    }
}

fn codes(value: &Value) -> Vec<i32> {
    let codes = value.as_array().into_iter().flatten();
    let code = |code: &Value| i32::try_from(code.as_i64()?).ok();
    codes.filter_map(code).collect()
}

fn progress(value: &Value) -> Vec<ProgressRule> {
    let text = |rule: &Value, key: &str| {
        rule.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let rules = value.as_array().into_iter().flatten();
    rules
        .map(|rule| ProgressRule {
            pattern: text(rule, "pattern"),
            phase: text(rule, "phase"),
            fails: rule.get("fails") == Some(&Value::Bool(true)),
        })
        .collect()
}

fn listeners(value: &Value) -> Vec<Listener> {
    let listener = |written: &Value| {
        let events = written
            .get("events")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let events: Vec<&str> = events.filter_map(Value::as_str).collect();
        let run = written.get("run").and_then(Value::as_array).into_iter().flatten();
        Listener {
            name: written
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            run: run.filter_map(Value::as_str).map(str::to_owned).collect(),
            before: events.contains(&"before"),
            after: events.contains(&"after"),
            test: written.get("test").and_then(test),
        }
    };
    value.as_array().into_iter().flatten().map(listener).collect()
}

fn test(written: &Value) -> Option<TestExpression> {
    TestExpression::deserialize(written).ok()
}

fn duration(millis: &Value) -> Duration {
    Duration::from_millis(millis.as_u64().unwrap_or_default())
}
