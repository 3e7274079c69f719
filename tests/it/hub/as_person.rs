//! Commands whose pull requests are opened by the hub as the person who asked, and how that is asked for and ends (security model 15).

use sdm::ports::authorizations::Authorizations as _;
use sdm::ports::hub::HubGraph as _;
use sdm::ports::people::PersonRole;
use sdm::runtime::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::brokering::{SCOPES, Scene, asks};
use super::machine::{PATIENCE, TestHub, signature};
use super::people::Browser;
use super::sign_in::{go_by, hub_with};
use crate::support::fake_provider::{Account, FakeProvider};
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

const GOALS: &str = r#"
commands:
  - name: new logo
    transform: {presentation: pull_request, auto_merge: on_approve, run: [sh, -c, "echo x >> logo"]}
  - name: later
    transform: {presentation: pull_request, run: [touch, later]}
"#;

/// Our machine, which has no token for any forge, at a hub and with a repository that others serve.
struct Ours {
    machine: LocalMachine,
    _server: HttpServer,
}

impl Ours {
    async fn start(scene: &Scene<'_>) -> Self {
        let mut machine = LocalMachine::new(GOALS);
        machine.git(&["config", "http.receivepack", "true"]);
        let server = HttpServer::start(&machine.path(""), None).await;
        // By the same host as the forge.
        let address = server.url("acme/app").replace("localhost", "127.0.0.1");
        std::fs::create_dir_all(machine.path("home/.config/sdm")).unwrap();
        std::fs::write(machine.path("hub.key"), &scene.key).unwrap();
        let text = format!(
            "name: ours\nremotes: ['{address}']\npoll_interval: 1s\nhub:\n  address: '{}'\n  key: {{file: '{}'}}\n  \
             workspaces: [w]\n  drain: 3s\n  pull_requests: person\n",
            scene.hub.url(""),
            machine.path("hub.key").display()
        );
        std::fs::write(machine.path("home/.config/sdm/config.yaml"), text).unwrap();
        machine.start_with_hub();
        machine.wait_until("the machine is at the hub", |machine| {
            (machine.status()?["hub"]["standing"] == "connected").then_some(())
        });
        machine.ok(&["replay", &address]);
        Self {
            machine,
            _server: server,
        }
    }

    fn has_branch(&self, name: &str) -> bool {
        !self.machine.git(&["branch", "--list", name]).trim().is_empty()
    }
}

/// Asks for a command of our machine about the repository.
async fn wants(ada: &mut Browser<'_>, command: &str) -> (u16, Value) {
    let token = ada.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token.as_str()),
        ("content-type", "application/json"),
    ];
    let mapped = json!([{"name": "sdm.owner", "value": "acme"}, {"name": "sdm.repo", "value": "app"}]);
    let body =
        json!({"command": command, "team": {"id": "w"}, "parameters": [], "mapped_parameters": mapped});
    let answer = ada
        .send(reqwest::Method::POST, "/command", &headers, &body.to_string())
        .await;
    (answer.status, serde_json::from_str(&answer.text).unwrap())
}

/// What came of a command: whether it succeeded, and all that was said.
async fn comes_to(hub: &TestHub, ada: &mut Browser<'_>, url: &str) -> (String, String) {
    let path = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    let begun = std::time::Instant::now();
    loop {
        let answer = ada.get(&format!("{path}?wait=5")).await;
        let shown: Value = serde_json::from_str(&answer.text).unwrap();
        let phase = shown["phase"].as_str().unwrap().to_owned();
        if phase == "SUCCESS" || phase == "FAILURE" {
            return (phase, shown["messages"].to_string());
        }
        assert!(begun.elapsed() < PATIENCE * 3, "it does not end: {shown}");
    }
}

