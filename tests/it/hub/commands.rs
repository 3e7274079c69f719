//! Commands by hand: who may ask, what is checked, questions for more, messages and their updates, and logs (wire protocol 4, 5,
//! 7, 11, 13).

use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, PATIENCE, TestHub, quick, registration, wish};
use super::people::has_come_in;
use sdm::access::{Grant, Principal, Right, Selector};
use sdm::hub::administration::KeyWish;
use sdm::ports::hub::Invocations as _;
use sdm::ports::people::{People as _, PersonRole, StoredIdentity};

/// A machine that offers a command.
pub fn offers(name: &str) -> Value {
    let mut registration = registration(name, "1.0.0", "ephemeral");
    registration["commands"] = json!([{
        "name": "Deploy", "intent": ["deploy"], "tags": [], "auto_submit": true,
        "parameters": [{"name": "env", "pattern": "^[a-z]+$", "required": true, "displayable": true, "display_name": "env"}],
        "mapped_parameters": [{"name": "who", "uri": "atomist://github/username", "required": true}],
        "secrets": [{"uri": "github://org_token"}, {"uri": "github://user_token?scopes=repo"}]
    }]);
    registration
}

/// A person's key.
pub async fn person(hub: &TestHub, name: &str) -> String {
    let wish = KeyWish {
        is_person: true,
        name: name.to_owned(),
        ..wish(&["graph:read", "goals:write", "commands:register"])
    };
    hub.administration().new_key(&wish).await.unwrap().1
}

pub fn deploy() -> Value {
    json!({"command": "Deploy", "team": {"id": "w"}, "parameters": [{"name": "env", "value": "prod"}],
        "source": {"user_agent": "web", "web": {"identity": {"sub": "s", "pid": "p"}}},
        "mapped_parameters": [{"name": "who", "value": "forged"}]})
}

/// Asks for a command; the address to look at and what the machine hears.
pub async fn asked(hub: &TestHub, key: &str, machine: &mut Machine) -> (String, Value) {
    let (status, answer) = hub.post("/command?invoke=true", key, &deploy()).await;
    assert_eq!(status, 200, "{answer}");
    let url = answer["invocation"]["url"].as_str().unwrap().to_owned();
    (url, machine.hear().await)
}

pub async fn look(hub: &TestHub, key: &str, url: &str) -> Value {
    let response = hub.http.get(url).bearer_auth(key).send().await.unwrap();
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// What a machine answers to a command.
pub fn answer(command: &Value, more: &Value) -> Value {
    let mut answer = json!({
        "api_version": "1", "correlation_id": command["correlation_id"], "team": command["team"], "command": command["command"],
        "source": command["source"], "destinations": [{"user_agent": "web"}]
    });
    answer
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    answer
}

#[tokio::test]
async fn a_command_goes_to_its_machine_with_what_the_hub_knows_and_its_answer_can_be_seen() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    assert_eq!(command["parameters"], json!([{"name": "env", "value": "prod"}]));
    assert_eq!(
        command["mapped_parameters"],
        json!([{"name": "who", "value": "ada"}]),
        "who asks is the hub's to say"
    );
    assert_eq!(
        command["secrets"],
        json!([
            {"uri": "github://org_token", "value": "canary-of-machines"}, {"uri": "github://user_token?scopes=repo", "value": "null"}
        ])
    );
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("RUNNING"));
    let said = json!({"content_type": "text/plain", "body": "on its way", "post_mode": "always"});
    machine.say(&answer(&command, &said)).await;
    machine
        .say(&answer(
            &command,
            &json!({"status": {"code": 0, "reason": "done"}}),
        ))
        .await;
    machine.settled().await;
    let seen = look(&hub, &ada, &url).await;
    assert_eq!(
        (&seen["phase"], &seen["command_response"]["status"]["reason"]),
        (&json!("SUCCESS"), &json!("done"))
    );
    assert_eq!(seen["messages"][0]["body"], json!("on its way"));
    assert!(!seen.to_string().contains("canary"), "secrets are never kept");
    // A status that comes again changes nothing.
    machine
        .say(&answer(
            &command,
            &json!({"status": {"code": 1, "reason": "again"}}),
        ))
        .await;
    machine.settled().await;
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("SUCCESS"));
}

