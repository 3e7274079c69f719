//! From what a kind asks for to what an executor is told.

use std::io;
use std::path::Path;

use crate::kinds;
use crate::kinds::process::{Command, OWN, ProcessRequest, Step};
use crate::model::Goal;
use crate::ports::executor::{self, ProcessSpec};
use crate::ports::scm::Workspace;
use crate::ports::store::GoalSetRecord;

use super::super::Engine;
use super::super::exchange::Exchanged;
use super::super::words::humane;

impl Engine {
    /// # Errors
    /// The order for one of our own steps cannot be written.
    pub(super) fn process_spec(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
        request: &ProcessRequest,
        workspace: &Workspace,
        exchanged: &Exchanged,
        version: Option<&str>,
    ) -> io::Result<ProcessSpec> {
        let contract = kinds::environment::contract(
            &self.settings.name,
            record,
            goal,
            exchanged.exchange(&workspace.path),
            version,
        );
        let mut environment = self.settings.base_environment.clone();
        environment.extend(contract);
        environment.extend(request.environment.iter().cloned());
        let steps = request.steps.iter().enumerate();
        let steps: io::Result<Vec<executor::Step>> = steps
            .map(|(index, step)| self.step(index, step, &workspace.path, exchanged))
            .collect();
        Ok(ProcessSpec {
            steps: steps?,
            environment: last_of_each(environment),
            redact: Vec::new(),
            timeout: request.timeout,
            grace: request.grace,
            progress: goal.definition().progress.clone(),
            result_file: exchanged.result_file(),
            header: header(record, goal, request),
            log_limit: self.settings.log_limit,
        })
    }

    fn step(
        &self,
        index: usize,
        step: &Step,
        project: &Path,
        exchanged: &Exchanged,
    ) -> io::Result<executor::Step> {
        let argv = match &step.command {
            Command::Program(argv) => argv.clone(),
            Command::Own { verb, order } => {
                let file = exchanged.write_order(index, order)?;
                let words = [&self.settings.program, Path::new(OWN), Path::new(verb), &file];
                words.map(|word| word.to_string_lossy().into_owned()).to_vec()
            }
        };
        let mut environment = step.environment.clone();
        if let Some(file) = &step.own_result {
            let path = exchanged.result_file().with_file_name(file);
            environment.push(("ATOMIST_RESULT".to_owned(), path.to_string_lossy().into_owned()));
        }
        Ok(executor::Step {
            name: step.name.clone(),
            argv,
            directory: project.join(&step.directory),
            environment,
            when: step.when,
            on_failure: step.on_failure,
            poll: step.poll,
            stop_code: step.stop_code,
            heeds_result: step.heeds_result,
        })
    }
}

fn header(record: &GoalSetRecord, goal: &Goal, request: &ProcessRequest) -> Vec<String> {
    let push = &record.push;
    let runs: Vec<String> = request.steps.iter().map(shown_step).collect();
    vec![
        format!(
            "{} · {} · {} at {}",
            goal.definition().name,
            push.repo.slug,
            push.branch,
            push.after.short()
        ),
        format!("goal set {} · attempt {}", record.set.id.short(), goal.attempt),
        format!(
            "runs {} (at most {})",
            runs.join(", then "),
            humane(request.timeout)
        ),
    ]
}

fn shown_step(step: &Step) -> String {
    match &step.command {
        Command::Program(argv) => shown(argv),
        Command::Own { verb, .. } => format!("sdm {verb}"),
    }
}

fn shown(argv: &[String]) -> String {
    let quoted =
        |argument: &String| match argument.is_empty() || argument.contains([' ', '\n', '"', '\'', '$']) {
            true => format!("{argument:?}"),
            false => argument.clone(),
        };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Later variables replace earlier ones of the same name.
fn last_of_each(environment: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<_> = environment
        .into_iter()
        .rev()
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    kept.reverse();
    kept
}
