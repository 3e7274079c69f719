//! The few things commands ask of the daemon and the engine in this very process. Everything else goes over the socket.

use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::config::{Configuration, LogFormat, Sources};
use crate::daemon::control::ControlError;
use crate::daemon::database::DatabaseError;
use crate::daemon::environment;
use crate::daemon::goal_files::GoalFiles;
use crate::daemon::goal_lock::directory_of;
use crate::daemon::local::{LocalDaemon, Manner, StartError};
pub use crate::daemon::offline::GoalLog;
use crate::daemon::offline::{self, OfflineError, RunOptions, Subject, explain_offline, predict_offline};
use crate::daemon::references::{self, LockChanges, LockOptions, ReferenceError};
use crate::daemon::state::StateError;
use crate::daemon::team::asking::{self, Heard, HubAnswer, HubAsk};
use crate::engine::Machine;
use crate::model::{Diagnostic, FeedEntry, GoalTrigger, Place, RuleTest, Severity, StateName, Trace};
use crate::ports::store::StoreError;
use crate::rules::Verified;
use crate::runtime::lifecycle::{Signals, Wish};
use crate::runtime::telemetry;
use crate::spec::SourceFile;
use crate::wire::commands::CommandView;
use crate::wire::explain::ExplainView;
use crate::wire::prediction::PredictionView;
use crate::wire::views::{ReviewView, StatusView};

/// Called for each entry of the feed, in order, from one thread at a time.
pub type OnFeed = Box<dyn FnMut(&FeedEntry) + Send>;

/// What becomes of a daemon, for the person who started it.
#[derive(Debug)]
pub enum DaemonNews<'a> {
    /// It watches and answers.
    Started(&'a StatusView),
    /// It is told to stop, with so many goals running.
    Stopping(usize),
}

/// Why something was not done.
#[derive(Debug, Error)]
pub enum DoorError {
    /// It will never work like this; a sentence and what to do.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// It went wrong.
    #[error("failed to {doing}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How the daemon is to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// Treat named repositories as trusted, whatever the configuration says.
    pub trust: bool,
    /// Work with the configured hub.
    pub with_hub: bool,
}

/// A goal file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalFile {
    /// Name for people and diagnostics.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What `sdm check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rules in all files; 0 when they could not be read.
    pub rules: usize,
    /// Problems, errors and warnings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// What `sdm test` found.
#[derive(Debug, Clone, PartialEq)]
pub enum Tested {
    /// The goal files cannot be used, for these problems.
    Unusable(Vec<Diagnostic>),
    /// Every test, in the order of files and lines.
    Run(Vec<TestRun>),
}

/// A test and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TestRun {
    /// What it shows.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// What came of it.
    pub verified: Verified,
}

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// One commit as if it were pushed to the checked-out branch, by any name git knows; `HEAD` when nothing is said.
    Revision(String),
    /// A push from one commit to another.
    Range(String, String),
    /// The working tree with everything that is not committed.
    Worktree,
}

/// How a foreground run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// Every goal that ran succeeded.
    Succeeded {
        /// What inspections said.
        reviews: Vec<ReviewView>,
        /// Of all goals when asked for, else none.
        logs: Vec<GoalLog>,
    },
    /// No goal was set.
    NothingToDo {
        /// Why, rule by rule.
        because: Vec<String>,
    },
    /// Some goal failed.
    Failed {
        /// Of failed goals, or of all when asked for.
        logs: Vec<GoalLog>,
    },
    /// A goal would have to wait for a person, which a foreground run does not; it and those after it were not run.
    Waiting {
        /// What inspections said.
        reviews: Vec<ReviewView>,
        /// Of all goals when asked for, else none.
        logs: Vec<GoalLog>,
    },
    /// The person at the terminal ended it.
    Interrupted,
}

/// The commands of the configured goal files; none when they cannot be used.
pub fn commands(configuration: &Configuration) -> Vec<CommandView> {
    let files = GoalFiles::new(configuration).read().unwrap_or_default();
    let machine = Machine::load(&files).ok();
    machine
        .map(|machine| machine.commands.iter().map(CommandView::of).collect())
        .unwrap_or_default()
}

/// Compares what goal files refer to with what is locked beside them.
///
/// # Errors
/// The lock or a repository cannot be read.
pub fn lock(
    configuration: &Configuration,
    goals: &Path,
    files: &[SourceFile],
    options: &LockOptions,
) -> Result<LockChanges, DoorError> {
    let directory = directory_of(goals);
    let looked = runtime()?.block_on(references::look(configuration, &directory, files, options));
    looked.map_err(|error| unlocked(&error))
}

