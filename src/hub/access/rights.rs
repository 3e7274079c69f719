//! What a key may do: its own scopes, and where there is a policy, what the policy says of its owner (security model 12).
//!
//! Without a policy a key may do everything that its scopes allow. With one, whoever it does not mention may do nothing. A
//! policy is read again when its file changes; one that cannot be used, or breaks its own tests, changes nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use thiserror::Error;

use super::audit::{AuditError, AuditLog};
use crate::access::policy::{Outcome, Policy, parse, run_tests};
use crate::access::scope::Scope;
use crate::access::snapshot::{AddonKind, AddonState, Permission, Right, Role};
use crate::access::{
    Addon, AddonKey, Context, Credential, Decision, Grant, Identity, Level, Limit, Means, Person, Principal,
    Request, Resource, ScopeSet, Selector, Snapshot, admit, decide,
};
use crate::model::{Diagnostic, Severity, Timestamp};
use crate::ports::hub::StoredKey;

/// Who somebody is whose name is no identity.
const UNNAMED: &str = "unnamed";

/// Why rights cannot be told.
#[derive(Debug, Error)]
pub enum RightsError {
    /// The policy's file.
    #[error("failed to read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The policy itself.
    #[error("the policy {} cannot be used: {}", path.display(), problems.first().map_or_else(String::new, said))]
    Policy {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problems: Vec<Diagnostic>,
    },
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

fn said(problem: &Diagnostic) -> String {
    format!("{}: {}", problem.place, problem.message)
}

/// What is in force: the rights of everybody, and the text that was looked at last.
#[derive(Debug)]
struct InForce {
    snapshot: Arc<Snapshot>,
    looked_at: Vec<u8>,
}

/// The rights of all keys of a hub.
#[derive(Debug, Default)]
pub struct Rights {
    file: Option<PathBuf>,
    policy: RwLock<Option<InForce>>,
    /// Keys by their public part, for what happens while nobody calls.
    keys: RwLock<HashMap<String, StoredKey>>,
    audit: Option<AuditLog>,
}

impl Rights {
    /// By a policy in a file, if one is named, with an audit log in another.
    ///
    /// # Errors
    /// The policy cannot be used, or the log not be written.
    pub fn open(policy: Option<&Path>, audit: Option<&Path>, now: Timestamp) -> Result<Self, RightsError> {
        let first = policy.map(|path| {
            let text = std::fs::read(path).map_err(|source| RightsError::Read {
                path: path.to_path_buf(),
                source,
            })?;
            in_force(path, text, 1, now)
        });
        let in_force = first.transpose()?;
        Ok(Self {
            file: policy.map(Path::to_path_buf),
            policy: RwLock::new(in_force),
            keys: RwLock::default(),
            audit: audit.map(AuditLog::open).transpose()?,
        })
    }

    /// Reads the policy again if it has changed.
    pub fn refresh(&self, now: Timestamp) {
        let Some(path) = &self.file else {
            return;
        };
        match std::fs::read(path) {
            Ok(text) => self.replace(path, text, now),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, policy = %path.display(), "the policy cannot be read; it stays in force");
            }
        }
    }

    /// Puts a text in force, unless it was looked at before.
    fn replace(&self, path: &Path, text: Vec<u8>, now: Timestamp) {
        let mut policy = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = policy.as_mut().filter(|before| before.looked_at != text) else {
            return;
        };
        match in_force(path, text.clone(), before.snapshot.version + 1, now) {
            Ok(changed) => {
                tracing::info!(policy = %path.display(), "a changed policy is in force");
                *before = changed;
            }
            Err(error) => {
                tracing::error!("the policy before it stays in force: {error}");
                before.looked_at = text;
            }
        }
    }

    /// Remembers keys, for what happens while nobody calls.
    pub fn remember(&self, keys: impl IntoIterator<Item = StoredKey>) {
        let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(keys.into_iter().map(|key| (key.id.clone(), key)));
    }

    /// The bearer of a key that was remembered.
    pub fn bearer_of(&self, id: &str) -> Option<Bearer> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id).map(|key| self.bearer(key))
    }

    /// The owner of a key that was remembered.
    pub fn owner_of(&self, id: &str) -> Option<String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id).map(|key| key.owner.clone())
    }

    /// Whether there is a policy.
    pub fn has_policy(&self) -> bool {
        self.file.is_some()
    }

    /// Whoever comes with a key.
    pub fn bearer(&self, key: &StoredKey) -> Bearer {
        let principal = principal(&key.owner);
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = match policy.as_ref() {
            Some(policy) => Arc::clone(&policy.snapshot),
            None => Arc::new(unlimited(&principal)),
        };
        let limit = Limit {
            scopes: Some(scopes(&key.scopes)),
            resources: None,
        };
        Bearer {
            identity: Identity {
                principal,
                means: Means::Key,
                limit,
            },
            snapshot,
        }
    }

    /// The state of things by the policy, where there is one.
    pub(super) fn by_policy(&self) -> Option<Arc<Snapshot>> {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        policy.as_ref().map(|policy| Arc::clone(&policy.snapshot))
    }

    /// The audit log, where one is kept.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.audit.as_ref()
    }
}

