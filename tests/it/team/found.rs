//! Plain git remotes in team mode: no forge tells the hub of them, so the machine that looks at them does.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::real::{RealHub, beside, connected, together};
use super::scene::ONE_GOAL;
use crate::hub::machine::{Machine, registration};
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

/// The machine looks at its repository by way of a server that is no forge.
fn poll(machine: &LocalMachine, server: &HttpServer) {
    let config = machine.path("home/.config/sdm/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = format!(
        "{text}remotes: ['{}']\npoll_interval: 1s\n",
        server.url("acme/app")
    );
    std::fs::write(&config, text).unwrap();
}

/// A machine of the original that waits for pushes.
async fn original(hub: &RealHub) -> Machine {
    let mut wanted = registration("original", "1.0.0", "durable");
    wanted["team_ids"] = json!(["A1"]);
    wanted["events"][0] = json!({"subscription": "subscription OnPush { Push { branch after @required { sha } repo { owner name } } }",
        "secrets": []});
    let request = hub
        .http
        .post(format!("{}/registration", hub.url))
        .bearer_auth(&hub.key);
    let request = request.header("content-type", "application/json");
    let answer = request.body(wanted.to_string()).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    Machine::open(answer["url"].as_str().unwrap()).await
}

/// The next message, with an answer to all pings before it: the hub waits until it knows that the machine that was killed is gone.
async fn hear_patiently(machine: &mut Machine) -> Value {
    loop {
        let Message::Text(text) = machine.frame().await else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        match message.get("ping") {
            Some(ping) => machine.say(&json!({"pong": ping})).await,
            None => return message,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_plain_remote_is_heard_of_by_others_though_the_hub_was_away_when_it_was_found() {
    let (mut machine, mut hub) = together(ONE_GOAL).await;
    let mut other = beside(&machine, &hub, "other", ONE_GOAL);
    let server = HttpServer::start(&machine.path(""), None).await;
    poll(&machine, &server);
    machine.start_with_hub();
    other.start_with_hub();
    connected(&machine);
    connected(&other);
    machine.ok(&["replay", &server.url("acme/app")]);
    hub.kill();
    let sha = machine.commit("while the hub is away", &[("README.md", "2")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.kill();
    hub.run(&machine).await;
    let mut original = original(&hub).await;
    machine.start_with_hub();
    let event = hear_patiently(&mut original).await;
    assert_eq!(
        event["data"]["Push"][0],
        json!({"branch": "main", "after": {"sha": sha}, "repo": {"owner": "acme", "name": "app"}})
    );
    original.answer(&event).await;
    // Its goals say which push they are of.
    hub.shows_success_of(&sha).await;
    // The other machine hears of it too, and leaves it to whose it is.
    let ada = RealHub::person(&machine, "ada");
    hub.come_in(&machine, "ada").await;
    let has_answered = async || {
        let url = format!("{}/machines/A1", hub.url);
        let answer = hub.http.get(url).bearer_auth(&ada).send().await.ok()?;
        let shown: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        let machines = shown["machines"].as_array()?;
        let other = machines.iter().find(|machine| machine["name"] == "other")?;
        (other["waiting"] == 0 && other["sent"] == 0 && other["dead"] == 0).then_some(())
    };
    hub.until("the other machine has answered", has_answered).await;
    assert!(other.goal_sets().is_empty(), "{:?}", other.goal_sets());
    assert_eq!(machine.goal_sets().len(), 1, "nor is it carried out again");
    original.settled().await;
    assert!(
        !machine.daemon_log().contains("put aside"),
        "{}",
        machine.daemon_log()
    );
}
