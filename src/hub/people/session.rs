//! A session: how it begins, how long it lasts, and the token that shows that a page of the hub was used.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;

use crate::access::handed::{Handed, NoRandomness};
use crate::model::Timestamp;
use crate::ports::people::StoredSession;

/// How long a session lasts that nobody uses.
pub(in super::super) const IDLE: Duration = Duration::from_secs(12 * 3_600);

/// How long a session lasts at most.
pub(in super::super) const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// How often the use of a session is noted.
pub(super) const NOTED: Duration = Duration::from_secs(60);

/// How long a sign-in is fresh.
const FRESH: Duration = Duration::from_secs(15 * 60);

/// Longest name of a browser that is kept, in characters.
const LONGEST_AGENT: usize = 200;

/// Characters of the public id of a session.
const ID: usize = 12;

/// A session that begins: what the browser holds, and what is kept of it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) text: SecretString,
    pub(super) stored: StoredSession,
}

/// Begins a session.
///
/// # Errors
/// There is no randomness.
pub(super) fn open(
    person: &str,
    means: &str,
    user_agent: &str,
    now: Timestamp,
) -> Result<Opened, NoRandomness> {
    let handed = Handed::fresh()?;
    let stored = StoredSession {
        digest: handed.digest,
        id: super::super::access::key::random_text(ID),
        person: person.to_owned(),
        means: means.to_owned(),
        user_agent: user_agent.chars().take(LONGEST_AGENT).collect(),
        signed_in: now,
        last_seen: now,
    };
    Ok(Opened {
        text: handed.text,
        stored,
    })
}

/// Whether a session still counts.
pub(super) fn is_live(session: &StoredSession, now: Timestamp) -> bool {
    now.since(session.last_seen) < IDLE && now.since(session.signed_in) < LONGEST
}

/// Whether the person signed in so short a while ago that what makes rights may be done.
pub(super) fn is_fresh(session: &StoredSession, now: Timestamp) -> bool {
    now.since(session.signed_in) < FRESH
}

/// The anti-forgery token of the session whose browser holds `text`. It is kept nowhere and tells nothing of the session.
pub(super) fn anti_forgery(text: &str) -> String {
    let mut marked = b"anti-forgery\0".to_vec();
    marked.extend_from_slice(text.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &marked))
}

/// Whether `given` is the token of that session; takes the same time whatever it is.
pub(super) fn is_anti_forgery(text: &str, given: &str) -> bool {
    verify_slices_are_equal(anti_forgery(text).as_bytes(), given.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    #[test]
    fn f9_of_a_session_only_its_digest_is_kept_and_no_two_are_the_same() {
        let one = open("ada", "link", &"x".repeat(1_000), NOW).unwrap();
        let other = open("ada", "link", "", NOW).unwrap();
        assert_ne!(one.stored.digest, other.stored.digest);
        assert!(!format!("{one:?}").contains(one.text.expose_secret()));
        assert_eq!(one.text.expose_secret().len(), 43, "256 bits");
        assert_eq!(one.stored.user_agent.len(), LONGEST_AGENT);
    }

    #[test]
    fn a_session_ends_after_twelve_hours_without_use_and_after_a_day_with_it() {
        let hour = Duration::from_secs(3_600);
        let mut session = open("ada", "link", "", NOW).unwrap().stored;
        assert!(is_live(
            &session,
            NOW.plus(hour * 12).minus(Duration::from_micros(1))
        ));
        assert!(!is_live(&session, NOW.plus(hour * 12)));
        session.last_seen = NOW.plus(hour * 23);
        assert!(is_live(
            &session,
            NOW.plus(hour * 24).minus(Duration::from_micros(1))
        ));
        assert!(!is_live(&session, NOW.plus(hour * 24)));
    }

    #[test]
    fn h1_a_token_is_of_one_session_only() {
        assert!(is_anti_forgery("a", &anti_forgery("a")));
        for given in ["", "a", &anti_forgery("b")] {
            assert!(!is_anti_forgery("a", given), "{given}");
        }
    }
}
