//! The extension protocol against the framework that add-ons are written with: an unmodified `atlassian-connect-express` is
//! installed by a running hub, is called, calls back, is rotated, disabled and uninstalled, at the root of its address and below a
//! path.

mod add_on;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sdm::access::snapshot::Right;
use sdm::access::{Level, PersonId, ScopeSet, Selector};
use sdm::hub::administration::Administration;
use sdm::hub::extensions::life::Answer;
use sdm::hub::extensions::{ExtensionOptions, Extensions, OutsideRules};
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::safe::Safe;
use sdm::hub::{HubOptions, Rhythm, RunningHub, start};
use sdm::ports::hub::extensions::{ExtensionStore as _, StoredExtension};
use sdm::secrets::envelope::{MasterKey, MasterKeys, Row};
use sdm::store::hub::Place;
use sdm::wire::connect::canonical::CanonicalInput;
use sdm::wire::connect::{Call, Event, InstallKey, SecurityContext, SharedSecret, sign_call, sign_install};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use add_on::AddOn;

/// Key of the add-on, as its descriptor says it.
const KEY: &str = "com.example.add-on";

/// The secret of webhooks of the forge.
const FORGE: &[u8] = b"a secret of the forge";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds since 1970: the framework has a clock of its own that no test can step.
fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a real counterpart has the real time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A hub and an add-on that know of each other's address, and whoever operates the hub.
struct Pair {
    hub: RunningHub,
    add_on: AddOn,
    operator: Extensions,
    safe: Safe,
    client: reqwest::Client,
    _directory: crate::support::remains::Remains,
}

fn extension_options() -> ExtensionOptions {
    ExtensionOptions {
        rules: OutsideRules {
            development: true,
            ..OutsideRules::default()
        },
        product_type: "jira".to_owned(),
        ..ExtensionOptions::default()
    }
}

impl Pair {
    async fn start(base: &str) -> Option<Self> {
        let directory = crate::support::remains::directory();
        let master = MasterKey::parse(&MasterKey::fresh_text().unwrap()).unwrap();
        let keys = std::sync::Arc::new(MasterKeys::new(master, Vec::new()));
        let place = Place::File(directory.path().join("hub.db"));
        let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
        options.rhythm = Rhythm {
            look: Duration::from_millis(20),
            tidy: Duration::from_millis(50),
            ..Rhythm::default()
        };
        options.webhooks = WebhookSecrets::for_all(FORGE);
        options.master_keys = Some(keys.clone());
        options.extensions = extension_options();
        let hub = start(options).await.unwrap();
        let keys_url = format!("http://{}/connect/install-keys", hub.address);
        let add_on = AddOn::start(base, &keys_url).await?;
        let administration = Administration::of(hub.memory());
        Some(Self {
            operator: administration
                .extensions(Some(keys.clone()), extension_options())
                .unwrap(),
            safe: administration.safe(Some(keys)),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            hub,
            add_on,
            _directory: directory,
        })
    }

    /// Waits until something holds.
    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            let shown = self.operator.shown(KEY).await;
            assert!(begun.elapsed() < PATIENCE, "{what}: never; {shown:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn extension(&self) -> StoredExtension {
        self.hub.memory().extension(KEY).await.unwrap().unwrap()
    }

    /// The secret that the hub signs with, out of its safe.
    async fn secret(&self) -> SharedSecret {
        let current = self.extension().await.current;
        let row = Row {
            id: &current,
            owner: "addon:com.example.add-on",
            kind: "shared_secret",
        };
        let bytes = self.safe.take_out(row).await.unwrap().unwrap();
        let text = String::from_utf8(bytes.expose_secret().to_vec()).unwrap();
        SharedSecret::from_text(text.into()).unwrap()
    }

    /// The key that the hub signs installs with.
    async fn install_key(&self) -> InstallKey {
        let id = self.hub.memory().install_keys().await.unwrap().pop().unwrap().id;
        let row = Row {
            id: &id,
            owner: "hub",
            kind: "install_key",
        };
        let bytes = self.safe.take_out(row).await.unwrap().unwrap();
        InstallKey::from_bytes(id.clone(), &bytes).unwrap()
    }

    async fn client_key(&self) -> String {
        self.operator.client_key().await.unwrap()
    }

