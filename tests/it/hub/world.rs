//! A hub with its first key, a forge that signs webhooks, and machines that speak the protocol by hand.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sdm::hub::{Hub, HubConfiguration};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const WEBHOOK_SECRET: &str = "a secret of the forge";
/// Nothing a hub does for one machine takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub hub: Hub,
    pub key: String,
    pub base: String,
    pub client: reqwest::Client,
    pub state: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(tempfile::tempdir().unwrap(), String::new(), 0).await
    }

    /// A hub on an earlier one's state and port.
    pub async fn again(self) -> Self {
        let port = self.hub.address().port();
        self.hub.shut_down().await;
        Self::with(self.state, self.key, port).await
    }

    async fn with(state: tempfile::TempDir, key: String, port: u16) -> Self {
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let hub = Hub::start(HubConfiguration {
            listen: address,
            base_url: format!("http://{address}"),
            state_directory: state.path().to_owned(),
            database: None,
            webhook_secret: Some(SecretString::from(WEBHOOK_SECRET.to_owned())),
        })
        .await
        .unwrap();
        let key = match hub.first_key() {
            Some(first) => first.text.expose_secret().to_owned(),
            None => key,
        };
        Self {
            key,
            base: format!("http://{address}"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            hub,
            state,
        }
    }

    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn ask(&self, query: &str, variables: &Value) -> Value {
        let body = json!({"query": query, "variables": variables});
        let (status, answer) = self.post("/graphql/team/main", Some(&self.key), &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// What a forge sends, signed.
    pub async fn webhook(&self, event: &str, delivery: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        self.signed(event, delivery, &body, WEBHOOK_SECRET).await
    }

    pub async fn signed(&self, event: &str, delivery: &str, body: &str, secret: &str) -> (u16, Value) {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let signature = hex::encode(aws_lc_rs::hmac::sign(&key, body.as_bytes()));
        let response = self
            .client
            .post(format!("{}/webhooks/github/main", self.base))
            .header("x-github-event", event)
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", format!("sha256={signature}"))
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Registers and connects a machine.
    pub async fn machine(&self, registration: &Value) -> Machine {
        let (status, answer) = self.post("/registration", Some(&self.key), registration).await;
        assert_eq!(status, 200, "{answer}");
        Machine::connect(answer["url"].as_str().unwrap()).await.unwrap()
    }
}

/// One socket of a machine.
pub struct Machine(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Machine {
    pub async fn connect(url: &str) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        tokio_tungstenite::connect_async(url)
            .await
            .map(|(socket, _)| Self(socket))
    }

    pub async fn say(&mut self, message: &Value) {
        self.0
            .send(Message::Text(message.to_string().into()))
            .await
            .unwrap();
    }

    pub async fn raw(&mut self, message: Message) {
        self.0.send(message).await.ok();
    }

    /// The next message that is no ping of the hub's; `None` at the end of the conversation.
    pub async fn hear(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("the hub says something in time");
            let text = match frame {
                None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return None,
                Some(Ok(Message::Text(text))) => text.to_string(),
                Some(Ok(Message::Binary(bytes))) => {
                    use std::io::Read;
                    let mut text = String::new();
                    flate2::read::GzDecoder::new(&bytes[..])
                        .read_to_string(&mut text)
                        .unwrap();
                    text
                }
                Some(Ok(_)) => continue,
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message.get("ping").is_none() {
                return Some(message);
            }
        }
    }

    /// The next event and its operation.
    pub async fn event(&mut self) -> (String, Value) {
        let message = self.hear().await.expect("an event");
        let operation = message["extensions"]["operationName"]
            .as_str()
            .expect("an event")
            .to_owned();
        (operation, message)
    }

    /// Says that an event was handled.
    pub async fn handled(&mut self, event: &Value, code: i64) {
        self.say(&json!({
            "api_version": "1", "correlation_id": event["extensions"]["correlation_id"], "team": {"id": "main"},
            "event": event["extensions"]["operationName"], "status": {"code": code, "reason": "done"}
        }))
        .await;
    }

    /// Asks for a sign of life; what was said before it was heard by then.
    pub async fn ping(&mut self, number: u64) {
        self.say(&json!({"ping": number})).await;
        assert_eq!(self.hear().await, Some(json!({"pong": number})));
    }
}

/// A registration of a machine that wants to hear of this.
pub fn registration(name: &str, version: &str, subscriptions: &[&str]) -> Value {
    let events: Vec<Value> = subscriptions
        .iter()
        .map(|text| json!({"subscription": text, "secrets": [{"uri": "github://org_token"}]}))
        .collect();
    json!({
        "api_version": "1", "name": name, "version": version, "policy": {"name": "ephemeral"}, "team_ids": ["main"],
        "commands": [], "events": events, "ingesters": [], "metadata": {"labels": {}}
    })
}

/// A push as a forge at this address tells it.
pub fn push(forge: &str, branch: &str, before: &str, after: &str) -> Value {
    let commit = json!({
        "id": after, "message": "Change something", "timestamp": "2026-11-26T10:00:00Z", "url": format!("{forge}/acme/app/commit/{after}"),
        "author": {"name": "Jess", "email": "jess@example.test", "username": "jess"}, "committer": {"name": "Jess", "email": "jess@example.test", "username": "jess"}
    });
    json!({
        "ref": format!("refs/heads/{branch}"), "before": before, "after": after, "created": false, "deleted": false, "forced": false,
        "commits": [commit], "head_commit": commit,
        "repository": {
            "id": 4711, "name": "app", "full_name": "acme/app", "private": true, "html_url": format!("{forge}/acme/app"),
            "owner": {"login": "acme", "name": "acme", "id": 7, "type": "Organization"}, "default_branch": "main", "pushed_at": 1_795_000_000
        }
    })
}
