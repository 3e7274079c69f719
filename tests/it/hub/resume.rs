//! Conversations that are resumed without a registration (wire protocol 18).

use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, TestHub, quick, registration, wish};

/// A machine that knows how to resume, as this run.
pub fn resumes(name: &str, run: &str) -> Value {
    let mut registration = registration(name, "1.0.0", "durable");
    registration["capabilities"] = json!(["ack", "lease", "header", "resume"]);
    registration["instance"] = json!({"id": format!("directory of {name}"), "run": run});
    registration
}

/// A conversation of it from its registration on; its address, and with what it is resumed.
pub async fn talks(hub: &TestHub, registration: &Value) -> (Machine, String, String) {
    let (status, answer) = hub.post("/registration", &hub.key, registration).await;
    assert_eq!(status, 200, "{answer}");
    let capabilities = answer["capabilities"].to_string();
    assert!(capabilities.contains("\"resume\""), "{answer}");
    let (url, ticket) = (answer["url"].as_str().unwrap(), answer["jwt"].as_str().unwrap());
    let mut machine = Machine::open_with(url, ticket).await;
    let token = how_to_resume(&mut machine).await;
    (machine, url.to_owned(), token)
}

/// What the hub says first.
pub async fn how_to_resume(machine: &mut Machine) -> String {
    let first = machine.hear().await;
    assert_eq!(first["control"]["name"], json!("resume"), "{first}");
    assert!(first["control"]["params"]["session_id"].is_string(), "{first}");
    let token = &first["control"]["params"]["resume_token"];
    token.as_str().unwrap().to_owned()
}

/// The first word of whoever comes back: what is stored.
pub fn stored(ids: &[&Value]) -> Value {
    json!({"control": {"name": "resume", "params": {"delivery_ids": ids}}})
}

fn acknowledged(event: &Value) -> Value {
    json!({"control": {"name": "ack", "params": {"delivery_id": id(event)}}})
}

fn id(event: &Value) -> &Value {
    &event["extensions"]["delivery_id"]
}

async fn pushed(hub: &TestHub, number: u32) {
    let mut payload = push("a", "b");
    payload["ref"] = json!(format!("refs/heads/branch-{number}"));
    let (status, answer) = hub.github("push", &format!("d-{number}"), &payload).await;
    assert_eq!(status, 200, "{answer}");
}

fn branch(event: &Value) -> &Value {
    &event["data"]["Push"][0]["branch"]
}

async fn refused(url: &str, key: &str, token: &str) -> (u16, String) {
    match Machine::resume(url, key, token).await {
        Err((status, body)) => (status, body["error"]["code"].as_str().unwrap().to_owned()),
        Ok(_) => panic!("it was resumed"),
    }
}

fn refusal() -> (u16, String) {
    (410, "resume_refused".to_owned())
}

#[tokio::test]
async fn a_machine_that_lost_its_websocket_goes_on_without_a_registration() {
    let hub = TestHub::start(quick()).await;
    let (mut machine, url, token) = talks(&hub, &resumes("m", "run")).await;
    pushed(&hub, 1).await;
    let first = machine.hear().await;
    machine.say(&acknowledged(&first)).await;
    machine.settled().await;
    pushed(&hub, 2).await;
    pushed(&hub, 3).await;
    // Both are stored, and of none does the hub hear.
    let (second, third) = (machine.hear().await, machine.hear().await);
    drop(machine);
    let mut machine = Machine::resume(&url, &hub.key, &token).await.unwrap();
    let next = how_to_resume(&mut machine).await;
    pushed(&hub, 4).await;
    machine.say(&stored(&[id(&second), &json!("nothing")])).await;
    let mut heard = [machine.hear().await, machine.hear().await];
    heard.sort_by_key(|event| branch(event).to_string());
    let [again, fourth] = heard;
    assert_eq!((id(&again), branch(&again)), (id(&third), branch(&third)));
    assert_eq!(again["extensions"]["attempt"], json!(2));
    assert_eq!(branch(&fourth), &json!("branch-4"));
    for event in [&second, &again, &fourth] {
        machine.answer(event).await;
    }
    machine.settled().await;
    // And so once more; a machine that says something else first has stored nothing.
    pushed(&hub, 5).await;
    let fifth = machine.hear().await;
    drop(machine);
    let mut machine = Machine::resume(&url, &hub.key, &next).await.unwrap();
    how_to_resume(&mut machine).await;
    machine.say(&json!({"ping": 1})).await;
    let mut heard = vec![machine.hear().await, machine.hear().await];
    heard.retain(|message| message.get("pong").is_none());
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(id(&heard[0]), id(&fifth));
    machine.answer(&heard[0]).await;
    machine.settled().await;
    let figures = hub.figures().await;
    assert!(
        figures.contains("sdm_hub_sessions_resumed_total 2\n"),
        "{figures}"
    );
    assert!(hub.administration().dead("w").await.unwrap().is_empty());
}

