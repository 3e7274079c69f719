//! Who may want to hear of a node, found by a value that it has: where ten thousand machines each listen to a branch of their own, a push
//! is not held against all of them.

use std::collections::HashMap;

use serde_json::Value;

use crate::ports::graph::{Filter, Node};

/// Places of listeners of one type, by what they ask for.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By a field and one of the values that it must have.
    by_value: HashMap<String, HashMap<String, Vec<usize>>>,
    /// Of those who ask for no value.
    others: Vec<usize>,
}

/// A value as it is found. Numbers and texts that read alike are alike.
fn found_by(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first field that must have one of some values, all of which are found.
fn told_by(filters: &[Filter]) -> Option<(&str, Vec<String>)> {
    let own = filters.iter().filter(|filter| !filter.field.contains(['.', '[']));
    own.into_iter().find_map(|filter| {
        let values: Option<Vec<String>> = filter.any_of.iter().map(found_by).collect();
        Some((filter.field.as_str(), values?))
    })
}

impl Places {
    /// Somebody at a place asks for nodes like this.
    pub(super) fn add(&mut self, place: usize, filters: &[Filter]) {
        let Some((field, mut values)) = told_by(filters) else {
            self.others.push(place);
            return;
        };
        values.sort();
        values.dedup();
        let by_value = self.by_value.entry(field.to_owned()).or_default();
        for value in values {
            by_value.entry(value).or_default().push(place);
        }
    }

    /// Places of those who may want to hear of a node, in order. None else does.
    pub(super) fn of(&self, node: &Node) -> Vec<usize> {
        let mut places = self.others.clone();
        for (field, by_value) in &self.by_value {
            let value = node.body.get(field).and_then(found_by);
            places.extend(value.and_then(|value| by_value.get(&value)).into_iter().flatten());
        }
        places.sort_unstable();
        places
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(field: &str, any_of: &[Value]) -> Filter {
        Filter {
            field: field.to_owned(),
            any_of: any_of.to_vec(),
        }
    }

    #[test]
    fn whoever_wants_to_hear_is_found_and_hardly_anybody_else() {
        let asked: Vec<Vec<Filter>> = vec![
            vec![filter("branch", &[json!("main")])],
            vec![],
            vec![filter("branch", &[json!("other"), json!("main")])],
            vec![filter("number", &[json!(7)]), filter("branch", &[json!("main")])],
            vec![filter("is_open", &[json!(true)])],
            vec![filter("branch", &[json!(null), json!("main")])],
            vec![filter("number", &[json!("7"), json!(7)])],
            vec![
                filter("at.place", &[json!("x")]),
                filter("labels[]", &[json!("l")]),
            ],
        ];
        let mut places = Places::default();
        for (place, filters) in asked.iter().enumerate() {
            places.add(place, filters);
        }
        let nodes = [
            json!({"branch": "main"}),
            json!({"branch": "other", "number": 7}),
            json!({"branch": "other", "number": "7", "is_open": true}),
            json!({"branch": null}),
            json!({"at": {"place": "x"}, "labels": ["l"]}),
            json!({}),
        ];
        for body in nodes {
            let node = Node {
                body: body.as_object().unwrap().clone(),
                ..Node::default()
            };
            let found = places.of(&node);
            let wants = |filters: &[Filter]| filters.iter().all(|filter| filter.holds(&node.body));
            for (place, filters) in asked.iter().enumerate() {
                assert!(!wants(filters) || found.contains(&place), "{body}: {filters:?}");
            }
            assert!(found.is_sorted());
        }
        let other = Node {
            body: json!({"branch": "third", "number": 8})
                .as_object()
                .unwrap()
                .clone(),
            ..Node::default()
        };
        assert_eq!(
            places.of(&other),
            [1, 4, 5, 7],
            "those who ask for no text and no number of the node itself"
        );
    }
}
