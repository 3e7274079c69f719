//! Tokens, signatures over requests, query strings, forms, and what comes back from providers.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use sdm::hub::people::guard::fields;
use sdm::wire::connect::canonical::{CanonicalInput, Order, canonical};
use sdm::wire::connect::verify::{Expected, IssuerSecrets, claimed_issuer};
use sdm::wire::connect::{
    Arrived, RouteClass, SharedSecret, TokenRequest, TokenService, claimed_client, find_credential,
    form_fields, verify_assertion, verify_call,
};
use sdm::wire::oauth::{local_place, returned};
use sdm::wire::oidc::{KeySet, verify_job_token};
use serde_json::json;

use super::each;
use super::mangle::{mangled, mangled_text, with_strange};

const NOW: i64 = 1_800_000_000;

const SECRET: &str = "canary-of-a-shared-secret-of-tests-1234";

fn secret() -> SharedSecret {
    SharedSecret::from_text(SECRET.to_owned().into()).unwrap()
}

fn part(value: &serde_json::Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token that is signed as it should be, whatever its claims are.
fn signed(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

fn header() -> serde_json::Value {
    json!({"typ": "JWT", "alg": "HS256"})
}

fn claims() -> serde_json::Value {
    json!({
        "iss": "com.example.add-on", "aud": ["hub-1"], "iat": NOW, "exp": NOW + 180, "nbf": NOW, "jti": "one", "sub": "ada",
        "qsh": "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239", "bh": "x", "context": {"user": {"userKey": "u"}},
    })
}

fn verify(token: &str) -> bool {
    let secrets = IssuerSecrets {
        current: secret(),
        previous: None,
    };
    let arrived = Arrived {
        token,
        request: CanonicalInput {
            method: "GET",
            target: "/self?a=b",
            base: Some("https://hub.example.org"),
            form: None,
        },
        now: NOW,
    };
    let expected = Expected {
        class: RouteClass::Api,
        receiver: "hub-1",
        is_strict: false,
    };
    verify_call(&arrived, &expected, |_| Some(secrets)).is_ok()
}

#[test]
fn f2_tokens_with_strange_headers_and_claims_are_refused() {
    each(2, &with_strange(claims()), |claims| {
        verify(&signed(&header(), &claims));
    });
    each(2, &with_strange(header()), |strange| {
        let is_good = strange == header();
        assert!(!verify(&signed(&strange, &claims())) || is_good);
    });
}

#[test]
fn f2_texts_that_are_nearly_tokens_are_refused() {
    let whole = signed(&header(), &claims());
    each(1, &mangled_text(&[&whole, "a.b.c", "..", ""]), |text| {
        claimed_issuer(&text);
        claimed_client(&text);
        assert!(!verify(&text), "a hash of another request");
        let found = verify_job_token(&text, NOW, |_| None);
        assert!(found.is_err());
    });
}

#[test]
fn assertions_and_requests_for_tokens_are_refused_in_good_order() {
    let client = "urn:atlassian:connect:clientid:oauth-1";
    let claims = json!({
        "iss": client, "sub": "urn:atlassian:connect:useraccountid:ada", "tnt": "https://hub.example.org",
        "aud": "https://hub.example.org/oauth2/token", "iat": NOW, "exp": NOW + 60,
    });
    let service = TokenService {
        base_url: "https://hub.example.org",
        token_url: "https://hub.example.org/oauth2/token",
    };
    each(2, &with_strange(claims), |claims| {
        let secrets = IssuerSecrets {
            current: secret(),
            previous: None,
        };
        let _ = verify_assertion(&signed(&header(), &claims), NOW, &service, |_| Some(secrets));
    });
    let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c&scope=READ+WRITE&resource=repo%3Aa%2Fb";
    each(2, &mangled_text(&[form]), |text| {
        let _ = TokenRequest::parse(&text);
    });
}

#[test]
fn query_strings_have_one_canonical_form_whatever_is_in_them() {
    let samples = [
        "/rest/x?b=2&a=q+r&b=1&jwt=x.y.z",
        "/p&a=b?x=y",
        "/?%F0%9F%98%80=%zz&&=&a",
        "/a//?a=%2C,",
    ];
    each(1, &mangled_text(&samples), |target| {
        let input = CanonicalInput {
            method: "get",
            target: &target,
            base: Some("https://hub.example.org"),
            form: None,
        };
        for order in Order::ALL {
            if let Ok(text) = canonical(&input, order) {
                assert!(text.starts_with("GET&/"), "{text}");
                assert!(text.matches('&').count() >= 2, "{text}");
            }
        }
        let _ = find_credential(&input, &["JWT a.b.c"]);
        let _ = find_credential(&input, &[&target]);
    });
}

#[test]
fn forms_are_read_alike_wherever_they_are_read() {
    let samples = [
        "a=1+2&b=%C3%A9%26&a=&c",
        "anti_forgery=x&text=%0D%0A",
        "=&&=",
        "payload=%7B%22a%22%3A1%7D",
    ];
    each(1, &mangled(&samples), |bytes| {
        let read = fields(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes)
            && !text.contains('#')
        {
            let others: Vec<_> = form_fields(text);
            assert!(others.len() <= read.len() + 1);
        }
    });
}

#[test]
fn h3_f7_what_comes_back_from_elsewhere_leads_nowhere_else() {
    let samples = [
        "/goals?a=1",
        "//evil.example",
        "/\\evil",
        "javascript:alert(1)",
        "https://evil.example/",
        "/%2f/evil",
    ];
    each(2, &mangled_text(&samples), |text| {
        let place = local_place(&text);
        let base = reqwest::Url::parse("https://hub.example.org/").unwrap();
        let led = base.join(place).unwrap();
        assert_eq!(led.origin(), base.origin(), "{text:?} leads to {led}");
    });
    let pairs = proptest::collection::vec(("(state|code|error|x)", "\\PC{0,40}"), 0..6);
    each(2, &pairs, |query| {
        let _ = returned(&query);
    });
}

#[test]
fn sets_of_keys_are_read_or_refused() {
    let set = json!({"keys": [
        {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "kid": "two", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
    ]});
    each(2, &with_strange(set), |set| {
        let _ = KeySet::parse(set.to_string().as_bytes());
    });
    each(2, &any::<Vec<u8>>(), |bytes| {
        let _ = KeySet::parse(&bytes);
    });
}
