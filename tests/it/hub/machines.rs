//! Machines that register, hear of what they asked for, and answer (wire protocol 2, 3, 7, 8, 12).

use sdm::hub::access::key;
use sdm::hub::access::operations::Scope;
use sdm::runtime::clock::SystemClock;
use serde_json::{Value, json};

use super::world::{Machine, World, push, registration};
use tokio_tungstenite::tungstenite::Message;

const ON_PUSH: &str = "subscription OnPush { Push { id branch after @required { sha message author { login } } repo { owner name defaultBranch org { owner provider { providerId providerType apiUrl } } channels { name } } } }";
const FORGE: &str = "http://forge.example.test";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn sha(digit: char) -> String {
    digit.to_string().repeat(40)
}

#[tokio::test]
async fn a_signed_push_reaches_the_machine_that_asked_for_it_once() {
    let world = World::new().await;
    let mut machine = world
        .machine(&registration("@acme/sdm", "1.0.0", &[ON_PUSH]))
        .await;
    let body = push(FORGE, "main", ZERO, &sha('a'));
    let (status, answer) = world.webhook("push", "d-1", &body).await;
    assert_eq!((status, &answer["repeated"]), (200, &json!(false)), "{answer}");
    for _ in 0..3 {
        let (_, again) = world.webhook("push", "d-1", &body).await;
        assert_eq!(again["repeated"], json!(true), "threat C3");
    }
    let (operation, event) = machine.event().await;
    assert_eq!(operation, "OnPush");
    assert_eq!(event["extensions"]["team_id"], json!("main"));
    assert_eq!(
        event["secrets"],
        json!([{"uri": "github://org_token", "value": "null"}])
    );
    let delivered = &event["data"]["Push"][0];
    assert_eq!(
        delivered["after"],
        json!({"sha": sha('a'), "message": "Change something", "author": {"login": "jess"}})
    );
    assert_eq!(
        delivered["repo"]["org"]["provider"],
        json!({"providerId": "ghe_forge_example_test", "providerType": "ghe", "apiUrl": "http://forge.example.test/api/v3"})
    );
    assert_eq!(delivered["repo"]["channels"], json!([]));
    machine.handled(&event, 0).await;
    machine.ping(1).await;
    let asked = world
        .ask(
            "{ Push(branch: \"main\") { id after { sha } __typename } }",
            &Value::Null,
        )
        .await;
    assert_eq!(asked["data"]["Push"][0]["after"]["sha"], json!(sha('a')));
    world.hub.shut_down().await;
}

#[tokio::test]
async fn c1_what_is_not_signed_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let body = push(FORGE, "main", ZERO, &sha('a')).to_string();
    let (status, _) = world.signed("push", "d-1", &body, "another secret").await;
    assert_eq!(status, 401);
    let (status, _) = world.post("/webhooks/github/main", None, &json!({})).await;
    assert_eq!(status, 401);
    assert_eq!(
        world.ask("{ Push { id } }", &Value::Null).await["data"]["Push"],
        json!([])
    );
    let (status, answer) = world.webhook("push", "d-2", &json!({"ref": 7})).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("webhook_invalid"))
    );
    let (status, answer) = world.webhook("star", "d-3", &json!({})).await;
    assert_eq!((status, answer), (202, json!({"ignored": "star"})));
}

#[tokio::test]
async fn goals_written_by_a_machine_come_back_as_events_with_all_goals_of_their_push() {
    let world = World::new().await;
    let downstream = "subscription Downstream { SdmGoal(state: [success], registration: [\"@acme/sdm\"]) { uniqueName version push { branch goals { uniqueName state version } } } }";
    let mut machine = world
        .machine(&registration("@acme/sdm", "1.0.0", &[downstream]))
        .await;
    world
        .webhook("push", "d-1", &push(FORGE, "main", ZERO, &sha('a')))
        .await;
    let goal = |name: &str, state: &str, version: u32| {
        json!({"goal": {
            "goalSetId": "set-1", "goalSet": "build, publish", "environment": "0-code", "uniqueName": name, "name": name, "state": state,
            "registration": "@acme/sdm", "version": version, "ts": 1_795_296_820_218_u64 + u64::from(version), "sha": sha('a'), "branch": "main",
            "repo": {"owner": "acme", "name": "app", "providerId": "ghe_forge_example_test", "__typename": "SdmRepository"}
        }})
    };
    let write = "mutation UpdateSdmGoal($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    for (name, state, version) in [
        ("publish", "planned", 1),
        ("build", "requested", 1),
        ("build", "in_process", 2),
        ("build", "success", 3),
    ] {
        let answer = world.ask(write, &goal(name, state, version)).await;
        assert!(answer["data"]["ingestCustomSdmGoal"].is_string(), "{answer}");
    }
    let (_, event) = machine.event().await;
    assert_eq!(
        event["data"]["SdmGoal"][0]["push"]["goals"],
        json!([
            {"uniqueName": "publish", "state": "planned", "version": 1},
            {"uniqueName": "build", "state": "success", "version": 3}
        ])
    );
    let canceled = "query CanceledSdmGoal($goalSetId: String!, $uniqueName: String!) { SdmGoal(goalSetId: [$goalSetId], uniqueName: [$uniqueName], state: [canceled], _showHistory: true) { id __typename } }";
    let none = world
        .ask(canceled, &json!({"goalSetId": "set-1", "uniqueName": "build"}))
        .await;
    assert_eq!(none["data"], json!({"SdmGoal": []}));
}

