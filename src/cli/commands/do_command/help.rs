//! Help for commands of goal files.

use std::fmt::Write as _;

use serde_json::json;

use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::text::{broken, neutralise, pad, width};
use super::super::super::theme::{Role, Theme};
use super::administration::ALIASES;
use super::registry::Registry;
use crate::kinds::has_dry_run;
use crate::model::{Intent, ParameterDefinition, ParameterSource};
use crate::wire::commands::CommandView;

/// The kind of commands that make repositories.
const GENERATE: &str = "generate";

/// Widest column of what people say.
const WIDEST: usize = 36;

/// Fewest columns for what something is about.
const NARROWEST: usize = 24;

/// An option that belongs to no command in particular.
struct OwnOption {
    option: &'static str,
    about: &'static str,
    /// Which commands take it.
    is_for: fn(&CommandView) -> bool,
}

const fn of_repositories(option: &'static str, about: &'static str) -> OwnOption {
    OwnOption {
        option,
        about,
        is_for: |command| command.on_repositories,
    }
}

/// All of them.
const OWN: &[OwnOption] = &[
    OwnOption {
        option: "--no-wait",
        about: "come back as soon as it is on its way",
        is_for: |_| true,
    },
    of_repositories("--targets.repo", "the repository, instead of the one we stand in"),
    of_repositories("--targets.owner", "all repositories of an owner"),
    of_repositories(
        "--targets.repos",
        "all whose name or owner/name matches a pattern",
    ),
    of_repositories(
        "--targets.branch",
        "the branch; the default branch of each without it",
    ),
    of_repositories("--targets.sha", "the commit; the head of the branch without it"),
    of_repositories(
        "--job.name, --job.description",
        "what the job is called, and what it is for",
    ),
    of_repositories("--job.required", "refuse the command should it be no job"),
    OwnOption {
        option: "--dry-run",
        about: "show what would change, and change nothing",
        is_for: |command| has_dry_run(&command.does),
    },
];

/// What `sdm do --help` says of options that are not its own.
pub(super) fn of_every_command() -> String {
    let column = OWN.iter().map(|own| own.option.len()).max().unwrap_or(0);
    let mut text = "Behind the words, beside the parameters of the command:\n".to_owned();
    for OwnOption { option, about, .. } in OWN {
        let _ = writeln!(text, "  {}  {about}", pad(option, column));
    }
    text.push_str("`--targets.…` and `--job.…` are for commands on repositories, `--dry-run` for those that can show what they would change.");
    text
}

/// That of a command of the program.
pub(super) fn of_program(context: &mut Context, name: &str) -> CommandResult {
    let mut program = super::super::super::command_line();
    program.build();
    if let Some(own) = program.find_subcommand_mut(name) {
        let text = own.render_long_help().to_string();
        context.ui.data(&text)?;
    }
    Ok(Exit::Ok)
}

/// All commands.
pub(super) fn all(context: &mut Context, registry: &Registry) -> CommandResult {
    if context.ui.json {
        context.ui.object(&json!({ "commands": registry.commands }))?;
    } else {
        let text = commands(&context.ui.theme, &registry.commands);
        context.ui.data(&text)?;
    }
    Ok(Exit::Ok)
}

/// The commands that make repositories.
pub(super) fn generators(context: &mut Context, registry: &Registry) -> CommandResult {
    let makes_repositories = |command: &&CommandView| command.does == GENERATE;
    let found: Vec<&CommandView> = registry.commands.iter().filter(makes_repositories).collect();
    if context.ui.json {
        context.ui.object(&json!({ "commands": found }))?;
        return Ok(Exit::Ok);
    }
    if found.is_empty() {
        context
            .ui
            .note("no command of the goal files makes repositories: that is what `generate` does");
        return Ok(Exit::Ok);
    }
    let mut all: Vec<(String, String)> = found.into_iter().flat_map(rows).collect();
    all.sort();
    let mut text = String::new();
    table(&context.ui.theme, &all, &mut text);
    context.ui.data(&text)?;
    Ok(Exit::Ok)
}

/// One command with everything it needs to know.
pub(super) fn one(context: &mut Context, command: &CommandView) -> CommandResult {
    if context.ui.json {
        context.ui.object(command)?;
    } else {
        let text = command_help(&context.ui.theme, command);
        context.ui.data(&text)?;
    }
    Ok(Exit::Ok)
}

