//! Parameters of commands: what may be given, checked before anything starts (semantics 5.2, threat D8).

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::suggest;
use super::variables::PARAMETERS;

/// Longest value of a parameter in bytes, whatever its definition says.
pub const LONGEST_VALUE: usize = 16 * 1024;

/// Fewest characters of a secret: a shorter one could not be kept out of logs without destroying them (threat E2).
pub const SHORTEST_SECRET: usize = 4;

/// Options that are named to people.
const MOST_SHOWN: usize = 20;

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
    /// The token that the hub has for all repositories of its forge, by way of the hub; treated as a secret.
    OrgToken,
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

/// What only a repository can fill in, and every one does.
pub const OF_REPOSITORY: [&str; 3] = ["repo_owner", "repo_name", "clone_url"];

/// The variable in which a program finds the parameter of this name. Names that differ only in case, `-` and `_` share one.
pub fn variable(name: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    format!("{PARAMETERS}{}", name.chars().map(letter).collect::<String>())
}

impl ParameterDefinition {
    /// How people call it.
    pub fn label(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(
            self.source,
            ParameterSource::Secret | ParameterSource::CallerToken(_) | ParameterSource::OrgToken
        )
    }

    /// Whether a person gives it.
    pub fn is_given(&self) -> bool {
        matches!(self.source, ParameterSource::Person | ParameterSource::Secret)
    }

    /// Whether the command may run without a value of it.
    pub fn may_be_absent(&self) -> bool {
        let is_filled_in = matches!(&self.source, ParameterSource::Mapped(source) if OF_REPOSITORY.contains(&source.as_str()));
        !self.required && self.default.is_none() && !is_filled_in
    }

    /// Whether its value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.kind, ParameterType::Options { multiple: true, .. })
    }

    /// What may be given, in a few words; empty where anything on one line may be.
    pub fn constraint(&self) -> String {
        let words = match &self.kind {
            ParameterType::String => return self.constraint_of_text(),
            ParameterType::Boolean => "true or false".to_owned(),
            ParameterType::Number => "a number".to_owned(),
            ParameterType::Options { options, multiple } => match multiple {
                true => format!("some of {}, with `,` between them", offered(options)),
                false => format!("one of {}", offered(options)),
            },
        };
        match &self.valid_input {
            Some(told) if !matches!(self.kind, ParameterType::Boolean | ParameterType::Number) => {
                format!("{words} ({told})")
            }
            Some(_) | None => words,
        }
    }

    /// A value as people give it.
    pub fn as_given(&self, value: &Value) -> String {
        match value {
            Value::Array(items) => {
                let items: Vec<String> = items.iter().filter_map(as_text).collect();
                items.join(",")
            }
            other => as_text(other).unwrap_or_default(),
        }
    }

    fn constraint_of_text(&self) -> String {
        let pattern = match (&self.valid_input, &self.pattern) {
            (Some(told), _) => Some(told.clone()),
            (None, Some(pattern)) => Some(format!("text that matches {pattern}")),
            (None, None) => None,
        };
        let length = match (self.min_length, self.max_length) {
            (0, None) => None,
            (0, Some(most)) => Some(format!("at most {most} characters")),
            (least, None) => Some(format!("at least {least} characters")),
            (least, Some(most)) if least == most => Some(format!("{least} characters")),
            (least, Some(most)) => Some(format!("{least} to {most} characters")),
        };
        let lines = self.multi_line.then(|| "perhaps several lines".to_owned());
        let words: Vec<String> = [pattern, length, lines].into_iter().flatten().collect();
        words.join(", ")
    }

    /// The value with its type, from text as people type it or JSON as programs send it.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence that does not repeat a secret.
    pub fn read(&self, given: &Value) -> Result<Value, String> {
        let value = match &self.kind {
            ParameterType::String => self.text(given).map(Value::from),
            ParameterType::Boolean => boolean(given),
            ParameterType::Number => number(given),
            ParameterType::Options { options, multiple } => self.options(given, options, *multiple),
        }?;
        let is_short = |text: &str| text.trim().chars().count() < SHORTEST_SECRET;
        let is_typed = matches!(self.source, ParameterSource::Secret);
        match as_text(given) {
            Some(text) if is_typed && is_short(&text) => Err(format!(
                "it is too short to be kept out of what is shown: a secret has at least {SHORTEST_SECRET} characters"
            )),
            Some(_) | None => Ok(value),
        }
    }

    fn text(&self, given: &Value) -> Result<String, String> {
        let text = as_text(given).ok_or("it must be text")?;
        if text.len() > LONGEST_VALUE {
            return Err(format!("it is longer than {LONGEST_VALUE} bytes"));
        }
        if self.required && text.is_empty() {
            return Err("it is needed, and nothing is written for it".to_owned());
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
            return Err(self.told(not_offered(wrong, options)));
        }
        if multiple {
            return Ok(Value::from(chosen));
        }
        Ok(Value::from(chosen.into_iter().next().unwrap_or_default()))
    }
}

