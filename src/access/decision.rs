//! What an evaluation gives: allowed or not, why, and which rule decided.

use std::fmt;
use std::sync::Arc;

use super::principal::PersonId;
use super::request::BadCredential;
use super::resource::{Level, Resource};
use super::scope::ScopeSet;
use super::snapshot::{AddonState, Grant, Role};

/// The outcome of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Why.
    pub reason: Reason,
    /// What decided.
    pub rule: Rule,
}

impl Decision {
    pub(super) fn new(reason: Reason, rule: Rule) -> Self {
        Self { reason, rule }
    }

    /// Whether somebody has denied it.
    pub fn is_denied_by_admin(&self) -> bool {
        matches!(self.reason, Reason::DeniedByAdmin(_))
    }

    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.reason == Reason::Allowed
    }
}

/// A right on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Where.
    pub resource: Resource,
    /// How much.
    pub level: Level,
}

/// Why a scope is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Nobody has approved it.
    Approval,
    /// Nobody has approved it, and the add-on's wish waits for an administrator.
    Pending,
    /// The credential is limited to less than its owner may.
    Limit,
}

/// Why something may be done or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It may.
    Allowed,
    /// More than one credential was sent.
    AmbiguousCredentials,
    /// The credential does not hold.
    Credential(BadCredential),
    /// The operation is not in the table.
    OperationClosed,
    /// Nobody in particular may do this.
    AuthenticationRequired,
    /// The add-on is not at work.
    AddonState(AddonState),
    /// The person is suspended or unknown.
    PersonSuspended,
    /// Only an add-on may do this.
    AddonRequired,
    /// Only a person may do this.
    PersonRequired,
    /// Only a person in a browser may do this, signed in a short while ago where it matters.
    InteractiveSessionRequired,
    /// A scope is missing.
    InsufficientScope {
        /// What the operation needs.
        required: ScopeSet,
        /// What of it is missing.
        missing: ScopeSet,
        /// Why.
        lack: Lack,
    },
    /// The person for whom it is done is not proven.
    ContextNotProven,
    /// It can only be done for a person.
    ContextUserRequired,
    /// An administrator has denied it.
    DeniedByAdmin(Needed),
    /// Nobody has allowed it.
    InsufficientPermission(Needed),
    /// The person for whom it is done may not.
    ContextUserForbidden {
        /// Who.
        person: PersonId,
        /// What is missing.
        needed: Needed,
    },
    /// The person has not authorised the hub on the forge, or not for this.
    UserAuthorizationRequired {
        /// Which forge.
        provider: String,
        /// What is missing; empty when only the authorisation itself is.
        missing: Vec<String>,
    },
    /// It is not there.
    NotFound,
    /// It is asked too often.
    RateLimited,
    /// It cannot be decided, and so it may not be done.
    AuthorizationUnavailable,
}

impl Reason {
    /// As answers and the audit name it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::AmbiguousCredentials => "ambiguous_credentials",
            Self::Credential(bad) => bad.code(),
            Self::OperationClosed => "operation_closed",
            Self::AuthenticationRequired => "authentication_required",
            Self::AddonState(AddonState::Pending) => "principal_pending",
            Self::AddonState(AddonState::Uninstalled) => "principal_uninstalled",
            Self::AddonState(AddonState::Active | AddonState::Disabled) | Self::PersonSuspended => {
                "principal_disabled"
            }
            Self::AddonRequired => "addon_required",
            Self::PersonRequired => "person_required",
            Self::InteractiveSessionRequired => "interactive_session_required",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::ContextNotProven => "context_not_proven",
            Self::ContextUserRequired => "context_user_required",
            Self::DeniedByAdmin(_) => "denied_by_admin",
            Self::InsufficientPermission(_) => "insufficient_permission",
            Self::ContextUserForbidden { .. } => "context_user_forbidden",
            Self::UserAuthorizationRequired { .. } => "user_authorization_required",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::AuthorizationUnavailable => "authorization_unavailable",
        }
    }

    /// The status of an answer over HTTP.
    pub fn status(&self) -> u16 {
        match self {
            Self::Allowed => 200,
            Self::AmbiguousCredentials => 400,
            Self::Credential(_) | Self::AuthenticationRequired => 401,
            Self::NotFound => 404,
            Self::RateLimited => 429,
            Self::AuthorizationUnavailable => 500,
            Self::OperationClosed
            | Self::AddonState(_)
            | Self::PersonSuspended
            | Self::AddonRequired
            | Self::PersonRequired
            | Self::InteractiveSessionRequired
            | Self::InsufficientScope { .. }
            | Self::ContextNotProven
            | Self::ContextUserRequired
            | Self::DeniedByAdmin(_)
            | Self::InsufficientPermission(_)
            | Self::ContextUserForbidden { .. }
            | Self::UserAuthorizationRequired { .. } => 403,
        }
    }
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The row of the operation table: who may do this at all.
    Operation,
    /// The credential.
    Credential,
    /// Where the principal stands.
    State,
    /// The approved scopes.
    Scopes,
    /// The limit of the credential.
    Limit,
    /// The proof of the person for whom it is done.
    Context,
    /// A grant or a denial.
    Grant(Arc<Grant>),
    /// A role in the workspace.
    Role(Role),
    /// What the forge says of the person.
    Forge,
    /// Nothing allows it.
    Nothing,
    /// The credential, as it was so often before that not every time was written.
    Unwritten(u32),
    /// The state of things is too old, or the request makes no sense.
    Snapshot,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation => formatter.write_str("operation table"),
            Self::Credential => formatter.write_str("credential"),
            Self::State => formatter.write_str("state of the principal"),
            Self::Scopes => formatter.write_str("approved scopes"),
            Self::Limit => formatter.write_str("limit of the credential"),
            Self::Context => formatter.write_str("context user"),
            Self::Grant(grant) => formatter.write_str(&grant.sentence()),
            Self::Role(role) => write!(formatter, "role {}", role.word()),
            Self::Forge => formatter.write_str("permission on the forge"),
            Self::Nothing => formatter.write_str("nothing allows it"),
            Self::Unwritten(times) => {
                write!(
                    formatter,
                    "credential, and {times} before it that were not written"
                )
            }
            Self::Snapshot => formatter.write_str("state of things"),
        }
    }
}
