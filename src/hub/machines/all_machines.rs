//! All machines at one moment, and each workspace as they make it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::known::Machine;
use super::roll::{Needed, Roll, needs_the_same};
use super::types::{Types, adds_nothing, announced};
use crate::graph::Schema;
use crate::ports::graph::Node;
use crate::ports::hub::StoredRegistration;

/// A workspace as its machines make it.
#[derive(Debug, Default)]
pub struct Workspace {
    id: String,
    /// Its types: those that every workspace has, and those that machines announced.
    pub schema: Option<Arc<Schema>>,
    settled: Arc<Roll>,
    newest: Arc<Roll>,
}

impl Workspace {
    /// The machine of a name that is served.
    pub fn served(&self, name: &str) -> Option<&Arc<Machine>> {
        last((&self.settled, &self.newest), &self.id, name)
    }

    /// Whether the last of its name in the settled roll is served.
    fn serves_settled(&self, machine: &Machine) -> bool {
        let newest = self.newest.last(&self.id, &machine.stored.name);
        newest.is_none_or(|newest| newest.stored.position < machine.stored.position)
    }

    /// The same of the newest roll.
    fn serves_newest(&self, machine: &Machine) -> bool {
        let settled = self.settled.last(&self.id, &machine.stored.name);
        settled.is_none_or(|settled| settled.stored.position <= machine.stored.position)
    }

    /// All machines that are served.
    pub fn all_served(&self) -> impl Iterator<Item = &Arc<Machine>> {
        let settled = self.settled.all_last(&self.id);
        let newest = self.newest.all_last(&self.id);
        let settled = settled.filter(move |machine| self.serves_settled(machine));
        settled.chain(newest.filter(move |machine| self.serves_newest(machine)))
    }

    /// Who may want to hear of a change of a node: machine and number of the subscription.
    pub fn listeners(&self, node: &Node) -> Vec<&(Arc<Machine>, usize)> {
        let settled = self.settled.listeners(&self.id, node);
        let newest = self.newest.listeners(&self.id, node);
        let settled = settled.filter(|(machine, _)| self.serves_settled(machine));
        let newest = newest.filter(|(machine, _)| self.serves_newest(machine));
        settled.chain(newest).collect()
    }
}

/// The last of a name in either roll; of one that is in both it is the newer.
fn last<'r>(
    (settled, newest): (&'r Roll, &'r Roll),
    workspace: &str,
    name: &str,
) -> Option<&'r Arc<Machine>> {
    match (settled.last(workspace, name), newest.last(workspace, name)) {
        (Some(settled), Some(newest)) if settled.stored.position > newest.stored.position => Some(settled),
        (settled, newest) => newest.or(settled),
    }
}

/// All machines at one moment. Few of them change at a time, so that most stay in a roll that was made before, and the few are in one
/// beside it: nobody copies what is known of ten thousand because one has come.
#[derive(Debug, Default)]
pub struct AllMachines {
    settled: Arc<Roll>,
    /// Those that have come or changed since; whoever is in both is as here.
    newest: Arc<Roll>,
    /// Types of the workspaces that have machines.
    schemas: HashMap<String, Arc<Schema>>,
    /// How many there are.
    count: usize,
}

impl AllMachines {
    /// All registrations, those that are shadowed included, lowest position first.
    pub fn all(&self) -> Vec<&Arc<Machine>> {
        let settled = self.settled.all().iter();
        let settled = settled.filter(|machine| self.newest.by_id(&machine.stored.id).is_none());
        let mut all: Vec<&Arc<Machine>> = settled.chain(self.newest.all()).collect();
        if !self.newest.all().is_empty() {
            all.sort_by_key(|machine| machine.stored.position);
        }
        all
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A workspace; one without machines when nobody has registered.
    pub fn workspace(&self, id: &str) -> Workspace {
        Workspace {
            id: id.to_owned(),
            schema: self.schemas.get(id).cloned(),
            settled: Arc::clone(&self.settled),
            newest: Arc::clone(&self.newest),
        }
    }

    /// Ids of the workspaces that have machines.
    pub fn workspace_ids(&self) -> impl Iterator<Item = &str> {
        self.schemas.keys().map(String::as_str)
    }

    /// A machine by the id of its registration.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Machine>> {
        self.newest.by_id(id).or_else(|| self.settled.by_id(id))
    }

