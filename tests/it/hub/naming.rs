//! What webhooks call repositories (threat C4): the number is what a repository is, and its name moves when the forge says so.

use sdm::hub::administration::KeyWish;
use serde_json::{Value, json};

use super::audit::Audited;
use super::machine::{TestHub, quick, registration, wish};
use super::threats::push_of;

/// What the repositories of a hub are called, by their numbers.
async fn called(hub: &TestHub) -> Value {
    let asked = hub.ask("{ Repo { id owner name } }", Value::Null).await;
    let mut all: Vec<String> = asked["data"]["Repo"]
        .as_array()
        .unwrap()
        .iter()
        .map(|repo| format!("{} {}/{}", repo["id"], repo["owner"], repo["name"]).replace('"', ""))
        .collect();
    all.sort();
    json!(all)
}

#[tokio::test]
async fn c4_a_number_under_the_name_of_another_is_refused_counted_and_written_down() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    for (id, number, name) in [("1", 7, "app"), ("2", 8, "payroll")] {
        assert_eq!(
            hub.github("push", id, &push_of(number, name, "main")).await.0,
            200
        );
    }
    let before = called(hub).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    machine.settled().await;
    let of_another = push_of(7, "payroll", "taken");
    let mut elsewhere = push_of(7, "app", "taken");
    elsewhere["repository"]["full_name"] = json!("eve/app");
    let mut owner = push_of(7, "app", "taken");
    owner["repository"]["owner"]["login"] = json!("eve");
    let mut in_passing = json!({"action": "edited", "repository": of_another["repository"]});
    in_passing["changes"] = json!({"repository": {"name": {"from": "app"}}});
    let listed = json!({
        "action": "created", "repositories": [{"id": 7, "full_name": "acme/payroll", "private": true}],
        "installation": {"id": 5, "account": {"login": "acme", "html_url": "http://git.example.org:8080/acme"}},
    });
    let forged = [
        ("push", of_another),
        ("push", elsewhere),
        ("push", owner),
        ("repository", in_passing),
        ("installation", listed),
    ];
    for (number, (event, payload)) in forged.iter().enumerate() {
        let (status, answer) = hub.github(event, &format!("forged-{number}"), payload).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (422, &json!("repository_mismatch")),
            "{payload}"
        );
        assert!(
            answer["error"]["hint"].as_str().unwrap().contains("renamed"),
            "{answer}"
        );
    }
    assert_eq!(called(hub).await, before, "no name has moved");
    machine.settled().await;
    let refused = audited.said("webhook.receive", "`acme/payroll`").await;
    assert_eq!(
        (&refused["decision"], &refused["resource"]),
        (&json!("deny"), &json!("repo:git.example.org:8080/acme/app#7"))
    );
    assert_eq!(
        audited.text().matches("webhook.receive").count(),
        forged.len(),
        "{}",
        audited.text()
    );
    let (_, key) = hub
        .administration()
        .new_key(&KeyWish {
            name: "watcher".to_owned(),
            ..wish(&["admin:read"])
        })
        .await
        .unwrap();
    let figures = hub.http.get(hub.url("/metrics")).bearer_auth(key).send().await;
    let figures = figures.unwrap().text().await.unwrap();
    let counted = format!("sdm_hub_misnamed_webhooks_total {}\n", forged.len());
    assert!(figures.contains(&counted), "{figures}");
}

/// A push overtakes what says that its repository is called otherwise, or says so of itself: it is kept, and no name moves by it.
#[tokio::test]
async fn c4_a_push_under_a_name_of_nobody_is_kept_and_moves_no_name() {
    let hub = TestHub::start(quick()).await;
    let mut payload = push_of(7, "app", "main");
    payload["repository"]["updated_at"] = json!("2026-01-01T00:00:01Z");
    assert_eq!(hub.github("push", "d-1", &payload).await.0, 200);
    let limited = KeyWish {
        name: "eve".to_owned(),
        repositories: vec!["eve/new".to_owned(), "acme/new".to_owned()],
        ..wish(&["graph:read"])
    };
    let (_, eve) = hub.administration().new_key(&limited).await.unwrap();
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let mut overtaking = push_of(7, "new", "early");
    overtaking["repository"]["updated_at"] = json!("2026-01-01T00:00:03Z");
    overtaking["repository"]["archived"] = json!(true);
    let mut transferred = overtaking.clone();
    transferred["ref"] = json!("refs/heads/other");
    transferred["repository"]["full_name"] = json!("eve/new");
    transferred["repository"]["owner"]["login"] = json!("eve");
    for (id, payload) in [("d-2", &overtaking), ("d-3", &transferred)] {
        let (status, answer) = hub.github("push", id, payload).await;
        assert_eq!(status, 200, "{answer}");
        let event = machine.hear().await;
        machine.answer(&event).await;
    }
    assert_eq!(called(&hub).await, json!(["git.example.org:8080/7 acme/app"]));
    let asked = json!({"query": "{ Push { branch } Repo { name } }"});
    let (_, seen) = hub.post("/graphql/team/w", &eve, &asked).await;
    assert_eq!(seen["data"], json!({"Push": [], "Repo": []}), "no right moves");
    // What says so comes last, and is of the moment before.
    let mut renamed = json!({
        "action": "renamed", "changes": {"repository": {"name": {"from": "app"}}}, "repository": overtaking["repository"],
    });
    renamed["repository"]["updated_at"] = json!("2026-01-01T00:00:02Z");
    renamed["repository"]["archived"] = json!(false);
    assert_eq!(hub.github("repository", "d-4", &renamed).await.0, 200);
    assert_eq!(called(&hub).await, json!(["git.example.org:8080/7 acme/new"]));
    let asked = hub
        .ask("{ Repo { archived } Push { branch repo { name } } }", Value::Null)
        .await;
    assert_eq!(
        asked["data"]["Repo"],
        json!([{"archived": true}]),
        "the later moment"
    );
    assert_eq!(asked["data"]["Push"].as_array().unwrap().len(), 3, "{asked}");
}

