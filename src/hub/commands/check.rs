//! Parameters of commands, checked before a machine hears of them: it says less about what is wrong (wire protocol 4.1).

use serde_json::Value;

use super::caller::OWN;
use super::facts::Facts;
use crate::wire::hub::{Command, NameValue, Parameter, ParameterType};

/// Longest value in bytes.
const LONGEST_VALUE: usize = 256 * 1024;

/// Most values of a list.
const MOST_VALUES: usize = 1_000;

/// What is wrong with these parameters of a command; none when all is well.
pub(super) fn parameters(command: &Command, given: &[NameValue]) -> Vec<String> {
    let mut problems: Vec<String> = given
        .iter()
        .filter(|one| {
            command
                .parameters
                .iter()
                .all(|parameter| parameter.name != one.name)
        })
        .map(|one| format!("`{}` is no parameter of it", one.name))
        .collect();
    for parameter in &command.parameters {
        let mut values = given.iter().filter(|one| one.name == parameter.name);
        let value = values
            .next()
            .map(|one| &one.value)
            .filter(|value| !value.is_null());
        if values.next().is_some() {
            problems.push(format!("`{}` is given twice", parameter.name));
        }
        problems.extend(problem(parameter, value).map(|problem| format!("`{}` {problem}", parameter.name)));
    }
    problems
}

/// What is wrong with parameters that are given to a command whose machine asked for these, beside those that are known already.
pub(super) fn continued(
    command: &Command,
    asked: Vec<Parameter>,
    (known, given): (&[NameValue], &[NameValue]),
) -> Vec<String> {
    let mut whole = command.clone();
    whole
        .parameters
        .retain(|own| asked.iter().all(|asked| asked.name != own.name));
    whole.parameters.extend(asked);
    // What was asked for before was checked when it was given.
    let is_open = |one: &&NameValue| given.iter().all(|new| new.name != one.name);
    let is_told = |one: &&NameValue| whole.parameters.iter().any(|own| own.name == one.name);
    let kept = known.iter().filter(is_open).filter(is_told);
    let all: Vec<NameValue> = kept.chain(given).cloned().collect();
    parameters(&whole, &all)
}

fn problem(parameter: &Parameter, value: Option<&Value>) -> Option<String> {
    let is_needed = parameter.required && parameter.default_value.is_none();
    let is_written = |value: &&Value| !is_needed || value.as_str() != Some("");
    let Some(value) = value.filter(is_written) else {
        return is_needed.then(|| format!("must be given{}", valid_input(parameter)));
    };
    if takes_list(parameter) {
        let Some(values) = value.as_array().filter(|values| values.len() <= MOST_VALUES) else {
            return Some(format!("must be a list of at most {MOST_VALUES} texts"));
        };
        let mut texts = values.iter().map(Value::as_str);
        return texts.find_map(|text| match text {
            Some(text) => choice(parameter, text),
            None => Some("must be a list of texts".to_owned()),
        });
    }
    match value.as_str() {
        Some(text) => text_problem(parameter, text),
        None => Some("must be a text".to_owned()),
    }
}

fn takes_list(parameter: &Parameter) -> bool {
    match &parameter.kind {
        Some(ParameterType::Named(name)) => name == "freeChoices",
        Some(ParameterType::Choices { kind, .. }) => kind == "multiple",
        None => false,
    }
}

fn valid_input(parameter: &Parameter) -> String {
    parameter
        .valid_input
        .as_ref()
        .map(|valid| format!(" (valid: {valid})"))
        .unwrap_or_default()
}

fn choice(parameter: &Parameter, text: &str) -> Option<String> {
    let Some(ParameterType::Choices { options, .. }) = &parameter.kind else {
        return None;
    };
    if options.iter().any(|option| option.value == text) {
        return None;
    }
    let values: Vec<&str> = options
        .iter()
        .map(|option| option.value.as_str())
        .take(20)
        .collect();
    Some(format!("must be one of {}", values.join(", ")))
}

