//! What is special about a file: rights, damage, newer and older schemas, a full disk, speed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::SqlStore;
use super::database::MIGRATIONS;
use crate::model::{Cursor, News, StateName, UniqueName};
use crate::ports::checks::CheckRun;
use crate::ports::errands::ErrandFilter;
use crate::ports::store::{Cause, StoreError};
use crate::ports::team_logs::LogsOnTheirWay as _;
use crate::ports::{ErrandStore, JobStore, PreferenceStore, StatusStore, Store, TeamStore, TriggerStore};
use crate::store::contract::fixture::{
    REPO, act, at, branch, carry_out, finish, goal, key, planned, push, set_id, sha,
};

/// A connection of somebody else.
async fn meddler(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap()
}

async fn meddle(path: &Path, statement: &'static str) {
    let mut connection = meddler(path).await;
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A file with a finished and a running set.
async fn used() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    let store = SqlStore::open_file(&path).await.unwrap();
    let set = planned(&store, 1, vec![goal("test", &[]), goal("publish", &["test"])]).await;
    carry_out(&store, &set, "test", at(5)).await;
    store.close().await;
    (directory, path)
}

fn text(error: &StoreError) -> String {
    format!("{:#}", anyhow::anyhow!(error.to_string()))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn j6_nobody_else_can_read_the_state() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/sdm.db");
    let store = SqlStore::open_file(&path).await.unwrap();
    planned(&store, 1, vec![goal("test", &[])]).await;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&directory.path().join("a")), 0o700);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    SqlStore::open_file(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn i8_something_that_is_no_database_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    let garbage = "not a database, honestly\n".repeat(1000);
    std::fs::write(&path, &garbage).unwrap();
    let error = SqlStore::open_file(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let text = text(&error);
    assert!(
        text.contains(path.to_str().unwrap()) && text.contains("backup"),
        "{text}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), garbage);
}

#[tokio::test]
async fn i8_a_database_that_was_emptied_is_no_new_machine() {
    let (directory, path) = used().await;
    std::fs::write(&path, "").unwrap();
    std::fs::create_dir_all(directory.path().join("attempts/one")).unwrap();
    let error = SqlStore::open_file(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let text = text(&error);
    assert!(text.contains("attempts") && text.contains("backup"), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    // A first start that was killed leaves an empty file too, and nothing beside it.
    std::fs::remove_dir_all(directory.path().join("attempts")).unwrap();
    SqlStore::open_file(&path).await.unwrap();
}

#[tokio::test]
async fn i8_a_damaged_page_is_an_error_and_never_an_answer() {
    let (_directory, path) = used().await;
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0x5a);
    }
    std::fs::write(&path, bytes).unwrap();
    let error = match SqlStore::open_file(&path).await {
        Err(error) => error,
        Ok(store) => store.goal_set(set_id(1)).await.unwrap_err(),
    };
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn k5_a_newer_schema_is_refused_and_unchanged() {
    let (_directory, path) = used().await;
    meddle(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'later', 1, x'00', 1)",
    )
    .await;
    let before = std::fs::read(&path).unwrap();
    let error = SqlStore::open_file(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9000, known } if known < 9000),
        "{error:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// Entries of the feed among the rows.
const FEED: usize = 14;
/// Rows as the program of that schema version wrote them.
pub(super) const ROWS: &[(i64, &str)] = &[
    (1, include_str!("testdata/rows_of_schema_1.sql")),
    (20, include_str!("testdata/rows_of_schema_20.sql")),
    (30, include_str!("testdata/rows_of_schema_30.sql")),
    (40, include_str!("testdata/rows_of_schema_40.sql")),
    (60, include_str!("testdata/rows_of_schema_60.sql")),
    (70, include_str!("testdata/rows_of_schema_70.sql")),
    (80, include_str!("testdata/rows_of_schema_80.sql")),
    (90, include_str!("testdata/rows_of_schema_90.sql")),
    (100, include_str!("testdata/rows_of_schema_100.sql")),
    (101, include_str!("testdata/rows_of_schema_101.sql")),
    (110, include_str!("testdata/rows_of_schema_110.sql")),
    (120, include_str!("testdata/rows_of_schema_120.sql")),
    (121, include_str!("testdata/rows_of_schema_121.sql")),
    (122, include_str!("testdata/rows_of_schema_122.sql")),
    (123, include_str!("testdata/rows_of_schema_123.sql")),
    (130, include_str!("testdata/rows_of_schema_130.sql")),
    (131, include_str!("testdata/rows_of_schema_131.sql")),
];

/// Every step of the schema is taken with rows in the tables of the step before.
#[tokio::test]
async fn k5_migrations_keep_what_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    let mut connection = meddler(&path).await;
    for migration in MIGRATIONS.iter() {
        MIGRATIONS
            .run_to(migration.version, &mut connection)
            .await
            .unwrap();
        let (_, rows) = ROWS
            .iter()
            .find(|(version, _)| *version == migration.version)
            .expect("every migration brings rows of its time to testdata/");
        sqlx::raw_sql(*rows).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    holds_what_was_stored(&SqlStore::open_file(&path).await.unwrap()).await;
}

/// What the rows of all schemas read as now.
pub(super) async fn holds_what_was_stored(store: &SqlStore) {
    let record = store.goal_set(set_id(1)).await.unwrap().unwrap();
    assert_eq!(record.tags[0].to_string(), "team:payments");
    assert_eq!((record.set.state(), record.push), (StateName::Success, push(1)));
    assert_eq!(store.feed(Cursor(0), 100).await.unwrap().len(), FEED);
    assert_eq!(store.unplanned_pushes().await.unwrap(), vec![(push(2), 0)]);
    assert_eq!(store.branch_heads(REPO).await.unwrap()[&branch("main")], sha(2));
    let attempts = store.planning_attempts(push(1).id).await.unwrap();
    assert_eq!(attempts.len(), 2);
    assert!(attempts.iter().any(|attempt| attempt.cause == Some(Cause::Push)));
    assert_eq!(store.leases().await.unwrap().len(), 1);
    assert!(
        store.grant_queue("main", 1, false).await.unwrap().is_empty(),
        "the set that held the slot has ended"
    );
    assert_eq!(
        store.version(REPO, &sha(1)).await.unwrap().as_deref(),
        Some("1.0.0")
    );
    assert!(store.is_trusted(REPO).await.unwrap());
    assert_eq!(store.unanswered(10).await.unwrap()[0].correlation, "e-1");
    assert_eq!(
        store.begin_reporting("https://hub.example.com").await.unwrap(),
        Cursor(7)
    );
    assert_eq!(store.logs_on_their_way(10).await.unwrap()[0].taken, 4096);
    let reviews = store.reviews(set_id(1)).await.unwrap();
    assert_eq!(
        reviews[0].1.comments[0].location.as_ref().unwrap().to_string(),
        "src/a.rs:3"
    );
    assert_eq!(store.generated(REPO, &sha(1)).await.unwrap(), Some(2));
    let drift = UniqueName::parse("drift").unwrap();
    assert_eq!(
        store
            .fingerprints(REPO, &sha(1), &drift)
            .await
            .unwrap()
            .unwrap()
            .len(),
        1
    );
    assert!(
        store
            .completion(set_id(1), &key("publish"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(store.errands(&ErrandFilter::default()).await.unwrap().len(), 1);
    let jobs = store.waiting_jobs().await.unwrap();
    let (job, tasks) = store.job(jobs[0]).await.unwrap().unwrap();
    assert_eq!((job.by.as_str(), tasks.len()), ("ada", 1));
    assert_eq!(store.listened().await.unwrap(), Some(Cursor(7)));
    let mood = store.preference("machine", "mood", at(0)).await.unwrap();
    assert_eq!(mood, Some(serde_json::json!("merry")));
    assert_eq!(store.archives().await.unwrap().len(), 1);
    assert_eq!(store.heeded().await.unwrap(), Some(Cursor(9)));
    let noted = store.noted_triggers().await.unwrap();
    assert_eq!((noted[0].trigger.chain, noted[0].push), (1, None));
    assert_eq!((noted[1].failures, noted[1].push), (1, Some(push(2).id)));
    assert_eq!(store.statuses_read().await.unwrap(), Some(Cursor(5)));
    let due = store.due_commits("https://github.com", 10).await.unwrap();
    assert_eq!((due.len(), &due[0].noted.sha), (1, &sha(1)));
    assert_eq!(due[0].told.as_ref().unwrap().context, "sdm/build");
    let checks = store.known_checks(&due[0].noted).await.unwrap();
    assert_eq!(
        (checks[0].context.as_str(), checks[0].run),
        ("sdm/build/test", Some(CheckRun(7)))
    );
}

#[tokio::test]
async fn rows_that_contradict_themselves_are_named() {
    const DAMAGE: [&str; 9] = [
        "UPDATE goal_sets SET state = 'success'",
        "UPDATE goal_sets SET state = 'done'",
        "UPDATE goal_sets SET active = 0",
        "UPDATE goal_sets SET events = 9",
        "UPDATE plans SET goals = '[]'",
        "UPDATE plans SET goals = 'x'",
        "DELETE FROM events WHERE version = 2 AND unique_name = 'test'",
        "UPDATE events SET body = '{}' WHERE version = 2",
        "UPDATE pushes SET body = '{}'",
    ];
    for damage in DAMAGE {
        let (_directory, path) = used().await;
        meddle(&path, damage).await;
        let store = SqlStore::open_file(&path).await.unwrap();
        let error = store.goal_set(set_id(1)).await.unwrap_err();
        let named =
            matches!(&error, StoreError::Corrupt { what, .. } if what.contains(&set_id(1).to_string()));
        assert!(named, "{damage}: {error:?}");
    }
    let (_directory, path) = used().await;
    meddle(
        &path,
        "UPDATE goals SET state = 'requested', unique_name = '-x' WHERE unique_name = 'publish'",
    )
    .await;
    let store = SqlStore::open_file(&path).await.unwrap();
    let error = store.goals_in(&[StateName::Requested]).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn i8_a_place_that_cannot_be_written_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqlStore::open_file(&file.join("state/sdm.db")).await.unwrap_err();
    assert!(matches!(error, StoreError::NotWritable(_)), "{error:?}");

    if nix::unistd::geteuid().is_root() {
        println!("skipped: rights do not bind root; run as another user");
        return;
    }
    let (directory, path) = used().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let error = SqlStore::open_file(&path).await.unwrap_err();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(error, StoreError::NotWritable(_)), "{error:?}");
}

#[tokio::test]
async fn a_folded_database_is_whole_without_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    let store = SqlStore::open_file(&path).await.unwrap();
    planned(&store, 1, vec![goal("test", &[])]).await;
    assert!(store.goal_set(set_id(1)).await.unwrap().is_some());
    store.fold_log().await.unwrap();
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    planned(&store, 2, vec![goal("test", &[])]).await;
    let copied = SqlStore::open_file(&copy).await.unwrap();
    assert!(copied.goal_set(set_id(1)).await.unwrap().is_some());
    assert!(copied.goal_set(set_id(2)).await.unwrap().is_none());
    assert!(
        store.goal_set(set_id(2)).await.unwrap().is_some(),
        "writing goes on"
    );
    copied.close().await;
    store.close().await;
}

/// Runs in a process of its own whose files may not grow past a limit, in the directory of the database.
#[tokio::test]
#[ignore = "run by i8_a_full_disk_loses_nothing_that_was_acknowledged"]
async fn full_disk_child() {
    let store = SqlStore::open_file(Path::new("sdm.db")).await.unwrap();
    let mut acknowledged = 0;
    let error = loop {
        let news = News::Message {
            text: "x".repeat(3000),
            repo: None,
        };
        match store.say(&news, at(acknowledged)).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::NotWritable(_)), "{error:?}");
    let read = store.feed(Cursor(0), 10_000).await.unwrap().len();
    println!("acknowledged={acknowledged} read={read};");
}

#[tokio::test]
async fn i8_a_full_disk_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    SqlStore::open_file(&path).await.unwrap().close().await;
    // Blocks of 512 bytes: one MiB. The signal is ignored, so that writing fails as it does on a full disk.
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --exact --ignored --nocapture store::machine::tests::full_disk_child";
    let child = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let number = |name: &str| -> usize {
        let rest = said.split(&format!("{name}=")).nth(1).unwrap();
        rest.split([' ', ';']).next().unwrap().parse().unwrap()
    };
    assert!(number("acknowledged") > 10);
    assert_eq!(number("read"), number("acknowledged"));
    let store = SqlStore::open_file(&path).await.unwrap();
    assert_eq!(
        store.feed(Cursor(0), 10_000).await.unwrap().len(),
        number("acknowledged")
    );
    planned(&store, 1, vec![goal("test", &[])]).await;
}

#[tokio::test]
async fn what_is_asked_before_closing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdm.db");
    let store = SqlStore::open_file(&path).await.unwrap();
    planned(&store, 1, vec![goal("test", &[])]).await;
    store.close().await;
    assert!(
        !path.with_extension("db-wal").exists(),
        "closing folds the log into the file"
    );
    let store = SqlStore::open_file(&path).await.unwrap();
    assert!(store.goal_set(set_id(1)).await.unwrap().is_some());
}

