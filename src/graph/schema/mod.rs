//! What can be in the graph: types, their fields, and how they hang together.
//!
//! The types that every workspace has stand in `builtin.graphql`; a workspace adds its own from the definitions that its
//! machines announce (wire protocol 10.4).

mod cut;
mod read;

use std::collections::BTreeMap;

pub use read::SchemaError;

/// All types of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    types: BTreeMap<String, TypeDefinition>,
    enums: BTreeMap<String, Enumeration>,
}

/// An enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Enumeration {
    values: Vec<String>,
    is_custom: bool,
}

/// One type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDefinition {
    /// Its name, the answer to `__typename`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Its fields, in the order of their definition.
    pub fields: Vec<FieldDefinition>,
    /// Whether it can be asked for by name.
    pub is_root: bool,
    /// The fields that together are its id; empty when the id comes with it.
    pub composite_id: Vec<String>,
    /// Whether a machine announced it.
    pub is_custom: bool,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What it holds.
    pub holds: Holds,
    /// Whether it holds several.
    pub is_list: bool,
    /// Whether it holds addresses of people.
    pub is_private: bool,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// A value of a scalar type or enumeration, by its name.
    Scalar(String),
    /// An object that is part of this one.
    Embedded(String),
    /// Nodes that this one points at.
    Link(String),
    /// Nodes that point at this one with a field of theirs.
    Reverse {
        /// Their type.
        of: String,
        /// Their field.
        field: String,
    },
}

impl Holds {
    /// The type of the objects it holds; `None` for scalars.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Scalar(_) => None,
            Self::Embedded(name) | Self::Link(name) | Self::Reverse { of: name, .. } => Some(name),
        }
    }
}

/// Scalar types of the language and ours.
pub const SCALARS: [&str; 6] = ["ID", "String", "Int", "Float", "Boolean", "JSON"];

const BUILTIN: &str = include_str!("builtin.graphql");

impl Schema {
    /// The types that every workspace has.
    pub fn builtin() -> Self {
        Self::built_of(BUILTIN).expect("the built-in schema is checked by a test")
    }

    /// The types of definitions of ours.
    pub(super) fn built_of(definitions: &str) -> Result<Self, SchemaError> {
        let empty = Self {
            types: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        read::extend(&empty, definitions, false)
    }

    /// The same with the types of one announcement, which may bring several. They stand in place of announced ones of the same
    /// name.
    ///
    /// # Errors
    /// It cannot be read, has no root type or a type twice, takes the name of a built-in type, or a type refers to what is not
    /// there then.
    pub fn with_custom(&self, definitions: &str) -> Result<Self, SchemaError> {
        read::extend(self, definitions, true)
    }

    /// Names of the types and enumerations that an announcement brings; none when it cannot be read.
    pub fn named_in(definitions: &str) -> Vec<String> {
        read::names(definitions).unwrap_or_default()
    }

    /// A type by name.
    pub fn type_named(&self, name: &str) -> Option<&TypeDefinition> {
        self.types.get(name)
    }

    /// A type that can be asked for by name.
    pub fn root(&self, name: &str) -> Option<&TypeDefinition> {
        self.type_named(name).filter(|definition| definition.is_root)
    }

    /// All types by name.
    pub fn types(&self) -> impl Iterator<Item = &TypeDefinition> {
        self.types.values()
    }

    /// The values of an enumeration.
    pub fn enumeration(&self, name: &str) -> Option<&[String]> {
        self.enums
            .get(name)
            .map(|enumeration| enumeration.values.as_slice())
    }

    /// All enumerations with their values, by name.
    pub fn enumerations(&self) -> impl Iterator<Item = (&str, &[String])> {
        let enums = self.enums.iter();
        enums.map(|(name, enumeration)| (name.as_str(), enumeration.values.as_slice()))
    }

    /// Names of types and enumerations that were not there earlier, or were others.
    pub fn changed_since<'s>(&'s self, earlier: &'s Self) -> impl Iterator<Item = &'s str> {
        let types = self.types.iter();
        let types = types.filter(|(name, kind)| earlier.types.get(*name) != Some(*kind));
        let enums = self.enums.iter();
        let enums = enums.filter(|(name, values)| earlier.enums.get(*name) != Some(*values));
        types
            .map(|(name, _)| name.as_str())
            .chain(enums.map(|(name, _)| name.as_str()))
    }

    /// Whether a name is that of an announced type or enumeration.
    fn is_announced(&self, name: &str) -> bool {
        self.types.get(name).is_some_and(|kind| kind.is_custom)
            || self.enums.get(name).is_some_and(|values| values.is_custom)
    }
}

impl TypeDefinition {
    /// A field by name.
    pub fn field(&self, name: &str) -> Option<&FieldDefinition> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether machines write its objects whole, so that earlier versions of them are kept (wire protocol 10.3, 10.4).
    pub fn is_written_by_machines(&self) -> bool {
        self.is_root && (self.is_custom || !self.composite_id.is_empty() || self.name == "SdmVersion")
    }

    /// Whether machines take its objects away again.
    pub fn is_forgotten_by_machines(&self) -> bool {
        self.is_custom || self.name == "SdmPreference"
    }
}
