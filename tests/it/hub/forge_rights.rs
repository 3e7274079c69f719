//! What people may do on repositories is what the forge says, as it says it now.

use reqwest::Method;
use sdm::ports::people::{People as _, PersonRole, StoredIdentity};
use serde_json::{Value, json};

use super::access::push_of;
use super::machine::{TestHub, signature};
use super::people::{Browser, signed_in};
use super::sign_in::hub_with;
use crate::support::fake_provider::{Account, FakeProvider};

pub async fn is_at_github(hub: &TestHub, person: &str, account: &Account) {
    let identity = StoredIdentity {
        provider: "github".to_owned(),
        subject: account.id.to_string(),
        login: account.login.clone(),
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

async fn pushed(hub: &TestHub, id: &str, name: &str, number: u64) {
    let body = push_of(name, number).to_string();
    let (status, answer) = hub.signed("push", id, body.clone(), &signature(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn d56_d57_f8_people_see_and_decide_what_the_forge_lets_them() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    pushed(&hub, "1", "app", 7).await;
    pushed(&hub, "2", "payroll", 8).await;
    let (reader, writer) = (Account::new(1, "reader"), Account::new(2, "writer"));
    let mut bob = signed_in(&hub, "bob", PersonRole::Member).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let (bob_token, ada_token) = (bob.token().await, ada.token().await);
    let repositories = "query { Repo { name } }";
    assert_eq!(
        ask(&mut ada, &ada_token, repositories).await["data"]["Repo"],
        json!([]),
        "nobody there, nothing here"
    );
    is_at_github(&hub, "bob", &reader).await;
    is_at_github(&hub, "ada", &writer).await;
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

#[tokio::test]
async fn d57_a_readers_key_decides_no_more_than_the_reader() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    pushed(&hub, "1", "app", 7).await;
    let account = Account::new(1, "reader");
    let mut bob = signed_in(&hub, "bob", PersonRole::Member).await;
    let token = bob.token().await;
    is_at_github(&hub, "bob", &account).await;
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
