//! Types from their definitions in the schema language.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql_parser::types::{
    BaseType, ConstDirective, FieldDefinition as ParsedField, Type, TypeDefinition as ParsedType, TypeKind,
    TypeSystemDefinition,
};
use async_graphql_parser::{Positioned, parse_schema};
use async_graphql_value::ConstValue;
use thiserror::Error;

use crate::graph::nesting;

use super::{Enumeration, FieldDefinition, Holds, SCALARS, Schema, TypeDefinition};

/// Longest announcement in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Most fields of a type.
const MAX_FIELDS: usize = 500;

/// Why definitions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// Not the schema language.
    #[error("the types cannot be read: {0}")]
    Syntax(String),
    /// Too much of it.
    #[error("{0}")]
    TooLarge(String),
    /// Something that a graph of events has no use for.
    #[error("`{0}` is no type of objects and no enumeration")]
    NotATypeOfObjects(String),
    /// The name is taken.
    #[error("the name `{0}` is taken")]
    Taken(String),
    /// A name that the language or the hub keeps for itself.
    #[error("`{0}` cannot be a name here")]
    Name(String),
    /// A name that would be taken for one of the hub's own.
    #[error(
        "`{0}` looks like a type of the hub's own: names of machines' types do not begin with `Sdm`, and differ from the hub's by more than capitals"
    )]
    LooksLikeOurs(String),
    /// A field of an unknown type.
    #[error("field `{field}` of `{of}` has the type `{kind}`, which is not there")]
    UnknownType {
        /// The type.
        of: String,
        /// The field.
        field: String,
        /// Its type.
        kind: String,
    },
    /// A composite id names a field that is no scalar of the type.
    #[error("`{of}` takes its id from `{field}`, which is no scalar field of it")]
    CompositeId {
        /// The type.
        of: String,
        /// The field.
        field: String,
    },
    /// Nothing of it can be asked for.
    #[error("no type is marked `@rootType`")]
    NoRoot,
}

/// The schema with further definitions, checked whole.
pub(super) fn extend(schema: &Schema, text: &str, is_custom: bool) -> Result<Schema, SchemaError> {
    let mut extended = schema.clone();
    let mut added = BTreeSet::new();
    for definition in definitions(text)? {
        if let TypeSystemDefinition::Type(parsed) = definition {
            let name = parsed.node.name.node.to_string();
            if !added.insert(name.clone()) {
                return Err(SchemaError::Taken(name));
            }
            add(&mut extended, parsed.node, is_custom)?;
        }
    }
    classify(&mut extended.types, &extended.enums, &added)?;
    let has_root = added.iter().any(|name| extended.root(name).is_some());
    match has_root || !is_custom {
        true => Ok(extended),
        false => Err(SchemaError::NoRoot),
    }
}

/// The names of what is defined.
pub(super) fn names(text: &str) -> Result<Vec<String>, SchemaError> {
    let named = definitions(text)?
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(parsed) => Some(parsed.node.name.node.to_string()),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
    Ok(named.collect())
}

fn definitions(text: &str) -> Result<Vec<TypeSystemDefinition>, SchemaError> {
    if text.len() > MAX_TEXT {
        return Err(SchemaError::TooLarge(format!(
            "the types have more than {} KiB",
            MAX_TEXT / 1024
        )));
    }
    nesting::check(text).map_err(SchemaError::TooLarge)?;
    let document = parse_schema(text).map_err(|error| SchemaError::Syntax(error.to_string()))?;
    Ok(document.definitions)
}

fn add(schema: &mut Schema, parsed: ParsedType, is_custom: bool) -> Result<(), SchemaError> {
    let name = parsed.name.node.to_string();
    if is_custom {
        check_name(&name)?;
        check_looks(schema, &name)?;
    }
    make_room(schema, &name)?;
    match parsed.kind {
        TypeKind::Enum(values) => {
            let values = values
                .values
                .iter()
                .map(|value| value.node.value.node.to_string())
                .collect();
            schema.enums.insert(name, Enumeration { values, is_custom });
        }
        TypeKind::Object(object) => {
            if object.fields.len() > MAX_FIELDS {
                return Err(SchemaError::TooLarge(format!(
                    "`{name}` has more than {MAX_FIELDS} fields"
                )));
            }
            let definition = TypeDefinition {
                description: parsed.description.map(|text| text.node),
                fields: object
                    .fields
                    .into_iter()
                    .map(|field| read_field(field.node))
                    .collect(),
                is_root: directive(&parsed.directives, "rootType").is_some(),
                composite_id: composite_id(&parsed.directives),
                is_custom,
                name: name.clone(),
            };
            schema.types.insert(name, definition);
        }
        TypeKind::Scalar | TypeKind::Interface(_) | TypeKind::Union(_) | TypeKind::InputObject(_) => {
            return Err(SchemaError::NotATypeOfObjects(name));
        }
    }
    Ok(())
}

/// What was announced under a name gives way; what every workspace has does not.
fn make_room(schema: &mut Schema, name: &str) -> Result<(), SchemaError> {
    let is_there = schema.types.contains_key(name) || schema.enums.contains_key(name);
    if is_there && !schema.is_announced(name) {
        return Err(SchemaError::Taken(name.to_owned()));
    }
    schema.types.remove(name);
    schema.enums.remove(name);
    Ok(())
}

