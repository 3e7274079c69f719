//! Repositories elsewhere, watched by their address over real http: looked at by the clock, with logins, through failures.

use std::time::Duration;

use crate::support::git_servers::{HttpServer, Mischief};
use crate::support::local::LocalMachine;

const ONE_GOAL: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [cat, README.md]}}
"#;

/// A machine that watches its own test repository by way of a server that wants a login.
struct Scene {
    machine: LocalMachine,
    server: HttpServer,
    address: String,
}

impl Scene {
    async fn new() -> Self {
        let machine = LocalMachine::new(ONE_GOAL);
        let server = HttpServer::start(&machine.path(""), Some("bot:CANARY")).await;
        let address = server.url("acme/app");
        Self {
            machine,
            server,
            address,
        }
    }

    fn configure(&self, rest: &str) {
        let directory = self.machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        let text = format!("remotes: ['{}']\npoll_interval: 1s\n{rest}", self.address);
        std::fs::write(directory.join("config.yaml"), text).unwrap();
    }

    fn write_secret(&self, text: &str) {
        std::fs::write(self.machine.path("secret"), text).unwrap();
    }

    /// A login from a file, for the server's origin.
    fn configure_login(&self) {
        self.write_secret("CANARY\n");
        let origin = self.address.trim_end_matches("/acme/app");
        let secret = self.machine.path("secret");
        self.configure(&format!(
            "logins:\n  '{origin}': {{user: bot, secret_file: '{}'}}\n",
            secret.display()
        ));
    }

    /// Starts the daemon and waits until it has looked once.
    fn start(&mut self) {
        self.machine.start_on(&[]);
        self.machine.ok(&["replay", &self.address]);
    }

    fn log_says(&self, words: &str) {
        self.machine.wait_until(words, |machine| {
            machine.daemon_log().contains(words).then_some(())
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_elsewhere_is_looked_at_by_the_clock() {
    let mut scene = Scene::new().await;
    scene.configure_login();
    scene.start();
    let status = scene.machine.status().unwrap();
    let watched = &status["repositories"][0];
    assert_eq!(watched["path"], scene.address.as_str());
    assert_eq!(
        (&watched["repo"], &watched["trusted"]),
        (&"acme/app".into(), &true.into())
    );
    // Nobody tells the daemon of these.
    for number in 0..2 {
        let sha = scene
            .machine
            .commit(&format!("commit {number}"), &[("a", &number.to_string())]);
        assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    }
    let log = scene.machine.daemon_log();
    assert!(!log.contains("CANARY"), "{log}");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_wait_while_the_server_refuses_and_none_is_lost() {
    let mut scene = Scene::new().await;
    scene.configure_login();
    scene.start();
    scene.write_secret("wrong\n");
    scene.log_says("acme/app cannot be read, its commits wait");
    let sha = scene.machine.commit("made meanwhile", &[("a", "1")]);
    scene.machine.kill();
    scene.write_secret("CANARY\n");
    scene.machine.start_on(&[]);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    // The same while the machine runs all the time.
    scene.server.set(Mischief::CloseMidway);
    let sha = scene.machine.commit("cut off", &[("a", "2")]);
    let asked = scene.server.advertisements();
    scene.machine.wait_until("it was tried", |_| {
        (scene.server.advertisements() > asked + 1).then_some(())
    });
    scene.server.set(Mischief::None);
    scene.machine.ok(&["replay", &scene.address]);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    assert_eq!(scene.machine.goal_sets().len(), 2, "each push is planned once");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn gits_own_credential_helper_gives_the_login() {
    let mut scene = Scene::new().await;
    scene.configure("");
    let helper = "[credential]\n\thelper = \"!f() { echo username=bot; echo password=CANARY; }; f\"\n";
    let file = scene.machine.path("home/.gitconfig");
    std::fs::write(&file, helper).unwrap();
    scene.machine.set("GIT_CONFIG_GLOBAL", file.to_str().unwrap());
    scene.start();
    let sha = scene.machine.commit("with a helper", &[("a", "1")]);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_j2_addresses_that_nobody_configured_are_never_contacted() {
    let mut scene = Scene::new().await;
    scene.configure_login();
    let other = HttpServer::start(&scene.machine.path(""), None).await;
    scene.start();
    let refused = |arguments: &[&str]| {
        let output = scene.machine.sdm(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused(&["replay", &other.url("acme/app")]);
    assert!(said.contains("is not watched"), "{said}");
    let said = refused(&["replay", "ext://sh -c true"]);
    assert!(said.contains("is not allowed"), "{said}");
    assert!(other.seen().is_empty());
    let (scheme, rest) = scene.address.split_once("://").unwrap();
    let with_login = format!("{scheme}://bot:CANARY@{rest}");
    let said = refused(&["start", "--local", &with_login, "--socket", "other.sock"]);
    assert!(
        said.contains("carries a login") && !said.contains("CANARY"),
        "{said}"
    );
    scene.machine.stop();
}

#[test]
fn the_machine_starts_while_a_remote_cannot_be_reached() {
    let mut machine = LocalMachine::new(ONE_GOAL);
    machine.set("SDM_REMOTES", "http://127.0.0.1:1/acme/app");
    let begun = std::time::Instant::now();
    machine.start_on(&[]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    machine.wait_until("the feed says so", |machine| {
        machine.daemon_log().contains("cannot be read").then_some(())
    });
    machine.stop();
}
