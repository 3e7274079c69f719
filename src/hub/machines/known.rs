//! Which machines there are, which of each name is served, and what each wants to hear of.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Map;
use thiserror::Error;

use crate::graph::question::{Operation, QuestionError, Selection};
use crate::graph::schema::SchemaError;
use crate::graph::{Question, Schema};
use crate::ports::hub::{HubStoreError, Registrations, StoredRegistration};
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
}

/// A machine in one workspace.
#[derive(Debug)]
pub struct Machine {
    /// Its registration as it is kept.
    pub stored: StoredRegistration,
    /// What it announced.
    pub registration: Registration,
    /// What it wants to hear of.
    pub standing: Vec<Standing>,
}

/// A workspace as its machines make it.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Its types: those that every workspace has, and those that machines announced.
    pub schema: Option<Arc<Schema>>,
    /// The machines that are served, by name.
    pub served: BTreeMap<String, Arc<Machine>>,
    /// Who listens to changes of a type: machine and number of the subscription.
    listeners: HashMap<String, Vec<(Arc<Machine>, usize)>>,
}

impl Workspace {
    /// Who listens to changes of a type.
    pub fn listeners(&self, kind: &str) -> &[(Arc<Machine>, usize)] {
        self.listeners.get(kind).map_or(&[], Vec::as_slice)
    }
}

/// All machines at one moment.
#[derive(Debug, Default)]
pub struct AllMachines {
    /// All registrations, those that are shadowed included, lowest position first.
    pub all: Vec<Arc<Machine>>,
    workspaces: HashMap<String, Arc<Workspace>>,
}

impl AllMachines {
    /// A workspace; one without machines when nobody has registered.
    pub fn workspace(&self, id: &str) -> Arc<Workspace> {
        self.workspaces.get(id).cloned().unwrap_or_default()
    }

    /// Whether a registration is the one of its name that is served.
    pub fn is_served(&self, id: &str) -> bool {
        self.all
            .iter()
            .find(|machine| machine.stored.id == id)
            .is_some_and(|machine| {
                let workspace = self.workspace(&machine.stored.workspace);
                let served = workspace.served.get(&machine.stored.name);
                served.is_some_and(|served| served.stored.id == id)
            })
    }
}

/// What is known of machines, read anew when it has changed.
#[derive(Debug)]
pub struct Known {
    builtin: Arc<Schema>,
    now: RwLock<(i64, Arc<AllMachines>)>,
}

impl Known {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            builtin: Arc::new(Schema::builtin()),
            now: RwLock::new((-1, Arc::default())),
        }
    }

    /// The machines as last read.
    pub fn machines(&self) -> Arc<AllMachines> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// The types of a workspace.
    pub fn schema(&self, workspace: &str) -> Arc<Schema> {
        let found = self.machines().workspace(workspace);
        found.schema.clone().unwrap_or_else(|| Arc::clone(&self.builtin))
    }

    /// Reads them again if somebody has changed them; whether they have changed.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn refresh(&self, store: &dyn Registrations) -> Result<bool, HubStoreError> {
        let changed = store.registrations_changed().await?;
        if changed == self.now.read().unwrap_or_else(PoisonError::into_inner).0 {
            return Ok(false);
        }
        let machines = self.arrange(store.registrations().await?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = (changed, Arc::new(machines));
        Ok(true)
    }

    /// What a registration would be here, in one of its workspaces.
    ///
    /// # Errors
    /// One of its subscriptions or types cannot be used.
    pub fn check(&self, workspace: &str, registration: &Registration) -> Result<(), Unservable> {
        let schema = self.schema(workspace);
        let schema = with_types(&schema, &registration.ingesters)?;
        standing(&schema, &registration.events).map(|_| ())
    }

    fn arrange(&self, stored: Vec<StoredRegistration>) -> AllMachines {
        let mut schemas: HashMap<String, Schema> = HashMap::new();
        let read: Vec<(StoredRegistration, Registration)> = stored
            .into_iter()
            .filter_map(|stored| Some((serde_json::from_str(&stored.body).ok()?, stored)))
            .map(|(registration, stored)| (stored, registration))
            .collect();
        for (stored, registration) in &read {
            let schema = schemas
                .entry(stored.workspace.clone())
                .or_insert_with(|| (*self.builtin).clone());
            match with_types(schema, &registration.ingesters) {
                Ok(extended) => *schema = extended,
                Err(error) => tracing::warn!(machine = %stored.name, "a custom type cannot be used: {error}"),
            }
        }
        let mut machines = AllMachines::default();
        for (stored, registration) in read {
            let schema = schemas.get(&stored.workspace).unwrap_or(&self.builtin);
            let standing = standing(schema, &registration.events).unwrap_or_else(|error| {
                tracing::warn!(machine = %stored.name, "a subscription cannot be used any more: {error}");
                Vec::new()
            });
            machines.all.push(Arc::new(Machine {
                stored,
                registration,
                standing,
            }));
        }
        for (id, schema) in schemas {
            let own = machines
                .all
                .iter()
                .filter(|machine| machine.stored.workspace == id);
            machines
                .workspaces
                .insert(id.clone(), Arc::new(workspace(own, schema)));
        }
        machines
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::new()
    }
}

/// A workspace of these machines, lowest position first.
fn workspace<'m>(machines: impl Iterator<Item = &'m Arc<Machine>>, schema: Schema) -> Workspace {
    let mut served = BTreeMap::new();
    for machine in machines {
        // The last registration of a name wins, whatever its version (wire protocol 12).
        served.insert(machine.stored.name.clone(), Arc::clone(machine));
    }
    let mut listeners: HashMap<String, Vec<(Arc<Machine>, usize)>> = HashMap::new();
    for machine in served.values() {
        for (number, standing) in machine.standing.iter().enumerate() {
            let of_kind = listeners.entry(standing.root.name.clone()).or_default();
            of_kind.push((Arc::clone(machine), number));
        }
    }
    Workspace {
        schema: Some(Arc::new(schema)),
        served,
        listeners,
    }
}

/// The types with those of an announcement that are not there yet.
fn with_types(schema: &Schema, definitions: &[String]) -> Result<Schema, Unservable> {
    let mut schema = schema.clone();
    for (number, definition) in definitions.iter().enumerate() {
        match schema.with_custom(definition) {
            Ok(extended) => schema = extended,
            // One announcement per type and workspace; the same again changes nothing.
            Err(SchemaError::Taken(name))
                if schema.type_named(&name).is_some_and(|known| known.is_custom) => {}
            Err(because) => {
                return Err(Unservable::Type {
                    number: number + 1,
                    because,
                });
            }
        }
    }
    Ok(schema)
}

fn standing(schema: &Schema, subscriptions: &[Subscription]) -> Result<Vec<Standing>, Unservable> {
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
                root,
                secrets: subscription.secrets.clone(),
            }),
            Err(roots) => Err(refuse(format!(
                "it has {} root fields and must have one",
                roots.len()
            ))),
        }
    };
    subscriptions.iter().enumerate().map(one).collect()
}