#[tokio::test]
async fn a_channel_says_which_repository_a_command_is_about_to_whoever_sees_it() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let link = "mutation { linkSlackChannelToRepo(channelId: \"C1\", chatTeamId: \"T1\", owner: \"acme\", repo: \"app\") { id } }";
    hub.ask(link, Value::Null).await;
    let mapped = [
        ("owner", "github/repository/owner"),
        ("name", "github/repository?all=true"),
        ("forge", "github_url"),
        ("channel", "slack/channel"),
    ];
    let mapped =
        mapped.map(|(name, uri)| json!({"name": name, "uri": format!("atomist://{uri}"), "required": true}));
    let mut registration = offers("m");
    registration["commands"][0]["mapped_parameters"] = json!(mapped);
    let mut machine = hub.machine(&registration).await;
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    let ada = person(&hub, "ada").await;
    let said = |channel: &str, given: Value| {
        let chat =
            json!({"user_agent": "slack", "slack": {"team": {"id": "T1"}, "channel": {"id": channel}}});
        let mut said = deploy();
        (said["source"], said["mapped_parameters"]) = (chat, given);
        said
    };
    let told = |command: &Value| {
        let values = command["mapped_parameters"].as_array().unwrap().iter();
        values
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (status, answer) = hub.post("/command", &ada, &said("C1", json!([]))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        told(&machine.hear().await),
        ["acme", "app", "http://git.example.org:8080", "C1"]
    );

    // What is said goes before what is known; a channel that nobody linked says nothing.
    let other = json!([{"name": "name", "value": "other"}]);
    assert_eq!(hub.post("/command", &ada, &said("C1", other)).await.0, 200);
    assert_eq!(
        told(&machine.hear().await),
        ["acme", "other", "http://git.example.org:8080", "C1"]
    );
    let (status, answer) = hub.post("/command", &ada, &said("C2", json!([]))).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_parameters")),
        "{answer}"
    );

    // Nobody learns of a repository by a channel.
    let far = KeyWish {
        name: "far".to_owned(),
        repositories: vec!["acme/else".to_owned()],
        is_person: true,
        ..wish(&["graph:read", "commands:register"])
    };
    let (_, far) = hub.administration().new_key(&far).await.unwrap();
    let (status, answer) = hub.post("/command", &far, &said("C1", json!([]))).await;
    assert!(
        status >= 400 && !answer.to_string().contains("acme"),
        "{status} {answer}"
    );
}

#[tokio::test]
async fn a_command_is_meant_by_what_people_say_and_its_results_come_as_they_are_said() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let mut said = deploy();
    said["command"] = json!("");
    said["intent"] = json!("  deploy ");
    let (status, asked) = hub.post("/command", &ada, &said).await;
    assert_eq!(status, 200, "{asked}");
    let command = machine.hear().await;
    assert_eq!(
        (&command["command"], &command["raw_message"]),
        (&json!("Deploy"), &json!("  deploy "))
    );
    said["intent"] = json!("deplay");
    let (status, refused) = hub.post("/command", &ada, &said).await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        status == 404 && message.contains("did you mean `deploy`"),
        "{refused}"
    );
    let url = asked["invocation"]["url"].as_str().unwrap();
    let waits = format!("{url}?wait=30&seen=0");
    let on_its_way = json!({"content_type": "text/plain", "body": "on its way", "post_mode": "always"});
    let on_its_way = answer(&command, &on_its_way);
    let (looked, ()) = tokio::join!(look(&hub, &ada, &waits), machine.say(&on_its_way));
    assert_eq!(looked["messages"][0]["body"], json!("on its way"));
    let path = url.strip_prefix(&hub.url("")).unwrap();
    let ends = answer(&command, &json!({"status": {"code": 0, "reason": "done"}}));
    let (events, ()) = tokio::join!(
        super::logs::events_until(&hub, path, &ada, (None, "end")),
        machine.say(&ends)
    );
    let names: Vec<&str> = events.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names.first(), Some(&"messages"), "{events:?}");
    assert_eq!(names[names.len() - 2..], ["phase", "end"], "{events:?}");
    assert_eq!(events[names.len() - 2].1["phase"], json!("SUCCESS"));
    let again = super::logs::events_until(&hub, path, &ada, (Some("1"), "end")).await;
    assert_eq!(again.len(), 2, "what was seen is not told again: {again:?}");
}

