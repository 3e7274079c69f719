//! Preferences that all machines of a workspace share (semantics 6), with a real hub and real machines.

use super::real::{beside, connected, together, watch};
use crate::support::local::state_of;

const RULES: &str = r#"
rules:
  - name: in europe
    test: {when: 'has(preferences.workspace.region) && preferences.workspace.region == "eu"'}
    goals: {name: here, execute: {run: ["true"]}}
commands:
  - {name: where, parameters: {region: {value: workspace.region}}, run: [echo, "in ${parameters.region}"]}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pf_01_what_is_set_for_the_workspace_is_known_to_every_machine_also_while_the_hub_is_away() {
    let (mut machine, mut hub) = together(RULES).await;
    let mut other = beside(&machine, &hub, "other", RULES);
    watch(&other);
    machine.start_with_hub();
    connected(&machine);
    let put = ["preference", "put", "region", "eu", "--scope", "workspace"];
    machine.ok(&put);
    assert_eq!(machine.ok(&["do", "where"]), "in eu\n");
    let asked = "{ TeamConfiguration(namespace: \"@atomist.global\") { name value } }";
    let there = hub.ask(asked).await.unwrap();
    let setting = &there["data"]["TeamConfiguration"][0];
    assert_eq!(
        (&setting["name"], &setting["value"]),
        (&"region".into(), &"\"eu\"".into())
    );

    other.start_with_hub();
    connected(&other);
    other.wait_until("the other machine knows", |other| {
        let known = other.sdm(&["preference", "get", "region", "--scope", "workspace"]);
        known.status.success().then_some(())
    });
    // The hub tells of changes: a machine that waits for its next look would learn this much later.
    for region in ["us", "eu"] {
        machine.ok(&["preference", "put", "region", region, "--scope", "workspace"]);
        other.wait_until("the other machine hears of it", |other| {
            let known = other.ok(&["preference", "get", "region", "--scope", "workspace"]);
            known.contains(region).then_some(())
        });
    }
    hub.kill();
    let set = other.carried_out("second", &[("x", "1")]);
    assert_eq!(state_of(&set, "here"), "success", "{set:#}");
    let refused = other.sdm(&["preference", "put", "region", "us", "--scope", "workspace"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(4) && said.contains("the hub does not take it"),
        "{said}"
    );
    assert_eq!(other.ok(&["do", "where"]), "in eu\n", "the last that was known");

    hub.run(&machine).await;
    machine.ok(&["preference", "delete", "region", "--scope", "workspace"]);
    let there = hub.ask(asked).await.unwrap();
    assert_eq!(there["data"]["TeamConfiguration"], serde_json::json!([]));
    machine.stop();
    other.stop();
}

#[test]
fn pf_01_without_a_hub_the_machine_keeps_them_itself() {
    let mut machine = crate::support::local::LocalMachine::new(RULES);
    machine.start();
    machine.ok(&["preference", "put", "region", "eu", "--scope", "workspace"]);
    let set = machine.carried_out("second", &[("x", "1")]);
    assert_eq!(state_of(&set, "here"), "success", "{set:#}");
    machine.ok(&["preference", "delete", "region", "--scope", "workspace"]);
    let sha = machine.commit("third", &[("x", "2")]);
    machine.wait_until("it is planned", |machine| {
        let shown = machine.json(&["show", "pushes", "--all"]);
        shown.to_string().contains(&sha).then_some(())
    });
    let sets = machine.goal_sets();
    assert!(sets.iter().all(|set| set["sha"] != sha.as_str()), "{sets:#?}");
    machine.stop();
}
