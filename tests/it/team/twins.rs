//! Two machines with one state directory (threat G6).

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::real::{connected, together, watch};
use super::scene::ONE_GOAL;
use crate::support::local::LocalMachine;

/// A machine that runs on a copy of another one's state.
struct Copied {
    process: Child,
}

impl Copied {
    fn start(machine: &LocalMachine) -> Self {
        let log = std::fs::File::create(machine.path("copy.log")).unwrap();
        let process = Self::command(machine, &["start"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process }
    }

    fn command(machine: &LocalMachine, arguments: &[&str]) -> Command {
        let mut command = machine.command(arguments);
        std::fs::create_dir_all(machine.path("run-of-copy")).unwrap();
        command
            .env("SDM_HOME", machine.path("copy"))
            .env("XDG_RUNTIME_DIR", machine.path("run-of-copy"));
        command
    }

    fn goal_sets(machine: &LocalMachine) -> Vec<Value> {
        let output = Self::command(machine, &["goals", "--all", "--json"])
            .output()
            .unwrap();
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        shown["goal_sets"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn until_log_says(machine: &LocalMachine, file: &str, words: &str) {
    machine.wait_until(&format!("{file} says: {words}"), |machine| {
        let log = std::fs::read_to_string(machine.path(file)).ok()?;
        log.contains(words).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_copied_state_directory_is_fenced_off_and_both_owners_are_told() {
    let (mut machine, _hub) = together(ONE_GOAL).await;
    watch(&machine);
    machine.start_with_hub();
    connected(&machine);
    let first = machine.commit("first", &[("README.md", "1")]);
    machine.ended_set_of(&first);
    machine.stop();
    let (state, copy) = (machine.path("state"), machine.path("copy"));
    let copied = Command::new("cp")
        .args(["-a", state.to_str().unwrap(), copy.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(copied.success());
    machine.start_with_hub();
    connected(&machine);
    let copy = Copied::start(&machine);
    until_log_says(&machine, "copy.log", "nothing is started until the hub says");
    until_log_says(
        &machine,
        "copy.log",
        "another one with a copy of its state directory is there",
    );
    until_log_says(
        &machine,
        "daemon.log",
        "another machine with a copy of this state directory has tried to register",
    );
    let hub = machine.status().unwrap()["hub"].clone();
    assert!(
        hub["problem"]
            .as_str()
            .unwrap()
            .contains("another machine with a copy"),
        "{hub}"
    );
    // What happens now is carried out once.
    let second = machine.commit("second", &[("README.md", "2")]);
    assert_eq!(machine.ended_set_of(&second)["state"], "success");
    let sets = Copied::goal_sets(&machine);
    assert_eq!(
        sets.len(),
        1,
        "the copy knows what it was copied with, and starts nothing: {sets:?}"
    );
    drop(copy);
    // The first one is restarted, by force, and is itself again.
    machine.kill();
    machine.start_with_hub();
    connected(&machine);
    let third = machine.commit("third", &[("README.md", "3")]);
    assert_eq!(machine.ended_set_of(&third)["state"], "success");
}
