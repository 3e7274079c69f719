//! A schema as the language describes it: its types with the arguments of their fields, orders and directives.

use std::collections::BTreeMap;

use super::{LANGUAGE, mutations};
use crate::graph::schema::{FieldDefinition, Holds, SCALARS, Schema, TypeDefinition};

/// The order of pages.
const ORDERING: &str = "_Ordering";

/// Everything that can be asked, by the names of types.
#[derive(Debug, Default)]
pub(super) struct Description {
    types: BTreeMap<String, Described>,
}

/// One type.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) shape: Shape,
}

/// What a type consists of.
#[derive(Debug)]
pub(super) enum Shape {
    Scalar,
    Object(Vec<Field>),
    Enumeration(Vec<String>),
    Input(Vec<Argument>),
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) arguments: Vec<Argument>,
    pub(super) holds: TypeName,
}

/// An argument, or a field of an input.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) holds: TypeName,
}

/// A type where it is used.
#[derive(Debug, Clone)]
pub(super) enum TypeName {
    Named(String),
    List(Box<TypeName>),
    Required(Box<TypeName>),
}

/// What may stand behind a field, and what it does there.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) locations: &'static [&'static str],
    pub(super) arguments: Vec<Argument>,
}

impl TypeName {
    pub(super) fn named(name: &str) -> Self {
        Self::Named(name.to_owned())
    }

    pub(super) fn list(self) -> Self {
        Self::List(Box::new(self))
    }

    pub(super) fn required(self) -> Self {
        Self::Required(Box::new(self))
    }
}

impl Argument {
    pub(super) fn new(name: &str, holds: TypeName) -> Self {
        Self {
            name: name.to_owned(),
            holds,
        }
    }
}

impl Shape {
    /// The word of the language for it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Scalar => "SCALAR",
            Self::Object(_) => "OBJECT",
            Self::Enumeration(_) => "ENUM",
            Self::Input(_) => "INPUT_OBJECT",
        }
    }
}

impl Description {
    /// Of everything in a schema.
    pub(super) fn of(schema: &Schema) -> Self {
        let mut description = Self::default();
        for name in SCALARS {
            description.add(name, scalar_meaning(name), Shape::Scalar);
        }
        description.add_enumeration(ORDERING, ["asc", "desc"].map(str::to_owned).to_vec());
        for (name, values) in schema.enumerations().chain(LANGUAGE.enumerations()) {
            description.add_enumeration(name, values.to_vec());
        }
        for kind in schema.types() {
            let fields = kind.fields.iter().map(|field| described(schema, field));
            description.add(
                &kind.name,
                kind.description.as_deref(),
                Shape::Object(fields.collect()),
            );
            description.add_order_of(kind);
        }
        for kind in LANGUAGE.types() {
            let fields = kind.fields.iter().map(without_arguments);
            description.add(
                &kind.name,
                kind.description.as_deref(),
                Shape::Object(fields.collect()),
            );
        }
        for root in ["Query", "Subscription"] {
            let roots = schema.types().filter(|kind| kind.is_root).map(root_field);
            description.add(root, None, Shape::Object(roots.collect()));
        }
        mutations::describe(schema, &mut description);
        description
    }

    /// All types.
    pub(super) fn types(&self) -> impl Iterator<Item = &Described> {
        self.types.values()
    }

    /// A type by name.
    pub(super) fn type_named(&self, name: &str) -> Option<&Described> {
        self.types.get(name)
    }

    /// One more type; a name that is taken stays what it is.
    pub(super) fn add(&mut self, name: &str, description: Option<&str>, shape: Shape) {
        let described = || Described {
            name: name.to_owned(),
            description: description.map(str::to_owned),
            shape,
        };
        self.types.entry(name.to_owned()).or_insert_with(described);
    }

    fn add_enumeration(&mut self, name: &str, values: Vec<String>) {
        self.add(name, None, Shape::Enumeration(values));
    }

    /// By what objects of a root type can be ordered.
    fn add_order_of(&mut self, kind: &TypeDefinition) {
        let both = |field: &FieldDefinition| ["asc", "desc"].map(|order| format!("{}_{order}", field.name));
        let values: Vec<String> = own_values(kind).flat_map(both).collect();
        if !values.is_empty() {
            self.add_enumeration(&order_of(kind), values);
        }
    }
}

