//! From a forge to machines: webhooks, the graph, questions, and what machines write (wire protocol 8 to 10).

use serde_json::{Value, json};

use super::machine::{TestHub, quick, registration};

const PUSHES: &str = "subscription OnPush { Push { id branch after @required { sha message author { login } } before { sha } commits { sha } repo { owner name defaultBranch org { provider { providerId providerType apiUrl url } } channels { name } } } }";

/// A push as GitHub sends it.
pub fn push(before: &str, after: &str) -> Value {
    json!({
        "ref": "refs/heads/main", "before": before.repeat(40), "after": after.repeat(40), "created": false, "deleted": false,
        "repository": {
            "id": 7, "name": "app", "full_name": "acme/app", "private": true, "default_branch": "main",
            "html_url": "http://git.example.org:8080/acme/app", "pushed_at": 1_800_000_000,
            "owner": {"login": "acme", "type": "Organization"}
        },
        "commits": [
            {"id": "c".repeat(40), "message": "one", "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"}},
            {"id": after.repeat(40), "message": "two", "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"}}
        ],
        "head_commit": {"id": after.repeat(40), "message": "two", "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"}}
    })
}

fn subscribes(name: &str, subscription: &str) -> Value {
    let mut registration = registration(name, "1.0.0", "durable");
    registration["events"][0]["subscription"] = json!(subscription);
    registration
}

#[tokio::test]
async fn a_signed_push_is_in_the_graph_and_with_its_machines_once() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&subscribes("m", PUSHES)).await;
    let mut other = hub
        .machine(&subscribes(
            "other",
            "subscription X { Push(branch: main) { branch } }",
        ))
        .await;
    let _elsewhere = hub
        .machine(&subscribes(
            "third",
            "subscription Y { Push(branch: \"release\") { branch } }",
        ))
        .await;
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let event = machine.hear().await;
    let expected = json!({
        "branch": "main", "before": {"sha": "a".repeat(40)},
        "after": {"sha": "b".repeat(40), "message": "two", "author": {"login": "ada"}},
        "commits": [{"sha": "b".repeat(40)}, {"sha": "c".repeat(40)}],
        "repo": {"owner": "acme", "name": "app", "defaultBranch": "main", "channels": [], "org": {"provider": {
            "providerId": "git.example.org:8080", "providerType": "ghe", "apiUrl": "http://git.example.org:8080/api/v3",
            "url": "http://git.example.org:8080"
        }}}
    });
    let mut pushed = event["data"]["Push"][0].clone();
    assert!(
        pushed
            .as_object_mut()
            .unwrap()
            .shift_remove("id")
            .unwrap()
            .is_string()
    );
    assert_eq!(pushed, expected);
    assert_eq!(event["extensions"]["operationName"], json!("OnPush"));
    assert_eq!(
        event["secrets"],
        json!([{"uri": "github://org_token", "value": "canary-of-machines"}])
    );
    assert_eq!(other.hear().await["data"], json!({"Push": [{"branch": "main"}]}));
    // The same delivery again, and the same push in another delivery, tell nothing new.
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 202);
    assert_eq!(hub.github("push", "d-2", &push("a", "b")).await.0, 200);
    machine.settled().await;
    let asked = hub
        .ask(
            "query Q($sha: String) { Commit(sha: $sha) { message pushes { branch __typename } } }",
            json!({"sha": "b".repeat(40)}),
        )
        .await;
    assert_eq!(
        asked,
        json!({"data": {"Commit": [{"message": "two", "pushes": [{"branch": "main", "__typename": "Push"}]}]}})
    );
}

#[tokio::test]
async fn c1_webhooks_that_are_not_signed_are_refused_before_they_are_read() {
    let hub = TestHub::start(quick()).await;
    for signature in [
        "",
        "sha256=",
        "sha256=00",
        "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
    ] {
        let (status, answer) = hub.signed("push", "d", "{not json".to_owned(), signature).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (401, &json!("bad_signature")),
            "{signature}"
        );
    }
    assert_eq!(
        hub.github("unheard_of", "d-1", &json!({"zen": "x"})).await.0,
        202,
        "unknown events are taken and ignored"
    );
    assert_eq!(
        hub.github(
            "push",
            "d-2",
            &json!({"ref": 7, "repository": {"html_url": "::"}})
        )
        .await
        .0,
        202
    );
    assert_eq!(hub.github("push", "", &push("a", "b")).await.0, 400);
    let asked = hub.ask("{ Push { id } }", Value::Null).await;
    assert_eq!(asked, json!({"data": {"Push": []}}));
}

#[tokio::test]
async fn deleted_branches_and_tags_are_no_pushes() {
    let hub = TestHub::start(quick()).await;
    hub.github("push", "d-1", &push("a", "b")).await;
    let mut gone = push("b", "0");
    gone["head_commit"] = Value::Null;
    gone["commits"] = json!([]);
    hub.github("push", "d-2", &gone).await;
    let mut tag = push("0", "b");
    tag["ref"] = json!("refs/tags/v1");
    hub.github("push", "d-3", &tag).await;
    let asked = hub
        .ask(
            "{ Push { branch } Branch { name deleted repo { name } } Tag { name commit { message } } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        asked["data"],
        json!({
            "Push": [{"branch": "main"}], "Branch": [{"name": "main", "deleted": true, "repo": {"name": "app"}}],
            "Tag": [{"name": "v1", "commit": {"message": "two"}}]
        })
    );
}

