//! What is strange about one parameter as a whole: attributes that each say something right, and contradict each other.

use crate::model::parameter::SHORTEST_SECRET;
use crate::model::{ParameterDefinition, ParameterSource, ParameterType};

use super::super::keys::Sorted;
use super::super::yaml::Node;
use super::lengths;

/// Something wrong with one attribute of a parameter.
pub(super) struct Strange {
    pub(super) key: &'static str,
    pub(super) problem: String,
    pub(super) hint: &'static str,
}

impl Strange {
    fn new(key: &'static str, problem: impl Into<String>, hint: &'static str) -> Self {
        let problem = problem.into();
        Self { key, problem, hint }
    }
}

/// The first thing that is wrong.
pub(super) fn first(definition: &ParameterDefinition, attributes: &Sorted<'_>) -> Option<Strange> {
    only_for_text(definition, attributes)
        .or_else(|| strange_limits(definition))
        .or_else(|| strange_pattern(definition))
        .or_else(|| strange_source(definition))
        .or_else(|| strange_display(definition))
        .or_else(|| strange_default(definition, attributes))
}

/// Whether a text may fail to fit.
pub(super) fn has_limits(definition: &ParameterDefinition) -> bool {
    definition.pattern.is_some() || definition.min_length > 0 || definition.max_length.is_some()
}

fn only_for_text(definition: &ParameterDefinition, attributes: &Sorted<'_>) -> Option<Strange> {
    if definition.kind == ParameterType::String {
        return None;
    }
    if definition.is_secret() {
        return Some(Strange::new(
            "type",
            "a secret is text",
            "remove `type` and `options`",
        ));
    }
    let keys = ["pattern", "min_length", "max_length", "control"];
    let key = keys.into_iter().find(|key| attributes.get(key).is_some())?;
    let problem = format!("`{key}` is for text, and this is none");
    Some(Strange::new(
        key,
        problem,
        "remove it, or remove `type` and `options`",
    ))
}

/// How many characters there are at least because it is a secret.
fn least_of_secret(definition: &ParameterDefinition) -> u32 {
    match definition.is_secret() {
        true => u32::try_from(SHORTEST_SECRET).unwrap_or(u32::MAX),
        false => 0,
    }
}

fn strange_limits(definition: &ParameterDefinition) -> Option<Strange> {
    let (least, most) = (definition.min_length, definition.max_length?);
    if most == 0 {
        let problem = "`max_length` is 0, so nothing could be given";
        return Some(Strange::new(
            "max_length",
            problem,
            "write how long it may be, or remove it",
        ));
    }
    let of_secrets = least_of_secret(definition);
    if most < of_secrets {
        let problem = format!("`max_length` is {most}, and a secret has at least {of_secrets} characters");
        return Some(Strange::new(
            "max_length",
            problem,
            "write a greater one, or remove it",
        ));
    }
    if most >= least {
        return None;
    }
    let problem = format!("`max_length` is {most}, less than `min_length`, which is {least}");
    Some(Strange::new(
        "max_length",
        problem,
        "no text is as short and as long as that; change one of them",
    ))
}

/// A pattern that no text matches which is as long as it may be.
fn strange_pattern(definition: &ParameterDefinition) -> Option<Strange> {
    let of_pattern = lengths::of(definition.pattern.as_ref()?)?;
    let hint = "no text is both; change one of them";
    if let Some(most) = definition
        .max_length
        .filter(|most| u64::from(*most) < of_pattern.least)
    {
        let problem = format!(
            "what matches `pattern` has at least {} characters, and `max_length` is {most}",
            of_pattern.least
        );
        return Some(Strange::new("max_length", problem, hint));
    }
    let of_secrets = least_of_secret(definition);
    let most = of_pattern.most?;
    if most < u64::from(definition.min_length) {
        let problem = format!(
            "what matches `pattern` has at most {most} characters, and `min_length` is {}",
            definition.min_length
        );
        return Some(Strange::new("min_length", problem, hint));
    }
    if most == 0 && definition.required {
        let problem = "only a text of no characters matches `pattern`, and one is needed";
        return Some(Strange::new("pattern", problem, "write what may be given"));
    }
    (most < u64::from(of_secrets)).then(|| {
        let problem = format!(
            "what matches `pattern` has at most {most} characters, and a secret has at least {of_secrets}"
        );
        Strange::new("pattern", problem, "let it be longer")
    })
}

fn strange_source(definition: &ParameterDefinition) -> Option<Strange> {
    if matches!(&definition.source, ParameterSource::Value(key) if key.trim().is_empty()) {
        let hint = "write its path in `values` of the configuration, such as `build.region`";
        return Some(Strange::new("value", "`value` names nothing", hint));
    }
    definition.default.as_ref()?;
    if definition.is_secret() {
        let problem = "a secret with a default is none: everybody who reads the file would know it";
        return Some(Strange::new("default", problem, "remove `default` or `secret`"));
    }
    let hint = "remove it; `required: false` lets the value be absent";
    (!definition.is_given())
        .then(|| Strange::new("default", "a value from the surroundings has no default", hint))
}

/// What nobody is asked for, and must be given all the same.
fn strange_display(definition: &ParameterDefinition) -> Option<Strange> {
    if definition.displayable || !definition.is_given() {
        return None;
    }
    if definition.force {
        let problem = "it is to be asked for although there is a value, and nobody is asked for it";
        return Some(Strange::new(
            "displayable",
            problem,
            "remove `force` or `displayable`",
        ));
    }
    let hint = "give it a `default`, write `required: false`, or remove `displayable`";
    let problem = "it is needed, and nobody is asked for it";
    let is_needed = definition.required && definition.default.is_none();
    is_needed.then(|| Strange::new("displayable", problem, hint))
}

fn strange_default(definition: &ParameterDefinition, attributes: &Sorted<'_>) -> Option<Strange> {
    let hint = "write a value that people could give too, or remove it";
    let Some(default) = &definition.default else {
        let is_empty = attributes.value("default").is_some_and(Node::is_null);
        let problem = "nothing is written for `default`";
        return is_empty.then(|| Strange::new("default", problem, hint));
    };
    // What is given without a value is a switch that is on.
    let is_nothing = definition.kind == ParameterType::Boolean && default == "";
    let because = match definition.read(default) {
        Ok(_) if is_nothing => "it must be true or false".to_owned(),
        Ok(_) => return None,
        Err(because) => because,
    };
    Some(Strange::new(
        "default",
        format!("its default is not valid: {because}"),
        hint,
    ))
}
