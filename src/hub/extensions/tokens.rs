//! Tokens for assertions (security model 8 and 10.3): an extension signs who it is, and for whom it wants to act if for anybody, and
//! gets a token that reaches no more than it does. A token makes no other token (threat F6), and one for a person holds only as
//! long as that person, or an administrator for everybody, agrees (threat F5).

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Hub;
use super::super::access::user_agent;
use super::super::refusal::Refusal;
use super::{ExtensionError, Extensions};
use crate::access::audit::Details;
use crate::access::handed::{Handed, TOKEN_COUNTS};
use crate::access::narrow::narrow;
use crate::access::request::BadCredential;
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Credential, Limit, PersonId, Resource, Scope, ScopeSet, Selector};
use crate::model::Timestamp;
use crate::ports::hub::handed::KeptToken;
use crate::wire::connect::{
    Assertion, LEEWAY, TokenError, TokenRequest, TokenRequestError, TokenService, claimed_client,
    verify_assertion,
};

/// How long a token for a person counts.
const FOR_A_PERSON: Duration = Duration::from_secs(15 * 60);

/// A limit as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct KeptLimit {
    scopes: Vec<String>,
    resources: Option<Vec<String>>,
}

/// A limit as text.
fn limit_text(limit: &Limit) -> String {
    let kept = KeptLimit {
        scopes: limit
            .scopes
            .unwrap_or(ScopeSet::EMPTY)
            .names()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        resources: limit
            .resources
            .as_ref()
            .map(|all| all.iter().map(ToString::to_string).collect()),
    };
    serde_json::to_string(&kept).expect("a limit has text keys only")
}

/// The limit of a kept token; what cannot be read reaches nothing.
pub(in super::super) fn kept_limit(text: &str) -> Limit {
    let nothing = || Limit {
        scopes: Some(ScopeSet::EMPTY),
        ..Limit::default()
    };
    let Ok(kept) = serde_json::from_str::<KeptLimit>(text) else {
        return nothing();
    };
    let scopes = ScopeSet::parse(kept.scopes.iter().map(String::as_str));
    let resources: Option<Result<Vec<Selector>, _>> = kept
        .resources
        .map(|all| all.iter().map(|text| Selector::parse(text)).collect());
    match (scopes, resources.transpose()) {
        (Ok(scopes), Ok(resources)) => Limit {
            scopes: Some(scopes),
            resources,
            ..Limit::default()
        },
        _ => nothing(),
    }
}

/// A token that was given, and until when it counts.
#[derive(Debug)]
struct Given {
    text: secrecy::SecretString,
    counts: Duration,
    scopes: ScopeSet,
    addon: AddonKey,
    /// Its public id, for the audit.
    id: String,
}

