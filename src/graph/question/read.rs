//! From text and variables to a checked question.

use async_graphql_parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType,
    Selection as Parsed, SelectionSet,
};
use async_graphql_parser::{Positioned, parse_query};
use async_graphql_value::{ConstValue, Name, Value as ParsedValue};
use serde_json::{Map, Value};
use thiserror::Error;

use super::limits::{self, Counter};
use super::{Condition, Operation, Question, Selection};
use crate::graph::schema::{Schema, TypeDefinition};
use crate::graph::{introspection, nesting};

/// Longest question in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// Longest pattern of `@matches`.
const MAX_PATTERN: usize = 1_000;

/// Why a question is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuestionError {
    /// Not the language.
    #[error("the question cannot be read: {0}")]
    Syntax(String),
    /// More than a hub answers.
    #[error("the question is too large: {0}")]
    TooLarge(String),
    /// Which of several operations is meant.
    #[error("there is no operation {0}")]
    Operation(String),
    /// A field that is not there.
    #[error("`{of}` has no field `{field}`")]
    UnknownField {
        /// The type.
        of: String,
        /// The field.
        field: String,
    },
    /// A field of the original that is not answered on purpose.
    #[error("`{field}` is not answered: {because}")]
    Withheld {
        /// The field.
        field: String,
        /// Why, and what to do instead.
        because: &'static str,
    },
    /// Objects without fields, or a scalar with some.
    #[error("`{field}` of `{of}` {because}")]
    Shape {
        /// The type.
        of: String,
        /// The field.
        field: String,
        /// What is wrong.
        because: &'static str,
    },
    /// A fragment that is not there or is for another type.
    #[error("fragment `{0}` is not there")]
    UnknownFragment(String),
    /// A variable without a value.
    #[error("variable `${0}` has no value")]
    Variable(String),
    /// A directive that cannot be.
    #[error("`@{directive}`: {because}")]
    Directive {
        /// Its name.
        directive: String,
        /// What is wrong.
        because: String,
    },
}

/// What a question is read with.
struct Reading<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: Map<String, Value>,
    counter: Counter,
}

impl Question {
    /// Reads and checks a question; `operation` chooses among several. Root fields of mutations are left to whoever
    /// carries them out.
    ///
    /// # Errors
    /// It cannot be read, asks for what is not there, or for too much.
    pub fn read(
        schema: &Schema,
        text: &str,
        operation: Option<&str>,
        variables: &Map<String, Value>,
    ) -> Result<Self, QuestionError> {
        if text.len() > MAX_TEXT {
            return Err(QuestionError::TooLarge(format!(
                "it has more than {} KiB",
                MAX_TEXT / 1024
            )));
        }
        nesting::check(text).map_err(QuestionError::TooLarge)?;
        let document = parse_query(text).map_err(|error| QuestionError::Syntax(error.to_string()))?;
        let (name, definition) = choose(&document, operation)?;
        let mut reading = Reading {
            schema,
            document: &document,
            variables: with_defaults(definition, variables),
            counter: Counter::default(),
        };
        let roots = reading.roots(definition)?;
        limits::check_cost(schema, &roots)?;
        Ok(Self {
            operation: match definition.ty {
                OperationType::Query => Operation::Query,
                OperationType::Mutation => Operation::Mutation,
                OperationType::Subscription => Operation::Subscription,
            },
            name,
            roots,
        })
    }
}

/// Why a root field of the original is not answered: whoever may ask the graph would get what opens other systems.
fn withheld(field: &str) -> Option<&'static str> {
    let is_secret = ["Password", "Credential", "OAuthToken"].contains(&field);
    is_secret.then_some(
        "no secret is in the graph; give goals their secrets by the configuration of the machine that runs them",
    )
}

