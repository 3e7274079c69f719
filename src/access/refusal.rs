//! What is told to whoever was refused: which right is missing, and who can give it (security model 17).

use serde::Serialize;

use super::decision::{Decision, Lack, Needed, Reason};
use super::operation::Operation;
use super::principal::Principal;
use super::request::{Credential, Request};
use super::resource::Resource;
use super::scope::ScopeSet;
use super::snapshot::{AddonState, Snapshot};

/// The body of a refusal: `{"error": …}` over HTTP, `extensions` in GraphQL, an error frame on a websocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Status over HTTP.
    pub status: u16,
    /// Stable name of the reason.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The first resource it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Scopes that the operation needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scopes: Option<Vec<&'static str>>,
    /// Those that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_scopes: Option<Vec<&'static str>>,
    /// Whether an administrator has been asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<bool>,
    /// The right that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_permission: Option<RequiredPermission>,
    /// The person who may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_user: Option<String>,
    /// Where the principal stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The forge on which an authorisation is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What is missing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// Who can change this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who_can_fix: Option<&'static str>,
    /// Where, below the hub's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix_url: Option<String>,
}

/// A level on a resource, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequiredPermission {
    /// Where.
    pub resource: String,
    /// How much.
    pub level: &'static str,
}

impl From<&Needed> for RequiredPermission {
    fn from(needed: &Needed) -> Self {
        Self {
            resource: needed.resource.plain(),
            level: needed.level.word(),
        }
    }
}

impl Refusal {
    /// What to tell of a decision; `None` when there is nothing to refuse.
    pub fn of(decision: &Decision, request: &Request<'_>, snapshot: &Snapshot) -> Option<Self> {
        if decision.is_allowed() {
            return None;
        }
        let principal = principal(&request.credential);
        let told = is_known_caller(&decision.reason);
        let mut refusal = Self {
            status: decision.reason.status(),
            code: decision.reason.code(),
            message: message(&decision.reason, request, snapshot),
            operation: told.then(|| request.operation.to_owned()),
            resource: request.resources.first().filter(|_| told).map(Resource::plain),
            required_scopes: None,
            missing_scopes: None,
            pending: None,
            required_permission: None,
            context_user: None,
            state: None,
            provider: None,
            missing: None,
            who_can_fix: who_can_fix(&decision.reason, principal),
            fix_url: fix_url(&decision.reason, principal),
        };
        refusal.details(&decision.reason);
        Some(refusal)
    }

    fn details(&mut self, reason: &Reason) {
        match reason {
            Reason::InsufficientScope {
                required,
                missing,
                lack,
            } => {
                self.required_scopes = Some(required.names());
                self.missing_scopes = Some(missing.names());
                self.pending = Some(*lack == Lack::Pending);
            }
            Reason::InsufficientPermission(needed) | Reason::DeniedByAdmin(needed) => {
                self.required_permission = Some(needed.into());
            }
            Reason::ContextUserForbidden { person, needed } => {
                self.context_user = Some(person.as_str().to_owned());
                self.required_permission = Some(needed.into());
            }
            Reason::UserAuthorizationRequired { provider, missing } => {
                self.provider = Some(provider.clone());
                self.missing = Some(missing.clone());
            }
            Reason::AddonState(state) => self.state = Some(state.word()),
            Reason::PersonSuspended => self.state = Some("disabled"),
            Reason::Allowed
            | Reason::AmbiguousCredentials
            | Reason::Credential(_)
            | Reason::OperationClosed
            | Reason::AuthenticationRequired
            | Reason::AddonRequired
            | Reason::PersonRequired
            | Reason::InteractiveSessionRequired
            | Reason::ContextNotProven
            | Reason::ContextUserRequired
            | Reason::NotFound
            | Reason::RateLimited
            | Reason::AuthorizationUnavailable => {}
        }
    }

