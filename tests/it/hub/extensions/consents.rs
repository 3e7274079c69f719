//! People agree in a browser that an add-on acts for them, and take it back; nobody agrees with a key.

use reqwest::Method;
use sdm::ports::people::PersonRole;
use sdm::ports::rights::RightsStore as _;

use super::super::machine::{TestHub, quick};
use super::super::people::{Browser, signed_in};

/// Persons who agreed for `test`; none is everybody.
async fn agreed(hub: &TestHub) -> Vec<Option<String>> {
    let rights = hub.hub.memory().rights().await.unwrap();
    let mut all: Vec<_> = rights
        .consents
        .into_iter()
        .map(|consent| consent.person)
        .collect();
    all.sort();
    all
}

/// A form from a page of the hub: status and code.
async fn submit(browser: &mut Browser<'_>, method: Method, path: &str) -> (u16, String) {
    let form = format!("anti_forgery={}", browser.token().await);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [kind, ("sec-fetch-site", "same-origin"), ("origin", "null")];
    let answer = browser.send(method, path, &headers, &form).await;
    (
        answer.status,
        answer.code().as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn f5_people_agree_for_themselves_and_administrators_for_everybody() {
    let hub = TestHub::start(quick()).await;
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    assert_eq!(submit(&mut ada, Method::POST, "/consents/test").await.0, 204);
    assert_eq!(agreed(&hub).await, [Some("ada".to_owned())]);
    assert_eq!(submit(&mut ada, Method::POST, "/consents/nobody").await.0, 404);
    let for_all = "/admin/extensions/test/consent";
    assert_eq!(
        submit(&mut ada, Method::POST, for_all).await,
        (403, "insufficient_permission".to_owned())
    );
    let mut root = signed_in(&hub, "root", PersonRole::Admin).await;
    assert_eq!(submit(&mut root, Method::POST, for_all).await.0, 204);
    assert_eq!(agreed(&hub).await, [None, Some("ada".to_owned())]);
    assert_eq!(submit(&mut root, Method::DELETE, for_all).await.0, 204);
    assert_eq!(submit(&mut ada, Method::DELETE, "/consents/test").await.0, 204);
    assert!(agreed(&hub).await.is_empty());
    let mut stranger = Browser::new(&hub);
    let refused = stranger.send(Method::POST, "/consents/test", &[], "").await;
    assert_eq!(refused.status, 401);
}
