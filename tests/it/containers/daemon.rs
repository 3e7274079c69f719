//! Goals in containers below a real daemon.

use serde_json::Value;

use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::{IMAGE, Podman};

/// A machine that runs on a podman, with goals in which `IMAGE` stands for the image; none where there is no podman.
pub(super) fn started(goals: &str) -> Option<(Podman, LocalMachine)> {
    let podman = Podman::start()?;
    let mut machine = LocalMachine::new(&goals.replace("IMAGE", IMAGE));
    machine.set("SDM_ENGINE", podman.socket().to_str().unwrap());
    machine.start();
    Some((podman, machine))
}

pub(super) fn goal<'a>(set: &'a Value, name: &str) -> &'a Value {
    let goals = set["goals"].as_array().unwrap();
    goals.iter().find(|goal| goal["name"] == name).unwrap()
}

pub(super) fn log(machine: &LocalMachine, goal: &str) -> String {
    machine.ok(&["logs", goal])
}

/// Whose containers a machine's are.
pub(super) fn label(machine: &LocalMachine) -> String {
    let owner = std::fs::read_to_string(machine.path("state/attempts/containers-owner")).unwrap();
    format!("sdm.owner={owner}")
}

#[test]
fn co_15_co_16_a_version_from_a_container_reaches_later_goals_and_nonsense_is_a_failure() {
    let goals = r#"
rules:
  - name: ship
    goals:
      - name: version
        containers:
          - name: version
            image: IMAGE
            command: [sh, -c]
            args: ["echo '{\"SdmGoal\": {\"push\": {\"after\": {\"version\": \"1.2.3\"}}, \"data\": {\"own\": 1}}}' > $ATOMIST_RESULT; echo on ${push.branch}"]
      - name: use
        containers: [{name: use, image: IMAGE, args: [echo, "version ${push.after.version}, image ${goals.version.data.images.version}"]}]
      - name: objects
        containers: [{name: main, image: IMAGE, command: [sh, -ec, "at=$(cat .git/objects/info/alternates); test -d $at; ! touch $at/x"]}]
      - - name: broken
          containers: [{name: broken, image: IMAGE, args: [sh, -c, "echo nonsense > $ATOMIST_RESULT"]}]
        - name: failed
          containers: [{name: failed, image: IMAGE, args: [sh, -c, "echo '{\"code\": 0, \"phase\": \"fine\"}' > $ATOMIST_RESULT; exit 3"]}]
"#;
    let Some((podman, machine)) = started(goals) else {
        return;
    };
    let set = machine.carried_out("second", &[("x", "1")]);
    assert_eq!(state_of(&set, "use"), "success", "{set}");
    let said = log(&machine, "use");
    assert!(said.contains("version 1.2.3, image "), "{said}");
    assert!(said.contains("@sha256:"), "{said}");
    assert!(log(&machine, "version").contains("on main"));
    // The working copy's repository works inside: the objects it borrows are there, and only to be read.
    assert_eq!(
        state_of(&set, "objects"),
        "success",
        "{}",
        log(&machine, "objects")
    );
    // What cannot be read is a failure, and what a container leaves that fails is not looked at.
    for name in ["broken", "failed"] {
        assert_eq!(state_of(&set, name), "failure", "{set}");
    }
    assert_ne!(goal(&set, "failed")["phase"], "fine", "{set}");
    assert_eq!(podman.labelled(&label(&machine)), Vec::<String>::new());
}

