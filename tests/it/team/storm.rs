//! A checker over a run in which everything fails that can: the hub and the machine are killed or sleep, the wire between them
//! repeats, holds up, reorders, breaks and falls silent. Afterwards everything must add up.
//!
//! `SDM_TEST_STORM=SEED:ROUNDS` repeats a run or makes it longer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::hmac;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::{HubOptions, Rhythm, start};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use crate::support::bad_wire::{BadWire, Dice};
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

const SECRET: &[u8] = b"a secret of the forge";
const ROUNDS: u64 = 12;
/// Longest wait for everything to add up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What whoever runs the test says by the environment.
fn told(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

/// Seed and rounds, as the environment has them.
fn plan() -> (u64, u64) {
    let wish = told("SDM_TEST_STORM").unwrap_or_default();
    let (seed, rounds) = wish.split_once(':').unwrap_or((&wish, ""));
    (seed.parse().unwrap_or(7), rounds.parse().unwrap_or(ROUNDS))
}

/// A hub that soon notices who is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the hub's process in a storm, and runs until it is killed"]
async fn hub_process() {
    let Some(place) = told("SDM_TEST_STORM_HUB") else {
        return;
    };
    let (listen, file) = place.split_once(' ').unwrap();
    let mut options = HubOptions::new(Place::File(file.into()), listen.parse().unwrap());
    options.rhythm = Rhythm {
        ping: Duration::from_millis(300),
        silence: Duration::from_millis(1_500),
        lease: Duration::from_secs(3),
        look: Duration::from_millis(50),
        tidy: Duration::from_millis(200),
        again: Duration::from_millis(50),
        linger: Duration::from_secs(2),
        ..Rhythm::default()
    };
    options.webhooks = WebhookSecrets::for_all(SECRET);
    start(options).await.unwrap().broken().await;
}

/// The hub, in a process that can be killed.
struct StormHub {
    address: SocketAddr,
    file: std::path::PathBuf,
    key: String,
    process: Child,
    http: reqwest::Client,
}

fn run(address: SocketAddr, file: &Path) -> Child {
    let place = format!("{address} {}", file.display());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "team::storm::hub_process", "--ignored", "--nocapture"])
        .env("SDM_TEST_STORM_HUB", place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl StormHub {
    async fn start(file: &Path) -> Self {
        let administration = Administration::open(&Place::File(file.to_owned()), true)
            .await
            .unwrap();
        let wish = KeyWish {
            name: "sdm".to_owned(),
            workspaces: vec!["A1".to_owned()],
            ..KeyWish::default()
        };
        let (_, key) = administration.new_key(&wish).await.unwrap();
        administration.close().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let hub = Self {
            address,
            file: file.to_owned(),
            key,
            process: run(address, file),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(5))
                .build()
                .unwrap(),
        };
        hub.until("the hub answers", async || {
            hub.ask("{ Push { id } }").await.map(drop)
        })
        .await;
        hub
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = run(self.address, &self.file);
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(value) = look().await {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        looked.unwrap_or_else(|_| panic!("waited in vain until {what}"))
    }

    /// Sends a webhook; whether it was acknowledged.
    async fn send(&self, (delivery, body): &(String, String)) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
        let request = self
            .http
            .post(format!("http://{}/webhooks/github/A1", self.address))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", format!("sha256={signature}"));
        let sent = request.body(body.clone()).send().await;
        sent.is_ok_and(|answer| answer.status().is_success())
    }

    async fn ask(&self, query: &str) -> Option<Value> {
        let request = self
            .http
            .post(format!("http://{}/graphql/team/A1", self.address))
            .bearer_auth(&self.key);
        let body = json!({ "query": query }).to_string();
        let request = request.header("content-type", "application/json").body(body);
        let answer = request.send().await.ok()?.bytes().await.ok()?;
        serde_json::from_slice(&answer).ok()
    }
}

