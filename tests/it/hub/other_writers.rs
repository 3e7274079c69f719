//! Whoever writes one repository decides about no goal of another, whatever they call it and whether its machine is there (threats,
//! rule 5; D57, D62, D5, G2, A8).

use reqwest::Method;
use sdm::access::{Grant, Principal, Right, Selector};
use sdm::hub::administration::KeyWish;
use sdm::ports::people::PersonRole;
use sdm::wire::hub::extensions::DECIDING;
use serde_json::{Value, json};

use super::forge_rights::{Scene, is_at_github, pushed};
use super::machine::{TestHub, registration, wish};
use super::pages::{tried, tried_with, ways_to_decide};
use super::people::{Browser, signed_in};
use crate::support::fake_provider::Account;

/// What is written by a mutation of this type.
fn writes(kind: &str, value: &Value) -> Value {
    let query = format!("mutation G($v: Custom{kind}Input!) {{ ingestCustom{kind}(value: $v) }}");
    json!({"query": query, "variables": {"v": value}})
}

fn goal(repository: &str, version: i64) -> Value {
    json!({
        "goalSetId": "set-1", "environment": "0-code", "uniqueName": "build", "name": "build", "registration": "builder",
        "fulfillment": {"method": "sdm", "name": "execute", "registration": "builder"}, "state": "waiting_for_approval",
        "version": version, "ts": 1_800_000_000_000_i64 + version, "sha": "b".repeat(40), "branch": "main",
        "repo": {"owner": "acme", "name": repository, "providerId": "git.example.org:8080"},
    })
}

fn goal_set(id: &str, repository: &str) -> Value {
    json!({
        "goalSetId": id, "goalSet": "rust", "state": "in_process", "sha": "b".repeat(40), "branch": "main", "ts": 1,
        "provenance": {"registration": "builder", "name": "goals"}, "goals": [{"name": "build", "uniqueName": "build"}],
        "repo": {"owner": "acme", "name": repository, "providerId": "git.example.org:8080"},
    })
}

/// A machine with the commands that decide.
fn decides() -> Value {
    let mut announced = registration("builder", "1.0.0", "durable");
    let commands = DECIDING.iter().map(|name| {
        json!({"name": name, "parameters": [
            {"name": "goal_set"}, {"name": "goal"}, {"name": "environment"}, {"name": "version"},
        ]})
    });
    announced["commands"] = commands.collect();
    announced
}

/// The status of a command that decides about a goal set, or about its goal `build`.
async fn decided(hub: &TestHub, key: &str, (command, goal_set): (&str, &str), goal: Option<&str>) -> u16 {
    let goal = goal.map(|goal| json!({"name": "goal", "value": goal}));
    let set = json!({"name": "goal_set", "value": goal_set});
    let parameters: Vec<Value> = std::iter::once(set).chain(goal).collect();
    let asked = json!({"command": command, "team": {"id": "w"}, "parameters": parameters});
    hub.post("/command", key, &asked).await.0
}

/// A key of a person who decides, writes and asks.
async fn key_of_person(hub: &TestHub, name: &str) -> String {
    let wanted = KeyWish {
        name: name.to_owned(),
        is_person: true,
        ..wish(&["graph:read", "goals:write", "commands:register"])
    };
    key_of(hub, wanted).await
}

/// The goal under names by which it could become one of another repository.
fn disguises(version: i64) -> [Value; 4] {
    let with = |field: &str, value: &str| {
        let mut disguised = goal("payroll", version + 1);
        disguised[field] = json!(value);
        disguised
    };
    let mut nowhere = goal("payroll", version + 1);
    nowhere["repo"] = Value::Null;
    [
        writes("SdmGoal", &goal("payroll", version + 1)),
        // The same goal to its machine, and another one here.
        writes("SdmGoal", &with("environment", "0-code/")),
        writes("SdmGoal", &nowhere),
        writes("SdmGoalSet", &goal_set("set-1", "payroll")),
    ]
}

async fn written(hub: &TestHub, key: &str, body: &Value) -> String {
    let (_, answer) = hub.post("/graphql/team/w", key, body).await;
    let code = &answer["errors"][0]["extensions"]["code"];
    code.as_str().unwrap_or("written").to_owned()
}

async fn written_in(browser: &mut Browser<'_>, token: &str, body: &Value) -> String {
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token),
        ("content-type", "application/json"),
    ];
    let answer = browser
        .send(Method::POST, "/graphql/team/w", &headers, &body.to_string())
        .await;
    let answer: Value = serde_json::from_str(&answer.text).unwrap();
    let code = &answer["errors"][0]["extensions"]["code"];
    code.as_str().unwrap_or("written").to_owned()
}

