//! What a key may do: its own limits, and what is known of its owner (security model 12).
//!
//! What is known is what administrators decided and the hub remembers ([`Held`]), or a policy in a file, which then is the
//! only source: it is read again when it changes, and one that cannot be used, or breaks its own tests, changes nothing.
//! Whoever is not mentioned may do nothing.

mod forges;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use thiserror::Error;

use super::super::asked;
use super::audit::{AuditError, AuditLog};
use super::bearer::Bearer;
use super::beside::Beside;
use super::by_file;
use super::guesses::Guesses;
use super::held::Held;
use super::noted::{Noted, of_key};
use super::often::Often;
use super::person::Seen;
use crate::access::audit::Details;
use crate::access::scope::Scope;
use crate::access::{
    AddonKey, Context, Identity, Limit, Means, PersonId, Principal, SNAPSHOT_COUNTS, ScopeSet, Selector,
    Snapshot,
};
use crate::model::{Diagnostic, Timestamp};
use crate::ports::hub::{HubStore, HubStoreError, StoredKey};
use crate::ports::people::StoredPerson;
use crate::ports::told_forges::ToldForges;

/// How long what was read is taken to be in force before the memory is asked again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long it takes at most from when somebody begins to make a key, which is when it says it was made, until all that was agreed to with
/// it is kept.
const MAKING: Duration = Duration::from_secs(10);

/// Of so many reads that were allowed one is in the audit log.
const SAMPLED: u64 = 1_000;

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

/// Where rights come from.
#[derive(Debug)]
enum Source {
    /// A policy in a file, and nothing else.
    File(PathBuf),
    /// What administrators decided, as the hub remembers it.
    Memory,
}

/// What is in force.
#[derive(Debug)]
struct InForce {
    snapshot: Arc<Snapshot>,
    /// What is kept, where that is the source.
    held: Arc<Held>,
    /// The text that was looked at last, where a file is the source.
    looked_at: Vec<u8>,
    /// When the memory last said that nothing has changed.
    checked: Timestamp,
}

impl InForce {
    fn of(snapshot: Snapshot, looked_at: Vec<u8>) -> Self {
        Self {
            snapshot: Arc::new(snapshot),
            held: Arc::default(),
            looked_at,
            checked: Timestamp::from_micros(0),
        }
    }
}

/// The rights of all keys of a hub.
#[derive(Debug)]
pub struct Rights {
    source: Source,
    in_force: RwLock<InForce>,
    /// Forges that webhooks have told of.
    forges: RwLock<ToldForges>,
    /// Keys by their public part, for what happens while nobody calls.
    keys: RwLock<HashMap<String, StoredKey>>,
    /// Held while keys change.
    changing_keys: tokio::sync::Mutex<()>,
    people: Mutex<Seen>,
    /// Held while people change, or are looked at.
    changing_people: tokio::sync::Mutex<()>,
    /// What was done at the console lately.
    beside: Beside,
    audit: Option<AuditLog>,
    guesses: Guesses,
    often: Often,
    /// Reads that were allowed.
    reads: AtomicU64,
}

impl Rights {
    /// By a policy in a file, if one is named, and by what the hub remembers otherwise; with an audit log in another file.
    ///
    /// # Errors
    /// The policy cannot be used, or the log not be written.
    pub fn open(policy: Option<&Path>, audit: Option<&Path>, now: Timestamp) -> Result<Self, RightsError> {
        let (source, in_force) = match policy {
            Some(path) => {
                let text = std::fs::read(path).map_err(|source| RightsError::Read {
                    path: path.to_path_buf(),
                    source,
                })?;
                (Source::File(path.to_path_buf()), of_file(path, text, 1, now)?)
            }
            // Until the memory was read, nobody may do anything.
            None => (Source::Memory, InForce::of(Snapshot::empty(now), Vec::new())),
        };
        Ok(Self {
            source,
            in_force: RwLock::new(in_force),
            forges: RwLock::default(),
            keys: RwLock::default(),
            changing_keys: tokio::sync::Mutex::default(),
            people: Mutex::default(),
            changing_people: tokio::sync::Mutex::default(),
            beside: Beside::default(),
            audit: audit.map(AuditLog::open).transpose()?,
            guesses: Guesses::default(),
            often: Often::default(),
            reads: AtomicU64::new(0),
        })
    }

