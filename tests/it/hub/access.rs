//! Who may do what at a running hub: a policy filters what machines hear, see and write, and everything refused is in the log.

use std::io::BufReader;
use std::path::Path;

use sdm::access::audit::{Given, verify};
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::{HubError, HubOptions, RunningHub, start};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, PATIENCE, SECRET, quick, registration, wish};

const POLICY: &str = r#"
addons:
  test:
    scopes: [events:read, graph:read, goals:write, ingest:write]
    grants:
      - {allow: write, on: ["repo:acme/app", "env:1-staging", "feed:Deploy"]}
"#;

struct Guarded {
    hub: RunningHub,
    key: String,
    http: reqwest::Client,
    directory: crate::support::remains::Remains,
}

fn options(directory: &Path) -> HubOptions {
    let place = Place::File(directory.join("hub.db"));
    let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.webhooks = WebhookSecrets::for_all(SECRET);
    options.policy = Some(directory.join("policy.yaml"));
    options.audit = Some(directory.join("audit.jsonl"));
    options
}

impl Guarded {
    async fn start(policy: &str) -> Self {
        let directory = crate::support::remains::directory();
        std::fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        let hub = start(options(directory.path())).await.unwrap();
        let (_, key) = Administration::of(hub.memory())
            .new_key(&wish(&[]))
            .await
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            hub,
            key,
            http,
            directory,
        }
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .post(format!("http://{}{path}", self.hub.address))
            .bearer_auth(key);
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    async fn ask(&self, query: &str) -> Value {
        let (status, answer) = self
            .post("/graphql/team/w", &self.key, &json!({"query": query}))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn github(&self, id: &str, payload: &Value) {
        let body = payload.to_string();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
        let signature = hex::encode(aws_lc_rs::hmac::sign(&key, body.as_bytes()));
        let request = self
            .http
            .post(format!("http://{}/webhooks/github/w", self.hub.address));
        let request = request
            .header("x-github-event", "push")
            .header("x-github-delivery", id);
        let request = request.header("x-hub-signature-256", format!("sha256={signature}"));
        let answer = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }

    /// Reasons in the audit log, in order; the log holds.
    fn audited(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap();
        verify(BufReader::new(text.as_bytes()), Given::default()).unwrap();
        let (webhooks, guess) = (std::str::from_utf8(SECRET).unwrap(), "hub_a_guess");
        for secret in [self.key.as_str(), webhooks, guess] {
            assert!(!text.contains(secret), "a secret is in the audit log");
        }
        let entry = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {} {}",
                field("principal"),
                field("operation"),
                field("resource"),
                field("reason")
            )
        };
        text.lines().map(entry).collect()
    }
}

/// A push of another repository of the same owner.
pub fn push_of(name: &str, number: u64) -> Value {
    let mut push = push("a", "b");
    push["repository"]["id"] = json!(number);
    push["repository"]["name"] = json!(name);
    push["repository"]["full_name"] = json!(format!("acme/{name}"));
    push["repository"]["html_url"] = json!(format!("http://git.example.org:8080/acme/{name}"));
    push
}

fn goal(repository: &str, environment: &str) -> String {
    format!(
        "mutation {{ ingestCustomSdmGoal(value: {{goalSetId: \"s\", environment: \"{environment}\", uniqueName: \"g\", \
         sha: \"b\", branch: \"main\", repo: {{owner: \"acme\", name: \"{repository}\", providerId: \"git.example.org:8080\"}}}}) }}"
    )
}

#[tokio::test]
async fn d13_machines_hear_and_see_what_they_are_granted_and_nothing_else() {
    let hub = Guarded::start(POLICY).await;
    let mut wanted = registration("m", "1.0.0", "durable");
    wanted["events"][0]["subscription"] = json!("subscription OnPush { Push { repo { name } } }");
    let (status, answer) = hub.post("/registration", &hub.key, &wanted).await;
    assert_eq!(status, 200, "{answer}");
    let mut machine = Machine::open(answer["url"].as_str().unwrap()).await;
    hub.github("1", &push_of("payroll", 8)).await;
    hub.github("2", &push_of("app", 7)).await;
    let heard = tokio::time::timeout(PATIENCE, machine.hear()).await.unwrap();
    assert_eq!(
        heard["data"],
        json!({"Push": [{"repo": {"name": "app"}}]}),
        "of payroll nothing is heard"
    );
    let seen = hub
        .ask("query { Repo { name } Push { repo { name } } Commit { sha repo { name } } }")
        .await;
    assert_eq!(seen["data"]["Repo"], json!([{"name": "app"}]));
    assert_eq!(seen["data"]["Push"], json!([{"repo": {"name": "app"}}]));
    assert!(
        seen["data"]["Commit"]
            .as_array()
            .unwrap()
            .iter()
            .all(|commit| commit["repo"]["name"] == "app")
    );
}