/// Writes what was found.
///
/// # Errors
/// The system says no.
pub fn write_lock(changes: &LockChanges) -> Result<(), DoorError> {
    changes.write().map_err(|error| unlocked(&error))
}

fn unlocked(error: &ReferenceError) -> DoorError {
    let hint = match error {
        ReferenceError::NoRevision { .. } => {
            Some("look at the tags and branches it has, and at `reference_address`")
        }
        ReferenceError::NotAsLocked { .. } => Some("`sdm lock --update` shows what is there now"),
        ReferenceError::Fetch { .. } => {
            Some("is the repository at `reference_address`, and is there a login for it?")
        }
        ReferenceError::NotMeant(_) => Some("write `OWNER/REPO` or `OWNER/REPO@REF` as the goal files do"),
        ReferenceError::Lock(_)
        | ReferenceError::Network(_)
        | ReferenceError::NoFile { .. }
        | ReferenceError::Write(_) => None,
    };
    DoorError::Refused {
        message: crate::runtime::causes::chain(error),
        hint: hint.map(str::to_owned),
    }
}

/// Starts the daemon and comes back when it was told to stop.
///
/// # Errors
/// It cannot start, or ended in a way it must not.
pub fn start(
    config: &Configuration,
    paths: &[PathBuf],
    options: &StartOptions,
    on_feed: OnFeed,
    on_news: &dyn Fn(DaemonNews<'_>),
) -> Result<(), DoorError> {
    let format = match config.log_format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::start(&config.log_level, format);
    runtime()?.block_on(serve(config, paths, options, on_feed, on_news))
}

async fn serve(
    config: &Configuration,
    paths: &[PathBuf],
    options: &StartOptions,
    on_feed: OnFeed,
    on_news: &dyn Fn(DaemonNews<'_>),
) -> Result<(), DoorError> {
    let mut signals = Signals::listen().map_err(failed("listen to signals"))?;
    let manner = Manner {
        trust: options.trust,
        with_hub: options.with_hub,
    };
    let daemon = LocalDaemon::start(config.clone(), paths, manner, goal_environment()?)
        .await
        .map_err(not_started)?;
    daemon
        .follow_feed(on_feed)
        .await
        .map_err(failed("follow the feed"))?;
    on_news(DaemonNews::Started(
        &daemon.status().await.map_err(failed("read the state"))?,
    ));
    let orderly = loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::Stop => break true,
                Wish::Reload => daemon.reload_goal_files().await,
            },
            asked = daemon.asked_to_stop() => break asked,
        }
    };
    on_news(DaemonNews::Stopping(daemon.engine().running()));
    daemon.shut_down().await;
    match orderly {
        true => Ok(()),
        false => Err(DoorError::Refused {
            message: "a part of the machine ended unexpectedly".to_owned(),
            hint: None,
        }),
    }
}

/// Every problem in these goal files; with `values`, as for a machine whose configuration has those.
pub fn check(files: &[SourceFile], values: Option<&serde_json::Value>) -> Checked {
    let checked = Machine::check(files);
    let checked = match values {
        Some(values) => checked.with_values(values),
        None => checked,
    };
    let rules = checked
        .machine
        .map_or(0, |machine| machine.rules.definitions().len());
    Checked {
        rules,
        diagnostics: checked.diagnostics,
    }
}

/// Runs the author's tests in these goal files. Tests that fail and problems in the files are no error.
pub fn test(files: &[SourceFile]) -> Tested {
    let checked = Machine::check(files);
    let Some(machine) = checked.machine else {
        return Tested::Unusable(checked.diagnostics);
    };
    Tested::Run(run_all(&machine))
}

