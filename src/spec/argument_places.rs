//! Where the fields stand that a goal's kind found wrong: the way back from canonical arguments to what people wrote.

use crate::model::argument_problem::FieldStep;
use crate::model::{ArgumentProblems, Diagnostic, Field, ValueType};

use super::keys::snake_case;
use super::reader::Reader;
use super::yaml::{Entry, Node};

impl Reader<'_, '_> {
    /// Reports what a kind found wrong with what is written at `node`, a map with these keys; tells whether it was nothing.
    pub(super) fn report(&mut self, found: &ArgumentProblems, keys: &[Field], node: &Node) -> bool {
        for problem in found.iter() {
            let at = field(node, Keys::Known(keys), problem.field.steps());
            let (place, length) = match &problem.place {
                Some(place) => (place.clone(), 1),
                None => (at.place.clone(), at.length),
            };
            let error = Diagnostic::error(&problem.code, place, &*problem.message).spanning(length);
            self.problems().add(match problem.hint.as_str() {
                "" => error,
                hint => error.hint(hint),
            });
        }
        found.is_empty()
    }
}

/// What is known of the value that is looked into.
#[derive(Clone, Copy)]
enum Keys<'k> {
    /// The keys of a map.
    Known(&'k [Field]),
    /// Its type.
    Of(Option<&'k ValueType>),
}

impl<'k> Keys<'k> {
    fn field(self, key: &str) -> Option<&'k Field> {
        self.fields().iter().find(|field| field.name == key)
    }

    fn fields(self) -> &'k [Field] {
        match self {
            Self::Known(fields) => fields,
            Self::Of(Some(
                ValueType::Fields(fields) | ValueType::BooleanOr(fields) | ValueType::TextOr(_, fields),
            )) => fields,
            Self::Of(Some(ValueType::With { main, .. })) => Self::Of(Some(main)).fields(),
            Self::Of(_) => &[],
        }
    }

    /// What is known of the items of a list.
    fn item(self) -> Self {
        match self {
            Self::Of(Some(ValueType::List(inner))) => Self::Of(Some(inner)),
            Self::Of(Some(ValueType::With { main, .. })) => Self::Of(Some(main)).item(),
            other => other,
        }
    }
}

/// What stands at the end of the way, or as far along it as anything is written.
fn field<'n>(node: &'n Node, keys: Keys<'_>, way: &[FieldStep]) -> &'n Node {
    let Some((step, rest)) = way.split_first() else {
        return node;
    };
    match step {
        FieldStep::Key(key) => match (node.entries(), keys.field(key)) {
            (Some(entries), known) => match entry(entries, key, known) {
                Some(entry) => field(&entry.value, Keys::Of(known.map(|known| &known.value)), rest),
                None => node,
            },
            // A word stands for the key that is meant most.
            (None, _) => node,
        },
        FieldStep::Item(index) => match node.items().map(|items| items.get(*index)) {
            Some(Some(item)) => field(item, keys.item(), rest),
            Some(None) => node,
            // One value stands for a list of one.
            None => field(node, keys.item(), rest),
        },
    }
}

/// The entry of a key of the schema, however it is spelled, or of a key of the author's own.
fn entry<'n>(entries: &'n [Entry], key: &str, known: Option<&Field>) -> Option<&'n Entry> {
    let is_meant = |entry: &&Entry| match known {
        Some(field) => {
            let canonical = snake_case(entry.name());
            field.name == canonical || field.aliases.contains(&canonical.as_str())
        }
        None => entry.name() == key,
    };
    entries.iter().find(is_meant)
}
