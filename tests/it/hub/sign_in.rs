//! Signing in with GitHub and with a provider of OpenID Connect, and everything that must not let anybody in.

use std::sync::Arc;

use reqwest::Method;
use sdm::hub::administration::Administration;
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::people::providers::ProviderSettings;
use sdm::hub::{HubOptions, start};
use sdm::ports::people::{People as _, PersonChange, PersonRole, PersonState};
use sdm::secrets::envelope::{MasterKey, MasterKeys};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::machine::{SECRET, TestHub, quick, wish};
use super::people::{Answered, Browser, signed_in};
use crate::support::fake_provider::{Account, FakeProvider};

/// A hub whose people sign in with these.
pub async fn hub_with(providers: Vec<ProviderSettings>) -> (TestHub, crate::support::remains::Remains) {
    let directory = crate::support::remains::directory();
    let place = Place::File(directory.path().join("hub.db"));
    let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.providers = providers;
    options.webhooks = WebhookSecrets::for_all(SECRET);
    options.audit = Some(directory.path().join("audit.jsonl"));
    let key = MasterKey::parse(&MasterKey::fresh_text().unwrap()).unwrap();
    options.master_keys = Some(Arc::new(MasterKeys::new(key, Vec::new())));
    let hub = start(options).await.unwrap();
    let administration = Administration::of(hub.memory());
    let (_, key) = administration.new_key(&wish(&[])).await.unwrap();
    (TestHub::of(hub, key), directory)
}

/// A browser with the cookie of a sign-in that began, beside that of a session.
pub struct Going<'a> {
    pub browser: Browser<'a>,
    /// What the provider sends it back with: path and query at the hub.
    pub back: String,
    pub session: String,
}

/// Sends a browser out to a provider and lets it come to the door again.
pub async fn go<'a>(browser: Browser<'a>, provider: &str, form: &str) -> Going<'a> {
    go_by(browser, &format!("/sign-in/with/{provider}"), form).await
}

/// The same, by another form.
pub async fn go_by<'a>(mut browser: Browser<'a>, path: &str, form: &str) -> Going<'a> {
    let session = browser.cookie.clone();
    let out = browser.submit(path, form).await;
    assert_eq!(out.status, 303, "{}", out.text);
    let begun = out.set_cookie.split(';').next().unwrap().to_owned();
    browser.cookie = match session.is_empty() {
        true => begun,
        false => format!("{begun}; {session}"),
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = client.get(&out.location).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let back = location
        .split_once("/sign-in/back/")
        .expect("back to the hub")
        .1
        .to_owned();
    Going {
        browser,
        back: format!("/sign-in/back/{back}"),
        session,
    }
}

impl<'a> Going<'a> {
    /// Comes back; the browser has only its session afterwards.
    pub async fn come(mut self) -> (Browser<'a>, Answered) {
        let client = self.browser.send(Method::GET, &self.back, &[], "").await;
        if client.set_cookie.contains("session") && client.status == 303 {
            self.browser.cookie = client.set_cookie.split(';').next().unwrap().to_owned();
        } else {
            self.browser.cookie = self.session;
        }
        (self.browser, client)
    }
}

async fn who(browser: &mut Browser<'_>) -> Value {
    let me = browser.get("/api/me").await;
    serde_json::from_str(&me.text).unwrap()
}

#[tokio::test]
async fn members_of_the_organisation_come_in_with_github_and_others_do_not() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    provider.sits(Account::new(7, "ada"));
    let (_, stranger) = go(Browser::new(&hub), "github", "return=/x").await.come().await;
    assert_eq!(stranger.status, 403);
    assert!(
        stranger.text.contains("Nobody here knows ada of github"),
        "{}",
        stranger.text
    );
    assert_eq!(hub.hub.memory().people().await.unwrap(), []);
    provider.joins("acme", "ada");
    let (mut browser, came) = go(Browser::new(&hub), "github", "return=/goals")
        .await
        .come()
        .await;
    assert_eq!(
        (came.status, came.location.as_str()),
        (303, "/goals"),
        "{}",
        came.text
    );
    let me = who(&mut browser).await;
    assert_eq!(me["role"], "member");
    assert!(
        me["id"].as_str().unwrap().starts_with("ada-"),
        "never an id that had rights before: {me}"
    );
    assert_eq!(me["identities"][0]["subject"], "7");
    assert_eq!(
        provider.tokens(),
        Vec::<String>::new(),
        "the tokens were given back"
    );
    provider.sits(Account::new(7, "lovelace"));
    let (mut again, _) = go(Browser::new(&hub), "github", "").await.come().await;
    let renamed = who(&mut again).await;
    assert_eq!(
        (&renamed["id"], &renamed["identities"][0]["login"]),
        (&me["id"], &json!("lovelace"))
    );
    let suspended = PersonChange {
        state: Some(PersonState::Suspended),
        ..PersonChange::default()
    };
    let id = me["id"].as_str().unwrap();
    hub.administration().change_person(id, &suspended).await.unwrap();
    let (_, refused) = go(Browser::new(&hub), "github", "").await.come().await;
    assert_eq!(refused.code(), "principal_disabled");
}

