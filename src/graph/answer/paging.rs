//! Arguments of fields: filters by the names of fields, and which page of what is found in which order (wire protocol 10.1).

use serde_json::Value;

use super::AnswerError;
use super::budget::MAX_NODES;
use crate::graph::question::Selection;
use crate::graph::schema::{FieldDefinition, Holds, Schema, TypeDefinition};
use crate::ports::graph::{Filter, Find, Order};

/// Nodes of a page of a root field when nobody says.
const PAGE: u32 = 100;

/// Nodes of a page at most: one more than an answer takes, so that nobody takes a part for all.
pub(super) const MAX_PAGE: u32 = MAX_NODES + 1;

/// Most values of one filter.
const MAX_VALUES: usize = 1_000;

/// The search that a root field is.
///
/// # Errors
/// An argument is neither a scalar field of the type, nor one within an object of it, nor one of paging.
pub fn find_of(schema: &Schema, kind: &TypeDefinition, root: &Selection) -> Result<Find, AnswerError> {
    let searched = search_of(schema, kind, root)?;
    Ok(Find {
        descending: true,
        first: first(root).unwrap_or(PAGE).min(MAX_PAGE),
        ..searched
    })
}

/// The search that a field is which holds objects of a type: all of them when it does not say how many.
///
/// # Errors
/// As [`find_of`].
pub(super) fn search_of(
    schema: &Schema,
    kind: &TypeDefinition,
    selection: &Selection,
) -> Result<Find, AnswerError> {
    Ok(Find {
        kind: kind.name.clone(),
        pointing: None,
        filters: filters(schema, kind, selection)?,
        order_by: orders(kind, selection)?,
        descending: false,
        first: first(selection).unwrap_or(MAX_PAGE).min(MAX_PAGE),
        offset: offset(selection),
        history: selection.argument("_showHistory").and_then(Value::as_bool) == Some(true),
    })
}

/// Whether all arguments of a root field and of what is asked behind it make sense.
///
/// # Errors
/// As [`find_of`], for the first that does not.
pub fn check(schema: &Schema, kind: &TypeDefinition, root: &Selection) -> Result<(), AnswerError> {
    search_of(schema, kind, root)?;
    for selection in &root.fields {
        let behind = kind.field(&selection.name).and_then(super::linked_kind);
        if let Some(behind) = behind.and_then(|name| schema.type_named(name)) {
            check(schema, behind, selection)?;
        }
    }
    Ok(())
}

const PAGING: [&str; 8] = [
    "_first",
    "first",
    "_offset",
    "offset",
    "_orderBy",
    "_ordering",
    "orderBy",
    "_showHistory",
];

/// The filters among the arguments of a field that holds objects of a type.
fn filters(
    schema: &Schema,
    kind: &TypeDefinition,
    selection: &Selection,
) -> Result<Vec<Filter>, AnswerError> {
    let mut filters = Vec::new();
    for (name, wanted) in &selection.arguments {
        if !PAGING.contains(&name.as_str()) {
            let wrong = |because| wrong(selection, name, because);
            add_filters(schema, (kind, ""), (name, wanted), &mut filters).map_err(wrong)?;
        }
    }
    Ok(filters)
}

fn wrong(selection: &Selection, argument: &str, because: String) -> AnswerError {
    AnswerError::Argument {
        field: selection.name.clone(),
        argument: argument.to_owned(),
        because,
    }
}