    /// Values of the header `WWW-Authenticate`, where one belongs.
    pub fn challenge(&self) -> Option<String> {
        match (self.status, self.code) {
            (401, "authentication_required") => Some(r#"JWT realm="hub", Bearer realm="hub""#.to_owned()),
            (401, _) => Some(r#"JWT realm="hub", Bearer realm="hub", error="invalid_token""#.to_owned()),
            (_, "insufficient_scope") => {
                let scopes = self.required_scopes.iter().flatten();
                let scopes = scopes.copied().collect::<Vec<_>>().join(" ");
                Some(format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#))
            }
            _ => None,
        }
    }

    /// The code with which a websocket is closed when this ends a conversation that was allowed before.
    pub fn close_code(&self) -> u16 {
        if self.status == 401 { 4401 } else { 4403 }
    }
}

/// Whether it is clear who asks, so that more than a code may be told.
fn is_known_caller(reason: &Reason) -> bool {
    !matches!(reason, Reason::AmbiguousCredentials | Reason::Credential(_))
}

fn principal(credential: &Credential) -> &Principal {
    match credential {
        Credential::Good(identity) => &identity.principal,
        Credential::Absent | Credential::Several | Credential::Bad(_) => &Principal::Anonymous,
    }
}

/// `sdm 'build'`, `person 'alice'`.
fn called(principal: &Principal, snapshot: &Snapshot) -> String {
    match principal {
        Principal::Anonymous => "nobody".to_owned(),
        Principal::Person(id) => format!("person '{}'", id.as_str()),
        Principal::Addon(key) => {
            let kind = snapshot
                .addons
                .get(key)
                .map_or("add-on", |addon| addon.kind.word());
            format!("{kind} '{}'", key.as_str())
        }
    }
}

fn message(reason: &Reason, request: &Request<'_>, snapshot: &Snapshot) -> String {
    let who = called(principal(&request.credential), snapshot);
    let does = Operation::find(request.operation).map_or("do this", |row| row.does);
    let may_not = |because: String| format!("{who} may not {does}: {because}");
    match reason {
        Reason::Allowed => format!("{who} may {does}."),
        Reason::AmbiguousCredentials => "there is more than one credential; send one.".to_owned(),
        Reason::Credential(_) => "the credential does not hold.".to_owned(),
        Reason::OperationClosed => "there is no such operation.".to_owned(),
        Reason::AuthenticationRequired => format!("who wants to {does} must say who they are."),
        Reason::AddonState(AddonState::Pending) => {
            may_not("an administrator has not agreed to it yet.".to_owned())
        }
        Reason::AddonState(state) => may_not(format!("it is {}.", state.word())),
        Reason::PersonSuspended => may_not("the account is suspended.".to_owned()),
        Reason::AddonRequired => may_not("this is for add-ons.".to_owned()),
        Reason::PersonRequired => may_not("this is for people.".to_owned()),
        Reason::InteractiveSessionRequired => {
            may_not("this needs a person in the browser who has just signed in.".to_owned())
        }
        Reason::InsufficientScope { missing, lack, .. } => may_not(missing_scopes(*missing, *lack)),
        Reason::ContextNotProven => may_not("the person it names is not proven.".to_owned()),
        Reason::ContextUserRequired => may_not("it can only be done for a person.".to_owned()),
        Reason::DeniedByAdmin(needed) => may_not(format!(
            "an administrator has denied {}.",
            needed.resource.plain()
        )),
        Reason::InsufficientPermission(needed) => may_not(missing_level(needed)),
        Reason::ContextUserForbidden { person, needed } => may_not(format!(
            "for person '{}', {}",
            person.as_str(),
            missing_level(needed)
        )),
        Reason::UserAuthorizationRequired { provider, .. } => {
            may_not(format!("the person has not authorised this on {provider}."))
        }
        Reason::NotFound => "it is not there.".to_owned(),
        Reason::RateLimited => format!("{who} does this too often; wait."),
        Reason::AuthorizationUnavailable => "it cannot be decided now; try again.".to_owned(),
    }
}

fn missing_scopes(missing: ScopeSet, lack: Lack) -> String {
    let scopes = if missing.iter().count() == 1 {
        "scope"
    } else {
        "scopes"
    };
    let why = match lack {
        Lack::Approval => "not approved",
        Lack::Pending => "not approved yet; an administrator has been asked",
        Lack::Limit => "beyond the limit of this credential",
    };
    let verb = if missing.iter().count() == 1 { "is" } else { "are" };
    format!("{scopes} {missing} {verb} {why}.")
}

/// The same for what is hidden and for what is not there.
fn missing_level(needed: &Needed) -> String {
    format!("it needs {} on {}.", needed.level.word(), needed.resource.plain())
}

fn who_can_fix(reason: &Reason, principal: &Principal) -> Option<&'static str> {
    const ADMIN: Option<&str> = Some("a workspace admin");
    const FORGE: Option<&str> = Some("an admin of the repository on the forge");
    match reason {
        Reason::InsufficientScope {
            lack: Lack::Limit, ..
        } => Some("the owner of the credential, with one that is limited less"),
        Reason::InsufficientPermission(needed) => {
            let is_forges = matches!(needed.resource, Resource::Repository { .. });
            let is_person = matches!(principal, Principal::Person(_));
            if is_forges && is_person { FORGE } else { ADMIN }
        }
        Reason::ContextUserForbidden { needed, .. } => {
            let is_forges = matches!(needed.resource, Resource::Repository { .. });
            if is_forges { FORGE } else { ADMIN }
        }
        Reason::InsufficientScope { .. }
        | Reason::DeniedByAdmin(_)
        | Reason::AddonState(_)
        | Reason::PersonSuspended => ADMIN,
        Reason::PersonRequired => Some("a person with the right, in the browser"),
        Reason::InteractiveSessionRequired => Some("the caller, by signing in again in the browser"),
        Reason::ContextNotProven | Reason::ContextUserRequired => {
            Some("the add-on, with the handle of something that the person started")
        }
        Reason::UserAuthorizationRequired { .. } => Some("the person, by authorising this on the forge"),
        Reason::Credential(_) | Reason::AuthenticationRequired => Some("the caller, with a valid credential"),
        Reason::AmbiguousCredentials => Some("the caller, with one credential"),
        Reason::Allowed
        | Reason::OperationClosed
        | Reason::AddonRequired
        | Reason::NotFound
        | Reason::RateLimited
        | Reason::AuthorizationUnavailable => None,
    }
}

fn fix_url(reason: &Reason, principal: &Principal) -> Option<String> {
    let is_admins = matches!(
        reason,
        Reason::InsufficientScope {
            lack: Lack::Approval | Lack::Pending,
            ..
        } | Reason::InsufficientPermission(_)
            | Reason::DeniedByAdmin(_)
            | Reason::AddonState(_)
    );
    match principal {
        Principal::Addon(key) if is_admins => Some(format!("/admin/addons/{}", key.as_str())),
        Principal::Addon(_) | Principal::Person(_) | Principal::Anonymous => None,
    }
}
