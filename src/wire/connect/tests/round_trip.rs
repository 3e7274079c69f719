//! What the hub signs is what it accepts, and nothing else is.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::wire::connect::canonical::{CanonicalInput, hash, query_hash};
use crate::wire::connect::verify::{Expected, IssuerSecrets};
use crate::wire::connect::*;

const NOW: i64 = 1_767_225_600;
const BASE: &str = "https://hub.example.com/hub";
const ME: &str = "hub-1";

fn secret() -> SharedSecret {
    SharedSecret::from_text("a secret of the tests, 32 bytes!".into()).unwrap()
}

fn request(target: &str) -> CanonicalInput<'_> {
    CanonicalInput {
        method: "POST",
        target,
        base: Some(BASE),
        form: None,
    }
}

/// A token with these claims, signed with the shared secret whatever its header says.
fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a secret of the tests, 32 bytes!");
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn claims() -> Value {
    let qsh = query_hash(&request("/hub/rest/goals")).unwrap();
    json!({"iss": "addon", "iat": NOW, "exp": NOW + 180, "qsh": qsh, "aud": [ME]})
}

fn verified_as(token: &str, class: RouteClass) -> Result<Verified, TokenError> {
    let arrived = Arrived {
        token,
        request: request("/hub/rest/goals"),
        now: NOW,
    };
    let expected = Expected {
        class,
        receiver: ME,
        is_strict: false,
    };
    verify_call(&arrived, &expected, |issuer| {
        (issuer == "addon").then(|| IssuerSecrets {
            current: secret(),
            previous: None,
        })
    })
}

fn code(header: &Value, change: impl FnOnce(&mut Value)) -> &'static str {
    let mut claims = claims();
    change(&mut claims);
    verified_as(&token(header, &claims), RouteClass::Api).map_or_else(TokenError::code, |_| "accepted")
}

fn remove(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

#[test]
fn f2_each_fault_has_its_own_code() {
    let header = json!({"typ": "JWT", "alg": "HS256"});
    let said = |change: fn(&mut Value)| code(&header, change);
    assert_eq!(said(|_| {}), "accepted");
    assert_eq!(said(|claims| remove(claims, "iss")), "claim_missing");
    assert_eq!(said(|claims| claims["iss"] = json!("stranger")), "unknown_issuer");
    assert_eq!(said(|claims| remove(claims, "exp")), "claim_missing");
    assert_eq!(said(|claims| remove(claims, "iat")), "claim_missing");
    assert_eq!(
        said(|claims| claims["exp"] = json!(NOW + 1000)),
        "lifetime_too_long"
    );
    assert_eq!(said(|claims| claims["exp"] = json!(1e9)), "token_malformed");
    assert_eq!(said(|claims| claims["exp"] = json!(NOW)), "token_malformed");
    assert_eq!(said(|claims| claims["exp"] = json!(u64::MAX)), "token_malformed");
    assert_eq!(
        said(|claims| claims["iat"] = json!(i64::MIN)),
        "lifetime_too_long"
    );
    assert_eq!(
        said(|claims| claims["nbf"] = json!(NOW + 31)),
        "token_not_yet_valid"
    );
    assert_eq!(
        said(|claims| claims["iat"] = json!(NOW + 31)),
        "token_not_yet_valid"
    );
    assert_eq!(said(|claims| claims["aud"] = json!("hub-2")), "audience_mismatch");
    assert_eq!(said(|claims| claims["aud"] = json!(7)), "token_malformed");
    assert_eq!(said(|claims| remove(claims, "aud")), "accepted");
    assert_eq!(said(|claims| remove(claims, "qsh")), "qsh_missing");
    assert_eq!(
        said(|claims| claims["qsh"] = json!(hash("GET&/&"))),
        "qsh_mismatch"
    );
    assert_eq!(said(|claims| claims["qsh"] = json!(PAGE_HASH)), "qsh_mismatch");
    assert_eq!(said(|claims| claims["sub"] = json!(["admin"])), "token_malformed");
}

#[test]
fn f2_the_route_decides_over_the_algorithm() {
    for alg in [
        json!("none"),
        json!("NONE"),
        json!("hs256"),
        json!("RS256"),
        json!("HS384"),
        json!(null),
        json!(["HS256"]),
    ] {
        assert_eq!(code(&json!({"alg": alg}), |_| {}), "alg_not_allowed", "{alg}");
    }
    assert_eq!(
        code(&json!({"alg": "HS256", "crit": []}), |_| {}),
        "token_malformed"
    );
    assert_eq!(
        code(
            &json!({"alg": "HS256", "jku": "https://evil.example/k", "jwk": {}}),
            |_| {}
        ),
        "accepted"
    );
}

#[test]
fn a_token_for_a_page_is_taken_on_pages_only() {
    let mut claims = claims();
    claims["qsh"] = json!(PAGE_HASH);
    let token = token(&json!({"alg": "HS256"}), &claims);
    assert!(verified_as(&token, RouteClass::Page).is_ok());
    assert_eq!(
        verified_as(&token, RouteClass::Api),
        Err(TokenError::HashMismatch)
    );
}

#[test]
fn the_secret_before_counts_while_its_grace_runs() {
    let old = SharedSecret::from_text("another secret of the tests, old".into()).unwrap();
    let target = "/hub/rest/goals";
    let call = Call {
        request: request(target),
        issuer: "addon",
        subject: None,
        now: NOW,
    };
    let token = sign_call(&call, &old).unwrap();
    let verify = |previous: Option<SharedSecret>| {
        let arrived = Arrived {
            token: &token,
            request: request(target),
            now: NOW,
        };
        let expected = Expected {
            class: RouteClass::Api,
            receiver: ME,
            is_strict: false,
        };
        verify_call(&arrived, &expected, |_| {
            Some(IssuerSecrets {
                current: secret(),
                previous,
            })
        })
    };
    assert!(verify(Some(old.clone())).is_ok());
    assert_eq!(verify(None), Err(TokenError::Signature));
}

#[test]
fn an_audience_can_be_required() {
    let mut claims = claims();
    remove(&mut claims, "aud");
    let token = token(&json!({"alg": "HS256"}), &claims);
    let arrived = Arrived {
        token: &token,
        request: request("/hub/rest/goals"),
        now: NOW,
    };
    let expected = Expected {
        class: RouteClass::Api,
        receiver: ME,
        is_strict: true,
    };
    let verified = verify_call(&arrived, &expected, |_| {
        Some(IssuerSecrets {
            current: secret(),
            previous: None,
        })
    });
    assert_eq!(verified, Err(TokenError::Audience));
}

#[test]
fn a_signed_body_is_the_one_that_arrived() {
    let mut claims = claims();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"{}");
    claims["bh"] = json!(BASE64_URL_SAFE_NO_PAD.encode(digest));
    let verified = verified_as(&token(&json!({"alg": "HS256"}), &claims), RouteClass::Api).unwrap();
    assert_eq!(verified.check_body(b"{}", true), Ok(()));
    assert_eq!(
        verified.check_body(b"{\"x\":1}", false),
        Err(TokenError::BodyMismatch)
    );
    let without = verified_as(&token(&json!({"alg": "HS256"}), &self::claims()), RouteClass::Api).unwrap();
    assert_eq!(without.check_body(b"{}", false), Ok(()));
    assert_eq!(
        without.check_body(b"{}", true),
        Err(TokenError::ClaimMissing("bh"))
    );
}

