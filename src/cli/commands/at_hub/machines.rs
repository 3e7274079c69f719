//! `sdm show machines --hub` and `sdm show commands --hub`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::error::CommandError;
use super::super::super::text::{neutralise, plural};
use super::super::super::theme::{Role, Theme};
use super::{hub, text};

fn listed(context: &Context) -> Result<Value, CommandError> {
    let hub = hub(context)?;
    let workspace = hub.workspace().to_owned();
    let listed = context
        .ui
        .while_waiting("asking the hub", || hub.get(&["machines", &workspace], &[]));
    Ok(listed?)
}

/// Machines that registered, newest registration last.
pub(in super::super) fn machines(context: &mut Context) -> CommandResult {
    let listed = listed(context)?;
    if context.ui.json {
        context.ui.object(&listed)?;
        return Ok(Exit::Ok);
    }
    let machines = listed["machines"].as_array().cloned().unwrap_or_default();
    if machines.is_empty() {
        context.ui.note("no machine has registered");
    } else {
        let shown: String = machines
            .iter()
            .map(|one| machine(&context.ui.theme, one))
            .collect();
        context.ui.data(&shown)?;
    }
    Ok(Exit::Ok)
}

fn machine(theme: &Theme, machine: &Value) -> String {
    let standing = match (&machine["connected"], &machine["served"]) {
        (Value::Bool(true), Value::Bool(true)) => "connected".to_owned(),
        (Value::Bool(true), _) => theme.paint(Role::Waiting, "connected, but another version is served"),
        _ => theme.paint(Role::Bad, "not connected"),
    };
    let mut line = format!(
        "{}  {}  {}  {standing}",
        theme.paint(Role::Strong, &neutralise(&text(machine, "/name"))),
        neutralise(&text(machine, "/version")),
        neutralise(&text(machine, "/policy")),
    );
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let commands = small(machine["commands"].as_array().map_or(0, Vec::len) as u64);
    let subscriptions = small(machine["subscriptions"].as_u64().unwrap_or(0));
    let _ = write!(
        line,
        "  {commands} {}, {subscriptions} {}",
        plural(commands, "command", "commands"),
        plural(subscriptions, "subscription", "subscriptions")
    );
    for (field, word) in [
        ("waiting", "wait"),
        ("sent", "are being worked on"),
        ("dead", "were given up"),
    ] {
        let count = machine[field].as_u64().unwrap_or(0);
        if count > 0 {
            let _ = write!(line, ", {count} {word}");
        }
    }
    line.push('\n');
    line
}

fn all_commands(context: &Context) -> Result<Vec<Value>, CommandError> {
    let listed = listed(context)?;
    let machines = listed["machines"].as_array().cloned().unwrap_or_default();
    let served = machines.iter().filter(|machine| machine["served"] == true);
    Ok(served.flat_map(of_machine).collect())
}

/// Commands that have this name, or are meant by these words, of one machine where it is named.
pub(in super::super) fn called(
    context: &Context,
    said: &str,
    machine: Option<&str>,
) -> Result<Vec<Value>, CommandError> {
    let mut all = all_commands(context)?;
    all.retain(|command| is_called(command, said) && machine.is_none_or(|name| command["machine"] == name));
    Ok(all)
}

fn is_called(command: &Value, said: &str) -> bool {
    let mut intents = command["intents"].as_array().into_iter().flatten();
    command["name"] == said || intents.any(|words| *words == said)
}

/// A command with what it takes.
pub(in super::super) fn explained(theme: &Theme, one: &Value) -> String {
    let mut text = command(theme, one);
    for parameter in one["parameters"].as_array().into_iter().flatten() {
        text.push_str(&parameter_line(parameter));
    }
    text
}

fn parameter_line(parameter: &Value) -> String {
    let mut line = format!("  --{}", neutralise(&text(parameter, "/name")));
    if parameter["required"] == true {
        line.push_str("  required");
    }
    let description = text(parameter, "/description");
    if !description.is_empty() {
        let _ = write!(line, "  {}", neutralise(&description));
    }
    line.push('\n');
    line
}

/// Commands of all machines that are served.
pub(in super::super) fn commands(context: &mut Context) -> CommandResult {
    let commands = all_commands(context)?;
    if context.ui.json {
        context.ui.object(&json!({ "commands": commands }))?;
        return Ok(Exit::Ok);
    }
    if commands.is_empty() {
        context.ui.note("no machine there has a command");
    } else {
        let shown: String = commands
            .iter()
            .map(|one| command(&context.ui.theme, one))
            .collect();
        context.ui.data(&shown)?;
    }
    Ok(Exit::Ok)
}

fn of_machine(machine: &Value) -> Vec<Value> {
    let commands = machine["commands"].as_array().cloned().unwrap_or_default();
    let named = |mut command: Value| {
        command["machine"] = machine["name"].clone();
        command
    };
    commands.into_iter().map(named).collect()
}

fn command(theme: &Theme, command: &Value) -> String {
    let intents = command["intents"].as_array().cloned().unwrap_or_default();
    // Expressions help nobody who wants to know what to say.
    let mut words = intents
        .iter()
        .filter_map(Value::as_str)
        .filter(|words| !words.starts_with('^'));
    let name = text(command, "/name");
    let said = words.next().unwrap_or(&name);
    let description = text(command, "/description");
    let mut line = format!(
        "{}  {}",
        theme.paint(Role::Strong, &neutralise(said)),
        theme.paint(Role::Dim, &neutralise(&text(command, "/machine")))
    );
    if !description.is_empty() {
        let _ = write!(line, "  {}", neutralise(&description));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_and_their_commands_are_lines() {
        let one = json!({
            "name": "sdm", "version": "1.0.0", "policy": "durable", "connected": true, "served": true, "subscriptions": 1,
            "waiting": 2, "sent": 0, "dead": 0,
            "commands": [{"name": "bump", "description": "Bump the version", "intents": ["^x$", "bump version"]}]
        });
        let theme = Theme::plain();
        insta::assert_snapshot!(machine(&theme, &one), @"sdm  1.0.0  durable  connected  1 command, 1 subscription, 2 wait");
        let commands: String = of_machine(&one).iter().map(|one| command(&theme, one)).collect();
        insta::assert_snapshot!(commands, @"bump version  sdm  Bump the version");
        let mut bump = of_machine(&one).remove(0);
        assert!(is_called(&bump, "bump") && is_called(&bump, "bump version") && !is_called(&bump, "bum"));
        bump["parameters"] = json!([
            {"name": "level", "description": "How much", "required": true}, {"name": "code", "required": false}
        ]);
        insta::assert_snapshot!(explained(&theme, &bump), @"
        bump version  sdm  Bump the version
          --level  required  How much
          --code
        ");
    }
}