impl Drop for StormHub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A push as a forge tells of it, under the id of its delivery.
fn webhook(forge: &str, number: u64, before: &str, after: &str) -> (String, String) {
    let commit = json!({"id": after, "message": "Change", "timestamp": "2026-11-26T10:00:00Z",
        "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"}});
    let body = json!({
        "ref": "refs/heads/main", "before": before, "after": after, "created": false, "deleted": false, "forced": false,
        "commits": [commit], "head_commit": commit,
        "repository": {
            "id": 4711, "name": "app", "full_name": "acme/app", "private": true, "html_url": format!("{forge}/acme/app"),
            "owner": {"login": "acme", "type": "Organization"}, "default_branch": "main", "pushed_at": 1_795_000_000 + number
        }
    });
    (format!("d-{number}"), body.to_string())
}

/// Everything that the storm shakes.
struct Storm {
    machine: LocalMachine,
    hub: StormHub,
    wire: BadWire,
    dice: Dice,
    _server: HttpServer,
    forge: String,
    shas: Vec<String>,
    /// Webhooks that the hub has not acknowledged.
    waiting: Vec<(String, String)>,
    acknowledged: Vec<(String, String)>,
}

impl Storm {
    async fn new(seed: u64) -> Self {
        let mut machine = LocalMachine::new("");
        let marks = machine.path("marks");
        machine.write_goals(&format!(
            "rules:\n  - name: build\n    goals: {{name: mark, execute: {{run: [sh, -c, 'git rev-parse HEAD >> {}']}}}}\n",
            marks.display()
        ));
        std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
        let server = HttpServer::start(&machine.path(""), None).await;
        let forge = server.url("").trim_end_matches('/').to_owned();
        let hub = StormHub::start(&machine.path("hub.db")).await;
        let dice = Dice::new(seed);
        let wire = BadWire::to(hub.address, dice.clone()).await;
        std::fs::write(machine.path("hub.key"), &hub.key).unwrap();
        let directory = machine.path("home/.config/sdm");
        std::fs::create_dir_all(&directory).unwrap();
        let text = format!(
            "hub: {{address: 'http://{}', key: {{file: '{}'}}, workspaces: [A1]}}\n",
            wire.address,
            machine.path("hub.key").display()
        );
        std::fs::write(directory.join("config.yaml"), text).unwrap();
        machine.start_with_hub();
        // What is pushed before a machine has registered for the first time is not for it.
        machine.wait_until("the machine has registered", |machine| {
            (machine.status()?["hub"]["standing"] == "connected").then_some(())
        });
        let shas = vec![machine.git(&["rev-parse", "HEAD"])];
        Self {
            machine,
            hub,
            wire,
            dice,
            _server: server,
            forge,
            shas,
            waiting: Vec::new(),
            acknowledged: Vec::new(),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.machine.pid().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    /// Commits, tells the hub of it, and perhaps of something once more.
    async fn push(&mut self, number: u64) {
        let before = self.shas.last().unwrap().clone();
        let after = self
            .machine
            .commit(&format!("change {number}"), &[("README.md", &number.to_string())]);
        self.waiting.push(webhook(&self.forge, number, &before, &after));
        self.shas.push(after);
        self.tell().await;
        if !self.acknowledged.is_empty() && self.dice.roll(3) == 0 {
            let which = usize::try_from(self.dice.roll(self.acknowledged.len() as u64)).unwrap();
            self.hub.send(&self.acknowledged[which]).await;
        }
    }

    /// Tells the hub what it has not acknowledged.
    async fn tell(&mut self) {
        for webhook in std::mem::take(&mut self.waiting) {
            match self.hub.send(&webhook).await {
                true => self.acknowledged.push(webhook),
                false => self.waiting.push(webhook),
            }
        }
    }

    /// One thing goes wrong.
    async fn strike(&mut self) {
        let moment = Duration::from_millis(50 + self.dice.roll(250));
        match self.dice.roll(6) {
            0 => {
                self.hub.kill();
                self.hub.start_again();
            }
            1 => {
                // Also between its registration and its websocket, in which its run keeps the next one waiting for a while
                // (`hub::machines::runs`).
                self.machine.kill();
                self.machine.start_with_hub();
            }
            2 => self.wire.cut(),
            3 => {
                self.wire.fall_silent();
                tokio::time::sleep(moment * 3).await;
                self.wire.cut();
            }
            4 => {
                // A laptop that sleeps until the hub has given it up.
                self.signal(Signal::SIGSTOP);
                tokio::time::sleep(Duration::from_millis(1_800)).await;
                self.signal(Signal::SIGCONT);
            }
            _ => tokio::time::sleep(moment).await,
        }
    }

    /// The sky clears; everything that was acknowledged is told and carried out.
    async fn clear_up(&mut self) {
        self.wire.calm_down();
        while !self.waiting.is_empty() {
            self.tell().await;
        }
        for sha in &self.shas[1..] {
            assert_eq!(self.machine.ended_set_of(sha)["state"], "success", "{sha}");
        }
        self.machine.wait_until("everything is reported", |machine| {
            let hub = machine.status()?["hub"].clone();
            let rest = ["reports_waiting", "answers_waiting", "deliveries_open"];
            rest.iter().all(|what| hub[what] == 0).then_some(())
        });
    }

    /// No push is lost, and none was carried out twice.
    fn check_machine(&self) {
        let sets = self.machine.goal_sets();
        assert_eq!(sets.len(), self.shas.len() - 1, "each push has one goal set");
        let marks = std::fs::read_to_string(self.machine.path("marks")).unwrap();
        let mut marks: Vec<&str> = marks.lines().collect();
        marks.sort_unstable();
        let mut wanted: Vec<&str> = self.shas[1..].iter().map(String::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(marks, wanted, "each goal ran once");
    }

    /// Nothing waits for the machine any more, nothing was given up, and the hub has every version of every goal once.
    async fn check_hub(&self) {
        let wanted: BTreeSet<String> = self.shas[1..].iter().cloned().collect();
        let look = async || {
            let asked = "{ SdmGoal(state: [success], _first: 1000) { push { after { sha } } } }";
            let answer = self.hub.ask(asked).await?;
            let goals = answer["data"]["SdmGoal"].as_array()?.clone();
            let shas = goals
                .iter()
                .filter_map(|goal| goal["push"]["after"]["sha"].as_str());
            let shas: BTreeSet<String> = shas.map(str::to_owned).collect();
            (shas == wanted && goals.len() == wanted.len()).then_some(())
        };
        self.hub.until("the hub knows of every success, once", look).await;
        let asked = "{ SdmGoal(_showHistory: true, _first: 1000) { goalSetId version state } }";
        let answer = self.hub.ask(asked).await.unwrap();
        let mut versions: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for goal in answer["data"]["SdmGoal"].as_array().unwrap() {
            let of_set = versions.entry(goal["goalSetId"].as_str().unwrap()).or_default();
            of_set.push(goal["version"].as_u64().unwrap());
        }
        assert_eq!(versions.len(), wanted.len());
        for (set, mut versions) in versions {
            versions.sort_unstable();
            let all: Vec<u64> = (1..=versions.len() as u64).collect();
            assert_eq!(versions, all, "every version of the goal of {set}, each once");
        }
        let administration = Administration::open(&Place::File(self.hub.file.clone()), false)
            .await
            .unwrap();
        let dead = administration.dead("A1").await.unwrap();
        assert!(dead.is_empty(), "{dead:#?}");
        administration.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_whatever_fails_nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let (seed, rounds) = plan();
    eprintln!("SDM_TEST_STORM={seed}:{rounds}");
    let mut storm = Storm::new(seed).await;
    for number in 1..=rounds {
        storm.push(number).await;
        storm.strike().await;
    }
    storm.clear_up().await;
    storm.check_machine();
    storm.check_hub().await;
    let deeds = storm.wire.deeds();
    assert!(
        deeds.repeated + deeds.held_up + deeds.overtaken + deeds.swallowed > 0,
        "{deeds:?}"
    );
    eprintln!("{deeds:?}");
}
