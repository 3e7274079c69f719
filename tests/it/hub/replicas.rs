//! Several hubs on one Postgres: they share machines and work.

use std::collections::BTreeSet;
use std::time::Duration;

use sdm::hub::administration::Administration;
use sdm::hub::{HubOptions, Rhythm, RunningHub, start};
use sdm::ports::hub::{Deliveries as _, Registrations as _};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::arriving::registered;
use super::events::push;
use super::machine::{Machine, TestHub, quick, registration, signature, wish};
use super::resume::{how_to_resume, resumes, stored, talks};
use crate::support::postgres::Postgres;

pub async fn replica(server: &Postgres) -> RunningHub {
    replica_with(server, quick()).await
}

async fn replica_with(server: &Postgres, rhythm: Rhythm) -> RunningHub {
    let mut options = HubOptions::new(Place::read(&server.url()), "127.0.0.1:0".parse().unwrap());
    options.rhythm = rhythm;
    options.webhooks = sdm::hub::ingest::WebhookSecrets::for_all(super::machine::SECRET);
    start(options).await.unwrap()
}

async fn connect(http: &reqwest::Client, hub: &RunningHub, key: &str, policy: &str) -> Machine {
    Machine::open(&register(http, hub, key, policy).await).await
}

/// The address of the websocket.
async fn register(http: &reqwest::Client, hub: &RunningHub, key: &str, policy: &str) -> String {
    let request = http
        .post(format!("http://{}/registration", hub.address))
        .bearer_auth(key);
    let body = registration("m", "1.0.0", policy).to_string();
    let answer = request.body(body).send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_hubs_tell_each_push_once_to_the_machines_of_both() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (one, other) = (replica(&server).await, replica(&server).await);
    let (_, key) = Administration::of(one.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut first, mut second) = (
        connect(&http, &one, &key, "durable").await,
        connect(&http, &other, &key, "durable").await,
    );
    first.settled().await;
    second.settled().await;
    let mut sent = BTreeSet::new();
    for number in 0..20 {
        let mut payload = push("a", "b");
        payload["ref"] = json!(format!("refs/heads/branch-{number}"));
        let hub = if number % 2 == 0 { &one } else { &other };
        let body = payload.to_string();
        let request = http
            .post(format!("http://{}/webhooks/github/w", hub.address))
            .header("x-github-event", "push")
            .header("x-github-delivery", format!("d-{number}"))
            .header("x-hub-signature-256", signature(&body));
        assert_eq!(request.body(body).send().await.unwrap().status(), 200);
        sent.insert(format!("branch-{number}"));
    }
    let mut heard = Vec::new();
    while heard.len() < sent.len() {
        let event = tokio::select! {
            event = first.hear() => { first.answer(&event).await; event }
            event = second.hear() => { second.answer(&event).await; event }
        };
        heard.push(event["data"]["Push"][0]["branch"].as_str().unwrap().to_owned());
    }
    first.settled().await;
    second.settled().await;
    assert_eq!(
        heard.iter().cloned().collect::<BTreeSet<_>>(),
        sent,
        "all of them"
    );
    assert_eq!(heard.len(), sent.len(), "and each once");
    // One hub ends; what its machine had goes to the other's.
    one.stop().await;
    let hub = TestHub::of(other, key);
    let mut late = push("a", "c");
    late["ref"] = json!("refs/heads/late");
    assert_eq!(hub.github("push", "d-late", &late).await.0, 200);
    assert_eq!(second.hear().await["data"]["Push"][0]["branch"], json!("late"));
}

#[tokio::test]
async fn what_comes_after_a_machine_has_registered_at_another_replica_is_told_to_it() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let slow = Rhythm {
        tidy: Duration::from_secs(3_600),
        ..quick()
    };
    let hub = replica_with(&server, slow).await;
    let (_, key) = Administration::of(hub.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let hub = TestHub::of(hub, key);
    let mut known = hub.machine(&registration("m", "1.0.0", "durable")).await;
    known.settled().await;
    // As another replica keeps it, whose hint has not come yet.
    let memory = hub.hub.memory();
    let mut there = memory.registrations().await.unwrap().remove(0);
    let body = registration("there", "1.0.0", "durable").to_string();
    (there.id, there.name, there.body) = ("there".to_owned(), "there".to_owned(), body);
    registered(memory, &there, "addon:test").await;
    let (status, _) = hub.github("push", "d-1", &push("a", "b")).await;
    assert_eq!(status, 200);
    assert_eq!(known.hear().await["data"]["Push"][0]["branch"], json!("main"));
    assert_eq!(memory.counts(&["there"]).await.unwrap()["there"].waiting, 1);
}

#[tokio::test]
async fn further_3_what_is_revoked_at_one_replica_ends_at_the_other() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (one, other) = (replica(&server).await, replica(&server).await);
    let administration = Administration::of(one.memory());
    let (stored, key) = administration.new_key(&wish(&[])).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut machine = connect(&http, &other, &key, "durable").await;
    machine.settled().await;
    let asks = async || {
        let request = http
            .post(format!("http://{}/graphql/team/w", other.address))
            .bearer_auth(&key);
        let body = json!({"query": "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", \
            uniqueName: \"g\", repo: {owner: \"acme\", name: \"app\"}}) }"});
        let answer = request.body(body.to_string()).send().await.unwrap();
        let body = answer.bytes().await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    assert_eq!(asks().await.get("errors"), None, "it may");
    let denial = sdm::access::Grant::new(sdm::access::Selector::Everything, sdm::access::Right::Deny);
    let to = sdm::access::Principal::parse("addon:test").unwrap();
    administration.give(to, denial, false).await.unwrap();
    let denied = tokio::time::timeout(Duration::from_secs(5), async {
        while asks().await["errors"][0]["extensions"]["code"] != json!("denied_by_admin") {
            tokio::task::yield_now().await;
        }
    });
    denied
        .await
        .expect("a denial counts everywhere within five seconds");
    administration.revoke_key(&stored.id).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), machine.closed()).await;
    assert_eq!(closed.expect("within five seconds"), 4401);
    assert!(one.stop().await && other.stop().await);
}

