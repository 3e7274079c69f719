//! Whether a signed call or install holds, in the order of the specification (security model 6.3). The first failure ends
//! it, and nothing is believed before the signature holds, except to find the key.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::canonical::{CanonicalInput, accepted_hashes};
use super::keys::{PublicInstallKey, SharedSecret};
use super::token::{Token, TokenError};
use super::{LEEWAY, LONGEST_LIFETIME, PAGE_HASH};

/// What a route takes. It decides over the algorithm; the token never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteClass {
    /// An ordinary call: the token is for this request alone.
    Api,
    /// A helper of a page: tokens with the fixed hash are taken too.
    Page,
}

/// A request that brought a token.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// The token.
    pub token: &'a str,
    /// What its hash must cover.
    pub request: CanonicalInput<'a>,
    /// Seconds since 1970.
    pub now: i64,
}

/// The secrets of an issuer.
#[derive(Debug, Clone)]
pub struct IssuerSecrets {
    /// The one that counts.
    pub current: SharedSecret,
    /// The one before it, while the grace period of a rotation runs.
    pub previous: Option<SharedSecret>,
}

/// What is expected of a call.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What the route takes.
    pub class: RouteClass,
    /// The name of this side, which the audience must hold.
    pub receiver: &'a str,
    /// Whether a token without an audience is refused; older clients send none.
    pub is_strict: bool,
}

/// A token that holds, as far as it can be told without a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who signed it.
    pub issuer: String,
    /// A person it names. It is data and carries no rights.
    pub subject: Option<String>,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// Its own name, which counts once.
    pub id: Option<String>,
    /// The hash of the body that it was signed for.
    pub body_hash: Option<String>,
    /// Its signature, which tells it from others.
    pub signature: Vec<u8>,
}

impl Verified {
    /// Whether the body is the one that was signed, if the token says one.
    ///
    /// # Errors
    /// [`TokenError::BodyMismatch`]; [`TokenError::ClaimMissing`] when one is required.
    pub fn check_body(&self, body: &[u8], is_required: bool) -> Result<(), TokenError> {
        let Some(claimed) = &self.body_hash else {
            return if is_required {
                Err(TokenError::ClaimMissing("bh"))
            } else {
                Ok(())
            };
        };
        let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, body));
        same(claimed, &hash).then_some(()).ok_or(TokenError::BodyMismatch)
    }
}

/// A call signed with a shared secret (HS256): from an add-on, or of the hub to an add-on.
///
/// `secrets_of` finds the secrets of an issuer. For an issuer that nobody knows the same work is done, so that the time of an
/// answer does not tell who is known.
///
/// # Errors
/// The first check that fails.
pub fn verify_call(
    arrived: &Arrived<'_>,
    expected: &Expected<'_>,
    secrets_of: impl FnOnce(&str) -> Option<IssuerSecrets>,
) -> Result<Verified, TokenError> {
    let token = taken_apart(arrived.token)?;
    check_algorithm(&token, "HS256")?;
    let issuer = text(&token.claims, "iss")?.ok_or(TokenError::ClaimMissing("iss"))?;
    let message = token.signed.as_bytes();
    match secrets_of(issuer) {
        Some(secrets) => {
            let is_current = secrets.current.has_signed(message, &token.signature);
            let previous = secrets.previous.as_ref();
            let is_previous = previous.is_some_and(|secret| secret.has_signed(message, &token.signature));
            if !(is_current || is_previous) {
                return Err(TokenError::Signature);
            }
        }
        None => {
            nobodys_secret().map(|secret| secret.has_signed(message, &token.signature));
            return Err(TokenError::UnknownIssuer);
        }
    }
    let expires = check_times(&token.claims, arrived.now, LONGEST_LIFETIME)?;
    check_audience(&token.claims, expected.receiver, expected.is_strict)?;
    check_hash(&token.claims, &arrived.request, expected.class)?;
    verified(token, expires)
}

/// An install or uninstall (RS256), as an add-on checks it. The body's tenant must be the issuer: nothing else ties the body
/// to the token.
///
/// # Errors
/// The first check that fails.
pub fn verify_install(
    arrived: &Arrived<'_>,
    body_client_key: &str,
    key_of: impl FnOnce(&str) -> Option<PublicInstallKey>,
) -> Result<Verified, TokenError> {
    let token = taken_apart(arrived.token)?;
    check_algorithm(&token, "RS256")?;
    let id = token.header.get("kid").and_then(Value::as_str);
    let key = id.and_then(key_of).ok_or(TokenError::UnknownKey)?;
    let issuer = text(&token.claims, "iss")?
        .ok_or(TokenError::ClaimMissing("iss"))?
        .to_owned();
    if !key.has_signed(token.signed.as_bytes(), &token.signature) {
        return Err(TokenError::Signature);
    }
    let expires = check_times(&token.claims, arrived.now, LONGEST_LIFETIME)?;
    let own = arrived.request.base.unwrap_or_default();
    check_audience(&token.claims, own, true)?;
    check_hash(&token.claims, &arrived.request, RouteClass::Api)?;
    if issuer != body_client_key {
        return Err(TokenError::InstallBodyMismatch);
    }
    verified(token, expires)
}

