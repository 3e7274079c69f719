//! The machine on its own: repositories on this computer, no account, no network. In team mode a hub is beside it ([`Team`]).
//!
//! Wiring happens in [`LocalDaemon::start`], top to bottom. What it starts is owned by [`Tasks`] and ended by
//! [`LocalDaemon::shut_down`]; goals that run are left to their supervisors and found again at the next start.

mod created;
mod goal_watch;
mod reload;
mod requests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::collector::CollectorError;
use super::control::{self, ControlError};
use super::database::{self, DatabaseError};
use super::goal_files::{GoalFiles, GoalFilesError};
use super::people::People;
use super::repositories::{Repositories, Watched};
use super::state::{StateDirectory, StateError};
use super::team::as_person::{AsPerson, Proofs};
use super::team::{Team, TeamError};
use super::traces::Heard;
use crate::config::{Configuration, InWhoseName, MockEntry, SandboxChoice, Statuses, TrustPolicy};
use crate::engine::{Engine, Machine, Parts, SandboxPolicy, Settings};
use crate::exec::ProcessExecutor;
use crate::exec::containers::EngineImages;
use crate::git::address::AddressPolicy;
use crate::git::{Git, identity, remote};
use crate::kinds::mock::MockRule;
use crate::kinds::{HubPlace, listeners};
use crate::model::{Diagnostic, FeedEntry, Repository, Timestamp};
use crate::ports::sandbox::SandboxMode;
use crate::ports::scm::ScmError;
use crate::ports::store::StoreError;
use crate::ports::{Forges, Secrets};
use crate::runtime::causes::chain;
use crate::runtime::clock::{Clock, RandomIds, SystemClock};
use crate::runtime::lifecycle;
use crate::runtime::tasks::Tasks;
use crate::secrets::Vault;
use goal_watch::GoalFilesWatch;

