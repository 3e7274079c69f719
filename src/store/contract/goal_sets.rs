//! Goal sets: compare-and-set, leases, finding and forgetting.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Database;
use super::fixture::{
    act, at, branch, carry_out, finish, goal, key, planned, push, set_id, sha, start, succeed,
};
use crate::model::goal_set::CancelScope;
use crate::model::set_tag::SetTag;
use crate::model::{Action, Actor, Cursor, ExecutionResult, GoalSet, News, RepoSlug, StateName};
use crate::ports::store::{GoalSetFilter, Lease, LeaseChanges, StoreError};
use crate::ports::{AttemptRef, Store};

/// A result nobody waits for: legal in every state, so many may try it at once.
fn late(epoch: u64) -> Action {
    finish("test", epoch, ExecutionResult::success())
}

fn cancel() -> Action {
    Action::Cancel {
        scope: CancelScope::All,
        actor: Actor::NewerPush,
        reason: String::new(),
    }
}

async fn read(store: &dyn Store, set: &GoalSet) -> GoalSet {
    store.goal_set(set.id).await.unwrap().unwrap().set
}

pub(super) async fn a_set_reads_back_as_it_was_written(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[]), goal("publish", &["test"])]).await;
    assert_eq!(read(&*store, &set).await, set);
    let set = carry_out(&*store, &set, "test", at(5)).await;
    drop(store);
    let store = database.open().await;
    let record = store.goal_set(set.id).await.unwrap().unwrap();
    assert_eq!((&record.set, record.created_at), (&set, at(1)));
    assert_eq!(record.push, push(1));
    assert_eq!(store.goal_set(set_id(7)).await.unwrap(), None);
}

pub(super) async fn hazard_4_an_append_to_something_older_is_refused_whole(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let started = act(&*store, &set, &start("test", 1), at(2)).await.unwrap();
    let end = store.last_cursor().await.unwrap();
    let (after, events) = set.act(&start("test", 2), at(3)).unwrap();
    let leases = LeaseChanges {
        take: vec![lease(&set, 2)],
        drop: Vec::new(),
    };
    let refused = store.append(&set, &after, &events, &leases).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.last_cursor().await.unwrap(), end);
    assert!(store.leases().await.unwrap().is_empty());
    assert_eq!(read(&*store, &set).await, started);
}

/// A set that was forgotten meanwhile is a conflict too, which makes the writer read again and find nothing.
pub(super) async fn an_append_to_a_forgotten_set_is_a_conflict(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let ended = act(&*store, &set, &cancel(), at(2)).await.unwrap();
    store.prune(at(50)).await.unwrap();
    let refused = act(&*store, &ended, &late(1), at(60)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.goal_set(set.id).await.unwrap(), None);
}

