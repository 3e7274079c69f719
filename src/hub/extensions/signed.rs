//! Signed calls of extensions (security model 4 and 6): found in one place, checked in the order of the specification, and used once.
//!
//! A token is for one request, so that it is checked where the whole request is still there: before its route. What was proven goes
//! on beside the request and not in it, because whatever stands in a request can be anybody's.

use std::future::Future;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};

use super::super::Hub;
use super::super::access::guesses::Guessed;
use super::super::people::is_safe;
use super::super::refusal::Refusal;
use super::{ExtensionError, Extensions};
use crate::access::request::BadCredential;
use crate::access::{AddonKey, Credential, Term, Terms};
use crate::model::Timestamp;
use crate::ports::hub::extensions::StoredExtension;
use crate::wire::connect::canonical::{CanonicalInput, MOST_PARAMETERS};
use crate::wire::connect::verify::{Expected, IssuerSecrets, Verified, claimed_issuer};
use crate::wire::connect::{
    Arrived, Found, LEEWAY, RouteClass, TokenError, find_credential, form_fields, verify_call,
};

/// Largest body of a form whose fields may be what was signed.
const LARGEST_FORM: usize = 64 * 1024;

/// Largest body of a signed call; most routes take less.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// A call that an extension has signed, as far as it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct SignedCall {
    /// Whose it is.
    pub addon: AddonKey,
    /// Somebody it names; that proves nothing.
    pub subject: Option<String>,
}

tokio::task_local! {
    static ARRIVED: SignedCall;
}

/// The signed call that is answered right now, if one is.
pub(in super::super) fn arrived() -> Option<SignedCall> {
    ARRIVED.try_with(Clone::clone).ok()
}

/// Does what belongs to a signed call after it was answered, such as going on with a stream.
pub(in super::super) fn as_arrived<F: Future>(call: SignedCall, work: F) -> impl Future<Output = F::Output> {
    ARRIVED.scope(call, work)
}

/// Lets signed calls in that hold, and everything that is not signed; what stands on its own feet is checked by its route.
pub(in super::super) async fn check<F: Future<Output = Response>>(
    hub: &Hub,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let target = target(&request);
    if has_too_many_parameters(&target) {
        // What stands behind them could be a credential that nobody has looked at.
        return Refusal::bad(
            "too_many_parameters",
            format!("nothing with more than {MOST_PARAMETERS} parameters is answered"),
        )
        .into_response();
    }
    match look(request.method(), &target, request.headers()) {
        Found::Nothing | Found::Bearer(_) => next(request).await,
        Found::Malformed if !is_in_query(&request) => next(request).await,
        Found::Malformed => {
            hub.note_stranger(Credential::Bad(BadCredential::Invalid));
            Refusal::unauthorized("token_malformed", "a token in the address is for reading").into_response()
        }
        Found::Ambiguous => {
            hub.note_stranger(Credential::Several);
            Refusal::bad("ambiguous_credentials", "more than one credential was sent").into_response()
        }
        Found::Signed(_) if !hub.is_reached_safely(request.headers()) => {
            hub.note_stranger(Credential::Bad(BadCredential::Invalid));
            unsafe_place().into_response()
        }
        Found::Signed(token) => match hub.signed_call(&token, request).await {
            Ok((call, request)) => ARRIVED.scope(call, next(request)).await,
            Err(refusal) => refusal.into_response(),
        },
    }
}

fn target(request: &Request) -> String {
    let uri = request.uri();
    uri.path_and_query()
        .map_or_else(|| uri.path().to_owned(), ToString::to_string)
}

fn has_too_many_parameters(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|piece| !piece.is_empty()).count() > MOST_PARAMETERS
}

fn is_in_query(request: &Request) -> bool {
    !request.headers().contains_key(AUTHORIZATION)
}

fn look(method: &Method, target: &str, headers: &HeaderMap) -> Found {
    let sent: Vec<&str> = headers
        .get_all(AUTHORIZATION)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    let input = CanonicalInput {
        method: method.as_str(),
        target,
        base: None,
        form: None,
    };
    find_credential(&input, &sent)
}

/// The header in which a proxy says how it was asked; whoever says that it was in clear says it against themselves.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// A signature covers no body: whoever reads along could send another with it, or use the token for as long as it holds.
pub(super) fn unsafe_place() -> Refusal {
    Refusal::forbidden(
        "insecure_address",
        "signed calls need https: put the hub behind a proxy that ends TLS and start it with `--address https://…`, or call it from the \
         same computer",
    )
}