    fn request<'a>(&'a self, method: &'a str, target: &'a str) -> CanonicalInput<'a> {
        CanonicalInput {
            method,
            target,
            base: Some(&self.add_on.base_url),
            form: None,
        }
    }

    async fn post(&self, target: &str, token: Option<String>, body: &Value) -> u16 {
        let url = format!("{}{target}", self.add_on.origin);
        let mut request = with_json(self.client.post(url), body);
        if let Some(token) = token {
            request = request.header("Authorization", format!("JWT {token}"));
        }
        request.send().await.unwrap().status().as_u16()
    }

    /// A call as the hub would sign it: status and answer.
    async fn call(&self, target: &str, secret: &SharedSecret) -> (u16, Value) {
        let target = format!("{}{target}", self.add_on.base);
        let client_key = self.client_key().await;
        let call = Call {
            request: self.request("GET", &target),
            issuer: &client_key,
            subject: Some("person-1"),
            now: now(),
        };
        let token = sign_call(&call, secret).unwrap();
        let url = format!("{}{target}", self.add_on.origin);
        let request = self
            .client
            .get(url)
            .header("Authorization", format!("JWT {token}"));
        let answer = request.header("Accept", "application/json").send().await.unwrap();
        (answer.status().as_u16(), read_json(answer).await)
    }

    /// What the add-on was told, of its life and of the world.
    async fn seen(&self) -> Vec<String> {
        let (_, who) = self.call("/who", &self.secret().await).await;
        serde_json::from_value(who["seen"].clone()).unwrap_or_default()
    }

    /// Lets the add-on call the hub; what comes back is what the hub answered it.
    async fn call_back(&self, order: &Value) -> Value {
        let target = format!("{}/call-back", self.add_on.base);
        let (client_key, secret) = (self.client_key().await, self.secret().await);
        let call = Call {
            request: self.request("POST", &target),
            issuer: &client_key,
            subject: None,
            now: now(),
        };
        let token = sign_call(&call, &secret).unwrap();
        let url = format!("{}{target}", self.add_on.origin);
        let request = with_json(self.client.post(url), order).header("Authorization", format!("JWT {token}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        read_json(answer).await
    }

    /// Registers it, agrees to a part of what it asks for, and waits until it is at work.
    async fn install(&self) {
        let descriptor = format!("{}/atlassian-connect.json", self.add_on.base_url);
        let shown = self
            .operator
            .register(&descriptor, &["w".to_owned()])
            .await
            .unwrap();
        assert_eq!(shown.key, KEY);
        let answer = Answer {
            by: PersonId::operator(),
            shown: shown.digest,
            scopes: Some(ScopeSet::parse(["events:read", "graph:read", "repo:meta"]).unwrap()),
            ticked: ScopeSet::EMPTY,
        };
        self.operator.approve(KEY, &answer).await.unwrap();
        let everywhere = [(Selector::parse("repo:acme/*").unwrap(), Right::Allow(Level::Read))];
        self.operator
            .grant(KEY, &everywhere, &PersonId::operator())
            .await
            .unwrap();
        self.until("it is installed", async || {
            !self.extension().await.current.is_empty()
        })
        .await;
        self.until("it is at work", async || {
            self.seen().await.contains(&"enabled".to_owned())
        })
        .await;
    }

    /// Tells the hub of a push, as the forge would.
    async fn push(&self) {
        let body = super::hub::events::push("a", "b").to_string();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, FORGE);
        let signature = hex::encode(aws_lc_rs::hmac::sign(&key, body.as_bytes()));
        let request = self
            .client
            .post(format!("http://{}/webhooks/github/w", self.hub.address))
            .header("x-github-event", "push")
            .header("x-github-delivery", "d-1")
            .header("x-hub-signature-256", format!("sha256={signature}"));
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }
}

fn with_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

async fn read_json(answer: reqwest::Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
}

