//! Jobs of other systems that prove themselves by a token of their issuer (security model 10.6): which add-on one is, and
//! with which limit. The signature is checked before; here is what an administrator trusts.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::model::Timestamp;
use crate::wire::oidc::JobToken;

use super::principal::{AddonKey, Principal};
use super::request::{Identity, Limit, Means};

/// Longest life of a job's rights, whatever its token says.
pub const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Claims in which a wildcard may stand: a ref is one of many, everything else is one thing.
const WITH_WILDCARD: [&str; 1] = ["ref"];

/// An issuer that an administrator trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// Its address, exactly as its tokens name it.
    pub issuer: String,
    /// The audience that is this hub's and nobody else's.
    pub audience: String,
    /// Claims that must be there with these values.
    pub claims: BTreeMap<String, String>,
    /// Who a job is that has them.
    pub addon: AddonKey,
    /// What it may not.
    pub limit: Limit,
}

/// Why an administrator cannot trust an issuer so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UntrustworthyIssuer {
    /// Without a claim every job of the whole system would be the add-on.
    #[error("name at least one claim that tells your projects from those of others")]
    NoClaims,
    /// Its address can be somebody else's.
    #[error("`{}` is not an address that begins with https://", .0.escape_debug())]
    Address(String),
    /// A wildcard stands where there must be one value.
    #[error("`{0}` must have one value: a wildcard can stand in `ref` alone")]
    Wildcard(String),
}

impl TrustedIssuer {
    /// Whether it can be trusted so at all.
    ///
    /// # Errors
    /// It would let in strangers.
    pub fn check(&self) -> Result<(), UntrustworthyIssuer> {
        if !self.issuer.starts_with("https://") {
            return Err(UntrustworthyIssuer::Address(self.issuer.clone()));
        }
        if self
            .claims
            .keys()
            .all(|name| WITH_WILDCARD.contains(&name.as_str()))
        {
            return Err(UntrustworthyIssuer::NoClaims);
        }
        let mut wild = self.claims.iter().filter(|(_, value)| value.contains('*'));
        match wild.find(|(name, _)| !WITH_WILDCARD.contains(&name.as_str())) {
            Some((name, _)) => Err(UntrustworthyIssuer::Wildcard(name.clone())),
            None => Ok(()),
        }
    }

    /// Who a job is by this trust, and until when; `None` when it is nobody.
    pub fn identify(&self, job: &JobToken, now: Timestamp) -> Option<(Identity, Timestamp)> {
        let has = |(name, wanted): (&String, &String)| {
            job.claims
                .get(name)
                .is_some_and(|value| fits(name, wanted, value))
        };
        let is_ours = self.check().is_ok()
            && job.issuer == self.issuer
            && job.audience == [self.audience.as_str()]
            && self.claims.iter().all(has);
        let ends = Timestamp::from_micros(job.expires.saturating_mul(1_000_000));
        let until = ends.min(now.plus(LONGEST));
        (is_ours && now < until).then(|| {
            let identity = Identity {
                principal: Principal::Addon(self.addon.clone()),
                means: Means::Token,
                limit: self.limit.clone(),
            };
            (identity, until)
        })
    }
}

/// One `*` stands for any text in a ref.
fn fits(name: &str, wanted: &str, value: &str) -> bool {
    match wanted.split_once('*') {
        Some((before, after)) if WITH_WILDCARD.contains(&name) => {
            let is_long_enough = value.len() >= before.len() + after.len();
            is_long_enough && value.starts_with(before) && value.ends_with(after)
        }
        _ => wanted == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Scope, ScopeSet};

    const SECONDS: i64 = 1_767_225_600;
    const NOW: Timestamp = Timestamp::from_micros(SECONDS * 1_000_000);

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    fn trusted() -> TrustedIssuer {
        TrustedIssuer {
            issuer: "https://gitlab.example.com".to_owned(),
            audience: "https://hub.example.com".to_owned(),
            claims: map(&[
                ("project_id", "42"),
                ("ref", "refs/heads/release/*"),
                ("ref_protected", "true"),
            ]),
            addon: AddonKey::parse("build").unwrap(),
            limit: Limit {
                scopes: Some(ScopeSet::of(&[Scope::GoalsWrite])),
                ..Limit::default()
            },
        }
    }

    fn job(changed: &[(&str, &str)]) -> JobToken {
        let mut claims = map(&[
            ("project_id", "42"),
            ("ref", "refs/heads/release/1"),
            ("ref_protected", "true"),
            ("user", "x"),
        ]);
        claims.extend(map(changed));
        JobToken {
            issuer: "https://gitlab.example.com".to_owned(),
            audience: vec!["https://hub.example.com".to_owned()],
            expires: SECONDS + 600,
            claims,
        }
    }

    fn is_somebody(job: &JobToken) -> bool {
        trusted().identify(job, NOW).is_some()
    }

    #[test]
    fn a_job_with_every_claim_is_its_add_on_with_a_limit() {
        let (identity, until) = trusted().identify(&job(&[]), NOW).unwrap();
        assert_eq!(identity.principal.to_string(), "addon:build");
        assert_eq!(identity.limit, trusted().limit);
        assert_eq!(until, NOW.plus(Duration::from_secs(600)));
        let mut long = job(&[]);
        long.expires = SECONDS + 7200;
        assert_eq!(trusted().identify(&long, NOW).unwrap().1, NOW.plus(LONGEST));
    }

    #[test]
    fn a_job_of_another_project_ref_or_fork_is_nobody() {
        for changed in [
            ("project_id", "43"),
            ("ref", "refs/heads/main"),
            ("ref", "refs/heads/evil/refs/heads/release/1"),
            ("ref_protected", "false"),
        ] {
            assert!(!is_somebody(&job(&[changed])), "{changed:?}");
        }
        let mut missing = job(&[]);
        missing.claims.remove("ref_protected");
        assert!(!is_somebody(&missing));
        let mut other = job(&[]);
        other.issuer.push('/');
        assert!(!is_somebody(&other), "the issuer is compared as it is");
        let mut shared = job(&[]);
        shared.audience.push("https://other.example.com".to_owned());
        assert!(
            !is_somebody(&shared),
            "a token for several receivers can be used by any of them"
        );
        let mut ended = job(&[]);
        ended.expires = SECONDS;
        assert!(!is_somebody(&ended));
    }

    #[test]
    fn trust_that_would_let_in_strangers_is_refused() {
        let refused = |change: fn(&mut TrustedIssuer)| {
            let mut trusted = trusted();
            change(&mut trusted);
            assert!(trusted.identify(&job(&[]), NOW).is_none());
            trusted.check().unwrap_err().to_string()
        };
        assert!(refused(|trusted| trusted.claims.clear()).contains("at least one claim"));
        assert!(
            refused(|trusted| trusted.claims.retain(|name, _| name == "ref")).contains("at least one claim")
        );
        assert!(
            refused(|trusted| trusted.issuer = "http://gitlab.example.com".to_owned()).contains("https://")
        );
        let wild = refused(|trusted| {
            trusted.claims.insert("project_id".to_owned(), "4*".to_owned());
        });
        assert_eq!(
            wild,
            "`project_id` must have one value: a wildcard can stand in `ref` alone"
        );
    }
}
