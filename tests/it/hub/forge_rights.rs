//! What people may do on repositories is what the forge says, as it says it now.

use reqwest::Method;
use sdm::ports::people::{People as _, PersonRole, StoredIdentity};
use serde_json::{Value, json};

use super::access::push_of;
use super::machine::{Machine, TestHub, signature};
use super::people::{Browser, signed_in};
use super::sign_in::hub_with;
use crate::support::fake_provider::{Account, FakeProvider};
use crate::support::remains::Remains;

pub async fn is_at_github(hub: &TestHub, person: &str, account: &Account) {
    let identity = StoredIdentity {
        provider: "github".to_owned(),
        subject: account.id.to_string(),
        login: account.login.clone(),
        email: None,
        person: person.to_owned(),
        linked: sdm::model::Timestamp::from_micros(1),
    };
    assert!(hub.hub.memory().link_identity(&identity).await.unwrap());
}

async fn ask(browser: &mut Browser<'_>, token: &str, query: &str) -> Value {
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token),
        ("content-type", "application/json"),
    ];
    let body = json!({ "query": query }).to_string();
    let answer = browser
        .send(Method::POST, "/graphql/team/w", &headers, &body)
        .await;
    serde_json::from_str(&answer.text).unwrap()
}

const GOAL: &str = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", uniqueName: \"g\", \
    state: waiting_for_approval, sha: \"b\", branch: \"main\", \
    repo: {owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}) }";

pub async fn pushed(hub: &TestHub, id: &str, name: &str, number: u64) {
    let body = push_of(name, number).to_string();
    let (status, answer) = hub.signed("push", id, body.clone(), &signature(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

/// A hub at a forge with two repositories, `acme/app` and `acme/payroll`.
pub struct Scene {
    pub provider: FakeProvider,
    pub hub: TestHub,
    _directory: Remains,
}

impl Scene {
    pub async fn start() -> Self {
        let provider = FakeProvider::start().await;
        let (hub, directory) = hub_with(vec![provider.github()]).await;
        pushed(&hub, "1", "app", 7).await;
        pushed(&hub, "2", "payroll", 8).await;
        Self {
            provider,
            hub,
            _directory: directory,
        }
    }
}

#[tokio::test]
async fn d56_d57_f8_people_see_and_decide_what_the_forge_lets_them() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let (reader, writer) = (Account::new(1, "reader"), Account::new(2, "writer"));
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    let (bob_token, ada_token) = (bob.token().await, ada.token().await);
    let repositories = "query { Repo { name } }";
    assert_eq!(
        ask(&mut ada, &ada_token, repositories).await["data"]["Repo"],
        json!([]),
        "nobody there, nothing here"
    );
    is_at_github(hub, "bob", &reader).await;
    is_at_github(hub, "ada", &writer).await;
    provider.permits("acme/app", &reader, "read");
    provider.permits("acme/app", &writer, "write");
    let app = json!([{"name": "app"}]);
    assert_eq!(ask(&mut bob, &bob_token, repositories).await["data"]["Repo"], app);
    let refused = ask(&mut bob, &bob_token, GOAL).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"], "insufficient_permission",
        "{refused}"
    );
    let written = ask(&mut ada, &ada_token, GOAL).await;
    assert_eq!(written.get("errors"), None, "{written}");
    let decide = async |browser: &mut Browser<'_>, token: &str| {
        let headers = [("sec-fetch-site", "same-origin"), ("x-sdm-anti-forgery", token)];
        let answer = browser
            .send(Method::POST, "/goals/w/s/0-code/g/approve", &headers, "")
            .await;
        (answer.status, answer.code())
    };
    assert_eq!(
        decide(&mut bob, &bob_token).await,
        (403, json!("insufficient_permission"))
    );
    provider.permits("acme/app", &writer, "read");
    assert_eq!(
        decide(&mut ada, &ada_token).await.0,
        403,
        "asked anew before something changes"
    );
    provider.permits("acme/app", &Account::new(3, "writer"), "admin");
    assert_eq!(
        decide(&mut ada, &ada_token).await.0,
        403,
        "somebody else has her name there now"
    );
    provider.permits("acme/app", &writer, "maintain");
    assert_eq!(decide(&mut ada, &ada_token).await.0, 200);
}

/// A machine that may write to `acme/app`, and asks as whoever started something.
struct Acting<'a> {
    hub: &'a TestHub,
    key: String,
    machine: Machine,
}

