//! Errands, the mark of the listeners, timers, jobs, tags and preferences.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use super::Database;
use super::fixture::{REPO, at, carry_out, goal, plan, push, set_id, sha};
use crate::model::{
    CommandDefinition, CommandWork, Cursor, Errand, ErrandCause, ErrandId, Event, ExecutionResult, GoalSet,
    Job, JobId, JobLabel, JobTask, News, Place, Push, PushId, RunDefinition, StateName, TaskState,
};
use crate::ports::Store;
use crate::ports::errands::ErrandFilter;
use crate::ports::store::{Cause, GoalSetFilter, StoreError};

fn run() -> RunDefinition {
    RunDefinition {
        argv: vec!["greet".to_owned(), "${event.who}".to_owned()],
        environment: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
        timeout: 600_000,
        grace: 30_000,
    }
}

fn errand(number: u64, key: &str) -> Errand {
    Errand {
        id: ErrandId(Uuid::from_u64_pair(number, 7)),
        key: key.to_owned(),
        name: "greet".to_owned(),
        cause: ErrandCause::Event {
            name: "Greeting".to_owned(),
        },
        run: run(),
        facts: json!({"event": {"who": "\u{1f980} \"quoted\""}}),
        secrets: Vec::new(),
        depth: 1,
        after: None,
        created_at: at(1),
        state: StateName::Requested,
        attempt: 0,
        version: 1,
        phase: None,
        message: None,
        started_at: None,
        ended_at: None,
    }
}

fn event(key: &str) -> Event {
    Event {
        key: key.to_owned(),
        name: "Greeting".to_owned(),
        at: at(1),
        depth: 2,
        payload: json!({"who": "ada"}),
    }
}

async fn errand_states(store: &dyn Store) -> Vec<String> {
    let feed = store.feed(Cursor(0), 1_000).await.unwrap();
    let told = feed.into_iter().filter_map(|entry| match entry.news {
        News::Errand { state, attempt, .. } => Some(format!("{state} {attempt}")),
        _ => None,
    });
    told.collect()
}

pub(super) async fn an_errand_is_stored_once_for_its_key(database: &dyn Database) {
    let store = database.open().await;
    let first = errand(1, "listener:greet:1");
    assert!(store.store_errand(&first).await.unwrap());
    assert!(!store.store_errand(&errand(2, "listener:greet:1")).await.unwrap());
    drop(store);
    let store = database.open().await;
    assert_eq!(store.errand(first.id).await.unwrap(), Some(first));
    assert_eq!(store.errand(errand(2, "").id).await.unwrap(), None);
    assert_eq!(errand_states(&*store).await, ["requested 0"]);
}

pub(super) async fn an_errand_changes_by_compare_and_set(database: &dyn Database) {
    let store = database.open().await;
    let first = errand(1, "a");
    store.store_errand(&first).await.unwrap();
    let started = first.started(at(2));
    assert!(store.change_errand(&started, at(2)).await.unwrap());
    assert!(
        !store.change_errand(&first.started(at(3)), at(3)).await.unwrap(),
        "somebody was faster"
    );
    let ended = started.ended(&ExecutionResult::failure("no"), at(4));
    assert!(store.change_errand(&ended, at(4)).await.unwrap());
    assert_eq!(store.errand(first.id).await.unwrap(), Some(ended));
    assert_eq!(
        errand_states(&*store).await,
        ["requested 0", "in_process 1", "failure 1"]
    );
}

