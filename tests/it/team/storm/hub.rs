//! The hub of a storm: one process, or several on one Postgres, which are killed and come back; and whoever talks to them meanwhile.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::hmac;
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::{HubOptions, Rhythm, start};
use sdm::ports::people::PersonRole;
use sdm::store::hub::{Place, SqlHub};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::told;
use crate::hub::people::has_come_in;

const SECRET: &[u8] = b"a secret of the forge";

/// Longest wait for everything to add up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A webhook: the id of its delivery, and its body.
pub type Webhook = (String, String);

/// A hub that soon notices who is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the hub's process in a storm, and runs until it is killed"]
async fn hub_process() {
    let Some(place) = told("SDM_STORM_HUB") else {
        return;
    };
    let (listen, place) = place.split_once(' ').unwrap();
    let mut options = HubOptions::new(Place::read(place), listen.parse().unwrap());
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

/// How one talks to it. Clones talk to the same.
#[derive(Clone)]
pub struct Talk {
    pub addresses: Vec<SocketAddr>,
    /// The key of a machine.
    pub key: String,
    /// The key of a person who may approve.
    pub ada: String,
    http: reqwest::Client,
}

/// The hub, in processes that can be killed.
pub struct StormHub {
    pub talk: Talk,
    /// Where its memory is, as a command line says it.
    place: String,
    processes: Vec<Child>,
}

/// Keys of these machines, and of the person.
async fn keys(memory: &SqlHub, machines: &[&str]) -> (Vec<String>, String) {
    let administration = Administration::of(memory);
    let mut keys = Vec::new();
    for name in machines {
        let wish = KeyWish {
            name: (*name).to_owned(),
            workspaces: vec!["A1".to_owned()],
            ..KeyWish::default()
        };
        keys.push(administration.new_key(&wish).await.unwrap().1);
    }
    has_come_in(memory, "ada", PersonRole::Admin).await;
    let ada = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        workspaces: vec!["A1".to_owned()],
        scopes: ["graph:read", "goals:write", "commands:register"]
            .map(str::to_owned)
            .to_vec(),
        ..KeyWish::default()
    };
    (keys, administration.new_key(&ada).await.unwrap().1)
}

impl StormHub {
    /// So many replicas on the memory at a place, and the keys of machines of these names.
    pub async fn start(place: String, replicas: usize, machines: &[&str]) -> (Self, Vec<String>) {
        let memory = SqlHub::open(&Place::read(&place)).await.unwrap();
        let (keys, ada) = keys(&memory, machines).await;
        memory.close().await;
        let listeners: Vec<_> = (0..replicas)
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let addresses = listeners.iter().map(|one| one.local_addr().unwrap()).collect();
        drop(listeners);
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let talk = Talk {
            addresses,
            key: keys[0].clone(),
            ada,
            http,
        };
        let processes = talk
            .addresses
            .iter()
            .map(|address| run(*address, &place))
            .collect();
        let hub = Self {
            talk,
            place,
            processes,
        };
        for replica in 0..replicas {
            let answers = async || hub.talk.ask_at(replica, "{ Push { id } }").await.map(drop);
            until("the hub answers", answers).await;
        }
        (hub, keys)
    }

    pub fn kill(&mut self, replica: usize) {
        self.processes[replica].kill().unwrap();
        self.processes[replica].wait().unwrap();
    }

    pub fn start_again(&mut self, replica: usize) {
        self.processes[replica] = run(self.talk.addresses[replica], &self.place);
    }

    /// Events that were given up.
    pub async fn dead_events(&self) -> Vec<String> {
        let administration = Administration::open(&Place::read(&self.place), false)
            .await
            .unwrap();
        let dead = administration.dead("A1").await.unwrap();
        administration.close().await;
        // What is no event is a command, which is never tried again.
        let is_event = |operation: &str| operation.starts_with("On");
        dead.into_iter()
            .filter(|dead| is_event(&dead.what.operation))
            .map(|dead| format!("{} {}", dead.what.operation, dead.because))
            .collect()
    }
}

