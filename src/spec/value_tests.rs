//! Push tests inside of values: they need the catalogue, which the checker of values does not have.

use serde_json::Value;

use crate::model::{Field, ValueType};

use super::keys::Sorted;
use super::problems::Problems;
use super::reader::Reader;
use super::yaml::Node;

impl Reader<'_, '_> {
    /// The value in canonical form, the push tests in it read as rules' tests are.
    pub(crate) fn value_with_tests(&mut self, wanted: &ValueType, node: &Node, what: &str) -> Option<Value> {
        let value = self.checker.value(wanted, node, what)?;
        self.tests_of(wanted, node, value)
    }

    /// The value with its tests read.
    pub(crate) fn tests_of(&mut self, wanted: &ValueType, node: &Node, value: Value) -> Option<Value> {
        match wanted {
            ValueType::Test => {
                let test = self.test(node)?;
                Some(serde_json::to_value(test).expect("a test is made of texts and lists"))
            }
            ValueType::List(inner) => self.tests_of_list(inner, node, value),
            ValueType::Fields(fields) => self.tests_of_fields(fields, node, value),
            ValueType::TextOr(_, fields) if node.entries().is_some() => {
                self.tests_of_fields(fields, node, value)
            }
            _ => Some(value),
        }
    }

    fn tests_of_list(&mut self, inner: &ValueType, node: &Node, value: Value) -> Option<Value> {
        let Value::Array(values) = value else {
            return Some(value);
        };
        // One value may stand where a list is wanted.
        let read: Vec<Option<Value>> = match node.items() {
            Some(items) if items.len() == values.len() => items
                .iter()
                .zip(values)
                .map(|(item, value)| self.tests_of(inner, item, value))
                .collect(),
            Some(_) | None => values
                .into_iter()
                .map(|value| self.tests_of(inner, node, value))
                .collect(),
        };
        read.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn tests_of_fields(&mut self, fields: &'static [Field], node: &Node, value: Value) -> Option<Value> {
        let (Some(entries), Value::Object(mut values)) = (node.entries(), value) else {
            return None;
        };
        // What is wrong with the keys has been said.
        let mut said = Problems::default();
        let sorted = Sorted::over(entries, &[fields], &mut said);
        for field in fields {
            let Some(node) = sorted.value(field.name) else {
                continue;
            };
            let Some(value) = values.remove(field.name) else {
                continue;
            };
            values.insert(field.name.to_owned(), self.tests_of(&field.value, node, value)?);
        }
        Some(Value::Object(values))
    }
}
