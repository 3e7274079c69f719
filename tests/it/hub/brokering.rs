//! What machines do with the rights of people: the hub does it for them, and hands out short tokens where an administrator wants that.

use reqwest::Method;
use sdm::access::{AddonKey, Term, Terms};
use sdm::hub::administration::KeyWish;
use sdm::ports::authorizations::Authorizations as _;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::access::push_of;
use super::forge_rights::is_at_github;
use super::machine::{Machine, TestHub, registration, signature, wish};
use super::people::{Browser, signed_in};
use super::sign_in::{go_by, hub_with};
use crate::support::fake_provider::{Account, FakeProvider};
use crate::support::local::LocalMachine;

pub const SCOPES: &[&str] = &[
    "events:read",
    "graph:read",
    "commands:register",
    "act_as_user",
    "secrets:user_token",
];

/// A machine whose commands act as whoever asks.
fn offers() -> Value {
    let mut registration = registration("m", "1.0.0", "ephemeral");
    registration["capabilities"] = json!(["context"]);
    let command = |name: &str, mapped: Value, secrets: Value| {
        json!({
            "name": name, "intent": [], "tags": [], "auto_submit": true, "parameters": [], "mapped_parameters": mapped,
            "secrets": secrets
        })
    };
    let as_person = json!([{"uri": "github://user_token?scopes=repo"}]);
    let of_repository = json!([
        {"name": "owner", "uri": "atomist://github/repository/owner", "required": true},
        {"name": "repo", "uri": "atomist://github/repository", "required": true}
    ]);
    registration["commands"] = json!([
        command("Change", of_repository.clone(), as_person.clone()),
        command("Anywhere", json!([]), as_person),
        command("Plain", of_repository, json!([])),
    ]);
    registration
}

/// A machine of `deployer`, and ada who may write to one repository and has let the hub act for her.
pub struct Scene<'a> {
    pub hub: &'a TestHub,
    pub key: String,
    pub machine: Machine,
    pub ada: Browser<'a>,
}

async fn pushed(hub: &TestHub, id: &str, name: &str, number: u64) {
    let body = push_of(name, number).to_string();
    assert_eq!(
        hub.signed("push", id, body.clone(), &signature(&body)).await.0,
        200
    );
}

/// Asks for a command about a repository in a browser.
pub async fn asks(ada: &mut Browser<'_>, command: &str, repository: &str) -> (u16, Value) {
    let token = ada.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token.as_str()),
        ("content-type", "application/json"),
    ];
    let mapped = match command {
        "Change" | "Plain" => {
            json!([{"name": "owner", "value": "acme"}, {"name": "repo", "value": repository}])
        }
        _ => json!([]),
    };
    let body =
        json!({"command": command, "team": {"id": "w"}, "parameters": [], "mapped_parameters": mapped});
    let answer = ada
        .send(Method::POST, "/command", &headers, &body.to_string())
        .await;
    (answer.status, serde_json::from_str(&answer.text).unwrap())
}

impl<'a> Scene<'a> {
    pub async fn start(hub: &'a TestHub, provider: &FakeProvider, scopes: &[&str]) -> Self {
        Self::start_as(hub, (provider, scopes), PersonRole::Member).await
    }

    /// The same with Ada in another role.
    pub async fn start_as(
        hub: &'a TestHub,
        (provider, scopes): (&FakeProvider, &[&str]),
        role: PersonRole,
    ) -> Self {
        pushed(hub, "1", "app", 7).await;
        pushed(hub, "2", "payroll", 8).await;
        let own = KeyWish {
            name: "deployer".to_owned(),
            repositories: vec!["acme/app".to_owned()],
            places: vec!["workspace".to_owned()],
            ..wish(scopes)
        };
        let (_, key) = hub.administration().new_key(&own).await.unwrap();
        let (status, registered) = hub.post("/registration", &key, &offers()).await;
        assert_eq!(status, 200, "{registered}");
        let machine = Machine::open(registered["url"].as_str().unwrap()).await;
        let account = Account::new(7, "ada");
        provider.sits(account.clone());
        for repository in ["acme/app", "acme/payroll"] {
            provider.permits(repository, &account, "write");
        }
        let ada = signed_in(hub, "ada", role).await;
        is_at_github(hub, "ada", &account).await;
        Self {
            hub,
            key,
            machine,
            ada,
        }
    }

