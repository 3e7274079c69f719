//! As much of a hub as an add-on meets: its install keys, and a place that answers signed calls.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::routing::{any, get};
use sdm::wire::connect::canonical::CanonicalInput;
use sdm::wire::connect::verify::Expected;
use sdm::wire::connect::{
    Arrived, Found, InstallKey, RouteClass, Secrets, SecurityContext, SharedSecret, find_credential,
    verify_call,
};

/// The tenant.
pub const CLIENT_KEY: &str = "hub-3f1c0a52";

/// Key of the add-on.
const ADD_ON: &str = "com.example.add-on";

/// A small hub below `/hub`.
pub struct Hub {
    pub install_key: Arc<InstallKey>,
    base_url: String,
    secrets: Arc<Mutex<Secrets>>,
}

#[derive(Clone)]
struct Served {
    install_key: Arc<InstallKey>,
    secrets: Arc<Mutex<Secrets>>,
    base_url: String,
}

/// Seconds since 1970: the framework has a clock of its own that no test can step.
pub fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a real counterpart has the real time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

impl Hub {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let base_url = format!("http://{}/hub", listener.local_addr().unwrap());
        let install_key = Arc::new(InstallKey::fresh("install-key-1").unwrap());
        let secrets = Arc::new(Mutex::new(Secrets::Destroyed));
        let served = Served {
            install_key: install_key.clone(),
            secrets: secrets.clone(),
            base_url: base_url.clone(),
        };
        let router = Router::new()
            .route("/hub/connect/install-keys/{id}", get(install_key_of))
            .route("/hub/rest/{*path}", any(answer))
            .with_state(served);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            install_key,
            base_url,
            secrets,
        }
    }

    pub fn keys_url(&self) -> String {
        format!("{}/connect/install-keys", self.base_url)
    }

    pub fn context(&self) -> SecurityContext<'_> {
        SecurityContext {
            key: ADD_ON,
            client_key: CLIENT_KEY,
            oauth_client_id: "oauth-1",
            base_url: &self.base_url,
            display_url: None,
            product_type: "jira",
            description: "the hub of a test",
        }
    }

    pub fn change(&self, change: impl FnOnce(Secrets) -> Secrets) {
        let mut secrets = self.secrets.lock().unwrap();
        *secrets = change(std::mem::replace(&mut *secrets, Secrets::Destroyed));
    }

    pub fn signing(&self) -> SharedSecret {
        self.secrets.lock().unwrap().signing().unwrap().clone()
    }

    /// Whether a call that is signed with this secret would be taken now.
    pub fn takes(&self, secret: &SharedSecret) -> bool {
        let found = self.secrets.lock().unwrap().verifying(now());
        found.is_some_and(|found| found.current == *secret || found.previous.as_ref() == Some(secret))
    }
}

async fn install_key_of(State(served): State<Served>, Path(id): Path<String>) -> (StatusCode, String) {
    if id == served.install_key.id() {
        (StatusCode::OK, served.install_key.public_pem().unwrap())
    } else {
        (StatusCode::NOT_FOUND, String::new())
    }
}

/// Answers with the code of what is wrong with a call.
async fn answer(State(served): State<Served>, request: Request) -> (StatusCode, &'static str) {
    let target = request.uri().path_and_query().unwrap().as_str().to_owned();
    let headers = request.headers().get_all("authorization");
    let headers: Vec<&str> = headers.iter().map(|value| value.to_str().unwrap()).collect();
    let input = CanonicalInput {
        method: request.method().as_str(),
        target: &target,
        base: Some(&served.base_url),
        form: None,
    };
    let Found::Signed(token) = find_credential(&input, &headers) else {
        return (StatusCode::UNAUTHORIZED, "no token");
    };
    let arrived = Arrived {
        token: &token,
        request: input,
        now: now(),
    };
    let expected = Expected {
        class: RouteClass::Api,
        receiver: CLIENT_KEY,
        is_strict: true,
    };
    let secrets = served.secrets.lock().unwrap().verifying(now());
    match verify_call(&arrived, &expected, |issuer| secrets.filter(|_| issuer == ADD_ON)) {
        Ok(_) => (StatusCode::OK, "welcome"),
        Err(error) => (StatusCode::UNAUTHORIZED, error.code()),
    }
}
