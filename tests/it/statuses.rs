//! Commit statuses (semantics 6), with the real program, a real git server and a GitHub in memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::fake_github::FakeGitHub;
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

const GOALS: &str = r#"
rules:
  - name: build
    test: {has_file: go}
    goals: {name: compile, execute: {run: [sh, -c, "until test -e GO_ON; do sleep 0.01; done; exit $(cat go)"]}}
"#;

/// A machine that watches its own test repository by way of a server, with a forge beside it.
pub(super) struct Scene {
    pub(super) machine: LocalMachine,
    pub(super) github: FakeGitHub,
    _server: HttpServer,
    address: String,
}

impl Scene {
    async fn new(more: &str) -> Self {
        Self::with(GOALS, more, "file: 'TOKEN'").await
    }

    /// With these goals, in which `GO_ON` is the file that they wait for, and a token that is found like this in the file `TOKEN`.
    pub(super) async fn with(goals: &str, more: &str, secret: &str) -> Self {
        let machine = LocalMachine::new("");
        let go_on = machine.path("go-on");
        machine.write_goals(&goals.replace("GO_ON", go_on.to_str().unwrap()));
        machine.git(&["config", "http.receivepack", "true"]);
        let server = HttpServer::start(&machine.path(""), None).await;
        let github = FakeGitHub::start("the-right-token").await;
        let address = server.url("acme/app");
        let origin = address.trim_end_matches("/acme/app");
        let directory = machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(machine.path("token"), "the-right-token").unwrap();
        let secret = secret.replace("TOKEN", machine.path("token").to_str().unwrap());
        let text = format!(
            "name: build\nremotes: ['{address}']\npoll_interval: 1s\nsecrets:\n  forge: {{{secret}}}\nforges:\n  '{origin}': {{secret: forge, api: '{}'{more}}}\n",
            github.api(),
        );
        std::fs::write(directory.join("config.yaml"), text).unwrap();
        let mut scene = Self {
            machine,
            github,
            _server: server,
            address,
        };
        scene.start();
        scene
    }

    pub(super) fn start(&mut self) {
        self.machine.start_on(&[]);
        self.machine.ok(&["replay", &self.address]);
    }

    /// Pushes a commit whose goal ends with this code; it waits for [`Scene::go_on`].
    pub(super) fn push(&self, code: &str) -> String {
        std::fs::remove_file(self.machine.path("go-on")).ok();
        let sha = self.machine.commit(&format!("exit {code}"), &[("go", code)]);
        self.machine.ok(&["replay", &self.address]);
        sha
    }

    pub(super) fn go_on(&self) {
        std::fs::write(self.machine.path("go-on"), "").unwrap();
    }

    /// The states that a commit was given, once they are so many.
    fn told(&self, sha: &str, count: usize) -> Vec<Value> {
        self.machine.wait_until("the forge was told", |_| {
            let of_commit: Vec<Value> = self.of(sha);
            (of_commit.len() >= count).then_some(of_commit)
        })
    }

    fn of(&self, sha: &str) -> Vec<Value> {
        let all = self.github.statuses().into_iter();
        all.filter(|status| status["sha"] == sha).collect()
    }

    /// Waits until a forge that refuses was asked.
    fn asked(&self) {
        self.machine.wait_until("the forge is asked", |_| {
            let asked = self.github.asked();
            asked.iter().any(|line| line.contains("/statuses/")).then_some(())
        });
    }
}

