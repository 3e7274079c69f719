//! What may be written: push tests and goal kinds, by their descriptors.

use crate::model::{ArgumentProblems, Descriptor, Field, GoalDefinition, ValueType, Work};

/// The push tests and goal kinds this machine has.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue<'a> {
    /// Push tests.
    pub push_tests: &'a [&'a Descriptor],
    /// Goal kinds.
    pub kinds: &'a [&'a Descriptor],
    /// Kinds that only commands can be.
    pub command_kinds: &'a [&'a Descriptor],
    /// What only its kind knows to be wrong with a goal; fields are those of the goal.
    pub check_goal: fn(&GoalDefinition) -> ArgumentProblems,
    /// The same of what a command does; fields are those of the command.
    pub check_work: fn(&Work) -> ArgumentProblems,
}

impl<'a> Catalogue<'a> {
    /// Every kind that a command can be: those that are written as a key.
    pub(crate) fn kinds_of_commands(&self) -> impl Iterator<Item = &'a Descriptor> {
        let all = self.kinds.iter().chain(self.command_kinds).copied();
        all.filter(|kind| !kind.by_use)
    }

    /// The kind of command called by a word in canonical spelling, by name or alias.
    pub(crate) fn kind_of_commands(&self, word: &str) -> Option<&'a Descriptor> {
        let mut kinds = self.kinds_of_commands();
        kinds.find(|kind| kind.name == word || kind.aliases.contains(&word))
    }
}

/// The descriptor called by a word in canonical spelling, by name or alias.
pub(crate) fn find<'a>(descriptors: &[&'a Descriptor], word: &str) -> Option<&'a Descriptor> {
    descriptors
        .iter()
        .find(|descriptor| descriptor.name == word || descriptor.aliases.contains(&word))
        .copied()
}

/// The fields of a descriptor whose value is a map with known keys; none otherwise.
pub(crate) fn fields(descriptor: &Descriptor) -> &'static [Field] {
    if let Some(ValueType::Fields(fields)) = descriptor.value {
        fields
    } else {
        &[]
    }
}

/// The keys that a goal kind has beside its own.
pub(crate) fn beside(descriptor: &Descriptor) -> &'static [Field] {
    if let Some(ValueType::With { beside, .. }) = descriptor.value {
        beside
    } else {
        &[]
    }
}

/// Whether a key, canonically spelled, is one of these fields.
pub(crate) fn has_field(fields: &[Field], key: &str) -> bool {
    fields
        .iter()
        .any(|field| field.name == key || field.aliases.contains(&key))
}
