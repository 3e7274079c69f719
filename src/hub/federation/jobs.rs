//! A job's token for one of this hub.

use std::sync::Arc;

use thiserror::Error;

use super::super::Hub;
use super::super::access::held::{Held, HeldTrust};
use super::issuers::{IssuerError, Wanted};
use crate::access::AddonKey;
use crate::access::federation::Misfit;
use crate::access::handed::digest_of;
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::runtime::causes::chain;
use crate::wire::connect::{LEEWAY, TokenError};
use crate::wire::oidc::{JobToken, claimed_issuer, verify_job_token};

/// Why a token of a job gives nothing here.
#[derive(Debug, Error)]
pub(in super::super) enum NotAJob {
    /// It is no token of an issuer that is trusted.
    #[error("the job's token does not hold")]
    Token(TokenError),
    /// It is one, of a job that nothing is trusted with.
    #[error("nothing that is trusted here fits to this job")]
    Nobodys,
    /// Several trusts fit to it, and they differ.
    #[error("more than one trust fits to this job: give each an audience of its own")]
    Ambiguous,
    /// Its issuer cannot be asked.
    #[error("the issuer of the job's token cannot be asked now")]
    Issuer(#[source] IssuerError),
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
}

/// A job that an administrator trusts to be an add-on.
#[derive(Debug)]
pub(in super::super) struct KnownJob {
    /// By which trust.
    pub(in super::super) trust: HeldTrust,
    /// Until when.
    pub(in super::super) until: Timestamp,
    /// What its issuer calls it.
    pub(in super::super) subject: String,
    /// Tells the use of its token from all others.
    mark: String,
    /// When its token would have ended anyway.
    ends: Timestamp,
}

impl KnownJob {
    /// The add-on that it is.
    pub(in super::super) fn addon(&self) -> &AddonKey {
        &self.trust.issuer.addon
    }
}

impl Hub {
    /// The job that a token proves.
    ///
    /// # Errors
    /// It proves none.
    pub(in super::super) async fn known_job(&self, token: &str) -> Result<KnownJob, NotAJob> {
        let now = self.now();
        self.rights().refresh(self.store(), now).await?;
        let held = self.rights().held();
        let job = self.proven_job(token, &held, now).await?;
        let (trust, until) = fitting(&held, &job, now)?;
        let ends = job.expires.saturating_add(LEEWAY).saturating_mul(1_000_000);
        Ok(KnownJob {
            trust: trust.clone(),
            until,
            subject: job.claims.get("sub").cloned().unwrap_or_default(),
            mark: mark(&job),
            ends: Timestamp::from_micros(ends),
        })
    }

    /// Uses the token of a job up.
    ///
    /// # Errors
    /// It was used before, at any hub of this memory.
    pub(in super::super) async fn use_job(&self, job: &KnownJob) -> Result<(), NotAJob> {
        match self.store().use_once(&job.mark, job.ends).await? {
            true => Ok(()),
            false => Err(NotAJob::Token(TokenError::Replayed)),
        }
    }

    /// A token whose signature, issuer and times hold.
    async fn proven_job(&self, token: &str, held: &Held, now: Timestamp) -> Result<JobToken, NotAJob> {
        let issuer = claimed_issuer(token).ok_or(NotAJob::Token(TokenError::Malformed))?;
        // Nobody makes the hub ask an address that no administrator has named.
        if !held.trusts.iter().any(|trust| trust.issuer.issuer == issuer) {
            return Err(NotAJob::Token(TokenError::UnknownIssuer));
        }
        match self.verified_job(token, (&issuer, Wanted::Known), now).await {
            Err(NotAJob::Token(TokenError::UnknownKey)) => {
                self.verified_job(token, (&issuer, Wanted::New), now).await
            }
            other => other,
        }
    }