/// Somebody with a key, and the state of things when they came.
#[derive(Debug, Clone)]
pub struct Bearer {
    identity: Identity,
    snapshot: Arc<Snapshot>,
}

impl Bearer {
    /// Somebody, and the state of things.
    pub(super) fn new(identity: Identity, snapshot: Arc<Snapshot>) -> Self {
        Self { identity, snapshot }
    }

    /// What is asked, as the evaluation takes it.
    pub fn request<'a>(&self, operation: &'a str, resources: &'a [Resource], now: Timestamp) -> Request<'a> {
        Request {
            credential: Credential::Good(self.identity.clone()),
            operation,
            resources,
            context: Context::None,
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

    /// Whether anything is known of whoever comes with the key.
    pub fn is_known(&self) -> bool {
        match &self.identity.principal {
            Principal::Addon(key) => self.snapshot.addons.contains_key(key),
            Principal::Person(id) => self
                .snapshot
                .people
                .get(id)
                .is_some_and(|person| !person.is_suspended),
            Principal::Anonymous => false,
        }
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
}

fn scopes(texts: &[String]) -> ScopeSet {
    texts.iter().filter_map(|text| Scope::parse(text).ok()).collect()
}

/// Owners are written as principals; one with another name is somebody whom no policy mentions.
fn principal(owner: &str) -> Principal {
    let unnamed = || {
        let addon = AddonKey::parse(UNNAMED).map(Principal::Addon);
        addon.unwrap_or(Principal::Anonymous)
    };
    match Principal::parse(owner) {
        Ok(Principal::Anonymous) | Err(_) => unnamed(),
        Ok(known) => known,
    }
}

/// Never too old: it is in memory, and what replaces it is there at once.
pub(super) const ALWAYS: Timestamp = Timestamp::from_micros(i64::MAX);

/// Rights without a policy: the scopes of the key are the only limit.
fn unlimited(principal: &Principal) -> Snapshot {
    let mut snapshot = Snapshot::empty(ALWAYS);
    let everything = Arc::new(Grant::new(Selector::Everything, Right::Allow(Level::Admin)));
    match principal {
        Principal::Addon(key) => {
            let mut addon = Addon::new(AddonKind::Machine, AddonState::Active);
            addon.approved = ScopeSet::all();
            addon.grants = vec![everything];
            snapshot.addons.insert(key.clone(), addon);
        }
        Principal::Person(id) => {
            snapshot.people.insert(id.clone(), administrator());
        }
        Principal::Anonymous => {}
    }
    snapshot
}

/// A person who may do everything.
fn administrator() -> Person {
    let mut person = Person::new(Role::Admin);
    person.permissions = vec![Permission {
        selector: Selector::Everything,
        level: Level::Admin,
        read_at: ALWAYS,
    }];
    person
}

fn in_force(path: &Path, text: Vec<u8>, version: u64, now: Timestamp) -> Result<InForce, RightsError> {
    let name: Arc<str> = Arc::from(path.display().to_string());
    let parsed = parse(&name, &text);
    let mut problems = parsed.diagnostics;
    let policy: Option<Policy> = parsed.policy;
    let outcomes = policy
        .as_ref()
        .map(|policy| run_tests(&policy.tests, &policy.alone(now), now))
        .unwrap_or_default();
    problems.extend(outcomes.iter().flat_map(Outcome::problems));
    problems.retain(|problem| problem.severity == Severity::Error);
    match policy {
        Some(policy) if problems.is_empty() => Ok(InForce {
            snapshot: Arc::new(Snapshot {
                version,
                ..with_baseline(policy.alone(ALWAYS))
            }),
            looked_at: text,
        }),
        _ => Err(RightsError::Policy {
            path: path.to_path_buf(),
            problems,
        }),
    }
}

/// Every add-on may look at the workspace, which it needs to register (security model 12.1).
fn with_baseline(mut snapshot: Snapshot) -> Snapshot {
    let baseline = Arc::new(Grant::new(
        Selector::One(Resource::Workspace),
        Right::Allow(Level::Read),
    ));
    for addon in snapshot.addons.values_mut() {
        addon.grants.push(Arc::clone(&baseline));
    }
    snapshot
}
