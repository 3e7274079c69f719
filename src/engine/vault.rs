//! Secret parameters while their errand or job lives, and what attempts were given until they end: in memory and nowhere else
//! (threat D8). A restart loses them, and what needed them says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use uuid::Uuid;

use crate::ports::AttemptRef;

type Secrets = BTreeMap<String, SecretString>;

/// Secrets by the errand or job they belong to. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Vault(Arc<Mutex<HashMap<Uuid, Secrets>>>);

impl Vault {
    fn all(&self) -> MutexGuard<'_, HashMap<Uuid, Secrets>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps secrets until they are dropped; nothing to keep is nothing kept.
    pub(super) fn keep(&self, owner: Uuid, secrets: Secrets) {
        if !secrets.is_empty() {
            self.all().insert(owner, secrets);
        }
    }

    /// Whether there are any.
    pub(super) fn has(&self, owner: Uuid) -> bool {
        self.all().contains_key(&owner)
    }

    /// Those of an owner.
    pub(super) fn of(&self, owner: Uuid) -> Secrets {
        self.all().get(&owner).cloned().unwrap_or_default()
    }

    /// Forgets those of an owner.
    pub(super) fn drop(&self, owner: Uuid) {
        self.all().remove(&owner);
    }

    /// Whose there are.
    pub(super) fn owners(&self) -> Vec<Uuid> {
        self.all().keys().copied().collect()
    }
}

/// Values that attempts were given. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Given(Arc<Mutex<HashMap<AttemptRef, Vec<SecretString>>>>);

impl Given {
    fn all(&self) -> MutexGuard<'_, HashMap<AttemptRef, Vec<SecretString>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps values until they are dropped.
    pub(super) fn keep(&self, attempt: &AttemptRef, values: &[SecretString]) {
        if !values.is_empty() {
            self.all().insert(attempt.clone(), values.to_vec());
        }
    }

    /// Those of an attempt.
    pub(super) fn of(&self, attempt: &AttemptRef) -> Vec<SecretString> {
        self.all().get(attempt).cloned().unwrap_or_default()
    }

    /// Forgets those of an attempt.
    pub(super) fn drop(&self, attempt: &AttemptRef) {
        self.all().remove(attempt);
    }
}