#[tokio::test]
async fn somebody_whose_session_has_ended_signs_in_again() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    provider.sits(Account::new(7, "ada"));
    provider.joins("acme", "ada");
    let mut browser = signed_in(&hub, "bob", PersonRole::Member).await;
    let admin = PersonChange {
        role: Some(PersonRole::Admin),
        ..PersonChange::default()
    };
    hub.administration().change_person("bob", &admin).await.unwrap();
    let form = format!("anti_forgery={}", browser.token().await);
    let (mut browser, came) = go(browser, "github", &form).await.come().await;
    assert_eq!(came.status, 303, "{}", came.text);
    assert_eq!(who(&mut browser).await["identities"][0]["login"], "ada");
}

#[tokio::test]
async fn an_administrators_invitation_is_used_with_a_provider() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.oidc()]).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let token = ada.token().await;
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token.as_str()),
    ];
    let invited = ada
        .send(
            Method::POST,
            "/api/invitations",
            &headers,
            r#"{"id": "bob", "role": "member"}"#,
        )
        .await;
    let invited: Value = serde_json::from_str(&invited.text).unwrap();
    let link = invited["link"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(&hub.url("")).unwrap();
    let mut bob = Browser::new(&hub);
    assert!(bob.get(path).await.text.contains("Sign in with company"));
    assert_eq!(
        bob.submit(path, "").await.status,
        404,
        "not without showing who he is"
    );
    let text = path.rsplit('/').next().unwrap();
    let mut account = Account::new(9, "bob");
    account.is_verified = false;
    provider.sits(account);
    let (mut bob, came) = go(bob, "company", &format!("link={text}")).await.come().await;
    assert_eq!(came.status, 303, "{}", came.text);
    let me = who(&mut bob).await;
    assert_eq!(
        (&me["id"], &me["identities"][0]["subject"]),
        (&json!("bob"), &json!("subject-9"))
    );
    provider.sits(Account {
        email: "eve@evil.example".to_owned(),
        ..Account::new(10, "eve")
    });
    let (_, second) = go(Browser::new(&hub), "company", &format!("link={text}"))
        .await
        .come()
        .await;
    assert_eq!(second.status, 403, "an invitation counts once");
}