/// Somebody authorises the hub where a refusal says; what they see then.
async fn allows<'a>(hub: &TestHub, mut ada: Browser<'a>, refused: &Value) -> (Browser<'a>, String) {
    assert_eq!(
        refused["error"]["code"], "user_authorization_required",
        "{refused}"
    );
    let url = refused["error"]["authorize_url"].as_str().expect("a link");
    let place = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    let token = ada.token().await;
    let going = go_by(ada, &place, &format!("anti_forgery={token}")).await;
    let (ada, done) = going.come().await;
    (ada, done.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_requests_of_commands_are_opened_as_whoever_asked_and_a_reader_opens_none() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scopes = [SCOPES, &["goals:write", "messages:write"]].concat();
    let mut scene = Scene::start(&hub, &provider, &scopes).await;
    let mut ours = Ours::start(&scene).await;
    let (status, refused) = wants(&mut scene.ada, "new logo").await;
    assert_eq!(status, 403, "{refused}");
    let (ada, text) = allows(&hub, scene.ada, &refused).await;
    scene.ada = ada;
    assert!(text.contains("has begun with it"), "{text}");
    ours.machine
        .wait_until("a pull request", |_| provider.opened().first().cloned());
    let opened = provider.opened();
    assert_eq!(
        (
            opened[0].repository.as_str(),
            opened[0].branch.as_str(),
            opened[0].by.as_str()
        ),
        ("acme/app", "transform/new_logo", "ada"),
    );
    let labelled = |_: &LocalMachine| provider.opened()[0].labels.first().cloned();
    let label = ours.machine.wait_until("a label", labelled);
    assert_eq!(label, "auto-merge:on-approve");
    let (_, begun) = wants(&mut scene.ada, "new logo").await;
    let url = begun["invocation"]["url"].as_str().unwrap();
    let (phase, said) = comes_to(&hub, &mut scene.ada, url).await;
    assert!(
        phase == "SUCCESS" && said.contains("pull request 1 brought up to date"),
        "{phase}: {said}"
    );
    assert_eq!(provider.opened().len(), 1, "one for the branch");
    // Whoever may only read there has nothing pushed in their name, and nothing opened in the machine's.
    provider.permits("acme/app", &Account::new(7, "ada"), "read");
    let (status, refused) = wants(&mut scene.ada, "later").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("insufficient_permission")),
        "d38: {refused}"
    );
    assert!(ours.has_branch("transform/new_logo") && !ours.has_branch("transform/later"));
    assert_eq!(provider.opened().len(), 1);
    ours.machine.stop();
}

#[tokio::test]
async fn d48_whoever_is_acted_for_is_asked_by_a_link_and_what_they_started_begins_anew_once() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let mut scene = Scene::start(&hub, &provider, SCOPES).await;
    let handle = scene.started("Plain", "app").await;
    let path = "/api/as-person/w/acme/app/pull-request";
    let body = json!({"branch": "topic", "target": "main", "title": "Change it"});
    let (status, refused) = scene.posts(path, &handle, &body).await;
    assert_eq!(status, 403, "{refused}");
    let place = refused["error"]["authorize_url"].as_str().unwrap().to_owned();
    let (ada, text) = allows(&hub, scene.ada, &refused).await;
    scene.ada = ada;
    assert!(text.contains("has begun with it"), "{text}");
    let anew = scene.hears().await;
    assert_ne!(anew, handle);
    assert_eq!(scene.opens("app", &anew).await, "200 opened");
    let place = place.strip_prefix(&hub.url("")).unwrap();
    let again = scene.ada.get(place).await;
    assert_eq!(again.status, 404, "it counts once");
    let (status, refused) = scene
        .posts(
            path,
            &anew,
            &json!({"branch": "topic", "target": "main", "title": "x", "host": "elsewhere.example"}),
        )
        .await;
    assert_eq!(
        (
            status,
            refused["error"]["message"].as_str().unwrap().contains("alone")
        ),
        (409, true),
        "another forge may have a repository of this name: {refused}"
    );
    let many: Vec<String> = (0..21).map(|number| format!("l:{number}")).collect();
    for labels in [json!(many), json!(["two\nlines"])] {
        let wanted = json!({"branch": "topic", "target": "main", "title": "x", "labels": labels});
        assert_eq!(scene.posts(path, &anew, &wanted).await.0, 400, "{labels}");
    }
}

#[tokio::test]
async fn a_hub_where_nobody_signs_in_says_why_it_does_nothing_for_people() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(Vec::new()).await;
    let mut scene = Scene::start_as(&hub, (&provider, SCOPES), PersonRole::Admin).await;
    let handle = scene.started("Plain", "app").await;
    let body = json!({"branch": "topic", "target": "main", "title": "Change it"});
    let (status, refused) = scene
        .posts("/api/as-person/w/acme/app/pull-request", &handle, &body)
        .await;
    let error = |field: &str| refused["error"][field].as_str().unwrap().to_owned();
    assert!(
        status == 409
            && error("message").contains("they sign in at none")
            && error("hint").contains("`--sign-in`"),
        "{refused}"
    );
}

