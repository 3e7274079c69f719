//! A GitHub as far as people go, and a provider of OpenID Connect, in memory and over real http: people sign in there, codes count
//! once and are bound to their client, their address and their challenge, and tokens say what was granted. As a GitHub App its tokens
//! end, are renewed once, and are narrowed to a repository. As an issuer it gives jobs tokens, and changes its keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
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

use super::fake_hook::FakeHook;

/// Who the hub is there.
pub const CLIENT: &str = "hub-client";
/// What proves it.
pub const CLIENT_SECRET: &str = "canary-of-the-client";
/// Seconds that tokens of a GitHub App live here: so few that the hub renews each before it is used.
pub const APP_TOKENS_LIVE: u64 = 30;
/// The hub's own token.
pub const HUB_TOKEN: &str = "canary-of-the-hub";

/// A running one; gone when dropped.
pub struct FakeProvider {
    pub address: String,
    /// The webhook of the app.
    pub hook: FakeHook,
    /// The webhook of a repository.
    pub repository_hook: FakeHook,
    /// The webhook of an organisation.
    pub organisation_hook: FakeHook,
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

/// A pull request that somebody opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub repository: String,
    pub branch: String,
    pub title: String,
    pub body: String,
    pub by: String,
    pub labels: Vec<String>,
}

/// What signs tokens.
enum Signing {
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signing {
    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Elliptic(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Elliptic(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    fn published(&self, id: &str) -> Value {
        let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Elliptic(key) => {
                let point = key.public_key().as_ref().to_vec();
                json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256",
                    "x": part(&point[1..33]), "y": part(&point[33..])})
            }
            Self::Rsa(key) => {
                let der = key.public_key().as_ref().to_vec();
                // A sequence of two integers, the first of 256 bytes and a zero, the second of three.
                let (n, e) = (&der[der.len() - 5 - 256..der.len() - 5], &der[der.len() - 3..]);
                json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": part(n), "e": part(e)})
            }
        }
    }
}

struct World {
    issuer: String,
    /// Keys that are published, by their ids; the last one signs.
    keys: Vec<(String, Signing)>,
    /// How often keys were asked for.
    asked: usize,
    /// Whether it answers at all as an issuer.
    is_silent: bool,
    /// What tokens of people are renewed by, with whose they are and the token.
    renewals: BTreeMap<String, (Account, String)>,
    /// Repositories of tokens that were narrowed.
    narrowed: BTreeMap<String, Vec<u64>>,
    opened: Vec<Opened>,
    is_app: bool,
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
            keys: vec![("k".to_owned(), elliptic())],
            asked: 0,
            is_silent: false,
            renewals: BTreeMap::new(),
            narrowed: BTreeMap::new(),
            opened: Vec::new(),
            is_app: false,
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
            .route("/api/v3/applications/{client}/token/scoped", post(scoped))
            .route("/api/v3/applications/{client}/grant", delete(given_up))
            .route(
                "/api/v3/repos/{owner}/{name}/pulls",
                get(pull_requests).post(open_pull_request),
            )
            .route("/api/v3/repos/{owner}/{name}/issues/{number}/labels", post(label))
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
        let hook = FakeHook::of(CLIENT);
        let repository_hook = FakeHook::at("/api/v3/repos/acme/app/hooks/12", "canary-of-a-repository");
        let organisation_hook = FakeHook::at("/api/v3/orgs/acme/hooks/34", "canary-of-an-organisation");
        let router = router
            .merge(hook.routes())
            .merge(repository_hook.routes())
            .merge(organisation_hook.routes());
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
            hook,
            repository_hook,
            organisation_hook,
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
                also_called: Box::new(["git.example.org:8080".to_owned()]),
                is_app: false,
                app_key: None,
                api: format!("{}/api/v3/", self.address).parse().unwrap(),
                token: Some(HUB_TOKEN.into()),
                organisations: vec!["acme".to_owned()],
            }),
        )
    }

    /// The same as a GitHub App.
    pub fn github_app(&self) -> ProviderSettings {
        self.world().is_app = true;
        let mut settings = self.github();
        if let ProviderKind::GitHub(github) = &mut settings.kind {
            github.is_app = true;
        }
        settings
    }

    /// The same, where the hub has the key of the app.
    pub fn github_app_with_key(&self) -> ProviderSettings {
        let mut settings = self.github_app();
        if let ProviderKind::GitHub(github) = &mut settings.kind {
            github.app_key = Some(self.hook.key());
        }
        settings
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

    /// The repository of a number is called so from now on; one that is called nothing is gone.
    pub fn numbers(&self, number: u64, repository: Option<&str>) {
        let numbers = &mut self.world().numbers;
        match repository {
            Some(name) => numbers.insert(number.to_string(), name.to_owned()),
            None => numbers.remove(&number.to_string()),
        };
    }

    /// The next token says this instead of what it should.
    pub fn lies(&self, claim: &str, value: Value) {
        self.world().lies.push((claim.to_owned(), value));
    }

    /// These scopes are granted, whatever is asked for.
    pub fn grants(&self, scopes: Option<&str>) {
        self.world().grants = scopes.map(str::to_owned);
    }

    /// A key of this id signs from now on; those before it stay published unless they are withdrawn.
    pub fn signs_by(&self, id: &str, is_rsa: bool, withdraws: bool) {
        let key = match is_rsa {
            true => Signing::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            false => elliptic(),
        };
        let mut world = self.world();
        if withdraws {
            world.keys.clear();
        }
        world.keys.push((id.to_owned(), key));
    }

    /// A token for a job with these claims, beside who issues it and its times.
    pub fn job(&self, claims: &Value) -> String {
        let world = self.world();
        let now = SystemClock.now().as_micros() / 1_000_000;
        let mut all = json!({"iss": world.issuer, "iat": now, "exp": now + 600});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        world.signed(&all)
    }

    /// How often its keys were asked for.
    pub fn asked(&self) -> usize {
        self.world().asked
    }

    /// It answers nothing about its keys any more, or again.
    pub fn is_silent(&self, is_silent: bool) {
        self.world().is_silent = is_silent;
    }

    /// Somebody revokes there what they granted, and the hub is not told.
    pub fn forgets_tokens(&self) {
        let mut world = self.world();
        world.tokens.clear();
        world.renewals.clear();
    }

    /// Nothing is renewed any more.
    pub fn forgets_renewals(&self) {
        self.world().renewals.clear();
    }

    /// Pull requests that were opened.
    pub fn opened(&self) -> Vec<Opened> {
        self.world().opened.clone()
    }

    /// Repositories that a token is narrowed to, and whose it is.
    pub fn narrowed(&self, token: &str) -> Option<(String, Vec<u64>)> {
        let world = self.world();
        let (account, _) = world.tokens.get(token)?;
        Some((account.login.clone(), world.narrowed.get(token)?.clone()))
    }

    /// Tokens that are worth something.
    pub fn tokens(&self) -> Vec<String> {
        self.world().tokens.keys().cloned().collect()
    }
}

