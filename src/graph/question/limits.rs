//! What a question may cost, decided before it runs (threat G4). What has to be looked at for it shows while it is answered, and is
//! counted there.

use super::{QuestionError, Selection};
use crate::graph::schema::{Holds, Schema, TypeDefinition};

/// Deepest nesting.
const MAX_DEPTH: usize = 20;
/// Most fields.
const MAX_FIELDS: usize = 4_000;
/// Most root fields, aliases included.
const MAX_ROOTS: usize = 20;
/// Highest cost: one for each field of each object that may have to be read, where a list of nodes counts as ten.
const MAX_COST: u64 = 2_000_000;
const LIST: u64 = 10;

/// Whether the root fields are few enough.
pub(super) fn check_roots(count: usize) -> Result<(), QuestionError> {
    match count <= MAX_ROOTS {
        true => Ok(()),
        false => Err(QuestionError::TooLarge(format!(
            "it has more than {MAX_ROOTS} root fields"
        ))),
    }
}

/// Counts fields while a question is read, so that fragments within fragments cannot grow without end.
#[derive(Debug, Default)]
pub(super) struct Counter {
    fields: usize,
}

impl Counter {
    pub(super) fn field(&mut self, depth: usize) -> Result<(), QuestionError> {
        self.fields += 1;
        if depth > MAX_DEPTH {
            return Err(QuestionError::TooLarge(format!(
                "it is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        match self.fields <= MAX_FIELDS {
            true => Ok(()),
            false => Err(QuestionError::TooLarge(format!(
                "it asks for more than {MAX_FIELDS} fields"
            ))),
        }
    }
}

/// Whether the whole costs too much.
pub(super) fn check_cost(schema: &Schema, roots: &[Selection]) -> Result<(), QuestionError> {
    let cost = roots.iter().fold(0_u64, |sum, root| {
        let kind = schema.type_named(&root.name);
        sum.saturating_add(LIST.saturating_mul(cost_of(schema, kind, &root.fields)))
    });
    match cost <= MAX_COST {
        true => Ok(()),
        false => Err(QuestionError::TooLarge(format!(
            "it may cost {cost}, and {MAX_COST} is the limit"
        ))),
    }
}

fn cost_of(schema: &Schema, kind: Option<&TypeDefinition>, fields: &[Selection]) -> u64 {
    fields.iter().fold(1_u64, |sum, selection| {
        let field = kind.and_then(|kind| kind.field(&selection.name));
        let of_nodes = field.is_some_and(|field| {
            field.is_list && matches!(field.holds, Holds::Link(_) | Holds::Reverse { .. })
        });
        let inner = field
            .and_then(|field| field.holds.object())
            .and_then(|name| schema.type_named(name));
        let each = cost_of(schema, inner, &selection.fields);
        sum.saturating_add(if of_nodes { each.saturating_mul(LIST) } else { each })
    })
}
