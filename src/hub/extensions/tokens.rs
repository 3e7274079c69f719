//! Tokens for assertions (security model 8 and 10.3): an extension signs who it is, and for whom it wants to act if for anybody, and
//! gets a token that reaches no more than it does. A token makes no other token (threat F6), and one for a person holds only as
//! long as that person, or an administrator for everybody, agrees (threat F5). A job brings the token of its issuer instead
//! (10.6), and gets one that reaches no more than what it is trusted with.

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
use super::super::access::noted::Noted;
use super::super::asked;
use super::super::federation::NotAJob;
use super::super::people::chats::{named_in_chat, provider};
use super::super::refusal::Refusal;
use super::signed::unsafe_place;
use super::{ExtensionError, Extensions};
use crate::access::audit::Details;
use crate::access::handed::{Handed, TOKEN_COUNTS};
use crate::access::narrow::narrow;
use crate::access::request::BadCredential;
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Credential, Limit, PersonId, Principal, Resource, Scope, ScopeSet, Selector};
use crate::model::Timestamp;
use crate::ports::hub::handed::KeptToken;
use crate::ports::people::PersonState;
use crate::wire::connect::{
    ACCESS_TOKEN, Assertion, Brought, LEEWAY, TokenError, TokenRequest, TokenRequestError, TokenService,
    claimed_client, verify_assertion,
};