    /// The registration of the same name that is served; itself, if it is.
    pub fn served_instead_of(&self, id: &str) -> Option<&Arc<Machine>> {
        let stored = &self.by_id(id)?.stored;
        last((&self.settled, &self.newest), &stored.workspace, &stored.name)
    }

    /// Whether a registration is the one of its name that is served.
    pub fn is_served(&self, id: &str) -> bool {
        self.served_instead_of(id)
            .is_some_and(|served| served.stored.id == id)
    }

    /// What machines say that they need, by the key that they registered with; the same may come twice.
    pub(in super::super) fn said(&self) -> impl Iterator<Item = (&str, &[Needed])> {
        let rolls = [&self.settled, &self.newest].into_iter();
        let said = rolls.flat_map(|roll| roll.said());
        said.map(|(key, needed)| (key.as_str(), needed.as_slice()))
    }

    /// The same machines after some have changed, of which only those in `left` are still there if it is given.
    pub(super) fn after(
        &self,
        builtin: &Arc<Schema>,
        changed: Vec<StoredRegistration>,
        left: Option<&HashSet<String>>,
    ) -> Self {
        let new: Vec<Arc<Machine>> = changed.into_iter().filter_map(read).map(Arc::new).collect();
        let schema_of = |machine: &Machine| self.schemas.get(&machine.stored.workspace).unwrap_or(builtin);
        let has_room = has_room(self.count, self.newest.all().len(), new.len());
        match left.is_none() && has_room && new.iter().all(|new| self.is_beside(new, schema_of(new))) {
            true => self.with(builtin, &new),
            false => self.made_one(builtin, &new, left),
        }
    }

    /// Whether a machine that has come or changed makes no difference to the types that are known, nor to what is known of it in the
    /// roll that was made before.
    fn is_beside(&self, new: &Machine, schema: &Schema) -> bool {
        let before = self.by_id(&new.stored.id);
        let is_like_before = before.is_none_or(|before| {
            before.registration.ingesters == new.registration.ingesters && needs_the_same(before, new)
        });
        is_like_before && adds_nothing(schema, &new.registration.ingesters)
    }

    /// With these in the newest roll.
    fn with(&self, builtin: &Arc<Schema>, new: &[Arc<Machine>]) -> Self {
        let replaced: HashSet<&str> = new.iter().map(|machine| machine.stored.id.as_str()).collect();
        let mut schemas = self.schemas.clone();
        let stay = self.newest.all().iter();
        let stay = stay.filter(|machine| !replaced.contains(machine.stored.id.as_str()));
        let mut newest: Vec<Arc<Machine>> = stay.cloned().collect();
        for machine in new {
            let schema = schemas
                .entry(machine.stored.workspace.clone())
                .or_insert_with(|| Arc::clone(builtin));
            newest.push(Arc::new(machine.standing_in(schema)));
        }
        newest.sort_by_key(|machine| machine.stored.position);
        let known = new
            .iter()
            .filter(|machine| self.by_id(&machine.stored.id).is_some());
        Self {
            settled: Arc::clone(&self.settled),
            newest: Arc::new(Roll::of(newest)),
            schemas,
            count: self.count + new.len() - known.count(),
        }
    }

