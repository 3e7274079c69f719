//! A whole hub in memory: it knows keys, registrations, sockets and the goals it is told of, and misbehaves when asked to.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sdm::runtime::tasks::Tasks;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::git_servers::{Authority, TlsListener};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The key that opens this hub.
pub const KEY: &str = "hub_a_key_of_a_test";

/// A hub on 127.0.0.1, gone when dropped.
pub struct FakeHub {
    url: String,
    known: Arc<Mutex<Known>>,
    tasks: Tasks,
}

/// What the hub knows, and how it is to behave.
#[derive(Default)]
struct Known {
    socket_base: String,
    registrations: Vec<Value>,
    /// Credentials of sockets that were not opened yet.
    tickets: HashSet<String>,
    /// Whether tickets were found in a header.
    header_used: bool,
    sockets: Vec<mpsc::UnboundedSender<Message>>,
    /// Everything machines said on their sockets, pings apart.
    heard: Vec<Value>,
    /// Values of mutations, in the order in which they were taken.
    written: Vec<(String, Value)>,
    /// What answers every request instead.
    refusal: Option<(u16, Value, Option<u64>)>,
    /// What answers every mutation that holds this text.
    unwanted: Option<String>,
    /// Names another address for the socket.
    socket_elsewhere: Option<String>,
    speaks_gzip: bool,
}

type Shared = Arc<Mutex<Known>>;

fn lock(known: &Shared) -> MutexGuard<'_, Known> {
    known.lock().unwrap()
}

impl FakeHub {
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    pub async fn start_tls(authority: &Authority) -> Self {
        Self::serve(Some(authority)).await
    }