pub(super) async fn errands_are_found_by_every_filter(database: &dyn Database) {
    let store = database.open().await;
    for number in 1..=3 {
        store
            .store_errand(&errand(number, &number.to_string()))
            .await
            .unwrap();
    }
    let second = errand(2, "2");
    store
        .change_errand(&second.canceled("by @ada", at(5)), at(5))
        .await
        .unwrap();
    let ids = async |filter: ErrandFilter| {
        let found = store.errands(&filter).await.unwrap();
        found
            .iter()
            .map(|errand| errand.id.0.as_u64_pair().0)
            .collect::<Vec<_>>()
    };
    let all = ErrandFilter::default();
    assert_eq!(ids(all.clone()).await, [3, 2, 1]);
    assert_eq!(
        ids(ErrandFilter {
            open: true,
            ..all.clone()
        })
        .await,
        [1, 3],
        "oldest first"
    );
    assert_eq!(
        ids(ErrandFilter {
            limit: 1,
            ..all.clone()
        })
        .await,
        [3]
    );
    let prefix = second.id.0.to_string()[..18].to_uppercase();
    assert_eq!(
        ids(ErrandFilter {
            id_prefix: Some(prefix),
            ..all.clone()
        })
        .await,
        [2]
    );
    assert!(
        ids(ErrandFilter {
            name: Some("other".to_owned()),
            ..all
        })
        .await
        .is_empty()
    );
}

pub(super) async fn what_listeners_do_is_stored_with_how_far_they_read(database: &dyn Database) {
    let store = database.open().await;
    assert_eq!(store.listened().await.unwrap(), None);
    store.raise(&[event("a"), event("b")]).await.unwrap();
    store.listen(None, Cursor(1), &[errand(1, "a")]).await.unwrap();
    let again = store.listen(None, Cursor(2), &[errand(2, "b")]).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    assert_eq!(
        store.errand(errand(2, "b").id).await.unwrap(),
        None,
        "all or nothing"
    );
    store
        .listen(Some(Cursor(1)), Cursor(2), &[errand(2, "b"), errand(3, "a")])
        .await
        .unwrap();
    assert_eq!(
        store.errand(errand(3, "a").id).await.unwrap(),
        None,
        "its key is known"
    );
    drop(store);
    let store = database.open().await;
    assert_eq!(store.listened().await.unwrap(), Some(Cursor(2)));
    let feed = store.feed(Cursor(0), 2).await.unwrap();
    let News::Event { event: told } = &feed[0].news else {
        panic!("{feed:?}")
    };
    assert_eq!(**told, event("a"));
    store.stop_listening().await.unwrap();
    assert_eq!(store.listened().await.unwrap(), None);
}

pub(super) async fn tr_01_a_timer_fires_once_for_a_moment(database: &dyn Database) {
    let store = database.open().await;
    assert!(store.fire_timer("nightly", None, at(1), None).await.unwrap());
    assert!(!store.fire_timer("nightly", None, at(2), None).await.unwrap());
    let fired = event("timer");
    assert!(
        store
            .fire_timer("nightly", Some(at(1)), at(5), Some(&fired))
            .await
            .unwrap()
    );
    assert!(
        !store
            .fire_timer("nightly", Some(at(1)), at(6), Some(&fired))
            .await
            .unwrap()
    );
    assert_eq!(store.feed(Cursor(0), 10).await.unwrap().len(), 1);
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.timers().await.unwrap(),
        BTreeMap::from([("nightly".to_owned(), at(5))])
    );
    store.forget_timer("nightly").await.unwrap();
    assert!(store.timers().await.unwrap().is_empty());
}

pub(super) async fn tags_are_remembered_with_their_events(database: &dyn Database) {
    let store = database.open().await;
    assert_eq!(store.tags(REPO).await.unwrap(), None);
    store.set_tags(REPO, &BTreeMap::new(), &[]).await.unwrap();
    assert_eq!(
        store.tags(REPO).await.unwrap(),
        Some(BTreeMap::new()),
        "seen, and there were none"
    );
    let tags = BTreeMap::from([("v1".to_owned(), sha(1))]);
    store.set_tags(REPO, &tags, &[event("tag")]).await.unwrap();
    assert_eq!(store.tags(REPO).await.unwrap(), Some(tags));
    assert_eq!(store.feed(Cursor(0), 10).await.unwrap().len(), 1);
}