/// The filters that an argument is, within objects `before` the field that it names; or why it is none.
fn add_filters(
    schema: &Schema,
    (kind, before): (&TypeDefinition, &str),
    (name, wanted): (&str, &Value),
    filters: &mut Vec<Filter>,
) -> Result<(), String> {
    let field = kind.field(name);
    let unknown = || format!("`{}` has no such field of its own", kind.name);
    let field = field
        .filter(|field| super::linked_kind(field).is_none())
        .ok_or_else(unknown)?;
    if field.is_private {
        return Err("it holds addresses of people, and nobody is found by those".to_owned());
    }
    let path = format!("{before}{name}{}", if field.is_list { "[]" } else { "" });
    let inner = field.holds.object().and_then(|name| schema.type_named(name));
    match (inner, wanted) {
        (_, Value::Null) => {}
        (None, wanted) => filters.extend(filter_of(&path, wanted)?),
        (Some(inner), Value::Object(parts)) => {
            for (name, wanted) in parts {
                add_filters(schema, (inner, &format!("{path}.")), (name, wanted), filters)
                    .map_err(|because| format!("`{name}`: {because}"))?;
            }
        }
        (Some(inner), _) => {
            return Err(format!(
                "it is an object: say which fields of `{}` must have which values, as `{{field: value}}`",
                inner.name
            ));
        }
    }
    Ok(())
}

/// A filter by one value or one of several; `null`, `[null]` and `[]` are none.
fn filter_of(field: &str, wanted: &Value) -> Result<Option<Filter>, String> {
    let any_of: Vec<Value> = match wanted {
        Value::Array(values) => values.iter().filter(|value| !value.is_null()).cloned().collect(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if any_of.len() > MAX_VALUES {
        return Err(format!("it has more than {MAX_VALUES} values; ask in parts"));
    }
    Ok((!any_of.is_empty()).then(|| Filter {
        field: field.to_owned(),
        any_of,
    }))
}

/// Whether an object within another is one of those that the arguments of its field ask for.
pub(super) fn admits(kind: &TypeDefinition, value: &Value, selection: &Selection) -> bool {
    selection.arguments.iter().all(|(name, wanted)| {
        let filter = filter_of(name, wanted).ok().flatten();
        kind.field(name).is_none() || filter.is_none_or(|filter| filter.admits(value.get(name)))
    })
}

/// What orders. Fields of custom types are named by `_orderBy`, all in the one direction of `_ordering` or each in its own; those
/// of others say theirs themselves: `timestamp_desc`.
fn orders(kind: &TypeDefinition, selection: &Selection) -> Result<Vec<Order>, AnswerError> {
    let texts = |name: &str| -> Vec<String> {
        match selection.argument(name) {
            Some(Value::Array(values)) => values
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    };
    let (named, directions) = (texts("_orderBy"), texts("_ordering"));
    if !named.is_empty() {
        let direction = |place: usize| directions.get(place).or(directions.last());
        let is_descending = |place: usize| direction(place).is_some_and(|direction| direction == "desc");
        let places = named.iter().enumerate();
        let ordered = places.map(|(place, name)| order(kind, name, is_descending(place)));
        let ordered: Result<Vec<Order>, String> = ordered.collect();
        return ordered.map_err(|because| wrong(selection, "_orderBy", because));
    }
    let ordered: Result<Vec<Order>, String> = texts("orderBy")
        .iter()
        .map(|said| {
            let (name, is_descending) = match (said.strip_suffix("_desc"), said.strip_suffix("_asc")) {
                (Some(name), _) => (name, true),
                (None, Some(name)) => (name, false),
                (None, None) => (said.as_str(), false),
            };
            order(kind, name, is_descending)
        })
        .collect();
    ordered.map_err(|because| wrong(selection, "orderBy", because))
}

fn order(kind: &TypeDefinition, name: &str, descending: bool) -> Result<Order, String> {
    let orders = |field: &&FieldDefinition| !field.is_list && matches!(field.holds, Holds::Scalar(_));
    let field = kind
        .field(name)
        .filter(orders)
        .ok_or_else(|| format!("`{}` has no field `{name}` that could order", kind.name))?;
    let is_number = matches!(&field.holds, Holds::Scalar(scalar) if scalar == "Int" || scalar == "Float");
    Ok(Order {
        field: name.to_owned(),
        descending,
        is_number,
    })
}

fn count(selection: &Selection, names: &[&str]) -> Option<u32> {
    let value = names.iter().find_map(|name| selection.argument(name))?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

fn first(selection: &Selection) -> Option<u32> {
    count(selection, &["_first", "first"])
}

fn offset(selection: &Selection) -> u32 {
    count(selection, &["_offset", "offset"]).unwrap_or(0)
}
