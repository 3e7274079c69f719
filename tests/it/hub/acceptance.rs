//! Rows of the security model, section 18, at a running hub: an add-on for each, with the scopes and grants that stand there, asks over HTTP
//! for what stands there. `acme/app` is in the place of `acme/api`. Rows about lists and questions show what is absent, because those are
//! filtered rather than refused (section 13). Rows d46 to d50 need a hub where people sign in by a forge: `brokering.rs` shows them. All
//! rows are asked of the evaluation itself as well, in `src/access/tests/rows.rs`.

use std::fmt::Write as _;

use reqwest::Method;
use sdm::hub::administration::KeyWish;
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::access::push_of;
use super::machine::{TestHub, quick, registration, wish};
use super::operations::{read, sent};

/// What is asked for.
enum Asks {
    /// `self.get`
    Own,
    /// `graph.query`
    Query,
    /// `goal.update`
    Update,
    /// `goal.list`
    List,
    /// `audit.read`
    Audit,
    /// `command.register`
    Register,
    /// `ingest.post` on this feed
    Ingest(&'static str),
    /// `addon.approve`
    Approve,
    /// `addon.grant`
    Grant,
}

struct Row {
    id: &'static str,
    scopes: &'static [&'static str],
    /// Selector and level, or `deny`.
    grants: &'static [(&'static str, &'static str)],
    /// What the key is limited to; all of its add-on's scopes when nothing is said.
    key: &'static [&'static str],
    asks: Asks,
    /// The code of the refusal, `allowed`, or `nothing` for an answer from which everything is absent.
    outcome: &'static str,
}

const APP: &str = "repo:acme/app";

const fn row(
    id: &'static str,
    scopes: &'static [&'static str],
    grants: &'static [(&'static str, &'static str)],
    asks: Asks,
    outcome: &'static str,
) -> Row {
    Row {
        id,
        scopes,
        grants,
        key: &[],
        asks,
        outcome,
    }
}

const ROWS: &[Row] = &[
    row("d09", &[], &[], Asks::Own, "allowed"),
    row("d10", &["graph:read"], &[(APP, "read")], Asks::Query, "allowed"),
    row(
        "d11",
        &["events:read"],
        &[(APP, "admin")],
        Asks::Query,
        "insufficient_scope",
    ),
    row("d12", &["graph:read"], &[], Asks::Query, "nothing"),
    row(
        "d16",
        &["graph:read"],
        &[(APP, "admin"), (APP, "deny")],
        Asks::Query,
        "nothing",
    ),
    row(
        "d17",
        &["goals:write"],
        &[(APP, "read")],
        Asks::Update,
        "insufficient_permission",
    ),
    row(
        "d18",
        &["goals:write"],
        &[(APP, "write")],
        Asks::Update,
        "allowed",
    ),
    row(
        "d19",
        &["goals:read"],
        &[(APP, "admin")],
        Asks::Update,
        "insufficient_scope",
    ),
    row("d20", &["goals:write"], &[(APP, "read")], Asks::List, "allowed"),
    row(
        "d21",
        &["goals:write"],
        &[(APP, "write")],
        Asks::Query,
        "insufficient_scope",
    ),
    row(
        "d24",
        &["admin:write"],
        &[(APP, "admin"), ("workspace", "admin")],
        Asks::Query,
        "insufficient_scope",
    ),
    row(
        "d25",
        &["admin:write"],
        &[("workspace", "admin")],
        Asks::Audit,
        "allowed",
    ),
    row(
        "d26",
        &["goals:read"],
        &[(APP, "write")],
        Asks::Update,
        "insufficient_scope",
    ),
    row("d27", &["goals:read"], &[(APP, "write")], Asks::List, "allowed"),
    Row {
        key: &["graph:read"],
        ..row(
            "d28",
            &["goals:write", "graph:read"],
            &[(APP, "write")],
            Asks::Update,
            "insufficient_scope",
        )
    },
    Row {
        key: &["goals:write"],
        ..row(
            "d29",
            &["graph:read"],
            &[(APP, "write")],
            Asks::Update,
            "insufficient_scope",
        )
    },
    // A registration is one to events, too.
    row(
        "d32",
        &["commands:register", "events:read"],
        &[("workspace", "read")],
        Asks::Register,
        "allowed",
    ),
    row(
        "d33",
        &["events:read"],
        &[("workspace", "read")],
        Asks::Register,
        "insufficient_scope",
    ),
    // Nobody has announced the type, of which only somebody learns who may send it.
    row(
        "d34",
        &["ingest:write"],
        &[("feed:builds", "write")],
        Asks::Ingest("builds"),
        "allowed",
    ),
    row(
        "d35",
        &["ingest:write"],
        &[("feed:builds", "write")],
        Asks::Ingest("billing"),
        "insufficient_permission",
    ),
    row(
        "d52",
        &["admin:write"],
        &[("workspace", "admin")],
        Asks::Approve,
        "person_required",
    ),
    row(
        "d53",
        &["admin:write"],
        &[("workspace", "admin")],
        Asks::Grant,
        "person_required",
    ),
];

