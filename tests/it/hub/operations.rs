//! The operation table at a running hub (security model 11): every closed route asks for what its row says, and what lists, badges and the
//! audit log show is what the row of each allows.

use reqwest::Method;
use sdm::hub::access::operations::Operation;
use sdm::hub::administration::KeyWish;
use serde_json::{Value, json};

use super::access::push_of;
use super::audit::Audited;
use super::events::push;
use super::machine::{TestHub, quick, registration, wish};

/// Status and body of a request with a key, or without one.
pub async fn sent(
    hub: &TestHub,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: &Value,
) -> (u16, Value) {
    let mut request = hub.http.request(method.clone(), hub.url(path));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if method != Method::GET {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

pub async fn read(hub: &TestHub, path: &str, key: &str) -> (u16, Value) {
    sent(hub, Method::GET, path, Some(key), &Value::Null).await
}

async fn key_of(hub: &TestHub, name: &str, scopes: &[&str], repositories: &[&str]) -> String {
    let wish = KeyWish {
        name: name.to_owned(),
        repositories: repositories.iter().map(ToString::to_string).collect(),
        ..wish(scopes)
    };
    hub.administration().new_key(&wish).await.unwrap().1
}

/// A path with something in the place of each parameter.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{workspace}" => "w".to_owned(),
        "{decision}" => "approve".to_owned(),
        "{attempt}" => "1".to_owned(),
        parameter if parameter.starts_with('{') => "x".to_owned(),
        plain => plain.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// What a route must be sent to know what it is about.
fn body_for(path: &str) -> Value {
    match path {
        "/registration" => registration("m", "1.0.0", "durable"),
        "/command" => json!({"command": "x", "team": {"id": "w"}}),
        "/api/invitations" => json!({"id": "x"}),
        "/api/people/{person}/role" => json!({"role": "member"}),
        "/admin/extensions" => {
            json!({"descriptor_url": "https://x.example/descriptor.json", "workspaces": ["w"]})
        }
        "/api/as-person/{workspace}/{owner}/{repo}/pull-request" => {
            json!({"branch": "b", "target": "main", "title": "t"})
        }
        "/api/as-person/{workspace}/{owner}/{repo}/release" => {
            json!({"tag": "v1", "target": "b".repeat(40)})
        }
        _ => json!({}),
    }
}

/// Where nothing can be asked before it is known what it is about; of what is not there nobody learns more.
const OF_WHAT_IS_NOT_THERE: [&str; 3] = [
    "/command/{command}/invocation/{id}",
    "/admin/extensions/{key}/read",
    "/admin/extensions/{key}/rotate",
];

#[tokio::test]
async fn every_closed_route_refuses_a_key_without_its_scopes() {
    let hub = TestHub::start(quick()).await;
    let hears = key_of(&hub, "hears", &["events:read"], &[]).await;
    let tells = key_of(&hub, "tells", &["ingest:write"], &[]).await;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for operation in Operation::every() {
        let row = operation.row();
        let Some((method, path)) = row.route.filter(|_| !row.open) else {
            continue;
        };
        // What needs no scope is no question of scopes: a key's own registration, and questions, of which each field has a row.
        if row.scopes.is_empty() && !row.person {
            continue;
        }
        let key = if row.scopes == ["events:read"] {
            &tells
        } else {
            &hears
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (status, answer) = sent(&hub, method.clone(), &filled(path), Some(key), &body_for(path)).await;
        tried += 1;
        let is_absent = status == 404 && OF_WHAT_IS_NOT_THERE.contains(&path);
        let codes = ["insufficient_scope", "person_required", "addon_required"];
        let code = answer["error"]["code"].as_str();
        let is_refused = status == 403 && code.is_none_or(|code| codes.contains(&code));
        // What people do in a browser asks who they are first.
        let is_nobody = status == 401 && row.person;
        if !is_absent && !is_refused && !is_nobody {
            wrong.push(format!("{method} {path}: {status} {code:?}"));
        }
    }
    assert!(tried > 80, "{tried}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn d54_d55_repositories_are_listed_and_shown_where_a_grant_is() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push_of("payroll", 8)).await.0, 200);
    assert_eq!(hub.github("push", "2", &push_of("app", 7)).await.0, 200);
    let one = key_of(&hub, "one", &["repo:meta"], &["acme/app"]).await;
    let (status, listed) = read(&hub, "/repositories/w", &one).await;
    assert_eq!(status, 200, "{listed}");
    let names: Vec<&Value> = listed["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(
        (names, &listed["next"]),
        (vec![&json!("app")], &Value::Null),
        "{listed}"
    );
    let (status, shown) = read(&hub, "/repositories/w/acme/app", &one).await;
    assert_eq!(
        (status, &shown["defaultBranch"], &shown["branches"][0]["name"]),
        (200, &json!("main"), &json!("main")),
        "{shown}"
    );
    // What is hidden and what is not there is the same, and what is not there where everything may be seen is said to be so.
    for hidden in ["payroll", "ghost"] {
        let (status, refused) = read(&hub, &format!("/repositories/w/acme/{hidden}"), &one).await;
        assert_eq!(
            (status, &refused["error"]["code"]),
            (403, &json!("insufficient_permission"))
        );
    }
    let all = key_of(&hub, "all", &["repo:meta"], &["acme/*"]).await;
    assert_eq!(read(&hub, "/repositories/w/acme/ghost", &all).await.0, 404);
    let (_, both) = read(&hub, "/repositories/w?first=1", &all).await;
    assert_eq!(
        (both["repositories"].as_array().unwrap().len(), &both["next"]),
        (1, &json!(1))
    );
    let (status, refused) = read(&hub, "/repositories/x", &all).await;
    assert_eq!(status, 403, "another workspace: {refused}");
}

/// A goal of `acme/app`, or of another repository, in a state.
fn goal(repository: &str, name: &str, state: &str, version: u32) -> Value {
    json!({"query": format!(
        "mutation {{ ingestCustomSdmGoal(value: {{goalSetId: \"s-{repository}\", environment: \"0-code\", uniqueName: \"{name}\", \
         name: \"{name}\", state: {state}, version: {version}, ts: {version}, sha: \"b\", branch: \"main\", data: \"mine\", \
         repo: {{owner: \"acme\", name: \"{repository}\", providerId: \"git.example.org:8080\"}}}}) }}"
    )})
}

#[tokio::test]
async fn d20_goals_are_listed_where_a_grant_is() {
    let hub = TestHub::start(quick()).await;
    for repository in ["app", "payroll"] {
        let (_, written) = hub
            .post(
                "/graphql/team/w",
                &hub.key,
                &goal(repository, "build", "in_process", 1),
            )
            .await;
        assert!(written.get("errors").is_none(), "{written}");
    }
    let writes = key_of(&hub, "writes", &["goals:write"], &["acme/app"]).await;
    let (status, listed) = read(&hub, "/goals/w", &writes).await;
    assert_eq!(status, 200, "{listed}");
    let goals = listed["goals"].as_array().unwrap();
    assert_eq!(
        (goals.len(), &goals[0]["repo"]["name"]),
        (1, &json!("app")),
        "{listed}"
    );
    let (_, of_set) = read(&hub, "/goals/w?goal_set=s-payroll", &hub.key).await;
    assert_eq!(of_set["goals"][0]["goalSetId"], json!("s-payroll"), "{of_set}");
    let (_, of_repository) = read(&hub, "/goals/w?repository=acme/app", &hub.key).await;
    assert_eq!(
        of_repository["goals"].as_array().unwrap().len(),
        1,
        "{of_repository}"
    );
    let (status, refused) = read(&hub, "/goals/w?repository=app", &hub.key).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (400, &json!("invalid_argument"))
    );
}

#[tokio::test]
async fn goals_of_others_are_canceled_by_who_may_and_nothing_else_is_said_of_them() {
    let hub = TestHub::start(quick()).await;
    hub.post(
        "/graphql/team/w",
        &hub.key,
        &goal("app", "build", "in_process", 1),
    )
    .await;
    let writes = key_of(&hub, "writes", &["goals:write"], &[]).await;
    let cancels = key_of(&hub, "cancels", &["goals:delete"], &[]).await;
    let say = async |key: &str, state: &str| {
        let said = goal("app", "build", state, 9)
            .to_string()
            .replace("mine", "theirs");
        let said: Value = serde_json::from_str(&said).unwrap();
        let (_, answer) = hub.post("/graphql/team/w", key, &said).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or("written").to_owned()
    };
    assert_eq!(say(&writes, "canceled").await, "insufficient_permission");
    assert_eq!(say(&cancels, "success").await, "insufficient_permission");
    assert_eq!(say(&cancels, "canceled").await, "written");
    let answer = hub
        .ask(
            "query { SdmGoal(uniqueName: \"build\") { state version data } }",
            json!({}),
        )
        .await;
    assert_eq!(
        answer["data"]["SdmGoal"],
        json!([{"state": "canceled", "version": 2, "data": "mine"}])
    );
    assert_eq!(
        say(&cancels, "canceled").await,
        "insufficient_permission",
        "it has ended"
    );
}

#[tokio::test]
async fn d25_the_audit_log_is_read_with_admin_read_page_by_page() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let writes = key_of(hub, "settings", &["admin:write"], &[]).await;
    let (status, page) = read(hub, "/admin/audit/entries", &writes).await;
    assert_eq!(status, 200, "{page}");
    let entries = page["entries"].as_array().unwrap();
    assert!(!entries.is_empty() && page["next"].is_null(), "{page}");
    let last = entries.last().unwrap()["id"].as_u64().unwrap();
    let (_, rest) = read(hub, &format!("/admin/audit/entries?after={last}"), &writes).await;
    let ids = rest["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_u64().unwrap());
    assert!(ids.min().is_none_or(|first| first > last), "{rest}");
    let (status, refused) = read(hub, "/admin/audit/entries", &hub.key).await;
    assert_eq!(
        (status, &refused["error"]["missing_scopes"]),
        (403, &json!(["admin:read"])),
        "{refused}"
    );
    let (status, refused) = read(hub, "/admin/audit", &writes).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("person_required")),
        "the export is for people"
    );
}

#[tokio::test]
async fn h8_there_are_badges_of_public_repositories_alone() {
    let hub = TestHub::start(quick()).await;
    hub.github("push", "1", &push_of("payroll", 8)).await;
    let mut public = push("a", "b");
    public["repository"]["private"] = json!(false);
    assert_eq!(hub.github("push", "2", &public).await.0, 200);
    let badge = async |path: &str| {
        let answer = hub.http.get(hub.url(path)).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let (status, kind, drawn) = badge("/badges/w/acme/app").await;
    assert_eq!((status, kind.as_str()), (200, "image/svg+xml"), "{drawn}");
    assert!(drawn.contains("no goals"), "{drawn}");
    let set = json!({"query": format!(
        "mutation {{ ingestCustomSdmGoalSet(value: {{goalSetId: \"s\", state: failure, sha: \"{}\", branch: \"main\", ts: 1, \
         repo: {{owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}}}) }}", "b".repeat(40)
    )});
    let (_, written) = hub.post("/graphql/team/w", &hub.key, &set).await;
    assert!(written.get("errors").is_none(), "{written}");
    let (_, _, drawn) = badge("/badges/w/acme/app?branch=main").await;
    assert!(drawn.contains("failing"), "{drawn}");
    let (_, _, drawn) = badge("/badges/w/acme/app?branch=%3Cscript%3E").await;
    assert!(drawn.contains("no goals") && !drawn.contains("script"), "{drawn}");
    // A private one is as one that is not there, but for the id of the request.
    let without_id = |text: &str| {
        let mut answer: Value = serde_json::from_str(text).unwrap();
        answer["error"]["request_id"] = Value::Null;
        answer
    };
    let (status, _, hidden) = badge("/badges/w/acme/payroll").await;
    let (_, _, missing) = badge("/badges/w/acme/ghost").await;
    assert_eq!((status, without_id(&hidden)), (404, without_id(&missing)));
}

#[tokio::test]
async fn what_is_not_available_yet_is_neither_asked_for_nor_given() {
    let hub = TestHub::start(quick()).await;
    let deploys = KeyWish {
        name: "deploys".to_owned(),
        ..wish(&["events:read", "deployments:write"])
    };
    let refused = hub.administration().new_key(&deploys).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "deployments:write is not available yet: nothing at this hub asks for it"
    );
    let waits = KeyWish {
        name: "waits".to_owned(),
        waits: true,
        ..wish(&[])
    };
    let (stored, _) = hub.administration().new_key(&waits).await.unwrap();
    assert!(
        !stored.scopes.iter().any(|scope| scope == "repo:write"),
        "{:?}",
        stored.scopes
    );
}
