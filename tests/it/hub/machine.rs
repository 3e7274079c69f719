//! A hub of the test's own, and a machine that speaks the protocol by hand.

use std::time::Duration;

use aws_lc_rs::hmac;
use futures_util::{SinkExt as _, StreamExt as _};
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::{HubOptions, Rhythm, RunningHub, start};
use sdm::store::hub::Place;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::remains::is_secret;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The secret of webhooks.
pub const SECRET: &[u8] = b"canary-of-webhooks";

/// A hub, and a key for workspace `w`.
pub struct TestHub {
    pub hub: RunningHub,
    pub key: String,
    pub http: reqwest::Client,
    directory: crate::support::remains::Remains,
}

/// The signature of a webhook.
pub fn signature(body: &str) -> String {
    signature_by(SECRET, body)
}

/// The signature of a webhook by another secret.
pub fn signature_by(secret: &[u8], body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("sha256={}", hex::encode(hmac::sign(&key, body.as_bytes())))
}

/// A quick rhythm, so that tests need not wait.
pub fn quick() -> Rhythm {
    Rhythm {
        look: Duration::from_millis(20),
        tidy: Duration::from_millis(50),
        again: Duration::from_millis(10),
        ..Rhythm::default()
    }
}

pub fn wish(scopes: &[&str]) -> KeyWish {
    KeyWish {
        name: "test".to_owned(),
        is_person: false,
        workspaces: vec!["w".to_owned()],
        scopes: scopes.iter().map(ToString::to_string).collect(),
        ..KeyWish::default()
    }
}

impl TestHub {
    pub async fn start(rhythm: Rhythm) -> Self {
        Self::start_with(|options| options.rhythm = rhythm).await
    }

    /// With other options than the usual ones of a test.
    pub async fn start_with(change: impl FnOnce(&mut HubOptions)) -> Self {
        let directory = crate::support::remains::directory();
        let hub = run(directory.path(), change).await;
        let (_, key) = Administration::of(hub.memory())
            .new_key(&wish(&[]))
            .await
            .unwrap();
        Self {
            hub,
            key,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            directory,
        }
    }

    /// A hub that runs already.
    pub fn of(hub: RunningHub, key: String) -> Self {
        Self {
            hub,
            key,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            directory: crate::support::remains::directory(),
        }
    }

    /// The same memory under a new process, as after a restart.
    pub async fn restart(self, rhythm: Rhythm) -> Self {
        self.restart_with(|options| options.rhythm = rhythm).await
    }

    /// The same with other options than the usual ones of a test.
    pub async fn restart_with(self, change: impl FnOnce(&mut HubOptions)) -> Self {
        self.restart_after(async {}, change).await
    }

    /// The same after something has happened while it was down.
    pub async fn restart_after(
        self,
        happens: impl Future<Output = ()>,
        change: impl FnOnce(&mut HubOptions),
    ) -> Self {
        self.hub.stop().await;
        happens.await;
        let hub = run(self.directory.path(), change).await;
        Self { hub, ..self }
    }

    pub fn administration(&self) -> Administration {
        Administration::of(self.hub.memory())
    }

