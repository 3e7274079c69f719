//! What the graph says of itself, in the words of the language: `__schema` and `__type`, so that ordinary tools know what they
//! may ask.
//!
//! [`describe`] turns a [`Schema`] into the types that the language knows, with the arguments and the mutations that stand in no
//! definition; [`answer`] gives of that what is asked for.

mod answer;
mod declared;
mod describe;
mod mutations;

use std::sync::LazyLock;

use super::schema::{Schema, TypeDefinition};

pub(super) use answer::Introspection;

static LANGUAGE: LazyLock<Schema> = LazyLock::new(|| {
    Schema::built_of(include_str!("language.graphql"))
        .expect("the types of the language are checked by a test")
});

/// The type of a root field that asks for the types.
pub(super) fn root(field: &str) -> Option<&'static TypeDefinition> {
    match field {
        "__schema" => LANGUAGE.type_named("__Schema"),
        "__type" => LANGUAGE.type_named("__Type"),
        _ => None,
    }
}

/// A type of the language.
pub(super) fn type_named(name: &str) -> Option<&'static TypeDefinition> {
    LANGUAGE.type_named(name)
}