#[test]
fn co_14_a_goal_whose_containers_are_not_for_this_push_is_skipped() {
    let goals = r#"
rules:
  - name: test
    goals:
      - - name: other
          containers: [{name: main, image: IMAGE, test: {has_file: Dockerfile}}]
        - name: refused
          containers: [{name: main, image: IMAGE, privileged: true}]
        - name: mounts
          containers: [{name: main, image: IMAGE, volume_mounts: [{name: etc, mount_path: /x}]}]
          volumes: {name: etc, host_path: {path: /etc}}
        - name: device
          containers: [{name: main, image: IMAGE, devices: [/dev/kvm]}]
        - name: parameter
          containers: [{name: main, image: IMAGE, sysctls: {net.core.somaxconn: 1024}}]
        - name: nowhere
          containers: [{name: main, image: IMAGE}]
"#;
    // No engine is needed to say so, and where one is, that is said.
    let mut machine = LocalMachine::new(&goals.replace("IMAGE", IMAGE));
    machine.set("SDM_ENGINE", "/nowhere/engine.sock");
    machine.start();
    let set = machine.carried_out("second", &[("x", "1")]);
    assert_eq!(state_of(&set, "other"), "skipped", "{set}");
    let description = goal(&set, "other")["description"].as_str().unwrap();
    assert!(
        description.contains("container `main` is not for this push"),
        "{description}"
    );
    for (name, words) in [
        ("refused", "acme/app is not allowed to run privileged containers"),
        (
            "mounts",
            "acme/app is not allowed to mount `/etc` of the computer",
        ),
        (
            "device",
            "acme/app is not allowed to use the device `/dev/kvm` of the computer",
        ),
        (
            "parameter",
            "acme/app is not allowed to set the kernel parameter `net.core.somaxconn`",
        ),
        (
            "nowhere",
            "no container engine answers: looked at /nowhere/engine.sock",
        ),
    ] {
        assert_eq!(state_of(&set, name), "failure", "{set}");
        assert!(set.to_string().contains(words), "{words} in {set}");
    }
}

/// Semantics 7.7: lint and test side by side, publishing when somebody says so, the image after all of them.
#[test]
fn the_worked_example() {
    let goals = r#"
rules:
  - name: node_build
    test:
    - has_file: package.json
    goals:
      - - name: lint
          containers: [{name: lint, image: IMAGE, args: [echo, npm, run, lint]}]
        - name: test
          containers: [{name: test, image: IMAGE, args: [echo, npm, test]}]
          retry: true
      - name: publish
        pre_approval: true
        containers: [{name: publish, image: IMAGE, args: [echo, npm, publish]}]
  - name: docker_build
    depends_on: node_build
    test: [{has_file: Dockerfile}, is_default_branch]
    goals: {name: docker, containers: [{name: docker, image: IMAGE, args: [echo, docker, build]}]}
"#;
    let Some((_podman, machine)) = started(goals) else {
        return;
    };
    // Without a package.json nothing comes before the image.
    let sha = machine.commit("image only", &[("Dockerfile", "FROM scratch")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        (set["goals"].as_array().unwrap().len(), state_of(&set, "docker")),
        (1, "success"),
        "{set}"
    );

    let sha = machine.commit("both", &[("package.json", "{}")]);
    let waits = |machine: &LocalMachine| {
        let set = machine.set_of(&sha);
        (state_of(&set, "publish") == "waiting_for_pre_approval").then_some(set)
    };
    let set = machine.wait_until("publishing waits for somebody", waits);
    for (name, state) in [("lint", "success"), ("test", "success"), ("docker", "planned")] {
        assert_eq!(state_of(&set, name), state, "{set}");
    }
    machine.ok(&["approve", "publish"]);
    let set = machine.ended_set_of(&sha);
    for name in ["publish", "docker"] {
        assert_eq!(state_of(&set, name), "success", "{set}");
    }
    assert!(log(&machine, "docker").contains("docker build"));
}

#[test]
fn ex_18_a_container_beyond_its_time_is_gone_with_its_services() {
    let goals = r#"
rules:
  - name: test
    goals:
      name: slow
      timeout: 3s
      grace: 1s
      containers:
        - {name: main, image: IMAGE, args: [sh, -c, "echo atm:phase=sleeping; sleep 500"]}
        - {name: service, image: IMAGE, args: [sleep, "500"]}
"#;
    let Some((podman, machine)) = started(goals) else {
        return;
    };
    let set = machine.carried_out("second", &[("x", "1")]);
    assert_eq!(state_of(&set, "slow"), "failure", "{set}");
    assert_eq!(goal(&set, "slow")["phase"], "timeout", "{set}");
    assert_eq!(podman.labelled(&label(&machine)), Vec::<String>::new());
}

#[test]
fn sc_07_a_restart_of_the_daemon_changes_nothing_for_containers() {
    let goals = r#"
rules:
  - name: test
    goals:
      name: long
      containers:
        - name: main
          image: IMAGE
          command: [sh, -c, "echo begun; echo x >> /atm/output/runs; until [ -e /atm/home/go ]; do sleep 0.05; done; wc -l < /atm/output/runs"]
"#;
    let Some((podman, mut machine)) = started(goals) else {
        return;
    };
    let sha = machine.commit("second", &[("x", "1")]);
    machine.wait_until("the container runs", |machine| {
        log_of(machine).contains("begun").then_some(())
    });
    assert_eq!(goal(&machine.set_of(&sha), "long")["phase"], "running main");
    machine.kill();
    machine.start();
    let workspace = workspace_of(&machine);
    std::fs::write(workspace.join("go"), "").unwrap();
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "long"), "success", "{set}");
    let said = log(&machine, "long");
    assert!(
        said.contains("begun") && said.contains("\n1\n") || said.contains(" 1\n"),
        "{said}"
    );
    assert_eq!(goal(&set, "long")["attempt"], 1);
    assert_eq!(podman.labelled(&label(&machine)), Vec::<String>::new());
}