#[tokio::test]
async fn d36_goals_are_written_where_the_repository_and_the_environment_are_granted() {
    let hub = Guarded::start(POLICY).await;
    let code = |answer: &Value| {
        answer["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or("written")
            .to_owned()
    };
    assert_eq!(code(&hub.ask(&goal("app", "0-code/")).await), "written");
    assert_eq!(code(&hub.ask(&goal("app", "1-staging")).await), "written");
    let refused = hub.ask(&goal("app", "2-production")).await;
    let extensions = &refused["errors"][0]["extensions"];
    assert_eq!(
        extensions["required_permission"],
        json!({"resource": "env:2-production", "level": "write"})
    );
    assert_eq!(
        code(&hub.ask(&goal("payroll", "0-code")).await),
        "insufficient_permission"
    );
    let denied = "addon:test goal.update repo:acme/payroll insufficient_permission";
    let audited = hub.audited();
    assert!(audited.contains(&denied.to_owned()), "{audited:?}");
    assert!(
        audited.contains(&"addon:test goal.update repo:acme/app env:1-staging allowed".to_owned()),
        "{audited:?}"
    );
}

#[tokio::test]
async fn a_changed_policy_takes_effect_without_a_restart_and_a_broken_one_does_not() {
    let hub = Guarded::start(POLICY).await;
    let file = hub.directory.path().join("policy.yaml");
    let is_written = async || hub.ask(&goal("app", "0-code")).await.get("errors").is_none();
    assert!(is_written().await);
    std::fs::write(&file, POLICY.replace("goals:write, ", "goals:wirte, ")).unwrap();
    // A rhythm has passed when a later, whole policy counts.
    std::fs::write(&file, POLICY.replace("goals:write, ", "")).unwrap();
    let begun = std::time::Instant::now();
    while is_written().await {
        assert!(begun.elapsed() < PATIENCE, "the policy never changed");
        tokio::task::yield_now().await;
    }
    let refused = hub.ask(&goal("app", "0-code")).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["missing_scopes"],
        json!(["goals:write"])
    );
}

#[tokio::test]
async fn strangers_and_unmentioned_keys_are_refused_and_written_down() {
    let hub = Guarded::start("addons: {other: {scopes: [graph:read]}}").await;
    let question = json!({"query": "query { Repo { name } }"});
    let (status, answer) = hub.post("/graphql/team/w", &hub.key, &question).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("principal_uninstalled")),
        "{answer}"
    );
    let (status, _) = hub.post("/graphql/team/w", "hub_a_guess", &question).await;
    assert_eq!(status, 401);
    let audited = hub.audited();
    assert_eq!(audited.len(), 3, "{audited:?}");
    assert_eq!(
        audited[0], "anonymous key.create workspace allowed",
        "by the operator"
    );
    assert!(
        audited[1].ends_with("principal_uninstalled") && audited[2].ends_with("invalid_credentials"),
        "{audited:?}"
    );
}

#[tokio::test]
async fn a_hub_does_not_start_with_a_policy_that_cannot_be_used() {
    let directory = crate::support::remains::directory();
    std::fs::write(directory.path().join("policy.yaml"), "addons: {a: {scopes: [x]}}").unwrap();
    let refused = start(options(directory.path())).await.err().expect("refused");
    assert!(matches!(refused, HubError::Rights(_)));
    assert!(
        refused
            .to_string()
            .contains("policy.yaml:1:23: there is no scope `x`"),
        "{refused}"
    );
}

#[tokio::test]
async fn d57_whom_a_policy_only_names_decides_about_nothing() {
    let people = "people:\n  ada: {role: admin}\n  eve: {}\n";
    let hub = Guarded::start(&format!("{POLICY}{people}")).await;
    let administration = Administration::of(hub.hub.memory());
    let key_of = async |name: &str| {
        let person = KeyWish {
            name: name.to_owned(),
            is_person: true,
            ..wish(&[])
        };
        administration.new_key(&person).await.unwrap().1
    };
    let (ada, eve, stranger) = (key_of("ada").await, key_of("eve").await, key_of("mallory").await);
    assert_eq!(hub.ask(&goal("app", "1-staging")).await.get("errors"), None);
    let path = "/goals/w/s/1-staging/g/approve";
    let refused = async |key: &str| {
        let (status, answer) = hub.post(path, key, &json!({})).await;
        (status, answer["error"]["code"].clone())
    };
    assert_eq!(refused(&stranger).await, (403, json!("principal_disabled")));
    assert_eq!(refused(&hub.key).await, (403, json!("person_required")));
    // What is hidden from her is as if it were not there.
    assert_eq!(refused(&eve).await, (404, json!("not_found")));
    assert_eq!(
        refused(&ada).await,
        (404, json!("not_found")),
        "nobody says what she may on it"
    );
    let goals = json!({"query": "query { SdmGoal { uniqueName } }"});
    let (_, seen) = hub.post("/graphql/team/w", &eve, &goals).await;
    assert_eq!(seen["data"]["SdmGoal"], json!([]), "{seen}");
    let audited = hub.audited();
    for person in ["ada", "eve"] {
        let about = format!("person:{person} goal.approve repo:acme/app");
        let is_denied = |line: &String| line.starts_with(&about) && line.ends_with("insufficient_permission");
        assert!(audited.iter().any(is_denied), "{audited:?}");
    }
    assert!(
        audited.contains(&"person:mallory goal.approve workspace principal_disabled".to_owned()),
        "{audited:?}"
    );
}

#[tokio::test]
async fn logs_are_read_of_goals_that_may_be_seen() {
    let hub = Guarded::start(POLICY).await;
    let status = async || {
        let url = format!("http://{}/api/logs/w/s/0-code/g", hub.hub.address);
        hub.http
            .get(url)
            .bearer_auth(&hub.key)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status().await, 404, "nobody knows whose goal it is");
    hub.ask(&goal("app", "0-code")).await;
    assert_eq!(status().await, 200);
}
