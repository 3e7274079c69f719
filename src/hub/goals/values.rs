//! What is kept of a value that a machine sends: what its type has. Keys that the type does not have are left out at any depth (wire
//! protocol 9, 10.3); values of announced types must be what the type says.

use serde_json::{Map, Value};

use super::super::refusal::Refusal;
use crate::graph::Schema;
use crate::graph::schema::{FieldDefinition, Holds, TypeDefinition};

/// Largest whole number in either direction (wire protocol 9: integers of 53 bits).
const MAX_INT: f64 = 9_007_199_254_740_991.0;

/// What of a value the type has.
///
/// # Errors
/// A field of an announced type has a value of another type, or any field a whole number that has more than 53 bits.
pub(super) fn known_fields(
    schema: &Schema,
    definition: &TypeDefinition,
    value: &Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let reading = Reading {
        schema,
        is_strict: definition.is_custom,
    };
    let kept = reading.fields(definition, value);
    kept.map_err(|(path, because)| {
        let message = format!("`{}.{path}` {because}", definition.name);
        Refusal::bad("invalid_argument", message)
    })
}

/// The way to a field, and what is wrong with its value.
type Wrong = (String, String);

struct Reading<'s> {
    schema: &'s Schema,
    /// Whether values must be of the types of their fields.
    is_strict: bool,
}

impl Reading<'_> {
    fn fields(
        &self,
        definition: &TypeDefinition,
        value: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Wrong> {
        let mut body = Map::new();
        for field in &definition.fields {
            if let Some(value) = value.get(&field.name)
                && let Some(kept) = self
                    .field(field, value)
                    .map_err(|wrong| within(&field.name, wrong))?
            {
                body.insert(field.name.clone(), kept);
            }
        }
        Ok(body)
    }

    /// `None` for what nobody sends.
    fn field(&self, field: &FieldDefinition, value: &Value) -> Result<Option<Value>, Wrong> {
        let one: &dyn Fn(&Value) -> Result<Value, Wrong> = match &field.holds {
            Holds::Scalar(scalar) => &|value| self.scalar(scalar, value).map_err(here),
            Holds::Embedded(kind) => &|value| self.object(kind, value),
            Holds::Link(_) | Holds::Reverse { .. } => return Ok(None),
        };
        let is_list = value.is_array();
        match value {
            Value::Null => Ok(Some(Value::Null)),
            Value::Array(items) if field.is_list || !self.is_strict => items
                .iter()
                .map(one)
                .collect::<Result<_, _>>()
                .map(Value::Array)
                .map(Some),
            // A list of anything is one value of this type.
            _ if is_list && !matches!(&field.holds, Holds::Scalar(scalar) if scalar == "JSON") => {
                Err(here(format!("must be {}, and is a list", what(&field.holds))))
            }
            value if field.is_list && self.is_strict => Ok(Some(Value::Array(vec![one(value)?]))),
            value => one(value).map(Some),
        }
    }

    fn object(&self, kind: &str, value: &Value) -> Result<Value, Wrong> {
        let kind = self.schema.type_named(kind);
        match (kind, value) {
            (Some(kind), Value::Object(fields)) => self.fields(kind, fields).map(Value::Object),
            (Some(kind), Value::Array(items)) if !self.is_strict => {
                let items = items.iter().map(|item| self.object(&kind.name, item));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            (_, Value::Null) => Ok(Value::Null),
            _ if self.is_strict => Err(here(format!("must be an object, and is {}", shown(value)))),
            _ => Ok(Value::Null),
        }
    }

    /// A value of a scalar type or enumeration.
    fn scalar(&self, scalar: &str, value: &Value) -> Result<Value, String> {
        if value.is_null() || scalar == "JSON" {
            return Ok(value.clone());
        }
        let number = value.as_f64();
        if scalar == "Int" && number.is_some_and(|number| number.abs() > MAX_INT) {
            return Err(format!(
                "must be a whole number between -{MAX_INT} and {MAX_INT}, and is {value}"
            ));
        }
        if !self.is_strict {
            return Ok(value.clone());
        }
        match (scalar, value) {
            ("Int", Value::Number(_)) => whole(value),
            ("Float", Value::Number(_)) | ("Boolean", Value::Bool(_)) => Ok(value.clone()),
            ("String" | "ID", Value::String(_)) => Ok(value.clone()),
            // What reads alike is alike in this dialect.
            ("String" | "ID", Value::Bool(yes)) => Ok(Value::from(yes.to_string())),
            ("String" | "ID", Value::Number(number)) if !number.is_f64() => {
                Ok(Value::from(number.to_string()))
            }
            ("Int" | "Float" | "Boolean" | "String" | "ID", _) => {
                Err(format!("must be {}, and is {}", of_scalar(scalar), shown(value)))
            }
            (enumeration, value) => self.one_of(enumeration, value),
        }
    }

    fn one_of(&self, enumeration: &str, value: &Value) -> Result<Value, String> {
        let values = self.schema.enumeration(enumeration).unwrap_or_default();
        match value.as_str() {
            Some(text) if values.iter().any(|known| known == text) => Ok(value.clone()),
            _ => Err(format!(
                "must be one of {}, and is {}",
                values.join(", "),
                shown(value)
            )),
        }
    }
}

/// A number without a part behind the point.
fn whole(value: &Value) -> Result<Value, String> {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() != 0.0 => {
            Err(format!("must be a whole number, and is {value}"))
        }
        // It has no fraction and at most 53 bits.
        Some(number) if value.is_f64() => Ok(Value::from(number as i64)),
        _ => Ok(value.clone()),
    }
}

