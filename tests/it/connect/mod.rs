//! The extension protocol against the framework that add-ons are written with: an unmodified `atlassian-connect-express`
//! installs, is called, calls back, is rotated, disabled and uninstalled, at the root of its address and below a path.

mod add_on;
mod hub;

use sdm::wire::connect::canonical::CanonicalInput;
use sdm::wire::connect::{Call, Event, InstallKey, Secrets, SharedSecret, sign_call, sign_install};
use serde_json::{Value, json};

use add_on::AddOn;
use hub::{CLIENT_KEY, Hub, now};

/// A hub and an add-on that know of each other's address, and what the hub keeps of the installation.
struct Pair {
    hub: Hub,
    add_on: AddOn,
    client: reqwest::Client,
}

impl Pair {
    async fn start(base: &str) -> Option<Self> {
        let hub = Hub::start().await;
        let add_on = AddOn::start(base, &hub.keys_url()).await?;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Self { hub, add_on, client })
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

    /// A hook of the installation's life, signed as it must be; what comes back is the add-on's answer.
    async fn tell(&self, event: Event, secret: &SharedSecret) -> u16 {
        let target = format!("{}/{}", self.add_on.base, event.word());
        let call = Call {
            request: self.request("POST", &target),
            issuer: CLIENT_KEY,
            subject: Some("person-1"),
            now: now(),
        };
        let token = if event.is_signed_by_install_key() {
            sign_install(&call, &self.hub.install_key).unwrap()
        } else {
            sign_call(&call, secret).unwrap()
        };
        self.post(&target, Some(token), &self.hub.context().body(event, secret))
            .await
    }

    /// Hands over a fresh secret, and takes it into use when the add-on has taken it.
    async fn install(&self) -> SharedSecret {
        let fresh = SharedSecret::fresh().unwrap();
        self.hub.change(|secrets| secrets.offer(fresh.clone()));
        assert_eq!(self.tell(Event::Installed, &fresh).await, 204);
        self.hub.change(|secrets| secrets.taken(now(), 600));
        fresh
    }

    /// A call of the hub, signed with `secret`: status and answer.
    async fn call(&self, target: &str, secret: &SharedSecret) -> (u16, Value) {
        let target = format!("{}{target}", self.add_on.base);
        let call = Call {
            request: self.request("GET", &target),
            issuer: CLIENT_KEY,
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

    /// Lets the add-on call the hub; what comes back is what the hub answered it.
    async fn call_back(&self, order: Value) -> Value {
        let target = format!("{}/call-back", self.add_on.base);
        let secret = self.hub.signing();
        let call = Call {
            request: self.request("POST", &target),
            issuer: CLIENT_KEY,
            subject: None,
            now: now(),
        };
        let token = sign_call(&call, &secret).unwrap();
        let url = format!("{}{target}", self.add_on.origin);
        let request =
            with_json(self.client.post(url), &order).header("Authorization", format!("JWT {token}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        read_json(answer).await
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
    let first = pair.install().await;
    assert_eq!(pair.tell(Event::Enabled, &first).await, 204);

    let (status, who) = pair.call("/who?b=2&a=q+r&b=1&c=%2F%2C*~", &first).await;
    assert_eq!(
        (status, &who["clientKey"], &who["user"]),
        (200, &json!(CLIENT_KEY), &json!("person-1"))
    );
    assert_eq!(who["seen"], json!(["enabled"]));

    for order in [
        json!({"method": "get", "uri": "/rest/goals?repo=acme%2Fapi&state=success"}),
        json!({"method": "get", "uri": "/rest/goals?a-b=1&a/b=2&c=*&c=!&d=q%20r&e="}),
        json!({"method": "post", "uri": "/rest/goals?x=1", "json": {"state": "success"}}),
        json!({"method": "get", "uri": "/rest/goals/"}),
    ] {
        let answer = pair.call_back(order.clone()).await;
        assert_eq!(answer["status"], 200, "{order} {answer}");
    }

    // A rotation: the add-on has the new secret alone, the hub still takes what was signed with the old one.
    let second = pair.install().await;
    assert_eq!(pair.call("/who", &second).await.0, 200);
    assert_eq!(
        pair.call("/who", &first).await.0,
        400,
        "the framework cannot read it"
    );
    assert_eq!(
        pair.call_back(json!({"method": "get", "uri": "/rest/goals"}))
            .await["status"],
        200
    );
    assert!(pair.hub.takes(&first) && pair.hub.takes(&second));

    assert_eq!(pair.tell(Event::Disabled, &second).await, 204);
    assert_eq!(pair.tell(Event::Uninstalled, &second).await, 204);
    pair.hub.change(|_| Secrets::Destroyed);
    assert_eq!(
        pair.call("/who", &second).await.0,
        401,
        "it has forgotten the tenant"
    );
    assert!(!pair.hub.takes(&second));
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
    let secret = SharedSecret::fresh().unwrap();
    let body = pair.hub.context().body(Event::Installed, &secret);
    let target = "/add-on/installed";
    assert_eq!(pair.post(target, None, &body).await, 401);
    let call = Call {
        request: pair.request("POST", target),
        issuer: CLIENT_KEY,
        subject: None,
        now: now(),
    };
    let symmetric = sign_call(&call, &secret).unwrap();
    assert_eq!(
        pair.post(target, Some(symmetric), &body).await,
        401,
        "signed with the secret it brings along"
    );
    let stranger = InstallKey::fresh(pair.hub.install_key.id()).unwrap();
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
    let other = sign_install(&elsewhere, &pair.hub.install_key).unwrap();
    assert_eq!(
        pair.post(target, Some(other), &body).await,
        401,
        "a token of another tenant"
    );
    assert_eq!(pair.call("/who", &secret).await.0, 401, "nothing was installed");
}
