//! Mutations that are declared in a file, with the types that they take and give.

use async_graphql_parser::parse_schema;
use async_graphql_parser::types::{
    BaseType, EnumType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};

use super::describe::{Argument, Description, Field, Shape, TypeName};

const DECLARED: &str = include_str!("mutations.graphql");

/// Adds what mutations take and give; the mutations.
pub(super) fn describe(description: &mut Description) -> Vec<Field> {
    let document = parse_schema(DECLARED).expect("the declared mutations are read by a test");
    let mut mutations = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(kind) = definition else {
            continue;
        };
        match shape(&kind.node) {
            Some(Shape::Object(fields)) if kind.node.name.node == "Mutation" => mutations = fields,
            Some(shape) => description.add(&kind.node.name.node, None, shape),
            None => {}
        }
    }
    mutations
}

fn shape(kind: &TypeDefinition) -> Option<Shape> {
    match &kind.kind {
        TypeKind::Object(object) => {
            let fields = object.fields.iter().map(|parsed| field(&parsed.node));
            Some(Shape::Object(fields.collect()))
        }
        TypeKind::InputObject(input) => {
            let fields = input.fields.iter().map(|parsed| argument(&parsed.node));
            Some(Shape::Input(fields.collect()))
        }
        TypeKind::Enum(values) => Some(Shape::Enumeration(names(values))),
        TypeKind::Scalar | TypeKind::Interface(_) | TypeKind::Union(_) => None,
    }
}

fn names(values: &EnumType) -> Vec<String> {
    let names = values
        .values
        .iter()
        .map(|value| value.node.value.node.to_string());
    names.collect()
}

fn field(parsed: &FieldDefinition) -> Field {
    Field {
        name: parsed.name.node.to_string(),
        description: parsed.description.as_ref().map(|text| text.node.clone()),
        arguments: parsed
            .arguments
            .iter()
            .map(|parsed| argument(&parsed.node))
            .collect(),
        holds: type_name(&parsed.ty.node),
    }
}

fn argument(parsed: &InputValueDefinition) -> Argument {
    Argument::new(&parsed.name.node, type_name(&parsed.ty.node))
}

fn type_name(kind: &Type) -> TypeName {
    let base = match &kind.base {
        BaseType::Named(name) => TypeName::named(name),
        BaseType::List(inner) => type_name(inner).list(),
    };
    if kind.nullable { base } else { base.required() }
}
