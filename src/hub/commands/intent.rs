//! Which command of which machine somebody means by what they say (wire protocol 2, `intent`; semantics 5.1).

use std::sync::Arc;

use regex::RegexBuilder;

use super::super::machines::known::Machine;
use crate::model::suggest;
use crate::wire::hub::Command;

/// Largest expression in bytes, once it is ready to be used.
const LARGEST: usize = 1024 * 1024;

/// A command and the machine that has it.
pub(super) type Offer = (Arc<Machine>, Command);

/// How somebody said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Words,
    Expression,
    Name,
}

/// Commands that are meant: by their words, else by an expression that matches everything said, else by their name. An empty
/// list when none is; several when several machines understand it.
pub(super) fn meant(offers: &[Offer], said: &str) -> Vec<Offer> {
    let said = spaced(said);
    for by in [By::Words, By::Expression, By::Name] {
        let found: Vec<Offer> = offers
            .iter()
            .filter(|(_, command)| is_meant(command, &said, by))
            .cloned()
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// What somebody probably meant to say.
pub(super) fn nearest(offers: &[Offer], said: &str) -> Option<String> {
    let known = offers.iter().flat_map(|(_, command)| {
        let words = command.intent.iter().filter(|intent| !is_expression(intent));
        words.map(String::as_str).chain([command.name.as_str()])
    });
    suggest::nearest(&spaced(said), known).map(str::to_owned)
}

fn is_meant(command: &Command, said: &str, by: By) -> bool {
    match by {
        By::Words => {
            let mut words = command.intent.iter().filter(|intent| !is_expression(intent));
            words.any(|intent| spaced(intent) == said)
        }
        By::Expression => {
            let mut expressions = command.intent.iter().filter(|intent| is_expression(intent));
            expressions.any(|expression| matches(expression, said))
        }
        By::Name => command.name == said,
    }
}

/// There is no flag: an expression begins with `^` and ends with `$`.
fn is_expression(intent: &str) -> bool {
    intent.starts_with('^') && intent.ends_with('$')
}

/// Expressions are of JavaScript; one that this program does not know matches nothing.
fn matches(expression: &str, said: &str) -> bool {
    // Any character, a line end included, as the original's wrapping writes it.
    let expression = expression.replace("[\\s\\S]", "(?s:.)");
    let compiled = RegexBuilder::new(&expression).size_limit(LARGEST).build();
    compiled.is_ok_and(|expression| expression.is_match(said))
}

fn spaced(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str, intents: &[&str]) -> Command {
        let value = serde_json::json!({"name": name, "intent": intents});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn words_come_before_expressions_and_those_before_names() {
        let bump = command("Bump", &["bump  version", "^[\\s\\S]*raise ([a-z]+)[\\s\\S]*$"]);
        assert!(is_meant(&bump, "bump version", By::Words));
        assert!(!is_meant(&bump, "Bump version", By::Words));
        assert!(is_meant(&bump, "please\nraise minor now", By::Expression));
        assert!(!is_meant(&bump, "raise", By::Expression));
        assert!(is_meant(&bump, "Bump", By::Name));
        let strange = command("x", &["^(?<=a)b$", "^(a+)+$"]);
        assert!(
            !is_meant(&strange, "b", By::Expression),
            "what is not known matches nothing"
        );
        assert!(
            is_meant(&strange, &"a".repeat(10_000), By::Expression),
            "and takes no time"
        );
    }
}
