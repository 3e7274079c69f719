//! Terms: what an administrator demands of an extension's signed calls beyond the usual.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sdm::access::{AddonKey, Term};
use sdm::hub::administration::Administration;
use serde_json::{Value, json};

use super::Pair;
use super::add_on::KEY;
use super::calls::token;

async fn set(pair: &Pair, terms: &[Term]) {
    let key = AddonKey::parse(KEY).unwrap();
    let administration = Administration::of(pair.hub.memory());
    let terms = terms.iter().copied().collect();
    administration.set_terms(&key, &terms).await.unwrap();
}

/// The code of what is answered to a call with these claims.
async fn code(pair: &Pair, claims: &Value) -> String {
    let signed = token(pair, &json!({"alg": "HS256"}), |own| {
        own.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
    });
    let answer = pair
        .add_on
        .call(&pair.url("/self"), &format!("JWT {signed}"), &[], None)
        .await;
    let code = answer.1["error"]["code"].as_str().unwrap_or("accepted");
    code.to_owned()
}

/// The terms count as soon as the hub has looked.
async fn until(pair: &Pair, claims: &Value, wanted: &str) {
    pair.until(wanted, async || code(pair, claims).await == wanted)
        .await;
}

#[tokio::test]
async fn f3_an_add_on_can_be_made_to_name_the_hub_and_each_call() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let hub = pair.add_on.context()["clientKey"].clone();
    assert_eq!(code(&pair, &json!({})).await, "accepted");
    set(&pair, &[Term::Audience]).await;
    until(&pair, &json!({}), "audience_mismatch").await;
    assert_eq!(code(&pair, &json!({"aud": [hub]})).await, "accepted");
    assert_eq!(
        code(&pair, &json!({"aud": ["hub-other"]})).await,
        "audience_mismatch"
    );
    set(&pair, &[Term::SingleUse]).await;
    until(&pair, &json!({"jti": "0"}), "claim_missing").await;
    let empty = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, b""));
    assert_eq!(
        code(&pair, &json!({"bh": empty})).await,
        "claim_missing",
        "no name"
    );
    let whole = json!({"bh": empty, "jti": "1"});
    assert_eq!(code(&pair, &whole).await, "accepted");
    assert_eq!(code(&pair, &whole).await, "token_replayed");
    let other = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, b"x"));
    assert_eq!(
        code(&pair, &json!({"bh": other, "jti": "2"})).await,
        "body_mismatch"
    );
    set(&pair, &[]).await;
    until(&pair, &json!({}), "accepted").await;
    let audit = pair.audit();
    assert!(
        audit.contains("addon.terms") && audit.contains("terms: single_use"),
        "{audit}"
    );
}
