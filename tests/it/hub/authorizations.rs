//! People let the hub act for them, step by step, and the command that needed it goes on, once.

use reqwest::Method;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::commands::{deploy, offers};
use super::forge_rights::is_at_github;
use super::machine::TestHub;
use super::people::{Answered, Browser, signed_in};
use super::sign_in::{go_by, hub_with};
use crate::support::fake_provider::{Account, FakeProvider};

/// Asks for the command in a browser.
async fn ask(browser: &mut Browser<'_>) -> (u16, Value) {
    let token = browser.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token.as_str()),
        ("content-type", "application/json"),
    ];
    let body = deploy().to_string();
    let answer = browser.send(Method::POST, "/command", &headers, &body).await;
    (answer.status, serde_json::from_str(&answer.text).unwrap())
}

/// Where the browser authorises the hub.
fn place(hub: &TestHub, refused: &Value) -> String {
    let url = refused["error"]["authorize_url"].as_str().expect("a link");
    url.strip_prefix(&hub.url("")).unwrap().to_owned()
}

/// Goes there and comes back.
async fn authorize<'a>(mut browser: Browser<'a>, place: &str) -> (Browser<'a>, Answered) {
    let token = browser.token().await;
    go_by(browser, place, &format!("anti_forgery={token}"))
        .await
        .come()
        .await
}

async fn authorizations(browser: &mut Browser<'_>) -> Value {
    let answer = browser.get("/api/me/authorizations").await;
    serde_json::from_str::<Value>(&answer.text).unwrap()["authorizations"].clone()
}

#[tokio::test]
async fn d48_a_person_grants_what_a_command_needs_and_it_goes_on_once() {
    let provider = FakeProvider::start().await;
    let (hub, directory) = hub_with(vec![provider.github()]).await;
    let mut machine = hub.machine(&offers("m")).await;
    let account = Account::new(7, "ada");
    provider.sits(account.clone());
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    let mut eve = signed_in(&hub, "eve", PersonRole::Member).await;
    is_at_github(&hub, "ada", &account).await;
    let (status, refused) = ask(&mut ada).await;
    let error = &refused["error"];
    assert_eq!(
        (status, &error["code"], &error["missing"]),
        (403, &json!("user_authorization_required"), &json!(["repo"])),
        "{refused}"
    );
    let place = place(&hub, &refused);
    assert_eq!(eve.get(&place).await.status, 404, "for her and nobody else");
    assert_eq!(
        Browser::new(&hub).get(&place).await.status,
        303,
        "whoever is not signed in signs in first"
    );
    let page = ada.get(&place).await;
    assert!(page.text.contains("<code>repo</code>"), "{}", page.text);
    let (mut ada, done) = authorize(ada, &place).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("has begun with it"), "{}", done.text);
    let heard = machine.hear().await;
    assert_eq!(heard["command"], "Deploy");
    assert_eq!(heard["secrets"][1]["value"], "null", "no machine gets the token");
    assert_eq!(ada.get(&place).await.status, 404, "once");
    assert_eq!(authorizations(&mut ada).await[0]["scopes"], json!(["repo"]));
    assert_eq!(ask(&mut ada).await.0, 200, "what was granted stays");
    assert_eq!(machine.hear().await["command"], "Deploy");
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes.windows(10).any(|part| part == b"gho_canary"),
            "f9: no token in the database"
        );
    }
    let token = ada.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token.as_str()),
    ];
    let revoked = ada
        .send(Method::DELETE, "/api/me/authorizations/github", &headers, "")
        .await;
    assert_eq!(revoked.text, r#"{"revoked_at_provider":true}"#);
    assert_eq!(provider.tokens(), Vec::<String>::new(), "there too");
    assert_eq!(authorizations(&mut ada).await, json!([]));
    assert_eq!(
        ask(&mut ada).await.1["error"]["code"],
        "user_authorization_required"
    );
}

#[tokio::test]
async fn what_was_granted_counts_and_not_what_was_asked_for() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    let _machine = hub.machine(&offers("m")).await;
    let account = Account::new(7, "ada");
    provider.sits(account.clone());
    provider.grants(Some("read:user workflow"));
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    is_at_github(&hub, "ada", &account).await;
    let (_, refused) = ask(&mut ada).await;
    let (mut ada, done) = authorize(ada, &place(&hub, &refused)).await;
    assert!(done.text.contains("did not begin"), "{}", done.text);
    assert_eq!(
        authorizations(&mut ada).await[0]["scopes"],
        json!(["read:user", "workflow"])
    );
    provider.grants(None);
    let (_, refused) = ask(&mut ada).await;
    let page = ada.get(&place(&hub, &refused)).await.text;
    for scope in ["read:user", "workflow", "repo"] {
        assert!(
            page.contains(&format!("<code>{scope}</code>")),
            "the union: {page}"
        );
    }
    let (mut ada, done) = authorize(ada, &place(&hub, &refused)).await;
    assert!(done.text.contains("has begun with it"), "{}", done.text);
    assert_eq!(
        authorizations(&mut ada).await[0]["scopes"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(provider.tokens().len(), 1, "the token before it was given back");
}

#[tokio::test]
async fn only_the_account_that_is_the_persons_counts() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    let _machine = hub.machine(&offers("m")).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    is_at_github(&hub, "ada", &Account::new(7, "ada")).await;
    provider.sits(Account::new(8, "eve"));
    let (_, refused) = ask(&mut ada).await;
    let (mut ada, done) = authorize(ada, &place(&hub, &refused)).await;
    assert_eq!(done.status, 403, "{}", done.text);
    assert!(done.text.contains("is not who you are there"), "{}", done.text);
    assert_eq!(authorizations(&mut ada).await, json!([]));
    assert_eq!(provider.tokens(), Vec::<String>::new());
}
