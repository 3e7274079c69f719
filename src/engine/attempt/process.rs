//! From what a kind asks for to what an executor is told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::kinds::mock::MockRule;
use crate::kinds::process::{Command, OWN, ProcessRequest, SANDBOX, Step};
use crate::kinds::{self, Begun, Kind, KindError, wait};
use crate::model::push::Trust;
use crate::model::variables::VariableMeaning;
use crate::model::{Goal, GoalKey, Push};
use crate::ports::containers::BORROWED_OBJECTS;
use crate::ports::executor::{self, ProcessSpec};
use crate::ports::sandbox::{SANDBOX_ORDER, SandboxMode, SandboxOrder};
use crate::ports::scm::Workspace;
use crate::ports::store::{Cause, GoalSetRecord};

use super::super::Engine;
use super::super::exchange::Exchanged;
use super::super::words::humane;
use crate::model::parameter::variable;

impl Engine {
    /// Whether a goal runs a process in a working copy: its kind does, or it is mocked or waits in one.
    pub(in crate::engine) fn runs_process(&self, kind: &dyn Kind, goal: &Goal) -> bool {
        kind.runs_process(&goal.definition().work.arguments)
            || waits_alone(kind, goal)
            || self.mock_of(kind, goal).is_some()
    }

    /// What takes the place of the goal's work, when it is mocked.
    fn mock_of(&self, kind: &dyn Kind, goal: &Goal) -> Option<&MockRule> {
        let mut mocks = self.settings.mocks.iter().filter(|_| !kind.only_schedules());
        mocks.find(|rule| rule.applies_to(goal))
    }

    /// Begins the goal as its kind does, behind its wait rule; or what is mocked, which touches nothing.
    ///
    /// # Errors
    /// The kind's, or that the wait rule has no value for this push.
    pub(super) async fn begin(
        &self,
        kind: &'static dyn Kind,
        record: &GoalSetRecord,
        goal: &Goal,
    ) -> Result<Begun, KindError> {
        if let Some(rule) = self.mock_of(kind, goal) {
            return Ok(Begun::Process(rule.request(record.set.id, goal)));
        }
        if waits_alone(kind, goal) {
            let request = wait::alone(&self.context(record, goal)).await?;
            return Ok(Begun::Process(request));
        }
        match self.begin_with_listeners(kind, record, goal).await? {
            Begun::Process(request) => {
                let request = wait::behind(&self.context(record, goal), request).await?;
                Ok(Begun::Process(request))
            }
            other @ (Begun::Ended(_) | Begun::Waiting { .. }) => Ok(other),
        }
    }

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
        environment.extend(
            request
                .environment
                .iter()
                .filter(|(name, _)| !is_told(&contract, name))
                .cloned(),
        );
        environment.extend(contract);
        let borrowed = borrowed(&workspace.path);
        let below = Below {
            project: &workspace.path,
            sandbox: self.sandbox(&record.push, &workspace.path, &borrowed, exchanged)?,
            borrowed,
        };
        let secrets = self.secrets_of(record);
        environment.extend(
            secrets
                .iter()
                .map(|(name, secret)| (variable(name), secret.expose_secret().to_owned())),
        );
        let steps = request.steps.iter().enumerate();
        let steps: io::Result<Vec<executor::Step>> = steps
            .map(|(index, step)| self.step(index, step, &below, exchanged))
            .collect();
        Ok(ProcessSpec {
            steps: steps?,
            environment: last_of_each(environment),
            redact: secrets.into_values().chain(tokens(request)).collect(),
            timeout: request.timeout,
            grace: request.grace,
            limits: goal.definition().limits.or(self.settings.limits),
            watched: vec![workspace.path.clone(), exchanged.output().to_owned()],
            progress: goal.definition().progress.clone(),
            result_file: exchanged.result_file(),
            beside: kinds::read_beside(goal),
            header: self.header(record, goal, request),
            log_limit: self.settings.log_limit,
        })
    }

    /// The first lines of a goal's log: what runs, of what, since when and where (semantics 3.11).
    fn header(&self, record: &GoalSetRecord, goal: &Goal, request: &ProcessRequest) -> Vec<String> {
        let push = &record.push;
        let GoalKey { environment, .. } = goal.definition().key();
        let runs: Vec<String> = request.steps.iter().map(shown_step).collect();
        vec![
            format!(
                "{} · {} · {} at {}",
                goal.definition().name,
                push.repo.slug,
                push.branch,
                push.after.short()
            ),
            format!(
                "goal set {} · attempt {} · {environment}",
                record.set.id.short(),
                goal.attempt
            ),
            format!(
                "{} (sdm {}) on {} · {}",
                self.settings.name,
                env!("CARGO_PKG_VERSION"),
                host(),
                self.parts.clock.now().rfc3339()
            ),
            format!(
                "runs {} (at most {})",
                runs.join(", then "),
                humane(request.timeout)
            ),
        ]
    }

    /// Secret parameters of the command that the goal is.
    pub(super) fn secrets_of(&self, record: &GoalSetRecord) -> BTreeMap<String, SecretString> {
        match &record.cause {
            Cause::Command { job, .. } => self.vault.of(job.0),
            Cause::Push | Cause::Again { .. } | Cause::Goal { .. } => BTreeMap::new(),
        }
    }

    fn step(
        &self,
        index: usize,
        step: &Step,
        below: &Below<'_>,
        exchanged: &Exchanged,
    ) -> io::Result<executor::Step> {
        let mut environment = step.environment.clone();
        if let Some(file) = &step.own_result {
            let path = exchanged.result_file().with_file_name(file);
            environment.push(("ATOMIST_RESULT".to_owned(), path.to_string_lossy().into_owned()));
        }
        let argv = match &step.command {
            Command::Program(argv) => match &below.sandbox {
                Some(file) => [self.own(SANDBOX, file), argv.clone()].concat(),
                None => argv.clone(),
            },
            Command::Own { verb, order } => {
                environment.extend(below.told());
                self.own(verb, &exchanged.write_order(&(index + 1).to_string(), order)?)
            }
        };
        Ok(executor::Step {
            name: step.name.clone(),
            argv,
            directory: below.project.join(&step.directory),
            within: Some(below.project.to_owned()),
            environment,
            secrets: step.secrets.clone(),
            when: step.when,
            on_failure: step.on_failure,
            poll: step.poll,
            stop_code: step.stop_code,
            heeds_result: step.heeds_result,
        })
    }
}