/// Seconds after which a job may ask again whose issuer did not answer.
const ISSUER_AGAIN: u32 = 10;

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
    /// The job that it was given to, in words.
    job: Option<String>,
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
    /// What is brought gives nothing: nobody agreed, or it may not act at all.
    Grant(&'static str),
    /// A job is nobody here.
    Job(NotAJob),
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
    let is_signed = request
        .as_ref()
        .is_ok_and(|request| matches!(request.brought, Brought::Assertion(_)));
    if is_signed && !hub.is_reached_safely(&headers) {
        return unsafe_place().into_response();
    }
    let given = match request {
        Ok(request) => hub.give_token(&request, &service).await,
        Err(error) => Err(NotGiven::Request(error)),
    };
    match given {
        Ok(given) => {
            hub.note_token(&given);
            let answer = json!({
                "access_token": given.text.expose_secret(), "token_type": "Bearer", "issued_token_type": ACCESS_TOKEN,
                "expires_in": given.counts.as_secs(), "scope": given.scopes.names().join(" "),
            });
            (StatusCode::OK, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
        Err(NotGiven::Hub(error)) => Refusal::from(error).into_response(),
        Err(NotGiven::Job(NotAJob::Store(error))) => Refusal::from(error).into_response(),
        Err(NotGiven::Job(error @ NotAJob::Issuer(_))) => {
            Refusal::busy(error.to_string(), ISSUER_AGAIN).into_response()
        }
        Err(error) => {
            hub.note_stranger(Credential::Bad(BadCredential::Invalid));
            refused(&error)
        }
    }
}

impl Hub {
    async fn give_token(
        &self,
        request: &TokenRequest,
        service: &TokenService<'_>,
    ) -> Result<Given, NotGiven> {
        match &request.brought {
            Brought::Assertion(text) => self.extensions().give_token(text, request, service).await,
            Brought::Job(text) => self.give_job_token(text, request).await,
        }
    }

    /// A token for a job: what it is trusted with of what its add-on has, for as long as its own token lives.
    async fn give_job_token(&self, text: &str, request: &TokenRequest) -> Result<Given, NotGiven> {
        let asked = self.now();
        let job = self.known_job(text).await.map_err(NotGiven::Job)?;
        let held = self.rights().held();
        let addon = held.addons.get(job.addon());
        let addon = addon.filter(|addon| addon.registration.state == AddonState::Active);
        let addon = addon.ok_or(NotGiven::Grant("the add-on that this job is, is not at work"))?;
        let trusted = job.trust.issuer.limit.scopes.unwrap_or(ScopeSet::EMPTY);
        let approved = addon.registration.approved().closure().both(trusted.closure());
        let limit = narrow(request.scopes.as_deref(), &request.resources, approved)
            .map_err(|error| NotGiven::Scope(error.to_string()))?;
        self.use_job(&job).await.map_err(NotGiven::Job)?;
        let said = format!(
            "job {} by trust {}: {}",
            job.subject,
            job.trust.id,
            job.trust.sentence()
        );
        let wanted = WantedToken {
            addon: job.addon().clone(),
            person: None,
            trust: Some(job.trust.id.clone()),
            limit,
            asked,
            counts: job.until.since(self.now()),
        };
        let given = self.extensions().keep_given(wanted).await?;
        Ok(Given {
            job: Some(said),
            ..given
        })
    }

    /// Writes down that a token was given, as keys that are made are.
    fn note_token(&self, given: &Given) {
        let now = self.now();
        let bearer = self.rights().bearer_of_addon(&given.addon, now);
        if let Some(job) = &given.job {
            let by = bearer.principal().to_string();
            let said = format!("token {} for {job}", given.id);
            self.rights().note(&Noted::done(&by, "token.exchange", said), now);
            return;
        }
        let resources = [Resource::Workspace];
        let request = bearer.request("token.exchange", &resources, now);
        let details = Details {
            credential_id: Some(given.id.clone()),
            policy_version: bearer.snapshot().version,
            ..asked::details()
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
        NotGiven::Grant(because) => ("invalid_grant", (*because).to_owned()),
        NotGiven::Job(error) => {
            if let NotAJob::Token(error) = error {
                tracing::info!(reason = error.code(), "a job's token does not hold");
            }
            ("invalid_grant", error.to_string())
        }
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

/// A token that is to be given.
struct WantedToken {
    addon: AddonKey,
    person: Option<PersonId>,
    trust: Option<String>,
    limit: Limit,
    /// When it was asked for: what began before its add-on ended is of before.
    asked: Timestamp,
    counts: Duration,
}

impl Extensions {
    async fn give_token(
        &self,
        assertion: &str,
        request: &TokenRequest,
        service: &TokenService<'_>,
    ) -> Result<Given, NotGiven> {
        let asked = self.now();
        let (key, assertion) = self.asserted(assertion, service).await?;
        let held = self.held().await?;
        let addon = held.addons.get(&key);
        let addon = addon.filter(|addon| addon.registration.state == AddonState::Active);
        let addon = addon.ok_or(NotGiven::Grant("the extension is not at work"))?;
        let approved = addon.registration.approved();
        let person = match &assertion.person {
            None => None,
            Some(text) => {
                let person = self.person_named(&key, text).await?;
                let agreed = held
                    .consents
                    .get(&key)
                    .is_some_and(|consents| consents.covers(&person));
                if !approved.closure().has(Scope::ActAsUser) {
                    return Err(NotGiven::Scope(
                        "the scope act_as_user is not approved".to_owned(),
                    ));
                }
                // Whether there is nobody or nobody agreed is said to no extension.
                let is_had = agreed && self.is_here(&person).await?;
                Some(person).filter(|_| is_had)
            }
        };
        if assertion.person.is_some() && person.is_none() {
            return Err(NotGiven::Grant(
                "nobody agreed that the extension acts for this person",
            ));
        }
        let limit = narrow(request.scopes.as_deref(), &request.resources, approved)
            .map_err(|error| NotGiven::Scope(error.to_string()))?;
        let counts = match person {
            None => TOKEN_COUNTS,
            Some(_) => FOR_A_PERSON,
        };
        self.keep_given(WantedToken {
            addon: key,
            person,
            trust: None,
            limit,
            asked,
            counts,
        })
        .await
    }

    /// The person of an id, or of who they are in a chat in which the extension is.
    async fn person_named(&self, key: &AddonKey, text: &str) -> Result<PersonId, NotGiven> {
        let unknown = || NotGiven::Grant("there is no such person");
        let Some((team, user)) = named_in_chat(text) else {
            return PersonId::parse(text).map_err(|_| unknown());
        };
        let found = self.store.person_of(&provider(key, team), user).await?;
        let person = found.ok_or(NotGiven::Grant(
            "nobody has said in the chat who this is: they get a code on their page of the hub",
        ))?;
        PersonId::parse(&person.id).map_err(|_| unknown())
    }

    /// Whether there is such a person, who is not suspended: whoever has come in, or has nothing but a key that is good.
    async fn is_here(&self, person: &PersonId) -> Result<bool, NotGiven> {
        if let Some(found) = self.store.person(person.as_str()).await? {
            return Ok(found.state == PersonState::Active);
        }
        let owner = Principal::Person(person.clone()).to_string();
        let (keys, now) = (self.store.keys().await?, self.now());
        let mut own = keys.iter().filter(|key| key.owner == owner);
        Ok(own.any(|key| key.revoked.is_none() && key.expires > now))
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

    async fn keep_given(&self, wanted: WantedToken) -> Result<Given, NotGiven> {
        let handed =
            Handed::fresh().map_err(|_| ExtensionError::Library(crate::wire::connect::KeyError::Library))?;
        let now = self.now();
        let token = KeptToken {
            digest: handed.digest,
            id: self.fresh_id(),
            addon: wanted.addon.as_str().to_owned(),
            person: wanted.person.map(|person| person.as_str().to_owned()),
            trust: wanted.trust,
            limits: limit_text(&wanted.limit),
            given: wanted.asked,
            ends: now.plus(wanted.counts),
            revoked: None,
        };
        self.store.keep_token(&token).await?;
        tracing::info!(
            addon = %token.addon, person = token.person.as_deref(), trust = token.trust.as_deref(), id = %token.id,
            "a token was given"
        );
        Ok(Given {
            text: handed.text,
            counts: wanted.counts,
            scopes: wanted.limit.scopes.unwrap_or(ScopeSet::EMPTY),
            addon: wanted.addon,
            id: token.id,
            job: None,
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
