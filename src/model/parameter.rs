//! Parameters of commands: what may be given, checked before anything starts (semantics 5.2, threat D8).

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest value of a parameter in bytes, whatever its definition says.
pub const LONGEST_VALUE: usize = 16 * 1024;

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterDefinition {
    /// As it is given: `--name value`.
    pub name: String,
    /// For people, instead of the name.
    pub display_name: Option<String>,
    /// One line; empty when none is written.
    pub description: String,
    /// What it may be.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// What its text must match; any single line without one.
    pub pattern: Option<String>,
    /// What to say when it does not match.
    pub valid_input: Option<String>,
    /// Whether the command cannot run without it.
    pub required: bool,
    /// What it is when nothing is given.
    pub default: Option<Value>,
    /// Fewest characters.
    pub min_length: u32,
    /// Most characters.
    pub max_length: Option<u32>,
    /// Whether people are asked for it and see it in help.
    pub displayable: bool,
    /// Position among the others when people are asked; those without one come last, as written.
    pub order: Option<i64>,
    /// Heading under which it is shown.
    pub group: Option<String>,
    /// Whether it may have several lines.
    pub multi_line: bool,
    /// Asked for also when there is a value.
    pub force: bool,
    /// Where its value comes from.
    pub source: ParameterSource,
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// One of these, or several of them.
    Options {
        /// What may be chosen.
        options: Vec<String>,
        /// Whether several may be.
        multiple: bool,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterSource {
    /// The person who runs the command.
    Person,
    /// The same, never shown, stored or passed as an argument.
    Secret,
    /// The surroundings: one of [`MAPPED`].
    Mapped(String),
    /// A preference of the machine, by its key.
    Value(String),
    /// A short token at the forge of whoever asks, with these scopes, by way of the hub; treated as a secret.
    CallerToken(Vec<String>),
}

/// What the surroundings can fill in, and whether a machine in local mode can (semantics 5.2).
pub const MAPPED: &[(&str, bool)] = &[
    ("repo_owner", true),
    ("repo_name", true),
    ("repos", true),
    ("clone_url", true),
    ("user_login", true),
    ("provider", false),
    ("api_url", false),
    ("channel_id", false),
    ("channel_name", false),
    ("channel_type", false),
    ("chat_user_id", false),
    ("chat_user_name", false),
    ("chat_team", false),
];

impl ParameterDefinition {
    /// How people call it.
    pub fn label(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(
            self.source,
            ParameterSource::Secret | ParameterSource::CallerToken(_)
        )
    }

    /// Whether a person gives it.
    pub fn is_given(&self) -> bool {
        matches!(self.source, ParameterSource::Person | ParameterSource::Secret)
    }

    /// The value with its type, from text as people type it or JSON as programs send it.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence that does not repeat a secret.
    pub fn read(&self, given: &Value) -> Result<Value, String> {
        match &self.kind {
            ParameterType::String => self.text(given).map(Value::from),
            ParameterType::Boolean => boolean(given),
            ParameterType::Number => number(given),
            ParameterType::Options { options, multiple } => self.options(given, options, *multiple),
        }
    }

    fn text(&self, given: &Value) -> Result<String, String> {
        let text = as_text(given).ok_or("it must be text")?;
        if text.len() > LONGEST_VALUE {
            return Err(format!("it is longer than {LONGEST_VALUE} bytes"));
        }
        let length = text.chars().count();
        if length < self.min_length as usize {
            return Err(self.told(format!(
                "it has {length} characters and needs at least {}",
                self.min_length
            )));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most as usize) {
            return Err(self.told(format!("it has {length} characters and may have at most {most}")));
        }
        match &self.pattern {
            Some(pattern) if !matches(pattern, &text) => {
                Err(self.told(format!("it does not match {pattern}")))
            }
            None if !self.multi_line && text.contains(['\n', '\r']) => {
                Err("it must be a single line".to_owned())
            }
            Some(_) | None => Ok(text),
        }
    }

    fn told(&self, problem: String) -> String {
        match &self.valid_input {
            Some(hint) => format!("{problem}; valid is: {hint}"),
            None => problem,
        }
    }

    fn options(&self, given: &Value, options: &[String], multiple: bool) -> Result<Value, String> {
        let chosen = match given {
            Value::Array(items) if multiple => items.iter().map(as_text).collect::<Option<Vec<_>>>(),
            other if multiple => {
                as_text(other).map(|text| text.split(',').map(|word| word.trim().to_owned()).collect())
            }
            other => as_text(other).map(|text| vec![text]),
        };
        let chosen = chosen.ok_or("it must be text")?;
        if let Some(wrong) = chosen.iter().find(|word| !options.contains(word)) {
            let shown: String = wrong.chars().take(80).collect();
            return Err(self.told(format!(
                "`{shown}` is not offered; choose from {}",
                options.join(", ")
            )));
        }
        if multiple {
            return Ok(Value::from(chosen));
        }
        Ok(Value::from(chosen.into_iter().next().unwrap_or_default()))
    }
}

fn as_text(given: &Value) -> Option<String> {
    match given {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Patterns are checked when they are read; one that does not compile matches nothing.
fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

fn boolean(given: &Value) -> Result<Value, String> {
    match as_text(given).as_deref() {
        Some("true" | "yes" | "") => Ok(Value::Bool(true)),
        Some("false" | "no") => Ok(Value::Bool(false)),
        Some(_) | None => Err("it must be true or false".to_owned()),
    }
}

fn number(given: &Value) -> Result<Value, String> {
    let text = as_text(given).ok_or("it must be a number")?;
    let trimmed = text.trim();
    if let Ok(whole) = trimmed.parse::<i64>() {
        return Ok(Value::from(whole));
    }
    match trimmed.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::from(number)),
        Ok(_) | Err(_) => Err("it must be a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameter(kind: ParameterType) -> ParameterDefinition {
        ParameterDefinition {
            name: "level".to_owned(),
            display_name: None,
            description: String::new(),
            kind,
            pattern: None,
            valid_input: None,
            required: true,
            default: None,
            min_length: 0,
            max_length: None,
            displayable: true,
            order: None,
            group: None,
            multi_line: false,
            force: false,
            source: ParameterSource::Person,
        }
    }

    #[test]
    fn d8_values_have_the_type_that_is_asked_for() {
        let boolean = parameter(ParameterType::Boolean);
        assert_eq!(boolean.read(&json!("true")), Ok(json!(true)));
        assert_eq!(boolean.read(&json!(false)), Ok(json!(false)));
        assert!(boolean.read(&json!("perhaps")).is_err());
        let number = parameter(ParameterType::Number);
        assert_eq!(number.read(&json!("42")), Ok(json!(42)));
        assert_eq!(number.read(&json!("-1.5")), Ok(json!(-1.5)));
        for wrong in [json!("1e999"), json!("NaN"), json!("x\"; drop"), json!([1])] {
            assert!(number.read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn d8_text_is_bounded_and_matched() {
        let text = parameter(ParameterType::String);
        assert_eq!(
            text.read(&json!("x\"; drop")),
            Ok(json!("x\"; drop")),
            "data stays data"
        );
        assert!(
            text.read(&json!("x".repeat(1 << 20)))
                .unwrap_err()
                .contains("16384")
        );
        assert!(
            text.read(&json!("two\nlines"))
                .unwrap_err()
                .contains("single line")
        );
        let strict = ParameterDefinition {
            pattern: Some("^(major|minor|patch)$".to_owned()),
            valid_input: Some("major, minor or patch".to_owned()),
            min_length: 5,
            max_length: Some(8),
            ..text
        };
        assert_eq!(strict.read(&json!("minor")), Ok(json!("minor")));
        insta::assert_snapshot!(strict.read(&json!("huge!")).unwrap_err(), @"it does not match ^(major|minor|patch)$; valid is: major, minor or patch");
        insta::assert_snapshot!(strict.read(&json!("abc")).unwrap_err(), @"it has 3 characters and needs at least 5; valid is: major, minor or patch");
        assert!(strict.read(&json!("abcdefghi")).is_err());
    }

    #[test]
    fn d8_only_what_is_offered_can_be_chosen() {
        let one = parameter(ParameterType::Options {
            options: vec!["eu".to_owned(), "us".to_owned()],
            multiple: false,
        });
        assert_eq!(one.read(&json!("eu")), Ok(json!("eu")));
        insta::assert_snapshot!(one.read(&json!("eu,us")).unwrap_err(), @"`eu,us` is not offered; choose from eu, us");
        let several = parameter(ParameterType::Options {
            options: vec!["eu".to_owned(), "us".to_owned()],
            multiple: true,
        });
        assert_eq!(several.read(&json!("us, eu")), Ok(json!(["us", "eu"])));
        assert_eq!(several.read(&json!(["us"])), Ok(json!(["us"])));
        assert!(several.read(&json!(["mars"])).is_err());
    }
}
