//! Webhooks: whose they are, what is counted of them, and what becomes of those that were missed.

use std::time::Duration;

use sdm::hub::HubOptions;
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::ingest::WebhookSecrets;
use sdm::ports::hub::HubGraph as _;
use sdm::runtime::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::events::push;
use super::machine::{PATIENCE, SECRET, TestHub, quick, registration, signature, signature_by, wish};
use super::replicas::replica;
use crate::support::fake_provider::FakeProvider;
use crate::support::postgres::Postgres;

#[tokio::test]
async fn c1_the_secret_of_a_workspace_signs_for_no_other() {
    let secrets = WebhookSecrets::for_all(SECRET)
        .with("a", b"canary-of-a")
        .with("a", b"another-of-a")
        .with("b", b"canary-of-b");
    let hub = TestHub::start_with(|options| options.webhooks = secrets).await;
    let body = push("a", "b").to_string();
    for (workspace, secret, status) in [
        ("a", "canary-of-a", 200),
        ("a", "another-of-a", 202),
        ("a", "canary-of-b", 401),
        ("b", "canary-of-a", 401),
        ("b", "canary-of-b", 200),
        ("w", "canary-of-a", 401),
    ] {
        let signature = signature_by(secret.as_bytes(), &body);
        let sent = hub.signed_to(workspace, ("push", "d-1"), body.clone(), &signature);
        let (told, answer) = sent.await;
        assert_eq!(told, status, "{secret} for {workspace}: {answer}");
    }
    let of_all = signature(&body);
    for (workspace, status) in [("a", 401), ("b", 401), ("w", 200)] {
        let sent = hub.signed_to(workspace, ("push", "d-2"), body.clone(), &of_all);
        assert_eq!(sent.await.0, status, "{workspace}");
    }
    let asked = hub.ask("{ Push { branch } }", json!(null)).await;
    assert_eq!(asked["data"]["Push"], json!([{"branch": "main"}]));
}

#[tokio::test]
async fn c4_a_webhook_for_a_workspace_that_is_not_there_makes_none_and_is_counted() {
    let hub = TestHub::start(quick()).await;
    let body = push("a", "b").to_string();
    let good = signature(&body);
    for number in 0..2 {
        let id = format!("d-{number}");
        let sent = hub.signed_to("elsewhere", ("push", &id), body.clone(), &good);
        let (status, answer) = sent.await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (404, &json!("not_found")),
            "{answer}"
        );
    }
    let wrong = signature_by(b"x", &body);
    let sent = hub.signed_to("elsewhere", ("push", "d-3"), body.clone(), &wrong);
    assert_eq!(sent.await.0, 401, "whoever knows no secret learns nothing");
    let there = hub.hub.memory().workspaces().await.unwrap();
    assert!(!there.contains(&"elsewhere".to_owned()), "{there:?}");
    let figures = hub.figures().await;
    let line = "sdm_hub_refused_total{door=\"webhook\",reason=\"unknown_workspace\"} 2\n";
    assert!(figures.contains(line), "{figures}");
    // A key for it makes it.
    let key = KeyWish {
        workspaces: vec!["elsewhere".to_owned()],
        ..wish(&[])
    };
    hub.administration().new_key(&key).await.unwrap();
    let sent = hub.signed_to("elsewhere", ("push", "d-4"), body.clone(), &good);
    assert_eq!(sent.await.0, 200);
}

#[tokio::test]
async fn c3_a_webhook_that_comes_a_thousand_times_is_one() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let payload = push("a", "b");
    for _ in 0..20 {
        let all = (0..50).map(|_| hub.github("push", "d-1", &payload));
        for (status, answer) in futures_util::future::join_all(all).await {
            assert!(status == 200 || status == 202, "{status} {answer}");
        }
    }
    let event = machine.hear().await;
    machine.answer(&event).await;
    machine.settled().await;
    let figures = hub.figures().await;
    for line in ["{outcome=\"kept\"} 1", "{outcome=\"before\"} 999"] {
        let line = format!("sdm_hub_webhooks_total{line}");
        assert!(figures.lines().any(|told| told == line), "{line}: {figures}");
    }
    // After a restart, and however old it is, it is known by its id.
    let hub = hub.restart(quick()).await;
    assert_eq!(hub.github("push", "d-1", &payload).await.0, 202);
    assert_eq!(branches(&hub).await, ["main"]);
}