#[test]
fn a_signed_install_holds_for_its_add_on_and_its_tenant_alone() {
    let key = InstallKey::fresh("k1").unwrap();
    let public = PublicInstallKey::parse(&key.public_pem().unwrap()).unwrap();
    let base = "https://sdm.example.com/addon/";
    let request = CanonicalInput {
        method: "POST",
        target: "/addon/installed",
        base: Some(base),
        form: None,
    };
    let call = Call {
        request,
        issuer: ME,
        subject: Some("person-1"),
        now: NOW,
    };
    let token = sign_install(&call, &key).unwrap();
    let verify = |base: &'static str, tenant: &str, id: &str| {
        let request = CanonicalInput {
            base: Some(base),
            ..request
        };
        let arrived = Arrived {
            token: &token,
            request,
            now: NOW,
        };
        verify_install(&arrived, tenant, |kid| (kid == id).then(|| public.clone()))
    };
    let verified = verify("https://sdm.example.com/addon", ME, "k1").unwrap();
    assert_eq!(
        (verified.issuer.as_str(), verified.subject.as_deref()),
        (ME, Some("person-1"))
    );
    assert_eq!(
        verify("https://sdm.example.com/addon", "hub-2", "k1"),
        Err(TokenError::InstallBodyMismatch)
    );
    assert_eq!(
        verify("https://other.example.com/addon", ME, "k1"),
        Err(TokenError::Audience)
    );
    assert_eq!(
        verify("https://sdm.example.com/addon", ME, "k2"),
        Err(TokenError::UnknownKey)
    );
}

#[test]
fn f2_a_public_key_is_no_secret() {
    let key = InstallKey::fresh("k1").unwrap();
    let pem = SharedSecret::from_text(key.public_pem().unwrap().into()).unwrap();
    let base = "https://sdm.example.com/addon";
    let request = CanonicalInput {
        method: "POST",
        target: "/addon/installed",
        base: Some(base),
        form: None,
    };
    let token = sign_call(
        &Call {
            request,
            issuer: ME,
            subject: None,
            now: NOW,
        },
        &pem,
    )
    .unwrap();
    let public = PublicInstallKey::parse(&key.public_pem().unwrap()).unwrap();
    let verified = verify_install(
        &Arrived {
            token: &token,
            request,
            now: NOW,
        },
        ME,
        |_| Some(public),
    );
    assert_eq!(verified, Err(TokenError::Algorithm));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_is_accepted_for_this_request_and_no_other(
        path in "(/[a-z%&~ +.]{0,8}){0,4}",
        query in "[a-c=&%+;,/é😀A-F0-9\\[\\]-]{0,30}",
        other in "[a-z]{1,4}",
    ) {
        let target = format!("/hub{path}?{query}");
        let call = Call { request: request(&target), issuer: "addon", subject: None, now: NOW };
        let token = sign_call(&call, &secret()).unwrap();
        let verify = |target: &str| {
            let arrived = Arrived { token: &token, request: request(target), now: NOW };
            let expected = Expected { class: RouteClass::Api, receiver: ME, is_strict: false };
            verify_call(&arrived, &expected, |_| Some(IssuerSecrets { current: secret(), previous: None }))
        };
        prop_assert!(verify(&target).is_ok());
        let more = format!("{target}&x{other}={other}");
        prop_assert_eq!(verify(&more), Err(TokenError::HashMismatch));
        let elsewhere = format!("/hub{path}/{other}x?{query}");
        prop_assert_eq!(verify(&elsewhere), Err(TokenError::HashMismatch));
    }

    #[test]
    fn strangers_texts_are_refused_without_harm(text in "\\PC{0,200}", target in "\\PC{0,100}") {
        let arrived = Arrived { token: &text, request: request(&target), now: NOW };
        let expected = Expected { class: RouteClass::Api, receiver: ME, is_strict: false };
        let verified = verify_call(&arrived, &expected, |_| Some(IssuerSecrets { current: secret(), previous: None }));
        prop_assert!(verified.is_err());
        let _ = find_credential(&request(&target), &[&text]);
    }
}
