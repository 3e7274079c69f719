//! Searches at sizes at which nobody reads everything: what is found does not depend on how much there is.

use sdm::ports::graph::{Find, Pointing};
use sdm::ports::hub::HubGraph as _;
use sdm::store::hub::{Place, SqlHub};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use super::store::{by, find, node};

/// Nodes of one type, more than were ever looked at for one search.
const MANY: usize = 25_000;

/// The part of the contract that needs many rows.
pub async fn contract(hub: &SqlHub, place: &Place) {
    many_nodes(place).await;
    any_field_finds_what_is_old(hub).await;
    every_order_is_paged_to_its_end(hub).await;
    what_points_somewhere_is_paged_to_its_end(hub).await;
    the_weight_of_a_search_is_known_before(hub).await;
    values_are_compared_as_they_were_written(hub).await;
    moments_order_whatever_they_are(hub).await;
    types_of_machines_are_found_by_all_their_fields(hub).await;
    versions_are_found_by_what_they_were(hub).await;
}

/// Issues of one repository, put into the database beside the hub.
async fn many_nodes(place: &Place) {
    const NODES: &str = "INSERT INTO hub_node (workspace, kind, id, keys, body, links, created, changed) \
        WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < LAST) \
        SELECT 'big', 'Issue', 'i-' || n, '[\"i-' || n || '\"]', '{\"body\":\"long\",\"id\":\"i-' || n || '\",\"labels\":[{\"name\":\"l-' || n || '\"}],\
        \"line\":' || n || ',\"timestamp\":\"t-' || (200000 - n) || '\",\"title\":\"title ' || n || '\"}', '{\"repo\":[\"r\"]}', n + 1, n + 1 FROM number";
    const LINKS: &str = "INSERT INTO hub_node_link (workspace, kind, field, target, id) \
        SELECT workspace, kind, 'repo', 'r', id FROM hub_node WHERE workspace = 'big'";
    for statement in [NODES.replace("LAST", &(MANY - 1).to_string()), LINKS.to_owned()] {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        match place {
            Place::File(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await.unwrap();
                statement.execute(&mut connection).await.unwrap();
            }
            Place::Postgres(url) => {
                let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
                statement.execute(&mut connection).await.unwrap();
                // As it does by itself within a minute.
                sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
            }
        }
    }
}

async fn found(hub: &SqlHub, find: &Find) -> Vec<String> {
    let found = hub.reader("big").find(find).await.unwrap();
    found.iter().map(|node| node.id().to_owned()).collect()
}

async fn any_field_finds_what_is_old(hub: &SqlHub) {
    for (field, value) in [
        ("id", json!("i-3")),
        ("title", json!("title 3")),
        ("line", json!(3)),
        ("line", json!("3")),
        ("labels[].name", json!("l-3")),
        ("timestamp", json!(["t-199997", "no such moment"])),
    ] {
        assert_eq!(
            found(hub, &find("Issue", &[(field, value)])).await,
            ["i-3"],
            "{field}"
        );
    }
    for (field, value) in [
        ("title", json!("title")),
        ("labels.name", json!("l-3")),
        ("no_such_field", json!("title 3")),
        ("title' OR 1 = 1 --", json!("title 3")),
    ] {
        assert_eq!(
            found(hub, &find("Issue", &[(field, value)])).await,
            [""; 0],
            "{field}"
        );
    }
    let both = find(
        "Issue",
        &[("title", json!(["title 3", "title 4"])), ("line", json!([4, 5]))],
    );
    assert_eq!(found(hub, &both).await, ["i-4"]);
}