impl<'a> Acting<'a> {
    async fn start(hub: &'a TestHub) -> Self {
        let wish = sdm::hub::administration::KeyWish {
            name: "deployer".to_owned(),
            repositories: vec!["acme/app".to_owned(), "acme/payroll".to_owned()],
            places: vec!["workspace".to_owned()],
            ..super::machine::wish(&[
                "events:read",
                "graph:read",
                "goals:write",
                "commands:register",
                "act_as_user",
            ])
        };
        let (_, key) = hub.administration().new_key(&wish).await.unwrap();
        let mut registration = super::machine::registration("m", "1.0.0", "ephemeral");
        registration["capabilities"] = json!(["context"]);
        registration["commands"] = json!([{
            "name": "Look", "intent": [], "tags": [], "auto_submit": true, "parameters": [], "secrets": [],
            "mapped_parameters": []
        }]);
        let (status, registered) = hub.post("/registration", &key, &registration).await;
        assert_eq!(status, 200, "{registered}");
        let machine = Machine::open(registered["url"].as_str().unwrap()).await;
        Self { hub, key, machine }
    }

    /// The handle of something that a person starts.
    async fn started_by(&mut self, browser: &mut Browser<'_>, token: &str) -> String {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", token),
            ("content-type", "application/json"),
        ];
        let body = json!({"command": "Look", "team": {"id": "w"}, "parameters": []}).to_string();
        let answer = browser.send(Method::POST, "/command", &headers, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let command = self.machine.hear().await;
        command["context"]["handle"].as_str().unwrap().to_owned()
    }

    async fn posts(&self, path: &str, handle: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self.hub.http.post(self.hub.url(path)).bearer_auth(&self.key);
        if let Some(handle) = handle {
            request = request.header("x-hub-context", handle);
        }
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// What is answered to a goal that it writes.
    async fn writes(&self, handle: Option<&str>) -> String {
        let (_, answer) = self
            .posts("/graphql/team/w", handle, &json!({ "query": GOAL }))
            .await;
        let code = &answer["errors"][0]["extensions"]["code"];
        code.as_str().unwrap_or("written").to_owned()
    }

    /// Names of repositories that it sees.
    async fn sees(&self, handle: Option<&str>) -> Value {
        let query = json!({"query": "{ Repo { name } }"});
        let (_, answer) = self.posts("/graphql/team/w", handle, &query).await;
        answer["data"]["Repo"].clone()
    }
}

#[tokio::test]
async fn d37_d38_d51_an_add_on_does_no_more_for_a_person_than_the_forge_lets_the_person() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let (reader, writer) = (Account::new(1, "reader"), Account::new(2, "writer"));
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    is_at_github(hub, "bob", &reader).await;
    is_at_github(hub, "ada", &writer).await;
    provider.permits("acme/app", &reader, "read");
    provider.permits("acme/app", &writer, "write");
    let (bob_token, ada_token) = (bob.token().await, ada.token().await);
    let mut acting = Acting::start(hub).await;
    let for_bob = acting.started_by(&mut bob, &bob_token).await;
    let for_ada = acting.started_by(&mut ada, &ada_token).await;
    let app = json!([{"name": "app"}]);
    assert_eq!(
        acting.sees(Some(&for_bob)).await,
        app,
        "not payroll, which bob does not see"
    );
    assert_eq!(
        acting.sees(None).await.as_array().unwrap().len(),
        2,
        "for itself it sees both"
    );
    assert_eq!(
        acting.writes(Some(&for_bob)).await,
        "context_user_forbidden",
        "d38"
    );
    assert_eq!(acting.writes(Some(&for_ada)).await, "written", "d37");
    assert_eq!(acting.writes(None).await, "written", "for itself it may");
    for handle in [Some(&*for_bob), Some(&*for_ada), None] {
        for path in ["/goals/w/s/0-code/g/approve", "/goals/w/s/0-code/g/cancel"] {
            let (status, answer) = acting.posts(path, handle, &json!({})).await;
            assert_eq!(
                (status, &answer["error"]["code"]),
                (403, &json!("person_required")),
                "d51: no add-on decides, whoever asks it to: {answer}"
            );
        }
    }
    provider.permits("acme/app", &writer, "read");
    assert_eq!(
        acting.writes(Some(&for_ada)).await,
        "context_user_forbidden",
        "f8: asked anew before something changes"
    );
}

#[tokio::test]
async fn d57_a_readers_key_decides_no_more_than_the_reader() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "reader");
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let token = bob.token().await;
    is_at_github(hub, "bob", &account).await;
    provider.permits("acme/app", &account, "write");
    let written = ask(&mut bob, &token, GOAL).await;
    assert_eq!(written.get("errors"), None, "{written}");
    provider.permits("acme/app", &account, "read");
    let wish = sdm::hub::administration::KeyWish {
        name: "bob".to_owned(),
        is_person: true,
        ..super::machine::wish(&[])
    };
    let (_, key) = hub.administration().new_key(&wish).await.unwrap();
    let path = "/goals/w/s/0-code/g/approve";
    let (status, answer) = hub.post(path, &key, &json!({})).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("insufficient_permission"))
    );
    provider.permits("acme/app", &account, "write");
    let (status, answer) = hub.post(path, &key, &json!({})).await;
    assert_eq!(status, 200, "{answer}");
}
