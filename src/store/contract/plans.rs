//! Pushes, heads and plans.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Database;
use super::fixture::{REPO, at, branch, goal, plan, planned, push, record, set_id, sha};
use crate::model::push::Trust;
use crate::model::{Cursor, GoalSet, News, PushId, RepoSlug};
use crate::ports::store::Cause;

pub(super) async fn a_push_is_recorded_once_for_a_head(database: &dyn Database) {
    let store = database.open().await;
    let (first, second) = (push(1), push(2));
    assert!(
        !store.record_push(&second, Some(&sha(1))).await.unwrap(),
        "no head is known yet"
    );
    assert!(store.record_push(&first, None).await.unwrap());
    assert!(
        !store.record_push(&first, None).await.unwrap(),
        "the head has moved"
    );
    assert!(store.record_push(&second, Some(&sha(1))).await.unwrap());

    assert_eq!(store.branch_heads(REPO).await.unwrap()[&branch("main")], sha(2));
    assert_eq!(store.push(first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.push(PushId(uuid::Uuid::nil())).await.unwrap(), None);
    assert_eq!(
        store.trust_in(REPO, &second.after).await.unwrap(),
        Some(Trust::Member)
    );
    assert_eq!(store.trust_in(REPO, &sha(9)).await.unwrap(), None);
    let newest_first = vec![second.clone(), first];
    assert_eq!(store.pushes(None, 10).await.unwrap(), newest_first);
    assert_eq!(
        store
            .pushes(Some(&RepoSlug::new("acme", "shop")), 1)
            .await
            .unwrap(),
        vec![second]
    );
    assert!(
        store
            .pushes(Some(&RepoSlug::new("acme", "other")), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.feed(Cursor(0), 10).await.unwrap().len(),
        2,
        "refused pushes are not logged"
    );
}

pub(super) async fn a_burst_of_pushes_from_one_head_has_one_winner(database: &dyn Database) {
    let store = database.open().await;
    record(&*store, 1).await;
    let recorded = join_all((2..40).map(|number| {
        let store = Arc::clone(&store);
        async move { store.record_push(&push(number), Some(&sha(1))).await.unwrap() }
    }));
    assert_eq!(recorded.await.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(store.pushes(None, 100).await.unwrap().len(), 2);
}

pub(super) async fn heads_are_set_and_removed_without_a_push(database: &dyn Database) {
    let store = database.open().await;
    for name in ["main", "topic/a", "$(touch${IFS}x)"] {
        store
            .set_branch_head(REPO, &branch(name), Some(&sha(7)))
            .await
            .unwrap();
    }
    store
        .set_branch_head(REPO, &branch("main"), Some(&sha(8)))
        .await
        .unwrap();
    store
        .set_branch_head(REPO, &branch("topic/a"), None)
        .await
        .unwrap();
    store.set_branch_head(REPO, &branch("never"), None).await.unwrap();
    let heads = store.branch_heads(REPO).await.unwrap();
    let expected = [(branch("$(touch${IFS}x)"), sha(7)), (branch("main"), sha(8))];
    assert_eq!(heads.into_iter().collect::<Vec<_>>(), expected);
    assert!(store.branch_heads("elsewhere").await.unwrap().is_empty());
    assert!(store.feed(Cursor(0), 10).await.unwrap().is_empty());
}

pub(super) async fn hazard_22_pushes_that_are_not_planned_survive_a_restart(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    let (second, third) = (record(&*store, 2).await, record(&*store, 3).await);
    store
        .store_planning_failure(&second, "no such commit", at(5))
        .await
        .unwrap();
    store
        .store_planning_failure(&second, "no such commit", at(6))
        .await
        .unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.unplanned_pushes().await.unwrap(),
        vec![(second, 2), (third, 0)]
    );
}

pub(super) async fn ru_35_a_plan_is_stored_whole_and_once(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[]), goal("publish", &["test"])]).await;
    let end = store.last_cursor().await.unwrap();
    let goals = vec![goal("other", &[])];
    let (other, _) = GoalSet::plan(set_id(99), "other", goals.clone(), at(9));
    let again = store
        .store_plan(&push(1), &Cause::Push, &plan(goals), Some(&other), at(9))
        .await;
    assert!(!again.unwrap());
    assert_eq!(store.goal_set(set_id(99)).await.unwrap(), None);
    assert_eq!(store.last_cursor().await.unwrap(), end);
    let record = store.goal_set(set.id).await.unwrap().unwrap();
    assert_eq!(
        (record.set, record.cause, record.push),
        (set, Cause::Push, push(1))
    );
}

