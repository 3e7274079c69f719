//! Events for extensions: signed, durable, again until they are taken, and only of what the extension may see.

use std::time::Duration;

use sdm::hub::administration::Administration;
use sdm::wire::connect::canonical::CanonicalInput;
use sdm::wire::connect::verify::{Expected, IssuerSecrets};
use sdm::wire::connect::{Arrived, RouteClass, verify_call};
use serde_json::json;

use super::super::events::push;
use super::Pair;
use super::add_on::{KEY, seconds};

#[tokio::test]
async fn an_event_is_posted_signed_and_again_until_it_is_taken() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read repo:meta", &["repo:acme/*"])
        .await;
    pair.until("the hub knows what it listens to", async || {
        pair.add_on.refuse("/app/hook", 500, 2);
        true
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    pair.push("d-1", &push("a", "b")).await;
    pair.until("it has taken the event", async || {
        pair.add_on.told("/app/hook").len() == 3
    })
    .await;
    let told = pair.add_on.told("/app/hook").pop().unwrap();
    assert_eq!(
        (&told.body["event"], &told.body["workspace"]),
        (&json!("Push"), &json!("w"))
    );
    assert_eq!(told.body["data"]["branch"], "main", "{}", told.body);
    let ids: Vec<_> = pair
        .add_on
        .told("/app/hook")
        .iter()
        .map(|told| told.body["delivery_id"].clone())
        .collect();
    assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "each time it is the same delivery"
    );
    let base = pair.add_on.base();
    let arrived = Arrived {
        token: told.authorization.strip_prefix("JWT ").unwrap(),
        request: CanonicalInput {
            method: "POST",
            target: "/app/hook",
            base: Some(&base),
            form: None,
        },
        now: seconds(),
    };
    let expected = Expected {
        class: RouteClass::Api,
        receiver: super::add_on::KEY,
        is_strict: false,
    };
    let secrets = IssuerSecrets {
        current: pair.add_on.secret(),
        previous: None,
    };
    let verified = verify_call(&arrived, &expected, |_| Some(secrets)).unwrap();
    assert_eq!(pair.add_on.context()["clientKey"], json!(verified.issuer));
    let administration = Administration::of(pair.hub.memory());
    assert!(administration.dead("w").await.unwrap().is_empty());
}

#[tokio::test]
async fn d14_of_what_an_extension_may_not_see_it_hears_nothing() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read repo:meta", &["repo:other/*"])
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    pair.push("d-1", &push("a", "b")).await;
    let mut other = push("c", "d");
    other["repository"]["owner"]["login"] = json!("other");
    other["repository"]["id"] = json!(99);
    other["repository"]["full_name"] = json!("other/app");
    pair.push("d-2", &other).await;
    pair.until("it hears of the other", async || {
        !pair.add_on.told("/app/hook").is_empty()
    })
    .await;
    let told = pair.add_on.told("/app/hook");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        pair.ask("{ Repo { name owner } }").await.1["data"]["Repo"],
        json!([{"name": "app", "owner": "other"}])
    );
}

#[tokio::test]
async fn what_happens_while_an_extension_is_switched_off_is_told_when_it_is_on_again_and_may_see_it() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read repo:meta", &["repo:acme/*"])
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    pair.operator.disable(KEY).await.unwrap();
    pair.until("it is off", async || pair.ask("{ Repo { name } }").await.0 == 403)
        .await;
    pair.push("d-1", &push("a", "b")).await;
    let mut hidden = push("c", "d");
    hidden["repository"]["owner"]["login"] = json!("other");
    hidden["repository"]["id"] = json!(99);
    hidden["repository"]["full_name"] = json!("other/app");
    pair.push("d-2", &hidden).await;
    assert!(pair.add_on.told("/app/hook").is_empty(), "it is off");
    pair.operator.enable(KEY).await.unwrap();
    pair.until("it hears of what it missed", async || {
        !pair.add_on.told("/app/hook").is_empty()
    })
    .await;
    pair.push("d-3", &push("b", "e")).await;
    pair.until("it hears of what comes now", async || {
        pair.add_on.told("/app/hook").len() >= 2
    })
    .await;
    let told = pair.add_on.told("/app/hook");
    assert_eq!(told.len(), 2, "and not of what it may not see: {told:?}");
}
