//! Queues (semantics 4.9), as far as the store decides them.

use super::Database;
use super::fixture::{act, approved, at, carry_out, goal, planned, set_id};
use crate::model::goal_set::CancelScope;
use crate::model::queue::ReleaseOn;
use crate::model::{Action, Actor, GoalSetId, StateName};
use crate::ports::Store;

/// Sets 1 to `count`, queued in this order.
async fn queued(store: &dyn Store, count: u64) -> Vec<GoalSetId> {
    let mut ids = Vec::new();
    for number in 1..=count {
        let set = planned(store, number, vec![approved(goal("test", &[]))]).await;
        store
            .join_queue("main", set.id, ReleaseOn::Ended, at(5))
            .await
            .unwrap();
        ids.push(set.id);
    }
    ids
}

async fn cancel(store: &dyn Store, id: GoalSetId) {
    let set = store.goal_set(id).await.unwrap().unwrap().set;
    let action = Action::Cancel {
        scope: CancelScope::All,
        actor: Actor::NewerPush,
        reason: String::new(),
    };
    act(store, &set, &action, at(9)).await.unwrap();
}

pub(super) async fn qu_01_as_many_as_allowed_get_a_slot_in_order(database: &dyn Database) {
    let store = database.open().await;
    let ids = queued(&*store, 4).await;
    assert_eq!(store.queue_position("main", ids[2]).await.unwrap(), Some(3));
    assert_eq!(store.grant_queue("main", 2, false).await.unwrap(), ids[..2]);
    assert_eq!(store.queue_position("main", ids[1]).await.unwrap(), None);
    assert_eq!(store.queue_position("main", ids[2]).await.unwrap(), Some(1));
    store
        .join_queue("main", ids[0], ReleaseOn::Ended, at(6))
        .await
        .unwrap();
    store
        .join_queue("main", ids[3], ReleaseOn::Ended, at(6))
        .await
        .unwrap();
    assert_eq!(
        store.grant_queue("main", 2, false).await.unwrap(),
        ids[..2],
        "asking again changes nothing"
    );
    assert_eq!(
        store.grant_queue("main", 1, false).await.unwrap(),
        ids[..2],
        "what is granted stays granted"
    );
}

pub(super) async fn qu_02_the_newest_may_go_first(database: &dyn Database) {
    let store = database.open().await;
    assert!(store.grant_queue("main", 2, false).await.unwrap().is_empty());
    let ids = queued(&*store, 3).await;
    assert_eq!(store.grant_queue("main", 1, true).await.unwrap(), [ids[2]]);
    assert!(
        store.grant_queue("other", 1, true).await.unwrap().is_empty(),
        "queues do not meet"
    );
    assert_eq!(store.queue_position("other", ids[0]).await.unwrap(), None);
}

pub(super) async fn qu_03_canceling_a_set_frees_its_slot(database: &dyn Database) {
    let store = database.open().await;
    let ids = queued(&*store, 4).await;
    store.grant_queue("main", 1, false).await.unwrap();
    cancel(&*store, ids[1]).await;
    cancel(&*store, ids[0]).await;
    assert_eq!(
        store.grant_queue("main", 1, false).await.unwrap(),
        [ids[2]],
        "a canceled set gets no slot"
    );
    assert_eq!(store.queue_position("main", ids[3]).await.unwrap(), Some(1));
}

pub(super) async fn qu_04_order_and_limit_survive_a_restart(database: &dyn Database) {
    let store = database.open().await;
    let ids = queued(&*store, 3).await;
    store.grant_queue("main", 1, false).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(store.grant_queue("main", 1, false).await.unwrap(), [ids[0]]);
    assert_eq!(store.queue_position("main", ids[2]).await.unwrap(), Some(2));
    cancel(&*store, ids[0]).await;
    assert_eq!(store.grant_queue("main", 1, false).await.unwrap(), [ids[1]]);
}

pub(super) async fn qu_05_a_set_that_waits_for_approval_keeps_its_slot(database: &dyn Database) {
    let store = database.open().await;
    let ids = queued(&*store, 2).await;
    store.grant_queue("main", 1, false).await.unwrap();
    let set = store.goal_set(set_id(1)).await.unwrap().unwrap().set;
    let set = carry_out(&*store, &set, "test", at(7)).await;
    assert_eq!(set.state(), StateName::WaitingForApproval);
    assert_eq!(store.grant_queue("main", 1, false).await.unwrap(), [ids[0]]);
}

pub(super) async fn qu_05_a_slot_may_be_given_back_while_people_are_waited_for(database: &dyn Database) {
    let store = database.open().await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        let set = planned(&*store, number, vec![approved(goal("test", &[]))]).await;
        let release_on = ReleaseOn::Waiting;
        store.join_queue("main", set.id, release_on, at(5)).await.unwrap();
        ids.push(set.id);
    }
    assert_eq!(store.grant_queue("main", 1, false).await.unwrap(), [ids[0]]);
    assert_eq!(
        store.grant_queue("main", 1, false).await.unwrap(),
        [ids[0]],
        "while something of it goes on"
    );
    let set = store.goal_set(ids[0]).await.unwrap().unwrap().set;
    let set = carry_out(&*store, &set, "test", at(7)).await;
    assert_eq!(set.state(), StateName::WaitingForApproval);
    assert_eq!(store.grant_queue("main", 1, false).await.unwrap(), [ids[1]]);
    let release_on = ReleaseOn::Waiting;
    store.join_queue("main", ids[0], release_on, at(8)).await.unwrap();
    assert_eq!(
        store.queue_position("main", ids[0]).await.unwrap(),
        Some(2),
        "back at the end"
    );
}

/// Threat D7: two sets ask for the one slot of an environment at the same moment, ten thousand times, each time of another one.
pub(super) async fn d7_of_two_that_ask_at_the_same_moment_one_gets_the_slot(database: &dyn Database) {
    const ROUNDS: usize = 10_000;
    const AT_ONCE: usize = 250;
    let store = database.open().await;
    let mut sets = Vec::new();
    for number in 1..=2 {
        sets.push(
            planned(&*store, number, vec![approved(goal("deploy", &[]))])
                .await
                .id,
        );
    }
    let ask = async |group: String, set: GoalSetId| {
        store
            .join_queue(&group, set, ReleaseOn::Ended, at(5))
            .await
            .unwrap();
        store.grant_queue(&group, 1, false).await.unwrap()
    };
    for round in (0..ROUNDS).step_by(AT_ONCE) {
        let both = (round..round + AT_ONCE).map(async |round| {
            let group = format!("environment {round}");
            futures_util::future::join(
                ask(group.clone(), sets[round % 2]),
                ask(group, sets[1 - round % 2]),
            )
            .await
        });
        for (one, other) in futures_util::future::join_all(both).await {
            assert_eq!(one.len(), 1, "one runs");
            assert_eq!(one, other, "and the other one hears which");
        }
    }
    let holder = store.grant_queue("environment 7", 1, false).await.unwrap()[0];
    let waiting = if holder == sets[0] { sets[1] } else { sets[0] };
    cancel(&*store, holder).await;
    assert_eq!(
        store.grant_queue("environment 7", 1, false).await.unwrap(),
        [waiting],
        "it goes on when the slot is free"
    );
}
