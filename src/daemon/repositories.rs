//! The repositories a local machine watches. A hint — a moved ref, a hook, a request — only says when to look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::engine::ingest::IngestError;
use crate::git::watch::RefWatcher;
use crate::model::{News, Repository};
use crate::ports::scm::ScmError;
use crate::scm::local::hooks;
use crate::wire::views::RepositoryView;

/// Pause before a repository that cannot be read is looked at again.
const PAUSE: Duration = Duration::from_secs(2);
/// Without any hint a repository is still looked at this often: a watch can miss, a look cannot.
const UNHINTED: Duration = Duration::from_secs(5);

/// One watched repository.
#[derive(Debug, Clone)]
pub struct Watched {
    /// It.
    pub repository: Repository,
    /// Where it is.
    pub path: PathBuf,
    common_dir: PathBuf,
    hint: Arc<Notify>,
    problem: Arc<Mutex<Option<String>>>,
}

/// All of them. Clones share them.
#[derive(Clone, Default)]
pub struct Repositories(Arc<Shared>);

#[derive(Default)]
struct Shared {
    all: Mutex<BTreeMap<String, Watched>>,
    watcher: RefWatcher,
}

impl Repositories {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Watched>> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one and watches its refs; `None` when it is watched already.
    pub fn add(&self, repository: Repository, path: &Path, common_dir: &Path) -> Option<Watched> {
        let watched = Watched {
            repository: repository.clone(),
            path: path.to_owned(),
            common_dir: common_dir.to_owned(),
            hint: Arc::default(),
            problem: Arc::default(),
        };
        let key = repository.key.clone();
        {
            let mut all = self.all();
            if all.contains_key(&key) {
                return None;
            }
            all.insert(repository.key, watched.clone());
        }
        if let Err(error) = self.0.watcher.add(&key, common_dir) {
            tracing::warn!(repo = %watched.repository.slug, error = %error, "refs are not watched; looking now and then");
        }
        Some(watched)
    }

    /// Passes hints on, until told to stop.
    pub async fn pass_hints_on(self, stop: CancellationToken) {
        loop {
            let keys = tokio::select! {
                () = stop.cancelled() => return,
                keys = self.0.watcher.changed() => keys,
            };
            let all = self.all();
            for watched in keys.iter().filter_map(|key| all.get(key)) {
                watched.hint.notify_one();
            }
        }
    }

    /// Each with its state; trust is filled in by the caller.
    pub fn views(&self) -> Vec<(String, RepositoryView)> {
        self.all()
            .values()
            .map(|watched| (watched.repository.key.clone(), watched.view()))
            .collect()
    }
}

impl Watched {
    fn view(&self) -> RepositoryView {
        let problem = self
            .problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        RepositoryView {
            repo: self.repository.slug.to_string(),
            path: self.path.display().to_string(),
            trusted: false,
            watch: problem.unwrap_or_else(|| "watching".to_owned()),
        }
    }

    /// Looks whenever there is a reason to, until told to stop.
    pub async fn follow(self, engine: Engine, stop: CancellationToken) {
        let mut pause = PAUSE;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.hint.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = self.look(&engine).await;
        }
    }

    /// Looks once; how long to wait for a hint before the next look.
    pub async fn look(&self, engine: &Engine) -> Duration {
        let outcome = engine.observe(&self.repository).await;
        let (problem, pause) = match outcome {
            Ok(_) => {
                hooks::empty_spool(&self.common_dir);
                (None, UNHINTED)
            }
            Err(error) => (Some(describe(&error)), PAUSE),
        };
        let earlier = {
            let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, problem.clone())
        };
        if earlier != problem {
            self.say(engine, problem).await;
        }
        pause
    }

    /// Tells people that the repository cannot be read, or that it can again: its commits set no goals meanwhile.
    async fn say(&self, engine: &Engine, problem: Option<String>) {
        let slug = &self.repository.slug;
        let text = match problem {
            Some(problem) => {
                tracing::warn!(repo = %slug, path = %self.path.display(), "{problem}");
                format!("{slug} cannot be read, its commits wait: {problem}")
            }
            None => format!("{slug} can be read again"),
        };
        let news = News::Message {
            text,
            repo: Some(slug.clone()),
        };
        if let Err(error) = engine.store().say(&news, engine.now()).await {
            tracing::warn!(error = %error, "a message could not be stored");
        }
    }
}

fn describe(error: &IngestError) -> String {
    match error {
        IngestError::Scm(ScmError::RepositoryGone(_)) => "the repository is not there".to_owned(),
        other => crate::engine::words::chain(other),
    }
}
