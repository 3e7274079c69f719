//! What forges are told of commits.

use super::Database;
use super::fixture::{REPO, at, carry_out, goal, planned, set_id, sha};
use crate::model::Cursor;
use crate::ports::checks::{CheckRun, CheckState};
use crate::ports::forges::{Report, ReportState};
use crate::ports::statuses::{KnownCheck, NotedCommit, ToldCheck};
use crate::ports::store::StoreError;

const FORGE: &str = "https://git.example.com";
const OTHER: &str = "https://other.example.com";

fn noted(set: u64, forge: &str, due: u64) -> NotedCommit {
    NotedCommit {
        repo_key: REPO.to_owned(),
        sha: sha(set),
        forge: forge.to_owned(),
        goal_set: set_id(set),
        due: Cursor(due),
    }
}

fn report(state: ReportState) -> Report {
    Report {
        context: "sdm/build".to_owned(),
        state,
        text: "\u{1f980} `quotes\"`".to_owned(),
        url: None,
    }
}

pub(super) async fn commits_are_noted_with_how_far_the_log_was_read(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    assert_eq!(store.statuses_read().await.unwrap(), None);
    store.note_commits(None, Cursor(1), &[]).await.unwrap();
    let stale = store.note_commits(None, Cursor(5), &[noted(1, FORGE, 3)]).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))));
    assert!(store.forges_behind().await.unwrap().is_empty(), "all or nothing");
    let both = [noted(1, FORGE, 3), noted(7, FORGE, 3)];
    store
        .note_commits(Some(Cursor(1)), Cursor(3), &both)
        .await
        .unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(store.statuses_read().await.unwrap(), Some(Cursor(3)));
    let due = store.due_commits(FORGE, 10).await.unwrap();
    assert_eq!(due.len(), 1, "of a forgotten set nothing is told");
    assert_eq!((&due[0].noted, &due[0].told), (&both[0], &None));
    store.stop_statuses().await.unwrap();
    assert_eq!(store.statuses_read().await.unwrap(), None);
    assert!(store.forges_behind().await.unwrap().is_empty());
}

pub(super) async fn hazard_6_what_happens_while_a_forge_is_told_stays_due(database: &dyn Database) {
    let store = database.open().await;
    for number in [1, 2] {
        planned(&*store, number, vec![goal("test", &[])]).await;
    }
    let page = [noted(2, FORGE, 3), noted(1, FORGE, 4)];
    store.note_commits(None, Cursor(4), &page).await.unwrap();
    let due = store.due_commits(FORGE, 1).await.unwrap();
    assert_eq!(due[0].noted, page[0], "first what happened first");
    store
        .note_commits(Some(Cursor(4)), Cursor(6), &[noted(2, FORGE, 6)])
        .await
        .unwrap();
    let pending = report(ReportState::Pending);
    store.status_told(&due[0].noted, Some(&pending)).await.unwrap();
    let due = store.due_commits(FORGE, 10).await.unwrap();
    let order: Vec<u64> = due.iter().map(|commit| commit.noted.due.0).collect();
    assert_eq!(order, [4, 6]);
    assert_eq!(
        due[1].told,
        Some(pending.clone()),
        "it knows what the forge knows"
    );
    store.status_told(&due[1].noted, None).await.unwrap();
    store.status_told(&due[0].noted, None).await.unwrap();
    assert!(store.due_commits(FORGE, 10).await.unwrap().is_empty());
    let again = [noted(2, OTHER, 9)];
    store
        .note_commits(Some(Cursor(6)), Cursor(9), &again)
        .await
        .unwrap();
    assert_eq!(store.forges_behind().await.unwrap(), [OTHER]);
    let due = store.due_commits(OTHER, 10).await.unwrap();
    assert_eq!(due[0].told, Some(pending), "what was said last stays known");
}

pub(super) async fn what_forges_are_told_goes_with_the_goal_sets(database: &dyn Database) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    store
        .note_commits(None, Cursor(4), &[noted(1, FORGE, 4)])
        .await
        .unwrap();
    carry_out(&*store, &set, "test", at(5)).await;
    store.prune(at(100)).await.unwrap();
    assert_eq!(store.goal_set(set_id(1)).await.unwrap(), None);
    assert!(store.forges_behind().await.unwrap().is_empty());
}

pub(super) async fn semantics_7_1_a_check_is_known_before_and_after_its_forge_has_it(
    database: &dyn Database,
) {
    let store = database.open().await;
    let set = planned(&*store, 1, vec![goal("test", &[])]).await;
    let commit = noted(1, FORGE, 4);
    let asked = KnownCheck {
        context: "sdm/build/test".to_owned(),
        id: "ours".to_owned(),
        run: None,
        told: None,
    };
    store.check_known(&commit, &asked).await.unwrap();
    assert!(
        store.known_checks(&commit).await.unwrap().is_empty(),
        "the commit is not noted"
    );
    store
        .note_commits(None, Cursor(4), std::slice::from_ref(&commit))
        .await
        .unwrap();
    store.check_known(&commit, &asked).await.unwrap();
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.known_checks(&commit).await.unwrap(),
        std::slice::from_ref(&asked)
    );
    let told = KnownCheck {
        run: Some(CheckRun(1 << 40)),
        told: Some(ToldCheck {
            state: CheckState::InProgress,
            digest: "d".to_owned(),
        }),
        ..asked
    };
    store.check_known(&commit, &told).await.unwrap();
    assert_eq!(store.known_checks(&commit).await.unwrap(), [told]);
    let elsewhere = noted(1, OTHER, 5);
    assert!(
        store.known_checks(&elsewhere).await.unwrap().is_empty(),
        "another forge has others"
    );
    carry_out(&*store, &set, "test", at(5)).await;
    store.prune(at(100)).await.unwrap();
    assert!(store.known_checks(&commit).await.unwrap().is_empty());
}
