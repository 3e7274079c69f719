//! What people may do on repositories is what the forge says, as it says it now.

use reqwest::Method;
use sdm::access::handed::digest_of;
use sdm::access::{Grant, Principal, Right, Selector};
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

/// Its machine has told of the goal.
async fn goal_waits(hub: &TestHub) {
    let written = hub.ask(GOAL, Value::Null).await;
    assert_eq!(written.get("errors"), None, "{written}");
}

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
    goal_waits(hub).await;
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
        404,
        "somebody else has her name there now, and she sees nothing of it"
    );
    let mut eve = signed_in(hub, "eve", PersonRole::Member).await;
    let eve_token = eve.token().await;
    assert_eq!(
        decide(&mut eve, &eve_token).await,
        (404, json!("not_found")),
        "who sees nothing of it does not learn that it is there"
    );
    provider.permits("acme/app", &writer, "maintain");
    let as_of = async |browser: &mut Browser<'_>, version: i64| {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", &*ada_token),
        ];
        let path = format!("/goals/w/s/0-code/g/approve?version={version}");
        browser.send(Method::POST, &path, &headers, "").await.status
    };
    assert_eq!(as_of(&mut ada, 7).await, 409, "d3: it is not as she looked at it");
    assert_eq!(as_of(&mut ada, 0).await, 200);
}

/// A machine that may write to `acme/app`, and asks as whoever started something.
struct Acting<'a> {
    hub: &'a TestHub,
    key: String,
    machine: Machine,
}

impl<'a> Acting<'a> {
    async fn start(hub: &'a TestHub) -> Self {
        Self::start_with(hub, "goals:write").await
    }

    /// With this scope of goals.
    async fn start_with(hub: &'a TestHub, of_goals: &str) -> Self {
        let wish = sdm::hub::administration::KeyWish {
            name: "deployer".to_owned(),
            repositories: vec!["acme/app".to_owned(), "acme/payroll".to_owned()],
            places: vec!["workspace".to_owned()],
            ..super::machine::wish(&[
                "events:read",
                "graph:read",
                of_goals,
                "commands:register",
                "act_as_user",
            ])
        };
        let (_, key) = hub.administration().new_key(&wish).await.unwrap();
        let mut registration = super::machine::registration("m", "1.0.0", "ephemeral");
        registration["capabilities"] = json!(["context"]);
        registration["commands"] = json!([{
            "name": "Look", "intent": [], "tags": [], "auto_submit": true, "secrets": [],
            "parameters": [{"name": "targets.repo", "required": false}], "mapped_parameters": []
        }]);
        let (status, registered) = hub.post("/registration", &key, &registration).await;
        assert_eq!(status, 200, "{registered}");
        let machine = Machine::open(registered["url"].as_str().unwrap()).await;
        Self { hub, key, machine }
    }

    /// The handle of something that a person starts.
    async fn started_by(&mut self, browser: &mut Browser<'_>, token: &str) -> String {
        self.started_with(browser, token, json!([])).await
    }

    async fn started_with(&mut self, browser: &mut Browser<'_>, token: &str, parameters: Value) -> String {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", token),
            ("content-type", "application/json"),
        ];
        let body = json!({"command": "Look", "team": {"id": "w"}, "parameters": parameters}).to_string();
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
async fn d39_a_person_raises_no_grant() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(2, "writer");
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    is_at_github(hub, "ada", &account).await;
    provider.permits("acme/app", &account, "admin");
    let token = ada.token().await;
    let mut acting = Acting::start(hub).await;
    let handle = acting.started_by(&mut ada, &token).await;
    assert_eq!(acting.writes(Some(&handle)).await, "written");
    let administration = hub.administration();
    let grants = administration.grants().await.unwrap();
    let on_app = |grant: &&sdm::hub::access::held::HeldGrant| {
        grant.principal.to_string() == "addon:deployer"
            && grant.grant.selector.to_string().contains("acme/app")
    };
    let wide = grants.iter().find(on_app).unwrap();
    let right = sdm::access::Right::Allow(sdm::access::Level::Read);
    let narrow = sdm::access::Grant::new(wide.grant.selector.clone(), right);
    administration
        .give(wide.principal.clone(), narrow, false)
        .await
        .unwrap();
    administration.take(&wide.id, false).await.unwrap();
    let begun = std::time::Instant::now();
    while acting.writes(Some(&handle)).await == "written" {
        assert!(begun.elapsed() < super::machine::PATIENCE, "the grant never ends");
    }
    assert_eq!(
        acting.writes(Some(&handle)).await,
        "insufficient_permission",
        "whatever ada may"
    );
    assert_eq!(acting.sees(Some(&handle)).await, json!([{"name": "app"}]));
}