impl Drop for StormHub {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn run(address: SocketAddr, place: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "team::storm::hub::hub_process",
            "--ignored",
            "--nocapture",
        ])
        .env("SDM_STORM_HUB", format!("{address} {place}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until a look gives something.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
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

fn signed(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    format!("sha256={}", hex::encode(hmac::sign(&key, body.as_bytes())))
}

impl Talk {
    /// The same with the key of another machine.
    pub fn as_machine(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    fn url(&self, replica: usize, path: &str) -> String {
        format!("http://{}{path}", self.addresses[replica])
    }

    /// Sends a webhook; whether it was acknowledged.
    pub async fn send(&self, replica: usize, (delivery, body): &Webhook) -> bool {
        let request = self
            .http
            .post(self.url(replica, "/webhooks/github/A1"))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", signed(body));
        let sent = request.body(body.clone()).send().await;
        sent.is_ok_and(|answer| answer.status().is_success())
    }

    /// Begins to send one, and stops in its middle: the hub waits for the rest.
    pub async fn begin_to_send(&self, replica: usize, (delivery, body): &Webhook) -> HalfSent {
        let address = self.addresses[replica];
        let mut stream = until("the hub listens", async || TcpStream::connect(address).await.ok()).await;
        let head = format!(
            "POST /webhooks/github/A1 HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nx-github-event: push\r\n\
             x-github-delivery: {delivery}\r\nx-hub-signature-256: {}\r\ncontent-length: {}\r\n\r\n",
            signed(body),
            body.len()
        );
        let (first, rest) = body.split_at(body.len() / 2);
        stream
            .write_all(format!("{head}{first}").as_bytes())
            .await
            .unwrap();
        HalfSent {
            stream,
            rest: rest.to_owned(),
        }
    }

    /// What a replica answers to a question to the graph.
    pub async fn ask_at(&self, replica: usize, query: &str) -> Option<Value> {
        let request = self
            .http
            .post(self.url(replica, "/graphql/team/A1"))
            .bearer_auth(&self.key);
        let body = json!({ "query": query }).to_string();
        let request = request.header("content-type", "application/json").body(body);
        let answer = request.send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        answer["data"].is_object().then_some(answer)
    }

    /// Registers a machine; where its websocket is, if it was taken.
    pub async fn register(&self, replica: usize, wanted: &Value) -> Option<String> {
        let request = self
            .http
            .post(self.url(replica, "/registration"))
            .bearer_auth(&self.key);
        let request = request.header("content-type", "application/json");
        let answer = request
            .body(wanted.to_string())
            .send()
            .await
            .ok()?
            .bytes()
            .await
            .ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        answer["url"].as_str().map(str::to_owned)
    }

    /// Starts a command of a machine as the person; where its end is seen, if it was accepted.
    pub async fn invoke(
        &self,
        replica: usize,
        machine: &str,
        command: &str,
        parameters: Value,
    ) -> Option<String> {
        let body = json!({"command": command, "team": {"id": "A1"}, "automation": {"name": machine}, "parameters": parameters});
        let request = self
            .http
            .post(self.url(replica, "/command?invoke=true"))
            .bearer_auth(&self.ada);
        let request = request.header("content-type", "application/json");
        let answer = request
            .body(body.to_string())
            .send()
            .await
            .ok()?
            .bytes()
            .await
            .ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        answer["invocation"]["url"].as_str().map(str::to_owned)
    }

    /// How far a command is.
    pub async fn phase(&self, url: &str) -> Option<String> {
        let request = self.http.get(url).bearer_auth(&self.ada);
        let answer = request.send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        answer["phase"].as_str().map(str::to_owned)
    }

    /// Whether the hub takes a machine to be connected.
    pub async fn is_connected(&self, machine: &str) -> Option<bool> {
        let request = self.http.get(self.url(0, "/machines/A1")).bearer_auth(&self.ada);
        let answer = request.send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        let machines = answer["machines"].as_array()?;
        let found = machines.iter().find(|one| one["name"] == machine)?;
        found["connected"].as_bool()
    }
}

/// A webhook in the middle of which the hub is.
pub struct HalfSent {
    stream: TcpStream,
    rest: String,
}

impl HalfSent {
    /// Sends the rest; whether it is acknowledged.
    pub async fn ends(mut self) -> bool {
        let ending = async {
            self.stream.write_all(self.rest.as_bytes()).await.ok()?;
            let mut answer = [0; 12];
            self.stream.read_exact(&mut answer).await.ok()?;
            (answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.1 202")).then_some(())
        };
        tokio::time::timeout(Duration::from_secs(5), ending)
            .await
            .ok()
            .flatten()
            .is_some()
    }
}