const GOALS: &str = "subscription OnGoal { SdmGoal(state: [requested, success] registration: [\"m\"]) { uniqueName state version push { branch goals { uniqueName state } } } }";

pub fn goal(name: &str, state: &str, version: u32) -> Value {
    json!({
        "goalSetId": "s", "goalSet": "set", "environment": "0-code", "uniqueName": name, "name": name, "state": state,
        "version": version, "ts": 1_795_296_820_218_u64, "registration": "m", "sha": "b".repeat(40), "branch": "main",
        "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080", "__typename": "SdmRepository"},
        "preConditions": [{"uniqueName": "x", "environment": "0-code", "goalSet": "y"}]
    })
}

pub async fn write(hub: &TestHub, goal: &Value) {
    let mutation = "mutation UpdateSdmGoal($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    let answer = hub.ask(mutation, json!({ "goal": goal })).await;
    assert!(answer["data"]["ingestCustomSdmGoal"].is_string(), "{answer}");
}

#[tokio::test]
async fn goals_that_machines_write_come_back_with_all_goals_of_their_push() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&subscribes("m", GOALS)).await;
    hub.github("push", "d-1", &push("a", "b")).await;
    write(&hub, &goal("publish", "planned", 1)).await;
    write(&hub, &goal("build", "requested", 1)).await;
    let event = machine.hear().await;
    assert_eq!(
        event["data"]["SdmGoal"],
        json!([{
            "uniqueName": "build", "state": "requested", "version": 1,
            "push": {"branch": "main", "goals": [{"uniqueName": "publish", "state": "planned"}, {"uniqueName": "build", "state": "requested"}]}
        }])
    );
    write(&hub, &goal("build", "canceled", 2)).await;
    write(&hub, &goal("build", "success", 3)).await;
    assert_eq!(
        machine.hear().await["data"]["SdmGoal"][0]["state"],
        json!("success")
    );
    write(&hub, &goal("build", "requested", 1)).await;
    machine.settled().await;
    let canceled = "query CanceledSdmGoal($set: String!, $name: String!) { SdmGoal(goalSetId: [$set], uniqueName: [$name], state: [canceled], _showHistory: true) { id __typename } }";
    let asked = hub.ask(canceled, json!({"set": "s", "name": "build"})).await;
    assert_eq!(asked["data"]["SdmGoal"][0]["__typename"], json!("SdmGoal"));
    let asked = hub.ask(canceled, json!({"set": "s", "name": "publish"})).await;
    assert_eq!(asked["data"]["SdmGoal"], json!([]));
}

#[tokio::test]
async fn questions_are_refused_one_by_one() {
    let hub = TestHub::start(quick()).await;
    for (question, because) in [
        ("{ Push { nonsense } }", "`Push` has no field `nonsense`"),
        ("{ Push { ", "the question cannot be read"),
        (
            "subscription X { Push { id } }",
            "subscriptions belong into a registration",
        ),
    ] {
        let answer = hub.ask(question, Value::Null).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(because), "{message}");
    }
    let (_, reader) = hub
        .administration()
        .new_key(&super::machine::wish(&["graph:read"]))
        .await
        .unwrap();
    let body = json!({"query": "mutation M { ingestCustomSdmGoal(value: {}) __typename nothing }"});
    let (status, answer) = hub.post("/graphql/team/w", &reader, &body).await;
    assert_eq!(
        (status, &answer["data"]),
        (
            200,
            &json!({"ingestCustomSdmGoal": null, "__typename": "Mutation", "nothing": null})
        )
    );
    assert_eq!(
        answer["errors"][0]["extensions"]["missing_scopes"],
        json!(["goals:write"])
    );
    assert_eq!(
        answer["errors"][1]["message"],
        json!("`Mutation` has no field `nothing`")
    );
    assert_eq!(hub.post("/graphql/team/other", &hub.key, &body).await.0, 403);
}

#[tokio::test]
async fn settings_of_a_workspace_are_kept() {
    let hub = TestHub::start(quick()).await;
    let set = "mutation S($value: String!) { setTeamConfiguration(namespace: \"n\", name: \"a\", value: $value, ttlSecs: 60) { name namespace __typename } }";
    let answer = hub.ask(set, json!({"value": "1"})).await;
    assert_eq!(
        answer["data"]["setTeamConfiguration"],
        json!({"name": "a", "namespace": "n", "__typename": "TeamConfiguration"})
    );
    hub.ask(set, json!({"value": "2"})).await;
    hub.ask(
        "mutation S { setTeamConfiguration(namespace: \"n\", name: \"gone\", value: \"x\") }",
        Value::Null,
    )
    .await;
    let answer = hub
        .ask(
            "mutation S { deleteTeamConfiguration(namespace: \"n\", name: \"gone\") { name namespace } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        answer["data"]["deleteTeamConfiguration"],
        json!({"name": "gone", "namespace": "n"})
    );
    let ask = "query Q($n: String!) { TeamConfiguration(namespace: $n) { namespace name value ttlSecs __typename } }";
    let answer = hub.ask(ask, json!({"n": "n"})).await;
    assert_eq!(
        answer["data"]["TeamConfiguration"],
        json!([{"namespace": "n", "name": "a", "value": "2", "ttlSecs": 60, "__typename": "TeamConfiguration"}])
    );
}
