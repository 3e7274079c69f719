//! Examples carried out whole, as their first push to a watched repository: what programs do that are not everywhere stands in
//! for itself, people say what they are asked, and what is found is looked at.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::examples::copy;
use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::{IMAGE, Podman};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// A machine with the goals of an example.
fn machine_with(name: &str) -> LocalMachine {
    LocalMachine::new(&std::fs::read_to_string(example(name).join("goals.yaml")).unwrap())
}

/// Pushes what the example's repository holds; the commit.
fn push(machine: &LocalMachine, name: &str) -> String {
    copy(&example(name).join("repo"), &machine.repo());
    machine.commit("Begin", &[])
}

/// Pushes it and waits for the end.
fn carried_out(machine: &mut LocalMachine, name: &str) -> Value {
    machine.start();
    let sha = push(machine, name);
    machine.ended_set_of(&sha)
}

/// The goal set of a commit, once a goal of it is in a state.
fn set_when(machine: &LocalMachine, sha: &str, goal: &str, state: &str) -> Value {
    machine.wait_until(&format!("{goal} of {sha} is {state}"), |machine| {
        let set = machine.set_of(sha);
        (state_of(&set, goal) == state).then_some(set)
    })
}

fn approve(machine: &LocalMachine, set: &Value, goal: &str) {
    machine.ok(&["approve", set["id"].as_str().unwrap(), goal]);
}