fn within(field: &str, (path, because): Wrong) -> Wrong {
    match path.is_empty() {
        true => (field.to_owned(), because),
        false => (format!("{field}.{path}"), because),
    }
}

fn here(because: String) -> Wrong {
    (String::new(), because)
}

fn what(holds: &Holds) -> String {
    match holds {
        Holds::Scalar(scalar) => of_scalar(scalar).to_owned(),
        Holds::Embedded(_) | Holds::Link(_) | Holds::Reverse { .. } => "an object".to_owned(),
    }
}

fn of_scalar(scalar: &str) -> &str {
    match scalar {
        "Int" => "a whole number",
        "Float" => "a number",
        "Boolean" => "true or false",
        "String" | "ID" => "a text",
        _ => "a value of its enumeration",
    }
}

/// What a value is, for whoever sent it; long texts are cut.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            let begin: String = text.chars().take(LONGEST).collect();
            format!("the text `{begin}…`")
        }
        Value::String(text) => format!("the text `{text}`"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TYPES: &str = "type Deploy @rootType { env: String version: Int share: Float done: Boolean stage: Stage tags: [String] \
        at: Where steps: [Where] extra: JSON } type Where { place: ID level: Int } enum Stage { one two }";

    fn kept(value: &Value) -> Result<Value, String> {
        let schema = Schema::builtin().with_custom(TYPES).unwrap();
        let kept = known_fields(
            &schema,
            schema.root("Deploy").unwrap(),
            value.as_object().unwrap(),
        );
        let message = |refusal: Refusal| refusal.to_json()["message"].as_str().unwrap().to_owned();
        kept.map(Value::Object).map_err(message)
    }

    #[test]
    fn values_of_their_types_are_kept_and_unknown_keys_left_out() {
        let value = json!({
            "env": "prod", "version": 9_007_199_254_740_991_u64, "share": 1, "done": true, "stage": "two", "tags": ["a", null],
            "at": {"place": "x", "level": null, "__typename": "Where"}, "steps": [{"level": -3}], "extra": [1, {"a": "b"}], "more": 1
        });
        let mut expected = value.clone();
        expected.as_object_mut().unwrap().remove("more");
        expected["at"].as_object_mut().unwrap().remove("__typename");
        assert_eq!(kept(&value), Ok(expected));
        assert_eq!(
            kept(
                &json!({"env": 7, "version": 3.0, "tags": "a", "at": {"place": 18_446_744_073_709_551_615_u64}})
            ),
            Ok(json!({"env": "7", "version": 3, "tags": ["a"], "at": {"place": "18446744073709551615"}})),
            "what reads alike is alike, and one stands for a list of one"
        );
    }

    #[test]
    fn values_of_other_types_are_refused_by_the_name_of_their_field() {
        let huge: Value = serde_json::from_str("18446744073709551616").unwrap();
        for (value, message) in [
            (
                json!({"version": "text"}),
                "`Deploy.version` must be a whole number, and is the text `text`",
            ),
            (
                json!({"version": 1.5}),
                "`Deploy.version` must be a whole number, and is 1.5",
            ),
            (
                json!({ "version": huge }),
                "`Deploy.version` must be a whole number between -9007199254740991 and 9007199254740991, and is 1.8446744073709552e+19",
            ),
            (
                json!({"stage": "nine"}),
                "`Deploy.stage` must be one of one, two, and is the text `nine`",
            ),
            (
                json!({"done": "yes"}),
                "`Deploy.done` must be true or false, and is the text `yes`",
            ),
            (
                json!({"env": ["a"]}),
                "`Deploy.env` must be a text, and is a list",
            ),
            (
                json!({"env": {"a": 1}}),
                "`Deploy.env` must be a text, and is an object",
            ),
            (
                json!({"tags": [["a"]]}),
                "`Deploy.tags` must be a text, and is a list",
            ),
            (
                json!({"at": "x"}),
                "`Deploy.at` must be an object, and is the text `x`",
            ),
            (
                json!({"at": [{}]}),
                "`Deploy.at` must be an object, and is a list",
            ),
            (
                json!({"steps": [{"level": true}]}),
                "`Deploy.steps.level` must be a whole number, and is true",
            ),
        ] {
            assert_eq!(kept(&value), Err(message.to_owned()));
        }
    }

    #[test]
    fn goals_are_read_leniently_but_for_whole_numbers_that_cannot_be_kept() {
        let schema = Schema::builtin();
        let goal = schema.root("SdmGoal").unwrap();
        let lenient = json!({"version": "3", "state": "unheard of", "repo": "text", "preConditions": [{"goalSet": "x"}]});
        let kept = known_fields(&schema, goal, lenient.as_object().unwrap()).unwrap_or_default();
        assert_eq!(
            Value::Object(kept),
            json!({"version": "3", "state": "unheard of", "repo": null, "preConditions": [{}]})
        );
        let huge = json!({"ts": 9_007_199_254_740_992_u64});
        assert!(known_fields(&schema, goal, huge.as_object().unwrap()).is_err());
    }
}
