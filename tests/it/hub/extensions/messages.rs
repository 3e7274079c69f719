//! What machines say to channels, read along by an add-on that is in the chat, and what is pressed there.

use sdm::hub::administration::Administration;
use sdm::ports::people::{Invited, PersonRole};
use serde_json::{Value, json};

use super::super::machine::{Machine, PATIENCE, registration, wish};
use super::Pair;
use super::add_on::seconds;
use super::tokens::{assertion, consent, exchange};

/// A machine that offers a command.
async fn machine(pair: &Pair) -> Machine {
    machine_of(pair, "m", "1.0.0").await
}

/// A version of a machine.
async fn machine_of(pair: &Pair, name: &str, version: &str) -> Machine {
    let administration = Administration::of(pair.hub.memory());
    let (_, key) = administration.new_key(&wish(&[])).await.unwrap();
    let mut body = registration(name, version, "durable");
    body["commands"] = json!([{
        "name": "Deploy", "intent": ["deploy"], "tags": [], "auto_submit": true, "mapped_parameters": [], "secrets": [],
        "parameters": [{"name": "env", "pattern": "^[a-z]+$", "required": true, "displayable": true, "display_name": "env"}],
    }]);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http
        .post(pair.url("/registration"))
        .bearer_auth(&key)
        .body(body.to_string());
    let answer = asked.send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    Machine::open(answer["url"].as_str().unwrap_or_else(|| panic!("{answer}"))).await
}

fn says(channel: &str, id: &str, timestamp: u32, more: &Value) -> Value {
    let mut message = json!({
        "api_version": "1", "correlation_id": "x", "team": {"id": "w"}, "event": "OnPush", "content_type": "text/plain",
        "destinations": [{"user_agent": "slack", "slack": {"team": {"id": "T1"}, "channel": {"name": channel}}}],
        "id": id, "timestamp": timestamp, "ttl": 60_000,
    });
    message
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    message
}

/// What the add-on reads behind a cursor.
async fn read(pair: &Pair, after: &str, wait: u32) -> (u16, Value) {
    // Two equal calls of one second would be one call.
    let number = super::ASKED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let target = format!("/messages/w?after={after}&number={number}&wait={wait}");
    pair.get(&target).await
}

fn bodies(answer: &Value) -> Vec<&Value> {
    let messages = answer["messages"].as_array().unwrap();
    messages.iter().map(|message| &message["body"]).collect()
}

const SCOPES: &str = "events:read messages:read act_as_user";

/// Installs the add-on with scopes that it asks for.
async fn install(pair: &Pair, scopes: &str, places: &[&str]) {
    let asked: Vec<&str> = scopes.split(' ').collect();
    pair.add_on.describe(&json!({ "scopes": asked }));
    pair.install(scopes, places).await;
}

#[tokio::test]
async fn d30_messages_to_granted_channels_are_read_in_their_order_and_no_others() {
    let pair = Pair::start().await;
    install(&pair, SCOPES, &["channel:ops"]).await;
    let mut machine = machine(&pair).await;
    machine.say(&says("ops", "one", 1, &json!({"body": "1"}))).await;
    machine.say(&says("exec", "two", 1, &json!({"body": "2"}))).await;
    machine.say(&says("ops", "three", 1, &json!({"body": "3"}))).await;
    machine.settled().await;
    let (status, first) = read(&pair, "", 0).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(bodies(&first), ["1", "3"]);
    let told = &first["messages"][0];
    assert_eq!((&told["id"], &told["is_gone"]), (&json!("one"), &json!(false)));
    assert_eq!(told["destination"]["slack"]["channel"]["name"], json!("ops"));
    let next = first["next"].as_str().unwrap();
    let (_, none) = read(&pair, next, 0).await;
    assert_eq!((bodies(&none).len(), none["next"].as_str()), (0, Some(next)));
    // Whoever waits hears at once: the same message again, and that another is gone.
    let (waits, ()) = tokio::join!(tokio::time::timeout(PATIENCE, read(&pair, next, 30)), async {
        machine.say(&says("ops", "one", 2, &json!({"body": "1b"}))).await;
    });
    let (_, more) = waits.unwrap();
    assert_eq!(bodies(&more), ["1b"]);
    assert_eq!(more["messages"][0]["place"], told["place"], "it is rewritten");
    let delete = json!({"content_type": "application/x-atomist-delete"});
    machine.say(&says("ops", "three", 2, &delete)).await;
    machine.settled().await;
    let (_, gone) = read(&pair, more["next"].as_str().unwrap(), 0).await;
    let tombstone = &gone["messages"][0];
    assert_eq!(
        (&tombstone["id"], &tombstone["is_gone"], &tombstone["body"]),
        (&json!("three"), &json!(true), &Value::Null)
    );
    let (_, anew) = read(&pair, "another-life.999999", 0).await;
    assert_eq!(anew["messages"].as_array().unwrap().len(), 2, "{anew}");
}

