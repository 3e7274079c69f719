//! Commands of goal files as a tree of words (LO-09): those with the same first words share them; what is there already,
//! or is called like a command of the program, is left out politely and can still be said in full.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction};

use crate::model::{Intent, ParameterDefinition, ParameterType};
use crate::wire::commands::CommandView;

/// What follows after some words.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    /// The command that these words are.
    pub(super) command: Option<&'a CommandView>,
    /// Further words.
    pub(super) next: BTreeMap<&'a str, Tree<'a>>,
}

impl<'a> Tree<'a> {
    /// The tree of all intents that are words; the first of two with the same words stays.
    pub(super) fn of(commands: &'a [CommandView]) -> Self {
        let mut tree = Self::default();
        for command in commands {
            for intent in &command.intents {
                let Intent::Words(words) = intent else { continue };
                let mut place = &mut tree;
                for word in words.split(' ') {
                    place = place.next.entry(word).or_default();
                }
                place.command.get_or_insert(command);
            }
        }
        tree
    }
}

/// The program's command line with the commands of goal files in it: below `do`, and at top level where the name is free.
pub(in crate::cli::commands) fn with_commands(
    program: clap::Command,
    commands: &[CommandView],
) -> clap::Command {
    let tree = Tree::of(commands);
    let taken: Vec<String> = program
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut program = program.mut_subcommand("do", |mut own| {
        for (word, below) in &tree.next {
            own = own.subcommand(subcommand(word, below));
        }
        own
    });
    for (word, below) in tree
        .next
        .iter()
        .filter(|(word, _)| !taken.iter().any(|taken| taken == *word))
    {
        program = program.subcommand(subcommand(word, below));
    }
    program
}

fn subcommand(word: &str, tree: &Tree<'_>) -> clap::Command {
    let mut command = clap::Command::new(word.to_owned()).disable_help_subcommand(true);
    if let Some(own) = tree.command {
        command = command.about(own.description.clone());
        for parameter in own
            .parameters
            .iter()
            .filter(|parameter| parameter.is_given() && parameter.displayable)
        {
            command = command.arg(argument(parameter));
        }
    }
    for (word, below) in &tree.next {
        command = command.subcommand(subcommand(word, below));
    }
    command
}

fn argument(parameter: &ParameterDefinition) -> Arg {
    let argument = Arg::new(parameter.name.clone())
        .long(parameter.name.clone())
        .help(parameter.description.clone());
    match &parameter.kind {
        ParameterType::Boolean => argument.action(ArgAction::SetTrue),
        ParameterType::Options { options, .. } => argument.value_parser(options.clone()),
        ParameterType::String | ParameterType::Number => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str, words: &[&str]) -> CommandView {
        CommandView {
            name: name.to_owned(),
            description: format!("does {name}"),
            intents: words
                .iter()
                .map(|words| Intent::Words((*words).to_owned()))
                .collect(),
            tags: Vec::new(),
            parameters: Vec::new(),
            does: "run".to_owned(),
            on_repositories: false,
            dry_run: false,
        }
    }

    fn names(command: &clap::Command) -> Vec<&str> {
        command.get_subcommands().map(clap::Command::get_name).collect()
    }

    #[test]
    fn lo_09_words_are_shared_duplicates_are_dropped_and_children_survive() {
        let commands = [
            command("one", &["create", "show everything"]),
            command("two", &["create service", "create library"]),
            command("three", &["create service"]),
        ];
        let program = clap::Command::new("sdm")
            .subcommand(clap::Command::new("show"))
            .subcommand(clap::Command::new("do"));
        let program = with_commands(program, &commands);
        program.clone().debug_assert();
        assert_eq!(
            names(&program),
            ["show", "do", "create"],
            "what the program has stays the program's"
        );
        let create = program.find_subcommand("create").unwrap();
        assert_eq!(create.get_about().unwrap().to_string(), "does one");
        assert_eq!(names(create), ["library", "service"]);
        let service = create.find_subcommand("service").unwrap();
        assert_eq!(
            service.get_about().unwrap().to_string(),
            "does two",
            "the first one stays"
        );
        assert_eq!(names(program.find_subcommand("do").unwrap()), ["create", "show"]);
    }
}