#[tokio::test]
async fn f1_what_becomes_of_a_command_is_told_no_further_to_a_key_that_was_revoked() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let wish = KeyWish {
        is_person: true,
        name: "ada".to_owned(),
        ..wish(&["graph:read", "commands:register"])
    };
    let (key, text) = hub.administration().new_key(&wish).await.unwrap();
    let (url, _) = asked(&hub, &text, &mut machine).await;
    let path = url.strip_prefix(&hub.url("")).unwrap();
    super::logs::ends_with_its_key(&hub, path, (&key.id, &text)).await;
}

#[tokio::test]
async fn machines_are_listed_for_people_with_what_they_offer() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    machine.settled().await;
    let ada = person(&hub, "ada").await;
    let listed = look(&hub, &ada, &hub.url("/machines/w")).await;
    let one = &listed["machines"][0];
    assert_eq!(
        (&one["name"], &one["connected"], &one["served"]),
        (&json!("m"), &json!(true), &json!(true))
    );
    assert_eq!(one["commands"][0]["intents"], json!(["deploy"]));
    let refused = look(&hub, &hub.key, &hub.url("/machines/w")).await;
    assert_eq!(refused["error"]["code"], json!("person_required"));
    let elsewhere = look(&hub, &ada, &hub.url("/machines/other")).await;
    assert_eq!(elsewhere["error"]["code"], json!("insufficient_permission"));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_the_reason() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (status, answer) = hub.post("/command", &hub.key, &deploy()).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("person_required"))
    );
    let mut unknown = deploy();
    unknown["command"] = json!("Nothing");
    assert_eq!(hub.post("/command", &ada, &unknown).await.0, 404);
    let mut wrong = deploy();
    wrong["parameters"] = json!([{"name": "env", "value": "PROD"}, {"name": "more", "value": "x"}]);
    let (status, answer) = hub.post("/command", &ada, &wrong).await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["error"]["problems"],
        json!(["`more` is no parameter of it", "`env` must match ^[a-z]+$"])
    );
    let _other = hub.machine(&offers("n")).await;
    let (status, answer) = hub.post("/command", &ada, &deploy()).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("ambiguous_command"))
    );
    let mut named = deploy();
    named["automation"] = json!({"name": "m"});
    assert_eq!(hub.post("/command", &ada, &named).await.0, 200);
    assert_eq!(machine.hear().await["command"], json!("Deploy"));
    let unseen = hub
        .http
        .get(hub.url("/command/Deploy/invocation/guess"))
        .bearer_auth(&ada)
        .send()
        .await
        .unwrap();
    assert_eq!(unseen.status(), 404);
}

#[tokio::test]
async fn f5_nobody_else_goes_on_with_what_somebody_asked_for() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let (ada, eve) = (person(&hub, "ada").await, person(&hub, "eve").await);
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    let question = json!({"content_type": "application/x-atomist-continuation+json", "parameters": [],
        "parameter_specs": [{"name": "why", "required": true}]});
    machine.say(&answer(&command, &question)).await;
    machine.settled().await;
    let path = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    let asking = look(&hub, &ada, &format!("{url}?wait=30")).await;
    assert_eq!(asking["phase"], json!("ASKING"), "{asking}");
    let seen = look(&hub, &eve, &url).await;
    assert_eq!(seen["error"]["code"], json!("not_found"), "{seen}");
    let more = json!({"parameters": [{"name": "why", "value": "because"}]});
    assert_eq!(
        hub.post(&path, &eve, &more).await.0,
        404,
        "it would be done as ada"
    );
    assert_eq!(hub.post(&path, &ada, &more).await.0, 200);
    assert_eq!(machine.hear().await["correlation_id"], command["correlation_id"]);
}