/// The list of commands, and below it the old words for what the program does anyway.
pub(in crate::cli::commands) fn commands(theme: &Theme, commands: &[CommandView]) -> String {
    let mut text = "Usage: sdm do WORDS… [--parameter value]\n\n".to_owned();
    let mut rows: Vec<(String, String)> = commands.iter().flat_map(rows).collect();
    rows.sort();
    if rows.is_empty() {
        text.push_str("The goal files have no commands.\n");
    } else {
        let _ = writeln!(
            text,
            "{}",
            theme.paint(Role::Strong, "Commands of the goal files:")
        );
        table(theme, &rows, &mut text);
    }
    let own: Vec<(String, String)> = ALIASES
        .iter()
        .map(|alias| {
            (
                alias.words.to_owned(),
                format!("{}; also `{}`", alias.help, alias.shown()),
            )
        })
        .collect();
    let _ = writeln!(text, "\n{}", theme.paint(Role::Strong, "Always there:"));
    table(theme, &own, &mut text);
    text.push_str("\n`sdm do WORDS… --help` says what a command needs; `--parameter value` gives it.\n");
    text
}

fn rows(command: &CommandView) -> Vec<(String, String)> {
    let about = match command.on_repositories {
        true => format!("{} (on repositories)", command.description),
        false => command.description.clone(),
    };
    let said = |intent: &Intent| match intent {
        Intent::Words(words) => words.clone(),
        Intent::Pattern(pattern) => format!("/{pattern}/"),
    };
    command
        .intents
        .iter()
        .map(|intent| (said(intent), about.trim().to_owned()))
        .collect()
}

/// Two columns, the second broken into lines where it is wider than there is room.
fn table(theme: &Theme, rows: &[(String, String)], text: &mut String) {
    let column = rows
        .iter()
        .map(|(said, _)| width(said))
        .filter(|width| *width <= WIDEST)
        .max()
        .unwrap_or(0);
    let indent = column + 4;
    let room = theme.width.saturating_sub(indent).max(NARROWEST);
    for (said, about) in rows {
        let said = neutralise(said);
        let mut lines = broken(&neutralise(about), room).into_iter();
        let beside = match width(&said) <= column {
            true => lines.next().unwrap_or_default(),
            // It has a line of its own, and what it is about begins below.
            false => String::new(),
        };
        let said = theme.paint(Role::Active, &pad(&said, column));
        let _ = writeln!(text, "{}", format!("  {said}  {beside}").trim_end());
        for line in lines.filter(|line| !line.is_empty()) {
            let _ = writeln!(text, "{}{line}", " ".repeat(indent));
        }
    }
}

fn command_help(theme: &Theme, command: &CommandView) -> String {
    let mut text = String::new();
    if !command.description.is_empty() {
        let _ = writeln!(text, "{}\n", neutralise(&command.description));
    }
    for (said, _) in rows(command) {
        let _ = writeln!(
            text,
            "{} sdm do {}",
            theme.paint(Role::Strong, "Usage:"),
            neutralise(&said)
        );
    }
    let shown = |parameter: &&ParameterDefinition| parameter.is_given() && parameter.displayable;
    let mut parameters: Vec<&ParameterDefinition> = command.parameters.iter().filter(shown).collect();
    parameters.sort_by_key(|parameter| parameter.order.unwrap_or(i64::MAX));
    if !parameters.is_empty() {
        let _ = writeln!(text, "\n{}", theme.paint(Role::Strong, "Parameters:"));
        let rows: Vec<(String, String)> = parameters.into_iter().map(parameter_row).collect();
        table(theme, &rows, &mut text);
    }
    let own: Vec<(String, String)> = OWN
        .iter()
        .filter(|own| (own.is_for)(command))
        .map(|own| (own.option.to_owned(), own.about.to_owned()))
        .collect();
    let _ = writeln!(text, "\n{}", theme.paint(Role::Strong, "Of every such command:"));
    table(theme, &own, &mut text);
    text
}

fn parameter_row(parameter: &ParameterDefinition) -> (String, String) {
    let mut about = parameter.description.clone();
    let mut add = |text: String| {
        if !about.is_empty() {
            about.push_str("; ");
        }
        about.push_str(&text);
    };
    match parameter.constraint() {
        anything if anything.is_empty() => {}
        constraint => add(constraint),
    }
    match (&parameter.default, parameter.required) {
        (Some(default), _) => add(format!("{} without it", parameter.as_given(default))),
        (None, true) => add("needed".to_owned()),
        (None, false) => {}
    }
    if parameter.source == ParameterSource::Secret {
        add("secret: from a file as @FILE, or asked for".to_owned());
    }
    (format!("--{}", parameter.name), about)
}