fn check_name(name: &str) -> Result<(), SchemaError> {
    let reserved = ["Query", "Mutation", "Subscription"].contains(&name) || SCALARS.contains(&name);
    match reserved || name.starts_with('_') || name.len() > 100 {
        true => Err(SchemaError::Name(name.to_owned())),
        false => Ok(()),
    }
}

/// What stands in the graph beside all types, for the hub alone.
const KEPT_BY_THE_HUB: &str = "AppReach";

/// Goals and what belongs to them are written by other rights than feeds of custom types: nobody's own type passes for one of them.
fn check_looks(schema: &Schema, name: &str) -> Result<(), SchemaError> {
    let begins_like_ours = name
        .get(..3)
        .is_some_and(|first| first.eq_ignore_ascii_case("Sdm"));
    let ours = schema.types.values().filter(|kind| !kind.is_custom);
    let ours = ours.map(|kind| kind.name.as_str());
    let enums = schema.enums.iter().filter(|(_, values)| !values.is_custom);
    let mut ours = ours
        .chain(enums.map(|(name, _)| name.as_str()))
        .chain([KEPT_BY_THE_HUB]);
    let is_there = schema.types.contains_key(name) || schema.enums.contains_key(name);
    let is_like = ours.any(|own| own.eq_ignore_ascii_case(name));
    match (begins_like_ours || is_like) && !is_there {
        true => Err(SchemaError::LooksLikeOurs(name.to_owned())),
        false => Ok(()),
    }
}

/// A field as written; whether its type is one of scalars or objects is seen when all types are known.
fn read_field(parsed: ParsedField) -> FieldDefinition {
    let (base, is_list) = base_of(&parsed.ty.node);
    let holds = if directive(&parsed.directives, "link").is_some() {
        Holds::Link(base)
    } else if let Some(reverse) = directive(&parsed.directives, "reverse") {
        Holds::Reverse {
            of: base,
            field: text_argument(reverse, "field").unwrap_or_default(),
        }
    } else {
        Holds::Scalar(base)
    };
    FieldDefinition {
        name: parsed.name.node.to_string(),
        description: parsed.description.map(|text| text.node),
        holds,
        is_list,
        is_private: directive(&parsed.directives, "private").is_some(),
    }
}

/// The named type within lists, and whether there is a list.
fn base_of(kind: &Type) -> (String, bool) {
    match &kind.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => (base_of(inner).0, true),
    }
}

fn directive<'a>(directives: &'a [Positioned<ConstDirective>], name: &str) -> Option<&'a ConstDirective> {
    directives
        .iter()
        .map(|directive| &directive.node)
        .find(|directive| directive.name.node == name)
}

fn text_argument(directive: &ConstDirective, name: &str) -> Option<String> {
    match &directive.get_argument(name)?.node {
        ConstValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn composite_id(directives: &[Positioned<ConstDirective>]) -> Vec<String> {
    let argument =
        directive(directives, "compositeId").and_then(|directive| directive.get_argument("fields"));
    match argument.map(|fields| &fields.node) {
        Some(ConstValue::List(fields)) => fields.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn text(value: &ConstValue) -> Option<String> {
    match value {
        ConstValue::String(text) => Some(text.clone()),
        ConstValue::Enum(name) => Some(name.to_string()),
        _ => None,
    }
}

/// Tells scalars from embedded objects, and finds what refers to nothing.
fn classify(
    types: &mut BTreeMap<String, TypeDefinition>,
    enums: &BTreeMap<String, Enumeration>,
    added: &BTreeSet<String>,
) -> Result<(), SchemaError> {
    let names: BTreeSet<String> = types.keys().cloned().collect();
    // Announced types may refer to one that is another now.
    for definition in types
        .values_mut()
        .filter(|definition| definition.is_custom || added.contains(&definition.name))
    {
        for field in &mut definition.fields {
            settle(field, &names, enums, &definition.name)?;
        }
        let is_scalar = |name: &String| {
            let field = definition.field(name);
            field.is_some_and(|field| !field.is_list && matches!(field.holds, Holds::Scalar(_)))
        };
        if let Some(field) = definition.composite_id.iter().find(|name| !is_scalar(name)) {
            return Err(SchemaError::CompositeId {
                of: definition.name.clone(),
                field: field.clone(),
            });
        }
    }
    Ok(())
}

fn settle(
    field: &mut FieldDefinition,
    names: &BTreeSet<String>,
    enums: &BTreeMap<String, Enumeration>,
    of: &str,
) -> Result<(), SchemaError> {
    let kind = match &field.holds {
        Holds::Scalar(name) | Holds::Embedded(name) | Holds::Link(name) => name.clone(),
        Holds::Reverse { of, .. } => of.clone(),
    };
    let is_object = names.contains(&kind);
    let is_scalar = SCALARS.contains(&kind.as_str()) || enums.contains_key(&kind);
    match (&field.holds, is_object, is_scalar) {
        (Holds::Scalar(_) | Holds::Embedded(_), true, _) => field.holds = Holds::Embedded(kind),
        (Holds::Scalar(_) | Holds::Embedded(_), false, true) => field.holds = Holds::Scalar(kind),
        (Holds::Link(_) | Holds::Reverse { .. }, true, _) => {}
        (Holds::Scalar(_) | Holds::Embedded(_) | Holds::Link(_) | Holds::Reverse { .. }, false, _) => {
            return Err(SchemaError::UnknownType {
                of: of.to_owned(),
                field: field.name.clone(),
                kind,
            });
        }
    }
    Ok(())
}