    async fn verified_job(
        &self,
        token: &str,
        (issuer, wanted): (&str, Wanted),
        now: Timestamp,
    ) -> Result<JobToken, NotAJob> {
        let keys = self.issuers().keys(issuer, wanted, now).await;
        let keys = keys.map_err(|error| {
            tracing::warn!("{}: {}", issuer.escape_debug(), chain(&error));
            NotAJob::Issuer(error)
        })?;
        let seconds = now.as_micros() / 1_000_000;
        let keys_of = |named: &str| (named == issuer).then(|| (*keys).clone());
        verify_job_token(token, seconds, keys_of).map_err(NotAJob::Token)
    }
}

/// The one trust that fits to a job.
fn fitting<'h>(
    held: &'h Arc<Held>,
    job: &JobToken,
    now: Timestamp,
) -> Result<(&'h HeldTrust, Timestamp), NotAJob> {
    let mut fitting = Vec::new();
    for trust in &held.trusts {
        match trust.issuer.identify(job, now) {
            Ok((_, until)) => fitting.push((trust, until)),
            Err(Misfit::Issuer) => {}
            Err(misfit) => tracing::info!(trust = trust.id, "a job is not what is trusted: {misfit}"),
        }
    }
    match fitting.as_slice() {
        [one] => Ok(*one),
        [] => Err(NotAJob::Nobodys),
        _ => Err(NotAJob::Ambiguous),
    }
}

/// What tells the use of a job's token from all others: its name if it has one, and otherwise what was signed.
fn mark(job: &JobToken) -> String {
    let name = match job.claims.get("jti") {
        Some(id) => format!("id {id}"),
        None => format!("signed {}", job.digest),
    };
    format!("job {}", digest_of(&format!("{}\n{name}", job.issuer)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::access::federation::TrustedIssuer;
    use crate::access::{Limit, Scope, ScopeSet};

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let texts = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        texts.collect()
    }

    fn trust(addon: &str, audience: &str, reference: &str) -> HeldTrust {
        HeldTrust {
            id: format!("{addon}-{audience}"),
            issuer: TrustedIssuer {
                issuer: "https://ci.example".to_owned(),
                audience: audience.to_owned(),
                claims: map(&[("project_id", "7"), ("ref", reference)]),
                addon: AddonKey::parse(addon).unwrap(),
                limit: Limit {
                    scopes: Some(ScopeSet::of(&[Scope::GoalsRead])),
                    ..Limit::default()
                },
            },
            workspaces: vec!["main".to_owned()],
            given_by: "root".to_owned(),
            given: NOW,
        }
    }

    fn job(audience: &str, reference: &str) -> JobToken {
        JobToken {
            issuer: "https://ci.example".to_owned(),
            audience: vec![audience.to_owned()],
            expires: NOW.as_micros() / 1_000_000 + 60,
            claims: map(&[("project_id", "7"), ("ref", reference)]),
            digest: "d".to_owned(),
        }
    }

    #[test]
    fn one_trust_fits_to_a_job_or_none() {
        let held = Arc::new(Held {
            trusts: vec![
                trust("build", "hub", "refs/heads/*"),
                trust("deploy", "hub", "refs/heads/main"),
                trust("deploy", "deploys", "refs/heads/main"),
            ],
            ..Held::default()
        });
        let said = |job: &JobToken| match fitting(&held, job, NOW) {
            Ok((trust, _)) => trust.id.clone(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said(&job("hub", "refs/heads/topic")), "build-hub");
        assert_eq!(said(&job("deploys", "refs/heads/main")), "deploy-deploys");
        assert!(said(&job("hub", "refs/heads/main")).starts_with("more than one trust"));
        assert!(said(&job("deploys", "refs/heads/topic")).starts_with("nothing that is trusted"));
    }

    #[test]
    fn f3_a_name_of_its_own_tells_a_token_apart_and_otherwise_what_was_signed() {
        let (plain, mut named) = (job("hub", "main"), job("hub", "main"));
        named.claims.insert("jti".to_owned(), "d".to_owned());
        let mut other = plain.clone();
        other.digest = "e".to_owned();
        let mut again = named.clone();
        again.digest = "e".to_owned();
        let mut elsewhere = named.clone();
        elsewhere.issuer = "https://other.example".to_owned();
        assert_ne!(mark(&plain), mark(&named));
        assert_ne!(mark(&plain), mark(&other));
        assert_eq!(mark(&named), mark(&again));
        assert_ne!(mark(&named), mark(&elsewhere));
    }
}
