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
pub const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);

/// Claims in which a wildcard may stand: a ref is one of many, everything else is one thing.
const WITH_WILDCARD: [&str; 1] = ["ref"];

/// Claims that say for what of a project a job runs: a job of a fork can have the project of what it wants to be merged into.
const PLACES: [&str; 2] = ["ref", "environment"];

/// With what a ref begins that only whoever may push to the project itself can have a job for, whatever follows.
const OWN_REFS: [&str; 2] = ["refs/heads/", "refs/tags/"];

/// With what a ref begins that anybody gets by asking for a merge.
const ASKED_REFS: [&str; 2] = ["refs/pull/", "refs/merge-requests/"];

/// How claims end that hold ids. A name can be somebody else's tomorrow.
const IDS: [&str; 2] = ["_id", "-id"];

/// Most claims that are required, and the longest text of an issuer, an audience, or a claim.
const MOST_CLAIMS: usize = 20;
const LONGEST: usize = 1000;

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
    /// Without an id every job of the whole system could be the add-on.
    #[error(
        "name at least one claim that holds an id of yours, such as project_id or repository_id: names can become somebody else's"
    )]
    NoId,
    /// A job of a fork could be the add-on.
    #[error("name `ref` or `environment`: jobs of forks can carry the id of your project")]
    NoPlace,
    /// A job for a pull request of anybody's could be the add-on.
    #[error(
        "`ref` is that of pull requests of anybody's as well: let it begin with refs/heads/ or refs/tags/, or name `environment`, or `ref_protected`, which must be true"
    )]
    AnyRef,
    /// Its address can be somebody else's.
    #[error("`{}` is not an address that begins with https://", .0.escape_debug())]
    Address(String),
    /// Nothing says which hub is meant.
    #[error("name the audience that is this hub's and nobody else's")]
    NoAudience,
    /// A limit.
    #[error("more than {MOST_CLAIMS} claims, or a text of more than {LONGEST} bytes")]
    TooMuch,
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
        let mut texts = self.claims.iter().flat_map(|(name, value)| [name, value]);
        let is_long = |text: &String| text.len() > LONGEST;
        if self.claims.len() > MOST_CLAIMS
            || texts.any(is_long)
            || [&self.issuer, &self.audience].into_iter().any(is_long)
        {
            return Err(UntrustworthyIssuer::TooMuch);
        }
        if !is_address(&self.issuer) {
            return Err(UntrustworthyIssuer::Address(self.issuer.clone()));
        }
        if self.audience.trim().is_empty() {
            return Err(UntrustworthyIssuer::NoAudience);
        }
        if !self
            .claims
            .keys()
            .any(|name| IDS.iter().any(|end| name.ends_with(end)))
        {
            return Err(UntrustworthyIssuer::NoId);
        }
        if !PLACES.iter().any(|name| self.claims.contains_key(*name)) {
            return Err(UntrustworthyIssuer::NoPlace);
        }
        if self.takes_unprotected() && self.claims.get("ref").is_some_and(|wanted| is_anybodys(wanted)) {
            return Err(UntrustworthyIssuer::AnyRef);
        }
        let mut wild = self.claims.iter().filter(|(_, value)| value.contains('*'));
        match wild.find(|(name, _)| !WITH_WILDCARD.contains(&name.as_str())) {
            Some((name, _)) => Err(UntrustworthyIssuer::Wildcard(name.clone())),
            None => Ok(()),
        }
    }

    /// Whether jobs of branches that anybody may push to are the add-on as well.
    pub fn takes_unprotected(&self) -> bool {
        let is_protected = self
            .claims
            .get("ref_protected")
            .is_some_and(|wanted| wanted == "true");
        !is_protected && !self.claims.contains_key("environment")
    }

    /// Who a job is by this trust, and until when.
    ///
    /// # Errors
    /// It is nobody; why.
    pub fn identify(&self, job: &JobToken, now: Timestamp) -> Result<(Identity, Timestamp), Misfit> {
        self.check().map_err(Misfit::Trust)?;
        if job.issuer != self.issuer {
            return Err(Misfit::Issuer);
        }
        if job.audience != [self.audience.as_str()] {
            return Err(Misfit::Audience);
        }
        for (name, wanted) in &self.claims {
            let value = job.claims.get(name);
            if !value.is_some_and(|value| fits(name, wanted, value)) {
                return Err(Misfit::Claim(name.clone()));
            }
        }
        let ends = Timestamp::from_micros(job.expires.saturating_mul(1_000_000));
        let until = ends.min(now.plus(LONGEST_LIFE));
        if now >= until {
            return Err(Misfit::Ended);
        }
        let identity = Identity {
            principal: Principal::Addon(self.addon.clone()),
            means: Means::Token,
            limit: self.limit.clone(),
        };
        Ok((identity, until))
    }
}