/// Whether the goal's wait rule is all it runs: its work is done by the machine itself.
pub(super) fn waits_alone(kind: &dyn Kind, goal: &Goal) -> bool {
    let definition = goal.definition();
    definition.wait_for.is_some() && !kind.only_schedules() && !kind.runs_process(&definition.work.arguments)
}

/// What all steps of a goal have below them.
struct Below<'a> {
    /// The working copy.
    project: &'a Path,
    /// The order for the sandbox of commands.
    sandbox: Option<PathBuf>,
    /// Objects that the working copy's repository borrows.
    borrowed: Vec<PathBuf>,
}

impl Below<'_> {
    /// What steps that are our own program are told of it.
    fn told(&self) -> Vec<(String, String)> {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let borrowed: Vec<String> = self.borrowed.iter().map(text).collect();
        let sandbox = self
            .sandbox
            .as_ref()
            .map(|file| (SANDBOX_ORDER.to_owned(), text(file)));
        let borrowed = (!borrowed.is_empty()).then(|| (BORROWED_OBJECTS.to_owned(), borrowed.join(":")));
        sandbox.into_iter().chain(borrowed).collect()
    }
}

impl Engine {
    /// The words by which this program carries out an order itself.
    fn own(&self, verb: &str, order: &Path) -> Vec<String> {
        let words = [&self.settings.program, Path::new(OWN), Path::new(verb), order];
        words.map(|word| word.to_string_lossy().into_owned()).to_vec()
    }

    /// The order for the sandbox that commands of a push run in; none when they run as the user who runs the machine.
    fn sandbox(
        &self,
        push: &Push,
        project: &Path,
        borrowed: &[PathBuf],
        exchanged: &Exchanged,
    ) -> io::Result<Option<PathBuf>> {
        let policy = &self.settings.sandbox;
        let (mode, network) = match push.trust {
            Trust::Member => (policy.trusted, true),
            Trust::Untrusted => (policy.untrusted, policy.untrusted_network),
        };
        if mode == SandboxMode::Off {
            return Ok(None);
        }
        let order = SandboxOrder {
            is_required: mode == SandboxMode::Required,
            network,
            writable: vec![project.to_owned(), exchanged.output().to_owned()],
            readable: policy
                .readable
                .iter()
                .cloned()
                .chain(borrowed.iter().cloned())
                .chain([exchanged.input().to_owned(), exchanged.secrets()])
                .collect(),
            hidden: policy.hidden.clone(),
            temporary: exchanged.temporary()?,
        };
        let order = serde_json::to_value(order).map_err(io::Error::other)?;
        exchanged.write_order(SANDBOX, &order).map(Some)
    }
}

/// The objects that a working copy borrows, as it was lent: nothing of the goal has run in it yet.
fn borrowed(project: &Path) -> Vec<PathBuf> {
    let alternates = project.join(".git/objects/info/alternates");
    let text = std::fs::read_to_string(alternates).unwrap_or_default();
    text.lines()
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .collect()
}

/// What this computer is called, where it says so.
fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let named: String = named.trim().chars().take(255).collect();
    match named.is_empty() {
        true => "this computer".to_owned(),
        false => named,
    }
}

fn shown_step(step: &Step) -> String {
    match &step.command {
        Command::Program(argv) => shown(argv),
        Command::Own { verb, .. } => format!("sdm {verb}"),
    }
}

pub(in crate::engine) fn shown(argv: &[String]) -> String {
    let quoted =
        |argument: &String| match argument.is_empty() || argument.contains([' ', '\n', '"', '\'', '$']) {
            true => format!("{argument:?}"),
            false => argument.clone(),
        };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Whether the machine itself tells goals this variable: then no definition has a say, whenever it was stored (threat D9).
fn is_told(contract: &[(String, String)], name: &str) -> bool {
    VariableMeaning::of(name) == VariableMeaning::Contract && contract.iter().any(|(told, _)| told == name)
}

/// Later variables replace earlier ones of the same name.
pub(in crate::engine) fn last_of_each(environment: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<_> = environment
        .into_iter()
        .rev()
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    kept.reverse();
    kept
}

/// Tokens given to whoever carries a goal on elsewhere.
fn tokens(request: &ProcessRequest) -> Vec<SecretString> {
    let variables = request.environment.iter();
    let given = variables.filter(|(name, _)| name == kinds::side_effect::TOKEN_VARIABLE);
    given.map(|(_, token)| token.clone().into()).collect()
}