    /// With these in one roll together with all the others that are left.
    fn made_one(&self, builtin: &Arc<Schema>, new: &[Arc<Machine>], left: Option<&HashSet<String>>) -> Self {
        let replaced: HashSet<&str> = new.iter().map(|machine| machine.stored.id.as_str()).collect();
        let mut touched: BTreeSet<String> = new.iter().map(|new| new.stored.workspace.clone()).collect();
        let mut all = Vec::with_capacity(self.count + new.len());
        for machine in self.all() {
            let id = machine.stored.id.as_str();
            let is_left = left.is_none_or(|left| left.contains(id));
            match is_left && !replaced.contains(id) {
                true => all.push(Arc::clone(machine)),
                false => drop(touched.insert(machine.stored.workspace.clone())),
            }
        }
        // Their subscriptions are read when the types of their workspace are known.
        all.extend(new.iter().cloned());
        all.sort_by_key(|machine| machine.stored.position);
        let mut schemas = self.schemas.clone();
        for id in touched {
            let known = schemas.get(&id).unwrap_or(builtin);
            match arranged(&id, &mut all, Arc::clone(known), builtin) {
                Some(schema) => schemas.insert(id, schema),
                None => schemas.remove(&id),
            };
        }
        Self {
            count: all.len(),
            settled: Arc::new(Roll::of(all)),
            newest: Arc::default(),
            schemas,
        }
    }
}

/// Whether so many have room in the newest roll, which each change makes anew, beside all that there are: where it has grown so large
/// that making one roll of all costs less than going on, it has not.
fn has_room(all: usize, newest: usize, changed: usize) -> bool {
    let newest = newest + changed;
    newest.saturating_mul(newest) <= 2 * changed.saturating_mul(all)
}

/// A registration as it is kept, without its text, which nobody needs any more.
fn read(mut stored: StoredRegistration) -> Option<Machine> {
    let registration = serde_json::from_str(&std::mem::take(&mut stored.body)).ok()?;
    Some(Machine {
        stored,
        registration,
        standing: Vec::new(),
        unheard: Vec::new(),
        is_new: true,
    })
}

