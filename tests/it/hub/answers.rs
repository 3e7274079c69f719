//! Answers that do not come: commands end, events come again, leases are renewed or are over (wire protocol 3.5, 12, 13, 18).

use std::time::Duration;

use sdm::hub::Rhythm;
use sdm::kinds::side_effect;
use sdm::ports::hub::Deliveries as _;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::commands::{answer, asked, deploy, look, offers, person};
use super::events::push;
use super::machine::{Machine, PATIENCE, TestHub, quick, registration};
use super::machines::let_wait;
use sdm::runtime::clock::{Clock as _, SystemClock};

/// Answers are not waited for.
fn impatient() -> Rhythm {
    Rhythm {
        answer: Duration::from_millis(400),
        ..quick()
    }
}

/// Looks at an invocation until it is in a phase.
pub async fn comes_to(hub: &TestHub, key: &str, url: &str, phase: &str) -> Value {
    let looking = async {
        loop {
            let seen = look(hub, key, url).await;
            if seen["phase"] == json!(phase) {
                return seen;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = timeout(PATIENCE, looking).await;
    seen.unwrap_or_else(|_| panic!("waited in vain for {phase}"))
}

pub fn reason(seen: &Value) -> &str {
    seen["command_response"]["status"]["reason"].as_str().unwrap()
}

#[tokio::test]
async fn a_command_whose_machine_is_away_fails_in_time_and_whoever_waits_is_told() {
    let hub = TestHub::start(impatient()).await;
    let mut away = offers("m");
    away["policy"]["name"] = json!("durable");
    hub.register(&away).await;
    let ada = person(&hub, "ada").await;
    let (_, told) = hub.post("/command?invoke=true", &ada, &deploy()).await;
    let url = told["invocation"]["url"].as_str().unwrap();
    assert_eq!(look(&hub, &ada, url).await["phase"], json!("PENDING"));
    let waiting = look(&hub, &ada, &format!("{url}?wait=20")).await;
    assert_eq!(
        (&waiting["phase"], reason(&waiting)),
        (&json!("FAILURE"), "no machine was there in time")
    );
    assert!(waiting["ended_at"].is_string());
    // The machine is back too late: it hears nothing of it.
    let mut machine = hub.machine(&away).await;
    machine.settled().await;
}

#[tokio::test]
async fn a_command_whose_machine_is_taken_away_ends_with_that() {
    let hub = TestHub::start(quick()).await;
    let mut away = offers("m");
    away["policy"]["name"] = json!("durable");
    hub.register(&away).await;
    let ada = person(&hub, "ada").await;
    let (_, told) = hub.post("/command?invoke=true", &ada, &deploy()).await;
    let url = told["invocation"]["url"].as_str().unwrap();
    let registrations = hub.administration().registrations().await.unwrap();
    hub.administration()
        .send_away(&registrations[0].id)
        .await
        .unwrap();
    let seen = comes_to(&hub, &ada, url, "FAILURE").await;
    assert_eq!(reason(&seen), "its machine was taken away");
}

#[tokio::test]
async fn a_command_that_was_acknowledged_and_never_answered_fails_and_a_late_answer_changes_nothing() {
    let hub = TestHub::start(impatient()).await;
    let mut knows = offers("m");
    knows["capabilities"] = json!(["ack", "lease"]);
    let mut machine = hub.machine(&knows).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("RUNNING"));
    let of = |name: &str, more: Value| json!({"control": {"name": name, "params": more}});
    let correlation = &command["correlation_id"];
    machine
        .say(&of("ack", json!({"correlation_id": correlation})))
        .await;
    // As long as it says that it is at work there is no end.
    for _ in 0..8 {
        let lease = json!({"correlation_ids": [correlation], "millis": 30_000});
        machine.say(&of("lease", lease)).await;
        machine.settled().await;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("RUNNING"));
    drop(machine);
    let seen = comes_to(&hub, &ada, &url, "FAILURE").await;
    assert!(reason(&seen).contains("has not answered in time"), "{seen}");
    let mut back = hub.machine(&knows).await;
    let late = json!({"status": {"code": 0, "reason": "done"}});
    back.say(&answer(&command, &late)).await;
    back.settled().await;
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("FAILURE"));
}

#[tokio::test]
async fn a_person_who_is_asked_for_more_has_longer() {
    let rhythm = Rhythm {
        person: Duration::from_secs(3),
        ..impatient()
    };
    let hub = TestHub::start(rhythm).await;
    let mut machine = hub.machine(&offers("m")).await;
    let ada = person(&hub, "ada").await;
    let (url, command) = asked(&hub, &ada, &mut machine).await;
    let question = json!({"content_type": "application/x-atomist-continuation+json", "parameters": [],
        "parameter_specs": [{"name": "env", "required": true}]});
    machine.say(&answer(&command, &question)).await;
    machine.settled().await;
    sleep(Duration::from_millis(900)).await;
    assert_eq!(look(&hub, &ada, &url).await["phase"], json!("ASKING"));
    let seen = comes_to(&hub, &ada, &url, "FAILURE").await;
    assert!(reason(&seen).starts_with("nobody said in time"), "{seen}");
}

#[tokio::test]
async fn an_event_that_is_not_answered_comes_again_to_a_machine_that_is_connected() {
    let hub = TestHub::start(impatient()).await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let first = machine.hear().await;
    let second = machine.hear().await;
    assert_eq!(second["extensions"]["attempt"], json!(2));
    let id = |event: &Value| event["extensions"]["delivery_id"].clone();
    assert_eq!(id(&first), id(&second), "it is the same delivery");
    machine.answer(&second).await;
    machine.settled().await;
    sleep(Duration::from_millis(600)).await;
    machine.settled().await;
}

const WORK: &str = "subscription FulfillGoalOnRequested { SdmGoal(state: [requested]) { goalSetId environment uniqueName state } }";
const GOAL: &str = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0\", uniqueName: \"NAME\", name: \"n\", \
    state: STATE, version: VERSION, ts: VERSION, sha: \"SHA\", branch: \"main\", \
    repo: {owner: \"acme\", name: \"app\", providerId: \"p\"}, fulfillment: {method: \"sdm\", registration: \"m\", name: \"f\"}}) }";

/// Writes a goal.
async fn write(hub: &TestHub, name: &str, state: &str, version: u32) {
    let text = GOAL.replace("NAME", name).replace("STATE", state);
    let text = text
        .replace("VERSION", &version.to_string())
        .replace("SHA", &"b".repeat(40));
    let answer = hub.ask(&text, Value::Null).await;
    assert!(answer["data"]["ingestCustomSdmGoal"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_goal_is_told_of_again_only_while_nobody_has_begun_with_it() {
    told_of_again_while_it_is_idle(WORK).await;
}

#[tokio::test]
async fn a_goal_is_told_of_again_to_a_machine_that_asks_for_no_goal_set() {
    told_of_again_while_it_is_idle(&WORK.replace("goalSetId ", "")).await;
}

async fn told_of_again_while_it_is_idle(subscription: &str) {
    let rhythm = Rhythm {
        work: Duration::from_millis(700),
        ..impatient()
    };
    let hub = TestHub::start(rhythm).await;
    let mut works = registration("m", "1.0.0", "durable");
    works["events"][0]["subscription"] = json!(subscription);
    let mut machine = hub.machine(&works).await;
    write(&hub, "begun", "requested", 1).await;
    assert_eq!(
        machine.hear().await["data"]["SdmGoal"][0]["uniqueName"],
        json!("begun")
    );
    write(&hub, "begun", "in_process", 2).await;
    write(&hub, "idle", "requested", 1).await;
    for attempt in 1..=2 {
        let event = machine.hear().await;
        assert_eq!(event["data"]["SdmGoal"][0]["uniqueName"], json!("idle"));
        assert_eq!(event["extensions"]["attempt"], json!(attempt));
        if attempt == 2 {
            machine.answer(&event).await;
        }
    }
    machine.settled().await;
    let dead = hub.administration().dead("w").await.unwrap();
    assert_eq!(dead.len(), 1, "what has begun is not begun again");
    assert_eq!(dead[0].because, "no answer came in time");
}

/// A machine that knows leases has acknowledged an event; the event.
async fn acknowledged(hub: &TestHub, machine: &mut Machine) -> Value {
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let event = machine.hear().await;
    let id = &event["extensions"]["delivery_id"];
    machine
        .say(&json!({"control": {"name": "ack", "params": {"delivery_id": id}}}))
        .await;
    machine.settled().await;
    event
}

#[tokio::test]
async fn an_event_that_was_acknowledged_comes_again_when_nobody_says_any_more_that_it_is_in_hand() {
    let rhythm = Rhythm {
        lease: Duration::from_millis(300),
        ..quick()
    };
    let hub = TestHub::start(rhythm).await;
    let mut knows = registration("m", "1.0.0", "durable");
    knows["capabilities"] = json!(["ack", "lease"]);
    let mut machine = hub.machine(&knows).await;
    let event = acknowledged(&hub, &mut machine).await;
    let lease = json!({"control": {"name": "lease", "params": {
        "correlation_ids": [event["extensions"]["correlation_id"], "unheard of"], "millis": 300}}});
    for _ in 0..10 {
        machine.say(&lease).await;
        machine.settled().await;
        sleep(Duration::from_millis(60)).await;
    }
    // It is lost with all that it knew, and says nothing more.
    drop(machine);
    let mut anew = hub.machine(&knows).await;
    let again = anew.hear().await;
    assert_eq!(
        again["extensions"]["delivery_id"],
        event["extensions"]["delivery_id"]
    );
    anew.answer(&again).await;
    anew.settled().await;
    sleep(Duration::from_millis(500)).await;
    anew.settled().await;
}

/// A machine of the original that does everything.
fn does_everything() -> Value {
    let mut machine = offers("m");
    machine["policy"]["name"] = json!("durable");
    let task = "subscription ExecuteTask { AtmJobTask(owner: \"m\", state: created) { id state } }";
    let subscriptions = ["subscription OnPush { Push { id branch } }", WORK, task];
    machine["events"] = subscriptions
        .iter()
        .map(|text| json!({"subscription": text, "secrets": []}))
        .collect();
    machine
}

/// Writes a goal set of machine `m` on a push of this commit, as of this moment in milliseconds.
async fn plan(hub: &TestHub, sha: &str, millis: i64) {
    let set = json!({
        "goalSetId": format!("set-{sha}"), "goalSet": "build", "sha": sha.repeat(40), "branch": "main", "ts": millis,
        "state": "requested", "goals": [], "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"},
        "provenance": {"registration": "m", "version": "1.0.0", "name": "SetGoalsOnPush", "ts": millis}
    });
    let text = "mutation S($set: CustomSdmGoalSetInput!) { ingestCustomSdmGoalSet(value: $set) }";
    let answer = hub.ask(text, json!({ "set": set })).await;
    assert!(answer["data"]["ingestCustomSdmGoalSet"].is_string(), "{answer}");
}

#[tokio::test]
async fn what_a_machine_of_the_original_had_when_it_was_lost_comes_again_only_where_it_is_not_done_twice() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&does_everything()).await;
    let ada = person(&hub, "ada").await;
    let (url, _) = asked(&hub, &ada, &mut machine).await;
    let job = "mutation { createAtmJob(jobInput: {data: \"{}\", name: \"j\", description: \"d\", owner: \"m\", \
        jobTasks: [{name: \"t\", data: \"{}\"}]}) { id } }";
    let made = hub.ask(job, Value::Null).await;
    assert!(made["data"]["createAtmJob"]["id"].is_string(), "{made}");
    assert!(machine.hear().await["data"]["AtmJobTask"][0]["id"].is_string());
    for goal in ["begun", "idle"] {
        write(&hub, goal, "requested", 1).await;
        assert_eq!(
            machine.hear().await["data"]["SdmGoal"][0]["uniqueName"],
            json!(goal)
        );
    }
    write(&hub, "begun", "in_process", 2).await;
    let mut pushes = Vec::new();
    for (number, (before, after)) in [("a", "b"), ("b", "c")].into_iter().enumerate() {
        let id = format!("d-{number}");
        assert_eq!(hub.github("push", &id, &push(before, after)).await.0, 200);
        pushes.push(machine.hear().await);
    }
    plan(&hub, "b", SystemClock.now().as_micros() / 1_000).await;
    // The branch had been at this commit long before.
    plan(&hub, "c", 1_000).await;
    drop(machine);
    let mut back = hub.machine(&does_everything()).await;
    let idle = back.hear().await;
    assert_eq!(idle["data"]["SdmGoal"][0]["uniqueName"], json!("idle"));
    let unplanned = back.hear().await;
    assert_eq!(
        unplanned["data"]["Push"][0]["id"],
        pushes[1]["data"]["Push"][0]["id"]
    );
    assert_eq!(
        unplanned["extensions"]["delivery_id"],
        pushes[1]["extensions"]["delivery_id"]
    );
    back.settled().await;
    let dead = hub.administration().dead("w").await.unwrap();
    assert_eq!(dead.len(), 4, "{dead:?}");
    // Whoever asked for the command is told what is known of it.
    let seen = comes_to(&hub, &ada, &url, "FAILURE").await;
    assert!(reason(&seen).contains("may have happened"), "{seen}");
}

#[tokio::test]
async fn what_cannot_be_said_because_the_memory_fails_is_said_when_it_does_not_any_more() {
    let hub = TestHub::start(quick()).await;
    let mut knows = offers("m");
    knows["policy"]["name"] = json!("durable");
    knows["capabilities"] = json!(["context"]);
    hub.register(&knows).await;
    let ada = person(&hub, "ada").await;
    let fail = "CREATE TRIGGER failing BEFORE INSERT ON hub_handle BEGIN SELECT RAISE(ABORT, 'no'); END";
    hub.meddle(fail).await;
    let (status, told) = hub.post("/command?invoke=true", &ada, &deploy()).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let_wait(&hub, "1.0.0", "first").await;
    // An event is before the command, and another one after it.
    let mut machine = hub.machine(&knows).await;
    assert_eq!(machine.hear().await["data"]["Push"][0]["id"], json!("first"));
    machine.settled().await;
    hub.meddle("DROP TRIGGER failing").await;
    assert_eq!(machine.hear().await["command"], json!("Deploy"));
    let event = machine.hear().await;
    assert_eq!(event["data"]["Push"][0]["branch"], json!("main"));
    assert_eq!(event["extensions"]["attempt"], json!(1), "it had never been said");
    machine.settled().await;
}

/// What somebody who claims to have this token of a goal is answered.
async fn completes(hub: &TestHub, goal: &str, token: &str) -> u16 {
    let path = format!("/goals/w/s/0/{goal}/result");
    hub.post(&path, token, &json!({"state": "success"})).await.0
}

#[tokio::test]
async fn a_result_waits_for_its_machine_longer_than_an_answer_may_take() {
    let hub = TestHub::start(impatient()).await;
    let mut away = offers("m");
    away["policy"]["name"] = json!("durable");
    hub.register(&away).await;
    write(&hub, "scan", "in_process", 1).await;
    assert_eq!(completes(&hub, "scan", "a-token").await, 202);
    // When something else that was asked after it is over, so is the time of an answer.
    let ada = person(&hub, "ada").await;
    let (_, told) = hub.post("/command?invoke=true", &ada, &deploy()).await;
    comes_to(&hub, &ada, told["invocation"]["url"].as_str().unwrap(), "FAILURE").await;
    let mut back = hub.machine(&away).await;
    let result = back.hear().await;
    assert_eq!(result["command"], json!("sdm.complete"));
    back.settled().await;
}

#[tokio::test]
async fn f10_guesses_at_the_token_of_a_goal_do_not_fill_the_queue_of_a_machine_that_is_away() {
    let hub = TestHub::start(impatient()).await;
    let mut away = offers("m");
    away["policy"]["name"] = json!("durable");
    hub.register(&away).await;
    for goal in ["scan", "other"] {
        write(&hub, goal, "in_process", 1).await;
    }
    let mut answers = Vec::new();
    for number in 0..20 {
        answers.push(completes(&hub, "scan", &format!("guess-{number}")).await);
    }
    assert_eq!(answers[..5], [202; 5]);
    assert_eq!(answers[5..], [429; 15]);
    assert_eq!(
        completes(&hub, "other", "a-token").await,
        202,
        "another goal is not meant"
    );
    assert_eq!(
        completes(&hub, "scan", "the-token").await,
        429,
        "the machine has not said how it is told from a guess"
    );
    // It speaks of the token with a digest of its digest, which nobody is shown.
    let told_by = side_effect::told_by(&side_effect::digest("the-token"));
    let goal = GOAL
        .replace(
            "name: \"n\"",
            &format!("name: \"n\", completedWith: \"{told_by}\""),
        )
        .replace("NAME", "scan")
        .replace("STATE", "in_process")
        .replace("VERSION", "2")
        .replace("SHA", &"b".repeat(40));
    let written = hub.ask(&goal, Value::Null).await;
    assert!(written["data"]["ingestCustomSdmGoal"].is_string(), "{written}");
    let shown = hub.ask("{ SdmGoal { completedWith } }", Value::Null).await;
    assert!(shown["errors"].is_array(), "{shown}");
    assert_eq!(completes(&hub, "scan", &told_by).await, 429, "it is no token");
    assert_eq!(completes(&hub, "scan", "the-token").await, 202);
    let registrations = hub.administration().registrations().await.unwrap();
    let counts = hub.hub.memory().counts(&[&registrations[0].id]).await.unwrap();
    assert_eq!(counts[&registrations[0].id].waiting, 7);
}
