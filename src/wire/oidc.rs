//! Tokens of jobs of other systems (security model 10.6): OpenID Connect tokens, checked against the keys that their issuer
//! publishes.
//!
//! The key decides over the algorithm, never the token: an RSA key checks RS256, a P-256 key ES256, and others are not taken.
//! Who a job is, is decided from its claims elsewhere.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use thiserror::Error;

use super::connect::token::{Token, TokenError};
use super::connect::verify::{check_times, text};

/// Largest set of keys in bytes.
pub const LARGEST_KEY_SET: usize = 256 * 1024;

/// Most keys of a set that are looked at.
const MOST_KEYS: usize = 100;

/// Most seconds that a job's token lives.
const LONGEST_LIFETIME: i64 = 24 * 60 * 60;

/// Most claims, and the longest of one, that are kept.
const MOST_CLAIMS: usize = 100;
const LONGEST_CLAIM: usize = 1000;

/// Bytes of a coordinate of a P-256 key.
const COORDINATE: usize = 32;

/// The issuer that a token names, to find the keys by; nothing of it is believed.
pub fn claimed_issuer(token: &str) -> Option<String> {
    let token = Token::parse(token).ok()?;
    text(&token.claims, "iss").ok()?.map(str::to_owned)
}

/// A set of keys that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeySetError {
    /// It is too large.
    #[error("the set of keys is larger than {LARGEST_KEY_SET} bytes")]
    TooLarge,
    /// It is no set of keys.
    #[error("it is no JSON Web Key Set")]
    NotAKeySet,
    /// No key in it is of a sort that is taken.
    #[error("no key in it can check RS256 or ES256")]
    NoKey,
}

/// The keys of an issuer.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<(String, Key)>);

#[derive(Debug, Clone)]
enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
}

impl KeySet {
    /// Reads a set. Keys of other sorts, for other uses, and without an id are left out.
    ///
    /// # Errors
    /// It is none, or nothing in it can be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > LARGEST_KEY_SET {
            return Err(KeySetError::TooLarge);
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|_| KeySetError::NotAKeySet)?;
        let keys = value
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::NotAKeySet)?;
        let keys: Vec<(String, Key)> = keys.iter().take(MOST_KEYS).filter_map(Key::named).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoKey);
        }
        Ok(Self(keys))
    }

    /// The key of an id; none when the id is there twice, because then nobody can say which is meant.
    fn find(&self, id: &str) -> Option<&Key> {
        let mut found = self.0.iter().filter(|(own, _)| own == id);
        match (found.next(), found.next()) {
            (Some((_, key)), None) => Some(key),
            _ => None,
        }
    }
}

impl Key {
    fn named(value: &Value) -> Option<(String, Self)> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let key = match text("kty")? {
            "RSA" => Self::Rsa {
                n: bytes("n")?,
                e: bytes("e")?,
            },
            "EC" if text("crv") == Some("P-256") => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                let is_whole = x.len() == COORDINATE && y.len() == COORDINATE;
                Self::P256(is_whole.then(|| [&[4], x.as_slice(), &y].concat())?)
            }
            _ => return None,
        };
        let fits = text("alg").is_none_or(|alg| alg == key.algorithm());
        fits.then_some((text("kid")?.to_owned(), key))
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                    .is_ok()
            }
            Self::P256(point) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

/// A job's token whose signature and times hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobToken {
    /// Who issued it.
    pub issuer: String,
    /// For whom.
    pub audience: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// Every claim that is text, a number, or true or false.
    pub claims: BTreeMap<String, String>,
    /// SHA-256 of what was signed, in hexadecimal. Of some algorithms a signature can be written in two ways, what was signed not.
    pub digest: String,
}

/// Checks a job's token against the keys of the issuer whom it names.
///
/// # Errors
/// The first check that fails.
pub fn verify_job_token(
    token: &str,
    now: i64,
    keys_of: impl FnOnce(&str) -> Option<KeySet>,
) -> Result<JobToken, TokenError> {
    let token = Token::parse(token)?;
    if token.header.contains_key("crit") {
        return Err(TokenError::Malformed);
    }
    let issuer = text(&token.claims, "iss")?
        .ok_or(TokenError::ClaimMissing("iss"))?
        .to_owned();
    let keys = keys_of(&issuer).ok_or(TokenError::UnknownIssuer)?;
    let id = token.header.get("kid").and_then(Value::as_str);
    let key = id.and_then(|id| keys.find(id)).ok_or(TokenError::UnknownKey)?;
    if token.header.get("alg").and_then(Value::as_str) != Some(key.algorithm()) {
        return Err(TokenError::Algorithm);
    }
    if !key.has_signed(token.signed.as_bytes(), &token.signature) {
        return Err(TokenError::Signature);
    }
    Ok(JobToken {
        issuer,
        audience: audience(&token.claims)?,
        expires: check_times(&token.claims, now, LONGEST_LIFETIME)?,
        claims: plain(&token.claims),
        digest: hex::encode(digest(&SHA256, token.signed.as_bytes())),
    })
}

fn audience(claims: &Map<String, Value>) -> Result<Vec<String>, TokenError> {
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(all)) => {
            let names = all.iter().map(|one| one.as_str().map(str::to_owned));
            names.collect::<Option<Vec<_>>>().ok_or(TokenError::Malformed)
        }
        Some(_) => Err(TokenError::Malformed),
        None => Err(TokenError::ClaimMissing("aud")),
    }
}

