//! Images of a registry that wants a login (semantics 3.20 and 4.5; threats E1 and E2).

use serde_json::Value;

use super::daemon::{goal, log};
use crate::support::fake_registry::FakeRegistry;
use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::Podman;

/// Its parts in base64 need the two letters by which alphabets differ.
const PASSWORD: &str = "c4n4ry?>?~?hunter2";

const GOALS: &str = r#"
rules:
  - name: ship
    goals:
      - - {name: mine, containers: [{name: main, image: MINE, pull: always, command: [sh, -c, "echo made of $LAYER"]}]}
        - {name: another, containers: [{name: main, image: OTHER, pull: always, command: [sh, -c, "echo made of $LAYER"]}]}
"#;

/// A registry that only bob may use, with two images that no engine has.
struct Scene {
    podman: Podman,
    registry: FakeRegistry,
    images: [String; 2],
}

impl Scene {
    async fn start() -> Option<Self> {
        let registry = FakeRegistry::start().await;
        let podman = Podman::start_trusting(&[registry.place()])?;
        let images = ["mine", "other"].map(|name| format!("{}/acme/{name}:1", registry.place()));
        for image in &images {
            podman.make_image(image, &format!("ENV LAYER=private SCENE={image}"));
            podman.send_image(image);
            podman.remove_images(&[image]);
        }
        registry.close_to_all_but("bob", PASSWORD);
        Some(Self {
            podman,
            registry,
            images,
        })
    }

    /// The set of a push to a machine with these secrets.
    fn carried_out(&self, secrets: &str) -> (LocalMachine, Value) {
        let [mine, other] = self.images.each_ref().map(|image| format!("'{image}'"));
        let mut machine = LocalMachine::new(&GOALS.replace("MINE", &mine).replace("OTHER", &other));
        machine.set("SDM_ENGINE", self.podman.socket().to_str().unwrap());
        let configuration = machine.path("home/.config/sdm");
        std::fs::create_dir_all(&configuration).unwrap();
        std::fs::write(machine.path("password"), PASSWORD).unwrap();
        std::fs::write(machine.path("wrong"), "not-the-password").unwrap();
        let place = machine.path("");
        let secrets = secrets
            .replace("PLACE", place.to_str().unwrap())
            .replace("REGISTRY", &self.registry.place());
        std::fs::write(configuration.join("config.yaml"), secrets).unwrap();
        machine.start();
        let set = machine.carried_out("second", &[("x", "1")]);
        (machine, set)
    }
}

fn error<'s>(set: &'s Value, name: &str) -> &'s str {
    goal(set, name)["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{set:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn co_01_an_image_is_fetched_with_the_login_of_its_registry_by_the_goals_it_is_for() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let (mut machine, set) = tokio::task::block_in_place(|| {
        scene.carried_out(
            "secrets:\n  bob: {file: PLACEpassword, type: docker, login: bob, url: 'http://REGISTRY/v2/', goals: [mine]}\n",
        )
    });
    assert_eq!(
        state_of(&set, "mine"),
        "success",
        "{set:#}\n{}",
        log(&machine, "mine")
    );
    assert!(log(&machine, "mine").contains("made of private"));
    assert_eq!(state_of(&set, "another"), "failure", "{set:#}");
    let why = error(&set, "another");
    assert!(
        why.contains("wants a login, and there is none for this goal"),
        "{why}"
    );
    let everything = format!("{set}{}{}", log(&machine, "mine"), log(&machine, "another"));
    assert!(!everything.contains("c4n4ry") && !everything.contains("YzRuNHJ5"));
    assert!(!machine.daemon_log().contains("c4n4ry"));
    machine.stop();
    scene.podman.remove_images(&[&scene.images[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn co_01_a_refused_or_unreadable_login_is_said_in_a_sentence() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let (mut machine, set) = tokio::task::block_in_place(|| {
        scene.carried_out(
            "secrets:\n  bob: {file: PLACEwrong, type: docker, login: bob, url: REGISTRY, goals: [mine]}\n  \
             gone: {file: PLACEnowhere, type: docker, login: bob, url: REGISTRY, goals: [another]}\n",
        )
    });
    let (mine, another) = (error(&set, "mine"), error(&set, "another"));
    assert!(
        mine.contains("refuses the login of the secret `bob` (bob)"),
        "{mine}"
    );
    assert!(
        another.contains("wants a login, and the secret `gone` cannot be read"),
        "{another}"
    );
    assert!(!format!("{set}{}", log(&machine, "mine")).contains("not-the-password"));
    machine.stop();
}