/// Whether a request was asked in clear on its way here, as the proxy that asks for it says.
fn was_in_clear(headers: &HeaderMap) -> bool {
    let said = headers.get_all(FORWARDED_PROTO).iter();
    let mut said = said
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    said.any(|one| one.trim().eq_ignore_ascii_case("http"))
}

impl Hub {
    /// Whether nobody reads along who is on the way to this hub: its address is https and no proxy says otherwise, or it is on the same
    /// computer (security model 6.4).
    pub(super) fn is_reached_safely(&self, headers: &HeaderMap) -> bool {
        let address = self.own_address();
        is_safe(&address) && !(address.starts_with("https:") && was_in_clear(headers))
    }
}

/// A call as its token must cover it.
struct Covered<'a> {
    token: &'a str,
    method: &'a Method,
    target: &'a str,
    form: Option<&'a [(String, String)]>,
}

impl Hub {
    /// The call that a token signs, and the request with its body still to be read.
    async fn signed_call(&self, token: &str, request: Request) -> Result<(SignedCall, Request), Refusal> {
        let (parts, body) = request.into_parts();
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", axum::http::uri::PathAndQuery::as_str);
        let (form, body) = form(&parts.method, &parts.headers, body).await?;
        let covered = Covered {
            token,
            method: &parts.method,
            target,
            form: form.as_deref(),
        };
        let base = self.own_address();
        let terms = self.terms_of_issuer(token);
        let is_strict = terms.contains(&Term::Audience);
        let proven = self.extensions().proven(&covered, &base, is_strict).await;
        let (extension, verified) = match proven {
            Ok(proven) => proven,
            Err(Unproven::Token(error)) => return Err(self.unproven(error)),
            Err(Unproven::Hub(error)) => return Err(error.into()),
        };
        let body = to_bytes(body, LARGEST_BODY)
            .await
            .map_err(|_| Refusal::too_large("the body is too large"))?;
        let is_named = terms.contains(&Term::SingleUse);
        let used = self
            .extensions()
            .first_use(&verified, &parts.method, &body, is_named)
            .await;
        match used {
            Ok(()) => {}
            Err(Unproven::Token(error)) => return Err(self.unproven(error)),
            Err(Unproven::Hub(error)) => return Err(error.into()),
        }
        let call = SignedCall {
            addon: AddonKey::parse(&extension.key).map_err(ExtensionError::from)?,
            subject: verified.subject,
        };
        Ok((call, Request::from_parts(parts, Body::from(body))))
    }

    /// On which terms the add-on is at work that a token says it is of; nothing else is believed of the token for that.
    fn terms_of_issuer(&self, token: &str) -> Terms {
        let addon = claimed_issuer(token).and_then(|issuer| AddonKey::parse(&issuer).ok());
        let snapshot = self.rights().snapshot(self.now());
        let addon = addon.and_then(|key| snapshot.addons.get(&key));
        addon.map_or_else(Terms::new, |addon| addon.terms.clone())
    }

    /// Says no more than that it does not hold, where more would tell who is known here.
    fn unproven(&self, error: TokenError) -> Refusal {
        tracing::info!(reason = error.code(), "a signed call does not hold");
        let code = match error {
            TokenError::UnknownIssuer | TokenError::Signature => {
                let refusal = Refusal::unauthorized("invalid_credentials", "the token does not hold");
                return self.guessed(Guessed::Call, refusal);
            }
            TokenError::Missing
            | TokenError::Malformed
            | TokenError::Algorithm
            | TokenError::UnknownKey
            | TokenError::ClaimMissing(_)
            | TokenError::LifetimeTooLong
            | TokenError::Expired
            | TokenError::NotYetValid
            | TokenError::Audience
            | TokenError::HashMissing
            | TokenError::HashMismatch
            | TokenError::Replayed
            | TokenError::BodyMismatch
            | TokenError::InstallBodyMismatch => error.code(),
        };
        let bad = match error == TokenError::Expired {
            true => BadCredential::Expired,
            false => BadCredential::Invalid,
        };
        self.note_stranger(Credential::Bad(bad));
        Refusal::unauthorized(code, "the token does not hold")
    }
}

/// Fields of a form, which some clients sign in place of the query; the body is still whole afterwards.
async fn form(
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Option<Vec<(String, String)>>, Body), Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form = kind.is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    if !is_form || !matches!(*method, Method::POST | Method::PUT) {
        return Ok((None, body));
    }
    let bytes: Bytes = to_bytes(body, LARGEST_FORM)
        .await
        .map_err(|_| Refusal::too_large("the form is too large"))?;
    let fields = form_fields(&String::from_utf8_lossy(&bytes));
    Ok((Some(fields), Body::from(bytes)))
}

