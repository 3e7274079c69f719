//! Add-ons through their life at a running hub: consent, escalation, switching off, grants that go, and who decides.

use reqwest::Method;
use sdm::access::{AddonKey, Grant, Level, Principal, Selector, snapshot::Right};
use sdm::hub::addons::answers::Answer;
use sdm::hub::administration::KeyWish;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, PATIENCE, TestHub, quick, registration, wish};
use super::people::{Browser, signed_in};
use super::store::ROOM;

fn addon(key: &str) -> AddonKey {
    AddonKey::parse(key).unwrap()
}

/// A machine that says what it needs.
fn needs(name: &str, scopes: &[&str]) -> Value {
    let mut registration = registration(name, "1.0.0", "durable");
    registration["scopes"] = json!(scopes);
    registration
}

async fn key_of(hub: &TestHub, wish: KeyWish) -> String {
    hub.administration().new_key(&wish).await.unwrap().1
}

async fn get(hub: &TestHub, path: &str, key: &str) -> Value {
    let answer = hub.http.get(hub.url(path)).bearer_auth(key).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
}

/// Registers as soon as the hub lets it, and opens the conversation.
async fn connect(hub: &TestHub, key: &str, registration: &Value) -> Machine {
    let begun = std::time::Instant::now();
    loop {
        let (status, answer) = hub.post("/registration", key, registration).await;
        if status == 200 {
            return Machine::open(answer["url"].as_str().unwrap()).await;
        }
        assert!(begun.elapsed() < PATIENCE, "{status} {answer}");
    }
}

/// A push of the branch of this name.
async fn pushed(hub: &TestHub, branch: &str) {
    let mut payload = push("a", "b");
    payload["ref"] = json!(format!("refs/heads/{branch}"));
    assert_eq!(hub.github("push", branch, &payload).await.0, 200);
}

#[tokio::test]
async fn administrators_are_told_once_in_their_channel_of_what_waits_for_them() {
    let hub = TestHub::start_with(|options| options.told_channel = Some("ops".parse().unwrap())).await;
    let reads = KeyWish {
        name: "bridge".to_owned(),
        places: vec!["channel:ops".to_owned()],
        ..wish(&["messages:read"])
    };
    let bridge = key_of(&hub, reads).await;
    let read = async |after: &str, wait: u32| -> Value {
        let asked = hub
            .http
            .get(hub.url(&format!("/messages/w?after={after}&wait={wait}")));
        let answer = asked.bearer_auth(&bridge).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    let waits = KeyWish {
        name: "waits".to_owned(),
        waits: true,
        ..wish(&[])
    };
    let key = key_of(&hub, waits).await;
    hub.post("/registration", &key, &needs("m", &["events:read", "repo:read"]))
        .await;
    let told = read("", 30).await;
    let message = &told["messages"][0];
    let said = message["body"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(
        said.starts_with("The sdm waits asks for") && said.contains("repo:read"),
        "{said}"
    );
    assert!(said.ends_with("/add-ons/waits"), "{said}");
    assert_eq!(message["destination"]["slack"]["channel"]["name"], json!("ops"));
    let next = told["next"].as_str().unwrap();
    // The same again is no news, and more is.
    hub.post("/registration", &key, &needs("m", &["events:read", "repo:read"]))
        .await;
    hub.post(
        "/registration",
        &key,
        &needs("m", &["events:read", "repo:read", "admin:read"]),
    )
    .await;
    let more = read(next, 30).await;
    let messages = more["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{more}");
    assert!(
        messages[0]["body"].as_str().unwrap().contains("admin:read"),
        "{more}"
    );
}

#[tokio::test]
async fn d07_a_machine_whose_key_agrees_to_nothing_waits_for_an_administrator() {
    let hub = TestHub::start(quick()).await;
    let waits = KeyWish {
        name: "waits".to_owned(),
        waits: true,
        ..wish(&[])
    };
    let key = key_of(&hub, waits).await;
    let asks = needs("m", &["events:read", "graph:read"]);
    let (status, answer) = hub.post("/registration", &key, &asks).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("principal_pending")),
        "{answer}"
    );
    let own = get(&hub, "/self", &key).await;
    assert_eq!((&own["state"], &own["approved"]), (&json!("pending"), &json!([])));
    assert_eq!(own["asks_for"], json!(["events:read", "graph:read"]), "{own}");
    pushed(&hub, "before").await;
    let only_events = ["events:read"]
        .into_iter()
        .map(|word| sdm::access::Scope::parse(word).unwrap());
    let approved = hub
        .administration()
        .approve_addon(&addon("waits"), Some(only_events.collect()))
        .await
        .unwrap();
    assert_eq!(approved.registration.approved().names(), ["events:read"]);
    // It has no grant yet, and so hears of nothing.
    let mut machine = connect(&hub, &key, &asks).await;
    pushed(&hub, "without-a-grant").await;
    machine.settled().await;
    let everything = Grant::new(Selector::Everything, Right::Allow(Level::Read));
    let to = Principal::Addon(addon("waits"));
    let given = hub.administration().give(to, everything, false).await.unwrap();
    assert!(
        given.differences.iter().any(|difference| difference.gains),
        "{given:?}"
    );
    let begun = std::time::Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "the grant never counts");
        pushed(&hub, &format!("granted-{}", begun.elapsed().as_micros())).await;
        machine.say(&json!({"ping": "heard?"})).await;
        if machine.hear().await.get("data").is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn f4_more_waits_while_what_was_agreed_to_goes_on() {
    let hub = TestHub::start(quick()).await;
    let limited = wish(&["events:read", "graph:read"]);
    let key = key_of(
        &hub,
        KeyWish {
            name: "grows".to_owned(),
            ..limited
        },
    )
    .await;
    let machine = connect(&hub, &key, &needs("m", &["events:read", "graph:read"])).await;
    machine.leave().await;
    let mut more = connect(
        &hub,
        &key,
        &needs("m", &["events:read", "graph:read", "goals:write"]),
    )
    .await;
    more.settled().await;
    let mutation =
        json!({"query": "mutation { setTeamConfiguration(namespace: \"a\", name: \"b\", value: \"c\") }"});
    let (_, answer) = hub.post("/graphql/team/w", &key, &mutation).await;
    let refused = &answer["errors"][0]["extensions"];
    assert_eq!(
        (&refused["code"], &refused["pending"]),
        (&json!("insufficient_scope"), &json!(true)),
        "{answer}"
    );
    let (held, _) = hub.administration().addon(&addon("grows")).await.unwrap();
    assert_eq!(held.registration.asked().names(), ["goals:write"]);
    pushed(&hub, "main").await;
    assert!(
        more.hear().await.get("data").is_some(),
        "what was agreed to goes on"
    );
}

