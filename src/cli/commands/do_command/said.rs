//! What somebody says: words, then parameters as `--name value` or `--name=value`.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Map, Value};

use super::super::super::context::Context;
use super::super::super::error::{CommandError, ErrorKind};
use crate::model::parameter::{LONGEST_VALUE, variable};
use crate::model::{JobLabel, ParameterDefinition, ParameterType, suggest};
use crate::wire::commands::{CommandView, SecretText, TargetsAsked};

/// The line before anybody knows which command is meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    /// Words before the first option.
    pub(super) words: Vec<String>,
    /// Everything from the first option on.
    pub(super) rest: Vec<String>,
    /// All of it, as patterns see it.
    pub(super) everything: String,
    /// Whether help is wanted.
    pub(super) wants_help: bool,
}

impl Spoken {
    pub(super) fn of(raw: &[String]) -> Self {
        let is_help = |word: &String| matches!(word.as_str(), "--help" | "-h");
        let wants_help = raw.iter().any(is_help);
        let kept: Vec<String> = raw.iter().filter(|word| !is_help(word)).cloned().collect();
        let end = kept
            .iter()
            .position(|word| word.starts_with('-'))
            .unwrap_or(kept.len());
        Self {
            everything: kept.join(" "),
            rest: kept[end..].to_vec(),
            words: kept[..end].to_vec(),
            wants_help,
        }
    }
}

/// The options of a command as they were said.
#[derive(Debug, Default, Clone)]
pub(super) struct Said {
    pub(super) parameters: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, SecretText>,
    pub(super) targets: TargetsAsked,
    pub(super) job: JobLabel,
    pub(super) dry_run: Option<bool>,
    pub(super) no_wait: bool,
    pub(super) json: bool,
}

impl Said {
    /// Reads options. Values are judged by the daemon; here only their shape is.
    pub(super) fn read(rest: &[String], command: &CommandView) -> Result<Self, CommandError> {
        let mut said = Self::default();
        let mut words = rest.iter().peekable();
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix("--").filter(|option| !option.is_empty()) else {
                return Err(usage(format!(
                    "`{word}` is said after the options; words come first"
                )));
            };
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            let value = match value {
                Some(value) => Some(value),
                None => words.next_if(|next| takes(name, next, command)).cloned(),
            };
            said.take(name, value, command)?;
        }
        Ok(said)
    }

    fn take(&mut self, name: &str, value: Option<String>, command: &CommandView) -> Result<(), CommandError> {
        let targets = &mut self.targets;
        let place = match name {
            "targets.owner" => &mut targets.owner,
            "targets.repo" => &mut targets.repo,
            "targets.repos" => &mut targets.repos,
            "targets.branch" => &mut targets.branch,
            "targets.sha" => &mut targets.sha,
            "job.name" => &mut self.job.name,
            "job.description" => &mut self.job.description,
            "job.required" => {
                self.job.is_required = switch(name, value.as_deref())?;
                return Ok(());
            }
            "dry-run" | "dry_run" => {
                self.dry_run = Some(switch(name, value.as_deref())?);
                return Ok(());
            }
            "no-wait" | "no_wait" => {
                self.no_wait = switch(name, value.as_deref())?;
                return Ok(());
            }
            "json" => {
                self.json = switch(name, value.as_deref())?;
                return Ok(());
            }
            _ => return self.take_parameter(name, value, command),
        };
        let value = value.ok_or_else(|| needs_value(name, None))?;
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(said_twice(name, None)),
        }
    }

    fn take_parameter(
        &mut self,
        name: &str,
        value: Option<String>,
        command: &CommandView,
    ) -> Result<(), CommandError> {
        let known = command.parameters.iter().find(|known| is_called(known, name));
        if known.is_none() {
            return Err(no_option(name, command));
        }
        let is_switch = known.is_some_and(|known| known.kind == ParameterType::Boolean);
        let name = known.map_or(name, |known| known.name.as_str());
        let value = match value {
            Some(value) => Value::from(value),
            None if is_switch => Value::Bool(true),
            None => return Err(needs_value(name, known)),
        };
        match self.parameters.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(said_twice(name, known)),
        }
    }

    /// Secrets come from a file, standard input or the environment: the words of a program can be read by everybody.
    pub(super) fn take_secrets(
        &mut self,
        context: &Context,
        command: &CommandView,
    ) -> Result<(), CommandError> {
        for secret in command
            .parameters
            .iter()
            .filter(|parameter| parameter.is_secret())
        {
            let name = &secret.name;
            let text = match self.parameters.remove(name) {
                Some(Value::String(said)) => Some(secret_from(context, name, &said)?),
                Some(_) => return Err(usage(format!("--{name} needs a value"))),
                None => context.sources.variable(&variable(name)).map(str::to_owned),
            };
            if let Some(text) = text {
                self.secrets.insert(name.clone(), SecretText(text));
            }
        }
        Ok(())
    }
}

