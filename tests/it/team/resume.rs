//! The real machine and the real hub lose each other and go on where they were (wire protocol 18).

use serde_json::{Value, json};

use super::real::{RealHub, connected, together, watch};
use super::scene::ONE_GOAL;
use crate::support::bad_wire::{BadWire, Dice};
use crate::support::local::LocalMachine;

fn hub_log(machine: &LocalMachine) -> String {
    std::fs::read_to_string(machine.path("hub.log")).unwrap()
}

fn registrations(machine: &LocalMachine) -> usize {
    hub_log(machine).matches("a machine has registered").count()
}

fn resumptions(machine: &LocalMachine) -> usize {
    let log = hub_log(machine);
    log.matches("a machine has come back to its conversation").count()
}

/// It has come back so often.
fn came_back(machine: &LocalMachine, times: usize) {
    machine.wait_until("it has come back", |machine| {
        (resumptions(machine) == times).then_some(())
    });
    connected(machine);
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_short_losses_and_killed_hubs_need_no_registration_and_a_killed_machine_registers() {
    let (mut machine, mut hub) = together(ONE_GOAL).await;
    watch(&machine);
    let address = hub.url.trim_start_matches("http://").parse().unwrap();
    let wire = BadWire::to(address, Dice::new(3)).await;
    wire.calm_down();
    let config = machine.path("home/.config/sdm/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(&hub.url, &format!("http://{}", wire.address));
    std::fs::write(&config, text).unwrap();
    machine.start_with_hub();
    connected(&machine);
    for times in 1..=3 {
        wire.cut();
        came_back(&machine, times);
    }
    hub.kill();
    wire.cut();
    let sha = machine.commit("work goes on", &[("README.md", "hello")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    hub.run(&machine).await;
    came_back(&machine, 4);
    // No forge has told the hub of the push, only the machine of its goals.
    let is_shown = async || {
        let answer = hub.ask("{ SdmGoal(state: [success]) { sha } }").await?;
        let goals = answer["data"]["SdmGoal"].as_array()?.clone();
        goals.iter().any(|goal| goal["sha"] == sha).then_some(())
    };
    hub.until("the hub shows the success", is_shown).await;
    assert_eq!(registrations(&machine), 1);
    // Another run is another conversation.
    machine.kill();
    machine.start_with_hub();
    connected(&machine);
    assert_eq!(registrations(&machine), 2);
    assert_eq!(resumptions(&machine), 4);
    machine.stop();
}

const SLOW: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [cat, README.md]}}
commands:
  - name: slow
    run: [sh, -c, 'printf "begun\n\033[32mhalf  way\033[0m\n"; while [ ! -e GATE ]; do sleep 0.05; done; echo over']
"#;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_by_way_of_the_hub_sees_what_a_command_is_at() {
    let (mut machine, hub) = together(ONE_GOAL).await;
    let gate = machine.path("gate");
    machine.write_goals(&SLOW.replace("GATE", &gate.display().to_string()));
    machine.start_with_hub();
    connected(&machine);
    let ada = RealHub::person(&machine, "ada");
    hub.come_in(&machine, "ada").await;
    let body = json!({"command": "slow", "team": {"id": "A1"}}).to_string();
    let asked = hub.http.post(format!("{}/command?invoke=true", hub.url));
    let asked = asked.bearer_auth(&ada).body(body).send().await.unwrap();
    let asked: Value = serde_json::from_str(&asked.text().await.unwrap()).unwrap();
    let url = asked["invocation"]["url"]
        .as_str()
        .expect("it is asked for")
        .to_owned();
    let look = async || {
        let answer = hub.http.get(&url).bearer_auth(&ada).send().await.ok()?;
        serde_json::from_str::<Value>(&answer.text().await.ok()?).ok()
    };
    let half = async || (look().await?["progress"]["text"] == "half  way").then_some(());
    hub.until("it is half way", half).await;
    std::fs::write(&gate, "").unwrap();
    let is_over = async || (look().await?["phase"] == "SUCCESS").then_some(());
    hub.until("it is over", is_over).await;
    assert_eq!(look().await.unwrap()["progress"], Value::Null);
    machine.stop();
}
