//! Arguments of fields: filters by the names of fields, and which page of what is found (wire protocol 10.1).

use std::sync::Arc;

use serde_json::Value;

use super::AnswerError;
use crate::graph::question::Selection;
use crate::graph::schema::{Holds, TypeDefinition};
use crate::ports::graph::{Filter, Find, Node};

/// Nodes of a page when nobody says.
const PAGE: u32 = 100;
/// Nodes of a page at most.
const MAX_PAGE: u32 = 1_000;

/// The search that a root field is.
///
/// # Errors
/// An argument is neither a scalar field of the type nor one of paging.
pub fn find_of(kind: &TypeDefinition, root: &Selection) -> Result<Find, AnswerError> {
    let (order_by, descending) = order(root);
    Ok(Find {
        kind: kind.name.clone(),
        filters: filters(kind, root)?,
        order_by,
        descending,
        first: count(root, &["_first", "first"]).unwrap_or(PAGE).min(MAX_PAGE),
        offset: count(root, &["_offset", "offset"]).unwrap_or(0),
        history: root.argument("_showHistory").and_then(Value::as_bool) == Some(true),
    })
}

const PAGING: [&str; 7] = [
    "_first",
    "first",
    "_offset",
    "offset",
    "_orderBy",
    "_ordering",
    "orderBy",
];

/// The filters among the arguments of a field that holds objects of a type.
///
/// # Errors
/// An argument is neither a scalar field of the type nor one of paging.
pub(super) fn filters(kind: &TypeDefinition, selection: &Selection) -> Result<Vec<Filter>, AnswerError> {
    let mut filters = Vec::new();
    for (name, wanted) in &selection.arguments {
        if PAGING.contains(&name.as_str()) || name == "_showHistory" {
            continue;
        }
        let is_scalar = kind
            .field(name)
            .is_some_and(|field| matches!(field.holds, Holds::Scalar(_)));
        if !is_scalar {
            return Err(AnswerError::Argument {
                field: selection.name.clone(),
                argument: name.clone(),
                because: format!("`{}` has no such field of its own", kind.name),
            });
        }
        filters.extend(filter_of(name, wanted));
    }
    Ok(filters)
}

/// A filter by one value or one of several; `null`, `[null]` and `[]` are none.
pub(super) fn filter_of(field: &str, wanted: &Value) -> Option<Filter> {
    let any_of: Vec<Value> = match wanted {
        Value::Array(values) => values.iter().filter(|value| !value.is_null()).cloned().collect(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    (!any_of.is_empty()).then(|| Filter {
        field: field.to_owned(),
        any_of,
    })
}

/// The field that orders, and whether the largest comes first; `timestamp_desc` says both.
fn order(selection: &Selection) -> (Option<String>, bool) {
    let first = |value: &Value| match value {
        Value::Array(values) => values.first().and_then(Value::as_str).map(str::to_owned),
        other => other.as_str().map(str::to_owned),
    };
    if let Some(by) = selection.argument("_orderBy").and_then(first) {
        let ordering = selection.argument("_ordering").and_then(first);
        return (Some(by), ordering.as_deref() == Some("desc"));
    }
    let Some(by) = selection.argument("orderBy").and_then(first) else {
        return (None, true);
    };
    match (by.strip_suffix("_desc"), by.strip_suffix("_asc")) {
        (Some(field), _) => (Some(field.to_owned()), true),
        (None, Some(field)) => (Some(field.to_owned()), false),
        (None, None) => (Some(by), false),
    }
}

fn count(selection: &Selection, names: &[&str]) -> Option<u32> {
    let value = names.iter().find_map(|name| selection.argument(name))?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Whether a field asks for a part of what is behind it.
pub(super) fn is_cut(selection: &Selection) -> bool {
    count(selection, &["_offset", "offset", "_first", "first"]).is_some()
}

/// The page of the nodes behind a field.
pub(super) fn page(mut nodes: Vec<Arc<Node>>, selection: &Selection) -> Vec<Arc<Node>> {
    if let (Some(by), descending) = order(selection) {
        nodes.sort_by(|one, other| {
            let ordering = compare(one.body.get(&by), other.body.get(&by));
            if descending { ordering.reverse() } else { ordering }
        });
    }
    let offset = count(selection, &["_offset", "offset"]).unwrap_or(0) as usize;
    let first = count(selection, &["_first", "first"]).unwrap_or(u32::MAX) as usize;
    nodes.into_iter().skip(offset).take(first).collect()
}

fn compare(one: Option<&Value>, other: Option<&Value>) -> std::cmp::Ordering {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one
            .as_f64()
            .unwrap_or(0.0)
            .total_cmp(&other.as_f64().unwrap_or(0.0)),
        (one, other) => one.and_then(Value::as_str).cmp(&other.and_then(Value::as_str)),
    }
}
