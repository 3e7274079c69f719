//! Who people are in chats: nobody, until they have said a code there that they got on their page (threat H5).

use sdm::hub::administration::KeyWish;
use sdm::ports::people::{People as _, PersonRole};
use serde_json::{Value, json};

use super::events::push;
use super::machine::{PATIENCE, TestHub, quick, registration, wish};
use super::people::{Browser, signed_in};

/// A hub, and the key of an add-on that is in a chat.
async fn bridged(name: &str) -> (TestHub, String) {
    let hub = TestHub::start(quick()).await;
    let key = bridge(&hub, name).await;
    (hub, key)
}

async fn bridge(hub: &TestHub, name: &str) -> String {
    let wanted = KeyWish {
        name: name.to_owned(),
        ..wish(&["act_as_user", "messages:write"])
    };
    hub.administration().new_key(&wanted).await.unwrap().1
}

/// A code from the page of a person.
pub async fn code(browser: &mut Browser<'_>) -> String {
    let token = browser.token().await;
    let page = browser
        .submit("/you/chats", &format!("anti_forgery={token}"))
        .await;
    let (_, rest) = page.text.split_once("class=\"once\">").expect("a code");
    rest.split('<').next().unwrap().to_owned()
}

/// What an add-on is answered that heard a code in a chat.
pub async fn said(hub: &TestHub, key: &str, code: &str, user: &str) -> (u16, Value) {
    let body = json!({"code": code, "team": "T1", "user": user, "name": "Ada <b>"});
    hub.post("/chat/identities", key, &body).await
}

#[tokio::test]
async fn h5_a_code_says_once_who_somebody_is_in_a_chat_and_they_take_it_back() {
    let (hub, key) = bridged("bridge").await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    let first = code(&mut ada).await;
    let (status, linked) = said(&hub, &key, &first, "U1").await;
    assert_eq!((status, &linked["person"]), (200, &json!("ada")), "{linked}");
    let (status, again) = said(&hub, &key, &first, "U2").await;
    assert_eq!(
        (status, &again["error"]["code"]),
        (403, &json!("invalid_code")),
        "it counts once"
    );
    let page = ada.get("/you").await.text;
    assert!(page.contains("U1") && page.contains("Ada &lt;b&gt;"), "{page}");
    assert!(!page.contains(&first), "a code is shown once");
    let memory = hub.hub.memory();
    let known = memory.person_of("chat:bridge:T1", "U1").await.unwrap();
    assert_eq!(known.unwrap().id, "ada");
    let mut eve = signed_in(&hub, "eve", PersonRole::Member).await;
    let other = code(&mut eve).await;
    let (status, refused) = said(&hub, &key, &other, "U1").await;
    assert_eq!(status, 409, "a chat user is one person: {refused}");
    let elsewhere = bridge(&hub, "rival").await;
    let third = code(&mut eve).await;
    assert_eq!(said(&hub, &elsewhere, &third, "U1").await.0, 200);
    let known = memory.person_of("chat:bridge:T1", "U1").await.unwrap();
    assert_eq!(
        known.unwrap().id,
        "ada",
        "what another add-on says binds this one to nothing"
    );
    let token = ada.token().await;
    let unlink = "/you/chats/chat%3Abridge%3AT1/unlink";
    let form = format!("anti_forgery={token}");
    assert_eq!(ada.submit(unlink, &form).await.status, 303);
    assert_eq!(memory.person_of("chat:bridge:T1", "U1").await.unwrap(), None);
    assert_eq!(ada.submit(unlink, &form).await.status, 404);
}

#[tokio::test]
async fn h5_f10_codes_are_for_add_ons_that_may_act_for_people_and_are_not_guessed_at() {
    let (hub, key) = bridged("bridge").await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    let code = code(&mut ada).await;
    let (status, refused) = said(&hub, &hub.key, &code, "U1").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("insufficient_scope")),
        "{refused}"
    );
    for user in ["", "a:b", "a b", &"x".repeat(200)] {
        assert_eq!(said(&hub, &key, &code, user).await.0, 400, "{user}");
    }
    let mut last = 0;
    for number in 0..25 {
        last = said(&hub, &key, &format!("guess{number}"), "U1").await.0;
    }
    assert_eq!(last, 429);
    assert_eq!(
        said(&hub, &key, &code, "U1").await.0,
        200,
        "the right one counts all the same"
    );
}

/// As machines of the original subscribe to it.
const ON_JOINING: &str = "subscription OnUserJoiningChannel { UserJoinedChannel { \
    user { userId screenName person { forename surname emails { address } gitHubId { login } } } \
    channel { channelId name repos { owner name } } } }";

#[tokio::test]
async fn whoever_comes_into_a_channel_is_told_of_also_when_they_are_nobody_here() {
    let (hub, key) = bridged("bridge").await;
    let mut registration = registration("m", "1.0.0", "durable");
    registration["events"] = json!([{"subscription": ON_JOINING, "secrets": []}]);
    let mut machine = hub.machine(&registration).await;
    hub.github("push", "d-1", &push("a", "b")).await;
    let link = "mutation { linkSlackChannelToRepo(chatTeamId: \"T1\", channelId: \"C1\", channelName: \"general\", \
        owner: \"acme\", repo: \"app\") { id } }";
    let linked = hub.ask(link, Value::Null).await;
    assert!(linked["errors"].is_null(), "{linked}");
    let joins = async |key: &str, body: &Value| hub.post("/chat/members/w", key, body).await;
    let mut come = json!({"team": "T1", "channel": "C1", "user": "U1", "name": "Ada", "at": "2026-01-31T12:00:00+01:00"});
    let (status, answer) = joins(&key, &come).await;
    assert_eq!((status, &answer), (200, &json!({"machines": 1})));
    let event = machine.hear().await;
    let told = &event["data"]["UserJoinedChannel"][0];
    assert_eq!(
        told,
        &json!({
            "user": {"userId": "U1", "screenName": "Ada", "person": null},
            "channel": {"channelId": "C1", "name": "general", "repos": [{"owner": "acme", "name": "app"}]}
        })
    );
    machine.answer(&event).await;
    let (_, again) = joins(&key, &come).await;
    assert_eq!(again, json!({"machines": 0}), "it is the same coming");
    // A channel of which nobody has heard, and somebody who is known.
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    let code = code(&mut ada).await;
    assert_eq!(said(&hub, &key, &code, "U1").await.0, 200);
    let begun = std::time::Instant::now();
    loop {
        let known = hub.ask("{ ChatId { person { name } } }", Value::Null).await;
        if !known["data"]["ChatId"][0]["person"].is_null() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{known}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    come["channel"] = json!("C2");
    assert_eq!(joins(&key, &come).await.0, 200);
    let event = machine.hear().await;
    let told = &event["data"]["UserJoinedChannel"][0];
    assert_eq!(
        told["channel"],
        json!({"channelId": "C2", "name": "C2", "repos": []})
    );
    assert!(!told["user"]["person"].is_null(), "{told}");
    machine.answer(&event).await;
    for (field, wrong) in [
        ("user", json!("a/b")),
        ("at", json!("yesterday")),
        ("team", json!("")),
    ] {
        let mut body = come.clone();
        body[field] = wrong;
        assert_eq!(joins(&key, &body).await.0, 400, "{field}");
    }
    let reader = hub
        .administration()
        .new_key(&wish(&["graph:read"]))
        .await
        .unwrap()
        .1;
    assert_eq!(joins(&reader, &come).await.0, 403);
}
