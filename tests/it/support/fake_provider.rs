//! A GitHub as far as people go, and a provider of OpenID Connect, in memory and over real http: people sign in there, codes count
//! once and are bound to their client, their address and their challenge, and tokens say what was granted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sdm::hub::people::guard::fields;
use sdm::hub::people::providers::{GitHubSettings, OidcSettings, ProviderKind, ProviderSettings};
use sdm::runtime::clock::{Clock as _, SystemClock};
use sdm::runtime::tasks::Tasks;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Who the hub is there.
pub const CLIENT: &str = "hub-client";
/// What proves it.
pub const CLIENT_SECRET: &str = "canary-of-the-client";
/// The hub's own token.
pub const HUB_TOKEN: &str = "canary-of-the-hub";

/// A running one; gone when dropped.
pub struct FakeProvider {
    pub address: String,
    world: Arc<Mutex<World>>,
    _tasks: Tasks,
}

/// Somebody who has an account there.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: u64,
    pub login: String,
    pub email: String,
    pub is_verified: bool,
}

impl Account {
    pub fn new(id: u64, login: &str) -> Self {
        Self {
            id,
            login: login.to_owned(),
            email: format!("{login}@example.org"),
            is_verified: true,
        }
    }
}

/// A code that was given, and what it is bound to.
#[derive(Debug, Clone)]
struct Code {
    account: Account,
    client: String,
    redirect_uri: String,
    challenge: String,
    nonce: String,
    scopes: String,
}

struct World {
    issuer: String,
    key: EcdsaKeyPair,
    /// Who sits in front of the browser.
    account: Account,
    codes: BTreeMap<String, Code>,
    /// Tokens of people, with whose they are and their scopes.
    tokens: BTreeMap<String, (Account, String)>,
    members: Vec<(String, String)>,
    /// What people may do: by repository and login.
    permissions: BTreeMap<(String, String), (u64, String)>,
    /// Repositories by their numbers.
    numbers: BTreeMap<String, String>,
    given: u64,
    /// What a token says instead of what it should.
    lies: Vec<(String, Value)>,
    /// Scopes that are granted whatever is asked for.
    grants: Option<String>,
}

type Shared = State<Arc<Mutex<World>>>;

impl FakeProvider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World {
            issuer: address.clone(),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            account: Account::new(1, "nobody"),
            codes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            members: Vec::new(),
            permissions: BTreeMap::new(),
            numbers: [
                ("7".to_owned(), "acme/app".to_owned()),
                ("8".to_owned(), "acme/payroll".to_owned()),
            ]
            .into(),
            given: 0,
            lies: Vec::new(),
            grants: None,
        }));
        let router = Router::new()
            .route("/login/oauth/authorize", get(authorize))
            .route("/login/oauth/access_token", post(github_token))
            .route("/api/v3/user", get(user))
            .route("/api/v3/orgs/{organisation}/members/{login}", get(member))
            .route("/api/v3/applications/{client}/token", delete(worthless))
            .route(
                "/api/v3/repos/{owner}/{name}/collaborators/{login}/permission",
                get(permission),
            )
            .route(
                "/api/v3/repositories/{number}/collaborators/{login}/permission",
                get(permission_by_number),
            )
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/authorize", get(authorize))
            .route("/token", post(oidc_token))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&world));
        let tasks = Tasks::new();
        let stop = tasks.stop_token().cancelled_owned();
        tasks.spawn("fake provider", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop)
                .await
                .unwrap();
        });
        Self {
            address,
            world,
            _tasks: tasks,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// As a GitHub whose organisation `acme` comes in.
    pub fn github(&self) -> ProviderSettings {
        settings(
            "github",
            ProviderKind::GitHub(GitHubSettings {
                address: self.address.parse().unwrap(),
                is_app: false,
                api: format!("{}/api/v3/", self.address).parse().unwrap(),
                token: Some(HUB_TOKEN.into()),
                organisations: vec!["acme".to_owned()],
            }),
        )
    }

    /// As a provider of OpenID Connect whose domain `example.org` comes in.
    pub fn oidc(&self) -> ProviderSettings {
        settings(
            "company",
            ProviderKind::Oidc(OidcSettings {
                issuer: self.address.clone(),
                domains: vec!["example.org".to_owned()],
            }),
        )
    }

    /// Somebody else sits in front of the browser.
    pub fn sits(&self, account: Account) {
        self.world().account = account;
    }

    /// Somebody is a member of an organisation.
    pub fn joins(&self, organisation: &str, login: &str) {
        self.world()
            .members
            .push((organisation.to_owned(), login.to_owned()));
    }

    /// Somebody may do this on a repository; `none` for nothing.
    pub fn permits(&self, repository: &str, account: &Account, permission: &str) {
        let key = (repository.to_owned(), account.login.clone());
        self.world()
            .permissions
            .insert(key, (account.id, permission.to_owned()));
    }

    /// The next token says this instead of what it should.
    pub fn lies(&self, claim: &str, value: Value) {
        self.world().lies.push((claim.to_owned(), value));
    }

    /// These scopes are granted, whatever is asked for.
    pub fn grants(&self, scopes: Option<&str>) {
        self.world().grants = scopes.map(str::to_owned);
    }

    /// Tokens that are worth something.
    pub fn tokens(&self) -> Vec<String> {
        self.world().tokens.keys().cloned().collect()
    }
}

fn settings(name: &str, kind: ProviderKind) -> ProviderSettings {
    ProviderSettings {
        name: name.to_owned(),
        title: name.to_owned(),
        kind,
        client_id: CLIENT.to_owned(),
        client_secret: CLIENT_SECRET.into(),
    }
}

