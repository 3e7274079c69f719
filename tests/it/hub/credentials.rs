//! Credentials that do not hold, wherever they are shown: each is refused by its reason, and none counts for no credential
//! (security model 10.5, 17 and 18).

use reqwest::Method;
use sdm::access::handed::digest_of;
use sdm::hub::access::key::{KeyKind, NewKey, USUAL_LIFE};
use sdm::hub::access::operations::Operation;
use sdm::hub::administration::KeyWish;
use sdm::model::Timestamp;
use sdm::ports::people::PersonRole;
use serde_json::json;

use super::audit::Audited;
use super::machine::{TestHub, quick, wish};
use super::people::{Browser, signed_in};

/// Status and code of an answer to a request with this header.
async fn answered(hub: &TestHub, (method, path): (&str, &str), header: Option<&str>) -> (u16, String) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = hub.http.request(method, hub.url(path));
    let request = match header {
        Some(header) => request.header("authorization", header),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let told: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    (
        status,
        told["error"]["code"].as_str().unwrap_or_default().to_owned(),
    )
}

/// A key that was revoked: its id and its text.
async fn revoked(hub: &TestHub) -> (String, String) {
    let administration = hub.administration();
    let wish = KeyWish {
        name: "gone".to_owned(),
        ..wish(&[])
    };
    let (key, text) = administration.new_key(&wish).await.unwrap();
    administration.revoke_key(&key.id).await.unwrap();
    (key.id, text)
}

#[tokio::test]
async fn d02_d04_d06_whoever_is_not_let_in_learns_why_as_far_as_they_may() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let metrics = ("GET", "/metrics");
    assert_eq!(
        answered(hub, metrics, None).await,
        (401, "authentication_required".to_owned())
    );
    let nobody = hub.http.get(hub.url("/metrics")).send().await.unwrap();
    assert_eq!(
        nobody.headers()["www-authenticate"],
        r#"JWT realm="hub", Bearer realm="hub""#,
        "nothing was wrong with what was not sent"
    );
    let (id, text) = revoked(hub).await;
    let code = answered(hub, metrics, Some(&format!("Bearer {text}"))).await;
    assert_eq!(code, (401, "credential_revoked".to_owned()));
    let noted = audited
        .decided("anonymous", "sign_in", "credential_revoked")
        .await;
    assert_eq!(
        noted["credential_id"],
        json!(id),
        "it is told from a guess: {noted}"
    );
    let short = KeyWish {
        name: "short".to_owned(),
        days: Some(0),
        ..wish(&[])
    };
    let (_, text) = hub.administration().new_key(&short).await.unwrap();
    let code = answered(hub, metrics, Some(&format!("Bearer {text}"))).await;
    assert_eq!(code, (401, "token_expired".to_owned()));
    let (_, text) = revoked(hub).await;
    let other_secret = digest_of("another secret");
    let guess = format!("Bearer {}{other_secret}", &text[..text.len() / 2]);
    let code = answered(hub, metrics, Some(&guess)).await;
    assert_eq!(
        code,
        (401, "invalid_credentials".to_owned()),
        "whoever guesses learns nothing"
    );
}

/// A whole key that no hub has made, of another id each time: guesses at one are counted, and there are more routes than guesses.
fn guessed() -> String {
    let new = NewKey {
        kind: KeyKind::Addon,
        name: "guessed".to_owned(),
        workspaces: vec!["w".to_owned()],
        scopes: Vec::new(),
        repositories: Vec::new(),
        is_chosen: true,
        life: USUAL_LIFE,
    };
    format!("Bearer {}", new.make(Timestamp::from_micros(0)).1)
}

#[tokio::test]
async fn d03_a_bad_credential_is_refused_where_nobody_needs_one() {
    let hub = TestHub::start(quick()).await;
    let (_, gone) = revoked(&hub).await;
    let gone = format!("Bearer {gone}");
    let open = Operation::every().filter(|operation| operation.row().open);
    let mut count = 0;
    // Where a websocket is opened, the ticket is the credential, and where a goal is completed, its token.
    let own = [Operation::OpenSocket, Operation::CompleteGoal];
    for operation in open.filter(|operation| !own.contains(operation)) {
        let (method, path) = operation.row().route.unwrap();
        let path = path.replace(['{', '}'], "");
        let refused = (401, "credential_revoked".to_owned());
        assert_eq!(
            answered(&hub, (method, &path), Some(&gone)).await,
            refused,
            "{path}"
        );
        let guess = answered(&hub, (method, &path), Some(&guessed())).await;
        assert_eq!(guess.0, 401, "{path}");
        count += 1;
    }
    assert!(count > 10, "{count}");
    let health = ("GET", "/health");
    for no_key in ["Basic YTpi", "Bearer hub_a_nonsense"] {
        assert_eq!(answered(&hub, health, Some(no_key)).await.0, 401, "{no_key}");
    }
    assert_eq!(answered(&hub, health, None).await.0, 200, "d01");
    let good = format!("Bearer {}", hub.key);
    assert_eq!(answered(&hub, health, Some(&good)).await.0, 200);
}

#[tokio::test]
async fn d03_a_session_that_has_ended_is_refused_but_where_one_signs_in_again() {
    let hub = TestHub::start(quick()).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    let held = ada.cookie.clone();
    assert_eq!(ada.get("/health").await.status, 200);
    let token = ada.token().await;
    ada.submit("/sign-out", &format!("anti_forgery={token}")).await;
    let mut late = Browser::new(&hub);
    late.cookie.clone_from(&held);
    assert_eq!(late.get("/health").await.status, 401);
    late.cookie = held;
    assert_eq!(late.get("/sign-in").await.status, 200);
}
