//! Crashes at every point: the file and its write-ahead log are copied as they would be found after a crash, with the
//! log cut at every frame and in the middle of frames. What is read from every copy must be what some prefix of the
//! history left, never less than what was acknowledged by then, and good to go on with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::SqlStore;
use crate::model::queue::ReleaseOn;
use crate::model::{BranchName, CommitSha, Cursor, FeedEntry, GoalSet, Push, StateName};
use crate::ports::store::{GoalLocation, GoalSetRecord, Lease, LeaseChanges};
use crate::ports::{AttemptRef, Store};
use crate::store::contract::fixture::{REPO, act, at, goal, key, record, set_id, start, succeed};

/// Bytes before the first frame of the log, and of each frame's head and page.
const HEAD: usize = 32;
const FRAME: usize = 24 + 4096;

/// Everything one can see of a store.
#[derive(Debug, PartialEq)]
struct Seen {
    feed: Vec<FeedEntry>,
    sets: Vec<GoalSetRecord>,
    heads: BTreeMap<BranchName, CommitSha>,
    unplanned: Vec<(Push, u32)>,
    leases: Vec<Lease>,
    goals: Vec<GoalLocation>,
    holders: Option<u32>,
}

async fn see(store: &SqlStore) -> Seen {
    Seen {
        feed: store.feed(Cursor(0), 1000).await.unwrap(),
        sets: store.goal_sets(&Default::default()).await.unwrap(),
        heads: store.branch_heads(REPO).await.unwrap(),
        unplanned: store.unplanned_pushes().await.unwrap(),
        leases: store.leases().await.unwrap(),
        goals: store.goals_in(&StateName::ALL).await.unwrap(),
        holders: store.queue_position("main", set_id(1)).await.unwrap(),
    }
}

/// A store whose history is observed after each step.
struct Watched {
    store: SqlStore,
    path: PathBuf,
    /// What was seen after each step, with the length of the log by then.
    steps: Vec<(usize, Seen)>,
}

impl Watched {
    async fn step(&mut self) {
        let length = std::fs::metadata(log_of(&self.path)).unwrap().len();
        let seen = see(&self.store).await;
        self.steps.push((usize::try_from(length).unwrap(), seen));
    }
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn lease(set: &GoalSet) -> LeaseChanges {
    let attempt = AttemptRef {
        goal_set: set.id,
        goal: key("test"),
        attempt: 1,
        epoch: 1,
    };
    let take = vec![Lease {
        attempt,
        workspace: None,
        expires_at: at(60),
    }];
    LeaseChanges {
        take,
        drop: Vec::new(),
    }
}

/// Push, plan, start, success with its dependent, a second push, an end.
async fn history(watched: &mut Watched) {
    watched.step().await;
    let push = record(&watched.store, 1).await;
    watched.step().await;
    watched
        .store
        .store_planning_failure(&push, "offline", at(1))
        .await
        .unwrap();
    watched.step().await;
    let goals = vec![
        goal("test", &[]),
        goal("lint", &[]),
        goal("publish", &["test", "lint"]),
    ];
    let plan = crate::store::contract::fixture::plan(goals.clone());
    let (set, _) = GoalSet::plan(set_id(1), "build", goals, at(2));
    let cause = crate::ports::store::Cause::Push;
    watched
        .store
        .store_plan(&push, &cause, &plan, Some(&set), at(2))
        .await
        .unwrap();
    watched.step().await;
    watched
        .store
        .join_queue("main", set.id, ReleaseOn::Ended, at(2))
        .await
        .unwrap();
    watched.step().await;
    watched.store.grant_queue("main", 1, false).await.unwrap();
    watched.step().await;
    let (started, events) = set.act(&start("test", 1), at(3)).unwrap();
    watched
        .store
        .append(&set, &started, &events, &lease(&set))
        .await
        .unwrap();
    watched.step().await;
    let mut set = started;
    for action in [
        succeed("test", 1),
        start("lint", 2),
        succeed("lint", 2),
        start("publish", 3),
        succeed("publish", 3),
    ] {
        set = act(&watched.store, &set, &action, at(4)).await.unwrap();
        watched.step().await;
    }
    record(&watched.store, 2).await;
    watched.step().await;
}

#[tokio::test]
async fn i8_a_crash_at_any_point_leaves_a_prefix_of_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    let store = SqlStore::open_file(&path).await.unwrap();
    let steps = Vec::new();
    let mut watched = Watched { store, path, steps };
    history(&mut watched).await;
    let file = std::fs::read(&watched.path).unwrap();
    let log = std::fs::read(log_of(&watched.path)).unwrap();
    let frames = (log.len() - HEAD) / FRAME;
    assert!(
        frames > 50 && watched.steps.last().unwrap().0 == log.len(),
        "the log was folded meanwhile"
    );

    let boundaries = (0..=frames).map(|frame| HEAD + frame * FRAME);
    let inside = (0..frames)
        .step_by(3)
        .map(|frame| HEAD + frame * FRAME + 24 + 1000);
    let mut found_at = BTreeMap::new();
    for cut in boundaries.chain(inside).chain([0, 10]) {
        found_at.insert(cut, found_after_crash(&watched, &file, &log[..cut]).await);
    }
    let prefixes: Vec<usize> = found_at.values().copied().collect();
    assert!(prefixes.is_sorted(), "a longer log never tells less");
    assert_eq!(prefixes.last(), Some(&(watched.steps.len() - 1)));
}

/// Which step the copy is found at; none before what was acknowledged.
async fn found_after_crash(watched: &Watched, file: &[u8], log: &[u8]) -> usize {
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("sdm.db");
    std::fs::write(&path, file).unwrap();
    std::fs::write(log_of(&path), log).unwrap();
    let store = SqlStore::open_file(&path).await.unwrap();
    let seen = see(&store).await;
    let acknowledged = watched
        .steps
        .iter()
        .rposition(|(length, _)| *length <= log.len())
        .unwrap_or(0);
    // Steps may look alike, so it is the first that is not too old.
    let later = watched.steps.iter().enumerate().skip(acknowledged);
    let Some(step) = later
        .filter(|(_, (_, step))| *step == seen)
        .map(|(index, _)| index)
        .next()
    else {
        panic!(
            "a log of {} bytes gives what never was, or less than step {acknowledged}: {seen:#?}",
            log.len()
        )
    };
    let expected = store.branch_heads(REPO).await.unwrap().into_values().next();
    let mut next = crate::store::contract::fixture::push(50);
    next.before.clone_from(&expected);
    assert!(
        store.record_push(&next, expected.as_ref()).await.unwrap(),
        "it is good to go on with"
    );
    step
}
