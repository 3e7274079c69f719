//! What machines say of commands while they carry them out (wire protocol 18).

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::commands::{answer, asked, look, offers, person};
use super::machine::{Machine, PATIENCE, TestHub, quick};

fn says(command: &Value, text: &str) -> Value {
    let params = json!({"correlation_id": command["correlation_id"], "text": text});
    json!({"control": {"name": "progress", "params": params}})
}

async fn end(machine: &mut Machine, command: &Value) {
    let done = json!({"status": {"code": 0, "reason": "done"}});
    machine.say(&answer(command, &done)).await;
    machine.settled().await;
}

#[tokio::test]
async fn whoever_waits_for_a_command_sees_what_it_is_at_and_nobody_else_says_that() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    assert_eq!(look(&hub, &ada, &url).await["progress"], Value::Null);
    let mut other = hub.machine(&offers("other")).await;
    other.say(&says(&command, "it is mine")).await;
    other.settled().await;
    assert_eq!(look(&hub, &ada, &url).await["progress"], Value::Null);
    machine.say(&says(&command, "3 of 4")).await;
    machine.settled().await;
    let seen = look(&hub, &ada, &url).await;
    assert_eq!(seen["progress"], json!({"number": 1, "text": "3 of 4"}));
    // Who knows that waits for more of it, or for the end.
    let waits = look(&hub, &ada, &format!("{url}?wait=20&seen=0&progress=0")).await;
    assert_eq!(waits["progress"]["number"], json!(1));
    let next_url = format!("{url}?wait=20&seen=0&progress=1");
    let more = async {
        let next = look(&hub, &ada, &next_url);
        timeout(PATIENCE, next).await.unwrap()
    };
    let going_on = async {
        // A machine says something once a second; the hub takes it half a second later.
        tokio::time::sleep(Duration::from_millis(600)).await;
        machine.say(&says(&command, "4 of 4")).await;
        machine.settled().await;
    };
    let (seen, ()) = tokio::join!(more, going_on);
    assert_eq!(seen["progress"], json!({"number": 2, "text": "4 of 4"}));
    end(&mut machine, &command).await;
    let seen = look(&hub, &ada, &url).await;
    assert_eq!(
        (&seen["phase"], &seen["progress"]),
        (&json!("SUCCESS"), &Value::Null)
    );
}

#[tokio::test]
async fn the_stream_of_a_command_tells_what_it_is_at() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    machine.say(&says(&command, "half way")).await;
    machine.settled().await;
    let request = hub
        .http
        .get(&url)
        .header("accept", "text/event-stream")
        .bearer_auth(&ada);
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    let mut has_ended = false;
    while !text.contains("event: end") {
        let part = timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&part));
        if text.contains("event: progress") && !has_ended {
            end(&mut machine, &command).await;
            has_ended = true;
        }
    }
    assert!(text.contains("\"text\":\"half way\""), "{text}");
}

#[tokio::test]
async fn g3_progress_that_is_malformed_or_too_long_is_refused_and_counted() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    let wrong = [
        says(&command, &"x".repeat(201)),
        says(&command, "two\nlines"),
        json!({"control": {"name": "progress", "params": {"text": "of nothing"}}}),
        json!({"control": {"name": "progress", "params": {"correlation_id": command["correlation_id"], "text": {"deep": []}}}}),
    ];
    for message in &wrong {
        machine.say(message).await;
    }
    machine.settled().await;
    assert_eq!(look(&hub, &ada, &url).await["progress"], Value::Null);
    let figures = hub.figures().await;
    let line = "sdm_hub_refused_total{door=\"websocket\",reason=\"malformed_progress\"} 4\n";
    assert!(figures.contains(line), "{figures}");
}
