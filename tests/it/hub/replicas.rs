//! Several hubs on one Postgres: they share machines and work.

use std::collections::BTreeSet;

use sdm::hub::administration::Administration;
use sdm::hub::{HubOptions, RunningHub, start};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, TestHub, quick, registration, signature, wish};
use crate::support::postgres::Postgres;

async fn replica(server: &Postgres) -> RunningHub {
    let mut options = HubOptions::new(Place::read(&server.url()), "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.webhooks = sdm::hub::ingest::WebhookSecrets::for_all(super::machine::SECRET);
    start(options).await.unwrap()
}

async fn connect(http: &reqwest::Client, hub: &RunningHub, key: &str) -> Machine {
    let request = http
        .post(format!("http://{}/registration", hub.address))
        .bearer_auth(key);
    let body = registration("m", "1.0.0", "durable").to_string();
    let answer = request.body(body).send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    Machine::open(answer["url"].as_str().unwrap()).await
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
        connect(&http, &one, &key).await,
        connect(&http, &other, &key).await,
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
