//! Somebody waits at the hub for a command of a machine, and the hub goes away meanwhile.

use std::process::{Child, Stdio};

use super::real::{RealHub, connected, together};
use crate::support::local::LocalMachine;

const PATIENT: &str = r#"
commands:
  - name: patient
    parameters: {begun: {pattern: "^/.*$"}, go: {pattern: "^/.*$"}}
    run: [sh, -c, 'touch "$1"; until [ -e "$2" ]; do sleep 0.05; done; printf "{\"message\": \"done at last\"}" > "$ATOMIST_RESULT"', patient, "${parameters.begun}", "${parameters.go}"]
"#;

/// `sdm do --hub` for the command, with what it says on standard error in a file.
fn asks(machine: &LocalMachine, hub: &RealHub) -> Child {
    let (config, key) = (machine.path("mine.yaml"), machine.path("ada.key"));
    std::fs::write(&key, RealHub::person(machine, "ada")).unwrap();
    let text = format!(
        "hub: {{address: '{}', key: {{file: '{}'}}, workspaces: [A1]}}\n",
        hub.url,
        key.display()
    );
    std::fs::write(&config, text).unwrap();
    let (begun, go) = (machine.path("begun"), machine.path("go"));
    let [config, begun, go] = [&config, &begun, &go].map(|path| path.to_str().unwrap());
    let said = [
        "--config", config, "do", "--hub", "patient", "--begun", begun, "--go", go,
    ];
    let told = std::fs::File::create(machine.path("told")).unwrap();
    let mut command = machine.command(&said);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(told);
    command.spawn().unwrap()
}

fn told(machine: &LocalMachine) -> String {
    std::fs::read_to_string(machine.path("told")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_command_waits_also_for_a_hub_that_was_killed() {
    let (mut machine, mut hub) = together(PATIENT).await;
    machine.start_with_hub();
    connected(&machine);
    let waits = asks(&machine, &hub);
    machine.wait_until("the command runs", |machine| {
        machine.path("begun").exists().then_some(())
    });
    for away in 1..=2 {
        hub.kill();
        machine.wait_until("the hub is missed", |machine| {
            (told(machine).matches("the hub is away").count() == away).then_some(())
        });
        if away == 2 {
            // It ends while no hub is there to hear of it.
            std::fs::write(machine.path("go"), "").unwrap();
            machine.wait_until("the command has ended", |machine| {
                let errands = machine.json(&["show", "errands"]);
                (errands["errands"][0]["state"] == "success").then_some(())
            });
        }
        hub.run(&machine).await;
        machine.wait_until("the hub is found again", |machine| {
            (told(machine).matches("the hub is back").count() == away).then_some(())
        });
    }
    let output = tokio::task::spawn_blocking(|| waits.wait_with_output().unwrap());
    let output = tokio::time::timeout(std::time::Duration::from_secs(40), output).await;
    let output = output.expect("the end is found").unwrap();
    assert!(output.status.success(), "{}", told(&machine));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done at last\n");
    assert!(
        told(&machine).contains("asked again for 15 minutes"),
        "{}",
        told(&machine)
    );
}
