//! Commands that are said by a pattern alone and use what it matched: asked for by their name they have nothing to use
//! (semantics 5.1, CM-03).

use serde_json::Value;

use crate::model::{CommandDefinition, CommandWork, Intent};
use crate::spec::placeholder::Template;

/// The pattern that must be said, where the command cannot do without what it matches.
pub(super) fn pattern_needed(command: &CommandDefinition) -> Option<&str> {
    let mut patterns = command.intents.iter().map(|intent| match intent {
        Intent::Pattern(pattern) => Some(pattern.as_str()),
        Intent::Words(_) => None,
    });
    let first = patterns.next()??;
    (patterns.all(|pattern| pattern.is_some()) && uses_matches(&command.work)).then_some(first)
}

fn uses_matches(work: &CommandWork) -> bool {
    match work {
        CommandWork::Run(run) => run
            .argv
            .iter()
            .chain(run.environment.values())
            .any(|text| needs(text)),
        CommandWork::Goal(work) => any_needs(&work.arguments),
    }
}

fn any_needs(value: &Value) -> bool {
    match value {
        Value::String(text) => needs(text),
        Value::Array(items) => items.iter().any(any_needs),
        Value::Object(entries) => entries.values().any(any_needs),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn needs(text: &str) -> bool {
    Template::parse(text).is_ok_and(|template| template.needs("matches"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{RunDefinition, Work};

    fn command(intents: &[Intent], work: CommandWork) -> CommandDefinition {
        CommandDefinition {
            name: "deploy".to_owned(),
            description: String::new(),
            intents: intents.to_vec(),
            tags: Vec::new(),
            parameters: Vec::new(),
            place: crate::model::Place {
                file: "a.yaml".into(),
                line: 1,
                column: 1,
            },
            targets: None,
            work,
            dry_run: false,
        }
    }

    fn run(argv: &[&str]) -> CommandWork {
        CommandWork::Run(RunDefinition {
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            environment: Default::default(),
            timeout: 1,
            grace: 1,
        })
    }

    #[test]
    fn cm_03_a_command_that_uses_what_its_pattern_matches_is_not_asked_for_by_its_name() {
        let pattern = || Intent::Pattern("^deploy (.+)$".to_owned());
        let words = || Intent::Words("deploy".to_owned());
        let needed = |intents: &[Intent], work| pattern_needed(&command(intents, work)).map(str::to_owned);
        let deploy = || run(&["deploy", "${matches.1}"]);
        assert_eq!(needed(&[pattern()], deploy()).as_deref(), Some("^deploy (.+)$"));
        assert_eq!(needed(&[pattern(), words()], deploy()), None);
        assert_eq!(needed(&[words(), pattern()], deploy()), None);
        assert_eq!(needed(&[], deploy()), None);
        assert_eq!(needed(&[pattern()], run(&["deploy", "${matches.1:all}"])), None);
        let work = |text: &str| {
            CommandWork::Goal(Work {
                kind: "transform".to_owned(),
                arguments: json!({"steps": [{"run": ["x", text]}]}),
            })
        };
        assert!(needed(&[pattern()], work("${matches.1}")).is_some());
        assert_eq!(needed(&[pattern()], work("${parameters.x}")), None);
    }
}