    /// Ada lets the hub act for her: the command that needed it goes on. Its handle.
    pub async fn authorize(mut self) -> (Self, String) {
        let (status, refused) = asks(&mut self.ada, "Change", "app").await;
        assert_eq!(status, 403, "{refused}");
        let url = refused["error"]["authorize_url"].as_str().unwrap();
        let place = url.strip_prefix(&self.hub.url("")).unwrap().to_owned();
        let token = self.ada.token().await;
        let going = go_by(self.ada, &place, &format!("anti_forgery={token}")).await;
        let (ada, done) = going.come().await;
        assert!(done.text.contains("has begun with it"), "{}", done.text);
        self.ada = ada;
        let handle = self.hears().await;
        (self, handle)
    }

    /// The handle of the command that the machine hears next.
    pub async fn hears(&mut self) -> String {
        let command = self.machine.hear().await;
        if !command["secrets"].as_array().unwrap().is_empty() {
            assert_eq!(command["secrets"][0]["value"], "null", "{command}");
        }
        command["context"]["handle"].as_str().unwrap().to_owned()
    }

    pub async fn started(&mut self, command: &str, repository: &str) -> String {
        let (status, answer) = asks(&mut self.ada, command, repository).await;
        assert_eq!(status, 200, "{answer}");
        self.hears().await
    }

    /// What the hub answers the machine, in the context of a handle if of any.
    pub async fn posts(&self, path: &str, handle: &str, body: &Value) -> (u16, Value) {
        let mut request = self.hub.http.post(self.hub.url(path)).bearer_auth(&self.key);
        if !handle.is_empty() {
            request = request.header("x-hub-context", handle);
        }
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub async fn opens(&self, repository: &str, handle: &str) -> String {
        let path = format!("/api/as-person/w/acme/{repository}/pull-request");
        let body = json!({"branch": "topic", "target": "main", "title": "Change it"});
        let (status, answer) = self.posts(&path, handle, &body).await;
        let code = answer["error"]["code"].as_str().unwrap_or("opened");
        format!("{status} {code}")
    }

    async fn token(&self, repository: &str, handle: &str) -> Result<String, String> {
        let path = format!("/api/user-tokens/w/acme/{repository}");
        let (_, answer) = self.posts(&path, handle, &Value::Null).await;
        match answer["token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err(answer["error"]["code"].as_str().unwrap_or_default().to_owned()),
        }
    }

    async fn terms(&self, terms: &[Term]) {
        let terms: Terms = terms.iter().copied().collect();
        let key = AddonKey::parse("deployer").unwrap();
        self.hub.administration().set_terms(&key, &terms).await.unwrap();
    }

    /// A token, once the hub has seen what an administrator changed.
    async fn token_once_marked(&self, handle: &str) -> String {
        let begun = std::time::Instant::now();
        loop {
            match self.token("app", handle).await {
                Ok(token) => return token,
                Err(code) => assert!(begun.elapsed() < super::machine::PATIENCE, "{code}"),
            }
        }
    }
}

#[tokio::test]
async fn d46_d50_the_hub_opens_a_pull_request_as_the_person_who_started_something() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    assert_eq!(scene.opens("app", "").await, "403 context_user_required", "d47");
    assert_eq!(scene.opens("app", "a-guess").await, "403 context_not_proven");
    let (mut scene, handle) = scene.authorize().await;
    let before = provider.tokens();
    assert_eq!(scene.opens("app", &handle).await, "200 opened");
    let opened = provider.opened();
    assert_eq!(opened.len(), 1);
    assert_eq!(
        (
            opened[0].repository.as_str(),
            opened[0].by.as_str(),
            opened[0].branch.as_str()
        ),
        ("acme/app", "ada", "topic")
    );
    assert_ne!(
        provider.tokens(),
        before,
        "a token that ends was renewed before it was used"
    );
    assert_eq!(provider.tokens().len(), 1, "in the place of the other");
    assert_eq!(
        scene.opens("payroll", &handle).await,
        "403 insufficient_permission",
        "d50"
    );
    let payroll = scene.started("Change", "payroll").await;
    assert_eq!(
        scene.opens("app", &payroll).await,
        "403 context_user_forbidden",
        "the handle is about another repository"
    );
    provider.permits("acme/app", &Account::new(7, "ada"), "read");
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 context_user_forbidden",
        "d38: a reader opens nothing by way of a machine"
    );
    assert_eq!(provider.opened().len(), 1);
}