#[tokio::test]
async fn d40_d45_a_person_raises_no_scope_and_lends_nothing_when_suspended() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(2, "writer");
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    is_at_github(hub, "ada", &account).await;
    provider.permits("acme/app", &account, "admin");
    let token = ada.token().await;
    let mut acting = Acting::start_with(hub, "goals:read").await;
    let handle = acting.started_by(&mut ada, &token).await;
    assert_eq!(acting.writes(Some(&handle)).await, "insufficient_scope", "d40");
    assert_eq!(acting.sees(Some(&handle)).await, json!([{"name": "app"}]));
    let suspended = sdm::ports::people::PersonChange {
        state: Some(sdm::ports::people::PersonState::Suspended),
        ..sdm::ports::people::PersonChange::default()
    };
    // Somebody else is administrator meanwhile.
    let _root = signed_in(hub, "root", PersonRole::Admin).await;
    hub.administration()
        .change_person("ada", &suspended)
        .await
        .unwrap();
    let begun = std::time::Instant::now();
    // A hub looks at people in its rhythm; until then nothing more is seen than before.
    loop {
        let query = json!({"query": "{ Repo { name } }"});
        let (_, answer) = acting.posts("/graphql/team/w", Some(&handle), &query).await;
        let is_refused = answer["error"]["code"] == json!("context_user_forbidden");
        if is_refused || answer["data"]["Repo"] == json!([]) {
            break;
        }
        assert!(begun.elapsed() < super::machine::PATIENCE, "d45: {answer}");
    }
}

#[tokio::test]
async fn d57_a_readers_key_decides_no_more_than_the_reader() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "reader");
    let _bob = signed_in(hub, "bob", PersonRole::Member).await;
    is_at_github(hub, "bob", &account).await;
    goal_waits(hub).await;
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

/// What an administrator is answered who submits a form.
async fn submits(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> u16 {
    let token = browser.token().await;
    let fields = [&[("anti_forgery", token.as_str())], fields].concat();
    let form = reqwest::Url::parse_with_params("form:/", fields).unwrap();
    browser.submit(path, form.query().unwrap()).await.status
}

/// Gives an add-on a right on a page.
async fn gives(browser: &mut Browser<'_>, selector: &str, right: &str) -> u16 {
    let (selector, right) = (("selector", selector), ("right", right));
    let rest = [("days", ""), ("note", ""), ("sure", "yes")];
    submits(
        browser,
        "/add-ons/test/grants",
        &[&[selector, right][..], &rest].concat(),
    )
    .await
}

/// Makes a key for a machine on a page.
async fn makes_key(browser: &mut Browser<'_>, machine: &str, repositories: &str) -> u16 {
    let fields = [
        ("for", "machine"),
        ("machine", machine),
        ("workspace", "w"),
        ("scope", "graph:read"),
        ("days", "7"),
        ("repositories", repositories),
    ];
    submits(browser, "/keys", &fields).await
}

#[tokio::test]
async fn nobody_gives_away_what_the_forge_does_not_give_them_by_a_grant_or_a_key() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "ada");
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    assert_eq!(
        gives(&mut ada, "repo:acme/app", "write").await,
        403,
        "nobody there"
    );
    is_at_github(hub, "ada", &account).await;
    provider.permits("acme/app", &account, "write");
    assert_eq!(gives(&mut ada, "repo:acme/app", "write").await, 303);
    assert_eq!(gives(&mut ada, "repo:acme/app", "admin").await, 403);
    for selector in ["repo:acme/payroll", "repo:acme/*", "*"] {
        assert_eq!(gives(&mut ada, selector, "read").await, 403, "{selector}");
    }
    assert_eq!(gives(&mut ada, "env:production", "write").await, 303);
    assert_eq!(gives(&mut ada, "*", "deny").await, 303, "a denial gives nothing");
    assert_eq!(makes_key(&mut ada, "one", "acme/app").await, 200);
    for (machine, repositories) in [("two", "acme/payroll"), ("three", "acme/*"), ("four", "")] {
        assert_eq!(makes_key(&mut ada, machine, repositories).await, 403, "{machine}");
    }
    let keys = hub.administration().keys().await.unwrap();
    assert!(
        !keys.iter().any(|key| key.owner == "addon:four"),
        "nor is it made"
    );
    provider.permits("acme/payroll", &account, "admin");
    assert_eq!(gives(&mut ada, "repo:acme/*", "write").await, 303);
    assert_eq!(
        makes_key(&mut ada, "four", "").await,
        403,
        "she does not administer all"
    );
    provider.permits("acme/app", &account, "admin");
    assert_eq!(makes_key(&mut ada, "four", "").await, 200);
}