#[tokio::test]
async fn equals_take_turns_and_the_version_that_registered_last_wins() {
    let world = World::new().await;
    let mut first = world
        .machine(&registration("@acme/sdm", "1.0.0", &[ON_PUSH]))
        .await;
    let mut second = world
        .machine(&registration("@acme/sdm", "1.0.0", &[ON_PUSH]))
        .await;
    let mut other = world
        .machine(&registration("@other/sdm", "9.0.0", &[ON_PUSH]))
        .await;
    world
        .webhook("push", "d-1", &push(FORGE, "main", ZERO, &sha('a')))
        .await;
    world
        .webhook("push", "d-2", &push(FORGE, "main", &sha('a'), &sha('b')))
        .await;
    for machine in [&mut first, &mut second] {
        let (_, event) = machine.event().await;
        machine.handled(&event, 0).await;
        machine.ping(1).await;
    }
    other.event().await;
    other.event().await;
    let mut newer = world
        .machine(&registration("@acme/sdm", "0.9.0", &[ON_PUSH]))
        .await;
    world
        .webhook("push", "d-3", &push(FORGE, "main", &sha('b'), &sha('c')))
        .await;
    newer.event().await;
    first.ping(2).await;
    second.ping(2).await;
    drop(newer);
}

#[tokio::test]
async fn what_a_lost_session_had_in_hand_is_delivered_again_and_only_its_holder_can_end_it() {
    let world = World::new().await;
    let durable = {
        let mut durable = registration("@acme/sdm", "1.0.0", &[ON_PUSH]);
        durable["policy"]["name"] = json!("durable");
        durable
    };
    let mut first = world.machine(&durable).await;
    world
        .webhook("push", "d-1", &push(FORGE, "main", ZERO, &sha('a')))
        .await;
    let (_, event) = first.event().await;
    let mut foreign = world.machine(&registration("@other/sdm", "1.0.0", &[])).await;
    foreign.handled(&event, 0).await;
    foreign.ping(1).await;
    drop(first);
    let mut second = world.machine(&durable).await;
    let (_, again) = second.event().await;
    assert_eq!(
        again["extensions"]["correlation_id"], event["extensions"]["correlation_id"],
        "the same delivery"
    );
    second.handled(&again, 0).await;
    second.ping(1).await;
    drop(second);

    // Durable: what happens while nobody is there, and over a restart of the hub, waits.
    world
        .webhook("push", "d-2", &push(FORGE, "main", &sha('a'), &sha('b')))
        .await;
    let world = world.again().await;
    let mut third = world.machine(&durable).await;
    let (_, waited) = third.event().await;
    assert_eq!(waited["data"]["Push"][0]["after"]["sha"], json!(sha('b')));
}