pub(super) async fn hazard_4_of_a_hundred_appends_each_version_has_one_winner(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let writers = (0..100).map(|epoch| {
        let (store, id) = (Arc::clone(&store), set.id);
        async move {
            let mut lost = 0;
            loop {
                let set = store.goal_set(id).await.unwrap().unwrap().set;
                match act(&*store, &set, &late(epoch), at(3)).await {
                    Ok(_) => return lost,
                    Err(StoreError::Conflict(_)) => lost += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    });
    let lost: u32 = join_all(writers).await.into_iter().sum();
    assert!(lost > 0, "nobody met anybody: the test shows nothing");
    let entries = store.feed(Cursor(0), 1000).await.unwrap();
    let version = |news: &News| match news {
        News::Goal { event, .. } => Some(event.version),
        _ => None,
    };
    let versions: Vec<u32> = entries.iter().filter_map(|entry| version(&entry.news)).collect();
    assert_eq!(versions, (1..=101).collect::<Vec<_>>());
    assert_eq!(read(&*store, &set).await.events, 101);
}

pub(super) async fn events_that_do_not_lead_to_the_state_are_refused(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let (started, events) = set.act(&start("test", 1), at(2)).unwrap();
    let (canceled, _) = set.act(&cancel(), at(2)).unwrap();
    let none = LeaseChanges::default();
    for refused in [
        store.append(&set, &canceled, &events, &none).await,
        store.append(&started, &started, &events, &none).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    }
    assert_eq!(read(&*store, &set).await, set);
}

pub(super) async fn st_08_two_successes_at_once_request_the_dependent_once(database: &dyn Database) {
    async fn until_done(store: &dyn Store, set: &GoalSet, action: Action) {
        loop {
            let set = read(store, set).await;
            match act(store, &set, &action, at(9)).await {
                Ok(_) => return,
                Err(StoreError::Conflict(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    let store = database.open().await;
    for number in 1..=100 {
        let goals = vec![goal("a", &[]), goal("b", &[]), goal("c", &["a", "b"])];
        let set = planned(&*store, number, goals).await;
        let set = act(&*store, &set, &start("a", 1), at(2)).await.unwrap();
        let set = act(&*store, &set, &start("b", 2), at(2)).await.unwrap();
        tokio::join!(
            until_done(&*store, &set, succeed("a", 1)),
            until_done(&*store, &set, succeed("b", 2)),
        );
        let set = read(&*store, &set).await;
        let c = set.goal(&key("c")).unwrap();
        assert_eq!(
            (c.state.name(), c.version),
            (StateName::Requested, 2),
            "repetition {number}"
        );
    }
}

pub(super) async fn st_18_two_workers_take_one_goal_once(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let take = |epoch| {
        let (store, set) = (Arc::clone(&store), set.clone());
        async move {
            let (after, events) = set.act(&start("test", epoch), at(2)).unwrap();
            let leases = LeaseChanges {
                take: vec![lease(&set, epoch)],
                drop: Vec::new(),
            };
            store.append(&set, &after, &events, &leases).await.is_ok()
        }
    };
    let (one, other) = tokio::join!(take(1), take(2));
    assert!(one != other, "exactly one has it");
    assert_eq!(
        store.leases().await.unwrap(),
        vec![lease(&set, if one { 1 } else { 2 })]
    );
}

fn lease(set: &GoalSet, epoch: u64) -> Lease {
    Lease {
        attempt: AttemptRef {
            goal_set: set.id,
            goal: key("test"),
            attempt: 1,
            epoch,
        },
        workspace: Some("w1".to_owned()),
        expires_at: at(30),
    }
}

pub(super) async fn leases_follow_their_append(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let held = lease(&set, u64::MAX);
    let (started, events) = set.act(&start("test", u64::MAX), at(2)).unwrap();
    let taken = LeaseChanges {
        take: vec![held.clone()],
        drop: Vec::new(),
    };
    store.append(&set, &started, &events, &taken).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(store.leases().await.unwrap(), vec![held.clone()]);
    assert!(store.renew_lease(&held.attempt, at(60)).await.unwrap());
    let older = AttemptRef {
        epoch: 3,
        ..held.attempt.clone()
    };
    assert!(!store.renew_lease(&older, at(90)).await.unwrap());
    assert_eq!(store.leases().await.unwrap()[0].expires_at, at(60));
    let (ended, events) = started.act(&succeed("test", u64::MAX), at(3)).unwrap();
    let dropped = LeaseChanges {
        take: Vec::new(),
        drop: vec![held.attempt.clone()],
    };
    store.append(&started, &ended, &events, &dropped).await.unwrap();
    assert!(store.leases().await.unwrap().is_empty());
    assert!(!store.renew_lease(&held.attempt, at(90)).await.unwrap());
}

pub(super) async fn goals_are_found_by_state_oldest_first(database: &dyn Database) {
    let store = database.open().await;
    let first = planned(&*store, 1, vec![goal("test", &[]), goal("publish", &["test"])]).await;
    planned(&*store, 2, vec![goal("test", &[])]).await;
    let requested = store.goals_in(&[StateName::Requested]).await.unwrap();
    let found: Vec<_> = requested.iter().map(|goal| (goal.goal_set, goal.since)).collect();
    assert_eq!(found, [(set_id(1), at(1)), (set_id(2), at(2))]);
    let first = act(&*store, &first, &late(9), at(4)).await.unwrap();
    let again = store.goals_in(&[StateName::Requested]).await.unwrap();
    assert_eq!(again, requested, "a late result does not make a goal wait anew");
    act(&*store, &first, &start("test", 1), at(7)).await.unwrap();
    let both = store
        .goals_in(&[StateName::InProcess, StateName::Planned])
        .await
        .unwrap();
    let found: Vec<_> = both.iter().map(|goal| (goal.goal.clone(), goal.since)).collect();
    assert_eq!(found, [(key("publish"), at(1)), (key("test"), at(7))]);
    assert!(store.goals_in(&[]).await.unwrap().is_empty());
}

pub(super) async fn sets_are_found_by_every_filter(database: &dyn Database) {
    let store = database.open().await;
    for number in 1..=3 {
        let set = planned(&*store, number, vec![goal("test", &[])]).await;
        if number == 2 {
            carry_out(&*store, &set, "test", at(5)).await;
        }
    }
    let found = |filter: GoalSetFilter| {
        let store = Arc::clone(&store);
        async move {
            let records = store.goal_sets(&filter).await.unwrap();
            records.iter().map(|record| record.set.id).collect::<Vec<_>>()
        }
    };
    let all = GoalSetFilter::default;
    assert_eq!(found(all()).await, [set_id(3), set_id(2), set_id(1)]);
    for (tag, count) in [
        ("team", 3),
        ("team:payments", 3),
        ("nightly", 3),
        ("team:other", 0),
        ("nightly:x", 0),
    ] {
        let tag = Some(SetTag::parse(tag).unwrap());
        assert_eq!(found(GoalSetFilter { tag, ..all() }).await.len(), count);
    }
    let record = store.goal_set(set_id(1)).await.unwrap().unwrap();
    let tags: Vec<String> = record.tags.iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["team:payments", "nightly"]);
    assert_eq!(
        found(GoalSetFilter { limit: 2, ..all() }).await,
        [set_id(3), set_id(2)]
    );
    assert_eq!(
        found(GoalSetFilter {
            active: true,
            ..all()
        })
        .await,
        [set_id(3), set_id(1)]
    );
    assert_eq!(
        found(GoalSetFilter {
            sha: Some(sha(2)),
            ..all()
        })
        .await,
        [set_id(2)]
    );
    let repo = Some(RepoSlug::new("acme", "shop"));
    assert_eq!(
        found(GoalSetFilter {
            repo,
            active: true,
            ..all()
        })
        .await
        .len(),
        2
    );
    let repo = Some(RepoSlug::new("acme", "other"));
    assert!(found(GoalSetFilter { repo, ..all() }).await.is_empty());
    assert!(
        found(GoalSetFilter {
            branch: Some(branch("topic")),
            ..all()
        })
        .await
        .is_empty()
    );
    let id_prefix = Some(set_id(2).to_string().to_uppercase());
    assert_eq!(found(GoalSetFilter { id_prefix, ..all() }).await, [set_id(2)]);
    let id_prefix = Some("00abcdef".to_owned());
    assert_eq!(found(GoalSetFilter { id_prefix, ..all() }).await.len(), 3);
    for strange in ["%", "_", "' OR 1=1 --", "~"] {
        let id_prefix = Some(strange.to_owned());
        assert!(
            found(GoalSetFilter { id_prefix, ..all() }).await.is_empty(),
            "{strange}"
        );
    }
}

pub(super) async fn old_sets_are_forgotten_whole(database: &dyn Database) {
    let store = database.open().await;
    let old = planned(&*store, 1, vec![goal("test", &[])]).await;
    carry_out(&*store, &old, "test", at(10)).await;
    let active = planned(&*store, 2, vec![goal("test", &[])]).await;
    let young = planned(&*store, 3, vec![goal("test", &[])]).await;
    carry_out(&*store, &young, "test", at(100)).await;
    let busy = planned(&*store, 4, vec![goal("test", &[])]).await;
    let (started, events) = busy.act(&start("test", 1), at(11)).unwrap();
    let taken = LeaseChanges {
        take: vec![lease(&busy, 1)],
        drop: Vec::new(),
    };
    store.append(&busy, &started, &events, &taken).await.unwrap();
    act(&*store, &started, &cancel(), at(12)).await.unwrap();

    let forgotten = store.prune(at(50)).await.unwrap();
    assert_eq!(
        forgotten,
        vec![AttemptRef {
            goal_set: old.id,
            ..lease(&old, 1).attempt
        }]
    );
    assert_eq!(store.goal_set(old.id).await.unwrap(), None);
    assert_eq!(store.push(push(1).id).await.unwrap(), None);
    for kept in [&active, &young, &busy] {
        assert!(store.goal_set(kept.id).await.unwrap().is_some());
    }
    let entries = store.feed(Cursor(0), 1000).await.unwrap();
    assert!(
        !entries
            .iter()
            .any(|entry| matches!(&entry.news, News::Goal { goal_set, .. } if *goal_set == old.id))
    );
    assert!(store.prune(at(50)).await.unwrap().is_empty());
}
