//! A whole machine with the real engine, rules and store, and fakes where the world would be: repositories, working
//! copies and processes. Nothing sleeps: a test waits for a condition on what is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sdm::config::SecretEntry;
use sdm::engine::deliver::ToldPush;
use sdm::engine::{Engine, Machine, Parts, Settings};
use sdm::exec::containers::EngineImages;
use sdm::files::Shelf;
use sdm::model::push::Trust;
use sdm::model::{BranchName, GoalSetId, PushId, RepoSlug, Repository, StateName, Timestamp};
use sdm::ports::forges::NoForges;
use sdm::ports::signing::Signing;
use sdm::ports::store::{GoalSetFilter, GoalSetRecord};
use sdm::runtime::clock::{CountingIds, SteppableClock};
use sdm::runtime::tasks::Tasks;
use sdm::secrets::Vault;
use sdm::spec::SourceFile;
use sdm::store::SqlStore;

use super::fake_executor::FakeExecutor;
use super::fake_scm::FakeScm;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The machine under test and the world around it.
pub struct TestMachine {
    pub engine: Engine,
    pub scm: Arc<FakeScm>,
    pub executor: Arc<FakeExecutor>,
    pub clock: Arc<SteppableClock>,
    pub repo: Repository,
    ids: Arc<CountingIds>,
    signing: Option<Arc<dyn Signing>>,
    secrets: BTreeMap<String, SecretEntry>,
    tasks: Tasks,
    goals: String,
    directory: crate::support::remains::Remains,
}

impl TestMachine {
    /// A machine with these goal files that has seen the repository once.
    pub async fn start(goals: &str) -> Self {
        Self::start_with(goals, None, BTreeMap::new()).await
    }

    /// The same, with goals signed.
    pub async fn start_signed(goals: &str, signing: Option<Arc<dyn Signing>>) -> Self {
        Self::start_with(goals, signing, BTreeMap::new()).await
    }

    /// The same, with these secrets.
    pub async fn start_with_secrets(goals: &str, secrets: BTreeMap<String, SecretEntry>) -> Self {
        Self::start_with(goals, None, secrets).await
    }

    async fn start_with(
        goals: &str,
        signing: Option<Arc<dyn Signing>>,
        secrets: BTreeMap<String, SecretEntry>,
    ) -> Self {
        let directory = crate::support::remains::directory();
        let scm = Arc::new(FakeScm::default());
        let executor = Arc::new(FakeExecutor::default());
        let clock = Arc::new(SteppableClock::at(Timestamp::from_micros(1_800_000_000_000_000)));
        let ids = Arc::new(CountingIds::default());
        let world = World {
            scm: scm.clone(),
            executor: executor.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            signing: signing.clone(),
            secrets: secrets.clone(),
        };
        let (engine, tasks) = wire(&world, goals, directory.path()).await;
        let repo = Repository {
            key: "key-of-acme/app".to_owned(),
            slug: RepoSlug::new("acme", "app"),
            address: "file:///nowhere".to_owned(),
            default_branch: None,
        };
        engine.observe(&repo).await.unwrap();
        engine.store().set_trusted(&repo.key, true).await.unwrap();
        Self {
            engine,
            scm,
            executor,
            clock,
            repo,
            ids,
            signing,
            secrets,
            tasks,
            goals: goals.to_owned(),
            directory,
        }
    }

    /// What a kill and a new start do: every task and every connection is gone, the store and the processes stay.
    pub async fn restart(self) -> Self {
        self.restart_after(&[]).await
    }

