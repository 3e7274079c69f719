//! Asking for what is missing, on a terminal (semantics 5.3): nothing is asked while every required value is there and
//! valid; otherwise all that are missing or invalid are, optional ones too.

use std::io::{BufRead, Write};

use serde_json::Value;

use super::super::super::context::Context;
use super::super::super::error::{CommandError, ErrorKind};
use super::super::super::text::neutralise;
use super::super::super::theme::Role;
use super::said::Said;
use crate::model::{ParameterDefinition, ParameterType};
use crate::wire::commands::{CommandView, SecretText};

/// How often one value is asked for before we give up.
const TRIES: u32 = 5;

/// Asks for what is missing; does nothing where nobody can be asked, and the daemon refuses then.
pub(super) fn complete(
    context: &Context,
    command: &CommandView,
    said: &mut Said,
) -> Result<(), CommandError> {
    if !context.ui.can_ask() {
        return Ok(());
    }
    let mut group = None;
    for parameter in to_ask(&command.parameters, said) {
        if parameter.group != group {
            group.clone_from(&parameter.group);
            say(
                context,
                &format!(
                    "{}\n",
                    context
                        .ui
                        .error_theme
                        .paint(Role::Strong, &neutralise(group.as_deref().unwrap_or("Others")))
                ),
            );
        }
        ask(context, parameter, said)?;
    }
    Ok(())
}

/// What is to be asked for, in the order of the questions: nothing while every required value is there and valid, else all
/// that are missing or invalid.
fn to_ask<'a>(parameters: &'a [ParameterDefinition], said: &Said) -> Vec<&'a ParameterDefinition> {
    let is_wanted = |parameter: &&ParameterDefinition| {
        parameter.is_given() && parameter.displayable && problem(parameter, said).is_some()
    };
    let mut asked: Vec<&ParameterDefinition> = parameters.iter().filter(is_wanted).collect();
    if !asked.iter().any(|parameter| parameter.required) {
        return Vec::new();
    }
    asked.sort_by_key(|parameter| parameter.order.unwrap_or(i64::MAX));
    asked
}

/// Why a value is to be asked for; `None` when it is there and valid.
fn problem(parameter: &ParameterDefinition, said: &Said) -> Option<String> {
    let given = match parameter.is_secret() {
        true => said
            .secrets
            .get(&parameter.name)
            .map(|secret| Value::from(secret.0.clone())),
        false => said.parameters.get(&parameter.name).cloned(),
    };
    match given {
        Some(_) if parameter.force => Some(String::new()),
        Some(value) => parameter.read(&value).err(),
        None if parameter.default.is_some() && !parameter.force => None,
        None => Some(String::new()),
    }
}

fn ask(context: &Context, parameter: &ParameterDefinition, said: &mut Said) -> Result<(), CommandError> {
    for _ in 0..TRIES {
        say(context, &question(context, parameter));
        let Some(answer) = answer(parameter.is_secret())? else {
            break;
        };
        if answer.is_empty() && (!parameter.required || parameter.default.is_some()) {
            return Ok(());
        }
        match parameter.read(&Value::from(answer.clone())) {
            Ok(_) if parameter.is_secret() => {
                said.secrets.insert(parameter.name.clone(), SecretText(answer));
                return Ok(());
            }
            Ok(value) => {
                said.parameters.insert(parameter.name.clone(), value);
                return Ok(());
            }
            Err(because) => say(context, &format!("  {}\n", neutralise(&because))),
        }
    }
    let message = format!("no valid value was given for {}", parameter.label());
    Err(CommandError::new(ErrorKind::Usage, message))
}