#[tokio::test]
async fn f7_nobody_comes_in_by_an_answer_that_is_not_theirs() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github(), provider.oidc()]).await;
    provider.sits(Account::new(7, "ada"));
    provider.joins("acme", "ada");
    let refused = async |going: Going<'_>, back: &str| {
        let mut browser = going.browser;
        let answer = browser.get(back).await;
        assert!(
            answer.status == 403 || answer.status == 400,
            "{back}: {} {}",
            answer.status,
            answer.text
        );
        assert!(!answer.set_cookie.contains("session"), "{back}");
    };
    let going = go(Browser::new(&hub), "github", "").await;
    let (path, query) = going.back.split_once('?').unwrap();
    let (code, state) = query.split_once('&').unwrap();
    for wrong in [
        format!("{path}?{code}"),
        format!("{path}?{code}&state=foreign"),
        format!("{path}?{code}&{code}&{state}"),
        format!("{path}?{state}"),
    ] {
        let again = go(Browser::new(&hub), "github", "").await;
        refused(again, &wrong).await;
    }
    let other = Going {
        browser: Browser::new(&hub),
        back: String::new(),
        session: String::new(),
    };
    let back = going.back.clone();
    refused(other, &back).await;
    refused(going, &back).await;
    let reused = go(Browser::new(&hub), "github", "").await;
    let back = reused.back.clone();
    let cookie = reused.browser.cookie.clone();
    assert_eq!(reused.come().await.1.status, 303);
    let mut again = Browser::new(&hub);
    again.cookie = cookie;
    assert_eq!(
        again.get(&back).await.status,
        403,
        "a code and a state count once"
    );
    let mixed = go(Browser::new(&hub), "github", "").await;
    let back = mixed.back.replace("/back/github", "/back/company");
    refused(mixed, &back).await;
    let swapped = go(Browser::new(&hub), "github", "").await;
    let foreign = go(Browser::new(&hub), "github", "").await;
    let code = foreign.back.split(['?', '&']).nth(1).unwrap();
    let state = swapped.back.split('&').nth(1).unwrap();
    let back = format!("/sign-in/back/github?{code}&{state}");
    refused(swapped, &back).await;
    for (claim, value) in [
        ("aud", json!("another-client")),
        ("nonce", json!("foreign")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(1)),
        ("sub", json!("")),
    ] {
        provider.lies(claim, value);
        let lying = go(Browser::new(&hub), "company", "").await;
        let back = lying.back.clone();
        refused(lying, &back).await;
    }
    assert_eq!(
        go(Browser::new(&hub), "company", "").await.come().await.1.status,
        303
    );
}

#[tokio::test]
async fn f7_h3_the_way_back_is_one_address_and_the_place_afterwards_is_the_hubs() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    provider.sits(Account::new(7, "ada"));
    provider.joins("acme", "ada");
    for place in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:x",
        "/sign-in",
    ] {
        let form = format!(
            "return={}&redirect_uri=https://hub.example.evil/",
            place.replace('\\', "%5C")
        );
        let going = go(Browser::new(&hub), "github", &form).await;
        assert!(
            going.back.starts_with("/sign-in/back/github?code="),
            "{}",
            going.back
        );
        let (_, came) = going.come().await;
        let afterwards = if place == "/sign-in" { place } else { "/" };
        assert_eq!(
            (came.status, came.location.as_str()),
            (303, afterwards),
            "{place}"
        );
    }
    let foreign = Browser::new(&hub)
        .send(
            Method::POST,
            "/sign-in/with/github",
            &[("origin", "https://evil.example")],
            "",
        )
        .await;
    assert_eq!(foreign.code(), "foreign_origin");
    assert_eq!(
        Browser::new(&hub).submit("/sign-in/with/other", "").await.status,
        404
    );
}

#[tokio::test]
async fn people_sign_in_with_a_github_app_whose_tokens_end_and_nothing_of_that_stays() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github_app()]).await;
    provider.sits(Account::new(7, "ada"));
    provider.joins("acme", "ada");
    let (mut browser, came) = go(Browser::new(&hub), "github", "").await.come().await;
    assert_eq!(came.status, 303, "{}", came.text);
    assert_eq!(who(&mut browser).await["identities"][0]["subject"], "7");
    assert_eq!(
        provider.tokens(),
        Vec::<String>::new(),
        "the token was given back"
    );
}

#[tokio::test]
async fn f2_a_provider_that_signs_with_rsa_lets_people_in_and_its_key_decides_over_the_algorithm() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.oidc()]).await;
    provider.sits(Account::new(7, "ada"));
    provider.signs_by("r", true, false);
    let (mut browser, came) = go(Browser::new(&hub), "company", "").await.come().await;
    assert_eq!(came.status, 303, "{}", came.text);
    assert_eq!(who(&mut browser).await["identities"][0]["subject"], "subject-7");
    provider.lies("aud", json!("another-client"));
    let (_, refused) = go(Browser::new(&hub), "company", "").await.come().await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    // The same id names another key now: what the one before has signed is nobody's.
    provider.signs_by("r", false, true);
    assert_eq!(
        go(Browser::new(&hub), "company", "").await.come().await.1.status,
        303
    );
    provider.signs_by("r", true, false);
    let (_, refused) = go(Browser::new(&hub), "company", "").await.come().await;
    assert_eq!(refused.status, 403, "two keys of one id");
}