/// Claims as texts. What is longer or deeper is no claim that anybody could require.
fn plain(claims: &Map<String, Value>) -> BTreeMap<String, String> {
    let as_text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let kept = claims
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), as_text(value)?)));
    kept.filter(|(_, value)| value.len() <= LONGEST_CLAIM)
        .take(MOST_CLAIMS)
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_767_225_600;
    const ISSUER: &str = "https://gitlab.example.com";

    fn part(bytes: impl AsRef<[u8]>) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "aud": "https://hub.example.com", "iat": NOW, "exp": NOW + 600, "project_id": "42",
            "ref": "refs/heads/main", "ref_protected": true, "pipeline": 7, "deep": {"x": 1}, "long": "x".repeat(1001),
        })
    }

    fn unsigned(alg: &str, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": alg, "kid": kid});
        format!("{}.{}", part(header.to_string()), part(claims.to_string()))
    }

    /// An EC key and the set that publishes it.
    fn ec() -> (EcdsaKeyPair, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let key = json!({"kty": "EC", "crv": "P-256", "kid": "e", "use": "sig", "x": part(&point[1..33]), "y": part(&point[33..])});
        (pair, key)
    }

    fn signed_ec(pair: &EcdsaKeyPair, alg: &str, claims: &Value) -> String {
        let message = unsigned(alg, "e", claims);
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", part(signature.as_ref()))
    }

    fn set(keys: &[&Value]) -> KeySet {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    }

    fn verified(token: &str, keys: &KeySet) -> Result<JobToken, TokenError> {
        verify_job_token(token, NOW, |issuer| (issuer == ISSUER).then(|| keys.clone()))
    }

    #[test]
    fn a_job_is_known_by_an_elliptic_key() {
        let (pair, key) = ec();
        let token = verified(&signed_ec(&pair, "ES256", &claims()), &set(&[&key])).unwrap();
        assert_eq!((token.issuer.as_str(), token.expires), (ISSUER, NOW + 600));
        let claim = |name: &str| token.claims.get(name).map(String::as_str);
        assert_eq!(
            (claim("ref_protected"), claim("pipeline"), claim("project_id")),
            (Some("true"), Some("7"), Some("42"))
        );
        assert_eq!((claim("deep"), claim("long")), (None, None));
    }

    #[test]
    fn a_job_is_known_by_an_rsa_key() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = pair.public_key().as_ref();
        // RSAPublicKey: a sequence of two integers, the first of 257 bytes, the second of three.
        let (n, e) = (&der[der.len() - 5 - 256..der.len() - 5], &der[der.len() - 3..]);
        let key = json!({"kty": "RSA", "kid": "r", "alg": "RS256", "n": part(n), "e": part(e)});
        let message = unsigned("RS256", "r", &claims());
        let mut signature = vec![0; 256];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        let token = format!("{message}.{}", part(&signature));
        assert!(verified(&token, &set(&[&key])).is_ok());
        let (_, other) = ec();
        assert_eq!(verified(&token, &set(&[&other])), Err(TokenError::UnknownKey));
    }

    #[test]
    fn f2_the_key_decides_over_the_algorithm() {
        let (pair, key) = ec();
        for alg in ["none", "HS256", "RS256", "es256", "ES384"] {
            let token = signed_ec(&pair, alg, &claims());
            assert_eq!(
                verified(&token, &set(&[&key])),
                Err(TokenError::Algorithm),
                "{alg}"
            );
        }
        let (_, mut stranger) = ec();
        stranger["kid"] = json!("e");
        let token = signed_ec(&pair, "ES256", &claims());
        assert_eq!(verified(&token, &set(&[&stranger])), Err(TokenError::Signature));
        assert_eq!(
            verified(&token, &set(&[&key, &stranger])),
            Err(TokenError::UnknownKey),
            "two keys of one id"
        );
    }

    #[test]
    fn times_issuers_and_audiences_are_checked() {
        let (pair, key) = ec();
        let code = |change: fn(&mut Value)| {
            let mut claims = claims();
            change(&mut claims);
            verified(&signed_ec(&pair, "ES256", &claims), &set(&[&key]))
                .map_or_else(TokenError::code, |_| "accepted")
        };
        assert_eq!(
            code(|claims| claims["iss"] = json!("https://gitlab.example.com/")),
            "unknown_issuer"
        );
        assert_eq!(code(|claims| claims["aud"] = json!(null)), "token_malformed");
        assert_eq!(code(|claims| claims["aud"] = json!(["a", "b"])), "accepted");
        assert_eq!(
            code(|claims| (claims["iat"], claims["exp"]) = (json!(NOW - 600), json!(NOW - 30))),
            "token_expired"
        );
        assert_eq!(
            code(|claims| claims["nbf"] = json!(NOW + 31)),
            "token_not_yet_valid"
        );
        assert_eq!(
            code(|claims| claims["exp"] = json!(NOW + 86_401)),
            "lifetime_too_long"
        );
    }

    #[test]
    fn a_set_of_keys_is_read_within_limits() {
        let (_, key) = ec();
        let mut encryption = key.clone();
        encryption["use"] = json!("enc");
        let mut nameless = key.clone();
        nameless.as_object_mut().unwrap().remove("kid");
        let mut short = key.clone();
        short["x"] = json!("AAAA");
        let secret = json!({"kty": "oct", "kid": "o", "k": "AAAA"});
        let none = json!({"keys": [encryption, nameless, short, secret, 7]});
        let parse = |text: &str| KeySet::parse(text.as_bytes()).map(|_| ());
        assert_eq!(parse(&none.to_string()), Err(KeySetError::NoKey));
        assert_eq!(parse("{}"), Err(KeySetError::NotAKeySet));
        assert_eq!(
            parse(&" ".repeat(LARGEST_KEY_SET + 1)),
            Err(KeySetError::TooLarge)
        );
    }
}
