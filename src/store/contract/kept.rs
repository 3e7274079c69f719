//! Files kept between goals, and successes that may be taken over (semantics 3.17).

use super::Database;
use super::fixture::{REPO, at, branch, goal, key, planned, set_id, sha};
use crate::model::files::Scope;
use crate::model::push::Trust;
use crate::ports::Store;
use crate::ports::kept::{Kept, KeptAs, Sought, Success};

fn digest(number: u64) -> String {
    format!("{number:064x}")
}

/// The `number`-th archive, of a goal of the set of the same number on main.
fn kept(number: u64, scope: Scope) -> Kept {
    Kept {
        kept_as: KeptAs::Output,
        classifier: "reports".to_owned(),
        scope,
        trust: Trust::Member,
        repo_key: REPO.to_owned(),
        branch: branch("main"),
        goal_set: set_id(number),
        goal: key("test"),
        attempt: 1,
        digest: digest(number),
        size: 100 + number,
        at: at(i64::try_from(number).unwrap()),
    }
}

fn sought(scope: Scope) -> Sought {
    Sought {
        kept_as: KeptAs::Output,
        classifier: "reports".to_owned(),
        beginning: false,
        scope,
        trust: Trust::Member,
        goal_set: set_id(99),
        repo_key: REPO.to_owned(),
        branch: branch("topic"),
        default_branch: Some(branch("main")),
    }
}

async fn found(store: &dyn Store, sought: &Sought) -> Option<u64> {
    let found = store.find_kept(sought).await.unwrap()?;
    u64::from_str_radix(&found.digest, 16).ok()
}

pub(super) async fn ca_02_files_are_found_by_scope_nearest_first(database: &dyn Database) {
    let store = database.open().await;
    let other = |number, scope| Kept {
        repo_key: "/src/other/.git".to_owned(),
        ..kept(number, scope)
    };
    let on = |name, number, scope| Kept {
        branch: branch(name),
        ..kept(number, scope)
    };
    let all = [
        other(1, Scope::Machine),
        other(2, Scope::Repo),
        on("elsewhere", 3, Scope::Repo),
        on("elsewhere", 4, Scope::Branch),
        kept(5, Scope::Branch),
        kept(6, Scope::Set),
    ];
    store.keep_files(&all[..1]).await.unwrap();
    assert_eq!(found(&*store, &sought(Scope::Machine)).await, Some(1));
    assert_eq!(found(&*store, &sought(Scope::Repo)).await, None);
    store.keep_files(&all[1..4]).await.unwrap();
    assert_eq!(found(&*store, &sought(Scope::Machine)).await, Some(3));
    assert_eq!(found(&*store, &sought(Scope::Branch)).await, None);
    store.keep_files(&all[4..]).await.unwrap();
    assert_eq!(
        found(&*store, &sought(Scope::Branch)).await,
        Some(5),
        "the default branch"
    );
    assert_eq!(found(&*store, &sought(Scope::Set)).await, None);
    store.keep_files(&[on("topic", 7, Scope::Branch)]).await.unwrap();
    assert_eq!(
        found(&*store, &sought(Scope::Machine)).await,
        Some(7),
        "its own branch"
    );
    let mine = Sought {
        goal_set: set_id(6),
        ..sought(Scope::Machine)
    };
    assert_eq!(found(&*store, &mine).await, Some(6), "its own set");
    let nameless = Sought {
        classifier: "report".to_owned(),
        ..sought(Scope::Machine)
    };
    assert_eq!(found(&*store, &nameless).await, None);
}

pub(super) async fn b10_e6_files_of_one_trust_are_not_found_with_another(database: &dyn Database) {
    let store = database.open().await;
    let hostile = Kept {
        trust: Trust::Untrusted,
        goal_set: set_id(99),
        ..kept(1, Scope::Machine)
    };
    store.keep_files(&[hostile]).await.unwrap();
    assert_eq!(found(&*store, &sought(Scope::Machine)).await, None);
    let untrusted = Sought {
        trust: Trust::Untrusted,
        ..sought(Scope::Set)
    };
    assert_eq!(found(&*store, &untrusted).await, Some(1));
}

pub(super) async fn ca_07_keeping_again_is_once_and_the_newest_is_found(database: &dyn Database) {
    let store = database.open().await;
    let second = |number| Kept {
        goal_set: set_id(1),
        attempt: 2,
        ..kept(number, Scope::Set)
    };
    store.keep_files(&[kept(1, Scope::Set), second(2)]).await.unwrap();
    store.keep_files(&[second(3)]).await.unwrap();
    let mine = Sought {
        goal_set: set_id(1),
        ..sought(Scope::Set)
    };
    assert_eq!(
        store.find_kept(&mine).await.unwrap(),
        Some(second(3)).map(|kept| Kept { at: at(2), ..kept })
    );
    assert_eq!(store.archives().await.unwrap().len(), 2);
}