    /// The same, with somebody changing the database while the machine is down.
    pub async fn restart_after(self, statements: &[&'static str]) -> Self {
        let Self {
            engine,
            scm,
            executor,
            clock,
            repo,
            ids,
            signing,
            secrets,
            tasks,
            goals,
            directory,
        } = self;
        tasks.shut_down(Duration::from_secs(5)).await;
        drop(engine);
        meddle(&directory.path().join("sdm.db"), statements).await;
        let world = World {
            scm: scm.clone(),
            executor: executor.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            signing: signing.clone(),
            secrets: secrets.clone(),
        };
        let (engine, tasks) = wire(&world, &goals, directory.path()).await;
        Self {
            engine,
            scm,
            executor,
            clock,
            repo,
            ids,
            signing,
            secrets,
            tasks,
            goals,
            directory,
        }
    }

    /// The same, with other goal files from then on.
    pub async fn restart_with(mut self, goals: &str) -> Self {
        self.goals = goals.to_owned();
        self.restart().await
    }

    /// Commits these files on a branch and lets the machine look; the accepted push.
    pub async fn push(&self, branch: &str, files: &[(&str, &str)]) -> PushId {
        self.clock.step(Duration::from_millis(10));
        self.scm.commit(branch, files);
        let accepted = self.engine.observe(&self.repo).await.unwrap();
        assert_eq!(accepted.len(), 1, "one branch moved");
        accepted[0]
    }

    /// Pushes these files and waits for the goal set of the push.
    pub async fn planned_push(&self, branch: &str, files: &[(&str, &str)]) -> GoalSetRecord {
        let push = self.push(branch, files).await;
        self.planned(push).await
    }

    /// The same of somebody who may not write to the repository, on a branch of theirs, from what is on `main`.
    pub async fn planned_push_of_fork(&self, files: &[(&str, &str)]) -> GoalSetRecord {
        let heads = self.engine.store().branch_heads(&self.repo.key).await.unwrap();
        let told = ToldPush {
            id: PushId(self.engine.fresh_id()),
            repo: self.repo.clone(),
            branch: BranchName::parse("fork").unwrap(),
            before: heads.get(&BranchName::parse("main").unwrap()).cloned(),
            after: self.scm.commit("fork", files),
            trust: Trust::Untrusted,
        };
        self.engine.accept(&told).await.unwrap();
        self.planned(told.id).await
    }

    /// Goal sets of a branch, newest first.
    pub async fn goal_sets(&self, branch: &str) -> Vec<GoalSetRecord> {
        let branch = Some(BranchName::parse(branch).unwrap());
        let filter = GoalSetFilter {
            branch,
            ..GoalSetFilter::default()
        };
        self.engine.store().goal_sets(&filter).await.unwrap()
    }

    /// Waits for the first goal set of a push.
    pub async fn planned(&self, push: PushId) -> GoalSetRecord {
        self.wait_for("the push is planned", async || {
            let sets = self
                .engine
                .store()
                .goal_sets(&GoalSetFilter::default())
                .await
                .unwrap();
            sets.into_iter().find(|record| record.push.id == push)
        })
        .await
    }

    /// Waits until a goal is in a state.
    pub async fn reaches(&self, set: GoalSetId, goal: &str, state: StateName) -> GoalSetRecord {
        let what = format!("{goal} is {state}");
        self.wait_for(&what, async || {
            let record = self.engine.store().goal_set(set).await.unwrap().unwrap();
            let reached = record.set.goal_named(goal).unwrap().state.name() == state;
            reached.then_some(record)
        })
        .await
    }

    /// Waits until no goal of the set is open.
    pub async fn ends(&self, set: GoalSetId) -> GoalSetRecord {
        self.wait_for("the set has ended", async || {
            let record = self.engine.store().goal_set(set).await.unwrap().unwrap();
            (!record.set.is_active()).then_some(record)
        })
        .await
    }

    /// Waits until a look at the world gives a value; looks again after every stored change.
    pub async fn wait_for<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let mut changes = self.engine.store().subscribe();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(value) = look().await {
                    return value;
                }
                tokio::time::timeout(Duration::from_millis(100), changes.changed())
                    .await
                    .ok();
                self.engine.look_again();
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(value) => value,
            Err(_) => panic!("waited in vain until {what}"),
        }
    }

    /// Ends every task; fails when one does not end.
    pub async fn stop(self) {
        assert!(
            self.tasks.shut_down(Duration::from_secs(10)).await,
            "every task has an end"
        );
    }
}

struct World {
    scm: Arc<FakeScm>,
    executor: Arc<FakeExecutor>,
    clock: Arc<SteppableClock>,
    ids: Arc<CountingIds>,
    signing: Option<Arc<dyn Signing>>,
    secrets: BTreeMap<String, SecretEntry>,
}

async fn meddle(path: &std::path::Path, statements: &[&'static str]) {
    use sqlx::Connection;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for statement in statements {
        let done = sqlx::query(*statement).execute(&mut connection).await.unwrap();
        assert!(done.rows_affected() > 0, "{statement}");
    }
    connection.close().await.unwrap();
}

async fn wire(world: &World, goals: &str, directory: &std::path::Path) -> (Engine, Tasks) {
    let tasks = Tasks::new();
    let store = SqlStore::open_file(&directory.join("sdm.db")).await.unwrap();
    let parts = Parts {
        store: Arc::new(store),
        scm: world.scm.clone(),
        forges: Arc::new(NoForges),
        workspaces: world.scm.clone(),
        executor: world.executor.clone(),
        archives: Arc::new(Shelf::new(directory.join("cache"))),
        secrets: Arc::new(Vault::new(world.secrets.clone(), None, world.clock.clone())),
        signing: world.signing.clone(),
        images: Arc::new(EngineImages),
        clock: world.clock.clone(),
        ids: world.ids.clone(),
        tasks: tasks.clone(),
    };
    let settings = Settings {
        parallel: 4,
        ..Settings::local("test", directory.join("exchange"))
    };
    let file = SourceFile::new("goals.yaml", goals);
    let machine = Machine::load(&[file]).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let engine = Engine::new(parts, settings, machine);
    let scheduler = engine.clone();
    tasks.spawn_forever("scheduler", async move { scheduler.run().await });
    let errands = engine.clone();
    tasks.spawn_forever("errands", async move { errands.run_errands().await });
    (engine, tasks)
}