#[tokio::test]
async fn d08_a_machine_that_is_switched_off_is_cut_and_its_events_are_held() {
    let hub = TestHub::start(quick()).await;
    let asks = registration("m", "1.0.0", "ephemeral");
    let mut machine = hub.machine(&asks).await;
    pushed(&hub, "one").await;
    assert_eq!(machine.hear().await["data"]["Push"][0]["branch"], json!("one"));
    hub.administration()
        .answer_addon(&addon("test"), &Answer::Disable)
        .await
        .unwrap();
    assert_eq!(machine.closed().await, 4403);
    let (status, answer) = hub.post("/registration", &hub.key, &asks).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("principal_disabled"))
    );
    let held = hub.administration().addon(&addon("test")).await.unwrap().0;
    assert!(held.held_until.is_some());
    hub.administration()
        .answer_addon(&addon("test"), &Answer::Enable)
        .await
        .unwrap();
    let mut again = connect(&hub, &hub.key, &asks).await;
    assert_eq!(
        again.hear().await["data"]["Push"][0]["branch"],
        json!("one"),
        "what it had not answered is told again"
    );
}

#[tokio::test]
async fn further_3_what_waits_is_not_told_after_its_grant_is_gone() {
    let hub = TestHub::start(quick()).await;
    pushed(&hub, "known").await;
    let limited = KeyWish {
        name: "limited".to_owned(),
        repositories: vec!["acme/app".to_owned()],
        ..wish(&[])
    };
    let key = key_of(&hub, limited).await;
    let asks = registration("limited", "1.0.0", "durable");
    connect(&hub, &key, &asks).await.leave().await;
    pushed(&hub, "waits").await;
    let administration = hub.administration();
    let grants = administration.grants().await.unwrap();
    let own = grants
        .iter()
        .find(|grant| grant.principal == Principal::Addon(addon("limited")))
        .unwrap();
    administration.take(&own.id, false).await.unwrap();
    // A rhythm has passed when the hub knows of it.
    let begun = std::time::Instant::now();
    let sees = json!({"query": "query { Repo { name } }"});
    while hub.post("/graphql/team/w", &key, &sees).await.1["data"]["Repo"] != json!([]) {
        assert!(begun.elapsed() < PATIENCE, "the grant never ends");
    }
    let mut machine = connect(&hub, &key, &asks).await;
    machine.settled().await;
    let registrations = administration.registrations().await.unwrap();
    let own = registrations.iter().find(|one| one.name == "limited").unwrap();
    while sdm::ports::hub::Deliveries::counts(hub.hub.memory(), &[&own.id])
        .await
        .unwrap()
        .get(&own.id)
        .is_some_and(|counts| counts.waiting > 0)
    {
        assert!(begun.elapsed() < PATIENCE, "what waits never ends");
    }
    machine.settled().await;
}

