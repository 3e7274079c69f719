//! Registration, the conversation, and who gets what (wire protocol 2, 3, 6, 12).

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use sdm::access::AddonKey;
use sdm::hub::Rhythm;
use sdm::hub::addons::answers::Answer;
use sdm::hub::administration::KeyWish;
use sdm::model::Timestamp;
use sdm::ports::hub::{Deliveries as _, DeliveryKind, NewDelivery};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::audit::Audited;
use super::events::push;
use super::machine::{Machine, PATIENCE, TestHub, quick, registration, wish};

/// Lets an event wait for the registration of a version of machine `m`.
pub async fn let_wait(hub: &TestHub, version: &str, id: &str) {
    let registrations = hub.administration().registrations().await.unwrap();
    let registration = registrations.iter().find(|one| one.version == version).unwrap();
    let payload = json!({
        "data": {"Push": [{"id": id}]}, "secrets": [],
        "extensions": {"team_id": "w", "operationName": "OnPush", "correlation_id": id}
    });
    let delivery = NewDelivery {
        id: id.to_owned(),
        workspace: "w".to_owned(),
        registration: registration.id.clone(),
        kind: DeliveryKind::Event,
        operation: "OnPush".to_owned(),
        correlation: id.to_owned(),
        payload: payload.to_string(),
        resource: String::new(),
        created: Timestamp::from_micros(0),
        expires: Timestamp::from_micros(i64::MAX),
        patience: Duration::from_secs(900),
    };
    hub.hub.memory().enqueue(&delivery).await.unwrap();
}

fn id_of(event: &Value) -> &str {
    event["data"]["Push"][0]["id"].as_str().unwrap()
}