pub(super) async fn ru_35_planning_twice_at_once_stores_one_plan(database: &dyn Database) {
    let store = database.open().await;
    let push = record(&*store, 1).await;
    let stored = join_all((0..20).map(|number| {
        let (store, push) = (Arc::clone(&store), push.clone());
        async move {
            let goals = vec![goal("test", &[])];
            let (set, _) = GoalSet::plan(set_id(number), "build", goals.clone(), at(2));
            store
                .store_plan(&push, &Cause::Push, &plan(goals), Some(&set), at(2))
                .await
                .unwrap()
        }
    }));
    assert_eq!(stored.await.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(store.goal_sets(&Default::default()).await.unwrap().len(), 1);
    assert_eq!(store.planning_attempts(push.id).await.unwrap().len(), 1);
}

pub(super) async fn a_plan_without_goals_is_a_plan(database: &dyn Database) {
    let store = database.open().await;
    let push = record(&*store, 1).await;
    assert!(
        store
            .store_plan(&push, &Cause::Push, &plan(Vec::new()), None, at(2))
            .await
            .unwrap()
    );
    assert!(
        !store
            .store_plan(&push, &Cause::Push, &plan(Vec::new()), None, at(3))
            .await
            .unwrap()
    );
    assert!(store.unplanned_pushes().await.unwrap().is_empty());
    let last = store.feed(Cursor(1), 10).await.unwrap().pop().unwrap();
    assert!(matches!(last.news, News::Planned { goal_set: None, name: None, goals, .. } if goals.is_empty()));
}

pub(super) async fn a_person_may_ask_anew(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    let goals = vec![goal("test", &[])];
    let (set, _) = GoalSet::plan(set_id(2), "build", goals.clone(), at(9));
    let cause = Cause::Again { number: 1 };
    assert!(
        store
            .store_plan(&push(1), &cause, &plan(goals.clone()), Some(&set), at(9))
            .await
            .unwrap()
    );
    assert!(
        !store
            .store_plan(&push(1), &cause, &plan(goals), Some(&set), at(9))
            .await
            .unwrap()
    );
    assert_eq!(store.goal_set(set_id(2)).await.unwrap().unwrap().cause, cause);
    let newest_first: Vec<_> = store
        .goal_sets(&Default::default())
        .await
        .unwrap()
        .iter()
        .map(|record| record.set.id)
        .collect();
    assert_eq!(newest_first, [set_id(2), set_id(1)]);
}

pub(super) async fn st_05_goals_are_those_of_their_set_among_many_of_one_push(database: &dyn Database) {
    let store = database.open().await;
    let goals_of = |number: u64| {
        (0..number)
            .map(|index| goal(&format!("goal-{index}"), &[]))
            .collect::<Vec<_>>()
    };
    planned(&*store, 1, goals_of(1)).await;
    for number in 2..=6_u32 {
        let goals = goals_of(number.into());
        let (set, _) = GoalSet::plan(set_id(number.into()), "build", goals.clone(), at(9));
        let cause = Cause::Again { number };
        let (push, plan) = (push(1), plan(goals));
        let stored = store.store_plan(&push, &cause, &plan, Some(&set), at(9));
        assert!(stored.await.unwrap());
    }
    for number in 1..=6 {
        let record = store.goal_set(set_id(number)).await.unwrap().unwrap();
        assert_eq!(record.set.goals().len() as u64, number);
        assert_eq!((record.set.id, record.push), (set_id(number), push(1)));
    }
}

pub(super) async fn planning_attempts_keep_their_reasons(database: &dyn Database) {
    let store = database.open().await;
    let push = record(&*store, 1).await;
    store
        .store_planning_failure(&push, "the rules\ndo not compile", at(2))
        .await
        .unwrap();
    let plan = plan(vec![goal("test", &[])]);
    let (set, _) = GoalSet::plan(set_id(1), "build", plan.goals.clone(), at(3));
    assert!(
        store
            .store_plan(&push, &Cause::Push, &plan, Some(&set), at(3))
            .await
            .unwrap()
    );
    let attempts = store.planning_attempts(push.id).await.unwrap();
    assert_eq!(
        attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(attempts[0].error.as_deref(), Some("the rules\ndo not compile"));
    assert_eq!((&attempts[0].trace, attempts[0].goal_set), (&None, None));
    assert_eq!(
        (attempts[1].trace.as_ref(), attempts[1].goal_set),
        (Some(&plan.trace), Some(set.id))
    );
    assert_eq!((attempts[1].at, &attempts[1].push), (at(3), &push));
}