fn text_problem(parameter: &Parameter, text: &str) -> Option<String> {
    if text.len() > LONGEST_VALUE {
        return Some(format!("has more than {} KiB", LONGEST_VALUE / 1024));
    }
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if let Some(least) = parameter.min_length.filter(|least| length < *least) {
        return Some(format!("must have at least {least} characters"));
    }
    if let Some(most) = parameter.max_length.filter(|most| length > *most) {
        return Some(format!("must have at most {most} characters"));
    }
    kind_problem(parameter, text)
        .or_else(|| choice(parameter, text))
        .or_else(|| {
            (!matches(&parameter.pattern, text))
                .then(|| format!("must match {}{}", parameter.pattern, valid_input(parameter)))
        })
}

fn kind_problem(parameter: &Parameter, text: &str) -> Option<String> {
    let Some(ParameterType::Named(name)) = &parameter.kind else {
        return None;
    };
    let fits = match name.as_str() {
        "number" => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        "boolean" => ["true", "yes", "1", "false", "no", "0"].contains(&text),
        _ => true,
    };
    (!fits).then(|| format!("must be a {name}"))
}

/// Whether a value matches, as JavaScript would have it. What this kind of expression cannot say, such as a look-ahead, is left
/// to the machine, which checks again.
fn matches(pattern: &str, text: &str) -> bool {
    let built = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
    built.map_or(true, |pattern| pattern.is_match(text))
}

/// What is wrong with the form of a value: in any other than a text nobody here would know what it names.
fn form_problem(value: &Value) -> Option<String> {
    match value.as_str() {
        None => Some("must be a text".to_owned()),
        Some(text) if text.len() > LONGEST_VALUE => {
            Some(format!("has more than {} KiB", LONGEST_VALUE / 1024))
        }
        Some(_) => None,
    }
}