#[tokio::test]
async fn nobody_gives_away_by_a_policy_what_the_forge_does_not_give_them() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "ada");
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    is_at_github(hub, "ada", &account).await;
    provider.permits("acme/app", &account, "write");
    let applies = async |ada: &mut Browser<'_>, from: &str, to: &str| {
        let before = hub.administration().policy().await.unwrap();
        assert!(before.contains(from), "{before}");
        let (base, after) = (digest_of(&before), before.replace(from, to));
        submits(
            ada,
            "/policy",
            &[("base", &base), ("text", &after), ("sure", "yes")],
        )
        .await
    };
    let everything = "allow: admin, on: \"*\"";
    let more = |selector: &str| format!("{everything}}}\n      - {{allow: write, on: \"{selector}\"");
    for selector in ["repo:acme/payroll", "repo:acme/*"] {
        assert_eq!(
            applies(&mut ada, everything, &more(selector)).await,
            403,
            "{selector}"
        );
    }
    let given = applies(&mut ada, everything, &more("repo:acme/app")).await;
    assert_eq!(given, 200, "what others gave before is none of her giving");
    let grants = hub.administration().grants().await.unwrap();
    assert_eq!(grants.len(), 2, "{grants:?}");
    let said = |number: &str| grants.iter().any(|one| one.grant.selector.to_string() == number);
    assert!(
        said("repo:git.example.org:8080/acme/app#7"),
        "a8: a policy keeps numbers: {grants:?}"
    );
}

#[tokio::test]
async fn nobody_gets_by_a_key_a_trust_or_a_taken_denial_what_the_forge_does_not_give_them() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "ada");
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    is_at_github(hub, "ada", &account).await;
    provider.permits("acme/app", &account, "admin");
    // The add-on `test` has everything, but for what is denied to it.
    let administration = hub.administration();
    let denied = async |selector: &str| {
        let grant = Grant::new(Selector::parse(selector).unwrap(), Right::Deny);
        let to = Principal::parse("addon:test").unwrap();
        administration.give(to, grant, false).await.unwrap().grant.id
    };
    let (payroll, app) = (denied("repo:acme/payroll").await, denied("repo:acme/app").await);
    for (repositories, status) in [
        ("", 403),
        ("acme/*", 403),
        ("acme/payroll", 403),
        ("acme/app", 200),
    ] {
        assert_eq!(
            makes_key(&mut ada, "test", repositories).await,
            status,
            "{repositories}"
        );
    }
    let takes = async |ada: &mut Browser<'_>, id: &str| {
        submits(
            ada,
            &format!("/add-ons/test/grants/{id}/remove"),
            &[("sure", "yes")],
        )
        .await
    };
    assert_eq!(
        takes(&mut ada, &payroll).await,
        403,
        "it would have payroll again"
    );
    assert_eq!(takes(&mut ada, &app).await, 303);
    let before = administration.policy().await.unwrap();
    let denial = before.lines().find(|line| line.contains("deny")).unwrap();
    let after = before.replace(&format!("{denial}\n"), "");
    let base = digest_of(&before);
    let fields = [("base", base.as_str()), ("text", &after), ("sure", "yes")];
    assert_eq!(submits(&mut ada, "/policy", &fields).await, 403, "{after}");
    let token = ada.token().await;
    let trust = json!({
        "issuer": "https://ci.example.org", "claims": {"project_id": "1", "ref": "refs/heads/main", "ref_protected": "true"},
        "addon": "test", "scopes": ["graph:read"], "workspaces": ["w"],
    });
    let mut trusts = async || {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", token.as_str()),
            ("content-type", "application/json"),
        ];
        let answer = ada
            .send(Method::POST, "/admin/trust", &headers, &trust.to_string())
            .await;
        (answer.status, answer.text)
    };
    let (status, said) = trusts().await;
    assert!(status == 403 && said.contains("payroll"), "{status}: {said}");
    provider.permits("acme/payroll", &account, "admin");
    let (status, said) = trusts().await;
    assert_eq!(status, 200, "{said}");
}

#[tokio::test]
async fn f5_a_handle_is_for_the_targets_that_were_named() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let writer = Account::new(2, "writer");
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    is_at_github(hub, "ada", &writer).await;
    provider.permits("acme/app", &writer, "write");
    provider.permits("acme/payroll", &writer, "write");
    let token = ada.token().await;
    let mut acting = Acting::start(hub).await;
    let target = json!([{"name": "targets.repo", "value": "acme/payroll"}]);
    let handle = acting.started_with(&mut ada, &token, target).await;
    assert_eq!(acting.sees(Some(&handle)).await, json!([{"name": "payroll"}]));
    assert_eq!(acting.writes(Some(&handle)).await, "context_user_forbidden");
    let everywhere = acting.started_by(&mut ada, &token).await;
    assert_eq!(
        acting.writes(Some(&everywhere)).await,
        "written",
        "of none it is for all"
    );
}
