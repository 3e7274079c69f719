//! One entry and its hash.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the hash is over begins with this: the version of the form.
const MARK: &[u8] = b"sdm-audit-1\n";

/// Bytes of a hash.
const LENGTH: usize = 32;

/// Hash of an entry, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; LENGTH]);

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a hash of the audit log has 64 lower-case hexadecimal digits")]
pub struct NotAHash;

impl Hash {
    /// What the first entry of all holds in the place of a hash.
    pub const NONE: Self = Self([0; LENGTH]);

    /// Reads what the display form writes.
    ///
    /// # Errors
    /// Another length, or another character.
    pub fn parse(text: &str) -> Result<Self, NotAHash> {
        let bytes: [u8; LENGTH] = hex::decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(NotAHash)?;
        let hash = Self(bytes);
        if hash.to_string() == text {
            Ok(hash)
        } else {
            Err(NotAHash)
        }
    }

    /// The hash of an exported line, without its line end.
    pub(super) fn of(line: &str) -> Self {
        let hashed = digest(&SHA256, &[MARK, line.as_bytes()].concat());
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(hashed.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl TryFrom<String> for Hash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        Self::parse(&text)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

/// One entry. Its fields stand in this order in an export; none of them ever holds a token, a secret or a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Order number, from 1 without a gap.
    pub id: u64,
    /// When, in RFC 3339.
    pub time: String,
    /// Who: `addon:…`, `person:…` or `anonymous`.
    pub principal: String,
    /// Public id of the credential.
    pub credential_id: Option<String>,
    /// Sort of credential.
    pub kind: Option<String>,
    /// For whom it was asked.
    pub context_user: Option<String>,
    /// What proved that, or `none`.
    pub context_proof: Option<String>,
    /// What was asked for.
    pub operation: String,
    /// Where; several are separated by spaces.
    pub resource: String,
    /// `allow` or `deny`.
    pub decision: String,
    /// Stable name of the reason.
    pub reason: String,
    /// What decided.
    pub rule: String,
    /// The state of the add-on's approval.
    pub approved_scopes_version: Option<u64>,
    /// The state of approvals, grants, people and trust.
    pub policy_version: u64,
    /// Names the request in other logs.
    pub request_id: Option<String>,
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// By what, in the words of whoever asked.
    pub user_agent: Option<String>,
    /// When it was done, in RFC 3339, where that was written down later; absent where `time` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// Hash of the entry before.
    pub prev_hash: Hash,
}

impl Entry {
    /// The entry as a line of an export, without the line end: JSON in one order and without spaces.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an entry holds nothing that JSON cannot")
    }

    /// What the next entry holds of this one.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.to_line())
    }
}