fn states(told: &[Value]) -> Vec<&str> {
    told.iter()
        .map(|status| status["state"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ru_21_semantics_6_a_commit_with_goals_is_pending_then_as_they_ended_and_one_without_is_left_alone() {
    let mut scene = Scene::new("").await;
    let docs = scene.machine.commit("docs", &[("README.md", "more")]);
    scene.machine.ok(&["replay", &scene.address]);
    let good = scene.push("0");
    let told = scene.told(&good, 1);
    assert_eq!(
        (&told[0]["context"], &told[0]["description"], &told[0]["repo"]),
        (&json!("sdm/build"), &json!("build: 1 goal"), &json!("acme/app"))
    );
    assert_eq!(told[0].get("target_url"), None, "there is no hub with a page");
    scene.go_on();
    let told = scene.told(&good, 2);
    assert_eq!(states(&told), ["pending", "success"]);
    let bad = scene.push("3");
    scene.told(&bad, 1);
    scene.go_on();
    let set = scene.machine.ended_set_of(&bad);
    let told = scene.told(&bad, 2);
    let last = told.last().unwrap();
    assert_eq!(
        (&last["state"], &last["description"]),
        (&json!("failure"), &set["goals"][0]["description"])
    );
    let canceled = scene.push("0");
    scene.told(&canceled, 1);
    let id = scene.machine.set_of(&canceled)["id"].as_str().unwrap().to_owned();
    scene.machine.ok(&["cancel", &id]);
    let told = scene.told(&canceled, 2);
    assert_eq!(states(&told), ["pending", "error"]);
    let said = told[1]["description"].as_str().unwrap();
    assert!(said.starts_with("Canceled, no verdict: "), "{said}");
    assert_eq!(scene.of(&docs), Vec::<Value>::new(), "it has no goals");
    let doctor = scene.machine.sdm(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("carry the status sdm/build"), "{doctor}");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_6_a_forge_that_is_away_hears_the_last_after_a_kill_and_nothing_twice() {
    let mut scene = Scene::new("").await;
    let first = scene.push("0");
    scene.told(&first, 1);
    scene.go_on();
    assert_eq!(states(&scene.told(&first, 2)), ["pending", "success"]);
    scene.github.asked();
    scene
        .github
        .refuse(503, "we are away", &[("retry-after", "3600")]);
    let second = scene.push("0");
    scene.asked();
    scene.go_on();
    scene.machine.ended_set_of(&second);
    assert_eq!(scene.of(&second), Vec::<Value>::new());
    scene.machine.kill();
    scene.start();
    assert_eq!(
        states(&scene.told(&second, 1)),
        ["success"],
        "the newest, and only that"
    );
    // Everything is acknowledged: another kill changes nothing.
    let third = scene.push("1");
    scene.go_on();
    scene.machine.ended_set_of(&third);
    assert_eq!(scene.told(&third, 1).last().unwrap()["sha"], third.as_str());
    scene.machine.wait_until("the end is told", |_| {
        (scene.of(&third).last()?["state"] == "failure").then_some(())
    });
    let before = scene.github.statuses();
    scene.machine.kill();
    scene.start();
    let fourth = scene.push("0");
    scene.told(&fourth, 1);
    let after = scene.github.statuses();
    let again = after[before.len()..]
        .iter()
        .filter(|status| status["sha"] != fourth.as_str());
    assert!(again.count() <= 1, "{after:#?}");
    scene.go_on();
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_a_busy_forge_is_left_alone_for_as_long_as_it_says() {
    let mut scene = Scene::new("").await;
    scene.github.refuse(429, "slow down", &[("retry-after", "2")]);
    let sha = scene.push("0");
    scene.asked();
    let begun = Instant::now();
    scene.go_on();
    let told = scene.told(&sha, 1);
    assert!(
        begun.elapsed() >= Duration::from_millis(1_500),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(states(&told), ["success"], "what happened meanwhile is told once");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_6_a_forge_that_says_no_is_complained_of_once_and_holds_up_nothing() {
    let mut scene = Scene::new("").await;
    for _ in 0..2 {
        scene
            .github
            .refuse(403, "Resource not accessible by personal access token", &[]);
    }
    let first = scene.push("0");
    scene.asked();
    scene.go_on();
    assert_eq!(scene.machine.ended_set_of(&first)["state"], "success");
    scene.asked();
    let second = scene.push("0");
    assert!(
        states(&scene.told(&second, 1)).contains(&"pending"),
        "it is asked for other commits"
    );
    let of_first = scene.of(&first);
    let again = states(&of_first).into_iter().filter(|state| *state == "pending");
    assert_eq!(again.count(), 0, "and not again for this one: {of_first:?}");
    let said = "a commit gets no status: acme/app: ";
    scene.go_on();
    let log = scene.machine.daemon_log();
    assert_eq!(log.matches(said).count(), 1, "{log}");
    assert!(log.contains("does not let the token do this"), "{log}");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_may_be_left_without_statuses() {
    let mut scene = Scene::new(", statuses: false").await;
    let sha = scene.push("0");
    scene.go_on();
    scene.machine.ended_set_of(&sha);
    assert_eq!(scene.github.asked(), Vec::<String>::new());
    let doctor = scene.machine.sdm(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("no commit statuses at "), "{doctor}");
    scene.machine.stop();
}
