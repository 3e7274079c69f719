//! Which machines there are, which of each name is served, and what each wants to hear of.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, json};
use thiserror::Error;

use super::all_machines::AllMachines;
use super::types::{keep_what_others_hear, types_after};
use crate::graph::answer::find_of;
use crate::graph::question::{Operation, QuestionError, Selection};
use crate::graph::schema::SchemaError;
use crate::graph::{Question, Schema};
use crate::ports::graph::{Filter, Node};
use crate::ports::hub::{HubStoreError, RegistrationChanges, Registrations, StoredRegistration};
use crate::wire::hub::{Registration, SecretDeclaration, Subscription};

/// A standing question, ready to be asked.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its operation, which is the handler's name.
    pub operation: String,
    /// Its only root field.
    pub root: Selection,
    /// Secrets that go with each answer.
    pub secrets: Vec<SecretDeclaration>,
    /// What a node must be like to be told of at all; `None` when its arguments make no sense, which is said at each node.
    pub(super) filters: Option<Vec<Filter>>,
}

impl Standing {
    /// Whether what it tells of is work: a goal that is to be carried out, or a task of a job (wire protocol 12).
    pub fn is_of_work(&self) -> bool {
        let requested = json!("requested");
        match self.root.name.as_str() {
            "SdmGoal" => self.states().all(|states| states.admits(Some(&requested))),
            "AtmJobTask" => true,
            _ => false,
        }
    }

    /// What it asks of states.
    fn states(&self) -> impl Iterator<Item = &Filter> {
        let filters = self.filters.iter().flatten();
        filters.filter(|filter| filter.field == "state")
    }

    /// Whether a node of its type may be told of, as far as the node itself shows.
    pub fn may_match(&self, node: &Node) -> bool {
        let filters = self.filters.iter().flatten();
        filters
            .into_iter()
            .all(|filter| filter.admits(node.body.get(&filter.field)))
    }
}

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
    /// What it wants to hear of has not been read yet.
    pub(super) is_new: bool,
}

impl Machine {
    /// The same with what it wants to hear of, as these types have it.
    pub(super) fn standing_in(&self, schema: &Schema) -> Self {
        let standing = standing(schema, &self.registration.events).unwrap_or_else(|error| {
            tracing::warn!(machine = %self.stored.name, "a subscription cannot be used any more: {error}");
            Vec::new()
        });
        Self {
            stored: self.stored.clone(),
            registration: self.registration.clone(),
            standing,
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

    /// What a registration would be here, in one of its workspaces.
    ///
    /// # Errors
    /// One of its subscriptions or types cannot be used, or not beside what others hear of.
    pub fn check(&self, workspace: &str, registration: &Registration) -> Result<(), Unservable> {
        let machines = self.machines();
        let here = machines.workspace(workspace);
        let before = here.schema.as_ref().unwrap_or(&self.builtin);
        match types_after(&machines, (&self.builtin, before), workspace, registration)? {
            Some(after) => {
                standing(&after, &registration.events)?;
                keep_what_others_hear(&here, registration, &after)
            }
            None => standing(before, &registration.events).map(drop),
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::new()
    }
}

/// Standing questions, as these types have them.
///
/// # Errors
/// One of them cannot be used.
pub(super) fn standing(schema: &Schema, subscriptions: &[Subscription]) -> Result<Vec<Standing>, Unservable> {
    let wrong = |number: usize, subscription: &Subscription, because: String| Unservable::Subscription {
        number: number + 1,
        start: subscription.subscription.chars().take(60).collect(),
        because,
    };
    let one = |(number, subscription): (usize, &Subscription)| {
        let refuse = |because: String| wrong(number, subscription, because);
        let question = Question::read(schema, &subscription.subscription, None, &Map::new())
            .map_err(|error: QuestionError| refuse(error.to_string()))?;
        if question.operation != Operation::Subscription {
            return Err(refuse("it is no subscription".to_owned()));
        }
        let operation = question
            .name
            .ok_or_else(|| refuse("its operation has no name".to_owned()))?;
        match <[Selection; 1]>::try_from(question.roots) {
            Ok([root]) => Ok(Standing {
                operation,
                secrets: subscription.secrets.clone(),
                filters: schema
                    .root(&root.name)
                    .and_then(|kind| Some(find_of(kind, &root).ok()?.filters)),
                root,
            }),
            Err(roots) => Err(refuse(format!(
                "it has {} root fields and must have one",
                roots.len()
            ))),
        }
    };
    subscriptions.iter().enumerate().map(one).collect()
}
