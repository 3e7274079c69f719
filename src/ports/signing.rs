//! Signatures of goals (semantics 3.14): what is stored of a goal is signed, and what is not signed well is not carried out.

use thiserror::Error;

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// There is none.
    #[error("the goal is not signed")]
    Missing,
    /// It is none, of another algorithm, of a key nobody trusts, or of something else.
    #[error("{0}")]
    Invalid(String),
}

/// Which goals must be signed well before one is carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SigningScope {
    /// All of its set.
    #[default]
    All,
    /// The goal itself.
    Fulfillment,
}

/// Signs, and says what was signed.
pub trait Signing: Send + Sync {
    /// Which goals are looked at.
    fn scope(&self) -> SigningScope;

    /// The payload as a compact JWS.
    ///
    /// # Errors
    /// The cryptographic library failed.
    fn sign(&self, payload: &[u8]) -> Result<String, SignatureError>;

    /// The payload of a compact JWS that a trusted key has signed.
    ///
    /// # Errors
    /// Nobody trusted has.
    fn verify(&self, jws: &str) -> Result<Vec<u8>, SignatureError>;
}
