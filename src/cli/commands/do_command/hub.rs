//! `sdm do --hub`: a command of some machine, by way of the hub.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::doors;
use super::super::super::error::{CommandError, ErrorKind};
use super::super::super::text::neutralise_log;
use super::super::at_hub;
use super::said::{Spoken, secret_from};
use crate::daemon::team::asking::{Heard, HubAsk};

/// Asks for it, shows what the machine says, and ends as the command did.
pub(super) fn ask(context: &mut Context, raw: &[String], machine: Option<String>) -> CommandResult {
    let spoken = Spoken::of(raw);
    if spoken.words.is_empty() {
        return Err(
            CommandError::new(ErrorKind::Usage, "which command?").hint("sdm do --hub NAME --parameter value")
        );
    }
    let mut ask = HubAsk {
        said: spoken.words.join(" "),
        machine,
        ..HubAsk::default()
    };
    if spoken.wants_help {
        return help(context, &ask, &spoken.rest);
    }
    read(&spoken.rest, &mut ask, &mut context.ui.json)?;
    take_files(context, &mut ask)?;
    let configuration = context.configuration()?;
    let mut lines = Vec::new();
    let ui = &context.ui;
    let asked = doors::ask_hub(&configuration, &ask, &mut |heard| match heard {
        Heard::Message(text) => lines.push(text.to_owned()),
        Heard::Progress(text) => ui.progress(text),
        Heard::Away { because, patience } => {
            ui.progress_is_over();
            ui.note(&away(because, patience));
        }
        Heard::Back => ui.note("the hub is back"),
    });
    ui.progress_is_over();
    let answer = asked?;
    if context.ui.json {
        context.ui.object(&answer.shown)?;
    } else {
        for line in &lines {
            context.ui.data(&format!("{}\n", neutralise_log(line, false)))?;
        }
        context
            .ui
            .note(&words(&answer.phase, answer.reason.as_deref(), &answer.id));
    }
    Ok(match answer.phase.as_str() {
        "FAILURE" | "ASKING" => Exit::Bad,
        _ => Exit::Ok,
    })
}

fn away(because: &str, patience: Duration) -> String {
    let minutes = patience.as_secs() / 60;
    format!(
        "the hub is away ({because}); the command goes on, and the hub is asked again for {minutes} minutes"
    )
}

/// What the hub knows of what the command takes. Nothing is asked of its machine.
fn help(context: &mut Context, ask: &HubAsk, rest: &[String]) -> CommandResult {
    context.ui.json |= rest.iter().any(|word| word == "--json");
    let found = at_hub::called(context, &ask.said, ask.machine.as_deref())?;
    if found.is_empty() {
        return Err(unknown(&ask.said));
    }
    if context.ui.json {
        context.ui.object(&json!({ "commands": found }))?;
        return Ok(Exit::Ok);
    }
    let theme = &context.ui.theme;
    let text: String = found.iter().map(|one| at_hub::explained(theme, one)).collect();
    context.ui.data(&text)?;
    Ok(Exit::Ok)
}

fn unknown(said: &str) -> CommandError {
    let said: String = said.chars().take(80).collect();
    let message = format!("no machine at the hub has a command `{said}`");
    CommandError::new(ErrorKind::Usage, message).hint("`sdm show commands --hub` lists those there are")
}

/// Whether a parameter of one of these may be shown again; nothing where that is not known.
fn is_shown(commands: &[Value], name: &str) -> Option<bool> {
    let all = commands
        .iter()
        .flat_map(|command| command["parameters"].as_array());
    let own = all.flatten().find(|parameter| parameter["name"] == name)?;
    own["displayable"].as_bool()
}

/// Reads the files that stand for parameters that are not to be shown: `@FILE`.
fn take_files(context: &Context, ask: &mut HubAsk) -> Result<(), CommandError> {
    if ask.parameters.iter().all(|(_, value)| !value.starts_with('@')) {
        return Ok(());
    }
    let commands = at_hub::called(context, &ask.said, ask.machine.as_deref())?;
    let files = ask
        .parameters
        .iter_mut()
        .filter(|(_, value)| value.starts_with('@'));
    for (name, value) in files {
        match is_shown(&commands, name) {
            Some(true) => {}
            Some(false) => *value = secret_from(context, name, value)?,
            None => return Err(not_known(name)),
        }
    }
    Ok(())
}

fn not_known(name: &str) -> CommandError {
    let name: String = name.chars().take(80).collect();
    let message = format!("whether --{name} is a secret, whose value is in a file, is not known here");
    CommandError::new(ErrorKind::Usage, message)
        .hint("name the command as `sdm show commands --hub` does, and the machine with `--machine`")
}

fn words(phase: &str, reason: Option<&str>, id: &str) -> String {
    match (phase, reason) {
        ("ASKING", _) => "the machine wants more parameters".to_owned(),
        ("SUCCESS" | "FAILURE", Some(reason)) => reason.to_owned(),
        _ => format!("it is on its way: {id}"),
    }
}

/// Options without knowing the command: the hub and the machine judge them.
fn read(rest: &[String], ask: &mut HubAsk, json: &mut bool) -> Result<(), CommandError> {
    let mut words = rest.iter().peekable();
    while let Some(word) = words.next() {
        let option = word.strip_prefix("--").filter(|option| !option.is_empty());
        let option = option.ok_or_else(|| {
            let message = format!("`{word}` is said after the options; words come first");
            CommandError::new(ErrorKind::Usage, message)
        })?;
        match option {
            "json" => *json = true,
            "no-wait" | "no_wait" => ask.no_wait = true,
            _ => {
                let (name, value) = match option.split_once('=') {
                    Some((name, value)) => (name, value.to_owned()),
                    None => {
                        let value = words.next_if(|next| !next.starts_with("--"));
                        (option, value.cloned().unwrap_or_else(|| "true".to_owned()))
                    }
                };
                ask.parameters.push((name.to_owned(), value));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_parameter_is_a_secret_is_known_from_the_hub() {
        let parameters = json!([{"name": "code", "displayable": false}, {"name": "who", "displayable": true}, {"name": "old"}]);
        let commands = [json!({ "parameters": parameters }), json!({})];
        let known = ["code", "who", "old", "other"].map(|name| is_shown(&commands, name));
        assert_eq!(known, [Some(false), Some(true), None, None]);
    }

    #[test]
    fn options_are_read_without_knowing_the_command() {
        let rest = ["--name", "jess", "--level=minor", "--loud", "--no-wait"].map(str::to_owned);
        let (mut ask, mut json) = (HubAsk::default(), false);
        read(&rest, &mut ask, &mut json).unwrap();
        let given: Vec<(&str, &str)> = ask
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(given, [("name", "jess"), ("level", "minor"), ("loud", "true")]);
        assert!(ask.no_wait && !json);
        assert!(read(&["late".to_owned()], &mut ask, &mut json).is_err());
    }
}