#[tokio::test]
async fn d31_without_the_scope_nothing_is_read() {
    let pair = Pair::start().await;
    install(&pair, "events:read messages:write", &["channel:ops"]).await;
    let (status, refused) = read(&pair, "", 0).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("insufficient_scope")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_machine_keeps_its_messages_when_it_is_upgraded() {
    let pair = Pair::start().await;
    install(&pair, SCOPES, &["channel:ops"]).await;
    let mut before = machine_of(&pair, "m", "1.0.0").await;
    before.say(&says("ops", "one", 1, &json!({"body": "1"}))).await;
    before.say(&says("ops", "two", 1, &json!({"body": "2"}))).await;
    before.settled().await;
    let mut other = machine_of(&pair, "other", "1.0.0").await;
    other
        .say(&says("ops", "one", 2, &json!({"body": "not its own"})))
        .await;
    other.settled().await;
    let mut after = machine_of(&pair, "m", "2.0.0").await;
    after.say(&says("ops", "one", 3, &json!({"body": "1b"}))).await;
    let delete = json!({"content_type": "application/x-atomist-delete"});
    after.say(&says("ops", "two", 3, &delete)).await;
    after.settled().await;
    let (_, seen) = read(&pair, "", 0).await;
    assert_eq!(bodies(&seen), [&json!("1b"), &Value::Null], "{seen}");
    assert_eq!(seen["messages"][1]["is_gone"], json!(true));
}

#[tokio::test]
async fn an_answer_has_a_bound_in_bytes_and_its_cursor_misses_nothing() {
    let pair = Pair::start().await;
    install(&pair, SCOPES, &["channel:ops"]).await;
    let mut machine = machine(&pair).await;
    let long = "x".repeat(1_500_000);
    for id in ["one", "two", "three"] {
        machine.say(&says("ops", id, 1, &json!({"body": long}))).await;
    }
    machine.settled().await;
    let (_, first) = read(&pair, "", 0).await;
    assert_eq!(bodies(&first).len(), 2);
    let (_, rest) = read(&pair, first["next"].as_str().unwrap(), 0).await;
    assert_eq!(rest["messages"][0]["id"], json!("three"));
    assert_eq!(bodies(&rest).len(), 1);
}

#[tokio::test]
async fn f1_a_long_wait_ends_with_its_extension() {
    let pair = Pair::start().await;
    install(&pair, SCOPES, &["channel:ops"]).await;
    let soon = std::time::Duration::from_secs(10);
    let (waited, ()) = tokio::join!(tokio::time::timeout(soon, read(&pair, "", 30)), async {
        // By now it waits.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        pair.operator.uninstall(super::add_on::KEY).await.unwrap();
    });
    let (status, refused) = waited.expect("the wait outlives its extension");
    assert!(matches!(status, 401 | 403), "{status}: {refused}");
}

#[tokio::test]
async fn h5_an_action_is_pressed_by_whoever_agreed_and_is_what_its_machine_put_there() {
    let pair = Pair::start().await;
    install(&pair, SCOPES, &["workspace", "channel:ops"]).await;
    let mut machine = machine(&pair).await;
    let actions = json!({"body": "deploy?", "actions": [
        {"id": "go", "command": "Deploy", "parameter_name": "env", "parameters": []},
        {"id": "approve", "command": "sdm.approve", "parameters": []},
    ]});
    machine.say(&says("ops", "ask", 1, &actions)).await;
    machine.say(&says("exec", "ask", 1, &actions)).await;
    machine.settled().await;
    let (_, seen) = read(&pair, "", 0).await;
    let message = &seen["messages"][0];
    assert_eq!(message["actions"][0]["id"], json!("go"), "{seen}");
    let press = |action: &str| json!({"place": message["place"], "id": message["id"], "action": action, "value": "prod"});
    let target = "/messages/w/press";
    let as_nobody = pair.add_on.token(&pair.add_on.secret(), "POST", target);
    let url = pair.url(target);
    let call =
        async |credential: &str, body: &Value| pair.add_on.call(&url, credential, &[], Some(body)).await;
    let (status, refused) = call(&format!("JWT {as_nobody}"), &press("go")).await;
    assert_eq!(status, 403, "an add-on presses nothing by itself: {refused}");
    let administration = Administration::of(pair.hub.memory());
    let invited = Invited {
        name: "Ada".to_owned(),
        role: PersonRole::Member,
    };
    let link = administration
        .invite("ada", invited, &pair.url(""))
        .await
        .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let come_in = http.post(&link.address).header("sec-fetch-site", "same-origin");
    come_in.send().await.unwrap();
    consent(&pair, Some("ada")).await;
    let path = "/oauth2/token";
    let text = assertion(&pair, path, Some("ada"), |claims| {
        claims["exp"] = json!(seconds() + 50);
    });
    let (status, given) = exchange(&pair, path, &text, &[]).await;
    assert_eq!(status, 200, "{given}");
    let ada = format!("Bearer {}", given["access_token"].as_str().unwrap());
    let (status, pressed) = call(&ada, &press("go")).await;
    assert_eq!(status, 200, "{pressed}");
    let command = tokio::time::timeout(PATIENCE, machine.hear()).await.unwrap();
    assert_eq!(command["command"], json!("Deploy"), "{command}");
    assert_eq!(command["parameters"], json!([{"name": "env", "value": "prod"}]));
    assert_eq!(command["source"]["slack"]["channel"]["name"], json!("ops"));
    let elsewhere = json!({"place": "channel:T1:exec", "id": "ask", "action": "go", "value": "prod"});
    let (status, answer) = call(&ada, &elsewhere).await;
    assert_eq!(status, 404, "the add-on does not see that channel: {answer}");
    for (action, expected) in [("approve", 403), ("nothing", 404)] {
        let (status, answer) = call(&ada, &press(action)).await;
        assert_eq!(status, expected, "{action}: {answer}");
    }
    pair.until("it is in the audit", async || {
        pair.audit().contains("\"action.press\"")
    })
    .await;
}
