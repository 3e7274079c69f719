//! Installs, rotations, changes of descriptors, and ends.

use std::time::Duration;

use sdm::access::snapshot::AddonState;
use sdm::access::{AddonKey, Grant, Level, Principal, Right, Selector, Term};
use sdm::hub::addons::answers::Answer;
use sdm::hub::administration::Administration;
use sdm::hub::extensions::ExtensionError;
use sdm::ports::hub::secrets::SealedSecrets as _;
use serde_json::json;

use super::add_on::KEY;
use super::tokens::{ask, assertion, exchange};
use super::{Pair, extension_options};

/// A question that needs goals:write.
const WRITES: &str = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", uniqueName: \"g\"}) }";

#[tokio::test]
async fn an_install_that_is_not_taken_is_rolled_back_and_can_be_agreed_to_again() {
    let pair = Pair::start().await;
    pair.add_on.refuse("/app/installed", 500, 1);
    pair.register().await;
    pair.agree("graph:read").await;
    pair.until("it is in trouble", async || {
        !pair.shown().await.trouble.is_empty()
    })
    .await;
    let shown = pair.shown().await;
    assert_eq!(
        (shown.state, shown.is_installed, shown.waits),
        (AddonState::Pending, false, true)
    );
    assert!(shown.trouble.contains("500"), "{}", shown.trouble);
    assert_eq!(
        pair.get("/self").await.0,
        401,
        "the secret that was posted counts for nothing"
    );
    let secrets = pair.hub.memory().secrets().await.unwrap();
    assert!(
        secrets.iter().all(|secret| secret.kind != "shared_secret"),
        "{secrets:?}"
    );
    pair.agree("graph:read").await;
    pair.until("it is at work", async || {
        !pair.add_on.told("/app/enabled").is_empty()
    })
    .await;
    assert_eq!(pair.get("/self").await.0, 200);
}

#[tokio::test]
async fn f3_a_rotation_keeps_the_old_secret_for_its_grace_and_never_signs_with_it() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let first = pair.add_on.secret();
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("it has another secret", async || {
        pair.add_on.told("/app/installed").len() == 2
    })
    .await;
    pair.add_on.check_install(&pair.url("")).await;
    pair.until("the new one counts", async || pair.get("/self").await.0 == 200)
        .await;
    let old = pair.add_on.token(&first, "GET", "/self");
    let status = async |token: &str| {
        pair.add_on
            .call(&pair.url("/self"), &format!("JWT {token}"), &[], None)
            .await
            .0
    };
    assert_eq!(status(&old).await, 200, "in its grace");
    pair.add_on.refuse("/app/installed", 503, 1);
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("it is in trouble", async || {
        pair.shown().await.trouble.contains("503")
    })
    .await;
    let second = pair.add_on.told("/app/installed")[1].body["sharedSecret"]
        .as_str()
        .unwrap()
        .to_owned();
    let second = sdm::wire::connect::SharedSecret::from_text(second.into()).unwrap();
    assert_eq!(
        status(&pair.add_on.token(&second, "GET", "/self")).await,
        200,
        "what was not taken changes nothing"
    );
    assert_eq!(
        status(&pair.add_on.token(&pair.add_on.secret(), "GET", "/self")).await,
        401
    );
}

#[tokio::test]
async fn f3_without_grace_the_old_secret_ends_with_the_rotation() {
    let pair = Pair::with_grace(Duration::ZERO).await;
    pair.install("events:read graph:read", &[]).await;
    let first = pair.add_on.secret();
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("it has another secret", async || {
        pair.add_on.told("/app/installed").len() == 2
    })
    .await;
    pair.until("the new one counts", async || pair.get("/self").await.0 == 200)
        .await;
    let old = format!("JWT {}", pair.add_on.token(&first, "GET", "/self"));
    assert_eq!(pair.add_on.call(&pair.url("/self"), &old, &[], None).await.0, 401);
}

