//! Every step of the schema is taken with rows in the tables of the steps before, on both databases: nothing of what they held is lost.

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};

use super::{Place, SqlHub, migrations};
use crate::model::Timestamp;
use crate::ports::graph::{Filter, Find, Node};
use crate::ports::hub::{
    Deliveries as _, GoalLogs as _, HubGraph as _, Invocations as _, Keys as _, LogContent, LogName,
    Messages as _, Registrations as _, Room,
};
use crate::ports::rights::RightsStore as _;
use crate::store::contract::server::Server;

/// Rows as the program of that schema wrote them.
const ROWS: &[(i64, &str)] = &[
    (1, include_str!("testdata/rows_of_schema_1.sql")),
    (2, include_str!("testdata/rows_of_schema_2.sql")),
    (21, include_str!("testdata/rows_of_schema_21.sql")),
    (72, include_str!("testdata/rows_of_schema_72.sql")),
];

/// More than the rows say.
const ROOM: Room = Room {
    messages: 10,
    bytes: 1_000_000,
};

/// Rows that a schema brings.
fn rows_of(version: i64) -> Option<&'static str> {
    ROWS.iter()
        .find(|(schema, _)| *schema == version)
        .map(|(_, rows)| *rows)
}

/// A moment among the rows, in seconds after the first.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_767_225_600 + seconds) * 1_000_000)
}

#[tokio::test]
async fn k5_migrations_of_a_file_keep_what_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let steps = migrations(false);
    for step in steps.iter() {
        steps.run_to(step.version, &mut connection).await.unwrap();
        if let Some(rows) = rows_of(step.version) {
            sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
        }
    }
    connection.close().await.unwrap();
    holds_what_was_stored(&SqlHub::open(&Place::File(path)).await.unwrap()).await;
}

#[tokio::test]
async fn k5_migrations_of_a_shared_database_keep_what_is_stored() {
    let Some(server) = Server::start().await else {
        return;
    };
    let database = server.empty("old_hub").await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let steps = migrations(true);
    for step in steps.iter() {
        steps.run_to(step.version, &mut connection).await.unwrap();
        if let Some(rows) = rows_of(step.version) {
            sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
        }
    }
    connection.close().await.unwrap();
    let place = Place::Postgres(database.url.as_str().into());
    holds_what_was_stored(&SqlHub::open(&place).await.unwrap()).await;
}

/// What the rows of all schemas read as now.
async fn holds_what_was_stored(hub: &SqlHub) {
    the_graph_is_there(hub).await;
    logs_are_there(hub).await;
    places_are_at_their_forge(hub).await;
    the_rest_is_there(hub).await;
    hub.close().await;
}

fn ids(nodes: &[std::sync::Arc<Node>]) -> Vec<&str> {
    nodes.iter().map(|node| node.id()).collect()
}

async fn the_graph_is_there(hub: &SqlHub) {
    let graph = hub.reader("w");
    for key in ["github.com/7", "github.com/acme/app"] {
        let found = graph.nodes("Repo", &[key.to_owned()]).await.unwrap();
        assert_eq!(ids(&found), ["github.com/7"], "{key}");
        assert_eq!(found[0].body["name"], json!("app"));
    }
    for (kind, field, target, id) in [
        ("Push", "after", "github.com/7@b", "p-1"),
        ("Repo", "org", "github.com/acme", "github.com/7"),
        ("Deploy", "push", "p-1", "d-1"),
    ] {
        let found = graph
            .linking(kind, field, &[target.to_owned()], 10)
            .await
            .unwrap();
        assert_eq!(ids(&found), [id], "{kind}.{field}");
    }
    let by = |kind: &str, field: &str, value: &str, descending: bool| Find {
        kind: kind.to_owned(),
        filters: vec![Filter {
            field: field.to_owned(),
            any_of: vec![json!(value)],
        }],
        descending,
        first: 10,
        ..Find::default()
    };
    let found = graph.find(&by("Push", "branch", "main", true)).await.unwrap();
    assert_eq!(ids(&found), ["p-2", "p-1"], "in the order of changes");
    let found = graph.find(&by("Push", "branch", "main", false)).await.unwrap();
    assert_eq!(ids(&found), ["p-1", "p-2"]);
    let found = graph.find(&by("Repo", "owner", "acme", true)).await.unwrap();
    assert_eq!(ids(&found), ["github.com/7"]);
    let count = |rows: &str| {
        let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {rows}"));
        async move {
            let row = sqlx::query(statement)
                .fetch_one(&mut *hub.reading().await.unwrap())
                .await;
            row.unwrap().try_get::<i64, _>(0).unwrap()
        }
    };
    assert_eq!(
        count("hub_node_key WHERE key = id").await,
        0,
        "ids stand in their own rows"
    );
    assert_eq!(
        count("hub_node_link WHERE field = 'commits'").await,
        0,
        "nobody follows those backwards"
    );
    assert_eq!(
        count("hub_node_value WHERE changed > 0").await,
        3,
        "the shared values, and what machines' types have"
    );
    let found = graph.find(&by("Deploy", "name", "app", true)).await.unwrap();
    assert_eq!(ids(&found), ["d-1"]);
}

