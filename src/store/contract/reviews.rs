//! What goals leave beside their events: reviews, fingerprints, commits they pushed, tokens they gave away.

use super::Database;
use super::fixture::{REPO, at, branch, goal, key, planned, record, set_id, sha};
use crate::model::{CommentSeverity, Fingerprint, FixedImage, Review, ReviewComment, UniqueName};
use crate::ports::AttemptRef;

fn review(detail: &str) -> Review {
    Review::of([ReviewComment {
        severity: CommentSeverity::Warn,
        category: "lint".to_owned(),
        subcategory: None,
        detail: detail.to_owned(),
        location: None,
        fix: None,
    }])
}

pub(super) async fn in_03_the_review_of_the_latest_attempt_is_kept(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("lint", &[]), goal("style", &[])]).await;
    assert!(store.reviews(set.id).await.unwrap().is_empty());
    store
        .save_review(set.id, &key("lint"), &review("first"))
        .await
        .unwrap();
    store
        .save_review(set.id, &key("lint"), &review("second \u{1f980}"))
        .await
        .unwrap();
    store
        .save_review(set.id, &key("style"), &Review::default())
        .await
        .unwrap();
    drop(store);
    let store = database.open().await;
    let kept = store.reviews(set.id).await.unwrap();
    assert_eq!(
        kept,
        [
            (key("lint"), review("second \u{1f980}")),
            (key("style"), Review::default())
        ]
    );
    // A set that is not there any more takes nothing and is no error: its goal ends all the same.
    store
        .save_review(set_id(9), &key("lint"), &review("late"))
        .await
        .unwrap();
    assert!(store.reviews(set_id(9)).await.unwrap().is_empty());
}

pub(super) async fn i5_an_image_is_what_it_was_when_a_goal_set_first_used_it(database: &dyn Database) {
    let image = |name: &str, id: &str| FixedImage {
        name: name.to_owned(),
        id: id.to_owned(),
        shown: format!("{name}@{id}"),
    };
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("lint", &[])]).await;
    let other = planned(&*store, 2, vec![goal("lint", &[])]).await;
    let first = [image("node", "sha256:1"), image("db", "sha256:2")];
    assert_eq!(store.fix_images(set.id, &first).await.unwrap(), first);
    let moved = [image("db", "sha256:3"), image("new", "sha256:4")];
    assert_eq!(
        store.fix_images(set.id, &moved).await.unwrap(),
        [first[1].clone(), moved[1].clone()]
    );
    assert_eq!(store.fix_images(other.id, &moved[..1]).await.unwrap(), moved[..1]);
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.fixed_images(set.id).await.unwrap(),
        [first[1].clone(), moved[1].clone(), first[0].clone()]
    );
    assert_eq!(store.fix_images(set_id(9), &moved).await.unwrap(), moved);
    assert!(store.fixed_images(set_id(9)).await.unwrap().is_empty());
}

fn fingerprint(data: &str) -> Fingerprint {
    Fingerprint {
        kind: "file".to_owned(),
        name: "a".to_owned(),
        sha: data.to_owned(),
        data: None,
    }
}

pub(super) async fn fingerprints_are_kept_per_commit_and_goal(database: &dyn Database) {
    let store = database.open().await;
    let goal = UniqueName::parse("drift").unwrap();
    let other = UniqueName::parse("other").unwrap();
    let of = async |number| store.fingerprints(REPO, &sha(number), &goal).await.unwrap();
    assert_eq!(of(1).await, None);
    store
        .save_fingerprints(REPO, &sha(1), &goal, &[fingerprint("x")], at(1))
        .await
        .unwrap();
    store
        .save_fingerprints(REPO, &sha(2), &goal, &[], at(1))
        .await
        .unwrap();
    store
        .save_fingerprints(REPO, &sha(1), &other, &[fingerprint("y")], at(1))
        .await
        .unwrap();
    assert_eq!(of(1).await, Some(vec![fingerprint("x")]));
    assert_eq!(
        of(2).await,
        Some(Vec::new()),
        "none is something else than unknown"
    );
    assert_eq!(
        store.fingerprints("elsewhere", &sha(1), &goal).await.unwrap(),
        None
    );
}

pub(super) async fn hazard_14_pushes_of_goals_are_remembered(database: &dyn Database) {
    let store = database.open().await;
    assert_eq!(store.generated(REPO, &sha(1)).await.unwrap(), None);
    store.note_generated(REPO, &sha(1), 1, at(1)).await.unwrap();
    store.note_generated(REPO, &sha(1), 2, at(2)).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(store.generated(REPO, &sha(1)).await.unwrap(), Some(2));
    assert_eq!(store.generated("elsewhere", &sha(1)).await.unwrap(), None);
}

pub(super) async fn st_20_only_the_digest_of_a_token_is_kept(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("deploy", &[])]).await;
    let attempt = |number| AttemptRef {
        goal_set: set.id,
        goal: key("deploy"),
        attempt: number,
        epoch: 7 + u64::from(number),
    };
    assert_eq!(store.completion(set.id, &key("deploy")).await.unwrap(), None);
    store.save_completion(&attempt(1), "one").await.unwrap();
    store.save_completion(&attempt(2), "two").await.unwrap();
    let kept = store.completion(set.id, &key("deploy")).await.unwrap();
    assert_eq!(
        kept,
        Some((attempt(2), "two".to_owned())),
        "an earlier attempt's token is void"
    );
}

pub(super) async fn notes_on_old_commits_are_forgotten_and_heads_are_not(database: &dyn Database) {
    let store = database.open().await;
    let goal = UniqueName::parse("drift").unwrap();
    let push = record(&*store, 1).await;
    for commit in [&push.after, &sha(77)] {
        store
            .save_fingerprints(REPO, commit, &goal, &[], at(1))
            .await
            .unwrap();
        store.note_generated(REPO, commit, 1, at(1)).await.unwrap();
    }
    store
        .set_branch_head(REPO, &branch("main"), Some(&push.after))
        .await
        .unwrap();
    store.prune(at(1000)).await.unwrap();
    assert_eq!(store.generated(REPO, &sha(77)).await.unwrap(), None);
    assert_eq!(store.fingerprints(REPO, &sha(77), &goal).await.unwrap(), None);
    assert_eq!(store.generated(REPO, &push.after).await.unwrap(), Some(1));
}
