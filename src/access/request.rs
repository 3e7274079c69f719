//! What is known of a request before anything is decided.

use crate::model::Timestamp;

use super::principal::{PersonId, Principal};
use super::resource::{Resource, Selector};
use super::scope::ScopeSet;

/// A request, as it stands before the evaluation.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How it identified itself.
    pub credential: Credential,
    /// Name of the operation, as in the operation table.
    pub operation: &'a str,
    /// What it is about: all of them must be in reach. A goal in an environment is about its repository and the environment.
    pub resources: &'a [Resource],
    /// For whom it is made, if for anybody.
    pub context: Context,
    /// What it will do on a forge as the person.
    pub forge: Option<ForgeNeed>,
    /// Whether the resources are there. Nobody without a right to them learns this.
    pub exists: bool,
    /// Whether its rate is beyond the limit.
    pub is_too_often: bool,
    /// When it was made.
    pub now: Timestamp,
}

/// How a request identified itself.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Not at all.
    Absent,
    /// More than once.
    Several,
    /// In a way that does not hold. It never becomes anonymous.
    Bad(BadCredential),
    /// By a credential that holds.
    Good(Identity),
}

/// Why a credential does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadCredential {
    /// It is unknown or wrong.
    Invalid,
    /// It has ended.
    Expired,
    /// It was taken back.
    Revoked,
}

impl BadCredential {
    /// As answers and the audit name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_credentials",
            Self::Expired => "token_expired",
            Self::Revoked => "credential_revoked",
        }
    }
}

/// Who asks, and by which credential.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// How they identified themselves.
    pub means: Means,
    /// What the credential does not reach though its owner does.
    pub limit: Limit,
}

/// Sorts of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A person's session in a browser.
    Session {
        /// When the person signed in.
        signed_in: Timestamp,
    },
    /// A key.
    Key,
    /// A signed or exchanged token.
    Token,
}

/// The limits of a credential; it never widens what its owner may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limit {
    /// Only these scopes and what they imply.
    pub scopes: Option<ScopeSet>,
    /// Only these resources.
    pub resources: Option<Vec<Selector>>,
    /// Of repositories only these; other resources are not limited by it.
    pub repositories: Option<Vec<Selector>>,
}

/// For whom a request is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// For nobody but the caller.
    None,
    /// A name without a proof that nobody asked to be believed, such as the subject of a signed token: it changes no right.
    Named(String),
    /// Explicitly for somebody, without a proof.
    Unproven,
    /// For this person, and it is proven.
    Proven {
        /// Who.
        person: PersonId,
        /// By what.
        proof: Proof,
    },
}

/// What proves for whom an add-on acts (security model 10.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A handle of something the person started, and what that was about.
    Handle(Vec<Selector>),
    /// A token for this person; it holds as long as the person's consent.
    Impersonation,
}

/// What a request will do on a forge as the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeNeed {
    /// Name of the forge.
    pub provider: String,
    /// What the person must have authorised there.
    pub scopes: Vec<String>,
}