#[tokio::test]
async fn d31_messages_are_said_where_they_may_be() {
    let hub = TestHub::start(quick()).await;
    let silent = KeyWish {
        name: "silent".to_owned(),
        ..wish(&["events:read"])
    };
    let key = key_of(&hub, silent).await;
    let mut asks = registration("silent", "1.0.0", "durable");
    asks["capabilities"] = json!(["ack"]);
    let mut machine = connect(&hub, &key, &asks).await;
    machine
        .say(&json!({
            "api_version": "1", "correlation_id": "c", "team": {"id": "w"}, "content_type": "text/plain", "body": "hello",
            "destinations": [{"user_agent": "slack", "slack": {"team": {"id": "t"}, "channel": {"name": "general"}}}]
        }))
        .await;
    assert_eq!(machine.hear().await["error"]["code"], json!("insufficient_scope"));
    machine.settled().await;
    let said = sdm::ports::hub::Messages::messages(hub.hub.memory(), "w", ROOM)
        .await
        .unwrap();
    assert!(said.is_empty(), "{said:?}");
}

/// What a person who decides is answered.
async fn decides(browser: &mut Browser<'_>, token: &str, path: &str, body: &Value) -> Value {
    let headers = [
        ("content-type", "application/json"),
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token),
    ];
    let answer = browser
        .send(Method::POST, path, &headers, &body.to_string())
        .await;
    serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.text))
}

#[tokio::test]
async fn d59_administrators_decide_in_the_browser_and_keys_never_do() {
    let hub = TestHub::start(quick()).await;
    let person = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(&["admin:write"])
    };
    let person = key_of(&hub, person).await;
    for (key, code) in [
        (&hub.key, "person_required"),
        (&person, "interactive_session_required"),
    ] {
        for path in ["/admin/addons/test/disable", "/admin/grants", "/admin/policy"] {
            let (status, answer) = hub.post(path, key, &json!({})).await;
            assert_eq!((status, &answer["error"]["code"]), (403, &json!(code)), "{path}");
        }
    }
    let mut member = signed_in(&hub, "eve", PersonRole::Member).await;
    let token = member.token().await;
    let refused = decides(&mut member, &token, "/admin/addons/test/disable", &json!({})).await;
    assert_eq!(
        refused["error"]["code"],
        json!("insufficient_permission"),
        "{refused}"
    );
    let mut admin = signed_in(&hub, "root", PersonRole::Admin).await;
    let token = admin.token().await;
    let denial = json!({"to": "addon:test", "on": "env:production", "deny": true, "note": "not yet"});
    let preview = decides(&mut admin, &token, "/admin/grants?preview=true", &denial).await;
    let loses = |effect: &Value| {
        let lines = effect.as_array().unwrap();
        lines
            .iter()
            .any(|line| line["on"] == json!("env:production") && line["gains"] == json!(false))
    };
    assert!(loses(&preview["effect"]), "{preview}");
    assert_eq!(
        hub.administration().grants().await.unwrap().len(),
        1,
        "nothing has changed"
    );
    let given = decides(&mut admin, &token, "/admin/grants", &denial).await;
    assert_eq!(given["grant"]["given_by"], json!("root"), "{given}");
    let asked = admin
        .get("/admin/addons/test/effective?resource=env:production")
        .await;
    let asked: Value = serde_json::from_str(&asked.text).unwrap();
    let updates = asked["rights"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["operation"] == json!("goal.update"));
    assert_eq!(updates.unwrap()["reason"], json!("denied_by_admin"), "{asked}");
    let disabled = decides(&mut admin, &token, "/admin/addons/test/disable", &json!({})).await;
    assert_eq!(disabled["state"], json!("disabled"), "{disabled}");
    let (_, answer) = hub
        .post(
            "/graphql/team/w",
            &hub.key,
            &json!({"query": "query { Repo { name } }"}),
        )
        .await;
    assert_eq!(answer["error"]["code"], json!("principal_disabled"), "at once");
}