#[tokio::test]
async fn a_machine_that_wants_more_gets_it_under_the_same_correlation() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    let more = json!({"content_type": "application/x-atomist-continuation+json", "parameters": [],
        "parameter_specs": [{"name": "colour", "required": true, "pattern": "^[a-z]+$"}]});
    machine.say(&answer(&command, &more)).await;
    machine.settled().await;
    let seen = look(&hub, &ada, &url).await;
    assert_eq!(
        (
            &seen["phase"],
            &seen["command_response"]["parameter_specs"][0]["name"]
        ),
        (&json!("ASKING"), &json!("colour"))
    );
    let path = url
        .split_once("/command")
        .map(|(_, path)| format!("/command{path}"))
        .unwrap();
    let given = json!({"parameters": [{"name": "colour", "value": "red"}]});
    assert_eq!(hub.post(&path, &ada, &given).await.0, 200);
    let again = machine.hear().await;
    assert_eq!(again["correlation_id"], command["correlation_id"]);
    assert_eq!(
        again["parameters"],
        json!([{"name": "env", "value": "prod"}, {"name": "colour", "value": "red"}])
    );
    assert_eq!(
        hub.post(&path, &ada, &given).await.0,
        409,
        "it asks for nothing any more"
    );
    machine
        .say(&answer(&again, &json!({"status": {"code": 3, "reason": "no"}})))
        .await;
    machine.settled().await;
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("FAILURE"));
}

/// What is kept of an invocation.
async fn kept(hub: &TestHub, command: &Value) -> String {
    let id = command["correlation_id"].as_str().unwrap();
    hub.hub.memory().invocation(id).await.unwrap().unwrap().request
}

#[tokio::test]
async fn e1_a_parameter_that_is_not_to_be_shown_is_told_to_its_machine_alone() {
    let hub = TestHub::start(quick()).await;
    let mut offered = offers("m");
    let code = json!({"name": "code", "pattern": "^.*$", "required": true, "displayable": false, "display_name": "code"});
    offered["commands"][0]["parameters"]
        .as_array_mut()
        .unwrap()
        .push(code);
    let mut machine = hub.machine(&offered).await;
    let ada = person(&hub, "ada").await;
    let mut wanted = deploy();
    let given = json!([{"name": "env", "value": "prod"}, {"name": "code", "value": "CANARY-1"}]);
    wanted["parameters"] = given.clone();
    let (status, begun) = hub.post("/command", &ada, &wanted).await;
    assert_eq!(status, 200, "{begun}");
    let url = begun["invocation"]["url"].as_str().unwrap().to_owned();
    let command = machine.hear().await;
    assert_eq!(command["parameters"], given);
    let running = look(&hub, &ada, &url).await;
    assert!(!running.to_string().contains("CANARY"), "{running}");
    assert_eq!(
        running["command_request"]["parameters"],
        json!([{"name": "env", "value": "prod"}, {"name": "code", "value": null}])
    );
    assert!(!kept(&hub, &command).await.contains("CANARY"));
    // It asks for one more of the kind, and says what it knows.
    let question = json!({"content_type": "application/x-atomist-continuation+json", "parameters": given,
        "parameter_specs": [{"name": "pin", "required": true, "displayable": false}]});
    machine.say(&answer(&command, &question)).await;
    machine.settled().await;
    let asking = look(&hub, &ada, &url).await;
    assert_eq!(asking["phase"], json!("ASKING"));
    assert!(!asking.to_string().contains("CANARY"), "{asking}");
    let path = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    let more = json!({"parameters": [{"name": "pin", "value": "CANARY-2"}]});
    assert_eq!(hub.post(&path, &ada, &more).await.0, 200);
    let again = machine.hear().await;
    assert_eq!(
        again["parameters"],
        json!([{"name": "env", "value": "prod"}, {"name": "code", "value": "CANARY-1"}, {"name": "pin", "value": "CANARY-2"}])
    );
    assert!(!kept(&hub, &command).await.contains("CANARY"));
    // It asks again, and then ends it by itself.
    machine.say(&wants_colour(&again)).await;
    machine.settled().await;
    assert!(!look(&hub, &ada, &url).await.to_string().contains("CANARY"));
    machine
        .say(&answer(&again, &json!({"status": {"code": 1, "reason": "no"}})))
        .await;
    machine.settled().await;
    let ended = look(&hub, &ada, &url).await;
    assert_eq!(ended["phase"], json!("FAILURE"));
    assert!(!ended.to_string().contains("CANARY"), "{ended}");
    assert!(!kept(&hub, &command).await.contains("CANARY"));
}