fn job(number: u64) -> Job {
    Job {
        id: JobId(Uuid::from_u64_pair(number, 9)),
        command: CommandDefinition {
            name: "bump".to_owned(),
            place: Place {
                file: "goals.yaml".into(),
                line: 1,
                column: 1,
            },
            description: String::new(),
            intents: Vec::new(),
            tags: Vec::new(),
            parameters: Vec::new(),
            work: CommandWork::Run(run()),
            targets: None,
            dry_run: false,
        },
        parameters: serde_json::Map::new(),
        secrets: Vec::new(),
        matches: Vec::new(),
        by: "ada".to_owned(),
        dry_run: true,
        depth: 3,
        as_person: true,
        label: JobLabel {
            name: Some("spring cleaning".to_owned()),
            ..JobLabel::default()
        },
        concurrent: 2,
        created_at: at(1),
    }
}

fn tasks(count: u32) -> Vec<JobTask> {
    let task = |number| JobTask {
        number,
        repo: push(1).repo,
        branch: None,
        sha: None,
        state: TaskState::Waiting,
        goal_set: None,
        message: None,
    };
    (0..count).map(task).collect()
}

fn push_of(number: u64) -> Push {
    Push {
        id: PushId(Uuid::from_u64_pair(50, number)),
        ..push(number)
    }
}

/// Begins a task with the `number`-th commit.
async fn begin(store: &dyn Store, job: &Job, task: u32, number: u64) -> (bool, GoalSet) {
    let push = push_of(number);
    let goals = vec![goal("bump", &[])];
    let (set, _) = GoalSet::plan(set_id(number), "bump", goals.clone(), push.at);
    let begun = store
        .begin_task(job, task, &push, &plan(goals), &set)
        .await
        .unwrap();
    (begun, set)
}

pub(super) async fn cm_07_a_job_has_a_task_for_each_repository(database: &dyn Database) {
    let store = database.open().await;
    store.store_job(&job(1), &[]).await.unwrap();
    store.store_job(&job(2), &tasks(1)).await.unwrap();
    store.store_job(&job(3), &tasks(600)).await.unwrap();
    drop(store);
    let store = database.open().await;
    let (found, all) = store.job(job(3).id).await.unwrap().unwrap();
    assert_eq!(found, job(3));
    assert_eq!(
        all,
        tasks(600),
        "more than one statement writes them, and none is lost"
    );
    assert_eq!(store.job(job(1).id).await.unwrap().unwrap().1, []);
    assert_eq!(
        store.waiting_jobs().await.unwrap(),
        [job(2).id, job(3).id],
        "one without tasks waits for nothing"
    );
    assert_eq!(store.jobs(2).await.unwrap(), [job(3).id, job(2).id]);
    assert_eq!(store.job(job(4).id).await.unwrap(), None);
}

pub(super) async fn cm_10_a_task_begins_once_with_a_goal_set_of_its_own(database: &dyn Database) {
    let store = database.open().await;
    store.store_job(&job(1), &tasks(3)).await.unwrap();
    let (begun, set) = begin(&*store, &job(1), 0, 1).await;
    assert!(begun);
    assert!(
        !begin(&*store, &job(1), 0, 2).await.0,
        "it does not wait any more"
    );
    assert_eq!(store.active_tasks(job(1).id).await.unwrap(), 1);
    let record = store.goal_set(set.id).await.unwrap().unwrap();
    assert_eq!((record.set, record.push), (set.clone(), push_of(1)));
    let Cause::Command {
        job: of,
        dry_run: true,
        depth: 3,
        ..
    } = record.cause
    else {
        panic!("{:?}", record.cause)
    };
    assert_eq!(of, job(1).id);
    assert!(
        store.pushes(None, 10).await.unwrap().is_empty(),
        "the commit was not pushed"
    );
    assert!(store.unplanned_pushes().await.unwrap().is_empty());
    assert_eq!(store.goal_sets(&GoalSetFilter::default()).await.unwrap().len(), 1);
    carry_out(&*store, &set, "bump", at(5)).await;
    assert_eq!(store.active_tasks(job(1).id).await.unwrap(), 0);
    assert!(
        store
            .settle_task(job(1).id, 1, TaskState::Failed, "gone")
            .await
            .unwrap()
    );
    assert!(
        !store
            .settle_task(job(1).id, 1, TaskState::Canceled, "")
            .await
            .unwrap()
    );
    drop(store);
    let store = database.open().await;
    let (_, tasks) = store.job(job(1).id).await.unwrap().unwrap();
    let states: Vec<TaskState> = tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Begun, TaskState::Failed, TaskState::Waiting]);
    assert_eq!(tasks[0].goal_set, Some(set.id));
    assert_eq!(tasks[1].message.as_deref(), Some("gone"));
}