/// Options that are named, and how many more there are.
fn offered(options: &[String]) -> String {
    let mut words: Vec<String> = options.iter().take(MOST_SHOWN).cloned().collect();
    if options.len() > MOST_SHOWN {
        words.push(format!("and {} more", options.len() - MOST_SHOWN));
    }
    words.join(", ")
}

fn not_offered(wrong: &str, options: &[String]) -> String {
    let shown: String = wrong.chars().take(80).collect();
    let meant = match suggest::nearest(wrong, options.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}? Choose"),
        None => "choose".to_owned(),
    };
    format!("`{shown}` is not offered; {meant} from {}", offered(options))
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
        Some(other) => Err(format!(
            "it must be true or false, and `{}` is neither",
            other.chars().take(80).collect::<String>()
        )),
        None => Err("it must be true or false".to_owned()),
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
        Ok(_) | Err(_) => Err(format!(
            "it must be a number, and `{}` is none",
            text.chars().take(80).collect::<String>()
        )),
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
    fn cm_04_nothing_is_not_a_value_of_what_is_needed() {
        let needed = ParameterDefinition {
            required: true,
            ..parameter(ParameterType::String)
        };
        insta::assert_snapshot!(needed.read(&json!("")).unwrap_err(), @"it is needed, and nothing is written for it");
        let may_be_absent = ParameterDefinition {
            required: false,
            ..needed.clone()
        };
        assert_eq!(may_be_absent.read(&json!("")), Ok(json!("")));
        let boolean = ParameterDefinition {
            kind: ParameterType::Boolean,
            ..needed
        };
        assert_eq!(boolean.read(&json!("")), Ok(json!(true)), "a switch");
    }

    #[test]
    fn cm_04_what_may_be_given_is_said_in_a_few_words() {
        let text = parameter(ParameterType::String);
        assert_eq!(text.constraint(), "");
        let strict = ParameterDefinition {
            pattern: Some("^[a-z]+$".to_owned()),
            min_length: 5,
            max_length: Some(8),
            ..text.clone()
        };
        assert_eq!(
            strict.constraint(),
            "text that matches ^[a-z]+$, 5 to 8 characters"
        );
        let told = ParameterDefinition {
            valid_input: Some("small letters".to_owned()),
            max_length: None,
            ..strict
        };
        assert_eq!(told.constraint(), "small letters, at least 5 characters");
        let lines = ParameterDefinition {
            multi_line: true,
            max_length: Some(9),
            ..text
        };
        assert_eq!(lines.constraint(), "at most 9 characters, perhaps several lines");
        let options = |multiple| {
            parameter(ParameterType::Options {
                options: (1..=22).map(|n| n.to_string()).collect(),
                multiple,
            })
        };
        assert!(
            options(true)
                .constraint()
                .ends_with("20, and 2 more, with `,` between them")
        );
        assert!(options(false).constraint().starts_with("one of 1, 2, "));
        assert_eq!(parameter(ParameterType::Boolean).constraint(), "true or false");
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
        insta::assert_snapshot!(one.read(&json!("ue")).unwrap_err(), @"`ue` is not offered; did you mean eu? Choose from eu, us");
        assert_eq!(several.read(&json!("us, eu")), Ok(json!(["us", "eu"])));
        assert_eq!(several.read(&json!(["us"])), Ok(json!(["us"])));
        assert!(several.read(&json!(["mars"])).is_err());
    }
}