fn elliptic() -> Signing {
    Signing::Elliptic(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

impl World {
    /// A token with these claims.
    fn signed(&self, claims: &Value) -> String {
        let (id, key) = self.keys.last().unwrap();
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": key.algorithm(), "kid": id});
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// A token of somebody, as GitHub answers it: an App's ends, and is renewed by something.
    fn given(&mut self, account: Account, scopes: &str) -> Value {
        self.given += 1;
        let number = self.given;
        if !self.is_app {
            let token = format!("gho_canary_{number}");
            self.tokens.insert(token.clone(), (account, scopes.to_owned()));
            return json!({"access_token": token, "scope": scopes, "token_type": "bearer"});
        }
        let (token, renewal) = (format!("ghu_canary_{number}"), format!("ghr_canary_{number}"));
        self.tokens
            .insert(token.clone(), (account.clone(), String::new()));
        self.renewals.insert(renewal.clone(), (account, token.clone()));
        json!({
            "access_token": token, "scope": "", "token_type": "bearer", "expires_in": APP_TOKENS_LIVE,
            "refresh_token": renewal, "refresh_token_expires_in": 15_897_600,
        })
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
    let sent = fields(&body);
    let value = |name: &str| {
        let found = sent.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if value("grant_type") == "refresh_token" {
        let is_hub = value("client_id") == CLIENT && value("client_secret") == CLIENT_SECRET;
        let renewed = world.renewals.remove(&value("refresh_token")).filter(|_| is_hub);
        return Json(match renewed {
            Some((account, token)) => {
                world.tokens.remove(&token);
                world.given(account, "")
            }
            None => json!({"error": "bad_refresh_token", "error_description": "It is incorrect or expired."}),
        });
    }
    let Some(code) = redeem(&mut world, &body) else {
        return Json(
            json!({"error": "bad_verification_code", "error_description": "The code is incorrect or expired."}),
        );
    };
    let scopes = code.scopes.replace(' ', ",");
    Json(world.given(code.account, &scopes))
}

/// Whether the hub proves itself by its secret.
fn is_application(client: &str, headers: &HeaderMap) -> bool {
    let proof = BASE64_STANDARD.encode(format!("{CLIENT}:{CLIENT_SECRET}"));
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    client == CLIENT && sent == Some(&format!("Basic {proof}"))
}

/// A token for some repositories alone.
async fn scoped(
    State(world): Shared,
    Path(client): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().unwrap();
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let token = wanted["access_token"].as_str().unwrap_or_default();
    let (true, Some((account, _))) = (
        is_application(&client, &headers),
        world.tokens.get(token).cloned(),
    ) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let ids = wanted["repository_ids"].as_array().into_iter().flatten();
    let ids: Vec<u64> = ids.filter_map(Value::as_u64).collect();
    if !world.is_app || wanted["target"] != "acme" || ids.is_empty() {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    world.given += 1;
    let narrowed = format!("ghu_canary_{}", world.given);
    world.tokens.insert(narrowed.clone(), (account, String::new()));
    world.narrowed.insert(narrowed.clone(), ids);
    Json(json!({"token": narrowed, "expires_at": "2030-01-01T00:00:00Z"})).into_response()
}

/// Everything that somebody let the application do ends.
async fn given_up(
    State(world): Shared,
    Path(client): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut world = world.lock().unwrap();
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let token = wanted["access_token"].as_str().unwrap_or_default();
    let (true, Some((account, _))) = (
        is_application(&client, &headers),
        world.tokens.get(token).cloned(),
    ) else {
        return StatusCode::NOT_FOUND;
    };
    world.tokens.retain(|_, (own, _)| own.id != account.id);
    world.renewals.retain(|_, (own, _)| own.id != account.id);
    StatusCode::NO_CONTENT
}

async fn pull_requests(
    State(world): Shared,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let world = world.lock().unwrap();
    if bearer(&world, &headers).is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let own = world.opened.iter().enumerate();
    let own = own.filter(|(_, one)| one.repository == format!("{owner}/{name}"));
    let shown = own.map(|(at, one)| shown(at, one)).collect::<Vec<_>>();
    Json(shown).into_response()
}

fn shown(at: usize, one: &Opened) -> Value {
    json!({
        "number": at + 1, "html_url": format!("https://git.example.org/{}/pull/{}", one.repository, at + 1),
        "title": one.title, "body": one.body,
        "labels": one.labels.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "head": {"ref": one.branch, "user": {"login": "acme"}},
    })
}

/// Puts labels on a pull request.
async fn label(
    State(world): Shared,
    Path((_, _, number)): Path<(String, String, usize)>,
    body: Bytes,
) -> Response {
    let wanted: Value = serde_json::from_slice(&body).unwrap();
    let labels = wanted["labels"].as_array().unwrap().iter();
    let labels = labels.map(|label| label.as_str().unwrap().to_owned());
    world.lock().unwrap().opened[number - 1].labels.extend(labels);
    Json(json!([])).into_response()
}

/// Whoever may write to it opens one, and is who opened it.
async fn open_pull_request(
    State(world): Shared,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().unwrap();
    let Some((account, _)) = bearer(&world, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let repository = format!("{owner}/{name}");
    let key = (repository.clone(), account.login.clone());
    let level = world.permissions.get(&key).map(|(_, level)| level.as_str());
    if level.is_none_or(|level| level == "read") {
        return (
            StatusCode::FORBIDDEN,
            Json(json!({"message": "Resource not accessible"})),
        )
            .into_response();
    }
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |field: &str| wanted[field].as_str().unwrap_or_default().to_owned();
    world.opened.push(Opened {
        repository,
        branch: text("head"),
        title: text("title"),
        body: text("body"),
        by: account.login,
        labels: Vec::new(),
    });
    let at = world.opened.len() - 1;
    (StatusCode::CREATED, Json(shown(at, &world.opened[at]))).into_response()
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
    if !is_application(&client, &headers) {
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

async fn discovery(State(world): Shared) -> Response {
    let world = world.lock().unwrap();
    if world.is_silent {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let issuer = &world.issuer;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    }))
    .into_response()
}

async fn keys(State(world): Shared) -> Json<Value> {
    let mut world = world.lock().unwrap();
    world.asked += 1;
    let keys = world.keys.iter().map(|(id, key)| key.published(id));
    Json(json!({ "keys": keys.collect::<Vec<_>>() }))
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
    let token = world.signed(&claims);
    Json(json!({"access_token": "unused", "token_type": "Bearer", "id_token": token})).into_response()
}