/// Ids are kept for a month. What is older is known by what it says: a push is what moved which branch from where to where.
#[tokio::test]
async fn c3_a_webhook_of_last_month_is_known_by_what_it_says_though_its_id_is_forgotten() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let old = push("a", "b");
    let mut new = push("b", "c");
    new["repository"]["pushed_at"] = json!(1_800_000_600);
    for (id, payload) in [("d-1", &old), ("d-2", &new)] {
        assert_eq!(hub.github("push", id, payload).await.0, 200);
        let event = machine.hear().await;
        machine.answer(&event).await;
    }
    machine.settled().await;
    machine.leave().await;
    hub.meddle("DELETE FROM hub_received").await;
    let hub = hub.restart(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    for id in ["d-1", "another"] {
        let (status, answer) = hub.github("push", id, &old).await;
        assert!(status == 200 || status == 202, "{status} {answer}");
    }
    machine.settled().await;
    let shown = hub
        .ask(
            "{ Push { after { sha } } Branch { commit { sha } } }",
            json!(null),
        )
        .await;
    let sha = |of: &str| json!({"sha": of.repeat(40)});
    assert_eq!(shown["data"]["Push"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(
        shown["data"]["Branch"],
        json!([{ "commit": sha("c") }]),
        "nothing goes back"
    );
}

#[tokio::test]
async fn c7_what_the_database_refuses_is_refused_alone() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let hub = replica(&server).await;
    let (_, key) = Administration::of(hub.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let hub = TestHub::of(hub, key);
    // No text in Postgres has this character.
    let spoilt = push_to("sp\0ilt");
    let good: Vec<Value> = (0..20)
        .map(|number| push_to(&format!("branch-{number}")))
        .collect();
    let ids: Vec<String> = (0..20).map(|number| format!("d-{number}")).collect();
    let sent = ids
        .iter()
        .zip(&good)
        .map(|(id, payload)| hub.github("push", id, payload));
    let sent = futures_util::future::join_all(sent);
    let (answers, (status, answer)) = tokio::join!(sent, hub.github("push", "spoilt", &spoilt));
    assert_eq!(status, 503, "{answer}");
    for (status, answer) in answers {
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(branches(&hub).await.len(), 20);
}

#[tokio::test]
async fn c1_what_becomes_of_webhooks_is_counted_and_what_is_refused_by_door_and_reason() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 202);
    assert_eq!(hub.github("unheard_of", "d-2", &json!({})).await.0, 202);
    for signature in ["sha256=00", ""] {
        let sent = hub.signed("push", "d-3", "{}".to_owned(), signature);
        assert_eq!(sent.await.0, 401);
    }
    let body = "{not json".to_owned();
    let signed = signature(&body);
    assert_eq!(hub.signed("push", "d-4", body, &signed).await.0, 400);
    assert_eq!(hub.post("/graphql/team/w", "nobody", &json!({})).await.0, 401);
    let figures = hub.figures().await;
    for line in [
        "sdm_hub_webhooks_total{outcome=\"kept\"} 1",
        "sdm_hub_webhooks_total{outcome=\"before\"} 1",
        "sdm_hub_webhooks_total{outcome=\"nothing\"} 1",
        "sdm_hub_webhooks_total{outcome=\"refused\"} 3",
        "sdm_hub_webhook_seconds_count 3",
        "sdm_hub_refused_total{door=\"webhook\",reason=\"bad_signature\"} 2",
        "sdm_hub_refused_total{door=\"webhook\",reason=\"malformed_webhook\"} 1",
    ] {
        assert!(figures.lines().any(|told| told == line), "{line}: {figures}");
    }
    let of_graph = "sdm_hub_refused_total{door=\"graph\"";
    assert!(figures.contains(of_graph), "{figures}");
}

/// A push to a branch of its own.
fn push_to(branch: &str) -> Value {
    let mut payload = push("a", "b");
    payload["ref"] = json!(format!("refs/heads/{branch}"));
    payload
}

/// Branches that were pushed to, as the hub knows them.
async fn branches(hub: &TestHub) -> Vec<String> {
    let asked = hub.ask("{ Push { branch } }", json!(null)).await;
    let pushes = asked["data"]["Push"].as_array().unwrap().iter();
    let mut branches: Vec<String> = pushes
        .map(|push| push["branch"].as_str().unwrap().to_owned())
        .collect();
    branches.sort();
    branches
}

#[tokio::test]
async fn what_was_sent_while_the_hub_was_down_is_asked_for_and_comes() {
    let provider = FakeProvider::start().await;
    let with_app = |options: &mut HubOptions| {
        options.providers = vec![provider.github_app_with_key()];
        options.rhythm.missed = Duration::from_millis(100);
    };
    let hub = TestHub::start_with(with_app).await;
    let (hook, address) = (&provider.hook, hub.hub.address);
    hook.points_at(&hub.url("/webhooks/github/w"), SECRET);
    assert!(hook.sends("g-0", "push", &push_to("before")).await);
    // It has taken this one, and the forge will not hear so.
    assert_eq!(hub.github("push", "g-1", &push_to("unanswered")).await.0, 200);
    let while_it_is_down = async {
        assert!(!hook.sends("g-1", "push", &push_to("unanswered")).await);
        for number in 2..9 {
            let branch = format!("missed-{number}");
            assert!(
                !hook
                    .sends(&format!("g-{number}"), "push", &push_to(&branch))
                    .await
            );
        }
        hook.asked();
    };
    let at_its_place = |options: &mut HubOptions| {
        with_app(options);
        options.listen = address;
    };
    let hub = hub.restart_after(while_it_is_down, at_its_place).await;
    let begun = std::time::Instant::now();
    while branches(&hub).await.len() < 9 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", branches(&hub).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again: Vec<String> = hook.asked().into_iter().filter(|asked| asked != "list").collect();
    let mut once = again.clone();
    once.sort();
    once.dedup();
    assert!(!again.contains(&"again g-0".to_owned()), "{again:?}");
    assert!(
        !again.contains(&"again g-1".to_owned()),
        "it was taken: {again:?}"
    );
    assert_eq!(once.len(), 7, "{again:?}");
    let figures = hub.figures().await;
    assert!(
        figures.contains("sdm_hub_webhooks_asked_again_total"),
        "{figures}"
    );
}

#[tokio::test]
async fn what_webhooks_of_repositories_and_organisations_sent_in_vain_is_asked_for_too() {
    let provider = FakeProvider::start().await;
    let hooks = [&provider.repository_hook, &provider.organisation_hook];
    for (number, hook) in hooks.into_iter().enumerate() {
        hook.sent_in_vain(
            &format!("lost-{number}"),
            "push",
            &push_to(&format!("lost-{number}")),
        );
        hook.sent_in_vain(
            &format!("known-{number}"),
            "push",
            &push_to(&format!("known-{number}")),
        );
    }
    // A token that the forge does not take holds the others up in nothing.
    let mut refused = provider.repository_hook.settings(&provider.address);
    refused.token = "canary-of-nobody".into();
    refused.address.set_path("/api/v3/orgs/other/hooks/9");
    let mut settings: Vec<_> = hooks
        .iter()
        .map(|hook| hook.settings(&provider.address))
        .collect();
    settings.insert(0, refused);
    let hub = TestHub::start_with(|options| {
        options.hooks = settings;
        options.rhythm.missed = Duration::from_millis(100);
    })
    .await;
    for hook in hooks {
        hook.points_at(&hub.url("/webhooks/github/w"), SECRET);
    }
    // One that has come already comes to nothing again.
    let known = hub.github("push", "known-0", &push_to("known-0")).await;
    assert!([200, 202].contains(&known.0), "{known:?}");
    let begun = std::time::Instant::now();
    while branches(&hub).await != ["known-0", "known-1", "lost-0", "lost-1"] {
        assert!(begun.elapsed() < PATIENCE, "{:?}", branches(&hub).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_was_missed_comes_also_behind_thousands_that_have_come_since() {
    const MISSED: usize = 60;
    const SINCE: usize = 2_440;
    let provider = FakeProvider::start().await;
    let hook = &provider.hook;
    hook.lists_in_parts_of(100);
    for number in 0..MISSED + SINCE {
        hook.sent_in_vain(
            &format!("g-{number}"),
            "push",
            &push_to(&format!("missed-{number}")),
        );
    }
    let hub = TestHub::start_with(|options| {
        options.providers = vec![provider.github_app_with_key()];
        options.rhythm.missed = Duration::from_millis(500);
    })
    .await;
    // They stay in the list of what failed for days, and those that were missed before stand behind them.
    let ids: Vec<String> = (MISSED..MISSED + SINCE)
        .map(|number| format!("g-{number}"))
        .collect();
    let since: Vec<(&str, &str)> = ids.iter().map(|id| ("github", id.as_str())).collect();
    let work = hub.hub.memory().begin("w").await.unwrap();
    work.take_in(&since, SystemClock.now()).await.unwrap();
    work.commit().await.unwrap();
    hook.points_at(&hub.url("/webhooks/github/w"), SECRET);
    let begun = std::time::Instant::now();
    while branches(&hub).await.len() < MISSED {
        assert!(begun.elapsed() < PATIENCE, "{:?}", branches(&hub).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_other_systems_say_of_a_commit_stands_beside_what_the_forge_says() {
    let hub = TestHub::start(quick()).await;
    let mut registration = registration("m", "1.0.0", "durable");
    registration["events"][0]["subscription"] = json!(
        "subscription OnStatus { Status(context: \"ci\") { context state description targetUrl commit { sha } } }"
    );
    let mut machine = hub.machine(&registration).await;
    let status = json!({
        "repository": {"owner_name": "acme", "name": "app"}, "commit": "b".repeat(40), "context": "ci", "state": "pending",
        "target_url": "https://ci.example.org/4"
    });
    let place = "/atomist/status/teams/w";
    let (answered, answer) = hub.post(place, &hub.key, &status).await;
    assert_eq!(
        answered, 200,
        "it waits until the repository is told of: {answer}"
    );
    hub.github("push", "d-1", &push("a", "b")).await;
    let said = |event: &Value| event["data"]["Status"][0]["state"].as_str().unwrap().to_owned();
    let event = machine.hear().await;
    assert_eq!(
        event["data"]["Status"],
        json!([{"context": "ci", "state": "pending", "description": null, "targetUrl": "https://ci.example.org/4",
            "commit": {"sha": "b".repeat(40)}}])
    );
    machine.answer(&event).await;
    let mut failed = status.clone();
    (failed["state"], failed["description"]) = (json!("failure"), json!("two tests"));
    assert_eq!(hub.post(place, &hub.key, &failed).await.0, 200);
    let event = machine.hear().await;
    assert_eq!(said(&event), "failure");
    machine.answer(&event).await;
    let payload = json!({
        "repository": push("a", "b")["repository"], "id": 1, "sha": "b".repeat(40), "context": "ci", "state": "success",
        "updated_at": "2026-01-01T00:00:00Z"
    });
    assert_eq!(hub.github("status", "d-2", &payload).await.0, 200);
    let asked = hub
        .ask(
            "{ Commit(sha: \"SHA\") { statuses { state } } }"
                .replace("SHA", &"b".repeat(40))
                .as_str(),
            json!(null),
        )
        .await;
    let mut states: Vec<&str> = asked["data"]["Commit"][0]["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|status| status["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["failure", "success"], "nobody speaks for the forge");
    for (field, wrong) in [
        ("state", json!("perhaps")),
        ("context", json!("")),
        ("context", json!("x".repeat(300))),
        ("commit", json!("main")),
    ] {
        let mut status = status.clone();
        status[field] = wrong;
        let (answered, answer) = hub.post(place, &hub.key, &status).await;
        assert_eq!(
            (answered, &answer["error"]["code"]),
            (400, &json!("invalid_argument")),
            "{field}"
        );
    }
    let (_, reader) = hub
        .administration()
        .new_key(&wish(&["graph:read"]))
        .await
        .unwrap();
    assert_eq!(hub.post(place, &reader, &status).await.0, 403);
}
