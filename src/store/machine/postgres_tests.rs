//! What is special about a database that is elsewhere: it goes away and comes back, others write to it, and it may be none for
//! this machine.

use std::sync::Arc;

use sqlx::{Connection, Executor, PgConnection};

use super::SqlStore;
use super::database::{MIGRATIONS, POSTGRES_MIGRATIONS, steps};
use super::dialect::Dialect;
use super::tests::{ROWS, holds_what_was_stored};
use crate::model::{Cursor, ExecutionResult, FeedEntry, News};
use crate::ports::replicas::Standing;
use crate::ports::store::{Lease, LeaseChanges, StoreError};
use crate::ports::team_logs::{LogOnItsWay, LogsOnTheirWay as _};
use crate::ports::{AttemptRef, ReplicaStore as _, Store, TeamStore as _};
use crate::runtime::causes::chain;
use crate::runtime::tasks::Tasks;
use crate::store::contract::fixture::{act, at, finish, goal, key, planned, set_id, start};
use crate::store::contract::server::{Copy, Server};
use crate::store::contract::team::delivery;
use crate::store::{Identity, Place};

/// Longer than any of this takes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

async fn open(database: &Copy) -> Result<SqlStore, StoreError> {
    open_as(database, "").await
}

async fn open_as(database: &Copy, replica: &str) -> Result<SqlStore, StoreError> {
    let place = Place::Postgres(database.url.as_str().into());
    SqlStore::open(&place, &identity("", replica)).await
}

fn identity(machine: &str, replica: &str) -> Identity {
    Identity {
        machine: machine.to_owned(),
        replica: replica.to_owned(),
    }
}

async fn meddle(database: &Copy, statement: &'static str) {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    connection.execute(sqlx::raw_sql(statement)).await.unwrap();
    connection.close().await.unwrap();
}

/// As a server that ends does it.
async fn break_connections(database: &Copy) {
    const BREAK: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    meddle(database, BREAK).await;
}

fn message(text: String) -> News {
    News::Message { text, repo: None }
}

/// Every step of the schema is taken with rows in the tables of the step before.
#[tokio::test]
async fn k5_migrations_of_a_shared_database_keep_what_is_stored() {
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.empty("old").await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let (steps, mut filled) = (steps(Dialect::Postgres), 0);
    for step in steps.iter() {
        steps.run_to(step.version, &mut connection).await.unwrap();
        let new = ROWS
            .iter()
            .filter(|(version, _)| *version > filled && *version <= step.version);
        for (_, rows) in new {
            sqlx::raw_sql(*rows).execute(&mut connection).await.unwrap();
        }
        filled = step.version;
    }
    connection.close().await.unwrap();
    holds_what_was_stored(&open(&database).await.unwrap()).await;
}

#[test]
fn one_number_is_the_same_step_in_both_databases() {
    let first = POSTGRES_MIGRATIONS.iter().map(|step| step.version).min().unwrap();
    let of_files = MIGRATIONS
        .iter()
        .map(|step| step.version)
        .filter(|version| *version >= first);
    let shared = POSTGRES_MIGRATIONS.iter().map(|step| step.version);
    assert_eq!(of_files.collect::<Vec<_>>(), shared.collect::<Vec<_>>());
}

#[tokio::test]
async fn i8_what_a_lost_connection_interrupts_is_written_once() {
    const ROUNDS: u64 = 60;
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.copy().await;
    let store = open(&database).await.unwrap();
    let mut set = planned(&store, 1, vec![goal("test", &[])]).await;
    set = act(&store, &set, &start("test", 1), at(2)).await.unwrap();
    for round in 10..10 + ROUNDS {
        let late = finish("test", round, ExecutionResult::success());
        // One that was committed and is written again would find that the set has changed.
        let append = act(&store, &set, &late, at(3));
        let (appended, ()) = match round % 3 {
            0 => tokio::join!(append, break_connections(&database)),
            _ => (append.await, ()),
        };
        set = appended.unwrap();
    }
    let found = store.goal_set(set_id(1)).await.unwrap().unwrap();
    assert_eq!(found.set, set);
    assert!(found.set.goal(&key("test")).is_some());
}