fn no_option(name: &str, command: &CommandView) -> CommandError {
    let given = command.parameters.iter().filter(|known| known.is_given());
    let hint = match suggest::nearest(name, given.map(|known| known.name.as_str())) {
        Some(near) => format!("did you mean --{near}?"),
        None => format!("`sdm do {} --help` says what it takes", command.name),
    };
    let shown: String = name.chars().take(80).collect();
    usage(format!("`{}` has no option --{shown}", command.name)).hint(hint)
}

fn needs_value(name: &str, known: Option<&ParameterDefinition>) -> CommandError {
    let constraint = known.map(ParameterDefinition::constraint).unwrap_or_default();
    let hint = match constraint.as_str() {
        "" => format!("write it behind: `--{name}=VALUE`"),
        constraint => format!("write `--{name}=VALUE`: {constraint}"),
    };
    usage(format!("--{name} needs a value")).hint(hint)
}

fn said_twice(name: &str, known: Option<&ParameterDefinition>) -> CommandError {
    let hint = match known.filter(|known| known.is_list()).map(|known| &known.kind) {
        Some(ParameterType::Options { options, .. }) => {
            let several: Vec<&str> = options.iter().take(2).map(String::as_str).collect();
            format!("say several at once: `--{name}={}`", several.join(","))
        }
        Some(_) | None => format!("keep one of them: `--{name}` has one value"),
    };
    usage(format!("--{name} is said twice")).hint(hint)
}

/// `-` and `_` are the same in the name of a parameter.
fn is_called(parameter: &ParameterDefinition, name: &str) -> bool {
    parameter.name == name || parameter.name.replace('_', "-") == name.replace('_', "-")
}

/// Whether the next word is the value of an option.
fn takes(name: &str, next: &str, command: &CommandView) -> bool {
    let is_switch = matches!(name, "dry-run" | "dry_run" | "no-wait" | "no_wait" | "json")
        || command
            .parameters
            .iter()
            .any(|known| is_called(known, name) && known.kind == ParameterType::Boolean);
    match is_switch {
        true => matches!(next, "true" | "false"),
        false => !next.starts_with("--"),
    }
}

fn switch(name: &str, value: Option<&str>) -> Result<bool, CommandError> {
    match value {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(usage(format!("--{name} is true or false"))),
    }
}