#[tokio::test]
async fn a_policy_goes_out_and_in_and_its_tests_hold_everything_up() {
    let hub = TestHub::start(quick()).await;
    let administration = hub.administration();
    let exported = administration.policy().await.unwrap();
    assert!(
        exported.contains("\"test\":") && exported.contains("allow: admin, on: \"*\""),
        "{exported}"
    );
    let guarded = format!(
        "{exported}tests:\n  - name: \"production is safe\"\n    who: \"addon:test\"\n    on: [\"env:production\"]\n    cannot: [goal.update]\n"
    );
    let refused = administration
        .apply_policy(guarded.as_bytes(), false)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("production is safe"), "{refused}");
    let safe = guarded.replace("allow: admin, on: \"*\"", "allow: write, on: \"repo:acme/*\"");
    let applied = administration.apply_policy(safe.as_bytes(), false).await.unwrap();
    assert_eq!(applied.outcomes.len(), 1);
    assert!(applied.differences.iter().all(|difference| !difference.gains));
    let everything = Grant::new(Selector::Everything, Right::Allow(Level::Write));
    let to = Principal::Addon(addon("test"));
    let held_up = administration.give(to, everything, false).await.unwrap_err();
    assert!(held_up.to_string().contains("production is safe"), "{held_up}");
    let key = KeyWish {
        places: vec!["env:production".to_owned()],
        ..wish(&[])
    };
    let held_up = administration.new_key(&key).await.unwrap_err();
    assert!(
        held_up.to_string().contains("production is safe"),
        "no key gives it either: {held_up}"
    );
    assert_eq!(administration.policy().await.unwrap(), {
        let again = administration.policy().await.unwrap();
        administration
            .apply_policy(again.as_bytes(), false)
            .await
            .unwrap();
        administration.policy().await.unwrap()
    });
}

#[tokio::test]
async fn an_add_on_that_is_taken_away_leaves_no_rights_behind() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    machine.settled().await;
    let administration = hub.administration();
    administration
        .answer_addon(&addon("test"), &Answer::Uninstall)
        .await
        .unwrap();
    assert!([4401, 4403].contains(&machine.closed().await));
    assert!(administration.grants().await.unwrap().is_empty());
    assert!(administration.registrations().await.unwrap().is_empty());
    assert!(
        administration
            .keys()
            .await
            .unwrap()
            .iter()
            .all(|key| key.revoked.is_some())
    );
}

#[tokio::test]
async fn f10_who_guesses_at_keys_waits_and_a_good_key_is_never_shut_out() {
    let hub = TestHub::start(quick()).await;
    let question = json!({"query": "query { Repo { name } }"});
    let mut statuses = Vec::new();
    for _ in 0..25 {
        statuses.push(hub.post("/graphql/team/w", "hub_a_guess", &question).await.0);
    }
    assert_eq!((statuses[0], statuses[24]), (401, 429), "{statuses:?}");
    assert_eq!(hub.post("/graphql/team/w", &hub.key, &question).await.0, 200);
}

#[tokio::test]
async fn refusals_name_their_request_and_who_can_help_where() {
    let hub = TestHub::start(quick()).await;
    let request = hub.http.get(hub.url("/metrics")).bearer_auth(&hub.key);
    let answer = request.send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let (id, challenge) = (header("x-request-id"), header("www-authenticate"));
    assert_eq!(
        challenge,
        "Bearer error=\"insufficient_scope\", scope=\"admin:read\""
    );
    let refused: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(refused["error"]["request_id"], json!(id), "{refused}");
    assert_eq!(
        refused["error"]["fix_url"],
        json!("/admin/addons/test"),
        "{refused}"
    );
    let answer = hub.http.get(hub.url("/metrics")).send().await.unwrap();
    assert_eq!(
        answer.headers()["www-authenticate"],
        "JWT realm=\"hub\", Bearer realm=\"hub\""
    );
}

#[tokio::test]
async fn k3_what_comes_into_force_is_written_down_whoever_did_it() {
    use sdm::access::audit::{Given, verify};
    use sdm::hub::administration::Administration;
    use sdm::hub::{HubOptions, start};
    use sdm::store::hub::Place;
    let directory = crate::support::remains::directory();
    let audit = directory.path().join("audit.jsonl");
    let mut options = HubOptions::new(
        Place::File(directory.path().join("hub.db")),
        "127.0.0.1:0".parse().unwrap(),
    );
    options.rhythm = quick();
    options.audit = Some(audit.clone());
    let hub = start(options).await.unwrap();
    let administration = Administration::of(hub.memory());
    let (_, key) = administration.new_key(&wish(&[])).await.unwrap();
    let begun = std::time::Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&audit).unwrap();
        if text.contains("gave addon:test: admin on *") && text.contains("addon:test active: events:read") {
            break text;
        }
        assert!(begun.elapsed() < PATIENCE, "it is never written down: {text}");
        tokio::task::yield_now().await;
    };
    verify(text.as_bytes(), Given::default()).unwrap();
    assert!(text.contains("\"principal\":\"person:operator\"") && !text.contains(&key));
    assert!(hub.stop().await);
}