#[tokio::test]
async fn d7_whoever_reads_the_log_of_several_writers_misses_nothing() {
    const WRITERS: usize = 4;
    const EACH: usize = 50;
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.copy().await;
    let tasks = Tasks::new();
    for writer in 0..WRITERS {
        let store = open(&database).await.unwrap();
        tasks.spawn("writer", async move {
            for number in 0..EACH {
                let news = message(format!("{writer}:{number}"));
                store.say(&news, at(1)).await.unwrap();
            }
            store.close().await;
        });
    }
    let reader = open(&database).await.unwrap();
    let mut changes = reader.subscribe();
    let (mut cursor, mut found): (Cursor, Vec<FeedEntry>) = (Cursor(0), Vec::new());
    while found.len() < WRITERS * EACH {
        changes.mark_unchanged();
        let page = reader.feed(cursor, 10).await.unwrap();
        match page.last() {
            Some(last) => cursor = last.cursor,
            None => changes.changed().await.unwrap(),
        }
        found.extend(page);
    }
    assert!(tasks.shut_down(PATIENCE).await);
    assert_eq!(reader.last_cursor().await.unwrap(), cursor);
    assert!(reader.feed(cursor, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_replicas_that_append_at_once_one_is_refused() {
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.copy().await;
    let (one, other) = (open(&database).await.unwrap(), open(&database).await.unwrap());
    let set = planned(&one, 1, vec![goal("test", &[])]).await;
    let seen = other.goal_set(set_id(1)).await.unwrap().unwrap().set;
    let (by_one, by_other) = (start("test", 1), start("test", 1));
    let (first, second) = tokio::join!(
        act(&one, &set, &by_one, at(2)),
        act(&other, &seen, &by_other, at(2))
    );
    let refused = [&first, &second]
        .iter()
        .filter(|outcome| matches!(outcome, Err(StoreError::Conflict(_))))
        .count();
    assert_eq!(refused, 1, "{first:?} {second:?}");
    let now = |store: Arc<SqlStore>| async move { store.goal_set(set_id(1)).await.unwrap().unwrap().set };
    assert_eq!(now(Arc::new(one)).await, now(Arc::new(other)).await);
}

#[tokio::test]
async fn k5_a_database_that_is_none_for_this_machine_is_refused() {
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.copy().await;
    let place = Place::Postgres(database.url.as_str().into());
    let error = SqlStore::open(&place, &identity("other", "")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database cannot be used: it is that of the machine ``, and this one is `other`"
    );
    meddle(
        &database,
        "INSERT INTO _sdm_machine_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'later', TRUE, '\\x00', 1)",
    )
    .await;
    let error = open(&database).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn g1_a_database_that_does_not_answer_is_said_without_its_password() {
    for url in [
        "postgres://ada:CANARY@localhost/sdm?host=/nowhere",
        "postgres://ada:CANARY@localhost:nonsense/sdm",
    ] {
        let error = SqlStore::open(&Place::read(url), &Identity::default())
            .await
            .unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert!(!text.contains("CANARY"), "{text}");
    }
    let place = Place::read("postgres://ada@localhost/sdm?host=/nowhere");
    let error = SqlStore::open(&place, &Identity::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn replicas_hear_of_each_other_and_know_whose_what_is() {
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.copy().await;
    let (one, two) = (
        open_as(&database, "one").await.unwrap(),
        open_as(&database, "two").await.unwrap(),
    );
    assert!(one.beat(at(1)).await.unwrap().is_empty());
    let heard = two.beat(at(2)).await.unwrap();
    assert_eq!((heard[0].replica.as_str(), heard[0].count), ("one", 1));
    let attempt = begin(&one).await;
    assert!(one.take_in(&delivery("e-1"), None).await.unwrap());
    assert!(!two.take_in(&delivery("e-1"), None).await.unwrap());
    let standing = async |store: &SqlStore| store.standings().await.unwrap()[0].clone();
    assert_eq!(standing(&one).await, (attempt.clone(), Standing::Own));
    assert_eq!(standing(&two).await, (attempt.clone(), Standing::Elsewhere));
    assert!(two.open_deliveries(0, 10).await.unwrap().is_empty());
    assert!(!two.adopt(&attempt).await.unwrap(), "its holder is there");

    one.beat(at(3)).await.unwrap();
    assert!(!two.bury(&heard[0]).await.unwrap(), "it has said something since");
    let heard = two.beat(at(4)).await.unwrap();
    assert!(two.bury(&heard[0]).await.unwrap());
    assert_eq!(standing(&two).await.1, Standing::Lost);
    assert_eq!(two.open_deliveries(0, 10).await.unwrap().len(), 1);
    assert!(one.open_deliveries(0, 10).await.unwrap().is_empty());
    assert!(two.adopt(&attempt).await.unwrap());
    assert_eq!(standing(&two).await.1, Standing::Own);
    assert_eq!(standing(&one).await.1, Standing::Elsewhere);
}

/// A set with a goal that runs.
async fn begin(store: &SqlStore) -> AttemptRef {
    let set = planned(store, 1, vec![goal("test", &[])]).await;
    let (started, events) = set.act(&start("test", 2), at(2)).unwrap();
    let attempt = AttemptRef {
        goal_set: set.id,
        goal: key("test"),
        attempt: 1,
        epoch: 2,
    };
    let lease = Lease {
        attempt: attempt.clone(),
        workspace: None,
        expires_at: at(60),
    };
    let leases = LeaseChanges {
        take: vec![lease],
        drop: Vec::new(),
    };
    store.append(&set, &started, &events, &leases).await.unwrap();
    attempt
}

#[tokio::test]
async fn logs_are_sent_and_removed_where_they_are() {
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.copy().await;
    let (one, two) = (
        open_as(&database, "one").await.unwrap(),
        open_as(&database, "two").await.unwrap(),
    );
    one.beat(at(1)).await.unwrap();
    let hub = "https://hub.example.com";
    let mark = two.begin_reporting(hub).await.unwrap();
    let attempt = begin(&one).await;
    let log = LogOnItsWay {
        goal_set: attempt.goal_set,
        goal: attempt.goal.clone(),
        attempt: 1,
        workspace: "A1".to_owned(),
        taken: 0,
    };
    let end = two.last_cursor().await.unwrap();
    assert!(
        two.reported(hub, (mark, end), std::slice::from_ref(&log))
            .await
            .unwrap()
    );
    assert_eq!(one.logs_on_their_way(10).await.unwrap(), [log]);
    assert!(two.logs_on_their_way(10).await.unwrap().is_empty());
    let set = one.goal_set(set_id(1)).await.unwrap().unwrap().set;
    let ended = set
        .act(&crate::store::contract::fixture::succeed("test", 2), at(3))
        .unwrap();
    let leases = LeaseChanges {
        take: Vec::new(),
        drop: vec![attempt.clone()],
    };
    one.append(&set, &ended.0, &ended.1, &leases).await.unwrap();
    let end = (end, two.last_cursor().await.unwrap());
    assert!(two.reported(hub, end, &[]).await.unwrap());
    two.prune(at(1000)).await.unwrap();
    assert!(two.goal_set(set_id(1)).await.unwrap().is_none());
    let left = one.prune(at(1000)).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].goal_set, left[0].attempt), (attempt.goal_set, 1));
    assert!(one.prune(at(1000)).await.unwrap().is_empty());
}