/// How long tasks get to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the machine does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The keys of goals.
    #[error(transparent)]
    Signing(#[from] super::signing::SigningError),
    /// The database.
    #[error("failed to use the database")]
    Store(#[from] StoreError),
    /// The same, before it could be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The socket.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Goal files that cannot be read.
    #[error(transparent)]
    GoalFiles(#[from] GoalFilesError),
    /// Goal files with errors.
    #[error("the goal files have {} problem(s)", .0.len())]
    Goals(Vec<Diagnostic>),
    /// A repository.
    #[error(transparent)]
    Scm(#[from] ScmError),
    /// A forge that cannot be connected.
    #[error("`forges` in the configuration: {0}")]
    Forge(String),
    /// Nothing to watch.
    #[error("there is no git repository at or below {0}")]
    NoRepository(PathBuf),
    /// The list of repositories whose hooks may run.
    #[error("`repository_hooks` in the configuration cannot be read: {0}")]
    Hooks(String),
    /// An address that is none of those watched.
    #[error("{0} is not watched")]
    NotWatched(String),
    /// The hub of team mode.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// The collector of traces.
    #[error(transparent)]
    Collector(#[from] CollectorError),
    /// Our own program cannot be found, so goals could not be supervised.
    #[error("failed to find this program's own file")]
    Program(#[source] std::io::Error),
    /// The file store cannot be used.
    #[error("failed to prepare for the file store")]
    FileStore(#[source] std::io::Error),
    /// What belongs to goals in containers cannot be kept.
    #[error("failed to prepare for goals in containers")]
    Containers(#[source] std::io::Error),
}

/// How the machine is to start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether all repositories that are found are trusted.
    pub trust: bool,
    /// Whether it works with the configured hub.
    pub with_hub: bool,
}

/// Which repositories are trusted by being watched (threat J2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trusting {
    /// None: somebody has to say so.
    Nobody,
    /// Those that the person named; not those that were found below a directory.
    Named,
    /// All of them.
    All,
}

/// A running machine. Clones share it.
#[derive(Clone)]
pub struct LocalDaemon(Arc<Inner>);

struct Inner {
    configuration: Configuration,
    engine: Engine,
    repositories: Repositories,
    people: People,
    tasks: Tasks,
    goal_files: GoalFiles,
    goal_files_problem: Mutex<Option<String>>,
    wants_to_stop: CancellationToken,
    started_at: Timestamp,
    state: StateDirectory,
    team: Option<Team>,
}

/// The adapters of a machine on this computer, over one state directory.
///
/// # Errors
/// One of them cannot be opened.
pub async fn parts(
    configuration: &Configuration,
    state: &StateDirectory,
    tasks: &Tasks,
) -> Result<Parts, StartError> {
    let replica = database::replica(configuration, state, &RandomIds).map_err(DatabaseError::Replica)?;
    let store = database::open(configuration, state, &replica).await?;
    let git = Arc::new(Git::open(
        &state.beneath("mirrors")?,
        &state.beneath("workspaces")?,
        super::network::options(configuration)?,
        configuration.workspace_keep.clone(),
        Arc::new(RandomIds),
    )?);
    let program = std::env::current_exe().map_err(StartError::Program)?;
    let secrets = secrets(configuration);
    let archives = super::files::archives(configuration, state.beneath("cache")?);
    let mut executor = ProcessExecutor::new(state.beneath("attempts")?, program);
    if !replica.is_empty() {
        executor = executor.fenced(database::HELD).map_err(DatabaseError::Replica)?;
    }
    Ok(Parts {
        store: Arc::new(store),
        scm: git.clone(),
        forges: super::network::forges(configuration, &secrets)?,
        workspaces: git,
        executor: Arc::new(executor),
        archives: archives.map_err(StartError::FileStore)?,
        secrets,
        signing: super::signing::signing(configuration)?,
        images: Arc::new(EngineImages),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        tasks: tasks.clone(),
    })
}

/// The secrets that are configured; none is opened before it is asked for.
pub(super) fn secrets(configuration: &Configuration) -> Arc<dyn Secrets> {
    Arc::new(Vault::new(
        configuration.secrets.clone(),
        configuration.secret_key_file.clone(),
        Arc::new(SystemClock),
    ))
}

/// The engine's settings as configured.
///
/// # Errors
/// The state directory cannot be used.
pub fn settings(
    configuration: &Configuration,
    state: &StateDirectory,
    environment: Vec<(String, String)>,
) -> Result<Settings, StartError> {
    listeners::check_allowed(&configuration.repository_hooks).map_err(StartError::Hooks)?;
    let attempts = state.beneath("attempts")?;
    let local = Settings::local(&configuration.name, state.beneath("exchange")?);
    let replica = database::replica(configuration, state, &RandomIds).map_err(DatabaseError::Replica)?;
    Ok(Settings {
        lease: match replica.is_empty() {
            true => local.lease,
            false => database::LEASE,
        },
        replica,
        repository_hooks: configuration.repository_hooks.clone(),
        containers: super::containers::policy(configuration, &attempts).map_err(StartError::Containers)?,
        sandbox: sandbox(configuration, state),
        parallel: configuration.parallel,
        trust_all: configuration.trust == TrustPolicy::All,
        base_environment: environment,
        program: std::env::current_exe().map_err(StartError::Program)?,
        log_limit: configuration.limits.log,
        cache_limit: match (&configuration.database, &configuration.file_store) {
            // What one replica kept on its own disk, the others would not find.
            (Some(_), None) => 0,
            (None, _) | (Some(_), Some(_)) => configuration.limits.cache,
        },
        socket: Some(configuration.socket.clone()),
        limits: configuration.goal_limits,
        values: configuration.values.clone(),
        mocks: configuration.mock.iter().map(mock_rule).collect(),
        ..local
    })
}

/// When commands run in a sandbox; whatever the machine keeps is hidden there.
fn sandbox(configuration: &Configuration, state: &StateDirectory) -> SandboxPolicy {
    let mode = |choice| match choice {
        SandboxChoice::Off => SandboxMode::Off,
        SandboxChoice::Auto => SandboxMode::Auto,
        SandboxChoice::Required => SandboxMode::Required,
    };
    SandboxPolicy {
        trusted: mode(configuration.sandboxes.trusted),
        untrusted: mode(configuration.sandboxes.untrusted),
        untrusted_network: configuration.untrusted_network,
        readable: configuration.sandboxes.readable.clone(),
        hidden: vec![configuration.state_directory.clone(), state.root().to_owned()],
    }
}

fn mock_rule(entry: &MockEntry) -> MockRule {
    MockRule {
        goals: entry.goals.clone(),
        duration: entry.duration(),
        code: entry.code,
    }
}

impl LocalDaemon {
    /// Starts everything: afterwards the socket answers, the repositories are watched, and what an earlier daemon left
    /// is taken up.
    ///
    /// # Errors
    /// The first thing that cannot be had; nothing is left running then.
    pub async fn start(
        configuration: Configuration,
        paths: &[PathBuf],
        manner: Manner,
        environment: Vec<(String, String)>,
    ) -> Result<Self, StartError> {
        let tasks = Tasks::new();
        let remotes = remotes(&configuration)?;
        let state = StateDirectory::open_patiently(&configuration.state_directory).await?;
        let goal_files = GoalFiles::new(&configuration);
        let goal_files_watch = GoalFilesWatch::begin(&goal_files);
        let machine = Machine::load(&goal_files.read()?).map_err(StartError::Goals)?;
        let listener = control::bind(&configuration.socket)?;
        let proofs = Proofs::default();
        let mut parts = parts(&configuration, &state, &tasks).await?;
        parts.forges = forges(&configuration, manner, parts.forges, proofs.clone())?;
        let settings = Settings {
            local_mode: !manner.with_hub,
            hub: hub_place(&configuration, manner),
            ..settings(&configuration, &state, environment)?
        };
        let started_at = parts.clock.now();
        reclaim_workspaces(&parts).await?;
        let sweep = super::containers::sweep(&settings.containers, &state.beneath("attempts")?);
        let engine = Engine::new(parts, settings, machine);
        engine.join().await?;
        let team = team(&configuration, &engine, manner, proofs)?;
        match &team {
            Some(team) => team.prepare().await?,
            // Other replicas may have a hub.
            None if engine.replica().is_empty() => engine.store().stop_reporting().await?,
            None => {}
        }
        let daemon = Self(Arc::new(Inner {
            people: People::new(configuration.people.clone()),
            configuration,
            engine,
            repositories: Repositories::default(),
            tasks: tasks.clone(),
            goal_files,
            goal_files_problem: Mutex::default(),
            wants_to_stop: CancellationToken::new(),
            started_at,
            state,
            team,
        }));
        let hints = daemon.0.repositories.clone().pass_hints_on(tasks.stop_token());
        tasks.spawn_forever("ref watcher", hints);
        daemon.engine().begin_to_listen().await?;
        daemon.watch_all(paths, manner.trust).await?;
        for repository in remotes {
            daemon.watch_elsewhere(repository).await?;
        }
        let engine = daemon.engine().clone();
        tasks.spawn_forever("replicas", async move { engine.run_beats().await });
        let engine = daemon.engine().clone();
        tasks.spawn_forever("scheduler", async move { engine.run().await });
        let look = super::containers::look_again_and_again(sweep, tasks.stop_token());
        tasks.spawn_forever("remains of containers", look);
        let engine = daemon.engine().clone();
        tasks.spawn_forever("errands", async move { engine.run_errands().await });
        tasks.spawn_forever("control socket", control::serve(listener, daemon.clone()));
        daemon.tell_forges().await?;
        daemon.watch_what_is_made().await?;
        daemon.follow_traces().await?;
        daemon.follow_goal_files(goal_files_watch);
        daemon.keep_house();
        if let Some(team) = &daemon.0.team {
            team.begin();
        }
        lifecycle::notify_ready("watching");
        Ok(daemon)
    }

    fn has_forge_to_tell(&self) -> bool {
        let mut forges = self.0.configuration.forges.values();
        forges.any(|forge| forge.statuses != Statuses::None)
    }

    /// Tells forges how the goals of commits stand, where one is to be told. One that is connected later hears of nothing before.
    async fn tell_forges(&self) -> Result<(), StoreError> {
        let engine = self.engine().clone();
        if self.has_forge_to_tell() {
            let telling = async move { engine.run_statuses().await };
            self.tasks().spawn_forever("commit statuses", telling);
        } else if engine.replica().is_empty() {
            engine.store().stop_statuses().await?;
        }
        Ok(())
    }

    async fn watch_all(&self, paths: &[PathBuf], trust: bool) -> Result<(), StartError> {
        let trusting = if trust { Trusting::All } else { Trusting::Named };
        for path in paths.iter().chain(&self.0.configuration.repositories) {
            self.watch(path, trusting).await?;
        }
        Ok(())
    }

    /// Watches a repository by its address. Whoever configured it trusts it by that.
    async fn watch_elsewhere(&self, repository: Repository) -> Result<(), StartError> {
        self.engine().store().set_trusted(&repository.key, true).await?;
        let interval = self.0.configuration.poll_interval;
        // Not looked at here: the machine starts also when the network is down.
        if let Some(watched) = self.0.repositories.add_elsewhere(repository, interval) {
            self.follow(watched);
        }
        Ok(())
    }

    /// Prints or sends on everything that happens from now on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn follow_feed(
        &self,
        mut on_feed: Box<dyn FnMut(&FeedEntry) + Send>,
    ) -> Result<(), StoreError> {
        let (store, stop) = (self.engine().store().clone(), self.tasks().stop_token());
        let mut cursor = store.last_cursor().await?;
        let mut changes = store.subscribe();
        self.tasks().spawn_forever("feed", async move {
            loop {
                changes.mark_unchanged();
                for entry in store.feed(cursor, 500).await.unwrap_or_default() {
                    cursor = entry.cursor;
                    on_feed(&entry);
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = changes.changed() => {}
                }
            }
        });
        Ok(())
    }

    /// Watches the repository at a path, or those below a directory, and trusts none of them by that (threat J2).
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn watch_path(&self, path: &Path) -> Result<(), StartError> {
        self.watch(path, Trusting::Nobody).await
    }

    async fn watch(&self, path: &Path, trusting: Trusting) -> Result<(), StartError> {
        let path = path.to_owned();
        let found = tokio::task::spawn_blocking(move || found_at(&path))
            .await
            .expect("looking does not panic")?;
        for (discovered, named) in found {
            let (repository, place) = repository_of(&discovered);
            if trusting == Trusting::All || (named && trusting == Trusting::Named) {
                self.engine().store().set_trusted(&repository.key, true).await?;
            }
            if let Some(watched) = self
                .0
                .repositories
                .add(repository, &place, &discovered.common_dir)
            {
                // Seen once before anybody is told that we watch: what is committed from now on counts.
                watched.look(self.engine()).await;
                self.follow(watched);
            }
        }
        Ok(())
    }

    fn follow(&self, watched: Watched) {
        let (engine, stop) = (self.engine().clone(), self.tasks().stop_token());
        self.tasks()
            .spawn_forever("repository", watched.follow(engine, stop));
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The configuration it was started with.
    pub(super) fn configuration(&self) -> &Configuration {
        &self.0.configuration
    }

    /// The hub of team mode.
    pub(super) fn team(&self) -> Option<&Team> {
        self.0.team.as_ref()
    }

    /// The traces that a hub has told of.
    pub(super) fn heard(&self) -> Heard {
        self.0.team.as_ref().map(Team::heard).unwrap_or_default()
    }

    /// Owner of every task.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Who may talk to it.
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// Asks for an end, as a signal would.
    pub fn ask_to_stop(&self) {
        self.0.wants_to_stop.cancel();
    }

    /// Completes when somebody asked for an end over the socket, or a task that must not end has ended; `false` then.
    pub async fn asked_to_stop(&self) -> bool {
        tokio::select! {
            () = self.0.wants_to_stop.cancelled() => true,
            () = self.0.tasks.crashed() => false,
        }
    }

    /// Ends all tasks and removes the socket. Processes of goals go on.
    pub async fn shut_down(&self) {
        lifecycle::notify_stopping();
        let drain = self.0.configuration.hub.as_ref().map(|hub| hub.drain);
        if !self.0.tasks.shut_down(PATIENCE + drain.unwrap_or_default()).await {
            tracing::warn!("some tasks did not end in time");
        }
        if let Err(error) = self.engine().store().fold_log().await {
            tracing::warn!(error = %chain(&error), "a backup needs the database with its -wal file");
        }
        std::fs::remove_file(&self.0.configuration.socket).ok();
    }
}

/// The hub's side of the machine, when it is to have one.
fn team(
    configuration: &Configuration,
    engine: &Engine,
    manner: Manner,
    proofs: Proofs,
) -> Result<Option<Team>, TeamError> {
    let vault = vault_of_hub(configuration);
    let team = || Team::new(configuration, engine.clone(), vault, &engine.parts.tasks, proofs);
    manner.with_hub.then(team).transpose()
}

/// Where the machine's key for the hub is taken from.
fn vault_of_hub(configuration: &Configuration) -> Vault {
    let key_file = configuration.secret_key_file.clone();
    Vault::new(BTreeMap::new(), key_file, Arc::new(SystemClock))
}

/// The machine's forges, with those of the hub where it asks in the name of people.
fn forges(
    configuration: &Configuration,
    manner: Manner,
    own: Arc<dyn Forges>,
    proofs: Proofs,
) -> Result<Arc<dyn Forges>, StartError> {
    let hub = configuration.hub.as_ref().filter(|_| manner.with_hub);
    let Some(hub) = hub.filter(|hub| hub.pull_requests == InWhoseName::Person) else {
        return Ok(own);
    };
    let ways = (
        vault_of_hub(configuration),
        Arc::new(SystemClock) as Arc<dyn Clock>,
    );
    let as_person = AsPerson::new(own, (configuration, hub), ways, proofs)?;
    Ok(Arc::new(as_person))
}

/// Where whoever completes a goal from outside finds the hub.
fn hub_place(configuration: &Configuration, manner: Manner) -> Option<HubPlace> {
    let hub = configuration.hub.as_ref().filter(|_| manner.with_hub)?;
    Some(HubPlace {
        address: hub.address.clone(),
        workspace: hub.workspaces.first().cloned().unwrap_or_default(),
    })
}

/// The configured repositories elsewhere: an address that may not be fetched is said before anything is started.
fn remotes(configuration: &Configuration) -> Result<Vec<Repository>, ScmError> {
    let addresses = configuration.remotes.iter();
    let found = addresses.map(|address| remote::repository_at(address, &AddressPolicy::LOCAL));
    found.collect()
}

/// Working copies that no lease names go back.
async fn reclaim_workspaces(parts: &Parts) -> Result<(), StartError> {
    let leases = parts.store.leases().await?;
    let in_use: Vec<String> = leases.into_iter().filter_map(|lease| lease.workspace).collect();
    Ok(parts.workspaces.reclaim(&in_use).await?)
}

/// Repositories at a path: the one it is in, named by the person, or those below it.
fn found_at(path: &Path) -> Result<Vec<(identity::Discovered, bool)>, StartError> {
    if let Some(own) = identity::discover(path)? {
        return Ok(vec![(own, true)]);
    }
    let below = identity::repositories_beneath(path)?;
    match below.is_empty() {
        true => Err(StartError::NoRepository(path.to_owned())),
        false => Ok(below.into_iter().map(|discovered| (discovered, false)).collect()),
    }
}

/// The repository as the engine knows it, and where it is.
pub(crate) fn repository_of(discovered: &identity::Discovered) -> (Repository, PathBuf) {
    let path = discovered
        .work_tree
        .clone()
        .unwrap_or_else(|| discovered.common_dir.clone());
    (discovered.repository.clone(), path)
}
