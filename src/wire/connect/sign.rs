//! Tokens that the hub signs: calls to add-ons, and installs.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::canonical::{CanonicalInput, NotCanonical, query_hash};
use super::keys::{InstallKey, KeyError, SharedSecret};

/// Seconds that a token of the hub lives. Receivers without any leeway must find it valid after a slow way.
const LIFETIME: i64 = 180;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The request, with the address of the receiver as its base.
    pub request: CanonicalInput<'a>,
    /// Who signs.
    pub issuer: &'a str,
    /// The person who looks or acts, if any.
    pub subject: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
}

/// A call to an add-on, signed with the secret both share.
///
/// # Errors
/// The request has no canonical form.
pub fn sign_call(call: &Call<'_>, secret: &SharedSecret) -> Result<String, NotCanonical> {
    let claims = claims(call)?;
    let signed = unsigned(&json!({"typ": "JWT", "alg": "HS256"}), &claims);
    let signature = secret.sign(signed.as_bytes());
    Ok(with(signed, &signature))
}

/// An install or uninstall, signed with the hub's own key.
///
/// # Errors
/// The library fails; a request without a canonical form is none of an install.
pub fn sign_install(call: &Call<'_>, key: &InstallKey) -> Result<String, KeyError> {
    let mut claims = claims(call).map_err(|_| KeyError::NotAKey)?;
    let base = call.request.base.unwrap_or_default();
    claims["aud"] = json!([base.strip_suffix('/').unwrap_or(base)]);
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key.id()});
    let signed = unsigned(&header, &claims);
    let signature = key.sign(signed.as_bytes())?;
    Ok(with(signed, &signature))
}

fn claims(call: &Call<'_>) -> Result<Value, NotCanonical> {
    let mut claims = json!({
        "iss": call.issuer,
        "iat": call.now,
        "exp": call.now.saturating_add(LIFETIME),
        "qsh": query_hash(&call.request)?,
    });
    if let Some(subject) = call.subject {
        claims["sub"] = json!(subject);
    }
    Ok(claims)
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn with(signed: String, signature: &[u8]) -> String {
    signed + "." + &BASE64_URL_SAFE_NO_PAD.encode(signature)
}
