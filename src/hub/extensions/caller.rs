//! Who calls with what an extension has: a call that it signed, or a token that it was given. And for whom any add-on calls.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::bearer::Bearer;
use super::super::access::guesses::Guessed;
use super::super::refusal::Refusal;
use super::signed::arrived;
use super::tokens::kept_limit;
use crate::access::handed::{StoredToken, digest_of};
use crate::access::request::BadCredential;
use crate::access::{AddonKey, Context, Credential, Identity, Limit, Means, PersonId, Principal, Snapshot};
use crate::model::Timestamp;
use crate::ports::hub::StoredKey;
use crate::ports::hub::handed::KeptToken;

/// What keys of the hub begin with; other bearers are tokens.
const KEYS: &str = "hub_";

/// What is proven of an extension that calls.
struct Proven {
    identity: Identity,
    context: Context,
    /// What stands for the credential in the audit.
    credential: String,
    workspaces: Vec<String>,
}

impl Hub {
    /// Who calls, if it is an extension with what only extensions have.
    pub(in super::super) async fn extension_caller(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Caller>, Refusal> {
        let Some(proven) = self.proven(headers).await? else {
            return Ok(None);
        };
        let Principal::Addon(addon) = &proven.identity.principal else {
            return Ok(None);
        };
        let now = self.now();
        // What stands where the key of others stands; no key of this id is kept.
        let key = StoredKey {
            id: proven.credential,
            digest: String::new(),
            owner: proven.identity.principal.to_string(),
            workspaces: proven.workspaces,
            scopes: proven.identity.limit.scopes.map_or_else(Vec::new, |scopes| {
                scopes.names().into_iter().map(str::to_owned).collect()
            }),
            repositories: Vec::new(),
            is_chosen: false,
            created: now,
            expires: now,
            revoked: None,
            last_used: None,
        };
        if self.rights().is_due(&key, now) {
            self.rights().refresh(self.store(), now).await?;
        }
        let context = match proven.context {
            Context::Proven { person, proof } => self.one_context(headers, addon, person, proof).await?,
            Context::None | Context::Unproven => self.context_of(headers, addon).await?,
            named @ Context::Named(_) => match self.context_of(headers, addon).await? {
                Context::None => named,
                other => other,
            },
        };
        let snapshot = self.state_for(&context, now).await?;
        let bearer = Bearer::new(proven.identity, snapshot).in_context(context);
        Ok(Some(self.caller_with(key, bearer)))
    }

    /// The state of things, with the person for whom something is done.
    async fn state_for(&self, context: &Context, now: Timestamp) -> Result<Arc<Snapshot>, Refusal> {
        let person = match context {
            Context::Proven { person, .. } => self.store().person(person.as_str()).await?,
            Context::None | Context::Named(_) | Context::Unproven => None,
        };
        Ok(self
            .rights()
            .snapshot_for((context, self.asks_forge()), person.as_ref(), now))
    }

    /// A token for a person and a handle must be of the same person.
    async fn one_context(
        &self,
        headers: &HeaderMap,
        addon: &AddonKey,
        person: PersonId,
        proof: crate::access::request::Proof,
    ) -> Result<Context, Refusal> {
        Ok(match self.context_of(headers, addon).await? {
            Context::None => Context::Proven { person, proof },
            Context::Proven { person: other, .. } if other == person => Context::Proven { person, proof },
            Context::Proven { .. } | Context::Unproven | Context::Named(_) => Context::Unproven,
        })
    }

    async fn proven(&self, headers: &HeaderMap) -> Result<Option<Proven>, Refusal> {
        if let Some(call) = arrived() {
            // Of what is gone on with for a while: it may be for other workspaces by now.
            let extension = self.store().extension(call.addon.as_str()).await?;
            let workspaces = extension.map_or_else(Vec::new, |extension| extension.workspaces);
            return Ok(Some(Proven {
                identity: Identity {
                    principal: Principal::Addon(call.addon.clone()),
                    means: Means::Token,
                    limit: Limit::default(),
                },
                context: call.subject.map_or(Context::None, Context::Named),
                // Each has places of its own where those are counted.
                credential: format!("signed:{}", call.addon.as_str()),
                workspaces,
            }));
        }
        let Some(text) = token_text(headers) else {
            return Ok(None);
        };
        let kept = self.store().token(&digest_of(text)).await?;
        self.proven_by_token(text, kept).await.map(Some)
    }

    async fn proven_by_token(&self, text: &str, kept: Option<KeptToken>) -> Result<Proven, Refusal> {
        let now = self.now();
        let bad = |bad: BadCredential| {
            let refusal = Refusal::unauthorized(bad.code(), "the token is not good");
            if bad == BadCredential::Invalid {
                return self.guessed(Guessed::Token, refusal);
            }
            self.note_stranger(Credential::Bad(bad));
            refusal
        };
        if kept
            .as_ref()
            .is_some_and(|kept| kept.revoked.is_none() && kept.ends <= now)
        {
            return Err(bad(BadCredential::Expired));
        }
        let stored = kept.as_ref().and_then(stored);
        let (credential, context) = StoredToken::credential(stored.as_ref(), text, now);
        let is_earlier = |addon: &AddonKey, given: Timestamp| {
            let begun = self.rights().held().begun(addon);
            begun.is_some_and(|begun| given < begun)
        };
        let identity = match credential {
            // Of an earlier life of its add-on, even where it was given just as that ended.
            Credential::Good(Identity {
                principal: Principal::Addon(addon),
                ..
            }) if stored
                .as_ref()
                .is_some_and(|token| is_earlier(&addon, token.given)) =>
            {
                return Err(bad(BadCredential::Revoked));
            }
            Credential::Good(identity) => identity,
            Credential::Bad(reason) => return Err(bad(reason)),
            Credential::Absent | Credential::Several => return Err(bad(BadCredential::Invalid)),
        };
        let kept = kept.ok_or_else(|| bad(BadCredential::Invalid))?;
        let workspaces = match &kept.trust {
            None => {
                let extension = self.store().extension(&kept.addon).await?;
                extension.map_or_else(Vec::new, |extension| extension.workspaces)
            }
            Some(trust) => {
                self.rights().refresh(self.store(), now).await?;
                let held = self.rights().held();
                let mut trusts = held.trusts.iter();
                let trust =
                    trusts.find(|known| known.id == *trust && known.issuer.addon.as_str() == kept.addon);
                // What it was given by is trusted no more.
                trust
                    .ok_or_else(|| bad(BadCredential::Revoked))?
                    .workspaces
                    .clone()
            }
        };
        Ok(Proven {
            identity,
            context,
            credential: kept.id,
            workspaces,
        })
    }

    /// The same bearer for whom it says that it acts, if it is an add-on's.
    pub(in super::super) async fn in_context(
        &self,
        bearer: Bearer,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Bearer, Refusal> {
        let Principal::Addon(addon) = bearer.principal().clone() else {
            return Ok(bearer);
        };
        Ok(match self.context_of(headers, &addon).await? {
            Context::None => bearer,
            context => {
                let snapshot = self.state_for(&context, now).await?;
                bearer.at(snapshot).in_context(context)
            }
        })
    }
}

/// The text of a token, if there is one header and it is no key of the hub.
fn token_text(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (first, None) = (sent.next()?, sent.next()) else {
        return None;
    };
    let (scheme, text) = first.to_str().ok()?.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && !text.trim().starts_with(KEYS);
    is_token.then_some(text.trim())
}

/// A kept token as the evaluation takes it; `None` when it makes no sense any more.
fn stored(kept: &KeptToken) -> Option<StoredToken> {
    let person = kept.person.as_deref().map(PersonId::parse).transpose().ok()?;
    Some(StoredToken {
        digest: kept.digest.clone(),
        addon: AddonKey::parse(&kept.addon).ok()?,
        person,
        limit: kept_limit(&kept.limits),
        given: kept.given,
        revoked: kept.revoked,
    })
}