/// What may stand behind fields.
pub(super) fn directives() -> Vec<Directive> {
    const ANYWHERE: &[&str] = &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"];
    let condition = || vec![Argument::new("if", TypeName::named("Boolean").required())];
    let directive = |name, description, locations, arguments| Directive {
        name,
        description,
        locations,
        arguments,
    };
    vec![
        directive(
            "required",
            "Drops the object around the field when it has no value.",
            &["FIELD"],
            Vec::new(),
        ),
        directive(
            "ne",
            "Counts a field as having no value when it has this one.",
            &["FIELD"],
            vec![Argument::new("value", TypeName::named("JSON"))],
        ),
        directive(
            "matches",
            "Counts a field as having no value unless the expression is found in it.",
            &["FIELD"],
            vec![Argument::new("re", TypeName::named("String").required())],
        ),
        directive("include", "Asks only if this is true.", ANYWHERE, condition()),
        directive("skip", "Asks unless this is true.", ANYWHERE, condition()),
    ]
}

fn scalar_meaning(name: &str) -> Option<&'static str> {
    match name {
        "Int" => Some("A whole number of up to 53 bits, such as a moment in milliseconds."),
        "JSON" => Some("Any value."),
        _ => None,
    }
}

fn described(schema: &Schema, field: &FieldDefinition) -> Field {
    let behind = field.holds.object().and_then(|name| schema.type_named(name));
    let is_of_nodes = matches!(field.holds, Holds::Link(_) | Holds::Reverse { .. });
    // What is part of an object is filtered by several values of each field.
    let of = |kind: &TypeDefinition| filters(kind, kind.is_written_by_machines() || !is_of_nodes);
    let mut arguments = behind.map_or(Vec::new(), of);
    if let Some(kind) = behind.filter(|_| field.is_list && is_of_nodes) {
        add_pages(kind, &mut arguments);
    }
    Field {
        arguments,
        ..without_arguments(field)
    }
}

fn without_arguments(field: &FieldDefinition) -> Field {
    let name = match &field.holds {
        Holds::Scalar(name) | Holds::Embedded(name) | Holds::Link(name) | Holds::Reverse { of: name, .. } => {
            TypeName::named(name)
        }
    };
    Field {
        name: field.name.clone(),
        description: field.description.clone(),
        arguments: Vec::new(),
        holds: if field.is_list { name.list() } else { name },
    }
}

fn root_field(kind: &TypeDefinition) -> Field {
    let mut arguments = filters(kind, kind.is_written_by_machines());
    add_pages(kind, &mut arguments);
    if kind.is_written_by_machines() {
        arguments.push(Argument::new("_showHistory", TypeName::named("Boolean")));
    }
    Field {
        name: kind.name.clone(),
        description: kind.description.clone(),
        arguments,
        holds: TypeName::named(&kind.name).list(),
    }
}

/// Fields with values of their own.
fn own_values(kind: &TypeDefinition) -> impl Iterator<Item = &FieldDefinition> {
    kind.fields
        .iter()
        .filter(|field| matches!(field.holds, Holds::Scalar(_)))
}

/// Equality with fields; types that machines write take several values of each (wire protocol 10.3).
fn filters(kind: &TypeDefinition, takes_several: bool) -> Vec<Argument> {
    let filter = |field: &FieldDefinition| {
        let Holds::Scalar(name) = &field.holds else {
            return None;
        };
        let name = TypeName::named(name);
        let holds = if takes_several || field.is_list {
            name.list()
        } else {
            name
        };
        Some(Argument::new(&field.name, holds))
    };
    kind.fields.iter().filter_map(filter).collect()
}

/// Which page of several nodes.
fn add_pages(kind: &TypeDefinition, arguments: &mut Vec<Argument>) {
    let order = own_values(kind)
        .next()
        .map(|_| ("orderBy", TypeName::Named(order_of(kind)).list()));
    let pages = [
        ("_first", TypeName::named("Int")),
        ("_offset", TypeName::named("Int")),
        ("_orderBy", TypeName::named("String")),
        ("_ordering", TypeName::named(ORDERING)),
        ("first", TypeName::named("Int")),
        ("offset", TypeName::named("Int")),
    ];
    for (name, holds) in pages.into_iter().chain(order) {
        if arguments.iter().all(|argument| argument.name != name) {
            arguments.push(Argument::new(name, holds));
        }
    }
}

fn order_of(kind: &TypeDefinition) -> String {
    format!("_{}Ordering", kind.name)
}