/// Exactly these goals have succeeded, and no other is there.
fn assert_succeeded(set: &Value, wanted: &[&str]) {
    let goals = set["goals"].as_array().unwrap();
    let mut names: Vec<&str> = goals.iter().map(|goal| goal["name"].as_str().unwrap()).collect();
    let mut wanted = wanted.to_vec();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{set:#}");
    for goal in goals {
        assert_eq!(goal["state"], "success", "{goal:#}");
    }
}

/// A variable of whoever runs this test.
#[expect(
    clippy::disallowed_methods,
    reason = "real programs are found by the real environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Programs that only say how they were called, in front of all others.
fn stand_in(machine: &mut LocalMachine, programs: &[&str]) {
    let directory = machine.path("programs");
    std::fs::create_dir_all(&directory).unwrap();
    for program in programs {
        let path = directory.join(program);
        std::fs::write(&path, format!("#!/bin/sh\necho called: {program} \"$@\"\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = environment("PATH").unwrap();
    machine.set("PATH", &format!("{}:{path}", directory.display()));
}

#[test]
fn built_in_goals() {
    let mut machine = machine_with("built-in-goals");
    let set = carried_out(&mut machine, "built-in-goals");
    let goals = [
        "tidy",
        "house rules",
        "spelling",
        "drift",
        "version",
        "tag",
        "announce",
    ];
    assert_succeeded(&set, &goals);
    let mended = machine.git(&["show", "sdm/autofix/main:names.txt"]);
    assert_eq!(
        mended, "Ada\nGrace",
        "two fixes, beside the branch that is checked out"
    );
    let tag = machine.git(&["tag", "--points-at", "main"]);
    assert!(tag.starts_with("1.0.0-"), "{tag}");
    let feed = machine.ok(&["feed", "--json", "--no-follow"]);
    assert!(feed.contains(&format!("app {tag} is out")), "{feed}");
    machine.stop();
}

#[test]
fn computed_goals() {
    let mut machine = machine_with("computed-goals");
    let set = carried_out(&mut machine, "computed-goals");
    let instances = [
        "quick test of parts/api",
        "thorough test of parts/api",
        "quick test of parts/web",
    ];
    assert_succeeded(&set, &[&["prepare", "report"][..], &instances].concat());
    assert!(machine.ok(&["logs", "prepare"]).contains("preparing "));
    machine.stop();
}

#[test]
fn anchors() {
    let mut machine = machine_with("anchors");
    stand_in(&mut machine, &["go", "helm"]);
    let set = carried_out(&mut machine, "anchors");
    assert_succeeded(&set, &["vet", "test", "race", "chart-lint"]);
    assert!(
        machine
            .ok(&["logs", "race"])
            .contains("called: go test -race ./...")
    );
    assert!(
        machine
            .ok(&["logs", "chart-lint"])
            .contains("called: helm lint chart")
    );
    machine.stop();
}

#[test]
fn rust() {
    let mut machine = machine_with("rust");
    // The tools of whoever runs this test, which are found by their home.
    let home = environment("HOME").unwrap_or_default();
    let tools = environment("RUSTUP_HOME").unwrap_or_else(|| format!("{home}/.rustup"));
    machine.set("RUSTUP_HOME", &tools);
    if let Some(toolchain) = environment("RUSTUP_TOOLCHAIN") {
        machine.set("RUSTUP_TOOLCHAIN", &toolchain);
    }
    let set = carried_out(&mut machine, "rust");
    assert_succeeded(&set, &["format", "lint", "test"]);
    assert!(machine.ok(&["logs", "test"]).contains("greets_by_name"));
    machine.stop();
}

#[test]
fn node() {
    if std::process::Command::new("npm")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: there is no npm here");
        return;
    }
    let mut machine = machine_with("node");
    machine.start();
    let sha = push(&machine, "node");
    let set = set_when(&machine, &sha, "publish", "waiting_for_pre_approval");
    assert_eq!(state_of(&set, "test"), "success", "{set:#}");
    assert!(machine.ok(&["logs", "test"]).contains("greets by name"));
    assert!(machine.ok(&["goals"]).contains("Publish this version?"));
    machine.stop();
}

#[test]
fn approvals_and_queue() {
    let mut machine = machine_with("approvals-and-queue");
    machine.start();
    let first = push(&machine, "approvals-and-queue");
    let set = set_when(&machine, &first, "staging", "waiting_for_approval");
    // What is newer is built, and waits for its turn.
    let second = machine.commit("Change something", &[("README.md", "2")]);
    set_when(&machine, &second, "queue", "in_process");
    approve(&machine, &set, "staging");
    let set = set_when(&machine, &first, "production", "waiting_for_pre_approval");
    assert_eq!(state_of(&machine.set_of(&second), "staging"), "planned");
    approve(&machine, &set, "production");
    let set = machine.ended_set_of(&first);
    assert_succeeded(&set, &["cancel", "build", "queue", "staging", "production"]);
    let said = machine.ok(&["logs", set["id"].as_str().unwrap(), "production"]);
    assert!(said.contains(&format!("{first} is on production")), "{said}");

    let set = set_when(&machine, &second, "staging", "waiting_for_approval");
    approve(&machine, &set, "staging");
    set_when(&machine, &second, "production", "waiting_for_pre_approval");
    approve(&machine, &set, "production");
    assert_eq!(machine.ended_set_of(&second)["state"], "success");
    machine.stop();
}

#[test]
fn files_and_secrets() {
    let mut machine = machine_with("files-and-secrets");
    let token = machine.path("token");
    std::fs::write(&token, "a-token-of-24-characters").unwrap();
    let directory = machine.path("home/.config/sdm");
    std::fs::create_dir_all(&directory).unwrap();
    let secrets = format!(
        "secrets:\n  publish-token: {{file: '{}', goals: [publish]}}\n",
        token.display()
    );
    std::fs::write(directory.join("config.yaml"), secrets).unwrap();
    machine.start();
    let sha = push(&machine, "files-and-secrets");
    let set = set_when(&machine, &sha, "publish", "waiting_for_pre_approval");
    approve(&machine, &set, "publish");
    let set = machine.ended_set_of(&sha);
    assert_succeeded(&set, &["build", "test", "size", "publish"]);
    let said = machine.ok(&["logs", "publish"]);
    assert!(said.contains("bytes with a token of 24 characters"), "{said}");

    // What has not changed is not built again.
    let sha = machine.commit("Say more", &[("README.md", "# Something else")]);
    let set = set_when(&machine, &sha, "publish", "waiting_for_pre_approval");
    assert_eq!(state_of(&set, "build"), "success", "{set:#}");
    assert_ne!(
        machine.ok(&["goals", "--verbose"]).matches("unchanged").count(),
        0
    );
    machine.stop();
}

/// Where images of the example come from, with what they are here: a shell with programs that only say how they were called.
const IMAGES: &[&str] = &["node:20", "postgres:16", "quay.io/buildah/stable:v1.37"];

#[test]
fn containers() {
    let Some(podman) = Podman::start() else {
        return;
    };
    let image = format!("{IMAGE}-of-examples");
    let make = "for p in npm buildah; do printf '#!/bin/sh\\necho called: %s \"$@\"\\n' $p > /bin/$p; chmod +x /bin/$p; done";
    podman.make_image(&image, &format!("RUN {make}"));
    let goals = std::fs::read_to_string(example("containers").join("goals.yaml")).unwrap();
    let goals = IMAGES
        .iter()
        .fold(goals, |goals, name| goals.replace(name, &image));
    let mut machine = LocalMachine::new(&goals);
    machine.set("SDM_ENGINE", podman.socket().to_str().unwrap());
    machine.start();
    let sha = push(&machine, "containers");
    let set = set_when(&machine, &sha, "publish", "waiting_for_pre_approval");
    assert_eq!(state_of(&set, "docker"), "planned", "{set:#}");
    approve(&machine, &set, "publish");
    let set = machine.ended_set_of(&sha);
    assert_succeeded(&set, &["lint", "test", "publish", "docker"]);
    let said = machine.ok(&["logs", "test"]);
    assert!(
        said.contains("called: npm ci --no-audit --no-fund") && said.contains("called: npm test"),
        "{said}"
    );
    let said = machine.ok(&["logs", "docker"]);
    assert!(said.contains(&format!("--tag acme/app:{sha}")), "{said}");
    machine.stop();
}