/// The secret that `@FILE` or `@-` stands for.
pub(super) fn secret_from(context: &Context, name: &str, said: &str) -> Result<String, CommandError> {
    let Some(path) = said.strip_prefix('@') else {
        let error = usage(format!(
            "--{name} is secret, and what is said here can be read by other programs"
        ));
        return Err(error.hint(format!(
            "say `--{name}=@FILE`, `--{name}=@-` for standard input, or set {}",
            variable(name)
        )));
    };
    let limit = LONGEST_VALUE as u64 + 2;
    let mut text = String::new();
    let read = match path {
        "-" => std::io::stdin().lock().take(limit).read_to_string(&mut text),
        path => std::fs::File::open(context.sources.directory.join(path))
            .and_then(|file| file.take(limit).read_to_string(&mut text)),
    };
    read.map_err(|error| {
        CommandError::new(ErrorKind::Bad, format!("failed to read the secret for --{name}")).caused_by(error)
    })?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn usage(message: String) -> CommandError {
    CommandError::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ParameterSource;

    fn words(line: &[&str]) -> Vec<String> {
        line.iter().map(ToString::to_string).collect()
    }

    fn parameter(name: &str, kind: ParameterType) -> ParameterDefinition {
        ParameterDefinition {
            name: name.to_owned(),
            display_name: None,
            description: String::new(),
            kind,
            pattern: None,
            valid_input: None,
            required: false,
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

    fn command() -> CommandView {
        CommandView {
            name: "bump".to_owned(),
            description: String::new(),
            intents: Vec::new(),
            tags: Vec::new(),
            parameters: vec![
                parameter("level", ParameterType::String),
                parameter("dry_cleaning", ParameterType::Boolean),
                parameter(
                    "where",
                    ParameterType::Options {
                        options: words(&["eu", "us"]),
                        multiple: true,
                    },
                ),
            ],
            does: "run".to_owned(),
            on_repositories: true,
            dry_run: false,
        }
    }

    fn read(line: &[&str]) -> Result<Said, String> {
        Said::read(&words(line), &command())
            .map_err(|error| error.render(&super::super::super::super::theme::Theme::plain()))
    }

    #[test]
    fn words_end_where_options_begin() {
        let spoken = Spoken::of(&words(&["bump", "the version", "--level", "minor", "--help"]));
        assert_eq!(spoken.words, words(&["bump", "the version"]));
        assert_eq!(spoken.rest, words(&["--level", "minor"]));
        assert!(spoken.wants_help);
    }

    #[test]
    fn options_have_values_beside_them_or_after_an_equals_sign() {
        let said = read(&[
            "--level",
            "-1",
            "--targets.repos=^a",
            "--dry-run",
            "--dry-cleaning",
            "--json",
        ])
        .unwrap();
        assert_eq!(
            Value::Object(said.parameters),
            json!({"level": "-1", "dry_cleaning": true})
        );
        assert_eq!((said.dry_run, said.json, said.no_wait), (Some(true), true, false));
        assert_eq!(said.targets.repos.as_deref(), Some("^a"));
        let said = read(&["--level=a=b", "--dry-run", "false", "--dry-cleaning=no"]).unwrap();
        assert_eq!(
            Value::Object(said.parameters),
            json!({"level": "a=b", "dry_cleaning": "no"})
        );
        assert_eq!(said.dry_run, Some(false));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert!(read(&["--level"]).unwrap_err().contains("--level needs a value"));
        assert!(
            read(&["--level", "--dry-run"])
                .unwrap_err()
                .contains("--level needs a value")
        );
        assert!(
            read(&["--level", "a", "b"])
                .unwrap_err()
                .contains("`b` is said after")
        );
        insta::assert_snapshot!(read(&["--level=a", "--level=b"]).unwrap_err(), @"
        error: --level is said twice
        hint: keep one of them: `--level` has one value
        ");
        insta::assert_snapshot!(read(&["--where=eu", "--where", "us"]).unwrap_err(), @"
        error: --where is said twice
        hint: say several at once: `--where=eu,us`
        ");
        insta::assert_snapshot!(read(&["--where"]).unwrap_err(), @"
        error: --where needs a value
        hint: write `--where=VALUE`: some of eu, us, with `,` between them
        ");
        assert!(
            read(&["--targets.repo=a", "--targets.repo=b"])
                .unwrap_err()
                .contains("twice")
        );
        assert!(read(&["--targets.repo"]).unwrap_err().contains("needs a value"));
    }
}
