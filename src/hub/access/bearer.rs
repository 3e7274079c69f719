//! Somebody with a key, and what they may do: every question goes to the one evaluation.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::access::decision::Needed;
use crate::access::request::Means;
use crate::access::scope::Scope;
use crate::access::snapshot::{AddonState, Permission, Right};
use crate::access::{
    Addon, Context, Credential, Decision, Identity, Level, Operation, PersonId, Principal, Reason, Request,
    Resource, Rule, ScopeSet, Selector, Snapshot, admit, decide,
};
use crate::model::Timestamp;

/// Somebody with a key, and the state of things when they came.
#[derive(Debug, Clone)]
pub struct Bearer {
    identity: Identity,
    snapshot: Arc<Snapshot>,
    context: Context,
}

impl Bearer {
    /// Somebody with a credential, at a state of things.
    pub fn new(identity: Identity, snapshot: Arc<Snapshot>) -> Self {
        Self {
            identity,
            snapshot,
            context: Context::None,
        }
    }

    /// The same, acting for somebody.
    #[must_use]
    pub fn in_context(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// The same at another state of things.
    #[must_use]
    pub fn at(self, snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, ..self }
    }

    /// The same as it will be once it is switched on again, if it is switched off.
    #[must_use]
    pub fn when_switched_on(self) -> Self {
        let Principal::Addon(key) = &self.identity.principal else {
            return self;
        };
        let disabled = self
            .snapshot
            .addons
            .get(key)
            .filter(|addon| addon.state == AddonState::Disabled);
        let Some(addon) = disabled.cloned() else {
            return self;
        };
        let mut snapshot = (*self.snapshot).clone();
        let active = Addon {
            state: AddonState::Active,
            ..addon
        };
        snapshot.addons.insert(key.clone(), active);
        self.at(Arc::new(snapshot))
    }

    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.identity.principal
    }

    /// Whether it came with something that ends within the hour, and not with a key.
    pub(in super::super) fn has_token(&self) -> bool {
        matches!(self.identity.means, Means::Token)
    }

    /// The person whose rights count: whoever calls, or for whom an add-on acts.
    pub(in super::super) fn person(&self) -> Option<&PersonId> {
        match (&self.identity.principal, &self.context) {
            (Principal::Person(id), _) => Some(id),
            (Principal::Addon(_), Context::Proven { person, .. }) => Some(person),
            (Principal::Addon(_) | Principal::Anonymous, _) => None,
        }
    }

    /// The same, with what the forge says of the person.
    pub(in super::super) fn with_permissions(&self, permissions: Vec<Permission>) -> Self {
        let known = self
            .person()
            .and_then(|id| self.snapshot.people.get_key_value(id));
        let Some((id, person)) = known.filter(|_| !permissions.is_empty()) else {
            return self.clone();
        };
        let mut person = person.clone();
        person.permissions.extend(permissions);
        let mut snapshot = (*self.snapshot).clone();
        snapshot.people.insert(id.clone(), person);
        self.clone().at(Arc::new(snapshot))
    }

    /// The same, with what the person has let the hub do at a provider; nothing is nothing.
    pub(in super::super) fn with_authorization(
        &self,
        provider: &str,
        granted: Option<BTreeSet<String>>,
    ) -> Self {
        let known = self
            .person()
            .and_then(|id| self.snapshot.people.get_key_value(id));
        let (Some((id, person)), Some(granted)) = (known, granted) else {
            return self.clone();
        };
        let mut person = person.clone();
        person.authorizations.insert(provider.to_owned(), granted);
        let mut snapshot = (*self.snapshot).clone();
        snapshot.people.insert(id.clone(), person);
        self.clone().at(Arc::new(snapshot))
    }

    /// For whom it acts.
    pub(in super::super) fn context(&self) -> &Context {
        &self.context
    }

    /// The same credential in another state of things.
    pub(super) fn under(&self, other: &Self) -> Self {
        Self::new(self.identity.clone(), Arc::clone(&other.snapshot))
    }

    /// What is asked, as the evaluation takes it.
    pub fn request<'a>(&self, operation: &'a str, resources: &'a [Resource], now: Timestamp) -> Request<'a> {
        Request {
            credential: Credential::Good(self.identity.clone()),
            operation,
            resources,
            context: self.context.clone(),
            forge: None,
            exists: true,
            is_too_often: false,
            now,
        }
    }

    /// The state of things.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The same, to keep.
    pub fn shared_snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// Whether something may be done on resources.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let numbered = decide(request, &self.snapshot);
        let plain: Vec<Resource> = request.resources.iter().map(Resource::without_numbers).collect();
        if plain == request.resources {
            return numbered;
        }
        // A policy may name repositories by number or by name; a denial of either holds.
        let named = decide(
            &Request {
                resources: &plain,
                ..request.clone()
            },
            &self.snapshot,
        );
        match (numbered.is_denied_by_admin(), named.is_allowed()) {
            (false, true) => named,
            _ => numbered,
        }
    }

    /// Whether it may be done at all, wherever.
    pub fn admits(&self, request: &Request<'_>) -> Result<(), Box<Decision>> {
        admit(request, &self.snapshot).map(|_| ())
    }

    /// Whether a scope is approved and within the limit of the key.
    pub fn has(&self, scope: &str) -> bool {
        let Ok(scope) = Scope::parse(scope) else {
            return false;
        };
        let limit = self
            .identity
            .limit
            .scopes
            .map_or_else(ScopeSet::all, ScopeSet::closure);
        let approved = match &self.identity.principal {
            Principal::Addon(key) => {
                let addon = self.snapshot.addons.get(key);
                addon.map_or(ScopeSet::EMPTY, |addon| addon.approved.closure())
            }
            Principal::Person(_) | Principal::Anonymous => ScopeSet::all(),
        };
        limit.both(approved).has(scope)
    }

    /// Whether a machine may hear of events at all, and so hold a conversation.
    pub fn may_hear(&self, now: Timestamp) -> bool {
        self.admits(&self.request("events.receive", &[], now)).is_ok()
    }

    /// Whether a machine may have commands: what it needed to announce them, as it is now.
    pub fn may_take_commands(&self, now: Timestamp) -> bool {
        let workspace = [Resource::Workspace];
        self.decide(&self.request("command.register", &workspace, now))
            .is_allowed()
    }

    /// Whether something that is of no repository in particular is allowed: to whoever it is allowed everywhere.
    pub fn decide_over_everything(&self, operation: &str, now: Timestamp) -> Decision {
        if self.reaches_everything(operation, now) {
            return Decision {
                reason: Reason::Allowed,
                rule: Rule::Operation,
            };
        }
        let level = Operation::find(operation).map_or(Level::Admin, |row| row.level);
        let resource = Resource::Workspace;
        Decision {
            reason: Reason::InsufficientPermission(Needed { resource, level }),
            rule: Rule::Nothing,
        }
    }

    /// Whether an operation is allowed everywhere, so that nothing has to be filtered.
    pub fn reaches_everything(&self, operation: &str, now: Timestamp) -> bool {
        let limit = &self.identity.limit;
        let acts_for_itself = matches!(self.context, Context::None | Context::Named(_));
        let is_limited = limit.resources.is_some() || limit.repositories.is_some() || !acts_for_itself;
        let Some(row) = Operation::find(operation).filter(|_| !is_limited) else {
            return false;
        };
        let request = self.request(operation, &[], now);
        if self.admits(&request).is_err() {
            return false;
        }
        match &self.identity.principal {
            Principal::Addon(key) => self.snapshot.addons.get(key).is_some_and(|addon| {
                let is_everywhere = |selector: &Selector| *selector == Selector::Everything;
                let mut rights = addon.grants.iter().filter(|grant| grant.is_live(now));
                let concerns = |selector: &Selector| match selector {
                    Selector::One(resource) => row.kinds.contains(&resource.kind()),
                    Selector::Owner(_) | Selector::Everything => true,
                };
                let mut denied = rights.clone().filter(|grant| grant.right == Right::Deny);
                let denies = denied.any(|grant| concerns(&grant.selector));
                let allows = rights
                    .any(|grant| is_everywhere(&grant.selector) && grant.right >= Right::Allow(row.level));
                allows && !denies
            }),
            Principal::Person(id) => {
                let is_everywhere = |permission: &Permission| {
                    permission.selector == Selector::Everything && permission.level >= row.level
                };
                let person = self.snapshot.people.get(id);
                person.is_some_and(|person| {
                    person.grants.is_empty() && person.permissions.iter().any(is_everywhere)
                })
            }
            Principal::Anonymous => false,
        }
    }
}