/// A question of a machine for a colour.
fn wants_colour(command: &Value) -> Value {
    let question = json!({"content_type": "application/x-atomist-continuation+json", "parameters": [],
        "parameter_specs": [{"name": "colour", "required": true, "pattern": "^[a-z]+$"}]});
    answer(command, &question)
}

#[tokio::test]
async fn d8_what_is_given_later_is_checked_and_goes_to_the_machine_that_asked() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    machine.say(&wants_colour(&command)).await;
    machine.settled().await;
    let path = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    let gives = async |parameters: Value| {
        let (status, answer) = hub.post(&path, &ada, &json!({ "parameters": parameters })).await;
        (status, answer["error"]["problems"].clone())
    };
    for (wrong, problem) in [
        (json!([]), "`colour` must be given"),
        (
            json!([{"name": "colour", "value": "x\"; drop"}]),
            "`colour` must match ^[a-z]+$",
        ),
        (
            json!([{"name": "colour", "value": "red"}, {"name": "env", "value": "PROD"}]),
            "`env` must match ^[a-z]+$",
        ),
        (
            json!([{"name": "colour", "value": "red"}, {"name": "else", "value": "x"}]),
            "`else` is no parameter of it",
        ),
    ] {
        assert_eq!(gives(wrong).await, (400, json!([problem])));
    }
    machine.settled().await;
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("ASKING"));
    // Another version takes the name, and knows nothing of what was asked.
    let mut newer = offers("m");
    newer["version"] = json!("2.0.0");
    let mut newer = hub.machine(&newer).await;
    newer.settled().await;
    let good = json!([{"name": "colour", "value": "red"}]);
    assert_eq!(gives(good).await.0, 409);
    newer.settled().await;
    assert_eq!(machine.hear().await["control"]["name"], json!("superseded"));
    machine.settled().await;
}

#[tokio::test]
async fn d5_what_decides_over_a_goal_is_refused_also_when_it_is_said_later() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    super::events::write(&hub, &super::events::goal("build", "waiting_for_approval", 1)).await;
    let decides = sdm::wire::hub::extensions::DECIDING[0];
    let mut registration = offers("m");
    registration["commands"][0]["name"] = json!(decides);
    registration["commands"][0]["parameters"] =
        json!([{"name": "goal_set"}, {"name": "goal"}, {"name": "environment"}]);
    registration["commands"][0]["secrets"] = json!([]);
    let mut machine = hub.machine(&registration).await;
    let far = KeyWish {
        is_person: true,
        name: "far".to_owned(),
        repositories: vec!["acme/else".to_owned()],
        ..wish(&["graph:read", "goals:write", "commands:register"])
    };
    let (_, far) = hub.administration().new_key(&far).await.unwrap();
    let given = |set: &str| json!([{"name": "goal_set", "value": set}, {"name": "goal", "value": "build"}, {"name": "environment", "value": "0-code"}]);
    let mut said = deploy();
    (said["command"], said["parameters"]) = (json!(decides), given("s"));
    let (first, refused) = hub.post("/command", &far, &said).await;
    assert_eq!(first, 403, "{refused}");
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    let ada = person(&hub, "ada").await;
    let (status, begun) = hub.post("/command", &ada, &said).await;
    assert_eq!(status, 200, "{begun}");
    let command = machine.hear().await;
    machine.say(&wants_colour(&command)).await;
    machine.settled().await;
    let url = begun["invocation"]["url"].as_str().unwrap();
    let path = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    // Of what is not known only those decide who decide over everything.
    let mut elsewhere = given("unknown");
    elsewhere
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "colour", "value": "red"}));
    let (later, _) = hub.post(&path, &ada, &json!({ "parameters": elsewhere })).await;
    said["parameters"] = given("unknown");
    let (at_once, _) = hub.post("/command", &ada, &said).await;
    assert_eq!(later, at_once, "the same as if it were said at once");
}