/// `cargo test --release --lib store::machine::tests::speed -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn speed() {
    const SETS: u64 = 64;
    const ROUNDS: u64 = 400;
    let directory = tempfile::tempdir_in(".").unwrap();
    let store = Arc::new(
        SqlStore::open_file(&directory.path().join("sdm.db"))
            .await
            .unwrap(),
    );
    let tasks = crate::runtime::tasks::Tasks::new();
    let mut sets = Vec::new();
    for number in 1..=SETS {
        sets.push(
            planned(
                &*store,
                number,
                vec![goal("test", &[]), goal("publish", &["test"])],
            )
            .await,
        );
    }
    let begun = Instant::now();
    for mut set in sets.clone() {
        let store = Arc::clone(&store);
        tasks.spawn("worker", async move {
            for round in 0..ROUNDS {
                let late = finish("test", round, crate::model::ExecutionResult::success());
                set = act(&*store, &set, &late, at(3)).await.unwrap();
            }
        });
    }
    assert!(tasks.shut_down(Duration::from_secs(300)).await);
    let rate = (SETS * ROUNDS) as f64 / begun.elapsed().as_secs_f64();
    let mut set = store.goal_set(set_id(1)).await.unwrap().unwrap().set;
    let mut alone = Vec::new();
    for round in 0..500 {
        let late = finish("test", round, crate::model::ExecutionResult::success());
        let begun = Instant::now();
        set = act(&*store, &set, &late, at(3)).await.unwrap();
        alone.push(begun.elapsed());
    }
    alone.sort();
    println!(
        "{rate:.0} transitions/s from {SETS} tasks; one alone p50 {:?}, p99 {:?}",
        alone[250], alone[495]
    );
}