#[tokio::test]
async fn f4_more_scopes_and_other_addresses_wait_and_less_takes_effect_at_once() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    pair.add_on.describe(&json!({
        "scopes": ["READ", "WRITE"],
        "lifecycle": {"installed": "/v2/installed", "enabled": "/v2/enabled"},
    }));
    let shown = pair.operator.read_again(KEY).await.unwrap();
    assert!(shown.waits && shown.state == AddonState::Active);
    assert_eq!(
        pair.ask("{ Repo { name } }").await.0,
        200,
        "what was approved goes on"
    );
    let refused = pair.ask(WRITES).await;
    let error = &refused.1["errors"][0]["extensions"];
    assert_eq!(
        (&error["code"], &error["pending"]),
        (&json!("insufficient_scope"), &json!(true)),
        "{refused:?}"
    );
    assert!(
        pair.add_on.told("/app/v2/installed").is_empty(),
        "nobody agreed to the new address"
    );
    pair.agree("events:read graph:read goals:write").await;
    pair.until("it is installed anew", async || {
        !pair.add_on.told("/app/v2/enabled").is_empty()
    })
    .await;
    pair.add_on.describe(&json!({"scopes": ["graph:read"], "lifecycle": {"installed": "/v2/installed", "enabled": "/v2/enabled"}}));
    let shown = pair.operator.read_again(KEY).await.unwrap();
    assert!(!shown.waits, "less is not asked for");
    assert_eq!(shown.approved.names(), ["graph:read"]);
    let refused = pair.ask(WRITES).await;
    assert_eq!(
        refused.1["errors"][0]["extensions"]["code"], "insufficient_scope",
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_was_shown_is_what_is_agreed_to_and_another_key_is_another_extension() {
    let pair = Pair::start().await;
    let shown = pair.register().await;
    pair.add_on.describe(&json!({"scopes": ["ADMIN"]}));
    pair.operator.read_again(KEY).await.unwrap();
    let answer = sdm::hub::extensions::life::Answer {
        by: sdm::access::PersonId::operator(),
        shown: shown.digest,
        scopes: None,
        ticked: sdm::access::ScopeSet::EMPTY,
    };
    let refused = pair.operator.approve(KEY, &answer).await.unwrap_err();
    assert!(
        refused.to_string().contains("has changed since this was shown"),
        "{refused}"
    );
    pair.add_on.describe(&json!({"key": "com.example.other"}));
    let other = pair.operator.read_again(KEY).await.unwrap_err();
    assert!(matches!(other, ExtensionError::OtherKey { .. }), "{other}");
    pair.add_on.describe(&json!({"scopes": ["goals:everything"]}));
    assert!(matches!(
        pair.operator.read_again(KEY).await,
        Err(ExtensionError::Scope(_))
    ));
    pair.add_on.describe(&json!({"authentication": {"type": "none"}}));
    assert!(matches!(
        pair.operator.read_again(KEY).await,
        Err(ExtensionError::Unauthenticated)
    ));
}

#[tokio::test]
async fn an_end_destroys_the_secrets_at_once_and_tells_three_times() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    pair.operator.disable(KEY).await.unwrap();
    pair.until("it is told", async || {
        !pair.add_on.told("/app/disabled").is_empty()
    })
    .await;
    let (status, answer) = pair.ask("{ Repo { name } }").await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &json!("principal_disabled")),
        "{answer}"
    );
    pair.operator.enable(KEY).await.unwrap();
    pair.until("it may again", async || {
        pair.ask("{ Repo { name } }").await.0 == 200
    })
    .await;
    pair.add_on.refuse("/app/uninstalled", 500, 2);
    pair.operator.uninstall(KEY).await.unwrap();
    pair.until("it was told three times", async || {
        pair.add_on.told("/app/uninstalled").len() == 3
    })
    .await;
    assert!(
        pair.add_on.told("/app/uninstalled")[0]
            .body
            .get("sharedSecret")
            .is_none()
    );
    assert_eq!(pair.get("/self").await.0, 401);
    let secrets = pair.hub.memory().secrets().await.unwrap();
    assert!(secrets.iter().all(|secret| secret.kind != "shared_secret"));
    pair.until("it is over", async || !pair.shown().await.is_installed)
        .await;
    pair.install("events:read", &[]).await;
    assert_eq!(pair.get("/self").await.0, 200, "it may come back");
}

