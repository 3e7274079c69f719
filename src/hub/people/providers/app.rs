//! The key of a GitHub App, by which the hub proves that it is the app itself.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::model::Timestamp;

/// Seconds that an assertion counts; GitHub takes none of more than ten minutes.
const COUNTS: i64 = 9 * 60;

/// Seconds by which GitHub's clock may be behind ours.
const BEHIND: i64 = 60;

/// The key. `Debug` does not show it.
#[derive(Clone)]
pub struct AppKey(Arc<KeyPair>);

impl std::fmt::Debug for AppKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AppKey")
    }
}

impl AppKey {
    /// Reads it as GitHub gives it, or as PKCS#8; both as PEM. `None` when it is neither.
    pub fn parse(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret();
        let of_github = || KeyPair::from_der(&from_pem("RSA PRIVATE KEY", text)?).ok();
        let key = match from_pem("PRIVATE KEY", text) {
            Some(der) => KeyPair::from_pkcs8(&der).ok(),
            None => of_github(),
        };
        key.map(|key| Self(Arc::new(key)))
    }

    /// A text by which GitHub knows the app with this client id for a few minutes; `None` when the cryptographic library fails.
    pub(super) fn assertion(&self, client_id: &str, now: Timestamp) -> Option<SecretString> {
        let seconds = now.as_micros() / 1_000_000;
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let claims = json!({"iat": seconds - BEHIND, "exp": seconds + COUNTS, "iss": client_id});
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .ok()?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Some(SecretString::from(format!("{signed}.{signature}")))
    }
}

fn from_pem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let encoded: String = body.split_whitespace().collect();
    BASE64_STANDARD.decode(encoded).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn an_app_proves_itself_by_its_key() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = pair.as_der().unwrap();
        let encoded = BASE64_STANDARD.encode(der.as_ref());
        let text = format!("-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n");
        let key = AppKey::parse(&text.into()).unwrap();
        assert_eq!(format!("{key:?}"), "AppKey");
        let now = Timestamp::from_micros(1_767_225_600_000_000);
        let assertion = key.assertion("Iv1.a", now).unwrap();
        let (signed, signature) = assertion.expose_secret().rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD
            .decode(signed.split('.').nth(1).unwrap())
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            json!({"iat": 1_767_225_540, "exp": 1_767_226_140, "iss": "Iv1.a"})
        );
        assert!(
            AppKey::parse(&"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into()).is_none()
        );
        assert!(AppKey::parse(&"".into()).is_none());
    }
}
