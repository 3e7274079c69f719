//! Refusals have one shape (security model 17), also what is refused before the hub looks at it; people with a browser read a page.

use reqwest::Method;
use serde_json::Value;

use super::machine::{TestHub, quick};

struct Answer {
    status: u16,
    kind: String,
    allow: Option<String>,
    text: String,
}

async fn asked(hub: &TestHub, (method, path): (Method, &str), accept: &str, body: Vec<u8>) -> Answer {
    let request = hub.http.request(method, hub.url(path)).bearer_auth(&hub.key);
    let request = request.header("accept", accept).body(body);
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    Answer {
        status: response.status().as_u16(),
        kind: header("content-type").unwrap_or_default(),
        allow: header("allow"),
        text: response.text().await.unwrap(),
    }
}

#[tokio::test]
async fn what_is_refused_before_anybody_looks_at_it_has_the_shape_of_every_refusal() {
    let hub = TestHub::start(quick()).await;
    for (asks, size, status, code) in [
        (
            (Method::GET, "/api/logs/w/s/e/g?from=many"),
            0,
            400,
            "malformed_request",
        ),
        (
            (Method::POST, "/goals/w/s/e/g/approve?other=1"),
            0,
            400,
            "malformed_request",
        ),
        (
            (Method::POST, "/goals/w/s/e/g/perhaps"),
            0,
            400,
            "malformed_request",
        ),
        ((Method::POST, "/command"), 1_048_600, 413, "too_large"),
        ((Method::POST, "/goals/w/s/e/g/result"), 15_400, 413, "too_large"),
        ((Method::DELETE, "/registration"), 0, 405, "method_not_allowed"),
        ((Method::PUT, "/graphql/team/w"), 0, 405, "method_not_allowed"),
        ((Method::PATCH, "/add-ons"), 0, 405, "method_not_allowed"),
        ((Method::GET, "/nowhere"), 0, 404, "not_found"),
    ] {
        let (method, path) = asks.clone();
        let answer = asked(&hub, (method, path), "application/json", vec![b'x'; size]).await;
        assert_eq!(
            (answer.status, answer.kind.as_str()),
            (status, "application/json"),
            "{path}: {}",
            answer.text
        );
        let error = serde_json::from_str::<Value>(&answer.text).unwrap()["error"].take();
        assert_eq!(
            (&error["code"], &error["status"]),
            (&code.into(), &status.into()),
            "{path}"
        );
        assert!(
            error["message"].as_str().is_some_and(|said| !said.is_empty()),
            "{path}"
        );
        assert!(error["request_id"].is_string(), "{path}");
        assert_eq!(answer.allow.is_some(), status == 405, "{path}");
        let page = asked(&hub, asks, "text/html", vec![b'x'; size]).await;
        assert_eq!(page.status, status, "{path}");
        assert!(
            page.kind.starts_with("text/html") && page.text.contains(code),
            "{path}: {}",
            page.text
        );
    }
}

#[tokio::test]
async fn an_unknown_install_key_is_answered_with_nothing() {
    let hub = TestHub::start(quick()).await;
    let answer = asked(
        &hub,
        (Method::GET, "/connect/install-keys/nobody"),
        "*/*",
        Vec::new(),
    )
    .await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
}

#[tokio::test]
async fn signed_calls_are_taken_where_nobody_reads_along() {
    let signed = async |address: &str, proto: Option<&str>| {
        let hub = TestHub::start_with(|options| options.address = Some(address.to_owned())).await;
        let request = hub
            .http
            .get(hub.url("/self"))
            .header("authorization", "JWT a.b.c");
        let request = match proto {
            Some(proto) => request.header("x-forwarded-proto", proto),
            None => request,
        };
        let answer: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        answer["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(signed("http://hub.example.org", None).await, "insecure_address");
    assert_eq!(
        signed("https://hub.example.org", Some("http")).await,
        "insecure_address"
    );
    assert_eq!(
        signed("https://hub.example.org", Some("https")).await,
        "token_malformed"
    );
    assert_eq!(signed("http://127.0.0.1:1", None).await, "token_malformed");
}