#[tokio::test]
async fn a_ticket_of_one_hub_opens_the_websocket_of_another_and_only_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let slow = Rhythm {
        look: Duration::from_secs(60),
        ..quick()
    };
    let (one, other) = (
        replica_with(&server, slow).await,
        replica_with(&server, slow).await,
    );
    let (_, key) = Administration::of(one.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = register(&http, &one, &key, "durable").await;
    let elsewhere = url.replace(&one.address.to_string(), &other.address.to_string());
    let mut machine = Machine::open(&elsewhere).await;
    machine.settled().await;
    for used in [&url, &elsewhere] {
        assert!(
            tokio_tungstenite::connect_async(used.as_str()).await.is_err(),
            "{used} is used up"
        );
    }
    // What comes to the first is known at once at the second: it looks by itself only every minute.
    let body = push("a", "b").to_string();
    let request = http
        .post(format!("http://{}/webhooks/github/w", one.address))
        .header("x-github-event", "push")
        .header("x-github-delivery", "d-1")
        .header("x-hub-signature-256", signature(&body));
    assert_eq!(request.body(body).send().await.unwrap().status(), 200);
    let event = machine.hear().await;
    assert!(event["data"]["Push"][0]["branch"].is_string(), "{event}");
    machine.answer(&event).await;
    machine.leave().await;
    assert!(one.stop().await && other.stop().await);
}

#[tokio::test]
async fn an_instance_that_leaves_one_hub_takes_nothing_from_another_that_is_at_the_next() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (one, other) = (replica(&server).await, replica(&server).await);
    let (_, key) = Administration::of(one.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let leaving = connect(&http, &one, &key, "ephemeral").await;
    let mut staying = connect(&http, &other, &key, "ephemeral").await;
    staying.settled().await;
    leaving.leave().await;
    let hub = TestHub::of(other, key);
    // Both hubs keep house many times meanwhile.
    for number in 0..20 {
        let mut payload = push("a", "b");
        payload["ref"] = json!(format!("refs/heads/branch-{number}"));
        assert_eq!(hub.github("push", &format!("d-{number}"), &payload).await.0, 200);
        let event = staying.hear().await;
        assert_eq!(
            event["data"]["Push"][0]["branch"],
            json!(format!("branch-{number}"))
        );
        staying.answer(&event).await;
        staying.settled().await;
    }
}

#[tokio::test]
async fn a_conversation_with_one_hub_goes_on_with_another() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (one, other) = (replica(&server).await, replica(&server).await);
    let (_, key) = Administration::of(one.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let (address, elsewhere) = (one.address.to_string(), other.address.to_string());
    let one = TestHub::of(one, key.clone());
    let (mut machine, url, token) = talks(&one, &resumes("m", "run")).await;
    assert_eq!(one.github("push", "d-1", &push("a", "b")).await.0, 200);
    let event = machine.hear().await;
    drop(machine);
    let url = url.replace(&address, &elsewhere);
    let mut machine = Machine::resume(&url, &key, &token).await.unwrap();
    let next = how_to_resume(&mut machine).await;
    let back = url.replace(&elsewhere, &address);
    assert!(Machine::resume(&back, &key, &token).await.is_err(), "it is used");
    machine.say(&stored(&[&event["extensions"]["delivery_id"]])).await;
    machine.settled().await;
    let mut late = push("a", "c");
    late["ref"] = json!("refs/heads/late");
    assert_eq!(one.github("push", "d-2", &late).await.0, 200);
    let heard = machine.hear().await;
    assert_eq!(heard["data"]["Push"][0]["branch"], json!("late"));
    // The first hub is gone, with what it knew; nothing that this conversation has is given back by that.
    assert!(one.hub.stop().await);
    machine.answer(&event).await;
    machine.answer(&heard).await;
    machine.settled().await;
    drop(machine);
    assert!(Machine::resume(&url, &key, &next).await.is_ok());
    assert!(other.stop().await);
}

#[tokio::test]
async fn what_waits_for_a_version_of_a_machine_goes_over_to_the_next_at_whichever_hub() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (one, other) = (replica(&server).await, replica(&server).await);
    let (_, key) = Administration::of(one.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    let (one, other) = (TestHub::of(one, key.clone()), TestHub::of(other, key));
    one.register(&registration("m", "1.0.0", "durable")).await;
    assert_eq!(one.github("push", "d-1", &push("a", "b")).await.0, 200);
    let mut machine = other.machine(&registration("m", "2.0.0", "durable")).await;
    let event = machine.hear().await;
    assert_eq!(event["data"]["Push"][0]["branch"], json!("main"));
    machine.answer(&event).await;
    machine.settled().await;
    machine.leave().await;
    assert!(one.hub.stop().await && other.hub.stop().await);
}