/// Waits until something about the registrations holds.
async fn until(hub: &TestHub, holds: impl Fn(&[(String, String)]) -> bool) {
    let wait = async {
        loop {
            let registrations = hub.administration().registrations().await.unwrap();
            let names: Vec<_> = registrations
                .into_iter()
                .map(|one| (one.name, one.version))
                .collect();
            if holds(&names) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the registrations become so");
}

#[tokio::test]
async fn a_registration_is_answered_with_a_way_in_that_works_once() {
    let hub = TestHub::start(quick()).await;
    let url = hub.register(&registration("m", "1.0.0", "ephemeral")).await;
    let mut machine = Machine::open(&url).await;
    machine.settled().await;
    let chat = hub
        .ask("query ChatTeam { ChatTeam { id __typename } }", Value::Null)
        .await;
    assert_eq!(
        chat["data"]["ChatTeam"],
        json!([{"id": "w", "__typename": "ChatTeam"}])
    );
    assert!(connect_async(&url).await.is_err(), "the address is used up");
    machine.leave().await;
    until(&hub, <[_]>::is_empty).await;
}

#[tokio::test]
async fn refusals_say_what_is_missing() {
    let hub = TestHub::start(quick()).await;
    let one = registration("m", "1.0.0", "ephemeral");
    let without = hub
        .http
        .post(hub.url("/registration"))
        .body(one.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(without.status(), 401);
    assert!(without.headers().contains_key("www-authenticate"));
    let (status, answer) = hub.post("/registration", "hub_a_guess", &one).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (401, &json!("invalid_credentials"))
    );
    let (_, reader) = hub
        .administration()
        .new_key(&wish(&["graph:read"]))
        .await
        .unwrap();
    let (status, answer) = hub.post("/registration", &reader, &one).await;
    assert_eq!(status, 403);
    assert_eq!(answer["error"]["missing_scopes"], json!(["events:read"]));
    let mut other = one.clone();
    other["team_ids"] = json!(["other"]);
    assert_eq!(hub.post("/registration", &hub.key, &other).await.0, 403);
    let mut wrong = one.clone();
    wrong["capabilities"] = json!(["ack"]);
    for (subscription, because) in [
        (
            "subscription X { Push { nonsense } }",
            "`Push` has no field `nonsense`",
        ),
        (
            "subscription X { Push(brnch: \"main\") { id } }",
            "`brnch` of `Push`: `Push` has no such field of its own",
        ),
        (
            "subscription X { Push { goals(stat: \"success\") { id } } }",
            "`stat` of `goals`: `SdmGoal` has no such field of its own",
        ),
    ] {
        wrong["events"][0]["subscription"] = json!(subscription);
        let (status, answer) = hub.post("/registration", &hub.key, &wrong).await;
        let message = answer["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(status, 400);
        assert!(message.contains(because), "{message}");
    }
    wrong.as_object_mut().unwrap().remove("capabilities");
    wrong["events"][0]["subscription"] = json!("subscription X { Push { id ");
    assert_eq!(
        hub.post("/registration", &hub.key, &wrong).await.0,
        400,
        "no machine has such a one in earnest"
    );
    let (status, _) = hub.post("/registration", &hub.key, &json!({"name": 7})).await;
    assert_eq!(status, 400);
    assert_eq!(hub.post("/nowhere", &hub.key, &one).await.0, 404);
    assert!(
        connect_async(format!("ws://{}/ws/guess", hub.hub.address))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn machines_that_register_without_a_pause_are_put_off() {
    let hub = TestHub::start(quick()).await;
    let one = registration("m", "1.0.0", "ephemeral");
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(hub.post("/registration", &hub.key, &one).await.0);
    }
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    assert!(!statuses.contains(&500), "the original dies of it");
}

#[tokio::test]
async fn g5_a_crowd_of_five_thousand_gets_in_by_turns_and_nobody_is_killed_by_an_answer() {
    use futures_util::StreamExt as _;

    /// So many come.
    const CROWD: u32 = 5_000;
    /// So many connections they have at once; this process has both ends of each.
    const AT_ONCE: usize = 250;
    let hub = TestHub::start(quick()).await;
    let register = async |number: u32| {
        let one = registration(&format!("m-{number}"), "1.0.0", "durable");
        hub.post("/registration", &hub.key, &one).await.0
    };
    let crowd = futures_util::stream::iter((0..CROWD).map(&register));
    let statuses: Vec<u16> = crowd.buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(statuses.len(), CROWD as usize);
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    let in_time = statuses.iter().filter(|status| **status == 200).count();
    assert!(in_time >= 64, "those whose turn it is get in: {in_time}");
    // Nobody is in the way of the next: whoever is told to wait gets in a moment later.
    let begun = std::time::Instant::now();
    while register(CROWD).await != 200 {
        assert!(begun.elapsed() < PATIENCE, "nobody gets in after the crowd");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn pings_go_both_ways_and_silence_ends_the_conversation() {
    let rhythm = Rhythm {
        ping: Duration::from_millis(20),
        silence: Duration::from_millis(200),
        ..quick()
    };
    let hub = TestHub::start(rhythm).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let Message::Text(ping) = machine.frame().await else {
        panic!("the hub pings first");
    };
    assert!(ping.contains("\"ping\""));
    machine.say(&json!({"ping": 7})).await;
    assert_eq!(machine.hear().await, json!({"pong": 7}));
    // It says nothing more: the hub ends it without a close frame, as a connection that is lost.
    let ended = async { while machine.try_frame().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn compressed_frames_go_to_those_who_asked_for_them() {
    let hub = TestHub::start(quick()).await;
    let mut asks = registration("m", "1.0.0", "ephemeral");
    asks["accept_encoding"] = json!("gzip");
    let mut machine = hub.machine(&asks).await;
    machine.say(&json!({"ping": 1})).await;
    loop {
        let Message::Binary(bytes) = machine.frame().await else {
            panic!("every message is compressed");
        };
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        if text == r#"{"pong":1}"# {
            return;
        }
    }
}

#[tokio::test]
async fn g3_nonsense_is_borne_for_a_while_and_floods_are_not() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    for text in ["", "{", "[]", "{\"what\": 1}", "\u{0}"] {
        machine.say_text(text).await;
    }
    machine.settled().await;
    for _ in 0..100 {
        machine.say_text("{").await;
    }
    assert_eq!(machine.closed().await, 1008);
    let mut flooding = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    let flood = format!("{{\"ping\": \"{}\"}}", "x".repeat(5 * 1024 * 1024));
    flooding.try_say(&flood).await;
    let ended = async { while flooding.try_frame().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn equals_share_and_an_answer_ends_a_delivery() {
    let hub = TestHub::start(quick()).await;
    let mut one = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    let mut other = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    one.settled().await;
    other.settled().await;
    for id in ["a", "b", "c", "d"] {
        let_wait(&hub, "1.0.0", id).await;
    }
    let (first, second) = (one.hear().await, other.hear().await);
    let (third, fourth) = (one.hear().await, other.hear().await);
    let mut heard: Vec<&str> = [&first, &second, &third, &fourth].map(id_of).to_vec();
    heard.sort_unstable();
    assert_eq!(heard, ["a", "b", "c", "d"], "two each, and each once");
    assert_eq!(first["extensions"]["attempt"], json!(1));
    for event in [&first, &third] {
        one.answer(event).await;
    }
    one.settled().await;
    // The other is lost without an answer: what it had comes to the one that is left, with the same ids.
    drop(other);
    let mut again = Vec::new();
    for _ in 0..2 {
        let event = one.hear().await;
        assert_eq!(event["extensions"]["attempt"], json!(2));
        assert_eq!(
            event["extensions"]["delivery_id"],
            event["extensions"]["correlation_id"]
        );
        again.push(id_of(&event).to_owned());
        one.answer(&event).await;
    }
    again.sort_unstable();
    let mut lost = [id_of(&second), id_of(&fourth)];
    lost.sort_unstable();
    assert_eq!(again, lost);
    one.settled().await;
}

#[tokio::test]
async fn a_delivery_that_is_acknowledged_does_not_come_again() {
    let hub = TestHub::start(quick()).await;
    let mut asks = registration("m", "1.0.0", "durable");
    asks["capabilities"] = json!(["ack", "header", "unheard-of"]);
    let (_, answer) = hub.post("/registration", &hub.key, &asks).await;
    assert_eq!(answer["capabilities"], json!(["ack", "header"]));
    let (url, token) = (answer["url"].as_str().unwrap(), answer["jwt"].as_str().unwrap());
    assert!(!url.contains(token), "the credential is in a header");
    let mut machine = Machine::open_with(url, token).await;
    let_wait(&hub, "1.0.0", "a").await;
    let event = machine.hear().await;
    let ack =
        json!({"control": {"name": "ack", "params": {"delivery_id": event["extensions"]["delivery_id"]}}});
    machine.say(&ack).await;
    machine.settled().await;
    drop(machine);
    let_wait(&hub, "1.0.0", "b").await;
    let mut again = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let event = again.hear().await;
    assert_eq!(id_of(&event), "b");
    again.answer(&event).await;
    again.settled().await;
}

#[tokio::test]
async fn backoff_holds_deliveries_up() {
    let hub = TestHub::start(quick()).await;
    let mut quiet = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    quiet
        .say(&json!({"control": {"name": "backoff", "params": {"millis": 60_000}}}))
        .await;
    quiet.settled().await;
    let mut ready = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    for id in ["a", "b", "c"] {
        let_wait(&hub, "1.0.0", id).await;
        let event = ready.hear().await;
        assert_eq!(id_of(&event), id);
        ready.answer(&event).await;
    }
    quiet.settled().await;
}

#[tokio::test]
async fn durable_machines_find_what_waited_also_after_a_restart_of_the_hub() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    machine.settled().await;
    machine.leave().await;
    let_wait(&hub, "1.0.0", "a").await;
    let hub = hub.restart(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    assert_eq!(id_of(&machine.hear().await), "a");
    // The hub ends while the machine has it: it comes again.
    let hub = hub.restart(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let event = machine.hear().await;
    assert_eq!((id_of(&event), &event["extensions"]["attempt"]), ("a", &json!(2)));
}

#[tokio::test]
async fn the_last_that_registers_is_served_and_the_one_before_when_it_has_gone() {
    let hub = TestHub::start(quick()).await;
    let mut durable = hub.machine(&registration("m", "1.0.0", "durable")).await;
    durable.settled().await;
    let mut newer = hub.machine(&registration("m", "2.0.0", "ephemeral")).await;
    newer.settled().await;
    assert_eq!(
        durable.hear().await,
        json!({"control": {"name": "superseded", "params": {"version": "2.0.0"}}})
    );
    let versions = |names: &[(String, String)]| {
        names
            .iter()
            .map(|(_, version)| version.clone())
            .collect::<Vec<_>>()
    };
    until(&hub, |names| versions(names) == ["1.0.0", "2.0.0"]).await;
    // Back again with the same announcement, the older one is no newer than it was.
    let again = hub.register(&registration("m", "1.0.0", "durable")).await;
    until(&hub, |names| versions(names) == ["1.0.0", "2.0.0"]).await;
    drop(again);
    newer.leave().await;
    until(&hub, |names| versions(names) == ["1.0.0"]).await;
}

#[tokio::test]
async fn another_host_of_an_older_version_that_comes_back_does_not_win() {
    let hub = TestHub::start(quick()).await;
    let on = |host: &str, version: &str| {
        let mut registration = registration("m", version, "durable");
        registration["metadata"]["labels"]["atomist.system.hostname"] = json!(host);
        registration
    };
    for host in ["a", "b"] {
        hub.machine(&on(host, "1.0.0")).await.settled().await;
    }
    let mut newer = hub.machine(&on("a", "2.0.0")).await;
    newer.settled().await;
    let mut older = hub.machine(&on("b", "1.0.0")).await;
    let control = older.hear().await;
    assert_eq!(
        control["control"]["params"]["version"],
        json!("2.0.0"),
        "{control}"
    );
    let_wait(&hub, "2.0.0", "a").await;
    assert_eq!(id_of(&newer.hear().await), "a");
}

#[tokio::test]
async fn a_websocket_that_is_opened_when_its_registration_has_gone_is_closed_so_that_it_registers_again() {
    let rhythm = Rhythm {
        linger: Duration::from_millis(500),
        ..quick()
    };
    let hub = TestHub::start(rhythm).await;
    let ephemeral = registration("m", "1.0.0", "ephemeral");
    let url = hub.register(&ephemeral).await;
    until(&hub, <[_]>::is_empty).await;
    let has_heard = async {
        while !hub.figures().await.contains("sdm_hub_registrations 0") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, has_heard).await.unwrap();
    assert_eq!(Machine::open(&url).await.closed().await, 1012);
    // The same where somebody took it away in between; it hears why when it comes back.
    let durable = registration("m", "1.0.0", "durable");
    let url = hub.register(&durable).await;
    let registrations = hub.administration().registrations().await.unwrap();
    hub.administration()
        .send_away(&registrations[0].id)
        .await
        .unwrap();
    let code = Machine::open(&url).await.closed().await;
    assert!([1012, 4403].contains(&code), "{code}");
    assert_eq!(hub.post("/registration", &hub.key, &durable).await.0, 403);
}

#[tokio::test]
async fn a_revoked_key_ends_what_is_connected_with_it() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    machine.settled().await;
    let keys = hub.administration().keys().await.unwrap();
    hub.administration().revoke_key(&keys[0].id).await.unwrap();
    assert_eq!(machine.closed().await, 4401);
    let (status, _) = hub
        .post(
            "/registration",
            &hub.key,
            &registration("m", "1.0.0", "ephemeral"),
        )
        .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn g2_a_name_is_its_owners_and_g1_pages_open_nothing() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let one = registration("m", "1.0.0", "durable");
    let mut machine = hub.machine(&one).await;
    machine.settled().await;
    let stranger = KeyWish {
        name: "stranger".to_owned(),
        ..wish(&[])
    };
    let (_, other) = hub.administration().new_key(&stranger).await.unwrap();
    let newer = registration("m", "2.0.0", "durable");
    let (status, answer) = hub.post("/registration", &other, &newer).await;
    assert_eq!(status, 403);
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("somebody else's key"), "{message}");
    audited
        .decided("addon:stranger", "events.subscribe", "insufficient_permission")
        .await;
    let (_, renewed) = hub.administration().new_key(&wish(&[])).await.unwrap();
    assert_eq!(
        hub.post("/registration", &renewed, &one).await.0,
        200,
        "another key of its owner is good"
    );
    let page = hub
        .http
        .get(hub.url("/ws/guess"))
        .header("origin", "https://page.example.org")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(page.send().await.unwrap().status(), 403);
    audited
        .decided("anonymous", "events.receive", "insufficient_permission")
        .await;
    machine.settled().await;
}

#[tokio::test]
async fn a_hub_that_closes_says_when_to_come_back() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    machine.settled().await;
    let (said, _) = tokio::join!(
        async {
            let said = machine.hear().await;
            (said, machine.closed().await)
        },
        hub.hub.stop()
    );
    let drain = json!({"control": {"name": "drain", "params": {"millis": 2_000}}});
    assert_eq!(said, (drain, 1012));
}

#[tokio::test]
async fn c7_many_answers_at_once_are_all_kept_before_the_pong_behind_them() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let ids: Vec<String> = (0..300).map(|number| format!("e-{number}")).collect();
    for id in &ids {
        let_wait(&hub, "1.0.0", id).await;
    }
    let mut events = Vec::new();
    while events.len() < ids.len() {
        events.push(machine.hear().await);
    }
    for event in &events {
        machine.answer(event).await;
    }
    machine.settled().await;
    machine.leave().await;
    // None comes again.
    let hub = hub.restart(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let_wait(&hub, "1.0.0", "last").await;
    assert_eq!(id_of(&machine.hear().await), "last");
}

#[tokio::test]
async fn c7_a_backlog_of_one_machine_keeps_no_other_waiting() {
    let hub = TestHub::start(quick()).await;
    hub.register(&registration("busy", "1.0.0", "durable")).await;
    for number in 0..400 {
        let_wait(&hub, "1.0.0", &format!("e-{number}")).await;
    }
    // Several conversations of the same machine, each of which gets its share, and none of which answers.
    let mut busy = Vec::new();
    for _ in 0..3 {
        busy.push(hub.machine(&registration("busy", "1.0.0", "durable")).await);
    }
    let mut other = hub.machine(&registration("other", "2.0.0", "durable")).await;
    let_wait(&hub, "2.0.0", "only").await;
    assert_eq!(id_of(&other.hear().await), "only");
    for machine in &mut busy {
        machine.hear().await;
    }
}

#[tokio::test]
async fn g5_a_hub_with_many_machines_stops_in_time_and_they_come_back_together() {
    let hub = TestHub::start(quick()).await;
    let names: Vec<String> = (0..150).map(|number| format!("m-{number}")).collect();
    let connected = async |hub: &TestHub| {
        let wishes = names.iter().map(|name| registration(name, "1.0.0", "durable"));
        let machines = wishes.map(|wish| async move { hub.machine(&wish).await });
        futures_util::future::join_all(machines).await
    };
    let before = connected(&hub).await;
    let hub = hub.restart(quick()).await;
    let mut after = connected(&hub).await;
    drop(before);
    let registrations = hub.administration().registrations().await.unwrap();
    assert_eq!(registrations.len(), names.len(), "each as it was");
    assert_eq!(
        hub.github("push", "d-1", &super::events::push("a", "b")).await.0,
        200
    );
    for machine in &mut after {
        assert!(machine.hear().await["data"]["Push"].is_array());
    }
    assert!(hub.hub.stop().await);
}

/// A machine of the original ends for good when it is refused (wire protocol 2.2), and may ask for what this hub does not know.
#[tokio::test]
async fn a_machine_of_the_original_is_served_with_what_can_be_answered_and_told_what_cannot() {
    let hub = TestHub::start(quick()).await;
    let mut one = registration("m", "1.0.0", "durable");
    let more = [
        "subscription OnOther { Push(brnch: \"main\") { id } }",
        "subscription OnUnknown { Push { nonsense } }",
        "subscription OnNothing { Nothing { id } }",
    ];
    let events = one["events"].as_array_mut().unwrap();
    events.extend(
        more.iter()
            .map(|text| json!({"subscription": text, "secrets": []})),
    );
    let (status, answer) = hub.post("/registration", &hub.key, &one).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["warnings"],
        json!([
            "subscription 2 (subscription OnOther { Push(brnch: \"main\") { id } }…): `brnch` of `Push`: `Push` has no such field of its own",
            "subscription 3 (subscription OnUnknown { Push { nonsense } }…): `Push` has no field `nonsense`",
            "subscription 4 (subscription OnNothing { Nothing { id } }…): `Query` has no field `Nothing`",
        ])
    );
    let mut machine = hub.machine(&one).await;
    hub.github("push", "d-1", &super::events::push("a", "b")).await;
    let heard = machine.hear().await;
    assert_eq!(heard["extensions"]["operationName"], json!("OnPush"));
    machine.answer(&heard).await;
    machine.settled().await;
}

#[tokio::test]
async fn what_happens_while_a_machine_is_switched_off_is_held_for_it() {
    let hub = TestHub::start(quick()).await;
    let durable = registration("m", "1.0.0", "durable");
    let mut machine = hub.machine(&durable).await;
    machine.settled().await;
    let key = AddonKey::parse("test").unwrap();
    let administration = hub.administration();
    administration.answer_addon(&key, &Answer::Disable).await.unwrap();
    assert_eq!(machine.closed().await, 4403, "it is off");
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    administration.answer_addon(&key, &Answer::Enable).await.unwrap();
    let begun = std::time::Instant::now();
    let url = loop {
        let (status, answer) = hub.post("/registration", &hub.key, &durable).await;
        if status == 200 {
            break answer["url"].as_str().unwrap().to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "{answer}");
        tokio::time::sleep(quick().look).await;
    };
    let mut machine = Machine::open(&url).await;
    let heard = machine.hear().await;
    assert_eq!(heard["data"]["Push"][0]["branch"], json!("main"), "{heard}");
}