/// Lets whoever sits there in, and sends the browser back with a code.
async fn authorize(State(world): Shared, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let mut world = world.lock().unwrap();
    let value = |name: &str| query.get(name).cloned().unwrap_or_default();
    if value("client_id") != CLIENT
        || value("response_type") != "code"
        || value("code_challenge_method") != "S256"
    {
        return (StatusCode::BAD_REQUEST, "no such client").into_response();
    }
    world.given += 1;
    let code = format!("code-{}", world.given);
    let bound = Code {
        account: world.account.clone(),
        client: value("client_id"),
        redirect_uri: value("redirect_uri"),
        challenge: value("code_challenge"),
        nonce: value("nonce"),
        scopes: world.grants.clone().unwrap_or_else(|| value("scope")),
    };
    let location = format!("{}?code={code}&state={}", bound.redirect_uri, value("state"));
    world.codes.insert(code, bound);
    (StatusCode::FOUND, [(LOCATION, location)]).into_response()
}

/// Uses a code up, if everything that it is bound to fits.
fn redeem(world: &mut World, body: &[u8]) -> Option<Code> {
    let sent = fields(body);
    let value = |name: &str| {
        let found = sent.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let code = world.codes.remove(&value("code"))?;
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, value("code_verifier").as_bytes()));
    let fits = code.client == value("client_id")
        && value("client_secret") == CLIENT_SECRET
        && code.redirect_uri == value("redirect_uri")
        && code.challenge == challenge;
    fits.then_some(code)
}

async fn github_token(State(world): Shared, body: Bytes) -> Json<Value> {
    let mut world = world.lock().unwrap();
    let Some(code) = redeem(&mut world, &body) else {
        return Json(
            json!({"error": "bad_verification_code", "error_description": "The code is incorrect or expired."}),
        );
    };
    world.given += 1;
    let token = format!("gho_canary_{}", world.given);
    let scopes = code.scopes.replace(' ', ",");
    world.tokens.insert(token.clone(), (code.account, scopes.clone()));
    Json(json!({"access_token": token, "scope": scopes, "token_type": "bearer"}))
}

/// Whose token was sent.
fn bearer(world: &World, headers: &HeaderMap) -> Option<(Account, String)> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    world.tokens.get(text.strip_prefix("Bearer ")?).cloned()
}

fn is_hub(headers: &HeaderMap) -> bool {
    let text = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    text == Some(&format!("Bearer {HUB_TOKEN}"))
}

async fn user(State(world): Shared, headers: HeaderMap) -> Response {
    let world = world.lock().unwrap();
    match bearer(&world, &headers) {
        Some((account, _)) => {
            Json(json!({"id": account.id, "login": account.login, "name": null})).into_response()
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn member(State(world): Shared, Path(who): Path<(String, String)>, headers: HeaderMap) -> StatusCode {
    let world = world.lock().unwrap();
    match (is_hub(&headers), world.members.contains(&who)) {
        (false, _) => StatusCode::FOUND,
        (true, true) => StatusCode::NO_CONTENT,
        (true, false) => StatusCode::NOT_FOUND,
    }
}

async fn worthless(
    State(world): Shared,
    Path(client): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let proof = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{CLIENT}:{CLIENT_SECRET}"))
    );
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if client != CLIENT || sent != Some(&proof) {
        return StatusCode::UNAUTHORIZED;
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let token = body["access_token"].as_str().unwrap_or_default();
    match world.lock().unwrap().tokens.remove(token) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn permission(
    State(world): Shared,
    Path((owner, name, login)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let world = world.lock().unwrap();
    if !is_hub(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match world.permissions.get(&(format!("{owner}/{name}"), login.clone())) {
        Some((id, permission)) => {
            let user = json!({"id": id, "login": login});
            Json(json!({"permission": permission, "role_name": permission, "user": user})).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The same, whatever the repository is called now.
async fn permission_by_number(
    State(world): Shared,
    Path((number, login)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let name = world.lock().unwrap().numbers.get(&number).cloned();
    match name {
        Some(name) => {
            let (owner, name) = name.split_once('/').unwrap();
            let path = Path((owner.to_owned(), name.to_owned(), login));
            permission(State(world), path, headers).await
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn discovery(State(world): Shared) -> Json<Value> {
    let issuer = world.lock().unwrap().issuer.clone();
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    }))
}

async fn keys(State(world): Shared) -> Json<Value> {
    let world = world.lock().unwrap();
    let point = world.key.public_key().as_ref().to_vec();
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256",
        "x": part(&point[1..33]), "y": part(&point[33..])});
    Json(json!({ "keys": [key] }))
}

async fn oidc_token(State(world): Shared, body: Bytes) -> Response {
    let mut world = world.lock().unwrap();
    let Some(code) = redeem(&mut world, &body) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let now = SystemClock.now().as_micros() / 1_000_000;
    let mut claims = json!({
        "iss": world.issuer, "aud": CLIENT, "sub": format!("subject-{}", code.account.id), "iat": now, "exp": now + 300,
        "nonce": code.nonce, "email": code.account.email, "email_verified": code.account.is_verified,
        "preferred_username": code.account.login,
    });
    for (claim, value) in std::mem::take(&mut world.lies) {
        claims[claim] = value;
    }
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "ES256", "kid": "k"})), part(&claims));
    let signature = world.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()));
    Json(json!({"access_token": "unused", "token_type": "Bearer", "id_token": token})).into_response()
}
