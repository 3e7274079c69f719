//! The original's intents for what the program does under other names (semantics 5.8).

use std::collections::HashSet;
use std::ffi::OsString;

use clap::Parser;

use super::super::super::Cli;
use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::error::{CommandError, ErrorKind};
use crate::wire::control::{Act, GoalChoice, Request};

/// An intent and the command line it stands for.
pub(super) struct Alias {
    pub(super) words: &'static str,
    pub(super) help: &'static str,
    line: &'static [&'static str],
}

impl Alias {
    /// The command of the program.
    pub(super) fn command(&self) -> &'static str {
        self.line.first().copied().unwrap_or_default()
    }

    /// The command line, for people.
    pub(super) fn shown(&self) -> String {
        format!("sdm {}", self.line.join(" "))
    }
}

const fn alias(words: &'static str, line: &'static [&'static str], help: &'static str) -> Alias {
    Alias { words, help, line }
}

/// The intent that ends everything that has not ended.
const CANCEL_ALL: &str = "cancel goal sets";

/// Every one of them.
pub(super) const ALIASES: &[Alias] = &[
    alias(
        "reset goals",
        &["reset"],
        "plan a push anew and set its goals again",
    ),
    alias(
        "plan goals",
        &["reset"],
        "plan a push anew and set its goals again",
    ),
    alias("set goal state", &["set"], "set the state of a goal by hand"),
    alias(
        "list goal sets",
        &["goals", "--all", "--active"],
        "goal sets that have not ended",
    ),
    alias(
        CANCEL_ALL,
        &["cancel"],
        "end one goal set by its id, or all that have not ended",
    ),
    alias(
        "describe sdm",
        &["show", "machines"],
        "machines that run here, with what they watch",
    ),
    alias(
        "list generators",
        &["show", "commands", "--generators"],
        "what makes repositories",
    ),
];

/// The alias that words begin with, and the words behind it.
pub(super) fn meant(words: &[String]) -> Option<(&'static Alias, &[String])> {
    ALIASES.iter().find_map(|alias| {
        let own: Vec<&str> = alias.words.split(' ').collect();
        let begins = words.len() >= own.len() && own.iter().zip(words).all(|(own, word)| own == word);
        begins.then(|| (alias, &words[own.len()..]))
    })
}

/// Does what the alias stands for. The name of the machine may follow, as it did in the original.
pub(super) fn run(
    context: &mut Context,
    alias: &Alias,
    words: &[String],
    options: &[String],
) -> CommandResult {
    let name = context.configuration()?.name;
    let words: Vec<&String> = words.iter().filter(|word| **word != name).collect();
    // For this command itself, not for the one it stands for, whose options are read from scratch.
    let (json, options): (Vec<&String>, Vec<&String>) =
        options.iter().partition(|option| *option == "--json");
    context.ui.json |= !json.is_empty();
    if alias.words == CANCEL_ALL && words.is_empty() && options.is_empty() {
        return cancel_all(context);
    }
    let line = std::iter::once("sdm")
        .chain(alias.line.iter().copied())
        .map(OsString::from);
    let rest = words.into_iter().chain(options).map(OsString::from);
    let cli = Cli::try_parse_from(line.chain(rest)).map_err(|error| {
        let text = error.to_string();
        let first = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        CommandError::new(ErrorKind::Usage, first).hint(format!("this is `{}`", alias.shown()))
    })?;
    super::super::run(context, &cli.command)
}

/// Ends every goal set that has not ended, until none is left; each is tried once, so that it comes to an end.
fn cancel_all(context: &mut Context) -> CommandResult {
    let (client, _) = context.daemon()?;
    let mut handled = HashSet::new();
    let mut canceled = Vec::new();
    loop {
        let request = Request::GoalSets {
            repo: None,
            branch: None,
            id: None,
            active: true,
            tag: None,
            limit: 1_000,
            with_not_set: false,
        };
        let pending = context.goal_sets(&client, &request)?;
        let fresh: Vec<String> = pending
            .into_iter()
            .map(|set| set.id)
            .filter(|id| handled.insert(id.clone()))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for id in fresh {
            let goal = GoalChoice {
                id: Some(id),
                ..GoalChoice::default()
            };
            // One that ended meanwhile refuses, and that is as good.
            let request = Request::Act {
                goal,
                act: Act::Cancel,
            };
            canceled.extend(context.goal_sets(&client, &request).unwrap_or_default());
        }
    }
    if canceled.is_empty() && !context.ui.json {
        context.ui.note("no goal set is active");
        return Ok(Exit::Ok);
    }
    super::super::act::show(context, &canceled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_a_command_line_of_the_program() {
        for alias in ALIASES {
            let mut line = vec!["sdm"];
            line.extend(alias.line);
            if alias.words == "set goal state" {
                line.extend(["goal", "success", "--reason", "because"]);
            }
            assert!(Cli::try_parse_from(line).is_ok(), "{}", alias.words);
        }
    }

    #[test]
    fn the_words_behind_an_alias_are_its_arguments() {
        let words: Vec<String> = ["set", "goal", "state", "test", "success"]
            .map(str::to_owned)
            .to_vec();
        let (alias, rest) = meant(&words).unwrap();
        assert_eq!((alias.words, rest), ("set goal state", &words[3..]));
        assert!(meant(&words[..2]).is_none());
    }
}
