//! Goal files turned into something that plans: parsed, checked and compiled, or refused whole.

use crate::kinds::{self, KINDS, Kind};
use crate::model::{Descriptor, Diagnostic, GoalDefinition, RuleDefinition, RuleTest, Severity};
use crate::rules::{self, RuleSet};
use crate::spec::{self, Catalogue, SourceFile};

/// Goal files in use.
#[derive(Debug)]
pub struct Machine {
    /// The compiled rules.
    pub rules: RuleSet,
    /// The author's tests of the rules.
    pub tests: Vec<RuleTest>,
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
        let tests: Vec<&Descriptor> = rules::descriptors();
        let kinds: Vec<&Descriptor> = KINDS.iter().map(|kind| kind.descriptor()).collect();
        let loaded = spec::load(
            files,
            &Catalogue {
                push_tests: &tests,
                kinds: &kinds,
            },
        );
        let mut diagnostics = loaded.diagnostics;
        diagnostics.extend(goals_of(&loaded.rules, &loaded.goals).filter_map(check_work));
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

fn check_work(goal: &GoalDefinition) -> Option<Diagnostic> {
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