/// The policy in which each row is an add-on.
fn policy() -> String {
    let mut text =
        "addons:\n  test: {scopes: [goals:write], grants: [{allow: write, on: \"*\"}]}\n".to_owned();
    for row in ROWS {
        let grant = |(on, level): &(&str, &str)| match *level {
            "deny" => format!("{{deny: \"{on}\"}}"),
            level => format!("{{allow: {level}, on: \"{on}\"}}"),
        };
        let grants: Vec<String> = row.grants.iter().map(grant).collect();
        let (scopes, grants) = (row.scopes.join(", "), grants.join(", "));
        writeln!(text, "  {}: {{scopes: [{scopes}], grants: [{grants}]}}", row.id).unwrap();
    }
    text
}

/// A hub that the policy governs, with a push and a goal of `acme/app`.
async fn governed() -> TestHub {
    let hub = TestHub::start_with(|options| {
        options.rhythm = quick();
        let Place::File(memory) = &options.place else {
            unreachable!("a test's own memory is a file");
        };
        let directory = memory.parent().unwrap();
        std::fs::write(directory.join("policy.yaml"), policy()).unwrap();
        options.policy = Some(directory.join("policy.yaml"));
        options.audit = Some(directory.join("audit.jsonl"));
    })
    .await;
    assert_eq!(hub.github("push", "1", &push_of("app", 7)).await.0, 200);
    let (_, written) = hub.post("/graphql/team/w", &hub.key, &goal("first")).await;
    assert!(written.get("errors").is_none(), "{written}");
    hub
}

fn goal(set: &str) -> Value {
    json!({"query": format!(
        "mutation {{ ingestCustomSdmGoal(value: {{goalSetId: \"{set}\", environment: \"0-code\", uniqueName: \"g\", sha: \"b\", \
         branch: \"main\", repo: {{owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}}}) }}"
    )})
}

fn registration_with_command(name: &str) -> Value {
    let mut registration = registration(name, "1.0.0", "ephemeral");
    registration["commands"] = json!([{
        "name": "Look", "intent": ["look"], "tags": [], "auto_submit": true, "parameters": [], "secrets": [], "mapped_parameters": []
    }]);
    registration
}

async fn answered(hub: &TestHub, row: &Row, key: &str) -> (u16, Value) {
    let post = async |path: &str, body: Value| sent(hub, Method::POST, path, Some(key), &body).await;
    match row.asks {
        Asks::Own => read(hub, "/self", key).await,
        Asks::Query => post("/graphql/team/w", json!({"query": "{ Repo { name } }"})).await,
        Asks::Update => post("/graphql/team/w", goal(row.id)).await,
        Asks::List => read(hub, "/goals/w", key).await,
        Asks::Audit => read(hub, "/admin/audit/entries", key).await,
        Asks::Register => post("/registration", registration_with_command(row.id)).await,
        Asks::Ingest(feed) => post(&format!("/atomist/teams/w/ingestion/{feed}/1"), json!({})).await,
        Asks::Approve => post("/admin/addons/d09/approve", json!({"digest": "x"})).await,
        Asks::Grant => post("/admin/grants", json!({})).await,
    }
}

fn outcome((status, answer): &(u16, Value)) -> String {
    let refused = [
        &answer["error"]["code"],
        &answer["errors"][0]["extensions"]["code"],
    ];
    let code = refused.iter().find_map(|code| code.as_str());
    let lists = [&answer["data"]["Repo"], &answer["goals"]];
    let is_empty = lists
        .iter()
        .any(|list| list.as_array().is_some_and(Vec::is_empty));
    match (status, code) {
        (401 | 403, Some(code)) | (200, Some(code)) => code.to_owned(),
        _ if is_empty => "nothing".to_owned(),
        _ => "allowed".to_owned(),
    }
}

#[tokio::test]
async fn rows_of_the_security_model_hold_at_a_running_hub() {
    let hub = governed().await;
    let mut wrong = Vec::new();
    for row in ROWS {
        let limit = if row.key.is_empty() { row.scopes } else { row.key };
        let wish = KeyWish {
            name: row.id.to_owned(),
            ..wish(limit)
        };
        let (_, key) = hub.administration().new_key(&wish).await.unwrap();
        let answer = answered(&hub, row, &key).await;
        if outcome(&answer) != row.outcome {
            wrong.push(format!("{}: {} {:?}", row.id, outcome(&answer), answer));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