#[tokio::test]
async fn g2_a_conversation_is_resumed_once_by_whose_it_is_while_its_registration_and_key_are_good() {
    let hub = TestHub::start(quick()).await;
    let (machine, url, token) = talks(&hub, &resumes("m", "run")).await;
    let (_, thief) = hub.administration().new_key(&wish(&[])).await.unwrap();
    assert_eq!(refused(&url, &thief, &token).await, refusal(), "stolen");
    assert_eq!(refused(&url, &hub.key, "a-guess").await, refusal());
    let nobody = refused(&url, "hub_a_nobody_nothing", &token).await;
    assert_eq!(nobody.0, 401, "{nobody:?}");
    // The thief's try took nothing away, and what was not noticed to be lost ends.
    let mut half_open = machine;
    let mut machine = Machine::resume(&url, &hub.key, &token).await.unwrap();
    let next = how_to_resume(&mut machine).await;
    assert_eq!(half_open.closed().await, 1000);
    assert_eq!(refused(&url, &hub.key, &token).await, refusal(), "used");
    machine.say(&stored(&[])).await;
    machine.settled().await;
    drop(machine);
    // Another run has come: what the one before had is worth nothing.
    let newer = resumes("m", "run-2");
    let (status, _) = loop {
        let (status, answer) = hub.post("/registration", &hub.key, &newer).await;
        if status == 200 {
            break (status, answer);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(status, 200);
    assert_eq!(refused(&url, &hub.key, &next).await, refusal());
    let (machine, url, token) = talks(&hub, &newer).await;
    let registered = hub.administration().registrations().await.unwrap();
    assert_eq!(registered.len(), 1);
    drop(machine);
    let administration = hub.administration();
    administration.send_away(&registered[0].id).await.unwrap();
    assert_eq!(refused(&url, &hub.key, &token).await, refusal(), "taken away");
    let figures = hub.figures().await;
    let line = "sdm_hub_refused_total{door=\"websocket\",reason=\"resume_refused\"} 5\n";
    assert!(figures.contains(line), "{figures}");
}

#[tokio::test]
async fn g2_a_key_that_is_revoked_resumes_nothing() {
    let hub = TestHub::start(quick()).await;
    let (machine, url, token) = talks(&hub, &resumes("m", "run")).await;
    drop(machine);
    let keys = hub.administration().keys().await.unwrap();
    hub.administration().revoke_key(&keys[0].id).await.unwrap();
    let (status, code) = refused(&url, &hub.key, &token).await;
    assert!(status == 401, "{status} {code}");
}

#[tokio::test]
async fn a_conversation_goes_on_after_a_restart_of_the_hub() {
    let hub = TestHub::start(quick()).await;
    let (mut machine, _, token) = talks(&hub, &resumes("m", "run")).await;
    pushed(&hub, 1).await;
    let event = machine.hear().await;
    let hub = hub.restart(quick()).await;
    let url = format!("ws://{}/ws/open", hub.hub.address);
    let mut machine = Machine::resume(&url, &hub.key, &token).await.unwrap();
    how_to_resume(&mut machine).await;
    machine.say(&stored(&[id(&event)])).await;
    machine.settled().await;
    pushed(&hub, 2).await;
    let next = machine.hear().await;
    assert_eq!(branch(&next), &json!("branch-2"), "and not what it has");
    machine.answer(&event).await;
    machine.answer(&next).await;
    machine.settled().await;
}

#[tokio::test]
async fn nobody_is_told_how_to_resume_who_does_not_know_or_is_no_run() {
    let hub = TestHub::start(quick()).await;
    let mut unknowing = resumes("m", "run");
    unknowing["capabilities"] = json!(["ack", "header"]);
    let mut no_run = resumes("other", "run");
    no_run.as_object_mut().unwrap().remove("instance");
    for registration in [unknowing, no_run] {
        let (_, answer) = hub.post("/registration", &hub.key, &registration).await;
        let (url, ticket) = (answer["url"].as_str().unwrap(), answer["jwt"].as_str().unwrap());
        let mut machine = Machine::open_with(url, ticket).await;
        machine.settled().await;
    }
}
