//! Extensions at a running hub: a whole add-on of the tests' own is installed, told, called back by, and removed.

pub mod add_on;
mod calls;
mod canary;
mod chats;
mod consents;
mod contexts;
mod ends;
mod installs;
mod messages;
mod program;
pub mod stored;
mod terms;
mod tokens;
mod webhooks;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sdm::access::snapshot::{AddonState, Right};
use sdm::access::{Level, PersonId, ScopeSet, Selector};
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::extensions::life::{Answer, Shown};
use sdm::hub::extensions::{ExtensionOptions, Extensions, OutsideRules};
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::{HubOptions, RunningHub, start};
use sdm::secrets::envelope::{MasterKey, MasterKeys};
use sdm::store::hub::Place;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::machine::{PATIENCE, SECRET, quick, signature, wish};
use add_on::{AddOn, KEY};

/// Questions that were asked.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// A hub with a safe, and an add-on beside it.
pub struct Pair {
    pub hub: RunningHub,
    pub add_on: AddOn,
    pub operator: Extensions,
    pub directory: crate::support::remains::Remains,
}

pub fn extension_options(grace: Duration) -> ExtensionOptions {
    ExtensionOptions {
        rules: OutsideRules {
            development: true,
            ..OutsideRules::default()
        },
        grace,
        again: Duration::from_millis(20),
        ..ExtensionOptions::default()
    }
}

pub fn keys(master: &SecretString) -> Arc<MasterKeys> {
    Arc::new(MasterKeys::new(MasterKey::parse(master).unwrap(), Vec::new()))
}

fn options(directory: &Path, master: &SecretString, grace: Duration) -> HubOptions {
    let place = Place::File(directory.join("hub.db"));
    let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.webhooks = WebhookSecrets::for_all(SECRET);
    options.audit = Some(directory.join("audit.jsonl"));
    options.master_keys = Some(keys(master));
    options.extensions = extension_options(grace);
    options
}

impl Pair {
    pub async fn start() -> Self {
        Self::with_grace(Duration::from_secs(600)).await
    }

    pub async fn with_grace(grace: Duration) -> Self {
        let directory = crate::support::remains::directory();
        let master = MasterKey::fresh_text().unwrap();
        let hub = start(options(directory.path(), &master, grace)).await.unwrap();
        let operator = Administration::of(hub.memory())
            .extensions(Some(keys(&master)), extension_options(grace))
            .unwrap();
        Self {
            hub,
            add_on: AddOn::start().await,
            operator,
            directory,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.hub.address)
    }

    pub async fn shown(&self) -> Shown {
        self.operator.shown(KEY).await.unwrap()
    }

    pub async fn register(&self) -> Shown {
        let workspaces = ["w".to_owned()];
        self.operator
            .register(&self.add_on.descriptor_url(), &workspaces)
            .await
            .unwrap()
    }

    /// Agrees to scopes of what is shown now, all ticked.
    pub async fn agree(&self, scopes: &str) {
        let scopes = ScopeSet::parse(scopes.split_whitespace()).unwrap();
        let answer = Answer {
            by: PersonId::operator(),
            shown: self.shown().await.digest,
            scopes: Some(scopes),
            ticked: scopes,
        };
        self.operator.approve(KEY, &answer).await.unwrap();
    }

    /// Registers it, agrees, grants, and waits until it has taken its secret and was told that it is at work.
    pub async fn install(&self, scopes: &str, places: &[&str]) {
        let before = self.add_on.told("/app/enabled").len();
        self.register().await;
        self.agree(scopes).await;
        let grants: Vec<(Selector, Right)> = places
            .iter()
            .map(|place| (Selector::parse(place).unwrap(), Right::Allow(Level::Write)))
            .collect();
        self.operator
            .grant(KEY, &grants, &PersonId::operator())
            .await
            .unwrap();
        self.until("the add-on is at work", async || {
            self.add_on.told("/app/enabled").len() > before
        })
        .await;
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let begun = std::time::Instant::now();
        while !holds().await {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: never; {:?}",
                self.shown().await
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A call of the add-on with its present secret.
    pub async fn get(&self, target: &str) -> (u16, Value) {
        let token = self.add_on.token(&self.add_on.secret(), "GET", target);
        self.add_on
            .call(&self.url(target), &format!("JWT {token}"), &[], None)
            .await
    }

    /// A question of the add-on to the graph of its workspace.
    pub async fn ask(&self, query: &str) -> (u16, Value) {
        let target = "/graphql/team/w";
        let token = self.add_on.token(&self.add_on.secret(), "POST", target);
        // Two equal calls of one second would be one call.
        let number = ASKED.fetch_add(1, Ordering::SeqCst);
        let body = json!({ "query": format!("{query} # {number}") });
        self.add_on
            .call(&self.url(target), &format!("JWT {token}"), &[], Some(&body))
            .await
    }

    /// Tells the hub of a push, as the forge would.
    pub async fn push(&self, id: &str, payload: &Value) {
        let body = payload.to_string();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http
            .post(self.url("/webhooks/github/w"))
            .header("x-github-event", "push")
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", signature(&body))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }

    /// A key for a person of workspace `w`.
    pub async fn person(&self, name: &str) -> String {
        let wish = KeyWish {
            name: name.to_owned(),
            is_person: true,
            ..wish(&[])
        };
        let administration = Administration::of(self.hub.memory());
        administration.new_key(&wish).await.unwrap().1
    }

    /// Lines of the audit log.
    pub fn audit(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap()
    }
}

#[tokio::test]
async fn an_extension_waits_for_an_administrator_who_may_agree_to_less() {
    let pair = Pair::start().await;
    pair.add_on.describe(&json!({"scopes": ["WRITE", "ACT_AS_USER"]}));
    let shown = pair.register().await;
    assert_eq!((shown.state, shown.waits), (AddonState::Pending, true));
    assert!(
        shown
            .scopes
            .never
            .iter()
            .any(|scope| scope.name() == "repo:write")
    );
    assert!(
        pair.add_on.paths().is_empty(),
        "nothing goes out before anybody agreed"
    );
    pair.agree("graph:read events:read").await;
    pair.until("it is at work", async || {
        !pair.add_on.told("/app/enabled").is_empty()
    })
    .await;
    assert_eq!(pair.add_on.paths(), ["/app/installed", "/app/enabled"]);
    pair.add_on.check_install(&pair.url("")).await;
    let context = pair.add_on.context();
    assert_eq!(context["baseUrl"], pair.url(""));
    assert_eq!(context["productType"], "hub");
    let (status, own) = pair.get("/self").await;
    assert_eq!(status, 200, "{own}");
    assert_eq!(own["approved"], json!(["events:read", "graph:read"]));
    assert_eq!(own["state"], "active");
}
