//! Every vector of `connect-vectors.json`.

use serde_json::Value;

use crate::wire::connect::canonical::{
    CanonicalInput, NotCanonical, Order, accepted_hashes, canonical, hash, query_hash,
};
use crate::wire::connect::verify::{Expected, IssuerSecrets};
use crate::wire::connect::*;

const VECTORS: &str = include_str!("../testdata/connect-vectors.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn form(vector: &Value) -> Option<Vec<(String, String)>> {
    let fields = vector.get("form_body")?.as_object()?;
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Array(items) => {
                pairs.extend(
                    items
                        .iter()
                        .map(|item| (name.clone(), item.as_str().unwrap().to_owned())),
                );
            }
            value => pairs.push((name.clone(), value.as_str().unwrap().to_owned())),
        }
    }
    Some(pairs)
}

#[test]
fn every_query_hash_vector_is_reproduced() {
    let all = vectors();
    let list = all["qsh_vectors"].as_array().unwrap();
    assert_eq!(list.len(), 48);
    for vector in list {
        let id = text(vector, "id");
        let form = form(vector);
        let input = CanonicalInput {
            method: text(vector, "method"),
            target: text(vector, "url"),
            base: vector["base"].as_str(),
            form: form.as_deref(),
        };
        if vector.get("product_must").is_some() {
            assert_eq!(
                canonical(&input, Order::Decoded),
                Err(NotCanonical::OutsideBase),
                "{id}"
            );
            continue;
        }
        assert_eq!(
            canonical(&input, Order::Decoded).unwrap(),
            text(vector, "canonical_request"),
            "{id}"
        );
        assert_eq!(query_hash(&input).unwrap(), text(vector, "qsh"), "{id}");
        let accepted = accepted_hashes(&input).unwrap();
        assert!(accepted.contains(&text(vector, "qsh").to_owned()), "{id}");
        for other in vector["also_accept"].as_array().into_iter().flatten() {
            assert_eq!(hash(text(other, "canonical")), text(other, "qsh"), "{id}");
            assert!(
                accepted.contains(&text(other, "qsh").to_owned()),
                "{id}: {}",
                text(other, "order")
            );
        }
    }
}

/// What becomes of a token vector: a status and a reason.
fn outcome(vector: &Value, keys: &Value) -> (u64, Option<&'static str>) {
    let request = &vector["request"];
    let base = text(request, "base");
    let token = text(vector, "token");
    let own = text(request, "url");
    let in_query = format!("{own}{}jwt={token}", if own.contains('?') { '&' } else { '?' });
    let target = if text(vector, "transport") == "header" {
        own
    } else {
        &in_query
    };
    let input = CanonicalInput {
        method: text(request, "method"),
        target,
        base: Some(base),
        form: None,
    };
    let header = match text(vector, "transport") {
        "header" if !token.is_empty() => vec![format!("JWT {token}")],
        "both" => vec![format!("JWT {token}x")],
        _ => Vec::new(),
    };
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let token = match find_credential(&input, &header) {
        Found::Ambiguous => return (400, Some("ambiguous_credentials")),
        Found::Signed(token) => token,
        Found::Nothing => String::new(),
        other @ (Found::Bearer(_) | Found::Malformed) => panic!("{other:?}"),
    };
    let arrived = Arrived {
        token: &token,
        request: input,
        now: vector["now"].as_i64().unwrap(),
    };
    let verified = match text(vector, "profile") {
        "install" => {
            let client_key = vector
                .get("body_client_key")
                .unwrap_or(&keys["tenant_client_key"]);
            verify_install(&arrived, client_key.as_str().unwrap(), |id| {
                let is_ours = id == text(keys, "install_key_id");
                is_ours.then(|| PublicInstallKey::parse(text(keys, "install_public_key_pem")).unwrap())
            })
        }
        profile => {
            let class = if profile == "context" {
                RouteClass::Page
            } else {
                RouteClass::Api
            };
            let expected = Expected {
                class,
                receiver: text(keys, "tenant_client_key"),
                is_strict: false,
            };
            let secret = |key| SharedSecret::from_text(text(keys, key).into()).unwrap();
            let is_grace = vector["previous_secret_accepted"] == true;
            verify_call(&arrived, &expected, |issuer| {
                (issuer == text(keys, "addon_key")).then(|| IssuerSecrets {
                    current: secret("shared_secret"),
                    previous: is_grace.then(|| secret("previous_shared_secret")),
                })
            })
        }
    };
    match verified {
        Ok(_) => (200, None),
        Err(error) => (401, Some(error.code())),
    }
}

#[test]
fn every_token_vector_is_decided_as_it_is_written() {
    let all = vectors();
    let list = all["jwt_vectors"].as_array().unwrap();
    assert_eq!(list.len(), 28);
    for vector in list {
        let (status, code) = outcome(vector, &all["test_keys_not_secret"]);
        let others = vector["error_alternatives"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let is_expected =
            code == vector["error"].as_str() || others.into_iter().any(|other| code == Some(other));
        let name = format!("{} {}", text(vector, "id"), text(vector, "name"));
        assert!(is_expected, "{name}: {code:?} instead of {}", vector["error"]);
        assert_eq!(Some(status), vector["status"].as_u64(), "{name}");
    }
}