async fn every_order_is_paged_to_its_end(hub: &SqlHub) {
    for (order, page) in [
        (by("timestamp", false, false), ["i-24999", "i-24998", "i-24997"]),
        (by("timestamp", true, false), ["i-0", "i-1", "i-2"]),
        (by("line", false, true), ["i-0", "i-1", "i-2"]),
        (by("line", true, true), ["i-24999", "i-24998", "i-24997"]),
        (by("title", false, false), ["i-0", "i-1", "i-10"]),
    ] {
        let mut asked = find("Issue", &[]);
        (asked.order_by, asked.first) = (vec![order.clone()], 3);
        assert_eq!(found(hub, &asked).await, page, "{order:?}");
        // From the other end, past whatever was once a limit.
        asked.order_by[0].descending = !order.descending;
        asked.offset = u32::try_from(MANY).unwrap() - 3;
        let mut last = found(hub, &asked).await;
        last.reverse();
        assert_eq!(last, page, "{order:?}");
        asked.offset += 3;
        assert_eq!(found(hub, &asked).await, [""; 0]);
    }
    // The second key counts where the first is the same, and what has no value comes before all others.
    let mut asked = find("Issue", &[("line", json!([7, 8]))]);
    asked.order_by = vec![by("body", true, false), by("line", true, true)];
    assert_eq!(found(hub, &asked).await, ["i-8", "i-7"]);
    asked.order_by = vec![by("closedAt", false, false), by("line", false, true)];
    assert_eq!(found(hub, &asked).await, ["i-7", "i-8"]);
    // In parts it is the same.
    let (mut asked, mut from, mut count) = (find("Issue", &[]), None, 0);
    (asked.order_by, asked.first, asked.offset) = (vec![by("line", false, true)], 6_000, 10);
    loop {
        let part = hub.reader("big").part(&asked, from).await.unwrap();
        for node in &part.nodes {
            assert_eq!(node.body["line"], json!(count + 10));
            count += 1;
        }
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(count, MANY - 10);
}

async fn what_points_somewhere_is_paged_to_its_end(hub: &SqlHub) {
    let pointing = |keys: &[&str]| {
        Some(Pointing {
            field: "repo".to_owned(),
            keys: keys.iter().map(ToString::to_string).collect(),
        })
    };
    let mut behind = find("Issue", &[]);
    (behind.pointing, behind.descending, behind.first) = (pointing(&["r", "another name of it"]), false, 2);
    for (offset, page) in [
        (0, vec!["i-0", "i-1"]),
        (1_000, vec!["i-1000", "i-1001"]),
        (24_999, vec!["i-24999"]),
        (25_000, vec![]),
    ] {
        behind.offset = offset;
        assert_eq!(found(hub, &behind).await, page, "the oldest first");
    }
    behind.offset = 20_000;
    behind.order_by = vec![by("line", true, true)];
    assert_eq!(found(hub, &behind).await, ["i-4999", "i-4998"]);
    let mut one = find("Issue", &[("title", json!("title 24000"))]);
    one.pointing = pointing(&["r"]);
    assert_eq!(found(hub, &one).await, ["i-24000"]);
    one.pointing = pointing(&["elsewhere"]);
    assert_eq!(found(hub, &one).await, [""; 0]);
    // In parts each comes once.
    (behind.order_by, behind.first, behind.offset) = (Vec::new(), 10_000, 0);
    let (mut from, mut count) = (None, 0);
    loop {
        let part = hub.reader("big").part(&behind, from).await.unwrap();
        count += part.nodes.len();
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(count, MANY);
}

async fn the_weight_of_a_search_is_known_before(hub: &SqlHub) {
    let weight = async |asked: &Find, most: u64| hub.reader("big").weight(asked, most).await.unwrap();
    let many = MANY as u64;
    let newest = find("Issue", &[]);
    assert_eq!(weight(&newest, 500_000).await, 100, "a page and no more");
    let mut deep = newest.clone();
    deep.offset = 1_000_000;
    assert_eq!(weight(&deep, 500_000).await, many);
    let titled = find("Issue", &[("title", json!("title 3"))]);
    assert_eq!(weight(&titled, 500_000).await, many, "all are looked at");
    assert_eq!(weight(&titled, 9).await, 10, "nobody counts on");
    assert_eq!(weight(&find("Issue", &[("id", json!("i-3"))]), 500_000).await, 1);
    assert_eq!(
        weight(
            &find("Issue", &[("number", json!(3)), ("title", json!("x"))]),
            500_000
        )
        .await,
        0,
        "an index knows of none"
    );
    let mut ordered = newest.clone();
    ordered.order_by = vec![by("timestamp", true, false)];
    assert_eq!(
        weight(&ordered, 500_000).await,
        100,
        "there is an index in that order"
    );
    ordered.order_by = vec![by("title", true, false)];
    assert_eq!(weight(&ordered, 500_000).await, many);
    let mut behind = newest.clone();
    behind.pointing = Some(Pointing {
        field: "repo".to_owned(),
        keys: vec!["r".to_owned()],
    });
    assert_eq!(weight(&behind, 500_000).await, many);
}

async fn put(hub: &SqlHub, kind: &str, id: &str, body: &Value) {
    let work = hub.begin("values").await.unwrap();
    let known = work.graph().nodes(kind, &[id.to_owned()]).await.unwrap();
    let new = node(kind, &[id], body, &[]);
    work.put(&new, known.first(), true).await.unwrap();
    work.commit().await.unwrap();
}

async fn ids(hub: &SqlHub, asked: &Find) -> Vec<String> {
    let found = hub.reader("values").find(asked).await.unwrap();
    found.iter().map(|node| node.id().to_owned()).collect()
}

async fn values_are_compared_as_they_were_written(hub: &SqlHub) {
    let odd = "a\u{0}b \"c\" \\ \u{1f} \u{7f} é 🦀 / \n";
    let body = json!({
        "id": "odd", "title": odd, "body": 3, "draft": true, "ratio": 1.5, "tags": ["x", "y", 3, false], "none": null,
        "at": {"place": "here", "list": [{"deep": [{"name": "n"}]}]}
    });
    put(hub, "Comment", "odd", &body).await;
    put(
        hub,
        "Comment",
        "plain",
        &json!({"id": "plain", "title": "3", "draft": false, "tags": "x"}),
    )
    .await;
    for (field, value, expected) in [
        ("title", json!(odd), vec!["odd"]),
        ("title", json!(3), vec!["plain"]),
        ("body", json!("3"), vec!["odd"]),
        ("body", json!("03"), vec![]),
        ("draft", json!(true), vec!["odd"]),
        ("draft", json!([true, false]), vec!["plain", "odd"]),
        ("ratio", json!(1.5), vec!["odd"]),
        ("tags[]", json!("y"), vec!["odd"]),
        ("tags[]", json!("3"), vec!["odd"]),
        ("tags[]", json!(false), vec!["odd"]),
        ("tags", json!("x"), vec!["plain"]),
        ("none", json!([null]), vec!["plain", "odd"]),
        ("at.place", json!(["here", null]), vec!["plain", "odd"]),
        ("at.place", json!("here"), vec!["odd"]),
        ("at.list[].deep[].name", json!("n"), vec!["odd"]),
        ("at.list[].deep[].name", json!("m"), vec![]),
    ] {
        let asked = find("Comment", &[(field, value.clone())]);
        assert_eq!(ids(hub, &asked).await, expected, "{field} {value}");
        // The store and whoever holds a node against a filter agree.
        let all = hub.reader("values").find(&find("Comment", &[])).await.unwrap();
        let held = all.iter().filter(|node| asked.filters[0].holds(&node.body));
        assert_eq!(
            held.map(|node| node.id()).collect::<Vec<_>>(),
            expected,
            "{field} {value}"
        );
    }
    let mut ordered = find("Comment", &[]);
    ordered.order_by = vec![by("title", false, false)];
    assert_eq!(ids(hub, &ordered).await, ["plain", "odd"]);
}

/// Goals have their moments in numbers, and a type of a machine may have both kinds.
async fn moments_order_whatever_they_are(hub: &SqlHub) {
    for (kind, of_them) in [
        ("SdmGoal", ["g-10", "g-9", "g-none"]),
        ("Both", ["b-10", "b-9", "b-none"]),
    ] {
        let [ten, nine, none] = of_them;
        put(hub, kind, nine, &json!({"id": nine, "ts": 9, "timestamp": null})).await;
        put(hub, kind, ten, &json!({"id": ten, "ts": 10})).await;
        put(hub, kind, none, &json!({ "id": none })).await;
        let mut ordered = find(kind, &[]);
        ordered.order_by = vec![by("ts", true, true)];
        assert_eq!(ids(hub, &ordered).await, of_them);
        let weight = hub.reader("values").weight(&ordered, 500).await.unwrap();
        assert_eq!(
            weight,
            if kind == "SdmGoal" { 100 } else { 3 },
            "the order of goals has an index"
        );
    }
    put(
        hub,
        "Both",
        "b-early",
        &json!({"id": "b-early", "timestamp": "2020", "ts": 99}),
    )
    .await;
    put(
        hub,
        "Both",
        "b-late",
        &json!({"id": "b-late", "timestamp": "2021", "ts": 1}),
    )
    .await;
    let mut ordered = find("Both", &[]);
    (ordered.order_by, ordered.first) = (vec![by("timestamp", true, false)], 2);
    assert_eq!(ids(hub, &ordered).await, ["b-late", "b-early"]);
    ordered.order_by = vec![by("ts", true, true)];
    assert_eq!(ids(hub, &ordered).await, ["b-early", "b-10"]);
}

async fn types_of_machines_are_found_by_all_their_fields(hub: &SqlHub) {
    for number in 0..30 {
        let id = format!("d-{number}");
        let body = json!({"id": id, "env": if number % 2 == 0 { "test" } else { "prod" }, "at": {"place": id}, "no": number, "ok": number > 27});
        put(hub, "Deploy", &id, &body).await;
    }
    let mut prod = find("Deploy", &[("env", json!("prod"))]);
    prod.first = 2;
    assert_eq!(ids(hub, &prod).await, ["d-29", "d-27"]);
    assert_eq!(
        hub.reader("values").weight(&prod, 9).await.unwrap(),
        2,
        "by its index, in its order"
    );
    assert_eq!(ids(hub, &find("Deploy", &[("no", json!("7"))])).await, ["d-7"]);
    assert_eq!(
        ids(hub, &find("Deploy", &[("ok", json!(true))])).await,
        ["d-29", "d-28"]
    );
    assert_eq!(
        ids(hub, &find("Deploy", &[("at.place", json!("d-3"))])).await,
        ["d-3"]
    );
    // What changes is found by what it is now, and what is gone by nothing.
    put(hub, "Deploy", "d-7", &json!({"id": "d-7", "env": "moved"})).await;
    assert_eq!(
        ids(hub, &find("Deploy", &[("env", json!("moved"))])).await,
        ["d-7"]
    );
    assert_eq!(ids(hub, &find("Deploy", &[("no", json!(7))])).await, [""; 0]);
    let work = hub.begin("values").await.unwrap();
    work.remove("Deploy", "d-7").await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(
        ids(hub, &find("Deploy", &[("env", json!("moved"))])).await,
        [""; 0]
    );
}

async fn versions_are_found_by_what_they_were(hub: &SqlHub) {
    for (env, no) in [("one", 1), ("two", 2)] {
        put(hub, "Release1", "r", &json!({"id": "r", "env": env, "no": no})).await;
    }
    let mut asked = find("Release1", &[("env", json!("one"))]);
    assert_eq!(ids(hub, &asked).await, [""; 0]);
    asked.history = true;
    let found = hub.reader("values").find(&asked).await.unwrap();
    assert_eq!((found.len(), &found[0].body["no"]), (1, &json!(1)));
    let mut all = find("Release1", &[]);
    (all.history, all.order_by) = (true, vec![by("no", false, true)]);
    let found = hub.reader("values").find(&all).await.unwrap();
    let numbers: Vec<&Value> = found.iter().map(|node| &node.body["no"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(2)]);
}
