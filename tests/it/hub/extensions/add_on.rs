//! A whole add-on of the tests' own: it serves a descriptor, keeps what it is told, and signs calls by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use sdm::wire::connect::canonical::CanonicalInput;
use sdm::wire::connect::{Arrived, Call, PublicInstallKey, SharedSecret, sign_call, verify_install};
use serde_json::{Value, json};

/// Key of the add-on.
pub const KEY: &str = "com.example.tests";

/// Something that the add-on was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub path: String,
    pub authorization: String,
    pub body: Value,
}

#[derive(Default)]
struct Kept {
    descriptor: Value,
    told: Vec<Told>,
    /// Paths that are answered with another status than 204, and how often.
    refusals: Vec<(String, u16, usize)>,
    /// Paths whose calls are held up until somebody opens them.
    gates: Vec<(String, Arc<Gate>)>,
}

/// Holds up calls of a path.
#[derive(Default)]
pub struct Gate {
    opened: tokio::sync::Notify,
    held: AtomicUsize,
}

impl Gate {
    /// How many calls have come to it.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// Lets one call go on.
    pub fn open(&self) {
        self.opened.notify_one();
    }
}

/// The add-on; it ends with the test's runtime.
#[derive(Clone)]
pub struct AddOn {
    pub address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    http: reqwest::Client,
}

/// Seconds since 1970.
pub fn seconds() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the hub of the test has the real time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

impl AddOn {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&kept));
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let add_on = Self {
            address,
            kept,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        add_on.describe(&json!({"scopes": ["READ", "ACT_AS_USER"]}));
        add_on
    }

    /// Its base address.
    pub fn base(&self) -> String {
        format!("http://{}/app", self.address)
    }

    /// Where its descriptor is.
    pub fn descriptor_url(&self) -> String {
        format!("{}/descriptor.json", self.base())
    }

    /// Says other things of itself.
    pub fn describe(&self, more: &Value) {
        let mut descriptor = json!({
            "key": KEY, "name": "Tests <b>", "baseUrl": self.base(), "authentication": {"type": "jwt"},
            "lifecycle": {"installed": "/installed", "enabled": "/enabled", "disabled": "/disabled", "uninstalled": "/uninstalled"},
            "modules": {"webhooks": [{"event": "push", "url": "/hook"}]},
        });
        descriptor
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.kept.lock().unwrap().descriptor = descriptor;
    }

    /// Answers the next calls of a path with this status.
    pub fn refuse(&self, path: &str, status: u16, times: usize) {
        self.kept
            .lock()
            .unwrap()
            .refusals
            .push((path.to_owned(), status, times));
    }

    /// Holds up the next calls of a path, each until the gate is opened for it.
    pub fn hold(&self, path: &str) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        let mut kept = self.kept.lock().unwrap();
        kept.gates.push((path.to_owned(), Arc::clone(&gate)));
        gate
    }

    /// Holds up nothing any more.
    pub fn hold_nothing(&self) {
        self.kept.lock().unwrap().gates.clear();
    }

    /// Everything it was told at a path.
    pub fn told(&self, path: &str) -> Vec<Told> {
        let kept = self.kept.lock().unwrap();
        kept.told
            .iter()
            .filter(|told| told.path == path)
            .cloned()
            .collect()
    }

    /// All paths at which it was told something, in order.
    pub fn paths(&self) -> Vec<String> {
        self.kept
            .lock()
            .unwrap()
            .told
            .iter()
            .map(|told| told.path.clone())
            .collect()
    }

    /// The security context that it was given last.
    pub fn context(&self) -> Value {
        let context = self.told("/app/installed").last().unwrap().body.clone();
        crate::support::remains::is_secret(context["sharedSecret"].as_str().unwrap_or_default());
        context
    }

    /// The secret that it was given last.
    pub fn secret(&self) -> SharedSecret {
        let text = self.context()["sharedSecret"].as_str().unwrap().to_owned();
        SharedSecret::from_text(text.into()).unwrap()
    }

    /// Checks the last install as frameworks do, with the key that the hub publishes.
    pub async fn check_install(&self, hub: &str) {
        let told = self.told("/app/installed").pop().unwrap();
        let token = told.authorization.strip_prefix("JWT ").unwrap().to_owned();
        let header = token.split('.').next().unwrap();
        let header = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let url = format!("{hub}/connect/install-keys/{}", header["kid"].as_str().unwrap());
        let pem = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let key = PublicInstallKey::parse(&pem).unwrap();
        let base = self.base();
        let arrived = Arrived {
            token: &token,
            request: CanonicalInput {
                method: "POST",
                target: "/app/installed",
                base: Some(&base),
                form: None,
            },
            now: seconds(),
        };
        let tenant = told.body["clientKey"].as_str().unwrap();
        verify_install(&arrived, tenant, |_| Some(key)).unwrap();
    }

    /// A token for a call of the hub, signed with a secret.
    pub fn token(&self, secret: &SharedSecret, method: &str, target: &str) -> String {
        let call = Call {
            request: CanonicalInput {
                method,
                target,
                base: None,
                form: None,
            },
            issuer: KEY,
            subject: None,
            now: seconds(),
        };
        sign_call(&call, secret).unwrap()
    }

    /// Calls the hub with this authorization: status and answer.
    pub async fn call(
        &self,
        url: &str,
        authorization: &str,
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = match body {
            Some(body) => self
                .http
                .post(url)
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => self.http.get(url),
        };
        request = request.header("authorization", authorization);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Posts a form to the hub: status and answer.
    pub async fn form(&self, url: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let encode = |text: &str| {
            text.bytes()
                .map(|byte| format!("%{byte:02X}"))
                .collect::<String>()
        };
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(fields.join("&")).send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

async fn answer(State(kept): State<Arc<Mutex<Kept>>>, request: Request) -> (StatusCode, String) {
    let path = request.uri().path().to_owned();
    let gate = {
        let kept = kept.lock().unwrap();
        let mut gates = kept.gates.iter();
        gates
            .find(|(held, _)| *held == path)
            .map(|(_, gate)| Arc::clone(gate))
    };
    if let Some(gate) = gate {
        gate.held.fetch_add(1, Ordering::SeqCst);
        gate.opened.notified().await;
    }
    if path.ends_with("/descriptor.json") {
        return (StatusCode::OK, kept.lock().unwrap().descriptor.to_string());
    }
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let bytes = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mut kept = kept.lock().unwrap();
    kept.told.push(Told {
        path: path.clone(),
        authorization,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    });
    let refusal = kept
        .refusals
        .iter_mut()
        .find(|(of, _, times)| *of == path && *times > 0);
    match refusal {
        Some((_, status, times)) => {
            *times -= 1;
            (StatusCode::from_u16(*status).unwrap(), "no".to_owned())
        }
        None => (StatusCode::NO_CONTENT, String::new()),
    }
}
