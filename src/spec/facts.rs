//! `facts` of a rule: values computed for a push, each by a CEL expression (semantics 2.7).

use crate::model::definition::FactDefinition;

use super::reader::Reader;
use super::yaml::{Entry, Node};

/// Most facts of one rule.
const MAX_FACTS: usize = 50;

impl Reader<'_, '_> {
    /// The facts of a rule; `None` comes with a problem. Whoever compiles the expressions reports their errors.
    pub(crate) fn facts(&mut self, node: Option<&Node>) -> Option<Vec<FactDefinition>> {
        let Some(node) = node else {
            return Some(Vec::new());
        };
        let Some(entries) = node.entries() else {
            let message = format!("`facts` must be a map, and this is {}", node.what());
            let hint = "write `name: expression` for each, indented below it";
            self.problems().error_with_hint("wrong_type", node, message, hint);
            return None;
        };
        if entries.len() > MAX_FACTS {
            let message = format!("a rule attaches at most {MAX_FACTS} facts");
            self.problems().error("too_many_facts", node, message);
            return None;
        }
        let facts: Vec<Option<FactDefinition>> = entries.iter().map(|entry| self.fact(entry)).collect();
        facts.into_iter().collect()
    }

    fn fact(&mut self, entry: &Entry) -> Option<FactDefinition> {
        let name = entry.name();
        if !is_name(name) {
            let message = "the name of a fact has letters, digits and `_`, and does not begin with a digit";
            self.problems().error("invalid_name", &entry.key, message);
            return None;
        }
        let what = format!("the fact `{name}`");
        let expression = self.checker.plain_text(&entry.value, &what)?;
        let hint = "name the fact without `${` and `}`, such as `push.branch`";
        self.checker.warn_about_facts(&entry.value, &what, hint);
        Some(FactDefinition {
            name: name.to_owned(),
            expression: expression.to_owned(),
            place: entry.value.place.clone(),
        })
    }
}

/// Whether a word can stand in an expression after a dot.
pub(crate) fn is_name(word: &str) -> bool {
    let mut characters = word.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && word.len() <= 100
}
