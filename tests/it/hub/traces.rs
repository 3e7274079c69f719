//! How long a webhook takes to reach its machines, as a collector is told.

use sdm::hub::HubOptions;
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::ingest::WebhookSecrets;
use sdm::runtime::trace::otlp::{Export, headers, traces_at};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{SECRET, TestHub, quick, registration, wish};
use crate::support::fake_collector::FakeCollector;

/// A hub that tells this collector.
async fn traced(place: &std::path::Path, collector: &str) -> TestHub {
    let mut options = HubOptions::new(Place::File(place.join("hub.db")), "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.webhooks = WebhookSecrets::for_all(SECRET);
    options.traces = Some(Export {
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        address: traces_at(&collector.parse().unwrap()),
        headers: headers("api-key=canary-of-the-collector").unwrap(),
        service: "sdm-hub",
        instance: "one".to_owned(),
    });
    let hub = sdm::hub::start(options).await.unwrap();
    let (_, key) = Administration::of(hub.memory())
        .new_key(&wish(&[]))
        .await
        .unwrap();
    TestHub::of(hub, key)
}

#[tokio::test]
async fn a_webhook_and_its_deliveries_are_one_trace_that_goes_on_at_the_machine() {
    let directory = crate::support::remains::directory();
    let collector = FakeCollector::start().await;
    let hub = traced(directory.path(), &collector.address).await;
    let mut knows = registration("knows", "1.0.0", "durable");
    knows["capabilities"] = json!(["ack", "trace"]);
    let mut machine = hub.machine(&knows).await;
    let mut original = hub.machine(&registration("original", "1.0.0", "durable")).await;
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let (event, other) = (machine.hear().await, original.hear().await);
    assert!(other["extensions"].get("traceparent").is_none(), "{other}");
    let acknowledged =
        json!({"control": {"name": "ack", "params": {"delivery_id": event["extensions"]["delivery_id"]}}});
    machine.say(&acknowledged).await;
    original.answer(&other).await;
    let webhook = collector.span("webhook").await;
    assert_eq!(webhook.service, "sdm-hub");
    assert_eq!(webhook.headers["api-key"], "canary-of-the-collector");
    assert_eq!(
        (webhook.attribute("sdm.event"), webhook.attribute("sdm.delivery")),
        ("push".to_owned(), "d-1".to_owned())
    );
    let of = |name: &'static str| {
        collector.until(name, move |taken| {
            let found = taken.iter().find(|taken| taken.attribute("sdm.machine") == name);
            found.cloned()
        })
    };
    let (told, untold) = (of("knows@1.0.0").await, of("original@1.0.0").await);
    for delivery in [&told, &untold] {
        assert_eq!(delivery.span["name"], "delivery");
        assert_eq!(delivery.parent(), webhook.place());
        let nanos = |taken: &crate::support::fake_collector::Taken, name: &str| {
            taken.span[name].as_str().unwrap().parse::<u64>().unwrap()
        };
        assert!(nanos(delivery, "endTimeUnixNano") >= nanos(&webhook, "startTimeUnixNano"));
    }
    assert_ne!(told.place(), untold.place());
    let context = event["extensions"]["traceparent"].as_str().unwrap();
    assert_eq!(context, format!("00-{}-01", told.place()));
}

#[tokio::test]
async fn other_systems_events_and_commands_begin_traces_as_well() {
    let directory = crate::support::remains::directory();
    let collector = FakeCollector::start().await;
    let hub = traced(directory.path(), &collector.address).await;
    let mut knows = registration("knows", "1.0.0", "durable");
    knows["capabilities"] = json!(["ack", "trace"]);
    knows["ingesters"] = json!(["type Deploy @rootType { env: String }"]);
    knows["events"][0]["subscription"] = json!("subscription OnDeploy { Deploy { env } }");
    knows["commands"] = json!([{"name": "Greet", "intent": [], "tags": [], "auto_submit": true, "parameters": [],
        "mapped_parameters": [], "secrets": []}]);
    let mut machine = hub.machine(&knows).await;
    let told = hub
        .post(
            "/atomist/teams/w/ingestion/Deploy/1",
            &hub.key,
            &json!({"env": "test"}),
        )
        .await;
    assert_eq!(told.0, 200);
    let event = machine.hear().await;
    let webhook = collector.span("webhook").await;
    assert_eq!(webhook.attribute("sdm.event"), "Deploy");
    let context = event["extensions"]["traceparent"].as_str().unwrap();
    let is_of = |context: &str, place: &str| context.split('-').nth(1) == place.split('-').next();
    assert!(is_of(context, &webhook.place()), "{context} {}", webhook.place());
    hub.ask(
        "mutation { ingestCustomDeploy(value: {env: \"prod\"}) }",
        Value::Null,
    )
    .await;
    let event = machine.hear().await;
    let sent = collector.span("event").await;
    assert!(is_of(
        event["extensions"]["traceparent"].as_str().unwrap(),
        &sent.place()
    ));
    let person = KeyWish {
        is_person: true,
        name: "ada".to_owned(),
        ..wish(&["commands:register"])
    };
    let (_, ada) = hub.administration().new_key(&person).await.unwrap();
    let ask = json!({"command": "Greet", "team": {"id": "w"}});
    let (status, invoked) = hub.post("/command", &ada, &ask).await;
    assert_eq!(status, 200, "{invoked}");
    let command = machine.hear().await;
    let started = collector.span("command").await;
    assert_eq!(started.attribute("sdm.command"), "Greet");
    assert!(is_of(command["traceparent"].as_str().unwrap(), &started.place()));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_what_it_misses_and_nothing_else() {
    let directory = crate::support::remains::directory();
    let collector = FakeCollector::start().await;
    collector.refuse(true);
    let hub = traced(directory.path(), &collector.address).await;
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let (_, key) = hub
        .administration()
        .new_key(&wish(&["admin:read"]))
        .await
        .unwrap();
    let is_lost = async || {
        let request = hub.http.get(hub.url("/metrics")).bearer_auth(&key);
        let text = request.send().await.unwrap().text().await.unwrap();
        text.contains("sdm_hub_spans_lost_total 1\n")
    };
    let begun = std::time::Instant::now();
    while !is_lost().await {
        assert!(begun.elapsed() < super::machine::PATIENCE, "nothing is counted");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    collector.refuse(false);
    assert_eq!(hub.github("push", "d-2", &push("b", "c")).await.0, 200);
    assert_eq!(collector.span("webhook").await.attribute("sdm.delivery"), "d-2");
    // What waits when the hub stops is still sent.
    assert_eq!(hub.github("push", "d-3", &push("c", "d")).await.0, 200);
    assert!(hub.hub.stop().await);
    let last = collector.taken();
    assert_eq!(last.last().unwrap().attribute("sdm.delivery"), "d-3");
}
