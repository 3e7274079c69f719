//! Which machines there are, which of each name is served, and what each wants to hear of.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use thiserror::Error;

use super::all_machines::AllMachines;
use super::standing::{Readable, Standing};
use super::types::{keep_what_others_hear, types_after};
use crate::graph::Schema;
use crate::graph::schema::SchemaError;
use crate::ports::hub::{HubStoreError, RegistrationChanges, Registrations, StoredRegistration};
use crate::wire::hub::Registration;

/// Why a registration cannot be served.
#[derive(Debug, Error)]
pub enum Unservable {
    /// A subscription.
    #[error("subscription {number} ({start}…): {because}")]
    Subscription {
        /// Which, from 1.
        number: usize,
        /// How it begins.
        start: String,
        /// What is wrong.
        because: String,
    },
    /// A custom type.
    #[error("custom type {number}: {because}")]
    Type {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        because: SchemaError,
    },
    /// A custom type that another machine needs otherwise, for as long as it does.
    #[error("another machine hears of a custom type as it is defined now: {because}")]
    Heard {
        /// What that machine would miss.
        because: String,
    },
}

/// A machine in one workspace.
#[derive(Debug)]
pub struct Machine {
    /// Its registration as it is kept, without its text.
    pub stored: StoredRegistration,
    /// What it announced.
    pub registration: Registration,
    /// What it wants to hear of.
    pub standing: Vec<Standing>,
    /// Why it does not hear of what else it wants to: what cannot be used of its subscriptions.
    pub unheard: Vec<String>,
    /// What it wants to hear of has not been read yet.
    pub(super) is_new: bool,
}

impl Machine {
    /// The same with what it wants to hear of, as these types have it.
    pub(super) fn standing_in(&self, schema: &Schema) -> Self {
        let readable = Readable::of(schema, &self.registration.events);
        for problem in &readable.unusable {
            tracing::warn!(machine = %self.stored.name, "a machine does not hear of something: {problem}");
        }
        Self {
            stored: self.stored.clone(),
            registration: self.registration.clone(),
            standing: readable.standing,
            unheard: readable.unusable.iter().map(ToString::to_string).collect(),
            is_new: false,
        }
    }
}

/// What is known of machines, read anew when it has changed.
#[derive(Debug)]
pub struct Known {
    builtin: Arc<Schema>,
    now: RwLock<(RegistrationChanges, Arc<AllMachines>)>,
    /// Whoever looks; those who wait for it find that nothing has changed since.
    turn: tokio::sync::Mutex<()>,
}

impl Known {
    /// Nothing yet.
    pub fn new() -> Self {
        let never = RegistrationChanges {
            changed: -1,
            gone: -1,
        };
        Self {
            builtin: Arc::new(Schema::builtin()),
            now: RwLock::new((never, Arc::default())),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn now(&self) -> (RegistrationChanges, Arc<AllMachines>) {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        (now.0, Arc::clone(&now.1))
    }

    /// The machines as last read.
    pub fn machines(&self) -> Arc<AllMachines> {
        self.now().1
    }

    /// The types of a workspace.
    pub fn schema(&self, workspace: &str) -> Arc<Schema> {
        let found = self.machines().workspace(workspace);
        found.schema.clone().unwrap_or_else(|| Arc::clone(&self.builtin))
    }

    /// Reads those that somebody has changed; whether there were any.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn refresh(&self, store: &dyn Registrations) -> Result<bool, HubStoreError> {
        let _turn = self.turn.lock().await;
        let changes = store.registrations_changed().await?;
        let (before, machines) = self.now();
        if changes == before {
            return Ok(false);
        }
        let changed = store.registrations_since(before.changed).await?;
        let left: Option<HashSet<String>> = match changes.gone == before.gone {
            true => None,
            false => Some(store.registration_ids().await?.into_iter().collect()),
        };
        let machines = machines.after(&self.builtin, changed, left.as_ref());
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = (changes, Arc::new(machines));
        Ok(true)
    }

    /// What a registration would be here, in one of its workspaces: what of its subscriptions cannot be used though the machine is
    /// served. Machines of the original are, because they end for good when they are refused, and may ask for what this hub does not
    /// know (wire protocol 2.2); all others are told to ask for what there is.
    ///
    /// # Errors
    /// One of its subscriptions or types cannot be used, or not beside what others hear of.
    pub fn check(&self, workspace: &str, registration: &Registration) -> Result<Vec<Unservable>, Unservable> {
        let machines = self.machines();
        let here = machines.workspace(workspace);
        let before = here.schema.as_ref().unwrap_or(&self.builtin);
        match types_after(&machines, (&self.builtin, before), workspace, registration)? {
            Some(after) => {
                let unusable = Readable::of(&after, &registration.events).unless_refused(registration)?;
                keep_what_others_hear(&here, registration, &after)?;
                Ok(unusable)
            }
            None => Readable::of(before, &registration.events).unless_refused(registration),
        }
    }
}

impl Known {
    /// Names of custom types that a registration announces, and that would be others in a workspace, or new, by that.
    ///
    /// # Errors
    /// One of its types cannot be used.
    pub(super) fn types_changed_by(
        &self,
        workspace: &str,
        registration: &Registration,
    ) -> Result<Vec<String>, Unservable> {
        let machines = self.machines();
        let here = machines.workspace(workspace);
        let before = here.schema.as_ref().unwrap_or(&self.builtin);
        let Some(after) = types_after(&machines, (&self.builtin, before), workspace, registration)? else {
            return Ok(Vec::new());
        };
        let announced = registration.ingesters.iter();
        let announced: HashSet<String> = announced.flat_map(|text| Schema::named_in(text)).collect();
        let changed = after
            .changed_since(before)
            .filter(|name| announced.contains(*name));
        Ok(changed.map(str::to_owned).collect())
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::new()
    }
}