#[tokio::test]
async fn somebody_who_is_signed_in_says_who_they_are_elsewhere() {
    let provider = FakeProvider::start().await;
    let (hub, _directory) = hub_with(vec![provider.github()]).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    provider.sits(Account::new(7, "ada-at-github"));
    let token = ada.token().await;
    let form = format!("connect=1&anti_forgery={token}&return=/sign-in");
    let (mut ada, came) = go(ada, "github", &form).await.come().await;
    assert_eq!(came.status, 303, "{}", came.text);
    assert_eq!(who(&mut ada).await["identities"][0]["login"], "ada-at-github");
    let mut eve = signed_in(&hub, "eve", PersonRole::Member).await;
    let token = eve.token().await;
    let form = format!("connect=1&anti_forgery={token}&return=/sign-in");
    let (_, refused) = go(eve, "github", &form).await.come().await;
    assert_eq!(refused.status, 403, "somebody else is that");
    let (mut back, _) = go(Browser::new(&hub), "github", "").await.come().await;
    assert_eq!(who(&mut back).await["id"], "ada");
}

#[tokio::test]
async fn d58_d59_administrators_decide_over_people_and_owners_over_owners() {
    let (hub, _directory) = hub_with(Vec::new()).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let mut bob = signed_in(&hub, "bob", PersonRole::Member).await;
    let _eve = signed_in(&hub, "eve", PersonRole::Owner).await;
    let (ada_token, bob_token) = (ada.token().await, bob.token().await);
    let from = |token: &str| {
        [
            ("sec-fetch-site", "same-origin".to_owned()),
            ("x-sdm-anti-forgery", token.to_owned()),
        ]
    };
    let send = async |browser: &mut Browser<'_>, token: &str, method: Method, path: &str, body: &str| {
        let headers = from(token);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = browser.send(method, path, &headers, body).await;
        (answer.status, answer.code())
    };
    let role = r#"{"role": "admin"}"#;
    let refused = send(&mut bob, &bob_token, Method::PUT, "/api/people/bob/role", role).await;
    assert_eq!(refused, (403, json!("insufficient_permission")));
    assert_eq!(bob.get("/api/people").await.status, 403);
    let listed: Value = serde_json::from_str(&ada.get("/api/people").await.text).unwrap();
    assert_eq!(listed["people"].as_array().unwrap().len(), 3);
    for (method, path, body) in [
        (Method::PUT, "/api/people/eve/role", r#"{"role": "member"}"#),
        (Method::PUT, "/api/people/ada/role", r#"{"role": "owner"}"#),
        (Method::POST, "/api/people/eve/suspend", ""),
        (Method::DELETE, "/api/people/eve/sessions", ""),
        (
            Method::POST,
            "/api/invitations",
            r#"{"id": "mallory", "role": "owner"}"#,
        ),
    ] {
        let refused = send(&mut ada, &ada_token, method, path, body).await;
        assert_eq!(refused, (403, json!("insufficient_permission")), "{path}");
    }
    for (method, path, body, status) in [
        (Method::PUT, "/api/people/bob/role", r#"{"role": "king"}"#, 400),
        (Method::PUT, "/api/people/nobody/role", role, 404),
        (Method::POST, "/api/invitations", r#"{"id": "bob"}"#, 409),
        (Method::POST, "/api/invitations", r#"{"id": "a b"}"#, 400),
        (Method::POST, "/api/people/bob/suspend", "", 200),
        (Method::POST, "/api/people/bob/restore", "", 200),
        (Method::PUT, "/api/people/bob/role", role, 200),
    ] {
        let answer = send(&mut ada, &ada_token, method, path, body).await;
        assert_eq!(answer.0, status, "{path} {body}: {}", answer.1);
    }
    assert_eq!(
        bob.get("/api/me").await.status,
        401,
        "a suspended person's session has ended"
    );
    let sessions: Value = serde_json::from_str(&ada.get("/api/me/sessions").await.text).unwrap();
    let id = sessions["sessions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(sessions["sessions"][0]["current"], true);
    let path = format!("/api/me/sessions/{id}");
    assert_eq!(send(&mut ada, &ada_token, Method::DELETE, &path, "").await.0, 200);
    assert_eq!(ada.get("/api/me").await.status, 401);
}
