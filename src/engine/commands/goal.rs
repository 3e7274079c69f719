//! A command on a repository as the goal it is.

use serde_json::{Map, Value, json};

use super::bind::values_of_repository;
use crate::kinds;
use crate::model::definition::Retry;
use crate::model::parameter::variable;
use crate::model::{
    CommandDefinition, CommandWork, Descriptions, Diagnostic, GoalDefinition, Job, Repository,
    RuleDefinition, UniqueName, ValueType, Work,
};
use crate::rules::{self, RuleSet};

/// The rule that sets the goal of a command where its test holds.
///
/// # Errors
/// A test that cannot be built, or a name that no goal can have.
pub fn rule_set(
    definition: &CommandDefinition,
    parameters: Map<String, Value>,
) -> Result<RuleSet, Vec<Diagnostic>> {
    let (CommandWork::Goal(work), Some(targets)) = (&definition.work, &definition.targets) else {
        return rules::compile(&[]);
    };
    let goal = goal(definition, work, parameters)?;
    rules::compile(&[RuleDefinition {
        name: definition.name.clone(),
        place: definition.place.clone(),
        test: targets.test.clone(),
        depends_on: Vec::new(),
        steps: vec![vec![goal]],
        first_of: None,
        facts: Vec::new(),
        tags: Vec::new(),
        locks: false,
    }])
}

fn goal(
    definition: &CommandDefinition,
    work: &Work,
    parameters: Map<String, Value>,
) -> Result<GoalDefinition, Vec<Diagnostic>> {
    let invalid = |error: crate::model::ids::InvalidName| {
        vec![Diagnostic::error(
            "invalid_name",
            definition.place.clone(),
            error.to_string(),
        )]
    };
    Ok(GoalDefinition {
        name: definition.name.clone(),
        unique_name: UniqueName::parse(&definition.name).map_err(invalid)?,
        environment: String::new(),
        place: definition.place.clone(),
        work: with_description(with_variables(work, &parameters), definition),
        descriptions: Descriptions::default(),
        approval: None,
        pre_approval: None,
        retry: Retry {
            feasible: true,
            ..Retry::default()
        },
        start_within: None,
        progress: Vec::new(),
        listeners: Vec::new(),
        uncancelable: false,
        ignore_failure: false,
        files: crate::model::files::GoalFiles::default(),
        secrets: Vec::new(),
        parameters,
        is_supplied: false,
        plan: None,
        limits: crate::model::limits::GoalLimits::default(),
        wait_for: None,
    })
}

/// A program finds the parameters in its environment too. They are referred to, so that what they hold stays data.
fn with_variables(work: &Work, parameters: &Map<String, Value>) -> Work {
    let mut work = work.clone();
    if !takes_variables(&work.kind) {
        return work;
    }
    let mut environment = Map::new();
    for name in parameters.keys() {
        environment.insert(variable(name), json!(format!("${{parameters.{name}}}")));
    }
    if let Some(Value::Object(own)) = work.arguments.get("env") {
        environment.extend(own.clone());
    }
    work.arguments["env"] = Value::Object(environment);
    work
}

/// What a commit says where its author says nothing: a goal knows its name, and not its command.
fn with_description(mut work: Work, definition: &CommandDefinition) -> Work {
    if kinds::COMMAND_KINDS
        .iter()
        .any(|kind| kind.descriptor().name == work.kind)
    {
        work.arguments["description"] = json!(definition.description);
    }
    work
}

/// Whether goals of this kind can be given variables.
fn takes_variables(kind: &str) -> bool {
    let value = kinds::kind(kind).and_then(|kind| kind.descriptor().value);
    let Some(ValueType::Fields(fields) | ValueType::TextOr(_, fields)) = value else {
        return false;
    };
    fields.iter().any(|field| field.name == "env")
}

/// The parameters of a job as one of its repositories has them.
pub fn parameters_for(job: &Job, repo: &Repository) -> Map<String, Value> {
    let mut parameters = job.parameters.clone();
    parameters.extend(values_of_repository(&job.command.parameters, repo));
    parameters
}
