//! One push from its fix to its release: the example of that name on real git and, where there is one, a real podman.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::daemon::{goal, log};
use super::fake_engine::FakeEngine;
use crate::examples::copy;
use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::{IMAGE, Podman};

/// What carries out containers.
enum Engine {
    Real(Podman),
    /// Says that every container ends well.
    Fake(FakeEngine),
}

impl Engine {
    fn start() -> Self {
        Podman::start().map_or_else(|| Self::Fake(FakeEngine::start()), Self::Real)
    }

    fn socket(&self) -> PathBuf {
        match self {
            Self::Real(podman) => podman.socket(),
            Self::Fake(engine) => engine.socket(),
        }
    }

    fn is_real(&self) -> bool {
        matches!(self, Self::Real(_))
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/from-fix-to-release")
}

/// A shared repository that a machine watches, and a developer's clone of it.
struct Story {
    machine: LocalMachine,
    clone: PathBuf,
}

impl Story {
    fn begin(engine: &Engine) -> Self {
        let goals = std::fs::read_to_string(example().join("goals.yaml")).unwrap();
        let mut machine = LocalMachine::new(&goals.replace("docker.io/library/busybox:1.36", IMAGE));
        machine.set("SDM_ENGINE", engine.socket().to_str().unwrap());
        let (shared, clone) = (machine.path("acme/greeter.git"), machine.path("clone"));
        let shared = shared.to_str().unwrap();
        machine.git(&["init", "--quiet", "--bare", "--initial-branch=main", shared]);
        machine.git(&["push", "--quiet", shared, "HEAD:main"]);
        machine.git(&["clone", "--quiet", shared, clone.to_str().unwrap()]);
        machine.start_on(&[shared]);
        Self { machine, clone }
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.machine.git_in(&self.clone, arguments)
    }

    fn push(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", message]);
        self.git(&["push", "--quiet"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// What is on the shared branch by now.
    fn pulled(&self) -> String {
        self.git(&["pull", "--quiet", "--ff-only"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The goal set of a commit, once a goal of it is in a state.
    fn set_when(&self, sha: &str, goal: &str, state: &str) -> Value {
        self.machine
            .wait_until(&format!("{goal} of {sha} is {state}"), |machine| {
                let set = machine.set_of(sha);
                (state_of(&set, goal) == state).then_some(set)
            })
    }

    fn approve(&self, set: &Value, goal: &str) {
        self.machine.ok(&["approve", set["id"].as_str().unwrap(), goal]);
    }
}

#[test]
fn one_push_goes_from_its_fix_over_inspection_test_and_approval_to_its_release() {
    let engine = Engine::start();
    let mut story = Story::begin(&engine);

    // A push that a program can mend: its goals stop, and the fix is a push of its own.
    copy(&example().join("repo"), &story.clone);
    let pushed = story.push("Greet people");
    let set = story.machine.ended_set_of(&pushed);
    assert_eq!(state_of(&set, "tidy"), "stopped", "{set:#}");
    for left_out in ["lint", "test", "publish", "tag"] {
        assert_eq!(state_of(&set, left_out), "skipped", "{set:#}");
    }
    let fixed = story.pulled();
    assert_ne!(fixed, pushed);
    assert_eq!(story.git(&["log", "-1", "--format=%s"]), "Autofix: tidy");
    assert_eq!(story.git(&["diff", "--name-only", &pushed, &fixed]), "greet.sh");

    // The mended commit is looked at and tested in containers; what the inspection says needs somebody's word.
    if engine.is_real() {
        let set = story.set_when(&fixed, "lint", "waiting_for_approval");
        assert_eq!(state_of(&set, "version"), "planned", "{set:#}");
        let said = story.machine.ok(&["show", "comments"]);
        assert!(
            said.contains("greet.sh:3:1: warn: quote what is printed"),
            "{said}"
        );
        story.approve(&set, "lint");
    }
    let set = story.set_when(&fixed, "publish", "waiting_for_pre_approval");
    for done in ["tidy", "lint", "test", "version"] {
        assert_eq!(state_of(&set, done), "success", "{set:#}");
    }
    assert_eq!(goal(&set, "test")["phase"], "", "{set:#}");
    if engine.is_real() {
        let said = log(&story.machine, "test");
        assert!(said.contains("greeted Ada"), "{said}");
    }

    // Nothing is released until somebody says so, and then exactly that commit is.
    assert_eq!(story.git(&["ls-remote", "--tags", "origin"]), "");
    story.approve(&set, "publish");
    let set = story.machine.ended_set_of(&fixed);
    assert_eq!(set["state"], "success", "{set:#}");
    assert!(log(&story.machine, "publish").contains("publishing 1.0.0"));
    story.git(&["fetch", "--quiet", "--tags"]);
    assert_eq!(story.git(&["rev-parse", "1.0.0^{commit}"]), fixed);
    let next = story.pulled();
    assert_eq!(story.git(&["show", "HEAD:VERSION"]), "1.0.1");

    // The next version is nobody's concern.
    let set = story.machine.ended_set_of(&next);
    assert_eq!(set["goals"].as_array().unwrap().len(), 1, "{set:#}");
    story.machine.stop();
}