/// Rights that are kept of the extension.
async fn rights(pair: &Pair) -> usize {
    let held = Administration::of(pair.hub.memory()).rights().await.unwrap();
    let key = AddonKey::parse(KEY).unwrap();
    let consents = held.consents.get(&key);
    let consents = consents.map_or(0, |consents| {
        consents.people.len() + usize::from(consents.everybody)
    });
    held.grants_of(&Principal::Addon(key.clone())).count() + consents + held.terms_of(&key).len()
}

#[tokio::test]
async fn a8_an_extension_that_comes_back_has_nothing_of_what_it_had() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &["repo:acme/*"]).await;
    pair.operator.consent(KEY, None, "root").await.unwrap();
    pair.operator.consent(KEY, Some("ada"), "ada").await.unwrap();
    let administration = Administration::of(pair.hub.memory());
    let key = AddonKey::parse(KEY).unwrap();
    let terms = [Term::Audience].into();
    administration.set_terms(&key, &terms).await.unwrap();
    assert_eq!(rights(&pair).await, 4);
    pair.operator.uninstall(KEY).await.unwrap();
    assert_eq!(rights(&pair).await, 0, "uninstalled");
    let grant = Grant::new(Selector::Everything, Right::Allow(Level::Write));
    let to = Principal::Addon(key);
    let late = administration.give(to.clone(), grant.clone(), false).await;
    late.unwrap();
    pair.until("it is over", async || !pair.shown().await.is_installed)
        .await;
    pair.register().await;
    assert_eq!(rights(&pair).await, 0, "begun anew");
    administration.give(to, grant, false).await.unwrap();
    pair.operator.reject(KEY).await.unwrap();
    assert_eq!(rights(&pair).await, 0, "rejected");
}

#[tokio::test]
async fn d08_tokens_end_with_an_extension_whoever_switches_it_off() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &["*"]).await;
    let path = "/auth/oauth2/token";
    let (_, given) = exchange(&pair, path, &assertion(&pair, path, None, |_| {}), &[]).await;
    let token = given["access_token"].as_str().unwrap();
    let administration = Administration::of(pair.hub.memory());
    let key = AddonKey::parse(KEY).unwrap();
    for answer in [Answer::Disable, Answer::Enable] {
        administration.answer_addon(&key, &answer).await.unwrap();
    }
    let (status, refused) = ask(&pair, token, &[], "{ Repo { name } }").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("credential_revoked")),
        "{refused}"
    );
}

#[tokio::test]
async fn without_a_master_key_nothing_is_installed() {
    let pair = Pair::start().await;
    let without = Administration::of(pair.hub.memory())
        .extensions(None, extension_options(Duration::ZERO))
        .unwrap();
    let refused = without
        .register(&pair.add_on.descriptor_url(), &["w".to_owned()])
        .await
        .unwrap_err();
    assert!(refused.hint().unwrap().contains("--master-key"));
}

#[tokio::test]
async fn f4_a_member_changes_nothing_of_an_extension_that_is_there() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let before = pair.shown().await;
    let elsewhere = super::add_on::AddOn::start().await;
    let (own, other) = (pair.add_on.descriptor_url(), elsewhere.descriptor_url());
    let workspaces = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    let (w, more) = (workspaces(&["w"]), workspaces(&["w", "v"]));
    for (address, workspaces) in [(&other, &w), (&own, &more)] {
        let refused = pair.operator.register(address, workspaces).await.unwrap_err();
        assert!(matches!(refused, ExtensionError::IsThere(_)), "{refused}");
    }
    assert_eq!(pair.shown().await, before);
    assert_eq!(pair.operator.workspaces(KEY).await.unwrap(), w);
    let again = pair.operator.register(&own, &w).await.unwrap();
    assert_eq!((again.approved, again.waits), (before.approved, false));
    let moves = pair.operator.register_anew(&other, &more).await.unwrap();
    assert!(moves.waits, "an administrator is asked: {moves:?}");
    assert_eq!(moves.approved, before.approved);
}