#[test]
fn hz_9_a_new_daemon_removes_what_killed_drivers_left() {
    let goals = r#"
rules:
  - name: test
    goals:
      name: long
      containers: [{name: main, image: IMAGE, command: [sh, -c, "echo begun; sleep 500"]}]
"#;
    let Some((podman, mut machine)) = started(goals) else {
        return;
    };
    machine.commit("second", &[("x", "1")]);
    machine.wait_until("the container runs", |machine| {
        log_of(machine).contains("begun").then_some(())
    });
    machine.kill();
    kill_all_that_mention(machine.path("state").to_str().unwrap());
    assert_eq!(podman.labelled(&label(&machine)).len(), 2);
    machine.start();
    machine.wait_until("nothing is left", |machine| {
        podman.labelled(&label(machine)).is_empty().then_some(())
    });
}

#[test]
fn hz_9_a_canceled_goal_takes_its_containers_with_it() {
    let goals = r#"
rules:
  - name: test
    goals:
      name: long
      grace: 1s
      containers: [{name: main, image: IMAGE, command: [sh, -c, "echo begun; sleep 500"]}]
"#;
    let Some((podman, machine)) = started(goals) else {
        return;
    };
    let sha = machine.commit("second", &[("x", "1")]);
    machine.wait_until("the container runs", |machine| {
        log_of(machine).contains("begun").then_some(())
    });
    machine.ok(&["cancel", "long"]);
    assert_eq!(state_of(&machine.ended_set_of(&sha), "long"), "canceled");
    machine.wait_until("nothing is left", |machine| {
        podman.labelled(&label(machine)).is_empty().then_some(())
    });
}

/// The log of the goal so far; empty while there is none.
fn log_of(machine: &LocalMachine) -> String {
    let output = machine.sdm(&["logs", "long"]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The only workspace there is.
fn workspace_of(machine: &LocalMachine) -> std::path::PathBuf {
    let find = |top: std::path::PathBuf| -> Option<std::path::PathBuf> {
        let mut open = vec![top];
        while let Some(directory) = open.pop() {
            if directory.join("README.md").exists() {
                return Some(directory);
            }
            open.extend(
                std::fs::read_dir(directory)
                    .ok()?
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.is_dir()),
            );
        }
        None
    };
    find(machine.path("state/workspaces")).expect("a workspace is lent")
}

/// Kills supervisors, guards and drivers at once: all whose command line names the state directory.
fn kill_all_that_mention(state: &str) {
    let own = std::process::id();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let is_ours = line.contains("supervise") || line.contains("containers");
        if pid.unsigned_abs() != own && is_ours && line.contains(state) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}
