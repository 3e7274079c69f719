//! The types of a workspace: those that every workspace has, and those that its machines announced (wire protocol 10.4, 12).
//!
//! Of several announcements of a type the one of the highest position counts, so that a machine changes its types by registering
//! anew. What other machines hear of stays readable for them: whoever would change that is put off ([`Unservable::Heard`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::all_machines::{AllMachines, Workspace};
use super::known::{Machine, Unservable};
use super::standing::Readable;
use crate::graph::Schema;
use crate::wire::hub::Registration;

/// A machine's name with the types that it announced.
type Announced<'m> = (&'m str, &'m [String]);

/// What all machines of a workspace together announced.
pub(super) struct Types<'m> {
    /// The types.
    pub(super) schema: Arc<Schema>,
    /// Types that two machines define differently: name, whose does not count, whose does.
    disputed: Vec<(String, &'m str, &'m str)>,
}

impl<'m> Types<'m> {
    /// Those of these announcements, lowest position first.
    pub(super) fn of(builtin: &Arc<Schema>, announced: impl Iterator<Item = Announced<'m>>) -> Self {
        let mut types = Self {
            schema: Arc::clone(builtin),
            disputed: Vec::new(),
        };
        let mut definers = HashMap::new();
        let mut early = Vec::new();
        for (machine, definitions) in announced {
            if types.add(machine, definitions, &mut definers).is_err() {
                early.push((machine, definitions));
            }
        }
        // They may refer to what somebody announced after them.
        for (machine, definitions) in early {
            if let Err(error) = types.add(machine, definitions, &mut definers) {
                tracing::warn!(machine, "a custom type cannot be used: {error}");
            }
        }
        types
    }

    fn add(
        &mut self,
        machine: &'m str,
        definitions: &[String],
        definers: &mut HashMap<String, &'m str>,
    ) -> Result<(), Unservable> {
        let Some(extended) = with_types(&self.schema, definitions)? else {
            return Ok(());
        };
        for name in extended.changed_since(&self.schema) {
            let earlier = definers.insert(name.to_owned(), machine);
            if let Some(earlier) = earlier.filter(|earlier| *earlier != machine) {
                self.disputed.push((name.to_owned(), earlier, machine));
            }
        }
        self.schema = Arc::new(extended);
        Ok(())
    }

    /// Says which types two machines define differently.
    pub(super) fn tell_disputes(&self) {
        for (name, earlier, machine) in &self.disputed {
            tracing::warn!(
                name,
                machine,
                earlier,
                "two machines define a custom type differently; the one that registered last counts"
            );
        }
    }
}

/// What a machine announced.
pub(super) fn announced(machine: &Machine) -> Announced<'_> {
    (&machine.stored.name, &machine.registration.ingesters)
}

/// The types with those of an announcement; `None` when it brings none.
fn with_types(schema: &Schema, definitions: &[String]) -> Result<Option<Schema>, Unservable> {
    let mut all: Option<Schema> = None;
    for (number, definition) in definitions.iter().enumerate() {
        let known = all.as_ref().unwrap_or(schema);
        let extended = known
            .with_custom(definition)
            .map_err(|because| Unservable::Type {
                number: number + 1,
                because,
            })?;
        all = Some(extended);
    }
    Ok(all)
}

/// Whether these are defined already as an announcement has them.
pub(super) fn adds_nothing(schema: &Schema, definitions: &[String]) -> bool {
    match with_types(schema, definitions) {
        Ok(None) => true,
        Ok(Some(extended)) => extended == *schema,
        Err(_) => false,
    }
}

/// Whether a machine registers as it did before, and so keeps its position.
fn comes_back(known: &Machine, registration: &Registration) -> bool {
    let without_run = Registration {
        instance: None,
        ..registration.clone()
    };
    known.registration == without_run
}

/// The types of a workspace, which are `before` now, once a machine has registered like this; `None` when they stay as they are: most
/// machines announce none, or come back as they were, and nobody need look at all the others then.
///
/// # Errors
/// Its own cannot be used.
pub(super) fn types_after(
    machines: &AllMachines,
    (builtin, before): (&Arc<Schema>, &Schema),
    workspace: &str,
    registration: &Registration,
) -> Result<Option<Arc<Schema>>, Unservable> {
    // Nobody has announced any.
    if registration.ingesters.is_empty() && std::ptr::eq(before, &**builtin) {
        return Ok(None);
    }
    let is_same = |machine: &Machine| {
        machine.stored.name == registration.name && machine.stored.version == registration.version
    };
    let all = machines.all();
    let here = || {
        let all = all.iter().map(|machine| &***machine);
        all.filter(|machine| machine.stored.workspace == workspace)
    };
    let own = here().find(|machine| is_same(machine));
    let earlier = own.map_or(&[][..], |machine| machine.registration.ingesters.as_slice());
    let has_none = earlier.is_empty() && registration.ingesters.is_empty();
    if has_none || own.is_some_and(|own| comes_back(own, registration)) {
        return Ok(None);
    }
    let others = || here().filter(|machine| !is_same(machine)).map(announced);
    let base = Types::of(builtin, others());
    with_types(&base.schema, &registration.ingesters)?;
    let new = (registration.name.as_str(), registration.ingesters.as_slice());
    let after = Types::of(builtin, others().chain([new])).schema;
    Ok((*after != *before).then_some(after))
}

/// Whether everybody else could still be told what they hear of.
///
/// # Errors
/// A subscription of another machine that is served could not be answered any more.
pub(super) fn keep_what_others_hear(
    workspace: &Workspace,
    registration: &Registration,
    after: &Schema,
) -> Result<(), Unservable> {
    let others = workspace.all_served();
    let others = others.filter(|other| other.stored.name != registration.name && !other.standing.is_empty());
    for other in others {
        let readable = Readable::of(after, &other.registration.events);
        // What it does not hear of now, nobody takes away.
        let is_new = |problem: &Unservable| !other.unheard.contains(&problem.to_string());
        if let Some(problem) = readable.unusable.into_iter().find(is_new) {
            tracing::warn!(machine = %registration.name, other = %other.stored.name,
                "a machine's types are refused, because another machine hears of them as they are: {problem}");
            let Unservable::Subscription { because, .. } = problem else {
                return Err(problem);
            };
            return Err(Unservable::Heard { because });
        }
    }
    Ok(())
}
