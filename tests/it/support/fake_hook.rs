//! The webhook of a GitHub App, of a repository or of an organisation as GitHub has it: it sends each event once, notes whether it arrived, lists what it sent
//! to whoever proves to be the app or has a token for it, and sends it again when it is asked to.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sdm::hub::people::providers::{AppKey, HookSettings};
use sdm::runtime::clock::{Clock as _, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

/// Webhooks in one part of the list where nobody says otherwise, so few that a test sees several parts.
const IN_ONE_PART: usize = 3;

/// Something that was sent, or sent again.
#[derive(Debug, Clone)]
struct Attempt {
    id: u64,
    guid: String,
    at: String,
    event: String,
    body: String,
    status: u16,
    is_again: bool,
}

impl Attempt {
    fn has_arrived(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn listed(&self) -> Value {
        json!({
            "id": self.id, "guid": self.guid, "delivered_at": self.at, "redelivery": self.is_again, "duration": 0.1,
            "status": if self.has_arrived() { "OK" } else { "failed to connect to host" }, "status_code": self.status,
            "event": self.event, "action": null, "installation_id": 1, "repository_id": 7
        })
    }
}

#[derive(Default)]
struct World {
    /// Where it sends, and by which secret it signs.
    url: String,
    secret: Vec<u8>,
    attempts: Vec<Attempt>,
    /// What was asked, since somebody looked.
    asked: Vec<String>,
    /// Webhooks in one part of the list.
    in_one_part: Option<usize>,
}

/// Who may ask what was sent.
#[derive(Clone)]
enum Asker {
    /// An app: its client id, and what it proves itself by.
    App(String, Arc<RsaKeyPair>),
    /// Whoever has this token.
    Token(&'static str),
}

/// A webhook. Clones share it.
#[derive(Clone)]
pub struct FakeHook {
    asker: Asker,
    /// Where the API has it.
    place: &'static str,
    http: reqwest::Client,
    world: Arc<Mutex<World>>,
}

impl FakeHook {
    /// Of the app with this client id, which sends nowhere yet.
    pub fn of(client: &str) -> Self {
        let key = Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        Self::new(Asker::App(client.to_owned(), key), "/api/v3/app/hook")
    }

    /// Of a repository or an organisation, at this path, for whoever has this token.
    pub fn at(place: &'static str, token: &'static str) -> Self {
        Self::new(Asker::Token(token), place)
    }

    fn new(asker: Asker, place: &'static str) -> Self {
        Self {
            asker,
            place,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            world: Arc::default(),
        }
    }

    /// What a hub is told of it, at a GitHub of this address.
    pub fn settings(&self, github: &str) -> HookSettings {
        let Asker::Token(token) = self.asker else {
            panic!("it is asked by its app");
        };
        HookSettings {
            address: format!("{github}{}", self.place).parse().unwrap(),
            token: token.into(),
        }
    }

    /// What the app proves itself by.
    pub fn key(&self) -> AppKey {
        let Asker::App(_, key) = &self.asker else {
            panic!("it belongs to no app");
        };
        let der = key.as_der().unwrap();
        let encoded = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n");
        AppKey::parse(&pem.into()).unwrap()
    }

    /// Where it sends from now on, and by which secret it signs.
    pub fn points_at(&self, url: &str, secret: &[u8]) {
        let mut world = self.world();
        (world.url, world.secret) = (url.to_owned(), secret.to_vec());
    }

    /// Something happens; whether it arrived.
    pub async fn sends(&self, guid: &str, event: &str, payload: &Value) -> bool {
        self.attempt(guid, event, payload.to_string(), false).await
    }

    /// Something happened while nobody was there.
    pub fn sent_in_vain(&self, guid: &str, event: &str, payload: &Value) {
        let mut world = self.world();
        let attempt = Attempt {
            id: world.attempts.len() as u64 + 1,
            guid: guid.to_owned(),
            at: SystemClock.now().rfc3339(),
            event: event.to_owned(),
            body: payload.to_string(),
            status: 502,
            is_again: false,
        };
        world.attempts.push(attempt);
    }

    /// So many are in one part of the list from now on.
    pub fn lists_in_parts_of(&self, number: usize) {
        self.world().in_one_part = Some(number);
    }

    /// What it was asked since somebody looked.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.world().asked)
    }

    /// Its routes.
    pub fn routes(&self) -> Router {
        let all = format!("{}/deliveries", self.place);
        Router::new()
            .route(&all, get(list))
            .route(&format!("{all}/{{id}}"), get(show))
            .route(&format!("{all}/{{id}}/attempts"), post(again))
            .with_state(self.clone())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    async fn attempt(&self, guid: &str, event: &str, body: String, is_again: bool) -> bool {
        let (url, secret) = {
            let world = self.world();
            (world.url.clone(), world.secret.clone())
        };
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), body.as_bytes());
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", guid)
            .header(
                "x-hub-signature-256",
                format!("sha256={}", hex::encode(signature)),
            );
        let sent = request.body(body.clone()).send().await;
        let mut world = self.world();
        let attempt = Attempt {
            id: world.attempts.len() as u64 + 1,
            guid: guid.to_owned(),
            at: SystemClock.now().rfc3339(),
            event: event.to_owned(),
            body,
            status: sent.map_or(502, |answer| answer.status().as_u16()),
            is_again,
        };
        let has_arrived = attempt.has_arrived();
        world.attempts.push(attempt);
        has_arrived
    }

    /// Notes what is asked, if it is who may.
    fn admit(&self, what: String, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        let may = given
            .and_then(|text| text.strip_prefix("Bearer "))
            .is_some_and(|text| match &self.asker {
                Asker::App(client, key) => knows(client, key, text),
                Asker::Token(token) => text == *token,
            });
        if !may {
            let message = json!({"message": "A JSON web token could not be decoded"});
            return Err(Box::new(
                (StatusCode::UNAUTHORIZED, Json(message)).into_response(),
            ));
        }
        self.world().asked.push(what);
        Ok(())
    }
}

/// Whether an assertion is the app's, and counts now.
fn knows(client: &str, key: &RsaKeyPair, assertion: &str) -> bool {
    let Some((signed, signature)) = assertion.rsplit_once('.') else {
        return false;
    };
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    if public.verify(signed.as_bytes(), &signature).is_err() {
        return false;
    }
    let claims = signed.split('.').nth(1).unwrap_or_default();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    let now = SystemClock.now().as_micros() / 1_000_000;
    let moment = |name: &str| claims[name].as_i64().unwrap_or_default();
    let (iat, exp) = (moment("iat"), moment("exp"));
    claims["iss"] == client && iat <= now && now < exp && exp - iat <= 600
}

#[derive(Deserialize)]
struct Which {
    status: Option<String>,
    cursor: Option<usize>,
}

async fn list(State(hook): State<FakeHook>, Query(which): Query<Which>, headers: HeaderMap) -> Response {
    if let Err(refused) = hook.admit("list".to_owned(), &headers) {
        return *refused;
    }
    let world = hook.world();
    let is_wanted = |attempt: &&Attempt| match which.status.as_deref() {
        Some("failure") => !attempt.has_arrived(),
        Some("success") => attempt.has_arrived(),
        _ => true,
    };
    let all: Vec<Value> = world
        .attempts
        .iter()
        .rev()
        .filter(is_wanted)
        .map(Attempt::listed)
        .collect();
    let from = which.cursor.unwrap_or(0).min(all.len());
    let end = (from + world.in_one_part.unwrap_or(IN_ONE_PART)).min(all.len());
    let mut response = Json(Value::from(&all[from..end])).into_response();
    if end < all.len() {
        let link = format!("<http://localhost/app/hook/deliveries?cursor={end}>; rel=\"next\"");
        response.headers_mut().insert("link", link.parse().unwrap());
    }
    response
}

async fn show(State(hook): State<FakeHook>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    if let Err(refused) = hook.admit(format!("show {id}"), &headers) {
        return *refused;
    }
    let world = hook.world();
    match world.attempts.iter().find(|attempt| attempt.id == id) {
        Some(attempt) => Json(attempt.listed()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn again(State(hook): State<FakeHook>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let found = {
        let world = hook.world();
        world.attempts.iter().find(|attempt| attempt.id == id).cloned()
    };
    let Some(attempt) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Err(refused) = hook.admit(format!("again {}", attempt.guid), &headers) {
        return *refused;
    }
    hook.attempt(&attempt.guid, &attempt.event, attempt.body, true)
        .await;
    (StatusCode::ACCEPTED, Json(json!({}))).into_response()
}