/// Whoever a token says that it is of, and the secrets that would prove it.
type Issuer = (Option<StoredExtension>, Option<IssuerSecrets>);

/// Why a call is not proven.
enum Unproven {
    /// Its token.
    Token(TokenError),
    /// The hub cannot tell.
    Hub(ExtensionError),
}

impl<E: Into<ExtensionError>> From<E> for Unproven {
    fn from(error: E) -> Self {
        Self::Hub(error.into())
    }
}

impl Extensions {
    async fn proven(
        &self,
        covered: &Covered<'_>,
        base: &str,
        is_strict: bool,
    ) -> Result<(StoredExtension, Verified), Unproven> {
        let now = self.now();
        let (extension, secrets) = match claimed_issuer(covered.token) {
            Some(issuer) => self.issuer(&issuer, now).await?,
            None => (None, None),
        };
        let target = below(base, covered.target);
        let arrived = Arrived {
            token: covered.token,
            request: CanonicalInput {
                method: covered.method.as_str(),
                target: &target,
                base: Some(base),
                form: covered.form,
            },
            now: now.as_micros() / 1_000_000,
        };
        let client_key = self.client_key().await?;
        let expected = Expected {
            class: RouteClass::Api,
            receiver: &client_key,
            is_strict,
        };
        let verified = verify_call(&arrived, &expected, |_| secrets).map_err(Unproven::Token)?;
        let extension = extension.ok_or(Unproven::Token(TokenError::UnknownIssuer))?;
        Ok((extension, verified))
    }

    async fn issuer(&self, key: &str, now: Timestamp) -> Result<Issuer, ExtensionError> {
        let extension = self.store.extension(key).await?;
        let secrets = match &extension {
            Some(extension) => self.verifying(extension, now).await?,
            None => None,
        };
        if secrets.is_none() {
            self.nobodys_secret(key).await?;
        }
        Ok((extension, secrets))
    }

    /// Whether a token is used for the first time, by any hub of this memory, and for the body that it was signed for.
    /// `is_named`: the token must have a name of its own, and the hash of the body.
    async fn first_use(
        &self,
        verified: &Verified,
        method: &Method,
        body: &[u8],
        is_named: bool,
    ) -> Result<(), Unproven> {
        verified.check_body(body, is_named).map_err(Unproven::Token)?;
        verified.check_name(is_named).map_err(Unproven::Token)?;
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let Some(mark) = verified.mark(changes, body) else {
            return Ok(());
        };
        let ends = Timestamp::from_micros(verified.expires.saturating_add(LEEWAY).saturating_mul(1_000_000));
        match self.store.use_once(&mark, ends).await? {
            true => Ok(()),
            false => Err(Unproven::Token(TokenError::Replayed)),
        }
    }
}

/// A target as whoever signed it sent it: proxies in front of a hub may take the path of its address off.
fn below(base: &str, target: &str) -> String {
    let path = reqwest::Url::parse(base).map_or_else(|_| String::new(), |url| url.path().to_owned());
    let path = path.trim_end_matches('/');
    let rest = target.strip_prefix(path);
    match rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?'])) {
        true => target.to_owned(),
        false => format!("{path}{target}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g7_a_proxy_that_was_asked_in_clear_says_so() {
        let said = |texts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(FORWARDED_PROTO, axum::http::HeaderValue::from_static(text));
            }
            was_in_clear(&headers)
        };
        assert!(said(&["http"]) && said(&["https, HTTP"]) && said(&["https", "http"]));
        assert!(!said(&[]) && !said(&["https"]) && !said(&["wss, https"]));
    }

    #[test]
    fn no_credential_stands_behind_more_parameters_than_are_looked_at() {
        let of = |count: usize| format!("/x?&{}", vec!["a=1"; count].join("&"));
        assert!(!has_too_many_parameters(&of(MOST_PARAMETERS)) && !has_too_many_parameters("/x"));
        assert!(has_too_many_parameters(&of(MOST_PARAMETERS + 1)));
    }

    #[test]
    fn a_target_is_as_it_was_signed_whether_a_proxy_took_the_path_off_or_not() {
        let base = "https://example.com/hub/";
        assert_eq!(below(base, "/hub/graphql?a=1"), "/hub/graphql?a=1");
        assert_eq!(below(base, "/graphql?a=1"), "/hub/graphql?a=1");
        assert_eq!(below(base, "/hubble/x"), "/hub/hubble/x");
        assert_eq!(below("https://example.com", "/x?y"), "/x?y");
    }
}