#[tokio::test]
async fn h5_who_asks_in_a_chat_is_who_they_are_there_and_not_who_they_say() {
    let hub = TestHub::start(quick()).await;
    let mut registration = offers("m");
    registration["commands"][0]["mapped_parameters"] = json!([
        {"name": "who", "uri": "atomist://github/username", "required": true},
        {"name": "user", "uri": "atomist://slack/user", "required": false},
        {"name": "name", "uri": "atomist://slack/user_name", "required": false}
    ]);
    let mut machine = hub.machine(&registration).await;
    let ada = person(&hub, "ada").await;
    let mut said = deploy();
    said["source"] = json!({
        "user_agent": "slack", "identity": {"sub": "root"}, "web": {"identity": {"sub": "root", "pid": "root"}},
        "slack": {"team": {"id": "T1"}, "channel": {"id": "C1"}, "user": {"id": "U-root", "name": "root"}}
    });
    said["mapped_parameters"] =
        json!([{"name": "user", "value": "U-root"}, {"name": "name", "value": "root"}]);
    assert_eq!(hub.post("/command", &ada, &said).await.0, 200);
    let heard = machine.hear().await;
    assert!(!heard.to_string().contains("root"), "{heard}");
    assert_eq!(
        heard["mapped_parameters"],
        json!([{"name": "who", "value": "ada"}])
    );
    let shown = StoredIdentity {
        provider: "chat:bridge:T1".to_owned(),
        subject: "U1".to_owned(),
        login: "Ada".to_owned(),
        email: None,
        person: "ada".to_owned(),
        linked: sdm::model::Timestamp::from_micros(1),
    };
    assert!(hub.hub.memory().link_identity(&shown).await.unwrap());
    assert_eq!(hub.post("/command", &ada, &said).await.0, 200);
    let heard = machine.hear().await;
    assert!(!heard.to_string().contains("root"), "{heard}");
    assert_eq!(
        heard["source"]["slack"]["user"],
        json!({"id": "U1", "name": "Ada"})
    );
    assert_eq!(
        heard["mapped_parameters"],
        json!([{"name": "who", "value": "ada"}, {"name": "user", "value": "U1"}, {"name": "name", "value": "Ada"}])
    );
}

#[tokio::test]
async fn messages_follow_the_update_rule_and_stay_in_their_workspace() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    let message = |body: &str, at: i64, mode: &str, id: &str| {
        answer(
            &command,
            &json!({"content_type": "text/plain", "body": body, "id": id, "timestamp": at, "ttl": 100, "post_mode": mode}),
        )
    };
    machine.say(&message("first", 1_000, "ttl", "one")).await;
    machine.say(&message("older", 999, "ttl", "one")).await;
    machine.say(&message("second", 1_050, "ttl", "one")).await;
    machine
        .say(&message("nothing to update", 1_000, "update_only", "two"))
        .await;
    machine.say(&message("other", 1_000, "always", "one")).await;
    let mut elsewhere = message("for others", 1_000, "ttl", "three");
    elsewhere["team"] = json!({"id": "other"});
    machine.say(&elsewhere).await;
    machine.settled().await;
    let bodies = async || {
        let seen = look(&hub, &ada, &url).await;
        let bodies = seen["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["body"].as_str().unwrap().to_owned());
        bodies.collect::<Vec<_>>()
    };
    assert_eq!(bodies().await, ["second", "other"]);
    let delete = answer(
        &command,
        &json!({"content_type": "application/x-atomist-delete", "id": "one"}),
    );
    machine.say(&delete).await;
    machine.settled().await;
    assert_eq!(bodies().await, ["other"]);
}

#[tokio::test]
async fn another_machine_cannot_answer_for_one() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let mut other = hub.machine(&registration("other", "1.0.0", "ephemeral")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    other
        .say(&answer(
            &command,
            &json!({"status": {"code": 0, "reason": "forged"}}),
        ))
        .await;
    let said = json!({"content_type": "text/plain", "body": "forged"});
    other.say(&answer(&command, &said)).await;
    other.settled().await;
    let seen = look(&hub, &ada, &url).await;
    assert_eq!(
        (&seen["phase"], &seen["messages"]),
        (&json!("RUNNING"), &json!([]))
    );
    // The machine is lost: it may have done it, and is not told again when it is back.
    drop(machine);
    let mut back = hub.machine(&offers("m")).await;
    let seen = look(&hub, &ada, &format!("{url}?wait=20")).await;
    assert_eq!(seen["phase"], json!("FAILURE"), "{seen}");
    back.settled().await;
}

