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
    let wanted = |parameter: &&ParameterDefinition| parameter.is_given() && parameter.displayable;
    let must_ask = command
        .parameters
        .iter()
        .filter(wanted)
        .any(|parameter| parameter.required && problem(parameter, said).is_some());
    if !must_ask || !context.ui.can_ask() {
        return Ok(());
    }
    let mut asked: Vec<&ParameterDefinition> = command
        .parameters
        .iter()
        .filter(wanted)
        .filter(|parameter| problem(parameter, said).is_some())
        .collect();
    asked.sort_by_key(|parameter| parameter.order.unwrap_or(i64::MAX));
    let mut group = None;
    for parameter in asked {
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
        Some(Value::String(default)) => text.push_str(&format!(" [{}]", neutralise(default))),
        Some(default) => text.push_str(&format!(" [{default}]")),
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
