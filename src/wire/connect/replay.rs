//! Tokens that were used, remembered while they live (security model 6.4).

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};

use super::LEEWAY;
use super::verify::Verified;

/// Most tokens that are remembered of one issuer; one who signs more in a quarter of an hour must wait.
const MOST_OF_AN_ISSUER: usize = 20_000;

impl Verified {
    /// What tells the use of a token from all others, in hexadecimal; `None` when it may be used again. Reading twice is no harm,
    /// so only requests that change something are told apart, by signature and body; a token with a name of its own counts
    /// once per issuer whatever it does.
    pub fn mark(&self, changes: bool, body: &[u8]) -> Option<String> {
        let mark = match (&self.id, changes) {
            (Some(id), _) => [b"id ", id.as_bytes()].concat(),
            (None, true) => [
                b"use ".as_slice(),
                &self.signature,
                digest(&SHA256, body).as_ref(),
            ]
            .concat(),
            (None, false) => return None,
        };
        let issuer = digest(&SHA256, self.issuer.as_bytes());
        Some(hex::encode(digest(&SHA256, &[issuer.as_ref(), &mark].concat())))
    }
}

/// What a memory says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was not used.
    New,
    /// It was.
    Again,
    /// Its issuer has used too many to remember.
    TooMany,
}

/// The memory. It forgets tokens when they end.
#[derive(Debug, Default)]
pub struct Replays {
    issuers: HashMap<String, HashMap<String, i64>>,
}

impl Replays {
    /// Remembers the use of a token by its [mark](Verified::mark).
    pub fn remember(&mut self, verified: &Verified, changes: bool, body: &[u8], now: i64) -> Seen {
        let Some(mark) = verified.mark(changes, body) else {
            return Seen::New;
        };
        let used = self.issuers.entry(verified.issuer.clone()).or_default();
        if used.get(&mark).is_some_and(|until| *until > now) {
            return Seen::Again;
        }
        if used.len() >= MOST_OF_AN_ISSUER {
            used.retain(|_, until| *until > now);
        }
        if used.len() >= MOST_OF_AN_ISSUER {
            return Seen::TooMany;
        }
        used.insert(mark, verified.expires.saturating_add(LEEWAY));
        Seen::New
    }

    /// Forgets what has ended.
    pub fn forget(&mut self, now: i64) {
        self.issuers.retain(|_, used| {
            used.retain(|_, until| *until > now);
            !used.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(signature: &[u8], id: Option<&str>) -> Verified {
        Verified {
            issuer: "a".to_owned(),
            subject: None,
            expires: 100,
            id: id.map(str::to_owned),
            body_hash: None,
            signature: signature.to_vec(),
        }
    }

    #[test]
    fn f3_the_same_change_counts_once_and_another_body_is_another() {
        let mut replays = Replays::default();
        let one = token(b"1", None);
        assert_eq!(replays.remember(&one, true, b"x", 10), Seen::New);
        assert_eq!(replays.remember(&one, true, b"x", 129), Seen::Again);
        assert_eq!(replays.remember(&one, true, b"y", 10), Seen::New);
        assert_eq!(
            replays.remember(&one, false, b"x", 10),
            Seen::New,
            "reading twice is no harm"
        );
        assert_eq!(replays.remember(&token(b"2", None), true, b"x", 10), Seen::New);
        assert_eq!(
            replays.remember(&one, true, b"x", 130),
            Seen::New,
            "by then it has ended itself"
        );
        replays.forget(1000);
        assert!(replays.issuers.is_empty());
    }

    #[test]
    fn f3_a_token_with_a_name_counts_once_per_issuer_whatever_it_does() {
        let mut replays = Replays::default();
        assert_eq!(
            replays.remember(&token(b"1", Some("n")), false, b"", 10),
            Seen::New
        );
        assert_eq!(
            replays.remember(&token(b"2", Some("n")), true, b"z", 10),
            Seen::Again
        );
        let mut other = token(b"2", Some("n"));
        other.issuer = "b".to_owned();
        assert_eq!(replays.remember(&other, true, b"z", 10), Seen::New);
    }

    #[test]
    fn a_flood_of_one_issuer_ends_and_passes() {
        let mut replays = Replays::default();
        for number in 0..MOST_OF_AN_ISSUER {
            let mark = number.to_be_bytes();
            assert_eq!(replays.remember(&token(&mark, None), true, b"", 10), Seen::New);
        }
        assert_eq!(replays.remember(&token(b"x", None), true, b"", 10), Seen::TooMany);
        assert_eq!(replays.remember(&token(b"x", None), true, b"", 131), Seen::New);
    }
}
