//! Some machines, by everything that they are looked for by.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use super::known::Machine;
use super::places::Places;
use crate::ports::graph::Node;

/// Machines in the order of their positions. It does not change: whoever comes later is in another one, until both are made one.
#[derive(Debug, Default)]
pub(super) struct Roll {
    all: Vec<Arc<Machine>>,
    /// Where each is in `all`, by the id of its registration.
    places: HashMap<String, usize>,
    shares: HashMap<String, Share>,
    /// What they say that they need, once somebody has asked for it.
    said: OnceLock<HashMap<String, Vec<Needed>>>,
}

/// Those of a workspace.
#[derive(Debug, Default)]
struct Share {
    /// The last of each name.
    last: BTreeMap<String, Arc<Machine>>,
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
        self.places
            .add(self.all.len(), machine.standing[number].filters());
        self.all.push((Arc::clone(machine), number));
    }
}

/// What machines with one key say alike that they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Needed {
    /// The scopes; `None` where they say nothing of that.
    pub(in super::super) scopes: Option<Vec<String>>,
    /// Whether they have commands.
    pub(in super::super) has_commands: bool,
    /// One of those who say so, and another one where there are more.
    names: (String, Option<String>),
}

impl Needed {
    fn of(machine: &Machine) -> Self {
        Self {
            scopes: machine.registration.scopes.clone(),
            has_commands: !machine.registration.commands.is_empty(),
            names: (machine.stored.name.clone(), None),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.scopes == other.scopes && self.has_commands == other.has_commands
    }

    /// Whether somebody says so who is not called like this.
    pub(in super::super) fn is_of_another_than(&self, name: &str) -> bool {
        self.names.0 != name || self.names.1.is_some()
    }
}

/// Whether two registrations of a machine say the same of what it needs, with the same key.
pub(super) fn needs_the_same(one: &Machine, other: &Machine) -> bool {
    one.stored.principal == other.stored.principal && Needed::of(one).is_like(&Needed::of(other))
}

impl Roll {
    /// Of these, lowest position first.
    pub(super) fn of(all: Vec<Arc<Machine>>) -> Self {
        let mut shares: HashMap<String, Share> = HashMap::new();
        let mut places = HashMap::with_capacity(all.len());
        for (place, machine) in all.iter().enumerate() {
            places.insert(machine.stored.id.clone(), place);
            if !shares.contains_key(&machine.stored.workspace) {
                shares.insert(machine.stored.workspace.clone(), Share::default());
            }
            if let Some(share) = shares.get_mut(&machine.stored.workspace) {
                // The last registration of a name wins, whatever its version (wire protocol 12).
                share
                    .last
                    .insert(machine.stored.name.clone(), Arc::clone(machine));
            }
        }
        shares.values_mut().for_each(Share::listen);
        Self {
            all,
            places,
            shares,
            said: OnceLock::new(),
        }
    }

    /// All of them, lowest position first.
    pub(super) fn all(&self) -> &[Arc<Machine>] {
        &self.all
    }

    /// A machine by the id of its registration.
    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<Machine>> {
        self.places.get(id).and_then(|place| self.all.get(*place))
    }

    /// The last of a name in a workspace.
    pub(super) fn last(&self, workspace: &str, name: &str) -> Option<&Arc<Machine>> {
        self.shares.get(workspace)?.last.get(name)
    }

    /// The last of each name in a workspace, by name.
    pub(super) fn all_last(&self, workspace: &str) -> impl Iterator<Item = &Arc<Machine>> {
        let share = self.shares.get(workspace);
        share.into_iter().flat_map(|share| share.last.values())
    }

    /// Those last ones that may want to hear of a change of a node in a workspace: machine and number of the subscription.
    pub(super) fn listeners(
        &self,
        workspace: &str,
        node: &Node,
    ) -> impl Iterator<Item = &(Arc<Machine>, usize)> {
        let share = self.shares.get(workspace);
        let listeners = share.and_then(|share| share.listeners.get(&node.kind));
        let found = listeners.map(|listeners| (listeners, listeners.places.of(node)));
        found
            .into_iter()
            .flat_map(|(listeners, places)| places.into_iter().map(move |place| &listeners.all[place]))
    }

    /// What they say that they need, by the key that they registered with.
    pub(super) fn said(&self) -> &HashMap<String, Vec<Needed>> {
        self.said.get_or_init(|| {
            let mut said: HashMap<String, Vec<Needed>> = HashMap::new();
            for machine in &self.all {
                let of_key = said.entry(machine.stored.principal.clone()).or_default();
                let needed = Needed::of(machine);
                let Some(known) = of_key.iter_mut().find(|known| known.is_like(&needed)) else {
                    of_key.push(needed);
                    continue;
                };
                if known.names.0 != needed.names.0 {
                    known.names.1 = Some(needed.names.0);
                }
            }
            said
        })
    }
}

impl Share {
    /// Notes to what those listen who are the last of their name.
    fn listen(&mut self) {
        for machine in self.last.values() {
            for (number, standing) in machine.standing.iter().enumerate() {
                if !self.listeners.contains_key(&standing.root.name) {
                    let of_kind = standing.root.name.clone();
                    self.listeners.insert(of_kind, Listeners::default());
                }
                if let Some(of_kind) = self.listeners.get_mut(&standing.root.name) {
                    of_kind.add(machine, number);
                }
            }
        }
    }
}
