//! Goal files turned into something that plans: parsed, checked and compiled, or refused whole.

use std::sync::LazyLock;

use super::commands::ask::has_dry_run;
use super::commands::goal::rule_set;
use crate::kinds::{self, COMMAND_KINDS, KINDS};
use crate::model::rule_test::Mention;
use crate::model::{
    ArgumentProblems, CommandDefinition, CommandWork, Descriptor, Diagnostic, FieldPath, GoalDefinition,
    ListenerDefinition, RuleTest, Severity,
};
use crate::rules::{self, RuleSet};
use crate::spec::{self, Catalogue, SourceFile};

/// What is wrong with a rule whatever becomes of the others.
const OF_ONE_RULE: [&str; 2] = ["bad_test", "bad_expression"];

/// Goal files in use.
#[derive(Debug)]
pub struct Machine {
    /// The compiled rules.
    pub rules: RuleSet,
    /// The author's tests of the rules.
    pub tests: Vec<RuleTest>,
    /// What people may ask for.
    pub commands: Vec<CommandDefinition>,
    /// What is done at events.
    pub listeners: Vec<ListenerDefinition>,
    /// Names of the files.
    pub files: Vec<String>,
    /// What is probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// What checking goal files found.
#[derive(Debug)]
pub struct Checked {
    /// The machine, when there is no error.
    pub machine: Option<Machine>,
    /// Every problem of every file, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Values of the configuration that the files cannot do without, and where they ask for them.
    pub values: Vec<Mention>,
}

impl Checked {
    /// With what is wrong with the values that the files ask for, given those of a configuration.
    pub fn with_values(mut self, values: &serde_json::Value) -> Self {
        self.diagnostics
            .extend(spec::unknown_values(&self.values, values));
        self.diagnostics.sort_by(|one, other| one.place.cmp(&other.place));
        self
    }
}

impl Machine {
    /// Checks files and compiles their rules; nothing of a file with an error is used.
    pub fn check(files: &[SourceFile]) -> Checked {
        let loaded = spec::load(files, catalogue());
        let is_whole = !loaded.has_errors();
        let (rules, commands) = match is_whole {
            true => (&loaded.rules, &loaded.commands),
            false => (&loaded.readable.rules, &loaded.readable.commands),
        };
        let mut diagnostics = loaded.diagnostics;
        diagnostics.extend(commands.iter().flat_map(check_command));
        let stands_alone = |problem: &Diagnostic| is_whole || OF_ONE_RULE.contains(&problem.code.as_str());
        let compiled = rules::compile(rules);
        let rules = compiled
            .map_err(|problems| diagnostics.extend(problems.into_iter().filter(stands_alone)))
            .ok();
        diagnostics.sort_by(|one, other| one.place.cmp(&other.place));
        diagnostics.dedup();
        let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
        let machine = rules
            .filter(|_| !diagnostics.iter().any(is_error))
            .map(|rules| Self {
                rules,
                tests: loaded.tests,
                commands: loaded.commands,
                listeners: loaded.listeners,
                files: files.iter().map(|file| file.name.to_string()).collect(),
                warnings: diagnostics.clone(),
            });
        Checked {
            machine,
            diagnostics,
            values: loaded.values,
        }
    }

    /// The machine of these files.
    ///
    /// # Errors
    /// Every problem, when any is an error.
    pub fn load(files: &[SourceFile]) -> Result<Self, Vec<Diagnostic>> {
        let checked = Self::check(files);
        checked.machine.ok_or(checked.diagnostics)
    }
}

/// Everything that may be written in goal files.
pub fn catalogue() -> &'static Catalogue<'static> {
    static PUSH_TESTS: LazyLock<Vec<&Descriptor>> = LazyLock::new(rules::descriptors);
    static GOAL_KINDS: LazyLock<Vec<&Descriptor>> =
        LazyLock::new(|| KINDS.iter().map(|kind| kind.descriptor()).collect());
    static OF_COMMANDS: LazyLock<Vec<&Descriptor>> =
        LazyLock::new(|| COMMAND_KINDS.iter().map(|kind| kind.descriptor()).collect());
    static CATALOGUE: LazyLock<Catalogue<'static>> = LazyLock::new(|| Catalogue {
        push_tests: &PUSH_TESTS,
        kinds: &GOAL_KINDS,
        command_kinds: &OF_COMMANDS,
        check_goal,
        check_work: kinds::check,
    });
    &CATALOGUE
}

/// What only its kind knows to be wrong with a goal.
fn check_goal(goal: &GoalDefinition) -> ArgumentProblems {
    let mut problems = kinds::check(&goal.work);
    let without_process = (!kinds::runs_process(&goal.work)).then(|| asked_of_a_process(goal));
    for key in without_process.unwrap_or_default() {
        let message = format!(
            "`{key}` is for goals that run a process, and this `{}` runs none",
            goal.work.kind
        );
        let hint = "remove it, or give it to a goal that does";
        problems.add(&FieldPath::to(key), "no_process", message, hint);
    }
    if !goal.retry.codes.is_empty() && !kinds::runs_process(&goal.work) {
        let message = format!(
            "`codes` are exit codes of a program, and this `{}` runs none",
            goal.work.kind
        );
        let hint = "remove it: `attempts` alone is for whatever it fails of";
        problems.add(&FieldPath::to("retry").key("codes"), "no_process", message, hint);
    }
    problems.extend(secrets_in_other_variables(goal));
    problems.extend(kinds::check_listeners(goal));
    problems
}

/// Secrets in variables that the goal's kind sets as well: which of the two a program finds is nothing to rely on.
fn secrets_in_other_variables(goal: &GoalDefinition) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let set = &goal.work.arguments["env"];
    for (index, secret) in goal.secrets.iter().enumerate() {
        let field = FieldPath::to("secrets").item(index).key("env");
        for (number, variable) in secret.env.iter().enumerate() {
            if set.get(&variable.name).is_some() {
                let message = format!("`{}` is set by `env` as well", variable.name);
                let hint = "remove it there, or give the secret another variable";
                let field = field.item(number).key("name");
                problems.add(&field, "duplicate_secret", message, hint);
            }
        }
    }
    problems
}

/// Keys that say what only a process can do.
fn asked_of_a_process(goal: &GoalDefinition) -> Vec<&'static str> {
    let files = &goal.files;
    let keys = [
        ("input", !files.inputs.is_empty()),
        ("output", !files.outputs.is_empty()),
        ("cache", !files.caches.is_empty()),
        ("skip_unchanged", files.unchanged.is_some()),
        ("secrets", !goal.secrets.is_empty()),
        (
            "wait_for",
            goal.wait_for.is_some() && kinds::only_schedules(&goal.work),
        ),
        ("limits", !goal.limits.is_empty()),
        ("listeners", !goal.listeners.is_empty()),
        ("progress", !goal.progress.is_empty()),
    ];
    let written = keys.into_iter().filter(|(_, is_there)| *is_there);
    written.map(|(key, _)| key).collect()
}

/// What only the rules, and those who carry it out, know about a command.
fn check_command(command: &CommandDefinition) -> Vec<Diagnostic> {
    let without = || {
        let message = format!(
            "command `{}`: `dry_run` is for what can show its changes; a program may change what it likes",
            command.name
        );
        Diagnostic::error("command", command.place.clone(), message).hint("remove it")
    };
    let dry = (command.dry_run && !has_dry_run(command)).then(without);
    let of_rule = match &command.work {
        CommandWork::Goal(_) => rule_set(command, serde_json::Map::new()).err(),
        CommandWork::Run(_) => None,
    };
    dry.into_iter().chain(of_rule.unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests;