    async fn serve(authority: Option<&Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (http, ws) = match authority {
            Some(_) => ("https", "wss"),
            None => ("http", "ws"),
        };
        let known: Shared = Arc::default();
        lock(&known).socket_base = format!("{ws}://localhost:{port}/ws");
        let router = Router::new()
            .route("/registration", post(register))
            .route("/graphql/team/{workspace}", post(answer))
            .route("/ws", get(open))
            .with_state(known.clone());
        let tasks = Tasks::new();
        match authority.map(Authority::acceptor) {
            None => tasks.spawn("fake hub", async move {
                axum::serve(listener, router).await.unwrap();
            }),
            Some(acceptor) => tasks.spawn("fake hub", async move {
                axum::serve(TlsListener { listener, acceptor }, router)
                    .await
                    .unwrap();
            }),
        }
        Self {
            url: format!("{http}://localhost:{port}"),
            known,
            tasks,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers every request like this, until [`Self::recover`].
    pub fn refuse(&self, status: u16, code: &str, message: &str, retry_after: Option<u64>) {
        let body =
            json!({"error": {"code": code, "message": message, "url": "https://hub.example.com/consent/1"}});
        lock(&self.known).refusal = Some((status, body, retry_after));
    }

    /// Goes away: sockets break and nothing is answered but 503.
    pub fn go_away(&self) {
        self.refuse(503, "restarting", "the hub restarts", None);
        lock(&self.known).sockets.clear();
    }

    pub fn recover(&self) {
        lock(&self.known).refusal = None;
    }

    /// Refuses mutations that hold this text, with an error in the answer.
    pub fn does_not_want(&self, text: &str) {
        lock(&self.known).unwanted = Some(text.to_owned());
    }

    pub fn names_another_socket(&self, url: &str) {
        lock(&self.known).socket_elsewhere = Some(url.to_owned());
    }

    pub fn speak_gzip(&self) {
        lock(&self.known).speaks_gzip = true;
    }

    /// The newest conversation, once it is open.
    fn newest(&self) -> mpsc::UnboundedSender<Message> {
        let begun = Instant::now();
        loop {
            let newest = lock(&self.known).sockets.last().cloned();
            if let Some(open) = newest.filter(|socket| !socket.is_closed()) {
                return open;
            }
            assert!(begun.elapsed() < PATIENCE, "no machine is connected");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Says something in the newest conversation.
    pub fn say(&self, message: &Value) {
        let newest = self.newest();
        let frame = match lock(&self.known).speaks_gzip {
            true => Message::Binary(packed(message.to_string().as_bytes()).into()),
            false => Message::Text(message.to_string().into()),
        };
        newest.send(frame).ok();
    }

    /// Ends the newest conversation.
    pub fn hang_up(&self) {
        drop(self.newest());
        lock(&self.known).sockets.pop();
    }

    pub fn registrations(&self) -> Vec<Value> {
        lock(&self.known).registrations.clone()
    }

    pub fn heard(&self) -> Vec<Value> {
        lock(&self.known).heard.clone()
    }

    /// Values that were written to the graph by this field.
    pub fn written(&self, field: &str) -> Vec<Value> {
        let known = lock(&self.known);
        let of_field = known.written.iter().filter(|(name, _)| name == field);
        of_field.map(|(_, value)| value.clone()).collect()
    }

    pub fn header_was_used(&self) -> bool {
        lock(&self.known).header_used
    }

    /// Waits until a look gives a value.
    pub async fn wait_until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(value) = look(self) {
                return value;
            }
            let heard = || lock(&self.known).heard.clone();
            assert!(
                begun.elapsed() < PATIENCE,
                "waited in vain until {what}; heard {:?}",
                heard()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the newest conversation is open.
    pub async fn connected(&self) {
        let is_open = |hub: &Self| {
            let known = lock(&hub.known);
            known
                .sockets
                .last()
                .is_some_and(|socket| !socket.is_closed())
                .then_some(())
        };
        self.wait_until("a machine is connected", is_open).await;
    }

    /// The next message of this kind about this correlation, `status` or `body`.
    pub async fn answer_to(&self, correlation: &str, kind: &str) -> Value {
        let what = format!("there is a {kind} for {correlation}");
        let fits = |message: &Value| message["correlation_id"] == correlation && message.get(kind).is_some();
        self.wait_until(&what, |hub| hub.heard().into_iter().find(fits))
            .await
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.tasks.stop_token().cancel();
        lock(&self.known).sockets.clear();
    }
}

fn packed(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn json_answer(status: u16, body: &Value, retry_after: Option<u64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Why a request is not answered, if it is not.
fn objection(known: &Known, headers: &HeaderMap) -> Option<Response> {
    if let Some((status, body, retry_after)) = &known.refusal {
        return Some(json_answer(*status, body, *retry_after));
    }
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if given == Some(&format!("Bearer {KEY}")) {
        return None;
    }
    let body = json!({"error": {"code": "credentials_invalid", "message": "this key is not known"}});
    Some(json_answer(401, &body, None))
}

async fn register(State(known): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut known = lock(&known);
    if let Some(objection) = objection(&known, &headers) {
        return objection;
    }
    let registration: Value = serde_json::from_slice(&body).unwrap();
    let ticket = format!("ticket-{}", known.registrations.len());
    known.registrations.push(registration);
    known.tickets.insert(ticket.clone());
    let url = known
        .socket_elsewhere
        .clone()
        .unwrap_or_else(|| known.socket_base.clone());
    let answer = json!({"url": url, "jwt": ticket, "capabilities": ["ack", "lease", "header"]});
    json_answer(200, &answer, None)
}

async fn open(State(known): State<Shared>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let ticket = given
        .and_then(|given| given.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    if !lock(&known).tickets.remove(&ticket) {
        return json_answer(
            401,
            &json!({"error": {"code": "ticket_invalid", "message": "no such ticket"}}),
            None,
        );
    }
    lock(&known).header_used = true;
    upgrade.on_upgrade(move |socket| converse(known, socket))
}

async fn converse(known: Shared, mut socket: WebSocket) {
    let (sender, mut to_say) = mpsc::unbounded_channel();
    lock(&known).sockets.push(sender);
    loop {
        tokio::select! {
            frame = to_say.recv() => match frame {
                Some(frame) => {
                    if socket.send(frame).await.is_err() {
                        return;
                    }
                }
                None => return,
            },
            frame = socket.recv() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    match message.get("ping") {
                        Some(number) => {
                            let pong = json!({ "pong": number }).to_string();
                            socket.send(Message::Text(pong.into())).await.ok();
                        }
                        None => lock(&known).heard.push(message),
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Mutations are taken whole or not at all.
async fn answer(
    State(known): State<Shared>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut known = lock(&known);
    if let Some(objection) = objection(&known, &headers) {
        return objection;
    }
    let question: Value = serde_json::from_slice(&body).unwrap();
    let text = question["query"].as_str().unwrap();
    if text.contains("TeamConfiguration(namespace: $namespace)") {
        return json_answer(200, &json!({"data": {"TeamConfiguration": []}}), None);
    }
    let unwanted = known.unwanted.as_ref();
    if unwanted.is_some_and(|unwanted| question["variables"].to_string().contains(unwanted.as_str())) {
        return json_answer(
            200,
            &json!({"errors": [{"message": "this cannot be stored"}]}),
            None,
        );
    }
    // As the real hub: that somebody approves is for people to say.
    let is_decision = |value: &Value| matches!(value["state"].as_str(), Some("approved" | "pre_approved"));
    let mut variables = question["variables"].as_object().unwrap().values();
    if variables.any(is_decision) {
        let refused = json!({"errors": [{"message": "only people may do this"}]});
        return json_answer(200, &refused, None);
    }
    let mut data = serde_json::Map::new();
    for (name, value) in question["variables"].as_object().unwrap() {
        // `key: field(value: $name)`
        let (before, _) = text.split_once(&format!("(value: ${name})")).unwrap();
        let (before, field) = before.rsplit_once(": ").unwrap();
        let key = before.rsplit([' ', '{']).next().unwrap();
        let mut value = value.clone();
        value["workspace"] = json!(workspace);
        known.written.push((field.to_owned(), value));
        data.insert(key.to_owned(), json!("id"));
    }
    json_answer(200, &json!({ "data": data }), None)
}
