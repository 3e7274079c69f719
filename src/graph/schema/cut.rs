//! A schema without what somebody may not see.

use std::collections::BTreeSet;

use super::{Holds, Schema, TypeDefinition};

impl Schema {
    /// The same without these root types, what is part of nothing else, and every field that leads to them: as if nobody had
    /// announced them.
    #[must_use]
    pub fn without(&self, is_hidden: impl Fn(&TypeDefinition) -> bool) -> Self {
        let mut shown = BTreeSet::new();
        for kind in self.types().filter(|kind| kind.is_root || !kind.is_custom) {
            if !is_hidden(kind) {
                self.show(kind, &mut shown);
            }
        }
        let mut cut = self.clone();
        cut.types.retain(|name, _| shown.contains(name.as_str()));
        for kind in cut.types.values_mut() {
            kind.fields
                .retain(|field| field.holds.object().is_none_or(|name| shown.contains(name)));
        }
        let values: BTreeSet<String> = cut.types().flat_map(values_of).map(str::to_owned).collect();
        cut.enums.retain(|name, _| values.contains(name));
        cut
    }

    /// Shows a type with what is part of it.
    fn show<'s>(&'s self, kind: &'s TypeDefinition, shown: &mut BTreeSet<&'s str>) {
        if !shown.insert(&kind.name) {
            return;
        }
        for field in &kind.fields {
            if let Holds::Embedded(part) = &field.holds
                && let Some(part) = self.type_named(part)
            {
                self.show(part, shown);
            }
        }
    }
}

fn values_of(kind: &TypeDefinition) -> impl Iterator<Item = &str> {
    kind.fields.iter().filter_map(|field| match &field.holds {
        Holds::Scalar(name) => Some(name.as_str()),
        Holds::Embedded(_) | Holds::Link(_) | Holds::Reverse { .. } => None,
    })
}
