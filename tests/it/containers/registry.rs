//! Images of a registry whose tags move (threats D2 and I5).

use serde_json::Value;

use super::daemon::{goal, log};
use super::images::is_settled;
use crate::support::fake_registry::FakeRegistry;
use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::Podman;

const GOALS: &str = r#"
rules:
  - name: ship
    test: {not: {is_branch: ^busy$}}
    goals:
      - name: deploy
        pre_approval: true
        containers: [{name: main, image: NAME, command: [sh, -c, "echo made of $LAYER"]}]
  - name: busy
    test: {is_branch: ^busy$}
    goals: {name: busy, execute: {run: [cat, FIFO]}}
"#;

/// A machine whose images come from a registry, and that runs one goal at a time.
struct Scene {
    podman: Podman,
    machine: LocalMachine,
    registry: FakeRegistry,
    image: String,
}

impl Scene {
    async fn start() -> Option<Self> {
        let registry = FakeRegistry::start().await;
        let podman = Podman::start_trusting(&[registry.place()])?;
        let image = format!("{}/acme/app:1", registry.place());
        let mut machine = LocalMachine::new("");
        let fifo = machine.path("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let goals = GOALS.replace("NAME", &format!("'{image}'"));
        machine.write_goals(&goals.replace("FIFO", fifo.to_str().unwrap()));
        machine.set("SDM_ENGINE", podman.socket().to_str().unwrap());
        machine.set("SDM_PARALLEL", "1");
        let scene = Self {
            podman,
            machine,
            registry,
            image,
        };
        scene.publish("first");
        Some(scene)
    }

    /// The tag names another image from now on, which only the registry has; its digest.
    fn publish(&self, layer: &str) -> String {
        // Engines know images by their content, and tests share one: each has its own.
        let line = format!("ENV LAYER={layer} SCENE={}", self.registry.place());
        self.podman.make_image(&self.image, &line);
        self.podman.send_image(&self.image);
        self.podman.remove_images(&[&self.image]);
        self.registry.digest_of("acme/app:1")
    }

    /// The tag moves, and the engine has lost what it named before.
    fn move_tag(&self, layer: &str) -> String {
        self.podman.remove_images(&[&self.image]);
        self.publish(layer)
    }

    /// A commit whose goal waits for people, with its image settled.
    fn waiting(&self, message: &str) -> String {
        let sha = self.machine.commit(message, &[(message, "1")]);
        let set = self.machine.set_of(&sha);
        self.machine.wait_until("the image is settled", |machine| {
            tokio::task::block_in_place(|| is_settled(machine, &set)).then_some(())
        });
        sha
    }

    fn set(&self, sha: &str) -> Value {
        self.machine.set_of(sha)
    }

    /// The only place is taken from here on, until it is given back.
    fn take_the_place(&self) {
        let tree = self.machine.git(&["rev-parse", "main^{tree}"]);
        let sha = self
            .machine
            .git(&["commit-tree", &tree, "-p", "main", "-m", "busy"]);
        self.machine.git(&["update-ref", "refs/heads/busy", &sha]);
        self.machine.wait_until("the place is taken", |machine| {
            (state_of(&machine.set_of(&sha), "busy") == "in_process").then_some(())
        });
    }

    fn give_the_place_back(&self) {
        std::fs::write(self.machine.path("fifo"), "").unwrap();
    }

    fn approve(&self, sha: &str) {
        let id = self.set(sha)["id"].as_str().unwrap().to_owned();
        self.machine.ok(&["approve", &id, "deploy"]);
    }
}

/// A scene whose goal was approved with the first image and waits for the only place, which is taken.
struct Approved {
    scene: Scene,
    /// The digest that was approved.
    first: String,
    sha: String,
}

impl Approved {
    async fn start() -> Option<Self> {
        let mut scene = Scene::start().await?;
        scene.machine.start();
        let first = scene.registry.digest_of("acme/app:1");
        let sha = scene.waiting("second");
        scene.take_the_place();
        scene.approve(&sha);
        Some(Self { scene, first, sha })
    }
}

fn assert_made_of(scene: &Scene, layer: &str) {
    let log = log(&scene.machine, "deploy");
    assert!(log.contains(&format!("made of {layer}\n")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_tag_that_moves_after_an_approval_runs_nothing_else_and_the_next_approval_is_asked_anew() {
    let Some(mut approved) = Approved::start().await else {
        return;
    };
    let Approved { scene, first, sha } = &mut approved;
    let second = scene.move_tag("second");
    assert_ne!(*first, second);
    scene.give_the_place_back();
    let set = scene.machine.ended_set_of(sha);
    assert_eq!(state_of(&set, "deploy"), "success", "{set:#}");
    assert_made_of(scene, "first");

    // What was approved says nothing for what the tag names now.
    let sha = scene.waiting("third");
    let set = scene.set(&sha);
    let waits = goal(&set, "deploy");
    assert_eq!(waits["state"], "waiting_for_pre_approval", "{set:#}");
    let differences = waits["void"]["differences"].as_array().unwrap();
    let of_image = differences
        .iter()
        .find(|difference| difference["what"] == format!("image {}", scene.image));
    let of_image = of_image.unwrap_or_else(|| panic!("{set:#}"));
    let ends_with = |side: &str, digest: &str| {
        let shown = of_image[side].as_str().unwrap();
        // Long values are cut where they are told.
        let known = shown.trim_end_matches('…').rsplit('@').next().unwrap();
        assert!(known.len() > 12 && digest.starts_with(known), "{side}: {shown}");
    };
    ends_with("was", first);
    ends_with("is", &second);
    scene.approve(&sha);
    let set = scene.machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "deploy"), "success", "{set:#}");
    assert_made_of(scene, "second");
    scene.machine.stop();
    scene.podman.remove_images(&[&scene.image]);
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_what_was_approved_and_is_not_to_be_had_any_more_is_replaced_by_nothing() {
    let Some(mut approved) = Approved::start().await else {
        return;
    };
    let Approved { scene, first, sha } = &mut approved;
    scene.move_tag("second");
    scene.registry.forget(first);
    scene.give_the_place_back();
    let set = scene.machine.ended_set_of(sha);
    assert_eq!(state_of(&set, "deploy"), "failure", "{set:#}");
    assert!(!log(&scene.machine, "deploy").contains("made of"), "{set:#}");
    scene.machine.stop();
    scene.podman.remove_images(&[&scene.image]);
}