/// What the hub fills in. Who asks it alone says; of repositories and chats it takes what the asker says before what it knows itself.
///
/// # Errors
/// A required one is missing.
pub(super) fn mapped(
    command: &Command,
    given: &[NameValue],
    facts: &Facts,
) -> Result<Vec<NameValue>, String> {
    let mut mapped = Vec::new();
    for parameter in &command.mapped_parameters {
        let uri = parameter.uri.split('?').next().unwrap_or_default();
        let is_own = OWN.contains(&uri);
        let said = given.iter().find(|one| one.name == parameter.name && !is_own);
        let said = said.map(|one| &one.value).filter(|value| !value.is_null());
        if let Some(problem) = said.and_then(form_problem) {
            return Err(format!("`{}` ({uri}) {problem}", parameter.name));
        }
        match said.or_else(|| facts.of(uri)).cloned() {
            Some(value) => mapped.push(NameValue {
                name: parameter.name.clone(),
                value,
            }),
            None if parameter.required && is_own => {
                return Err(format!(
                    "`{}` ({uri}) is not known here: say who you are there on a page of the hub, at `/sign-in` or `/you`",
                    parameter.name
                ));
            }
            None if parameter.required => {
                return Err(format!(
                    "`{}` ({uri}) is not known here: give it in `mapped_parameters`",
                    parameter.name
                ));
            }
            None => {}
        }
    }
    Ok(mapped)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn command() -> Command {
        serde_json::from_value(json!({
            "name": "Deploy", "parameters": [
                {"name": "env", "pattern": "^[a-z]+$", "required": true, "min_length": 2, "max_length": 8, "valid_input": "lower-case letters"},
                {"name": "count", "required": false, "type": "number"},
                {"name": "level", "required": false, "type": {"kind": "single", "options": [{"value": "low"}, {"value": "high"}]}},
                {"name": "some", "required": false, "type": {"kind": "multiple", "options": [{"value": "a"}, {"value": "b"}]}},
                {"name": "odd", "required": false, "pattern": "^(?=x).*$"}
            ],
            "mapped_parameters": [
                {"name": "who", "uri": "atomist://github/username", "required": true},
                {"name": "repo", "uri": "atomist://github/repository?all=true", "required": true}
            ]
        }))
        .unwrap()
    }

    fn given(values: &Value) -> Vec<NameValue> {
        let pairs = values.as_object().unwrap().iter();
        pairs
            .map(|(name, value)| NameValue {
                name: name.clone(),
                value: value.clone(),
            })
            .collect()
    }

    #[test]
    fn good_parameters_pass() {
        for good in [
            json!({"env": "prod"}),
            json!({"env": "prod", "count": "7", "level": "low", "some": ["a", "b"], "odd": "anything"}),
            json!({"env": "prod", "count": null}),
        ] {
            assert_eq!(
                parameters(&command(), &given(&good)),
                Vec::<String>::new(),
                "{good}"
            );
        }
    }

    #[test]
    fn each_problem_is_said() {
        for (wrong, problem) in [
            (json!({}), "`env` must be given (valid: lower-case letters)"),
            (
                json!({"env": ""}),
                "`env` must be given (valid: lower-case letters)",
            ),
            (
                json!({"env": "PROD"}),
                "`env` must match ^[a-z]+$ (valid: lower-case letters)",
            ),
            (json!({"env": "p"}), "`env` must have at least 2 characters"),
            (
                json!({"env": "productions"}),
                "`env` must have at most 8 characters",
            ),
            (json!({"env": 7}), "`env` must be a text"),
            (
                json!({"env": "prod", "count": "many"}),
                "`count` must be a number",
            ),
            (
                json!({"env": "prod", "level": "medium"}),
                "`level` must be one of low, high",
            ),
            (
                json!({"env": "prod", "some": ["a", "c"]}),
                "`some` must be one of a, b",
            ),
            (
                json!({"env": "prod", "some": "a"}),
                "`some` must be a list of at most 1000 texts",
            ),
            (
                json!({"env": "prod", "else": "a"}),
                "`else` is no parameter of it",
            ),
        ] {
            assert_eq!(parameters(&command(), &given(&wrong)), [problem], "{wrong}");
        }
        let mut twice = given(&json!({"env": "prod"}));
        twice.extend(twice.clone());
        assert_eq!(parameters(&command(), &twice), ["`env` is given twice"]);
    }

    #[test]
    fn d8_what_is_given_later_is_checked_by_what_is_asked_for() {
        let known = given(&json!({"env": "prod", "earlier": "x"}));
        let asked = || {
            serde_json::from_value(json!([{"name": "colour", "required": true, "pattern": "^[a-z]+$"}]))
                .unwrap()
        };
        let problems = |more: &[NameValue]| continued(&command(), asked(), (&known, more));
        assert_eq!(problems(&given(&json!({"colour": "red"}))), Vec::<String>::new());
        assert_eq!(
            problems(&given(&json!({"colour": "red", "env": "test"}))),
            Vec::<String>::new()
        );
        for (wrong, problem) in [
            (json!({"colour": "RED"}), "`colour` must match ^[a-z]+$"),
            (json!({}), "`colour` must be given"),
            (
                json!({"colour": "red", "earlier": "y"}),
                "`earlier` is no parameter of it",
            ),
            (
                json!({"colour": "red", "env": "PROD"}),
                "`env` must match ^[a-z]+$ (valid: lower-case letters)",
            ),
        ] {
            assert_eq!(problems(&given(&wrong)), [problem], "{wrong}");
        }
        let twice = [given(&json!({"colour": "red"})), given(&json!({"colour": "red"}))].concat();
        assert_eq!(problems(&twice), ["`colour` is given twice"]);
    }

    #[test]
    fn who_asks_is_the_hubs_to_say() {
        let forged = given(&json!({"who": "root", "repo": "app"}));
        let mut facts = Facts::default();
        let nobody = mapped(&command(), &forged, &facts).unwrap_err();
        assert!(
            nobody.contains("`who`") && nobody.contains("/sign-in"),
            "{nobody}"
        );
        facts.add("atomist://github/username", Some("ada"));
        let mapped_to = mapped(&command(), &forged, &facts).unwrap();
        assert_eq!(mapped_to, given(&json!({"who": "ada", "repo": "app"})));
        assert!(mapped(&command(), &[], &facts).unwrap_err().contains("`repo`"));
        for other in [json!(["payroll"]), json!({"name": "payroll"}), json!(7)] {
            let other = given(&json!({ "repo": other }));
            let refused = mapped(&command(), &other, &facts).unwrap_err();
            assert!(refused.contains("must be a text"), "d5: {refused}");
        }
    }
}
