//! What tells the uses of tokens apart (security model 6.4). Whoever checks one remembers its mark until it has ended.

use aws_lc_rs::digest::{SHA256, digest};

use super::token::TokenError;
use super::verify::Verified;

impl Verified {
    /// Whether it counts once by a name of its own, where that is required.
    ///
    /// # Errors
    /// It has none.
    pub const fn check_name(&self, is_required: bool) -> Result<(), TokenError> {
        match (&self.id, is_required) {
            (None, true) => Err(TokenError::ClaimMissing("jti")),
            (Some(_), _) | (None, false) => Ok(()),
        }
    }

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
        let one = token(b"1", None);
        let mark = one.mark(true, b"x");
        assert!(mark.is_some());
        assert_eq!(one.mark(true, b"x"), mark);
        assert_ne!(one.mark(true, b"y"), mark);
        assert_ne!(token(b"2", None).mark(true, b"x"), mark);
        assert_eq!(one.mark(false, b"x"), None, "reading twice is no harm");
    }

    #[test]
    fn f3_a_token_with_a_name_counts_once_per_issuer_whatever_it_does() {
        let one = token(b"1", Some("n"));
        let mark = one.mark(false, b"");
        assert!(mark.is_some());
        assert_eq!(token(b"2", Some("n")).mark(true, b"z"), mark);
        let mut other = token(b"2", Some("n"));
        other.issuer = "b".to_owned();
        assert_ne!(other.mark(true, b"z"), mark);
    }

    #[test]
    fn f3_a_name_can_be_required() {
        assert!(token(b"1", None).check_name(false).is_ok());
        assert!(token(b"1", Some("n")).check_name(true).is_ok());
        let refused = token(b"1", None).check_name(true).unwrap_err();
        assert_eq!(refused.code(), "claim_missing");
    }
}
