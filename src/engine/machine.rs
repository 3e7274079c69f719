//! Goal files turned into something that plans: parsed, checked and compiled, or refused whole.

use std::sync::LazyLock;

use super::commands::ask::has_dry_run;
use super::commands::goal::rule_set;
use crate::kinds::{self, COMMAND_KINDS, KINDS, Kind};
use crate::model::{
    CommandDefinition, CommandWork, Descriptor, Diagnostic, GoalDefinition, ListenerDefinition,
    RuleDefinition, RuleTest, Severity,
};
use crate::rules::{self, RuleSet};
use crate::spec::{self, Catalogue, SourceFile};

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
}

impl Machine {
    /// Checks files and compiles their rules; nothing of a file with an error is used.
    pub fn check(files: &[SourceFile]) -> Checked {
        let loaded = spec::load(files, catalogue());
        let mut diagnostics = loaded.diagnostics;
        diagnostics.extend(goals_of(&loaded.rules, &loaded.goals).filter_map(problem_of));
        diagnostics.extend(loaded.commands.iter().flat_map(check_command));
        let compiled = rules::compile(&loaded.rules);
        let rules = compiled.map_err(|problems| diagnostics.extend(problems)).ok();
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
        Checked { machine, diagnostics }
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
    });
    &CATALOGUE
}

fn goals_of<'a>(
    rules: &'a [RuleDefinition],
    standalone: &'a [GoalDefinition],
) -> impl Iterator<Item = &'a GoalDefinition> {
    rules.iter().flat_map(RuleDefinition::goals).chain(standalone)
}

/// Whether it says what only a process can do.
fn asks_of_a_process(goal: &GoalDefinition) -> bool {
    !goal.files.is_empty() || !goal.secrets.is_empty()
}

/// What only its kind knows to be wrong with a goal.
pub(super) fn problem_of(goal: &GoalDefinition) -> Option<Diagnostic> {
    let problem = match kinds::kind(&goal.work.kind) {
        Some(kind) if !kind.runs_process() && asks_of_a_process(goal) => format!(
            "`{}` runs no process, which could find or leave files or be given secrets",
            goal.work.kind
        ),
        Some(kind) => kind
            .check(&goal.work.arguments)
            .err()
            .or_else(|| without_process(kind, goal))?,
        None => format!("nothing here can carry out `{}`", goal.work.kind),
    };
    Some(Diagnostic::error(
        "goal",
        goal.place.clone(),
        format!("goal `{}`: {problem}", goal.name),
    ))
}

/// What only the goal kinds and the rules know about a command.
fn check_command(command: &CommandDefinition) -> Vec<Diagnostic> {
    let without = || {
        let message = format!(
            "command `{}`: `dry_run` is for what can show its changes; a program may change what it likes",
            command.name
        );
        Diagnostic::error("command", command.place.clone(), message).hint("remove it")
    };
    let dry = (command.dry_run && !has_dry_run(command)).then(without);
    let CommandWork::Goal(work) = &command.work else {
        return dry.into_iter().collect();
    };
    let problem = match kinds::kind(&work.kind) {
        Some(kind) => kind.check(&work.arguments).err(),
        None => Some(format!("nothing here can carry out `{}`", work.kind)),
    };
    let message = problem.map(|problem| format!("command `{}`: {problem}", command.name));
    let own = message.map(|message| Diagnostic::error("command", command.place.clone(), message));
    let of_rule = rule_set(command, serde_json::Map::new())
        .err()
        .unwrap_or_default();
    own.into_iter().chain(dry).chain(of_rule).collect()
}

/// What a goal has that only means something for a process, when it runs none.
fn without_process(kind: &dyn Kind, goal: &GoalDefinition) -> Option<String> {
    let key = match goal {
        _ if kind.runs_process() => return None,
        GoalDefinition {
            wait_for: Some(_), ..
        } => "wait_for",
        GoalDefinition { limits, .. } if !limits.is_empty() => "limits",
        _ => return None,
    };
    Some(format!(
        "`{key}` is for goals that run a process, and this one runs none"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::StateName;
    use crate::model::files::KeptOn;

    /// The only goal of a text that must be right.
    fn goal(text: &str) -> GoalDefinition {
        let loaded = spec::load(&[SourceFile::new("a.yaml", text)], catalogue());
        assert_eq!(loaded.diagnostics, []);
        loaded.goals.into_iter().next().expect("one goal")
    }

    #[test]
    fn ym_05_a_goal_in_containers_takes_over_all_that_may_stand_beside_them() {
        let goal = goal(
            "
goals:
- name: publish
  containers: [{name: main, image: 'node:20', args: [npm, publish], volume_mounts: [{name: cache, mount_path: /cache}]}]
  init_containers: {name: before, image: busybox}
  volumes: {name: cache}
  approval: true
  pre_approval: {by: ann}
  retry: true
  descriptions: {completed: Published}
  input: version
  output: {classifier: dist, paths: dist}
",
        );
        assert_eq!(goal.work.kind, "containers");
        let written = &goal.work.arguments;
        assert_eq!(written["containers"][0]["args"], json!(["npm", "publish"]));
        assert_eq!(written["init_containers"][0]["name"], "before");
        assert_eq!(written["volumes"][0]["name"], "cache", "one may stand alone");
        assert_eq!(goal.approval, Some(crate::model::ApprovalPolicy::default()));
        assert_eq!(goal.pre_approval.unwrap().by, ["ann"]);
        assert!(goal.retry.feasible);
        assert_eq!(
            goal.descriptions.text(StateName::Success, &goal.name),
            "Published"
        );
        let [input] = goal.files.inputs.as_slice() else {
            panic!("one input")
        };
        let [output] = goal.files.outputs.as_slice() else {
            panic!("one output")
        };
        assert_eq!(input.classifier, "version");
        assert_eq!((output.classifier.as_str(), output.on), ("dist", KeptOn::Success));
    }
}
