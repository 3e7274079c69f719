//! JSON Web Tokens as text: three parts, strict base64url, objects without repeated keys (security model 6.1 and 6.3).

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

/// Longest token in bytes.
pub const LONGEST_TOKEN: usize = 8 * 1024;

/// Why a token does not hold. The caller is told the code at most, and the log the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There is none where one is needed.
    #[error("there is no token")]
    Missing,
    /// It is not three parts of base64url with JSON objects, or a claim has the wrong type.
    #[error("the token is malformed")]
    Malformed,
    /// Its algorithm is not the one of this route.
    #[error("the algorithm is not the one that is used here")]
    Algorithm,
    /// The key it names is not published.
    #[error("the key is unknown")]
    UnknownKey,
    /// A claim is not there.
    #[error("the claim `{0}` is missing")]
    ClaimMissing(&'static str),
    /// Nobody is known by this name.
    #[error("the issuer is unknown")]
    UnknownIssuer,
    /// The signature is not of the issuer.
    #[error("the signature does not fit")]
    Signature,
    /// It would live too long.
    #[error("the token lives longer than {} seconds", super::LONGEST_LIFETIME)]
    LifetimeTooLong,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is for somebody else.
    #[error("the token is for another receiver")]
    Audience,
    /// It does not say for which request it is.
    #[error("the hash of the request is missing")]
    HashMissing,
    /// It is for another request.
    #[error("the token is for another request")]
    HashMismatch,
    /// It has been used.
    #[error("the token has been used before")]
    Replayed,
    /// The body is another than was signed.
    #[error("the body is not the one that was signed")]
    BodyMismatch,
    /// The body of an install names another tenant than its token.
    #[error("the body names another tenant than the token")]
    InstallBodyMismatch,
}

impl TokenError {
    /// As answers and the audit name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "credentials_missing",
            Self::Malformed => "token_malformed",
            Self::Algorithm => "alg_not_allowed",
            Self::UnknownKey => "unknown_key",
            Self::ClaimMissing(_) => "claim_missing",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Signature => "bad_signature",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Audience => "audience_mismatch",
            Self::HashMissing => "qsh_missing",
            Self::HashMismatch => "qsh_mismatch",
            Self::Replayed => "token_replayed",
            Self::BodyMismatch => "body_mismatch",
            Self::InstallBodyMismatch => "install_body_mismatch",
        }
    }
}

/// A token taken apart; nothing of it is believed yet.
pub(in crate::wire) struct Token<'a> {
    pub(in crate::wire) header: Map<String, Value>,
    pub(in crate::wire) claims: Map<String, Value>,
    /// What the signature is over.
    pub(in crate::wire) signed: &'a str,
    pub(in crate::wire) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(in crate::wire) fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > LONGEST_TOKEN {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        Ok(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature: decoded(signature)?,
        })
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

fn object(part: &str) -> Result<Map<String, Value>, TokenError> {
    match serde_json::from_slice(&decoded(part)?) {
        Ok(Strict(Value::Object(map))) => Ok(map),
        Ok(Strict(_)) | Err(_) => Err(TokenError::Malformed),
    }
}

/// JSON in which no object has a key twice: readers disagree about which one counts.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without repeated keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key is repeated"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(claims), part("s"))
    }

    #[test]
    fn f2_only_strict_tokens_are_read() {
        assert!(Token::parse(&token("{\"alg\":\"HS256\"}", "{}")).is_ok());
        let long = "a".repeat(LONGEST_TOKEN + 1);
        for text in [
            String::new(),
            "a.b".to_owned(),
            "e30.e30.e30.e30".to_owned(),
            "e30=.e30.e30".to_owned(),
            " e30.e30.e30".to_owned(),
            "e31.e30.e30".to_owned(),
            token("[]", "{}"),
            token("{}", "7"),
            token("{\"alg\":\"none\",\"alg\":\"HS256\"}", "{}"),
            token("{}", "{\"context\":{\"a\":1,\"a\":2}}"),
            token("{}", "{} {}"),
            token("{}", &"[".repeat(4000)),
            long,
        ] {
            assert!(
                matches!(Token::parse(&text), Err(TokenError::Malformed)),
                "{text:.60}"
            );
        }
    }
}