async fn key_of(hub: &TestHub, wanted: KeyWish) -> String {
    hub.administration().new_key(&wanted).await.unwrap().1
}

/// What is known of the goal: its repository and how it stands.
async fn known(hub: &TestHub) -> Value {
    let asked = "{ SdmGoal(goalSetId: [\"set-1\"]) { state environment repo { name } } SdmGoalSet { goalSetId repo { name } } }";
    hub.ask(asked, Value::Null).await["data"].clone()
}

fn untouched() -> Value {
    json!({
        "SdmGoal": [{"state": "waiting_for_approval", "environment": "0-code", "repo": {"name": "app"}}],
        "SdmGoalSet": [{"goalSetId": "set-1", "repo": {"name": "app"}}],
    })
}

#[tokio::test]
async fn d57_d62_d5_who_writes_another_repository_decides_about_no_goal_whatever_they_call_it() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(3, "eve");
    provider.permits("acme/app", &account, "read");
    provider.permits("acme/payroll", &account, "write");
    let mut eve = signed_in(hub, "eve", PersonRole::Member).await;
    let token = eve.token().await;
    is_at_github(hub, "eve", &account).await;
    let _machine = hub.machine(&decides()).await;
    let wanted = KeyWish {
        name: "eve".to_owned(),
        is_person: true,
        ..wish(&["graph:read", "goals:write", "commands:register"])
    };
    let key = key_of(hub, wanted).await;
    let set = writes("SdmGoalSet", &goal_set("set-1", "app"));
    let mut version = 0;
    for way in &ways_to_decide() {
        for is_by_key in [false, true] {
            version += 10;
            let own = writes("SdmGoal", &goal("app", version));
            assert_eq!(written(hub, &hub.key, &own).await, "written");
            assert_eq!(written(hub, &hub.key, &set).await, "written");
            for disguised in disguises(version) {
                let code = match is_by_key {
                    true => written(hub, &key, &disguised).await,
                    false => written_in(&mut eve, &token, &disguised).await,
                };
                assert!(
                    code.ends_with("_permission") || code == "authorization_unavailable",
                    "{code}: {disguised}"
                );
            }
            let status = match is_by_key {
                true => tried_with(hub, &key, way, version).await,
                false => tried(&mut eve, way, version).await,
            };
            assert_eq!(status, 403, "by {way:?}, key: {is_by_key}");
            assert_eq!(known(hub).await, untouched(), "by {way:?}, key: {is_by_key}");
        }
    }
}

#[tokio::test]
async fn g2_a_goal_is_its_machines_while_the_machine_is_away_too() {
    let Scene { hub, .. } = &Scene::start().await;
    // Nobody is registered.
    assert_eq!(
        written(hub, &hub.key, &writes("SdmGoal", &goal("app", 1))).await,
        "written"
    );
    assert_eq!(
        written(hub, &hub.key, &writes("SdmGoalSet", &goal_set("set-1", "app"))).await,
        "written"
    );
    let everywhere = key_of(
        hub,
        KeyWish {
            name: "everywhere".to_owned(),
            ..wish(&[])
        },
    )
    .await;
    let elsewhere = KeyWish {
        name: "elsewhere".to_owned(),
        repositories: vec!["acme/payroll".to_owned()],
        ..wish(&[])
    };
    let elsewhere = key_of(hub, elsewhere).await;
    let mut forged = goal("app", 2);
    forged["state"] = json!("success");
    let mut more = goal("app", 2);
    more["uniqueName"] = json!("more");
    for body in [
        writes("SdmGoal", &forged),
        writes("SdmGoal", &more),
        writes("SdmGoalSet", &goal_set("set-1", "app")),
    ] {
        assert_eq!(
            written(hub, &everywhere, &body).await,
            "insufficient_permission",
            "{body}"
        );
    }
    for disguised in disguises(1) {
        let code = written(hub, &elsewhere, &disguised).await;
        assert!(
            code.ends_with("_permission") || code == "authorization_unavailable",
            "{code}: {disguised}"
        );
    }
    assert_eq!(known(hub).await, untouched());
    // A set of which only a goal is known is no more to be had, and no id is another's in other words.
    let mut first = goal("app", 1);
    first["goalSetId"] = json!("set-2");
    assert_eq!(
        written(hub, &hub.key, &writes("SdmGoal", &first)).await,
        "written"
    );
    let taken = writes("SdmGoalSet", &goal_set("set-2", "payroll"));
    assert_eq!(written(hub, &elsewhere, &taken).await, "insufficient_permission");
    let mut other = goal("payroll", 2);
    other["goalSetId"] = json!("set-1/0-code");
    assert_eq!(
        written(hub, &elsewhere, &writes("SdmGoal", &other)).await,
        "invalid_argument"
    );
    // Its own machine goes on, whoever else is there by then.
    assert_eq!(
        written(hub, &hub.key, &writes("SdmGoal", &forged)).await,
        "written"
    );
}