async fn whole_life(base: &str) {
    let Some(pair) = Pair::start(base).await else {
        return;
    };
    pair.install().await;
    let first = pair.secret().await;
    let (status, who) = pair.call("/who?b=2&a=q+r&b=1&c=%2F%2C*~", &first).await;
    assert_eq!(
        (status, &who["clientKey"], &who["user"]),
        (200, &json!(pair.client_key().await), &json!("person-1"))
    );

    let question =
        |text: &str| json!({"method": "post", "uri": "/graphql/team/w?x=1", "json": {"query": text}});
    for order in [
        json!({"method": "get", "uri": "/self?repo=acme%2Fapi&state=success"}),
        json!({"method": "get", "uri": "/self?a-b=1&a/b=2&c=*&c=!&d=q%20r&e="}),
        question("{ Repo { name } }"),
    ] {
        let answer = pair.call_back(&order).await;
        assert_eq!(answer["status"], 200, "{order} {answer}");
    }
    let refused = pair
        .call_back(&json!({"method": "get", "uri": "/admin/extensions"}))
        .await;
    assert_eq!(refused["status"], 403, "{refused}");

    pair.push().await;
    pair.until("it hears of the push", async || {
        pair.seen().await.contains(&"push".to_owned())
    })
    .await;
    let repositories = pair.call_back(&question("{ Repo { name owner } }")).await;
    assert!(repositories.to_string().contains("acme"), "{repositories}");

    // A rotation: the add-on has the new secret alone, the hub still takes what was signed with the old one.
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("it has another secret", async || pair.secret().await != first)
        .await;
    let second = pair.secret().await;
    assert_eq!(pair.call("/who", &second).await.0, 200);
    assert_eq!(
        pair.call("/who", &first).await.0,
        400,
        "the framework cannot read it"
    );
    let again = json!({"method": "get", "uri": "/self?again=1"});
    assert_eq!(pair.call_back(&again).await["status"], 200);

    pair.operator.disable(KEY).await.unwrap();
    pair.until("it is told that it is off", async || {
        pair.seen().await.contains(&"disabled".to_owned())
    })
    .await;
    let off = pair.call_back(&question("{ Push { id } }")).await;
    assert_eq!(off["status"], 403, "{off}");
    pair.operator.uninstall(KEY).await.unwrap();
    pair.until("it is gone", async || pair.extension().await.installed.is_empty())
        .await;
    assert_eq!(pair.extension().await.trouble, "", "it was told");
    assert_eq!(
        pair.call("/who", &second).await.0,
        401,
        "it has forgotten the tenant"
    );
    pair.hub.stop().await;
}

#[tokio::test]
async fn an_add_on_on_the_official_framework_lives_its_whole_life_at_the_root() {
    whole_life("").await;
}

#[tokio::test]
async fn an_add_on_on_the_official_framework_lives_its_whole_life_below_a_path() {
    whole_life("/some/add-on").await;
}

#[tokio::test]
async fn f3_the_framework_takes_no_install_that_the_hub_did_not_sign_for_it() {
    let Some(pair) = Pair::start("/add-on").await else {
        return;
    };
    pair.operator.renew_install_key().await.unwrap();
    let (key, client_key) = (pair.install_key().await, pair.client_key().await);
    let secret = SharedSecret::fresh().unwrap();
    let context = SecurityContext {
        key: KEY,
        client_key: &client_key,
        oauth_client_id: "oauth-1",
        base_url: "http://127.0.0.1:1",
        display_url: None,
        product_type: "jira",
        description: "a hub that it is not",
    };
    let body = context.body(Event::Installed, Some(&secret));
    let target = "/add-on/installed";
    assert_eq!(pair.post(target, None, &body).await, 401);
    let call = Call {
        request: pair.request("POST", target),
        issuer: &client_key,
        subject: None,
        now: now(),
    };
    let symmetric = sign_call(&call, &secret).unwrap();
    assert_eq!(
        pair.post(target, Some(symmetric), &body).await,
        401,
        "signed with the secret it brings along"
    );
    let stranger = InstallKey::fresh(key.id()).unwrap();
    let forged = sign_install(&call, &stranger).unwrap();
    assert!(
        pair.post(target, Some(forged), &body).await >= 400,
        "another key under the same id"
    );
    let unpublished = InstallKey::fresh("unpublished").unwrap();
    let unknown = sign_install(&call, &unpublished).unwrap();
    assert!(
        pair.post(target, Some(unknown), &body).await >= 400,
        "a key that nobody publishes"
    );
    let elsewhere = Call {
        issuer: "hub-other",
        ..call
    };
    let other = sign_install(&elsewhere, &key).unwrap();
    assert_eq!(
        pair.post(target, Some(other), &body).await,
        401,
        "a token of another tenant"
    );
    assert_eq!(pair.call("/who", &secret).await.0, 401, "nothing was installed");
}
