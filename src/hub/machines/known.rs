//! Which machines there are, which of each name is served, and what each wants to hear of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, json};
use thiserror::Error;

use super::places::Places;
use super::types::{Types, announced, keep_what_others_hear, types_after};
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
    filters: Option<Vec<Filter>>,
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
    is_new: bool,
}

impl Machine {
    /// The same with what it wants to hear of, as these types have it.
    fn standing_in(&self, schema: &Schema) -> Self {
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

/// A workspace as its machines make it.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Its types: those that every workspace has, and those that machines announced.
    pub schema: Option<Arc<Schema>>,
    /// The machines that are served, by name.
    pub served: BTreeMap<String, Arc<Machine>>,
    /// Who listens to changes of each type.
    listeners: HashMap<String, Listeners>,
}

/// Who listens to changes of a type.
#[derive(Debug, Default)]
struct Listeners {
    /// Machine and number of the subscription.
    all: Vec<(Arc<Machine>, usize)>,
    /// Where in `all` those are that may want to hear of a node.
    places: Places,
}

impl Listeners {
    fn add(&mut self, machine: &Arc<Machine>, number: usize) {
        let filters = machine.standing[number].filters.as_deref();
        self.places.add(self.all.len(), filters.unwrap_or_default());
        self.all.push((Arc::clone(machine), number));
    }
}

impl Workspace {
    /// Who may want to hear of a change of a node: machine and number of the subscription.
    pub fn listeners(&self, node: &Node) -> Vec<&(Arc<Machine>, usize)> {
        let Some(listeners) = self.listeners.get(&node.kind) else {
            return Vec::new();
        };
        let places = listeners.places.of(node).into_iter();
        places.map(|place| &listeners.all[place]).collect()
    }
}

/// All machines at one moment.
#[derive(Debug, Default)]
pub struct AllMachines {
    /// All registrations, those that are shadowed included, lowest position first.
    pub all: Vec<Arc<Machine>>,
    /// Where each is in `all`, by the id of its registration.
    places: HashMap<String, usize>,
    workspaces: HashMap<String, Arc<Workspace>>,
}

impl AllMachines {
    /// A workspace; one without machines when nobody has registered.
    pub fn workspace(&self, id: &str) -> Arc<Workspace> {
        self.workspaces.get(id).cloned().unwrap_or_default()
    }

    /// Ids of the workspaces that have machines.
    pub fn workspace_ids(&self) -> impl Iterator<Item = &str> {
        self.workspaces.keys().map(String::as_str)
    }

    /// A machine by the id of its registration.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Machine>> {
        self.places.get(id).and_then(|place| self.all.get(*place))
    }

    /// The registration of the same name that is served; itself, if it is.
    pub fn served_instead_of(&self, id: &str) -> Option<&Arc<Machine>> {
        let stored = &self.by_id(id)?.stored;
        self.workspaces.get(&stored.workspace)?.served.get(&stored.name)
    }

    /// Whether a registration is the one of its name that is served.
    pub fn is_served(&self, id: &str) -> bool {
        self.served_instead_of(id)
            .is_some_and(|served| served.stored.id == id)
    }

    /// The same machines after some have changed, of which only those in `left` are still there if it is given.
    fn after(
        &self,
        builtin: &Arc<Schema>,
        changed: Vec<StoredRegistration>,
        left: Option<&HashSet<String>>,
    ) -> Self {
        let new: Vec<(StoredRegistration, Registration)> = changed.into_iter().filter_map(read).collect();
        let replaced: HashSet<&str> = new.iter().map(|(stored, _)| stored.id.as_str()).collect();
        let mut touched: BTreeSet<String> = new.iter().map(|(stored, _)| stored.workspace.clone()).collect();
        let mut all = Vec::with_capacity(self.all.len() + new.len());
        for machine in &self.all {
            let id = machine.stored.id.as_str();
            let is_left = left.is_none_or(|left| left.contains(id));
            match is_left && !replaced.contains(id) {
                true => all.push(Arc::clone(machine)),
                false => drop(touched.insert(machine.stored.workspace.clone())),
            }
        }
        // Their subscriptions are read when the types of their workspace are known.
        all.extend(new.into_iter().map(|(stored, registration)| {
            Arc::new(Machine {
                stored,
                registration,
                standing: Vec::new(),
                is_new: true,
            })
        }));
        all.sort_by_key(|machine| machine.stored.position);
        let mut workspaces = self.workspaces.clone();
        for id in touched {
            let known = workspaces.get(&id).and_then(|workspace| workspace.schema.clone());
            match arranged(
                &id,
                &mut all,
                known.unwrap_or_else(|| Arc::clone(builtin)),
                builtin,
            ) {
                Some(workspace) => workspaces.insert(id, Arc::new(workspace)),
                None => workspaces.remove(&id),
            };
        }
        let places = all.iter().enumerate();
        let places = places
            .map(|(place, machine)| (machine.stored.id.clone(), place))
            .collect();
        Self {
            all,
            places,
            workspaces,
        }
    }
}

/// A registration as it is kept, without its text, which nobody needs any more.
fn read(mut stored: StoredRegistration) -> Option<(StoredRegistration, Registration)> {
    let registration = serde_json::from_str(&std::mem::take(&mut stored.body)).ok()?;
    Some((stored, registration))
}

/// A workspace of those of these machines that are in it; `None` when none is. Their subscriptions are read where they are
/// new, or the types of the workspace are others than before.
fn arranged(
    id: &str,
    all: &mut [Arc<Machine>],
    before: Arc<Schema>,
    builtin: &Arc<Schema>,
) -> Option<Workspace> {
    let mut own: Vec<&mut Arc<Machine>> = all
        .iter_mut()
        .filter(|machine| machine.stored.workspace == id)
        .collect();
    if own.is_empty() {
        return None;
    }
    let types = Types::of(builtin, own.iter().map(|machine| announced(machine)));
    let schema = Arc::clone(&types.schema);
    let is_as_before = Arc::ptr_eq(&schema, &before) || *schema == *before;
    if !is_as_before {
        types.tell_disputes();
    }
    for machine in &mut own {
        if machine.is_new || !is_as_before {
            **machine = Arc::new(machine.standing_in(&schema));
        }
    }
    let own = own.iter().map(|machine| &**machine);
    Some(workspace(own, if is_as_before { before } else { schema }))
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

/// A workspace of these machines, lowest position first.
fn workspace<'m>(machines: impl Iterator<Item = &'m Arc<Machine>>, schema: Arc<Schema>) -> Workspace {
    let mut served = BTreeMap::new();
    for machine in machines {
        // The last registration of a name wins, whatever its version (wire protocol 12).
        served.insert(machine.stored.name.clone(), Arc::clone(machine));
    }
    let mut listeners: HashMap<String, Listeners> = HashMap::new();
    for machine in served.values() {
        for (number, standing) in machine.standing.iter().enumerate() {
            let of_kind = listeners.entry(standing.root.name.clone()).or_default();
            of_kind.add(machine, number);
        }
    }
    Workspace {
        schema: Some(schema),
        served,
        listeners,
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
