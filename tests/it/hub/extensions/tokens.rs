//! Tokens for assertions, for extensions and for people who agreed.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sdm::hub::administration::Administration;
use sdm::ports::people::{PersonChange, PersonRole, PersonState};
use serde_json::{Value, json};

use super::super::people::has_come_in;
use super::Pair;
use super::add_on::{KEY, seconds};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An assertion for the token service at a path.
pub fn assertion(pair: &Pair, path: &str, person: Option<&str>, change: impl FnOnce(&mut Value)) -> String {
    let context = pair.add_on.context();
    let client = context["oauthClientId"].as_str().unwrap();
    let mut claims = json!({
        "iss": format!("urn:atlassian:connect:clientid:{client}"), "tnt": pair.url(""), "aud": pair.url(path),
        "iat": seconds(), "exp": seconds() + 60,
    });
    if let Some(person) = person {
        claims["sub"] = json!(format!("urn:atlassian:connect:useraccountid:{person}"));
    }
    change(&mut claims);
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256"})), part(&claims));
    let key = hmac::Key::new(
        hmac::HMAC_SHA256,
        context["sharedSecret"].as_str().unwrap().as_bytes(),
    );
    format!(
        "{signed}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()))
    )
}

pub async fn exchange(pair: &Pair, path: &str, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let fields = [&[("grant_type", GRANT), ("assertion", assertion)], more].concat();
    pair.add_on.form(&pair.url(path), &fields).await
}

pub async fn ask(pair: &Pair, token: &str, more: &[(&str, &str)], query: &str) -> (u16, Value) {
    let url = pair.url("/graphql/team/w");
    let body = json!({ "query": query });
    pair.add_on
        .call(&url, &format!("Bearer {token}"), more, Some(&body))
        .await
}

pub async fn consent(pair: &Pair, person: Option<&str>) {
    pair.operator.consent(KEY, person, "root").await.unwrap();
}

#[tokio::test]
async fn f6_a_token_reaches_no_more_than_its_extension_and_makes_no_other() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &["*"]).await;
    let path = "/auth/oauth2/token";
    let first = assertion(&pair, path, None, |_| {});
    let (status, given) = exchange(&pair, path, &first, &[("scope", "graph:read")]).await;
    assert_eq!(
        (status, &given["expires_in"], &given["scope"]),
        (200, &json!(3600), &json!("graph:read")),
        "{given}"
    );
    let token = given["access_token"].as_str().unwrap();
    let audit = pair.audit();
    assert!(
        audit.contains("\"token.exchange\"") && audit.contains("addon:com.example.tests"),
        "{audit}"
    );
    assert!(!audit.contains(token), "who has it, and never it");
    assert_eq!(ask(&pair, token, &[], "{ Repo { name } }").await.0, 200);
    let again = exchange(&pair, path, &first, &[]).await;
    assert_eq!(
        (again.0, &again.1["error"]),
        (400, &json!("invalid_grant")),
        "an assertion counts once"
    );
    let wider = assertion(&pair, path, None, |claims| claims["exp"] = json!(seconds() + 59));
    let (status, refused) = exchange(&pair, path, &wider, &[("scope", "graph:read goals:write")]).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_scope")));
    let narrow = assertion(&pair, path, None, |claims| claims["exp"] = json!(seconds() + 58));
    let (_, given) = exchange(&pair, path, &narrow, &[("scope", "events:read")]).await;
    let refused = ask(
        &pair,
        given["access_token"].as_str().unwrap(),
        &[],
        "{ Repo { name } }",
    )
    .await;
    assert_eq!(refused.1["error"]["code"], "insufficient_scope", "{refused:?}");
    let (status, _) = exchange(&pair, path, token, &[]).await;
    assert_eq!(status, 400, "a token is no assertion");
    let rotates = async |credential: String| {
        let url = pair.url("/self/rotate");
        pair.add_on.call(&url, &credential, &[], Some(&json!({}))).await
    };
    let (status, refused) = rotates(format!("Bearer {token}")).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("insufficient_permission")),
        "{refused}"
    );
    let signed = pair.add_on.token(&pair.add_on.secret(), "POST", "/self/rotate");
    let (status, _) = rotates(format!("JWT {signed}")).await;
    assert_eq!(status, 200, "whoever has the secret asks for another");
    pair.operator.disable(KEY).await.unwrap();
    let (status, _) = ask(&pair, token, &[], "{ Repo { name } }").await;
    assert_eq!(status, 401, "it ended with its extension");
}