/// Sends a webhook of the forge that is about nobody's repository.
async fn tells(hub: &TestHub, id: &str, event: &str, payload: &Value) {
    let body = payload.to_string();
    let (status, answer) = hub.signed(event, id, body.clone(), &signature(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

fn account(origin: &str) -> Value {
    json!({"id": 7, "login": "ada", "type": "User", "html_url": format!("{origin}/ada"), "avatar_url": "a"})
}

async fn has_authorized(hub: &TestHub) -> bool {
    !hub.hub
        .memory()
        .authorizations_of("ada")
        .await
        .unwrap()
        .is_empty()
}

#[tokio::test]
async fn what_is_revoked_at_the_forge_is_forgotten_here_and_asked_for_again() {
    let provider = FakeProvider::start().await;
    let (hub, directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (mut scene, handle) = scene.authorize().await;
    let revoked = |origin: &str| json!({"action": "revoked", "sender": account(origin)});
    tells(
        &hub,
        "r1",
        "github_app_authorization",
        &revoked("https://github.com"),
    )
    .await;
    assert!(has_authorized(&hub).await, "the same number at another GitHub");
    tells(
        &hub,
        "r2",
        "github_app_authorization",
        &revoked(&provider.address),
    )
    .await;
    assert!(!has_authorized(&hub).await);
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 user_authorization_required"
    );
    let page = scene.ada.get("/you").await;
    assert!(
        page.text.contains("it was revoked there"),
        "her page says it: {}",
        page.text
    );
    let audit = std::fs::read_to_string(directory.path().join("audit.jsonl")).unwrap();
    assert!(
        audit.contains("person:ada at github: it was revoked there"),
        "{audit}"
    );
    // What was interrupted asks again, and then her page says nothing any more.
    let (status, refused) = asks(&mut scene.ada, "Change", "app").await;
    assert_eq!(status, 403, "{refused}");
    let (ada, _) = allows(&hub, scene.ada, &refused).await;
    scene.ada = ada;
    scene.hears().await;
    assert!(has_authorized(&hub).await);
    assert!(!scene.ada.get("/you").await.text.contains("revoked there"));
    let body = revoked(&provider.address).to_string();
    let signed = signature(&body);
    let (status, _) = hub.signed("github_app_authorization", "r2", body, &signed).await;
    assert_eq!(status, 202);
    assert!(
        has_authorized(&hub).await,
        "c3: what had come before takes nothing"
    );
}

/// What a hub leaves behind that ended when a webhook was kept, and before it heeded it.
async fn was_kept(hub: &TestHub, id: &str) {
    let work = hub.hub.memory().begin("w").await.unwrap();
    work.take_in(&[("github", id)], SystemClock.now()).await.unwrap();
    work.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_revoked_is_forgotten_also_when_the_hub_ended_before_it_heeded_it() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    was_kept(&hub, "long-ago").await;
    let (scene, handle) = scene.authorize().await;
    was_kept(&hub, "r1").await;
    let body = json!({"action": "revoked", "sender": account(&provider.address)}).to_string();
    let again = async |id: &str| {
        let signed = signature(&body);
        let sent = hub.signed("github_app_authorization", id, body.clone(), &signed);
        assert_eq!(sent.await.0, 202);
        has_authorized(&hub).await
    };
    assert!(
        again("long-ago").await,
        "c3: what came before takes nothing that was allowed since"
    );
    assert!(!again("r1").await);
    assert!(!again("r1").await, "and once more it is the same");
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 user_authorization_required"
    );
}

#[tokio::test]
async fn an_app_that_is_taken_away_from_an_account_acts_for_its_owner_no_more() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (scene, handle) = scene.authorize().await;
    let installation = |action: &str, client: &str| {
        let installation = json!({
            "id": 5, "app_id": 3, "client_id": client, "updated_at": "2026-01-01T00:00:00Z", "suspended_at": null,
            "account": account(&provider.address)
        });
        json!({"action": action, "sender": account(&provider.address), "installation": installation})
    };
    tells(
        &hub,
        "i1",
        "installation",
        &installation("deleted", "another-app"),
    )
    .await;
    assert!(has_authorized(&hub).await);
    tells(&hub, "i2", "installation", &installation("suspend", "hub-client")).await;
    assert!(!has_authorized(&hub).await);
    let lost = hub.hub.memory().lost_authorizations("ada").await.unwrap();
    assert_eq!(lost[0].how.word(), "suspended");
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 user_authorization_required"
    );
}

#[tokio::test]
async fn a_token_that_the_forge_takes_no_more_is_forgotten_when_it_is_used() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    let scene = Scene::start(&hub, &provider, SCOPES).await;
    let (scene, handle) = scene.authorize().await;
    assert_eq!(scene.opens("app", &handle).await, "200 opened");
    provider.forgets_tokens();
    assert_eq!(
        scene.opens("app", &handle).await,
        "403 user_authorization_required"
    );
    assert!(!has_authorized(&hub).await);
}