/// The types of a workspace by those of these machines that are in it; `None` when none is. Their subscriptions are read where they are
/// new, or the types of the workspace are others than before.
fn arranged(
    id: &str,
    all: &mut [Arc<Machine>],
    before: Arc<Schema>,
    builtin: &Arc<Schema>,
) -> Option<Arc<Schema>> {
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
    Some(if is_as_before { before } else { schema })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::Timestamp;
    use crate::wire::hub::PolicyName;

    fn stored(name: &str, version: u32, position: i64, announces: &Value) -> StoredRegistration {
        let mut body = json!({
            "api_version": "1", "name": name, "version": format!("{version}.0.0"), "policy": {"name": "durable"},
            "team_ids": ["w"], "commands": [], "events": [], "ingesters": [], "metadata": {"labels": {}},
        });
        for (field, value) in announces.as_object().unwrap() {
            body[field] = value.clone();
        }
        StoredRegistration {
            id: format!("{name}-{version}"),
            workspace: "w".to_owned(),
            name: name.to_owned(),
            version: format!("{version}.0.0"),
            policy: PolicyName::Durable,
            body: body.to_string(),
            principal: "key".to_owned(),
            position,
            alive_until: Timestamp::from_micros(0),
        }
    }

    fn hears(branch: &str) -> Value {
        let subscription = format!("subscription OnPush {{ Push(branch: \"{branch}\") {{ branch }} }}");
        json!({"events": [{"subscription": subscription, "secrets": []}]})
    }

    /// Everything that is found of them.
    fn found(machines: &AllMachines) -> Value {
        let all: Vec<&str> = machines
            .all()
            .iter()
            .map(|machine| machine.stored.id.as_str())
            .collect();
        let is_served: Vec<bool> = all.iter().map(|id| machines.is_served(id)).collect();
        let workspace = machines.workspace("w");
        let served: BTreeMap<&str, i64> = workspace
            .all_served()
            .map(|machine| (machine.stored.id.as_str(), machine.stored.position))
            .collect();
        let hear = |branch: &str| {
            let node = Node {
                kind: "Push".to_owned(),
                body: json!({ "branch": branch }).as_object().unwrap().clone(),
                ..Node::default()
            };
            let listeners = workspace.listeners(&node).into_iter();
            let listeners = listeners.map(|(machine, _)| machine.stored.id.clone());
            listeners.collect::<BTreeSet<String>>()
        };
        json!({"all": all, "count": machines.count(), "is_served": is_served, "served": served,
            "hear": [hear("a"), hear("b")], "types": workspace.schema.is_some()})
    }

    #[test]
    fn what_is_known_of_machines_is_the_same_in_two_rolls_as_in_one() {
        let builtin = Arc::new(Schema::builtin());
        let mut machines = AllMachines::default();
        let mut known: BTreeMap<String, StoredRegistration> = BTreeMap::new();
        let (mut chance, mut were_two) = (7_u64, 0);
        for round in 1..400_i64 {
            let mut next = |of: u64| {
                chance = chance
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695);
                (chance >> 33) % of
            };
            let mut changed = Vec::new();
            for one in 0..=next(3) {
                let (name, version) = (format!("m{}", next(40)), u32::try_from(next(2)).unwrap());
                let announces = hears(if next(2) == 0 { "a" } else { "b" });
                let mut new = stored(
                    &name,
                    version,
                    round * 10 + i64::try_from(one).unwrap(),
                    &announces,
                );
                // Whoever comes back as they were keeps their position.
                if let Some(before) = known.get(&new.id).filter(|_| next(3) == 0) {
                    new.position = before.position;
                }
                changed.retain(|other: &StoredRegistration| other.id != new.id);
                known.insert(new.id.clone(), new.clone());
                changed.push(new);
            }
            let gone = (next(20) == 0).then(|| known.pop_first()).flatten();
            changed.retain(|new| known.contains_key(&new.id));
            let left: HashSet<String> = known.keys().cloned().collect();
            machines = machines.after(&builtin, changed, gone.is_some().then_some(&left));
            let whole = AllMachines::default().after(&builtin, known.values().cloned().collect(), None);
            assert_eq!(found(&machines), found(&whole), "round {round}");
            were_two += usize::from(!machines.newest.all().is_empty());
        }
        assert!(were_two > 100, "{were_two}");
    }

    #[test]
    fn g5_nobody_copies_what_is_known_of_many_machines_because_one_has_come() {
        let builtin = Arc::new(Schema::builtin());
        let many = (0..5_000).map(|number| stored(&format!("m{number}"), 1, number, &hears("a")));
        let many = AllMachines::default().after(&builtin, many.collect(), None);
        let one = many.after(&builtin, vec![stored("new", 1, 5_000, &hears("b"))], None);
        assert!(Arc::ptr_eq(&many.settled, &one.settled));
        assert_eq!((one.count(), one.newest.all().len()), (5_001, 1));
        let again = one.after(&builtin, vec![stored("m7", 1, 5_001, &hears("b"))], None);
        assert!(Arc::ptr_eq(&many.settled, &again.settled));
        assert_eq!((again.count(), again.newest.all().len()), (5_001, 2));
        // What makes a difference to all makes one roll of them.
        let typed = json!({"ingesters": ["type Coffee @rootType { id: ID! kind: String }"]});
        let typed = again.after(&builtin, vec![stored("typed", 1, 5_002, &typed)], None);
        assert!(typed.newest.all().is_empty() && typed.count() == 5_002);
        let schema = typed.workspace("w").schema.unwrap();
        assert!(schema.root("Coffee").is_some());
        let needs = json!({"scopes": ["graph:read"]});
        let needs = again.after(&builtin, vec![stored("m8", 1, 5_003, &needs)], None);
        assert!(needs.newest.all().is_empty());
        let mut newest = again;
        for number in 0..300 {
            newest = newest.after(
                &builtin,
                vec![stored(&format!("n{number}"), 1, 6_000 + number, &hears("b"))],
                None,
            );
            assert!(newest.newest.all().len() <= 101, "it does not grow without end");
        }
        assert_eq!(newest.count(), 5_301);
    }
}
