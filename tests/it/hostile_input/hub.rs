//! Webhooks, cookies and headers at a hub that runs: whatever is signed and sent, it answers and goes on.

use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::Going;
use super::mangle::{mangled, mangled_text, with_strange};
use crate::hub::events::push;
use crate::hub::machine::{TestHub, quick, registration, signature};

/// Webhooks of each kind in the suite.
const WEBHOOKS: usize = 6;

/// Values of a strategy, one after the other.
fn values<S: Strategy>(strategy: &S) -> impl FnMut() -> S::Value {
    let mut runner = TestRunner::default();
    move || strategy.new_tree(&mut runner).unwrap().current()
}

/// Webhooks as they were recorded, with their event.
fn recorded() -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hub/testdata/github");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(event) = name.strip_suffix(".json").and_then(|name| name.split('.').next()) {
            let text = std::fs::read_to_string(&path).unwrap();
            all.push((event.to_owned(), serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(all.len() > 30, "{}", all.len());
    all
}

#[tokio::test]
async fn c1_signed_webhooks_with_strange_values_are_kept_or_refused_and_the_hub_goes_on() {
    let hub = TestHub::start(quick()).await;
    let mut number = 0;
    let mut kept = 0;
    let recorded = recorded();
    let strategies: Vec<_> = recorded
        .into_iter()
        .map(|(event, payload)| (event, with_strange(payload)))
        .collect();
    let mut all: Vec<_> = strategies
        .iter()
        .map(|(event, strategy)| (event, values(strategy)))
        .collect();
    let mut going = Going::of(WEBHOOKS * all.len(), 2);
    while going.on() {
        let (event, strange) = &mut all[number % strategies.len()];
        let strange = strange();
        number += 1;
        let (status, answer) = hub.github(event, &format!("d-{number}"), &strange).await;
        assert!(
            [200, 202, 400, 413, 422].contains(&status),
            "{status} {answer} for {event} {strange}"
        );
        kept += usize::from(status == 200);
    }
    assert!(
        kept > number / 10,
        "{kept} of {number}: the others are not what is tested here"
    );
    let sample = push("a", "b").to_string();
    let strategy = mangled(&[&sample]);
    let (mut bytes, mut going) = (values(&strategy), Going::of(50, 2));
    while going.on() {
        let body = String::from_utf8_lossy(&bytes()).into_owned();
        let signature = signature(&body);
        number += 1;
        let (status, answer) = hub.signed("push", &format!("d-{number}"), body, &signature).await;
        assert!([200, 202, 400, 413, 422].contains(&status), "{status} {answer}");
    }
    assert_eq!(hub.github("push", "last", &push("c", "d")).await.0, 200);
    let answer = hub.ask("query { Push { branch } }", json!({})).await;
    assert!(
        answer.get("errors").is_none(),
        "what was kept can be read: {answer}"
    );
}

#[tokio::test]
async fn g3_frames_of_any_kind_end_a_conversation_at_most() {
    let hub = TestHub::start(quick()).await;
    let samples = [
        "{\"ping\":1}",
        "{\"control\":{\"name\":\"quiet\",\"milliseconds\":5}}",
        "{\"api_version\":\"1\",\"correlation_id\":\"c\",\"team\":{\"id\":\"w\"},\"content_type\":\"text/plain\",\"body\":\"b\",\"destinations\":[]}",
        "{\"api_version\":\"1\",\"correlation_id\":\"c\",\"team\":{\"id\":\"w\"},\"event\":\"OnPush\",\"status\":{\"code\":0}}",
    ];
    let strategy = mangled_text(&samples);
    let (mut frame, mut going) = (values(&strategy), Going::of(5, 1));
    let mut number = 0;
    while going.on() {
        number += 1;
        // None of them comes so often that it is told to wait.
        let name = format!("m-{number}");
        let mut machine = hub.machine(&registration(&name, "1.0.0", "ephemeral")).await;
        for _ in 0..60 {
            machine.try_say(&frame()).await;
        }
    }
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    machine.settled().await;
}

#[tokio::test]
async fn cookies_and_headers_of_any_kind_are_taken_for_nobody() {
    let hub = TestHub::start(quick()).await;
    let port = hub.hub.address.port();
    let cookie = format!("sdm-session-{port}=abc; a=b; sdm-session-{port}=");
    let strategy = mangled_text(&[&cookie, "Bearer hub_a_xxxxxxxxxxxx_yyyyyyyyyyyyyyyy", "JWT a.b.c"]);
    let (mut texts, mut going) = (values(&strategy), Going::of(120, 1));
    let mut sent = 0;
    while going.on() {
        let text = texts();
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(text.as_bytes()) else {
            continue;
        };
        for name in ["cookie", "authorization", "x-hub-context", "x-forwarded-for"] {
            let request = hub.http.get(hub.url("/people")).header(name, value.clone());
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            // Whoever is not known is led to where people sign in; longer headers than any are not read.
            assert!(
                [200, 400, 401, 403, 429, 431].contains(&status),
                "{status} for {name}: {text:?}"
            );
            let shown = answer.text().await.unwrap();
            assert!(!shown.contains("Invite somebody"), "{name}: {text:?}");
            sent += 1;
        }
    }
    assert!(sent > 100);
    assert_eq!(
        hub.http
            .get(hub.url("/health"))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        200
    );
}