pub(super) async fn caches_are_found_by_the_beginning_of_their_key(database: &dyn Database) {
    let store = database.open().await;
    let cache = |number, classifier: &str| Kept {
        kept_as: KeptAs::Cache,
        classifier: classifier.to_owned(),
        ..kept(number, Scope::Repo)
    };
    let all = [
        cache(1, "cargo-a"),
        cache(2, "cargo-b"),
        cache(3, "npm%"),
        kept(4, Scope::Repo),
    ];
    store.keep_files(&all).await.unwrap();
    let look = |classifier: &str, beginning| Sought {
        kept_as: KeptAs::Cache,
        classifier: classifier.to_owned(),
        beginning,
        ..sought(Scope::Repo)
    };
    assert_eq!(found(&*store, &look("cargo-a", false)).await, Some(1));
    assert_eq!(found(&*store, &look("cargo-", false)).await, None);
    assert_eq!(found(&*store, &look("cargo-", true)).await, Some(2), "the newest");
    assert_eq!(found(&*store, &look("%", true)).await, None);
}

pub(super) async fn archives_go_in_order_of_their_last_use(database: &dyn Database) {
    let store = database.open().await;
    planned(&*store, 1, vec![goal("test", &[])]).await;
    let ended = kept(3, Scope::Set);
    let active = Kept {
        goal_set: set_id(1),
        attempt: 2,
        ..kept(4, Scope::Set)
    };
    let again = Kept {
        digest: digest(1),
        ..kept(5, Scope::Repo)
    };
    let all = [kept(1, Scope::Repo), kept(2, Scope::Repo), ended, active, again];
    store.keep_files(&all).await.unwrap();
    let order = || async {
        let archives = store.archives().await.unwrap();
        let number = |digest: &str| u64::from_str_radix(digest, 16).unwrap();
        archives
            .iter()
            .map(|archive| number(&archive.digest))
            .collect::<Vec<_>>()
    };
    assert_eq!(order().await, [3, 2, 4, 1]);
    store
        .use_archive(Trust::Member, &digest(2), at(50))
        .await
        .unwrap();
    store
        .use_archive(Trust::Member, &digest(2), at(40))
        .await
        .unwrap();
    assert_eq!(order().await, [3, 4, 1, 2]);
    store.forget_archive(Trust::Untrusted, &digest(4)).await.unwrap();
    store.forget_archive(Trust::Member, &digest(1)).await.unwrap();
    assert_eq!(order().await, [3, 4, 2]);
    assert_eq!(found(&*store, &sought(Scope::Repo)).await, Some(2));
}

pub(super) async fn a_success_is_found_with_its_outputs(database: &dyn Database) {
    let store = database.open().await;
    let success = |number, name: &str| Success {
        inputs: "same".to_owned(),
        trust: Trust::Member,
        repo_key: REPO.to_owned(),
        branch: branch(name),
        sha: sha(number),
        goal_set: set_id(number),
        goal: key("test"),
        attempt: 1,
        data: Some("{}".to_owned()),
        at: at(i64::try_from(number).unwrap()),
    };
    let far = success(1, "elsewhere");
    store.record_success(&far).await.unwrap();
    store.keep_files(&[kept(1, Scope::Set)]).await.unwrap();
    let find = |inputs: &'static str, sought: Sought| {
        let store = &store;
        async move { store.find_success(inputs, &sought).await.unwrap() }
    };
    assert_eq!(find("same", sought(Scope::Branch)).await, None);
    assert_eq!(find("other", sought(Scope::Repo)).await, None);
    assert_eq!(find("same", sought(Scope::Repo)).await, Some(far.clone()));
    let untrusted = Sought {
        trust: Trust::Untrusted,
        ..sought(Scope::Repo)
    };
    assert_eq!(find("same", untrusted).await, None);
    let near = success(2, "main");
    store.record_success(&near).await.unwrap();
    assert_eq!(find("same", sought(Scope::Branch)).await, Some(near.clone()));
    assert_eq!(store.outputs_of(&far).await.unwrap(), [kept(1, Scope::Set)]);
    assert_eq!(store.outputs_of(&near).await.unwrap(), []);
}

pub(super) async fn files_that_nobody_used_are_forgotten(database: &dyn Database) {
    let store = database.open().await;
    store
        .keep_files(&[kept(1, Scope::Repo), kept(2, Scope::Repo)])
        .await
        .unwrap();
    store
        .use_archive(Trust::Member, &digest(1), at(100))
        .await
        .unwrap();
    store.prune(at(50)).await.unwrap();
    assert_eq!(found(&*store, &sought(Scope::Repo)).await, Some(1));
}
