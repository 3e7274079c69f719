//! Signed calls: one credential in one place, for one request, once.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sdm::wire::connect::canonical::{CanonicalInput, query_hash};
use serde_json::{Value, json};

use super::Pair;
use super::add_on::{KEY, seconds};

/// A token with these claims beside or in place of the usual ones, signed with the secret as its algorithm is named.
pub fn token(pair: &Pair, header: &Value, change: impl FnOnce(&mut Value)) -> String {
    let request = CanonicalInput {
        method: "GET",
        target: "/self",
        base: None,
        form: None,
    };
    let mut claims =
        json!({"iss": KEY, "iat": seconds(), "exp": seconds() + 180, "qsh": query_hash(&request).unwrap()});
    change(&mut claims);
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(&claims));
    let secret = pair.add_on.context()["sharedSecret"].as_str().unwrap().to_owned();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn f2_every_token_that_does_not_hold_has_its_own_code_and_is_nobody() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let hs256 = json!({"typ": "JWT", "alg": "HS256"});
    let code = async |token: String| {
        let (status, answer) = pair
            .add_on
            .call(&pair.url("/self"), &format!("JWT {token}"), &[], None)
            .await;
        format!(
            "{status} {}",
            answer["error"]["code"].as_str().unwrap_or("accepted")
        )
    };
    assert_eq!(code(token(&pair, &hs256, |_| {})).await, "200 accepted");
    for alg in ["none", "NONE", "HS384", "RS256"] {
        assert_eq!(
            code(token(&pair, &json!({ "alg": alg }), |_| {})).await,
            "401 alg_not_allowed",
            "{alg}"
        );
    }
    let wrong = async |change: fn(&mut Value)| code(token(&pair, &hs256, change)).await;
    assert_eq!(
        wrong(|claims| claims["iss"] = json!("nobody")).await,
        "401 invalid_credentials"
    );
    assert_eq!(
        wrong(|claims| claims["exp"] = json!(seconds() - 60)).await,
        "401 token_malformed"
    );
    assert_eq!(
        wrong(|claims| (claims["iat"], claims["exp"]) = (json!(seconds() - 600), json!(seconds() - 60)))
            .await,
        "401 token_expired"
    );
    assert_eq!(
        wrong(|claims| claims["exp"] = json!(seconds() + 3600)).await,
        "401 lifetime_too_long"
    );
    assert_eq!(
        wrong(|claims| claims["iat"] = json!(seconds() + 100)).await,
        "401 token_not_yet_valid"
    );
    assert_eq!(
        wrong(|claims| claims["aud"] = json!(["hub-other"])).await,
        "401 audience_mismatch"
    );
    assert_eq!(
        wrong(|claims| claims["qsh"] = json!("context-qsh")).await,
        "401 qsh_mismatch"
    );
    assert_eq!(
        wrong(|claims| {
            claims.as_object_mut().unwrap().remove("qsh");
        })
        .await,
        "401 qsh_missing"
    );
    assert_eq!(code("e30.e30.e30".to_owned()).await, "401 alg_not_allowed");
    let other = pair.add_on.token(&pair.add_on.secret(), "GET", "/self?a=1");
    assert_eq!(code(other).await, "401 qsh_mismatch");
    let open = pair
        .add_on
        .call(&pair.url("/health"), "JWT e30.e30.e30", &[], None)
        .await;
    assert_eq!(open.0, 401, "d03: what is bad is never taken for nothing");
}

#[tokio::test]
async fn f3_a_call_that_changes_something_counts_once_and_its_body_is_checked() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let target = "/graphql/team/w";
    let url = pair.url(target);
    let body = json!({"query": "{ Repo { name } }"});
    let token = pair.add_on.token(&pair.add_on.secret(), "POST", target);
    let authorization = format!("JWT {token}");
    assert_eq!(
        pair.add_on.call(&url, &authorization, &[], Some(&body)).await.0,
        200
    );
    let again = pair.add_on.call(&url, &authorization, &[], Some(&body)).await;
    assert_eq!(
        (again.0, &again.1["error"]["code"]),
        (401, &json!("token_replayed"))
    );
    let other = json!({"query": "{ Push { id } }"});
    assert_eq!(
        pair.add_on.call(&url, &authorization, &[], Some(&other)).await.0,
        200,
        "another body is another call"
    );
    let hs256 = json!({"alg": "HS256"});
    let named = token_with(&pair, &hs256, "jti", "n-1");
    let read = async |token: &str| {
        pair.add_on
            .call(&pair.url("/self"), &format!("JWT {token}"), &[], None)
            .await
    };
    assert_eq!(read(&named).await.0, 200);
    assert_eq!(
        read(&named).await.1["error"]["code"],
        "token_replayed",
        "a name counts once"
    );
    let bound = token_with(&pair, &hs256, "bh", "AAAA");
    assert_eq!(read(&bound).await.1["error"]["code"], "body_mismatch");
}

fn token_with(pair: &Pair, header: &Value, claim: &str, value: &str) -> String {
    token(pair, header, |claims| claims[claim] = json!(value))
}

#[tokio::test]
async fn d05_a_credential_stands_in_one_place() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let signed = pair.add_on.token(&pair.add_on.secret(), "GET", "/self");
    let in_query = pair.url(&format!("/self?jwt={signed}"));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let alone = http.get(&in_query).send().await.unwrap();
    assert_eq!(alone.status().as_u16(), 200, "where no header can be set");
    let both = pair
        .add_on
        .call(&in_query, &format!("JWT {signed}"), &[], None)
        .await;
    assert_eq!(
        (both.0, &both.1["error"]["code"]),
        (400, &json!("ambiguous_credentials"))
    );
    let twice = http.get(format!("{in_query}&jwt={signed}")).send().await.unwrap();
    assert_eq!(twice.status().as_u16(), 400);
    let posted = http
        .post(pair.url(&format!("/graphql/team/w?jwt={signed}")))
        .send()
        .await
        .unwrap();
    assert_eq!(
        posted.status().as_u16(),
        401,
        "a token in the address is for reading"
    );
}

#[tokio::test]
async fn d43_a_name_in_a_token_changes_no_right() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let named = token_with(&pair, &json!({"alg": "HS256"}), "sub", "root");
    let (status, own) = pair
        .add_on
        .call(&pair.url("/self"), &format!("JWT {named}"), &[], None)
        .await;
    assert_eq!((status, &own["key"]), (200, &json!(KEY)));
}