    /// A statement that somebody else makes in the hub's database.
    pub async fn meddle(&self, statement: &'static str) {
        use sqlx::{AnyConnection, Connection as _, Executor as _};
        let url = format!("sqlite://{}", self.directory.path().join("hub.db").display());
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        connection.execute("PRAGMA busy_timeout = 15000").await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.hub.address)
    }

    /// Status and body of a POST with a key.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.url(path)).bearer_auth(key);
        answered(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    /// The hub's figures, as Prometheus reads them.
    pub async fn figures(&self) -> String {
        let (_, key) = self
            .administration()
            .new_key(&wish(&["admin:read"]))
            .await
            .unwrap();
        let asked = self.http.get(self.url("/metrics")).bearer_auth(&key);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.text().await.unwrap()
    }

    /// What the hub answers to a webhook of GitHub, signed as it should be.
    pub async fn github(&self, event: &str, id: &str, payload: &Value) -> (u16, Value) {
        let body = payload.to_string();
        let signature = signature(&body);
        self.signed(event, id, body, &signature).await
    }

    /// What it answers to a webhook with this signature.
    pub async fn signed(&self, event: &str, id: &str, body: String, signature: &str) -> (u16, Value) {
        self.signed_to("w", (event, id), body, signature).await
    }

    /// The same to another workspace.
    pub async fn signed_to(
        &self,
        workspace: &str,
        (event, id): (&str, &str),
        body: String,
        signature: &str,
    ) -> (u16, Value) {
        let request = self.http.post(self.url(&format!("/webhooks/github/{workspace}")));
        let request = request
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", signature);
        answered(request.body(body)).await
    }

    /// The answer to a question to the graph.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        let mut body = json!({ "query": query });
        body["variables"] = variables;
        let (status, answer) = self.post("/graphql/team/w", &self.key, &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Registers; the address of the websocket.
    pub async fn register(&self, registration: &Value) -> String {
        let (status, answer) = self.post("/registration", &self.key, registration).await;
        assert_eq!(status, 200, "{answer}");
        let url = answer["url"].as_str().unwrap().to_owned();
        is_secret(url.rsplit('/').next().unwrap_or_default());
        url
    }

    /// A machine that has registered and is connected.
    pub async fn machine(&self, registration: &Value) -> Machine {
        Machine::open(&self.register(registration).await).await
    }
}

/// Status and body, `null` when it is no JSON.
async fn answered(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn run(directory: &std::path::Path, change: impl FnOnce(&mut HubOptions)) -> RunningHub {
    let place = Place::File(directory.join("hub.db"));
    let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.secrets = [("github://org_token".to_owned(), "canary-of-machines".into())].into();
    options.webhooks = WebhookSecrets::for_all(SECRET);
    change(&mut options);
    start(options).await.unwrap()
}

/// A registration with one subscription to pushes.
pub fn registration(name: &str, version: &str, policy: &str) -> Value {
    json!({
        "api_version": "1", "name": name, "version": version, "policy": {"name": policy}, "team_ids": ["w"],
        "commands": [], "ingesters": [], "metadata": {"labels": {}},
        "events": [{"subscription": "subscription OnPush { Push { id branch } }", "secrets": [{"uri": "github://org_token"}]}]
    })
}

/// That an event is dealt with.
fn answer_to(event: &Value) -> Value {
    let extensions = &event["extensions"];
    json!({
        "api_version": "1", "correlation_id": extensions["correlation_id"], "team": {"id": extensions["team_id"]},
        "event": extensions["operationName"], "status": {"code": 0, "reason": "done"}
    })
}

/// A machine's end of a websocket.
pub struct Machine {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Machine {
    pub async fn open(url: &str) -> Self {
        let (socket, _) = connect_async(url).await.unwrap();
        Self { socket }
    }

    /// Over a websocket that is open already.
    pub fn over(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { socket }
    }

    /// With the credential in a header.
    pub async fn open_with(url: &str, token: &str) -> Self {
        let mut request = url.into_client_request().unwrap();
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", value);
        let (socket, _) = connect_async(request).await.unwrap();
        Self { socket }
    }

    /// Comes back to a conversation that was lost; what the hub answers if it does not want that.
    pub async fn resume(url: &str, key: &str, token: &str) -> Result<Self, (u16, Value)> {
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Authorization", format!("Bearer {key}").parse().unwrap());
        headers.insert("X-Hub-Resume", token.parse().unwrap());
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or_default();
                Err((answer.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Message {
        let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        frame.expect("the hub says something").unwrap().unwrap()
    }

    /// The next frame, or `None` when the conversation is over.
    pub async fn try_frame(&mut self) -> Option<Message> {
        self.socket.next().await?.ok()
    }

    /// Says something to a hub that may not want to hear it.
    pub async fn try_say(&mut self, text: &str) {
        let _ = self.socket.send(Message::Text(text.into())).await;
    }

    /// The next message that is no ping of the hub.
    pub async fn hear(&mut self) -> Value {
        loop {
            match self.frame().await {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message.get("ping").is_none() {
                        is_secret(message["context"]["handle"].as_str().unwrap_or_default());
                        return message;
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("a text was expected, and not {other:?}"),
            }
        }
    }

    /// The code with which the hub closes.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.frame().await {
                return frame.map_or(0, |frame| frame.code.into());
            }
        }
    }

    /// Everything before this has been taken in by the hub, and nothing else has come.
    pub async fn settled(&mut self) {
        self.say(&json!({"ping": "settled"})).await;
        assert_eq!(self.hear().await, json!({"pong": "settled"}));
    }

    /// Answers an event.
    pub async fn answer(&mut self, event: &Value) {
        self.say(&answer_to(event)).await;
    }

    /// Answers an event of a hub that may be gone.
    pub async fn try_answer(&mut self, event: &Value) {
        self.try_say(&answer_to(event).to_string()).await;
    }

    /// Leaves in good order.
    pub async fn leave(mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(Ok(_)) = tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap() {}
    }
}