#[tokio::test]
async fn f5_nobody_is_acted_for_who_did_not_agree() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read act_as_user", &["*"]).await;
    pair.person("ada").await;
    let path = "/oauth2/token";
    let number = std::cell::Cell::new(60);
    let asked = async |person: &str| {
        // Each assertion is another one.
        number.set(number.get() - 1);
        let text = assertion(&pair, path, Some(person), |claims| {
            claims["exp"] = json!(seconds() + number.get());
        });
        exchange(&pair, path, &text, &[]).await
    };
    let (status, refused) = asked("ada").await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("invalid_grant")),
        "{refused}"
    );
    consent(&pair, Some("ada")).await;
    let (status, given) = asked("ada").await;
    assert_eq!((status, &given["expires_in"]), (200, &json!(900)), "{given}");
    assert_eq!(asked("eve").await.0, 400, "her consent is hers alone");
    consent(&pair, None).await;
    assert_eq!(asked("eve").await, (400, refused.clone()), "there is no eve");
    has_come_in(pair.hub.memory(), "eve", PersonRole::Member).await;
    assert_eq!(asked("eve").await.0, 200, "an administrator agreed for everybody");
    let suspended = PersonChange {
        state: Some(PersonState::Suspended),
        ..PersonChange::default()
    };
    let administration = Administration::of(pair.hub.memory());
    administration.change_person("eve", &suspended).await.unwrap();
    assert_eq!(
        asked("eve").await,
        (400, refused),
        "nobody acts for whoever is suspended"
    );
    let let_in = PersonChange {
        state: Some(PersonState::Active),
        ..PersonChange::default()
    };
    administration.change_person("eve", &let_in).await.unwrap();
    assert_eq!(asked("eve").await.0, 200);
    pair.operator.take_consent_back(KEY, None).await.unwrap();
    assert_eq!(asked("eve").await.0, 400, "and takes it back");
    let token = given["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        ask(&pair, &token, &[], "{ Repo { name } }").await.0,
        200,
        "ada agreed for herself"
    );
    pair.operator.take_consent_back(KEY, Some("ada")).await.unwrap();
    assert_eq!(
        ask(&pair, &token, &[], "{ Repo { name } }").await.0,
        401,
        "and ends it"
    );
    let key = pair.person("bob").await;
    let agreeing = pair
        .add_on
        .call(
            &pair.url("/consents/x"),
            &format!("Bearer {key}"),
            &[],
            Some(&json!({})),
        )
        .await;
    assert_eq!(
        agreeing.1["error"]["code"], "interactive_session_required",
        "{agreeing:?}"
    );
    let elsewhere = assertion(&pair, path, Some("ada"), |claims| {
        claims["tnt"] = json!("https://other.example");
    });
    assert_eq!(exchange(&pair, path, &elsewhere, &[]).await.0, 400);
}

#[tokio::test]
async fn d42_a_handle_that_does_not_hold_is_never_taken_for_none() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read act_as_user", &["*"]).await;
    let path = "/auth/oauth2/token";
    let (_, given) = exchange(&pair, path, &assertion(&pair, path, None, |_| {}), &[]).await;
    let token = given["access_token"].as_str().unwrap();
    let handle = [("x-hub-context", "a-guess")];
    let (_, refused) = ask(&pair, token, &handle, "{ Repo { name } }").await;
    assert_eq!(refused["error"]["code"], "context_not_proven", "{refused}");
    assert_eq!(ask(&pair, token, &[], "{ Repo { name } }").await.0, 200);
}
