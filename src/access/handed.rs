//! What the hub hands to an add-on so that it comes back with it: handles of what people started, and tokens that reach less
//! than the add-on (security model 10.3 and 10.4). Both are random, stored as digests, and end by themselves.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::model::Timestamp;

use super::principal::{AddonKey, PersonId, Principal};
use super::request::{BadCredential, Context, Credential, Identity, Limit, Means, Proof};
use super::resource::Selector;

/// How long a handle counts.
pub const HANDLE_COUNTS: Duration = Duration::from_secs(15 * 60);

/// How long a token counts at most.
pub const TOKEN_COUNTS: Duration = Duration::from_secs(60 * 60);

/// Random bytes of a handle or a token.
const RANDOM: usize = 32;

/// Randomness cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cryptographic library failed")]
pub struct NoRandomness;

/// Something random, and the digest under which it is stored.
pub struct Handed {
    /// What the add-on gets, once.
    pub text: SecretString,
    /// What is stored.
    pub digest: String,
}

impl fmt::Debug for Handed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Handed(***)")
    }
}

impl Handed {
    /// A fresh one.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn fresh() -> Result<Self, NoRandomness> {
        let mut bytes = [0; RANDOM];
        SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
        let text = SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let digest = digest_of(text.expose_secret());
        Ok(Self { text, digest })
    }
}

/// The digest under which what an add-on brings back is looked up.
pub fn digest_of(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// A handle as it is stored: one add-on, one person, one thing that the person started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHandle {
    /// Digest of the handle.
    pub digest: String,
    /// To whom it was given.
    pub addon: AddonKey,
    /// Who started it.
    pub person: PersonId,
    /// What it is about.
    pub resources: Vec<Selector>,
    /// When it was given.
    pub given: Timestamp,
}

impl StoredHandle {
    /// For whom an add-on acts that brings back `text`. `stored` is what was found for it. Whatever is wrong with it, the add-on
    /// does not fall back to acting for itself.
    pub fn context(stored: Option<&Self>, text: &str, by: &AddonKey, now: Timestamp) -> Context {
        let counts = |handle: &&Self| {
            same(&handle.digest, &digest_of(text))
                && handle.addon == *by
                && now.since(handle.given) < HANDLE_COUNTS
        };
        stored
            .filter(counts)
            .map_or(Context::Unproven, |handle| Context::Proven {
                person: handle.person.clone(),
                proof: Proof::Handle(handle.resources.clone()),
            })
    }
}

/// An exchanged token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Digest of the token.
    pub digest: String,
    /// Whose it is.
    pub addon: AddonKey,
    /// For whom it acts; none is for itself.
    pub person: Option<PersonId>,
    /// What it does not reach.
    pub limit: Limit,
    /// When it was given.
    pub given: Timestamp,
    /// When it was taken back.
    pub revoked: Option<Timestamp>,
}

impl StoredToken {
    /// Who comes with a token, and for whom. `stored` is what was found for it.
    pub fn credential(stored: Option<&Self>, text: &str, now: Timestamp) -> (Credential, Context) {
        let found = stored.filter(|token| same(&token.digest, &digest_of(text)));
        let bad = |bad| (Credential::Bad(bad), Context::None);
        let Some(token) = found else {
            return bad(BadCredential::Invalid);
        };
        if token.revoked.is_some() {
            return bad(BadCredential::Revoked);
        }
        if now.since(token.given) >= TOKEN_COUNTS {
            return bad(BadCredential::Expired);
        }
        let identity = Identity {
            principal: Principal::Addon(token.addon.clone()),
            means: Means::Token,
            limit: token.limit.clone(),
        };
        let context = token
            .person
            .clone()
            .map_or(Context::None, |person| Context::Proven {
                person,
                proof: Proof::Impersonation,
            });
        (Credential::Good(identity), context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn addon(key: &str) -> AddonKey {
        AddonKey::parse(key).unwrap()
    }

    fn handle() -> (String, StoredHandle) {
        let handed = Handed::fresh().unwrap();
        let stored = StoredHandle {
            digest: handed.digest,
            addon: addon("build"),
            person: PersonId::parse("alice").unwrap(),
            resources: vec![Selector::Everything],
            given: NOW,
        };
        (handed.text.expose_secret().to_owned(), stored)
    }

    #[test]
    fn f5_a_handle_counts_for_its_add_on_for_a_quarter_of_an_hour() {
        let (text, stored) = handle();
        let context = |text: &str, by: &str, now| StoredHandle::context(Some(&stored), text, &addon(by), now);
        assert!(matches!(
            context(&text, "build", NOW.plus(HANDLE_COUNTS / 2)),
            Context::Proven { .. }
        ));
        assert_eq!(context(&text, "other", NOW), Context::Unproven);
        assert_eq!(context("guess", "build", NOW), Context::Unproven);
        assert_eq!(
            context(&text, "build", NOW.plus(HANDLE_COUNTS)),
            Context::Unproven
        );
        assert_eq!(
            StoredHandle::context(None, &text, &addon("build"), NOW),
            Context::Unproven
        );
        assert!(!format!("{:?}", Handed::fresh().unwrap()).contains(&text));
    }

    #[test]
    fn f1_a_token_ends_and_can_be_taken_back() {
        let handed = Handed::fresh().unwrap();
        let text = handed.text.expose_secret();
        let stored = StoredToken {
            digest: handed.digest.clone(),
            addon: addon("build"),
            person: Some(PersonId::parse("alice").unwrap()),
            limit: Limit::default(),
            given: NOW,
            revoked: None,
        };
        let code =
            |stored: &StoredToken, text: &str, now| match StoredToken::credential(Some(stored), text, now) {
                (Credential::Good(_), Context::Proven { .. }) => "for alice",
                (Credential::Good(_), _) => "for itself",
                (Credential::Bad(bad), Context::None) => bad.code(),
                other => panic!("{other:?}"),
            };
        assert_eq!(code(&stored, text, NOW), "for alice");
        assert_eq!(code(&stored, "guess", NOW), "invalid_credentials");
        assert_eq!(code(&stored, text, NOW.plus(TOKEN_COUNTS)), "token_expired");
        let own = StoredToken {
            person: None,
            ..stored.clone()
        };
        assert_eq!(code(&own, text, NOW), "for itself");
        let revoked = StoredToken {
            revoked: Some(NOW),
            ..stored
        };
        assert_eq!(code(&revoked, text, NOW), "credential_revoked");
        let unknown = StoredToken::credential(None, text, NOW).0;
        assert!(matches!(unknown, Credential::Bad(BadCredential::Invalid)));
    }
}