fn choose<'d>(
    document: &'d ExecutableDocument,
    wanted: Option<&str>,
) -> Result<(Option<String>, &'d OperationDefinition), QuestionError> {
    match (&document.operations, wanted.filter(|name| !name.is_empty())) {
        (DocumentOperations::Single(only), _) => Ok((None, &only.node)),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => {
            let only = all.iter().next().expect("there is one");
            Ok((Some(only.0.to_string()), &only.1.node))
        }
        (DocumentOperations::Multiple(all), Some(name)) => all
            .get(name)
            .map(|found| (Some(name.to_owned()), &found.node))
            .ok_or_else(|| QuestionError::Operation(format!("`{name}`"))),
        (DocumentOperations::Multiple(_), None) => Err(QuestionError::Operation(
            "named, and there are several".to_owned(),
        )),
    }
}

fn with_defaults(definition: &OperationDefinition, given: &Map<String, Value>) -> Map<String, Value> {
    let mut variables = given.clone();
    for variable in &definition.variable_definitions {
        let name = variable.node.name.node.as_str();
        if let Some(default) = variable.node.default_value()
            && !variables.contains_key(name)
        {
            variables.insert(name.to_owned(), json_of(default));
        }
    }
    variables
}

fn json_of(value: &ConstValue) -> Value {
    value.clone().into_json().unwrap_or(Value::Null)
}

impl<'a> Reading<'a> {
    fn roots(&mut self, definition: &OperationDefinition) -> Result<Vec<Selection>, QuestionError> {
        let mut fields = Vec::new();
        self.collect(&definition.selection_set.node, 1, &mut fields)?;
        limits::check_roots(fields.len())?;
        let mut roots = Vec::new();
        for field in fields {
            let name = field.name.node.as_str();
            let kind = match definition.ty {
                _ if name == "__typename" => None,
                OperationType::Mutation => None,
                OperationType::Query => Some(self.root_type(name, introspection::root(name))?),
                OperationType::Subscription => Some(self.root_type(name, None)?),
            };
            roots.push(self.selection(&field, kind, 1)?);
        }
        Ok(roots)
    }