#[tokio::test]
async fn c4_names_move_when_the_forge_says_so_and_what_comes_late_moves_nothing() {
    let hub = TestHub::start(quick()).await;
    let number = std::cell::Cell::new(0);
    let sent = async |event: &str, payload: &Value| {
        number.set(number.get() + 1);
        hub.github(event, &format!("d-{}", number.get()), payload).await.0
    };
    let named = |owner: &str, name: &str, branch: &str| {
        let mut payload = push_of(8, name, branch);
        payload["repository"]["full_name"] = json!(format!("{owner}/{name}"));
        payload["repository"]["owner"]["login"] = json!(owner);
        payload
    };
    let moved = |action: &str, changes: Value, to: &Value| {
        json!({
            "action": action, "changes": changes, "repository": to["repository"],
        })
    };
    let from_name = |name: &str| json!({"repository": {"name": {"from": name}}});
    let is_called = async |name: &str| {
        assert_eq!(
            called(&hub).await,
            json!([format!("git.example.org:8080/8 {name}")])
        );
    };
    let first = named("acme", "one", "a");
    assert_eq!(sent("push", &first).await, 200);
    let second = named("acme", "two", "b");
    let to_second = moved("renamed", from_name("one"), &second);
    assert_eq!(sent("repository", &to_second).await, 200);
    is_called("acme/two").await;
    // What was under way before, or is sent again, counts, and takes no name back.
    assert_eq!(sent("push", &named("acme", "one", "late")).await, 200);
    is_called("acme/two").await;
    let third = named("ada", "two", "c");
    let owner = json!({"owner": {"from": {"organization": {"login": "acme"}}}});
    assert_eq!(
        sent("repository", &moved("transferred", owner, &third)).await,
        200
    );
    is_called("ada/two").await;
    assert_eq!(sent("repository", &to_second).await, 200, "again, from before");
    is_called("ada/two").await;
    // There and back again.
    let fourth = named("ada", "three", "d");
    assert_eq!(
        sent("repository", &moved("renamed", from_name("two"), &fourth)).await,
        200
    );
    assert_eq!(
        sent("repository", &moved("renamed", from_name("three"), &third)).await,
        200
    );
    is_called("ada/two").await;
    // Of a renaming that nobody has heard of the next one tells.
    let fifth = named("ada", "six", "e");
    assert_eq!(sent("push", &fifth).await, 200, "it is kept");
    is_called("ada/two").await;
    assert_eq!(
        sent("repository", &moved("renamed", from_name("five"), &fifth)).await,
        200
    );
    assert_eq!(sent("push", &fifth).await, 200);
    is_called("ada/six").await;
    // An owner is called otherwise, and all that is theirs.
    let sixth = named("grace", "six", "f");
    assert_eq!(sent("push", &sixth).await, 200, "it is kept");
    is_called("ada/six").await;
    let account = json!({
        "action": "renamed", "changes": {"login": {"from": "ada"}},
        "account": {"login": "grace", "type": "User", "html_url": "http://git.example.org:8080/grace"},
    });
    assert_eq!(sent("installation_target", &account).await, 200);
    assert_eq!(sent("push", &sixth).await, 200);
    is_called("grace/six").await;
    // The forge pings a webhook that somebody looks at.
    let seventh = named("grace", "seven", "g");
    assert_eq!(sent("push", &seventh).await, 200, "it is kept");
    is_called("grace/six").await;
    let ping = json!({"zen": "z", "hook_id": 1, "repository": seventh["repository"]});
    assert_eq!(sent("ping", &ping).await, 200);
    assert_eq!(sent("push", &seventh).await, 200);
    is_called("grace/seven").await;
    let asked = hub.ask("{ Push { branch repo { id } } }", Value::Null).await;
    let pushes = asked["data"]["Push"].as_array().unwrap();
    assert_eq!(pushes.len(), 5, "a, late, e, f, g: {asked}");
}