#[tokio::test]
async fn f1_only_a_key_with_the_scope_and_the_workspace_opens_anything() {
    let world = World::new().await;
    let body = registration("@acme/sdm", "1.0.0", &[]);
    let refused = |answer: &(u16, Value)| {
        (
            answer.0,
            answer.1["error"]["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let none = world.post("/registration", None, &body).await;
    assert_eq!(refused(&none), (401, "credentials_missing".to_owned()));
    let wrong = world.post("/registration", Some("hub_a_nonsense"), &body).await;
    assert_eq!(refused(&wrong), (401, "credentials_invalid".to_owned()));
    let made_up = key::make("never kept", &["main".to_owned()], &Scope::MACHINE, &SystemClock);
    let unknown = world
        .post("/registration", Some(key::exposes(&made_up)), &body)
        .await;
    assert_eq!(refused(&unknown), (401, "credentials_invalid".to_owned()));
    let mut elsewhere = body.clone();
    elsewhere["team_ids"] = json!(["main", "other"]);
    let closed = world.post("/registration", Some(&world.key), &elsewhere).await;
    assert_eq!(refused(&closed), (403, "workspace_closed".to_owned()));
    let closed = world
        .post(
            "/graphql/team/other",
            Some(&world.key),
            &json!({"query": "{ Push { id } }"}),
        )
        .await;
    assert_eq!(refused(&closed), (403, "workspace_closed".to_owned()));
    for path in [
        "/REGISTRATION",
        "/registration/",
        "//registration",
        "/nowhere",
        "/../registration",
    ] {
        let (status, _) = world.post(path, Some(&world.key), &body).await;
        assert_eq!(status, 404, "{path}");
    }
    let answer = world
        .ask("mutation { deleteEverything(value: 1) }", &Value::Null)
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        json!("operation_closed")
    );
    let mut bad = body.clone();
    bad["events"] = json!([{"subscription": "subscription X { Pish { id } }"}]);
    let (status, answer) = world.post("/registration", Some(&world.key), &bad).await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["error"]["message"],
        json!("subscription X: `Query` has no field `Pish`")
    );
}

#[tokio::test]
async fn f1_a_key_that_is_taken_back_closes_its_sockets() {
    let world = World::new().await;
    let mut machine = world.machine(&registration("@acme/sdm", "1.0.0", &[])).await;
    machine.ping(1).await;
    let store = sdm::store::hub::HubDatabase::open_file(&world.state.path().join("hub.db"))
        .await
        .unwrap();
    use sdm::ports::hub::HubStore;
    let id = store.keys().await.unwrap()[0].id.clone();
    assert!(
        store
            .revoke_key(&id, sdm::model::Timestamp::from_micros(1))
            .await
            .unwrap()
    );
    assert_eq!(machine.hear().await, None, "the hub ends the conversation");
    let (status, _) = world
        .post(
            "/registration",
            Some(&world.key),
            &registration("@acme/sdm", "1.0.0", &[]),
        )
        .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_ticket_opens_one_socket_once() {
    let world = World::new().await;
    let (_, answer) = world
        .post(
            "/registration",
            Some(&world.key),
            &registration("@acme/sdm", "1.0.0", &[]),
        )
        .await;
    let url = answer["url"].as_str().unwrap();
    let mut machine = Machine::connect(url).await.unwrap();
    machine.ping(1).await;
    assert!(Machine::connect(url).await.is_err());
    let wrong = url.replace("token=", "token=x");
    assert!(Machine::connect(&wrong).await.is_err());
}

#[tokio::test]
async fn g3_nonsense_on_a_socket_hurts_nobody_else() {
    let world = World::new().await;
    let mut quiet = world.machine(&registration("@quiet/sdm", "1.0.0", &[])).await;
    let mut loud = world.machine(&registration("@loud/sdm", "1.0.0", &[])).await;
    for nonsense in ["", "{", "[]", "{\"x\": 1}", "{\"content_type\": \"x\"}"] {
        loud.raw(Message::Text(nonsense.to_owned().into())).await;
    }
    loud.ping(1).await;
    for _ in 0..2_000 {
        loud.say(&json!({"control": {"name": "unheard_of"}})).await;
    }
    loud.ping(2).await;
    loud.raw(Message::Text("x".repeat(5 * 1024 * 1024).into())).await;
    assert_eq!(
        loud.hear().await,
        None,
        "a message beyond the limit ends the conversation"
    );
    let mut binary = world.machine(&registration("@binary/sdm", "1.0.0", &[])).await;
    binary.raw(Message::Binary(vec![0; 16].into())).await;
    assert_eq!(binary.hear().await, None);
    quiet.ping(1).await;
}

#[tokio::test]
async fn a_machine_that_reads_gzip_gets_gzip() {
    let world = World::new().await;
    let mut compressed = registration("@acme/sdm", "1.0.0", &[ON_PUSH]);
    compressed["accept_encoding"] = json!("gzip");
    let mut machine = world.machine(&compressed).await;
    world
        .webhook("push", "d-1", &push(FORGE, "main", ZERO, &sha('a')))
        .await;
    let (operation, _) = machine.event().await;
    assert_eq!(operation, "OnPush");
}
