//! After a run with all of it: no secret, token or handle stands anywhere in clear (acceptance "Further 5", threats E3, E5, F9).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::events::push;
use super::Pair;
use super::add_on::KEY;

/// Forms in which a secret must not be found.
fn forms(text: &str) -> Vec<String> {
    let reversed = text.chars().rev().collect();
    vec![
        text.to_owned(),
        BASE64_STANDARD.encode(text),
        hex::encode(text),
        reversed,
    ]
}

#[tokio::test]
async fn e3_e5_f9_no_secret_stands_in_the_database_the_audit_the_log_or_an_answer() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &["*"]).await;
    let mut secrets = vec![pair.add_on.context()["sharedSecret"].as_str().unwrap().to_owned()];
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("it has another secret", async || {
        pair.add_on.told("/app/installed").len() == 2
    })
    .await;
    secrets.push(pair.add_on.context()["sharedSecret"].as_str().unwrap().to_owned());
    pair.until("the new one counts", async || pair.get("/self").await.0 == 200)
        .await;
    let token = pair.add_on.token(&pair.add_on.secret(), "GET", "/self");
    let answers: Vec<Value> = vec![
        pair.get("/self").await.1,
        pair.add_on
            .call(&pair.url("/self"), &format!("JWT {token}x"), &[], None)
            .await
            .1,
        pair.add_on
            .call(&pair.url(&format!("/self?jwt={token}")), "JWT x", &[], None)
            .await
            .1,
        json!(format!("{:?}", pair.shown().await)),
        json!(format!(
            "{:?}",
            pair.operator.register("http://127.0.0.1:1/", &[]).await
        )),
    ];
    secrets.push(token.rsplit('.').next().unwrap().to_owned());
    pair.push("d-1", &push("a", "b")).await;
    let copy = pair.directory.path().join("copy.db");
    pair.hub.memory().copy_to(&copy).await.unwrap();
    let mut places: Vec<(String, Vec<u8>)> = vec![
        ("answers".to_owned(), serde_json::to_vec(&answers).unwrap()),
        ("paths".to_owned(), pair.audit().into_bytes()),
    ];
    for file in std::fs::read_dir(pair.directory.path()).unwrap() {
        let path = file.unwrap().path();
        places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    for secret in &secrets {
        assert!(secret.len() > 20);
        for form in forms(secret) {
            for (place, bytes) in &places {
                let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
                assert!(!found, "a secret stands in {place}");
            }
        }
    }
}
