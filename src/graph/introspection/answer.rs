//! What of the description of a schema is asked for.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value};

use super::describe::{self, Argument, Described, Description, Directive, Field, Shape, TypeName};
use crate::graph::answer::AnswerError;
use crate::graph::question::Selection;
use crate::graph::schema::Schema;

/// Most objects of all descriptions in one answer: what tools ask takes a tenth of that.
const MAX_OBJECTS: u32 = 150_000;

/// The types of a schema, for one answer.
#[derive(Debug)]
pub(in crate::graph) struct Introspection {
    description: Description,
    objects: AtomicU32,
}

/// What is said of something.
type Said = Result<Value, AnswerError>;

impl Introspection {
    /// Of what is in a schema.
    pub(in crate::graph) fn of(schema: &Schema) -> Self {
        Self {
            description: Description::of(schema),
            objects: AtomicU32::new(0),
        }
    }

    /// The value of `__schema` or `__type`.
    ///
    /// # Errors
    /// The answer is too large.
    pub(in crate::graph) fn answer(&self, root: &Selection) -> Said {
        match root.name.as_str() {
            "__type" => self.named(root.argument("name").and_then(Value::as_str), root),
            _ => self.schema(root),
        }
    }

    /// An object of a type of the language: for each field that is asked for, what `value` says.
    fn object(&self, kind: &str, asked: &Selection, value: impl Fn(&Selection) -> Said) -> Said {
        if self.objects.fetch_add(1, Ordering::Relaxed) >= MAX_OBJECTS {
            return Err(AnswerError::TooLarge(MAX_OBJECTS));
        }
        let mut object = Map::new();
        for field in &asked.fields {
            let value = match field.name.as_str() {
                "__typename" => Value::from(kind),
                _ => value(field)?,
            };
            object.insert(field.key.clone(), value);
        }
        Ok(Value::Object(object))
    }

    fn schema(&self, asked: &Selection) -> Said {
        self.object("__Schema", asked, |field| match field.name.as_str() {
            "types" => list(self.description.types(), |kind| self.described(kind, field)),
            "queryType" => self.named(Some("Query"), field),
            "mutationType" => self.named(Some("Mutation"), field),
            "subscriptionType" => self.named(Some("Subscription"), field),
            "directives" => list(&describe::directives(), |directive| {
                self.directive(directive, field)
            }),
            _ => Ok(Value::Null),
        })
    }

    fn named(&self, name: Option<&str>, asked: &Selection) -> Said {
        let found = name.and_then(|name| self.description.type_named(name));
        found.map_or(Ok(Value::Null), |kind| self.described(kind, asked))
    }

    /// A type where it is used.
    fn used(&self, name: &TypeName, asked: &Selection) -> Said {
        let (word, inner) = match name {
            TypeName::Named(name) => return self.named(Some(name), asked),
            TypeName::List(inner) => ("LIST", inner),
            TypeName::Required(inner) => ("NON_NULL", inner),
        };
        self.object("__Type", asked, |field| match field.name.as_str() {
            "kind" => Ok(Value::from(word)),
            "ofType" => self.used(inner, field),
            _ => Ok(Value::Null),
        })
    }

    fn described(&self, kind: &Described, asked: &Selection) -> Said {
        self.object("__Type", asked, |field| {
            match (field.name.as_str(), &kind.shape) {
                ("kind", shape) => Ok(Value::from(shape.kind())),
                ("name", _) => Ok(Value::from(kind.name.as_str())),
                ("description", _) => Ok(Value::from(kind.description.clone())),
                ("fields", Shape::Object(fields)) => list(fields, |one| self.field(one, field)),
                ("interfaces", Shape::Object(_)) => Ok(Value::Array(Vec::new())),
                ("enumValues", Shape::Enumeration(values)) => list(values, |one| self.value(one, field)),
                ("inputFields", Shape::Input(fields)) => list(fields, |one| self.argument(one, field)),
                ("isOneOf", Shape::Input(_)) => Ok(Value::from(false)),
                _ => Ok(Value::Null),
            }
        })
    }

    fn field(&self, described: &Field, asked: &Selection) -> Said {
        self.object("__Field", asked, |field| match field.name.as_str() {
            "name" => Ok(Value::from(described.name.as_str())),
            "description" => Ok(Value::from(described.description.clone())),
            "args" => list(&described.arguments, |one| self.argument(one, field)),
            "type" => self.used(&described.holds, field),
            "isDeprecated" => Ok(Value::from(false)),
            _ => Ok(Value::Null),
        })
    }

    fn argument(&self, described: &Argument, asked: &Selection) -> Said {
        self.object("__InputValue", asked, |field| match field.name.as_str() {
            "name" => Ok(Value::from(described.name.as_str())),
            "type" => self.used(&described.holds, field),
            "isDeprecated" => Ok(Value::from(false)),
            _ => Ok(Value::Null),
        })
    }

    fn value(&self, value: &str, asked: &Selection) -> Said {
        self.object("__EnumValue", asked, |field| match field.name.as_str() {
            "name" => Ok(Value::from(value)),
            "isDeprecated" => Ok(Value::from(false)),
            _ => Ok(Value::Null),
        })
    }

    fn directive(&self, directive: &Directive, asked: &Selection) -> Said {
        self.object("__Directive", asked, |field| match field.name.as_str() {
            "name" => Ok(Value::from(directive.name)),
            "description" => Ok(Value::from(directive.description)),
            "isRepeatable" => Ok(Value::from(false)),
            "locations" => Ok(Value::from(directive.locations.to_vec())),
            "args" => list(&directive.arguments, |one| self.argument(one, field)),
            _ => Ok(Value::Null),
        })
    }
}

fn list<T>(things: impl IntoIterator<Item = T>, one: impl Fn(T) -> Said) -> Said {
    let all: Result<Vec<Value>, AnswerError> = things.into_iter().map(one).collect();
    all.map(Value::Array)
}