#[tokio::test]
async fn g2_a_version_of_a_commit_stays_where_it_is() {
    let Scene { hub, .. } = &Scene::start().await;
    let version = |repository: &str, version: &str| {
        writes(
            "SdmVersion",
            &json!({
                "id": "v-1", "sha": "b".repeat(40), "branch": "main", "version": version,
                "repo": {"owner": "acme", "name": repository, "providerId": "git.example.org:8080"},
            }),
        )
    };
    let other = KeyWish {
        name: "other".to_owned(),
        ..wish(&[])
    };
    let other = key_of(hub, other).await;
    assert_eq!(written(hub, &hub.key, &version("app", "1.0.0")).await, "written");
    assert_eq!(
        written(hub, &other, &version("app", "6.6.6")).await,
        "insufficient_permission"
    );
    assert_eq!(
        written(hub, &hub.key, &version("payroll", "6.6.6")).await,
        "insufficient_permission"
    );
    assert_eq!(written(hub, &hub.key, &version("app", "1.0.1")).await, "written");
    let known = hub
        .ask("{ SdmVersion { version repo { name } } }", Value::Null)
        .await;
    assert_eq!(
        known["data"]["SdmVersion"],
        json!([{"version": "1.0.1", "repo": {"name": "app"}}])
    );
}

#[tokio::test]
async fn d1_what_the_hub_notes_down_of_a_decision_no_machine_does() {
    let Scene { hub, .. } = &Scene::start().await;
    let _machine = hub.machine(&registration("builder", "1.0.0", "durable")).await;
    let says = async |version: i64, approval: Value| {
        let mut goal = goal("app", version);
        goal["approval"] = approval;
        assert_eq!(written(hub, &hub.key, &writes("SdmGoal", &goal)).await, "written");
        let known = hub
            .ask("{ SdmGoal { approval { userId registration } } }", Value::Null)
            .await;
        known["data"]["SdmGoal"][0]["approval"].clone()
    };
    let by = |registration: &str| json!({"userId": "ada", "registration": registration, "name": "decision", "ts": 1});
    assert_eq!(
        says(1, by("hub")).await,
        Value::Null,
        "the hub knows of no such decision"
    );
    let own = json!({"userId": "ada", "registration": "builder"});
    assert_eq!(says(2, by("builder")).await, own, "of its own it says so");
    assert_eq!(says(3, by("hub")).await, own, "what is known stays");
    assert_eq!(
        says(4, by("builder")).await,
        own,
        "as clients of the original write what they have read"
    );
}

#[tokio::test]
async fn a8_who_writes_what_is_called_so_now_decides_over_nothing_that_was_called_so_before() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(2, "writer");
    provider.permits("acme/app", &account, "write");
    let mut ada = signed_in(hub, "ada", PersonRole::Member).await;
    let token = ada.token().await;
    is_at_github(hub, "ada", &account).await;
    assert_eq!(
        written(hub, &hub.key, &writes("SdmGoal", &goal("app", 1))).await,
        "written"
    );
    let mut decides = async || {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", token.as_str()),
        ];
        let path = "/goals/w/set-1/0-code/build/approve";
        ada.send(Method::POST, path, &headers, "").await.status
    };
    // The repository is gone, and another has its name.
    provider.numbers(7, None);
    provider.numbers(9, Some("acme/app"));
    pushed(hub, "3", "app", 9).await;
    assert_eq!(decides().await, 404);
    provider.numbers(7, Some("acme/app"));
    assert_eq!(decides().await, 200);
}

const SET: &str = "0c8f1c1e-6b7a-4c52-9d4e-3f2a1b0c9d8e";

