//! `sdm do --hub`: a command of some machine, by way of the hub.

use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::doors;
use super::super::super::error::{CommandError, ErrorKind};
use super::super::super::text::neutralise_log;
use super::said::Spoken;
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
    read(&spoken.rest, &mut ask, &mut context.ui.json)?;
    let configuration = context.configuration()?;
    let mut lines = Vec::new();
    let ui = &context.ui;
    let asked = doors::ask_hub(&configuration, &ask, &mut |heard| match heard {
        Heard::Message(text) => lines.push(text.to_owned()),
        Heard::Progress(text) => ui.progress(text),
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
