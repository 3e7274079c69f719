//! A question to the graph: what was asked, checked against the schema and the limits before anything is read.

mod limits;
mod read;

use serde_json::Value;

pub use read::QuestionError;

/// What is done with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is given once.
    Query,
    /// Something changes first.
    Mutation,
    /// It is given each time it changes.
    Subscription,
}

/// A checked question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is done with the answer.
    pub operation: Operation,
    /// Name of the operation; for subscriptions, of the handler.
    pub name: Option<String>,
    /// Root fields, in the order asked.
    pub roots: Vec<Selection>,
}

/// One field that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Name of the field.
    pub name: String,
    /// Key in the answer.
    pub key: String,
    /// Arguments, variables replaced.
    pub arguments: Vec<(String, Value)>,
    /// Whether the object goes when this has no value.
    pub required: bool,
    /// What its value must not be, and must match.
    pub conditions: Vec<Condition>,
    /// What is asked of the objects that it holds.
    pub fields: Vec<Selection>,
}

/// A condition on the value of a field; where it does not hold, the field counts as having none.
#[derive(Debug, Clone)]
pub enum Condition {
    /// `@ne(value: …)`.
    Not(Value),
    /// `@matches(re: …)`, found anywhere.
    Matches(regex::Regex),
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Not(one), Self::Not(other)) => one == other,
            (Self::Matches(one), Self::Matches(other)) => one.as_str() == other.as_str(),
            (Self::Not(_), Self::Matches(_)) | (Self::Matches(_), Self::Not(_)) => false,
        }
    }
}

impl Condition {
    /// Whether a value meets it.
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Not(unwanted) => value != unwanted,
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
        }
    }
}

impl Selection {
    /// An argument by name; `null` counts as absent.
    pub fn argument(&self, name: &str) -> Option<&Value> {
        let found = self.arguments.iter().find(|(argument, _)| argument == name);
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }
}