#[tokio::test]
async fn d5_a_goal_set_in_other_letters_is_the_same_set() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(3, "eve");
    provider.permits("acme/app", &account, "read");
    provider.permits("acme/payroll", &account, "write");
    let _eve = signed_in(hub, "eve", PersonRole::Member).await;
    is_at_github(hub, "eve", &account).await;
    let _machine = hub.machine(&decides()).await;
    let key = key_of_person(hub, "eve").await;
    let of_set = |id: &str, repository: &str| {
        let mut goal = goal(repository, 1);
        goal["goalSetId"] = json!(id);
        writes("SdmGoal", &goal)
    };
    assert_eq!(written(hub, &hub.key, &of_set(SET, "app")).await, "written");
    let unheard = SET.replace('0', "1");
    for command in DECIDING {
        for goal in [None, Some("build")] {
            assert_eq!(decided(hub, &key, (command, SET), goal).await, 403, "{command}");
            assert_eq!(
                decided(hub, &key, (command, &unheard), goal).await,
                403,
                "{command}: what nobody here has heard of may be anybody's"
            );
        }
    }
    for other in [
        SET.to_uppercase(),
        SET.replace('-', ""),
        format!("{{{SET}}}"),
        format!("urn:uuid:{SET}"),
    ] {
        for body in [
            of_set(&other, "payroll"),
            writes("SdmGoalSet", &goal_set(&other, "payroll")),
        ] {
            assert_eq!(written(hub, &key, &body).await, "invalid_argument", "{body}");
            assert_eq!(written(hub, &hub.key, &body).await, "invalid_argument", "{body}");
        }
        for command in DECIDING {
            assert_eq!(
                decided(hub, &key, (command, &other), Some("build")).await,
                400,
                "{other}"
            );
        }
    }
}

#[tokio::test]
async fn d36_a_set_is_canceled_by_who_may_in_all_its_environments() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(2, "ada");
    provider.permits("acme/app", &account, "write");
    let _ada = signed_in(hub, "ada", PersonRole::Member).await;
    is_at_github(hub, "ada", &account).await;
    let _machine = hub.machine(&decides()).await;
    let key = key_of_person(hub, "ada").await;
    let mut deploys = goal("app", 1);
    (deploys["environment"], deploys["uniqueName"]) = (json!("production"), json!("deploy"));
    deploys["name"] = json!("deploy");
    let cancels = async |goal: Option<&str>| decided(hub, &key, ("sdm.cancel", "set-1"), goal).await;
    let own = [
        writes("SdmGoal", &goal("app", 1)),
        writes("SdmGoalSet", &goal_set("set-1", "app")),
    ];
    for body in &own {
        assert_eq!(written(hub, &hub.key, body).await, "written");
    }
    assert_eq!(cancels(None).await, 200);
    // Nobody has given her anything in production.
    let deploys = writes("SdmGoal", &deploys);
    assert_eq!(written(hub, &hub.key, &deploys).await, "written");
    assert_eq!(cancels(Some("deploy")).await, 403);
    assert_eq!(cancels(None).await, 403, "the set has a goal there");
    assert_eq!(cancels(Some("build")).await, 200);
}

#[tokio::test]
async fn d6_only_a_goals_machine_says_how_it_goes_on() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(2, "ada");
    provider.permits("acme/app", &account, "write");
    let _ada = signed_in(hub, "ada", PersonRole::Member).await;
    is_at_github(hub, "ada", &account).await;
    let _machine = hub.machine(&decides()).await;
    let key = key_of_person(hub, "ada").await;
    let with = |changed: &[(&str, Value)]| {
        let mut goal = goal("app", 1);
        for (field, value) in changed {
            goal[*field] = value.clone();
        }
        writes("SdmGoal", &goal)
    };
    assert_eq!(written(hub, &hub.key, &with(&[])).await, "written");
    for more in [
        ("state", json!("requested")),
        ("state", json!("success")),
        ("version", json!(9_000)),
        ("sha", json!("c".repeat(40))),
        ("data", json!("{}")),
        (
            "fulfillment",
            json!({"method": "sdm", "name": "other", "registration": "builder"}),
        ),
    ] {
        let body = with(&[more]);
        assert_eq!(
            written(hub, &key, &body).await,
            "insufficient_permission",
            "{body}"
        );
    }
    let said = with(&[("description", json!("said by ada"))]);
    assert_eq!(written(hub, &key, &said).await, "written");
    let new = |state: &str| with(&[("uniqueName", json!("new")), ("state", json!(state))]);
    assert_eq!(
        written(hub, &key, &new("requested")).await,
        "insufficient_permission"
    );
    assert_eq!(written(hub, &key, &new("planned")).await, "written");
    let other = key_of(
        hub,
        KeyWish {
            name: "other".to_owned(),
            ..wish(&[])
        },
    )
    .await;
    let elsewhere = |state: &str| with(&[("goalSetId", json!("set-9")), ("state", json!(state))]);
    assert_eq!(
        written(hub, &other, &elsewhere("requested")).await,
        "insufficient_permission",
        "nor does another machine begin its work"
    );
    assert_eq!(written(hub, &other, &elsewhere("planned")).await, "written");
}