/// All of them, on as many threads as there is room for: each asks every rule, and none knows of another.
fn run_all(machine: &Machine) -> Vec<TestRun> {
    let tests = &machine.tests;
    let room = std::thread::available_parallelism().map_or(1, usize::from);
    let part = tests.len().div_ceil(room).max(1);
    std::thread::scope(|scope| {
        let parts = tests.chunks(part);
        let running =
            parts.map(|part| scope.spawn(move || part.iter().map(|test| run(machine, test)).collect()));
        let running: Vec<ScopedJoinHandle<'_, Vec<TestRun>>> = running.collect();
        let ended = running.into_iter().map(ScopedJoinHandle::join);
        ended
            .flat_map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// The reasons of every rule are kept where something is to be explained by them.
fn run(machine: &Machine, test: &RuleTest) -> TestRun {
    let mut verified = machine.rules.verify(test);
    if verified.failures.is_empty() {
        verified.plan.trace = Trace::default();
    }
    TestRun {
        name: test.name.clone(),
        place: test.place.clone(),
        verified,
    }
}

/// Which goals would be set and why, oldest push first; because of a goal when one is given.
///
/// # Errors
/// The repository or the goal files cannot be read.
pub fn explain(
    config: &Configuration,
    repo_path: &Path,
    what: &What,
    goal: Option<GoalTrigger>,
) -> Result<Vec<ExplainView>, DoorError> {
    let explained = runtime()?.block_on(explain_offline(config, repo_path, &subject(what), goal));
    let explanation = explained.map_err(not_answered)?;
    Ok(vec![ExplainView::of(
        &explanation.push,
        &explanation.plan,
        explanation.error.as_deref(),
    )])
}

/// The id of a commit, by any name git knows.
///
/// # Errors
/// There is no repository or no such commit.
pub fn commit_named(repo_path: &Path, name: &str) -> Result<String, DoorError> {
    let commit = offline::commit_at(repo_path, name).map_err(not_answered)?;
    Ok(commit.to_string())
}

/// What every push to a branch sets, and what some may.
///
/// # Errors
/// The repository or the goal files cannot be read, or there is no such branch name.
pub fn predict(
    config: &Configuration,
    repo_path: &Path,
    branch: Option<&str>,
) -> Result<PredictionView, DoorError> {
    predict_offline(config, repo_path, branch).map_err(not_answered)
}

/// Asks the configured hub for a command of some machine.
///
/// # Errors
/// It is not asked for.
pub fn ask_hub(
    config: &Configuration,
    ask: &HubAsk,
    on_news: &mut dyn FnMut(Heard<'_>),
) -> Result<HubAnswer, DoorError> {
    let asked = runtime()?.block_on(asking::ask_hub(config, ask, on_news));
    asked.map_err(|not_asked| DoorError::Refused {
        message: not_asked.message,
        hint: not_asked.hint,
    })
}

fn subject(what: &What) -> Subject {
    match what {
        What::Revision(revision) => Subject::Revision(revision.clone()),
        What::Range(from, to) => Subject::Range(from.clone(), to.clone()),
        What::Worktree => Subject::Worktree,
    }
}

/// Plans `HEAD`, or the uncommitted tree, and carries it out here; only these goals and what they need when any are named.
/// `all_logs`: what goals wrote that did not fail is wanted too.
///
/// # Errors
/// It cannot be planned or carried out.
pub fn run_foreground(
    config: &Configuration,
    repo_path: &Path,
    goals: &[String],
    worktree: bool,
    all_logs: bool,
    mut on_feed: OnFeed,
) -> Result<RunOutcome, DoorError> {
    telemetry::start("warn", telemetry::Format::Text);
    let interrupt = CancellationToken::new();
    let options = RunOptions {
        subject: if worktree {
            Subject::Worktree
        } else {
            Subject::Revision("HEAD".to_owned())
        },
        goals: goals.to_vec(),
        all_logs,
        environment: goal_environment()?,
        interrupt: interrupt.clone(),
    };
    let outcome = runtime()?.block_on(async {
        let mut signals = Signals::listen().map_err(failed("listen to signals"))?;
        let work = offline::run(config, repo_path, options, &mut on_feed);
        tokio::pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => break outcome.map_err(not_answered),
                _ = signals.next() => interrupt.cancel(),
            }
        }
    })?;
    Ok(ended(outcome))
}

fn ended(outcome: offline::RunOutcome) -> RunOutcome {
    match outcome.record {
        None => RunOutcome::NothingToDo {
            because: reasons(&outcome.trace),
        },
        Some(record) => match record.set.state() {
            StateName::Failure | StateName::Stopped => RunOutcome::Failed { logs: outcome.logs },
            StateName::Canceled if outcome.interrupted => RunOutcome::Interrupted,
            StateName::Canceled => RunOutcome::Waiting {
                reviews: outcome.reviews,
                logs: outcome.logs,
            },
            _ => RunOutcome::Succeeded {
                reviews: outcome.reviews,
                logs: outcome.logs,
            },
        },
    }
}

/// Why nothing is set, rule by rule.
fn reasons(trace: &Trace) -> Vec<String> {
    trace
        .rules
        .iter()
        .map(|rule| format!("{}: {}", rule.name, rule.because))
        .collect()
}

fn goal_environment() -> Result<Vec<(String, String)>, DoorError> {
    let sources = Sources::of_process().map_err(failed("read the environment"))?;
    let program = std::env::current_exe().ok();
    Ok(environment::base(&sources.environment, program.as_deref()))
}

/// Two workers are enough: libgit2 and the file system have threads of their own.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, DoorError> {
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build();
    built.map_err(failed("start the runtime"))
}

pub(super) fn failed<E: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl FnOnce(E) -> DoorError {
    move |error| DoorError::Failed {
        doing,
        source: Box::new(error),
    }
}

fn refused(error: &dyn std::error::Error, hint: &str) -> DoorError {
    DoorError::Refused {
        message: error.to_string(),
        hint: Some(hint.to_owned()),
    }
}

fn not_started(error: StartError) -> DoorError {
    match &error {
        StartError::State(StateError::InUse(_)) | StartError::Control(ControlError::InUse(_)) => refused(
            &error,
            "talk to that one (`sdm show machines`), or start this one under another --name and SDM_HOME",
        ),
        StartError::NoRepository(_) => refused(
            &error,
            "name a repository or a directory of them, or make one with `git init`",
        ),
        StartError::NotWatched(_) => refused(&error, "`sdm show machines` lists what is"),
        StartError::Goals(problems) => bad_goals(problems),
        StartError::GoalFiles(_) => refused(&error, "name other goal files with --goals"),
        StartError::Forge(_) => refused(
            &error,
            "write `forges: {'https://github.com': {secret: NAME}}`, with NAME among `secrets`",
        ),
        StartError::Collector(_) => refused(&error, "see `otlp` in `sdm doctor --config`"),
        StartError::Hooks(_) => refused(&error, "write globs of `owner/name`, such as `acme/*`"),
        StartError::Signing(_) => DoorError::Refused {
            message: crate::runtime::causes::chain(&error),
            hint: Some("`sdm key new` makes one; or take `signing` out of the configuration".to_owned()),
        },
        StartError::Database(DatabaseError::NotGiven(_) | DatabaseError::NoUrl) => refused_because(
            &error,
            "write `database: {file: /etc/sdm/database}`, a file with the URL in its first line",
        ),
        StartError::Database(DatabaseError::Store(_, StoreError::Unfit(_))) => refused_because(
            &error,
            "give each machine a database of its own; replicas of one machine have one `name`",
        ),
        StartError::Database(DatabaseError::Store(_, StoreError::Unreachable(_))) => refused_because(
            &error,
            "look whether its server runs, and whether `database` names it, its user and its password",
        ),
        StartError::State(_)
        | StartError::Database(_)
        | StartError::Team(_)
        | StartError::Store(_)
        | StartError::Control(_)
        | StartError::Scm(_)
        | StartError::Containers(_)
        | StartError::FileStore(_)
        | StartError::Program(_) => DoorError::Failed {
            doing: "start the machine",
            source: Box::new(error),
        },
    }
}

fn refused_because(error: &StartError, hint: &str) -> DoorError {
    DoorError::Refused {
        message: crate::runtime::causes::chain(error),
        hint: Some(hint.to_owned()),
    }
}

fn bad_goals(problems: &[Diagnostic]) -> DoorError {
    let errors: Vec<&Diagnostic> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .collect();
    let first = errors
        .first()
        .map(|problem| format!("{}: {}", problem.place, problem.message))
        .unwrap_or_default();
    let more = match errors.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    DoorError::Refused {
        message: format!("the goal files cannot be used: {first}{more}"),
        hint: Some("see all of it with `sdm check`".to_owned()),
    }
}

fn not_answered(error: OfflineError) -> DoorError {
    match error {
        OfflineError::Start(error) => not_started(error),
        OfflineError::NoSuchGoal { .. } => refused(&error, "see what is set with `sdm explain`"),
        OfflineError::Planning(_) => refused(&error, "see every reason with `sdm explain`"),
        OfflineError::NoSuchCommit(_) => refused(
            &error,
            "name a commit, branch or tag; `git log --oneline --all` shows them",
        ),
        OfflineError::NoCommitYet => refused(
            &error,
            "commit something, or ask about the uncommitted files with --worktree",
        ),
        OfflineError::Bare(_) => refused(&error, "leave out --worktree"),
        OfflineError::NoBranch => refused(&error, "name one: `sdm explain --predict BRANCH`"),
        OfflineError::Name(_) => refused(&error, "`git branch --all` shows the names there are"),
        OfflineError::Scm(_) | OfflineError::Store(_) | OfflineError::Crashed => DoorError::Failed {
            doing: "answer",
            source: Box::new(error),
        },
    }
}