    /// Looks whether something has changed, and puts it in force.
    ///
    /// # Errors
    /// The memory does not answer; what was in force stays, and after five seconds decides over no change.
    pub async fn refresh(&self, store: &dyn HubStore, now: Timestamp) -> Result<(), HubStoreError> {
        self.hear_of_forges(store).await?;
        match &self.source {
            Source::Memory => self.refresh_from_memory(store, now).await,
            Source::File(path) => {
                match std::fs::read(path) {
                    Ok(text) => self.replace(path, text, now),
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::error!(error, policy = %path.display(), "the policy cannot be read; it stays in force");
                    }
                }
                Ok(())
            }
        }
    }

    async fn refresh_from_memory(&self, store: &dyn HubStore, now: Timestamp) -> Result<(), HubStoreError> {
        let version = store.rights_version().await?;
        if version == self.held().version {
            self.write().checked = now;
            return Ok(());
        }
        match Held::try_from(store.rights().await?) {
            Ok(held) => {
                self.hear_console(store, now).await?;
                let mut in_force = self.write();
                // Who read earlier than somebody else may come later.
                if held.version >= in_force.held.version {
                    let is_start = in_force.checked == Timestamp::from_micros(0);
                    self.write_down((&*in_force.held, is_start), &held, now);
                    let mut snapshot = held.snapshot(ALWAYS);
                    snapshot.only_forge = self.only_forge();
                    in_force.snapshot = Arc::new(snapshot);
                    in_force.held = Arc::new(held);
                    in_force.checked = now;
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    error,
                    "what is kept of rights makes no sense; what was in force stays"
                );
            }
        }
        Ok(())
    }

    /// Writes down what has happened, with the request that led to it where there is one.
    pub(in super::super) fn note(&self, noted: &Noted, now: Timestamp) {
        self.write_note(noted, asked::details(), now);
    }

    /// Writes down what was refused beside what was decided, with the request that it was refused to.
    pub(in super::super) fn note_refusal(&self, noted: &Noted, now: Timestamp) {
        if let Some(audit) = &self.audit {
            audit.note_refusal(noted, &self.as_of_now(asked::details()), now);
        }
    }

    /// The same of what somebody from outside may lead to as often as they like.
    pub(in super::super) fn note_seldom(&self, noted: Noted, now: Timestamp) {
        if let Some(audit) = &self.audit {
            audit.note_seldom(noted, &self.as_of_now(asked::details()), now);
        }
    }

    /// The same of what the request that is being answered has done, if it is somebody's, and of what others have done otherwise.
    pub(super) fn note_by(&self, noted: Noted, by: Option<&str>, now: Timestamp) {
        let details = by.map_or_else(Details::default, |_| asked::details());
        if by.is_some() || !self.is_beside(&noted, self.policy_version(), now) {
            self.write_note(&noted.by_whom(by), details, now);
        }
    }

    /// What was done at the console lately.
    pub(super) fn beside(&self) -> &Beside {
        &self.beside
    }

    /// Whether some of these keys were not known as they are.
    pub(in super::super) fn has_news(&self, keys: &[StoredKey]) -> bool {
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = |key: &StoredKey| {
            known
                .get(&key.id)
                .is_some_and(|known| known.revoked == key.revoked)
        };
        !keys.iter().all(is_known)
    }

    /// The people that were looked at last.
    pub(super) fn people(&self) -> MutexGuard<'_, Seen> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_note(&self, noted: &Noted, details: Details, now: Timestamp) {
        if let Some(audit) = &self.audit {
            audit.note(noted, &self.as_of_now(details), now);
        }
    }

    fn as_of_now(&self, details: Details) -> Details {
        Details {
            policy_version: self.policy_version(),
            ..details
        }
    }

    /// The state of approvals, grants, people and trust.
    pub(super) fn policy_version(&self) -> u64 {
        self.read().snapshot.version
    }

    /// Whether it is time to look for changes before whoever has this key is judged: it has been a while, or the key is newer than
    /// the last look, and something was agreed to with it.
    pub fn is_due(&self, key: &StoredKey, now: Timestamp) -> bool {
        match &self.source {
            Source::File(_) => false,
            Source::Memory => {
                let checked = self.read().checked;
                let is_new = key.created.plus(MAKING) >= checked || self.owner_of(&key.id).is_none();
                is_new || now.since(checked) >= LOOK_AGAIN
            }
        }
    }

    /// Puts a text in force, unless it was looked at before.
    fn replace(&self, path: &Path, text: Vec<u8>, now: Timestamp) {
        let mut before = self.write();
        if before.looked_at == text {
            return;
        }
        match of_file(path, text.clone(), before.snapshot.version + 1, now) {
            Ok(mut changed) => {
                Arc::make_mut(&mut changed.snapshot).only_forge = self.only_forge();
                tracing::info!(policy = %path.display(), "a changed policy is in force");
                self.warn_of_places(&changed.looked_at);
                *before = changed;
            }
            Err(error) => {
                tracing::error!("the policy before it stays in force: {error}");
                before.looked_at = text;
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, InForce> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, InForce> {
        self.in_force.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the keys that there are when the hub starts, for what happens while nobody calls.
    pub fn remember(&self, keys: impl IntoIterator<Item = StoredKey>) {
        let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(keys.into_iter().map(|key| (key.id.clone(), key)));
    }

    /// Waits for whoever changes keys. To be held from before a change of the memory until it is learnt, so that nobody who only
    /// looks takes it for nobody's.
    pub(in super::super) async fn changing_keys(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing_keys.lock().await
    }

    /// Waits for whoever changes people, or looks at them, as [`Self::changing_keys`].
    pub(super) async fn changing_people(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing_people.lock().await
    }

    /// Remembers keys as they are now, and writes down which have come and which were revoked since: by the request that is being
    /// answered where it says whose it is, and otherwise by somebody whom nothing names.
    pub(in super::super) fn learn(
        &self,
        keys: impl IntoIterator<Item = StoredKey>,
        by: Option<&str>,
        now: Timestamp,
    ) {
        for key in keys {
            let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            let before = known.get(&key.id);
            // Whoever looked earlier may come later: a key that was revoked stays that.
            if before.is_some_and(|before| before.revoked.is_some() && key.revoked.is_none()) {
                continue;
            }
            let changed = of_key(before, &key);
            known.insert(key.id.clone(), key);
            drop(known);
            if let Some(noted) = changed {
                self.note_by(noted, by, now);
            }
        }
    }

    /// The bearer of a key that was remembered.
    pub fn bearer_of(&self, id: &str, now: Timestamp) -> Option<Bearer> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id).map(|key| self.bearer(key, now))
    }

    /// Whether a key that was remembered is good now.
    pub fn is_good(&self, id: &str, now: Timestamp) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id)
            .is_some_and(|key| key.revoked.is_none() && key.expires > now)
    }

    /// The owner of a key that was remembered.
    pub fn owner_of(&self, id: &str) -> Option<String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id).map(|key| key.owner.clone())
    }

    /// The file that governs this hub: while there is one, nothing else changes who may do what.
    pub fn governing_file(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Memory => None,
        }
    }

    /// Until when events are held for the owner of a key that was remembered, who is switched off.
    pub fn held_until(&self, key: &str) -> Option<Timestamp> {
        self.held_for(&principal(&self.owner_of(key)?))
    }

    fn held_for(&self, principal: &Principal) -> Option<Timestamp> {
        let Principal::Addon(addon) = principal else {
            return None;
        };
        self.held().addons.get(addon)?.held_until
    }

    /// Whoever hears of something, as what is held for them while they are switched off is chosen: they hear of it when they are
    /// switched on again in time, and what they may see then counts (security model 14.7).
    pub(in super::super) fn for_whom_is_held(&self, bearer: Bearer, now: Timestamp) -> Bearer {
        match self.held_for(bearer.principal()).is_some_and(|until| now < until) {
            true => bearer.when_switched_on(),
            false => bearer,
        }
    }

    /// What is kept, as last read; nothing where a file governs.
    pub fn held(&self) -> Arc<Held> {
        Arc::clone(&self.read().held)
    }

    /// The state of things at a moment, as far as it is known.
    pub fn snapshot(&self, now: Timestamp) -> Arc<Snapshot> {
        let in_force = self.read();
        let is_old = match &self.source {
            Source::File(_) => false,
            Source::Memory => now.since(in_force.checked) > SNAPSHOT_COUNTS,
        };
        match is_old {
            false => Arc::clone(&in_force.snapshot),
            true => Arc::new(Snapshot {
                taken_at: in_force.checked,
                ..(*in_force.snapshot).clone()
            }),
        }
    }

    /// Which agreement to its scopes an add-on has, counted from the first; none where nobody agreed, or a file governs.
    pub(super) fn approved_scopes_version(&self, principal: &Principal) -> Option<u64> {
        let Principal::Addon(key) = principal else {
            return None;
        };
        let held = self.held();
        let approval = held.addons.get(key)?.registration.approval.as_ref()?;
        Some(approval.version)
    }

    /// Whoever comes with a key. What is known of a person, and what a member may do, is told in [`Self::of_person`].
    pub fn bearer(&self, key: &StoredKey, now: Timestamp) -> Bearer {
        let principal = principal(&key.owner);
        let snapshot = match (&self.source, &principal) {
            (Source::Memory, Principal::Person(id)) => self.unseen(id, true).shared_snapshot(),
            (Source::File(_), _) | (Source::Memory, Principal::Addon(_) | Principal::Anonymous) => {
                self.snapshot(now)
            }
        };
        let selectors = key.repositories.iter().map(|text| Selector::parse(text).ok());
        let limit = Limit {
            scopes: Some(scopes(&key.scopes)),
            resources: None,
            repositories: (!key.repositories.is_empty()).then(|| selectors.flatten().collect()),
        };
        let identity = Identity {
            principal,
            means: Means::Key,
            limit,
        };
        Bearer::new(identity, snapshot)
    }

    /// The state of things for somebody who acts in a context: with the person, who is `stored` if they ever signed in, and
    /// otherwise a member who has a key that is good. `asks_forge`: what they may do on repositories is asked for later.
    pub fn snapshot_for(
        &self,
        (context, asks_forge): (&Context, bool),
        stored: Option<&StoredPerson>,
        now: Timestamp,
    ) -> Arc<Snapshot> {
        let snapshot = self.snapshot(now);
        let people = match (&self.source, context, stored) {
            (_, Context::Proven { .. }, Some(stored)) => {
                self.signed_in(stored, now, asks_forge).snapshot().people.clone()
            }
            (Source::Memory, Context::Proven { person, .. }, None)
                if !asks_forge && self.has_key(person, now) =>
            {
                self.unseen(person, asks_forge).snapshot().people.clone()
            }
            (
                Source::Memory | Source::File(_),
                Context::None | Context::Named(_) | Context::Unproven | Context::Proven { .. },
                _,
            ) => return snapshot,
        };
        let mut with = (*snapshot).clone();
        with.people.extend(people);
        Arc::new(with)
    }

    /// Whether somebody has a key that is good.
    fn has_key(&self, id: &PersonId, now: Timestamp) -> bool {
        let owner = Principal::Person(id.clone()).to_string();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut own = keys.values().filter(|key| key.owner == owner);
        own.any(|key| key.revoked.is_none() && key.expires > now)
    }

    /// An add-on as it is when nobody calls: with no limit but its own.
    pub fn bearer_of_addon(&self, key: &AddonKey, now: Timestamp) -> Bearer {
        let identity = Identity {
            principal: Principal::Addon(key.clone()),
            means: Means::Token,
            limit: Limit::default(),
        };
        Bearer::new(identity, self.snapshot(now))
    }

    /// The state of things by the policy in a file, where there is one.
    pub(super) fn by_policy(&self) -> Option<Arc<Snapshot>> {
        self.governing_file().map(|_| Arc::clone(&self.read().snapshot))
    }

    /// Counts a read that was allowed; whether it is one of those that are written down.
    pub(in super::super) fn is_sample(&self) -> bool {
        (self.reads.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(SAMPLED)
    }

    /// How often credentials ask.
    pub(super) fn often(&self) -> &Often {
        &self.often
    }

    /// Guesses at keys.
    pub(super) fn guesses(&self) -> &Guesses {
        &self.guesses
    }

    /// The audit log, where one is kept.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.audit.as_ref()
    }
}

pub(in super::super) fn scopes(texts: &[String]) -> ScopeSet {
    texts.iter().filter_map(|text| Scope::parse(text).ok()).collect()
}

/// Owners are written as principals; one with another name is somebody whom no policy mentions.
pub(super) fn principal(owner: &str) -> Principal {
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

fn of_file(path: &Path, text: Vec<u8>, version: u64, now: Timestamp) -> Result<InForce, RightsError> {
    let snapshot = by_file::snapshot((path, &text), version, now)?;
    Ok(InForce::of(snapshot, text))
}