#[tokio::test]
async fn d2_another_commit_is_not_confirmed() {
    let Scene { hub, .. } = &Scene::start().await;
    let _machine = hub.machine(&registration("builder", "1.0.0", "durable")).await;
    let by = json!({"userId": "ada", "registration": "builder", "name": "decision", "ts": 1});
    let says = async |version: i64, changed: &[(&str, Value)]| {
        let mut goal = goal("app", version);
        goal["approval"] = by.clone();
        for (field, value) in changed {
            goal[*field] = value.clone();
        }
        let code = written(hub, &hub.key, &writes("SdmGoal", &goal)).await;
        let known = hub
            .ask("{ SdmGoal { sha approval { userId } } }", Value::Null)
            .await;
        (code, known["data"]["SdmGoal"][0]["approval"].clone())
    };
    let kept = json!({ "userId": "ada" });
    assert_eq!(says(1, &[]).await, ("written".to_owned(), kept.clone()));
    let approved = ("state", json!("approved"));
    for other in [
        ("sha", json!("c".repeat(40))),
        ("branch", json!("other")),
        ("data", json!("{\"image\": \"evil\"}")),
        (
            "fulfillment",
            json!({"method": "sdm", "name": "other", "registration": "builder"}),
        ),
    ] {
        let (code, _) = says(2, &[other.clone(), approved.clone()]).await;
        assert_eq!(code, "insufficient_permission", "{other:?}");
    }
    let (code, void) = says(3, &[("sha", json!("c".repeat(40)))]).await;
    assert_eq!(
        (code.as_str(), void),
        ("written", Value::Null),
        "the approval was of another commit"
    );
    let again = says(4, &[("sha", json!("c".repeat(40))), approved]).await;
    assert_eq!(again, ("written".to_owned(), kept), "confirmed anew");
}

#[tokio::test]
async fn g2_a_name_that_is_free_again_inherits_no_goal() {
    let Scene { hub, .. } = &Scene::start().await;
    let _builder = hub.machine(&registration("builder", "1.0.0", "durable")).await;
    let comes = async |name: &str| {
        let key = key_of(
            hub,
            KeyWish {
                name: name.to_owned(),
                ..wish(&[])
            },
        )
        .await;
        let runner = registration("runner", "1.0.0", "durable");
        let (status, answer) = hub.post("/registration", &key, &runner).await;
        assert_eq!(status, 200, "{answer}");
        key
    };
    let first = comes("first").await;
    let says = |version: i64, state: &str| {
        let mut goal = goal("app", version);
        (goal["state"], goal["fulfillment"]["registration"]) = (json!(state), json!("runner"));
        writes("SdmGoal", &goal)
    };
    assert_eq!(written(hub, &hub.key, &says(1, "requested")).await, "written");
    assert_eq!(
        written(hub, &first, &says(2, "in_process")).await,
        "written",
        "it carries it out"
    );
    let registrations = hub.administration().registrations().await.unwrap();
    let runner = registrations.iter().find(|one| one.name == "runner").unwrap();
    hub.administration().send_away(&runner.id).await.unwrap();
    let second = comes("second").await;
    assert_eq!(
        written(hub, &second, &says(3, "success")).await,
        "insufficient_permission"
    );
    assert_eq!(written(hub, &hub.key, &says(4, "requested")).await, "written");
    assert_eq!(
        written(hub, &second, &says(5, "success")).await,
        "insufficient_permission"
    );
}

#[tokio::test]
async fn a8_a_denial_holds_for_whoever_names_no_forge() {
    let Scene { hub, .. } = &Scene::start().await;
    let other = || KeyWish {
        name: "other".to_owned(),
        ..wish(&[])
    };
    key_of(hub, other()).await;
    let denial = Grant::new(Selector::parse("repo:acme/wages#8").unwrap(), Right::Deny);
    let to = Principal::parse("addon:other").unwrap();
    hub.administration().give(to, denial, false).await.unwrap();
    let key = key_of(hub, other()).await;
    // Number 8 is called otherwise by now.
    let mut names_none = goal("payroll", 1);
    names_none["repo"] = json!({"owner": "acme", "name": "payroll"});
    let mut names_another = names_none.clone();
    names_another["repo"]["providerId"] = json!("elsewhere");
    for goal in [names_none, names_another, goal("payroll", 1)] {
        let code = written(hub, &key, &writes("SdmGoal", &goal)).await;
        assert_eq!(code, "denied_by_admin", "{goal}");
    }
    assert_eq!(
        written(hub, &key, &writes("SdmGoal", &goal("app", 1))).await,
        "written"
    );
}