#[tokio::test]
async fn d46_a_short_token_goes_to_an_add_on_that_is_marked_for_what_was_started_alone() {
    let provider = FakeProvider::start().await;
    let (hub, directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (mut scene, handle) = scene.authorize().await;
    assert_eq!(
        scene.token("app", &handle).await,
        Err("insufficient_permission".to_owned()),
        "nobody has marked it"
    );
    scene.terms(&[Term::UserTokens]).await;
    let token = scene.token_once_marked(&handle).await;
    assert_eq!(
        provider.narrowed(&token),
        Some(("ada".to_owned(), vec![7])),
        "hers, and for the one repository by its number"
    );
    let anywhere = scene.started("Anywhere", "").await;
    assert_eq!(
        scene.token("app", &anywhere).await,
        Err("context_not_proven".to_owned()),
        "what was started names no repository"
    );
    assert_eq!(
        scene.opens("app", &anywhere).await,
        "200 opened",
        "the hub does it itself"
    );
    assert_eq!(
        scene.token("app", "").await,
        Err("context_user_required".to_owned()),
        "d47"
    );
    scene.terms(&[]).await;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for canary in [&b"ghu_canary"[..], b"ghr_canary"] {
            assert!(!bytes.windows(canary.len()).any(|part| part == canary), "f9");
        }
    }
    let kept = hub.hub.memory().authorizations_of("ada").await.unwrap();
    assert!(kept[0].token_ends.unwrap() < kept[0].expires.unwrap());
    let anti_forgery = scene.ada.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", anti_forgery.as_str()),
    ];
    let path = "/api/me/authorizations/github";
    let revoked = scene.ada.send(Method::DELETE, path, &headers, "").await;
    assert_eq!(revoked.text, r#"{"revoked_at_provider":true}"#);
    assert_eq!(
        provider.tokens(),
        Vec::<String>::new(),
        "the narrowed one as well"
    );
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 user_authorization_required",
        "d48"
    );
}

#[tokio::test]
async fn d49_without_the_scope_nothing_is_done_as_anybody() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scopes: Vec<&str> = SCOPES
        .iter()
        .copied()
        .filter(|scope| *scope != "secrets:user_token")
        .collect();
    let scene = Scene::start(&hub, &provider, &scopes).await;
    let (scene, handle) = scene.authorize().await;
    assert_eq!(scene.opens("app", &handle).await, "403 insufficient_scope");
    assert_eq!(
        scene.token("app", &handle).await,
        Err("insufficient_scope".to_owned())
    );
}

#[tokio::test]
async fn a_classic_application_has_no_token_for_one_repository_and_the_hub_does_it() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (scene, handle) = scene.authorize().await;
    scene.terms(&[Term::UserTokens]).await;
    let begun = std::time::Instant::now();
    loop {
        let code = scene.token("app", &handle).await.unwrap_err();
        if code == "conflict" {
            break;
        }
        assert!(begun.elapsed() < super::machine::PATIENCE, "{code}");
    }
    assert_eq!(scene.opens("app", &handle).await, "200 opened");
}

const GOALS: &str = r#"
commands:
  - name: who
    parameters:
      token: {caller_token: [repo]}
    run:
      - sh
      - -c
      - |
        printf %s "$SDM_PARAMETER_TOKEN" > "$HOME/told"
        [ -s "$HOME/told" ] || printf absent > "$HOME/told"
        mv "$HOME/told" "$HOME/token"
"#;

