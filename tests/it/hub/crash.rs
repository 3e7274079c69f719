//! The hub's process is killed, again and again: no webhook that it answered is lost, and what waits comes.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, PATIENCE, registration};

/// A hub as a process of its own.
struct Process {
    child: Child,
    address: String,
    key: Option<String>,
}

impl Process {
    fn start(home: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sdm"))
            .args(["hub", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("HOME", home)
            .env("SDM_HOME", home)
            .env("SDM_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut address, mut key) = (None, None);
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(found) = line.strip_prefix("the hub listens: ") {
                address = Some(found.to_owned());
            }
            if line.trim().starts_with("hub_a_") {
                key = Some(line.trim().to_owned());
            }
            if line.contains("more keys") {
                break;
            }
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("it says where it listens");
        Self { child, address, key }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a push under an id; whether it was answered.
async fn send(http: &reqwest::Client, address: &str, secret: &[u8], id: usize) -> bool {
    let mut payload = push("a", "b");
    payload["ref"] = json!(format!("refs/heads/branch-{id}"));
    let body = payload.to_string();
    let signature = hex::encode(hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        body.as_bytes(),
    ));
    let request = http
        .post(format!("{address}/webhooks/github/main"))
        .header("x-github-event", "push")
        .header("x-github-delivery", format!("d-{id}"))
        .header("x-hub-signature-256", format!("sha256={signature}"));
    let answered = request.body(body).send().await;
    answered.is_ok_and(|answer| answer.status().is_success())
}

async fn connect(http: &reqwest::Client, hub: &Process, key: &str) -> Machine {
    let mut asks = registration("m", "1.0.0", "durable");
    asks["team_ids"] = json!(["main"]);
    let request = http
        .post(format!("{}/registration", hub.address))
        .bearer_auth(key);
    let answer = request.body(asks.to_string()).send().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    Machine::open(answer["url"].as_str().unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_killed_loses_no_webhook_that_it_answered() {
    let home = crate::support::remains::directory();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut hub = Process::start(home.path());
    let key = hub.key.clone().expect("a first key");
    let secret = std::fs::read_to_string(home.path().join("hub-webhook-secret")).unwrap();
    let secret = secret.trim().as_bytes();
    drop(connect(&http, &hub, &key).await);
    let (mut answered, mut next) = (BTreeSet::new(), 0);
    for _ in 0..4 {
        // Many at once, and the end comes while they are on their way.
        let (some, child, address) = (next..next + 40, &mut hub.child, &hub.address);
        let one = async |id: usize| (id, send(&http, address, secret, id).await);
        let sent = futures_util::future::join_all(some.clone().map(one));
        let killed = async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            child.kill().unwrap();
            child.wait().unwrap();
        };
        let (sent, ()) = tokio::join!(sent, killed);
        answered.extend(
            sent.into_iter()
                .filter(|(_, is_answered)| *is_answered)
                .map(|(id, _)| id),
        );
        next = some.end;
        hub = Process::start(home.path());
    }
    for id in next..next + 5 {
        assert!(send(&http, &hub.address, secret, id).await);
        answered.insert(id);
    }
    let mut machine = connect(&http, &hub, &key).await;
    let mut heard = BTreeSet::new();
    let hear_all = async {
        while !answered.is_subset(&heard) {
            let event = machine.hear().await;
            let branch = event["data"]["Push"][0]["branch"].as_str().unwrap().to_owned();
            let id: usize = branch.strip_prefix("branch-").unwrap().parse().unwrap();
            assert!(heard.insert(id), "each is told once: {id}");
            machine.answer(&event).await;
        }
    };
    tokio::time::timeout(PATIENCE, hear_all)
        .await
        .expect("everything that was answered is told");
}