/// Why a job is nobody by a trust.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misfit {
    /// The trust itself would let in strangers.
    #[error("it cannot be trusted so: {0}")]
    Trust(UntrustworthyIssuer),
    /// Another issuer.
    #[error("its issuer is another")]
    Issuer,
    /// It is for somebody else, or for others too.
    #[error("its audience is another, or not this hub alone")]
    Audience,
    /// A claim is missing, or holds something else.
    #[error("its claim `{0}` is missing or another")]
    Claim(String),
    /// It has ended.
    #[error("it has ended")]
    Ended,
}

/// Whether an issuer is at an address of the web. One on this computer is for development: whether it is asked is decided by
/// whoever asks.
fn is_address(issuer: &str) -> bool {
    let here = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let is_here = here.iter().any(|start| {
        let rest = issuer.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    issuer.starts_with("https://") || is_here
}

/// Whether a ref, as it is trusted, may be one of a pull request.
fn is_anybodys(wanted: &str) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| wanted.starts_with(start));
    begins(&ASKED_REFS) || (wanted.contains('*') && !begins(&OWN_REFS))
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
            digest: String::new(),
        }
    }

    fn is_somebody(job: &JobToken) -> bool {
        trusted().identify(job, NOW).is_ok()
    }

    #[test]
    fn a_job_with_every_claim_is_its_add_on_with_a_limit() {
        let (identity, until) = trusted().identify(&job(&[]), NOW).unwrap();
        assert_eq!(identity.principal.to_string(), "addon:build");
        assert_eq!(identity.limit, trusted().limit);
        assert_eq!(until, NOW.plus(Duration::from_secs(600)));
        let mut long = job(&[]);
        long.expires = SECONDS + 7200;
        assert_eq!(trusted().identify(&long, NOW).unwrap().1, NOW.plus(LONGEST_LIFE));
    }

    #[test]
    fn a_job_of_another_project_ref_or_fork_is_nobody() {
        for changed in [
            ("project_id", "43"),
            ("ref", "refs/heads/main"),
            ("ref", "refs/heads/evil/refs/heads/release/1"),
            ("ref_protected", "false"),
        ] {
            let misfit = Misfit::Claim(changed.0.to_owned());
            let refused = trusted().identify(&job(&[changed]), NOW).unwrap_err();
            assert_eq!(refused, misfit, "{changed:?}");
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
            assert!(matches!(trusted.identify(&job(&[]), NOW), Err(Misfit::Trust(_))));
            trusted.check().unwrap_err()
        };
        let without = |name: &'static str| {
            let mut trusted = trusted();
            trusted.claims.remove(name);
            trusted.check().err()
        };
        assert_eq!(
            refused(|trusted| trusted.claims.clear()),
            UntrustworthyIssuer::NoId
        );
        assert_eq!(without("project_id"), Some(UntrustworthyIssuer::NoId));
        assert_eq!(without("ref"), Some(UntrustworthyIssuer::NoPlace));
        assert_eq!(without("ref_protected"), None);
        let with_ref = |wanted: &str, more: Option<(&str, &str)>| {
            let mut trusted = trusted();
            trusted.claims = map(&[("project_id", "42"), ("ref", wanted)]);
            trusted.claims.extend(map(more.as_slice()));
            trusted.check()
        };
        for wanted in [
            "*",
            "refs/*",
            "release/*",
            "refs/pull/7/merge",
            "refs/merge-requests/1/head",
        ] {
            let refused = Err(UntrustworthyIssuer::AnyRef);
            assert_eq!(with_ref(wanted, None), refused, "{wanted}");
            assert_eq!(
                with_ref(wanted, Some(("ref_protected", "false"))),
                refused,
                "{wanted}"
            );
            assert_eq!(
                with_ref(wanted, Some(("ref_protected", "true"))),
                Ok(()),
                "{wanted}"
            );
            assert_eq!(
                with_ref(wanted, Some(("environment", "production"))),
                Ok(()),
                "{wanted}"
            );
        }
        for wanted in ["main", "refs/heads/main", "refs/heads/*", "refs/tags/v*"] {
            assert_eq!(with_ref(wanted, None), Ok(()), "{wanted}");
        }
        for address in [
            "http://gitlab.example.com",
            "http://127.0.0.1.evil.example",
            "http://localhost@evil.example",
        ] {
            let mut trusted = trusted();
            trusted.issuer = address.to_owned();
            assert!(
                matches!(trusted.check(), Err(UntrustworthyIssuer::Address(_))),
                "{address}"
            );
        }
        assert_eq!(
            refused(|trusted| trusted.audience.clear()),
            UntrustworthyIssuer::NoAudience
        );
        assert_eq!(
            refused(|trusted| trusted.audience = "x".repeat(LONGEST + 1)),
            UntrustworthyIssuer::TooMuch
        );
        let wild = refused(|trusted| {
            trusted.claims.insert("project_id".to_owned(), "4*".to_owned());
        });
        assert_eq!(
            wild.to_string(),
            "`project_id` must have one value: a wildcard can stand in `ref` alone"
        );
    }
}
