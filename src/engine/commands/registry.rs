//! Which command somebody means by what they say (semantics 5.1).

use regex::Regex;

use crate::model::suggest;
use crate::model::{CommandDefinition, Intent};

/// A command that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Meant<'a, C> {
    /// It.
    pub command: &'a C,
    /// Groups of its pattern; the first is everything it matched. Empty when words were said.
    pub matches: Vec<String>,
}

/// Something that is called and said like a command.
pub trait Called {
    /// Its name.
    fn name(&self) -> &str;
    /// What people say.
    fn intents(&self) -> &[Intent];
}

impl Called for CommandDefinition {
    fn name(&self) -> &str {
        &self.name
    }

    fn intents(&self) -> &[Intent] {
        &self.intents
    }
}

/// The command that is meant: by its words, exactly and with any space between them; else by the first pattern that
/// matches everything said; else by its name.
pub fn find<'a, C: Called>(commands: &'a [C], words: &[String], everything: &str) -> Option<Meant<'a, C>> {
    let said = spaced(words);
    let by_words = commands.iter().find(|command| {
        let is_said = |intent: &Intent| matches!(intent, Intent::Words(words) if *words == said);
        command.intents().iter().any(is_said)
    });
    let of_words = |command| Meant {
        command,
        matches: Vec::new(),
    };
    by_words
        .map(of_words)
        .or_else(|| by_pattern(commands, everything))
        .or_else(|| {
            commands
                .iter()
                .find(|command| command.name() == said)
                .map(of_words)
        })
}

fn by_pattern<'a, C: Called>(commands: &'a [C], everything: &str) -> Option<Meant<'a, C>> {
    commands.iter().find_map(|command| {
        let matches = command.intents().iter().find_map(|intent| match intent {
            Intent::Words(_) => None,
            Intent::Pattern(pattern) => groups(pattern, everything),
        })?;
        Some(Meant { command, matches })
    })
}

/// Patterns are checked when they are read; one that does not compile matches nothing.
fn groups(pattern: &str, text: &str) -> Option<Vec<String>> {
    let captures = Regex::new(pattern).ok()?.captures(text)?;
    let text_of =
        |group: Option<regex::Match<'_>>| group.map(|group| group.as_str().to_owned()).unwrap_or_default();
    Some(captures.iter().map(text_of).collect())
}

/// Words with one space between them.
pub fn spaced(words: &[String]) -> String {
    let all = words.iter().flat_map(|word| word.split_whitespace());
    all.collect::<Vec<_>>().join(" ")
}

/// What somebody probably meant to say.
pub fn nearest<C: Called>(commands: &[C], words: &[String]) -> Option<String> {
    let said = spaced(words);
    let known = commands.iter().flat_map(|command| {
        let intents = command.intents().iter().filter_map(|intent| match intent {
            Intent::Words(words) => Some(words.as_str()),
            Intent::Pattern(_) => None,
        });
        intents.chain([command.name()])
    });
    suggest::nearest(&said, known).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(&'static str, Vec<Intent>);

    impl Called for Fake {
        fn name(&self) -> &str {
            self.0
        }

        fn intents(&self) -> &[Intent] {
            &self.1
        }
    }

    fn commands() -> Vec<Fake> {
        vec![
            Fake("bump", vec![Intent::Words("bump version".to_owned())]),
            Fake("bump all", vec![Intent::Words("bump".to_owned())]),
            Fake(
                "deploy",
                vec![Intent::Pattern("^deploy (\\w+) to (\\w+)$".to_owned())],
            ),
        ]
    }

    fn meant(words: &[&str]) -> Option<(&'static str, Vec<String>)> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let everything = words.join(" ");
        find(&commands(), &words, &everything).map(|meant| (meant.command.0, meant.matches))
    }

    #[test]
    fn words_are_exact_and_any_space_stands_between_them() {
        assert_eq!(meant(&["bump", "version"]), Some(("bump", Vec::new())));
        assert_eq!(meant(&["bump   version"]), Some(("bump", Vec::new())));
        assert_eq!(
            meant(&["bump"]),
            Some(("bump all", Vec::new())),
            "words come before names"
        );
        assert_eq!(meant(&["Bump", "version"]), None);
        assert_eq!(meant(&["bump", "version", "now"]), None);
        assert_eq!(meant(&["bump", "all"]), Some(("bump all", Vec::new())));
    }

    #[test]
    fn cm_03_the_groups_of_a_pattern_are_available() {
        let groups = ["deploy shop to production", "shop", "production"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(
            meant(&["deploy", "shop", "to", "production"]),
            Some(("deploy", groups))
        );
    }
}
