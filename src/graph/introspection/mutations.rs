//! What can be changed, as the language describes it: the original's mutations (wire protocol 10.4, 10.5) and what they take.

use super::declared;
use super::describe::{Argument, Description, Field, Shape, TypeName};
use crate::graph::schema::{FieldDefinition, Holds, Schema, TypeDefinition};

/// Adds the mutations and the types of what they take.
pub(super) fn describe(schema: &Schema, description: &mut Description) {
    let mut fields = declared::describe(description);
    for kind in schema.types().filter(|kind| kind.is_written_by_machines()) {
        fields.extend(of_type(kind));
        add_input(schema, kind, description);
    }
    description.add("Mutation", None, Shape::Object(fields));
}

/// A mutation that answers with an id.
fn mutation(name: &str, meaning: &str, arguments: Vec<Argument>) -> Field {
    Field {
        name: name.to_owned(),
        description: Some(meaning.to_owned()),
        arguments,
        holds: TypeName::named("String"),
    }
}

fn text(name: &str) -> Argument {
    Argument::new(name, TypeName::named("String").required())
}

fn of_type(kind: &TypeDefinition) -> Vec<Field> {
    let name = &kind.name;
    let value = || {
        let holds = TypeName::Named(input_of(kind)).required();
        vec![Argument::new("value", holds)]
    };
    let mut fields = vec![mutation(
        &format!("ingestCustom{name}"),
        "Keeps an object in its newest version.",
        value(),
    )];
    if kind.is_forgotten_by_machines() {
        fields.push(mutation(
            &format!("deleteCustom{name}"),
            "Forgets the object with the same id.",
            value(),
        ));
        fields.push(mutation(
            &format!("deleteCustom{name}ById"),
            "Forgets the object of this id.",
            vec![text("id")],
        ));
    }
    fields
}

fn input_of(kind: &TypeDefinition) -> String {
    format!("Custom{}Input", kind.name)
}

/// What is taken of objects of a type: what they hold of their own, and what is part of them.
fn add_input(schema: &Schema, kind: &TypeDefinition, description: &mut Description) {
    let name = input_of(kind);
    if description.type_named(&name).is_some() {
        return;
    }
    let fields = kind.fields.iter().filter_map(|field| taken(schema, field));
    description.add(&name, None, Shape::Input(fields.collect()));
    for field in &kind.fields {
        if let Holds::Embedded(part) = &field.holds
            && let Some(part) = schema.type_named(part)
        {
            add_input(schema, part, description);
        }
    }
}

fn taken(schema: &Schema, field: &FieldDefinition) -> Option<Argument> {
    let name = match &field.holds {
        Holds::Scalar(name) => TypeName::named(name),
        Holds::Embedded(part) => TypeName::Named(input_of(schema.type_named(part)?)),
        Holds::Link(_) | Holds::Reverse { .. } => return None,
    };
    let holds = if field.is_list { name.list() } else { name };
    Some(Argument::new(&field.name, holds))
}