fn question(context: &Context, parameter: &ParameterDefinition) -> String {
    let mut text = context
        .ui
        .error_theme
        .paint(Role::Strong, &neutralise(parameter.label()));
    if !parameter.description.is_empty() {
        text.push_str(&format!(" ({})", neutralise(&parameter.description)));
    }
    if let ParameterType::Options { options, .. } = &parameter.kind {
        text.push_str(&format!(" [{}]", neutralise(&options.join(", "))));
    }
    match &parameter.default {
        Some(default) => text.push_str(&format!(" [{}]", neutralise(&parameter.as_given(default)))),
        None if !parameter.required => text.push_str(" [none]"),
        None => {}
    }
    text + ": "
}

fn say(_context: &Context, text: &str) {
    let mut error = std::io::stderr();
    let _ = error.write_all(text.as_bytes()).and_then(|()| error.flush());
}

/// One line; `None` at the end of the input. A secret is not shown while it is typed.
fn answer(is_secret: bool) -> Result<Option<String>, CommandError> {
    let _hidden = if is_secret { Some(Hidden::begin()) } else { None };
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let read = read.map_err(|error| {
        CommandError::new(ErrorKind::Internal, "failed to read the answer").caused_by(error)
    })?;
    Ok((read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// While it lives the terminal does not show what is typed.
struct Hidden(Option<nix::sys::termios::Termios>);

impl Hidden {
    fn begin() -> Self {
        use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
        let Ok(before) = tcgetattr(std::io::stdin()) else {
            return Self(None);
        };
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL);
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &hidden);
        Self(Some(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ =
                nix::sys::termios::tcsetattr(std::io::stdin(), nix::sys::termios::SetArg::TCSANOW, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ParameterSource;

    fn parameter(name: &str, required: bool) -> ParameterDefinition {
        ParameterDefinition {
            name: name.to_owned(),
            display_name: None,
            description: String::new(),
            kind: ParameterType::String,
            pattern: None,
            valid_input: None,
            required,
            default: None,
            min_length: 3,
            max_length: None,
            displayable: true,
            order: None,
            group: None,
            multi_line: false,
            force: false,
            source: ParameterSource::Person,
        }
    }

    fn asked(parameters: &[ParameterDefinition], given: &[(&str, &str)]) -> Vec<String> {
        let parameters_given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)));
        let said = Said {
            parameters: parameters_given.collect(),
            ..Said::default()
        };
        let asked = to_ask(parameters, &said).into_iter();
        asked.map(|parameter| parameter.name.clone()).collect()
    }

    #[test]
    fn cm_04_all_that_is_missing_is_asked_when_anything_required_is() {
        let all = [
            parameter("first", true),
            ParameterDefinition {
                order: Some(1),
                ..parameter("second", true)
            },
            parameter("note", false),
        ];
        let (first, second, note) = (("first", "abc"), ("second", "abc"), ("note", "abc"));
        assert_eq!(asked(&all, &[first, second, note]), [""; 0], "all are there");
        assert_eq!(
            asked(&all, &[first, second]),
            [""; 0],
            "only an optional one is missing"
        );
        assert_eq!(
            asked(&all, &[]),
            ["second", "first", "note"],
            "all that are missing, optional ones too, in their order"
        );
        assert_eq!(
            asked(&all, &[("first", "ab"), second, note]),
            ["first"],
            "too short"
        );
        let short = ParameterDefinition {
            min_length: 0,
            ..parameter("first", true)
        };
        assert_eq!(asked(&[short], &[("first", "")]), ["first"], "nothing is written");
        let forced = [ParameterDefinition {
            force: true,
            ..parameter("first", true)
        }];
        assert_eq!(asked(&forced, &[first]), ["first"]);
        let secret = ParameterDefinition {
            min_length: 0,
            source: ParameterSource::Secret,
            ..parameter("token", true)
        };
        let mut said = Said::default();
        for (given, is_asked) in [("abc", true), ("abcd", false)] {
            said.secrets
                .insert("token".to_owned(), SecretText(given.to_owned()));
            assert_eq!(
                !to_ask(std::slice::from_ref(&secret), &said).is_empty(),
                is_asked,
                "{given}"
            );
        }
    }
}
