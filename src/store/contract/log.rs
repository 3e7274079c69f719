//! The feed, wake-ups and small facts.

use std::time::Duration;

use super::Database;
use super::fixture::{REPO, act, at, carry_out, goal, key, planned, record, set_id, sha, start};
use crate::model::queue::ReleaseOn;
use crate::model::{Cursor, News, StateName};
use crate::ports::AttemptRef;

fn message(number: u64) -> News {
    News::Message {
        text: format!("message {number} \u{0} \u{1f980}"),
        repo: None,
    }
}

pub(super) async fn the_feed_is_read_in_pages_without_gaps(database: &dyn Database) {
    let store = database.open().await;
    assert_eq!(store.last_cursor().await.unwrap(), Cursor(0));
    for number in 0..25 {
        store
            .say(&message(number), at(100 - i64::try_from(number).unwrap()))
            .await
            .unwrap();
    }
    let mut read = Vec::new();
    let mut cursor = Cursor(0);
    loop {
        let page = store.feed(cursor, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 10 && page[0].cursor > cursor);
        cursor = last.cursor;
        read.extend(page);
    }
    assert_eq!(store.last_cursor().await.unwrap(), cursor);
    let news: Vec<News> = read.iter().map(|entry| entry.news.clone()).collect();
    assert_eq!(
        news,
        (0..25).map(message).collect::<Vec<_>>(),
        "the order is that of writing, not of clocks"
    );
    assert_eq!(read[3].at, at(97));
    assert!(store.feed(Cursor(u64::MAX), 10).await.unwrap().is_empty());
    assert!(store.feed(Cursor(0), 0).await.unwrap().is_empty());
}

pub(super) async fn the_feed_tells_goals_with_all_they_need(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[]), goal("publish", &["test"])]).await;
    carry_out(&*store, &set, "test", at(5)).await;
    let told: Vec<_> = store
        .feed(Cursor(0), 100)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.news)
        .collect();
    let News::Push { title, before, .. } = &told[0] else {
        panic!("{told:?}")
    };
    assert_eq!((title.as_str(), before), ("Change 1", &None));
    let News::Planned { goal_set, goals, .. } = &told[1] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (*goal_set, goals.join(" ").as_str()),
        (Some(set.id), "test publish")
    );
    let goals = told[2..].iter().map(|news| match news {
        News::Goal {
            name,
            state,
            attempt,
            text,
            set_state,
            ..
        } => (name.as_str(), *state, *attempt, text.as_str(), *set_state),
        other => panic!("{other:?}"),
    });
    use StateName::{InProcess, Planned, Requested, Success};
    let expected = [
        ("test", Requested, 0, "Ready: test", Requested),
        ("publish", Planned, 0, "Planned: publish", Requested),
        ("test", InProcess, 1, "Working: test", InProcess),
        ("test", Success, 1, "Complete: test", Planned),
        ("publish", Requested, 0, "Ready: publish", Requested),
    ];
    let goals: Vec<_> = goals.collect();
    assert_eq!(goals[..1], expected[..1]);
    assert_eq!(goals[1..], expected[1..]);
}

pub(super) async fn a_cursor_is_never_given_twice(database: &dyn Database) {
    let store = database.open().await;
    store.say(&message(1), at(1)).await.unwrap();
    store.say(&message(2), at(2)).await.unwrap();
    let last = store.last_cursor().await.unwrap();
    store.prune(at(50)).await.unwrap();
    assert!(store.feed(Cursor(0), 10).await.unwrap().is_empty());
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.last_cursor().await.unwrap(),
        last,
        "a follower must not think the feed began anew"
    );
    store.say(&message(3), at(3)).await.unwrap();
    assert!(store.feed(last, 10).await.unwrap()[0].cursor > last);
}

pub(super) async fn versions_and_trust_survive_a_restart(database: &dyn Database) {
    let store = database.open().await;
    assert_eq!(store.version(REPO, &sha(1)).await.unwrap(), None);
    store.set_version(REPO, &sha(1), "1.0.0").await.unwrap();
    store.set_version(REPO, &sha(1), "1.0.1-main.5").await.unwrap();
    assert!(!store.is_trusted(REPO).await.unwrap());
    store.set_trusted(REPO, true).await.unwrap();
    store.set_trusted(REPO, true).await.unwrap();
    store.set_trusted("other", true).await.unwrap();
    store.set_trusted("other", false).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.version(REPO, &sha(1)).await.unwrap().as_deref(),
        Some("1.0.1-main.5")
    );
    assert_eq!(store.version("other", &sha(1)).await.unwrap(), None);
    assert!(store.is_trusted(REPO).await.unwrap());
    assert!(!store.is_trusted("other").await.unwrap(), "trust ends when told");
}

/// Hazard 3: several look and wait in turn; each is woken by what came between its look and its wait.
pub(super) async fn no_wake_up_is_lost(database: &dyn Database) {
    let store = database.open().await;
    let tasks = crate::runtime::tasks::Tasks::new();
    let (done, mut ended) = tokio::sync::mpsc::channel(4);
    for _ in 0..4 {
        let (store, done) = (store.clone(), done.clone());
        tasks.spawn("follower", async move {
            let mut changes = store.subscribe();
            while store.last_cursor().await.unwrap() < Cursor(30) {
                changes.changed().await.unwrap();
            }
            done.send(()).await.unwrap();
        });
    }
    for number in 0..30 {
        store.say(&message(number), at(1)).await.unwrap();
    }
    for _ in 0..4 {
        let woken = tokio::time::timeout(Duration::from_secs(20), ended.recv()).await;
        assert!(woken.is_ok(), "a follower sleeps although there is news");
    }
    assert!(tasks.shut_down(Duration::from_secs(5)).await);
}

/// Otherwise a scheduler that renews and grants when it is woken would wake itself for ever.
pub(super) async fn a_heartbeat_wakes_nobody(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    store
        .join_queue("main", set.id, ReleaseOn::Ended, at(1))
        .await
        .unwrap();
    store.grant_queue("main", 1, false).await.unwrap();
    let mut changes = store.subscribe();
    let attempt = AttemptRef {
        goal_set: set_id(1),
        goal: key("test"),
        attempt: 1,
        epoch: 1,
    };
    store.renew_lease(&attempt, at(9)).await.unwrap();
    store
        .join_queue("main", set.id, ReleaseOn::Ended, at(2))
        .await
        .unwrap();
    store.grant_queue("main", 1, false).await.unwrap();
    assert!(!changes.has_changed().unwrap());
    act(&*store, &set, &start("test", 1), at(3)).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    record(&*store, 2).await;
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
}