/// The name under which a token claims to be signed, to find the key by; nothing of it is believed.
pub fn claimed_issuer(token: &str) -> Option<String> {
    let token = Token::parse(token).ok()?;
    text(&token.claims, "iss").ok()?.map(str::to_owned)
}

fn nobodys_secret() -> Option<SharedSecret> {
    SharedSecret::from_text("nobody's secret, for equal work".into()).ok()
}

fn taken_apart(text: &str) -> Result<Token<'_>, TokenError> {
    if text.is_empty() {
        return Err(TokenError::Missing);
    }
    Token::parse(text)
}

pub(super) fn check_algorithm(token: &Token<'_>, wanted: &str) -> Result<(), TokenError> {
    if token.header.get("alg").and_then(Value::as_str) != Some(wanted) {
        return Err(TokenError::Algorithm);
    }
    match token.header.get("crit") {
        Some(_) => Err(TokenError::Malformed),
        None => Ok(()),
    }
}

/// A claim that must be text if it is there.
pub(in crate::wire) fn text<'c>(
    claims: &'c Map<String, Value>,
    name: &str,
) -> Result<Option<&'c str>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::Malformed),
    }
}

/// A claim that must be a whole number if it is there.
pub(in crate::wire) fn seconds(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or(TokenError::Malformed),
    }
}

/// Step 6, for tokens that live no longer than `longest` seconds; what comes back is when the token ends.
pub(in crate::wire) fn check_times(
    claims: &Map<String, Value>,
    now: i64,
    longest: i64,
) -> Result<i64, TokenError> {
    let issued = seconds(claims, "iat")?.ok_or(TokenError::ClaimMissing("iat"))?;
    let expires = seconds(claims, "exp")?.ok_or(TokenError::ClaimMissing("exp"))?;
    let not_before = seconds(claims, "nbf")?.unwrap_or(issued);
    if expires <= issued {
        return Err(TokenError::Malformed);
    }
    if expires.saturating_sub(issued) > longest {
        return Err(TokenError::LifetimeTooLong);
    }
    if now >= expires.saturating_add(LEEWAY) {
        return Err(TokenError::Expired);
    }
    if issued.max(not_before) > now.saturating_add(LEEWAY) {
        return Err(TokenError::NotYetValid);
    }
    Ok(expires)
}

/// Step 7. A slash at the end of an address is no difference.
fn check_audience(claims: &Map<String, Value>, receiver: &str, is_required: bool) -> Result<(), TokenError> {
    let plain = |address: &str| address.strip_suffix('/').unwrap_or(address).to_owned();
    let is_us = |value: &Value| value.as_str().is_some_and(|one| plain(one) == plain(receiver));
    let holds = match claims.get("aud") {
        None => !is_required,
        Some(Value::Array(all)) => all.iter().any(is_us),
        Some(one @ Value::String(_)) => is_us(one),
        Some(_) => return Err(TokenError::Malformed),
    };
    holds.then_some(()).ok_or(TokenError::Audience)
}

/// Step 8.
fn check_hash(
    claims: &Map<String, Value>,
    request: &CanonicalInput<'_>,
    class: RouteClass,
) -> Result<(), TokenError> {
    let claimed = text(claims, "qsh")?.ok_or(TokenError::HashMissing)?;
    if class == RouteClass::Page && claimed == PAGE_HASH {
        return Ok(());
    }
    let accepted = accepted_hashes(request).map_err(|_| TokenError::HashMismatch)?;
    let fits = accepted
        .iter()
        .fold(false, |fits, hash| same(claimed, hash) | fits);
    fits.then_some(()).ok_or(TokenError::HashMismatch)
}

/// Equality in constant time.
pub(super) fn same(claimed: &str, wanted: &str) -> bool {
    verify_slices_are_equal(claimed.as_bytes(), wanted.as_bytes()).is_ok()
}

fn verified(token: Token<'_>, expires: i64) -> Result<Verified, TokenError> {
    let owned = |name: &'static str| Ok(text(&token.claims, name)?.map(str::to_owned));
    Ok(Verified {
        issuer: owned("iss")?.ok_or(TokenError::ClaimMissing("iss"))?,
        subject: owned("sub")?,
        expires,
        id: owned("jti")?,
        body_hash: owned("bh")?,
        signature: token.signature,
    })
}