/// Why no token is given, by the names of OAuth.
#[derive(Debug)]
enum NotGiven {
    /// The request itself.
    Request(TokenRequestError),
    /// The assertion.
    Assertion(TokenError),
    /// What is asked for, and why it is not had.
    Scope(String),
    /// Nobody agreed that it acts for this person, or it may not act at all.
    Person(&'static str),
    /// The hub's own trouble.
    Hub(ExtensionError),
}

impl<E: Into<ExtensionError>> From<E> for NotGiven {
    fn from(error: E) -> Self {
        Self::Hub(error.into())
    }
}

/// `POST /auth/oauth2/token` and `POST /oauth2/token`: a form with an assertion, for a token.
pub(in super::super) async fn exchange(
    State(hub): State<Hub>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form = kind.is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    let body = String::from_utf8_lossy(&body);
    let request = match is_form {
        true => TokenRequest::parse(&body),
        false => Err(TokenRequestError::InvalidRequest),
    };
    let base = hub.own_address();
    let token_url = format!("{}{}", base.trim_end_matches('/'), uri.path());
    let service = TokenService {
        base_url: &base,
        token_url: &token_url,
    };
    let given = match request {
        Ok(request) => hub.extensions().give_token(&request, &service).await,
        Err(error) => Err(NotGiven::Request(error)),
    };
    match given {
        Ok(given) => {
            hub.note_token(&given, &headers);
            let answer = json!({
                "access_token": given.text.expose_secret(), "token_type": "Bearer",
                "expires_in": given.counts.as_secs(), "scope": given.scopes.names().join(" "),
            });
            (StatusCode::OK, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
        Err(NotGiven::Hub(error)) => Refusal::from(error).into_response(),
        Err(error) => {
            hub.note_stranger_with(Credential::Bad(BadCredential::Invalid), &headers);
            refused(&error)
        }
    }
}

impl Hub {
    /// Writes down that a token was given, as keys that are made are.
    fn note_token(&self, given: &Given, headers: &HeaderMap) {
        let now = self.now();
        let bearer = self.rights().bearer_of_addon(&given.addon, now);
        let resources = [Resource::Workspace];
        let request = bearer.request("token.exchange", &resources, now);
        let details = Details {
            credential_id: Some(given.id.clone()),
            policy_version: bearer.snapshot().version,
            user_agent: user_agent(headers),
            ..Details::default()
        };
        if let Some(audit) = self.rights().audit() {
            audit.record(&request, &bearer.decide(&request), &details);
        }
    }
}

fn refused(error: &NotGiven) -> Response {
    let (code, because) = match error {
        NotGiven::Request(error) => (error.code(), "the form cannot be used".to_owned()),
        NotGiven::Assertion(error) => {
            tracing::info!(reason = error.code(), "an assertion does not hold");
            ("invalid_grant", "the assertion does not hold".to_owned())
        }
        NotGiven::Scope(because) => ("invalid_scope", because.clone()),
        NotGiven::Person(because) => ("invalid_grant", (*because).to_owned()),
        NotGiven::Hub(_) => ("temporarily_unavailable", "the hub cannot do this now".to_owned()),
    };
    let answer = json!({"error": code, "error_description": because});
    (
        StatusCode::BAD_REQUEST,
        [(CACHE_CONTROL, "no-store")],
        Json(answer),
    )
        .into_response()
}

impl Extensions {
    async fn give_token(
        &self,
        request: &TokenRequest,
        service: &TokenService<'_>,
    ) -> Result<Given, NotGiven> {
        let (key, assertion) = self.asserted(&request.assertion, service).await?;
        let held = self.held().await?;
        let addon = held.addons.get(&key);
        let addon = addon.filter(|addon| addon.registration.state == AddonState::Active);
        let addon = addon.ok_or(NotGiven::Person("the extension is not at work"))?;
        let approved = addon.registration.approved();
        let person = match &assertion.person {
            None => None,
            Some(text) => {
                let person =
                    PersonId::parse(text).map_err(|_| NotGiven::Person("there is no such person"))?;
                let agreed = held
                    .consents
                    .get(&key)
                    .is_some_and(|consents| consents.covers(&person));
                if !approved.closure().has(Scope::ActAsUser) {
                    return Err(NotGiven::Scope(
                        "the scope act_as_user is not approved".to_owned(),
                    ));
                }
                Some(person).filter(|_| agreed)
            }
        };
        if assertion.person.is_some() && person.is_none() {
            return Err(NotGiven::Person(
                "nobody agreed that the extension acts for this person",
            ));
        }
        let limit = narrow(request.scopes.as_deref(), &request.resources, approved)
            .map_err(|error| NotGiven::Scope(error.to_string()))?;
        self.keep_given(&key, person, &limit).await
    }

    /// Who an assertion is of, and that it is used for the first time.
    async fn asserted(
        &self,
        text: &str,
        service: &TokenService<'_>,
    ) -> Result<(AddonKey, Assertion), NotGiven> {
        let now = self.now();
        let client = claimed_client(text);
        let extension = match &client {
            Some(client) => self.store.extension_of_client(client).await?,
            None => None,
        };
        let secrets = match &extension {
            Some(extension) => self.verifying(extension, now).await?,
            None => None,
        };
        let seconds = now.as_micros() / 1_000_000;
        let assertion = verify_assertion(text, seconds, service, |_| secrets).map_err(NotGiven::Assertion)?;
        let extension = extension.ok_or(NotGiven::Assertion(TokenError::UnknownIssuer))?;
        let mark = format!("assertion {}", hex::encode(&assertion.signature));
        let ends = assertion.expires.saturating_add(LEEWAY).saturating_mul(1_000_000);
        match self.store.use_once(&mark, Timestamp::from_micros(ends)).await? {
            true => Ok((AddonKey::parse(&extension.key)?, assertion)),
            false => Err(NotGiven::Assertion(TokenError::Replayed)),
        }
    }

    async fn keep_given(
        &self,
        key: &AddonKey,
        person: Option<PersonId>,
        limit: &Limit,
    ) -> Result<Given, NotGiven> {
        let handed =
            Handed::fresh().map_err(|_| ExtensionError::Library(crate::wire::connect::KeyError::Library))?;
        let counts = match person {
            None => TOKEN_COUNTS,
            Some(_) => FOR_A_PERSON,
        };
        let now = self.now();
        let token = KeptToken {
            digest: handed.digest,
            id: self.fresh_id(),
            addon: key.as_str().to_owned(),
            person: person.map(|person| person.as_str().to_owned()),
            limits: limit_text(limit),
            given: now,
            ends: now.plus(counts),
            revoked: None,
        };
        self.store.keep_token(&token).await?;
        tracing::info!(extension = %key.as_str(), person = token.person.as_deref(), id = %token.id, "a token was given");
        Ok(Given {
            text: handed.text,
            counts,
            scopes: limit.scopes.unwrap_or(ScopeSet::EMPTY),
            addon: key.clone(),
            id: token.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_a_limit_comes_back_as_it_was_and_one_that_cannot_be_read_reaches_nothing() {
        let limit = Limit {
            scopes: Some(ScopeSet::of(&[Scope::GoalsRead])),
            resources: Some(vec![Selector::parse("repo:acme/*").unwrap()]),
            ..Limit::default()
        };
        assert_eq!(kept_limit(&limit_text(&limit)), limit);
        for text in [
            "",
            "{}",
            "{\"scopes\":[\"x\"],\"resources\":null}",
            "{\"scopes\":[],\"resources\":[\"x\"]}",
        ] {
            assert_eq!(kept_limit(text).scopes, Some(ScopeSet::EMPTY), "{text}");
        }
    }
}