#[tokio::test]
async fn logs_are_taken_for_goals_that_are_known_and_read_by_those_who_may() {
    let hub = TestHub::start(quick()).await;
    let probe = hub.http.head(hub.url("/api/logs")).send().await.unwrap();
    assert_eq!(probe.status(), 204);
    let part = json!({"host": "h", "content": [
        {"level": "info", "message": "one", "timestamp": "01/01/2026 00:00:00.000", "timestampMillis": 1},
        {"level": "info", "message": "two", "timestamp": "01/01/2026 00:00:00.000", "timestampMillis": 2}
    ]});
    let send = async || {
        let url = hub.url("/api/logs/w/acme/app/abc/0-code/build/s/x?closed=true");
        hub.http
            .post(url)
            .bearer_auth(&hub.key)
            .body(part.to_string())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(send().await, 404, "there is no such goal");
    super::events::write(&hub, &super::events::goal("build", "requested", 1)).await;
    assert_eq!(send().await, 204);
    let read = async |key: &str, from: u64| {
        let url = hub.url(&format!("/api/logs/w/s/0-code/build?from={from}"));
        let response = hub.http.get(url).bearer_auth(key).send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        (status, body)
    };
    let (status, log) = read(&hub.key, 0).await;
    assert_eq!(
        (status, &log["lines"][1]["message"], &log["complete"]),
        (200, &json!("two"), &json!(true))
    );
    let next = log["next"].as_u64().unwrap();
    let rest = read(&hub.key, next).await.1;
    assert_eq!((&rest["lines"], &rest["next"]), (&json!([]), &json!(next)));
    let (_, other) = hub
        .administration()
        .new_key(&wish(&["events:read"]))
        .await
        .unwrap();
    assert_eq!(read(&other, 0).await.0, 403);
}

#[tokio::test]
async fn a_goal_is_its_machines_to_write() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    machine.settled().await;
    super::events::write(&hub, &super::events::goal("build", "in_process", 1)).await;
    let stranger = KeyWish {
        name: "stranger".to_owned(),
        ..wish(&[])
    };
    let (_, other) = hub.administration().new_key(&stranger).await.unwrap();
    let mutation = "mutation M($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    let mut stolen = super::events::goal("build", "success", 2);
    for name in ["m", "other"] {
        stolen["registration"] = json!(name);
        let body = json!({"query": mutation, "variables": {"goal": stolen}});
        let (_, answer) = hub.post("/graphql/team/w", &other, &body).await;
        let refused = &answer["errors"][0]["message"];
        assert_eq!(refused, &json!("the goal is another machine's"), "as {name}");
    }
    // Its own machine may say that it is approved, and write on.
    super::events::write(&hub, &super::events::goal("build", "approved", 3)).await;
    let asked = hub
        .ask("{ SdmGoal { state version registration } }", Value::Null)
        .await;
    assert_eq!(
        asked["data"]["SdmGoal"],
        json!([{"state": "approved", "version": 3, "registration": "m"}])
    );
}

#[tokio::test]
async fn approvals_are_for_people_and_for_nobodys_key() {
    let hub = TestHub::start(quick()).await;
    super::events::write(&hub, &super::events::goal("build", "waiting_for_approval", 1)).await;
    let mutation = "mutation M($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    let answer = hub
        .ask(
            mutation,
            json!({"goal": super::events::goal("build", "approved", 2)}),
        )
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        json!("person_required")
    );
    let ada = person(&hub, "ada").await;
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    assert_eq!(
        hub.post("/goals/w/s/0-code/build/approve", &hub.key, &json!({}))
            .await
            .0,
        403
    );
    let (status, approved) = hub
        .post("/goals/w/s/0-code/build/approve", &ada, &json!({}))
        .await;
    assert_eq!(
        (status, &approved),
        (200, &json!({"state": "approved", "version": 2}))
    );
    assert_eq!(
        hub.post("/goals/w/s/0-code/build/approve", &ada, &json!({}))
            .await
            .0,
        409
    );
    let asked = hub
        .ask(
            "{ SdmGoal { state approvalRequired approval { userId } } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        asked["data"]["SdmGoal"],
        json!([{"state": "approved", "approvalRequired": false, "approval": {"userId": "ada"}}])
    );
    assert_eq!(
        hub.post("/goals/w/s/0-code/build/cancel", &ada, &json!({}))
            .await
            .0,
        200
    );
    assert_eq!(
        hub.post("/goals/w/s/0-code/other/cancel", &ada, &json!({}))
            .await
            .0,
        404
    );
    // A machine of ours decides itself, and hears nothing of what is written here.
    let mut ours = super::events::goal("ours", "waiting_for_approval", 1);
    ours["fulfillment"] = json!({"method": "sdm", "name": "ours", "registration": "ours"});
    let mut announced = super::machine::registration("ours", "1.0.0", "durable");
    announced["commands"] = json!([{"name": "sdm.approve", "parameters": [{"name": "goal_set"}]}]);
    hub.register(&announced).await;
    super::events::write(&hub, &ours).await;
    let (status, answer) = hub.post("/goals/w/s/0-code/ours/approve", &ada, &json!({})).await;
    assert_eq!(status, 409);
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("`sdm.approve`"), "{message}");
}