/// What was kept before places said their forge is at the only one that there was (threat A8).
async fn places_are_at_their_forge(hub: &SqlHub) {
    let told = hub.told_forges().await.unwrap();
    assert_eq!(told.only(&[]), Some("github.com"));
    let rights = hub.rights().await.unwrap();
    let selectors: Vec<&str> = rights
        .grants
        .iter()
        .map(|grant| grant.selector.as_str())
        .collect();
    assert_eq!(
        selectors,
        [
            "repo:github.com/acme/app#7",
            "repo:github.com/acme/*",
            "env:production"
        ]
    );
    assert_eq!(rights.forges, told);
    let keys = hub.keys().await.unwrap();
    assert_eq!(
        keys[0].repositories,
        ["repo:github.com/acme/app#7", "repo:github.com/acme/*"]
    );
    let goals = hub
        .reader("w")
        .nodes("SdmGoal", &["s/0-code/build".to_owned()])
        .await
        .unwrap();
    assert_eq!(goals[0].body["saidOf"], json!("repo:github.com/acme/app#7"));
    assert_eq!(
        goals[0].body["description"],
        json!("of \"saidOf\":\"repo:"),
        "what people wrote stays"
    );
}

async fn logs_are_there(hub: &SqlHub) {
    let name = |goal: &str, attempt: u32| LogName {
        workspace: "w".to_owned(),
        goal: format!("s/0-code/{goal}"),
        attempt,
    };
    for (log, end, changed, parts) in [
        (
            name("build", 1),
            25,
            at(1),
            vec![(0, 10, "[\"one\"]"), (10, 25, "[\"two\"]")],
        ),
        (name("test", 1), 7, at(2), vec![(0, 7, "[\"three\"]")]),
        (name("publish", 2), 5, at(3), vec![(0, 5, "[\"four\"]")]),
    ] {
        let state = hub.log_state(&log).await.unwrap().unwrap();
        assert_eq!(
            (state.end, state.kept, state.changed),
            (end, end, changed),
            "{log:?}"
        );
        let found = hub.log_parts(&log, 0, 10).await.unwrap();
        let expected = parts
            .into_iter()
            .map(|(start, end, lines)| (start, end, LogContent::Here(lines.to_owned())));
        let found: Vec<_> = found
            .into_iter()
            .map(|part| (part.start, part.end, part.content))
            .collect();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{log:?}");
    }
}

async fn the_rest_is_there(hub: &SqlHub) {
    let received = hub.received("w", "github", &["g-1", "g-2", "g-3"]).await.unwrap();
    assert_eq!(
        received,
        [("g-1".to_owned(), at(0)), ("g-2".to_owned(), at(1))].into()
    );
    let work = hub.begin("w").await.unwrap();
    let is_new = work
        .take_in(&[("github", "g-1"), ("github", "g-3")], at(9))
        .await
        .unwrap();
    assert_eq!((work.number(), is_new), (4, vec![false, true]));
    drop(work);
    let claimed = hub.claim("r-1", "s", 10, at(9), at(10)).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].what.operation.as_str()), (1, "OnPush"));
    assert_eq!(claimed[0].what.resource, "repo:github.com/acme/app#7");
    assert_eq!(hub.registrations().await.unwrap()[0].name, "m");
    let keys = hub.keys().await.unwrap();
    assert_eq!(
        (keys[0].workspaces.as_slice(), keys[0].scopes.as_slice()),
        (&["w".to_owned()][..], &["events:read".to_owned()][..])
    );
    let invocation = hub.invocation("i-1").await.unwrap().unwrap();
    assert_eq!(invocation.asked_by, "person:ada");
    assert_eq!(hub.messages_of("i-1", ROOM).await.unwrap().len(), 1);
}