/// What the command of our machine found, once it has run.
fn found(machine: &LocalMachine) -> String {
    let file = machine.path("home/token");
    let text = machine.wait_until("the command has run", |_| std::fs::read_to_string(&file).ok());
    std::fs::remove_file(&file).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn cm_13_a_command_of_our_machine_has_a_token_of_whoever_asks_by_way_of_the_hub() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (mut scene, _) = scene.authorize().await;
    let mut machine = LocalMachine::new(GOALS);
    std::fs::create_dir_all(machine.path("home/.config/sdm")).unwrap();
    std::fs::write(machine.path("hub.key"), &scene.key).unwrap();
    let key = machine.path("hub.key");
    let text = format!(
        "name: ours\nhub: {{address: '{}', key: {{file: '{}'}}, workspaces: [w], drain: 3s}}\n",
        hub.url(""),
        key.display()
    );
    std::fs::write(machine.path("home/.config/sdm/config.yaml"), text).unwrap();
    machine.start_with_hub();
    machine.wait_until("the machine is at the hub", |machine| {
        (machine.status()?["hub"]["standing"] == "connected").then_some(())
    });
    let asks = async |scene: &mut Scene<'_>| {
        let token = scene.ada.token().await;
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-sdm-anti-forgery", token.as_str()),
            ("content-type", "application/json"),
        ];
        let mapped = json!([{"name": "sdm.owner", "value": "acme"}, {"name": "sdm.repo", "value": "app"}]);
        let body =
            json!({"command": "who", "team": {"id": "w"}, "parameters": [], "mapped_parameters": mapped});
        let answer = scene
            .ada
            .send(Method::POST, "/command", &headers, &body.to_string())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    asks(&mut scene).await;
    assert_eq!(
        found(&machine),
        "absent",
        "nobody has marked the machine for tokens"
    );
    scene.terms(&[Term::UserTokens]).await;
    let begun = std::time::Instant::now();
    let token = loop {
        asks(&mut scene).await;
        match found(&machine) {
            absent if absent == "absent" => assert!(begun.elapsed() < super::machine::PATIENCE),
            token => break token,
        }
    };
    assert_eq!(provider.narrowed(&token), Some(("ada".to_owned(), vec![7])));
    machine.ok(&["do", "who"]);
    assert_eq!(
        found(&machine),
        "absent",
        "who stands at the machine uses the operator's rights"
    );
    machine.stop();
    for name in ["state/sdm.db", "state/sdm.db-wal"] {
        let bytes = std::fs::read(machine.path(name)).unwrap_or_default();
        assert!(!bytes.windows(10).any(|part| part == b"ghu_canary"), "e1: {name}");
    }
    assert!(!machine.daemon_log().contains("ghu_canary"));
}

#[tokio::test]
async fn what_cannot_be_renewed_any_more_is_asked_for_again() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (mut scene, handle) = scene.authorize().await;
    provider.forgets_renewals();
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 user_authorization_required"
    );
    let (status, refused) = asks(&mut scene.ada, "Change", "app").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("user_authorization_required")),
        "{refused}"
    );
}

#[tokio::test]
async fn where_the_app_was_taken_away_the_hub_does_nothing_for_anybody_until_it_is_back() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (scene, handle) = scene.authorize().await;
    let mut number = 0;
    let mut told = async |event: &str, field: &str, moment: u64, suspended: Value| {
        number += 1;
        let payload = json!({
            "action": "told", field: [{"id": 7, "full_name": "acme/app", "private": true}],
            "installation": {
                "id": 5, "app_id": 3, "updated_at": moment, "suspended_at": suspended,
                "account": {"login": "acme", "type": "Organization", "html_url": "http://git.example.org:8080/acme"}
            }
        });
        let (status, answer) = hub.github(event, &format!("told-{number}"), &payload).await;
        assert!(status == 200 || status == 202, "{answer}");
    };
    let (of_repositories, of_app) = ("installation_repositories", "installation");
    told(of_repositories, "repositories_added", 10, Value::Null).await;
    assert_eq!(scene.opens("app", &handle).await, "200 opened");
    told(of_repositories, "repositories_removed", 20, Value::Null).await;
    assert_eq!(scene.opens("app", &handle).await, "409 conflict");
    assert_eq!(scene.token("app", &handle).await.unwrap_err(), "conflict");
    told(of_repositories, "repositories_added", 15, Value::Null).await;
    assert_eq!(scene.opens("app", &handle).await, "409 conflict", "it came late");
    told(of_repositories, "repositories_added", 30, Value::Null).await;
    assert_eq!(scene.opens("app", &handle).await, "200 opened");
    told(of_app, "none", 40, json!("2026-01-31T12:00:00Z")).await;
    assert_eq!(
        scene.opens("app", &handle).await,
        "409 conflict",
        "it is suspended"
    );
    told(of_app, "none", 50, Value::Null).await;
    assert_eq!(scene.opens("app", &handle).await, "200 opened");
}