/// Whether the machines of the workspace offer anything.
async fn is_offered(hub: &TestHub, key: &str) -> bool {
    let listed = look(hub, key, &hub.url("/machines/w")).await;
    // Whoever looks too often is told so, and sees nothing of it.
    let machines = listed["machines"].as_array();
    machines.is_none_or(|machines| machines.iter().any(|one| one["commands"] != json!([])))
}

#[tokio::test]
async fn d15_a_machine_that_is_frozen_is_asked_for_nothing_and_not_heard() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    assert!(is_offered(&hub, &ada).await);
    let freeze = Grant::new(Selector::Everything, Right::Deny);
    let test = Principal::parse("addon:test").unwrap();
    hub.administration().give(test, freeze, false).await.unwrap();
    let frozen = tokio::time::timeout(PATIENCE, async {
        while is_offered(&hub, &ada).await {
            tokio::task::yield_now().await;
        }
    });
    frozen.await.expect("a freeze counts within seconds");
    let (status, refused) = hub.post("/command", &ada, &deploy()).await;
    assert_eq!(status, 404, "{refused}");
    let said = json!({"content_type": "text/plain", "body": "frozen and talking", "post_mode": "always"});
    machine.say(&answer(&command, &said)).await;
    let done = json!({"status": {"code": 0, "reason": "done"}});
    machine.say(&answer(&command, &done)).await;
    machine.settled().await;
    let seen = look(&hub, &ada, &url).await;
    assert_eq!(seen["phase"], json!("FAILURE"), "{seen}");
    let because = seen["command_response"]["status"]["reason"].as_str().unwrap();
    assert!(because.contains("right to commands"), "{because}");
    assert!(!seen.to_string().contains("frozen and talking"), "{seen}");
}

#[tokio::test]
async fn d06_a_command_that_waits_is_not_told_once_the_key_is_revoked_with_which_it_was_asked_for() {
    let hub = TestHub::start(quick()).await;
    // It is not there yet when it is asked.
    let address = hub.register(&offers("m")).await;
    let ada = KeyWish {
        is_person: true,
        name: "ada".to_owned(),
        ..wish(&["commands:register"])
    };
    let (stored, first) = hub.administration().new_key(&ada).await.unwrap();
    let (_, second) = hub.administration().new_key(&ada).await.unwrap();
    let asked = async |key: &str| {
        let (status, answer) = hub.post("/command", key, &deploy()).await;
        assert_eq!(status, 200, "{answer}");
        answer["invocation"]["url"].as_str().unwrap().to_owned()
    };
    let (revoked, good) = (asked(&first).await, asked(&second).await);
    hub.administration().revoke_key(&stored.id).await.unwrap();
    // What is told at once was weighed just now.
    tokio::time::sleep(quick().look).await;
    let mut machine = Machine::open(&address).await;
    let told = machine.hear().await["correlation_id"].clone();
    assert!(good.ends_with(told.as_str().unwrap()), "{told} and not the other");
    machine.settled().await;
    let seen = look(&hub, &second, &revoked).await;
    assert_eq!(seen["phase"], json!("FAILURE"), "{seen}");
    let because = seen["command_response"]["status"]["reason"].as_str().unwrap();
    assert!(because.contains("the key"), "{because}");
}