pub(super) async fn old_errands_and_jobs_are_forgotten(database: &dyn Database) {
    let store = database.open().await;
    let old = errand(1, "old");
    store.store_errand(&old).await.unwrap();
    let started = old.started(at(2));
    store.change_errand(&started, at(2)).await.unwrap();
    store
        .change_errand(&started.ended(&ExecutionResult::success(), at(3)), at(3))
        .await
        .unwrap();
    store.store_errand(&errand(2, "open")).await.unwrap();
    store.store_job(&job(1), &tasks(1)).await.unwrap();
    store.store_job(&job(2), &tasks(1)).await.unwrap();
    let (_, set) = begin(&*store, &job(1), 0, 1).await;
    carry_out(&*store, &set, "bump", at(4)).await;
    let forgotten = store.prune(at(10)).await.unwrap();
    let names: Vec<String> = forgotten.iter().map(|attempt| attempt.goal.to_string()).collect();
    assert_eq!(names, ["bump in 0-code", "errand in 0-code"]);
    assert_eq!(store.errand(old.id).await.unwrap(), None);
    assert!(
        store.errand(errand(2, "").id).await.unwrap().is_some(),
        "it has not ended"
    );
    assert_eq!(store.job(job(1).id).await.unwrap(), None);
    assert!(store.job(job(2).id).await.unwrap().is_some(), "it waits");
}

pub(super) async fn pf_01_preferences_are_put_got_listed_and_deleted(database: &dyn Database) {
    let store = database.open().await;
    assert_eq!(store.preference("machine", "a", at(1)).await.unwrap(), None);
    let value = json!({"deep": [1, "\u{1f980}", null]});
    store.put_preference("machine", "a", &value, None).await.unwrap();
    store.put_preference("other", "a", &json!(2), None).await.unwrap();
    store
        .put_preference("machine", "b", &json!(false), None)
        .await
        .unwrap();
    store
        .put_preference("machine", "b", &json!(true), None)
        .await
        .unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.preference("machine", "a", at(1)).await.unwrap(),
        Some(value.clone())
    );
    assert_eq!(
        store.preference("other", "a", at(1)).await.unwrap(),
        Some(json!(2)),
        "scopes do not meet"
    );
    let all = BTreeMap::from([("a".to_owned(), value), ("b".to_owned(), json!(true))]);
    assert_eq!(store.preferences("machine", at(1)).await.unwrap(), all);
    assert!(store.delete_preference("machine", "a").await.unwrap());
    assert!(!store.delete_preference("machine", "a").await.unwrap());
    assert_eq!(store.preference("machine", "a", at(1)).await.unwrap(), None);
}

pub(super) async fn pf_02_a_value_with_a_time_to_live_expires(database: &dyn Database) {
    let store = database.open().await;
    store
        .put_preference("machine", "short", &json!(1), Some(at(2)))
        .await
        .unwrap();
    store
        .put_preference("adhoc", "long", &json!(1), None)
        .await
        .unwrap();
    assert_eq!(
        store.preference("machine", "short", at(1)).await.unwrap(),
        Some(json!(1))
    );
    assert_eq!(store.preference("machine", "short", at(3)).await.unwrap(), None);
    assert!(store.preferences("machine", at(3)).await.unwrap().is_empty());
    assert_eq!(
        store.preference("adhoc", "long", at(1_000_000)).await.unwrap(),
        Some(json!(1))
    );
    store
        .put_preference("machine", "short", &json!(2), None)
        .await
        .unwrap();
    assert_eq!(
        store.preference("machine", "short", at(3)).await.unwrap(),
        Some(json!(2)),
        "putting ignores expiry"
    );
    store
        .put_preference("machine", "short", &json!(2), Some(at(4)))
        .await
        .unwrap();
    assert!(
        store.delete_preference("machine", "short").await.unwrap(),
        "so does deleting"
    );
}
