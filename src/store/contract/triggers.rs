//! Goals that trigger rules.

use super::Database;
use super::fixture::{at, goal, key, plan, planned, push, set_id};
use crate::model::{Cursor, GoalSet, GoalTrigger, StateName};
use crate::ports::Store;
use crate::ports::store::{Cause, StoreError};
use crate::ports::triggers::NotedTrigger;

fn trigger(set: u64, name: &str, version: u32) -> GoalTrigger {
    GoalTrigger {
        goal_set: set_id(set),
        goal: key(name),
        version,
        registration: "build".to_owned(),
        is_own: true,
        name: name.to_owned(),
        state: StateName::Success,
        data: Some("{\"a\": \"\u{1f980}\"}".to_owned()),
        outputs: vec!["reports".to_owned()],
        chain: 0,
        depth: 2,
    }
}

fn cause(of: &GoalTrigger, number: u32) -> Cause {
    Cause::Goal {
        number,
        goal_set: of.goal_set,
        goal: of.goal.clone(),
        version: of.version,
        chain: 1,
        depth: of.depth,
    }
}

fn noted(trigger: GoalTrigger) -> NotedTrigger {
    NotedTrigger {
        trigger,
        push: None,
        failures: 0,
    }
}

async fn store_plan(store: &dyn Store, cause: &Cause, id: u64) -> Result<bool, StoreError> {
    let goals = vec![goal("announce", &[])];
    let (set, _) = GoalSet::plan(set_id(id), "announce", goals.clone(), at(9));
    store
        .store_plan(&push(1), cause, &plan(goals), Some(&set), at(9))
        .await
}

pub(super) async fn ru_37_goals_are_noted_with_how_far_they_were_read(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    assert_eq!(store.heeded().await.unwrap(), None);
    store.heed(None, Cursor(1), &[]).await.unwrap();
    let stale = store.heed(None, Cursor(5), &[trigger(1, "test", 3)]).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))));
    assert_eq!(
        store.noted_triggers().await.unwrap(),
        Vec::new(),
        "all or nothing"
    );
    let both = [
        trigger(1, "test", 3),
        trigger(1, "test", 3),
        trigger(7, "gone", 1),
    ];
    store.heed(Some(Cursor(1)), Cursor(3), &both).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(store.heeded().await.unwrap(), Some(Cursor(3)));
    assert_eq!(
        store.noted_triggers().await.unwrap(),
        [noted(trigger(1, "test", 3))]
    );
    store.stop_heeding().await.unwrap();
    assert_eq!(store.heeded().await.unwrap(), None);
    assert_eq!(store.noted_triggers().await.unwrap(), Vec::new());
}

pub(super) async fn hazard_6_a_goal_is_planned_for_once(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    let (first, second) = (trigger(1, "test", 3), trigger(1, "test", 5));
    store
        .heed(None, Cursor(3), &[first.clone(), second.clone()])
        .await
        .unwrap();
    assert!(store_plan(&*store, &cause(&first, 1), 21).await.unwrap());
    let again = store_plan(&*store, &cause(&first, 2), 22).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    assert!(
        !store_plan(&*store, &cause(&second, 1), 23).await.unwrap(),
        "the number is taken"
    );
    assert_eq!(store.noted_triggers().await.unwrap(), [noted(second.clone())]);
    assert_eq!(store.goal_set(set_id(22)).await.unwrap(), None);
    assert!(store_plan(&*store, &cause(&second, 2), 24).await.unwrap());
    assert_eq!(store.noted_triggers().await.unwrap(), Vec::new());
    let record = store.goal_set(set_id(24)).await.unwrap().unwrap();
    assert_eq!(record.cause, cause(&second, 2));
    assert_eq!((record.cause.chain(), record.cause.depth()), (1, 2));
}

pub(super) async fn ru_38_what_cannot_be_planned_stays_noted_or_goes(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    let trigger = trigger(1, "test", 3);
    store
        .heed(None, Cursor(3), std::slice::from_ref(&trigger))
        .await
        .unwrap();
    store
        .fail_trigger(&push(1), &trigger, "offline", false, at(5))
        .await
        .unwrap();
    assert_eq!(store.noted_triggers().await.unwrap()[0].failures, 1);
    for _ in 0..2 {
        store
            .fail_trigger(&push(1), &trigger, "too deep", true, at(6))
            .await
            .unwrap();
    }
    assert_eq!(store.noted_triggers().await.unwrap(), Vec::new());
    let attempts = store.planning_attempts(push(1).id).await.unwrap();
    let errors: Vec<_> = attempts.into_iter().filter_map(|attempt| attempt.error).collect();
    assert_eq!(errors, ["offline", "too deep"]);
}

pub(super) async fn ru_38_a_goal_of_another_machine_is_planned_for_once_and_stays_known(
    database: &dyn Database,
) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    let foreign = GoalTrigger {
        registration: "other".to_owned(),
        is_own: false,
        ..trigger(77, "build", 3)
    };
    let id = push(1).id;
    assert!(store.heed_foreign(id, &foreign).await.unwrap());
    assert!(!store.heed_foreign(id, &foreign).await.unwrap());
    let notes = store.noted_triggers().await.unwrap();
    assert_eq!((&notes[0].trigger, notes[0].push), (&foreign, Some(id)));
    store
        .fail_trigger(&push(1), &foreign, "offline", false, at(5))
        .await
        .unwrap();
    assert_eq!(store.noted_triggers().await.unwrap()[0].failures, 1);
    assert!(store_plan(&*store, &cause(&foreign, 1), 21).await.unwrap());
    assert_eq!(store.noted_triggers().await.unwrap(), []);
    let again = store_plan(&*store, &cause(&foreign, 2), 22).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    let store = database.open().await;
    assert!(
        !store.heed_foreign(id, &foreign).await.unwrap(),
        "it is told again later"
    );
    let later = GoalTrigger {
        version: 5,
        ..foreign.clone()
    };
    assert!(store.heed_foreign(id, &later).await.unwrap());
    assert_eq!(store.heeded_of(id, "other", &foreign.goal).await.unwrap(), 2);
    assert_eq!(store.heeded_of(id, "third", &foreign.goal).await.unwrap(), 0);
    store.stop_heeding().await.unwrap();
    assert_eq!(store.noted_triggers().await.unwrap(), []);
}