    /// The type of a root field, which may be one of the language.
    fn root_type(
        &self,
        name: &str,
        of_language: Option<&'static TypeDefinition>,
    ) -> Result<&'a TypeDefinition, QuestionError> {
        let found = self.schema.root(name).or(of_language);
        found.ok_or_else(|| match withheld(name) {
            Some(because) => QuestionError::Withheld {
                field: name.to_owned(),
                because,
            },
            None => QuestionError::UnknownField {
                of: "Query".to_owned(),
                field: name.to_owned(),
            },
        })
    }

    fn type_named(&self, name: &str) -> Option<&'a TypeDefinition> {
        let found = self.schema.type_named(name);
        found.or_else(|| introspection::type_named(name))
    }

    /// The fields of a selection with those of its fragments. Types of fragments are not compared: every place has one type.
    fn collect(
        &mut self,
        set: &SelectionSet,
        depth: usize,
        fields: &mut Vec<Field>,
    ) -> Result<(), QuestionError> {
        for item in &set.items {
            self.counter.field(depth)?;
            if self.is_left_out(item.node.directives())? {
                continue;
            }
            match &item.node {
                Parsed::Field(field) => fields.push(field.node.clone()),
                Parsed::InlineFragment(fragment) => {
                    self.collect(&fragment.node.selection_set.node, depth + 1, fields)?;
                }
                Parsed::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let document = self.document;
                    let fragment = document
                        .fragments
                        .get(name)
                        .ok_or_else(|| QuestionError::UnknownFragment(name.to_string()))?;
                    self.collect(&fragment.node.selection_set.node, depth + 1, fields)?;
                }
            }
        }
        Ok(())
    }

    fn selection(
        &mut self,
        field: &Field,
        kind: Option<&'a TypeDefinition>,
        depth: usize,
    ) -> Result<Selection, QuestionError> {
        let mut inner = Vec::new();
        self.collect(&field.selection_set.node, depth + 1, &mut inner)?;
        let mut fields = Vec::new();
        for field in &inner {
            fields.push(match kind {
                Some(kind) => self.field_of(kind, field, depth + 1)?,
                None => self.selection(field, None, depth + 1)?,
            });
        }
        let mut selection = Selection {
            name: field.name.node.to_string(),
            key: field.response_key().node.to_string(),
            arguments: self.arguments(&field.arguments)?,
            required: false,
            conditions: Vec::new(),
            fields,
        };
        for directive in &field.directives {
            self.apply(&directive.node, &mut selection)?;
        }
        Ok(selection)
    }

    /// A field of an object of a known type.
    fn field_of(
        &mut self,
        kind: &'a TypeDefinition,
        field: &Field,
        depth: usize,
    ) -> Result<Selection, QuestionError> {
        let name = field.name.node.as_str();
        if name == "__typename" {
            return self.selection(field, None, depth);
        }
        let definition = kind.field(name).ok_or_else(|| QuestionError::UnknownField {
            of: kind.name.clone(),
            field: name.to_owned(),
        })?;
        let object = definition.holds.object();
        let wrong = match (object.is_some(), field.selection_set.node.items.is_empty()) {
            (true, true) => Some("is an object: say which of its fields"),
            (false, false) => Some("has no fields of its own"),
            (true, false) | (false, true) => None,
        };
        if let Some(because) = wrong {
            return Err(QuestionError::Shape {
                of: kind.name.clone(),
                field: name.to_owned(),
                because,
            });
        }
        let inner = object.and_then(|name| self.type_named(name));
        self.selection(field, inner, depth)
    }

    fn arguments(
        &self,
        arguments: &[(Positioned<Name>, Positioned<ParsedValue>)],
    ) -> Result<Vec<(String, Value)>, QuestionError> {
        let argument = |(name, value): &(Positioned<Name>, Positioned<ParsedValue>)| {
            Ok((name.node.to_string(), self.value(&value.node)?))
        };
        arguments.iter().map(argument).collect()
    }

    /// A value with its variables replaced. A variable that is not given counts as `null`: clients leave them out.
    fn value(&self, value: &ParsedValue) -> Result<Value, QuestionError> {
        let variables: &Map<String, Value> = &self.variables;
        let replaced = value.clone().into_const_with(|name| {
            let value = variables.get(name.as_str()).cloned().unwrap_or(Value::Null);
            ConstValue::from_json(value).map_err(|_| QuestionError::Variable(name.to_string()))
        })?;
        Ok(json_of(&replaced))
    }

    /// Whether directives say that this is not asked.
    fn is_left_out(&self, directives: &[Positioned<Directive>]) -> Result<bool, QuestionError> {
        for directive in directives {
            let left_out_if = match directive.node.name.node.as_str() {
                "skip" => true,
                "include" => false,
                _ => continue,
            };
            if let Some(condition) = directive.node.get_argument("if")
                && self.value(&condition.node)? == Value::Bool(left_out_if)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn apply(&self, directive: &Directive, selection: &mut Selection) -> Result<(), QuestionError> {
        let argument = |name: &str| match directive.get_argument(name) {
            Some(value) => self.value(&value.node).map(Some),
            None => Ok(None),
        };
        match directive.name.node.as_str() {
            "required" => selection.required = true,
            "ne" => {
                let value = argument("value")?.unwrap_or(Value::Null);
                selection.conditions.push(Condition::Not(value));
            }
            "matches" => {
                let pattern = argument("re")?.unwrap_or(Value::Null);
                selection
                    .conditions
                    .push(matches(pattern.as_str().unwrap_or_default())?);
            }
            // Whatever else clients write changes nothing here.
            _ => {}
        }
        Ok(())
    }
}

fn matches(pattern: &str) -> Result<Condition, QuestionError> {
    let wrong = |because: String| QuestionError::Directive {
        directive: "matches".to_owned(),
        because,
    };
    if pattern.len() > MAX_PATTERN {
        return Err(wrong(format!("the pattern has more than {MAX_PATTERN} bytes")));
    }
    regex::Regex::new(pattern)
        .map(Condition::Matches)
        .map_err(|error| wrong(error.to_string()))
}
