//! Goals that somebody on another computer completes, by way of a real hub (semantics 4.11; ST-20, D4).

use serde_json::{Value, json};

use super::real::{RealHub, connected, together, watch};
use crate::support::local::{LocalMachine, state_of};

const SCAN: &str = r#"
rules:
  - name: scan
    goals:
      - name: scan
        side_effect: {run: [sh, -c, "umask 077; printf '%s %s' \"$SDM_COMPLETION_URL\" \"$SDM_COMPLETION_TOKEN\" > $HOME/given"]}
      - {name: after, execute: {run: ["true"]}}
"#;

/// The address and the token that the goal gave away.
fn given(machine: &LocalMachine) -> (String, String) {
    machine.wait_until("the token is given", |machine| {
        let waits = machine
            .goal_sets()
            .iter()
            .any(|set| set["goals"][0]["phase"] == "waits for whoever carries it out");
        let given = std::fs::read_to_string(machine.path("home/given")).unwrap_or_default();
        let (address, token) = given.split_once(' ')?;
        waits.then(|| (address.to_owned(), token.to_owned()))
    })
}

/// What somebody says of the goal; status and answer.
async fn say(hub: &RealHub, (address, token): (&str, &str), result: Value) -> (u16, Value) {
    let request = hub.http.post(address).bearer_auth(token);
    let response = request.body(result.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
    )
}

/// The hub knows the goal once the machine has reported it.
async fn reported(hub: &RealHub) {
    let look = async || {
        let answer = hub.ask("{ SdmGoal { uniqueName state } }").await?;
        let goals = answer["data"]["SdmGoal"].as_array()?.clone();
        goals
            .iter()
            .any(|goal| goal["uniqueName"] == "scan" && goal["state"] == "in_process")
            .then_some(())
    };
    hub.until("the hub knows the goal", look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn st_20_a_goal_is_completed_at_the_hub_by_whoever_has_its_token() {
    let (mut machine, hub) = together(SCAN).await;
    watch(&machine);
    machine.start_with_hub();
    connected(&machine);
    let sha = machine.commit("second", &[("a", "1")]);
    let (address, token) = given(&machine);
    assert!(
        address.starts_with(&format!("{}/goals/A1/", hub.url)),
        "{address}"
    );
    reported(&hub).await;

    let (status, refused) = say(&hub, (&address, "wrong"), json!({"state": "success"})).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("wrong_token")),
        "{refused}"
    );
    let nowhere = address.replace("scan", "nowhere");
    let (status, unknown) = say(&hub, (&nowhere, &token), json!({"state": "success"})).await;
    assert_eq!(status, 403);
    assert_eq!(
        unknown["error"]["message"], refused["error"]["message"],
        "nobody learns what there is"
    );
    let (status, unfit) = say(&hub, (&address, &token), json!({"state": "planned"})).await;
    assert_eq!(
        (status, &unfit["error"]["code"]),
        (400, &json!("invalid_result")),
        "{unfit}"
    );

    let news = json!({"state": "in_process", "phase": "half way"});
    let (status, answer) = say(&hub, (&address, &token), news).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(machine.set_of(&sha)["goals"][0]["phase"], "half way");
    let done = json!({"state": "success", "description": "No leaks", "data": "{\"leaks\": 0}", "urls": ["https://scan.example/1"]});
    let (status, answer) = say(&hub, (&address, &token), done.clone()).await;
    assert_eq!(status, 200, "{answer}");
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "after"), "success", "{set:#}");
    assert_eq!(set["goals"][0]["description"], "No leaks");
    assert_eq!(
        set["goals"][0]["external_urls"][0]["url"],
        "https://scan.example/1"
    );
    let (status, late) = say(&hub, (&address, &token), done).await;
    assert_eq!(status, 409, "{late}");
    machine.stop();

    // F9: neither memory gives anybody a token.
    for database in ["state/sdm.db", "hub/hub.db"] {
        let database = std::fs::read(machine.path(database)).unwrap();
        let holds = database
            .windows(token.len())
            .any(|window| window == token.as_bytes());
        assert!(!holds);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_guesses_do_not_keep_the_true_result_of_a_goal_out_while_its_machine_is_away() {
    let (mut machine, hub) = together(SCAN).await;
    watch(&machine);
    machine.start_with_hub();
    connected(&machine);
    let sha = machine.commit("second", &[("a", "1")]);
    let (address, token) = given(&machine);
    // The machine has said of this token how it is told from a guess.
    let waits = async || {
        let answer = hub.ask("{ SdmGoal { uniqueName phase } }").await?;
        let goals = answer["data"]["SdmGoal"].as_array()?.clone();
        let is_it = |goal: &Value| goal["uniqueName"] == "scan" && goal["phase"].is_string();
        goals.iter().any(is_it).then_some(())
    };
    hub.until("the hub knows that the goal waits", waits).await;
    machine.kill();
    let guesses: Vec<String> = (0..7).map(|number| format!("guess-{number}")).collect();
    let all = guesses.iter().map(|guess| {
        let (hub, address) = (&hub, &address);
        async move {
            let guess = (address.as_str(), guess.as_str());
            say(hub, guess, json!({"state": "failure"})).await.0
        }
    });
    let told = futures_util::future::join_all(all).await;
    assert_eq!(
        told.iter().filter(|status| **status == 429).count(),
        2,
        "{told:?}"
    );
    let (status, answer) = say(&hub, (&address, &token), json!({"state": "success"})).await;
    assert_eq!(status, 202, "{answer}");
    machine.start_with_hub();
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "scan"), "success", "{set:#}");
    machine.stop();
}
