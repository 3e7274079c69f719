//! The repositories a local machine watches, here and elsewhere. A hint — a moved ref, a hook, a request — only says when
//! to look; what is elsewhere gives none and is looked at by the clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::engine::ingest::IngestError;
use crate::git::identity;
use crate::git::watch::RefWatcher;
use crate::model::{News, Repository};
use crate::ports::scm::ScmError;
use crate::scm::local::hooks;
use crate::wire::views::{RepositoryView, WATCHING};

/// Pause before a repository that cannot be read is looked at again.
const PAUSE: Duration = Duration::from_secs(2);
/// Most of a pause while a repository elsewhere cannot be reached; each failure doubles it.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Without any hint a repository is still looked at this often: a watch can miss, a look cannot.
const UNHINTED: Duration = Duration::from_secs(5);

/// One watched repository.
#[derive(Debug, Clone)]
pub struct Watched {
    /// It.
    pub repository: Repository,
    /// Where it is.
    place: Place,
    hint: Arc<Notify>,
    problem: Arc<Mutex<Option<String>>>,
}

/// Where a repository is.
#[derive(Debug, Clone)]
enum Place {
    /// On this computer.
    Here { path: PathBuf, common_dir: PathBuf },
    /// At its address, looked at this often.
    Elsewhere { interval: Duration },
}

impl Place {
    /// How long to wait for a hint before the next look, after so many failures in a row.
    fn pause(&self, failures: u32) -> Duration {
        match (self, failures) {
            (Self::Here { .. }, 0) => UNHINTED,
            (Self::Here { .. }, _) => PAUSE,
            (Self::Elsewhere { interval }, 0) => *interval,
            (Self::Elsewhere { .. }, failures) => {
                let doubled = PAUSE.saturating_mul(1 << (failures - 1).min(16));
                doubled.min(LONGEST_PAUSE)
            }
        }
    }
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
        let key = repository.key.clone();
        let place = Place::Here {
            path: path.to_owned(),
            common_dir: common_dir.to_owned(),
        };
        let watched = self.insert(repository, place)?;
        if let Err(error) = self.0.watcher.add(&key, common_dir) {
            tracing::warn!(repo = %watched.repository.slug, error = %error, "refs are not watched; looking now and then");
        }
        Some(watched)
    }

    /// Adds one that is elsewhere, to be looked at at once and then by the clock; `None` when it is watched already.
    pub fn add_elsewhere(&self, repository: Repository, interval: Duration) -> Option<Watched> {
        let watched = self.insert(repository, Place::Elsewhere { interval })?;
        watched.hint.notify_one();
        Some(watched)
    }

    fn insert(&self, repository: Repository, place: Place) -> Option<Watched> {
        let mut all = self.all();
        if all.contains_key(&repository.key) {
            return None;
        }
        let key = repository.key.clone();
        let watched = Watched {
            repository,
            place,
            hint: Arc::default(),
            problem: Arc::default(),
        };
        all.insert(key, watched.clone());
        Some(watched)
    }

    /// The watched repository with this key.
    pub fn with_key(&self, key: &str) -> Option<Repository> {
        self.all().get(key).map(|watched| watched.repository.clone())
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
            path: self.shown_place(),
            trusted: false,
            watch: self.shallow().or(problem).unwrap_or_else(|| WATCHING.to_owned()),
        }
    }

    /// A clone without its history is told of before the first commit that cannot be planned for it.
    fn shallow(&self) -> Option<String> {
        match &self.place {
            Place::Here { common_dir, .. } if identity::is_shallow(common_dir) => {
                Some(format!("its commits wait: {}", identity::SHALLOW))
            }
            Place::Here { .. } | Place::Elsewhere { .. } => None,
        }
    }

    fn shown_place(&self) -> String {
        match &self.place {
            Place::Here { path, .. } => path.display().to_string(),
            Place::Elsewhere { .. } => self.repository.address.clone(),
        }
    }

    /// Looks whenever there is a reason to, until told to stop.
    pub async fn follow(self, engine: Engine, stop: CancellationToken) {
        let mut failures = 0_u32;
        loop {
            let pause = self.place.pause(failures);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.hint.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            failures = match self.look(&engine).await {
                true => 0,
                false => failures.saturating_add(1),
            };
        }
    }

    /// Looks once; whether it could be read.
    pub async fn look(&self, engine: &Engine) -> bool {
        let problem = match engine.observe(&self.repository).await {
            Ok(_) => {
                if let Place::Here { common_dir, .. } = &self.place {
                    hooks::empty_spool(common_dir);
                }
                None
            }
            Err(error) => Some(describe(&error)),
        };
        let is_read = problem.is_none();
        let earlier = {
            let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, problem.clone())
        };
        if earlier != problem {
            self.say(engine, problem).await;
        }
        is_read
    }

    /// Tells people that the repository cannot be read, or that it can again: its commits set no goals meanwhile.
    async fn say(&self, engine: &Engine, problem: Option<String>) {
        let slug = &self.repository.slug;
        let text = match problem {
            Some(problem) => {
                tracing::warn!(repo = %slug, place = self.shown_place(), "{problem}");
                format!("cannot be read, its commits wait: {problem}")
            }
            None => "can be read again".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RepoSlug;

    #[test]
    fn a_shallow_clone_is_not_said_to_be_watched() {
        let place = tempfile::tempdir().unwrap();
        let watched = Watched {
            repository: Repository {
                key: "key".to_owned(),
                slug: RepoSlug::new("acme", "app"),
                address: "file:///acme/app".to_owned(),
                default_branch: None,
            },
            place: Place::Here {
                path: place.path().to_owned(),
                common_dir: place.path().to_owned(),
            },
            hint: Arc::default(),
            problem: Arc::default(),
        };
        assert_eq!(watched.view().watch, "watching");
        std::fs::write(place.path().join("shallow"), "a1b2c3\n").unwrap();
        assert_eq!(
            watched.view().watch,
            "its commits wait: it is a shallow clone; `git fetch --unshallow` completes it"
        );
    }

    #[test]
    fn failures_lengthen_the_pause_up_to_a_limit() {
        let elsewhere = Place::Elsewhere {
            interval: Duration::from_secs(60),
        };
        let pauses: Vec<u64> = [0, 1, 2, 3, 8, 9, 100, u32::MAX]
            .map(|failures| elsewhere.pause(failures).as_secs())
            .to_vec();
        assert_eq!(pauses, [60, 2, 4, 8, 256, 300, 300, 300]);
        let here = Place::Here {
            path: PathBuf::new(),
            common_dir: PathBuf::new(),
        };
        assert_eq!((here.pause(0), here.pause(7)), (UNHINTED, PAUSE));
    }
}
